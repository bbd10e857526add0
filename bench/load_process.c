
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * What the processes of a server have used.  Time is read from the CPU-time
 * clock of each, which has nanoseconds and includes threads that have ended;
 * the ticks of /proc/PID/stat tell how it divides into user and system.
 * Children are those alive: workers of nginx, for instance.
 */


#include "load.h"

#include <dirent.h>


typedef struct {
    pid_t             pid;
    pid_t             parent;
} load_pair_t;


static load_pair_t *load_process_list(uint32_t *n);
static int load_stat_read(pid_t pid, pid_t *parent, uint64_t *utime,
    uint64_t *stime);
static int load_usage_add(load_usage_t *u, pid_t pid);


static int
load_stat_read(pid_t pid, pid_t *parent, uint64_t *utime, uint64_t *stime)
{
    int                  fd;
    char                 path[64], text[1024], *p;
    long                 ppid;
    ssize_t              n;
    unsigned long long   ut, st;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);

    fd = open(path, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return LOAD_ERROR;
    }

    n = read(fd, text, sizeof(text) - 1);
    close(fd);

    if (n <= 0) {
        return LOAD_ERROR;
    }

    text[n] = '\0';

    /* the name of a program may contain anything */

    p = strrchr(text, ')');

    if (p == NULL
        || sscanf(p + 1, " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u"
                         " %llu %llu", &ppid, &ut, &st)
           != 3)
    {
        return LOAD_ERROR;
    }

    *parent = (pid_t) ppid;
    *utime = ut;
    *stime = st;

    return LOAD_OK;
}


static load_pair_t *
load_process_list(uint32_t *n)
{
    DIR            *dir;
    pid_t           pid, parent;
    uint32_t        size;
    uint64_t        ut, st;
    load_pair_t    *list, *p;
    struct dirent  *de;

    *n = 0;
    size = 0;
    list = NULL;

    dir = opendir("/proc");
    if (dir == NULL) {
        return NULL;
    }

    while ((de = readdir(dir)) != NULL) {
        pid = (pid_t) strtol(de->d_name, NULL, 10);

        if (pid <= 0 || load_stat_read(pid, &parent, &ut, &st) != LOAD_OK) {
            continue;
        }

        if (*n == size) {
            size = size ? 2 * size : 256;

            p = realloc(list, size * sizeof(load_pair_t));
            if (p == NULL) {
                break;
            }

            list = p;
        }

        list[*n].pid = pid;
        list[*n].parent = parent;
        (*n)++;
    }

    closedir(dir);

    return list;
}


static int
load_usage_add(load_usage_t *u, pid_t pid)
{
    pid_t             parent;
    uint32_t          i;
    clockid_t         clock;
    load_process_t   *p;
    struct timespec   t;

    for (i = 0; i < u->n; i++) {
        if (u->processes[i].pid == pid) {
            return LOAD_OK;
        }
    }

    p = realloc(u->processes, (u->n + 1) * sizeof(load_process_t));
    if (p == NULL) {
        return LOAD_ERROR;
    }

    u->processes = p;
    p += u->n;
    p->pid = pid;

    if (load_stat_read(pid, &parent, &p->utime, &p->stime) != LOAD_OK
        || clock_getcpuclockid(pid, &clock) != 0
        || clock_gettime(clock, &t) != 0)
    {
        return LOAD_ERROR;
    }

    p->ns = (uint64_t) t.tv_sec * 1000000000 + t.tv_nsec;
    u->n++;

    return LOAD_OK;
}


/* "pids" is a list with commas; one of those that are named must not be gone */

