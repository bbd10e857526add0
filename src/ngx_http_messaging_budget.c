
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"
#include "ngx_http_messaging_worker.h"


/*
 * messaging_max_queued: when the memory of a worker for messages that wait is
 * over its limit, the connections that have the most of it give up theirs,
 * until a tenth of the limit is free.  Who has nothing waiting stays.
 *
 * A frame that has begun cannot be given up without its connection.  Where it
 * is most of what waits the connection is cut off: else nothing would become
 * free, and others would have to go in its place.
 */


/* what has been given up takes its time to leave, if it is no more than this */

#define NGX_HTTP_MESSAGING_BUDGET_REST  512


static size_t ngx_http_messaging_budget_weight(
    ngx_http_messaging_session_t *s);
static void ngx_http_messaging_budget_collect(
    ngx_http_messaging_session_t *s);


void
ngx_http_messaging_budget(ngx_event_t *ev)
{
    size_t                         max, target;
    ngx_queue_t                   *q;
    ngx_connection_t              *c;
    ngx_http_messaging_worker_t   *worker;
    ngx_http_messaging_session_t  *s;

    c = ev->data;
    worker = c->data;

    /* first what can leave leaves: a burst to clients that read is not meant */

    ngx_http_messaging_worker_flush(worker);

    if (ngx_messaging_memory_held() <= worker->conf->max_queued) {
        return;
    }

    target = worker->conf->max_queued - worker->conf->max_queued / 10;

    /* all above half of the largest, then above half of what is left: few
       walks, even if many have to go */

    while (ngx_messaging_memory_held() > target) {

        max = 0;

        for (q = ngx_queue_head(&worker->sessions);
             q != ngx_queue_sentinel(&worker->sessions);
             q = ngx_queue_next(q))
        {
            s = ngx_queue_data(q, ngx_http_messaging_session_t, queue);
            max = ngx_max(max, ngx_http_messaging_budget_weight(s));
        }

        if (max == 0) {
            return;
        }

        for (q = ngx_queue_head(&worker->sessions);
             q != ngx_queue_sentinel(&worker->sessions)
             && ngx_messaging_memory_held() > target;
             q = ngx_queue_next(q))
        {
            s = ngx_queue_data(q, ngx_http_messaging_session_t, queue);

            if (ngx_http_messaging_budget_weight(s) > max / 2) {
                ngx_http_messaging_budget_collect(s);
            }
        }
    }
}


static size_t
ngx_http_messaging_budget_weight(ngx_http_messaging_session_t *s)
{
    size_t  weight;

    if (!s->open || s->failed) {
        return 0;
    }

    weight = s->queued + (s->assembly ? s->assembly->size : 0);

    if (s->emptied && weight <= NGX_HTTP_MESSAGING_BUDGET_REST) {
        return 0;
    }

    return weight;
}


/* one that is closing goes on with it, but for nothing else that waits */

static void
ngx_http_messaging_budget_collect(ngx_http_messaging_session_t *s)
{
    size_t  weight;

    weight = ngx_http_messaging_budget_weight(s);

    if (!s->emptied) {
        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging memory is used up: %uz bytes of %uz wait, "
                      "%uz of them for this client",
                      ngx_messaging_memory_held(),
                      s->worker->conf->max_queued, weight);

        ngx_messaging_stat_add(s->worker->slot,
                               NGX_MESSAGING_STAT_LIMIT_QUEUED, 1);

        ngx_http_messaging_session_give_up(s, "out of memory");
        ngx_http_messaging_input_discard(s);

        if (ngx_http_messaging_budget_weight(s) <= weight / 2) {
            return;
        }
    }

    ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                  "messaging memory is used up, client is cut off in the "
                  "middle of a frame, %uz bytes wait", s->queued);

    ngx_http_messaging_output_free(s);

    s->failed = 1;
    ngx_http_messaging_session_post(s);
}
