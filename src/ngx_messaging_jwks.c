
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * JWK sets, RFC 7517.  A key that cannot be used is skipped, as section 5 has
 * it: an issuer may publish keys that others understand.  What makes the set
 * as a whole doubtful is an error, and then none of its keys is taken.
 */


#include "ngx_messaging_jwk.h"
#include "ngx_messaging_json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>


#define NGX_MESSAGING_JWKS_MAX_LEN     262144
#define NGX_MESSAGING_JWKS_MAX_VALUES  4096

#define NGX_MESSAGING_JWK_MAX_POINT    66       /* a coordinate of P-521 */


typedef struct {
    ngx_str_t     name;
    char         *group;       /* OpenSSL's name */
    size_t        size;        /* bytes of a coordinate or of the key */
} ngx_messaging_jwk_curve_t;


static const char *ngx_messaging_jwks_members(ngx_messaging_jwks_t *set,
    json_t *keys, ngx_uint_t *skipped);
static ngx_int_t ngx_messaging_jwk_read(ngx_messaging_jwk_t *key,
    json_t *jwk);
static ngx_uint_t ngx_messaging_jwk_verifies(json_t *jwk);
static void ngx_messaging_jwk_oct(ngx_messaging_jwk_t *key, json_t *jwk);
static void ngx_messaging_jwk_rsa(ngx_messaging_jwk_t *key, json_t *jwk);
static void ngx_messaging_jwk_ec(ngx_messaging_jwk_t *key, json_t *jwk);
static void ngx_messaging_jwk_okp(ngx_messaging_jwk_t *key, json_t *jwk);
static EVP_PKEY *ngx_messaging_jwk_fromdata(const char *type,
    OSSL_PARAM *params);
static ngx_int_t ngx_messaging_jwk_member(json_t *jwk, const char *name,
    ngx_str_t *value);
static BIGNUM *ngx_messaging_jwk_number(json_t *jwk, const char *name);
static ngx_messaging_jwk_curve_t *ngx_messaging_jwk_curve(
    ngx_messaging_jwk_curve_t *curve, json_t *jwk);


/* RFC 7518, section 6.2.1.1 */

static ngx_messaging_jwk_curve_t  ngx_messaging_jwk_ec_curves[] = {
    { ngx_string("P-256"), "prime256v1", 32 },
    { ngx_string("P-384"), "secp384r1", 48 },
    { ngx_string("P-521"), "secp521r1", 66 },
    { ngx_null_string, NULL, 0 }
};


/* RFC 8037, section 3.1; X25519 and X448 do not sign */

static ngx_messaging_jwk_curve_t  ngx_messaging_jwk_okp_curves[] = {
    { ngx_string("Ed25519"), "ED25519", 32 },
    { ngx_string("Ed448"), "ED448", 57 },
    { ngx_null_string, NULL, 0 }
};


const char *
ngx_messaging_jwks_parse(ngx_messaging_jwks_t *set, u_char *p, size_t len,
    ngx_uint_t *skipped)
{
    json_t      *root, *keys;
    ngx_uint_t   n;
    const char  *error;

    *skipped = 0;

    if (len > NGX_MESSAGING_JWKS_MAX_LEN) {
        return "JWK set is longer than 256 KB";
    }

    root = ngx_messaging_json_object(p, len, NGX_MESSAGING_JWKS_MAX_VALUES);
    if (root == NULL) {
        return "JWK set is not a JSON object";
    }

    n = set->nelts;
    keys = json_object_get(root, "keys");

    if (!json_is_array(keys)) {
        error = "JWK set has no array \"keys\"";

    } else if (json_array_size(keys) > NGX_MESSAGING_JWK_MAX_KEYS) {
        error = "more than 64 keys";

    } else {
        error = ngx_messaging_jwks_members(set, keys, skipped);
    }

    if (error == NULL && set->nelts == n) {
        error = "JWK set has no usable key";
    }

    /* all or nothing */

    while (error && set->nelts > n) {
        ngx_messaging_jwk_free(&set->keys[--set->nelts]);
    }

    json_decref(root);

    ERR_clear_error();

    return error;
}


