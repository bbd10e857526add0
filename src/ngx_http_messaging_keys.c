
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_conf.h"


/*
 * Keys: read and parsed when the configuration is, so that a token costs one
 * verification.  A JWK set file is watched by each worker on its own; between
 * two readings the set in use is read-only.
 */


#define NGX_HTTP_MESSAGING_KEY_MAX  (256 * 1024)


typedef struct {
    ngx_event_t                      event;
    ngx_connection_t                 dummy;
    ngx_http_messaging_main_conf_t  *conf;
} ngx_http_messaging_watch_t;


static void ngx_http_messaging_keys_cleanup(void *data);
static ngx_int_t ngx_http_messaging_keys_read(ngx_str_t *name,
    ngx_str_t *content, ngx_file_info_t *fi, ngx_log_t *log,
    ngx_uint_t level);
static void ngx_http_messaging_keys_wipe(ngx_str_t *content);
static ngx_str_t *ngx_http_messaging_keys_shown(ngx_str_t *word);
static char *ngx_http_messaging_keys_secret(ngx_conf_t *cf,
    ngx_messaging_jwks_t *keys, ngx_uint_t alg, ngx_str_t *kid,
    ngx_str_t *text, ngx_uint_t is_file);
static void ngx_http_messaging_keys_watch(ngx_event_t *ev);
static void ngx_http_messaging_keys_reload(ngx_http_messaging_jwks_t *jwks);


ngx_messaging_jwks_t *
ngx_http_messaging_conf_keys(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t    *cln;
    ngx_messaging_jwks_t  *keys;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    keys = ngx_messaging_jwks_create();
    if (keys == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_messaging_keys_cleanup;
    cln->data = keys;

    return keys;
}


static void
ngx_http_messaging_keys_cleanup(void *data)
{
    ngx_messaging_jwks_release(data);
}


/* the content is from ngx_alloc() and given back by _wipe() */

static ngx_int_t
ngx_http_messaging_keys_read(ngx_str_t *name, ngx_str_t *content,
    ngx_file_info_t *fi, ngx_log_t *log, ngx_uint_t level)
{
    ssize_t     n;
    ngx_int_t   rc;
    ngx_file_t  file;

    ngx_memzero(&file, sizeof(ngx_file_t));

    rc = NGX_ERROR;
    content->data = NULL;

    file.name = *name;
    file.log = log;
    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_log_error(level, log, ngx_errno, ngx_open_file_n " \"%V\" failed",
                      name);
        return NGX_ERROR;
    }

    if (ngx_fd_info(file.fd, fi) == NGX_FILE_ERROR) {
        ngx_log_error(level, log, ngx_errno, ngx_fd_info_n " \"%V\" failed",
                      name);
        goto done;
    }

    if (!ngx_is_file(fi) || ngx_file_size(fi) > NGX_HTTP_MESSAGING_KEY_MAX) {
        ngx_log_error(level, log, 0, "\"%V\" is not a file or too large",
                      name);
        goto done;
    }

    content->len = (size_t) ngx_file_size(fi);
    content->data = ngx_alloc(content->len + 1, log);

    if (content->data == NULL) {
        goto done;
    }

    n = ngx_read_file(&file, content->data, content->len, 0);

    if (n == NGX_ERROR || (size_t) n != content->len) {
        ngx_log_error(level, log, 0, "\"%V\" could not be read as a whole",
                      name);

        ngx_http_messaging_keys_wipe(content);
        goto done;
    }

    rc = NGX_OK;

done:

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", name);
    }

    return rc;
}


static void
ngx_http_messaging_keys_wipe(ngx_str_t *content)
{
    ngx_explicit_memzero(content->data, content->len);
    ngx_free(content->data);
    content->data = NULL;
}


/* messaging_jwt_key alg file|data:secret [kid=id] */

