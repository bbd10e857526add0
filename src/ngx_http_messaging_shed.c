
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * What is left out for a client that reads slowly: typing first, then
 * presence, then receipts; messages and answers never.
 *
 * Only a session whose socket is full has any of this, from the moment that
 * something has to wait until the queue has drained.  The queue itself stays
 * one list, in the order of arrival.  What was queued since the last look is
 * taken note of when sending has stopped again: each frame once.  Then a
 * waiting typing is found by the hash of its user, and the oldest of a kind
 * by a cursor that only moves on, so that no frame costs a walk of the queue,
 * however many clients are stalled.
 *
 * Frames at the front that were sent in part, or that TLS has made a record
 * of, are fixed: they are taken off the books and leave by being sent.
 */


#define NGX_HTTP_MESSAGING_SHED_SLOTS  16


/* bits of "logged", each once until the queue has drained */

#define NGX_HTTP_MESSAGING_SHED_LATEST  0x10
#define NGX_HTTP_MESSAGING_SHED_PONG    0x20


static ngx_http_messaging_shed_t *ngx_http_messaging_shed_create(
    ngx_http_messaging_session_t *s);
static void ngx_http_messaging_shed_fix(ngx_http_messaging_session_t *s);
static void ngx_http_messaging_shed_note(ngx_http_messaging_session_t *s,
    ngx_http_messaging_out_t *out);
static void ngx_http_messaging_shed_forget(ngx_http_messaging_shed_t *shed,
    ngx_http_messaging_out_t *out);
static void ngx_http_messaging_shed_coalesce(ngx_http_messaging_session_t *s,
    uint64_t key);
static void ngx_http_messaging_shed_pong(ngx_http_messaging_session_t *s);
static void ngx_http_messaging_shed_count(ngx_http_messaging_session_t *s,
    ngx_uint_t kind);
static void ngx_http_messaging_shed_log(ngx_http_messaging_session_t *s,
    ngx_uint_t bit, const char *what);
static ngx_http_messaging_out_t **ngx_http_messaging_shed_slot(
    ngx_http_messaging_shed_t *shed, uint64_t key);
static ngx_int_t ngx_http_messaging_shed_insert(
    ngx_http_messaging_shed_t *shed, ngx_http_messaging_out_t *out);
static ngx_int_t ngx_http_messaging_shed_grow(
    ngx_http_messaging_shed_t *shed);
static void ngx_http_messaging_shed_remove(ngx_http_messaging_shed_t *shed,
    ngx_http_messaging_out_t *out);


static const char  *ngx_http_messaging_shed_names[] = {
    NULL, "leaving out receipts", "leaving out presence", "leaving out typing"
};


void
ngx_http_messaging_shed_wait(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_out_t   *out;
    ngx_http_messaging_shed_t  *shed;

    shed = s->shed;

    if (shed == NULL) {
        shed = ngx_http_messaging_shed_create(s);

        if (shed == NULL) {
            /* then nothing can be left out, and the client is closed sooner */
            return;
        }
    }

    if (shed->front < s->offset + s->pending) {
        ngx_http_messaging_shed_fix(s);
    }

    while (*shed->fresh) {
        out = *shed->fresh;
        shed->fresh = &out->next;

        ngx_http_messaging_shed_note(s, out);
    }
}


static ngx_http_messaging_shed_t *
ngx_http_messaging_shed_create(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_shed_t  *shed;

    shed = ngx_calloc(sizeof(ngx_http_messaging_shed_t), s->connection->log);

    if (shed) {
        ngx_messaging_memory_hold(sizeof(ngx_http_messaging_shed_t));
        shed->fresh = &s->out;
        s->shed = shed;
    }

    return shed;
}


void
ngx_http_messaging_shed_free(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_shed_t  *shed;

    shed = s->shed;

    if (shed == NULL) {
        return;
    }

    if (shed->slots) {
        ngx_messaging_memory_drop(shed->nslots
                                  * sizeof(ngx_http_messaging_out_t *));
        ngx_free(shed->slots);
    }

    ngx_messaging_memory_drop(sizeof(ngx_http_messaging_shed_t));
    ngx_free(shed);

    s->shed = NULL;
}


static void
ngx_http_messaging_shed_fix(ngx_http_messaging_session_t *s)
{
    size_t                      n;
    ngx_uint_t                  i;
    ngx_http_messaging_out_t   *out;
    ngx_http_messaging_shed_t  *shed;

    shed = s->shed;
    n = 0;

    for (out = s->out, i = 0;
         out && n < s->offset + s->pending;
         out = out->next, i++)
    {
        n += out->message->len;

        if (i < shed->fixed) {
            continue;
        }

        if (shed->fresh == out->prev) {
            shed->fresh = &out->next;

        } else {
            ngx_http_messaging_shed_forget(shed, out);
        }

        if (out->message->opcode == NGX_MESSAGING_FRAME_PONG) {
            s->pongs--;
        }

        shed->fixed++;
        shed->front += out->message->len;
    }
}


