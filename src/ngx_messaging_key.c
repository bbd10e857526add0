
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_key.h"


#define ngx_messaging_key_rotate(x, n)  (((x) << (n)) | ((x) >> (64 - (n))))


static uint64_t ngx_messaging_key_word(u_char *p, size_t n);
static void ngx_messaging_key_round(uint64_t *v);


/* SipHash-2-4, Aumasson and Bernstein, 2012 */

uint64_t
ngx_messaging_key_hash(u_char *seed, u_char *p, size_t len)
{
    size_t      left;
    uint64_t    m, k0, k1, v[4];
    ngx_uint_t  i;

    k0 = ngx_messaging_key_word(seed, 8);
    k1 = ngx_messaging_key_word(seed + 8, 8);

    v[0] = k0 ^ 0x736f6d6570736575ULL;
    v[1] = k1 ^ 0x646f72616e646f6dULL;
    v[2] = k0 ^ 0x6c7967656e657261ULL;
    v[3] = k1 ^ 0x7465646279746573ULL;

    left = len;

    for ( ;; ) {

        if (left < 8) {
            m = ngx_messaging_key_word(p, left) | (uint64_t) len << 56;

        } else {
            m = ngx_messaging_key_word(p, 8);
        }

        v[3] ^= m;
        ngx_messaging_key_round(v);
        ngx_messaging_key_round(v);
        v[0] ^= m;

        if (left < 8) {
            break;
        }

        p += 8;
        left -= 8;
    }

    v[2] ^= 0xff;

    for (i = 0; i < 4; i++) {
        ngx_messaging_key_round(v);
    }

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


static uint64_t
ngx_messaging_key_word(u_char *p, size_t n)
{
    uint64_t  word;

    word = 0;

    while (n--) {
        word = word << 8 | p[n];
    }

    return word;
}


static void
ngx_messaging_key_round(uint64_t *v)
{
    v[0] += v[1];
    v[1] = ngx_messaging_key_rotate(v[1], 13) ^ v[0];
    v[0] = ngx_messaging_key_rotate(v[0], 32);

    v[2] += v[3];
    v[3] = ngx_messaging_key_rotate(v[3], 16) ^ v[2];

    v[0] += v[3];
    v[3] = ngx_messaging_key_rotate(v[3], 21) ^ v[0];

    v[2] += v[1];
    v[1] = ngx_messaging_key_rotate(v[1], 17) ^ v[2];
    v[2] = ngx_messaging_key_rotate(v[2], 32);
}


uint64_t
ngx_messaging_key_text(u_char *seed, ngx_str_t *text)
{
    uint64_t  key;

    key = ngx_messaging_key_hash(seed, text->data, text->len);

    return ngx_max(key, NGX_MESSAGING_KEY_MIN);
}


uint64_t
ngx_messaging_key_address(u_char *seed, struct sockaddr *sockaddr)
{
    ngx_str_t             bytes;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sockaddr->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sockaddr;

        bytes.data = (u_char *) &sin->sin_addr;
        bytes.len = 4;
        break;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sockaddr;

        bytes.data = sin6->sin6_addr.s6_addr;
        bytes.len = 8;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            bytes.data += 12;
            bytes.len = 4;
        }

        break;
#endif

    default:
        return 0;
    }

    return ngx_messaging_key_text(seed, &bytes);
}
