
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_lag.h"


static uint64_t ngx_messaging_lag_hash(ngx_str_t *text);


ngx_messaging_lag_bucket_t  ngx_messaging_lag_buckets[] = {
    { 1000, "0.001" },
    { 5000, "0.005" },
    { 25000, "0.025" },
    { 100000, "0.1" },
    { 500000, "0.5" },
    { 2000000, "2" },
    { 0, "+Inf" }
};


ngx_int_t
ngx_messaging_lag_due(ngx_messaging_lag_t *lag, ngx_msec_t msec)
{
    if (lag->used && msec - lag->time < NGX_MESSAGING_LAG_INTERVAL) {
        return NGX_AGAIN;
    }

    if (!lag->out) {
        return NGX_OK;
    }

    if (msec - lag->time < NGX_MESSAGING_LAG_TIMEOUT) {
        return NGX_AGAIN;
    }

    lag->out = 0;

    return NGX_ABORT;
}


void
ngx_messaging_lag_send(ngx_messaging_lag_t *lag, ngx_str_t *channel,
    ngx_str_t *payload, ngx_msec_t msec, uint64_t ns)
{
    lag->sent = ns;
    lag->channel = ngx_messaging_lag_hash(channel);
    lag->payload = ngx_messaging_lag_hash(payload);
    lag->len = payload->len;
    lag->time = msec;
    lag->used = 1;
    lag->out = 1;
}


ngx_int_t
ngx_messaging_lag_receive(ngx_messaging_lag_t *lag, ngx_str_t *channel,
    ngx_str_t *payload, uint64_t ns, uint64_t *us)
{
    if (!lag->out
        || payload->len != lag->len
        || ngx_messaging_lag_hash(channel) != lag->channel
        || ngx_messaging_lag_hash(payload) != lag->payload)
    {
        return NGX_DECLINED;
    }

    lag->out = 0;
    *us = ns > lag->sent ? (ns - lag->sent) / 1000 : 0;

    return NGX_OK;
}


void
ngx_messaging_lag_leave(ngx_messaging_lag_t *lag, ngx_str_t *channel)
{
    if (lag->out && ngx_messaging_lag_hash(channel) == lag->channel) {
        lag->out = 0;
    }
}


void
ngx_messaging_lag_forget(ngx_messaging_lag_t *lag)
{
    lag->out = 0;
}


ngx_uint_t
ngx_messaging_lag_bucket(uint64_t us)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESSAGING_LAG_BUCKETS - 1; i++) {
        if (us <= ngx_messaging_lag_buckets[i].bound) {
            break;
        }
    }

    return i;
}


/* FNV-1a: who forges a collision has falsified one sample */

static uint64_t
ngx_messaging_lag_hash(ngx_str_t *text)
{
    size_t    i;
    uint64_t  hash;

    hash = 0xcbf29ce484222325ULL;

    for (i = 0; i < text->len; i++) {
        hash = (hash ^ text->data[i]) * 0x100000001b3ULL;
    }

    return hash;
}
