
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Preloaded into nginx by "t/util/test --mode onebyte": what is read from a
 * connection, or written to one, is one byte at a time.  A short read or
 * write tells nginx that nothing more can be had now, so that each byte is a
 * turn of the event loop, with poll, which is level-triggered, and in any
 * state of a parser.
 *
 * Files, pipes, datagrams and listening sockets are left alone, and so are
 * the nameless pairs of sockets between the master and its workers, which
 * carry structures that are not meant to be split.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>


static int is_connection(int fd);
static void *next(const char *name);


ssize_t
read(int fd, void *buf, size_t size)
{
    static ssize_t  (*real)(int, void *, size_t);

    if (real == NULL) {
        real = (ssize_t (*)(int, void *, size_t)) next("read");
    }

    return real(fd, buf, size > 1 && is_connection(fd) ? 1 : size);
}


ssize_t
recv(int fd, void *buf, size_t size, int flags)
{
    static ssize_t  (*real)(int, void *, size_t, int);

    if (real == NULL) {
        real = (ssize_t (*)(int, void *, size_t, int)) next("recv");
    }

    return real(fd, buf, size > 1 && is_connection(fd) ? 1 : size, flags);
}


ssize_t
write(int fd, const void *buf, size_t size)
{
    static ssize_t  (*real)(int, const void *, size_t);

    if (real == NULL) {
        real = (ssize_t (*)(int, const void *, size_t)) next("write");
    }

    return real(fd, buf, size > 1 && is_connection(fd) ? 1 : size);
}


ssize_t
send(int fd, const void *buf, size_t size, int flags)
{
    static ssize_t  (*real)(int, const void *, size_t, int);

    if (real == NULL) {
        real = (ssize_t (*)(int, const void *, size_t, int)) next("send");
    }

    return real(fd, buf, size > 1 && is_connection(fd) ? 1 : size, flags);
}


ssize_t
readv(int fd, const struct iovec *iov, int n)
{
    int              i;
    static ssize_t  (*real)(int, const struct iovec *, int);

    if (real == NULL) {
        real = (ssize_t (*)(int, const struct iovec *, int)) next("readv");
    }

    if (is_connection(fd)) {
        for (i = 0; i < n; i++) {
            if (iov[i].iov_len) {
                return recv(fd, iov[i].iov_base, 1, 0);
            }
        }
    }

    return real(fd, iov, n);
}


ssize_t
writev(int fd, const struct iovec *iov, int n)
{
    int              i;
    static ssize_t  (*real)(int, const struct iovec *, int);

    if (real == NULL) {
        real = (ssize_t (*)(int, const struct iovec *, int)) next("writev");
    }

    if (is_connection(fd)) {
        for (i = 0; i < n; i++) {
            if (iov[i].iov_len) {
                return send(fd, iov[i].iov_base, 1, 0);
            }
        }
    }

    return real(fd, iov, n);
}


ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
    size_t           i;
    static ssize_t  (*real)(int, const struct msghdr *, int);

    if (real == NULL) {
        real = (ssize_t (*)(int, const struct msghdr *, int))
               next("sendmsg");
    }

    if (msg->msg_controllen == 0 && is_connection(fd)) {
        for (i = 0; i < msg->msg_iovlen; i++) {
            if (msg->msg_iov[i].iov_len) {
                return send(fd, msg->msg_iov[i].iov_base, 1, flags);
            }
        }
    }

    return real(fd, msg, flags);
}


ssize_t
sendfile(int out, int in, off_t *offset, size_t size)
{
    static ssize_t  (*real)(int, int, off_t *, size_t);

    if (real == NULL) {
        real = (ssize_t (*)(int, int, off_t *, size_t)) next("sendfile");
    }

    return real(out, in, offset, size > 1 && is_connection(out) ? 1 : size);
}


ssize_t
sendfile64(int out, int in, off_t *offset, size_t size)
{
    return sendfile(out, in, offset, size);
}


/* a stream, one end of which has a name; errno stays what it was */

static int
is_connection(int fd)
{
    int                      err, type, found;
    socklen_t                len;
    struct sockaddr_storage  name;

    err = errno;
    found = 0;
    len = sizeof(type);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0
        && type == SOCK_STREAM)
    {
        len = sizeof(name);

        if (getpeername(fd, (struct sockaddr *) &name, &len) == 0) {
            found = name.ss_family != AF_UNIX
                    || len > offsetof(struct sockaddr_un, sun_path);

            if (!found) {
                len = sizeof(name);

                found = getsockname(fd, (struct sockaddr *) &name, &len) == 0
                        && len > offsetof(struct sockaddr_un, sun_path);
            }
        }
    }

    errno = err;

    return found;
}


static void *
next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}
