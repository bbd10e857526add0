
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Connections that are only held: they answer pings and wait.  Descriptors of
 * a process are limited, so that processes share them; what each counts is in
 * memory that it shares with its parent.
 */


#include "load.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>


typedef struct {
    pid_t             pid;
    load_counts_t    *counts;
} load_holder_t;


static void load_hold(uint32_t n, uint32_t first, uint32_t concurrency);
static void load_hold_opened(load_conn_t *c);
static void load_hold_frame(load_conn_t *c, u_char *p, size_t len);
static void load_hold_closed(load_conn_t *c, int code);


static load_holder_t  *load_holders;
static uint32_t        load_nholders;


int
load_holder_start(uint32_t n, uint32_t first)
{
    pid_t           parent;
    uint32_t        i, part, procs;
    load_counts_t  *counts;

    procs = (n + load.room - 1) / load.room;
    procs = load_max(procs, load.conf.procs);

    load_holders = calloc(procs, sizeof(load_holder_t));
    counts = mmap(NULL, procs * sizeof(load_counts_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (load_holders == NULL || counts == MAP_FAILED) {
        load_fail("no memory for processes");
        return LOAD_ERROR;
    }

    parent = getpid();

    for (i = 0; i < procs; i++) {
        part = n / procs + (i < n % procs);

        load_holders[i].counts = &counts[i];
        load_holders[i].pid = fork();

        if (load_holders[i].pid == -1) {
            load_fail("fork: %s", strerror(errno));
            return LOAD_ERROR;
        }

        if (load_holders[i].pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);

            if (getppid() != parent) {
                _exit(1);
            }

            load.counts = &counts[i];
            load_hold(part, first,
                      load_max(load.conf.concurrency / procs, 4));
            _exit(0);
        }

        load_nholders++;
        first += part;
    }

    return LOAD_OK;
}


static void
load_hold(uint32_t n, uint32_t first, uint32_t concurrency)
{
    uint32_t  i, groups;

    close(load.epoll);
    free(load.buffer);

    load.failed = 0;
    load.turn = NULL;
    load.opened = load_hold_opened;
    load.frame = load_hold_frame;
    load.closed = load_hold_closed;

    load.conns = calloc(n, sizeof(load_conn_t));
    groups = load.conf.conversations ? load.conf.conversations
                                     : load_max(load.conf.idle / 2, 1);

    if (load_conn_setup() != LOAD_OK || load.conns == NULL) {
        load.counts->done = 1;
        return;
    }

    for (i = 0; i < n; i++) {
        load.conns[i].fd = -1;
        load.conns[i].id = first + i;
        load.conns[i].user = first + i + 1;

        /* apart from those of a scenario that runs beside it */

        load.conns[i].conversation = 1000000 + (first + i) % groups;
    }

    load.nconns = n;

    load_connect(n, concurrency, load.conf.limit);

    if (load.failed && load.counts->failure[0] == '\0') {
        snprintf(load.counts->failure, sizeof(load.counts->failure), "%s",
                 load.failure);
    }

    load.counts->done = 1;

    /* until the parent ends us */

    for ( ;; ) {
        load_poll(1000);
    }
}


static void
load_hold_opened(load_conn_t *c)
{
    (void) c;
}


static void
load_hold_frame(load_conn_t *c, u_char *p, size_t len)
{
    (void) c;
    (void) p;
    (void) len;
}


static void
load_hold_closed(load_conn_t *c, int code)
{
    (void) c;
    (void) code;
}


/* all have tried what they could, or the time is up */

int
load_holder_wait(uint32_t n, double limit)
{
    uint32_t        i, done;
    uint64_t        end;
    load_counts_t   sum;

    end = load_time() + (uint64_t) ((limit + 1) * 1e6);

    do {
        usleep(20000);

        for (i = 0, done = 0; i < load_nholders; i++) {
            done += load_holders[i].counts->done
                    || waitpid(load_holders[i].pid, NULL, WNOHANG) > 0;
        }

    } while (done < load_nholders && load_time() < end);

    load_holder_counts(&sum);

    if (sum.connected != n) {
        load_fail("%llu of %u idle connections were opened: %s",
                  (unsigned long long) sum.connected, n,
                  sum.failure[0] ? sum.failure : "no answer in time");
        return LOAD_ERROR;
    }

    return LOAD_OK;
}


void
load_holder_counts(load_counts_t *sum)
{
    uint32_t        i, k;
    load_counts_t  *counts;

    memset(sum, 0, sizeof(load_counts_t));

    for (i = 0; i < load_nholders; i++) {
        counts = load_holders[i].counts;

        sum->connected += counts->connected;
        sum->failed += counts->failed;
        sum->pings += counts->pings;
        sum->bytes += counts->bytes;
        sum->frames += counts->frames;

        for (k = 0; k < LOAD_CODES; k++) {
            sum->closed[k] += counts->closed[k];
        }

        if (sum->failure[0] == '\0') {
            memcpy(sum->failure, counts->failure, sizeof(sum->failure));
        }
    }
}


void
load_holder_stop(void)
{
    uint32_t  i;

    for (i = 0; i < load_nholders; i++) {
        kill(load_holders[i].pid, SIGKILL);
    }

    for (i = 0; i < load_nholders; i++) {
        waitpid(load_holders[i].pid, NULL, 0);
    }
}
