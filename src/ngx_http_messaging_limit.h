
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_LIMIT_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_LIMIT_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * What one connection may send.
 *
 * ngx_http_messaging_limit_frame() is asked once for each message, ping and
 * pong of a session that is not closing:
 *
 *     NGX_OK        it is to be obeyed
 *     NGX_BUSY      it is refused, and the client may be told so
 *     NGX_DONE      one too many was refused: a Close is queued
 *
 * ngx_http_messaging_limit_give() makes the current frame free of charge;
 * ngx_http_messaging_limit_wait() is the time until one would be obeyed, at
 * least 1 ms.
 *
 * ngx_http_messaging_limit_typing() takes a token of the other bucket: NGX_OK,
 * or NGX_BUSY if there is none for ngx_http_messaging_limit_typing_wait() ms.
 * ngx_http_messaging_limit_typing_refuse() notes that a frame was left out;
 * NGX_OK: the client is to be told, NGX_DECLINED: it was.
 *
 * ngx_http_messaging_limit_fragments() closes for a message that came in too
 * many frames.
 */

void ngx_http_messaging_limit_init(ngx_http_messaging_session_t *s);
ngx_int_t ngx_http_messaging_limit_frame(ngx_http_messaging_session_t *s);
void ngx_http_messaging_limit_give(ngx_http_messaging_session_t *s);
ngx_msec_t ngx_http_messaging_limit_wait(ngx_http_messaging_session_t *s);

ngx_int_t ngx_http_messaging_limit_typing(ngx_http_messaging_session_t *s);
ngx_int_t ngx_http_messaging_limit_typing_refuse(
    ngx_http_messaging_session_t *s);
ngx_msec_t ngx_http_messaging_limit_typing_wait(
    ngx_http_messaging_session_t *s);

void ngx_http_messaging_limit_fragments(ngx_http_messaging_session_t *s);


#endif /* _NGX_HTTP_MESSAGING_LIMIT_H_INCLUDED_ */
