
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Scenarios of connections alone: so many handshakes at a time, each closed
 * when its 101 has come; and connections that are held.
 */


#include "load.h"


static int load_probe(void);
static void load_slot_opened(load_conn_t *c);
static void load_slot_frame(load_conn_t *c, u_char *p, size_t len);
static void load_slot_closed(load_conn_t *c, int code);
static void load_slots_turn(void);
static void load_slots_for(double seconds, uint64_t handshakes);


static load_conn_t  **load_free;      /* slots without a connection */
static uint32_t       load_nfree;
static uint32_t       load_nslots;    /* 0 during the probe */
static uint64_t       load_shakes;
static uint64_t       load_number;
static uint64_t       load_left;
static int            load_shaking;
static int            load_probed;


void
load_handshake_run(void)
{
    uint32_t  i, n;

    load_result.unit = "handshake";

    n = load.conf.outstanding ? load.conf.outstanding : 32;
    n = load_min(n, load.room);

    load.conns = calloc(n, sizeof(load_conn_t));
    load_free = calloc(n, sizeof(load_conn_t *));

    if (load.conns == NULL || load_free == NULL) {
        load_fail("no memory for connections");
        return;
    }

    for (i = 0; i < n; i++) {
        load.conns[i].fd = -1;
        load.conns[i].user = i + 1;
        load.conns[i].conversation = 1;
    }

    load.opened = load_slot_opened;
    load.frame = load_slot_frame;
    load.closed = load_slot_closed;

    if (load_token_setup(4096) != LOAD_OK || load_probe() != LOAD_OK) {
        return;
    }

    load.turn = load_slots_turn;

    for (i = 0; i < n; i++) {
        load_free[load_nfree++] = &load.conns[i];
    }

    load_nslots = n;

    if (load.conf.warmup > 0) {
        load_slots_for(load.conf.warmup, 0);
    }

    if (load_window_begin() != LOAD_OK) {
        return;
    }

    load_shakes = 0;

    load_slots_for(load.conf.messages ? load.conf.limit : load.conf.seconds,
                   load.conf.messages);

    if (load_window_end() != LOAD_OK) {
        return;
    }

    load_result.units = load_shakes;

    if (load.counts->failed) {
        load_fail("%llu handshakes failed: %s",
                  (unsigned long long) load.counts->failed,
                  load.counts->failure);
    }
}


/*
 * A refused token is answered by 101, too, and closed then: what follows would
 * measure refusals.
 */

static int
load_probe(void)
{
    size_t       n;
    u_char       frame[64];
    uint64_t     end;
    load_conn_t  *c;

    static char  ping[] = "{\"type\":\"ping\"}";

    if (load_connect(1, 1, load.conf.limit) != LOAD_OK) {
        return LOAD_ERROR;
    }

    c = &load.conns[0];

    if (load.conf.dialect == LOAD_MESSAGING) {
        n = load_frame_encode(frame, LOAD_TEXT, (u_char *) ping,
                              sizeof(ping) - 1);
        load_conn_send(c, frame, n);

        end = load_time() + 5 * 1000000;

        while (!load_probed && c->state == LOAD_OPENED && load.now < end) {
            load_poll(10);
        }

        if (!load_probed) {

            if (c->state == LOAD_OPENED) {
                load_fail("no pong on the first connection");

            } else {
                load_fail("the first connection was closed with %d", c->code);
            }

            return LOAD_ERROR;
        }
    }

    load_conn_close(c, -1);

    return LOAD_OK;
}


static void
load_slots_for(double seconds, uint64_t handshakes)
{
    uint32_t  i;
    uint64_t  end, quiet;

    end = load_time() + (uint64_t) (seconds * 1e6);

    load_left = handshakes ? handshakes : UINT64_MAX;
    load_shaking = 1;
    load_slots_turn();

    while (load.now < end && load_left && !load.failed) {
        load_poll((int) load_min((end - load.now) / 1000 + 1, 100));
    }

    load_shaking = 0;

    /* those under way: until no answer has come for that time */

    quiet = (uint64_t) (load.conf.timeout * 1e6);
    end = load_time() + 20 * quiet;
    load.progress = load.now;

    while (load_nfree < load_nslots && load.now < end
           && load.now < load.progress + quiet && !load.failed)
    {
        load_poll(10);
    }

    for (i = 0; i < load_nslots; i++) {

        if (load.conns[i].state == LOAD_CLOSED) {
            continue;
        }

        if (load.counts->failed++ == 0) {
            snprintf(load.counts->failure, sizeof(load.counts->failure),
                     "no answer in time");
        }

        load_conn_close(&load.conns[i], -1);
    }
}


static void
load_slots_turn(void)
{
    uint32_t      conversations;
    load_conn_t  *c;

    conversations = load_max(load.conf.conversations, 1);

    while (load_shaking && load_left && load_nfree && !load.failed) {

        c = load_free[--load_nfree];
        load_left--;

        /* other users, addresses and conversations by turns */

        c->user = load_number % 4096 + 1;
        c->id = load_number % 16 * LOAD_ADDRESS;
        c->conversation = load_number % conversations + 1;
        load_number++;

        if (load_conn_open(c) != LOAD_OK) {
            return;
        }
    }

    if (load.counts->failed > 100) {
        load_fail("handshakes fail: %s", load.counts->failure);
    }
}


static void
load_slot_opened(load_conn_t *c)
{
    size_t  n;
    u_char  frame[16];

    static u_char  normal[2] = { 0x03, 0xe8 };

    if (load_nslots == 0) {
        return;
    }

    load_shakes++;
    load_latency(load_time() - c->started);

    if (load.conf.close_frame) {
        n = load_frame_encode(frame, LOAD_CLOSE, normal, 2);
        load_conn_send(c, frame, n);
        c->state = LOAD_CLOSING;
        return;
    }

    load_conn_close(c, -1);
}


static void
load_slot_frame(load_conn_t *c, u_char *p, size_t len)
{
    (void) c;

    if (memmem(p, len, "\"pong\"", 6)) {
        load_probed = 1;
    }
}


static void
load_slot_closed(load_conn_t *c, int code)
{
    (void) code;

    if (load_nslots) {
        load_free[load_nfree++] = c;
    }
}


void
load_idle_run(void)
{
    load_conf_t   *conf;
    load_counts_t  sum;

    conf = &load.conf;
    conf->idle = conf->members ? conf->members : 10000;

    load_result.unit = "connection";

    if (load_token_setup(load_min(conf->idle, 4096)) != LOAD_OK
        || load_memory_read(conf->pids, &load_result.memory[0],
                            &load_result.memory[1])
           != LOAD_OK
        || load_holder_start(conf->idle, 0) != LOAD_OK
        || load_holder_wait(conf->idle, conf->limit) != LOAD_OK)
    {
        return;
    }

    usleep((useconds_t) (conf->warmup * 1e6));

    if (load_window_begin() != LOAD_OK) {
        return;
    }

    usleep((useconds_t) (conf->seconds * 1e6));

    if (load_window_end() != LOAD_OK
        || load_memory_read(conf->pids, &load_result.memory[2],
                            &load_result.memory[3])
           != LOAD_OK)
    {
        return;
    }

    load_holder_counts(&sum);

    load_result.units = sum.connected;
    load_result.held = sum.connected;
}
