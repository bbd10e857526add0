
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_check.h"
#include "ngx_http_messaging_conf.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_publish.h"


/* what directives are when nobody has written them */


#define NGX_HTTP_MESSAGING_ZONE_SIZE  (16 * 1024 * 1024)


void *
ngx_http_messaging_create_main_conf(ngx_conf_t *cf)
{
    ngx_str_t                       *argument;
    ngx_http_messaging_main_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_messaging_main_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->redis = NULL;
     *     conf->prefix = { 0, NULL };
     *     conf->shm = NULL;
     *     conf->zone = { 0, NULL };
     *     conf->enabled = 0;
     *     conf->generation = 0;
     *     conf->quotas = 0;
     *     conf->sets = 0;
     *     conf->verdicts = 0;
     *     conf->max_message = 0;
     *     conf->record = 0;
     *     conf->events_server = NULL;
     *     conf->events_stream = { 0, NULL };
     *     conf->events_maxlen = 0;
     *     conf->events = 0;
     *     conf->publishers = NULL;
     *     conf->scheme_index = 0;
     *     conf->https_index = 0;
     *     conf->worker = NULL;
     *     conf->log_handler = NULL;
     */

    conf->max_connections = NGX_CONF_UNSET_UINT;
    conf->drain = NGX_CONF_UNSET_MSEC;
    conf->revoke_time = NGX_CONF_UNSET;
    conf->idempotency = NGX_CONF_UNSET;
    conf->max_queued = NGX_CONF_UNSET_SIZE;
    conf->deflate_level = NGX_CONF_UNSET;
    conf->deflate_min_length = NGX_CONF_UNSET_SIZE;
    conf->events_uri = NGX_CONF_UNSET_PTR;
    conf->events_delay = NGX_CONF_UNSET_MSEC;
    conf->events_interval = NGX_CONF_UNSET_MSEC;
    conf->events_lease = NGX_CONF_UNSET_MSEC;
    conf->events_batch = NGX_CONF_UNSET_UINT;
    conf->events_max = NGX_CONF_UNSET_UINT;

    if (ngx_array_init(&conf->jwks, cf->pool, 4,
                       sizeof(ngx_http_messaging_jwks_t *))
        != NGX_OK
        || ngx_array_init(&conf->arguments, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    argument = ngx_array_push(&conf->arguments);
    if (argument == NULL) {
        return NULL;
    }

    ngx_str_set(argument, "token");

    return conf;
}


char *
ngx_http_messaging_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_messaging_main_conf_t *mmcf = conf;

    ngx_conf_init_uint_value(mmcf->max_connections, 0);
    ngx_conf_init_msec_value(mmcf->drain, 10000);
    ngx_conf_init_value(mmcf->revoke_time, 24 * 3600);
    ngx_conf_init_value(mmcf->idempotency, 5 * 60);
    ngx_conf_init_size_value(mmcf->max_queued, 128 * 1024 * 1024);
    ngx_conf_init_value(mmcf->deflate_level, 1);
    ngx_conf_init_size_value(mmcf->deflate_min_length, 256);

    if (mmcf->prefix.data == NULL) {
        ngx_str_set(&mmcf->prefix, "messaging:");
    }

    if (ngx_http_messaging_conf_init_events(cf, mmcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (!mmcf->enabled) {
        return NGX_CONF_OK;
    }

    if (mmcf->zone.data) {
        return NGX_CONF_OK;
    }

    ngx_str_set(&mmcf->zone, "messaging");

    return ngx_messaging_shm_add(cf, &mmcf->zone,
                                 NGX_HTTP_MESSAGING_ZONE_SIZE,
                                 &ngx_http_messaging_module, &mmcf->shm,
                                 &mmcf->quotas, &mmcf->verdicts,
                                 &mmcf->record, &mmcf->events);
}


void *
ngx_http_messaging_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_messaging_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_messaging_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->conversation = NULL;
     *     conf->channel = NULL;
     *     conf->keys = NULL;
     *     conf->jwks = NULL;
     *     conf->user_claim = { 0, NULL };
     *     conf->name_claim = { 0, NULL };
     *     conf->access_claim = { 0, NULL };
     *     conf->access_uri = NULL;
     *     conf->access_key = NULL;
     *     conf->server = NULL;
     *     conf->store_stream = NULL;
     *     conf->store_body = NULL;
     *     conf->store_read = NULL;
     *     conf->store_read_body = NULL;
     *     conf->rate.burst = 0;
     *     conf->typing_rate.burst = 0;
     *     conf->endpoint = 0;
     *     conf->core = NULL;
     */

    conf->enable = NGX_CONF_UNSET;
    conf->publish = NGX_CONF_UNSET_UINT;
    conf->control = NGX_CONF_UNSET;
    conf->status = NGX_CONF_UNSET;
    conf->sources = NGX_CONF_UNSET_PTR;
    conf->require = NGX_CONF_UNSET_PTR;
    conf->leeway = NGX_CONF_UNSET;
    conf->access = NGX_CONF_UNSET_UINT;
    conf->access_timeout = NGX_CONF_UNSET_MSEC;
    conf->access_cache = NGX_CONF_UNSET_MSEC;
    conf->access_recheck = NGX_CONF_UNSET_MSEC;
    conf->store_uri = NGX_CONF_UNSET_PTR;
    conf->store_publish = NGX_CONF_UNSET;
    conf->store_timeout = NGX_CONF_UNSET_MSEC;
    conf->store_limit = NGX_CONF_UNSET_UINT;
    conf->store_reads = NGX_CONF_UNSET;
    conf->reject = NGX_CONF_UNSET_UINT;
    conf->origins = NGX_CONF_UNSET_PTR;
    conf->ping_interval = NGX_CONF_UNSET_MSEC;
    conf->ping_timeout = NGX_CONF_UNSET_MSEC;
    conf->max_message = NGX_CONF_UNSET_SIZE;
    conf->max_content = NGX_CONF_UNSET_UINT;
    conf->max_subscriptions = NGX_CONF_UNSET_UINT;
    conf->typing_timeout = NGX_CONF_UNSET_MSEC;
    conf->send_buffer = NGX_CONF_UNSET_SIZE;
    conf->close_timeout = NGX_CONF_UNSET_MSEC;
    conf->refuse_delay = NGX_CONF_UNSET;
    conf->user_connections = NGX_CONF_UNSET_UINT;
    conf->address_connections = NGX_CONF_UNSET_UINT;
    conf->rate.rate = NGX_CONF_UNSET_UINT;
    conf->typing_rate.rate = NGX_CONF_UNSET_UINT;
    conf->max_fragments = NGX_CONF_UNSET_UINT;
    conf->max_pongs = NGX_CONF_UNSET_UINT;
    conf->deflate = NGX_CONF_UNSET;
    conf->deflate_bits = NGX_CONF_UNSET;
    conf->deflate_takeover = NGX_CONF_UNSET_UINT;
    conf->detach = NGX_CONF_UNSET;

    return conf;
}


char *
ngx_http_messaging_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_messaging_loc_conf_t *prev = parent;
    ngx_http_messaging_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_messaging_source_t  *source;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* an "if" or "limit_except" is a part of its location */

    if (clcf->noname) {
        conf->enable = prev->enable;
        conf->publish = prev->publish;
        conf->control = prev->control;
        conf->conversation = prev->conversation;
        conf->channel = prev->channel;

        if (clcf->lmt_excpt && clcf->handler == NULL) {
            clcf->handler = (conf->enable == 1)
                            ? ngx_http_messaging_handshake_handler
                            : ((conf->publish != NGX_CONF_UNSET_UINT
                                && conf->publish)
                               || conf->control == 1)
                            ? ngx_http_messaging_publish_handler : NULL;
        }
    }

    conf->server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    conf->core = clcf;

    ngx_conf_merge_value(conf->enable, NGX_CONF_UNSET, 0);
    ngx_conf_merge_uint_value(conf->publish, NGX_CONF_UNSET_UINT,
                              NGX_HTTP_MESSAGING_PUBLISH_OFF);
    ngx_conf_merge_value(conf->control, NGX_CONF_UNSET, 0);
    ngx_conf_merge_value(conf->status, NGX_CONF_UNSET, 0);

    /* keys of a location replace those of the levels above it */

    if (conf->keys == NULL && conf->jwks == NULL) {
        conf->keys = prev->keys;
        conf->jwks = prev->jwks;
    }

    if (conf->sources == NGX_CONF_UNSET_PTR
        && prev->sources == NGX_CONF_UNSET_PTR)
    {
        prev->sources = ngx_array_create(cf->pool, 2,
                                         sizeof(ngx_http_messaging_source_t));
        if (prev->sources == NULL) {
            return NGX_CONF_ERROR;
        }

        source = ngx_array_push_n(prev->sources, 2);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        source[0].from = NGX_HTTP_MESSAGING_FROM_HEADER;
        ngx_str_null(&source[0].name);

        source[1].from = NGX_HTTP_MESSAGING_FROM_QUERY;
        ngx_str_set(&source[1].name, "token");
    }

    ngx_conf_merge_ptr_value(conf->sources, prev->sources, NULL);
    ngx_conf_merge_str_value(conf->user_claim, prev->user_claim, "user_id");
    ngx_conf_merge_str_value(conf->name_claim, prev->name_claim, "name");
    ngx_conf_merge_ptr_value(conf->require, prev->require, NULL);
    ngx_conf_merge_value(conf->leeway, prev->leeway, 0);

    if (conf->access == NGX_CONF_UNSET_UINT) {
        conf->access = prev->access;
        conf->access_claim = prev->access_claim;
        conf->access_uri = prev->access_uri;
        conf->access_key = prev->access_key;
    }

    ngx_conf_merge_msec_value(conf->access_timeout, prev->access_timeout,
                              5000);
    ngx_conf_merge_msec_value(conf->access_cache, prev->access_cache, 0);
    ngx_conf_merge_msec_value(conf->access_recheck, prev->access_recheck, 0);

    if (conf->store_uri == NGX_CONF_UNSET_PTR) {
        conf->store_stream = prev->store_stream;
    }

    ngx_conf_merge_ptr_value(conf->store_uri, prev->store_uri, NULL);
    ngx_conf_merge_value(conf->store_publish, prev->store_publish, 1);
    ngx_conf_merge_msec_value(conf->store_timeout, prev->store_timeout, 10000);

    ngx_conf_merge_uint_value(conf->store_limit, prev->store_limit, 100000);

    if (conf->store_body == NULL) {
        conf->store_body = prev->store_body;
    }

    if (conf->store_reads == NGX_CONF_UNSET) {
        conf->store_read = prev->store_read;
    }

    ngx_conf_merge_value(conf->store_reads, prev->store_reads, 1);

    if (conf->store_read_body == NULL) {
        conf->store_read_body = prev->store_read_body;
    }

    ngx_conf_merge_uint_value(conf->reject, prev->reject,
                              NGX_HTTP_MESSAGING_REJECT_CLOSE);
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_msec_value(conf->ping_interval, prev->ping_interval, 30000);
    ngx_conf_merge_msec_value(conf->ping_timeout, prev->ping_timeout, 10000);
    ngx_conf_merge_size_value(conf->max_message, prev->max_message, 65536);
    ngx_conf_merge_uint_value(conf->max_content, prev->max_content, 2000);
    ngx_conf_merge_uint_value(conf->max_subscriptions,
                              prev->max_subscriptions, 256);
    ngx_conf_merge_msec_value(conf->typing_timeout, prev->typing_timeout,
                              6000);
    ngx_conf_merge_size_value(conf->send_buffer, prev->send_buffer, 262144);
    ngx_conf_merge_msec_value(conf->close_timeout, prev->close_timeout, 5000);
    ngx_conf_merge_value(conf->refuse_delay, prev->refuse_delay, 1);
    ngx_conf_merge_uint_value(conf->user_connections, prev->user_connections,
                              0);
    ngx_conf_merge_uint_value(conf->address_connections,
                              prev->address_connections, 0);
    ngx_http_messaging_conf_merge_rate(&conf->rate, &prev->rate, 20, 40);
    ngx_http_messaging_conf_merge_rate(&conf->typing_rate, &prev->typing_rate,
                                       2, 8);
    ngx_conf_merge_uint_value(conf->max_fragments, prev->max_fragments, 256);
    ngx_conf_merge_uint_value(conf->max_pongs, prev->max_pongs, 16);
    ngx_conf_merge_value(conf->deflate, prev->deflate, 1);
    ngx_conf_merge_value(conf->deflate_bits, prev->deflate_bits, 15);
    ngx_conf_merge_uint_value(conf->deflate_takeover, prev->deflate_takeover,
                              NGX_HTTP_MESSAGING_TAKEOVER_OFF);
    ngx_conf_merge_value(conf->detach, prev->detach, 0);

    return conf->enable ? ngx_http_messaging_check_location(cf, conf)
           : conf->control ? ngx_http_messaging_check_control(cf, conf)
           : conf->publish ? ngx_http_messaging_check_publish(cf, conf)
           : NGX_CONF_OK;
}
