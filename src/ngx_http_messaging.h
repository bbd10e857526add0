
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_broker.h"
#include "ngx_messaging_channel.h"
#include "ngx_messaging_jwt.h"
#include "ngx_messaging_redis.h"
#include "ngx_messaging_shm.h"
#include "ngx_messaging_wheel.h"

#include <ngx_http.h>


#if !(NGX_HTTP_SSL)
#error "build with the flags of the nginx it is for (nginx -V), at least \
--with-http_ssl_module: without it all TLS code is left out silently"
#endif


typedef struct ngx_http_messaging_session_s  ngx_http_messaging_session_t;
typedef struct ngx_http_messaging_worker_s   ngx_http_messaging_worker_t;


/* where a token may come from, in the order of "messaging_jwt_from" */

#define NGX_HTTP_MESSAGING_FROM_HEADER       1
#define NGX_HTTP_MESSAGING_FROM_QUERY        2
#define NGX_HTTP_MESSAGING_FROM_COOKIE       3
#define NGX_HTTP_MESSAGING_FROM_SUBPROTOCOL  4


#define NGX_HTTP_MESSAGING_ACCESS_ANY        1
#define NGX_HTTP_MESSAGING_ACCESS_CLAIM      2
#define NGX_HTTP_MESSAGING_ACCESS_REQUEST    3
#define NGX_HTTP_MESSAGING_ACCESS_REDIS      4


#define NGX_HTTP_MESSAGING_PUBLISH_OFF       0
#define NGX_HTTP_MESSAGING_PUBLISH_ON        1
#define NGX_HTTP_MESSAGING_PUBLISH_BATCH     2


#define NGX_HTTP_MESSAGING_REJECT_CLOSE      0
#define NGX_HTTP_MESSAGING_REJECT_HTTP       1


#define NGX_HTTP_MESSAGING_ENDPOINT_ONE      0   /* messaging_conversation */
#define NGX_HTTP_MESSAGING_ENDPOINT_CHANNEL  1   /* messaging_channel */
#define NGX_HTTP_MESSAGING_ENDPOINT_MANY     2   /* neither */


/* which side may compress with what it has sent before, RFC 7692, section
   7.1.1: a set of bits */

#define NGX_HTTP_MESSAGING_TAKEOVER_OFF      0
#define NGX_HTTP_MESSAGING_TAKEOVER_CLIENT   1
#define NGX_HTTP_MESSAGING_TAKEOVER_SERVER   2
#define NGX_HTTP_MESSAGING_TAKEOVER_ON       3


typedef struct {
    ngx_uint_t                   from;      /* NGX_HTTP_MESSAGING_FROM_* */
    ngx_str_t                    name;      /* of the argument or cookie */
} ngx_http_messaging_source_t;


/* a JWK set file and, in a worker, what was last read from it */

typedef struct {
    ngx_str_t                    file;
    ngx_messaging_jwks_t        *keys;
    time_t                       mtime;
    ngx_file_uniq_t              uniq;
    off_t                        size;
    time_t                       looked;       /* when it was last read */
    uint32_t                     crc;
    ngx_uint_t                   failed;       /* could not be read then */
} ngx_http_messaging_jwks_t;


/* a token bucket's: "20r/s burst=40" */

typedef struct {
    ngx_uint_t                   rate;      /* 0.001 per second, 0: off */
    ngx_uint_t                   burst;
} ngx_http_messaging_rate_t;


