
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

    /* "Host" was read as such, and may have come in the request line */

    call->request->headers_in.server.len = r->headers_in.server.len;
    call->request->headers_in.server.data = ngx_pstrdup(call->request->pool,
                                                    &r->headers_in.server);

    return call->request->headers_in.server.data ? NGX_OK : NGX_ERROR;
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
    u_char              *p, *last;
    ngx_str_t            name, value;
    ngx_http_request_t  *r;

    r = call->request;

    p = packed->data;
    last = p + packed->len;

    p = ngx_http_messaging_call_read(p, args);
    p = ngx_http_messaging_call_read(p, &value);

    r->headers_in.server.len = value.len;
    r->headers_in.server.data = ngx_pstrdup(r->pool, &value);

    if (r->headers_in.server.data == NULL) {
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
