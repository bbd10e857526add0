
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_SESSION_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_SESSION_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_messaging_arena.h"
#include "ngx_messaging_bucket.h"
#include "ngx_messaging_deflate.h"
#include "ngx_messaging_frame.h"
#include "ngx_messaging_inflate.h"
#include "ngx_messaging_memory.h"
#include "ngx_messaging_quota.h"


/* how long a subscription may take to be confirmed: part of the contract */

#define NGX_HTTP_MESSAGING_CONFIRM_TIMEOUT  5000

/* frames of one session that wait for the broker's answer */

#define NGX_HTTP_MESSAGING_MAX_PUBLISHES    64

#define NGX_HTTP_MESSAGING_RECV_BUFFER      65536
#define NGX_HTTP_MESSAGING_RECORD           16384


/* a message or a control frame of which the end has not come yet */

typedef struct {
    u_char                      *data;      /* of the data message */
    size_t                       len;
    size_t                       size;

    size_t                       ncontrol;
    u_char                       control[NGX_MESSAGING_FRAME_MAX_CONTROL];
} ngx_http_messaging_assembly_t;


/* a frame in the queue: any may be taken out, prev is what points to it */

typedef struct ngx_http_messaging_out_s  ngx_http_messaging_out_t;

struct ngx_http_messaging_out_s {
    ngx_messaging_message_t     *message;
    ngx_http_messaging_out_t    *next;
    ngx_http_messaging_out_t   **prev;
};


/* what waits for a client whose socket is full, and may be left out */

typedef struct {
    ngx_http_messaging_out_t   **fresh;     /* link to what was not noted yet */
    ngx_uint_t                   fixed;     /* so many at the front must go */
    size_t                       front;     /* ... and their bytes */

    ngx_http_messaging_out_t    *oldest[NGX_MESSAGING_KIND_TYPING + 1];
    ngx_uint_t                   count[NGX_MESSAGING_KIND_TYPING + 1];
    size_t                       bytes[NGX_MESSAGING_KIND_TYPING + 1];

    ngx_http_messaging_out_t    *pong;      /* the last one */

    ngx_http_messaging_out_t   **slots;     /* typing by its key */
    ngx_uint_t                   nslots;    /* a power of two */
    ngx_uint_t                   nkeys;

    ngx_uint_t                   logged;
} ngx_http_messaging_shed_t;


/* what is left of compressed messages for the next ones */

typedef struct ngx_http_messaging_takeover_s  ngx_http_messaging_takeover_t;


/* questions without an answer: who may enter */

typedef struct ngx_http_messaging_asks_s  ngx_http_messaging_asks_t;


/* what waits for the backend */

typedef struct ngx_http_messaging_store_s  ngx_http_messaging_store_t;


/* one that was refused and has to wait for its Close frame, or status */

typedef struct {
    ngx_msec_t                   due;
    ngx_uint_t                   code;
    const char                  *reason;
    ngx_int_t                    status;    /* "messaging_reject http" */
} ngx_http_messaging_refusal_t;


/* what a session has on one channel */

typedef struct {
    ngx_messaging_subscriber_t     subscriber;
    ngx_http_messaging_session_t  *session;
    ngx_queue_t                    queue;        /* session->subscriptions */
    ngx_msec_t                     due;          /* of the confirmation, or of
                                                    the end of typing */
    uint32_t                       recheck;      /* ms, likewise */
    unsigned                       again:1;      /* ... is asked for then */
    unsigned                       fresh:1;      /* ... whatever was said */
    unsigned                       confirmed:1;
    unsigned                       ready:1;      /* confirmed, not handled */
    unsigned                       read_only:1;
    unsigned                       typing:1;     /* the others know */
    unsigned                       held:1;       /* ... do not know yet */
    unsigned                       present:1;    /* in messaging_events */
} ngx_http_messaging_subscription_t;


struct ngx_http_messaging_session_s {
    ngx_http_messaging_worker_t       *worker;
    ngx_http_request_t                *request;       /* NULL: detached */
    ngx_connection_t                  *connection;
    ngx_http_messaging_loc_conf_t     *conf;

    ngx_queue_t                        queue;         /* worker->sessions */
    ngx_queue_t                        posted;        /* worker->posted */
    ngx_messaging_deadline_t           deadline;

    ngx_event_handler_pt               handler;       /* nginx's own */

    ngx_messaging_frame_t              frame;
    ngx_http_messaging_assembly_t     *assembly;
    ngx_http_messaging_takeover_t     *takeover;

    ngx_http_messaging_out_t          *out;
    ngx_http_messaging_out_t         **last_out;
    size_t                             offset;        /* sent of the first */
    size_t                             queued;        /* bytes, not sent */
    size_t                             pending;       /* ... and known to TLS */
    ngx_http_messaging_shed_t         *shed;          /* NULL: nothing waits */

