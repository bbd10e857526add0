
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_batch.h"
#include "ngx_messaging_control.h"
#include "ngx_messaging_envelope.h"
#include "ngx_messaging_json.h"


/*
 * The text is parsed as a whole.  Then a second look, at a text that is known
 * to be valid, finds where each frame stands in it: frames are published as
 * they were written.
 */


/* an object, an array and an object around each frame */

#define NGX_MESSAGING_BATCH_DEPTH  (3 + NGX_MESSAGING_JSON_MAX_DEPTH)

/* what a target is */

#define NGX_MESSAGING_BATCH_CONVERSATION  0
#define NGX_MESSAGING_BATCH_USER          1
#define NGX_MESSAGING_BATCH_CHANNEL       2


typedef ngx_int_t (*ngx_messaging_batch_pt)(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind);


typedef struct {
    const char                    *name;
    ngx_messaging_batch_pt         handler;
    ngx_uint_t                     kind;
} ngx_messaging_batch_member_t;


static ngx_int_t ngx_messaging_batch_object(ngx_messaging_batch_t *batch,
    json_t *object);
static ngx_int_t ngx_messaging_batch_publication(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *object);
static ngx_int_t ngx_messaging_batch_target(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind);
static ngx_int_t ngx_messaging_batch_targets(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind);
static ngx_int_t ngx_messaging_batch_names(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, ngx_uint_t n);
static ngx_int_t ngx_messaging_batch_name(ngx_messaging_batch_t *batch,
    ngx_str_t *name, json_t *value, ngx_uint_t kind);
static ngx_int_t ngx_messaging_batch_user(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind);
static ngx_int_t ngx_messaging_batch_connection(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind);
static ngx_int_t ngx_messaging_batch_key(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind);
static ngx_int_t ngx_messaging_batch_frame(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind);
static ngx_int_t ngx_messaging_batch_escape(ngx_messaging_batch_t *batch,
    ngx_str_t *name, json_t *value, const char *prefix);
static ngx_int_t ngx_messaging_batch_copy(ngx_messaging_batch_t *batch,
    ngx_str_t *to, ngx_str_t *from);
static ngx_int_t ngx_messaging_batch_slices(ngx_messaging_batch_t *batch,
    u_char *p);
static u_char *ngx_messaging_batch_find(u_char *p, const char *name);
static u_char *ngx_messaging_batch_space(u_char *p);
static u_char *ngx_messaging_batch_string(u_char *p);
static u_char *ngx_messaging_batch_value(u_char *p);
static ngx_int_t ngx_messaging_batch_error(ngx_messaging_batch_t *batch,
    const char *error);


static ngx_messaging_batch_member_t  ngx_messaging_batch_members[] = {

    { "conversation_id", ngx_messaging_batch_target,
      NGX_MESSAGING_BATCH_CONVERSATION },
    { "conversation_ids", ngx_messaging_batch_targets,
      NGX_MESSAGING_BATCH_CONVERSATION },
    { "user_id", ngx_messaging_batch_target, NGX_MESSAGING_BATCH_USER },
    { "user_ids", ngx_messaging_batch_targets, NGX_MESSAGING_BATCH_USER },
    { "channel", ngx_messaging_batch_target, NGX_MESSAGING_BATCH_CHANNEL },
    { "except_user", ngx_messaging_batch_user, 0 },
    { "except_connection", ngx_messaging_batch_connection, 0 },
    { "idempotency_key", ngx_messaging_batch_key, 0 },
    { "frame", ngx_messaging_batch_frame, 0 },
    { NULL, NULL, 0 }
};


ngx_int_t
ngx_messaging_batch_parse(ngx_messaging_batch_t *batch, u_char *p, size_t len)
{
    json_t     *object;
    ngx_int_t   rc;

    batch->elts = NULL;
    batch->nelts = 0;
    batch->nchannels = 0;
    batch->error = NULL;
    batch->index = NGX_MESSAGING_BATCH_NONE;
    batch->too_large = 0;

    if (ngx_messaging_json_scan_deep(p, len, NGX_MESSAGING_BATCH_MAX_VALUES,
                                     NGX_MESSAGING_BATCH_DEPTH)
        != NGX_OK)
    {
        return ngx_messaging_batch_error(batch, "too many values, or nested "
                                         "too deep");
    }

    object = ngx_messaging_json_load(p, len);
    if (object == NULL) {
        return ngx_messaging_batch_error(batch, "not a JSON object");
    }

    rc = ngx_messaging_batch_object(batch, object);

    json_decref(object);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_messaging_batch_slices(batch, p);
}


