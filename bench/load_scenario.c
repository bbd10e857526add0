
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The scenarios in which somebody sends and somebody receives.  All of them
 * are streams (conversations) with members, so many messages of a stream and
 * of all streams that may be on their way at once, and a rule who sends next.
 *
 * Warm-up, a drain, the window, a drain: between the two readings of the
 * server's time lie all the work for the messages of the window, and none for
 * others.  At the end each connection is closed by the handshake of RFC 6455:
 * its answer comes behind anything the server has still sent, so that nothing
 * is called lost because nobody has waited for it.
 */


#include "load.h"

#include <sys/timerfd.h>


#define LOAD_FAN    0x01              /* one stream, one sender */
#define LOAD_RATE   0x02              /* so many a second, come what may */
#define LOAD_PEERS  0x04              /* units: what others have got */
#define LOAD_TURNS  0x08              /* who has received sends next */
#define LOAD_SELF   0x10              /* one connection in a stream */
#define LOAD_SLOW   0x20              /* some do not read */


typedef struct {
    const char       *name;
    const char       *unit;
    load_kind_e       kind;
    uint32_t          flags;
    uint32_t          conversations;
    uint32_t          members;        /* of a conversation */
    uint32_t          outstanding;
} load_scenario_t;


static int load_scenario_setup(void);
static int load_scenario_join(void);
static void load_opened(load_conn_t *c);
static void load_received(load_conn_t *c, u_char *p, size_t len);
static void load_other(const u_char *p, size_t len);
static void load_gone(load_conn_t *c, int code);
static void load_ready(load_stream_t *s);
static void load_done(load_stream_t *s, uint32_t seq);
static void load_pump(void);
static int load_publish(load_stream_t *s, uint64_t time);
static size_t load_text(u_char *p, load_stream_t *s, uint32_t seq,
    uint64_t time);
static void load_send_for(double seconds, uint64_t messages);
static void load_drain(void);
static int load_timer(void);


static load_scenario_t  load_scenarios[] = {
    { "fanout", "delivery", LOAD_KIND_MESSAGE, LOAD_FAN, 1, 1000, 8 },
    { "fanout-rate", "delivery", LOAD_KIND_MESSAGE, LOAD_FAN|LOAD_RATE,
      1, 1000, 0 },
    { "stalled", "delivery", LOAD_KIND_MESSAGE, LOAD_FAN|LOAD_SLOW,
      1, 1000, 8 },
    { "pairs-redis", "delivery", LOAD_KIND_MESSAGE, 0, 500, 2, 64 },
    { "typing", "frame", LOAD_KIND_TYPING, LOAD_PEERS, 1000, 2, 64 },
    { "pingpong", "round trip", LOAD_KIND_PING, LOAD_SELF, 1000, 1, 64 },
    { "pair", "round trip", LOAD_KIND_MESSAGE, LOAD_PEERS|LOAD_TURNS,
      1, 2, 0 },
    { NULL, NULL, 0, 0, 0, 0, 0 }
};

static load_scenario_t  *load_scenario;
static load_stream_t    *load_streams;
static uint32_t          load_nstreams;
static uint32_t          load_window;     /* messages on their way, at most */
static uint32_t          load_per_stream;

static load_stream_t    *load_head, **load_tail = &load_head;

static int               load_sending, load_finishing;
static uint64_t          load_quota;      /* messages that may still be sent */
static uint64_t          load_next_at, load_next_n, load_interval;


void
load_scenario_run(void)
{
    uint32_t  n;

    for (load_scenario = load_scenarios; load_scenario->name; load_scenario++) {
        if (strcmp(load_scenario->name, load.conf.scenario) == 0) {
            break;
        }
    }

    if (load_scenario->name == NULL) {
        load_fail("no scenario %s", load.conf.scenario);
        return;
    }

    load_result.unit = load_scenario->unit;

    if (load_scenario_setup() != LOAD_OK) {
        return;
    }

    if (load.conf.idle) {
        n = load.conf.idle;

        if (load_holder_start(n, load.nconns) != LOAD_OK
            || load_holder_wait(n, load.conf.limit) != LOAD_OK)
        {
            return;
        }
    }

    if (load_scenario_join() != LOAD_OK || load_timer() != LOAD_OK) {
        return;
    }

    if (load.conf.warmup > 0) {
        load_send_for(load.conf.warmup, 0);
        load_drain();
    }

    if (load_window_begin() != LOAD_OK) {
        return;
    }

    load_send_for(load.conf.messages ? load.conf.limit : load.conf.seconds,
                  load.conf.messages);
    load_drain();

    if (load_window_end() != LOAD_OK) {
        return;
    }

    load_result.units = load_totals.units;

    if (load_scenario->flags & LOAD_TURNS) {
        load_result.units /= 2;
    }

    load_wake_stalled();
    load_goodbye();
    load_count_lost();
}


