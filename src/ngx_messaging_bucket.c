
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging_bucket.h"


static uint64_t ngx_messaging_bucket_missing(ngx_messaging_bucket_t *b,
    ngx_uint_t rate, ngx_uint_t burst, ngx_msec_t now);


void
ngx_messaging_bucket_init(ngx_messaging_bucket_t *b, ngx_uint_t rate,
    ngx_msec_t now)
{
    b->full = (uint64_t) now * rate;
}


ngx_int_t
ngx_messaging_bucket_take(ngx_messaging_bucket_t *b, ngx_uint_t rate,
    ngx_uint_t burst, ngx_msec_t now)
{
    uint64_t  missing;

    missing = ngx_messaging_bucket_missing(b, rate, burst, now);

    if (missing > (uint64_t) (burst - 1) * NGX_MESSAGING_BUCKET_TOKEN) {
        return NGX_BUSY;
    }

    b->full = (uint64_t) now * rate + missing + NGX_MESSAGING_BUCKET_TOKEN;

    return NGX_OK;
}


void
ngx_messaging_bucket_give(ngx_messaging_bucket_t *b, ngx_uint_t rate,
    ngx_uint_t burst, ngx_msec_t now)
{
    uint64_t  missing;

    missing = ngx_messaging_bucket_missing(b, rate, burst, now);

    b->full = (uint64_t) now * rate;

    if (missing > NGX_MESSAGING_BUCKET_TOKEN) {
        b->full += missing - NGX_MESSAGING_BUCKET_TOKEN;
    }
}


ngx_msec_t
ngx_messaging_bucket_wait(ngx_messaging_bucket_t *b, ngx_uint_t rate,
    ngx_uint_t burst, ngx_msec_t now)
{
    uint64_t  missing, most;

    missing = ngx_messaging_bucket_missing(b, rate, burst, now);
    most = (uint64_t) (burst - 1) * NGX_MESSAGING_BUCKET_TOKEN;

    if (missing <= most) {
        return 0;
    }

    return (ngx_msec_t) ((missing - most + rate - 1) / rate);
}


ngx_uint_t
ngx_messaging_bucket_is_full(ngx_messaging_bucket_t *b, ngx_uint_t rate,
    ngx_uint_t burst, ngx_msec_t now)
{
    return ngx_messaging_bucket_missing(b, rate, burst, now) == 0;
}


static uint64_t
ngx_messaging_bucket_missing(ngx_messaging_bucket_t *b, ngx_uint_t rate,
    ngx_uint_t burst, ngx_msec_t now)
{
    uint64_t  missing;

    missing = b->full - (uint64_t) now * rate;

    return missing > (uint64_t) burst * NGX_MESSAGING_BUCKET_TOKEN ? 0
                                                                   : missing;
}
