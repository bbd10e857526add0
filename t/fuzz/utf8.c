
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_utf8.c"
#include "fuzz.h"


/* an independent decoder: the length of the valid character at p, or 0 */

static size_t
character(u_char *p, size_t len)
{
    size_t    i, n;
    uint32_t  ch, least;

    if (p[0] < 0x80) {
        return 1;
    }

    if ((p[0] & 0xe0) == 0xc0) {
        n = 2;
        ch = p[0] & 0x1f;
        least = 0x80;

    } else if ((p[0] & 0xf0) == 0xe0) {
        n = 3;
        ch = p[0] & 0x0f;
        least = 0x800;

    } else if ((p[0] & 0xf8) == 0xf0) {
        n = 4;
        ch = p[0] & 0x07;
        least = 0x10000;

    } else {
        return 0;
    }

    if (len < n) {
        return 0;
    }

    for (i = 1; i < n; i++) {

        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        ch = ch << 6 | (p[i] & 0x3f);
    }

    return (ch < least || ch > 0x10ffff || (ch >= 0xd800 && ch <= 0xdfff))
           ? 0 : n;
}


static void
fuzz_one(u_char *data, size_t len)
{
    u_char      state;
    size_t      i, k, n;
    ngx_int_t   rc;

    n = 0;

    for (i = 0; i < len; i += k, n++) {
        k = character(data + i, len - i);

        if (k == 0) {
            break;
        }
    }

    fuzz_assert(ngx_messaging_utf8_valid(data, len) == (i == len));

    if (i == len) {
        fuzz_assert(ngx_messaging_utf8_length(data, len) == n);
    }

    /* byte by byte it comes to the same */

    state = 0;
    rc = NGX_OK;

    for (k = 0; k < len && rc == NGX_OK; k++) {
        rc = ngx_messaging_utf8_feed(&state, data + k, 1);
    }

    fuzz_assert((rc == NGX_OK && state == 0) == (i == len));
}
