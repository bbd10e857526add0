
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Verification keys.  A key pins its algorithms when it is loaded, all of one
 * family: a secret serves HS* only, a public key never does, and so no token
 * can turn one into the other (RFC 8725, section 3.1).  Everything that might
 * make a key unfit is found here, at configuration time, and not when a token
 * is verified.
 *
 * Public keys come as PEM or JWK and end as an EVP_PKEY, parsed once.  Memory
 * is OpenSSL's, as the keys are; whatever OpenSSL left in its error queue is
 * dropped before a function returns, since nginx would report it later as an
 * error of some TLS connection.
 */


#include "ngx_messaging_jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>


#if (OPENSSL_VERSION_NUMBER < 0x30000000L)
#error "ngx_http_messaging_module needs OpenSSL 3.0.0 or newer"
#endif


#define NGX_MESSAGING_JWK_MAX_PEM  65536

#define NGX_MESSAGING_JWK_MIN_RSA  2048     /* bits */
#define NGX_MESSAGING_JWK_MAX_EXP  64


#define NGX_MESSAGING_JWA_HS                                                  \
    (NGX_MESSAGING_JWA_HS256|NGX_MESSAGING_JWA_HS384|NGX_MESSAGING_JWA_HS512)

#define NGX_MESSAGING_JWA_RSA                                                 \
    (NGX_MESSAGING_JWA_RS256|NGX_MESSAGING_JWA_RS384|NGX_MESSAGING_JWA_RS512  \
     |NGX_MESSAGING_JWA_PS256|NGX_MESSAGING_JWA_PS384|NGX_MESSAGING_JWA_PS512)


typedef struct {
    ngx_str_t     name;
    ngx_uint_t    alg;
} ngx_messaging_jwa_t;


typedef struct {
    const char   *name;
    ngx_uint_t    alg;
} ngx_messaging_jwk_group_t;


static const char *ngx_messaging_jwks_grow(ngx_messaging_jwks_t *set);
static ngx_uint_t ngx_messaging_jwk_is_pem(ngx_str_t *text);
static const char *ngx_messaging_jwk_pem(ngx_messaging_jwk_t *key,
    ngx_str_t *pem);
static ngx_uint_t ngx_messaging_jwk_blank(BIO *bio);
static const char *ngx_messaging_jwk_pem_block(ngx_messaging_jwk_t *key,
    char *name, char *header, u_char *data, long len);
static const char *ngx_messaging_jwk_pin_rsa(ngx_messaging_jwk_t *key);
static ngx_uint_t ngx_messaging_jwk_pin_ec(EVP_PKEY *pkey);


static ngx_messaging_jwa_t  ngx_messaging_jwas[] = {
    { ngx_string("HS256"), NGX_MESSAGING_JWA_HS256 },
    { ngx_string("HS384"), NGX_MESSAGING_JWA_HS384 },
    { ngx_string("HS512"), NGX_MESSAGING_JWA_HS512 },
    { ngx_string("RS256"), NGX_MESSAGING_JWA_RS256 },
    { ngx_string("RS384"), NGX_MESSAGING_JWA_RS384 },
    { ngx_string("RS512"), NGX_MESSAGING_JWA_RS512 },
    { ngx_string("ES256"), NGX_MESSAGING_JWA_ES256 },
    { ngx_string("ES384"), NGX_MESSAGING_JWA_ES384 },
    { ngx_string("ES512"), NGX_MESSAGING_JWA_ES512 },
    { ngx_string("PS256"), NGX_MESSAGING_JWA_PS256 },
    { ngx_string("PS384"), NGX_MESSAGING_JWA_PS384 },
    { ngx_string("PS512"), NGX_MESSAGING_JWA_PS512 },
    { ngx_string("EdDSA"), NGX_MESSAGING_JWA_EDDSA },
    { ngx_null_string, 0 }
};


/* ES* have one curve each, RFC 7518, section 3.4 */

static ngx_messaging_jwk_group_t  ngx_messaging_jwk_groups[] = {
    { "prime256v1", NGX_MESSAGING_JWA_ES256 },
    { "secp384r1", NGX_MESSAGING_JWA_ES384 },
    { "secp521r1", NGX_MESSAGING_JWA_ES512 },
    { NULL, 0 }
};


/* the alphabet of RFC 4648, section 5; 77 is none of it */

