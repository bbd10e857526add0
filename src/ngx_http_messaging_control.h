
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_CONTROL_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_CONTROL_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"
#include "ngx_messaging_control.h"


/*
 * Control actions, carried out on the connections of this worker.
 *
 * ngx_http_messaging_control_create() prepares a worker whose broker has been
 * made and not started; ngx_http_messaging_control_free() ends it.
 *
 * ngx_http_messaging_control_open() is for a session that has just been
 * opened, and closes it if that was said meanwhile;
 * ngx_http_messaging_control_leave() for one that leaves worker->sessions.
 *
 * ngx_http_messaging_control_hears() is 0 while actions may be missed, since
 * the worker has lost Redis.
 *
 * ngx_http_messaging_control_id() writes what a connection is called by in
 * control actions, and returns its end: a random number of its worker, the
 * number nginx has given to the connection.  "p" has room for
 * NGX_HTTP_MESSAGING_CONTROL_ID bytes.
 * ngx_http_messaging_control_is() tells whether a session is called so.
 */

#define NGX_HTTP_MESSAGING_CONTROL_NONCE  8
#define NGX_HTTP_MESSAGING_CONTROL_ID                                         \
    (2 * NGX_HTTP_MESSAGING_CONTROL_NONCE + 1 + NGX_ATOMIC_T_LEN)

ngx_int_t ngx_http_messaging_control_create(
    ngx_http_messaging_worker_t *worker, ngx_pool_t *pool);
void ngx_http_messaging_control_free(ngx_http_messaging_worker_t *worker);
void ngx_http_messaging_control_open(ngx_http_messaging_session_t *s);
void ngx_http_messaging_control_leave(ngx_http_messaging_session_t *s);
ngx_uint_t ngx_http_messaging_control_hears(
    ngx_http_messaging_worker_t *worker);
u_char *ngx_http_messaging_control_id(u_char *p,
    ngx_http_messaging_worker_t *worker, ngx_connection_t *c);
ngx_uint_t ngx_http_messaging_control_is(ngx_http_messaging_session_t *s,
    ngx_str_t *id);


#endif /* _NGX_HTTP_MESSAGING_CONTROL_H_INCLUDED_ */
