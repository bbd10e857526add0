
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_json.c"
#include "unit.h"


#define JSON_TEXT_MAX  65536


static uint32_t  json_seed;


static uint32_t
json_random(uint32_t n)
{
    json_seed = json_seed * 1664525 + 1013904223;

    return (json_seed >> 8) % n;
}


/* scans a copy of its own size: a byte read past its end is seen */

static ngx_int_t
json_scan_copy(const char *text, size_t len, ngx_uint_t values)
{
    u_char     *copy;
    ngx_int_t   rc;

    copy = malloc(len ? len : 1);
    ngx_memcpy(copy, text, len);

    rc = ngx_messaging_json_scan(copy, len, values);

    free(copy);

    return rc;
}


static void
json_test_values(void)
{
    size_t      i, len;
    ngx_uint_t  bad;

    /* "values" is what has to be counted */

    static struct {
        const char  *text;
        ngx_uint_t   values;
    } *t, tests[] = {
        { "", 0 },
        { " \t\r\n", 0 },
        { "1", 1 },
        { "true", 1 },
        { "\"a\"", 1 },
        { "{}", 1 },
        { "[]", 1 },
        { " [ ] ", 1 },
        { "[1]", 2 },
        { "[1,2]", 3 },
        { "[ 1 , 2 , 3 ]", 4 },
        { "[-1.5e+3,true,false,null]", 5 },
        { "[\"a\",\"b\"]", 3 },
        { "{\"a\":1}", 2 },
        { "{\"a\":\"b\"}", 2 },
        { "{ \"a\" : \"b\" , \"c\" : \"d\" }", 3 },
        { "{\"a\":{\"b\":{\"c\":null}}}", 4 },
        { "{\"a\":[\"b\",{\"c\":\"d\"},\"e\"],\"f\":\"g\"}", 7 },
        { "[{},{},{}]", 4 },
        { "[[],[],[[]]]", 5 },
        { "[{\"a\":1},\"b\",{\"c\":2}]", 6 },
        { "{\"a\":[],\"b\":\"c\"}", 3 },
        { "{\"a\":{},\"b\":[\"c\"]}", 4 },

        /* strings hide what they hold */

        { "\"[{[{,:\"", 1 },
        { "[\"]\",\"}\",\"[\"]", 4 },
        { "{\"{\":\"}\",\",\":\",\"}", 3 },
        { "[\"\\\"\",\"\\\\\",\"\\\\\\\"[\"]", 4 },
        { "{\"\\\"\":\"\\\"\"}", 2 },
        { "[\"\\u0022,[[[\"]", 2 },
        { "[\"\xc3\xa9,\",\"\xf0\x9f\x91\x8b\"]", 3 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];
        len = strlen(t->text);

        bad = json_scan_copy(t->text, len, t->values) != NGX_OK;
        bad += json_scan_copy(t->text, len, t->values + 1) != NGX_OK;

        if (t->values) {
            bad += json_scan_copy(t->text, len, t->values - 1)
                   != NGX_DECLINED;
            bad += json_scan_copy(t->text, len, 0) != NGX_DECLINED;
        }

        unit_ok(bad == 0, "%d values in text %d", (int) t->values, (int) i);
    }
}


static void
json_test_depth(void)
{
    char        text[1024];
    size_t      i, len;
    ngx_int_t   want;
    ngx_uint_t  bad, depth, n;

    static struct {
        const char  *open;
        const char  *close;
        const char  *name;
    } *t, tests[] = {
        { "[", "]", "arrays" },
        { "{\"a\":", "}", "objects" },
        { "[{\"a\":", "}]", "both" },
        { "[[],[[]],{},", "]", "arrays with others before" },
        { "[\"]]]]\",", "]", "brackets in strings" }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];
        bad = 0;

        for (depth = 1; depth < 40; depth++) {
            len = 0;

            for (n = 0; n < depth; n++) {
                len += (size_t) sprintf(text + len, "%s", t->open);
            }

            text[len++] = '1';

            for (n = 0; n < depth; n++) {
                len += (size_t) sprintf(text + len, "%s", t->close);
            }

            n = depth;

            if (i == 2) {
                n = 2 * depth;

            } else if (i == 3) {
                n = depth + 2;
            }

            want = (n <= 16) ? NGX_OK : NGX_DECLINED;
            bad += json_scan_copy(text, len, 10000) != want;
        }

        unit_ok(bad == 0, "nested %s", t->name);
    }

    memset(text, '[', sizeof(text));

    unit_int(json_scan_copy(text, 16, 512), NGX_OK, "16 open arrays");
    unit_int(json_scan_copy(text, 17, 512), NGX_DECLINED, "17 open arrays");
    unit_int(json_scan_copy(text, 1024, 2000), NGX_DECLINED,
             "1024 open arrays");

    memset(text, ']', sizeof(text));

    unit_int(json_scan_copy(text, 1024, 0), NGX_OK,
             "closing what is not open does no harm");

    memset(text, ']', 100);
    memset(text + 100, '[', 17);

    unit_int(json_scan_copy(text, 117, 512), NGX_DECLINED,
             "... nor does it give room");
}


