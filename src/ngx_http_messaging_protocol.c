
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_access.h"
#include "ngx_http_messaging_ask.h"
#include "ngx_http_messaging_auth.h"
#include "ngx_http_messaging_events.h"
#include "ngx_http_messaging_limit.h"
#include "ngx_http_messaging_protocol.h"
#include "ngx_http_messaging_recheck.h"
#include "ngx_http_messaging_relay.h"
#include "ngx_http_messaging_session.h"
#include "ngx_http_messaging_text.h"
#include "ngx_messaging_json.h"


/*
 * The frames of clients: which there are, who may send them where, and what
 * is answered at once.  What goes to the others is built in relay.c.
 */


typedef void (*ngx_http_messaging_frame_pt)(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation);


/* what a frame needs before its handler sees it */

#define NGX_HTTP_MESSAGING_FRAME_NONE        0
#define NGX_HTTP_MESSAGING_FRAME_CHANNEL     1   /* a channel it is on */
#define NGX_HTTP_MESSAGING_FRAME_ID          2   /* a conversation_id */


typedef struct {
    const char                   *type;
    ngx_uint_t                    needs;
    ngx_http_messaging_frame_pt   handler;
} ngx_http_messaging_frame_t;


static ngx_int_t ngx_http_messaging_protocol_is_ping(u_char *p, size_t len);
static ngx_int_t ngx_http_messaging_protocol_is_typing(u_char *p, size_t len,
    ngx_uint_t *is_typing);
static void ngx_http_messaging_protocol_dispatch(
    ngx_http_messaging_session_t *s, json_t *frame, const char *type);
static ngx_int_t ngx_http_messaging_protocol_conversation(
    ngx_http_messaging_session_t *s, json_t *frame, ngx_str_t *id,
    u_char *buf, size_t size);

static void ngx_http_messaging_protocol_ping(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation);
static void ngx_http_messaging_protocol_typing_frame(
    ngx_http_messaging_session_t *s, json_t *frame, ngx_str_t *conversation);
static void ngx_http_messaging_protocol_said(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_uint_t is_typing);
static void ngx_http_messaging_protocol_hold(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub, ngx_uint_t is_typing);
static void ngx_http_messaging_protocol_read(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation);
static void ngx_http_messaging_protocol_message(
    ngx_http_messaging_session_t *s, json_t *frame, ngx_str_t *conversation);
static void ngx_http_messaging_protocol_subscribe(
    ngx_http_messaging_session_t *s, json_t *frame, ngx_str_t *conversation);
static void ngx_http_messaging_protocol_enter(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_uint_t read_only);
static void ngx_http_messaging_protocol_unsubscribe(
    ngx_http_messaging_session_t *s, json_t *frame, ngx_str_t *conversation);
static void ngx_http_messaging_protocol_auth(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation);
static void ngx_http_messaging_protocol_name(ngx_str_t *name,
    ngx_http_messaging_subscription_t *sub);
static void ngx_http_messaging_protocol_notice(ngx_http_messaging_session_t *s,
    const char *type, ngx_str_t *conversation);


static ngx_http_messaging_frame_t  ngx_http_messaging_frames[] = {

    { "ping", NGX_HTTP_MESSAGING_FRAME_NONE,
      ngx_http_messaging_protocol_ping },

    { "typing", NGX_HTTP_MESSAGING_FRAME_CHANNEL,
      ngx_http_messaging_protocol_typing_frame },

    { "read", NGX_HTTP_MESSAGING_FRAME_CHANNEL,
      ngx_http_messaging_protocol_read },

    { "message", NGX_HTTP_MESSAGING_FRAME_CHANNEL,
      ngx_http_messaging_protocol_message },

    { "subscribe", NGX_HTTP_MESSAGING_FRAME_ID,
      ngx_http_messaging_protocol_subscribe },

    { "unsubscribe", NGX_HTTP_MESSAGING_FRAME_ID,
      ngx_http_messaging_protocol_unsubscribe },

    { "auth", NGX_HTTP_MESSAGING_FRAME_NONE,
      ngx_http_messaging_protocol_auth },

    { NULL, 0, NULL }
};


