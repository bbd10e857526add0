
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_json.c"
#include "../../src/ngx_messaging_jwk.c"
#include "../../src/ngx_messaging_jwks.c"
#include "unit.h"
#include "jose.h"


#define RS_PS                                                                 \
    (NGX_MESSAGING_JWA_RS256|NGX_MESSAGING_JWA_RS384|NGX_MESSAGING_JWA_RS512  \
     |NGX_MESSAGING_JWA_PS256|NGX_MESSAGING_JWA_PS384|NGX_MESSAGING_JWA_PS512)


static long         test_fail_after = -1;
static ngx_uint_t   test_failed;

static test_key_t   rsa, rsa1024, ec256, ec384, ec521, k256, ed25519, ed448,
                    x25519;


static void *
test_malloc(size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    if (test_fail_after >= 0 && test_fail_after-- == 0) {
        test_failed = 1;
        return NULL;
    }

    return malloc(size);
}


static void *
test_realloc(void *p, size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    if (test_fail_after >= 0 && test_fail_after-- == 0) {
        test_failed = 1;
        return NULL;
    }

    return realloc(p, size);
}


static void
test_free(void *p, const char *file, int line)
{
    (void) file;
    (void) line;

    free(p);
}


/* algs 0: it is skipped */

static void
test_jwk_pins(const char *jwk, ngx_uint_t algs, EVP_PKEY *pkey,
    const char *name)
{
    char                  *text;
    ngx_uint_t             skipped;
    const char            *error;
    ngx_messaging_jwk_t   *key;
    ngx_messaging_jwks_t  *set;

    set = ngx_messaging_jwks_create();
    text = test_text("{\"keys\":[{%s}]}", jwk);

    skipped = 99;
    error = ngx_messaging_jwks_parse(set, (u_char *) text, strlen(text),
                                     &skipped);

    if (algs == 0) {
        test_error(error, "JWK set has no usable key", name);
        unit_ok(skipped == 1 && set->nelts == 0, "%s: skipped", name);

    } else {
        test_error(error, NULL, name);
        key = set->keys;

        unit_ok(skipped == 0 && set->nelts == 1 && key->algs == algs
                && (pkey ? EVP_PKEY_eq(key->pkey, pkey) == 1
                           && key->secret.data == NULL
                         : key->pkey == NULL && key->secret.len == 32
                           && key->secret.data[31] == 31),
                "%s: is that key", name);
    }

    ngx_messaging_jwks_release(set);
    free(text);
}


