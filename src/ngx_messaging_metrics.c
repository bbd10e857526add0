
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_lag.h"
#include "ngx_messaging_metrics.h"


/*
 * JSON has a member for each row of ngx_messaging_shm_stats[].  Prometheus
 * has families: each takes the rows from its first one up to that of the next
 * family, so a row that is added to a group belongs to the group's family.
 */

typedef struct {
    ngx_uint_t    first;
    const char   *name;        /* NULL: the sum of rows of another family */
    const char   *label;       /* its values are the names of the rows */
    const char   *help;        /* NULL: that of the only row */
} ngx_messaging_metrics_family_t;


typedef struct {
    u_char       *p;           /* NULL: only the length is wanted */
    size_t        len;
} ngx_messaging_metrics_writer_t;


static void ngx_messaging_metrics_head(ngx_messaging_metrics_writer_t *w,
    ngx_messaging_metrics_family_t *family);
static void ngx_messaging_metrics_samples(ngx_messaging_metrics_writer_t *w,
    ngx_messaging_metrics_family_t *family, ngx_messaging_metrics_t *m);
static void ngx_messaging_metrics_histogram(ngx_messaging_metrics_writer_t *w,
    ngx_messaging_metrics_t *m);
static void ngx_messaging_metrics_bytes(ngx_messaging_metrics_writer_t *w,
    const void *data, size_t len);
static void ngx_messaging_metrics_text(ngx_messaging_metrics_writer_t *w,
    const char *text);
static void ngx_messaging_metrics_number(ngx_messaging_metrics_writer_t *w,
    uint64_t n, ngx_uint_t width);
static void ngx_messaging_metrics_value(ngx_messaging_metrics_writer_t *w,
    uint64_t n);


