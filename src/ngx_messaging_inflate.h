
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_INFLATE_H_INCLUDED_
#define _NGX_MESSAGING_INFLATE_H_INCLUDED_


#include "ngx_messaging.h"

#include <zlib.h>


/*
 * Decompresses whole messages, RFC 7692, section 7.2.2, one after another:
 * there is one of these per worker and nothing of it in a connection.  Zero
 * it, but for "log", before the first message.
 */

typedef struct {
    z_stream      stream;
    ngx_uint_t    ready;       /* the stream was made */

    u_char       *data;        /* of the message */
    size_t        len;
    size_t        size;

    ngx_log_t    *log;
} ngx_messaging_inflate_t;


/*
 * ngx_messaging_inflate_message() decompresses "in", the payload of a message
 * that was compressed with a window of 2^bits bytes:
 *
 *     NGX_OK     *out is the message; it lies in the buffer of *inf
 *     > 0        the close code: 1007, no complete deflate stream; 1009, over
 *                "limit" bytes
 *     NGX_ERROR  no memory
 *
 * "window" is NULL if each message stands alone; else it is what the last one
 * has left, and becomes what this one leaves.  It takes the memory it needs,
 * at most 2^bits bytes; free window->data with the connection.
 *
 * ngx_messaging_inflate_shrink() gives a large buffer back: call it when *out
 * is no longer needed.
 */

ngx_int_t ngx_messaging_inflate_message(ngx_messaging_inflate_t *inf,
    ngx_str_t *in, size_t limit, ngx_uint_t bits, ngx_str_t *window,
    ngx_str_t *out);
void ngx_messaging_inflate_shrink(ngx_messaging_inflate_t *inf);
void ngx_messaging_inflate_free(ngx_messaging_inflate_t *inf);


#endif /* _NGX_MESSAGING_INFLATE_H_INCLUDED_ */