void
ngx_http_messaging_protocol_input(ngx_http_messaging_session_t *s, u_char *p,
    size_t len)
{
    json_t      *frame, *type;
    ngx_uint_t   is_typing;

    if (ngx_http_messaging_protocol_is_ping(p, len) == NGX_OK) {
        ngx_http_messaging_protocol_ping(s, NULL, NULL);
        return;
    }

    if (s->conf->endpoint == NGX_HTTP_MESSAGING_ENDPOINT_ONE
        && ngx_http_messaging_protocol_is_typing(p, len, &is_typing) == NGX_OK)
    {
        ngx_http_messaging_protocol_said(s, &s->conversation, is_typing);
        return;
    }

    frame = ngx_messaging_json_object(p, len, NGX_MESSAGING_JSON_MAX_VALUES);

    if (frame == NULL) {
        ngx_http_messaging_relay_error(s, NULL, "invalid_json",
                                       "a JSON object within the limits is "
                                       "expected");
        return;
    }

    type = json_object_get(frame, "type");

    if (json_is_string(type)) {
        ngx_http_messaging_protocol_dispatch(s, frame,
                                             json_string_value(type));

    } else {
        ngx_http_messaging_relay_error(s, NULL, "invalid_frame",
                                       "\\\"type\\\" is missing");
    }

    json_decref(frame);
}


/*
 * Nothing is obeyed but "auth", since the session would end without it; who
 * waits for the answer to a "message" gets it.  That takes a parser, for no
 * more frames than messaging_rate has a burst.
 */

void
ngx_http_messaging_protocol_limited(ngx_http_messaging_session_t *s,
    u_char *p, size_t len)
{
    u_char       buf[128];
    json_t      *frame, *client_id;
    ngx_str_t    id, *conversation;
    const char  *type;

    frame = NULL;
    client_id = NULL;
    conversation = NULL;

    if (ngx_http_messaging_protocol_is_ping(p, len) != NGX_OK) {
        frame = ngx_messaging_json_object(p, len,
                                          NGX_MESSAGING_JSON_MAX_VALUES);
    }

    if (frame) {
        type = json_string_value(json_object_get(frame, "type"));

        if (type && ngx_strcmp(type, "auth") == 0) {
            ngx_http_messaging_protocol_auth(s, frame, NULL);
            json_decref(frame);
            return;
        }

        if (type && ngx_strcmp(type, "message") == 0) {
            client_id = json_object_get(frame, "client_id");

            if (ngx_http_messaging_protocol_conversation(s, frame, &id, buf,
                                                         sizeof(buf))
                == NGX_OK)
            {
                conversation = &id;
            }
        }
    }

    ngx_http_messaging_relay_nack(s, conversation, client_id, "rate_limited",
                                  "too many frames, send them more slowly",
                                  ngx_http_messaging_limit_wait(s));

    if (frame) {
        json_decref(frame);
    }
}


/* the commonest frame of an idle client, as JSON.stringify() writes it and
   as Python does */

