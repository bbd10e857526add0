
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _SHM_STUBS_H_INCLUDED_
#define _SHM_STUBS_H_INCLUDED_


/* what the zone's own functions call, and no test of them does */


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    return NULL;
}


ngx_shm_zone_t *
ngx_shared_memory_add(ngx_conf_t *cf, ngx_str_t *name, size_t size, void *tag)
{
    return NULL;
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    return NULL;
}


void
ngx_slab_free(ngx_slab_pool_t *pool, void *p)
{
}


size_t
ngx_messaging_presence_size(ngx_uint_t n)
{
    return 0;
}


void
ngx_messaging_presence_init(ngx_messaging_presence_table_t *table,
    ngx_uint_t n)
{
}


ngx_uint_t
ngx_messaging_presence_entries(ngx_messaging_presence_table_t *table)
{
    return 0;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
}


#endif /* _SHM_STUBS_H_INCLUDED_ */
