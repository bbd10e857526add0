
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_HANDSHAKE_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_HANDSHAKE_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * ngx_http_messaging_handshake_handler() is the content handler of a location
 * with "messaging on": the handshake of RFC 6455, section 4.2, the token, the
 * access check and the subscription.
 *
 * ngx_http_messaging_handshake_confirmed() goes on when the broker has
 * confirmed the subscription that the handshake waits for.
 *
 * ngx_http_messaging_handshake_switch() sends the 101: NGX_OK, NGX_AGAIN (not
 * all of it has left), NGX_ERROR or an HTTP status.
 *
 * ngx_http_messaging_handshake_header() adds a header to the answer; "value"
 * is copied, "name" is not.  NGX_OK or NGX_ERROR.
 */

ngx_int_t ngx_http_messaging_handshake_handler(ngx_http_request_t *r);
void ngx_http_messaging_handshake_confirmed(ngx_http_messaging_session_t *s);
void ngx_http_messaging_handshake_asked(ngx_http_messaging_session_t *s,
    ngx_int_t rc, ngx_uint_t read_only);
ngx_int_t ngx_http_messaging_handshake_switch(ngx_http_request_t *r);
ngx_int_t ngx_http_messaging_handshake_header(ngx_http_request_t *r,
    const char *name, u_char *value, size_t len);


#endif /* _NGX_HTTP_MESSAGING_HANDSHAKE_H_INCLUDED_ */
