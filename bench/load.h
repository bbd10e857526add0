
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _LOAD_H_INCLUDED_
#define _LOAD_H_INCLUDED_


#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <openssl/ssl.h>


#define LOAD_OK      0
#define LOAD_ERROR  -1
#define LOAD_AGAIN  -2

#define LOAD_ADDRESS     4000         /* connections of a source address */
#define LOAD_PROCESS     19500        /* connections of a process */
#define LOAD_BUFFER      (256 * 1024)
#define LOAD_EVENTS      1024
#define LOAD_MARK        26           /* ~SSSSSSSSTTTTTTTTTTTTTTTT~ */
#define LOAD_CODES       5000
#define LOAD_RESET       0            /* among the codes: not a close frame */
#define LOAD_EOF         1006

#define LOAD_TEXT        1
#define LOAD_BINARY      2
#define LOAD_CLOSE       8
#define LOAD_PING        9
#define LOAD_PONG        10

#define load_min(a, b)   ((a) < (b) ? (a) : (b))
#define load_max(a, b)   ((a) < (b) ? (b) : (a))


typedef struct load_conn_s    load_conn_t;
typedef struct load_stream_s  load_stream_t;


typedef enum {
    LOAD_MESSAGING = 0,
    LOAD_NCHAN,
    LOAD_FLOOR
} load_dialect_e;


typedef enum {
    LOAD_CLOSED = 0,
    LOAD_CONNECTING,
    LOAD_HANDSHAKE,                   /* of TLS */
    LOAD_REQUESTED,
    LOAD_OPENED,
    LOAD_CLOSING                      /* our close frame has been sent */
} load_state_e;


typedef enum {
    LOAD_KIND_MESSAGE = 0,
    LOAD_KIND_TYPING,
    LOAD_KIND_PING
} load_kind_e;


typedef enum {
    LOAD_VIA_SOCKET = 0,
    LOAD_VIA_REDIS
} load_via_e;


typedef struct {
    size_t            len;
    size_t            size;
    u_char           *data;
} load_buf_t;


struct load_conn_s {
    int               fd;
    uint32_t          id;
    uint32_t          user;
    uint32_t          conversation;
    load_state_e      state;

    /* the next message of the stream, and what was left out before it */
    uint32_t          next;
    uint32_t          nmissing;
    uint32_t          missing_size;
    uint32_t         *missing;

    int               code;
    void             *inflate;
    uint64_t          started;
    load_buf_t        in;
    load_buf_t        out;
    load_stream_t    *stream;
    SSL              *ssl;

    unsigned          receiver:1;
    unsigned          stalled:1;
    unsigned          deflate:1;
    unsigned          no_takeover:1;
    unsigned          member:1;       /* its stream counts on it */
    unsigned          said_close:1;   /* the server did */
};


/* a message that somebody has yet to receive */

typedef struct {
    uint32_t          seq;
    uint32_t          left;
    uint64_t          sent;
} load_entry_t;


struct load_stream_s {
    uint32_t          sent;           /* number of the last message */
    uint32_t          members;        /* that receive, and are open */
    uint32_t          inflight;
    uint32_t          mask;
    uint32_t          conversation;
    uint32_t          turn;           /* who sends next */
    uint32_t          nconns;
    unsigned          queued:1;
    load_entry_t     *ring;
    load_conn_t     **conns;
    load_stream_t    *next;
};


/* shared by a process with its parent, which adds them up */

typedef struct {
    uint64_t          connected;      /* open now */
    uint64_t          failed;         /* handshakes */
    uint64_t          pings;
    uint64_t          bytes;
    uint64_t          frames;
    uint64_t          closed[LOAD_CODES];
    uint32_t          done;           /* it tries no more */
    char              failure[256];
} load_counts_t;


typedef struct {
    const char       *scenario;
    const char       *target;
    load_dialect_e    dialect;
    const char       *path;
    const char       *prefix;
    const char       *secret;
    const char       *rs256;
    const char       *pids;
    const char       *redis_pids;
    const char       *redis;
    load_via_e        via;
    uint32_t          members;
    uint32_t          conversations;
    uint32_t          outstanding;
    uint32_t          stalled;
    uint32_t          idle;
    uint32_t          procs;
    uint32_t          concurrency;
    uint32_t          size;
    uint64_t          messages;
    double            rate;
    double            seconds;
    double            warmup;
    double            timeout;
    double            limit;          /* of the time to connect */
    int               spread;
    int               tls;
    int               deflate;
    int               close_frame;
} load_conf_t;


typedef struct {
    load_conf_t       conf;
    struct sockaddr_in  addr;
    int               bind_address;
    uint32_t          room;           /* connections of a process */
    int               epoll;
    int               timer;
    uint64_t          now;            /* microseconds */
    uint64_t          progress;       /* when the last frame came */

    load_conn_t      *conns;
    uint32_t          nconns;
    load_counts_t    *counts;
    load_kind_e       kind;

    void            (*opened)(load_conn_t *c);
    void            (*frame)(load_conn_t *c, u_char *p, size_t len);
    void            (*closed)(load_conn_t *c, int code);
    void            (*turn)(void);

    int               goodbye;
    int               ended;          /* code of the last that was closed */
    int               failed;
    char              failure[256];
    char              other[200];     /* an error frame, for the report */
    SSL_CTX          *tls;
    u_char           *buffer;
} load_t;


