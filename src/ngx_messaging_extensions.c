
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging_extensions.h"


/*
 * The grammar is that of RFC 6455, section 9.1, read once from left to right:
 *
 *     extension-list  = 1#extension
 *     extension       = token *( ";" extension-param )
 *     extension-param = token [ "=" ( token | quoted-string ) ]
 *
 * with white space between any two of them, and empty elements in the list,
 * as RFC 2616, section 2.1, has it.  Names are literals of a grammar, and so
 * of any case.
 */


#define NGX_MESSAGING_EXTENSIONS_SERVER_RESET  0
#define NGX_MESSAGING_EXTENSIONS_CLIENT_RESET  1
#define NGX_MESSAGING_EXTENSIONS_SERVER_BITS   2
#define NGX_MESSAGING_EXTENSIONS_CLIENT_BITS   3
#define NGX_MESSAGING_EXTENSIONS_LAST          4

/* the longest value of a parameter that means something */
#define NGX_MESSAGING_EXTENSIONS_VALUE         2


typedef struct {
    ngx_uint_t    seen;                /* of the parameters, a set of bits */
    ngx_uint_t    bits[NGX_MESSAGING_EXTENSIONS_LAST];
} ngx_messaging_extensions_offer_t;


typedef struct {
    ngx_uint_t    given;
    size_t        len;                 /* may be more than is kept */
    u_char        data[NGX_MESSAGING_EXTENSIONS_VALUE];
} ngx_messaging_extensions_value_t;


static ngx_int_t ngx_messaging_extensions_offer(u_char **pos, u_char *last,
    ngx_messaging_extensions_offer_t *offer);
static ngx_int_t ngx_messaging_extensions_param(u_char **pos, u_char *last,
    ngx_str_t *name, ngx_messaging_extensions_value_t *value);
static ngx_int_t ngx_messaging_extensions_value(u_char **pos, u_char *last,
    ngx_messaging_extensions_value_t *value);
static ngx_int_t ngx_messaging_extensions_check(
    ngx_messaging_extensions_offer_t *offer, ngx_str_t *name,
    ngx_messaging_extensions_value_t *value);
static ngx_uint_t ngx_messaging_extensions_bits(
    ngx_messaging_extensions_value_t *value);
static void ngx_messaging_extensions_agree(
    ngx_messaging_extensions_offer_t *offer,
    ngx_messaging_extensions_t *granted, ngx_messaging_extensions_t *agreed);
static void ngx_messaging_extensions_token(u_char **pos, u_char *last,
    ngx_str_t *token);
static void ngx_messaging_extensions_space(u_char **pos, u_char *last);
static void ngx_messaging_extensions_skip(u_char **pos, u_char *last);
static ngx_uint_t ngx_messaging_extensions_is(ngx_str_t *name,
    const char *text);
static ngx_uint_t ngx_messaging_extensions_char(u_char ch);
static u_char *ngx_messaging_extensions_add(u_char *p, const char *text);


/* in the order of the answer, and of the numbers above */

static const char  *ngx_messaging_extensions_names[] = {
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits"
};


ngx_int_t
ngx_messaging_extensions_accept(ngx_str_t *value,
    ngx_messaging_extensions_t *granted, ngx_messaging_extensions_t *agreed)
{
    u_char                            *p, *last;
    ngx_int_t                          rc;
    ngx_messaging_extensions_offer_t   offer;

    p = value->data;
    last = p + value->len;

    while (p < last) {

        rc = ngx_messaging_extensions_offer(&p, last, &offer);

        if (rc == NGX_OK) {
            ngx_messaging_extensions_agree(&offer, granted, agreed);
            return NGX_OK;
        }

        /* up to and with the comma in front of the next one */

        ngx_messaging_extensions_skip(&p, last);
    }

    return NGX_DECLINED;
}


/* NGX_DECLINED leaves *pos somewhere in the offer, but not within quotes */

