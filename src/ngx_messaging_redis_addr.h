
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_REDIS_ADDR_H_INCLUDED_
#define _NGX_MESSAGING_REDIS_ADDR_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_redis.h"


/* of a resolver's answer */
#define NGX_MESSAGING_REDIS_MAX_ADDRS  8


/* why == NULL, or a text: the host could not be resolved */

typedef void (*ngx_messaging_redis_addr_pt)(void *data, const char *why);


typedef struct {
    ngx_addr_t                    addr;
    ngx_sockaddr_t                sockaddr;
    u_char                        text[NGX_SOCKADDR_STRLEN];
} ngx_messaging_redis_addr_t;


/* the addresses of one connection object: where it is, where it may go */

typedef struct {
    ngx_messaging_redis_conf_t   *conf;
    ngx_messaging_redis_addr_pt   handler;
    void                         *data;

    ngx_resolver_ctx_t           *ctx;        /* while resolving */

    ngx_uint_t                    current;    /* any number */
    ngx_uint_t                    naddrs;     /* 0: those of conf are used */
    ngx_messaging_redis_addr_t    addrs[NGX_MESSAGING_REDIS_MAX_ADDRS];
} ngx_messaging_redis_addrs_t;


/*
 * ngx_messaging_redis_addr_lookup() asks the resolver for the host's current
 * addresses; the handler is called once, from inside this call perhaps, unless
 * ngx_messaging_redis_addr_cancel() comes first.  Where the lookup fails the
 * addresses found at start are in force, if there are any.
 *
 * ngx_messaging_redis_addr_count() is their number, and
 * ngx_messaging_redis_addr_get() the current of them (count must not be 0);
 * adding 1 to "current" turns to the next.
 *
 * ngx_messaging_redis_addr_connect() is ngx_event_connect_peer() to the current
 * address, which does not log a failed connect(): *err is its error, or 0.
 */

void ngx_messaging_redis_addr_lookup(ngx_messaging_redis_addrs_t *addrs);
void ngx_messaging_redis_addr_cancel(ngx_messaging_redis_addrs_t *addrs);
ngx_uint_t ngx_messaging_redis_addr_count(ngx_messaging_redis_addrs_t *addrs);
ngx_addr_t *ngx_messaging_redis_addr_get(ngx_messaging_redis_addrs_t *addrs);
ngx_int_t ngx_messaging_redis_addr_connect(ngx_messaging_redis_addrs_t *addrs,
    ngx_peer_connection_t *pc, ngx_err_t *err);


#endif /* _NGX_MESSAGING_REDIS_ADDR_H_INCLUDED_ */
