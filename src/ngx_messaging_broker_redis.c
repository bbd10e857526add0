
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_broker_control.h"
#include "ngx_messaging_broker_redis.h"
#include "ngx_messaging_host.h"
#include "ngx_messaging_lag.h"
#include "ngx_messaging_redis_setup.h"


/*
 * The broker on Redis: one connection that is subscribed, one for commands.
 *
 * Subscriptions.  A channel whose interest changed waits in a queue until the
 * end of the turn of the event loop; then (UN)SUBSCRIBE is sent in batches,
 * and a channel that was left and joined again within the turn costs nothing.
 * Redis answers every name of a command once and in order, so a channel is
 * confirmed when no answer is pending and the last command was SUBSCRIBE.
 * When the connection is lost, channels that were confirmed are marked: their
 * members are told to resync as soon as the channel is confirmed again.
 */

#define NGX_MESSAGING_BROKER_BATCH   256
#define NGX_MESSAGING_BROKER_RETRY   20          /* ms, after NGX_BUSY */
#define NGX_MESSAGING_BROKER_START   1000        /* ms */


typedef struct {
    ngx_messaging_broker_t        broker;

    ngx_messaging_redis_conf_t   *conf;
    ngx_messaging_redis_t        *subscriber;
    ngx_messaging_redis_t        *command;

    ngx_queue_t                   interest;     /* channels to (un)subscribe */
    ngx_event_t                   flush;
    ngx_connection_t              dummy;

    ngx_messaging_host_t          host;
    ngx_messaging_broker_control_t  control;
    ngx_messaging_lag_t           lag;

    ngx_msec_t                    started;
    unsigned                      was_ready:1;

    u_char                       *buffer;       /* of a payload with header */
    size_t                        size;
} ngx_messaging_broker_redis_t;


typedef struct {
    ngx_messaging_broker_redis_t *redis;
    ngx_messaging_publish_pt      handler;
    void                         *data;
    ngx_uint_t                    probe;        /* of the lag */
} ngx_messaging_broker_publish_t;


static void ngx_messaging_broker_redis_start(ngx_messaging_broker_t *broker);
static void ngx_messaging_broker_redis_stop(ngx_messaging_broker_t *broker);
static ngx_uint_t ngx_messaging_broker_redis_ready(
    ngx_messaging_broker_t *broker);
static ngx_uint_t ngx_messaging_broker_redis_connected(
    ngx_messaging_broker_redis_t *br);
static ngx_int_t ngx_messaging_broker_redis_publish(
    ngx_messaging_broker_t *broker, ngx_str_t *name,
    ngx_messaging_envelope_t *e, ngx_messaging_publish_pt handler,
    void *data);
static ngx_uint_t ngx_messaging_broker_redis_probe(
    ngx_messaging_broker_redis_t *br, ngx_str_t *name, ngx_str_t *payload);
static void ngx_messaging_broker_redis_lag(ngx_messaging_broker_redis_t *br,
    ngx_messaging_channel_t *ch, ngx_str_t *payload);
static uint64_t ngx_messaging_broker_redis_clock(void);
static uint64_t ngx_messaging_broker_redis_id(ngx_messaging_broker_t *broker);
static ngx_int_t ngx_messaging_broker_redis_revoke(
    ngx_messaging_broker_t *broker, ngx_messaging_revocation_t *rv,
    ngx_messaging_publish_pt handler, void *data);
static void ngx_messaging_broker_redis_published(void *data,
    ngx_messaging_resp_reply_t *reply);

static void ngx_messaging_broker_redis_interest(void *data,
    ngx_messaging_channel_t *ch);
static void ngx_messaging_broker_redis_queue(
    ngx_messaging_broker_redis_t *br, ngx_messaging_channel_t *ch);
static void ngx_messaging_broker_redis_flush(ngx_event_t *ev);
static ngx_int_t ngx_messaging_broker_redis_batch(
    ngx_messaging_broker_redis_t *br, ngx_uint_t subscribe);
