
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * A WebSocket server that does nothing it could leave out: what the floor and
 * the faulty server have in common.  It takes its clients at their word: it
 * is for the load client alone.
 */


/* the digest without looking up an implementation for each handshake */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "server.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/resource.h>


#define SERVER_BUFFER  (256 * 1024)
#define SERVER_EVENTS  512
#define SERVER_ROOMS   (1 << 22)

#define SERVER_GUID    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


static void server_accept(void);
static void server_event(server_conn_t *c, uint32_t events);
static int server_parse(server_conn_t *c, u_char *p, size_t len);
static ssize_t server_upgrade(server_conn_t *c, u_char *p, size_t len);
static ssize_t server_frames(server_conn_t *c, u_char *p, size_t len);
static void server_join(server_conn_t *c, const char *request);
static int server_keep(server_conn_t *c, const u_char *p, size_t len);
static void server_flush(server_conn_t *c);


server_t  server;
int       server_epoll = -1;

static int              server_socket = -1;
static void           (*server_handler)(uint32_t events);
static u_char          *server_buffer;
static server_room_t  **server_rooms;

/* connections that this turn has closed: its events may still name them */
static server_conn_t   *server_dead;

static char             server_refusal[] =
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";


/* "target" is address:port; port 0 lets the system choose, and is told */

