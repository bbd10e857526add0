
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_ring.c"
#include "unit.h"


#define CRASH_CELLS   1024
#define CRASH_WRITERS 4
#define CRASH_READERS 2
#define CRASH_LOG     2000000
#define CRASH_KILLS   300
#define CRASH_TIME    60            /* seconds, whatever happens */
#define CRASH_LEN     2000
#define CRASH_BUFFER  8192


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


static void ring_crash(void);
static void *ring_map(size_t size);

static ngx_uint_t crash_kill(pid_t *readers, uint64_t *random);
static ngx_uint_t crash_writing(ngx_uint_t writer);
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
static crash_t                      *crash;
static uint64_t                      buffer[CRASH_BUFFER / 8];


int
main(void)
{
    ring_crash();

    return unit_done();
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
    uint64_t    random;
    ngx_uint_t  i, kills, writing, stuck;

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
    writing = 0;

    for (kills = 0;
         kills < CRASH_KILLS && !stuck && time(NULL) - start < CRASH_TIME;
         kills++)
    {
        writing += crash_kill(readers, &random);
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

    for (i = 0; i < CRASH_READERS; i++) {
        waitpid(readers[i], NULL, 0);
    }

    unit_ok(!stuck, "after each kill the others go on");
    unit_ok(kills >= 100, "hundreds were killed");
    unit_ok(writing > 0, "some of them while they wrote");

    printf("# %u kills, %u of a writer that wrote\n", (unsigned) kills,
           (unsigned) writing);

    crash_judge();
}


/* 1 if it has killed a writer whose record is not complete */

static ngx_uint_t
crash_kill(pid_t *readers, uint64_t *random)
{
    ngx_uint_t  n, writing;

    usleep(crash_random(random) % 4000);

    if (crash_random(random) % 8 == 0) {
        kill(readers[CRASH_READERS], SIGKILL);
        waitpid(readers[CRASH_READERS], NULL, 0);
        readers[CRASH_READERS] = crash_fork(crash_reader, CRASH_READERS, 0);
        return 0;
    }

    n = crash_random(random) % CRASH_WRITERS;

    if (crash_random(random) % 4 == 0) {
        kill(crash->pids[n], SIGSTOP);
        usleep(crash_random(random) % 20000);
        kill(crash->pids[n], SIGCONT);
    }

    kill(crash->pids[n], SIGKILL);
    waitpid(crash->pids[n], NULL, 0);

    writing = crash_writing(n);

    crash->pids[n] = crash_fork(crash_writer, n, crash_random(random));

    return writing;
}


/* the record that a dead writer has last got cells for was not committed */

static ngx_uint_t
crash_writing(ngx_uint_t writer)
{
    uint64_t                    intent, state;
    ngx_messaging_ring_cell_t  *cell;

    intent = __atomic_load_n(&ring->intents[writer].word, __ATOMIC_ACQUIRE);
    cell = ngx_messaging_ring_cell(ring,
                                   ngx_messaging_ring_word_ticket(intent));
    state = __atomic_load_n(&cell->state, __ATOMIC_ACQUIRE);

    return intent && state == (intent | NGX_MESSAGING_RING_RESERVED);
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
