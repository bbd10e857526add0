
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_conf.h"
#include "ngx_http_messaging_guard.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_log.h"
#include "ngx_http_messaging_publish.h"
#include "ngx_http_messaging_variables.h"
#include "ngx_http_messaging_worker.h"


static ngx_int_t ngx_http_messaging_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_messaging_postconfiguration(ngx_conf_t *cf);


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
