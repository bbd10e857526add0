
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_quota.h"
#include "ngx_http_messaging_session.h"


static ngx_int_t ngx_http_messaging_quota_count(
    ngx_http_messaging_session_t *s, uint64_t *counted, uint64_t key,
    ngx_uint_t limit);


ngx_int_t
ngx_http_messaging_quota_address(ngx_http_messaging_session_t *s)
{
    uint64_t  key;

    if (s->worker->quota.counts.elts == NULL) {
        return NGX_OK;
    }

    /* as ngx_http_realip_module may have set it */

    key = ngx_messaging_key_address(s->worker->conf->shm->address_seed,
                                    s->connection->sockaddr);
    if (key == 0) {
        return NGX_OK;
    }

    return ngx_http_messaging_quota_count(s, &s->address_key, key,
                                          s->conf->address_connections);
}


ngx_int_t
ngx_http_messaging_quota_user(ngx_http_messaging_session_t *s)
{
    uint64_t  key;

    if (s->worker->quota.counts.elts == NULL) {
        return NGX_OK;
    }

    key = ngx_messaging_key_text(s->worker->conf->shm->user_seed, &s->user);

    return ngx_http_messaging_quota_count(s, &s->user_key, key,
                                          s->conf->user_connections);
}


static ngx_int_t
ngx_http_messaging_quota_count(ngx_http_messaging_session_t *s,
    uint64_t *counted, uint64_t key, ngx_uint_t limit)
{
    ngx_int_t  n;

    n = ngx_messaging_quota_count(&s->worker->quota, key);

    if (n == NGX_ERROR) {
        /* the table has room for all connections: not a client's fault */
        ngx_log_error(NGX_LOG_ALERT, s->connection->log, 0,
                      "messaging connection was not counted");
        return NGX_OK;
    }

    *counted = key;

    return (limit && (ngx_uint_t) n > limit) ? NGX_DECLINED : NGX_OK;
}


void
ngx_http_messaging_quota_release(ngx_http_messaging_session_t *s)
{
    if (s->user_key) {
        ngx_messaging_quota_uncount(&s->worker->quota, s->user_key);
        s->user_key = 0;
    }

    if (s->address_key) {
        ngx_messaging_quota_uncount(&s->worker->quota, s->address_key);
        s->address_key = 0;
    }
}
