
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_JWT_H_INCLUDED_
#define _NGX_MESSAGING_JWT_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_jwk.h"

#include <jansson.h>


#define NGX_MESSAGING_JWT_MAX_LEN   8192
#define NGX_MESSAGING_JWT_MAX_VALUES  2048    /* of a payload */
#define NGX_MESSAGING_JWT_MAX_USER  128       /* bytes of a user id */
#define NGX_MESSAGING_JWT_MAX_NAME  256       /* bytes of a name */


/* why a token is refused; NGX_OK is 0 */

typedef enum {
    NGX_MESSAGING_JWT_MISSING = 1,
    NGX_MESSAGING_JWT_MALFORMED,
    NGX_MESSAGING_JWT_ALGORITHM,
    NGX_MESSAGING_JWT_KEY,
    NGX_MESSAGING_JWT_SIGNATURE,
    NGX_MESSAGING_JWT_EXPIRED,
    NGX_MESSAGING_JWT_NOT_YET,
    NGX_MESSAGING_JWT_CLAIM,
    NGX_MESSAGING_JWT_USER,
    NGX_MESSAGING_JWT_INTERNAL,
    NGX_MESSAGING_JWT_REVOKED,    /* known to who calls, not here */
    NGX_MESSAGING_JWT_LAST
} ngx_messaging_jwt_reason_e;


/* a claim that has to have a value, "iss=https://id.example" */

typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  value;
} ngx_messaging_jwt_require_t;


typedef struct {
    ngx_str_t                     user_claim;
    ngx_str_t                     name_claim;
    ngx_messaging_jwt_require_t  *require;
    ngx_uint_t                    nrequire;
    time_t                        leeway;      /* seconds */

    ngx_messaging_jwks_t         *keys;        /* either may be NULL */
    ngx_messaging_jwks_t         *jwks;
} ngx_messaging_jwt_policy_t;


/* what a verified token says; "payload" owns the rest */

typedef struct {
    json_t                    *payload;
    json_t                    *user;         /* integer or string */
    json_t                    *name;         /* string or NULL */
    ngx_uint_t                 algorithm;    /* the bit of jwk.h */
    int64_t                    expires;      /* ms since the epoch, with the
                                                leeway added */
    int64_t                    issued;       /* likewise, 0 if not known */
} ngx_messaging_jwt_claims_t;


/*
 * ngx_messaging_jwt_verify() verifies a token in JWS compact form, RFC 7519,
 * section 7.2, at the time "now" (ms since the epoch).  NGX_OK: *claims is
 * set and given back by ngx_messaging_jwt_free().  Otherwise it returns a
 * reason and *claims holds nothing.
 *
 * The rules are strict: three non-empty parts of base64url in its canonical
 * form without padding, at most NGX_MESSAGING_JWT_MAX_LEN bytes in all;
 * header and payload are JSON objects without duplicate members, nested and
 * bounded as in ngx_messaging_json.h (the payload in values by
 * NGX_MESSAGING_JWT_MAX_VALUES); "alg" must be one that the key pins; "typ"
 * is absent, "JWT" or "at+jwt" (without regard to case, RFC 7515, section
 * 4.1.9); "crit" and "b64" are refused; "kid", if present, must be a string
 * of at most 256 bytes that a key has (a token without kid is tried with
 * every key of its algorithm, at most eight); "exp" must be there and be,
 * like "nbf" and "iat", a JSON number from 0 to 2^53; a claim of
 * policy->require must be a string that equals the value, or a number or
 * boolean whose JSON text does; "aud" may also be an array with such a
 * member, RFC 7519, section 4.1.3.  The user claim is an integer from
 * -(2^53 - 1) to 2^53 - 1 or a string of 1 to NGX_MESSAGING_JWT_MAX_USER
 * bytes without control characters; the name, if it is there, a string (one
 * over NGX_MESSAGING_JWT_MAX_NAME bytes or of another type counts as absent).
 *
 * ngx_messaging_jwt_try() has a token verified that libjwt makes with the
 * secret of this key, at the time "now" (seconds): NGX_ERROR if it is refused,
 * or there is no memory.
 *
 * ngx_messaging_jwt_reason() is the reason as a word for logs and counters:
 * "missing", "malformed", "algorithm", "key", "signature", "expired",
 * "not_yet", "claim", "user", "internal", "revoked".
 */

ngx_int_t ngx_messaging_jwt_verify(ngx_messaging_jwt_policy_t *policy,
    ngx_str_t *token, int64_t now, ngx_messaging_jwt_claims_t *claims);
void ngx_messaging_jwt_free(ngx_messaging_jwt_claims_t *claims);
ngx_int_t ngx_messaging_jwt_try(ngx_messaging_jwk_t *key, time_t now);
const char *ngx_messaging_jwt_reason(ngx_int_t rc);


#endif /* _NGX_MESSAGING_JWT_H_INCLUDED_ */
