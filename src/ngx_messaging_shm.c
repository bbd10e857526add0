
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_counts.h"
#include "ngx_messaging_presence.h"
#include "ngx_messaging_shm.h"

#include <openssl/rand.h>


/* 2025-01-01T00:00:00Z, where the ids' milliseconds begin */
#define NGX_MESSAGING_SHM_EPOCH  1735689600000ULL


/* the zone's own bookkeeping, and what else may want a page */
#define NGX_MESSAGING_SHM_PAGES  16


/* the data of the zone in one configuration */

typedef struct {
    ngx_messaging_shm_t        **shm;
    ngx_uint_t                  *quotas;
    ngx_uint_t                  *verdicts;
    size_t                      *record;
    ngx_uint_t                  *presence;
    ngx_uint_t                   ring;      /* it is there, or is to be */
    ngx_uint_t                   entries;   /* likewise, of presence */
    ngx_cycle_t                 *cycle;
} ngx_messaging_shm_conf_t;


static ngx_int_t ngx_messaging_shm_check_zone(ngx_shm_zone_t *zone);
static ngx_uint_t ngx_messaging_shm_fits(ngx_messaging_shm_conf_t *conf,
    size_t size, ngx_uint_t quotas);
static ngx_uint_t ngx_messaging_shm_cells(size_t size);
static ngx_uint_t ngx_messaging_shm_revocations(size_t size);
static ngx_uint_t ngx_messaging_shm_verdicts(size_t size);
static ngx_uint_t ngx_messaging_shm_processes(ngx_messaging_shm_conf_t *conf);
static ngx_int_t ngx_messaging_shm_init_zone(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_messaging_shm_init_parts(ngx_shm_zone_t *zone,
    ngx_messaging_shm_t *shm);
static ngx_int_t ngx_messaging_shm_init_ring(ngx_shm_zone_t *zone,
    ngx_messaging_shm_t *shm);
static ngx_int_t ngx_messaging_shm_init_presence(ngx_shm_zone_t *zone,
    ngx_messaging_shm_t *shm);
static void ngx_messaging_shm_fold(ngx_messaging_shm_t *shm,
    ngx_messaging_slot_t *slot);


ngx_messaging_stat_t  ngx_messaging_shm_stats[] = {

    { "", "connections", 1, "WebSocket connections open now" },
    { "", "subscriptions", 1, "channels of all connections, open now" },
    { "", "channels", 1, "channels with members, summed over the workers" },

    { "", "queued_bytes", 1, "bytes of messages waiting to be sent or read" },

    { "", "accepted", 0, "connections admitted: answered with 101 and open" },
    { "", "ended", 0, "connections admitted that have ended" },

    { "messages", "in", 0, "messages received from clients" },
    { "messages", "out", 0, "messages sent to clients" },
    { "bytes", "in", 0, "bytes received after the handshake" },
    { "bytes", "out", 0, "bytes sent after the handshake" },

    { "broker", "published", 0, "frames taken by the broker" },
    { "broker", "publish_failed", 0, "frames not taken by the broker" },
    { "broker", "received", 0, "payloads received for a channel" },
    { "broker", "dropped", 0, "payloads not given to the members" },
    { "broker", "resyncs", 0, "channels whose members were told to resync" },

    { "publish_failures", "refused", 0, "answered by Redis with an error" },
    { "publish_failures", "down", 0, "no connection to Redis, or lost" },
    { "publish_failures", "overloaded", 0, "Redis, or the ring, is behind" },
    { "publish_failures", "memory", 0, "no memory" },

    { "drops", "not_a_frame", 0, "neither form of a payload" },
    { "drops", "not_utf8", 0, "not UTF-8" },
    { "drops", "too_long", 0, "longer than messaging_max_message" },

    { "refusals", "method", 0, "not a GET" },
    { "refusals", "upgrade", 0, "no WebSocket upgrade asked" },
    { "refusals", "request", 0, "HTTP/2, HTTP/3 or a request body" },
    { "refusals", "version", 0, "Sec-WebSocket-Version is not 13" },
    { "refusals", "key", 0, "bad Sec-WebSocket-Key" },
    { "refusals", "origin", 0, "origin not allowed" },
    { "refusals", "conversation", 0, "bad conversation id or channel" },
    { "refusals", "connections", 0, "over messaging_max_connections" },
    { "refusals", "token_missing", 0, "no token" },
    { "refusals", "token_malformed", 0, "malformed token" },
    { "refusals", "token_algorithm", 0, "algorithm not that of the key" },
    { "refusals", "token_key", 0, "no key for the token" },
    { "refusals", "token_signature", 0, "bad signature" },
    { "refusals", "token_expired", 0, "expired token" },
    { "refusals", "token_not_yet", 0, "token not valid yet" },
    { "refusals", "token_claim", 0, "required claim missing or wrong" },
    { "refusals", "token_user", 0, "user claim missing or wrong" },
    { "refusals", "token_internal", 0, "token could not be verified" },
    { "refusals", "token_revoked", 0, "revoked token" },
    { "refusals", "access", 0, "no access to the conversation" },
    { "refusals", "broker", 0, "broker down or subscription timed out" },
    { "refusals", "backend", 0, "access check failed or timed out" },
    { "refusals", "backend_token", 0, "token refused by the backend: 401" },
    { "refusals", "user_connections", 0, "over messaging_user_connections" },
    { "refusals", "address_connections", 0, "over the limit of an address" },

    { "auth", "renewed", 0, "tokens renewed by an auth frame" },
    { "auth", "failed", 0, "auth frames that closed the connection" },

    { "posts", "accepted", 0, "taken by the broker: 202" },
    { "posts", "replayed", 0, "taken by the broker before: 202" },
    { "posts", "method", 0, "not a POST: 405" },
    { "posts", "type", 0, "not application/json: 415" },
    { "posts", "too_large", 0, "over messaging_max_message: 413" },
    { "posts", "target", 0, "bad conversation id or channel: 404" },
    { "posts", "invalid", 0, "not a JSON object, or not UTF-8: 400" },
    { "posts", "header", 0, "bad header field: 400" },
    { "posts", "conflict", 0, "the same is under way: 409" },
    { "posts", "mismatch", 0, "idempotency key of another frame: 422" },
    { "posts", "unavailable", 0, "not taken by the broker: 503" },

    { "stores", "saved", 0, "stored by the backend: 2xx" },
    { "stores", "rejected", 0, "refused by the backend: 4xx" },
    { "stores", "rate_limited", 0, "refused by the backend for now: 429" },
    { "stores", "failed", 0, "not answered, or with another status" },
    { "stores", "overloaded", 0, "too many of a connection were waiting" },
    { "stores", "queued", 0, "added to the stream" },
    { "stores", "stream_full", 0, "over messaging_store_stream_limit" },

    { "reads", "saved", 0, "stored by the backend, or in the stream" },
    { "reads", "merged", 0, "went along with another of the conversation" },
    { "reads", "rejected", 0, "refused by the backend: 4xx" },
    { "reads", "failed", 0, "tries that failed" },
    { "reads", "dropped", 0, "given up after many tries" },
    { "reads", "overloaded", 0, "left out, too much was waiting" },

    { "control", "obeyed", 0, "actions obeyed, by each worker" },
    { "control", "unknown", 0, "actions that are not known" },
    { "control", "invalid", 0, "payloads that are no control action" },
    { "control", "closed", 0, "connections closed" },
    { "control", "unsubscribed", 0, "conversations taken from connections" },
    { "control", "evicted", 0, "revocations the zone had no room for" },
    { "control", "not_stored", 0, "revocations not stored in Redis" },

    { "access", "asked", 0, "questions to the backend or Redis" },
    { "access", "cached", 0, "questions answered by an earlier answer" },
    { "access", "evicted", 0, "answers that the zone had no room for" },
    { "access", "kept", 0, "members who were asked for again, and stay" },
    { "access", "withdrawn", 0, "members who had to leave for it" },
    { "access", "failed", 0, "members who could not be asked for again" },

    { "events", "sent", 0, "events the backend, or a stream, has taken" },
    { "events", "failed", 0, "batches of events that will be sent again" },
    { "events", "dropped", 0, "users and conversations left out of events" },

    { "limits", "rate", 0, "frames refused by messaging_rate" },
    { "limits", "typing_rate", 0, "typing left out by messaging_typing_rate" },
    { "limits", "rate_closed", 0, "connections closed by messaging_rate" },
    { "limits", "fragments", 0, "messages of too many fragments" },
    { "limits", "send_buffer", 0, "slow consumers closed" },
    { "limits", "queued", 0, "connections closed by messaging_max_queued" },
    { "limits", "close_timeout", 0, "Close frames that were not answered" },
    { "limits", "refuse_delay", 0, "refusals that had to wait" },
    { "limits", "idempotency", 0, "idempotency keys forgotten too early" },

    { "sheds", "typing_coalesced", 0, "typing replaced by a later one" },
    { "sheds", "typing", 0, "typing not sent to a slow client" },
    { "sheds", "presence", 0, "presence not sent to a slow client" },
    { "sheds", "receipt", 0, "receipts not sent to a slow client" },
    { "sheds", "pong", 0, "pongs replaced by a later one" },

    { "deflate", "messages", 0, "messages compressed" },
    { "deflate", "bytes_in", 0, "bytes of them before" },
    { "deflate", "bytes_out", 0, "bytes of them after" },

    { "inflate", "messages", 0, "messages decompressed" },
    { "inflate", "bytes_in", 0, "bytes of them before" },
    { "inflate", "bytes_out", 0, "bytes of them after" },
    { "inflate", "too_big", 0, "messages over messaging_max_message" },
    { "inflate", "failed", 0, "messages that were not a deflate stream" },

    { "closes", "1000", 0, "normal closure" },
    { "closes", "1001", 0, "going away" },
    { "closes", "1002", 0, "protocol error" },
    { "closes", "1003", 0, "binary message" },
    { "closes", "1005", 0, "closed by the client without a code" },
    { "closes", "1006", 0, "closed without a Close frame" },
    { "closes", "1007", 0, "invalid UTF-8 or deflate stream" },
    { "closes", "1008", 0, "policy violation" },
    { "closes", "1009", 0, "message too big" },
    { "closes", "1011", 0, "internal error" },
    { "closes", "1012", 0, "restart after a reload" },
    { "closes", "1013", 0, "try again later" },
    { "closes", "4000", 0, "no sign of life" },
    { "closes", "4001", 0, "token missing, invalid or expired" },
    { "closes", "4003", 0, "no access" },
    { "closes", "other", 0, "any other code, sent by the client" },

    { "redis", "ready", 1, "workers whose two connections are ready" },
    { "redis", "reconnects", 0, "connections made again" },
    { "redis", "lost", 0, "connections lost" },
    { "redis", "gaps", 0, "interruptions of a worker's subscriptions" },

    { "redis_lag", "1ms", 0, "payloads that took up to 1 ms" },
    { "redis_lag", "5ms", 0, "more than that, up to 5 ms" },
    { "redis_lag", "25ms", 0, "more than that, up to 25 ms" },
    { "redis_lag", "100ms", 0, "more than that, up to 100 ms" },
    { "redis_lag", "500ms", 0, "more than that, up to 500 ms" },
    { "redis_lag", "2s", 0, "more than that, up to 2 s" },
    { "redis_lag", "more", 0, "more than 2 s" },
    { "redis_lag", "sum_us", 0, "time of all of them, in microseconds" },
    { "redis_lag", "count", 0, "number of all of them" },
    { "redis_lag", "lost", 0, "payloads that did not come back in 10 s" },

    { "relay", "laps", 0, "times that a worker missed what others sent" },
    { "relay", "lost", 0, "payloads that a worker found spoiled" },
    { "relay", "skipped", 0, "payloads that a worker did not wait for" },

    { NULL, NULL, 0, NULL }
};


char *
ngx_messaging_shm_add(ngx_conf_t *cf, ngx_str_t *name, size_t size, void *tag,
    ngx_messaging_shm_t **shm, ngx_uint_t *quotas, ngx_uint_t *verdicts,
    size_t *record, ngx_uint_t *presence)
{
    ngx_shm_zone_t            *zone;
    ngx_messaging_shm_conf_t  *conf;

    if (size < sizeof(ngx_messaging_shm_t)
               + NGX_MESSAGING_SHM_PAGES * ngx_pagesize)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, it needs %uz bytes",
                           name, sizeof(ngx_messaging_shm_t)
                                 + NGX_MESSAGING_SHM_PAGES * ngx_pagesize);
        return NGX_CONF_ERROR;
    }

    conf = ngx_palloc(cf->pool, sizeof(ngx_messaging_shm_conf_t));
    if (conf == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->shm = shm;
    conf->quotas = quotas;
    conf->verdicts = verdicts;
    conf->record = record;
    conf->presence = presence;
    conf->cycle = cf->cycle;

    zone = ngx_shared_memory_add(cf, name, size, tag);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "zone \"%V\" is duplicate",
                           name);
        return NGX_CONF_ERROR;
    }

    zone->init = ngx_messaging_shm_init_zone;
    zone->data = conf;

    return NGX_CONF_OK;
}


