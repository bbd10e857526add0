/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The ring of src/ngx_messaging_ring.c: the same steps in the same order, and
 * the same orders of memory.  See t/util/model for how it is run.
 *
 * CELLS cells have one word of contents each, which is the record's own word:
 * whoever reads another one has read something torn.  WRITERS write RECORDS
 * records each of 1 to LONG cells, READERS read all.  KILLS writers die at any
 * step, and perhaps another one takes the number over.  With SAME all writers
 * have one number, and all but the first claim it while others write.  With
 * TIMEOUT readers may give a living writer up at any time.
 *
 * There is no checksum.  A record that is torn all the same is excused only by
 * a writer that was stopped for a lap, and wrote to what is no longer its own.
 *
 * Checked, besides the assertions: that no process waits forever (the end
 * states), and with SC that no two wait for each other in a circle (cycles,
 * of which there is none at all).
 */

#ifndef MUTANT
#define MUTANT  0
#endif

#ifndef CELLS
#define CELLS   2
#endif

#ifndef LONG
#define LONG    2
#endif

#ifndef WRITERS
#define WRITERS 2
#endif

#ifndef READERS
#define READERS 1
#endif

#ifndef RECORDS
#define RECORDS 2
#endif

#ifndef KILLS
#define KILLS   0
#endif

#ifndef TIMEOUT
#define TIMEOUT 0
#endif

#define PLACES  (1 + 2 * CELLS)
#define THREADS (WRITERS + READERS)
#define TICKETS 9

#include "memory.pml"

#define HEAD            0
#define state_of(t)     (1 + (t) % CELLS)
#define word_of(t)      (1 + CELLS + (t) % CELLS)

/* the word of a record; LATE is of words that were written too late */

#define RESERVED        1
#define COMMITTED       2
#define SKIPPED         3
#define LATE            3

#define word(t, n, w)   ((t) << 6 | (n) << 4 | (w) << 2)
#define ticket(word)    ((word) >> 6)
#define cells(word)     ((word) >> 4 & 3)
#define writer(word)    ((word) >> 2 & 3)
#define tag(word)       ((word) & 3)
#define record(word)    ((word) & ~3)

/* what a mutant has instead of an order */

#define unless_mutant(n)    (MUTANT == n -> RELAXED : ACQ_REL)

byte kills = KILLS;
byte running = WRITERS;
bit dead[WRITERS];
short intents[WRITERS];

/* what everybody is to agree on */

short owners[TICKETS];                  /* the record that begins there */
bit committed[TICKETS];                 /* whose writer was told so */
bit skipped[TICKETS];                   /* by a reader */


/* a step of a writer may be its last one */

inline may_die()
{
    if
    :: mortal && kills > 0 -> kills--; goto died
    :: true
    fi
}


inline mark(h)
{
    if
    :: cells(h) == 0
    :: else ->
        mine = word(ticket(h) - cells(h), cells(h), writer(h)) | RESERVED;

        do
        :: atomic {
               may_die();
               load(state_of(ticket(mine)), state, unless_mutant(8));
               if
               :: record(state) == record(mine) && tag(state) -> break
               :: else
               fi
           }
           atomic {
               may_die();
               load(HEAD, again, ACQ_REL);
               if
               :: again != h && MUTANT != 13 -> break
               :: else
               fi
           }
           atomic {
               may_die();
               cas(state_of(ticket(mine)), state, mine, done,
                   unless_mutant(5));
               if
               :: done || MUTANT == 9 -> break
               :: else
               fi
           }
        od;

        atomic { mine = 0; state = 0; again = 0; done = false }
    fi
}


/* "yes" if the cell of the ticket may have been given away again */

inline lapped(t, yes)
{
    load(HEAD, again, ACQ_REL);
    yes = (ticket(again) - (t) > CELLS);
    again = 0
}


inline fill(t)
{
    store(word_of(t), rec |
          (ticket(latest(HEAD)) - (t) > CELLS && MUTANT != 18 -> LATE : 0))
}


