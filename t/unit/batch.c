
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_batch.c"
#include "../../src/ngx_messaging_control.c"
#include "../../src/ngx_messaging_envelope.c"
#include "../../src/ngx_messaging_json.c"
#include "../../src/ngx_messaging_utf8.c"
#include "unit.h"
#include "pool.h"


static void batch_good(void);
static void batch_places(void);
static void batch_memory(void);
static ngx_int_t batch_parse(const char *text);


static ngx_messaging_batch_t  batch;


int
main(void)
{
    batch.max_message = 32;

    batch_good();
    batch_places();
    batch_memory();

    pool_free();

    return unit_done();
}


static ngx_int_t
batch_parse(const char *text)
{
    return ngx_messaging_batch_parse(&batch, (u_char *) text, strlen(text));
}


static void
batch_good(void)
{
    ngx_messaging_publication_t  *pub;

    unit_int(batch_parse("{\"publications\":["
                 "{\"conversation_ids\":[-7,\"a\"],\"frame\":{\"n\":1},"
                 "\"except_user\":\"\xc3\xa9\",\"except_connection\":\"0-1\","
                 "\"idempotency_key\":\"k\"},"
                 "{\"user_ids\":[-1,\"a@b\"],\"frame\":{}},"
                 "{\"channel\":\"x:y\",\"frame\":{}}]}"),
             NGX_OK, "all that may be");

    unit_int((long long) batch.nelts, 3, "three publications");
    unit_int((long long) batch.nchannels, 5, "for five channels");

    pub = batch.elts;
    unit_int((long long) pub->nnames, 2, "two for the first");
    unit_str(pub->names[0].data, pub->names[0].len, "-7", "a number");
    unit_str(pub->names[1].data, pub->names[1].len, "a", "a string");
    unit_str(pub->frame.data, pub->frame.len, "{\"n\":1}", "the frame");
    unit_str(pub->user.data, pub->user.len, "%C3%A9", "the user");
    unit_str(pub->connection.data, pub->connection.len, "0-1",
             "the connection");
    unit_str(pub->key.data, pub->key.len, "k", "the key");

    pub++;
    unit_str(pub->names[0].data, pub->names[0].len, "user:-1", "a user");
    unit_str(pub->names[1].data, pub->names[1].len, "user:a%40b", "another");
    unit_int((long long) (pub->user.len + pub->connection.len
                          + pub->key.len), 0, "nothing else");

    pub++;
    unit_str(pub->names[0].data, pub->names[0].len, "x:y", "a channel");
}


/* a frame is found wherever it stands, and whatever stands around it */

static void
batch_places(void)
{
    ngx_uint_t  i;
    char        text[512];

    static const char  *frames[] = {
        "{}", "{ }", "{\"frame\":{\"frame\":1}}", "{\"a\":\"\\\"}]\"}",
        "{\"a\":[{}, [ ]], \"b\" :-1.50e1 }", "{\"a\":\"\\\\\"}",
        "{\"a\":null\n,\"b\":true}", "{\"\":\"\\u005c\"}"
    };

    static const char  *texts[] = {
        "{\"publications\":[{\"channel\":\"a:b\",\"frame\":%s}]}",
        " { \"publications\" : [ { \"frame\" : %s , \"channel\" : \"a:b\" } ]"
            " } ",
        "\t{\n\"publications\"\r\n:[{\"user_id\":1 ,\"frame\":%s}\n] }\n",
        "{\"publications\":[{\"user_ids\":[1,\"frame\"],\"frame\":%s,"
            "\"except_user\":\"frame\"}]}",
        "{\"publications\":[{\"except_user\":\"\\\\\",\"frame\":%s,"
            "\"conversation_id\":\"frame\"}]}"
    };

    for (i = 0; i < 8 * 5; i++) {
        snprintf(text, sizeof(text), texts[i / 8], frames[i % 8]);

        unit_int(batch_parse(text), NGX_OK, text);
        unit_str(batch.elts[0].frame.data, batch.elts[0].frame.len,
                 frames[i % 8], "... has the frame");
    }

    snprintf(text, sizeof(text), texts[0],
             "{\"a\":\"yyyyyyyyyyyyyyyyyyyyyyyy\"}");
    unit_int(batch_parse(text), NGX_OK, "the longest frame");

    snprintf(text, sizeof(text), texts[0],
             "{\"a\":\"yyyyyyyyyyyyyyyyyyyyyyyyy\"}");
    unit_int(batch_parse(text), NGX_DECLINED, "one more");
    unit_int((long long) batch.too_large, 1, "is too large");
    unit_int((long long) batch.index, 0, "and it is the first");

    unit_int(batch_parse("{\"publications\":[{\"channel\":\"a:b\","
                         "\"\\u0066rame\":{}}]}"), NGX_DECLINED,
             "a name with an escape");
    unit_int((long long) batch.index, 0, "is said of the publication");

    unit_int(batch_parse("{\"public\\u0061tions\":[{\"channel\":\"a:b\","
                         "\"frame\":{}}]}"), NGX_DECLINED,
             "the same of the array");
}


static void
batch_memory(void)
{
    ngx_uint_t  n;

    for (n = 0; n < 100; n++) {
        pool_fail = n + 1;

        if (batch_parse("{\"publications\":[{\"user_ids\":[1,2],"
                        "\"except_user\":1,\"except_connection\":\"x\","
                        "\"idempotency_key\":\"k\",\"frame\":{}},"
                        "{\"conversation_id\":1,\"frame\":{}}]}")
            != NGX_ERROR)
        {
            break;
        }
    }

    pool_fail = 0;

    unit_int((long long) n, 9, "each allocation may fail");
}