/*
 * Here an error leaves the old configuration in place, which it would not at
 * any later time, and earlier the numbers of workers and connections may not
 * have been read.
 */

static ngx_int_t
ngx_messaging_shm_check_zone(ngx_shm_zone_t *zone)
{
    size_t                     size;
    ngx_uint_t                 n, entries;
    ngx_messaging_shm_conf_t  *conf;

    conf = zone->data;
    size = zone->shm.size;

    if (ngx_messaging_shm_fits(conf, size, *conf->quotas)) {
        return NGX_OK;
    }

    for (n = size / 1048576 + 1;
         !ngx_messaging_shm_fits(conf, n * 1048576, *conf->quotas);
         n++)
    {
        /* void */
    }

    entries = conf->entries;
    conf->entries = 0;

    if (entries && ngx_messaging_shm_fits(conf, size, *conf->quotas)) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" is too small for \"messaging_events_max "
                      "%ui\": write \"messaging_zone %V:%uzm;\"",
                      &zone->shm.name, entries, &zone->shm.name, n);
        return NGX_ERROR;
    }

    if (!ngx_messaging_shm_fits(conf, size, 0)) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" is too small to relay messages of "
                      "\"messaging_max_message\" without Redis: write "
                      "\"messaging_zone %V:%uzm;\"",
                      &zone->shm.name, &zone->shm.name, n);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "zone \"%V\" is too small for \"messaging_user_connections\""
                  " or \"messaging_address_connections\" of %ui workers with "
                  "%ui connections each: write \"messaging_zone %V:%uzm;\"",
                  &zone->shm.name, ngx_messaging_shm_processes(conf),
                  conf->cycle->connection_n, &zone->shm.name, n);

    return NGX_ERROR;
}


