
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_hmac.c"
#include "../../src/ngx_messaging_json.c"
#include "../../src/ngx_messaging_jwk.c"
#include "../../src/ngx_messaging_jwks.c"
#include "../../src/ngx_messaging_jwt.c"
#include "unit.h"
#include "mint.h"


static void
test_algorithms(void)
{
    char                        *header, *token;
    ngx_str_t                    text;
    test_signer_t               *by, *as;
    ngx_messaging_jwt_claims_t   claims;

    for (by = signers; by->kid; by++) {
        token = test_token(by, GOOD);

        text.data = (u_char *) token;
        text.len = strlen(token);

        if (ngx_messaging_jwt_verify(&policy, &text, NOW, &claims) == NGX_OK) {
            unit_ok(claims.algorithm == by->bit
                    && claims.expires == 1800000060000LL
                    && json_integer_value(claims.user) == 42
                    && claims.name == NULL,
                    "%s claims", by->kid);
            ngx_messaging_jwt_free(&claims);
        }

        test_is(token, OK, "%s without kid", by->kid);

        for (as = signers; as->kid; as++) {

            /* the signature is right, and the kid that of any key */

            header = test_text("{\"alg\":\"%s\",\"kid\":\"%s\"}", by->alg,
                               as->kid);
            test_is(test_mint(by, header, strlen(header), bytes(GOOD)),
                    (as == by) ? OK : (as->bit == by->bit) ? SIGNATURE
                                                           : ALGORITHM,
                    "%s by the kid of %s", by->kid, as->kid);
            free(header);

            /* the header and the kid are right, and the signature another */

            if (as == by) {
                continue;
            }

            header = test_text("{\"alg\":\"%s\",\"kid\":\"%s\"}", as->alg,
                               as->kid);
            test_is(test_mint(by, header, strlen(header), bytes(GOOD)),
                    SIGNATURE, "%s signed as %s", as->kid, by->kid);
            free(header);
        }
    }
}


