
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_IDEMPOTENCY_H_INCLUDED_
#define _NGX_MESSAGING_IDEMPOTENCY_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * What was published under a key, for a while, so that a repeat of it is not
 * published again.  A table of a fixed size in memory that processes share;
 * one process at a time may use it.
 *
 * Entries are written one after the other, round and round, so that a new one
 * takes the place of the oldest; chains lead from the key to its entry.
 */

typedef struct {
    uint64_t                      key;        /* 0: nobody's */
    uint64_t                      body;       /* what was published */
    uint64_t                      id;         /* 0: it is under way */
    ngx_msec_t                    expires;
    uint32_t                      next;       /* in the chain, + 1; 0: none */
} ngx_messaging_idempotency_entry_t;


typedef struct {
    ngx_uint_t                    next;       /* is written next */
    ngx_uint_t                    mask;
    uint32_t                     *chains;
    ngx_messaging_idempotency_entry_t  entries[1];
} ngx_messaging_idempotency_t;


/*
 * ngx_messaging_idempotency_size() is the size of a table for "n" entries, a
 * power of two; ngx_messaging_idempotency_init() makes one of zeroed memory.
 *
 * ngx_messaging_idempotency_claim() is asked before something is published:
 * NGX_OK, it is under way now, until it expires or is settled; NGX_BUSY, the
 * same, but one that had not expired had to go for it; NGX_DONE, it was
 * published, as *id; NGX_AGAIN, it is under way already; NGX_DECLINED,
 * something else is, or was, published under this key.
 *
 * ngx_messaging_idempotency_settle() says what came of it: the id, or 0 if it
 * was not published and is not to be remembered.
 */

size_t ngx_messaging_idempotency_size(ngx_uint_t n);
void ngx_messaging_idempotency_init(ngx_messaging_idempotency_t *t,
    ngx_uint_t n);
ngx_int_t ngx_messaging_idempotency_claim(ngx_messaging_idempotency_t *t,
    uint64_t key, uint64_t body, ngx_msec_t now, ngx_msec_t expires,
    uint64_t *id);
void ngx_messaging_idempotency_settle(ngx_messaging_idempotency_t *t,
    uint64_t key, uint64_t body, uint64_t id, ngx_msec_t expires);


#endif /* _NGX_MESSAGING_IDEMPOTENCY_H_INCLUDED_ */
