
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_batch.h"
#include "ngx_http_messaging_handshake.h"
#include "ngx_http_messaging_post.h"
#include "ngx_http_messaging_publish.h"
#include "ngx_http_messaging_publish_headers.h"
#include "ngx_http_messaging_session.h"
#include "ngx_messaging_envelope.h"
#include "ngx_messaging_json.h"
#include "ngx_messaging_revoked.h"


/*
 * A frame of a backend comes in a POST.  Its JSON is parsed once, since every
 * client would have to cope with a bad one, and relayed as it was written.
 *
 * A subrequest, such as one of "mirror", has the body of its main request and
 * is served like any other.
 */


/* whoever may publish is trusted with more than a client, within bounds */

#define NGX_HTTP_MESSAGING_PUBLISH_VALUES   65536

#define NGX_HTTP_MESSAGING_PUBLISH_RETRY    "5"

/* RFC 9110, section 15.5.21; nginx has no text for it */

#define NGX_HTTP_MESSAGING_PUBLISH_UNPROCESSABLE  422


static ngx_uint_t ngx_http_messaging_publish_is_json(ngx_http_request_t *r);
static void ngx_http_messaging_publish_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_messaging_publish_target(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_int_t ngx_http_messaging_publish_frame(ngx_http_request_t *r,
    ngx_str_t *frame);
static ngx_int_t ngx_http_messaging_publish_control(ngx_http_request_t *r,
    ngx_str_t *frame);
static ngx_int_t ngx_http_messaging_publish_send(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *frame, ngx_messaging_revocation_t *rv);
static ngx_int_t ngx_http_messaging_publish_answer(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post);


ngx_int_t
ngx_http_messaging_publish_handler(ngx_http_request_t *r)
{
    size_t                           max;
    ngx_int_t                        rc;
    ngx_http_messaging_loc_conf_t   *mlcf;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);
    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_messaging_module);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "messaging publish, length %O",
                   r->headers_in.content_length_n);

    if (mmcf->worker == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    if (r->method != NGX_HTTP_POST) {
        return ngx_http_messaging_publish_refuse(r,
                                              NGX_MESSAGING_STAT_POST_METHOD);
    }

    if (!ngx_http_messaging_publish_is_json(r)) {
        return ngx_http_messaging_publish_refuse(r,
                                              NGX_MESSAGING_STAT_POST_TYPE);
    }

    max = (mlcf->publish == NGX_HTTP_MESSAGING_PUBLISH_BATCH)
          ? NGX_HTTP_MESSAGING_BATCH_MAX_BODY : mlcf->max_message;

    if (r->headers_in.content_length_n > (off_t) max) {
        return ngx_http_messaging_publish_refuse(r,
                                            NGX_MESSAGING_STAT_POST_TOO_LARGE);
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_messaging_publish_body);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


/* RFC 9110, section 8.3.1: parameters may follow */

static ngx_uint_t
ngx_http_messaging_publish_is_json(ngx_http_request_t *r)
{
    u_char     *p, *last;
    ngx_str_t  *type;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = &r->headers_in.content_type->value;

    if (type->len < sizeof("application/json") - 1
        || ngx_strncasecmp(type->data, (u_char *) "application/json",
                           sizeof("application/json") - 1)
           != 0)
    {
        return 0;
    }

    p = type->data + sizeof("application/json") - 1;
    last = type->data + type->len;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p == last || *p == ';';
}


/* the request has been counted once more for this */

static void
ngx_http_messaging_publish_body(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_str_t                        name, frame;
    ngx_http_messaging_loc_conf_t   *mlcf;
    ngx_http_messaging_main_conf_t  *mmcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_messaging_module);
    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);

    if (mmcf->worker == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_SERVICE_UNAVAILABLE);
        return;
    }

    if (mlcf->publish == NGX_HTTP_MESSAGING_PUBLISH_BATCH) {
        rc = ngx_http_messaging_batch(r);

        if (rc != NGX_DONE) {
            ngx_http_finalize_request(r, rc);
        }

        return;
    }

    rc = ngx_http_messaging_publish_target(r, &name);

    if (rc == NGX_OK) {
        rc = ngx_http_messaging_publish_frame(r, &frame);
    }

    if (rc == NGX_OK) {
        rc = mlcf->control ? ngx_http_messaging_publish_control(r, &frame)
                           : ngx_http_messaging_publish_send(r, &name, &frame,
                                                             NULL);
    }

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


static ngx_int_t
ngx_http_messaging_publish_target(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_uint_t                      valid;
    ngx_http_messaging_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_messaging_module);

    if (mlcf->control) {
        ngx_str_set(name, NGX_MESSAGING_CONTROL_CHANNEL);
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, mlcf->conversation ? mlcf->conversation
                                                     : mlcf->channel,
                               name)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    valid = mlcf->conversation ? ngx_messaging_conversation_valid(name)
                               : ngx_messaging_channel_valid(name);

    return valid ? NGX_OK
                 : ngx_http_messaging_publish_refuse(r,
                                               NGX_MESSAGING_STAT_POST_TARGET);
}


