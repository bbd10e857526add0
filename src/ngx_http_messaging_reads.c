
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_reads.h"
#include "ngx_http_messaging_stream.h"
#include "ngx_http_messaging_text.h"
#include "ngx_http_messaging_worker.h"


/*
 * Of a connection one call is under way, and the next one begins no sooner
 * than a second after it has: what comes meanwhile is merged, each
 * conversation for itself.  That loses nothing, what was read stays read.
 *
 * What failed is merged with what has come since and tried again, after 1 s,
 * 2 s, 4 s ...  When the connection has ended what waits is stored without
 * delay; it is not tried as often then, and not at all when the worker has to
 * leave.
 *
 * The object exists only while something waits or is under way.
 */


#define NGX_HTTP_MESSAGING_READS_TRIES      8
#define NGX_HTTP_MESSAGING_READS_END_TRIES  3
#define NGX_HTTP_MESSAGING_READS_MIN_DELAY  1000      /* ms */
#define NGX_HTTP_MESSAGING_READS_MAX_DELAY  30000     /* ms */


/* what was read of a conversation; "all": besides all that there was before */

typedef struct {
    ngx_queue_t                   queue;
    ngx_str_t                     conversation;
    ngx_str_t                     key;          /* of the stream */
    json_t                       *id;           /* NULL: none */
    json_t                       *ids;
    int64_t                       time;
    ngx_uint_t                    all;
    ngx_uint_t                    tries;
} ngx_http_messaging_read_t;


struct ngx_http_messaging_reads_s {
    ngx_http_messaging_store_t   *store;
    ngx_queue_t                   waiting;
    ngx_uint_t                    n;
    ngx_http_messaging_read_t    *current;      /* under way */
    ngx_http_messaging_call_t    *origin;       /* has the client's address,
                                                   when it has gone */
    ngx_event_t                   timer;
    ngx_msec_t                    delay;        /* after a failure */
};


static ngx_http_messaging_reads_t *ngx_http_messaging_reads_create(
    ngx_http_messaging_store_t *store);
static ngx_http_messaging_read_t *ngx_http_messaging_reads_find(
    ngx_http_messaging_reads_t *reads, ngx_str_t *conversation);
static ngx_http_messaging_read_t *ngx_http_messaging_reads_entry(
    ngx_http_messaging_session_t *s, ngx_str_t *conversation);
static ngx_uint_t ngx_http_messaging_reads_merge(
    ngx_http_messaging_reads_t *reads, ngx_http_messaging_read_t *r,
    json_t *id, json_t *ids);
static ngx_uint_t ngx_http_messaging_reads_ids(
    ngx_http_messaging_reads_t *reads, ngx_http_messaging_read_t *r);
static void ngx_http_messaging_reads_timer(ngx_event_t *ev);
static void ngx_http_messaging_reads_next(ngx_http_messaging_reads_t *reads);
static ngx_int_t ngx_http_messaging_reads_start(
    ngx_http_messaging_reads_t *reads, ngx_http_messaging_read_t *r);
static ngx_int_t ngx_http_messaging_reads_call(
    ngx_http_messaging_reads_t *reads, ngx_http_messaging_read_t *r);
static ngx_int_t ngx_http_messaging_reads_call_body(
    ngx_http_messaging_reads_t *reads, ngx_http_messaging_read_t *r,
    ngx_http_messaging_call_t *call);
static ngx_int_t ngx_http_messaging_reads_body(
    ngx_http_messaging_reads_t *reads, ngx_http_messaging_read_t *r,
    ngx_http_messaging_text_t *t);
static void ngx_http_messaging_reads_answered(void *data,
    ngx_http_messaging_call_t *call);