static void
test_jwks_good(void)
{
    char                  *text, *padded, *n;
    ngx_uint_t             skipped;
    ngx_messaging_jwks_t  *set;

    test_jwk_pins(rsa.members, RS_PS, rsa.pkey, "RSA");
    test_jwk_pins(ec256.members, NGX_MESSAGING_JWA_ES256, ec256.pkey, "P-256");
    test_jwk_pins(ec384.members, NGX_MESSAGING_JWA_ES384, ec384.pkey, "P-384");
    test_jwk_pins(ec521.members, NGX_MESSAGING_JWA_ES512, ec521.pkey, "P-521");
    test_jwk_pins(ed25519.members, NGX_MESSAGING_JWA_EDDSA, ed25519.pkey,
                  "Ed25519");
    test_jwk_pins(ed448.members, NGX_MESSAGING_JWA_EDDSA, ed448.pkey, "Ed448");

    text = test_text("%s,\"alg\":\"PS384\",\"use\":\"sig\",\"x5c\":[\"a\"],"
                    "\"key_ops\":[\"encrypt\",\"verify\"],\"kid\":\"k\"",
                    rsa.members);
    test_jwk_pins(text, NGX_MESSAGING_JWA_PS384, rsa.pkey, "RSA with alg");
    free(text);

    n = test_bn(rsa.pkey, OSSL_PKEY_PARAM_RSA_N, 257);
    text = test_text("\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"", n);
    test_jwk_pins(text, RS_PS, rsa.pkey, "RSA with a zero in front");
    free(text);
    free(n);

    test_jwk_pins("\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"a\",\"k\":"
                  "\"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI\",\"use\":\"sig\""
                  ",\"k\\u0065y_ops\":[\"sign\",\"verify\"]",
                  0, NULL, "oct of 26 bytes is too weak");
    test_jwk_pins("\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"a\",\"k\":"
                  "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\","
                  "\"key_ops\":[\"sign\",\"verify\"]",
                  NGX_MESSAGING_JWA_HS256, NULL, "oct");

    /* what cannot be used is skipped, the rest is there in its order */

    padded = test_text(" {\"x\":1, \"keys\":[{%s},{\"kty\":\"XYZ\"},7,null,"
                      "{%s,\"kid\":\"e\"},[],{%s,\"use\":\"enc\"}]}\r\n ",
                      rsa.members, ed448.members, rsa.members);
    set = ngx_messaging_jwks_create();
    skipped = 99;
    test_error(ngx_messaging_jwks_parse(set, (u_char *) padded,
                                        strlen(padded), &skipped),
               NULL, "set with keys to skip");
    unit_int(skipped, 5, "five are skipped");
    unit_ok(set->nelts == 2
            && EVP_PKEY_eq(set->keys[0].pkey, rsa.pkey) == 1
            && set->keys[0].kid.len == 0
            && EVP_PKEY_eq(set->keys[1].pkey, ed448.pkey) == 1
            && set->keys[1].kid.len == 1 && set->keys[1].kid.data[0] == 'e',
            "two are there");
    ngx_messaging_jwks_release(set);
    free(padded);
}


/* frees the text */

static void
test_jwk_skipped(char *jwk, const char *name)
{
    test_jwk_pins(jwk, 0, NULL, name);
    free(jwk);
}


static void
test_jwks_skipped(void)
{
    char  *p, *text, *x, *y;

    test_jwk_skipped(test_text("%s", rsa1024.members), "RSA of 1024 bits");
    test_jwk_skipped(test_text("%s", k256.members), "secp256k1");
    test_jwk_skipped(test_text("%s", x25519.members), "X25519");
    test_jwk_skipped(test_text("%s,\"d\":\"AQAB\"", rsa.members),
                     "private RSA");
    test_jwk_skipped(test_text("%s,\"d\":\"AQAB\"", ec256.members),
                     "private EC");
    test_jwk_skipped(test_text("%s,\"d\":null", ed25519.members),
                     "private OKP");
    test_jwk_skipped(test_text("%s,\"use\":\"enc\"", ec256.members),
                     "use enc");
    test_jwk_skipped(test_text("%s,\"use\":1", ec256.members),
                     "use is a number");
    test_jwk_skipped(test_text("%s,\"key_ops\":[\"sign\",1]", ec256.members),
                     "key_ops without verify");
    test_jwk_skipped(test_text("%s,\"key_ops\":\"verify\"", ec256.members),
                     "key_ops is a string");
    test_jwk_skipped(test_text("%s,\"alg\":\"ES384\"", ec256.members),
                     "alg of another curve");
    test_jwk_skipped(test_text("%s,\"alg\":\"HS256\"", rsa.members),
                     "alg HS256 for RSA");
    test_jwk_skipped(test_text("%s,\"alg\":\"RS256\"", ec256.members),
                     "alg RS256 for EC");
    test_jwk_skipped(test_text("%s,\"alg\":\"none\"", ec256.members),
                     "alg none");
    test_jwk_skipped(test_text("%s,\"alg\":\"es256\"", ec256.members),
                     "alg in lower case");
    test_jwk_skipped(test_text("%s,\"alg\":\"RSA-OAEP\"", rsa.members),
                     "alg of an encryption");
    test_jwk_skipped(test_text("%s,\"alg\":5", ec256.members),
                     "alg is a number");
    test_jwk_skipped(test_text("%s,\"kid\":5", ec256.members),
                     "kid is a number");
    test_jwk_skipped(test_text("%s,\"kid\":\"%0257d\"", ec256.members, 1),
                     "kid of 257 bytes");
    test_jwk_skipped(test_text("\"kid\":\"x\""), "no kty");
    test_jwk_skipped(test_text("\"kty\":[]"), "kty is an array");
    test_jwk_skipped(test_text("\"kty\":\"rsa\""), "kty in lower case");

    test_jwk_skipped(test_text("\"kty\":\"RSA\",\"n\":\"AQAB\""), "RSA no e");
    test_jwk_skipped(test_text("\"kty\":\"RSA\",\"e\":\"AQAB\""), "RSA no n");
    test_jwk_skipped(test_text("\"kty\":\"EC\",\"crv\":\"P-256\""),
                     "EC without a point");
    test_jwk_skipped(test_text("\"kty\":\"OKP\",\"crv\":\"Ed25519\""),
                     "OKP without a point");
    test_jwk_skipped(test_text("\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                              "\"x\":\"AAAA\""), "Ed25519 too short");

    /* an exponent of 1 accepts any signature, and no even one is of RSA */

    x = test_bn(rsa.pkey, OSSL_PKEY_PARAM_RSA_N, 0);
    test_jwk_skipped(test_text("\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQ\"", x),
                     "RSA e is 1");
    test_jwk_skipped(test_text("\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAA\"",
                              x), "RSA e is even");
    test_jwk_skipped(test_text("\"kty\":\"RSA\",\"n\":\"%s\",\"e\":"
                              "\"Af___________w\"", x), "RSA e of 73 bits");
    test_jwk_skipped(test_text("\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"\"", x),
                     "RSA e is empty");
    test_jwk_skipped(test_text("\"kty\":\"RSA\",\"n\":\"%s=\",\"e\":\"AQAB\"",
                              x), "RSA n is padded");
    free(x);

    text = malloc(1400);
    memset(text, '_', 1399);
    text[1399] = '\0';
    test_jwk_skipped(test_text("\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"",
                              text), "RSA too long for the buffer");
    text[1366] = '\0';
    test_jwk_skipped(test_text("\"kty\":\"RSA\",\"n\":\"%s8\",\"e\":\"AQAB\"",
                              text), "RSA of 8200 bits");
    free(text);

    x = test_bn(ec256.pkey, OSSL_PKEY_PARAM_EC_PUB_X, 32);
    y = test_bn(ec256.pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 32);

    test_jwk_skipped(test_text("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\","
                              "\"y\":\"%s\"", x, x), "point off the curve");
    test_jwk_skipped(test_text("\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"%s\","
                              "\"y\":\"%s\"", x, y), "point of another curve");
    test_jwk_skipped(test_text("\"kty\":\"EC\",\"crv\":\"p-256\",\"x\":\"%s\","
                              "\"y\":\"%s\"", x, y), "curve in lower case");
    free(y);

    y = test_bn(ec256.pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 33);
    test_jwk_skipped(test_text("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\","
                              "\"y\":\"%s\"", x, y), "coordinate too long");
    free(y);

    y = test_bn(ec256.pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 32);

    for (p = y; p[1]; p++) {
        /* void */
    }

    /* 32 bytes leave two bits over */

    *p = (*p == '9') ? '-' : *p + 1;
    test_jwk_skipped(test_text("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\","
                              "\"y\":\"%s\"", x, y), "coordinate not canonic");
    free(x);
    free(y);

    test_jwk_skipped(test_text("\"kty\":\"oct\",\"alg\":\"HS256\""),
                     "oct without k");
    test_jwk_skipped(test_text("\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"\""),
                     "oct is empty");
    test_jwk_skipped(test_text("\"kty\":\"oct\",\"k\":\"AAECAwQFBgcICQoLDA0ODx"
                              "AREhMUFRYXGBkaGxwdHh8\""), "oct without alg");
    test_jwk_skipped(test_text("\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":"
                              "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
                              "\""), "oct for RS256");
    test_jwk_skipped(test_text("\"kty\":\"oct\",\"alg\":\"HS384\",\"k\":"
                              "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
                              "\""), "oct too short for HS384");

    p = test_base64url((u_char *) rsa.public, strlen(rsa.public));
    test_jwk_skipped(test_text("\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":"
                              "\"%s\"", p), "oct is a PEM key");
    free(p);

    text = malloc(5464);
    memset(text, 'A', 5463);
    text[5463] = '\0';
    test_jwk_skipped(test_text("\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":"
                              "\"%s\"", text), "oct of 4097 bytes");
    free(text);
}


/* frees the text; the keys that were there before stay */

static void
test_jwks_refused(char *text, const char *want, const char *name)
{
    ngx_uint_t             weak, skipped;
    ngx_messaging_jwks_t  *set;

    set = ngx_messaging_jwks_create();

    ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256, str("s"),
                                  str("secret"), &weak);

    test_error(ngx_messaging_jwks_parse(set, (u_char *) text, strlen(text),
                                        &skipped),
               want, name);

    if (set->nelts != 1 || set->keys[0].secret.len != 6) {
        unit_ok(0, "%s: set is as before", name);
    }

    ngx_messaging_jwks_release(set);
    free(text);
}


