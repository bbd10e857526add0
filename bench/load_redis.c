
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * What a backend does: PUBLISH, on one connection.  The commands of a turn of
 * the loop leave in one write.
 */


#include "load.h"

#include <netdb.h>
#include <sys/un.h>


static void load_redis_lost(const char *why);


static int      load_redis_fd = -1;
static u_char  *load_redis_out;
static size_t   load_redis_len, load_redis_size;
static int      load_redis_blocked;
static char     load_redis_line[128];
static size_t   load_redis_n;


int
load_redis_open(const char *target)
{
    int                  fd, rc;
    char                 host[256], *port;
    struct timeval       tv;
    struct addrinfo      hints, *ai;
    struct sockaddr_un   un;
    struct epoll_event   ee;

    tv.tv_sec = 5;
    tv.tv_usec = 0;

    if (target == NULL) {
        load_fail("--redis is missing");
        return LOAD_ERROR;
    }

    if (strncmp(target, "unix:", 5) == 0) {
        memset(&un, 0, sizeof(un));
        un.sun_family = AF_UNIX;
        snprintf(un.sun_path, sizeof(un.sun_path), "%s", target + 5);

        fd = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
        rc = connect(fd, (struct sockaddr *) &un, sizeof(un));

    } else {
        snprintf(host, sizeof(host), "%s", target);
        port = strrchr(host, ':');

        if (port == NULL) {
            load_fail("no port in %s", target);
            return LOAD_ERROR;
        }

        *port++ = '\0';

        memset(&hints, 0, sizeof(hints));
        hints.ai_socktype = SOCK_STREAM;

        if (getaddrinfo(host, port, &hints, &ai) != 0) {
            load_fail("no address for %s", target);
            return LOAD_ERROR;
        }

        fd = socket(ai->ai_family, SOCK_STREAM|SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
        rc = connect(fd, ai->ai_addr, ai->ai_addrlen);
        freeaddrinfo(ai);
    }

    if (fd == -1 || rc == -1) {
        load_fail("Redis at %s: %s", target, strerror(errno));
        return LOAD_ERROR;
    }

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);

    ee.events = EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET;
    ee.data.ptr = NULL;

    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, fd, &ee) == -1) {
        load_fail("epoll_ctl: %s", strerror(errno));
        return LOAD_ERROR;
    }

    load_redis_fd = fd;

    return LOAD_OK;
}


void
load_redis_publish(uint32_t conversation, const u_char *data, size_t len)
{
    int      n;
    char     channel[256];
    size_t   need;
    u_char  *p;

    n = snprintf(channel, sizeof(channel), "%s%u", load.conf.prefix,
                 conversation);

    need = load_redis_len + len + n + 128;

    if (need > load_redis_size) {
        p = realloc(load_redis_out, 2 * need);
        if (p == NULL) {
            load_fail("no memory");
            return;
        }

        load_redis_out = p;
        load_redis_size = 2 * need;
    }

    p = load_redis_out + load_redis_len;

    p += sprintf((char *) p, "*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%zu\r\n",
                 n, channel, len);
    memcpy(p, data, len);
    p += len;
    *p++ = '\r';
    *p++ = '\n';

    load_redis_len = p - load_redis_out;
}


void
load_redis_flush(void)
{
    ssize_t  n;

    while (load_redis_len && !load_redis_blocked && load_redis_fd != -1) {

        n = send(load_redis_fd, load_redis_out, load_redis_len, MSG_NOSIGNAL);

        if (n == -1) {

            if (errno == EAGAIN) {
                load_redis_blocked = 1;
                return;
            }

            load_redis_lost(strerror(errno));
            return;
        }

        load_redis_len -= n;
        memmove(load_redis_out, load_redis_out + n, load_redis_len);
    }
}


/* a reply is one line, whatever it says */

void
load_redis_event(uint32_t events)
{
    u_char   *p;
    ssize_t   n;
    u_char    buffer[16384];

    if (load_redis_fd == -1) {
        return;
    }

    if (events & EPOLLOUT) {
        load_redis_blocked = 0;
        load_redis_flush();
    }

    for ( ;; ) {

        n = recv(load_redis_fd, buffer, sizeof(buffer), 0);

        if (n == -1 && errno == EAGAIN) {
            return;
        }

        if (n <= 0) {
            load_redis_lost("connection closed");
            return;
        }

        for (p = buffer; p < buffer + n; p++) {

            if (*p != '\n') {

                if (load_redis_n < sizeof(load_redis_line) - 1) {
                    load_redis_line[load_redis_n++] = *p;
                }

                continue;
            }

            load_redis_line[load_redis_n] = '\0';

            if (load_redis_line[0] == '-') {
                load_redis_line[strcspn(load_redis_line, "\r")] = '\0';
                load_fail("Redis: %s", load_redis_line);
            }

            load_redis_n = 0;
        }
    }
}


static void
load_redis_lost(const char *why)
{
    load_fail("Redis: %s", why);

    close(load_redis_fd);
    load_redis_fd = -1;
}
