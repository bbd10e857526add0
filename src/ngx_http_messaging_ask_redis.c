
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_ask.h"


static ngx_int_t ngx_http_messaging_ask_key(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_str_t *key);
static ngx_int_t ngx_http_messaging_ask_sismember(
    ngx_http_messaging_session_t *s, ngx_pool_t *pool, ngx_str_t *key,
    ngx_messaging_redis_reply_pt handler, void *data);


/*
 * The variables of the key are those of a call that is never made: it knows
 * the user and the conversation, and there may be no request any longer.
 */

ngx_int_t
ngx_http_messaging_ask_redis(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_messaging_redis_reply_pt handler, void *data)
{
    ngx_int_t                   rc;
    ngx_str_t                   key;
    ngx_http_messaging_call_t  *call;

    call = ngx_http_messaging_call_create(s->connection, s->conf, &s->user,
                                          conversation);
    if (call == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_messaging_ask_key(s, call, &key);

    if (rc == NGX_OK) {
        rc = ngx_http_messaging_ask_sismember(s, call->pool, &key, handler,
                                              data);
    }

    ngx_http_messaging_call_cancel(call);

    return rc;
}


static ngx_int_t
ngx_http_messaging_ask_key(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_str_t *key)
{
    if (ngx_http_complex_value(call->request, s->conf->access_key, key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (key->len == 0) {
        ngx_log_error(NGX_LOG_ERR, s->connection->log, 0,
                      "messaging access check has an empty key");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_ask_sismember(ngx_http_messaging_session_t *s,
    ngx_pool_t *pool, ngx_str_t *key, ngx_messaging_redis_reply_pt handler,
    void *data)
{
    u_char     *dst, *src;
    ngx_int_t   rc;
    ngx_str_t   argv[3];

    /* the user as text, and not as it stands in names of channels */

    dst = ngx_pnalloc(pool, s->user.len);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "SISMEMBER");
    argv[1] = *key;
    argv[2].data = dst;

    src = s->user.data;
    ngx_unescape_uri(&dst, &src, s->user.len, 0);

    argv[2].len = dst - argv[2].data;

    rc = ngx_messaging_redis_command(s->worker->broker->redis, 3, argv,
                                     handler, data);
    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging access check failed: Redis is %s",
                      rc == NGX_BUSY ? "behind" : "not there");
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_messaging_ask_member(ngx_http_messaging_session_t *s,
    ngx_messaging_resp_reply_t *reply)
{
    if (reply == NULL) {
        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging access check failed: "
                      "the connection to Redis was lost");
        return NGX_ERROR;
    }

    if (reply->type == REDIS_REPLY_INTEGER
        && (reply->integer == 0 || reply->integer == 1))
    {
        return reply->integer ? NGX_OK : NGX_DECLINED;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_ERR, s->connection->log, 0,
                      "messaging access check failed: Redis says \"%V\"",
                      &reply->str);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_ERR, s->connection->log, 0,
                  "messaging access check failed: "
                  "Redis has answered with no number");

    return NGX_ERROR;
}
