
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_deflate.h"
#include "ngx_http_messaging_limit.h"
#include "ngx_http_messaging_protocol.h"
#include "ngx_http_messaging_session.h"
#include "ngx_messaging_utf8.h"


/*
 * The receiving half of a session, RFC 6455, sections 5 and 7.
 *
 * A message that lies whole in the receive buffer is handled where it lies;
 * only what has no end yet is copied, into a buffer that grows with what was
 * received, never by what was announced, and is given back with the message.
 */


#define NGX_HTTP_MESSAGING_ASSEMBLY  1024


static ngx_int_t ngx_http_messaging_input_payload(
    ngx_http_messaging_session_t *s, u_char *p, size_t n);
static ngx_int_t ngx_http_messaging_input_data(ngx_http_messaging_session_t *s,
    u_char *p, size_t n);
static ngx_int_t ngx_http_messaging_input_control(
    ngx_http_messaging_session_t *s, u_char *p, size_t n);
static ngx_int_t ngx_http_messaging_input_append(
    ngx_http_messaging_session_t *s, u_char *p, size_t n);
static ngx_http_messaging_assembly_t *ngx_http_messaging_input_assembly(
    ngx_http_messaging_session_t *s);
static ngx_int_t ngx_http_messaging_input_message(
    ngx_http_messaging_session_t *s, u_char *p, size_t len);
static void ngx_http_messaging_input_close(ngx_http_messaging_session_t *s,
    u_char *p, size_t len);
static void ngx_http_messaging_input_fail(ngx_http_messaging_session_t *s,
    ngx_uint_t code);


/*
 * Takes all bytes up to "last".  NGX_OK: go on, even if a Close is due;
 * NGX_ERROR: no memory.
 */

