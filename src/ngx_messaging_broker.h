
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_BROKER_H_INCLUDED_
#define _NGX_MESSAGING_BROKER_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_channel.h"
#include "ngx_messaging_deflate.h"
#include "ngx_messaging_envelope.h"
#include "ngx_messaging_redis.h"
#include "ngx_messaging_revoked.h"
#include "ngx_messaging_shm.h"


/*
 * What the module asks of a broker; nothing above knows which one it is.
 * One object per worker, made and driven by that worker alone.
 *
 * The broker calls the registry: a payload for the members of a channel, a
 * channel confirmed, a gap.  Everybody gets a message from the broker, the
 * members on the worker it came from too: one order for all.
 */

typedef struct ngx_messaging_broker_s  ngx_messaging_broker_t;


/* NGX_OK: the broker has taken it; NGX_ERROR: it has not, or nobody knows */

typedef void (*ngx_messaging_publish_pt)(void *data, ngx_int_t rc);


typedef struct {
    /* begin; and the end, when the worker leaves */
    void        (*start)(ngx_messaging_broker_t *broker);
    void        (*stop)(ngx_messaging_broker_t *broker);

    /* 1 if subscriptions and messages are possible, now or in a moment */
    ngx_uint_t  (*ready)(ngx_messaging_broker_t *broker);

    /*
     * Publishes a frame on the channel "name".  NGX_OK: "handler", unless it
     * is NULL, is called once, later; anything else: it was not taken.
     */
    ngx_int_t   (*publish)(ngx_messaging_broker_t *broker, ngx_str_t *name,
                    ngx_messaging_envelope_t *e,
                    ngx_messaging_publish_pt handler, void *data);

    /* a new message id, 0 if none can be made now */
    uint64_t    (*id)(ngx_messaging_broker_t *broker);

    /*
     * Stores a revocation for those who do not hear of it now; NULL: the zone
     * is all there is.  NGX_OK: "handler" as above; else: it was not taken.
     */
    ngx_int_t   (*revoke)(ngx_messaging_broker_t *broker,
                    ngx_messaging_revocation_t *rv,
                    ngx_messaging_publish_pt handler, void *data);
} ngx_messaging_broker_ops_t;


struct ngx_messaging_broker_s {
    ngx_messaging_broker_ops_t    *ops;
    ngx_messaging_channels_t      *channels;
    ngx_messaging_shm_t           *shm;
    ngx_messaging_slot_t          *slot;
    ngx_log_t                     *log;

    ngx_messaging_deflate_t       *deflate;     /* of the worker */
    ngx_messaging_redis_t         *redis;       /* for commands; or NULL */

    ngx_str_t                      prefix;
    size_t                         max_message;
    time_t                         revoke_time;

    /* what comes on the control channel; and: something may have been missed,
       revocations that are stored are in the zone by now */
    void                         (*control)(void *data, ngx_str_t *payload);
    void                         (*control_gap)(void *data);
    void                          *control_data;
    ngx_uint_t                     listening;   /* to it: 0, not now; else how
                                                   many times it has begun */

    ngx_uint_t                     dropped;     /* since the last line */
    ngx_msec_t                     logged;      /* 0: not yet */
};


/*
 * Common to all brokers: ngx_messaging_broker_receive() gives a payload to
 * the members of "ch" or, if it is not a frame, drops, counts and, once a
 * minute, logs it.  ngx_messaging_broker_failed() counts a frame that was not
 * published, by reason: NGX_MESSAGING_STAT_PUBLISH_REFUSED or one that follows
 * it.
 */

void ngx_messaging_broker_receive(ngx_messaging_broker_t *broker,
    ngx_messaging_channel_t *ch, ngx_str_t *payload);
void ngx_messaging_broker_failed(ngx_messaging_broker_t *broker,
    ngx_uint_t stat);


#endif /* _NGX_MESSAGING_BROKER_H_INCLUDED_ */
