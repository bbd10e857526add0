
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_auth.h"
#include "ngx_messaging_envelope.h"


static ngx_int_t ngx_http_messaging_auth_header(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_http_messaging_auth_cookie(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *token);
static ngx_int_t ngx_http_messaging_auth_claims(
    ngx_http_messaging_session_t *s, ngx_str_t *token,
    ngx_messaging_jwt_claims_t *claims);
static void ngx_http_messaging_auth_take(ngx_http_messaging_session_t *s,
    ngx_messaging_jwt_claims_t *claims);
static ngx_int_t ngx_http_messaging_auth_json(ngx_pool_t *pool,
    json_t *value, ngx_str_t *text);
static ngx_int_t ngx_http_messaging_auth_user(ngx_pool_t *pool, json_t *user,
    ngx_str_t *text);


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
#if (NGX_MESSAGING_HEADER_LIST)

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

    return ngx_messaging_jwt_verify(&policy, token,
                                    ngx_http_messaging_session_now(), claims);
}


static void
ngx_http_messaging_auth_take(ngx_http_messaging_session_t *s,
    ngx_messaging_jwt_claims_t *claims)
{
    s->expires = claims->expires;

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
    char                       *json;
    ngx_int_t                   rc;
    ngx_messaging_jwt_claims_t  claims;

    rc = ngx_http_messaging_auth_claims(s, token, &claims);

    if (rc != NGX_OK) {
        return rc;
    }

    json = json_dumps(claims.user, JSON_COMPACT|JSON_ENCODE_ANY);

    if (json == NULL
        || ngx_strlen(json) != s->user_json.len
        || ngx_memcmp(json, s->user_json.data, s->user_json.len) != 0)
    {
        rc = NGX_MESSAGING_JWT_USER;

    } else {
        ngx_http_messaging_auth_take(s, &claims);
    }

    free(json);
    ngx_messaging_jwt_free(&claims);

    return rc;
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
    size_t   len;
    u_char  *p;
    u_char   number[NGX_INT64_LEN];

    if (json_is_integer(user)) {
        p = number;
        len = ngx_sprintf(number, "%L", (int64_t) json_integer_value(user))
              - number;

    } else {
        p = (u_char *) json_string_value(user);
        len = json_string_length(user);
    }

    text->len = (size_t) (uintptr_t) ngx_messaging_escape(NULL, p, len);

    text->data = ngx_pnalloc(pool, text->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_messaging_escape(text->data, p, len);

    return NGX_OK;
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

    default:
        return "token invalid";
    }
}
