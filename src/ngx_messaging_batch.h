
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_BATCH_H_INCLUDED_
#define _NGX_MESSAGING_BATCH_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * Many frames of a backend in one JSON object:
 *
 *     {"publications":[
 *         {"conversation_id":7,"except_user":5,"frame":{...}},
 *         {"user_ids":[5,"a@b"],"frame":{...}},
 *         {"channel":"user:5","except_connection":"x","idempotency_key":"y",
 *          "frame":{...}}]}
 */

#define NGX_MESSAGING_BATCH_MAX           1000
#define NGX_MESSAGING_BATCH_MAX_CHANNELS  10000    /* of all of them */
#define NGX_MESSAGING_BATCH_MAX_VALUES    65536

#define NGX_MESSAGING_BATCH_MAX_KEY       128

/* "index" of an error that is not of one of them */
#define NGX_MESSAGING_BATCH_NONE          NGX_MAX_INT_T_VALUE


typedef struct {
    ngx_str_t                      frame;       /* as it was written */
    ngx_str_t                     *names;       /* of the channels */
    ngx_uint_t                     nnames;
    ngx_str_t                      user;        /* to be left out, or empty;
                                                   percent-encoded */
    ngx_str_t                      connection;  /* likewise */
    ngx_str_t                      key;         /* or empty */
} ngx_messaging_publication_t;


typedef struct {
    ngx_pool_t                    *pool;
    size_t                         max_message;

    ngx_messaging_publication_t   *elts;
    ngx_uint_t                     nelts;
    ngx_uint_t                     nchannels;

    const char                    *error;
    ngx_uint_t                     index;       /* of the publication */
    ngx_uint_t                     too_large;   /* it is that */
} ngx_messaging_batch_t;


/*
 * ngx_messaging_batch_parse() reads a text; "pool" and "max_message" are set
 * by the caller.  Frames point into the text, all other strings are of the
 * pool.  NGX_OK; NGX_DECLINED: "error" says what is wrong, and nothing of it
 * is to be published; NGX_ERROR: no memory.
 *
 * A member that is not known is an error: it may be what was to leave somebody
 * out.
 */

ngx_int_t ngx_messaging_batch_parse(ngx_messaging_batch_t *batch, u_char *p,
    size_t len);


#endif /* _NGX_MESSAGING_BATCH_H_INCLUDED_ */