static void
ngx_http_messaging_shed_note(ngx_http_messaging_session_t *s,
    ngx_http_messaging_out_t *out)
{
    ngx_messaging_message_t    *m;
    ngx_http_messaging_shed_t  *shed;

    m = out->message;
    shed = s->shed;

    if (m->opcode == NGX_MESSAGING_FRAME_PONG) {
        shed->pong = out;
        return;
    }

    if (m->kind == NGX_MESSAGING_KIND_MESSAGE) {
        return;
    }

    if (m->kind == NGX_MESSAGING_KIND_TYPING && m->key) {
        ngx_http_messaging_shed_coalesce(s, m->key);

        if (ngx_http_messaging_shed_insert(shed, out) != NGX_OK) {
            /* it stays, and a later one besides it */
            ngx_log_debug0(NGX_LOG_DEBUG_HTTP, s->connection->log, 0,
                           "messaging typing is not coalesced");
        }
    }

    if (shed->oldest[m->kind] == NULL) {
        shed->oldest[m->kind] = out;
    }

    shed->count[m->kind]++;
    shed->bytes[m->kind] += m->len;
}


/* the frame is sent, fixed or left out */

static void
ngx_http_messaging_shed_forget(ngx_http_messaging_shed_t *shed,
    ngx_http_messaging_out_t *out)
{
    ngx_uint_t                 kind;
    ngx_messaging_message_t   *m;
    ngx_http_messaging_out_t  *next;

    m = out->message;
    kind = m->kind;

    if (shed->pong == out) {
        shed->pong = NULL;
        return;
    }

    if (kind == NGX_MESSAGING_KIND_MESSAGE) {
        return;
    }

    if (kind == NGX_MESSAGING_KIND_TYPING && m->key) {
        ngx_http_messaging_shed_remove(shed, out);
    }

    shed->count[kind]--;
    shed->bytes[kind] -= m->len;

    if (shed->oldest[kind] != out) {
        return;
    }

    next = NULL;

    if (shed->count[kind]) {
        next = out->next;

        while (next && next->message->kind != kind) {
            next = next->next;
        }
    }

    shed->oldest[kind] = next;
}


/* called before a frame is taken off the queue, for whatever reason */

void
ngx_http_messaging_shed_leave(ngx_http_messaging_session_t *s,
    ngx_http_messaging_out_t *out)
{
    ngx_uint_t                  fixed;
    ngx_http_messaging_shed_t  *shed;

    shed = s->shed;
    fixed = (shed && shed->fixed && out == s->out);

    if (out->message->opcode == NGX_MESSAGING_FRAME_PONG && !fixed
        && s->pongs)
    {
        s->pongs--;
    }

    if (shed == NULL) {
        return;
    }

    if (fixed) {
        shed->fixed--;
        shed->front -= out->message->len;

    } else if (shed->fresh != out->prev) {
        ngx_http_messaging_shed_forget(shed, out);
    }

    if (shed->fresh == &out->next) {
        shed->fresh = out->prev;
    }
}


/*
 * Makes room for a frame that does not fit, at the cost of lower kinds only.
 * NGX_OK: it fits now; NGX_DECLINED: it is left out itself; NGX_ERROR: it
 * must not be left out, and there is no room.
 */

ngx_int_t
ngx_http_messaging_shed_room(ngx_http_messaging_session_t *s,
    ngx_messaging_message_t *m)
{
    size_t                      rest;
    ngx_uint_t                  kind;
    ngx_http_messaging_shed_t  *shed;

    shed = s->shed;
    rest = s->queued;

    if (shed) {

        if (m->opcode == NGX_MESSAGING_FRAME_PONG
            && s->pongs >= s->conf->max_pongs)
        {
            ngx_http_messaging_shed_pong(s);
        }

        if (m->kind == NGX_MESSAGING_KIND_TYPING && m->key) {
            ngx_http_messaging_shed_coalesce(s, m->key);
        }

        rest = s->queued;

        for (kind = NGX_MESSAGING_KIND_TYPING; kind > m->kind; kind--) {
            rest -= shed->bytes[kind];
        }
    }

    if (rest && rest + m->len > s->conf->send_buffer) {

        if (m->kind == NGX_MESSAGING_KIND_MESSAGE) {
            return NGX_ERROR;
        }

        ngx_http_messaging_shed_count(s, m->kind);

        return NGX_DECLINED;
    }

    for (kind = NGX_MESSAGING_KIND_TYPING; kind > m->kind; kind--) {

        while (s->queued && s->queued + m->len > s->conf->send_buffer
               && shed && shed->oldest[kind])
        {
            ngx_http_messaging_shed_count(s, kind);
            ngx_http_messaging_output_drop(s, shed->oldest[kind]);
        }
    }

    return NGX_OK;
}


/* a later state of the same user is on its way behind it */

