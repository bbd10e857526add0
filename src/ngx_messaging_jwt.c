
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Tokens, RFC 7519, checked along the lines of RFC 8725.  The order matters:
 * first our own strict reading of the form and of the header, then the choice
 * of a key that pins the algorithm, then the signature, and only then the
 * claims.  No library sees a token before its algorithm and key are settled.
 *
 * HS* is verified by OpenSSL's HMAC: libjwt, up to 2.x, would parse header and
 * payload again, and takes the word of the token for its algorithm.  RS*, ES*,
 * PS* and EdDSA are verified with the keys that were parsed at configuration
 * time: libjwt would parse the PEM for each token, at many times the cost.
 *
 * Nothing is allocated here by a length that a token claims; all it decodes
 * to fits in one buffer on the stack.
 */


#include "ngx_messaging_hmac.h"
#include "ngx_messaging_jwt.h"
#include "ngx_messaging_json.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>


#define NGX_MESSAGING_JWT_MAX_TRIES   8
#define NGX_MESSAGING_JWT_MAX_CLAIM   255       /* bytes of a claim's name */
#define NGX_MESSAGING_JWT_MAX_MEMO    256       /* bytes of a header */

/* two integers of 66 bytes and a sign, with headers of two and three bytes */
#define NGX_MESSAGING_JWT_MAX_DER     (3 + 2 * (2 + 1 + 66))

/* the largest integers that JSON carries safely, RFC 8259, section 6 */
#define NGX_MESSAGING_JWT_MAX_TIME    9007199254740992LL
#define NGX_MESSAGING_JWT_MAX_ID      9007199254740991LL


typedef struct {
    ngx_uint_t                alg;
    const EVP_MD           *(*md)(void);   /* NULL: it is part of the key */
    size_t                    size;        /* bytes of "r" and of "s", ES* */
} ngx_messaging_jwt_alg_t;


typedef struct {
    ngx_str_t                 token;
    ngx_str_t                 input;       /* what is signed */

    ngx_str_t                 header;      /* decoded */
    ngx_str_t                 payload;
    ngx_str_t                 signature;

    json_t                   *json;        /* the header; has the kid */
    ngx_str_t                 kid;
    ngx_messaging_jwt_alg_t  *alg;

    unsigned                  named:1;     /* there is a kid */
    unsigned                  access:1;    /* "typ" is "at+jwt" */

    u_char                    buf[NGX_MESSAGING_JWT_MAX_LEN / 4 * 3];
} ngx_messaging_jwt_t;


/* the last header that was read: those of one issuer are all the same */

typedef struct {
    size_t                    len;         /* 0: there was none */
    size_t                    kid;
    ngx_messaging_jwt_alg_t  *alg;

    unsigned                  named:1;
    unsigned                  access:1;

    u_char                    text[NGX_MESSAGING_JWT_MAX_MEMO];
    u_char                    name[NGX_MESSAGING_JWT_MAX_MEMO];
} ngx_messaging_jwt_memo_t;


static ngx_int_t ngx_messaging_jwt_split(ngx_messaging_jwt_t *jwt);
static ngx_int_t ngx_messaging_jwt_recall(ngx_messaging_jwt_t *jwt);
static void ngx_messaging_jwt_note(ngx_messaging_jwt_t *jwt);
static ngx_int_t ngx_messaging_jwt_header(ngx_messaging_jwt_t *jwt);
static ngx_int_t ngx_messaging_jwt_header_typ(ngx_messaging_jwt_t *jwt);
static ngx_uint_t ngx_messaging_jwt_same(const char *text, const char *lower);
static ngx_int_t ngx_messaging_jwt_keys(ngx_messaging_jwt_t *jwt,
    ngx_messaging_jwt_policy_t *policy);
static ngx_int_t ngx_messaging_jwt_key(ngx_messaging_jwt_t *jwt,
    ngx_messaging_jwk_t *key);
static ngx_int_t ngx_messaging_jwt_hmac(ngx_messaging_jwt_t *jwt,
    ngx_messaging_jwk_t *key);
static ngx_int_t ngx_messaging_jwt_evp(ngx_messaging_jwt_t *jwt,
    ngx_messaging_jwk_t *key);
static int ngx_messaging_jwt_der(u_char *der, ngx_str_t *signature,
    size_t size);
