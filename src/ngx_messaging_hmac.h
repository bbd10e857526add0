
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_HMAC_H_INCLUDED_
#define _NGX_MESSAGING_HMAC_H_INCLUDED_


#include "ngx_messaging_jwk.h"


/*
 * ngx_messaging_hmac() writes the MAC of "input" for one of the algorithms
 * NGX_MESSAGING_JWA_HS*; "mac" has room for EVP_MAX_MD_SIZE bytes.  NGX_ERROR:
 * no memory, or no such digest in this OpenSSL.
 */

ngx_int_t ngx_messaging_hmac(ngx_uint_t alg, ngx_str_t *secret,
    ngx_str_t *input, u_char *mac, size_t *len);


#endif /* _NGX_MESSAGING_HMAC_H_INCLUDED_ */