static void
test_jwks_bad(void)
{
    char    *p, *text;
    size_t   len;
    u_char   nul[] = "{\"keys\":[]}\0";

    ngx_uint_t             i, skipped;
    ngx_messaging_jwks_t  *set;

    test_jwks_refused(test_text("%s", ""), "JWK set is not a JSON object",
                      "empty text");
    test_jwks_refused(test_text("[]"), "JWK set is not a JSON object",
                      "array");
    test_jwks_refused(test_text("{\"keys\":[{}]} x"),
                      "JWK set is not a JSON object", "garbage behind");
    test_jwks_refused(test_text("{\"keys\":[],\"keys\":[]}"),
                      "JWK set is not a JSON object", "keys twice");
    test_jwks_refused(test_text("{\"keys\":[{%s,\"kty\":\"EC\"}]}",
                               ec256.members),
                      "JWK set is not a JSON object", "kty twice");
    test_jwks_refused(test_text("{}"), "JWK set has no array \"keys\"",
                      "no keys");
    test_jwks_refused(test_text("{\"keys\":{}}"),
                      "JWK set has no array \"keys\"", "keys is an object");
    test_jwks_refused(test_text("{%s}", ec256.members),
                      "JWK set has no array \"keys\"", "a lone key");
    test_jwks_refused(test_text("{\"keys\":[]}"), "JWK set has no usable key",
                      "keys is empty");
    test_jwks_refused(test_text("{\"keys\":[{%s,\"kid\":\"a\"},{%s,\"kid\":"
                               "\"a\"}]}", ec256.members, ec384.members),
                      "kid is repeated", "kid is repeated");
    test_jwks_refused(test_text("{\"keys\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"
                               "]]}"),
                      "JWK set is not a JSON object", "nested too deep");

    text = malloc(20000);

    /* 64 values are skipped, 65 are too many */

    for (i = 64; i <= 65; i++) {
        p = text + sprintf(text, "{\"keys\":[1");

        while ((size_t) (p - text) < sizeof("{\"keys\":[1") - 1 + 2 * i - 2) {
            p += sprintf(p, ",1");
        }

        sprintf(p, "]}");
        test_jwks_refused(strdup(text),
                          (i == 64) ? "JWK set has no usable key"
                                    : "more than 64 keys",
                          "number of keys");
    }

    p = text + sprintf(text, "{\"x\":[1");

    for (i = 0; i < 4200; i++) {
        p += sprintf(p, ",1");
    }

    sprintf(p, "],\"keys\":[]}");
    test_jwks_refused(strdup(text), "JWK set is not a JSON object",
                      "too many values");
    free(text);

    len = 262145;
    text = malloc(len + 1);
    memset(text, ' ', len);
    text[len] = '\0';
    memcpy(text, "{\"keys\":[]}", 11);
    test_jwks_refused(strdup(text), "JWK set is longer than 256 KB",
                      "256 KB and a byte");
    text[len - 1] = '\0';
    test_jwks_refused(text, "JWK set has no usable key", "256 KB");

    set = ngx_messaging_jwks_create();
    test_error(ngx_messaging_jwks_parse(set, nul, sizeof(nul) - 1, &skipped),
               "JWK set is not a JSON object", "NUL behind");
    ngx_messaging_jwks_release(set);
}


