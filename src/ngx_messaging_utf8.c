
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging_utf8.h"


#define NGX_MESSAGING_UTF8_ONES  0x0101010101010101ULL
#define NGX_MESSAGING_UTF8_HIGH  0x8080808080808080ULL


/*
 * A state other than 0 tells what the next byte has to be and the state
 * behind it.  The table is the one of RFC 3629, section 4: the second byte
 * excludes the overlong forms (after e0, f0), the surrogates (ed) and what
 * is above U+10FFFF (f4).
 */

typedef struct {
    u_char  low;
    u_char  high;
    u_char  next;
} ngx_messaging_utf8_state_t;


static ngx_messaging_utf8_state_t  ngx_messaging_utf8_states[] = {
    { 0x00, 0x7f, 0 },
    { 0x80, 0xbf, 0 },  /* 1: one more */
    { 0x80, 0xbf, 1 },  /* 2: two more */
    { 0x80, 0xbf, 2 },  /* 3: three more */
    { 0xa0, 0xbf, 1 },  /* 4: after e0 */
    { 0x80, 0x9f, 1 },  /* 5: after ed */
    { 0x90, 0xbf, 2 },  /* 6: after f0 */
    { 0x80, 0x8f, 2 }   /* 7: after f4 */
};


/* the state behind a first byte of c0 to ff, 0 if there is none */

static u_char  ngx_messaging_utf8_first[] = {
    0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  /* c0 - cf */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  /* d0 - df */
    4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 5, 2, 2,  /* e0 - ef */
    6, 3, 3, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0   /* f0 - ff */
};


ngx_int_t
ngx_messaging_utf8_feed(u_char *state, u_char *p, size_t len)
{
    u_char                      *last, s;
    uint64_t                     word;
    ngx_messaging_utf8_state_t  *st;

    s = *state;
    last = p + len;

    while (p != last) {

        if (s) {
            st = &ngx_messaging_utf8_states[s];

            if (*p < st->low || *p > st->high) {
                return NGX_ERROR;
            }

            s = st->next;
            p++;

            continue;
        }

        while (last - p >= 8) {
            ngx_memcpy(&word, p, 8);

            if (word & NGX_MESSAGING_UTF8_HIGH) {
                break;
            }

            p += 8;
        }

        while (p != last && *p < 0x80) {
            p++;
        }

        if (p == last) {
            break;
        }

        if (*p < 0xc0) {
            return NGX_ERROR;
        }

        s = ngx_messaging_utf8_first[*p++ - 0xc0];

        if (s == 0) {
            return NGX_ERROR;
        }
    }

    *state = s;

    return NGX_OK;
}


ngx_uint_t
ngx_messaging_utf8_valid(u_char *p, size_t len)
{
    u_char  state;

    state = 0;

    if (ngx_messaging_utf8_feed(&state, p, len) != NGX_OK) {
        return 0;
    }

    return state == 0;
}


size_t
ngx_messaging_utf8_length(u_char *p, size_t len)
{
    size_t    n;
    uint64_t  word;

    /* every byte but the 10xxxxxx ones begins a character */

    n = len;

    while (len >= 8) {
        ngx_memcpy(&word, p, 8);

        /* a 1 for each byte with bit 7 and without bit 6, then their sum */

        word = (word >> 7) & ~(word >> 6) & NGX_MESSAGING_UTF8_ONES;
        n -= (size_t) ((word * NGX_MESSAGING_UTF8_ONES) >> 56);

        p += 8;
        len -= 8;
    }

    while (len) {
        if ((*p & 0xc0) == 0x80) {
            n--;
        }

        p++;
        len--;
    }

    return n;
}
