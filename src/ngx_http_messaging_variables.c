
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_call.h"
#include "ngx_http_messaging_control.h"
#include "ngx_http_messaging_log.h"
#include "ngx_http_messaging_session.h"
#include "ngx_http_messaging_variables.h"


static ngx_int_t ngx_http_messaging_variable_user(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_messaging_variable_conversation(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_messaging_variable_call(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_http_messaging_session_t *ngx_http_messaging_variable_session(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_messaging_variable_str(ngx_http_variable_value_t *v,
    ngx_str_t *text);
static ngx_int_t ngx_http_messaging_variable_close_code(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_messaging_variable_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_messaging_variable_connection(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_messaging_variable_request_uri(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_messaging_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t n);


static ngx_http_variable_t  ngx_http_messaging_variables[] = {

    { ngx_string("messaging_user"), NULL, ngx_http_messaging_variable_user, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_conversation"), NULL,
      ngx_http_messaging_variable_conversation, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_content"), NULL, ngx_http_messaging_variable_call,
      offsetof(ngx_http_messaging_call_t, content),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_image"), NULL, ngx_http_messaging_variable_call,
      offsetof(ngx_http_messaging_call_t, image),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_reply_to"), NULL, ngx_http_messaging_variable_call,
      offsetof(ngx_http_messaging_call_t, reply_to),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_client_id"), NULL,
      ngx_http_messaging_variable_call,
      offsetof(ngx_http_messaging_call_t, client_id),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_message_id"), NULL,
      ngx_http_messaging_variable_call,
      offsetof(ngx_http_messaging_call_t, message_id),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_message_ids"), NULL,
      ngx_http_messaging_variable_call,
      offsetof(ngx_http_messaging_call_t, message_ids),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_read_all"), NULL,
      ngx_http_messaging_variable_call,
      offsetof(ngx_http_messaging_call_t, read_all),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_read_at"), NULL,
      ngx_http_messaging_variable_call,
      offsetof(ngx_http_messaging_call_t, read_at),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_close_code"), NULL,
      ngx_http_messaging_variable_close_code, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_received"), NULL,
      ngx_http_messaging_variable_count,
      offsetof(ngx_http_messaging_session_t, received),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_sent"), NULL, ngx_http_messaging_variable_count,
      offsetof(ngx_http_messaging_session_t, sent),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_connection"), NULL,
      ngx_http_messaging_variable_connection, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("messaging_request_uri"), NULL,
      ngx_http_messaging_variable_request_uri, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_messaging_variables_add(ngx_conf_t *cf)
{
    ngx_str_t                        scheme, https;
    ngx_http_variable_t             *var, *v;
    ngx_http_messaging_main_conf_t  *mmcf;

    for (v = ngx_http_messaging_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    /* a call sets these by their place */

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_messaging_module);

    ngx_str_set(&scheme, "scheme");
    ngx_str_set(&https, "https");

    mmcf->scheme_index = ngx_http_get_variable_index(cf, &scheme);
    mmcf->https_index = ngx_http_get_variable_index(cf, &https);

    if (mmcf->scheme_index == NGX_ERROR || mmcf->https_index == NGX_ERROR) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_variable_user(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_messaging_call_t     *call;
    ngx_http_messaging_session_t  *s;

    call = ngx_http_messaging_call_of(r);
    s = ngx_http_messaging_variable_session(r);

    return ngx_http_messaging_variable_str(v, call ? &call->user
                                              : s ? &s->user : NULL);
}


static ngx_int_t
ngx_http_messaging_variable_conversation(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_messaging_call_t     *call;
    ngx_http_messaging_session_t  *s;

    call = ngx_http_messaging_call_of(r);
    s = ngx_http_messaging_variable_session(r);

    return ngx_http_messaging_variable_str(v, call ? &call->conversation
                                              : s ? &s->conversation : NULL);
}


/* what a call is about */

static ngx_int_t
ngx_http_messaging_variable_call(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_messaging_call_t  *call;

    call = ngx_http_messaging_call_of(r);

    return ngx_http_messaging_variable_str(v,
                       call ? (ngx_str_t *) ((u_char *) call + data) : NULL);
}


static ngx_http_messaging_session_t *
ngx_http_messaging_variable_session(ngx_http_request_t *r)
{
    /* a call has the same place for something else */

    return ngx_http_messaging_call_of(r)
           ? NULL
           : ngx_http_get_module_ctx(r->main, ngx_http_messaging_module);
}


static ngx_int_t
ngx_http_messaging_variable_str(ngx_http_variable_value_t *v, ngx_str_t *text)
{
    if (text == NULL || text->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = text->data;
    v->len = text->len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_variable_close_code(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_messaging_session_t  *s;

    s = ngx_http_messaging_variable_session(r);

    if (s == NULL || s->close_code == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_messaging_variable_number(r, v, s->close_code);
}


static ngx_int_t
ngx_http_messaging_variable_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_messaging_session_t  *s;

    s = ngx_http_messaging_variable_session(r);

    if (s == NULL || !s->open) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_messaging_variable_number(r, v,
                                           *(uint64_t *) ((u_char *) s + data));
}


/* what control actions call it by */

static ngx_int_t
ngx_http_messaging_variable_connection(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                        *p;
    ngx_http_messaging_session_t  *s;

    s = ngx_http_messaging_variable_session(r);

    if (s == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_MESSAGING_CONTROL_ID);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_http_messaging_control_id(p, s->worker, s->connection) - p;
    v->data = p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_variable_request_uri(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t  masked;

    if (ngx_http_messaging_log_mask(r, &r->unparsed_uri, &masked) != NGX_OK) {
        return NGX_ERROR;
    }

    v->data = masked.data;
    v->len = masked.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t n)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(p, "%uL", n) - p;
    v->data = p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
