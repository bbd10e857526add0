
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_url.h"


/* a name of DNS, or the text of an address, is never longer */
#define NGX_MESSAGING_URL_MAX_HOST  255


static ngx_uint_t ngx_messaging_url_starts(u_char *p, u_char *last,
    const char *text);
static const char *ngx_messaging_url_unix(ngx_messaging_url_t *url, u_char *p,
    u_char *last, u_char *buf);
static const char *ngx_messaging_url_inet(ngx_messaging_url_t *url, u_char *p,
    u_char *last, u_char *buf);
static const char *ngx_messaging_url_host(ngx_messaging_url_t *url, u_char *p,
    u_char *last, u_char **buf);
static const char *ngx_messaging_url_userinfo(ngx_messaging_url_t *url,
    u_char *p, u_char *last, u_char **buf);
static ngx_int_t ngx_messaging_url_decode(ngx_str_t *s, u_char *p,
    u_char *last, u_char **buf);
static ngx_int_t ngx_messaging_url_hex(u_char ch);
static ngx_int_t ngx_messaging_url_number(u_char *p, u_char *last,
    ngx_uint_t max);


const char *
ngx_messaging_url_parse(ngx_messaging_url_t *url, ngx_str_t *text,
    u_char *buf)
{
    u_char  *p, *last;

    ngx_memzero(url, sizeof(ngx_messaging_url_t));

    last = text->data + text->len;

    for (p = text->data; p < last; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            return "control character";
        }
    }

    p = text->data;

    if (ngx_messaging_url_starts(p, last, "redis://")) {
        return ngx_messaging_url_inet(url, p + sizeof("redis://") - 1, last,
                                      buf);
    }

    if (ngx_messaging_url_starts(p, last, "unix:")) {
        return ngx_messaging_url_unix(url, p, last, buf);
    }

    if (ngx_messaging_url_starts(p, last, "rediss://")) {
        return "\"rediss://\" (TLS) is not supported yet";
    }

    return "neither \"redis://\" nor \"unix:\"";
}


static ngx_uint_t
ngx_messaging_url_starts(u_char *p, u_char *last, const char *text)
{
    size_t  len;

    len = ngx_strlen(text);

    return (size_t) (last - p) >= len && ngx_strncmp(p, text, len) == 0;
}


static const char *
ngx_messaging_url_unix(ngx_messaging_url_t *url, u_char *p, u_char *last,
    u_char *buf)
{
#if (NGX_HAVE_UNIX_DOMAIN)

    u_char              *path, *query;
    ngx_int_t            db;
    struct sockaddr_un  *saun;

    path = p + sizeof("unix:") - 1;

    for (query = path; query < last && *query != '?'; query++) {
        /* void */
    }

    if (query == path) {
        return "no path of unix socket";
    }

    if ((size_t) (query - path) >= sizeof(saun->sun_path)) {
        return "too long path of unix socket";
    }

    if (query < last) {
        if (!ngx_messaging_url_starts(query, last, "?db=")) {
            return "invalid argument, only \"?db=\" is known";
        }

        db = ngx_messaging_url_number(query + sizeof("?db=") - 1, last,
                                      NGX_MESSAGING_URL_MAX_DB);
        if (db == NGX_ERROR) {
            return "invalid database number";
        }

        url->db = db;
    }

    url->name.data = buf;
    url->name.len = query - p;

    ngx_memcpy(buf, p, url->name.len);

    return NULL;

#else

    (void) url;
    (void) p;
    (void) last;
    (void) buf;

    return "unix sockets are not supported on this platform";

#endif
}


static const char *
ngx_messaging_url_inet(ngx_messaging_url_t *url, u_char *p, u_char *last,
    u_char *buf)
{
    u_char      *at, *host, *slash;
    ngx_int_t    db;
    const char  *err;

    at = NULL;

    for (slash = p; slash < last && *slash != '/'; slash++) {
        if (*slash == '@') {
            /* the last one: a "@" of the password may be not encoded */
            at = slash;
        }
    }

    host = p;

    if (at) {
        err = ngx_messaging_url_userinfo(url, p, at, &buf);
        if (err) {
            return err;
        }

        host = at + 1;
    }

    err = ngx_messaging_url_host(url, host, slash, &buf);
    if (err) {
        return err;
    }

    if (last - slash > 1) {
        db = ngx_messaging_url_number(slash + 1, last,
                                      NGX_MESSAGING_URL_MAX_DB);
        if (db == NGX_ERROR) {
            return "invalid database number";
        }

        url->db = db;
    }

    return NULL;
}


