
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_redis_setup.h"


#define NGX_MESSAGING_REDIS_MAX_TEXT  200


static void ngx_messaging_redis_auth_reply(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_messaging_redis_select_reply(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_messaging_redis_setname_reply(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_messaging_redis_refused(ngx_messaging_redis_setup_t *setup,
    const char *what, ngx_messaging_resp_reply_t *reply);


ngx_int_t
ngx_messaging_redis_setup(ngx_messaging_redis_setup_t *setup,
    ngx_messaging_pipeline_t *pl, ngx_msec_t now)
{
    u_char               *p, number[NGX_INT_T_LEN];
    ngx_str_t             argv[3];
    ngx_uint_t            argc, db;
    ngx_messaging_url_t  *url;

    url = setup->url;

    if (url->user.len || url->password.len) {
        ngx_str_set(&argv[0], "AUTH");
        argc = 1;

        if (url->user.len) {
            argv[argc++] = url->user;
        }

        argv[argc++] = url->password;

        if (ngx_messaging_pipeline_command(pl, argc, argv,
                                           ngx_messaging_redis_auth_reply,
                                           setup, now)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (url->db) {
        p = number + sizeof(number);

        for (db = url->db; db; db /= 10) {
            *--p = (u_char) ('0' + db % 10);
        }

        ngx_str_set(&argv[0], "SELECT");
        argv[1].data = p;
        argv[1].len = number + sizeof(number) - p;

        if (ngx_messaging_pipeline_command(pl, 2, argv,
                                           ngx_messaging_redis_select_reply,
                                           setup, now)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_str_set(&argv[0], "CLIENT");
    ngx_str_set(&argv[1], "SETNAME");
    ngx_str_set(&argv[2], "ngx_messaging");

    if (ngx_messaging_pipeline_command(pl, 3, argv,
                                       ngx_messaging_redis_setname_reply,
                                       setup, now)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_messaging_redis_auth_reply(void *data, ngx_messaging_resp_reply_t *reply)
{
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        ngx_messaging_redis_refused(data, "AUTH", reply);
    }
}


static void
ngx_messaging_redis_select_reply(void *data, ngx_messaging_resp_reply_t *reply)
{
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        ngx_messaging_redis_refused(data, "SELECT", reply);
    }
}


static void
ngx_messaging_redis_setname_reply(void *data,
    ngx_messaging_resp_reply_t *reply)
{
    ngx_str_t  *s;

    /* what a server says to the first command of whom it does not serve */

    static ngx_str_t  refusals[] = {
        ngx_string("NOAUTH "),
        ngx_string("DENIED "),
        ngx_string("LOADING "),
        ngx_string("ERR max number of clients"),
        ngx_null_string
    };

    if (reply == NULL || reply->type != REDIS_REPLY_ERROR) {
        return;
    }

    for (s = refusals; s->len; s++) {

        if (reply->str.len >= s->len
            && ngx_strncmp(reply->str.data, s->data, s->len) == 0)
        {
            ngx_messaging_redis_refused(data, "connection", reply);
            return;
        }
    }
}


static void
ngx_messaging_redis_refused(ngx_messaging_redis_setup_t *setup,
    const char *what, ngx_messaging_resp_reply_t *reply)
{
    ngx_str_t  text;

    text = ngx_messaging_redis_text(setup->url, &reply->str);

    setup->refused(setup->data, what, &text);
}


ngx_str_t
ngx_messaging_redis_text(ngx_messaging_url_t *url, ngx_str_t *error)
{
    size_t      n;
    u_char      ch;
    ngx_str_t   text, *password;

    text.data = error->data;
    text.len = ngx_min(error->len, NGX_MESSAGING_REDIS_MAX_TEXT);

    for (n = 0; n < text.len; n++) {
        ch = text.data[n];

        if (ch < 0x20 || ch >= 0x7f || ch == '\'' || ch == '"' || ch == '`') {
            text.len = n;
        }
    }

    password = &url->password;

    if (password->len == 0) {
        return text;
    }

    for (n = 0; n < text.len && n + password->len <= error->len; n++) {

        if (ngx_memcmp(&text.data[n], password->data, password->len) == 0) {
            text.len = n;
        }
    }

    return text;
}
