
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_text.h"
#include "ngx_messaging_envelope.h"
#include "ngx_messaging_json.h"


#define NGX_HTTP_MESSAGING_TEXT_SIZE  4096


static int ngx_http_messaging_text_dump(const char *p, size_t len, void *data);


void
ngx_http_messaging_text_begin(ngx_http_messaging_text_t *t,
    ngx_http_messaging_worker_t *worker)
{
    t->worker = worker;
    t->text.data = worker->text;
    t->text.len = 0;
    t->failed = 0;
}


void
ngx_http_messaging_text_bytes(ngx_http_messaging_text_t *t, u_char *p,
    size_t len)
{
    u_char                       *text;
    size_t                        size;
    ngx_http_messaging_worker_t  *worker;

    worker = t->worker;

    if (t->failed) {
        return;
    }

    if (worker->text_size - t->text.len < len) {
        size = ngx_max(2 * worker->text_size, t->text.len + len);
        size = ngx_max(size, NGX_HTTP_MESSAGING_TEXT_SIZE);

        text = ngx_alloc(size, ngx_cycle->log);
        if (text == NULL) {
            t->failed = 1;
            return;
        }

        if (worker->text) {
            ngx_memcpy(text, worker->text, t->text.len);
            ngx_free(worker->text);
        }

        worker->text = text;
        worker->text_size = size;
        t->text.data = text;
    }

    ngx_memcpy(t->text.data + t->text.len, p, len);
    t->text.len += len;
}


static int
ngx_http_messaging_text_dump(const char *p, size_t len, void *data)
{
    ngx_http_messaging_text_bytes(data, (u_char *) p, len);

    return 0;
}


void
ngx_http_messaging_text_json(ngx_http_messaging_text_t *t, json_t *value)
{
    if (json_dump_callback(value, ngx_http_messaging_text_dump, t,
                           JSON_COMPACT|JSON_ENCODE_ANY)
        != 0)
    {
        t->failed = 1;
    }
}


void
ngx_http_messaging_text_id(ngx_http_messaging_text_t *t, ngx_str_t *id)
{
    if (ngx_messaging_conversation_number(id)) {
        ngx_http_messaging_text_str(t, id);
        return;
    }

    /* the characters of an id need no escape */

    ngx_http_messaging_text_add(t, "\"");
    ngx_http_messaging_text_str(t, id);
    ngx_http_messaging_text_add(t, "\"");
}


void
ngx_http_messaging_text_time(ngx_http_messaging_text_t *t, int64_t msec)
{
    u_char  *p;
    u_char   time[NGX_MESSAGING_JSON_RFC3339_LEN + 2];

    time[0] = '"';
    p = ngx_messaging_json_rfc3339(time + 1, msec);
    *p++ = '"';

    ngx_http_messaging_text_bytes(t, time, p - time);
}


void
ngx_http_messaging_text_number(ngx_http_messaging_text_t *t, uint64_t n)
{
    u_char  *p;
    u_char   number[NGX_INT64_LEN];

    p = ngx_sprintf(number, "%uL", n);

    ngx_http_messaging_text_bytes(t, number, p - number);
}