static ngx_int_t
ngx_messaging_extensions_offer(u_char **pos, u_char *last,
    ngx_messaging_extensions_offer_t *offer)
{
    ngx_str_t                         name;
    ngx_messaging_extensions_value_t  value;

    ngx_memzero(offer, sizeof(ngx_messaging_extensions_offer_t));

    ngx_messaging_extensions_space(pos, last);
    ngx_messaging_extensions_token(pos, last, &name);

    if (!ngx_messaging_extensions_is(&name, "permessage-deflate")) {
        return NGX_DECLINED;
    }

    for ( ;; ) {

        ngx_messaging_extensions_space(pos, last);

        if (*pos == last || **pos == ',') {
            return NGX_OK;
        }

        if (**pos != ';') {
            return NGX_DECLINED;
        }

        (*pos)++;

        if (ngx_messaging_extensions_param(pos, last, &name, &value) != NGX_OK
            || ngx_messaging_extensions_check(offer, &name, &value) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }
}


static ngx_int_t
ngx_messaging_extensions_param(u_char **pos, u_char *last, ngx_str_t *name,
    ngx_messaging_extensions_value_t *value)
{
    value->given = 0;
    value->len = 0;

    ngx_messaging_extensions_space(pos, last);
    ngx_messaging_extensions_token(pos, last, name);

    if (name->len == 0) {
        return NGX_DECLINED;
    }

    ngx_messaging_extensions_space(pos, last);

    if (*pos == last || **pos != '=') {
        return NGX_OK;
    }

    (*pos)++;

    ngx_messaging_extensions_space(pos, last);

    value->given = 1;

    return ngx_messaging_extensions_value(pos, last, value);
}


/* what a quoted-string says without its quotes has to be a token as well */

static ngx_int_t
ngx_messaging_extensions_value(u_char **pos, u_char *last,
    ngx_messaging_extensions_value_t *value)
{
    u_char     *p;
    ngx_int_t   rc;
    ngx_uint_t  quoted;

    p = *pos;
    rc = NGX_OK;
    quoted = (p < last && *p == '"');
    p += quoted;

    for ( /* void */ ; p < last; p++) {

        if (quoted && *p == '"') {
            break;
        }

        if (quoted && *p == '\\' && ++p == last) {
            break;
        }

        if (!ngx_messaging_extensions_char(*p)) {

            if (!quoted) {
                break;
            }

            rc = NGX_DECLINED;
        }

        if (value->len < NGX_MESSAGING_EXTENSIONS_VALUE) {
            value->data[value->len] = *p;
        }

        value->len++;
    }

    if (quoted) {

        if (p == last) {
            rc = NGX_DECLINED;

        } else {
            p++;
        }
    }

    *pos = p;

    return value->len ? rc : NGX_DECLINED;
}


static ngx_int_t
ngx_messaging_extensions_check(ngx_messaging_extensions_offer_t *offer,
    ngx_str_t *name, ngx_messaging_extensions_value_t *value)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESSAGING_EXTENSIONS_LAST; i++) {
        if (ngx_messaging_extensions_is(name,
                                        ngx_messaging_extensions_names[i]))
        {
            break;
        }
    }

    if (i == NGX_MESSAGING_EXTENSIONS_LAST || (offer->seen & (1 << i))) {
        return NGX_DECLINED;
    }

    offer->seen |= 1 << i;

    if (i < NGX_MESSAGING_EXTENSIONS_SERVER_BITS) {
        return value->given ? NGX_DECLINED : NGX_OK;
    }

    /* RFC 7692, section 7.1.2: only the server's must have a value */

    if (!value->given) {
        offer->bits[i] = NGX_MESSAGING_EXTENSIONS_MAX_BITS;

        return i == NGX_MESSAGING_EXTENSIONS_CLIENT_BITS ? NGX_OK
                                                         : NGX_DECLINED;
    }

    offer->bits[i] = ngx_messaging_extensions_bits(value);

    return offer->bits[i] ? NGX_OK : NGX_DECLINED;
}


/* a decimal without leading zeros; 0 if it is no window of ours */

static ngx_uint_t
ngx_messaging_extensions_bits(ngx_messaging_extensions_value_t *value)
{
    if (value->len == 1 && value->data[0] == '9') {
        return 9;
    }

    if (value->len == 2 && value->data[0] == '1'
        && value->data[1] >= '0' && value->data[1] <= '5')
    {
        return 10 + value->data[1] - '0';
    }

    return 0;
}


