
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_TEXT_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_TEXT_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * A frame in the making, in the worker's one text buffer: begin, add, and
 * use t.text before the next begin.  An allocation that failed is remembered,
 * t.failed, so that it is tested once, at the end.
 */

typedef struct {
    ngx_http_messaging_worker_t  *worker;
    ngx_str_t                     text;
    ngx_uint_t                    failed;
} ngx_http_messaging_text_t;


#define ngx_http_messaging_text_add(t, s)                                     \
    ngx_http_messaging_text_bytes(t, (u_char *) s, sizeof(s) - 1)
#define ngx_http_messaging_text_str(t, s)                                     \
    ngx_http_messaging_text_bytes(t, (s)->data, (s)->len)


/*
 * ngx_http_messaging_text_json() adds a value as JSON, strings escaped,
 * ngx_http_messaging_text_id() a conversation id, as a number or a string,
 * ngx_http_messaging_text_time() a time in ms as a JSON string, RFC 3339.
 */

void ngx_http_messaging_text_begin(ngx_http_messaging_text_t *t,
    ngx_http_messaging_worker_t *worker);
void ngx_http_messaging_text_bytes(ngx_http_messaging_text_t *t, u_char *p,
    size_t len);
void ngx_http_messaging_text_json(ngx_http_messaging_text_t *t, json_t *value);
void ngx_http_messaging_text_id(ngx_http_messaging_text_t *t, ngx_str_t *id);
void ngx_http_messaging_text_time(ngx_http_messaging_text_t *t, int64_t msec);
void ngx_http_messaging_text_number(ngx_http_messaging_text_t *t, uint64_t n);


#endif /* _NGX_HTTP_MESSAGING_TEXT_H_INCLUDED_ */
