
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_ask.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_protocol.h"
#include "ngx_http_messaging_recheck.h"
#include "ngx_http_messaging_verdict.h"


/*
 * A question belongs to its session, which may end before there is an answer.
 * A call of the backend is told to forget who has asked; what Redis is asked
 * is always answered, so the question is kept until then, without a session.
 *
 * What is done with an answer may finalize the request, so it is handed over
 * at the top of an event, and not while Redis' replies are read.
 */


struct ngx_http_messaging_ask_s {
    ngx_queue_t                    queue;        /* session->asks */
    ngx_http_messaging_session_t  *session;      /* NULL: nobody waits */
    ngx_http_messaging_call_t     *call;
    ngx_event_t                    event;        /* the answer, or the end of
                                                    the time for it */
    ngx_str_t                      name;         /* behind the struct */
    ngx_uint_t                     flags;
    uint64_t                       count;        /* for the cache */
    ngx_int_t                      rc;
    ngx_uint_t                     read_only;
    unsigned                       replying:1;   /* Redis is about to */
    unsigned                       repeat:1;
};


/* NULL in the session while there is nothing of it */

struct ngx_http_messaging_asks_s {
    ngx_queue_t                    queue;
    ngx_str_t                      token;        /* of "auth" */
};


static ngx_http_messaging_asks_t *ngx_http_messaging_ask_list(
    ngx_http_messaging_session_t *s);
static void ngx_http_messaging_ask_trim(ngx_http_messaging_session_t *s);
static ngx_int_t ngx_http_messaging_ask_start(ngx_http_messaging_ask_t *ask);
static void ngx_http_messaging_ask_answered(void *data,
    ngx_http_messaging_call_t *call);
