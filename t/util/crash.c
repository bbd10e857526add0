
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Kills or stops a process in the middle of what it does for others, where no
 * signal from outside would hit it: what t/059-embedded-crash.t gives to nginx
 * by LD_PRELOAD.  The file that the environment variable TEST_NGINX_CRASH
 * names is a crash_t; whoever gets there clears "where".
 *
 * To be hit while it writes to the ring, a process that has read something
 * looks for CRASH_MARK, which has been written to the ring before, and makes
 * that part of the memory read-only: the next record begins behind it.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>


/* about to wake a worker whose flag says that it has been woken */
#define CRASH_WAKE  1

/* has cells of the ring, and has not filled them: killed, or stopped */
#define CRASH_FILL  2
#define CRASH_STOP  3

#define CRASH_MARK  "crash mark"
#define CRASH_PAGES 4


typedef struct {
    int32_t          where;
    int32_t          pid;         /* who is to get there */
    int32_t          done;        /* who did */
} crash_t;


static volatile crash_t  *crash;
static char              *crash_from;
static size_t             crash_len;


static void __attribute__((constructor))
crash_open(void)
{
    int          fd;
    void        *p;
    const char  *name;

    name = getenv("TEST_NGINX_CRASH");

    if (name == NULL) {
        return;
    }

    fd = open(name, O_RDWR);

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(crash_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    if (p != MAP_FAILED) {
        crash = p;
    }

    close(fd);
}


static void
crash_now(int signo)
{
    crash->where = 0;
    crash->done = getpid();
    kill(getpid(), signo);
}


static void
crash_fault(int signo, siginfo_t *info, void *context)
{
    char  *p;

    (void) context;

    p = info->si_addr;

    if (p < crash_from || p >= crash_from + crash_len) {
        signal(signo, SIG_DFL);
        return;
    }

    crash_now(crash->where == CRASH_FILL ? SIGKILL : SIGSTOP);

    /* continued: it writes now */

    mprotect(crash_from, crash_len, PROT_READ|PROT_WRITE);
}


static void
crash_protect(void)
{
    char              line[512], *mark, *p;
    FILE             *maps;
    size_t            page;
    unsigned long     from, to;
    struct sigaction  sa;

    maps = fopen("/proc/self/maps", "r");

    if (maps == NULL) {
        return;
    }

    page = sysconf(_SC_PAGESIZE);

    while (crash_len == 0 && fgets(line, sizeof(line), maps)) {

        if (sscanf(line, "%lx-%lx rw-s", &from, &to) != 2
            || strstr(line, " rw-s ") == NULL)
        {
            continue;
        }

        p = (char *) from;
        mark = memmem(p, to - from, CRASH_MARK, sizeof(CRASH_MARK) - 1);

        if (mark) {
            crash_from = p + (mark - p) / page * page;
            crash_len = CRASH_PAGES * page;
        }
    }

    fclose(maps);

    if (crash_len) {
        memset(&sa, 0, sizeof(sa));
        sa.sa_sigaction = crash_fault;
        sa.sa_flags = SA_SIGINFO;

        sigaction(SIGSEGV, &sa, NULL);
        mprotect(crash_from, crash_len, PROT_READ);
    }
}


static void
crash_read(void)
{
    if (crash && crash->where >= CRASH_FILL && crash->pid == getpid()
        && crash_len == 0)
    {
        crash_protect();
    }
}


int
eventfd_write(int fd, uint64_t value)
{
    if (crash && crash->where == CRASH_WAKE && crash->pid == getpid()) {
        crash_now(SIGKILL);
    }

    return write(fd, &value, sizeof(value)) == sizeof(value) ? 0 : -1;
}


ssize_t
recv(int fd, void *data, size_t len, int flags)
{
    static ssize_t (*next)(int fd, void *data, size_t len, int flags);

    if (next == NULL) {
        next = (ssize_t (*)(int, void *, size_t, int))
                   dlsym(RTLD_NEXT, "recv");
    }

    crash_read();

    return next(fd, data, len, flags);
}


/* with TLS */

ssize_t
read(int fd, void *data, size_t len)
{
    static ssize_t (*next)(int fd, void *data, size_t len);

    if (next == NULL) {
        next = (ssize_t (*)(int, void *, size_t)) dlsym(RTLD_NEXT, "read");
    }

    crash_read();

    return next(fd, data, len);
}
