
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_COUNTS_H_INCLUDED_
#define _NGX_MESSAGING_COUNTS_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * How often each key is there: a table of open addressing, written by one
 * process and read by any without a lock.
 *
 * A key that is gone leaves no mark behind: the entries behind it are moved
 * up, or the chains would fill with marks in a few hours of connections that
 * come and go.  While an entry is moved it stands in both places, so that
 * the table holds every key at any moment; "moves" tells a reader that
 * something was moved while it looked, and that it has to look again.
 */

#define NGX_MESSAGING_COUNTS_FREE   0       /* ends a chain */
#define NGX_MESSAGING_COUNTS_MOVED  1       /* passed over, not the end */


typedef struct {
    ngx_atomic_t             key;
    ngx_atomic_t             n;
} ngx_messaging_count_t;


typedef struct {
    ngx_messaging_count_t   *elts;
    ngx_atomic_t            *moves;
    ngx_uint_t               mask;
    ngx_uint_t               used;      /* known to the writer only */
} ngx_messaging_counts_t;


/*
 * ngx_messaging_counts_bits() tells how many bits the index of a table for
 * "n" keys has: it is at most half full, and not smaller than a page.
 * ngx_messaging_counts_init() makes a table of zeroed memory.
 *
 * The writer's: ngx_messaging_counts_add(), NGX_ERROR if the table is full;
 * ngx_messaging_counts_sub() undoes one of it.
 * ngx_messaging_counts_get() is anybody's.
 */

ngx_uint_t ngx_messaging_counts_bits(ngx_uint_t n);
void ngx_messaging_counts_init(ngx_messaging_counts_t *t, void *elts,
    ngx_uint_t bits, ngx_atomic_t *moves);
ngx_int_t ngx_messaging_counts_add(ngx_messaging_counts_t *t, uint64_t key);
void ngx_messaging_counts_sub(ngx_messaging_counts_t *t, uint64_t key);
ngx_uint_t ngx_messaging_counts_get(ngx_messaging_counts_t *t, uint64_t key);


#define ngx_messaging_counts_size(bits)                                       \
    (sizeof(ngx_messaging_count_t) << (bits))


#endif /* _NGX_MESSAGING_COUNTS_H_INCLUDED_ */
