
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"
#include "ngx_http_messaging_status.h"


/* of a line: "name":18446744073709551615 and what separates it */
#define NGX_HTTP_MESSAGING_STATUS_LINE  96


static u_char *ngx_http_messaging_status_json(
    ngx_http_messaging_main_conf_t *mmcf, u_char *p);


ngx_int_t
ngx_http_messaging_status_handler(ngx_http_request_t *r)
{
    size_t                           size;
    ngx_int_t                        rc;
    ngx_buf_t                       *b;
    ngx_chain_t                      out;
    ngx_http_messaging_main_conf_t  *mmcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);

    if (mmcf->shm == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    size = (NGX_MESSAGING_STAT_LAST + 4) * NGX_HTTP_MESSAGING_STATUS_LINE;

    b = ngx_create_temp_buf(r->pool, size);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_http_messaging_status_json(mmcf, b->last);
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static u_char *
ngx_http_messaging_status_json(ngx_http_messaging_main_conf_t *mmcf,
    u_char *p)
{
    uint64_t               n;
    ngx_uint_t             i;
    const char            *group;
    ngx_messaging_slot_t  *own;
    ngx_messaging_stat_t  *stat;

    own = mmcf->worker ? mmcf->worker->slot : NULL;
    group = "";

    p = ngx_sprintf(p, "{\"workers\":%ui",
                    ngx_messaging_shm_workers(mmcf->shm));

    for (i = 0; i < NGX_MESSAGING_STAT_LAST; i++) {
        stat = &ngx_messaging_shm_stats[i];
        n = ngx_messaging_shm_sum(mmcf->shm, own, i);

        if (ngx_strcmp(stat->group, group) == 0) {
            *p++ = ',';

        } else {

            if (*group) {
                *p++ = '}';
            }

            group = stat->group;
            p = ngx_sprintf(p, ",\"%s\":{", group);
        }

        p = ngx_sprintf(p, "\"%s\":%uL", stat->name, n);
    }

    if (*group) {
        *p++ = '}';
    }

    *p++ = '}';
    *p++ = LF;

    return p;
}
