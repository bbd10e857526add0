
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_redis.h"
#include "ngx_messaging_redis_addr.h"
#include "ngx_messaging_redis_log.h"
#include "ngx_messaging_redis_setup.h"


/*
 * One connection to Redis on the worker's event loop.  The object lives on the
 * worker's pool as long as the worker; each connection of it has a pool and a
 * RESP reader of its own.
 *
 * Commands leave with the posted flush event.  The pipeline knows who waits
 * for an answer and gets NULL when the connection is lost.  One timer serves
 * all states: the wait for the next attempt, the deadline of connecting, the
 * oldest answer, a subscriber's silence.
 *
 * The owner's handlers are called either from inside the RESP reader or at the
 * end of ngx_messaging_redis_lost(), when the object is in order.  Inside the
 * reader ("feeding") we do not tear the connection down ourselves, it is only
 * marked as failed; the owner's close tears it down, but for the reader.
 */


#define NGX_MESSAGING_REDIS_MIN_WAIT  100
#define NGX_MESSAGING_REDIS_MAX_WAIT  10000

#define NGX_MESSAGING_REDIS_IN        65536
#define NGX_MESSAGING_REDIS_READS     16         /* in one event */


typedef enum {
    ngx_messaging_redis_st_idle = 0,     /* not started */
    ngx_messaging_redis_st_waiting,      /* for the next attempt */
    ngx_messaging_redis_st_resolving,
    ngx_messaging_redis_st_connecting,   /* up to the answer of SELECT */
    ngx_messaging_redis_st_ready,
    ngx_messaging_redis_st_closed
} ngx_messaging_redis_state_e;


struct ngx_messaging_redis_s {
    ngx_messaging_redis_conf_t    *conf;
    ngx_messaging_redis_events_t  *events;
    void                          *data;

    /* event ident must be after 3 pointers as in ngx_connection_t */
    ngx_int_t                      ident;

    ngx_uint_t                     kind;
    ngx_messaging_redis_state_e    state;

    ngx_peer_connection_t          peer;
    ngx_connection_t              *connection;
    ngx_messaging_resp_t          *resp;
    ngx_messaging_pipeline_t       pipeline;
    ngx_messaging_redis_setup_t    setup;
    ngx_messaging_redis_log_t      log;

    ngx_event_t                    timer;
    ngx_event_t                    flush;

    ngx_messaging_redis_addrs_t    addrs;
    ngx_uint_t                     tries;       /* addresses since the wait */

    u_char                        *in;

    ngx_msec_t                     wait;
    ngx_msec_t                     since;       /* ready */
    ngx_msec_t                     heard;       /* bytes from Redis */
    ngx_msec_t                     pinged;
    ngx_uint_t                     connects;
    ngx_uint_t                     changes;     /* not yet confirmed */

    unsigned                       connected:1;
    unsigned                       feeding:1;
    unsigned                       failed:1;    /* while feeding */
    unsigned                       pinging:1;
    unsigned                       pong:1;      /* is to come */
};


static void ngx_messaging_redis_attempt(ngx_messaging_redis_t *redis);
static void ngx_messaging_redis_resolved(void *data, const char *why);
static void ngx_messaging_redis_connect(ngx_messaging_redis_t *redis);
static ngx_int_t ngx_messaging_redis_init_connection(
    ngx_messaging_redis_t *redis, ngx_connection_t *c);
static ngx_int_t ngx_messaging_redis_test_connect(ngx_messaging_redis_t *redis,
    ngx_connection_t *c);

static void ngx_messaging_redis_refused(void *data, const char *what,
    ngx_str_t *text);
static void ngx_messaging_redis_set_ready(ngx_messaging_redis_t *redis);

static void ngx_messaging_redis_read_handler(ngx_event_t *rev);
static ngx_int_t ngx_messaging_redis_feed(ngx_messaging_redis_t *redis,
    size_t len);
