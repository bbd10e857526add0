
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_refusals.c"
#include "unit.h"

#include <sys/mman.h>
#include <sys/wait.h>


#define KEY(i)  ((uint64_t) (i) << 32 | 5)


static void refusals_levels(void);
static void refusals_quiet(void);
static void refusals_clock(void);
static void refusals_flood(void);
static void refusals_workers(void);


static ngx_messaging_refusals_t  table;


int
main(void)
{
    refusals_levels();
    refusals_quiet();
    refusals_clock();
    refusals_flood();
    refusals_workers();

    return unit_done();
}


static void
refusals_levels(void)
{
    ngx_msec_t  now;

    memset(&table, 0, sizeof(table));
    now = 5000000;

    unit_int(ngx_messaging_refusals_add(&table, KEY(1), now), 0,
             "the first refusal does not wait");
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), now), 1000,
             "the second waits for 1 s");

    now += 1000;
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), now), 2000,
             "one that comes after the close for 2 s");

    unit_int(ngx_messaging_refusals_add(&table, KEY(2), now), 0,
             "another address does not wait");

    now += 2000;
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), now), 4000,
             "then for 4 s");

    now += 4000;
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), now), 8000,
             "then for 8 s");
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), now), 8000,
             "and never for more");

    now += 8000 + 9900;
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), now), 8000,
             "nearly 10 s after the close is not long enough");

    now += 8000 + 10100;
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), now), 0,
             "10 s after the close it starts again");
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), now), 1000,
             "from the beginning");
}


/* the time counts from the close, not from the handshake */

static void
refusals_quiet(void)
{
    memset(&table, 0, sizeof(table));

    (void) ngx_messaging_refusals_add(&table, KEY(1), 1000);
    (void) ngx_messaging_refusals_add(&table, KEY(1), 1000);
    (void) ngx_messaging_refusals_add(&table, KEY(1), 1000);
    (void) ngx_messaging_refusals_add(&table, KEY(1), 1000);
    (void) ngx_messaging_refusals_add(&table, KEY(1), 1000);

    unit_int(ngx_messaging_refusals_add(&table, KEY(1), 1000 + 17900), 8000,
             "the 10 s begin with the close");

    memset(&table, 0, sizeof(table));

    (void) ngx_messaging_refusals_add(&table, KEY(1), 1000);
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), 1000 + 10100), 0,
             "two refusals far from each other do not wait");
}


static void
refusals_clock(void)
{
    ngx_msec_t  turn;

    turn = (ngx_msec_t) 1 << (28 + NGX_MESSAGING_REFUSALS_TICK);

    memset(&table, 0, sizeof(table));

    (void) ngx_messaging_refusals_add(&table, KEY(1), turn - 500);
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), turn - 100), 1000,
             "before the ticks come round");
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), turn + 900), 2000,
             "and behind that");
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), turn + 60000), 0,
             "later it is forgotten");
    unit_int(ngx_messaging_refusals_add(&table, KEY(1),
                                        turn + turn / 2 - 100000),
             0, "also after months");
}


/* a set is full of others: the oldest goes */

static void
refusals_flood(void)
{
    ngx_uint_t  i, n;

    memset(&table, 0, sizeof(table));

    for (i = 1; i <= NGX_MESSAGING_REFUSALS_WAYS; i++) {
        (void) ngx_messaging_refusals_add(&table, KEY(i), 1000 * i);
    }

    n = 0;

    for (i = 1; i <= NGX_MESSAGING_REFUSALS_WAYS; i++) {
        n += ngx_messaging_refusals_add(&table, KEY(i), 8000 + 100 * i)
             == 1000;
    }

    unit_int(n, NGX_MESSAGING_REFUSALS_WAYS, "a set remembers so many");

    (void) ngx_messaging_refusals_add(&table, KEY(100), 9000);

    unit_int(ngx_messaging_refusals_add(&table, KEY(2), 9100), 2000,
             "one more leaves the others alone");
    unit_int(ngx_messaging_refusals_add(&table, KEY(1), 9100), 0,
             "but for the oldest, which is forgotten");

    n = 0;

    for (i = 0; i < 100000; i++) {
        n += ngx_messaging_refusals_add(&table,
                                        i * 0x9e3779b97f4a7c15ULL, 20000) != 0;
    }

    unit_ok(n < 100, "a flood of addresses does not make them wait (%d)",
            (int) n);
}


/* none of the refusals of two workers is lost: the levels are those of both */

static void
refusals_workers(void)
{
    int                        status;
    pid_t                      pid;
    ngx_msec_t                 delay;
    ngx_uint_t                 i, j;
    ngx_atomic_t              *sums;
    ngx_messaging_refusals_t  *t;

    t = mmap(NULL, sizeof(*t) + 4096, PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_ANON, -1, 0);

    if (!unit_ok(t != MAP_FAILED, "memory for two processes")) {
        return;
    }

    sums = (ngx_atomic_t *) (t + 1);

    pid = fork();

    /* both begin at once */

    (void) ngx_atomic_fetch_add(&sums[15], 1);

    while (sums[15] < 2) { /* void */ }

    for (i = 0; i < 1000; i++) {
        for (j = 0; j < 4; j++) {
            delay = ngx_messaging_refusals_add(t, (uint64_t) 1 << 40 | i,
                                               50000);
            (void) ngx_atomic_fetch_add(&sums[delay / 1000], 1);
        }
    }

    if (pid == 0) {
        _exit(0);
    }

    status = -1;
    (void) waitpid(pid, &status, 0);

    unit_int(status, 0, "two workers note the same refusals");
    unit_int(sums[0], 1000, "each address is new to one of them, once");
    unit_int(sums[1], 1000, "the second time is the same for both");
    unit_int(sums[2], 1000, "the third");
    unit_int(sums[4], 1000, "the fourth");
    unit_int(sums[8], 4000, "and all that come behind");

    (void) munmap(t, sizeof(*t) + 4096);
}
