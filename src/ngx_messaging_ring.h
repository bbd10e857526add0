
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_RING_H_INCLUDED_
#define _NGX_MESSAGING_RING_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * A ring of records in memory that processes share: many write, each reads
 * all of them, in one order that is the same for everybody.  There is no
 * lock: whoever is stopped or killed, at any instruction, hinders nobody.
 *
 * The ring is an array of cells of 256 bytes: one word of state, 31 of
 * contents.  A record takes consecutive cells, over the end of the array as
 * well.  Each cell that is ever used has a number of its own, its ticket;
 * what is where the cell of a lap before was is another ticket.
 *
 * One word says what a record is: the ticket of its first cell (42 bits), how
 * many cells it has (12), its writer (8) and what has become of it (2).  Such
 * a word is the state of the record's first cell; other cells of a record
 * keep the state they had, which is another ticket's.  "head" is the same
 * word of the last record, but with the ticket that comes next.
 *
 * A writer
 *   1. marks the last record as reserved: the CAS of its first cell's state;
 *   2. moves head by the CAS from what it was, which is how it gets its cells;
 *   3. marks its own record as reserved, for the next will do it otherwise;
 *   4. fills the cells;
 *   5. commits: the CAS of the state from "reserved" to "committed".
 *
 * So all records but the last have been marked, and if that has not, then
 * head tells everything about it.  A reader in front of a record that is
 * reserved waits for its writer (NGX_BUSY); if that is dead, or nothing came
 * for NGX_MESSAGING_RING_WAIT ms, the reader marks the record as skipped, and
 * the commit of a writer that was only slow fails.
 *
 * Cells are written again after a lap, whoever reads them.  A reader looks
 * again at head behind what it has copied.  A writer that was stopped for a
 * lap in step 4 writes into what others have written since: checksums of
 * header and contents tell, and such a record is lost, but never torn.
 *
 * Memory order, as of C11; nothing is taken for granted of the CPU:
 * - head and states change by CAS with acquire and release, and are read with
 *   acquire: who sees a ticket beyond a record sees that it was marked, who
 *   sees a record committed sees its contents;
 * - who sees the state of a later lap sees a head of that lap: whoever marked
 *   it had.  So a state that is not what it should be is told from an old one
 *   by a second look at head;
 * - contents are words, read and written relaxed.  A release fence between
 *   step 2 and 4, an acquire fence between copying and the second look at
 *   head: who has copied a word of a later lap sees a head of that lap;
 * - an intent is relaxed: who claims a number comes after the process that had
 *   it.  If that was only stopped for long, a record may be left to be given
 *   up by its readers.
 *
 * t/model/ring.pml has these steps and orders, and t/util/model checks all that
 * can come of them: none is there for nothing.
 *
 * Tickets begin anew after 2^42 cells, which are some weeks at a million per
 * second: until then no two words of a state are the same.  What is compared
 * over a longer time is a position: of 64 bits, known to one reader, and its
 * lower 42 are the ticket.
 */

#define NGX_MESSAGING_RING_CELL     256
#define NGX_MESSAGING_RING_WORDS    31
#define NGX_MESSAGING_RING_HEADER   3          /* words of a record */
#define NGX_MESSAGING_RING_WRITERS  256
#define NGX_MESSAGING_RING_MAX      4095       /* cells of a record */
#define NGX_MESSAGING_RING_WAIT     100        /* ms */


typedef struct {
    uint64_t                     state;
    uint64_t                     words[NGX_MESSAGING_RING_WORDS];
} ngx_messaging_ring_cell_t;


/* each word that many write is alone in its line of the cache */

typedef struct {
    uint64_t                     word;
    u_char                       line[56];
} ngx_messaging_ring_line_t;


typedef struct {
    ngx_messaging_ring_line_t    head;
    ngx_messaging_ring_line_t    ncells;       /* a power of two */

    /* the record that a writer has last tried to get cells for */
    ngx_messaging_ring_line_t    intents[NGX_MESSAGING_RING_WRITERS];

    ngx_messaging_ring_cell_t    cells[1];
} ngx_messaging_ring_t;


/* 1 if the writer may still commit what it has reserved */

typedef ngx_uint_t (*ngx_messaging_ring_alive_pt)(void *data,
    ngx_uint_t writer);


/* of one process; ring, writer (its own), alive and data are set before */

typedef struct {
    ngx_messaging_ring_t        *ring;
    ngx_uint_t                   writer;
    ngx_messaging_ring_alive_pt  alive;
    void                        *data;

    uint64_t                     cursor;       /* position */
    uint64_t                     waiting;      /* for this record */
    ngx_msec_t                   since;

    ngx_uint_t                   skipped;      /* records, counted here */

    /* the record in front of the reader */
    uint64_t                     position;
    size_t                       len;
    uint32_t                     hash;
    uint32_t                     sum;
    uint64_t                     state;
} ngx_messaging_ring_reader_t;


/*
 * ngx_messaging_ring_size() is the size of a ring of so many cells,
 * ngx_messaging_ring_cells() how many a record of "len" bytes takes.
 * ngx_messaging_ring_init() makes an empty ring of memory that is all zero.
 *
 * ngx_messaging_ring_claim() is called by whoever becomes a writer: what the
 * one of that number before it has not committed is skipped.
 *
 * ngx_messaging_ring_write() writes a record.  NGX_OK: it has its place in
 * the order, and *quarter is 1 if a quarter of the ring is full since this was
 * told the last time; NGX_DECLINED: it is too long; NGX_BUSY: this process
 * was stopped for so long that readers have skipped it.
 *
 * ngx_messaging_ring_end() is the position of what is written next,
 * ngx_messaging_ring_behind() how many cells the reader has not read.
 * ngx_messaging_ring_start() lets a reader begin with what is written from
 * now on.
 * ngx_messaging_ring_next() finds the next record: NGX_OK, its position, length
 * and hash are known, and _copy() or _skip() is to follow; NGX_AGAIN, there is
 * none; NGX_BUSY, its writer is not ready: ask again soon; NGX_DECLINED, the
 * reader was lapped, and goes on with what is written from now on;
 * NGX_ERROR, one record is lost.
 * ngx_messaging_ring_copy() copies the record to "p", with up to 7 bytes more
 * than its length: NGX_OK, NGX_DECLINED, NGX_ERROR as above.
 * ngx_messaging_ring_skip() goes on without it.
 */

size_t ngx_messaging_ring_size(ngx_uint_t ncells);
ngx_uint_t ngx_messaging_ring_cells(size_t len);
void ngx_messaging_ring_init(ngx_messaging_ring_t *ring, ngx_uint_t ncells);
void ngx_messaging_ring_claim(ngx_messaging_ring_t *ring, ngx_uint_t writer);
ngx_int_t ngx_messaging_ring_write(ngx_messaging_ring_t *ring,
    ngx_uint_t writer, uint32_t hash, u_char *data, size_t len,
    ngx_uint_t *quarter);
uint64_t ngx_messaging_ring_end(ngx_messaging_ring_reader_t *reader);
uint64_t ngx_messaging_ring_behind(ngx_messaging_ring_reader_t *reader);
void ngx_messaging_ring_start(ngx_messaging_ring_reader_t *reader);
ngx_int_t ngx_messaging_ring_next(ngx_messaging_ring_reader_t *reader,
    ngx_msec_t now);
ngx_int_t ngx_messaging_ring_copy(ngx_messaging_ring_reader_t *reader,
    uint64_t *p);
void ngx_messaging_ring_skip(ngx_messaging_ring_reader_t *reader);


#endif /* _NGX_MESSAGING_RING_H_INCLUDED_ */
