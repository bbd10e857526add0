
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The wire, as a browser would speak it: the upgrade and its answer, frames in
 * both directions, and what permessage-deflate has compressed.
 */


#include "load.h"

#include <strings.h>
#include <zlib.h>


#define LOAD_INFLATED  16             /* a thousand members get the same */


typedef struct {
    size_t            len;
    size_t            size;
    u_char           *data;
    size_t            out;
    u_char           *plain;
} load_inflated_t;


static const char *load_header(const char *p, const char *name, size_t *len);
static int load_frame_message(load_conn_t *c, u_char *p, size_t len,
    int compressed);
static int load_frame_closed(load_conn_t *c, u_char *p, size_t len);
static u_char *load_inflate(load_conn_t *c, u_char *p, size_t len,
    size_t *out);
static u_char *load_inflate_stream(load_conn_t *c, u_char *p, size_t len,
    size_t *out);


static char             load_key[32], load_accept[64];
static u_char           load_mask[4] = { 0x5b, 0x1c, 0xa7, 0x3e };
static u_char          *load_plain;
static load_inflated_t  load_inflated[LOAD_INFLATED];
static uint32_t         load_inflated_n;


void
load_frame_setup(void)
{
    load_accept_key(load_key, load_accept);
}


size_t
load_request(load_conn_t *c, u_char *p, size_t size)
{
    int          n;
    char         path[512];
    const char  *token, *d;

    d = strstr(load.conf.path, "%d");

    if (d) {
        snprintf(path, sizeof(path), "%.*s%u%s", (int) (d - load.conf.path),
                 load.conf.path, c->conversation, d + 2);

    } else {
        snprintf(path, sizeof(path), "%s", load.conf.path);
    }

    token = load_token(c->user);

    n = snprintf((char *) p, size,
                 "GET %s%s%s HTTP/1.1\r\n"
                 "Host: %s\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Sec-WebSocket-Key: %s\r\n"
                 "Sec-WebSocket-Version: 13\r\n"
                 "%s\r\n",
                 path,
                 token ? (strchr(path, '?') ? "&token=" : "?token=") : "",
                 token ? token : "",
                 load.conf.target, load_key,
                 load.conf.deflate ? "Sec-WebSocket-Extensions: "
                                     "permessage-deflate; "
                                     "client_max_window_bits\r\n"
                                   : "");

    return (size_t) n < size ? (size_t) n : 0;
}


/* the value of a header of an answer, which ends with NUL */

static const char *
load_header(const char *p, const char *name, size_t *len)
{
    size_t       n;
    const char  *end;

    n = strlen(name);

    for (p = strstr(p, "\r\n"); p; p = strstr(p, "\r\n")) {
        p += 2;

        if (strncasecmp(p, name, n) != 0 || p[n] != ':') {
            continue;
        }

        p += n + 1;

        while (*p == ' ') {
            p++;
        }

        end = strstr(p, "\r\n");
        *len = end ? (size_t) (end - p) : strlen(p);

        return p;
    }

    return NULL;
}


/* LOAD_OK: it is the answer we want, without the empty line at its end */

int
load_response(load_conn_t *c, u_char *p, size_t len)
{
    size_t       n;
    const char  *text, *value;

    text = (char *) p;

    if (len < 12 || memcmp(text, "HTTP/1.1 101", 12) != 0) {
        return LOAD_ERROR;
    }

    value = load_header(text, "Sec-WebSocket-Accept", &n);

    if (value == NULL || n != strlen(load_accept)
        || memcmp(value, load_accept, n) != 0)
    {
        return LOAD_ERROR;
    }

    value = load_header(text, "Sec-WebSocket-Extensions", &n);

    if (value) {

        if (!load.conf.deflate || memmem(value, n, "permessage-deflate", 18)
                                  == NULL)
        {
            return LOAD_ERROR;
        }

        c->deflate = 1;
        c->no_takeover = memmem(value, n, "server_no_context_takeover", 26)
                         != NULL;
    }

    return LOAD_OK;
}


size_t
load_frame_encode(u_char *p, int opcode, const u_char *data, size_t len)
{
    size_t   i;
    u_char  *start;

    start = p;
    *p++ = (u_char) (0x80 | opcode);

    if (len < 126) {
        *p++ = (u_char) (0x80 | len);

    } else if (len < 65536) {
        *p++ = 0x80 | 126;
        *p++ = (u_char) (len >> 8);
        *p++ = (u_char) len;

    } else {
        *p++ = 0x80 | 127;

        for (i = 8; i-- > 0; /* void */) {
            *p++ = (u_char) ((uint64_t) len >> 8 * i);
        }
    }

    memcpy(p, load_mask, 4);
    p += 4;

    for (i = 0; i < len; i++) {
        *p++ = data[i] ^ load_mask[i & 3];
    }

    return p - start;
}


/* bytes that were whole frames; LOAD_ERROR if the connection has been closed */

