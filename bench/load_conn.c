
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Connections on one epoll, edge-triggered.  All share one buffer to read
 * into; a connection owns memory only for a frame of which a part has come,
 * or that the socket did not take.
 *
 * No call blocks, and each loop of the program has a deadline: a server that
 * says nothing costs the time that was allowed, and is reported.
 */


#include "load.h"

#include <stdarg.h>

#include <openssl/err.h>
#include <sys/resource.h>


static int load_socket(load_conn_t *c);
static void load_conn_connected(load_conn_t *c);
static void load_conn_handshake(load_conn_t *c);
static void load_conn_request(load_conn_t *c);
static void load_conn_read(load_conn_t *c, int all);
static ssize_t load_conn_recv(load_conn_t *c, u_char *p, size_t size);
static int load_conn_parse(load_conn_t *c, u_char *p, size_t len);
static void load_conn_flush(load_conn_t *c);
static void load_conn_refused(load_conn_t *c, const char *text, size_t len);
static int load_keep(load_buf_t *b, const u_char *data, size_t len);


static uint32_t  load_pending;        /* connections that are not open yet */


uint64_t
load_time(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    load.now = (uint64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;

    return load.now;
}


/* the first reason is the one to report */

void
load_fail(const char *format, ...)
{
    va_list  args;

    if (load.failed) {
        return;
    }

    load.failed = 1;

    va_start(args, format);
    vsnprintf(load.failure, sizeof(load.failure), format, args);
    va_end(args);
}


int
load_conn_setup(void)
{
    struct rlimit  limit;

    load.room = LOAD_PROCESS;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);

        if (limit.rlim_max < LOAD_PROCESS + 100) {
            load.room = limit.rlim_max > 200 ? limit.rlim_max - 100 : 100;
        }
    }

    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.buffer = malloc(LOAD_BUFFER);

    if (load.epoll == -1 || load.buffer == NULL) {
        load_fail("no epoll, or no memory");
        return LOAD_ERROR;
    }

    if (!load.conf.tls) {
        return LOAD_OK;
    }

    /* what is measured is the cost of encryption, not trust */

    load.tls = SSL_CTX_new(TLS_client_method());
    if (load.tls == NULL) {
        load_fail("no TLS");
        return LOAD_ERROR;
    }

    SSL_CTX_set_verify(load.tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(load.tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(load.tls, SSL_MODE_ENABLE_PARTIAL_WRITE
                               |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                               |SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(load.tls, 1);

    return LOAD_OK;
}


int
load_conn_open(load_conn_t *c)
{
    int                 rc;
    struct epoll_event  ee;

    c->fd = load_socket(c);

    if (c->fd == -1) {
        load_fail("socket: %s", strerror(errno));
        return LOAD_ERROR;
    }

    c->state = LOAD_CONNECTING;
    c->started = load.now;
    c->said_close = 0;
    c->deflate = 0;
    load_pending++;

    rc = connect(c->fd, (struct sockaddr *) &load.addr, sizeof(load.addr));

    if (rc == -1 && errno != EINPROGRESS) {
        load_conn_refused(c, strerror(errno), strlen(strerror(errno)));
        return LOAD_ERROR;
    }

    ee.events = EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET;
    ee.data.ptr = c;

    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &ee) == -1) {
        load_fail("epoll_ctl: %s", strerror(errno));
        return LOAD_ERROR;
    }

    if (rc == 0) {
        load_conn_connected(c);
    }

    return LOAD_OK;
}


/* 28,000 ports are no limit where each address has but 4,000 connections */

static int
load_socket(load_conn_t *c)
{
    int                 fd, on, size;
    struct sockaddr_in  from;

    fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return -1;
    }

    on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    if (c->stalled) {
        size = 16384;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }

    if (!load.bind_address) {
        return fd;
    }

    memset(&from, 0, sizeof(from));
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7f000002 + c->id / LOAD_ADDRESS);

    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));

    if (bind(fd, (struct sockaddr *) &from, sizeof(from)) == -1) {
        close(fd);
        return -1;
    }

    return fd;
}


static void
load_conn_connected(load_conn_t *c)
{
    if (load.tls == NULL) {
        load_conn_request(c);
        return;
    }

    c->ssl = SSL_new(load.tls);

    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1) {
        load_fail("no memory for TLS");
        return;
    }

    SSL_set_connect_state(c->ssl);
    c->state = LOAD_HANDSHAKE;

    load_conn_handshake(c);
}


static void
load_conn_handshake(load_conn_t *c)
{
    int  n;

    ERR_clear_error();

    n = SSL_do_handshake(c->ssl);

    if (n == 1) {
        load_conn_request(c);
        return;
    }

    n = SSL_get_error(c->ssl, n);

    if (n != SSL_ERROR_WANT_READ && n != SSL_ERROR_WANT_WRITE) {
        load_conn_refused(c, "TLS handshake failed", 20);
    }
}


static void
load_conn_request(load_conn_t *c)
{
    size_t  n;
    u_char  request[4096];

    c->state = LOAD_REQUESTED;

    n = load_request(c, request, sizeof(request));

    load_conn_send(c, request, n);
}


