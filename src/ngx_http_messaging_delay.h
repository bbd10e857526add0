
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_DELAY_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_DELAY_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * ngx_http_messaging_delay_next() notes a refusal and returns how many ms it
 * has to wait; 0: none.
 *
 * ngx_http_messaging_delay_close() makes a session wait that is to be opened
 * next, ngx_http_messaging_delay_status() one that is answered with a status;
 * it returns what the content handler is to return.
 *
 * ngx_http_messaging_delay_end() ends the wait if it is due; it may finalize
 * the request.  ngx_http_messaging_delay_flush() ends that of all sessions
 * that are open.  ngx_http_messaging_delay_forget() is for a session that
 * ends.
 */

ngx_msec_t ngx_http_messaging_delay_next(ngx_http_messaging_session_t *s,
    ngx_uint_t code);
ngx_int_t ngx_http_messaging_delay_close(ngx_http_messaging_session_t *s,
    ngx_msec_t delay, ngx_uint_t code, const char *reason);
ngx_int_t ngx_http_messaging_delay_status(ngx_http_messaging_session_t *s,
    ngx_msec_t delay, ngx_int_t status);
void ngx_http_messaging_delay_end(ngx_http_messaging_session_t *s);
void ngx_http_messaging_delay_flush(ngx_http_messaging_worker_t *worker);
void ngx_http_messaging_delay_forget(ngx_http_messaging_session_t *s);


#endif /* _NGX_HTTP_MESSAGING_DELAY_H_INCLUDED_ */
