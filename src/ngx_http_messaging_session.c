
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_ask.h"
#include "ngx_http_messaging_control.h"
#include "ngx_http_messaging_deflate.h"
#include "ngx_http_messaging_delay.h"
#include "ngx_http_messaging_detach.h"
#include "ngx_http_messaging_events.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_limit.h"
#include "ngx_http_messaging_protocol.h"
#include "ngx_http_messaging_quota.h"
#include "ngx_http_messaging_recheck.h"
#include "ngx_http_messaging_relay.h"
#include "ngx_http_messaging_session.h"
#include "ngx_http_messaging_store.h"
#include "ngx_http_messaging_worker.h"


/*
 * One connection's life.
 *
 * waiting   the request is held until the broker has confirmed the channel;
 *           nginx's own handlers watch the client
 * open      the 101 was sent, the events are ours; one that was refused may
 *           wait here for its Close, obeyed in nothing
 * closing   a Close frame is queued, ours or the answer to the client's;
 *           nothing is queued behind it, the channels are left
 * finished  everything is undone; nginx ends the request
 *
 * With "messaging_detach" an open session leaves the request behind, see
 * ngx_http_messaging_detach.c: then s->request is NULL.
 *
 * The session is in r->pool, what it allocates while it lives is not: the
 * pool of a request that lasts for hours would only grow.
 *
 * Whatever happens inside a loop over channels or frames only sets a flag and
 * posts the session.  Only four places finalize the request, all of them at
 * the top of an event: the read handler, the write handler, the deadline and
 * the posted event.
 */


/* a deadline that is looked at so much too late, ms, tells of no client */

#define NGX_HTTP_MESSAGING_LATE  1000


/* there may be a million of these: what an idle one costs is promised */

typedef char  ngx_http_messaging_session_size[
                sizeof(ngx_http_messaging_session_t) <= 512 ? 1 : -1];


static void ngx_http_messaging_session_cleanup(void *data);
static void ngx_http_messaging_session_read(ngx_event_t *rev);
static void ngx_http_messaging_session_write(ngx_event_t *wev);
static ngx_int_t ngx_http_messaging_session_receive(
    ngx_http_messaging_session_t *s);
static void ngx_http_messaging_session_count_close(
    ngx_http_messaging_session_t *s);
static void ngx_http_messaging_session_life(ngx_http_messaging_session_t *s);


ngx_http_messaging_session_t *
ngx_http_messaging_session_create(ngx_http_request_t *r,
    ngx_http_messaging_worker_t *worker)
{
    ngx_http_cleanup_t             *cln;
    ngx_http_messaging_session_t   *s;
    ngx_http_messaging_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_messaging_module);

    s = conf->detach
        ? ngx_http_messaging_detach_create(r, worker)
        : ngx_pcalloc(r->pool, sizeof(ngx_http_messaging_session_t));

    if (s == NULL) {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_messaging_session_cleanup;
    cln->data = s;

    s->worker = worker;
    s->request = r;
    s->connection = r->connection;
    s->conf = conf;
    s->last_out = &s->out;
    s->heard = ngx_current_msec;

    ngx_http_messaging_limit_init(s);

    ngx_queue_init(&s->subscriptions);
    ngx_queue_init(&s->publishes);
    ngx_queue_insert_tail(&worker->sessions, &s->queue);

    s->counted = 1;
    ngx_messaging_stat_add(worker->slot, NGX_MESSAGING_STAT_CONNECTIONS, 1);

    ngx_http_set_ctx(r, s, ngx_http_messaging_module);

    return s;
}


static void
ngx_http_messaging_session_cleanup(void *data)
{
    ngx_http_messaging_session_t *s = data;

    if (s->request) {
        ngx_http_messaging_session_end(s);
    }
}