static ngx_messaging_metrics_family_t  ngx_messaging_metrics_families[] = {

    { NGX_MESSAGING_STAT_CONNECTIONS, "connections", NULL, NULL },
    { NGX_MESSAGING_STAT_SUBSCRIPTIONS, "subscriptions", NULL, NULL },
    { NGX_MESSAGING_STAT_CHANNELS, "channels", NULL, NULL },
    { NGX_MESSAGING_STAT_QUEUED, "queued_bytes", NULL, NULL },

    { NGX_MESSAGING_STAT_ACCEPTED, "connections_accepted_total", NULL, NULL },
    { NGX_MESSAGING_STAT_ENDED, "connections_ended_total", NULL, NULL },

    { NGX_MESSAGING_STAT_MESSAGES_IN, "messages_total", "direction",
      "messages from and to clients" },
    { NGX_MESSAGING_STAT_BYTES_IN, "bytes_total", "direction",
      "bytes from and to clients, framing included" },

    { NGX_MESSAGING_STAT_PUBLISHED, "broker_published_total", NULL, NULL },
    { NGX_MESSAGING_STAT_PUBLISH_FAILED, NULL, NULL, NULL },
    { NGX_MESSAGING_STAT_DELIVERED, "broker_received_total", NULL, NULL },
    { NGX_MESSAGING_STAT_DROPPED, NULL, NULL, NULL },
    { NGX_MESSAGING_STAT_RESYNCS, "resyncs_total", NULL, NULL },

    { NGX_MESSAGING_STAT_PUBLISH_REFUSED, "publish_failures_total", "reason",
      "frames not taken by the broker" },
    { NGX_MESSAGING_STAT_DROPPED_FRAME, "drops_total", "reason",
      "payloads received and not given to the members" },

    { NGX_MESSAGING_STAT_REFUSED_METHOD, "refusals_total", "reason",
      "handshakes refused" },
    { NGX_MESSAGING_STAT_AUTH_RENEWED, "auth_total", "result",
      "auth frames" },

    { NGX_MESSAGING_STAT_POST_ACCEPTED, "posts_total", "result",
      "requests to locations with messaging_publish" },

    { NGX_MESSAGING_STAT_STORE_SAVED, "stores_total", "result",
      "messages given to the backend by messaging_store" },
    { NGX_MESSAGING_STAT_READ_SAVED, "read_stores_total", "result",
      "read frames that are to be stored" },

    { NGX_MESSAGING_STAT_CONTROL_OBEYED, "control_actions_total", "result",
      "control actions, counted by each worker that hears of them" },
    { NGX_MESSAGING_STAT_CONTROL_CLOSED, "control_effects_total", "effect",
      "what control actions did to connections" },
    { NGX_MESSAGING_STAT_CONTROL_EVICTED, "revocations_lost_total", "reason",
      "revocations that may not hold as long as they should" },

    { NGX_MESSAGING_STAT_ACCESS_ASKED, "access_questions_total", NULL, NULL },
    { NGX_MESSAGING_STAT_ACCESS_CACHED, "access_cached_total", NULL, NULL },
    { NGX_MESSAGING_STAT_ACCESS_EVICTED, "access_evicted_total", NULL, NULL },
    { NGX_MESSAGING_STAT_ACCESS_KEPT, "access_rechecks_total", "result",
      "members who were asked for again" },

    { NGX_MESSAGING_STAT_EVENTS_SENT, "events_total", "result",
      "events for the backend, batches that failed, and what was left out" },

    { NGX_MESSAGING_STAT_LIMIT_RATE, "limits_total", "limit",
      "limits reached" },
    { NGX_MESSAGING_STAT_SHED_TYPING_COALESCED, "sheds_total", "kind",
      "frames left out for clients that are slow" },

    { NGX_MESSAGING_STAT_DEFLATE_MESSAGES, "deflate_messages_total", NULL,
      NULL },
    { NGX_MESSAGING_STAT_DEFLATE_BYTES_IN, "deflate_input_bytes_total", NULL,
      "bytes of messages before they were compressed" },
    { NGX_MESSAGING_STAT_DEFLATE_BYTES_OUT, "deflate_output_bytes_total",
      NULL, "bytes of messages after they were compressed" },

    { NGX_MESSAGING_STAT_INFLATE_MESSAGES, "inflate_messages_total", NULL,
      NULL },
    { NGX_MESSAGING_STAT_INFLATE_BYTES_IN, "inflate_input_bytes_total", NULL,
      "bytes of messages before they were decompressed" },
    { NGX_MESSAGING_STAT_INFLATE_BYTES_OUT, "inflate_output_bytes_total",
      NULL, "bytes of messages after they were decompressed" },
    { NGX_MESSAGING_STAT_INFLATE_TOO_BIG, "inflate_failures_total", "reason",
      "compressed messages that closed their connection" },

    { NGX_MESSAGING_STAT_CLOSED_1000, "closes_total", "code",
      "connections that ended, those refused with a Close frame too" },

    { NGX_MESSAGING_STAT_REDIS_READY, "redis_ready_workers", NULL, NULL },
    { NGX_MESSAGING_STAT_REDIS_RECONNECTS, "redis_reconnects_total", NULL,
      "connections to Redis made again" },
    { NGX_MESSAGING_STAT_REDIS_LOST, "redis_lost_total", NULL,
      "connections to Redis lost" },
    { NGX_MESSAGING_STAT_REDIS_GAPS, "redis_gaps_total", NULL, NULL },

    { NGX_MESSAGING_STAT_LAG_1MS, "redis_lag_seconds", "le",
      "time from publishing a payload to receiving it, sampled" },
    { NGX_MESSAGING_STAT_LAG_LOST, "redis_lag_lost_total", NULL,
      "sampled payloads that did not come back in 10 s" },

    { NGX_MESSAGING_STAT_RELAY_LAPS, "relay_laps_total", NULL, NULL },
    { NGX_MESSAGING_STAT_RELAY_LOST, "relay_lost_total", NULL, NULL },
    { NGX_MESSAGING_STAT_RELAY_SKIPPED, "relay_skipped_total", NULL, NULL },

    { NGX_MESSAGING_STAT_LAST, NULL, NULL, NULL }
};


void
ngx_messaging_metrics_read(ngx_messaging_metrics_t *m,
    ngx_messaging_shm_t *shm, ngx_messaging_slot_t *own)
{
    ngx_uint_t  i;

    m->workers = ngx_messaging_shm_workers(shm);

    for (i = 0; i < NGX_MESSAGING_STAT_LAST; i++) {
        m->stats[i] = ngx_messaging_shm_sum(shm, own, i);
    }
}


