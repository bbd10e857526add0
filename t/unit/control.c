
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_control.c"
#include "../../src/ngx_messaging_envelope.c"
#include "../../src/ngx_messaging_json.c"
#include "../../src/ngx_messaging_utf8.c"
#include "unit.h"


static void control_good(void);
static void control_times(void);
static void control_bad(void);
static void control_length(void);
static ngx_int_t control_parse(const char *text);


static ngx_messaging_control_t  ctl;


u_char *
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    va_list  args;

    /* "%L" is all that is used here */

    va_start(args, fmt);
    buf += sprintf((char *) buf, "%lld", (long long) va_arg(args, int64_t));
    va_end(args);

    return buf;
}


int
main(void)
{
    control_good();
    control_times();
    control_bad();
    control_length();

    return unit_done();
}


static ngx_int_t
control_parse(const char *text)
{
    return ngx_messaging_control_parse(&ctl, (u_char *) text, strlen(text));
}


static void
control_good(void)
{
    unit_int(control_parse("{\"action\":\"disconnect\",\"user_id\":42}"),
             NGX_OK, "disconnect a user");
    unit_str(ctl.user.data, ctl.user.len, "42", "a number as text");
    unit_int(ctl.code, 4001, "the code if none is given");
    unit_str(ctl.reason, strlen(ctl.reason), "disconnected",
             "the reason if none is given");

    unit_int(control_parse("{\"user_id\":\"a b\",\"jti\":\"x/y\","
                           "\"connection\":\"c-1\",\"conversation_id\":7,"
                           "\"code\":4999,\"reason\":\"Go ~\","
                           "\"action\":\"disconnect\"}"),
             NGX_OK, "all that a disconnect may have");
    unit_str(ctl.user.data, ctl.user.len, "a%20b", "user");
    unit_str(ctl.jti.data, ctl.jti.len, "x%2Fy", "jti");
    unit_str(ctl.connection.data, ctl.connection.len, "c-1", "connection");
    unit_str(ctl.conversation.data, ctl.conversation.len, "7", "conversation");
    unit_int(ctl.code, 4999, "code");
    unit_str(ctl.reason, strlen(ctl.reason), "Go ~", "reason");

    unit_int(control_parse("{\"action\":\"disconnect\","
                           "\"conversation_id\":\"user:5\"}"), NGX_OK,
             "a channel");
    unit_int(control_parse("{\"action\":\"withdraw\",\"user_id\":-5,"
                           "\"conversation_id\":\"a\"}"), NGX_OK, "withdraw");
    unit_int(ctl.action, NGX_MESSAGING_CONTROL_WITHDRAW, "is the action");
    unit_str(ctl.user.data, ctl.user.len, "-5", "a negative number");
    unit_int(control_parse("{\"action\":\"recheck\",\"user_id\":5}"), NGX_OK,
             "recheck a user");
    unit_int(ctl.action, NGX_MESSAGING_CONTROL_RECHECK, "is the action");
    unit_int(control_parse("{\"action\":\"recheck\",\"conversation_id\":5}"),
             NGX_OK, "recheck a conversation");
    unit_int(control_parse("{\"action\":\"recheck\",\"user_id\":\"a b\","
                           "\"conversation_id\":5}"),
             NGX_OK, "recheck a user in a conversation");
    unit_str(ctl.user.data, ctl.user.len, "a%20b", "and that is the user");
    unit_int(control_parse("{\"action\":\"kick\",\"user_id\":[]}"),
             NGX_DECLINED, "an action that is not known");
}


static void
control_times(void)
{
    unit_int(control_parse("{\"action\":\"revoke\",\"user_id\":1,"
                           "\"issued_before\":1763625600}"), NGX_OK,
             "revoke those of a user");
    unit_int(ctl.issued_before, 1763625600000LL, "in ms");

    control_parse("{\"action\":\"revoke\",\"jti\":\"a\","
                  "\"issued_before\":1763625600.25}");
    unit_int(ctl.issued_before, 1763625600250LL, "a fraction counts");

    control_parse("{\"action\":\"revoke\",\"jti\":\"a\","
                  "\"issued_before\":1763625600.0001}");
    unit_int(ctl.issued_before, 1763625600001LL, "up to the next ms");

    unit_int(control_parse("{\"action\":\"revoke\",\"jti\":\"a\"}"), NGX_OK,
             "a token by its id alone");
    unit_int(ctl.issued_before, NGX_MESSAGING_CONTROL_ALL, "whenever issued");

    unit_int(control_parse("{\"action\":\"revoke\",\"user_id\":1,"
                           "\"issued_before\":9007199254740992}"), NGX_OK,
             "the greatest time");
    unit_int(ctl.issued_before > 4611686018427387L, 1, "is in the future");
}