static void ngx_messaging_redis_reply(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_messaging_redis_push(ngx_messaging_redis_t *redis,
    ngx_messaging_resp_reply_t *reply);
static void ngx_messaging_redis_write_handler(ngx_event_t *wev);
static void ngx_messaging_redis_flush_handler(ngx_event_t *ev);
static void ngx_messaging_redis_send(ngx_messaging_redis_t *redis);
static void ngx_messaging_redis_timer_handler(ngx_event_t *ev);
static void ngx_messaging_redis_check_answer(ngx_messaging_redis_t *redis);
static void ngx_messaging_redis_check_silence(ngx_messaging_redis_t *redis);

static void ngx_cdecl ngx_messaging_redis_fail(ngx_messaging_redis_t *redis,
    ngx_err_t err, const char *fmt, ...);
static void ngx_messaging_redis_lost(ngx_messaging_redis_t *redis);
static ngx_msec_t ngx_messaging_redis_next_wait(ngx_messaging_redis_t *redis);
static void ngx_messaging_redis_abandon(ngx_messaging_redis_t *redis);
static void ngx_messaging_redis_disconnect(ngx_messaging_redis_t *redis);


ngx_messaging_redis_t *
ngx_messaging_redis_create(ngx_pool_t *pool, ngx_messaging_redis_conf_t *conf,
    ngx_uint_t kind, ngx_messaging_redis_events_t *events, void *data)
{
    ngx_messaging_redis_t  *redis;

    redis = ngx_pcalloc(pool, sizeof(ngx_messaging_redis_t));
    if (redis == NULL) {
        return NULL;
    }

    redis->in = ngx_palloc(pool, NGX_MESSAGING_REDIS_IN);
    if (redis->in == NULL) {
        return NULL;
    }

    redis->conf = conf;
    redis->events = events;
    redis->data = data;
    redis->kind = kind;
    redis->ident = -1;

    redis->pipeline.log = ngx_cycle->log;

    redis->addrs.conf = conf;
    redis->addrs.handler = ngx_messaging_redis_resolved;
    redis->addrs.data = redis;

    redis->setup.url = &conf->url;
    redis->setup.refused = ngx_messaging_redis_refused;
    redis->setup.data = redis;

    redis->log.name = &conf->url.name;
    redis->log.interval = NGX_MESSAGING_REDIS_LOG_INTERVAL;

    redis->timer.handler = ngx_messaging_redis_timer_handler;
    redis->timer.data = redis;
    redis->timer.log = ngx_cycle->log;
    redis->timer.cancelable = 1;

    redis->flush.handler = ngx_messaging_redis_flush_handler;
    redis->flush.data = redis;
    redis->flush.log = ngx_cycle->log;
    redis->flush.cancelable = 1;

    return redis;
}


void
ngx_messaging_redis_start(ngx_messaging_redis_t *redis)
{
    if (redis->state == ngx_messaging_redis_st_idle) {
        ngx_messaging_redis_attempt(redis);
    }
}


ngx_uint_t
ngx_messaging_redis_ready(ngx_messaging_redis_t *redis)
{
    return redis->state == ngx_messaging_redis_st_ready;
}


ngx_uint_t
ngx_messaging_redis_reconnects(ngx_messaging_redis_t *redis)
{
    return redis->connects ? redis->connects - 1 : 0;
}


static void
ngx_messaging_redis_attempt(ngx_messaging_redis_t *redis)
{
    if (redis->conf->dynamic && redis->tries == 0) {
        redis->state = ngx_messaging_redis_st_resolving;
        ngx_messaging_redis_addr_lookup(&redis->addrs);
        return;
    }

    ngx_messaging_redis_connect(redis);
}


static void
ngx_messaging_redis_resolved(void *data, const char *why)
{
    ngx_messaging_redis_t *redis = data;

    if (ngx_messaging_redis_addr_count(&redis->addrs) == 0) {
        ngx_messaging_redis_fail(redis, 0, "host could not be resolved (%s)",
                                 why ? why : "no address");
        return;
    }

    if (why) {
        ngx_messaging_redis_log_error(&redis->log, 0,
                                      "host could not be resolved (%s), "
                                      "its addresses at start are used", why);
    }

    ngx_messaging_redis_connect(redis);
}


static void
ngx_messaging_redis_connect(ngx_messaging_redis_t *redis)
{
    ngx_err_t          err;
    ngx_int_t          rc;
    ngx_connection_t  *c;

    redis->state = ngx_messaging_redis_st_connecting;

    rc = ngx_messaging_redis_addr_connect(&redis->addrs, &redis->peer, &err);

    c = redis->peer.connection;
    redis->connection = c;

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
        ngx_messaging_redis_fail(redis, err, "connect() to %V failed",
                                 redis->peer.name);
        return;
    }

    /* NGX_OK or NGX_AGAIN */

    if (ngx_messaging_redis_init_connection(redis, c) != NGX_OK) {
        ngx_messaging_redis_fail(redis, 0, "no memory for a connection");
        return;
    }

    ngx_add_timer(&redis->timer, NGX_MESSAGING_REDIS_TIMEOUT);

    if (rc == NGX_OK) {
        ngx_messaging_redis_write_handler(c->write);
    }
}


