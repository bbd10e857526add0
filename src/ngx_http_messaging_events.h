
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_EVENTS_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_EVENTS_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * "messaging_events": the backend learns when a user comes and leaves, and
 * when a user is in a conversation first and last.
 *
 * ngx_http_messaging_events_create() begins for a worker, NGX_OK or NGX_ERROR;
 * ngx_http_messaging_events_free() is called before its slot is given back.
 *
 * ngx_http_messaging_events_enter() counts a session that was let in, and its
 * one conversation, _leave() undoes it for the user.
 * ngx_http_messaging_events_join() and _part() do the same for a confirmed
 * subscription.  _part() and _leave() may be called for any.
 */

ngx_int_t ngx_http_messaging_events_create(ngx_http_messaging_worker_t *worker,
    ngx_cycle_t *cycle);
void ngx_http_messaging_events_free(ngx_http_messaging_worker_t *worker);
void ngx_http_messaging_events_enter(ngx_http_messaging_session_t *s);
void ngx_http_messaging_events_leave(ngx_http_messaging_session_t *s);
void ngx_http_messaging_events_join(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);
void ngx_http_messaging_events_part(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);


#endif /* _NGX_HTTP_MESSAGING_EVENTS_H_INCLUDED_ */
