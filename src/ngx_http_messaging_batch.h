
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_BATCH_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_BATCH_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * ngx_http_messaging_batch() serves a request of a location with
 * "messaging_publish batch" whose body has been read.  NGX_DONE: the request
 * waits for the broker; else what it is to be finalized with.
 */

/* there is "client_max_body_size" as well */
#define NGX_HTTP_MESSAGING_BATCH_MAX_BODY  (16 * 1024 * 1024)


ngx_int_t ngx_http_messaging_batch(ngx_http_request_t *r);


#endif /* _NGX_HTTP_MESSAGING_BATCH_H_INCLUDED_ */
