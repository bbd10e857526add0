
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_GUARD_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_GUARD_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * ngx_http_messaging_guard_add() notes the location that is being read, one
 * with "messaging_publish on" or "messaging_control on".  NGX_OK or NGX_ERROR.
 *
 * ngx_http_messaging_guard_check() warns of those that anybody may publish
 * to; for the postconfiguration, when all modules have merged.
 */

ngx_int_t ngx_http_messaging_guard_add(ngx_conf_t *cf,
    ngx_http_messaging_main_conf_t *mmcf, const char *directive);
void ngx_http_messaging_guard_check(ngx_conf_t *cf,
    ngx_http_messaging_main_conf_t *mmcf);


#endif /* _NGX_HTTP_MESSAGING_GUARD_H_INCLUDED_ */
