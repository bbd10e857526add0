
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_WAKE_H_INCLUDED_
#define _NGX_MESSAGING_WAKE_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * Who among the workers of a zone is to be woken for what, and how.
 *
 * Each worker has the number of its slot, a set of the hashes that it wants
 * to hear of, which it alone writes, and an eventfd.  The master makes them
 * before there are workers and keeps them, so that workers of every generation
 * have the same ones; it makes more when a configuration has more workers.
 * They belong to a zone: with another one the master makes others.
 *
 * A flag says that the worker has been woken and has not looked yet: a burst
 * costs one write().  The worker empties the eventfd before it takes the flag
 * back, and looks afterwards; in another order a wake-up could be lost.  A
 * sequentially consistent fence is between a record and the look at who wants
 * it, and between what is wanted and the look at where the ring ends: so who
 * is not woken for a record begins behind it.  See t/model/wake.pml.
 *
 * A wake-up is lost nevertheless if who sends it is killed, or stopped, before
 * the write(), and nobody else would write() either, for the flag is set.  Or
 * who sends it may be of a generation that has fewer eventfds.  So everybody
 * has to look by himself from time to time.
 */

#define NGX_MESSAGING_WAKE_WORKERS  256
#define NGX_MESSAGING_WAKE_HASHES   8192


typedef struct {
    uint64_t                     pending;
    u_char                       line[56];    /* of the cache: its own */
    uint64_t                     wanted[NGX_MESSAGING_WAKE_HASHES / 64];
} ngx_messaging_wake_worker_t;


typedef struct {
    uint64_t                     made;        /* the zone has its eventfds */
    uint64_t                     used;        /* all workers are below this */
    u_char                       line[48];
    ngx_messaging_wake_worker_t  workers[NGX_MESSAGING_WAKE_WORKERS];
} ngx_messaging_wake_t;


typedef struct {
    uint64_t                     bits[NGX_MESSAGING_WAKE_WORKERS / 64];
} ngx_messaging_wake_set_t;


/*
 * ngx_messaging_wake_open() is called by the master for each configuration;
 * it sees to it that there are "n" eventfds for this zone.  Nothing fails if
 * there cannot be so many.
 *
 * ngx_messaging_wake_claim() lets a worker begin that has the number "n".
 * It returns its eventfd, or -1 if there is none: then it has to look by
 * itself very often.
 * ngx_messaging_wake_leave() wants nothing any more.
 *
 * ngx_messaging_wake_want() adds a hash to those of worker "n", or takes it
 * out.  What is written after it has returned wakes the worker.
 *
 * ngx_messaging_wake_find() adds the workers to be woken for a hash to a set,
 * when what they are to see has been written; ngx_messaging_wake_all() adds
 * all.  ngx_messaging_wake_send() wakes the workers of a set, but for "own",
 * and empties it.
 *
 * ngx_messaging_wake_taken() is called when worker "n" was woken, before it
 * looks.  ngx_messaging_wake_missed() does the same if its flag is set, and
 * returns 1 if it was: it may be that nobody will write().
 */

void ngx_messaging_wake_open(ngx_messaging_wake_t *wake, ngx_uint_t n,
    ngx_log_t *log);
int ngx_messaging_wake_claim(ngx_messaging_wake_t *wake, ngx_uint_t n);
void ngx_messaging_wake_leave(ngx_messaging_wake_t *wake, ngx_uint_t n);
void ngx_messaging_wake_want(ngx_messaging_wake_t *wake, ngx_uint_t n,
    uint32_t hash, ngx_uint_t on);
void ngx_messaging_wake_find(ngx_messaging_wake_t *wake, uint32_t hash,
    ngx_messaging_wake_set_t *set);
void ngx_messaging_wake_all(ngx_messaging_wake_t *wake,
    ngx_messaging_wake_set_t *set);
void ngx_messaging_wake_send(ngx_messaging_wake_t *wake,
    ngx_messaging_wake_set_t *set, ngx_uint_t own);
void ngx_messaging_wake_taken(ngx_messaging_wake_t *wake, ngx_uint_t n);
ngx_uint_t ngx_messaging_wake_missed(ngx_messaging_wake_t *wake,
    ngx_uint_t n);


#endif /* _NGX_MESSAGING_WAKE_H_INCLUDED_ */
