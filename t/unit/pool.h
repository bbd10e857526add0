
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _POOL_H_INCLUDED_
#define _POOL_H_INCLUDED_


/*
 * Allocations of a pool, for a leaf that has one: each is one of malloc(), so
 * that sanitizers see what is read behind it.  pool_free() ends all of them;
 * the next but pool_fail - 1 fails, if that is not 0.
 */


#include <stdlib.h>


typedef struct pool_block_s  pool_block_t;

struct pool_block_s {
    pool_block_t  *next;
    void          *data;
};


static pool_block_t  *pool_blocks;
static ngx_uint_t     pool_fail;


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    pool_block_t  *block;

    (void) pool;

    if (pool_fail && --pool_fail == 0) {
        return NULL;
    }

    block = malloc(sizeof(pool_block_t));
    block->data = malloc(size ? size : 1);
    block->next = pool_blocks;
    pool_blocks = block;

    return block->data;
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_pnalloc(pool, size);

    if (p) {
        memset(p, 0, size);
    }

    return p;
}


static void __attribute__((unused))
pool_free(void)
{
    pool_block_t  *block;

    while (pool_blocks) {
        block = pool_blocks;
        pool_blocks = block->next;
        free(block->data);
        free(block);
    }
}


/* "%L" is all that the leaves of a batch use */

u_char *
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    buf += sprintf((char *) buf, "%lld", (long long) va_arg(args, int64_t));
    va_end(args);

    return buf;
}


#endif /* _POOL_H_INCLUDED_ */
