
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_access.h"
#include "ngx_http_messaging_ask.h"
#include "ngx_http_messaging_auth.h"
#include "ngx_http_messaging_deflate.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_quota.h"
#include "ngx_http_messaging_refuse.h"
#include "ngx_http_messaging_session.h"
#include "ngx_messaging_envelope.h"

#include <ngx_sha1.h>


/*
 * The way of a request: what is wrong with it as HTTP gets a status; who is
 * not let in gets the 101 and then a Close frame, because a browser cannot
 * see the status of a refused handshake; who is let in waits until the broker
 * has confirmed the channel.  No byte of a conversation is queued before.
 */


#define NGX_HTTP_MESSAGING_SUBPROTOCOL  "messaging.v1"


/* what the headers say; kept on the stack, the values are the request's */

typedef struct {
    ngx_str_t                     key;
    ngx_str_t                     origin;
    ngx_str_t                     bearer;      /* of "bearer.<JWT>" */
    ngx_uint_t                    nkeys;
    ngx_uint_t                    norigins;
    ngx_uint_t                    nversions;
    unsigned                      upgrade:1;
    unsigned                      connection:1;
    unsigned                      version:1;
    unsigned                      subprotocol:1;   /* messaging.v1 offered */
} ngx_http_messaging_headers_t;


static void ngx_http_messaging_handshake_headers(ngx_http_request_t *r,
    ngx_http_messaging_headers_t *h);
static ngx_uint_t ngx_http_messaging_handshake_token(ngx_str_t *value,
    u_char **pos, ngx_str_t *token);
static ngx_uint_t ngx_http_messaging_handshake_has(ngx_str_t *value,
    const char *word);
static void ngx_http_messaging_handshake_protocols(ngx_str_t *value,
    ngx_http_messaging_headers_t *h);
static ngx_int_t ngx_http_messaging_handshake_check(ngx_http_request_t *r,
    ngx_http_messaging_worker_t *worker, ngx_http_messaging_headers_t *h);
static ngx_uint_t ngx_http_messaging_handshake_key(ngx_str_t *key);
static ngx_int_t ngx_http_messaging_handshake_name(ngx_http_request_t *r,
    ngx_http_complex_value_t *value, ngx_str_t *name);
static ngx_int_t ngx_http_messaging_handshake_enter(
    ngx_http_messaging_session_t *s, ngx_str_t *token, ngx_uint_t source);
static ngx_int_t ngx_http_messaging_handshake_ask(
    ngx_http_messaging_session_t *s);
static ngx_int_t ngx_http_messaging_handshake_admit(
    ngx_http_messaging_session_t *s);
static ngx_int_t ngx_http_messaging_handshake_subscribe(
    ngx_http_messaging_session_t *s);
static void ngx_http_messaging_handshake_waiting(ngx_http_request_t *r);


ngx_int_t
ngx_http_messaging_handshake_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_str_t                        token;
    ngx_uint_t                       source;
    ngx_http_messaging_worker_t     *worker;
    ngx_http_messaging_session_t    *s;
    ngx_http_messaging_headers_t     h;
    ngx_http_messaging_loc_conf_t   *mlcf;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);
    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_messaging_module);

    worker = mmcf->worker;

    if (worker == NULL || r != r->main) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    ngx_http_messaging_handshake_headers(r, &h);

    rc = ngx_http_messaging_handshake_check(r, worker, &h);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    source = ngx_http_messaging_auth_find(r, mlcf, &h.bearer, &token);

    if (h.norigins > 1
        || ngx_http_messaging_access_origin(r, mlcf,
                                     h.norigins ? &h.origin : NULL,
                                     source != NGX_HTTP_MESSAGING_FROM_COOKIE)
           != NGX_OK)
    {
        return ngx_http_messaging_refuse_request(r, worker,
                                           NGX_MESSAGING_STAT_REFUSED_ORIGIN,
                                           NGX_HTTP_FORBIDDEN);
    }

    s = ngx_http_messaging_session_create(r, worker);
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (mlcf->endpoint == NGX_HTTP_MESSAGING_ENDPOINT_ONE) {

        rc = ngx_http_messaging_handshake_name(r, mlcf->conversation,
                                               &s->conversation);
        if (rc != NGX_OK) {
            return rc;
        }

        if (!ngx_messaging_conversation_valid(&s->conversation)) {
            ngx_str_null(&s->conversation);
            ngx_http_messaging_session_uncount(s);

            return ngx_http_messaging_refuse_request(r, worker,
                                     NGX_MESSAGING_STAT_REFUSED_CONVERSATION,
                                     NGX_HTTP_NOT_FOUND);
        }
    }

    /* this one is counted already: two workers never let one too many in */

    if (mmcf->max_connections
        && ngx_messaging_shm_sum(mmcf->shm, worker->slot,
                                 NGX_MESSAGING_STAT_CONNECTIONS)
           > mmcf->max_connections)
    {
        ngx_http_messaging_session_uncount(s);

        return ngx_http_messaging_refuse_request(r, worker,
                                      NGX_MESSAGING_STAT_REFUSED_CONNECTIONS,
                                      NGX_HTTP_SERVICE_UNAVAILABLE);
    }

    if (ngx_http_messaging_quota_address(s) != NGX_OK) {
        ngx_http_messaging_session_uncount(s);

        return ngx_http_messaging_refuse_request(r, worker,
                              NGX_MESSAGING_STAT_REFUSED_ADDRESS_CONNECTIONS,
                              NGX_HTTP_SERVICE_UNAVAILABLE);
    }

    return ngx_http_messaging_handshake_enter(s, &token, source);
}


