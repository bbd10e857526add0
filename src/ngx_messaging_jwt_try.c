
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Tokens of HS* are verified by an HMAC of our own, for it takes a tenth of
 * the time of libjwt.  So that two implementations agree about each secret,
 * libjwt signs a token with it once, when it is configured.
 */


#include "ngx_messaging_jwt.h"

#if !(NGX_MESSAGING_LIBJWT3)
#include <jwt.h>
#endif


#if (NGX_MESSAGING_LIBJWT3)

ngx_int_t
ngx_messaging_jwt_try(ngx_messaging_jwk_t *key, time_t now)
{
    return NGX_OK;
}

#else

static char *ngx_messaging_jwt_try_sign(ngx_messaging_jwk_t *key, time_t now);


ngx_int_t
ngx_messaging_jwt_try(ngx_messaging_jwk_t *key, time_t now)
{
    char                        *text;
    ngx_int_t                    rc;
    ngx_str_t                    token;
    ngx_messaging_jwks_t         keys;
    ngx_messaging_jwt_claims_t   claims;
    ngx_messaging_jwt_policy_t   policy;

    text = ngx_messaging_jwt_try_sign(key, now);
    if (text == NULL) {
        return NGX_ERROR;
    }

    token.data = (u_char *) text;
    token.len = ngx_strlen(text);

    keys.keys = key;
    keys.nelts = 1;

    ngx_memzero(&policy, sizeof(ngx_messaging_jwt_policy_t));

    ngx_str_set(&policy.user_claim, "sub");
    policy.keys = &keys;

    rc = ngx_messaging_jwt_verify(&policy, &token, (int64_t) now * 1000,
                                  &claims);

    if (rc == NGX_OK) {
        ngx_messaging_jwt_free(&claims);
    }

    free(text);

    return (rc == NGX_OK) ? NGX_OK : NGX_ERROR;
}


static char *
ngx_messaging_jwt_try_sign(ngx_messaging_jwk_t *key, time_t now)
{
    char       *text;
    jwt_t      *jwt;
    jwt_alg_t   alg;

    alg = (key->algs & NGX_MESSAGING_JWA_HS256) ? JWT_ALG_HS256
          : (key->algs & NGX_MESSAGING_JWA_HS384) ? JWT_ALG_HS384
                                                  : JWT_ALG_HS512;
    if (jwt_new(&jwt) != 0) {
        return NULL;
    }

    text = NULL;

    if (jwt_add_grant(jwt, "sub", "messaging") == 0
        && jwt_add_grant_int(jwt, "exp", (long) now + 60) == 0
        && jwt_set_alg(jwt, alg, key->secret.data, (int) key->secret.len) == 0)
    {
        text = jwt_encode_str(jwt);
    }

    jwt_free(jwt);

    return text;
}

#endif