static ngx_uint_t
ngx_messaging_shm_fits(ngx_messaging_shm_conf_t *conf, size_t size,
    ngx_uint_t quotas)
{
    size_t      pages, table;
    ngx_uint_t  cells;

    pages = sizeof(ngx_messaging_shm_t) / ngx_pagesize + 1
            + NGX_MESSAGING_SHM_PAGES;

    pages += ngx_messaging_revocations_size(
                                       ngx_messaging_shm_revocations(size))
             / ngx_pagesize + 1;

    if (*conf->verdicts) {
        pages += ngx_messaging_verdicts_size(ngx_messaging_shm_verdicts(size))
                 / ngx_pagesize + 1;
    }

    if (conf->ring) {
        cells = ngx_messaging_shm_cells(size);

        if (*conf->record
            && cells < NGX_MESSAGING_SHM_RECORDS
                       * ngx_messaging_ring_cells(*conf->record))
        {
            return 0;
        }

        pages += ngx_messaging_ring_size(cells) / ngx_pagesize + 1
                 + sizeof(ngx_messaging_wake_t) / ngx_pagesize + 1;
    }

    if (quotas) {
        table = ngx_messaging_counts_size(
                    ngx_messaging_counts_bits(NGX_MESSAGING_SHM_QUOTAS
                                              * conf->cycle->connection_n));

        table = ngx_align(table, ngx_pagesize) / ngx_pagesize;

        /* twice: after a reload the old workers are there for a while */

        pages += 2 * ngx_messaging_shm_processes(conf) * table;
    }

    if (conf->entries) {
        pages += ngx_messaging_presence_size(conf->entries) / ngx_pagesize
                 + 1;
    }

    return (quotas == 0 && conf->ring == 0 && conf->entries == 0)
           || size >= pages * (ngx_pagesize + sizeof(ngx_slab_page_t));
}


