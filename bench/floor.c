
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The floor: what a scenario costs a server that makes the system calls it
 * cannot do without and next to nothing else.  No token is verified, no JSON
 * is read, nothing is limited, nobody is pinged: no server can do its work
 * for less, and how near one comes is what the floor is for.
 *
 *     handshake  accept(), recv(), send() of the 101, close()
 *     fan        a frame goes to all of its conversation: one send() for
 *                each member and turn of the loop, with all frames of the turn
 *     typing     a frame goes to the other members of its conversation
 *     ping       a frame is answered
 *     redis      what comes from Redis goes to the conversation; a frame is
 *                published, and goes to the others when it comes back
 */


#include "server.h"

#include <netdb.h>
#include <sys/un.h>


#define FLOOR_BUFFER  (1024 * 1024)

/* of {"type":"message","content":"..."} */
#define FLOOR_HEAD    29
#define FLOOR_TAIL    2


static int floor_mode(const char *name);
static void floor_stop(int signo);
static void floor_ignore(server_conn_t *c, u_char *p, size_t len);
static void floor_fan(server_conn_t *c, u_char *p, size_t len);
static void floor_fan_turn(void);
static void floor_typing(server_conn_t *c, u_char *p, size_t len);
static void floor_ping(server_conn_t *c, u_char *p, size_t len);
static void floor_publish(server_conn_t *c, u_char *p, size_t len);
static int floor_redis_open(const char *target);
static void floor_redis_event(uint32_t events);
static u_char *floor_redis_parse(u_char *p, u_char *last);
static void floor_redis_message(u_char *channel, size_t clen, u_char *p,
    size_t len);
static void floor_redis_turn(void);


static volatile sig_atomic_t  floor_stopped;
static server_room_t         *floor_head, **floor_tail = &floor_head;
static const char            *floor_prefix = "messaging:";

static int      floor_redis = -1;
static u_char  *floor_in, *floor_out;
static size_t   floor_in_len, floor_out_len;

static u_char   floor_true[] = "\x81\x38{\"type\":\"typing_indicator\","
                               "\"user_id\":1,\"is_typing\":true}";
static u_char   floor_false[] = "\x81\x39{\"type\":\"typing_indicator\","
                                "\"user_id\":1,\"is_typing\":false}";
static u_char   floor_pong[] = "\x81\x0f{\"type\":\"pong\"}";


int
main(int argc, char **argv)
{
    if (argc < 3 || argc > 4 || floor_mode(argv[1]) != SERVER_OK) {
        fputs("usage: floor handshake|fan|typing|ping|redis HOST:PORT"
              " [HOST:PORT or unix:PATH of Redis]\n", stderr);
        return 2;
    }

    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, floor_stop);
    signal(SIGINT, floor_stop);

    if (server_listen(argv[2]) != SERVER_OK) {
        fprintf(stderr, "floor: cannot listen on %s\n", argv[2]);
        return 1;
    }

    if (strcmp(argv[1], "redis") == 0
        && (argc != 4 || floor_redis_open(argv[3]) != SERVER_OK))
    {
        fputs("floor: no Redis\n", stderr);
        return 1;
    }

    return server_run(&floor_stopped) == SERVER_OK ? 0 : 1;
}


static void
floor_stop(int signo)
{
    (void) signo;

    floor_stopped = 1;
}


static int
floor_mode(const char *name)
{
    server.rooms = 1;

    if (strcmp(name, "handshake") == 0) {
        server.rooms = 0;
        server.frame = floor_ignore;

    } else if (strcmp(name, "fan") == 0) {
        server.frame = floor_fan;
        server.turn = floor_fan_turn;

    } else if (strcmp(name, "typing") == 0) {
        server.frame = floor_typing;

    } else if (strcmp(name, "ping") == 0) {
        server.rooms = 0;
        server.frame = floor_ping;

    } else if (strcmp(name, "redis") == 0) {
        server.frame = floor_publish;
        server.turn = floor_redis_turn;

    } else {
        return SERVER_ERROR;
    }

    return SERVER_OK;
}


static void
floor_ignore(server_conn_t *c, u_char *p, size_t len)
{
    (void) c;
    (void) p;
    (void) len;
}


/* the bytes that other servers make of a message */

