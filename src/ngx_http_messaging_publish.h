
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_PUBLISH_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_PUBLISH_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * ngx_http_messaging_publish_handler() is the content handler of a location
 * with "messaging_publish on": the body of a POST is one frame, which the
 * broker is given as it is.
 */

ngx_int_t ngx_http_messaging_publish_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_MESSAGING_PUBLISH_H_INCLUDED_ */
