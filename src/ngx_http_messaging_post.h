
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_HTTP_MESSAGING_POST_H_INCLUDED_
#define _NGX_HTTP_MESSAGING_POST_H_INCLUDED_


#include "ngx_http_messaging.h"
#include "ngx_messaging_batch.h"


/*
 * What a backend has posted, on its way to the broker: one or many
 * publications, each for one or many channels.  It has a pool of its own and
 * outlives its request.
 */

typedef struct ngx_http_messaging_post_s  ngx_http_messaging_post_t;


typedef struct {
    ngx_messaging_publication_t    what;
    ngx_http_messaging_post_t     *post;
    uint64_t                       id;         /* 0: none was made */
    uint64_t                       key;        /* of the zone's table: what */
    uint64_t                       body;       /* ... and what was published */
    ngx_uint_t                     waiting;    /* for so many answers */
    unsigned                       failed:1;   /* or not all were given */
    unsigned                       claimed:1;  /* the key is under way */
    unsigned                       replayed:1; /* it was published before */
} ngx_http_messaging_publication_t;


/* answers the request; what it is to be finalized with */

typedef ngx_int_t (*ngx_http_messaging_post_pt)(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post);


struct ngx_http_messaging_post_s {
    ngx_pool_t                        *pool;
    ngx_http_messaging_worker_t       *worker;
    ngx_http_request_t                *request;    /* NULL: has ended */
    ngx_http_cleanup_t                *cleanup;
    ngx_http_messaging_post_pt         answer;
    ngx_messaging_revocation_t        *revocation; /* stored before; or NULL */

    ngx_http_messaging_publication_t  *elts;
    ngx_uint_t                         nelts;

    ngx_uint_t                         next;       /* to be published: this */
    ngx_uint_t                         name;       /* ... on this channel */
    ngx_uint_t                         waiting;    /* for so many answers */
    size_t                             bytes;      /* of these */

    ngx_event_t                        timer;
    ngx_connection_t                   dummy;
};


/*
 * ngx_http_messaging_post_create() prepares one without publications, NULL if
 * there is no memory; ngx_http_messaging_post_add() gives it "n" of them,
 * which the caller fills in.  ngx_http_messaging_post_destroy() is for one
 * that is not sent.
 *
 * ngx_http_messaging_post_send() sends it and owns it from then on.  NGX_DONE:
 * the request waits for the broker and will be answered, else what it is to
 * be finalized with.  Strings of the first publication, on its first channel,
 * may be of the request, all others have to be of the pool.
 *
 * ngx_http_messaging_post_replayed() tells whether all of it was published
 * before, under the same keys, and sets a header field that says so.
 *
 * ngx_http_messaging_post_failed() tells whether a publication has not been
 * taken, or not on all of its channels, or not yet.
 */

ngx_http_messaging_post_t *ngx_http_messaging_post_create(
    ngx_http_request_t *r, ngx_http_messaging_post_pt answer);
ngx_int_t ngx_http_messaging_post_add(ngx_http_messaging_post_t *post,
    ngx_uint_t n);
void ngx_http_messaging_post_destroy(ngx_http_messaging_post_t *post);
ngx_int_t ngx_http_messaging_post_send(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post);
ngx_uint_t ngx_http_messaging_post_replayed(ngx_http_request_t *r,
    ngx_http_messaging_post_t *post);
ngx_uint_t ngx_http_messaging_post_failed(
    ngx_http_messaging_publication_t *pub);


#endif /* _NGX_HTTP_MESSAGING_POST_H_INCLUDED_ */