void
load_conn_event(load_conn_t *c, uint32_t events)
{
    int        error;
    socklen_t  len;

    if (c->state == LOAD_CONNECTING) {

        if (!(events & (EPOLLOUT|EPOLLERR|EPOLLHUP))) {
            return;
        }

        len = sizeof(error);
        error = 0;

        if (events & (EPOLLERR|EPOLLHUP)) {
            getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        }

        if (error) {
            load_conn_refused(c, strerror(error), strlen(strerror(error)));
            return;
        }

        load_conn_connected(c);
    }

    if (c->state == LOAD_HANDSHAKE) {
        load_conn_handshake(c);
    }

    if (c->out.len && (events & EPOLLOUT)) {
        load_conn_flush(c);
    }

    if (c->state == LOAD_CLOSED || c->state == LOAD_HANDSHAKE
        || (c->stalled && c->state == LOAD_OPENED))
    {
        return;
    }

    if (events & (EPOLLIN|EPOLLRDHUP|EPOLLHUP|EPOLLERR)) {
        load_conn_read(c, events & (EPOLLRDHUP|EPOLLHUP|EPOLLERR));
    }
}


/* one that has stalled reads again */

void
load_conn_resume(load_conn_t *c)
{
    c->stalled = 0;

    if (c->state != LOAD_CLOSED) {
        load_conn_read(c, 1);
    }
}


static void
load_conn_read(load_conn_t *c, int all)
{
    size_t   len, size;
    ssize_t  n;

    for ( ;; ) {
        len = c->in.len;

        if (len) {
            memcpy(load.buffer, c->in.data, len);
        }

        /* room for the NUL behind an answer */

        size = LOAD_BUFFER - 1 - len;
        n = load_conn_recv(c, load.buffer + len, size);

        if (n == LOAD_AGAIN) {
            return;
        }

        if (n <= 0) {

            if (c->state < LOAD_OPENED) {
                load_conn_refused(c, "closed before an answer", 23);
                return;
            }

            load_conn_close(c, n == 0 ? LOAD_EOF : LOAD_RESET);
            return;
        }

        load_time();
        load.progress = load.now;
        load.counts->bytes += n;

        if (load_conn_parse(c, load.buffer, len + n) != LOAD_OK) {
            return;
        }

        /* less than there was room for: the socket is empty */

        if (c->ssl == NULL && !all && (size_t) n < size) {
            return;
        }

        if (c->stalled && c->state == LOAD_OPENED) {
            return;
        }
    }
}


static ssize_t
load_conn_recv(load_conn_t *c, u_char *p, size_t size)
{
    int      error;
    ssize_t  n;

    if (c->ssl == NULL) {

        do {
            n = recv(c->fd, p, size, 0);
        } while (n == -1 && errno == EINTR);

        return (n == -1 && errno == EAGAIN) ? LOAD_AGAIN : n;
    }

    ERR_clear_error();

    n = SSL_read(c->ssl, p, (int) size);

    if (n > 0) {
        return n;
    }

    error = SSL_get_error(c->ssl, (int) n);

    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        return LOAD_AGAIN;
    }

    return (error == SSL_ERROR_ZERO_RETURN) ? 0 : LOAD_ERROR;
}


/* LOAD_ERROR if the connection has been closed */

static int
load_conn_parse(load_conn_t *c, u_char *p, size_t len)
{
    u_char   *end;
    ssize_t   n;

    if (c->state == LOAD_REQUESTED) {
        end = memmem(p, len, "\r\n\r\n", 4);

        if (end == NULL) {

            if (len > 65536) {
                load_conn_refused(c, "a long answer", 13);
                return LOAD_ERROR;
            }

            return load_keep(&c->in, p, len);
        }

        c->in.len = 0;
        *end = '\0';

        if (load_response(c, p, end - p) != LOAD_OK) {
            load_conn_refused(c, (char *) p, strcspn((char *) p, "\r\n"));
            return LOAD_ERROR;
        }

        c->state = LOAD_OPENED;
        load_pending--;
        load.counts->connected++;

        load.opened(c);

        if (c->state == LOAD_CLOSED) {
            return LOAD_ERROR;
        }

        len -= end + 4 - p;
        p = end + 4;
    }

    n = load_frame_read(c, p, len);

    if (n == LOAD_ERROR) {
        return LOAD_ERROR;
    }

    return load_keep(&c->in, p + n, len - n);
}


/* "data" replaces what was kept */

static int
load_keep(load_buf_t *b, const u_char *data, size_t len)
{
    if (len == 0) {
        b->len = 0;

        if (b->size > 4096) {
            free(b->data);
            b->data = NULL;
            b->size = 0;
        }

        return LOAD_OK;
    }

    if (b->size < len) {
        free(b->data);

        b->data = malloc(len);
        b->size = b->data ? len : 0;
        b->len = 0;

        if (b->data == NULL) {
            load_fail("no memory");
            return LOAD_ERROR;
        }
    }

    memcpy(b->data, data, len);
    b->len = len;

    return LOAD_OK;
}