static u_char  ngx_messaging_jwk_base64url_table[] = {
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 62, 77, 77,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 77, 77, 77, 77, 77, 77,
    77,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 77, 77, 77, 77, 63,
    77, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77
};


ngx_messaging_jwks_t *
ngx_messaging_jwks_create(void)
{
    ngx_messaging_jwks_t  *set;

    set = OPENSSL_zalloc(sizeof(ngx_messaging_jwks_t));
    if (set == NULL) {
        ERR_clear_error();
        return NULL;
    }

    set->refs = 1;

    return set;
}


void
ngx_messaging_jwks_release(ngx_messaging_jwks_t *set)
{
    if (--set->refs > 0) {
        return;
    }

    while (set->nelts > 0) {
        ngx_messaging_jwk_free(&set->keys[--set->nelts]);
    }

    OPENSSL_free(set->keys);
    OPENSSL_free(set);
}


ngx_uint_t
ngx_messaging_jwa(u_char *name, size_t len)
{
    ngx_messaging_jwa_t  *jwa;

    for (jwa = ngx_messaging_jwas; jwa->name.len; jwa++) {
        if (jwa->name.len == len && ngx_memcmp(jwa->name.data, name, len) == 0)
        {
            return jwa->alg;
        }
    }

    return 0;
}


const char *
ngx_messaging_jwks_add_secret(ngx_messaging_jwks_t *set, ngx_uint_t alg,
    ngx_str_t *kid, ngx_str_t *secret, ngx_uint_t *weak)
{
    const char           *error;
    ngx_messaging_jwk_t   key;

    ngx_memzero(&key, sizeof(ngx_messaging_jwk_t));

    key.kid = *kid;
    key.algs = alg;

    error = ngx_messaging_jwk_secret(&key, secret, weak);

    if (error == NULL) {
        error = ngx_messaging_jwks_push(set, &key);
    }

    ERR_clear_error();

    return error;
}


const char *
ngx_messaging_jwks_add_pem(ngx_messaging_jwks_t *set, ngx_uint_t alg,
    ngx_str_t *kid, ngx_str_t *pem)
{
    const char           *error;
    ngx_messaging_jwk_t   key;

    if (alg & NGX_MESSAGING_JWA_HS) {
        return "HS256, HS384 and HS512 take a secret, not a PEM key";
    }

    ngx_memzero(&key, sizeof(ngx_messaging_jwk_t));

    key.kid = *kid;

    error = ngx_messaging_jwk_pem(&key, pem);

    if (error == NULL) {
        error = ngx_messaging_jwk_pin(&key);
    }

    if (error == NULL) {
        key.algs &= alg;

        if (key.algs == 0) {
            error = "key is of another type or curve than its algorithm";
        }
    }

    if (error == NULL) {
        error = ngx_messaging_jwks_push(set, &key);

    } else {
        EVP_PKEY_free(key.pkey);
    }

    ERR_clear_error();

    return error;
}


const char *
ngx_messaging_jwks_push(ngx_messaging_jwks_t *set, ngx_messaging_jwk_t *key)
{
    u_char      *p;
    ngx_str_t   *kid;
    ngx_uint_t   i;
    const char  *error;

    p = NULL;
    error = NULL;

    if (key->kid.len > NGX_MESSAGING_JWK_MAX_KID) {
        error = "kid is longer than 256 bytes";
    }

    for (i = 0; i < set->nelts && key->kid.len && error == NULL; i++) {
        kid = &set->keys[i].kid;

        if (kid->len == key->kid.len
            && ngx_memcmp(kid->data, key->kid.data, kid->len) == 0)
        {
            error = "kid is repeated";
        }
    }

    if (error == NULL) {
        error = ngx_messaging_jwks_grow(set);
    }

    if (error == NULL && key->kid.len) {
        p = OPENSSL_memdup(key->kid.data, key->kid.len);
        if (p == NULL) {
            error = "no memory for the key";
        }
    }

    key->kid.data = p;

    if (error) {
        ngx_messaging_jwk_free(key);
        return error;
    }

    set->keys[set->nelts++] = *key;

    return NULL;
}


static const char *
ngx_messaging_jwks_grow(ngx_messaging_jwks_t *set)
{
    ngx_uint_t            n;
    ngx_messaging_jwk_t  *keys;

    if (set->nelts < set->nalloc) {
        return NULL;
    }

    if (set->nelts >= NGX_MESSAGING_JWK_MAX_KEYS) {
        return "more than 64 keys";
    }

    n = set->nalloc ? 2 * set->nalloc : 4;

    keys = OPENSSL_realloc(set->keys, n * sizeof(ngx_messaging_jwk_t));
    if (keys == NULL) {
        return "no memory for the key";
    }

    set->keys = keys;
    set->nalloc = n;

    return NULL;
}


