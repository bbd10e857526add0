
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_jwk.c"
#include "unit.h"
#include "jose.h"


static void        *test_watched;
static size_t       test_watched_len;
static ngx_uint_t   test_wiped;

static test_key_t   rsa, rsa1024, ec256, ec384, ec521, k256, ed25519, ed448,
                    x25519;


static void *
test_malloc(size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    return malloc(size);
}


static void *
test_realloc(void *p, size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    return realloc(p, size);
}


static void
test_free(void *p, const char *file, int line)
{
    size_t  i;

    (void) file;
    (void) line;

    if (p && p == test_watched) {
        test_wiped = 1;

        for (i = 0; i < test_watched_len; i++) {
            if (((u_char *) p)[i]) {
                test_wiped = 0;
            }
        }
    }

    free(p);
}


static void
test_names(void)
{
    ngx_uint_t  i, algs;

    static const char  *names[] = {
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256",
        "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"
    };

    static const char  *wrong[] = {
        "", "none", "None", "NONE", "hs256", "Hs256", "HS256 ", " HS256",
        "HS2560", "HS25", "HS1", "RS1", "ES256K", "EDDSA", "eddsa", "Ed25519",
        "RSA-OAEP", "dir"
    };

    algs = 0;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        algs |= ngx_messaging_jwa((u_char *) names[i], strlen(names[i]));
        unit_int(algs, (2 << i) - 1, names[i]);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        unit_ok(ngx_messaging_jwa((u_char *) wrong[i], strlen(wrong[i])) == 0,
                "no algorithm: \"%s\"", wrong[i]);
    }

    unit_int(ngx_messaging_jwa((u_char *) "HS256\0", 6), 0,
             "no algorithm: NUL behind the name");
}


static void
test_base64(void)
{
    char        *text;
    u_char       buf[256], all[256];
    ssize_t      n;
    ngx_uint_t   i, bad;

    static struct {
        const char  *text;
        const char  *want;     /* NULL: an error */
    } tests[] = {
        { "", "" },
        { "Zg", "f" },
        { "Zm8", "fo" },
        { "Zm9v", "foo" },
        { "Zm9vYg", "foob" },
        { "-_-_", "\xfb\xff\xbf" },
        { "Zg==", NULL },
        { "Zm8=", NULL },
        { "Zm9v=", NULL },
        { "Zh", NULL },        /* bits left over */
        { "Zm9", NULL },
        { "Z", NULL },
        { "Zm9vY", NULL },
        { "Zm9vA", NULL },
        { "+/+/", NULL },
        { "Zm9v\n", NULL },
        { " Zm9v", NULL },
        { "Zm.v", NULL },
        { "Zm\xc3v", NULL },
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        n = ngx_messaging_jwk_base64url(buf, sizeof(buf), str(tests[i].text));

        if (tests[i].want == NULL) {
            unit_ok(n == NGX_ERROR, "base64url %u: refused", (unsigned) i);

        } else {
            unit_ok(n == (ssize_t) strlen(tests[i].want)
                    && memcmp(buf, tests[i].want, n) == 0,
                    "base64url %u: \"%s\"", (unsigned) i, tests[i].text);
        }
    }

    unit_int(ngx_messaging_jwk_base64url(buf, 3, str("Zm9v")), 3,
             "base64url fits exactly");
    unit_int(ngx_messaging_jwk_base64url(buf, 2, str("Zm9v")), NGX_ERROR,
             "base64url does not fit");
    unit_int(ngx_messaging_jwk_base64url(buf, 0, str("Zg")), NGX_ERROR,
             "base64url into nothing");

    bad = 0;

    for (i = 0; i < 256; i++) {
        all[i] = (u_char) (255 - i);

        text = test_base64url(all, i + 1);
        n = ngx_messaging_jwk_base64url(buf, sizeof(buf), str(text));
        bad += n != (ssize_t) i + 1 || memcmp(buf, all, n) != 0;
        free(text);
    }

    unit_int(bad, 0, "base64url there and back");
}


