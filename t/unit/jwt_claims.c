
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_hmac.c"
#include "../../src/ngx_messaging_json.c"
#include "../../src/ngx_messaging_jwk.c"
#include "../../src/ngx_messaging_jwks.c"
#include "../../src/ngx_messaging_jwt.c"
#include "unit.h"
#include "mint.h"


#define EXP  "\"exp\":1800000060"


static long        test_fail_after = -1;
static ngx_uint_t  test_failed;


static void *
test_malloc(size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    if (test_fail_after >= 0 && test_fail_after-- == 0) {
        test_failed = 1;
        return NULL;
    }

    return malloc(size);
}


static void *
test_realloc(void *p, size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    if (test_fail_after >= 0 && test_fail_after-- == 0) {
        test_failed = 1;
        return NULL;
    }

    return realloc(p, size);
}


static void
test_free(void *p, const char *file, int line)
{
    (void) file;
    (void) line;

    free(p);
}


static void *
test_json_malloc(size_t size)
{
    return test_malloc(size, NULL, 0);
}


static void
test_payload(const char *text, size_t len, ngx_int_t want)
{
    char  *token;

    test_is(test_mint(EDDSA, bytes("{\"alg\":\"EdDSA\"}"), text, len), want,
            "payload %s", text);

    if (want != MALFORMED) {
        test_is(test_mint(HS256, bytes("{\"alg\":\"HS256\"}"), text, len),
                want, "the same by HS256");
        return;
    }

    /* libjwt parses the payload first and may find it, too */

    token = test_mint(HS256, bytes("{\"alg\":\"HS256\"}"), text, len);
    unit_ok(test_verify(token, strlen(token), NOW) > 0,
            "refused by HS256, too");
    free(token);
}


static void
test_cases(test_case_t *t)
{
    for ( /* void */ ; t->text; t++) {
        test_payload(t->text, t->len, t->want);
    }
}


static void
test_forms(void)
{
    char           *text;
    ngx_uint_t      i, n;
    test_signer_t   by;

    static test_case_t  tests[] = {
        { bytes("{" EXP ",\"user_id\":42}"), OK },
        { bytes(" { " EXP " , \"user_id\" : 42 } \r\n\t"), OK },
        { bytes("{" EXP ",\"user\\u005fid\":42}"), OK },
        { bytes("{}"), CLAIM },
        { bytes("[]"), MALFORMED },
        { bytes("[1,2]"), MALFORMED },
        { bytes("[{" EXP ",\"user_id\":42}]"), MALFORMED },
        { bytes("null"), MALFORMED },
        { bytes("\"text\""), MALFORMED },
        { bytes("1"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42}x"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42}{}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42}\0"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42}\0{\"user_id\":43}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42,}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":042}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":0x2a}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42/**/}"), MALFORMED },
        { bytes("\xef\xbb\xbf{" EXP ",\"user_id\":42}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42,\"x\":\"\xff\"}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42,\"x\":\"\xc0\x80\"}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42,\"x\":\"\\u0000\"}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42,\"x\":\"\\ud800\"}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42,\"x\":\"\n\"}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42,\"user_id\":43}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42,\"user\\u005fid\":43}"), MALFORMED },
        { bytes("{" EXP "," EXP ",\"user_id\":42}"), MALFORMED },
        { bytes("{\"exp\":1," EXP ",\"user_id\":42}"), MALFORMED },
        { bytes("{" EXP ",\"user_id\":42,\"x\":{\"a\":1,\"a\":1}}"),
          MALFORMED },
        { bytes("{" EXP ",\"user_id\":42,\"x\":"
                "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}"), OK },
        { bytes("{" EXP ",\"user_id\":42,\"x\":"
                "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"), MALFORMED },
        { NULL, 0, 0 }
    };

    test_cases(tests);

    /* the object, exp, user_id and x are values, too */

    for (n = 2044; n <= 2045; n++) {
        text = malloc(8192);
        strcpy(text, "{" EXP ",\"user_id\":42,\"x\":[1");

        for (i = 1; i < n; i++) {
            strcat(text, ",1");
        }

        strcat(text, "]}");
        test_payload(text, strlen(text), (n == 2044) ? OK : MALFORMED);

        /* nor does libjwt get it to parse where the signature is wrong */

        by = *HS256;
        by.secret = "another";
        by.len = 7;
        test_is(test_mint(&by, bytes("{\"alg\":\"HS256\"}"), text,
                          strlen(text)),
                (n == 2044) ? SIGNATURE : MALFORMED, "the same, forged");
        free(text);
    }
}


