
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_broker_local.h"
#include "ngx_messaging_ring.h"
#include "ngx_messaging_wake.h"

#include <ngx_event.h>


/*
 * The broker without Redis: the workers that share a zone relay to each other
 * by the ring in it.
 *
 * A record is the length of the channel's name (2 bytes), the name, and a
 * payload as it would be in Redis; its hash is that of the name.  Everybody
 * reads all records, in one order, and leaves out those that no member of his
 * can want.  Who has no member for a hash is not woken for it, but once for
 * each quarter of the ring, so that nobody who sleeps is lapped.
 *
 * A channel is confirmed as soon as its first member has come: what gets its
 * place in the ring from then on will be read, what has it already is older.
 *
 * All that is to be done later is done in one event, once in a turn of the
 * event loop: others are woken, those who have published are told so, and
 * what is new in the ring is read, a bounded number of records at a time.
 *
 * Who has written may be killed before it wakes anybody, or in the middle of
 * that.  So everybody looks four times a second whether there is something.
 *
 * Nobody laps himself: who is half a ring behind takes no more messages until
 * it has read.  Others read at the same time, on their own CPUs; therefore
 * they are woken at once when a quarter of the ring has been written.
 */

#define NGX_MESSAGING_BROKER_LOCAL_READ     256   /* records given to members */
#define NGX_MESSAGING_BROKER_LOCAL_LOOK     8192  /* records looked at */
#define NGX_MESSAGING_BROKER_LOCAL_RETRY    1     /* ms, a writer is slow */
#define NGX_MESSAGING_BROKER_LOCAL_POLL     10    /* ms, without an eventfd */
#define NGX_MESSAGING_BROKER_LOCAL_TICK     250   /* ms, who woke was killed */
#define NGX_MESSAGING_BROKER_LOCAL_LOG      60000 /* ms */

#define NGX_MESSAGING_BROKER_LOCAL_FDS      16    /* at least */

/*
 * As writers, workers without a slot have the number of the last slot: nobody
 * knows which of them are there, the worker in that slot included.
 */

#define NGX_MESSAGING_BROKER_LOCAL_ANY      (NGX_MESSAGING_SHM_SLOTS - 1)


typedef struct ngx_messaging_broker_done_s  ngx_messaging_broker_done_t;

struct ngx_messaging_broker_done_s {
    ngx_messaging_broker_done_t  *next;
    ngx_messaging_publish_pt      handler;
    void                         *data;
};


typedef struct {
    ngx_messaging_broker_t        broker;

    ngx_uint_t                    slot;
    uint32_t                      control;      /* hash of its channel */
    ngx_messaging_ring_reader_t   reader;
    ngx_messaging_wake_set_t      wake;         /* who is to be woken */

    ngx_event_t                   turn;
    ngx_event_t                   tick;
    ngx_connection_t              dummy;
    ngx_connection_t             *eventfd;      /* NULL: there is none */

    ngx_messaging_broker_done_t  *done;         /* published in this turn */
    ngx_messaging_broker_done_t **last;
    ngx_messaging_broker_done_t  *free;

    u_char                       *out;          /* a record to be written */
    size_t                        out_size;
    uint64_t                     *in;           /* one that was read */
    size_t                        in_size;

    ngx_uint_t                    laps;         /* since the last line */
    ngx_uint_t                    lost;
    ngx_msec_t                    logged;

    uint32_t                      counts[NGX_MESSAGING_WAKE_HASHES];
} ngx_messaging_broker_local_t;


static void ngx_messaging_broker_local_start(ngx_messaging_broker_t *broker);
static ngx_int_t ngx_messaging_broker_local_watch(
    ngx_messaging_broker_local_t *bl, int fd);
static void ngx_messaging_broker_local_stop(ngx_messaging_broker_t *broker);
static ngx_uint_t ngx_messaging_broker_local_ready(
    ngx_messaging_broker_t *broker);
static ngx_int_t ngx_messaging_broker_local_publish(
    ngx_messaging_broker_t *broker, ngx_str_t *name,
    ngx_messaging_envelope_t *e, ngx_messaging_publish_pt handler,
    void *data);
static ngx_int_t ngx_messaging_broker_local_write(
    ngx_messaging_broker_local_t *bl, ngx_str_t *name,
    ngx_messaging_envelope_t *e);
