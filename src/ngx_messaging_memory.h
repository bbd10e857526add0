
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_MEMORY_H_INCLUDED_
#define _NGX_MESSAGING_MEMORY_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * The memory of a worker for messages that wait: who allocates some says so,
 * and again when it is freed.  A message that many wait for counts once.
 *
 * ngx_messaging_memory_watch() begins to count: "gauge" follows the sum, and
 * "over" is posted whenever it grows beyond "limit" (0: never).  Nothing is
 * refused: the limit may be exceeded by what one turn of the event loop
 * brings.  ngx_messaging_memory_forget() leaves gauge and event alone from
 * then on.
 */

void ngx_messaging_memory_watch(ngx_atomic_t *gauge, size_t limit,
    ngx_event_t *over);
void ngx_messaging_memory_forget(void);
void ngx_messaging_memory_hold(size_t n);
void ngx_messaging_memory_drop(size_t n);
size_t ngx_messaging_memory_held(void);


#endif /* _NGX_MESSAGING_MEMORY_H_INCLUDED_ */
