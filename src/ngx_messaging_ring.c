
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_ring.h"


/* what has become of a record; 0: the cell was never the first of one */

#define NGX_MESSAGING_RING_RESERVED   1
#define NGX_MESSAGING_RING_COMMITTED  2
#define NGX_MESSAGING_RING_SKIPPED    3

#define NGX_MESSAGING_RING_TAG        3ULL
#define NGX_MESSAGING_RING_TICKETS    0x3ffffffffffULL


/* the word of a record */

#define ngx_messaging_ring_word(ticket, cells, writer)                        \
    (((uint64_t) (ticket) & NGX_MESSAGING_RING_TICKETS) << 22                 \
     | (uint64_t) (cells) << 10 | (uint64_t) (writer) << 2)

#define ngx_messaging_ring_word_ticket(word)  ((word) >> 22)
#define ngx_messaging_ring_word_cells(word)   ((word) >> 10 & 0xfff)
#define ngx_messaging_ring_word_writer(word)  ((word) >> 2 & 0xff)
#define ngx_messaging_ring_word_tag(word)     ((word) & NGX_MESSAGING_RING_TAG)
#define ngx_messaging_ring_word_of(word)      ((word) & ~NGX_MESSAGING_RING_TAG)

#define ngx_messaging_ring_distance(a, b)                                     \
    (((a) - (b)) & NGX_MESSAGING_RING_TICKETS)

#define ngx_messaging_ring_mix(sum, word)                                     \
    ((((sum) ^ (word)) << 29 | ((sum) ^ (word)) >> 35) * 0x9e3779b97f4a7c15ULL)

#define ngx_messaging_ring_cell(ring, ticket)                                 \
    (&(ring)->cells[(ticket) & ((ring)->ncells.word - 1)])


static uint64_t ngx_messaging_ring_reserve(ngx_messaging_ring_t *ring,
    ngx_uint_t writer, ngx_uint_t cells);
static ngx_int_t ngx_messaging_ring_fill(ngx_messaging_ring_t *ring,
    uint64_t record, uint32_t hash, u_char *data, size_t len);
static ngx_int_t ngx_messaging_ring_commit(ngx_messaging_ring_t *ring,
    uint64_t record);
static void ngx_messaging_ring_mark(ngx_messaging_ring_t *ring, uint64_t head);
static uint64_t ngx_messaging_ring_head(ngx_messaging_ring_t *ring);
static ngx_uint_t ngx_messaging_ring_cas(uint64_t *word, uint64_t from,
    uint64_t to);
static ngx_uint_t ngx_messaging_ring_lapped(ngx_messaging_ring_t *ring,
    uint64_t ticket);
static uint32_t ngx_messaging_ring_check(uint64_t *header);
static uint32_t ngx_messaging_ring_sum(u_char *data, size_t len);
static uint64_t ngx_messaging_ring_bytes(u_char *data, size_t len);
static ngx_int_t ngx_messaging_ring_lap(ngx_messaging_ring_reader_t *reader);
static ngx_int_t ngx_messaging_ring_peek(ngx_messaging_ring_reader_t *reader,
    ngx_messaging_ring_cell_t *cell, uint64_t state);
static ngx_uint_t ngx_messaging_ring_given_up(
    ngx_messaging_ring_reader_t *reader, uint64_t state, ngx_msec_t now);


size_t
ngx_messaging_ring_size(ngx_uint_t ncells)
{
    return offsetof(ngx_messaging_ring_t, cells)
           + ncells * sizeof(ngx_messaging_ring_cell_t);
}


ngx_uint_t
ngx_messaging_ring_cells(size_t len)
{
    return (NGX_MESSAGING_RING_HEADER + len / 8 + (len % 8 != 0)
            + NGX_MESSAGING_RING_WORDS - 1)
           / NGX_MESSAGING_RING_WORDS;
}


void
ngx_messaging_ring_init(ngx_messaging_ring_t *ring, ngx_uint_t ncells)
{
    ring->ncells.word = ncells;
}


void
ngx_messaging_ring_claim(ngx_messaging_ring_t *ring, ngx_uint_t writer)
{
    uint64_t                    intent;
    ngx_messaging_ring_cell_t  *cell;

    ngx_messaging_ring_mark(ring, ngx_messaging_ring_head(ring));

    intent = __atomic_load_n(&ring->intents[writer].word, __ATOMIC_ACQUIRE);

    if (intent == 0) {
        return;
    }

    /* changes nothing if it was committed, or another got those cells */

    cell = ngx_messaging_ring_cell(ring,
                                   ngx_messaging_ring_word_ticket(intent));

    (void) ngx_messaging_ring_cas(&cell->state,
                                  intent | NGX_MESSAGING_RING_RESERVED,
                                  intent | NGX_MESSAGING_RING_SKIPPED);
}