static void
test_form(void)
{
    char           *token, *text, *p, last;
    size_t          len;
    ngx_uint_t      i, n, bad;
    test_signer_t  *by;
    u_char          sig[2048];

    static char  *texts[] = {
        ".", "..", "...", "a", "a.b", "a.b.", ".b.c", "a..c", "e30.e30.",
        "e30.e30.AA", "AA.AA.AA.AA", "AA.AA.AA.AA.AA", "null", "{}"
    };

    static test_case_t  tails[] = {
        { bytes("."), MALFORMED },
        { bytes("="), MALFORMED },
        { bytes("=="), MALFORMED },
        { bytes("!!!"), MALFORMED },
        { bytes("\n"), MALFORMED },
        { bytes("\r\n"), MALFORMED },
        { bytes(" "), MALFORMED },
        { bytes("\0"), MALFORMED },
        { bytes("\0AAAA"), MALFORMED },
        { bytes(".AAAA"), MALFORMED },
        { bytes("+"), MALFORMED },
        { bytes("%3d"), MALFORMED },
        { bytes("\xff"), MALFORMED },
        { bytes("AAAA"), SIGNATURE },
        { NULL, 0, 0 }
    };

    test_is(strdup(""), MISSING, "nothing");

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        test_is(strdup(texts[i]), MALFORMED, "\"%s\"", texts[i]);
    }

    for (by = signers; by->kid; by++) {
        token = test_token(by, GOOD);
        len = strlen(token);

        for (i = 0; tails[i].text; i++) {
            text = malloc(len + tails[i].len);
            memcpy(text, token, len);
            memcpy(text + len, tails[i].text, tails[i].len);

            unit_int(test_verify(text, len + tails[i].len, NOW),
                     tails[i].want, by->kid);
            unit_int(test_verify(text + 1, len - 1, NOW), MALFORMED, by->kid);
            free(text);
        }

        /* unused bits of the last character */

        n = (by->bit == NGX_MESSAGING_JWA_HS384
             || by->bit == NGX_MESSAGING_JWA_ES384
             || by->bit == NGX_MESSAGING_JWA_ES512
             || by->key == &ed448);

        last = token[len - 1];

        if (!n) {
            token[len - 1]++;
            test_is(strdup(token), MALFORMED, "%s not canonical", by->kid);
            token[len - 1] = last;
        }

        /* no signature, with its dot and without */

        p = strrchr(token, '.');
        unit_int(test_verify(token, p + 1 - token, NOW), MALFORMED, by->kid);
        unit_int(test_verify(token, p - token, NOW), MALFORMED, by->kid);
        free(token);

        test_is(test_mint(by, bytes(""), bytes(GOOD)), MALFORMED,
                "%s without a header", by->kid);

        text = test_text("{\"alg\":\"%s\"}", by->alg);
        test_is(test_mint(by, text, strlen(text), bytes("")), MALFORMED,
                "%s without a payload", by->kid);
        free(text);
    }

    /* every prefix, and every character replaced by its neighbor */

    for (by = HS256; by <= ES256; by += ES256 - HS256) {
        token = test_token(by, GOOD);
        len = strlen(token);
        bad = 0;

        for (i = 0; i < len; i++) {
            bad += test_verify(token, i, NOW) <= 0;

            last = token[i];
            token[i] = (last == 'A') ? 'B' : 'A';
            bad += test_verify(token, len, NOW) <= 0;
            token[i] = last;
        }

        unit_int(bad, 0, "no prefix and no change passes");
        test_is(token, OK, "%s unchanged", by->kid);
    }

    /* the signature belongs to the text and not to what it decodes to */

    text = test_input(bytes("{\"alg\":\"HS256\"}"), bytes(GOOD));
    n = test_mac(NGX_MESSAGING_JWA_HS256, HS256->secret, HS256->len, text,
                 sig);
    free(text);
    test_is(test_join(test_input(bytes("{\"alg\":\"HS256\"} "), bytes(GOOD)),
                      sig, n),
            SIGNATURE, "header with another space");
}