static ngx_messaging_broker_done_t *ngx_messaging_broker_local_done(
    ngx_messaging_broker_local_t *bl);
static uint64_t ngx_messaging_broker_local_id(ngx_messaging_broker_t *broker);

static void ngx_messaging_broker_local_interest(void *data,
    ngx_messaging_channel_t *ch);
static void ngx_messaging_broker_local_want(ngx_messaging_broker_local_t *bl,
    uint32_t hash, ngx_uint_t on);
static uint32_t ngx_messaging_broker_local_hash(ngx_str_t *name);
static ngx_uint_t ngx_messaging_broker_local_alive(void *data, ngx_uint_t n);

static void ngx_messaging_broker_local_woken(ngx_event_t *ev);
static void ngx_messaging_broker_local_tick(ngx_event_t *ev);
static void ngx_messaging_broker_local_post(ngx_messaging_broker_local_t *bl);
static void ngx_messaging_broker_local_turn(ngx_event_t *ev);
static void ngx_messaging_broker_local_finish(
    ngx_messaging_broker_local_t *bl);
static ngx_int_t ngx_messaging_broker_local_drain(
    ngx_messaging_broker_local_t *bl);
static ngx_int_t ngx_messaging_broker_local_read(
    ngx_messaging_broker_local_t *bl);
static void ngx_messaging_broker_local_gap(ngx_messaging_broker_local_t *bl,
    ngx_int_t rc);


static ngx_messaging_broker_ops_t  ngx_messaging_broker_local_ops = {
    ngx_messaging_broker_local_start,
    ngx_messaging_broker_local_stop,
    ngx_messaging_broker_local_ready,
    ngx_messaging_broker_local_publish,
    ngx_messaging_broker_local_id,
    NULL
};


ngx_messaging_broker_t *
ngx_messaging_broker_local_create(ngx_pool_t *pool, ngx_uint_t slot,
    ngx_messaging_interest_pt *interest)
{
    ngx_str_t                      control;
    ngx_messaging_broker_local_t  *bl;

    bl = ngx_pcalloc(pool, sizeof(ngx_messaging_broker_local_t));
    if (bl == NULL) {
        return NULL;
    }

    bl->broker.ops = &ngx_messaging_broker_local_ops;
    bl->broker.log = ngx_cycle->log;

    bl->slot = slot;
    bl->last = &bl->done;

    ngx_str_set(&control, NGX_MESSAGING_CONTROL_CHANNEL);
    bl->control = ngx_messaging_broker_local_hash(&control);

    bl->dummy.fd = (ngx_socket_t) -1;
    bl->dummy.data = bl;

    bl->turn.handler = ngx_messaging_broker_local_turn;
    bl->turn.data = &bl->dummy;
    bl->turn.log = ngx_cycle->log;
    bl->turn.cancelable = 1;

    bl->tick.handler = ngx_messaging_broker_local_tick;
    bl->tick.data = &bl->dummy;
    bl->tick.log = ngx_cycle->log;
    bl->tick.cancelable = 1;

    *interest = ngx_messaging_broker_local_interest;

    return &bl->broker;
}


void
ngx_messaging_broker_local_open(ngx_messaging_shm_t *shm, ngx_uint_t workers,
    ngx_log_t *log)
{
    /* old and new workers are there together; a third generation polls */

    ngx_messaging_wake_open(shm->wake,
                            ngx_max(4 * workers,
                                    NGX_MESSAGING_BROKER_LOCAL_FDS),
                            log);
}


static void
ngx_messaging_broker_local_start(ngx_messaging_broker_t *broker)
{
    int                            fd;
    ngx_messaging_shm_t           *shm;
    ngx_messaging_broker_local_t  *bl;

    bl = (ngx_messaging_broker_local_t *) broker;
    shm = broker->shm;

    bl->reader.ring = shm->ring;
    bl->reader.writer = NGX_MESSAGING_RING_WRITERS;
    bl->reader.alive = ngx_messaging_broker_local_alive;
    bl->reader.data = shm;

    if (bl->slot < NGX_MESSAGING_BROKER_LOCAL_ANY) {
        bl->reader.writer = bl->slot;
        ngx_messaging_ring_claim(shm->ring, bl->slot);
    }

    fd = -1;

    if (bl->slot < NGX_MESSAGING_SHM_SLOTS) {
        fd = ngx_messaging_wake_claim(shm->wake, bl->slot);
    }

    ngx_messaging_ring_start(&bl->reader);

    ngx_messaging_broker_local_want(bl, bl->control, 1);

    ngx_add_timer(&bl->tick, NGX_MESSAGING_BROKER_LOCAL_TICK);

    if (fd != -1 && ngx_messaging_broker_local_watch(bl, fd) == NGX_OK) {
        return;
    }

    ngx_log_error(NGX_LOG_INFO, broker->log, 0,
                  "messaging worker is not woken, but looks every %d ms",
                  NGX_MESSAGING_BROKER_LOCAL_POLL);

    ngx_messaging_broker_local_post(bl);
}


