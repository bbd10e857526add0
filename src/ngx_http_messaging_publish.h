
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_PUBLISH_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_PUBLISH_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * ngx_http_messaging_publish_handler() is the content handler of a location
 * with "messaging_publish" or "messaging_control".
 *
 * ngx_http_messaging_publish_read() finds the body of a request, which is in
 * one piece: NGX_OK, or what the request is to be finalized with.  If "pool"
 * is not that of the request it is a copy.
 *
 * ngx_http_messaging_publish_reply() answers with a body of JSON that lives as
 * long as the request.  ngx_http_messaging_publish_refuse() counts and logs
 * what is refused; ngx_http_messaging_publish_error() also answers with a body
 * that says why, and of which publication unless "index" is
 * NGX_MESSAGING_BATCH_NONE.  All of them return what the request is to be
 * finalized with.
 */

ngx_int_t ngx_http_messaging_publish_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_messaging_publish_read(ngx_http_request_t *r,
    ngx_pool_t *pool, size_t max, ngx_str_t *text);
ngx_int_t ngx_http_messaging_publish_reply(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *body);
ngx_int_t ngx_http_messaging_publish_refuse(ngx_http_request_t *r,
    ngx_uint_t stat);
ngx_int_t ngx_http_messaging_publish_error(ngx_http_request_t *r,
    ngx_uint_t stat, const char *error, ngx_uint_t index);


#endif /* _NGX_HTTP_MESSAGING_PUBLISH_H_INCLUDED_ */
