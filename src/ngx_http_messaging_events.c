
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_http_messaging.h"
#include "ngx_http_messaging_call.h"
#include "ngx_http_messaging_events.h"
#include "ngx_http_messaging_text.h"
#include "ngx_messaging_presence.h"
#include "ngx_messaging_presence_redis.h"


/*
 * Every worker looks now and then whether it leads.  The one that does takes
 * a batch of changes from the zone and keeps it until somebody has it:
 *
 * without Redis  the backend, by a POST;
 * with Redis     Redis, which makes one of all hosts, and either adds what
 *                follows to the stream or to a queue.  From that queue one
 *                host of all takes a batch and posts it.
 *
 * A batch that fails is sent again, and nothing overtakes it.
 */

#define NGX_HTTP_MESSAGING_EVENTS_TIMEOUT  10000        /* ms, of a POST */
#define NGX_HTTP_MESSAGING_EVENTS_RETRY    1000         /* ms */
#define NGX_HTTP_MESSAGING_EVENTS_BACKOFF  30000        /* ms */
#define NGX_HTTP_MESSAGING_EVENTS_LOG      60000        /* ms */

/* no place of the queue */

#define NGX_HTTP_MESSAGING_EVENTS_NOWHERE  ((ngx_uint_t) -1)


/* what was refused is tried again, later and later */

typedef struct {
    ngx_msec_t                          wait;         /* 0: was not refused */
    ngx_msec_t                          due;
} ngx_http_messaging_events_retry_t;


struct ngx_http_messaging_events_s {
    ngx_http_messaging_worker_t        *worker;
    ngx_messaging_presence_t            presence;     /* table NULL: no slot */
    ngx_event_t                         event;
    ngx_connection_t                    dummy;

    ngx_http_messaging_loc_conf_t      *location;     /* the server's */
    ngx_connection_t                    peer;         /* who calls */
    struct sockaddr_in                  address;

    ngx_messaging_presence_change_t    *changes;      /* taken */
    ngx_uint_t                          nchanges;
    ngx_uint_t                          term;         /* ... in which */

    ngx_str_t                           body;         /* to be posted */
    ngx_uint_t                          nevents;
    ngx_uint_t                          head;         /* where they began */
    ngx_uint_t                          done;         /* ... were posted */
    ngx_http_messaging_call_t          *call;         /* under way */
    ngx_http_messaging_events_retry_t   post;

    ngx_uint_t                          asking;       /* Redis */
    ngx_uint_t                          asked;        /* with "done" */
    ngx_uint_t                          fresh;
    ngx_http_messaging_events_retry_t   ask;

    ngx_msec_t                          logged;       /* 0: not yet */
};


static void ngx_http_messaging_events_peer(ngx_http_messaging_events_t *events,
    ngx_cycle_t *cycle);
static uint64_t ngx_http_messaging_events_key(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub);
static ngx_uint_t ngx_http_messaging_events_count(
    ngx_http_messaging_session_t *s, ngx_http_messaging_subscription_t *sub);
static void ngx_http_messaging_events_tick(ngx_event_t *ev);
static ngx_uint_t ngx_http_messaging_events_lead(
    ngx_http_messaging_events_t *events);
static void ngx_http_messaging_events_step(
    ngx_http_messaging_events_t *events);
static void ngx_http_messaging_events_take(
    ngx_http_messaging_events_t *events);
static void ngx_http_messaging_events_tell(
    ngx_http_messaging_events_t *events);
static void ngx_http_messaging_events_answered(void *data,
    ngx_messaging_resp_reply_t *reply);
static void ngx_http_messaging_events_answer(
    ngx_http_messaging_events_t *events,
    ngx_messaging_presence_answer_t *answer);
static ngx_int_t ngx_http_messaging_events_body(
    ngx_http_messaging_events_t *events, ngx_str_t *list);
static void ngx_http_messaging_events_list(ngx_http_messaging_events_t *events,
    ngx_http_messaging_text_t *t);
static void ngx_http_messaging_events_post(
    ngx_http_messaging_events_t *events);
static void ngx_http_messaging_events_posted(void *data,
    ngx_http_messaging_call_t *call);
static void ngx_http_messaging_events_failed(
    ngx_http_messaging_events_t *events,
    ngx_http_messaging_events_retry_t *retry);
static ngx_uint_t ngx_http_messaging_events_waits(
    ngx_http_messaging_events_retry_t *retry);
static void ngx_http_messaging_events_drop(
    ngx_http_messaging_events_t *events);


