
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_resp.c"
#include "unit.h"

#include <malloc.h>


/*
 * Each reply is written into a text, so that one comparison tests types,
 * order and values: "S" string, "+" status, "-" error, ":" integer, "_" nil,
 * "[a|b|c]" array ("~" for a nil or integer element, then the integer).
 */

typedef struct {
    char         *p;
    size_t        len;
    size_t        size;
    unsigned      replies;
} resp_log_t;


typedef struct {
    const char   *bytes;
    const char   *log;
} resp_good_t;


static void resp_good(const char *bytes, size_t len, const char *log);
static void resp_bad(const char *bytes, size_t len, const char *error,
    const char *name);
static void resp_order(void);
static void resp_large(void);
static void resp_announced(void);
static void resp_limits(void);
static void resp_random(void);
static void resp_handler(void *data, ngx_messaging_resp_reply_t *reply);
static void resp_add(resp_log_t *log, const void *p, size_t len);
static ngx_int_t resp_chunks(const char *bytes, size_t len, size_t first,
    size_t chunk, resp_log_t *log);
static void resp_free_log(resp_log_t *log);


#define MESSAGE  "*3\r\n$7\r\nmessage\r\n$4\r\nch:1\r\n$2\r\nhi\r\n"

static const resp_good_t  good[] = {
    { "+OK\r\n", "+OK;" },
    { "+\r\n", "+;" },
    { "-ERR no\r\n", "-ERR no;" },
    { ":0\r\n", ":0;" },
    { ":-42\r\n", ":-42;" },
    { ":9223372036854775807\r\n", ":9223372036854775807;" },
    { "$5\r\nhello\r\n", "Shello;" },
    { "$0\r\n\r\n", "S;" },
    { "$4\r\n\r\n\r\n\r\n", "S\r\n\r\n;" },
    { "$-1\r\n", "_;" },
    { "*-1\r\n", "_;" },
    { "*0\r\n", "[];" },
    { "*1\r\n:7\r\n", "[~]7;" },
    { "*1\r\n$-1\r\n", "[~];" },
    { "*1\r\n*-1\r\n", "[~];" },
    { "*2\r\n$4\r\npong\r\n$0\r\n\r\n", "[pong|];" },
    { "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", "[subscribe|c|~]1;" },
    { "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", "[unsubscribe|~|~];" },
    { MESSAGE, "[message|ch:1|hi];" },
    { "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nc\r\n$1\r\nx\r\n",
      "[pmessage|*|c|x];" },
    { "*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n", "[~|~|~|~]4;" },
    { "*3\r\n:1\r\n+OK\r\n-ERR x\r\n", "[~|OK|ERR x]1;" },
    { "*2\r\n$0\r\n\r\n$0\r\n\r\n", "[|];" },
    { "+OK\r\n" MESSAGE ":3\r\n" MESSAGE MESSAGE "-ERR\r\n",
      "+OK;[message|ch:1|hi];:3;[message|ch:1|hi];[message|ch:1|hi];-ERR;" }
};


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        resp_good(good[i].bytes, strlen(good[i].bytes), good[i].log);
    }

    resp_bad("*1\r\n*1\r\n:1\r\n", 12, "nested array", "nested array");
    resp_bad("*3\r\n:1\r\n:1\r\n*0\r\n", 16, "nested array",
             "nested empty array");
    resp_bad("*5\r\n", 4, "too long array", "array of 5 elements");
    resp_bad("*2147483647\r\n", 13, "too long array", "array of 2^31 - 1");
    resp_bad("*-2\r\n", 5, NULL, "array of length -2");
    resp_bad("*99999999999999999999\r\n", 23, NULL, "array beyond 64 bits");
    resp_bad("$-2\r\n", 5, NULL, "string of length -2");
    resp_bad("$99999999999999999999\r\n", 23, NULL, "string beyond 64 bits");
    resp_bad("$x\r\n", 4, NULL, "string of length x");
    resp_bad(":x\r\n", 4, NULL, "integer x");
    resp_bad(":\r\n", 3, NULL, "empty integer");
    resp_bad("HTTP/1.1 400 Bad Request\r\n", 26, NULL, "HTTP");
    resp_bad("\r\n", 2, NULL, "empty line");
    resp_bad("\0", 1, NULL, "NUL");
    resp_bad("\x16\x03\x01", 3, NULL, "TLS");
    resp_bad("_\r\n", 3, NULL, "null of RESP3");
    resp_bad("#t\r\n", 4, NULL, "boolean of RESP3");
    resp_bad(",1.5\r\n", 6, NULL, "double of RESP3");
    resp_bad("(1\r\n", 4, NULL, "big number of RESP3");
    resp_bad("=5\r\ntxt:a\r\n", 11, NULL, "verbatim string of RESP3");
    resp_bad("%1\r\n+a\r\n+b\r\n", 12, NULL, "map of RESP3");
    resp_bad("~1\r\n+a\r\n", 8, NULL, "set of RESP3");
    resp_bad(">1\r\n+a\r\n", 8, NULL, "push of RESP3");

    resp_order();
    resp_large();
    resp_announced();
    resp_limits();
    resp_random();

    return unit_done();
}