static ngx_uint_t ngx_messaging_broker_redis_changed(
    ngx_messaging_channel_t *ch);

static void ngx_messaging_broker_redis_subscriber_ready(void *data);
static void ngx_messaging_broker_redis_subscriber_lost(void *data);
static void ngx_messaging_broker_redis_push(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_messaging_broker_redis_dropped(
    ngx_messaging_broker_redis_t *br, ngx_messaging_channel_t *ch);
static void ngx_messaging_broker_redis_confirm(
    ngx_messaging_broker_redis_t *br, ngx_messaging_channel_t *ch);
static void ngx_messaging_broker_redis_command_ready(void *data);
static void ngx_messaging_broker_redis_command_lost(void *data);
static void ngx_messaging_broker_redis_state(void *data);


static ngx_messaging_broker_ops_t  ngx_messaging_broker_redis_ops = {
    ngx_messaging_broker_redis_start,
    ngx_messaging_broker_redis_stop,
    ngx_messaging_broker_redis_ready,
    ngx_messaging_broker_redis_publish,
    ngx_messaging_broker_redis_id,
    ngx_messaging_broker_redis_revoke
};


static ngx_messaging_redis_events_t  ngx_messaging_broker_redis_subscriber = {
    ngx_messaging_broker_redis_subscriber_ready,
    ngx_messaging_broker_redis_subscriber_lost,
    ngx_messaging_broker_redis_push
};


static ngx_messaging_redis_events_t  ngx_messaging_broker_redis_command = {
    ngx_messaging_broker_redis_command_ready,
    ngx_messaging_broker_redis_command_lost,
    NULL
};


ngx_messaging_broker_t *
ngx_messaging_broker_redis_create(ngx_pool_t *pool,
    ngx_messaging_redis_conf_t *conf, ngx_messaging_interest_pt *interest)
{
    ngx_messaging_broker_redis_t  *br;

    br = ngx_pcalloc(pool, sizeof(ngx_messaging_broker_redis_t));
    if (br == NULL) {
        return NULL;
    }

    br->broker.ops = &ngx_messaging_broker_redis_ops;
    br->broker.log = ngx_cycle->log;
    br->conf = conf;

    br->subscriber = ngx_messaging_redis_create(pool, conf,
                                     NGX_MESSAGING_REDIS_SUBSCRIBER,
                                     &ngx_messaging_broker_redis_subscriber,
                                     br);

    br->command = ngx_messaging_redis_create(pool, conf,
                                        NGX_MESSAGING_REDIS_COMMAND,
                                        &ngx_messaging_broker_redis_command,
                                        br);

    if (br->subscriber == NULL || br->command == NULL) {
        return NULL;
    }

    br->broker.redis = br->command;

    ngx_queue_init(&br->interest);

    br->dummy.fd = (ngx_socket_t) -1;
    br->dummy.data = br;

    br->flush.handler = ngx_messaging_broker_redis_flush;
    br->flush.data = &br->dummy;
    br->flush.log = ngx_cycle->log;
    br->flush.cancelable = 1;

    br->host.redis = br->command;
    br->host.handler = ngx_messaging_broker_redis_state;
    br->host.data = br;

    ngx_messaging_host_init(&br->host);

    br->control.broker = &br->broker;
    br->control.subscriber = br->subscriber;
    br->control.command = br->command;
    br->control.handler = ngx_messaging_broker_redis_state;
    br->control.data = br;

    *interest = ngx_messaging_broker_redis_interest;

    return &br->broker;
}


static void
ngx_messaging_broker_redis_start(ngx_messaging_broker_t *broker)
{
    ngx_messaging_broker_redis_t  *br;

    br = (ngx_messaging_broker_redis_t *) broker;

    br->started = ngx_current_msec;

    br->host.shm = broker->shm;
    br->host.prefix = broker->prefix;

    ngx_messaging_broker_control_init(&br->control);

    ngx_messaging_redis_start(br->subscriber);
    ngx_messaging_redis_start(br->command);
}


static void
ngx_messaging_broker_redis_stop(ngx_messaging_broker_t *broker)
{
    ngx_messaging_broker_redis_t  *br;

    br = (ngx_messaging_broker_redis_t *) broker;

    ngx_messaging_redis_close(br->subscriber);
    ngx_messaging_redis_close(br->command);

    if (br->flush.posted) {
        ngx_delete_posted_event(&br->flush);
    }

    if (br->flush.timer_set) {
        ngx_del_timer(&br->flush);
    }

    ngx_messaging_host_leave(&br->host);
    ngx_messaging_broker_control_close(&br->control);

    if (br->buffer) {
        ngx_free(br->buffer);
        br->buffer = NULL;
        br->size = 0;
    }
}


static ngx_uint_t
ngx_messaging_broker_redis_ready(ngx_messaging_broker_t *broker)
{
    ngx_messaging_broker_redis_t  *br;

    br = (ngx_messaging_broker_redis_t *) broker;

    if (ngx_messaging_broker_redis_connected(br)) {
        return 1;
    }

    /*
     * Clients that an old worker has just sent here come before the first
     * connection is made: they wait for it rather than be sent away.
     */

    return !br->was_ready
           && ngx_current_msec - br->started < NGX_MESSAGING_BROKER_START;
}


static ngx_uint_t
ngx_messaging_broker_redis_connected(ngx_messaging_broker_redis_t *br)
{
    /*
     * Without a host number no message could be given its id, and without the
     * revocations those could come in whose tokens are void.
     */

    return ngx_messaging_redis_ready(br->subscriber)
           && ngx_messaging_redis_ready(br->command)
           && br->host.held && br->control.revoked.read;
}


static ngx_int_t
ngx_messaging_broker_redis_publish(ngx_messaging_broker_t *broker,
    ngx_str_t *name, ngx_messaging_envelope_t *e,
    ngx_messaging_publish_pt handler, void *data)
{
    size_t                           header, len;
    u_char                          *p;
    ngx_int_t                        rc;
    ngx_str_t                        argv[3];
    ngx_messaging_broker_redis_t    *br;
    ngx_messaging_broker_publish_t  *pub;

    br = (ngx_messaging_broker_redis_t *) broker;

    header = (size_t) (uintptr_t) ngx_messaging_envelope_encode(NULL, e);
    len = broker->prefix.len + name->len + header + e->json.len;

    if (len > br->size) {
        p = ngx_alloc(2 * len, broker->log);
        if (p == NULL) {
            ngx_messaging_broker_failed(broker,
                                        NGX_MESSAGING_STAT_PUBLISH_MEMORY);
            return NGX_ERROR;
        }

        if (br->buffer) {
            ngx_free(br->buffer);
        }

        br->buffer = p;
        br->size = 2 * len;
    }

    ngx_str_set(&argv[0], "PUBLISH");

    argv[1].data = br->buffer;
    p = ngx_cpymem(br->buffer, broker->prefix.data, broker->prefix.len);
    p = ngx_cpymem(p, name->data, name->len);
    argv[1].len = p - argv[1].data;

    argv[2].data = p;
    p = ngx_messaging_envelope_encode(p, e);
    p = ngx_cpymem(p, e->json.data, e->json.len);
    argv[2].len = p - argv[2].data;

    pub = ngx_alloc(sizeof(ngx_messaging_broker_publish_t), broker->log);
    if (pub == NULL) {
        ngx_messaging_broker_failed(broker, NGX_MESSAGING_STAT_PUBLISH_MEMORY);
        return NGX_ERROR;
    }

    pub->redis = br;
    pub->handler = handler;
    pub->data = data;

    rc = ngx_messaging_redis_command(br->command, 3, argv,
                                     ngx_messaging_broker_redis_published,
                                     pub);
    switch (rc) {

    case NGX_OK:
        pub->probe = ngx_messaging_broker_redis_probe(br, name, &argv[2]);
        return NGX_OK;

    case NGX_DECLINED:
        ngx_messaging_broker_failed(broker, NGX_MESSAGING_STAT_PUBLISH_DOWN);
        break;

    case NGX_BUSY:
        ngx_messaging_broker_failed(broker,
                                    NGX_MESSAGING_STAT_PUBLISH_OVERLOADED);
        break;

    default:
        ngx_messaging_broker_failed(broker, NGX_MESSAGING_STAT_PUBLISH_MEMORY);
        break;
    }

    ngx_free(pub);

    return rc;
}


static void
ngx_messaging_broker_redis_published(void *data,
    ngx_messaging_resp_reply_t *reply)
{
    ngx_messaging_broker_publish_t *pub = data;

    ngx_int_t                      rc;
    ngx_str_t                      text;
    ngx_messaging_broker_redis_t  *br;

    br = pub->redis;
    rc = NGX_ERROR;

    if (reply == NULL) {
        ngx_messaging_broker_failed(&br->broker,
                                    NGX_MESSAGING_STAT_PUBLISH_DOWN);

    } else if (reply->type != REDIS_REPLY_INTEGER) {
        ngx_messaging_broker_failed(&br->broker,
                                    NGX_MESSAGING_STAT_PUBLISH_REFUSED);

    } else {
        rc = NGX_OK;
        ngx_messaging_stat_add(br->broker.slot, NGX_MESSAGING_STAT_PUBLISHED,
                               1);
    }

    if (rc != NGX_OK && pub->probe) {
        ngx_messaging_lag_forget(&br->lag);
    }

    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        text = ngx_messaging_redis_text(&br->conf->url, &reply->str);

        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "messaging redis did not publish: \"%V\"", &text);
    }

    if (pub->handler) {
        pub->handler(pub->data, rc);
    }

    ngx_free(pub);
}


