
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_REDIS_H_INCLUDED_
#define _NGX_MESSAGING_REDIS_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_pipeline.h"
#include "ngx_messaging_resp.h"
#include "ngx_messaging_url.h"

#include <ngx_event.h>
#include <ngx_event_connect.h>


/* where Redis is and who we are there: set at configuration time, read-only */

typedef struct {
    ngx_messaging_url_t         url;

    ngx_addr_t                 *addrs;       /* resolved at start, or none */
    ngx_uint_t                  naddrs;

    ngx_resolver_t             *resolver;    /* NULL: only addrs are used */
    ngx_msec_t                  resolver_timeout;

    ngx_uint_t                  dynamic;     /* a name, and a resolver asked at
                                                each connect */
} ngx_messaging_redis_conf_t;


typedef struct ngx_messaging_redis_s  ngx_messaging_redis_t;


typedef struct {
    /* connected, and AUTH and SELECT answered: commands may be sent */
    void                      (*ready)(void *data);

    /* no longer ready; every command sent has had its reply or NULL */
    void                      (*lost)(void *data);

    /* a message or a (un)subscribe confirmation, on a subscriber; the reply's
       elements are as Redis sent them: elts[0] "message", elts[1] the channel,
       elts[2] the payload; "subscribe"/"unsubscribe", channel, integer */
    void                      (*push)(void *data,
                                  ngx_messaging_resp_reply_t *reply);
} ngx_messaging_redis_events_t;


/* reply == NULL: the connection broke before it was answered */

typedef ngx_messaging_pipeline_handler_pt  ngx_messaging_redis_reply_pt;


#define NGX_MESSAGING_REDIS_COMMAND     0
#define NGX_MESSAGING_REDIS_SUBSCRIBER  1


/*
 * ngx_messaging_redis_resolve() fills in the addresses of conf->url, and
 * "dynamic", at configuration time.  conf->resolver must have been set before,
 * to the "resolver" of the http block or NULL: with one (that has servers) a
 * name that is not found now is no error, it is looked up at each connect, and
 * what was found now is used when the resolver fails.
 *
 * ngx_messaging_redis_create() makes a connection object on "pool" (of the
 * worker's life); nothing is connected yet.  ngx_messaging_redis_start()
 * connects now and, from then on, whenever the connection is lost: after 100
 * ms, doubling to 10 s (until a connection has lasted for
 * NGX_MESSAGING_REDIS_TIMEOUT), with jitter; of several addresses, each is
 * tried once before that time begins.  ngx_messaging_redis_close() closes for
 * good and calls no handler but those of unanswered commands; it may be called
 * from any handler.
 *
 * ngx_messaging_redis_command() queues a command; all commands of a turn of
 * the event loop leave in one write.  NGX_OK: the handler (may be NULL) is
 * called exactly once, later, never from inside this call.  NGX_DECLINED: the
 * connection is not ready; NGX_BUSY: over NGX_MESSAGING_REDIS_MAX_OUT bytes
 * wait to be sent or over NGX_MESSAGING_REDIS_MAX_PENDING commands for an
 * answer; NGX_ERROR: no memory.  On a subscriber only (UN)SUBSCRIBE is sent
 * with it, handler NULL, and confirmations come by the push handler, which
 * sees arrays of three or four elements only, with a non-empty elts[0]; an
 * error in answer to (UN)SUBSCRIBE ends the connection.
 *
 * A connection that does not connect, or whose commands are not answered,
 * within NGX_MESSAGING_REDIS_TIMEOUT, or a subscriber that does not answer a
 * PING (sent after that time without a byte) within it, is lost.  So is one
 * whose answers are not RESP.  Errors are logged at most once per
 * NGX_MESSAGING_REDIS_LOG_INTERVAL and object, with a count of what was left
 * out; the recovery is logged at notice.  When worker_shutdown_timeout passes
 * the connection closes silently and for good, after the lost event.
 *
 * ngx_messaging_redis_ready() is 1 between the ready and lost events.
 * ngx_messaging_redis_reconnects() counts connections made after the first.
 */

#define NGX_MESSAGING_REDIS_TIMEOUT       5000
#define NGX_MESSAGING_REDIS_LOG_INTERVAL  10000
#define NGX_MESSAGING_REDIS_MAX_OUT       NGX_MESSAGING_PIPELINE_MAX_OUT
#define NGX_MESSAGING_REDIS_MAX_PENDING   NGX_MESSAGING_PIPELINE_MAX_PENDING

char *ngx_messaging_redis_resolve(ngx_conf_t *cf,
    ngx_messaging_redis_conf_t *conf);
ngx_messaging_redis_t *ngx_messaging_redis_create(ngx_pool_t *pool,
    ngx_messaging_redis_conf_t *conf, ngx_uint_t kind,
    ngx_messaging_redis_events_t *events, void *data);
void ngx_messaging_redis_start(ngx_messaging_redis_t *redis);
void ngx_messaging_redis_close(ngx_messaging_redis_t *redis);
ngx_int_t ngx_messaging_redis_command(ngx_messaging_redis_t *redis,
    ngx_uint_t argc, ngx_str_t *argv, ngx_messaging_redis_reply_pt handler,
    void *data);
ngx_uint_t ngx_messaging_redis_ready(ngx_messaging_redis_t *redis);
ngx_uint_t ngx_messaging_redis_reconnects(ngx_messaging_redis_t *redis);


#endif /* _NGX_MESSAGING_REDIS_H_INCLUDED_ */
