
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_REVOKED_REDIS_H_INCLUDED_
#define _NGX_MESSAGING_REVOKED_REDIS_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_redis.h"
#include "ngx_messaging_revoked.h"


/*
 * Revoked tokens in Redis, for hosts and workers that were not there when it
 * was said: strings that grow by a line for each, one string for an hour,
 * which Redis forgets when all of its lines have expired.  They are read page
 * by page; what is read goes into the zone.
 */

typedef struct {
    /* set by the owner */

    ngx_messaging_redis_t        *redis;        /* the one for commands */
    ngx_messaging_shm_t          *shm;
    ngx_messaging_slot_t         *slot;
    ngx_str_t                     prefix;       /* of the keys */
    time_t                        time;         /* messaging_revoke_time */

    void                        (*handler)(void *data);
    void                         *data;

    /* private */

    ngx_event_t                   timer;
    ngx_connection_t              dummy;
    time_t                        hour;         /* is read */
    size_t                        offset;       /* from here on */

    unsigned                      read:1;       /* once, at least */
    unsigned                      reading:1;
    unsigned                      again:1;      /* what is read is too old */
    unsigned                      repeat:1;     /* and once more, later */
    unsigned                      warned:1;
} ngx_messaging_revoked_redis_t;


/*
 * ngx_messaging_revoked_redis_init() prepares a zeroed object.
 *
 * ngx_messaging_revoked_redis_read() reads all there is, from the beginning
 * if it was doing so already; the handler is called when it is done, and from
 * then on "read" is 1.  That is repeated a little later, for what others had
 * heard and were about to store.
 * ngx_messaging_revoked_redis_close() ends it.
 *
 * ngx_messaging_revoked_redis_store() stores one: NGX_OK, "handler", unless it
 * is NULL, is called once, later, with NGX_OK or NGX_ERROR; or as
 * ngx_messaging_redis_command() returns it.
 */

typedef void (*ngx_messaging_revoked_pt)(void *data, ngx_int_t rc);

void ngx_messaging_revoked_redis_init(ngx_messaging_revoked_redis_t *rr);
void ngx_messaging_revoked_redis_read(ngx_messaging_revoked_redis_t *rr);
void ngx_messaging_revoked_redis_close(ngx_messaging_revoked_redis_t *rr);
ngx_int_t ngx_messaging_revoked_redis_store(ngx_messaging_revoked_redis_t *rr,
    ngx_messaging_revocation_t *rv, ngx_messaging_revoked_pt handler,
    void *data);


#endif /* _NGX_MESSAGING_REVOKED_REDIS_H_INCLUDED_ */