int
load_usage_read(const char *pids, load_usage_t *u)
{
    int           rc;
    char         *end;
    uint32_t      i, k, n;
    const char   *p;
    load_pair_t  *list;

    u->n = 0;
    u->processes = NULL;
    rc = LOAD_OK;

    if (pids == NULL) {
        return LOAD_OK;
    }

    for (p = pids; *p; p = *end ? end + 1 : end) {

        if (load_usage_add(u, (pid_t) strtol(p, &end, 10)) != LOAD_OK
            || (*end && *end != ','))
        {
            load_fail("no process %.*s", (int) strcspn(p, ","), p);
            return LOAD_ERROR;
        }
    }

    list = load_process_list(&n);

    /* the list grows by the children of those in it */

    for (i = 0; i < u->n; i++) {
        for (k = 0; k < n; k++) {
            if (list[k].parent == u->processes[i].pid) {
                (void) load_usage_add(u, list[k].pid);
            }
        }
    }

    free(list);

    return rc;
}


void
load_usage_spent(load_usage_t *from, load_usage_t *to, load_spent_t *spent)
{
    double           tick;
    uint32_t         i, k;
    load_process_t   none, *a, *b;

    memset(spent, 0, sizeof(load_spent_t));
    memset(&none, 0, sizeof(none));

    tick = 1e6 / sysconf(_SC_CLK_TCK);

    for (i = 0; i < to->n; i++) {
        b = &to->processes[i];
        a = &none;

        for (k = 0; k < from->n; k++) {
            if (from->processes[k].pid == b->pid) {
                a = &from->processes[k];
            }
        }

        spent->us += (b->ns - a->ns) / 1e3;
        spent->user_us += (b->utime - a->utime) * tick;
        spent->system_us += (b->stime - a->stime) * tick;
    }

    for (k = 0; k < from->n; k++) {

        for (i = 0; i < to->n; i++) {
            if (from->processes[k].pid == to->processes[i].pid) {
                break;
            }
        }

        spent->gone += (i == to->n);
    }
}


void
load_usage_free(load_usage_t *u)
{
    free(u->processes);
    u->processes = NULL;
    u->n = 0;
}


/* in kilobytes */

int
load_memory_read(const char *pids, uint64_t *pss, uint64_t *private)
{
    FILE                *file;
    char                 path[64], line[256];
    uint32_t             i;
    load_usage_t         u;
    unsigned long long   kb;

    *pss = 0;
    *private = 0;

    if (load_usage_read(pids, &u) != LOAD_OK) {
        return LOAD_ERROR;
    }

    for (i = 0; i < u.n; i++) {
        snprintf(path, sizeof(path), "/proc/%d/smaps_rollup",
                 (int) u.processes[i].pid);

        file = fopen(path, "r");
        if (file == NULL) {
            continue;
        }

        while (fgets(line, sizeof(line), file)) {

            if (sscanf(line, "Pss: %llu", &kb) == 1) {
                *pss += kb;

            } else if (sscanf(line, "Private_Clean: %llu", &kb) == 1
                       || sscanf(line, "Private_Dirty: %llu", &kb) == 1)
            {
                *private += kb;
            }
        }

        fclose(file);
    }

    load_usage_free(&u);

    return LOAD_OK;
}


/* the number of sockets of each process, to see how connections spread */

uint32_t
load_sockets_read(const char *pids, uint32_t *counts, uint32_t n)
{
    DIR            *dir;
    char            path[64], link[64];
    uint32_t        i;
    load_usage_t    u;
    struct dirent  *de;

    if (load_usage_read(pids, &u) != LOAD_OK) {
        return 0;
    }

    n = load_min(n, u.n);

    for (i = 0; i < n; i++) {
        counts[i] = 0;

        snprintf(path, sizeof(path), "/proc/%d/fd",
                 (int) u.processes[i].pid);

        dir = opendir(path);
        if (dir == NULL) {
            continue;
        }

        while ((de = readdir(dir)) != NULL) {

            if (readlinkat(dirfd(dir), de->d_name, link, sizeof(link)) > 7
                && memcmp(link, "socket:", 7) == 0)
            {
                counts[i]++;
            }
        }

        closedir(dir);
    }

    load_usage_free(&u);

    return n;
}
