
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_utf8.c"
#include "../../src/ngx_messaging_frame.c"
#include "unit.h"


#define FRAME_LIMIT    65536
#define FRAME_NO_SIZE  ((size_t) -1)

#define frame_bytes(text)  text, sizeof(text) - 1


/* a connection in the state "a text message has begun" */

static void
frame_begin(ngx_messaging_frame_t *f, ngx_uint_t fragmented)
{
    u_char  *pos;
    u_char   bytes[] = { 0x01, 0x80, 1, 2, 3, 4 };

    ngx_memzero(f, sizeof(ngx_messaging_frame_t));

    if (fragmented) {
        pos = bytes;
        (void) ngx_messaging_frame_parse(f, &pos, bytes + 6, FRAME_LIMIT, 0);
        ngx_messaging_frame_done(f);
    }
}


static void
frame_test_first(void)
{
    u_char                 ch, *pos;
    ngx_int_t              rc, want;
    ngx_uint_t             bad, i, n;
    ngx_messaging_frame_t  f;

    /* which first bytes are right, RFC 6455, section 5.2 and 5.4, by hand */

    static struct {
        ngx_uint_t   fragmented;
        ngx_uint_t   deflate;
        const char  *right;
        size_t       len;
    } *t, tests[] = {
        { 0, 0, frame_bytes("\x01\x02\x81\x82\x88\x89\x8a") },
        { 0, 1, frame_bytes("\x01\x02\x81\x82\x88\x89\x8a"
                            "\x41\x42\xc1\xc2") },
        { 1, 0, frame_bytes("\x00\x80\x88\x89\x8a") },
        { 1, 1, frame_bytes("\x00\x80\x88\x89\x8a") }
    };

    bad = 0;

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        for (n = 0; n < 256; n++) {
            ch = (u_char) n;
            pos = &ch;
            want = memchr(t->right, ch, t->len) ? NGX_AGAIN : 1002;

            frame_begin(&f, t->fragmented);

            rc = ngx_messaging_frame_parse(&f, &pos, &ch + 1, FRAME_LIMIT,
                                           t->deflate);

            if (rc != want || pos != &ch + 1) {
                bad++;
                printf("# %d, first byte %02x: %d\n", (int) i, ch, (int) rc);
            }
        }
    }

    unit_int((long long) bad, 0, "all first bytes are judged at once");
}


static void
frame_test_second(void)
{
    u_char                 bytes[2], *pos;
    ngx_int_t              rc, want;
    ngx_uint_t             bad, i, len, n;
    ngx_messaging_frame_t  f;

    static struct {
        u_char      first;
        ngx_uint_t  max;
        size_t      limit;
    } *t, tests[] = {
        { 0x81, 127, FRAME_LIMIT },
        { 0x82, 127, FRAME_LIMIT },
        { 0x01, 127, FRAME_LIMIT },
        { 0x88, 125, FRAME_LIMIT },
        { 0x89, 125, FRAME_LIMIT },
        { 0x8a, 125, FRAME_LIMIT },

        /* a control frame does not count */
        { 0x89, 125, 0 },
        { 0x81, 127, 0 },
        { 0x81, 127, 100 },
        { 0x81, 127, 125 }
    };

    bad = 0;

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        for (n = 0; n < 256; n++) {
            len = n & 0x7f;
            want = NGX_AGAIN;

            if (n < 128 || len > t->max) {
                want = 1002;

            } else if (len < 126 && t->first != 0x89 && len > t->limit) {
                want = 1009;
            }

            bytes[0] = t->first;
            bytes[1] = (u_char) n;
            pos = bytes;

            frame_begin(&f, 0);

            rc = ngx_messaging_frame_parse(&f, &pos, bytes + 2, t->limit, 0);

            if (rc != want || pos != bytes + 2) {
                bad++;
                printf("# %02x %02x: %d\n", t->first, (int) n, (int) rc);
            }
        }
    }

    unit_int((long long) bad, 0, "all second bytes are judged at once");
}


