
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_reads.h"
#include "ngx_http_messaging_relay.h"
#include "ngx_http_messaging_store.h"
#include "ngx_messaging_envelope.h"
#include "ngx_messaging_json.h"
#include "ngx_messaging_utf8.h"


/*
 * Frames for the others.  Identity, ids and times come from the server, the
 * rest from fields that were checked one by one.
 */


/* a frame that the broker has not answered yet; outlives its session */

typedef struct {
    ngx_queue_t                    queue;        /* session->publishes */
    ngx_http_messaging_session_t  *session;      /* NULL: has ended */
    uint64_t                       id;
    int64_t                        created;
    ngx_str_t                      conversation;
    ngx_str_t                      client_id;    /* as JSON, or empty */
    ngx_uint_t                     silent;       /* whatever comes of it */
} ngx_http_messaging_publish_t;


/* a client's "message", its fields checked */

typedef struct {
    json_t                        *content;
    json_t                        *image;
    json_t                        *reply_to;
    json_t                        *client_id;
    ngx_str_t                      text;         /* the content, trimmed */
} ngx_http_messaging_content_t;


static void ngx_http_messaging_relay_store(ngx_http_messaging_session_t *s,
    ngx_http_messaging_content_t *m, ngx_str_t *conversation);
static char *ngx_http_messaging_relay_dump(json_t *value, ngx_str_t *text);
static json_t *ngx_http_messaging_relay_field(json_t *frame,
    const char *name);
static const char *ngx_http_messaging_relay_content(
    ngx_http_messaging_session_t *s, json_t *frame,
    ngx_http_messaging_content_t *m);
static ngx_uint_t ngx_http_messaging_relay_is_url(const char *p, size_t len);
static ngx_uint_t ngx_http_messaging_relay_is_id(json_t *value);
static ngx_uint_t ngx_http_messaging_relay_is_client_id(json_t *value);
static void ngx_http_messaging_relay_trim(ngx_str_t *text);
static void ngx_http_messaging_relay_build(ngx_http_messaging_session_t *s,
    ngx_http_messaging_text_t *t, ngx_http_messaging_content_t *m,
    ngx_str_t *conversation, uint64_t id, int64_t now);
static void ngx_http_messaging_relay_publish(ngx_http_messaging_session_t *s,
    ngx_http_messaging_text_t *t, ngx_str_t *conversation, ngx_uint_t kind,
    ngx_http_messaging_publish_t *pub);
static ngx_http_messaging_publish_t *ngx_http_messaging_relay_pending(
    ngx_http_messaging_session_t *s, ngx_str_t *conversation,
    json_t *client_id);
static void ngx_http_messaging_relay_published(void *data, ngx_int_t rc);
static void ngx_http_messaging_relay_ack(ngx_http_messaging_session_t *s,
    ngx_http_messaging_publish_t *pub);
static void ngx_http_messaging_relay_send_nack(
    ngx_http_messaging_session_t *s, ngx_str_t *conversation,
    ngx_str_t *client_id, const char *code, ngx_msec_t retry);


ngx_int_t
ngx_http_messaging_relay_typing(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_uint_t is_typing)
{
    ngx_int_t                      rc;
    ngx_messaging_broker_t        *broker;
    ngx_messaging_envelope_t       e;
    ngx_http_messaging_text_t      t;
    ngx_http_messaging_publish_t  *pub;

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t,
                                "{\"type\":\"typing_indicator\",\"user_id\":");
    ngx_http_messaging_text_str(&t, &s->user_json);

    if (is_typing) {
        ngx_http_messaging_text_add(&t, ",\"is_typing\":true");

    } else {
        ngx_http_messaging_text_add(&t, ",\"is_typing\":false");
    }

    if (s->name_json.len) {
        ngx_http_messaging_text_add(&t, ",\"name\":");
        ngx_http_messaging_text_str(&t, &s->name_json);
    }

    ngx_http_messaging_text_add(&t, "}");

    if (t.failed) {
        return NGX_ERROR;
    }

    e.exclude = s->user;
    ngx_str_null(&e.except);
    e.json = t.text;
    e.kind = NGX_MESSAGING_KIND_TYPING;

    /* one that is lost on the way is not worth an answer, but it counts */

    pub = ngx_http_messaging_relay_pending(s, conversation, NULL);
    if (pub == NULL) {
        return NGX_ERROR;
    }

    pub->silent = 1;

    broker = s->worker->broker;

    rc = broker->ops->publish(broker, conversation, &e,
                              ngx_http_messaging_relay_published, pub);

    if (rc != NGX_OK) {
        ngx_http_messaging_relay_published(pub, NGX_ERROR);
    }

    return rc;
}