ngx_int_t
ngx_http_messaging_input(ngx_http_messaging_session_t *s, u_char *p,
    u_char *last)
{
    size_t     n;
    ngx_int_t  rc;

    while (!s->finish) {

        if (!s->payload) {

            rc = ngx_messaging_frame_parse(&s->frame, &p, last,
                                           s->conf->max_message,
                                           s->server_bits != 0);
            if (rc == NGX_AGAIN) {
                return NGX_OK;
            }

            if (rc > NGX_OK) {
                ngx_http_messaging_input_fail(s, rc);
                return NGX_OK;
            }

            s->payload = 1;

            if (s->frame.opcode == NGX_MESSAGING_FRAME_BINARY) {
                ngx_http_messaging_input_fail(s,
                                            NGX_MESSAGING_CLOSE_UNSUPPORTED);
                return NGX_OK;
            }

            if (s->frame.fragments > s->conf->max_fragments
                && !s->closing && !s->refusal)
            {
                ngx_http_messaging_limit_fragments(s);
                ngx_http_messaging_input_free(s);
            }
        }

        n = (size_t) ngx_min(s->frame.rest, (uint64_t) (last - p));

        if (n == 0 && s->frame.rest) {
            return NGX_OK;
        }

        ngx_messaging_frame_unmask(&s->frame, p, n);

        if (ngx_http_messaging_input_payload(s, p, n) != NGX_OK) {
            return NGX_ERROR;
        }

        p += n;

        if (s->frame.rest == 0) {
            ngx_messaging_frame_done(&s->frame);
            s->payload = 0;
        }
    }

    /* whatever comes behind the end is of no interest */

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_input_payload(ngx_http_messaging_session_t *s, u_char *p,
    size_t n)
{
    if (s->frame.opcode >= NGX_MESSAGING_FRAME_CLOSE) {
        return ngx_http_messaging_input_control(s, p, n);
    }

    if (s->closing || s->refusal) {
        /* after our Close, or before the one of a refusal, only the peer's
           matters */
        return NGX_OK;
    }

    return ngx_http_messaging_input_data(s, p, n);
}


static ngx_int_t
ngx_http_messaging_input_data(ngx_http_messaging_session_t *s, u_char *p,
    size_t n)
{
    ngx_int_t                       rc;
    ngx_uint_t                      end;
    ngx_http_messaging_assembly_t  *a;

    end = s->frame.fin && s->frame.rest == 0;

    /*
     * section 8.1: failing early is allowed and spares the rest; what is
     * compressed is text only when it is whole
     */

    if (!s->frame.rsv1
        && (ngx_messaging_utf8_feed(&s->utf8, p, n) != NGX_OK
            || (end && s->utf8 != 0)))
    {
        ngx_http_messaging_input_fail(s, NGX_MESSAGING_CLOSE_INVALID_DATA);
        return NGX_OK;
    }

    a = s->assembly;

    if (!end || (a && a->len)) {
        if (ngx_http_messaging_input_append(s, p, n) != NGX_OK) {
            return NGX_ERROR;
        }

        a = s->assembly;
    }

    if (!end) {
        return NGX_OK;
    }

    s->utf8 = 0;

    if (a == NULL || a->len == 0) {
        return ngx_http_messaging_input_message(s, p, n);
    }

    rc = ngx_http_messaging_input_message(s, a->data, a->len);
    ngx_http_messaging_input_free(s);

    return rc;
}


static ngx_int_t
ngx_http_messaging_input_control(ngx_http_messaging_session_t *s, u_char *p,
    size_t n)
{
    ngx_str_t                       part;
    ngx_messaging_message_t        *m;
    ngx_http_messaging_assembly_t  *a;

    a = s->assembly;

    if (s->frame.rest || (a && a->ncontrol)) {

        a = ngx_http_messaging_input_assembly(s);
        if (a == NULL) {
            return NGX_ERROR;
        }

        /* the parser has refused a control frame over 125 bytes */

        ngx_memcpy(a->control + a->ncontrol, p, n);
        a->ncontrol += n;

        if (s->frame.rest) {
            return NGX_OK;
        }

        p = a->control;
        n = a->ncontrol;
        a->ncontrol = 0;
    }

    switch (s->frame.opcode) {

    case NGX_MESSAGING_FRAME_PING:

        if (s->closing || s->refusal
            || ngx_http_messaging_limit_frame(s) != NGX_OK)
        {
            break;
        }

        part.data = p;
        part.len = n;

        m = ngx_messaging_message_create(NGX_MESSAGING_FRAME_PONG,
                                         NGX_MESSAGING_KIND_MESSAGE, &part, 1);
        if (m == NULL) {
            return NGX_ERROR;
        }

        ngx_http_messaging_session_send(s, m);
        ngx_messaging_message_release(m);
        break;

    case NGX_MESSAGING_FRAME_CLOSE:
        ngx_http_messaging_input_close(s, p, n);
        break;

    default: /* NGX_MESSAGING_FRAME_PONG */

        if (!s->closing && !s->refusal) {
            (void) ngx_http_messaging_limit_frame(s);
        }

        break;
    }

    if (s->assembly && s->assembly->len == 0) {
        ngx_http_messaging_input_free(s);
    }

    return NGX_OK;
}


static ngx_http_messaging_assembly_t *
ngx_http_messaging_input_assembly(ngx_http_messaging_session_t *s)
{
    if (s->assembly == NULL) {
        s->assembly = ngx_calloc(sizeof(ngx_http_messaging_assembly_t),
                                 s->connection->log);

        if (s->assembly) {
            ngx_messaging_memory_hold(sizeof(ngx_http_messaging_assembly_t));
        }
    }

    return s->assembly;
}


static ngx_int_t
ngx_http_messaging_input_append(ngx_http_messaging_session_t *s, u_char *p,
    size_t n)
{
    u_char                         *data;
    size_t                          size;
    ngx_http_messaging_assembly_t  *a;

    if (n == 0) {
        return NGX_OK;
    }

    a = ngx_http_messaging_input_assembly(s);
    if (a == NULL) {
        return NGX_ERROR;
    }

    /* the parser has kept the sum below messaging_max_message */

    if (a->size - a->len < n) {
        size = ngx_max(a->len + n, 2 * a->size);
        size = ngx_max(size, NGX_HTTP_MESSAGING_ASSEMBLY);

        data = ngx_alloc(size, s->connection->log);
        if (data == NULL) {
            return NGX_ERROR;
        }

        if (a->data) {
            ngx_memcpy(data, a->data, a->len);
            ngx_free(a->data);
        }

        ngx_messaging_memory_hold(size - a->size);

        a->data = data;
        a->size = size;
    }

    ngx_memcpy(a->data + a->len, p, n);
    a->len += n;

    return NGX_OK;
}


void
ngx_http_messaging_input_free(ngx_http_messaging_session_t *s)
{
    if (s->assembly == NULL) {
        return;
    }

    ngx_messaging_memory_drop(sizeof(ngx_http_messaging_assembly_t)
                              + s->assembly->size);

    if (s->assembly->data) {
        ngx_free(s->assembly->data);
    }

    ngx_free(s->assembly);
    s->assembly = NULL;
}


/* after our Close: half of a message is not waited for, a control frame is */

void
ngx_http_messaging_input_discard(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_assembly_t  *a;

    a = s->assembly;

    if (a == NULL) {
        return;
    }

    if (a->ncontrol == 0) {
        ngx_http_messaging_input_free(s);
        return;
    }

    if (a->data) {
        ngx_messaging_memory_drop(a->size);
        ngx_free(a->data);

        a->data = NULL;
        a->len = 0;
        a->size = 0;
    }
}


static ngx_int_t
ngx_http_messaging_input_message(ngx_http_messaging_session_t *s, u_char *p,
    size_t len)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    text.data = p;
    text.len = len;

    if (s->frame.rsv1) {

        rc = ngx_http_messaging_deflate_inflate(s, &text);

        if (rc != NGX_OK) {

            if (rc > NGX_OK) {
                ngx_http_messaging_input_fail(s, rc);
                rc = NGX_OK;
            }

            ngx_messaging_inflate_shrink(&s->worker->inflate);
            return rc;
        }
    }

    s->received++;

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_MESSAGES_IN, 1);

    switch (ngx_http_messaging_limit_frame(s)) {

    case NGX_OK:
        ngx_http_messaging_protocol_input(s, text.data, text.len);
        break;

    case NGX_BUSY:
        ngx_http_messaging_protocol_limited(s, text.data, text.len);
        break;

    default: /* NGX_DONE */
        break;
    }

    if (s->frame.rsv1) {
        ngx_messaging_inflate_shrink(&s->worker->inflate);
    }

    return NGX_OK;
}


