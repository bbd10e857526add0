
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_redis_addr.h"


static void ngx_messaging_redis_addr_handler(ngx_resolver_ctx_t *ctx);
static void ngx_messaging_redis_addr_set(ngx_messaging_redis_addrs_t *addrs,
    ngx_resolver_ctx_t *ctx);


char *
ngx_messaging_redis_resolve(ngx_conf_t *cf, ngx_messaging_redis_conf_t *conf)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = conf->url.name;
    u.default_port = NGX_MESSAGING_URL_PORT;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {

        if (u.err) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\": %s in \"messaging_redis\"",
                               &conf->url.name, u.err);
        }

        return NGX_CONF_ERROR;
    }

    if (u.naddrs == 0) {

        /* a name */

        conf->dynamic = conf->resolver
                        && conf->resolver->connections.nelts;

        if (ngx_inet_resolve_host(cf->pool, &u) != NGX_OK) {

            if (u.err == NULL) {
                return NGX_CONF_ERROR;
            }

            if (conf->dynamic) {
                return NGX_CONF_OK;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\": %s in \"messaging_redis\", "
                               "write a \"resolver\" directive or an address",
                               &conf->url.name, u.err);

            return NGX_CONF_ERROR;
        }
    }

    conf->addrs = u.addrs;
    conf->naddrs = u.naddrs;

    return NGX_CONF_OK;
}


void
ngx_messaging_redis_addr_lookup(ngx_messaging_redis_addrs_t *addrs)
{
    ngx_resolver_ctx_t          *ctx;
    ngx_messaging_redis_conf_t  *conf;

    conf = addrs->conf;

    addrs->naddrs = 0;

    ctx = ngx_resolve_start(conf->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        addrs->handler(addrs->data, "resolver failed");
        return;
    }

    ctx->name = conf->url.host;
    ctx->handler = ngx_messaging_redis_addr_handler;
    ctx->data = addrs;
    ctx->timeout = NGX_MESSAGING_REDIS_TIMEOUT;
    ctx->cancelable = 1;

    if (conf->resolver_timeout) {
        ctx->timeout = ngx_min(ctx->timeout, conf->resolver_timeout);
    }

    addrs->ctx = ctx;

    /* the handler may be called, and ctx be freed, before this returns */

    if (ngx_resolve_name(ctx) != NGX_OK) {
        addrs->ctx = NULL;
        addrs->handler(addrs->data, "resolver failed");
    }
}


void
ngx_messaging_redis_addr_cancel(ngx_messaging_redis_addrs_t *addrs)
{
    if (addrs->ctx) {
        ngx_resolve_name_done(addrs->ctx);
        addrs->ctx = NULL;
    }
}


static void
ngx_messaging_redis_addr_handler(ngx_resolver_ctx_t *ctx)
{
    const char                   *why;
    ngx_messaging_redis_addrs_t  *addrs;

    addrs = ctx->data;
    addrs->ctx = NULL;

    if (ctx->state) {
        why = ngx_resolver_strerror(ctx->state);

    } else {
        why = NULL;
        ngx_messaging_redis_addr_set(addrs, ctx);
    }

    ngx_resolve_name_done(ctx);

    addrs->handler(addrs->data, why);
}


static void
ngx_messaging_redis_addr_set(ngx_messaging_redis_addrs_t *addrs,
    ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t                   i;
    ngx_messaging_redis_addr_t  *a;

    addrs->naddrs = ngx_min(ctx->naddrs, NGX_MESSAGING_REDIS_MAX_ADDRS);

    for (i = 0; i < addrs->naddrs; i++) {
        a = &addrs->addrs[i];

        ngx_memcpy(&a->sockaddr, ctx->addrs[i].sockaddr,
                   ctx->addrs[i].socklen);

        ngx_inet_set_port(&a->sockaddr.sockaddr, addrs->conf->url.port);

        a->addr.sockaddr = &a->sockaddr.sockaddr;
        a->addr.socklen = ctx->addrs[i].socklen;
        a->addr.name.data = a->text;
        a->addr.name.len = ngx_sock_ntop(a->addr.sockaddr, a->addr.socklen,
                                         a->text, NGX_SOCKADDR_STRLEN, 1);
    }
}


ngx_uint_t
ngx_messaging_redis_addr_count(ngx_messaging_redis_addrs_t *addrs)
{
    return addrs->naddrs ? addrs->naddrs : addrs->conf->naddrs;
}


ngx_addr_t *
ngx_messaging_redis_addr_get(ngx_messaging_redis_addrs_t *addrs)
{
    ngx_uint_t  n;

    n = addrs->current % ngx_messaging_redis_addr_count(addrs);

    return addrs->naddrs ? &addrs->addrs[n].addr : &addrs->conf->addrs[n];
}


ngx_int_t
ngx_messaging_redis_addr_connect(ngx_messaging_redis_addrs_t *addrs,
    ngx_peer_connection_t *pc, ngx_err_t *err)
{
    ngx_int_t          rc;
    ngx_log_t          log;
    ngx_addr_t        *addr;
    ngx_connection_t  *c;

    /* the caller logs, not at each attempt */

    log = *ngx_cycle->log;
    log.log_level = ngx_min(log.log_level, NGX_LOG_ALERT);

    addr = ngx_messaging_redis_addr_get(addrs);

    ngx_memzero(pc, sizeof(ngx_peer_connection_t));

    pc->sockaddr = addr->sockaddr;
    pc->socklen = addr->socklen;
    pc->name = &addr->name;
    pc->get = ngx_event_get_peer;
    pc->log = &log;
    pc->log_error = NGX_ERROR_INFO;
    pc->so_keepalive = (addr->sockaddr->sa_family != AF_UNIX);

    rc = ngx_event_connect_peer(pc);

    *err = (rc == NGX_DECLINED) ? ngx_socket_errno : 0;

    pc->log = ngx_cycle->log;

    c = pc->connection;

    if (c) {
        c->log = ngx_cycle->log;
        c->read->log = ngx_cycle->log;
        c->write->log = ngx_cycle->log;
    }

    return rc;
}