extern load_t  load;


/* load_conn.c */

int load_conn_setup(void);
int load_conn_open(load_conn_t *c);
void load_conn_send(load_conn_t *c, const u_char *data, size_t len);
void load_conn_close(load_conn_t *c, int code);
void load_conn_resume(load_conn_t *c);
void load_conn_event(load_conn_t *c, uint32_t events);
void load_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
int load_poll(int ms);
int load_connect(uint32_t n, uint32_t concurrency, double limit);
uint64_t load_time(void);

/* load_frame.c */

void load_frame_setup(void);
size_t load_frame_encode(u_char *p, int opcode, const u_char *data,
    size_t len);
ssize_t load_frame_read(load_conn_t *c, u_char *p, size_t len);
int load_response(load_conn_t *c, u_char *p, size_t len);
size_t load_request(load_conn_t *c, u_char *p, size_t size);
void load_frame_forget(load_conn_t *c);

/* load_token.c */

int load_token_setup(uint32_t n);
const char *load_token(uint32_t user);
void load_accept_key(char *key, char *accept);

/* load_account.c */

void load_mark_write(u_char *p, uint32_t seq, uint64_t time);
int load_mark_find(const u_char *p, size_t len, uint32_t *seq,
    uint64_t *time);
int load_stream_init(load_stream_t *s, uint32_t ring, uint32_t conns);
void load_stream_add(load_stream_t *s, load_conn_t *c, int receiver);
uint32_t load_stream_next(load_stream_t *s, uint64_t time);
int load_deliver(load_conn_t *c, uint32_t seq, uint64_t time);
void load_leave(load_conn_t *c);
void load_expire(void);

typedef struct {
    uint64_t          published;
    uint64_t          completed;
    uint64_t          abandoned;
    uint64_t          delivered;      /* for the first time, to members */
    uint64_t          units;
    uint64_t          duplicated;
    uint64_t          reordered;
    uint64_t          invalid;        /* a number that was never sent */
    uint64_t          other;          /* frames that carry no number */
    uint64_t          errors;
    uint64_t          skipped;        /* publishes that found no room */
    uint64_t          inflight;
} load_totals_t;

extern load_totals_t  load_totals;

/* called when all members have a message, or it was given up */
extern void  (*load_completed)(load_stream_t *s, uint32_t seq);

void load_latency_reset(void);
void load_latency(uint64_t us);
double load_latency_at(double part);
double load_latency_max(void);

/* load_process.c */

typedef struct {
    pid_t             pid;
    uint64_t          ns;
    uint64_t          utime;
    uint64_t          stime;
} load_process_t;


typedef struct {
    uint32_t          n;
    load_process_t   *processes;
} load_usage_t;


typedef struct {
    double            us;             /* by the processes' clocks */
    double            user_us;        /* by their ticks */
    double            system_us;
    uint32_t          gone;
} load_spent_t;


int load_usage_read(const char *pids, load_usage_t *u);
void load_usage_spent(load_usage_t *from, load_usage_t *to,
    load_spent_t *spent);
void load_usage_free(load_usage_t *u);
int load_memory_read(const char *pids, uint64_t *pss, uint64_t *private);
uint32_t load_sockets_read(const char *pids, uint32_t *counts, uint32_t n);

/* load_redis.c */

int load_redis_open(const char *target);
void load_redis_publish(uint32_t conversation, const u_char *data,
    size_t len);
void load_redis_event(uint32_t events);
void load_redis_flush(void);

/* load_holder.c */

int load_holder_start(uint32_t n, uint32_t first);
int load_holder_wait(uint32_t n, double limit);
void load_holder_counts(load_counts_t *sum);
void load_holder_stop(void);

/* load_window.c */

typedef struct {
    const char       *unit;
    double            units;
    double            window;         /* seconds */
    load_usage_t      server[2];
    load_usage_t      redis[2];
    double            client[2];
    uint64_t          lost;
    uint64_t          missed;         /* by those that were closed */
    uint64_t          stalled_lost;
    uint64_t          stalled_open;
    uint64_t          memory[4];      /* pss and private, before and after */
    uint64_t          held;           /* connections that share them */
    uint32_t          nsockets;
    uint32_t          sockets[256];   /* of each process */
} load_result_t;

extern load_result_t  load_result;

int load_window_begin(void);
int load_window_end(void);
double load_client_time(void);
void load_wake_stalled(void);
void load_goodbye(void);
void load_count_lost(void);

/* load_scenario.c */

void load_scenario_run(void);

/* load_handshake.c */

void load_handshake_run(void);
void load_idle_run(void);

/* load_report.c */

void load_report(void);


#endif /* _LOAD_H_INCLUDED_ */
