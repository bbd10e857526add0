
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_STREAM_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_STREAM_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_store.h"
#include "ngx_messaging_redis.h"


/*
 * "messaging_store stream=": a consumer of the application takes from a Redis
 * stream what clients have sent.
 */

typedef struct {
    ngx_str_t    key;              /* of the stream */
    const char  *type;
    ngx_str_t    conversation;
    ngx_str_t    client_id;        /* as text, or empty */
    ngx_str_t    body;
} ngx_http_messaging_stream_t;


/*
 * ngx_http_messaging_stream_add() has Redis add an entry, after all that were
 * given to it before.  NGX_OK: the handler is called once, later, with what
 * _stream_verdict() makes something of; else: it was not taken.
 *
 * ngx_http_messaging_stream_verdict() must be called once for each reply:
 * NGX_OK, the entry is there; NGX_BUSY, the stream is too long; NGX_ERROR,
 * Redis refused it; NGX_ABORT, nobody knows.
 *
 * ngx_http_messaging_stream_hold() is the worker's "hold".
 */

ngx_int_t ngx_http_messaging_stream_add(ngx_http_messaging_store_t *store,
    ngx_http_messaging_stream_t *st, ngx_messaging_redis_reply_pt handler,
    void *data);
ngx_int_t ngx_http_messaging_stream_verdict(ngx_http_messaging_store_t *store,
    ngx_messaging_resp_reply_t *reply);
void ngx_http_messaging_stream_hold(ngx_event_t *ev);


#endif /* _NGX_HTTP_MESSAGING_STREAM_H_INCLUDED_ */
