
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* something may happen before the atomic load that is to be the n-th */

static void ring_load(void);

#define __atomic_load_n(p, order)                                             \
    (ring_load(), __atomic_load_n(p, order))

#include "../../src/ngx_messaging_ring.c"
#include "unit.h"


#define RING_CELLS    64
#define RING_BUFFER   8192

#define CRASH_CELLS   1024
#define CRASH_WRITERS 4
#define CRASH_READERS 2
#define CRASH_LOG     2000000
#define CRASH_KILLS   300
#define CRASH_TIME    60            /* seconds, whatever happens */
#define CRASH_LEN     2000


typedef struct {
    uint64_t   ticket;
    uint64_t   to;                  /* of a gap: where it ends */
    uint64_t   seq;
    uint64_t   writer;
} crash_entry_t;


typedef struct {
    uint64_t       n;
    uint64_t       torn;
    uint64_t       laps;
    uint64_t       lost;
    uint64_t       skipped;
    crash_entry_t  log[CRASH_LOG];
} crash_reader_t;


typedef struct {
    ngx_pid_t       pids[CRASH_WRITERS];
    uint64_t        seq[CRASH_WRITERS];
    uint64_t        busy[CRASH_WRITERS];
    uint64_t        stop;
    crash_reader_t  readers[CRASH_READERS];
} crash_t;


static void ring_sizes(void);
static void ring_long(void);
static void ring_order(void);
static void ring_laps(void);
static void ring_overwritten(void);
static void ring_slow(void);
static void ring_unmarked(void);
static void ring_marked(void);
static void ring_dead(void);
static void ring_claimed(void);
static void ring_given_up(void);
static void ring_foreign(void);
static void ring_positions(void);
static void ring_wrap(void);
static void ring_quarters(void);
static void ring_bad(void);
static void ring_crash(void);

static void ring_set_up(ngx_uint_t ncells);
static int ring_put(ngx_uint_t writer, const char *text);
static int ring_got(const char *text);
static ngx_uint_t ring_alive(void *data, ngx_uint_t writer);
static void *ring_map(size_t size);

static void crash_kill(pid_t *readers, uint64_t *random);
static void crash_writer(ngx_uint_t writer, uint64_t random);
static void crash_read(crash_reader_t *log);
static ngx_uint_t crash_alive(void *data, ngx_uint_t writer);
static uint64_t crash_random(uint64_t *random);
static ngx_msec_t crash_now(void);
static pid_t crash_fork(void (*run)(ngx_uint_t n, uint64_t random),
    ngx_uint_t n, uint64_t random);
static void crash_reader(ngx_uint_t n, uint64_t random);
static ngx_uint_t crash_progress(void);
static void crash_judge(void);
static ngx_uint_t crash_missing(crash_reader_t *a, crash_reader_t *b);


static ngx_messaging_ring_t         *ring;
static ngx_messaging_ring_reader_t   reader;
static ngx_uint_t                    living;
static crash_t                      *crash;
static ngx_uint_t                    loads;
static uint64_t                      word;
static uint64_t                     *word_at;
static uint64_t                      buffer[RING_BUFFER / 8];


int
main(void)
{
    ring_sizes();
    ring_long();
    ring_order();
    ring_laps();
    ring_overwritten();
    ring_slow();
    ring_unmarked();
    ring_marked();
    ring_dead();
    ring_claimed();
    ring_given_up();
    ring_foreign();
    ring_positions();
    ring_wrap();
    ring_quarters();
    ring_bad();
    ring_crash();

    return unit_done();
}


static void
ring_sizes(void)
{
    unit_int(ngx_messaging_ring_cells(0), 1, "an empty record has a cell");
    unit_int(ngx_messaging_ring_cells(224), 1, "a cell holds 224 bytes");
    unit_int(ngx_messaging_ring_cells(225), 2, "... and no more");
    unit_int(ngx_messaging_ring_cells(224 + 248), 2, "the next 248");
    unit_int(ngx_messaging_ring_cells(224 + 249), 3, "... and no more");
    unit_int(sizeof(ngx_messaging_ring_cell_t), NGX_MESSAGING_RING_CELL,
             "the size of a cell");

    unit_ok(ngx_messaging_ring_cells(SIZE_MAX) > NGX_MESSAGING_RING_MAX,
            "no length is too long to be refused");
}


