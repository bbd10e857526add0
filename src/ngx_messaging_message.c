
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_memory.h"
#include "ngx_messaging_message.h"


#define ngx_messaging_message_size(m)                                         \
    (offsetof(ngx_messaging_message_t, data) + (m)->len)


static ngx_messaging_message_t *ngx_messaging_message_encode(
    ngx_uint_t opcode, ngx_uint_t kind, ngx_uint_t rsv1, ngx_str_t *parts,
    ngx_uint_t n);
static ngx_messaging_message_t *ngx_messaging_delivery_deflated(
    ngx_messaging_delivery_t *d, ngx_messaging_message_t *m,
    ngx_str_t *payload, ngx_uint_t bits);
static ngx_messaging_message_t *ngx_messaging_delivery_tagged(
    ngx_messaging_delivery_t *d);


ngx_messaging_message_t *
ngx_messaging_message_create(ngx_uint_t opcode, ngx_uint_t kind,
    ngx_str_t *parts, ngx_uint_t n)
{
    return ngx_messaging_message_encode(opcode, kind, 0, parts, n);
}


static ngx_messaging_message_t *
ngx_messaging_message_encode(ngx_uint_t opcode, ngx_uint_t kind,
    ngx_uint_t rsv1, ngx_str_t *parts, ngx_uint_t n)
{
    size_t                    len, header;
    u_char                   *p;
    ngx_uint_t                i;
    ngx_messaging_message_t  *m;

    len = 0;

    for (i = 0; i < n; i++) {
        len += parts[i].len;
    }

    header = (size_t) (uintptr_t) ngx_messaging_frame_encode(NULL, opcode,
                                                             rsv1, len);

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

    p = ngx_messaging_frame_encode(m->data, opcode, rsv1, len);

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


void
ngx_messaging_message_payload(ngx_messaging_message_t *m, ngx_str_t *payload)
{
    size_t  header;

    /* RFC 6455, section 5.2: 126 and 127 announce longer lengths */

    header = (m->data[1] < 126) ? 2 : (m->data[1] == 126) ? 4 : 10;

    payload->data = m->data + header;
    payload->len = m->len - header;
}


ngx_messaging_message_t *
ngx_messaging_message_deflated(ngx_messaging_message_t *m, ngx_str_t *payload,
    ngx_messaging_slot_t *slot)
{
    ngx_str_t                 plain;
    ngx_messaging_message_t  *deflated;

    deflated = ngx_messaging_message_encode(m->opcode, m->kind, 1, payload, 1);

    if (deflated) {
        deflated->key = m->key;

        ngx_messaging_message_payload(m, &plain);

        ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_DEFLATE_MESSAGES, 1);
        ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_DEFLATE_BYTES_IN,
                               plain.len);
        ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_DEFLATE_BYTES_OUT,
                               payload->len);
    }

    return deflated;
}


ngx_messaging_message_t *
ngx_messaging_delivery_form(ngx_messaging_delivery_t *d, ngx_uint_t form,
    ngx_uint_t bits)
{
    ngx_str_t                 payload;
    ngx_messaging_message_t  *m, **slot;

    m = d->forms[form];

    if (m == NULL) {

        if (form == NGX_MESSAGING_FORM_TAGGED) {
            m = ngx_messaging_delivery_tagged(d);

        } else {
            m = ngx_messaging_message_create(NGX_MESSAGING_FRAME_TEXT,
                                             d->envelope.kind,
                                             &d->envelope.json, 1);
        }

        if (m == NULL) {
            return NULL;
        }

        m->key = d->key;
        d->forms[form] = m;
    }

    if (bits == 0 || d->deflate == NULL) {
        return m;
    }

    ngx_messaging_message_payload(m, &payload);

    bits = ngx_messaging_deflate_bits(d->deflate, payload.len, bits);

    if (bits == 0) {
        return m;
    }

    slot = &d->deflated[form][bits - NGX_MESSAGING_DEFLATE_MIN_BITS];

    if (*slot == NULL) {
        *slot = ngx_messaging_delivery_deflated(d, m, &payload, bits);
    }

    return *slot;
}


/* the frame as it is if it would not become smaller: it is tried once */

static ngx_messaging_message_t *
ngx_messaging_delivery_deflated(ngx_messaging_delivery_t *d,
    ngx_messaging_message_t *m, ngx_str_t *payload, ngx_uint_t bits)
{
    ngx_str_t                 out;
    ngx_messaging_message_t  *deflated;

    deflated = NULL;

    if (ngx_messaging_deflate_message(d->deflate, payload, bits, &out)
        == NGX_OK)
    {
        deflated = ngx_messaging_message_deflated(m, &out, d->slot);
    }

    ngx_messaging_deflate_shrink(d->deflate);

    if (deflated == NULL) {
        m->refs++;
        deflated = m;
    }

    return deflated;
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
    ngx_uint_t  i, n;

    for (i = 0; i < NGX_MESSAGING_FORM_LAST; i++) {

        for (n = 0; n < NGX_MESSAGING_DEFLATE_WINDOWS; n++) {
            if (d->deflated[i][n]) {
                ngx_messaging_message_release(d->deflated[i][n]);
            }
        }

        if (d->forms[i]) {
            ngx_messaging_message_release(d->forms[i]);
        }
    }
}
