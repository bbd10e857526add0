
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * What one order for all costs: the ring of the module, "ticket", and rings
 * that have one writer each, "own", in which there is an order of each writer
 * only.  Both have cells of one size, records that readers copy and checksums;
 * "bare" is "own" without checksums.
 *
 *     ring ticket|own|bare PROCESSES RECORDS LENGTH
 *
 * Each process is what a worker is: it writes some records, then reads what
 * all have written.  It waits before it laps another, and the time that this
 * takes is left out.  Printed are the nanoseconds of CPU per record written,
 * and per record read, of all processes.
 */


#include "../src/ngx_messaging_ring.c"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>


#define BENCH_PROCESSES  8
#define BENCH_CELLS      16384
#define BENCH_BATCH      64
#define BENCH_LEN        4096


/* a ring that has one writer: "ahead" is moved before cells are written */

typedef struct {
    ngx_messaging_ring_line_t    head;
    ngx_messaging_ring_line_t    ahead;
    ngx_messaging_ring_cell_t    cells[BENCH_CELLS];
} bench_own_t;


typedef struct {
    ngx_messaging_ring_line_t    ready;
    ngx_messaging_ring_line_t    written[BENCH_PROCESSES];
    ngx_messaging_ring_line_t    read[BENCH_PROCESSES];
    uint64_t                     write_ns[BENCH_PROCESSES];
    uint64_t                     read_ns[BENCH_PROCESSES];
    uint64_t                     bad;
    bench_own_t                  own[BENCH_PROCESSES];
    u_char                       ring[1];
} bench_t;


static void bench_process(ngx_uint_t n);
static void bench_write(ngx_uint_t n, uint64_t seq);
static void bench_own_write(bench_own_t *own, u_char *data, size_t len);
static ngx_uint_t bench_read(void);
static ngx_uint_t bench_own_read(bench_own_t *own, uint64_t *cursor);
static ngx_uint_t bench_may_write(void);
static ngx_uint_t bench_alive(void *data, ngx_uint_t writer);
static uint64_t bench_time(void);


static bench_t                      *bench;
static ngx_uint_t                    processes;
static ngx_uint_t                    own_rings;
static ngx_uint_t                    checksums;
static uint64_t                      records;
static size_t                        length;
static ngx_messaging_ring_reader_t   reader;
static uint64_t                      cursors[BENCH_PROCESSES];
static uint64_t                      buffer[BENCH_LEN / 8 + 1];
static u_char                        text[BENCH_LEN];


int
main(int argc, char **argv)
{
    int         status;
    size_t      size;
    pid_t       pids[BENCH_PROCESSES];
    uint64_t    write_ns, read_ns;
    ngx_uint_t  i;

    if (argc != 5) {
        fprintf(stderr, "usage: ring ticket|own|bare PROCESSES RECORDS "
                "LENGTH\n");
        return 2;
    }

    own_rings = (strcmp(argv[1], "ticket") != 0);
    checksums = (strcmp(argv[1], "bare") != 0);
    processes = atoi(argv[2]);
    records = atoi(argv[3]);
    length = atoi(argv[4]);

    if (processes < 1 || processes > BENCH_PROCESSES || length < 16
        || length > BENCH_LEN)
    {
        return 2;
    }

    size = sizeof(bench_t)
           + ngx_messaging_ring_size(processes * BENCH_CELLS);
    bench = mmap(NULL, size, PROT_READ|PROT_WRITE,
                 MAP_SHARED|MAP_ANON|MAP_POPULATE, -1, 0);

    if (bench == MAP_FAILED) {
        return 1;
    }

    reader.ring = (ngx_messaging_ring_t *) ngx_align_ptr(bench->ring, 64);
    reader.writer = NGX_MESSAGING_RING_WRITERS;
    reader.alive = bench_alive;
    ngx_messaging_ring_init(reader.ring, processes * BENCH_CELLS);

    if (processes == 1) {
        /* for callgrind, too */
        bench_process(0);

    } else {
        for (i = 0; i < processes; i++) {
            pids[i] = fork();

            if (pids[i] == 0) {
                bench_process(i);
                _exit(0);
            }
        }

        for (i = 0; i < processes; i++) {
            if (waitpid(pids[i], &status, 0) == -1 || status) {
                return 1;
            }
        }
    }

    write_ns = 0;
    read_ns = 0;

    for (i = 0; i < processes; i++) {
        write_ns += bench->write_ns[i];
        read_ns += bench->read_ns[i];
    }

    if (bench->bad) {
        fprintf(stderr, "ring: %llu records are not what was written\n",
                (unsigned long long) bench->bad);
        return 1;
    }

    printf("%.1f %.1f\n", (double) write_ns / (processes * records),
           (double) read_ns / (processes * processes * records));

    return 0;
}


static void
bench_process(ngx_uint_t n)
{
    uint64_t    seq, got, start, all;
    ngx_uint_t  i;

    (void) __atomic_fetch_add(&bench->ready.word, 1, __ATOMIC_ACQ_REL);

    while (__atomic_load_n(&bench->ready.word, __ATOMIC_ACQUIRE) < processes) {
        sched_yield();
    }

    memset(text, 'x', sizeof(text));

    seq = 0;
    got = 0;
    all = records * processes;

    while (got < all) {

        if (seq < records && bench_may_write()) {
            start = bench_time();

            for (i = 0; i < BENCH_BATCH && seq < records; i++) {
                bench_write(n, ++seq);
            }

            bench->write_ns[n] += bench_time() - start;
            __atomic_store_n(&bench->written[n].word, seq, __ATOMIC_RELEASE);
        }

        start = bench_time();
        i = bench_read();

        if (i == 0) {
            sched_yield();
            continue;
        }

        bench->read_ns[n] += bench_time() - start;
        got += i;
        __atomic_store_n(&bench->read[n].word, got, __ATOMIC_RELEASE);
    }
}