static const char *
ngx_messaging_url_userinfo(ngx_messaging_url_t *url, u_char *p, u_char *last,
    u_char **buf)
{
    u_char  *colon;

    for (colon = p; colon < last && *colon != ':'; colon++) { /* void */ }

    if (colon == last) {
        /* some clients take it for the user, some for the password */
        return "no \":\" between user and password";
    }

    if (ngx_messaging_url_decode(&url->user, p, colon, buf) != NGX_OK) {
        return "invalid user";
    }

    if (ngx_messaging_url_decode(&url->password, colon + 1, last, buf)
        != NGX_OK)
    {
        return "invalid password";
    }

    return NULL;
}


static const char *
ngx_messaging_url_host(ngx_messaging_url_t *url, u_char *p, u_char *last,
    u_char **buf)
{
    u_char      *dst, *end;
    ngx_int_t    port;
    ngx_uint_t   inet6;

    inet6 = (p < last && *p == '[');
    dst = *buf;

    for (end = p; end < last && (inet6 || *end != ':'); end++) {

        if (end - p == NGX_MESSAGING_URL_MAX_HOST) {
            return "too long host";
        }

        *dst = (*end >= 'A' && *end <= 'Z') ? *end | 0x20 : *end;

        if (!((*dst >= 'a' && *dst <= 'z') || (*dst >= '0' && *dst <= '9')
              || *dst == '.'
              || (inet6 ? (*dst == ':' || (*dst == '[' && end == p)
                           || *dst == ']')
                        : (*dst == '-' || *dst == '_'))))
        {
            return "invalid host";
        }

        if (*dst++ == ']') {
            end++;
            break;
        }
    }

    if (end == p) {
        return "no host";
    }

    if (inet6 && (dst[-1] != ']' || dst - *buf == sizeof("[]") - 1)) {
        return "invalid host";
    }

    url->host.data = *buf;
    url->host.len = dst - *buf;
    url->name.data = *buf;

    url->port = NGX_MESSAGING_URL_PORT;

    if (end == last) {
        dst = ngx_cpymem(dst, ":6379", sizeof(":6379") - 1);

    } else {
        port = (*end == ':') ? ngx_messaging_url_number(end + 1, last, 65535)
                             : NGX_ERROR;
        if (port < 1) {
            return "invalid port";
        }

        url->port = (in_port_t) port;
        dst = ngx_cpymem(dst, end, last - end);
    }

    url->name.len = dst - *buf;
    *buf = dst;

    return NULL;
}


static ngx_int_t
ngx_messaging_url_decode(ngx_str_t *s, u_char *p, u_char *last, u_char **buf)
{
    u_char     *dst;
    ngx_int_t   high, low;

    dst = *buf;

    for ( /* void */ ; p < last; p++) {

        if (*p != '%') {
            *dst++ = *p;
            continue;
        }

        if (last - p < 3) {
            return NGX_ERROR;
        }

        high = ngx_messaging_url_hex(p[1]);
        low = ngx_messaging_url_hex(p[2]);

        if (high == NGX_ERROR || low == NGX_ERROR) {
            return NGX_ERROR;
        }

        *dst = (u_char) (high << 4 | low);

        if (*dst < 0x20 || *dst == 0x7f) {
            return NGX_ERROR;
        }

        dst++;
        p += 2;
    }

    s->data = *buf;
    s->len = dst - *buf;
    *buf = dst;

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_url_hex(u_char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch |= 0x20;

    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_messaging_url_number(u_char *p, u_char *last, ngx_uint_t max)
{
    ngx_uint_t  value;

    if (p == last) {
        return NGX_ERROR;
    }

    for (value = 0; p < last; p++) {

        if (*p < '0' || *p > '9') {
            return NGX_ERROR;
        }

        value = value * 10 + (*p - '0');

        if (value > max) {
            return NGX_ERROR;
        }
    }

    return value;
}
