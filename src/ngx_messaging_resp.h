
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_RESP_H_INCLUDED_
#define _NGX_MESSAGING_RESP_H_INCLUDED_


#include "ngx_messaging.h"

#include <hiredis/hiredis.h>


/* RESP2 replies, by hiredis' reader and own object functions */

#define NGX_MESSAGING_RESP_MAX_ELTS  4

/* unparsed bytes of one reply; Redis cuts a subscriber off at 32 MB */
#define NGX_MESSAGING_RESP_MAX_REPLY  (64 * 1024 * 1024)


typedef struct {
    ngx_uint_t                  type;      /* REDIS_REPLY_* */
    int64_t                     integer;   /* also of the last integer element
                                              of an array */
    ngx_str_t                   str;       /* string, status, error */
    ngx_uint_t                  nelts;     /* of an array */
    ngx_str_t                   elts[NGX_MESSAGING_RESP_MAX_ELTS];
} ngx_messaging_resp_reply_t;


typedef void (*ngx_messaging_resp_handler_pt)(void *data,
    ngx_messaging_resp_reply_t *reply);


typedef struct ngx_messaging_resp_s  ngx_messaging_resp_t;


/*
 * ngx_messaging_resp_create() makes a reader; NULL if there is no memory.
 * ngx_messaging_resp_free() frees it, also from inside a handler's caller,
 * but not from inside a handler.
 *
 * ngx_messaging_resp_feed() parses "len" more bytes and calls the handler
 * once for each complete reply, in order.  The strings of a reply are valid
 * during the call only and are not copied where they are the last element.
 * It returns NGX_OK, or NGX_ERROR if the bytes are not RESP2, nested deeper
 * than one array, an array of more than NGX_MESSAGING_RESP_MAX_ELTS elements,
 * or longer than NGX_MESSAGING_RESP_MAX_REPLY: then the reader must be freed.
 * Nothing is allocated by a length that was only announced.
 * ngx_messaging_resp_error() is the reader's text after NGX_ERROR.
 */

ngx_messaging_resp_t *ngx_messaging_resp_create(
    ngx_messaging_resp_handler_pt handler, void *data);
void ngx_messaging_resp_free(ngx_messaging_resp_t *resp);
ngx_int_t ngx_messaging_resp_feed(ngx_messaging_resp_t *resp, u_char *p,
    size_t len);
const char *ngx_messaging_resp_error(ngx_messaging_resp_t *resp);


#endif /* _NGX_MESSAGING_RESP_H_INCLUDED_ */
