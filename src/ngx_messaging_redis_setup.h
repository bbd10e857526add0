
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_REDIS_SETUP_H_INCLUDED_
#define _NGX_MESSAGING_REDIS_SETUP_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_pipeline.h"
#include "ngx_messaging_url.h"


/* the server refused what "what" says; "text" is fit for the log */

typedef void (*ngx_messaging_redis_refused_pt)(void *data, const char *what,
    ngx_str_t *text);


typedef struct {
    ngx_messaging_url_t              *url;
    ngx_messaging_redis_refused_pt    refused;
    void                             *data;
} ngx_messaging_redis_setup_t;


/*
 * ngx_messaging_redis_setup() writes what is said first on a connection: AUTH
 * and SELECT where the URL asks for them, and CLIENT SETNAME always, so that
 * there is at least one answer to wait for.  The connection may be used when
 * all of them are answered and "refused" was not called.  An error that only
 * refuses the name is not told: the name is for the operator, and not all
 * servers know the command.  NGX_OK or NGX_ERROR.
 *
 * ngx_messaging_redis_text() is the beginning of an error's text, fit for the
 * log: up to any character that may not stand there and to anything that may
 * repeat a command of ours, such as AUTH.
 */

ngx_int_t ngx_messaging_redis_setup(ngx_messaging_redis_setup_t *setup,
    ngx_messaging_pipeline_t *pl, ngx_msec_t now);
ngx_str_t ngx_messaging_redis_text(ngx_messaging_url_t *url, ngx_str_t *error);


#endif /* _NGX_MESSAGING_REDIS_SETUP_H_INCLUDED_ */
