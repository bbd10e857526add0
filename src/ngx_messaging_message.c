
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_memory.h"
#include "ngx_messaging_message.h"


#define ngx_messaging_message_size(m)                                         \
    (offsetof(ngx_messaging_message_t, data) + (m)->len)


static ngx_messaging_message_t *ngx_messaging_delivery_tagged(
    ngx_messaging_delivery_t *d);


ngx_messaging_message_t *
ngx_messaging_message_create(ngx_uint_t opcode, ngx_uint_t kind,
    ngx_str_t *parts, ngx_uint_t n)
{
    size_t                    len, header;
    u_char                   *p;
    ngx_uint_t                i;
    ngx_messaging_message_t  *m;

    len = 0;

    for (i = 0; i < n; i++) {
        len += parts[i].len;
    }

    header = (size_t) (uintptr_t) ngx_messaging_frame_encode(NULL, opcode, 0,
                                                             len);

    m = ngx_alloc(offsetof(ngx_messaging_message_t, data) + header + len,
                  ngx_cycle->log);
    if (m == NULL) {
        return NULL;
    }

    m->refs = 1;
    m->kind = kind;
    m->opcode = opcode;
    m->key = 0;
    m->len = header + len;

    ngx_messaging_memory_hold(ngx_messaging_message_size(m));

    p = ngx_messaging_frame_encode(m->data, opcode, 0, len);

    for (i = 0; i < n; i++) {
        p = ngx_cpymem(p, parts[i].data, parts[i].len);
    }

    return m;
}


void
ngx_messaging_message_release(ngx_messaging_message_t *m)
{
    if (--m->refs == 0) {
        ngx_messaging_memory_drop(ngx_messaging_message_size(m));
        ngx_free(m);
    }
}


ngx_messaging_message_t *
ngx_messaging_delivery_form(ngx_messaging_delivery_t *d, ngx_uint_t form)
{
    if (d->forms[form] != NULL) {
        return d->forms[form];
    }

    if (form == NGX_MESSAGING_FORM_TAGGED) {
        d->forms[form] = ngx_messaging_delivery_tagged(d);

    } else {
        d->forms[form] = ngx_messaging_message_create(
                                   NGX_MESSAGING_FRAME_TEXT, d->envelope.kind,
                                   &d->envelope.json, 1);
    }

    if (d->forms[form]) {
        d->forms[form]->key = d->key;
    }

    return d->forms[form];
}


static ngx_messaging_message_t *
ngx_messaging_delivery_tagged(ngx_messaging_delivery_t *d)
{
    size_t      offset;
    ngx_str_t   parts[5], *json;
    ngx_uint_t  empty, string;

    /* the first member, so that one of this name in the payload wins */

    json = &d->envelope.json;
    offset = ngx_messaging_envelope_tag(&d->envelope, &empty);
    string = !ngx_messaging_conversation_number(&d->id);

    parts[0].data = json->data;
    parts[0].len = offset;

    if (string) {
        ngx_str_set(&parts[1], "\"conversation_id\":\"");

    } else {
        ngx_str_set(&parts[1], "\"conversation_id\":");
    }

    parts[2] = d->id;

    ngx_str_set(&parts[3], "\",");

    if (!string) {
        parts[3].data++;
        parts[3].len--;
    }

    if (empty) {
        parts[3].len--;
    }

    parts[4].data = json->data + offset;
    parts[4].len = json->len - offset;

    return ngx_messaging_message_create(NGX_MESSAGING_FRAME_TEXT,
                                        d->envelope.kind, parts, 5);
}


void
ngx_messaging_delivery_done(ngx_messaging_delivery_t *d)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESSAGING_FORM_LAST; i++) {
        if (d->forms[i]) {
            ngx_messaging_message_release(d->forms[i]);
        }
    }
}
