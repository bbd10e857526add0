
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_BROKER_REDIS_H_INCLUDED_
#define _NGX_MESSAGING_BROKER_REDIS_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_broker.h"
#include "ngx_messaging_redis.h"


/*
 * ngx_messaging_broker_redis_create() makes the broker of a worker on "pool"
 * and sets *interest, the registry's function for channels that gain their
 * first or lose their last member; its data is the broker.  The caller fills
 * in the other members of the broker before ops->start().  NULL if there is
 * no memory.
 */

ngx_messaging_broker_t *ngx_messaging_broker_redis_create(ngx_pool_t *pool,
    ngx_messaging_redis_conf_t *conf, ngx_messaging_interest_pt *interest);


#endif /* _NGX_MESSAGING_BROKER_REDIS_H_INCLUDED_ */
