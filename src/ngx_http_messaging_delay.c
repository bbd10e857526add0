
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_delay.h"
#include "ngx_http_messaging_session.h"


/*
 * A client that comes back at once whenever it is refused is slowed down: its
 * Close frame, or its status, has to wait.  It has the 101 by then, so that
 * it does not give up and try again; it holds its connection and nothing
 * else, and is obeyed in nothing but its own Close.
 *
 * Such a wait must not become a way to use up connections: only a part of
 * them may wait in a worker, whoever comes on top is refused at once.
 */

#define NGX_HTTP_MESSAGING_DELAY_PART  8


static ngx_int_t ngx_http_messaging_delay_wait(ngx_http_messaging_session_t *s,
    ngx_msec_t delay, ngx_uint_t code, const char *reason, ngx_int_t status);
static void ngx_http_messaging_delay_read(ngx_event_t *rev);
static void ngx_http_messaging_delay_answer(ngx_http_messaging_session_t *s);


ngx_msec_t
ngx_http_messaging_delay_next(ngx_http_messaging_session_t *s, ngx_uint_t code)
{
    uint64_t                      key;
    ngx_msec_t                    delay;
    ngx_messaging_shm_t          *shm;
    ngx_http_messaging_worker_t  *worker;

    /* the server's own troubles are no reason to punish anybody */

    if (!s->conf->refuse_delay
        || (code != NGX_MESSAGING_CLOSE_TOKEN
            && code != NGX_MESSAGING_CLOSE_ACCESS))
    {
        return 0;
    }

    worker = s->worker;
    shm = worker->conf->shm;

    key = ngx_messaging_key_address(shm->address_seed,
                                    s->connection->sockaddr);
    if (key == 0) {
        return 0;
    }

    delay = ngx_messaging_refusals_add(&shm->refusals, key, ngx_current_msec);

    /* a worker that leaves waits for nobody */

    if (delay == 0 || ngx_exiting
        || worker->nrefusals >= ngx_cycle->connection_n
                                / NGX_HTTP_MESSAGING_DELAY_PART)
    {
        return 0;
    }

    ngx_messaging_stat_add(worker->slot, NGX_MESSAGING_STAT_LIMIT_REFUSE_DELAY,
                           1);

    ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                  "messaging refusal delayed by %M ms", delay);

    return delay;
}


static ngx_int_t
ngx_http_messaging_delay_wait(ngx_http_messaging_session_t *s,
    ngx_msec_t delay, ngx_uint_t code, const char *reason, ngx_int_t status)
{
    s->refusal = ngx_palloc(s->request->pool,
                            sizeof(ngx_http_messaging_refusal_t));
    if (s->refusal == NULL) {
        return NGX_ERROR;
    }

    s->refusal->due = ngx_current_msec + delay;
    s->refusal->code = code;
    s->refusal->reason = reason;
    s->refusal->status = status;

    s->worker->nrefusals++;

    ngx_http_messaging_session_schedule(s);

    return NGX_OK;
}


ngx_int_t
ngx_http_messaging_delay_close(ngx_http_messaging_session_t *s,
    ngx_msec_t delay, ngx_uint_t code, const char *reason)
{
    return ngx_http_messaging_delay_wait(s, delay, code, reason, 0);
}


ngx_int_t
ngx_http_messaging_delay_status(ngx_http_messaging_session_t *s,
    ngx_msec_t delay, ngx_int_t status)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = s->request;
    c = s->connection;

    if (ngx_http_messaging_delay_wait(s, delay, 0, NULL, status) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* nginx looks after the client, and tells an idle one of a shutdown */

    s->handler = c->read->handler;
    c->read->handler = ngx_http_messaging_delay_read;
    c->idle = 1;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_messaging_delay_read(ngx_event_t *rev)
{
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_messaging_session_t  *s;

    c = rev->data;
    r = c->data;
    s = ngx_http_get_module_ctx(r, ngx_http_messaging_module);

    if (s == NULL || s->refusal == NULL) {

        /* the client has left and post_action goes on with the request */

        c->close &= c->error;
        c->idle = 0;

        rev->handler = c->write->handler;
        rev->handler(rev);
        return;
    }

    if (c->close) {
        c->close = 0;
        ngx_http_messaging_delay_answer(s);
        return;
    }

    s->handler(rev);
}


void
ngx_http_messaging_delay_end(ngx_http_messaging_session_t *s)
{
    if ((ngx_msec_int_t) (s->refusal->due - ngx_current_msec) > 0) {
        ngx_http_messaging_session_schedule(s);
        return;
    }

    if (s->open) {
        ngx_http_messaging_session_close(s, s->refusal->code,
                                         s->refusal->reason);
        return;
    }

    ngx_http_messaging_delay_answer(s);
}


static void
ngx_http_messaging_delay_answer(ngx_http_messaging_session_t *s)
{
    ngx_int_t            status;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = s->request;
    c = s->connection;
    status = s->refusal->status;

    ngx_http_messaging_session_end(s);

    c->idle = 0;
    c->read->handler = s->handler;
    r->read_event_handler = ngx_http_block_reading;

    ngx_http_finalize_request(r, status);
    ngx_http_run_posted_requests(c);
}


void
ngx_http_messaging_delay_flush(ngx_http_messaging_worker_t *worker)
{
    ngx_queue_t                   *q;
    ngx_http_messaging_session_t  *s;

    for (q = ngx_queue_head(&worker->sessions);
         q != ngx_queue_sentinel(&worker->sessions);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_http_messaging_session_t, queue);

        /* closing one only posts it */

        if (s->refusal && s->open) {
            ngx_http_messaging_session_close(s, s->refusal->code,
                                             s->refusal->reason);
        }
    }
}


void
ngx_http_messaging_delay_forget(ngx_http_messaging_session_t *s)
{
    if (s->refusal) {
        s->refusal = NULL;
        s->worker->nrefusals--;
    }
}
