
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _MINT_H_INCLUDED_
#define _MINT_H_INCLUDED_


/*
 * What the tests of tokens share.  Tokens are minted here with OpenSSL.  Each
 * goes to our function and, by test_verify(), to libjwt with the right key,
 * too: what we accept it has to accept, but for what it does not know.
 */


#include "jose.h"

#if !(NGX_MESSAGING_LIBJWT3)
#include <jwt.h>
#endif


#define NOW       1800000000000LL        /* 2027-01-15T08:00:00Z */
#define GOOD      "{\"exp\":1800000060,\"user_id\":42}"

#define PS        (NGX_MESSAGING_JWA_PS256|NGX_MESSAGING_JWA_PS384            \
                   |NGX_MESSAGING_JWA_PS512)

#define OK         NGX_OK
#define MISSING    NGX_MESSAGING_JWT_MISSING
#define MALFORMED  NGX_MESSAGING_JWT_MALFORMED
#define ALGORITHM  NGX_MESSAGING_JWT_ALGORITHM
#define KEY        NGX_MESSAGING_JWT_KEY
#define SIGNATURE  NGX_MESSAGING_JWT_SIGNATURE
#define EXPIRED    NGX_MESSAGING_JWT_EXPIRED
#define NOT_YET    NGX_MESSAGING_JWT_NOT_YET
#define CLAIM      NGX_MESSAGING_JWT_CLAIM
#define USER       NGX_MESSAGING_JWT_USER
#define INTERNAL   NGX_MESSAGING_JWT_INTERNAL

#define bytes(text)  text, sizeof(text) - 1


typedef struct {
    const char     *kid;
    const char     *alg;
    ngx_uint_t      bit;
    test_key_t     *key;
    const char     *secret;
    size_t          len;
} test_signer_t;


typedef struct {
    const char     *text;
    size_t          len;
    ngx_int_t       want;
} test_case_t;


static test_key_t  rsa, ec256, ec384, ec521, ed25519, ed448;

static test_signer_t  signers[] = {
    { "HS256", "HS256", NGX_MESSAGING_JWA_HS256, NULL,
      bytes("secret of 32 bytes for the tests") },
    { "HS384", "HS384", NGX_MESSAGING_JWA_HS384, NULL,
      bytes("another secret with \0 and \xff in it") },
    { "HS512", "HS512", NGX_MESSAGING_JWA_HS512, NULL,
      bytes("a secret of more than a hundred and twenty eight bytes, which is"
            " the block of SHA-512, so that it is hashed before it is used") },
    { "RS256", "RS256", NGX_MESSAGING_JWA_RS256, &rsa, NULL, 0 },
    { "RS384", "RS384", NGX_MESSAGING_JWA_RS384, &rsa, NULL, 0 },
    { "RS512", "RS512", NGX_MESSAGING_JWA_RS512, &rsa, NULL, 0 },
    { "ES256", "ES256", NGX_MESSAGING_JWA_ES256, &ec256, NULL, 0 },
    { "ES384", "ES384", NGX_MESSAGING_JWA_ES384, &ec384, NULL, 0 },
    { "ES512", "ES512", NGX_MESSAGING_JWA_ES512, &ec521, NULL, 0 },
    { "PS256", "PS256", NGX_MESSAGING_JWA_PS256, &rsa, NULL, 0 },
    { "PS384", "PS384", NGX_MESSAGING_JWA_PS384, &rsa, NULL, 0 },
    { "PS512", "PS512", NGX_MESSAGING_JWA_PS512, &rsa, NULL, 0 },
    { "Ed25519", "EdDSA", NGX_MESSAGING_JWA_EDDSA, &ed25519, NULL, 0 },
    { "Ed448", "EdDSA", NGX_MESSAGING_JWA_EDDSA, &ed448, NULL, 0 },
    { NULL, NULL, 0, NULL, NULL, 0 }
};

#define HS256  (&signers[0])
#define HS512  (&signers[2])
#define RS256  (&signers[3])
#define ES256  (&signers[6])
#define ES384  (&signers[7])
#define ES512  (&signers[8])
#define PS256  (&signers[9])
#define EDDSA  (&signers[12])

static ngx_messaging_jwt_policy_t  policy;

static test_signer_t  *test_by;          /* of the last token that was made */
static ngx_uint_t      test_access;      /* it is an "at+jwt" */
static int             test_salt = RSA_PSS_SALTLEN_DIGEST;

