
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_verdicts.h"


/* the keys are random numbers, of which different bits are taken */

#define ngx_messaging_verdicts_note_user(user)                                \
    ((user) % NGX_MESSAGING_VERDICTS_NOTES)
#define ngx_messaging_verdicts_note_conversation(conversation)                \
    (((conversation) >> 16) % NGX_MESSAGING_VERDICTS_NOTES)
#define ngx_messaging_verdicts_note_both(user, conversation)                  \
    ((((user) ^ (conversation)) >> 32) % NGX_MESSAGING_VERDICTS_NOTES)


static ngx_messaging_verdict_t *ngx_messaging_verdicts_set(
    ngx_messaging_verdicts_t *t, ngx_messaging_verdict_key_t *key);
static ngx_uint_t ngx_messaging_verdicts_same(ngx_messaging_verdict_key_t *a,
    ngx_messaging_verdict_key_t *b);
static ngx_uint_t ngx_messaging_verdicts_good(ngx_messaging_verdicts_t *t,
    ngx_messaging_verdict_t *e, uint64_t now);


size_t
ngx_messaging_verdicts_size(ngx_uint_t n)
{
    return sizeof(ngx_messaging_verdicts_t)
           + n * NGX_MESSAGING_VERDICTS_WAYS * sizeof(ngx_messaging_verdict_t);
}


void
ngx_messaging_verdicts_init(ngx_messaging_verdicts_t *t, ngx_uint_t n)
{
    t->mask = n - 1;
}


static ngx_messaging_verdict_t *
ngx_messaging_verdicts_set(ngx_messaging_verdicts_t *t,
    ngx_messaging_verdict_key_t *key)
{
    uint64_t  n;

    n = key->rule + key->user + (key->conversation >> 8);

    return &t->entries[(n & t->mask) * NGX_MESSAGING_VERDICTS_WAYS];
}


static ngx_uint_t
ngx_messaging_verdicts_same(ngx_messaging_verdict_key_t *a,
    ngx_messaging_verdict_key_t *b)
{
    return a->rule == b->rule && a->user == b->user
           && a->conversation == b->conversation;
}


static ngx_uint_t
ngx_messaging_verdicts_good(ngx_messaging_verdicts_t *t,
    ngx_messaging_verdict_t *e, uint64_t now)
{
    uint64_t  user, conversation;

    user = e->key.user;
    conversation = e->key.conversation;

    return e->expires > now
           && e->count >= t->all
           && e->count >= t->notes[ngx_messaging_verdicts_note_user(user)]
           && e->count >= t->notes[ngx_messaging_verdicts_note_conversation(
                                                                conversation)]
           && e->count >= t->notes[ngx_messaging_verdicts_note_both(user,
                                                               conversation)];
}


ngx_int_t
ngx_messaging_verdicts_get(ngx_messaging_verdicts_t *t,
    ngx_messaging_verdict_key_t *key, uint64_t now, uint64_t *verdict)
{
    ngx_uint_t                i;
    ngx_messaging_verdict_t  *e;

    e = ngx_messaging_verdicts_set(t, key);

    for (i = 0; i < NGX_MESSAGING_VERDICTS_WAYS; i++, e++) {

        if (e->expires && ngx_messaging_verdicts_same(&e->key, key)) {

            if (!ngx_messaging_verdicts_good(t, e, now)) {
                e->expires = 0;
                return NGX_DECLINED;
            }

            e->used = ++t->clock;
            *verdict = e->verdict;

            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_messaging_verdicts_put(ngx_messaging_verdicts_t *t,
    ngx_messaging_verdict_key_t *key, uint64_t verdict, uint64_t count,
    uint64_t now, uint64_t expires)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_messaging_verdict_t  *e, *old;

    old = ngx_messaging_verdicts_set(t, key);
    e = old;

    for (i = 0; i < NGX_MESSAGING_VERDICTS_WAYS; i++, e++) {

        if (e->expires && ngx_messaging_verdicts_same(&e->key, key)) {

            if (e->count > count) {
                /* asked for later, and answered sooner */
                return NGX_OK;
            }

            old = e;
            break;
        }

        if (!ngx_messaging_verdicts_good(t, e, now)) {
            e->expires = 0;
            e->used = 0;
        }

        if (e->used < old->used) {
            old = e;
        }
    }

    rc = (old->expires && !ngx_messaging_verdicts_same(&old->key, key))
         ? NGX_BUSY : NGX_OK;

    old->expires = 0;

    ngx_memory_barrier();

    old->key = *key;
    old->verdict = verdict;
    old->count = count;
    old->used = ++t->clock;

    ngx_memory_barrier();

    old->expires = expires;

    return rc;
}


void
ngx_messaging_verdicts_forget(ngx_messaging_verdicts_t *t, uint64_t user,
    uint64_t conversation)
{
    uint64_t  count, *note;

    if (user && conversation) {
        note = &t->notes[ngx_messaging_verdicts_note_both(user,
                                                          conversation)];

    } else if (user) {
        note = &t->notes[ngx_messaging_verdicts_note_user(user)];

    } else if (conversation) {
        note = &t->notes[ngx_messaging_verdicts_note_conversation(
                                                               conversation)];

    } else {
        note = &t->all;
    }

    /* first, for those who ask from now on */

    count = ++t->count;

    ngx_memory_barrier();

    *note = count;
}