static ngx_int_t
ngx_messaging_broker_local_watch(ngx_messaging_broker_local_t *bl, int fd)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(fd, bl->broker.log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = bl;

    c->read->log = bl->broker.log;
    c->write->log = bl->broker.log;
    c->read->handler = ngx_messaging_broker_local_woken;

    /* nginx does not take it for a client that is left */

    c->read->channel = 1;
    c->write->channel = 1;

    if (ngx_add_event(c->read, NGX_READ_EVENT, 0) != NGX_OK) {
        ngx_free_connection(c);
        return NGX_ERROR;
    }

    bl->eventfd = c;

    return NGX_OK;
}


static void
ngx_messaging_broker_local_stop(ngx_messaging_broker_t *broker)
{
    ngx_messaging_broker_done_t   *done;
    ngx_messaging_broker_local_t  *bl;

    bl = (ngx_messaging_broker_local_t *) broker;

    if (bl->slot < NGX_MESSAGING_SHM_SLOTS) {
        ngx_messaging_wake_leave(broker->shm->wake, bl->slot);
    }

    ngx_messaging_wake_send(broker->shm->wake, &bl->wake, bl->slot);
    ngx_messaging_broker_local_finish(bl);

    if (bl->turn.posted) {
        ngx_delete_posted_event(&bl->turn);
    }

    if (bl->turn.timer_set) {
        ngx_del_timer(&bl->turn);
    }

    if (bl->tick.timer_set) {
        ngx_del_timer(&bl->tick);
    }

    if (bl->eventfd) {
        (void) ngx_del_event(bl->eventfd->read, NGX_READ_EVENT, 0);
        ngx_free_connection(bl->eventfd);
        bl->eventfd->fd = (ngx_socket_t) -1;
        bl->eventfd = NULL;
    }

    while (bl->free) {
        done = bl->free;
        bl->free = done->next;
        ngx_free(done);
    }

    if (bl->out) {
        ngx_free(bl->out);
        bl->out = NULL;
        bl->out_size = 0;
    }

    if (bl->in) {
        ngx_free(bl->in);
        bl->in = NULL;
        bl->in_size = 0;
    }
}


static ngx_uint_t
ngx_messaging_broker_local_ready(ngx_messaging_broker_t *broker)
{
    return 1;
}