ngx_int_t
ngx_messaging_ring_write(ngx_messaging_ring_t *ring, ngx_uint_t writer,
    uint32_t hash, u_char *data, size_t len, ngx_uint_t *quarter)
{
    uint64_t    record, ticket, size;
    ngx_uint_t  cells;

    cells = ngx_messaging_ring_cells(len);

    if (cells > NGX_MESSAGING_RING_MAX || cells > ring->ncells.word / 4) {
        return NGX_DECLINED;
    }

    record = ngx_messaging_ring_reserve(ring, writer, cells);

    ticket = ngx_messaging_ring_word_ticket(record);
    size = ring->ncells.word / 4;

    *quarter = (ticket / size != (ticket + cells) / size);

    if (ngx_messaging_ring_fill(ring, record, hash, data, len) != NGX_OK) {
        return NGX_BUSY;
    }

    return ngx_messaging_ring_commit(ring, record);
}


static uint64_t
ngx_messaging_ring_reserve(ngx_messaging_ring_t *ring, ngx_uint_t writer,
    ngx_uint_t cells)
{
    uint64_t  head, next, record, ticket;

    do {
        head = ngx_messaging_ring_head(ring);

        ngx_messaging_ring_mark(ring, head);

        ticket = ngx_messaging_ring_word_ticket(head);

        record = ngx_messaging_ring_word(ticket, cells, writer);
        next = ngx_messaging_ring_word(ticket + cells, cells, writer);

        /* seen by whoever sees the new head */

        __atomic_store_n(&ring->intents[writer].word, record,
                         __ATOMIC_RELAXED);

    } while (!ngx_messaging_ring_cas(&ring->head.word, head, next));

    ngx_messaging_ring_mark(ring, next);

    return record;
}


static ngx_int_t
ngx_messaging_ring_fill(ngx_messaging_ring_t *ring, uint64_t record,
    uint32_t hash, u_char *data, size_t len)
{
    size_t                      n;
    uint64_t                    header[NGX_MESSAGING_RING_HEADER], ticket,
                                word;
    ngx_uint_t                  i;
    ngx_messaging_ring_cell_t  *cell;

    header[0] = record;
    header[1] = (uint64_t) len << 32 | hash;
    header[2] = (uint64_t) ngx_messaging_ring_sum(data, len) << 32;
    header[2] |= ngx_messaging_ring_check(header);

    /* who sees a word of these sees the head that gave us the cells */

    __atomic_thread_fence(__ATOMIC_RELEASE);

    ticket = ngx_messaging_ring_word_ticket(record);
    cell = ngx_messaging_ring_cell(ring, ticket);

    for (i = 0; i < NGX_MESSAGING_RING_HEADER; i++) {
        __atomic_store_n(&cell->words[i], header[i], __ATOMIC_RELAXED);
    }

    for ( ;; ) {

        for ( /* void */ ; len && i < NGX_MESSAGING_RING_WORDS; i++) {
            n = ngx_min(len, sizeof(uint64_t));
            word = ngx_messaging_ring_bytes(data, n);
            data += n;
            len -= n;

            __atomic_store_n(&cell->words[i], word, __ATOMIC_RELAXED);
        }

        if (len == 0) {
            return NGX_OK;
        }

        /* stopped meanwhile, for a lap: do no more damage */

        if (ngx_messaging_ring_lapped(ring,
                                      ngx_messaging_ring_word_ticket(record)))
        {
            return NGX_ERROR;
        }

        cell = ngx_messaging_ring_cell(ring, ++ticket);
        i = 0;
    }
}


static ngx_int_t
ngx_messaging_ring_commit(ngx_messaging_ring_t *ring, uint64_t record)
{
    uint64_t                    ticket;
    ngx_messaging_ring_cell_t  *cell;

    ticket = ngx_messaging_ring_word_ticket(record);
    cell = ngx_messaging_ring_cell(ring, ticket);

    /* in time only if somebody can read it: who has not is lapped */

    if (ngx_messaging_ring_lapped(ring, ticket)) {
        return NGX_BUSY;
    }

    /* from here on somebody may have read it, whatever happens to us */

    return ngx_messaging_ring_cas(&cell->state,
                                  record | NGX_MESSAGING_RING_RESERVED,
                                  record | NGX_MESSAGING_RING_COMMITTED)
           ? NGX_OK : NGX_BUSY;
}


/* marks the record that "head" is the end of as reserved, if it is the last */

