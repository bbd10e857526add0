
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_RECHECK_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_RECHECK_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * Members of a conversation are asked for again, where others say who may
 * enter: after "messaging_access_recheck", when the backend says so and after
 * an "auth" frame.
 *
 * ngx_http_messaging_recheck_begin() is for a new subscription, _wait() the
 * time in ms until one that has "again" set is asked for, and _due() asks for
 * those of a session whose time has come.
 *
 * ngx_http_messaging_recheck_session() has a session asked for within "spread"
 * ms, about a conversation or all (NULL).  What others have answered before
 * does not count: ngx_http_messaging_recheck_distrust() forgets it.
 *
 * ngx_http_messaging_recheck_answered() is called with the answer, see
 * ngx_http_messaging_ask().
 */

#define NGX_HTTP_MESSAGING_RECHECK_MIN     1000              /* ms */
#define NGX_HTTP_MESSAGING_RECHECK_MAX     (7 * 24 * 3600 * 1000)
#define NGX_HTTP_MESSAGING_RECHECK_SPREAD  1000
#define NGX_HTTP_MESSAGING_RECHECK_EACH    40

void ngx_http_messaging_recheck_begin(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);
ngx_msec_int_t ngx_http_messaging_recheck_wait(
    ngx_http_messaging_subscription_t *sub);
void ngx_http_messaging_recheck_due(ngx_http_messaging_session_t *s);
void ngx_http_messaging_recheck_session(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_msec_t spread);
void ngx_http_messaging_recheck_distrust(ngx_http_messaging_session_t *s);
void ngx_http_messaging_recheck_answered(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_int_t rc, ngx_uint_t read_only);


#endif /* _NGX_HTTP_MESSAGING_RECHECK_H_INCLUDED_ */
