
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_BUCKET_H_INCLUDED_
#define _NGX_MESSAGING_BUCKET_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * A token bucket in eight bytes and without rounding.
 *
 * A token is a million units, and a rate of 0.001 tokens per second adds one
 * unit in a millisecond.  Kept is only when the bucket will be full, on a
 * clock of "rate" units per millisecond: the units that are missing now are
 * the distance to it.  That clock may wrap.  More than a bucket holds is
 * never missing, so that whatever looks like it lies in the past: the bucket
 * is full.
 */

#define NGX_MESSAGING_BUCKET_TOKEN  1000000


typedef struct {
    uint64_t      full;
} ngx_messaging_bucket_t;


/*
 * "rate" is in 0.001 tokens per second, at least 1; "burst" is what the
 * bucket holds, at least 1.  Both are at most 10^9 and stay as they are for
 * the life of a bucket; "now" is in ms, of any origin.
 *
 * ngx_messaging_bucket_init() makes it full.
 * ngx_messaging_bucket_take() takes a token: NGX_OK; NGX_BUSY: there is none.
 * ngx_messaging_bucket_give() puts a token back, if there is room for it.
 * ngx_messaging_bucket_wait() is the time until there is a token, 0 if there
 * is one.  ngx_messaging_bucket_is_full() is 1 if it is full.
 */

void ngx_messaging_bucket_init(ngx_messaging_bucket_t *b, ngx_uint_t rate,
    ngx_msec_t now);
ngx_int_t ngx_messaging_bucket_take(ngx_messaging_bucket_t *b,
    ngx_uint_t rate, ngx_uint_t burst, ngx_msec_t now);
void ngx_messaging_bucket_give(ngx_messaging_bucket_t *b, ngx_uint_t rate,
    ngx_uint_t burst, ngx_msec_t now);
ngx_msec_t ngx_messaging_bucket_wait(ngx_messaging_bucket_t *b,
    ngx_uint_t rate, ngx_uint_t burst, ngx_msec_t now);
ngx_uint_t ngx_messaging_bucket_is_full(ngx_messaging_bucket_t *b,
    ngx_uint_t rate, ngx_uint_t burst, ngx_msec_t now);


#endif /* _NGX_MESSAGING_BUCKET_H_INCLUDED_ */
