
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_deflate.c"
#include "../../src/ngx_messaging_inflate.c"
#include "unit.h"


#define DEFLATE_MAX  (1 << 20)

#define deflate_bytes(text)  text, sizeof(text) - 1


static ngx_messaging_deflate_t  deflater;
static ngx_messaging_inflate_t  inflater;


/* the payload in an allocation of its own, so that reading past it is seen */

static ngx_int_t
deflate_inflate(const void *in, size_t len, size_t limit, ngx_uint_t bits,
    ngx_str_t *window, ngx_str_t *out)
{
    ngx_int_t  rc;
    ngx_str_t  copy;

    copy.len = len;
    copy.data = malloc(len ? len : 1);
    memcpy(copy.data, in, len);

    rc = ngx_messaging_inflate_message(&inflater, &copy, limit, bits, window,
                                       out);
    free(copy.data);

    return rc;
}


/* text that can be compressed, but not to nothing */

static void
deflate_text(u_char *p, size_t len, uint32_t seed)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        seed = seed * 1103515245 + 12345;
        p[i] = "etaoin shrdlu"[(seed >> 16) % 13];
    }
}


static void
deflate_noise(u_char *p, size_t len, uint32_t seed)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        seed = seed * 1103515245 + 12345;
        p[i] = (u_char) (seed >> 16);
    }
}


/* a stream made by zlib as another implementation would */

static size_t
deflate_raw(const void *in, size_t len, u_char *out, int bits, int flush,
    int level, int strategy)
{
    size_t    n;
    z_stream  z;

    memset(&z, 0, sizeof(z));

    if (deflateInit2(&z, level, Z_DEFLATED, -bits, 8, strategy) != Z_OK) {
        abort();
    }

    z.next_in = (Bytef *) in;
    z.avail_in = (uInt) len;
    z.next_out = out;
    z.avail_out = 2 * DEFLATE_MAX;

    (void) deflate(&z, flush);
    n = z.total_out;

    deflateEnd(&z);

    return flush == Z_SYNC_FLUSH ? n - 4 : n;
}


