
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_broker_control.h"


#define NGX_MESSAGING_BROKER_CONTROL_RETRY  100         /* ms */


static void ngx_messaging_broker_control_timer(ngx_event_t *ev);
static void ngx_messaging_broker_control_done(void *data);


void
ngx_messaging_broker_control_init(ngx_messaging_broker_control_t *bc)
{
    bc->dummy.fd = (ngx_socket_t) -1;
    bc->dummy.data = bc;

    bc->timer.handler = ngx_messaging_broker_control_timer;
    bc->timer.data = &bc->dummy;
    bc->timer.log = ngx_cycle->log;
    bc->timer.cancelable = 1;

    bc->revoked.redis = bc->command;
    bc->revoked.shm = bc->broker->shm;
    bc->revoked.slot = bc->broker->slot;
    bc->revoked.prefix = bc->broker->prefix;
    bc->revoked.time = bc->broker->revoke_time;
    bc->revoked.handler = ngx_messaging_broker_control_done;
    bc->revoked.data = bc;

    ngx_messaging_revoked_redis_init(&bc->revoked);
}


void
ngx_messaging_broker_control_listen(ngx_messaging_broker_control_t *bc)
{
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   argv[2], *prefix;
    u_char      name[256 + sizeof(NGX_MESSAGING_CONTROL_CHANNEL)];

    prefix = &bc->broker->prefix;

    ngx_str_set(&argv[0], "SUBSCRIBE");

    p = ngx_snprintf(name, sizeof(name), "%V" NGX_MESSAGING_CONTROL_CHANNEL,
                     prefix);
    argv[1].data = name;
    argv[1].len = p - name;

    rc = ngx_messaging_redis_command(bc->subscriber, 2, argv, NULL, NULL);

    if (rc == NGX_BUSY || rc == NGX_ERROR) {
        ngx_add_timer(&bc->timer, NGX_MESSAGING_BROKER_CONTROL_RETRY);
    }
}


static void
ngx_messaging_broker_control_timer(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_messaging_broker_control_listen(c->data);
}


void
ngx_messaging_broker_control_lost(ngx_messaging_broker_control_t *bc)
{
    bc->broker->listening = 0;

    if (bc->timer.timer_set) {
        ngx_del_timer(&bc->timer);
    }
}


void
ngx_messaging_broker_control_close(ngx_messaging_broker_control_t *bc)
{
    ngx_messaging_broker_control_lost(bc);
    ngx_messaging_revoked_redis_close(&bc->revoked);
}


void
ngx_messaging_broker_control_read(ngx_messaging_broker_control_t *bc)
{
    if (ngx_messaging_redis_ready(bc->command)) {
        ngx_messaging_revoked_redis_read(&bc->revoked);
    }
}


static void
ngx_messaging_broker_control_done(void *data)
{
    ngx_messaging_broker_control_t *bc = data;

    bc->broker->control_gap(bc->broker->control_data);
    bc->handler(bc->data);
}


ngx_uint_t
ngx_messaging_broker_control_push(ngx_messaging_broker_control_t *bc,
    ngx_str_t *name, ngx_messaging_resp_reply_t *reply)
{
    if (name->len != sizeof(NGX_MESSAGING_CONTROL_CHANNEL) - 1
        || ngx_memcmp(name->data, NGX_MESSAGING_CONTROL_CHANNEL, name->len)
           != 0)
    {
        return 0;
    }

    switch (reply->elts[0].len) {

    case sizeof("message") - 1:
        bc->broker->control(bc->broker->control_data, &reply->elts[2]);
        break;

    case sizeof("subscribe") - 1:
        bc->broker->listening = ++bc->listens;
        ngx_messaging_broker_control_read(bc);
        break;

    case sizeof("unsubscribe") - 1:

        /* nobody has asked for it */

        bc->broker->listening = 0;
        ngx_messaging_broker_control_listen(bc);
        break;

    default:
        break;
    }

    return 1;
}
