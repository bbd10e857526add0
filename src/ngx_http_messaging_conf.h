
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_CONF_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_CONF_H_INCLUDED_


#include "ngx_http_messaging.h"


/* setters of directives, see ngx_http_messaging_module.c */

char *ngx_http_messaging_conf_enable(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_publish(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_control(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_broker(ngx_conf_t *cf,
    ngx_http_messaging_main_conf_t *mmcf);
char *ngx_http_messaging_conf_redis(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_prefix(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_jwt_jwks(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_jwt_from(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_jwt_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_store(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_store_read(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_events(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_init_events(ngx_conf_t *cf,
    ngx_http_messaging_main_conf_t *mmcf);
ngx_http_complex_value_t *ngx_http_messaging_conf_uri(ngx_conf_t *cf,
    ngx_str_t *uri);
char *ngx_http_messaging_conf_access(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_origins(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_messaging_conf_rate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_messaging_conf_merge_rate(ngx_http_messaging_rate_t *conf,
    ngx_http_messaging_rate_t *prev, ngx_uint_t rate, ngx_uint_t burst);


/* of defaults.c, in which directives get their values where none is written */

void *ngx_http_messaging_create_main_conf(ngx_conf_t *cf);
char *ngx_http_messaging_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_messaging_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_messaging_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


/*
 * ngx_http_messaging_conf_watch_jwks() looks after the JWK set files of a
 * worker: one that has changed is read again, and one that cannot be used is
 * logged and leaves the keys in force as they are.  NGX_OK or NGX_ERROR.
 * ngx_http_messaging_conf_release_jwks() ends that.
 */

#define NGX_HTTP_MESSAGING_JWKS_INTERVAL  2000

ngx_int_t ngx_http_messaging_conf_watch_jwks(ngx_cycle_t *cycle,
    ngx_http_messaging_main_conf_t *mmcf);
void ngx_http_messaging_conf_release_jwks(
    ngx_http_messaging_main_conf_t *mmcf);

/* of keys.c, for conf.c: a set that is released with the configuration */

ngx_messaging_jwks_t *ngx_http_messaging_conf_keys(ngx_conf_t *cf);


#endif /* _NGX_HTTP_MESSAGING_CONF_H_INCLUDED_ */
