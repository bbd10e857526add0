
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_log.h"


static u_char *ngx_http_messaging_log_error(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len);
static ngx_int_t ngx_http_messaging_log_headers(ngx_http_request_t *r,
    ngx_uint_t *found);
static void ngx_http_messaging_log_variables(ngx_http_request_t *r);
static ngx_uint_t ngx_http_messaging_log_argument(
    ngx_http_messaging_main_conf_t *mmcf, ngx_str_t *variable);
static size_t ngx_http_messaging_log_find(ngx_http_messaging_main_conf_t *mmcf,
    u_char *p, u_char *last, u_char **value);


ngx_int_t
ngx_http_messaging_log_post_read(ngx_http_request_t *r)
{
    ngx_http_messaging_main_conf_t  *mmcf;

    if (r->log_handler == ngx_http_messaging_log_error) {
        return NGX_DECLINED;
    }

    /* nginx's own, and the same for all requests */

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);
    mmcf->log_handler = r->log_handler;

    r->log_handler = ngx_http_messaging_log_error;

    return NGX_DECLINED;
}


/* what nginx adds to a line of error.log: request, upstream, referrer */

static u_char *
ngx_http_messaging_log_error(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len)
{
    size_t                           n;
    u_char                          *p, *last, *value;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);

    last = mmcf->log_handler(r, sr, buf, len);

    for (p = buf; /* void */ ; p = value + n) {
        n = ngx_http_messaging_log_find(mmcf, p, last, &value);

        if (n == 0) {
            return last;
        }

        ngx_memset(value, '*', n);
    }
}


ngx_int_t
ngx_http_messaging_log_handler(ngx_http_request_t *r)
{
    ngx_str_t   masked;
    ngx_uint_t  found;

    /* without memory the line is better empty than with a token */

    if (ngx_http_messaging_log_headers(r, &found) != NGX_OK) {
        ngx_str_null(&r->request_line);
        r->headers_in.referer = NULL;
        found = 1;
    }

    if (ngx_http_messaging_log_mask(r, &r->unparsed_uri, &masked) != NGX_OK) {
        ngx_str_null(&masked);
    }

    found |= (masked.data != r->unparsed_uri.data);
    r->unparsed_uri = masked;

    if (ngx_http_messaging_log_mask(r, &r->args, &masked) != NGX_OK) {
        ngx_str_null(&masked);
    }

    found |= (masked.data != r->args.data);
    r->args = masked;

    if (found) {
        ngx_http_messaging_log_variables(r);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_log_headers(ngx_http_request_t *r, ngx_uint_t *found)
{
    ngx_str_t         masked;
    ngx_table_elt_t  *referer;

    *found = 0;

    if (ngx_http_messaging_log_mask(r, &r->request_line, &masked) != NGX_OK) {
        return NGX_ERROR;
    }

    *found |= (masked.data != r->request_line.data);
    r->request_line = masked;

    if (r->headers_in.referer == NULL) {
        return NGX_OK;
    }

    if (ngx_http_messaging_log_mask(r, &r->headers_in.referer->value, &masked)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (masked.data == r->headers_in.referer->value.data) {
        return NGX_OK;
    }

    *found = 1;

    /* the list of headers, which is what a backend gets, stays as it is */

    referer = ngx_palloc(r->pool, sizeof(ngx_table_elt_t));
    if (referer == NULL) {
        return NGX_ERROR;
    }

    *referer = *r->headers_in.referer;
    referer->value = masked;
    r->headers_in.referer = referer;

    return NGX_OK;
}


/* what was evaluated before the log phase has been kept as it was then */

static void
ngx_http_messaging_log_variables(ngx_http_request_t *r)
{
    ngx_str_t                        text;
    ngx_uint_t                       i;
    ngx_http_variable_t             *v;
    ngx_http_core_main_conf_t       *cmcf;
    ngx_http_variable_value_t       *value;
    ngx_http_messaging_main_conf_t  *mmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);

    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        value = &r->variables[i];

        if (!value->valid) {
            continue;
        }

        if (ngx_http_messaging_log_argument(mmcf, &v[i].name)) {
            /* is asked for again, of the arguments that are masked now */
            value->valid = 0;
            continue;
        }

        text.data = value->data;
        text.len = value->len;

        if (ngx_http_messaging_log_mask(r, &text, &text) == NGX_OK) {
            value->data = text.data;

        } else {
            value->len = 0;
        }
    }
}


/* $arg_token: its value does not tell what it is */

static ngx_uint_t
ngx_http_messaging_log_argument(ngx_http_messaging_main_conf_t *mmcf,
    ngx_str_t *variable)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    if (variable->len <= 4
        || ngx_strncmp(variable->data, "arg_", 4) != 0)
    {
        return 0;
    }

    name = mmcf->arguments.elts;

    for (i = 0; i < mmcf->arguments.nelts; i++) {

        if (name[i].len == variable->len - 4
            && ngx_strncasecmp(name[i].data, variable->data + 4, name[i].len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_messaging_log_mask(ngx_http_request_t *r, ngx_str_t *text,
    ngx_str_t *masked)
{
    size_t                           n;
    u_char                          *p, *last, *value, *copy;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);

    copy = NULL;
    p = text->data;
    last = p + text->len;

    for ( ;; ) {
        n = ngx_http_messaging_log_find(mmcf, p, last, &value);

        if (n == 0) {
            break;
        }

        if (copy == NULL) {
            copy = ngx_pnalloc(r->pool, text->len);
            if (copy == NULL) {
                return NGX_ERROR;
            }

            ngx_memcpy(copy, text->data, text->len);
        }

        ngx_memset(copy + (value - text->data), '*', n);

        p = value + n;
    }

    masked->len = text->len;
    masked->data = copy ? copy : text->data;

    return NGX_OK;
}


/*
 * The first non-empty value of a token argument: its length, or 0.  Names are
 * compared as ngx_http_arg() does, without regard to case.
 */

static size_t
ngx_http_messaging_log_find(ngx_http_messaging_main_conf_t *mmcf, u_char *p,
    u_char *last, u_char **value)
{
    u_char      *v;
    ngx_str_t   *name;
    ngx_uint_t   i;

    /*
     * a value is looked for behind each "?" and "&", and where the text
     * begins; base64url and dots make most of it
     */

    name = mmcf->arguments.elts;

    for ( ;; ) {

        for (i = 0; i < mmcf->arguments.nelts; i++) {

            if ((size_t) (last - p) <= name[i].len
                || p[name[i].len] != '='
                || ngx_strncasecmp(p, name[i].data, name[i].len) != 0)
            {
                continue;
            }

            v = p + name[i].len + 1;
            *value = v;

            while (v < last
                   && (*v > '?'
                       || (*v != '&' && *v != ' ' && *v != '#' && *v != '"')))
            {
                v++;
            }

            if (v != *value) {
                return v - *value;
            }
        }

        while (p < last && (*p > '?' || (*p != '?' && *p != '&'))) {
            p++;
        }

        if (p >= last) {
            return 0;
        }

        p++;
    }
}
