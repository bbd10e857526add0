
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_REVOCATIONS_H_INCLUDED_
#define _NGX_MESSAGING_REVOCATIONS_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * Tokens that are void: for each key, which is a user's or a token's, the
 * time before which they must not have been issued, and how long that is to
 * be remembered.  A table of a fixed size in memory that processes share.
 *
 * Entries are written one after the other, round and round, so that a new one
 * takes the place of the oldest; chains lead from the key to its entry.  One
 * process writes at a time, anybody reads without a lock: "changes" is odd
 * while something is changed, and who has found nothing meanwhile looks
 * again.  Each step of a change leaves chains that can be followed, so that
 * nobody waits for a writer that has stopped or died.
 */

typedef struct {
    uint64_t                      key;        /* 0: nobody's */
    uint64_t                      before;     /* ms since the epoch */
    uint64_t                      expires;    /* s since the epoch */
    uint32_t                      next;       /* in the chain, + 1; 0: none */
} ngx_messaging_revocation_entry_t;


typedef struct {
    ngx_atomic_t                  changes;
    ngx_uint_t                    next;       /* is written next */
    ngx_uint_t                    mask;
    ngx_atomic_t                  used;       /* 0: there is nothing at all */
    ngx_msec_t                    logged;     /* that something was lost */
    ngx_uint_t                    lost;       /* since then */

    uint32_t                     *chains;
    ngx_messaging_revocation_entry_t  entries[1];
} ngx_messaging_revocations_t;


/*
 * ngx_messaging_revocations_size() is the size of a table for "n" entries, a
 * power of two; ngx_messaging_revocations_init() makes one of zeroed memory.
 *
 * ngx_messaging_revocations_add() is for one process at a time, "now" is in
 * seconds.  NGX_OK; NGX_DECLINED, there was such an entry already; NGX_BUSY,
 * done, but one that had not expired had to go for it.
 *
 * ngx_messaging_revocations_get() is anybody's: the time before which tokens
 * of the key are void, 0 if there is none.
 */

size_t ngx_messaging_revocations_size(ngx_uint_t n);
void ngx_messaging_revocations_init(ngx_messaging_revocations_t *t,
    ngx_uint_t n);
ngx_int_t ngx_messaging_revocations_add(ngx_messaging_revocations_t *t,
    uint64_t key, int64_t before, time_t expires, time_t now);
int64_t ngx_messaging_revocations_get(ngx_messaging_revocations_t *t,
    uint64_t key, time_t now);


#endif /* _NGX_MESSAGING_REVOCATIONS_H_INCLUDED_ */