void
ngx_http_messaging_relay_read(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *frame)
{
    size_t                         i;
    json_t                        *id, *ids;
    ngx_uint_t                     valid;
    ngx_http_messaging_text_t      t;
    ngx_http_messaging_publish_t  *pub;

    id = ngx_http_messaging_relay_field(frame, "message_id");
    ids = ngx_http_messaging_relay_field(frame, "message_ids");

    valid = (id == NULL || ngx_http_messaging_relay_is_id(id));

    if (ids) {
        valid = valid && json_is_array(ids)
                && json_array_size(ids) <= NGX_HTTP_MESSAGING_MAX_IDS;

        for (i = 0; valid && i < json_array_size(ids); i++) {
            valid = ngx_http_messaging_relay_is_id(json_array_get(ids, i));
        }
    }

    if (!valid) {
        ngx_http_messaging_relay_error(s, conversation, "invalid_frame",
                                       "bad message_id or message_ids");
        return;
    }

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t,
                                "{\"type\":\"read_receipt\",\"reader_id\":");
    ngx_http_messaging_text_str(&t, &s->user_json);
    ngx_http_messaging_text_add(&t, ",\"read_at\":");
    ngx_http_messaging_text_time(&t, ngx_http_messaging_session_now());

    if (id) {
        ngx_http_messaging_text_add(&t, ",\"message_id\":");
        ngx_http_messaging_text_json(&t, id);
    }

    if (ids) {
        ngx_http_messaging_text_add(&t, ",\"message_ids\":");
        ngx_http_messaging_text_json(&t, ids);
    }

    ngx_http_messaging_text_add(&t, "}");

    if (t.text.len > s->worker->broker->max_message) {
        /* the members' workers would drop it */
        ngx_http_messaging_relay_error(s, conversation, "too_large",
                                       "the frame is too long");
        return;
    }

    pub = ngx_http_messaging_relay_pending(s, conversation, NULL);

    ngx_http_messaging_relay_publish(s, &t, conversation,
                                     NGX_MESSAGING_KIND_RECEIPT, pub);
    ngx_http_messaging_reads_add(s, conversation, id, ids);
}


void
ngx_http_messaging_relay_message(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *frame)
{
    int64_t                        now;
    uint64_t                       id;
    const char                    *error, *code;
    ngx_http_messaging_text_t      t;
    ngx_http_messaging_content_t   m;
    ngx_http_messaging_publish_t  *pub;

    error = ngx_http_messaging_relay_content(s, frame, &m);

    if (error == NULL
        && ngx_messaging_utf8_length(m.text.data, m.text.len)
           > s->conf->max_content)
    {
        code = "too_large";
        error = "the content is too long";

    } else {
        code = "invalid_frame";
    }

    if (error) {
        ngx_http_messaging_relay_refuse(s, conversation, m.client_id, code,
                                        error);
        return;
    }

    if (s->conf->store_uri || s->conf->store_stream) {
        ngx_http_messaging_relay_store(s, &m, conversation);
        return;
    }

    now = ngx_http_messaging_session_now();
    id = s->worker->broker->ops->id(s->worker->broker);

    ngx_http_messaging_relay_build(s, &t, &m, conversation, id, now);

    if (t.text.len > s->worker->broker->max_message) {
        /* the members' workers would drop it */
        ngx_http_messaging_relay_refuse(s, conversation, m.client_id,
                                        "too_large",
                                        "the message is too long");
        return;
    }

    pub = ngx_http_messaging_relay_pending(s, conversation, m.client_id);

    if (pub && id == 0) {
        ngx_messaging_broker_failed(s->worker->broker,
                                    NGX_MESSAGING_STAT_PUBLISH_DOWN);
        ngx_http_messaging_relay_published(pub, NGX_ERROR);
        return;
    }

    if (pub) {
        pub->id = id;
        pub->created = now;
    }

    ngx_http_messaging_relay_publish(s, &t, conversation,
                                     NGX_MESSAGING_KIND_MESSAGE, pub);
}


