
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * A server that makes mistakes and counts them, to prove that the load client
 * sees each of them and no others.  Deliveries are numbered over all members;
 * "drop 7" leaves out each seventh, and so on.
 */


#include "server.h"

#include <zlib.h>


typedef struct {
    size_t            held_len;
    u_char           *held;           /* goes behind the next one */
    z_stream         *deflate;
} faulty_conn_t;


typedef struct {
    const char       *name;
    uint64_t          every;
    uint64_t          count;
} faulty_t;


typedef enum {
    FAULTY_DROP = 0,
    FAULTY_DUPLICATE,
    FAULTY_SWAP,
    FAULTY_INVENT,
    FAULTY_EOF,
    FAULTY_RESET,
    FAULTY_1013,
    FAULTY_REFUSE,                    /* handshakes */
    FAULTY_MUTE,                      /* not answered, not closed */
    FAULTY_SILENT,                    /* nothing more from there on */
    FAULTY_SHED,                      /* what a full socket does not take */
    FAULTY_DEFLATE,
    FAULTY_FRESH,                     /* the same, without a context */
    FAULTY_KINDS
} faulty_e;


static void faulty_stop(int signo);
static int faulty_upgrade(server_conn_t *c, const char *request);
static void faulty_opened(server_conn_t *c);
static void faulty_closed(server_conn_t *c);
static void faulty_closing(server_conn_t *c);
static void faulty_frame(server_conn_t *c, u_char *p, size_t len);
static void faulty_relay(server_conn_t *c, int all, u_char *p, size_t len);
static void faulty_deliver(server_conn_t *c, server_conn_t *from, u_char *p,
    size_t len);
static int faulty_due(faulty_e kind);
static void faulty_end(server_conn_t *c, faulty_e kind);
static void faulty_send(server_conn_t *c, u_char *p, size_t len);
static u_char *faulty_deflate(server_conn_t *c, u_char *p, size_t *len);
static void faulty_report(void);


static faulty_t  faults[] = {
    { "drop", 0, 0 },
    { "duplicate", 0, 0 },
    { "swap", 0, 0 },
    { "invent", 0, 0 },
    { "eof", 0, 0 },
    { "reset", 0, 0 },
    { "1013", 0, 0 },
    { "refuse", 0, 0 },
    { "mute", 0, 0 },
    { "silent", 0, 0 },
    { "shed", 0, 0 },
    { "deflate", 0, 0 },
    { "fresh", 0, 0 },
    { NULL, 0, 0 }
};

static volatile sig_atomic_t  faulty_stopped;

static uint64_t   faulty_number;      /* of a delivery */
static uint64_t   faulty_opened_n;
static uint64_t   faulty_sent;        /* members that got a message */
static uint64_t   faulty_missed;      /* those that had been closed did not */
static uint32_t  *faulty_ghosts;      /* closed members, by conversation */
static uint32_t   faulty_addresses[65536];
static char       faulty_token[2048];


int
main(int argc, char **argv)
{
    int        i;
    faulty_t  *f;

    if (argc < 2 || argc % 2) {
        fputs("usage: faulty HOST:PORT [FAULT EACH] ...\n", stderr);
        return 2;
    }

    for (i = 2; i < argc; i += 2) {

        for (f = faults; f->name && strcmp(f->name, argv[i]) != 0; f++) {
            /* void */
        }

        if (f->name == NULL) {
            fprintf(stderr, "faulty: no fault \"%s\"\n", argv[i]);
            return 2;
        }

        f->every = strtoull(argv[i + 1], NULL, 10);
    }

    faulty_ghosts = calloc(1 << 16, sizeof(uint32_t));

    if (faulty_ghosts == NULL) {
        return 1;
    }

    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, faulty_stop);
    signal(SIGINT, faulty_stop);

    server.rooms = 1;
    server.upgrade = faulty_upgrade;
    server.opened = faulty_opened;
    server.closed = faulty_closed;
    server.closing = faulty_closing;
    server.frame = faulty_frame;

    if (server_listen(argv[1]) != SERVER_OK) {
        fprintf(stderr, "faulty: cannot listen on %s\n", argv[1]);
        return 1;
    }

    i = server_run(&faulty_stopped);

    faulty_report();

    return i == SERVER_OK ? 0 : 1;
}


