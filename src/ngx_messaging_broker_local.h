
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_BROKER_LOCAL_H_INCLUDED_
#define _NGX_MESSAGING_BROKER_LOCAL_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_broker.h"
#include "ngx_messaging_envelope.h"


/* what a record has besides the JSON: the channel's name and a header line */

#define NGX_MESSAGING_BROKER_LOCAL_NAME    512
#define NGX_MESSAGING_BROKER_LOCAL_HEADER                                     \
    (2 + NGX_MESSAGING_BROKER_LOCAL_NAME + NGX_MESSAGING_ENVELOPE_MAX_HEADER)


/*
 * ngx_messaging_broker_local_create() makes the broker of a worker on "pool",
 * as ngx_messaging_broker_redis_create() does.  The zone has to have a ring.
 * "slot" is the number of the worker's slot, NGX_MESSAGING_SHM_SLOTS if it
 * has none.
 *
 * ngx_messaging_broker_local_open() is called by the master for each
 * configuration with this broker, and tells how many workers there will be.
 */

ngx_messaging_broker_t *ngx_messaging_broker_local_create(ngx_pool_t *pool,
    ngx_uint_t slot, ngx_messaging_interest_pt *interest);
void ngx_messaging_broker_local_open(ngx_messaging_shm_t *shm,
    ngx_uint_t workers, ngx_log_t *log);


#endif /* _NGX_MESSAGING_BROKER_LOCAL_H_INCLUDED_ */