typedef struct {
    ngx_messaging_redis_conf_t  *redis;
    ngx_str_t                    prefix;
    ngx_messaging_shm_t         *shm;
    ngx_str_t                    zone;         /* its name */
    ngx_uint_t                   max_connections;
    ngx_msec_t                   drain;
    time_t                       revoke_time;
    time_t                       idempotency;  /* keys are kept */
    size_t                       max_queued;
    ngx_int_t                    deflate_level;
    size_t                       deflate_min_length;

    ngx_http_complex_value_t    *events_uri;
    ngx_http_core_srv_conf_t    *events_server;
    ngx_str_t                    events_stream;
    ngx_uint_t                   events_maxlen;
    ngx_msec_t                   events_delay;
    ngx_msec_t                   events_interval;
    ngx_msec_t                   events_lease;
    ngx_uint_t                   events_batch;
    ngx_uint_t                   events_max;
    ngx_uint_t                   events;       /* 0: no, or events_max */

    ngx_uint_t                   enabled;      /* a location upgrades, or
                                                  publishes */
    ngx_uint_t                   generation;   /* of this configuration */
    ngx_uint_t                   quotas;       /* a location has one */
    ngx_uint_t                   sets;         /* a location asks Redis */
    ngx_uint_t                   verdicts;     /* a location keeps answers */
    size_t                       max_message;  /* the largest of all */
    size_t                       record;       /* of it, without Redis */
    ngx_array_t                  arguments;    /* ngx_str_t, with tokens */
    ngx_array_t                  jwks;         /* ngx_http_messaging_jwks_t * */
    ngx_array_t                 *publishers;   /* ..._guard_t */
    ngx_int_t                    scheme_index; /* of $scheme */
    ngx_int_t                    https_index;  /* of $https */

    ngx_http_messaging_worker_t *worker;       /* set by init_process */
    ngx_http_log_handler_pt      log_handler;  /* nginx's, of error.log */
} ngx_http_messaging_main_conf_t;


typedef struct {
    ngx_flag_t                   enable;
    ngx_uint_t                   publish;
    ngx_flag_t                   control;
    ngx_flag_t                   status;
    ngx_http_complex_value_t    *conversation;
    ngx_http_complex_value_t    *channel;

    ngx_messaging_jwks_t        *keys;
    ngx_http_messaging_jwks_t   *jwks;
    ngx_array_t                 *sources;      /* ..._source_t */
    ngx_str_t                    user_claim;
    ngx_str_t                    name_claim;
    ngx_array_t                 *require;      /* ..._jwt_require_t */
    time_t                       leeway;

    ngx_uint_t                   access;
    ngx_str_t                    access_claim;
    ngx_http_complex_value_t    *access_uri;
    ngx_http_complex_value_t    *access_key;
    ngx_msec_t                   access_timeout;
    ngx_msec_t                   access_cache;
    ngx_msec_t                   access_recheck;
    ngx_http_core_srv_conf_t    *server;

    ngx_http_complex_value_t    *store_uri;
    ngx_http_complex_value_t    *store_stream; /* a key, without store_uri */
    ngx_http_complex_value_t    *store_body;
    ngx_flag_t                   store_publish;
    ngx_msec_t                   store_timeout;
    ngx_uint_t                   store_limit;  /* length of the stream */
    ngx_flag_t                   store_reads;
    ngx_http_complex_value_t    *store_read;   /* NULL: to the stream */
    ngx_http_complex_value_t    *store_read_body;

    ngx_uint_t                   reject;
    ngx_array_t                 *origins;      /* ngx_str_t */
    ngx_msec_t                   ping_interval;
    ngx_msec_t                   ping_timeout;
    size_t                       max_message;
    ngx_uint_t                   max_content;
    ngx_uint_t                   max_subscriptions;
    ngx_msec_t                   typing_timeout;
    size_t                       send_buffer;
    ngx_msec_t                   close_timeout;

    ngx_flag_t                   refuse_delay;
    ngx_uint_t                   user_connections;
    ngx_uint_t                   address_connections;
    ngx_http_messaging_rate_t    rate;
    ngx_http_messaging_rate_t    typing_rate;
    ngx_uint_t                   max_fragments;
    ngx_uint_t                   max_pongs;

    ngx_flag_t                   deflate;
    ngx_int_t                    deflate_bits;
    ngx_uint_t                   deflate_takeover;

    ngx_flag_t                   detach;

    ngx_uint_t                   endpoint;     /* ..._ENDPOINT_* */
    ngx_http_core_loc_conf_t    *core;         /* of the same location */
} ngx_http_messaging_loc_conf_t;


extern ngx_module_t  ngx_http_messaging_module;


#endif /* _NGX_HTTP_MESSAGING_H_INCLUDED_ */
