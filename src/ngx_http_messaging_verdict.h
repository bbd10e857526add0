
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_VERDICT_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_VERDICT_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * messaging_access_cache: what others have said about who may enter.
 *
 * ngx_http_messaging_verdict_count() is what a question that is asked now has
 * to keep for _put(), which takes the answer of one.
 * ngx_http_messaging_verdict_get() is NGX_OK, NGX_DECLINED, or NGX_AGAIN if
 * it has to be asked for.
 *
 * ngx_http_messaging_verdict_forget() is for a user, percent-encoded, and a
 * conversation, of which an empty one is any.
 */

uint64_t ngx_http_messaging_verdict_count(ngx_http_messaging_session_t *s);
ngx_int_t ngx_http_messaging_verdict_get(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_uint_t *read_only);
void ngx_http_messaging_verdict_put(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_int_t rc, ngx_uint_t read_only,
    uint64_t count);
void ngx_http_messaging_verdict_forget(ngx_http_messaging_worker_t *worker,
    ngx_str_t *user, ngx_str_t *conversation);


#endif /* _NGX_HTTP_MESSAGING_VERDICT_H_INCLUDED_ */
