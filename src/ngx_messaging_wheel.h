
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_WHEEL_H_INCLUDED_
#define _NGX_MESSAGING_WHEEL_H_INCLUDED_


#include "ngx_messaging.h"

#include <ngx_event.h>


/*
 * Deadlines of many connections on one timer: a wheel of slots of
 * NGX_MESSAGING_WHEEL_TICK ms.  Setting, moving and dropping a deadline is
 * O(1), durations may differ from connection to connection, an empty wheel
 * has no timer.  A deadline farther away than one turn of the wheel goes
 * round.  A deadline is never early and at most two ticks late.
 */

#define NGX_MESSAGING_WHEEL_TICK   50
#define NGX_MESSAGING_WHEEL_SLOTS  1024     /* a turn is 51.2 s */


typedef struct {
    ngx_queue_t                  queue;
    ngx_msec_t                   due;       /* ngx_current_msec */
    ngx_uint_t                   set;
} ngx_messaging_deadline_t;


/* the deadline is no longer set when its handler is called */

typedef void (*ngx_messaging_wheel_handler_pt)(ngx_messaging_deadline_t *d);


typedef struct {
    ngx_queue_t                      slots[NGX_MESSAGING_WHEEL_SLOTS];
    uint64_t                         bits[NGX_MESSAGING_WHEEL_SLOTS / 64];
    ngx_msec_t                       tick;    /* the next one to be done */
    ngx_uint_t                       nelts;
    ngx_event_t                      event;
    ngx_connection_t                 dummy;   /* nginx logs timers by c->fd */
    ngx_messaging_wheel_handler_pt   handler;
} ngx_messaging_wheel_t;


/*
 * ngx_messaging_wheel_set() sets a deadline "msec" from now, or moves it;
 * ngx_messaging_wheel_drop() unsets it, if it is set.
 * The timer is cancelable: it does not hold a leaving worker.
 */

void ngx_messaging_wheel_init(ngx_messaging_wheel_t *wheel,
    ngx_messaging_wheel_handler_pt handler, ngx_log_t *log);
void ngx_messaging_wheel_set(ngx_messaging_wheel_t *wheel,
    ngx_messaging_deadline_t *d, ngx_msec_t msec);
void ngx_messaging_wheel_drop(ngx_messaging_wheel_t *wheel,
    ngx_messaging_deadline_t *d);


#endif /* _NGX_MESSAGING_WHEEL_H_INCLUDED_ */
