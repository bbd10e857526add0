
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_conf.h"
#include "ngx_http_messaging_control.h"
#include "ngx_http_messaging_delay.h"
#include "ngx_http_messaging_events.h"
#include "ngx_http_messaging_session.h"
#include "ngx_http_messaging_stream.h"
#include "ngx_http_messaging_worker.h"
#include "ngx_messaging_broker_local.h"
#include "ngx_messaging_broker_redis.h"

#include <openssl/rand.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif


/*
 * What a worker has once: registry, broker, timers, buffers.  It hangs on the
 * main configuration and is made anew by each generation of workers.
 */


#define NGX_HTTP_MESSAGING_DRAIN_TICK  50
#define NGX_HTTP_MESSAGING_CLOCK_STEP  1000         /* ms */

/* so many requests leave behind what is worth looking for */

#define NGX_HTTP_MESSAGING_TRIM        100

/* to send to so many takes longer than to see what else has come for them */

#define NGX_HTTP_MESSAGING_GATHER       128
#define NGX_HTTP_MESSAGING_GATHER_LOOKS 8
#define NGX_HTTP_MESSAGING_GATHER_TIME  1           /* ms */


static void ngx_http_messaging_worker_tell(ngx_cycle_t *cycle,
    ngx_http_messaging_main_conf_t *mmcf);
static ngx_int_t ngx_http_messaging_worker_create(ngx_cycle_t *cycle,
    ngx_http_messaging_main_conf_t *mmcf);
static void ngx_http_messaging_worker_event(ngx_event_t *ev,
    ngx_event_handler_pt handler, ngx_http_messaging_worker_t *worker);
static void ngx_http_messaging_worker_posted(ngx_event_t *ev);
static ngx_uint_t ngx_http_messaging_worker_gather(
    ngx_http_messaging_worker_t *worker);
static void ngx_http_messaging_worker_fetch(ngx_queue_t *posted,
    ngx_queue_t *q);
static void ngx_http_messaging_worker_beat(ngx_event_t *ev);
static void ngx_http_messaging_worker_trim(
    ngx_http_messaging_worker_t *worker);
static void ngx_http_messaging_worker_clock(
    ngx_http_messaging_worker_t *worker);
static void ngx_http_messaging_worker_drain_tick(ngx_event_t *ev);
static ngx_uint_t ngx_http_messaging_worker_open(
    ngx_http_messaging_worker_t *worker);


ngx_int_t
ngx_http_messaging_worker_init_module(ngx_cycle_t *cycle)
{
    ngx_core_conf_t                 *ccf;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_messaging_module);

    ngx_messaging_shm_supersede(cycle, mmcf ? mmcf->shm : NULL,
                                &ngx_http_messaging_module);

    if (mmcf == NULL || mmcf->shm == NULL) {
        return NGX_OK;
    }

    /* a worker whose generation is not the newest leaves because of a reload */

    mmcf->generation = ngx_atomic_fetch_add(&mmcf->shm->generation, 1) + 1;

    if (mmcf->enabled && !ngx_test_config) {
        ngx_http_messaging_worker_tell(cycle, mmcf);
    }

    if (mmcf->record == 0) {
        return NGX_OK;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    ngx_messaging_broker_local_open(mmcf->shm,
                                    ccf->master ? ccf->worker_processes : 1,
                                    cycle->log);

    return NGX_OK;
}


static void
ngx_http_messaging_worker_tell(ngx_cycle_t *cycle,
    ngx_http_messaging_main_conf_t *mmcf)
{
    if (mmcf->redis) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "messaging relays through Redis at \"%V\"",
                      &mmcf->redis->url.name);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                  "messaging relays through the zone \"%V\", "
                  "in a ring of %uLk",
                  &mmcf->zone,
                  mmcf->shm->ring->ncells.word
                  * NGX_MESSAGING_RING_CELL / 1024);
}


