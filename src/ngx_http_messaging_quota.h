
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_QUOTA_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_QUOTA_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * The first two count a session, by the address of its client and by its
 * user; NGX_DECLINED: there is one too many for the location.  Locations
 * without a limit count, too, if another location has one.
 *
 * ngx_http_messaging_quota_release() takes back whatever was counted.
 */

ngx_int_t ngx_http_messaging_quota_address(ngx_http_messaging_session_t *s);
ngx_int_t ngx_http_messaging_quota_user(ngx_http_messaging_session_t *s);
void ngx_http_messaging_quota_release(ngx_http_messaging_session_t *s);


#endif /* _NGX_HTTP_MESSAGING_QUOTA_H_INCLUDED_ */
