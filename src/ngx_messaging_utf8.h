
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_UTF8_H_INCLUDED_
#define _NGX_MESSAGING_UTF8_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * Incremental validation of UTF-8, RFC 3629: no overlong form, no surrogate,
 * nothing above U+10FFFF.  The state of a stream is one value; 0 is between
 * two characters and the value to begin with.
 *
 * ngx_messaging_utf8_feed() returns NGX_OK or, at the first byte that no
 * valid text could have at its place, NGX_ERROR (RFC 6455, section 8.1, lets
 * an endpoint fail that early).  At the end of a text *state must be 0.
 *
 * ngx_messaging_utf8_valid() tests a whole text: 1 or 0.
 *
 * ngx_messaging_utf8_length() counts the code points of valid text.
 */

ngx_int_t ngx_messaging_utf8_feed(u_char *state, u_char *p, size_t len);
ngx_uint_t ngx_messaging_utf8_valid(u_char *p, size_t len);
size_t ngx_messaging_utf8_length(u_char *p, size_t len);


#endif /* _NGX_MESSAGING_UTF8_H_INCLUDED_ */