/* of a ring in a zone of that size: a power of two, 5/8 of it at most */

static ngx_uint_t
ngx_messaging_shm_cells(size_t size)
{
    ngx_uint_t  cells;

    cells = 1;

    while (ngx_messaging_ring_size(2 * cells) <= size / 8 * 5) {
        cells *= 2;
    }

    return cells;
}


/* a table in a zone of that size: a power of two, 1/16 of it at most */

static ngx_uint_t
ngx_messaging_shm_revocations(size_t size)
{
    ngx_uint_t  n;

    n = 1;

    while (ngx_messaging_revocations_size(2 * n) <= size / 16) {
        n *= 2;
    }

    return n;
}


/* likewise */

static ngx_uint_t
ngx_messaging_shm_verdicts(size_t size)
{
    ngx_uint_t  n;

    n = 1;

    while (ngx_messaging_verdicts_size(2 * n) <= size / 16) {
        n *= 2;
    }

    return n;
}


static ngx_uint_t
ngx_messaging_shm_processes(ngx_messaging_shm_conf_t *conf)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(conf->cycle->conf_ctx,
                                           ngx_core_module);

    return ccf->master ? ccf->worker_processes : 1;
}


static ngx_int_t
ngx_messaging_shm_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_messaging_shm_conf_t *old = data;

    size_t                     n;
    ngx_slab_pool_t           *pool;
    ngx_atomic_uint_t          token;
    ngx_messaging_shm_t       *shm;
    ngx_messaging_shm_conf_t  *conf;

    conf = zone->data;

    /* workers that relay by it may still be there, and may come again */

    conf->ring = *conf->record || (old && (*old->shm)->ring);
    conf->entries = (old && (*old->shm)->presence)
                    ? ngx_messaging_presence_entries((*old->shm)->presence)
                    : *conf->presence;

    if (ngx_messaging_shm_check_zone(zone) != NGX_OK) {
        return NGX_ERROR;
    }

    if (old) {
        *conf->shm = *old->shm;
        return ngx_messaging_shm_init_parts(zone, *conf->shm);
    }

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        *conf->shm = pool->data;
        return ngx_messaging_shm_init_parts(zone, *conf->shm);
    }

    /* who asks for memory says what it means if there is none */

    pool->log_nomem = 0;

    shm = ngx_slab_calloc(pool, sizeof(ngx_messaging_shm_t));
    if (shm == NULL) {
        return NGX_ERROR;
    }

    /* who holds a host number is known by it */

    if (RAND_bytes((u_char *) &token, sizeof(token)) != 1
        || RAND_bytes(shm->user_seed, NGX_MESSAGING_KEY_SEED) != 1
        || RAND_bytes(shm->address_seed, NGX_MESSAGING_KEY_SEED) != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    n = ngx_messaging_shm_revocations(zone->shm.size);

    shm->revocations = ngx_slab_calloc(pool,
                                       ngx_messaging_revocations_size(n));
    if (shm->revocations == NULL) {
        return NGX_ERROR;
    }

    ngx_messaging_revocations_init(shm->revocations, n);

    shm->host_token = token;
    shm->local = token % NGX_MESSAGING_SHM_HOSTS;
    shm->pool = pool;

    pool->data = shm;
    *conf->shm = shm;

    return ngx_messaging_shm_init_parts(zone, shm);
}


