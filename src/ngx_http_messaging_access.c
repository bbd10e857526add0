
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_access.h"
#include "ngx_messaging_envelope.h"


static ngx_uint_t ngx_http_messaging_access_same(json_t *value,
    ngx_str_t *id);
static ngx_uint_t ngx_http_messaging_access_same_origin(ngx_http_request_t *r,
    ngx_str_t *origin);


ngx_int_t
ngx_http_messaging_access_check(ngx_http_messaging_loc_conf_t *conf,
    json_t *claim, ngx_str_t *id)
{
    size_t    i;
    json_t   *value;
    int64_t   number;

    if (conf->access == NGX_HTTP_MESSAGING_ACCESS_ANY) {
        return NGX_OK;
    }

    /* an array of ids, or "*" */

    if (json_is_string(claim)) {
        return ngx_strcmp(json_string_value(claim), "*") == 0 ? NGX_OK
                                                              : NGX_DECLINED;
    }

    if (!json_is_array(claim)) {
        return NGX_DECLINED;
    }

    number = ngx_messaging_conversation_number(id)
             ? (int64_t) ngx_atoof(id->data, id->len) : -1;

    for (i = 0; i < json_array_size(claim); i++) {
        value = json_array_get(claim, i);

        if (number >= 0 && json_is_integer(value)) {

            if (json_integer_value(value) == number) {
                return NGX_OK;
            }

            continue;
        }

        if (ngx_http_messaging_access_same(value, id)) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_messaging_access_same(json_t *value, ngx_str_t *id)
{
    size_t   len;
    u_char  *p;
    u_char   number[NGX_INT64_LEN];

    if (json_is_integer(value)) {
        p = number;
        len = ngx_sprintf(number, "%L", (int64_t) json_integer_value(value))
              - number;

    } else if (json_is_string(value)) {
        p = (u_char *) json_string_value(value);
        len = json_string_length(value);

    } else {
        return 0;
    }

    return len == id->len && ngx_memcmp(p, id->data, len) == 0;
}


ngx_int_t
ngx_http_messaging_access_origin(ngx_http_request_t *r,
    ngx_http_messaging_loc_conf_t *conf, ngx_str_t *origin,
    ngx_uint_t is_explicit)
{
    ngx_str_t   *allowed;
    ngx_uint_t   i;

    if (conf->origins == NULL) {

        /* a cookie is sent with whatever page asks for it */

        if (is_explicit) {
            return NGX_OK;
        }

        return origin && ngx_http_messaging_access_same_origin(r, origin)
               ? NGX_OK : NGX_DECLINED;
    }

    allowed = conf->origins->elts;

    for (i = 0; i < conf->origins->nelts; i++) {

        if (allowed[i].len == 1 && allowed[i].data[0] == '*') {
            return NGX_OK;
        }

        if (origin == NULL) {
            continue;
        }

        if (allowed[i].len == 4
            && ngx_strncmp(allowed[i].data, "same", 4) == 0)
        {
            if (ngx_http_messaging_access_same_origin(r, origin)) {
                return NGX_OK;
            }

            continue;
        }

        /* scheme and host are in lower case as browsers write them */

        if (allowed[i].len == origin->len
            && ngx_strncasecmp(allowed[i].data, origin->data, origin->len)
               == 0)
        {
            return NGX_OK;
        }
    }

    /* who sends no Origin is not a browser: no page can have made it do so */

    return (origin == NULL && is_explicit) ? NGX_OK : NGX_DECLINED;
}


/*
 * The host and port of the Origin are those that were asked for.  A page that
 * came without TLS is not of the origin of a server with TLS; the other way
 * round TLS may have ended in front of nginx.
 */

static ngx_uint_t
ngx_http_messaging_access_same_origin(ngx_http_request_t *r, ngx_str_t *origin)
{
    size_t     n;
    u_char    *p, *last;
    ngx_str_t  host, port, *asked;

    if (r->headers_in.host == NULL) {
        return 0;
    }

    asked = &r->headers_in.host->value;

    p = origin->data;
    last = p + origin->len;

    if (origin->len > 8 && ngx_strncasecmp(p, (u_char *) "https://", 8) == 0) {
        p += 8;
        ngx_str_set(&port, ":443");

    } else if (origin->len > 7
               && ngx_strncasecmp(p, (u_char *) "http://", 7) == 0
               && r->connection->ssl == NULL)
    {
        p += 7;
        ngx_str_set(&port, ":80");

    } else {
        return 0;
    }

    host.data = p;
    host.len = last - p;

    n = asked->len;

    /* the default port may be written or left out */

    if (host.len > port.len
        && ngx_strncmp(last - port.len, port.data, port.len) == 0)
    {
        host.len -= port.len;
    }

    if (n > port.len
        && ngx_strncmp(asked->data + n - port.len, port.data, port.len) == 0)
    {
        n -= port.len;
    }

    return host.len == n && ngx_strncasecmp(host.data, asked->data, n) == 0;
}
