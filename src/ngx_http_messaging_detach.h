
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_DETACH_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_DETACH_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * messaging_detach: a session that leaves HTTP behind after the 101.
 *
 * ngx_http_messaging_detach_create() is where such a session comes from,
 * zeroed: it outlives the request.
 *
 * ngx_http_messaging_detach() ends the request, as soon as the 101 has left
 * and nobody else holds it; until then, and without memory, it does nothing
 * and may be called again.  From then on s->request is NULL and the
 * connection is the session's.  To be called at the top of an event.
 *
 * ngx_http_messaging_detach_packed() is what ngx_http_messaging_call_pack()
 * has made of the request, where the backend may be asked later.
 *
 * ngx_http_messaging_detach_finalize() is the end of a session that was
 * detached, as ngx_http_finalize_request() is of a request: NGX_OK lets the
 * client read what it was sent.  The session is gone afterwards, or soon.
 */

ngx_http_messaging_session_t *ngx_http_messaging_detach_create(
    ngx_http_request_t *r, ngx_http_messaging_worker_t *worker);
void ngx_http_messaging_detach(ngx_http_messaging_session_t *s);
ngx_str_t *ngx_http_messaging_detach_packed(ngx_http_messaging_session_t *s);
void ngx_http_messaging_detach_finalize(ngx_http_messaging_session_t *s,
    ngx_int_t rc);


#endif /* _NGX_HTTP_MESSAGING_DETACH_H_INCLUDED_ */
