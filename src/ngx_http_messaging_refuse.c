
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_delay.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_refuse.h"
#include "ngx_http_messaging_session.h"


/*
 * How a handshake is refused: by a status of HTTP, or for who is not let in
 * by the 101 and a Close frame.
 */


#define NGX_HTTP_MESSAGING_RETRY_SECONDS  "5"


static ngx_int_t ngx_http_messaging_refuse_version(ngx_http_request_t *r,
    ngx_uint_t stat);


/* not let in: a Close frame after the 101, or a status for "reject http" */

ngx_int_t
ngx_http_messaging_refuse_session(ngx_http_messaging_session_t *s,
    ngx_uint_t stat, ngx_uint_t code, const char *reason)
{
    ngx_int_t            status;
    ngx_msec_t           delay;
    ngx_http_request_t  *r;

    r = s->request;

    ngx_http_messaging_session_uncount(s);

    if (s->access) {
        json_decref(s->access);
        s->access = NULL;
    }

    if (s->conf->reject == NGX_HTTP_MESSAGING_REJECT_HTTP) {

        switch (code) {

        case NGX_MESSAGING_CLOSE_TOKEN:
            status = NGX_HTTP_UNAUTHORIZED;
            break;

        case NGX_MESSAGING_CLOSE_ACCESS:
            status = NGX_HTTP_FORBIDDEN;
            break;

        default:
            status = NGX_HTTP_SERVICE_UNAVAILABLE;
            break;
        }

        status = ngx_http_messaging_refuse_request(r, s->worker, stat, status);
        delay = ngx_http_messaging_delay_next(s, code);

        return delay ? ngx_http_messaging_delay_status(s, delay, status)
                     : status;
    }

    ngx_messaging_stat_add(s->worker->slot, stat, 1);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "messaging handshake refused: %s",
                  ngx_messaging_shm_stats[stat].name);

    delay = ngx_http_messaging_delay_next(s, code);

    /* first, or frames that came with the request would be obeyed */

    if (delay == 0) {
        ngx_http_messaging_session_close(s, code, reason);

    } else if (ngx_http_messaging_delay_close(s, delay, code, reason)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_messaging_session_open(s) != NGX_OK) {
        return NGX_ERROR;
    }

    r->main->count++;

    return NGX_DONE;
}


ngx_int_t
ngx_http_messaging_refuse_request(ngx_http_request_t *r,
    ngx_http_messaging_worker_t *worker, ngx_uint_t stat, ngx_int_t status)
{
    ngx_int_t  rc;

    ngx_messaging_stat_add(worker->slot, stat, 1);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "messaging handshake refused: %s",
                  ngx_messaging_shm_stats[stat].name);

    rc = NGX_OK;

    switch (status) {

    case NGX_HTTP_MESSAGING_UPGRADE_REQUIRED:
        return ngx_http_messaging_refuse_version(r, stat);

    case NGX_HTTP_UNAUTHORIZED:
        rc = ngx_http_messaging_handshake_header(r, "WWW-Authenticate",
                                                 (u_char *) "Bearer", 6);
        break;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        rc = ngx_http_messaging_handshake_header(r, "Retry-After",
                             (u_char *) NGX_HTTP_MESSAGING_RETRY_SECONDS,
                             sizeof(NGX_HTTP_MESSAGING_RETRY_SECONDS) - 1);
        break;

    default:
        break;
    }

    return rc == NGX_OK ? status : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* nginx has neither a text nor a page for 426 */

static ngx_int_t
ngx_http_messaging_refuse_version(ngx_http_request_t *r,
    ngx_uint_t stat)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    static u_char  text[] = "This is a WebSocket endpoint, version 13.\n";

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = NGX_HTTP_MESSAGING_UPGRADE_REQUIRED;
    ngx_str_set(&r->headers_out.status_line, "426 Upgrade Required");
    ngx_str_set(&r->headers_out.content_type, "text/plain");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_length_n = sizeof(text) - 1;

    if (ngx_http_messaging_handshake_header(r, "Upgrade",
                                            (u_char *) "websocket", 9)
        != NGX_OK
        || ngx_http_messaging_handshake_header(r, "Connection",
                                               (u_char *) "Upgrade", 7)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (stat == NGX_MESSAGING_STAT_REFUSED_VERSION
        && ngx_http_messaging_handshake_header(r, "Sec-WebSocket-Version",
                                               (u_char *) "13", 2)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->memory = 1;
    b->last_buf = 1;
    b->pos = text;
    b->last = text + sizeof(text) - 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
