
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_WORKER_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_WORKER_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * ngx_http_messaging_worker_init() and _exit() are the module's init_process
 * and exit_process; init_module() raises the generation of the zone.
 *
 * ngx_http_messaging_worker_drain() begins to take leave of all clients: the
 * Close frames, 1012 after a reload and 1001 at the end, are spread over
 * "messaging_drain"; the worker is held until the last session has gone.
 * ngx_http_messaging_worker_drained() tells that this time is over.
 *
 * ngx_http_messaging_worker_flush() has all posted sessions looked at now, in
 * place of the end of the turn.
 */

ngx_int_t ngx_http_messaging_worker_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_messaging_worker_init(ngx_cycle_t *cycle);
void ngx_http_messaging_worker_exit(ngx_cycle_t *cycle);
void ngx_http_messaging_worker_drain(ngx_http_messaging_worker_t *worker);
ngx_uint_t ngx_http_messaging_worker_drained(
    ngx_http_messaging_worker_t *worker);
void ngx_http_messaging_worker_flush(ngx_http_messaging_worker_t *worker);


#endif /* _NGX_HTTP_MESSAGING_WORKER_H_INCLUDED_ */