ngx_int_t
ngx_http_messaging_events_create(ngx_http_messaging_worker_t *worker,
    ngx_cycle_t *cycle)
{
    ngx_http_messaging_events_t     *events;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = worker->conf;

    if (mmcf->events == 0) {
        return NGX_OK;
    }

    events = ngx_pcalloc(cycle->pool, sizeof(ngx_http_messaging_events_t));
    if (events == NULL) {
        return NGX_ERROR;
    }

    events->location = ngx_pcalloc(cycle->pool,
                                   sizeof(ngx_http_messaging_loc_conf_t));
    events->changes = ngx_palloc(cycle->pool, mmcf->events_batch
                                  * sizeof(ngx_messaging_presence_change_t));

    if (events->location == NULL || events->changes == NULL) {
        return NGX_ERROR;
    }

    events->worker = worker;
    events->location->server = mmcf->events_server;

    ngx_http_messaging_events_peer(events, cycle);

    events->dummy.fd = (ngx_socket_t) -1;
    events->dummy.data = events;

    events->event.handler = ngx_http_messaging_events_tick;
    events->event.data = &events->dummy;
    events->event.log = cycle->log;
    events->event.cancelable = 1;

    worker->events = events;

    if (worker->slot == &worker->spare) {
        /* nobody could tell that such a worker was killed */
        return NGX_OK;
    }

    ngx_messaging_presence_open(&events->presence, mmcf->shm, worker->slot);

    ngx_add_timer(&events->event, mmcf->events_interval);

    return NGX_OK;
}


/* a call has the addresses of a client: here there is none */

static void
ngx_http_messaging_events_peer(ngx_http_messaging_events_t *events,
    ngx_cycle_t *cycle)
{
    ngx_connection_t  *c;

    events->address.sin_family = AF_INET;
    events->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c = &events->peer;

    c->fd = (ngx_socket_t) -1;
    c->log = cycle->log;
    c->listening = cycle->listening.elts;
    c->sockaddr = (struct sockaddr *) &events->address;
    c->socklen = sizeof(struct sockaddr_in);
    c->local_sockaddr = c->sockaddr;
    c->local_socklen = c->socklen;

    ngx_str_set(&c->addr_text, "127.0.0.1");
}


void
ngx_http_messaging_events_free(ngx_http_messaging_worker_t *worker)
{
    ngx_http_messaging_events_t  *events;

    events = worker->events;

    if (events == NULL) {
        return;
    }

    if (events->event.timer_set) {
        ngx_del_timer(&events->event);
    }

    if (events->call) {
        ngx_http_messaging_call_forget(events->call);
        events->call = NULL;
    }

    ngx_http_messaging_events_drop(events);

    if (events->presence.table) {
        ngx_messaging_presence_close(&events->presence);
        events->presence.table = NULL;
    }
}


void
ngx_http_messaging_events_enter(ngx_http_messaging_session_t *s)
{
    if (s->worker->events == NULL || s->closing || s->present) {
        return;
    }

    s->present = ngx_http_messaging_events_count(s, NULL);

    if (s->conf->endpoint == NGX_HTTP_MESSAGING_ENDPOINT_ONE) {
        ngx_http_messaging_events_join(s, &s->single);
    }
}


void
ngx_http_messaging_events_leave(ngx_http_messaging_session_t *s)
{
    if (s->present) {
        s->present = 0;
        ngx_messaging_presence_leave(&s->worker->events->presence,
                                     ngx_http_messaging_events_key(s, NULL));
    }
}


void
ngx_http_messaging_events_join(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    if (s->worker->events == NULL || s->closing || sub->present) {
        return;
    }

    sub->present = ngx_http_messaging_events_count(s, sub);
}


void
ngx_http_messaging_events_part(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    if (sub->present) {
        sub->present = 0;
        ngx_messaging_presence_leave(&s->worker->events->presence,
                                     ngx_http_messaging_events_key(s, sub));
    }
}


static uint64_t
ngx_http_messaging_events_key(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    u_char     *seed;
    uint64_t    keys[2];
    ngx_str_t   text;

    seed = s->worker->conf->shm->user_seed;

    keys[0] = ngx_messaging_key_text(seed, &s->user);

    if (sub == NULL) {
        return keys[0];
    }

    text.data = sub->subscriber.channel->name;
    text.len = sub->subscriber.channel->len;

    keys[1] = ngx_messaging_key_text(seed, &text);

    text.data = (u_char *) keys;
    text.len = sizeof(keys);

    return ngx_messaging_key_text(seed, &text);
}


