
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_ask.h"
#include "ngx_http_messaging_control.h"
#include "ngx_http_messaging_recheck.h"
#include "ngx_http_messaging_relay.h"
#include "ngx_http_messaging_verdict.h"
#include "ngx_messaging_revoked.h"

#include <openssl/rand.h>


/*
 * What the broker hears on the control channel is carried out by a walk over
 * all sessions of the worker, some of them in each turn of the event loop.
 * There is one walk at a time; what comes meanwhile waits for the next one,
 * which does all of it.  Too much of it, and the walk is ended at once.
 *
 * A revocation is an entry in the zone: handshakes look there, and the walk
 * looks for sessions whose token is void by now.  So it can be told many
 * times, and after a gap one walk makes good for whatever was missed.
 *
 * The sessions of the walk are those there were when it began, by the numbers
 * of their connections: a client that comes back at once is not sent away
 * again.  One that has no 101 yet gets its Close when it has.
 */

#define NGX_HTTP_MESSAGING_CONTROL_TURN      256     /* sessions */
#define NGX_HTTP_MESSAGING_CONTROL_JOBS      64
#define NGX_HTTP_MESSAGING_CONTROL_NOW       32      /* asked for at once */
#define NGX_HTTP_MESSAGING_CONTROL_LOG       60000   /* ms */


typedef struct ngx_http_messaging_control_job_s
    ngx_http_messaging_control_job_t;

struct ngx_http_messaging_control_job_s {
    ngx_http_messaging_control_job_t  *next;
    ngx_messaging_channel_t           *channel;      /* in this turn */
    ngx_atomic_uint_t                  number;       /* of the connection */
    uint64_t                           jti;
    ngx_uint_t                         matched;
    ngx_messaging_control_t            action;
};


/* what is done in one walk */

typedef struct {
    ngx_http_messaging_control_job_t  *jobs;
    ngx_uint_t                         njobs;
    ngx_uint_t                         revoked;      /* look at the tokens */
    ngx_atomic_uint_t                  bound;        /* younger are left out */
} ngx_http_messaging_control_walk_t;


struct ngx_http_messaging_control_s {
    ngx_http_messaging_worker_t       *worker;
    ngx_event_t                        event;
    ngx_connection_t                   dummy;

    ngx_queue_t                       *cursor;       /* NULL: no walk */
    ngx_http_messaging_control_walk_t  walk;
    ngx_http_messaging_control_walk_t  waiting;

    ngx_uint_t                         heard;        /* broker->listening, */
    ngx_atomic_uint_t                  lost;         /* and so many lost */

    ngx_uint_t                         dropped;      /* since the last line */
    ngx_msec_t                         logged;       /* 0: not yet */

    u_char                             id[2 * NGX_HTTP_MESSAGING_CONTROL_NONCE
                                          + 1];
};


static ngx_int_t ngx_http_messaging_control_number(
    ngx_http_messaging_control_t *control, ngx_str_t *id);
static void ngx_http_messaging_control_receive(void *data,
    ngx_str_t *payload);
static void ngx_http_messaging_control_invalid(
    ngx_http_messaging_control_t *control);
static void ngx_http_messaging_control_revoke(
    ngx_http_messaging_control_t *control, ngx_messaging_control_t *action,
    ngx_uint_t stored);
static void ngx_http_messaging_control_missed(void *data);
static void ngx_http_messaging_control_gap(
    ngx_http_messaging_control_t *control);
static void ngx_http_messaging_control_add(
    ngx_http_messaging_control_t *control,
    ngx_http_messaging_control_job_t *job);
static void ngx_http_messaging_control_begin(
    ngx_http_messaging_control_t *control);
static void ngx_http_messaging_control_event(ngx_event_t *ev);
static void ngx_http_messaging_control_turn(
    ngx_http_messaging_control_t *control, ngx_uint_t n);
static void ngx_http_messaging_control_session(
    ngx_http_messaging_control_t *control, ngx_http_messaging_session_t *s);
static void ngx_http_messaging_control_end(
    ngx_http_messaging_control_walk_t *walk);
static ngx_uint_t ngx_http_messaging_control_match(
    ngx_http_messaging_control_job_t *job, ngx_http_messaging_session_t *s);
static ngx_uint_t ngx_http_messaging_control_concerns(
    ngx_http_messaging_control_job_t *job, ngx_http_messaging_session_t *s);
static ngx_http_messaging_subscription_t *ngx_http_messaging_control_member(
    ngx_http_messaging_control_job_t *job, ngx_http_messaging_session_t *s);
