
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_SHM_H_INCLUDED_
#define _NGX_MESSAGING_SHM_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_idempotency.h"
#include "ngx_messaging_key.h"
#include "ngx_messaging_refusals.h"
#include "ngx_messaging_revocations.h"
#include "ngx_messaging_ring.h"
#include "ngx_messaging_verdicts.h"
#include "ngx_messaging_wake.h"


/*
 * The zone that the workers share.
 *
 * Every worker writes a slot of its own and nobody else's, so there is no
 * lock and no read-modify-write on a counter.  What is counted now
 * (connections) is the sum over the slots of living workers: a worker that
 * was killed drops out of it.  What has been counted (messages) is that plus
 * what slots of workers that left were added to.
 */

#define NGX_MESSAGING_SHM_SLOTS  256

/*
 * A worker that has not touched its slot for so long is not counted any more.
 * It may only have been stopped, and write there again: the slot is another's
 * when its process is gone, or nothing was heard of it for very long.
 */
#define NGX_MESSAGING_SHM_LEASE    60        /* seconds */
#define NGX_MESSAGING_SHM_ABANDON  3600
#define NGX_MESSAGING_SHM_BEAT     10

/* what a connection may be counted as besides: its user and its address */
#define NGX_MESSAGING_SHM_QUOTAS  2


/* one row of ngx_messaging_shm_stats[] for each, in this order */