static void
ngx_http_messaging_relay_store(ngx_http_messaging_session_t *s,
    ngx_http_messaging_content_t *m, ngx_str_t *conversation)
{
    char                                *text[4];
    json_t                              *content;
    ngx_uint_t                           i;
    ngx_http_messaging_store_message_t   message;

    ngx_memzero(&message, sizeof(ngx_http_messaging_store_message_t));

    message.conversation = *conversation;

    if (m->client_id) {
        message.key.data = (u_char *) json_string_value(m->client_id);
        message.key.len = json_string_length(m->client_id);
    }

    content = json_stringn_nocheck((char *) m->text.data, m->text.len);

    text[0] = ngx_http_messaging_relay_dump(content, &message.content);
    text[1] = ngx_http_messaging_relay_dump(m->image, &message.image);
    text[2] = ngx_http_messaging_relay_dump(m->reply_to, &message.reply_to);
    text[3] = ngx_http_messaging_relay_dump(m->client_id, &message.client_id);

    if (content && text[0] && text[1] && text[2] && text[3]) {
        ngx_http_messaging_store_message(s, &message);

    } else {
        ngx_http_messaging_relay_refuse(s, conversation, m->client_id,
                                        "unavailable", "try again later");
    }

    json_decref(content);

    for (i = 0; i < 4; i++) {
        free(text[i]);
    }
}


/* "null" for what was not given; NULL: no memory */

static char *
ngx_http_messaging_relay_dump(json_t *value, ngx_str_t *text)
{
    char  *p;

    p = value ? json_dumps(value, JSON_COMPACT|JSON_ENCODE_ANY)
              : strdup("null");

    text->data = (u_char *) p;
    text->len = p ? ngx_strlen(p) : 0;

    return p;
}


/* an optional field: clients also write null for one they do not give */

static json_t *
ngx_http_messaging_relay_field(json_t *frame, const char *name)
{
    json_t  *value;

    value = json_object_get(frame, name);

    return json_is_null(value) ? NULL : value;
}


/* NULL, or what is wrong; m->client_id is set if it is a valid one */

static const char *
ngx_http_messaging_relay_content(ngx_http_messaging_session_t *s,
    json_t *frame, ngx_http_messaging_content_t *m)
{
    ngx_memzero(m, sizeof(ngx_http_messaging_content_t));

    ngx_str_set(&m->text, "");

    m->client_id = ngx_http_messaging_relay_field(frame, "client_id");

    if (m->client_id
        && !ngx_http_messaging_relay_is_client_id(m->client_id))
    {
        m->client_id = NULL;
        return "bad client_id";
    }

    m->image = ngx_http_messaging_relay_field(frame, "image");

    if (m->image
        && (!json_is_string(m->image)
            || !ngx_http_messaging_relay_is_url(json_string_value(m->image),
                                             json_string_length(m->image))))
    {
        return "bad image";
    }

    m->reply_to = ngx_http_messaging_relay_field(frame, "reply_to");

    if (m->reply_to && !ngx_http_messaging_relay_is_id(m->reply_to)) {
        return "bad reply_to";
    }

    m->content = json_object_get(frame, "content");

    if (json_is_string(m->content)) {
        m->text.data = (u_char *) json_string_value(m->content);
        m->text.len = json_string_length(m->content);

        ngx_http_messaging_relay_trim(&m->text);

    } else if (m->content
               && !(json_is_null(m->content) && m->image))
    {
        return "bad content";
    }

    if (m->text.len == 0 && m->image == NULL) {
        return "the content is empty";
    }

    return NULL;
}


/*
 * The clients of the others will load it: only what cannot be a script.
 * RFC 3986: absolute http(s), or a path on the same host.
 */

static ngx_uint_t
ngx_http_messaging_relay_is_url(const char *p, size_t len)
{
    size_t   i;
    u_char  *s;

    s = (u_char *) p;

    if (len == 0 || len > NGX_HTTP_MESSAGING_MAX_IMAGE) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (s[i] <= ' ' || s[i] == 0x7f || s[i] == '\\') {
            return 0;
        }
    }

    if (s[0] == '/') {
        return len == 1 || s[1] != '/';
    }

    return (len > 8 && ngx_strncasecmp(s, (u_char *) "https://", 8) == 0)
           || (len > 7 && ngx_strncasecmp(s, (u_char *) "http://", 7) == 0);
}


