
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging_envelope.h"
#include "ngx_messaging_utf8.h"


#define NGX_MESSAGING_CONVERSATION_MAX  128
#define NGX_MESSAGING_CHANNEL_MAX       512


typedef struct {
    ngx_str_t  name;
    ngx_str_t  value;
} ngx_messaging_envelope_field_t;


static u_char *ngx_messaging_envelope_parse_header(
    ngx_messaging_envelope_t *e, u_char *p, u_char *last);
static u_char *ngx_messaging_envelope_parse_field(u_char *p, u_char *last,
    ngx_messaging_envelope_field_t *field);
static ngx_uint_t ngx_messaging_envelope_kind(ngx_str_t *value);
static ngx_uint_t ngx_messaging_unreserved(u_char ch);
static ngx_int_t ngx_messaging_hex(u_char ch);


static ngx_str_t  ngx_messaging_envelope_kinds[] = {
    ngx_string("message"),
    ngx_string("receipt"),
    ngx_string("presence"),
    ngx_string("typing")
};

#define NGX_MESSAGING_ENVELOPE_KINDS                                          \
    (sizeof(ngx_messaging_envelope_kinds) / sizeof(ngx_str_t))


/* the greatest integer every JSON reader keeps: 2^53 - 1 */

static ngx_str_t  ngx_messaging_number_max = ngx_string("9007199254740991");


ngx_int_t
ngx_messaging_envelope_parse(ngx_messaging_envelope_t *e, u_char *p,
    size_t len)
{
    u_char  *last;

    ngx_str_null(&e->exclude);
    ngx_str_null(&e->except);
    ngx_str_null(&e->json);
    e->kind = NGX_MESSAGING_KIND_MESSAGE;

    last = p + len;

    if (p != last && *p == '@') {
        p = ngx_messaging_envelope_parse_header(e, p, last);
        if (p == NULL) {
            return NGX_DECLINED;
        }
    }

    if (p == last || *p != '{') {
        return NGX_DECLINED;
    }

    e->json.len = (size_t) (last - p);
    e->json.data = p;

    if (!ngx_messaging_utf8_valid(e->json.data, e->json.len)) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the position behind the header line, NULL if the line is wrong */

static u_char *
ngx_messaging_envelope_parse_header(ngx_messaging_envelope_t *e, u_char *p,
    u_char *last)
{
    ngx_uint_t                      kind;
    ngx_messaging_envelope_field_t  field;

    if (last - p > NGX_MESSAGING_ENVELOPE_MAX_HEADER) {
        last = p + NGX_MESSAGING_ENVELOPE_MAX_HEADER;
    }

    kind = 0;
    p++;

    for ( ;; ) {

        if (p == last) {
            return NULL;
        }

        if (*p == '\n') {
            return p + 1;
        }

        p = ngx_messaging_envelope_parse_field(p, last, &field);

        if (p == NULL) {
            return NULL;
        }

        if (field.name.len != 1) {
            continue;
        }

        switch (field.name.data[0]) {

        case 'x':
            if (e->exclude.len
                || field.value.len > NGX_MESSAGING_ENVELOPE_MAX_USER)
            {
                return NULL;
            }

            e->exclude = field.value;
            break;

        case 'c':
            if (e->except.len
                || field.value.len > NGX_MESSAGING_ENVELOPE_MAX_CONNECTION)
            {
                return NULL;
            }

            e->except = field.value;
            break;

        case 'k':
            if (kind) {
                return NULL;
            }

            kind = 1;
            e->kind = ngx_messaging_envelope_kind(&field.value);
            break;

        default:
            break;
        }
    }
}


/* one " name=value", neither empty; the position behind it or NULL */

static u_char *
ngx_messaging_envelope_parse_field(u_char *p, u_char *last,
    ngx_messaging_envelope_field_t *field)
{
    if (*p++ != ' ') {
        return NULL;
    }

    field->name.data = p;

    while (p != last && *p >= 'a' && *p <= 'z') {
        p++;
    }

    field->name.len = (size_t) (p - field->name.data);

    if (field->name.len == 0 || p == last || *p++ != '=') {
        return NULL;
    }

    field->value.data = p;

    while (p != last && *p > 0x20 && *p < 0x7f) {
        p++;
    }

    field->value.len = (size_t) (p - field->value.data);

    if (field->value.len == 0) {
        return NULL;
    }

    return p;
}


static ngx_uint_t
ngx_messaging_envelope_kind(ngx_str_t *value)
{
    ngx_str_t   *name;
    ngx_uint_t   n;

    for (n = 0; n < NGX_MESSAGING_ENVELOPE_KINDS; n++) {
        name = &ngx_messaging_envelope_kinds[n];

        if (value->len == name->len
            && ngx_memcmp(value->data, name->data, name->len) == 0)
        {
            return n;
        }
    }

    /* a kind of a newer release: what is not known must not be shed */

    return NGX_MESSAGING_KIND_MESSAGE;
}


u_char *
ngx_messaging_envelope_encode(u_char *p, ngx_messaging_envelope_t *e)
{
    size_t      len;
    ngx_str_t  *kind;

    kind = NULL;

    if (e->kind != NGX_MESSAGING_KIND_MESSAGE
        && e->kind < NGX_MESSAGING_ENVELOPE_KINDS)
    {
        kind = &ngx_messaging_envelope_kinds[e->kind];
    }

    if (e->exclude.len == 0 && e->except.len == 0 && kind == NULL) {
        return p;
    }

    if (p == NULL) {
        len = sizeof("@\n") - 1;

        if (e->exclude.len) {
            len += sizeof(" x=") - 1 + e->exclude.len;
        }

        if (e->except.len) {
            len += sizeof(" c=") - 1 + e->except.len;
        }

        if (kind) {
            len += sizeof(" k=") - 1 + kind->len;
        }

        return (u_char *) (uintptr_t) len;
    }

    *p++ = '@';

    if (e->exclude.len) {
        p = ngx_cpymem(p, " x=", sizeof(" x=") - 1);
        p = ngx_cpymem(p, e->exclude.data, e->exclude.len);
    }

    if (e->except.len) {
        p = ngx_cpymem(p, " c=", sizeof(" c=") - 1);
        p = ngx_cpymem(p, e->except.data, e->except.len);
    }

    if (kind) {
        p = ngx_cpymem(p, " k=", sizeof(" k=") - 1);
        p = ngx_cpymem(p, kind->data, kind->len);
    }

    *p++ = '\n';

    return p;
}


size_t
ngx_messaging_envelope_tag(ngx_messaging_envelope_t *e, ngx_uint_t *empty)
{
    u_char  ch;
    size_t  n;

    *empty = 0;

    for (n = 1; n < e->json.len; n++) {
        ch = e->json.data[n];

        if (ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r') {
            continue;
        }

        *empty = (ch == '}');
        break;
    }

    return 1;
}


u_char *
ngx_messaging_escape(u_char *p, u_char *src, size_t len)
{
    size_t         i, n;
    static u_char  hex[] = "0123456789ABCDEF";

    if (p == NULL) {
        n = len;

        for (i = 0; i < len; i++) {
            if (!ngx_messaging_unreserved(src[i])) {
                n += 2;
            }
        }

        return (u_char *) (uintptr_t) n;
    }

    for (i = 0; i < len; i++) {

        if (ngx_messaging_unreserved(src[i])) {
            *p++ = src[i];
            continue;
        }

        /* RFC 3986, section 2.1: upper case is the normal form */

        *p++ = '%';
        *p++ = hex[src[i] >> 4];
        *p++ = hex[src[i] & 0xf];
    }

    return p;
}


ngx_uint_t
ngx_messaging_escaped_valid(ngx_str_t *text)
{
    u_char     ch;
    size_t     i;
    ngx_int_t  high, low;

    for (i = 0; i < text->len; i++) {
        ch = text->data[i];

        if (ngx_messaging_unreserved(ch)) {
            continue;
        }

        if (ch != '%' || text->len - i < 3) {
            return 0;
        }

        /* one way to write it, so that texts are equal if what they say is */

        high = ngx_messaging_hex(text->data[++i]);
        low = ngx_messaging_hex(text->data[++i]);

        if (high == NGX_ERROR || low == NGX_ERROR
            || ngx_messaging_unreserved((u_char) (high << 4 | low)))
        {
            return 0;
        }
    }

    return text->len != 0;
}


ngx_uint_t
ngx_messaging_printable(ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] <= 0x20 || text->data[i] >= 0x7f) {
            return 0;
        }
    }

    return text->len != 0;
}


