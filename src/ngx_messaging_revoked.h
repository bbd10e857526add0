
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_REVOKED_H_INCLUDED_
#define _NGX_MESSAGING_REVOKED_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_control.h"
#include "ngx_messaging_shm.h"


/*
 * Revoked tokens, in the zone: those of a user, or one with a certain "jti",
 * that were issued before a time.  The zone's mutex is held while an entry is
 * written, and not to read one.
 */

#define NGX_MESSAGING_REVOKED_USER  'u'
#define NGX_MESSAGING_REVOKED_JTI   'j'


typedef struct {
    ngx_uint_t     kind;
    ngx_str_t      text;              /* percent-encoded */
    int64_t        before;            /* ms since the epoch */
    time_t         expires;
} ngx_messaging_revocation_t;


/* a line of text: "u 1763625600000 1763712000 42" */

#define NGX_MESSAGING_REVOKED_LINE                                            \
    (sizeof("u  \n") + 2 * NGX_INT64_LEN + 3 * NGX_MESSAGING_CONTROL_MAX_JTI)


/*
 * ngx_messaging_revoked_of() is the revocation that a control action asks
 * for, to be remembered for "time" seconds.
 *
 * ngx_messaging_revoked_add() notes one: NGX_OK, or NGX_DECLINED if it is
 * known.  One that is lost for it is counted in "slot", and logged.
 *
 * ngx_messaging_revoked_key() is what a token with this "jti" has instead of
 * it, 0 if that is empty or longer than what can be revoked.
 * ngx_messaging_revoked() tells whether a token is void; "user" is
 * percent-encoded, "issued" in ms, 0 if that is not known.
 *
 * ngx_messaging_revoked_line() writes a line and returns its end, "p" has
 * room for NGX_MESSAGING_REVOKED_LINE bytes.  ngx_messaging_revoked_parse()
 * reads one, without its '\n', or returns NGX_ERROR.
 */

void ngx_messaging_revoked_of(ngx_messaging_revocation_t *rv,
    ngx_messaging_control_t *ctl, time_t time);
ngx_int_t ngx_messaging_revoked_add(ngx_messaging_shm_t *shm,
    ngx_messaging_slot_t *slot, ngx_messaging_revocation_t *rv);
uint64_t ngx_messaging_revoked_key(ngx_messaging_shm_t *shm, ngx_str_t *jti);
ngx_uint_t ngx_messaging_revoked(ngx_messaging_shm_t *shm, ngx_str_t *user,
    uint64_t jti, int64_t issued);
u_char *ngx_messaging_revoked_line(u_char *p, ngx_messaging_revocation_t *rv);
ngx_int_t ngx_messaging_revoked_parse(ngx_messaging_revocation_t *rv,
    u_char *p, u_char *last);


#endif /* _NGX_MESSAGING_REVOKED_H_INCLUDED_ */
