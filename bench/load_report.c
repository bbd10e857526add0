
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* one line of JSON */


#include "load.h"


static void load_report_text(const char *name, const char *text);
static void load_report_cpu(const char *prefix, load_usage_t *usage);
static void load_report_closed(load_counts_t *counts);
static void load_report_idle(load_counts_t *held);
static void load_report_spread(void);


static int  load_first = 1;


static void
load_name(const char *name)
{
    printf("%s\"%s\": ", load_first ? "{" : ", ", name);
    load_first = 0;
}


static void
load_report_number(const char *name, uint64_t n)
{
    load_name(name);
    printf("%llu", (unsigned long long) n);
}


static void
load_report_real(const char *name, double n)
{
    load_name(name);
    printf("%.4f", n);
}


static void
load_report_text(const char *name, const char *text)
{
    load_name(name);
    putchar('"');

    for ( /* void */ ; *text; text++) {

        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }

        putchar((*text < ' ' || *text > '~') ? '?' : *text);
    }

    putchar('"');
}


void
load_report(void)
{
    double          units;
    load_counts_t  *sum, *held;

    held = calloc(2, sizeof(load_counts_t));
    if (held == NULL) {
        return;
    }

    sum = held + 1;
    units = load_result.units;

    load_holder_counts(held);

    load_report_text("scenario", load.conf.scenario);
    load_report_text("target", load.conf.target);
    load_report_text("unit", load_result.unit ? load_result.unit : "none");
    load_report_number("units", (uint64_t) units);
    load_report_real("window_s", load_result.window);
    load_report_real("rate", load_result.window > 0
                             ? units / load_result.window : 0);

    load_report_cpu("", load_result.server);
    load_report_cpu("redis_", load_result.redis);

    /* those that hold connections are other processes */

    if (units > 0 && load_result.held == 0) {
        load_report_real("client_cpu_us_per_unit",
                         (load_result.client[1] - load_result.client[0])
                         / units);
    }

    load_name("latency_ms");
    printf("{\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}",
           load_latency_at(0.5), load_latency_at(0.99), load_latency_max());

    load_report_number("connections", load.nconns + load_result.held);
    load_report_number("published", load_totals.published);
    load_report_number("delivered", load_totals.delivered);
    load_report_number("lost", load_result.lost);
    load_report_number("duplicated", load_totals.duplicated);
    load_report_number("reordered", load_totals.reordered);
    load_report_number("invalid", load_totals.invalid);
    load_report_number("given_up", load_totals.abandoned);
    load_report_number("missed_by_closed", load_result.missed);
    load_report_number("not_sent", load_totals.skipped);
    load_report_number("other_frames", load_totals.other);
    load_report_number("failed", load.counts->failed + held->failed);
    load_report_number("pings", load.counts->pings + held->pings);

    memcpy(sum, load.counts, sizeof(load_counts_t));

    load_report_closed(sum);
    load_report_idle(held);

    if (load.conf.stalled) {
        load_name("stalled");
        printf("{\"connections\": %u, \"open\": %llu, \"lost\": %llu}",
               load.conf.stalled,
               (unsigned long long) load_result.stalled_open,
               (unsigned long long) load_result.stalled_lost);
    }

    if (load.conf.spread) {
        load_report_spread();
    }

    if (load_totals.errors) {
        load_report_number("error_frames", load_totals.errors);
        load_report_text("error_frame", load.other);
    }

    if (load.failed) {
        load_report_text("error", load.failure);
    }

    printf("}\n");

    free(held);
}


static void
load_report_cpu(const char *prefix, load_usage_t *usage)
{
    char          name[64];
    double        units;
    load_spent_t  spent;

    if (usage[0].n == 0 || usage[1].n == 0) {
        return;
    }

    units = load_max(load_result.units, 1);

    load_usage_spent(&usage[0], &usage[1], &spent);

    snprintf(name, sizeof(name), "%scpu_us_per_unit", prefix);
    load_report_real(name, spent.us / units);

    snprintf(name, sizeof(name), "%scpu_user_us_per_unit", prefix);
    load_report_real(name, spent.user_us / units);

    snprintf(name, sizeof(name), "%scpu_system_us_per_unit", prefix);
    load_report_real(name, spent.system_us / units);

    if (load_result.window > 0) {
        snprintf(name, sizeof(name), "%scpu_percent", prefix);
        load_report_real(name, spent.us / 1e4 / load_result.window);
    }

    snprintf(name, sizeof(name), "%sprocesses", prefix);
    load_report_number(name, usage[1].n);

    if (spent.gone) {
        snprintf(name, sizeof(name), "%sprocesses_gone", prefix);
        load_report_number(name, spent.gone);
    }
}


static void
load_report_closed(load_counts_t *counts)
{
    int          i;
    const char  *comma;

    load_name("closed");
    putchar('{');

    for (i = 0, comma = ""; i < LOAD_CODES; i++) {

        if (counts->closed[i] == 0) {
            continue;
        }

        if (i == LOAD_RESET) {
            printf("%s\"reset\": %llu", comma,
                   (unsigned long long) counts->closed[i]);

        } else {
            printf("%s\"%d\": %llu", comma, i,
                   (unsigned long long) counts->closed[i]);
        }

        comma = ", ";
    }

    putchar('}');
}


static void
load_report_idle(load_counts_t *held)
{
    int        i;
    double     kb;
    uint64_t  *memory, closed;

    if (load.conf.idle == 0) {
        return;
    }

    for (i = 0, closed = 0; i < LOAD_CODES; i++) {
        closed += held->closed[i];
    }

    load_report_number("idle_connections", held->connected);
    load_report_number("idle_closed", closed);

    memory = load_result.memory;

    if (load_result.held == 0 || memory[2] == 0) {
        return;
    }

    kb = (double) memory[2] - (double) memory[0];
    load_report_real("rss_kb_per_connection", kb / load_result.held);

    kb = (double) memory[3] - (double) memory[1];
    load_report_real("private_kb_per_connection", kb / load_result.held);

    load_report_number("memory_kb", memory[2]);
}


/* in the order of --pids, then the children of each */

static void
load_report_spread(void)
{
    uint32_t  i;

    load_name("sockets");
    putchar('[');

    for (i = 0; i < load_result.nsockets; i++) {
        printf("%s%u", i ? ", " : "", load_result.sockets[i]);
    }

    putchar(']');
}