/* a random JSON text; what it has is counted on the way */

typedef struct {
    char        *p;
    ngx_uint_t   values;
    ngx_uint_t   depth;
    char         text[JSON_TEXT_MAX];
} json_text_t;


static void
json_put(json_text_t *t, const char *text)
{
    size_t  len;

    len = strlen(text);
    ngx_memcpy(t->p, text, len);
    t->p += len;
}


static void
json_put_space(json_text_t *t)
{
    static const char  *spaces[] = { " ", "\n", "\t", "\r", "  " };

    if (json_random(6) == 0) {
        json_put(t, spaces[json_random(5)]);
    }
}


static void
json_put_string(json_text_t *t)
{
    ngx_uint_t  n;

    static const char  *parts[] = {
        "a", "[", "]", "{", "}", ",", ":", "\\\"", "\\\\", "\\n", "\\u00e9",
        " ", "\xc3\xa9", "1", "true", "\\/"
    };

    json_put(t, "\"");

    for (n = json_random(6); n; n--) {
        json_put(t, parts[json_random(16)]);
    }

    json_put(t, "\"");
}


static void
json_put_value(json_text_t *t, ngx_uint_t depth)
{
    char        name[16];
    ngx_uint_t  kind, n, of;

    static const char  *scalars[] = {
        "0", "-1", "1.5", "-2e10", "3E-4", "true", "false", "null",
        "123456789012345"
    };

    t->values++;

    json_put_space(t);

    /* the text stays far below its buffer */

    kind = json_random((depth < 16 && t->values < 500) ? 5 : 3);

    if (kind < 2) {
        json_put(t, scalars[json_random(9)]);
        json_put_space(t);
        return;
    }

    if (kind == 2) {
        json_put_string(t);
        json_put_space(t);
        return;
    }

    if (depth + 1 > t->depth) {
        t->depth = depth + 1;
    }

    of = json_random(7);
    json_put(t, kind == 3 ? "[" : "{");
    json_put_space(t);

    for (n = 0; n < of; n++) {
        if (n) {
            json_put(t, ",");
        }

        if (kind == 4) {
            json_put_space(t);

            /* names differ, and some hold what a value would */

            sprintf(name, "\"%d%s\"", (int) n, (n & 1) ? ",[:{" : "");
            json_put(t, name);
            json_put_space(t);
            json_put(t, ":");
        }

        json_put_value(t, depth + 1);
    }

    json_put(t, kind == 3 ? "]" : "}");
    json_put_space(t);
}


static void
json_test_random(void)
{
    json_t              *value;
    size_t               cut, len;
    ngx_uint_t           bad, deep, i, many;

    static json_text_t   t;

    bad = 0;
    deep = 0;
    many = 0;
    json_seed = 7;

    for (i = 0; i < 3000; i++) {
        t.p = t.text;
        t.values = 0;
        t.depth = 0;

        json_put_value(&t, 0);

        len = (size_t) (t.p - t.text);

        value = json_loadb(t.text, len, JSON_DECODE_ANY, NULL);
        if (value == NULL) {
            bad++;
            printf("# %.*s\n", (int) len, t.text);
            continue;
        }

        json_decref(value);

        many += t.values > 20;
        deep += t.depth > 4;

        bad += json_scan_copy(t.text, len, t.values) != NGX_OK;
        bad += json_scan_copy(t.text, len, t.values - 1) != NGX_DECLINED;

        /* a part of it never has more */

        for (cut = 0; cut < len && len < 200; cut++) {
            bad += json_scan_copy(t.text, cut, t.values) != NGX_OK;
        }
    }

    unit_int((long long) bad, 0, "random texts are counted exactly");
    unit_ok(many > 100 && deep > 100, "... long and deep ones among them");
}


