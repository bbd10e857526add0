
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_session.h"
#include "ngx_http_messaging_status.h"
#include "ngx_messaging_metrics.h"


#define NGX_HTTP_MESSAGING_STATUS_JSON        0
#define NGX_HTTP_MESSAGING_STATUS_PROMETHEUS  1

#define NGX_HTTP_MESSAGING_STATUS_TEXT                                        \
    "text/plain; version=0.0.4; charset=utf-8"


/* what an Accept header says of a type: the most specific range counts */

typedef struct {
    ngx_str_t    type;
    ngx_str_t    any;          /* of the same kind */
    ngx_uint_t   rank;         /* of the range that matched, 0: none did */
    ngx_uint_t   q;            /* 0..1000 */
} ngx_http_messaging_accept_t;


static ngx_int_t ngx_http_messaging_status_format(ngx_http_request_t *r,
    ngx_uint_t *format);
static ngx_uint_t ngx_http_messaging_status_accept(ngx_http_request_t *r);
static void ngx_http_messaging_status_ranges(ngx_str_t *value,
    ngx_http_messaging_accept_t *accept, ngx_uint_t n);
static void ngx_http_messaging_status_range(ngx_http_messaging_accept_t *a,
    ngx_str_t *range, ngx_uint_t q);
static ngx_str_t ngx_http_messaging_status_token(u_char **pos, u_char *last);
static ngx_uint_t ngx_http_messaging_status_quality(ngx_str_t *param,
    ngx_uint_t q);