static void
test_times(void)
{
    static test_case_t  tests[] = {

        /* now is 1800000000 */

        { bytes("{\"user_id\":42}"), CLAIM },
        { bytes("{\"EXP\":1800000060,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":null,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":\"1800000060\",\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":\"\",\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":true,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":[1800000060],\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":{},\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":-1,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":-1800000060,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":-0.5,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":-9223372036854775808,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":9007199254740993,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":9223372036854775807,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":9223372036854775808,\"user_id\":42}"), MALFORMED },
        { bytes("{\"exp\":9007199254740994.0,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":1e16,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":1e308,\"user_id\":42}"), CLAIM },
        { bytes("{\"exp\":1e400,\"user_id\":42}"), MALFORMED },
        { bytes("{\"exp\":Infinity,\"user_id\":42}"), MALFORMED },
        { bytes("{\"exp\":NaN,\"user_id\":42}"), MALFORMED },

        { bytes("{\"exp\":9007199254740992,\"user_id\":42}"), OK },
        { bytes("{\"exp\":9007199254740992.0,\"user_id\":42}"), OK },
        { bytes("{\"exp\":1800000060.0,\"user_id\":42}"), OK },
        { bytes("{\"exp\":1.80000006e9,\"user_id\":42}"), OK },
        { bytes("{\"exp\":1800000000.001,\"user_id\":42}"), OK },
        { bytes("{\"exp\":1800000001,\"user_id\":42}"), OK },

        { bytes("{\"exp\":1800000000.0,\"user_id\":42}"), EXPIRED },
        { bytes("{\"exp\":1800000000,\"user_id\":42}"), EXPIRED },
        { bytes("{\"exp\":1799999999.999,\"user_id\":42}"), EXPIRED },
        { bytes("{\"exp\":1799999999,\"user_id\":42}"), EXPIRED },
        { bytes("{\"exp\":0,\"user_id\":42}"), EXPIRED },
        { bytes("{\"exp\":-0,\"user_id\":42}"), EXPIRED },
        { bytes("{\"exp\":-0.0,\"user_id\":42}"), EXPIRED },
        { bytes("{\"exp\":1e-300,\"user_id\":42}"), EXPIRED },

        { bytes("{" EXP ",\"user_id\":42,\"nbf\":1800000000}"), OK },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":0}"), OK },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":1800000001}"), NOT_YET },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":1800000000.001}"), NOT_YET },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":9007199254740992}"),
          NOT_YET },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":9007199254740993}"), CLAIM },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":-1}"), CLAIM },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":\"0\"}"), CLAIM },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":null}"), CLAIM },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":false}"), CLAIM },

        { bytes("{" EXP ",\"user_id\":42,\"iat\":1800000000}"), OK },
        { bytes("{" EXP ",\"user_id\":42,\"iat\":1799999999.999}"), OK },
        { bytes("{" EXP ",\"user_id\":42,\"iat\":0}"), OK },
        { bytes("{" EXP ",\"user_id\":42,\"iat\":1800000001}"), NOT_YET },
        { bytes("{" EXP ",\"user_id\":42,\"iat\":9007199254740992}"),
          NOT_YET },
        { bytes("{" EXP ",\"user_id\":42,\"iat\":1e300}"), CLAIM },
        { bytes("{" EXP ",\"user_id\":42,\"iat\":-1}"), CLAIM },
        { bytes("{" EXP ",\"user_id\":42,\"iat\":\"1800000000\"}"), CLAIM },
        { bytes("{" EXP ",\"user_id\":42,\"iat\":null}"), CLAIM },

        { bytes("{\"exp\":1800000000,\"nbf\":1800000001,\"user_id\":42}"),
          EXPIRED },
        { NULL, 0, 0 }
    };

    static test_case_t  leeway[] = {
        { bytes("{\"exp\":1799999971,\"user_id\":42}"), OK },
        { bytes("{\"exp\":1799999970.001,\"user_id\":42}"), OK },
        { bytes("{\"exp\":1799999970,\"user_id\":42}"), EXPIRED },
        { bytes("{\"exp\":9007199254740992,\"user_id\":42}"), OK },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":1800000030}"), OK },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":1800000031}"), NOT_YET },
        { bytes("{" EXP ",\"user_id\":42,\"nbf\":0}"), OK },
        { bytes("{" EXP ",\"user_id\":42,\"iat\":1800000030}"), OK },
        { bytes("{" EXP ",\"user_id\":42,\"iat\":1800000031}"), NOT_YET },
        { NULL, 0, 0 }
    };

    test_cases(tests);

    policy.leeway = 30;
    test_cases(leeway);

    /* a leeway without sense does not overflow */

    policy.leeway = NGX_MAX_TIME_T_VALUE;
    test_payload(bytes("{\"exp\":9007199254740992,\"nbf\":9007199254740992,"
                       "\"user_id\":42}"), NOT_YET);
    test_payload(bytes("{\"exp\":9007199254740992,\"user_id\":42}"), OK);

    policy.leeway = 0;
}


