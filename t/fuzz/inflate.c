
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_deflate.c"
#include "../../src/ngx_messaging_inflate.c"
#include "fuzz.h"


/*
 * The first byte is the window and whether it is taken over, the second the
 * limit; the rest is two compressed messages of one connection, the first one
 * as long as the third byte says.  The same bytes, taken as text, are also
 * compressed and have to come back.
 */


static void
inflate_check(ngx_messaging_inflate_t *inf, u_char *data, size_t len,
    size_t limit, ngx_uint_t bits, ngx_str_t *window, ngx_int_t *result)
{
    size_t     old;
    u_char    *copy;
    ngx_int_t  rc;
    ngx_str_t  in, out;

    copy = fuzz_copy(data, len);
    in.data = copy;
    in.len = len;
    old = window ? window->len : 0;

    rc = ngx_messaging_inflate_message(inf, &in, limit, bits, window, &out);

    fuzz_assert(rc == NGX_OK || rc == 1007 || rc == 1009);
    fuzz_assert(rc != NGX_OK || out.len <= limit);
    fuzz_assert(inf->len <= inf->size && inf->len <= limit + 1);
    fuzz_assert(!window || window->len <= (size_t) 1 << bits);
    fuzz_assert(!window || rc == NGX_OK || window->len == old);
    fuzz_assert(!window || rc != NGX_OK || window->len >= out.len
                || window->len == (size_t) 1 << bits);

    if (window && rc == NGX_OK && out.len && out.len <= window->len) {
        fuzz_assert(memcmp(window->data + window->len - out.len, out.data,
                           out.len)
                    == 0);
    }

    ngx_messaging_inflate_shrink(inf);
    free(copy);

    *result = rc;
}


static void
round_trip(ngx_messaging_inflate_t *inf, u_char *data, size_t len,
    ngx_uint_t bits, ngx_uint_t level)
{
    z_stream                 *z;
    ngx_int_t                 rc;
    ngx_str_t                 in, out, back, window;
    ngx_uint_t                i;
    ngx_messaging_deflate_t   d;

    memset(&d, 0, sizeof(d));
    memset(&window, 0, sizeof(window));

    d.level = level;
    in.data = data;
    in.len = len;

    bits = ngx_messaging_deflate_bits(&d, len, bits);

    if (bits == 0) {
        return;
    }

    for (i = 0; i < 2; i++) {
        rc = ngx_messaging_deflate_message(&d, &in, bits, &out);

        fuzz_assert(rc == NGX_OK || rc == NGX_DECLINED);

        if (rc == NGX_OK) {
            fuzz_assert(out.len < len);

            rc = ngx_messaging_inflate_message(inf, &out, len, bits, NULL,
                                               &back);

            fuzz_assert(rc == NGX_OK && back.len == len
                        && memcmp(back.data, data, len) == 0);
        }
    }

    z = ngx_messaging_deflate_stream(&d, bits);

    fuzz_assert(z != NULL);

    for (i = 0; i < 3; i++) {

        if (ngx_messaging_deflate_next(&d, z, &in, &out) != NGX_OK) {
            continue;
        }

        fuzz_assert(out.len < len);

        rc = ngx_messaging_inflate_message(inf, &out, len, bits, &window,
                                           &back);

        fuzz_assert(rc == NGX_OK && back.len == len
                    && memcmp(back.data, data, len) == 0);
    }

    ngx_messaging_deflate_close(z);
    ngx_messaging_deflate_free(&d);

    free(window.data);
}


static void
fuzz_one(u_char *data, size_t len)
{
    size_t                    first, limit;
    ngx_int_t                 rc;
    ngx_str_t                 window;
    ngx_uint_t                bits;
    ngx_messaging_inflate_t   inf;

    if (len < 3) {
        return;
    }

    memset(&inf, 0, sizeof(inf));
    memset(&window, 0, sizeof(window));

    bits = 9 + (data[0] & 7) % 7;
    limit = data[1] * (data[1] & 1 ? 1 : 300);
    first = ngx_min(data[2], len - 3);

    inflate_check(&inf, data + 3, first, limit, bits,
                  data[0] & 8 ? &window : NULL, &rc);

    if (rc == NGX_OK) {
        inflate_check(&inf, data + 3 + first, len - 3 - first, limit, bits,
                      data[0] & 8 ? &window : NULL, &rc);
    }

    round_trip(&inf, data + 3, len - 3, bits, 1 + (data[0] >> 4) % 9);

    ngx_messaging_inflate_free(&inf);
    free(window.data);
}
