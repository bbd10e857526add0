
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_IDEMPOTENCY_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_IDEMPOTENCY_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_post.h"


/*
 * Publications with an idempotency key, remembered in the zone.
 *
 * ngx_http_messaging_idempotency_claim() is asked before any of a post is
 * published; those that were published before are marked and have their id.
 * NGX_OK; else nothing is claimed, and *index is the publication: NGX_AGAIN,
 * it is under way; NGX_DECLINED, its key is that of something else; NGX_ERROR,
 * the zone has no room.
 *
 * ngx_http_messaging_idempotency_settle() is told of a publication that has
 * been answered for, whether it was taken or not.
 */

ngx_int_t ngx_http_messaging_idempotency_claim(
    ngx_http_messaging_post_t *post, ngx_uint_t *index);
void ngx_http_messaging_idempotency_settle(
    ngx_http_messaging_publication_t *pub);


#endif /* _NGX_HTTP_MESSAGING_IDEMPOTENCY_H_INCLUDED_ */
