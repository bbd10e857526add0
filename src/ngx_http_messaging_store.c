
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_reads.h"
#include "ngx_http_messaging_relay.h"
#include "ngx_http_messaging_store.h"
#include "ngx_http_messaging_stream.h"
#include "ngx_http_messaging_worker.h"
#include "ngx_messaging_envelope.h"
#include "ngx_messaging_json.h"


/*
 * Each message has its call from the moment it came, with all that the call
 * needs; what is taken is stored, whoever leaves meanwhile.  Of one session
 * and conversation one call is under way at a time: what was sent first is
 * stored first, also where the backend has many processes.
 *
 * The answer decides:
 *
 * 2xx               stored: "ack"; the members get what the backend has
 *                   answered, unless it publishes by itself
 * 401               the token is no good any longer: "nack", then 4001
 * 429               "nack", to be sent again when Retry-After says so
 * 4xx               "nack", for good
 * 5xx, none in time nobody knows: "nack", to be sent again.  The
 *                   Idempotency-Key tells the backend that it is the same
 *
 * With "stream=" there are no calls: Redis is given a message as it comes, and
 * keeps the order by itself; a consumer of the backend does the rest.
 */


#define NGX_HTTP_MESSAGING_STORE_VALUES       65536


typedef struct {
    ngx_queue_t                        queue;     /* store->messages */
    ngx_http_messaging_store_t        *store;
    ngx_http_messaging_call_t         *call;
    ngx_str_t                          conversation;
    ngx_str_t                          client_id; /* as JSON, or empty */
    ngx_uint_t                         started;
} ngx_http_messaging_stored_t;


static ngx_http_messaging_store_t *ngx_http_messaging_store_open(
    ngx_http_messaging_session_t *s);
static ngx_http_messaging_stored_t *ngx_http_messaging_store_create(
    ngx_http_messaging_session_t *s, ngx_http_messaging_store_message_t *m);
static ngx_int_t ngx_http_messaging_store_queue(
    ngx_http_messaging_session_t *s, ngx_http_messaging_store_message_t *m,
    ngx_http_messaging_stored_t *stored);
