
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_ENVELOPE_H_INCLUDED_
#define _NGX_MESSAGING_ENVELOPE_H_INCLUDED_


#include "ngx_messaging.h"


/*
 * The payload on the broker: a JSON object as it is, or one header line in
 * front of it:
 *
 *     @ x=42 k=typing\n{"type":"typing_indicator",...}
 *
 * The line begins with '@', then fields "name=value", each after one space,
 * names of lower case letters, values of printable ASCII without space, until
 * '\n'.  The line has at most NGX_MESSAGING_ENVELOPE_MAX_HEADER bytes.  Known
 * fields:
 *
 *     x    the user to leave out, as text, percent-encoded as in a channel
 *          name
 *     c    the connection to leave out, as $messaging_connection names it
 *     k    the kind: message (default), receipt, presence, typing
 *
 * Unknown fields are skipped, a known field must not come twice.
 */

#define NGX_MESSAGING_ENVELOPE_MAX_HEADER  1024

/* the longest user id as text, percent-encoded */
#define NGX_MESSAGING_ENVELOPE_MAX_USER    384

/* the longest name of a connection */
#define NGX_MESSAGING_ENVELOPE_MAX_CONNECTION  64


#define NGX_MESSAGING_KIND_MESSAGE   0
#define NGX_MESSAGING_KIND_RECEIPT   1
#define NGX_MESSAGING_KIND_PRESENCE  2
#define NGX_MESSAGING_KIND_TYPING    3


typedef struct {
    ngx_str_t     exclude;     /* empty: no user is left out */
    ngx_str_t     except;      /* the same of a connection */
    ngx_str_t     json;        /* the frame, from '{' to the end */
    ngx_uint_t    kind;
} ngx_messaging_envelope_t;


/*
 * ngx_messaging_envelope_parse() reads a payload; the strings of *e point
 * into it.  NGX_OK, or NGX_DECLINED if it is neither form, NGX_ERROR if the
 * JSON part is not valid UTF-8.  The JSON itself is not parsed: it has to
 * begin with '{'.
 *
 * ngx_messaging_envelope_encode() writes the header line for e->exclude,
 * e->except and e->kind; with p == NULL it returns the length as a pointer
 * difference from NULL.  A message that leaves out nobody has no header:
 * nothing is written.
 *
 * ngx_messaging_envelope_tag() finds where the first member is to be
 * inserted into the object e->json: it returns the offset of the byte behind
 * '{' and sets *empty to 1 if the object has no members (then no comma
 * follows the inserted one).
 *
 * ngx_messaging_escape() percent-encodes what is outside [A-Za-z0-9_.-];
 * with p == NULL it returns the length as a pointer difference from NULL.
 *
 * ngx_messaging_escaped_valid() tells whether a text is not empty and could
 * have been written by it.
 *
 * ngx_messaging_printable() tells whether a text is of printable ASCII, spaces
 * not among it, and so may be a value in the header line.
 *
 * ngx_messaging_conversation_valid() tells whether a conversation id has the
 * form [A-Za-z0-9_.-]{1,128}.
 *
 * ngx_messaging_conversation_number() tells whether a conversation id is a
 * canonical decimal not above 2^53 - 1, and so a number in JSON.
 *
 * ngx_messaging_channel_valid() tells whether a name may be that of a
 * channel of "messaging_channel": [A-Za-z0-9_.:%-]{1,512} with a colon in it.
 */

ngx_int_t ngx_messaging_envelope_parse(ngx_messaging_envelope_t *e, u_char *p,
    size_t len);
u_char *ngx_messaging_envelope_encode(u_char *p, ngx_messaging_envelope_t *e);
size_t ngx_messaging_envelope_tag(ngx_messaging_envelope_t *e,
    ngx_uint_t *empty);
u_char *ngx_messaging_escape(u_char *p, u_char *src, size_t len);
ngx_uint_t ngx_messaging_escaped_valid(ngx_str_t *text);
ngx_uint_t ngx_messaging_printable(ngx_str_t *text);
ngx_uint_t ngx_messaging_conversation_valid(ngx_str_t *id);
ngx_uint_t ngx_messaging_conversation_number(ngx_str_t *id);
ngx_uint_t ngx_messaging_channel_valid(ngx_str_t *name);


#endif /* _NGX_MESSAGING_ENVELOPE_H_INCLUDED_ */
