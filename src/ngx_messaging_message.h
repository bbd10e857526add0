
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_MESSAGE_H_INCLUDED_
#define _NGX_MESSAGING_MESSAGE_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_deflate.h"
#include "ngx_messaging_envelope.h"
#include "ngx_messaging_frame.h"
#include "ngx_messaging_shm.h"


/*
 * One server's WebSocket frame, header and payload in one piece, encoded once
 * and shared by all connections of the worker that it goes to.  Whoever keeps
 * a pointer holds a reference; the creator has the first one.
 */

typedef struct {
    ngx_uint_t                  refs;
    ngx_uint_t                  kind;      /* NGX_MESSAGING_KIND_* */
    ngx_uint_t                  opcode;
    uint64_t                    key;       /* of whom it is the latest state,
                                              0: nobody's */
    size_t                      len;
    u_char                      data[1];
} ngx_messaging_message_t;


/*
 * A payload of the broker on its way to the members of a channel: made on
 * the stack for one fan-out.  A form is encoded when the first member asks
 * for it, and compressed when the first one asks for that window.
 */

#define NGX_MESSAGING_FORM_PLAIN   0     /* verbatim */
#define NGX_MESSAGING_FORM_TAGGED  1     /* with its "conversation_id" */
#define NGX_MESSAGING_FORM_LAST    2


typedef struct {
    ngx_messaging_envelope_t    envelope;
    ngx_str_t                   id;        /* of the conversation */
    uint64_t                    key;       /* of its messages */
    ngx_messaging_message_t    *forms[NGX_MESSAGING_FORM_LAST];
    ngx_messaging_message_t    *deflated[NGX_MESSAGING_FORM_LAST]
                                        [NGX_MESSAGING_DEFLATE_WINDOWS];

    ngx_messaging_deflate_t    *deflate;   /* NULL: nothing is compressed */
    ngx_messaging_slot_t       *slot;      /* what was compressed counts */
} ngx_messaging_delivery_t;


/*
 * ngx_messaging_message_create() joins "n" parts into the payload of a frame;
 * NULL if there is no memory.
 * ngx_messaging_message_payload() finds the payload in a frame.
 * ngx_messaging_message_deflated() makes the frame of the same message with
 * this payload instead, which is compressed, and counts it in "slot"; NULL if
 * there is no memory.
 *
 * ngx_messaging_delivery_form() returns the frame in one of the forms, owned
 * by the delivery, or NULL if there is no memory.  Where a window of "bits"
 * was agreed on, not 0, it is compressed if that makes it smaller.
 * ngx_messaging_delivery_done() gives back what the delivery holds.
 */

ngx_messaging_message_t *ngx_messaging_message_create(ngx_uint_t opcode,
    ngx_uint_t kind, ngx_str_t *parts, ngx_uint_t n);
void ngx_messaging_message_release(ngx_messaging_message_t *m);
void ngx_messaging_message_payload(ngx_messaging_message_t *m,
    ngx_str_t *payload);
ngx_messaging_message_t *ngx_messaging_message_deflated(
    ngx_messaging_message_t *m, ngx_str_t *payload,
    ngx_messaging_slot_t *slot);
ngx_messaging_message_t *ngx_messaging_delivery_form(
    ngx_messaging_delivery_t *d, ngx_uint_t form, ngx_uint_t bits);
void ngx_messaging_delivery_done(ngx_messaging_delivery_t *d);


#endif /* _NGX_MESSAGING_MESSAGE_H_INCLUDED_ */
