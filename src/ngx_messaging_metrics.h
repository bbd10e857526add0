
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_METRICS_H_INCLUDED_
#define _NGX_MESSAGING_METRICS_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_shm.h"


/*
 * The counters of all workers at one moment, to be written as often as
 * wanted: the length that is asked for first is that of what is written then.
 */

typedef struct {
    ngx_uint_t    workers;
    ngx_uint_t    redis;       /* 0: workers relay without it */
    uint64_t      stats[NGX_MESSAGING_STAT_LAST];
} ngx_messaging_metrics_t;


/*
 * ngx_messaging_metrics_read() adds the counters up; "own" as in
 * ngx_messaging_shm_sum().  "redis" is the caller's to set.
 *
 * ngx_messaging_metrics_json() and ngx_messaging_metrics_prometheus() return
 * the length of the text; unless p is NULL they write it there.  The second
 * is Prometheus' text format 0.0.4.
 */

void ngx_messaging_metrics_read(ngx_messaging_metrics_t *m,
    ngx_messaging_shm_t *shm, ngx_messaging_slot_t *own);
size_t ngx_messaging_metrics_json(u_char *p, ngx_messaging_metrics_t *m);
size_t ngx_messaging_metrics_prometheus(u_char *p,
    ngx_messaging_metrics_t *m);


#endif /* _NGX_MESSAGING_METRICS_H_INCLUDED_ */
