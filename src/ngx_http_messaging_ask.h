
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_ASK_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_ASK_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_call.h"
#include "ngx_http_messaging_session.h"


/*
 * "messaging_access request=" and "redis=": who may enter is asked for, of the
 * backend or of a set in Redis.
 *
 * ngx_http_messaging_ask() asks for the conversation; an empty name is the
 * handshake of a socket for many.  NGX_OK: the answer comes later, at the top
 * of an event: to ngx_http_messaging_recheck_answered() if it was asked with
 * NGX_HTTP_MESSAGING_ASK_MEMBER, else to ngx_http_messaging_handshake_asked()
 * if the session is not open yet, else to ngx_http_messaging_protocol_asked().
 * NGX_ERROR: no memory, no connection to Redis, or the URI is none.
 *
 * The answer is NGX_OK, NGX_DECLINED (403, 404; not in the set),
 * NGX_HTTP_UNAUTHORIZED (401) or NGX_ERROR: anything else, and none in time.
 *
 * ngx_http_messaging_ask_find() is the question about a conversation that has
 * no answer yet, _ask_count() the number of those of who is not a member yet;
 * _ask_forget() gives one up, or all (NULL).
 * ngx_http_messaging_ask_repeat() is for those about a conversation, or all
 * (NULL): the answer to come is not good any longer, and another is asked for.
 * ngx_http_messaging_ask_token() has the backend shown this token from now on,
 * and not that of the handshake; NGX_ERROR: no memory.
 */

/* a list of "conversations" may be long */

#define NGX_HTTP_MESSAGING_ASK_VALUES  65536

/* flags */

#define NGX_HTTP_MESSAGING_ASK_MEMBER  0x01     /* has entered already */
#define NGX_HTTP_MESSAGING_ASK_FRESH   0x02     /* not from the cache */


#define ngx_http_messaging_asks(conf)                                         \
    ((conf)->access == NGX_HTTP_MESSAGING_ACCESS_REQUEST                      \
     || (conf)->access == NGX_HTTP_MESSAGING_ACCESS_REDIS)


typedef struct ngx_http_messaging_ask_s  ngx_http_messaging_ask_t;


ngx_int_t ngx_http_messaging_ask(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_uint_t flags);
ngx_http_messaging_ask_t *ngx_http_messaging_ask_find(
    ngx_http_messaging_session_t *s, ngx_str_t *conversation);
ngx_uint_t ngx_http_messaging_ask_count(ngx_http_messaging_session_t *s);
void ngx_http_messaging_ask_forget(ngx_http_messaging_session_t *s,
    ngx_http_messaging_ask_t *ask);
void ngx_http_messaging_ask_repeat(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation);
ngx_int_t ngx_http_messaging_ask_token(ngx_http_messaging_session_t *s,
    ngx_str_t *token);


/*
 * of _ask_redis.c and _ask_request.c, for _ask.c: the command is sent, NGX_OK
 * if its reply will come; what the reply, or the answer, says.  "fleeting" is
 * set if the answer says more than who may enter.
 */

ngx_int_t ngx_http_messaging_ask_redis(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_messaging_redis_reply_pt handler, void *data);
ngx_int_t ngx_http_messaging_ask_member(ngx_http_messaging_session_t *s,
    ngx_messaging_resp_reply_t *reply);

ngx_http_messaging_call_t *ngx_http_messaging_ask_request(
    ngx_http_messaging_session_t *s, ngx_str_t *conversation,
    ngx_str_t *token, ngx_str_t *args);
ngx_int_t ngx_http_messaging_ask_verdict(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_uint_t *read_only,
    ngx_uint_t *fleeting);


#endif /* _NGX_HTTP_MESSAGING_ASK_H_INCLUDED_ */
