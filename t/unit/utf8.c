
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_utf8.c"
#include "unit.h"


/*
 * The judge: every Unicode scalar value is encoded by arithmetic and each
 * prefix of what comes out is noted.  A text is right as far as it consists
 * of encodings and, at its end, of a prefix of one.
 */

#define UTF8_WHOLE  1
#define UTF8_PART   2


static u_char  utf8_one[1 << 8];
static u_char  utf8_two[1 << 16];
static u_char  utf8_three[1 << 24];


static size_t
utf8_encode(u_char *p, uint32_t c)
{
    if (c < 0x80) {
        p[0] = (u_char) c;
        return 1;
    }

    if (c < 0x800) {
        p[0] = (u_char) (0xc0 + c / 64);
        p[1] = (u_char) (0x80 + c % 64);
        return 2;
    }

    if (c < 0x10000) {
        p[0] = (u_char) (0xe0 + c / 4096);
        p[1] = (u_char) (0x80 + c / 64 % 64);
        p[2] = (u_char) (0x80 + c % 64);
        return 3;
    }

    p[0] = (u_char) (0xf0 + c / 262144);
    p[1] = (u_char) (0x80 + c / 4096 % 64);
    p[2] = (u_char) (0x80 + c / 64 % 64);
    p[3] = (u_char) (0x80 + c % 64);

    return 4;
}


static void
utf8_note_all(void)
{
    u_char    p[4];
    size_t    len;
    uint32_t  c;

    for (c = 0; c <= 0x10ffff; c++) {

        if (c >= 0xd800 && c <= 0xdfff) {
            continue;
        }

        len = utf8_encode(p, c);

        utf8_one[p[0]] = (len == 1) ? UTF8_WHOLE : UTF8_PART;

        if (len > 1) {
            utf8_two[p[0] << 8 | p[1]] = (len == 2) ? UTF8_WHOLE : UTF8_PART;
        }

        if (len > 2) {
            utf8_three[p[0] << 16 | p[1] << 8 | p[2]] =
                                          (len == 3) ? UTF8_WHOLE : UTF8_PART;
        }
    }
}


/* feeds one byte and compares with what was noted */

static ngx_uint_t
utf8_differs(u_char *state, u_char ch, ngx_uint_t noted)
{
    ngx_int_t  rc;

    rc = ngx_messaging_utf8_feed(state, &ch, 1);

    switch (noted) {

    case UTF8_WHOLE:
        return rc != NGX_OK || *state != 0;

    case UTF8_PART:
        return rc != NGX_OK || *state == 0;

    default:
        return rc != NGX_ERROR;
    }
}


static void
utf8_test_all(void)
{
    u_char      four, state, three, two;
    uint32_t    a, b, c, d;
    ngx_uint_t  bad, fourth;

    bad = 0;
    fourth = 0;

    for (a = 0; a < 256; a++) {
        state = 0;
        bad += utf8_differs(&state, (u_char) a, utf8_one[a]);

        if (utf8_one[a] != UTF8_PART) {
            continue;
        }

        for (b = 0; b < 256; b++) {
            two = state;
            bad += utf8_differs(&two, (u_char) b, utf8_two[a << 8 | b]);

            if (utf8_two[a << 8 | b] != UTF8_PART) {
                continue;
            }

            for (c = 0; c < 256; c++) {
                three = two;
                bad += utf8_differs(&three, (u_char) c,
                                    utf8_three[a << 16 | b << 8 | c]);

                if (utf8_three[a << 16 | b << 8 | c] != UTF8_PART) {
                    continue;
                }

                /* the fourth byte ends the character or is wrong */

                for (d = 0; d < 256; d += (c == 0x80) ? 1 : 0x3f) {
                    four = three;
                    fourth += utf8_differs(&four, (u_char) d,
                                           (d >= 0x80 && d < 0xc0)
                                           ? UTF8_WHOLE : 0);
                }
            }
        }
    }

    unit_int((long long) bad, 0,
             "all sequences of up to three bytes, judged at each byte");
    unit_int((long long) fourth, 0, "fourth bytes");
}


