
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_KEY_H_INCLUDED_
#define _NGX_MESSAGING_KEY_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * Users and addresses as numbers of 64 bits, for tables in the shared zone.
 * SipHash-2-4 with a random seed: nobody can choose names or addresses that
 * meet in one place of a table.  A key is at least NGX_MESSAGING_KEY_MIN.
 *
 * ngx_messaging_key_address() counts an IPv6 address by its network of 64
 * bits, an IPv4 address that is mapped into IPv6 as IPv4; 0: what has no
 * address, such as a unix socket.
 */

#define NGX_MESSAGING_KEY_SEED  16
#define NGX_MESSAGING_KEY_MIN   2

uint64_t ngx_messaging_key_hash(u_char *seed, u_char *p, size_t len);
uint64_t ngx_messaging_key_text(u_char *seed, ngx_str_t *text);
uint64_t ngx_messaging_key_address(u_char *seed, struct sockaddr *sockaddr);


#endif /* _NGX_MESSAGING_KEY_H_INCLUDED_ */
