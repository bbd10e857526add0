
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_JSON_H_INCLUDED_
#define _NGX_MESSAGING_JSON_H_INCLUDED_


#include "ngx_messaging.h"

#include <jansson.h>


/* what a frame or a token may hold before jansson sees it */

#define NGX_MESSAGING_JSON_MAX_DEPTH   16
#define NGX_MESSAGING_JSON_MAX_VALUES  512


/*
 * ngx_messaging_json_scan() bounds a text before it is parsed: at most
 * NGX_MESSAGING_JSON_MAX_DEPTH nested arrays and objects and "values" values
 * (a value is whatever stands in an array, an object or at the top; names of
 * members are not counted).  It does not validate.  NGX_OK or NGX_DECLINED.
 * One pass, no recursion, no allocation.  ngx_messaging_json_scan_deep() is
 * the same with another depth, of at most 32.
 *
 * ngx_messaging_json_object() scans, then parses a JSON object with jansson
 * (JSON_REJECT_DUPLICATES, nothing behind it).  The caller owns the result
 * and gives it back by json_decref(); NULL if it is not such an object.
 * "values" is usually NGX_MESSAGING_JSON_MAX_VALUES.
 * ngx_messaging_json_load() is the same for a text that was scanned before.
 *
 * ngx_messaging_json_bool() is Python's bool(): false for null, false, 0,
 * 0.0, "", [] and {}; true for anything else; an absent value (NULL) is true.
 *
 * ngx_messaging_json_rfc3339() writes "2026-11-20T12:00:00.000Z" (24 bytes,
 * no NUL) for a time in milliseconds since the epoch, UTC, RFC 3339, and
 * returns the position behind it.
 */

#define NGX_MESSAGING_JSON_RFC3339_LEN                                        \
    (sizeof("2026-11-20T12:00:00.000Z") - 1)

ngx_int_t ngx_messaging_json_scan(u_char *p, size_t len, ngx_uint_t values);
ngx_int_t ngx_messaging_json_scan_deep(u_char *p, size_t len,
    ngx_uint_t values, ngx_uint_t max);
json_t *ngx_messaging_json_object(u_char *p, size_t len, ngx_uint_t values);
json_t *ngx_messaging_json_load(u_char *p, size_t len);
ngx_uint_t ngx_messaging_json_bool(json_t *value);
u_char *ngx_messaging_json_rfc3339(u_char *p, int64_t msec);


#endif /* _NGX_MESSAGING_JSON_H_INCLUDED_ */