static ngx_int_t
ngx_http_messaging_protocol_is_ping(u_char *p, size_t len)
{
    static const u_char  compact[] = "{\"type\":\"ping\"}";
    static const u_char  spaced[] = "{\"type\": \"ping\"}";

    if (len == sizeof(compact) - 1 && ngx_memcmp(p, compact, len) == 0) {
        return NGX_OK;
    }

    if (len == sizeof(spaced) - 1 && ngx_memcmp(p, spaced, len) == 0) {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* the commonest one of a busy client, in the same two ways of writing it */

static ngx_int_t
ngx_http_messaging_protocol_is_typing(u_char *p, size_t len,
    ngx_uint_t *is_typing)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t   text;
        ngx_uint_t  is_typing;
    } texts[] = {
        { ngx_string("{\"type\":\"typing\",\"is_typing\":true}"), 1 },
        { ngx_string("{\"type\":\"typing\",\"is_typing\":false}"), 0 },
        { ngx_string("{\"type\": \"typing\", \"is_typing\": true}"), 1 },
        { ngx_string("{\"type\": \"typing\", \"is_typing\": false}"), 0 }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (len == texts[i].text.len
            && ngx_memcmp(p, texts[i].text.data, len) == 0)
        {
            *is_typing = texts[i].is_typing;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static void
ngx_http_messaging_protocol_dispatch(ngx_http_messaging_session_t *s,
    json_t *frame, const char *type)
{
    u_char                       buf[128];
    json_t                      *client_id;
    ngx_str_t                    id, *conversation;
    ngx_http_messaging_frame_t  *f;

    for (f = ngx_http_messaging_frames; f->type; f++) {
        if (ngx_strcmp(f->type, type) == 0) {
            break;
        }
    }

    if (f->type == NULL
        || (f->needs == NGX_HTTP_MESSAGING_FRAME_ID
            && s->conf->endpoint != NGX_HTTP_MESSAGING_ENDPOINT_MANY))
    {
        ngx_http_messaging_relay_error(s, NULL, "unknown_type",
                                       "this type is not known here");
        return;
    }

    conversation = NULL;

    if (f->needs != NGX_HTTP_MESSAGING_FRAME_NONE) {

        client_id = (f->handler == ngx_http_messaging_protocol_message)
                    ? json_object_get(frame, "client_id") : NULL;

        if (s->conf->endpoint == NGX_HTTP_MESSAGING_ENDPOINT_CHANNEL) {
            ngx_http_messaging_relay_refuse(s, NULL, client_id,
                                            "access_denied",
                                            "this endpoint only receives");
            return;
        }

        if (ngx_http_messaging_protocol_conversation(s, frame, &id, buf,
                                                     sizeof(buf))
            != NGX_OK)
        {
            ngx_http_messaging_relay_refuse(s, NULL, client_id,
                                            "invalid_frame",
                                            "\\\"conversation_id\\\" is "
                                            "missing or wrong");
            return;
        }

        conversation = &id;
    }

    f->handler(s, frame, conversation);
}


/* of the URL, or named by the frame on the many-conversation endpoint */

static ngx_int_t
ngx_http_messaging_protocol_conversation(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *id, u_char *buf, size_t size)
{
    json_t  *value;

    if (s->conf->endpoint == NGX_HTTP_MESSAGING_ENDPOINT_ONE) {
        *id = s->conversation;
        return NGX_OK;
    }

    value = json_object_get(frame, "conversation_id");

    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        id->data = buf;
        id->len = ngx_snprintf(buf, size, "%L",
                               (int64_t) json_integer_value(value))
                  - buf;

    } else if (json_is_string(value)) {
        id->data = (u_char *) json_string_value(value);
        id->len = json_string_length(value);

    } else {
        return NGX_DECLINED;
    }

    return ngx_messaging_conversation_valid(id) ? NGX_OK : NGX_DECLINED;
}


static void
ngx_http_messaging_protocol_ping(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation)
{
    ngx_http_messaging_text_t  t;

    if (s->conf->endpoint != NGX_HTTP_MESSAGING_ENDPOINT_MANY) {
        ngx_http_messaging_session_send(s, s->worker->pong);
        return;
    }

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t, "{\"type\":\"pong\",\"timestamp\":");
    ngx_http_messaging_text_time(&t, ngx_http_messaging_session_now());
    ngx_http_messaging_text_add(&t, "}");

    ngx_http_messaging_relay_answer(s, &t);
}


static void
ngx_http_messaging_protocol_typing_frame(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation)
{
    ngx_http_messaging_protocol_said(s, conversation,
                ngx_messaging_json_bool(json_object_get(frame, "is_typing")));
}


static void
ngx_http_messaging_protocol_said(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_uint_t is_typing)
{
    ngx_http_messaging_subscription_t  *sub;

    sub = ngx_http_messaging_relay_member(s, conversation, NULL);
    if (sub == NULL) {
        return;
    }

    if (sub->read_only) {
        ngx_http_messaging_relay_error(s, conversation, "access_denied",
                                       "read only");
        return;
    }

    /* the one that ends it always goes out: there is but one of it */

    if (is_typing || !sub->typing) {

        if (sub->held && !is_typing) {
            /* nobody has heard of it */
            sub->held = 0;
            return;
        }

        if (ngx_http_messaging_limit_typing(s) != NGX_OK) {

            if (ngx_http_messaging_limit_typing_refuse(s) == NGX_OK) {
                ngx_http_messaging_relay_error(s, conversation, "rate_limited",
                                               "typing is left out");
            }

            ngx_http_messaging_protocol_hold(s, sub, is_typing);
            return;
        }

        if (s->npublishes >= NGX_HTTP_MESSAGING_MAX_PUBLISHES) {
            ngx_http_messaging_relay_unavailable(s, conversation);
            return;
        }
    }

    if (ngx_http_messaging_protocol_typing(s, sub, is_typing) != NGX_OK) {
        ngx_http_messaging_relay_unavailable(s, conversation);
        return;
    }

    if (sub->typing) {
        ngx_http_messaging_session_schedule(s);
    }
}


/* over the rate: what the others know lasts, what they do not know waits */

static void
ngx_http_messaging_protocol_hold(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub, ngx_uint_t is_typing)
{
    if (!is_typing) {
        return;
    }

    sub->held = !sub->typing;
    sub->due = ngx_current_msec + s->conf->typing_timeout;

    ngx_http_messaging_session_schedule(s);
}


void
ngx_http_messaging_protocol_held(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    ngx_msec_t  due;

    due = sub->due;

    if ((ngx_msec_int_t) (due - ngx_current_msec) <= 0
        || s->npublishes >= NGX_HTTP_MESSAGING_MAX_PUBLISHES)
    {
        sub->held = 0;
        return;
    }

    if (ngx_http_messaging_limit_typing(s) != NGX_OK) {
        return;
    }

    (void) ngx_http_messaging_protocol_typing(s, sub, 1);

    /* the time since the client has said so counts */

    sub->due = due;
}


ngx_int_t
ngx_http_messaging_protocol_typing(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub, ngx_uint_t is_typing)
{
    ngx_str_t  name;

    ngx_http_messaging_protocol_name(&name, sub);

    sub->typing = is_typing;
    sub->held = 0;
    sub->due = ngx_current_msec + s->conf->typing_timeout;

    return ngx_http_messaging_relay_typing(s, &name, is_typing);
}


static void
ngx_http_messaging_protocol_read(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation)
{
    if (ngx_http_messaging_relay_member(s, conversation, NULL) == NULL) {
        return;
    }

    ngx_http_messaging_relay_read(s, conversation, frame);
}


static void
ngx_http_messaging_protocol_message(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation)
{
    json_t                             *client_id;
    ngx_http_messaging_subscription_t  *sub;

    client_id = json_object_get(frame, "client_id");

    sub = ngx_http_messaging_relay_member(s, conversation, client_id);

    if (sub == NULL) {
        return;
    }

    if (sub->read_only) {
        ngx_http_messaging_relay_refuse(s, conversation, client_id,
                                        "access_denied", "read only");
        return;
    }

    ngx_http_messaging_relay_message(s, conversation, frame);
}


static void
ngx_http_messaging_protocol_subscribe(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation)
{
    ngx_http_messaging_subscription_t  *sub;

    sub = ngx_http_messaging_session_find(s, conversation);

    if (sub) {

        if (sub->confirmed) {
            ngx_http_messaging_protocol_notice(s, "subscribed", conversation);
        }

        return;
    }

    if (ngx_http_messaging_ask_find(s, conversation)) {
        /* there will be an answer, also if it is in a list by now */
        return;
    }

    if (ngx_http_messaging_access_check(s->conf, s->access, conversation)
        == NGX_OK)
    {
        /* the answer with the list said what one may do there */
        ngx_http_messaging_protocol_enter(s, conversation,
                                          s->single.read_only);
        return;
    }

    if (!ngx_http_messaging_asks(s->conf)) {
        ngx_http_messaging_relay_error(s, conversation, "access_denied",
                                       "no access to this conversation");
        return;
    }

    if (s->nsubscriptions + ngx_http_messaging_ask_count(s)
        >= s->conf->max_subscriptions)
    {
        ngx_http_messaging_relay_error(s, conversation, "access_denied",
                                       "too many subscriptions");
        return;
    }

    if (ngx_http_messaging_ask(s, conversation, 0) != NGX_OK) {
        ngx_http_messaging_relay_unavailable(s, conversation);
    }
}


void
ngx_http_messaging_protocol_asked(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_int_t rc, ngx_uint_t read_only)
{
    if (s->closing) {
        return;
    }

    switch (rc) {

    case NGX_OK:
        ngx_http_messaging_protocol_enter(s, conversation, read_only);
        break;

    case NGX_HTTP_UNAUTHORIZED:
        ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_TOKEN,
                                         "token refused");
        break;

    case NGX_DECLINED:
        ngx_http_messaging_relay_error(s, conversation, "access_denied",
                                       "no access to this conversation");
        break;

    default: /* NGX_ERROR */
        ngx_http_messaging_relay_unavailable(s, conversation);
        break;
    }
}