static void
test_secrets(void)
{
    char                   big[4097];
    ngx_str_t              secret;
    ngx_uint_t             i, weak;
    ngx_messaging_jwks_t  *set;

    static struct {
        ngx_uint_t   alg;
        size_t       len;
        ngx_uint_t   weak;
    } tests[] = {
        { NGX_MESSAGING_JWA_HS256, 1, 1 },
        { NGX_MESSAGING_JWA_HS256, 31, 1 },
        { NGX_MESSAGING_JWA_HS256, 32, 0 },
        { NGX_MESSAGING_JWA_HS384, 47, 1 },
        { NGX_MESSAGING_JWA_HS384, 48, 0 },
        { NGX_MESSAGING_JWA_HS512, 63, 1 },
        { NGX_MESSAGING_JWA_HS512, 64, 0 },
        { NGX_MESSAGING_JWA_HS512, 4096, 0 },
    };

    set = ngx_messaging_jwks_create();

    memset(big, 's', sizeof(big));

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        secret.data = (u_char *) big;
        secret.len = tests[i].len;
        weak = 2;

        test_error(ngx_messaging_jwks_add_secret(set, tests[i].alg, str(""),
                                                 &secret, &weak),
                   NULL, "secret is taken");
        unit_int(weak, tests[i].weak, "secret is weak or not");
    }

    unit_int(set->nelts, i, "all secrets are in the set");
    unit_ok(set->keys[2].secret.len == 32
            && memcmp(set->keys[2].secret.data, big, 32) == 0
            && set->keys[2].secret.data != (u_char *) big
            && set->keys[2].pkey == NULL
            && set->keys[2].algs == NGX_MESSAGING_JWA_HS256,
            "the key is a copy and pins its algorithm");

    weak = 0;
    secret.len = 4097;

    test_error(ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                             str(""), &secret, &weak),
               "secret is longer than 4096 bytes", "long secret");
    test_error(ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                             str(""), str(""), &weak),
               "secret is empty", "empty secret");
    test_error(ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                             str(""), str(rsa.public), &weak),
               "secret is a PEM key or certificate", "PEM as a secret");
    test_error(ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                             str(""),
                                             str("\xef\xbb\xbf\n -----BEGIN"),
                                             &weak),
               "secret is a PEM key or certificate",
               "PEM with something in front as a secret");

    for (i = NGX_MESSAGING_JWA_RS256; i <= NGX_MESSAGING_JWA_EDDSA; i <<= 1) {
        test_error(ngx_messaging_jwks_add_secret(set, i, str(""),
                                                 str("secret"), &weak),
                   "only HS256, HS384 and HS512 take a secret",
                   "secret for another algorithm");
    }

    test_error(ngx_messaging_jwks_add_secret(set, 0, str(""), str("secret"),
                                             &weak),
               "only HS256, HS384 and HS512 take a secret",
               "secret for no algorithm");
    test_error(ngx_messaging_jwks_add_secret(set,
                                             NGX_MESSAGING_JWA_HS256
                                             |NGX_MESSAGING_JWA_HS512,
                                             str(""), str("secret"), &weak),
               "only HS256, HS384 and HS512 take a secret",
               "secret for two algorithms");

    unit_int(set->nelts, 8, "nothing else was added");

    ngx_messaging_jwks_release(set);
}


static void
test_wipe(void)
{
    ngx_uint_t             weak;
    ngx_messaging_jwks_t  *set;

    set = ngx_messaging_jwks_create();

    ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256, str("a"),
                                  str("a secret of this test"), &weak);

    test_watched = set->keys[0].secret.data;
    test_watched_len = set->keys[0].secret.len;

    set->refs++;
    ngx_messaging_jwks_release(set);
    unit_str(set->keys[0].secret.data, set->keys[0].secret.len,
             "a secret of this test", "a set in use keeps its secret");

    test_wiped = 0;
    ngx_messaging_jwks_release(set);
    test_watched = NULL;

    unit_int(test_wiped, 1, "the last release wipes the secret");
}