/* every length, at every place of the ring, over its end too */

static void
ring_long(void)
{
    size_t      len, i;
    u_char      text[16 * 248];
    ngx_int_t   rc;
    ngx_uint_t  good, quarter;

    ring_set_up(RING_CELLS);

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (u_char) (i * 7 + i / 251);
    }

    good = 0;

    for (len = 0; len <= sizeof(text) - 24; len++) {
        rc = ngx_messaging_ring_write(ring, 1, len, text, len, &quarter);

        good += rc == NGX_OK
                && ngx_messaging_ring_next(&reader, 0) == NGX_OK
                && reader.len == len && reader.hash == len
                && ngx_messaging_ring_copy(&reader, buffer) == NGX_OK
                && memcmp(buffer, text, len) == 0
                && ngx_messaging_ring_next(&reader, 0) == NGX_AGAIN;

    }

    unit_int(good, len, "records of all lengths come back");

    unit_int(ngx_messaging_ring_write(ring, 1, 0, text, len, &quarter),
             NGX_DECLINED, "more than a quarter of the ring is refused");
    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_AGAIN,
             "... and leaves nothing");
}


static void
ring_order(void)
{
    ngx_messaging_ring_reader_t  other;

    ring_set_up(RING_CELLS);
    other = reader;

    ring_put(1, "a");
    ring_put(2, "b");
    ring_put(1, "c");

    unit_ok(ring_got("a") && ring_got("b") && ring_got("c"),
            "records come in the order in which they were written");

    reader = other;
    unit_ok(ring_got("a") && ring_got("b") && ring_got("c"),
            "... to every reader");

    reader = other;
    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_OK, "the first");
    ngx_messaging_ring_skip(&reader);
    unit_ok(ring_got("b"), "... may be left out");

    ngx_messaging_ring_start(&reader);
    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_AGAIN,
             "who begins now sees none of them");
}


static void
ring_laps(void)
{
    ngx_uint_t                   i;
    ngx_messaging_ring_reader_t  slow;

    ring_set_up(RING_CELLS);
    slow = reader;

    for (i = 0; i < RING_CELLS; i++) {
        ring_put(1, "x");
    }

    reader = slow;
    unit_ok(ring_got("x"), "a whole lap behind: nothing is lost");

    reader = slow;
    ring_put(1, "y");

    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_DECLINED,
             "one record more: lapped");
    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_AGAIN,
             "... and what is there is over");

    ring_put(1, "z");
    unit_ok(ring_got("z"), "... but what comes is read");
}


/* lapped between finding the record and having copied it */

static void
ring_overwritten(void)
{
    ngx_uint_t  i;

    ring_set_up(RING_CELLS);
    ring_put(1, "a");

    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_OK, "a record is found");

    for (i = 0; i < RING_CELLS; i++) {
        ring_put(1, "b");
    }

    unit_int(ngx_messaging_ring_copy(&reader, buffer), NGX_DECLINED,
             "... and overwritten when it has been copied");
    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_AGAIN,
             "... the reader goes on at the end");
}


/* the writer is between step 3 and 5 */