static void
test_expires(void)
{
    char                        *token;
    ngx_str_t                    text;
    ngx_uint_t                   i;
    ngx_messaging_jwt_claims_t   claims;

    static struct {
        const char  *payload;
        time_t       leeway;
        int64_t      want;
    } tests[] = {
        { "{\"exp\":1800000060,\"user_id\":42}", 0, 1800000060000LL },
        { "{\"exp\":1800000060,\"user_id\":42}", 30, 1800000090000LL },
        { "{\"exp\":1800000060.25,\"user_id\":42}", 0, 1800000060250LL },
        { "{\"exp\":9007199254740992,\"user_id\":42}", 60,
          9007199254740992000LL + 60000 },
        { "{\"exp\":9007199254740992.0,\"user_id\":42}", 0,
          9007199254740992000LL }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        token = test_token(HS256, tests[i].payload);
        text.len = strlen(token);
        text.data = (u_char *) token;

        policy.leeway = tests[i].leeway;
        claims.expires = 0;

        ngx_messaging_jwt_verify(&policy, &text, NOW, &claims);
        unit_int(claims.expires, tests[i].want, "expires");
        ngx_messaging_jwt_free(&claims);

        if (tests[i].want < 9000000000000000000LL) {
            unit_int(test_verify(token, text.len, tests[i].want - 1), OK,
                     "good until then");
            unit_int(test_verify(token, text.len, tests[i].want), EXPIRED,
                     "and then no more");
        }

        policy.leeway = 0;
        free(token);
    }
}


