
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_STORE_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_STORE_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_call.h"
#include "ngx_http_messaging_session.h"

#include <jansson.h>


/*
 * "messaging_store": the backend stores what a client sends before anybody
 * gets it, and says what has become of it.
 */


/* of one session: the socket is not read when so many wait for the backend */

#define NGX_HTTP_MESSAGING_STORE_PAUSE  16

/* ... and no more are taken, of those that had come already */

#define NGX_HTTP_MESSAGING_STORE_MAX    64


/* what is sent again may be sent after so many ms */

#define NGX_HTTP_MESSAGING_STORE_RETRY  1000


typedef struct ngx_http_messaging_reads_s  ngx_http_messaging_reads_t;


/* what a session has with the backend, which may outlive it */

struct ngx_http_messaging_store_s {
    ngx_http_messaging_session_t      *session;   /* NULL: has ended */
    ngx_http_messaging_worker_t       *worker;
    ngx_http_messaging_loc_conf_t     *conf;
    ngx_str_t                          user;      /* as in the session */
    ngx_str_t                          address;
    ngx_str_t                          host;      /* the header; or empty */
    ngx_str_t                          server;    /* $host, of the handshake */
    ngx_str_t                          token;     /* if it is asked for */
    ngx_str_t                          jti;       /* likewise; may be empty */

    ngx_queue_t                        messages;  /* in order */
    ngx_uint_t                         n;

    ngx_http_messaging_reads_t        *reads;     /* NULL: none wait */
    ngx_msec_t                         read_due;  /* of the next call */
};


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
 * ngx_http_messaging_store_token() keeps of a token, and of its claims, what
 * is needed for calls, if there will be any; NGX_OK or NGX_ERROR, no memory.
 *
 * ngx_http_messaging_store_message() has a message stored, after those of the
 * same session and conversation that came before it; the client is answered
 * with "ack" or "nack" when that is known.
 *
 * ngx_http_messaging_store_full() tells that the socket is not to be read.
 *
 * ngx_http_messaging_store_forget() is the end of the session: what was taken
 * is stored all the same.
 *
 * ngx_http_messaging_store_call() is the call for a message, not started;
 * ngx_http_messaging_store_headers() adds to one what the backend is told of
 * the client.  ngx_http_messaging_store_body() is what it is told of a message,
 * ngx_http_messaging_store_template() evaluates a key or a body that may not
 * need a call for that, and makes it if it does,
 * ngx_http_messaging_store_retry() is what an answer says about Retry-After,
 * and ngx_http_messaging_store_release() frees the object when nobody needs it
 * any longer.
 */

ngx_int_t ngx_http_messaging_store_token(ngx_http_messaging_session_t *s,
    ngx_str_t *token, json_t *claims);
void ngx_http_messaging_store_message(ngx_http_messaging_session_t *s,
    ngx_http_messaging_store_message_t *m);
ngx_uint_t ngx_http_messaging_store_full(ngx_http_messaging_session_t *s);
void ngx_http_messaging_store_forget(ngx_http_messaging_session_t *s);

ngx_http_messaging_call_t *ngx_http_messaging_store_call(
    ngx_http_messaging_session_t *s, ngx_http_messaging_store_message_t *m);
ngx_int_t ngx_http_messaging_store_headers(ngx_http_messaging_store_t *store,
    ngx_http_messaging_call_t *call, ngx_str_t *conversation);
ngx_int_t ngx_http_messaging_store_body(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t **call, ngx_http_messaging_store_message_t *m,
    ngx_str_t *body);
ngx_int_t ngx_http_messaging_store_template(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t **call, ngx_str_t *conversation,
    ngx_http_complex_value_t *template, ngx_str_t *text);
ngx_msec_t ngx_http_messaging_store_retry(ngx_http_messaging_call_t *call);
void ngx_http_messaging_store_release(ngx_http_messaging_store_t *store);


#endif /* _NGX_HTTP_MESSAGING_STORE_H_INCLUDED_ */
