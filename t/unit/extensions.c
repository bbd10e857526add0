
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_extensions.c"
#include "unit.h"


#define PMD   "permessage-deflate"
#define SN    "; server_no_context_takeover"
#define CN    "; client_no_context_takeover"
#define SB    "; server_max_window_bits"
#define CB    "; client_max_window_bits"
#define BOTH  SN CN


/* what the server would grant: bits, takeover of the server, of the client */

typedef struct {
    const char  *offer;
    const char  *answer;      /* NULL: none */
    ngx_uint_t   bits;
    ngx_uint_t   server;
    ngx_uint_t   client;
} extensions_test_t;


static const char *
extensions_answer(const char *offer, size_t len, ngx_uint_t bits,
    ngx_uint_t server, ngx_uint_t client, ngx_messaging_extensions_t *agreed)
{
    u_char                      *copy, *p;
    ngx_int_t                    rc;
    ngx_str_t                    value;
    ngx_messaging_extensions_t   granted;
    static u_char                answer[NGX_MESSAGING_EXTENSIONS_MAX + 1];

    memset(&granted, 0, sizeof(granted));

    granted.server_bits = bits;
    granted.client_bits = bits;
    granted.server_takeover = server;
    granted.client_takeover = client;

    copy = malloc(len ? len : 1);
    memcpy(copy, offer, len);

    value.data = copy;
    value.len = len;

    rc = ngx_messaging_extensions_accept(&value, &granted, agreed);

    free(copy);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NULL : "neither NGX_OK nor NGX_DECLINED";
    }

    p = ngx_messaging_extensions_write(answer, agreed);
    *p = '\0';

    return (const char *) answer;
}


static void
extensions_check(extensions_test_t *t)
{
    const char                  *got;
    ngx_messaging_extensions_t   agreed;

    got = extensions_answer(t->offer, strlen(t->offer), t->bits, t->server,
                            t->client, &agreed);

    if (!unit_ok(got == NULL ? t->answer == NULL
                             : t->answer && strcmp(got, t->answer) == 0,
                 "%d%s%s: %s", (int) t->bits, t->server ? " server" : "",
                 t->client ? " client" : "", t->offer))
    {
        printf("# got %s, want %s\n", got ? got : "none",
               t->answer ? t->answer : "none");
    }
}