static char *
test_certificate(EVP_PKEY *pkey)
{
    BIO        *bio;
    X509       *x;
    X509_NAME  *name;

    x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 60);
    X509_set_pubkey(x, pkey);

    name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (u_char *) "test",
                               -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_sign(x, pkey, EVP_sha256());

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    X509_free(x);

    return test_pem(bio);
}


static void
test_pem_good(void)
{
    int                    len;
    BIO                   *bio;
    char                  *pem, *text;
    u_char                *der;
    ngx_uint_t             i;
    ngx_messaging_jwks_t  *set;

    struct {
        ngx_uint_t    alg;
        test_key_t   *key;
    } tests[] = {
        { NGX_MESSAGING_JWA_RS256, &rsa },
        { NGX_MESSAGING_JWA_RS384, &rsa },
        { NGX_MESSAGING_JWA_RS512, &rsa },
        { NGX_MESSAGING_JWA_PS256, &rsa },
        { NGX_MESSAGING_JWA_PS384, &rsa },
        { NGX_MESSAGING_JWA_PS512, &rsa },
        { NGX_MESSAGING_JWA_ES256, &ec256 },
        { NGX_MESSAGING_JWA_ES384, &ec384 },
        { NGX_MESSAGING_JWA_ES512, &ec521 },
        { NGX_MESSAGING_JWA_EDDSA, &ed25519 },
        { NGX_MESSAGING_JWA_EDDSA, &ed448 },
    };

    set = ngx_messaging_jwks_create();

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        test_error(ngx_messaging_jwks_add_pem(set, tests[i].alg, str(""),
                                              str(tests[i].key->public)),
                   NULL, "public key is taken");
        unit_ok(set->nelts == i + 1 && set->keys[i].algs == tests[i].alg
                && set->keys[i].secret.data == NULL
                && EVP_PKEY_eq(set->keys[i].pkey, tests[i].key->pkey) == 1,
                "and is that key");
    }

    der = NULL;
    len = i2d_PublicKey(rsa.pkey, &der);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio(bio, "RSA PUBLIC KEY", "", der, len);
    OPENSSL_free(der);

    pem = test_pem(bio);
    test_error(ngx_messaging_jwks_add_pem(set, NGX_MESSAGING_JWA_RS256,
                                          str("pkcs1"), str(pem)),
               NULL, "PKCS#1 is taken");
    unit_ok(EVP_PKEY_eq(set->keys[set->nelts - 1].pkey, rsa.pkey) == 1,
            "and is that key");
    free(pem);

    pem = test_certificate(ec256.pkey);
    text = test_text("subject=CN = test\r\n%s \t\r\n\n", pem);
    test_error(ngx_messaging_jwks_add_pem(set, NGX_MESSAGING_JWA_ES256,
                                          str("x509"), str(text)),
               NULL, "certificate with a text in front is taken");
    unit_ok(EVP_PKEY_eq(set->keys[set->nelts - 1].pkey, ec256.pkey) == 1,
            "and is that key");
    free(pem);
    free(text);

    ngx_messaging_jwks_release(set);
}


static void
test_pem_refused(const char *pem, ngx_uint_t alg, const char *want,
    const char *name)
{
    ngx_messaging_jwks_t  *set;

    set = ngx_messaging_jwks_create();

    test_error(ngx_messaging_jwks_add_pem(set, alg, str(""), str(pem)), want,
               name);

    if (set->nelts) {
        unit_ok(0, "%s: nothing is added", name);
    }

    ngx_messaging_jwks_release(set);
}


