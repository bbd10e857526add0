
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_call.h"


/*
 * nginx runs requests of clients, and subrequests of these.  A call is a
 * subrequest of a request that was never asked by anybody: its connection has
 * no descriptor, says that its events are in epoll already, so that nobody
 * adds them, and is never ready, so that nobody reads or writes.
 *
 * nginx never frees that request: it is counted and blocked beyond whatever
 * nginx takes away.  It is freed here, by an event of the call, when the
 * subrequest has woken it, when it was terminated, or when the time is over.
 */


/* more than nginx may take away, less than makes it refuse a subrequest */

#define NGX_HTTP_MESSAGING_CALL_COUNT    1024

#define NGX_HTTP_MESSAGING_CALL_POOL     2048
#define NGX_HTTP_MESSAGING_CALL_BLOCKED  50      /* ms, a file is written */


static ngx_int_t ngx_http_messaging_call_connect(
    ngx_http_messaging_call_t *call, ngx_connection_t *c);
static ngx_http_request_t *ngx_http_messaging_call_request(
    ngx_http_messaging_call_t *call, ngx_http_messaging_loc_conf_t *conf);
static ngx_int_t ngx_http_messaging_call_uri(ngx_http_messaging_call_t *call,
    ngx_http_complex_value_t *template, ngx_str_t *args, ngx_str_t *uri);
static void ngx_http_messaging_call_line(ngx_http_messaging_call_t *call,
    ngx_str_t *uri);
static void ngx_http_messaging_call_io(ngx_event_t *ev);
static void ngx_http_messaging_call_woken(ngx_http_request_t *r);
static void ngx_http_messaging_call_terminated(void *data);
static void ngx_http_messaging_call_post(ngx_http_messaging_call_t *call);
static void ngx_http_messaging_call_end(ngx_event_t *ev);
static void ngx_http_messaging_call_answered(ngx_http_messaging_call_t *call);
static void ngx_http_messaging_call_free(ngx_http_messaging_call_t *call);
static u_char *ngx_http_messaging_call_log(ngx_log_t *log, u_char *buf,
    size_t len);
static u_char *ngx_http_messaging_call_log_request(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len);