static void
test_length(void)
{
    char    *payload, *token;
    size_t   len, n;

    payload = malloc(8192);
    memset(payload, ' ', 8192);
    memcpy(payload, GOOD, sizeof(GOOD) - 1);

    /* 36 characters of the header, 43 of the signature, and two dots */

    for (len = 6080; len < 6088; len++) {
        token = test_mint(HS256, bytes("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
                          payload, len);
        n = strlen(token);

        test_is(token, (len < 6084) ? OK : MALFORMED, "token of %d bytes",
                (int) n);
        unit_ok((n <= 8192) == (len < 6084), "the length is as it should be");
    }

    free(payload);
}


static test_case_t  test_header_cases[] = {

    { bytes("{\"alg\":\"ES256\"}"), OK },
    { bytes(" {\"alg\" : \"ES256\"}\n"), OK },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"JWT\"}"), OK },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"jwt\"}"), OK },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"Jwt\"}"), OK },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}"), OK },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"AT+JWT\"}"), OK },
    { bytes("{\"alg\":\"ES256\",\"kid\":\"ES256\"}"), OK },
    { bytes("{\"\\u0061lg\":\"\\u0045S256\"}"), OK },

    /* not our business: no key is ever taken from a token */

    { bytes("{\"alg\":\"ES256\",\"jku\":\"https://evil.example/\","
            "\"x5u\":\"file:///etc/passwd\",\"jwk\":{\"kty\":\"oct\","
            "\"k\":\"AA\"},\"cty\":\"JWT\"}"), OK },

    { bytes("{\"alg\":\"none\"}"), ALGORITHM },
    { bytes("{\"alg\":\"None\"}"), ALGORITHM },
    { bytes("{\"alg\":\"NONE\"}"), ALGORITHM },
    { bytes("{\"alg\":\"nOnE\"}"), ALGORITHM },
    { bytes("{\"alg\":\"none \"}"), ALGORITHM },
    { bytes("{\"alg\":\"\"}"), ALGORITHM },
    { bytes("{\"alg\":\"es256\"}"), ALGORITHM },
    { bytes("{\"alg\":\"ES256 \"}"), ALGORITHM },
    { bytes("{\"alg\":\"ES256K\"}"), ALGORITHM },
    { bytes("{\"alg\":\"hs256\"}"), ALGORITHM },
    { bytes("{\"alg\":\"hs256\",\"kid\":\"HS256\"}"), ALGORITHM },
    { bytes("{\"alg\":\"none\",\"kid\":\"ES256\"}"), ALGORITHM },
    { bytes("{\"alg\":\"HS256\",\"kid\":\"ES256\"}"), ALGORITHM },
    { bytes("{\"alg\":\"ES384\",\"kid\":\"ES256\"}"), ALGORITHM },
    { bytes("{\"alg\":\"ES256\",\"kid\":\"HS256\"}"), ALGORITHM },
    { bytes("{\"alg\":\"dir\"}"), ALGORITHM },

    { bytes("{}"), MALFORMED },
    { bytes("{\"typ\":\"JWT\"}"), MALFORMED },
    { bytes("{\"ALG\":\"ES256\"}"), MALFORMED },
    { bytes("{\"alg\":null}"), MALFORMED },
    { bytes("{\"alg\":256}"), MALFORMED },
    { bytes("{\"alg\":true}"), MALFORMED },
    { bytes("{\"alg\":[\"ES256\"]}"), MALFORMED },
    { bytes("{\"alg\":{\"alg\":\"ES256\"}}"), MALFORMED },

    { bytes("{\"alg\":\"ES256\",\"alg\":\"ES256\"}"), MALFORMED },
    { bytes("{\"alg\":\"none\",\"alg\":\"ES256\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"alg\":\"none\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"kid\":\"ES256\",\"kid\":\"x\"}"),
      MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"typ\":\"JWT\"}"),
      MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"x\":{\"a\":1,\"a\":2}}"), MALFORMED },

    { bytes("{\"alg\":\"ES256\",\"crit\":[\"exp\"]}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"crit\":[]}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"crit\":null}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"b64\":false,\"crit\":[\"b64\"]}"),
      MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"b64\":false}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"b64\":true}"), MALFORMED },

    { bytes("{\"alg\":\"ES256\",\"typ\":\"\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"JW\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"JWT \"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"JWTS\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"JWS\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"JWE\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"at+jw\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"at+jwtx\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":null}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":1}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"typ\":[\"JWT\"]}"), MALFORMED },

    { bytes("{\"alg\":\"ES256\",\"kid\":\"\"}"), KEY },
    { bytes("{\"alg\":\"ES256\",\"kid\":\"es256\"}"), KEY },
    { bytes("{\"alg\":\"ES256\",\"kid\":\"ES25\"}"), KEY },
    { bytes("{\"alg\":\"ES256\",\"kid\":\"ES2566\"}"), KEY },
    { bytes("{\"alg\":\"ES256\",\"kid\":\"../../dev/null\"}"), KEY },
    { bytes("{\"alg\":\"ES256\",\"kid\":\"' OR 1=1\"}"), KEY },
    { bytes("{\"alg\":\"ES256\",\"kid\":\"ES256\\u0000\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"kid\":null}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"kid\":1}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"kid\":[\"ES256\"]}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"kid\":{}}"), MALFORMED },

    { bytes("[{\"alg\":\"ES256\"}]"), MALFORMED },
    { bytes("\"ES256\""), MALFORMED },
    { bytes("null"), MALFORMED },
    { bytes("1"), MALFORMED },
    { bytes("{\"alg\":\"ES256\"} x"), MALFORMED },
    { bytes("{\"alg\":\"ES256\"}{}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\"}\0"), MALFORMED },
    { bytes("\0{\"alg\":\"ES256\"}"), MALFORMED },
    { bytes("\xef\xbb\xbf{\"alg\":\"ES256\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"x\":\"\xc0\xaf\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"x\":\"\\ud800\"}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"x\":1e400}"), MALFORMED },
    { bytes("{'alg':'ES256'}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\",}"), MALFORMED },
    { bytes("{\"alg\":\"ES256\""), MALFORMED },
    { bytes("{\"alg\":\"ES256\",\"x\":"
            "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}"), OK },
    { bytes("{\"alg\":\"ES256\",\"x\":"
            "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"), MALFORMED },
    { NULL, 0, 0 }
};


