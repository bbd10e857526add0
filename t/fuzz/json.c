
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_json.c"
#include "fuzz.h"


static void
fuzz_one(u_char *data, size_t len)
{
    json_t        *root, *again;
    ngx_int_t      rc;
    json_error_t   error;

    rc = ngx_messaging_json_scan(data, len, NGX_MESSAGING_JSON_MAX_VALUES);
    root = ngx_messaging_json_object(data, len, NGX_MESSAGING_JSON_MAX_VALUES);

    again = json_loadb((char *) data, len, JSON_REJECT_DUPLICATES, &error);

    /* what is accepted is what jansson accepts, within the bounds */

    fuzz_assert((root != NULL)
                == (rc == NGX_OK && json_is_object(again)));

    if (root) {
        fuzz_assert(json_equal(root, again));
        (void) ngx_messaging_json_bool(json_object_get(root, "x"));
    }

    json_decref(root);
    json_decref(again);
}