/* who is let in joins the channel */

static void
ngx_http_messaging_protocol_enter(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_uint_t read_only)
{
    ngx_int_t                           rc;
    ngx_http_messaging_subscription_t  *sub;

    if (s->nsubscriptions >= s->conf->max_subscriptions) {
        ngx_http_messaging_relay_error(s, conversation, "access_denied",
                                       "too many subscriptions");
        return;
    }

    if (!s->worker->broker->ops->ready(s->worker->broker)) {
        ngx_http_messaging_relay_unavailable(s, conversation);
        return;
    }

    sub = ngx_calloc(sizeof(ngx_http_messaging_subscription_t),
                     s->connection->log);
    if (sub == NULL) {
        ngx_http_messaging_relay_unavailable(s, conversation);
        return;
    }

    sub->read_only = read_only;

    rc = ngx_http_messaging_session_subscribe(s, sub, conversation);

    if (rc == NGX_ERROR) {
        ngx_free(sub);
        ngx_http_messaging_relay_unavailable(s, conversation);
        return;
    }

    /* who comes back subscribes to all of his conversations at once */

    ngx_http_messaging_limit_give(s);

    if (rc == NGX_OK) {
        ngx_http_messaging_events_join(s, sub);
        ngx_http_messaging_protocol_notice(s, "subscribed", conversation);
        return;
    }

    ngx_http_messaging_session_schedule(s);
}


