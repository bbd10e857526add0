
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_READS_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_READS_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_store.h"

#include <jansson.h>


/*
 * What a client has read is told to the others at once, and to the backend
 * once in a while: of each conversation all that has come since in one call.
 */


/* conversations of one connection of which something waits */

#define NGX_HTTP_MESSAGING_READS_MAX       64

/* ids kept of one conversation, the newest; and of all of them */

#define NGX_HTTP_MESSAGING_READS_IDS       100
#define NGX_HTTP_MESSAGING_READS_ALL_IDS   1000

/* calls of one connection are so far apart, ms */

#define NGX_HTTP_MESSAGING_READS_INTERVAL  1000


/*
 * ngx_http_messaging_reads_add() has it stored that the client has read "id",
 * "ids", or all there is if both are NULL; nothing if it is not configured.
 *
 * ngx_http_messaging_reads_end() is the end of the session: what waits is
 * stored now.
 */

void ngx_http_messaging_reads_add(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *id, json_t *ids);
void ngx_http_messaging_reads_end(ngx_http_messaging_store_t *store,
    ngx_connection_t *c);


#endif /* _NGX_HTTP_MESSAGING_READS_H_INCLUDED_ */
