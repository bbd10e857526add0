
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The load client of the benchmark: connections, messages, what has come of
 * them, and what the server has used meanwhile.  One report on stdout, also
 * where something fails: "error" tells what.
 */


#include "load.h"

#include <getopt.h>
#include <netdb.h>
#include <sys/mman.h>


static void load_usage(FILE *file);
static int load_options(int argc, char **argv);
static int load_option(int option, const char *arg);
static int load_number_of(const char *arg, uint32_t *n);
static int load_real_of(const char *arg, double *n);
static int load_setup(void);


load_t  load;


static const char  load_help[] =
"usage: load SCENARIO --target HOST:PORT [OPTION ...]\n"
"\n"
"  handshake          so many at a time, each closed after its 101\n"
"  idle, idle-many    connections that are held: memory, heartbeats\n"
"  fanout             one conversation, each message to all its members\n"
"  fanout-rate        the same, so many messages a second\n"
"  stalled            as fanout; a quarter of the members does not read\n"
"  pairs-redis        conversations of two; the client publishes to Redis\n"
"  typing             conversations of two; \"typing\", true and false\n"
"  pingpong           {\"type\":\"ping\"}, {\"type\":\"pong\"}\n"
"  pair               one conversation of two, message by message\n"
"\n"
"  --dialect NAME     messaging (default), nchan or floor\n"
"  --path PATH        %d is the conversation; /ws/messaging/%d/\n"
"  --secret TEXT      tokens are signed with HS256\n"
"  --rs256 FILE       tokens are signed with RS256, by this key (PEM)\n"
"  --pids P,P         the server's processes; their children count as well\n"
"  --redis-pids P,P   those of Redis\n"
"  --redis TARGET     HOST:PORT or unix:PATH, to publish to\n"
"  --prefix TEXT      of channels in Redis; messaging:\n"
"  --via WAY          socket or redis: how messages are sent\n"
"  --tls              wss\n"
"  --deflate          permessage-deflate is offered\n"
"  --members N        of the conversation, or connections in all\n"
"  --conversations N  conversations\n"
"  --outstanding K    messages (handshakes) on their way at a time\n"
"  --rate R           messages a second, instead\n"
"  --size N           characters of a message; 100\n"
"  --stalled N        members that do not read\n"
"  --idle N           that many more connections are held meanwhile\n"
"  --procs P          processes that hold connections, at least\n"
"  --concurrency N    connections that are opened at a time; 64\n"
"  --close-frame      handshake: closed by a close frame, not by a reset\n"
"  --workers-spread   report the number of sockets of each process\n"
"  --seconds S        the window; 5\n"
"  --warmup W         before it; 1\n"
"  --messages N       the window is that many messages, without a warm-up\n"
"  --timeout T        a message is given up after that time; 2\n"
"  --limit T          to open all connections; 60\n";


enum {
    LOAD_OPT_TARGET = 256,
    LOAD_OPT_DIALECT,
    LOAD_OPT_PATH,
    LOAD_OPT_SECRET,
    LOAD_OPT_RS256,
    LOAD_OPT_PIDS,
    LOAD_OPT_REDIS_PIDS,
    LOAD_OPT_REDIS,
    LOAD_OPT_PREFIX,
    LOAD_OPT_VIA,
    LOAD_OPT_TLS,
    LOAD_OPT_DEFLATE,
    LOAD_OPT_MEMBERS,
    LOAD_OPT_CONVERSATIONS,
    LOAD_OPT_OUTSTANDING,
    LOAD_OPT_RATE,
    LOAD_OPT_SIZE,
    LOAD_OPT_STALLED,
    LOAD_OPT_IDLE,
    LOAD_OPT_PROCS,
    LOAD_OPT_CONCURRENCY,
    LOAD_OPT_CLOSE_FRAME,
    LOAD_OPT_SPREAD,
    LOAD_OPT_SECONDS,
    LOAD_OPT_WARMUP,
    LOAD_OPT_MESSAGES,
    LOAD_OPT_TIMEOUT,
    LOAD_OPT_LIMIT
};


