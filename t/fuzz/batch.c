
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_batch.c"
#include "../../src/ngx_messaging_control.c"
#include "../../src/ngx_messaging_envelope.c"
#include "../../src/ngx_messaging_json.c"
#include "../../src/ngx_messaging_utf8.c"
#include "fuzz.h"
#include "../unit/pool.h"


/* what is found in the text is what the parser of JSON has found */

static void
fuzz_one(u_char *data, size_t len)
{
    json_t                       *object, *array, *frame;
    ngx_int_t                     rc;
    ngx_uint_t                    i, n;
    ngx_messaging_batch_t         batch;
    ngx_messaging_publication_t  *pub;

    batch.max_message = 64;

    rc = ngx_messaging_batch_parse(&batch, data, len);

    if (rc != NGX_OK) {
        fuzz_assert(rc == NGX_DECLINED && batch.error);
        pool_free();
        return;
    }

    object = ngx_messaging_json_load(data, len);
    array = json_object_get(object, "publications");

    fuzz_assert(batch.nelts == json_array_size(array));

    for (i = 0; i < batch.nelts; i++) {
        pub = &batch.elts[i];

        fuzz_assert(pub->frame.len <= batch.max_message);

        frame = ngx_messaging_json_load(pub->frame.data, pub->frame.len);

        fuzz_assert(frame
                    && json_equal(frame,
                                  json_object_get(json_array_get(array, i),
                                                  "frame")));
        json_decref(frame);

        fuzz_assert(pub->nnames);

        for (n = 0; n < pub->nnames; n++) {
            fuzz_assert(ngx_messaging_channel_valid(&pub->names[n])
                        || ngx_messaging_conversation_valid(&pub->names[n]));
        }

        fuzz_assert(pub->user.len == 0
                    || ngx_messaging_escaped_valid(&pub->user));
        fuzz_assert(pub->user.len <= NGX_MESSAGING_ENVELOPE_MAX_USER);
    }

    json_decref(object);
    pool_free();
}