static void
floor_fan(server_conn_t *c, u_char *p, size_t len)
{
    int             n;
    char            text[1024];
    size_t          size, tail;
    u_char         *out;
    server_room_t  *room;

    static char  end[] = "\",\"image\":null,\"is_read\":false,"
                         "\"read_at\":null,"
                         "\"created_at\":\"2026-01-01T00:00:00.000Z\"}}";

    room = c->room;

    if (room == NULL || len < FLOOR_HEAD + FLOOR_TAIL) {
        return;
    }

    n = snprintf(text, sizeof(text),
                 "{\"type\":\"new_message\",\"message\":{"
                 "\"id\":1760000000000000,\"conversation_id\":%u,"
                 "\"sender\":{\"id\":1,\"name\":\"User 1\"},\"content\":\"",
                 room->id);

    p += FLOOR_HEAD;
    len -= FLOOR_HEAD + FLOOR_TAIL;
    tail = sizeof(end) - 1;
    size = n + len + tail;

    if (room->len + size + 4 > room->out_size) {
        out = realloc(room->out, 2 * (room->len + size + 4));
        if (out == NULL) {
            return;
        }

        room->out = out;
        room->out_size = (uint32_t) (2 * (room->len + size + 4));
    }

    out = room->out + room->len;
    out += server_head(out, 0x80 | SERVER_TEXT, size);
    memcpy(out, text, n);
    memcpy(out + n, p, len);
    memcpy(out + n + len, end, tail);
    out += size;

    room->len = (uint32_t) (out - room->out);

    if (!room->queued) {
        room->queued = 1;
        room->next = NULL;
        *floor_tail = room;
        floor_tail = &room->next;
    }
}


static void
floor_fan_turn(void)
{
    uint32_t        i;
    server_room_t  *room;

    for (room = floor_head; room; room = room->next) {

        for (i = 0; i < room->n; i++) {
            (void) server_send(room->conns[i], room->out, room->len);
        }

        room->len = 0;
        room->queued = 0;
    }

    floor_head = NULL;
    floor_tail = &floor_head;
}


/* true or false: by the fifth byte from the end */

static void
floor_typing(server_conn_t *c, u_char *p, size_t len)
{
    int             on;
    uint32_t        i;
    server_room_t  *room;

    room = c->room;

    if (room == NULL || len < 5) {
        return;
    }

    on = (p[len - 5] == 't');

    for (i = 0; i < room->n; i++) {

        if (room->conns[i] == c) {
            continue;
        }

        if (on) {
            (void) server_send(room->conns[i], floor_true,
                               sizeof(floor_true) - 1);

        } else {
            (void) server_send(room->conns[i], floor_false,
                               sizeof(floor_false) - 1);
        }
    }
}


static void
floor_ping(server_conn_t *c, u_char *p, size_t len)
{
    (void) p;
    (void) len;

    (void) server_send(c, floor_pong, sizeof(floor_pong) - 1);
}


static int
floor_redis_open(const char *target)
{
    int                  n;
    char                 text[256], *port;
    struct addrinfo      hints, *ai;
    struct sockaddr_un   un;

    if (strncmp(target, "unix:", 5) == 0) {
        memset(&un, 0, sizeof(un));
        un.sun_family = AF_UNIX;
        snprintf(un.sun_path, sizeof(un.sun_path), "%s", target + 5);

        floor_redis = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0);

        if (connect(floor_redis, (struct sockaddr *) &un, sizeof(un)) == -1) {
            return SERVER_ERROR;
        }

    } else {
        snprintf(text, sizeof(text), "%s", target);
        port = strrchr(text, ':');

        if (port == NULL) {
            return SERVER_ERROR;
        }

        *port++ = '\0';

        memset(&hints, 0, sizeof(hints));
        hints.ai_socktype = SOCK_STREAM;

        if (getaddrinfo(text, port, &hints, &ai) != 0) {
            return SERVER_ERROR;
        }

        floor_redis = socket(ai->ai_family, SOCK_STREAM|SOCK_CLOEXEC, 0);
        n = connect(floor_redis, ai->ai_addr, ai->ai_addrlen);
        freeaddrinfo(ai);

        if (n == -1) {
            return SERVER_ERROR;
        }

        n = 1;
        setsockopt(floor_redis, IPPROTO_TCP, TCP_NODELAY, &n, sizeof(n));
    }

    /* RESP 3, where one connection may subscribe and publish */

    n = snprintf(text, sizeof(text),
                 "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
                 "*2\r\n$10\r\nPSUBSCRIBE\r\n$%zu\r\n%s*\r\n",
                 strlen(floor_prefix) + 1, floor_prefix);

    if (send(floor_redis, text, n, MSG_NOSIGNAL) != n) {
        return SERVER_ERROR;
    }

    floor_in = malloc(FLOOR_BUFFER);
    floor_out = malloc(FLOOR_BUFFER);

    if (floor_in == NULL || floor_out == NULL) {
        return SERVER_ERROR;
    }

    fcntl(floor_redis, F_SETFL, fcntl(floor_redis, F_GETFL) | O_NONBLOCK);

    return server_watch(floor_redis, floor_redis_event);
}