static void
ngx_messaging_extensions_agree(ngx_messaging_extensions_offer_t *offer,
    ngx_messaging_extensions_t *granted, ngx_messaging_extensions_t *agreed)
{
    ngx_uint_t  bits;

    /* section 7.1.1: what the client asks for is binding, ours may be more */

    agreed->server_takeover = granted->server_takeover
              && !(offer->seen & (1 << NGX_MESSAGING_EXTENSIONS_SERVER_RESET));
    agreed->client_takeover = granted->client_takeover
              && !(offer->seen & (1 << NGX_MESSAGING_EXTENSIONS_CLIENT_RESET));

    /* section 7.1.2.1: the same or less; less may be said unasked */

    bits = offer->bits[NGX_MESSAGING_EXTENSIONS_SERVER_BITS];

    agreed->server_bits = bits ? ngx_min(bits, granted->server_bits)
                               : granted->server_bits;
    agreed->say_server = bits != 0
              || agreed->server_bits < NGX_MESSAGING_EXTENSIONS_MAX_BITS;

    /* section 7.1.2.2: a client that did not offer it cannot be limited */

    bits = offer->bits[NGX_MESSAGING_EXTENSIONS_CLIENT_BITS];

    agreed->client_bits = bits ? ngx_min(bits, granted->client_bits)
                               : NGX_MESSAGING_EXTENSIONS_MAX_BITS;
    agreed->say_client = agreed->client_bits
                         < NGX_MESSAGING_EXTENSIONS_MAX_BITS;
}


static void
ngx_messaging_extensions_token(u_char **pos, u_char *last, ngx_str_t *token)
{
    u_char  *p;

    p = *pos;

    while (p < last && ngx_messaging_extensions_char(*p)) {
        p++;
    }

    token->data = *pos;
    token->len = p - *pos;

    *pos = p;
}


static void
ngx_messaging_extensions_space(u_char **pos, u_char *last)
{
    u_char  *p;

    p = *pos;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    *pos = p;
}


/* a comma in a quoted-string separates nothing */

static void
ngx_messaging_extensions_skip(u_char **pos, u_char *last)
{
    u_char      *p;
    ngx_uint_t   quoted;

    quoted = 0;

    for (p = *pos; p < last; p++) {

        if (*p == '"') {
            quoted = !quoted;

        } else if (quoted && *p == '\\' && p + 1 < last) {
            p++;

        } else if (!quoted && *p == ',') {
            *pos = p + 1;
            return;
        }
    }

    *pos = last;
}


static ngx_uint_t
ngx_messaging_extensions_is(ngx_str_t *name, const char *text)
{
    size_t  i;

    for (i = 0; i < name->len; i++) {
        if (text[i] == '\0' || ngx_tolower(name->data[i]) != (u_char) text[i])
        {
            return 0;
        }
    }

    return text[i] == '\0';
}


/* a character of a token, RFC 2616, section 2.2 */

static ngx_uint_t
ngx_messaging_extensions_char(u_char ch)
{
    if (ch <= ' ' || ch >= 0x7f) {
        return 0;
    }

    return ngx_strchr("()<>@,;:\\\"/[]?={}", ch) == NULL;
}


u_char *
ngx_messaging_extensions_write(u_char *p, ngx_messaging_extensions_t *agreed)
{
    ngx_uint_t  bits, i, said;

    p = ngx_messaging_extensions_add(p, "permessage-deflate");

    for (i = 0; i < NGX_MESSAGING_EXTENSIONS_LAST; i++) {

        bits = 0;

        switch (i) {

        case NGX_MESSAGING_EXTENSIONS_SERVER_RESET:
            said = !agreed->server_takeover;
            break;

        case NGX_MESSAGING_EXTENSIONS_CLIENT_RESET:
            said = !agreed->client_takeover;
            break;

        case NGX_MESSAGING_EXTENSIONS_SERVER_BITS:
            said = agreed->say_server;
            bits = agreed->server_bits;
            break;

        default: /* NGX_MESSAGING_EXTENSIONS_CLIENT_BITS */
            said = agreed->say_client;
            bits = agreed->client_bits;
            break;
        }

        if (!said) {
            continue;
        }

        p = ngx_messaging_extensions_add(p, "; ");
        p = ngx_messaging_extensions_add(p, ngx_messaging_extensions_names[i]);

        if (bits) {
            *p++ = '=';

            if (bits >= 10) {
                *p++ = '1';
            }

            *p++ = (u_char) ('0' + bits % 10);
        }
    }

    return p;
}


static u_char *
ngx_messaging_extensions_add(u_char *p, const char *text)
{
    while (*text) {
        *p++ = (u_char) *text++;
    }

    return p;
}