ngx_int_t
ngx_http_messaging_worker_init(ngx_cycle_t *cycle)
{
    u_char                           seed[sizeof(size_t)];
    size_t                           n;
    ngx_http_messaging_main_conf_t  *mmcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_messaging_module);

    if (mmcf == NULL || mmcf->shm == NULL || !mmcf->enabled) {
        return NGX_OK;
    }

    /* clients choose the names of members: the hash must not be theirs */

    if (RAND_bytes(seed, sizeof(seed)) == 1) {
        ngx_memcpy(&n, seed, sizeof(size_t));
        json_object_seed(n);
    }

    if (ngx_http_messaging_worker_create(cycle, mmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_messaging_conf_watch_jwks(cycle, mmcf);
}


static ngx_int_t
ngx_http_messaging_worker_create(ngx_cycle_t *cycle,
    ngx_http_messaging_main_conf_t *mmcf)
{
    ngx_str_t                     pong;
    ngx_messaging_broker_t       *broker;
    ngx_messaging_interest_pt     interest;
    ngx_http_messaging_worker_t  *worker;

    worker = ngx_pcalloc(cycle->pool, sizeof(ngx_http_messaging_worker_t));
    if (worker == NULL) {
        return NGX_ERROR;
    }

    worker->conf = mmcf;

    ngx_queue_init(&worker->sessions);
    ngx_queue_init(&worker->posted);

    worker->dummy.fd = (ngx_socket_t) -1;
    worker->dummy.data = worker;

    ngx_http_messaging_worker_event(&worker->event,
                                    ngx_http_messaging_worker_posted, worker);
    ngx_http_messaging_worker_event(&worker->beat,
                                    ngx_http_messaging_worker_beat, worker);
    ngx_http_messaging_worker_event(&worker->drain,
                                    ngx_http_messaging_worker_drain_tick,
                                    worker);
    ngx_http_messaging_worker_event(&worker->over, ngx_http_messaging_budget,
                                    worker);
    ngx_http_messaging_worker_event(&worker->hold,
                                    ngx_http_messaging_stream_hold, worker);

    /* the drain, and what is to be stored, holds a leaving worker */

    worker->event.cancelable = 1;
    worker->beat.cancelable = 1;

    ngx_messaging_wheel_init(&worker->wheel,
                             ngx_http_messaging_session_deadline, cycle->log);

    ngx_messaging_arena_init(&worker->arena, cycle->log);

    worker->buffer = ngx_palloc(cycle->pool, NGX_HTTP_MESSAGING_RECV_BUFFER);
    if (worker->buffer == NULL) {
        return NGX_ERROR;
    }

    worker->inflate.log = cycle->log;
    worker->deflate.log = cycle->log;
    worker->deflate.level = mmcf->deflate_level;
    worker->deflate.min_length = mmcf->deflate_min_length;

    worker->record = ngx_palloc(cycle->pool, NGX_HTTP_MESSAGING_RECORD);
    if (worker->record == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&pong, "{\"type\":\"pong\"}");

    worker->pong = ngx_messaging_message_create(NGX_MESSAGING_FRAME_TEXT,
                                                NGX_MESSAGING_KIND_MESSAGE,
                                                &pong, 1);
    if (worker->pong == NULL) {
        return NGX_ERROR;
    }

    worker->slot = ngx_messaging_shm_claim(mmcf->shm);

    if (worker->slot == NULL) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "messaging zone has no slot left for this worker, "
                      "its counters stay out of the sums");
        worker->slot = &worker->spare;
    }

    ngx_messaging_memory_watch(&worker->slot->stats[NGX_MESSAGING_STAT_QUEUED],
                               mmcf->max_queued, &worker->over);

    if (mmcf->quotas
        && ngx_messaging_quota_open(&worker->quota, mmcf->shm,
                                    (worker->slot == &worker->spare)
                                    ? NULL : worker->slot,
                                    cycle->connection_n, cycle->pool,
                                    cycle->log)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (mmcf->redis) {
        broker = ngx_messaging_broker_redis_create(cycle->pool, mmcf->redis,
                                                   &interest);

    } else {
        broker = ngx_messaging_broker_local_create(cycle->pool,
                                            (worker->slot == &worker->spare)
                                            ? NGX_MESSAGING_SHM_SLOTS
                                            : worker->slot - mmcf->shm->slots,
                                            &interest);
    }

    if (broker == NULL) {
        return NGX_ERROR;
    }

    if (ngx_messaging_channels_init(&worker->channels,
                                    &ngx_http_messaging_member_events,
                                    interest, broker)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    broker->channels = &worker->channels;
    broker->shm = mmcf->shm;
    broker->slot = worker->slot;
    broker->prefix = mmcf->prefix;
    broker->max_message = mmcf->max_message;
    broker->revoke_time = mmcf->revoke_time;
    broker->deflate = &worker->deflate;

    worker->broker = broker;

    if (ngx_http_messaging_control_create(worker, cycle->pool) != NGX_OK
        || ngx_http_messaging_events_create(worker, cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    mmcf->worker = worker;

    broker->ops->start(broker);

    ngx_http_messaging_worker_clock(worker);
    ngx_add_timer(&worker->beat, NGX_MESSAGING_SHM_BEAT * 1000);

    return NGX_OK;
}


static void
ngx_http_messaging_worker_event(ngx_event_t *ev, ngx_event_handler_pt handler,
    ngx_http_messaging_worker_t *worker)
{
    ev->handler = handler;
    ev->data = &worker->dummy;
    ev->log = ngx_cycle->log;
}


void
ngx_http_messaging_worker_exit(ngx_cycle_t *cycle)
{
    ngx_http_messaging_out_t        *out;
    ngx_http_messaging_worker_t     *worker;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_messaging_module);

    if (mmcf == NULL || mmcf->worker == NULL) {
        return;
    }

    worker = mmcf->worker;

    /* sessions of a worker that is terminated are left to the kernel */

    worker->broker->ops->stop(worker->broker);
    ngx_http_messaging_control_free(worker);
    ngx_http_messaging_events_free(worker);

    ngx_http_messaging_conf_release_jwks(mmcf);

    ngx_messaging_memory_forget();
    ngx_messaging_quota_close(&worker->quota);

    if (worker->slot != &worker->spare) {
        ngx_messaging_shm_retire(mmcf->shm, worker->slot);
        worker->slot = &worker->spare;
    }

    ngx_messaging_deflate_free(&worker->deflate);
    ngx_messaging_inflate_free(&worker->inflate);

    if (ngx_queue_empty(&worker->sessions)) {

        ngx_messaging_channels_free(&worker->channels);

        while (worker->free_out) {
            out = worker->free_out;
            worker->free_out = out->next;
            ngx_free(out);
        }

        if (worker->text) {
            ngx_free(worker->text);
        }

        ngx_messaging_message_release(worker->pong);
    }

    mmcf->worker = NULL;
}


static void
ngx_http_messaging_worker_posted(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_messaging_worker_t  *worker;

    c = ev->data;
    worker = c->data;

    if (!ngx_http_messaging_worker_gather(worker)) {
        ngx_http_messaging_worker_flush(worker);
    }
}


/*
 * What a call to send takes hardly depends on how much is sent.  So before
 * something is sent to many, the event loop is gone through once more, without
 * waiting: what others have sent meanwhile leaves by the same calls.  That is
 * repeated while it brings something, but not for long.
 */

static ngx_uint_t
ngx_http_messaging_worker_gather(ngx_http_messaging_worker_t *worker)
{
    ngx_event_t  *ev;

    ev = &worker->event;

    if (worker->looked) {

        /* the broker, which may stand behind us, has to give what it has */

        worker->looked = 0;

        ngx_post_event(ev, &ngx_posted_events);

        return 1;
    }

    if (worker->nposted < NGX_HTTP_MESSAGING_GATHER || ngx_exiting) {
        worker->looks = 0;
        return 0;
    }

    if (worker->looks == 0) {
        worker->gather = ngx_current_msec;

    } else if (worker->looks == NGX_HTTP_MESSAGING_GATHER_LOOKS
               || worker->gathered == worker->nqueued
               || ngx_current_msec - worker->gather
                  > NGX_HTTP_MESSAGING_GATHER_TIME)
    {
        worker->looks = 0;
        return 0;
    }

    worker->looks++;
    worker->looked = 1;
    worker->gathered = worker->nqueued;

    ngx_post_event(ev, &ngx_posted_next_events);

    return 1;
}


void
ngx_http_messaging_worker_flush(ngx_http_messaging_worker_t *worker)
{
    ngx_queue_t                   *q, posted;
    ngx_http_messaging_session_t  *s;

    if (ngx_queue_empty(&worker->posted)) {
        return;
    }

    /* those posted meanwhile have their turn in the next event */

    ngx_queue_init(&posted);
    ngx_queue_add(&posted, &worker->posted);
    ngx_queue_init(&worker->posted);

    while (!ngx_queue_empty(&posted)) {
        q = ngx_queue_head(&posted);
        s = ngx_queue_data(q, ngx_http_messaging_session_t, posted);

        ngx_http_messaging_worker_fetch(&posted, q);

        ngx_queue_remove(q);
        s->is_posted = 0;
        worker->nposted--;

        ngx_http_messaging_session_handle(s);
    }
}


/* what of the next ones will be needed, while this one is in the kernel */

static void
ngx_http_messaging_worker_fetch(ngx_queue_t *posted, ngx_queue_t *q)
{
    ngx_http_messaging_session_t  *s;

    q = ngx_queue_next(q);

    if (q == ngx_queue_sentinel(posted)) {
        return;
    }

    s = ngx_queue_data(q, ngx_http_messaging_session_t, posted);

    __builtin_prefetch(s->connection->write);
    __builtin_prefetch(s->out);

    q = ngx_queue_next(q);

    if (q == ngx_queue_sentinel(posted)) {
        return;
    }

    s = ngx_queue_data(q, ngx_http_messaging_session_t, posted);

    __builtin_prefetch(s->connection);
    __builtin_prefetch(ngx_queue_next(q));
}


static void
ngx_http_messaging_worker_beat(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_messaging_worker_t  *worker;

    c = ev->data;
    worker = c->data;

    ngx_messaging_shm_beat(worker->slot);
    ngx_http_messaging_worker_clock(worker);
    ngx_http_messaging_worker_trim(worker);

    ngx_add_timer(ev, NGX_MESSAGING_SHM_BEAT * 1000);
}


/*
 * After a storm of handshakes, or of disconnects, most of the heap is free,
 * but a few blocks among it keep the C library from giving it back.  That is
 * made up for when the storm is over, and now and then while it goes on.
 */

static void
ngx_http_messaging_worker_trim(ngx_http_messaging_worker_t *worker)
{
    ngx_uint_t  n;

    n = worker->nfreed;

    worker->nfreed = 0;
    worker->untrimmed += n;

    if (worker->untrimmed < NGX_HTTP_MESSAGING_TRIM
        || n > worker->untrimmed / 8)
    {
        return;
    }

    worker->untrimmed = 0;

#if defined(__GLIBC__)
    (void) malloc_trim(0);
#endif
}


/*
 * Deadlines are monotonic, but tokens expire by the time of day: when the
 * clock was set, or stood still with the machine, they have to be looked at.
 */

static void
ngx_http_messaging_worker_clock(ngx_http_messaging_worker_t *worker)
{
    int64_t                        clock, step;
    ngx_queue_t                   *q;
    ngx_http_messaging_session_t  *s;

    clock = ngx_http_messaging_session_now() - (int64_t) ngx_current_msec;
    step = clock - worker->clock;

    if (step < NGX_HTTP_MESSAGING_CLOCK_STEP
        && step > -NGX_HTTP_MESSAGING_CLOCK_STEP)
    {
        return;
    }

    worker->clock = clock;

    for (q = ngx_queue_head(&worker->sessions);
         q != ngx_queue_sentinel(&worker->sessions);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_http_messaging_session_t, queue);

        if (s->open) {
            ngx_http_messaging_session_schedule(s);
        }
    }
}


void
ngx_http_messaging_worker_drain(ngx_http_messaging_worker_t *worker)
{
    ngx_http_messaging_main_conf_t  *mmcf;

    if (worker->draining) {

        /* one that was still in the handshake when the last one had gone */

        if (!worker->drain.timer_set) {
            ngx_add_timer(&worker->drain, 1);
        }

        return;
    }

    mmcf = worker->conf;

    /* first, and with their own code: nobody comes back to a refusal */

    ngx_http_messaging_delay_flush(worker);

    worker->draining = 1;
    worker->drain_end = ngx_current_msec + mmcf->drain;
    worker->drain_total = ngx_http_messaging_worker_open(worker);
    worker->drain_code = (mmcf->shm->generation != mmcf->generation)
                         ? NGX_MESSAGING_CLOSE_RESTART
                         : NGX_MESSAGING_CLOSE_GOING_AWAY;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "messaging worker leaves, closing its %ui connections "
                  "with %ui within %M ms",
                  worker->drain_total, worker->drain_code, mmcf->drain);

    ngx_add_timer(&worker->drain, 1);
}