/* 1 if this payload, just sent, is the next probe of the lag */

static ngx_uint_t
ngx_messaging_broker_redis_probe(ngx_messaging_broker_redis_t *br,
    ngx_str_t *name, ngx_str_t *payload)
{
    ngx_int_t                 rc;
    ngx_messaging_channel_t  *ch;

    rc = ngx_messaging_lag_due(&br->lag, ngx_current_msec);

    if (rc == NGX_AGAIN) {
        return 0;
    }

    if (rc == NGX_ABORT) {
        ngx_messaging_stat_add(br->broker.slot, NGX_MESSAGING_STAT_LAG_LOST,
                               1);
    }

    /* the sender may have left, the subscriber may be away: no way back */

    ch = ngx_messaging_channel_find(br->broker.channels, name);

    if (ch == NULL || ch->nelts == 0 || !ch->confirmed) {
        return 0;
    }

    ngx_messaging_lag_send(&br->lag, name, payload, ngx_current_msec,
                           ngx_messaging_broker_redis_clock());
    return 1;
}


static void
ngx_messaging_broker_redis_lag(ngx_messaging_broker_redis_t *br,
    ngx_messaging_channel_t *ch, ngx_str_t *payload)
{
    uint64_t               us;
    ngx_str_t              name;
    ngx_uint_t             bucket;
    ngx_messaging_slot_t  *slot;

    name.data = ch->name;
    name.len = ch->len;

    if (ngx_messaging_lag_receive(&br->lag, &name, payload,
                                  ngx_messaging_broker_redis_clock(), &us)
        != NGX_OK)
    {
        return;
    }

    slot = br->broker.slot;
    bucket = ngx_messaging_lag_bucket(us);

    ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_LAG_1MS + bucket, 1);
    ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_LAG_SUM, us);
    ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_LAG_COUNT, 1);
}


