
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_call.h"
#include "ngx_http_messaging_detach.h"
#include "ngx_http_messaging_session.h"


/*
 * Nearly all that an idle connection costs is HTTP's: the request with its
 * headers, the buffer they were read into, the pool of the connection.  A
 * session that is detached keeps the bare connection, and in one block
 * whatever of the two pools it and nginx's core still use.
 *
 * The request ends in the regular way, by ngx_http_free_request(): the access
 * log is written and the cleanups of all modules are run, at the handshake.
 * Then nobody knows the connection as one of HTTP any more, and what HTTP does
 * at the end of a connection is done here: the lingering close, the shutdown
 * of TLS, the counter of stub_status.
 */


/*
 * Followed by the addresses, what TLS has in the pool, and texts.  It is found
 * by the log, which is the connection's.
 */

typedef struct {
    size_t                     size;        /* of the block */
    ngx_str_t                  address;     /* of the client, as text */
    ngx_str_t                  handshake;   /* packed, for "request=" */
    ngx_log_t                  log;
    socklen_t                  socklen;
    socklen_t                  local_socklen;  /* 0: that of "listen" */
} ngx_http_messaging_detached_t;


#define ngx_http_messaging_detached(s)                                        \
    ((ngx_http_messaging_detached_t *)                                        \
         ((u_char *) (s)->connection->log                                     \
          - offsetof(ngx_http_messaging_detached_t, log)))


static void ngx_http_messaging_detach_cleanup(void *data);
static ngx_uint_t ngx_http_messaging_detach_ready(
    ngx_http_messaging_session_t *s);
static ngx_http_messaging_detached_t *ngx_http_messaging_detach_copy(
    ngx_http_messaging_session_t *s);
static size_t ngx_http_messaging_detach_handshake(
    ngx_http_messaging_session_t *s);
static u_char *ngx_http_messaging_detach_text(u_char *p, ngx_str_t *text);
static void ngx_http_messaging_detach_connection(
    ngx_http_messaging_session_t *s, ngx_http_messaging_detached_t *d);
static u_char *ngx_http_messaging_detach_log(ngx_log_t *log, u_char *buf,
    size_t len);
static void ngx_http_messaging_detach_read(ngx_event_t *rev);
static void ngx_http_messaging_detach_write(ngx_event_t *wev);
static void ngx_http_messaging_detach_linger(ngx_connection_t *c);
static void ngx_http_messaging_detach_lingering(ngx_event_t *rev);
static void ngx_http_messaging_detach_close(ngx_connection_t *c);


ngx_http_messaging_session_t *
ngx_http_messaging_detach_create(ngx_http_request_t *r,
    ngx_http_messaging_worker_t *worker)
{
    ngx_pool_cleanup_t            *cln;
    ngx_http_messaging_session_t  *s;

    /* of the pool: variables are asked for after the cleanups of HTTP */

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    s = ngx_messaging_arena_alloc(&worker->arena,
                                  sizeof(ngx_http_messaging_session_t));
    if (s == NULL) {
        return NULL;
    }

    s->worker = worker;
    s->request = r;

    cln->handler = ngx_http_messaging_detach_cleanup;
    cln->data = s;

    return s;
}


static void
ngx_http_messaging_detach_cleanup(void *data)
{
    ngx_http_messaging_session_t *s = data;

    if (s->request) {
        ngx_messaging_arena_free(&s->worker->arena, s,
                                 sizeof(ngx_http_messaging_session_t));
    }
}


void
ngx_http_messaging_detach(ngx_http_messaging_session_t *s)
{
    ngx_http_request_t             *r;
    ngx_http_messaging_detached_t  *d;

    r = s->request;

    if (!ngx_http_messaging_detach_ready(s)) {
        return;
    }

    d = ngx_http_messaging_detach_copy(s);

    if (d == NULL) {
        return;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, s->connection->log, 0,
                   "messaging session detach");

    /* the cleanups see by this that the session stays */

    s->request = NULL;

    ngx_http_free_request(r, 0);

    s->worker->nfreed++;

    /* only now: the realip module takes back the address that it has set */

    ngx_http_messaging_detach_connection(s, d);
}


static ngx_uint_t
ngx_http_messaging_detach_ready(ngx_http_messaging_session_t *s)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = s->connection;
    r = s->request;

    /* who is refused is about to leave, and what is closed is so at once */

    if (!s->admitted || s->closing || s->failed || c->error || c->close) {
        return 0;
    }

    if (r->out || r->buffered || c->buffered) {
        return 0;
    }

    /* subrequests in the background, such as those of "mirror" */

    if (r->count != 1 || r->blocked || r->posted_requests || r != c->data) {
        return 0;
    }

    /* which is run when the connection ends */

    return s->conf->core->post_action.data == NULL;
}


/* what outlives the pools: the texts are the session's from now on */

