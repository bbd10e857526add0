
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_HOST_H_INCLUDED_
#define _NGX_MESSAGING_HOST_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_redis.h"
#include "ngx_messaging_shm.h"


/*
 * The host number, which makes an id unique among hosts, is leased in Redis
 * by a key with a time to live, shared by the workers of a zone and renewed
 * by any of them.  Where Redis refuses the key (no right to write, out of
 * memory) a number is drawn instead, and the log says so.
 */

typedef struct {
    /* set by the owner */

    ngx_messaging_redis_t        *redis;        /* the one for commands */
    ngx_messaging_shm_t          *shm;
    ngx_str_t                     prefix;       /* of the key */

    void                        (*handler)(void *data);
    void                         *data;

    /* private */

    ngx_uint_t                    number;       /* that is tried */
    ngx_uint_t                    own;          /* that is held ... */
    ngx_msec_t                    until;        /* ... so long */
    ngx_uint_t                    tries;
    ngx_event_t                   renew;
    ngx_connection_t              dummy;

    unsigned                      held:1;
    unsigned                      warned:1;
} ngx_messaging_host_t;


/*
 * ngx_messaging_host_init() prepares a zeroed object.
 *
 * ngx_messaging_host_take() is for a connection that has become ready: it
 * leases a number and goes on renewing it; the handler is called each time.
 * ngx_messaging_host_leave() is for one that was lost or is being closed.
 *
 * ngx_messaging_host_id() makes a new id, 0 if there is no number.
 */

void ngx_messaging_host_init(ngx_messaging_host_t *host);
void ngx_messaging_host_take(ngx_messaging_host_t *host);
void ngx_messaging_host_leave(ngx_messaging_host_t *host);
uint64_t ngx_messaging_host_id(ngx_messaging_host_t *host);


#endif /* _NGX_MESSAGING_HOST_H_INCLUDED_ */
