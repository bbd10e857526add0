
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Tokens are made before anything is measured: a signature by RSA costs the
 * client twenty times what its verification costs the server.
 */


#include "load.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>


#define LOAD_GUID  "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


static size_t load_base64url(char *dst, const u_char *src, size_t len);
static int load_token_sign(const char *input, size_t len, EVP_PKEY *key,
    u_char *sig, size_t *slen);
static int load_token_make(uint32_t user, EVP_PKEY *key, char **token);


static char     **load_tokens;
static uint32_t   load_ntokens;


int
load_token_setup(uint32_t n)
{
    FILE      *file;
    uint32_t   i;
    EVP_PKEY  *key;

    if (load.conf.secret == NULL && load.conf.rs256 == NULL) {
        return LOAD_OK;
    }

    key = NULL;

    if (load.conf.rs256) {
        n = load_min(n, 1000);

        file = fopen(load.conf.rs256, "r");
        if (file == NULL) {
            load_fail("cannot open the key %s", load.conf.rs256);
            return LOAD_ERROR;
        }

        key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        fclose(file);

        if (key == NULL) {
            load_fail("no private key in %s", load.conf.rs256);
            return LOAD_ERROR;
        }
    }

    load_tokens = calloc(n, sizeof(char *));
    if (load_tokens == NULL) {
        load_fail("no memory for tokens");
        return LOAD_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (load_token_make(i + 1, key, &load_tokens[i]) != LOAD_OK) {
            load_fail("cannot sign a token");
            return LOAD_ERROR;
        }
    }

    load_ntokens = n;

    EVP_PKEY_free(key);

    return LOAD_OK;
}


/* users beyond the number of tokens share them; the first ones never do */

const char *
load_token(uint32_t user)
{
    if (load_ntokens == 0) {
        return NULL;
    }

    return load_tokens[(user - 1) % load_ntokens];
}


static int
load_token_make(uint32_t user, EVP_PKEY *key, char **token)
{
    int      n;
    char    *p;
    char     head[64], body[256], text[1024];
    u_char   sig[1024];
    size_t   len, slen;
    time_t   now;

    now = time(NULL);

    n = snprintf(head, sizeof(head), "{\"alg\":\"%s\",\"typ\":\"JWT\"}",
                 key ? "RS256" : "HS256");

    p = text + load_base64url(text, (u_char *) head, n);
    *p++ = '.';

    n = snprintf(body, sizeof(body),
                 "{\"user_id\":%u,\"name\":\"User %u\",\"iat\":%lld,"
                 "\"exp\":%lld}", user, user, (long long) now - 60,
                 (long long) now + 24 * 3600);

    p += load_base64url(p, (u_char *) body, n);
    len = p - text;
    slen = sizeof(sig);

    if (load_token_sign(text, len, key, sig, &slen) != LOAD_OK) {
        return LOAD_ERROR;
    }

    *token = malloc(len + 1 + (slen + 2) / 3 * 4 + 1);
    if (*token == NULL) {
        return LOAD_ERROR;
    }

    p = *token;
    memcpy(p, text, len);
    p += len;
    *p++ = '.';
    p += load_base64url(p, sig, slen);
    *p = '\0';

    return LOAD_OK;
}


static int
load_token_sign(const char *input, size_t len, EVP_PKEY *key, u_char *sig,
    size_t *slen)
{
    int            rc;
    EVP_MD_CTX    *ctx;
    unsigned int   n;

    if (key == NULL) {
        if (HMAC(EVP_sha256(), load.conf.secret, strlen(load.conf.secret),
                 (const u_char *) input, len, sig, &n)
            == NULL)
        {
            return LOAD_ERROR;
        }

        *slen = n;

        return LOAD_OK;
    }

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return LOAD_ERROR;
    }

    rc = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1
         && EVP_DigestSign(ctx, sig, slen, (const u_char *) input, len) == 1;

    EVP_MD_CTX_free(ctx);

    return rc ? LOAD_OK : LOAD_ERROR;
}


static size_t
load_base64url(char *dst, const u_char *src, size_t len)
{
    char    *p;
    size_t   n;

    n = EVP_EncodeBlock((u_char *) dst, src, (int) len);

    while (n && dst[n - 1] == '=') {
        n--;
    }

    for (p = dst; p < dst + n; p++) {
        if (*p == '+') {
            *p = '-';

        } else if (*p == '/') {
            *p = '_';
        }
    }

    return n;
}


/* one key for all connections: what the answer has to be is computed once */

void
load_accept_key(char *key, char *accept)
{
    char    text[128];
    u_char  random[16], digest[EVP_MAX_MD_SIZE];
    int     n;

    RAND_bytes(random, sizeof(random));
    EVP_EncodeBlock((u_char *) key, random, sizeof(random));

    n = snprintf(text, sizeof(text), "%s%s", key, LOAD_GUID);

    EVP_Digest(text, n, digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock((u_char *) accept, digest, 20);
}
