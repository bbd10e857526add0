
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_session.h"


/*
 * The sending half of a session: a queue of pointers to shared frames.
 *
 * Queueing only posts the session; whatever has gathered by the end of the
 * turn of the event loop, or of some turns if it is for many, leaves in as few
 * calls as possible.  What fits into one record of TLS is gathered: to copy
 * some small frames costs less than to describe each of them to the kernel.
 * Of more, writev() takes the frames where they are, if there is no TLS.
 */


#define NGX_HTTP_MESSAGING_IOVECS    64

/* more are needed by a storm only: the memory is given back after it */
#define NGX_HTTP_MESSAGING_FREE_OUT  16384


static ngx_uint_t ngx_http_messaging_output_full(
    ngx_http_messaging_session_t *s, ngx_messaging_message_t *m);
static ngx_int_t ngx_http_messaging_output_room(
    ngx_http_messaging_session_t *s, ngx_messaging_message_t *m);
static ngx_http_messaging_out_t *ngx_http_messaging_output_alloc(
    ngx_http_messaging_worker_t *worker);
static void ngx_http_messaging_output_release(
    ngx_http_messaging_worker_t *worker, ngx_http_messaging_out_t *out);
static ngx_int_t ngx_http_messaging_output_header(
    ngx_http_messaging_session_t *s);
static ssize_t ngx_http_messaging_output_chain(
    ngx_http_messaging_session_t *s);
static ssize_t ngx_http_messaging_output_flat(
    ngx_http_messaging_session_t *s);
static ssize_t ngx_http_messaging_output_record(
    ngx_http_messaging_session_t *s);
static size_t ngx_http_messaging_output_gather(
    ngx_http_messaging_session_t *s);
static void ngx_http_messaging_output_sent(ngx_http_messaging_session_t *s,
    size_t n);
static void ngx_http_messaging_output_pop(ngx_http_messaging_session_t *s);
static void ngx_http_messaging_output_unlink(ngx_http_messaging_session_t *s,
    ngx_http_messaging_out_t *out);


void
ngx_http_messaging_session_send(ngx_http_messaging_session_t *s,
    ngx_messaging_message_t *m)
{
    ngx_http_messaging_out_t  *out;

    if (s->closing || s->finished || s->failed) {
        return;
    }

    if (ngx_http_messaging_output_full(s, m)
        && ngx_http_messaging_output_room(s, m) != NGX_OK)
    {
        return;
    }

    out = ngx_http_messaging_output_alloc(s->worker);

    if (out == NULL) {
        s->failed = 1;
        ngx_http_messaging_session_post(s);
        return;
    }

    m->refs++;

    out->message = m;
    out->next = NULL;
    out->prev = s->last_out;

    *s->last_out = out;
    s->last_out = &out->next;
    s->queued += m->len;
    s->worker->nqueued++;

    if (m->opcode == NGX_MESSAGING_FRAME_PONG) {
        s->pongs++;
    }

    ngx_http_messaging_session_post(s);
}


/* a single frame may be longer than the buffer, a Close has always room */

static ngx_uint_t
ngx_http_messaging_output_full(ngx_http_messaging_session_t *s,
    ngx_messaging_message_t *m)
{
    if (s->queued == 0 || m->opcode == NGX_MESSAGING_FRAME_CLOSE) {
        return 0;
    }

    return s->queued + m->len > s->conf->send_buffer
           || (m->opcode == NGX_MESSAGING_FRAME_PONG
               && s->pongs >= s->conf->max_pongs);
}


/* NGX_OK: the frame may be queued now */

static ngx_int_t
ngx_http_messaging_output_room(ngx_http_messaging_session_t *s,
    ngx_messaging_message_t *m)
{
    ngx_int_t  rc;

    /* a burst within one turn is no sign of a client that is slow */

    if (ngx_http_messaging_output(s) == NGX_ERROR) {
        s->failed = 1;
        ngx_http_messaging_session_post(s);
        return NGX_ERROR;
    }

    if (!ngx_http_messaging_output_full(s, m)) {
        return NGX_OK;
    }

    rc = ngx_http_messaging_shed_room(s, m);

    if (rc == NGX_ERROR) {
        ngx_messaging_stat_add(s->worker->slot,
                               NGX_MESSAGING_STAT_LIMIT_SEND_BUFFER, 1);
        ngx_http_messaging_session_give_up(s, "slow consumer");
    }

    return rc;
}


static ngx_http_messaging_out_t *
ngx_http_messaging_output_alloc(ngx_http_messaging_worker_t *worker)
{
    ngx_http_messaging_out_t  *out;

    out = worker->free_out;

    if (out) {
        worker->free_out = out->next;
        worker->nfree_out--;

    } else {
        out = ngx_alloc(sizeof(ngx_http_messaging_out_t), ngx_cycle->log);

        if (out == NULL) {
            return NULL;
        }
    }

    ngx_messaging_memory_hold(sizeof(ngx_http_messaging_out_t));

    return out;
}


