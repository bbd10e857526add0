
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_json.c"
#include "fuzz.h"


/* Python's bool(), by what jansson prints */

static ngx_uint_t
truth(json_t *value)
{
    char        *text;
    ngx_uint_t   no;

    text = json_dumps(value, JSON_ENCODE_ANY|JSON_COMPACT);

    no = text != NULL
         && (strcmp(text, "null") == 0 || strcmp(text, "false") == 0
             || strcmp(text, "0") == 0 || strcmp(text, "0.0") == 0
             || strcmp(text, "-0.0") == 0 || strcmp(text, "\"\"") == 0
             || strcmp(text, "[]") == 0 || strcmp(text, "{}") == 0);
    free(text);

    return !no;
}


/* a time is written and read again */

static void
time_of(u_char *data, size_t len)
{
    int        ms;
    char       end, buf[NGX_MESSAGING_JSON_RFC3339_LEN + 1];
    size_t     i;
    int64_t    t;
    struct tm  tm;

    t = 0;

    for (i = 0; i < len && i < 6; i++) {
        t = t << 8 | data[i];
    }

    /* to the end of the year 9999 */
    t %= 253402300800000;

    fuzz_assert(ngx_messaging_json_rfc3339((u_char *) buf, t)
                == (u_char *) buf + sizeof(buf) - 1);
    buf[sizeof(buf) - 1] = '\0';

    memset(&tm, 0, sizeof(tm));

    fuzz_assert(sscanf(buf, "%4d-%2d-%2dT%2d:%2d:%2d.%3d%c", &tm.tm_year,
                       &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
                       &tm.tm_sec, &ms, &end)
                == 8);
    fuzz_assert(end == 'Z');

    tm.tm_year -= 1900;
    tm.tm_mon -= 1;

    fuzz_assert(timegm(&tm) * 1000 + ms == t);
}


static void
fuzz_one(u_char *data, size_t len)
{
    json_t        *root, *again, *value;
    ngx_int_t      rc;
    const char    *name;
    json_error_t   error;

    time_of(data, len);

    rc = ngx_messaging_json_scan(data, len, NGX_MESSAGING_JSON_MAX_VALUES);
    root = ngx_messaging_json_object(data, len, NGX_MESSAGING_JSON_MAX_VALUES);

    again = json_loadb((char *) data, len, JSON_REJECT_DUPLICATES, &error);

    /* what is accepted is what jansson accepts, within the bounds */

    fuzz_assert((root != NULL)
                == (rc == NGX_OK && json_is_object(again)));

    if (root) {
        fuzz_assert(json_equal(root, again));

        fuzz_assert(ngx_messaging_json_bool(json_object_get(root, "")) == 1
                    || json_object_get(root, "") != NULL);

        json_object_foreach(root, name, value) {
            fuzz_assert(ngx_messaging_json_bool(value) == truth(value));
        }
    }

    json_decref(root);
    json_decref(again);
}
