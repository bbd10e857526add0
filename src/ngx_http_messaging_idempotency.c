
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_idempotency.h"
#include "ngx_http_messaging_session.h"
#include "ngx_messaging_idempotency.h"
#include "ngx_messaging_key.h"


/*
 * Keys, targets and frames are remembered as hashes with the random seeds of
 * the zone.  The table is made when the first key comes, in up to 1/32 of the
 * zone, or in what is left of it; the zone's mutex is held while it is used.
 */


/* who was killed leaves a key under way */

#define NGX_HTTP_MESSAGING_IDEMPOTENCY_PENDING  30000    /* ms */

#define NGX_HTTP_MESSAGING_IDEMPOTENCY_LEAST    64       /* entries */
#define NGX_HTTP_MESSAGING_IDEMPOTENCY_SHARE    32


static void ngx_http_messaging_idempotency_hash(
    ngx_http_messaging_publication_t *pub, ngx_messaging_shm_t *shm);
static uint64_t ngx_http_messaging_idempotency_text(u_char *seed,
    uint64_t before, ngx_str_t *text);
static ngx_messaging_idempotency_t *ngx_http_messaging_idempotency_table(
    ngx_messaging_shm_t *shm);
static ngx_int_t ngx_http_messaging_idempotency_locked(
    ngx_http_messaging_post_t *post, ngx_messaging_shm_t *shm,
    ngx_uint_t *index, ngx_uint_t *lost);


ngx_int_t
ngx_http_messaging_idempotency_claim(ngx_http_messaging_post_t *post,
    ngx_uint_t *index)
{
    ngx_int_t             rc;
    ngx_uint_t            i, n, lost;
    ngx_messaging_shm_t  *shm;

    shm = post->worker->conf->shm;
    *index = 0;
    n = 0;

    for (i = 0; i < post->nelts; i++) {
        if (post->elts[i].what.key.len) {
            ngx_http_messaging_idempotency_hash(&post->elts[i], shm);
            n++;
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    lost = 0;

    ngx_shmtx_lock(&shm->pool->mutex);

    rc = ngx_http_messaging_idempotency_locked(post, shm, index, &lost);

    ngx_shmtx_unlock(&shm->pool->mutex);

    if (lost) {
        ngx_messaging_stat_add(post->worker->slot,
                               NGX_MESSAGING_STAT_LIMIT_IDEMPOTENCY, lost);

        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "messaging zone has no room for more idempotency keys, "
                      "%ui of the oldest forgotten", lost);
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "messaging zone has no room for idempotency keys");
    }

    return rc;
}


static ngx_int_t
ngx_http_messaging_idempotency_locked(ngx_http_messaging_post_t *post,
    ngx_messaging_shm_t *shm, ngx_uint_t *index, ngx_uint_t *lost)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i;
    ngx_messaging_idempotency_t       *t;
    ngx_http_messaging_publication_t  *pub;

    t = ngx_http_messaging_idempotency_table(shm);
    if (t == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    for (i = 0; i < post->nelts; i++) {
        pub = &post->elts[i];

        if (pub->what.key.len == 0) {
            continue;
        }

        rc = ngx_messaging_idempotency_claim(t, pub->key, pub->body,
                    ngx_current_msec,
                    ngx_current_msec + NGX_HTTP_MESSAGING_IDEMPOTENCY_PENDING,
                    &pub->id);

        if (rc == NGX_AGAIN || rc == NGX_DECLINED) {
            break;
        }

        if (rc == NGX_BUSY) {
            (*lost)++;
        }

        pub->replayed = (rc == NGX_DONE);
        pub->claimed = !pub->replayed;
        rc = NGX_OK;
    }

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    *index = i;

    while (i--) {
        pub = &post->elts[i];

        if (pub->claimed) {
            ngx_messaging_idempotency_settle(t, pub->key, pub->body, 0, 0);
        }
    }

    return rc;
}


void
ngx_http_messaging_idempotency_settle(ngx_http_messaging_publication_t *pub)
{
    ngx_msec_t            expires;
    ngx_messaging_shm_t  *shm;

    pub->claimed = 0;

    shm = pub->post->worker->conf->shm;
    expires = ngx_current_msec
              + (ngx_msec_t) pub->post->worker->conf->idempotency * 1000;

    ngx_shmtx_lock(&shm->pool->mutex);

    ngx_messaging_idempotency_settle(shm->idempotency, pub->key, pub->body,
                                     pub->failed ? 0 : pub->id, expires);

    ngx_shmtx_unlock(&shm->pool->mutex);
}


/* the same key for another target is another key */

static void
ngx_http_messaging_idempotency_hash(ngx_http_messaging_publication_t *pub,
    ngx_messaging_shm_t *shm)
{
    u_char      *seed;
    ngx_uint_t   i;

    seed = shm->user_seed;

    pub->key = ngx_http_messaging_idempotency_text(seed, 0, &pub->what.key);

    for (i = 0; i < pub->what.nnames; i++) {
        pub->key = ngx_http_messaging_idempotency_text(seed, pub->key,
                                                       &pub->what.names[i]);
    }

    seed = shm->address_seed;

    pub->body = ngx_http_messaging_idempotency_text(seed, 0, &pub->what.frame);
    pub->body = ngx_http_messaging_idempotency_text(seed, pub->body,
                                                    &pub->what.user);
    pub->body = ngx_http_messaging_idempotency_text(seed, pub->body,
                                                    &pub->what.connection);
}


/* a text behind others */

static uint64_t
ngx_http_messaging_idempotency_text(u_char *seed, uint64_t before,
    ngx_str_t *text)
{
    uint64_t  both[2];

    both[0] = before;
    both[1] = ngx_messaging_key_text(seed, text);

    return ngx_messaging_key_hash(seed, (u_char *) both, sizeof(both));
}


static ngx_messaging_idempotency_t *
ngx_http_messaging_idempotency_table(ngx_messaging_shm_t *shm)
{
    size_t                        size;
    ngx_uint_t                    n;
    ngx_slab_pool_t              *pool;
    ngx_messaging_idempotency_t  *t;

    if (shm->idempotency) {
        return shm->idempotency;
    }

    pool = shm->pool;
    size = pool->end - (u_char *) pool;
    n = NGX_HTTP_MESSAGING_IDEMPOTENCY_LEAST;

    while (ngx_messaging_idempotency_size(2 * n)
           <= size / NGX_HTTP_MESSAGING_IDEMPOTENCY_SHARE)
    {
        n *= 2;
    }

    for ( ;; ) {
        t = ngx_slab_calloc_locked(pool, ngx_messaging_idempotency_size(n));

        if (t || n == NGX_HTTP_MESSAGING_IDEMPOTENCY_LEAST) {
            break;
        }

        n /= 2;
    }

    if (t) {
        ngx_messaging_idempotency_init(t, n);
        shm->idempotency = t;
    }

    return t;
}