static void ngx_http_messaging_store_queued(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_http_messaging_store_next(ngx_http_messaging_store_t *store,
    ngx_str_t *conversation);
static void ngx_http_messaging_store_answered(void *data,
    ngx_http_messaging_call_t *call);
static void ngx_http_messaging_store_resume(ngx_http_messaging_store_t *store);
static void ngx_http_messaging_store_verdict(ngx_http_messaging_stored_t *m,
    ngx_http_messaging_call_t *call);
static void ngx_http_messaging_store_saved(ngx_http_messaging_stored_t *m,
    ngx_http_messaging_call_t *call);
static void ngx_http_messaging_store_publish(ngx_http_messaging_stored_t *m,
    ngx_str_t *body);
static void ngx_http_messaging_store_ack(ngx_http_messaging_stored_t *m,
    json_t *answer);
static void ngx_http_messaging_store_refused(ngx_http_messaging_stored_t *m,
    ngx_uint_t stat, const char *code, ngx_msec_t retry);
static void ngx_http_messaging_store_done(ngx_http_messaging_stored_t *m);


ngx_int_t
ngx_http_messaging_store_token(ngx_http_messaging_session_t *s,
    ngx_str_t *token, json_t *claims)
{
    u_char                         *p;
    json_t                         *value;
    ngx_str_t                       kept, jti;
    ngx_http_messaging_store_t     *store;
    ngx_http_messaging_loc_conf_t  *conf;

    conf = s->conf;

    if (conf->store_uri == NULL && conf->store_stream == NULL
        && conf->store_read == NULL)
    {
        return NGX_OK;
    }

    store = s->store ? s->store : ngx_http_messaging_store_open(s);

    if (store == NULL) {
        return NGX_ERROR;
    }

    ngx_str_null(&kept);
    ngx_str_null(&jti);

    if (conf->store_uri || conf->store_read) {
        kept = *token;
    }

    value = conf->store_stream ? json_object_get(claims, "jti") : NULL;

    if (json_is_string(value)) {
        jti.data = (u_char *) json_string_value(value);
        jti.len = json_string_length(value);
    }

    p = ngx_alloc(kept.len + jti.len + 1, s->connection->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (store->token.data) {
        ngx_free(store->token.data);
    }

    store->token.data = p;
    store->token.len = kept.len;
    p = ngx_cpymem(p, kept.data, kept.len);

    store->jti.data = p;
    store->jti.len = jti.len;
    ngx_memcpy(p, jti.data, jti.len);

    return NGX_OK;
}


static ngx_http_messaging_store_t *
ngx_http_messaging_store_open(ngx_http_messaging_session_t *s)
{
    u_char                      *p;
    ngx_str_t                   *address, *server, host;
    ngx_http_messaging_store_t  *store;

    /* the first token is that of the handshake, whose request is still here */

    address = &s->connection->addr_text;
    server = &s->request->headers_in.server;
    ngx_str_null(&host);

    if (s->request->headers_in.host) {
        host = s->request->headers_in.host->value;
    }

    store = ngx_calloc(sizeof(ngx_http_messaging_store_t) + s->user.len
                       + address->len + server->len + host.len,
                       s->connection->log);
    if (store == NULL) {
        return NULL;
    }

    store->session = s;
    store->worker = s->worker;
    store->conf = s->conf;
    store->read_due = ngx_current_msec;

    p = (u_char *) store + sizeof(ngx_http_messaging_store_t);

    store->user.data = p;
    store->user.len = s->user.len;
    p = ngx_cpymem(p, s->user.data, s->user.len);

    store->address.data = p;
    store->address.len = address->len;
    p = ngx_cpymem(p, address->data, address->len);

    store->server.data = p;
    store->server.len = server->len;
    p = ngx_cpymem(p, server->data, server->len);

    store->host.data = p;
    store->host.len = host.len;
    ngx_memcpy(p, host.data, host.len);

    ngx_queue_init(&store->messages);

    s->store = store;

    return store;
}


void
ngx_http_messaging_store_message(ngx_http_messaging_session_t *s,
    ngx_http_messaging_store_message_t *m)
{
    ngx_str_t                     client_id;
    ngx_http_messaging_store_t   *store;
    ngx_http_messaging_stored_t  *stored;

    store = s->store;

    client_id.data = m->client_id.data;
    client_id.len = m->key.len ? m->client_id.len : 0;

    if (store->n >= NGX_HTTP_MESSAGING_STORE_MAX) {
        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging message refused: %ui wait to be stored",
                      store->n);
        ngx_messaging_stat_add(s->worker->slot,
                               NGX_MESSAGING_STAT_STORE_OVERLOADED, 1);
        ngx_http_messaging_relay_not_stored(s, &m->conversation,
                                            &client_id, "overloaded",
                                            NGX_HTTP_MESSAGING_STORE_RETRY);
        return;
    }

    stored = ngx_http_messaging_store_create(s, m);

    if (stored == NULL) {
        ngx_messaging_stat_add(s->worker->slot,
                               NGX_MESSAGING_STAT_STORE_FAILED, 1);
        ngx_http_messaging_relay_not_stored(s, &m->conversation,
                                            &client_id, "unknown",
                                            NGX_HTTP_MESSAGING_STORE_RETRY);
        return;
    }

    ngx_queue_insert_tail(&store->messages, &stored->queue);
    store->n++;

    if (stored->call) {
        ngx_http_messaging_store_next(store, &m->conversation);
        return;
    }

    if (ngx_http_messaging_store_queue(s, m, stored) != NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging message refused: not taken by redis");
        ngx_http_messaging_store_refused(stored,
                                         NGX_MESSAGING_STAT_STORE_FAILED,
                                         "unavailable",
                                         NGX_HTTP_MESSAGING_STORE_RETRY);
        ngx_http_messaging_store_done(stored);
    }
}


static ngx_http_messaging_stored_t *
ngx_http_messaging_store_create(ngx_http_messaging_session_t *s,
    ngx_http_messaging_store_message_t *m)
{
    size_t                        len;
    u_char                       *p;
    ngx_http_messaging_stored_t  *stored;

    len = m->key.len ? m->client_id.len : 0;

    stored = ngx_alloc(sizeof(ngx_http_messaging_stored_t)
                       + m->conversation.len + len, s->connection->log);
    if (stored == NULL) {
        return NULL;
    }

    stored->store = s->store;
    stored->started = 0;

    p = (u_char *) stored + sizeof(ngx_http_messaging_stored_t);

    stored->conversation.data = p;
    stored->conversation.len = m->conversation.len;
    p = ngx_cpymem(p, m->conversation.data, m->conversation.len);

    stored->client_id.data = p;
    stored->client_id.len = len;
    ngx_memcpy(p, m->client_id.data, len);

    if (s->conf->store_stream) {
        stored->call = NULL;
        stored->started = 1;
        return stored;
    }

    stored->call = ngx_http_messaging_store_call(s, m);

    if (stored->call == NULL) {
        ngx_free(stored);
        return NULL;
    }

    return stored;
}


/* to the stream */

static ngx_int_t
ngx_http_messaging_store_queue(ngx_http_messaging_session_t *s,
    ngx_http_messaging_store_message_t *m, ngx_http_messaging_stored_t *stored)
{
    ngx_int_t                     rc;
    ngx_http_messaging_call_t    *call;
    ngx_http_messaging_stream_t   st;

    call = NULL;
    rc = NGX_ERROR;

    st.type = "message";
    st.conversation = m->conversation;
    st.client_id = m->key;

    if (ngx_http_messaging_store_template(s, &call, &m->conversation,
                                          s->conf->store_stream, &st.key)
        == NGX_OK
        && ngx_http_messaging_store_body(s, &call, m, &st.body) == NGX_OK)
    {
        rc = ngx_http_messaging_stream_add(s->store, &st,
                                           ngx_http_messaging_store_queued,
                                           stored);
    }

    if (call) {
        ngx_http_messaging_call_cancel(call);
    }

    return rc;
}


static void
ngx_http_messaging_store_queued(void *data, ngx_messaging_resp_reply_t *reply)
{
    ngx_http_messaging_stored_t *m = data;

    ngx_log_t                     *log;
    ngx_http_messaging_text_t      t;
    ngx_http_messaging_store_t    *store;
    ngx_http_messaging_session_t  *s;

    store = m->store;
    s = store->session;
    log = s ? s->connection->log : ngx_cycle->log;

    switch (ngx_http_messaging_stream_verdict(store, reply)) {

    case NGX_OK:
        ngx_messaging_stat_add(store->worker->slot,
                               NGX_MESSAGING_STAT_STORE_QUEUED, 1);

        if (s && m->client_id.len) {
            ngx_http_messaging_text_begin(&t, s->worker);
            ngx_http_messaging_text_add(&t, "{\"type\":\"ack\"");
            ngx_http_messaging_relay_tag(s, &t, &m->conversation);
            ngx_http_messaging_text_add(&t, ",\"client_id\":");
            ngx_http_messaging_text_str(&t, &m->client_id);
            ngx_http_messaging_text_add(&t, ",\"status\":\"queued\"}");
            ngx_http_messaging_relay_answer(s, &t);
        }

        break;

    case NGX_BUSY:
        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "messaging message refused: the stream has reached "
                      "messaging_store_stream_limit");
        ngx_http_messaging_store_refused(m, NGX_MESSAGING_STAT_STORE_FULL,
                                         "overloaded",
                                         NGX_HTTP_MESSAGING_STORE_RETRY);
        break;

    case NGX_ABORT:
        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "messaging message may not be in the stream: redis was "
                      "lost");
        ngx_http_messaging_store_refused(m, NGX_MESSAGING_STAT_STORE_FAILED,
                                         "unknown",
                                         NGX_HTTP_MESSAGING_STORE_RETRY);
        break;

    default:
        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "messaging message refused: by redis");
        ngx_http_messaging_store_refused(m, NGX_MESSAGING_STAT_STORE_FAILED,
                                         "unavailable",
                                         NGX_HTTP_MESSAGING_STORE_RETRY);
    }

    ngx_http_messaging_store_resume(store);
    ngx_http_messaging_store_done(m);
    ngx_http_messaging_store_release(store);
}