static extensions_test_t  extensions_tests[] = {

    /* each parameter by itself */

    { PMD, PMD BOTH, 15, 0, 0 },
    { PMD SN, PMD BOTH, 15, 0, 0 },
    { PMD CN, PMD BOTH, 15, 0, 0 },
    { PMD SB "=15", PMD BOTH SB "=15", 15, 0, 0 },
    { PMD SB "=10", PMD BOTH SB "=10", 15, 0, 0 },
    { PMD SB "=9", PMD BOTH SB "=9", 15, 0, 0 },
    { PMD CB, PMD BOTH, 15, 0, 0 },
    { PMD CB "=15", PMD BOTH, 15, 0, 0 },
    { PMD CB "=12", PMD BOTH CB "=12", 15, 0, 0 },
    { PMD CB "=9", PMD BOTH CB "=9", 15, 0, 0 },

    /* context takeover that the configuration allows */

    { PMD, PMD, 15, 1, 1 },
    { PMD, PMD CN, 15, 1, 0 },
    { PMD, PMD SN, 15, 0, 1 },
    { PMD SN, PMD SN, 15, 1, 1 },
    { PMD CN, PMD CN, 15, 1, 1 },
    { PMD SN, PMD BOTH, 15, 1, 0 },
    { PMD CN, PMD BOTH, 15, 0, 1 },
    { PMD CN SN, PMD BOTH, 15, 1, 1 },

    /* a smaller window of the configuration */

    { PMD, PMD BOTH SB "=12", 12, 0, 0 },
    { PMD CB, PMD BOTH SB "=12" CB "=12", 12, 0, 0 },
    { PMD CB "=10", PMD BOTH SB "=12" CB "=10", 12, 0, 0 },
    { PMD CB "=13", PMD BOTH SB "=12" CB "=12", 12, 0, 0 },
    { PMD SB "=13", PMD BOTH SB "=12", 12, 0, 0 },
    { PMD SB "=11" CB, PMD BOTH SB "=11" CB "=12", 12, 0, 0 },
    { PMD, PMD BOTH SB "=9", 9, 0, 0 },
    { PMD SB "=15" CB "=15", PMD BOTH SB "=9" CB "=9", 9, 0, 0 },
    { PMD CB SB "=10" CN SN, PMD BOTH SB "=10", 15, 1, 1 },

    /* values that are none of ours, RFC 7692, section 7.1.2 */

    { PMD SB, NULL, 15, 0, 0 },
    { PMD SB "=", NULL, 15, 0, 0 },
    { PMD SB "=\"\"", NULL, 15, 0, 0 },
    { PMD SB "=0", NULL, 15, 0, 0 },
    { PMD SB "=7", NULL, 15, 0, 0 },
    { PMD SB "=8", NULL, 15, 0, 0 },
    { PMD SB "=16", NULL, 15, 0, 0 },
    { PMD SB "=19", NULL, 15, 0, 0 },
    { PMD SB "=20", NULL, 15, 0, 0 },
    { PMD SB "=010", NULL, 15, 0, 0 },
    { PMD SB "=09", NULL, 15, 0, 0 },
    { PMD SB "=+9", NULL, 15, 0, 0 },
    { PMD SB "=-9", NULL, 15, 0, 0 },
    { PMD SB "=1", NULL, 15, 0, 0 },
    { PMD SB "=100", NULL, 15, 0, 0 },
    { PMD SB "=10.0", NULL, 15, 0, 0 },
    { PMD SB "=1e", NULL, 15, 0, 0 },
    { PMD SB "=a", NULL, 15, 0, 0 },
    { PMD SB "=4294967306", NULL, 15, 0, 0 },
    { PMD CB "=", NULL, 15, 0, 0 },
    { PMD CB "=8", NULL, 15, 0, 0 },
    { PMD CB "=16", NULL, 15, 0, 0 },
    { PMD CB "=015", NULL, 15, 0, 0 },
    { PMD CB "=x", NULL, 15, 0, 0 },
    { PMD CB "=\"\"", NULL, 15, 0, 0 },
    { PMD SN "=1", NULL, 15, 0, 0 },
    { PMD SN "=true", NULL, 15, 0, 0 },
    { PMD SN "=", NULL, 15, 0, 0 },
    { PMD CN "=\"\"", NULL, 15, 0, 0 },
    { PMD CN "=0", NULL, 15, 0, 0 },

    /* twice is too much, also of the same */

    { PMD SN SN, NULL, 15, 0, 0 },
    { PMD CN CN, NULL, 15, 0, 0 },
    { PMD SB "=10" SB "=10", NULL, 15, 0, 0 },
    { PMD SB "=10; Server_Max_Window_Bits=11", NULL, 15, 0, 0 },
    { PMD CB CB, NULL, 15, 0, 0 },
    { PMD CB CB "=10", NULL, 15, 0, 0 },

    /* what nobody knows */

    { PMD "; foo", NULL, 15, 0, 0 },
    { PMD "; foo=bar", NULL, 15, 0, 0 },
    { PMD SN "; foo=\"bar\"" CN, NULL, 15, 0, 0 },
    { PMD "; server_no_context_takeove", NULL, 15, 0, 0 },
    { PMD "; server_no_context_takeoverr", NULL, 15, 0, 0 },
    { "permessage-deflat", NULL, 15, 0, 0 },
    { "permessage-deflate2", NULL, 15, 0, 0 },
    { "x-webkit-deflate-frame", NULL, 15, 0, 0 },
    { "foo; permessage-deflate", NULL, 15, 0, 0 },
    { "foo=permessage-deflate", NULL, 15, 0, 0 },
    { "\"permessage-deflate\"", NULL, 15, 0, 0 },

    /* the grammar of RFC 6455, section 9.1 */

    { "", NULL, 15, 0, 0 },
    { " \t ", NULL, 15, 0, 0 },
    { ",,,", NULL, 15, 0, 0 },
    { ";", NULL, 15, 0, 0 },
    { "=", NULL, 15, 0, 0 },
    { "\"", NULL, 15, 0, 0 },
    { "\\", NULL, 15, 0, 0 },
    { PMD ";", NULL, 15, 0, 0 },
    { PMD ";;" SN, NULL, 15, 0, 0 },
    { PMD "; =1", NULL, 15, 0, 0 },
    { PMD "; ,", NULL, 15, 0, 0 },
    { PMD " foo", NULL, 15, 0, 0 },
    { PMD " server_no_context_takeover", NULL, 15, 0, 0 },
    { PMD "=1", NULL, 15, 0, 0 },
    { PMD SB "=10 11", NULL, 15, 0, 0 },
    { PMD SB "==10", NULL, 15, 0, 0 },
    { PMD SB "=10=", NULL, 15, 0, 0 },
    { PMD SB "=\"10", NULL, 15, 0, 0 },
    { PMD SB "=10\"", NULL, 15, 0, 0 },
    { PMD SB "=\"10\"1", NULL, 15, 0, 0 },
    { PMD SB "=\"1 0\"", NULL, 15, 0, 0 },
    { PMD SB "=\" 10\"", NULL, 15, 0, 0 },
    { PMD SB "=\"10\\", NULL, 15, 0, 0 },
    { PMD SB "='10'", NULL, 15, 0, 0 },
    { PMD SB "=\"\x01" "10\"", NULL, 15, 0, 0 },
    { PMD SB "=\"10\"", PMD BOTH SB "=10", 15, 0, 0 },
    { PMD SB "=\"\\1\\0\"", PMD BOTH SB "=10", 15, 0, 0 },
    { PMD CB "=\"9\"", PMD BOTH CB "=9", 15, 0, 0 },
    { "\t" PMD " \t;\t server_max_window_bits \t=\t 10 \t,",
      PMD BOTH SB "=10", 15, 0, 0 },
    { PMD ";server_no_context_takeover;client_max_window_bits",
      PMD SN, 15, 1, 1 },
    { "Permessage-DEFLATE; SERVER_max_WINDOW_bits=11",
      PMD BOTH SB "=11", 15, 0, 0 },

    /* the first one that is acceptable */

    { PMD SB "=10, " PMD, PMD BOTH SB "=10", 15, 0, 0 },
    { PMD ", " PMD SB "=10", PMD BOTH, 15, 0, 0 },
    { PMD SB "=8, " PMD, PMD BOTH, 15, 0, 0 },
    { PMD SB "=8, " PMD SB "=9, " PMD, PMD BOTH SB "=9", 15, 0, 0 },
    { PMD "; foo, " PMD CB "=16, " PMD SN SN ", " PMD CN, PMD CN, 15, 1, 1 },
    { "foo, bar; x=1;y=\"2\", " PMD, PMD BOTH, 15, 0, 0 },
    { "foo; bar=\", " PMD SB "=9, \", " PMD SB "=10",
      PMD BOTH SB "=10", 15, 0, 0 },
    { PMD "; foo=\", " PMD SB "=9, \", " PMD SB "=10",
      PMD BOTH SB "=10", 15, 0, 0 },
    { "foo; bar=\"\\\", " PMD SB "=9, \", " PMD SB "=10",
      PMD BOTH SB "=10", 15, 0, 0 },
    { "foo; bar=\", " PMD, NULL, 15, 0, 0 },
    { "foo; bar=\"\\", NULL, 15, 0, 0 },
    { PMD SB "=\"8\", " PMD, PMD BOTH, 15, 0, 0 },
    { "@,;=, \x80\xff, " PMD, PMD BOTH, 15, 0, 0 },
    { ", ,," PMD, PMD BOTH, 15, 0, 0 },

    /* browsers */

    { PMD CB, PMD BOTH, 15, 0, 0 },
    { PMD ", x-webkit-deflate-frame", PMD BOTH, 15, 0, 0 },
    { PMD CB "," PMD, PMD BOTH, 15, 0, 0 }
};


