
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_key.c"
#include "../../src/ngx_messaging_counts.c"
#include "unit.h"

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/wait.h>


#define BITS   12
#define SIZE   (1 << BITS)
#define LIVE   (SIZE / 2)
#define CHURN  400000


static void key_vectors(void);
static void key_addresses(void);
static uint64_t key_of(const char *address);
static void counts_simple(void);
static void counts_chains(void);
static void counts_full(void);
static void counts_churn(void);
static void counts_reader(void);
static int counts_read(ngx_messaging_counts_t *t, ngx_atomic_t *stop,
    uint64_t *fixed, ngx_uint_t n);
static ngx_uint_t counts_longest(ngx_messaging_counts_t *t);
static uint64_t number(void);


static u_char                 seed[NGX_MESSAGING_KEY_SEED];
static ngx_messaging_count_t  elts[SIZE];
static ngx_atomic_t           moves;
static uint64_t               live[LIVE];


int
main(void)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(seed); i++) {
        seed[i] = i;
    }

    key_vectors();
    key_addresses();
    counts_simple();
    counts_chains();
    counts_full();
    counts_churn();
    counts_reader();

    return unit_done();
}


/* of the paper, appendix A, and of its reference implementation */

static void
key_vectors(void)
{
    u_char      text[64];
    ngx_str_t   empty;
    ngx_uint_t  i;

    for (i = 0; i < sizeof(text); i++) {
        text[i] = i;
    }

    unit_ok(ngx_messaging_key_hash(seed, text, 0) == 0x726fdb47dd0e0e31ULL,
            "SipHash-2-4 of nothing");
    unit_ok(ngx_messaging_key_hash(seed, text, 1) == 0x74f839c593dc67fdULL,
            "of a byte");
    unit_ok(ngx_messaging_key_hash(seed, text, 8) == 0x93f5f5799a932462ULL,
            "of a word");
    unit_ok(ngx_messaging_key_hash(seed, text, 15) == 0xa129ca6149be45e5ULL,
            "of 15 bytes");
    unit_ok(ngx_messaging_key_hash(seed, text, 63) == 0x958a324ceb064572ULL,
            "of 63 bytes");

    ngx_str_null(&empty);
    unit_ok(ngx_messaging_key_text(seed, &empty) >= NGX_MESSAGING_KEY_MIN,
            "an empty text has a key");
}


static void
key_addresses(void)
{
    struct sockaddr  local;

    unit_ok(key_of("10.0.0.1") != key_of("10.0.0.2"), "two IPv4 addresses");
    unit_ok(key_of("10.0.0.1") == key_of("::ffff:10.0.0.1"),
            "IPv4 within IPv6 is IPv4");
    unit_ok(key_of("10.0.0.2") != key_of("::ffff:10.0.0.1"),
            "and not any other");
    unit_ok(key_of("2001:db8:1:2::1")
            == key_of("2001:db8:1:2:ffff:ffff:ffff:ffff"),
            "IPv6 counts by its network of 64 bits");
    unit_ok(key_of("2001:db8:1:2::1") != key_of("2001:db8:1:3::1"),
            "two networks");
    unit_ok(key_of("10.0.0.1") != key_of("a00:1::1"),
            "an IPv6 network that begins like an IPv4 address");
    unit_ok(key_of("::1") != 0, "a network of zeros has a key");

    memset(&local, 0, sizeof(local));
    local.sa_family = AF_UNIX;

    unit_ok(ngx_messaging_key_address(seed, &local) == 0,
            "a unix socket has none");
}


static uint64_t
key_of(const char *address)
{
    struct sockaddr_in   sin;
    struct sockaddr_in6  sin6;

    memset(&sin, 0, sizeof(sin));
    memset(&sin6, 0, sizeof(sin6));

    sin.sin_family = AF_INET;
    sin.sin_port = number();
    sin6.sin6_family = AF_INET6;
    sin6.sin6_port = number();

    if (inet_pton(AF_INET, address, &sin.sin_addr) == 1) {
        return ngx_messaging_key_address(seed, (struct sockaddr *) &sin);
    }

    if (inet_pton(AF_INET6, address, &sin6.sin6_addr) != 1) {
        return 0;
    }

    return ngx_messaging_key_address(seed, (struct sockaddr *) &sin6);
}