static int
load_scenario_setup(void)
{
    uint32_t          i, k, ring;
    load_conf_t      *conf;
    load_scenario_t  *sc;

    conf = &load.conf;
    sc = load_scenario;

    load.kind = sc->kind;
    load_nstreams = conf->conversations ? conf->conversations
                                        : sc->conversations;
    k = sc->members;

    if (conf->members) {
        k = (sc->flags & LOAD_FAN) ? conf->members : sc->members;

        if (!(sc->flags & LOAD_FAN)) {
            load_nstreams = conf->members / sc->members;
        }
    }

    load.nconns = load_nstreams * k;

    if (load.nconns == 0 || load.nconns > load.room) {
        load_fail("%u connections are not from 1 to %u", load.nconns,
                  load.room);
        return LOAD_ERROR;
    }

    load_window = conf->outstanding ? conf->outstanding : sc->outstanding;
    load_per_stream = 1;
    ring = 64;

    if (sc->flags & LOAD_FAN) {
        load_per_stream = load_window;
        ring = 65536;
    }

    if (sc->flags & LOAD_TURNS) {
        load_per_stream = 4;
        load_window = 4 * load_nstreams;
    }

    if ((sc->flags & LOAD_RATE) || conf->rate > 0) {
        load_window = 0;
        load_interval = (uint64_t) (1e6 / (conf->rate > 0 ? conf->rate : 100));
        load_interval = load_max(load_interval, 1);
    }

    if ((sc->flags & LOAD_SLOW) && conf->stalled == 0) {
        conf->stalled = k / 4;
    }

    if (conf->stalled >= k) {
        load_fail("the sender cannot be one of the stalled");
        return LOAD_ERROR;
    }

    load.conns = calloc(load.nconns, sizeof(load_conn_t));
    load_streams = calloc(load_nstreams, sizeof(load_stream_t));

    if (load.conns == NULL || load_streams == NULL) {
        load_fail("no memory for connections");
        return LOAD_ERROR;
    }

    for (i = 0; i < load_nstreams; i++) {
        if (load_stream_init(&load_streams[i], ring, k) != LOAD_OK) {
            return LOAD_ERROR;
        }

        load_streams[i].conversation = i + 1;
    }

    for (i = 0; i < load.nconns; i++) {
        load.conns[i].fd = -1;
        load.conns[i].id = i;
        load.conns[i].user = i + 1;
        load.conns[i].conversation = i / k + 1;

        /* the last ones of the last conversation */

        load.conns[i].stalled = (i >= load.nconns - conf->stalled);
    }

    return load_token_setup(load_min(load.nconns + conf->idle, 4096));
}


static int
load_scenario_join(void)
{
    int             receiver;
    uint32_t        i, k;
    load_conn_t    *c;
    load_stream_t  *s;

    load.opened = load_opened;
    load.frame = load_received;
    load.closed = load_gone;
    load_completed = load_done;

    if (load_connect(load.nconns, load.conf.concurrency, load.conf.limit)
        != LOAD_OK)
    {
        return LOAD_ERROR;
    }

    if (load.conf.via == LOAD_VIA_REDIS
        && load_redis_open(load.conf.redis) != LOAD_OK)
    {
        return LOAD_ERROR;
    }

    k = load.nconns / load_nstreams;

    for (i = 0; i < load.nconns; i++) {
        c = &load.conns[i];
        s = &load_streams[i / k];

        /* one who types is not told so; nchan tells whoever is there */

        receiver = load.kind != LOAD_KIND_TYPING || i % k != 0
                   || load.conf.dialect == LOAD_NCHAN;

        load_stream_add(s, c, receiver);
    }

    for (i = 0; i < load_nstreams; i++) {
        load_ready(&load_streams[i]);
    }

    load.turn = load_pump;

    return LOAD_OK;
}


static void
load_opened(load_conn_t *c)
{
    load.progress = load.now;
    (void) c;
}


/* a frame of text */