static ngx_int_t
ngx_messaging_broker_local_publish(ngx_messaging_broker_t *broker,
    ngx_str_t *name, ngx_messaging_envelope_t *e,
    ngx_messaging_publish_pt handler, void *data)
{
    ngx_int_t                      rc;
    ngx_messaging_broker_done_t   *done;
    ngx_messaging_broker_local_t  *bl;

    bl = (ngx_messaging_broker_local_t *) broker;
    done = NULL;

    if (handler) {
        done = ngx_messaging_broker_local_done(bl);
        if (done == NULL) {
            ngx_messaging_broker_failed(broker,
                                        NGX_MESSAGING_STAT_PUBLISH_MEMORY);
            return NGX_ERROR;
        }
    }

    rc = ngx_messaging_broker_local_write(bl, name, e);

    if (rc != NGX_OK) {

        if (done) {
            done->next = bl->free;
            bl->free = done;
        }

        ngx_messaging_broker_failed(broker,
                                    (rc == NGX_BUSY)
                                    ? NGX_MESSAGING_STAT_PUBLISH_OVERLOADED
                                    : (rc == NGX_DECLINED)
                                      ? NGX_MESSAGING_STAT_PUBLISH_REFUSED
                                      : NGX_MESSAGING_STAT_PUBLISH_MEMORY);
        return rc;
    }

    ngx_messaging_stat_add(broker->slot, NGX_MESSAGING_STAT_PUBLISHED, 1);

    if (done) {
        done->handler = handler;
        done->data = data;
        done->next = NULL;

        *bl->last = done;
        bl->last = &done->next;
    }

    ngx_messaging_broker_local_post(bl);

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_broker_local_write(ngx_messaging_broker_local_t *bl,
    ngx_str_t *name, ngx_messaging_envelope_t *e)
{
    size_t                 header, len;
    u_char                *p;
    uint32_t               hash;
    ngx_int_t              rc;
    ngx_uint_t             quarter;
    ngx_messaging_shm_t   *shm;

    if (name->len > NGX_MESSAGING_BROKER_LOCAL_NAME) {
        return NGX_DECLINED;
    }

    shm = bl->broker.shm;

    if (bl->broker.channels->active
        && ngx_messaging_ring_behind(&bl->reader) > shm->ring->ncells.word / 2)
    {
        ngx_messaging_broker_local_post(bl);
        return NGX_BUSY;
    }

    header = (size_t) (uintptr_t) ngx_messaging_envelope_encode(NULL, e);
    len = 2 + name->len + header + e->json.len;

    if (len > bl->out_size) {
        p = ngx_alloc(2 * len, bl->broker.log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (bl->out) {
            ngx_free(bl->out);
        }

        bl->out = p;
        bl->out_size = 2 * len;
    }

    p = bl->out;
    *p++ = (u_char) (name->len >> 8);
    *p++ = (u_char) name->len;
    p = ngx_cpymem(p, name->data, name->len);
    p = ngx_messaging_envelope_encode(p, e);
    ngx_memcpy(p, e->json.data, e->json.len);

    hash = ngx_messaging_broker_local_hash(name);

    rc = ngx_messaging_ring_write(shm->ring,
                                  ngx_min(bl->slot,
                                          NGX_MESSAGING_BROKER_LOCAL_ANY),
                                  hash, bl->out, len, &quarter);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_messaging_wake_find(shm->wake, hash, &bl->wake);

    if (quarter) {
        ngx_messaging_wake_all(shm->wake, &bl->wake);
        ngx_messaging_wake_send(shm->wake, &bl->wake, bl->slot);
    }

    return NGX_OK;
}


static ngx_messaging_broker_done_t *
ngx_messaging_broker_local_done(ngx_messaging_broker_local_t *bl)
{
    ngx_messaging_broker_done_t  *done;

    done = bl->free;

    if (done) {
        bl->free = done->next;
        return done;
    }

    return ngx_alloc(sizeof(ngx_messaging_broker_done_t), bl->broker.log);
}


static uint64_t
ngx_messaging_broker_local_id(ngx_messaging_broker_t *broker)
{
    return ngx_messaging_shm_id(broker->shm, broker->shm->local);
}


static void
ngx_messaging_broker_local_interest(void *data, ngx_messaging_channel_t *ch)
{
    ngx_messaging_broker_local_t *bl = data;

    uint32_t                   hash;
    ngx_str_t                  name;
    ngx_messaging_channels_t  *chs;

    chs = bl->broker.channels;

    ngx_messaging_stat_set(bl->broker.slot, NGX_MESSAGING_STAT_CHANNELS,
                           chs->active);

    name.data = ch->name;
    name.len = ch->len;

    hash = ngx_messaging_broker_local_hash(&name);

    if (ch->nelts == 0) {
        ch->confirmed = 0;
        ngx_messaging_broker_local_want(bl, hash, 0);
        return;
    }

    ngx_messaging_broker_local_want(bl, hash, 1);

    ch->since = ngx_messaging_ring_end(&bl->reader);
    ch->confirmed = 1;
}


static void
ngx_messaging_broker_local_want(ngx_messaging_broker_local_t *bl,
    uint32_t hash, ngx_uint_t on)
{
    uint32_t  *count;

    count = &bl->counts[hash % NGX_MESSAGING_WAKE_HASHES];

    if ((on ? (*count)++ : --*count) == 0
        && bl->slot < NGX_MESSAGING_SHM_SLOTS)
    {
        ngx_messaging_wake_want(bl->broker.shm->wake, bl->slot, hash, on);
    }
}


static uint32_t
ngx_messaging_broker_local_hash(ngx_str_t *name)
{
    return ngx_murmur_hash2(name->data, name->len);
}


static ngx_uint_t
ngx_messaging_broker_local_alive(void *data, ngx_uint_t n)
{
    ngx_messaging_shm_t *shm = data;

    if (n == NGX_MESSAGING_BROKER_LOCAL_ANY) {
        return 1;
    }

    return ngx_messaging_shm_alive(&shm->slots[n], NGX_MESSAGING_SHM_ABANDON);
}


static void
ngx_messaging_broker_local_woken(ngx_event_t *ev)
{
    ngx_connection_t              *c;
    ngx_messaging_broker_local_t  *bl;

    c = ev->data;
    bl = c->data;

    ngx_messaging_wake_taken(bl->broker.shm->wake, bl->slot);
    ngx_messaging_broker_local_post(bl);
}


static void
ngx_messaging_broker_local_tick(ngx_event_t *ev)
{
    ngx_uint_t                     missed;
    ngx_connection_t              *c;
    ngx_messaging_broker_local_t  *bl;

    c = ev->data;
    bl = c->data;

    missed = bl->slot < NGX_MESSAGING_SHM_SLOTS
             && ngx_messaging_wake_missed(bl->broker.shm->wake, bl->slot);

    if (missed || ngx_messaging_ring_behind(&bl->reader)) {
        ngx_messaging_broker_local_post(bl);
    }

    ngx_add_timer(ev, NGX_MESSAGING_BROKER_LOCAL_TICK);
}


static void
ngx_messaging_broker_local_post(ngx_messaging_broker_local_t *bl)
{
    if (!bl->turn.posted) {
        ngx_post_event(&bl->turn, &ngx_posted_events);
    }
}


static void
ngx_messaging_broker_local_turn(ngx_event_t *ev)
{
    ngx_int_t                      rc;
    ngx_connection_t              *c;
    ngx_messaging_broker_local_t  *bl;

    c = ev->data;
    bl = c->data;

    ngx_messaging_wake_send(bl->broker.shm->wake, &bl->wake, bl->slot);
    ngx_messaging_broker_local_finish(bl);

    if (ev->posted) {

        /* who publishes as soon as he is told has others go first, too */

        ngx_delete_posted_event(ev);
        ngx_post_event(ev, &ngx_posted_next_events);
    }

    rc = ngx_messaging_broker_local_drain(bl);

    if (rc == NGX_AGAIN && !ev->posted) {
        /* the clients have their turn first */
        ngx_post_event(ev, &ngx_posted_next_events);
    }

    if (rc == NGX_BUSY) {
        ngx_add_timer(ev, NGX_MESSAGING_BROKER_LOCAL_RETRY);

    } else if (bl->eventfd == NULL) {
        ngx_add_timer(ev, NGX_MESSAGING_BROKER_LOCAL_POLL);
    }
}


static void
ngx_messaging_broker_local_finish(ngx_messaging_broker_local_t *bl)
{
    ngx_messaging_publish_pt      handler;
    ngx_messaging_broker_done_t  *done, *next;
    void                         *data;

    /* a handler may publish: that has its turn in the next event */

    done = bl->done;
    bl->done = NULL;
    bl->last = &bl->done;

    while (done) {
        next = done->next;
        handler = done->handler;
        data = done->data;

        done->next = bl->free;
        bl->free = done;

        handler(data, NGX_OK);

        done = next;
    }
}


/* NGX_OK: all was read; NGX_AGAIN: there may be more; NGX_BUSY: wait */

static ngx_int_t
ngx_messaging_broker_local_drain(ngx_messaging_broker_local_t *bl)
{
    ngx_int_t   rc;
    ngx_uint_t  given, looked, skipped;

    given = 0;
    rc = NGX_AGAIN;
    skipped = bl->reader.skipped;

    for (looked = 0; looked < NGX_MESSAGING_BROKER_LOCAL_LOOK
                     && given < NGX_MESSAGING_BROKER_LOCAL_READ; looked++)
    {
        rc = ngx_messaging_ring_next(&bl->reader, ngx_current_msec);

        if (rc == NGX_AGAIN || rc == NGX_BUSY) {
            break;
        }

        if (rc == NGX_OK) {

            if (bl->counts[bl->reader.hash % NGX_MESSAGING_WAKE_HASHES] == 0) {
                ngx_messaging_ring_skip(&bl->reader);
                continue;
            }

            rc = ngx_messaging_broker_local_read(bl);
            given++;
        }

        if (rc != NGX_OK) {
            ngx_messaging_broker_local_gap(bl, rc);
        }
    }

    ngx_messaging_stat_add(bl->broker.slot, NGX_MESSAGING_STAT_RELAY_SKIPPED,
                           bl->reader.skipped - skipped);

    if (rc == NGX_BUSY) {
        return NGX_BUSY;
    }

    return (rc == NGX_AGAIN) ? NGX_OK : NGX_AGAIN;
}


/* as ngx_messaging_ring_copy() */

static ngx_int_t
ngx_messaging_broker_local_read(ngx_messaging_broker_local_t *bl)
{
    size_t                    size;
    u_char                   *p;
    ngx_int_t                 rc;
    ngx_str_t                 name, payload;
    ngx_messaging_channel_t  *ch;

    size = bl->reader.len + sizeof(uint64_t);

    if (size > bl->in_size) {

        if (bl->in) {
            ngx_free(bl->in);
        }

        bl->in_size = 0;

        bl->in = ngx_alloc(2 * size, bl->broker.log);
        if (bl->in == NULL) {
            ngx_messaging_ring_skip(&bl->reader);
            return NGX_ERROR;
        }

        bl->in_size = 2 * size;
    }

    rc = ngx_messaging_ring_copy(&bl->reader, bl->in);

    if (rc != NGX_OK) {
        return rc;
    }

    p = (u_char *) bl->in;

    name.len = (bl->reader.len < 2) ? 0 : (size_t) p[0] << 8 | p[1];
    name.data = p + 2;

    if (2 + name.len > bl->reader.len) {
        return NGX_ERROR;
    }

    payload.data = name.data + name.len;
    payload.len = bl->reader.len - 2 - name.len;

    if (name.len == sizeof(NGX_MESSAGING_CONTROL_CHANNEL) - 1
        && ngx_memcmp(name.data, NGX_MESSAGING_CONTROL_CHANNEL, name.len) == 0)
    {
        bl->broker.control(bl->broker.control_data, &payload);
        return NGX_OK;
    }

    ch = ngx_messaging_channel_find(bl->broker.channels, &name);

    if (ch == NULL || ch->nelts == 0
        || bl->reader.position < ch->since)
    {
        return NGX_OK;
    }

    ngx_messaging_broker_receive(&bl->broker, ch, &payload);

    return NGX_OK;
}


/* records were missed: nobody knows of which channels */

static void
ngx_messaging_broker_local_gap(ngx_messaging_broker_local_t *bl, ngx_int_t rc)
{
    ngx_uint_t                 i;
    ngx_messaging_channel_t   *ch;
    ngx_messaging_channels_t  *chs;

    chs = bl->broker.channels;

    bl->broker.control_gap(bl->broker.control_data);

    if (chs->active == 0) {
        return;
    }

    ngx_messaging_stat_add(bl->broker.slot,
                           (rc == NGX_DECLINED)
                           ? NGX_MESSAGING_STAT_RELAY_LAPS
                           : NGX_MESSAGING_STAT_RELAY_LOST, 1);

    for (i = 0; i < chs->nbuckets; i++) {
        for (ch = chs->buckets[i]; ch; ch = ch->next) {

            if (ch->nelts == 0) {
                continue;
            }

            ngx_messaging_stat_add(bl->broker.slot, NGX_MESSAGING_STAT_RESYNCS,
                                   1);
            ngx_messaging_channel_gap(chs, ch);
        }
    }

    if (rc == NGX_DECLINED) {
        bl->laps++;

    } else {
        bl->lost++;
    }

    if (bl->logged
        && ngx_current_msec - bl->logged < NGX_MESSAGING_BROKER_LOCAL_LOG)
    {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, bl->broker.log, 0,
                  "messaging worker has missed messages, members of %ui "
                  "channels were told to resync: lapped %ui times, %ui "
                  "messages lost since the last such line",
                  chs->active, bl->laps, bl->lost);

    bl->logged = ngx_current_msec;
    bl->laps = 0;
    bl->lost = 0;
}