static void
test_users(void)
{
    char        *text, *name;
    ngx_uint_t   n;

    static test_case_t  tests[] = {
        { bytes("{" EXP ",\"user_id\":0}"), OK },
        { bytes("{" EXP ",\"user_id\":-42}"), OK },
        { bytes("{" EXP ",\"user_id\":9007199254740991}"), OK },
        { bytes("{" EXP ",\"user_id\":-9007199254740991}"), OK },
        { bytes("{" EXP ",\"user_id\":\"42\"}"), OK },
        { bytes("{" EXP ",\"user_id\":\" \"}"), OK },
        { bytes("{" EXP ",\"user_id\":\"anna@example.org\"}"), OK },
        { bytes("{" EXP ",\"user_id\":\"J\xc3\xbcrgen \xf0\x9f\x98\x80\"}"),
          OK },
        { bytes("{" EXP ",\"user_id\":\"\\u00a0\"}"), OK },
        { bytes("{" EXP ",\"user_id\":\"\\u00c2\\u0100\"}"), OK },

        { bytes("{" EXP "}"), USER },
        { bytes("{" EXP ",\"sub\":42}"), USER },
        { bytes("{" EXP ",\"USER_ID\":42}"), USER },
        { bytes("{" EXP ",\"user_id\":null}"), USER },
        { bytes("{" EXP ",\"user_id\":true}"), USER },
        { bytes("{" EXP ",\"user_id\":42.0}"), USER },
        { bytes("{" EXP ",\"user_id\":4.2e1}"), USER },
        { bytes("{" EXP ",\"user_id\":[42]}"), USER },
        { bytes("{" EXP ",\"user_id\":{\"id\":42}}"), USER },
        { bytes("{" EXP ",\"user_id\":9007199254740992}"), USER },
        { bytes("{" EXP ",\"user_id\":-9007199254740992}"), USER },
        { bytes("{" EXP ",\"user_id\":-9223372036854775808}"), USER },
        { bytes("{" EXP ",\"user_id\":\"\"}"), USER },
        { bytes("{" EXP ",\"user_id\":\"a\\nb\"}"), USER },
        { bytes("{" EXP ",\"user_id\":\"\\u0001\"}"), USER },
        { bytes("{" EXP ",\"user_id\":\"a\\u001f\"}"), USER },
        { bytes("{" EXP ",\"user_id\":\"\\u007f\"}"), USER },
        { bytes("{" EXP ",\"user_id\":\"\\u0080\"}"), USER },
        { bytes("{" EXP ",\"user_id\":\"a\\u009fb\"}"), USER },
        { NULL, 0, 0 }
    };

    test_cases(tests);

    for (n = 128; n <= 129; n++) {
        text = test_text("{" EXP ",\"user_id\":\"%0*d\"}", (int) n, 1);
        test_payload(text, strlen(text), (n == 128) ? OK : USER);
        free(text);
    }

    ngx_str_set(&policy.user_claim, "sub");
    test_payload(bytes("{" EXP ",\"user_id\":[],\"sub\":\"anna\"}"), OK);
    test_payload(bytes("{" EXP ",\"user_id\":42}"), USER);

    /* the name of a claim is not ended by a NUL, nor ever cut */

    policy.user_claim.data = (u_char *) "subject";
    test_payload(bytes("{" EXP ",\"sub\":\"anna\"}"), OK);

    for (n = 255; n <= 256; n++) {
        name = test_text("%0*d", (int) n, 1);
        policy.user_claim.data = (u_char *) name;
        policy.user_claim.len = n;
        text = test_text("{" EXP ",\"%s\":1%s%.255s%s}", name,
                         (n == 255) ? "" : ",\"", (n == 255) ? "" : name,
                         (n == 255) ? "" : "\":1");
        test_payload(text, strlen(text), (n == 255) ? OK : USER);
        free(text);
        free(name);
    }

    ngx_str_null(&policy.user_claim);
    test_payload(bytes("{" EXP ",\"\":42}"), USER);

    ngx_str_set(&policy.user_claim, "user_id");
}


/* want NULL: the token has no name, and is good */

static void
test_name(const char *members, const char *want)
{
    char                        *payload, *token;
    ngx_str_t                    text;
    ngx_int_t                    rc;
    ngx_messaging_jwt_claims_t   claims;

    payload = test_text("{" EXP ",\"user_id\":\"x\"%s}", members);
    token = test_token(HS256, payload);
    text.len = strlen(token);
    text.data = (u_char *) token;

    rc = ngx_messaging_jwt_verify(&policy, &text, NOW, &claims);

    unit_ok(rc == NGX_OK
            && strcmp(json_string_value(claims.user), "x") == 0
            && (want == NULL ? claims.name == NULL
                             : claims.name != NULL
                               && strcmp(json_string_value(claims.name), want)
                                  == 0),
            "name%s: %s", members, want ? want : "none");

    ngx_messaging_jwt_free(&claims);

    free(payload);
    free(token);
}


static void
test_names(void)
{
    char        *members, *name;
    ngx_uint_t   n;

    test_name("", NULL);
    test_name(",\"name\":\"Anna\"", "Anna");
    test_name(",\"name\":\"\"", "");
    test_name(",\"name\":null", NULL);
    test_name(",\"name\":42", NULL);
    test_name(",\"name\":[\"Anna\"]", NULL);
    test_name(",\"Name\":\"Anna\"", NULL);

    for (n = 256; n <= 257; n++) {
        name = test_text("%0*d", (int) n, 1);
        members = test_text(",\"name\":\"%s\"", name);
        test_name(members, (n == 256) ? name : NULL);
        free(members);
        free(name);
    }
}


