
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_wake.c"
#include "unit.h"

#include <poll.h>
#include <sys/resource.h>


static void wake_hashes(void);
static void wake_once(void);
static void wake_killed(void);
static void wake_claimed(void);
static void wake_more(void);
static void wake_no_more(void);
static void wake_another(void);

static ngx_uint_t wake_found(uint32_t hash);
static void wake_send(ngx_uint_t n, ngx_uint_t own);
static int wake_readable(ngx_uint_t n);
static int wake_lowest(void);


static ngx_messaging_wake_t      wake, another;
static ngx_messaging_wake_set_t  set;
static ngx_log_t                 ngx_log;
static ngx_uint_t                logged;


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    logged++;
}


int
main(void)
{
    ngx_log.log_level = NGX_LOG_DEBUG;

    ngx_messaging_wake_open(&wake, 4, &ngx_log);

    wake_hashes();
    wake_once();
    wake_killed();
    wake_claimed();
    wake_more();
    wake_no_more();
    wake_another();

    return unit_done();
}


static void
wake_hashes(void)
{
    ngx_uint_t  i;

    for (i = 0; i < 3; i++) {
        (void) ngx_messaging_wake_claim(&wake, i);
    }

    (void) ngx_messaging_wake_claim(&wake, 70);

    unit_int(wake_found(5), 0, "nobody wants anything");

    ngx_messaging_wake_want(&wake, 1, 5, 1);
    ngx_messaging_wake_want(&wake, 70, 5 + NGX_MESSAGING_WAKE_HASHES, 1);
    ngx_messaging_wake_want(&wake, 2, 6, 1);

    unit_int(wake_found(5), 2, "who wants a hash, or one of its kind");
    unit_ok(set.bits[0] == 2 && set.bits[1] == 1 << 6, "... is found");

    ngx_messaging_wake_want(&wake, 1, 5, 0);
    unit_int(wake_found(5), 1, "no longer");

    ngx_messaging_wake_leave(&wake, 70);
    unit_int(wake_found(5), 0, "who leaves wants nothing");
    unit_int(wake_found(6), 1, "... others do");

    ngx_memzero(&set, sizeof(set));
    ngx_messaging_wake_all(&wake, &set);
    unit_ok(set.bits[0] == ~0ULL && set.bits[1] == 0x7f,
            "all are those up to the last that was there");
    ngx_memzero(&set, sizeof(set));
}


static void
wake_once(void)
{
    eventfd_t  value;

    wake_send(1, 1);
    unit_ok(!wake_readable(1), "nobody wakes himself");

    wake_send(1, 0);
    wake_send(1, 2);
    unit_ok(wake_readable(1) && !wake_readable(0) && !wake_readable(2),
            "one is woken");
    unit_int(set.bits[0], 0, "... and the set is empty");

    (void) eventfd_read(ngx_messaging_wake_fds[1], &value);
    unit_int(value, 1, "a burst is one write()");

    ngx_messaging_wake_taken(&wake, 1);
    wake_send(1, 0);
    unit_ok(wake_readable(1), "who has looked is woken again");

    ngx_messaging_wake_taken(&wake, 1);
    unit_ok(!wake_readable(1), "... and sleeps again");

    wake_send(70, 0);
    unit_int(wake.workers[70].pending, 0, "who has no eventfd is not woken");
}


/* between the flag and the write() */

static void
wake_killed(void)
{
    unit_int(ngx_messaging_wake_missed(&wake, 1), 0, "nothing was missed");

    wake.workers[1].pending = 1;
    wake_send(1, 0);
    unit_ok(!wake_readable(1), "who wakes is killed: others do not, either");

    unit_int(ngx_messaging_wake_missed(&wake, 1), 1, "... it was missed");
    unit_int(ngx_messaging_wake_missed(&wake, 1), 0, "... once");

    wake_send(1, 0);
    unit_ok(wake_readable(1), "... and others wake again");

    unit_int(ngx_messaging_wake_missed(&wake, 1), 1, "looked in time");
    unit_ok(!wake_readable(1), "... is not woken once more");
}


static void
wake_claimed(void)
{
    ngx_messaging_wake_want(&wake, 2, 7, 1);
    wake_send(2, 0);

    unit_ok(ngx_messaging_wake_claim(&wake, 2) == ngx_messaging_wake_fds[2],
            "a number that was another's has the same eventfd");
    unit_ok(!wake_readable(2) && wake.workers[2].pending == 0
            && wake_found(7) == 0,
            "... and nothing else of it");
}


static void
wake_more(void)
{
    int  fd;

    unit_int(ngx_messaging_wake_claim(&wake, 4), -1, "one more has none");

    fd = ngx_messaging_wake_fds[3];
    ngx_messaging_wake_open(&wake, 3, &ngx_log);
    ngx_messaging_wake_open(&wake, 6, &ngx_log);

    unit_int(ngx_messaging_wake_fds[3], fd, "those that are there stay");
    unit_ok(ngx_messaging_wake_claim(&wake, 4) != -1
            && ngx_messaging_wake_claim(&wake, 5) != -1,
            "a configuration with more workers has more");
    unit_int(ngx_messaging_wake_claim(&wake, 6), -1, "... as many");

    ngx_messaging_wake_open(&wake, 10000, &ngx_log);
    unit_int(ngx_messaging_wake_nfds, NGX_MESSAGING_WAKE_WORKERS,
             "there is a bound");
    unit_int(logged, 0, "nothing went wrong so far");

    ngx_messaging_wake_close(6);
}


static void
wake_no_more(void)
{
    int            lowest;
    struct rlimit  limit, low;

    lowest = wake_lowest();

    (void) getrlimit(RLIMIT_NOFILE, &limit);
    low = limit;
    low.rlim_cur = lowest + 3;
    (void) setrlimit(RLIMIT_NOFILE, &low);

    ngx_messaging_wake_open(&wake, 16, &ngx_log);

    unit_int(logged, 1, "no descriptors: it is logged");
    unit_int(ngx_messaging_wake_nfds, 6, "... there are none more");
    unit_int(wake_lowest(), lowest, "... and those that were are given back");

    (void) setrlimit(RLIMIT_NOFILE, &limit);
    ngx_messaging_wake_open(&wake, 16, &ngx_log);
    unit_int(ngx_messaging_wake_nfds, 16, "the next time they are made");
}


static void
wake_another(void)
{
    int  lowest;

    lowest = wake_lowest();
    ngx_messaging_wake_open(&another, 16, &ngx_log);

    unit_int(ngx_messaging_wake_nfds, 16, "another zone has its own");
    unit_int(wake_lowest(), lowest, "... instead of the others");
}


static ngx_uint_t
wake_found(uint32_t hash)
{
    ngx_memzero(&set, sizeof(set));
    ngx_messaging_wake_find(&wake, hash, &set);

    return __builtin_popcountll(set.bits[0])
           + __builtin_popcountll(set.bits[1]);
}


static void
wake_send(ngx_uint_t n, ngx_uint_t own)
{
    ngx_memzero(&set, sizeof(set));
    set.bits[n / 64] = 1ULL << n % 64;
    ngx_messaging_wake_send(&wake, &set, own);
}


static int
wake_readable(ngx_uint_t n)
{
    struct pollfd  fd;

    fd.fd = ngx_messaging_wake_fds[n];
    fd.events = POLLIN;

    return poll(&fd, 1, 0) == 1;
}


/* the descriptor that comes next */

static int
wake_lowest(void)
{
    int  fd;

    fd = dup(0);
    close(fd);

    return fd;
}
