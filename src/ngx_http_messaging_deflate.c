
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_deflate.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_session.h"
#include "ngx_messaging_extensions.h"
#include "ngx_messaging_utf8.h"


/*
 * permessage-deflate, RFC 7692, as far as a session is concerned.
 *
 * By default no side refers to earlier messages.  Then all of zlib is the
 * worker's, and a message for many is compressed once.  Where the
 * configuration allows more a session keeps, from its first such message on,
 * the window of its client, or a stream of its own for what it sends.
 */


/* a stream that was not used for so long is given up, without pings */

#define NGX_HTTP_MESSAGING_DEFLATE_IDLE  30000


struct ngx_http_messaging_takeover_s {
    z_stream                    *stream;     /* of the server */
    ngx_msec_t                   used;
    ngx_str_t                    window;     /* of the client */
};


static ngx_int_t ngx_http_messaging_deflate_offers(ngx_http_request_t *r,
    ngx_messaging_extensions_t *granted, ngx_messaging_extensions_t *agreed);
static ngx_http_messaging_takeover_t *ngx_http_messaging_deflate_takeover(
    ngx_http_messaging_session_t *s);


ngx_int_t
ngx_http_messaging_deflate_accept(ngx_http_request_t *r)
{
    u_char                         *p;
    ngx_uint_t                      takeover;
    ngx_messaging_extensions_t      agreed, granted;
    ngx_http_messaging_session_t   *s;
    ngx_http_messaging_loc_conf_t  *mlcf;
    u_char                          answer[NGX_MESSAGING_EXTENSIONS_MAX];

    s = ngx_http_get_module_ctx(r, ngx_http_messaging_module);
    mlcf = s->conf;

    /* who is refused gets nothing but a Close frame */

    if (!mlcf->deflate || !s->admitted) {
        return NGX_OK;
    }

    takeover = mlcf->deflate_takeover;

    ngx_memzero(&granted, sizeof(ngx_messaging_extensions_t));

    granted.server_bits = mlcf->deflate_bits;
    granted.client_bits = mlcf->deflate_bits;
    granted.server_takeover = (takeover & NGX_HTTP_MESSAGING_TAKEOVER_SERVER)
                              ? 1 : 0;
    granted.client_takeover = (takeover & NGX_HTTP_MESSAGING_TAKEOVER_CLIENT)
                              ? 1 : 0;

    if (ngx_http_messaging_deflate_offers(r, &granted, &agreed) != NGX_OK) {
        return NGX_OK;
    }

    p = ngx_messaging_extensions_write(answer, &agreed);

    if (ngx_http_messaging_handshake_header(r, "Sec-WebSocket-Extensions",
                                            answer, p - answer)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    s->server_bits = agreed.server_bits & 0xf;
    s->client_bits = agreed.client_bits & 0xf;
    s->server_takeover = agreed.server_takeover;
    s->client_takeover = agreed.client_takeover;

    return NGX_OK;
}


/* RFC 6455, section 9.1: several lines are one list */

static ngx_int_t
ngx_http_messaging_deflate_offers(ngx_http_request_t *r,
    ngx_messaging_extensions_t *granted, ngx_messaging_extensions_t *agreed)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    part = &r->headers_in.headers.part;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NGX_DECLINED;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (header[i].key.len == sizeof("sec-websocket-extensions") - 1
            && ngx_strncmp(header[i].lowcase_key, "sec-websocket-extensions",
                           sizeof("sec-websocket-extensions") - 1)
               == 0
            && ngx_messaging_extensions_accept(&header[i].value, granted,
                                               agreed)
               == NGX_OK)
        {
            return NGX_OK;
        }
    }
}


static ngx_http_messaging_takeover_t *
ngx_http_messaging_deflate_takeover(ngx_http_messaging_session_t *s)
{
    if (s->takeover == NULL) {
        s->takeover = ngx_calloc(sizeof(ngx_http_messaging_takeover_t),
                                 s->connection->log);
    }

    return s->takeover;
}