static ngx_int_t
ngx_messaging_redis_init_connection(ngx_messaging_redis_t *redis,
    ngx_connection_t *c)
{
    c->data = redis;

    c->read->handler = ngx_messaging_redis_read_handler;
    c->read->cancelable = 1;

    c->write->handler = ngx_messaging_redis_write_handler;
    c->write->cancelable = 1;

    c->pool = ngx_create_pool(512, ngx_cycle->log);
    if (c->pool == NULL) {
        return NGX_ERROR;
    }

    redis->resp = ngx_messaging_resp_create(ngx_messaging_redis_reply, redis);
    if (redis->resp == NULL) {
        return NGX_ERROR;
    }

    return ngx_messaging_redis_setup(&redis->setup, &redis->pipeline,
                                     ngx_current_msec);
}


static ngx_int_t
ngx_messaging_redis_test_connect(ngx_messaging_redis_t *redis,
    ngx_connection_t *c)
{
    int        err;
    socklen_t  len;

    if (redis->connected) {
        return NGX_OK;
    }

    err = 0;
    len = sizeof(int);

    /* Solaris returns -1 and sets errno */

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_messaging_redis_fail(redis, err, "connect() to %V failed",
                                 redis->peer.name);
        return NGX_ERROR;
    }

    redis->connected = 1;

    (void) ngx_tcp_nodelay(c);

    return NGX_OK;
}


static void
ngx_messaging_redis_refused(void *data, const char *what, ngx_str_t *text)
{
    ngx_messaging_redis_fail(data, 0, "%s was refused: \"%V\"", what, text);
}


static void
ngx_messaging_redis_set_ready(ngx_messaging_redis_t *redis)
{
    redis->state = ngx_messaging_redis_st_ready;
    redis->since = ngx_current_msec;
    redis->heard = ngx_current_msec;
    redis->tries = 0;
    redis->pinging = 0;

    ngx_del_timer(&redis->timer);

    if (redis->kind == NGX_MESSAGING_REDIS_SUBSCRIBER) {
        ngx_add_timer(&redis->timer, NGX_MESSAGING_REDIS_TIMEOUT);
    }

    ngx_messaging_redis_log_notice(&redis->log,
                                   redis->connects ? "connection restored"
                                                   : "connected");

    redis->connects++;

    redis->events->ready(redis->data);
}


static void
ngx_messaging_redis_read_handler(ngx_event_t *rev)
{
    ssize_t                 n;
    ngx_uint_t              i;
    ngx_connection_t       *c;
    ngx_messaging_redis_t  *redis;

    c = rev->data;
    redis = c->data;

    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, rev->log, 0,
                   "messaging redis read handler");

    if (c->close || c->error) {
        ngx_messaging_redis_abandon(redis);
        return;
    }

    if (ngx_messaging_redis_test_connect(redis, c) != NGX_OK) {
        return;
    }

    for (i = 0; i < NGX_MESSAGING_REDIS_READS; i++) {

        n = c->recv(c, redis->in, NGX_MESSAGING_REDIS_IN);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR) {
            ngx_messaging_redis_fail(redis, ngx_socket_errno,
                                     "recv() failed");
            return;
        }

        if (n == 0) {
            ngx_messaging_redis_fail(redis, 0, "connection was closed");
            return;
        }

        if (ngx_messaging_redis_feed(redis, n) != NGX_OK) {
            return;
        }

        if (!rev->ready) {
            break;
        }
    }

    if (i == NGX_MESSAGING_REDIS_READS) {
        /* others are waiting: edge-triggered methods will not tell again */
        ngx_post_event(rev, &ngx_posted_next_events);
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_messaging_redis_fail(redis, 0, "read event failed");
    }
}


