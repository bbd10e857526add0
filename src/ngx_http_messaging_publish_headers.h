
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_PUBLISH_HEADERS_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_PUBLISH_HEADERS_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * What a POST says about its frame in header fields; empty: it does not.  The
 * strings are those of the request.
 *
 * ngx_http_messaging_publish_headers() finds them: NGX_OK; NGX_DECLINED, one
 * is not of its form or is there twice.
 */

typedef struct {
    ngx_str_t     user;           /* percent-encoded */
    ngx_str_t     connection;
    ngx_str_t     key;            /* of idempotency */
} ngx_http_messaging_publish_headers_t;


ngx_int_t ngx_http_messaging_publish_headers(ngx_http_request_t *r,
    ngx_http_messaging_publish_headers_t *h);


#endif /* _NGX_HTTP_MESSAGING_PUBLISH_HEADERS_H_INCLUDED_ */