static void
ngx_messaging_ring_mark(ngx_messaging_ring_t *ring, uint64_t head)
{
    uint64_t                    cells, record, state, ticket;
    ngx_messaging_ring_cell_t  *cell;

    cells = ngx_messaging_ring_word_cells(head);

    if (cells == 0) {
        /* the first is yet to come */
        return;
    }

    ticket = ngx_messaging_ring_distance(ngx_messaging_ring_word_ticket(head),
                                         cells);
    record = ngx_messaging_ring_word(ticket, cells,
                                     ngx_messaging_ring_word_writer(head));

    cell = ngx_messaging_ring_cell(ring, ticket);

    do {
        state = __atomic_load_n(&cell->state, __ATOMIC_ACQUIRE);

        if (ngx_messaging_ring_word_of(state) == record
            && ngx_messaging_ring_word_tag(state))
        {
            return;
        }

        /*
         * If head has moved then the record was marked before, and "state" may
         * be that of a later lap.  If it has not, then the CAS fails if it was
         * marked since, or if the record of a lap before has changed: one who
         * was stopped commits it, or skips it.
         */

        if (ngx_messaging_ring_head(ring) != head) {
            return;
        }

    } while (!ngx_messaging_ring_cas(&cell->state, state,
                                     record | NGX_MESSAGING_RING_RESERVED));
}


static uint64_t
ngx_messaging_ring_head(ngx_messaging_ring_t *ring)
{
    return __atomic_load_n(&ring->head.word, __ATOMIC_ACQUIRE);
}


static ngx_uint_t
ngx_messaging_ring_cas(uint64_t *word, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}


/* 1 if the cell of the ticket may have been given away again */

static ngx_uint_t
ngx_messaging_ring_lapped(ngx_messaging_ring_t *ring, uint64_t ticket)
{
    uint64_t  head;

    head = ngx_messaging_ring_word_ticket(ngx_messaging_ring_head(ring));

    return ngx_messaging_ring_distance(head, ticket) > ring->ncells.word;
}


static uint32_t
ngx_messaging_ring_check(uint64_t *header)
{
    uint64_t  sum;

    sum = ngx_messaging_ring_mix(0, header[0]);
    sum = ngx_messaging_ring_mix(sum, header[1]);
    sum = ngx_messaging_ring_mix(sum, header[2] >> 32);

    return (uint32_t) (sum >> 32);
}


/*
 * Not a CRC, which takes longer than all the rest: nobody forges it, it is to
 * tell words of another record, and misses them once in 2^32.  The product
 * carries each bit up, and rotation brings those above down again.  Two sums
 * at a time, for a CPU can multiply for both.
 */

static uint32_t
ngx_messaging_ring_sum(u_char *data, size_t len)
{
    uint64_t  a, b, word;

    a = len;
    b = 0;

    while (len >= 2 * sizeof(uint64_t)) {
        word = ngx_messaging_ring_bytes(data, sizeof(uint64_t));
        a = ngx_messaging_ring_mix(a, word);
        data += sizeof(uint64_t);

        word = ngx_messaging_ring_bytes(data, sizeof(uint64_t));
        b = ngx_messaging_ring_mix(b, word);
        data += sizeof(uint64_t);

        len -= 2 * sizeof(uint64_t);
    }

    if (len >= sizeof(uint64_t)) {
        word = ngx_messaging_ring_bytes(data, sizeof(uint64_t));
        a = ngx_messaging_ring_mix(a, word);
        data += sizeof(uint64_t);
        len -= sizeof(uint64_t);
    }

    word = ngx_messaging_ring_bytes(data, len);
    b = ngx_messaging_ring_mix(b, word);

    a = ngx_messaging_ring_mix(a, b);

    return (uint32_t) (a >> 32);
}


/* a word of them, zeros behind; of eight it is one load */

static uint64_t
ngx_messaging_ring_bytes(u_char *data, size_t len)
{
    uint64_t  word;

    if (len == sizeof(uint64_t)) {
        ngx_memcpy(&word, data, sizeof(uint64_t));
        return word;
    }

    word = 0;
    ngx_memcpy(&word, data, len);

    return word;
}


uint64_t
ngx_messaging_ring_end(ngx_messaging_ring_reader_t *reader)
{
    return reader->cursor + ngx_messaging_ring_behind(reader);
}


uint64_t
ngx_messaging_ring_behind(ngx_messaging_ring_reader_t *reader)
{
    uint64_t  head;

    head = ngx_messaging_ring_head(reader->ring);

    return ngx_messaging_ring_distance(ngx_messaging_ring_word_ticket(head),
                                       reader->cursor);
}


void
ngx_messaging_ring_start(ngx_messaging_ring_reader_t *reader)
{
    reader->cursor = ngx_messaging_ring_end(reader);
}


