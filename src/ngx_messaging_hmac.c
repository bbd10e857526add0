
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging_hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>


static EVP_MAC_CTX *ngx_messaging_hmac_context(ngx_uint_t n);


/*
 * One context for each digest and process: to look up HMAC and its digest
 * costs more than to compute it.
 */

static char         *ngx_messaging_hmac_names[] = {
    "SHA256", "SHA384", "SHA512"
};

static EVP_MAC_CTX  *ngx_messaging_hmac_contexts[3];


ngx_int_t
ngx_messaging_hmac(ngx_uint_t alg, ngx_str_t *secret, ngx_str_t *input,
    u_char *mac, size_t *len)
{
    EVP_MAC_CTX  *ctx;

    ctx = ngx_messaging_hmac_context((alg == NGX_MESSAGING_JWA_HS256) ? 0
                                     : (alg == NGX_MESSAGING_JWA_HS384) ? 1
                                                                        : 2);

    /* with the key, which undoes whatever the context was used for before */

    if (ctx == NULL
        || EVP_MAC_init(ctx, secret->data, secret->len, NULL) != 1
        || EVP_MAC_update(ctx, input->data, input->len) != 1
        || EVP_MAC_final(ctx, mac, len, EVP_MAX_MD_SIZE) != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static EVP_MAC_CTX *
ngx_messaging_hmac_context(ngx_uint_t n)
{
    EVP_MAC      *mac;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *ctx;

    ctx = ngx_messaging_hmac_contexts[n];

    if (ctx) {
        return ctx;
    }

    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (mac == NULL) {
        return NULL;
    }

    ctx = EVP_MAC_CTX_new(mac);

    EVP_MAC_free(mac);

    if (ctx == NULL) {
        return NULL;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 ngx_messaging_hmac_names[n],
                                                 0);
    params[1] = OSSL_PARAM_construct_end();

    if (EVP_MAC_CTX_set_params(ctx, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }

    ngx_messaging_hmac_contexts[n] = ctx;

    return ctx;
}