size_t
ngx_messaging_metrics_json(u_char *p, ngx_messaging_metrics_t *m)
{
    ngx_uint_t                       i;
    const char                      *group;
    ngx_messaging_stat_t            *stat;
    ngx_messaging_metrics_writer_t   w;

    w.p = p;
    w.len = 0;
    group = "";

    ngx_messaging_metrics_text(&w, "{\"workers\":");
    ngx_messaging_metrics_number(&w, m->workers, 1);

    for (i = 0; i < NGX_MESSAGING_STAT_LAST; i++) {
        stat = &ngx_messaging_shm_stats[i];

        if (ngx_strcmp(stat->group, group) == 0) {
            ngx_messaging_metrics_text(&w, ",\"");

        } else {
            ngx_messaging_metrics_text(&w, *group ? "},\"" : ",\"");
            ngx_messaging_metrics_text(&w, stat->group);
            ngx_messaging_metrics_text(&w, "\":{\"");

            group = stat->group;

            if (i == NGX_MESSAGING_STAT_PUBLISHED) {
                ngx_messaging_metrics_text(&w, m->redis
                                               ? "kind\":\"redis\",\""
                                               : "kind\":\"embedded\",\"");
            }
        }

        ngx_messaging_metrics_text(&w, stat->name);
        ngx_messaging_metrics_text(&w, "\":");
        ngx_messaging_metrics_number(&w, m->stats[i], 1);
    }

    ngx_messaging_metrics_text(&w, *group ? "}}\n" : "}\n");

    return w.len;
}


size_t
ngx_messaging_metrics_prometheus(u_char *p, ngx_messaging_metrics_t *m)
{
    ngx_messaging_metrics_family_t  *family;
    ngx_messaging_metrics_writer_t   w;

    w.p = p;
    w.len = 0;

    ngx_messaging_metrics_text(&w,
                               "# HELP messaging_workers living workers, "
                               "those that are leaving too\n"
                               "# TYPE messaging_workers gauge\n"
                               "messaging_workers");
    ngx_messaging_metrics_value(&w, m->workers);

    /* both: an expression that names a kind finds a number */

    ngx_messaging_metrics_text(&w,
                               "# HELP messaging_broker 1 for the broker in "
                               "use, 0 for the other\n"
                               "# TYPE messaging_broker gauge\n"
                               "messaging_broker{kind=\"embedded\"}");
    ngx_messaging_metrics_value(&w, !m->redis);
    ngx_messaging_metrics_text(&w, "messaging_broker{kind=\"redis\"}");
    ngx_messaging_metrics_value(&w, m->redis);

    for (family = ngx_messaging_metrics_families;
         family->first < NGX_MESSAGING_STAT_LAST;
         family++)
    {
        if (family->name == NULL) {
            continue;
        }

        ngx_messaging_metrics_head(&w, family);

        if (family->first == NGX_MESSAGING_STAT_LAG_1MS) {
            ngx_messaging_metrics_histogram(&w, m);

        } else {
            ngx_messaging_metrics_samples(&w, family, m);
        }
    }

    return w.len;
}


static void
ngx_messaging_metrics_head(ngx_messaging_metrics_writer_t *w,
    ngx_messaging_metrics_family_t *family)
{
    ngx_uint_t             i;
    ngx_messaging_stat_t  *stat;

    stat = &ngx_messaging_shm_stats[family->first];

    ngx_messaging_metrics_text(w, "# HELP messaging_");
    ngx_messaging_metrics_text(w, family->name);
    ngx_messaging_metrics_text(w, " ");
    ngx_messaging_metrics_text(w, family->help ? family->help : stat->help);

    /* what a value of the label means is told nowhere else */

    if (family->label && family->first != NGX_MESSAGING_STAT_LAG_1MS) {

        for (i = family->first; i < family[1].first; i++) {
            ngx_messaging_metrics_text(w, i == family->first ? ": " : "; ");
            ngx_messaging_metrics_text(w, ngx_messaging_shm_stats[i].name);
            ngx_messaging_metrics_text(w, " - ");
            ngx_messaging_metrics_text(w, ngx_messaging_shm_stats[i].help);
        }
    }

    ngx_messaging_metrics_text(w, "\n# TYPE messaging_");
    ngx_messaging_metrics_text(w, family->name);

    if (family->first == NGX_MESSAGING_STAT_LAG_1MS) {
        ngx_messaging_metrics_text(w, " histogram\n");

    } else {
        ngx_messaging_metrics_text(w, stat->gauge ? " gauge\n"
                                                  : " counter\n");
    }
}


