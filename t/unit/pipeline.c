
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_pipeline.c"
#include "unit.h"


static void pipeline_bytes(void);
static void pipeline_many_arguments(void);
static void pipeline_partial(void);
static void pipeline_order(void);
static void pipeline_limits(void);
static void pipeline_fail(void);
static void pipeline_reply(void *data, ngx_messaging_resp_reply_t *reply);
static void pipeline_again(void *data, ngx_messaging_resp_reply_t *reply);
static ngx_int_t pipeline_publish(ngx_messaging_pipeline_t *pl,
    const char *text, size_t len);


static char      answers[1024];
static size_t    nanswers;
static unsigned  nulls;


int
main(void)
{
    pipeline_bytes();
    pipeline_many_arguments();
    pipeline_partial();
    pipeline_order();
    pipeline_limits();
    pipeline_fail();

    return unit_done();
}


static void
pipeline_bytes(void)
{
    u_char                    *start;
    ngx_str_t                  argv[3];
    ngx_messaging_pipeline_t   pl;

    static const char  want[] = "*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n"
                                "$5\r\na\0\r\nb\r\n";

    memset(&pl, 0, sizeof(ngx_messaging_pipeline_t));

    ngx_str_set(&argv[0], "PUBLISH");
    ngx_str_set(&argv[1], "c");
    argv[2].data = (u_char *) "a\0\r\nb";
    argv[2].len = 5;

    unit_int(ngx_messaging_pipeline_command(&pl, 3, argv, NULL, NULL, 7),
             NGX_OK, "command is taken");
    unit_ok(pl.last - pl.pos == sizeof(want) - 1
            && memcmp(pl.pos, want, sizeof(want) - 1) == 0,
            "... and written in RESP, whatever bytes it has");
    unit_int(pl.npending, 1, "... and waits for an answer");
    unit_int(ngx_messaging_pipeline_time(&pl), 7, "... since then");

    ngx_str_set(&argv[0], "PING");

    unit_int(ngx_messaging_pipeline_send(&pl, 1, argv), NGX_OK,
             "command without an answer is taken");
    unit_str(pl.pos + sizeof(want) - 1,
             pl.last - pl.pos - (sizeof(want) - 1), "*1\r\n$4\r\nPING\r\n",
             "... and follows");
    unit_int(pl.npending, 1, "... and does not wait");

    argv[1].len = 0;
    argv[1].data = NULL;

    unit_int(ngx_messaging_pipeline_send(&pl, 2, argv), NGX_OK,
             "empty argument is taken");

    start = pl.start;
    ngx_messaging_pipeline_sent(&pl, pl.last - pl.pos);

    unit_ok(pl.pos == pl.last && pl.start == start,
            "small buffer is kept when all has been sent");

    ngx_messaging_pipeline_answer(&pl, NULL);
    unit_int(pl.npending, 0, "command without a handler is answered");

    ngx_messaging_pipeline_fail(&pl);
    unit_ok(pl.start == NULL && pl.ring == NULL, "memory is given back");
}


static void
pipeline_many_arguments(void)
{
    u_char                    *p;
    ngx_str_t                  argv[300];
    ngx_uint_t                 i;
    ngx_messaging_pipeline_t   pl;

    memset(&pl, 0, sizeof(ngx_messaging_pipeline_t));

    for (i = 0; i < 300; i++) {
        ngx_str_set(&argv[i], "channel");
    }

    unit_int(ngx_messaging_pipeline_send(&pl, 300, argv), NGX_OK,
             "command of 300 arguments is taken");
    unit_int(pl.last - pl.pos, 6 + 300 * 13, "... and written whole");

    p = pl.last - 13;
    unit_str(p, 13, "$7\r\nchannel\r\n", "... to the last");

    ngx_messaging_pipeline_fail(&pl);
}


/* sends of any length, appends in between, across growth and moves */