/* section 5.5.1 and 7.1: the answer carries the code that was received */

static void
ngx_http_messaging_input_close(ngx_http_messaging_session_t *s, u_char *p,
    size_t len)
{
    ngx_int_t                 rc;
    ngx_str_t                 reason, part;
    ngx_uint_t                code;
    ngx_messaging_message_t  *m;

    rc = ngx_messaging_frame_parse_close(p, len, &code, &reason);

    if (rc != NGX_OK) {
        ngx_http_messaging_input_fail(s, rc);
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, s->connection->log, 0,
                   "messaging close received: %ui", code);

    if (!s->closing) {

        part.data = p;
        part.len = len ? 2 : 0;

        m = ngx_messaging_message_create(NGX_MESSAGING_FRAME_CLOSE,
                                         NGX_MESSAGING_KIND_MESSAGE, &part, 1);
        if (m) {
            ngx_http_messaging_session_send(s, m);
            ngx_messaging_message_release(m);
        }

        s->closing = 1;
        s->close_code = code;
        s->close_due = ngx_current_msec + s->conf->close_timeout;

        ngx_http_messaging_session_schedule(s);
    }

    s->finish = 1;

    ngx_http_messaging_session_post(s);
}


/* section 7.1.7: nothing more is read after this */

static void
ngx_http_messaging_input_fail(ngx_http_messaging_session_t *s, ngx_uint_t code)
{
    const char  *reason;

    switch (code) {

    case NGX_MESSAGING_CLOSE_UNSUPPORTED:
        reason = "binary message";
        break;

    case NGX_MESSAGING_CLOSE_INVALID_DATA:
        reason = "invalid UTF-8";
        break;

    case NGX_MESSAGING_CLOSE_TOO_BIG:
        reason = "message too big";
        break;

    default:
        reason = "protocol error";
        break;
    }

    ngx_http_messaging_session_close(s, code, reason);

    s->finish = 1;

    ngx_http_messaging_session_post(s);
}