/* the time of the event loop is as old as the turn */

static uint64_t
ngx_messaging_broker_redis_clock(void)
{
    struct timespec  ts;

    if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1) {
        return 0;
    }

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static uint64_t
ngx_messaging_broker_redis_id(ngx_messaging_broker_t *broker)
{
    ngx_messaging_broker_redis_t  *br;

    br = (ngx_messaging_broker_redis_t *) broker;

    return ngx_messaging_host_id(&br->host);
}


static ngx_int_t
ngx_messaging_broker_redis_revoke(ngx_messaging_broker_t *broker,
    ngx_messaging_revocation_t *rv, ngx_messaging_publish_pt handler,
    void *data)
{
    ngx_messaging_broker_redis_t  *br;

    br = (ngx_messaging_broker_redis_t *) broker;

    return ngx_messaging_revoked_redis_store(&br->control.revoked, rv, handler,
                                             data);
}


static void
ngx_messaging_broker_redis_interest(void *data, ngx_messaging_channel_t *ch)
{
    ngx_messaging_broker_redis_t *br = data;

    ngx_str_t  name;

    ngx_messaging_stat_set(br->broker.slot, NGX_MESSAGING_STAT_CHANNELS,
                           br->broker.channels->active);

    if (ch->nelts == 0 && br->lag.out) {
        name.data = ch->name;
        name.len = ch->len;

        ngx_messaging_lag_leave(&br->lag, &name);
    }

    if (ngx_messaging_redis_ready(br->subscriber)) {
        ngx_messaging_broker_redis_queue(br, ch);
    }
}


