
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_memory.h"

#include <ngx_event.h>


/*
 * The one sum of the process.  A message is released by whoever drops the
 * last reference, without knowing a worker; and a process is one worker.
 */

static size_t         ngx_messaging_memory_sum;
static size_t         ngx_messaging_memory_limit;
static ngx_atomic_t  *ngx_messaging_memory_gauge;
static ngx_event_t   *ngx_messaging_memory_over;


/* what is held already is the worker's own and no message that waits */

void
ngx_messaging_memory_watch(ngx_atomic_t *gauge, size_t limit,
    ngx_event_t *over)
{
    ngx_messaging_memory_sum = 0;
    ngx_messaging_memory_limit = limit;
    ngx_messaging_memory_gauge = gauge;
    ngx_messaging_memory_over = over;
}


void
ngx_messaging_memory_forget(void)
{
    ngx_messaging_memory_limit = 0;
    ngx_messaging_memory_gauge = NULL;
    ngx_messaging_memory_over = NULL;
}


void
ngx_messaging_memory_hold(size_t n)
{
    ngx_messaging_memory_sum += n;

    if (ngx_messaging_memory_gauge) {
        *ngx_messaging_memory_gauge = ngx_messaging_memory_sum;
    }

    if (ngx_messaging_memory_limit
        && ngx_messaging_memory_sum > ngx_messaging_memory_limit
        && !ngx_messaging_memory_over->posted)
    {
        ngx_post_event(ngx_messaging_memory_over, &ngx_posted_events);
    }
}


void
ngx_messaging_memory_drop(size_t n)
{
    ngx_messaging_memory_sum -= n;

    if (ngx_messaging_memory_gauge) {
        *ngx_messaging_memory_gauge = ngx_messaging_memory_sum;
    }
}


size_t
ngx_messaging_memory_held(void)
{
    return ngx_messaging_memory_sum;
}
