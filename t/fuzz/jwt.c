
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_json.c"
#include "../../src/ngx_messaging_jwk.c"
#include "../../src/ngx_messaging_jwks.c"
#include "../../src/ngx_messaging_jwt.c"
#include "fuzz.h"


/*
 * As a token, as it is; and as a header or a payload of a token that is
 * signed with the right key.
 */


static u_char  secret[] = "0123456789abcdef0123456789abcdef";


static size_t
base64url(char *dst, u_char *src, size_t len)
{
    size_t  i, n;

    n = EVP_EncodeBlock((u_char *) dst, src, (int) len);

    while (n && dst[n - 1] == '=') {
        n--;
    }

    for (i = 0; i < n; i++) {
        dst[i] = dst[i] == '+' ? '-' : dst[i] == '/' ? '_' : dst[i];
    }

    return n;
}


static ngx_int_t
verify(ngx_messaging_jwks_t *keys, u_char *token, size_t len)
{
    u_char                      *copy;
    ngx_int_t                    rc;
    ngx_str_t                    text;
    ngx_messaging_jwt_claims_t   claims;
    ngx_messaging_jwt_policy_t   policy;

    memset(&policy, 0, sizeof(policy));

    ngx_str_set(&policy.user_claim, "user_id");
    ngx_str_set(&policy.name_claim, "name");
    policy.keys = keys;

    copy = fuzz_copy(token, len);
    text.data = copy;
    text.len = len;

    rc = ngx_messaging_jwt_verify(&policy, &text, 1700000000000, &claims);

    if (rc == NGX_OK) {
        fuzz_assert(claims.expires > 1700000000000);
        fuzz_assert(json_is_integer(claims.user)
                    || json_is_string(claims.user));
        ngx_messaging_jwt_free(&claims);

    } else {
        fuzz_assert(rc > 0 && rc < NGX_MESSAGING_JWT_LAST);
    }

    free(copy);

    return rc;
}


static void
sign(ngx_messaging_jwks_t *keys, u_char *header, size_t hlen, u_char *payload,
    size_t plen)
{
    char         *token;
    u_char        mac[EVP_MAX_MD_SIZE];
    size_t        n;
    unsigned int  len;

    token = malloc(2 * (hlen + plen) + 128);

    n = base64url(token, header, hlen);
    token[n++] = '.';
    n += base64url(token + n, payload, plen);

    HMAC(EVP_sha256(), secret, sizeof(secret) - 1, (u_char *) token, n, mac,
         &len);

    token[n++] = '.';
    n += base64url(token + n, mac, len);

    (void) verify(keys, (u_char *) token, n);

    free(token);
}


static void
fuzz_one(u_char *data, size_t len)
{
    ngx_str_t                     kid, key;
    ngx_uint_t                    weak;
    static ngx_messaging_jwks_t  *keys;

    static u_char  header[] = "{\"alg\":\"HS256\"}";
    static u_char  payload[] = "{\"exp\":1800000000,\"user_id\":1}";

    if (keys == NULL) {
        keys = ngx_messaging_jwks_create();

        ngx_str_set(&kid, "a");
        key.data = secret;
        key.len = sizeof(secret) - 1;

        fuzz_assert(ngx_messaging_jwks_add_secret(keys,
                                                  NGX_MESSAGING_JWA_HS256,
                                                  &kid, &key, &weak)
                    == NULL);
    }

    if (len > 16384) {
        return;
    }

    (void) verify(keys, data, len);

    sign(keys, header, sizeof(header) - 1, data, len);
    sign(keys, data, len, payload, sizeof(payload) - 1);
}
