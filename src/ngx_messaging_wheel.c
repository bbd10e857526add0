
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_wheel.h"


#define ngx_messaging_wheel_slot(tick)                                        \
    ((tick) & (NGX_MESSAGING_WHEEL_SLOTS - 1))


static void ngx_messaging_wheel_event(ngx_event_t *ev);
static void ngx_messaging_wheel_turn(ngx_messaging_wheel_t *wheel,
    ngx_msec_t tick);
static void ngx_messaging_wheel_arm(ngx_messaging_wheel_t *wheel);


void
ngx_messaging_wheel_init(ngx_messaging_wheel_t *wheel,
    ngx_messaging_wheel_handler_pt handler, ngx_log_t *log)
{
    ngx_uint_t  i;

    ngx_memzero(wheel, sizeof(ngx_messaging_wheel_t));

    for (i = 0; i < NGX_MESSAGING_WHEEL_SLOTS; i++) {
        ngx_queue_init(&wheel->slots[i]);
    }

    wheel->handler = handler;
    wheel->dummy.fd = (ngx_socket_t) -1;
    wheel->dummy.data = wheel;

    wheel->event.handler = ngx_messaging_wheel_event;
    wheel->event.data = &wheel->dummy;
    wheel->event.log = log;
    wheel->event.cancelable = 1;
}


void
ngx_messaging_wheel_set(ngx_messaging_wheel_t *wheel,
    ngx_messaging_deadline_t *d, ngx_msec_t msec)
{
    ngx_msec_t  slot, tick;

    ngx_messaging_wheel_drop(wheel, d);

    if (wheel->nelts == 0) {
        wheel->tick = ngx_current_msec / NGX_MESSAGING_WHEEL_TICK;
    }

    d->due = ngx_current_msec + msec;
    d->set = 1;

    /* rounded up: when its tick has passed, the deadline has */

    tick = (d->due + NGX_MESSAGING_WHEEL_TICK - 1) / NGX_MESSAGING_WHEEL_TICK;

    if ((ngx_msec_int_t) (tick - wheel->tick) < 0) {
        tick = wheel->tick;
    }

    slot = ngx_messaging_wheel_slot(tick);

    ngx_queue_insert_tail(&wheel->slots[slot], &d->queue);
    wheel->bits[slot / 64] |= (uint64_t) 1 << (slot % 64);
    wheel->nelts++;

    if (!wheel->event.timer_set
        || (ngx_msec_int_t) (wheel->event.timer.key - d->due) > 0)
    {
        ngx_messaging_wheel_arm(wheel);
    }
}


void
ngx_messaging_wheel_drop(ngx_messaging_wheel_t *wheel,
    ngx_messaging_deadline_t *d)
{
    if (!d->set) {
        return;
    }

    /* the bit of a slot that became empty is cleared when it is looked at */

    ngx_queue_remove(&d->queue);
    d->set = 0;
    wheel->nelts--;

    if (wheel->nelts == 0 && wheel->event.timer_set) {
        ngx_del_timer(&wheel->event);
    }
}


static void
ngx_messaging_wheel_event(ngx_event_t *ev)
{
    ngx_msec_t              tick, now;
    ngx_connection_t       *c;
    ngx_messaging_wheel_t  *wheel;

    c = ev->data;
    wheel = c->data;

    now = ngx_current_msec / NGX_MESSAGING_WHEEL_TICK;
    tick = wheel->tick;

    /* after a long stop one turn shows every slot */

    if (now - tick >= NGX_MESSAGING_WHEEL_SLOTS) {
        tick = now - NGX_MESSAGING_WHEEL_SLOTS + 1;
    }

    wheel->tick = now + 1;

    for ( /* void */ ; (ngx_msec_int_t) (now - tick) >= 0; tick++) {
        ngx_messaging_wheel_turn(wheel, tick);
    }

    ngx_messaging_wheel_arm(wheel);
}


static void
ngx_messaging_wheel_turn(ngx_messaging_wheel_t *wheel, ngx_msec_t tick)
{
    ngx_msec_t                 slot;
    ngx_queue_t               *q, due;
    ngx_messaging_deadline_t  *d;

    slot = ngx_messaging_wheel_slot(tick);

    if (!(wheel->bits[slot / 64] & ((uint64_t) 1 << (slot % 64)))) {
        return;
    }

    wheel->bits[slot / 64] &= ~((uint64_t) 1 << (slot % 64));

    if (ngx_queue_empty(&wheel->slots[slot])) {
        return;
    }

    /*
     * A handler may set and drop any deadline, its neighbours too: the slot
     * is moved to a list of its own that is emptied from the head.
     */

    ngx_queue_init(&due);
    ngx_queue_add(&due, &wheel->slots[slot]);
    ngx_queue_init(&wheel->slots[slot]);

    while (!ngx_queue_empty(&due)) {
        q = ngx_queue_head(&due);
        d = ngx_queue_data(q, ngx_messaging_deadline_t, queue);

        ngx_queue_remove(q);

        if ((ngx_msec_int_t) (d->due - ngx_current_msec) > 0) {
            /* goes round once more */
            ngx_queue_insert_tail(&wheel->slots[slot], q);
            wheel->bits[slot / 64] |= (uint64_t) 1 << (slot % 64);
            continue;
        }

        d->set = 0;
        wheel->nelts--;

        wheel->handler(d);
    }
}


static void
ngx_messaging_wheel_arm(ngx_messaging_wheel_t *wheel)
{
    uint64_t        bits;
    ngx_uint_t      i, n, slot;
    ngx_msec_int_t  delay;

    if (wheel->nelts == 0) {
        return;
    }

    /* the distance from wheel->tick to the next slot in use */

    slot = ngx_messaging_wheel_slot(wheel->tick);
    n = 0;

    for (i = 0; i <= NGX_MESSAGING_WHEEL_SLOTS / 64; i++) {
        bits = wheel->bits[((slot / 64) + i) % (NGX_MESSAGING_WHEEL_SLOTS
                                                / 64)];
        if (i == 0) {
            bits &= ~(uint64_t) 0 << (slot % 64);
        }

        if (bits) {
            n = i * 64 + __builtin_ctzll(bits) - slot % 64;
            break;
        }
    }

    delay = (ngx_msec_int_t) ((wheel->tick + n) * NGX_MESSAGING_WHEEL_TICK
                              - ngx_current_msec);

    /* ngx_add_timer() leaves a timer alone that is set to about that time */

    if (wheel->event.timer_set) {
        ngx_del_timer(&wheel->event);
    }

    ngx_add_timer(&wheel->event, delay > 0 ? (ngx_msec_t) delay : 1);
}
