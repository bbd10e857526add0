
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_lag.c"
#include "unit.h"


static void lag_buckets(void);
static void lag_probe(void);
static void lag_others(void);
static void lag_due(void);
static void lag_forgotten(void);
static ngx_str_t *lag_str(const char *text);


int
main(void)
{
    lag_buckets();
    lag_probe();
    lag_others();
    lag_due();
    lag_forgotten();

    return unit_done();
}


static void
lag_buckets(void)
{
    char                        *end;
    uint64_t                     bound, last;
    ngx_uint_t                   i;
    ngx_messaging_lag_bucket_t  *b;

    last = 0;

    for (i = 0; i < NGX_MESSAGING_LAG_BUCKETS - 1; i++) {
        b = &ngx_messaging_lag_buckets[i];
        bound = (uint64_t) (strtod(b->le, &end) * 1000000 + 0.5);

        unit_ok(*end == '\0' && bound == b->bound && bound > last,
                "bucket %s: bound and label agree", b->le);

        unit_int(ngx_messaging_lag_bucket(b->bound), i, "... its bound is in");
        unit_int(ngx_messaging_lag_bucket(b->bound + 1), i + 1,
                 "... more is not");

        last = bound;
    }

    b = &ngx_messaging_lag_buckets[NGX_MESSAGING_LAG_BUCKETS - 1];

    unit_str(b->le, strlen(b->le), "+Inf", "the last bucket has no bound");
    unit_int(b->bound, 0, "... and says so");
    unit_int(ngx_messaging_lag_bucket(0), 0, "nothing is in the first");
    unit_int(ngx_messaging_lag_bucket((uint64_t) -1),
             NGX_MESSAGING_LAG_BUCKETS - 1, "any time is in one");
}


static void
lag_probe(void)
{
    uint64_t             us;
    ngx_str_t            channel, payload;
    ngx_messaging_lag_t  lag;

    memset(&lag, 0, sizeof(ngx_messaging_lag_t));
    channel = *lag_str("7");
    payload = *lag_str("{}");
    us = 0;

    unit_int(ngx_messaging_lag_receive(&lag, &channel, &payload, 0, &us),
             NGX_DECLINED, "no probe is out at first");

    ngx_messaging_lag_send(&lag, &channel, &payload, 0, 1000000);

    unit_int(lag.out, 1, "a probe is out");
    unit_int(ngx_messaging_lag_receive(&lag, lag_str("7"), lag_str("{}"),
                                       1234567, &us),
             NGX_OK, "it is known again");
    unit_int(us, 234, "... and took so many us");
    unit_int(lag.out, 0, "... and is no longer out");
    unit_int(ngx_messaging_lag_receive(&lag, &channel, &payload, 1234567, &us),
             NGX_DECLINED, "... and a second of its kind is nothing");

    ngx_messaging_lag_send(&lag, &channel, &payload, 0, 1000000);

    unit_int(ngx_messaging_lag_receive(&lag, &channel, &payload, 999999, &us),
             NGX_OK, "a clock that went back");
    unit_int(us, 0, "... is no time");

    payload.len = 0;
    ngx_messaging_lag_send(&lag, &channel, &payload, 0, 0);

    unit_int(ngx_messaging_lag_receive(&lag, &channel, &payload,
                                       (uint64_t) -1, &us),
             NGX_OK, "an empty one");
    unit_int(us, (uint64_t) -1 / 1000, "... and the longest time");
}