static void
bench_write(ngx_uint_t n, uint64_t seq)
{
    ngx_uint_t  quarter;

    ngx_memcpy(text, &seq, 8);

    if (own_rings) {
        bench_own_write(&bench->own[n], text, length);
        return;
    }

    if (ngx_messaging_ring_write(reader.ring, n, 0, text, length, &quarter)
        != NGX_OK)
    {
        bench->bad++;
    }
}


/* what an own ring needs: no CAS, no state of a record, no intent */

static void
bench_own_write(bench_own_t *own, u_char *data, size_t len)
{
    size_t                      n;
    uint64_t                    head, ticket, word;
    ngx_uint_t                  i;
    ngx_messaging_ring_cell_t  *cell;

    head = own->head.word;
    ticket = head;

    __atomic_store_n(&own->ahead.word, head + ngx_messaging_ring_cells(len),
                     __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);

    cell = &own->cells[ticket % BENCH_CELLS];

    __atomic_store_n(&cell->words[0], head, __ATOMIC_RELAXED);
    __atomic_store_n(&cell->words[1], (uint64_t) len << 32, __ATOMIC_RELAXED);
    __atomic_store_n(&cell->words[2],
                     checksums ? ngx_messaging_ring_sum(data, len) : 0,
                     __ATOMIC_RELAXED);
    i = 3;

    for ( ;; ) {

        for ( /* void */ ; len && i < NGX_MESSAGING_RING_WORDS; i++) {
            n = ngx_min(len, sizeof(uint64_t));
            word = ngx_messaging_ring_bytes(data, n);
            data += n;
            len -= n;

            __atomic_store_n(&cell->words[i], word, __ATOMIC_RELAXED);
        }

        if (len == 0) {
            break;
        }

        cell = &own->cells[++ticket % BENCH_CELLS];
        i = 0;
    }

    __atomic_store_n(&own->head.word, own->ahead.word, __ATOMIC_RELEASE);
}


static ngx_uint_t
bench_read(void)
{
    ngx_int_t   rc;
    ngx_uint_t  i, got;

    got = 0;

    if (own_rings) {
        for (i = 0; i < processes; i++) {
            got += bench_own_read(&bench->own[i], &cursors[i]);
        }

        return got;
    }

    for ( ;; ) {
        rc = ngx_messaging_ring_next(&reader, 0);

        if (rc == NGX_AGAIN || rc == NGX_BUSY) {
            return got;
        }

        if (rc != NGX_OK
            || ngx_messaging_ring_copy(&reader, buffer) != NGX_OK
            || reader.len != length)
        {
            bench->bad++;
        }

        got++;
    }
}


static ngx_uint_t
bench_own_read(bench_own_t *own, uint64_t *cursor)
{
    size_t                      n;
    uint64_t                    head, ticket, *p, sum, len;
    ngx_uint_t                  i, got;
    ngx_messaging_ring_cell_t  *cell;

    head = __atomic_load_n(&own->head.word, __ATOMIC_ACQUIRE);
    got = 0;

    while (*cursor != head) {
        cell = &own->cells[*cursor % BENCH_CELLS];

        len = __atomic_load_n(&cell->words[1], __ATOMIC_RELAXED) >> 32;
        sum = __atomic_load_n(&cell->words[2], __ATOMIC_RELAXED);
        i = 3;
        p = buffer;

        n = len / 8 + (len % 8 != 0);

        for (ticket = *cursor; n; ticket++) {
            cell = &own->cells[ticket % BENCH_CELLS];

            for ( /* void */ ; n && i < NGX_MESSAGING_RING_WORDS; i++, n--) {
                *p++ = __atomic_load_n(&cell->words[i], __ATOMIC_RELAXED);
            }

            i = 0;
        }

        __atomic_thread_fence(__ATOMIC_ACQUIRE);

        if (__atomic_load_n(&own->ahead.word, __ATOMIC_RELAXED) - *cursor
            > BENCH_CELLS
            || len != length
            || (checksums
                && sum != ngx_messaging_ring_sum((u_char *) buffer, len)))
        {
            bench->bad++;
        }

        *cursor += ngx_messaging_ring_cells(len);
        got++;
    }

    return got;
}


/* 1 if nobody would be lapped: each has read all but a quarter of a ring */

static ngx_uint_t
bench_may_write(void)
{
    uint64_t    written;
    ngx_uint_t  i;

    written = 0;

    for (i = 0; i < processes; i++) {
        written += __atomic_load_n(&bench->written[i].word, __ATOMIC_ACQUIRE);
    }

    for (i = 0; i < processes; i++) {

        if (written - __atomic_load_n(&bench->read[i].word, __ATOMIC_ACQUIRE)
            + processes * BENCH_BATCH
            > BENCH_CELLS / 4 / ngx_messaging_ring_cells(length))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
bench_alive(void *data, ngx_uint_t writer)
{
    return 1;
}


static uint64_t
bench_time(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}
