
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_RELAY_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_RELAY_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"
#include "ngx_http_messaging_text.h"


/* clients that are told to resync wait a random time up to this, ms */
#define NGX_HTTP_MESSAGING_RESYNC_WITHIN  5000

/* ... and do not repeat a frame that was not taken before this, ms */
#define NGX_HTTP_MESSAGING_RETRY_AFTER    1000

#define NGX_HTTP_MESSAGING_MAX_CLIENT_ID  64     /* code points */
#define NGX_HTTP_MESSAGING_MAX_ID         64     /* bytes of a message id */
#define NGX_HTTP_MESSAGING_MAX_IDS        100    /* in "message_ids" */
#define NGX_HTTP_MESSAGING_MAX_IMAGE      2048   /* bytes of a URL */


/*
 * ngx_http_messaging_relay_typing(), _read() and _message() check a client's
 * frame, rebuild it from the fields that are known and give it to the broker;
 * _read() and _message() answer the client themselves if that fails.
 * ngx_http_messaging_relay_typing() returns NGX_OK if the broker was given
 * the frame.
 *
 * ngx_http_messaging_relay_answer() sends a text that is complete to this
 * connection.  ngx_http_messaging_relay_error() sends an "error"; "message"
 * is a JSON string's content.  ngx_http_messaging_relay_refuse() sends a
 * "nack" besides if there is a valid "client_id", that of a message;
 * ngx_http_messaging_relay_nack() tells in it to send the message again after
 * "retry" ms, if that is not 0.
 * ngx_http_messaging_relay_not_stored() sends either, the "nack" if there is a
 * "client_id", as JSON.
 * ngx_http_messaging_relay_unavailable() is the error for a broker that is
 * down.  ngx_http_messaging_relay_tag() adds ,"conversation_id":... on the
 * many-conversation endpoint.
 *
 * ngx_http_messaging_relay_member() finds the subscription of a frame, or
 * refuses it with "access_denied" and returns NULL.
 *
 * ngx_http_messaging_relay_forget() detaches a session that ends from frames
 * the broker has not answered yet.
 */

ngx_int_t ngx_http_messaging_relay_typing(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_uint_t is_typing);
void ngx_http_messaging_relay_read(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *frame);
void ngx_http_messaging_relay_message(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *frame);

void ngx_http_messaging_relay_answer(ngx_http_messaging_session_t *s,
    ngx_http_messaging_text_t *t);
void ngx_http_messaging_relay_error(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, const char *code, const char *message);
void ngx_http_messaging_relay_refuse(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *client_id, const char *code,
    const char *message);
void ngx_http_messaging_relay_nack(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *client_id, const char *code,
    const char *message, ngx_msec_t retry);
void ngx_http_messaging_relay_not_stored(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_str_t *client_id, const char *code,
    ngx_msec_t retry);
void ngx_http_messaging_relay_unavailable(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation);
void ngx_http_messaging_relay_tag(ngx_http_messaging_session_t *s,
    ngx_http_messaging_text_t *t, ngx_str_t *conversation);
ngx_http_messaging_subscription_t *ngx_http_messaging_relay_member(
    ngx_http_messaging_session_t *s, ngx_str_t *conversation,
    json_t *client_id);
void ngx_http_messaging_relay_forget(ngx_http_messaging_session_t *s);


#endif /* _NGX_HTTP_MESSAGING_RELAY_H_INCLUDED_ */