static void
lag_others(void)
{
    uint64_t             us;
    ngx_messaging_lag_t  lag;

    memset(&lag, 0, sizeof(ngx_messaging_lag_t));
    us = 0;

    ngx_messaging_lag_send(&lag, lag_str("7"), lag_str("{\"a\":1}"), 0, 0);

    unit_int(ngx_messaging_lag_receive(&lag, lag_str("8"),
                                       lag_str("{\"a\":1}"), 1, &us),
             NGX_DECLINED, "another channel");
    unit_int(ngx_messaging_lag_receive(&lag, lag_str("7"),
                                       lag_str("{\"a\":2}"), 1, &us),
             NGX_DECLINED, "another payload of that length");
    unit_int(ngx_messaging_lag_receive(&lag, lag_str("7"),
                                       lag_str("{\"a\":1}x"), 1, &us),
             NGX_DECLINED, "a longer one");
    unit_int(ngx_messaging_lag_receive(&lag, lag_str("7"), lag_str(""), 1,
                                       &us),
             NGX_DECLINED, "an empty one");
    unit_int(lag.out, 1, "none of them ends the probe");
    unit_int(ngx_messaging_lag_receive(&lag, lag_str("7"),
                                       lag_str("{\"a\":1}"), 5000, &us),
             NGX_OK, "it comes behind them");
    unit_int(us, 5, "... and took so long");
}


static void
lag_due(void)
{
    uint64_t             us;
    ngx_msec_t           t;
    ngx_messaging_lag_t  lag;

    memset(&lag, 0, sizeof(ngx_messaging_lag_t));
    us = 0;

    /* ngx_current_msec may wrap */

    t = (ngx_msec_t) -50;

    unit_int(ngx_messaging_lag_due(&lag, t), NGX_OK, "the first is due");

    ngx_messaging_lag_send(&lag, lag_str("7"), lag_str("{}"), t, 0);

    unit_int(ngx_messaging_lag_due(&lag, t), NGX_AGAIN, "one at a time");
    unit_int(ngx_messaging_lag_due(&lag, t + NGX_MESSAGING_LAG_TIMEOUT - 1),
             NGX_AGAIN, "... as long as it may come back");
    unit_int(lag.out, 1, "... and it is out");

    (void) ngx_messaging_lag_receive(&lag, lag_str("7"), lag_str("{}"), 1,
                                     &us);

    unit_int(ngx_messaging_lag_due(&lag, t + NGX_MESSAGING_LAG_INTERVAL - 1),
             NGX_AGAIN, "the next is not due at once");
    unit_int(ngx_messaging_lag_due(&lag, t + NGX_MESSAGING_LAG_INTERVAL),
             NGX_OK, "... but after the interval");

    t += NGX_MESSAGING_LAG_INTERVAL;
    ngx_messaging_lag_send(&lag, lag_str("7"), lag_str("{}"), t, 0);

    unit_int(ngx_messaging_lag_due(&lag, t + NGX_MESSAGING_LAG_TIMEOUT),
             NGX_ABORT, "one that does not come back is given up");
    unit_int(ngx_messaging_lag_due(&lag, t + NGX_MESSAGING_LAG_TIMEOUT),
             NGX_OK, "... once");
    unit_int(ngx_messaging_lag_receive(&lag, lag_str("7"), lag_str("{}"), 1,
                                       &us),
             NGX_DECLINED, "... and not known any more");
}


static void
lag_forgotten(void)
{
    ngx_messaging_lag_t  lag;

    memset(&lag, 0, sizeof(ngx_messaging_lag_t));

    ngx_messaging_lag_send(&lag, lag_str("7"), lag_str("{}"), 0, 0);

    ngx_messaging_lag_leave(&lag, lag_str("8"));
    unit_int(lag.out, 1, "another channel is left");

    ngx_messaging_lag_leave(&lag, lag_str("7"));
    unit_int(lag.out, 0, "the channel of the probe is left");
    unit_int(ngx_messaging_lag_due(&lag, NGX_MESSAGING_LAG_TIMEOUT), NGX_OK,
             "... which is no loss");

    ngx_messaging_lag_send(&lag, lag_str("7"), lag_str("{}"), 0, 0);

    ngx_messaging_lag_forget(&lag);
    unit_int(ngx_messaging_lag_due(&lag, NGX_MESSAGING_LAG_TIMEOUT), NGX_OK,
             "neither is one that was forgotten");
}


static ngx_str_t *
lag_str(const char *text)
{
    static ngx_uint_t  i;
    static ngx_str_t   strings[4];

    i = (i + 1) % 4;
    strings[i].data = (u_char *) text;
    strings[i].len = strlen(text);

    return &strings[i];
}