void
ngx_messaging_jwk_free(ngx_messaging_jwk_t *key)
{
    OPENSSL_free(key->kid.data);
    OPENSSL_clear_free(key->secret.data, key->secret.len);
    EVP_PKEY_free(key->pkey);
}


const char *
ngx_messaging_jwk_secret(ngx_messaging_jwk_t *key, ngx_str_t *secret,
    ngx_uint_t *weak)
{
    size_t  digest;

    switch (key->algs) {

    case NGX_MESSAGING_JWA_HS256:
        digest = 32;
        break;

    case NGX_MESSAGING_JWA_HS384:
        digest = 48;
        break;

    case NGX_MESSAGING_JWA_HS512:
        digest = 64;
        break;

    default:
        return "only HS256, HS384 and HS512 take a secret";
    }

    if (secret->len == 0) {
        return "secret is empty";
    }

    if (secret->len > NGX_MESSAGING_JWK_MAX_SECRET) {
        return "secret is longer than 4096 bytes";
    }

    /* whoever knows a public key could sign with it, RFC 8725, section 2.1 */

    if (ngx_messaging_jwk_is_pem(secret)) {
        return "secret is a PEM key or certificate";
    }

    key->secret.data = OPENSSL_memdup(secret->data, secret->len);
    if (key->secret.data == NULL) {
        return "no memory for the key";
    }

    key->secret.len = secret->len;
    *weak = secret->len < digest;

    return NULL;
}


static ngx_uint_t
ngx_messaging_jwk_is_pem(ngx_str_t *text)
{
    size_t            i;
    static const char  begin[] = "-----BEGIN";

    for (i = 0; i + sizeof(begin) - 1 <= text->len; i++) {
        if (ngx_memcmp(&text->data[i], begin, sizeof(begin) - 1) == 0) {
            return 1;
        }
    }

    return 0;
}


static const char *
ngx_messaging_jwk_pem(ngx_messaging_jwk_t *key, ngx_str_t *pem)
{
    int          rc;
    BIO         *bio;
    char        *name, *header;
    long         len;
    u_char      *data;
    const char  *error;

    if (pem->len > NGX_MESSAGING_JWK_MAX_PEM) {
        return "PEM key is longer than 64 KB";
    }

    if (pem->len == 0) {
        return "not a PEM key";
    }

    bio = BIO_new_mem_buf(pem->data, (int) pem->len);
    if (bio == NULL) {
        return "no memory for the key";
    }

    /*
     * This reader only undoes the armor.  An encrypted block comes out as it
     * stands, so that nothing can ever ask for a password on the terminal.
     */

    rc = PEM_read_bio(bio, &name, &header, &data, &len);

    if (rc != 1) {
        BIO_free(bio);
        return "not a PEM key";
    }

    error = ngx_messaging_jwk_pem_block(key, name, header, data, len);

    if (error == NULL && !ngx_messaging_jwk_blank(bio)) {
        error = "something stands behind the PEM key";
        EVP_PKEY_free(key->pkey);
        key->pkey = NULL;
    }

    BIO_free(bio);

    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, len);

    return error;
}


static ngx_uint_t
ngx_messaging_jwk_blank(BIO *bio)
{
    int     i, n;
    u_char  buf[256];

    for ( ;; ) {
        n = BIO_read(bio, buf, sizeof(buf));

        if (n <= 0) {
            return 1;
        }

        for (i = 0; i < n; i++) {
            if (buf[i] != ' ' && buf[i] != '\t' && buf[i] != CR
                && buf[i] != LF)
            {
                return 0;
            }
        }
    }
}