static void ngx_http_messaging_reads_queued(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_http_messaging_reads_saved(ngx_http_messaging_reads_t *reads);
static void ngx_http_messaging_reads_failed(ngx_http_messaging_reads_t *reads,
    ngx_msec_t retry);
static void ngx_http_messaging_reads_older(ngx_http_messaging_reads_t *reads,
    ngx_http_messaging_read_t *later, ngx_http_messaging_read_t *r);
static void ngx_http_messaging_reads_drop(ngx_http_messaging_reads_t *reads,
    ngx_uint_t stat);
static ngx_log_t *ngx_http_messaging_reads_log(
    ngx_http_messaging_reads_t *reads);
static void ngx_http_messaging_reads_count(ngx_http_messaging_reads_t *reads,
    ngx_uint_t stat);
static void ngx_http_messaging_reads_free(ngx_http_messaging_read_t *r);


void
ngx_http_messaging_reads_add(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *id, json_t *ids)
{
    ngx_http_messaging_read_t   *r;
    ngx_http_messaging_store_t  *store;
    ngx_http_messaging_reads_t  *reads;

    store = s->store;

    if (store == NULL || !s->conf->store_reads
        || (s->conf->store_read == NULL && s->conf->store_stream == NULL))
    {
        return;
    }

    if (id == NULL && ids && json_array_size(ids) == 0) {
        /* nothing was read */
        return;
    }

    if (store->reads == NULL) {
        store->reads = ngx_http_messaging_reads_create(store);

        if (store->reads == NULL) {
            return;
        }
    }

    reads = store->reads;

    r = ngx_http_messaging_reads_find(reads, conversation);

    if (r) {
        ngx_http_messaging_reads_count(reads, NGX_MESSAGING_STAT_READ_MERGED);

    } else if (reads->n < NGX_HTTP_MESSAGING_READS_MAX) {
        r = ngx_http_messaging_reads_entry(s, conversation);

        if (r) {
            ngx_queue_insert_tail(&reads->waiting, &r->queue);
            reads->n++;
        }
    }

    if (r == NULL || !ngx_http_messaging_reads_merge(reads, r, id, ids)) {
        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging read of \"%V\" is not stored, or not all of "
                      "it: too much waits", conversation);
        ngx_http_messaging_reads_count(reads,
                                       NGX_MESSAGING_STAT_READ_OVERLOADED);
    }

    ngx_http_messaging_reads_next(reads);
}


static ngx_http_messaging_reads_t *
ngx_http_messaging_reads_create(ngx_http_messaging_store_t *store)
{
    ngx_http_messaging_reads_t  *reads;

    reads = ngx_calloc(sizeof(ngx_http_messaging_reads_t), ngx_cycle->log);
    if (reads == NULL) {
        return NULL;
    }

    reads->store = store;
    ngx_queue_init(&reads->waiting);

    /* it holds a leaving worker: what has waited is stored */

    reads->timer.handler = ngx_http_messaging_reads_timer;
    reads->timer.data = &store->worker->dummy;
    reads->timer.log = ngx_cycle->log;

    return reads;
}


static ngx_http_messaging_read_t *
ngx_http_messaging_reads_find(ngx_http_messaging_reads_t *reads,
    ngx_str_t *conversation)
{
    ngx_queue_t                *q;
    ngx_http_messaging_read_t  *r;

    for (q = ngx_queue_head(&reads->waiting);
         q != ngx_queue_sentinel(&reads->waiting);
         q = ngx_queue_next(q))
    {
        r = ngx_queue_data(q, ngx_http_messaging_read_t, queue);

        if (r->conversation.len == conversation->len
            && ngx_memcmp(r->conversation.data, conversation->data,
                          conversation->len)
               == 0)
        {
            return r;
        }
    }

    return NULL;
}


static ngx_http_messaging_read_t *
ngx_http_messaging_reads_entry(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation)
{
    u_char                     *p;
    ngx_str_t                   key;
    ngx_http_messaging_call_t  *call;
    ngx_http_messaging_read_t  *r;

    r = NULL;
    call = NULL;
    ngx_str_null(&key);

    /* nobody can evaluate the key when the client has gone */

    if (s->conf->store_read == NULL
        && ngx_http_messaging_store_template(s, &call, conversation,
                                             s->conf->store_stream, &key)
           != NGX_OK)
    {
        goto done;
    }

    r = ngx_calloc(sizeof(ngx_http_messaging_read_t) + conversation->len
                   + key.len, s->connection->log);
    if (r == NULL) {
        goto done;
    }

    p = (u_char *) r + sizeof(ngx_http_messaging_read_t);

    r->conversation.data = p;
    r->conversation.len = conversation->len;
    p = ngx_cpymem(p, conversation->data, conversation->len);

    r->key.data = p;
    r->key.len = key.len;
    ngx_memcpy(p, key.data, key.len);

    r->ids = json_array();

    if (r->ids == NULL) {
        ngx_free(r);
        r = NULL;
    }

done:

    if (call) {
        ngx_http_messaging_call_cancel(call);
    }

    return r;
}