ngx_int_t
ngx_http_messaging_session_open(ngx_http_messaging_session_t *s)
{
    ngx_int_t                  rc;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;

    r = s->request;
    c = s->connection;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    rc = ngx_http_messaging_handshake_switch(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    s->waiting = 0;
    s->open = 1;

    if (s->admitted) {
        ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_ACCEPTED,
                               1);
    }

    s->heard = ngx_current_msec;

    c->log->action = "exchanging messages";

    s->handler = c->read->handler;
    c->read->handler = ngx_http_messaging_session_read;
    c->write->handler = ngx_http_messaging_session_write;
    c->idle = 1;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    /* frames are small and answered at once: Nagle would hold them back */

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    /* the broker may have taken longer than the token had left */

    if (s->admitted && ngx_http_messaging_session_now() >= s->expires) {
        ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_TOKEN,
                                         "token expired");
    }

    if (s->admitted) {
        ngx_http_messaging_control_open(s);
        ngx_http_messaging_events_enter(s);
    }

    /* frames that came with the request are in its buffer */

    if (r->header_in->pos < r->header_in->last) {
        ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_BYTES_IN,
                               r->header_in->last - r->header_in->pos);

        rc = ngx_http_messaging_input(s, r->header_in->pos,
                                      r->header_in->last);
        r->header_in->pos = r->header_in->last;

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }

    if (ngx_exiting) {
        ngx_http_messaging_worker_drain(s->worker);
    }

    ngx_http_messaging_session_schedule(s);
    ngx_http_messaging_session_post(s);

    return NGX_OK;
}


void
ngx_http_messaging_session_end(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_worker_t  *worker;

    if (s->finished) {
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, s->connection->log, 0,
                   "messaging session end, code:%ud",
                   (uint32_t) s->close_code);

    worker = s->worker;

    ngx_http_messaging_session_unsubscribe(s, NULL);
    ngx_http_messaging_events_leave(s);
    ngx_http_messaging_ask_forget(s, NULL);
    ngx_http_messaging_store_forget(s);
    ngx_http_messaging_relay_forget(s);
    ngx_http_messaging_delay_forget(s);

    s->finished = 1;

    ngx_messaging_wheel_drop(&worker->wheel, &s->deadline);
    ngx_http_messaging_control_leave(s);
    ngx_queue_remove(&s->queue);

    if (s->is_posted) {
        ngx_queue_remove(&s->posted);
        s->is_posted = 0;
        worker->nposted--;
    }

    ngx_http_messaging_output_free(s);
    ngx_http_messaging_input_free(s);
    ngx_http_messaging_deflate_free(s);

    if (s->access) {
        json_decref(s->access);
        s->access = NULL;
    }

    ngx_http_messaging_session_uncount(s);

    worker->nfreed++;

    if (s->open) {

        /* who was refused with a Close frame has a code, but was never in */

        ngx_messaging_stat_add(worker->slot, NGX_MESSAGING_STAT_ENDED,
                               s->admitted);

        ngx_http_messaging_session_count_close(s);
    }
}


/* the client has left before the 101, and post_action has made the request
   its own: nobody else may finalize it now */

ngx_uint_t
ngx_http_messaging_session_lost(ngx_http_messaging_session_t *s)
{
    if (ngx_http_get_module_ctx(s->request, ngx_http_messaging_module) == s) {
        return 0;
    }

    ngx_http_messaging_session_end(s);

    return 1;
}


/* who is refused takes nobody's place while it is told so */

void
ngx_http_messaging_session_uncount(ngx_http_messaging_session_t *s)
{
    if (s->counted) {
        s->counted = 0;
        ngx_messaging_stat_add(s->worker->slot,
                               NGX_MESSAGING_STAT_CONNECTIONS, -1);
    }

    ngx_http_messaging_quota_release(s);
}


static void
ngx_http_messaging_session_count_close(ngx_http_messaging_session_t *s)
{
    ngx_uint_t  i;

    static ngx_uint_t  codes[] = {
        1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012,
        1013, 4000, 4001, 4003
    };

    if (s->close_code == 0) {
        s->close_code = NGX_MESSAGING_CLOSE_ABNORMAL;
    }

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i] == s->close_code) {
            break;
        }
    }

    /* the counters stand in the order of the codes, "other" behind them */

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_CLOSED_1000 + i,
                           1);
}


