
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_conf.h"


#define NGX_HTTP_MESSAGING_EVENTS_MAXLEN    100000
#define NGX_HTTP_MESSAGING_EVENTS_INTERVAL  100         /* ms, at least */


static char *ngx_http_messaging_conf_events_stream(ngx_conf_t *cf,
    ngx_http_messaging_main_conf_t *mmcf);


/* messaging_events uri | stream=key [maxlen=number] | off */

char *
ngx_http_messaging_conf_events(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_messaging_main_conf_t *mmcf = conf;

    ngx_str_t  *value;

    if (mmcf->events_uri != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    mmcf->events_uri = NULL;

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "stream=", 7) == 0) {
        return ngx_http_messaging_conf_events_stream(cf, mmcf);
    }

    if (cf->args->nelts > 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    if (cf->cmd_type != NGX_HTTP_SRV_CONF) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_events %V\" must be in a server: the "
                           "URI is of a location there", &value[1]);
        return NGX_CONF_ERROR;
    }

    mmcf->events_server = ngx_http_conf_get_module_srv_conf(cf,
                                                        ngx_http_core_module);

    mmcf->events_uri = ngx_http_messaging_conf_uri(cf, &value[1]);

    return mmcf->events_uri ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_messaging_conf_events_stream(ngx_conf_t *cf,
    ngx_http_messaging_main_conf_t *mmcf)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;

    mmcf->events_stream.data = value[1].data + 7;
    mmcf->events_stream.len = value[1].len - 7;

    if (mmcf->events_stream.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"stream=\" must name a key");
        return NGX_CONF_ERROR;
    }

    mmcf->events_maxlen = NGX_HTTP_MESSAGING_EVENTS_MAXLEN;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    n = NGX_ERROR;

    if (ngx_strncmp(value[2].data, "maxlen=", 7) == 0) {
        n = ngx_atoi(value[2].data + 7, value[2].len - 7);
    }

    if (n == NGX_ERROR || n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    mmcf->events_maxlen = n;

    return NGX_CONF_OK;
}


char *
ngx_http_messaging_conf_init_events(ngx_conf_t *cf,
    ngx_http_messaging_main_conf_t *mmcf)
{
    ngx_conf_init_ptr_value(mmcf->events_uri, NULL);
    ngx_conf_init_msec_value(mmcf->events_delay, 10000);
    ngx_conf_init_msec_value(mmcf->events_interval, 1000);
    ngx_conf_init_msec_value(mmcf->events_lease, 30000);
    ngx_conf_init_uint_value(mmcf->events_batch, 100);
    ngx_conf_init_uint_value(mmcf->events_max, 16384);

    if (mmcf->events_uri == NULL && mmcf->events_stream.len == 0) {
        return NGX_CONF_OK;
    }

    if (mmcf->events_stream.len && mmcf->redis == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_events stream=%V\" needs "
                           "\"messaging_redis\"", &mmcf->events_stream);
        return NGX_CONF_ERROR;
    }

    if (mmcf->events_interval < NGX_HTTP_MESSAGING_EVENTS_INTERVAL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_events_interval\" must not be under "
                           "%dms", NGX_HTTP_MESSAGING_EVENTS_INTERVAL);
        return NGX_CONF_ERROR;
    }

    if (mmcf->events_lease < 3 * mmcf->events_interval) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_events_lease\" must be at least three "
                           "times \"messaging_events_interval\"");
        return NGX_CONF_ERROR;
    }

    mmcf->events = mmcf->events_max;

    return NGX_CONF_OK;
}
