
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_ask.h"
#include "ngx_http_messaging_auth.h"
#include "ngx_http_messaging_session.h"
#include "ngx_http_messaging_store.h"
#include "ngx_messaging_envelope.h"
#include "ngx_messaging_revoked.h"


static ngx_int_t ngx_http_messaging_auth_header(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_http_messaging_auth_cookie(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *token);
static ngx_int_t ngx_http_messaging_auth_claims(
    ngx_http_messaging_session_t *s, ngx_str_t *token,
    ngx_messaging_jwt_claims_t *claims);
static ngx_uint_t ngx_http_messaging_auth_revoked(
    ngx_http_messaging_session_t *s, ngx_messaging_jwt_claims_t *claims);
static uint64_t ngx_http_messaging_auth_jti(ngx_http_messaging_session_t *s,
    ngx_messaging_jwt_claims_t *claims);
static void ngx_http_messaging_auth_take(ngx_http_messaging_session_t *s,
    ngx_messaging_jwt_claims_t *claims);
static ngx_int_t ngx_http_messaging_auth_json(ngx_pool_t *pool,
    json_t *value, ngx_str_t *text);
static ngx_int_t ngx_http_messaging_auth_user(ngx_pool_t *pool, json_t *user,
    ngx_str_t *text);
static void ngx_http_messaging_auth_text_of(json_t *user, ngx_str_t *text,
    u_char *buf);
static ngx_int_t ngx_http_messaging_auth_same(ngx_http_messaging_session_t *s,
    ngx_str_t *user);


ngx_uint_t
ngx_http_messaging_auth_find(ngx_http_request_t *r,
    ngx_http_messaging_loc_conf_t *conf, ngx_str_t *bearer, ngx_str_t *token)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i;
    ngx_http_messaging_source_t  *source;

    source = conf->sources->elts;

    for (i = 0; i < conf->sources->nelts; i++) {

        switch (source[i].from) {

        case NGX_HTTP_MESSAGING_FROM_HEADER:
            rc = ngx_http_messaging_auth_header(r, token);
            break;

        case NGX_HTTP_MESSAGING_FROM_QUERY:
            rc = ngx_http_arg(r, source[i].name.data, source[i].name.len,
                              token);
            break;

        case NGX_HTTP_MESSAGING_FROM_COOKIE:
            rc = ngx_http_messaging_auth_cookie(r, &source[i].name, token);
            break;

        default: /* NGX_HTTP_MESSAGING_FROM_SUBPROTOCOL */
            *token = *bearer;
            rc = bearer->len ? NGX_OK : NGX_DECLINED;
            break;
        }

        if (rc == NGX_OK) {
            return source[i].from;
        }
    }

    return 0;
}


/* RFC 6750, section 2.1 */

