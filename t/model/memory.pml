/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Memory as C11 describes it, for the models beside this file.
 *
 * Each place keeps all that was ever stored in it, numbered in the order in
 * which it changed: these are its messages.  A thread has a view: for each
 * place the number of the oldest message that it may still read.  It may read
 * that one or any later one, and which is open: so stores become visible as
 * late, and in as bad an order, as the language permits.
 *
 * - A load moves the view of its place to the message that was read.
 * - A message has a view of its own.  A store with release gives it that of
 *   the thread, a relaxed store the one that the thread had at its last fence
 *   of release.  A load with acquire joins the message's view to that of the
 *   thread; a relaxed load keeps it for the next fence of acquire.
 * - A CAS or exchange reads the latest message, and hands its view on.
 * - At a sequentially consistent fence a thread joins its view with the one
 *   that all such fences share.
 *
 * Left out: a relaxed store comes behind all that are there, and no load comes
 * behind a later store of its thread.
 *
 * With SC each load reads the latest message, and there are no views: much
 * smaller, for what has nothing to do with the order of memory.
 *
 * A view is an int: WIDTH bits for each place, the highest of them spare.  A
 * model defines PLACES, THREADS, and "me", the number of the thread.
 */

#if PLACES <= 3
#define WIDTH       8
#define SPARE       8421504             /* 80 80 80 */
#define MESSAGES    16
#elif PLACES <= 7
#define WIDTH       4
#define SPARE       143165576           /* 8 8 8 8 8 8 8 */
#define MESSAGES    8
#endif

#define RELAXED     0
#define ACQ_REL     1

#ifdef SC

short memory[PLACES];

#define latest(place)   memory[place]

inline load(place, v, order)
{
    v = memory[place];
}

inline store(place, v)
{
    memory[place] = v;
}

inline exchange(place, v, old, order)
{
    old = memory[place];
    memory[place] = v;
}

inline cas(place, from, to, done, order)
{
    done = (memory[place] == (from));
    memory[place] = (done -> (to) : memory[place]);
}

#define fence_acquire()     skip
#define fence_release()     skip
#define fence_seq_cst()     skip
#define hand_over(from)     skip

#else

short memory[PLACES * MESSAGES];
int views[PLACES * MESSAGES];
byte last[PLACES];

int now[THREADS];                       /* the views of threads */
int kept[THREADS];                      /* for the next fence of acquire */
int released[THREADS];                  /* at the last fence of release */
int shared;                             /* by fences of seq_cst */

hidden int bits;
hidden byte at;

#define latest(place)   memory[(place) * MESSAGES + last[place]]
#define seen(place)     (now[me] >> (place) * WIDTH & (MESSAGES - 1))

/* the larger one of each number: 15 where that of "v" is */

inline join(v, other)
{
    bits = ((v | SPARE) - (other)) & SPARE;
    bits = bits | (bits - (bits >> (WIDTH - 1)));
    v = (v & bits) | ((other) & ~bits)
}

inline read(place, v, order)
{
    v = memory[(place) * MESSAGES + at];
    join(now[me], at << (place) * WIDTH);

    if
    :: (order) == ACQ_REL -> join(now[me], views[(place) * MESSAGES + at])
    :: else -> join(kept[me], views[(place) * MESSAGES + at])
    fi
}

inline write(place, v, with)
{
    last[place] = last[place] + 1;
    at = last[place];
    assert(at < MESSAGES);
    memory[(place) * MESSAGES + at] = v;
    join(now[me], at << (place) * WIDTH);
    views[(place) * MESSAGES + at] = with;
    join(views[(place) * MESSAGES + at], at << (place) * WIDTH)
}

inline load(place, v, order)
{
    at = seen(place);

    do
    :: at < last[place] -> at++
    :: break
    od;

    read(place, v, order)
}

inline store(place, v)
{
    write(place, v, released[me])
}

inline replace(place, v, order)
{
    if
    :: (order) == ACQ_REL -> write(place, v, now[me])
    :: else -> write(place, v, released[me])
    fi;

    join(views[(place) * MESSAGES + at], views[(place) * MESSAGES + at - 1])
}

inline exchange(place, v, old, order)
{
    at = last[place];
    read(place, old, order);
    replace(place, v, order)
}

inline cas(place, from, to, done, order)
{
    at = last[place];
    read(place, bits, order);
    done = (latest(place) == (from));

    if
    :: done -> replace(place, to, order)
    :: else
    fi
}

inline fence_acquire()
{
    join(now[me], kept[me]);
    kept[me] = 0
}

inline fence_release()
{
    released[me] = now[me]
}

inline fence_seq_cst()
{
    join(now[me], kept[me]);
    join(shared, now[me]);
    now[me] = shared;
    released[me] = now[me]
}

/* of a process that has ended, to the one that is started for it */

inline hand_over(from)
{
    join(now[me], now[from])
}

#endif