ngx_uint_t
ngx_messaging_conversation_valid(ngx_str_t *id)
{
    size_t  n;

    if (id->len == 0 || id->len > NGX_MESSAGING_CONVERSATION_MAX) {
        return 0;
    }

    for (n = 0; n < id->len; n++) {
        if (!ngx_messaging_unreserved(id->data[n])) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ngx_messaging_conversation_number(ngx_str_t *id)
{
    size_t      n;
    ngx_str_t  *max;

    max = &ngx_messaging_number_max;

    if (id->len == 0 || id->len > max->len) {
        return 0;
    }

    for (n = 0; n < id->len; n++) {
        if (id->data[n] < '0' || id->data[n] > '9') {
            return 0;
        }
    }

    if (id->data[0] == '0') {
        return id->len == 1;
    }

    /* digits of one length compare as numbers do */

    return id->len < max->len
           || ngx_memcmp(id->data, max->data, max->len) <= 0;
}


ngx_uint_t
ngx_messaging_channel_valid(ngx_str_t *name)
{
    u_char      ch;
    size_t      n;
    ngx_uint_t  colon;

    if (name->len == 0 || name->len > NGX_MESSAGING_CHANNEL_MAX) {
        return 0;
    }

    colon = 0;

    for (n = 0; n < name->len; n++) {
        ch = name->data[n];

        if (ch == ':') {
            colon = 1;
            continue;
        }

        if (ch != '%' && !ngx_messaging_unreserved(ch)) {
            return 0;
        }
    }

    return colon;
}


static ngx_uint_t
ngx_messaging_unreserved(u_char ch)
{
    return (ch >= '0' && ch <= '9')
           || (ch >= 'A' && ch <= 'Z')
           || (ch >= 'a' && ch <= 'z')
           || ch == '_' || ch == '.' || ch == '-';
}


/* of upper case */

static ngx_int_t
ngx_messaging_hex(u_char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    return (ch >= 'A' && ch <= 'F') ? ch - 'A' + 10 : NGX_ERROR;
}