static void ngx_http_messaging_control_recheck(
    ngx_http_messaging_control_job_t *job, ngx_http_messaging_session_t *s);
static void ngx_http_messaging_control_withdraw(
    ngx_http_messaging_control_job_t *job, ngx_http_messaging_session_t *s);
static void ngx_http_messaging_control_close(ngx_http_messaging_session_t *s,
    ngx_uint_t code, const char *reason);
static void ngx_http_messaging_control_log(ngx_http_messaging_session_t *s,
    const char *what);


ngx_int_t
ngx_http_messaging_control_create(ngx_http_messaging_worker_t *worker,
    ngx_pool_t *pool)
{
    u_char                         nonce[NGX_HTTP_MESSAGING_CONTROL_NONCE];
    ngx_messaging_broker_t        *broker;
    ngx_http_messaging_control_t  *control;

    control = ngx_pcalloc(pool, sizeof(ngx_http_messaging_control_t));
    if (control == NULL) {
        return NGX_ERROR;
    }

    if (RAND_bytes(nonce, sizeof(nonce)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, ngx_cycle->log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    *ngx_hex_dump(control->id, nonce, sizeof(nonce)) = '-';

    control->worker = worker;

    control->dummy.fd = (ngx_socket_t) -1;
    control->dummy.data = control;

    control->event.handler = ngx_http_messaging_control_event;
    control->event.data = &control->dummy;
    control->event.log = ngx_cycle->log;

    broker = worker->broker;
    broker->control = ngx_http_messaging_control_receive;
    broker->control_gap = ngx_http_messaging_control_missed;
    broker->control_data = control;

    worker->control = control;

    return NGX_OK;
}


void
ngx_http_messaging_control_free(ngx_http_messaging_worker_t *worker)
{
    ngx_http_messaging_control_t  *control;

    control = worker->control;

    if (control->event.posted) {
        ngx_delete_posted_event(&control->event);
    }

    control->cursor = NULL;

    ngx_http_messaging_control_end(&control->walk);
    ngx_http_messaging_control_end(&control->waiting);
}


u_char *
ngx_http_messaging_control_id(u_char *p, ngx_http_messaging_worker_t *worker,
    ngx_connection_t *c)
{
    p = ngx_cpymem(p, worker->control->id, sizeof(worker->control->id));

    return ngx_sprintf(p, "%uA", c->number);
}


ngx_uint_t
ngx_http_messaging_control_is(ngx_http_messaging_session_t *s, ngx_str_t *id)
{
    ngx_int_t  n;

    n = ngx_http_messaging_control_number(s->worker->control, id);

    return n != NGX_ERROR
           && s->connection->number == (ngx_atomic_uint_t) n;
}


/* of a connection, by its id; NGX_ERROR: it is another worker's */

static ngx_int_t
ngx_http_messaging_control_number(ngx_http_messaging_control_t *control,
    ngx_str_t *id)
{
    if (id->len <= sizeof(control->id)
        || ngx_memcmp(id->data, control->id, sizeof(control->id)) != 0)
    {
        return NGX_ERROR;
    }

    return ngx_atoi(id->data + sizeof(control->id),
                    id->len - sizeof(control->id));
}


static void
ngx_http_messaging_control_receive(void *data, ngx_str_t *payload)
{
    ngx_http_messaging_control_t *control = data;

    ngx_int_t                          rc, n;
    ngx_str_t                         *id;
    ngx_messaging_slot_t              *slot;
    ngx_messaging_control_t           *action;
    ngx_messaging_envelope_t           e;
    ngx_http_messaging_control_job_t  *job;

    slot = control->worker->slot;

    ngx_memzero(&e, sizeof(ngx_messaging_envelope_t));

    if (ngx_messaging_envelope_parse(&e, payload->data, payload->len)
        != NGX_OK)
    {
        ngx_http_messaging_control_invalid(control);
        return;
    }

    job = ngx_calloc(sizeof(ngx_http_messaging_control_job_t),
                     ngx_cycle->log);
    if (job == NULL) {
        return;
    }

    action = &job->action;

    rc = ngx_messaging_control_parse(action, e.json.data, e.json.len);

    if (rc == NGX_DECLINED) {
        ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_CONTROL_UNKNOWN, 1);
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "messaging control action is not known");
        ngx_free(job);
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_messaging_control_invalid(control);
        ngx_free(job);
        return;
    }

    ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_CONTROL_OBEYED, 1);

    if (action->action == NGX_MESSAGING_CONTROL_REVOKE) {

        /* whoever has taken it over HTTP has stored it, and says so */

        ngx_http_messaging_control_revoke(control, action, e.exclude.len != 0);
        ngx_free(job);
        return;
    }

    if (action->action != NGX_MESSAGING_CONTROL_DISCONNECT) {

        /* before anybody is asked for again */

        ngx_http_messaging_verdict_forget(control->worker, &action->user,
                                          &action->conversation);
    }

    id = &action->connection;

    if (id->len) {
        n = ngx_http_messaging_control_number(control, id);

        if (n == NGX_ERROR) {
            /* another worker's */
            ngx_free(job);
            return;
        }

        job->number = (ngx_atomic_uint_t) n;
    }

    if (action->jti.len) {
        job->jti = ngx_messaging_key_text(
                                  control->worker->conf->shm->address_seed,
                                  &action->jti);
    }

    ngx_http_messaging_control_add(control, job);
}


