
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_ask.h"
#include "ngx_http_messaging_auth.h"
#include "ngx_http_messaging_call.h"
#include "ngx_http_messaging_detach.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_protocol.h"
#include "ngx_messaging_json.h"


struct ngx_http_messaging_ask_s {
    ngx_queue_t                    queue;        /* session->asks */
    ngx_http_messaging_session_t  *session;
    ngx_http_messaging_call_t     *call;
    ngx_str_t                      name;         /* behind the struct */
};


static ngx_http_messaging_call_t *ngx_http_messaging_ask_call(
    ngx_http_messaging_session_t *s, ngx_str_t *conversation,
    ngx_str_t *args);
static ngx_int_t ngx_http_messaging_ask_handshake(
    ngx_http_messaging_session_t *s, ngx_http_messaging_call_t *call,
    ngx_str_t *args);
static void ngx_http_messaging_ask_answered(void *data,
    ngx_http_messaging_call_t *call);
static ngx_int_t ngx_http_messaging_ask_verdict(
    ngx_http_messaging_session_t *s, ngx_http_messaging_call_t *call,
    ngx_uint_t *read_only);
static ngx_int_t ngx_http_messaging_ask_body(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_uint_t *read_only);
static ngx_int_t ngx_http_messaging_ask_members(
    ngx_http_messaging_session_t *s, json_t *answer, ngx_uint_t *read_only);
static ngx_uint_t ngx_http_messaging_ask_is_json(
    ngx_http_messaging_call_t *call);


ngx_int_t
ngx_http_messaging_ask(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation)
{
    ngx_str_t                  args;
    ngx_http_messaging_ask_t  *ask;

    ask = ngx_alloc(sizeof(ngx_http_messaging_ask_t) + conversation->len,
                    s->connection->log);
    if (ask == NULL) {
        return NGX_ERROR;
    }

    ask->session = s;
    ask->name.len = conversation->len;
    ask->name.data = (u_char *) ask + sizeof(ngx_http_messaging_ask_t);
    ngx_memcpy(ask->name.data, conversation->data, conversation->len);

    ask->call = ngx_http_messaging_ask_call(s, conversation, &args);
    if (ask->call == NULL) {
        ngx_free(ask);
        return NGX_ERROR;
    }

    if (ngx_http_messaging_call_start(ask->call, s->conf->access_uri, &args,
                                      s->conf->access_timeout,
                                      ngx_http_messaging_ask_answered, ask)
        != NGX_OK)
    {
        ngx_free(ask);
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&s->asks, &ask->queue);

    return NGX_OK;
}


static ngx_http_messaging_call_t *
ngx_http_messaging_ask_call(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_str_t *args)
{
    ngx_http_messaging_call_t  *call;

    call = ngx_http_messaging_call_create(s->connection, s->conf, &s->user,
                                          conversation);
    if (call == NULL) {
        return NULL;
    }

    if (ngx_http_messaging_ask_handshake(s, call, args) != NGX_OK
        || ngx_http_messaging_call_header(call, "X-Messaging-User", &s->user)
           != NGX_OK
        || (conversation->len
            && ngx_http_messaging_call_header(call, "X-Messaging-Conversation",
                                              conversation)
               != NGX_OK))
    {
        ngx_http_messaging_call_cancel(call);
        return NULL;
    }

    return call;
}


static ngx_int_t
ngx_http_messaging_ask_handshake(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_str_t *args)
{
    if (s->request == NULL) {
        return ngx_http_messaging_call_unpack(call,
                                        ngx_http_messaging_detach_packed(s),
                                        args);
    }

    *args = s->request->args;

    return ngx_http_messaging_call_headers(call, s->request);
}


static void
ngx_http_messaging_ask_answered(void *data, ngx_http_messaging_call_t *call)
{
    ngx_http_messaging_ask_t *ask = data;

    ngx_int_t                      rc;
    ngx_uint_t                     read_only;
    ngx_http_messaging_session_t  *s;

    s = ask->session;
    read_only = 0;

    rc = ngx_http_messaging_ask_verdict(s, call, &read_only);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, s->connection->log, 0,
                   "messaging access answer %ui: %i", call->status, rc);

    ngx_queue_remove(&ask->queue);

    if (s->open) {
        ngx_http_messaging_protocol_asked(s, &ask->name, rc, read_only);

    } else {
        ngx_http_messaging_handshake_asked(s, rc, read_only);
    }

    ngx_free(ask);
}


