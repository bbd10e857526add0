
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_pipeline.c"
#include "../../src/ngx_messaging_redis_setup.c"
#include "unit.h"


static void setup_bytes(const char *user, const char *password, ngx_uint_t db,
    const char *want, const char *name);
static void setup_answers(ngx_uint_t type, const char *text, ngx_uint_t which,
    const char *want, const char *name);
static void setup_text(const char *password, const char *error,
    const char *want, const char *name);
static void setup_url(ngx_messaging_url_t *url, const char *user,
    const char *password, ngx_uint_t db);
static void setup_refused(void *data, const char *what, ngx_str_t *text);


#define SETNAME  "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n"                    \
                 "$13\r\nngx_messaging\r\n"


int
main(void)
{
    char  text[1000];

    setup_bytes("", "", 0, SETNAME, "nothing but the name");
    setup_bytes("", "pw", 0, "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n" SETNAME,
                "password");
    setup_bytes("ann", "pw", 0,
                "*3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$2\r\npw\r\n" SETNAME,
                "user and password");
    setup_bytes("ann", "", 0,
                "*3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$0\r\n\r\n" SETNAME,
                "user without a password");
    setup_bytes("", "", 7, "*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n" SETNAME,
                "database");
    setup_bytes("", "pw", 1023,
                "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n"
                "*2\r\n$6\r\nSELECT\r\n$4\r\n1023\r\n" SETNAME,
                "password and database");

    setup_answers(REDIS_REPLY_STATUS, "OK", 0, "", "AUTH is accepted");
    setup_answers(REDIS_REPLY_STATUS, "OK", 1, "", "SELECT is accepted");
    setup_answers(REDIS_REPLY_STATUS, "OK", 2, "", "SETNAME is accepted");

    setup_answers(REDIS_REPLY_ERROR, "WRONGPASS no", 0, "AUTH: WRONGPASS no",
                  "AUTH is refused");
    setup_answers(REDIS_REPLY_ERROR, "ERR x", 1, "SELECT: ERR x",
                  "SELECT is refused");
    setup_answers(REDIS_REPLY_ERROR, "NOAUTH Authentication required.", 2,
                  "connection: NOAUTH Authentication required.",
                  "no password given");
    setup_answers(REDIS_REPLY_ERROR, "DENIED Redis is running in protected", 2,
                  "connection: DENIED Redis is running in protected",
                  "protected mode");
    setup_answers(REDIS_REPLY_ERROR, "LOADING Redis is loading", 2,
                  "connection: LOADING Redis is loading", "loading");
    setup_answers(REDIS_REPLY_ERROR, "ERR max number of clients reached", 2,
                  "connection: ERR max number of clients reached",
                  "too many clients");
    setup_answers(REDIS_REPLY_ERROR, "ERR unknown command", 2, "",
                  "SETNAME is unknown");
    setup_answers(REDIS_REPLY_ERROR, "NOPERM no", 2, "",
                  "SETNAME is not allowed");
    setup_answers(REDIS_REPLY_ERROR, "", 2, "", "SETNAME has an empty error");
    setup_answers(REDIS_REPLY_ERROR, "NOAUTH", 2, "",
                  "SETNAME has a short error");

    setup_answers(0, NULL, 0, "", "AUTH is not answered");
    setup_answers(0, NULL, 1, "", "SELECT is not answered");
    setup_answers(0, NULL, 2, "", "SETNAME is not answered");

    setup_text("", "ERR it is so.", "ERR it is so.", "plain text");
    setup_text("", "", "", "empty text");
    setup_text("", "ERR a\nb", "ERR a", "line feed");
    setup_text("", "ERR a\x1b[31mb", "ERR a", "escape");
    setup_text("", "ERR a\xc3\xa9", "ERR a", "not ASCII");
    setup_text("", "ERR a\x7f", "ERR a", "delete");
    setup_text("other", "ERR unknown command `AUTH`, with args beginning with:"
               " `secr", "ERR unknown command ", "command repeated, Redis 6");
    setup_text("other", "ERR unknown command 'AUTH', with args beginning with:"
               " 'secr", "ERR unknown command ", "command repeated, Redis 7");
    setup_text("other", "ERR \"AUTH secret\"", "ERR ", "command in quotes");
    setup_text("secret", "ERR bad password secret!", "ERR bad password ",
               "password repeated");
    setup_text("secret", "secret", "", "nothing but the password");
    setup_text("E", "ERR x", "", "password of one letter");
    setup_text("secret", "ERR bad password secre", "ERR bad password secre",
               "almost the password");

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    memcpy(text + 197, "secret", 6);

    {
        char  want[201];

        memset(want, 'x', sizeof(want));
        want[197] = '\0';
        setup_text("secret", text, want, "password at the limit of length");

        want[197] = 's';
        want[198] = 'e';
        want[199] = 'c';
        want[200] = '\0';
        setup_text("other", text, want, "long text");
    }

    return unit_done();
}


