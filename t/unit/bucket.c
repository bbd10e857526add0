
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_bucket.c"
#include "unit.h"


#define BUCKET_STEPS  200000


/* what a bucket is, kept the long way */

typedef struct {
    unsigned __int128  units;
    ngx_msec_t         last;
} model_t;


static uint64_t  bucket_seed = 88172645463325252ULL;


static uint64_t
bucket_random(void)
{
    bucket_seed ^= bucket_seed << 13;
    bucket_seed ^= bucket_seed >> 7;
    bucket_seed ^= bucket_seed << 17;

    return bucket_seed;
}


static void
model_turn(model_t *m, ngx_uint_t rate, ngx_uint_t burst, ngx_msec_t now)
{
    unsigned __int128  most;

    most = (unsigned __int128) burst * 1000000;

    m->units += (unsigned __int128) (now - m->last) * rate;
    m->last = now;

    if (m->units > most) {
        m->units = most;
    }
}


/* how many tokens are there at this moment */

static ngx_uint_t
bucket_drain(ngx_messaging_bucket_t *b, ngx_uint_t rate, ngx_uint_t burst,
    ngx_msec_t now)
{
    ngx_uint_t  n;

    for (n = 0; n <= 2 * burst; n++) {
        if (ngx_messaging_bucket_take(b, rate, burst, now) != NGX_OK) {
            break;
        }
    }

    return n;
}


static void
bucket_test_burst(void)
{
    ngx_msec_t              now;
    ngx_messaging_bucket_t  b;

    now = 123456789;

    ngx_messaging_bucket_init(&b, 20000, now);

    unit_int(ngx_messaging_bucket_is_full(&b, 20000, 40, now), 1,
             "a new bucket is full");
    unit_int(ngx_messaging_bucket_wait(&b, 20000, 40, now), 0,
             "a full bucket has a token now");
    unit_int(bucket_drain(&b, 20000, 40, now), 40, "as many as burst at once");
    unit_int(ngx_messaging_bucket_wait(&b, 20000, 40, now), 50,
             "20r/s: the next one in 50 ms");
    unit_int(ngx_messaging_bucket_take(&b, 20000, 40, now + 49), NGX_BUSY,
             "... and not before");
    unit_int(ngx_messaging_bucket_wait(&b, 20000, 40, now + 49), 1,
             "a try that fails takes nothing");
    unit_int(ngx_messaging_bucket_take(&b, 20000, 40, now + 50), NGX_OK,
             "... but then");
    unit_int(ngx_messaging_bucket_take(&b, 20000, 40, now + 50), NGX_BUSY,
             "... and only one");
    unit_int(bucket_drain(&b, 20000, 40, now + 1050), 20, "20 in a second");
    unit_int(ngx_messaging_bucket_is_full(&b, 20000, 40, now + 3049), 0,
             "not full just before two seconds later");
    unit_int(ngx_messaging_bucket_is_full(&b, 20000, 40, now + 3050), 1,
             "full two seconds later");
    unit_int(bucket_drain(&b, 20000, 40, now + 3050), 40, "... with 40");
}


static void
bucket_test_give(void)
{
    ngx_uint_t              i;
    ngx_messaging_bucket_t  b;

    ngx_messaging_bucket_init(&b, 16, 1000);

    ngx_messaging_bucket_give(&b, 16, 5, 1000);
    unit_int(bucket_drain(&b, 16, 5, 1000), 5,
             "a full bucket takes no more");

    ngx_messaging_bucket_give(&b, 16, 5, 1000);
    unit_int(bucket_drain(&b, 16, 5, 1000), 1, "one given, one there");

    for (i = 0; i < 9; i++) {
        ngx_messaging_bucket_give(&b, 16, 5, 1000);
    }

    unit_int(ngx_messaging_bucket_is_full(&b, 16, 5, 1000), 1,
             "nine given, it is full");
    unit_int(bucket_drain(&b, 16, 5, 1000), 5, "... and holds five");

    /* half a token has come by itself */

    ngx_messaging_bucket_give(&b, 16, 1, 1000 + 31250);
    unit_int(bucket_drain(&b, 16, 1, 1000 + 31250), 1,
             "what is more than fits is lost");
    unit_int(ngx_messaging_bucket_wait(&b, 16, 1, 1000 + 31250), 62500,
             "1r/m: a token in 62.5 s");
}