static void
ring_slow(void)
{
    uint64_t                    record, state;
    ngx_uint_t                  i, quarter;
    ngx_messaging_ring_cell_t  *cell;

    ring_set_up(RING_CELLS);

    record = ngx_messaging_ring_reserve(ring, 1, 1);

    unit_int(ngx_messaging_ring_next(&reader, 5), NGX_BUSY,
             "a record that is not committed is waited for");

    ring_put(2, "after");
    unit_int(ngx_messaging_ring_next(&reader, 6), NGX_BUSY,
             "... another behind it does not come first");

    ngx_messaging_ring_fill(ring, record, 0, (u_char *) "before", 6);
    unit_int(ngx_messaging_ring_next(&reader, 7), NGX_BUSY,
             "... neither does one that is filled");

    unit_int(ngx_messaging_ring_commit(ring, record), NGX_OK, "committed");
    unit_ok(ring_got("before") && ring_got("after"), "both come in order");

    /* nobody reads, and it comes a lap too late */

    record = ngx_messaging_ring_reserve(ring, 1, 2);

    for (i = 0; i < RING_CELLS; i++) {
        ring_put(2, "x");
    }

    state = ngx_messaging_ring_cell(ring, record >> 22)->state;

    unit_int(ngx_messaging_ring_fill(ring, record, 0, (u_char *) buffer, 300),
             NGX_ERROR, "cells that others have got are left alone");
    unit_int(ngx_messaging_ring_commit(ring, record), NGX_BUSY,
             "... and the record is none");
    unit_ok(ngx_messaging_ring_cell(ring, record >> 22)->state == state,
            "... that of others is not touched");

    /* the same, but its own state was not overwritten: a cell inside */

    ring_set_up(RING_CELLS);
    ring_put(1, "x");
    record = ngx_messaging_ring_reserve(ring, 1, 3);

    for (i = 0; i < RING_CELLS / 2; i++) {
        (void) ngx_messaging_ring_write(ring, 2, 0, (u_char *) buffer, 300,
                                        &quarter);
    }

    cell = ngx_messaging_ring_cell(ring, record >> 22);
    unit_ok(cell->state == (record | NGX_MESSAGING_RING_RESERVED),
            "its first cell is inside another's record");

    unit_int(ngx_messaging_ring_commit(ring, record), NGX_BUSY,
             "committed when nobody can have read it: refused");

    /* it is either refused or there: the same, lapped while it is committed */

    ring_set_up(RING_CELLS);

    record = ngx_messaging_ring_reserve(ring, 1, 1);
    ngx_messaging_ring_fill(ring, record, 0, (u_char *) "x", 1);

    word = ngx_messaging_ring_word(RING_CELLS + 2, 1, 2);
    word_at = &ring->head.word;
    loads = 1;

    unit_int(ngx_messaging_ring_commit(ring, record), NGX_BUSY,
             "lapped while it is committed: refused");
    unit_ok(ring->cells[0].state == (record | NGX_MESSAGING_RING_RESERVED),
            "... before anybody could read it");
}


/* killed between step 2 and 3 */

static void
ring_unmarked(void)
{
    uint64_t                     record;
    ngx_messaging_ring_cell_t   *cell;

    ring_set_up(RING_CELLS);

    record = ngx_messaging_ring_reserve(ring, 1, 3);
    cell = ngx_messaging_ring_cell(ring, record >> 22);
    cell->state = 0;

    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_BUSY,
             "a record that is not marked is waited for");
    unit_ok(cell->state == (record | NGX_MESSAGING_RING_RESERVED),
            "... and marked by the reader");

    record = ngx_messaging_ring_reserve(ring, 2, 3);
    cell = ngx_messaging_ring_cell(ring, record >> 22);
    cell->state = 0;

    ring_put(3, "after");
    unit_ok(cell->state == (record | NGX_MESSAGING_RING_RESERVED),
            "the next writer marks it");

    living = 0;
    unit_ok(ring_got("after"), "both are skipped when the writers are dead");
    unit_int(reader.skipped, 2, "... which is counted");
}


/* the state of a lap before changes while the record there is marked */

static void
ring_marked(void)
{
    uint64_t    record;
    ngx_uint_t  i;

    ring_set_up(RING_CELLS);

    record = ngx_messaging_ring_reserve(ring, 1, 1);

    for (i = 1; i < RING_CELLS; i++) {
        ring_put(2, "x");
    }

    ngx_messaging_ring_start(&reader);

    /* the fourth is behind the look at the state of the record to be marked */

    word = record | NGX_MESSAGING_RING_COMMITTED;
    word_at = &ring->cells[0].state;
    loads = 4;

    unit_ok(ring_put(3, "y"), "a record of a lap before is committed late");
    unit_int(loads, 0, "... when this one has its cells, but is not marked");
    unit_ok(ring_got("y"), "... and this one is none the worse for it");
}


