
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_JWK_H_INCLUDED_
#define _NGX_MESSAGING_JWK_H_INCLUDED_


#include "ngx_messaging.h"

#include <openssl/evp.h>


/* JWS algorithms, RFC 7518, section 3.1, and RFC 8037; one bit each */

#define NGX_MESSAGING_JWA_HS256  0x0001
#define NGX_MESSAGING_JWA_HS384  0x0002
#define NGX_MESSAGING_JWA_HS512  0x0004
#define NGX_MESSAGING_JWA_RS256  0x0008
#define NGX_MESSAGING_JWA_RS384  0x0010
#define NGX_MESSAGING_JWA_RS512  0x0020
#define NGX_MESSAGING_JWA_ES256  0x0040
#define NGX_MESSAGING_JWA_ES384  0x0080
#define NGX_MESSAGING_JWA_ES512  0x0100
#define NGX_MESSAGING_JWA_PS256  0x0200
#define NGX_MESSAGING_JWA_PS384  0x0400
#define NGX_MESSAGING_JWA_PS512  0x0800
#define NGX_MESSAGING_JWA_EDDSA  0x1000


/* bounds of a set; that of RSA keys bounds the time of a verification, too */

#define NGX_MESSAGING_JWK_MAX_KEYS    64
#define NGX_MESSAGING_JWK_MAX_KID     256       /* bytes */
#define NGX_MESSAGING_JWK_MAX_SECRET  4096      /* bytes */
#define NGX_MESSAGING_JWK_MAX_RSA     8192      /* bits */


/* one verification key: exactly one of "secret" and "pkey" is set */

typedef struct {
    ngx_str_t     kid;         /* empty: the key has none */
    ngx_uint_t    algs;        /* the algorithms it pins, of one family */
    ngx_str_t     secret;
    EVP_PKEY     *pkey;
} ngx_messaging_jwk_t;


/* a set of keys, counted by its users; read-only once it is built */

typedef struct {
    ngx_uint_t              refs;
    ngx_uint_t              nelts;
    ngx_uint_t              nalloc;
    ngx_messaging_jwk_t    *keys;
} ngx_messaging_jwks_t;


/*
 * ngx_messaging_jwks_create() makes an empty set with one reference, NULL if
 * there is no memory.  ngx_messaging_jwks_release() gives a reference back;
 * the last one frees the keys and wipes the secrets.
 *
 * ngx_messaging_jwa() finds an algorithm by its case-sensitive name: one of
 * the bits above, or 0.
 *
 * ngx_messaging_jwks_add_secret() and ngx_messaging_jwks_add_pem() add a key
 * for one algorithm.  They, and ngx_messaging_jwks_parse(), return NULL or a
 * static text that tells what is wrong with the key (never the key itself):
 * an empty secret, a secret that is PEM, a PEM for HS*, a private or an
 * encrypted key, RSA below 2048 bits, a wrong curve, a repeated kid, the
 * wrong type of key for the algorithm.  *weak is set to 1 for a secret
 * shorter than the digest of its algorithm, RFC 7518, section 3.2.
 *
 * The secret is taken as it is: a newline at the end of a file that holds one
 * is for the caller to strip.  A PEM key is a "PUBLIC KEY", an "RSA PUBLIC
 * KEY" or a "CERTIFICATE", whose key is taken and the rest of it ignored, and
 * nothing may follow it.
 *
 * ngx_messaging_jwks_parse() reads a JWK set, RFC 7517, section 5.  Keys that
 * are not for signatures ("use", "key_ops"), of an unknown type, curve or
 * algorithm are skipped and counted in *skipped, and so are private keys, RSA
 * keys below 2048 bits and secrets that are too short for their algorithm; a
 * set without a usable key, with a repeated kid, of over 64 keys or 256 KB is
 * an error, and nothing of it is added then.  A key without "alg" pins the
 * algorithms of its family that its type and size allow (RSA: RS* and PS*;
 * EC: the one of its curve; oct: refused without "alg").
 */

ngx_messaging_jwks_t *ngx_messaging_jwks_create(void);
void ngx_messaging_jwks_release(ngx_messaging_jwks_t *set);
ngx_uint_t ngx_messaging_jwa(u_char *name, size_t len);
const char *ngx_messaging_jwks_add_secret(ngx_messaging_jwks_t *set,
    ngx_uint_t alg, ngx_str_t *kid, ngx_str_t *secret, ngx_uint_t *weak);
const char *ngx_messaging_jwks_add_pem(ngx_messaging_jwks_t *set,
    ngx_uint_t alg, ngx_str_t *kid, ngx_str_t *pem);
const char *ngx_messaging_jwks_parse(ngx_messaging_jwks_t *set,
    u_char *p, size_t len, ngx_uint_t *skipped);


/*
 * The rest is for the files of this layer.
 *
 * ngx_messaging_jwk_secret() and ngx_messaging_jwk_pin() test a key and set
 * its secret, or every algorithm that its EVP_PKEY may serve; they leave
 * OpenSSL's error queue to the caller.  ngx_messaging_jwks_push() takes over
 * the secret or EVP_PKEY, also if it fails, and copies the kid.
 *
 * ngx_messaging_jwk_base64url() decodes base64url in its canonical form, RFC
 * 7515, section 2: no padding, no other character, no bits left over.  It
 * returns the length, or NGX_ERROR, also if "size" bytes are not enough.
 */

const char *ngx_messaging_jwk_secret(ngx_messaging_jwk_t *key,
    ngx_str_t *secret, ngx_uint_t *weak);
const char *ngx_messaging_jwk_pin(ngx_messaging_jwk_t *key);
const char *ngx_messaging_jwks_push(ngx_messaging_jwks_t *set,
    ngx_messaging_jwk_t *key);
void ngx_messaging_jwk_free(ngx_messaging_jwk_t *key);
ssize_t ngx_messaging_jwk_base64url(u_char *dst, size_t size,
    ngx_str_t *src);


#endif /* _NGX_MESSAGING_JWK_H_INCLUDED_ */