static void
deflate_test_known(void)
{
    ngx_int_t  rc;
    ngx_str_t  out;
    size_t     i;

    /* the examples of RFC 7692, section 7.2.3, and what comes near them */

    static struct {
        const char  *name;
        const char  *in;
        size_t       len;
        ngx_int_t    rc;
        const char  *text;
    } *t, tests[] = {
        { "one block", deflate_bytes("\xf2\x48\xcd\xc9\xc9\x07\x00"),
          NGX_OK, "Hello" },
        { "a stored block",
          deflate_bytes("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"),
          NGX_OK, "Hello" },
        { "BFINAL and padding",
          deflate_bytes("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
          NGX_OK, "Hello" },
        { "two blocks",
          deflate_bytes("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07"
                        "\x00"),
          NGX_OK, "Hello" },
        { "empty", deflate_bytes("\x00"), NGX_OK, "" },
        { "empty, of a fixed code", deflate_bytes("\x02\x00"), NGX_OK, "" },

        { "BFINAL at the very end",
          deflate_bytes("\xf3\x48\xcd\xc9\xc9\x07\x00"), NGX_OK, "Hello" },
        { "BFINAL twice",
          deflate_bytes("\xf3\x48\xcd\xc9\xc9\x07\x00"
                        "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
          NGX_OK, "HelloHello" },
        { "BFINAL, then a block",
          deflate_bytes("\xf3\x48\xcd\xc9\xc9\x07\x00"
                        "\xf2\x48\xcd\xc9\xc9\x07\x00"),
          NGX_OK, "HelloHello" },
        { "BFINAL, then a match in what was before it",
          deflate_bytes("\xf3\x48\xcd\xc9\xc9\x07\x00" "\x02\x13\x00\x00"),
          NGX_OK, "HelloHello" },
        { "an empty BFINAL", deflate_bytes("\x03\x00"), NGX_OK, "" },

        { "nothing", deflate_bytes(""), 1007, NULL },
        { "nothing behind BFINAL but half a block",
          deflate_bytes("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2"), 1007, NULL },
        { "cut in a block", deflate_bytes("\xf2\x48\xcd\xc9\xc9"), 1007,
          NULL },
        { "cut at the end of a block",
          deflate_bytes("\xf2\x48\xcd\xc9\xc9\x07"), 1007, NULL },
        { "a stored block that the tail completes",
          deflate_bytes("\x00\x09\x00\xf6\xff\x48\x65\x6c\x6c\x6f"), 1007,
          NULL },
        { "a stored block that takes half of the tail",
          deflate_bytes("\x00\x07\x00\xf8\xff\x48\x65\x6c\x6c\x6f"), 1007,
          NULL },
        { "a stored block of which the lengths disagree",
          deflate_bytes("\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00"), 1007,
          NULL },
        { "the tail was sent as well",
          deflate_bytes("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\x00"),
          NGX_OK, "Hello" },
        { "block type 3", deflate_bytes("\x06"), 1007, NULL },
        { "garbage", deflate_bytes("\xff\xff\xff\xff"), 1007, NULL },
        { "a distance before the beginning",
          deflate_bytes("\x02\x13\x00\x00"), 1007, NULL },
        { "a header of zlib",
          deflate_bytes("\x78\x9c\xf3\x48\xcd\xc9\xc9\x07\x00\x05\x8c\x01"
                        "\xf5"), 1007, NULL },
        { "a header of gzip",
          deflate_bytes("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), 1007,
          NULL },
        { "JSON", deflate_bytes("{\"type\":\"ping\"}"), 1007, NULL }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        rc = deflate_inflate(t->in, t->len, 100, 15, NULL, &out);

        if (!unit_ok(rc == t->rc
                     && (rc != NGX_OK
                         || (out.len == strlen(t->text)
                             && memcmp(out.data, t->text, out.len) == 0)),
                     "%s", t->name))
        {
            printf("# rc %d, %d bytes\n", (int) rc,
                   rc == NGX_OK ? (int) out.len : -1);
        }
    }
}


/* no prefix of a message is a message, whatever blocks it is made of */

static void
deflate_test_truncated(void)
{
    int            bad, k;
    size_t         i, len;
    ngx_int_t      rc;
    ngx_str_t      out;
    static u_char  text[2000], in[2 * DEFLATE_MAX];

    static struct {
        const char  *name;
        int          level;
        int          strategy;
    } modes[] = {
        { "stored", 0, Z_DEFAULT_STRATEGY },
        { "fixed", 6, Z_FIXED },
        { "dynamic", 6, Z_DEFAULT_STRATEGY },
        { "run lengths", 6, Z_RLE }
    };

    deflate_text(text, sizeof(text), 1);

    for (k = 0; k < 4; k++) {
        len = deflate_raw(text, sizeof(text), in, 15, Z_SYNC_FLUSH,
                          modes[k].level, modes[k].strategy);
        bad = 0;

        for (i = 0; i < len; i++) {
            rc = deflate_inflate(in, i, 2 * sizeof(text), 15, NULL, &out);

            /* one that ends with its last block is shorter, and right */

            if (rc != 1007
                && !(rc == NGX_OK && out.len < sizeof(text)
                     && memcmp(out.data, text, out.len) == 0))
            {
                bad++;
                printf("# %d of %d: %d\n", (int) i, (int) len, (int) rc);
            }
        }

        unit_int(bad, 0, modes[k].name);

        rc = deflate_inflate(in, len, sizeof(text), 15, NULL, &out);

        unit_ok(rc == NGX_OK && out.len == sizeof(text)
                && memcmp(out.data, text, out.len) == 0,
                "... and whole it is the text");
    }
}


static void
deflate_test_limits(void)
{
    int            bad;
    size_t         i, len, limit;
    ngx_int_t      rc;
    ngx_str_t      out;
    static u_char  text[DEFLATE_MAX], in[2 * DEFLATE_MAX];

    static size_t  limits[] = {
        1, 2, 100, 4095, 4096, 4097, 8192, 65535, 65536, 65537, 1000000
    };

    bad = 0;

    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        limit = limits[i];

        deflate_text(text, limit + 1, (uint32_t) i);

        len = deflate_raw(text, limit, in, 15, Z_SYNC_FLUSH, 6, 0);
        rc = deflate_inflate(in, len, limit, 15, NULL, &out);

        if (rc != NGX_OK || out.len != limit
            || memcmp(out.data, text, limit) != 0)
        {
            bad++;
            printf("# %d at the limit: %d\n", (int) limit, (int) rc);
        }

        len = deflate_raw(text, limit + 1, in, 15, Z_SYNC_FLUSH, 6, 0);
        rc = deflate_inflate(in, len, limit, 15, NULL, &out);

        if (rc != 1009) {
            bad++;
            printf("# %d over the limit: %d\n", (int) limit, (int) rc);
        }
    }

    unit_int(bad, 0, "the limit is a limit to the byte");

    ngx_messaging_inflate_free(&inflater);

    memset(text, 0, sizeof(text));
    len = deflate_raw(text, sizeof(text), in, 15, Z_SYNC_FLUSH, 9, 0);

    rc = deflate_inflate(in, len, 65536, 15, NULL, &out);

    unit_ok(rc == 1009 && len < 2000 && inflater.size <= 65537,
            "a bomb of %d bytes takes no more than the limit", (int) len);

    /* each flush begins a block: many that hold nothing cost no memory */

    for (i = 0; i < 100000; i++) {
        in[2 * i] = 0x03;
        in[2 * i + 1] = 0x00;
    }

    rc = deflate_inflate(in, 2 * i, 65536, 15, NULL, &out);

    unit_ok(rc == NGX_OK && out.len == 0, "100000 final blocks of nothing");

    for (i = 0; i < 100000; i++) {
        memcpy(in + 5 * i, "\x00\x00\x00\xff\xff", 5);
    }

    memcpy(in + 5 * i, "\x00", 1);

    rc = deflate_inflate(in, 5 * i + 1, 65536, 15, NULL, &out);

    unit_ok(rc == NGX_OK && out.len == 0, "100000 stored blocks of nothing");

    /* what a failure leaves behind does not reach the next message */

    (void) deflate_inflate("\xf2\x48", 2, 100, 15, NULL, &out);
    rc = deflate_inflate("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 100, 15, NULL,
                         &out);

    unit_ok(rc == NGX_OK && out.len == 5, "a failure leaves nothing behind");

    rc = deflate_inflate("\x02\x13\x00\x00", 4, 100, 15, NULL, &out);

    unit_int(rc, 1007, "a success leaves nothing behind either");
}


static void
deflate_test_buffer(void)
{
    size_t         len;
    ngx_int_t      rc;
    ngx_str_t      in, out;
    static u_char  text[DEFLATE_MAX], bytes[2 * DEFLATE_MAX];

    deflate_text(text, sizeof(text), 7);

    len = deflate_raw(text, sizeof(text), bytes, 15, Z_SYNC_FLUSH, 6, 0);
    rc = deflate_inflate(bytes, len, sizeof(text), 15, NULL, &out);

    unit_ok(rc == NGX_OK && inflater.size >= sizeof(text),
            "a large message has a large buffer");

    ngx_messaging_inflate_shrink(&inflater);

    unit_ok(inflater.data == NULL && inflater.size == 0,
            "... that is given back");

    rc = deflate_inflate("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 100, 15, NULL,
                         &out);
    len = inflater.size;
    ngx_messaging_inflate_shrink(&inflater);

    unit_ok(rc == NGX_OK && len <= 4096 && inflater.size == len,
            "a small one is kept");

    in.data = text;
    in.len = sizeof(text);

    rc = ngx_messaging_deflate_message(&deflater, &in, 15, &out);

    unit_ok(rc == NGX_OK && deflater.size >= sizeof(text), "to compress, too");

    ngx_messaging_deflate_shrink(&deflater);

    unit_ok(deflater.data == NULL && deflater.size == 0,
            "... and that is given back as well");
}


static void
deflate_test_takeover(void)
{
    int            bad, bits, k;
    size_t         len, n;
    z_stream       z;
    ngx_int_t      rc;
    ngx_str_t      out, window;
    static u_char  text[40000], in[2 * DEFLATE_MAX];

    for (bits = 9; bits <= 15; bits++) {

        memset(&z, 0, sizeof(z));

        if (deflateInit2(&z, 6, Z_DEFLATED, -bits, 8, 0) != Z_OK) {
            abort();
        }

        memset(&window, 0, sizeof(window));
        bad = 0;

        for (k = 0; k < 60; k++) {

            /* every third one is that of before, and all sizes occur */

            n = 1 + (k / 3 * 997) % 3000 + (k == 30 ? 36000 : 0);
            deflate_text(text, n, k / 3);

            z.next_in = text;
            z.avail_in = (uInt) n;
            z.next_out = in;
            z.avail_out = sizeof(in);

            (void) deflate(&z, Z_SYNC_FLUSH);
            len = sizeof(in) - z.avail_out - 4;

            /* others in between do not disturb it */

            (void) deflate_inflate("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 100, 15,
                                   NULL, &out);

            rc = deflate_inflate(in, len, sizeof(text), bits, &window, &out);

            if (rc != NGX_OK || out.len != n || memcmp(out.data, text, n) != 0
                || window.len > (size_t) 1 << bits || window.len == 0)
            {
                bad++;
                printf("# message %d: %d, %d bytes, window %d\n", k, (int) rc,
                       (int) out.len, (int) window.len);
            }
        }

        deflateEnd(&z);

        unit_ok(bad == 0, "takeover with %d bits", bits);
        unit_int((long long) window.len, 1 << bits, "... of which all is kept");

        free(window.data);
    }

    /* the window is all that the client may refer to, and no more */

    memset(&window, 0, sizeof(window));

    rc = deflate_inflate("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 100, 9, &window,
                         &out);

    unit_ok(rc == NGX_OK && window.len == 5
            && memcmp(window.data, "Hello", 5) == 0,
            "a window of five bytes takes five bytes");

    rc = deflate_inflate("\x02\x13\x00\x00", 4, 100, 9, &window, &out);

    unit_ok(rc == NGX_OK && out.len == 5 && memcmp(out.data, "Hello", 5) == 0,
            "the next message refers to it");

    rc = deflate_inflate("\x00", 1, 100, 9, &window, &out);

    unit_ok(rc == NGX_OK && out.len == 0 && window.len == 10,
            "an empty one changes nothing");

    rc = deflate_inflate("\x02\x13\x00\x00", 4, 100, 9, NULL, &out);

    unit_int(rc, 1007, "without it there is nothing to refer to");

    rc = deflate_inflate("\xf2\x48", 2, 100, 9, &window, &out);

    unit_ok(rc == 1007 && window.len == 10, "a failure does not change it");

    free(window.data);
}


static void
deflate_test_bits(void)
{
    static struct {
        size_t      len;
        ngx_uint_t  bits;
        ngx_uint_t  want;
    } tests[] = {
        { 0, 15, 0 },
        { 19, 15, 0 },
        { 20, 15, 9 },
        { 250, 15, 9 },
        { 251, 15, 10 },
        { 251, 9, 9 },
        { 762, 15, 10 },
        { 763, 15, 11 },
        { 16122, 15, 14 },
        { 16123, 15, 15 },
        { 16123, 13, 13 },
        { 4000000, 15, 15 },
        { 4000000, 9, 9 },
        { (size_t) 1 << 32, 15, 0 }
    };
    size_t  i;

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        unit_ok(ngx_messaging_deflate_bits(&deflater, tests[i].len,
                                           tests[i].bits)
                == tests[i].want,
                "%d bytes, %d bits", (int) tests[i].len, (int) tests[i].bits);
    }
}


static void
deflate_test_round_trip(void)
{
    int            bad, bits, seen;
    size_t         i;
    ngx_int_t      rc;
    ngx_str_t      in, out, back;
    static u_char  text[DEFLATE_MAX];

    static size_t  sizes[] = {
        20, 21, 64, 249, 250, 251, 511, 512, 513, 762, 763, 1024, 4096, 16384,
        32767, 32768, 32769, 65536, 100000, DEFLATE_MAX
    };

    for (bits = 9; bits <= 15; bits++) {

        bad = 0;
        seen = 0;

        for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            deflate_text(text, sizes[i], (uint32_t) i);

            in.data = text;
            in.len = sizes[i];

            rc = ngx_messaging_deflate_message(&deflater, &in, bits, &out);

            if (rc != NGX_OK) {
                continue;
            }

            seen++;
            bad += out.len >= in.len;

            /* a client has the window that was agreed on, no larger one */

            rc = deflate_inflate(out.data, out.len, in.len, bits, NULL, &back);

            bad += rc != NGX_OK || back.len != in.len
                   || memcmp(back.data, text, in.len) != 0;
        }

        unit_int(bad, 0, "what was compressed comes back");
        unit_ok(seen >= 17, "%d bits: all but the shortest get shorter", bits);
    }

    bad = 0;

    for (i = 1; i < 3000; i++) {
        deflate_noise(text, i, (uint32_t) i);

        in.data = text;
        in.len = i;

        bad += ngx_messaging_deflate_message(&deflater, &in, 15, &out)
               != NGX_DECLINED;
    }

    unit_int(bad, 0, "noise is sent as it is");

    /* the border: as long as before is not shorter */

    bad = 0;
    seen = 0;

    for (i = 1; i < 400; i++) {
        memset(text, 'a', i);
        deflate_noise(text, i < 200 ? 0 : i - 200, 3);

        in.data = text;
        in.len = i;
        rc = ngx_messaging_deflate_message(&deflater, &in, 12, &out);

        seen += rc == NGX_OK;
        bad += (rc == NGX_OK)
               != (deflate_raw(text, i, text + DEFLATE_MAX / 2, 12,
                               Z_SYNC_FLUSH, 1, 0) < i);
    }

    unit_ok(bad == 0 && seen > 100 && seen < 399,
            "whatever is shorter is sent, and nothing else");
}


