
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_URL_H_INCLUDED_
#define _NGX_MESSAGING_URL_H_INCLUDED_


#include "ngx_messaging.h"


/* the argument of "messaging_redis" */

typedef struct {
    ngx_str_t                   name;        /* "host:port", "unix:path": for
                                                logs, and as ngx_parse_url()
                                                reads it */
    ngx_str_t                   host;        /* lower case, an IPv6 address in
                                                brackets; empty for a unix
                                                socket */
    ngx_str_t                   user;
    ngx_str_t                   password;
    ngx_uint_t                  db;
    in_port_t                   port;        /* 0 for a unix socket */
} ngx_messaging_url_t;


#define NGX_MESSAGING_URL_PORT    6379
#define NGX_MESSAGING_URL_MAX_DB  1023

/* what a parsed URL may take more than its text */
#define NGX_MESSAGING_URL_EXTRA   (sizeof(":6379") - 1)


/*
 * ngx_messaging_url_parse() reads
 *
 *     redis://[user:password@]host[:port][/db]
 *     unix:path[?db=n]
 *
 * with user and password percent-decoded, either of them may be empty.  It
 * returns NULL, or a static text that says what is wrong, as ngx_url_t's err
 * does ("%s in \"messaging_redis\""), and holds nothing of the URL: its
 * password may not be logged.  The strings of *url point into "buf", which has
 * room for text->len + NGX_MESSAGING_URL_EXTRA bytes.
 */

const char *ngx_messaging_url_parse(ngx_messaging_url_t *url, ngx_str_t *text,
    u_char *buf);


#endif /* _NGX_MESSAGING_URL_H_INCLUDED_ */
