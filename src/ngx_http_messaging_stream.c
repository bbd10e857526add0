
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_relay.h"
#include "ngx_http_messaging_stream.h"
#include "ngx_messaging_envelope.h"
#include "ngx_messaging_json.h"


/*
 * The stream is never trimmed here: MAXLEN would take away entries that no
 * consumer has seen.  So its length is tested before, and in the same step,
 * or all workers that see room for one more would add one.
 *
 * The script is sent each time.  Redis knows it by its sum, and the order of
 * entries stays: EVALSHA might have to be repeated, after Redis has forgotten
 * the script, behind those that were sent meanwhile.
 */


#define NGX_HTTP_MESSAGING_STREAM_LOG    10000     /* ms */
#define NGX_HTTP_MESSAGING_STREAM_HOLD   1000      /* ms */

#define NGX_HTTP_MESSAGING_STREAM_FIELDS  9


static void ngx_http_messaging_stream_log(ngx_http_messaging_worker_t *worker,
    ngx_str_t *why);
static void ngx_http_messaging_stream_field(ngx_str_t *argv, ngx_uint_t *n,
    const char *name, ngx_str_t *value);


static ngx_str_t  ngx_http_messaging_stream_script = ngx_string(
    "if redis.call('XLEN',KEYS[1])>=tonumber(ARGV[1]) then return 0 end "
    "return redis.call('XADD',KEYS[1],'*',unpack(ARGV,2))");


ngx_int_t
ngx_http_messaging_stream_add(ngx_http_messaging_store_t *store,
    ngx_http_messaging_stream_t *st, ngx_messaging_redis_reply_pt handler,
    void *data)
{
    u_char                       *p;
    ngx_int_t                     rc;
    ngx_str_t                     type, time, key;
    ngx_str_t                     argv[5
                                     + 2 * NGX_HTTP_MESSAGING_STREAM_FIELDS];
    ngx_uint_t                    n;
    ngx_http_messaging_worker_t  *worker;
    u_char                        limit[NGX_SIZE_T_LEN];
    u_char                        now[NGX_MESSAGING_JSON_RFC3339_LEN];
    u_char                        buf[NGX_MESSAGING_ENVELOPE_MAX_USER + 1
                                     + 12 * NGX_HTTP_MESSAGING_MAX_CLIENT_ID];

    worker = store->worker;

    if (st->key.len == 0) {
        ngx_str_set(&key, "the key is empty");
        ngx_http_messaging_stream_log(worker, &key);
        return NGX_DECLINED;
    }

    ngx_str_set(&argv[0], "EVAL");
    argv[1] = ngx_http_messaging_stream_script;
    ngx_str_set(&argv[2], "1");
    argv[3] = st->key;

    argv[4].data = limit;
    argv[4].len = ngx_sprintf(limit, "%ui", store->conf->store_limit) - limit;

    type.data = (u_char *) st->type;
    type.len = ngx_strlen(st->type);

    time.data = now;
    time.len = ngx_messaging_json_rfc3339(now,
                                          ngx_http_messaging_session_now())
               - now;

    ngx_str_null(&key);

    if (st->client_id.len) {
        /* as the header of a request: 64 code points of up to 4 bytes */
        p = ngx_cpymem(buf, store->user.data, store->user.len);
        *p++ = ':';
        p = ngx_messaging_escape(p, st->client_id.data, st->client_id.len);

        key.data = buf;
        key.len = p - buf;
    }

    n = 5;

    ngx_http_messaging_stream_field(argv, &n, "type", &type);
    ngx_http_messaging_stream_field(argv, &n, "user", &store->user);
    ngx_http_messaging_stream_field(argv, &n, "conversation",
                                    &st->conversation);
    ngx_http_messaging_stream_field(argv, &n, "client_id", &st->client_id);
    ngx_http_messaging_stream_field(argv, &n, "idempotency_key", &key);
    ngx_http_messaging_stream_field(argv, &n, "jti", &store->jti);
    ngx_http_messaging_stream_field(argv, &n, "ip", &store->address);
    ngx_http_messaging_stream_field(argv, &n, "time", &time);
    ngx_http_messaging_stream_field(argv, &n, "body", &st->body);

    rc = ngx_messaging_redis_command(worker->broker->redis, n, argv, handler,
                                     data);

    if (rc == NGX_OK) {
        worker->nstreams++;

        if (!worker->hold.timer_set) {
            ngx_add_timer(&worker->hold, NGX_HTTP_MESSAGING_STREAM_HOLD);
        }
    }

    return rc;
}


/* what is not known is left out */

static void
ngx_http_messaging_stream_field(ngx_str_t *argv, ngx_uint_t *n,
    const char *name, ngx_str_t *value)
{
    if (value->len == 0) {
        return;
    }

    argv[*n].data = (u_char *) name;
    argv[*n].len = ngx_strlen(name);
    argv[*n + 1] = *value;

    *n += 2;
}


ngx_int_t
ngx_http_messaging_stream_verdict(ngx_http_messaging_store_t *store,
    ngx_messaging_resp_reply_t *reply)
{
    ngx_str_t                     why;
    ngx_http_messaging_worker_t  *worker;

    worker = store->worker;

    if (--worker->nstreams == 0 && worker->hold.timer_set) {
        ngx_del_timer(&worker->hold);
    }

    if (reply == NULL) {
        return NGX_ABORT;
    }

    if (reply->type == REDIS_REPLY_STRING) {
        return NGX_OK;
    }

    if (reply->type == REDIS_REPLY_INTEGER) {
        return NGX_BUSY;
    }

    ngx_str_set(&why, "no id");

    if (reply->type == REDIS_REPLY_ERROR) {
        why = reply->str;
    }

    ngx_http_messaging_stream_log(worker, &why);

    return NGX_ERROR;
}


static void
ngx_http_messaging_stream_log(ngx_http_messaging_worker_t *worker,
    ngx_str_t *why)
{
    if (worker->stream_logged
        && ngx_current_msec - worker->stream_logged
           < NGX_HTTP_MESSAGING_STREAM_LOG)
    {
        return;
    }

    worker->stream_logged = ngx_current_msec;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "messaging redis adds nothing to the stream of "
                  "messaging_store: \"%V\"", why);
}


/* a worker does not leave before Redis has answered, or is given up */

void
ngx_http_messaging_stream_hold(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_messaging_worker_t  *worker;

    c = ev->data;
    worker = c->data;

    if (worker->nstreams) {
        ngx_add_timer(ev, NGX_HTTP_MESSAGING_STREAM_HOLD);
    }
}