static void
deflate_test_stream(void)
{
    int            bad, k;
    size_t         first, n;
    z_stream      *z;
    ngx_int_t      rc;
    ngx_str_t      in, out, back, window;
    static u_char  text[5000];

    z = ngx_messaging_deflate_stream(&deflater, 12);
    memset(&window, 0, sizeof(window));

    first = 0;
    bad = 0;

    for (k = 0; k < 40; k++) {

        n = 400 + 100 * (k % 7);
        in.data = text;
        in.len = n;

        if (k % 5 == 4) {

            /* sent as it is: the stream has to forget it */

            deflate_noise(text, n, k);
            bad += ngx_messaging_deflate_next(&deflater, z, &in, &out)
                   != NGX_DECLINED;
            continue;
        }

        deflate_text(text, n, 1);

        if (k % 10 == 7) {
            /* made anew, as after a time of silence */
            ngx_messaging_deflate_close(z);
            z = ngx_messaging_deflate_stream(&deflater, 12);
        }

        rc = ngx_messaging_deflate_next(&deflater, z, &in, &out);

        if (k == 0) {
            first = out.len;

        } else if (k == 1) {
            bad += out.len > first / 2;
        }

        bad += rc != NGX_OK
               || deflate_inflate(out.data, out.len, n, 12, &window, &back)
                  != NGX_OK
               || back.len != n || memcmp(back.data, text, n) != 0;
    }

    unit_int(bad, 0, "a stream of its own refers to what the client has");

    ngx_messaging_deflate_close(z);
    free(window.data);
}


