
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging_frame.h"
#include "ngx_messaging_utf8.h"


#define NGX_MESSAGING_FRAME_FIN           0x80
#define NGX_MESSAGING_FRAME_RSV1          0x40
#define NGX_MESSAGING_FRAME_RSV23         0x30
#define NGX_MESSAGING_FRAME_OPCODE        0x0f
#define NGX_MESSAGING_FRAME_MASK          0x80
#define NGX_MESSAGING_FRAME_LENGTH        0x7f

/* the opcodes 0x8 to 0xf are those of control frames */
#define NGX_MESSAGING_FRAME_CONTROL       0x8


static ngx_int_t ngx_messaging_frame_first(ngx_messaging_frame_t *f,
    u_char ch, ngx_uint_t deflate);
static ngx_int_t ngx_messaging_frame_second(ngx_messaging_frame_t *f,
    u_char ch, size_t limit);
static ngx_int_t ngx_messaging_frame_length(ngx_messaging_frame_t *f,
    u_char ch, size_t limit);
static ngx_int_t ngx_messaging_frame_limit(ngx_messaging_frame_t *f,
    size_t limit);
static ngx_uint_t ngx_messaging_frame_code_valid(ngx_uint_t code);


ngx_int_t
ngx_messaging_frame_parse(ngx_messaging_frame_t *f, u_char **pos,
    u_char *last, size_t limit, ngx_uint_t deflate)
{
    u_char     ch, *p;
    ngx_int_t  rc;
    enum {
        sw_first = 0,
        sw_second,
        sw_length,
        sw_mask,
        sw_payload
    };

    rc = NGX_OK;
    p = *pos;

    while (f->state != sw_payload) {

        if (p == last) {
            rc = NGX_AGAIN;
            break;
        }

        ch = *p++;

        switch (f->state) {

        case sw_first:
            rc = ngx_messaging_frame_first(f, ch, deflate);
            f->state = sw_second;
            break;

        case sw_second:
            rc = ngx_messaging_frame_second(f, ch, limit);
            f->state = f->need ? sw_length : sw_mask;
            break;

        case sw_length:
            rc = ngx_messaging_frame_length(f, ch, limit);

            if (f->need == 0) {
                f->state = sw_mask;
            }

            break;

        default: /* sw_mask */
            f->mask[f->key++] = ch;

            if (f->key == 4) {
                f->key = 0;
                f->state = sw_payload;
            }

            break;
        }

        if (rc != NGX_OK) {
            break;
        }
    }

    *pos = p;

    return rc;
}


