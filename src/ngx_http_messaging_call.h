
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_CALL_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_CALL_H_INCLUDED_


#include "ngx_http_messaging.h"


/*
 * A question to the backend: a request of the module's own to a location of
 * the same server, whatever that does with it (proxy_pass, fastcgi_pass,
 * return ...).  It has a pool, a connection and a request for itself, and
 * shares nothing with the client's connection that it is made for: either may
 * end first.
 */

typedef struct ngx_http_messaging_call_s  ngx_http_messaging_call_t;

/* called once, at the top of an event; the call is freed afterwards */

typedef void (*ngx_http_messaging_call_pt)(void *data,
    ngx_http_messaging_call_t *call);


struct ngx_http_messaging_call_s {
    ngx_pool_t                  *pool;
    ngx_http_request_t          *request;      /* is parent, and never run */
    ngx_http_request_t          *answer;       /* the subrequest */

    ngx_connection_t             connection;   /* has no descriptor */
    ngx_event_t                  read;
    ngx_event_t                  write;
    ngx_log_t                    log;
    ngx_http_log_ctx_t           log_ctx;
    ngx_http_connection_t        http;

    ngx_event_t                  event;        /* the end; its timer as well */
    ngx_connection_t             dummy;

    ngx_http_messaging_call_pt   handler;      /* NULL: nobody waits */
    void                        *data;

    ngx_str_t                    user;         /* $messaging_user */
    ngx_str_t                    conversation;
    ngx_str_t                    content;      /* of a message, as JSON */
    ngx_str_t                    image;
    ngx_str_t                    reply_to;
    ngx_str_t                    client_id;
    ngx_str_t                    message_id;   /* of what was read, as JSON */
    ngx_str_t                    message_ids;
    ngx_str_t                    read_all;
    ngx_str_t                    read_at;

    /* the answer */
    ngx_uint_t                   status;       /* 0: none in time, or failed */
    ngx_str_t                    body;

    unsigned                     ended:1;
    unsigned                     secure:1;     /* the client uses TLS */
};


/*
 * ngx_http_messaging_call_create() prepares a call for a client: its address
 * is that of "c", its server that of "conf".  NULL: no memory.  "c" may be the
 * connection of another call, of which _call_secure() then takes over whether
 * the client uses TLS, what $scheme and $https tell.
 *
 * ngx_http_messaging_call_add() adds a header, of which both parts are copied,
 * _call_header() one whose name is static; _call_headers() adds those of the
 * handshake "r" that mean something to a backend, but none that begins with
 * "X-Messaging-".
 * ngx_http_messaging_call_host() only sets its "Host", if there was one, and
 * $host.
 * ngx_http_messaging_call_pack() writes to "p" what _call_headers() and the
 * "args" of _call_start() need of a handshake "r" that will be gone by then;
 * with p == NULL it only returns the length.  _call_unpack() is for these
 * bytes what _call_headers() is for "r", and sets "args", which point there.
 * ngx_http_messaging_call_token() puts another token in the place of that of
 * the handshake, or adds it as "Authorization" where neither that nor an
 * argument had it; "args" are those of _call_start().
 * ngx_http_messaging_call_body() makes it a POST with this body, which is
 * copied.
 *
 * ngx_http_messaging_call_values() are those of the variables about a message;
 * ngx_http_messaging_call_value() is a single one, the member "field".
 *
 * ngx_http_messaging_call_start() asks the location that "uri" names, a
 * template which may use variables of the session; "args" are added to its
 * arguments.  The call ends after "timeout" ms whatever the location's own
 * limits are.  NGX_OK: "handler" is called once, later; NGX_ERROR: never, and
 * the call is freed.  An answer is kept up to the length that the location's
 * subrequest_output_buffer_size allows; a longer one is no answer.
 *
 * ngx_http_messaging_call_answer_header() finds a header of the answer by its
 * name in lower case, NULL if there is none.
 *
 * ngx_http_messaging_call_forget() is for who does not wait any longer: the
 * call goes on, but the handler is not called.  _call_cancel() frees one that
 * was not started.
 *
 * ngx_http_messaging_call_of() is the call that a request belongs to, NULL
 * for all others.
 */

ngx_http_messaging_call_t *ngx_http_messaging_call_create(ngx_connection_t *c,
    ngx_http_messaging_loc_conf_t *conf, ngx_str_t *user,
    ngx_str_t *conversation);
void ngx_http_messaging_call_secure(ngx_http_messaging_call_t *call,
    ngx_uint_t secure);
ngx_int_t ngx_http_messaging_call_header(ngx_http_messaging_call_t *call,
    const char *name, ngx_str_t *value);
ngx_int_t ngx_http_messaging_call_add(ngx_http_messaging_call_t *call,
    ngx_str_t *name, ngx_str_t *value);
ngx_int_t ngx_http_messaging_call_host(ngx_http_messaging_call_t *call,
    ngx_str_t *host, ngx_str_t *server);
ngx_int_t ngx_http_messaging_call_headers(ngx_http_messaging_call_t *call,
    ngx_http_request_t *r);
size_t ngx_http_messaging_call_pack(ngx_http_request_t *r, u_char *p);
ngx_int_t ngx_http_messaging_call_unpack(ngx_http_messaging_call_t *call,
    ngx_str_t *packed, ngx_str_t *args);
ngx_int_t ngx_http_messaging_call_token(ngx_http_messaging_call_t *call,
    ngx_http_messaging_loc_conf_t *conf, ngx_str_t *token, ngx_str_t *args);
ngx_int_t ngx_http_messaging_call_body(ngx_http_messaging_call_t *call,
    ngx_str_t *type, ngx_str_t *body);
ngx_int_t ngx_http_messaging_call_values(ngx_http_messaging_call_t *call,
    ngx_str_t *content, ngx_str_t *image, ngx_str_t *reply_to,
    ngx_str_t *client_id);
ngx_int_t ngx_http_messaging_call_value(ngx_http_messaging_call_t *call,
    ngx_str_t *field, ngx_str_t *value);
ngx_int_t ngx_http_messaging_call_start(ngx_http_messaging_call_t *call,
    ngx_http_complex_value_t *uri, ngx_str_t *args, ngx_msec_t timeout,
    ngx_http_messaging_call_pt handler, void *data);
ngx_str_t *ngx_http_messaging_call_answer_header(
    ngx_http_messaging_call_t *call, const char *name);
void ngx_http_messaging_call_forget(ngx_http_messaging_call_t *call);
void ngx_http_messaging_call_cancel(ngx_http_messaging_call_t *call);
ngx_http_messaging_call_t *ngx_http_messaging_call_of(ngx_http_request_t *r);


#endif /* _NGX_HTTP_MESSAGING_CALL_H_INCLUDED_ */
