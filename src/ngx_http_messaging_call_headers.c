
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_call.h"


/*
 * What a backend is told of the handshake: from the request, or from what was
 * packed when "messaging_detach" has ended that.
 */


static u_char *ngx_http_messaging_call_write(u_char *p, ngx_str_t *text);
static u_char *ngx_http_messaging_call_read(u_char *p, ngx_str_t *text);
static ngx_uint_t ngx_http_messaging_call_passed(ngx_table_elt_t *header);
static ngx_uint_t ngx_http_messaging_call_is_token(
    ngx_http_messaging_loc_conf_t *conf, u_char *p, size_t len);
static ngx_int_t ngx_http_messaging_call_argument(
    ngx_http_messaging_call_t *call, ngx_http_messaging_loc_conf_t *conf,
    ngx_str_t *token, ngx_str_t *args);
static ngx_int_t ngx_http_messaging_call_server(
    ngx_http_messaging_call_t *call, ngx_str_t *server);


ngx_int_t
ngx_http_messaging_call_headers(ngx_http_messaging_call_t *call,
    ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    part = &r->headers_in.headers.part;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (ngx_http_messaging_call_passed(&header[i])
            && ngx_http_messaging_call_add(call, &header[i].key,
                                           &header[i].value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_messaging_call_server(call, &r->headers_in.server);
}


ngx_int_t
ngx_http_messaging_call_host(ngx_http_messaging_call_t *call, ngx_str_t *host,
    ngx_str_t *server)
{
    if (host->len
        && ngx_http_messaging_call_header(call, "Host", host) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_messaging_call_server(call, server);
}


/* "Host" was read as such, and may have come in the request line */

static ngx_int_t
ngx_http_messaging_call_server(ngx_http_messaging_call_t *call,
    ngx_str_t *server)
{
    ngx_http_request_t  *r;

    r = call->request;

    r->headers_in.server.len = server->len;
    r->headers_in.server.data = ngx_pstrdup(r->pool, server);

    return r->headers_in.server.data ? NGX_OK : NGX_ERROR;
}


/* texts with their lengths: arguments, server, names and values of headers */

size_t
ngx_http_messaging_call_pack(ngx_http_request_t *r, u_char *p)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    len = 2 * sizeof(uint32_t) + r->args.len + r->headers_in.server.len;

    if (p) {
        p = ngx_http_messaging_call_write(p, &r->args);
        p = ngx_http_messaging_call_write(p, &r->headers_in.server);
    }

    part = &r->headers_in.headers.part;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return len;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (!ngx_http_messaging_call_passed(&header[i])) {
            continue;
        }

        len += 2 * sizeof(uint32_t) + header[i].key.len + header[i].value.len;

        if (p) {
            p = ngx_http_messaging_call_write(p, &header[i].key);
            p = ngx_http_messaging_call_write(p, &header[i].value);
        }
    }
}


ngx_int_t
ngx_http_messaging_call_unpack(ngx_http_messaging_call_t *call,
    ngx_str_t *packed, ngx_str_t *args)
{
    u_char     *p, *last;
    ngx_str_t   name, value;

    p = packed->data;
    last = p + packed->len;

    p = ngx_http_messaging_call_read(p, args);
    p = ngx_http_messaging_call_read(p, &value);

    if (ngx_http_messaging_call_server(call, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    while (p < last) {
        p = ngx_http_messaging_call_read(p, &name);
        p = ngx_http_messaging_call_read(p, &value);

        if (ngx_http_messaging_call_add(call, &name, &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static u_char *
ngx_http_messaging_call_write(u_char *p, ngx_str_t *text)
{
    uint32_t  len;

    len = (uint32_t) text->len;

    p = ngx_cpymem(p, &len, sizeof(uint32_t));

    return ngx_cpymem(p, text->data, text->len);
}


static u_char *
ngx_http_messaging_call_read(u_char *p, ngx_str_t *text)
{
    uint32_t  len;

    ngx_memcpy(&len, p, sizeof(uint32_t));

    text->len = len;
    text->data = p + sizeof(uint32_t);

    return text->data + len;
}


/* what is about the connection, the handshake or a body is not the backend's,
   nor an encoding that could not be read here; and nobody says who he is */

static ngx_uint_t
ngx_http_messaging_call_passed(ngx_table_elt_t *header)
{
    size_t       len;
    ngx_uint_t   i;

    static const char  *names[] = {
        "accept-encoding", "connection", "content-encoding", "content-length",
        "content-type", "expect", "if-match", "if-modified-since",
        "if-none-match", "if-range", "if-unmodified-since", "keep-alive",
        "proxy-connection", "range", "te", "trailer", "transfer-encoding",
        "upgrade"
    };

    static const char  *prefixes[] = { "sec-websocket-", "x-messaging-" };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        len = ngx_strlen(names[i]);

        if (header->key.len == len
            && ngx_strncmp(header->lowcase_key, names[i], len) == 0)
        {
            return 0;
        }
    }

    for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        len = ngx_strlen(prefixes[i]);

        if (header->key.len >= len
            && ngx_strncmp(header->lowcase_key, prefixes[i], len) == 0)
        {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_http_messaging_call_token(ngx_http_messaging_call_t *call,
    ngx_http_messaging_loc_conf_t *conf, ngx_str_t *token, ngx_str_t *args)
{
    u_char           *p;
    ngx_int_t         rc;
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    rc = ngx_http_messaging_call_argument(call, conf, token, args);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    h = call->request->headers_in.authorization;

    /* RFC 6750, section 2.1; another scheme is not about the token */

    if (h && (h->value.len < sizeof("Bearer ") - 1
              || ngx_strncasecmp(h->value.data, (u_char *) "Bearer ",
                                 sizeof("Bearer ") - 1)
                 != 0))
    {
        return NGX_OK;
    }

    if (h == NULL && rc == NGX_OK) {
        return NGX_OK;
    }

    value.len = sizeof("Bearer ") - 1 + token->len;
    value.data = ngx_pnalloc(call->pool, value.len + 1);

    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, "Bearer ", sizeof("Bearer ") - 1);
    p = ngx_cpymem(p, token->data, token->len);
    *p = '\0';

    if (h) {
        h->value = value;
        return NGX_OK;
    }

    return ngx_http_messaging_call_header(call, "Authorization", &value);
}


/* NGX_OK: there was one; NGX_DECLINED: the arguments are as they were */

static ngx_int_t
ngx_http_messaging_call_argument(ngx_http_messaging_call_t *call,
    ngx_http_messaging_loc_conf_t *conf, ngx_str_t *token, ngx_str_t *args)
{
    u_char     *p, *arg, *next, *value, *last;
    ngx_int_t   rc;
    ngx_str_t   changed;

    last = args->data + args->len;
    rc = NGX_DECLINED;

    changed.len = args->len;

    for (arg = args->data; arg < last; arg = next + 1) {
        next = ngx_strlchr(arg, last, '&');
        next = next ? next : last;
        value = ngx_strlchr(arg, next, '=');

        if (value && ngx_http_messaging_call_is_token(conf, arg, value - arg))
        {
            changed.len += token->len;
            rc = NGX_OK;
        }
    }

    if (rc != NGX_OK) {
        return rc;
    }

    changed.data = ngx_pnalloc(call->pool, changed.len);
    if (changed.data == NULL) {
        return NGX_ERROR;
    }

    p = changed.data;

    for (arg = args->data; arg < last; arg = next + 1) {
        next = ngx_strlchr(arg, last, '&');
        next = next ? next : last;
        value = ngx_strlchr(arg, next, '=');

        if (value && ngx_http_messaging_call_is_token(conf, arg, value - arg))
        {
            p = ngx_cpymem(p, arg, value + 1 - arg);
            p = ngx_cpymem(p, token->data, token->len);

        } else {
            p = ngx_cpymem(p, arg, next - arg);
        }

        if (next < last) {
            *p++ = '&';
        }
    }

    changed.len = p - changed.data;
    *args = changed;

    return NGX_OK;
}


/* the name of an argument that a token may come in */

static ngx_uint_t
ngx_http_messaging_call_is_token(ngx_http_messaging_loc_conf_t *conf,
    u_char *p, size_t len)
{
    ngx_uint_t                    i;
    ngx_http_messaging_source_t  *source;

    source = conf->sources->elts;

    for (i = 0; i < conf->sources->nelts; i++) {

        if (source[i].from == NGX_HTTP_MESSAGING_FROM_QUERY
            && source[i].name.len == len
            && ngx_strncasecmp(source[i].name.data, p, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