typedef enum {
    NGX_MESSAGING_STAT_CONNECTIONS = 0,
    NGX_MESSAGING_STAT_SUBSCRIPTIONS,
    NGX_MESSAGING_STAT_CHANNELS,
    NGX_MESSAGING_STAT_QUEUED,

    NGX_MESSAGING_STAT_ACCEPTED,
    NGX_MESSAGING_STAT_ENDED,

    NGX_MESSAGING_STAT_MESSAGES_IN,
    NGX_MESSAGING_STAT_MESSAGES_OUT,
    NGX_MESSAGING_STAT_BYTES_IN,
    NGX_MESSAGING_STAT_BYTES_OUT,

    NGX_MESSAGING_STAT_PUBLISHED,
    NGX_MESSAGING_STAT_PUBLISH_FAILED,
    NGX_MESSAGING_STAT_DELIVERED,
    NGX_MESSAGING_STAT_DROPPED,
    NGX_MESSAGING_STAT_RESYNCS,

    NGX_MESSAGING_STAT_PUBLISH_REFUSED,
    NGX_MESSAGING_STAT_PUBLISH_DOWN,
    NGX_MESSAGING_STAT_PUBLISH_OVERLOADED,
    NGX_MESSAGING_STAT_PUBLISH_MEMORY,

    NGX_MESSAGING_STAT_DROPPED_FRAME,
    NGX_MESSAGING_STAT_DROPPED_UTF8,
    NGX_MESSAGING_STAT_DROPPED_LENGTH,

    NGX_MESSAGING_STAT_REFUSED_METHOD,
    NGX_MESSAGING_STAT_REFUSED_UPGRADE,
    NGX_MESSAGING_STAT_REFUSED_REQUEST,
    NGX_MESSAGING_STAT_REFUSED_VERSION,
    NGX_MESSAGING_STAT_REFUSED_KEY,
    NGX_MESSAGING_STAT_REFUSED_ORIGIN,
    NGX_MESSAGING_STAT_REFUSED_CONVERSATION,
    NGX_MESSAGING_STAT_REFUSED_CONNECTIONS,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_MISSING,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_MALFORMED,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_ALGORITHM,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_KEY,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_SIGNATURE,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_EXPIRED,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_NOT_YET,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_CLAIM,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_USER,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_INTERNAL,
    NGX_MESSAGING_STAT_REFUSED_TOKEN_REVOKED,
    NGX_MESSAGING_STAT_REFUSED_ACCESS,
    NGX_MESSAGING_STAT_REFUSED_BROKER,
    NGX_MESSAGING_STAT_REFUSED_BACKEND,
    NGX_MESSAGING_STAT_REFUSED_BACKEND_TOKEN,
    NGX_MESSAGING_STAT_REFUSED_USER_CONNECTIONS,
    NGX_MESSAGING_STAT_REFUSED_ADDRESS_CONNECTIONS,

    NGX_MESSAGING_STAT_AUTH_RENEWED,
    NGX_MESSAGING_STAT_AUTH_FAILED,

    NGX_MESSAGING_STAT_POST_ACCEPTED,
    NGX_MESSAGING_STAT_POST_REPLAYED,
    NGX_MESSAGING_STAT_POST_METHOD,
    NGX_MESSAGING_STAT_POST_TYPE,
    NGX_MESSAGING_STAT_POST_TOO_LARGE,
    NGX_MESSAGING_STAT_POST_TARGET,
    NGX_MESSAGING_STAT_POST_INVALID,
    NGX_MESSAGING_STAT_POST_HEADER,
    NGX_MESSAGING_STAT_POST_CONFLICT,
    NGX_MESSAGING_STAT_POST_MISMATCH,
    NGX_MESSAGING_STAT_POST_UNAVAILABLE,

    NGX_MESSAGING_STAT_STORE_SAVED,
    NGX_MESSAGING_STAT_STORE_REJECTED,
    NGX_MESSAGING_STAT_STORE_LIMITED,
    NGX_MESSAGING_STAT_STORE_FAILED,
    NGX_MESSAGING_STAT_STORE_OVERLOADED,
    NGX_MESSAGING_STAT_STORE_QUEUED,
    NGX_MESSAGING_STAT_STORE_FULL,

    NGX_MESSAGING_STAT_READ_SAVED,
    NGX_MESSAGING_STAT_READ_MERGED,
    NGX_MESSAGING_STAT_READ_REJECTED,
    NGX_MESSAGING_STAT_READ_FAILED,
    NGX_MESSAGING_STAT_READ_DROPPED,
    NGX_MESSAGING_STAT_READ_OVERLOADED,

    NGX_MESSAGING_STAT_CONTROL_OBEYED,
    NGX_MESSAGING_STAT_CONTROL_UNKNOWN,
    NGX_MESSAGING_STAT_CONTROL_INVALID,
    NGX_MESSAGING_STAT_CONTROL_CLOSED,
    NGX_MESSAGING_STAT_CONTROL_UNSUBSCRIBED,
    NGX_MESSAGING_STAT_CONTROL_EVICTED,
    NGX_MESSAGING_STAT_CONTROL_NOT_STORED,

    NGX_MESSAGING_STAT_ACCESS_ASKED,
    NGX_MESSAGING_STAT_ACCESS_CACHED,
    NGX_MESSAGING_STAT_ACCESS_EVICTED,
    NGX_MESSAGING_STAT_ACCESS_KEPT,
    NGX_MESSAGING_STAT_ACCESS_WITHDRAWN,
    NGX_MESSAGING_STAT_ACCESS_FAILED,

    NGX_MESSAGING_STAT_EVENTS_SENT,
    NGX_MESSAGING_STAT_EVENTS_FAILED,
    NGX_MESSAGING_STAT_EVENTS_DROPPED,

    NGX_MESSAGING_STAT_LIMIT_RATE,
    NGX_MESSAGING_STAT_LIMIT_TYPING_RATE,
    NGX_MESSAGING_STAT_LIMIT_RATE_CLOSED,
    NGX_MESSAGING_STAT_LIMIT_FRAGMENTS,
    NGX_MESSAGING_STAT_LIMIT_SEND_BUFFER,
    NGX_MESSAGING_STAT_LIMIT_QUEUED,
    NGX_MESSAGING_STAT_LIMIT_CLOSE_TIMEOUT,
    NGX_MESSAGING_STAT_LIMIT_REFUSE_DELAY,
    NGX_MESSAGING_STAT_LIMIT_IDEMPOTENCY,

    NGX_MESSAGING_STAT_SHED_TYPING_COALESCED,
    NGX_MESSAGING_STAT_SHED_TYPING,
    NGX_MESSAGING_STAT_SHED_PRESENCE,
    NGX_MESSAGING_STAT_SHED_RECEIPT,
    NGX_MESSAGING_STAT_SHED_PONG,

    NGX_MESSAGING_STAT_DEFLATE_MESSAGES,
    NGX_MESSAGING_STAT_DEFLATE_BYTES_IN,
    NGX_MESSAGING_STAT_DEFLATE_BYTES_OUT,

    NGX_MESSAGING_STAT_INFLATE_MESSAGES,
    NGX_MESSAGING_STAT_INFLATE_BYTES_IN,
    NGX_MESSAGING_STAT_INFLATE_BYTES_OUT,
    NGX_MESSAGING_STAT_INFLATE_TOO_BIG,
    NGX_MESSAGING_STAT_INFLATE_FAILED,

    NGX_MESSAGING_STAT_CLOSED_1000,
    NGX_MESSAGING_STAT_CLOSED_1001,
    NGX_MESSAGING_STAT_CLOSED_1002,
    NGX_MESSAGING_STAT_CLOSED_1003,
    NGX_MESSAGING_STAT_CLOSED_1005,
    NGX_MESSAGING_STAT_CLOSED_1006,
    NGX_MESSAGING_STAT_CLOSED_1007,
    NGX_MESSAGING_STAT_CLOSED_1008,
    NGX_MESSAGING_STAT_CLOSED_1009,
    NGX_MESSAGING_STAT_CLOSED_1011,
    NGX_MESSAGING_STAT_CLOSED_1012,
    NGX_MESSAGING_STAT_CLOSED_1013,
    NGX_MESSAGING_STAT_CLOSED_4000,
    NGX_MESSAGING_STAT_CLOSED_4001,
    NGX_MESSAGING_STAT_CLOSED_4003,
    NGX_MESSAGING_STAT_CLOSED_OTHER,

    NGX_MESSAGING_STAT_REDIS_READY,
    NGX_MESSAGING_STAT_REDIS_RECONNECTS,
    NGX_MESSAGING_STAT_REDIS_LOST,
    NGX_MESSAGING_STAT_REDIS_GAPS,

    /* as many as ngx_messaging_lag_buckets[] */
    NGX_MESSAGING_STAT_LAG_1MS,
    NGX_MESSAGING_STAT_LAG_5MS,
    NGX_MESSAGING_STAT_LAG_25MS,
    NGX_MESSAGING_STAT_LAG_100MS,
    NGX_MESSAGING_STAT_LAG_500MS,
    NGX_MESSAGING_STAT_LAG_2S,
    NGX_MESSAGING_STAT_LAG_MORE,
    NGX_MESSAGING_STAT_LAG_SUM,
    NGX_MESSAGING_STAT_LAG_COUNT,
    NGX_MESSAGING_STAT_LAG_LOST,

    NGX_MESSAGING_STAT_RELAY_LAPS,
    NGX_MESSAGING_STAT_RELAY_LOST,
    NGX_MESSAGING_STAT_RELAY_SKIPPED,

    NGX_MESSAGING_STAT_LAST
} ngx_messaging_stat_e;