static ngx_http_messaging_detached_t *
ngx_http_messaging_detach_copy(ngx_http_messaging_session_t *s)
{
    size_t                          size, handshake;
    u_char                         *p;
    socklen_t                       local;
    ngx_connection_t               *c;
    ngx_http_messaging_detached_t  *d;

    c = s->connection;

    /* whoever asks for it later has no pool to get it into */

    if (ngx_connection_local_sockaddr(c, NULL, 0) != NGX_OK) {
        return NULL;
    }

    handshake = ngx_http_messaging_detach_handshake(s);

    local = (c->local_sockaddr == c->listening->sockaddr) ? 0
                                                          : c->local_socklen;

    size = sizeof(ngx_http_messaging_detached_t)
           + ngx_align(c->socklen, NGX_ALIGNMENT)
           + ngx_align(local, NGX_ALIGNMENT)
           + (c->ssl ? ngx_align(sizeof(ngx_ssl_connection_t), NGX_ALIGNMENT)
                     : 0)
           + c->addr_text.len + s->user.len + s->user_json.len
           + s->name_json.len + s->conversation.len + handshake;

    d = ngx_messaging_arena_alloc(&s->worker->arena, size);
    if (d == NULL) {
        return NULL;
    }

    d->size = size;
    d->address = c->addr_text;
    d->socklen = c->socklen;
    d->local_socklen = local;

    p = (u_char *) d + sizeof(ngx_http_messaging_detached_t);

    ngx_memcpy(p, c->sockaddr, c->socklen);
    ngx_memcpy(p + ngx_align(c->socklen, NGX_ALIGNMENT), c->local_sockaddr,
               local);

    p = (u_char *) d + size;

    if (handshake) {
        p -= handshake;

        d->handshake.len = handshake;
        d->handshake.data = p;

        (void) ngx_http_messaging_call_pack(s->request, p);
    }

    p = ngx_http_messaging_detach_text(p, &s->conversation);
    p = ngx_http_messaging_detach_text(p, &s->name_json);
    p = ngx_http_messaging_detach_text(p, &s->user_json);
    p = ngx_http_messaging_detach_text(p, &s->user);

    (void) ngx_http_messaging_detach_text(p, &d->address);

    return d;
}


/* the backend will be asked again, with what the client came with */

static size_t
ngx_http_messaging_detach_handshake(ngx_http_messaging_session_t *s)
{
    if (s->conf->access != NGX_HTTP_MESSAGING_ACCESS_REQUEST) {
        return 0;
    }

    return ngx_http_messaging_call_pack(s->request, NULL);
}


ngx_str_t *
ngx_http_messaging_detach_packed(ngx_http_messaging_session_t *s)
{
    return &ngx_http_messaging_detached(s)->handshake;
}


/* copies a text to before "p" */

static u_char *
ngx_http_messaging_detach_text(u_char *p, ngx_str_t *text)
{
    p -= text->len;

    ngx_memcpy(p, text->data, text->len);
    text->data = p;

    return p;
}


static void
ngx_http_messaging_detach_connection(ngx_http_messaging_session_t *s,
    ngx_http_messaging_detached_t *d)
{
    u_char            *p;
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = s->connection;

    p = (u_char *) d + sizeof(ngx_http_messaging_detached_t);

    d->log = *c->log;
    d->log.handler = ngx_http_messaging_detach_log;
    d->log.data = s;
    d->log.action = "exchanging messages";

    c->log = &d->log;
    c->read->log = &d->log;
    c->write->log = &d->log;

    c->sockaddr = (struct sockaddr *) p;
    c->socklen = d->socklen;
    p += ngx_align(d->socklen, NGX_ALIGNMENT);

    if (d->local_socklen) {
        c->local_sockaddr = (struct sockaddr *) p;
        p += ngx_align(d->local_socklen, NGX_ALIGNMENT);
    }

    c->addr_text = d->address;
    c->proxy_protocol = NULL;
    c->buffer = NULL;

    c->data = s;
    c->destroyed = 0;
    c->read->handler = ngx_http_messaging_detach_read;
    c->write->handler = ngx_http_messaging_detach_write;

    pool = c->pool;

    if (c->ssl) {
        ngx_ssl_free_buffer(c);

        if (pool->cleanup == NULL && c->ssl->ocsp == NULL) {
            ngx_memcpy(p, c->ssl, sizeof(ngx_ssl_connection_t));
            c->ssl = (ngx_ssl_connection_t *) p;
            c->ssl->buf = NULL;
        }
    }

    /* somebody else may have left something that is to last */

    if (pool->cleanup || (c->ssl && c->ssl->ocsp)) {
        pool->log = &d->log;
        return;
    }

    c->pool = NULL;
    ngx_destroy_pool(pool);
}


/* what is told of a client instead of its request */

