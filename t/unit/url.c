
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_url.c"
#include "unit.h"


typedef struct {
    const char   *text;
    const char   *name;
    const char   *host;
    const char   *user;
    const char   *password;
    unsigned      port;
    unsigned      db;
} url_good_t;


typedef struct {
    const char   *text;
    const char   *error;
} url_bad_t;


static void url_good(const url_good_t *t);
static void url_str(ngx_str_t *got, const char *want, const char *name);
static void url_bad(const char *text, size_t len, const char *error);
static const char *url_parse(ngx_messaging_url_t *url, const char *text,
    size_t len, u_char **buf);


static const url_good_t  good[] = {
    { "redis://127.0.0.1", "127.0.0.1:6379", "127.0.0.1", "", "", 6379, 0 },
    { "redis://127.0.0.1:7000", "127.0.0.1:7000", "127.0.0.1", "", "",
      7000, 0 },
    { "redis://h/", "h:6379", "h", "", "", 6379, 0 },
    { "redis://h/0", "h:6379", "h", "", "", 6379, 0 },
    { "redis://h/1023", "h:6379", "h", "", "", 6379, 1023 },
    { "redis://h:1/7", "h:1", "h", "", "", 1, 7 },
    { "redis://h:65535", "h:65535", "h", "", "", 65535, 0 },
    { "redis://Redis-1.Example_2.COM", "redis-1.example_2.com:6379",
      "redis-1.example_2.com", "", "", 6379, 0 },
    { "redis://[::1]", "[::1]:6379", "[::1]", "", "", 6379, 0 },
    { "redis://[2001:DB8::1]:7000/3", "[2001:db8::1]:7000", "[2001:db8::1]",
      "", "", 7000, 3 },
    { "redis://[::ffff:10.0.0.1]/3", "[::ffff:10.0.0.1]:6379",
      "[::ffff:10.0.0.1]", "", "", 6379, 3 },
    { "redis://:secret@h", "h:6379", "h", "", "secret", 6379, 0 },
    { "redis://ann:secret@h:7/1", "h:7", "h", "ann", "secret", 7, 1 },
    { "redis://ann:@h", "h:6379", "h", "ann", "", 6379, 0 },
    { "redis://:@h", "h:6379", "h", "", "", 6379, 0 },
    { "redis://a%40b:p%2f%3A%25%c3%a9@h", "h:6379", "h", "a@b",
      "p/:%\xc3\xa9", 6379, 0 },
    { "redis://:a:b@h", "h:6379", "h", "", "a:b", 6379, 0 },
    { "redis://:a@b@h", "h:6379", "h", "", "a@b", 6379, 0 },
    { "redis://:a?b#c@[::1]:7", "[::1]:7", "[::1]", "", "a?b#c", 7, 0 },
    { "redis://:p%20q@h", "h:6379", "h", "", "p q", 6379, 0 },
    { "unix:/run/redis.sock", "unix:/run/redis.sock", "", "", "", 0, 0 },
    { "unix:redis.sock", "unix:redis.sock", "", "", "", 0, 0 },
    { "unix:/a b/@:%41", "unix:/a b/@:%41", "", "", "", 0, 0 },
    { "unix:/run/redis.sock?db=5", "unix:/run/redis.sock", "", "", "", 0, 5 },
    { "unix:/r?db=0", "unix:/r", "", "", "", 0, 0 }
};


