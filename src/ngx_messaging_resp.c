
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_resp.h"


/*
 * Why everything happens inside the object functions: hiredis' reader trims
 * and moves its buffer before it hands a reply out, so a string is where the
 * object function sees it for the duration of that call only.  The handler is
 * therefore called from the object function of a reply's last part, with that
 * part as it lies in the reader; the elements before it, a word and a channel
 * name as a rule, are copied, since they may have come in earlier bytes.
 */


/* a reader's buffer larger than this is given back after the reply */
#define NGX_MESSAGING_RESP_KEEP    (1024 * 1024)

/* bytes fed at once: hiredis moves the rest down for each KB of replies */
#define NGX_MESSAGING_RESP_SLICE   16384

/* the longest status, error, integer or length line */
#define NGX_MESSAGING_RESP_LINE    65536

/* elements copied; grown for a reply that needs it, then given back */
#define NGX_MESSAGING_RESP_STORE   512


struct ngx_messaging_resp_s {
    redisReader                   *reader;
    ngx_messaging_resp_handler_pt  handler;
    void                          *data;

    ngx_messaging_resp_reply_t     reply;
    const char                    *error;

    u_char                        *store;    /* elements before the last */
    size_t                         size;
    size_t                         used;
    size_t                         offsets[NGX_MESSAGING_RESP_MAX_ELTS];

    size_t                         peak;     /* of the reader's buffer */

    u_char                         small[NGX_MESSAGING_RESP_STORE];
};


static void *ngx_messaging_resp_string(const redisReadTask *task, char *p,
    size_t len);
#if (HIREDIS_MAJOR >= 1)
static void *ngx_messaging_resp_array(const redisReadTask *task, size_t n);
static void *ngx_messaging_resp_double(const redisReadTask *task, double value,
    char *p, size_t len);
static void *ngx_messaging_resp_bool(const redisReadTask *task, int value);
#else
static void *ngx_messaging_resp_array(const redisReadTask *task, int n);
#endif
static void *ngx_messaging_resp_integer(const redisReadTask *task,
    long long value);
static void *ngx_messaging_resp_nil(const redisReadTask *task);

static redisReader *ngx_messaging_resp_reader(ngx_messaging_resp_t *resp);
static void *ngx_messaging_resp_refuse(ngx_messaging_resp_t *resp,
    const char *error);
static void *ngx_messaging_resp_element(ngx_messaging_resp_t *resp,
    const redisReadTask *task, u_char *p, size_t len);
static ngx_int_t ngx_messaging_resp_store(ngx_messaging_resp_t *resp,
    ngx_uint_t n, u_char *p, size_t len);
static void *ngx_messaging_resp_complete(ngx_messaging_resp_t *resp);
static ngx_int_t ngx_messaging_resp_parse(ngx_messaging_resp_t *resp);
static void ngx_messaging_resp_shrink(ngx_messaging_resp_t *resp);


/* hiredis ordered the members anew in 1.0 and added some */

static redisReplyObjectFunctions  ngx_messaging_resp_functions = {
    .createString = ngx_messaging_resp_string,
    .createArray = ngx_messaging_resp_array,
    .createInteger = ngx_messaging_resp_integer,
    .createNil = ngx_messaging_resp_nil,
#if (HIREDIS_MAJOR >= 1)
    .createDouble = ngx_messaging_resp_double,
    .createBool = ngx_messaging_resp_bool,
#endif
    .freeObject = NULL
};


ngx_messaging_resp_t *
ngx_messaging_resp_create(ngx_messaging_resp_handler_pt handler, void *data)
{
    ngx_messaging_resp_t  *resp;

    /* as hiredis does: no pool lives exactly as long, and there is no log */

    resp = calloc(1, sizeof(ngx_messaging_resp_t));
    if (resp == NULL) {
        return NULL;
    }

    resp->handler = handler;
    resp->data = data;
    resp->store = resp->small;
    resp->size = sizeof(resp->small);

    resp->reader = ngx_messaging_resp_reader(resp);
    if (resp->reader == NULL) {
        free(resp);
        return NULL;
    }

    return resp;
}