static ngx_int_t ngx_messaging_jwt_claims(ngx_messaging_jwt_claims_t *claims,
    ngx_messaging_jwt_policy_t *policy, int64_t now);
static ngx_int_t ngx_messaging_jwt_times(ngx_messaging_jwt_claims_t *claims,
    int64_t leeway, int64_t now);
static ngx_int_t ngx_messaging_jwt_time(json_t *payload, const char *name,
    int64_t *msec);
static json_t *ngx_messaging_jwt_claim(json_t *payload, ngx_str_t *name);
static ngx_uint_t ngx_messaging_jwt_has(json_t *payload,
    ngx_messaging_jwt_require_t *require);
static ngx_uint_t ngx_messaging_jwt_equal(json_t *value, ngx_str_t *text);
static ngx_uint_t ngx_messaging_jwt_is_user(json_t *user);


static ngx_messaging_jwt_alg_t  ngx_messaging_jwt_algs[] = {
    { NGX_MESSAGING_JWA_HS256, EVP_sha256, 0 },
    { NGX_MESSAGING_JWA_HS384, EVP_sha384, 0 },
    { NGX_MESSAGING_JWA_HS512, EVP_sha512, 0 },
    { NGX_MESSAGING_JWA_RS256, EVP_sha256, 0 },
    { NGX_MESSAGING_JWA_RS384, EVP_sha384, 0 },
    { NGX_MESSAGING_JWA_RS512, EVP_sha512, 0 },
    { NGX_MESSAGING_JWA_ES256, EVP_sha256, 32 },
    { NGX_MESSAGING_JWA_ES384, EVP_sha384, 48 },
    { NGX_MESSAGING_JWA_ES512, EVP_sha512, 66 },
    { NGX_MESSAGING_JWA_PS256, EVP_sha256, 0 },
    { NGX_MESSAGING_JWA_PS384, EVP_sha384, 0 },
    { NGX_MESSAGING_JWA_PS512, EVP_sha512, 0 },
    { NGX_MESSAGING_JWA_EDDSA, NULL, 0 },
    { 0, NULL, 0 }
};


static const char  *ngx_messaging_jwt_reasons[] = {
    "ok",
    "missing",
    "malformed",
    "algorithm",
    "key",
    "signature",
    "expired",
    "not_yet",
    "claim",
    "user",
    "internal",
    "revoked"
};


static ngx_messaging_jwt_memo_t  ngx_messaging_jwt_memo;