static ngx_int_t
ngx_http_messaging_auth_header(ngx_http_request_t *r, ngx_str_t *token)
{
    u_char     *p, *last;
    ngx_str_t  *value;

    if (r->headers_in.authorization == NULL) {
        return NGX_DECLINED;
    }

    value = &r->headers_in.authorization->value;

    if (value->len < sizeof("Bearer ") - 1
        || ngx_strncasecmp(value->data, (u_char *) "Bearer ",
                           sizeof("Bearer ") - 1)
           != 0)
    {
        return NGX_DECLINED;
    }

    p = value->data + sizeof("Bearer ") - 1;
    last = value->data + value->len;

    while (p < last && *p == ' ') {
        p++;
    }

    token->data = p;
    token->len = last - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_auth_cookie(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *token)
{
#if (NGX_MESSAGING_COOKIE_LINES)

    if (ngx_http_parse_cookie_lines(r, r->headers_in.cookie, name, token)
        == NULL)
    {
        return NGX_DECLINED;
    }

#elif (NGX_MESSAGING_HEADER_LIST)

    if (ngx_http_parse_multi_header_lines(r, r->headers_in.cookie, name, token)
        == NULL)
    {
        return NGX_DECLINED;
    }

#else

    if (ngx_http_parse_multi_header_lines(&r->headers_in.cookies, name, token)
        == NGX_DECLINED)
    {
        return NGX_DECLINED;
    }

#endif

    return NGX_OK;
}


static ngx_int_t
ngx_http_messaging_auth_claims(ngx_http_messaging_session_t *s,
    ngx_str_t *token, ngx_messaging_jwt_claims_t *claims)
{
    ngx_int_t                       rc;
    ngx_http_messaging_loc_conf_t  *conf;
    ngx_messaging_jwt_policy_t      policy;

    conf = s->conf;

    policy.user_claim = conf->user_claim;
    policy.name_claim = conf->name_claim;
    policy.require = conf->require ? conf->require->elts : NULL;
    policy.nrequire = conf->require ? conf->require->nelts : 0;
    policy.leeway = conf->leeway;
    policy.keys = conf->keys;
    policy.jwks = conf->jwks ? conf->jwks->keys : NULL;

    rc = ngx_messaging_jwt_verify(&policy, token,
                                  ngx_http_messaging_session_now(), claims);

    if (rc == NGX_OK && ngx_http_messaging_auth_revoked(s, claims)) {
        ngx_messaging_jwt_free(claims);
        return NGX_MESSAGING_JWT_REVOKED;
    }

    return rc;
}


static ngx_uint_t
ngx_http_messaging_auth_revoked(ngx_http_messaging_session_t *s,
    ngx_messaging_jwt_claims_t *claims)
{
    u_char      buf[NGX_INT64_LEN];
    u_char      escaped[3 * NGX_MESSAGING_JWT_MAX_USER];
    ngx_str_t   text, user;

    ngx_http_messaging_auth_text_of(claims->user, &text, buf);

    user.data = escaped;
    user.len = ngx_messaging_escape(escaped, text.data, text.len) - escaped;

    return ngx_messaging_revoked(s->worker->conf->shm, &user,
                                 ngx_http_messaging_auth_jti(s, claims),
                                 claims->issued);
}


/* 0: none that could be revoked */

static uint64_t
ngx_http_messaging_auth_jti(ngx_http_messaging_session_t *s,
    ngx_messaging_jwt_claims_t *claims)
{
    json_t     *value;
    ngx_str_t   jti;

    value = json_object_get(claims->payload, "jti");

    jti.data = (u_char *) json_string_value(value);
    jti.len = json_string_length(value);

    return ngx_messaging_revoked_key(s->worker->conf->shm, &jti);
}


static void
ngx_http_messaging_auth_take(ngx_http_messaging_session_t *s,
    ngx_messaging_jwt_claims_t *claims)
{
    s->expires = claims->expires;
    s->issued = claims->issued;
    s->jti_key = ngx_http_messaging_auth_jti(s, claims);

    if (s->conf->access != NGX_HTTP_MESSAGING_ACCESS_CLAIM) {
        return;
    }

    if (s->access) {
        json_decref(s->access);
    }

    /* only the claim is kept, not the token it stood in */

    s->access = json_incref(json_object_get(claims->payload,
                                     (char *) s->conf->access_claim.data));
}


ngx_int_t
ngx_http_messaging_auth_verify(ngx_http_messaging_session_t *s,
    ngx_str_t *token)
{
    ngx_int_t                   rc;
    ngx_pool_t                 *pool;
    ngx_messaging_jwt_claims_t  claims;

    rc = ngx_http_messaging_auth_claims(s, token, &claims);

    if (rc != NGX_OK) {
        return rc;
    }

    pool = s->request->pool;

    if (ngx_http_messaging_auth_user(pool, claims.user, &s->user) != NGX_OK
        || ngx_http_messaging_auth_json(pool, claims.user, &s->user_json)
           != NGX_OK
        || (claims.name
            && ngx_http_messaging_auth_json(pool, claims.name, &s->name_json)
               != NGX_OK))
    {
        rc = NGX_MESSAGING_JWT_INTERNAL;

    } else if (ngx_http_messaging_store_token(s, token, claims.payload)
               != NGX_OK)
    {
        rc = NGX_MESSAGING_JWT_INTERNAL;

    } else {
        ngx_http_messaging_auth_take(s, &claims);
    }

    ngx_messaging_jwt_free(&claims);

    return rc;
}


ngx_int_t
ngx_http_messaging_auth_renew(ngx_http_messaging_session_t *s,
    ngx_str_t *token)
{
    ngx_int_t                   rc;
    ngx_str_t                   user;
    ngx_messaging_jwt_claims_t  claims;
    u_char                      buf[NGX_INT64_LEN];

    rc = ngx_http_messaging_auth_claims(s, token, &claims);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging token of \"auth\" refused: %s",
                      ngx_messaging_jwt_reason(rc));
        return rc;
    }

    /* as text: a backend may come to write its ids as strings */

    ngx_http_messaging_auth_text_of(claims.user, &user, buf);

    if (ngx_http_messaging_auth_same(s, &user) != NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging token of \"auth\" is another user's");
        rc = NGX_MESSAGING_JWT_USER;

    } else if (ngx_http_messaging_store_token(s, token, claims.payload)
               != NGX_OK)
    {
        rc = NGX_MESSAGING_JWT_INTERNAL;

    } else if (s->conf->access == NGX_HTTP_MESSAGING_ACCESS_REQUEST
               && ngx_http_messaging_ask_token(s, token) != NGX_OK)
    {
        rc = NGX_MESSAGING_JWT_INTERNAL;

    } else {
        ngx_http_messaging_auth_take(s, &claims);
    }

    ngx_messaging_jwt_free(&claims);

    return rc;
}


