
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * What was sent and who got it.  A stream is one conversation; its messages
 * are numbered from 1, and each of its receivers has to see each number once
 * and in order.  A number beyond the one expected leaves a gap: the numbers
 * left out are remembered, so that one that comes late was out of order, one
 * that comes again is a duplicate, and one that never comes was lost.
 *
 * A message is complete when all receivers have it.  One that is not complete
 * in time is given up, so that a lost message costs a pause and not the run;
 * what comes of it later is still told from a duplicate.
 */


#include "load.h"


#define LOAD_FIFO     (1 << 17)
#define LOAD_MISSING  (1 << 20)

/* 64 buckets for each power of two: within 1.6 percent */
#define LOAD_BUCKETS  (64 * 40)


typedef struct {
    load_stream_t    *stream;
    uint32_t          seq;
} load_fifo_t;


static int load_miss(load_conn_t *c, uint32_t from, uint32_t to);
static int load_found(load_conn_t *c, uint32_t seq);
static int load_awaits(load_conn_t *c, uint32_t seq);
static void load_complete(load_stream_t *s, load_entry_t *e);
static void load_abandon(load_stream_t *s, load_entry_t *e);
static uint32_t load_bucket(uint64_t us);


load_totals_t    load_totals;
void           (*load_completed)(load_stream_t *s, uint32_t seq);

static load_fifo_t   load_fifo[LOAD_FIFO];
static uint32_t      load_fifo_head, load_fifo_tail;

static uint64_t      load_histogram[LOAD_BUCKETS];
static uint64_t      load_histogram_n, load_histogram_max;

static const u_char  load_hex[] = "0123456789abcdef";


void
load_mark_write(u_char *p, uint32_t seq, uint64_t time)
{
    int  i;

    *p++ = '~';

    for (i = 28; i >= 0; i -= 4) {
        *p++ = load_hex[(seq >> i) & 0xf];
    }

    for (i = 60; i >= 0; i -= 4) {
        *p++ = load_hex[(time >> i) & 0xf];
    }

    *p = '~';
}


static int
load_hex_read(const u_char *p, int n, uint64_t *value)
{
    uint64_t  v;

    for (v = 0; n; n--, p++) {

        if (*p >= '0' && *p <= '9') {
            v = v << 4 | (*p - '0');

        } else if (*p >= 'a' && *p <= 'f') {
            v = v << 4 | (*p - 'a' + 10);

        } else {
            return LOAD_ERROR;
        }
    }

    *value = v;

    return LOAD_OK;
}


int
load_mark_find(const u_char *p, size_t len, uint32_t *seq, uint64_t *time)
{
    uint64_t           n, t;
    const u_char      *end;

    static uint32_t    seq_seen;
    static uint64_t    time_seen;
    static u_char      seen[LOAD_MARK];

    end = p + len;

    while (end - p >= LOAD_MARK) {
        p = memchr(p, '~', end - p);

        if (p == NULL || end - p < LOAD_MARK) {
            return LOAD_ERROR;
        }

        /* a thousand members read the same */

        if (memcmp(p, seen, LOAD_MARK) == 0) {
            *seq = seq_seen;
            *time = time_seen;

            return LOAD_OK;
        }

        if (p[LOAD_MARK - 1] == '~'
            && load_hex_read(p + 1, 8, &n) == LOAD_OK
            && load_hex_read(p + 9, 16, &t) == LOAD_OK)
        {
            seq_seen = *seq = (uint32_t) n;
            time_seen = *time = t;
            memcpy(seen, p, LOAD_MARK);

            return LOAD_OK;
        }

        p++;
    }

    return LOAD_ERROR;
}


/* "ring" is a power of two */

int
load_stream_init(load_stream_t *s, uint32_t ring, uint32_t conns)
{
    memset(s, 0, sizeof(load_stream_t));

    s->mask = ring - 1;
    s->ring = calloc(ring, sizeof(load_entry_t));
    s->conns = calloc(conns, sizeof(load_conn_t *));

    if (s->ring == NULL || s->conns == NULL) {
        load_fail("no memory for streams");
        return LOAD_ERROR;
    }

    return LOAD_OK;
}


void
load_stream_add(load_stream_t *s, load_conn_t *c, int receiver)
{
    s->conns[s->nconns++] = c;

    c->stream = s;
    c->next = s->sent + 1;
    c->receiver = receiver;

    /* one that stalls has to get all of it as well, but nobody waits for it */

    if (receiver && !c->stalled) {
        c->member = 1;
        s->members++;
    }
}


/* numbers a message that is being sent */

uint32_t
load_stream_next(load_stream_t *s, uint64_t time)
{
    load_fifo_t   *f;
    load_entry_t  *e;

    s->sent++;
    e = &s->ring[s->sent & s->mask];

    if (e->left) {
        load_abandon(s, e);
    }

    load_totals.published++;

    if (s->members == 0) {
        return s->sent;
    }

    e->seq = s->sent;
    e->left = s->members;
    e->sent = time;
    s->inflight++;
    load_totals.inflight++;

    if (load_fifo_tail - load_fifo_head == LOAD_FIFO) {
        f = &load_fifo[load_fifo_head++ % LOAD_FIFO];
        e = &f->stream->ring[f->seq & f->stream->mask];

        if (e->seq == f->seq && e->left) {
            load_abandon(f->stream, e);
        }
    }

    f = &load_fifo[load_fifo_tail++ % LOAD_FIFO];
    f->stream = s;
    f->seq = s->sent;

    return s->sent;
}


