
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_host.h"


#define NGX_MESSAGING_HOST_RENEW  40000         /* ms */
#define NGX_MESSAGING_HOST_RETRY  1000          /* ms */
#define NGX_MESSAGING_HOST_LEASE  "120"         /* s */
#define NGX_MESSAGING_HOST_UNTIL  110000        /* ms, of the lease */


static void ngx_messaging_host_renew(ngx_event_t *ev);
static void ngx_messaging_host_lease(ngx_messaging_host_t *host);
static ngx_int_t ngx_messaging_host_command(ngx_messaging_host_t *host,
    const char *name, ngx_messaging_redis_reply_pt handler);
static void ngx_messaging_host_later(ngx_messaging_host_t *host);
static void ngx_messaging_host_leased(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_messaging_host_refused(ngx_messaging_host_t *host,
    ngx_str_t *why);
static void ngx_messaging_host_holder(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_messaging_host_hold(ngx_messaging_host_t *host);
static void ngx_messaging_host_draw(ngx_messaging_host_t *host,
    ngx_str_t *why);


void
ngx_messaging_host_init(ngx_messaging_host_t *host)
{
    host->dummy.fd = (ngx_socket_t) -1;
    host->dummy.data = host;

    host->renew.handler = ngx_messaging_host_renew;
    host->renew.data = &host->dummy;
    host->renew.log = ngx_cycle->log;
    host->renew.cancelable = 1;
}


void
ngx_messaging_host_take(ngx_messaging_host_t *host)
{
    ngx_messaging_shm_t  *shm;

    shm = host->shm;

    /* all workers of a zone begin with one number, so that they take one */

    host->tries = 0;
    host->number = shm->host ? (ngx_uint_t) shm->host - 1
                             : shm->host_token % NGX_MESSAGING_SHM_HOSTS;

    ngx_messaging_host_lease(host);
}


void
ngx_messaging_host_leave(ngx_messaging_host_t *host)
{
    host->held = 0;

    if (host->renew.timer_set) {
        ngx_del_timer(&host->renew);
    }
}


uint64_t
ngx_messaging_host_id(ngx_messaging_host_t *host)
{
    /* after a long stop the number may be somebody else's */

    if (!host->held
        || (ngx_msec_int_t) (host->until - ngx_current_msec) <= 0)
    {
        return 0;
    }

    return ngx_messaging_shm_id(host->shm, host->own);
}


static void
ngx_messaging_host_renew(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_messaging_host_take(c->data);
}


static void
ngx_messaging_host_lease(ngx_messaging_host_t *host)
{
    if (ngx_messaging_host_command(host, "SET", ngx_messaging_host_leased)
        != NGX_OK)
    {
        ngx_messaging_host_later(host);
    }
}


static ngx_int_t
ngx_messaging_host_command(ngx_messaging_host_t *host, const char *name,
    ngx_messaging_redis_reply_pt handler)
{
    u_char      *p;
    u_char       token[NGX_INT64_LEN + 1];
    ngx_str_t    argv[6];
    ngx_uint_t   n;
    u_char       key[NGX_INT_T_LEN + sizeof("@host:") + 256];

    p = ngx_snprintf(key, sizeof(key), "%V@host:%ui", &host->prefix,
                     host->number);

    argv[0].data = (u_char *) name;
    argv[0].len = ngx_strlen(name);
    argv[1].data = key;
    argv[1].len = p - key;
    n = 2;

    if (name[0] == 'S') {
        p = ngx_sprintf(token, "%uA", host->shm->host_token);
        argv[2].data = token;
        argv[2].len = p - token;

        ngx_str_set(&argv[3], "NX");
        ngx_str_set(&argv[4], "EX");
        ngx_str_set(&argv[5], NGX_MESSAGING_HOST_LEASE);
        n = 6;

    } else if (name[0] == 'E') {
        ngx_str_set(&argv[2], NGX_MESSAGING_HOST_LEASE);
        n = 3;
    }

    return ngx_messaging_redis_command(host->redis, n, argv, handler,
                                       handler ? host : NULL);
}


/* too many commands are waiting, or Redis is loading its data */

static void
ngx_messaging_host_later(ngx_messaging_host_t *host)
{
    if (ngx_messaging_redis_ready(host->redis)) {
        ngx_add_timer(&host->renew, NGX_MESSAGING_HOST_RETRY);
    }
}


static void
ngx_messaging_host_leased(void *data, ngx_messaging_resp_reply_t *reply)
{
    ngx_messaging_host_t *host = data;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_STATUS) {
        ngx_messaging_host_hold(host);
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_messaging_host_refused(host, &reply->str);
        return;
    }

    /* taken: by this zone perhaps */

    if (ngx_messaging_host_command(host, "GET", ngx_messaging_host_holder)
        != NGX_OK)
    {
        ngx_messaging_host_later(host);
    }
}


static void
ngx_messaging_host_refused(ngx_messaging_host_t *host, ngx_str_t *why)
{
    /* one that loads its data, or runs a script, is asked again */

    if ((why->len < 8 || ngx_strncmp(why->data, "LOADING ", 8) != 0)
        && (why->len < 5 || ngx_strncmp(why->data, "BUSY ", 5) != 0))
    {
        ngx_messaging_host_draw(host, why);
        return;
    }

    if (!host->warned) {
        host->warned = 1;

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "messaging redis gives no host number yet: \"%V\"", why);
    }

    ngx_messaging_host_later(host);
}


static void
ngx_messaging_host_holder(void *data, ngx_messaging_resp_reply_t *reply)
{
    ngx_messaging_host_t *host = data;

    u_char     *p;
    u_char      token[NGX_INT64_LEN + 1];
    ngx_str_t   why;

    if (reply == NULL) {
        return;
    }

    p = ngx_sprintf(token, "%uA", host->shm->host_token);

    if (reply->type == REDIS_REPLY_STRING
        && reply->str.len == (size_t) (p - token)
        && ngx_memcmp(reply->str.data, token, p - token) == 0)
    {
        (void) ngx_messaging_host_command(host, "EXPIRE", NULL);
        ngx_messaging_host_hold(host);
        return;
    }

    if (++host->tries == NGX_MESSAGING_SHM_HOSTS) {
        ngx_str_set(&why, "all are taken");
        ngx_messaging_host_draw(host, &why);
        return;
    }

    host->number = (host->number + 1) % NGX_MESSAGING_SHM_HOSTS;

    ngx_messaging_host_lease(host);
}


static void
ngx_messaging_host_hold(ngx_messaging_host_t *host)
{
    host->held = 1;
    host->own = host->number;
    host->until = ngx_current_msec + NGX_MESSAGING_HOST_UNTIL;
    host->warned = 0;
    host->shm->host = host->number + 1;

    if (!host->renew.timer_set) {
        ngx_add_timer(&host->renew, NGX_MESSAGING_HOST_RENEW);
    }

    host->handler(host->data);
}


static void
ngx_messaging_host_draw(ngx_messaging_host_t *host, ngx_str_t *why)
{
    if (!host->warned) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "messaging redis gave no host number: \"%V\", "
                      "message ids are unique on this host, but only "
                      "probably among hosts", why);
    }

    ngx_messaging_host_hold(host);

    host->warned = 1;
}