static void
test_headers(void)
{
    char         *header, *token;
    ngx_uint_t    i, n;
    test_case_t  *t;

    for (t = test_header_cases; t->text; t++) {
        test_is(test_mint(ES256, t->text, t->len, bytes(GOOD)), t->want,
                "header %s", t->text);

        /* for HS256 what counts is that libjwt does not see more */

        if (t->want != OK) {
            token = test_mint(HS256, t->text, t->len, bytes(GOOD));
            unit_ok(test_verify(token, strlen(token), NOW) > 0,
                    "refused by HS256, too");
            free(token);
        }
    }

    for (n = 256; n <= 257; n++) {
        header = test_text("{\"alg\":\"ES256\",\"kid\":\"%0*d\"}", (int) n, 1);
        test_is(test_mint(ES256, header, strlen(header), bytes(GOOD)),
                (n == 256) ? KEY : MALFORMED, "kid of %d bytes", (int) n);
        free(header);
    }

    /* {"x":[1,...],"alg":"ES256"} has as many values and three more */

    for (n = 509; n <= 510; n++) {
        header = malloc(2048);
        strcpy(header, "{\"x\":[1");

        for (i = 1; i < n; i++) {
            strcat(header, ",1");
        }

        strcat(header, "],\"alg\":\"ES256\"}");
        test_is(test_mint(ES256, header, strlen(header), bytes(GOOD)),
                (n == 509) ? OK : MALFORMED, "%d values", (int) n + 3);
        free(header);
    }
}


/* HS* with what an attacker knows, as the secret */

static void
test_confusion(void)
{
    int             len;
    char           *input;
    BIO            *bio;
    char           *pem, *secrets[8];
    u_char         *der;
    size_t          lens[8];
    ngx_uint_t      i, k, n, unnamed;
    test_signer_t  *by;
    u_char          mac[EVP_MAX_MD_SIZE];

    for (by = RS256; by->kid; by++) {
        n = 0;

        secrets[n] = strdup(by->key->public);
        lens[n++] = strlen(by->key->public);

        secrets[n] = strdup(by->key->public);
        lens[n++] = strlen(by->key->public) - 1;

        der = NULL;
        len = i2d_PUBKEY(by->key->pkey, &der);
        secrets[n] = malloc(len);
        memcpy(secrets[n], der, len);
        lens[n++] = len;
        OPENSSL_free(der);

        secrets[n] = test_text("{%s}", by->key->members);
        lens[n] = strlen(secrets[n]);
        n++;

        der = NULL;
        len = i2d_PublicKey(by->key->pkey, &der);

        if (len > 0) {
            bio = BIO_new(BIO_s_mem());
            PEM_write_bio(bio, "RSA PUBLIC KEY", "", der, len);
            OPENSSL_free(der);
            pem = test_pem(bio);
            secrets[n] = pem;
            lens[n++] = strlen(pem);
        }

        ERR_clear_error();

        secrets[n] = strdup("");
        lens[n++] = 0;

        for (i = 0; i < n; i++) {
            for (k = 0; k < 3; k++) {
                for (unnamed = 0; unnamed < 2; unnamed++) {
                    test_by = by;

                    pem = test_text(unnamed ? "{\"alg\":\"%s\"}"
                                    : "{\"alg\":\"%s\",\"kid\":\"%s\"}",
                                    signers[k].alg, by->kid);
                    input = test_input(pem, strlen(pem), bytes(GOOD));
                    len = test_mac(signers[k].bit, secrets[i], lens[i], input,
                                   mac);
                    test_is(test_join(input, mac, len),
                            unnamed ? SIGNATURE : ALGORITHM,
                            "%s with the public key %s, form %d",
                            signers[k].alg, by->kid, (int) i);
                    free(pem);
                }
            }

            free(secrets[i]);
        }
    }
}