static void
ngx_http_messaging_handshake_headers(ngx_http_request_t *r,
    ngx_http_messaging_headers_t *h)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    ngx_memzero(h, sizeof(ngx_http_messaging_headers_t));

    part = &r->headers_in.headers.part;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

#define ngx_http_messaging_is(name)                                           \
    (header[i].key.len == sizeof(name) - 1                                    \
     && ngx_strncmp(header[i].lowcase_key, name, sizeof(name) - 1) == 0)

        if (ngx_http_messaging_is("upgrade")) {
            h->upgrade |= ngx_http_messaging_handshake_has(&header[i].value,
                                                           "websocket");

        } else if (ngx_http_messaging_is("connection")) {
            h->connection |= ngx_http_messaging_handshake_has(
                                                &header[i].value, "upgrade");

        } else if (ngx_http_messaging_is("origin")) {
            h->origin = header[i].value;
            h->norigins++;

        } else if (ngx_http_messaging_is("sec-websocket-key")) {
            h->key = header[i].value;
            h->nkeys++;

        } else if (ngx_http_messaging_is("sec-websocket-version")) {
            h->version = (header[i].value.len == 2
                          && ngx_strncmp(header[i].value.data, "13", 2) == 0);
            h->nversions++;

        } else if (ngx_http_messaging_is("sec-websocket-protocol")) {
            ngx_http_messaging_handshake_protocols(&header[i].value, h);
        }

#undef ngx_http_messaging_is
    }
}


/* the next element of a comma-separated list, RFC 9110, section 5.6.1 */

static ngx_uint_t
ngx_http_messaging_handshake_token(ngx_str_t *value, u_char **pos,
    ngx_str_t *token)
{
    u_char  *p, *last;

    p = *pos;
    last = value->data + value->len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
        p++;
    }

    if (p == last) {
        return 0;
    }

    token->data = p;

    while (p < last && *p != ',') {
        p++;
    }

    *pos = p;

    while (p[-1] == ' ' || p[-1] == '\t') {
        p--;
    }

    token->len = p - token->data;

    return 1;
}


