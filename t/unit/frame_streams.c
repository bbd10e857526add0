
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_utf8.c"
#include "../../src/ngx_messaging_frame.c"
#include "unit.h"


#define frame_bytes(text)  text, sizeof(text) - 1


/*
 * Whole connections: bytes in, a transcript out.  In front of a frame's name
 * "#" and "*" tell that the data message begun last has RSV1, is binary; "+"
 * is a frame without FIN; the payload is in parentheses.
 */

typedef struct {
    const char  *name;
    const char  *bytes;
    size_t       len;
    ngx_uint_t   deflate;
    size_t       limit;
    const char  *want;
} frame_stream_t;

#define ZERO_MASK  "\x00\x00\x00\x00"
#define LONG_20    "aaaaaaaaaaaaaaaaaaaa"
#define LONG_130   LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 "aaaaaaaaaa"


static frame_stream_t  frame_streams[] = {
    { "the masked Hello of RFC 6455, section 5.7",
      frame_bytes("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), 0, 100,
      "text(Hello) again" },
    { "an empty text",
      frame_bytes("\x81\x80\x01\x02\x03\x04"), 0, 0, "text() again" },
    { "a binary message is only marked",
      frame_bytes("\x82\x82" ZERO_MASK "hi\x81\x81" ZERO_MASK "t"), 0, 100,
      "*binary(hi) text(t) again" },
    { "fragments with control frames among them",
      frame_bytes("\x01\x83\x37\xfa\x21\x3d\x7f\x9f\x4d"
                  "\x89\x82" ZERO_MASK "p1"
                  "\x00\x80" ZERO_MASK
                  "\x8a\x80\x01\x02\x03\x04"
                  "\x80\x82\x3d\x37\xfa\x21\x51\x58"
                  "\x81\x81" ZERO_MASK "x"), 0, 5,
      "text+(Hel) ping(p1) cont+() pong() cont(lo) text(x) again" },
    { "binary fragments stay binary until their end",
      frame_bytes("\x02\x81" ZERO_MASK "a"
                  "\x89\x80" ZERO_MASK
                  "\x80\x81" ZERO_MASK "b"
                  "\x81\x81" ZERO_MASK "c"), 0, 100,
      "*binary+(a) *ping() *cont(b) text(c) again" },
    { "RSV1 is kept over the fragments of a message",
      frame_bytes("\x41\x81" ZERO_MASK "a"
                  "\x89\x80" ZERO_MASK
                  "\x80\x81" ZERO_MASK "b"
                  "\x81\x81" ZERO_MASK "c"
                  "\xc1\x80" ZERO_MASK), 1, 100,
      "#text+(a) #ping() #cont(b) text(c) #text() again" },
    { "a close behind a message",
      frame_bytes("\x81\x81" ZERO_MASK "x\x88\x82" ZERO_MASK "\x03\xe8"),
      0, 100, "text(x) close(\x03\xe8) again" },
    { "a length of two bytes",
      frame_bytes("\x81\xfe\x00\x82" ZERO_MASK LONG_130
                  "\x81\x80" ZERO_MASK), 0, 130,
      "text(" LONG_130 ") text() again" },
    { "a control frame of 125 bytes within a message and over the limit",
      frame_bytes("\x01\x81" ZERO_MASK "a"
                  "\x89\xfd" ZERO_MASK
                  LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 "aaaaa"
                  "\x80\x81" ZERO_MASK "b"), 0, 2,
      "text+(a) ping(" LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20
      "aaaaa) cont(b) again" },
    { "a sum of fragments at the limit",
      frame_bytes("\x01\x82" ZERO_MASK "ab"
                  "\x00\x81" ZERO_MASK "c"
                  "\x80\x82" ZERO_MASK "de"
                  "\x81\x85" ZERO_MASK "abcde"), 0, 5,
      "text+(ab) cont+(c) cont(de) text(abcde) again" },
    { "a sum of fragments over the limit",
      frame_bytes("\x01\x82" ZERO_MASK "ab"
                  "\x00\x81" ZERO_MASK "c"
                  "\x80\x83"), 0, 5, "text+(ab) cont+(c) 1009" },
    { "an empty fragment at the limit, then one over it",
      frame_bytes("\x01\x82" ZERO_MASK "ab"
                  "\x00\x80" ZERO_MASK
                  "\x00\x81"), 0, 2, "text+(ab) cont+() 1009" },
    { "a first fragment over the limit",
      frame_bytes("\x01\x86"), 0, 5, "1009" },
    { "a long fragment over the limit",
      frame_bytes("\x01\x82" ZERO_MASK "ab\x80\xfe\x00\x82"), 0, 131,
      "text+(ab) 1009" },
    { "a compressed message a bit over the limit",
      frame_bytes("\xc1\xfe\x00\x9a" ZERO_MASK LONG_130 LONG_20 "abcd"), 1, 80,
      "#text(" LONG_130 LONG_20 "abcd) again" },
    { "a compressed message too far over the limit",
      frame_bytes("\xc1\xfe\x00\x9b"), 1, 80, "1009" },
    { "a compressed message in fragments too far over the limit",
      frame_bytes("\x41\xfe\x00\x82" ZERO_MASK LONG_130
                  "\x89\x80" ZERO_MASK "\x80\x99"), 1, 80,
      "#text+(" LONG_130 ") #ping() 1009" },
    { "a plain message after a compressed one",
      frame_bytes("\xc1\x81" ZERO_MASK "a\x81\xd1"), 1, 80,
      "#text(a) 1009" },
    { "a frame without mask", frame_bytes("\x81\x05"), 0, 100, "1002" },
    { "a ping without mask within a message",
      frame_bytes("\x01\x80" ZERO_MASK "\x89\x00"), 0, 100, "text+() 1002" },
    { "a continuation of nothing", frame_bytes("\x80"), 0, 100, "1002" },
    { "a continuation behind the end",
      frame_bytes("\x01\x80" ZERO_MASK "\x80\x80" ZERO_MASK "\x80"), 0, 100,
      "text+() cont() 1002" },
    { "a text within a message",
      frame_bytes("\x01\x80" ZERO_MASK "\x81"), 0, 100, "text+() 1002" },
    { "a binary frame within a message, a ping before it",
      frame_bytes("\x01\x80" ZERO_MASK "\x89\x80" ZERO_MASK "\x02"), 0, 100,
      "text+() ping() 1002" },
    { "a ping without FIN", frame_bytes("\x09"), 0, 100, "1002" },
    { "a ping of 126 bytes", frame_bytes("\x89\xfe"), 0, 1000, "1002" },
    { "a close of 127 ...", frame_bytes("\x88\xff"), 0, 1000, "1002" },
    { "RSV1 without deflate", frame_bytes("\xc1"), 0, 100, "1002" },
    { "RSV1 on a ping", frame_bytes("\xc9"), 1, 100, "1002" },
    { "RSV1 on a continuation",
      frame_bytes("\x41\x80" ZERO_MASK "\xc0"), 1, 100, "#text+() 1002" },
    { "RSV2", frame_bytes("\xa1"), 1, 100, "1002" },
    { "RSV3", frame_bytes("\x91"), 1, 100, "1002" },
    { "a reserved data opcode", frame_bytes("\x83"), 1, 100, "1002" },
    { "a reserved control opcode",
      frame_bytes("\x81\x80" ZERO_MASK "\x8b"), 1, 100, "text() 1002" },
    { "125 in two bytes", frame_bytes("\x81\xfe\x00\x7d"), 0, 1000, "1002" },
    { "65535 in eight bytes",
      frame_bytes("\x81\xff\x00\x00\x00\x00\x00\x00"), 0, 1000, "1002" },
    { "the top bit of a length", frame_bytes("\x81\xff\x80"), 0, 1000, "1002" }
};


typedef struct {
    ngx_messaging_frame_t  f;
    ngx_uint_t             payload;
    ngx_int_t              rc;
    char                  *p;
    char                   log[1024];
} frame_reader_t;


static void
frame_print(frame_reader_t *r, const char *text)
{
    size_t  len;

    len = strlen(text);
    ngx_memcpy(r->p, text, len);
    r->p += len;
}


static void
frame_print_header(frame_reader_t *r)
{
    static const char  *names[16] = {
        "cont", "text", "binary", NULL, NULL, NULL, NULL, NULL,
        "close", "ping", "pong"
    };

    frame_print(r, r->f.rsv1 ? "#" : "");
    frame_print(r, r->f.binary ? "*" : "");
    frame_print(r, names[r->f.opcode]);
    frame_print(r, r->f.fin ? "(" : "+(");
}


/* reads one piece as a session does; 0 when the connection has ended */

static int
frame_read(frame_reader_t *r, const frame_stream_t *t, const char *bytes,
    size_t len)
{
    u_char  *last, *p, *piece;
    size_t   n;

    /* of its own size: a byte read past its end is seen */

    piece = malloc(len ? len : 1);
    ngx_memcpy(piece, bytes, len);

    p = piece;
    last = piece + len;

    for ( ;; ) {
        if (!r->payload) {
            r->rc = ngx_messaging_frame_parse(&r->f, &p, last, t->limit,
                                              t->deflate);
            if (r->rc != NGX_OK) {
                break;
            }

            frame_print_header(r);
            r->payload = 1;
        }

        n = ngx_min((size_t) (last - p), (size_t) r->f.rest);

        ngx_messaging_frame_unmask(&r->f, p, n);
        ngx_memcpy(r->p, p, n);
        r->p += n;
        p += n;

        if (r->f.rest) {
            r->rc = NGX_AGAIN;
            break;
        }

        frame_print(r, ") ");
        ngx_messaging_frame_done(&r->f);
        r->payload = 0;
    }

    n = (size_t) (last - p);
    free(piece);

    if (r->rc == NGX_AGAIN) {
        return n == 0;
    }

    r->p += sprintf(r->p, "%d%s", (int) r->rc, n ? " left" : "");

    return 0;
}


/* in three pieces, or, if "first" is 0, in pieces of "second" bytes */

static int
frame_run(const frame_stream_t *t, size_t first, size_t second)
{
    size_t          end, n;
    frame_reader_t  r;

    ngx_memzero(&r, sizeof(frame_reader_t));
    r.p = r.log;

    for (n = 0; n < t->len; n = end) {

        if (first == 0) {
            end = ngx_min(n + second, t->len);

        } else {
            end = (n < first) ? first : (n < second) ? second : t->len;
        }

        if (!frame_read(&r, t, t->bytes + n, end - n)) {
            break;
        }
    }

    if (r.rc == NGX_AGAIN) {
        frame_print(&r, "again");
    }

    *r.p = '\0';

    if (strlen(t->want) == (size_t) (r.p - r.log)
        && strcmp(r.log, t->want) == 0)
    {
        return 1;
    }

    printf("# %s, split at %d and %d: got %s\n", t->name, (int) first,
           (int) second, r.log);

    return 0;
}


static void
frame_test_streams(void)
{
    size_t           first, second;
    ngx_uint_t       bad, i;
    frame_stream_t  *t;

    for (i = 0; i < sizeof(frame_streams) / sizeof(frame_streams[0]); i++) {
        t = &frame_streams[i];
        bad = 0;

        for (second = 1; second <= t->len; second++) {
            bad += !frame_run(t, 0, second);
        }

        for (first = 1; first < t->len; first++) {
            for (second = first; second < t->len; second++) {
                bad += !frame_run(t, first, second);
            }
        }

        unit_int((long long) bad, 0, t->name);
    }
}


int
main(void)
{
    frame_test_streams();

    return unit_done();
}