static void
resp_good(const char *bytes, size_t len, const char *log)
{
    size_t      i, bad;
    resp_log_t  l;

    /* split in two at every byte, then one byte at a time */

    bad = 0;

    for (i = 0; i <= len + 1; i++) {

        if (resp_chunks(bytes, len, i <= len ? i : 0, i <= len ? len : 1, &l)
            != NGX_OK
            || l.len != strlen(log) || memcmp(l.p, log, l.len) != 0)
        {
            printf("# split at %d: got \"%.*s\"\n", (int) i, (int) l.len, l.p);
            bad++;
        }

        resp_free_log(&l);
    }

    unit_int(bad, 0, log);
}


static void
resp_bad(const char *bytes, size_t len, const char *error, const char *name)
{
    const char            *got;
    resp_log_t             l;
    ngx_messaging_resp_t  *resp;

    memset(&l, 0, sizeof(resp_log_t));

    unit_int(resp_chunks(bytes, len, 0, 1, &l), NGX_ERROR, name);
    resp_free_log(&l);

    memset(&l, 0, sizeof(resp_log_t));
    resp = ngx_messaging_resp_create(resp_handler, &l);

    unit_int(ngx_messaging_resp_feed(resp, (u_char *) "+A\r\n", 4), NGX_OK,
             "... a reply before it is accepted");
    unit_int(ngx_messaging_resp_feed(resp, (u_char *) bytes, len), NGX_ERROR,
             "... in one piece");
    unit_int(ngx_messaging_resp_feed(resp, (u_char *) "+B\r\n", 4), NGX_ERROR,
             "... and it stays an error");
    unit_str(l.p, l.len, "+A;", "... that calls no handler");

    got = ngx_messaging_resp_error(resp);

    if (error) {
        unit_str(got, strlen(got), error, "... its text");

    } else {
        unit_ok(got[0] != '\0', "... its text: %s", got);
    }

    ngx_messaging_resp_free(resp);
    resp_free_log(&l);
}


/* thousands of replies, in pieces that end anywhere */

static void
resp_order(void)
{
    char        *bytes, *want;
    size_t       n, len, wlen;
    unsigned     i;
    resp_log_t   l;

    bytes = malloc(4000 * 64);
    want = malloc(4000 * 64);
    len = 0;
    wlen = 0;

    for (i = 0; i < 4000; i++) {
        len += sprintf(bytes + len,
                       "*3\r\n$7\r\nmessage\r\n$6\r\nch%04u\r\n$5\r\n%05u\r\n",
                       i, i);
        wlen += sprintf(want + wlen, "[message|ch%04u|%05u];", i, i);
    }

    for (n = 1; n < 100000; n = n * 3 + 1) {
        unit_int(resp_chunks(bytes, len, 0, n, &l), NGX_OK,
                 "4000 messages are read");
        unit_ok(l.len == wlen && memcmp(l.p, want, wlen) == 0,
                "... right and in order, in pieces of %d", (int) n);
        resp_free_log(&l);
    }

    free(bytes);
    free(want);
}


