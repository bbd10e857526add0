
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_broker.h"


#define NGX_MESSAGING_BROKER_LOG_INTERVAL  60000     /* ms */


static void ngx_messaging_broker_drop(ngx_messaging_broker_t *broker,
    ngx_messaging_channel_t *ch, ngx_uint_t stat, const char *why);


void
ngx_messaging_broker_receive(ngx_messaging_broker_t *broker,
    ngx_messaging_channel_t *ch, ngx_str_t *payload)
{
    ngx_int_t                 rc;
    ngx_messaging_delivery_t  d;

    ngx_messaging_stat_add(broker->slot, NGX_MESSAGING_STAT_DELIVERED, 1);

    if (payload->len > broker->max_message
                       + NGX_MESSAGING_ENVELOPE_MAX_HEADER)
    {
        ngx_messaging_broker_drop(broker, ch,
                                  NGX_MESSAGING_STAT_DROPPED_LENGTH,
                                  "too long");
        return;
    }

    ngx_memzero(&d, sizeof(ngx_messaging_delivery_t));

    rc = ngx_messaging_envelope_parse(&d.envelope, payload->data,
                                      payload->len);

    if (rc == NGX_ERROR) {
        ngx_messaging_broker_drop(broker, ch, NGX_MESSAGING_STAT_DROPPED_UTF8,
                                  "not UTF-8");
        return;
    }

    if (rc != NGX_OK) {
        ngx_messaging_broker_drop(broker, ch,
                                  NGX_MESSAGING_STAT_DROPPED_FRAME,
                                  "not a frame");
        return;
    }

    if (d.envelope.json.len > broker->max_message) {
        ngx_messaging_broker_drop(broker, ch,
                                  NGX_MESSAGING_STAT_DROPPED_LENGTH,
                                  "too long");
        return;
    }

    d.id.data = ch->name;
    d.id.len = ch->len;
    d.deflate = broker->deflate;
    d.slot = broker->slot;

    ngx_messaging_channel_deliver(broker->channels, ch, &d);

    ngx_messaging_delivery_done(&d);
}


static void
ngx_messaging_broker_drop(ngx_messaging_broker_t *broker,
    ngx_messaging_channel_t *ch, ngx_uint_t stat, const char *why)
{
    ngx_str_t  name;

    ngx_messaging_stat_add(broker->slot, NGX_MESSAGING_STAT_DROPPED, 1);
    ngx_messaging_stat_add(broker->slot, stat, 1);

    broker->dropped++;

    if (broker->logged
        && ngx_current_msec - broker->logged
           < NGX_MESSAGING_BROKER_LOG_INTERVAL)
    {
        return;
    }

    name.data = ch->name;
    name.len = ch->len;

    ngx_log_error(NGX_LOG_ERR, broker->log, 0,
                  "messaging payload for channel \"%V\" dropped: %s, "
                  "%ui dropped since the last such line",
                  &name, why, broker->dropped);

    broker->logged = ngx_current_msec;
    broker->dropped = 0;
}


void
ngx_messaging_broker_failed(ngx_messaging_broker_t *broker, ngx_uint_t stat)
{
    ngx_messaging_stat_add(broker->slot, NGX_MESSAGING_STAT_PUBLISH_FAILED, 1);
    ngx_messaging_stat_add(broker->slot, stat, 1);
}