/* starts the first of a conversation unless that is under way */

static void
ngx_http_messaging_store_next(ngx_http_messaging_store_t *store,
    ngx_str_t *conversation)
{
    ngx_queue_t                  *q, *next;
    ngx_http_messaging_stored_t  *m;

    for (q = ngx_queue_head(&store->messages);
         q != ngx_queue_sentinel(&store->messages);
         q = next)
    {
        next = ngx_queue_next(q);
        m = ngx_queue_data(q, ngx_http_messaging_stored_t, queue);

        if (m->conversation.len != conversation->len
            || ngx_memcmp(m->conversation.data, conversation->data,
                          conversation->len)
               != 0)
        {
            continue;
        }

        if (m->started) {
            return;
        }

        if (ngx_http_messaging_worker_drained(store->worker)) {
            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "messaging message of user \"%V\" for \"%V\" was "
                          "not stored: the worker leaves",
                          &store->user, &m->conversation);
            ngx_http_messaging_call_cancel(m->call);
            ngx_http_messaging_store_refused(m,
                                             NGX_MESSAGING_STAT_STORE_FAILED,
                                             "unknown",
                                             NGX_HTTP_MESSAGING_STORE_RETRY);
            ngx_http_messaging_store_done(m);
            continue;
        }

        m->started = 1;

        if (ngx_http_messaging_call_start(m->call, store->conf->store_uri,
                                          NULL, store->conf->store_timeout,
                                          ngx_http_messaging_store_answered,
                                          m)
            == NGX_OK)
        {
            return;
        }

        ngx_http_messaging_store_refused(m, NGX_MESSAGING_STAT_STORE_FAILED,
                                         "unknown",
                                         NGX_HTTP_MESSAGING_STORE_RETRY);
        ngx_http_messaging_store_done(m);
    }
}


