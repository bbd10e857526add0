
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_pipeline.h"


#define NGX_MESSAGING_PIPELINE_MIN_OUT    4096
#define NGX_MESSAGING_PIPELINE_KEEP_OUT   65536   /* when all is sent */

#define NGX_MESSAGING_PIPELINE_MIN_RING   64
#define NGX_MESSAGING_PIPELINE_KEEP_RING  1024    /* when all is answered */

/* "*" or "$", a length and CRLF */
#define NGX_MESSAGING_PIPELINE_LENGTH     (1 + NGX_SIZE_T_LEN + 2)


static u_char *ngx_messaging_pipeline_length(u_char *p, u_char type,
    size_t len);
static ngx_int_t ngx_messaging_pipeline_reserve(ngx_messaging_pipeline_t *pl,
    size_t len);
static ngx_int_t ngx_messaging_pipeline_reserve_pending(
    ngx_messaging_pipeline_t *pl);
static void ngx_messaging_pipeline_free_ring(ngx_messaging_pipeline_t *pl);


ngx_int_t
ngx_messaging_pipeline_command(ngx_messaging_pipeline_t *pl, ngx_uint_t argc,
    ngx_str_t *argv, ngx_messaging_pipeline_handler_pt handler, void *data,
    ngx_msec_t now)
{
    ngx_int_t                          rc;
    ngx_messaging_pipeline_pending_t  *p;

    if (pl->npending >= NGX_MESSAGING_PIPELINE_MAX_PENDING) {
        return NGX_BUSY;
    }

    if (ngx_messaging_pipeline_reserve_pending(pl) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_messaging_pipeline_send(pl, argc, argv);

    if (rc != NGX_OK) {
        return rc;
    }

    p = &pl->ring[(pl->head + pl->npending) & (pl->size - 1)];

    p->handler = handler;
    p->data = data;
    p->time = now;

    pl->npending++;

    return NGX_OK;
}


ngx_int_t
ngx_messaging_pipeline_send(ngx_messaging_pipeline_t *pl, ngx_uint_t argc,
    ngx_str_t *argv)
{
    size_t       size, len;
    u_char      *p;
    ngx_uint_t   i;

    /* the few bytes around each argument do not count */

    size = pl->last - pl->pos;
    len = NGX_MESSAGING_PIPELINE_LENGTH;

    for (i = 0; i < argc; i++) {

        if (size > NGX_MESSAGING_PIPELINE_MAX_OUT
            || argv[i].len > NGX_MESSAGING_PIPELINE_MAX_OUT - size)
        {
            return NGX_BUSY;
        }

        size += argv[i].len;
        len += NGX_MESSAGING_PIPELINE_LENGTH + argv[i].len + 2;
    }

    if (ngx_messaging_pipeline_reserve(pl, len) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_messaging_pipeline_length(pl->last, '*', argc);

    for (i = 0; i < argc; i++) {
        p = ngx_messaging_pipeline_length(p, '$', argv[i].len);

        if (argv[i].len) {
            p = ngx_cpymem(p, argv[i].data, argv[i].len);
        }

        *p++ = CR;
        *p++ = LF;
    }

    pl->last = p;

    return NGX_OK;
}


static u_char *
ngx_messaging_pipeline_length(u_char *p, u_char type, size_t len)
{
    u_char  *digit, digits[NGX_SIZE_T_LEN];

    digit = digits + sizeof(digits);

    do {
        *--digit = (u_char) ('0' + len % 10);
        len /= 10;
    } while (len);

    *p++ = type;
    p = ngx_cpymem(p, digit, digits + sizeof(digits) - digit);
    *p++ = CR;
    *p++ = LF;

    return p;
}


static ngx_int_t
ngx_messaging_pipeline_reserve(ngx_messaging_pipeline_t *pl, size_t len)
{
    size_t   used, size;
    u_char  *p;

    if (len <= (size_t) (pl->end - pl->last)) {
        return NGX_OK;
    }

    used = pl->last - pl->pos;
    size = pl->end - pl->start;

    if (used + len <= size / 2) {
        /* most of it has been sent */
        ngx_memmove(pl->start, pl->pos, used);

    } else {
        size = ngx_max(2 * size, used + len);
        size = ngx_max(size, NGX_MESSAGING_PIPELINE_MIN_OUT);

        p = ngx_alloc(size, pl->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (pl->start) {
            ngx_memcpy(p, pl->pos, used);
            ngx_free(pl->start);
        }

        pl->start = p;
        pl->end = p + size;
    }

    pl->pos = pl->start;
    pl->last = pl->start + used;

    return NGX_OK;
}


void
ngx_messaging_pipeline_sent(ngx_messaging_pipeline_t *pl, size_t n)
{
    pl->pos += n;

    if (pl->pos < pl->last) {
        return;
    }

    pl->pos = pl->start;
    pl->last = pl->start;

    if (pl->end - pl->start > NGX_MESSAGING_PIPELINE_KEEP_OUT) {
        ngx_messaging_pipeline_drop(pl);
    }
}


void
ngx_messaging_pipeline_drop(ngx_messaging_pipeline_t *pl)
{
    if (pl->start) {
        ngx_free(pl->start);
    }

    pl->start = NULL;
    pl->pos = NULL;
    pl->last = NULL;
    pl->end = NULL;
}


static ngx_int_t
ngx_messaging_pipeline_reserve_pending(ngx_messaging_pipeline_t *pl)
{
    ngx_uint_t                         i, size;
    ngx_messaging_pipeline_pending_t  *ring;

    if (pl->npending < pl->size) {
        return NGX_OK;
    }

    size = pl->size ? pl->size * 2 : NGX_MESSAGING_PIPELINE_MIN_RING;

    ring = ngx_alloc(size * sizeof(ngx_messaging_pipeline_pending_t),
                     pl->log);
    if (ring == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < pl->npending; i++) {
        ring[i] = pl->ring[(pl->head + i) & (pl->size - 1)];
    }

    ngx_messaging_pipeline_free_ring(pl);

    pl->ring = ring;
    pl->size = size;

    return NGX_OK;
}


static void
ngx_messaging_pipeline_free_ring(ngx_messaging_pipeline_t *pl)
{
    if (pl->ring) {
        ngx_free(pl->ring);
    }

    pl->ring = NULL;
    pl->size = 0;
    pl->head = 0;
}


ngx_msec_t
ngx_messaging_pipeline_time(ngx_messaging_pipeline_t *pl)
{
    return pl->ring[pl->head].time;
}


void
ngx_messaging_pipeline_answer(ngx_messaging_pipeline_t *pl,
    ngx_messaging_resp_reply_t *reply)
{
    ngx_messaging_pipeline_pending_t  p;

    p = pl->ring[pl->head];

    pl->head = (pl->head + 1) & (pl->size - 1);
    pl->npending--;

    if (pl->npending == 0 && pl->size > NGX_MESSAGING_PIPELINE_KEEP_RING) {
        ngx_messaging_pipeline_free_ring(pl);
    }

    if (p.handler) {
        p.handler(p.data, reply);
    }
}


void
ngx_messaging_pipeline_fail(ngx_messaging_pipeline_t *pl)
{
    ngx_messaging_pipeline_drop(pl);

    while (pl->npending) {
        ngx_messaging_pipeline_answer(pl, NULL);
    }

    ngx_messaging_pipeline_free_ring(pl);
}