/* tokens by who accepts them: neither, libjwt, we, both */
static ngx_uint_t      test_accepted[4];
static ngx_uint_t      test_documented;


static size_t __attribute__((unused))
test_sign(ngx_uint_t bit, EVP_PKEY *pkey, const char *input, u_char *sig)
{
    int                       n;
    size_t                    len;
    ECDSA_SIG                *ecdsa;
    EVP_MD_CTX               *ctx;
    EVP_PKEY_CTX             *pctx;
    const u_char             *p;
    ngx_messaging_jwt_alg_t  *alg;
    u_char                    der[2048];

    for (alg = ngx_messaging_jwt_algs; alg->alg != bit; alg++) {
        /* void */
    }

    ctx = EVP_MD_CTX_new();
    EVP_DigestSignInit(ctx, &pctx, alg->md ? alg->md() : NULL, NULL, pkey);

    if (bit & PS) {
        EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, test_salt);
    }

    len = sizeof(der);

    if (EVP_DigestSign(ctx, der, &len, (u_char *) input, strlen(input)) != 1) {
        abort();
    }

    EVP_MD_CTX_free(ctx);

    if (EVP_PKEY_get_id(pkey) != EVP_PKEY_EC) {
        memcpy(sig, der, len);
        return len;
    }

    p = der;
    n = (EVP_PKEY_get_bits(pkey) + 7) / 8;

    ecdsa = d2i_ECDSA_SIG(NULL, &p, (long) len);
    BN_bn2binpad(ECDSA_SIG_get0_r(ecdsa), sig, n);
    BN_bn2binpad(ECDSA_SIG_get0_s(ecdsa), sig + n, n);
    ECDSA_SIG_free(ecdsa);

    return 2 * n;
}


static size_t __attribute__((unused))
test_mac(ngx_uint_t bit, const void *secret, size_t len, const char *input,
    u_char *mac)
{
    unsigned int   n;
    const EVP_MD  *md;

    md = (bit == NGX_MESSAGING_JWA_HS256) ? EVP_sha256()
         : (bit == NGX_MESSAGING_JWA_HS384) ? EVP_sha384() : EVP_sha512();

    HMAC(md, secret, (int) len, (u_char *) input, strlen(input), mac, &n);

    return n;
}


static char * __attribute__((unused))
test_input(const char *header, size_t hlen, const char *payload, size_t plen)
{
    char  *h, *p, *input;

    h = test_base64url((u_char *) header, hlen);
    p = test_base64url((u_char *) payload, plen);

    input = test_text("%s.%s", h, p);

    free(h);
    free(p);

    test_access = memmem(header, hlen, "at+jwt", 6) != NULL
                  || memmem(header, hlen, "AT+JWT", 6) != NULL;

    return input;
}


/* frees the input */

static char * __attribute__((unused))
test_join(char *input, const u_char *sig, size_t len)
{
    char  *s, *token;

    s = test_base64url(sig, len);
    token = test_text("%s.%s", input, s);

    free(s);
    free(input);

    return token;
}


static char * __attribute__((unused))
test_mint(test_signer_t *by, const char *header, size_t hlen,
    const char *payload, size_t plen)
{
    char    *input;
    size_t   len;
    u_char   sig[2048];

    test_by = by;

    input = test_input(header, hlen, payload, plen);

    if (by->secret) {
        len = test_mac(by->bit, by->secret, by->len, input, sig);

    } else {
        len = test_sign(by->bit, by->key->pkey, input, sig);
    }

    return test_join(input, sig, len);
}


/* a token by the usual header */

static char * __attribute__((unused))
test_token(test_signer_t *by, const char *payload)
{
    char  *header, *token;

    header = test_text("{\"alg\":\"%s\",\"typ\":\"JWT\"}", by->alg);
    token = test_mint(by, header, strlen(header), payload, strlen(payload));

    free(header);

    return token;
}


static ngx_uint_t
test_libjwt(const char *token, size_t len)
{
#if (NGX_MESSAGING_LIBJWT3)

    return 0;

#else

    int          rc;
    char        *text;
    jwt_t       *object;
    const char  *key;

    /* 1.10 writes past a block of no bytes for a part that is empty */

    if (len == 0 || token[0] == '.' || token[len - 1] == '.'
        || memmem(token, len, "..", 2))
    {
        return 0;
    }

    text = strndup(token, len);

    key = test_by->secret ? test_by->secret : test_by->key->public;

    rc = jwt_decode(&object, text, (u_char *) key,
                    (int) (test_by->secret ? test_by->len : strlen(key)));

    if (rc == 0) {
        jwt_free(object);
    }

    ERR_clear_error();
    free(text);

    return rc == 0;

#endif
}