static void
ngx_http_messaging_store_answered(void *data, ngx_http_messaging_call_t *call)
{
    ngx_http_messaging_stored_t *m = data;

    ngx_str_t                    conversation;
    ngx_http_messaging_store_t  *store;

    store = m->store;

    ngx_http_messaging_store_verdict(m, call);

    /* the call has a copy that outlives the message */

    conversation = call->conversation;

    ngx_http_messaging_store_resume(store);
    ngx_http_messaging_store_done(m);
    ngx_http_messaging_store_next(store, &conversation);
    ngx_http_messaging_store_release(store);
}


/* one less waits: a socket that was not read for it is read again */

static void
ngx_http_messaging_store_resume(ngx_http_messaging_store_t *store)
{
    ngx_connection_t              *c;
    ngx_http_messaging_session_t  *s;

    s = store->session;

    if (s == NULL || s->closing || !ngx_http_messaging_store_full(s)) {
        return;
    }

    /* it has not been silent by its own will */

    c = s->connection;
    s->heard = ngx_current_msec;

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


static void
ngx_http_messaging_store_verdict(ngx_http_messaging_stored_t *m,
    ngx_http_messaging_call_t *call)
{
    ngx_uint_t                     status;
    ngx_http_messaging_session_t  *s;

    s = m->store->session;
    status = call->status;

    if (status >= NGX_HTTP_OK && status < NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_messaging_store_saved(m, call);
        return;
    }

    if (status == NGX_HTTP_UNAUTHORIZED) {
        ngx_http_messaging_store_refused(m, NGX_MESSAGING_STAT_STORE_REJECTED,
                                         "unauthorized", 0);
        if (s) {
            ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_TOKEN,
                                             "token refused");
        }

        return;
    }

    if (status == NGX_HTTP_TOO_MANY_REQUESTS) {
        ngx_http_messaging_store_refused(m, NGX_MESSAGING_STAT_STORE_LIMITED,
                                         "rate_limited",
                                         ngx_http_messaging_store_retry(call));
        return;
    }

    if (status >= NGX_HTTP_BAD_REQUEST
        && status < NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        ngx_http_messaging_store_refused(m, NGX_MESSAGING_STAT_STORE_REJECTED,
                                         (status
                                          == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE)
                                         ? "too_large" : "rejected", 0);
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "messaging message of user \"%V\" for \"%V\" may not have "
                  "been stored: status %ui",
                  &call->user, &m->conversation, status);

    ngx_http_messaging_store_refused(m, NGX_MESSAGING_STAT_STORE_FAILED,
                                     "unknown",
                                     NGX_HTTP_MESSAGING_STORE_RETRY);
}


static void
ngx_http_messaging_store_saved(ngx_http_messaging_stored_t *m,
    ngx_http_messaging_call_t *call)
{
    json_t     *answer;
    ngx_str_t   body;

    ngx_messaging_stat_add(m->store->worker->slot,
                           NGX_MESSAGING_STAT_STORE_SAVED, 1);

    body = call->body;

    while (body.len && body.data[0] != '{') {
        /* white space, or it is no object */
        body.data++;
        body.len--;
    }

    while (body.len && body.data[body.len - 1] != '}') {
        body.len--;
    }

    answer = body.len ? ngx_messaging_json_object(call->body.data,
                                                call->body.len,
                                                NGX_HTTP_MESSAGING_STORE_VALUES)
                      : NULL;

    if (m->store->conf->store_publish) {

        if (answer) {
            ngx_http_messaging_store_publish(m, &body);

        } else {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "messaging_store for \"%V\" was answered with what "
                          "is not a JSON object: it is stored, and nobody "
                          "is told of it", &m->conversation);
        }
    }

    if (m->store->session && m->client_id.len) {
        ngx_http_messaging_store_ack(m, answer);
    }

    if (answer) {
        json_decref(answer);
    }
}


