
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_verdicts.c"
#include "unit.h"


#define N    16
#define NOW  1000000


/* keys are random numbers */

#define verdicts_key(n)  ((n) * 0x9e3779b97f4a7c15ULL)


static void verdicts_one(void);
static void verdicts_forget(void);
static void verdicts_late(void);
static void verdicts_full(void);
static ngx_messaging_verdicts_t *verdicts_make(ngx_uint_t n);
static ngx_int_t verdicts_get(ngx_messaging_verdicts_t *t, uint64_t rule,
    uint64_t user, uint64_t conversation, uint64_t now);
static ngx_int_t verdicts_put(ngx_messaging_verdicts_t *t, uint64_t rule,
    uint64_t user, uint64_t conversation, uint64_t verdict, uint64_t count);


int
main(void)
{
    verdicts_one();
    verdicts_forget();
    verdicts_late();
    verdicts_full();

    return unit_done();
}


static ngx_messaging_verdicts_t *
verdicts_make(ngx_uint_t n)
{
    ngx_messaging_verdicts_t  *t;

    t = calloc(1, ngx_messaging_verdicts_size(n));

    if (t == NULL) {
        exit(2);
    }

    ngx_messaging_verdicts_init(t, n);

    return t;
}


/* the verdict, or -1 */

static ngx_int_t
verdicts_get(ngx_messaging_verdicts_t *t, uint64_t rule, uint64_t user,
    uint64_t conversation, uint64_t now)
{
    uint64_t                     verdict;
    ngx_messaging_verdict_key_t  key;

    key.rule = verdicts_key(rule);
    key.user = verdicts_key(user);
    key.conversation = verdicts_key(conversation);

    return ngx_messaging_verdicts_get(t, &key, now, &verdict) == NGX_OK
           ? (ngx_int_t) verdict : -1;
}


static ngx_int_t
verdicts_put(ngx_messaging_verdicts_t *t, uint64_t rule, uint64_t user,
    uint64_t conversation, uint64_t verdict, uint64_t count)
{
    ngx_messaging_verdict_key_t  key;

    key.rule = verdicts_key(rule);
    key.user = verdicts_key(user);
    key.conversation = verdicts_key(conversation);

    return ngx_messaging_verdicts_put(t, &key, verdict, count, NOW,
                                      NOW + 100);
}


static void
verdicts_one(void)
{
    ngx_messaging_verdicts_t  *t;

    t = verdicts_make(N);

    unit_int(verdicts_get(t, 1, 5, 7, NOW), -1, "nothing is there");
    unit_int(verdicts_put(t, 1, 5, 7, 3, t->count), NGX_OK, "one is noted");
    unit_int(verdicts_get(t, 1, 5, 7, NOW), 3, "it is found");
    unit_int(verdicts_get(t, 2, 5, 7, NOW), -1, "not by another rule");
    unit_int(verdicts_get(t, 1, 6, 7, NOW), -1, "not for another user");
    unit_int(verdicts_get(t, 1, 5, 8, NOW), -1, "nor conversation");
    unit_int(verdicts_get(t, 1, 5, 7, NOW + 99), 3, "it holds to the end");
    unit_int(verdicts_put(t, 1, 5, 7, 4, t->count), NGX_OK, "again");
    unit_int(verdicts_get(t, 1, 5, 7, NOW), 4, "the later one counts");
    unit_int(verdicts_get(t, 1, 5, 7, NOW + 100), -1, "then it has expired");
    unit_int(verdicts_get(t, 1, 5, 7, NOW), -1, "for good");

    free(t);
}


