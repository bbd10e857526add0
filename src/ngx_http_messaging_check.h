
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_CHECK_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_CHECK_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * What is wrong with a location that has "messaging on",
 * "messaging_publish on" or "messaging_control on", is said by "nginx -t":
 * NGX_CONF_OK or NGX_CONF_ERROR.
 */

char *ngx_http_messaging_check_location(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf);
char *ngx_http_messaging_check_publish(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf);
char *ngx_http_messaging_check_control(ngx_conf_t *cf,
    ngx_http_messaging_loc_conf_t *conf);


#endif /* _NGX_HTTP_MESSAGING_CHECK_H_INCLUDED_ */
