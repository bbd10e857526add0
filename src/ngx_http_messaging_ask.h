
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_ASK_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_ASK_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * "messaging_access request=": the backend is asked who may enter.
 *
 * ngx_http_messaging_ask() asks for the conversation; an empty name is the
 * handshake of a socket for many.  NGX_OK: the answer comes later, to
 * ngx_http_messaging_handshake_asked() if the session is not open yet, else to
 * ngx_http_messaging_protocol_asked(); NGX_ERROR: no memory, or the URI is
 * none.
 *
 * The answer is NGX_OK, NGX_DECLINED (403, 404), NGX_HTTP_UNAUTHORIZED (401)
 * or NGX_ERROR: anything else, and none in time.
 *
 * ngx_http_messaging_ask_find() is the question about a conversation that has
 * no answer yet, _ask_count() the number of these; _ask_forget() gives one up,
 * or all (NULL).
 */

/* a list of "conversations" may be long */

#define NGX_HTTP_MESSAGING_ASK_VALUES  65536


typedef struct ngx_http_messaging_ask_s  ngx_http_messaging_ask_t;


ngx_int_t ngx_http_messaging_ask(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation);
ngx_http_messaging_ask_t *ngx_http_messaging_ask_find(
    ngx_http_messaging_session_t *s, ngx_str_t *conversation);
ngx_uint_t ngx_http_messaging_ask_count(ngx_http_messaging_session_t *s);
void ngx_http_messaging_ask_forget(ngx_http_messaging_session_t *s,
    ngx_http_messaging_ask_t *ask);


#endif /* _NGX_HTTP_MESSAGING_ASK_H_INCLUDED_ */
