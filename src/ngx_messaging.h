
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_H_INCLUDED_
#define _NGX_MESSAGING_H_INCLUDED_


/*
 * What every layer shares: nginx's base headers, the differences among nginx
 * releases (the only place for version guards) and the close codes of the
 * protocol.  No declaration of any part of the module belongs here.
 */


#include <ngx_config.h>
#include <ngx_core.h>


#if (nginx_version < 1022000)
#error "ngx_http_messaging_module needs nginx 1.22.0 or newer"
#endif


#if (NGX_PTR_SIZE != 8)
#error "ngx_http_messaging_module needs a 64-bit platform"
#endif


/* 1.23.0 linked headers of one name and dropped the array of cookies */

#if (nginx_version >= 1023000)
#define NGX_MESSAGING_HEADER_LIST  1
#endif

/* cookies are no longer split by commas */
#if (nginx_version >= 1029006)
#define NGX_MESSAGING_COOKIE_LINES  1
#endif


/* RFC 6455, section 7.4.1, and the private codes of the protocol */

#define NGX_MESSAGING_CLOSE_NORMAL        1000
#define NGX_MESSAGING_CLOSE_GOING_AWAY    1001
#define NGX_MESSAGING_CLOSE_PROTOCOL      1002
#define NGX_MESSAGING_CLOSE_UNSUPPORTED   1003
#define NGX_MESSAGING_CLOSE_NO_STATUS     1005
#define NGX_MESSAGING_CLOSE_ABNORMAL      1006
#define NGX_MESSAGING_CLOSE_INVALID_DATA  1007
#define NGX_MESSAGING_CLOSE_POLICY        1008
#define NGX_MESSAGING_CLOSE_TOO_BIG       1009
#define NGX_MESSAGING_CLOSE_INTERNAL      1011
#define NGX_MESSAGING_CLOSE_RESTART       1012
#define NGX_MESSAGING_CLOSE_TRY_LATER     1013
#define NGX_MESSAGING_CLOSE_SILENT        4000
#define NGX_MESSAGING_CLOSE_TOKEN         4001
#define NGX_MESSAGING_CLOSE_ACCESS        4003


#endif /* _NGX_MESSAGING_H_INCLUDED_ */