static void
test_jwks_full(void)
{
    ngx_uint_t             i, weak, skipped;
    ngx_messaging_jwks_t  *set;

    static char  one[] =
        "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\","
        "\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}]}";

    set = ngx_messaging_jwks_create();

    for (i = 0; i < 63; i++) {
        ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS256, str(""),
                                      str("secret"), &weak);
    }

    test_error(ngx_messaging_jwks_parse(set, (u_char *) one, strlen(one),
                                        &skipped),
               NULL, "64 keys with those of a JWK set");
    test_error(ngx_messaging_jwks_parse(set, (u_char *) one, strlen(one),
                                        &skipped),
               "more than 64 keys", "65 keys with those of a JWK set");
    unit_int(set->nelts, 64, "64 keys are in the set");

    ngx_messaging_jwks_release(set);
}


/*
 * Each allocation of OpenSSL fails once: there is an error or there are fewer
 * keys, and nothing leaks (the sanitizers and valgrind tell).
 */

static void
test_no_memory(void)
{
    char                  *text;
    long                   n;
    ngx_uint_t             skipped, weak, bad;
    const char            *error;
    ngx_messaging_jwks_t  *set;

    text = test_text("{\"keys\":[{%s,\"kid\":\"a\"},{%s,\"kid\":\"b\"},"
                    "{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"c\",\"k\":"
                    "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}]}",
                    ec256.members, ed25519.members);
    bad = 0;
    n = 0;

    do {
        test_failed = 0;
        test_fail_after = n++;
        skipped = 0;

        set = ngx_messaging_jwks_create();

        if (set) {
            error = ngx_messaging_jwks_parse(set, (u_char *) text,
                                             strlen(text), &skipped);
            bad += error ? set->nelts != 0 : set->nelts + skipped != 3;
            bad += ERR_peek_error() != 0;

            error = ngx_messaging_jwks_add_secret(set,
                                                  NGX_MESSAGING_JWA_HS256,
                                                  str("s"), str("secret"),
                                                  &weak);
            bad += error == NULL && set->keys[set->nelts - 1].secret.len != 6;
            bad += ERR_peek_error() != 0;

            error = ngx_messaging_jwks_add_pem(set, NGX_MESSAGING_JWA_ES384,
                                               str("p"), str(ec384.public));
            bad += error == NULL && set->keys[set->nelts - 1].pkey == NULL;
            bad += ERR_peek_error() != 0;

            ngx_messaging_jwks_release(set);
        }

        test_fail_after = -1;
        bad += ERR_peek_error() != 0;

    } while (test_failed);

    unit_ok(bad == 0 && n > 10, "each of %ld allocations fails once", n - 1);

    free(text);
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

    test_jwks_good();
    test_jwks_skipped();
    test_jwks_bad();
    test_jwks_full();
    test_no_memory();

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