/* NGX_ERROR: this connection is gone */

static ngx_int_t
ngx_messaging_redis_feed(ngx_messaging_redis_t *redis, size_t len)
{
    ngx_int_t  rc;

    redis->heard = ngx_current_msec;
    redis->pinging = 0;

    redis->feeding = 1;

    rc = ngx_messaging_resp_feed(redis->resp, redis->in, len);

    redis->feeding = 0;

    if (redis->connection == NULL) {

        /* a handler has closed it, the reader was still in use */

        ngx_messaging_resp_free(redis->resp);
        redis->resp = NULL;

        return NGX_ERROR;
    }

    if (redis->failed) {
        ngx_messaging_redis_lost(redis);
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_messaging_redis_fail(redis, 0, "invalid reply: %s",
                                 ngx_messaging_resp_error(redis->resp));
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_messaging_redis_reply(void *data, ngx_messaging_resp_reply_t *reply)
{
    ngx_messaging_redis_t *redis = data;

    if (redis->failed || redis->connection == NULL) {
        return;
    }

    if (redis->kind == NGX_MESSAGING_REDIS_SUBSCRIBER
        && redis->state == ngx_messaging_redis_st_ready)
    {
        ngx_messaging_redis_push(redis, reply);
        return;
    }

    if (redis->pipeline.npending == 0) {
        ngx_messaging_redis_fail(redis, 0, "reply without a command");
        return;
    }

    ngx_messaging_pipeline_answer(&redis->pipeline, reply);

    if (redis->state == ngx_messaging_redis_st_connecting
        && redis->pipeline.npending == 0 && !redis->failed)
    {
        ngx_messaging_redis_set_ready(redis);
    }
}


static void
ngx_messaging_redis_push(ngx_messaging_redis_t *redis,
    ngx_messaging_resp_reply_t *reply)
{
    ngx_str_t  text, *kind;

    kind = &reply->elts[0];

    if (reply->type == REDIS_REPLY_STATUS
        || (reply->type == REDIS_REPLY_ARRAY && kind->len == 4
            && ngx_strncmp(kind->data, "pong", 4) == 0)
        || (reply->type == REDIS_REPLY_ERROR && redis->pong
            && redis->changes == 0))
    {
        /*
         * That of PING, before and after the first subscription, and of a
         * Redis that cannot save: it refuses PING, but is alive.
         */
        redis->pong = 0;
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        text = ngx_messaging_redis_text(&redis->conf->url, &reply->str);

        /* the error names no channel: which ones are on is not known now */

        ngx_messaging_redis_fail(redis, 0, "subscriber's command was "
                                 "refused: \"%V\"", &text);
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->nelts < 3
        || kind->len == 0)
    {
        ngx_messaging_redis_fail(redis, 0, "unexpected reply to subscriber");
        return;
    }

    if (redis->changes && kind->len != sizeof("message") - 1) {
        redis->changes--;
    }

    redis->events->push(redis->data, reply);
}


static void
ngx_messaging_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t       *c;
    ngx_messaging_redis_t  *redis;

    c = wev->data;
    redis = c->data;

    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, wev->log, 0,
                   "messaging redis write handler");

    if (c->close || c->error) {
        ngx_messaging_redis_abandon(redis);
        return;
    }

    if (ngx_messaging_redis_test_connect(redis, c) == NGX_OK) {
        ngx_messaging_redis_send(redis);
    }
}


static void
ngx_messaging_redis_flush_handler(ngx_event_t *ev)
{
    ngx_messaging_redis_send(ev->data);
}


