
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_ACCESS_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_ACCESS_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * ngx_http_messaging_access_check() tells whether the user with the access
 * claim "claim" (NULL: the token has none) may enter the conversation, or the
 * channel, "id": NGX_OK or NGX_DECLINED.
 *
 * ngx_http_messaging_access_origin() tells the same of a page: "origin" is
 * the value of the header, NULL if there was none, "is_explicit" that the
 * token is one that a browser does not send by itself.
 */

ngx_int_t ngx_http_messaging_access_check(ngx_http_messaging_loc_conf_t *conf,
    json_t *claim, ngx_str_t *id);
ngx_int_t ngx_http_messaging_access_origin(ngx_http_request_t *r,
    ngx_http_messaging_loc_conf_t *conf, ngx_str_t *origin,
    ngx_uint_t is_explicit);


#endif /* _NGX_HTTP_MESSAGING_ACCESS_H_INCLUDED_ */
