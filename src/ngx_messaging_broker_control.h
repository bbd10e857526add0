
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_BROKER_CONTROL_H_INCLUDED_
#define _NGX_MESSAGING_BROKER_CONTROL_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_broker.h"
#include "ngx_messaging_redis.h"
#include "ngx_messaging_revoked_redis.h"


/*
 * The control channel in Redis, and the revocations that are stored there: a
 * worker reads them before it lets anybody in, and again whenever it has begun
 * to hear the channel, for what was said while it did not.
 */

typedef struct {
    /* set by the owner */

    ngx_messaging_broker_t         *broker;
    ngx_messaging_redis_t          *subscriber;
    ngx_messaging_redis_t          *command;

    void                          (*handler)(void *data);
    void                           *data;

    /* private, but for revoked.read */

    ngx_messaging_revoked_redis_t   revoked;
    ngx_uint_t                      listens;
    ngx_event_t                     timer;
    ngx_connection_t                dummy;
} ngx_messaging_broker_control_t;


/*
 * ngx_messaging_broker_control_init() prepares a zeroed object of a broker
 * that starts.  _listen() is called when the subscriber is ready, _lost() when
 * it is not any more; _read() when the connection for commands is ready;
 * _close() ends it.  The handler is called when "revoked.read" may have
 * changed.
 *
 * ngx_messaging_broker_control_push() tells whether what has come is of the
 * control channel; then it has been dealt with.
 */

void ngx_messaging_broker_control_init(ngx_messaging_broker_control_t *bc);
void ngx_messaging_broker_control_listen(ngx_messaging_broker_control_t *bc);
void ngx_messaging_broker_control_lost(ngx_messaging_broker_control_t *bc);
void ngx_messaging_broker_control_close(ngx_messaging_broker_control_t *bc);
void ngx_messaging_broker_control_read(ngx_messaging_broker_control_t *bc);
ngx_uint_t ngx_messaging_broker_control_push(
    ngx_messaging_broker_control_t *bc, ngx_str_t *name,
    ngx_messaging_resp_reply_t *reply);


#endif /* _NGX_MESSAGING_BROKER_CONTROL_H_INCLUDED_ */