static ngx_int_t
ngx_messaging_batch_object(ngx_messaging_batch_t *batch, json_t *object)
{
    json_t     *array;
    size_t      n;
    ngx_int_t   rc;

    array = json_object_get(object, "publications");

    if (!json_is_array(array) || json_object_size(object) != 1) {
        return ngx_messaging_batch_error(batch, "no array of publications, "
                                         "or more than that");
    }

    n = json_array_size(array);

    if (n == 0 || n > NGX_MESSAGING_BATCH_MAX) {
        return ngx_messaging_batch_error(batch, "no publications, or too "
                                         "many");
    }

    batch->elts = ngx_pcalloc(batch->pool,
                              n * sizeof(ngx_messaging_publication_t));
    if (batch->elts == NULL) {
        return NGX_ERROR;
    }

    for (batch->nelts = 0; batch->nelts < n; batch->nelts++) {
        batch->index = batch->nelts;

        rc = ngx_messaging_batch_publication(batch,
                                        &batch->elts[batch->nelts],
                                        json_array_get(array, batch->nelts));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    batch->index = NGX_MESSAGING_BATCH_NONE;

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_batch_publication(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *object)
{
    size_t                         has;
    json_t                        *value;
    ngx_int_t                      rc;
    ngx_messaging_batch_member_t  *m;

    if (!json_is_object(object)) {
        return ngx_messaging_batch_error(batch, "not an object");
    }

    if (json_object_get(object, "frame") == NULL) {
        return ngx_messaging_batch_error(batch, "no frame");
    }

    has = 0;

    for (m = ngx_messaging_batch_members; m->name; m++) {
        value = json_object_get(object, m->name);

        if (value == NULL) {
            continue;
        }

        rc = m->handler(batch, pub, value, m->kind);

        if (rc != NGX_OK) {
            return (rc == NGX_DECLINED && batch->error == NULL)
                   ? ngx_messaging_batch_error(batch, m->name) : rc;
        }

        has++;
    }

    if (pub->nnames == 0) {
        return ngx_messaging_batch_error(batch, "no target");
    }

    if (json_object_size(object) != has) {
        return ngx_messaging_batch_error(batch, "a member is not known");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_batch_target(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind)
{
    ngx_int_t  rc;

    rc = ngx_messaging_batch_names(batch, pub, 1);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_messaging_batch_name(batch, &pub->names[0], value, kind);
}


static ngx_int_t
ngx_messaging_batch_targets(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind)
{
    size_t     i, n;
    ngx_int_t  rc;

    n = json_array_size(value);

    if (n == 0) {
        /* or not an array */
        return NGX_DECLINED;
    }

    rc = ngx_messaging_batch_names(batch, pub, n);

    for (i = 0; rc == NGX_OK && i < n; i++) {
        rc = ngx_messaging_batch_name(batch, &pub->names[i],
                                      json_array_get(value, i), kind);
    }

    return rc;
}


/* room for the names of "n" channels */

static ngx_int_t
ngx_messaging_batch_names(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, ngx_uint_t n)
{
    if (pub->nnames) {
        return ngx_messaging_batch_error(batch, "more than one kind of "
                                         "target");
    }

    if (n > NGX_MESSAGING_BATCH_MAX_CHANNELS - batch->nchannels) {
        return ngx_messaging_batch_error(batch, "too many targets");
    }

    pub->names = ngx_pcalloc(batch->pool, n * sizeof(ngx_str_t));
    if (pub->names == NULL) {
        return NGX_ERROR;
    }

    pub->nnames = n;
    batch->nchannels += n;

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_batch_name(ngx_messaging_batch_t *batch, ngx_str_t *name,
    json_t *value, ngx_uint_t kind)
{
    ngx_str_t  text;
    u_char     buf[NGX_INT64_LEN];

    switch (kind) {

    case NGX_MESSAGING_BATCH_USER:
        return ngx_messaging_batch_escape(batch, name, value, "user:");

    case NGX_MESSAGING_BATCH_CHANNEL:
        text.data = (u_char *) json_string_value(value);
        text.len = json_string_length(value);

        if (!ngx_messaging_channel_valid(&text)) {
            return NGX_DECLINED;
        }

        break;

    default: /* NGX_MESSAGING_BATCH_CONVERSATION */
        if (ngx_messaging_control_text(value, &text, buf) != NGX_OK
            || !ngx_messaging_conversation_valid(&text))
        {
            return NGX_DECLINED;
        }

        break;
    }

    return ngx_messaging_batch_copy(batch, name, &text);
}


static ngx_int_t
ngx_messaging_batch_user(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind)
{
    return ngx_messaging_batch_escape(batch, &pub->user, value, "");
}


static ngx_int_t
ngx_messaging_batch_connection(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind)
{
    ngx_str_t  text;

    text.data = (u_char *) json_string_value(value);
    text.len = json_string_length(value);

    if (text.len > NGX_MESSAGING_ENVELOPE_MAX_CONNECTION
        || !ngx_messaging_printable(&text))
    {
        return NGX_DECLINED;
    }

    return ngx_messaging_batch_copy(batch, &pub->connection, &text);
}


static ngx_int_t
ngx_messaging_batch_key(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind)
{
    ngx_str_t  text;

    text.data = (u_char *) json_string_value(value);
    text.len = json_string_length(value);

    if (text.len > NGX_MESSAGING_BATCH_MAX_KEY
        || !ngx_messaging_printable(&text))
    {
        return NGX_DECLINED;
    }

    return ngx_messaging_batch_copy(batch, &pub->key, &text);
}


static ngx_int_t
ngx_messaging_batch_frame(ngx_messaging_batch_t *batch,
    ngx_messaging_publication_t *pub, json_t *value, ngx_uint_t kind)
{
    return json_is_object(value) ? NGX_OK : NGX_DECLINED;
}


/* as in a token: an integer or a string */

static ngx_int_t
ngx_messaging_batch_escape(ngx_messaging_batch_t *batch, ngx_str_t *name,
    json_t *value, const char *prefix)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   text;
    u_char      buf[NGX_INT64_LEN];

    if (ngx_messaging_control_text(value, &text, buf) != NGX_OK
        || text.len > NGX_MESSAGING_JWT_MAX_USER)
    {
        return NGX_DECLINED;
    }

    len = ngx_strlen(prefix);

    p = ngx_pnalloc(batch->pool, len + 3 * text.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    name->data = p;
    p = ngx_cpymem(p, prefix, len);
    p = ngx_messaging_escape(p, text.data, text.len);
    name->len = (size_t) (p - name->data);

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_batch_copy(ngx_messaging_batch_t *batch, ngx_str_t *to,
    ngx_str_t *from)
{
    to->data = ngx_pnalloc(batch->pool, from->len);
    if (to->data == NULL) {
        return NGX_ERROR;
    }

    to->len = from->len;
    ngx_memcpy(to->data, from->data, from->len);

    return NGX_OK;
}


/* where the frames are */

static ngx_int_t
ngx_messaging_batch_slices(ngx_messaging_batch_t *batch, u_char *p)
{
    u_char       *start;
    ngx_uint_t    i;
    ngx_str_t    *frame;

    p = ngx_messaging_batch_find(ngx_messaging_batch_space(p), "publications");

    for (i = 0; p && i < batch->nelts; i++) {

        /* behind '[' or ',' */

        batch->index = i;

        p = ngx_messaging_batch_space(p + 1);

        start = ngx_messaging_batch_find(p, "frame");

        if (start == NULL) {
            p = NULL;
            break;
        }

        frame = &batch->elts[i].frame;
        frame->data = start;
        frame->len = (size_t) (ngx_messaging_batch_value(start) - start);

        if (frame->len > batch->max_message) {
            batch->too_large = 1;
            return ngx_messaging_batch_error(batch, "the frame is too long");
        }

        p = ngx_messaging_batch_space(ngx_messaging_batch_value(p));
    }

    if (p == NULL) {
        /* parsed, it is the same name */
        return ngx_messaging_batch_error(batch, "a name is written with "
                                         "escapes");
    }

    batch->index = NGX_MESSAGING_BATCH_NONE;

    return NGX_OK;
}


/* the value of a member of the object at "p"; NULL: there is no such one */

static u_char *
ngx_messaging_batch_find(u_char *p, const char *name)
{
    u_char  *start;
    size_t   len;

    len = ngx_strlen(name);

    for ( ;; ) {

        /* behind '{' or ',' */

        p = ngx_messaging_batch_space(p + 1);

        if (*p != '"') {
            return NULL;
        }

        start = p + 1;
        p = ngx_messaging_batch_string(p);

        if ((size_t) (p - 1 - start) == len
            && ngx_memcmp(start, name, len) == 0)
        {
            p = ngx_messaging_batch_space(p);
            return ngx_messaging_batch_space(p + 1);
        }

        p = ngx_messaging_batch_space(p);
        p = ngx_messaging_batch_space(p + 1);
        p = ngx_messaging_batch_space(ngx_messaging_batch_value(p));

        if (*p != ',') {
            return NULL;
        }
    }
}


static u_char *
ngx_messaging_batch_space(u_char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') {
        p++;
    }

    return p;
}


/* behind the string at "p" */

static u_char *
ngx_messaging_batch_string(u_char *p)
{
    for (p++; *p != '"'; p++) {
        if (*p == '\\') {
            p++;
        }
    }

    return p + 1;
}


/* behind the value at "p" */

static u_char *
ngx_messaging_batch_value(u_char *p)
{
    ngx_uint_t  depth;

    depth = 0;

    for ( ;; ) {

        switch (*p) {

        case '"':
            p = ngx_messaging_batch_string(p);
            break;

        case '{':
        case '[':
            depth++;
            p++;
            break;

        case '}':
        case ']':
            if (depth == 0) {
                /* of what a number is in */
                return p;
            }

            depth--;
            p++;
            break;

        default:

            if (depth == 0
                && (*p == ',' || *p == ' ' || *p == '\t' || *p == '\n'
                    || *p == '\r'))
            {
                return p;
            }

            p++;
            continue;
        }

        if (depth == 0) {
            return p;
        }
    }
}


static ngx_int_t
ngx_messaging_batch_error(ngx_messaging_batch_t *batch, const char *error)
{
    batch->error = error;

    return NGX_DECLINED;
}
