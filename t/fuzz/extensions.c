
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_extensions.c"
#include "fuzz.h"


/*
 * The first byte is what the server would grant, the rest the header.  What
 * is agreed on is within both, the answer within its bound, and an offer made
 * of the answer is accepted with the same result.
 */


static void
fuzz_one(u_char *data, size_t len)
{
    u_char                      *p;
    ngx_int_t                    rc;
    ngx_str_t                    value;
    ngx_messaging_extensions_t   again, agreed, granted;
    u_char                       answer[NGX_MESSAGING_EXTENSIONS_MAX];

    if (len == 0) {
        return;
    }

    memset(&granted, 0, sizeof(granted));

    granted.server_bits = 9 + (data[0] & 7) % 7;
    granted.client_bits = 9 + (data[0] >> 3 & 7) % 7;
    granted.server_takeover = data[0] >> 6 & 1;
    granted.client_takeover = data[0] >> 7 & 1;

    value.data = data + 1;
    value.len = len - 1;

    rc = ngx_messaging_extensions_accept(&value, &granted, &agreed);

    fuzz_assert(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_DECLINED) {
        return;
    }

    fuzz_assert(agreed.server_bits >= 9
                && agreed.server_bits <= granted.server_bits);
    fuzz_assert(agreed.client_bits >= 9 && agreed.client_bits <= 15);
    fuzz_assert(agreed.client_bits <= granted.client_bits
                || (agreed.client_bits == 15 && !agreed.say_client));
    fuzz_assert(agreed.server_takeover <= granted.server_takeover);
    fuzz_assert(agreed.client_takeover <= granted.client_takeover);
    fuzz_assert(agreed.say_server || agreed.server_bits == 15);

    p = ngx_messaging_extensions_write(answer, &agreed);

    fuzz_assert(p > answer && p <= answer + sizeof(answer));

    value.len = p - answer;
    value.data = fuzz_copy(answer, value.len);

    rc = ngx_messaging_extensions_accept(&value, &granted, &again);

    fuzz_assert(rc == NGX_OK);
    fuzz_assert(again.server_bits == agreed.server_bits
                && again.client_bits == agreed.client_bits
                && again.server_takeover == agreed.server_takeover
                && again.client_takeover == agreed.client_takeover
                && again.say_server == agreed.say_server
                && again.say_client == agreed.say_client);

    free(value.data);
}
