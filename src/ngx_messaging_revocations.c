
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_revocations.h"


/* a change takes some nanoseconds: one that goes on means a stopped process */

#define NGX_MESSAGING_REVOCATIONS_LOOKS  64

/* workers that hear of one thing do not do so within the same second */

#define NGX_MESSAGING_REVOCATIONS_SAME   60


static ngx_messaging_revocation_entry_t *ngx_messaging_revocations_find(
    ngx_messaging_revocations_t *t, uint64_t key);
static void ngx_messaging_revocations_unlink(ngx_messaging_revocations_t *t,
    ngx_messaging_revocation_entry_t *e);


size_t
ngx_messaging_revocations_size(ngx_uint_t n)
{
    return sizeof(ngx_messaging_revocations_t)
           + n * (sizeof(ngx_messaging_revocation_entry_t)
                  + sizeof(uint32_t));
}


void
ngx_messaging_revocations_init(ngx_messaging_revocations_t *t, ngx_uint_t n)
{
    t->mask = n - 1;
    t->chains = (uint32_t *) &t->entries[n];
}


static ngx_messaging_revocation_entry_t *
ngx_messaging_revocations_find(ngx_messaging_revocations_t *t, uint64_t key)
{
    uint32_t                           i;
    ngx_uint_t                         n;
    ngx_messaging_revocation_entry_t  *e;

    i = t->chains[key & t->mask];

    /* what is changed meanwhile could lead round and round */

    for (n = 0; i && n <= t->mask; n++) {
        e = &t->entries[(i - 1) & t->mask];

        if (e->key == key) {
            return e;
        }

        i = e->next;
    }

    return NULL;
}


ngx_int_t
ngx_messaging_revocations_add(ngx_messaging_revocations_t *t, uint64_t key,
    int64_t before, time_t expires, time_t now)
{
    uint32_t                          *chain;
    ngx_int_t                          rc;
    ngx_messaging_revocation_entry_t  *e, *old;

    old = ngx_messaging_revocations_find(t, key);

    if (old) {

        if (old->before >= (uint64_t) before
            && old->expires + NGX_MESSAGING_REVOCATIONS_SAME
               >= (uint64_t) expires)
        {
            return NGX_DECLINED;
        }

        before = ngx_max(before, (int64_t) old->before);
        expires = ngx_max(expires, (time_t) old->expires);
    }

    rc = NGX_OK;
    e = &t->entries[t->next];
    chain = &t->chains[key & t->mask];

    /* one that was killed may have left it odd */

    t->changes = (t->changes | 1);

    ngx_memory_barrier();

    if (e->key) {

        if (e != old && e->expires > (uint64_t) now) {
            rc = NGX_BUSY;
        }

        ngx_messaging_revocations_unlink(t, e);
    }

    e->key = 0;

    ngx_memory_barrier();

    e->before = (uint64_t) before;
    e->expires = (uint64_t) expires;
    e->next = *chain;

    ngx_memory_barrier();

    e->key = key;

    ngx_memory_barrier();

    *chain = (uint32_t) t->next + 1;

    if (old && old != e) {
        ngx_messaging_revocations_unlink(t, old);
        old->key = 0;
    }

    t->next = (t->next + 1) & t->mask;
    t->used = 1;

    ngx_memory_barrier();

    t->changes++;

    return rc;
}


static void
ngx_messaging_revocations_unlink(ngx_messaging_revocations_t *t,
    ngx_messaging_revocation_entry_t *e)
{
    uint32_t    *link, i;
    ngx_uint_t   n;

    i = (uint32_t) (e - t->entries) + 1;
    link = &t->chains[e->key & t->mask];

    for (n = 0; *link && n <= t->mask; n++) {

        if (*link == i) {
            *link = e->next;
            break;
        }

        link = &t->entries[*link - 1].next;
    }

    ngx_memory_barrier();
}


int64_t
ngx_messaging_revocations_get(ngx_messaging_revocations_t *t, uint64_t key,
    time_t now)
{
    int64_t                            before;
    ngx_uint_t                         looks;
    ngx_atomic_uint_t                  changes;
    ngx_messaging_revocation_entry_t  *e;

    if (t->used == 0) {
        return 0;
    }

    looks = NGX_MESSAGING_REVOCATIONS_LOOKS;

    do {
        changes = t->changes;

        ngx_memory_barrier();

        e = ngx_messaging_revocations_find(t, key);

        if (e && e->expires > (uint64_t) now) {
            before = (int64_t) e->before;

            ngx_memory_barrier();

            /* or the entry has become another one's */

            if (e->key == key) {
                return before;
            }
        }

        ngx_memory_barrier();

        /* what was not found may have been moved meanwhile */

    } while ((changes != t->changes || (changes & 1)) && --looks);

    return 0;
}
