
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_channel.h"

#include <openssl/rand.h>


#define NGX_MESSAGING_CHANNEL_BUCKETS  64
#define NGX_MESSAGING_CHANNEL_MEMBERS  2
#define NGX_MESSAGING_CHANNEL_AHEAD    4

#define ngx_messaging_channel_size(n)                                         \
    ((n) * sizeof(ngx_messaging_subscriber_t *))


static uint64_t ngx_messaging_channel_hash(ngx_messaging_channels_t *chs,
    ngx_str_t *name);
static ngx_messaging_channel_t *ngx_messaging_channel_lookup(
    ngx_messaging_channels_t *chs, uint64_t hash, ngx_str_t *name);
static ngx_messaging_channel_t *ngx_messaging_channel_create(
    ngx_messaging_channels_t *chs, uint64_t hash, ngx_str_t *name);
static void ngx_messaging_channel_destroy(ngx_messaging_channels_t *chs,
    ngx_messaging_channel_t *ch);
static void ngx_messaging_channels_grow(ngx_messaging_channels_t *chs);


ngx_int_t
ngx_messaging_channels_init(ngx_messaging_channels_t *chs,
    ngx_messaging_member_events_t *events, ngx_messaging_interest_pt interest,
    void *data)
{
    ngx_memzero(chs, sizeof(ngx_messaging_channels_t));

    chs->buckets = ngx_calloc(NGX_MESSAGING_CHANNEL_BUCKETS
                              * sizeof(ngx_messaging_channel_t *),
                              ngx_cycle->log);
    if (chs->buckets == NULL) {
        return NGX_ERROR;
    }

    ngx_messaging_arena_init(&chs->arena, ngx_cycle->log);

    chs->nbuckets = NGX_MESSAGING_CHANNEL_BUCKETS;
    chs->events = events;
    chs->interest = interest;
    chs->data = data;

    /* clients choose the names: a bucket must not be theirs to choose */

    if (RAND_bytes((u_char *) chs->seed, sizeof(chs->seed)) != 1) {
        return NGX_ERROR;
    }

    chs->seed[1] |= 1;

    return NGX_OK;
}


void
ngx_messaging_channels_free(ngx_messaging_channels_t *chs)
{
    ngx_uint_t                i;
    ngx_messaging_channel_t  *ch, *next;

    if (chs->buckets == NULL) {
        return;
    }

    for (i = 0; i < chs->nbuckets; i++) {
        for (ch = chs->buckets[i]; ch; ch = next) {
            next = ch->next;

            ngx_messaging_channel_destroy(chs, ch);
        }
    }

    ngx_free(chs->buckets);
    chs->buckets = NULL;
    chs->nelts = 0;
}


static uint64_t
ngx_messaging_channel_hash(ngx_messaging_channels_t *chs, ngx_str_t *name)
{
    size_t    len;
    u_char   *p;
    uint64_t  h, k;

    /* 8 bytes a step: the secret odd factor and the fold mix all bits */

    p = name->data;
    len = name->len;
    h = chs->seed[0] ^ len;

    while (len) {
        k = 0;

        if (len >= 8) {
            ngx_memcpy(&k, p, 8);
            p += 8;
            len -= 8;

        } else {
            ngx_memcpy(&k, p, len);
            len = 0;
        }

        h = (h ^ k) * chs->seed[1];
        h ^= h >> 29;
    }

    h *= chs->seed[1];

    return h ^ (h >> 32);
}


static ngx_messaging_channel_t *
ngx_messaging_channel_lookup(ngx_messaging_channels_t *chs, uint64_t hash,
    ngx_str_t *name)
{
    ngx_messaging_channel_t  *ch;

    for (ch = chs->buckets[hash & (chs->nbuckets - 1)]; ch; ch = ch->next) {

        if (ch->hash == hash && ch->len == name->len
            && ngx_memcmp(ch->name, name->data, name->len) == 0)
        {
            return ch;
        }
    }

    return NULL;
}


ngx_messaging_channel_t *
ngx_messaging_channel_find(ngx_messaging_channels_t *chs, ngx_str_t *name)
{
    return ngx_messaging_channel_lookup(chs,
                                        ngx_messaging_channel_hash(chs, name),
                                        name);
}


static ngx_messaging_channel_t *
ngx_messaging_channel_create(ngx_messaging_channels_t *chs, uint64_t hash,
    ngx_str_t *name)
{
    ngx_messaging_channel_t  *ch, **bucket;

    ch = ngx_messaging_arena_alloc(&chs->arena,
                                   offsetof(ngx_messaging_channel_t, name)
                                   + name->len);
    if (ch == NULL) {
        return NULL;
    }

    ch->members = ngx_messaging_arena_alloc(&chs->arena,
                    ngx_messaging_channel_size(NGX_MESSAGING_CHANNEL_MEMBERS));

    if (ch->members == NULL) {
        ngx_messaging_arena_free(&chs->arena, ch,
                                 offsetof(ngx_messaging_channel_t, name)
                                 + name->len);
        return NULL;
    }

    ch->nalloc = NGX_MESSAGING_CHANNEL_MEMBERS;
    ch->hash = hash;
    ch->len = (u_short) name->len;
    ngx_memcpy(ch->name, name->data, name->len);

    if (chs->nelts >= chs->nbuckets) {
        ngx_messaging_channels_grow(chs);
    }

    bucket = &chs->buckets[hash & (chs->nbuckets - 1)];
    ch->next = *bucket;
    *bucket = ch;
    chs->nelts++;

    return ch;
}