static ngx_int_t
ngx_http_messaging_publish_frame(ngx_http_request_t *r, ngx_str_t *frame)
{
    u_char                          ch;
    json_t                         *value;
    ngx_int_t                       rc;
    ngx_http_messaging_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_messaging_module);

    rc = ngx_http_messaging_publish_read(r, r->pool, mlcf->max_message, frame);

    if (rc != NGX_OK) {
        return rc;
    }

    value = ngx_messaging_json_object(frame->data, frame->len,
                                      NGX_HTTP_MESSAGING_PUBLISH_VALUES);
    if (value == NULL) {
        return ngx_http_messaging_publish_refuse(r,
                                              NGX_MESSAGING_STAT_POST_INVALID);
    }

    json_decref(value);

    /* what stands around an object is white space, RFC 8259, section 2 */

    while (frame->data[0] != '{') {
        frame->data++;
        frame->len--;
    }

    for ( ;; ) {
        ch = frame->data[frame->len - 1];

        if (ch == '}') {
            return NGX_OK;
        }

        frame->len--;
    }
}


/* nginx has the body in memory, in a file, or in both */

ngx_int_t
ngx_http_messaging_publish_read(ngx_http_request_t *r, ngx_pool_t *pool,
    size_t max, ngx_str_t *text)
{
    off_t         len;
    u_char       *p;
    size_t        size;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *in;

    in = r->request_body ? r->request_body->bufs : NULL;
    len = 0;

    for (cl = in; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);

        /* of a chunked body the length was not known before */

        if (len > (off_t) max) {
            return ngx_http_messaging_publish_refuse(r,
                                            NGX_MESSAGING_STAT_POST_TOO_LARGE);
        }
    }

    if (len == 0) {
        return ngx_http_messaging_publish_refuse(r,
                                              NGX_MESSAGING_STAT_POST_INVALID);
    }

    text->len = (size_t) len;

    if (pool == r->pool && in->next == NULL && ngx_buf_in_memory(in->buf)) {
        text->data = in->buf->pos;
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, text->len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text->data = p;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;
        size = (size_t) ngx_buf_size(b);

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, size);
            continue;
        }

        if (size == 0) {

            /* the end of a chunked body is neither here nor there */

            continue;
        }

        n = ngx_read_file(b->file, p, size, b->file_pos);

        if (n < 0 || (size_t) n != size) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        p += size;
    }

    return NGX_OK;
}


/* messaging_control: an action for all workers */

static ngx_int_t
ngx_http_messaging_publish_control(ngx_http_request_t *r, ngx_str_t *frame)
{
    ngx_str_t                        name;
    ngx_messaging_control_t         *ctl;
    ngx_messaging_revocation_t       rv;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);

    ctl = ngx_palloc(r->pool, sizeof(ngx_messaging_control_t));
    if (ctl == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_messaging_control_parse(ctl, frame->data, frame->len) != NGX_OK) {
        return ngx_http_messaging_publish_refuse(r,
                                              NGX_MESSAGING_STAT_POST_INVALID);
    }

    ngx_str_set(&name, NGX_MESSAGING_CONTROL_CHANNEL);

    if (ctl->action != NGX_MESSAGING_CONTROL_REVOKE) {
        return ngx_http_messaging_publish_send(r, &name, frame, NULL);
    }

    ngx_messaging_revoked_of(&rv, ctl, mmcf->revoke_time);

    (void) ngx_messaging_revoked_add(mmcf->shm, mmcf->worker->slot, &rv);

    return ngx_http_messaging_publish_send(r, &name, frame, &rv);
}


/* NGX_OK: the request waits */

