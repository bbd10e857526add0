
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_hmac.c"
#include "../../src/ngx_messaging_json.c"
#include "../../src/ngx_messaging_jwk.c"
#include "../../src/ngx_messaging_jwks.c"
#include "../../src/ngx_messaging_jwt.c"
#include "fuzz.h"


/*
 * As a token, as it is; and as a header or a payload of a token that is
 * signed with the right key.  Tokens that are good for the public keys are in
 * the corpus.
 */


static u_char  secret[] = "0123456789abcdef0123456789abcdef";

static char  rsa[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsqA5naH2HqFWHRYlzoqh\n"
    "A2gzGYePgNX2jRhUov20LS0VsdIQiG6xHP0mVumYbZKZEa99gFLCrTw+C9EcyRCk\n"
    "ag8IJaFXMs5i6eXhTeuRjFIaHcOyDV9vtAgpNzV7cDd4madb9ec9s9nVs82C1458\n"
    "Z0lFNaj3I/O5v8X1EJ5Sabn8dIy1v8I5lIgQqeH35HJ+KbI+EZef9ywNHx9In9M3\n"
    "PQFWfz6RKFPBFlrtVS/6FoI0yvaLa8heKOt8RI2kxmu9h6TdYmb3esqaIVY/3dEP\n"
    "/p2Qe49TJ+4lCJdjV1/mo2RZkABm3RV7w15eB2XUVDyHVndj8SDeJzQywLhg5W3k\n"
    "UQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

static char  ec[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZ7poBIERub6TB+OZ1wSGzCdM2z3e\n"
    "nYegP24A0/BL9G+T0M0zGZD3S7S+C5fb6eA3GCTDqdEZprYPBR06V6WmCw==\n"
    "-----END PUBLIC KEY-----\n";

static char  ed[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAws5Pe/oRtOB7cWQWi7z8Unj/jXHgAiPRbdyhY0UQOKI=\n"
    "-----END PUBLIC KEY-----\n";


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

    static ngx_messaging_jwt_require_t  require[] = {
        { ngx_string("iss"), ngx_string("me") },
        { ngx_string("aud"), ngx_string("1") }
    };

    memset(&policy, 0, sizeof(policy));

    ngx_str_set(&policy.user_claim, "user_id");
    ngx_str_set(&policy.name_claim, "name");
    policy.keys = keys;

    /* both, one and none, by what is at hand */
    policy.require = require;
    policy.nrequire = len % 3;

    copy = fuzz_copy(token, len);
    text.data = copy;
    text.len = len;

    rc = ngx_messaging_jwt_verify(&policy, &text, 1700000000000, &claims);

    if (rc == NGX_OK) {
        fuzz_assert(claims.expires > 1700000000000);
        fuzz_assert(policy.nrequire == 0
                    || json_is_string(json_object_get(claims.payload,
                                                      "iss")));
        fuzz_assert(json_is_integer(claims.user)
                    || json_is_string(claims.user));
        ngx_messaging_jwt_free(&claims);

    } else {
        fuzz_assert(rc > 0 && rc < NGX_MESSAGING_JWT_INTERNAL);
        fuzz_assert(ngx_messaging_jwt_reason(rc) != NULL);
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
add_pem(ngx_messaging_jwks_t *keys, ngx_uint_t alg, char *kid, char *pem)
{
    ngx_str_t  id, text;

    id.data = (u_char *) kid;
    id.len = strlen(kid);
    text.data = (u_char *) pem;
    text.len = strlen(pem);

    fuzz_assert(ngx_messaging_jwks_add_pem(keys, alg, &id, &text) == NULL);
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

        add_pem(keys, NGX_MESSAGING_JWA_RS256, "r", rsa);
        add_pem(keys, NGX_MESSAGING_JWA_PS256, "p", rsa);
        add_pem(keys, NGX_MESSAGING_JWA_ES256, "e", ec);
        add_pem(keys, NGX_MESSAGING_JWA_EDDSA, "d", ed);
    }

    if (len > 16384) {
        return;
    }

    (void) verify(keys, data, len);

    sign(keys, header, sizeof(header) - 1, data, len);
    sign(keys, data, len, payload, sizeof(payload) - 1);
}