static void
verdicts_forget(void)
{
    uint64_t                   user, other, room, lobby;
    ngx_uint_t                 i;
    ngx_messaging_verdicts_t  *t;

    t = verdicts_make(N);

    user = 10;
    other = 11;
    room = 20;
    lobby = 21;

    for (i = 0; i < 4; i++) {
        verdicts_put(t, 1, user, room, 1, t->count);
        verdicts_put(t, 2, user, room, 1, t->count);
        verdicts_put(t, 1, user, lobby, 1, t->count);
        verdicts_put(t, 1, other, room, 1, t->count);
        verdicts_put(t, 1, other, lobby, 1, t->count);

        ngx_messaging_verdicts_forget(t, i & 1 ? verdicts_key(user) : 0,
                                      i & 2 ? verdicts_key(room) : 0);

        unit_int(verdicts_get(t, 1, user, room, NOW), -1, "forgotten");
        unit_int(verdicts_get(t, 2, user, room, NOW), -1,
                 "forgotten, whatever the rule");
        unit_int(verdicts_get(t, 1, user, lobby, NOW), i < 2 ? -1 : 1,
                 "with all of the user");
        unit_int(verdicts_get(t, 1, other, room, NOW), i & 1 ? 1 : -1,
                 "with all of the conversation");
        unit_int(verdicts_get(t, 1, other, lobby, NOW), i ? 1 : -1,
                 "with everything");
    }

    free(t);
}


/* the answer is from before it was forgotten, and comes behind */

static void
verdicts_late(void)
{
    uint64_t                   before;
    ngx_messaging_verdicts_t  *t;

    t = verdicts_make(N);

    before = t->count;

    ngx_messaging_verdicts_forget(t, verdicts_key(5), verdicts_key(7));

    unit_int(verdicts_put(t, 1, 5, 7, 3, before), NGX_OK, "told too late");
    unit_int(verdicts_get(t, 1, 5, 7, NOW), -1, "it does not count");

    unit_int(verdicts_put(t, 1, 5, 7, 4, t->count), NGX_OK, "asked again");
    unit_int(verdicts_put(t, 1, 5, 7, 3, before), NGX_OK, "later still");
    unit_int(verdicts_get(t, 1, 5, 7, NOW), 4, "the newer question counts");

    unit_int(verdicts_put(t, 1, 5, 8, 3, before), NGX_OK, "of another");
    unit_int(verdicts_get(t, 1, 5, 8, NOW), 3, "it does");

    free(t);
}


static void
verdicts_full(void)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i, n;
    ngx_messaging_verdicts_t  *t;

    /* all in one set */

    t = verdicts_make(1);

    for (i = 0; i < NGX_MESSAGING_VERDICTS_WAYS; i++) {
        unit_int(verdicts_put(t, 1, 10 + i, 7, i, 0), NGX_OK, "has room");
    }

    unit_int(verdicts_get(t, 1, 10, 7, NOW), 0, "the first one is used");
    unit_int(verdicts_put(t, 1, 99, 7, 9, 0), NGX_BUSY, "one has to go");
    unit_int(verdicts_get(t, 1, 10, 7, NOW), 0, "not the one in use");
    unit_int(verdicts_get(t, 1, 11, 7, NOW), -1, "the one used longest ago");
    unit_int(verdicts_get(t, 1, 12, 7, NOW), 2, "not the next one");

    ngx_messaging_verdicts_forget(t, verdicts_key(14), verdicts_key(7));

    unit_int(verdicts_put(t, 1, 100, 7, 9, t->count), NGX_OK,
             "what is forgotten leaves room");
    unit_int(verdicts_get(t, 1, 13, 7, NOW), 3, "nobody else had to go");

    free(t);

    t = verdicts_make(N);
    rc = NGX_OK;

    for (i = 0; i < 100 * N; i++) {
        rc = verdicts_put(t, 1, 1000 + i, 7, i, 0);
    }

    n = 0;

    for (i = 0; i < 100 * N; i++) {
        n += verdicts_get(t, 1, 1000 + i, 7, NOW)
             == (ngx_int_t) i;
    }

    unit_int(rc, NGX_BUSY, "it is full");
    unit_int(n, N * NGX_MESSAGING_VERDICTS_WAYS, "it holds what it can");

    free(t);
}