/* all combinations of the four, against the rules written down again */

static void
extensions_test_all(void)
{
    int                         i, n, bad, sb, cb, bits, server, client, want;
    char                        offer[256], answer[256];
    const char                 *got;
    ngx_messaging_extensions_t  agreed;

    bad = 0;
    n = 0;

    for (i = 0; i < 4 * 4 * 7 * 9 * 9; i++) {
        server = i & 1;
        client = i >> 1 & 1;
        bits = 9 + i / 16 % 7;

        /* 0: not offered; of the client 8: without a value */
        sb = i / 112 % 9;
        cb = i / 1008 % 9;

        if (sb == 8) {
            continue;
        }

        strcpy(offer, PMD);

        if (cb) {
            sprintf(offer + strlen(offer), cb == 8 ? CB : CB "=%d", 8 + cb);
        }

        if (i >> 2 & 1) {
            strcat(offer, SN);
        }

        if (sb) {
            sprintf(offer + strlen(offer), SB "=%d", 8 + sb);
        }

        if (i >> 3 & 1) {
            strcat(offer, CN);
        }

        strcpy(answer, PMD);
        strcat(answer, !server || (i >> 2 & 1) ? SN : "");
        strcat(answer, !client || (i >> 3 & 1) ? CN : "");

        want = sb && 8 + sb < bits ? 8 + sb : bits;

        if (sb || want < 15) {
            sprintf(answer + strlen(answer), SB "=%d", want);
        }

        want = cb == 0 ? 15 : cb < 8 && 8 + cb < bits ? 8 + cb : bits;

        if (cb && want < 15) {
            sprintf(answer + strlen(answer), CB "=%d", want);
        }

        got = extensions_answer(offer, strlen(offer), bits, server, client,
                                &agreed);
        n++;

        if (got == NULL || strcmp(got, answer) != 0
            || (int) agreed.client_bits != want)
        {
            bad++;
            printf("# %d: %s: %s\n", i, offer, got ? got : "none");
        }
    }

    unit_int(bad, 0, "all combinations of offer and configuration");
    unit_int(n, 4 * 4 * 7 * 8 * 9, "... so many");
}