/* workers that are there use only what they have: it may come later */

static ngx_int_t
ngx_messaging_shm_init_parts(ngx_shm_zone_t *zone, ngx_messaging_shm_t *shm)
{
    ngx_uint_t                 n;
    ngx_messaging_shm_conf_t  *conf;
    ngx_messaging_verdicts_t  *verdicts;

    conf = zone->data;

    if (*conf->verdicts && shm->verdicts == NULL) {
        n = ngx_messaging_shm_verdicts(zone->shm.size);

        verdicts = ngx_slab_calloc(shm->pool, ngx_messaging_verdicts_size(n));

        if (verdicts == NULL) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "zone \"%V\" has no room left for "
                          "\"messaging_access_cache\": "
                          "give \"messaging_zone\" another name or size",
                          &zone->shm.name);
            return NGX_ERROR;
        }

        ngx_messaging_verdicts_init(verdicts, n);
        shm->verdicts = verdicts;
    }

    if (ngx_messaging_shm_init_ring(zone, shm) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_messaging_shm_init_presence(zone, shm);
}


static ngx_int_t
ngx_messaging_shm_init_ring(ngx_shm_zone_t *zone, ngx_messaging_shm_t *shm)
{
    ngx_uint_t                 cells;
    ngx_messaging_shm_conf_t  *conf;

    conf = zone->data;

    if (*conf->record == 0 || shm->ring) {
        return NGX_OK;
    }

    cells = ngx_messaging_shm_cells(zone->shm.size);

    shm->wake = ngx_slab_calloc(shm->pool, sizeof(ngx_messaging_wake_t));

    if (shm->wake) {
        shm->ring = ngx_slab_calloc(shm->pool, ngx_messaging_ring_size(cells));
    }

    if (shm->ring == NULL) {

        if (shm->wake) {
            ngx_slab_free(shm->pool, shm->wake);
            shm->wake = NULL;
        }

        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" has no room left to relay without Redis: "
                      "give \"messaging_zone\" another name or size",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    ngx_messaging_ring_init(shm->ring, cells);

    return NGX_OK;
}


/* workers that have it keep it, whatever the number is by now */

static ngx_int_t
ngx_messaging_shm_init_presence(ngx_shm_zone_t *zone, ngx_messaging_shm_t *shm)
{
    ngx_uint_t                 n;
    ngx_messaging_shm_conf_t  *conf;

    conf = zone->data;
    n = *conf->presence;

    if (n == 0) {
        return NGX_OK;
    }

    if (shm->presence) {

        if (ngx_messaging_presence_entries(shm->presence) != n) {
            ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0,
                          "zone \"%V\" keeps room for events of %ui users and "
                          "conversations: give \"messaging_zone\" another "
                          "name or size",
                          &zone->shm.name,
                          ngx_messaging_presence_entries(shm->presence));
        }

        return NGX_OK;
    }

    shm->presence = ngx_slab_calloc(shm->pool, ngx_messaging_presence_size(n));

    if (shm->presence == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" has no room left for \"messaging_events\": "
                      "give \"messaging_zone\" another name or size",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    ngx_messaging_presence_init(shm->presence, n);

    return NGX_OK;
}


/*
 * The old zone is still there when modules are initialized.  It is another
 * one if the name or the size was changed, or if nobody needs a zone now.
 */

void
ngx_messaging_shm_supersede(ngx_cycle_t *cycle, ngx_messaging_shm_t *shm,
    void *tag)
{
    ngx_uint_t                 i;
    ngx_shm_zone_t            *zone;
    ngx_list_part_t           *part;
    ngx_messaging_shm_conf_t  *conf;

    for (part = &cycle->old_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        zone = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (zone[i].tag != tag) {
                continue;
            }

            conf = zone[i].data;

            (void) ngx_atomic_fetch_add(&(*conf->shm)->generation, 1);

            if (shm && shm != *conf->shm) {
                shm->local = ((*conf->shm)->local + 1)
                             % NGX_MESSAGING_SHM_HOSTS;
            }
        }
    }
}


