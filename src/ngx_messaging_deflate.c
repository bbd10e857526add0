
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging_deflate.h"


/* what is kept of the buffer between messages */

#define NGX_MESSAGING_DEFLATE_KEEP       65536

/* the empty stored block of a sync flush, which is not sent */
#define NGX_MESSAGING_DEFLATE_TAIL       4

/* zlib looks back over its window less this (MIN_LOOKAHEAD) */
#define NGX_MESSAGING_DEFLATE_LOOKAHEAD  262

/* its memory level: one block for a message of the length of the window, and
   a hash table that is quickly cleared */
#define ngx_messaging_deflate_level(bits)  (int) ngx_min((bits) - 5, 8)


static ngx_int_t ngx_messaging_deflate_run(ngx_messaging_deflate_t *d,
    z_stream *z, ngx_str_t *in, ngx_str_t *out);


ngx_uint_t
ngx_messaging_deflate_bits(ngx_messaging_deflate_t *d, size_t len,
    ngx_uint_t bits)
{
    ngx_uint_t  n;

    if (len == 0 || len < d->min_length || len > NGX_MAX_INT32_VALUE / 2) {
        return 0;
    }

    n = NGX_MESSAGING_DEFLATE_MIN_BITS;

    while (n < bits
           && ((size_t) 1 << n) < len + NGX_MESSAGING_DEFLATE_LOOKAHEAD)
    {
        n++;
    }

    return n;
}


ngx_int_t
ngx_messaging_deflate_message(ngx_messaging_deflate_t *d, ngx_str_t *in,
    ngx_uint_t bits, ngx_str_t *out)
{
    z_stream  **z;

    z = &d->streams[bits - NGX_MESSAGING_DEFLATE_MIN_BITS];

    if (*z == NULL) {
        *z = ngx_messaging_deflate_stream(d, bits);

        if (*z == NULL) {
            return NGX_DECLINED;
        }

    } else if (deflateReset(*z) != Z_OK) {
        return NGX_DECLINED;
    }

    return ngx_messaging_deflate_run(d, *z, in, out);
}


z_stream *
ngx_messaging_deflate_stream(ngx_messaging_deflate_t *d, ngx_uint_t bits)
{
    z_stream  *z;

    z = ngx_calloc(sizeof(z_stream), d->log);
    if (z == NULL) {
        return NULL;
    }

    if (deflateInit2(z, (int) d->level, Z_DEFLATED, -(int) bits,
                     ngx_messaging_deflate_level(bits), Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        ngx_free(z);
        return NULL;
    }

    return z;
}


ngx_int_t
ngx_messaging_deflate_next(ngx_messaging_deflate_t *d, z_stream *z,
    ngx_str_t *in, ngx_str_t *out)
{
    ngx_int_t  rc;

    rc = ngx_messaging_deflate_run(d, z, in, out);

    if (rc != NGX_OK) {

        /* the client will not see what the stream has seen */

        (void) deflateReset(z);
    }

    return rc;
}


static ngx_int_t
ngx_messaging_deflate_run(ngx_messaging_deflate_t *d, z_stream *z,
    ngx_str_t *in, ngx_str_t *out)
{
    size_t  size;

    /* the room for what is shorter, its tail, and a byte to tell the end */

    size = in->len + NGX_MESSAGING_DEFLATE_TAIL;

    if (d->size < size) {

        if (d->data) {
            ngx_free(d->data);
        }

        d->size = 0;

        d->data = ngx_alloc(size, d->log);
        if (d->data == NULL) {
            return NGX_DECLINED;
        }

        d->size = size;
    }

    z->next_in = in->data;
    z->avail_in = (uInt) in->len;
    z->next_out = d->data;
    z->avail_out = (uInt) size;

    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in || z->avail_out == 0) {
        return NGX_DECLINED;
    }

    out->data = d->data;
    out->len = size - z->avail_out - NGX_MESSAGING_DEFLATE_TAIL;

    return NGX_OK;
}


void
ngx_messaging_deflate_close(z_stream *z)
{
    (void) deflateEnd(z);
    ngx_free(z);
}


void
ngx_messaging_deflate_shrink(ngx_messaging_deflate_t *d)
{
    if (d->size > NGX_MESSAGING_DEFLATE_KEEP) {
        ngx_free(d->data);

        d->data = NULL;
        d->size = 0;
    }
}


void
ngx_messaging_deflate_free(ngx_messaging_deflate_t *d)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESSAGING_DEFLATE_WINDOWS; i++) {
        if (d->streams[i]) {
            ngx_messaging_deflate_close(d->streams[i]);
            d->streams[i] = NULL;
        }
    }

    if (d->data) {
        ngx_free(d->data);
        d->data = NULL;
    }

    d->size = 0;
}
