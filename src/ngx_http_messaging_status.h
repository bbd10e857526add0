
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_STATUS_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_STATUS_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * The content handler of "messaging_status on": the counters of the zone, as
 * JSON or, if "?format=prometheus" or the Accept header asks for it, in
 * Prometheus' text format.
 */

ngx_int_t ngx_http_messaging_status_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_MESSAGING_STATUS_H_INCLUDED_ */