static void
frame_test_length16(void)
{
    u_char                 bytes[8], *pos;
    ngx_int_t              rc, want;
    ngx_uint_t             bad, n;
    ngx_messaging_frame_t  f;

    bad = 0;

    for (n = 0; n < 65536; n++) {
        bytes[0] = 0x81;
        bytes[1] = 0xfe;
        bytes[2] = (u_char) (n >> 8);
        bytes[3] = (u_char) n;
        ngx_memcpy(bytes + 4, "mask", 4);
        pos = bytes;

        want = (n < 126) ? 1002 : (n > 40000) ? 1009 : NGX_OK;

        frame_begin(&f, 0);

        rc = ngx_messaging_frame_parse(&f, &pos, bytes + 8, 40000, 0);

        if (rc != want
            || pos != bytes + (rc == NGX_OK ? 8 : 4)
            || (rc == NGX_OK
                && (f.length != n || f.rest != n || f.message != n
                    || memcmp(f.mask, "mask", 4) != 0)))
        {
            bad++;
            printf("# length %d: %d\n", (int) n, (int) rc);
        }
    }

    unit_int((long long) bad, 0, "all lengths of two bytes");
}


static void
frame_test_length64(void)
{
    u_char                 bytes[14], *pos;
    ngx_int_t              rc;
    ngx_uint_t             i, n;
    ngx_messaging_frame_t  f;

    static struct {
        uint64_t    len;
        size_t      limit;
        ngx_int_t   rc;
        ngx_uint_t  taken;
    } *t, tests[] = {
        { 0, FRAME_NO_SIZE, 1002, 8 },
        { 125, FRAME_NO_SIZE, 1002, 8 },
        { 126, FRAME_NO_SIZE, 1002, 8 },
        { 127, FRAME_NO_SIZE, 1002, 8 },
        { 65535, FRAME_NO_SIZE, 1002, 8 },
        { 65535, 0, 1002, 8 },
        { 65536, FRAME_NO_SIZE, NGX_OK, 14 },
        { 65536, 65536, NGX_OK, 14 },
        { 65536, 65535, 1009, 10 },
        { 65537, 65536, 1009, 10 },
        { 0x01020304, FRAME_NO_SIZE, NGX_OK, 14 },
        { 0x100000000ULL, FRAME_LIMIT, 1009, 10 },
        { 0x100000001ULL, 1, 1009, 10 },
        { 0x0102030405060708ULL, FRAME_LIMIT, 1009, 10 },
#if (NGX_PTR_SIZE == 8)
        { 0x0102030405060708ULL, FRAME_NO_SIZE, NGX_OK, 14 },
        { 0x7fffffffffffffffULL, FRAME_NO_SIZE, NGX_OK, 14 },
#endif
        { 0x7fffffffffffffffULL, FRAME_LIMIT, 1009, 10 },
        { 0x8000000000000000ULL, FRAME_NO_SIZE, 1002, 3 },
        { 0x8000000000010000ULL, FRAME_NO_SIZE, 1002, 3 },
        { 0xffffffffffffffffULL, FRAME_NO_SIZE, 1002, 3 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        bytes[0] = 0x82;
        bytes[1] = 0xff;

        for (n = 0; n < 8; n++) {
            bytes[2 + n] = (u_char) (t->len >> (56 - 8 * n));
        }

        ngx_memcpy(bytes + 10, "mask", 4);
        pos = bytes;

        frame_begin(&f, 0);

        rc = ngx_messaging_frame_parse(&f, &pos, bytes + 14, t->limit, 0);

        unit_ok(rc == t->rc && pos == bytes + t->taken
                && (rc != NGX_OK || (f.length == t->len && f.rest == t->len)),
                "length %llx in eight bytes, limit %llx: %d",
                (unsigned long long) t->len, (unsigned long long) t->limit,
                (int) t->rc);
    }
}


#if (NGX_PTR_SIZE == 8)

static void
frame_test_sum(void)
{
    u_char                 *pos;
    ngx_int_t               rc;
    ngx_uint_t              n;
    ngx_messaging_frame_t   f;

    static u_char  bytes[] = {
        0x01, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4
    };
    static u_char  two[] = { 0x00, 0x82 };

    /* 2^63 - 1, twice, makes 2^64 - 2: two more would be 0 */

    frame_begin(&f, 0);

    for (n = 0; n < 2; n++) {
        bytes[0] = n ? 0x00 : 0x01;
        pos = bytes;

        rc = ngx_messaging_frame_parse(&f, &pos, bytes + 14, FRAME_NO_SIZE, 0);
        unit_int(rc, NGX_OK, "a fragment of 2^63 - 1 without a limit");

        f.rest = 0;
        ngx_messaging_frame_done(&f);
    }

    unit_ok(f.message == 0xfffffffffffffffeULL, "the sum of two");

    pos = two;
    rc = ngx_messaging_frame_parse(&f, &pos, two + 2, FRAME_NO_SIZE, 0);
    unit_int(rc, 1009, "a sum that would overflow");
}

#endif


static void
frame_test_unmask(void)
{
    u_char                 *p;
    size_t                  cut, i, len, n, offset;
    ngx_uint_t              bad;
    ngx_messaging_frame_t   f;

    static u_char  area[128];
    static u_char  source[128];
    static u_char  key[] = { 0x80, 0x01, 0xfe, 0x5a };

    for (i = 0; i < sizeof(source); i++) {
        source[i] = (u_char) (i * 37 + 11);
    }

    bad = 0;

    for (offset = 0; offset < 16; offset++) {
        for (len = 0; len <= 70; len++) {
            for (cut = 0; cut <= len; cut++) {

                ngx_memcpy(area, source, sizeof(source));
                p = area + offset;

                ngx_memzero(&f, sizeof(ngx_messaging_frame_t));
                ngx_memcpy(f.mask, key, 4);
                f.rest = len + 3;

                ngx_messaging_frame_unmask(&f, p, cut);
                ngx_messaging_frame_unmask(&f, p + cut, len - cut);

                for (i = 0; i < sizeof(source); i++) {
                    n = i - offset;

                    bad += area[i]
                           != (n < len ? source[i] ^ key[n % 4] : source[i]);
                }

                bad += f.rest != 3 || f.key != len % 4;
            }
        }
    }

    unit_int((long long) bad, 0,
             "unmasking at all alignments, lengths and cuts");
}


static void
frame_test_encode(void)
{
    u_char                 *p, *pos;
    size_t                  i;
    ngx_int_t               rc;
    ngx_messaging_frame_t   f;
    u_char                  bytes[16];

    static struct {
        ngx_uint_t   opcode;
        ngx_uint_t   rsv1;
        uint64_t     len;
        size_t       size;
        const char  *want;
    } *t, tests[] = {
        { 0x1, 0, 0, 2, "\x81\x00" },
        { 0x1, 0, 5, 2, "\x81\x05" },
        { 0x1, 1, 5, 2, "\xc1\x05" },
        { 0x1, 0, 125, 2, "\x81\x7d" },
        { 0x1, 0, 126, 4, "\x81\x7e\x00\x7e" },
        { 0x1, 0, 127, 4, "\x81\x7e\x00\x7f" },
        { 0x1, 1, 256, 4, "\xc1\x7e\x01\x00" },
        { 0x2, 0, 65535, 4, "\x82\x7e\xff\xff" },
        { 0x1, 0, 65536, 10, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00" },
        { 0x2, 1, 0x7102030405060708ULL, 10,
          "\xc2\x7f\x71\x02\x03\x04\x05\x06\x07\x08" },
        { 0x8, 0, 2, 2, "\x88\x02" },
        { 0x9, 0, 0, 2, "\x89\x00" },
        { 0xa, 0, 125, 2, "\x8a\x7d" }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        memset(bytes, 0x55, sizeof(bytes));

        p = ngx_messaging_frame_encode(bytes, t->opcode, t->rsv1, t->len);

        unit_ok((size_t) (p - bytes) == t->size
                && memcmp(bytes, t->want, t->size) == 0
                && bytes[t->size] == 0x55,
                "header of opcode %x, length %llu", (int) t->opcode,
                (unsigned long long) t->len);

        p = ngx_messaging_frame_encode(NULL, t->opcode, t->rsv1, t->len);

        unit_int((long long) (uintptr_t) p, (long long) t->size,
                 "... its length");

        if (t->len > FRAME_NO_SIZE) {
            continue;
        }

        /* a client's frame is the same with a mask */

        bytes[1] |= 0x80;
        ngx_memcpy(bytes + t->size, "mask", 4);

        ngx_memzero(&f, sizeof(ngx_messaging_frame_t));
        pos = bytes;

        rc = ngx_messaging_frame_parse(&f, &pos, bytes + t->size + 4,
                                       FRAME_NO_SIZE, 1);

        unit_ok(rc == NGX_OK && pos == bytes + t->size + 4
                && f.length == t->len && f.rest == t->len && f.fin
                && f.opcode == t->opcode && f.rsv1 == t->rsv1
                && f.binary == (t->opcode == 0x2)
                && memcmp(f.mask, "mask", 4) == 0,
                "... and back");
    }
}


static void
frame_test_round_trip(void)
{
    u_char                 *bytes, *p, *pos, *payload;
    size_t                  i, j, len, piece;
    ngx_uint_t              bad;
    ngx_messaging_frame_t   f;

    static size_t  lens[] = { 0, 1, 125, 126, 127, 65535, 65536, 200001 };
    static size_t  pieces[] = { 1, 3, 7, 4096, 300000 };
    static u_char  key[] = { 0xde, 0xad, 0xbe, 0xef };

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        len = lens[i];
        bytes = malloc(len + 14);
        payload = bytes + 4
                  + (uintptr_t) ngx_messaging_frame_encode(NULL, 1, 0, len);

        for (j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
            p = ngx_messaging_frame_encode(bytes, 1, 0, len);
            bytes[1] |= 0x80;
            p = ngx_cpymem(p, key, 4);

            for (piece = 0; piece < len; piece++) {
                *p++ = (u_char) ((piece * 7) ^ key[piece % 4]);
            }

            ngx_memzero(&f, sizeof(ngx_messaging_frame_t));
            pos = bytes;
            bad = 0;

            while (ngx_messaging_frame_parse(&f, &pos, pos + 1, len, 0)
                   == NGX_AGAIN)
            {
                bad += pos >= payload;
            }

            bad += pos != payload;

            while (f.rest) {
                piece = ngx_min(pieces[j], (size_t) f.rest);
                ngx_messaging_frame_unmask(&f, pos, piece);
                pos += piece;
            }

            bad += pos != payload + len;

            for (piece = 0; piece < len; piece++) {
                bad += payload[piece] != (u_char) (piece * 7);
            }

            unit_ok(bad == 0, "%d bytes in pieces of %d", (int) len,
                    (int) pieces[j]);
        }

        free(bytes);
    }
}


static void
frame_test_payload(void)
{
    u_char                 *pos;
    ngx_int_t               rc;
    ngx_messaging_frame_t   f;

    static u_char  bytes[] = { 0x81, 0x82, 1, 2, 3, 4, 'a', 'b' };

    ngx_memzero(&f, sizeof(ngx_messaging_frame_t));
    pos = bytes;

    rc = ngx_messaging_frame_parse(&f, &pos, bytes, FRAME_LIMIT, 0);
    unit_ok(rc == NGX_AGAIN && pos == bytes, "no bytes at all");

    rc = ngx_messaging_frame_parse(&f, &pos, bytes + 8, FRAME_LIMIT, 0);
    unit_ok(rc == NGX_OK && pos == bytes + 6, "a header with its payload");

    ngx_messaging_frame_unmask(&f, pos, 1);
    pos++;

    rc = ngx_messaging_frame_parse(&f, &pos, bytes + 8, FRAME_LIMIT, 0);
    unit_ok(rc == NGX_OK && pos == bytes + 7 && f.rest == 1 && f.key == 1,
            "a complete header stays so while the payload is read");
}


static void
frame_test_close(void)
{
    u_char      bytes[2];
    ngx_int_t   rc, want;
    ngx_str_t   reason;
    ngx_uint_t  bad, code, n;

    bad = 0;

    for (n = 0; n < 65536; n++) {
        bytes[0] = (u_char) (n >> 8);
        bytes[1] = (u_char) n;

        switch (n) {

        case 1000: case 1001: case 1002: case 1003: case 1007: case 1008:
        case 1009: case 1010: case 1011: case 1012: case 1013: case 1014:
            want = NGX_OK;
            break;

        default:
            want = (n / 1000 == 3 || n / 1000 == 4) ? NGX_OK : 1002;
            break;
        }

        code = 0;
        rc = ngx_messaging_frame_parse_close(bytes, 2, &code, &reason);

        if (rc != want || (rc == NGX_OK && (code != n || reason.len != 0))) {
            bad++;
            printf("# code %d: %d\n", (int) n, (int) rc);
        }
    }

    unit_int((long long) bad, 0, "all codes of a close");

    rc = ngx_messaging_frame_parse_close(bytes, 0, &code, &reason);
    unit_ok(rc == NGX_OK && code == 1005 && reason.len == 0,
            "an empty close");

    rc = ngx_messaging_frame_parse_close(bytes, 1, &code, &reason);
    unit_int(rc, 1002, "a close of one byte");
}


static void
frame_test_reason(void)
{
    u_char      bytes[125];
    ngx_int_t   rc;
    ngx_str_t   reason;
    ngx_uint_t  code, i;

    static struct {
        const char  *reason;
        ngx_int_t    rc;
    } *t, tests[] = {
        { "bye", NGX_OK },
        { "caf\xc3\xa9 \xf0\x9f\x91\x8b", NGX_OK },
        { "caf\xc3", 1007 },
        { "\xff", 1007 },
        { "\xed\xa0\x80", 1007 },
        { "good until \xf4\x90\x80\x80", 1007 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        bytes[0] = 0x0f;
        bytes[1] = 0xa1;
        ngx_memcpy(bytes + 2, t->reason, strlen(t->reason));

        rc = ngx_messaging_frame_parse_close(bytes, 2 + strlen(t->reason),
                                             &code, &reason);

        unit_int(rc, t->rc, "the reason of a close");

        if (rc == NGX_OK) {
            unit_int((long long) code, 4001, "... its code");
            unit_str(reason.data, reason.len, t->reason, "... its text");
        }
    }

    memset(bytes + 2, 'r', NGX_MESSAGING_FRAME_MAX_REASON);

    rc = ngx_messaging_frame_parse_close(bytes, sizeof(bytes), &code,
                                         &reason);
    unit_ok(rc == NGX_OK && reason.len == NGX_MESSAGING_FRAME_MAX_REASON,
            "the longest reason");

    bytes[0] = 0x03;
    bytes[1] = 0xed;
    bytes[2] = 0xff;

    rc = ngx_messaging_frame_parse_close(bytes, 3, &code, &reason);
    unit_int(rc, 1002, "the code is judged before the reason");
}


int
main(void)
{
    frame_test_first();
    frame_test_second();
    frame_test_length16();
    frame_test_length64();

#if (NGX_PTR_SIZE == 8)
    frame_test_sum();
#endif

    frame_test_unmask();
    frame_test_encode();
    frame_test_round_trip();
    frame_test_payload();
    frame_test_close();
    frame_test_reason();

    return unit_done();
}