/* work grows with the length, and nothing else does */

static void
extensions_test_long(void)
{
    char                        *offer, *p;
    size_t                       i, len;
    ngx_messaging_extensions_t   agreed;

    static const char  *parts[] = {
        ",", ";", "\"", "a,", "a;b=\"\\\"\",", PMD ";", PMD "; x=\"",
        PMD SB "=8,", PMD SB "=\"8\"" SN ","
    };

    len = 1 << 20;
    offer = malloc(len);

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {

        for (p = offer; p < offer + len; p++) {
            *p = parts[i][(p - offer) % strlen(parts[i])];
        }

        unit_ok(extensions_answer(offer, len, 15, 0, 0, &agreed) == NULL,
                "a megabyte of %s", parts[i]);
    }

    free(offer);
}


int
main(void)
{
    size_t                       i, longest;
    const char                  *answer;
    ngx_messaging_extensions_t   agreed;

    for (i = 0;
         i < sizeof(extensions_tests) / sizeof(extensions_tests[0]);
         i++)
    {
        extensions_check(&extensions_tests[i]);
    }

    extensions_test_all();
    extensions_test_long();

    answer = extensions_answer(PMD SB "=10" CB "=10", sizeof(PMD SB "=10" CB)
                               + 2, 15, 0, 0, &agreed);
    longest = answer ? strlen(answer) : 0;

    unit_ok(longest == sizeof(PMD BOTH SB "=10" CB "=10") - 1
            && longest <= NGX_MESSAGING_EXTENSIONS_MAX,
            "the longest answer has room");

    unit_ok(extensions_answer("permessage-deflate\0", 19, 15, 0, 0, &agreed)
            == NULL, "a zero byte is no white space");

    return unit_done();
}