/* the reason, or -1 if something else is wrong */

static ngx_int_t __attribute__((unused))
test_verify(const char *token, size_t len, int64_t now)
{
    void                        *copy;
    ngx_int_t                    rc;
    ngx_str_t                    text;
    ngx_uint_t                   ours, theirs;
    ngx_messaging_jwt_claims_t   claims, nothing;

    /* without a NUL, for AddressSanitizer to see a byte too many */

    copy = malloc(len + (len == 0));
    memcpy(copy, token, len);

    text.len = len;
    text.data = copy;

    memset(&claims, 0xa5, sizeof(claims));
    memset(&nothing, 0, sizeof(nothing));

    ERR_raise(ERR_LIB_USER, 1);

    rc = ngx_messaging_jwt_verify(&policy, &text, now, &claims);

    free(copy);

    ours = (rc == NGX_OK);

    if (ours) {
        theirs = claims.payload == NULL || claims.user == NULL;
        ngx_messaging_jwt_free(&claims);

        if (theirs) {
            return -1;
        }
    }

    if (ERR_peek_error() || memcmp(&claims, &nothing, sizeof(claims)) != 0) {
        ERR_clear_error();
        return -1;
    }

    theirs = test_libjwt(token, len);

    test_accepted[2 * ours + theirs]++;

    if (ours && !theirs
        && (test_access
            || (test_by->bit & (PS|NGX_MESSAGING_JWA_EDDSA))))
    {
        test_documented++;
    }

    return rc;
}


/* frees the token */

static void __attribute__((format(printf, 3, 4), unused))
test_is(char *token, ngx_int_t want, const char *format, ...)
{
    char       *name, *p;
    va_list     args;
    ngx_int_t   rc;

    va_start(args, format);

    if (vasprintf(&name, format, args) < 0) {
        abort();
    }

    va_end(args);

    /* for TAP */

    for (p = name; *p; p++) {
        if (*p < ' ' || *p > '~' || *p == '#') {
            *p = '?';
        }
    }

    rc = test_verify(token, strlen(token), NOW);

    if (!unit_ok(rc == want, "%s: %s", name,
                 ngx_messaging_jwt_reason(want)))
    {
        printf("# got %s\n", (rc == -1) ? "traces left behind"
                                        : ngx_messaging_jwt_reason(rc));
    }

    free(name);
    free(token);
}


static void
test_setup(void)
{
    ngx_str_t       secret;
    ngx_uint_t      weak;
    const char     *error;
    test_signer_t  *by;

    test_rsa(&rsa, 2048);
    test_ec(&ec256, "P-256", 32);
    test_ec(&ec384, "P-384", 48);
    test_ec(&ec521, "P-521", 66);
    test_okp(&ed25519, "Ed25519");
    test_okp(&ed448, "Ed448");

    ngx_str_set(&policy.user_claim, "user_id");
    ngx_str_set(&policy.name_claim, "name");

    policy.keys = ngx_messaging_jwks_create();

    for (by = signers; by->kid; by++) {

        if (by->secret) {
            secret.len = by->len;
            secret.data = (u_char *) by->secret;
            error = ngx_messaging_jwks_add_secret(policy.keys, by->bit,
                                                  str(by->kid), &secret,
                                                  &weak);

        } else {
            error = ngx_messaging_jwks_add_pem(policy.keys, by->bit,
                                               str(by->kid),
                                               str(by->key->public));
        }

        unit_ok(error == NULL, "key for %s", by->kid);
    }
}


static int
test_done(void)
{
#if !(NGX_MESSAGING_LIBJWT3)

    printf("# both accept %d tokens, libjwt alone %d, neither %d\n",
           (int) test_accepted[3], (int) test_accepted[1],
           (int) test_accepted[0]);

    unit_ok(test_accepted[3] > 0, "libjwt has seen tokens");
    unit_int(test_accepted[2], test_documented,
             "what libjwt refuses and we accept is at+jwt, PS* and EdDSA");

#endif

    ngx_messaging_jwks_release(policy.keys);

    test_key_free(&rsa);
    test_key_free(&ec256);
    test_key_free(&ec384);
    test_key_free(&ec521);
    test_key_free(&ed25519);
    test_key_free(&ed448);

    return unit_done();
}


#endif /* _MINT_H_INCLUDED_ */