ngx_int_t
ngx_messaging_jwt_verify(ngx_messaging_jwt_policy_t *policy, ngx_str_t *token,
    int64_t now, ngx_messaging_jwt_claims_t *claims)
{
    ngx_int_t            rc;
    ngx_messaging_jwt_t  jwt;

    ngx_memzero(claims, sizeof(ngx_messaging_jwt_claims_t));

    jwt.token = *token;
    jwt.json = NULL;

    rc = ngx_messaging_jwt_split(&jwt);

    if (rc == NGX_OK && ngx_messaging_jwt_recall(&jwt) != NGX_OK) {
        rc = ngx_messaging_jwt_header(&jwt);

        if (rc == NGX_OK) {
            ngx_messaging_jwt_note(&jwt);
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_messaging_jwt_keys(&jwt, policy);
    }

    if (rc == NGX_OK) {
        claims->algorithm = jwt.alg->alg;
        claims->payload = ngx_messaging_json_load(jwt.payload.data,
                                                  jwt.payload.len);

        if (claims->payload == NULL) {
            rc = NGX_MESSAGING_JWT_MALFORMED;
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_messaging_jwt_claims(claims, policy, now);
    }

    json_decref(jwt.json);

    /* nginx would report what is left as an error of a TLS connection */

    ERR_clear_error();

    if (rc != NGX_OK) {
        ngx_messaging_jwt_free(claims);
    }

    return rc;
}


void
ngx_messaging_jwt_free(ngx_messaging_jwt_claims_t *claims)
{
    json_decref(claims->payload);

    ngx_memzero(claims, sizeof(ngx_messaging_jwt_claims_t));
}


const char *
ngx_messaging_jwt_reason(ngx_int_t rc)
{
    if (rc < 0 || rc >= NGX_MESSAGING_JWT_LAST) {
        rc = NGX_MESSAGING_JWT_INTERNAL;
    }

    return ngx_messaging_jwt_reasons[rc];
}


static ngx_int_t
ngx_messaging_jwt_split(ngx_messaging_jwt_t *jwt)
{
    u_char      *p, *dst, *end, *last;
    ssize_t      n;
    ngx_str_t    part, *parts[3];
    ngx_uint_t   i;

    if (jwt->token.len == 0) {
        return NGX_MESSAGING_JWT_MISSING;
    }

    if (jwt->token.len > NGX_MESSAGING_JWT_MAX_LEN) {
        return NGX_MESSAGING_JWT_MALFORMED;
    }

    parts[0] = &jwt->header;
    parts[1] = &jwt->payload;
    parts[2] = &jwt->signature;

    p = jwt->token.data;
    last = p + jwt->token.len;
    dst = jwt->buf;

    for (i = 0; i < 3; i++) {

        /* a third dot is no character of base64url */

        end = (i < 2) ? ngx_strlchr(p, last, '.') : last;
        if (end == NULL) {
            return NGX_MESSAGING_JWT_MALFORMED;
        }

        part.data = p;
        part.len = end - p;

        n = ngx_messaging_jwk_base64url(dst, jwt->buf + sizeof(jwt->buf) - dst,
                                        &part);

        /* an empty signature is that of "none", RFC 7518, section 3.6 */

        if (n == NGX_ERROR || n == 0) {
            return NGX_MESSAGING_JWT_MALFORMED;
        }

        parts[i]->data = dst;
        parts[i]->len = n;

        dst += n;

        if (i == 1) {
            jwt->input.data = jwt->token.data;
            jwt->input.len = end - jwt->token.data;
        }

        if (i < 2) {
            p = end + 1;
        }
    }

    /* whoever made it: what is beyond the bounds has not even a signature */

    if (ngx_messaging_json_scan(jwt->payload.data, jwt->payload.len,
                                NGX_MESSAGING_JWT_MAX_VALUES)
        != NGX_OK)
    {
        return NGX_MESSAGING_JWT_MALFORMED;
    }

    return NGX_OK;
}


/* what a header says depends on its bytes alone */

static ngx_int_t
ngx_messaging_jwt_recall(ngx_messaging_jwt_t *jwt)
{
    ngx_messaging_jwt_memo_t  *memo;

    memo = &ngx_messaging_jwt_memo;

    if (jwt->header.len != memo->len
        || ngx_memcmp(jwt->header.data, memo->text, memo->len) != 0)
    {
        return NGX_DECLINED;
    }

    jwt->alg = memo->alg;
    jwt->named = memo->named;
    jwt->access = memo->access;
    jwt->kid.data = memo->name;
    jwt->kid.len = memo->kid;

    return NGX_OK;
}


static void
ngx_messaging_jwt_note(ngx_messaging_jwt_t *jwt)
{
    ngx_messaging_jwt_memo_t  *memo;

    memo = &ngx_messaging_jwt_memo;

    if (jwt->header.len > NGX_MESSAGING_JWT_MAX_MEMO
        || jwt->kid.len > NGX_MESSAGING_JWT_MAX_MEMO)
    {
        return;
    }

    memo->len = jwt->header.len;
    memo->alg = jwt->alg;
    memo->named = jwt->named;
    memo->access = jwt->access;
    memo->kid = jwt->kid.len;

    ngx_memcpy(memo->text, jwt->header.data, jwt->header.len);

    if (jwt->kid.len) {
        ngx_memcpy(memo->name, jwt->kid.data, jwt->kid.len);
    }
}


static ngx_int_t
ngx_messaging_jwt_header(ngx_messaging_jwt_t *jwt)
{
    json_t      *value;
    ngx_uint_t   alg;

    jwt->json = ngx_messaging_json_object(jwt->header.data, jwt->header.len,
                                          NGX_MESSAGING_JSON_MAX_VALUES);
    if (jwt->json == NULL) {
        return NGX_MESSAGING_JWT_MALFORMED;
    }

    /*
     * RFC 7515, section 4.1.11: extensions that are not understood must be
     * refused, and we have none, nor the unencoded payload of RFC 7797.
     */

    if (json_object_get(jwt->json, "crit") || json_object_get(jwt->json, "b64")
        || ngx_messaging_jwt_header_typ(jwt) != NGX_OK)
    {
        return NGX_MESSAGING_JWT_MALFORMED;
    }

    value = json_object_get(jwt->json, "kid");

    jwt->named = (value != NULL);
    ngx_str_null(&jwt->kid);

    if (value) {
        if (!json_is_string(value)
            || json_string_length(value) > NGX_MESSAGING_JWK_MAX_KID)
        {
            return NGX_MESSAGING_JWT_MALFORMED;
        }

        jwt->kid.len = json_string_length(value);
        jwt->kid.data = (u_char *) json_string_value(value);
    }

    value = json_object_get(jwt->json, "alg");

    if (!json_is_string(value)) {
        return NGX_MESSAGING_JWT_MALFORMED;
    }

    alg = ngx_messaging_jwa((u_char *) json_string_value(value),
                            json_string_length(value));

    for (jwt->alg = ngx_messaging_jwt_algs; jwt->alg->alg; jwt->alg++) {
        if (jwt->alg->alg == alg) {
            return NGX_OK;
        }
    }

    return NGX_MESSAGING_JWT_ALGORITHM;
}


/* "JWT", or the access token of RFC 9068, section 2.1 */

static ngx_int_t
ngx_messaging_jwt_header_typ(ngx_messaging_jwt_t *jwt)
{
    json_t      *value;
    const char  *typ;

    jwt->access = 0;

    value = json_object_get(jwt->json, "typ");
    if (value == NULL) {
        return NGX_OK;
    }

    typ = json_string_value(value);
    if (typ == NULL) {
        return NGX_ERROR;
    }

    if (ngx_messaging_jwt_same(typ, "jwt")) {
        return NGX_OK;
    }

    if (ngx_messaging_jwt_same(typ, "at+jwt")) {
        jwt->access = 1;
        return NGX_OK;
    }

    return NGX_ERROR;
}


static ngx_uint_t
ngx_messaging_jwt_same(const char *text, const char *lower)
{
    while (*lower && ngx_tolower(*text) == *lower) {
        text++;
        lower++;
    }

    return *text == *lower;
}


static ngx_int_t
ngx_messaging_jwt_keys(ngx_messaging_jwt_t *jwt,
    ngx_messaging_jwt_policy_t *policy)
{
    ngx_int_t              rc;
    ngx_uint_t             i, n, tries, known;
    ngx_messaging_jwk_t   *key;
    ngx_messaging_jwks_t  *sets[2];

    sets[0] = policy->keys;
    sets[1] = policy->jwks;

    known = 0;
    tries = 0;
    rc = NGX_MESSAGING_JWT_SIGNATURE;

    for (n = 0; n < 2; n++) {

        for (i = 0; sets[n] && i < sets[n]->nelts; i++) {
            key = &sets[n]->keys[i];

            /* an empty kid names no key, not the keys without one */

            if (jwt->named
                && (jwt->kid.len == 0 || jwt->kid.len != key->kid.len
                    || ngx_memcmp(jwt->kid.data, key->kid.data, key->kid.len)
                       != 0))
            {
                continue;
            }

            known = 1;

            if (!(key->algs & jwt->alg->alg)) {
                continue;
            }

            if (tries++ == NGX_MESSAGING_JWT_MAX_TRIES) {
                return rc;
            }

            rc = ngx_messaging_jwt_key(jwt, key);

            if (rc == NGX_OK) {
                return NGX_OK;
            }
        }
    }

    if (tries == 0) {
        return known ? NGX_MESSAGING_JWT_ALGORITHM : NGX_MESSAGING_JWT_KEY;
    }

    return rc;
}


static ngx_int_t
ngx_messaging_jwt_key(ngx_messaging_jwt_t *jwt, ngx_messaging_jwk_t *key)
{
    if (key->pkey) {
        return ngx_messaging_jwt_evp(jwt, key);
    }

    return ngx_messaging_jwt_hmac(jwt, key);
}


/* RFC 7518, section 3.2 */

static ngx_int_t
ngx_messaging_jwt_hmac(ngx_messaging_jwt_t *jwt, ngx_messaging_jwk_t *key)
{
    size_t  len;
    u_char  mac[EVP_MAX_MD_SIZE];

    if (ngx_messaging_hmac(jwt->alg->alg, &key->secret, &jwt->input, mac, &len)
        != NGX_OK)
    {
        return NGX_MESSAGING_JWT_INTERNAL;
    }

    if (jwt->signature.len != len
        || CRYPTO_memcmp(jwt->signature.data, mac, len) != 0)
    {
        return NGX_MESSAGING_JWT_SIGNATURE;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_jwt_evp(ngx_messaging_jwt_t *jwt, ngx_messaging_jwk_t *key)
{
    int            rc;
    ngx_str_t      signature;
    EVP_MD_CTX    *ctx;
    EVP_PKEY_CTX  *pctx;
    const EVP_MD  *md;
    u_char         der[NGX_MESSAGING_JWT_MAX_DER];

    signature = jwt->signature;

    if (jwt->alg->size) {
        rc = ngx_messaging_jwt_der(der, &signature, jwt->alg->size);

        if (rc <= 0) {
            return NGX_MESSAGING_JWT_SIGNATURE;
        }

        signature.len = rc;
        signature.data = der;

    } else if (EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_RSA
               && signature.len != (size_t) EVP_PKEY_get_size(key->pkey))
    {
        /*
         * RFC 8017, section 8.1.2: OpenSSL takes a shorter one for PSS where
         * what was cut off in front is zero
         */
        return NGX_MESSAGING_JWT_SIGNATURE;
    }

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return NGX_MESSAGING_JWT_INTERNAL;
    }

    md = jwt->alg->md ? jwt->alg->md() : NULL;

    rc = EVP_DigestVerifyInit(ctx, &pctx, md, NULL, key->pkey);

    /* the salt is as long as the digest, RFC 7518, section 3.5 */

    if (rc == 1
        && (jwt->alg->alg & (NGX_MESSAGING_JWA_PS256|NGX_MESSAGING_JWA_PS384
                             |NGX_MESSAGING_JWA_PS512)))
    {
        rc = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1
             && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST)
                == 1;
    }

    if (rc != 1) {
        EVP_MD_CTX_free(ctx);
        return NGX_MESSAGING_JWT_INTERNAL;
    }

    rc = EVP_DigestVerify(ctx, signature.data, signature.len, jwt->input.data,
                          jwt->input.len);

    EVP_MD_CTX_free(ctx);

    return (rc == 1) ? NGX_OK : NGX_MESSAGING_JWT_SIGNATURE;
}


/* "r" and "s" of full size, RFC 7518, section 3.4, as OpenSSL takes them */

static int
ngx_messaging_jwt_der(u_char *der, ngx_str_t *signature, size_t size)
{
    int         len;
    BIGNUM     *r, *s;
    ECDSA_SIG  *sig;

    if (signature->len != 2 * size) {
        return 0;
    }

    len = 0;

    sig = ECDSA_SIG_new();
    r = BN_bin2bn(signature->data, (int) size, NULL);
    s = BN_bin2bn(signature->data + size, (int) size, NULL);

    if (sig == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);

    } else if (i2d_ECDSA_SIG(sig, NULL) <= NGX_MESSAGING_JWT_MAX_DER) {
        len = i2d_ECDSA_SIG(sig, &der);
    }

    ECDSA_SIG_free(sig);

    return len;
}


static ngx_int_t
ngx_messaging_jwt_claims(ngx_messaging_jwt_claims_t *claims,
    ngx_messaging_jwt_policy_t *policy, int64_t now)
{
    json_t      *name;
    int64_t      leeway;
    ngx_int_t    rc;
    ngx_uint_t   i;

    leeway = ngx_min((int64_t) policy->leeway, NGX_MAX_INT32_VALUE);

    rc = ngx_messaging_jwt_times(claims, leeway * 1000, now);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < policy->nrequire; i++) {
        if (!ngx_messaging_jwt_has(claims->payload, &policy->require[i])) {
            return NGX_MESSAGING_JWT_CLAIM;
        }
    }

    claims->user = ngx_messaging_jwt_claim(claims->payload,
                                           &policy->user_claim);

    if (!ngx_messaging_jwt_is_user(claims->user)) {
        return NGX_MESSAGING_JWT_USER;
    }

    name = ngx_messaging_jwt_claim(claims->payload, &policy->name_claim);

    if (json_is_string(name)
        && json_string_length(name) <= NGX_MESSAGING_JWT_MAX_NAME)
    {
        claims->name = name;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_jwt_times(ngx_messaging_jwt_claims_t *claims, int64_t leeway,
    int64_t now)
{
    int64_t    exp, nbf, iat;
    ngx_int_t  rc;

    exp = 0;
    nbf = 0;
    iat = 0;

    rc = ngx_messaging_jwt_time(claims->payload, "exp", &exp);

    if (rc != NGX_OK
        || ngx_messaging_jwt_time(claims->payload, "nbf", &nbf) == NGX_ERROR
        || ngx_messaging_jwt_time(claims->payload, "iat", &iat) == NGX_ERROR)
    {
        return NGX_MESSAGING_JWT_CLAIM;
    }

    claims->expires = exp + leeway;
    claims->issued = iat;

    /* at the very time of "exp" a token is expired, RFC 7519, section 4.1.4 */

    if (now >= claims->expires) {
        return NGX_MESSAGING_JWT_EXPIRED;
    }

    if (nbf - leeway > now || iat - leeway > now) {
        return NGX_MESSAGING_JWT_NOT_YET;
    }

    return NGX_OK;
}


/* NGX_DECLINED: there is none; NGX_ERROR: it is not a number within bounds */

static ngx_int_t
ngx_messaging_jwt_time(json_t *payload, const char *name, int64_t *msec)
{
    double        real;
    json_t       *value;
    json_int_t    n;

    value = json_object_get(payload, name);

    if (value == NULL) {
        return NGX_DECLINED;
    }

    if (json_is_integer(value)) {
        n = json_integer_value(value);

        if (n < 0 || n > NGX_MESSAGING_JWT_MAX_TIME) {
            return NGX_ERROR;
        }

        *msec = (int64_t) n * 1000;

        return NGX_OK;
    }

    if (json_is_real(value)) {
        real = json_real_value(value);

        if (real >= 0 && real <= (double) NGX_MESSAGING_JWT_MAX_TIME) {
            *msec = (int64_t) (real * 1000);
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


static json_t *
ngx_messaging_jwt_claim(json_t *payload, ngx_str_t *name)
{
    char  key[NGX_MESSAGING_JWT_MAX_CLAIM + 1];

    if (name->len == 0 || name->len > NGX_MESSAGING_JWT_MAX_CLAIM) {
        return NULL;
    }

    ngx_memcpy(key, name->data, name->len);
    key[name->len] = '\0';

    return json_object_get(payload, key);
}


static ngx_uint_t
ngx_messaging_jwt_has(json_t *payload, ngx_messaging_jwt_require_t *require)
{
    json_t  *value;
    size_t   i;

    value = ngx_messaging_jwt_claim(payload, &require->name);

    if (!json_is_array(value)) {
        return ngx_messaging_jwt_equal(value, &require->value);
    }

    /* RFC 7519, section 4.1.3 */

    if (require->name.len != 3
        || ngx_memcmp(require->name.data, "aud", 3) != 0)
    {
        return 0;
    }

    for (i = 0; i < json_array_size(value); i++) {
        if (ngx_messaging_jwt_equal(json_array_get(value, i),
                                    &require->value))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_messaging_jwt_equal(json_t *value, ngx_str_t *text)
{
    char         buf[64];
    size_t       len;
    const char  *p;

    if (json_is_string(value)) {
        p = json_string_value(value);
        len = json_string_length(value);

    } else if (json_is_number(value) || json_is_boolean(value)) {

        /* 15 digits, or 0.1 would read 0.10000000000000001 */

        p = buf;
        len = json_dumpb(value, buf, sizeof(buf),
                         JSON_ENCODE_ANY|JSON_REAL_PRECISION(15));

        if (len > sizeof(buf)) {
            return 0;
        }

    } else {
        return 0;
    }

    return len == text->len && ngx_memcmp(p, text->data, len) == 0;
}


static ngx_uint_t
ngx_messaging_jwt_is_user(json_t *user)
{
    u_char      *p, *last;
    json_int_t   n;

    if (json_is_integer(user)) {
        n = json_integer_value(user);

        return n >= -NGX_MESSAGING_JWT_MAX_ID && n <= NGX_MESSAGING_JWT_MAX_ID;
    }

    if (!json_is_string(user)
        || json_string_length(user) == 0
        || json_string_length(user) > NGX_MESSAGING_JWT_MAX_USER)
    {
        return 0;
    }

    p = (u_char *) json_string_value(user);
    last = p + json_string_length(user);

    /* U+0000 to U+001F, U+007F, and U+0080 to U+009F; jansson knows UTF-8 */

    for ( /* void */ ; p < last; p++) {
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) {
            return 0;
        }
    }

    return 1;
}