    ngx_str_t                          user;          /* percent-encoded */
    ngx_str_t                          user_json;
    ngx_str_t                          name_json;     /* empty: no name */
    int64_t                            expires;       /* ms since the epoch */
    int64_t                            issued;        /* likewise; 0: unknown */
    uint64_t                           jti_key;       /* 0: none */
    json_t                            *access;        /* the access claim */
    ngx_http_messaging_asks_t         *asks;          /* NULL: nothing is */
    ngx_http_messaging_store_t        *store;         /* NULL: nothing is */

    ngx_str_t                          conversation;  /* or the channel */
    ngx_http_messaging_subscription_t  single;
    ngx_queue_t                        subscriptions;
    ngx_queue_t                        publishes;
    uint32_t                           nsubscriptions;
    uint32_t                           npublishes;

    uint64_t                           user_key;      /* 0: not counted */
    uint64_t                           address_key;
    ngx_http_messaging_refusal_t      *refusal;       /* while it waits */

    ngx_msec_t                         heard;
    ngx_msec_t                         close_due;
    uint64_t                           received;      /* messages */
    uint64_t                           sent;
    uint32_t                           pongs;         /* that wait */
    uint16_t                           close_code;
    u_char                             barred;        /* close_code, as soon as
                                                         it is open */
    u_char                             utf8;

    ngx_messaging_bucket_t             rate;
    ngx_messaging_bucket_t             typing_rate;
    uint32_t                           refused;       /* over the rate */

    unsigned                           server_bits:4; /* 0: no compression */
    unsigned                           client_bits:4;
    unsigned                           server_takeover:1;
    unsigned                           client_takeover:1;

    unsigned                           counted:1;     /* as a connection */
    unsigned                           waiting:1;     /* for the broker */
    unsigned                           open:1;        /* the 101 was sent */
    unsigned                           admitted:1;
    unsigned                           payload:1;     /* inside a frame */
    unsigned                           pinged:1;
    unsigned                           closing:1;     /* our Close is queued */
    unsigned                           greet:1;       /* a channel is ready */
    unsigned                           finish:1;      /* leave when sent */
    unsigned                           finished:1;    /* cleaned up */
    unsigned                           failed:1;      /* leave at once */
    unsigned                           emptied:1;     /* its queue given up */
    unsigned                           is_posted:1;
    unsigned                           typing_limited:1;  /* was told so */
    unsigned                           present:1;     /* in messaging_events */
};


typedef struct ngx_http_messaging_control_s  ngx_http_messaging_control_t;
typedef struct ngx_http_messaging_events_s   ngx_http_messaging_events_t;


/* per worker, and so without a lock; owned by the main configuration */

struct ngx_http_messaging_worker_s {
    ngx_http_messaging_main_conf_t    *conf;
    ngx_messaging_channels_t           channels;
    ngx_messaging_broker_t            *broker;
    ngx_messaging_slot_t              *slot;
    ngx_messaging_quota_t              quota;
    ngx_messaging_wheel_t              wheel;
    ngx_messaging_arena_t              arena;

    ngx_queue_t                        sessions;
    ngx_queue_t                        posted;
    ngx_uint_t                         nposted;
    ngx_uint_t                         nqueued;       /* frames, ever */
    ngx_event_t                        event;         /* flush of posted */
    ngx_event_t                        beat;          /* of the slot */
    ngx_event_t                        drain;
    ngx_event_t                        over;          /* messaging_max_queued */
    ngx_event_t                        hold;          /* while nstreams */
    ngx_connection_t                   dummy;

    ngx_msec_t                         drain_end;
    ngx_uint_t                         drain_code;
    ngx_uint_t                         drain_total;
    ngx_uint_t                         draining;
    ngx_uint_t                         nrefusals;     /* that wait */
    ngx_uint_t                         nstreams;      /* XADDs, no answer yet */
    ngx_msec_t                         stream_logged; /* 0: not yet */
    ngx_uint_t                         nfreed;        /* pools of requests, in
                                                         this beat */
    ngx_uint_t                         untrimmed;     /* ... before it */

    ngx_msec_t                         gather;        /* since when */
    ngx_uint_t                         gathered;      /* nqueued before it */
    ngx_uint_t                         looks;
    ngx_uint_t                         looked;        /* ... just now */

    int64_t                            clock;         /* less monotonic */

    ngx_http_messaging_control_t      *control;
    ngx_http_messaging_events_t       *events;        /* NULL: off */

    ngx_http_messaging_out_t          *free_out;
    ngx_uint_t                         nfree_out;
    ngx_messaging_message_t           *pong;
    u_char                            *buffer;        /* receive buffer */
    u_char                            *record;        /* to be sent by TLS */

    u_char                            *text;          /* of a frame made */
    size_t                             text_size;

    ngx_messaging_deflate_t            deflate;
    ngx_messaging_inflate_t            inflate;

    ngx_messaging_slot_t               spare;         /* if the zone is full */
};