/* what came later; 0: not all of it is kept */

static ngx_uint_t
ngx_http_messaging_reads_merge(ngx_http_messaging_reads_t *reads,
    ngx_http_messaging_read_t *r, json_t *id, json_t *ids)
{
    size_t      i, k;
    json_t     *value;
    ngx_uint_t  kept;

    r->time = ngx_http_messaging_session_now();

    if (id == NULL && ids == NULL) {
        /* it is about all that was named before, too */
        r->all = 1;
        json_decref(r->id);
        r->id = NULL;
        json_array_clear(r->ids);
        return 1;
    }

    /* numbers grow; which text is the newest only its time can tell */

    if (id
        && !(json_is_integer(id) && json_is_integer(r->id)
             && json_integer_value(r->id) > json_integer_value(id)))
    {
        json_decref(r->id);
        r->id = json_incref(id);
    }

    kept = 1;

    for (i = 0; i < json_array_size(ids); i++) {
        value = json_array_get(ids, i);

        for (k = 0; k < json_array_size(r->ids); k++) {
            if (json_equal(json_array_get(r->ids, k), value)) {
                break;
            }
        }

        if (k < json_array_size(r->ids)) {
            continue;
        }

        if (json_array_size(r->ids) >= NGX_HTTP_MESSAGING_READS_IDS
            || ngx_http_messaging_reads_ids(reads, r)
               >= NGX_HTTP_MESSAGING_READS_ALL_IDS)
        {
            kept = 0;

            if (json_array_size(r->ids) == 0) {
                break;
            }

            (void) json_array_remove(r->ids, 0);
        }

        if (json_array_append(r->ids, value) != 0) {
            kept = 0;
        }
    }

    return kept;
}


static ngx_uint_t
ngx_http_messaging_reads_ids(ngx_http_messaging_reads_t *reads,
    ngx_http_messaging_read_t *r)
{
    ngx_uint_t                  n;
    ngx_queue_t                *q;
    ngx_http_messaging_read_t  *other;

    n = json_array_size(r->ids);

    for (q = ngx_queue_head(&reads->waiting);
         q != ngx_queue_sentinel(&reads->waiting);
         q = ngx_queue_next(q))
    {
        other = ngx_queue_data(q, ngx_http_messaging_read_t, queue);
        n += (other == r) ? 0 : json_array_size(other->ids);
    }

    return n;
}


static void
ngx_http_messaging_reads_timer(ngx_event_t *ev)
{
    ngx_http_messaging_reads_t  *reads;

    reads = (ngx_http_messaging_reads_t *)
                ((u_char *) ev - offsetof(ngx_http_messaging_reads_t, timer));

    ngx_http_messaging_reads_next(reads);
}


/* what is due is begun, and freed is what nothing waits in any longer */

static void
ngx_http_messaging_reads_next(ngx_http_messaging_reads_t *reads)
{
    ngx_queue_t                 *q;
    ngx_msec_int_t               wait;
    ngx_http_messaging_read_t   *r;
    ngx_http_messaging_store_t  *store;

    store = reads->store;

    while (reads->current == NULL && !reads->timer.timer_set) {

        if (ngx_queue_empty(&reads->waiting)) {

            if (reads->origin) {
                ngx_http_messaging_call_cancel(reads->origin);
            }

            ngx_free(reads);
            store->reads = NULL;
            ngx_http_messaging_store_release(store);

            return;
        }

        wait = (ngx_msec_int_t) (store->read_due - ngx_current_msec);

        if (store->session && wait > 0) {
            ngx_add_timer(&reads->timer, (ngx_msec_t) wait);
            return;
        }

        store->read_due = ngx_current_msec + NGX_HTTP_MESSAGING_READS_INTERVAL;

        q = ngx_queue_head(&reads->waiting);
        ngx_queue_remove(q);
        reads->n--;

        r = ngx_queue_data(q, ngx_http_messaging_read_t, queue);
        reads->current = r;

        if (ngx_http_messaging_reads_start(reads, r) != NGX_OK) {
            ngx_http_messaging_reads_failed(reads, 0);
        }
    }
}


