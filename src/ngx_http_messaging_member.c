
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_control.h"
#include "ngx_http_messaging_deflate.h"
#include "ngx_http_messaging_events.h"
#include "ngx_http_messaging_protocol.h"
#include "ngx_http_messaging_recheck.h"
#include "ngx_http_messaging_session.h"


/*
 * A session as a member of channels: what it has subscribed to and what comes
 * from there.  The calls of the registry are made from a loop over members:
 * they queue, set flags and the deadline, post the session, and nothing else.
 */


static void ngx_http_messaging_member_ready(ngx_messaging_subscriber_t *m);
static void ngx_http_messaging_member_message(ngx_messaging_subscriber_t *m,
    ngx_messaging_delivery_t *d);
static void ngx_http_messaging_member_gap(ngx_messaging_subscriber_t *m);


ngx_messaging_member_events_t  ngx_http_messaging_member_events = {
    ngx_http_messaging_member_ready,
    ngx_http_messaging_member_message,
    ngx_http_messaging_member_gap
};


ngx_int_t
ngx_http_messaging_session_subscribe(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub, ngx_str_t *name)
{
    ngx_int_t  rc;

    sub->session = s;
    sub->confirmed = 0;
    sub->ready = 0;
    sub->typing = 0;
    sub->held = 0;
    sub->present = 0;
    sub->due = ngx_current_msec + NGX_HTTP_MESSAGING_CONFIRM_TIMEOUT;

    ngx_http_messaging_recheck_begin(s, sub);

    rc = ngx_messaging_channel_join(&s->worker->channels, name,
                                    &sub->subscriber);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&s->subscriptions, &sub->queue);
    s->nsubscriptions++;

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_SUBSCRIPTIONS,
                           1);

    if (rc == NGX_OK) {
        sub->confirmed = 1;
        return NGX_OK;
    }

    return NGX_AGAIN;
}


/* sub == NULL: all of them */

void
ngx_http_messaging_session_unsubscribe(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    ngx_queue_t  *q;

    if (sub == NULL) {
        while (!ngx_queue_empty(&s->subscriptions)) {
            q = ngx_queue_head(&s->subscriptions);
            sub = ngx_queue_data(q, ngx_http_messaging_subscription_t, queue);

            ngx_http_messaging_session_unsubscribe(s, sub);
        }

        return;
    }

    if (sub->typing) {
        ngx_http_messaging_protocol_typing(s, sub, 0);
    }

    ngx_http_messaging_events_part(s, sub);

    ngx_messaging_channel_leave(&s->worker->channels, &sub->subscriber);

    ngx_queue_remove(&sub->queue);
    s->nsubscriptions--;

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_SUBSCRIPTIONS,
                           -1);

    if (sub != &s->single) {
        ngx_free(sub);
    }
}


ngx_http_messaging_subscription_t *
ngx_http_messaging_session_find(ngx_http_messaging_session_t *s,
    ngx_str_t *name)
{
    ngx_queue_t                        *q;
    ngx_messaging_channel_t            *ch;
    ngx_http_messaging_subscription_t  *sub;

    for (q = ngx_queue_head(&s->subscriptions);
         q != ngx_queue_sentinel(&s->subscriptions);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_http_messaging_subscription_t, queue);
        ch = sub->subscriber.channel;

        if (ch->len == name->len
            && ngx_memcmp(ch->name, name->data, name->len) == 0)
        {
            return sub;
        }
    }

    return NULL;
}


/* a closing session leaves its channels, an open one greets new ones */

void
ngx_http_messaging_session_subscriptions(ngx_http_messaging_session_t *s)
{
    ngx_queue_t                        *q;
    ngx_http_messaging_subscription_t  *sub;

    if (s->closing) {
        ngx_http_messaging_session_unsubscribe(s, NULL);
        return;
    }

    if (!s->greet) {
        return;
    }

    s->greet = 0;

    for (q = ngx_queue_head(&s->subscriptions);
         q != ngx_queue_sentinel(&s->subscriptions);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_http_messaging_subscription_t, queue);

        if (sub->ready) {
            sub->ready = 0;
            ngx_http_messaging_events_join(s, sub);
            ngx_http_messaging_protocol_subscribed(s, sub);
        }
    }
}


static void
ngx_http_messaging_member_ready(ngx_messaging_subscriber_t *m)
{
    ngx_http_messaging_subscription_t  *sub;

    sub = (ngx_http_messaging_subscription_t *) m;

    if (sub->confirmed) {
        return;
    }

    sub->confirmed = 1;
    sub->ready = 1;
    sub->session->greet = 1;

    ngx_http_messaging_session_post(sub->session);
}


static void
ngx_http_messaging_member_message(ngx_messaging_subscriber_t *m,
    ngx_messaging_delivery_t *d)
{
    ngx_uint_t                          form;
    ngx_messaging_message_t            *message;
    ngx_http_messaging_session_t       *s;
    ngx_http_messaging_subscription_t  *sub;

    sub = (ngx_http_messaging_subscription_t *) m;
    s = sub->session;

    /* nothing before the client was told that it is on the channel */

    if (!sub->confirmed || sub->ready || !s->open || s->closing) {
        return;
    }

    if (d->envelope.exclude.len
        && d->envelope.exclude.len == s->user.len
        && ngx_memcmp(d->envelope.exclude.data, s->user.data, s->user.len)
           == 0)
    {
        return;
    }

    if (d->envelope.except.len
        && ngx_http_messaging_control_is(s, &d->envelope.except))
    {
        return;
    }

    form = (s->conf->endpoint == NGX_HTTP_MESSAGING_ENDPOINT_MANY)
           ? NGX_MESSAGING_FORM_TAGGED : NGX_MESSAGING_FORM_PLAIN;

    message = ngx_messaging_delivery_form(d, form,
                                      s->server_takeover ? 0 : s->server_bits);

    if (message == NULL) {
        /* losing it in silence would be worse */
        s->failed = 1;
        ngx_http_messaging_session_post(s);
        return;
    }

    if (s->server_takeover) {
        ngx_http_messaging_deflate_send(s, message);
        return;
    }

    ngx_http_messaging_session_send(s, message);
}


static void
ngx_http_messaging_member_gap(ngx_messaging_subscriber_t *m)
{
    ngx_http_messaging_subscription_t  *sub;

    sub = (ngx_http_messaging_subscription_t *) m;

    if (sub->confirmed && sub->session->open) {
        ngx_http_messaging_protocol_resync(sub->session, sub);
    }
}
