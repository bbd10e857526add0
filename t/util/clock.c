
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The system time of a process, as if its clock were set while it runs: what
 * t/106-clock.t gives to nginx by LD_PRELOAD.  The file that the environment
 * variable TEST_NGINX_CLOCK names holds seconds to add, a native int64_t.
 * The monotonic clocks are left alone, as the kernel would leave them.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


static volatile int64_t  *offset;


static void __attribute__((constructor))
clock_open(void)
{
    int          fd;
    void        *p;
    const char  *name;

    name = getenv("TEST_NGINX_CLOCK");

    if (name == NULL) {
        return;
    }

    fd = open(name, O_RDONLY);

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);

    if (p != MAP_FAILED) {
        offset = p;
    }

    close(fd);
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    static int (*next)(clockid_t id, struct timespec *ts);

    if (next == NULL) {
        next = (int (*)(clockid_t, struct timespec *))
                   dlsym(RTLD_NEXT, "clock_gettime");
    }

    rc = next(id, ts);

    if (rc == 0 && offset
        && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    {
        ts->tv_sec += *offset;
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  ts;

    (void) tz;

    if (clock_gettime(CLOCK_REALTIME, &ts) == -1) {
        return -1;
    }

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *t)
{
    struct timespec  ts;

    if (clock_gettime(CLOCK_REALTIME, &ts) == -1) {
        return (time_t) -1;
    }

    if (t) {
        *t = ts.tv_sec;
    }

    return ts.tv_sec;
}
