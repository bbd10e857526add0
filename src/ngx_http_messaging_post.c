
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_idempotency.h"
#include "ngx_http_messaging_post.h"
#include "ngx_http_messaging_publish.h"
#include "ngx_http_messaging_session.h"


/*
 * The request waits until the broker has answered.  What the broker is given
 * to call is not of the request's pool and outlives it: a request that ends
 * before, since its client has gone or nobody waits any longer, leaves it
 * behind without a request, and the rest of it is published all the same.
 *
 * Only some of many frames are with the broker at a time, so that they are
 * not refused because others have filled it, and clients have their turn.
 */


/* less than half of the least ring, which has room for 64 of the longest */

#define NGX_HTTP_MESSAGING_POST_WINDOW   16
#define NGX_HTTP_MESSAGING_POST_BYTES    1048576

/*
 * Brokers have timeouts of their own; this one also holds a worker that
 * leaves until the answer is there.
 */
#define NGX_HTTP_MESSAGING_POST_TIMEOUT  6000

#define NGX_HTTP_MESSAGING_POST_POOL     1024

/* in the place of a user: a revocation that need not be stored again */

#define NGX_HTTP_MESSAGING_POST_STORED   "stored"


static ngx_int_t ngx_http_messaging_post_unclaimed(ngx_http_request_t *r,
    ngx_int_t rc, ngx_uint_t index);
static ngx_uint_t ngx_http_messaging_post_more(
    ngx_http_messaging_post_t *post);
static void ngx_http_messaging_post_fill(ngx_http_messaging_post_t *post);
static void ngx_http_messaging_post_publish(ngx_http_messaging_post_t *post,
    ngx_http_messaging_publication_t *pub, ngx_str_t *name);
static void ngx_http_messaging_post_settle(
    ngx_http_messaging_publication_t *pub);
static ngx_int_t ngx_http_messaging_post_revoke(
    ngx_http_messaging_post_t *post);
static ngx_int_t ngx_http_messaging_post_wait(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post);
static void ngx_http_messaging_post_timeout(ngx_event_t *ev);
static void ngx_http_messaging_post_done(void *data, ngx_int_t rc);
static void ngx_http_messaging_post_finalize(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post);
static void ngx_http_messaging_post_cleanup(void *data);