static void
ngx_messaging_broker_redis_queue(ngx_messaging_broker_redis_t *br,
    ngx_messaging_channel_t *ch)
{
    if (ch->queued) {
        return;
    }

    ch->queued = 1;
    ngx_queue_insert_tail(&br->interest, &ch->queue);

    if (!br->flush.posted && !br->flush.timer_set) {
        ngx_post_event(&br->flush, &ngx_posted_events);
    }
}


static ngx_uint_t
ngx_messaging_broker_redis_changed(ngx_messaging_channel_t *ch)
{
    return (ch->nelts != 0) != ch->asked;
}


static void
ngx_messaging_broker_redis_flush(ngx_event_t *ev)
{
    ngx_queue_t                   *q, *next;
    ngx_connection_t              *c;
    ngx_messaging_channel_t       *ch;
    ngx_messaging_broker_redis_t  *br;

    c = ev->data;
    br = c->data;

    /* channels that are again as Redis knows them */

    for (q = ngx_queue_head(&br->interest);
         q != ngx_queue_sentinel(&br->interest);
         q = next)
    {
        next = ngx_queue_next(q);
        ch = ngx_queue_data(q, ngx_messaging_channel_t, queue);

        if (!ngx_messaging_broker_redis_changed(ch)) {
            ngx_queue_remove(q);
            ch->queued = 0;
            ngx_messaging_channel_settle(br->broker.channels, ch);
        }
    }

    if (ngx_messaging_broker_redis_batch(br, 0) == NGX_OK
        && ngx_messaging_broker_redis_batch(br, 1) == NGX_OK)
    {
        return;
    }

    /* the connection's buffer is full: a few ms will empty it */

    ngx_add_timer(&br->flush, NGX_MESSAGING_BROKER_RETRY);
}