static ngx_int_t
ngx_http_messaging_reads_start(ngx_http_messaging_reads_t *reads,
    ngx_http_messaging_read_t *r)
{
    ngx_http_messaging_text_t     t;
    ngx_http_messaging_stream_t   st;

    if (reads->store->conf->store_read) {
        return ngx_http_messaging_reads_call(reads, r);
    }

    if (ngx_http_messaging_reads_body(reads, r, &t) != NGX_OK) {
        return NGX_ERROR;
    }

    st.key = r->key;
    st.type = "read";
    st.conversation = r->conversation;
    ngx_str_null(&st.client_id);
    st.body = t.text;

    return ngx_http_messaging_stream_add(reads->store, &st,
                                         ngx_http_messaging_reads_queued,
                                         reads);
}


static ngx_int_t
ngx_http_messaging_reads_call(ngx_http_messaging_reads_t *reads,
    ngx_http_messaging_read_t *r)
{
    ngx_connection_t               *c;
    ngx_http_messaging_call_t      *call;
    ngx_http_messaging_store_t     *store;
    ngx_http_messaging_loc_conf_t  *conf;

    store = reads->store;
    conf = store->conf;

    if (store->session) {
        c = store->session->connection;

    } else if (reads->origin) {
        c = &reads->origin->connection;

    } else {
        return NGX_ERROR;
    }

    call = ngx_http_messaging_call_create(c, conf, &store->user,
                                          &r->conversation);
    if (call == NULL) {
        return NGX_ERROR;
    }

    if (store->session == NULL) {
        ngx_http_messaging_call_secure(call, reads->origin->secure);
    }

    if (ngx_http_messaging_store_headers(store, call, &r->conversation)
        != NGX_OK
        || ngx_http_messaging_reads_call_body(reads, r, call) != NGX_OK)
    {
        ngx_http_messaging_call_cancel(call);
        return NGX_ERROR;
    }

    return ngx_http_messaging_call_start(call, conf->store_read, NULL,
                                         conf->store_timeout,
                                         ngx_http_messaging_reads_answered,
                                         reads);
}


