
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_arena.c"
#include "unit.h"


#define BLOCKS  1000


static void arena_blocks(void);
static void arena_chunks(void);
static void arena_order(void);
static void arena_large(void);
static void arena_churn(void);
static ngx_uint_t number(void);


static ngx_log_t              noise = { .log_level = NGX_LOG_DEBUG };
static ngx_messaging_arena_t  arena;


int
main(void)
{
    ngx_messaging_arena_init(&arena, &noise);

    arena_blocks();
    arena_chunks();
    arena_order();
    arena_large();
    arena_churn();

    return unit_done();
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    (void) log;

    unit_ok(0, "logged at %d with %d: %s", (int) level, (int) err, fmt);
}


static void
arena_blocks(void)
{
    u_char      *p, *q;
    ngx_uint_t   i, zero;

    p = ngx_messaging_arena_alloc(&arena, 100);
    q = ngx_messaging_arena_alloc(&arena, 112);

    unit_ok(p && q, "two blocks of a size");
    unit_int((uintptr_t) p % NGX_MESSAGING_ARENA_STEP, 0, "aligned");
    unit_int(q - p, 112, "side by side");

    memset(p, 0xff, 100);
    ngx_messaging_arena_free(&arena, p, 100);

    q = ngx_messaging_arena_alloc(&arena, 97);
    unit_ok(q == p, "one that came back is used again");

    zero = 1;

    for (i = 0; i < 97; i++) {
        zero &= (q[i] == 0);
    }

    unit_ok(zero, "and is zeroed");

    ngx_messaging_arena_free(&arena, q, 97);
    ngx_messaging_arena_free(&arena, p + 112, 112);
    unit_int(arena.nchunks, 1, "an empty chunk, the last of its size, stays");
}


/* all of a chunk is used, and what is empty is given back */

static void
arena_chunks(void)
{
    u_char      *p[BLOCKS];
    ngx_uint_t   i, n, before, per;

    per = (NGX_MESSAGING_ARENA_CHUNK - sizeof(ngx_messaging_arena_chunk_t))
          / 512;
    before = arena.nchunks;

    for (i = 0; i < BLOCKS; i++) {
        p[i] = ngx_messaging_arena_alloc(&arena, 512);
        memset(p[i], (int) i, 512);
    }

    unit_int(arena.nchunks - before, (BLOCKS + per - 1) / per,
             "no more chunks than are needed");

    n = 0;

    for (i = 0; i < BLOCKS; i++) {
        n += (p[i][0] == (u_char) i && p[i][511] == (u_char) i);
    }

    unit_int(n, BLOCKS, "no block is in another one");

    /* every second one: all chunks have room, and none is empty */

    for (i = 0; i < BLOCKS; i += 2) {
        ngx_messaging_arena_free(&arena, p[i], 512);
    }

    unit_int(arena.nchunks - before, (BLOCKS + per - 1) / per,
             "chunks in use stay");

    for (i = 0; i < BLOCKS; i += 2) {
        p[i] = ngx_messaging_arena_alloc(&arena, 512);
    }

    unit_int(arena.nchunks - before, (BLOCKS + per - 1) / per,
             "their room is used first");

    for (i = 0; i < BLOCKS; i++) {
        ngx_messaging_arena_free(&arena, p[i], 512);
    }

    unit_int(arena.nchunks - before, 1, "all but one chunk are given back");
}


/* a chunk that gets room again stands in front: others may become empty */

static void
arena_order(void)
{
    u_char      *p[300], *q;
    ngx_uint_t   i, before;

    before = arena.nchunks;

    for (i = 0; i < 300; i++) {
        p[i] = ngx_messaging_arena_alloc(&arena, 480);
    }

    ngx_messaging_arena_free(&arena, p[0], 480);
    q = ngx_messaging_arena_alloc(&arena, 480);
    unit_ok(q == p[0], "room in the first of three chunks is used first");

    for (i = 0; i < 300; i++) {
        ngx_messaging_arena_free(&arena, p[i], 480);
    }

    unit_int(arena.nchunks - before, 1, "one of three chunks is left");
}


static void
arena_large(void)
{
    u_char      *p;
    ngx_uint_t   before;

    before = arena.nchunks;

    p = ngx_messaging_arena_alloc(&arena, NGX_MESSAGING_ARENA_MAX + 1);
    unit_ok(p && p[0] == 0 && p[NGX_MESSAGING_ARENA_MAX] == 0,
            "a large block");
    unit_int(arena.nchunks, before, "is the heap's");
    ngx_messaging_arena_free(&arena, p, NGX_MESSAGING_ARENA_MAX + 1);

    p = ngx_messaging_arena_alloc(&arena, NGX_MESSAGING_ARENA_MAX);
    unit_ok(p && p[NGX_MESSAGING_ARENA_MAX - 1] == 0, "the largest block");
    unit_int(arena.nchunks, before + 1, "is not");
    ngx_messaging_arena_free(&arena, p, NGX_MESSAGING_ARENA_MAX);
}


static void
arena_churn(void)
{
    u_char      *p[BLOCKS];
    size_t       size[BLOCKS];
    ngx_uint_t   i, n, bad, sizes;

    memset(p, 0, sizeof(p));
    bad = 0;

    for (n = 0; n < 200000; n++) {
        i = number() % BLOCKS;

        if (p[i] == NULL) {
            size[i] = 1 + number() % (NGX_MESSAGING_ARENA_MAX + 64);
            p[i] = ngx_messaging_arena_alloc(&arena, size[i]);

            bad += (p[i][0] != 0 || p[i][size[i] - 1] != 0);
            memset(p[i], (int) i | 1, size[i]);
            continue;
        }

        bad += (p[i][0] != (u_char) (i | 1)
                || p[i][size[i] - 1] != (u_char) (i | 1));

        ngx_messaging_arena_free(&arena, p[i], size[i]);
        p[i] = NULL;
    }

    unit_int(bad, 0, "blocks that come and go keep what is in them");

    for (i = 0; i < BLOCKS; i++) {
        if (p[i]) {
            ngx_messaging_arena_free(&arena, p[i], size[i]);
        }
    }

    sizes = NGX_MESSAGING_ARENA_MAX / NGX_MESSAGING_ARENA_STEP;

    unit_ok(arena.nchunks <= sizes,
            "no more than a chunk of each size is left");
}


static ngx_uint_t
number(void)
{
    static uint64_t  x = 88172645463325252ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;

    return (ngx_uint_t) (x >> 16);
}