static void
pipeline_partial(void)
{
    char                      *want, *got;
    char                       text[600];
    size_t                     n, len, nwant, ngot;
    unsigned                   i;
    uint32_t                   x;
    ngx_messaging_pipeline_t   pl;

    memset(&pl, 0, sizeof(ngx_messaging_pipeline_t));

    want = malloc(4 * 1024 * 1024);
    got = malloc(4 * 1024 * 1024);
    nwant = 0;
    ngot = 0;
    x = 1234567;

    for (i = 0; i < 4000; i++) {
        x = x * 1103515245 + 12345;
        len = (x >> 8) % sizeof(text);
        memset(text, 'a' + i % 26, len);

        if (pipeline_publish(&pl, text, len) != NGX_OK) {
            break;
        }

        nwant += sprintf(want + nwant,
                         "*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$%d\r\n%.*s\r\n",
                         (int) len, (int) len, text);

        /* less than is appended, then more */

        n = (x >> 4) % (i % 1000 < 500 ? 500 : 1500);
        n = n > (size_t) (pl.last - pl.pos) ? (size_t) (pl.last - pl.pos) : n;

        if (n) {
            memcpy(got + ngot, pl.pos, n);
            ngot += n;
            ngx_messaging_pipeline_sent(&pl, n);
        }
    }

    unit_int(i, 4000, "4000 commands are taken");

    n = pl.last - pl.pos;
    memcpy(got + ngot, pl.pos, n);
    ngot += n;
    ngx_messaging_pipeline_sent(&pl, n);

    unit_ok(ngot == nwant && memcmp(got, want, nwant) == 0,
            "... and leave as they came");
    unit_ok(pl.pos == pl.last, "... all of them");

    ngx_messaging_pipeline_fail(&pl);

    len = 200000;
    memset(want, 'x', len);

    unit_int(pipeline_publish(&pl, want, len), NGX_OK, "long one is taken");
    ngx_messaging_pipeline_sent(&pl, pl.last - pl.pos - 1);
    unit_ok(pl.start != NULL, "... kept to its last byte");
    ngx_messaging_pipeline_sent(&pl, 1);
    unit_ok(pl.start == NULL, "... and its buffer is given back then");

    unit_int(pipeline_publish(&pl, "a", 1), NGX_OK, "next one is taken");

    ngx_messaging_pipeline_drop(&pl);
    unit_ok(pl.pos == pl.last && pl.npending == 2,
            "drop forgets bytes, not who waits");

    ngx_messaging_pipeline_fail(&pl);

    free(want);
    free(got);
}


static void
pipeline_order(void)
{
    ngx_str_t                    arg;
    ngx_uint_t                   i, n, bad;
    ngx_messaging_resp_reply_t   reply;
    ngx_messaging_pipeline_t     pl;

    memset(&pl, 0, sizeof(ngx_messaging_pipeline_t));
    memset(&reply, 0, sizeof(ngx_messaging_resp_reply_t));

    ngx_str_set(&arg, "PING");
    nanswers = 0;

    for (i = 0; i < 26; i++) {
        (void) ngx_messaging_pipeline_command(&pl, 1, &arg, pipeline_reply,
                                              (void *) (uintptr_t) ('a' + i),
                                              i);
    }

    for (i = 0; i < 26; i++) {
        ngx_messaging_pipeline_answer(&pl, &reply);
    }

    unit_str(answers, nanswers, "abcdefghijklmnopqrstuvwxyz",
             "answers go to commands in order");

    /* the ring grows while it has wrapped */

    bad = 0;
    n = 0;

    for (i = 0; i < 20000; i++) {
        (void) ngx_messaging_pipeline_command(&pl, 1, &arg, NULL, NULL, i);

        if (i % 3) {
            bad += ngx_messaging_pipeline_time(&pl) != n++;
            ngx_messaging_pipeline_answer(&pl, &reply);
        }
    }

    unit_ok(pl.size > 64 && bad == 0, "... in a ring that grows");

    while (pl.npending) {
        bad += ngx_messaging_pipeline_time(&pl) != n++;
        ngx_messaging_pipeline_answer(&pl, &reply);
    }

    unit_ok(bad == 0 && n == 20000, "... to the last");
    unit_ok(pl.ring == NULL, "... and is given back when it was large");

    ngx_messaging_pipeline_fail(&pl);
}


