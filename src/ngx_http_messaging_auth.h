
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_AUTH_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_AUTH_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * ngx_http_messaging_auth_find() finds the token in the first source of
 * "messaging_jwt_from" that the request has.  "bearer" is the token of an
 * offered subprotocol, empty if there was none.  It returns the source,
 * NGX_HTTP_MESSAGING_FROM_*, or 0.
 *
 * ngx_http_messaging_auth_verify() verifies the token and makes the session
 * its user's; ngx_http_messaging_auth_renew() does so in mid-session, for the
 * same user only: expiry and access claim move.  NGX_OK or the reason,
 * ngx_messaging_jwt_reason_e.  Both set s->access, which the caller gives
 * back when the session will not need it any more.
 *
 * ngx_http_messaging_auth_name() gives the user another name than the token.
 *
 * ngx_http_messaging_auth_text() is the reason of the Close frame.
 */

ngx_uint_t ngx_http_messaging_auth_find(ngx_http_request_t *r,
    ngx_http_messaging_loc_conf_t *conf, ngx_str_t *bearer, ngx_str_t *token);
ngx_int_t ngx_http_messaging_auth_verify(ngx_http_messaging_session_t *s,
    ngx_str_t *token);
ngx_int_t ngx_http_messaging_auth_renew(ngx_http_messaging_session_t *s,
    ngx_str_t *token);
ngx_int_t ngx_http_messaging_auth_name(ngx_http_messaging_session_t *s,
    json_t *name);
const char *ngx_http_messaging_auth_text(ngx_int_t reason);


#endif /* _NGX_HTTP_MESSAGING_AUTH_H_INCLUDED_ */
