
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_counts.c"
#include "../../src/ngx_messaging_lag.c"
#include "../../src/ngx_messaging_revocations.c"
#include "../../src/ngx_messaging_ring.c"
#include "../../src/ngx_messaging_shm.c"
#include "../../src/ngx_messaging_verdicts.c"
#include "../../src/ngx_messaging_metrics.c"
#include "unit.h"
#include "shm_stubs.h"


static void metrics_table(void);
static void metrics_sizes(uint64_t value, const char *name);
static void metrics_numbers(void);
static void metrics_histogram(void);
static void metrics_sums(void);
static char *metrics_text(size_t (*write)(u_char *p,
    ngx_messaging_metrics_t *m), ngx_messaging_metrics_t *m);
static int metrics_has(const char *text, const char *line);


volatile ngx_msec_t   ngx_current_msec;
volatile ngx_time_t  *ngx_cached_time;
ngx_pid_t             ngx_pid = 7;
ngx_uint_t            ngx_pagesize = 4096;
ngx_module_t          ngx_core_module;


int
main(void)
{
    metrics_table();
    metrics_sizes(0, "nothing counted");
    metrics_sizes((uint64_t) -1, "as much counted as can be");
    metrics_numbers();
    metrics_histogram();
    metrics_sums();

    return unit_done();
}


static void
metrics_table(void)
{
    ngx_uint_t                       i;
    ngx_messaging_stat_t            *stat;
    ngx_messaging_metrics_family_t  *f;

    for (i = 0; i < NGX_MESSAGING_STAT_LAST; i++) {
        if (ngx_messaging_shm_stats[i].name == NULL) {
            break;
        }
    }

    unit_int(i, NGX_MESSAGING_STAT_LAST, "each counter has a row");
    unit_ok(ngx_messaging_shm_stats[NGX_MESSAGING_STAT_LAST].name == NULL,
            "... and there are no more rows");
    unit_int(ngx_messaging_metrics_families[0].first, 0,
             "the first family has the first row");

    for (f = ngx_messaging_metrics_families;
         f->first < NGX_MESSAGING_STAT_LAST;
         f++)
    {
        stat = &ngx_messaging_shm_stats[f->first];

        unit_ok(f[1].first > f->first, "%s.%s: families are in order",
                stat->group, stat->name);

        if (f->label == NULL) {
            unit_int(f[1].first - f->first, 1,
                     "... without a label it has one row");
        }

        if (f->name == NULL) {
            continue;
        }

        for (i = f->first; i < f[1].first; i++) {
            unit_ok(ngx_messaging_shm_stats[i].gauge == stat->gauge
                    && strcmp(ngx_messaging_shm_stats[i].group, stat->group)
                       == 0,
                    "%s: %s is of the same kind", f->name,
                    ngx_messaging_shm_stats[i].name);
        }
    }
}


/* the buffer is as long as it was said to be, and not a byte more */

static void
metrics_sizes(uint64_t value, const char *name)
{
    char                     *text;
    ngx_uint_t                i;
    ngx_messaging_metrics_t   m;

    m.workers = (ngx_uint_t) value;
    m.redis = (value == 0);

    for (i = 0; i < NGX_MESSAGING_STAT_LAST; i++) {
        m.stats[i] = value;
    }

    text = metrics_text(ngx_messaging_metrics_json, &m);
    unit_ok(text != NULL, "JSON, %s", name);
    free(text);

    text = metrics_text(ngx_messaging_metrics_prometheus, &m);
    unit_ok(text != NULL, "Prometheus, %s", name);
    free(text);
}


/* every row has a number of its own: it is found once, beside its name */

static void
metrics_numbers(void)
{
    char                            *json, *text, line[256];
    ngx_uint_t                       i;
    ngx_messaging_stat_t            *stat;
    ngx_messaging_metrics_t          m;
    ngx_messaging_metrics_family_t  *f;

    m.workers = 999;
    m.redis = 0;

    for (i = 0; i < NGX_MESSAGING_STAT_LAST; i++) {
        m.stats[i] = 1000 + i;
    }

    json = metrics_text(ngx_messaging_metrics_json, &m);
    text = metrics_text(ngx_messaging_metrics_prometheus, &m);

    unit_ok(strncmp(json, "{\"workers\":999,", 15) == 0, "JSON: workers");
    unit_ok(metrics_has(text, "messaging_workers 999"), "Prometheus: workers");

    unit_ok(strstr(json, ",\"broker\":{\"kind\":\"embedded\",\"") != NULL,
            "JSON: the broker");
    unit_ok(metrics_has(text, "messaging_broker{kind=\"embedded\"} 1")
            && metrics_has(text, "messaging_broker{kind=\"redis\"} 0"),
            "Prometheus: the broker");

    f = ngx_messaging_metrics_families;

    for (i = 0; i < NGX_MESSAGING_STAT_LAST; i++) {
        stat = &ngx_messaging_shm_stats[i];

        if (i == f[1].first) {
            f++;
        }

        sprintf(line, "\"%s\":%u", stat->name, (unsigned) (1000 + i));
        unit_ok(strstr(json, line) != NULL, "JSON: %s", line);

        if (f->first == NGX_MESSAGING_STAT_LAG_1MS) {
            continue;
        }

        if (f->name == NULL) {
            sprintf(line, " %u\n", (unsigned) (1000 + i));
            unit_ok(strstr(text, line) == NULL, "Prometheus: no %s.%s",
                    stat->group, stat->name);
            continue;
        }

        if (f->label) {
            sprintf(line, "messaging_%s{%s=\"%s\"} %u", f->name, f->label,
                    stat->name, (unsigned) (1000 + i));

        } else {
            sprintf(line, "messaging_%s %u", f->name, (unsigned) (1000 + i));
        }

        unit_ok(metrics_has(text, line), "Prometheus: %s", line);
    }

    free(json);
    free(text);
}


