
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_utf8.c"
#include "../../src/ngx_messaging_frame.c"
#include "fuzz.h"


/*
 * The first byte is the limit, the second the size of the pieces that the
 * rest comes in: what is parsed must not depend on it.
 */


typedef struct {
    u_char      *p;
    size_t       len;
    ngx_int_t    rc;
} result_t;


static void
parse(u_char *data, size_t len, size_t limit, size_t piece, result_t *r)
{
    size_t                 k, n, rest;
    u_char                *p, *last, *copy;
    ngx_int_t              rc;
    ngx_uint_t             fragments, payload;
    ngx_messaging_frame_t  f;

    memset(&f, 0, sizeof(f));

    r->p = malloc(len * 4 + 64);
    r->len = 0;
    r->rc = NGX_OK;
    fragments = 0;
    payload = 0;

    for (rest = len; rest; rest -= n, data += n) {
        n = rest < piece ? rest : piece;
        copy = fuzz_copy(data, n);
        p = copy;
        last = p + n;

        for ( ;; ) {

            if (!payload) {
                rc = ngx_messaging_frame_parse(&f, &p, last, limit, 1);

                if (rc == NGX_AGAIN) {
                    fuzz_assert(p == last);
                    break;
                }

                if (rc != NGX_OK) {
                    fuzz_assert(rc == 1002 || rc == 1009);
                    r->rc = rc;
                    free(copy);
                    return;
                }

                fuzz_assert(f.rest == f.length);
                fuzz_assert((f.opcode & 8)
                            || f.message <= limit
                               + (f.rsv1 ? NGX_MESSAGING_FRAME_EXPANSION(limit)
                                         : 0));
                fuzz_assert(!(f.opcode & 8) || (f.length <= 125 && f.fin));

                /* a message under way has more than one */

                fragments = (f.opcode & 8) ? fragments
                                           : f.opcode ? 1 : fragments + 1;
                fuzz_assert(f.fragments == fragments);
                fuzz_assert(f.opcode || fragments > 1);

                r->p[r->len++] = f.opcode;
                r->p[r->len++] = f.fin;
                payload = 1;
            }

            k = (uint64_t) (last - p) < f.rest ? (size_t) (last - p)
                                               : (size_t) f.rest;

            ngx_messaging_frame_unmask(&f, p, k);
            memcpy(r->p + r->len, p, k);
            r->len += k;
            p += k;

            if (f.rest) {
                break;
            }

            ngx_messaging_frame_done(&f);
            payload = 0;
        }

        free(copy);
    }
}


/* a server's header, read by the rules of RFC 6455, section 5.2 */

static void
encode(u_char *data, size_t len)
{
    u_char      *last, buf[NGX_MESSAGING_FRAME_MAX_HEADER];
    size_t       i, n;
    uint64_t     length, seen;
    ngx_uint_t   rsv1;

    length = 0;

    for (i = 0; i < len && i < 8; i++) {
        length = length << 8 | data[i];
    }

    length >>= 1;
    rsv1 = len & 1;

    n = (size_t) (uintptr_t) ngx_messaging_frame_encode(NULL, 1, rsv1, length);
    fuzz_assert(n <= sizeof(buf));

    last = ngx_messaging_frame_encode(buf, 1, rsv1, length);
    fuzz_assert(last == buf + n);

    fuzz_assert(buf[0] == (0x81 | (rsv1 ? 0x40 : 0)));
    fuzz_assert(n == (size_t) (length < 126 ? 2 : length < 65536 ? 4 : 10));

    seen = 0;

    for (i = n == 2 ? 1 : 2; i < n; i++) {
        seen = seen << 8 | buf[i];
    }

    fuzz_assert(seen == length);
    fuzz_assert(n == 2 || buf[1] == (n == 4 ? 126 : 127));
}


static void
fuzz_one(u_char *data, size_t len)
{
    ngx_int_t   rc;
    result_t    whole, pieces;
    ngx_str_t   reason;
    ngx_uint_t  code;

    if (len < 2) {
        return;
    }

    encode(data + 2, len - 2);

    parse(data + 2, len - 2, data[0] * 5, len, &whole);
    parse(data + 2, len - 2, data[0] * 5, 1 + data[1] % 16, &pieces);

    fuzz_assert(whole.rc == pieces.rc && whole.len == pieces.len);
    fuzz_assert(memcmp(whole.p, pieces.p, whole.len) == 0);

    free(whole.p);
    free(pieces.p);

    rc = ngx_messaging_frame_parse_close(data + 2, len - 2, &code, &reason);

    fuzz_assert(rc == NGX_OK || rc == 1002 || rc == 1007);
    fuzz_assert(rc != NGX_OK || reason.len <= len);
}
