
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_ask.h"
#include "ngx_http_messaging_recheck.h"
#include "ngx_http_messaging_relay.h"


/*
 * Each subscription has a time of its own at which it is asked for again, so
 * that neither the conversations of a socket for many nor those who came back
 * after a reload are asked for at once.  The time is looked at by the one
 * deadline that the session has.
 *
 * Who cannot be asked for stays: a backend that is down for a while must not
 * throw everybody out, who would all come back to be asked for again.
 */

#define NGX_HTTP_MESSAGING_RECHECK_RETRY  10000     /* ms, without interval */


static void ngx_http_messaging_recheck_set(
    ngx_http_messaging_subscription_t *sub, ngx_msec_t delay);
static void ngx_http_messaging_recheck_next(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);
static void ngx_http_messaging_recheck_name(ngx_str_t *name,
    ngx_http_messaging_subscription_t *sub);
static void ngx_http_messaging_recheck_failed(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);
static void ngx_http_messaging_recheck_withdraw(
    ngx_http_messaging_session_t *s, ngx_http_messaging_subscription_t *sub,
    ngx_str_t *conversation);


void
ngx_http_messaging_recheck_begin(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    ngx_msec_t  half;

    sub->again = 0;
    sub->fresh = 0;

    if (s->conf->access_recheck && ngx_http_messaging_asks(s->conf)) {
        half = s->conf->access_recheck / 2;
        ngx_http_messaging_recheck_set(sub, half + ngx_random() % half);
    }
}


static void
ngx_http_messaging_recheck_set(ngx_http_messaging_subscription_t *sub,
    ngx_msec_t delay)
{
    sub->again = 1;
    sub->recheck = (uint32_t) (ngx_current_msec + delay);
}


/* never later than the interval, and not in step with others */

static void
ngx_http_messaging_recheck_next(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    ngx_msec_t  delay;

    delay = s->conf->access_recheck ? s->conf->access_recheck
                                    : NGX_HTTP_MESSAGING_RECHECK_RETRY;

    ngx_http_messaging_recheck_set(sub, delay - ngx_random() % (delay / 4));
}


ngx_msec_int_t
ngx_http_messaging_recheck_wait(ngx_http_messaging_subscription_t *sub)
{
    return (int32_t) (sub->recheck - (uint32_t) ngx_current_msec);
}


static void
ngx_http_messaging_recheck_name(ngx_str_t *name,
    ngx_http_messaging_subscription_t *sub)
{
    name->data = sub->subscriber.channel->name;
    name->len = sub->subscriber.channel->len;
}


void
ngx_http_messaging_recheck_due(ngx_http_messaging_session_t *s)
{
    ngx_str_t                           name;
    ngx_uint_t                          flags;
    ngx_queue_t                        *q;
    ngx_http_messaging_subscription_t  *sub;

    for (q = ngx_queue_head(&s->subscriptions);
         q != ngx_queue_sentinel(&s->subscriptions);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_http_messaging_subscription_t, queue);

        if (!sub->again || ngx_http_messaging_recheck_wait(sub) > 0) {
            continue;
        }

        ngx_http_messaging_recheck_name(&name, sub);

        if (ngx_http_messaging_ask_find(s, &name)) {

            /* what is asked now may be answered as of before */

            ngx_http_messaging_ask_repeat(s, &name);
            sub->again = 0;
            continue;
        }

        flags = NGX_HTTP_MESSAGING_ASK_MEMBER;

        if (sub->fresh) {
            flags |= NGX_HTTP_MESSAGING_ASK_FRESH;
        }

        if (ngx_http_messaging_ask(s, &name, flags) != NGX_OK) {
            ngx_http_messaging_recheck_failed(s, sub);
            continue;
        }

        sub->again = 0;
        sub->fresh = 0;
    }
}