static void
load_received(load_conn_t *c, u_char *p, size_t len)
{
    uint32_t        seq;
    uint64_t        time;
    load_stream_t  *s;

    s = c->stream;

    if (s == NULL || !c->receiver) {
        load_other(p, len);
        return;
    }

    if (load.kind == LOAD_KIND_MESSAGE || load.conf.dialect == LOAD_NCHAN) {

        if (load_mark_find(p, len, &seq, &time) != LOAD_OK) {
            load_other(p, len);
            return;
        }

    } else if (load.kind == LOAD_KIND_TYPING) {

        if (memmem(p, len, "typing_indicator", 16) == NULL) {
            load_other(p, len);
            return;
        }

        /* odd ones are true; the last one sent that said the same */

        seq = s->sent;

        if ((memmem(p, len, "true", 4) != NULL) != (seq & 1)) {
            seq--;
        }

        time = s->ring[seq & s->mask].sent;

    } else {

        if (memmem(p, len, "\"pong\"", 6) == NULL) {
            load_other(p, len);
            return;
        }

        seq = (c->next <= s->sent) ? c->next : s->sent;
        time = s->ring[seq & s->mask].sent;
    }

    if (load_deliver(c, seq, time) != LOAD_OK || !c->member) {
        return;
    }

    if (load_scenario->flags & LOAD_TURNS) {

        if (c == s->conns[(seq - 1) & 1]) {
            return;
        }

        if (seq == s->sent) {
            load_ready(s);
        }

    } else if ((load_scenario->flags & LOAD_PEERS) && c == s->conns[0]) {
        return;
    }

    load_totals.units++;
}


static void
load_other(const u_char *p, size_t len)
{
    size_t  i, n;

    load_totals.other++;

    if (memmem(p, len, "error", 5) == NULL) {
        return;
    }

    load_totals.errors++;

    if (load.other[0]) {
        return;
    }

    n = load_min(len, sizeof(load.other) - 1);

    for (i = 0; i < n; i++) {
        load.other[i] = (p[i] < ' ' || p[i] > '~') ? '?' : p[i];
    }

    load.other[n] = '\0';
}


static void
load_gone(load_conn_t *c, int code)
{
    if (c->stream == NULL) {
        return;
    }

    load_leave(c);

    if (load.goodbye) {
        c->code = -1;
        return;
    }

    /* where there are many, the others go on */

    if (!(load_scenario->flags & LOAD_FAN)) {
        return;
    }

    if (c->stream->members == 0) {
        load_fail("all members were closed, the last one with %d", code);

    } else if (c == c->stream->conns[0]
               && load.conf.via == LOAD_VIA_SOCKET)
    {
        load_fail("who sends was closed with %d", code);
    }
}


static void
load_ready(load_stream_t *s)
{
    if (s->queued) {
        return;
    }

    s->queued = 1;
    s->next = NULL;
    *load_tail = s;
    load_tail = &s->next;
}


static void
load_done(load_stream_t *s, uint32_t seq)
{
    (void) seq;

    if (!(load_scenario->flags & LOAD_TURNS) || s->inflight == 0) {
        load_ready(s);
    }
}


/* at the end of each turn */

static void
load_pump(void)
{
    load_stream_t  *s;

    if (load_interval && load_sending) {

        while (load_next_at <= load.now && load_quota) {

            /* conversations by turns */

            s = &load_streams[load_next_n++ % load_nstreams];

            (void) load_publish(s, load_next_at);
            load_next_at += load_interval;
            load_quota--;
        }

        return;
    }

    if (!load_sending && !load_finishing) {
        return;
    }

    while (load_head && load_totals.inflight < load_window) {

        if (load_sending && load_quota == 0) {
            return;
        }

        s = load_head;
        load_head = s->next;
        s->queued = 0;

        if (load_head == NULL) {
            load_tail = &load_head;
        }

        if (s->inflight >= load_per_stream
            || (!load_sending && !(s->sent & 1)))
        {
            continue;
        }

        switch (load_publish(s, load_time())) {

        case LOAD_AGAIN:
            load_ready(s);
            return;

        case LOAD_ERROR:
            continue;
        }

        if (load_sending) {
            load_quota--;
        }

        if (s->inflight < load_per_stream
            && !(load_scenario->flags & LOAD_TURNS))
        {
            load_ready(s);
        }
    }
}


/* LOAD_ERROR: nobody is there to send or to receive */

static int
load_publish(load_stream_t *s, uint64_t time)
{
    size_t        len;
    uint32_t      seq;
    load_conn_t  *c;
    u_char        text[16384], frame[16384 + 16];

    c = s->conns[(load_scenario->flags & LOAD_TURNS) ? s->sent & 1 : 0];

    if (s->members == 0
        || (load.conf.via == LOAD_VIA_SOCKET && c->state != LOAD_OPENED))
    {
        load_totals.skipped++;
        return LOAD_ERROR;
    }

    /* a server that does not read: no memory is big enough */

    if (c->out.len > 4 * 1024 * 1024) {
        load_totals.skipped++;
        return LOAD_AGAIN;
    }

    seq = load_stream_next(s, time);
    len = load_text(text, s, seq, time);

    if (load.conf.via == LOAD_VIA_REDIS) {
        load_redis_publish(s->conversation, text, len);
        return LOAD_OK;
    }

    load_conn_send(c, frame, load_frame_encode(frame, LOAD_TEXT, text, len));

    return LOAD_OK;
}


