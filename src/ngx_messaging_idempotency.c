
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_idempotency.h"


static ngx_messaging_idempotency_entry_t *ngx_messaging_idempotency_find(
    ngx_messaging_idempotency_t *t, uint64_t key);
static void ngx_messaging_idempotency_unlink(ngx_messaging_idempotency_t *t,
    ngx_messaging_idempotency_entry_t *e);


size_t
ngx_messaging_idempotency_size(ngx_uint_t n)
{
    return sizeof(ngx_messaging_idempotency_t)
           + n * (sizeof(ngx_messaging_idempotency_entry_t)
                  + sizeof(uint32_t));
}


void
ngx_messaging_idempotency_init(ngx_messaging_idempotency_t *t, ngx_uint_t n)
{
    t->mask = n - 1;
    t->chains = (uint32_t *) &t->entries[n];
}


static ngx_messaging_idempotency_entry_t *
ngx_messaging_idempotency_find(ngx_messaging_idempotency_t *t, uint64_t key)
{
    uint32_t                            i;
    ngx_uint_t                          n;
    ngx_messaging_idempotency_entry_t  *e;

    i = t->chains[key & t->mask];

    /* a process that was killed may have left a chain that is a circle */

    for (n = 0; i && n <= t->mask; n++) {
        e = &t->entries[(i - 1) & t->mask];

        if (e->key == key) {
            return e;
        }

        i = e->next;
    }

    return NULL;
}


static void
ngx_messaging_idempotency_unlink(ngx_messaging_idempotency_t *t,
    ngx_messaging_idempotency_entry_t *e)
{
    uint32_t    *link, i;
    ngx_uint_t   n;

    i = (uint32_t) (e - t->entries) + 1;
    link = &t->chains[e->key & t->mask];

    for (n = 0; *link && n <= t->mask; n++) {

        if (*link == i) {
            *link = e->next;
            break;
        }

        link = &t->entries[(*link - 1) & t->mask].next;
    }

    e->key = 0;
}


ngx_int_t
ngx_messaging_idempotency_claim(ngx_messaging_idempotency_t *t, uint64_t key,
    uint64_t body, ngx_msec_t now, ngx_msec_t expires, uint64_t *id)
{
    uint32_t                           *chain;
    ngx_int_t                           rc;
    ngx_messaging_idempotency_entry_t  *e;

    e = ngx_messaging_idempotency_find(t, key);

    if (e) {

        if ((ngx_msec_int_t) (e->expires - now) > 0) {

            if (e->body != body) {
                return NGX_DECLINED;
            }

            *id = e->id;

            return e->id ? NGX_DONE : NGX_AGAIN;
        }

        ngx_messaging_idempotency_unlink(t, e);
    }

    rc = NGX_OK;
    e = &t->entries[t->next];
    chain = &t->chains[key & t->mask];

    if (e->key) {

        if ((ngx_msec_int_t) (e->expires - now) > 0) {
            rc = NGX_BUSY;
        }

        ngx_messaging_idempotency_unlink(t, e);
    }

    e->key = key;
    e->body = body;
    e->id = 0;
    e->expires = expires;
    e->next = *chain;

    *chain = (uint32_t) t->next + 1;

    t->next = (t->next + 1) & t->mask;

    return rc;
}


void
ngx_messaging_idempotency_settle(ngx_messaging_idempotency_t *t, uint64_t key,
    uint64_t body, uint64_t id, ngx_msec_t expires)
{
    ngx_messaging_idempotency_entry_t  *e;

    e = ngx_messaging_idempotency_find(t, key);

    /* it may have had to go, or be another one's by now */

    if (e == NULL || e->body != body || e->id) {
        return;
    }

    if (id == 0) {
        ngx_messaging_idempotency_unlink(t, e);
        return;
    }

    e->id = id;
    e->expires = expires;
}
