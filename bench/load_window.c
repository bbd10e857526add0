
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The edges of what is measured: what the server had used when the window
 * began and when all of it had arrived, and, behind it, what became of each
 * connection.
 */


#include "load.h"


load_result_t  load_result;


int
load_window_begin(void)
{
    load_totals.units = 0;
    load_latency_reset();

    if (load_usage_read(load.conf.pids, &load_result.server[0]) != LOAD_OK
        || load_usage_read(load.conf.redis_pids, &load_result.redis[0])
           != LOAD_OK)
    {
        return LOAD_ERROR;
    }

    load_result.client[0] = load_client_time();
    load_result.window = load_time() / 1e6;

    return LOAD_OK;
}


int
load_window_end(void)
{
    load_result.window = load_time() / 1e6 - load_result.window;
    load_result.client[1] = load_client_time();

    if (load.conf.spread) {
        load_result.nsockets = load_sockets_read(load.conf.pids,
                                                 load_result.sockets, 256);
    }

    if (load_usage_read(load.conf.pids, &load_result.server[1]) != LOAD_OK
        || load_usage_read(load.conf.redis_pids, &load_result.redis[1])
           != LOAD_OK)
    {
        return LOAD_ERROR;
    }

    return LOAD_OK;
}


double
load_client_time(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}


/* what is still on its way to those who did not read, and how it ends */

void
load_wake_stalled(void)
{
    uint32_t  i, k;
    uint64_t  end, quiet;

    k = load.nconns - load.conf.stalled;
    quiet = (uint64_t) (load.conf.timeout * 1e6);
    load.progress = load_time();

    for (i = k; i < load.nconns; i++) {
        load_conn_resume(&load.conns[i]);
    }

    if (k == load.nconns) {
        return;
    }

    end = load_time() + 20 * 1000000;

    while (load.now < end && load.now < load.progress + quiet) {
        load_poll(20);
    }

    for (i = k; i < load.nconns; i++) {
        load_result.stalled_open += (load.conns[i].state == LOAD_OPENED);
    }
}


void
load_goodbye(void)
{
    size_t        n;
    u_char        frame[16];
    uint32_t      i;
    uint64_t      end;
    load_conn_t  *c;

    static u_char  normal[2] = { 0x03, 0xe8 };

    load.goodbye = 1;

    n = load_frame_encode(frame, LOAD_CLOSE, normal, 2);

    /* receivers first: who leaves while typing is said to have stopped */

    for (i = load.nconns; i-- > 0; /* void */) {
        c = &load.conns[i];

        if (c->state == LOAD_OPENED) {
            load_conn_send(c, frame, n);
            c->state = LOAD_CLOSING;
        }
    }

    /* a server that does not answer for three seconds does not answer */

    load.progress = load_time();
    end = load.now + 20 * 1000000;

    while (load.counts->connected && load.now < end
           && load.now < load.progress + 3 * 1000000)
    {
        load_poll(20);
    }
}


/*
 * What one that was closed did not get afterwards is not lost in silence: it
 * has been told.
 */

void
load_count_lost(void)
{
    uint32_t      i, k, after;
    load_conn_t  *c;

    k = load.nconns - load.conf.stalled;

    for (i = 0; i < load.nconns; i++) {
        c = &load.conns[i];

        if (!c->receiver) {
            continue;
        }

        after = c->stream->sent + 1 - c->next;

        if (c->state == LOAD_CLOSED && c->code != -1) {
            load_result.missed += after;
            after = 0;
        }

        if (i < k) {
            load_result.lost += c->nmissing + after;

        } else {
            load_result.stalled_lost += c->nmissing + after;
        }
    }
}