/* 1: counted */

static ngx_uint_t
ngx_http_messaging_events_count(ngx_http_messaging_session_t *s,
    ngx_http_messaging_subscription_t *sub)
{
    ngx_int_t                     rc;
    ngx_str_t                     name, conversation;
    ngx_http_messaging_text_t     t;
    ngx_http_messaging_events_t  *events;

    events = s->worker->events;

    if (events->presence.table == NULL) {
        return 0;
    }

    ngx_str_null(&conversation);

    if (sub) {
        name.data = sub->subscriber.channel->name;
        name.len = sub->subscriber.channel->len;

        ngx_http_messaging_text_begin(&t, s->worker);
        ngx_http_messaging_text_id(&t, &name);

        if (t.failed) {
            return 0;
        }

        conversation = t.text;
    }

    rc = ngx_messaging_presence_enter(&events->presence,
                                      ngx_http_messaging_events_key(s, sub),
                                      &s->user_json, &conversation);

    if (rc != NGX_OK) {
        ngx_messaging_stat_add(s->worker->slot,
                               NGX_MESSAGING_STAT_EVENTS_DROPPED, 1);

        ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                      "messaging events leave out user \"%V\"%s: "
                      "messaging_events_max is reached, or the id is too long",
                      &s->user, sub ? " in a conversation" : "");
    }

    return rc != NGX_ERROR;
}


static void
ngx_http_messaging_events_tick(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_messaging_events_t  *events;

    c = ev->data;
    events = c->data;

    ngx_add_timer(ev, events->worker->conf->events_interval);

    if (ngx_http_messaging_events_lead(events)) {
        ngx_http_messaging_events_step(events);
    }
}


static ngx_uint_t
ngx_http_messaging_events_lead(ngx_http_messaging_events_t *events)
{
    ngx_uint_t                       busy;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = events->worker->conf;
    busy = (events->call || events->asking);

    if (ngx_exiting || mmcf->shm->generation != mmcf->generation) {

        /* one of the new workers, but not in the middle of a batch */

        if (!busy && events->presence.term) {
            ngx_messaging_presence_yield(&events->presence);
            ngx_http_messaging_events_drop(events);
        }

        return 0;
    }

    if (!ngx_messaging_presence_lead(&events->presence)) {

        if (!busy) {
            ngx_http_messaging_events_drop(events);
        }

        return 0;
    }

    return 1;
}


static void
ngx_http_messaging_events_step(ngx_http_messaging_events_t *events)
{
    if (events->worker->conf->redis) {
        ngx_http_messaging_events_tell(events);

    } else if (events->call == NULL) {

        if (events->term != events->presence.term) {
            /* taken in another term, and will be taken again */
            ngx_http_messaging_events_drop(events);
        }

        if (events->body.len) {
            ngx_http_messaging_events_post(events);
            return;
        }

        ngx_http_messaging_events_take(events);

        if (events->nchanges
            && ngx_http_messaging_events_body(events, NULL) != NGX_OK)
        {
            return;
        }
    }

    if (events->body.len) {
        ngx_http_messaging_events_post(events);
    }
}


static void
ngx_http_messaging_events_take(ngx_http_messaging_events_t *events)
{
    ngx_http_messaging_main_conf_t  *mmcf;

    if (events->nchanges && events->term == events->presence.term) {
        return;
    }

    mmcf = events->worker->conf;

    events->term = events->presence.term;
    events->nchanges = ngx_messaging_presence_take(&events->presence,
                                                   mmcf->events_delay,
                                                   events->changes,
                                                   mmcf->events_batch);
}


static void
ngx_http_messaging_events_tell(ngx_http_messaging_events_t *events)
{
    ngx_int_t                         rc;
    ngx_http_messaging_main_conf_t   *mmcf;
    ngx_messaging_presence_report_t   report;

    if (events->asking || ngx_http_messaging_events_waits(&events->ask)) {
        return;
    }

    mmcf = events->worker->conf;

    if (!ngx_messaging_redis_ready(events->worker->broker->redis)) {
        return;
    }

    ngx_http_messaging_events_take(events);

    report.prefix = mmcf->prefix;
    report.lease = mmcf->events_lease;
    report.stream = mmcf->events_stream;
    report.maxlen = mmcf->events_maxlen;
    report.fresh = events->fresh;
    report.want = events->body.len ? 0 : mmcf->events_batch;
    report.head = events->head;
    report.done = events->done;

    rc = ngx_messaging_presence_redis_tell(events->worker->broker->redis,
                                           &events->presence, &report,
                                           events->changes, events->nchanges,
                                           ngx_http_messaging_events_answered,
                                           events);

    events->asking = (rc == NGX_OK);
    events->asked = (events->done != 0);
}