static ngx_uint_t
ngx_http_messaging_relay_is_id(json_t *value)
{
    if (json_is_integer(value)) {
        return 1;
    }

    return json_is_string(value) && json_string_length(value) != 0
           && json_string_length(value) <= NGX_HTTP_MESSAGING_MAX_ID;
}


static ngx_uint_t
ngx_http_messaging_relay_is_client_id(json_t *value)
{
    size_t  len;

    if (!json_is_string(value)) {
        return 0;
    }

    len = json_string_length(value);

    return len != 0
           && ngx_messaging_utf8_length((u_char *) json_string_value(value),
                                        len)
              <= NGX_HTTP_MESSAGING_MAX_CLIENT_ID;
}


static void
ngx_http_messaging_relay_trim(ngx_str_t *text)
{
    u_char  ch;

    while (text->len) {
        ch = text->data[text->len - 1];

        if (ch != ' ' && (ch < '\t' || ch > '\r')) {
            break;
        }

        text->len--;
    }

    while (text->len) {
        ch = text->data[0];

        if (ch != ' ' && (ch < '\t' || ch > '\r')) {
            break;
        }

        text->data++;
        text->len--;
    }
}


static void
ngx_http_messaging_relay_build(ngx_http_messaging_session_t *s,
    ngx_http_messaging_text_t *t, ngx_http_messaging_content_t *m,
    ngx_str_t *conversation, uint64_t id, int64_t now)
{
    json_t  *content;

    ngx_http_messaging_text_begin(t, s->worker);

    ngx_http_messaging_text_add(t,
                                "{\"type\":\"new_message\",\"message\":"
                                "{\"id\":");
    ngx_http_messaging_text_number(t, id);
    ngx_http_messaging_text_add(t, ",\"conversation_id\":");
    ngx_http_messaging_text_id(t, conversation);
    ngx_http_messaging_text_add(t, ",\"sender\":{\"id\":");
    ngx_http_messaging_text_str(t, &s->user_json);

    if (s->name_json.len) {
        ngx_http_messaging_text_add(t, ",\"name\":");
        ngx_http_messaging_text_str(t, &s->name_json);
    }

    ngx_http_messaging_text_add(t, "},\"content\":");

    content = json_stringn_nocheck((char *) m->text.data, m->text.len);

    if (content) {
        ngx_http_messaging_text_json(t, content);
        json_decref(content);

    } else {
        t->failed = 1;
    }

    ngx_http_messaging_text_add(t, ",\"image\":");

    if (m->image) {
        ngx_http_messaging_text_json(t, m->image);

    } else {
        ngx_http_messaging_text_add(t, "null");
    }

    if (m->reply_to) {
        ngx_http_messaging_text_add(t, ",\"reply_to\":");
        ngx_http_messaging_text_json(t, m->reply_to);
    }

    ngx_http_messaging_text_add(t,
                                ",\"is_read\":false,\"read_at\":null,"
                                "\"created_at\":");
    ngx_http_messaging_text_time(t, now);
    ngx_http_messaging_text_add(t, "}");

    if (m->client_id) {
        ngx_http_messaging_text_add(t, ",\"client_id\":");
        ngx_http_messaging_text_json(t, m->client_id);
    }

    ngx_http_messaging_text_add(t, "}");
}


static void
ngx_http_messaging_relay_publish(ngx_http_messaging_session_t *s,
    ngx_http_messaging_text_t *t, ngx_str_t *conversation, ngx_uint_t kind,
    ngx_http_messaging_publish_t *pub)
{
    ngx_int_t                  rc;
    ngx_messaging_broker_t    *broker;
    ngx_messaging_envelope_t   e;

    broker = s->worker->broker;

    if (pub == NULL) {
        ngx_messaging_broker_failed(broker, NGX_MESSAGING_STAT_PUBLISH_MEMORY);
        ngx_http_messaging_relay_unavailable(s, conversation);
        return;
    }

    ngx_str_null(&e.exclude);
    ngx_str_null(&e.except);
    e.json = t->text;
    e.kind = kind;

    if (t->failed) {
        rc = NGX_ERROR;
        ngx_messaging_broker_failed(broker, NGX_MESSAGING_STAT_PUBLISH_MEMORY);

    } else if (s->npublishes > NGX_HTTP_MESSAGING_MAX_PUBLISHES) {
        rc = NGX_BUSY;
        ngx_messaging_broker_failed(broker,
                                    NGX_MESSAGING_STAT_PUBLISH_OVERLOADED);

    } else {
        rc = broker->ops->publish(broker, conversation, &e,
                                  ngx_http_messaging_relay_published, pub);
    }

    if (rc != NGX_OK) {
        ngx_http_messaging_relay_published(pub, NGX_ERROR);
    }
}