void
load_conn_send(load_conn_t *c, const u_char *data, size_t len)
{
    u_char  *p;
    size_t   n;

    if (c->state == LOAD_CLOSED || c->state == LOAD_CONNECTING) {
        return;
    }

    if (c->out.len == 0 && c->ssl == NULL) {
        ssize_t  sent;

        sent = send(c->fd, data, len, MSG_NOSIGNAL);

        if (sent == (ssize_t) len) {
            return;
        }

        if (sent > 0) {
            data += sent;
            len -= sent;
        }
    }

    n = c->out.len + len;

    if (c->out.size < n) {
        p = realloc(c->out.data, n);
        if (p == NULL) {
            load_fail("no memory");
            return;
        }

        c->out.data = p;
        c->out.size = n;
    }

    memcpy(c->out.data + c->out.len, data, len);
    c->out.len = n;

    if (c->ssl) {
        load_conn_flush(c);
    }
}


/* errors are seen by the reader */

static void
load_conn_flush(load_conn_t *c)
{
    ssize_t  n;

    while (c->out.len) {

        if (c->ssl) {
            ERR_clear_error();
            n = SSL_write(c->ssl, c->out.data, (int) c->out.len);

        } else {
            n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
        }

        if (n <= 0) {
            return;
        }

        c->out.len -= n;
        memmove(c->out.data, c->out.data + n, c->out.len);
    }

    free(c->out.data);
    memset(&c->out, 0, sizeof(load_buf_t));
}


/* a handshake that did not succeed */

static void
load_conn_refused(load_conn_t *c, const char *text, size_t len)
{
    load_counts_t  *counts;

    counts = load.counts;

    if (counts->failed++ == 0) {
        snprintf(counts->failure, sizeof(counts->failure), "%.*s",
                 (int) load_min(len, 100), text);
    }

    load_conn_close(c, LOAD_RESET);
}


void
load_conn_close(load_conn_t *c, int code)
{
    load_state_e   state;
    struct linger  linger;

    state = c->state;

    if (state == LOAD_CLOSED) {
        return;
    }

    /* the port is free at once */

    if (!c->said_close) {
        linger.l_onoff = 1;
        linger.l_linger = 0;
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }

    if (c->ssl) {
        SSL_free(c->ssl);
        c->ssl = NULL;
    }

    close(c->fd);

    load_frame_forget(c);

    free(c->in.data);
    free(c->out.data);
    memset(&c->in, 0, sizeof(load_buf_t));
    memset(&c->out, 0, sizeof(load_buf_t));

    c->fd = -1;
    c->code = code;
    c->state = LOAD_CLOSED;

    if (state < LOAD_OPENED) {
        load_pending--;

    } else {
        load.counts->connected--;

        if (state == LOAD_OPENED && !load.goodbye && code != -1) {
            load.counts->closed[code]++;
            load.ended = code;
        }
    }

    load.closed(c, code);
}


/* one turn of the loop, of at most so many milliseconds */

int
load_poll(int ms)
{
    int                        i, n;
    uint32_t                   events;
    uint64_t                   expired;

    static struct epoll_event  list[LOAD_EVENTS];

    load_redis_flush();

    n = epoll_wait(load.epoll, list, LOAD_EVENTS, ms);

    load_time();

    if (n == -1) {

        if (errno != EINTR) {
            load_fail("epoll_wait: %s", strerror(errno));
        }

        n = 0;
    }

    for (i = 0; i < n; i++) {
        events = list[i].events;

        if (list[i].data.ptr == NULL) {
            load_redis_event(events);

        } else if (list[i].data.ptr != &load) {
            load_conn_event(list[i].data.ptr, events);

        } else if (read(load.timer, &expired, sizeof(expired)) == -1) {

            /* it is there to wake us, and goes on when it has been read */

            load_fail("timer: %s", strerror(errno));
        }
    }

    load_expire();

    if (load.turn) {
        load.turn();
    }

    return n;
}


/*
 * Opens the first n of the connections, so many at a time.  It ends when all
 * are open, or nothing happens for ten seconds, or the time is up.
 */

int
load_connect(uint32_t n, uint32_t concurrency, double limit)
{
    uint32_t   i;
    uint64_t   end;

    load.progress = load_time();
    end = load.now + (uint64_t) (limit * 1e6);

    for (i = 0; !load.failed; /* void */) {

        while (i < n && load_pending < concurrency && !load.failed) {
            load_conn_open(&load.conns[i++]);
        }

        if (load_pending == 0 && i == n) {
            break;
        }

        load_poll(100);

        if (load.counts->failed || load.now > end
            || load.now > load.progress + 10 * 1000000)
        {
            break;
        }
    }

    if (load.failed) {
        return LOAD_ERROR;
    }

    if (load.counts->connected == n) {
        return LOAD_OK;
    }

    if (load.ended) {
        load_fail("%llu of %u connections are open: closed with %d",
                  (unsigned long long) load.counts->connected, n, load.ended);

    } else {
        load_fail("%llu of %u connections were opened: %s",
                  (unsigned long long) load.counts->connected, n,
                  load.counts->failure[0] ? load.counts->failure
                                          : "no answer in time");
    }

    return LOAD_ERROR;
}
