
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_revoked_redis.h"


#define NGX_MESSAGING_REVOKED_HOUR    3600
#define NGX_MESSAGING_REVOKED_PAGE    65536
#define NGX_MESSAGING_REVOKED_RETRY   1000          /* ms */
#define NGX_MESSAGING_REVOKED_REPEAT  2000          /* ms */


typedef struct {
    ngx_messaging_revoked_redis_t  *rr;
    ngx_messaging_revoked_pt        handler;
    void                           *data;
} ngx_messaging_revoked_store_t;


static void ngx_messaging_revoked_redis_timer(ngx_event_t *ev);
static void ngx_messaging_revoked_redis_begin(
    ngx_messaging_revoked_redis_t *rr);
static void ngx_messaging_revoked_redis_next(
    ngx_messaging_revoked_redis_t *rr);
static void ngx_messaging_revoked_redis_later(
    ngx_messaging_revoked_redis_t *rr);
static void ngx_messaging_revoked_redis_page(void *data,
    ngx_messaging_resp_reply_t *reply);
static ngx_uint_t ngx_messaging_revoked_redis_busy(ngx_str_t *why);
static size_t ngx_messaging_revoked_redis_lines(
    ngx_messaging_revoked_redis_t *rr, ngx_str_t *text);
static void ngx_messaging_revoked_redis_done(
    ngx_messaging_revoked_redis_t *rr);
static u_char *ngx_messaging_revoked_redis_key(
    ngx_messaging_revoked_redis_t *rr, u_char *p, time_t hour);
static void ngx_messaging_revoked_redis_stored(void *data,
    ngx_messaging_resp_reply_t *reply);


void
ngx_messaging_revoked_redis_init(ngx_messaging_revoked_redis_t *rr)
{
    rr->dummy.fd = (ngx_socket_t) -1;
    rr->dummy.data = rr;

    rr->timer.handler = ngx_messaging_revoked_redis_timer;
    rr->timer.data = &rr->dummy;
    rr->timer.log = ngx_cycle->log;
    rr->timer.cancelable = 1;
}


void
ngx_messaging_revoked_redis_read(ngx_messaging_revoked_redis_t *rr)
{
    rr->repeat = 1;

    ngx_messaging_revoked_redis_begin(rr);
}


void
ngx_messaging_revoked_redis_close(ngx_messaging_revoked_redis_t *rr)
{
    if (rr->timer.timer_set) {
        ngx_del_timer(&rr->timer);
    }
}


static void
ngx_messaging_revoked_redis_timer(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_messaging_revoked_redis_t  *rr;

    c = ev->data;
    rr = c->data;

    if (ngx_messaging_redis_ready(rr->redis)) {
        ngx_messaging_revoked_redis_begin(rr);
    }
}


static void
ngx_messaging_revoked_redis_begin(ngx_messaging_revoked_redis_t *rr)
{
    if (rr->reading) {
        rr->again = 1;
        return;
    }

    rr->hour = (ngx_time() - rr->time) / NGX_MESSAGING_REVOKED_HOUR;
    rr->offset = 0;

    ngx_messaging_revoked_redis_next(rr);
}


static void
ngx_messaging_revoked_redis_next(ngx_messaging_revoked_redis_t *rr)
{
    u_char     *p;
    ngx_str_t   argv[4];
    u_char      key[256 + sizeof("@revoked:") + NGX_TIME_T_LEN];
    u_char      from[NGX_SIZE_T_LEN];
    u_char      to[NGX_SIZE_T_LEN];

    ngx_str_set(&argv[0], "GETRANGE");

    argv[1].data = key;
    argv[1].len = ngx_messaging_revoked_redis_key(rr, key, rr->hour) - key;

    p = ngx_sprintf(from, "%uz", rr->offset);
    argv[2].data = from;
    argv[2].len = p - from;

    p = ngx_sprintf(to, "%uz", rr->offset + NGX_MESSAGING_REVOKED_PAGE - 1);
    argv[3].data = to;
    argv[3].len = p - to;

    rr->reading = (ngx_messaging_redis_command(rr->redis, 4, argv,
                                              ngx_messaging_revoked_redis_page,
                                              rr)
                   == NGX_OK);

    if (!rr->reading) {
        ngx_messaging_revoked_redis_later(rr);
    }
}


/* too many commands are waiting, or Redis is loading its data */

static void
ngx_messaging_revoked_redis_later(ngx_messaging_revoked_redis_t *rr)
{
    if (ngx_messaging_redis_ready(rr->redis)) {
        ngx_add_timer(&rr->timer, NGX_MESSAGING_REVOKED_RETRY);
    }
}


