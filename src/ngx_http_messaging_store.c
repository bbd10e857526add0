
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_call.h"
#include "ngx_http_messaging_relay.h"
#include "ngx_http_messaging_store.h"
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
 */


#define NGX_HTTP_MESSAGING_STORE_VALUES       65536
#define NGX_HTTP_MESSAGING_STORE_RETRY        1000      /* ms */
#define NGX_HTTP_MESSAGING_STORE_MAX_RETRY    3600      /* s */


/* what a session has with the backend, which may outlive it */

struct ngx_http_messaging_store_s {
    ngx_http_messaging_session_t      *session;   /* NULL: has ended */
    ngx_http_messaging_worker_t       *worker;
    ngx_http_messaging_loc_conf_t     *conf;
    ngx_str_t                          token;
    ngx_queue_t                        messages;  /* in order */
    ngx_uint_t                         n;
};


typedef struct {
    ngx_queue_t                        queue;     /* store->messages */
    ngx_http_messaging_store_t        *store;
    ngx_http_messaging_call_t         *call;
    ngx_str_t                          conversation;
    ngx_str_t                          client_id; /* as JSON, or empty */
    ngx_uint_t                         started;
} ngx_http_messaging_stored_t;


static ngx_http_messaging_stored_t *ngx_http_messaging_store_create(
    ngx_http_messaging_session_t *s, ngx_http_messaging_store_message_t *m);
static ngx_http_messaging_call_t *ngx_http_messaging_store_call(
    ngx_http_messaging_session_t *s, ngx_http_messaging_store_message_t *m);
static ngx_int_t ngx_http_messaging_store_headers(
    ngx_http_messaging_session_t *s, ngx_http_messaging_call_t *call,
    ngx_http_messaging_store_message_t *m);
static ngx_int_t ngx_http_messaging_store_bearer(
    ngx_http_messaging_call_t *call, ngx_str_t *token);
static ngx_int_t ngx_http_messaging_store_key(ngx_http_messaging_call_t *call,
    ngx_str_t *user, ngx_str_t *key);
static ngx_int_t ngx_http_messaging_store_body(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_http_messaging_store_message_t *m);
static void ngx_http_messaging_store_next(ngx_http_messaging_store_t *store,
    ngx_str_t *conversation);
static void ngx_http_messaging_store_answered(void *data,
    ngx_http_messaging_call_t *call);
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
static ngx_msec_t ngx_http_messaging_store_retry(
    ngx_http_messaging_call_t *call);
static void ngx_http_messaging_store_done(ngx_http_messaging_stored_t *m);


ngx_int_t
ngx_http_messaging_store_token(ngx_http_messaging_session_t *s,
    ngx_str_t *token)
{
    u_char                      *p;
    ngx_http_messaging_store_t  *store;

    store = s->store;

    if (store == NULL) {
        store = ngx_calloc(sizeof(ngx_http_messaging_store_t),
                           s->connection->log);
        if (store == NULL) {
            return NGX_ERROR;
        }

        store->session = s;
        store->worker = s->worker;
        store->conf = s->conf;
        ngx_queue_init(&store->messages);

        s->store = store;
    }

    p = ngx_alloc(token->len, s->connection->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, token->data, token->len);

    if (store->token.data) {
        ngx_free(store->token.data);
    }

    store->token.data = p;
    store->token.len = token->len;

    return NGX_OK;
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

    ngx_http_messaging_store_next(store, &m->conversation);
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

    stored->call = ngx_http_messaging_store_call(s, m);

    if (stored->call == NULL) {
        ngx_free(stored);
        return NULL;
    }

    return stored;
}


static ngx_http_messaging_call_t *
ngx_http_messaging_store_call(ngx_http_messaging_session_t *s,
    ngx_http_messaging_store_message_t *m)
{
    ngx_http_messaging_call_t  *call;

    call = ngx_http_messaging_call_create(s->connection, s->conf, &s->user,
                                          &m->conversation);
    if (call == NULL) {
        return NULL;
    }

    if (ngx_http_messaging_store_headers(s, call, m) != NGX_OK
        || ngx_http_messaging_store_body(s, call, m) != NGX_OK)
    {
        ngx_http_messaging_call_cancel(call);
        return NULL;
    }

    return call;
}