static void
pipeline_limits(void)
{
    char                      *text;
    size_t                     len, waiting;
    ngx_int_t                  rc;
    ngx_str_t                  argv[2];
    ngx_uint_t                 i;
    ngx_messaging_pipeline_t   pl;

    memset(&pl, 0, sizeof(ngx_messaging_pipeline_t));

    ngx_str_set(&argv[0], "PING");

    for (i = 0; i < NGX_MESSAGING_PIPELINE_MAX_PENDING; i++) {
        if (ngx_messaging_pipeline_command(&pl, 1, argv, NULL, NULL, 0)
            != NGX_OK)
        {
            break;
        }
    }

    waiting = pl.last - pl.pos;

    unit_int(i, NGX_MESSAGING_PIPELINE_MAX_PENDING,
             "as many commands as may be pending are taken");
    unit_int(ngx_messaging_pipeline_command(&pl, 1, argv, NULL, NULL, 0),
             NGX_BUSY, "... one more is not");
    unit_int(pl.last - pl.pos, waiting, "... and has written nothing");

    ngx_messaging_pipeline_answer(&pl, NULL);
    unit_int(ngx_messaging_pipeline_command(&pl, 1, argv, NULL, NULL, 0),
             NGX_OK, "... until one is answered");

    ngx_messaging_pipeline_fail(&pl);

    len = 1024 * 1024;
    text = malloc(len);
    memset(text, 'x', len);

    for (i = 0; i < 100; i++) {
        waiting = pl.last - pl.pos;
        rc = pipeline_publish(&pl, text, len);

        if (rc != NGX_OK) {
            break;
        }
    }

    unit_int(rc, NGX_BUSY, "too many bytes are busy");
    unit_int(i, 7, "... when 8 MB would be exceeded");
    unit_int(pl.npending, 7, "... nobody waits for what was not taken");
    unit_int(pl.last - pl.pos, waiting, "... nothing was written");

    argv[1].data = (u_char *) text;
    argv[1].len = (size_t) -1;

    unit_int(ngx_messaging_pipeline_send(&pl, 2, argv), NGX_BUSY,
             "absurd length is busy");

    ngx_messaging_pipeline_fail(&pl);
    free(text);
}


static void
pipeline_fail(void)
{
    ngx_str_t                  arg;
    ngx_uint_t                 i;
    ngx_messaging_pipeline_t   pl;

    memset(&pl, 0, sizeof(ngx_messaging_pipeline_t));

    ngx_str_set(&arg, "PING");
    nulls = 0;
    nanswers = 0;

    for (i = 0; i < 10; i++) {
        (void) ngx_messaging_pipeline_command(&pl, 1, &arg, pipeline_reply,
                                              (void *) (uintptr_t) ('a' + i),
                                              0);
    }

    /* a handler that closes: the rest is answered inside it */

    (void) ngx_messaging_pipeline_command(&pl, 1, &arg, pipeline_again, &pl,
                                          0);
    (void) ngx_messaging_pipeline_command(&pl, 1, &arg, pipeline_reply,
                                          (void *) (uintptr_t) 'z', 0);

    ngx_messaging_pipeline_fail(&pl);

    unit_str(answers, nanswers, "abcdefghijz", "all who wait are told");
    unit_int(nulls, 11, "... that there is no answer");
    unit_ok(pl.npending == 0 && pl.ring == NULL && pl.start == NULL,
            "... and memory is given back");

    ngx_messaging_pipeline_fail(&pl);
    unit_int(nanswers, 11, "... and nobody is told twice");
}


static void
pipeline_reply(void *data, ngx_messaging_resp_reply_t *reply)
{
    answers[nanswers++] = (char) (uintptr_t) data;

    if (reply == NULL) {
        nulls++;
    }
}


static void
pipeline_again(void *data, ngx_messaging_resp_reply_t *reply)
{
    (void) reply;

    ngx_messaging_pipeline_fail(data);
}


static ngx_int_t
pipeline_publish(ngx_messaging_pipeline_t *pl, const char *text, size_t len)
{
    ngx_str_t  argv[3];

    ngx_str_set(&argv[0], "PUBLISH");
    ngx_str_set(&argv[1], "c");
    argv[2].data = (u_char *) text;
    argv[2].len = len;

    return ngx_messaging_pipeline_command(pl, 3, argv, NULL, NULL, 0);
}