char *
ngx_http_messaging_conf_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    char             *rv;
    ngx_str_t        *value, kid, text;
    ngx_uint_t        alg;
    ngx_file_info_t   fi;

    value = cf->args->elts;

    alg = ngx_messaging_jwa(value[1].data, value[1].len);

    if (alg == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid algorithm \"%V\", it must be one of "
                           "HS256, HS384, HS512, RS256, RS384, RS512, ES256, "
                           "ES384, ES512, PS256, PS384, PS512, EdDSA",
                           ngx_http_messaging_keys_shown(&value[1]));
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&kid, "");

    if (cf->args->nelts == 4) {

        if (value[3].len <= 4 || ngx_strncmp(value[3].data, "kid=", 4) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"",
                               ngx_http_messaging_keys_shown(&value[3]));
            return NGX_CONF_ERROR;
        }

        kid.data = value[3].data + 4;
        kid.len = value[3].len - 4;
    }

    if (mlcf->keys == NULL) {
        mlcf->keys = ngx_http_messaging_conf_keys(cf);
        if (mlcf->keys == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (value[2].len >= 5 && ngx_strncmp(value[2].data, "data:", 5) == 0) {
        text.data = value[2].data + 5;
        text.len = value[2].len - 5;

        return ngx_http_messaging_keys_secret(cf, mlcf->keys, alg, &kid,
                                              &text, 0);
    }

    if (ngx_conf_full_name(cf->cycle, &value[2], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_messaging_keys_read(&value[2], &text, &fi, cf->log,
                                     NGX_LOG_EMERG)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_messaging_keys_secret(cf, mlcf->keys, alg, &kid, &text, 1);

    ngx_http_messaging_keys_wipe(&text);

    return rv;
}


/* a secret in the wrong place of the directive must not get into the log */

static ngx_str_t *
ngx_http_messaging_keys_shown(ngx_str_t *word)
{
    static ngx_str_t  hidden = ngx_string("data:***");

    return (ngx_strncmp(word->data, "data:", 5) == 0) ? &hidden : word;
}


static char *
ngx_http_messaging_keys_secret(ngx_conf_t *cf, ngx_messaging_jwks_t *keys,
    ngx_uint_t alg, ngx_str_t *kid, ngx_str_t *text, ngx_uint_t is_file)
{
    ngx_str_t    secret;
    ngx_uint_t   weak;
    const char  *error;

    weak = 0;

    if (alg & (NGX_MESSAGING_JWA_HS256
               |NGX_MESSAGING_JWA_HS384
               |NGX_MESSAGING_JWA_HS512))
    {
        secret = *text;

        /* editors end a file with a newline */

        if (is_file && secret.len && secret.data[secret.len - 1] == LF) {
            secret.len--;

            if (secret.len && secret.data[secret.len - 1] == CR) {
                secret.len--;
            }
        }

        error = ngx_messaging_jwks_add_secret(keys, alg, kid, &secret, &weak);

        if (error == NULL
            && ngx_messaging_jwt_try(&keys->keys[keys->nelts - 1], ngx_time())
               != NGX_OK)
        {
            error = "libjwt does not agree about this secret";
        }

    } else {
        error = ngx_messaging_jwks_add_pem(keys, alg, kid, text);
    }

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid key of \"messaging_jwt_key\": %s", error);
        return NGX_CONF_ERROR;
    }

    if (weak) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the secret of \"messaging_jwt_key\" is shorter "
                           "than the digest of its algorithm, "
                           "RFC 7518, section 3.2");
    }

    return NGX_CONF_OK;
}


/* messaging_jwt_jwks file */

char *
ngx_http_messaging_conf_jwt_jwks(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_messaging_loc_conf_t *mlcf = conf;

    ngx_str_t                        *value, text;
    ngx_uint_t                        skipped;
    const char                       *error;
    ngx_file_info_t                   fi;
    ngx_messaging_jwks_t             *keys;
    ngx_http_messaging_jwks_t        *jwks, **p;
    ngx_http_messaging_main_conf_t   *mmcf;

    if (mlcf->jwks) {
        return "is duplicate";
    }

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_messaging_module);

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    jwks = ngx_pcalloc(cf->pool, sizeof(ngx_http_messaging_jwks_t));
    keys = ngx_http_messaging_conf_keys(cf);
    p = ngx_array_push(&mmcf->jwks);

    if (jwks == NULL || keys == NULL || p == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_messaging_keys_read(&value[1], &text, &fi, cf->log,
                                     NGX_LOG_EMERG)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    skipped = 0;
    error = ngx_messaging_jwks_parse(keys, text.data, text.len, &skipped);

    jwks->crc = ngx_crc32_long(text.data, text.len);

    ngx_http_messaging_keys_wipe(&text);

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid JWK set \"%V\": %s", &value[1], error);
        return NGX_CONF_ERROR;
    }

    if (skipped) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "%ui keys of JWK set \"%V\" are not usable "
                           "and were skipped", skipped, &value[1]);
    }

    jwks->file = value[1];
    jwks->keys = keys;
    jwks->mtime = ngx_file_mtime(&fi);
    jwks->uniq = ngx_file_uniq(&fi);
    jwks->size = ngx_file_size(&fi);
    jwks->looked = ngx_time();

    *p = jwks;
    mlcf->jwks = jwks;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_messaging_conf_watch_jwks(ngx_cycle_t *cycle,
    ngx_http_messaging_main_conf_t *mmcf)
{
    ngx_uint_t                    i;
    ngx_http_messaging_jwks_t   **jwks;
    ngx_http_messaging_watch_t   *watch;

    if (mmcf->jwks.nelts == 0) {
        return NGX_OK;
    }

    /* the configuration keeps its own reference to what it has read */

    jwks = mmcf->jwks.elts;

    for (i = 0; i < mmcf->jwks.nelts; i++) {
        jwks[i]->keys->refs++;
    }

    watch = ngx_pcalloc(cycle->pool, sizeof(ngx_http_messaging_watch_t));
    if (watch == NULL) {
        return NGX_ERROR;
    }

    watch->conf = mmcf;
    watch->dummy.fd = (ngx_socket_t) -1;
    watch->dummy.data = watch;
    watch->event.handler = ngx_http_messaging_keys_watch;
    watch->event.data = &watch->dummy;
    watch->event.log = cycle->log;
    watch->event.cancelable = 1;

    /* a worker that was started again finds what has changed meanwhile */

    ngx_http_messaging_keys_watch(&watch->event);

    return NGX_OK;
}