ngx_int_t
ngx_http_messaging_status_handler(ngx_http_request_t *r)
{
    size_t                           size;
    ngx_int_t                        rc;
    ngx_buf_t                       *b;
    ngx_uint_t                       format;
    ngx_chain_t                      out;
    ngx_messaging_metrics_t          m;
    ngx_http_messaging_main_conf_t  *mmcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_messaging_status_format(r, &format);

    if (rc != NGX_OK) {
        return rc;
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);

    if (mmcf->shm == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    ngx_messaging_metrics_read(&m, mmcf->shm,
                               mmcf->worker ? mmcf->worker->slot : NULL);
    m.redis = (mmcf->redis != NULL);

    size = (format == NGX_HTTP_MESSAGING_STATUS_PROMETHEUS)
           ? ngx_messaging_metrics_prometheus(NULL, &m)
           : ngx_messaging_metrics_json(NULL, &m);

    b = ngx_create_temp_buf(r->pool, size);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (format == NGX_HTTP_MESSAGING_STATUS_PROMETHEUS) {
        b->last += ngx_messaging_metrics_prometheus(b->last, &m);

        ngx_str_set(&r->headers_out.content_type,
                    NGX_HTTP_MESSAGING_STATUS_TEXT);
        r->headers_out.content_type_len = sizeof("text/plain") - 1;

    } else {
        b->last += ngx_messaging_metrics_json(b->last, &m);

        ngx_str_set(&r->headers_out.content_type, "application/json");
        r->headers_out.content_type_len = r->headers_out.content_type.len;
    }

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    if (ngx_http_messaging_handshake_header(r, "Vary", (u_char *) "Accept", 6)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_messaging_status_format(ngx_http_request_t *r, ngx_uint_t *format)
{
    ngx_str_t  value;

    if (ngx_http_arg(r, (u_char *) "format", 6, &value) != NGX_OK) {
        *format = ngx_http_messaging_status_accept(r);
        return NGX_OK;
    }

    if (value.len == 4 && ngx_strncmp(value.data, "json", 4) == 0) {
        *format = NGX_HTTP_MESSAGING_STATUS_JSON;
        return NGX_OK;
    }

    if (value.len == 10 && ngx_strncmp(value.data, "prometheus", 10) == 0) {
        *format = NGX_HTTP_MESSAGING_STATUS_PROMETHEUS;
        return NGX_OK;
    }

    return NGX_HTTP_BAD_REQUEST;
}


/* RFC 9110, section 12.5.1; JSON unless the text is liked better */

static ngx_uint_t
ngx_http_messaging_status_accept(ngx_http_request_t *r)
{
    ngx_uint_t                   i;
    ngx_list_part_t             *part;
    ngx_table_elt_t             *h;
    ngx_http_messaging_accept_t  accept[2];

    ngx_memzero(accept, sizeof(accept));

    ngx_str_set(&accept[0].type, "application/json");
    ngx_str_set(&accept[0].any, "application/*");
    ngx_str_set(&accept[1].type, "text/plain");
    ngx_str_set(&accept[1].any, "text/*");

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == 6
                && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept", 6) == 0)
            {
                ngx_http_messaging_status_ranges(&h[i].value, accept, 2);
            }
        }
    }

    return accept[1].q > accept[0].q ? NGX_HTTP_MESSAGING_STATUS_PROMETHEUS
                                     : NGX_HTTP_MESSAGING_STATUS_JSON;
}


static void
ngx_http_messaging_status_ranges(ngx_str_t *value,
    ngx_http_messaging_accept_t *accept, ngx_uint_t n)
{
    u_char      *p, *last;
    ngx_str_t    range, param;
    ngx_uint_t   i, q;

    p = value->data;
    last = p + value->len;

    for ( /* void */ ; p < last; p++) {
        range = ngx_http_messaging_status_token(&p, last);
        q = 1000;

        while (p < last && *p == ';') {
            p++;
            param = ngx_http_messaging_status_token(&p, last);
            q = ngx_http_messaging_status_quality(&param, q);
        }

        for (i = 0; i < n; i++) {
            ngx_http_messaging_status_range(&accept[i], &range, q);
        }
    }
}


static void
ngx_http_messaging_status_range(ngx_http_messaging_accept_t *a,
    ngx_str_t *range, ngx_uint_t q)
{
    ngx_uint_t  rank;

    if (range->len == a->type.len
        && ngx_strncasecmp(range->data, a->type.data, range->len) == 0)
    {
        rank = 3;

    } else if (range->len == a->any.len
               && ngx_strncasecmp(range->data, a->any.data, range->len) == 0)
    {
        rank = 2;

    } else if (range->len == 3 && ngx_strncmp(range->data, "*/*", 3) == 0) {
        rank = 1;

    } else {
        return;
    }

    /* a scraper names a type once for each version of the format */

    if (rank > a->rank || (rank == a->rank && q > a->q)) {
        a->rank = rank;
        a->q = q;
    }
}


/* up to a delimiter that is not in a quoted string, without spaces around */

static ngx_str_t
ngx_http_messaging_status_token(u_char **pos, u_char *last)
{
    u_char      *p;
    ngx_str_t    token;
    ngx_uint_t   quoted;

    p = *pos;
    quoted = 0;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    token.data = p;

    for ( /* void */ ; p < last; p++) {

        if (quoted && *p == '\\' && p + 1 < last) {
            p++;
            continue;
        }

        if (*p == '"') {
            quoted = !quoted;
            continue;
        }

        if (!quoted && (*p == ',' || *p == ';')) {
            break;
        }
    }

    *pos = p;

    while (p > token.data && (p[-1] == ' ' || p[-1] == '\t')) {
        p--;
    }

    token.len = p - token.data;

    return token;
}


/* "q=0.5" as 500; any other parameter, or one that is no weight, changes
   nothing */

static ngx_uint_t
ngx_http_messaging_status_quality(ngx_str_t *param, ngx_uint_t q)
{
    ngx_int_t  n;

    if (param->len < 3 || param->len > 7
        || (param->data[0] | 0x20) != 'q' || param->data[1] != '=')
    {
        return q;
    }

    n = ngx_atofp(param->data + 2, param->len - 2, 3);

    return (n >= 0 && n <= 1000) ? (ngx_uint_t) n : q;
}