ngx_int_t
ngx_messaging_ring_next(ngx_messaging_ring_reader_t *reader, ngx_msec_t now)
{
    uint64_t                    behind, head, state;
    ngx_messaging_ring_t       *ring;
    ngx_messaging_ring_cell_t  *cell;

    ring = reader->ring;

    for ( ;; ) {
        head = ngx_messaging_ring_head(ring);

        behind = ngx_messaging_ring_distance(
                     ngx_messaging_ring_word_ticket(head), reader->cursor);

        if (behind == 0) {
            return NGX_AGAIN;
        }

        if (behind > ring->ncells.word) {
            return ngx_messaging_ring_lap(reader);
        }

        cell = ngx_messaging_ring_cell(ring, reader->cursor);
        state = __atomic_load_n(&cell->state, __ATOMIC_ACQUIRE);

        if (ngx_messaging_ring_distance(ngx_messaging_ring_word_ticket(state),
                                        reader->cursor)
            || ngx_messaging_ring_word_tag(state) == 0)
        {
            if (ngx_messaging_ring_word_cells(head) == behind) {
                ngx_messaging_ring_mark(ring, head);

            } else if (ngx_messaging_ring_head(ring) == head) {
                /* no record begins here, which cannot be */
                return ngx_messaging_ring_lap(reader);
            }

            continue;
        }

        switch (ngx_messaging_ring_word_tag(state)) {

        case NGX_MESSAGING_RING_COMMITTED:
            return ngx_messaging_ring_peek(reader, cell, state);

        case NGX_MESSAGING_RING_SKIPPED:
            reader->state = state;
            reader->skipped++;
            ngx_messaging_ring_skip(reader);
            break;

        default: /* NGX_MESSAGING_RING_RESERVED */

            if (!ngx_messaging_ring_given_up(reader, state, now)) {
                return NGX_BUSY;
            }

            /* or it was committed just now */

            (void) ngx_messaging_ring_cas(&cell->state, state,
                                          ngx_messaging_ring_word_of(state)
                                          | NGX_MESSAGING_RING_SKIPPED);
            break;
        }
    }
}


static ngx_int_t
ngx_messaging_ring_lap(ngx_messaging_ring_reader_t *reader)
{
    ngx_messaging_ring_start(reader);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_messaging_ring_peek(ngx_messaging_ring_reader_t *reader,
    ngx_messaging_ring_cell_t *cell, uint64_t state)
{
    uint64_t    header[NGX_MESSAGING_RING_HEADER];
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESSAGING_RING_HEADER; i++) {
        header[i] = __atomic_load_n(&cell->words[i], __ATOMIC_RELAXED);
    }

    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    if (ngx_messaging_ring_lapped(reader->ring, reader->cursor)) {
        return ngx_messaging_ring_lap(reader);
    }

    reader->state = state;
    reader->position = reader->cursor;
    reader->len = header[1] >> 32;
    reader->hash = (uint32_t) header[1];
    reader->sum = (uint32_t) (header[2] >> 32);

    if (header[0] != ngx_messaging_ring_word_of(state)
        || (uint32_t) header[2] != ngx_messaging_ring_check(header)
        || ngx_messaging_ring_cells(reader->len)
           != ngx_messaging_ring_word_cells(state))
    {
        ngx_messaging_ring_skip(reader);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* 1 if nobody has to wait for the writer of a record any longer */

static ngx_uint_t
ngx_messaging_ring_given_up(ngx_messaging_ring_reader_t *reader,
    uint64_t state, ngx_msec_t now)
{
    ngx_uint_t  writer;

    if (reader->waiting != state) {
        reader->waiting = state;
        reader->since = now;
    }

    writer = ngx_messaging_ring_word_writer(state);

    /* ours: we do not write now, so it is of one who had the number before */

    return writer == reader->writer
           || !reader->alive(reader->data, writer)
           || now - reader->since >= NGX_MESSAGING_RING_WAIT;
}


ngx_int_t
ngx_messaging_ring_copy(ngx_messaging_ring_reader_t *reader, uint64_t *p)
{
    u_char                     *data;
    size_t                      n;
    uint64_t                    ticket;
    ngx_uint_t                  i;
    ngx_messaging_ring_cell_t  *cell;

    data = (u_char *) p;
    n = reader->len / 8 + (reader->len % 8 != 0);
    i = NGX_MESSAGING_RING_HEADER;

    for (ticket = reader->cursor; n; ticket++) {
        cell = ngx_messaging_ring_cell(reader->ring, ticket);

        for ( /* void */ ; n && i < NGX_MESSAGING_RING_WORDS; i++, n--) {
            *p++ = __atomic_load_n(&cell->words[i], __ATOMIC_RELAXED);
        }

        i = 0;
    }

    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    if (ngx_messaging_ring_lapped(reader->ring, reader->cursor)) {
        return ngx_messaging_ring_lap(reader);
    }

    ngx_messaging_ring_skip(reader);

    return (ngx_messaging_ring_sum(data, reader->len) == reader->sum)
           ? NGX_OK : NGX_ERROR;
}


void
ngx_messaging_ring_skip(ngx_messaging_ring_reader_t *reader)
{
    reader->cursor += ngx_messaging_ring_word_cells(reader->state);
}
