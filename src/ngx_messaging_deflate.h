
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_DEFLATE_H_INCLUDED_
#define _NGX_MESSAGING_DEFLATE_H_INCLUDED_


#include "ngx_messaging.h"

#include <zlib.h>


#define NGX_MESSAGING_DEFLATE_MIN_BITS  9
#define NGX_MESSAGING_DEFLATE_MAX_BITS  15

#define NGX_MESSAGING_DEFLATE_WINDOWS   (NGX_MESSAGING_DEFLATE_MAX_BITS       \
                                         - NGX_MESSAGING_DEFLATE_MIN_BITS + 1)


/*
 * Compresses messages, RFC 7692, section 7.2.1, each for itself: there is one
 * of these per worker, and one stream for each window, made when it is first
 * needed.  Zero it, but for the last three, before the first message.
 */

typedef struct {
    z_stream     *streams[NGX_MESSAGING_DEFLATE_WINDOWS];

    u_char       *data;        /* of the message */
    size_t        size;

    ngx_log_t    *log;
    ngx_int_t     level;
    size_t        min_length;
} ngx_messaging_deflate_t;


/*
 * ngx_messaging_deflate_bits() returns the window for a message of "len"
 * bytes where one of "bits" was agreed on, or 0 if it is too short to be
 * compressed.  A message has no use for a window larger than itself: short
 * ones are the same for all who have agreed on different windows.
 *
 * ngx_messaging_deflate_message() compresses "in" with a window of such bits:
 * NGX_OK, *out is the payload and lies in the buffer of *d; NGX_DECLINED, it
 * would not be shorter, or there is no memory: send it as it is.
 *
 * ngx_messaging_deflate_stream() makes a stream that refers to the messages
 * before, or returns NULL; ngx_messaging_deflate_next() compresses with it as
 * above.  What it has declined it has forgotten.
 * ngx_messaging_deflate_close() frees such a stream.
 *
 * ngx_messaging_deflate_shrink() gives a large buffer back: call it when *out
 * is no longer needed.
 */

ngx_uint_t ngx_messaging_deflate_bits(ngx_messaging_deflate_t *d, size_t len,
    ngx_uint_t bits);
ngx_int_t ngx_messaging_deflate_message(ngx_messaging_deflate_t *d,
    ngx_str_t *in, ngx_uint_t bits, ngx_str_t *out);
z_stream *ngx_messaging_deflate_stream(ngx_messaging_deflate_t *d,
    ngx_uint_t bits);
ngx_int_t ngx_messaging_deflate_next(ngx_messaging_deflate_t *d, z_stream *z,
    ngx_str_t *in, ngx_str_t *out);
void ngx_messaging_deflate_close(z_stream *z);
void ngx_messaging_deflate_shrink(ngx_messaging_deflate_t *d);
void ngx_messaging_deflate_free(ngx_messaging_deflate_t *d);


#endif /* _NGX_MESSAGING_DEFLATE_H_INCLUDED_ */