void
ngx_http_messaging_session_finalize(ngx_http_messaging_session_t *s,
    ngx_int_t rc)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = s->request;
    c = s->connection;

    ngx_http_messaging_session_end(s);

    c->idle = 0;
    c->log->action = "closing connection";

    if (s->pending) {
        /* TLS has begun a record, and no other, such as the one that ends the
           connection, can be sent before that is complete */
        c->error = 1;
    }

    if (r == NULL) {
        ngx_http_messaging_detach_finalize(s, rc);
        return;
    }

    /* what nginx may still do for the request needs its own handlers */

    if (s->open) {
        c->read->handler = s->handler;
        c->write->handler = s->handler;
    }

    /* what the client has sent meanwhile must not make a reset of our Close */

    r->lingering_close = 1;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_messaging_session_read(ngx_event_t *rev)
{
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_messaging_session_t  *s;

    c = rev->data;
    r = c->data;
    s = ngx_http_get_module_ctx(r, ngx_http_messaging_module);

    ngx_http_messaging_session_readable(s);
}


void
ngx_http_messaging_session_readable(ngx_http_messaging_session_t *s)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = s->connection;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "messaging session read");

    if (c->close) {

        if (c->error) {
            /* worker_shutdown_timeout */
            ngx_http_messaging_session_finalize(s, NGX_ERROR);
            return;
        }

        c->close = 0;
        c->idle = 0;

        ngx_http_messaging_worker_drain(s->worker);
    }

    rc = ngx_http_messaging_session_receive(s);

    if (rc == NGX_DONE) {
        /* who has only half-closed reads the answers to what came before */
        (void) ngx_http_messaging_output(s);
    }

    if (rc != NGX_OK) {
        ngx_http_messaging_session_finalize(s, rc == NGX_DONE ? NGX_OK : rc);
        return;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_messaging_session_finalize(s, NGX_ERROR);
    }
}


/*
 * One buffer a turn: it may hold thousands of frames, and the others wait.
 */

static ngx_int_t
ngx_http_messaging_session_receive(ngx_http_messaging_session_t *s)
{
    ssize_t                       n;
    ngx_connection_t             *c;
    ngx_http_messaging_worker_t  *worker;

    c = s->connection;
    worker = s->worker;

    if (!c->read->ready) {
        return NGX_OK;
    }

    if (ngx_http_messaging_store_full(s) && !s->closing) {
        /* the backend comes first; it is read again when it has answered */
        return NGX_OK;
    }

    n = c->recv(c, worker->buffer, NGX_HTTP_MESSAGING_RECV_BUFFER);

    if (n == NGX_AGAIN) {
        return NGX_OK;
    }

    if (n == NGX_ERROR) {
        c->error = 1;
        return NGX_ERROR;
    }

    if (n == 0) {
        ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0,
                       "messaging client closed connection");
        return NGX_DONE;
    }

    s->heard = ngx_current_msec;

    if (s->pinged) {
        s->pinged = 0;

        /* the next ping may be due before the answer to this one was */

        ngx_http_messaging_session_schedule(s);
    }

    ngx_messaging_stat_add(worker->slot, NGX_MESSAGING_STAT_BYTES_IN, n);

    if (ngx_http_messaging_input(s, worker->buffer, worker->buffer + n)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_next_events);
    }

    return NGX_OK;
}


static void
ngx_http_messaging_session_write(ngx_event_t *wev)
{
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_messaging_session_t  *s;

    c = wev->data;
    r = c->data;
    s = ngx_http_get_module_ctx(r, ngx_http_messaging_module);

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "messaging session write");

    ngx_http_messaging_session_handle(s);
}


void
ngx_http_messaging_session_post(ngx_http_messaging_session_t *s)
{
    if (s->is_posted || s->finished) {
        return;
    }

    s->is_posted = 1;
    s->worker->nposted++;
    ngx_queue_insert_tail(&s->worker->posted, &s->posted);

    if (!s->worker->event.posted) {
        ngx_post_event(&s->worker->event, &ngx_posted_events);
    }
}


/* the posted event and the write handler: all that is to be done now */

