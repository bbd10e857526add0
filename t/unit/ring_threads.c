
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Threads write to one ring and read it.  t/util/threads builds this with
 * ThreadSanitizer, which then knows of each access whether it is in order: of
 * those to the ring, and of the notes, which are no atomics and which nothing
 * but the ring puts into an order.  It knows nothing of fences: those are for
 * t/model.
 */


#include "../../src/ngx_messaging_ring.c"
#include "unit.h"

#include <pthread.h>


#define THREADS_WRITERS  3
#define THREADS_READERS  2
#define THREADS_RECORDS  4000
#define THREADS_LEN      700           /* 3 cells */
#define THREADS_ALL      65536         /* cells: nobody is lapped */
#define THREADS_FEW      512

#define THREADS_CELLS    (3 * THREADS_WRITERS * THREADS_RECORDS)


typedef struct {
    ngx_uint_t   n;
    ngx_uint_t   told;                 /* NGX_OK */
    ngx_uint_t   busy;
    uint64_t     random;
} threads_writer_t;


typedef struct {
    ngx_uint_t   n;
    ngx_uint_t   got;
    ngx_uint_t   laps;
    ngx_uint_t   lost;
    ngx_uint_t   torn;
    ngx_uint_t   wrong;                /* a note, or not in order */
    uint64_t     last[THREADS_WRITERS];
    uint64_t     at[THREADS_CELLS];    /* what was at each position */
} threads_reader_t;


static void threads_run(ngx_uint_t ncells, const char *text);
static void *threads_write(void *data);
static void *threads_read(void *data);
static void threads_take(threads_reader_t *r, ngx_messaging_ring_reader_t *rr,
    u_char *p);
static ngx_uint_t threads_alive(void *data, ngx_uint_t writer);
static ngx_msec_t threads_now(void);


static ngx_messaging_ring_t  *ring;
static ngx_uint_t             stop;
static uint64_t               notes[THREADS_WRITERS][THREADS_RECORDS + 1];
static threads_writer_t       writers[THREADS_WRITERS];
static threads_reader_t       readers[THREADS_READERS];


int
main(void)
{
    threads_run(THREADS_ALL, "a ring for all");

    unit_int(readers[0].laps + readers[0].lost, 0, "... one misses nothing");
    unit_int(readers[1].laps + readers[1].lost, 0, "... the other neither");

    threads_run(THREADS_FEW, "many laps");

    return unit_done();
}


static void
threads_run(ngx_uint_t ncells, const char *text)
{
    void        *memory;
    pthread_t    writing[THREADS_WRITERS], reading[THREADS_READERS];
    ngx_uint_t   i, different, told, torn, wrong, bad;

    memory = calloc(1, ngx_messaging_ring_size(ncells));
    ring = memory;

    if (memory == NULL) {
        exit(1);
    }

    ngx_messaging_ring_init(ring, ncells);

    memset(writers, 0, sizeof(writers));
    memset(readers, 0, sizeof(readers));
    memset(notes, 0, sizeof(notes));
    stop = 0;
    bad = 0;

    for (i = 0; i < THREADS_READERS; i++) {
        readers[i].n = i;
        bad += pthread_create(&reading[i], NULL, threads_read, &readers[i]);
    }

    for (i = 0; i < THREADS_WRITERS; i++) {
        writers[i].n = i;
        writers[i].random = i;
        bad += pthread_create(&writing[i], NULL, threads_write, &writers[i]);
    }

    if (bad) {
        exit(1);
    }

    for (i = 0; i < THREADS_WRITERS; i++) {
        pthread_join(writing[i], NULL);
    }

    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);

    for (i = 0; i < THREADS_READERS; i++) {
        pthread_join(reading[i], NULL);
    }

    told = 0;
    torn = 0;
    wrong = 0;
    different = 0;

    for (i = 0; i < THREADS_WRITERS; i++) {
        told += writers[i].told;
    }

    for (i = 0; i < THREADS_READERS; i++) {
        torn += readers[i].torn;
        wrong += readers[i].wrong;

        printf("# %s: %u of %u, %u laps, %u lost\n", text,
               (unsigned) readers[i].got, (unsigned) told,
               (unsigned) readers[i].laps, (unsigned) readers[i].lost);

        unit_ok(readers[i].got == told
                || (readers[i].got < told
                    && readers[i].laps + readers[i].lost),
                "%s: all that was taken is read, or missed with notice", text);
    }

    for (i = 0; i < THREADS_CELLS; i++) {
        different += readers[0].at[i] && readers[1].at[i]
                     && readers[0].at[i] != readers[1].at[i];
    }

    unit_ok(told > THREADS_RECORDS, "%s: records were taken", text);
    unit_int(torn, 0, "nothing is torn");
    unit_int(wrong, 0, "the records of a writer come in its order");
    unit_int(different, 0, "all come in one order");

    free(memory);
}