static void
test_required(const char *claim, const char *value, const char *members,
    ngx_int_t want)
{
    char                         *payload;
    ngx_messaging_jwt_require_t   require;

    require.name = *str(claim);
    require.value = *str(value);

    policy.require = &require;
    policy.nrequire = 1;

    payload = test_text("{" EXP ",\"user_id\":42%s}", members);

    test_is(test_token(EDDSA, payload), want, "%s=%s in %s", claim, value,
            members);

    free(payload);

    policy.nrequire = 0;
}


static void
test_requires(void)
{
    char                         *text, *name;
    ngx_uint_t                    n;
    ngx_messaging_jwt_require_t   two[2];

    test_required("iss", "https://id.example", "", CLAIM);
    test_required("iss", "https://id.example",
                  ",\"iss\":\"https://id.example\"", OK);
    test_required("iss", "https://id.example",
                  ",\"iss\":\"https://id.example/\"", CLAIM);
    test_required("iss", "https://id.example",
                  ",\"iss\":\"https://ID.example\"", CLAIM);
    test_required("iss", "https://id.example",
                  ",\"ISS\":\"https://id.example\"", CLAIM);
    test_required("iss", "https://id.example",
                  ",\"iss\":[\"https://id.example\"]", CLAIM);
    test_required("iss", "https://id.example",
                  ",\"iss\":{\"https://id.example\":1}", CLAIM);
    test_required("iss", "https://id.example", ",\"iss\":null", CLAIM);
    test_required("iss", "null", ",\"iss\":null", CLAIM);
    test_required("iss", "", ",\"iss\":\"\"", OK);
    test_required("iss", "", ",\"iss\":null", CLAIM);
    test_required("iss", "", "", CLAIM);
    test_required("x", "[]", ",\"x\":[]", CLAIM);
    test_required("x", "{}", ",\"x\":{}", CLAIM);

    test_required("n", "1", ",\"n\":1", OK);
    test_required("n", "1", ",\"n\":\"1\"", OK);
    test_required("n", "1", ",\"n\":2", CLAIM);
    test_required("n", "1", ",\"n\":11", CLAIM);
    test_required("n", "1", ",\"n\":1.0", CLAIM);
    test_required("n", "1", ",\"n\":true", CLAIM);
    test_required("n", "01", ",\"n\":1", CLAIM);
    test_required("n", "-7", ",\"n\":-7", OK);
    test_required("n", "9223372036854775807", ",\"n\":9223372036854775807",
                  OK);
    test_required("n", "0.1", ",\"n\":0.1", OK);
    test_required("n", "1.5", ",\"n\":15e-1", OK);
    test_required("n", "1e308", ",\"n\":1e308", OK);

    test_required("b", "true", ",\"b\":true", OK);
    test_required("b", "true", ",\"b\":\"true\"", OK);
    test_required("b", "true", ",\"b\":false", CLAIM);
    test_required("b", "true", ",\"b\":1", CLAIM);
    test_required("b", "false", ",\"b\":false", OK);
    test_required("b", "false", ",\"b\":true", CLAIM);
    test_required("b", "false", "", CLAIM);

    test_required("aud", "chat", ",\"aud\":\"chat\"", OK);
    test_required("aud", "chat", ",\"aud\":[\"chat\"]", OK);
    test_required("aud", "chat", ",\"aud\":[\"mail\",\"chat\"]", OK);
    test_required("aud", "chat", ",\"aud\":[\"mail\",1,null,\"chat\"]", OK);
    test_required("aud", "chat", ",\"aud\":[]", CLAIM);
    test_required("aud", "chat", ",\"aud\":[\"chats\",\"cha\"]", CLAIM);
    test_required("aud", "chat", ",\"aud\":[[\"chat\"]]", CLAIM);
    test_required("aud", "chat", ",\"aud\":[{\"chat\":\"chat\"}]", CLAIM);
    test_required("aud", "chat", ",\"aud\":{\"chat\":\"chat\"}", CLAIM);
    test_required("aud", "chat", ",\"aud\":\"mail chat\"", CLAIM);
    test_required("aud", "chat", ",\"aud\":null", CLAIM);
    test_required("aud", "chat", "", CLAIM);
    test_required("aux", "chat", ",\"aux\":[\"chat\"]", CLAIM);
    test_required("au", "chat", ",\"au\":[\"chat\"]", CLAIM);

    for (n = 255; n <= 256; n++) {
        name = test_text("%0*d", (int) n, 1);
        text = test_text(",\"%s\":1", name);
        test_required(name, "1", text, (n == 255) ? OK : CLAIM);
        free(text);
        free(name);
    }

    two[0].name = *str("aud");
    two[0].value = *str("chat");
    two[1].name = *str("token_type");
    two[1].value = *str("access");

    policy.require = two;
    policy.nrequire = 2;

    test_payload(bytes("{" EXP ",\"user_id\":42,\"aud\":[\"chat\"],"
                       "\"token_type\":\"access\"}"), OK);
    test_payload(bytes("{" EXP ",\"user_id\":42,\"aud\":[\"chat\"],"
                       "\"token_type\":\"refresh\"}"), CLAIM);
    test_payload(bytes("{" EXP ",\"user_id\":42,"
                       "\"token_type\":\"access\"}"), CLAIM);
    test_payload(bytes("{" EXP ",\"user_id\":42,\"aud\":\"chat\"}"), CLAIM);

    policy.nrequire = 0;
}


