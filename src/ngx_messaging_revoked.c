
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_revocations.h"
#include "ngx_messaging_revoked.h"


#define NGX_MESSAGING_REVOKED_LOG_INTERVAL  60000     /* ms */


static uint64_t ngx_messaging_revoked_text(ngx_messaging_shm_t *shm,
    ngx_uint_t kind, ngx_str_t *text);
static u_char *ngx_messaging_revoked_number(u_char *p, u_char *last,
    int64_t *n);


void
ngx_messaging_revoked_of(ngx_messaging_revocation_t *rv,
    ngx_messaging_control_t *ctl, time_t time)
{
    rv->kind = ctl->jti.len ? NGX_MESSAGING_REVOKED_JTI
                            : NGX_MESSAGING_REVOKED_USER;
    rv->text = ctl->jti.len ? ctl->jti : ctl->user;
    rv->before = ctl->issued_before;
    rv->expires = ngx_time() + time;
}


/* users and tokens are kept apart by the seeds */

static uint64_t
ngx_messaging_revoked_text(ngx_messaging_shm_t *shm, ngx_uint_t kind,
    ngx_str_t *text)
{
    return ngx_messaging_key_text(kind == NGX_MESSAGING_REVOKED_JTI
                                  ? shm->address_seed : shm->user_seed, text);
}


ngx_int_t
ngx_messaging_revoked_add(ngx_messaging_shm_t *shm, ngx_messaging_slot_t *slot,
    ngx_messaging_revocation_t *rv)
{
    uint64_t                      key;
    ngx_int_t                     rc;
    ngx_uint_t                    lost;
    ngx_messaging_revocations_t  *t;

    t = shm->revocations;
    key = ngx_messaging_revoked_text(shm, rv->kind, &rv->text);
    lost = 0;

    ngx_shmtx_lock(&shm->pool->mutex);

    rc = ngx_messaging_revocations_add(t, key, rv->before, rv->expires,
                                       ngx_time());

    if (rc == NGX_BUSY) {
        t->lost++;

        if (t->logged == 0
            || ngx_current_msec - t->logged
               >= NGX_MESSAGING_REVOKED_LOG_INTERVAL)
        {
            lost = t->lost;
            t->lost = 0;
            t->logged = ngx_current_msec;
        }
    }

    ngx_shmtx_unlock(&shm->pool->mutex);

    if (rc == NGX_BUSY) {
        ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_CONTROL_EVICTED, 1);
        rc = NGX_OK;
    }

    if (lost) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "messaging zone has no room for more revocations, "
                      "%ui of the oldest forgotten since the last such line: "
                      "tokens may be valid again", lost);
    }

    return rc;
}


uint64_t
ngx_messaging_revoked_key(ngx_messaging_shm_t *shm, ngx_str_t *jti)
{
    ngx_str_t  text;
    u_char     escaped[3 * NGX_MESSAGING_CONTROL_MAX_JTI];

    if (jti->len == 0 || jti->len > NGX_MESSAGING_CONTROL_MAX_JTI) {
        return 0;
    }

    text.data = escaped;
    text.len = ngx_messaging_escape(escaped, jti->data, jti->len) - escaped;

    return ngx_messaging_revoked_text(shm, NGX_MESSAGING_REVOKED_JTI, &text);
}


ngx_uint_t
ngx_messaging_revoked(ngx_messaging_shm_t *shm, ngx_str_t *user, uint64_t jti,
    int64_t issued)
{
    time_t                        now;
    uint64_t                      key;
    ngx_messaging_revocations_t  *t;

    t = shm->revocations;

    if (t->used == 0) {
        return 0;
    }

    now = ngx_time();
    key = ngx_messaging_revoked_text(shm, NGX_MESSAGING_REVOKED_USER, user);

    return issued < ngx_messaging_revocations_get(t, key, now)
           || (jti && issued < ngx_messaging_revocations_get(t, jti, now));
}


u_char *
ngx_messaging_revoked_line(u_char *p, ngx_messaging_revocation_t *rv)
{
    return ngx_sprintf(p, "%c %L %T %V\n", (int) rv->kind, rv->before,
                       rv->expires, &rv->text);
}


ngx_int_t
ngx_messaging_revoked_parse(ngx_messaging_revocation_t *rv, u_char *p,
    u_char *last)
{
    int64_t  expires;

    if (last - p < 2 || p[1] != ' '
        || (p[0] != NGX_MESSAGING_REVOKED_USER
            && p[0] != NGX_MESSAGING_REVOKED_JTI))
    {
        return NGX_ERROR;
    }

    rv->kind = p[0];
    expires = 0;

    p = ngx_messaging_revoked_number(p + 2, last, &rv->before);

    if (p) {
        p = ngx_messaging_revoked_number(p, last, &expires);
    }

    if (p == NULL || p == last
        || last - p > 3 * NGX_MESSAGING_CONTROL_MAX_JTI)
    {
        return NGX_ERROR;
    }

    rv->expires = (time_t) expires;
    rv->text.data = p;
    rv->text.len = last - p;

    return NGX_OK;
}


/* digits and a space, or NULL */

static u_char *
ngx_messaging_revoked_number(u_char *p, u_char *last, int64_t *n)
{
    u_char     *start;
    ngx_int_t   value;

    start = p;

    while (p < last && *p != ' ') {
        p++;
    }

    if (p == last) {
        return NULL;
    }

    value = ngx_atoi(start, p - start);

    if (value == NGX_ERROR) {
        return NULL;
    }

    *n = value;

    return p + 1;
}
