
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_CHANNEL_H_INCLUDED_
#define _NGX_MESSAGING_CHANNEL_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_arena.h"
#include "ngx_messaging_message.h"


/*
 * The channels of a worker and who is on them.
 *
 * A channel exists while it has members or while the broker still has
 * something to do for it.  Members are an array of pointers; one leaves by
 * the last one taking its place.  The registry knows neither who the members
 * are nor how the broker works: both are told by function pointers.
 */

typedef struct ngx_messaging_channel_s     ngx_messaging_channel_t;
typedef struct ngx_messaging_channels_s    ngx_messaging_channels_t;
typedef struct ngx_messaging_subscriber_s  ngx_messaging_subscriber_t;


/* embedded in what a member is; "channel" is NULL while it is on none */

struct ngx_messaging_subscriber_s {
    ngx_messaging_channel_t       *channel;
    ngx_uint_t                     index;
};


/*
 * Calls to the members, made from a loop over them: none of them may
 * subscribe or unsubscribe anybody before it returns.
 */

typedef struct {
    /* the broker has confirmed the subscription of the channel */
    void  (*ready)(ngx_messaging_subscriber_t *sub);

    void  (*message)(ngx_messaging_subscriber_t *sub,
        ngx_messaging_delivery_t *d);

    /* messages of the channel may have been lost */
    void  (*gap)(ngx_messaging_subscriber_t *sub);
} ngx_messaging_member_events_t;


/* the first member has come or the last one has gone: nelts tells */

typedef void (*ngx_messaging_interest_pt)(void *data,
    ngx_messaging_channel_t *ch);


struct ngx_messaging_channel_s {
    ngx_messaging_channel_t       *next;        /* of the bucket */
    uint64_t                       hash;

    ngx_messaging_subscriber_t   **members;
    ngx_uint_t                     nelts;
    ngx_uint_t                     nalloc;

    /* the broker's part */

    ngx_queue_t                    queue;
    ngx_uint_t                     pending;     /* confirmations to come */
    uint64_t                       since;       /* where its records begin */

    unsigned                       queued:1;    /* in the broker's queue */
    unsigned                       asked:1;     /* subscribed, as last sent */
    unsigned                       confirmed:1;
    unsigned                       gap:1;

    u_short                        len;
    u_char                         name[1];
};


struct ngx_messaging_channels_s {
    ngx_messaging_channel_t      **buckets;
    ngx_uint_t                     nbuckets;    /* a power of two */
    ngx_uint_t                     nelts;
    ngx_uint_t                     active;      /* that have members */
    uint64_t                       seed[2];
    ngx_messaging_arena_t          arena;       /* of channels and members */

    ngx_messaging_member_events_t *events;
    ngx_messaging_interest_pt      interest;
    void                          *data;        /* of interest() */
};


/*
 * ngx_messaging_channels_init() prepares an empty registry, NGX_ERROR if
 * there is no memory or no randomness; ngx_messaging_channels_free() frees
 * what is left.
 *
 * ngx_messaging_channel_join() puts a member on the channel "name" (at most
 * 512 bytes): NGX_OK, the broker has confirmed the channel already; NGX_AGAIN,
 * events->ready() will tell; NGX_ERROR, no memory.
 * ngx_messaging_channel_leave() takes it off; it may free the channel.
 *
 * ngx_messaging_channel_find() returns NULL if there is no such channel.
 * ngx_messaging_channel_settle() frees a channel that has neither members nor
 * anything to do for the broker.
 *
 * ngx_messaging_channel_deliver(), _ready() and _gap() call the members;
 * a delivery does not reach a member that joined within it.
 */

ngx_int_t ngx_messaging_channels_init(ngx_messaging_channels_t *chs,
    ngx_messaging_member_events_t *events, ngx_messaging_interest_pt interest,
    void *data);
void ngx_messaging_channels_free(ngx_messaging_channels_t *chs);
ngx_int_t ngx_messaging_channel_join(ngx_messaging_channels_t *chs,
    ngx_str_t *name, ngx_messaging_subscriber_t *sub);
void ngx_messaging_channel_leave(ngx_messaging_channels_t *chs,
    ngx_messaging_subscriber_t *sub);
ngx_messaging_channel_t *ngx_messaging_channel_find(
    ngx_messaging_channels_t *chs, ngx_str_t *name);
void ngx_messaging_channel_settle(ngx_messaging_channels_t *chs,
    ngx_messaging_channel_t *ch);
void ngx_messaging_channel_deliver(ngx_messaging_channels_t *chs,
    ngx_messaging_channel_t *ch, ngx_messaging_delivery_t *d);
void ngx_messaging_channel_ready(ngx_messaging_channels_t *chs,
    ngx_messaging_channel_t *ch);
void ngx_messaging_channel_gap(ngx_messaging_channels_t *chs,
    ngx_messaging_channel_t *ch);


#endif /* _NGX_MESSAGING_CHANNEL_H_INCLUDED_ */
