
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_utf8.c"
#include "../../src/ngx_messaging_envelope.c"
#include "fuzz.h"


static void
fuzz_one(u_char *data, size_t len)
{
    u_char                    *p, *last;
    size_t                     n;
    ngx_str_t                  text;
    ngx_int_t                  rc;
    ngx_uint_t                 empty;
    ngx_messaging_envelope_t   e, again;

    rc = ngx_messaging_envelope_parse(&e, data, len);

    text.data = data;
    text.len = len;

    (void) ngx_messaging_conversation_valid(&text);
    (void) ngx_messaging_conversation_number(&text);
    (void) ngx_messaging_channel_valid(&text);
    (void) ngx_messaging_escaped_valid(&text);
    (void) ngx_messaging_printable(&text);

    n = (size_t) (uintptr_t) ngx_messaging_escape(NULL, data, len);
    p = malloc(n + 1);
    fuzz_assert(ngx_messaging_escape(p, data, len) == p + n);

    text.data = p;
    text.len = n;
    fuzz_assert(ngx_messaging_escaped_valid(&text) == (len != 0));
    free(p);

    if (rc != NGX_OK) {
        return;
    }

    fuzz_assert(e.json.len && e.json.data[0] == '{');
    fuzz_assert(e.json.data + e.json.len == data + len);
    fuzz_assert(e.kind <= NGX_MESSAGING_KIND_TYPING);
    fuzz_assert(ngx_messaging_envelope_tag(&e, &empty) <= e.json.len);

    /* written again and read again it says the same */

    n = (size_t) (uintptr_t) ngx_messaging_envelope_encode(NULL, &e);
    p = malloc(n + e.json.len);
    last = ngx_messaging_envelope_encode(p, &e);
    fuzz_assert(last == p + n);
    memcpy(last, e.json.data, e.json.len);

    fuzz_assert(ngx_messaging_envelope_parse(&again, p, n + e.json.len)
                == NGX_OK);
    fuzz_assert(again.exclude.len == e.exclude.len);
    fuzz_assert(e.exclude.len == 0
                || memcmp(again.exclude.data, e.exclude.data, e.exclude.len)
                   == 0);
    fuzz_assert(again.except.len == e.except.len);
    fuzz_assert(e.except.len == 0
                || memcmp(again.except.data, e.except.data, e.except.len)
                   == 0);
    fuzz_assert(again.json.len == e.json.len);

    free(p);
}