static ngx_int_t
ngx_messaging_broker_redis_batch(ngx_messaging_broker_redis_t *br,
    ngx_uint_t subscribe)
{
    u_char                   *p, *last;
    ngx_int_t                 rc;
    ngx_uint_t                i, n;
    ngx_str_t                 argv[NGX_MESSAGING_BROKER_BATCH + 1];
    ngx_queue_t              *q;
    ngx_messaging_channel_t  *ch, *batch[NGX_MESSAGING_BROKER_BATCH];
    u_char                    names[65536];

    for ( ;; ) {
        p = names;
        last = names + sizeof(names);
        n = 0;

        for (q = ngx_queue_head(&br->interest);
             q != ngx_queue_sentinel(&br->interest)
             && n < NGX_MESSAGING_BROKER_BATCH;
             q = ngx_queue_next(q))
        {
            ch = ngx_queue_data(q, ngx_messaging_channel_t, queue);

            if ((ch->nelts != 0) != subscribe) {
                continue;
            }

            if ((size_t) (last - p) < br->broker.prefix.len + ch->len) {
                break;
            }

            batch[n++] = ch;
            argv[n].data = p;
            p = ngx_cpymem(p, br->broker.prefix.data, br->broker.prefix.len);
            p = ngx_cpymem(p, ch->name, ch->len);
            argv[n].len = p - argv[n].data;
        }

        if (n == 0) {
            return NGX_OK;
        }

        if (subscribe) {
            ngx_str_set(&argv[0], "SUBSCRIBE");

        } else {
            ngx_str_set(&argv[0], "UNSUBSCRIBE");
        }

        rc = ngx_messaging_redis_command(br->subscriber, n + 1, argv, NULL,
                                         NULL);

        if (rc == NGX_BUSY || rc == NGX_ERROR) {
            return NGX_AGAIN;
        }

        for (i = 0; i < n; i++) {
            ch = batch[i];

            ngx_queue_remove(&ch->queue);
            ch->queued = 0;

            if (rc == NGX_OK) {
                ch->asked = subscribe;
                ch->confirmed = 0;
                ch->pending++;
            }

            /* NGX_DECLINED: lost just now, the next ready event asks again */

            ngx_messaging_channel_settle(br->broker.channels, ch);
        }
    }
}


static void
ngx_messaging_broker_redis_subscriber_ready(void *data)
{
    ngx_messaging_broker_redis_t *br = data;

    ngx_uint_t                 i;
    ngx_messaging_channel_t   *ch;
    ngx_messaging_channels_t  *chs;

    ngx_messaging_broker_control_listen(&br->control);

    chs = br->broker.channels;

    for (i = 0; i < chs->nbuckets; i++) {
        for (ch = chs->buckets[i]; ch; ch = ch->next) {
            if (ch->nelts) {
                ngx_messaging_broker_redis_queue(br, ch);
            }
        }
    }

    ngx_messaging_broker_redis_state(br);
}


static void
ngx_messaging_broker_redis_subscriber_lost(void *data)
{
    ngx_messaging_broker_redis_t *br = data;

    ngx_uint_t                 i, gap;
    ngx_messaging_channel_t   *ch, *next;
    ngx_messaging_channels_t  *chs;

    chs = br->broker.channels;
    gap = 0;

    for (i = 0; i < chs->nbuckets; i++) {
        for (ch = chs->buckets[i]; ch; ch = next) {
            next = ch->next;

            if (ch->queued) {
                ngx_queue_remove(&ch->queue);
                ch->queued = 0;
            }

            if (ch->confirmed && ch->nelts) {
                ch->gap = 1;
                gap = 1;
            }

            ch->asked = 0;
            ch->confirmed = 0;
            ch->pending = 0;

            ngx_messaging_channel_settle(chs, ch);
        }
    }

    ngx_messaging_lag_forget(&br->lag);
    ngx_messaging_broker_control_lost(&br->control);

    ngx_messaging_stat_add(br->broker.slot, NGX_MESSAGING_STAT_REDIS_LOST, 1);
    ngx_messaging_stat_add(br->broker.slot, NGX_MESSAGING_STAT_REDIS_GAPS,
                           gap);
    ngx_messaging_broker_redis_state(br);
}


