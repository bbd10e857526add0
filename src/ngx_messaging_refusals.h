
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_REFUSALS_H_INCLUDED_
#define _NGX_MESSAGING_REFUSALS_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * Who was refused lately, and how often: a table of a fixed size that all
 * workers write without a lock.  An entry is one word: a part of the key,
 * when the refusal is due, and the level.  An address is looked for in the
 * few entries of its set; a new one takes the place of the oldest there.  So
 * a flood of addresses makes others forgotten, which costs them nothing but
 * their delay.
 */

#define NGX_MESSAGING_REFUSALS_SETS  1024
#define NGX_MESSAGING_REFUSALS_WAYS  8

/* how long after a refusal another one goes one level up, in ms */
#define NGX_MESSAGING_REFUSALS_MEMORY  10000


typedef struct {
    ngx_atomic_t             ways[NGX_MESSAGING_REFUSALS_WAYS];
} ngx_messaging_refusal_set_t;


typedef struct {
    ngx_messaging_refusal_set_t  sets[NGX_MESSAGING_REFUSALS_SETS];
} ngx_messaging_refusals_t;


/*
 * Notes a refusal at "now", which is the clock of ngx_current_msec, and
 * returns how many ms it has to wait: 0, 1000, 2000, 4000, then 8000.
 */

ngx_msec_t ngx_messaging_refusals_add(ngx_messaging_refusals_t *t,
    uint64_t key, ngx_msec_t now);


#endif /* _NGX_MESSAGING_REFUSALS_H_INCLUDED_ */