static void
ring_dead(void)
{
    uint64_t                     record;
    ngx_messaging_ring_reader_t  other;

    ring_set_up(RING_CELLS);
    other = reader;

    record = ngx_messaging_ring_reserve(ring, 1, 5);
    ring_put(2, "after");

    living = 0;
    unit_ok(ring_got("after"), "what a dead writer has left is skipped");

    reader = other;
    living = 1;
    unit_ok(ring_got("after"), "... for all readers");

    unit_int(ngx_messaging_ring_commit(ring, record), NGX_BUSY,
             "... and if it comes back, its record is none");
    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_AGAIN, "... to nobody");
}


static void
ring_claimed(void)
{
    uint64_t  record;

    ring_set_up(RING_CELLS);

    record = ngx_messaging_ring_reserve(ring, 1, 1);
    ring_put(2, "a");
    ngx_messaging_ring_claim(ring, 1);

    unit_ok(ring_got("a"), "who takes the number over skips what is left");
    unit_int(ngx_messaging_ring_commit(ring, record), NGX_BUSY,
             "... which is none then");

    /* between step 2 and 3 */

    record = ngx_messaging_ring_reserve(ring, 1, 1);
    ngx_messaging_ring_cell(ring, record >> 22)->state = 0;
    ngx_messaging_ring_claim(ring, 1);
    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_AGAIN,
             "... not marked as well");

    /* before step 2: another has got the cells it meant to get */

    ring->intents[1].word = ngx_messaging_ring_word(
                                ngx_messaging_ring_end(&reader), 4, 1);
    record = ngx_messaging_ring_reserve(ring, 2, 1);
    ngx_messaging_ring_claim(ring, 1);

    ngx_messaging_ring_fill(ring, record, 0, (u_char *) "b", 1);
    unit_int(ngx_messaging_ring_commit(ring, record), NGX_OK,
             "... but nothing of another");
    unit_ok(ring_got("b"), "... who goes on");

    ring_put(1, "c");
    ngx_messaging_ring_claim(ring, 1);
    unit_ok(ring_got("c"), "... and nothing that was committed");

    ngx_messaging_ring_claim(ring, 200);
    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_AGAIN,
             "a number that nobody has had");
}


static void
ring_given_up(void)
{
    uint64_t  record;

    ring_set_up(RING_CELLS);

    record = ngx_messaging_ring_reserve(ring, 1, 1);
    ring_put(2, "a");

    unit_int(ngx_messaging_ring_next(&reader, (ngx_msec_t) -10), NGX_BUSY,
             "a living writer is waited for");
    unit_int(ngx_messaging_ring_next(&reader, NGX_MESSAGING_RING_WAIT - 11),
             NGX_BUSY, "... for some time");
    unit_int(ngx_messaging_ring_next(&reader, NGX_MESSAGING_RING_WAIT - 10),
             NGX_OK, "... not longer");
    unit_int(ngx_messaging_ring_commit(ring, record), NGX_BUSY,
             "... and is told so");

    ring_set_up(RING_CELLS);
    reader.writer = 1;

    (void) ngx_messaging_ring_reserve(ring, 1, 1);
    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_AGAIN,
             "nobody waits for himself");
}


/* a writer that was stopped while it filled writes into records of others */

