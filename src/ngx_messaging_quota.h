
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_QUOTA_H_INCLUDED_
#define _NGX_MESSAGING_QUOTA_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_counts.h"
#include "ngx_messaging_shm.h"


/*
 * How many connections a user or an address has, over all workers.
 *
 * Each worker counts its own in a table that belongs to its slot of the zone
 * and sums up those of all living workers: a share that is leased with the
 * slot.  The share of a worker that was killed is passed over from then on,
 * and the next owner of the slot empties the table and takes it over.
 *
 * The zone's mutex is held while tables are allocated, when a worker starts,
 * and at no other time; nginx unlocks it if the holder is killed.
 */


typedef struct {
    ngx_messaging_shm_t     *shm;
    ngx_messaging_slot_t    *slot;
    ngx_messaging_counts_t   counts;    /* elts is NULL: not in use */
    ngx_atomic_t             moves;     /* of a table outside the zone */
} ngx_messaging_quota_t;


/*
 * ngx_messaging_quota_open() makes the table of a worker that may have
 * "connections".  If the zone has no room, or the worker no slot, it is made
 * in "pool", and the worker counts its own connections only: limits hold
 * less, but nobody is turned away for it.
 *
 * ngx_messaging_quota_count() counts a key and returns its sum over all
 * workers, this one included: two workers never let one too many in.
 * NGX_ERROR: it could not be counted.  ngx_messaging_quota_uncount() undoes
 * it.
 *
 * ngx_messaging_quota_close() is called before the slot is given back.
 */

ngx_int_t ngx_messaging_quota_open(ngx_messaging_quota_t *q,
    ngx_messaging_shm_t *shm, ngx_messaging_slot_t *slot,
    ngx_uint_t connections, ngx_pool_t *pool, ngx_log_t *log);
void ngx_messaging_quota_close(ngx_messaging_quota_t *q);
ngx_int_t ngx_messaging_quota_count(ngx_messaging_quota_t *q, uint64_t key);
void ngx_messaging_quota_uncount(ngx_messaging_quota_t *q, uint64_t key);


#endif /* _NGX_MESSAGING_QUOTA_H_INCLUDED_ */