static void
test_one_key(test_signer_t *by)
{
    ngx_uint_t  weak;

    policy.keys = ngx_messaging_jwks_create();

    if (by->secret) {
        ngx_messaging_jwks_add_secret(policy.keys, by->bit, str(""),
                                      &(ngx_str_t) { by->len,
                                                     (u_char *) by->secret },
                                      &weak);

    } else {
        ngx_messaging_jwks_add_pem(policy.keys, by->bit, str(""),
                                   str(by->key->public));
    }
}


/* where there is one key only, the token has no other choice */

static void
test_lone_keys(void)
{
    ngx_uint_t             n;
    test_signer_t         *by, *as;
    ngx_messaging_jwks_t  *all;

    all = policy.keys;

    for (as = signers; as->kid; as++) {
        test_one_key(as);

        for (by = signers; by->kid; by++) {
            test_is(test_token(by, GOOD),
                    (by == as) ? OK : (by->bit == as->bit) ? SIGNATURE
                                                           : ALGORITHM,
                    "%s where there is only a key of %s", by->kid, as->kid);
        }

        test_is(test_mint(as, bytes("{\"alg\":\"none\"}"), bytes(GOOD)),
                ALGORITHM, "none where there is only a key of %s", as->kid);
        test_is(test_mint(as, bytes("{\"alg\":\"HS256\",\"kid\":\"\"}"),
                          bytes(GOOD)),
                KEY, "empty kid where the only key has none");

        ngx_messaging_jwks_release(policy.keys);
    }

    for (n = 0; n < 2; n++) {
        policy.keys = n ? ngx_messaging_jwks_create() : NULL;
        test_is(test_token(HS256, GOOD), KEY, "no keys");
        test_is(test_token(ES256, GOOD), KEY, "no keys");

        if (n) {
            ngx_messaging_jwks_release(policy.keys);
        }
    }

    policy.keys = all;
}


