
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_url.c"
#include "fuzz.h"


static void
fuzz_one(u_char *data, size_t len)
{
    u_char               *buf;
    ngx_str_t             text;
    ngx_messaging_url_t   url;

    text.data = data;
    text.len = len;

    buf = malloc(len + NGX_MESSAGING_URL_EXTRA);

    if (ngx_messaging_url_parse(&url, &text, buf) == NULL) {
        fuzz_assert(url.name.len != 0);
        fuzz_assert(url.db <= NGX_MESSAGING_URL_MAX_DB);
        fuzz_assert((url.host.len == 0) == (url.port == 0));
        fuzz_assert(url.user.len + url.password.len <= len);
    }

    free(buf);
}