static const char *
ngx_messaging_jwk_pem_block(ngx_messaging_jwk_t *key, char *name, char *header,
    u_char *data, long len)
{
    X509          *cert;
    const u_char  *p;

    p = data;

    if (ngx_strstr(name, "ENCRYPTED") || ngx_strstr(header, "ENCRYPTED")) {
        return "key is encrypted; a public key is needed";
    }

    if (ngx_strstr(name, "PRIVATE")) {
        return "key is private; a public key is needed";
    }

    if (ngx_strcmp(name, PEM_STRING_PUBLIC) == 0) {
        key->pkey = d2i_PUBKEY(NULL, &p, len);

    } else if (ngx_strcmp(name, PEM_STRING_RSA_PUBLIC) == 0) {
        key->pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, len);

    } else if (ngx_strcmp(name, PEM_STRING_X509) == 0) {
        cert = d2i_X509(NULL, &p, len);

        if (cert) {
            key->pkey = X509_get_pubkey(cert);
            X509_free(cert);
        }

    } else {
        return "PEM block is neither a public key nor a certificate";
    }

    if (key->pkey == NULL) {
        return "PEM key is malformed or of an unknown type";
    }

    if (p != data + len) {
        EVP_PKEY_free(key->pkey);
        key->pkey = NULL;

        return "PEM key is malformed";
    }

    return NULL;
}


const char *
ngx_messaging_jwk_pin(ngx_messaging_jwk_t *key)
{
    int            rc;
    EVP_PKEY_CTX  *ctx;

    if (EVP_PKEY_is_a(key->pkey, "RSA")) {
        return ngx_messaging_jwk_pin_rsa(key);
    }

    if (EVP_PKEY_is_a(key->pkey, "EC")) {
        key->algs = ngx_messaging_jwk_pin_ec(key->pkey);

    } else if (EVP_PKEY_is_a(key->pkey, "ED25519")
               || EVP_PKEY_is_a(key->pkey, "ED448"))
    {
        key->algs = NGX_MESSAGING_JWA_EDDSA;

    } else {
        key->algs = 0;
    }

    if (key->algs == 0) {
        return "key is of an unsupported type or curve";
    }

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    if (ctx == NULL) {
        return "no memory for the key";
    }

    rc = EVP_PKEY_public_check(ctx);

    EVP_PKEY_CTX_free(ctx);

    return (rc == 1) ? NULL : "key is not valid";
}


/*
 * Any signature would be good for an exponent of 1.  OpenSSL's own check looks
 * for primes, which takes milliseconds, and a JWK set may come at run time.
 */

static const char *
ngx_messaging_jwk_pin_rsa(ngx_messaging_jwk_t *key)
{
    int          bits;
    BIGNUM      *n, *e;
    const char  *error;

    bits = EVP_PKEY_get_bits(key->pkey);

    if (bits < NGX_MESSAGING_JWK_MIN_RSA) {
        return "RSA key is shorter than 2048 bits";
    }

    if (bits > NGX_MESSAGING_JWK_MAX_RSA) {
        return "RSA key is longer than 8192 bits";
    }

    n = NULL;
    e = NULL;
    error = "key is not valid";

    if (EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1
        && EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1
        && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e)
        && BN_num_bits(e) <= NGX_MESSAGING_JWK_MAX_EXP)
    {
        key->algs = NGX_MESSAGING_JWA_RSA;
        error = NULL;
    }

    BN_free(n);
    BN_free(e);

    return error;
}


static ngx_uint_t
ngx_messaging_jwk_pin_ec(EVP_PKEY *pkey)
{
    char                        name[80];
    ngx_messaging_jwk_group_t  *group;

    if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), NULL) != 1) {
        return 0;
    }

    for (group = ngx_messaging_jwk_groups; group->name; group++) {
        if (ngx_strcmp(group->name, name) == 0) {
            return group->alg;
        }
    }

    return 0;
}


ssize_t
ngx_messaging_jwk_base64url(u_char *dst, size_t size, ngx_str_t *src)
{
    size_t       i;
    u_char      *p, *last;
    uint32_t     bits;
    ngx_uint_t   n, value;

    /* a lone character at the end is less than a byte */

    if (src->len % 4 == 1) {
        return NGX_ERROR;
    }

    p = dst;
    last = dst + size;
    bits = 0;
    n = 0;

    for (i = 0; i < src->len; i++) {
        value = ngx_messaging_jwk_base64url_table[src->data[i]];

        if (value > 63) {
            return NGX_ERROR;
        }

        bits = (bits << 6) | value;
        n += 6;

        if (n >= 8) {
            if (p == last) {
                return NGX_ERROR;
            }

            n -= 8;
            *p++ = (u_char) (bits >> n);
            bits &= (1 << n) - 1;
        }
    }

    /* bits that no byte needs are 0, RFC 4648, section 3.5 */

    return bits ? NGX_ERROR : p - dst;
}
