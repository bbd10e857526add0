
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_utf8.c"
#include "../../src/ngx_messaging_envelope.c"
#include "unit.h"

#include <regex.h>


static ngx_int_t
envelope_parse(ngx_messaging_envelope_t *e, const char *text, size_t len)
{
    return ngx_messaging_envelope_parse(e, (u_char *) text, len);
}


static void
envelope_test_table(void)
{
    size_t                     i;
    ngx_int_t                  rc;
    ngx_messaging_envelope_t   e;

    static struct {
        const char  *text;
        size_t       len;
        ngx_int_t    rc;
        const char  *exclude;
        ngx_uint_t   kind;
        const char  *json;
    } *t, tests[] = {
#define envelope_text(text)  text, sizeof(text) - 1

        { envelope_text("{}"), NGX_OK, "", 0, "{}" },
        { envelope_text("{"), NGX_OK, "", 0, "{" },
        { envelope_text("{\"a\":1}\n"), NGX_OK, "", 0, "{\"a\":1}\n" },
        { envelope_text("@\n{}"), NGX_OK, "", 0, "{}" },
        { envelope_text("@ x=42 k=typing\n{\"a\":1}"), NGX_OK, "42", 3,
          "{\"a\":1}" },
        { envelope_text("@ k=typing x=42\n{}"), NGX_OK, "42", 3, "{}" },
        { envelope_text("@ k=message\n{}"), NGX_OK, "", 0, "{}" },
        { envelope_text("@ k=receipt\n{}"), NGX_OK, "", 1, "{}" },
        { envelope_text("@ k=presence\n{}"), NGX_OK, "", 2, "{}" },
        { envelope_text("@ k=typing\n{}"), NGX_OK, "", 3, "{}" },
        { envelope_text("@ x=a%40b.c\n{}"), NGX_OK, "a%40b.c", 0, "{}" },
        { envelope_text("@ x=k=typing\n{}"), NGX_OK, "k=typing", 0, "{}" },
        { envelope_text("@ x=!~\n{}"), NGX_OK, "!~", 0, "{}" },

        /* what a newer release may say */

        { envelope_text("@ k=reaction\n{}"), NGX_OK, "", 0, "{}" },
        { envelope_text("@ k=typin\n{}"), NGX_OK, "", 0, "{}" },
        { envelope_text("@ k=typings x=1\n{}"), NGX_OK, "1", 0, "{}" },
        { envelope_text("@ k=Typing\n{}"), NGX_OK, "", 0, "{}" },
        { envelope_text("@ h=77 x=5 zz=@ k=receipt xk=1\n{}"), NGX_OK, "5",
          1, "{}" },
        { envelope_text("@ h=1 h=2 xx=1 xx=2 kk=3 kk=4\n{}"), NGX_OK, "", 0,
          "{}" },

        /* neither form */

        { envelope_text(""), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text(" {}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("[]"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("42"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("\0{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("\xff"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@\n"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@\n\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@\n {}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@\n[]"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@\n@\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@\r\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ \n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ h=\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ =1\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@x=1\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@  x=1\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=1 \n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=1  k=typing\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=1\tk=typing\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@\tx=1\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=1\r\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ X=1\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x1=1\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x =1\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=\xc3\xa9\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=a\0b\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=\x7f\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=1{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=1 x=1\n{}"), NGX_DECLINED, NULL, 0, NULL },
        { envelope_text("@ x=1 k=typing x=2\n{}"), NGX_DECLINED, NULL, 0,
          NULL },
        { envelope_text("@ k=typing k=typing\n{}"), NGX_DECLINED, NULL, 0,
          NULL },
        { envelope_text("@ k=message k=typing\n{}"), NGX_DECLINED, NULL, 0,
          NULL },
        { envelope_text("@ k=reaction k=typing\n{}"), NGX_DECLINED, NULL, 0,
          NULL },

        /* not UTF-8 */

        { envelope_text("{\"a\":\"\xff\"}"), NGX_ERROR, NULL, 0, NULL },
        { envelope_text("{\xc3"), NGX_ERROR, NULL, 0, NULL },
        { envelope_text("@ x=1\n{\"\xed\xa0\x80\"}"), NGX_ERROR, NULL, 0,
          NULL },
        { envelope_text("@ x=1\n{\"\xc3\xa9\"}"), NGX_OK, "1", 0,
          "{\"\xc3\xa9\"}" }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        memset(&e, 0x55, sizeof(ngx_messaging_envelope_t));

        rc = envelope_parse(&e, t->text, t->len);

        if (!unit_int(rc, t->rc, "payload of the table")) {
            printf("# payload %d: %s\n", (int) i, t->text);
        }

        if (rc != NGX_OK) {
            continue;
        }

        unit_str(e.exclude.len ? e.exclude.data : (u_char *) "",
                 e.exclude.len, t->exclude, "... exclude");
        unit_int((long long) e.except.len, 0, "... no connection");
        unit_int((long long) e.kind, (long long) t->kind, "... kind");
        unit_str(e.json.data, e.json.len, t->json, "... json");

        unit_ok(e.json.data + e.json.len == (u_char *) t->text + t->len,
                "... which is in the payload");
    }
}


/* each part of a payload, in a place of its own size */

static void
envelope_test_parts(void)
{
    u_char                    *copy;
    size_t                     len;
    ngx_int_t                  rc, want;
    ngx_uint_t                 bad;
    ngx_messaging_envelope_t   e;

    static const char  text[] = "@ x=42 zz=1 k=typing\n{\"a\":\"\xc3\xa9\"}";

    bad = 0;

    for (len = 0; len < sizeof(text); len++) {
        copy = malloc(len ? len : 1);
        ngx_memcpy(copy, text, len);

        rc = ngx_messaging_envelope_parse(&e, copy, len);
        free(copy);

        want = NGX_OK;

        if (len <= 21) {
            want = NGX_DECLINED;

        } else if (len == 28) {
            want = NGX_ERROR;
        }

        if (rc != want) {
            bad++;
            printf("# %d bytes: %d\n", (int) len, (int) rc);
        }
    }

    unit_int((long long) bad, 0, "a payload cut at each byte");
}


/* every byte in every place of a header, against the grammar as a regex */

static void
envelope_test_bytes(void)
{
    int                        right;
    char                       text[64], *x, *k;
    size_t                     at, i, len;
    regex_t                    re;
    ngx_int_t                  rc;
    ngx_uint_t                 bad, declined, n, ok;
    ngx_messaging_envelope_t   e;

    static const char  *bases[] = {
        "@ x=42 k=typing\n{}",
        "@ ab=c x=%20 d=e\n{}",
        "@ k=message xk=@\n{ }",
        "@\n{}",
        "{\"a\":1}"
    };

    if (regcomp(&re, "^(@( [a-z]+=[!-~]+)*\n)?\\{", REG_EXTENDED) != 0) {
        unit_ok(0, "regcomp()");
        return;
    }

    bad = 0;
    ok = 0;
    declined = 0;

    for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        len = strlen(bases[i]);

        for (at = 0; at < len; at++) {

            /* what is behind the first '{' is the business of UTF-8 */

            if (memchr(bases[i], '{', at) != NULL) {
                break;
            }

            for (n = 1; n < 256; n++) {
                ngx_memcpy(text, bases[i], len + 1);
                text[at] = (char) n;

                right = (regexec(&re, text, 0, NULL, 0) == 0);

                x = strstr(text, " x=");
                k = strstr(text, " k=");

                if (right && text[0] == '@'
                    && ((x && strstr(x + 1, " x="))
                        || (k && strstr(k + 1, " k="))))
                {
                    right = 0;
                }

                rc = envelope_parse(&e, text, len);

                if (rc != (right ? NGX_OK : NGX_DECLINED)) {
                    bad++;
                    printf("# %s: %d\n", text, (int) rc);
                }

                ok += (rc == NGX_OK);
                declined += (rc == NGX_DECLINED);
            }
        }
    }

    regfree(&re);

    unit_int((long long) bad, 0, "every byte in every place of a header");
    unit_ok(ok > 1000 && declined > 1000, "... some right and some wrong");
}


static void
envelope_test_limits(void)
{
    char                      *p;
    size_t                     n;
    ngx_messaging_envelope_t   e;
    char                       text[4096];

    for (n = NGX_MESSAGING_ENVELOPE_MAX_USER;
         n <= NGX_MESSAGING_ENVELOPE_MAX_USER + 1;
         n++)
    {
        p = text;
        p += sprintf(p, "@ x=");
        memset(p, 'u', n);
        p += n;
        p += sprintf(p, "\n{}");

        unit_int(envelope_parse(&e, text, (size_t) (p - text)),
                 n <= NGX_MESSAGING_ENVELOPE_MAX_USER ? NGX_OK : NGX_DECLINED,
                 "the longest user and one more");
    }

    unit_int(NGX_MESSAGING_ENVELOPE_MAX_USER, 384, "... which is 384");

    for (n = NGX_MESSAGING_ENVELOPE_MAX_CONNECTION;
         n <= NGX_MESSAGING_ENVELOPE_MAX_CONNECTION + 1;
         n++)
    {
        p = text;
        p += sprintf(p, "@ c=");
        memset(p, 'c', n);
        p += n;
        p += sprintf(p, "\n{}");

        unit_int(envelope_parse(&e, text, (size_t) (p - text)),
                 n <= NGX_MESSAGING_ENVELOPE_MAX_CONNECTION ? NGX_OK
                                                            : NGX_DECLINED,
                 "the longest connection and one more");
    }

    unit_int(NGX_MESSAGING_ENVELOPE_MAX_CONNECTION, 64, "... which is 64");

    /* the line with its '@' and its '\n' */

    for (n = NGX_MESSAGING_ENVELOPE_MAX_HEADER;
         n <= NGX_MESSAGING_ENVELOPE_MAX_HEADER + 1;
         n++)
    {
        p = text;
        p += sprintf(p, "@ x=7 fill=");
        memset(p, 'f', n);
        p = text + n - 1;
        p += sprintf(p, "\n{}");

        unit_int(envelope_parse(&e, text, (size_t) (p - text)),
                 n <= NGX_MESSAGING_ENVELOPE_MAX_HEADER ? NGX_OK
                                                        : NGX_DECLINED,
                 "the longest header and one more");
    }

    unit_int(NGX_MESSAGING_ENVELOPE_MAX_HEADER, 1024, "... which is 1024");

    memset(text, 'f', sizeof(text));
    ngx_memcpy(text, "@ fill=", 7);

    unit_int(envelope_parse(&e, text, sizeof(text)), NGX_DECLINED,
             "a header without an end");

    memset(text, ' ', sizeof(text));
    text[0] = '{';
    text[sizeof(text) - 1] = '}';

    unit_ok(envelope_parse(&e, text, sizeof(text)) == NGX_OK
            && e.json.len == sizeof(text),
            "JSON has no such limit");
}


static void
envelope_test_encode(void)
{
    u_char                    *p;
    size_t                     i, len;
    u_char                     bytes[512];
    char                       user[NGX_MESSAGING_ENVELOPE_MAX_USER + 1];
    ngx_messaging_envelope_t   back, e;

    static struct {
        const char  *exclude;
        ngx_uint_t   kind;
        const char  *want;
    } *t, tests[] = {
        { "", NGX_MESSAGING_KIND_MESSAGE, "" },
        { "42", NGX_MESSAGING_KIND_MESSAGE, "@ x=42\n" },
        { "", NGX_MESSAGING_KIND_RECEIPT, "@ k=receipt\n" },
        { "", NGX_MESSAGING_KIND_PRESENCE, "@ k=presence\n" },
        { "", NGX_MESSAGING_KIND_TYPING, "@ k=typing\n" },
        { "42", NGX_MESSAGING_KIND_TYPING, "@ x=42 k=typing\n" },
        { "a%40b", NGX_MESSAGING_KIND_PRESENCE, "@ x=a%40b k=presence\n" },
        { NULL, NGX_MESSAGING_KIND_PRESENCE, NULL },
        { "1", 4, "@ x=1\n" },
        { "", 4, "" }
    };

    memset(user, 'u', sizeof(user));
    user[sizeof(user) - 1] = '\0';

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        ngx_memzero(&e, sizeof(ngx_messaging_envelope_t));
        e.exclude.data = (u_char *) (t->exclude ? t->exclude : user);
        e.exclude.len = strlen((char *) e.exclude.data);
        e.kind = t->kind;

        memset(bytes, '#', sizeof(bytes));

        len = (size_t) (uintptr_t) ngx_messaging_envelope_encode(NULL, &e);
        p = ngx_messaging_envelope_encode(bytes, &e);

        unit_ok(p == bytes + len && *p == '#', "header %d has its length",
                (int) i);

        if (t->want) {
            unit_str(bytes, len, t->want, "... and is right");
        }

        ngx_memcpy(p, "{}", 2);

        unit_ok(ngx_messaging_envelope_parse(&back, bytes, len + 2) == NGX_OK
                && back.kind == (t->kind < 4 ? t->kind : 0)
                && back.exclude.len == e.exclude.len
                && (e.exclude.len == 0
                    || memcmp(back.exclude.data, e.exclude.data,
                              e.exclude.len) == 0)
                && back.json.data == bytes + len && back.json.len == 2,
                "... and back");
    }
}


static void
envelope_test_except(void)
{
    u_char                    *p;
    size_t                     i, len;
    u_char                     bytes[128];
    ngx_messaging_envelope_t   e;

    static struct {
        const char  *text;
        ngx_int_t    rc;
        const char  *exclude;
        const char  *except;
        ngx_uint_t   kind;
        ngx_uint_t   canonical;
    } *t, tests[] = {
        { "@ c=0a-7\n{}", NGX_OK, "", "0a-7", 0, 1 },
        { "@ x=42 c=0a-7\n{}", NGX_OK, "42", "0a-7", 0, 1 },
        { "@ x=42 c=0a-7 k=typing\n{}", NGX_OK, "42", "0a-7", 3, 1 },
        { "@ c=0a-7 k=receipt\n{}", NGX_OK, "", "0a-7", 1, 1 },
        { "@ k=receipt c=0a-7 x=42\n{}", NGX_OK, "42", "0a-7", 1, 0 },
        { "@ cc=1 xc=2 cx=3\n{}", NGX_OK, "", "", 0, 0 },
        { "@ c=1 c=1\n{}", NGX_DECLINED, NULL, NULL, 0, 0 },
        { "@ c=1 x=5 c=2\n{}", NGX_DECLINED, NULL, NULL, 0, 0 },
        { "@ c=\n{}", NGX_DECLINED, NULL, NULL, 0, 0 },
        { "@ c\n{}", NGX_DECLINED, NULL, NULL, 0, 0 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        memset(&e, 0x55, sizeof(ngx_messaging_envelope_t));

        len = strlen(t->text);

        if (!unit_int(envelope_parse(&e, t->text, len), t->rc,
                      "a connection to leave out")
            || t->rc != NGX_OK)
        {
            continue;
        }

        unit_str(e.exclude.len ? e.exclude.data : (u_char *) "",
                 e.exclude.len, t->exclude, "... the user");
        unit_str(e.except.len ? e.except.data : (u_char *) "",
                 e.except.len, t->except, "... the connection");
        unit_int((long long) e.kind, (long long) t->kind, "... the kind");

        if (!t->canonical) {
            continue;
        }

        p = ngx_messaging_envelope_encode(NULL, &e);
        unit_int((long long) (uintptr_t) p, (long long) len - 2,
                 "... its length");

        p = ngx_messaging_envelope_encode(bytes, &e);
        unit_ok(p == bytes + len - 2 && memcmp(bytes, t->text, len - 2) == 0,
                "... and back");
    }
}


static void
envelope_test_tag(void)
{
    u_char                    *copy;
    size_t                     i, len, offset;
    ngx_uint_t                 empty;
    ngx_messaging_envelope_t   e;

    static struct {
        const char  *text;
        ngx_uint_t   empty;
    } *t, tests[] = {
        { "{}", 1 },
        { "{ }", 1 },
        { "{ \t\r\n}", 1 },
        { "{} ", 1 },
        { "{\"a\":1}", 0 },
        { "{ \"a\":{}}", 0 },
        { "{\n}", 1 },
        { "{\"}\":1}", 0 },
        { "{", 0 },
        { "{  ", 0 },
        { "{\v}", 0 },
        { "@ x=1\n{}", 1 },
        { "@ x=1\n{\"a\":1}", 0 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        /* of its own size: a byte read past its end is seen */

        len = strlen(t->text);
        copy = malloc(len);
        ngx_memcpy(copy, t->text, len);

        if (ngx_messaging_envelope_parse(&e, copy, len) == NGX_OK) {
            empty = 77;
            offset = ngx_messaging_envelope_tag(&e, &empty);

            unit_ok(offset == 1 && empty == t->empty && e.json.data[0] == '{',
                    "where to insert into object %d", (int) i);

        } else {
            unit_ok(0, "payload %d is parsed", (int) i);
        }

        free(copy);
    }
}


static void
envelope_test_escape(void)
{
    u_char      ch, *p;
    char        want[8];
    u_char      bytes[64];
    ngx_uint_t  bad, n;

    static const char  plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz"
                                 "0123456789_.-";

    bad = 0;

    for (n = 0; n < 256; n++) {
        ch = (u_char) n;

        if (memchr(plain, (int) n, sizeof(plain) - 1)) {
            sprintf(want, "%c", (int) n);

        } else {
            sprintf(want, "%%%02X", (int) n);
        }

        memset(bytes, '#', sizeof(bytes));
        p = ngx_messaging_escape(bytes, &ch, 1);

        bad += (size_t) (p - bytes) != strlen(want)
               || memcmp(bytes, want, strlen(want)) != 0
               || *p != '#'
               || (uintptr_t) ngx_messaging_escape(NULL, &ch, 1)
                  != strlen(want);
    }

    unit_int((long long) bad, 0, "every byte escaped");

    p = ngx_messaging_escape(bytes, (u_char *) "a b@c.d/\xc3\xa9%:", 12);
    unit_str(bytes, (size_t) (p - bytes), "a%20b%40c.d%2F%C3%A9%25%3A",
             "a text escaped");

    unit_int((long long) (uintptr_t)
             ngx_messaging_escape(NULL, (u_char *) "a b@c.d/\xc3\xa9%:", 12),
             26, "... its length");

    p = ngx_messaging_escape(bytes, (u_char *) "", 0);
    unit_ok(p == bytes, "nothing escaped");
}


static void
envelope_test_escaped(void)
{
    size_t      i;
    ngx_str_t   s;
    ngx_uint_t  bad, n;
    u_char      ch, bytes[3];

    static struct {
        const char  *text;
        ngx_uint_t   escaped;
        ngx_uint_t   printable;
    } *t, tests[] = {
        { "", 0, 0 },
        { "5", 1, 1 },
        { "a%40b.c", 1, 1 },
        { "%C3%A9", 1, 1 },
        { "%00%FF%20", 1, 1 },
        { "%2520", 1, 1 },
        { "%", 0, 1 },
        { "%4", 0, 1 },
        { "a%4", 0, 1 },
        { "%%40", 0, 1 },
        { "%4g", 0, 1 },
        { "%G0", 0, 1 },
        { "%c3", 0, 1 },
        { "%3a", 0, 1 },
        { "%41", 0, 1 },
        { "%2D", 0, 1 },
        { "a@b", 0, 1 },
        { "user:5", 0, 1 },
        { "a b", 0, 0 },
        { "a\n", 0, 0 },
        { "\xc3\xa9", 0, 0 },
        { "\x7f", 0, 0 },
        { "!~", 0, 1 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        s.data = (u_char *) t->text;
        s.len = strlen(t->text);

        unit_ok(ngx_messaging_escaped_valid(&s) == t->escaped
                && ngx_messaging_printable(&s) == t->printable,
                "escaped: \"%s\"", t->text);
    }

    bad = 0;

    for (n = 0; n < 256; n++) {
        ch = (u_char) n;

        s.data = bytes;
        s.len = (size_t) (ngx_messaging_escape(bytes, &ch, 1) - bytes);

        if (!ngx_messaging_escaped_valid(&s)) {
            bad++;
        }
    }

    unit_int((long long) bad, 0, "every byte as it is escaped");
}


static void
envelope_test_names(void)
{
    size_t      i;
    ngx_str_t   s;
    ngx_uint_t  bad, n;
    u_char      ch, bytes[600];

    static struct {
        const char  *text;
        ngx_uint_t   conversation;
        ngx_uint_t   number;
        ngx_uint_t   channel;
    } *t, tests[] = {
        { "", 0, 0, 0 },
        { "0", 1, 1, 0 },
        { "00", 1, 0, 0 },
        { "01", 1, 0, 0 },
        { "7", 1, 1, 0 },
        { "42", 1, 1, 0 },
        { "-1", 1, 0, 0 },
        { "+1", 0, 0, 0 },
        { "1.0", 1, 0, 0 },
        { "1e3", 1, 0, 0 },
        { "0x10", 1, 0, 0 },
        { " 1", 0, 0, 0 },
        { "999999999999999", 1, 1, 0 },
        { "1000000000000000", 1, 1, 0 },
        { "9007199254740990", 1, 1, 0 },
        { "9007199254740991", 1, 1, 0 },
        { "9007199254740992", 1, 0, 0 },
        { "9007199254741000", 1, 0, 0 },
        { "9999999999999999", 1, 0, 0 },
        { "10000000000000000", 1, 0, 0 },
        { "18446744073709551617", 1, 0, 0 },
        { "room-A_1.b", 1, 0, 0 },
        { "3f2504e0-4f89-11d3-9a0c-0305e82c3301", 1, 0, 0 },
        { "user:5", 0, 0, 1 },
        { ":", 0, 0, 1 },
        { "a:b:c", 0, 0, 1 },
        { "user:a%40b", 0, 0, 1 },
        { "user:a@b", 0, 0, 0 },
        { "user:a b", 0, 0, 0 },
        { "user:*", 0, 0, 0 },
        { "user:\xc3\xa9", 0, 0, 0 },
        { "%41", 0, 0, 0 },
        { "a/b", 0, 0, 0 },
        { "@control", 0, 0, 0 },
        { "@control:", 0, 0, 0 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        t = &tests[i];

        s.data = (u_char *) t->text;
        s.len = strlen(t->text);

        unit_ok(ngx_messaging_conversation_valid(&s) == t->conversation
                && ngx_messaging_conversation_number(&s) == t->number
                && ngx_messaging_channel_valid(&s) == t->channel,
                "the name \"%s\"", t->text);
    }

    bad = 0;

    for (n = 0; n < 256; n++) {
        bytes[0] = 'a';
        bytes[1] = (u_char) n;
        bytes[2] = ':';

        s.data = bytes;
        s.len = 2;
        ch = (u_char) n;

        i = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9')
            || (ch && strchr("_.-", ch) != NULL);

        bad += ngx_messaging_conversation_valid(&s) != i;

        s.len = 3;
        i = i || ch == ':' || ch == '%';

        bad += ngx_messaging_channel_valid(&s) != i;
    }

    unit_int((long long) bad, 0, "every byte in a name");

    memset(bytes, '9', sizeof(bytes));
    s.data = bytes;

    s.len = 128;
    unit_int((long long) ngx_messaging_conversation_valid(&s), 1,
             "a conversation of 128 bytes");
    unit_int((long long) ngx_messaging_conversation_number(&s), 0,
             "... is not a number");

    s.len = 129;
    unit_int((long long) ngx_messaging_conversation_valid(&s), 0,
             "a conversation of 129 bytes");

    bytes[0] = ':';

    s.len = 512;
    unit_int((long long) ngx_messaging_channel_valid(&s), 1,
             "a channel of 512 bytes");

    s.len = 513;
    unit_int((long long) ngx_messaging_channel_valid(&s), 0,
             "a channel of 513 bytes");
}


int
main(void)
{
    envelope_test_table();
    envelope_test_parts();
    envelope_test_bytes();
    envelope_test_limits();
    envelope_test_encode();
    envelope_test_except();
    envelope_test_tag();
    envelope_test_escape();
    envelope_test_escaped();
    envelope_test_names();

    return unit_done();
}