static void
test_kids(void)
{
    char                  *secret, *kid;
    ngx_uint_t             i, weak, skipped;
    test_signer_t          by;
    ngx_messaging_jwks_t  *all;

    static const char  jwks[] =
        "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"same\","
        "\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}]}";

    all = policy.keys;
    by = *HS256;

    /* ten keys without kid, in two sets: eight are tried */

    policy.keys = ngx_messaging_jwks_create();
    policy.jwks = ngx_messaging_jwks_create();

    for (i = 0; i < 10; i++) {
        secret = test_text("secret %d", (int) i);
        ngx_messaging_jwks_add_secret((i < 6) ? policy.keys : policy.jwks,
                                      NGX_MESSAGING_JWA_HS256, str(""),
                                      str(secret), &weak);
        free(secret);

        /* those of another algorithm do not count */

        ngx_messaging_jwks_add_secret(policy.keys, NGX_MESSAGING_JWA_HS512,
                                      str(""), str("secret"), &weak);
    }

    for (i = 0; i < 10; i++) {
        secret = test_text("secret %d", (int) i);
        by.secret = secret;
        by.len = strlen(secret);
        test_is(test_token(&by, GOOD), (i < 8) ? OK : SIGNATURE,
                "key %d of ten", (int) i + 1);
        free(secret);
    }

    ngx_messaging_jwks_release(policy.keys);
    ngx_messaging_jwks_release(policy.jwks);

    /* the same kid in both sets: either key is good, and no other */

    policy.keys = ngx_messaging_jwks_create();
    policy.jwks = ngx_messaging_jwks_create();

    ngx_messaging_jwks_add_secret(policy.keys, NGX_MESSAGING_JWA_HS256,
                                  str("same"), str("first"), &weak);
    ngx_messaging_jwks_add_secret(policy.keys, NGX_MESSAGING_JWA_HS256,
                                  str("other"), str("third"), &weak);
    ngx_messaging_jwks_add_secret(policy.keys, NGX_MESSAGING_JWA_HS256,
                                  str(""), str("fourth"), &weak);
    unit_ok(ngx_messaging_jwks_parse(policy.jwks, (u_char *) jwks,
                                     sizeof(jwks) - 1, &skipped)
            == NULL, "JWK set");

    kid = "{\"alg\":\"HS256\",\"kid\":\"same\"}";

    by.secret = "first";
    by.len = 5;
    test_is(test_mint(&by, kid, strlen(kid), bytes(GOOD)), OK,
            "kid in both sets, key of the first");

    by.secret = "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25"
                "\26\27\30\31\32\33\34\35\36\37";
    by.len = 32;
    test_is(test_mint(&by, kid, strlen(kid), bytes(GOOD)), OK,
            "kid in both sets, key of the second");
    test_is(test_token(&by, GOOD), OK, "no kid, key of the second");

    by.secret = "third";
    by.len = 5;
    test_is(test_mint(&by, kid, strlen(kid), bytes(GOOD)), SIGNATURE,
            "kid in both sets, key of another");
    test_is(test_token(&by, GOOD), OK, "no kid, key of another");

    by.secret = "fourth";
    by.len = 6;
    test_is(test_mint(&by, kid, strlen(kid), bytes(GOOD)), SIGNATURE,
            "kid in both sets, key without kid");
    test_is(test_token(&by, GOOD), OK, "no kid, key without kid");

    ngx_messaging_jwks_release(policy.keys);
    ngx_messaging_jwks_release(policy.jwks);

    policy.keys = all;
    policy.jwks = NULL;
}


static void
test_signed(const char *input, const void *sig, size_t len, ngx_int_t want,
    const char *name)
{
    test_is(test_join(strdup(input), sig, len), want, "%s", name);
}


static void
test_ecdsa(test_signer_t *by)
{
    char          *header, *input;
    size_t         len, size;
    u_char         sig[256], bad[256];
    EC_GROUP      *group;
    ngx_str_t      raw;
    const BIGNUM  *n;

    test_by = by;

    header = test_text("{\"alg\":\"%s\"}", by->alg);
    input = test_input(header, strlen(header), bytes(GOOD));
    free(header);

    len = test_sign(by->bit, by->key->pkey, input, sig);
    size = len / 2;

    test_signed(input, sig, len, OK, by->alg);
    test_signed(input, sig, len - 1, SIGNATURE, "s is cut");
    test_signed(input, sig, len - 2, SIGNATURE, "s is cut by two");
    test_signed(input, sig, size, SIGNATURE, "no s");
    test_signed(input, sig, 1, SIGNATURE, "one byte");

    memcpy(bad, sig, len);
    bad[len] = 0;
    test_signed(input, bad, len + 1, SIGNATURE, "a zero behind s");

    bad[0] = 0;
    memcpy(bad + 1, sig, len);
    test_signed(input, bad, len + 1, SIGNATURE, "a zero before r");

    bad[0] = 0;
    memcpy(bad + 1, sig, size);
    bad[size + 1] = 0;
    memcpy(bad + size + 2, sig + size, size);
    test_signed(input, bad, len + 2, SIGNATURE, "zeros before r and s");

    memset(bad, 0, len);
    test_signed(input, bad, len, SIGNATURE, "r and s are 0");

    memcpy(bad + size, sig + size, size);
    test_signed(input, bad, len, SIGNATURE, "r is 0");

    memcpy(bad, sig, size);
    memset(bad + size, 0, size);
    test_signed(input, bad, len, SIGNATURE, "s is 0");

    memset(bad, 0xff, len);
    test_signed(input, bad, len, SIGNATURE, "r and s are all ones");

    memcpy(bad, sig + size, size);
    memcpy(bad + size, sig, size);
    test_signed(input, bad, len, SIGNATURE, "r and s are swapped");

    group = EC_GROUP_new_by_curve_name(size == 32 ? NID_X9_62_prime256v1
                                       : size == 48 ? NID_secp384r1
                                                    : NID_secp521r1);
    n = EC_GROUP_get0_order(group);
    BN_bn2binpad(n, bad, (int) size);
    BN_bn2binpad(n, bad + size, (int) size);
    test_signed(input, bad, len, SIGNATURE, "r and s are n");
    EC_GROUP_free(group);

    test_signed(input, sig, len, OK, "and it still is right");

    /* what other systems take for a signature */

    raw.data = sig;
    raw.len = len;
    len = ngx_messaging_jwt_der(bad, &raw, size);
    test_signed(input, bad, len, SIGNATURE, "DER");

    free(input);
}


