
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_wake.h"

#if (NGX_HAVE_EVENTFD)
#include <sys/eventfd.h>
#endif


#if (NGX_HAVE_EVENTFD)
static void ngx_messaging_wake_close(ngx_uint_t n);
#endif


/*
 * Of the zone that is in use in this process, by inheritance: a worker that
 * has been there before others were made must not write to their numbers.
 */

static ngx_uint_t  ngx_messaging_wake_nfds;
static int         ngx_messaging_wake_fds[NGX_MESSAGING_WAKE_WORKERS];


void
ngx_messaging_wake_open(ngx_messaging_wake_t *wake, ngx_uint_t n,
    ngx_log_t *log)
{
#if (NGX_HAVE_EVENTFD)

    int         fd;
    ngx_uint_t  had;

    if (!wake->made) {
        ngx_messaging_wake_close(0);
        wake->made = 1;
    }

    had = ngx_messaging_wake_nfds;
    n = ngx_min(n, NGX_MESSAGING_WAKE_WORKERS);

    while (ngx_messaging_wake_nfds < n) {
        fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (fd == -1) {
            ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                          "eventfd() failed, workers beyond the first %ui "
                          "cannot be woken", had);

            /* the master needs some to have workers at all */

            ngx_messaging_wake_close(had);
            return;
        }

        ngx_messaging_wake_fds[ngx_messaging_wake_nfds++] = fd;
    }

#endif
}


#if (NGX_HAVE_EVENTFD)

static void
ngx_messaging_wake_close(ngx_uint_t n)
{
    while (ngx_messaging_wake_nfds > n) {
        (void) close(ngx_messaging_wake_fds[--ngx_messaging_wake_nfds]);
    }
}

#endif


int
ngx_messaging_wake_claim(ngx_messaging_wake_t *wake, ngx_uint_t n)
{
    uint64_t  used;

    ngx_messaging_wake_leave(wake, n);

    used = __atomic_load_n(&wake->used, __ATOMIC_RELAXED);

    while (used <= n
           && !__atomic_compare_exchange_n(&wake->used, &used, n + 1, 0,
                                           __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED))
    {
        /* void */
    }

    /* the one before may have been woken, and killed before it looked */

    ngx_messaging_wake_taken(wake, n);

    return n < ngx_messaging_wake_nfds ? ngx_messaging_wake_fds[n] : -1;
}


void
ngx_messaging_wake_leave(ngx_messaging_wake_t *wake, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESSAGING_WAKE_HASHES / 64; i++) {
        __atomic_store_n(&wake->workers[n].wanted[i], 0, __ATOMIC_RELAXED);
    }
}


void
ngx_messaging_wake_want(ngx_messaging_wake_t *wake, ngx_uint_t n,
    uint32_t hash, ngx_uint_t on)
{
    uint64_t  *word, bit, bits;

    hash %= NGX_MESSAGING_WAKE_HASHES;
    word = &wake->workers[n].wanted[hash / 64];
    bit = (uint64_t) 1 << hash % 64;

    bits = __atomic_load_n(word, __ATOMIC_RELAXED);
    bits = on ? bits | bit : bits & ~bit;

    __atomic_store_n(word, bits, __ATOMIC_RELAXED);

    /* with that of ngx_messaging_wake_find(): one of both sees the other */

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}


void
ngx_messaging_wake_find(ngx_messaging_wake_t *wake, uint32_t hash,
    ngx_messaging_wake_set_t *set)
{
    uint64_t    used, word;
    ngx_uint_t  i;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    hash %= NGX_MESSAGING_WAKE_HASHES;
    used = __atomic_load_n(&wake->used, __ATOMIC_RELAXED);

    for (i = 0; i < used; i++) {
        word = __atomic_load_n(&wake->workers[i].wanted[hash / 64],
                               __ATOMIC_RELAXED);

        set->bits[i / 64] |= (word >> hash % 64 & 1) << i % 64;
    }
}


void
ngx_messaging_wake_all(ngx_messaging_wake_t *wake,
    ngx_messaging_wake_set_t *set)
{
    uint64_t    used;
    ngx_uint_t  i;

    used = __atomic_load_n(&wake->used, __ATOMIC_RELAXED);

    for (i = 0; i < used; i++) {
        set->bits[i / 64] |= (uint64_t) 1 << i % 64;
    }
}


void
ngx_messaging_wake_send(ngx_messaging_wake_t *wake,
    ngx_messaging_wake_set_t *set, ngx_uint_t own)
{
    uint64_t    bits;
    ngx_uint_t  i, n;

    for (i = 0; i < NGX_MESSAGING_WAKE_WORKERS / 64; i++) {

        for (bits = set->bits[i]; bits; bits &= bits - 1) {
            n = i * 64 + __builtin_ctzll(bits);

            if (n == own || n >= ngx_messaging_wake_nfds
                || __atomic_exchange_n(&wake->workers[n].pending, 1,
                                       __ATOMIC_SEQ_CST))
            {
                continue;
            }

#if (NGX_HAVE_EVENTFD)
            (void) eventfd_write(ngx_messaging_wake_fds[n], 1);
#endif
        }

        set->bits[i] = 0;
    }
}


void
ngx_messaging_wake_taken(ngx_messaging_wake_t *wake, ngx_uint_t n)
{
#if (NGX_HAVE_EVENTFD)
    eventfd_t  value;

    if (n < ngx_messaging_wake_nfds) {
        (void) eventfd_read(ngx_messaging_wake_fds[n], &value);
    }
#endif

    (void) __atomic_exchange_n(&wake->workers[n].pending, 0, __ATOMIC_SEQ_CST);
}


ngx_uint_t
ngx_messaging_wake_missed(ngx_messaging_wake_t *wake, ngx_uint_t n)
{
    if (__atomic_load_n(&wake->workers[n].pending, __ATOMIC_RELAXED) == 0) {
        return 0;
    }

    ngx_messaging_wake_taken(wake, n);

    return 1;
}
