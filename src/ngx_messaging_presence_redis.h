
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_PRESENCE_REDIS_H_INCLUDED_
#define _NGX_MESSAGING_PRESENCE_REDIS_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_presence.h"
#include "ngx_messaging_redis.h"


/*
 * Hosts that share a Redis make one of what each of them knows.  The lease is
 * the host's, not the user's: renewing it is one command, however many are
 * there.  Keys, all of which begin with the prefix and "@events:":
 *
 * hosts      sorted set: hosts and when their leases end, ms by Redis' clock
 * at:USER    hash: where a user (and: in a conversation) is, and how he is
 *            told of
 * of:HOST    set: who is there
 * dead       set: hosts whose lease has ended, until all have left them
 * calm       there while no host is taken for dead: a host's lease had ended,
 *            and it came back, so that others may be back in a moment
 * queue      list: events to be posted, as JSON
 * head       how many have been taken off it
 * poster     who posts them
 */

/* of all hosts; what is over it is dropped */

#define NGX_MESSAGING_PRESENCE_REDIS_QUEUE  65536


typedef struct {
    ngx_str_t                         prefix;
    ngx_msec_t                        lease;
    ngx_str_t                         stream;      /* empty: a queue */
    ngx_uint_t                        maxlen;

    ngx_uint_t                        fresh;       /* takes a new lease */
    ngx_uint_t                        want;        /* so many of the queue */
    ngx_uint_t                        head;        /* of those it had got */
    ngx_uint_t                        done;        /* ... so many are posted */
} ngx_messaging_presence_report_t;


typedef struct {
    ngx_uint_t                        known;       /* 0: has no lease, and
                                                      nothing was done */
    ngx_uint_t                        streamed;
    ngx_uint_t                        dropped;
    ngx_uint_t                        more;        /* there is more to do */
    ngx_uint_t                        head;
    ngx_uint_t                        nevents;     /* to be posted */
    ngx_str_t                         events;      /* JSON, with commas */
} ngx_messaging_presence_answer_t;


/*
 * ngx_messaging_presence_redis_tell() renews the host's lease, tells Redis of
 * changes, and takes care of dead hosts, by one command, all or nothing.  It
 * returns what ngx_messaging_redis_command() does.
 * ngx_messaging_presence_redis_parse() reads the answer; NGX_OK, or NGX_ERROR
 * if it is none.
 */

ngx_int_t ngx_messaging_presence_redis_tell(ngx_messaging_redis_t *redis,
    ngx_messaging_presence_t *p, ngx_messaging_presence_report_t *report,
    ngx_messaging_presence_change_t *changes, ngx_uint_t n,
    ngx_messaging_redis_reply_pt handler, void *data);
ngx_int_t ngx_messaging_presence_redis_parse(
    ngx_messaging_presence_answer_t *answer,
    ngx_messaging_resp_reply_t *reply);


#endif /* _NGX_MESSAGING_PRESENCE_REDIS_H_INCLUDED_ */
