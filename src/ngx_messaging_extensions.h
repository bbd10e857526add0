
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_EXTENSIONS_H_INCLUDED_
#define _NGX_MESSAGING_EXTENSIONS_H_INCLUDED_


#include "ngx_messaging.h"


/* windows as zlib has them: it makes no raw stream of 8 bits */

#define NGX_MESSAGING_EXTENSIONS_MIN_BITS  9
#define NGX_MESSAGING_EXTENSIONS_MAX_BITS  15

/* the longest answer */
#define NGX_MESSAGING_EXTENSIONS_MAX       160


/*
 * permessage-deflate, RFC 7692, section 7.1: what the server would grant, and
 * what a client and it have agreed on.
 */

typedef struct {
    ngx_uint_t    server_bits;         /* window the server compresses with */
    ngx_uint_t    client_bits;         /* ... and the client */

    unsigned      server_takeover:1;   /* may refer to earlier messages */
    unsigned      client_takeover:1;
    unsigned      say_server:1;        /* server_bits is in the answer */
    unsigned      say_client:1;
} ngx_messaging_extensions_t;


/*
 * ngx_messaging_extensions_accept() looks for the first acceptable offer in
 * one line of Sec-WebSocket-Extensions; several lines are tried in their
 * order.  NGX_OK: *agreed is what comes of it and of *granted; NGX_DECLINED:
 * there is none.  An offer that is malformed or has a parameter that is
 * unknown, repeated or of a wrong value is declined, and the next one tried.
 *
 * ngx_messaging_extensions_write() writes the answer, at most
 * NGX_MESSAGING_EXTENSIONS_MAX bytes, and returns its end.
 */

ngx_int_t ngx_messaging_extensions_accept(ngx_str_t *value,
    ngx_messaging_extensions_t *granted, ngx_messaging_extensions_t *agreed);
u_char *ngx_messaging_extensions_write(u_char *p,
    ngx_messaging_extensions_t *agreed);


#endif /* _NGX_MESSAGING_EXTENSIONS_H_INCLUDED_ */