void
ngx_http_messaging_session_handle(ngx_http_messaging_session_t *s)
{
    if (s->waiting) {

        if (s->single.ready && !ngx_http_messaging_session_lost(s)) {
            ngx_http_messaging_handshake_confirmed(s);
        }

        return;
    }

    if (s->failed) {
        ngx_http_messaging_session_finalize(s, NGX_ERROR);
        return;
    }

    if (!s->open) {
        return;
    }

    if (s->closing) {
        ngx_http_messaging_input_discard(s);
    }

    ngx_http_messaging_session_subscriptions(s);

    if (ngx_http_messaging_output(s) == NGX_ERROR) {
        ngx_http_messaging_session_finalize(s, NGX_ERROR);
        return;
    }

    if (s->finish && s->out == NULL) {
        ngx_http_messaging_session_finalize(s, NGX_OK);
        return;
    }

    if (s->conf->detach && s->request) {
        ngx_http_messaging_detach(s);
    }
}


void
ngx_http_messaging_session_close(ngx_http_messaging_session_t *s,
    ngx_uint_t code, const char *reason)
{
    u_char                    status[2];
    ngx_str_t                 parts[2];
    ngx_messaging_message_t  *m;

    if (s->closing || s->finished) {
        return;
    }

    ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                  "messaging connection closed with %ui: %s", code, reason);

    status[0] = (u_char) (code >> 8);
    status[1] = (u_char) code;

    parts[0].data = status;
    parts[0].len = 2;
    parts[1].data = (u_char *) reason;
    parts[1].len = ngx_strlen(reason);

    m = ngx_messaging_message_create(NGX_MESSAGING_FRAME_CLOSE,
                                     NGX_MESSAGING_KIND_MESSAGE, parts, 2);
    if (m) {
        ngx_http_messaging_session_send(s, m);
        ngx_messaging_message_release(m);

    } else {
        s->failed = 1;
    }

    if (s->open && ngx_http_messaging_store_full(s)
        && s->connection->read->ready)
    {
        /* what was not read meanwhile, which may have the client's answer */
        ngx_post_event(s->connection->read, &ngx_posted_events);
    }

    s->closing = 1;
    s->close_code = code;
    s->close_due = ngx_current_msec + s->conf->close_timeout;

    ngx_http_messaging_session_post(s);
    ngx_http_messaging_session_schedule(s);
}


/* sets the session's one deadline to the next thing that may be due */

void
ngx_http_messaging_session_schedule(ngx_http_messaging_session_t *s)
{
    int64_t                             left;
    ngx_queue_t                        *q;
    ngx_msec_int_t                      wait, next;
    ngx_http_messaging_subscription_t  *sub;

    if (s->closing) {
        next = (ngx_msec_int_t) (s->close_due - ngx_current_msec);
        goto set;
    }

    if (s->refusal) {
        next = (ngx_msec_int_t) (s->refusal->due - ngx_current_msec);
        goto set;
    }

    next = 3600 * 1000;

    if (s->conf->ping_interval) {
        wait = (ngx_msec_int_t) (s->heard + s->conf->ping_interval
                                 + (s->pinged ? s->conf->ping_timeout : 0)
                                 - ngx_current_msec);
        next = ngx_min(next, wait);
    }

    left = s->expires - ngx_http_messaging_session_now();
    next = ngx_min(next, left);

    wait = ngx_http_messaging_deflate_wait(s);
    next = ngx_min(next, wait);

    for (q = ngx_queue_head(&s->subscriptions);
         q != ngx_queue_sentinel(&s->subscriptions);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_http_messaging_subscription_t, queue);

        if (sub->typing || sub->held || !sub->confirmed) {
            wait = (ngx_msec_int_t) (sub->due - ngx_current_msec);
            next = ngx_min(next, wait);
        }

        if (sub->again) {
            wait = ngx_http_messaging_recheck_wait(sub);
            next = ngx_min(next, wait);
        }

        if (sub->held) {
            wait = (ngx_msec_int_t) ngx_http_messaging_limit_typing_wait(s);
            next = ngx_min(next, wait);
        }
    }

