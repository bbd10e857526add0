
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_REFUSE_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_REFUSE_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/* RFC 9110, section 15.5.22 */
#define NGX_HTTP_MESSAGING_UPGRADE_REQUIRED  426


/*
 * Both count the refusal as "stat", log it at info, and return what the
 * content handler is to return.
 *
 * ngx_http_messaging_refuse_request() is for a request that is wrong as HTTP:
 * it is answered with "status".
 *
 * ngx_http_messaging_refuse_session() is for who is not let in: the 101, then
 * Close "code" with "reason", or 401, 403 or 503 with "messaging_reject
 * http".
 */

ngx_int_t ngx_http_messaging_refuse_request(ngx_http_request_t *r,
    ngx_http_messaging_worker_t *worker, ngx_uint_t stat, ngx_int_t status);
ngx_int_t ngx_http_messaging_refuse_session(ngx_http_messaging_session_t *s,
    ngx_uint_t stat, ngx_uint_t code, const char *reason);


#endif /* _NGX_HTTP_MESSAGING_REFUSE_H_INCLUDED_ */