static void
ngx_http_messaging_control_invalid(ngx_http_messaging_control_t *control)
{
    ngx_messaging_stat_add(control->worker->slot,
                           NGX_MESSAGING_STAT_CONTROL_INVALID, 1);

    control->dropped++;

    if (control->logged
        && ngx_current_msec - control->logged < NGX_HTTP_MESSAGING_CONTROL_LOG)
    {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "messaging payload of the control channel is no control "
                  "action, %ui such since the last such line",
                  control->dropped);

    control->logged = ngx_current_msec;
    control->dropped = 0;
}


static void
ngx_http_messaging_control_revoke(ngx_http_messaging_control_t *control,
    ngx_messaging_control_t *action, ngx_uint_t stored)
{
    ngx_messaging_broker_t          *broker;
    ngx_messaging_revocation_t       rv;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = control->worker->conf;
    broker = control->worker->broker;

    ngx_messaging_revoked_of(&rv, action, mmcf->revoke_time);

    /* the first worker of a host to hear of it */

    if (ngx_messaging_revoked_add(mmcf->shm, control->worker->slot, &rv)
        == NGX_OK
        && !stored && broker->ops->revoke)
    {
        (void) broker->ops->revoke(broker, &rv, NULL, NULL);
    }

    ngx_http_messaging_control_gap(control);
}


/*
 * Something may have been missed.  Revocations are in the zone by now, and are
 * read once more a moment later; of answers that should have been forgotten
 * nobody knows which.
 */

static void
ngx_http_messaging_control_missed(void *data)
{
    ngx_http_messaging_control_t *control = data;

    ngx_str_t                     any;
    ngx_http_messaging_worker_t  *worker;

    worker = control->worker;

    if (worker->broker->redis == NULL
        || !ngx_http_messaging_control_hears(worker))
    {
        ngx_str_null(&any);
        ngx_http_messaging_verdict_forget(worker, &any, &any);
    }

    /* the connection for commands may be back before that which listens */

    control->heard = worker->broker->listening;
    control->lost = worker->slot->stats[NGX_MESSAGING_STAT_REDIS_LOST];

    ngx_http_messaging_control_gap(control);
}


ngx_uint_t
ngx_http_messaging_control_hears(ngx_http_messaging_worker_t *worker)
{
    return worker->broker->redis == NULL
           || (worker->control->heard
               && worker->control->heard == worker->broker->listening
               && worker->control->lost
                  == worker->slot->stats[NGX_MESSAGING_STAT_REDIS_LOST]);
}


static void
ngx_http_messaging_control_gap(ngx_http_messaging_control_t *control)
{
    control->waiting.revoked = 1;

    ngx_http_messaging_control_begin(control);
}


static void
ngx_http_messaging_control_add(ngx_http_messaging_control_t *control,
    ngx_http_messaging_control_job_t *job)
{
    if (control->waiting.njobs == NGX_HTTP_MESSAGING_CONTROL_JOBS) {

        /* whoever says so much has the others wait */

        ngx_http_messaging_control_turn(control, NGX_MAX_UINT32_VALUE);
        ngx_http_messaging_control_begin(control);
    }

    job->next = control->waiting.jobs;
    control->waiting.jobs = job;
    control->waiting.njobs++;

    ngx_http_messaging_control_begin(control);
}


static void
ngx_http_messaging_control_begin(ngx_http_messaging_control_t *control)
{
    if (control->cursor
        || (control->waiting.njobs == 0 && !control->waiting.revoked))
    {
        return;
    }

    control->walk = control->waiting;
    ngx_memzero(&control->waiting, sizeof(ngx_http_messaging_control_walk_t));

    control->walk.bound = *ngx_connection_counter;
    control->cursor = ngx_queue_head(&control->worker->sessions);

    ngx_post_event(&control->event, &ngx_posted_events);
}