ngx_int_t
ngx_http_messaging_deflate_inflate(ngx_http_messaging_session_t *s,
    ngx_str_t *text)
{
    size_t                 len;
    ngx_int_t              rc;
    ngx_str_t             *window;
    ngx_messaging_slot_t  *slot;

    window = NULL;
    slot = s->worker->slot;
    len = text->len;

    if (s->client_takeover) {

        if (ngx_http_messaging_deflate_takeover(s) == NULL) {
            return NGX_ERROR;
        }

        window = &s->takeover->window;
    }

    rc = ngx_messaging_inflate_message(&s->worker->inflate, text,
                                       s->conf->max_message, s->client_bits,
                                       window, text);
    switch (rc) {

    case NGX_OK:
        break;

    case NGX_MESSAGING_CLOSE_TOO_BIG:
        ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_INFLATE_TOO_BIG, 1);
        return rc;

    case NGX_MESSAGING_CLOSE_INVALID_DATA:
        ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_INFLATE_FAILED, 1);

        /* a reason of its own: the text was not even seen */

        ngx_http_messaging_session_close(s, rc, "invalid compressed data");
        return rc;

    default:
        return rc;
    }

    ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_INFLATE_MESSAGES, 1);
    ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_INFLATE_BYTES_IN, len);
    ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_INFLATE_BYTES_OUT,
                           text->len);

    return ngx_messaging_utf8_valid(text->data, text->len)
           ? NGX_OK : NGX_MESSAGING_CLOSE_INVALID_DATA;
}


/*
 * What may be left out later is not compressed: a client that has missed a
 * message could not read the next one.  A message that is not compressed is
 * none for the stream.
 */

void
ngx_http_messaging_deflate_send(ngx_http_messaging_session_t *s,
    ngx_messaging_message_t *m)
{
    ngx_str_t                       payload, out;
    ngx_messaging_message_t        *deflated;
    ngx_messaging_deflate_t        *d;
    ngx_http_messaging_takeover_t  *t;

    d = &s->worker->deflate;

    ngx_messaging_message_payload(m, &payload);

    if (m->kind != NGX_MESSAGING_KIND_MESSAGE
        || ngx_messaging_deflate_bits(d, payload.len, s->server_bits) == 0)
    {
        ngx_http_messaging_session_send(s, m);
        return;
    }

    t = ngx_http_messaging_deflate_takeover(s);

    if (t && t->stream == NULL) {
        t->stream = ngx_messaging_deflate_stream(d, s->server_bits);
        t->used = ngx_current_msec;

        ngx_http_messaging_session_schedule(s);
    }

    deflated = NULL;

    if (t && t->stream) {
        t->used = ngx_current_msec;

        if (ngx_messaging_deflate_next(d, t->stream, &payload, &out) == NGX_OK)
        {
            deflated = ngx_messaging_message_deflated(m, &out,
                                                      s->worker->slot);
            if (deflated == NULL) {
                /* the stream is ahead of the client */
                (void) deflateReset(t->stream);
            }
        }

        ngx_messaging_deflate_shrink(d);
    }

    if (deflated == NULL) {
        ngx_http_messaging_session_send(s, m);
        return;
    }

    ngx_http_messaging_session_send(s, deflated);
    ngx_messaging_message_release(deflated);
}


/* to begin again with an empty window is always right for the client */

void
ngx_http_messaging_deflate_idle(ngx_http_messaging_session_t *s)
{
    if (s->takeover && s->takeover->stream
        && ngx_http_messaging_deflate_wait(s) <= 0)
    {
        ngx_log_debug0(NGX_LOG_DEBUG_HTTP, s->connection->log, 0,
                       "messaging deflate stream given up");

        ngx_messaging_deflate_close(s->takeover->stream);
        s->takeover->stream = NULL;
    }
}


ngx_msec_int_t
ngx_http_messaging_deflate_wait(ngx_http_messaging_session_t *s)
{
    ngx_msec_t  idle;

    if (s->takeover == NULL || s->takeover->stream == NULL) {
        return NGX_MAX_INT32_VALUE;
    }

    idle = s->conf->ping_interval ? s->conf->ping_interval
                                  : NGX_HTTP_MESSAGING_DEFLATE_IDLE;

    return (ngx_msec_int_t) (s->takeover->used + idle - ngx_current_msec);
}


void
ngx_http_messaging_deflate_free(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_takeover_t  *t;

    t = s->takeover;

    if (t == NULL) {
        return;
    }

    if (t->stream) {
        ngx_messaging_deflate_close(t->stream);
    }

    if (t->window.data) {
        ngx_free(t->window.data);
    }

    ngx_free(t);
    s->takeover = NULL;
}
