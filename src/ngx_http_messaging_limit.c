
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_limit.h"
#include "ngx_messaging_bucket.h"


/*
 * An episode begins with the first frame that is refused and ends when the
 * bucket is full again, which is looked at with the next frame.  It is logged
 * once; what was refused within it is counted, to end it for a client that
 * does not listen.
 */


void
ngx_http_messaging_limit_init(ngx_http_messaging_session_t *s)
{
    ngx_messaging_bucket_init(&s->rate, s->conf->rate.rate, ngx_current_msec);
    ngx_messaging_bucket_init(&s->typing_rate, s->conf->typing_rate.rate,
                              ngx_current_msec);
}


ngx_int_t
ngx_http_messaging_limit_frame(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_rate_t  *r;

    r = &s->conf->rate;

    if (r->rate == 0) {
        return NGX_OK;
    }

    if (s->refused
        && ngx_messaging_bucket_is_full(&s->rate, r->rate, r->burst,
                                        ngx_current_msec))
    {
        s->refused = 0;
    }

    if (ngx_messaging_bucket_take(&s->rate, r->rate, r->burst,
                                  ngx_current_msec)
        == NGX_OK)
    {
        return NGX_OK;
    }

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_LIMIT_RATE, 1);

    if (s->refused++ == 0) {
        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging client is over its rate, "
                      "its frames are refused");
    }

    if (s->refused < r->burst) {
        return NGX_BUSY;
    }

    ngx_messaging_stat_add(s->worker->slot,
                           NGX_MESSAGING_STAT_LIMIT_RATE_CLOSED, 1);

    ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_POLICY,
                                     "rate limit exceeded");
    return NGX_DONE;
}


void
ngx_http_messaging_limit_give(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_rate_t  *r;

    r = &s->conf->rate;

    if (r->rate) {
        ngx_messaging_bucket_give(&s->rate, r->rate, r->burst,
                                  ngx_current_msec);
    }
}


ngx_msec_t
ngx_http_messaging_limit_wait(ngx_http_messaging_session_t *s)
{
    ngx_msec_t                  wait;
    ngx_http_messaging_rate_t  *r;

    r = &s->conf->rate;

    wait = r->rate ? ngx_messaging_bucket_wait(&s->rate, r->rate, r->burst,
                                               ngx_current_msec)
                   : 0;

    return ngx_max(wait, 1);
}


ngx_int_t
ngx_http_messaging_limit_typing(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_rate_t  *r;

    r = &s->conf->typing_rate;

    if (r->rate == 0) {
        return NGX_OK;
    }

    if (s->typing_limited
        && ngx_messaging_bucket_is_full(&s->typing_rate, r->rate, r->burst,
                                        ngx_current_msec))
    {
        s->typing_limited = 0;
    }

    return ngx_messaging_bucket_take(&s->typing_rate, r->rate, r->burst,
                                     ngx_current_msec);
}


ngx_int_t
ngx_http_messaging_limit_typing_refuse(ngx_http_messaging_session_t *s)
{
    ngx_messaging_stat_add(s->worker->slot,
                           NGX_MESSAGING_STAT_LIMIT_TYPING_RATE, 1);

    if (s->typing_limited) {
        return NGX_DECLINED;
    }

    s->typing_limited = 1;

    ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                  "messaging client is over its typing rate, "
                  "its typing is left out");

    return NGX_OK;
}


ngx_msec_t
ngx_http_messaging_limit_typing_wait(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_rate_t  *r;

    r = &s->conf->typing_rate;

    return r->rate ? ngx_messaging_bucket_wait(&s->typing_rate, r->rate,
                                               r->burst, ngx_current_msec)
                   : 0;
}


/* nothing that is sent in so many pieces is a chat message */

void
ngx_http_messaging_limit_fragments(ngx_http_messaging_session_t *s)
{
    ngx_messaging_stat_add(s->worker->slot,
                           NGX_MESSAGING_STAT_LIMIT_FRAGMENTS, 1);

    ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_POLICY,
                                     "too many fragments");
}