static ngx_int_t
ngx_messaging_frame_first(ngx_messaging_frame_t *f, u_char ch,
    ngx_uint_t deflate)
{
    f->length = 0;
    f->rest = 0;
    f->need = 0;
    f->key = 0;

    f->fin = (ch & NGX_MESSAGING_FRAME_FIN) ? 1 : 0;
    f->opcode = ch & NGX_MESSAGING_FRAME_OPCODE;

    if (ch & NGX_MESSAGING_FRAME_RSV23) {
        return NGX_MESSAGING_CLOSE_PROTOCOL;
    }

    switch (f->opcode) {

    case NGX_MESSAGING_FRAME_TEXT:
    case NGX_MESSAGING_FRAME_BINARY:

        /* RFC 6455, section 5.4: fragments of messages do not interleave */

        if (f->fragmented) {
            return NGX_MESSAGING_CLOSE_PROTOCOL;
        }

        f->rsv1 = (ch & NGX_MESSAGING_FRAME_RSV1) ? 1 : 0;

        if (f->rsv1 && !deflate) {
            return NGX_MESSAGING_CLOSE_PROTOCOL;
        }

        f->binary = (f->opcode == NGX_MESSAGING_FRAME_BINARY);
        f->message = 0;
        f->fragments = 1;

        return NGX_OK;

    case NGX_MESSAGING_FRAME_CONTINUATION:

        if (!f->fragmented) {
            return NGX_MESSAGING_CLOSE_PROTOCOL;
        }

        f->fragments++;
        break;

    case NGX_MESSAGING_FRAME_CLOSE:
    case NGX_MESSAGING_FRAME_PING:
    case NGX_MESSAGING_FRAME_PONG:

        /* RFC 6455, section 5.5: control frames are never fragmented */

        if (!f->fin) {
            return NGX_MESSAGING_CLOSE_PROTOCOL;
        }

        break;

    default:
        return NGX_MESSAGING_CLOSE_PROTOCOL;
    }

    /* RFC 7692, section 6.1: RSV1 is for the first frame of a message */

    if (ch & NGX_MESSAGING_FRAME_RSV1) {
        return NGX_MESSAGING_CLOSE_PROTOCOL;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_frame_second(ngx_messaging_frame_t *f, u_char ch, size_t limit)
{
    /* RFC 6455, section 5.1: a client masks all its frames */

    if (!(ch & NGX_MESSAGING_FRAME_MASK)) {
        return NGX_MESSAGING_CLOSE_PROTOCOL;
    }

    ch &= NGX_MESSAGING_FRAME_LENGTH;

    if ((f->opcode & NGX_MESSAGING_FRAME_CONTROL)
        && ch > NGX_MESSAGING_FRAME_MAX_CONTROL)
    {
        return NGX_MESSAGING_CLOSE_PROTOCOL;
    }

    switch (ch) {

    case 126:
        f->need = 2;
        return NGX_OK;

    case 127:
        f->need = 8;
        return NGX_OK;

    default:
        f->length = ch;
        return ngx_messaging_frame_limit(f, limit);
    }
}


static ngx_int_t
ngx_messaging_frame_length(ngx_messaging_frame_t *f, u_char ch, size_t limit)
{
    /*
     * RFC 6455, section 5.2: the top bit of the long form is 0, and the
     * shortest form is to be used.  Of the long form that is known with its
     * sixth byte: not all of the first six may be 0; of the short form, with
     * its last one.
     */

    if (f->need == 8 && (ch & 0x80)) {
        return NGX_MESSAGING_CLOSE_PROTOCOL;
    }

    f->length = f->length << 8 | ch;
    f->need--;

    if (f->need == 2 && f->length == 0) {
        return NGX_MESSAGING_CLOSE_PROTOCOL;
    }

    if (f->need) {
        return NGX_OK;
    }

    if (f->length < 126) {
        return NGX_MESSAGING_CLOSE_PROTOCOL;
    }

    return ngx_messaging_frame_limit(f, limit);
}


static ngx_int_t
ngx_messaging_frame_limit(ngx_messaging_frame_t *f, size_t limit)
{
    f->rest = f->length;

    if (f->opcode & NGX_MESSAGING_FRAME_CONTROL) {
        return NGX_OK;
    }

    if (f->rsv1 && limit < NGX_MAX_SIZE_T_VALUE / 2) {
        limit += NGX_MESSAGING_FRAME_EXPANSION(limit);
    }

    if (f->length > limit || f->message > limit - f->length) {
        return NGX_MESSAGING_CLOSE_TOO_BIG;
    }

    f->message += f->length;

    return NGX_OK;
}


void
ngx_messaging_frame_unmask(ngx_messaging_frame_t *f, u_char *p, size_t len)
{
    u_char    mask[8];
    size_t    n;
    uint64_t  key, word;

    /* eight bytes of the mask from where the last call stopped */

    for (n = 0; n < 8; n++) {
        mask[n] = f->mask[(f->key + n) & 3];
    }

    ngx_memcpy(&key, mask, 8);

    f->rest -= len;
    f->key = (u_char) ((f->key + len) & 3);

    /* the payload has any alignment, hence the copies: they cost nothing */

    while (len >= 8) {
        ngx_memcpy(&word, p, 8);
        word ^= key;
        ngx_memcpy(p, &word, 8);

        p += 8;
        len -= 8;
    }

    for (n = 0; n < len; n++) {
        p[n] ^= mask[n];
    }
}


void
ngx_messaging_frame_done(ngx_messaging_frame_t *f)
{
    /* a control frame may stand among the fragments of a message */

    if (!(f->opcode & NGX_MESSAGING_FRAME_CONTROL)) {
        f->fragmented = !f->fin;
    }

    f->state = 0;
}


u_char *
ngx_messaging_frame_encode(u_char *p, ngx_uint_t opcode, ngx_uint_t rsv1,
    uint64_t len)
{
    ngx_uint_t  n;

    n = (len < 126) ? 0 : (len < 65536) ? 2 : 8;

    if (p == NULL) {
        return (u_char *) (uintptr_t) (2 + n);
    }

    *p++ = (u_char) (NGX_MESSAGING_FRAME_FIN
                     | (rsv1 ? NGX_MESSAGING_FRAME_RSV1 : 0)
                     | opcode);

    *p++ = (u_char) ((n == 0) ? len : (n == 2) ? 126 : 127);

    while (n) {
        n--;
        *p++ = (u_char) (len >> (8 * n));
    }

    return p;
}


ngx_int_t
ngx_messaging_frame_parse_close(u_char *p, size_t len, ngx_uint_t *code,
    ngx_str_t *reason)
{
    ngx_str_null(reason);

    if (len == 0) {
        *code = NGX_MESSAGING_CLOSE_NO_STATUS;
        return NGX_OK;
    }

    if (len == 1) {
        return NGX_MESSAGING_CLOSE_PROTOCOL;
    }

    *code = (ngx_uint_t) p[0] << 8 | p[1];

    if (!ngx_messaging_frame_code_valid(*code)) {
        return NGX_MESSAGING_CLOSE_PROTOCOL;
    }

    reason->len = len - 2;
    reason->data = p + 2;

    if (!ngx_messaging_utf8_valid(reason->data, reason->len)) {
        return NGX_MESSAGING_CLOSE_INVALID_DATA;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_messaging_frame_code_valid(ngx_uint_t code)
{
    /*
     * RFC 6455, section 7.4: 1004 is reserved, 1005, 1006 and 1015 are never
     * sent; 1012 to 1014 have been registered since.  3000 to 3999 are for
     * libraries and frameworks, 4000 to 4999 for private use.
     */

    if (code >= 1000 && code <= 1014) {
        return code < 1004 || code > 1006;
    }

    return code >= 3000 && code <= 4999;
}