typedef struct {
    const char                 *group;      /* "" is the top level */
    const char                 *name;
    ngx_uint_t                  gauge;      /* of now, not since the start */
    const char                 *help;
} ngx_messaging_stat_t;


typedef struct {
    ngx_atomic_t                pid;        /* 0: free */
    ngx_atomic_t                beat;       /* time of the last sign of life */

    ngx_atomic_t                table;      /* see ngx_messaging_quota.c */
    ngx_atomic_t                counting;   /* the table is this owner's */
    ngx_atomic_t                moves;

    ngx_atomic_t                stats[NGX_MESSAGING_STAT_LAST];
} ngx_messaging_slot_t;


/* see ngx_messaging_presence.h */

typedef struct ngx_messaging_presence_table_s  ngx_messaging_presence_table_t;


typedef struct {
    ngx_slab_pool_t            *pool;       /* what the zone has besides */

    u_char                      user_seed[NGX_MESSAGING_KEY_SEED];
    u_char                      address_seed[NGX_MESSAGING_KEY_SEED];

    ngx_atomic_t                generation; /* raised by each configuration */

    ngx_atomic_t                last_id;    /* ms << 6 | sequence */
    ngx_atomic_t                host;       /* leased host number, + 1 */
    ngx_atomic_t                host_token; /* who leases it */
    ngx_atomic_t                local;      /* host number without Redis */

    ngx_atomic_t                retired[NGX_MESSAGING_STAT_LAST];
    ngx_messaging_slot_t        slots[NGX_MESSAGING_SHM_SLOTS];

    ngx_messaging_refusals_t    refusals;
    ngx_messaging_revocations_t  *revocations;
    ngx_messaging_verdicts_t   *verdicts;   /* NULL: nobody wanted any */
    ngx_messaging_idempotency_t  *idempotency;  /* NULL: no key yet */

    ngx_messaging_ring_t       *ring;       /* of the broker without Redis, */
    ngx_messaging_wake_t       *wake;       /* NULL if there was none yet */

    ngx_messaging_presence_table_t  *presence;      /* likewise */
} ngx_messaging_shm_t;


