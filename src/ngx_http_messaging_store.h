
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_STORE_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_STORE_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * "messaging_store": the backend stores what a client sends before anybody
 * gets it, and says what has become of it.
 */


/* of one session: the socket is not read when so many wait for the backend */

#define NGX_HTTP_MESSAGING_STORE_PAUSE  16

/* ... and no more are taken, of those that had come already */

#define NGX_HTTP_MESSAGING_STORE_MAX    64


/* a client's message: JSON values, "null" for what was not given */

typedef struct {
    ngx_str_t                    conversation;
    ngx_str_t                    content;
    ngx_str_t                    image;
    ngx_str_t                    reply_to;
    ngx_str_t                    client_id;
    ngx_str_t                    key;          /* client_id as text */
} ngx_http_messaging_store_message_t;


/*
 * ngx_http_messaging_store_token() keeps the token that calls are made with;
 * NGX_OK or NGX_ERROR, no memory.
 *
 * ngx_http_messaging_store_message() has a message stored, after those of the
 * same session and conversation that came before it; the client is answered
 * with "ack" or "nack" when that is known.
 *
 * ngx_http_messaging_store_full() tells that the socket is not to be read.
 *
 * ngx_http_messaging_store_forget() is the end of the session: what was taken
 * is stored all the same.
 */

ngx_int_t ngx_http_messaging_store_token(ngx_http_messaging_session_t *s,
    ngx_str_t *token);
void ngx_http_messaging_store_message(ngx_http_messaging_session_t *s,
    ngx_http_messaging_store_message_t *m);
ngx_uint_t ngx_http_messaging_store_full(ngx_http_messaging_session_t *s);
void ngx_http_messaging_store_forget(ngx_http_messaging_session_t *s);


#endif /* _NGX_HTTP_MESSAGING_STORE_H_INCLUDED_ */