static void
test_rsa_signatures(test_signer_t *by)
{
    char    *header, *input;
    size_t   len;
    u_char   sig[512], bad[512];

    test_by = by;

    header = test_text("{\"alg\":\"%s\"}", by->alg);
    input = test_input(header, strlen(header), bytes(GOOD));
    free(header);

    len = test_sign(by->bit, by->key->pkey, input, sig);

    test_signed(input, sig, len, OK, by->alg);
    test_signed(input, sig, len - 1, SIGNATURE, "cut");

    /* a zero in front has its place: one of 256 with a random salt has it */

    while (by->bit & (NGX_MESSAGING_JWA_PS256|NGX_MESSAGING_JWA_PS384
                      |NGX_MESSAGING_JWA_PS512)
           && sig[0] != 0)
    {
        len = test_sign(by->bit, by->key->pkey, input, sig);
    }

    test_signed(input, sig + 1, len - 1, SIGNATURE, "cut in front");
    test_signed(input, sig, 1, SIGNATURE, "one byte");

    memcpy(bad, sig, len);
    bad[len] = 0;
    test_signed(input, bad, len + 1, SIGNATURE, "a zero behind");

    bad[0] = 0;
    memcpy(bad + 1, sig, len);
    test_signed(input, bad, len + 1, SIGNATURE, "a zero in front");

    memset(bad, 0, len);
    test_signed(input, bad, len, SIGNATURE, "zeros");

    bad[len - 1] = 1;
    test_signed(input, bad, len, SIGNATURE, "1");

    memset(bad, 0xff, len);
    test_signed(input, bad, len, SIGNATURE, "ones");

    free(input);
}


static void
test_salts(void)
{
    ngx_uint_t      i;
    test_signer_t  *by;

    static int  salts[] = { 0, 1, 20, 31, 33, 47, 49, 63, 65,
                            RSA_PSS_SALTLEN_MAX };

    for (by = PS256; by < EDDSA; by++) {
        for (i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
            test_salt = salts[i];
            test_is(test_token(by, GOOD), SIGNATURE, "%s with a salt of %d",
                    by->alg, salts[i]);
        }

        test_salt = RSA_PSS_SALTLEN_DIGEST;
        test_is(test_token(by, GOOD), OK, "%s with its salt", by->alg);
    }
}


/* what libjwt takes, and what it does not */