void
ngx_http_messaging_conf_release_jwks(ngx_http_messaging_main_conf_t *mmcf)
{
    ngx_uint_t                   i;
    ngx_http_messaging_jwks_t  **jwks;

    jwks = mmcf->jwks.elts;

    for (i = 0; i < mmcf->jwks.nelts; i++) {
        ngx_messaging_jwks_release(jwks[i]->keys);
    }
}


static void
ngx_http_messaging_keys_watch(ngx_event_t *ev)
{
    ngx_uint_t                    i;
    ngx_connection_t             *c;
    ngx_http_messaging_jwks_t   **jwks;
    ngx_http_messaging_watch_t   *watch;

    c = ev->data;
    watch = c->data;

    jwks = watch->conf->jwks.elts;

    for (i = 0; i < watch->conf->jwks.nelts; i++) {
        ngx_http_messaging_keys_reload(jwks[i]);
    }

    ngx_add_timer(ev, NGX_HTTP_MESSAGING_JWKS_INTERVAL);
}


/*
 * A file that was changed within the second in which it was read may have
 * been changed once more without its time and size telling: it is read again
 * until that is past.  What could not be read is tried again each time, since
 * new access rights do not show in them either, but told only once.
 */

static void
ngx_http_messaging_keys_reload(ngx_http_messaging_jwks_t *jwks)
{
    uint32_t               crc;
    ngx_str_t              text;
    ngx_uint_t             level, skipped;
    const char            *error;
    ngx_file_info_t        fi;
    ngx_messaging_jwks_t  *keys;

    level = jwks->failed ? NGX_LOG_DEBUG : NGX_LOG_ERR;

    if (ngx_file_info(jwks->file.data, &fi) == NGX_FILE_ERROR) {
        ngx_log_error(level, ngx_cycle->log, ngx_errno,
                      ngx_file_info_n " \"%V\" failed, "
                      "the keys read before stay in force", &jwks->file);

        jwks->failed = 1;
        return;
    }

    if (!jwks->failed
        && ngx_file_mtime(&fi) == jwks->mtime
        && ngx_file_uniq(&fi) == jwks->uniq
        && ngx_file_size(&fi) == jwks->size
        && jwks->mtime < jwks->looked - 1)
    {
        return;
    }

    jwks->mtime = ngx_file_mtime(&fi);
    jwks->uniq = ngx_file_uniq(&fi);
    jwks->size = ngx_file_size(&fi);
    jwks->looked = ngx_time();

    if (ngx_http_messaging_keys_read(&jwks->file, &text, &fi, ngx_cycle->log,
                                     level)
        != NGX_OK)
    {
        jwks->failed = 1;
        return;
    }

    jwks->failed = 0;

    crc = ngx_crc32_long(text.data, text.len);

    if (crc == jwks->crc) {
        ngx_http_messaging_keys_wipe(&text);
        return;
    }

    keys = ngx_messaging_jwks_create();

    if (keys == NULL) {
        ngx_http_messaging_keys_wipe(&text);
        jwks->failed = 1;
        return;
    }

    /* tried once for each change, whatever comes of it */

    jwks->crc = crc;

    skipped = 0;
    error = ngx_messaging_jwks_parse(keys, text.data, text.len, &skipped);

    ngx_http_messaging_keys_wipe(&text);

    if (error) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "invalid JWK set \"%V\": %s, "
                      "the keys read before stay in force",
                      &jwks->file, error);

        ngx_messaging_jwks_release(keys);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "JWK set \"%V\" was read again, %ui keys, %ui skipped",
                  &jwks->file, keys->nelts, skipped);

    ngx_messaging_jwks_release(jwks->keys);
    jwks->keys = keys;
}
