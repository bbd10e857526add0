
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _NGX_MESSAGING_CONTROL_H_INCLUDED_
#define _NGX_MESSAGING_CONTROL_H_INCLUDED_


#include "ngx_messaging.h"
#include "ngx_messaging_envelope.h"
#include "ngx_messaging_json.h"
#include "ngx_messaging_jwt.h"


/*
 * What a backend asks to be done with live connections: one JSON object.
 *
 *     {"action":"disconnect","user_id":5,"jti":"x","connection":"y",
 *      "conversation_id":7,"code":4001,"reason":"text"}
 *     {"action":"withdraw","user_id":5,"conversation_id":7}
 *     {"action":"revoke","user_id":5,"issued_before":1763625600}
 *     {"action":"recheck","user_id":5,"conversation_id":7}
 */

#define NGX_MESSAGING_CONTROL_CHANNEL     "@control"

#define NGX_MESSAGING_CONTROL_DISCONNECT  1
#define NGX_MESSAGING_CONTROL_WITHDRAW    2
#define NGX_MESSAGING_CONTROL_REVOKE      3
#define NGX_MESSAGING_CONTROL_RECHECK     4

/* of the JSON: much more than the longest one needs */

#define NGX_MESSAGING_CONTROL_MAX_LEN     16384
#define NGX_MESSAGING_CONTROL_VALUES      32

/* as long as ids may be, and percent-encoded */

#define NGX_MESSAGING_CONTROL_MAX_JTI     256
#define NGX_MESSAGING_CONTROL_MAX_NAME    512
#define NGX_MESSAGING_CONTROL_MAX_CONNECTION  64

/* RFC 6455, section 5.5: 125 bytes less those of the code */
#define NGX_MESSAGING_CONTROL_MAX_REASON  123

/* tokens of all times, for a "jti" alone */
#define NGX_MESSAGING_CONTROL_ALL         ((int64_t) 1 << 62)


/* what is not given is empty; the strings point into the object itself */

typedef struct {
    ngx_uint_t     action;
    ngx_uint_t     code;
    int64_t        issued_before;     /* ms since the epoch */

    ngx_str_t      user;              /* percent-encoded, as in a channel */
    ngx_str_t      jti;               /* likewise */
    ngx_str_t      connection;
    ngx_str_t      conversation;      /* or a channel */

    u_char         users[NGX_MESSAGING_ENVELOPE_MAX_USER];
    u_char         jtis[3 * NGX_MESSAGING_CONTROL_MAX_JTI];
    u_char         connections[NGX_MESSAGING_CONTROL_MAX_CONNECTION];
    u_char         names[NGX_MESSAGING_CONTROL_MAX_NAME];
    char           reason[NGX_MESSAGING_CONTROL_MAX_REASON + 1];
} ngx_messaging_control_t;


/*
 * NGX_OK; NGX_DECLINED: an action that is not known; NGX_ERROR: not JSON, or
 * not of one of the forms above.  A member that is not known is an error: it
 * may be what was to make the target smaller.
 *
 * ngx_messaging_control_text() is an id, an integer or a string that is not
 * empty, as text: NGX_OK or NGX_ERROR.  "buf" has room for NGX_INT64_LEN bytes;
 * the text is there, or in the value.
 */

ngx_int_t ngx_messaging_control_parse(ngx_messaging_control_t *ctl, u_char *p,
    size_t len);
ngx_int_t ngx_messaging_control_text(json_t *value, ngx_str_t *text,
    u_char *buf);


#endif /* _NGX_MESSAGING_CONTROL_H_INCLUDED_ */