static void
ngx_messaging_redis_send(ngx_messaging_redis_t *redis)
{
    ssize_t                    n;
    ngx_connection_t          *c;
    ngx_messaging_pipeline_t  *pl;

    c = redis->connection;
    pl = &redis->pipeline;

    while (pl->pos < pl->last && c->write->ready) {

        n = c->send(c, pl->pos, pl->last - pl->pos);

        if (n == NGX_ERROR) {
            ngx_messaging_redis_fail(redis, ngx_socket_errno, "send() failed");
            return;
        }

        if (n == NGX_AGAIN || n == 0) {
            break;
        }

        ngx_messaging_pipeline_sent(pl, n);
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_messaging_redis_fail(redis, 0, "write event failed");
    }
}


static void
ngx_messaging_redis_timer_handler(ngx_event_t *ev)
{
    ngx_messaging_redis_t  *redis;

    redis = ev->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "messaging redis timer handler: %d", (int) redis->state);

    switch (redis->state) {

    case ngx_messaging_redis_st_waiting:
        ngx_messaging_redis_attempt(redis);
        break;

    case ngx_messaging_redis_st_connecting:
        ngx_messaging_redis_fail(redis, NGX_ETIMEDOUT,
                                 redis->connected ? "no answer from %V"
                                                  : "connect() to %V failed",
                                 redis->peer.name);
        break;

    case ngx_messaging_redis_st_ready:

        if (redis->kind == NGX_MESSAGING_REDIS_SUBSCRIBER) {
            ngx_messaging_redis_check_silence(redis);

        } else {
            ngx_messaging_redis_check_answer(redis);
        }

        break;

    default:
        break;
    }
}


static void
ngx_messaging_redis_check_answer(ngx_messaging_redis_t *redis)
{
    ngx_msec_t  age;

    if (redis->pipeline.npending == 0) {
        return;
    }

    age = ngx_current_msec - ngx_messaging_pipeline_time(&redis->pipeline);

    if (age < NGX_MESSAGING_REDIS_TIMEOUT) {
        ngx_add_timer(&redis->timer, NGX_MESSAGING_REDIS_TIMEOUT - age);
        return;
    }

    ngx_messaging_redis_fail(redis, NGX_ETIMEDOUT, "no answer to a command");
}


static void
ngx_messaging_redis_check_silence(ngx_messaging_redis_t *redis)
{
    ngx_str_t   ping;
    ngx_msec_t  age;

    age = ngx_current_msec - (redis->pinging ? redis->pinged : redis->heard);

    if (age < NGX_MESSAGING_REDIS_TIMEOUT) {
        ngx_add_timer(&redis->timer, NGX_MESSAGING_REDIS_TIMEOUT - age);
        return;
    }

    if (redis->pinging) {
        ngx_messaging_redis_fail(redis, NGX_ETIMEDOUT, "no answer to PING");
        return;
    }

    redis->pinging = 1;
    redis->pinged = ngx_current_msec;

    ngx_add_timer(&redis->timer, NGX_MESSAGING_REDIS_TIMEOUT);

    /* if the buffer is full Redis does not read, and its time runs now */

    ngx_str_set(&ping, "PING");

    if (ngx_messaging_pipeline_send(&redis->pipeline, 1, &ping) == NGX_OK) {
        redis->pong = 1;
        ngx_post_event(&redis->flush, &ngx_posted_events);
    }
}


ngx_int_t
ngx_messaging_redis_command(ngx_messaging_redis_t *redis, ngx_uint_t argc,
    ngx_str_t *argv, ngx_messaging_redis_reply_pt handler, void *data)
{
    ngx_int_t  rc;

    if (redis->state != ngx_messaging_redis_st_ready || redis->failed) {
        return NGX_DECLINED;
    }

    if (redis->kind == NGX_MESSAGING_REDIS_SUBSCRIBER) {
        rc = ngx_messaging_pipeline_send(&redis->pipeline, argc, argv);
        redis->changes += (rc == NGX_OK) ? argc - 1 : 0;

    } else {
        rc = ngx_messaging_pipeline_command(&redis->pipeline, argc, argv,
                                            handler, data, ngx_current_msec);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!redis->timer.timer_set) {
        ngx_add_timer(&redis->timer, NGX_MESSAGING_REDIS_TIMEOUT);
    }

    ngx_post_event(&redis->flush, &ngx_posted_events);

    return NGX_OK;
}