proctype Writer(byte me; byte number)
{
    bit done, mortal, over;
    byte n;
    short h, mine, state, again, rec, next;

    mortal = true;
    n = 0;

    if
#ifdef SAME
    :: me > 0 -> goto claim
#endif
    :: else
    fi;

writing:

    do
    :: n == RECORDS -> break
    :: else ->
        n++;

        /* ngx_messaging_ring_reserve() */

        do
        :: atomic { may_die(); load(HEAD, h, ACQ_REL) }

           if
           :: MUTANT != 10 -> mark(h)
           :: else
           fi;

           atomic {
               may_die();

               if
               :: rec = word(ticket(h), 1, number)
               :: LONG > 1 -> rec = word(ticket(h), LONG, number)
               fi;

               next = rec + word(cells(rec), 0, 0);
               intents[number] = rec;
           }

           atomic {
               may_die();
               cas(HEAD, h, next, done, unless_mutant(6));
               h = 0;

               if
               :: done || MUTANT == 17 ->
                   owners[ticket(rec)] = rec;
                   done = false;
                   break
               :: else
               fi
           }
        od;

        mark(next);

        /* ngx_messaging_ring_fill() */

        atomic {
            may_die();

            next = 0;

            if
            :: MUTANT != 1 -> fence_release()
            :: else
            fi;

            fill(ticket(rec))
        }

        if
        :: cells(rec) > 1 ->
            atomic {
                may_die();
                lapped(ticket(rec), over);
                if
                :: over -> over = false; goto next_one
                :: else
                fi
            }

            atomic {
                may_die();
                fill(ticket(rec) + 1)
            }
        :: else
        fi;

        /* ngx_messaging_ring_commit() */

        atomic {
            may_die();
            lapped(ticket(rec), over);
            if
            :: over -> over = false; goto next_one
            :: else
            fi
        }

        atomic {
            may_die();

            if
            :: MUTANT == 16 -> store(state_of(ticket(rec)), rec | COMMITTED);
                               done = true
            :: else -> cas(state_of(ticket(rec)), rec | RESERVED,
                           rec | COMMITTED, done, unless_mutant(4))
            fi;

            if
            :: done ->
                assert(!skipped[ticket(rec)]);
                committed[ticket(rec)] = true
            :: else
            fi;

            done = false
        }
next_one:
        rec = 0
    od;

    goto end;

died:
    atomic {
        dead[number] = true;
        h = 0; mine = 0; state = 0; again = 0; rec = 0; next = 0; done = false;
        over = false;

        if
        :: goto end
        :: true
        fi
    }

    dead[number] = false;

claim:

    /* ngx_messaging_ring_claim() */

    atomic { may_die(); load(HEAD, h, ACQ_REL) }
    mark(h);

    atomic {
        may_die();
        h = 0;
        rec = intents[number];

        if
        :: rec == 0 || MUTANT == 11
        :: else ->
            cas(state_of(ticket(rec)), rec | RESERVED, rec | SKIPPED, done,
                ACQ_REL);
            done = false
        fi;

        rec = 0
    }

    goto writing;

end:
    running--
}


proctype Reader(byte me)
{
    bit done, mortal, over;
    byte cursor;
    short h, mine, state, again, found, content;

next:

    /* nothing comes, or something is there and may be seen */

    atomic {
        ticket(latest(HEAD)) != cursor || running == 0;

        if
        :: ticket(latest(HEAD)) == cursor -> goto end
        :: else
        fi
    }

    do
    :: atomic {
           load(HEAD, h, unless_mutant(19));

           if
           :: ticket(h) == cursor -> h = 0; goto next
           :: ticket(h) - cursor > CELLS -> goto lap
           :: else
           fi
       }

       atomic {
           load(state_of(cursor), found, unless_mutant(7));

           if
           :: ticket(found) == cursor && tag(found) ->
               h = 0;

               assert(record(found) == owners[cursor]);

               if
               :: tag(found) == COMMITTED -> goto peek
               :: tag(found) == SKIPPED ->
                   skipped[cursor] = true;
                   assert(!committed[cursor]);
                   cursor = cursor + cells(found);
                   found = 0;
                   goto next
               :: else -> goto wait
               fi
           :: else -> found = 0
           fi
       }

       if
       :: cells(h) == ticket(h) - cursor -> mark(h)
       :: else ->
           atomic {
               load(HEAD, again, ACQ_REL);

               /* no record begins here, which cannot be */
               assert(again != h);
               again = 0
           }
       fi
    od;

wait:

    /* it asks again; ngx_messaging_ring_given_up() */

    atomic {
        if
        :: (latest(state_of(cursor)) != found ||
            ticket(latest(HEAD)) - cursor > CELLS) -> found = 0; goto next
        :: TIMEOUT || (dead[writer(found)] && MUTANT != 15)
        fi;

        if
        :: MUTANT == 12 -> store(state_of(cursor), record(found) | SKIPPED)
        :: else -> cas(state_of(cursor), found, record(found) | SKIPPED, done,
                       ACQ_REL)
        fi;

        found = 0;
        done = false;
        goto next
    }

peek:

    atomic { load(word_of(cursor), content, RELAXED) }

    atomic {
        if
        :: MUTANT != 3 -> fence_acquire()
        :: else
        fi;

        lapped(cursor, over);

        if
        :: over && MUTANT != 14 -> goto lap
        :: else -> over = false
        fi;

        assert(content == record(found) || tag(content) == LATE);

        if
        :: content != record(found) || cells(found) == 1 -> goto accepted
        :: else
        fi
    }

    /* ngx_messaging_ring_copy() */

    atomic { load(word_of(cursor + 1), content, RELAXED) }

    atomic {
        if
        :: MUTANT != 2 -> fence_acquire()
        :: else
        fi;

        lapped(cursor, over);

        if
        :: over && MUTANT != 14 -> goto lap
        :: else -> over = false
        fi;

        assert(content == record(found) || tag(content) == LATE)
    }

accepted:

    atomic {
        cursor = cursor + cells(found);
        found = 0;
        content = 0;
        goto next
    }

lap:

    /* ngx_messaging_ring_lap(), which its caller is told */

    atomic {
        load(HEAD, h, ACQ_REL);
        cursor = ticket(h);
        h = 0; found = 0; content = 0; over = false;
        goto next
    }

died:
    assert(false);

end:
    skip
}


init
{
    byte i;

    atomic {
        i = 0;

        do
        :: i < WRITERS ->
#ifdef SAME
            run Writer(i, 0);
#else
            run Writer(i, i);
#endif
            i++
        :: else -> break
        od;

        do
        :: i < THREADS -> run Reader(i); i++
        :: else -> break
        od
    }
}
