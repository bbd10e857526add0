
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

static void ring_set_up(ngx_uint_t ncells);
static int ring_put(ngx_uint_t writer, const char *text);
static int ring_got(const char *text);
static ngx_uint_t ring_alive(void *data, ngx_uint_t writer);


static ngx_messaging_ring_t         *ring;
static ngx_messaging_ring_reader_t   reader;
static ngx_uint_t                    living;
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
