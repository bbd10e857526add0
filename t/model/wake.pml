/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The wake-ups of src/ngx_messaging_wake.c, and what the broker does around
 * them in src/ngx_messaging_broker_local.c: the same steps in the same order.
 *
 * SENDERS write RECORDS records each, and wake a worker that wants them.  It
 * sleeps as long as its eventfd is 0, and its member comes and goes.  Of the
 * ring there is nothing but head: who sees that looks until he has read all
 * before it.  SENDERS_DIE and WORKERS_DIE: so many are killed, at any step.  A
 * sender is not started again, a worker is, and takes over what the one before
 * has left.  With TICK the worker looks by itself from time to time.
 *
 * Checked: when all is quiet, a worker with a member has read what was written
 * since that came by senders that have lived to wake it; with TICK also what
 * came by others, and no flag is left without a wake-up.
 */

#ifndef MUTANT
#define MUTANT  0
#endif

#ifndef SENDERS
#define SENDERS 2
#endif

#ifndef RECORDS
#define RECORDS 2
#endif

#ifndef SENDERS_DIE
#define SENDERS_DIE 0
#endif

#ifndef WORKERS_DIE
#define WORKERS_DIE 0
#endif

#ifndef TICK
#define TICK    0
#endif

#ifndef CHANGES
#define CHANGES 2                       /* of the interest of the worker */
#endif

#define PLACES  3
#define THREADS (SENDERS + 1)

#include "memory.pml"

#define HEAD    0
#define WANTED  1
#define PENDING 2

#define unless_mutant(n)    (MUTANT == n -> RELAXED : ACQ_REL)

byte kills[2];                          /* yet to come */
byte running = SENDERS;
byte eventfd;
byte sent;                              /* all below was told to the worker */


inline may_die()
{
    if
    :: kills[kind] > 0 -> kills[kind]--; goto died
    :: true
    fi
}


proctype Sender(byte me)
{
    bit done, kind, wanted, pending;
    byte n, head;

    kind = 0;

    do
    :: n == RECORDS -> break
    :: else ->
        n++;

        if
        :: MUTANT == 9 -> atomic { load(WANTED, wanted, RELAXED) }
        :: else
        fi;

        /* ngx_messaging_ring_write() */

        do
        :: atomic { may_die(); load(HEAD, head, ACQ_REL) }
           atomic {
               may_die();
               cas(HEAD, head, head + 1, done, ACQ_REL);
               if
               :: done -> done = false; break
               :: else
               fi
           }
        od;

        /* ngx_messaging_wake_find() */

        atomic {
            may_die();

            if
            :: MUTANT != 2 -> fence_seq_cst()
            :: else
            fi
        }

        if
        :: MUTANT != 9 ->
           atomic { may_die(); load(WANTED, wanted, RELAXED) }
        :: else
        fi;

        /* ngx_messaging_wake_send() */

        if
        :: wanted ->
            atomic {
                may_die();
                exchange(PENDING, 1, pending, ACQ_REL)
            }

            if
            :: pending
            :: else -> atomic { may_die(); eventfd++ }
            fi
        :: else
        fi;

        atomic {
            if
            :: head >= sent -> sent = head + 1
            :: else
            fi;

            head = 0; wanted = false; pending = false
        }
    od;

died:
    running--
}


inline taken()
{
    if
    :: MUTANT == 5 ->
        atomic { may_die(); exchange(PENDING, 0, pending, ACQ_REL) }
        atomic { may_die(); eventfd = 0 }
    :: else ->
        atomic { may_die(); eventfd = 0 }
        atomic { may_die(); exchange(PENDING, 0, pending, unless_mutant(4)) }
    fi;

    pending = 0
}


inline missed()
{
    if
    :: MUTANT == 11 -> atomic { may_die(); eventfd = 0 }; pending = 0
    :: else -> taken()
    fi
}


/* ngx_messaging_broker_local_turn() */

inline look()
{
    atomic { may_die(); load(HEAD, cursor, ACQ_REL) }
}


proctype Worker(byte me)
{
    bit kind, member, pending;
    byte changes, cursor;

    kind = 1;

claim:

    /* ngx_messaging_wake_claim() */

    atomic { may_die(); store(WANTED, 0) }

    if
    :: MUTANT != 7 -> taken()
    :: else
    fi;

    do
    :: changes < CHANGES && !member ->

        /* ngx_messaging_broker_local_interest() */

        changes++;

        if
        :: MUTANT == 8 -> look()
        :: else
        fi;

        atomic { may_die(); store(WANTED, 1) }

        atomic {
            may_die();

            if
            :: MUTANT != 1 -> fence_seq_cst()
            :: else
            fi
        }

        if
        :: MUTANT != 8 -> look()
        :: else
        fi;

        member = true

    :: changes < CHANGES && member ->
        changes++;
        atomic { may_die(); store(WANTED, 0); member = false }
        atomic { may_die(); fence_seq_cst() }

    :: atomic { eventfd > 0 -> may_die() }

        /* ngx_messaging_broker_local_woken() */

        if
        :: MUTANT == 6 -> look(); taken()
        :: else -> taken(); look()
        fi

    :: TICK && MUTANT != 10 && running > 0 ->

        /* ngx_messaging_broker_local_tick() */

        atomic { may_die(); load(PENDING, pending, RELAXED) }

        if
        :: pending -> missed()
        :: else
        fi;

        look()

    :: atomic { eventfd == 0 && running == 0 -> break }
    od;

    /* one tick more, when everything can be seen */

    if
    :: TICK && MUTANT != 10 ->
        pending = latest(PENDING);

        if
        :: pending -> missed()
        :: else
        fi;

        cursor = latest(HEAD);
        assert(!latest(PENDING) || eventfd > 0)
    :: else
    fi;

    assert(!member || cursor >= sent);

    goto end;

died:
    atomic { member = false; pending = false; cursor = 0; goto claim }

end:
    skip
}


init
{
    byte i;

    atomic {
        kills[0] = SENDERS_DIE;
        kills[1] = WORKERS_DIE;

        run Worker(0);
        i = 1;

        do
        :: i < THREADS -> run Sender(i); i++
        :: else -> break
        od
    }
}
