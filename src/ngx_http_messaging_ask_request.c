
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_ask.h"
#include "ngx_http_messaging_auth.h"
#include "ngx_http_messaging_detach.h"
#include "ngx_messaging_json.h"


static ngx_int_t ngx_http_messaging_ask_handshake(
    ngx_http_messaging_session_t *s, ngx_http_messaging_call_t *call,
    ngx_str_t *args);
static ngx_int_t ngx_http_messaging_ask_body(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_uint_t *read_only,
    ngx_uint_t *fleeting);
static ngx_int_t ngx_http_messaging_ask_members(
    ngx_http_messaging_session_t *s, json_t *answer, ngx_uint_t *read_only,
    ngx_uint_t *fleeting);
static ngx_uint_t ngx_http_messaging_ask_is_json(
    ngx_http_messaging_call_t *call);


ngx_http_messaging_call_t *
ngx_http_messaging_ask_request(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_str_t *token, ngx_str_t *args)
{
    ngx_http_messaging_call_t  *call;

    call = ngx_http_messaging_call_create(s->connection, s->conf, &s->user,
                                          conversation);
    if (call == NULL) {
        return NULL;
    }

    if (ngx_http_messaging_ask_handshake(s, call, args) != NGX_OK
        || (token->len
            && ngx_http_messaging_call_token(call, s->conf, token, args)
               != NGX_OK)
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


ngx_int_t
ngx_http_messaging_ask_verdict(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_uint_t *read_only,
    ngx_uint_t *fleeting)
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

    return ngx_http_messaging_ask_body(s, call, read_only, fleeting);
}


/* what is not JSON says no more than its status */

static ngx_int_t
ngx_http_messaging_ask_body(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_uint_t *read_only,
    ngx_uint_t *fleeting)
{
    json_t     *answer;
    ngx_int_t   rc;

    if (call->body.len == 0 || !ngx_http_messaging_ask_is_json(call)) {
        return NGX_OK;
    }

    answer = ngx_messaging_json_object(call->body.data, call->body.len,
                                       NGX_HTTP_MESSAGING_ASK_VALUES);

    rc = answer ? ngx_http_messaging_ask_members(s, answer, read_only,
                                                 fleeting)
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
    ngx_uint_t *read_only, ngx_uint_t *fleeting)
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
    *fleeting = (list || json_is_string(name));

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
