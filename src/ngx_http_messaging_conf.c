
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_conf.h"
#include "ngx_http_messaging_guard.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_publish.h"
#include "ngx_http_messaging_status.h"
#include "ngx_messaging_broker_local.h"


#define NGX_HTTP_MESSAGING_MAX_PREFIX  128
#define NGX_HTTP_MESSAGING_MAX_RATE    1000000

/* a record of the broker without Redis holds a bit more */
#define NGX_HTTP_MESSAGING_LOCAL_MAX   ((size_t) 960 * 1024)


static char *ngx_http_messaging_conf_post(ngx_conf_t *cf,
    const char *directive);
static ngx_http_complex_value_t *ngx_http_messaging_conf_template(
    ngx_conf_t *cf, ngx_str_t *text);


char *
ngx_http_messaging_conf_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    char                            *rv;
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_messaging_main_conf_t  *mmcf;

    rv = ngx_conf_set_flag_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK || !mlcf->enable) {
        return rv;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "comes after another handler of the location, "
               "such as \"proxy_pass\"";
    }

    clcf->handler = ngx_http_messaging_handshake_handler;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_messaging_module);
    mmcf->enabled = 1;

    return NGX_CONF_OK;
}


char *
ngx_http_messaging_conf_publish(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    char  *rv;

    rv = ngx_conf_set_enum_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK || mlcf->publish == NGX_HTTP_MESSAGING_PUBLISH_OFF) {
        return rv;
    }

    return ngx_http_messaging_conf_post(cf,
                         (mlcf->publish == NGX_HTTP_MESSAGING_PUBLISH_BATCH)
                         ? "messaging_publish batch" : "messaging_publish on");
}


char *
ngx_http_messaging_conf_control(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    char  *rv;

    rv = ngx_conf_set_flag_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK || !mlcf->control) {
        return rv;
    }

    return ngx_http_messaging_conf_post(cf, "messaging_control on");
}


/* a location that a backend posts to */

static char *
ngx_http_messaging_conf_post(ngx_conf_t *cf, const char *directive)
{
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_messaging_main_conf_t  *mmcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "comes after another handler of the location, "
               "such as \"proxy_pass\"";
    }

    clcf->handler = ngx_http_messaging_publish_handler;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_messaging_module);
    mmcf->enabled = 1;

    return ngx_http_messaging_guard_add(cf, mmcf, directive) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_messaging_conf_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    char                      *rv;
    ngx_http_core_loc_conf_t  *clcf;

    rv = ngx_conf_set_flag_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK || !mlcf->status) {
        return rv;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_messaging_status_handler;

    return NGX_CONF_OK;
}


/* at the end of the http block, when all locations are known */

char *
ngx_http_messaging_conf_broker(ngx_conf_t *cf,
    ngx_http_messaging_main_conf_t *mmcf)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (mmcf->redis) {
        clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

        mmcf->redis->resolver = clcf->resolver;
        mmcf->redis->resolver_timeout = clcf->resolver_timeout;

        return ngx_messaging_redis_resolve(cf, mmcf->redis);
    }

    if (mmcf->sets) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_access redis=\" needs "
                           "\"messaging_redis\"");
        return NGX_CONF_ERROR;
    }

    /* without Redis the zone needs room for this */

    mmcf->record = mmcf->max_message + NGX_MESSAGING_BROKER_LOCAL_HEADER;

    if (mmcf->max_message > NGX_HTTP_MESSAGING_LOCAL_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"messaging_max_message\" must not be over %uzk "
                           "without \"messaging_redis\"",
                           NGX_HTTP_MESSAGING_LOCAL_MAX / 1024);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* messaging_redis url */

char *
ngx_http_messaging_conf_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_messaging_main_conf_t *mmcf = conf;

    u_char                      *buf;
    ngx_str_t                   *value;
    const char                  *error;
    ngx_messaging_redis_conf_t  *redis;

    if (mmcf->redis) {
        return "is duplicate";
    }

    value = cf->args->elts;

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_messaging_redis_conf_t));
    buf = ngx_pnalloc(cf->pool, value[1].len + NGX_MESSAGING_URL_EXTRA);

    if (redis == NULL || buf == NULL) {
        return NGX_CONF_ERROR;
    }

    error = ngx_messaging_url_parse(&redis->url, &value[1], buf);

    if (error) {
        /* not the URL: it may hold a password */
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL of \"messaging_redis\": %s", error);
        return NGX_CONF_ERROR;
    }

    mmcf->redis = redis;

    return NGX_CONF_OK;
}


char *
ngx_http_messaging_conf_prefix(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_messaging_main_conf_t *mmcf = conf;

    size_t      i;
    ngx_str_t  *value;

    if (mmcf->prefix.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len > NGX_HTTP_MESSAGING_MAX_PREFIX) {
        return "is longer than 128 characters";
    }

    for (i = 0; i < value[1].len; i++) {
        if (value[1].data[i] <= ' ' || value[1].data[i] >= 0x7f) {
            return "has a space or a character that is not printable ASCII";
        }
    }

    mmcf->prefix = value[1];

    return NGX_CONF_OK;
}


