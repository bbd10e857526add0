
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_arena.h"

#include <sys/mman.h>


/*
 * A chunk is aligned to its size: the address of a block tells its chunk, and
 * a block needs no header.  Blocks are cut off the rest of a chunk one after
 * another, so that pages which were never needed are never touched.
 */


typedef struct {
    ngx_queue_t      queue;      /* of the arena, while there is room */
    void            *free;       /* blocks that came back, linked */
    u_char          *rest;       /* never used so far */
    u_char          *end;
    ngx_uint_t       used;
} ngx_messaging_arena_chunk_t;


#if !(NGX_DEBUG_PALLOC)
static ngx_messaging_arena_chunk_t *ngx_messaging_arena_map(
    ngx_messaging_arena_t *arena);
static ngx_uint_t ngx_messaging_arena_full(ngx_messaging_arena_chunk_t *chunk,
    size_t size);
#endif


void
ngx_messaging_arena_init(ngx_messaging_arena_t *arena, ngx_log_t *log)
{
    ngx_uint_t  i;

    for (i = 0;
         i < NGX_MESSAGING_ARENA_MAX / NGX_MESSAGING_ARENA_STEP;
         i++)
    {
        ngx_queue_init(&arena->chunks[i]);
    }

    arena->nchunks = 0;
    arena->log = log;
}


#if (NGX_DEBUG_PALLOC)

void *
ngx_messaging_arena_alloc(ngx_messaging_arena_t *arena, size_t size)
{
    return ngx_calloc(size, arena->log);
}


void
ngx_messaging_arena_free(ngx_messaging_arena_t *arena, void *p, size_t size)
{
    ngx_free(p);
}

#else

void *
ngx_messaging_arena_alloc(ngx_messaging_arena_t *arena, size_t size)
{
    void                         *p;
    ngx_queue_t                  *chunks;
    ngx_messaging_arena_chunk_t  *chunk;

    if (size == 0 || size > NGX_MESSAGING_ARENA_MAX) {
        return ngx_calloc(size, arena->log);
    }

    size = ngx_align(size, NGX_MESSAGING_ARENA_STEP);
    chunks = &arena->chunks[size / NGX_MESSAGING_ARENA_STEP - 1];

    if (ngx_queue_empty(chunks)) {
        chunk = ngx_messaging_arena_map(arena);
        if (chunk == NULL) {
            return NULL;
        }

        ngx_queue_insert_head(chunks, &chunk->queue);
    }

    chunk = ngx_queue_data(ngx_queue_head(chunks),
                           ngx_messaging_arena_chunk_t, queue);

    p = chunk->free;

    if (p) {
        chunk->free = *(void **) p;

    } else {
        p = chunk->rest;
        chunk->rest += size;
    }

    chunk->used++;

    if (ngx_messaging_arena_full(chunk, size)) {
        ngx_queue_remove(&chunk->queue);
    }

    ngx_memzero(p, size);

    return p;
}


void
ngx_messaging_arena_free(ngx_messaging_arena_t *arena, void *p, size_t size)
{
    ngx_queue_t                  *chunks;
    ngx_messaging_arena_chunk_t  *chunk;

    if (size == 0 || size > NGX_MESSAGING_ARENA_MAX) {
        ngx_free(p);
        return;
    }

    size = ngx_align(size, NGX_MESSAGING_ARENA_STEP);
    chunks = &arena->chunks[size / NGX_MESSAGING_ARENA_STEP - 1];

    chunk = (ngx_messaging_arena_chunk_t *)
                ((uintptr_t) p & ~(uintptr_t) (NGX_MESSAGING_ARENA_CHUNK - 1));

    /* the fuller chunks stand in front, others have a chance to get empty */

    if (ngx_messaging_arena_full(chunk, size)) {
        ngx_queue_insert_head(chunks, &chunk->queue);
    }

    *(void **) p = chunk->free;
    chunk->free = p;
    chunk->used--;

    /* the last one of a size stays: the next connection is likely to come */

    if (chunk->used == 0
        && (chunk->queue.next != chunks || chunk->queue.prev != chunks))
    {
        ngx_queue_remove(&chunk->queue);

        if (munmap(chunk, NGX_MESSAGING_ARENA_CHUNK) == -1) {
            ngx_log_error(NGX_LOG_ALERT, arena->log, ngx_errno,
                          "munmap(%p, %d) failed", chunk,
                          NGX_MESSAGING_ARENA_CHUNK);
        }

        arena->nchunks--;
    }
}


/* twice the size has an aligned chunk in it, the rest is returned */

static ngx_messaging_arena_chunk_t *
ngx_messaging_arena_map(ngx_messaging_arena_t *arena)
{
    u_char                       *p, *start;
    size_t                        before, after;
    ngx_messaging_arena_chunk_t  *chunk;

    p = mmap(NULL, 2 * NGX_MESSAGING_ARENA_CHUNK, PROT_READ|PROT_WRITE,
             MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, arena->log, ngx_errno,
                      "mmap(%d) failed", 2 * NGX_MESSAGING_ARENA_CHUNK);
        return NULL;
    }

    start = ngx_align_ptr(p, NGX_MESSAGING_ARENA_CHUNK);
    before = start - p;
    after = NGX_MESSAGING_ARENA_CHUNK - before;

    /* where these fail only addresses are lost */

    if (before) {
        (void) munmap(p, before);
    }

    if (after) {
        (void) munmap(start + NGX_MESSAGING_ARENA_CHUNK, after);
    }

    chunk = (ngx_messaging_arena_chunk_t *) start;

    chunk->free = NULL;
    chunk->rest = start + ngx_align(sizeof(ngx_messaging_arena_chunk_t),
                                    NGX_MESSAGING_ARENA_STEP);
    chunk->end = start + NGX_MESSAGING_ARENA_CHUNK;
    chunk->used = 0;

    arena->nchunks++;

    return chunk;
}


static ngx_uint_t
ngx_messaging_arena_full(ngx_messaging_arena_chunk_t *chunk, size_t size)
{
    return chunk->free == NULL && (size_t) (chunk->end - chunk->rest) < size;
}

#endif