static void
ngx_http_messaging_output_release(ngx_http_messaging_worker_t *worker,
    ngx_http_messaging_out_t *out)
{
    ngx_messaging_message_release(out->message);
    ngx_messaging_memory_drop(sizeof(ngx_http_messaging_out_t));

    if (worker->nfree_out >= NGX_HTTP_MESSAGING_FREE_OUT) {
        ngx_free(out);
        return;
    }

    out->next = worker->free_out;
    worker->free_out = out;
    worker->nfree_out++;
}


void
ngx_http_messaging_session_text(ngx_http_messaging_session_t *s,
    ngx_str_t *parts, ngx_uint_t n)
{
    ngx_messaging_message_t  *m;

    if (s->closing || s->finished) {
        return;
    }

    m = ngx_messaging_message_create(NGX_MESSAGING_FRAME_TEXT,
                                     NGX_MESSAGING_KIND_MESSAGE, parts, n);
    if (m == NULL) {
        s->failed = 1;
        ngx_http_messaging_session_post(s);
        return;
    }

    ngx_http_messaging_session_send(s, m);
    ngx_messaging_message_release(m);
}


/*
 * The client does not read what it is sent.  Nothing is left out in silence:
 * what waits is given up as a whole, and the Close says so.  Frames that have
 * been sent in part, or that TLS has made a record of, go on; so does a Close
 * that is the last in the queue.
 */

void
ngx_http_messaging_session_give_up(ngx_http_messaging_session_t *s,
    const char *reason)
{
    size_t                     n;
    ngx_http_messaging_out_t  *rest, *out, **last;

    n = 0;
    last = &s->out;

    ngx_http_messaging_shed_free(s);

    while (*last && n < s->offset + s->pending) {
        n += (*last)->message->len;
        last = &(*last)->next;
    }

    rest = *last;
    *last = NULL;
    s->last_out = last;
    s->queued = n - s->offset;
    s->emptied = 1;

    while (rest) {
        out = rest;
        rest = out->next;

        if (out->message->opcode == NGX_MESSAGING_FRAME_CLOSE) {
            out->prev = s->last_out;
            *s->last_out = out;
            s->last_out = &out->next;
            s->queued += out->message->len;
            continue;
        }

        ngx_http_messaging_output_release(s->worker, out);
    }

    ngx_http_messaging_session_close(s, NGX_MESSAGING_CLOSE_TRY_LATER, reason);
}


/*
 * NGX_OK: all was sent; NGX_AGAIN: the socket is full, the write event goes
 * on; NGX_ERROR: the connection is broken.
 */

ngx_int_t
ngx_http_messaging_output(ngx_http_messaging_session_t *s)
{
    ssize_t            n;
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = s->connection;

    if (c->error) {
        return NGX_ERROR;
    }

    rc = ngx_http_messaging_output_header(s);

    while (rc == NGX_OK && s->out) {

        if (!c->write->ready) {
            rc = NGX_AGAIN;
            break;
        }

        if (c->ssl) {
            n = ngx_http_messaging_output_record(s);

        } else if (s->out->next == NULL
                   || s->queued <= NGX_HTTP_MESSAGING_RECORD)
        {
            n = ngx_http_messaging_output_flat(s);

        } else {
            n = ngx_http_messaging_output_chain(s);
        }

        if (n == NGX_ERROR) {
            rc = NGX_ERROR;
            break;
        }

        if (n == 0) {
            /* TLS may want to read first, and the socket be writable */
            rc = NGX_AGAIN;
            break;
        }

        ngx_http_messaging_output_sent(s, n);
    }

    if (rc == NGX_ERROR) {
        c->error = 1;
        return NGX_ERROR;
    }

    if (s->out && !s->closing) {
        ngx_http_messaging_shed_wait(s);
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return rc;
}


/* the 101 goes through nginx's filters and may not have left at once */

static ngx_int_t
ngx_http_messaging_output_header(ngx_http_messaging_session_t *s)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = s->request;

    if (r == NULL) {
        return NGX_OK;
    }

    if (r->out == NULL && !s->connection->buffered) {

        if (s->connection->ssl) {
            /* 16 KB that only nginx's filters need */
            ngx_ssl_free_buffer(s->connection);
        }

        return NGX_OK;
    }

    if (!s->connection->write->ready) {
        return NGX_AGAIN;
    }

    rc = ngx_http_output_filter(r, NULL);

    return rc == NGX_ERROR ? NGX_ERROR
                           : (r->out || s->connection->buffered) ? NGX_AGAIN
                                                                 : NGX_OK;
}


