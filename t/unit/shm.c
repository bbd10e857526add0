
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_counts.c"
#include "../../src/ngx_messaging_revocations.c"
#include "../../src/ngx_messaging_ring.c"
#include "../../src/ngx_messaging_shm.c"
#include "../../src/ngx_messaging_verdicts.c"
#include "unit.h"
#include "shm_stubs.h"

#include <sys/wait.h>


#define LATER  (NGX_MESSAGING_SHM_LEASE + 1)


static void shm_stopped(void);
static void shm_killed(void);
static pid_t shm_process(void);


static ngx_messaging_shm_t  shm;


volatile ngx_msec_t   ngx_current_msec = 1000000;
volatile ngx_time_t  *ngx_cached_time;
ngx_pid_t             ngx_pid;
ngx_uint_t            ngx_pagesize = 4096;
ngx_module_t          ngx_core_module;


int
main(void)
{
    ngx_pid = getpid();

    shm_stopped();
    shm_killed();

    return unit_done();
}


/* a worker that was stopped for longer than its lease, and then goes on */

static void
shm_stopped(void)
{
    pid_t                  pid;
    ngx_messaging_slot_t  *slot, *own;

    memset(&shm, 0, sizeof(shm));

    pid = shm_process();
    slot = &shm.slots[0];

    slot->pid = pid;
    slot->counting = 1;
    ngx_messaging_shm_beat(slot);
    ngx_messaging_stat_set(slot, NGX_MESSAGING_STAT_CONNECTIONS, 5);

    unit_int(ngx_messaging_shm_sum(&shm, NULL, NGX_MESSAGING_STAT_CONNECTIONS),
             5, "a worker has five connections");

    ngx_current_msec += LATER * 1000;

    unit_int(ngx_messaging_shm_sum(&shm, NULL, NGX_MESSAGING_STAT_CONNECTIONS),
             0, "they do not count when its lease has expired");

    own = ngx_messaging_shm_claim(&shm);

    unit_ok(own != NULL && own != slot, "another worker takes another slot");
    unit_int(slot->pid, pid, "the stopped one keeps its own");
    unit_int(slot->stats[NGX_MESSAGING_STAT_CONNECTIONS], 5,
             "and what it has counted");

    ngx_messaging_shm_beat(slot);
    ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_CONNECTIONS, -2);

    unit_int(ngx_messaging_shm_sum(&shm, own, NGX_MESSAGING_STAT_CONNECTIONS),
             3, "it goes on, and what is left counts again");

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}


static void
shm_killed(void)
{
    pid_t                  pid;
    ngx_messaging_slot_t  *slot;

    memset(&shm, 0, sizeof(shm));

    pid = shm_process();
    slot = &shm.slots[3];

    slot->pid = pid;
    ngx_messaging_shm_beat(slot);
    ngx_messaging_stat_set(slot, NGX_MESSAGING_STAT_ACCEPTED, 9);

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);

    unit_ok(ngx_messaging_shm_claim(&shm) == &shm.slots[0],
            "a worker takes the first free slot");
    unit_int(slot->pid, 0, "that of a killed one is free again");
    unit_int(ngx_messaging_shm_sum(&shm, NULL, NGX_MESSAGING_STAT_ACCEPTED),
             9, "what it has counted stays in the sum");
}


static pid_t
shm_process(void)
{
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        for ( ;; ) {
            pause();
        }
    }

    return pid;
}
