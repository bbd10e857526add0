
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_PRESENCE_H_INCLUDED_
#define _NGX_MESSAGING_PRESENCE_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_shm.h"


/*
 * Which users are there, and in which conversations, over all workers of a
 * host, and what the backend has been told of it.
 *
 * A worker counts its own sessions; only the first and the last of a user, or
 * of a user in a conversation, go to the table in the zone.  There an entry
 * has a bit for each worker's slot, so that a worker that was killed is taken
 * out of it.  One worker, the leader, tells the backend what has changed, in
 * batches; if it dies another takes over, and tells again what nobody knows
 * to have been told.
 *
 * What is told later is what is true then: while the backend is away a user
 * may come and go many times and leave one change behind.  So there is no
 * queue but the table.
 */

/* a user as JSON, and a conversation */

#define NGX_MESSAGING_PRESENCE_TEXT  180


/* something to tell: a copy of what is in the zone */

typedef struct {
    int64_t                            at;      /* ms since the epoch */
    ngx_uint_t                         present;
    size_t                             nuser;
    size_t                             nconversation;
    u_char                             text[NGX_MESSAGING_PRESENCE_TEXT];
} ngx_messaging_presence_change_t;


typedef struct {
    ngx_messaging_shm_t               *shm;
    ngx_messaging_presence_table_t    *table;
    ngx_uint_t                         slot;
    ngx_uint_t                         term;    /* as leader; 0: is not */

    ngx_rbtree_t                       tree;    /* of the worker's own */
    ngx_rbtree_node_t                  sentinel;
} ngx_messaging_presence_t;


/*
 * ngx_messaging_presence_size() is what a table for "n" needs,
 * ngx_messaging_presence_init() makes one of zeroed memory.
 *
 * ngx_messaging_presence_entries() is the "n" of a table.
 *
 * ngx_messaging_presence_open() begins for a worker, whose slot may have been
 * another's; ngx_messaging_presence_close() takes it out of all entries.
 *
 * ngx_messaging_presence_enter() counts one more of "key".  NGX_DECLINED: the
 * backend will not be told, since the table is full or the text too long;
 * NGX_ERROR: no memory, and it was not counted.
 * ngx_messaging_presence_leave() undoes it.
 *
 * ngx_messaging_presence_lead() is called every now and then: 1: the caller
 * is the leader.  A worker that has not called it for
 * NGX_MESSAGING_PRESENCE_TERM seconds is the leader no longer.
 * ngx_messaging_presence_yield() leaves it to others.
 *
 * The leader's: ngx_messaging_presence_take() takes up to "n" changes, in
 * order, of those who came, or have been away for "delay" ms;
 * ngx_messaging_presence_told() says that the backend has them; until then no
 * more are taken.  ngx_messaging_presence_again() tells of all who are there
 * once more.
 */

#define NGX_MESSAGING_PRESENCE_TERM  15

/* ms since the epoch */

#define ngx_messaging_presence_now()                                          \
    ((int64_t) (ngx_timeofday())->sec * 1000 + (ngx_timeofday())->msec)

size_t ngx_messaging_presence_size(ngx_uint_t n);
void ngx_messaging_presence_init(ngx_messaging_presence_table_t *table,
    ngx_uint_t n);
ngx_uint_t ngx_messaging_presence_entries(
    ngx_messaging_presence_table_t *table);

void ngx_messaging_presence_open(ngx_messaging_presence_t *p,
    ngx_messaging_shm_t *shm, ngx_messaging_slot_t *slot);
void ngx_messaging_presence_close(ngx_messaging_presence_t *p);
ngx_int_t ngx_messaging_presence_enter(ngx_messaging_presence_t *p,
    uint64_t key, ngx_str_t *user, ngx_str_t *conversation);
void ngx_messaging_presence_leave(ngx_messaging_presence_t *p, uint64_t key);

ngx_uint_t ngx_messaging_presence_lead(ngx_messaging_presence_t *p);
void ngx_messaging_presence_yield(ngx_messaging_presence_t *p);
ngx_uint_t ngx_messaging_presence_take(ngx_messaging_presence_t *p,
    ngx_msec_t delay, ngx_messaging_presence_change_t *changes, ngx_uint_t n);
void ngx_messaging_presence_told(ngx_messaging_presence_t *p);
void ngx_messaging_presence_again(ngx_messaging_presence_t *p);

/* who tells Redis: raised when all are told again */

ngx_uint_t ngx_messaging_presence_incarnation(ngx_messaging_presence_t *p);


#endif /* _NGX_MESSAGING_PRESENCE_H_INCLUDED_ */