static void
metrics_histogram(void)
{
    char                     *text;
    ngx_uint_t                i;
    ngx_messaging_metrics_t   m;

    static const char  *lines[] = {
        "messaging_redis_lag_seconds_bucket{le=\"0.001\"} 1",
        "messaging_redis_lag_seconds_bucket{le=\"0.005\"} 3",
        "messaging_redis_lag_seconds_bucket{le=\"0.025\"} 7",
        "messaging_redis_lag_seconds_bucket{le=\"0.1\"} 15",
        "messaging_redis_lag_seconds_bucket{le=\"0.5\"} 31",
        "messaging_redis_lag_seconds_bucket{le=\"2\"} 63",
        "messaging_redis_lag_seconds_bucket{le=\"+Inf\"} 127",
        "messaging_redis_lag_seconds_sum 12.000345",
        "messaging_redis_lag_seconds_count 127",
        "messaging_redis_lag_lost_total 9"
    };

    memset(&m, 0, sizeof(ngx_messaging_metrics_t));

    for (i = 0; i < NGX_MESSAGING_LAG_BUCKETS; i++) {
        m.stats[NGX_MESSAGING_STAT_LAG_1MS + i] = 1 << i;
    }

    unit_int(NGX_MESSAGING_STAT_LAG_1MS + NGX_MESSAGING_LAG_BUCKETS,
             NGX_MESSAGING_STAT_LAG_SUM, "as many rows as buckets");

    /* a worker counts between two reads */

    m.stats[NGX_MESSAGING_STAT_LAG_COUNT] = 128;
    m.stats[NGX_MESSAGING_STAT_LAG_SUM] = 12000345;
    m.stats[NGX_MESSAGING_STAT_LAG_LOST] = 9;

    text = metrics_text(ngx_messaging_metrics_prometheus, &m);

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        unit_ok(metrics_has(text, lines[i]), "%s", lines[i]);
    }

    free(text);
}


/* two workers that live, one that does not, and what others have left */

static void
metrics_sums(void)
{
    ngx_messaging_shm_t      *shm;
    ngx_messaging_slot_t      own;
    ngx_messaging_metrics_t   m;

    shm = calloc(1, sizeof(ngx_messaging_shm_t));
    memset(&own, 0, sizeof(ngx_messaging_slot_t));

    ngx_current_msec = 1000 * (NGX_MESSAGING_SHM_LEASE + 1);

    shm->slots[0].pid = 7;
    shm->slots[0].stats[NGX_MESSAGING_STAT_CONNECTIONS] = 1;
    shm->slots[0].stats[NGX_MESSAGING_STAT_ACCEPTED] = 10;

    shm->slots[9].pid = getpid();
    shm->slots[9].beat = ngx_current_msec / 1000;
    shm->slots[9].stats[NGX_MESSAGING_STAT_CONNECTIONS] = 2;
    shm->slots[9].stats[NGX_MESSAGING_STAT_ACCEPTED] = 20;

    shm->slots[8].pid = getpid();
    shm->slots[8].stats[NGX_MESSAGING_STAT_CONNECTIONS] = 4;
    shm->slots[8].stats[NGX_MESSAGING_STAT_ACCEPTED] = 40;

    shm->retired[NGX_MESSAGING_STAT_ACCEPTED] = 80;
    own.stats[NGX_MESSAGING_STAT_ACCEPTED] = 160;

    ngx_messaging_metrics_read(&m, shm, &own);

    unit_int(m.workers, 2, "workers that live");
    unit_int(m.stats[NGX_MESSAGING_STAT_CONNECTIONS], 3,
             "a gauge is of those");
    unit_int(m.stats[NGX_MESSAGING_STAT_ACCEPTED], 310,
             "a counter is of all there were");

    free(shm);
}


static char *
metrics_text(size_t (*write)(u_char *p, ngx_messaging_metrics_t *m),
    ngx_messaging_metrics_t *m)
{
    char    *text, *copy;
    size_t   len;

    len = write(NULL, m);
    text = malloc(len);

    if (write((u_char *) text, m) != len) {
        free(text);
        return NULL;
    }

    copy = malloc(len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';

    free(text);

    return copy;
}


static int
metrics_has(const char *text, const char *line)
{
    char    whole[300];
    size_t  n;

    n = (size_t) snprintf(whole, sizeof(whole), "\n%s\n", line);

    return n < sizeof(whole) && strstr(text, whole) != NULL;
}
