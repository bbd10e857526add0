
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_json.c"
#include "../../src/ngx_messaging_jwk.c"
#include "../../src/ngx_messaging_jwks.c"
#include "fuzz.h"


static void
fuzz_one(u_char *data, size_t len)
{
    ngx_str_t              kid, text;
    ngx_uint_t             i, skipped, weak;
    const char            *error;
    ngx_messaging_jwks_t  *set;

    set = ngx_messaging_jwks_create();
    fuzz_assert(set != NULL);

    skipped = 0;
    error = ngx_messaging_jwks_parse(set, data, len, &skipped);

    fuzz_assert((error == NULL) == (set->nelts != 0));

    for (i = 0; i < set->nelts; i++) {
        fuzz_assert(set->keys[i].algs != 0);
        fuzz_assert((set->keys[i].pkey != NULL)
                    != (set->keys[i].secret.data != NULL));
    }

    ngx_str_set(&kid, "");
    text.data = data;
    text.len = len;

    (void) ngx_messaging_jwks_add_pem(set, NGX_MESSAGING_JWA_RS256, &kid,
                                      &text);
    (void) ngx_messaging_jwks_add_pem(set, NGX_MESSAGING_JWA_ES256, &kid,
                                      &text);
    (void) ngx_messaging_jwks_add_secret(set, NGX_MESSAGING_JWA_HS512, &kid,
                                         &text, &weak);

    ngx_messaging_jwks_release(set);
}