static void
test_pem_bad(void)
{
    int            len;
    BIO           *bio;
    char          *text, pass[] = "password";
    u_char        *der;
    EVP_PKEY      *pkey;
    EVP_PKEY_CTX  *ctx;

    test_pem_refused(rsa.public, NGX_MESSAGING_JWA_HS256,
                     "HS256, HS384 and HS512 take a secret, not a PEM key",
                     "PEM for HS256");
    test_pem_refused("", NGX_MESSAGING_JWA_RS256, "not a PEM key",
                     "empty PEM");
    test_pem_refused("secret", NGX_MESSAGING_JWA_RS256, "not a PEM key",
                     "no PEM");
    test_pem_refused("-----BEGIN PUBLIC KEY-----\n", NGX_MESSAGING_JWA_RS256,
                     "not a PEM key", "PEM is cut");
    test_pem_refused("-----BEGIN PUBLIC KEY-----\nAAAA\n"
                     "-----END PUBLIC KEY-----\n", NGX_MESSAGING_JWA_RS256,
                     "PEM key is malformed or of an unknown type",
                     "PEM of garbage");
    test_pem_refused("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                     "-----END EC PARAMETERS-----\n", NGX_MESSAGING_JWA_ES256,
                     "PEM block is neither a public key nor a certificate",
                     "PEM of parameters");

    test_pem_refused(rsa1024.public, NGX_MESSAGING_JWA_RS256,
                     "RSA key is shorter than 2048 bits", "RSA of 1024 bits");

    test_pem_refused(ec256.public, NGX_MESSAGING_JWA_ES384,
                     "key is of another type or curve than its algorithm",
                     "P-256 for ES384");
    test_pem_refused(ec384.public, NGX_MESSAGING_JWA_ES256,
                     "key is of another type or curve than its algorithm",
                     "P-384 for ES256");
    test_pem_refused(ec256.public, NGX_MESSAGING_JWA_RS256,
                     "key is of another type or curve than its algorithm",
                     "EC for RS256");
    test_pem_refused(rsa.public, NGX_MESSAGING_JWA_ES256,
                     "key is of another type or curve than its algorithm",
                     "RSA for ES256");
    test_pem_refused(ed25519.public, NGX_MESSAGING_JWA_ES256,
                     "key is of another type or curve than its algorithm",
                     "Ed25519 for ES256");
    test_pem_refused(rsa.public, 0,
                     "key is of another type or curve than its algorithm",
                     "RSA for no algorithm");
    /* the point at infinity, as SEC 1 writes it: one zero */

    test_pem_refused("-----BEGIN PUBLIC KEY-----\n"
                     "MBkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDAgAA\n"
                     "-----END PUBLIC KEY-----\n", NGX_MESSAGING_JWA_ES256,
                     "key is not valid", "point at infinity");

    test_pem_refused(k256.public, NGX_MESSAGING_JWA_ES256,
                     "key is of an unsupported type or curve", "secp256k1");
    test_pem_refused(x25519.public, NGX_MESSAGING_JWA_EDDSA,
                     "key is of an unsupported type or curve", "X25519");

    text = test_text("%s%s", ec256.public, ec256.public);
    test_pem_refused(text, NGX_MESSAGING_JWA_ES256,
                     "something stands behind the PEM key", "two keys");
    free(text);

    text = test_text("%sx", ec256.public);
    test_pem_refused(text, NGX_MESSAGING_JWA_ES256,
                     "something stands behind the PEM key",
                     "garbage behind a key");
    free(text);

    /* a byte behind the DER, within the armor */

    der = NULL;
    len = i2d_PUBKEY(ec256.pkey, &der);
    der = OPENSSL_realloc(der, len + 1);
    der[len] = 0;
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio(bio, "PUBLIC KEY", "", der, len + 1);
    OPENSSL_free(der);
    text = test_pem(bio);
    test_pem_refused(text, NGX_MESSAGING_JWA_ES256, "PEM key is malformed",
                     "garbage behind the DER");
    free(text);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, rsa.pkey, NULL, NULL, 0, NULL, NULL);
    text = test_pem(bio);
    test_pem_refused(text, NGX_MESSAGING_JWA_RS256,
                     "key is private; a public key is needed", "PKCS#8");
    free(text);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey_traditional(bio, ec256.pkey, NULL, NULL, 0, NULL,
                                         NULL);
    text = test_pem(bio);
    test_pem_refused(text, NGX_MESSAGING_JWA_ES256,
                     "key is private; a public key is needed",
                     "EC PRIVATE KEY");
    free(text);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, ec256.pkey, EVP_aes_256_cbc(), pass, 8,
                                  NULL, NULL);
    text = test_pem(bio);
    test_pem_refused(text, NGX_MESSAGING_JWA_ES256,
                     "key is encrypted; a public key is needed",
                     "encrypted PKCS#8");
    free(text);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey_traditional(bio, ec256.pkey, EVP_aes_256_cbc(),
                                         (u_char *) pass, 8, NULL, NULL);
    text = test_pem(bio);
    test_pem_refused(text, NGX_MESSAGING_JWA_ES256,
                     "key is encrypted; a public key is needed",
                     "encrypted EC PRIVATE KEY");
    free(text);

    text = malloc(65538);
    memset(text, '\n', 65537);
    text[65537] = '\0';
    memcpy(text, ec256.public, strlen(ec256.public));
    test_pem_refused(text, NGX_MESSAGING_JWA_ES256,
                     "PEM key is longer than 64 KB", "long PEM");
    free(text);

    ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY_keygen_init(ctx);
    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048);
    pkey = NULL;
    EVP_PKEY_keygen(ctx, &pkey);
    EVP_PKEY_CTX_free(ctx);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, pkey);
    text = test_pem(bio);
    test_pem_refused(text, NGX_MESSAGING_JWA_PS256,
                     "key is of an unsupported type or curve", "RSA-PSS");
    free(text);
    EVP_PKEY_free(pkey);
}