set:

    ngx_messaging_wheel_set(&s->worker->wheel, &s->deadline,
                            next > 0 ? (ngx_msec_t) next : 0);
}


void
ngx_http_messaging_session_deadline(ngx_messaging_deadline_t *d)
{
    ngx_queue_t                        *q, *next;
    ngx_http_messaging_session_t       *s;
    ngx_http_messaging_subscription_t  *sub;

    s = (ngx_http_messaging_session_t *)
            ((u_char *) d - offsetof(ngx_http_messaging_session_t, deadline));

    if (!s->open && ngx_http_messaging_session_lost(s)) {
        return;
    }

    if (s->closing) {

        if ((ngx_msec_int_t) (s->close_due - ngx_current_msec) <= 0) {
            ngx_log_error(NGX_LOG_INFO, s->connection->log, NGX_ETIMEDOUT,
                          "messaging client did not complete the close "
                          "handshake");

            ngx_messaging_stat_add(s->worker->slot,
                                   NGX_MESSAGING_STAT_LIMIT_CLOSE_TIMEOUT, 1);

            ngx_http_messaging_session_finalize(s, NGX_ERROR);
            return;
        }

        ngx_http_messaging_session_schedule(s);
        return;
    }

    if (s->refusal) {
        ngx_http_messaging_delay_end(s);
        return;
    }

    if (ngx_http_messaging_session_now() >= s->expires) {
        ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_TOKEN,
                                         "token expired");
        return;
    }

    for (q = ngx_queue_head(&s->subscriptions);
         q != ngx_queue_sentinel(&s->subscriptions);
         q = next)
    {
        next = ngx_queue_next(q);
        sub = ngx_queue_data(q, ngx_http_messaging_subscription_t, queue);

        if (sub->held) {
            ngx_http_messaging_protocol_held(s, sub);
            continue;
        }

        if ((ngx_msec_int_t) (sub->due - ngx_current_msec) > 0) {
            continue;
        }

        if (!sub->confirmed) {
            ngx_http_messaging_protocol_unconfirmed(s, sub);
            continue;
        }

        if (sub->typing) {
            ngx_http_messaging_protocol_typing(s, sub, 0);
        }
    }

    ngx_http_messaging_recheck_due(s);
    ngx_http_messaging_deflate_idle(s);
    ngx_http_messaging_session_life(s);

    if (!s->closing) {
        ngx_http_messaging_session_schedule(s);
    }
}


/* RFC 6455, section 5.5.2: a ping tells whether the peer is still there */

static void
ngx_http_messaging_session_life(ngx_http_messaging_session_t *s)
{
    ngx_msec_int_t            silent;
    ngx_messaging_message_t  *m;

    if (s->conf->ping_interval == 0) {
        return;
    }

    if (ngx_http_messaging_store_full(s)) {
        /* it is we who do not listen */
        s->heard = ngx_current_msec;
    }

    silent = (ngx_msec_int_t) (ngx_current_msec - s->heard);

    if (silent < (ngx_msec_int_t) s->conf->ping_interval) {
        return;
    }

    if (!s->pinged) {
        m = ngx_messaging_message_create(NGX_MESSAGING_FRAME_PING,
                                         NGX_MESSAGING_KIND_MESSAGE, NULL, 0);
        if (m) {
            ngx_http_messaging_session_send(s, m);
            ngx_messaging_message_release(m);
        }

        /*
         * The time to answer begins now, however late the ping is: a worker
         * that was stopped for a while does not take all clients for dead.
         */

        s->heard = ngx_current_msec - s->conf->ping_interval;
        s->pinged = 1;
        return;
    }

    silent -= (ngx_msec_int_t) (s->conf->ping_interval
                                + s->conf->ping_timeout);

    if (silent >= NGX_HTTP_MESSAGING_LATE) {
        /* it is the worker that was away, and the answer may lie unread */
        s->heard = ngx_current_msec - s->conf->ping_interval;
        return;
    }

    if (silent >= 0) {
        ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_SILENT,
                                         "no sign of life");
    }
}


int64_t
ngx_http_messaging_session_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}