static struct option  load_long[] = {
    { "target", required_argument, NULL, LOAD_OPT_TARGET },
    { "dialect", required_argument, NULL, LOAD_OPT_DIALECT },
    { "path", required_argument, NULL, LOAD_OPT_PATH },
    { "secret", required_argument, NULL, LOAD_OPT_SECRET },
    { "rs256", required_argument, NULL, LOAD_OPT_RS256 },
    { "pids", required_argument, NULL, LOAD_OPT_PIDS },
    { "redis-pids", required_argument, NULL, LOAD_OPT_REDIS_PIDS },
    { "redis", required_argument, NULL, LOAD_OPT_REDIS },
    { "prefix", required_argument, NULL, LOAD_OPT_PREFIX },
    { "via", required_argument, NULL, LOAD_OPT_VIA },
    { "tls", no_argument, NULL, LOAD_OPT_TLS },
    { "deflate", no_argument, NULL, LOAD_OPT_DEFLATE },
    { "members", required_argument, NULL, LOAD_OPT_MEMBERS },
    { "conversations", required_argument, NULL, LOAD_OPT_CONVERSATIONS },
    { "outstanding", required_argument, NULL, LOAD_OPT_OUTSTANDING },
    { "rate", required_argument, NULL, LOAD_OPT_RATE },
    { "size", required_argument, NULL, LOAD_OPT_SIZE },
    { "stalled", required_argument, NULL, LOAD_OPT_STALLED },
    { "idle", required_argument, NULL, LOAD_OPT_IDLE },
    { "procs", required_argument, NULL, LOAD_OPT_PROCS },
    { "concurrency", required_argument, NULL, LOAD_OPT_CONCURRENCY },
    { "close-frame", no_argument, NULL, LOAD_OPT_CLOSE_FRAME },
    { "workers-spread", no_argument, NULL, LOAD_OPT_SPREAD },
    { "seconds", required_argument, NULL, LOAD_OPT_SECONDS },
    { "warmup", required_argument, NULL, LOAD_OPT_WARMUP },
    { "messages", required_argument, NULL, LOAD_OPT_MESSAGES },
    { "timeout", required_argument, NULL, LOAD_OPT_TIMEOUT },
    { "limit", required_argument, NULL, LOAD_OPT_LIMIT },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 }
};


int
main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);

    if (load_options(argc, argv) != LOAD_OK) {
        load_usage(stderr);
        return 2;
    }

    if (load_setup() == LOAD_OK) {

        if (strcmp(load.conf.scenario, "handshake") == 0) {
            load_handshake_run();

        } else if (strncmp(load.conf.scenario, "idle", 4) == 0) {
            load_idle_run();

        } else {
            load_scenario_run();
        }
    }

    load_report();
    load_holder_stop();

    return load.failed ? 1 : 0;
}


static void
load_usage(FILE *file)
{
    fputs(load_help, file);
}


static int
load_options(int argc, char **argv)
{
    int           c;
    load_conf_t  *conf;

    conf = &load.conf;

    conf->path = "/ws/messaging/%d/";
    conf->prefix = "messaging:";
    conf->size = 100;
    conf->concurrency = 64;
    conf->seconds = 5;
    conf->warmup = -1;
    conf->timeout = 2;
    conf->limit = 60;
    conf->via = -1;

    while ((c = getopt_long(argc, argv, "h", load_long, NULL)) != -1) {

        if (c == 'h') {
            load_usage(stdout);
            fflush(stdout);
            _exit(0);
        }

        if (c == '?') {
            return LOAD_ERROR;
        }

        if (load_option(c, optarg) != LOAD_OK) {
            fprintf(stderr, "load: \"%s\" is no value of this option\n",
                    optarg);
            return LOAD_ERROR;
        }
    }

    if (optind != argc - 1 || conf->target == NULL) {
        return LOAD_ERROR;
    }

    conf->scenario = argv[optind];

    if (conf->warmup < 0) {
        conf->warmup = conf->messages ? 0 : 1;
    }

    if ((int) conf->via == -1) {
        conf->via = strcmp(conf->scenario, "pairs-redis") == 0
                    ? LOAD_VIA_REDIS : LOAD_VIA_SOCKET;
    }

    return LOAD_OK;
}