ngx_http_messaging_post_t *
ngx_http_messaging_post_create(ngx_http_request_t *r,
    ngx_http_messaging_post_pt answer)
{
    ngx_pool_t                      *pool;
    ngx_http_messaging_post_t       *post;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);

    pool = ngx_create_pool(NGX_HTTP_MESSAGING_POST_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    post = ngx_pcalloc(pool, sizeof(ngx_http_messaging_post_t));

    if (post == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    post->pool = pool;
    post->worker = mmcf->worker;
    post->answer = answer;

    return post;
}


ngx_int_t
ngx_http_messaging_post_add(ngx_http_messaging_post_t *post, ngx_uint_t n)
{
    ngx_uint_t  i;

    post->elts = ngx_pcalloc(post->pool,
                             n * sizeof(ngx_http_messaging_publication_t));
    if (post->elts == NULL) {
        return NGX_ERROR;
    }

    post->nelts = n;

    for (i = 0; i < n; i++) {
        post->elts[i].post = post;
    }

    return NGX_OK;
}


void
ngx_http_messaging_post_destroy(ngx_http_messaging_post_t *post)
{
    ngx_destroy_pool(post->pool);
}


ngx_int_t
ngx_http_messaging_post_send(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post)
{
    ngx_int_t   rc;
    ngx_uint_t  index;

    post->cleanup = ngx_http_cleanup_add(r, 0);
    if (post->cleanup == NULL) {
        ngx_http_messaging_post_destroy(post);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_messaging_idempotency_claim(post, &index);

    if (rc != NGX_OK) {
        ngx_http_messaging_post_destroy(post);
        return ngx_http_messaging_post_unclaimed(r, rc, index);
    }

    if (ngx_http_messaging_post_revoke(post) == NGX_OK) {
        ngx_http_messaging_post_fill(post);
    }

    if (post->waiting == 0) {
        rc = post->answer(r, post);
        ngx_http_messaging_post_destroy(post);

        return rc;
    }

    return ngx_http_messaging_post_wait(r, post);
}


/* what is said instead */

static ngx_int_t
ngx_http_messaging_post_unclaimed(ngx_http_request_t *r, ngx_int_t rc,
    ngx_uint_t index)
{
    switch (rc) {

    case NGX_AGAIN:
        return ngx_http_messaging_publish_error(r,
                                           NGX_MESSAGING_STAT_POST_CONFLICT,
                                           "under way", index);

    case NGX_DECLINED:
        return ngx_http_messaging_publish_error(r,
                                           NGX_MESSAGING_STAT_POST_MISMATCH,
                                           "another frame had this "
                                           "idempotency key", index);

    default: /* NGX_ERROR */
        return ngx_http_messaging_publish_refuse(r,
                                         NGX_MESSAGING_STAT_POST_UNAVAILABLE);
    }
}


ngx_uint_t
ngx_http_messaging_post_replayed(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post)
{
    ngx_uint_t  i;

    for (i = 0; i < post->nelts; i++) {
        if (!post->elts[i].replayed) {
            return 0;
        }
    }

    /* without memory for the field it is true all the same */

    (void) ngx_http_messaging_handshake_header(r, "Idempotency-Replayed",
                                               (u_char *) "true", 4);
    return 1;
}


ngx_uint_t
ngx_http_messaging_post_failed(ngx_http_messaging_publication_t *pub)
{
    return pub->failed || pub->waiting
           || pub >= &pub->post->elts[pub->post->next];
}


/* whether something is left that can be published now */

static ngx_uint_t
ngx_http_messaging_post_more(ngx_http_messaging_post_t *post)
{
    return post->next < post->nelts
           && post->waiting < NGX_HTTP_MESSAGING_POST_WINDOW
           && (post->waiting == 0
               || post->bytes < NGX_HTTP_MESSAGING_POST_BYTES);
}


static void
ngx_http_messaging_post_fill(ngx_http_messaging_post_t *post)
{
    ngx_str_t                         *name;
    ngx_messaging_broker_t            *broker;
    ngx_http_messaging_publication_t  *pub;

    broker = post->worker->broker;

    while (ngx_http_messaging_post_more(post)) {
        pub = &post->elts[post->next];

        if (pub->replayed) {
            post->next++;
            continue;
        }

        name = &pub->what.names[post->name++];

        if (name == pub->what.names) {
            pub->id = broker->ops->id(broker);
        }

        if (post->name == pub->what.nnames) {
            post->next++;
            post->name = 0;
        }

        if (pub->id == 0) {
            pub->failed = 1;
            ngx_messaging_broker_failed(broker,
                                        NGX_MESSAGING_STAT_PUBLISH_DOWN);

        } else if (ngx_terminate || (ngx_exiting && post->request == NULL)) {
            /* the broker stops, and would not tell of it any more */
            pub->failed = 1;

        } else {
            ngx_http_messaging_post_publish(post, pub, name);
        }

        ngx_http_messaging_post_settle(pub);
    }
}


static void
ngx_http_messaging_post_publish(ngx_http_messaging_post_t *post,
    ngx_http_messaging_publication_t *pub, ngx_str_t *name)
{
    ngx_messaging_broker_t    *broker;
    ngx_messaging_envelope_t   e;

    broker = post->worker->broker;

    e.exclude = pub->what.user;
    e.except = pub->what.connection;
    e.json = pub->what.frame;
    e.kind = NGX_MESSAGING_KIND_MESSAGE;

    if (broker->ops->publish(broker, name, &e, ngx_http_messaging_post_done,
                             pub)
        != NGX_OK)
    {
        pub->failed = 1;
        return;
    }

    pub->waiting++;
    post->waiting++;
    post->bytes += pub->what.frame.len;
}


/* all that is to come of it has come */

static void
ngx_http_messaging_post_settle(ngx_http_messaging_publication_t *pub)
{
    if (pub->claimed && pub->waiting == 0
        && pub < &pub->post->elts[pub->post->next])
    {
        ngx_http_messaging_idempotency_settle(pub);
    }
}


/* stored before it is told: whoever misses the one finds the other */

static ngx_int_t
ngx_http_messaging_post_revoke(ngx_http_messaging_post_t *post)
{
    ngx_messaging_broker_t            *broker;
    ngx_http_messaging_publication_t  *pub;

    broker = post->worker->broker;
    pub = post->elts;

    if (post->revocation == NULL || broker->ops->revoke == NULL) {
        return NGX_OK;
    }

    if (broker->ops->revoke(broker, post->revocation,
                            ngx_http_messaging_post_done, pub)
        != NGX_OK)
    {
        pub->failed = 1;
        return NGX_ERROR;
    }

    pub->waiting++;
    post->waiting++;
    post->bytes += pub->what.frame.len;

    ngx_str_set(&pub->what.user, NGX_HTTP_MESSAGING_POST_STORED);

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_post_wait(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post)
{
    ngx_connection_t  *c;

    c = r->connection;

    c->log->action = "waiting for the broker";

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    /* a body read to its last byte leaves an event ready that is not */

    if ((ngx_event_flags & NGX_USE_LEVEL_EVENT)
        && r->http_version < NGX_HTTP_VERSION_20)
    {
        c->read->ready = 0;
    }

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    post->request = r;
    post->cleanup->handler = ngx_http_messaging_post_cleanup;
    post->cleanup->data = post;

    post->dummy.fd = (ngx_socket_t) -1;
    post->dummy.data = post;

    post->timer.handler = ngx_http_messaging_post_timeout;
    post->timer.data = &post->dummy;
    post->timer.log = ngx_cycle->log;

    ngx_add_timer(&post->timer, NGX_HTTP_MESSAGING_POST_TIMEOUT);

    return NGX_DONE;
}


static void
ngx_http_messaging_post_timeout(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_messaging_post_t  *post;

    c = ev->data;
    post = c->data;

    r = post->request;

    ngx_http_messaging_post_cleanup(post);
    ngx_http_messaging_post_finalize(r, post);
}


/* an answer of the broker */

static void
ngx_http_messaging_post_done(void *data, ngx_int_t rc)
{
    ngx_http_messaging_publication_t *pub = data;

    ngx_http_request_t         *r;
    ngx_http_messaging_post_t  *post;

    post = pub->post;

    if (rc != NGX_OK) {
        pub->failed = 1;
    }

    pub->waiting--;
    post->waiting--;
    post->bytes -= pub->what.frame.len;

    ngx_http_messaging_post_settle(pub);
    ngx_http_messaging_post_fill(post);

    r = post->request;

    if (post->waiting) {

        if (r) {
            ngx_add_timer(&post->timer, NGX_HTTP_MESSAGING_POST_TIMEOUT);
        }

        return;
    }

    ngx_http_messaging_post_cleanup(post);

    if (r) {
        ngx_http_messaging_post_finalize(r, post);
    }

    ngx_http_messaging_post_destroy(post);
}


/* what it answers with is copied, or of the request */

static void
ngx_http_messaging_post_finalize(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, post->answer(r, post));
    ngx_http_run_posted_requests(c);
}


/* neither waits for the other any longer */

static void
ngx_http_messaging_post_cleanup(void *data)
{
    ngx_http_messaging_post_t *post = data;

    if (post->request == NULL) {
        return;
    }

    post->request = NULL;
    post->cleanup->handler = NULL;

    if (post->timer.timer_set) {
        ngx_del_timer(&post->timer);
    }
}