static void
bucket_test_clock(void)
{
    size_t                  i;
    ngx_uint_t              bad, idle;
    ngx_msec_t              now;
    ngx_messaging_bucket_t  b;

    static ngx_msec_t  starts[] = {
        0, 1, 2147483647, 4294967295, 4294967296, 1099511627776,
        (ngx_msec_t) -1, (ngx_msec_t) -100, (ngx_msec_t) 1 << 63,
        ((ngx_msec_t) 1 << 63) - 1, (ngx_msec_t) -1 / 20000,
        (ngx_msec_t) -1 / 20000 - 25
    };

    static ngx_msec_t  idles[] = {
        2000, 3600000, 4294967296, 31536000000, 31536000000000
    };

    bad = 0;

    for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        now = starts[i];

        ngx_messaging_bucket_init(&b, 20000, now);

        bad += bucket_drain(&b, 20000, 40, now) != 40;
        bad += bucket_drain(&b, 20000, 40, now + 49) != 0;
        bad += bucket_drain(&b, 20000, 40, now + 100) != 2;
        bad += bucket_drain(&b, 20000, 40, now + 1100) != 20;

        now += 1100;

        for (idle = 0; idle < sizeof(idles) / sizeof(idles[0]); idle++) {
            now += idles[idle];
            bad += !ngx_messaging_bucket_is_full(&b, 20000, 40, now);
            bad += bucket_drain(&b, 20000, 40, now) != 40;
        }
    }

    unit_int(bad, 0, "any time of the clock, and any idle time");
}


/* the same as the model at any time, for any rate and burst */

static void
bucket_test_model(void)
{
    model_t                 m;
    uint64_t                r;
    ngx_int_t               want;
    ngx_msec_t              now;
    ngx_uint_t              bad, burst, i, rate, step;
    ngx_messaging_bucket_t  b;

    static ngx_uint_t  rates[] = {
        1, 16, 1000, 20000, 33333, 999999, 1000000, 1000000000
    };

    static ngx_uint_t  bursts[] = { 1, 2, 8, 40, 1000000 };

    bad = 0;
    rate = 1;
    burst = 1;
    now = 0;
    m.units = 0;
    m.last = 0;

    ngx_memzero(&b, sizeof(ngx_messaging_bucket_t));

    for (i = 0; i < BUCKET_STEPS && bad < 5; i++) {
        r = bucket_random();

        if (i % 1000 == 0) {
            rate = rates[r % (sizeof(rates) / sizeof(rates[0]))];
            burst = bursts[(r >> 8) % (sizeof(bursts) / sizeof(bursts[0]))];
            now = (ngx_msec_t) (0 - (r >> 40));

            m.units = (unsigned __int128) burst * 1000000;
            m.last = now;

            ngx_messaging_bucket_init(&b, rate, now);
        }

        /* about as long as a token takes, and sometimes much longer */

        step = 1000000 / rate + 2;
        now += (r >> 16) % step * ((r & 127) ? 1 : burst);

        model_turn(&m, rate, burst, now);

        if ((r & 7) == 0) {
            ngx_messaging_bucket_give(&b, rate, burst, now);

            m.units += 1000000;
            model_turn(&m, rate, burst, now);

        } else {
            want = m.units < 1000000 ? NGX_BUSY : NGX_OK;
            m.units -= (want == NGX_OK) ? 1000000 : 0;

            bad += ngx_messaging_bucket_take(&b, rate, burst, now) != want;
        }

        want = m.units < 1000000 ? (1000000 - m.units + rate - 1) / rate : 0;

        bad += (ngx_int_t) ngx_messaging_bucket_wait(&b, rate, burst, now)
               != want;

        bad += ngx_messaging_bucket_is_full(&b, rate, burst, now)
               != (m.units == (unsigned __int128) burst * 1000000);
    }

    unit_int(bad, 0, "a bucket is what its model is");
}


int
main(void)
{
    bucket_test_burst();
    bucket_test_give();
    bucket_test_clock();
    bucket_test_model();

    unit_int(sizeof(ngx_messaging_bucket_t), 8, "eight bytes");

    return unit_done();
}