ngx_http_messaging_call_t *
ngx_http_messaging_call_create(ngx_connection_t *c,
    ngx_http_messaging_loc_conf_t *conf, ngx_str_t *user,
    ngx_str_t *conversation)
{
    ngx_pool_t                 *pool;
    ngx_http_messaging_call_t  *call;

    pool = ngx_create_pool(NGX_HTTP_MESSAGING_CALL_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    call = ngx_pcalloc(pool, sizeof(ngx_http_messaging_call_t));
    if (call == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    call->pool = pool;

    call->user.len = user->len;
    call->user.data = ngx_pstrdup(pool, user);

    call->conversation.len = conversation->len;
    call->conversation.data = ngx_pstrdup(pool, conversation);

    if (call->user.data == NULL || call->conversation.data == NULL
        || ngx_http_messaging_call_connect(call, c) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    call->request = ngx_http_messaging_call_request(call, conf);

    if (call->request == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

#if (NGX_SSL)
    ngx_http_messaging_call_secure(call, c->ssl != NULL);
#endif

    call->dummy.fd = (ngx_socket_t) -1;
    call->dummy.data = call;

    call->event.handler = ngx_http_messaging_call_end;
    call->event.data = &call->dummy;
    call->event.log = &call->log;

    return call;
}


/*
 * nginx looks at the connection's TLS, which others would look into then: the
 * variables are set before anybody asks for them.
 */

void
ngx_http_messaging_call_secure(ngx_http_messaging_call_t *call,
    ngx_uint_t secure)
{
    ngx_http_variable_value_t       *v;
    ngx_http_messaging_main_conf_t  *mmcf;

    if (!secure) {
        return;
    }

    call->secure = 1;

    mmcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_messaging_module);

    v = &call->request->variables[mmcf->scheme_index];
    v->data = (u_char *) "https";
    v->len = 5;
    v->valid = 1;

    v = &call->request->variables[mmcf->https_index];
    v->data = (u_char *) "on";
    v->len = 2;
    v->valid = 1;
}


/* what modules look at: addresses are the client's */

static ngx_int_t
ngx_http_messaging_call_connect(ngx_http_messaging_call_t *call,
    ngx_connection_t *c)
{
    ngx_connection_t  *fc;

    fc = &call->connection;

    /* nobody can ask the kernel later for an address that was not known */

    if (ngx_connection_local_sockaddr(c, NULL, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    fc->socklen = c->socklen;
    fc->sockaddr = ngx_palloc(call->pool, c->socklen);

    fc->local_socklen = c->local_socklen;
    fc->local_sockaddr = ngx_palloc(call->pool, c->local_socklen);

    fc->addr_text.data = ngx_pstrdup(call->pool, &c->addr_text);
    fc->addr_text.len = c->addr_text.len;

    if (fc->sockaddr == NULL || fc->local_sockaddr == NULL
        || fc->addr_text.data == NULL)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(fc->sockaddr, c->sockaddr, c->socklen);
    ngx_memcpy(fc->local_sockaddr, c->local_sockaddr, c->local_socklen);

    fc->fd = (ngx_socket_t) -1;
    fc->type = SOCK_STREAM;
    fc->pool = call->pool;
    fc->listening = c->listening;
    fc->number = c->number;
    fc->start_time = ngx_current_msec;
    fc->log_error = NGX_ERROR_INFO;
    fc->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    fc->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;

    fc->read = &call->read;
    fc->write = &call->write;

    call->read.data = fc;
    call->read.handler = ngx_http_messaging_call_io;
    call->read.log = &call->log;
    call->read.active = 1;

    call->write.data = fc;
    call->write.handler = ngx_http_messaging_call_io;
    call->write.log = &call->log;
    call->write.write = 1;
    call->write.active = 1;

    call->log = *ngx_cycle->log;
    call->log.connection = c->number;
    call->log.handler = ngx_http_messaging_call_log;
    call->log.data = &call->log_ctx;
    call->log.action = "asking the backend";

    call->log_ctx.connection = fc;
    fc->log = &call->log;

    return NGX_OK;
}


static ngx_http_request_t *
ngx_http_messaging_call_request(ngx_http_messaging_call_t *call,
    ngx_http_messaging_loc_conf_t *conf)
{
    ngx_http_request_t  *r;
    ngx_http_cleanup_t  *cln;

    call->http.conf_ctx = conf->server->ctx;
    call->connection.data = &call->http;

    r = ngx_http_create_request(&call->connection);
    if (r == NULL) {
        return NULL;
    }

    call->connection.data = r;

    r->logged = 1;
    r->count = NGX_HTTP_MESSAGING_CALL_COUNT;
    r->blocked = 1;
    r->keepalive = 0;
    r->http_version = NGX_HTTP_VERSION_11;
    r->method = NGX_HTTP_GET;
    r->log_handler = ngx_http_messaging_call_log_request;
    r->read_event_handler = ngx_http_request_empty_handler;
    r->write_event_handler = ngx_http_messaging_call_woken;

    ngx_str_set(&r->method_name, "GET");
    ngx_str_set(&r->http_protocol, "HTTP/1.1");

    ngx_http_set_ctx(r, call, ngx_http_messaging_module);

    cln = ngx_http_cleanup_add(r, 0);

    if (cln == NULL
        || ngx_list_init(&r->headers_in.headers, r->pool, 16,
                         sizeof(ngx_table_elt_t))
           != NGX_OK)
    {
        ngx_http_free_request(r, 0);
        return NULL;
    }

    cln->handler = ngx_http_messaging_call_terminated;
    cln->data = call;

    return r;
}


ngx_int_t
ngx_http_messaging_call_header(ngx_http_messaging_call_t *call,
    const char *name, ngx_str_t *value)
{
    ngx_str_t  key;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);

    return ngx_http_messaging_call_add(call, &key, value);
}


ngx_int_t
ngx_http_messaging_call_add(ngx_http_messaging_call_t *call, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_table_elt_t            *h;
    ngx_http_header_t          *hh;
    ngx_http_request_t         *r;
    ngx_http_core_main_conf_t  *cmcf;

    r = call->request;

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->key.len = name->len;
    h->key.data = ngx_pstrdup(r->pool, name);
    h->value.len = value->len;
    h->value.data = ngx_pnalloc(r->pool, value->len + 1);
    h->lowcase_key = ngx_pnalloc(r->pool, name->len + 1);

    if (h->key.data == NULL || h->value.data == NULL
        || h->lowcase_key == NULL)
    {
        return NGX_ERROR;
    }

    *ngx_cpymem(h->value.data, value->data, value->len) = '\0';

    h->hash = ngx_hash_strlow(h->lowcase_key, name->data, name->len);
    h->lowcase_key[name->len] = '\0';

    if (name->len == 4 && ngx_strncmp(h->lowcase_key, "host", 4) == 0) {
        /* nginx would look for another server */
        r->headers_in.host = h;
        return NGX_OK;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    hh = ngx_hash_find(&cmcf->headers_in_hash, h->hash, h->lowcase_key,
                       name->len);

    return (hh && hh->handler(r, h, hh->offset) != NGX_OK) ? NGX_ERROR
                                                          : NGX_OK;
}


ngx_int_t
ngx_http_messaging_call_body(ngx_http_messaging_call_t *call, ngx_str_t *type,
    ngx_str_t *body)
{
    ngx_buf_t           *b;
    ngx_str_t            length;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;
    u_char               buf[NGX_SIZE_T_LEN];

    r = call->request;

    r->method = NGX_HTTP_POST;
    ngx_str_set(&r->method_name, "POST");

    length.data = buf;
    length.len = ngx_sprintf(buf, "%uz", body->len) - buf;

    if (ngx_http_messaging_call_header(call, "Content-Type", type) != NGX_OK
        || ngx_http_messaging_call_header(call, "Content-Length", &length)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->request_body = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    b = ngx_create_temp_buf(r->pool, body->len);
    cl = ngx_alloc_chain_link(r->pool);

    if (r->request_body == NULL || b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->pos, body->data, body->len);
    b->last_buf = 1;

    cl->buf = b;
    cl->next = NULL;

    if (body->len) {
        /* nginx warns of an empty buffer */
        r->request_body->bufs = cl;
        r->request_body->buf = b;
    }

    r->headers_in.content_length_n = (off_t) body->len;

    return NGX_OK;
}


ngx_int_t
ngx_http_messaging_call_values(ngx_http_messaging_call_t *call,
    ngx_str_t *content, ngx_str_t *image, ngx_str_t *reply_to,
    ngx_str_t *client_id)
{
    if (ngx_http_messaging_call_value(call, &call->content, content) != NGX_OK
        || ngx_http_messaging_call_value(call, &call->image, image) != NGX_OK
        || ngx_http_messaging_call_value(call, &call->reply_to, reply_to)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_messaging_call_value(call, &call->client_id, client_id);
}


ngx_int_t
ngx_http_messaging_call_value(ngx_http_messaging_call_t *call,
    ngx_str_t *field, ngx_str_t *value)
{
    field->len = value->len;
    field->data = ngx_pstrdup(call->pool, value);

    return field->data ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_messaging_call_start(ngx_http_messaging_call_t *call,
    ngx_http_complex_value_t *uri, ngx_str_t *args, ngx_msec_t timeout,
    ngx_http_messaging_call_pt handler, void *data)
{
    ngx_str_t            name, arguments;
    ngx_uint_t           flags;
    ngx_http_request_t  *r;

    r = call->request;

    if (ngx_http_messaging_call_uri(call, uri, args, &name) != NGX_OK) {
        goto failed;
    }

    r->unparsed_uri = name;
    r->valid_unparsed_uri = 1;

    ngx_str_null(&arguments);
    flags = NGX_HTTP_LOG_UNSAFE;

    if (ngx_http_parse_unsafe_uri(r, &name, &arguments, &flags) != NGX_OK) {
        goto failed;
    }

    r->uri = name;
    r->args = arguments;

    ngx_http_messaging_call_line(call, &name);

    if (ngx_http_subrequest(r, &name, &arguments, &call->answer, NULL,
                            NGX_HTTP_SUBREQUEST_IN_MEMORY)
        != NGX_OK)
    {
        goto failed;
    }

    call->answer->method = r->method;
    call->answer->method_name = r->method_name;
    call->answer->headers_in.content_length_n
                                          = r->headers_in.content_length_n;
    call->answer->headers_in.content_length = r->headers_in.content_length;

    call->handler = handler;
    call->data = data;

    ngx_add_timer(&call->event, timeout);

    /* whatever the location does at once happens behind the caller's back */

    ngx_post_event(&call->write, &ngx_posted_events);

    return NGX_OK;

failed:

    ngx_http_messaging_call_cancel(call);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_messaging_call_uri(ngx_http_messaging_call_t *call,
    ngx_http_complex_value_t *template, ngx_str_t *args, ngx_str_t *uri)
{
    u_char     *p;
    ngx_str_t   text;

    if (ngx_http_complex_value(call->request, template, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (text.len == 0 || text.data[0] != '/') {
        ngx_log_error(NGX_LOG_ERR, &call->log, 0,
                      "messaging calls \"%V\", which is not a URI", &text);
        return NGX_ERROR;
    }

    if (args == NULL || args->len == 0) {
        *uri = text;
        return NGX_OK;
    }

    uri->len = text.len + 1 + args->len;
    uri->data = ngx_pnalloc(call->request->pool, uri->len);

    if (uri->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(uri->data, text.data, text.len);
    *p++ = ngx_strlchr(text.data, text.data + text.len, '?') ? '&' : '?';
    ngx_memcpy(p, args->data, args->len);

    return NGX_OK;
}


/* $request has no arguments, which may carry a token */

static void
ngx_http_messaging_call_line(ngx_http_messaging_call_t *call, ngx_str_t *uri)
{
    u_char              *p;
    size_t               len;
    ngx_http_request_t  *r;

    r = call->request;

    len = r->method_name.len + 1 + uri->len + 1 + r->http_protocol.len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return;
    }

    r->request_line.data = p;
    r->request_line.len = ngx_sprintf(p, "%V %V %V", &r->method_name, uri,
                                      &r->http_protocol)
                          - p;
}


/* the first run, and timers of modules such as limit_req */

static void
ngx_http_messaging_call_io(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = ev->data;
    r = c->data;

    ngx_http_set_log_request(c->log, r);

    if (ev->timedout && ev->delayed) {
        ev->delayed = 0;
        ev->timedout = 0;
    }

    if (ev->timer_set || ev->timedout) {
        r->write_event_handler(r);
    }

    ngx_http_run_posted_requests(c);
}


/* the parent is woken when the subrequest has ended */

static void
ngx_http_messaging_call_woken(ngx_http_request_t *r)
{
    ngx_http_messaging_call_t  *call;

    call = ngx_http_get_module_ctx(r, ngx_http_messaging_module);

    if (call->answer == NULL || !call->answer->done) {
        return;
    }

    ngx_http_messaging_call_answered(call);
    ngx_http_messaging_call_post(call);
}


/* nginx ends the request: of the subrequest nothing is left to wait for */

static void
ngx_http_messaging_call_terminated(void *data)
{
    ngx_http_messaging_call_t *call = data;

    if (!call->ended) {
        ngx_http_messaging_call_post(call);
    }
}


static void
ngx_http_messaging_call_post(ngx_http_messaging_call_t *call)
{
    if (!call->event.posted) {
        ngx_post_event(&call->event, &ngx_posted_events);
    }
}


static void
ngx_http_messaging_call_end(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_messaging_call_t  *call;

    c = ev->data;
    call = c->data;

    if (ev->timedout && !call->ended) {
        ngx_log_error(NGX_LOG_ERR, &call->log, NGX_ETIMEDOUT,
                      "messaging call timed out");
    }

    call->ended = 1;

    if (call->handler) {
        call->handler(call->data, call);
        call->handler = NULL;
    }

    ngx_http_messaging_call_free(call);
}


static void
ngx_http_messaging_call_answered(ngx_http_messaging_call_t *call)
{
    ngx_buf_t  *b;

    call->status = call->answer->headers_out.status;

    if (call->answer->out) {
        b = call->answer->out->buf;

        call->body.data = b->pos;
        call->body.len = b->last - b->pos;
    }
}


static void
ngx_http_messaging_call_free(ngx_http_messaging_call_t *call)
{
    ngx_event_t         *ev, *events[3];
    ngx_uint_t           i;
    ngx_http_request_t  *r;

    r = call->request;

    events[0] = &call->read;
    events[1] = &call->write;
    events[2] = &call->event;

    for (i = 0; i < 3; i++) {
        ev = events[i];

        if (ev->timer_set) {
            ngx_del_timer(ev);
        }

        if (ev->posted) {
            ngx_delete_posted_event(ev);
        }
    }

    if (r->main->blocked > 1) {
        /* a thread or the kernel still works for it */
        call->event.timedout = 0;
        ngx_add_timer(&call->event, NGX_HTTP_MESSAGING_CALL_BLOCKED);
        return;
    }

    ngx_http_free_request(r, 0);

    ngx_destroy_pool(call->pool);
}


ngx_str_t *
ngx_http_messaging_call_answer_header(ngx_http_messaging_call_t *call,
    const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    len = ngx_strlen(name);

    part = &call->answer->headers_out.headers.part;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (header[i].hash && header[i].key.len == len
            && ngx_strncasecmp(header[i].key.data, (u_char *) name, len) == 0)
        {
            return &header[i].value;
        }
    }
}


void
ngx_http_messaging_call_forget(ngx_http_messaging_call_t *call)
{
    call->handler = NULL;
}


void
ngx_http_messaging_call_cancel(ngx_http_messaging_call_t *call)
{
    call->ended = 1;
    ngx_http_messaging_call_free(call);
}


ngx_http_messaging_call_t *
ngx_http_messaging_call_of(ngx_http_request_t *r)
{
    if (r->main->log_handler != ngx_http_messaging_call_log_request) {
        return NULL;
    }

    return ngx_http_get_module_ctx(r->main, ngx_http_messaging_module);
}


static u_char *
ngx_http_messaging_call_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char              *p;
    ngx_http_request_t  *r;
    ngx_http_log_ctx_t  *ctx;

    if (log->action) {
        p = ngx_snprintf(buf, len, " while %s", log->action);
        len -= p - buf;
        buf = p;
    }

    ctx = log->data;

    p = ngx_snprintf(buf, len, ", client: %V", &ctx->connection->addr_text);
    len -= p - buf;

    r = ctx->request;

    return r ? r->log_handler(r, ctx->current_request, p, len) : p;
}


/* no arguments here either */

static u_char *
ngx_http_messaging_call_log_request(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len)
{
    u_char                     *p;
    ngx_http_messaging_call_t  *call;

    call = ngx_http_get_module_ctx(r, ngx_http_messaging_module);

    p = ngx_snprintf(buf, len, ", messaging call: \"%V\", user: %V, "
                     "conversation: %V",
                     &r->uri, &call->user, &call->conversation);
    len -= p - buf;

    if (sr && sr->upstream && sr->upstream->peer.name) {
        p = ngx_snprintf(p, len, ", upstream: \"%V\"",
                         sr->upstream->peer.name);
    }

    return p;
}