ngx_uint_t
ngx_messaging_shm_alive(ngx_messaging_slot_t *slot, ngx_atomic_int_t lease)
{
    ngx_pid_t  pid;

    pid = (ngx_pid_t) slot->pid;

    if (pid == 0) {
        return 0;
    }

    if (pid == ngx_pid) {
        return 1;
    }

    /* the pid may have been given to somebody else: hence the lease */

    if ((ngx_atomic_int_t) (ngx_current_msec / 1000 - slot->beat) > lease) {
        return 0;
    }

    return kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH;
}


ngx_messaging_slot_t *
ngx_messaging_shm_claim(ngx_messaging_shm_t *shm)
{
    ngx_uint_t             i;
    ngx_atomic_uint_t      pid;
    ngx_messaging_slot_t  *slot, *own;

    own = NULL;

    for (i = 0; i < NGX_MESSAGING_SHM_SLOTS; i++) {
        slot = &shm->slots[i];
        pid = slot->pid;

        if (pid) {
            /* ngx_pid: a worker before us had the number and left nothing */

            if (pid != (ngx_atomic_uint_t) ngx_pid
                && ngx_messaging_shm_alive(slot, NGX_MESSAGING_SHM_ABANDON))
            {
                continue;
            }

            /*
             * Whoever wins this has the slot to itself, and a fresh beat with
             * it: without one the next to look would take it for dead.
             */

            ngx_messaging_shm_beat(slot);

            if (!ngx_atomic_cmp_set(&slot->pid, pid,
                                    (ngx_atomic_uint_t) ngx_pid))
            {
                continue;
            }

            ngx_messaging_shm_fold(shm, slot);

            if (own) {
                slot->pid = 0;
                continue;
            }

        } else {
            if (own) {
                continue;
            }

            ngx_messaging_shm_beat(slot);

            if (!ngx_atomic_cmp_set(&slot->pid, 0,
                                    (ngx_atomic_uint_t) ngx_pid))
            {
                continue;
            }
        }

        own = slot;
    }

    return own;
}