/* whatever looks like an encoding of up to 2^21 - 1 */

static void
utf8_test_values(void)
{
    u_char      p[4];
    size_t      cut, len;
    uint32_t    c;
    ngx_uint_t  bad, part, want;

    bad = 0;
    part = 0;

    for (c = 0; c < 0x200000; c++) {
        len = utf8_encode(p, c);
        want = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);

        bad += ngx_messaging_utf8_valid(p, len) != want;

        for (cut = 1; cut < len; cut++) {
            part += ngx_messaging_utf8_valid(p, cut) != 0;
        }
    }

    unit_int((long long) bad, 0, "all values of 21 bits");
    unit_int((long long) part, 0, "no part of a character is a text");
}


static void
utf8_test_table(void)
{
    u_char      state;
    size_t      cut, i, n;
    ngx_int_t   rc;
    ngx_uint_t  bad;

    /* "error" is the number of the byte that cannot be, 0 if there is none */

    static struct {
        const char  *bytes;
        size_t       len;
        size_t       error;
        ngx_uint_t   valid;
    } *t, tests[] = {
        { "", 0, 0, 1 },
        { "plain", 5, 0, 1 },
        { "\0", 1, 0, 1 },
        { "\x7f", 1, 0, 1 },
        { "\xc2\x80", 2, 0, 1 },
        { "\xdf\xbf", 2, 0, 1 },
        { "\xe0\xa0\x80", 3, 0, 1 },
        { "\xed\x9f\xbf", 3, 0, 1 },
        { "\xee\x80\x80", 3, 0, 1 },
        { "\xef\xbf\xbd", 3, 0, 1 },
        { "\xef\xbf\xbf", 3, 0, 1 },
        { "\xf0\x90\x80\x80", 4, 0, 1 },
        { "\xf4\x8f\xbf\xbf", 4, 0, 1 },
        { "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", 11, 0, 1 },

        { "\x80", 1, 1, 0 },
        { "\xbf", 1, 1, 0 },
        { "\xc0\xaf", 2, 1, 0 },
        { "\xc1\xbf", 2, 1, 0 },
        { "\xe0\x80\xaf", 3, 2, 0 },
        { "\xe0\x9f\xbf", 3, 2, 0 },
        { "\xed\xa0\x80", 3, 2, 0 },
        { "\xed\xbf\xbf", 3, 2, 0 },
        { "\xf0\x80\x80\xaf", 4, 2, 0 },
        { "\xf0\x8f\xbf\xbf", 4, 2, 0 },
        { "\xf4\x90\x80\x80", 4, 2, 0 },
        { "\xf5\x80\x80\x80", 4, 1, 0 },
        { "\xf7\xbf\xbf\xbf", 4, 1, 0 },
        { "\xf8\x88\x80\x80\x80", 5, 1, 0 },
        { "\xfc\x84\x80\x80\x80\x80", 6, 1, 0 },
        { "\xfe", 1, 1, 0 },
        { "\xff", 1, 1, 0 },

        { "\xc3", 1, 0, 0 },
        { "\xe1\xbd", 2, 0, 0 },
        { "\xf0\x9f\x91", 3, 0, 0 },
        { "\xc3\x41", 2, 2, 0 },
        { "\xe2\x82\x41", 3, 3, 0 },
        { "\xf0\x9f\x91\x41", 4, 4, 0 },
        { "\xc3\xc3\xa9", 3, 2, 0 },
        { "\xc3\xa9\xa9", 3, 3, 0 },
        { "\xce\xba\xe1\xbd\xb9\xed\xa0\x80" "edited", 14, 7, 0 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];
        bad = 0;
        state = 0;

        for (n = 0; n < t->len; n++) {
            rc = ngx_messaging_utf8_feed(&state, (u_char *) t->bytes + n, 1);

            if (rc != NGX_OK) {
                break;
            }
        }

        bad += (t->error ? n != t->error - 1 : n != t->len);

        /* in two pieces */

        for (cut = 0; cut <= t->len; cut++) {
            state = 0;

            rc = ngx_messaging_utf8_feed(&state, (u_char *) t->bytes, cut);
            bad += (rc != NGX_OK) != (t->error && cut >= t->error);

            if (rc == NGX_OK) {
                rc = ngx_messaging_utf8_feed(&state, (u_char *) t->bytes + cut,
                                             t->len - cut);
                bad += (rc == NGX_OK && state == 0) != t->valid;
            }
        }

        bad += ngx_messaging_utf8_valid((u_char *) t->bytes, t->len)
               != t->valid;

        unit_ok(bad == 0, "text %d of the table", (int) i);
    }
}