static void
ngx_http_messaging_control_event(ngx_event_t *ev)
{
    ngx_connection_t              *c;
    ngx_http_messaging_control_t  *control;

    c = ev->data;
    control = c->data;

    ngx_http_messaging_control_turn(control, NGX_HTTP_MESSAGING_CONTROL_TURN);

    if (control->cursor) {

        if (!ev->posted) {
            ngx_post_event(ev, &ngx_posted_next_events);
        }

        return;
    }

    ngx_http_messaging_control_begin(control);
}


static void
ngx_http_messaging_control_turn(ngx_http_messaging_control_t *control,
    ngx_uint_t n)
{
    ngx_queue_t                       *q, *sentinel;
    ngx_http_messaging_worker_t       *worker;
    ngx_http_messaging_control_job_t  *job;

    if (control->cursor == NULL) {
        return;
    }

    worker = control->worker;
    sentinel = ngx_queue_sentinel(&worker->sessions);

    /* channels come and go between turns */

    for (job = control->walk.jobs; job; job = job->next) {
        job->channel = ngx_messaging_channel_find(&worker->channels,
                                                  &job->action.conversation);
    }

    for (q = control->cursor; q != sentinel && n; q = control->cursor, n--) {
        control->cursor = ngx_queue_next(q);

        ngx_http_messaging_control_session(control,
                      ngx_queue_data(q, ngx_http_messaging_session_t, queue));
    }

    if (q == sentinel) {
        control->cursor = NULL;
        ngx_http_messaging_control_end(&control->walk);
    }
}


static void
ngx_http_messaging_control_end(ngx_http_messaging_control_walk_t *walk)
{
    ngx_http_messaging_control_job_t  *job;

    while (walk->jobs) {
        job = walk->jobs;
        walk->jobs = job->next;
        ngx_free(job);
    }

    ngx_memzero(walk, sizeof(ngx_http_messaging_control_walk_t));
}


/* nothing is sent or freed in here, and no session leaves the list */

static void
ngx_http_messaging_control_session(ngx_http_messaging_control_t *control,
    ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_control_job_t  *job;

    if (s->closing || s->refusal
        || s->connection->number >= control->walk.bound
        || !(s->waiting || (s->open && s->admitted)))
    {
        return;
    }

    if (control->walk.revoked && s->open) {
        ngx_http_messaging_control_open(s);
    }

    for (job = control->walk.jobs; job && !s->closing; job = job->next) {

        if (!ngx_http_messaging_control_match(job, s)) {
            continue;
        }

        if (job->action.action != NGX_MESSAGING_CONTROL_DISCONNECT) {

            /* the conversation may be in a list, and not yet subscribed to */

            ngx_http_messaging_recheck_distrust(s);
        }

        if (!ngx_http_messaging_control_concerns(job, s)) {
            continue;
        }

        if (job->action.action == NGX_MESSAGING_CONTROL_RECHECK) {
            ngx_http_messaging_control_recheck(job, s);
            continue;
        }

        if (job->action.action == NGX_MESSAGING_CONTROL_WITHDRAW) {
            ngx_http_messaging_control_withdraw(job, s);
            continue;
        }

        ngx_http_messaging_control_close(s, job->action.code,
                                         job->action.reason);
    }
}


static ngx_uint_t
ngx_http_messaging_control_match(ngx_http_messaging_control_job_t *job,
    ngx_http_messaging_session_t *s)
{
    ngx_messaging_control_t  *a;

    a = &job->action;

    if (a->connection.len && s->connection->number != job->number) {
        return 0;
    }

    if (a->user.len
        && (a->user.len != s->user.len
            || ngx_memcmp(a->user.data, s->user.data, s->user.len) != 0))
    {
        return 0;
    }

    return a->jti.len == 0 || job->jti == s->jti_key;
}


static ngx_uint_t
ngx_http_messaging_control_concerns(ngx_http_messaging_control_job_t *job,
    ngx_http_messaging_session_t *s)
{
    ngx_messaging_control_t  *a;

    a = &job->action;

    return a->conversation.len == 0
           || (s->conversation.len == a->conversation.len
               && ngx_memcmp(s->conversation.data, a->conversation.data,
                             a->conversation.len)
                  == 0)
           || ngx_http_messaging_control_member(job, s)
           || ngx_http_messaging_ask_find(s, &a->conversation);
}