static ngx_int_t
ngx_http_messaging_reads_call_body(ngx_http_messaging_reads_t *reads,
    ngx_http_messaging_read_t *r, ngx_http_messaging_call_t *call)
{
    ngx_str_t                    type, body;
    ngx_http_messaging_text_t    t;
    ngx_http_messaging_store_t  *store;

    store = reads->store;

    /* also for the URI, so in any case: the variables are parts of the body */

    ngx_http_messaging_text_begin(&t, store->worker);

    if (r->id) {
        ngx_http_messaging_text_json(&t, r->id);

    } else {
        ngx_http_messaging_text_add(&t, "null");
    }

    if (t.failed
        || ngx_http_messaging_call_value(call, &call->message_id, &t.text)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_messaging_text_begin(&t, store->worker);
    ngx_http_messaging_text_json(&t, r->ids);

    if (t.failed
        || ngx_http_messaging_call_value(call, &call->message_ids, &t.text)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_messaging_text_begin(&t, store->worker);
    ngx_http_messaging_text_time(&t, r->time);

    if (t.failed
        || ngx_http_messaging_call_value(call, &call->read_at, &t.text)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->all) {
        ngx_str_set(&call->read_all, "true");

    } else {
        ngx_str_set(&call->read_all, "false");
    }

    if (store->conf->store_read_body) {

        if (ngx_http_complex_value(call->request,
                                   store->conf->store_read_body, &body)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {

        if (ngx_http_messaging_reads_body(reads, r, &t) != NGX_OK) {
            return NGX_ERROR;
        }

        body = t.text;
    }

    ngx_str_set(&type, "application/json");

    return ngx_http_messaging_call_body(call, &type, &body);
}


static ngx_int_t
ngx_http_messaging_reads_body(ngx_http_messaging_reads_t *reads,
    ngx_http_messaging_read_t *r, ngx_http_messaging_text_t *t)
{
    ngx_http_messaging_text_begin(t, reads->store->worker);
    ngx_http_messaging_text_add(t, "{\"conversation_id\":");
    ngx_http_messaging_text_id(t, &r->conversation);
    ngx_http_messaging_text_add(t, ",\"message_id\":");

    if (r->id) {
        ngx_http_messaging_text_json(t, r->id);

    } else {
        ngx_http_messaging_text_add(t, "null");
    }

    ngx_http_messaging_text_add(t, ",\"message_ids\":");
    ngx_http_messaging_text_json(t, r->ids);

    if (r->all) {
        ngx_http_messaging_text_add(t, ",\"all\":true,\"read_at\":");

    } else {
        ngx_http_messaging_text_add(t, ",\"all\":false,\"read_at\":");
    }

    ngx_http_messaging_text_time(t, r->time);
    ngx_http_messaging_text_add(t, "}");

    return t->failed ? NGX_ERROR : NGX_OK;
}


static void
ngx_http_messaging_reads_answered(void *data, ngx_http_messaging_call_t *call)
{
    ngx_http_messaging_reads_t *reads = data;

    ngx_uint_t                     status;
    ngx_http_messaging_session_t  *s;

    s = reads->store->session;
    status = call->status;

    if (status >= NGX_HTTP_OK && status < NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_messaging_reads_saved(reads);

    } else if (status == NGX_HTTP_TOO_MANY_REQUESTS) {
        ngx_http_messaging_reads_failed(reads,
                                        ngx_http_messaging_store_retry(call));

    } else if (status >= NGX_HTTP_BAD_REQUEST
               && status < NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        ngx_log_error(NGX_LOG_INFO, ngx_http_messaging_reads_log(reads), 0,
                      "messaging read of user \"%V\" for \"%V\" was refused "
                      "by the backend: status %ui",
                      &call->user, &call->conversation, status);

        ngx_http_messaging_reads_count(reads,
                                       NGX_MESSAGING_STAT_READ_REJECTED);
        ngx_http_messaging_reads_free(reads->current);
        reads->current = NULL;

        if (status == NGX_HTTP_UNAUTHORIZED) {
            /* it is the token, and so it would be for the others */
            ngx_http_messaging_reads_drop(reads,
                                          NGX_MESSAGING_STAT_READ_REJECTED);

            if (s) {
                ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_TOKEN,
                                                 "token refused");
            }
        }

    } else {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "messaging read of user \"%V\" for \"%V\" may not have "
                      "been stored: status %ui",
                      &call->user, &call->conversation, status);

        ngx_http_messaging_reads_failed(reads, 0);
    }

    ngx_http_messaging_reads_next(reads);
}


static void
ngx_http_messaging_reads_queued(void *data, ngx_messaging_resp_reply_t *reply)
{
    ngx_http_messaging_reads_t *reads = data;

    if (ngx_http_messaging_stream_verdict(reads->store, reply) == NGX_OK) {
        ngx_http_messaging_reads_saved(reads);

    } else {
        ngx_http_messaging_reads_failed(reads, 0);
    }

    ngx_http_messaging_reads_next(reads);
}


static void
ngx_http_messaging_reads_saved(ngx_http_messaging_reads_t *reads)
{
    ngx_http_messaging_reads_count(reads, NGX_MESSAGING_STAT_READ_SAVED);
    ngx_http_messaging_reads_free(reads->current);

    reads->current = NULL;
    reads->delay = 0;
}


/* "retry" is when the backend wants to hear of it again, 0: it did not say */

static void
ngx_http_messaging_reads_failed(ngx_http_messaging_reads_t *reads,
    ngx_msec_t retry)
{
    ngx_uint_t                    limit;
    ngx_http_messaging_read_t    *r, *later;
    ngx_http_messaging_store_t   *store;
    ngx_http_messaging_worker_t  *worker;

    r = reads->current;
    store = reads->store;
    worker = store->worker;

    reads->current = NULL;
    r->tries++;

    ngx_http_messaging_reads_count(reads, NGX_MESSAGING_STAT_READ_FAILED);

    limit = store->session ? NGX_HTTP_MESSAGING_READS_TRIES
                           : NGX_HTTP_MESSAGING_READS_END_TRIES;

    if (r->tries >= limit) {
        ngx_log_error(NGX_LOG_INFO, ngx_http_messaging_reads_log(reads), 0,
                      "messaging read of user \"%V\" for \"%V\" is given up "
                      "after %ui tries",
                      &store->user, &r->conversation, r->tries);

        ngx_http_messaging_reads_count(reads, NGX_MESSAGING_STAT_READ_DROPPED);
        ngx_http_messaging_reads_free(r);

    } else {
        later = ngx_http_messaging_reads_find(reads, &r->conversation);

        if (later == NULL) {
            ngx_queue_insert_tail(&reads->waiting, &r->queue);
            reads->n++;

        } else {
            ngx_http_messaging_reads_older(reads, later, r);
        }
    }

    if (store->session == NULL && ngx_http_messaging_worker_drained(worker)) {
        ngx_http_messaging_reads_drop(reads, NGX_MESSAGING_STAT_READ_DROPPED);
        return;
    }

    reads->delay = reads->delay ? ngx_min(2 * reads->delay,
                                          NGX_HTTP_MESSAGING_READS_MAX_DELAY)
                                : NGX_HTTP_MESSAGING_READS_MIN_DELAY;

    if (store->session) {
        reads->delay = ngx_max(reads->delay, retry);
    }

    if (!ngx_queue_empty(&reads->waiting)) {
        ngx_add_timer(&reads->timer, reads->delay);
    }
}


/* what failed, "r", is put before what has come since */

static void
ngx_http_messaging_reads_older(ngx_http_messaging_reads_t *reads,
    ngx_http_messaging_read_t *later, ngx_http_messaging_read_t *r)
{
    json_t   *id, *ids;
    int64_t   time;

    later->tries = r->tries;

    if (!later->all) {
        later->all = r->all;

        id = later->id;
        ids = later->ids;
        time = later->time;

        later->id = r->id;
        later->ids = r->ids;

        r->id = id;
        r->ids = ids;

        if (!ngx_http_messaging_reads_merge(reads, later, id, ids)) {
            ngx_http_messaging_reads_count(reads,
                                           NGX_MESSAGING_STAT_READ_OVERLOADED);
        }

        later->time = time;
    }

    ngx_http_messaging_reads_free(r);
}


/* nothing of what waits is tried any longer */

static void
ngx_http_messaging_reads_drop(ngx_http_messaging_reads_t *reads,
    ngx_uint_t stat)
{
    ngx_queue_t                *q;
    ngx_http_messaging_read_t  *r;

    while (!ngx_queue_empty(&reads->waiting)) {
        q = ngx_queue_head(&reads->waiting);
        ngx_queue_remove(q);
        reads->n--;

        r = ngx_queue_data(q, ngx_http_messaging_read_t, queue);

        ngx_log_error(NGX_LOG_INFO, ngx_http_messaging_reads_log(reads), 0,
                      "messaging read of user \"%V\" for \"%V\" is given up",
                      &reads->store->user, &r->conversation);

        ngx_http_messaging_reads_count(reads, stat);
        ngx_http_messaging_reads_free(r);
    }
}


void
ngx_http_messaging_reads_end(ngx_http_messaging_store_t *store,
    ngx_connection_t *c)
{
    ngx_http_messaging_reads_t  *reads;

    reads = store->reads;

    if (store->conf->store_read) {
        reads->origin = ngx_http_messaging_call_create(c, store->conf,
                                                       &store->user,
                                                       &store->user);
    }

    if (reads->timer.timer_set) {
        ngx_del_timer(&reads->timer);
    }

    reads->delay = 0;

    ngx_http_messaging_reads_next(reads);
}


static ngx_log_t *
ngx_http_messaging_reads_log(ngx_http_messaging_reads_t *reads)
{
    return reads->store->session ? reads->store->session->connection->log
                                 : ngx_cycle->log;
}


static void
ngx_http_messaging_reads_count(ngx_http_messaging_reads_t *reads,
    ngx_uint_t stat)
{
    ngx_messaging_stat_add(reads->store->worker->slot, stat, 1);
}


static void
ngx_http_messaging_reads_free(ngx_http_messaging_read_t *r)
{
    json_decref(r->id);
    json_decref(r->ids);

    ngx_free(r);
}