static void
counts_simple(void)
{
    ngx_uint_t              i, n;
    ngx_messaging_counts_t  t;

    unit_int(ngx_messaging_counts_bits(0), 8, "a table is a page at least");
    unit_int(ngx_messaging_counts_bits(128), 8, "128 keys fill half of it");
    unit_int(ngx_messaging_counts_bits(129), 9, "129 need twice as much");
    unit_int(ngx_messaging_counts_size(8), 4096, "a page in bytes");

    memset(elts, 0, sizeof(elts));
    ngx_messaging_counts_init(&t, elts, BITS, &moves);

    unit_int(ngx_messaging_counts_get(&t, 77), 0, "nothing is there");

    n = 0;

    for (i = 0; i < 3; i++) {
        n += ngx_messaging_counts_add(&t, 77) == NGX_OK;
    }

    unit_int(n, 3, "a key three times");
    unit_int(ngx_messaging_counts_get(&t, 77), 3, "it counts 3");
    unit_int(t.used, 1, "and takes one entry");
    unit_int(ngx_messaging_counts_get(&t, 77 + SIZE), 0,
             "another key of that place counts 0");

    ngx_messaging_counts_sub(&t, 77 + SIZE);
    ngx_messaging_counts_sub(&t, 77);
    unit_int(ngx_messaging_counts_get(&t, 77), 2, "it counts 2");

    ngx_messaging_counts_sub(&t, 77);
    ngx_messaging_counts_sub(&t, 77);
    ngx_messaging_counts_sub(&t, 77);

    unit_int(ngx_messaging_counts_get(&t, 77), 0, "it is gone, and not below");
    unit_int(t.used, 0, "its entry is free");
}


/* each order of removing from chains that meet, also around the end */

static void
counts_chains(void)
{
    ngx_uint_t              i, j, k, n, wrong;
    ngx_messaging_counts_t  t;

    static uint64_t  keys[] = {
        SIZE - 2, 2 * SIZE - 2, 3 * SIZE - 2, SIZE - 1, 2 * SIZE - 1,
        SIZE, 2 * SIZE, SIZE + 3
    };

    n = sizeof(keys) / sizeof(keys[0]);
    wrong = 0;

    memset(elts, 0, sizeof(elts));
    ngx_messaging_counts_init(&t, elts, BITS, &moves);

    for (i = 0; i < n * n * n; i++) {

        for (j = 0; j < n; j++) {
            for (k = 0; k <= j; k++) {
                wrong += ngx_messaging_counts_add(&t, keys[j]) != NGX_OK;
            }
        }

        /* three of them go, in each order, then the others */

        for (j = 0; j < 3; j++) {
            k = (j == 0) ? i % n : (j == 1) ? i / n % n : i / n / n;

            while (ngx_messaging_counts_get(&t, keys[k])) {
                ngx_messaging_counts_sub(&t, keys[k]);
            }
        }

        for (j = 0; j < n; j++) {
            k = (j == i % n || j == i / n % n || j == i / n / n) ? 0 : j + 1;
            wrong += ngx_messaging_counts_get(&t, keys[j]) != k;

            while (k--) {
                ngx_messaging_counts_sub(&t, keys[j]);
            }
        }

        wrong += t.used != 0;
    }

    unit_int(wrong, 0, "chains that meet, in each order");
}


static void
counts_full(void)
{
    ngx_uint_t              i, n;
    ngx_messaging_counts_t  t;

    memset(elts, 0, sizeof(elts));
    ngx_messaging_counts_init(&t, elts, BITS, &moves);

    n = 0;

    for (i = 0; i < SIZE + 10; i++) {
        n += ngx_messaging_counts_add(&t, 1000 + 3 * i) == NGX_OK;
    }

    unit_int(n, SIZE - 1, "a table takes all keys but one");
    unit_int(ngx_messaging_counts_add(&t, 1000), NGX_OK,
             "a key that is there still counts");
    unit_int(ngx_messaging_counts_get(&t, 1000), 2, "it does");
    unit_int(ngx_messaging_counts_get(&t, 999), 0,
             "a key that is not there is not found");

    ngx_messaging_counts_sub(&t, 1003);
    unit_int(ngx_messaging_counts_add(&t, 999), NGX_OK,
             "one went, one may come");

    ngx_messaging_counts_sub(&t, 1000);
    ngx_messaging_counts_sub(&t, 999);

    for (i = 0; i < SIZE + 10; i++) {
        ngx_messaging_counts_sub(&t, 1000 + 3 * i);
    }

    unit_int(t.used, 0, "all of them went");

    n = 0;

    for (i = 0; i < SIZE; i++) {
        n += elts[i].key != 0 || elts[i].n != 0;
    }

    unit_int(n, 0, "and left nothing behind");
}