static ssize_t
ngx_http_messaging_output_chain(ngx_http_messaging_session_t *s)
{
    off_t                      sent;
    ngx_uint_t                 i;
    ngx_buf_t                  bufs[NGX_HTTP_MESSAGING_IOVECS];
    ngx_chain_t                chain[NGX_HTTP_MESSAGING_IOVECS];
    ngx_connection_t          *c;
    ngx_http_messaging_out_t  *out;

    c = s->connection;
    sent = c->sent;

    ngx_memzero(bufs, sizeof(ngx_buf_t));

    for (out = s->out, i = 0;
         out && i < NGX_HTTP_MESSAGING_IOVECS;
         out = out->next, i++)
    {
        if (i) {
            bufs[i] = bufs[0];
            chain[i - 1].next = &chain[i];
        }

        bufs[i].memory = 1;
        bufs[i].pos = out->message->data;
        bufs[i].last = out->message->data + out->message->len;

        chain[i].buf = &bufs[i];
        chain[i].next = NULL;
    }

    bufs[0].pos += s->offset;

    if (c->send_chain(c, chain, 0) == NGX_CHAIN_ERROR) {
        return NGX_ERROR;
    }

    return (ssize_t) (c->sent - sent);
}


/* a single frame leaves from where it is, several from the worker's buffer */

static ssize_t
ngx_http_messaging_output_flat(ngx_http_messaging_session_t *s)
{
    size_t             n;
    u_char            *p;
    ssize_t            rc;
    ngx_connection_t  *c;

    c = s->connection;

    if (s->out->next == NULL) {
        p = s->out->message->data + s->offset;
        n = s->out->message->len - s->offset;

    } else {
        p = s->worker->record;
        n = ngx_http_messaging_output_gather(s);
    }

    rc = c->send(c, p, n);

    return (rc == NGX_AGAIN) ? 0 : rc;
}


/*
 * A SSL_write() that was not taken has to be repeated with the same bytes at
 * the same address: that part of the queue stays, the buffer is the worker's.
 */

static ssize_t
ngx_http_messaging_output_record(ngx_http_messaging_session_t *s)
{
    size_t             n;
    ssize_t            rc;
    ngx_connection_t  *c;

    c = s->connection;

    n = ngx_http_messaging_output_gather(s);

    rc = c->send(c, s->worker->record, n);

    if (rc == NGX_AGAIN) {
        s->pending = n;
        return 0;
    }

    s->pending = 0;

    return rc;
}


/* the first bytes of the queue, as many as a record has */

static size_t
ngx_http_messaging_output_gather(ngx_http_messaging_session_t *s)
{
    size_t                     n, size, offset;
    u_char                    *p;
    ngx_http_messaging_out_t  *out;

    p = s->worker->record;
    size = NGX_HTTP_MESSAGING_RECORD;
    offset = s->offset;

    for (out = s->out; out && size; out = out->next) {
        n = ngx_min(out->message->len - offset, size);

        p = ngx_cpymem(p, out->message->data + offset, n);
        size -= n;
        offset = 0;
    }

    return p - s->worker->record;
}


static void
ngx_http_messaging_output_sent(ngx_http_messaging_session_t *s, size_t n)
{
    size_t      left;
    ngx_uint_t  messages;

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_BYTES_OUT, n);

    s->queued -= n;
    messages = 0;

    while (n) {
        left = s->out->message->len - s->offset;

        if (n < left) {
            s->offset += n;
            break;
        }

        n -= left;

        messages += (s->out->message->opcode == NGX_MESSAGING_FRAME_TEXT);

        ngx_http_messaging_output_pop(s);
    }

    s->sent += messages;
    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_MESSAGES_OUT,
                           messages);
}


static void
ngx_http_messaging_output_pop(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_out_t  *out;

    s->offset = 0;

    if (s->shed) {
        ngx_http_messaging_output_unlink(s, s->out);

        if (s->out == NULL) {
            ngx_http_messaging_shed_free(s);
        }

        return;
    }

    /* the same, for a client that reads what it is sent */

    out = s->out;
    s->out = out->next;

    if (s->out) {
        s->out->prev = &s->out;

    } else {
        s->last_out = &s->out;
    }

    if (out->message->opcode == NGX_MESSAGING_FRAME_PONG && s->pongs) {
        s->pongs--;
    }

    ngx_http_messaging_output_release(s->worker, out);
}


static void
ngx_http_messaging_output_unlink(ngx_http_messaging_session_t *s,
    ngx_http_messaging_out_t *out)
{
    ngx_http_messaging_shed_leave(s, out);

    *out->prev = out->next;

    if (out->next) {
        out->next->prev = out->prev;

    } else {
        s->last_out = out->prev;
    }

    ngx_http_messaging_output_release(s->worker, out);
}


/* a frame of which nothing was sent yet is left out */

void
ngx_http_messaging_output_drop(ngx_http_messaging_session_t *s,
    ngx_http_messaging_out_t *out)
{
    s->queued -= out->message->len;

    ngx_http_messaging_output_unlink(s, out);
}


void
ngx_http_messaging_output_free(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_shed_free(s);

    while (s->out) {
        ngx_http_messaging_output_pop(s);
    }

    s->queued = 0;
}