static ngx_http_messaging_subscription_t *
ngx_http_messaging_control_member(ngx_http_messaging_control_job_t *job,
    ngx_http_messaging_session_t *s)
{
    ngx_queue_t                        *q;
    ngx_http_messaging_subscription_t  *sub;

    if (job->channel == NULL) {
        return NULL;
    }

    for (q = ngx_queue_head(&s->subscriptions);
         q != ngx_queue_sentinel(&s->subscriptions);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_http_messaging_subscription_t, queue);

        if (sub->subscriber.channel == job->channel) {
            return sub;
        }
    }

    return NULL;
}


/* a few are asked for now, many within a second */

static void
ngx_http_messaging_control_recheck(ngx_http_messaging_control_job_t *job,
    ngx_http_messaging_session_t *s)
{
    ngx_str_t  *name;

    name = &job->action.conversation;

    job->matched += ngx_max(s->nsubscriptions, 1);

    ngx_http_messaging_recheck_session(s, name->len ? name : NULL,
                               job->matched > NGX_HTTP_MESSAGING_CONTROL_NOW
                               ? NGX_HTTP_MESSAGING_RECHECK_SPREAD : 0);
}


static void
ngx_http_messaging_control_withdraw(ngx_http_messaging_control_job_t *job,
    ngx_http_messaging_session_t *s)
{
    ngx_str_t                          *name;
    ngx_http_messaging_ask_t           *ask;
    ngx_http_messaging_subscription_t  *sub;

    if (s->conf->endpoint != NGX_HTTP_MESSAGING_ENDPOINT_MANY) {
        ngx_http_messaging_control_close(s, NGX_MESSAGING_CLOSE_ACCESS,
                                         "access withdrawn");
        return;
    }

    name = &job->action.conversation;

    /* the backend may have said yes a moment ago */

    ask = ngx_http_messaging_ask_find(s, name);

    if (ask) {
        ngx_http_messaging_ask_forget(s, ask);
    }

    sub = ngx_http_messaging_control_member(job, s);

    if (sub) {
        ngx_http_messaging_session_unsubscribe(s, sub);

        /* the last one takes the channel with it */

        job->channel = ngx_messaging_channel_find(&s->worker->channels, name);
    }

    ngx_messaging_stat_add(s->worker->slot,
                           NGX_MESSAGING_STAT_CONTROL_UNSUBSCRIBED, 1);

    ngx_http_messaging_control_log(s, "loses a conversation");

    ngx_http_messaging_relay_error(s, name, "access_denied",
                                   "access withdrawn");
}


void
ngx_http_messaging_control_open(ngx_http_messaging_session_t *s)
{
    if (s->barred && !s->closing) {
        s->barred = 0;

        ngx_http_messaging_control_close(s, s->close_code,
                           s->close_code == NGX_MESSAGING_CLOSE_ACCESS
                           ? "access withdrawn" : "disconnected");
    }

    if (!s->closing
        && ngx_messaging_revoked(s->worker->conf->shm, &s->user, s->jti_key,
                                 s->issued))
    {
        ngx_http_messaging_control_close(s, NGX_MESSAGING_CLOSE_TOKEN,
                                         "token revoked");
    }
}


static void
ngx_http_messaging_control_close(ngx_http_messaging_session_t *s,
    ngx_uint_t code, const char *reason)
{
    if (!s->open) {
        s->barred = 1;
        s->close_code = code;
        return;
    }

    ngx_messaging_stat_add(s->worker->slot, NGX_MESSAGING_STAT_CONTROL_CLOSED,
                           1);

    ngx_http_messaging_control_log(s, "is closed");

    ngx_http_messaging_session_close(s, code, reason);
}


static void
ngx_http_messaging_control_log(ngx_http_messaging_session_t *s,
    const char *what)
{
    u_char  *p;
    u_char   id[NGX_HTTP_MESSAGING_CONTROL_ID];

    p = ngx_http_messaging_control_id(id, s->worker, s->connection);

    ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                  "messaging connection \"%*s\" of user \"%V\" %s by a "
                  "control action", p - id, id, &s->user, what);
}


/* called before the session is taken off worker->sessions */

void
ngx_http_messaging_control_leave(ngx_http_messaging_session_t *s)
{
    ngx_http_messaging_control_t  *control;

    control = s->worker->control;

    if (control->cursor == &s->queue) {
        control->cursor = ngx_queue_next(&s->queue);
    }
}