/* ASCII is read in words: one other character at each place of some */

static void
utf8_test_words(void)
{
    u_char     *text;
    size_t      i, at, len;
    ngx_uint_t  bad, n;

    static struct {
        const char  *bytes;
        ngx_uint_t   valid;
    } *t, inserts[] = {
        { "\xc3\xa9", 1 },
        { "\xe2\x82\xac", 1 },
        { "\xf0\x9f\x91\x8b", 1 },
        { "\x80", 0 },
        { "\xff", 0 },
        { "\xc3", 0 },
        { "\xf0\x9f\x91", 0 },
        { "\xed\xa0\x80", 0 }
    };

    bad = 0;
    n = 0;

    for (len = 0; len < 40; len++) {
        for (at = 0; at <= len; at++) {
            for (i = 0; i < sizeof(inserts) / sizeof(inserts[0]); i++) {
                t = &inserts[i];

                /* of its own size and of any alignment in the end */

                text = malloc(len + strlen(t->bytes));
                memset(text, 'a', len + strlen(t->bytes));
                ngx_memcpy(text + at, t->bytes, strlen(t->bytes));

                bad += ngx_messaging_utf8_valid(text,
                                                len + strlen(t->bytes))
                       != t->valid;

                if (t->valid) {
                    n += ngx_messaging_utf8_length(text,
                                                   len + strlen(t->bytes))
                         != len + 1;
                }

                free(text);
            }
        }
    }

    unit_int((long long) bad, 0, "one character among ASCII");
    unit_int((long long) n, 0, "the length of that");
}


static void
utf8_test_pieces(void)
{
    u_char      state, text[600];
    size_t      cut, i, len, n, piece;
    uint32_t    c, seed;
    ngx_uint_t  bad, bad_length;

    bad = 0;
    bad_length = 0;
    seed = 1;

    for (i = 0; i < 300; i++) {
        len = 0;

        for (n = 0; n < i % 140; n++) {
            seed = seed * 1664525 + 1013904223;
            c = (seed >> 8) % 0x110000;

            /* mostly short characters, as in texts; no surrogates */

            c >>= (seed >> 28) * 2;

            if (c >= 0xd800 && c <= 0xdfff) {
                c -= 0x800;
            }

            len += utf8_encode(text + len, c);
        }

        bad_length += ngx_messaging_utf8_length(text, len) != n;

        for (piece = 1; piece < 40; piece++) {
            state = 0;

            for (cut = 0; cut < len; cut += piece) {
                bad += ngx_messaging_utf8_feed(&state, text + cut,
                                               ngx_min(piece, len - cut))
                       != NGX_OK;
            }

            bad += state != 0;
        }
    }

    unit_int((long long) bad, 0, "mixed texts in pieces of all sizes");
    unit_int((long long) bad_length, 0, "their lengths in code points");
}


int
main(void)
{
    utf8_note_all();

    utf8_test_all();
    utf8_test_values();
    utf8_test_table();
    utf8_test_words();
    utf8_test_pieces();

    return unit_done();
}