static void ngx_http_messaging_ask_replied(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_http_messaging_ask_event(ngx_event_t *ev);
static void ngx_http_messaging_ask_deliver(ngx_http_messaging_ask_t *ask);
static ngx_uint_t ngx_http_messaging_ask_same(ngx_http_messaging_ask_t *ask,
    ngx_str_t *conversation);
static void ngx_http_messaging_ask_free(ngx_http_messaging_ask_t *ask);


ngx_int_t
ngx_http_messaging_ask(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_uint_t flags)
{
    ngx_http_messaging_ask_t   *ask;
    ngx_http_messaging_asks_t  *asks;

    asks = ngx_http_messaging_ask_list(s);
    if (asks == NULL) {
        return NGX_ERROR;
    }

    ask = ngx_calloc(sizeof(ngx_http_messaging_ask_t) + conversation->len,
                     s->connection->log);
    if (ask == NULL) {
        ngx_http_messaging_ask_trim(s);
        return NGX_ERROR;
    }

    ask->session = s;
    ask->flags = flags;
    ask->name.len = conversation->len;
    ask->name.data = (u_char *) ask + sizeof(ngx_http_messaging_ask_t);
    ngx_memcpy(ask->name.data, conversation->data, conversation->len);

    ask->event.handler = ngx_http_messaging_ask_event;
    ask->event.data = &s->worker->dummy;
    ask->event.log = ngx_cycle->log;

    ask->rc = (flags & NGX_HTTP_MESSAGING_ASK_FRESH)
              ? NGX_AGAIN
              : ngx_http_messaging_verdict_get(s, conversation,
                                               &ask->read_only);

    if (ask->rc != NGX_AGAIN) {
        ngx_post_event(&ask->event, &ngx_posted_events);

    } else if (ngx_http_messaging_ask_start(ask) != NGX_OK) {
        ngx_free(ask);
        ngx_http_messaging_ask_trim(s);
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&asks->queue, &ask->queue);

    return NGX_OK;
}


static ngx_http_messaging_asks_t *
ngx_http_messaging_ask_list(ngx_http_messaging_session_t *s)
{
    if (s->asks) {
        return s->asks;
    }

    s->asks = ngx_calloc(sizeof(ngx_http_messaging_asks_t),
                         s->connection->log);

    if (s->asks) {
        ngx_queue_init(&s->asks->queue);
    }

    return s->asks;
}


static void
ngx_http_messaging_ask_trim(ngx_http_messaging_session_t *s)
{
    if (s->asks && s->asks->token.data == NULL
        && ngx_queue_empty(&s->asks->queue))
    {
        ngx_free(s->asks);
        s->asks = NULL;
    }
}


static ngx_int_t
ngx_http_messaging_ask_start(ngx_http_messaging_ask_t *ask)
{
    ngx_str_t                      args;
    ngx_http_messaging_session_t  *s;

    s = ask->session;

    ask->count = ngx_http_messaging_verdict_count(s);

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_ACCESS_ASKED,
                           1);

    if (s->conf->access == NGX_HTTP_MESSAGING_ACCESS_REDIS) {

        if (ngx_http_messaging_ask_redis(s, &ask->name,
                                         ngx_http_messaging_ask_replied, ask)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ask->replying = 1;
        ngx_add_timer(&ask->event, s->conf->access_timeout);

        return NGX_OK;
    }

    ask->call = ngx_http_messaging_ask_request(s, &ask->name, &s->asks->token,
                                               &args);
    if (ask->call == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_messaging_call_start(ask->call, s->conf->access_uri, &args,
                                         s->conf->access_timeout,
                                         ngx_http_messaging_ask_answered, ask);
}


static void
ngx_http_messaging_ask_answered(void *data, ngx_http_messaging_call_t *call)
{
    ngx_http_messaging_ask_t *ask = data;

    ngx_uint_t  fleeting;

    ask->call = NULL;
    fleeting = 0;

    if (!ask->repeat) {
        ask->rc = ngx_http_messaging_ask_verdict(ask->session, call,
                                                 &ask->read_only, &fleeting);

        if (!fleeting) {
            ngx_http_messaging_verdict_put(ask->session, &ask->name, ask->rc,
                                           ask->read_only, ask->count);
        }
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ask->session->connection->log, 0,
                   "messaging access answer %ui: %i", call->status, ask->rc);

    ngx_http_messaging_ask_deliver(ask);
}


static void
ngx_http_messaging_ask_replied(void *data, ngx_messaging_resp_reply_t *reply)
{
    ngx_http_messaging_ask_t *ask = data;

    ask->replying = 0;

    if (ask->session == NULL) {
        ngx_free(ask);
        return;
    }

    ask->rc = ngx_http_messaging_ask_member(ask->session, reply);

    ngx_http_messaging_verdict_put(ask->session, &ask->name, ask->rc, 0,
                                   ask->count);

    ngx_del_timer(&ask->event);
    ngx_post_event(&ask->event, &ngx_posted_events);
}


static void
ngx_http_messaging_ask_event(ngx_event_t *ev)
{
    ngx_http_messaging_ask_t  *ask;

    ask = (ngx_http_messaging_ask_t *)
              ((u_char *) ev - offsetof(ngx_http_messaging_ask_t, event));

    if (ev->timedout) {
        ngx_log_error(NGX_LOG_ERR, ask->session->connection->log,
                      NGX_ETIMEDOUT, "messaging access check timed out");
        ask->rc = NGX_ERROR;
    }

    ngx_http_messaging_ask_deliver(ask);
}


static void
ngx_http_messaging_ask_deliver(ngx_http_messaging_ask_t *ask)
{
    ngx_http_messaging_session_t  *s;

    s = ask->session;

    ngx_queue_remove(&ask->queue);

    if (ask->repeat) {
        ask->rc = NGX_ERROR;

        if (!s->closing
            && ngx_http_messaging_ask(s, &ask->name, ask->flags
                                      | NGX_HTTP_MESSAGING_ASK_FRESH)
               == NGX_OK)
        {
            ngx_http_messaging_ask_free(ask);
            return;
        }
    }

    ngx_http_messaging_ask_trim(s);

    if (ask->flags & NGX_HTTP_MESSAGING_ASK_MEMBER) {
        ngx_http_messaging_recheck_answered(s, &ask->name, ask->rc,
                                            ask->read_only);

    } else if (s->open) {
        ngx_http_messaging_protocol_asked(s, &ask->name, ask->rc,
                                          ask->read_only);

    } else {
        ngx_http_messaging_handshake_asked(s, ask->rc, ask->read_only);
    }

    ngx_http_messaging_ask_free(ask);
}


ngx_http_messaging_ask_t *
ngx_http_messaging_ask_find(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation)
{
    ngx_queue_t               *q;
    ngx_http_messaging_ask_t  *ask;

    if (s->asks == NULL) {
        return NULL;
    }

    for (q = ngx_queue_head(&s->asks->queue);
         q != ngx_queue_sentinel(&s->asks->queue);
         q = ngx_queue_next(q))
    {
        ask = ngx_queue_data(q, ngx_http_messaging_ask_t, queue);

        if (ngx_http_messaging_ask_same(ask, conversation)) {
            return ask;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_messaging_ask_same(ngx_http_messaging_ask_t *ask,
    ngx_str_t *conversation)
{
    return ask->name.len == conversation->len
           && ngx_memcmp(ask->name.data, conversation->data,
                         conversation->len)
              == 0;
}


ngx_uint_t
ngx_http_messaging_ask_count(ngx_http_messaging_session_t *s)
{
    ngx_uint_t                 n;
    ngx_queue_t               *q;
    ngx_http_messaging_ask_t  *ask;

    if (s->asks == NULL) {
        return 0;
    }

    n = 0;

    for (q = ngx_queue_head(&s->asks->queue);
         q != ngx_queue_sentinel(&s->asks->queue);
         q = ngx_queue_next(q))
    {
        ask = ngx_queue_data(q, ngx_http_messaging_ask_t, queue);

        n += !(ask->flags & NGX_HTTP_MESSAGING_ASK_MEMBER);
    }

    return n;
}


void
ngx_http_messaging_ask_repeat(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation)
{
    ngx_queue_t               *q;
    ngx_http_messaging_ask_t  *ask;

    if (s->asks == NULL) {
        return;
    }

    for (q = ngx_queue_head(&s->asks->queue);
         q != ngx_queue_sentinel(&s->asks->queue);
         q = ngx_queue_next(q))
    {
        ask = ngx_queue_data(q, ngx_http_messaging_ask_t, queue);

        if (conversation == NULL
            || ngx_http_messaging_ask_same(ask, conversation))
        {
            ask->repeat = 1;
        }
    }
}


void
ngx_http_messaging_ask_forget(ngx_http_messaging_session_t *s,
    ngx_http_messaging_ask_t *ask)
{
    ngx_queue_t  *q;

    if (ask) {
        ngx_queue_remove(&ask->queue);
        ngx_http_messaging_ask_free(ask);
        ngx_http_messaging_ask_trim(s);
        return;
    }

    if (s->asks == NULL) {
        return;
    }

    while (!ngx_queue_empty(&s->asks->queue)) {
        q = ngx_queue_head(&s->asks->queue);
        ngx_queue_remove(q);
        ngx_http_messaging_ask_free(ngx_queue_data(q,
                                          ngx_http_messaging_ask_t, queue));
    }

    if (s->asks->token.data) {
        ngx_free(s->asks->token.data);
    }

    ngx_free(s->asks);
    s->asks = NULL;
}


/* one that Redis has not replied to is freed when it does */

static void
ngx_http_messaging_ask_free(ngx_http_messaging_ask_t *ask)
{
    if (ask->call) {
        ngx_http_messaging_call_forget(ask->call);
    }

    if (ask->event.timer_set) {
        ngx_del_timer(&ask->event);
    }

    if (ask->event.posted) {
        ngx_delete_posted_event(&ask->event);
    }

    ask->session = NULL;

    if (!ask->replying) {
        ngx_free(ask);
    }
}


ngx_int_t
ngx_http_messaging_ask_token(ngx_http_messaging_session_t *s,
    ngx_str_t *token)
{
    u_char                     *p;
    ngx_http_messaging_asks_t  *asks;

    asks = ngx_http_messaging_ask_list(s);
    if (asks == NULL) {
        return NGX_ERROR;
    }

    p = ngx_alloc(token->len, s->connection->log);

    if (p == NULL) {
        ngx_http_messaging_ask_trim(s);
        return NGX_ERROR;
    }

    ngx_memcpy(p, token->data, token->len);

    if (asks->token.data) {
        ngx_free(asks->token.data);
    }

    asks->token.data = p;
    asks->token.len = token->len;

    return NGX_OK;
}
