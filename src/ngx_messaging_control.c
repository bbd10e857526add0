
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_control.h"
#include "ngx_messaging_json.h"


/* the members of an action, as bits */

#define NGX_MESSAGING_CONTROL_USER_ID        0x01
#define NGX_MESSAGING_CONTROL_JTI            0x02
#define NGX_MESSAGING_CONTROL_CONNECTION     0x04
#define NGX_MESSAGING_CONTROL_CONVERSATION   0x08
#define NGX_MESSAGING_CONTROL_CODE           0x10
#define NGX_MESSAGING_CONTROL_REASON         0x20
#define NGX_MESSAGING_CONTROL_ISSUED_BEFORE  0x40

#define NGX_MESSAGING_CONTROL_TARGET         0x0f

/* 2^53, in seconds: as for the times of a token */
#define NGX_MESSAGING_CONTROL_MAX_TIME       9007199254740992.0

/* the greatest integer that every JSON parser keeps as it is */
#define NGX_MESSAGING_CONTROL_MAX_ID         9007199254740991LL


typedef ngx_int_t (*ngx_messaging_control_pt)(ngx_messaging_control_t *ctl,
    json_t *value);


typedef struct {
    const char                *name;
    ngx_uint_t                 bit;
    ngx_messaging_control_pt   handler;
} ngx_messaging_control_member_t;


static ngx_int_t ngx_messaging_control_object(ngx_messaging_control_t *ctl,
    json_t *object);
static ngx_int_t ngx_messaging_control_form(ngx_messaging_control_t *ctl,
    ngx_uint_t has);
static ngx_int_t ngx_messaging_control_user(ngx_messaging_control_t *ctl,
    json_t *value);
static ngx_int_t ngx_messaging_control_jti(ngx_messaging_control_t *ctl,
    json_t *value);
static ngx_int_t ngx_messaging_control_connection(
    ngx_messaging_control_t *ctl, json_t *value);
static ngx_int_t ngx_messaging_control_conversation(
    ngx_messaging_control_t *ctl, json_t *value);
static ngx_int_t ngx_messaging_control_code(ngx_messaging_control_t *ctl,
    json_t *value);
static ngx_int_t ngx_messaging_control_reason(ngx_messaging_control_t *ctl,
    json_t *value);
static ngx_int_t ngx_messaging_control_issued(ngx_messaging_control_t *ctl,
    json_t *value);


static ngx_messaging_control_member_t  ngx_messaging_control_members[] = {

    { "user_id", NGX_MESSAGING_CONTROL_USER_ID, ngx_messaging_control_user },
    { "jti", NGX_MESSAGING_CONTROL_JTI, ngx_messaging_control_jti },
    { "connection", NGX_MESSAGING_CONTROL_CONNECTION,
      ngx_messaging_control_connection },
    { "conversation_id", NGX_MESSAGING_CONTROL_CONVERSATION,
      ngx_messaging_control_conversation },
    { "code", NGX_MESSAGING_CONTROL_CODE, ngx_messaging_control_code },
    { "reason", NGX_MESSAGING_CONTROL_REASON, ngx_messaging_control_reason },
    { "issued_before", NGX_MESSAGING_CONTROL_ISSUED_BEFORE,
      ngx_messaging_control_issued },
    { NULL, 0, NULL }
};