static ngx_http_messaging_publish_t *
ngx_http_messaging_relay_pending(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *client_id)
{
    char                          *json;
    size_t                         len;
    u_char                        *p;
    ngx_http_messaging_publish_t  *pub;

    json = NULL;
    len = 0;

    if (client_id) {
        json = json_dumps(client_id, JSON_COMPACT|JSON_ENCODE_ANY);
        if (json == NULL) {
            return NULL;
        }

        len = ngx_strlen(json);
    }

    pub = ngx_alloc(sizeof(ngx_http_messaging_publish_t) + conversation->len
                    + len, s->connection->log);

    if (pub) {
        pub->session = s;
        pub->id = 0;
        pub->created = 0;
        pub->silent = 0;

        p = (u_char *) pub + sizeof(ngx_http_messaging_publish_t);

        pub->conversation.data = p;
        pub->conversation.len = conversation->len;
        p = ngx_cpymem(p, conversation->data, conversation->len);

        pub->client_id.data = p;
        pub->client_id.len = len;
        ngx_memcpy(p, json, len);

        ngx_queue_insert_tail(&s->publishes, &pub->queue);
        s->npublishes++;
    }

    if (json) {
        free(json);
    }

    return pub;
}


static void
ngx_http_messaging_relay_published(void *data, ngx_int_t rc)
{
    ngx_http_messaging_publish_t *pub = data;

    ngx_http_messaging_session_t  *s;

    s = pub->session;

    if (s) {
        ngx_queue_remove(&pub->queue);
        s->npublishes--;

        if (pub->silent) {
            /* void */

        } else if (rc == NGX_OK) {

            if (pub->client_id.len) {
                ngx_http_messaging_relay_ack(s, pub);
            }

        } else if (pub->client_id.len) {
            ngx_http_messaging_relay_send_nack(s, &pub->conversation,
                                               &pub->client_id, "unavailable",
                                               NGX_HTTP_MESSAGING_RETRY_AFTER);

        } else {
            ngx_http_messaging_relay_unavailable(s, &pub->conversation);
        }
    }

    ngx_free(pub);
}


void
ngx_http_messaging_relay_forget(ngx_http_messaging_session_t *s)
{
    ngx_queue_t                   *q;
    ngx_http_messaging_publish_t  *pub;

    while (!ngx_queue_empty(&s->publishes)) {
        q = ngx_queue_head(&s->publishes);
        pub = ngx_queue_data(q, ngx_http_messaging_publish_t, queue);

        ngx_queue_remove(q);
        pub->session = NULL;
    }

    s->npublishes = 0;
}


static void
ngx_http_messaging_relay_ack(ngx_http_messaging_session_t *s,
    ngx_http_messaging_publish_t *pub)
{
    ngx_http_messaging_text_t  t;

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t, "{\"type\":\"ack\"");
    ngx_http_messaging_relay_tag(s, &t, &pub->conversation);
    ngx_http_messaging_text_add(&t, ",\"client_id\":");
    ngx_http_messaging_text_str(&t, &pub->client_id);
    ngx_http_messaging_text_add(&t, ",\"id\":");
    ngx_http_messaging_text_number(&t, pub->id);
    ngx_http_messaging_text_add(&t, ",\"created_at\":");
    ngx_http_messaging_text_time(&t, pub->created);
    ngx_http_messaging_text_add(&t, "}");

    ngx_http_messaging_relay_answer(s, &t);
}


/* an "error" for every client, and a "nack" for one that waits for it */

void
ngx_http_messaging_relay_refuse(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *client_id, const char *code,
    const char *message)
{
    ngx_http_messaging_relay_nack(s, conversation, client_id, code, message,
                                  0);
}