static void
ring_foreign(void)
{
    ngx_uint_t                  i;
    ngx_messaging_ring_cell_t  *cell;

    for (i = 0; i < 5; i++) {
        ring_set_up(RING_CELLS);
        ring_put(1, "abcdefghijklmnop");
        ring_put(1, "next");

        cell = ngx_messaging_ring_cell(ring, 0);
        cell->words[i] ^= 1ULL << (8 * i + 1);

        unit_int((i < 3) ? ngx_messaging_ring_next(&reader, 0)
                         : (ngx_messaging_ring_next(&reader, 0) == NGX_OK
                            ? ngx_messaging_ring_copy(&reader, buffer) : 0),
                 NGX_ERROR, "another's word in it: the record is lost");
        unit_ok(ring_got("next"), "... and no other");
    }

    ring_set_up(RING_CELLS);
    ring_put(1, "abcdefghijklmnop");

    cell = ngx_messaging_ring_cell(ring, 0);
    word = cell->words[3];
    cell->words[3] = cell->words[4];
    cell->words[4] = word;

    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_OK, "a record is found");
    unit_int(ngx_messaging_ring_copy(&reader, buffer), NGX_ERROR,
             "... and lost if its words are in another order");

    ring_set_up(RING_CELLS);
    ring_put(1, "short");
    ring_put(1, "next");

    /* a whole header of another record */

    cell = ngx_messaging_ring_cell(ring, 0);
    memcpy(cell->words, ngx_messaging_ring_cell(ring, 1)->words, 24);

    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_ERROR,
             "another's header: the record is lost");
    unit_ok(ring_got("next"), "... and no other");
}


/* a channel may be there for longer than tickets last */

static void
ring_positions(void)
{
    uint64_t    since;
    ngx_uint_t  i;

    ring_set_up(RING_CELLS);
    since = ngx_messaging_ring_end(&reader);

    ring_put(1, "a");
    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_OK, "a record");
    unit_int(reader.position - since, 0, "... is where the next was to be");
    unit_int(ngx_messaging_ring_end(&reader) - since, 1, "... then that is");
    ngx_messaging_ring_skip(&reader);

    /* a quarter of all tickets at a time, four times around */

    for (i = 1; i <= 16; i++) {
        ring->head.word = ngx_messaging_ring_word(
                              (NGX_MESSAGING_RING_TICKETS + 1) / 4 * i, 0, 0);
        ngx_messaging_ring_start(&reader);
    }

    ring_put(1, "b");
    unit_ok(ring_got("b"), "a record when tickets have begun anew");
    unit_ok(reader.position - since == 4 * (NGX_MESSAGING_RING_TICKETS + 1),
            "... has a position of its own");
}


/* tickets begin anew: so does everything that is computed with them */

static void
ring_wrap(void)
{
    char        text[16];
    ngx_uint_t  i, n, good;

    ring_set_up(RING_CELLS);

    ring->head.word = ngx_messaging_ring_word(NGX_MESSAGING_RING_TICKETS - 99,
                                              0, 0);
    ngx_messaging_ring_start(&reader);

    good = 0;

    for (i = 0; i < 100; i++) {

        for (n = 0; n < 3; n++) {
            snprintf(text, sizeof(text), "%u %u", (unsigned) i, (unsigned) n);
            ring_put(n, text);
        }

        for (n = 0; n < 3; n++) {
            snprintf(text, sizeof(text), "%u %u", (unsigned) i, (unsigned) n);
            good += ring_got(text);
        }
    }

    unit_int(good, 300, "tickets begin anew, nothing is lost");
    unit_ok(ring->head.word >> 22 < 300, "... they did");
}


static void
ring_quarters(void)
{
    ngx_uint_t  i, n, quarter;

    ring_set_up(RING_CELLS);
    n = 0;

    for (i = 0; i < 10 * RING_CELLS; i++) {
        (void) ngx_messaging_ring_write(ring, 1, 0, (u_char *) "", 0,
                                        &quarter);
        n += quarter;
    }

    unit_int(n, 40, "each quarter of a lap is told");
}


/* rubbish, which nobody writes, ends no loop badly */

static void
ring_bad(void)
{
    ring_set_up(RING_CELLS);
    ring_put(1, "a");
    ring_put(1, "b");

    ring->cells[0].state = 0;

    unit_int(ngx_messaging_ring_next(&reader, 0), NGX_DECLINED,
             "a cell where no record begins: on with the next");
    ring_put(1, "c");
    unit_ok(ring_got("c"), "... which comes");
}


