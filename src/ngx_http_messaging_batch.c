
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_batch.h"
#include "ngx_http_messaging_post.h"
#include "ngx_http_messaging_publish.h"
#include "ngx_http_messaging_publish_headers.h"
#include "ngx_http_messaging_session.h"
#include "ngx_messaging_batch.h"


/*
 * All publications are looked at before the first one is sent.  From then on
 * each has a result of its own: its id, or null if the broker has not taken it
 * on all of its channels.
 */


static ngx_int_t ngx_http_messaging_batch_headers(ngx_http_request_t *r);
static ngx_int_t ngx_http_messaging_batch_read(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post);
static ngx_int_t ngx_http_messaging_batch_answer(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post);


ngx_int_t
ngx_http_messaging_batch(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_messaging_post_t  *post;

    rc = ngx_http_messaging_batch_headers(r);

    if (rc != NGX_OK) {
        return rc;
    }

    post = ngx_http_messaging_post_create(r, ngx_http_messaging_batch_answer);
    if (post == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_messaging_batch_read(r, post);

    if (post->nelts == 0) {
        /* it has been answered, or is to be */
        ngx_http_messaging_post_destroy(post);
        return rc;
    }

    return ngx_http_messaging_post_send(r, post);
}


/* what they say is said of each publication in the body */

static ngx_int_t
ngx_http_messaging_batch_headers(ngx_http_request_t *r)
{
    ngx_http_messaging_publish_headers_t  h;

    if (ngx_http_messaging_publish_headers(r, &h) == NGX_OK
        && h.user.len == 0 && h.connection.len == 0 && h.key.len == 0)
    {
        return NGX_OK;
    }

    return ngx_http_messaging_publish_refuse(r,
                                             NGX_MESSAGING_STAT_POST_HEADER);
}


static ngx_int_t
ngx_http_messaging_batch_read(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post)
{
    ngx_int_t                       rc;
    ngx_str_t                       text;
    ngx_uint_t                      i;
    ngx_messaging_batch_t           batch;
    ngx_http_messaging_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_messaging_module);

    rc = ngx_http_messaging_publish_read(r, post->pool,
                                         NGX_HTTP_MESSAGING_BATCH_MAX_BODY,
                                         &text);
    if (rc != NGX_OK) {
        return rc;
    }

    batch.pool = post->pool;
    batch.max_message = mlcf->max_message;

    rc = ngx_messaging_batch_parse(&batch, text.data, text.len);

    if (rc == NGX_DECLINED) {
        return ngx_http_messaging_publish_error(r,
                                           batch.too_large
                                           ? NGX_MESSAGING_STAT_POST_TOO_LARGE
                                           : NGX_MESSAGING_STAT_POST_INVALID,
                                           batch.error, batch.index);
    }

    if (rc != NGX_OK
        || ngx_http_messaging_post_add(post, batch.nelts) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < batch.nelts; i++) {
        post->elts[i].what = batch.elts[i];
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_batch_answer(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post)
{
    u_char                            *p;
    size_t                             len;
    ngx_int_t                          rc;
    ngx_str_t                          body;
    ngx_uint_t                         i, failed;
    ngx_http_messaging_publication_t  *pub;

    len = sizeof("{\"ids\":[]}\n") - 1
          + post->nelts * (NGX_INT64_LEN + sizeof(",") - 1);

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;
    p = ngx_cpymem(p, "{\"ids\":[", sizeof("{\"ids\":[") - 1);

    failed = 0;

    for (i = 0; i < post->nelts; i++) {
        pub = &post->elts[i];

        if (i) {
            *p++ = ',';
        }

        if (ngx_http_messaging_post_failed(pub)) {
            failed = 1;
            p = ngx_cpymem(p, "null", sizeof("null") - 1);

        } else {
            p = ngx_sprintf(p, "%uL", pub->id);
        }
    }

    p = ngx_cpymem(p, "]}\n", sizeof("]}\n") - 1);
    body.len = (size_t) (p - body.data);

    rc = NGX_HTTP_ACCEPTED;

    if (failed) {
        rc = ngx_http_messaging_publish_refuse(r,
                                         NGX_MESSAGING_STAT_POST_UNAVAILABLE);

    } else {
        ngx_messaging_stat_add(post->worker->slot,
                               ngx_http_messaging_post_replayed(r, post)
                               ? NGX_MESSAGING_STAT_POST_REPLAYED
                               : NGX_MESSAGING_STAT_POST_ACCEPTED, 1);
    }

    return ngx_http_messaging_publish_reply(r, (ngx_uint_t) rc, &body);
}