static const char *
ngx_messaging_jwks_members(ngx_messaging_jwks_t *set, json_t *keys,
    ngx_uint_t *skipped)
{
    size_t                i;
    const char           *error;
    ngx_messaging_jwk_t   key;

    for (i = 0; i < json_array_size(keys); i++) {
        ngx_memzero(&key, sizeof(ngx_messaging_jwk_t));

        /* RFC 7517, section 5: keys that are not understood are ignored */

        if (ngx_messaging_jwk_read(&key, json_array_get(keys, i)) != NGX_OK) {
            (*skipped)++;
            continue;
        }

        error = ngx_messaging_jwks_push(set, &key);
        if (error) {
            return error;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_messaging_jwk_read(ngx_messaging_jwk_t *key, json_t *jwk)
{
    ngx_int_t   rc;
    ngx_str_t   kty, name;
    ngx_uint_t  alg;

    alg = 0;

    if (ngx_messaging_jwk_member(jwk, "kty", &kty) != NGX_OK
        || !ngx_messaging_jwk_verifies(jwk))
    {
        return NGX_DECLINED;
    }

    rc = ngx_messaging_jwk_member(jwk, "kid", &key->kid);

    if (rc == NGX_ERROR || key->kid.len > NGX_MESSAGING_JWK_MAX_KID) {
        return NGX_DECLINED;
    }

    rc = ngx_messaging_jwk_member(jwk, "alg", &name);

    if (rc == NGX_OK) {
        alg = ngx_messaging_jwa(name.data, name.len);
    }

    if (rc == NGX_ERROR || (rc == NGX_OK && alg == 0)) {
        return NGX_DECLINED;
    }

    if (ngx_strcmp(kty.data, "oct") == 0) {
        key->algs = alg;
        ngx_messaging_jwk_oct(key, jwk);

        return key->secret.data ? NGX_OK : NGX_DECLINED;
    }

    /* a private key has no place where public keys are kept */

    if (json_object_get(jwk, "d")) {
        return NGX_DECLINED;
    }

    if (ngx_strcmp(kty.data, "RSA") == 0) {
        ngx_messaging_jwk_rsa(key, jwk);

    } else if (ngx_strcmp(kty.data, "EC") == 0) {
        ngx_messaging_jwk_ec(key, jwk);

    } else if (ngx_strcmp(kty.data, "OKP") == 0) {
        ngx_messaging_jwk_okp(key, jwk);
    }

    if (key->pkey == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_messaging_jwk_pin(key) == NULL) {
        key->algs &= alg ? alg : key->algs;

        if (key->algs) {
            return NGX_OK;
        }
    }

    EVP_PKEY_free(key->pkey);
    key->pkey = NULL;

    return NGX_DECLINED;
}


/* "use" and "key_ops", RFC 7517, sections 4.2 and 4.3 */

static ngx_uint_t
ngx_messaging_jwk_verifies(json_t *jwk)
{
    json_t      *ops, *op;
    size_t       i;
    ngx_int_t    rc;
    ngx_str_t    use;

    rc = ngx_messaging_jwk_member(jwk, "use", &use);

    if (rc == NGX_ERROR
        || (rc == NGX_OK && ngx_strcmp(use.data, "sig") != 0))
    {
        return 0;
    }

    ops = json_object_get(jwk, "key_ops");
    if (ops == NULL) {
        return 1;
    }

    for (i = 0; i < json_array_size(ops); i++) {
        op = json_array_get(ops, i);

        if (json_is_string(op)
            && ngx_strcmp(json_string_value(op), "verify") == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * A secret needs its algorithm, and there is nobody to be warned of a weak
 * one: RFC 7518, section 3.2, forbids it.
 */

static void
ngx_messaging_jwk_oct(ngx_messaging_jwk_t *key, json_t *jwk)
{
    ssize_t     n;
    ngx_str_t   k, secret;
    ngx_uint_t  weak;
    u_char      buf[NGX_MESSAGING_JWK_MAX_SECRET];

    if (ngx_messaging_jwk_member(jwk, "k", &k) != NGX_OK) {
        return;
    }

    n = ngx_messaging_jwk_base64url(buf, sizeof(buf), &k);

    if (n != NGX_ERROR) {
        secret.len = n;
        secret.data = buf;

        if (ngx_messaging_jwk_secret(key, &secret, &weak) == NULL && weak) {
            OPENSSL_clear_free(key->secret.data, key->secret.len);
            ngx_str_null(&key->secret);
        }
    }

    OPENSSL_cleanse(buf, sizeof(buf));
}


static void
ngx_messaging_jwk_rsa(ngx_messaging_jwk_t *key, json_t *jwk)
{
    BIGNUM          *n, *e;
    OSSL_PARAM      *params;
    OSSL_PARAM_BLD  *bld;

    params = NULL;

    n = ngx_messaging_jwk_number(jwk, "n");
    e = ngx_messaging_jwk_number(jwk, "e");
    bld = OSSL_PARAM_BLD_new();

    if (n && e && bld
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1)
    {
        params = OSSL_PARAM_BLD_to_param(bld);
    }

    if (params) {
        key->pkey = ngx_messaging_jwk_fromdata("RSA", params);
    }

    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(n);
    BN_free(e);
}


static void
ngx_messaging_jwk_ec(ngx_messaging_jwk_t *key, json_t *jwk)
{
    size_t                      size;
    ngx_str_t                   x, y;
    OSSL_PARAM                  params[3];
    ngx_messaging_jwk_curve_t  *curve;
    u_char                      point[1 + 2 * NGX_MESSAGING_JWK_MAX_POINT];

    curve = ngx_messaging_jwk_curve(ngx_messaging_jwk_ec_curves, jwk);

    if (curve == NULL
        || ngx_messaging_jwk_member(jwk, "x", &x) != NGX_OK
        || ngx_messaging_jwk_member(jwk, "y", &y) != NGX_OK)
    {
        return;
    }

    /* coordinates have their full size, RFC 7518, section 6.2.1.2 */

    size = curve->size;

    if (ngx_messaging_jwk_base64url(&point[1], size, &x) != (ssize_t) size
        || ngx_messaging_jwk_base64url(&point[1 + size], size, &y)
           != (ssize_t) size)
    {
        return;
    }

    point[0] = POINT_CONVERSION_UNCOMPRESSED;

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 curve->group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  point, 1 + 2 * size);
    params[2] = OSSL_PARAM_construct_end();

    key->pkey = ngx_messaging_jwk_fromdata("EC", params);
}


static void
ngx_messaging_jwk_okp(ngx_messaging_jwk_t *key, json_t *jwk)
{
    ngx_str_t                   x;
    ngx_messaging_jwk_curve_t  *curve;
    u_char                      buf[NGX_MESSAGING_JWK_MAX_POINT];

    curve = ngx_messaging_jwk_curve(ngx_messaging_jwk_okp_curves, jwk);

    if (curve == NULL
        || ngx_messaging_jwk_member(jwk, "x", &x) != NGX_OK
        || ngx_messaging_jwk_base64url(buf, curve->size, &x)
           != (ssize_t) curve->size)
    {
        return;
    }

    key->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, curve->group, NULL, buf,
                                               curve->size);
}


static EVP_PKEY *
ngx_messaging_jwk_fromdata(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY      *pkey;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;

    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (ctx == NULL) {
        return NULL;
    }

    if (EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


/* NGX_DECLINED: there is none; NGX_ERROR: it is not a string */

static ngx_int_t
ngx_messaging_jwk_member(json_t *jwk, const char *name, ngx_str_t *value)
{
    json_t  *member;

    member = json_object_get(jwk, name);

    if (member == NULL) {
        return NGX_DECLINED;
    }

    if (!json_is_string(member)) {
        return NGX_ERROR;
    }

    value->len = json_string_length(member);
    value->data = (u_char *) json_string_value(member);

    return NGX_OK;
}


/* Base64urlUInt, RFC 7518, section 2; some libraries put a zero in front */

static BIGNUM *
ngx_messaging_jwk_number(json_t *jwk, const char *name)
{
    ssize_t    n;
    ngx_str_t  value;
    u_char     buf[1 + NGX_MESSAGING_JWK_MAX_RSA / 8];

    if (ngx_messaging_jwk_member(jwk, name, &value) != NGX_OK) {
        return NULL;
    }

    n = ngx_messaging_jwk_base64url(buf, sizeof(buf), &value);
    if (n <= 0) {
        return NULL;
    }

    return BN_bin2bn(buf, (int) n, NULL);
}


static ngx_messaging_jwk_curve_t *
ngx_messaging_jwk_curve(ngx_messaging_jwk_curve_t *curve, json_t *jwk)
{
    ngx_str_t  crv;

    if (ngx_messaging_jwk_member(jwk, "crv", &crv) != NGX_OK) {
        return NULL;
    }

    for ( /* void */ ; curve->group; curve++) {
        if (curve->name.len == crv.len
            && ngx_memcmp(curve->name.data, crv.data, crv.len) == 0)
        {
            return curve;
        }
    }

    return NULL;
}