static void
ngx_messaging_broker_redis_push(void *data, ngx_messaging_resp_reply_t *reply)
{
    ngx_messaging_broker_redis_t *br = data;

    ngx_str_t                 name, *prefix;
    ngx_messaging_channel_t  *ch;

    name = reply->elts[1];
    prefix = &br->broker.prefix;

    if (reply->nelts != 3 || name.len < prefix->len
        || ngx_memcmp(name.data, prefix->data, prefix->len) != 0)
    {
        return;
    }

    name.data += prefix->len;
    name.len -= prefix->len;

    if (ngx_messaging_broker_control_push(&br->control, &name, reply)) {
        return;
    }

    ch = ngx_messaging_channel_find(br->broker.channels, &name);

    if (ch == NULL) {
        /* the last member has just left */
        return;
    }

    /* among the kinds there are each of these has a length of its own */

    switch (reply->elts[0].len) {

    case sizeof("message") - 1:

        if (br->lag.out) {
            ngx_messaging_broker_redis_lag(br, ch, &reply->elts[2]);
        }

        ngx_messaging_broker_receive(&br->broker, ch, &reply->elts[2]);
        break;

    case sizeof("unsubscribe") - 1:

        if (ch->pending == 0) {
            ngx_messaging_broker_redis_dropped(br, ch);
            break;
        }

        /* fall through */

    case sizeof("subscribe") - 1:
        ngx_messaging_broker_redis_confirm(br, ch);
        break;

    default:
        break;
    }
}


/* unsubscribed without having been asked to: no member may be left deaf */

static void
ngx_messaging_broker_redis_dropped(ngx_messaging_broker_redis_t *br,
    ngx_messaging_channel_t *ch)
{
    ngx_str_t  name;

    if (ch->confirmed) {
        ch->gap = 1;
        ngx_messaging_stat_add(br->broker.slot, NGX_MESSAGING_STAT_REDIS_GAPS,
                               1);
    }

    name.data = ch->name;
    name.len = ch->len;

    ngx_messaging_lag_leave(&br->lag, &name);

    ch->asked = 0;
    ch->confirmed = 0;

    ngx_messaging_broker_redis_queue(br, ch);
}


static void
ngx_messaging_broker_redis_confirm(ngx_messaging_broker_redis_t *br,
    ngx_messaging_channel_t *ch)
{
    ngx_messaging_channels_t  *chs;

    chs = br->broker.channels;

    if (ch->pending == 0 || --ch->pending) {
        return;
    }

    if (!ch->asked) {
        ngx_messaging_channel_settle(chs, ch);
        return;
    }

    ch->confirmed = 1;

    if (ch->gap) {
        ch->gap = 0;

        ngx_messaging_stat_add(br->broker.slot, NGX_MESSAGING_STAT_RESYNCS, 1);
        ngx_messaging_channel_gap(chs, ch);
    }

    ngx_messaging_channel_ready(chs, ch);
}


static void
ngx_messaging_broker_redis_command_ready(void *data)
{
    ngx_messaging_broker_redis_t *br = data;

    ngx_messaging_host_take(&br->host);
    ngx_messaging_broker_control_read(&br->control);
    ngx_messaging_broker_redis_state(br);
}


static void
ngx_messaging_broker_redis_command_lost(void *data)
{
    ngx_messaging_broker_redis_t *br = data;

    ngx_messaging_host_leave(&br->host);

    ngx_messaging_stat_add(br->broker.slot, NGX_MESSAGING_STAT_REDIS_LOST, 1);
    ngx_messaging_broker_redis_state(br);
}


static void
ngx_messaging_broker_redis_state(void *data)
{
    ngx_messaging_broker_redis_t *br = data;

    ngx_uint_t             connected;
    ngx_messaging_slot_t  *slot;

    slot = br->broker.slot;
    connected = ngx_messaging_broker_redis_connected(br);

    if (connected) {
        br->was_ready = 1;
    }

    ngx_messaging_stat_set(slot, NGX_MESSAGING_STAT_REDIS_READY, connected);

    ngx_messaging_stat_set(slot, NGX_MESSAGING_STAT_REDIS_RECONNECTS,
                           ngx_messaging_redis_reconnects(br->subscriber)
                           + ngx_messaging_redis_reconnects(br->command));
}