int
server_listen(const char *target)
{
    int                  on;
    char                 host[64], *port;
    socklen_t            len;
    struct rlimit        limit;
    struct epoll_event   ee;
    struct sockaddr_in   addr;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }

    snprintf(host, sizeof(host), "%s", target);

    port = strchr(host, ':');
    if (port == NULL) {
        return SERVER_ERROR;
    }

    *port++ = '\0';

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_port = htons((uint16_t) atoi(port));
    inet_pton(AF_INET, host, &addr.sin_addr);

    server_epoll = epoll_create1(EPOLL_CLOEXEC);
    server_socket = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    server_buffer = malloc(SERVER_BUFFER + 1);
    server_rooms = calloc(SERVER_ROOMS, sizeof(server_room_t *));

    if (server_buffer == NULL || server_rooms == NULL) {
        return SERVER_ERROR;
    }

    /* connections inherit both */

    on = 1;
    setsockopt(server_socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(server_socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    len = sizeof(addr);
    ee.events = EPOLLIN;
    ee.data.ptr = NULL;

    if (bind(server_socket, (struct sockaddr *) &addr, len) == -1
        || listen(server_socket, 4096) == -1
        || getsockname(server_socket, (struct sockaddr *) &addr, &len) == -1
        || epoll_ctl(server_epoll, EPOLL_CTL_ADD, server_socket, &ee) == -1)
    {
        return SERVER_ERROR;
    }

    printf("{\"port\": %d}\n", ntohs(addr.sin_port));
    fflush(stdout);

    return SERVER_OK;
}


/* one more descriptor, that of Redis */

int
server_watch(int fd, void (*handler)(uint32_t events))
{
    struct epoll_event  ee;

    server_handler = handler;

    ee.events = EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET;
    ee.data.ptr = &server;

    return epoll_ctl(server_epoll, EPOLL_CTL_ADD, fd, &ee);
}


int
server_run(volatile sig_atomic_t *stop)
{
    int                        i, n;
    void                      *ptr;
    server_conn_t             *c;

    static struct epoll_event  list[SERVER_EVENTS];

    while (!*stop) {

        n = epoll_wait(server_epoll, list, SERVER_EVENTS, -1);

        if (n == -1 && errno != EINTR) {
            return SERVER_ERROR;
        }

        for (i = 0; i < n; i++) {
            ptr = list[i].data.ptr;

            if (ptr == NULL) {
                server_accept();

            } else if (ptr == &server) {
                server_handler(list[i].events);

            } else {
                server_event(ptr, list[i].events);
            }
        }

        if (server.turn) {
            server.turn();
        }

        while (server_dead) {
            c = server_dead;
            server_dead = c->data;
            free(c);
        }
    }

    return SERVER_OK;
}


static void
server_accept(void)
{
    int                  fd;
    server_conn_t       *c;
    struct epoll_event   ee;

    for ( ;; ) {
        fd = accept4(server_socket, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);

        if (fd == -1) {
            return;
        }

        c = calloc(1, sizeof(server_conn_t));
        if (c == NULL) {
            close(fd);
            return;
        }

        c->fd = fd;

        ee.events = EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET;
        ee.data.ptr = c;

        if (epoll_ctl(server_epoll, EPOLL_CTL_ADD, fd, &ee) == -1) {
            close(fd);
            free(c);
            return;
        }
    }
}


static void
server_event(server_conn_t *c, uint32_t events)
{
    ssize_t  n;

    if (c->closed) {
        return;
    }

    if (c->out_len && (events & EPOLLOUT)) {
        server_flush(c);
    }

    if (events & (EPOLLHUP|EPOLLERR)) {
        server_close(c);
        return;
    }

    if (!(events & (EPOLLIN|EPOLLRDHUP))) {
        return;
    }

    for ( ;; ) {

        if (c->in_len) {
            memcpy(server_buffer, c->in, c->in_len);
        }

        n = recv(c->fd, server_buffer + c->in_len, SERVER_BUFFER - c->in_len,
                 0);

        if (n == -1 && errno == EAGAIN) {
            return;
        }

        if (n <= 0
            || server_parse(c, server_buffer, c->in_len + n) != SERVER_OK)
        {
            server_close(c);
            return;
        }

        if (c->closed
            || ((size_t) n < SERVER_BUFFER - c->in_len
                && !(events & EPOLLRDHUP)))
        {
            return;
        }
    }
}


static int
server_parse(server_conn_t *c, u_char *p, size_t len)
{
    ssize_t  n;
    u_char  *last;

    last = p + len;

    if (!c->upgraded) {
        n = server_upgrade(c, p, len);

        if (n == SERVER_ERROR) {
            return SERVER_ERROR;
        }

        p += n;
    }

    if (c->upgraded && last != p) {
        n = server_frames(c, p, last - p);

        if (n == SERVER_ERROR) {
            return SERVER_ERROR;
        }

        p += n;
    }

    return c->closed ? SERVER_OK : server_keep(c, p, last - p);
}


static ssize_t
server_upgrade(server_conn_t *c, u_char *p, size_t len)
{
    int        n, rc;
    char       text[512], digest64[32], *end, *key;
    u_char     digest[SHA_DIGEST_LENGTH];
    SHA_CTX    sha;

    end = memmem(p, len, "\r\n\r\n", 4);

    if (end == NULL) {
        return 0;
    }

    *end = '\0';
    key = strstr((char *) p, "Sec-WebSocket-Key: ");

    rc = server.upgrade ? server.upgrade(c, (char *) p) : SERVER_OK;

    if (rc == SERVER_AGAIN) {
        return len;
    }

    if (rc != SERVER_OK || key == NULL || end - key < 19 + 24) {
        (void) server_send(c, (u_char *) server_refusal,
                           sizeof(server_refusal) - 1);
        return SERVER_ERROR;
    }

    SHA1_Init(&sha);
    SHA1_Update(&sha, key + 19, 24);
    SHA1_Update(&sha, SERVER_GUID, sizeof(SERVER_GUID) - 1);
    SHA1_Final(digest, &sha);

    EVP_EncodeBlock((u_char *) digest64, digest, SHA_DIGEST_LENGTH);

    n = snprintf(text, sizeof(text),
                 "HTTP/1.1 101 Switching Protocols\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n"
                 "%s\r\n",
                 digest64, server.extension ? server.extension : "");

    if (server_send(c, (u_char *) text, n) != n) {
        return SERVER_ERROR;
    }

    c->upgraded = 1;

    if (server.rooms) {
        server_join(c, (char *) p);
    }

    if (server.opened) {
        server.opened(c);
    }

    return end + 4 - (char *) p;
}


/* the last number of the path, before its arguments */

static void
server_join(server_conn_t *c, const char *request)
{
    uint32_t         id;
    const char      *p, *end;
    server_room_t   *room;
    server_conn_t  **conns;

    end = request + strcspn(request + 4, " ?") + 4;

    for (p = end; p > request && (p[-1] < '0' || p[-1] > '9'); p--) {
        /* void */
    }

    while (p > request && p[-1] >= '0' && p[-1] <= '9') {
        p--;
    }

    id = (uint32_t) strtoul(p, NULL, 10);
    room = server_room(id);

    if (room == NULL) {
        return;
    }

    if (room->n == room->size) {
        room->size = room->size ? 2 * room->size : 2;

        conns = realloc(room->conns, room->size * sizeof(server_conn_t *));
        if (conns == NULL) {
            return;
        }

        room->conns = conns;
    }

    c->room = room;
    c->place = room->n;
    room->conns[room->n++] = c;
}


server_room_t *
server_room(uint32_t id)
{
    server_room_t  **room;

    room = &server_rooms[id % SERVER_ROOMS];

    if (*room == NULL) {
        *room = calloc(1, sizeof(server_room_t));

        if (*room) {
            (*room)->id = id;
        }
    }

    return *room;
}


static ssize_t
server_frames(server_conn_t *c, u_char *p, size_t len)
{
    size_t    i, head, size;
    u_char   *start, *last, *data, *mask;

    start = p;
    last = p + len;

    while (last - p >= 6) {
        size = p[1] & 0x7f;
        head = 6;

        if (size == 126) {
            size = p[2] << 8 | p[3];
            head = 8;
        }

        if (size == 127 || !(p[1] & 0x80)) {
            return SERVER_ERROR;
        }

        if ((size_t) (last - p) < head + size) {
            break;
        }

        data = p + head;
        mask = data - 4;

        for (i = 0; i < size; i++) {
            data[i] ^= mask[i & 3];
        }

        if ((p[0] & 0x0f) == SERVER_CLOSE) {

            if (server.closing) {
                server.closing(c);
            }

            /* its code is answered, without a mask */

            size = size < 2 ? 0 : 2;
            data -= 2;
            data[0] = 0x80 | SERVER_CLOSE;
            data[1] = (u_char) size;

            (void) server_send(c, data, 2 + size);

            return SERVER_ERROR;
        }

        if ((p[0] & 0x0f) == SERVER_TEXT) {
            server.frame(c, data, size);

            if (c->closed) {
                return p - start;
            }
        }

        p += head + size;
    }

    return p - start;
}


/* the head of a frame of a server; its length is told */

size_t
server_head(u_char *p, int first, size_t len)
{
    p[0] = (u_char) first;

    if (len < 126) {
        p[1] = (u_char) len;
        return 2;
    }

    p[1] = 126;
    p[2] = (u_char) (len >> 8);
    p[3] = (u_char) len;

    return 4;
}


static int
server_keep(server_conn_t *c, const u_char *p, size_t len)
{
    free(c->in);
    c->in = NULL;
    c->in_len = 0;

    if (len == 0) {
        return SERVER_OK;
    }

    c->in = malloc(len);
    if (c->in == NULL) {
        return SERVER_ERROR;
    }

    memcpy(c->in, p, len);
    c->in_len = (uint32_t) len;

    return SERVER_OK;
}


/* what was sent or will be: all of it, or nothing if that is no use */

ssize_t
server_send(server_conn_t *c, const u_char *data, size_t len)
{
    u_char   *p;
    size_t    need;
    ssize_t   n;

    n = 0;

    if (c->out_len == 0) {
        n = send(c->fd, data, len, MSG_NOSIGNAL);

        if (n == (ssize_t) len) {
            return n;
        }

        if (n == -1) {

            if (errno != EAGAIN) {
                return -1;
            }

            n = 0;
        }
    }

    need = c->out_len + len - n;

    if (need > c->out_size) {
        p = realloc(c->out, need);
        if (p == NULL) {
            return -1;
        }

        c->out = p;
        c->out_size = (uint32_t) need;
    }

    memcpy(c->out + c->out_len, data + n, len - n);
    c->out_len = (uint32_t) need;

    return (ssize_t) len;
}


static void
server_flush(server_conn_t *c)
{
    ssize_t  n;

    while (c->out_len) {
        n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);

        if (n <= 0) {
            return;
        }

        c->out_len -= (uint32_t) n;
        memmove(c->out, c->out + n, c->out_len);
    }

    free(c->out);
    c->out = NULL;
    c->out_size = 0;
}


void
server_close(server_conn_t *c)
{
    server_conn_t  *last;
    server_room_t  *room;

    if (c->closed) {
        return;
    }

    room = c->room;

    if (room) {
        last = room->conns[--room->n];
        last->place = c->place;
        room->conns[c->place] = last;
    }

    if (server.closed) {
        server.closed(c);
    }

    close(c->fd);
    free(c->in);
    free(c->out);

    c->closed = 1;
    c->data = server_dead;
    server_dead = c;
}
