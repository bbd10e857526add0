
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging_json.h"


/* 9999-12-31T23:59:59.999Z: a later year does not fit in RFC 3339 */
#define NGX_MESSAGING_JSON_MAX_MSEC      253402300799999LL

#define NGX_MESSAGING_JSON_DAY_MSEC      86400000

/* days of 400, 100 and 4 years, and of one */
#define NGX_MESSAGING_JSON_DAYS400       146097
#define NGX_MESSAGING_JSON_DAYS100       36524
#define NGX_MESSAGING_JSON_DAYS4         1461
#define NGX_MESSAGING_JSON_DAYS          365

/* from March 1, 0000 until January 1, 1970 */
#define NGX_MESSAGING_JSON_DAYS_TO_1970  719468


static u_char *ngx_messaging_json_skip_string(u_char *p, u_char *last);
static u_char *ngx_messaging_json_skip_scalar(u_char *p, u_char *last);
static u_char *ngx_messaging_json_digits(u_char *p, ngx_uint_t value,
    ngx_uint_t width);


/*
 * The scan is exact for any text jansson would take to its end, and for what
 * jansson reads of a wrong one before it stops.  What it makes of the rest of
 * a wrong text does not matter: no memory is spent on that.
 */

ngx_int_t
ngx_messaging_json_scan(u_char *p, size_t len, ngx_uint_t values)
{
    return ngx_messaging_json_scan_deep(p, len, values,
                                        NGX_MESSAGING_JSON_MAX_DEPTH);
}


ngx_int_t
ngx_messaging_json_scan_deep(u_char *p, size_t len, ngx_uint_t values,
    ngx_uint_t max)
{
    u_char      ch, *last;
    uint32_t    objects;
    ngx_uint_t  depth, n, name;

    n = 0;
    name = 0;       /* the next string is the name of a member */
    depth = 0;
    objects = 0;    /* a bit for each open level, 1 is an object */

    last = p + len;

    while (p != last) {
        ch = *p++;

        switch (ch) {

        case ' ':
        case '\t':
        case '\n':
        case '\r':
            continue;

        case ',':
            name = objects & 1;
            continue;

        case ':':
            name = 0;
            continue;

        case ']':
        case '}':
            if (depth) {
                depth--;
                objects >>= 1;
            }

            name = 0;
            continue;

        case '[':
        case '{':
            if (depth++ == max) {
                return NGX_DECLINED;
            }

            name = (ch == '{');
            objects = objects << 1 | (uint32_t) name;
            break;

        case '"':
            p = ngx_messaging_json_skip_string(p, last);

            if (name) {
                continue;
            }

            break;

        default:
            p = ngx_messaging_json_skip_scalar(p, last);
            break;
        }

        if (n++ == values) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static u_char *
ngx_messaging_json_skip_string(u_char *p, u_char *last)
{
    u_char  ch;

    while (p != last) {
        ch = *p++;

        if (ch == '"') {
            break;
        }

        if (ch == '\\' && p != last) {
            p++;
        }
    }

    return p;
}


static u_char *
ngx_messaging_json_skip_scalar(u_char *p, u_char *last)
{
    for ( /* void */ ; p != last; p++) {

        switch (*p) {

        case ' ':
        case '\t':
        case '\n':
        case '\r':
        case ',':
        case ':':
        case '[':
        case ']':
        case '{':
        case '}':
        case '"':
            return p;

        default:
            continue;
        }
    }

    return p;
}


json_t *
ngx_messaging_json_object(u_char *p, size_t len, ngx_uint_t values)
{
    if (ngx_messaging_json_scan(p, len, values) != NGX_OK) {
        return NULL;
    }

    return ngx_messaging_json_load(p, len);
}


json_t *
ngx_messaging_json_load(u_char *p, size_t len)
{
    json_t  *value;

    value = json_loadb((char *) p, len, JSON_REJECT_DUPLICATES, NULL);
    if (value == NULL) {
        return NULL;
    }

    if (!json_is_object(value)) {
        json_decref(value);
        return NULL;
    }

    return value;
}


ngx_uint_t
ngx_messaging_json_bool(json_t *value)
{
    if (value == NULL) {
        return 1;
    }

    switch (json_typeof(value)) {

    case JSON_NULL:
    case JSON_FALSE:
        return 0;

    case JSON_INTEGER:
        return json_integer_value(value) != 0;

    case JSON_REAL:
        return json_real_value(value) != 0.0;

    case JSON_STRING:
        return json_string_length(value) != 0;

    case JSON_ARRAY:
        return json_array_size(value) != 0;

    case JSON_OBJECT:
        return json_object_size(value) != 0;

    case JSON_TRUE:
    default:
        return 1;
    }
}


u_char *
ngx_messaging_json_rfc3339(u_char *p, int64_t msec)
{
    ngx_uint_t  century, day, ms, month, quad, year;

    if (msec < 0) {
        msec = 0;
    }

    if (msec > NGX_MESSAGING_JSON_MAX_MSEC) {
        msec = NGX_MESSAGING_JSON_MAX_MSEC;
    }

    /*
     * Years that begin in March have their leap day at the end: then the
     * length of a year, of four and of a century only matters in a quotient
     * that would be one too large on that last day.
     */

    day = (ngx_uint_t) (msec / NGX_MESSAGING_JSON_DAY_MSEC)
          + NGX_MESSAGING_JSON_DAYS_TO_1970;
    ms = (ngx_uint_t) (msec % NGX_MESSAGING_JSON_DAY_MSEC);

    year = day / NGX_MESSAGING_JSON_DAYS400 * 400;
    day %= NGX_MESSAGING_JSON_DAYS400;

    century = ngx_min(day / NGX_MESSAGING_JSON_DAYS100, 3);
    day -= century * NGX_MESSAGING_JSON_DAYS100;

    quad = day / NGX_MESSAGING_JSON_DAYS4;
    day %= NGX_MESSAGING_JSON_DAYS4;

    year += century * 100 + quad * 4;
    quad = ngx_min(day / NGX_MESSAGING_JSON_DAYS, 3);
    year += quad;
    day -= quad * NGX_MESSAGING_JSON_DAYS;

    /*
     * From March on the months have 31, 30, 31, 30, 31 days, again and again:
     * 153 days in five months.
     */

    month = (day * 5 + 2) / 153;
    day -= (month * 153 + 2) / 5;

    if (month < 10) {
        month += 3;

    } else {
        month -= 9;
        year++;
    }

    p = ngx_messaging_json_digits(p, year, 4);
    *p++ = '-';
    p = ngx_messaging_json_digits(p, month, 2);
    *p++ = '-';
    p = ngx_messaging_json_digits(p, day + 1, 2);
    *p++ = 'T';
    p = ngx_messaging_json_digits(p, ms / 3600000, 2);
    *p++ = ':';
    p = ngx_messaging_json_digits(p, ms / 60000 % 60, 2);
    *p++ = ':';
    p = ngx_messaging_json_digits(p, ms / 1000 % 60, 2);
    *p++ = '.';
    p = ngx_messaging_json_digits(p, ms % 1000, 3);
    *p++ = 'Z';

    return p;
}


static u_char *
ngx_messaging_json_digits(u_char *p, ngx_uint_t value, ngx_uint_t width)
{
    ngx_uint_t  n;

    for (n = width; n; n--) {
        p[n - 1] = (u_char) ('0' + value % 10);
        value /= 10;
    }

    return p + width;
}