static void
ngx_http_messaging_events_answered(void *data,
    ngx_messaging_resp_reply_t *reply)
{
    ngx_http_messaging_events_t *events = data;

    ngx_messaging_presence_answer_t  answer;

    events->asking = 0;

    if (reply == NULL) {
        /* nobody knows: the same again, when Redis is back */
        return;
    }

    if (ngx_messaging_presence_redis_parse(&answer, reply) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "messaging redis does not take events: \"%V\"",
                      &reply->str);
        ngx_http_messaging_events_failed(events, &events->ask);
        return;
    }

    events->ask.wait = 0;

    if (!answer.known) {

        /* the lease was never there, or has ended: all that was told is lost,
           or about to be */

        ngx_messaging_presence_again(&events->presence);

        events->fresh = 1;
        events->nchanges = 0;

        /* what is being posted may be of a queue that is gone, too: of the
           one there is now it must not be taken off */

        events->head = NGX_HTTP_MESSAGING_EVENTS_NOWHERE;
        events->done = 0;

    } else {
        ngx_http_messaging_events_answer(events, &answer);

        if (!answer.more && events->done == 0) {

            if (events->body.len) {
                ngx_http_messaging_events_post(events);
            }

            return;
        }
    }

    if (ngx_http_messaging_events_lead(events)) {
        ngx_http_messaging_events_step(events);
    }
}


static void
ngx_http_messaging_events_answer(ngx_http_messaging_events_t *events,
    ngx_messaging_presence_answer_t *answer)
{
    ngx_messaging_slot_t  *slot;

    slot = events->worker->slot;

    /* a full batch has another behind it */

    answer->more |= (events->nchanges == events->worker->conf->events_batch);

    events->fresh = 0;
    events->nchanges = 0;

    if (events->asked) {
        events->done = 0;
    }

    if (events->term == events->presence.term) {
        ngx_messaging_presence_told(&events->presence);
    }

    ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_EVENTS_SENT,
                           answer->streamed);

    if (answer->dropped) {
        ngx_messaging_stat_add(slot, NGX_MESSAGING_STAT_EVENTS_DROPPED,
                               answer->dropped);

        if (events->logged == 0
            || ngx_current_msec - events->logged
               >= NGX_HTTP_MESSAGING_EVENTS_LOG)
        {
            events->logged = ngx_current_msec;

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "messaging events wait for the backend in Redis, "
                          "%ui more were dropped", answer->dropped);
        }
    }

    if (answer->nevents == 0 || events->body.len) {
        return;
    }

    events->head = answer->head;
    events->nevents = answer->nevents;

    (void) ngx_http_messaging_events_body(events, &answer->events);
}


/* keeps a body until it has been posted; list == NULL: of the changes */