/*
 * Writers, and one reader, are killed or stopped at any instruction.  What the
 * others have read is compared in the end.
 */

static void
ring_crash(void)
{
    time_t      start;
    pid_t       readers[CRASH_READERS + 1];
    uint64_t    random, skipped;
    ngx_uint_t  i, kills, stuck;

    ring = ring_map(ngx_messaging_ring_size(CRASH_CELLS));
    crash = ring_map(sizeof(crash_t));
    ngx_messaging_ring_init(ring, CRASH_CELLS);

    random = (uint64_t) time(NULL) << 20 | getpid();
    printf("# seed %llu\n", (unsigned long long) random);
    fflush(stdout);

    for (i = 0; i <= CRASH_READERS; i++) {
        readers[i] = crash_fork(crash_reader, i, 0);
    }

    for (i = 0; i < CRASH_WRITERS; i++) {
        crash->pids[i] = crash_fork(crash_writer, i, crash_random(&random));
    }

    start = time(NULL);
    stuck = 0;

    for (kills = 0;
         kills < CRASH_KILLS && !stuck && time(NULL) - start < CRASH_TIME;
         kills++)
    {
        crash_kill(readers, &random);
        stuck = !crash_progress();
    }

    for (i = 0; i < CRASH_WRITERS; i++) {
        kill(crash->pids[i], SIGKILL);
        waitpid(crash->pids[i], NULL, 0);
    }

    kill(readers[CRASH_READERS], SIGKILL);
    waitpid(readers[CRASH_READERS], NULL, 0);

    /* the others read to the end */

    __atomic_store_n(&crash->stop, 1, __ATOMIC_RELEASE);
    skipped = 0;

    for (i = 0; i < CRASH_READERS; i++) {
        waitpid(readers[i], NULL, 0);
        skipped += crash->readers[i].skipped;
    }

    unit_ok(!stuck, "after each kill the others go on");
    unit_ok(kills >= 100, "hundreds were killed");
    unit_ok(skipped > 0, "some of them while they wrote");

    printf("# %u kills\n", (unsigned) kills);

    crash_judge();
}


static void
crash_kill(pid_t *readers, uint64_t *random)
{
    ngx_uint_t  n;

    usleep(crash_random(random) % 4000);

    if (crash_random(random) % 8 == 0) {
        kill(readers[CRASH_READERS], SIGKILL);
        waitpid(readers[CRASH_READERS], NULL, 0);
        readers[CRASH_READERS] = crash_fork(crash_reader, CRASH_READERS, 0);
        return;
    }

    n = crash_random(random) % CRASH_WRITERS;

    if (crash_random(random) % 4 == 0) {
        kill(crash->pids[n], SIGSTOP);
        usleep(crash_random(random) % 20000);
        kill(crash->pids[n], SIGCONT);
    }

    kill(crash->pids[n], SIGKILL);
    waitpid(crash->pids[n], NULL, 0);
    crash->pids[n] = crash_fork(crash_writer, n, crash_random(random));
}


static pid_t
crash_fork(void (*run)(ngx_uint_t n, uint64_t random), ngx_uint_t n,
    uint64_t random)
{
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        alarm(2 * CRASH_TIME);
        run(n, random);
        _exit(0);
    }

    return pid;
}


static void
crash_writer(ngx_uint_t writer, uint64_t random)
{
    size_t      len;
    u_char      data[CRASH_LEN];
    uint64_t    seq;
    ngx_uint_t  i, quarter;

    ngx_messaging_ring_claim(ring, writer);

    for ( ;; ) {
        seq = ++crash->seq[writer];
        len = 16 + crash_random(&random) % (CRASH_LEN - 16);

        memcpy(data, &seq, 8);
        memcpy(data + 8, &writer, 8);

        for (i = 16; i < len; i++) {
            data[i] = (u_char) (seq * 31 + writer * 7 + i);
        }

        switch (ngx_messaging_ring_write(ring, writer, (uint32_t) seq, data,
                                         len, &quarter))
        {
        case NGX_OK:
            break;

        case NGX_BUSY:
            crash->busy[writer]++;
            break;

        default:
            _exit(1);
        }

        if (crash_random(&random) % 64 == 0) {
            usleep(crash_random(&random) % 400);
        }
    }
}


