
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_ask.h"
#include "ngx_http_messaging_check.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_publish.h"
#include "ngx_http_messaging_recheck.h"


static char *ngx_http_messaging_check_length(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf);
static char *ngx_http_messaging_check_target(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf);
static char *ngx_http_messaging_check_store(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf);


char *
ngx_http_messaging_check_location(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_messaging_main_conf_t  *mmcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_messaging_module);

    if (conf->keys == NULL && conf->jwks == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has \"messaging on\", but no key "
                           "to verify tokens with: write for example "
                           "\"messaging_jwt_key HS256 /etc/nginx/jwt.key;\" "
                           "or \"messaging_jwt_jwks <file>;\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (conf->access == NGX_CONF_UNSET_UINT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has \"messaging on\", but does "
                           "not say who may enter: write \"messaging_access "
                           "claim=<name>;\", or \"messaging_access any;\" to "
                           "let in everybody with a valid token",
                           &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (conf->max_message == 0 || conf->send_buffer == 0
        || conf->typing_timeout == 0 || conf->close_timeout == 0
        || conf->max_fragments == 0 || conf->max_pongs == 0
        || conf->access_timeout == 0 || conf->store_timeout == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_max_message\", "
                           "\"messaging_send_buffer\", "
                           "\"messaging_typing_timeout\", "
                           "\"messaging_close_timeout\", "
                           "\"messaging_max_fragments\", "
                           "\"messaging_max_pongs\", "
                           "\"messaging_access_timeout\" and "
                           "\"messaging_store_timeout\" must not be 0");
        return NGX_CONF_ERROR;
    }

    if (conf->access_recheck
        && (conf->access_recheck < NGX_HTTP_MESSAGING_RECHECK_MIN
            || conf->access_recheck > NGX_HTTP_MESSAGING_RECHECK_MAX))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_access_recheck\" must be 0 or "
                           "between 1s and 7d");
        return NGX_CONF_ERROR;
    }

    if (conf->ping_interval && conf->ping_timeout == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_ping_timeout\" must not be 0: "
                           "\"messaging_ping_interval 0\" switches pings off");
        return NGX_CONF_ERROR;
    }

    if ((clcf->handler && !clcf->noname
         && clcf->handler != ngx_http_messaging_handshake_handler)
        || conf->status)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has \"messaging on\" and another "
                           "handler, such as \"proxy_pass\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_messaging_check_length(cf, conf) != NGX_CONF_OK
        || ngx_http_messaging_check_target(cf, conf) != NGX_CONF_OK
        || ngx_http_messaging_check_store(cf, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    conf->endpoint = conf->conversation ? NGX_HTTP_MESSAGING_ENDPOINT_ONE
                     : conf->channel ? NGX_HTTP_MESSAGING_ENDPOINT_CHANNEL
                     : NGX_HTTP_MESSAGING_ENDPOINT_MANY;

    if (conf->user_connections || conf->address_connections) {
        mmcf->quotas = 1;
    }

    if (conf->access == NGX_HTTP_MESSAGING_ACCESS_REDIS) {
        mmcf->sets = 1;
    }

    if (conf->access_cache && ngx_http_messaging_asks(conf)) {
        mmcf->verdicts = 1;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_messaging_check_publish(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->publish == NGX_HTTP_MESSAGING_PUBLISH_BATCH) {

        if (conf->conversation || conf->channel) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "location \"%V\" has \"messaging_publish "
                               "batch\", where the body says where to, and "
                               "\"messaging_conversation\" or "
                               "\"messaging_channel\"", &clcf->name);
            return NGX_CONF_ERROR;
        }

    } else if (conf->conversation == NULL && conf->channel == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has \"messaging_publish on\", but "
                           "does not say where to: write "
                           "\"messaging_conversation\" or "
                           "\"messaging_channel\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    if ((clcf->handler && !clcf->noname
         && clcf->handler != ngx_http_messaging_publish_handler)
        || conf->status)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has \"messaging_publish %s\" and "
                           "another handler, such as \"proxy_pass\"",
                           &clcf->name,
                           (conf->publish == NGX_HTTP_MESSAGING_PUBLISH_BATCH)
                           ? "batch" : "on");
        return NGX_CONF_ERROR;
    }

    if (conf->max_message == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_max_message\" must not be 0");
        return NGX_CONF_ERROR;
    }

    if (ngx_http_messaging_check_length(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_messaging_check_target(cf, conf);
}


char *
ngx_http_messaging_check_control(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->conversation || conf->channel) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has \"messaging_control on\" and "
                           "\"messaging_conversation\" or "
                           "\"messaging_channel\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    if ((clcf->handler && !clcf->noname
         && clcf->handler != ngx_http_messaging_publish_handler)
        || conf->status || conf->publish)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has \"messaging_control on\" and "
                           "another handler, such as \"proxy_pass\"",
                           &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (conf->max_message == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_max_message\" must not be 0");
        return NGX_CONF_ERROR;
    }

    return ngx_http_messaging_check_length(cf, conf);
}


static char *
ngx_http_messaging_check_length(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf)
{
    ngx_http_messaging_main_conf_t  *mmcf;

    /* a longer one could never be published */

    if (conf->max_message > NGX_MESSAGING_REDIS_MAX_OUT / 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_max_message\" must not be over %uzm",
                           (size_t) NGX_MESSAGING_REDIS_MAX_OUT / 2 / 1048576);
        return NGX_CONF_ERROR;
    }

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_messaging_module);
    mmcf->max_message = ngx_max(mmcf->max_message, conf->max_message);

    return NGX_CONF_OK;
}


/* what has no variables is known to be wrong before the first client comes */

static char *
ngx_http_messaging_check_target(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (conf->conversation && conf->channel) {
        clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has both \"messaging_conversation\""
                           " and \"messaging_channel\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (conf->conversation && conf->conversation->lengths == NULL
        && !ngx_messaging_conversation_valid(&conf->conversation->value))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid conversation \"%V\", it must be 1 to 128 "
                           "characters of [A-Za-z0-9_.-]",
                           &conf->conversation->value);
        return NGX_CONF_ERROR;
    }

    if (conf->channel && conf->channel->lengths == NULL
        && !ngx_messaging_channel_valid(&conf->channel->value))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid channel \"%V\", it must be 1 to 512 "
                           "characters of [A-Za-z0-9_.:%%-] with a colon",
                           &conf->channel->value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_messaging_check_store(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_messaging_main_conf_t  *mmcf;

    if (conf->store_stream == NULL) {
        return NGX_CONF_OK;
    }

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_messaging_module);

    if (mmcf->redis == NULL) {
        clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has \"messaging_store stream=\", "
                           "but there is no \"messaging_redis\"",
                           &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (conf->store_limit == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_store_stream_limit\" must not be 0");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
