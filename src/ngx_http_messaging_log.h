
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_LOG_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_LOG_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * Keeps tokens in query strings out of the logs, once there is a messaging
 * location: of all servers, since who is refused early has none yet.
 *
 * ngx_http_messaging_log_post_read() sees to it that whatever nginx adds to a
 * line of error.log is masked from then on; ngx_http_messaging_log_handler()
 * runs before the access log, also for requests that were refused before they
 * had a location.  Nothing is masked where it lies: requests of other locations
 * reach their backends as they came.
 *
 * ngx_http_messaging_log_mask() returns a copy of "text" in which the values
 * of token arguments are asterisks, or "text" itself if it has none.  NGX_OK
 * or NGX_ERROR.
 */

ngx_int_t ngx_http_messaging_log_post_read(ngx_http_request_t *r);
ngx_int_t ngx_http_messaging_log_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_messaging_log_mask(ngx_http_request_t *r, ngx_str_t *text,
    ngx_str_t *masked);


#endif /* _NGX_HTTP_MESSAGING_LOG_H_INCLUDED_ */