static const url_bad_t  bad[] = {
    { "", "neither \"redis://\" nor \"unix:\"" },
    { "redis", "neither \"redis://\" nor \"unix:\"" },
    { "redis:/h", "neither \"redis://\" nor \"unix:\"" },
    { "h:6379", "neither \"redis://\" nor \"unix:\"" },
    { "http://h", "neither \"redis://\" nor \"unix:\"" },
    { "unix", "neither \"redis://\" nor \"unix:\"" },
    { "rediss://h", "\"rediss://\" (TLS) is not supported yet" },
    { "rediss://", "\"rediss://\" (TLS) is not supported yet" },

    { "redis://", "no host" },
    { "redis:///0", "no host" },
    { "redis://:6379", "no host" },
    { "redis://::1", "no host" },
    { "redis://:a@", "no host" },
    { "redis://:a@:6379", "no host" },
    { "redis://:a@/0", "no host" },

    { "redis://h h", "invalid host" },
    { "redis://h?db=1", "invalid host" },
    { "redis://h#1", "invalid host" },
    { "redis://h%41", "invalid host" },
    { "redis://\"h\"", "invalid host" },
    { "redis://\xc3\xa9", "invalid host" },
    { "redis://[", "invalid host" },
    { "redis://[]", "invalid host" },
    { "redis://[::1", "invalid host" },
    { "redis://[::1/0", "invalid host" },
    { "redis://[[::1]]", "invalid host" },
    { "redis://[fe80::1%25eth0]", "invalid host" },
    { "redis://h]", "invalid host" },

    { "redis://h:", "invalid port" },
    { "redis://h:0", "invalid port" },
    { "redis://h:65536", "invalid port" },
    { "redis://h:99999999999999999999999", "invalid port" },
    { "redis://h:6379x", "invalid port" },
    { "redis://h:+1", "invalid port" },
    { "redis://h:-1", "invalid port" },
    { "redis://[::1]6379", "invalid port" },
    { "redis://[::1]:", "invalid port" },

    { "redis://h/1024", "invalid database number" },
    { "redis://h/99999999999999999999999", "invalid database number" },
    { "redis://h/x", "invalid database number" },
    { "redis://h/1/", "invalid database number" },
    { "redis://h/-1", "invalid database number" },
    { "redis://h/0?db=1", "invalid database number" },

    { "redis://secret@h", "no \":\" between user and password" },
    { "redis://@h", "no \":\" between user and password" },
    { "redis://a%4:b@h", "invalid user" },
    { "redis://a%zz:b@h", "invalid user" },
    { "redis://:%@h", "invalid password" },
    { "redis://:%a@h", "invalid password" },
    { "redis://:%ag@h", "invalid password" },
    { "redis://:a%00b@h", "invalid password" },
    { "redis://:a%0d%0ab@h", "invalid password" },
    { "redis://:a%7f@h", "invalid password" },

    { "redis://:a\tb@h", "control character" },
    { "redis://h\n", "control character" },
    { "redis://h\x7f", "control character" },
    { "unix:/a\x01", "control character" },

    { "unix:", "no path of unix socket" },
    { "unix:?db=1", "no path of unix socket" },
    { "unix:/r?", "invalid argument, only \"?db=\" is known" },
    { "unix:/r?d", "invalid argument, only \"?db=\" is known" },
    { "unix:/r?x=1", "invalid argument, only \"?db=\" is known" },
    { "unix:/r?db=", "invalid database number" },
    { "unix:/r?db=1024", "invalid database number" },
    { "unix:/r?db=1&x=2", "invalid database number" }
};


int
main(void)
{
    char        text[512];
    size_t      i, len, max;
    const char  control[] = "redis://:a\0b@h";

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        url_good(&good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        url_bad(bad[i].text, strlen(bad[i].text), bad[i].error);
    }

    url_bad(control, sizeof(control) - 1, "control character");

    /* the longest path, and one byte more */

    max = sizeof(((struct sockaddr_un *) 0)->sun_path) - 1;

    len = sprintf(text, "unix:");
    memset(text + len, 'x', max + 1);

    url_bad(text, len + max, NULL);
    url_bad(text, len + max + 1, "too long path of unix socket");

    /* the longest host */

    len = sprintf(text, "redis://");
    memset(text + len, 'x', 256);

    url_bad(text, len + 255, NULL);
    url_bad(text, len + 256, "too long host");

    return unit_done();
}


static void
url_good(const url_good_t *t)
{
    u_char               *buf;
    const char           *error;
    ngx_messaging_url_t   url;

    error = url_parse(&url, t->text, strlen(t->text), &buf);

    if (unit_ok(error == NULL, "%s is accepted", t->text)) {
        unit_str(url.name.data, url.name.len, t->name, "... its name");
        url_str(&url.host, t->host, "... its host");
        url_str(&url.user, t->user, "... its user");
        url_str(&url.password, t->password, "... its password");
        unit_int(url.port, t->port, "... its port");
        unit_int(url.db, t->db, "... its database");
    }

    free(buf);
}


static void
url_str(ngx_str_t *got, const char *want, const char *name)
{
    unit_str(got->len ? got->data : (u_char *) "", got->len, want, name);
}


static void
url_bad(const char *text, size_t len, const char *error)
{
    u_char               *buf;
    const char           *got;
    ngx_messaging_url_t   url;

    got = url_parse(&url, text, len, &buf);

    if (error == NULL) {
        unit_ok(got == NULL, "URL of %d bytes is accepted", (int) len);

    } else if (got == NULL) {
        unit_ok(0, "URL is refused: %s", error);
        printf("# it was accepted\n");

    } else {
        unit_str(got, strlen(got), error, error);
    }

    free(buf);
}


/* text and buffer are as long as promised and not a byte longer */

static const char *
url_parse(ngx_messaging_url_t *url, const char *text, size_t len, u_char **buf)
{
    u_char      *exact;
    ngx_str_t    s;
    const char  *error;

    exact = malloc(len ? len : 1);
    *buf = malloc(len + NGX_MESSAGING_URL_EXTRA);

    if (exact == NULL || *buf == NULL) {
        abort();
    }

    memcpy(exact, text, len);

    s.data = exact;
    s.len = len;

    error = ngx_messaging_url_parse(url, &s, *buf);

    /* nothing may point into the text */

    memset(exact, '!', len);
    free(exact);

    return error;
}
