
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_redis_log.h"


#define NGX_MESSAGING_REDIS_LOG_TEXT  512


static void ngx_messaging_redis_log_write(ngx_messaging_redis_log_t *log,
    ngx_uint_t level, ngx_err_t err, u_char *p, size_t len);


void ngx_cdecl
ngx_messaging_redis_log_error(ngx_messaging_redis_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    ngx_messaging_redis_log_verror(log, err, fmt, args);
    va_end(args);
}


void
ngx_messaging_redis_log_verror(ngx_messaging_redis_log_t *log, ngx_err_t err,
    const char *fmt, va_list args)
{
    u_char  *p;
    u_char   text[NGX_MESSAGING_REDIS_LOG_TEXT];

    if (log->used && ngx_current_msec - log->time < log->interval) {
        log->left_out++;
        return;
    }

    log->time = ngx_current_msec;
    log->used = 1;

    p = ngx_vslprintf(text, text + sizeof(text), fmt, args);

    ngx_messaging_redis_log_write(log, NGX_LOG_ERR, err, text, p - text);
}


void
ngx_messaging_redis_log_notice(ngx_messaging_redis_log_t *log,
    const char *text)
{
    ngx_messaging_redis_log_write(log, NGX_LOG_NOTICE, 0, (u_char *) text,
                                  ngx_strlen(text));
}


static void
ngx_messaging_redis_log_write(ngx_messaging_redis_log_t *log,
    ngx_uint_t level, ngx_err_t err, u_char *p, size_t len)
{
    if (log->left_out) {
        ngx_log_error(level, ngx_cycle->log, err,
                      "messaging redis \"%V\": %*s, "
                      "%ui errors before were not logged",
                      log->name, len, p, log->left_out);

        log->left_out = 0;
        return;
    }

    ngx_log_error(level, ngx_cycle->log, err, "messaging redis \"%V\": %*s",
                  log->name, len, p);
}
