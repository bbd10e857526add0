
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_VERDICTS_H_INCLUDED_
#define _NGX_MESSAGING_VERDICTS_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * What was said about who may enter, for a while: a table of a fixed size in
 * memory that processes share.  An entry may stand in the few places of its
 * set; when all are taken, the one goes that was used longest ago.
 *
 * Nothing is searched for to be forgotten: the table counts what is to be
 * forgotten, and notes the count for the user, the conversation or the two
 * together.  Each verdict has the count of when it was asked for, and is good
 * if that is not below what is noted for it.  So a verdict that was asked for
 * before, and is told only now, is not good either.  What falls into the same
 * place of the notes is forgotten with it.
 *
 * One process at a time reads or writes; who dies in between leaves an entry
 * that is nobody's.
 */

#define NGX_MESSAGING_VERDICTS_WAYS   8
#define NGX_MESSAGING_VERDICTS_NOTES  2048


/* users and conversations by their keys: at least NGX_MESSAGING_KEY_MIN */

typedef struct {
    uint64_t                      rule;       /* what was asked, and of whom */
    uint64_t                      user;
    uint64_t                      conversation;
} ngx_messaging_verdict_key_t;


typedef struct {
    ngx_messaging_verdict_key_t   key;
    uint64_t                      expires;    /* ms; 0: nobody's */
    uint64_t                      count;      /* of forgetting, then */
    uint64_t                      used;       /* when, by the table's clock */
    uint64_t                      verdict;
} ngx_messaging_verdict_t;


typedef struct {
    ngx_atomic_t                  count;
    uint64_t                      all;        /* noted for everybody */
    uint64_t                      clock;
    ngx_uint_t                    mask;       /* of the sets */
    uint64_t                      notes[NGX_MESSAGING_VERDICTS_NOTES];
    ngx_messaging_verdict_t       entries[1];
} ngx_messaging_verdicts_t;


/*
 * ngx_messaging_verdicts_size() is the size of a table with "n" sets, a power
 * of two; ngx_messaging_verdicts_init() makes one of zeroed memory.
 *
 * ngx_messaging_verdicts_get(): NGX_OK, or NGX_DECLINED if there is none.
 * ngx_messaging_verdicts_put() notes one that was asked for when the table's
 * "count" was "count": NGX_OK, or NGX_BUSY if a good one had to go for it.
 * ngx_messaging_verdicts_forget() is for a user, a conversation, a user in a
 * conversation, or everything; 0: any.  Times are in ms.
 */

size_t ngx_messaging_verdicts_size(ngx_uint_t n);
void ngx_messaging_verdicts_init(ngx_messaging_verdicts_t *t, ngx_uint_t n);
ngx_int_t ngx_messaging_verdicts_get(ngx_messaging_verdicts_t *t,
    ngx_messaging_verdict_key_t *key, uint64_t now, uint64_t *verdict);
ngx_int_t ngx_messaging_verdicts_put(ngx_messaging_verdicts_t *t,
    ngx_messaging_verdict_key_t *key, uint64_t verdict, uint64_t count,
    uint64_t now, uint64_t expires);
void ngx_messaging_verdicts_forget(ngx_messaging_verdicts_t *t, uint64_t user,
    uint64_t conversation);


#endif /* _NGX_MESSAGING_VERDICTS_H_INCLUDED_ */