static ngx_uint_t
ngx_http_messaging_handshake_has(ngx_str_t *value, const char *word)
{
    size_t      len;
    u_char     *p;
    ngx_str_t   token;

    p = value->data;
    len = ngx_strlen(word);

    while (ngx_http_messaging_handshake_token(value, &p, &token)) {
        if (token.len == len
            && ngx_strncasecmp(token.data, (u_char *) word, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_messaging_handshake_protocols(ngx_str_t *value,
    ngx_http_messaging_headers_t *h)
{
    u_char     *p;
    ngx_str_t   token;

    p = value->data;

    while (ngx_http_messaging_handshake_token(value, &p, &token)) {

        if (token.len == sizeof(NGX_HTTP_MESSAGING_SUBPROTOCOL) - 1
            && ngx_strncmp(token.data, NGX_HTTP_MESSAGING_SUBPROTOCOL,
                           token.len)
               == 0)
        {
            h->subprotocol = 1;

        } else if (h->bearer.len == 0
                   && token.len > sizeof("bearer.") - 1
                   && ngx_strncmp(token.data, "bearer.",
                                  sizeof("bearer.") - 1)
                      == 0)
        {
            h->bearer.data = token.data + sizeof("bearer.") - 1;
            h->bearer.len = token.len - (sizeof("bearer.") - 1);
        }
    }
}


/* RFC 6455, section 4.2.1: NGX_DECLINED, or what the handler is to return */

static ngx_int_t
ngx_http_messaging_handshake_check(ngx_http_request_t *r,
    ngx_http_messaging_worker_t *worker, ngx_http_messaging_headers_t *h)
{
    if (r->method != NGX_HTTP_GET) {

        if (ngx_http_messaging_handshake_header(r, "Allow", (u_char *) "GET",
                                                3)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_messaging_refuse_request(r, worker,
                                            NGX_MESSAGING_STAT_REFUSED_METHOD,
                                            NGX_HTTP_NOT_ALLOWED);
    }

    /*
     * An answer 426 would need the Upgrade header, which HTTP/2 and HTTP/3
     * forbid; a body would be taken for frames.
     */

    if (r->http_version > NGX_HTTP_VERSION_11
        || r->headers_in.content_length_n > 0
        || r->headers_in.chunked)
    {
        return ngx_http_messaging_refuse_request(r, worker,
                                           NGX_MESSAGING_STAT_REFUSED_REQUEST,
                                           NGX_HTTP_BAD_REQUEST);
    }

    if (!h->upgrade || !h->connection
        || r->http_version < NGX_HTTP_VERSION_11)
    {
        return ngx_http_messaging_refuse_request(r, worker,
                                       NGX_MESSAGING_STAT_REFUSED_UPGRADE,
                                       NGX_HTTP_MESSAGING_UPGRADE_REQUIRED);
    }

    if (h->nversions != 1 || !h->version) {
        return ngx_http_messaging_refuse_request(r, worker,
                                       NGX_MESSAGING_STAT_REFUSED_VERSION,
                                       NGX_HTTP_MESSAGING_UPGRADE_REQUIRED);
    }

    if (h->nkeys != 1 || !ngx_http_messaging_handshake_key(&h->key)) {
        return ngx_http_messaging_refuse_request(r, worker,
                                               NGX_MESSAGING_STAT_REFUSED_KEY,
                                               NGX_HTTP_BAD_REQUEST);
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_messaging_handshake_key(ngx_str_t *key)
{
    u_char     decoded[ngx_base64_decoded_length(24)];
    ngx_str_t  dst;

    if (key->len != 24) {
        return 0;
    }

    dst.data = decoded;

    return ngx_decode_base64(&dst, key) == NGX_OK && dst.len == 16
           && key->data[22] == '=' && key->data[23] == '=';
}


static ngx_int_t
ngx_http_messaging_handshake_name(ngx_http_request_t *r,
    ngx_http_complex_value_t *value, ngx_str_t *name)
{
    ngx_str_t  text;

    if (ngx_http_complex_value(r, value, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* what a variable holds may change while the session lives */

    name->len = text.len;
    name->data = ngx_pstrdup(r->pool, &text);

    return name->data ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_messaging_handshake_enter(ngx_http_messaging_session_t *s,
    ngx_str_t *token, ngx_uint_t source)
{
    ngx_int_t                       rc;
    ngx_http_request_t             *r;
    ngx_http_messaging_loc_conf_t  *mlcf;

    r = s->request;
    mlcf = s->conf;

    rc = source ? ngx_http_messaging_auth_verify(s, token)
                : NGX_MESSAGING_JWT_MISSING;

    if (rc != NGX_OK) {
        return ngx_http_messaging_refuse_session(s,
                              NGX_MESSAGING_STAT_REFUSED_TOKEN_MISSING + rc
                              - NGX_MESSAGING_JWT_MISSING,
                              NGX_MESSAGING_CLOSE_TOKEN,
                              ngx_http_messaging_auth_text(rc));
    }

    if (mlcf->endpoint == NGX_HTTP_MESSAGING_ENDPOINT_CHANNEL) {

        /* may name the user, and so not before the token was verified */

        rc = ngx_http_messaging_handshake_name(r, mlcf->channel,
                                               &s->conversation);
        if (rc != NGX_OK) {
            return rc;
        }

        if (!ngx_messaging_channel_valid(&s->conversation)) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "messaging_channel \"%V\" is not a channel",
                          &s->conversation);

            ngx_str_null(&s->conversation);
            ngx_http_messaging_session_uncount(s);

            return ngx_http_messaging_refuse_request(r, s->worker,
                                     NGX_MESSAGING_STAT_REFUSED_CONVERSATION,
                                     NGX_HTTP_NOT_FOUND);
        }
    }

    if (mlcf->access == NGX_HTTP_MESSAGING_ACCESS_REQUEST
        || (mlcf->access == NGX_HTTP_MESSAGING_ACCESS_REDIS
            && mlcf->endpoint != NGX_HTTP_MESSAGING_ENDPOINT_MANY))
    {
        return ngx_http_messaging_handshake_ask(s);
    }

    if (mlcf->endpoint != NGX_HTTP_MESSAGING_ENDPOINT_MANY
        && ngx_http_messaging_access_check(mlcf, s->access, &s->conversation)
           != NGX_OK)
    {
        return ngx_http_messaging_refuse_session(s,
                                            NGX_MESSAGING_STAT_REFUSED_ACCESS,
                                            NGX_MESSAGING_CLOSE_ACCESS,
                                            "no access");
    }

    return ngx_http_messaging_handshake_admit(s);
}


/* nothing but the client's end is looked at until the backend has answered */

static ngx_int_t
ngx_http_messaging_handshake_ask(ngx_http_messaging_session_t *s)
{
    ngx_http_request_t  *r;

    r = s->request;

    if (ngx_http_messaging_ask(s, &s->conversation, 0) != NGX_OK) {
        return ngx_http_messaging_refuse_session(s,
                                            NGX_MESSAGING_STAT_REFUSED_BACKEND,
                                            NGX_MESSAGING_CLOSE_TRY_LATER,
                                            "access check failed");
    }

    s->waiting = 1;

    r->read_event_handler = ngx_http_messaging_handshake_waiting;
    r->write_event_handler = ngx_http_request_empty_handler;

    r->main->count++;
    return NGX_DONE;
}


void
ngx_http_messaging_handshake_asked(ngx_http_messaging_session_t *s,
    ngx_int_t rc, ngx_uint_t read_only)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if (ngx_http_messaging_session_lost(s)) {
        return;
    }

    r = s->request;
    c = s->connection;

    r->read_event_handler = ngx_http_block_reading;

    s->waiting = 0;
    s->single.read_only = read_only;

    switch (rc) {

    case NGX_OK:
        rc = ngx_http_messaging_handshake_admit(s);
        break;

    case NGX_HTTP_UNAUTHORIZED:
        rc = ngx_http_messaging_refuse_session(s,
                                     NGX_MESSAGING_STAT_REFUSED_BACKEND_TOKEN,
                                     NGX_MESSAGING_CLOSE_TOKEN,
                                     "token refused");
        break;

    case NGX_DECLINED:
        rc = ngx_http_messaging_refuse_session(s,
                                            NGX_MESSAGING_STAT_REFUSED_ACCESS,
                                            NGX_MESSAGING_CLOSE_ACCESS,
                                            "no access");
        break;

    default: /* NGX_ERROR */
        rc = ngx_http_messaging_refuse_session(s,
                                            NGX_MESSAGING_STAT_REFUSED_BACKEND,
                                            NGX_MESSAGING_CLOSE_TRY_LATER,
                                            "access check failed");
        break;
    }

    /* as if the content handler had returned it */

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_messaging_handshake_admit(ngx_http_messaging_session_t *s)
{
    if (ngx_http_messaging_quota_user(s) != NGX_OK) {
        return ngx_http_messaging_refuse_session(s,
                                 NGX_MESSAGING_STAT_REFUSED_USER_CONNECTIONS,
                                 NGX_MESSAGING_CLOSE_TRY_LATER,
                                 "too many connections");
    }

    if (!s->worker->broker->ops->ready(s->worker->broker)) {
        return ngx_http_messaging_refuse_session(s,
                                            NGX_MESSAGING_STAT_REFUSED_BROKER,
                                            NGX_MESSAGING_CLOSE_TRY_LATER,
                                            "broker unavailable");
    }

    return ngx_http_messaging_handshake_subscribe(s);
}


static ngx_int_t
ngx_http_messaging_handshake_subscribe(ngx_http_messaging_session_t *s)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = s->request;

    rc = NGX_OK;

    if (s->conf->endpoint != NGX_HTTP_MESSAGING_ENDPOINT_MANY) {

        rc = ngx_http_messaging_session_subscribe(s, &s->single,
                                                  &s->conversation);
        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (s->access) {
            json_decref(s->access);
            s->access = NULL;
        }
    }

    s->admitted = 1;

    if (rc == NGX_OK) {

        if (ngx_http_messaging_session_open(s) != NGX_OK) {
            return NGX_ERROR;
        }

        r->main->count++;
        return NGX_DONE;
    }

    s->waiting = 1;

    r->read_event_handler = ngx_http_messaging_handshake_waiting;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_add_timer(r->connection->read, NGX_HTTP_MESSAGING_CONFIRM_TIMEOUT);

    r->main->count++;
    return NGX_DONE;
}


static void
ngx_http_messaging_handshake_waiting(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_messaging_session_t  *s;

    if (!r->connection->read->timedout) {
        ngx_http_test_reading(r);
        return;
    }

    r->connection->read->timedout = 0;

    s = ngx_http_get_module_ctx(r, ngx_http_messaging_module);

    r->read_event_handler = ngx_http_block_reading;

    s->waiting = 0;
    s->admitted = 0;

    ngx_http_messaging_session_unsubscribe(s, NULL);

    rc = ngx_http_messaging_refuse_session(s,
                                           NGX_MESSAGING_STAT_REFUSED_BROKER,
                                           NGX_MESSAGING_CLOSE_TRY_LATER,
                                           "subscription timed out");

    /* NGX_DONE gives back what the reject has added to r->main->count */

    ngx_http_finalize_request(r, rc);
}


void
ngx_http_messaging_handshake_confirmed(ngx_http_messaging_session_t *s)
{
    s->single.ready = 0;

    if (ngx_http_messaging_session_open(s) != NGX_OK) {
        ngx_http_messaging_session_finalize(s, NGX_ERROR);
    }
}


/* RFC 6455, section 4.2.2 */

ngx_int_t
ngx_http_messaging_handshake_switch(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_str_t                     hash, accept;
    ngx_sha1_t                    sha1;
    ngx_http_messaging_headers_t  h;
    u_char                        digest[20];
    u_char                        encoded[ngx_base64_encoded_length(20)];

    ngx_http_messaging_handshake_headers(r, &h);

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, h.key.data, h.key.len);
    ngx_sha1_update(&sha1, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    ngx_sha1_final(digest, &sha1);

    hash.data = digest;
    hash.len = sizeof(digest);
    accept.data = encoded;

    ngx_encode_base64(&accept, &hash);

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");

    if (ngx_http_messaging_handshake_header(r, "Upgrade",
                                            (u_char *) "websocket", 9)
        != NGX_OK
        || ngx_http_messaging_handshake_header(r, "Sec-WebSocket-Accept",
                                               accept.data, accept.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* never one that carries a token, and none that was not offered */

    if (h.subprotocol
        && ngx_http_messaging_handshake_header(r, "Sec-WebSocket-Protocol",
                             (u_char *) NGX_HTTP_MESSAGING_SUBPROTOCOL,
                             sizeof(NGX_HTTP_MESSAGING_SUBPROTOCOL) - 1)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_messaging_deflate_accept(r) != NGX_OK) {
        return NGX_ERROR;
    }

    r->keepalive = 0;

    /* an error page would keep its own status, and a limit the connection */

    r->err_status = 0;
    r->limit_rate = 0;
    r->limit_rate_set = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    /* or postpone_output would keep it */

    return ngx_http_send_special(r, NGX_HTTP_FLUSH);
}


ngx_int_t
ngx_http_messaging_handshake_header(ngx_http_request_t *r, const char *name,
    u_char *value, size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);

    h->value.len = len;
    h->value.data = ngx_pnalloc(r->pool, len);

    if (h->value.data == NULL) {
        h->hash = 0;
        return NGX_ERROR;
    }

    ngx_memcpy(h->value.data, value, len);

    return NGX_OK;
}