static void
test_kids(void)
{
    char                   kid[258];
    ngx_uint_t             i, weak;
    const char            *error;
    ngx_messaging_jwks_t  *set;

    set = ngx_messaging_jwks_create();

    memset(kid, 'k', 257);
    kid[257] = '\0';

    test_error(ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                             str(kid), str("secret"), &weak),
               "kid is longer than 256 bytes", "kid of 257 bytes");

    kid[256] = '\0';

    test_error(ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                             str(kid), str("secret"), &weak),
               NULL, "kid of 256 bytes");
    unit_ok(set->keys[0].kid.len == 256
            && set->keys[0].kid.data != (u_char *) kid
            && memcmp(set->keys[0].kid.data, kid, 256) == 0,
            "kid is copied");

    test_error(ngx_messaging_jwks_add_pem(set, NGX_MESSAGING_JWA_ES256,
                                          str(kid), str(ec256.public)),
               "kid is repeated", "kid of a secret again for a PEM");
    test_error(ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                             str(kid), str("secret"), &weak),
               "kid is repeated", "kid again");
    test_error(ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                             str("kk"), str("secret"), &weak),
               NULL, "another kid");
    test_error(ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                             str("KK"), str("secret"), &weak),
               NULL, "another kid by case");

    error = NULL;

    for (i = 0; i < 61; i++) {
        error = ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                              str(""), str("secret"), &weak);
    }

    test_error(error, NULL, "64 keys");
    test_error(ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256,
                                             str(""), str("secret"), &weak),
               "more than 64 keys", "65 keys");
    unit_int(set->nelts, 64, "64 keys are in the set");

    ngx_messaging_jwks_release(set);
}


int
main(void)
{
    if (CRYPTO_set_mem_functions(test_malloc, test_realloc, test_free) != 1) {
        return 1;
    }

    test_rsa(&rsa, 2048);
    test_rsa(&rsa1024, 1024);
    test_ec(&ec256, "P-256", 32);
    test_ec(&ec384, "P-384", 48);
    test_ec(&ec521, "P-521", 66);
    test_ec(&k256, "secp256k1", 32);
    test_okp(&ed25519, "Ed25519");
    test_okp(&ed448, "Ed448");
    test_okp(&x25519, "X25519");

    test_names();
    test_base64();
    test_secrets();
    test_wipe();
    test_pem_good();
    test_pem_bad();
    test_kids();

    test_key_free(&rsa);
    test_key_free(&rsa1024);
    test_key_free(&ec256);
    test_key_free(&ec384);
    test_key_free(&ec521);
    test_key_free(&k256);
    test_key_free(&ed25519);
    test_key_free(&ed448);
    test_key_free(&x25519);

    return unit_done();
}