static ngx_int_t
ngx_http_messaging_ask_verdict(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_uint_t *read_only)
{
    switch (call->status) {

    case NGX_HTTP_UNAUTHORIZED:
        return NGX_HTTP_UNAUTHORIZED;

    case NGX_HTTP_FORBIDDEN:
    case NGX_HTTP_NOT_FOUND:
        return NGX_DECLINED;

    default:
        break;
    }

    if (call->status < NGX_HTTP_OK
        || call->status >= NGX_HTTP_SPECIAL_RESPONSE)
    {
        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging access check failed: status %ui",
                      call->status);
        return NGX_ERROR;
    }

    return ngx_http_messaging_ask_body(s, call, read_only);
}


/* what is not JSON says no more than its status */

static ngx_int_t
ngx_http_messaging_ask_body(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_uint_t *read_only)
{
    json_t     *answer;
    ngx_int_t   rc;

    if (call->body.len == 0 || !ngx_http_messaging_ask_is_json(call)) {
        return NGX_OK;
    }

    answer = ngx_messaging_json_object(call->body.data, call->body.len,
                                       NGX_HTTP_MESSAGING_ASK_VALUES);

    rc = answer ? ngx_http_messaging_ask_members(s, answer, read_only)
                : NGX_DECLINED;

    if (answer) {
        json_decref(answer);
    }

    if (rc == NGX_DECLINED) {
        /* it may have been meant to forbid something */
        ngx_log_error(NGX_LOG_ERR, s->connection->log, 0,
                      "messaging access check answered with JSON that is no "
                      "object, or has a member of the wrong type");
        rc = NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_http_messaging_ask_members(ngx_http_messaging_session_t *s, json_t *answer,
    ngx_uint_t *read_only)
{
    json_t  *name, *only, *list;

    name = json_object_get(answer, "name");
    only = json_object_get(answer, "read_only");
    list = json_object_get(answer, "conversations");

    if ((name && !json_is_string(name) && !json_is_null(name))
        || (only && !json_is_boolean(only))
        || (list && !json_is_array(list)
            && !(json_is_string(list)
                 && ngx_strcmp(json_string_value(list), "*") == 0)))
    {
        return NGX_DECLINED;
    }

    *read_only = json_is_true(only);

    if (list && s->conf->endpoint == NGX_HTTP_MESSAGING_ENDPOINT_MANY) {

        if (s->access) {
            json_decref(s->access);
        }

        s->access = json_incref(list);
    }

    /* later answers are about a conversation, this one about the user */

    if (!s->open && json_is_string(name)) {
        return ngx_http_messaging_auth_name(s, name);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_messaging_ask_is_json(ngx_http_messaging_call_t *call)
{
    ngx_str_t  *type;

    type = &call->answer->headers_out.content_type;

    return type->len >= sizeof("application/json") - 1
           && ngx_strncasecmp(type->data, (u_char *) "application/json",
                              sizeof("application/json") - 1)
              == 0;
}


ngx_http_messaging_ask_t *
ngx_http_messaging_ask_find(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation)
{
    ngx_queue_t               *q;
    ngx_http_messaging_ask_t  *ask;

    for (q = ngx_queue_head(&s->asks);
         q != ngx_queue_sentinel(&s->asks);
         q = ngx_queue_next(q))
    {
        ask = ngx_queue_data(q, ngx_http_messaging_ask_t, queue);

        if (ask->name.len == conversation->len
            && ngx_memcmp(ask->name.data, conversation->data,
                          conversation->len)
               == 0)
        {
            return ask;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_messaging_ask_count(ngx_http_messaging_session_t *s)
{
    ngx_uint_t    n;
    ngx_queue_t  *q;

    n = 0;

    for (q = ngx_queue_head(&s->asks);
         q != ngx_queue_sentinel(&s->asks);
         q = ngx_queue_next(q))
    {
        n++;
    }

    return n;
}


void
ngx_http_messaging_ask_forget(ngx_http_messaging_session_t *s,
    ngx_http_messaging_ask_t *ask)
{
    ngx_queue_t  *q;

    if (ask) {
        ngx_queue_remove(&ask->queue);
        ngx_http_messaging_call_forget(ask->call);
        ngx_free(ask);
        return;
    }

    while (!ngx_queue_empty(&s->asks)) {
        q = ngx_queue_head(&s->asks);
        ngx_http_messaging_ask_forget(s, ngx_queue_data(q,
                                          ngx_http_messaging_ask_t, queue));
    }
}