/*
 * A session is made in r->pool by ngx_http_messaging_session_create() and is
 * the request's module context.  It lives until the request is freed, but
 * from ngx_http_messaging_session_end() on, which undoes every queue, timer,
 * subscription and buffer, only its fields for the log mean anything.  With
 * "messaging_detach" it outlives the request and ends with the connection.
 *
 * ngx_http_messaging_session_open() sends the 101 and takes the connection
 * over from HTTP.
 *
 * What follows may be called from any event; nothing is sent, closed or freed
 * before the posted event of the worker:
 *
 * ngx_http_messaging_session_send() queues a shared frame,
 * ngx_http_messaging_session_text() a text message made of parts.
 * ngx_http_messaging_session_close() queues a Close frame; a second one is
 * ignored.  "reason" is a static ASCII text of at most 123 bytes.
 * ngx_http_messaging_session_give_up() does the same when what waits, but for
 * frames that are on their way, is given up.
 * ngx_http_messaging_session_post() has the session looked at.
 * ngx_http_messaging_session_uncount() takes it off all that is counted: the
 * connections, those of its user and those of its address.
 * ngx_http_messaging_session_lost() ends a session whose request, which has
 * no 101 yet, was taken away by post_action; 1: it was.
 * ngx_http_messaging_session_now() is the time in ms since the epoch.
 *
 * ngx_http_messaging_session_subscribe() joins a channel; NGX_OK: confirmed,
 * NGX_AGAIN: the session is posted when it is, NGX_ERROR: no memory.
 * ngx_http_messaging_session_subscriptions() does for its channels what is to
 * be done now: a closing session leaves them, an open one greets new ones.
 */

ngx_http_messaging_session_t *ngx_http_messaging_session_create(
    ngx_http_request_t *r, ngx_http_messaging_worker_t *worker);
ngx_int_t ngx_http_messaging_session_open(ngx_http_messaging_session_t *s);
void ngx_http_messaging_session_end(ngx_http_messaging_session_t *s);
void ngx_http_messaging_session_finalize(ngx_http_messaging_session_t *s,
    ngx_int_t rc);
void ngx_http_messaging_session_handle(ngx_http_messaging_session_t *s);
void ngx_http_messaging_session_readable(ngx_http_messaging_session_t *s);
void ngx_http_messaging_session_deadline(ngx_messaging_deadline_t *d);

void ngx_http_messaging_session_send(ngx_http_messaging_session_t *s,
    ngx_messaging_message_t *m);
void ngx_http_messaging_session_text(ngx_http_messaging_session_t *s,
    ngx_str_t *parts, ngx_uint_t n);
void ngx_http_messaging_session_close(ngx_http_messaging_session_t *s,
    ngx_uint_t code, const char *reason);
void ngx_http_messaging_session_give_up(ngx_http_messaging_session_t *s,
    const char *reason);
void ngx_http_messaging_session_post(ngx_http_messaging_session_t *s);
void ngx_http_messaging_session_schedule(ngx_http_messaging_session_t *s);
void ngx_http_messaging_session_uncount(ngx_http_messaging_session_t *s);
ngx_uint_t ngx_http_messaging_session_lost(ngx_http_messaging_session_t *s);
int64_t ngx_http_messaging_session_now(void);

ngx_int_t ngx_http_messaging_session_subscribe(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub, ngx_str_t *name);
void ngx_http_messaging_session_unsubscribe(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);
ngx_http_messaging_subscription_t *ngx_http_messaging_session_find(
    ngx_http_messaging_session_t *s, ngx_str_t *name);
void ngx_http_messaging_session_subscriptions(ngx_http_messaging_session_t *s);


/* the two halves of a session's file: what comes in and what goes out */

ngx_int_t ngx_http_messaging_input(ngx_http_messaging_session_t *s, u_char *p,
    u_char *last);
void ngx_http_messaging_input_discard(ngx_http_messaging_session_t *s);
void ngx_http_messaging_input_free(ngx_http_messaging_session_t *s);

ngx_int_t ngx_http_messaging_output(ngx_http_messaging_session_t *s);
void ngx_http_messaging_output_drop(ngx_http_messaging_session_t *s,
    ngx_http_messaging_out_t *out);
void ngx_http_messaging_output_free(ngx_http_messaging_session_t *s);


/*
 * What is left out for a client that is slow: _wait() is told that sending
 * has stopped, _leave() that a frame leaves the queue, _free() that all have.
 */

void ngx_http_messaging_shed_wait(ngx_http_messaging_session_t *s);
ngx_int_t ngx_http_messaging_shed_room(ngx_http_messaging_session_t *s,
    ngx_messaging_message_t *m);
void ngx_http_messaging_shed_leave(ngx_http_messaging_session_t *s,
    ngx_http_messaging_out_t *out);
void ngx_http_messaging_shed_free(ngx_http_messaging_session_t *s);


/* messaging_max_queued: the worker's "over" */

void ngx_http_messaging_budget(ngx_event_t *ev);


/* the members' side of the channels */

extern ngx_messaging_member_events_t  ngx_http_messaging_member_events;


#endif /* _NGX_HTTP_MESSAGING_SESSION_H_INCLUDED_ */
