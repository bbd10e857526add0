
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging_inflate.h"


/* the buffer at first, and what is kept of it between messages */

#define NGX_MESSAGING_INFLATE_BUFFER  4096
#define NGX_MESSAGING_INFLATE_KEEP    65536


static ngx_int_t ngx_messaging_inflate_begin(ngx_messaging_inflate_t *inf,
    ngx_uint_t bits, ngx_str_t *window);
static ngx_int_t ngx_messaging_inflate_feed(ngx_messaging_inflate_t *inf,
    u_char *p, size_t len, size_t limit, ngx_uint_t *ended);
static ngx_int_t ngx_messaging_inflate_grow(ngx_messaging_inflate_t *inf,
    size_t limit);
static ngx_int_t ngx_messaging_inflate_save(ngx_messaging_inflate_t *inf,
    ngx_str_t *window);


ngx_int_t
ngx_messaging_inflate_message(ngx_messaging_inflate_t *inf, ngx_str_t *in,
    size_t limit, ngx_uint_t bits, ngx_str_t *window, ngx_str_t *out)
{
    size_t      len;
    ngx_int_t   rc;
    ngx_uint_t  ended;

    static u_char  tail[] = { 0x00, 0x00, 0xff, 0xff };

    rc = ngx_messaging_inflate_begin(inf, bits, window);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_messaging_inflate_feed(inf, in->data, in->len, limit, &ended);

    if (rc != NGX_OK) {
        return rc;
    }

    /*
     * The sender has cut the tail off an empty stored block: a message is
     * complete if a block ends with the tail, and none of it was data.  One
     * that ends with a final block, section 7.2.3.4, is complete as it is.
     */

    if (!ended) {
        len = inf->len;

        rc = ngx_messaging_inflate_feed(inf, tail, sizeof(tail), limit,
                                        &ended);
        if (rc != NGX_OK) {
            return rc;
        }

        if (inf->len != len || !(inf->stream.data_type & 128)) {
            return NGX_MESSAGING_CLOSE_INVALID_DATA;
        }
    }

    if (window && ngx_messaging_inflate_save(inf, window) != NGX_OK) {
        return NGX_ERROR;
    }

    out->data = inf->data;
    out->len = inf->len;

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_inflate_begin(ngx_messaging_inflate_t *inf, ngx_uint_t bits,
    ngx_str_t *window)
{
    int        rc;
    z_stream  *z;

    z = &inf->stream;
    inf->len = 0;

    if (inf->ready) {
        rc = inflateReset2(z, -(int) bits);

    } else {
        ngx_memzero(z, sizeof(z_stream));

        rc = inflateInit2(z, -(int) bits);
        inf->ready = (rc == Z_OK);
    }

    if (rc == Z_OK && window && window->len) {
        rc = inflateSetDictionary(z, window->data, (uInt) window->len);
    }

    return rc == Z_OK ? NGX_OK : NGX_ERROR;
}


/*
 * The buffer ends one byte behind the limit: a message that needs this byte
 * is too long, whatever it would still become.
 */

static ngx_int_t
ngx_messaging_inflate_feed(ngx_messaging_inflate_t *inf, u_char *p, size_t len,
    size_t limit, ngx_uint_t *ended)
{
    int        rc;
    z_stream  *z;

    z = &inf->stream;

    z->next_in = p;
    z->avail_in = (uInt) len;
    *ended = 0;

    do {
        if (ngx_messaging_inflate_grow(inf, limit) != NGX_OK) {
            return NGX_ERROR;
        }

        z->next_out = inf->data + inf->len;
        z->avail_out = (uInt) (ngx_min(inf->size, limit + 1) - inf->len);

        rc = inflate(z, Z_SYNC_FLUSH);

        inf->len = z->next_out - inf->data;

        if (inf->len > limit) {
            return NGX_MESSAGING_CLOSE_TOO_BIG;
        }

        switch (rc) {

        case Z_OK:
            break;

        case Z_STREAM_END:

            if (z->avail_in == 0) {
                *ended = 1;
                return NGX_OK;
            }

            /* what follows may refer to what was before; costs no copy */

            if (inflateResetKeep(z) != Z_OK) {
                return NGX_ERROR;
            }

            break;

        case Z_BUF_ERROR:
            /* all was taken, and all that it made has been written */
            return NGX_OK;

        case Z_MEM_ERROR:
            return NGX_ERROR;

        default:
            return NGX_MESSAGING_CLOSE_INVALID_DATA;
        }

    } while (z->avail_in || z->avail_out == 0);

    return NGX_OK;
}


/* grows with what was decompressed; there is always room for a byte */

static ngx_int_t
ngx_messaging_inflate_grow(ngx_messaging_inflate_t *inf, size_t limit)
{
    size_t   size;
    u_char  *data;

    if (inf->len < inf->size) {
        return NGX_OK;
    }

    size = ngx_max(2 * inf->size, NGX_MESSAGING_INFLATE_BUFFER);
    size = ngx_min(size, limit + 1);
    size = ngx_max(size, inf->len + 1);

    data = ngx_alloc(size, inf->log);
    if (data == NULL) {
        return NGX_ERROR;
    }

    if (inf->data) {
        ngx_memcpy(data, inf->data, inf->len);
        ngx_free(inf->data);
    }

    inf->data = data;
    inf->size = size;

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_inflate_save(ngx_messaging_inflate_t *inf, ngx_str_t *window)
{
    uInt     len;
    u_char  *data;

    if (inflateGetDictionary(&inf->stream, NULL, &len) != Z_OK) {
        return NGX_ERROR;
    }

    if (len == 0) {
        return NGX_OK;
    }

    if (len != window->len) {

        data = ngx_alloc(len, inf->log);
        if (data == NULL) {
            return NGX_ERROR;
        }

        if (window->data) {
            ngx_free(window->data);
        }

        window->data = data;
        window->len = len;
    }

    return inflateGetDictionary(&inf->stream, window->data, &len) == Z_OK
           ? NGX_OK : NGX_ERROR;
}


void
ngx_messaging_inflate_shrink(ngx_messaging_inflate_t *inf)
{
    if (inf->size > NGX_MESSAGING_INFLATE_KEEP) {
        ngx_free(inf->data);

        inf->data = NULL;
        inf->size = 0;
        inf->len = 0;
    }
}


void
ngx_messaging_inflate_free(ngx_messaging_inflate_t *inf)
{
    if (inf->ready) {
        (void) inflateEnd(&inf->stream);
        inf->ready = 0;
    }

    if (inf->data) {
        ngx_free(inf->data);
        inf->data = NULL;
    }

    inf->size = 0;
    inf->len = 0;
}
