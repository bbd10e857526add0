
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_PIPELINE_H_INCLUDED_
#define _NGX_MESSAGING_PIPELINE_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_resp.h"


#define NGX_MESSAGING_PIPELINE_MAX_OUT      (8 * 1024 * 1024)
#define NGX_MESSAGING_PIPELINE_MAX_PENDING  65536


/* reply == NULL: there will be none */

typedef void (*ngx_messaging_pipeline_handler_pt)(void *data,
    ngx_messaging_resp_reply_t *reply);


typedef struct {
    ngx_messaging_pipeline_handler_pt  handler;
    void                              *data;
    ngx_msec_t                         time;
} ngx_messaging_pipeline_pending_t;


/*
 * Commands on their way to Redis: the bytes from pos to last are still to be
 * sent, npending commands still to be answered, the oldest first.  Zero it
 * before the first use.
 */

typedef struct {
    u_char                            *start;
    u_char                            *pos;
    u_char                            *last;
    u_char                            *end;

    ngx_messaging_pipeline_pending_t  *ring;
    ngx_uint_t                         size;      /* a power of two, or 0 */
    ngx_uint_t                         head;
    ngx_uint_t                         npending;

    ngx_log_t                         *log;
} ngx_messaging_pipeline_t;


/*
 * ngx_messaging_pipeline_command() appends a command whose answer is for
 * "handler", which may be NULL; "now" is kept with it.  It returns NGX_OK,
 * NGX_BUSY over one of the limits above, or NGX_ERROR if there is no memory;
 * then nothing has changed.
 *
 * ngx_messaging_pipeline_send() appends a command that has no answer of its
 * own; it returns the same.
 *
 * ngx_messaging_pipeline_sent() takes "n" bytes off, and gives a large buffer
 * back when all have been sent.
 *
 * ngx_messaging_pipeline_answer() hands a reply to the oldest pending command;
 * npending must not be 0.  The handler may do anything with the pipeline.
 *
 * ngx_messaging_pipeline_time() is the "now" of the oldest pending command.
 *
 * ngx_messaging_pipeline_drop() forgets all that was to be sent, whether a
 * part of it has been or not.  The pending commands stay.
 *
 * ngx_messaging_pipeline_fail() answers all pending commands with NULL and
 * gives the memory of both halves back.
 */

ngx_int_t ngx_messaging_pipeline_command(ngx_messaging_pipeline_t *pl,
    ngx_uint_t argc, ngx_str_t *argv,
    ngx_messaging_pipeline_handler_pt handler, void *data, ngx_msec_t now);
ngx_int_t ngx_messaging_pipeline_send(ngx_messaging_pipeline_t *pl,
    ngx_uint_t argc, ngx_str_t *argv);
void ngx_messaging_pipeline_sent(ngx_messaging_pipeline_t *pl, size_t n);
void ngx_messaging_pipeline_answer(ngx_messaging_pipeline_t *pl,
    ngx_messaging_resp_reply_t *reply);
ngx_msec_t ngx_messaging_pipeline_time(ngx_messaging_pipeline_t *pl);
void ngx_messaging_pipeline_drop(ngx_messaging_pipeline_t *pl);
void ngx_messaging_pipeline_fail(ngx_messaging_pipeline_t *pl);


#endif /* _NGX_MESSAGING_PIPELINE_H_INCLUDED_ */