/* the sender's descriptor stands before the frame, so that it is left out */

static void
floor_publish(server_conn_t *c, u_char *p, size_t len)
{
    int      n, m;
    char     head[32], channel[64];

    if (c->room == NULL || floor_out_len + len + 256 > FLOOR_BUFFER) {
        return;
    }

    n = snprintf(head, sizeof(head), "%d ", c->fd);
    m = snprintf(channel, sizeof(channel), "%s%u", floor_prefix, c->room->id);

    floor_out_len += sprintf((char *) floor_out + floor_out_len,
                             "*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%zu\r\n%s",
                             m, channel, n + len, head);

    memcpy(floor_out + floor_out_len, p, len);
    memcpy(floor_out + floor_out_len + len, "\r\n", 2);
    floor_out_len += len + 2;
}


static void
floor_redis_turn(void)
{
    ssize_t  n;

    if (floor_out_len == 0) {
        return;
    }

    n = send(floor_redis, floor_out, floor_out_len, MSG_NOSIGNAL);

    if (n > 0) {
        floor_out_len -= n;
        memmove(floor_out, floor_out + n, floor_out_len);
    }
}


static void
floor_redis_event(uint32_t events)
{
    size_t    room;
    u_char   *p, *next, *last;
    ssize_t   n;

    if (!(events & EPOLLIN)) {
        return;
    }

    do {
        room = FLOOR_BUFFER - floor_in_len;
        n = recv(floor_redis, floor_in + floor_in_len, room, 0);

        if (n <= 0) {

            if (n == 0) {
                fputs("floor: Redis has closed the connection\n", stderr);
                floor_stopped = 1;
            }

            return;
        }

        p = floor_in;
        last = p + floor_in_len + n;

        while (p < last) {
            next = floor_redis_parse(p, last);

            if (next == NULL) {
                break;
            }

            p = next;
        }

        floor_in_len = last - p;
        memmove(floor_in, p, floor_in_len);

    } while ((size_t) n == room);
}


/*
 * The end of what begins here, if all of it has come.  Only a push of four
 * strings, "pmessage" and the rest, is looked into; another reply ends with
 * its line: the parts of an array count as replies then.
 */

static u_char *
floor_redis_parse(u_char *p, u_char *last)
{
    int      i;
    size_t   len[4];
    u_char  *end, *part[4];

    end = memmem(p, last - p, "\r\n", 2);

    if (end == NULL) {
        return NULL;
    }

    if (end - p != 2 || p[0] != '>' || p[1] != '4') {

        if (*p != '$') {
            return end + 2;
        }

        p = end + 2 + atoi((char *) p + 1) + 2;

        return p <= last ? p : NULL;
    }

    p = end + 2;

    for (i = 0; i < 4; i++) {
        end = memmem(p, last - p, "\r\n", 2);

        if (end == NULL) {
            return NULL;
        }

        len[i] = (size_t) atoi((char *) p + 1);
        part[i] = end + 2;
        p = part[i] + len[i] + 2;

        if (p > last) {
            return NULL;
        }
    }

    floor_redis_message(part[2], len[2], part[3], len[3]);

    return p;
}


static void
floor_redis_message(u_char *channel, size_t clen, u_char *p, size_t len)
{
    int              from;
    size_t           n;
    u_char           frame[16384];
    uint32_t         i;
    server_room_t   *room;

    from = -1;

    if (clen <= strlen(floor_prefix) || len > sizeof(frame) - 4) {
        return;
    }

    /* what follows the number is a line end */

    room = server_room(atoi((char *) channel + strlen(floor_prefix)));

    if (room == NULL) {
        return;
    }

    if (*p == '{') {
        n = server_head(frame, 0x80 | SERVER_TEXT, len);
        memcpy(frame + n, p, len);
        n += len;

    } else {
        from = atoi((char *) p);

        if (p[len - 5] == 't') {
            n = sizeof(floor_true) - 1;
            memcpy(frame, floor_true, n);

        } else {
            n = sizeof(floor_false) - 1;
            memcpy(frame, floor_false, n);
        }
    }

    for (i = 0; i < room->n; i++) {
        if (room->conns[i]->fd != from) {
            (void) server_send(room->conns[i], frame, n);
        }
    }
}