void
ngx_http_messaging_recheck_session(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_msec_t spread)
{
    ngx_str_t                           name;
    ngx_queue_t                        *q;
    ngx_msec_t                          delay;
    ngx_http_messaging_subscription_t  *sub;

    if (!ngx_http_messaging_asks(s->conf)) {
        return;
    }

    ngx_http_messaging_recheck_distrust(s);
    ngx_http_messaging_ask_repeat(s, conversation);

    for (q = ngx_queue_head(&s->subscriptions);
         q != ngx_queue_sentinel(&s->subscriptions);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_http_messaging_subscription_t, queue);

        ngx_http_messaging_recheck_name(&name, sub);

        if (conversation
            && (name.len != conversation->len
                || ngx_memcmp(name.data, conversation->data, name.len) != 0))
        {
            continue;
        }

        delay = spread ? ngx_random() % spread : 0;

        if (!sub->again
            || ngx_http_messaging_recheck_wait(sub) > (ngx_msec_int_t) delay)
        {
            ngx_http_messaging_recheck_set(sub, delay);
        }

        sub->fresh = 1;
    }

    if (s->open) {
        ngx_http_messaging_session_schedule(s);
    }
}


/* conversations that the backend has listed are to be asked for one by one */

void
ngx_http_messaging_recheck_distrust(ngx_http_messaging_session_t *s)
{
    if (s->conf->access != NGX_HTTP_MESSAGING_ACCESS_REQUEST
        || s->conf->endpoint != NGX_HTTP_MESSAGING_ENDPOINT_MANY)
    {
        return;
    }

    if (s->access) {
        json_decref(s->access);
        s->access = NULL;
    }

    /* and a list that is about to come may be one of before */

    if (!s->open) {
        ngx_http_messaging_ask_repeat(s, NULL);
    }
}


void
ngx_http_messaging_recheck_answered(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_int_t rc, ngx_uint_t read_only)
{
    ngx_http_messaging_subscription_t  *sub;

    sub = ngx_http_messaging_session_find(s, conversation);

    if (s->closing || sub == NULL) {
        return;
    }

    switch (rc) {

    case NGX_OK:
        ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_ACCESS_KEPT,
                               1);

        sub->read_only = read_only;

        if (!sub->again && s->conf->access_recheck) {
            ngx_http_messaging_recheck_next(s, sub);
        }

        break;

    case NGX_HTTP_UNAUTHORIZED:
        ngx_messaging_stat_add(s->worker->slot,
                               NGX_MESSAGING_STAT_ACCESS_WITHDRAWN, 1);
        ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_TOKEN,
                                         "token refused");
        return;

    case NGX_DECLINED:
        ngx_http_messaging_recheck_withdraw(s, sub, conversation);
        return;

    default: /* NGX_ERROR */
        ngx_http_messaging_recheck_failed(s, sub);
        break;
    }

    ngx_http_messaging_session_schedule(s);
}


static void
ngx_http_messaging_recheck_failed(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    ngx_str_t  name;

    ngx_http_messaging_recheck_name(&name, sub);

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_ACCESS_FAILED,
                           1);

    ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                  "messaging user \"%V\" stays in \"%V\": "
                  "access could not be checked again", &s->user, &name);

    ngx_http_messaging_recheck_next(s, sub);
    sub->fresh = 1;
}


static void
ngx_http_messaging_recheck_withdraw(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub, ngx_str_t *conversation)
{
    ngx_messaging_stat_add(s->worker->slot,
                           NGX_MESSAGING_STAT_ACCESS_WITHDRAWN, 1);

    if (s->conf->endpoint != NGX_HTTP_MESSAGING_ENDPOINT_MANY) {
        ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_ACCESS,
                                         "access withdrawn");
        return;
    }

    ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                  "messaging user \"%V\" loses \"%V\": no access",
                  &s->user, conversation);

    ngx_http_messaging_session_unsubscribe(s, sub);
    ngx_http_messaging_relay_error(s, conversation, "access_denied",
                                   "access withdrawn");
}