/* messaging_zone name:size */

char *
ngx_http_messaging_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_messaging_main_conf_t *mmcf = conf;

    u_char     *p;
    ssize_t     size;
    ngx_str_t  *value, name, text;

    if (mmcf->zone.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    p = (u_char *) ngx_strchr(value[1].data, ':');

    if (p == NULL || p == value[1].data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", it must be name:size",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data;
    name.len = p - name.data;

    text.data = p + 1;
    text.len = value[1].data + value[1].len - text.data;

    size = ngx_parse_size(&text);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    mmcf->zone = name;

    return ngx_messaging_shm_add(cf, &name, size, &ngx_http_messaging_module,
                                 &mmcf->shm, &mmcf->quotas, &mmcf->verdicts,
                                 &mmcf->record, &mmcf->events);
}


/* messaging_jwt_from header query=name cookie=name subprotocol */

char *
ngx_http_messaging_conf_jwt_from(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    ngx_str_t                       *value, *argument;
    ngx_uint_t                       i;
    ngx_http_messaging_source_t     *source;
    ngx_http_messaging_main_conf_t  *mmcf;

    if (mlcf->sources != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_messaging_module);

    mlcf->sources = ngx_array_create(cf->pool, 4,
                                     sizeof(ngx_http_messaging_source_t));
    if (mlcf->sources == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        source = ngx_array_push(mlcf->sources);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_str_null(&source->name);

        if (ngx_strcmp(value[i].data, "header") == 0) {
            source->from = NGX_HTTP_MESSAGING_FROM_HEADER;
            continue;
        }

        if (ngx_strcmp(value[i].data, "subprotocol") == 0) {
            source->from = NGX_HTTP_MESSAGING_FROM_SUBPROTOCOL;
            continue;
        }

        if (value[i].len > 6 && ngx_strncmp(value[i].data, "query=", 6) == 0) {
            source->from = NGX_HTTP_MESSAGING_FROM_QUERY;
            source->name.data = value[i].data + 6;
            source->name.len = value[i].len - 6;

            argument = ngx_array_push(&mmcf->arguments);
            if (argument == NULL) {
                return NGX_CONF_ERROR;
            }

            *argument = source->name;
            continue;
        }

        if (value[i].len > 7
            && ngx_strncmp(value[i].data, "cookie=", 7) == 0)
        {
            source->from = NGX_HTTP_MESSAGING_FROM_COOKIE;
            source->name.data = value[i].data + 7;
            source->name.len = value[i].len - 7;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid source \"%V\", it must be \"header\", "
                           "\"query=name\", \"cookie=name\" or "
                           "\"subprotocol\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* messaging_jwt_require claim=value ... */

char *
ngx_http_messaging_conf_jwt_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    u_char                       *p;
    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_messaging_jwt_require_t  *require;

    if (mlcf->require == NGX_CONF_UNSET_PTR) {
        mlcf->require = ngx_array_create(cf->pool, 4,
                                         sizeof(ngx_messaging_jwt_require_t));
        if (mlcf->require == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        p = (u_char *) ngx_strchr(value[i].data, '=');

        if (p == NULL || p == value[i].data) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid requirement \"%V\", "
                               "it must be claim=value", &value[i]);
            return NGX_CONF_ERROR;
        }

        require = ngx_array_push(mlcf->require);
        if (require == NULL) {
            return NGX_CONF_ERROR;
        }

        *p++ = '\0';

        require->name.data = value[i].data;
        require->name.len = p - 1 - value[i].data;
        require->value.data = p;
        require->value.len = value[i].data + value[i].len - p;
    }

    return NGX_CONF_OK;
}


/* messaging_access any | claim=name | request=uri | redis=key */

char *
ngx_http_messaging_conf_access(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    ngx_str_t  *value, text;

    if (mlcf->access != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "any") == 0) {
        mlcf->access = NGX_HTTP_MESSAGING_ACCESS_ANY;
        return NGX_CONF_OK;
    }

    if (value[1].len > 6 && ngx_strncmp(value[1].data, "claim=", 6) == 0) {
        mlcf->access = NGX_HTTP_MESSAGING_ACCESS_CLAIM;
        mlcf->access_claim.data = value[1].data + 6;
        mlcf->access_claim.len = value[1].len - 6;
        return NGX_CONF_OK;
    }

    if (value[1].len > 8 && ngx_strncmp(value[1].data, "request=", 8) == 0) {
        text.data = value[1].data + 8;
        text.len = value[1].len - 8;

        mlcf->access = NGX_HTTP_MESSAGING_ACCESS_REQUEST;
        mlcf->access_uri = ngx_http_messaging_conf_uri(cf, &text);

        return mlcf->access_uri ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (value[1].len > 6 && ngx_strncmp(value[1].data, "redis=", 6) == 0) {
        text.data = value[1].data + 6;
        text.len = value[1].len - 6;

        mlcf->access = NGX_HTTP_MESSAGING_ACCESS_REDIS;
        mlcf->access_key = ngx_http_messaging_conf_template(cf, &text);

        return mlcf->access_key ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid access \"%V\", it must be \"any\", "
                       "\"claim=<name>\", \"request=<uri>\" or "
                       "\"redis=<key>\"", &value[1]);

    return NGX_CONF_ERROR;
}


/* messaging_store uri | stream=key | off */

char *
ngx_http_messaging_conf_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    ngx_str_t  *value, key;

    if (mlcf->store_uri != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        mlcf->store_uri = NULL;
        return NGX_CONF_OK;
    }

    if (value[1].len > 7 && ngx_strncmp(value[1].data, "stream=", 7) == 0) {
        key.data = value[1].data + 7;
        key.len = value[1].len - 7;

        mlcf->store_uri = NULL;
        mlcf->store_stream = ngx_http_messaging_conf_template(cf, &key);

        return mlcf->store_stream ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    mlcf->store_uri = ngx_http_messaging_conf_uri(cf, &value[1]);

    return mlcf->store_uri ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* messaging_store_read uri | off */

char *
ngx_http_messaging_conf_store_read(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    ngx_str_t  *value;

    if (mlcf->store_reads != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        mlcf->store_reads = 0;
        return NGX_CONF_OK;
    }

    mlcf->store_reads = 1;
    mlcf->store_read = ngx_http_messaging_conf_uri(cf, &value[1]);

    return mlcf->store_read ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* a template of the URI of a location */

ngx_http_complex_value_t *
ngx_http_messaging_conf_uri(ngx_conf_t *cf, ngx_str_t *uri)
{
    if (uri->len == 0 || (uri->data[0] != '/' && uri->data[0] != '$')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URI \"%V\": it must begin with a slash",
                           uri);
        return NULL;
    }

    return ngx_http_messaging_conf_template(cf, uri);
}


static ngx_http_complex_value_t *
ngx_http_messaging_conf_template(ngx_conf_t *cf, ngx_str_t *text)
{
    ngx_http_complex_value_t          *value;
    ngx_http_compile_complex_value_t   ccv;

    value = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (value == NULL) {
        return NULL;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = text;
    ccv.complex_value = value;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? value : NULL;
}


/* messaging_allowed_origins origin ... */

char *
ngx_http_messaging_conf_origins(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    u_char      *p;
    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    if (mlcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    mlcf->origins = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (mlcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        origin = ngx_array_push(mlcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];

        if (ngx_strcmp(value[i].data, "same") == 0
            || ngx_strcmp(value[i].data, "*") == 0)
        {
            continue;
        }

        /* RFC 6454, section 7: scheme://host[:port] and nothing behind */

        p = (u_char *) ngx_strstr(value[i].data, "://");

        if (p == NULL || p == value[i].data || p[3] == '\0'
            || ngx_strchr(p + 3, '/') != NULL)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\", it must be "
                               "scheme://host[:port], \"same\" or \"*\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* "off", or "20r/s" or "30r/m" and how much may come at once */

char *
ngx_http_messaging_conf_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    u_char                     *last;
    ngx_int_t                   rate, burst, scale;
    ngx_str_t                  *value, text;
    ngx_http_messaging_rate_t  *r;

    r = (ngx_http_messaging_rate_t *) (p + cmd->offset);

    if (r->rate != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        r->rate = 0;
        return NGX_CONF_OK;
    }

    text = value[1];
    last = text.data + text.len;
    scale = 0;

    if (text.len > 3 && ngx_strncmp(last - 3, "r/s", 3) == 0) {
        scale = 1;

    } else if (text.len > 3 && ngx_strncmp(last - 3, "r/m", 3) == 0) {
        scale = 60;
    }

    rate = scale ? ngx_atoi(text.data, text.len - 3) : NGX_ERROR;

    if (rate <= 0 || rate > NGX_HTTP_MESSAGING_MAX_RATE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid rate \"%V\", write it as 20r/s or 30r/m",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    r->rate = rate * 1000 / scale;
    r->burst = ngx_max(2 * rate / scale, 1);

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    text = value[2];
    burst = (text.len > 6 && ngx_strncmp(text.data, "burst=", 6) == 0)
            ? ngx_atoi(text.data + 6, text.len - 6) : NGX_ERROR;

    if (burst <= 0 || burst > NGX_HTTP_MESSAGING_MAX_RATE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[2]);
        return NGX_CONF_ERROR;
    }

    r->burst = burst;

    return NGX_CONF_OK;
}


/* the defaults are per second */

void
ngx_http_messaging_conf_merge_rate(ngx_http_messaging_rate_t *conf,
    ngx_http_messaging_rate_t *prev, ngx_uint_t rate, ngx_uint_t burst)
{
    if (conf->rate != NGX_CONF_UNSET_UINT) {
        return;
    }

    if (prev->rate == NGX_CONF_UNSET_UINT) {
        prev->rate = rate * 1000;
        prev->burst = burst;
    }

    *conf = *prev;
}