static ngx_int_t
ngx_http_messaging_store_headers(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_http_messaging_store_message_t *m)
{
    ngx_str_t  accept;

    ngx_str_set(&accept, "application/json");

    if (ngx_http_messaging_call_header(call, "Accept", &accept) != NGX_OK
        || ngx_http_messaging_call_header(call, "X-Messaging-User", &s->user)
           != NGX_OK
        || ngx_http_messaging_call_header(call, "X-Messaging-Conversation",
                                          &m->conversation)
           != NGX_OK
        || ngx_http_messaging_store_bearer(call, &s->store->token) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* without a client_id nobody can tell a repetition from a new one */

    return m->key.len ? ngx_http_messaging_store_key(call, &s->user, &m->key)
                      : NGX_OK;
}


/* RFC 6750, section 2.1 */

static ngx_int_t
ngx_http_messaging_store_bearer(ngx_http_messaging_call_t *call,
    ngx_str_t *token)
{
    u_char     *p;
    ngx_str_t   value;

    value.len = sizeof("Bearer ") - 1 + token->len;
    value.data = ngx_pnalloc(call->pool, value.len);

    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, "Bearer ", sizeof("Bearer ") - 1);
    ngx_memcpy(p, token->data, token->len);

    return ngx_http_messaging_call_header(call, "Authorization", &value);
}


static ngx_int_t
ngx_http_messaging_store_key(ngx_http_messaging_call_t *call, ngx_str_t *user,
    ngx_str_t *key)
{
    size_t      len;
    u_char     *p;
    ngx_str_t   value;

    len = (size_t) (uintptr_t) ngx_messaging_escape(NULL, key->data, key->len);

    value.len = user->len + 1 + len;
    value.data = ngx_pnalloc(call->pool, value.len);

    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, user->data, user->len);
    *p++ = ':';
    (void) ngx_messaging_escape(p, key->data, key->len);

    return ngx_http_messaging_call_header(call, "Idempotency-Key", &value);
}


/* the template's, or all that is known */

static ngx_int_t
ngx_http_messaging_store_body(ngx_http_messaging_session_t *s,
    ngx_http_messaging_call_t *call, ngx_http_messaging_store_message_t *m)
{
    ngx_str_t                  body, type;
    ngx_http_messaging_text_t  t;

    ngx_str_set(&type, "application/json");

    if (s->conf->store_body) {

        if (ngx_http_messaging_call_values(call, &m->content, &m->image,
                                           &m->reply_to, &m->client_id)
            != NGX_OK
            || ngx_http_complex_value(call->request, s->conf->store_body,
                                      &body)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_messaging_call_body(call, &type, &body);
    }

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t, "{\"conversation_id\":");
    ngx_http_messaging_text_id(&t, &m->conversation);
    ngx_http_messaging_text_add(&t, ",\"content\":");
    ngx_http_messaging_text_str(&t, &m->content);
    ngx_http_messaging_text_add(&t, ",\"image\":");
    ngx_http_messaging_text_str(&t, &m->image);
    ngx_http_messaging_text_add(&t, ",\"reply_to\":");
    ngx_http_messaging_text_str(&t, &m->reply_to);
    ngx_http_messaging_text_add(&t, ",\"client_id\":");
    ngx_http_messaging_text_str(&t, &m->client_id);
    ngx_http_messaging_text_add(&t, "}");

    return t.failed ? NGX_ERROR
                    : ngx_http_messaging_call_body(call, &type, &t.text);
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

    ngx_str_t                      conversation;
    ngx_connection_t              *c;
    ngx_http_messaging_store_t    *store;
    ngx_http_messaging_session_t  *s;

    store = m->store;
    s = store->session;

    ngx_http_messaging_store_verdict(m, call);

    /* the call has a copy that outlives the message */

    conversation = call->conversation;

    if (s && !s->closing && ngx_http_messaging_store_full(s)) {

        /* it is read again, and has not been silent by its own will */

        c = s->connection;
        s->heard = ngx_current_msec;

        if (c->read->ready) {
            ngx_post_event(c->read, &ngx_posted_events);
        }
    }

    ngx_http_messaging_store_done(m);
    ngx_http_messaging_store_next(store, &conversation);

    if (store->session == NULL && store->n == 0) {
        ngx_free(store->token.data);
        ngx_free(store);
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


/* RFC 9110, section 10.2.3: seconds; of a date only that it is later */

static ngx_msec_t
ngx_http_messaging_store_retry(ngx_http_messaging_call_t *call)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = ngx_http_messaging_call_answer_header(call, "retry-after");

    n = value ? ngx_atoi(value->data, value->len) : NGX_ERROR;

    if (n == NGX_ERROR || n == 0) {
        return NGX_HTTP_MESSAGING_STORE_RETRY;
    }

    return (ngx_msec_t) ngx_min(n, NGX_HTTP_MESSAGING_STORE_MAX_RETRY) * 1000;
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

    if (store->n == 0) {
        ngx_free(store->token.data);
        ngx_free(store);
    }
}