void
ngx_messaging_shm_beat(ngx_messaging_slot_t *slot)
{
    /* monotonic, and the same for all processes of a machine */

    slot->beat = ngx_current_msec / 1000;
}


void
ngx_messaging_shm_retire(ngx_messaging_shm_t *shm, ngx_messaging_slot_t *slot)
{
    if (slot->pid != (ngx_atomic_uint_t) ngx_pid) {
        return;
    }

    ngx_messaging_shm_fold(shm, slot);

    ngx_memory_barrier();

    slot->pid = 0;
}


static void
ngx_messaging_shm_fold(ngx_messaging_shm_t *shm, ngx_messaging_slot_t *slot)
{
    ngx_uint_t  i;

    slot->counting = 0;

    for (i = 0; i < NGX_MESSAGING_STAT_LAST; i++) {

        if (!ngx_messaging_shm_stats[i].gauge) {
            (void) ngx_atomic_fetch_add(&shm->retired[i], slot->stats[i]);
        }

        slot->stats[i] = 0;
    }
}


uint64_t
ngx_messaging_shm_sum(ngx_messaging_shm_t *shm, ngx_messaging_slot_t *own,
    ngx_uint_t stat)
{
    uint64_t               sum;
    ngx_uint_t             i;
    ngx_messaging_slot_t  *slot;

    sum = shm->retired[stat];

    for (i = 0; i < NGX_MESSAGING_SHM_SLOTS; i++) {
        slot = &shm->slots[i];

        if (slot == own || slot->pid == 0) {
            continue;
        }

        if (ngx_messaging_shm_stats[stat].gauge) {

            if (slot->stats[stat] == 0
                || !ngx_messaging_shm_alive(slot, NGX_MESSAGING_SHM_LEASE))
            {
                continue;
            }
        }

        sum += slot->stats[stat];
    }

    return sum + (own ? own->stats[stat] : 0);
}


ngx_uint_t
ngx_messaging_shm_workers(ngx_messaging_shm_t *shm)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NGX_MESSAGING_SHM_SLOTS; i++) {
        n += ngx_messaging_shm_alive(&shm->slots[i], NGX_MESSAGING_SHM_LEASE);
    }

    return n;
}


uint64_t
ngx_messaging_shm_id(ngx_messaging_shm_t *shm, ngx_uint_t host)
{
    uint64_t           now;
    ngx_time_t        *tp;
    ngx_atomic_uint_t  last, next;

    tp = ngx_timeofday();

    now = (uint64_t) tp->sec * 1000 + tp->msec;
    now = now > NGX_MESSAGING_SHM_EPOCH ? now - NGX_MESSAGING_SHM_EPOCH : 0;

    /* 64 ids fit into a millisecond; a burst, or a clock set back, goes on
       from the last id */

    do {
        last = shm->last_id;
        next = (ngx_atomic_uint_t) (now << 6);

        if (next <= last) {
            next = last + 1;
        }

    } while (!ngx_atomic_cmp_set(&shm->last_id, last, next));

    return ((uint64_t) (next >> 6) & 0x1ffffffffffULL) << 12
           | (uint64_t) (host & 63) << 6 | (next & 63);
}
