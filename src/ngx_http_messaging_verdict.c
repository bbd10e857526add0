
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_control.h"
#include "ngx_http_messaging_session.h"
#include "ngx_http_messaging_verdict.h"
#include "ngx_messaging_verdicts.h"


/* what is kept of an answer */

#define NGX_HTTP_MESSAGING_VERDICT_OUT   0
#define NGX_HTTP_MESSAGING_VERDICT_IN    1
#define NGX_HTTP_MESSAGING_VERDICT_READ  2


static ngx_messaging_verdicts_t *ngx_http_messaging_verdict_table(
    ngx_http_messaging_session_t *s);
static void ngx_http_messaging_verdict_key(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_messaging_verdict_key_t *key);


static ngx_messaging_verdicts_t *
ngx_http_messaging_verdict_table(ngx_http_messaging_session_t *s)
{
    return s->conf->access_cache ? s->worker->conf->shm->verdicts : NULL;
}


uint64_t
ngx_http_messaging_verdict_count(ngx_http_messaging_session_t *s)
{
    ngx_messaging_verdicts_t  *t;

    t = ngx_http_messaging_verdict_table(s);

    return t ? t->count : 0;
}


/*
 * The rule is the directive, in a server, where a location of that name is
 * asked; each configuration begins anew.  All workers of one have it at the
 * same place.
 */

static void
ngx_http_messaging_verdict_key(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_messaging_verdict_key_t *key)
{
    uintptr_t             rule[4];
    ngx_messaging_shm_t  *shm;

    shm = s->worker->conf->shm;

    rule[0] = (uintptr_t) s->worker->conf->generation;
    rule[1] = (uintptr_t) s->conf->server;
    rule[2] = (uintptr_t) s->conf->access_uri;
    rule[3] = (uintptr_t) s->conf->access_key;

    key->rule = ngx_messaging_key_hash(shm->user_seed, (u_char *) rule,
                                       sizeof(rule));
    key->user = ngx_messaging_key_text(shm->user_seed, &s->user);
    key->conversation = ngx_messaging_key_text(shm->user_seed, conversation);
}


ngx_int_t
ngx_http_messaging_verdict_get(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_uint_t *read_only)
{
    uint64_t                      verdict;
    ngx_int_t                     rc;
    ngx_slab_pool_t              *pool;
    ngx_messaging_verdicts_t     *t;
    ngx_messaging_verdict_key_t   key;

    t = ngx_http_messaging_verdict_table(s);

    if (t == NULL || !ngx_http_messaging_control_hears(s->worker)) {
        return NGX_AGAIN;
    }

    ngx_http_messaging_verdict_key(s, conversation, &key);

    pool = s->worker->conf->shm->pool;

    ngx_shmtx_lock(&pool->mutex);

    rc = ngx_messaging_verdicts_get(t, &key, ngx_current_msec, &verdict);

    ngx_shmtx_unlock(&pool->mutex);

    if (rc != NGX_OK) {
        return NGX_AGAIN;
    }

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_ACCESS_CACHED,
                           1);

    *read_only = (verdict == NGX_HTTP_MESSAGING_VERDICT_READ);

    return verdict == NGX_HTTP_MESSAGING_VERDICT_OUT ? NGX_DECLINED : NGX_OK;
}


void
ngx_http_messaging_verdict_put(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_int_t rc, ngx_uint_t read_only,
    uint64_t count)
{
    uint64_t                      verdict;
    ngx_slab_pool_t              *pool;
    ngx_messaging_verdicts_t     *t;
    ngx_messaging_verdict_key_t   key;

    t = ngx_http_messaging_verdict_table(s);

    /* a failure is nobody's verdict, and 401 is about a token */

    if (t == NULL || (rc != NGX_OK && rc != NGX_DECLINED)) {
        return;
    }

    verdict = (rc == NGX_DECLINED) ? NGX_HTTP_MESSAGING_VERDICT_OUT
              : read_only ? NGX_HTTP_MESSAGING_VERDICT_READ
              : NGX_HTTP_MESSAGING_VERDICT_IN;

    ngx_http_messaging_verdict_key(s, conversation, &key);

    pool = s->worker->conf->shm->pool;

    ngx_shmtx_lock(&pool->mutex);

    rc = ngx_messaging_verdicts_put(t, &key, verdict, count, ngx_current_msec,
                                    ngx_current_msec + s->conf->access_cache);

    ngx_shmtx_unlock(&pool->mutex);

    if (rc == NGX_BUSY) {
        ngx_messaging_stat_add(s->worker->slot,
                               NGX_MESSAGING_STAT_ACCESS_EVICTED, 1);

        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging zone has no room for another answer of "
                      "\"messaging_access\", an old one is forgotten");
    }
}


void
ngx_http_messaging_verdict_forget(ngx_http_messaging_worker_t *worker,
    ngx_str_t *user, ngx_str_t *conversation)
{
    uint64_t              user_key, conversation_key;
    ngx_messaging_shm_t  *shm;

    shm = worker->conf->shm;

    if (shm->verdicts == NULL) {
        return;
    }

    user_key = user->len ? ngx_messaging_key_text(shm->user_seed, user) : 0;
    conversation_key = conversation->len
                       ? ngx_messaging_key_text(shm->user_seed, conversation)
                       : 0;

    ngx_shmtx_lock(&shm->pool->mutex);

    ngx_messaging_verdicts_forget(shm->verdicts, user_key, conversation_key);

    ngx_shmtx_unlock(&shm->pool->mutex);
}