ngx_int_t
ngx_messaging_control_parse(ngx_messaging_control_t *ctl, u_char *p,
    size_t len)
{
    json_t     *object;
    ngx_int_t   rc;

    ngx_memzero(ctl, sizeof(ngx_messaging_control_t));

    if (len > NGX_MESSAGING_CONTROL_MAX_LEN) {
        return NGX_ERROR;
    }

    object = ngx_messaging_json_object(p, len, NGX_MESSAGING_CONTROL_VALUES);
    if (object == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_messaging_control_object(ctl, object);

    json_decref(object);

    return rc;
}


static ngx_int_t
ngx_messaging_control_object(ngx_messaging_control_t *ctl, json_t *object)
{
    json_t                          *value;
    ngx_uint_t                       has;
    const char                      *action;
    ngx_messaging_control_member_t  *m;

    action = json_string_value(json_object_get(object, "action"));

    if (action == NULL) {
        return NGX_ERROR;
    }

    if (ngx_strcmp(action, "disconnect") == 0) {
        ctl->action = NGX_MESSAGING_CONTROL_DISCONNECT;

    } else if (ngx_strcmp(action, "withdraw") == 0) {
        ctl->action = NGX_MESSAGING_CONTROL_WITHDRAW;

    } else if (ngx_strcmp(action, "revoke") == 0) {
        ctl->action = NGX_MESSAGING_CONTROL_REVOKE;

    } else if (ngx_strcmp(action, "recheck") == 0) {
        ctl->action = NGX_MESSAGING_CONTROL_RECHECK;

    } else {
        return NGX_DECLINED;
    }

    ctl->code = NGX_MESSAGING_CLOSE_TOKEN;
    ctl->issued_before = NGX_MESSAGING_CONTROL_ALL;

    has = 0;

    for (m = ngx_messaging_control_members; m->name; m++) {
        value = json_object_get(object, m->name);

        if (value == NULL) {
            continue;
        }

        if (m->handler(ctl, value) != NGX_OK) {
            return NGX_ERROR;
        }

        has |= m->bit;
    }

    /* all bits, and "action", are all there is in it */

    if (json_object_size(object)
        != 1 + (size_t) __builtin_popcountl((unsigned long) has))
    {
        return NGX_ERROR;
    }

    return ngx_messaging_control_form(ctl, has);
}


/* what an action needs, and what it may have */

static ngx_int_t
ngx_messaging_control_form(ngx_messaging_control_t *ctl, ngx_uint_t has)
{
    switch (ctl->action) {

    case NGX_MESSAGING_CONTROL_DISCONNECT:

        if (!(has & NGX_MESSAGING_CONTROL_TARGET)
            || (has & NGX_MESSAGING_CONTROL_ISSUED_BEFORE))
        {
            return NGX_ERROR;
        }

        if (ctl->reason[0] == '\0') {
            ngx_memcpy(ctl->reason, "disconnected", sizeof("disconnected"));
        }

        return NGX_OK;

    case NGX_MESSAGING_CONTROL_WITHDRAW:

        return has == (NGX_MESSAGING_CONTROL_USER_ID
                       | NGX_MESSAGING_CONTROL_CONVERSATION)
               ? NGX_OK : NGX_ERROR;

    case NGX_MESSAGING_CONTROL_RECHECK:

        return has && !(has & ~(NGX_MESSAGING_CONTROL_USER_ID
                                | NGX_MESSAGING_CONTROL_CONVERSATION))
               ? NGX_OK : NGX_ERROR;

    default: /* NGX_MESSAGING_CONTROL_REVOKE */

        /* a token that is named by its id is meant whenever it was issued */

        return has == (NGX_MESSAGING_CONTROL_USER_ID
                       | NGX_MESSAGING_CONTROL_ISSUED_BEFORE)
               || has == (NGX_MESSAGING_CONTROL_JTI
                          | NGX_MESSAGING_CONTROL_ISSUED_BEFORE)
               || has == NGX_MESSAGING_CONTROL_JTI
               ? NGX_OK : NGX_ERROR;
    }
}


/* as in a token: an integer or a string */

static ngx_int_t
ngx_messaging_control_user(ngx_messaging_control_t *ctl, json_t *value)
{
    u_char     buf[NGX_INT64_LEN];
    ngx_str_t  text;

    if (ngx_messaging_control_text(value, &text, buf) != NGX_OK
        || text.len > NGX_MESSAGING_JWT_MAX_USER)
    {
        return NGX_ERROR;
    }

    ctl->user.data = ctl->users;
    ctl->user.len = ngx_messaging_escape(ctl->users, text.data, text.len)
                    - ctl->users;

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_control_jti(ngx_messaging_control_t *ctl, json_t *value)
{
    u_char  *p;
    size_t   len;

    len = json_string_length(value);

    if (len == 0 || len > NGX_MESSAGING_CONTROL_MAX_JTI) {
        return NGX_ERROR;
    }

    p = (u_char *) json_string_value(value);

    ctl->jti.data = ctl->jtis;
    ctl->jti.len = ngx_messaging_escape(ctl->jtis, p, len) - ctl->jtis;

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_control_connection(ngx_messaging_control_t *ctl, json_t *value)
{
    size_t  len;

    len = json_string_length(value);

    if (len == 0 || len > NGX_MESSAGING_CONTROL_MAX_CONNECTION) {
        return NGX_ERROR;
    }

    ctl->connection.data = ctl->connections;
    ctl->connection.len = len;

    ngx_memcpy(ctl->connections, json_string_value(value), len);

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_control_conversation(ngx_messaging_control_t *ctl,
    json_t *value)
{
    u_char     buf[NGX_INT64_LEN];
    ngx_str_t  text;

    if (ngx_messaging_control_text(value, &text, buf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_messaging_conversation_valid(&text)
        && !ngx_messaging_channel_valid(&text))
    {
        return NGX_ERROR;
    }

    ctl->conversation.data = ctl->names;
    ctl->conversation.len = text.len;

    ngx_memcpy(ctl->names, text.data, text.len);

    return NGX_OK;
}


/* RFC 6455, section 7.4: those that a server may send */

static ngx_int_t
ngx_messaging_control_code(ngx_messaging_control_t *ctl, json_t *value)
{
    int64_t  code;

    if (!json_is_integer(value)) {
        return NGX_ERROR;
    }

    code = json_integer_value(value);

    if ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1009)
        || (code >= 1011 && code <= 1014) || (code >= 3000 && code <= 4999))
    {
        ctl->code = (ngx_uint_t) code;
        return NGX_OK;
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_messaging_control_reason(ngx_messaging_control_t *ctl, json_t *value)
{
    size_t       i, len;
    const char  *text;

    text = json_string_value(value);
    len = json_string_length(value);

    if (text == NULL || len > NGX_MESSAGING_CONTROL_MAX_REASON) {
        return NGX_ERROR;
    }

    for (i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return NGX_ERROR;
        }
    }

    ngx_memcpy(ctl->reason, text, len);
    ctl->reason[len] = '\0';

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_control_issued(ngx_messaging_control_t *ctl, json_t *value)
{
    double  seconds;

    if (!json_is_number(value)) {
        return NGX_ERROR;
    }

    seconds = json_number_value(value);

    if (!(seconds >= 0 && seconds <= NGX_MESSAGING_CONTROL_MAX_TIME)) {
        return NGX_ERROR;
    }

    /* up to the next ms: one that was issued right before is not forgotten */

    ctl->issued_before = (seconds < NGX_MESSAGING_CONTROL_ALL / 1000)
                         ? (int64_t) (seconds * 1000 + 0.999)
                         : NGX_MESSAGING_CONTROL_ALL;

    return NGX_OK;
}


ngx_int_t
ngx_messaging_control_text(json_t *value, ngx_str_t *text, u_char *buf)
{
    int64_t  n;

    if (json_is_integer(value)) {
        n = json_integer_value(value);

        if (n > NGX_MESSAGING_CONTROL_MAX_ID
            || n < -NGX_MESSAGING_CONTROL_MAX_ID)
        {
            return NGX_ERROR;
        }

        text->data = buf;
        text->len = ngx_sprintf(buf, "%L", n) - buf;

        return NGX_OK;
    }

    text->data = (u_char *) json_string_value(value);
    text->len = json_string_length(value);

    return text->len ? NGX_OK : NGX_ERROR;
}