static ngx_int_t
ngx_http_messaging_events_body(ngx_http_messaging_events_t *events,
    ngx_str_t *list)
{
    ngx_http_messaging_text_t  t;

    ngx_http_messaging_text_begin(&t, events->worker);
    ngx_http_messaging_text_add(&t, "{\"events\":[");

    if (list) {
        ngx_http_messaging_text_str(&t, list);

    } else {
        ngx_http_messaging_events_list(events, &t);
        events->nevents = events->nchanges;
    }

    ngx_http_messaging_text_add(&t, "]}");

    if (t.failed) {
        return NGX_ERROR;
    }

    events->body.data = ngx_alloc(t.text.len, ngx_cycle->log);
    if (events->body.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(events->body.data, t.text.data, t.text.len);
    events->body.len = t.text.len;

    return NGX_OK;
}


static void
ngx_http_messaging_events_list(ngx_http_messaging_events_t *events,
    ngx_http_messaging_text_t *t)
{
    ngx_uint_t                        i;
    ngx_messaging_presence_change_t  *change;

    static ngx_str_t  names[] = {
        ngx_string("user_disconnected"),
        ngx_string("user_connected"),
        ngx_string("left"),
        ngx_string("joined")
    };

    for (i = 0; i < events->nchanges; i++) {
        change = &events->changes[i];

        if (i) {
            ngx_http_messaging_text_add(t, ",");
        }

        ngx_http_messaging_text_add(t, "{\"event\":\"");
        ngx_http_messaging_text_str(t, &names[2 * (change->nconversation != 0)
                                              + change->present]);
        ngx_http_messaging_text_add(t, "\",\"user_id\":");
        ngx_http_messaging_text_bytes(t, change->text, change->nuser);

        if (change->nconversation) {
            ngx_http_messaging_text_add(t, ",\"conversation_id\":");
            ngx_http_messaging_text_bytes(t, change->text + change->nuser,
                                          change->nconversation);
        }

        ngx_http_messaging_text_add(t, ",\"at\":");
        ngx_http_messaging_text_time(t, change->at);
        ngx_http_messaging_text_add(t, "}");
    }
}


static void
ngx_http_messaging_events_post(ngx_http_messaging_events_t *events)
{
    ngx_str_t                        type, none;
    ngx_http_messaging_call_t       *call;
    ngx_http_messaging_main_conf_t  *mmcf;

    if (events->call || ngx_http_messaging_events_waits(&events->post)) {
        return;
    }

    mmcf = events->worker->conf;

    ngx_str_set(&type, "application/json");
    ngx_str_null(&none);
    none.data = (u_char *) "";

    events->peer.number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    call = ngx_http_messaging_call_create(&events->peer, events->location,
                                          &none, &none);
    if (call == NULL) {
        ngx_http_messaging_events_failed(events, &events->post);
        return;
    }

    if (ngx_http_messaging_call_body(call, &type, &events->body) != NGX_OK) {
        ngx_http_messaging_call_cancel(call);
        ngx_http_messaging_events_failed(events, &events->post);
        return;
    }

    if (ngx_http_messaging_call_start(call, mmcf->events_uri, NULL,
                                      NGX_HTTP_MESSAGING_EVENTS_TIMEOUT,
                                      ngx_http_messaging_events_posted, events)
        != NGX_OK)
    {
        ngx_http_messaging_events_failed(events, &events->post);
        return;
    }

    events->call = call;
}


static void
ngx_http_messaging_events_posted(void *data, ngx_http_messaging_call_t *call)
{
    ngx_http_messaging_events_t *events = data;

    ngx_uint_t                       full;
    ngx_http_messaging_main_conf_t  *mmcf;

    mmcf = events->worker->conf;

    events->call = NULL;

    if (call->status < 200 || call->status >= 300) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "messaging events were not taken by the backend, "
                      "status %ui, they are sent again", call->status);
        ngx_http_messaging_events_failed(events, &events->post);
        return;
    }

    ngx_messaging_stat_add(events->worker->slot,
                           NGX_MESSAGING_STAT_EVENTS_SENT, events->nevents);

    events->post.wait = 0;

    full = (mmcf->redis || events->nevents == mmcf->events_batch);

    if (mmcf->redis) {
        events->done = events->nevents;

    } else {

        if (events->term == events->presence.term) {
            ngx_messaging_presence_told(&events->presence);
        }

        events->nchanges = 0;
    }

    ngx_free(events->body.data);
    ngx_str_null(&events->body);

    /* Redis has to hear of it at once: it is all that others know of it */

    if (full && ngx_http_messaging_events_lead(events)) {
        ngx_http_messaging_events_step(events);
    }
}


static void
ngx_http_messaging_events_failed(ngx_http_messaging_events_t *events,
    ngx_http_messaging_events_retry_t *retry)
{
    ngx_messaging_stat_add(events->worker->slot,
                           NGX_MESSAGING_STAT_EVENTS_FAILED, 1);

    retry->wait = retry->wait
                  ? ngx_min(2 * retry->wait,
                            NGX_HTTP_MESSAGING_EVENTS_BACKOFF)
                  : NGX_HTTP_MESSAGING_EVENTS_RETRY;

    retry->due = ngx_current_msec + retry->wait;
}


static ngx_uint_t
ngx_http_messaging_events_waits(ngx_http_messaging_events_retry_t *retry)
{
    return retry->wait
           && (ngx_msec_int_t) (retry->due - ngx_current_msec) > 0;
}


/* what was not told is another worker's now, in the zone or in Redis */

static void
ngx_http_messaging_events_drop(ngx_http_messaging_events_t *events)
{
    events->nchanges = 0;
    events->done = 0;

    if (events->body.len) {
        ngx_free(events->body.data);
        ngx_str_null(&events->body);
    }
}