static void
ngx_messaging_revoked_redis_page(void *data, ngx_messaging_resp_reply_t *reply)
{
    ngx_messaging_revoked_redis_t *rr = data;

    size_t  n;

    rr->reading = 0;

    if (reply == NULL) {
        /* who is ready again reads again */
        rr->again = 0;
        return;
    }

    if (rr->again) {
        rr->again = 0;
        ngx_messaging_revoked_redis_begin(rr);
        return;
    }

    if (reply->type != REDIS_REPLY_STRING) {

        if (reply->type == REDIS_REPLY_ERROR
            && ngx_messaging_revoked_redis_busy(&reply->str))
        {
            ngx_messaging_revoked_redis_later(rr);
            return;
        }

        if (!rr->warned) {
            rr->warned = 1;

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "messaging redis does not tell which tokens were "
                          "revoked: \"%V\"", &reply->str);
        }

        ngx_messaging_revoked_redis_done(rr);
        return;
    }

    n = ngx_messaging_revoked_redis_lines(rr, &reply->str);

    if (reply->str.len < NGX_MESSAGING_REVOKED_PAGE) {
        rr->hour++;
        rr->offset = 0;

    } else {
        /* no line is as long as a page: without an end it is none */
        rr->offset += n ? n : reply->str.len;
    }

    if (rr->hour <= ngx_time() / NGX_MESSAGING_REVOKED_HOUR) {
        ngx_messaging_revoked_redis_next(rr);
        return;
    }

    rr->warned = 0;

    ngx_messaging_revoked_redis_done(rr);
}


static ngx_uint_t
ngx_messaging_revoked_redis_busy(ngx_str_t *why)
{
    return (why->len >= 8 && ngx_strncmp(why->data, "LOADING ", 8) == 0)
           || (why->len >= 5 && ngx_strncmp(why->data, "BUSY ", 5) == 0);
}


/* how much of the page was lines; what is none is left out */

static size_t
ngx_messaging_revoked_redis_lines(ngx_messaging_revoked_redis_t *rr,
    ngx_str_t *text)
{
    u_char                      *p, *end, *last;
    ngx_messaging_revocation_t   rv;

    p = text->data;
    last = p + text->len;

    while (p < last) {
        end = ngx_strlchr(p, last, '\n');

        if (end == NULL) {
            break;
        }

        if (ngx_messaging_revoked_parse(&rv, p, end) == NGX_OK
            && rv.expires > ngx_time())
        {
            (void) ngx_messaging_revoked_add(rr->shm, rr->slot, &rv);
        }

        p = end + 1;
    }

    return p - text->data;
}


static void
ngx_messaging_revoked_redis_done(ngx_messaging_revoked_redis_t *rr)
{
    rr->read = 1;

    if (rr->repeat) {
        rr->repeat = 0;
        ngx_add_timer(&rr->timer, NGX_MESSAGING_REVOKED_REPEAT);
    }

    rr->handler(rr->data);
}


static u_char *
ngx_messaging_revoked_redis_key(ngx_messaging_revoked_redis_t *rr, u_char *p,
    time_t hour)
{
    return ngx_snprintf(p, 256 + sizeof("@revoked:") + NGX_TIME_T_LEN,
                        "%V@revoked:%T", &rr->prefix, hour);
}


ngx_int_t
ngx_messaging_revoked_redis_store(ngx_messaging_revoked_redis_t *rr,
    ngx_messaging_revocation_t *rv, ngx_messaging_revoked_pt handler,
    void *data)
{
    u_char                         *p;
    ngx_int_t                       rc;
    ngx_str_t                       argv[3];
    ngx_messaging_revoked_store_t  *st;
    u_char                          key[256 + sizeof("@revoked:")
                                        + NGX_TIME_T_LEN];
    u_char                          time[NGX_TIME_T_LEN];
    u_char                          line[NGX_MESSAGING_REVOKED_LINE];

    st = ngx_alloc(sizeof(ngx_messaging_revoked_store_t), ngx_cycle->log);
    if (st == NULL) {
        return NGX_ERROR;
    }

    st->rr = rr;
    st->handler = handler;
    st->data = data;

    ngx_str_set(&argv[0], "APPEND");

    p = ngx_messaging_revoked_redis_key(rr, key,
                                      ngx_time() / NGX_MESSAGING_REVOKED_HOUR);
    argv[1].data = key;
    argv[1].len = p - key;

    p = ngx_messaging_revoked_line(line, rv);
    argv[2].data = line;
    argv[2].len = p - line;

    rc = ngx_messaging_redis_command(rr->redis, 3, argv,
                                     ngx_messaging_revoked_redis_stored, st);
    if (rc != NGX_OK) {
        ngx_free(st);
        return rc;
    }

    ngx_str_set(&argv[0], "EXPIRE");

    p = ngx_sprintf(time, "%T", rr->time + NGX_MESSAGING_REVOKED_HOUR);
    argv[2].data = time;
    argv[2].len = p - time;

    /* if there is no room for this the next one will do it */

    (void) ngx_messaging_redis_command(rr->redis, 3, argv, NULL, NULL);

    return NGX_OK;
}


static void
ngx_messaging_revoked_redis_stored(void *data,
    ngx_messaging_resp_reply_t *reply)
{
    ngx_messaging_revoked_store_t *st = data;

    ngx_int_t  rc;
    ngx_str_t  why;

    rc = (reply && reply->type == REDIS_REPLY_INTEGER) ? NGX_OK : NGX_ERROR;

    if (rc != NGX_OK) {
        ngx_messaging_stat_add(st->rr->slot,
                               NGX_MESSAGING_STAT_CONTROL_NOT_STORED, 1);

        ngx_str_set(&why, "connection lost");

        if (reply) {
            why = reply->str;
        }

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "messaging redis did not store a revocation: \"%V\"",
                      &why);
    }

    if (st->handler) {
        st->handler(st->data, rc);
    }

    ngx_free(st);
}
