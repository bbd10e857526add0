
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_resp.c"
#include "fuzz.h"


/*
 * The first byte is the size of the pieces that the rest comes in: the
 * replies must not depend on it.
 */


static void
reply(void *data, ngx_messaging_resp_reply_t *r)
{
    ngx_uint_t   i;
    uint64_t    *sum = data;

    fuzz_assert(r->nelts <= NGX_MESSAGING_RESP_MAX_ELTS);

    *sum = *sum * 31 + r->type;

    if (r->type == REDIS_REPLY_ARRAY) {
        for (i = 0; i < r->nelts; i++) {
            *sum = *sum * 31 + r->elts[i].len
                   + (r->elts[i].len ? r->elts[i].data[r->elts[i].len - 1]
                                     : 0);
        }

    } else if (r->type == REDIS_REPLY_INTEGER) {
        *sum = *sum * 31 + (uint64_t) r->integer;

    } else if (r->type != REDIS_REPLY_NIL) {
        *sum = *sum * 31 + r->str.len;
    }
}


static ngx_int_t
feed(u_char *data, size_t len, size_t piece, uint64_t *sum)
{
    size_t                 n;
    u_char                *copy;
    ngx_int_t              rc;
    ngx_messaging_resp_t  *resp;

    *sum = 0;
    rc = NGX_OK;
    resp = ngx_messaging_resp_create(reply, sum);
    fuzz_assert(resp != NULL);

    while (len && rc == NGX_OK) {
        n = len < piece ? len : piece;
        copy = fuzz_copy(data, n);

        rc = ngx_messaging_resp_feed(resp, copy, n);

        free(copy);
        data += n;
        len -= n;
    }

    fuzz_assert(rc == NGX_OK || ngx_messaging_resp_error(resp) != NULL);
    ngx_messaging_resp_free(resp);

    return rc;
}


static void
fuzz_one(u_char *data, size_t len)
{
    uint64_t   whole, pieces;
    ngx_int_t  rc;

    if (len == 0) {
        return;
    }

    rc = feed(data + 1, len - 1, len, &whole);

    fuzz_assert(feed(data + 1, len - 1, 1 + data[0] % 16, &pieces) == rc);
    fuzz_assert(whole == pieces);
}