static redisReader *
ngx_messaging_resp_reader(ngx_messaging_resp_t *resp)
{
    redisReader  *reader;

    reader = redisReaderCreateWithFunctions(&ngx_messaging_resp_functions);
    if (reader == NULL) {
        return NULL;
    }

    /* else a buffer over 16 KB is freed and allocated again all the time */
    reader->maxbuf = 0;
    reader->privdata = resp;

    return reader;
}


void
ngx_messaging_resp_free(ngx_messaging_resp_t *resp)
{
    redisReaderFree(resp->reader);

    if (resp->store != resp->small) {
        free(resp->store);
    }

    free(resp);
}


const char *
ngx_messaging_resp_error(ngx_messaging_resp_t *resp)
{
    return resp->error ? resp->error : resp->reader->errstr;
}


ngx_int_t
ngx_messaging_resp_feed(ngx_messaging_resp_t *resp, u_char *p, size_t len)
{
    size_t  n;

    if (resp->error) {
        return NGX_ERROR;
    }

    while (len) {
        n = ngx_min(len, NGX_MESSAGING_RESP_SLICE);

        if (redisReaderFeed(resp->reader, (char *) p, n) != REDIS_OK) {
            return NGX_ERROR;
        }

        p += n;
        len -= n;

        if (ngx_messaging_resp_parse(resp) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (resp->peak > NGX_MESSAGING_RESP_KEEP) {
        ngx_messaging_resp_shrink(resp);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_messaging_resp_parse(ngx_messaging_resp_t *resp)
{
    void         *reply;
    size_t        rest;
    redisReader  *reader;

    reader = resp->reader;
    resp->peak = ngx_max(resp->peak, reader->len);

    /* with nothing left to read it would begin the next reply */

    while (reader->pos < reader->len) {

        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            return NGX_ERROR;
        }

        if (reply == NULL) {
            break;
        }
    }

    rest = reader->len - reader->pos;

    if (rest + resp->used > NGX_MESSAGING_RESP_MAX_REPLY) {
        (void) ngx_messaging_resp_refuse(resp, "too long reply");
        return NGX_ERROR;
    }

    /*
     * the reader looks for the end of a line from its beginning each time;
     * of a long string it has the short line with the length first
     */

    if (rest > NGX_MESSAGING_RESP_LINE
        && memchr(reader->buf + reader->pos, LF, NGX_INT64_LEN + 2) == NULL)
    {
        (void) ngx_messaging_resp_refuse(resp, "too long line");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_messaging_resp_shrink(ngx_messaging_resp_t *resp)
{
    redisReader  *reader;

    reader = resp->reader;

    if (reader->ridx != -1 || reader->pos != reader->len) {
        /* in the midst of a reply */
        return;
    }

    reader = ngx_messaging_resp_reader(resp);
    if (reader == NULL) {
        return;
    }

    redisReaderFree(resp->reader);

    resp->reader = reader;
    resp->peak = 0;
}


static void *
ngx_messaging_resp_string(const redisReadTask *task, char *p, size_t len)
{
    ngx_messaging_resp_t *resp = task->privdata;

    switch (task->type) {

    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        break;

    default:
        return ngx_messaging_resp_refuse(resp, "not a RESP2 type");
    }

    if (task->parent) {
        return ngx_messaging_resp_element(resp, task, (u_char *) p, len);
    }

    ngx_memzero(&resp->reply, sizeof(ngx_messaging_resp_reply_t));

    resp->reply.type = task->type;
    resp->reply.str.data = (u_char *) p;
    resp->reply.str.len = len;

    return ngx_messaging_resp_complete(resp);
}


static void *
#if (HIREDIS_MAJOR >= 1)
ngx_messaging_resp_array(const redisReadTask *task, size_t n)
#else
ngx_messaging_resp_array(const redisReadTask *task, int n)
#endif
{
    ngx_messaging_resp_t *resp = task->privdata;

    if (task->type != REDIS_REPLY_ARRAY) {
        return ngx_messaging_resp_refuse(resp, "not a RESP2 type");
    }

    if (task->parent) {
        return ngx_messaging_resp_refuse(resp, "nested array");
    }

    if (n > NGX_MESSAGING_RESP_MAX_ELTS) {
        return ngx_messaging_resp_refuse(resp, "too long array");
    }

    ngx_memzero(&resp->reply, sizeof(ngx_messaging_resp_reply_t));

    resp->reply.type = REDIS_REPLY_ARRAY;
    resp->reply.nelts = n;

    if (n == 0) {
        return ngx_messaging_resp_complete(resp);
    }

    return resp;
}


static void *
ngx_messaging_resp_integer(const redisReadTask *task, long long value)
{
    ngx_messaging_resp_t *resp = task->privdata;

    if (task->parent) {
        resp->reply.integer = value;
        return ngx_messaging_resp_element(resp, task, NULL, 0);
    }

    ngx_memzero(&resp->reply, sizeof(ngx_messaging_resp_reply_t));

    resp->reply.type = REDIS_REPLY_INTEGER;
    resp->reply.integer = value;

    return ngx_messaging_resp_complete(resp);
}


static void *
ngx_messaging_resp_nil(const redisReadTask *task)
{
    ngx_messaging_resp_t *resp = task->privdata;

    if (task->type == REDIS_REPLY_NIL) {
        /* "_", while RESP2 has a string or an array of length -1 */
        return ngx_messaging_resp_refuse(resp, "not a RESP2 type");
    }

    if (task->parent) {
        return ngx_messaging_resp_element(resp, task, NULL, 0);
    }

    ngx_memzero(&resp->reply, sizeof(ngx_messaging_resp_reply_t));

    resp->reply.type = REDIS_REPLY_NIL;

    return ngx_messaging_resp_complete(resp);
}


#if (HIREDIS_MAJOR >= 1)

static void *
ngx_messaging_resp_double(const redisReadTask *task, double value, char *p,
    size_t len)
{
    (void) value;
    (void) p;
    (void) len;

    return ngx_messaging_resp_refuse(task->privdata, "not a RESP2 type");
}


static void *
ngx_messaging_resp_bool(const redisReadTask *task, int value)
{
    (void) value;

    return ngx_messaging_resp_refuse(task->privdata, "not a RESP2 type");
}

#endif


static void *
ngx_messaging_resp_refuse(ngx_messaging_resp_t *resp, const char *error)
{
    /* the reader makes "Out of memory" of a NULL, this says what it was */

    resp->error = error;

    return NULL;
}


static void *
ngx_messaging_resp_element(ngx_messaging_resp_t *resp,
    const redisReadTask *task, u_char *p, size_t len)
{
    ngx_uint_t  i, n;

    /* p == NULL for a nil and for an integer */

    n = task->idx;

    resp->reply.elts[n].data = p;
    resp->reply.elts[n].len = len;

    if (n + 1 < resp->reply.nelts) {

        if (p && ngx_messaging_resp_store(resp, n, p, len) != NGX_OK) {
            return NULL;
        }

        return resp;
    }

    for (i = 0; i < n; i++) {
        if (resp->reply.elts[i].data) {
            resp->reply.elts[i].data = resp->store + resp->offsets[i];
        }
    }

    return ngx_messaging_resp_complete(resp);
}


static ngx_int_t
ngx_messaging_resp_store(ngx_messaging_resp_t *resp, ngx_uint_t n, u_char *p,
    size_t len)
{
    size_t   size;
    u_char  *store;

    if (len > NGX_MESSAGING_RESP_MAX_REPLY - resp->used) {
        (void) ngx_messaging_resp_refuse(resp, "too long reply");
        return NGX_ERROR;
    }

    if (len > resp->size - resp->used) {
        size = ngx_max(2 * resp->size, resp->used + len);

        store = malloc(size);
        if (store == NULL) {
            (void) ngx_messaging_resp_refuse(resp, "no memory");
            return NGX_ERROR;
        }

        ngx_memcpy(store, resp->store, resp->used);

        if (resp->store != resp->small) {
            free(resp->store);
        }

        resp->store = store;
        resp->size = size;
    }

    resp->offsets[n] = resp->used;

    ngx_memcpy(resp->store + resp->used, p, len);
    resp->used += len;

    return NGX_OK;
}


static void *
ngx_messaging_resp_complete(ngx_messaging_resp_t *resp)
{
    resp->handler(resp->data, &resp->reply);

    resp->used = 0;

    if (resp->store != resp->small) {
        free(resp->store);
        resp->store = resp->small;
        resp->size = sizeof(resp->small);
    }

    return resp;
}