static void
setup_bytes(const char *user, const char *password, ngx_uint_t db,
    const char *want, const char *name)
{
    ngx_messaging_url_t          url;
    ngx_messaging_pipeline_t     pl;
    ngx_messaging_redis_setup_t  setup;

    memset(&pl, 0, sizeof(ngx_messaging_pipeline_t));

    setup_url(&url, user, password, db);

    setup.url = &url;
    setup.refused = setup_refused;
    setup.data = NULL;

    if (unit_int(ngx_messaging_redis_setup(&setup, &pl, 0), NGX_OK, name)) {
        unit_str(pl.pos, pl.last - pl.pos, want, "... its bytes");
        unit_int(pl.npending, 1 + (user[0] || password[0]) + (db != 0),
                 "... its answers");
    }

    ngx_messaging_pipeline_fail(&pl);
}


static void
setup_answers(ngx_uint_t type, const char *text, ngx_uint_t which,
    const char *want, const char *name)
{
    char                         got[256];
    ngx_uint_t                   i;
    ngx_messaging_url_t          url;
    ngx_messaging_pipeline_t     pl;
    ngx_messaging_resp_reply_t   ok, reply;
    ngx_messaging_redis_setup_t  setup;

    memset(&pl, 0, sizeof(ngx_messaging_pipeline_t));
    memset(&ok, 0, sizeof(ngx_messaging_resp_reply_t));
    memset(&reply, 0, sizeof(ngx_messaging_resp_reply_t));

    setup_url(&url, "ann", "pw", 1);

    got[0] = '\0';

    setup.url = &url;
    setup.refused = setup_refused;
    setup.data = got;

    ok.type = REDIS_REPLY_STATUS;
    ngx_str_set(&ok.str, "OK");

    (void) ngx_messaging_redis_setup(&setup, &pl, 0);

    for (i = 0; i < which; i++) {
        ngx_messaging_pipeline_answer(&pl, &ok);
    }

    if (text) {
        reply.type = type;
        reply.str.data = (u_char *) text;
        reply.str.len = strlen(text);
        ngx_messaging_pipeline_answer(&pl, &reply);
    }

    ngx_messaging_pipeline_fail(&pl);

    unit_str(got, strlen(got), want, name);
}


static void
setup_text(const char *password, const char *error, const char *want,
    const char *name)
{
    size_t               len;
    u_char              *exact;
    ngx_str_t            s, text;
    ngx_messaging_url_t  url;

    setup_url(&url, "", password, 0);

    len = strlen(error);
    exact = malloc(len + 1);
    memcpy(exact, error, len);

    s.data = exact;
    s.len = len;

    text = ngx_messaging_redis_text(&url, &s);
    unit_str(text.data, text.len, want, name);

    free(exact);
}


static void
setup_url(ngx_messaging_url_t *url, const char *user, const char *password,
    ngx_uint_t db)
{
    memset(url, 0, sizeof(ngx_messaging_url_t));

    url->user.data = (u_char *) user;
    url->user.len = strlen(user);
    url->password.data = (u_char *) password;
    url->password.len = strlen(password);
    url->db = db;
}


static void
setup_refused(void *data, const char *what, ngx_str_t *text)
{
    sprintf(data, "%s: %.*s", what, (int) text->len, (char *) text->data);
}