void
ngx_http_messaging_relay_nack(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *client_id, const char *code,
    const char *message, ngx_msec_t retry)
{
    char       *json;
    ngx_str_t   id;

    ngx_http_messaging_relay_error(s, conversation, code, message);

    if (client_id == NULL
        || !ngx_http_messaging_relay_is_client_id(client_id))
    {
        return;
    }

    json = json_dumps(client_id, JSON_COMPACT|JSON_ENCODE_ANY);
    if (json == NULL) {
        return;
    }

    id.data = (u_char *) json;
    id.len = ngx_strlen(json);

    ngx_http_messaging_relay_send_nack(s, conversation, &id, code, retry);

    free(json);
}


static void
ngx_http_messaging_relay_send_nack(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_str_t *client_id, const char *code,
    ngx_msec_t retry)
{
    ngx_http_messaging_text_t  t;

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t, "{\"type\":\"nack\"");

    if (conversation) {
        ngx_http_messaging_relay_tag(s, &t, conversation);
    }

    ngx_http_messaging_text_add(&t, ",\"client_id\":");
    ngx_http_messaging_text_str(&t, client_id);
    ngx_http_messaging_text_add(&t, ",\"code\":\"");
    ngx_http_messaging_text_bytes(&t, (u_char *) code, ngx_strlen(code));

    if (retry) {
        ngx_http_messaging_text_add(&t,
                                    "\",\"retry\":true,\"retry_after_ms\":");
        ngx_http_messaging_text_number(&t, retry);

    } else {
        ngx_http_messaging_text_add(&t,
                                    "\",\"retry\":false,"
                                    "\"retry_after_ms\":0");
    }

    ngx_http_messaging_text_add(&t, "}");

    ngx_http_messaging_relay_answer(s, &t);
}


void
ngx_http_messaging_relay_answer(ngx_http_messaging_session_t *s,
    ngx_http_messaging_text_t *t)
{
    if (t->failed) {
        s->failed = 1;
        ngx_http_messaging_session_post(s);
        return;
    }

    ngx_http_messaging_session_text(s, &t->text, 1);
}


void
ngx_http_messaging_relay_error(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, const char *code, const char *message)
{
    ngx_http_messaging_text_t  t;

    ngx_http_messaging_text_begin(&t, s->worker);
    ngx_http_messaging_text_add(&t, "{\"type\":\"error\"");

    if (conversation) {
        ngx_http_messaging_relay_tag(s, &t, conversation);
    }

    ngx_http_messaging_text_add(&t, ",\"code\":\"");
    ngx_http_messaging_text_bytes(&t, (u_char *) code, ngx_strlen(code));
    ngx_http_messaging_text_add(&t, "\",\"message\":\"");
    ngx_http_messaging_text_bytes(&t, (u_char *) message, ngx_strlen(message));
    ngx_http_messaging_text_add(&t, "\"}");

    ngx_http_messaging_relay_answer(s, &t);
}


void
ngx_http_messaging_relay_not_stored(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, ngx_str_t *client_id, const char *code,
    ngx_msec_t retry)
{
    if (client_id->len) {
        ngx_http_messaging_relay_send_nack(s, conversation, client_id, code,
                                           retry);
        return;
    }

    ngx_http_messaging_relay_error(s, conversation, code,
                                   retry ? "try again later"
                                         : "the message was refused");
}


void
ngx_http_messaging_relay_unavailable(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation)
{
    ngx_http_messaging_relay_error(s, conversation, "unavailable",
                                   "try again later");
}


void
ngx_http_messaging_relay_tag(ngx_http_messaging_session_t *s,
    ngx_http_messaging_text_t *t, ngx_str_t *conversation)
{
    if (s->conf->endpoint != NGX_HTTP_MESSAGING_ENDPOINT_MANY) {
        return;
    }

    ngx_http_messaging_text_add(t, ",\"conversation_id\":");
    ngx_http_messaging_text_id(t, conversation);
}


ngx_http_messaging_subscription_t *
ngx_http_messaging_relay_member(ngx_http_messaging_session_t *s,
    ngx_str_t *conversation, json_t *client_id)
{
    ngx_http_messaging_subscription_t  *sub;

    if (s->conf->endpoint == NGX_HTTP_MESSAGING_ENDPOINT_ONE
        && s->single.confirmed)
    {
        return &s->single;
    }

    sub = ngx_http_messaging_session_find(s, conversation);

    if (sub && sub->confirmed) {
        return sub;
    }

    ngx_http_messaging_relay_refuse(s, conversation, client_id,
                                    "access_denied",
                                    "not subscribed to this conversation");
    return NULL;
}