static void ngx_cdecl
ngx_messaging_redis_fail(ngx_messaging_redis_t *redis, ngx_err_t err,
    const char *fmt, ...)
{
    va_list  args;

    /* while there are addresses left to try nothing is wrong yet */

    if (redis->state != ngx_messaging_redis_st_connecting
        || redis->tries + 1 >= ngx_messaging_redis_addr_count(&redis->addrs))
    {
        va_start(args, fmt);
        ngx_messaging_redis_log_verror(&redis->log, err, fmt, args);
        va_end(args);
    }

    ngx_messaging_redis_lost(redis);
}


static void
ngx_messaging_redis_lost(ngx_messaging_redis_t *redis)
{
    ngx_uint_t  ready;

    if (redis->feeding) {
        redis->failed = 1;
        return;
    }

    ready = (redis->state == ngx_messaging_redis_st_ready);

    ngx_messaging_redis_disconnect(redis);

    redis->state = ngx_messaging_redis_st_waiting;

    if (ready) {
        redis->tries = 0;

        if (ngx_current_msec - redis->since >= NGX_MESSAGING_REDIS_TIMEOUT) {
            redis->wait = 0;
        }

    } else {
        redis->tries++;
        redis->addrs.current++;
    }

    ngx_add_timer(&redis->timer, ngx_messaging_redis_next_wait(redis));

    /* any of these handlers may close for good */

    ngx_messaging_pipeline_fail(&redis->pipeline);

    if (ready && redis->state != ngx_messaging_redis_st_closed) {
        redis->events->lost(redis->data);
    }
}


static ngx_msec_t
ngx_messaging_redis_next_wait(ngx_messaging_redis_t *redis)
{
    if (redis->tries
        && redis->tries < ngx_messaging_redis_addr_count(&redis->addrs))
    {
        /* another address */
        return 0;
    }

    redis->tries = 0;

    redis->wait = redis->wait ? ngx_min(2 * redis->wait,
                                        NGX_MESSAGING_REDIS_MAX_WAIT)
                              : NGX_MESSAGING_REDIS_MIN_WAIT;

    /* workers, and hosts, that lost it together shall not return together */

    return redis->wait - ngx_random() % (redis->wait / 2);
}


static void
ngx_messaging_redis_abandon(ngx_messaging_redis_t *redis)
{
    ngx_uint_t  ready;

    /* worker_shutdown_timeout */

    ready = (redis->state == ngx_messaging_redis_st_ready);

    ngx_messaging_redis_close(redis);

    if (ready) {
        redis->events->lost(redis->data);
    }
}


void
ngx_messaging_redis_close(ngx_messaging_redis_t *redis)
{
    ngx_connection_t          *c;
    ngx_messaging_pipeline_t  *pl;

    if (redis->state == ngx_messaging_redis_st_closed) {
        return;
    }

    c = redis->connection;
    pl = &redis->pipeline;

    if (redis->state == ngx_messaging_redis_st_ready && !redis->failed
        && pl->pos < pl->last && c->write->ready && !c->error)
    {
        /* no flush event will come, this is what a leaving worker says last */
        (void) c->send(c, pl->pos, pl->last - pl->pos);
    }

    ngx_messaging_redis_disconnect(redis);

    redis->state = ngx_messaging_redis_st_closed;

    ngx_messaging_pipeline_fail(&redis->pipeline);
}


static void
ngx_messaging_redis_disconnect(ngx_messaging_redis_t *redis)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    if (redis->flush.posted) {
        ngx_delete_posted_event(&redis->flush);
    }

    ngx_messaging_redis_addr_cancel(&redis->addrs);

    c = redis->connection;

    if (c) {
        pool = c->pool;

        ngx_close_connection(c);

        if (pool) {
            ngx_destroy_pool(pool);
        }

        redis->connection = NULL;
        redis->peer.connection = NULL;
    }

    if (redis->resp && !redis->feeding) {
        ngx_messaging_resp_free(redis->resp);
        redis->resp = NULL;
    }

    /* what was not sent, or sent in part, is never sent again */

    ngx_messaging_pipeline_drop(&redis->pipeline);

    redis->connected = 0;
    redis->failed = 0;
    redis->pinging = 0;
    redis->pong = 0;
    redis->changes = 0;
}