static void
faulty_stop(int signo)
{
    (void) signo;

    faulty_stopped = 1;
}


static int
faulty_upgrade(server_conn_t *c, const char *request)
{
    socklen_t            len;
    const char          *p;
    struct sockaddr_in   addr;

    len = sizeof(addr);

    if (getpeername(c->fd, (struct sockaddr *) &addr, &len) == 0) {
        faulty_addresses[ntohl(addr.sin_addr.s_addr) & 0xffff]++;
    }

    p = strstr(request, "token=");

    if (p) {
        p += 6;
        snprintf(faulty_token, sizeof(faulty_token), "%.*s",
                 (int) strcspn(p, " &"), p);
    }

    server.extension = NULL;

    if (strstr(request, "permessage-deflate")) {

        if (faults[FAULTY_DEFLATE].every) {
            server.extension = "Sec-WebSocket-Extensions:"
                               " permessage-deflate\r\n";

        } else if (faults[FAULTY_FRESH].every) {
            server.extension = "Sec-WebSocket-Extensions: permessage-deflate;"
                               " server_no_context_takeover\r\n";
        }
    }

    faulty_opened_n++;

    if (faults[FAULTY_REFUSE].every
        && faulty_opened_n % faults[FAULTY_REFUSE].every == 0)
    {
        faults[FAULTY_REFUSE].count++;
        return SERVER_ERROR;
    }

    if (faults[FAULTY_MUTE].every
        && faulty_opened_n % faults[FAULTY_MUTE].every == 0)
    {
        faults[FAULTY_MUTE].count++;
        return SERVER_AGAIN;
    }

    return SERVER_OK;
}