static void
ngx_http_messaging_store_publish(ngx_http_messaging_stored_t *m,
    ngx_str_t *body)
{
    ngx_messaging_broker_t     *broker;
    ngx_messaging_envelope_t    e;
    ngx_http_messaging_text_t   t;

    broker = m->store->worker->broker;

    ngx_http_messaging_text_begin(&t, m->store->worker);
    ngx_http_messaging_text_add(&t, "{\"type\":\"new_message\",\"message\":");
    ngx_http_messaging_text_str(&t, body);

    if (m->client_id.len) {
        ngx_http_messaging_text_add(&t, ",\"client_id\":");
        ngx_http_messaging_text_str(&t, &m->client_id);
    }

    ngx_http_messaging_text_add(&t, "}");

    if (t.failed || t.text.len > broker->max_message) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "messaging_store for \"%V\" was answered with a message "
                      "that is too long for messaging_max_message: it is "
                      "stored, and nobody is told of it", &m->conversation);
        return;
    }

    ngx_memzero(&e, sizeof(ngx_messaging_envelope_t));

    e.json = t.text;
    e.kind = NGX_MESSAGING_KIND_MESSAGE;

    /* what the broker does not take is counted there, and stored here */

    if (broker->ops->publish(broker, &m->conversation, &e, NULL, NULL)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "messaging message for \"%V\" is stored, but could not "
                      "be published", &m->conversation);
    }
}


static void
ngx_http_messaging_store_ack(ngx_http_messaging_stored_t *m, json_t *answer)
{
    json_t                        *id, *created;
    ngx_http_messaging_text_t      t;
    ngx_http_messaging_session_t  *s;

    s = m->store->session;

    id = json_object_get(answer, "id");
    created = json_object_get(answer, "created_at");

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t, "{\"type\":\"ack\"");
    ngx_http_messaging_relay_tag(s, &t, &m->conversation);
    ngx_http_messaging_text_add(&t, ",\"client_id\":");
    ngx_http_messaging_text_str(&t, &m->client_id);
    ngx_http_messaging_text_add(&t, ",\"id\":");

    if (id) {
        ngx_http_messaging_text_json(&t, id);

    } else {
        ngx_http_messaging_text_add(&t, "null");
    }

    ngx_http_messaging_text_add(&t, ",\"created_at\":");

    if (created) {
        ngx_http_messaging_text_json(&t, created);

    } else {
        ngx_http_messaging_text_add(&t, "null");
    }

    ngx_http_messaging_text_add(&t, "}");

    ngx_http_messaging_relay_answer(s, &t);
}


static void
ngx_http_messaging_store_refused(ngx_http_messaging_stored_t *m,
    ngx_uint_t stat, const char *code, ngx_msec_t retry)
{
    ngx_messaging_stat_add(m->store->worker->slot, stat, 1);

    if (m->store->session) {
        ngx_http_messaging_relay_not_stored(m->store->session,
                                            &m->conversation, &m->client_id,
                                            code, retry);
    }
}


static void
ngx_http_messaging_store_done(ngx_http_messaging_stored_t *m)
{
    ngx_queue_remove(&m->queue);
    m->store->n--;

    ngx_free(m);
}


ngx_uint_t
ngx_http_messaging_store_full(ngx_http_messaging_session_t *s)
{
    return s->store && s->store->n >= NGX_HTTP_MESSAGING_STORE_PAUSE;
}


void
ngx_http_messaging_store_forget(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_store_t  *store;

    store = s->store;

    if (store == NULL) {
        return;
    }

    s->store = NULL;
    store->session = NULL;

    if (store->reads) {
        ngx_http_messaging_reads_end(store, s->connection);
        return;
    }

    ngx_http_messaging_store_release(store);
}


void
ngx_http_messaging_store_release(ngx_http_messaging_store_t *store)
{
    if (store->session || store->n || store->reads) {
        return;
    }

    ngx_free(store->token.data);
    ngx_free(store);
}