static ngx_int_t
ngx_http_messaging_publish_send(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *frame, ngx_messaging_revocation_t *rv)
{
    ngx_str_t                             *names;
    ngx_http_messaging_post_t             *post;
    ngx_messaging_publication_t           *what;
    ngx_http_messaging_loc_conf_t         *mlcf;
    ngx_http_messaging_publish_headers_t   h;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_messaging_module);

    ngx_memzero(&h, sizeof(ngx_http_messaging_publish_headers_t));

    if (!mlcf->control && ngx_http_messaging_publish_headers(r, &h) != NGX_OK)
    {
        return ngx_http_messaging_publish_refuse(r,
                                              NGX_MESSAGING_STAT_POST_HEADER);
    }

    post = ngx_http_messaging_post_create(r,
                                          ngx_http_messaging_publish_answer);
    if (post == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    names = ngx_palloc(post->pool, sizeof(ngx_str_t));

    if (names == NULL || ngx_http_messaging_post_add(post, 1) != NGX_OK) {
        ngx_http_messaging_post_destroy(post);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    post->revocation = rv;
    *names = *name;

    what = &post->elts[0].what;
    what->frame = *frame;
    what->names = names;
    what->nnames = 1;
    what->user = h.user;
    what->connection = h.connection;
    what->key = h.key;

    return ngx_http_messaging_post_send(r, post);
}


static ngx_int_t
ngx_http_messaging_publish_answer(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post)
{
    u_char     *p;
    ngx_str_t   body;

    if (ngx_http_messaging_post_failed(post->elts)) {
        return ngx_http_messaging_publish_refuse(r,
                                         NGX_MESSAGING_STAT_POST_UNAVAILABLE);
    }

    p = ngx_pnalloc(r->pool, sizeof("{\"id\":}\n") - 1 + NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;
    body.len = ngx_sprintf(p, "{\"id\":%uL}\n", post->elts[0].id) - p;

    ngx_messaging_stat_add(post->worker->slot,
                           ngx_http_messaging_post_replayed(r, post)
                           ? NGX_MESSAGING_STAT_POST_REPLAYED
                           : NGX_MESSAGING_STAT_POST_ACCEPTED, 1);

    return ngx_http_messaging_publish_reply(r, NGX_HTTP_ACCEPTED, &body);
}


ngx_int_t
ngx_http_messaging_publish_reply(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    r->headers_out.status = status;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.content_length_n = (off_t) body->len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_messaging_publish_refuse(ngx_http_request_t *r, ngx_uint_t stat)
{
    ngx_int_t                        rc, status;
    ngx_http_messaging_loc_conf_t   *mlcf;
    ngx_http_messaging_main_conf_t  *mmcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_messaging_module);
    mmcf = ngx_http_get_module_main_conf(r, ngx_http_messaging_module);

    ngx_messaging_stat_add(mmcf->worker->slot, stat, 1);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "messaging %s refused: %s",
                  mlcf->control ? "control" : "publish",
                  ngx_messaging_shm_stats[stat].name);

    rc = NGX_OK;

    switch (stat) {

    case NGX_MESSAGING_STAT_POST_METHOD:
        status = NGX_HTTP_NOT_ALLOWED;
        rc = ngx_http_messaging_handshake_header(r, "Allow",
                                                 (u_char *) "POST", 4);
        break;

    case NGX_MESSAGING_STAT_POST_TYPE:
        status = NGX_HTTP_UNSUPPORTED_MEDIA_TYPE;
        break;

    case NGX_MESSAGING_STAT_POST_TOO_LARGE:
        status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        break;

    case NGX_MESSAGING_STAT_POST_TARGET:
        status = NGX_HTTP_NOT_FOUND;
        break;

    case NGX_MESSAGING_STAT_POST_CONFLICT:
        status = NGX_HTTP_CONFLICT;
        rc = ngx_http_messaging_handshake_header(r, "Retry-After",
                                                 (u_char *) "1", 1);
        break;

    case NGX_MESSAGING_STAT_POST_MISMATCH:
        status = NGX_HTTP_MESSAGING_PUBLISH_UNPROCESSABLE;
        break;

    case NGX_MESSAGING_STAT_POST_HEADER:
    case NGX_MESSAGING_STAT_POST_INVALID:
        status = NGX_HTTP_BAD_REQUEST;
        break;

    default: /* NGX_MESSAGING_STAT_POST_UNAVAILABLE */
        status = NGX_HTTP_SERVICE_UNAVAILABLE;
        rc = ngx_http_messaging_handshake_header(r, "Retry-After",
                            (u_char *) NGX_HTTP_MESSAGING_PUBLISH_RETRY,
                            sizeof(NGX_HTTP_MESSAGING_PUBLISH_RETRY) - 1);
        break;
    }

    return rc == NGX_OK ? status : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_messaging_publish_error(ngx_http_request_t *r, ngx_uint_t stat,
    const char *error, ngx_uint_t index)
{
    u_char                         *p;
    ngx_int_t                       status;
    ngx_str_t                       body;
    ngx_http_messaging_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_messaging_module);

    status = ngx_http_messaging_publish_refuse(r, stat);

    p = ngx_pnalloc(r->pool, sizeof("{\"error\":\"\",\"index\":}\n") - 1
                             + ngx_strlen(error) + NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;

    if (index == NGX_MESSAGING_BATCH_NONE
        || mlcf->publish != NGX_HTTP_MESSAGING_PUBLISH_BATCH)
    {
        p = ngx_sprintf(p, "{\"error\":\"%s\"}\n", error);

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "messaging publish: %s", error);

    } else {
        p = ngx_sprintf(p, "{\"error\":\"%s\",\"index\":%ui}\n", error,
                        index);

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "messaging publish: %s, publication %ui", error, index);
    }

    body.len = (size_t) (p - body.data);

    if (status == NGX_HTTP_MESSAGING_PUBLISH_UNPROCESSABLE) {
        ngx_str_set(&r->headers_out.status_line, "422 Unprocessable Content");
    }

    return ngx_http_messaging_publish_reply(r, (ngx_uint_t) status, &body);
}