static u_char *
ngx_http_messaging_detach_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                        *p;
    ngx_http_messaging_session_t  *s;

    s = log->data;

    p = ngx_snprintf(buf, len, " while %s, client: %V, server: %V, "
                     "user: \"%V\"",
                     log->action, &s->connection->addr_text,
                     &s->conf->server->server_name, &s->user);

    if (s->conversation.len) {
        p = ngx_snprintf(p, len - (p - buf), ", conversation: \"%V\"",
                         &s->conversation);
    }

    return p;
}


static void
ngx_http_messaging_detach_read(ngx_event_t *rev)
{
    ngx_connection_t  *c;

    c = rev->data;

    ngx_http_messaging_session_readable(c->data);
}


static void
ngx_http_messaging_detach_write(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    ngx_http_messaging_session_handle(c->data);
}


void
ngx_http_messaging_detach_finalize(ngx_http_messaging_session_t *s,
    ngx_int_t rc)
{
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    c = s->connection;
    clcf = s->conf->core;

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "messaging connection ended, code:%ui received:%uL "
                  "sent:%uL time:%M",
                  (ngx_uint_t) s->close_code, s->received, s->sent,
                  ngx_current_msec - c->start_time);

    if (rc != NGX_OK || c->error || c->read->eof
        || clcf->lingering_close == NGX_HTTP_LINGERING_OFF)
    {
        ngx_http_messaging_detach_close(c);
        return;
    }

    s->close_due = ngx_current_msec + clcf->lingering_time;

    ngx_http_messaging_detach_linger(c);
}


/* what the client has sent meanwhile must not make a reset of our Close */

static void
ngx_http_messaging_detach_linger(ngx_connection_t *c)
{
    ngx_int_t                      rc;
    ngx_event_t                   *rev, *wev;
    ngx_http_messaging_session_t  *s;

    s = c->data;

    if (c->ssl) {
        c->ssl->shutdown_without_free = 1;

        rc = ngx_ssl_shutdown(c);

        if (rc == NGX_ERROR) {
            ngx_http_messaging_detach_close(c);
            return;
        }

        if (rc == NGX_AGAIN) {
            c->ssl->handler = ngx_http_messaging_detach_linger;
            return;
        }
    }

    rev = c->read;
    rev->handler = ngx_http_messaging_detach_lingering;

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_messaging_detach_close(c);
        return;
    }

    wev = c->write;
    wev->handler = ngx_http_empty_handler;

    if (wev->active && (ngx_event_flags & NGX_USE_LEVEL_EVENT)
        && ngx_del_event(wev, NGX_WRITE_EVENT, 0) != NGX_OK)
    {
        ngx_http_messaging_detach_close(c);
        return;
    }

    if (ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN) == -1) {
        ngx_connection_error(c, ngx_socket_errno,
                             ngx_shutdown_socket_n " failed");
        ngx_http_messaging_detach_close(c);
        return;
    }

    c->close = 0;
    ngx_reusable_connection(c, 1);

    ngx_add_timer(rev, s->conf->core->lingering_timeout);

    if (rev->ready) {
        ngx_http_messaging_detach_lingering(rev);
    }
}


static void
ngx_http_messaging_detach_lingering(ngx_event_t *rev)
{
    ssize_t                        n;
    ngx_msec_int_t                 left;
    ngx_connection_t              *c;
    ngx_http_messaging_session_t  *s;

    c = rev->data;
    s = c->data;

    left = (ngx_msec_int_t) (s->close_due - ngx_current_msec);

    if (rev->timedout || c->close || left <= 0) {
        ngx_http_messaging_detach_close(c);
        return;
    }

    do {
        n = c->recv(c, s->worker->buffer, NGX_HTTP_MESSAGING_RECV_BUFFER);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_http_messaging_detach_close(c);
            return;
        }

    } while (rev->ready);

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_messaging_detach_close(c);
        return;
    }

    ngx_add_timer(rev, ngx_min((ngx_msec_t) left,
                               s->conf->core->lingering_timeout));
}


/* as ngx_http_close_connection() */

static void
ngx_http_messaging_detach_close(ngx_connection_t *c)
{
    ngx_pool_t                     *pool;
    ngx_http_messaging_worker_t    *worker;
    ngx_http_messaging_session_t   *s;
    ngx_http_messaging_detached_t  *d;

    if (c->ssl && ngx_ssl_shutdown(c) == NGX_AGAIN) {
        c->ssl->handler = ngx_http_messaging_detach_close;
        return;
    }

#if (NGX_STAT_STUB)
    (void) ngx_atomic_fetch_add(ngx_stat_active, -1);
#endif

    s = c->data;
    pool = c->pool;
    worker = s->worker;
    d = ngx_http_messaging_detached(s);

    c->destroyed = 1;

    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }

    ngx_messaging_arena_free(&worker->arena, d, d->size);
    ngx_messaging_arena_free(&worker->arena, s,
                             sizeof(ngx_http_messaging_session_t));
}