/*
 * ngx_messaging_shm_add() declares the zone; *shm is set when it is there.
 * If *quotas is set by then, a zone that has no room for the tables of
 * ngx_messaging_quota.h is an error of the configuration.  If *verdicts is
 * set, it gets a table of them, in up to 1/16 of it.  If *record is not
 * 0, the zone gets a ring, in up to 5/8 of it, for records of up to so many
 * bytes; it is an error if the ring has no room for 64 of them.  If *presence
 * is not 0, it gets a table of ngx_messaging_presence.h for so many.
 *
 * ngx_messaging_shm_supersede() raises the generation of the zone that the
 * configuration before "cycle" had, so that its workers know why they leave.
 * "shm" is that of "cycle", or NULL: if it is another one, it gets another
 * host number, for both sides make ids for a while.
 *
 * ngx_messaging_shm_claim() gives the calling worker a slot, NULL if all are
 * taken; slots of dead workers are retired on the way.
 * ngx_messaging_shm_beat() extends the lease of a slot.
 * ngx_messaging_shm_retire() gives a slot back, if it still is the caller's.
 *
 * ngx_messaging_shm_sum() adds a counter up.  "own" may be a slot that is not
 * in the zone, or NULL.  ngx_messaging_shm_workers() counts living workers,
 * ngx_messaging_shm_alive() tells whether a slot has one that was heard of
 * within "lease" seconds, and is there.
 *
 * ngx_messaging_shm_id() draws an id below 2^53: milliseconds since 2025 in
 * 41 bits, the host number (0..63) in 6, a sequence in 6; unique and growing
 * among all workers that share the zone.
 */

#define NGX_MESSAGING_SHM_HOSTS  64

/* a ring has room for so many of the longest records */
#define NGX_MESSAGING_SHM_RECORDS  64

char *ngx_messaging_shm_add(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    void *tag, ngx_messaging_shm_t **shm, ngx_uint_t *quotas,
    ngx_uint_t *verdicts, size_t *record, ngx_uint_t *presence);
void ngx_messaging_shm_supersede(ngx_cycle_t *cycle, ngx_messaging_shm_t *shm,
    void *tag);
ngx_messaging_slot_t *ngx_messaging_shm_claim(ngx_messaging_shm_t *shm);
void ngx_messaging_shm_beat(ngx_messaging_slot_t *slot);
void ngx_messaging_shm_retire(ngx_messaging_shm_t *shm,
    ngx_messaging_slot_t *slot);
uint64_t ngx_messaging_shm_sum(ngx_messaging_shm_t *shm,
    ngx_messaging_slot_t *own, ngx_uint_t stat);
ngx_uint_t ngx_messaging_shm_alive(ngx_messaging_slot_t *slot,
    ngx_atomic_int_t lease);
ngx_uint_t ngx_messaging_shm_workers(ngx_messaging_shm_t *shm);
uint64_t ngx_messaging_shm_id(ngx_messaging_shm_t *shm, ngx_uint_t host);


/* the owner is the only writer: a plain load and store is enough */

#define ngx_messaging_stat_add(slot, stat, n)                                 \
    ((slot)->stats[stat] += (ngx_atomic_uint_t) (n))
#define ngx_messaging_stat_set(slot, stat, n)                                 \
    ((slot)->stats[stat] = (ngx_atomic_uint_t) (n))


extern ngx_messaging_stat_t  ngx_messaging_shm_stats[];


#endif /* _NGX_MESSAGING_SHM_H_INCLUDED_ */