/* LOAD_OK if it is the first time that this one gets this message */

int
load_deliver(load_conn_t *c, uint32_t seq, uint64_t time)
{
    load_entry_t   *e;
    load_stream_t  *s;

    s = c->stream;

    if (seq == 0 || seq > s->sent) {
        load_totals.invalid++;
        return LOAD_ERROR;
    }

    if (seq == c->next) {
        c->next++;

    } else if (seq > c->next) {

        if (load_miss(c, c->next, seq) != LOAD_OK) {
            return LOAD_ERROR;
        }

        c->next = seq + 1;

    } else if (load_found(c, seq)) {
        load_totals.reordered++;

    } else {
        load_totals.duplicated++;
        return LOAD_ERROR;
    }

    if (!c->member) {
        return LOAD_OK;
    }

    load_totals.delivered++;
    load_latency(load.now > time ? load.now - time : 0);

    e = &s->ring[seq & s->mask];

    if (e->seq == seq && e->left && --e->left == 0) {
        load_complete(s, e);
    }

    return LOAD_OK;
}


static int
load_miss(load_conn_t *c, uint32_t from, uint32_t to)
{
    uint32_t   n;
    uint32_t  *p;

    if (to - from > LOAD_MISSING - c->nmissing) {
        load_fail("more than a million messages are missing");
        return LOAD_ERROR;
    }

    n = c->nmissing + (to - from);

    if (n > c->missing_size) {
        n = load_max(2 * n, 16);

        p = realloc(c->missing, n * sizeof(uint32_t));
        if (p == NULL) {
            load_fail("no memory for what is missing");
            return LOAD_ERROR;
        }

        c->missing = p;
        c->missing_size = n;
    }

    while (from < to) {
        c->missing[c->nmissing++] = from++;
    }

    return LOAD_OK;
}


static int
load_found(load_conn_t *c, uint32_t seq)
{
    uint32_t  i;

    for (i = 0; i < c->nmissing; i++) {

        if (c->missing[i] == seq) {
            c->missing[i] = c->missing[--c->nmissing];
            return 1;
        }
    }

    return 0;
}


static int
load_awaits(load_conn_t *c, uint32_t seq)
{
    uint32_t  i;

    if (seq >= c->next) {
        return 1;
    }

    for (i = 0; i < c->nmissing; i++) {
        if (c->missing[i] == seq) {
            return 1;
        }
    }

    return 0;
}


static void
load_complete(load_stream_t *s, load_entry_t *e)
{
    s->inflight--;
    load_totals.inflight--;
    load_totals.completed++;

    if (load_completed) {
        load_completed(s, e->seq);
    }
}


static void
load_abandon(load_stream_t *s, load_entry_t *e)
{
    e->left = 0;
    s->inflight--;
    load_totals.inflight--;
    load_totals.abandoned++;

    if (load_completed) {
        load_completed(s, e->seq);
    }
}


/* a member has gone: nobody waits for it any more */

void
load_leave(load_conn_t *c)
{
    uint32_t        i;
    load_entry_t   *e;
    load_stream_t  *s;

    if (!c->member) {
        return;
    }

    s = c->stream;
    c->member = 0;
    s->members--;

    for (i = 0; i <= s->mask && s->inflight; i++) {
        e = &s->ring[i];

        if (e->left && load_awaits(c, e->seq) && --e->left == 0) {
            load_complete(s, e);
        }
    }
}


void
load_expire(void)
{
    load_fifo_t   *f;
    load_entry_t  *e;

    while (load_fifo_head != load_fifo_tail) {
        f = &load_fifo[load_fifo_head % LOAD_FIFO];
        e = &f->stream->ring[f->seq & f->stream->mask];

        if (e->seq == f->seq && e->left) {

            if (e->sent + (uint64_t) (load.conf.timeout * 1e6) > load.now) {
                return;
            }

            load_fifo_head++;
            load_abandon(f->stream, e);

        } else {
            load_fifo_head++;
        }
    }
}


static uint32_t
load_bucket(uint64_t us)
{
    int  shift;

    if (us < 128) {
        return (uint32_t) us;
    }

    shift = 57 - __builtin_clzll(us);

    return load_min((uint32_t) (64 * shift + (us >> shift)),
                    LOAD_BUCKETS - 1);
}


void
load_latency_reset(void)
{
    memset(load_histogram, 0, sizeof(load_histogram));
    load_histogram_n = 0;
    load_histogram_max = 0;
}


void
load_latency(uint64_t us)
{
    load_histogram[load_bucket(us)]++;
    load_histogram_n++;
    load_histogram_max = load_max(load_histogram_max, us);
}


/* in milliseconds: the upper edge of the bucket */

double
load_latency_at(double part)
{
    uint32_t  i, shift;
    uint64_t  n, want, edge;

    want = (uint64_t) (part * load_histogram_n);

    for (i = 0, n = 0; i < LOAD_BUCKETS; i++) {
        n += load_histogram[i];

        if (n > want) {
            break;
        }
    }

    if (i == LOAD_BUCKETS) {
        return load_latency_max();
    }

    shift = (i < 128) ? 0 : i / 64 - 1;
    edge = (((uint64_t) i - 64 * shift + 1) << shift) - 1;

    return load_min(edge, load_histogram_max) / 1e3;
}


double
load_latency_max(void)
{
    return load_histogram_max / 1e3;
}
