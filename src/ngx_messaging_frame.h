
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_FRAME_H_INCLUDED_
#define _NGX_MESSAGING_FRAME_H_INCLUDED_


#include "ngx_messaging.h"


/* RFC 6455, section 5.2 */

#define NGX_MESSAGING_FRAME_CONTINUATION  0x0
#define NGX_MESSAGING_FRAME_TEXT          0x1
#define NGX_MESSAGING_FRAME_BINARY        0x2
#define NGX_MESSAGING_FRAME_CLOSE         0x8
#define NGX_MESSAGING_FRAME_PING          0x9
#define NGX_MESSAGING_FRAME_PONG          0xa

#define NGX_MESSAGING_FRAME_MAX_CONTROL   125
#define NGX_MESSAGING_FRAME_MAX_REASON    123

/* a server's frame is not masked: two bytes and up to eight of length */
#define NGX_MESSAGING_FRAME_MAX_HEADER    10

/* the worst that a compressor may reasonably do to "n" bytes */
#define NGX_MESSAGING_FRAME_EXPANSION(n)  ((n) / 8 + 64)


/*
 * The parser of one connection.  It keeps what it needs between any two
 * bytes: "message" and "fragmented" describe the data message that is under
 * way, the rest the current frame.  Zero it before the first byte.
 */

typedef struct {
    uint64_t      length;        /* payload of this frame, bytes */
    uint64_t      rest;          /* payload of this frame not yet taken */
    uint64_t      message;       /* payload of the data message so far */

    uint32_t      fragments;     /* frames of the data message so far */
    u_char        mask[4];
    u_char        state;
    u_char        opcode;        /* of this frame */
    u_char        need;          /* bytes of the length still to come */
    u_char        key;           /* index of the next mask byte */

    unsigned      fin:1;
    unsigned      rsv1:1;        /* of the first frame of a data message */
    unsigned      fragmented:1;  /* a data message has begun, not ended */
    unsigned      binary:1;      /* ... and it is binary */
} ngx_messaging_frame_t;


/*
 * ngx_messaging_frame_parse() reads a frame header (a client's, masked) from
 * *pos and leaves *pos behind what it took.
 *
 *     NGX_OK        the header is complete: f->opcode, f->fin, f->length are
 *                   set, the payload follows
 *     NGX_AGAIN     all bytes were taken, more are needed
 *     > 0           the close code to end the connection with: 1002, 1009
 *
 * "limit" is the longest data message, in bytes, fragments summed up; it is
 * tested on the length as claimed, before a byte of payload is taken.  A
 * compressed message may be longer by NGX_MESSAGING_FRAME_EXPANSION(limit):
 * what cannot be compressed grows.
 * "deflate" is 1 if permessage-deflate was negotiated: then RSV1 may be set
 * on the first frame of a data message, RFC 7692, section 6.
 * Whatever the first two bytes tell is decided on the first two bytes.
 *
 * ngx_messaging_frame_unmask() unmasks "len" bytes at "p" in place and counts
 * them off f->rest; it continues where the last call of this frame stopped.
 *
 * ngx_messaging_frame_done() ends a frame whose f->rest is 0: the parser then
 * expects the next header.
 *
 * ngx_messaging_frame_encode() writes the header of a server's frame (FIN
 * set, not masked, shortest length) before a payload of "len" bytes; with
 * p == NULL it only returns the length of the header as a pointer difference
 * from NULL.  "rsv1" marks a compressed message.
 *
 * ngx_messaging_frame_parse_close() reads a Close payload, RFC 6455, section
 * 5.5.1.  It returns NGX_OK and sets *code (1005 if the payload is empty) and
 * *reason, or the close code to answer with: 1002 (one byte, a code that must
 * not be on the wire), 1007 (the reason is not UTF-8).
 */

ngx_int_t ngx_messaging_frame_parse(ngx_messaging_frame_t *f, u_char **pos,
    u_char *last, size_t limit, ngx_uint_t deflate);
void ngx_messaging_frame_unmask(ngx_messaging_frame_t *f, u_char *p,
    size_t len);
void ngx_messaging_frame_done(ngx_messaging_frame_t *f);
u_char *ngx_messaging_frame_encode(u_char *p, ngx_uint_t opcode,
    ngx_uint_t rsv1, uint64_t len);
ngx_int_t ngx_messaging_frame_parse_close(u_char *p, size_t len,
    ngx_uint_t *code, ngx_str_t *reason);


#endif /* _NGX_MESSAGING_FRAME_H_INCLUDED_ */