static void
test_macs(void)
{
    char           *header, *input;
    size_t          len;
    u_char          mac[EVP_MAX_MD_SIZE + 1];
    ngx_uint_t      i;
    test_signer_t  *by;

    for (by = HS256; by <= HS512; by++) {
        for (i = 0; i < 2; i++) {
            test_by = by;

            header = test_text("{\"alg\":\"%s\",\"typ\":\"%s\"}", by->alg,
                               i ? "at+jwt" : "JWT");
            input = test_input(header, strlen(header), bytes(GOOD));

            len = test_mac(by->bit, by->secret, by->len, input, mac);
            mac[len] = 0;

            test_signed(input, mac, len, OK, header);
            test_signed(input, mac, len + 1, SIGNATURE, "a byte more");
            test_signed(input, mac, len - 1, SIGNATURE, "a byte less");
            test_signed(input, mac, len / 2, SIGNATURE, "half of it");
            test_signed(input, mac, 1, SIGNATURE, "one byte");
            test_signed(input, mac + 1, len, SIGNATURE, "other bytes");

            mac[len - 1] ^= 1;
            test_signed(input, mac, len, SIGNATURE, "last bit");
            mac[len - 1] ^= 1;
            mac[0] ^= 0x80;
            test_signed(input, mac, len, SIGNATURE, "first bit");

            memset(mac, 0, len);
            test_signed(input, mac, len, SIGNATURE, "zeros");

            len = test_mac(by->bit, "", 0, input, mac);
            test_signed(input, mac, len, SIGNATURE, "empty secret");

            len = test_mac(by->bit, by->secret, by->len - 1, input, mac);
            test_signed(input, mac, len, SIGNATURE, "secret is cut");

            len = test_mac(by->bit, by->secret, strlen(by->secret), input,
                           mac);
            test_signed(input, mac, len,
                        (strlen(by->secret) == by->len) ? OK : SIGNATURE,
                        "secret up to its NUL");

            free(header);
            free(input);
        }
    }
}


static void
test_eddsa(void)
{
    char    *input;
    size_t   len;
    BIGNUM  *s, *order;
    u_char   sig[256], bad[256];

    test_by = EDDSA;

    input = test_input(bytes("{\"alg\":\"EdDSA\"}"), bytes(GOOD));
    len = test_sign(NGX_MESSAGING_JWA_EDDSA, ed25519.pkey, input, sig);

    test_signed(input, sig, len, OK, "Ed25519");
    test_signed(input, sig, len - 1, SIGNATURE, "cut");
    test_signed(input, sig, 32, SIGNATURE, "half of it");

    memcpy(bad, sig, len);
    bad[len] = 0;
    test_signed(input, bad, len + 1, SIGNATURE, "a zero behind");

    memset(bad, 0, len);
    test_signed(input, bad, len, SIGNATURE, "zeros");

    /* RFC 8032, section 5.1.7: S is below the order of the group */

    order = NULL;
    BN_hex2bn(&order, "1000000000000000000000000000000014def9dea2f79cd6"
                      "5812631a5cf5d3ed");
    s = BN_lebin2bn(sig + 32, 32, NULL);
    BN_add(s, s, order);
    memcpy(bad, sig, 32);
    BN_bn2lebinpad(s, bad + 32, 32);
    test_signed(input, bad, len, SIGNATURE, "S and the order");
    BN_free(s);
    BN_free(order);

    len = test_sign(NGX_MESSAGING_JWA_EDDSA, ed448.pkey, input, sig);
    test_signed(input, sig, len, OK, "Ed448");
    test_signed(input, sig, len - 1, SIGNATURE, "cut");
    sig[0] ^= 1;
    test_signed(input, sig, len, SIGNATURE, "a bit");

    free(input);
}


int
main(void)
{
    test_setup();

    test_algorithms();
    test_form();
    test_length();
    test_headers();
    test_confusion();
    test_lone_keys();
    test_kids();

    test_ecdsa(ES256);
    test_ecdsa(ES384);
    test_ecdsa(ES512);
    test_rsa_signatures(RS256);
    test_rsa_signatures(PS256);
    test_salts();
    test_macs();
    test_eddsa();

    return test_done();
}