ngx_int_t
ngx_http_messaging_auth_name(ngx_http_messaging_session_t *s, json_t *name)
{
    return ngx_http_messaging_auth_json(s->request->pool, name, &s->name_json);
}


static ngx_int_t
ngx_http_messaging_auth_same(ngx_http_messaging_session_t *s, ngx_str_t *user)
{
    size_t  len;
    u_char  escaped[3 * NGX_MESSAGING_JWT_MAX_USER];

    /* no more than NGX_MESSAGING_JWT_MAX_USER bytes, or it were no user */

    len = ngx_messaging_escape(escaped, user->data, user->len) - escaped;

    return len == s->user.len
           && ngx_memcmp(escaped, s->user.data, len) == 0 ? NGX_OK
                                                         : NGX_DECLINED;
}


static ngx_int_t
ngx_http_messaging_auth_json(ngx_pool_t *pool, json_t *value, ngx_str_t *text)
{
    size_t  len;

    /* the size first, then the text */

    len = json_dumpb(value, NULL, 0, JSON_COMPACT|JSON_ENCODE_ANY);

    text->data = ngx_pnalloc(pool, len);

    if (len == 0 || text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = json_dumpb(value, (char *) text->data, len,
                           JSON_COMPACT|JSON_ENCODE_ANY);

    return text->len == len ? NGX_OK : NGX_ERROR;
}


/* as text, percent-encoded: the form in channel names, headers and logs */

static ngx_int_t
ngx_http_messaging_auth_user(ngx_pool_t *pool, json_t *user, ngx_str_t *text)
{
    u_char     buf[NGX_INT64_LEN];
    ngx_str_t  plain;

    ngx_http_messaging_auth_text_of(user, &plain, buf);

    text->len = (size_t) (uintptr_t) ngx_messaging_escape(NULL, plain.data,
                                                          plain.len);

    text->data = ngx_pnalloc(pool, text->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_messaging_escape(text->data, plain.data, plain.len);

    return NGX_OK;
}


/* "buf" has room for NGX_INT64_LEN bytes */

static void
ngx_http_messaging_auth_text_of(json_t *user, ngx_str_t *text, u_char *buf)
{
    if (json_is_integer(user)) {
        text->data = buf;
        text->len = ngx_sprintf(buf, "%L", (int64_t) json_integer_value(user))
                    - buf;

    } else {
        text->data = (u_char *) json_string_value(user);
        text->len = json_string_length(user);
    }
}


const char *
ngx_http_messaging_auth_text(ngx_int_t reason)
{
    /* what is wrong in detail is for the log, not for who forged it */

    switch (reason) {

    case NGX_MESSAGING_JWT_MISSING:
        return "token missing";

    case NGX_MESSAGING_JWT_EXPIRED:
        return "token expired";

    case NGX_MESSAGING_JWT_REVOKED:
        return "token revoked";

    default:
        return "token invalid";
    }
}
