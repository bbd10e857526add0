
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_PROTOCOL_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_PROTOCOL_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * The JSON frames between client and server.  It knows neither sockets nor
 * WebSocket frames: text comes in, text goes out through the session.
 *
 * ngx_http_messaging_protocol_input() handles one text message of a client.
 * It is parsed, checked and rebuilt; nothing of it is relayed as it came.
 * ngx_http_messaging_protocol_limited() answers one that is over the rate.
 *
 * ngx_http_messaging_protocol_subscribed() and _unconfirmed() answer a
 * "subscribe" of the many-conversation endpoint; the latter removes "sub".
 * ngx_http_messaging_protocol_resync() tells of a gap.
 * ngx_http_messaging_protocol_typing() relays that the user types or no
 * longer does, and notes which; ngx_http_messaging_protocol_held() does so for
 * what messaging_typing_rate has held back, as soon as it may.
 */

void ngx_http_messaging_protocol_input(ngx_http_messaging_session_t *s,
    u_char *p, size_t len);
void ngx_http_messaging_protocol_limited(ngx_http_messaging_session_t *s,
    u_char *p, size_t len);
void ngx_http_messaging_protocol_asked(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_int_t rc, ngx_uint_t read_only);
void ngx_http_messaging_protocol_subscribed(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);
void ngx_http_messaging_protocol_unconfirmed(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);
void ngx_http_messaging_protocol_resync(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);
ngx_int_t ngx_http_messaging_protocol_typing(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub, ngx_uint_t is_typing);
void ngx_http_messaging_protocol_held(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);


#endif /* _NGX_HTTP_MESSAGING_PROTOCOL_H_INCLUDED_ */
