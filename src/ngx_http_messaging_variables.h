
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_VARIABLES_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_VARIABLES_H_INCLUDED_


#include "ngx_http_messaging.h"


/* adds the variables of the module; called before the configuration is read */

ngx_int_t ngx_http_messaging_variables_add(ngx_conf_t *cf);


#endif /* _NGX_HTTP_MESSAGING_VARIABLES_H_INCLUDED_ */