static void *
threads_write(void *data)
{
    threads_writer_t *w = data;

    size_t      len;
    u_char      text[THREADS_LEN];
    uint64_t    seq;
    ngx_uint_t  quarter;

    for (seq = 1; seq <= THREADS_RECORDS; seq++) {
        w->random = w->random * 6364136223846793005ULL
                    + 1442695040888963407ULL;
        len = 16 + (w->random >> 33) % (THREADS_LEN - 16);

        memset(text, (u_char) (seq * 3 + w->n), len);
        memcpy(text, &seq, 8);
        memcpy(text + 8, &w->n, 8);

        notes[w->n][seq] = seq * 7 + w->n;

        if (ngx_messaging_ring_write(ring, w->n, (uint32_t) seq, text, len,
                                     &quarter)
            == NGX_OK)
        {
            w->told++;

        } else {
            w->busy++;
        }

        if (seq % 16 == 0) {
            sched_yield();
        }
    }

    return NULL;
}


static void *
threads_read(void *data)
{
    threads_reader_t *r = data;

    u_char                       *p;
    uint64_t                      buffer[THREADS_LEN / 8 + 1];
    ngx_int_t                     rc;
    ngx_uint_t                    end;
    ngx_messaging_ring_reader_t   rr;

    memset(&rr, 0, sizeof(rr));
    rr.ring = ring;
    rr.writer = NGX_MESSAGING_RING_WRITERS;
    rr.alive = threads_alive;

    p = (u_char *) buffer;

    for ( ;; ) {
        end = __atomic_load_n(&stop, __ATOMIC_ACQUIRE);
        rc = ngx_messaging_ring_next(&rr, threads_now());

        if (rc == NGX_OK && rr.len > THREADS_LEN) {
            r->torn++;
            ngx_messaging_ring_skip(&rr);
            continue;
        }

        if (rc == NGX_OK) {
            rc = ngx_messaging_ring_copy(&rr, buffer);
        }

        switch (rc) {

        case NGX_OK:
            threads_take(r, &rr, p);
            break;

        case NGX_DECLINED:
            r->laps++;
            break;

        case NGX_ERROR:
            r->lost++;
            break;

        case NGX_AGAIN:

            if (end) {
                return NULL;
            }

            /* fall through */

        default: /* NGX_BUSY */
            sched_yield();
            break;
        }
    }
}


static void
threads_take(threads_reader_t *r, ngx_messaging_ring_reader_t *rr, u_char *p)
{
    size_t      i;
    uint64_t    seq;
    ngx_uint_t  writer;

    memcpy(&seq, p, 8);
    memcpy(&writer, p + 8, 8);

    if (writer >= THREADS_WRITERS || seq == 0 || seq > THREADS_RECORDS
        || rr->hash != seq || rr->position >= THREADS_CELLS)
    {
        r->torn++;
        return;
    }

    for (i = 16; i < rr->len; i++) {
        if (p[i] != (u_char) (seq * 3 + writer)) {
            r->torn++;
            return;
        }
    }

    r->got++;
    r->wrong += notes[writer][seq] != seq * 7 + writer
                || seq <= r->last[writer];
    r->last[writer] = seq;
    r->at[rr->position] = seq << 8 | writer;
}


static ngx_uint_t
threads_alive(void *data, ngx_uint_t writer)
{
    return 1;
}


static ngx_msec_t
threads_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (ngx_msec_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
