
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_check.h"
#include "ngx_http_messaging_conf.h"
#include "ngx_http_messaging_guard.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_log.h"
#include "ngx_http_messaging_publish.h"
#include "ngx_http_messaging_variables.h"
#include "ngx_http_messaging_worker.h"


#define NGX_HTTP_MESSAGING_ZONE_SIZE  (16 * 1024 * 1024)


static ngx_int_t ngx_http_messaging_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_messaging_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_messaging_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_messaging_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_messaging_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_messaging_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_conf_enum_t  ngx_http_messaging_reject[] = {
    { ngx_string("close"), NGX_HTTP_MESSAGING_REJECT_CLOSE },
    { ngx_string("http"), NGX_HTTP_MESSAGING_REJECT_HTTP },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_messaging_takeover[] = {
    { ngx_string("off"), NGX_HTTP_MESSAGING_TAKEOVER_OFF },
    { ngx_string("client"), NGX_HTTP_MESSAGING_TAKEOVER_CLIENT },
    { ngx_string("server"), NGX_HTTP_MESSAGING_TAKEOVER_SERVER },
    { ngx_string("on"), NGX_HTTP_MESSAGING_TAKEOVER_ON },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_messaging_level_bounds = {
    ngx_conf_check_num_bounds, 1, 9
};


/* zlib cannot make a raw stream with a window of 8 bits */

static ngx_conf_num_bounds_t  ngx_http_messaging_bits_bounds = {
    ngx_conf_check_num_bounds, 9, 15
};


static ngx_conf_num_bounds_t  ngx_http_messaging_idempotency_bounds = {
    ngx_conf_check_num_bounds, 1, 24 * 3600
};


/* a string in Redis for each hour of it is read when a worker starts */

static ngx_conf_num_bounds_t  ngx_http_messaging_revoke_bounds = {
    ngx_conf_check_num_bounds, 1, 90 * 24 * 3600
};


static ngx_conf_enum_t  ngx_http_messaging_publish_modes[] = {
    { ngx_string("off"), NGX_HTTP_MESSAGING_PUBLISH_OFF },
    { ngx_string("on"), NGX_HTTP_MESSAGING_PUBLISH_ON },
    { ngx_string("batch"), NGX_HTTP_MESSAGING_PUBLISH_BATCH },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_messaging_events_batch_bounds = {
    ngx_conf_check_num_bounds, 1, 1000
};


/* an entry is 256 bytes of the zone */

static ngx_conf_num_bounds_t  ngx_http_messaging_events_max_bounds = {
    ngx_conf_check_num_bounds, 1, 16 * 1024 * 1024
};


static ngx_command_t  ngx_http_messaging_commands[] = {

    { ngx_string("messaging"),
      NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_http_messaging_conf_enable,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, enable),
      NULL },

    { ngx_string("messaging_publish"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_messaging_conf_publish,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, publish),
      &ngx_http_messaging_publish_modes },

    { ngx_string("messaging_control"),
      NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_http_messaging_conf_control,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, control),
      NULL },

    { ngx_string("messaging_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_http_messaging_conf_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, status),
      NULL },

    { ngx_string("messaging_conversation"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, conversation),
      NULL },

    { ngx_string("messaging_channel"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, channel),
      NULL },

    { ngx_string("messaging_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_messaging_conf_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_prefix"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_messaging_conf_prefix,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_messaging_conf_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_max_connections"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, max_connections),
      NULL },

    { ngx_string("messaging_drain"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, drain),
      NULL },

    { ngx_string("messaging_revoke_time"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, revoke_time),
      &ngx_http_messaging_revoke_bounds },

    { ngx_string("messaging_publish_idempotency"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, idempotency),
      &ngx_http_messaging_idempotency_bounds },

    { ngx_string("messaging_max_queued"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, max_queued),
      NULL },

    { ngx_string("messaging_deflate_comp_level"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, deflate_level),
      &ngx_http_messaging_level_bounds },

    { ngx_string("messaging_deflate_min_length"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, deflate_min_length),
      NULL },

    { ngx_string("messaging_jwt_key"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE23,
      ngx_http_messaging_conf_jwt_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_jwt_jwks"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_messaging_conf_jwt_jwks,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_jwt_from"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_messaging_conf_jwt_from,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_jwt_user_claim"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, user_claim),
      NULL },

    { ngx_string("messaging_jwt_name_claim"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, name_claim),
      NULL },

    { ngx_string("messaging_jwt_require"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_messaging_conf_jwt_require,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_jwt_leeway"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, leeway),
      NULL },

    { ngx_string("messaging_access"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_messaging_conf_access,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_access_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, access_timeout),
      NULL },

    { ngx_string("messaging_access_cache"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, access_cache),
      NULL },

    { ngx_string("messaging_access_recheck"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, access_recheck),
      NULL },

    { ngx_string("messaging_store"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_messaging_conf_store,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, store_uri),
      NULL },

    { ngx_string("messaging_store_body"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, store_body),
      NULL },

    { ngx_string("messaging_store_publish"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, store_publish),
      NULL },

    { ngx_string("messaging_store_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, store_timeout),
      NULL },

    { ngx_string("messaging_store_stream_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, store_limit),
      NULL },

    { ngx_string("messaging_store_read"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_messaging_conf_store_read,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_store_read_body"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, store_read_body),
      NULL },

    { ngx_string("messaging_events"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_TAKE12,
      ngx_http_messaging_conf_events,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_events_delay"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, events_delay),
      NULL },

    { ngx_string("messaging_events_interval"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, events_interval),
      NULL },

    { ngx_string("messaging_events_lease"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, events_lease),
      NULL },

    { ngx_string("messaging_events_batch"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, events_batch),
      &ngx_http_messaging_events_batch_bounds },

    { ngx_string("messaging_events_max"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_messaging_main_conf_t, events_max),
      &ngx_http_messaging_events_max_bounds },

    { ngx_string("messaging_reject"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, reject),
      &ngx_http_messaging_reject },

    { ngx_string("messaging_allowed_origins"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_messaging_conf_origins,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("messaging_ping_interval"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, ping_interval),
      NULL },

    { ngx_string("messaging_ping_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, ping_timeout),
      NULL },

    { ngx_string("messaging_max_message"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, max_message),
      NULL },

    { ngx_string("messaging_max_content"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, max_content),
      NULL },

    { ngx_string("messaging_max_subscriptions"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, max_subscriptions),
      NULL },

    { ngx_string("messaging_typing_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, typing_timeout),
      NULL },

    { ngx_string("messaging_send_buffer"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, send_buffer),
      NULL },

    { ngx_string("messaging_close_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, close_timeout),
      NULL },

    { ngx_string("messaging_refuse_delay"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, refuse_delay),
      NULL },

    { ngx_string("messaging_user_connections"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, user_connections),
      NULL },

    { ngx_string("messaging_address_connections"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, address_connections),
      NULL },

    { ngx_string("messaging_rate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_messaging_conf_rate,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, rate),
      NULL },

    { ngx_string("messaging_typing_rate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_messaging_conf_rate,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, typing_rate),
      NULL },

    { ngx_string("messaging_max_fragments"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, max_fragments),
      NULL },

    { ngx_string("messaging_max_pongs"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, max_pongs),
      NULL },

    { ngx_string("messaging_deflate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, deflate),
      NULL },

    { ngx_string("messaging_deflate_window_bits"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, deflate_bits),
      &ngx_http_messaging_bits_bounds },

    { ngx_string("messaging_deflate_context_takeover"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, deflate_takeover),
      &ngx_http_messaging_takeover },

    { ngx_string("messaging_detach"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_messaging_loc_conf_t, detach),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_messaging_module_ctx = {
    ngx_http_messaging_preconfiguration,   /* preconfiguration */
    ngx_http_messaging_postconfiguration,  /* postconfiguration */

    ngx_http_messaging_create_main_conf,   /* create main configuration */
    ngx_http_messaging_init_main_conf,     /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_messaging_create_loc_conf,    /* create location configuration */
    ngx_http_messaging_merge_loc_conf      /* merge location configuration */
};


ngx_module_t  ngx_http_messaging_module = {
    NGX_MODULE_V1,
    &ngx_http_messaging_module_ctx,        /* module context */
    ngx_http_messaging_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_messaging_worker_init_module, /* init module */
    ngx_http_messaging_worker_init,        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_messaging_worker_exit,        /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_messaging_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_messaging_variables_add(cf);
}


static ngx_int_t
ngx_http_messaging_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt             *h, *first;
    ngx_http_core_main_conf_t       *cmcf;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_messaging_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (!mmcf->enabled) {
        return NGX_OK;
    }

    if (ngx_http_messaging_conf_broker(cf, mmcf) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_messaging_log_post_read;

    /* in front of the log module, which has put itself there before */

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    first = cmcf->phases[NGX_HTTP_LOG_PHASE].handlers.elts;

    ngx_memmove(first + 1, first, (u_char *) h - (u_char *) first);
    *first = ngx_http_messaging_log_handler;

    ngx_http_messaging_guard_check(cf, mmcf);

    return NGX_OK;
}


static void *
ngx_http_messaging_create_main_conf(ngx_conf_t *cf)
{
    ngx_str_t                       *argument;
    ngx_http_messaging_main_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_messaging_main_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->redis = NULL;
     *     conf->prefix = { 0, NULL };
     *     conf->shm = NULL;
     *     conf->zone = { 0, NULL };
     *     conf->enabled = 0;
     *     conf->generation = 0;
     *     conf->quotas = 0;
     *     conf->sets = 0;
     *     conf->verdicts = 0;
     *     conf->max_message = 0;
     *     conf->record = 0;
     *     conf->events_server = NULL;
     *     conf->events_stream = { 0, NULL };
     *     conf->events_maxlen = 0;
     *     conf->events = 0;
     *     conf->publishers = NULL;
     *     conf->scheme_index = 0;
     *     conf->https_index = 0;
     *     conf->worker = NULL;
     *     conf->log_handler = NULL;
     */

    conf->max_connections = NGX_CONF_UNSET_UINT;
    conf->drain = NGX_CONF_UNSET_MSEC;
    conf->revoke_time = NGX_CONF_UNSET;
    conf->idempotency = NGX_CONF_UNSET;
    conf->max_queued = NGX_CONF_UNSET_SIZE;
    conf->deflate_level = NGX_CONF_UNSET;
    conf->deflate_min_length = NGX_CONF_UNSET_SIZE;
    conf->events_uri = NGX_CONF_UNSET_PTR;
    conf->events_delay = NGX_CONF_UNSET_MSEC;
    conf->events_interval = NGX_CONF_UNSET_MSEC;
    conf->events_lease = NGX_CONF_UNSET_MSEC;
    conf->events_batch = NGX_CONF_UNSET_UINT;
    conf->events_max = NGX_CONF_UNSET_UINT;

    if (ngx_array_init(&conf->jwks, cf->pool, 4,
                       sizeof(ngx_http_messaging_jwks_t *))
        != NGX_OK
        || ngx_array_init(&conf->arguments, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    argument = ngx_array_push(&conf->arguments);
    if (argument == NULL) {
        return NULL;
    }

    ngx_str_set(argument, "token");

    return conf;
}


static char *
ngx_http_messaging_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_messaging_main_conf_t *mmcf = conf;

    ngx_conf_init_uint_value(mmcf->max_connections, 0);
    ngx_conf_init_msec_value(mmcf->drain, 10000);
    ngx_conf_init_value(mmcf->revoke_time, 24 * 3600);
    ngx_conf_init_value(mmcf->idempotency, 5 * 60);
    ngx_conf_init_size_value(mmcf->max_queued, 128 * 1024 * 1024);
    ngx_conf_init_value(mmcf->deflate_level, 1);
    ngx_conf_init_size_value(mmcf->deflate_min_length, 256);

    if (mmcf->prefix.data == NULL) {
        ngx_str_set(&mmcf->prefix, "messaging:");
    }

    if (ngx_http_messaging_conf_init_events(cf, mmcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (!mmcf->enabled) {
        return NGX_CONF_OK;
    }

    if (mmcf->zone.data) {
        return NGX_CONF_OK;
    }

    ngx_str_set(&mmcf->zone, "messaging");

    return ngx_messaging_shm_add(cf, &mmcf->zone,
                                 NGX_HTTP_MESSAGING_ZONE_SIZE,
                                 &ngx_http_messaging_module, &mmcf->shm,
                                 &mmcf->quotas, &mmcf->verdicts,
                                 &mmcf->record, &mmcf->events);
}


static void *
ngx_http_messaging_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_messaging_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_messaging_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->conversation = NULL;
     *     conf->channel = NULL;
     *     conf->keys = NULL;
     *     conf->jwks = NULL;
     *     conf->user_claim = { 0, NULL };
     *     conf->name_claim = { 0, NULL };
     *     conf->access_claim = { 0, NULL };
     *     conf->access_uri = NULL;
     *     conf->access_key = NULL;
     *     conf->server = NULL;
     *     conf->store_stream = NULL;
     *     conf->store_body = NULL;
     *     conf->store_read = NULL;
     *     conf->store_read_body = NULL;
     *     conf->rate.burst = 0;
     *     conf->typing_rate.burst = 0;
     *     conf->endpoint = 0;
     *     conf->core = NULL;
     */

    conf->enable = NGX_CONF_UNSET;
    conf->publish = NGX_CONF_UNSET_UINT;
    conf->control = NGX_CONF_UNSET;
    conf->status = NGX_CONF_UNSET;
    conf->sources = NGX_CONF_UNSET_PTR;
    conf->require = NGX_CONF_UNSET_PTR;
    conf->leeway = NGX_CONF_UNSET;
    conf->access = NGX_CONF_UNSET_UINT;
    conf->access_timeout = NGX_CONF_UNSET_MSEC;
    conf->access_cache = NGX_CONF_UNSET_MSEC;
    conf->access_recheck = NGX_CONF_UNSET_MSEC;
    conf->store_uri = NGX_CONF_UNSET_PTR;
    conf->store_publish = NGX_CONF_UNSET;
    conf->store_timeout = NGX_CONF_UNSET_MSEC;
    conf->store_limit = NGX_CONF_UNSET_UINT;
    conf->store_reads = NGX_CONF_UNSET;
    conf->reject = NGX_CONF_UNSET_UINT;
    conf->origins = NGX_CONF_UNSET_PTR;
    conf->ping_interval = NGX_CONF_UNSET_MSEC;
    conf->ping_timeout = NGX_CONF_UNSET_MSEC;
    conf->max_message = NGX_CONF_UNSET_SIZE;
    conf->max_content = NGX_CONF_UNSET_UINT;
    conf->max_subscriptions = NGX_CONF_UNSET_UINT;
    conf->typing_timeout = NGX_CONF_UNSET_MSEC;
    conf->send_buffer = NGX_CONF_UNSET_SIZE;
    conf->close_timeout = NGX_CONF_UNSET_MSEC;
    conf->refuse_delay = NGX_CONF_UNSET;
    conf->user_connections = NGX_CONF_UNSET_UINT;
    conf->address_connections = NGX_CONF_UNSET_UINT;
    conf->rate.rate = NGX_CONF_UNSET_UINT;
    conf->typing_rate.rate = NGX_CONF_UNSET_UINT;
    conf->max_fragments = NGX_CONF_UNSET_UINT;
    conf->max_pongs = NGX_CONF_UNSET_UINT;
    conf->deflate = NGX_CONF_UNSET;
    conf->deflate_bits = NGX_CONF_UNSET;
    conf->deflate_takeover = NGX_CONF_UNSET_UINT;
    conf->detach = NGX_CONF_UNSET;

    return conf;
}


static char *
ngx_http_messaging_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_messaging_loc_conf_t *prev = parent;
    ngx_http_messaging_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_messaging_source_t  *source;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* an "if" or "limit_except" is a part of its location */

    if (clcf->noname) {
        conf->enable = prev->enable;
        conf->publish = prev->publish;
        conf->control = prev->control;
        conf->conversation = prev->conversation;
        conf->channel = prev->channel;

        if (clcf->lmt_excpt && clcf->handler == NULL) {
            clcf->handler = (conf->enable == 1)
                            ? ngx_http_messaging_handshake_handler
                            : ((conf->publish != NGX_CONF_UNSET_UINT
                                && conf->publish)
                               || conf->control == 1)
                            ? ngx_http_messaging_publish_handler : NULL;
        }
    }

    conf->server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    conf->core = clcf;

    ngx_conf_merge_value(conf->enable, NGX_CONF_UNSET, 0);
    ngx_conf_merge_uint_value(conf->publish, NGX_CONF_UNSET_UINT,
                              NGX_HTTP_MESSAGING_PUBLISH_OFF);
    ngx_conf_merge_value(conf->control, NGX_CONF_UNSET, 0);
    ngx_conf_merge_value(conf->status, NGX_CONF_UNSET, 0);

    /* keys of a location replace those of the levels above it */

    if (conf->keys == NULL && conf->jwks == NULL) {
        conf->keys = prev->keys;
        conf->jwks = prev->jwks;
    }

    if (conf->sources == NGX_CONF_UNSET_PTR
        && prev->sources == NGX_CONF_UNSET_PTR)
    {
        prev->sources = ngx_array_create(cf->pool, 2,
                                         sizeof(ngx_http_messaging_source_t));
        if (prev->sources == NULL) {
            return NGX_CONF_ERROR;
        }

        source = ngx_array_push_n(prev->sources, 2);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        source[0].from = NGX_HTTP_MESSAGING_FROM_HEADER;
        ngx_str_null(&source[0].name);

        source[1].from = NGX_HTTP_MESSAGING_FROM_QUERY;
        ngx_str_set(&source[1].name, "token");
    }

    ngx_conf_merge_ptr_value(conf->sources, prev->sources, NULL);
    ngx_conf_merge_str_value(conf->user_claim, prev->user_claim, "user_id");
    ngx_conf_merge_str_value(conf->name_claim, prev->name_claim, "name");
    ngx_conf_merge_ptr_value(conf->require, prev->require, NULL);
    ngx_conf_merge_value(conf->leeway, prev->leeway, 0);

    if (conf->access == NGX_CONF_UNSET_UINT) {
        conf->access = prev->access;
        conf->access_claim = prev->access_claim;
        conf->access_uri = prev->access_uri;
        conf->access_key = prev->access_key;
    }

    ngx_conf_merge_msec_value(conf->access_timeout, prev->access_timeout,
                              5000);
    ngx_conf_merge_msec_value(conf->access_cache, prev->access_cache, 0);
    ngx_conf_merge_msec_value(conf->access_recheck, prev->access_recheck, 0);

    if (conf->store_uri == NGX_CONF_UNSET_PTR) {
        conf->store_stream = prev->store_stream;
    }

    ngx_conf_merge_ptr_value(conf->store_uri, prev->store_uri, NULL);
    ngx_conf_merge_value(conf->store_publish, prev->store_publish, 1);
    ngx_conf_merge_msec_value(conf->store_timeout, prev->store_timeout, 10000);

    ngx_conf_merge_uint_value(conf->store_limit, prev->store_limit, 100000);

    if (conf->store_body == NULL) {
        conf->store_body = prev->store_body;
    }

    if (conf->store_reads == NGX_CONF_UNSET) {
        conf->store_read = prev->store_read;
    }

    ngx_conf_merge_value(conf->store_reads, prev->store_reads, 1);

    if (conf->store_read_body == NULL) {
        conf->store_read_body = prev->store_read_body;
    }

    ngx_conf_merge_uint_value(conf->reject, prev->reject,
                              NGX_HTTP_MESSAGING_REJECT_CLOSE);
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_msec_value(conf->ping_interval, prev->ping_interval, 30000);
    ngx_conf_merge_msec_value(conf->ping_timeout, prev->ping_timeout, 10000);
    ngx_conf_merge_size_value(conf->max_message, prev->max_message, 65536);
    ngx_conf_merge_uint_value(conf->max_content, prev->max_content, 2000);
    ngx_conf_merge_uint_value(conf->max_subscriptions,
                              prev->max_subscriptions, 256);
    ngx_conf_merge_msec_value(conf->typing_timeout, prev->typing_timeout,
                              6000);
    ngx_conf_merge_size_value(conf->send_buffer, prev->send_buffer, 262144);
    ngx_conf_merge_msec_value(conf->close_timeout, prev->close_timeout, 5000);
    ngx_conf_merge_value(conf->refuse_delay, prev->refuse_delay, 1);
    ngx_conf_merge_uint_value(conf->user_connections, prev->user_connections,
                              0);
    ngx_conf_merge_uint_value(conf->address_connections,
                              prev->address_connections, 0);
    ngx_http_messaging_conf_merge_rate(&conf->rate, &prev->rate, 20, 40);
    ngx_http_messaging_conf_merge_rate(&conf->typing_rate, &prev->typing_rate,
                                       2, 8);
    ngx_conf_merge_uint_value(conf->max_fragments, prev->max_fragments, 256);
    ngx_conf_merge_uint_value(conf->max_pongs, prev->max_pongs, 16);
    ngx_conf_merge_value(conf->deflate, prev->deflate, 1);
    ngx_conf_merge_value(conf->deflate_bits, prev->deflate_bits, 15);
    ngx_conf_merge_uint_value(conf->deflate_takeover, prev->deflate_takeover,
                              NGX_HTTP_MESSAGING_TAKEOVER_OFF);
    ngx_conf_merge_value(conf->detach, prev->detach, 0);

    return conf->enable ? ngx_http_messaging_check_location(cf, conf)
           : conf->control ? ngx_http_messaging_check_control(cf, conf)
           : conf->publish ? ngx_http_messaging_check_publish(cf, conf)
           : NGX_CONF_OK;
}