static void
ngx_http_messaging_protocol_unsubscribe(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation)
{
    ngx_http_messaging_ask_t           *ask;
    ngx_http_messaging_subscription_t  *sub;

    ask = ngx_http_messaging_ask_find(s, conversation);

    if (ask) {
        ngx_http_messaging_ask_forget(s, ask);
    }

    sub = ngx_http_messaging_session_find(s, conversation);

    if (sub) {
        ngx_http_messaging_session_unsubscribe(s, sub);
    }

    ngx_http_messaging_protocol_notice(s, "unsubscribed", conversation);
}


void
ngx_http_messaging_protocol_subscribed(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    ngx_str_t  name;

    ngx_http_messaging_protocol_name(&name, sub);
    ngx_http_messaging_protocol_notice(s, "subscribed", &name);
}


void
ngx_http_messaging_protocol_unconfirmed(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    ngx_str_t                  name;
    ngx_http_messaging_ask_t  *ask;

    ngx_http_messaging_protocol_name(&name, sub);
    ngx_http_messaging_relay_unavailable(s, &name);

    /* its answer would be for a member, and not for who subscribes again */

    ask = ngx_http_messaging_ask_find(s, &name);

    if (ask) {
        ngx_http_messaging_ask_forget(s, ask);
    }

    ngx_http_messaging_session_unsubscribe(s, sub);
}


