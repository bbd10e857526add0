
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#ifndef _SERVER_H_INCLUDED_
#define _SERVER_H_INCLUDED_


#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>


#define SERVER_OK      0
#define SERVER_ERROR  -1
#define SERVER_AGAIN  -2

#define SERVER_TEXT    1
#define SERVER_CLOSE   8


typedef struct server_conn_s  server_conn_t;
typedef struct server_room_s  server_room_t;


struct server_conn_s {
    int               fd;
    uint32_t          place;          /* in its room */
    uint32_t          in_len;
    uint32_t          out_len;
    uint32_t          out_size;
    unsigned          upgraded:1;
    unsigned          closed:1;
    u_char           *in;             /* a part of a frame, or of a request */
    u_char           *out;            /* what the socket did not take */
    server_room_t    *room;
    void             *data;           /* of the program */
};


/* a conversation */

struct server_room_s {
    uint32_t          id;
    uint32_t          n;
    uint32_t          size;
    server_conn_t   **conns;

    /* frames that wait for the end of the turn */

    unsigned          queued:1;
    uint32_t          len;
    uint32_t          out_size;
    u_char           *out;
    server_room_t    *next;
};


typedef struct {
    int               rooms;          /* conversations matter */
    const char       *extension;      /* a header of the answer */

    /* SERVER_ERROR refuses it, SERVER_AGAIN lets it wait for ever */
    int             (*upgrade)(server_conn_t *c, const char *request);
    void            (*opened)(server_conn_t *c);
    void            (*frame)(server_conn_t *c, u_char *p, size_t len);
    void            (*closing)(server_conn_t *c);
    void            (*closed)(server_conn_t *c);
    void            (*turn)(void);
} server_t;


extern server_t  server;
extern int       server_epoll;


int server_listen(const char *target);
int server_watch(int fd, void (*handler)(uint32_t events));
int server_run(volatile sig_atomic_t *stop);
ssize_t server_send(server_conn_t *c, const u_char *data, size_t len);
void server_close(server_conn_t *c);
server_room_t *server_room(uint32_t id);
size_t server_head(u_char *p, int first, size_t len);


#endif /* _SERVER_H_INCLUDED_ */