static void
json_test_object(void)
{
    char        text[8192];
    json_t     *value;
    u_char     *copy;
    size_t      i, len, n;

    static struct {
        const char  *text;
        size_t       len;
        ngx_uint_t   members;
        ngx_uint_t   right;
    } *t, tests[] = {
#define json_text(text)  text, sizeof(text) - 1
        { json_text("{}"), 0, 1 },
        { json_text(" {} \n"), 0, 1 },
        { json_text("{\"type\":\"ping\"}"), 1, 1 },
        { json_text("{\"a\":{\"b\":[1,2,3]},\"c\":1.5}"), 2, 1 },
        { json_text("{\"\":1}"), 1, 1 },
        { json_text(""), 0, 0 },
        { json_text(" "), 0, 0 },
        { json_text("[]"), 0, 0 },
        { json_text("[{}]"), 0, 0 },
        { json_text("1"), 0, 0 },
        { json_text("null"), 0, 0 },
        { json_text("\"{}\""), 0, 0 },
        { json_text("{"), 0, 0 },
        { json_text("{}{}"), 0, 0 },
        { json_text("{} x"), 0, 0 },
        { json_text("{}\0"), 0, 0 },
        { json_text("{\"a\":1,}"), 0, 0 },
        { json_text("{\"a\"}"), 0, 0 },
        { json_text("{a:1}"), 0, 0 },
        { json_text("{'a':1}"), 0, 0 },
        { json_text("{\"a\":01}"), 0, 0 },
        { json_text("{\"a\":NaN}"), 0, 0 },
        { json_text("{\"a\":1,\"a\":2}"), 0, 0 },
        { json_text("{\"a\":1,\"\\u0061\":2}"), 0, 0 },
        { json_text("{\"a\":{\"b\":1,\"b\":1}}"), 0, 0 },
        { json_text("{\"a\":\"\\u0000\"}"), 0, 0 },
        { json_text("{\"a\":\"\\ud800\"}"), 0, 0 },
        { json_text("{\"a\":\"\xff\"}"), 0, 0 },
        { json_text("{\"a\":\"\n\"}"), 0, 0 },
        { json_text("{\"a\":99999999999999999999}"), 0, 0 },
        { json_text("\xef\xbb\xbf{}"), 0, 0 },
        { json_text("{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}"), 1, 1 },
        { json_text("{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"), 0, 0 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        copy = malloc(t->len ? t->len : 1);
        ngx_memcpy(copy, t->text, t->len);

        value = ngx_messaging_json_object(copy, t->len, 512);

        free(copy);

        unit_ok((value != NULL) == t->right
                && (value == NULL
                    || (json_is_object(value)
                        && json_object_size(value) == t->members)),
                "object %d of the table", (int) i);

        json_decref(value);

        /* no part of an object is one; white space may follow */

        for (len = 0; t->right && len < t->len; len++) {
            if (t->text[len] == '\n' || t->text[len] == ' ') {
                continue;
            }

            value = ngx_messaging_json_object((u_char *) t->text, len, 512);

            if (value != NULL) {
                unit_ok(0, "%d bytes of object %d", (int) len, (int) i);
                json_decref(value);
            }
        }
    }

    /* "values" is for the caller to say: 1 object, 1 array, the rest in it */

    for (n = 510; n <= 511; n++) {
        len = (size_t) sprintf(text, "{\"a\":[0");

        for (i = 1; i < n; i++) {
            len += (size_t) sprintf(text + len, ",%d", (int) i);
        }

        len += (size_t) sprintf(text + len, "]}");

        value = ngx_messaging_json_object((u_char *) text, len,
                                          NGX_MESSAGING_JSON_MAX_VALUES);

        unit_ok((value != NULL) == (n == 510), "%d values", (int) n + 2);
        json_decref(value);

        value = ngx_messaging_json_object((u_char *) text, len, n + 2);
        unit_ok(value != NULL, "%d values when allowed", (int) n + 2);
        json_decref(value);
    }
}


static void
json_test_bool(void)
{
    json_t  *value;
    size_t   i;

    static struct {
        const char  *text;
        ngx_uint_t   want;
    } *t, tests[] = {
        { "true", 1 },
        { "false", 0 },
        { "null", 0 },
        { "0", 0 },
        { "-0", 0 },
        { "1", 1 },
        { "-1", 1 },
        { "9223372036854775807", 1 },
        { "4294967296", 1 },
        { "0.0", 0 },
        { "-0.0", 0 },
        { "0e5", 0 },
        { "1e-400", 0 },
        { "0.1", 1 },
        { "-1e-300", 1 },
        { "\"\"", 0 },
        { "\"0\"", 1 },
        { "\"false\"", 1 },
        { "\" \"", 1 },
        { "[]", 0 },
        { "[ ]", 0 },
        { "[0]", 1 },
        { "[[]]", 1 },
        { "{}", 0 },
        { "{\"a\":0}", 1 },
        { "{\"\":null}", 1 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        value = json_loads(t->text, JSON_DECODE_ANY, NULL);
        unit_ok(value != NULL && ngx_messaging_json_bool(value) == t->want,
                "bool(%s)", t->text);
        json_decref(value);
    }

    unit_int((long long) ngx_messaging_json_bool(NULL), 1,
             "bool of what is absent");
}


static void
json_test_rfc3339(void)
{
    u_char  *p, text[32];
    size_t   i;

    static struct {
        int64_t      msec;
        const char  *want;
    } *t, tests[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 1, "1970-01-01T00:00:00.001Z" },
        { 999, "1970-01-01T00:00:00.999Z" },
        { 86399999, "1970-01-01T23:59:59.999Z" },
        { 86400000, "1970-01-02T00:00:00.000Z" },
        { 68169600000LL, "1972-02-29T00:00:00.000Z" },
        { 946684799999LL, "1999-12-31T23:59:59.999Z" },
        { 946684800000LL, "2000-01-01T00:00:00.000Z" },
        { 951782400000LL, "2000-02-29T00:00:00.000Z" },
        { 951868800000LL, "2000-03-01T00:00:00.000Z" },
        { 1000000000000LL, "2001-09-09T01:46:40.000Z" },
        { 1234567890123LL, "2009-02-13T23:31:30.123Z" },
        { 2147483647999LL, "2038-01-19T03:14:07.999Z" },
        { 2147483648000LL, "2038-01-19T03:14:08.000Z" },
        { 4102444800000LL, "2100-01-01T00:00:00.000Z" },
        { 4107542399999LL, "2100-02-28T23:59:59.999Z" },
        { 4107542400000LL, "2100-03-01T00:00:00.000Z" },
        { 4294967296000LL, "2106-02-07T06:28:16.000Z" },
        { 253402300799998LL, "9999-12-31T23:59:59.998Z" },
        { 253402300799999LL, "9999-12-31T23:59:59.999Z" },
        { 253402300800000LL, "9999-12-31T23:59:59.999Z" },
        { INT64_MAX, "9999-12-31T23:59:59.999Z" },
        { -1, "1970-01-01T00:00:00.000Z" },
        { INT64_MIN, "1970-01-01T00:00:00.000Z" }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        memset(text, '#', sizeof(text));
        p = ngx_messaging_json_rfc3339(text, t->msec);

        unit_str(text, (size_t) (p - text), t->want, t->want);
        unit_ok(*p == '#' && p - text == NGX_MESSAGING_JSON_RFC3339_LEN,
                "... and nothing behind it");
    }
}


/* every day until the end of 9999, by counting them */

static void
json_test_days(void)
{
    u_char       text[32];
    char         want[64];
    int64_t      day;
    ngx_uint_t   bad, leap, mday, month, year;

    static ngx_uint_t  lens[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    bad = 0;
    day = 0;

    for (year = 1970; year <= 9999; year++) {
        leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        for (month = 1; month <= 12; month++) {

            sprintf(want, "%04d-%02d-00T00:00:00.000Z", (int) year,
                    (int) month);

            for (mday = 1;
                 mday <= lens[month - 1] + (month == 2 ? leap : 0);
                 mday++)
            {
                want[8] = (char) ('0' + mday / 10);
                want[9] = (char) ('0' + mday % 10);

                ngx_messaging_json_rfc3339(text, day * 86400000);
                bad += memcmp(text, want, 24) != 0;

                ngx_messaging_json_rfc3339(text, day * 86400000 + 86399999);
                bad += memcmp(text, want, 11) != 0;

                day++;
            }
        }
    }

    unit_int((long long) bad, 0, "every day");
    unit_ok(day == 2932897, "... and there are so many");
}


static void
json_test_times(void)
{
    u_char      text[32];
    char        want[64];
    int64_t     msec;
    ngx_uint_t  bad;

    bad = 0;

    for (msec = 0; msec < 86400000; msec += 997) {
        sprintf(want, "2026-11-20T%02d:%02d:%02d.%03dZ",
                (int) (msec / 3600000), (int) (msec / 60000 % 60),
                (int) (msec / 1000 % 60), (int) (msec % 1000));

        ngx_messaging_json_rfc3339(text, 1795132800000LL + msec);
        bad += memcmp(text, want, 24) != 0;
    }

    unit_int((long long) bad, 0, "times of a day");
}


int
main(void)
{
    json_test_values();
    json_test_depth();
    json_test_random();
    json_test_object();
    json_test_bool();
    json_test_rfc3339();
    json_test_days();
    json_test_times();

    return unit_done();
}