static void
test_reasons(void)
{
    ngx_uint_t  i;

    static const char  *words[] = {
        "ok", "missing", "malformed", "algorithm", "key", "signature",
        "expired", "not_yet", "claim", "user", "internal", "revoked"
    };

    unit_int(NGX_MESSAGING_JWT_LAST, sizeof(words) / sizeof(words[0]),
             "every reason has a word");

    for (i = 0; i < NGX_MESSAGING_JWT_LAST; i++) {
        unit_str(ngx_messaging_jwt_reason(i),
                 strlen(ngx_messaging_jwt_reason(i)), words[i], words[i]);
    }

    unit_str(ngx_messaging_jwt_reason(-1), 8, "internal", "below");
    unit_str(ngx_messaging_jwt_reason(NGX_MESSAGING_JWT_LAST), 8, "internal",
             "above");
}


/*
 * Each allocation of OpenSSL and jansson fails once: a good token may then be
 * refused, but a forged one never passes.
 */

static void
test_no_memory(test_signer_t *by, ngx_uint_t forged)
{
    char                        *token, *p;
    long                         n;
    ngx_int_t                    rc;
    ngx_str_t                    text;
    ngx_uint_t                   bad;
    ngx_messaging_jwt_claims_t   claims;

    token = test_token(by, GOOD);

    if (forged) {
        p = strrchr(token, '.') + 2;
        *p = (*p == 'B') ? 'C' : 'B';
    }

    text.len = strlen(token);
    text.data = (u_char *) token;

    bad = 0;
    n = 0;

    do {
        test_failed = 0;
        test_fail_after = n++;

        rc = ngx_messaging_jwt_verify(&policy, &text, NOW, &claims);

        test_fail_after = -1;

        bad += rc < 0 || rc >= NGX_MESSAGING_JWT_LAST || ERR_peek_error() != 0
               || (rc == NGX_OK) != (claims.payload != NULL)
               || (rc == NGX_OK && forged);

        ngx_messaging_jwt_free(&claims);

    } while (test_failed);

    unit_ok(rc == (forged ? SIGNATURE : OK) && bad == 0 && n > 5,
            "%s%s: each of %ld allocations fails once",
            forged ? "forged " : "", by->kid, n - 1);

    free(token);
}


int
main(void)
{
    test_signer_t  *by;

    if (CRYPTO_set_mem_functions(test_malloc, test_realloc, test_free) != 1) {
        return 1;
    }

    json_set_alloc_funcs(test_json_malloc, free);

    test_setup();

    test_forms();
    test_times();
    test_expires();
    test_users();
    test_names();
    test_requires();
    test_reasons();

    for (by = signers; by->kid; by++) {
        test_no_memory(by, 0);
        test_no_memory(by, 1);
    }

    return test_done();
}