static void
ngx_messaging_channels_grow(ngx_messaging_channels_t *chs)
{
    ngx_uint_t                 i, n;
    ngx_messaging_channel_t   *ch, *next, **buckets, **bucket;

    n = chs->nbuckets * 2;

    buckets = ngx_calloc(n * sizeof(ngx_messaging_channel_t *),
                         ngx_cycle->log);
    if (buckets == NULL) {
        /* longer chains are slower, nothing worse */
        return;
    }

    for (i = 0; i < chs->nbuckets; i++) {
        for (ch = chs->buckets[i]; ch; ch = next) {
            next = ch->next;

            bucket = &buckets[ch->hash & (n - 1)];
            ch->next = *bucket;
            *bucket = ch;
        }
    }

    ngx_free(chs->buckets);
    chs->buckets = buckets;
    chs->nbuckets = n;
}


ngx_int_t
ngx_messaging_channel_join(ngx_messaging_channels_t *chs, ngx_str_t *name,
    ngx_messaging_subscriber_t *sub)
{
    uint64_t                      hash;
    ngx_uint_t                    n;
    ngx_messaging_channel_t      *ch;
    ngx_messaging_subscriber_t  **members;

    hash = ngx_messaging_channel_hash(chs, name);

    ch = ngx_messaging_channel_lookup(chs, hash, name);

    if (ch == NULL) {
        ch = ngx_messaging_channel_create(chs, hash, name);
        if (ch == NULL) {
            return NGX_ERROR;
        }
    }

    if (ch->nelts == ch->nalloc) {
        n = ch->nalloc * 2;

        members = ngx_messaging_arena_alloc(&chs->arena,
                                            ngx_messaging_channel_size(n));
        if (members == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(members, ch->members,
                   ch->nelts * sizeof(ngx_messaging_subscriber_t *));
        ngx_messaging_arena_free(&chs->arena, ch->members,
                                 ngx_messaging_channel_size(ch->nalloc));

        ch->members = members;
        ch->nalloc = n;
    }

    sub->channel = ch;
    sub->index = ch->nelts;
    ch->members[ch->nelts++] = sub;

    if (ch->nelts == 1) {
        chs->active++;
        chs->interest(chs->data, ch);
    }

    return ch->confirmed ? NGX_OK : NGX_AGAIN;
}


void
ngx_messaging_channel_leave(ngx_messaging_channels_t *chs,
    ngx_messaging_subscriber_t *sub)
{
    ngx_messaging_channel_t     *ch;
    ngx_messaging_subscriber_t  *last;

    ch = sub->channel;

    if (ch == NULL) {
        return;
    }

    last = ch->members[--ch->nelts];
    ch->members[sub->index] = last;
    last->index = sub->index;

    sub->channel = NULL;

    if (ch->nelts == 0) {
        chs->active--;
        chs->interest(chs->data, ch);
        ngx_messaging_channel_settle(chs, ch);
    }
}


void
ngx_messaging_channel_settle(ngx_messaging_channels_t *chs,
    ngx_messaging_channel_t *ch)
{
    ngx_messaging_channel_t  **p;

    if (ch->nelts || ch->pending || ch->queued || ch->asked) {
        return;
    }

    p = &chs->buckets[ch->hash & (chs->nbuckets - 1)];

    while (*p != ch) {
        p = &(*p)->next;
    }

    *p = ch->next;
    chs->nelts--;

    ngx_messaging_channel_destroy(chs, ch);
}


static void
ngx_messaging_channel_destroy(ngx_messaging_channels_t *chs,
    ngx_messaging_channel_t *ch)
{
    ngx_messaging_arena_free(&chs->arena, ch->members,
                             ngx_messaging_channel_size(ch->nalloc));
    ngx_messaging_arena_free(&chs->arena, ch,
                             offsetof(ngx_messaging_channel_t, name)
                             + ch->len);
}


void
ngx_messaging_channel_deliver(ngx_messaging_channels_t *chs,
    ngx_messaging_channel_t *ch, ngx_messaging_delivery_t *d)
{
    ngx_uint_t  i, n;

    /* who is left out is who types: a later state of the same takes its place;
       the product keeps names and channels that are equal apart */

    if (d->envelope.kind == NGX_MESSAGING_KIND_TYPING
        && d->envelope.exclude.len)
    {
        d->key = (ch->hash * chs->seed[1])
                 ^ ngx_messaging_channel_hash(chs, &d->envelope.exclude);
    }

    n = ch->nelts;

    for (i = 0; i < n; i++) {

        /* members lie anywhere: one is fetched while others have their turn */

        if (i + NGX_MESSAGING_CHANNEL_AHEAD < n) {
            __builtin_prefetch(ch->members[i + NGX_MESSAGING_CHANNEL_AHEAD]);
        }

        chs->events->message(ch->members[i], d);
    }
}


void
ngx_messaging_channel_ready(ngx_messaging_channels_t *chs,
    ngx_messaging_channel_t *ch)
{
    ngx_uint_t  i;

    for (i = 0; i < ch->nelts; i++) {
        chs->events->ready(ch->members[i]);
    }
}


void
ngx_messaging_channel_gap(ngx_messaging_channels_t *chs,
    ngx_messaging_channel_t *ch)
{
    ngx_uint_t  i;

    for (i = 0; i < ch->nelts; i++) {
        chs->events->gap(ch->members[i]);
    }
}