static void
resp_large(void)
{
    char                  *bytes, *want;
    size_t                 n, len, i;
    resp_log_t             l;
    ngx_messaging_resp_t  *resp;

    /* a payload of 1 MB, and a large first element, which is copied */

    n = 1024 * 1024;
    bytes = malloc(3 * n);
    want = malloc(3 * n);

    len = sprintf(bytes, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$%d\r\n", (int) n);

    for (i = 0; i < n; i++) {
        bytes[len++] = (char) ('a' + i % 26);
    }

    len += sprintf(bytes + len, "\r\n" MESSAGE);

    i = sprintf(want, "[message|c|");
    memcpy(want + i, bytes + len - strlen(MESSAGE) - 2 - n, n);
    i += n;
    i += sprintf(want + i, "];[message|ch:1|hi];");

    for (n = 1000; n <= 10000000; n *= 100) {
        unit_int(resp_chunks(bytes, len, 0, n, &l), NGX_OK,
                 "payload of 1 MB is read");
        unit_ok(l.len == i && memcmp(l.p, want, i) == 0,
                "... rightly, in pieces of %d", (int) n);
        resp_free_log(&l);
    }

    n = 300000;
    len = sprintf(bytes, "*3\r\n$1\r\na\r\n$%d\r\n", (int) n);
    memset(bytes + len, 'x', n);
    len += n;
    len += sprintf(bytes + len, "\r\n$1\r\nb\r\n+OK\r\n");

    i = sprintf(want, "[a|");
    memset(want + i, 'x', n);
    i += n;
    i += sprintf(want + i, "|b];+OK;");

    for (n = 1000; n <= 10000000; n *= 100) {
        unit_int(resp_chunks(bytes, len, 0, n, &l), NGX_OK,
                 "large element in the middle is read");
        unit_ok(l.len == i && memcmp(l.p, want, i) == 0,
                "... rightly, in pieces of %d", (int) n);
        resp_free_log(&l);
    }

    /* the memory is given back */

    memset(&l, 0, sizeof(resp_log_t));
    resp = ngx_messaging_resp_create(resp_handler, &l);

    n = 2 * 1024 * 1024;
    len = sprintf(bytes, "$%d\r\n", (int) n);
    memset(bytes + len, 'y', n);
    len += n;

    unit_int(ngx_messaging_resp_feed(resp, (u_char *) bytes, len), NGX_OK,
             "string of 2 MB is read up to its end");
    unit_ok(resp->reader->len > n, "... and buffered");
    unit_int(ngx_messaging_resp_feed(resp, (u_char *) "\r\n*1\r\n", 6),
             NGX_OK, "... and completed");
    unit_int(resp->peak > n, 1, "... and kept while a reply is under way");
    unit_int(ngx_messaging_resp_feed(resp, (u_char *) "$1\r\nz\r\n", 7),
             NGX_OK, "... and the next one");
    unit_int(resp->peak, 0, "... and the buffer is given back");
    unit_int(ngx_messaging_resp_feed(resp, (u_char *) MESSAGE,
                                     strlen(MESSAGE)),
             NGX_OK, "... and the reader goes on");
    unit_int(l.replies, 3, "... with all replies seen");

    ngx_messaging_resp_free(resp);
    resp_free_log(&l);

    free(bytes);
    free(want);
}


static void
resp_announced(void)
{
    size_t                 i;
    resp_log_t             l;
    struct mallinfo2       before, after;
    ngx_messaging_resp_t  *resp;

    static const char  *announced[] = {
        "$1000000000\r\n",
        "$9223372036854775000\r\n",
        "*4\r\n$1000000000\r\n",
        "*4\r\n$1\r\na\r\n$1000000000\r\nabc"
    };

    for (i = 0; i < sizeof(announced) / sizeof(announced[0]); i++) {
        memset(&l, 0, sizeof(resp_log_t));
        resp = ngx_messaging_resp_create(resp_handler, &l);

        before = mallinfo2();

        unit_int(ngx_messaging_resp_feed(resp, (u_char *) announced[i],
                                         strlen(announced[i])),
                 NGX_OK, "announced length is waited for");

        after = mallinfo2();

        /* a sanitizer's malloc says 0 to both */

        unit_ok(after.uordblks + after.hblkhd
                < before.uordblks + before.hblkhd + 65536,
                "... and not allocated");
        unit_ok(resp->reader->len < 64, "... the reader has what was fed");

        ngx_messaging_resp_free(resp);
        resp_free_log(&l);
    }
}


static void
resp_limits(void)
{
    char                  *bytes;
    size_t                 n, fed;
    const char            *error;
    resp_log_t             l;
    ngx_messaging_resp_t  *resp;

    n = 1024 * 1024;
    bytes = malloc(n);
    memset(bytes, 'x', n);

    /* a line that does not end */

    memset(&l, 0, sizeof(resp_log_t));
    resp = ngx_messaging_resp_create(resp_handler, &l);

    unit_int(ngx_messaging_resp_feed(resp, (u_char *) "-ERR ", 5), NGX_OK,
             "line begins");

    for (fed = 0; fed < n; fed += 1000) {
        if (ngx_messaging_resp_feed(resp, (u_char *) bytes, 1000) != NGX_OK) {
            break;
        }
    }

    unit_ok(fed >= 65536 - 1000 && fed <= 65536 + 20000,
            "... and is refused after %d bytes", (int) fed);
    error = ngx_messaging_resp_error(resp);
    unit_str(error, strlen(error), "too long line", "... its text");

    ngx_messaging_resp_free(resp);
    resp_free_log(&l);

    /* a string that does not end */

    memset(&l, 0, sizeof(resp_log_t));
    resp = ngx_messaging_resp_create(resp_handler, &l);

    unit_int(ngx_messaging_resp_feed(resp, (u_char *) "$1000000000\r\n", 13),
             NGX_OK, "string begins");

    for (fed = 0; fed < 100 * n; fed += n) {
        if (ngx_messaging_resp_feed(resp, (u_char *) bytes, n) != NGX_OK) {
            break;
        }
    }

    unit_int(fed + n, NGX_MESSAGING_RESP_MAX_REPLY,
             "... and is refused at 64 MB");
    error = ngx_messaging_resp_error(resp);
    unit_str(error, strlen(error), "too long reply", "... its text");

    ngx_messaging_resp_free(resp);
    resp_free_log(&l);

    free(bytes);
}


/* whatever comes, in whatever pieces, memory stays in order */

static void
resp_random(void)
{
    char           bytes[256];
    size_t         i, n;
    unsigned       round, errors;
    uint32_t       x;
    resp_log_t     l;

    static const char  alphabet[] = "*$+-:0123459\r\n\r\n\r\nabc";

    x = 2463534242U;
    errors = 0;

    for (round = 0; round < 20000; round++) {
        n = 0;

        for (i = 0; i < sizeof(bytes); i++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            bytes[n++] = alphabet[x % (sizeof(alphabet) - 1)];
        }

        errors += resp_chunks(bytes, n, x % 16, 1 + x % 31, &l) == NGX_ERROR;
        resp_free_log(&l);
    }

    unit_ok(errors > 10000, "random bytes: %u of 20000 refused", errors);
}


static ngx_int_t
resp_chunks(const char *bytes, size_t len, size_t first, size_t chunk,
    resp_log_t *log)
{
    size_t                 n, pos;
    u_char                *exact;
    ngx_int_t              rc;
    ngx_messaging_resp_t  *resp;

    memset(log, 0, sizeof(resp_log_t));

    resp = ngx_messaging_resp_create(resp_handler, log);
    if (resp == NULL) {
        abort();
    }

    rc = NGX_OK;

    for (pos = 0; pos < len && rc == NGX_OK; pos += n) {
        n = (pos == 0 && first) ? first : chunk;
        n = n > len - pos ? len - pos : n;

        exact = malloc(n);
        memcpy(exact, bytes + pos, n);

        rc = ngx_messaging_resp_feed(resp, exact, n);

        free(exact);
    }

    ngx_messaging_resp_free(resp);

    return rc;
}


static void
resp_handler(void *data, ngx_messaging_resp_reply_t *reply)
{
    resp_log_t *log = data;

    char        number[32];
    ngx_uint_t  i;

    log->replies++;

    switch (reply->type) {

    case REDIS_REPLY_STRING:
        resp_add(log, "S", 1);
        resp_add(log, reply->str.data, reply->str.len);
        break;

    case REDIS_REPLY_STATUS:
        resp_add(log, "+", 1);
        resp_add(log, reply->str.data, reply->str.len);
        break;

    case REDIS_REPLY_ERROR:
        resp_add(log, "-", 1);
        resp_add(log, reply->str.data, reply->str.len);
        break;

    case REDIS_REPLY_INTEGER:
        resp_add(log, ":", 1);
        resp_add(log, number, sprintf(number, "%lld",
                                      (long long) reply->integer));
        break;

    case REDIS_REPLY_NIL:
        resp_add(log, "_", 1);
        break;

    case REDIS_REPLY_ARRAY:
        resp_add(log, "[", 1);

        for (i = 0; i < reply->nelts; i++) {
            resp_add(log, "|", i ? 1 : 0);

            if (reply->elts[i].data == NULL) {
                resp_add(log, "~", 1);

            } else {
                resp_add(log, reply->elts[i].data, reply->elts[i].len);
            }
        }

        resp_add(log, "]", 1);

        if (reply->integer) {
            resp_add(log, number, sprintf(number, "%lld",
                                          (long long) reply->integer));
        }

        break;

    default:
        resp_add(log, "?", 1);
    }

    resp_add(log, ";", 1);
}


static void
resp_add(resp_log_t *log, const void *p, size_t len)
{
    if (log->len + len > log->size) {
        log->size = 2 * (log->len + len) + 256;
        log->p = realloc(log->p, log->size);

        if (log->p == NULL) {
            abort();
        }
    }

    if (len) {
        memcpy(log->p + log->len, p, len);
        log->len += len;
    }
}


static void
resp_free_log(resp_log_t *log)
{
    free(log->p);
}