/* a worker at its limit for a long time: every connection is a new user */

static void
counts_churn(void)
{
    ngx_uint_t              i, j, wrong, before, after;
    ngx_messaging_counts_t  t;

    memset(elts, 0, sizeof(elts));
    ngx_messaging_counts_init(&t, elts, BITS, &moves);

    for (i = 0; i < LIVE; i++) {
        live[i] = number();
        (void) ngx_messaging_counts_add(&t, live[i]);
    }

    before = counts_longest(&t);
    wrong = 0;

    for (i = 0; i < CHURN; i++) {
        j = number() % LIVE;

        wrong += ngx_messaging_counts_get(&t, live[j]) != 1;
        ngx_messaging_counts_sub(&t, live[j]);
        wrong += ngx_messaging_counts_get(&t, live[j]) != 0;

        live[j] = number();
        wrong += ngx_messaging_counts_add(&t, live[j]) != NGX_OK;
    }

    unit_int(wrong, 0, "every key is found while others come and go");
    unit_int(t.used, LIVE, "no entry is lost");

    after = counts_longest(&t);

    unit_ok(after < 4 * before + 32, "chains do not grow: %d, then %d",
            (int) before, (int) after);
}


static ngx_uint_t
counts_longest(ngx_messaging_counts_t *t)
{
    ngx_uint_t  i, n, longest;

    n = 0;
    longest = 0;

    for (i = 0; i < 2 * (t->mask + 1); i++) {
        n = t->elts[i & t->mask].key ? n + 1 : 0;
        longest = ngx_max(longest, n);
    }

    return longest;
}


/* keys that stay are seen with their number by another process, all the time
   while those around them come, go and move them */

static void
counts_reader(void)
{
    int                      status;
    pid_t                    pid;
    uint64_t                 fixed[16];
    ngx_uint_t               i, j;
    ngx_atomic_t            *shared, *stop;
    ngx_messaging_counts_t   t;

    shared = mmap(NULL, 2 * 4096, PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANON, -1, 0);

    if (!unit_ok(shared != MAP_FAILED, "memory for two processes")) {
        return;
    }

    ngx_messaging_counts_init(&t, (u_char *) shared + 4096, 8, &shared[0]);
    stop = &shared[1];

    /* behind others of their chains, so that they are moved */

    for (i = 0; i < 100; i++) {
        live[i] = number();
        (void) ngx_messaging_counts_add(&t, live[i]);
    }

    for (i = 0; i < 16; i++) {
        fixed[i] = live[6 * i] + (1 << 20);

        for (j = 0; j <= i; j++) {
            (void) ngx_messaging_counts_add(&t, fixed[i]);
        }
    }

    pid = fork();

    if (pid == 0) {
        _exit(counts_read(&t, stop, fixed, 16));
    }

    for (i = 0; i < CHURN; i++) {
        j = number() % 100;

        ngx_messaging_counts_sub(&t, live[j]);

        /* most go to the chains of those that stay */

        live[j] = number();

        if (i & 7) {
            live[j] = (live[j] & ~(uint64_t) 255)
                      | (fixed[live[j] & 15] & 255);
        }

        (void) ngx_messaging_counts_add(&t, live[j]);
    }

    *stop = 1;

    status = -1;
    (void) waitpid(pid, &status, 0);

    unit_int(status, 0, "a reader always sees what stays");
    unit_ok(shared[0] > 1000, "and it was moved %d times", (int) shared[0]);

    (void) munmap((void *) shared, 2 * 4096);
}


static int
counts_read(ngx_messaging_counts_t *t, ngx_atomic_t *stop, uint64_t *fixed,
    ngx_uint_t n)
{
    ngx_uint_t  i;

    do {
        for (i = 0; i < n; i++) {
            if (ngx_messaging_counts_get(t, fixed[i]) != i + 1) {
                return 1;
            }
        }

    } while (!*stop);

    return 0;
}


static uint64_t
number(void)
{
    static uint64_t  x = 88172645463325252ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;

    return ngx_max(x, NGX_MESSAGING_KEY_MIN);
}
