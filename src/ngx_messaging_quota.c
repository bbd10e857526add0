
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_quota.h"


/* a slot says where its table is and how large in one word: tables begin at
   pages, so the lower bits of the address are free for the bits of the size */

#define NGX_MESSAGING_QUOTA_BITS  63

#define ngx_messaging_quota_elts(table)                                       \
    ((void *) ((table) & ~(ngx_atomic_uint_t) NGX_MESSAGING_QUOTA_BITS))


static void *ngx_messaging_quota_alloc(ngx_messaging_quota_t *q,
    ngx_uint_t bits);
static void ngx_messaging_quota_reclaim(ngx_messaging_shm_t *shm);


ngx_int_t
ngx_messaging_quota_open(ngx_messaging_quota_t *q, ngx_messaging_shm_t *shm,
    ngx_messaging_slot_t *slot, ngx_uint_t connections, ngx_pool_t *pool,
    ngx_log_t *log)
{
    void        *elts;
    ngx_uint_t   bits;

    q->shm = shm;
    q->slot = slot;

    bits = ngx_messaging_counts_bits(NGX_MESSAGING_SHM_QUOTAS * connections);

    elts = slot ? ngx_messaging_quota_alloc(q, bits) : NULL;

    if (elts) {
        ngx_memzero(elts, ngx_messaging_counts_size(bits));
        ngx_messaging_counts_init(&q->counts, elts, bits, &slot->moves);

        ngx_memory_barrier();

        slot->counting = 1;

        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "messaging zone has no room to count connections of users "
                  "and addresses: this worker counts its own only");

    elts = ngx_pcalloc(pool, ngx_messaging_counts_size(bits));
    if (elts == NULL) {
        return NGX_ERROR;
    }

    ngx_messaging_counts_init(&q->counts, elts, bits, &q->moves);

    return NGX_OK;
}


static void *
ngx_messaging_quota_alloc(ngx_messaging_quota_t *q, ngx_uint_t bits)
{
    void                  *elts;
    size_t                 size;
    ngx_slab_pool_t       *pool;
    ngx_messaging_slot_t  *slot;

    slot = q->slot;
    pool = q->shm->pool;

    ngx_shmtx_lock(&pool->mutex);

    /* that of the last owner will do, if it had as many connections */

    if (slot->table
        && (slot->table & NGX_MESSAGING_QUOTA_BITS) == bits)
    {
        elts = ngx_messaging_quota_elts(slot->table);
        goto done;
    }

    if (slot->table) {
        elts = ngx_messaging_quota_elts(slot->table);
        slot->table = 0;

        ngx_slab_free_locked(pool, elts);
    }

    size = ngx_messaging_counts_size(bits);
    elts = ngx_slab_alloc_locked(pool, size);

    if (elts == NULL) {
        ngx_messaging_quota_reclaim(q->shm);
        elts = ngx_slab_alloc_locked(pool, size);
    }

    if (elts) {
        slot->table = (ngx_atomic_uint_t) elts | bits;
    }

done:

    ngx_shmtx_unlock(&pool->mutex);

    return elts;
}


/* tables of slots that nobody owns; who takes one now waits for the mutex */

static void
ngx_messaging_quota_reclaim(ngx_messaging_shm_t *shm)
{
    void                  *elts;
    ngx_uint_t             i;
    ngx_messaging_slot_t  *slot;

    for (i = 0; i < NGX_MESSAGING_SHM_SLOTS; i++) {
        slot = &shm->slots[i];

        if (slot->pid || slot->table == 0) {
            continue;
        }

        elts = ngx_messaging_quota_elts(slot->table);
        slot->table = 0;

        ngx_slab_free_locked(shm->pool, elts);
    }
}


void
ngx_messaging_quota_close(ngx_messaging_quota_t *q)
{
    q->counts.elts = NULL;
}


ngx_int_t
ngx_messaging_quota_count(ngx_messaging_quota_t *q, uint64_t key)
{
    ngx_uint_t               i, n;
    ngx_atomic_uint_t        table;
    ngx_messaging_slot_t    *slot;
    ngx_messaging_counts_t   counts;

    if (ngx_messaging_counts_add(&q->counts, key) != NGX_OK) {
        return NGX_ERROR;
    }

    n = ngx_messaging_counts_get(&q->counts, key);

    for (i = 0; i < NGX_MESSAGING_SHM_SLOTS; i++) {
        slot = &q->shm->slots[i];

        if (slot == q->slot || slot->pid == 0 || slot->counting == 0) {
            continue;
        }

        table = slot->table;

        if (table == 0) {
            continue;
        }

        /* memory of the zone, whoever may own it by now */

        ngx_messaging_counts_init(&counts, ngx_messaging_quota_elts(table),
                                  table & NGX_MESSAGING_QUOTA_BITS,
                                  &slot->moves);

        table = ngx_messaging_counts_get(&counts, key);

        if (table
            && ngx_messaging_shm_alive(slot, NGX_MESSAGING_SHM_LEASE))
        {
            n += table;
        }
    }

    return n;
}


void
ngx_messaging_quota_uncount(ngx_messaging_quota_t *q, uint64_t key)
{
    if (q->counts.elts) {
        ngx_messaging_counts_sub(&q->counts, key);
    }
}