static size_t
load_text(u_char *p, load_stream_t *s, uint32_t seq, uint64_t time)
{
    int          verbatim;
    char        *text;
    size_t       pad;
    const char  *tail, *typing;

    text = (char *) p;
    typing = (seq & 1) ? "true" : "false";
    verbatim = load.conf.dialect == LOAD_NCHAN
               || load.conf.via == LOAD_VIA_REDIS;
    tail = "\"}";
    pad = 0;

    if (load.kind == LOAD_KIND_TYPING) {

        if (!verbatim) {
            return sprintf(text, "{\"type\":\"typing\",\"is_typing\":%s}",
                           typing);
        }

        p += sprintf(text, "{\"type\":\"typing_indicator\",\"user_id\":%u,"
                           "\"is_typing\":%s,\"mark\":\"",
                     s->conns[0]->user, typing);

    } else if (load.kind == LOAD_KIND_PING) {

        if (!verbatim) {
            return sprintf(text, "{\"type\":\"ping\"}");
        }

        p += sprintf(text, "{\"type\":\"ping\",\"mark\":\"");

    } else {
        pad = load.conf.size - LOAD_MARK;

        if (verbatim) {
            tail = "\",\"image\":null,\"is_read\":false,\"read_at\":null,"
                   "\"created_at\":\"2026-01-01T00:00:00.000Z\"}}";

            p += sprintf(text, "{\"type\":\"new_message\",\"message\":{"
                               "\"id\":%u,\"conversation_id\":%u,"
                               "\"sender\":{\"id\":%u,\"name\":\"User %u\"},"
                               "\"content\":\"",
                         seq, s->conversation, s->conns[0]->user,
                         s->conns[0]->user);

        } else {
            p += sprintf(text, "{\"type\":\"message\",\"content\":\"");
        }
    }

    load_mark_write(p, seq, time);
    p += LOAD_MARK;

    memset(p, 'x', pad);
    p += pad;

    p += sprintf((char *) p, "%s", tail);

    return p - (u_char *) text;
}


/* the timer wakes the loop; when to send is told by the clock */

static int
load_timer(void)
{
    int                 fd;
    struct itimerspec   it;
    struct epoll_event  ee;

    if (load_interval == 0) {
        return LOAD_OK;
    }

    fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK|TFD_CLOEXEC);
    if (fd == -1) {
        load_fail("timerfd_create: %s", strerror(errno));
        return LOAD_ERROR;
    }

    it.it_interval.tv_sec = load_interval / 1000000;
    it.it_interval.tv_nsec = load_interval % 1000000 * 1000;
    it.it_value = it.it_interval;

    load.timer = fd;

    ee.events = EPOLLIN;
    ee.data.ptr = &load;

    if (timerfd_settime(fd, 0, &it, NULL) == -1
        || epoll_ctl(load.epoll, EPOLL_CTL_ADD, fd, &ee) == -1)
    {
        load_fail("timer: %s", strerror(errno));
        return LOAD_ERROR;
    }

    return LOAD_OK;
}


static void
load_send_for(double seconds, uint64_t messages)
{
    uint64_t  end;

    end = load_time() + (uint64_t) (seconds * 1e6);

    load_next_at = load.now + load_interval;
    load_quota = messages ? messages : UINT64_MAX;
    load_sending = 1;

    load_pump();

    while (load.now < end && load_quota && !load.failed) {

        if (load_interval == 0 && load_head == NULL
            && load_totals.inflight == 0)
        {
            load_fail("no conversation is left");
            break;
        }

        load_poll((int) load_min((end - load.now) / 1000 + 1, 100));
    }

    load_sending = 0;
}


/*
 * Until all has arrived; or, where something has been given up, until nothing
 * has come for as long as that took.
 */

static void
load_drain(void)
{
    uint32_t  i;
    uint64_t  end, quiet;

    load_finishing = (load.kind == LOAD_KIND_TYPING);

    if (load_finishing) {
        for (i = 0; i < load_nstreams; i++) {
            load_ready(&load_streams[i]);
        }

        load_pump();
    }

    quiet = (uint64_t) (load.conf.timeout * 1e6);
    end = load_time() + 20 * quiet;

    while (load_totals.inflight && load.now < end && !load.failed) {
        load_poll(10);
    }

    load_finishing = 0;

    if (load_interval) {
        return;
    }

    for (i = 0; i < load_nstreams; i++) {
        load_ready(&load_streams[i]);
    }
}
