
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_ARENA_H_INCLUDED_
#define _NGX_MESSAGING_ARENA_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * Small blocks that live as long as a connection, in pages of their own.
 *
 * A handshake allocates and frees twenty times what stays of it.  On the heap
 * the few bytes that stay would pin the pages of the rest: after a storm of
 * handshakes a worker would keep the memory of the storm.  Here blocks of a
 * size stand side by side in chunks, and an empty chunk is given back.
 */

#define NGX_MESSAGING_ARENA_CHUNK  65536     /* a power of two */
#define NGX_MESSAGING_ARENA_STEP   16
#define NGX_MESSAGING_ARENA_MAX    2048      /* larger ones are the heap's */


typedef struct {
    ngx_queue_t      chunks[NGX_MESSAGING_ARENA_MAX
                            / NGX_MESSAGING_ARENA_STEP];  /* with room */
    ngx_uint_t       nchunks;
    ngx_log_t       *log;
} ngx_messaging_arena_t;


/*
 * ngx_messaging_arena_alloc() returns a block filled with zeros, aligned to
 * NGX_MESSAGING_ARENA_STEP, or NULL.  ngx_messaging_arena_free() has to be
 * told the size that was asked for.
 *
 * With NGX_DEBUG_PALLOC each block is an allocation of its own, so that tools
 * see who uses one that was freed.
 */

void ngx_messaging_arena_init(ngx_messaging_arena_t *arena, ngx_log_t *log);
void *ngx_messaging_arena_alloc(ngx_messaging_arena_t *arena, size_t size);
void ngx_messaging_arena_free(ngx_messaging_arena_t *arena, void *p,
    size_t size);


#endif /* _NGX_MESSAGING_ARENA_H_INCLUDED_ */