static void
control_bad(void)
{
    ngx_uint_t  i;

    static const char  *bad[] = {
        "", "x", "[]", "{}", "{\"action\":1}", "{\"action\":null}",
        "{\"action\":\"disconnect\"}",
        "{\"action\":\"disconnect\",\"code\":4001}",
        "{\"action\":\"disconnect\",\"user_id\":null}",
        "{\"action\":\"disconnect\",\"user_id\":\"\"}",
        "{\"action\":\"disconnect\",\"user_id\":1.5}",
        "{\"action\":\"disconnect\",\"user_id\":true}",
        "{\"action\":\"disconnect\",\"user_id\":9007199254740992}",
        "{\"action\":\"disconnect\",\"user_id\":-9007199254740992}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"user_id\":2}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"userid\":2}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"issued_before\":2}",
        "{\"action\":\"disconnect\",\"jti\":1}",
        "{\"action\":\"disconnect\",\"jti\":\"\"}",
        "{\"action\":\"disconnect\",\"connection\":1}",
        "{\"action\":\"disconnect\",\"connection\":\"\"}",
        "{\"action\":\"disconnect\",\"conversation_id\":\"a b\"}",
        "{\"action\":\"disconnect\",\"conversation_id\":\"@control\"}",
        "{\"action\":\"disconnect\",\"conversation_id\":-1.5}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"code\":\"4001\"}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"code\":4001.0}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"code\":999}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"code\":1004}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"code\":1005}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"code\":1006}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"code\":1010}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"code\":1015}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"code\":2999}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"code\":5000}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"reason\":1}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"reason\":\"\\n\"}",
        "{\"action\":\"disconnect\",\"user_id\":1,\"reason\":\"\\u00e9\"}",
        "{\"action\":\"withdraw\",\"user_id\":1}",
        "{\"action\":\"withdraw\",\"conversation_id\":1}",
        "{\"action\":\"withdraw\",\"user_id\":1,\"conversation_id\":1,"
            "\"jti\":\"a\"}",
        "{\"action\":\"withdraw\",\"user_id\":1,\"conversation_id\":1,"
            "\"code\":4001}",
        "{\"action\":\"recheck\"}",
        "{\"action\":\"recheck\",\"jti\":\"a\"}",
        "{\"action\":\"recheck\",\"user_id\":1,\"connection\":\"a\"}",
        "{\"action\":\"recheck\",\"user_id\":1,\"code\":4001}",
        "{\"action\":\"recheck\",\"user_id\":1,\"reason\":\"a\"}",
        "{\"action\":\"recheck\",\"user_id\":1,\"issued_before\":1}",
        "{\"action\":\"recheck\",\"conversation_id\":\"a b\"}",
        "{\"action\":\"revoke\",\"user_id\":1}",
        "{\"action\":\"revoke\",\"issued_before\":1}",
        "{\"action\":\"revoke\",\"user_id\":1,\"issued_before\":\"1\"}",
        "{\"action\":\"revoke\",\"user_id\":1,\"issued_before\":-1}",
        "{\"action\":\"revoke\",\"user_id\":1,\"issued_before\":1e300}",
        "{\"action\":\"revoke\",\"user_id\":1,\"jti\":\"a\","
            "\"issued_before\":1}",
        "{\"action\":\"revoke\",\"user_id\":1,\"issued_before\":1,"
            "\"conversation_id\":1}",
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unit_int(control_parse(bad[i]), NGX_ERROR, bad[i]);
    }
}


static void
control_length(void)
{
    ngx_uint_t   i;
    static char  text[NGX_MESSAGING_CONTROL_MAX_LEN + 100];

    static const struct {
        const char  *name;
        ngx_uint_t   max;
    } members[] = {
        { "user_id", 128 }, { "jti", 256 }, { "connection", 64 },
        { "conversation_id", 128 }
    };

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        sprintf(text, "{\"action\":\"disconnect\",\"%s\":\"%0*d\"}",
                members[i].name, (int) members[i].max, 1);
        unit_int(control_parse(text), NGX_OK, members[i].name);

        sprintf(text, "{\"action\":\"disconnect\",\"%s\":\"%0*d\"}",
                members[i].name, (int) members[i].max + 1, 1);
        unit_int(control_parse(text), NGX_ERROR, "one more");
    }

    sprintf(text, "{\"action\":\"disconnect\",\"user_id\":1,\"reason\":"
                  "\"%0*d\"}", 123, 1);
    unit_int(control_parse(text), NGX_OK, "a reason of 123 bytes");
    unit_int(strlen(ctl.reason), 123, "is kept");

    sprintf(text, "{\"action\":\"disconnect\",\"user_id\":1,\"reason\":"
                  "\"%0*d\"}", 124, 1);
    unit_int(control_parse(text), NGX_ERROR, "124 are too many");

    sprintf(text, "%*s", NGX_MESSAGING_CONTROL_MAX_LEN,
            "{\"action\":\"disconnect\",\"user_id\":1}");
    unit_int(control_parse(text), NGX_OK, "white space up to the limit");

    sprintf(text, "%*s", NGX_MESSAGING_CONTROL_MAX_LEN + 1,
            "{\"action\":\"disconnect\",\"user_id\":1}");
    unit_int(control_parse(text), NGX_ERROR, "and over it");
}