static void
ngx_http_messaging_shed_coalesce(ngx_http_messaging_session_t *s, uint64_t key)
{
    ngx_http_messaging_out_t  **slot;

    slot = ngx_http_messaging_shed_slot(s->shed, key);

    if (slot == NULL || *slot == NULL) {
        return;
    }

    ngx_messaging_stat_add(s->worker->slot,
                           NGX_MESSAGING_STAT_SHED_TYPING_COALESCED, 1);
    ngx_http_messaging_shed_log(s, NGX_HTTP_MESSAGING_SHED_LATEST,
                                "sending only the latest typing");

    ngx_http_messaging_output_drop(s, *slot);
}


/* RFC 6455, section 5.5.3: the most recent ping is the one to be answered */

static void
ngx_http_messaging_shed_pong(ngx_http_messaging_session_t *s)
{
    if (s->shed->pong == NULL) {
        return;
    }

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_SHED_PONG, 1);
    ngx_http_messaging_shed_log(s, NGX_HTTP_MESSAGING_SHED_PONG,
                                "leaving out pongs");

    ngx_http_messaging_output_drop(s, s->shed->pong);
}


static void
ngx_http_messaging_shed_count(ngx_http_messaging_session_t *s, ngx_uint_t kind)
{
    ngx_uint_t  stat;

    switch (kind) {

    case NGX_MESSAGING_KIND_TYPING:
        stat = NGX_MESSAGING_STAT_SHED_TYPING;
        break;

    case NGX_MESSAGING_KIND_PRESENCE:
        stat = NGX_MESSAGING_STAT_SHED_PRESENCE;
        break;

    default: /* NGX_MESSAGING_KIND_RECEIPT */
        stat = NGX_MESSAGING_STAT_SHED_RECEIPT;
        break;
    }

    ngx_messaging_stat_add(s->worker->slot, stat, 1);

    ngx_http_messaging_shed_log(s, (ngx_uint_t) 1 << kind,
                                ngx_http_messaging_shed_names[kind]);
}


static void
ngx_http_messaging_shed_log(ngx_http_messaging_session_t *s, ngx_uint_t bit,
    const char *what)
{
    if (s->shed == NULL || (s->shed->logged & bit)) {
        return;
    }

    s->shed->logged |= bit;

    ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                  "messaging client is slow, %s", what);
}


/*
 * Waiting typing by the key of its user: open addressing, at least half of
 * the slots free.  The keys are hashes with a secret, their low bits will do.
 */

static ngx_http_messaging_out_t **
ngx_http_messaging_shed_slot(ngx_http_messaging_shed_t *shed, uint64_t key)
{
    ngx_uint_t  i;

    if (shed->slots == NULL) {
        return NULL;
    }

    i = (ngx_uint_t) key & (shed->nslots - 1);

    while (shed->slots[i] && shed->slots[i]->message->key != key) {
        i = (i + 1) & (shed->nslots - 1);
    }

    return &shed->slots[i];
}


static ngx_int_t
ngx_http_messaging_shed_insert(ngx_http_messaging_shed_t *shed,
    ngx_http_messaging_out_t *out)
{
    ngx_http_messaging_out_t  **slot;

    if (2 * (shed->nkeys + 1) > shed->nslots
        && ngx_http_messaging_shed_grow(shed) != NGX_OK)
    {
        return NGX_ERROR;
    }

    slot = ngx_http_messaging_shed_slot(shed, out->message->key);

    *slot = out;
    shed->nkeys++;

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_shed_grow(ngx_http_messaging_shed_t *shed)
{
    ngx_uint_t                  i, n;
    ngx_http_messaging_out_t  **old, **slot;

    n = shed->nslots;
    old = shed->slots;

    shed->nslots = n ? 2 * n : NGX_HTTP_MESSAGING_SHED_SLOTS;
    shed->slots = ngx_calloc(shed->nslots * sizeof(ngx_http_messaging_out_t *),
                             ngx_cycle->log);

    if (shed->slots == NULL) {
        shed->nslots = n;
        shed->slots = old;
        return NGX_ERROR;
    }

    ngx_messaging_memory_hold(shed->nslots
                              * sizeof(ngx_http_messaging_out_t *));

    for (i = 0; i < n; i++) {
        if (old[i]) {
            slot = ngx_http_messaging_shed_slot(shed, old[i]->message->key);
            *slot = old[i];
        }
    }

    if (old) {
        ngx_messaging_memory_drop(n * sizeof(ngx_http_messaging_out_t *));
        ngx_free(old);
    }

    return NGX_OK;
}


static void
ngx_http_messaging_shed_remove(ngx_http_messaging_shed_t *shed,
    ngx_http_messaging_out_t *out)
{
    ngx_uint_t                  i, hole, home, mask;
    ngx_http_messaging_out_t  **slot;

    slot = ngx_http_messaging_shed_slot(shed, out->message->key);

    if (slot == NULL || *slot != out) {
        return;
    }

    mask = shed->nslots - 1;
    hole = slot - shed->slots;

    /* what stands behind the hole moves up, unless it would pass its home */

    for (i = (hole + 1) & mask; shed->slots[i]; i = (i + 1) & mask) {
        home = (ngx_uint_t) shed->slots[i]->message->key & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            shed->slots[hole] = shed->slots[i];
            hole = i;
        }
    }

    shed->slots[hole] = NULL;
    shed->nkeys--;
}