ngx_uint_t
ngx_http_messaging_worker_drained(ngx_http_messaging_worker_t *worker)
{
    if (ngx_exiting && !worker->draining) {
        /* nobody was connected when it began to leave */
        ngx_http_messaging_worker_drain(worker);
    }

    return worker->draining
           && (ngx_msec_int_t) (ngx_current_msec - worker->drain_end) >= 0;
}


static void
ngx_http_messaging_worker_drain_tick(ngx_event_t *ev)
{
    uint64_t                       stay;
    ngx_uint_t                     n;
    ngx_queue_t                   *q;
    ngx_msec_int_t                 left;
    ngx_connection_t              *c;
    ngx_http_messaging_worker_t   *worker;
    ngx_http_messaging_session_t  *s;

    c = ev->data;
    worker = c->data;

    if (ngx_queue_empty(&worker->sessions)) {
        return;
    }

    /* as many may stay as the part of the time that is left */

    left = (ngx_msec_int_t) (worker->drain_end - ngx_current_msec);
    stay = 0;

    if (left > 0) {
        stay = (uint64_t) worker->drain_total * left / worker->conf->drain;
    }

    n = ngx_http_messaging_worker_open(worker);

    for (q = ngx_queue_head(&worker->sessions);
         n > stay && q != ngx_queue_sentinel(&worker->sessions);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_http_messaging_session_t, queue);

        if (s->open && !s->closing) {
            ngx_http_messaging_session_close(s, worker->drain_code,
                             worker->drain_code == NGX_MESSAGING_CLOSE_RESTART
                             ? "server reload" : "server shutdown");
            n--;
        }
    }

    ngx_add_timer(ev, NGX_HTTP_MESSAGING_DRAIN_TICK);
}


static ngx_uint_t
ngx_http_messaging_worker_open(ngx_http_messaging_worker_t *worker)
{
    ngx_uint_t                     n;
    ngx_queue_t                   *q;
    ngx_http_messaging_session_t  *s;

    n = 0;

    for (q = ngx_queue_head(&worker->sessions);
         q != ngx_queue_sentinel(&worker->sessions);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_http_messaging_session_t, queue);
        n += (s->open && !s->closing);
    }

    return n;
}
