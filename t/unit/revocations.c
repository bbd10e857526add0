
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_revocations.c"
#include "unit.h"

#include <sys/mman.h>
#include <sys/wait.h>


#define N    64
#define NOW  1000000


static void revocations_one(void);
static void revocations_full(void);
static void revocations_again(void);
static void revocations_killed(void);
static void revocations_readers(void);
static ngx_messaging_revocations_t *revocations_make(void);


int
main(void)
{
    revocations_one();
    revocations_full();
    revocations_again();
    revocations_killed();
    revocations_readers();

    return unit_done();
}


static ngx_messaging_revocations_t *
revocations_make(void)
{
    ngx_messaging_revocations_t  *t;

    t = mmap(NULL, ngx_messaging_revocations_size(N), PROT_READ|PROT_WRITE,
             MAP_ANON|MAP_SHARED, -1, 0);

    if (t == MAP_FAILED) {
        exit(2);
    }

    ngx_messaging_revocations_init(t, N);

    return t;
}


static void
revocations_one(void)
{
    ngx_messaging_revocations_t  *t;

    t = revocations_make();

    unit_int(ngx_messaging_revocations_get(t, 5, NOW), 0, "nothing is there");

    unit_int(ngx_messaging_revocations_add(t, 5, 77, NOW + 100, NOW), NGX_OK,
             "one is new");
    unit_int(ngx_messaging_revocations_get(t, 5, NOW), 77, "it is found");
    unit_int(ngx_messaging_revocations_get(t, 5 + N, NOW), 0,
             "another of its chain is not");
    unit_int(ngx_messaging_revocations_get(t, 5, NOW + 99), 77,
             "it holds to the end");
    unit_int(ngx_messaging_revocations_get(t, 5, NOW + 100), 0,
             "then it has expired");

    unit_int(ngx_messaging_revocations_add(t, 5, 77, NOW + 160, NOW),
             NGX_DECLINED, "about the same is known");
    unit_int(ngx_messaging_revocations_add(t, 5, 70, NOW + 100, NOW),
             NGX_DECLINED, "an earlier one too");
    unit_int(ngx_messaging_revocations_get(t, 5, NOW), 77,
             "and does not take its place");

    unit_int(ngx_messaging_revocations_add(t, 5, 78, NOW + 90, NOW), NGX_OK,
             "a later one is new");
    unit_int(ngx_messaging_revocations_get(t, 5, NOW + 99), 78,
             "and lasts as long as the other");
    unit_int(ngx_messaging_revocations_add(t, 5, 1, NOW + 200, NOW), NGX_OK,
             "one that lasts longer is new");
    unit_int(ngx_messaging_revocations_get(t, 5, NOW + 199), 78,
             "and holds as much as the other");
}


static void
revocations_full(void)
{
    ngx_int_t                     bad, rc;
    ngx_uint_t                    i, k;
    ngx_messaging_revocations_t  *t;

    t = revocations_make();
    bad = 0;

    /* all in a few chains */

    for (i = 0; i < N; i++) {
        k = 1 + (i % 4) + i * N;
        bad += ngx_messaging_revocations_add(t, k, 1 + i, NOW + 100, NOW)
               != NGX_OK;
    }

    unit_int(bad, 0, "a full table has lost none");

    for (i = 0; i < N; i++) {
        k = 1 + (i % 4) + i * N;
        bad += ngx_messaging_revocations_get(t, k, NOW) != (int64_t) (1 + i);
    }

    unit_int(bad, 0, "all are found");

    rc = ngx_messaging_revocations_add(t, 999999, 5, NOW + 100, NOW);

    unit_int(rc, NGX_BUSY, "one more makes one forgotten");
    unit_int(ngx_messaging_revocations_get(t, 1, NOW), 0, "the oldest");

    for (i = 1; i < N; i++) {
        k = 1 + (i % 4) + i * N;
        bad += ngx_messaging_revocations_get(t, k, NOW) != (int64_t) (1 + i);
    }

    unit_int(bad, 0, "and no other");
    unit_int(ngx_messaging_revocations_get(t, 999999, NOW), 5,
             "the new one is there");

    rc = ngx_messaging_revocations_add(t, 888888, 5, NOW + 300, NOW + 100);

    unit_int(rc, NGX_OK, "what has expired is not missed");
}


/* one key again and again: there is one of it */

static void
revocations_again(void)
{
    ngx_int_t                     bad;
    ngx_uint_t                    i;
    ngx_messaging_revocations_t  *t;

    t = revocations_make();
    bad = 0;

    ngx_messaging_revocations_add(t, 2, 1, NOW + 100, NOW);

    for (i = 1; i < 10 * N; i++) {
        ngx_messaging_revocations_add(t, 3, i, NOW + 100, NOW);
        bad += ngx_messaging_revocations_get(t, 3, NOW) != (int64_t) i;

        if (i % (N / 2) == 0) {
            ngx_messaging_revocations_add(t, 2, 1 + i, NOW + 100, NOW);
        }

        bad += ngx_messaging_revocations_get(t, 2, NOW) == 0;
    }

    unit_int(bad, 0, "a key that is renewed is always found");
}


static void
revocations_killed(void)
{
    ngx_messaging_revocations_t  *t;

    t = revocations_make();

    ngx_messaging_revocations_add(t, 7, 1, NOW + 100, NOW);

    /* the writer died within a change */

    t->changes |= 1;

    unit_int(ngx_messaging_revocations_get(t, 7, NOW), 1,
             "readers do not wait for who has died");

    ngx_messaging_revocations_add(t, 8, 2, NOW + 100, NOW);

    unit_int(t->changes & 1, 0, "the next writer ends the change");
    unit_int(ngx_messaging_revocations_get(t, 8, NOW), 2,
             "what it has written is found");

    /* a chain that leads to itself */

    t->entries[0].next = 1;
    t->entries[0].key = 9;

    unit_int(ngx_messaging_revocations_get(t, 7, NOW), 0,
             "a search comes to an end");
}


/* entries come and go around one that stays: it is seen at any moment */

static void
revocations_readers(void)
{
    int                           status;
    pid_t                         pid;
    ngx_int_t                     bad;
    ngx_uint_t                    i;
    ngx_messaging_revocations_t  *t;

    t = revocations_make();
    bad = 0;

    ngx_messaging_revocations_add(t, 4, 1, NOW + 100, NOW);

    pid = fork();

    if (pid == 0) {
        for (i = 2; i < 300000; i++) {

            if (i % (N / 2) == 0) {
                ngx_messaging_revocations_add(t, 4, i, NOW + 100, NOW);
            }

            ngx_messaging_revocations_add(t, 4 + i * N, 1, NOW + 100, NOW);
        }

        _exit(0);
    }

    while (waitpid(pid, &status, WNOHANG) == 0) {
        for (i = 0; i < 100; i++) {
            bad += ngx_messaging_revocations_get(t, 4, NOW) == 0;
        }
    }

    unit_int(status, 0, "the writer has ended");
    unit_int(bad, 0, "what is renewed was never missed by a reader");
}
