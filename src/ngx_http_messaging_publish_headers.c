
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_publish_headers.h"
#include "ngx_messaging_batch.h"
#include "ngx_messaging_envelope.h"


typedef struct {
    ngx_str_t     name;
    size_t        offset;
    size_t        max;
    ngx_uint_t  (*valid)(ngx_str_t *value);
} ngx_http_messaging_publish_header_t;


static ngx_http_messaging_publish_header_t
    ngx_http_messaging_publish_known[] = {

    { ngx_string("Messaging-Except-User"),
      offsetof(ngx_http_messaging_publish_headers_t, user),
      NGX_MESSAGING_ENVELOPE_MAX_USER,
      ngx_messaging_escaped_valid },

    { ngx_string("Messaging-Except-Connection"),
      offsetof(ngx_http_messaging_publish_headers_t, connection),
      NGX_MESSAGING_ENVELOPE_MAX_CONNECTION,
      ngx_messaging_printable },

    { ngx_string("Idempotency-Key"),
      offsetof(ngx_http_messaging_publish_headers_t, key),
      NGX_MESSAGING_BATCH_MAX_KEY,
      ngx_messaging_printable },

    { ngx_null_string, 0, 0, NULL }
};


ngx_int_t
ngx_http_messaging_publish_headers(ngx_http_request_t *r,
    ngx_http_messaging_publish_headers_t *h)
{
    ngx_str_t                            *value;
    ngx_uint_t                            i;
    ngx_list_part_t                      *part;
    ngx_table_elt_t                      *header;
    ngx_http_messaging_publish_header_t  *known;

    ngx_memzero(h, sizeof(ngx_http_messaging_publish_headers_t));

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            for (known = ngx_http_messaging_publish_known;
                 known->name.len;
                 known++)
            {
                if (header[i].key.len != known->name.len
                    || ngx_strncasecmp(header[i].key.data, known->name.data,
                                       known->name.len)
                       != 0)
                {
                    continue;
                }

                value = (ngx_str_t *) ((u_char *) h + known->offset);

                /* who was to be left out must not be told because of a slip */

                if (value->len || header[i].value.len > known->max
                    || !known->valid(&header[i].value))
                {
                    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                                  "messaging publish: bad header field \"%V\"",
                                  &known->name);
                    return NGX_DECLINED;
                }

                *value = header[i].value;
            }
        }
    }

    return NGX_OK;
}
