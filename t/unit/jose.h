
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _JOSE_H_INCLUDED_
#define _JOSE_H_INCLUDED_


/*
 * What the tests of keys, key sets and tokens share: keys that are made at
 * run time, as PEM and as JWK.  To be included behind the leaves and unit.h.
 */


#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>


#define str(text)  &(ngx_str_t) { strlen(text), (u_char *) text }


typedef struct {
    EVP_PKEY    *pkey;
    char        *public;       /* PEM */
    char        *members;      /* of its JWK */
} test_key_t;


static char * __attribute__((format(printf, 1, 2), unused))
test_text(const char *format, ...)
{
    char     *text;
    va_list   args;

    va_start(args, format);

    if (vasprintf(&text, format, args) < 0) {
        abort();
    }

    va_end(args);

    return text;
}


/* ends the BIO */

static char * __attribute__((unused))
test_pem(BIO *bio)
{
    char  *p, *text;
    long   len;

    len = BIO_get_mem_data(bio, &p);
    text = strndup(p, len);

    BIO_free(bio);

    return text;
}


static char * __attribute__((unused))
test_base64url(const u_char *p, size_t len)
{
    char    *text, *q;
    size_t   n;

    text = malloc(len * 2 + 4);
    n = EVP_EncodeBlock((u_char *) text, p, (int) len);

    for (q = text; q < text + n; q++) {
        if (*q == '+') {
            *q = '-';

        } else if (*q == '/') {
            *q = '_';

        } else if (*q == '=') {
            break;
        }
    }

    *q = '\0';

    return text;
}


/* size 0 is the length of the number itself */

static char * __attribute__((unused))
test_bn(EVP_PKEY *pkey, const char *name, size_t size)
{
    char    *text;
    u_char  *buf;
    BIGNUM  *bn;

    bn = NULL;
    EVP_PKEY_get_bn_param(pkey, name, &bn);

    if (size == 0) {
        size = BN_num_bytes(bn);
    }

    buf = malloc(size);
    BN_bn2binpad(bn, buf, (int) size);
    text = test_base64url(buf, size);

    BN_free(bn);
    free(buf);

    return text;
}


static void __attribute__((unused))
test_rsa(test_key_t *key, int bits)
{
    BIO   *bio;
    char  *n, *e;

    key->pkey = EVP_RSA_gen(bits);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key->pkey);
    key->public = test_pem(bio);

    n = test_bn(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0);
    e = test_bn(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
    key->members = test_text("\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"", n, e);

    free(n);
    free(e);
}


static void __attribute__((unused))
test_ec(test_key_t *key, const char *crv, size_t size)
{
    BIO   *bio;
    char  *x, *y;

    key->pkey = EVP_EC_gen(crv);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key->pkey);
    key->public = test_pem(bio);

    x = test_bn(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, size);
    y = test_bn(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, size);
    key->members = test_text("\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\","
                            "\"y\":\"%s\"", crv, x, y);

    free(x);
    free(y);
}


static void __attribute__((unused))
test_okp(test_key_t *key, const char *crv)
{
    BIO     *bio;
    char    *x;
    size_t   len;
    u_char   buf[64];

    key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, crv);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key->pkey);
    key->public = test_pem(bio);

    len = sizeof(buf);
    EVP_PKEY_get_raw_public_key(key->pkey, buf, &len);
    x = test_base64url(buf, len);
    key->members = test_text("\"kty\":\"OKP\",\"crv\":\"%s\",\"x\":\"%s\"",
                            crv, x);

    free(x);
}


static void __attribute__((unused))
test_key_free(test_key_t *key)
{
    EVP_PKEY_free(key->pkey);
    free(key->public);
    free(key->members);
}


/* NULL is no error */

static void __attribute__((unused))
test_error(const char *got, const char *want, const char *name)
{
    if (!unit_ok((want == NULL) ? got == NULL
                                : got != NULL && strcmp(got, want) == 0,
                 "%s", name))
    {
        printf("# got \"%s\", want \"%s\"\n", got ? got : "(none)",
               want ? want : "(none)");
    }

    if (ERR_peek_error()) {
        unit_ok(0, "%s: OpenSSL's error queue is empty", name);
        ERR_clear_error();
    }
}


#endif /* _JOSE_H_INCLUDED_ */