ssize_t
load_frame_read(load_conn_t *c, u_char *p, size_t len)
{
    int        opcode, rc;
    size_t     i, head, n;
    u_char    *last, *start;
    u_char     pong[140];
    uint64_t   size;

    start = p;
    last = p + len;

    while (last - p >= 2) {

        opcode = p[0] & 0x0f;
        size = p[1] & 0x7f;
        head = 2;

        /* nobody fragments messages of this size, and a server never masks */

        if (!(p[0] & 0x80) || (p[0] & 0x30) || (p[1] & 0x80)
            || ((p[0] & 0x40) && !c->deflate))
        {
            load_conn_close(c, 1002);
            return LOAD_ERROR;
        }

        if (size >= 126) {
            n = (size == 126) ? 2 : 8;
            head += n;

            if ((size_t) (last - p) < head) {
                break;
            }

            for (size = 0, i = 0; i < n; i++) {
                size = size << 8 | p[2 + i];
            }
        }

        if (size > LOAD_BUFFER / 2) {
            load_conn_close(c, 1009);
            return LOAD_ERROR;
        }

        if ((uint64_t) (last - p) < head + size) {
            break;
        }

        n = (size_t) size;
        rc = LOAD_OK;

        switch (opcode) {

        case LOAD_TEXT:
        case LOAD_BINARY:
            rc = load_frame_message(c, p + head, n, p[0] & 0x40);
            break;

        case LOAD_PING:
            load.counts->pings++;

            if (n <= 125) {
                load_conn_send(c, pong,
                               load_frame_encode(pong, LOAD_PONG, p + head,
                                                 n));
            }

            break;

        case LOAD_CLOSE:
            rc = load_frame_closed(c, p + head, n);
            break;

        default:
            break;
        }

        if (rc != LOAD_OK || c->state == LOAD_CLOSED) {
            return LOAD_ERROR;
        }

        p += head + n;
    }

    return p - start;
}


static int
load_frame_message(load_conn_t *c, u_char *p, size_t len, int compressed)
{
    load.counts->frames++;

    if (compressed) {
        p = load_inflate(c, p, len, &len);
        if (p == NULL) {
            load_conn_close(c, 1007);
            return LOAD_ERROR;
        }
    }

    load.frame(c, p, len);

    return LOAD_OK;
}


static int
load_frame_closed(load_conn_t *c, u_char *p, size_t len)
{
    int     code;
    u_char  frame[16];

    code = (len < 2) ? 1005 : (p[0] << 8 | p[1]);

    if (code >= LOAD_CODES) {
        code = 1002;
    }

    c->said_close = 1;

    if (c->state != LOAD_CLOSING) {
        load_conn_send(c, frame,
                       load_frame_encode(frame, LOAD_CLOSE, p,
                                         len < 2 ? 0 : 2));
    }

    load_conn_close(c, code);

    return LOAD_ERROR;
}


/*
 * Where the server keeps no context between messages, the same bytes are the
 * same message, whoever gets them.
 */

static u_char *
load_inflate(load_conn_t *c, u_char *p, size_t len, size_t *out)
{
    u_char           *plain;
    uint32_t          i;
    load_inflated_t  *d;

    if (!c->no_takeover) {
        return load_inflate_stream(c, p, len, out);
    }

    for (i = 0; i < LOAD_INFLATED; i++) {
        d = &load_inflated[i];

        if (d->plain && d->len == len && memcmp(d->data, p, len) == 0) {
            *out = d->out;
            return d->plain;
        }
    }

    plain = load_inflate_stream(c, p, len, out);
    if (plain == NULL) {
        return NULL;
    }

    d = &load_inflated[load_inflated_n++ % LOAD_INFLATED];

    free(d->data);
    free(d->plain);

    d->data = malloc(len + 1);
    d->plain = malloc(*out + 1);

    if (d->data == NULL || d->plain == NULL) {
        free(d->data);
        free(d->plain);
        memset(d, 0, sizeof(load_inflated_t));

        return plain;
    }

    memcpy(d->data, p, len);
    memcpy(d->plain, plain, *out);
    d->len = len;
    d->out = *out;

    return d->plain;
}


static u_char *
load_inflate_stream(load_conn_t *c, u_char *p, size_t len, size_t *out)
{
    int            rc;
    z_stream      *z;

    static u_char  tail[4] = { 0x00, 0x00, 0xff, 0xff };

    if (load_plain == NULL) {
        load_plain = malloc(LOAD_BUFFER);
        if (load_plain == NULL) {
            return NULL;
        }
    }

    z = c->inflate;

    if (z == NULL) {
        z = calloc(1, sizeof(z_stream));

        if (z == NULL || inflateInit2(z, -15) != Z_OK) {
            free(z);
            return NULL;
        }

        c->inflate = z;
    }

    z->next_out = load_plain;
    z->avail_out = LOAD_BUFFER;
    z->next_in = p;
    z->avail_in = (uInt) len;

    rc = inflate(z, Z_SYNC_FLUSH);

    if (rc == Z_OK || rc == Z_BUF_ERROR) {
        z->next_in = tail;
        z->avail_in = 4;
        rc = inflate(z, Z_SYNC_FLUSH);
    }

    if ((rc != Z_OK && rc != Z_BUF_ERROR && rc != Z_STREAM_END)
        || z->avail_out == 0)
    {
        return NULL;
    }

    *out = LOAD_BUFFER - z->avail_out;

    if (c->no_takeover || rc == Z_STREAM_END) {
        inflateReset(z);
    }

    return load_plain;
}


void
load_frame_forget(load_conn_t *c)
{
    if (c->inflate) {
        inflateEnd(c->inflate);
        free(c->inflate);
        c->inflate = NULL;
    }
}
