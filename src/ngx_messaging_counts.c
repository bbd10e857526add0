
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_counts.h"


/* a move takes some nanoseconds: one that goes on means a stopped process,
   and then the table stands still and is whole */

#define NGX_MESSAGING_COUNTS_LOOKS  64


static ngx_messaging_count_t *ngx_messaging_counts_find(
    ngx_messaging_counts_t *t, uint64_t key);
static void ngx_messaging_counts_remove(ngx_messaging_counts_t *t,
    ngx_uint_t i);


ngx_uint_t
ngx_messaging_counts_bits(ngx_uint_t n)
{
    ngx_uint_t  bits;

    bits = 8;

    while (((ngx_uint_t) 1 << bits) < 2 * n) {
        bits++;
    }

    return bits;
}


void
ngx_messaging_counts_init(ngx_messaging_counts_t *t, void *elts,
    ngx_uint_t bits, ngx_atomic_t *moves)
{
    t->elts = elts;
    t->moves = moves;
    t->mask = ((ngx_uint_t) 1 << bits) - 1;
    t->used = 0;
}


/* the entry of the key, or the free one at the end of its chain */

static ngx_messaging_count_t *
ngx_messaging_counts_find(ngx_messaging_counts_t *t, uint64_t key)
{
    ngx_uint_t              i, n;
    ngx_atomic_uint_t       k;
    ngx_messaging_count_t  *e;

    i = key & t->mask;

    for (n = 0; n <= t->mask; n++) {
        e = &t->elts[i];
        k = e->key;

        if (k == key || k == NGX_MESSAGING_COUNTS_FREE) {
            return e;
        }

        i = (i + 1) & t->mask;
    }

    return NULL;
}


ngx_int_t
ngx_messaging_counts_add(ngx_messaging_counts_t *t, uint64_t key)
{
    ngx_messaging_count_t  *e;

    e = ngx_messaging_counts_find(t, key);

    if (e == NULL) {
        return NGX_ERROR;
    }

    if (e->key == key) {
        (void) ngx_atomic_fetch_add(&e->n, 1);
        return NGX_OK;
    }

    /* one stays free: it ends the search for what is not there */

    if (t->used == t->mask) {
        return NGX_ERROR;
    }

    t->used++;

    e->n = 1;

    ngx_memory_barrier();

    e->key = key;

    /* whoever adds and then sums must not read before this is seen */

    ngx_memory_barrier();

    return NGX_OK;
}


void
ngx_messaging_counts_sub(ngx_messaging_counts_t *t, uint64_t key)
{
    ngx_messaging_count_t  *e;

    e = ngx_messaging_counts_find(t, key);

    if (e == NULL || e->key != key) {
        return;
    }

    if (ngx_atomic_fetch_add(&e->n, -1) == 1) {
        ngx_messaging_counts_remove(t, e - t->elts);
    }
}


static void
ngx_messaging_counts_remove(ngx_messaging_counts_t *t, ngx_uint_t i)
{
    ngx_uint_t              j, home;
    ngx_messaging_count_t  *e;

    e = t->elts;
    j = i;

    for ( ;; ) {
        j = (j + 1) & t->mask;

        if (e[j].key == NGX_MESSAGING_COUNTS_FREE) {
            break;
        }

        /* whose chain begins behind the hole stays where it is */

        home = e[j].key & t->mask;

        if (((j - home) & t->mask) < ((j - i) & t->mask)) {
            continue;
        }

        e[i].key = NGX_MESSAGING_COUNTS_MOVED;

        ngx_memory_barrier();

        e[i].n = e[j].n;

        ngx_memory_barrier();

        e[i].key = e[j].key;

        /* the copy is there, now the original may go */

        (void) ngx_atomic_fetch_add(t->moves, 1);

        i = j;
    }

    e[i].key = NGX_MESSAGING_COUNTS_FREE;

    ngx_memory_barrier();

    e[i].n = 0;

    t->used--;
}


ngx_uint_t
ngx_messaging_counts_get(ngx_messaging_counts_t *t, uint64_t key)
{
    ngx_uint_t              n, looks;
    ngx_atomic_uint_t       moves;
    ngx_messaging_count_t  *e;

    looks = NGX_MESSAGING_COUNTS_LOOKS;

    do {
        moves = *t->moves;

        ngx_memory_barrier();

        n = 0;
        e = ngx_messaging_counts_find(t, key);

        if (e) {
            n = e->n;

            ngx_memory_barrier();

            /* the entry may have become another one's */

            if (e->key != key) {
                n = 0;
            }
        }

        ngx_memory_barrier();

    } while (moves != *t->moves && --looks);

    return n;
}