static voidpf
deflate_count(voidpf sum, uInt items, uInt size)
{
    *(size_t *) sum += (size_t) items * size;

    return calloc(items, size);
}


static void
deflate_uncount(voidpf sum, voidpf p)
{
    free(p);
}


/* what README says a worker has, in KB */

static void
deflate_test_memory(void)
{
    size_t      sum, all;
    z_stream    z;
    ngx_uint_t  bits;

    all = 0;

    for (bits = NGX_MESSAGING_DEFLATE_MIN_BITS;
         bits <= NGX_MESSAGING_DEFLATE_MAX_BITS;
         bits++)
    {
        sum = 0;

        ngx_memzero(&z, sizeof(z_stream));
        z.zalloc = deflate_count;
        z.zfree = deflate_uncount;
        z.opaque = &sum;

        unit_int(deflateInit2(&z, 1, Z_DEFLATED, -(int) bits,
                              ngx_messaging_deflate_level(bits),
                              Z_DEFAULT_STRATEGY),
                 Z_OK, "a compressor");

        (void) deflateEnd(&z);

        all += sum;

        if (bits == NGX_MESSAGING_DEFLATE_MIN_BITS) {
            unit_ok(sum <= 16 * 1024, "9 bits: %d bytes", (int) sum);
        }

        if (bits == NGX_MESSAGING_DEFLATE_MAX_BITS) {
            unit_ok(sum <= 268 * 1024, "15 bits: %d bytes", (int) sum);
        }
    }

    unit_ok(all <= 818 * 1024, "all windows: %d bytes", (int) all);

    sum = 0;

    ngx_memzero(&z, sizeof(z_stream));
    z.zalloc = deflate_count;
    z.zfree = deflate_uncount;
    z.opaque = &sum;

    unit_int(inflateInit2(&z, -15), Z_OK, "a decompressor");

    /* its window comes when there is something to look back to */

    unit_int(inflateSetDictionary(&z, (const Bytef *) "x", 1), Z_OK,
             "... with a window");

    (void) inflateEnd(&z);

    unit_ok(sum <= 40 * 1024, "decompressor: %d bytes", (int) sum);
}


int
main(void)
{
    deflater.level = 1;
    deflater.min_length = 20;

    deflate_test_known();
    deflate_test_truncated();
    deflate_test_limits();
    deflate_test_buffer();
    deflate_test_takeover();
    deflate_test_bits();
    deflate_test_memory();

    for (deflater.level = 1; deflater.level <= 9; deflater.level += 4) {
        deflate_test_round_trip();
        deflate_test_stream();

        ngx_messaging_deflate_free(&deflater);
    }

    ngx_messaging_inflate_free(&inflater);

    return unit_done();
}
