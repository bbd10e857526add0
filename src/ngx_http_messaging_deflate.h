
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_DEFLATE_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_DEFLATE_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * ngx_http_messaging_deflate_accept() takes the first acceptable offer of
 * permessage-deflate and adds the answer to the 101: NGX_OK, if there was none
 * as well, or NGX_ERROR.
 *
 * ngx_http_messaging_deflate_inflate() puts what a compressed message says in
 * place of its payload: NGX_OK, a close code, or NGX_ERROR.  The text lies in
 * the buffer of the worker.
 *
 * ngx_http_messaging_deflate_send() sends a frame to a session with a context
 * of its own, compressed if that makes it smaller.
 * ngx_http_messaging_deflate_idle() gives the context up if it was not used
 * for long; ngx_http_messaging_deflate_wait() returns the time until then.
 * ngx_http_messaging_deflate_free() frees all that is kept for a session.
 */

ngx_int_t ngx_http_messaging_deflate_accept(ngx_http_request_t *r);
ngx_int_t ngx_http_messaging_deflate_inflate(ngx_http_messaging_session_t *s,
    ngx_str_t *text);
void ngx_http_messaging_deflate_send(ngx_http_messaging_session_t *s,
    ngx_messaging_message_t *m);
void ngx_http_messaging_deflate_idle(ngx_http_messaging_session_t *s);
ngx_msec_int_t ngx_http_messaging_deflate_wait(
    ngx_http_messaging_session_t *s);
void ngx_http_messaging_deflate_free(ngx_http_messaging_session_t *s);


#endif /* _NGX_HTTP_MESSAGING_DEFLATE_H_INCLUDED_ */