static void
crash_reader(ngx_uint_t n, uint64_t random)
{
    static crash_reader_t  *none;

    if (n < CRASH_READERS) {
        crash_read(&crash->readers[n]);
        return;
    }

    /* one who is killed */

    none = malloc(sizeof(crash_reader_t));

    for ( ;; ) {
        memset(none, 0, offsetof(crash_reader_t, log));
        crash_read(none);
    }
}


static void
crash_read(crash_reader_t *log)
{
    u_char         *p;
    uint64_t        cursor;
    ngx_int_t       rc;
    ngx_uint_t      i, stop;
    crash_entry_t  *e;

    memset(&reader, 0, sizeof(reader));
    reader.ring = ring;
    reader.writer = NGX_MESSAGING_RING_WRITERS;
    reader.alive = crash_alive;

    p = (u_char *) buffer;

    for ( ;; ) {
        stop = __atomic_load_n(&crash->stop, __ATOMIC_ACQUIRE);

        if (log->n == CRASH_LOG) {
            return;
        }

        cursor = reader.cursor;
        rc = ngx_messaging_ring_next(&reader, crash_now());

        if (rc == NGX_OK) {
            cursor = reader.cursor;
            rc = ngx_messaging_ring_copy(&reader, buffer);
        }

        log->skipped = reader.skipped;
        e = &log->log[log->n];

        switch (rc) {

        case NGX_AGAIN:
            if (stop) {
                return;
            }

            usleep(50);
            break;

        case NGX_BUSY:
            sched_yield();
            break;

        case NGX_OK:
            e->ticket = reader.position;
            e->to = 0;
            memcpy(&e->seq, p, 8);
            memcpy(&e->writer, p + 8, 8);

            for (i = 16; i < reader.len; i++) {
                if (p[i] != (u_char) (e->seq * 31 + e->writer * 7 + i)) {
                    log->torn++;
                    break;
                }
            }

            log->torn += (reader.hash != (uint32_t) e->seq);
            __atomic_store_n(&log->n, log->n + 1, __ATOMIC_RELEASE);
            break;

        default:
            /* NGX_DECLINED or NGX_ERROR: from here to there */

            e->ticket = cursor;
            e->to = reader.cursor;

            if (rc == NGX_DECLINED) {
                log->laps++;

            } else {
                log->lost++;
            }

            __atomic_store_n(&log->n, log->n + 1, __ATOMIC_RELEASE);
            break;
        }
    }
}


static ngx_uint_t
crash_alive(void *data, ngx_uint_t writer)
{
    return kill(crash->pids[writer], 0) == 0;
}


/* ten times as fast: who is stopped is given up after 10 ms */

static ngx_msec_t
crash_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (ngx_msec_t) ts.tv_sec * 10000 + ts.tv_nsec / 100000;
}


static uint64_t
crash_random(uint64_t *random)
{
    *random = *random * 6364136223846793005ULL + 1442695040888963407ULL;

    return *random >> 33;
}


/* 1 if all readers have got something more */

static ngx_uint_t
crash_progress(void)
{
    ngx_uint_t  i, n;
    uint64_t    before;

    for (i = 0; i < CRASH_READERS; i++) {
        before = __atomic_load_n(&crash->readers[i].n, __ATOMIC_ACQUIRE);

        for (n = 0; n < 20000; n++) {

            if (before == CRASH_LOG
                || __atomic_load_n(&crash->readers[i].n, __ATOMIC_ACQUIRE)
                   > before)
            {
                break;
            }

            usleep(500);
        }

        if (n == 20000) {
            return 0;
        }
    }

    return 1;
}