static int
load_option(int option, const char *arg)
{
    double        n;
    load_conf_t  *conf;

    conf = &load.conf;

    switch (option) {

    case LOAD_OPT_TARGET:
        conf->target = arg;
        return LOAD_OK;

    case LOAD_OPT_DIALECT:
        if (strcmp(arg, "messaging") == 0) {
            conf->dialect = LOAD_MESSAGING;

        } else if (strcmp(arg, "nchan") == 0) {
            conf->dialect = LOAD_NCHAN;

        } else if (strcmp(arg, "floor") == 0) {
            conf->dialect = LOAD_FLOOR;

        } else {
            return LOAD_ERROR;
        }

        return LOAD_OK;

    case LOAD_OPT_PATH:
        conf->path = arg;
        return LOAD_OK;

    case LOAD_OPT_SECRET:
        conf->secret = arg;
        return LOAD_OK;

    case LOAD_OPT_RS256:
        conf->rs256 = arg;
        return LOAD_OK;

    case LOAD_OPT_PIDS:
        conf->pids = arg;
        return LOAD_OK;

    case LOAD_OPT_REDIS_PIDS:
        conf->redis_pids = arg;
        return LOAD_OK;

    case LOAD_OPT_REDIS:
        conf->redis = arg;
        return LOAD_OK;

    case LOAD_OPT_PREFIX:
        conf->prefix = arg;
        return LOAD_OK;

    case LOAD_OPT_VIA:
        if (strcmp(arg, "socket") == 0) {
            conf->via = LOAD_VIA_SOCKET;

        } else if (strcmp(arg, "redis") == 0) {
            conf->via = LOAD_VIA_REDIS;

        } else {
            return LOAD_ERROR;
        }

        return LOAD_OK;

    case LOAD_OPT_TLS:
        conf->tls = 1;
        return LOAD_OK;

    case LOAD_OPT_DEFLATE:
        conf->deflate = 1;
        return LOAD_OK;

    case LOAD_OPT_MEMBERS:
        return load_number_of(arg, &conf->members);

    case LOAD_OPT_CONVERSATIONS:
        return load_number_of(arg, &conf->conversations);

    case LOAD_OPT_OUTSTANDING:
        return load_number_of(arg, &conf->outstanding);

    case LOAD_OPT_RATE:
        return load_real_of(arg, &conf->rate);

    case LOAD_OPT_SIZE:
        return load_number_of(arg, &conf->size) == LOAD_OK
               && conf->size >= LOAD_MARK && conf->size <= 8192
               ? LOAD_OK : LOAD_ERROR;

    case LOAD_OPT_STALLED:
        return load_number_of(arg, &conf->stalled);

    case LOAD_OPT_IDLE:
        return load_number_of(arg, &conf->idle);

    case LOAD_OPT_PROCS:
        return load_number_of(arg, &conf->procs);

    case LOAD_OPT_CONCURRENCY:
        return load_number_of(arg, &conf->concurrency) == LOAD_OK
               && conf->concurrency > 0 ? LOAD_OK : LOAD_ERROR;

    case LOAD_OPT_CLOSE_FRAME:
        conf->close_frame = 1;
        return LOAD_OK;

    case LOAD_OPT_SPREAD:
        conf->spread = 1;
        return LOAD_OK;

    case LOAD_OPT_SECONDS:
        return load_real_of(arg, &conf->seconds);

    case LOAD_OPT_WARMUP:
        return load_real_of(arg, &conf->warmup);

    case LOAD_OPT_MESSAGES:
        if (load_real_of(arg, &n) != LOAD_OK) {
            return LOAD_ERROR;
        }

        conf->messages = (uint64_t) n;
        return LOAD_OK;

    case LOAD_OPT_TIMEOUT:
        return load_real_of(arg, &conf->timeout);

    case LOAD_OPT_LIMIT:
        return load_real_of(arg, &conf->limit);

    default:
        return LOAD_ERROR;
    }
}


static int
load_number_of(const char *arg, uint32_t *n)
{
    char           *end;
    unsigned long   value;

    value = strtoul(arg, &end, 10);

    if (*arg < '0' || *arg > '9' || *end || value > 10000000) {
        return LOAD_ERROR;
    }

    *n = (uint32_t) value;

    return LOAD_OK;
}


static int
load_real_of(const char *arg, double *n)
{
    char  *end;

    *n = strtod(arg, &end);

    return (*arg && *end == '\0' && *n >= 0 && *n <= 1e9) ? LOAD_OK
                                                          : LOAD_ERROR;
}


static int
load_setup(void)
{
    char             host[256], *port;
    load_usage_t     usage;
    struct addrinfo  hints, *ai;

    load_time();

    load.counts = mmap(NULL, sizeof(load_counts_t), PROT_READ|PROT_WRITE,
                       MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (load.counts == MAP_FAILED) {
        fputs("load: no memory\n", stderr);
        _exit(1);
    }

    snprintf(host, sizeof(host), "%s", load.conf.target);
    port = strrchr(host, ':');

    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;

    if (port) {
        *port++ = '\0';
    }

    if (port == NULL || getaddrinfo(host, port, &hints, &ai) != 0) {
        load_fail("no address for %s", load.conf.target);
        return LOAD_ERROR;
    }

    memcpy(&load.addr, ai->ai_addr, sizeof(load.addr));
    freeaddrinfo(ai);

    /* other addresses of ours exist on the loopback only */

    load.bind_address = (ntohl(load.addr.sin_addr.s_addr) >> 24 == 127);

    /* better now than after the warm-up */

    if (load_usage_read(load.conf.pids, &usage) != LOAD_OK) {
        return LOAD_ERROR;
    }

    load_usage_free(&usage);

    if (load_usage_read(load.conf.redis_pids, &usage) != LOAD_OK) {
        return LOAD_ERROR;
    }

    load_usage_free(&usage);

    load_frame_setup();

    return load_conn_setup();
}
