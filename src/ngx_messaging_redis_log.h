
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_REDIS_LOG_H_INCLUDED_
#define _NGX_MESSAGING_REDIS_LOG_H_INCLUDED_


#include "ngx_messaging.h"


/* what has been said of one connection object; name and interval are set */

typedef struct {
    ngx_str_t                    *name;
    ngx_msec_t                    interval;
    ngx_msec_t                    time;         /* of the last error */
    ngx_uint_t                    left_out;
    unsigned                      used:1;
} ngx_messaging_redis_log_t;


/*
 * ngx_messaging_redis_log_error() logs a line at level "error", but not more
 * than one within the interval; with the next line, of either function, goes
 * the count of what was left out.  ngx_messaging_redis_log_notice() always
 * logs.  Both add "messaging redis" and the name.
 */

void ngx_cdecl ngx_messaging_redis_log_error(ngx_messaging_redis_log_t *log,
    ngx_err_t err, const char *fmt, ...);
void ngx_messaging_redis_log_verror(ngx_messaging_redis_log_t *log,
    ngx_err_t err, const char *fmt, va_list args);
void ngx_messaging_redis_log_notice(ngx_messaging_redis_log_t *log,
    const char *text);


#endif /* _NGX_MESSAGING_REDIS_LOG_H_INCLUDED_ */
