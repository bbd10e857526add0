
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_store.h"
#include "ngx_http_messaging_text.h"
#include "ngx_messaging_envelope.h"


/* what the backend is told, and what its answer says */


#define NGX_HTTP_MESSAGING_STORE_MAX_RETRY  3600      /* s */


static ngx_int_t ngx_http_messaging_store_bearer(
    ngx_http_messaging_call_t *call, ngx_str_t *token);
static ngx_int_t ngx_http_messaging_store_key(ngx_http_messaging_call_t *call,
    ngx_str_t *user, ngx_str_t *key);


ngx_http_messaging_call_t *
ngx_http_messaging_store_call(ngx_http_messaging_session_t *s,
    ngx_http_messaging_store_message_t *m)
{
    ngx_str_t                   body, type;
    ngx_http_messaging_call_t  *call;

    call = ngx_http_messaging_call_create(s->connection, s->conf, &s->user,
                                          &m->conversation);
    if (call == NULL) {
        return NULL;
    }

    ngx_str_set(&type, "application/json");

    /* without a client_id nobody can tell a repetition from a new one */

    if (ngx_http_messaging_store_headers(s->store, call, &m->conversation)
        != NGX_OK
        || (m->key.len
            && ngx_http_messaging_store_key(call, &s->user, &m->key) != NGX_OK)
        || ngx_http_messaging_store_body(s, &call, m, &body) != NGX_OK
        || ngx_http_messaging_call_body(call, &type, &body) != NGX_OK)
    {
        ngx_http_messaging_call_cancel(call);
        return NULL;
    }

    return call;
}


ngx_int_t
ngx_http_messaging_store_headers(ngx_http_messaging_store_t *store,
    ngx_http_messaging_call_t *call, ngx_str_t *conversation)
{
    ngx_str_t  accept;

    ngx_str_set(&accept, "application/json");

    if (ngx_http_messaging_call_host(call, &store->host, &store->server)
        != NGX_OK
        || ngx_http_messaging_call_header(call, "Accept", &accept) != NGX_OK
        || ngx_http_messaging_call_header(call, "X-Messaging-User",
                                          &store->user)
           != NGX_OK
        || ngx_http_messaging_call_header(call, "X-Messaging-Conversation",
                                          conversation)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_messaging_store_bearer(call, &store->token);
}


/* RFC 6750, section 2.1 */

static ngx_int_t
ngx_http_messaging_store_bearer(ngx_http_messaging_call_t *call,
    ngx_str_t *token)
{
    u_char     *p;
    ngx_str_t   value;

    value.len = sizeof("Bearer ") - 1 + token->len;
    value.data = ngx_pnalloc(call->pool, value.len);

    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, "Bearer ", sizeof("Bearer ") - 1);
    ngx_memcpy(p, token->data, token->len);

    return ngx_http_messaging_call_header(call, "Authorization", &value);
}


static ngx_int_t
ngx_http_messaging_store_key(ngx_http_messaging_call_t *call, ngx_str_t *user,
    ngx_str_t *key)
{
    size_t      len;
    u_char     *p;
    ngx_str_t   value;

    len = (size_t) (uintptr_t) ngx_messaging_escape(NULL, key->data, key->len);

    value.len = user->len + 1 + len;
    value.data = ngx_pnalloc(call->pool, value.len);

    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, user->data, user->len);
    *p++ = ':';
    (void) ngx_messaging_escape(p, key->data, key->len);

    return ngx_http_messaging_call_header(call, "Idempotency-Key", &value);
}


/* the template's, or all that is known; without a call it may make one */

ngx_int_t
ngx_http_messaging_store_body(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t **call, ngx_http_messaging_store_message_t *m,
    ngx_str_t *body)
{
    ngx_http_messaging_text_t  t;

    if (s->conf->store_body) {

        if (*call == NULL) {
            *call = ngx_http_messaging_call_create(s->connection, s->conf,
                                                   &s->user,
                                                   &m->conversation);
        }

        if (*call == NULL
            || ngx_http_messaging_call_values(*call, &m->content, &m->image,
                                              &m->reply_to, &m->client_id)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_messaging_store_template(s, call, &m->conversation,
                                                 s->conf->store_body, body);
    }

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t, "{\"conversation_id\":");
    ngx_http_messaging_text_id(&t, &m->conversation);
    ngx_http_messaging_text_add(&t, ",\"content\":");
    ngx_http_messaging_text_str(&t, &m->content);
    ngx_http_messaging_text_add(&t, ",\"image\":");
    ngx_http_messaging_text_str(&t, &m->image);
    ngx_http_messaging_text_add(&t, ",\"reply_to\":");
    ngx_http_messaging_text_str(&t, &m->reply_to);
    ngx_http_messaging_text_add(&t, ",\"client_id\":");
    ngx_http_messaging_text_str(&t, &m->client_id);
    ngx_http_messaging_text_add(&t, "}");

    *body = t.text;

    return t.failed ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_messaging_store_template(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t **call, ngx_str_t *conversation,
    ngx_http_complex_value_t *template, ngx_str_t *text)
{
    if (template->lengths == NULL) {
        *text = template->value;
        return NGX_OK;
    }

    if (*call == NULL) {
        *call = ngx_http_messaging_call_create(s->connection, s->conf,
                                               &s->user, conversation);
        if (*call == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_http_complex_value((*call)->request, template, text);
}


/* RFC 9110, section 10.2.3: seconds; of a date only that it is later */

ngx_msec_t
ngx_http_messaging_store_retry(ngx_http_messaging_call_t *call)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = ngx_http_messaging_call_answer_header(call, "retry-after");

    n = value ? ngx_atoi(value->data, value->len) : NGX_ERROR;

    if (n == NGX_ERROR || n == 0) {
        return NGX_HTTP_MESSAGING_STORE_RETRY;
    }

    return (ngx_msec_t) ngx_min(n, NGX_HTTP_MESSAGING_STORE_MAX_RETRY) * 1000;
}