static void
faulty_opened(server_conn_t *c)
{
    faulty_conn_t  *fc;

    fc = calloc(1, sizeof(faulty_conn_t));
    c->data = fc;

    if (fc == NULL || server.extension == NULL) {
        return;
    }

    fc->deflate = calloc(1, sizeof(z_stream));

    if (fc->deflate) {
        deflateInit2(fc->deflate, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    }
}


static void
faulty_closed(server_conn_t *c)
{
    faulty_conn_t  *fc;

    fc = c->data;

    if (fc == NULL) {
        return;
    }

    if (fc->deflate) {
        deflateEnd(fc->deflate);
        free(fc->deflate);
    }

    free(fc->held);
    free(fc);

    c->data = NULL;
}


/* what waited for a frame to be swapped with is not lost */

static void
faulty_closing(server_conn_t *c)
{
    faulty_conn_t  *fc;

    fc = c->data;

    if (fc && fc->held) {
        faulty_send(c, fc->held, fc->held_len);
    }
}


static void
faulty_frame(server_conn_t *c, u_char *p, size_t len)
{
    if (faults[FAULTY_SILENT].count || c->room == NULL) {
        return;
    }

    if (memmem(p, len, "\"message\"", 9)) {
        faulty_relay(c, 1, p, len);

    } else if (memmem(p, len, "\"typing\"", 8)) {

        if (memmem(p, len, "true", 4)) {
            faulty_relay(c, 0, (u_char *) "{\"type\":\"typing_indicator\","
                                          "\"is_typing\":true}", 44);

        } else {
            faulty_relay(c, 0, (u_char *) "{\"type\":\"typing_indicator\","
                                          "\"is_typing\":false}", 45);
        }

    } else {
        faulty_deliver(c, NULL, (u_char *) "{\"type\":\"pong\"}", 15);
    }
}


/* downwards: a member that is closed leaves its place to the last one */

static void
faulty_relay(server_conn_t *c, int all, u_char *p, size_t len)
{
    uint32_t        i;
    server_room_t  *room;

    room = c->room;

    faulty_missed += faulty_ghosts[room->id & 0xffff];

    for (i = room->n; i-- > 0; /* void */) {
        if (all || room->conns[i] != c) {
            faulty_deliver(room->conns[i], c, p, len);
        }
    }
}


static void
faulty_deliver(server_conn_t *c, server_conn_t *from, u_char *p, size_t len)
{
    size_t          n;
    u_char         *mark, *held, text[16384];
    faulty_conn_t  *fc;

    fc = c->data;

    if (fc == NULL || len > sizeof(text) || faults[FAULTY_SILENT].count) {
        return;
    }

    faulty_number++;

    if (fc->held) {
        held = fc->held;
        n = fc->held_len;
        fc->held = NULL;

        faulty_send(c, p, len);
        faulty_send(c, held, n);
        free(held);

        faults[FAULTY_SWAP].count++;

        return;
    }

    if (faulty_due(FAULTY_SILENT) || faulty_due(FAULTY_DROP)) {
        return;
    }

    if (c != from) {

        if (faulty_due(FAULTY_EOF)) {
            faulty_end(c, FAULTY_EOF);
            return;
        }

        if (faulty_due(FAULTY_RESET)) {
            faulty_end(c, FAULTY_RESET);
            return;
        }

        if (faulty_due(FAULTY_1013)) {
            faulty_end(c, FAULTY_1013);
            return;
        }
    }

    if (faults[FAULTY_SWAP].every
        && faulty_number % faults[FAULTY_SWAP].every == 0)
    {
        fc->held = malloc(len);

        if (fc->held) {
            memcpy(fc->held, p, len);
            fc->held_len = len;
            return;
        }
    }

    faulty_send(c, p, len);

    if (faulty_due(FAULTY_DUPLICATE)) {
        faulty_send(c, p, len);
        faulty_sent--;
    }

    if (faulty_due(FAULTY_INVENT)) {
        memcpy(text, p, len);
        mark = memchr(text, '~', len);

        if (mark) {
            mark[1] = 'f';
            faulty_send(c, text, len);
            faulty_sent--;
        }
    }
}


static int
faulty_due(faulty_e kind)
{
    faulty_t  *f;

    f = &faults[kind];

    if (f->every == 0 || faulty_number % f->every) {
        return 0;
    }

    f->count++;

    return 1;
}


static void
faulty_end(server_conn_t *c, faulty_e kind)
{
    u_char          frame[4];
    struct linger   linger;

    faulty_missed++;
    faulty_ghosts[c->room->id & 0xffff]++;

    if (kind == FAULTY_1013) {
        frame[0] = 0x80 | SERVER_CLOSE;
        frame[1] = 2;
        frame[2] = 1013 >> 8;
        frame[3] = 1013 & 0xff;

        (void) server_send(c, frame, 4);
    }

    if (kind == FAULTY_RESET) {
        linger.l_onoff = 1;
        linger.l_linger = 0;
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }

    server_close(c);
}


static void
faulty_send(server_conn_t *c, u_char *p, size_t len)
{
    int             first;
    size_t          n;
    u_char          frame[32768];
    faulty_conn_t  *fc;

    fc = c->data;
    first = 0x80 | SERVER_TEXT;

    if (faults[FAULTY_SHED].every && c->out_len) {
        faults[FAULTY_SHED].count++;
        return;
    }

    if (fc->deflate) {
        p = faulty_deflate(c, p, &len);
        first |= 0x40;
    }

    n = server_head(frame, first, len);
    memcpy(frame + n, p, len);

    (void) server_send(c, frame, n + len);

    faulty_sent++;
}


static u_char *
faulty_deflate(server_conn_t *c, u_char *p, size_t *len)
{
    z_stream       *z;
    faulty_conn_t  *fc;

    static u_char   out[32000];

    fc = c->data;
    z = fc->deflate;

    z->next_in = p;
    z->avail_in = (uInt) *len;
    z->next_out = out;
    z->avail_out = sizeof(out);

    deflate(z, Z_SYNC_FLUSH);

    /* without the empty block at the end, RFC 7692, section 7.2.1 */

    *len = sizeof(out) - z->avail_out - 4;

    if (faults[FAULTY_FRESH].every) {
        deflateReset(z);
    }

    return out;
}


static void
faulty_report(void)
{
    uint32_t   i, max;
    faulty_t  *f;

    for (i = 0, max = 0; i < 65536; i++) {
        if (faulty_addresses[i] > max) {
            max = faulty_addresses[i];
        }
    }

    printf("{\"sent\": %llu, \"missed\": %llu, \"address\": %u,"
           " \"handshakes\": %llu, \"token\": \"%s\"",
           (unsigned long long) faulty_sent,
           (unsigned long long) faulty_missed, max,
           (unsigned long long) faulty_opened_n, faulty_token);

    for (f = faults; f->name; f++) {
        printf(", \"%s\": %llu", f->name, (unsigned long long) f->count);
    }

    printf("}\n");
}