static void
ngx_messaging_metrics_samples(ngx_messaging_metrics_writer_t *w,
    ngx_messaging_metrics_family_t *family, ngx_messaging_metrics_t *m)
{
    ngx_uint_t  i;

    for (i = family->first; i < family[1].first; i++) {
        ngx_messaging_metrics_text(w, "messaging_");
        ngx_messaging_metrics_text(w, family->name);

        if (family->label) {
            ngx_messaging_metrics_text(w, "{");
            ngx_messaging_metrics_text(w, family->label);
            ngx_messaging_metrics_text(w, "=\"");
            ngx_messaging_metrics_text(w, ngx_messaging_shm_stats[i].name);
            ngx_messaging_metrics_text(w, "\"}");
        }

        ngx_messaging_metrics_value(w, m->stats[i]);
    }
}


/*
 * Buckets are counted apart and added up here, the number of samples too: it
 * has to be that of the last bucket although workers count meanwhile.
 */

static void
ngx_messaging_metrics_histogram(ngx_messaging_metrics_writer_t *w,
    ngx_messaging_metrics_t *m)
{
    uint64_t    count, sum;
    ngx_uint_t  i;

    count = 0;

    for (i = 0; i < NGX_MESSAGING_LAG_BUCKETS; i++) {
        count += m->stats[NGX_MESSAGING_STAT_LAG_1MS + i];

        ngx_messaging_metrics_text(w,
                                   "messaging_redis_lag_seconds_bucket{le=\"");
        ngx_messaging_metrics_text(w, ngx_messaging_lag_buckets[i].le);
        ngx_messaging_metrics_text(w, "\"}");
        ngx_messaging_metrics_value(w, count);
    }

    sum = m->stats[NGX_MESSAGING_STAT_LAG_SUM];

    ngx_messaging_metrics_text(w, "messaging_redis_lag_seconds_sum ");
    ngx_messaging_metrics_number(w, sum / 1000000, 1);
    ngx_messaging_metrics_text(w, ".");
    ngx_messaging_metrics_number(w, sum % 1000000, 6);
    ngx_messaging_metrics_text(w, "\nmessaging_redis_lag_seconds_count");
    ngx_messaging_metrics_value(w, count);
}


static void
ngx_messaging_metrics_bytes(ngx_messaging_metrics_writer_t *w,
    const void *data, size_t len)
{
    if (w->p) {
        w->p = ngx_cpymem(w->p, data, len);
    }

    w->len += len;
}


static void
ngx_messaging_metrics_text(ngx_messaging_metrics_writer_t *w,
    const char *text)
{
    ngx_messaging_metrics_bytes(w, text, ngx_strlen(text));
}


/* with zeros in front up to "width" digits */

static void
ngx_messaging_metrics_number(ngx_messaging_metrics_writer_t *w, uint64_t n,
    ngx_uint_t width)
{
    u_char  *p, *last;
    u_char   digits[NGX_INT64_LEN];

    last = digits + NGX_INT64_LEN;
    p = last;

    do {
        *--p = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n || (ngx_uint_t) (last - p) < width);

    ngx_messaging_metrics_bytes(w, p, last - p);
}


static void
ngx_messaging_metrics_value(ngx_messaging_metrics_writer_t *w, uint64_t n)
{
    ngx_messaging_metrics_text(w, " ");
    ngx_messaging_metrics_number(w, n, 1);
    ngx_messaging_metrics_text(w, "\n");
}
