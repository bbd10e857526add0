
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_LAG_H_INCLUDED_
#define _NGX_MESSAGING_LAG_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * How long a payload takes from a worker through Redis and back to the same
 * worker, which is subscribed to whatever channel its clients send to.
 *
 * One payload at a time is the probe.  It is known again by its channel,
 * length and hash: nothing is added to what is sent.  Two equal payloads on
 * one channel at the same time, such as typing of a user with two devices,
 * may be taken for each other; that makes one sample too small.
 */

#define NGX_MESSAGING_LAG_INTERVAL  100         /* ms between two probes */
#define NGX_MESSAGING_LAG_TIMEOUT   10000       /* ms, then one is given up */

#define NGX_MESSAGING_LAG_BUCKETS   7


/* the last bucket has no bound */

typedef struct {
    uint64_t      bound;       /* microseconds, 0: none */
    const char   *le;          /* the same, as Prometheus writes it */
} ngx_messaging_lag_bucket_t;


/* zeroed before the first use */

typedef struct {
    uint64_t      sent;        /* ns */
    uint64_t      channel;     /* hashes */
    uint64_t      payload;
    size_t        len;
    ngx_msec_t    time;        /* when the last probe was sent */
    unsigned      used:1;
    unsigned      out:1;       /* a probe is on its way */
} ngx_messaging_lag_t;


/*
 * ngx_messaging_lag_due() tells whether what is published now, at "msec",
 * should be the probe: NGX_OK; NGX_ABORT, yes, since the last one is given
 * up; NGX_AGAIN, no.
 *
 * ngx_messaging_lag_send() makes a payload the probe; "ns" is a monotonic
 * clock.
 *
 * ngx_messaging_lag_receive() looks at a payload that has come, if lag->out:
 * NGX_OK, it was the probe and *us is what it took; NGX_DECLINED.
 *
 * ngx_messaging_lag_leave() forgets the probe if it is on a channel that is
 * left, ngx_messaging_lag_forget() on whatever channel.
 *
 * ngx_messaging_lag_bucket() is the index of the bucket of a sample.
 */

ngx_int_t ngx_messaging_lag_due(ngx_messaging_lag_t *lag, ngx_msec_t msec);
void ngx_messaging_lag_send(ngx_messaging_lag_t *lag, ngx_str_t *channel,
    ngx_str_t *payload, ngx_msec_t msec, uint64_t ns);
ngx_int_t ngx_messaging_lag_receive(ngx_messaging_lag_t *lag,
    ngx_str_t *channel, ngx_str_t *payload, uint64_t ns, uint64_t *us);
void ngx_messaging_lag_leave(ngx_messaging_lag_t *lag, ngx_str_t *channel);
void ngx_messaging_lag_forget(ngx_messaging_lag_t *lag);
ngx_uint_t ngx_messaging_lag_bucket(uint64_t us);


extern ngx_messaging_lag_bucket_t  ngx_messaging_lag_buckets[];


#endif /* _NGX_MESSAGING_LAG_H_INCLUDED_ */