void
ngx_http_messaging_protocol_resync(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    ngx_str_t                  name;
    ngx_http_messaging_text_t  t;

    ngx_http_messaging_protocol_name(&name, sub);

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t, "{\"type\":\"resync\"");
    ngx_http_messaging_relay_tag(s, &t, &name);

    /* not all members of all conversations at once */

    ngx_http_messaging_text_add(&t, ",\"within_ms\":");
    ngx_http_messaging_text_number(&t, NGX_HTTP_MESSAGING_RESYNC_WITHIN);
    ngx_http_messaging_text_add(&t, "}");

    ngx_http_messaging_relay_answer(s, &t);
}


/* the same user only; what the new token does not grant is taken away */

static void
ngx_http_messaging_protocol_auth(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_str_t *conversation)
{
    json_t                             *value;
    ngx_int_t                           rc;
    ngx_str_t                           token, name;
    ngx_queue_t                        *q, *next;
    ngx_http_messaging_text_t           t;
    ngx_http_messaging_subscription_t  *sub;

    value = json_object_get(frame, "token");

    if (!json_is_string(value)) {
        ngx_http_messaging_relay_error(s, NULL, "invalid_frame",
                                       "\\\"token\\\" is missing");
        return;
    }

    token.data = (u_char *) json_string_value(value);
    token.len = json_string_length(value);

    rc = ngx_http_messaging_auth_renew(s, &token);

    if (rc != NGX_OK) {
        ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_AUTH_FAILED,
                               1);
        ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_TOKEN,
                                         ngx_http_messaging_auth_text(rc));
        return;
    }

    for (q = ngx_queue_head(&s->subscriptions);
         q != ngx_queue_sentinel(&s->subscriptions);
         q = next)
    {
        next = ngx_queue_next(q);
        sub = ngx_queue_data(q, ngx_http_messaging_subscription_t, queue);

        ngx_http_messaging_protocol_name(&name, sub);

        if (ngx_http_messaging_asks(s->conf)
            || ngx_http_messaging_access_check(s->conf, s->access, &name)
               == NGX_OK)
        {
            continue;
        }

        if (s->conf->endpoint != NGX_HTTP_MESSAGING_ENDPOINT_MANY) {
            ngx_messaging_stat_add(s->worker->slot,
                                   NGX_MESSAGING_STAT_AUTH_FAILED, 1);
            ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_ACCESS,
                                             "access withdrawn");
            return;
        }

        ngx_http_messaging_relay_error(s, &name, "access_denied",
                                       "no access to this conversation");
        ngx_http_messaging_session_unsubscribe(s, sub);
    }

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_AUTH_RENEWED,
                           1);

    /* one frame must not cost the backend hundreds of questions at once */

    ngx_http_messaging_recheck_session(s, NULL,
                                       s->nsubscriptions
                                       * NGX_HTTP_MESSAGING_RECHECK_EACH);

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t, "{\"type\":\"auth_ok\",\"expires_at\":");
    ngx_http_messaging_text_time(&t, s->expires);
    ngx_http_messaging_text_add(&t, "}");

    ngx_http_messaging_relay_answer(s, &t);
    ngx_http_messaging_session_schedule(s);
}


static void
ngx_http_messaging_protocol_name(ngx_str_t *name,
    ngx_http_messaging_subscription_t *sub)
{
    name->data = sub->subscriber.channel->name;
    name->len = sub->subscriber.channel->len;
}


static void
ngx_http_messaging_protocol_notice(ngx_http_messaging_session_t *s,
    const char *type, ngx_str_t *conversation)
{
    ngx_http_messaging_text_t  t;

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t, "{\"type\":\"");
    ngx_http_messaging_text_bytes(&t, (u_char *) type, ngx_strlen(type));
    ngx_http_messaging_text_add(&t, "\"");
    ngx_http_messaging_relay_tag(s, &t, conversation);
    ngx_http_messaging_text_add(&t, "}");

    ngx_http_messaging_relay_answer(s, &t);
}
