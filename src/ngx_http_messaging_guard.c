
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_guard.h"


/*
 * Who may publish is said by nginx's own modules.  Their configurations are
 * known to nobody else, so they are found by the name of the module, and only
 * what they begin with is looked at: it has been the same for ten years.  The
 * worst that could come of a difference is a warning too many or too few.
 */


typedef struct {
    ngx_http_core_srv_conf_t    *server;
    ngx_http_core_loc_conf_t    *location;
    const char                  *directive;
    u_char                      *file;
    ngx_uint_t                   line;
} ngx_http_messaging_guard_t;


/* ngx_http_access_module: NULL or the rules, one array for each family */

#if (NGX_HAVE_INET6 && NGX_HAVE_UNIX_DOMAIN)
#define NGX_HTTP_MESSAGING_GUARD_FAMILIES  3
#elif (NGX_HAVE_INET6 || NGX_HAVE_UNIX_DOMAIN)
#define NGX_HTTP_MESSAGING_GUARD_FAMILIES  2
#else
#define NGX_HTTP_MESSAGING_GUARD_FAMILIES  1
#endif

typedef struct {
    ngx_array_t                 *rules[NGX_HTTP_MESSAGING_GUARD_FAMILIES];
} ngx_http_messaging_guard_access_t;


typedef struct {
    ngx_http_complex_value_t    *realm;
    ngx_http_complex_value_t    *user_file;
} ngx_http_messaging_guard_basic_t;


typedef struct {
    ngx_str_t                    uri;
} ngx_http_messaging_guard_request_t;


static ngx_uint_t ngx_http_messaging_guard_has(ngx_conf_t *cf,
    ngx_http_messaging_guard_t *guard);
static ngx_uint_t ngx_http_messaging_guard_access(ngx_conf_t *cf,
    void **loc_conf);
static ngx_uint_t ngx_http_messaging_guard_basic(ngx_conf_t *cf,
    void **loc_conf);
static ngx_uint_t ngx_http_messaging_guard_request(ngx_conf_t *cf,
    void **loc_conf);
static ngx_uint_t ngx_http_messaging_guard_ssl(ngx_conf_t *cf,
    void **srv_conf);
static void *ngx_http_messaging_guard_conf(ngx_conf_t *cf, const char *name,
    void **conf);


ngx_int_t
ngx_http_messaging_guard_add(ngx_conf_t *cf,
    ngx_http_messaging_main_conf_t *mmcf, const char *directive)
{
    ngx_http_messaging_guard_t  *guard;

    if (mmcf->publishers == NULL) {
        mmcf->publishers = ngx_array_create(cf->pool, 4,
                                          sizeof(ngx_http_messaging_guard_t));
        if (mmcf->publishers == NULL) {
            return NGX_ERROR;
        }
    }

    guard = ngx_array_push(mmcf->publishers);
    if (guard == NULL) {
        return NGX_ERROR;
    }

    guard->server = ngx_http_conf_get_module_srv_conf(cf,
                                                      ngx_http_core_module);
    guard->location = ngx_http_conf_get_module_loc_conf(cf,
                                                        ngx_http_core_module);
    guard->directive = directive;
    guard->file = cf->conf_file->file.name.data;
    guard->line = cf->conf_file->line;

    return NGX_OK;
}


void
ngx_http_messaging_guard_check(ngx_conf_t *cf,
    ngx_http_messaging_main_conf_t *mmcf)
{
    ngx_uint_t                   i;
    ngx_http_messaging_guard_t  *guard;

    if (mmcf->publishers == NULL) {
        return;
    }

    guard = mmcf->publishers->elts;

    for (i = 0; i < mmcf->publishers->nelts; i++) {

        if (ngx_http_messaging_guard_has(cf, &guard[i])) {
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "location \"%V\" has \"%s\" and "
                      "nothing that says who may publish, such as \"allow\" "
                      "and \"deny\", \"auth_basic\", \"auth_request\", "
                      "\"ssl_verify_client\" or \"internal\", in %s:%ui",
                      &guard[i].location->name, guard[i].directive,
                      guard[i].file, guard[i].line);
    }
}


static ngx_uint_t
ngx_http_messaging_guard_has(ngx_conf_t *cf, ngx_http_messaging_guard_t *guard)
{
    void                      **loc_conf;
    ngx_http_core_loc_conf_t   *clcf;

    clcf = guard->location;

    if (clcf->internal || clcf->named) {
        return 1;
    }

    /* "limit_except GET": a POST has a configuration of its own */

    loc_conf = (clcf->limit_except & NGX_HTTP_POST)
               ? clcf->limit_except_loc_conf : clcf->loc_conf;

    return ngx_http_messaging_guard_access(cf, loc_conf)
           || ngx_http_messaging_guard_basic(cf, loc_conf)
           || ngx_http_messaging_guard_request(cf, loc_conf)
           || ngx_http_messaging_guard_ssl(cf, guard->server->ctx->srv_conf);
}


/* "allow all" is an answer as well */

static ngx_uint_t
ngx_http_messaging_guard_access(ngx_conf_t *cf, void **loc_conf)
{
    ngx_uint_t                          i;
    ngx_http_messaging_guard_access_t  *conf;

    conf = ngx_http_messaging_guard_conf(cf, "ngx_http_access_module",
                                         loc_conf);
    if (conf == NULL) {
        return 0;
    }

    for (i = 0; i < NGX_HTTP_MESSAGING_GUARD_FAMILIES; i++) {
        if (conf->rules[i]) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_messaging_guard_basic(ngx_conf_t *cf, void **loc_conf)
{
    ngx_str_t                         *realm;
    ngx_http_messaging_guard_basic_t  *conf;

    conf = ngx_http_messaging_guard_conf(cf, "ngx_http_auth_basic_module",
                                         loc_conf);

    if (conf == NULL || conf->realm == NULL || conf->user_file == NULL) {
        return 0;
    }

    realm = &conf->realm->value;

    return conf->realm->lengths
           || realm->len != 3 || ngx_strncmp(realm->data, "off", 3) != 0;
}


static ngx_uint_t
ngx_http_messaging_guard_request(ngx_conf_t *cf, void **loc_conf)
{
    ngx_http_messaging_guard_request_t  *conf;

    conf = ngx_http_messaging_guard_conf(cf, "ngx_http_auth_request_module",
                                         loc_conf);

    return conf && conf->uri.len;
}


/* "optional" lets everybody in, and leaves the rest to the configuration */

static ngx_uint_t
ngx_http_messaging_guard_ssl(ngx_conf_t *cf, void **srv_conf)
{
    ngx_http_ssl_srv_conf_t  *conf;

    conf = ngx_http_messaging_guard_conf(cf, "ngx_http_ssl_module", srv_conf);

    return conf && conf->verify == 1;
}


static void *
ngx_http_messaging_guard_conf(ngx_conf_t *cf, const char *name, void **conf)
{
    ngx_uint_t     i;
    ngx_module_t  *module;

    for (i = 0; cf->cycle->modules[i]; i++) {
        module = cf->cycle->modules[i];

        if (module->type == NGX_HTTP_MODULE
            && ngx_strcmp(module->name, name) == 0)
        {
            return conf[module->ctx_index];
        }
    }

    return NULL;
}