static void
crash_judge(void)
{
    uint64_t         last[CRASH_WRITERS], torn, order, fifo, records;
    ngx_uint_t       i, n;
    crash_entry_t   *e;
    crash_reader_t  *r;

    torn = 0;
    order = 0;
    fifo = 0;
    records = 0;

    for (i = 0; i < CRASH_READERS; i++) {
        r = &crash->readers[i];
        torn += r->torn;
        memset(last, 0, sizeof(last));

        for (n = 0; n < r->n; n++) {
            e = &r->log[n];

            order += (n && e->ticket <= r->log[n - 1].ticket
                      && r->log[n - 1].to == 0);

            if (e->to) {
                continue;
            }

            records++;

            if (e->writer >= CRASH_WRITERS) {
                torn++;
                continue;
            }

            fifo += e->seq <= last[e->writer];
            last[e->writer] = e->seq;
        }

        printf("# reader %u: %llu entries, %llu laps, %llu lost, "
               "%llu skipped\n", (unsigned) i, (unsigned long long) r->n,
               (unsigned long long) r->laps, (unsigned long long) r->lost,
               (unsigned long long) r->skipped);
    }

    unit_ok(records > 1000, "records were read");
    unit_int(torn, 0, "nothing is torn");
    unit_int(order, 0, "tickets grow");
    unit_int(fifo, 0, "the records of a writer come in its order");

    r = crash->readers;
    unit_int(crash_missing(&r[0], &r[1]), 0,
             "one reader has what the other has");
    unit_int(crash_missing(&r[1], &r[0]), 0, "... and the reverse");
}


/* of what a has read: not the same in b, or missing there without a gap */

static ngx_uint_t
crash_missing(crash_reader_t *a, crash_reader_t *b)
{
    ngx_uint_t      i, n, missing;
    crash_entry_t  *e, *f;

    missing = 0;
    n = 0;

    for (i = 0; i < a->n; i++) {
        e = &a->log[i];

        if (e->to) {
            continue;
        }

        while (n < b->n && (b->log[n].to ? b->log[n].to <= e->ticket
                                         : b->log[n].ticket < e->ticket))
        {
            n++;
        }

        if (n == b->n) {
            /* the log was full */
            missing += (b->n < CRASH_LOG);
            continue;
        }

        f = &b->log[n];

        if (f->to) {
            missing += e->ticket < f->ticket;

        } else {
            missing += (f->ticket != e->ticket || f->seq != e->seq
                        || f->writer != e->writer);
        }
    }

    return missing;
}


static void
ring_set_up(ngx_uint_t ncells)
{
    static void  *memory;

    if (memory) {
        free(memory);
    }

    memory = calloc(1, ngx_messaging_ring_size(ncells) + 64);

    if (memory == NULL) {
        exit(1);
    }

    ring = memory;
    ngx_messaging_ring_init(ring, ncells);

    memset(&reader, 0, sizeof(reader));
    reader.ring = ring;
    reader.writer = NGX_MESSAGING_RING_WRITERS;
    reader.alive = ring_alive;
    living = 1;

    ngx_messaging_ring_start(&reader);
}


static ngx_uint_t
ring_alive(void *data, ngx_uint_t writer)
{
    return living;
}


static void
ring_load(void)
{
    if (loads && --loads == 0) {
        *word_at = word;
    }
}


static int
ring_put(ngx_uint_t writer, const char *text)
{
    ngx_uint_t  quarter;

    return ngx_messaging_ring_write(ring, writer, 0, (u_char *) text,
                                    strlen(text), &quarter)
           == NGX_OK;
}


static int
ring_got(const char *text)
{
    return ngx_messaging_ring_next(&reader, 0) == NGX_OK
           && reader.len == strlen(text)
           && ngx_messaging_ring_copy(&reader, buffer) == NGX_OK
           && memcmp(buffer, text, strlen(text)) == 0;
}


static void *
ring_map(size_t size)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANON, -1, 0);

    if (p == MAP_FAILED) {
        exit(1);
    }

    return p;
}
