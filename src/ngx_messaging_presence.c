
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_presence.h"


/*
 * An entry is on one list at most:
 *
 * free      nobody, and the backend knows
 * none      as the backend knows it: there
 * leaving   not there any longer; the oldest first
 * ready     to be told; the oldest first
 * taken     being told by the leader
 *
 * All of it is done under the zone's mutex, which nginx unlocks when the
 * holder was killed.  Then the table may be half changed: whoever finds it
 * "busy" makes lists and chains anew from the entries, of which each is
 * written so that its key is set last and zeroed first.
 */


#define NGX_MESSAGING_PRESENCE_NONE     0
#define NGX_MESSAGING_PRESENCE_FREE     1
#define NGX_MESSAGING_PRESENCE_LEAVING  2
#define NGX_MESSAGING_PRESENCE_READY    3
#define NGX_MESSAGING_PRESENCE_TAKEN    4
#define NGX_MESSAGING_PRESENCE_LISTS    5

/* what the backend knows of an entry */

#define NGX_MESSAGING_PRESENCE_ABSENT   0
#define NGX_MESSAGING_PRESENCE_PRESENT  1
#define NGX_MESSAGING_PRESENCE_UNSURE   2           /* nobody can say */

#define NGX_MESSAGING_PRESENCE_END      0xffffffff
#define NGX_MESSAGING_PRESENCE_WORDS    (NGX_MESSAGING_SHM_SLOTS / 64)


typedef struct {
    uint64_t                            key;       /* 0: free */
    int64_t                             at;        /* came or left, by the
                                                      time of day */
    ngx_msec_t                          since;     /* left, monotonic */
    uint64_t                            workers[NGX_MESSAGING_PRESENCE_WORDS];
    uint32_t                            chain;
    uint32_t                            next;
    uint32_t                            prev;
    u_char                              list;
    u_char                              told;      /* the backend knows */
    u_char                              telling;   /* ... is being told */
    u_char                              nuser;
    u_char                              nconversation;
    u_char                              text[NGX_MESSAGING_PRESENCE_TEXT];
} ngx_messaging_presence_entry_t;


struct ngx_messaging_presence_table_s {
    ngx_uint_t                          n;
    ngx_uint_t                          nchains;   /* a power of two */
    ngx_atomic_t                        busy;

    uint32_t                            head[NGX_MESSAGING_PRESENCE_LISTS];
    uint32_t                            tail[NGX_MESSAGING_PRESENCE_LISTS];

    /* whose bits there are in the entries */
    ngx_atomic_uint_t                   pids[NGX_MESSAGING_SHM_SLOTS];

    ngx_atomic_uint_t                   leader;    /* its pid */
    ngx_uint_t                          slot;
    ngx_atomic_uint_t                   heard;     /* of it, s */
    ngx_uint_t                          term;
    ngx_uint_t                          incarnation;

    ngx_messaging_presence_entry_t     *entries;
    uint32_t                           *chains;
};


/* of one worker */

typedef struct {
    ngx_rbtree_node_t                   node;
    uint64_t                            key;
    ngx_uint_t                          n;
    uint32_t                            entry;
} ngx_messaging_presence_own_t;


static ngx_messaging_presence_own_t *ngx_messaging_presence_own(
    ngx_messaging_presence_t *p, uint64_t key);
static void ngx_messaging_presence_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static void ngx_messaging_presence_lock(ngx_messaging_presence_t *p);
static void ngx_messaging_presence_unlock(ngx_messaging_presence_t *p);
static void ngx_messaging_presence_repair(
    ngx_messaging_presence_table_t *t);
static uint32_t ngx_messaging_presence_find(ngx_messaging_presence_table_t *t,
    uint64_t key);
static uint32_t ngx_messaging_presence_add(ngx_messaging_presence_table_t *t,
    uint64_t key, ngx_str_t *user, ngx_str_t *conversation);
static void ngx_messaging_presence_remove(ngx_messaging_presence_table_t *t,
    uint32_t i);
static void ngx_messaging_presence_list(ngx_messaging_presence_table_t *t,
    uint32_t i, ngx_uint_t list);
static ngx_uint_t ngx_messaging_presence_present(
    ngx_messaging_presence_entry_t *e);
static void ngx_messaging_presence_settle(ngx_messaging_presence_table_t *t,
    uint32_t i);
static void ngx_messaging_presence_absent(ngx_messaging_presence_table_t *t,
    uint32_t i, ngx_uint_t slot);
static void ngx_messaging_presence_forget(ngx_messaging_presence_table_t *t,
    ngx_uint_t slot);
static void ngx_messaging_presence_untake(ngx_messaging_presence_table_t *t);


#define ngx_messaging_presence_chain(t, key)                                  \
    (&(t)->chains[(key) & ((t)->nchains - 1)])


static ngx_uint_t
ngx_messaging_presence_nchains(ngx_uint_t n)
{
    ngx_uint_t  nchains;

    for (nchains = 1; nchains < n; nchains *= 2) { /* void */ }

    return nchains;
}


size_t
ngx_messaging_presence_size(ngx_uint_t n)
{
    return sizeof(ngx_messaging_presence_table_t)
           + n * sizeof(ngx_messaging_presence_entry_t)
           + ngx_messaging_presence_nchains(n) * sizeof(uint32_t);
}


void
ngx_messaging_presence_init(ngx_messaging_presence_table_t *t, ngx_uint_t n)
{
    t->n = n;
    t->nchains = ngx_messaging_presence_nchains(n);

    t->entries = (ngx_messaging_presence_entry_t *) &t[1];
    t->chains = (uint32_t *) &t->entries[n];

    t->incarnation = 1;

    ngx_messaging_presence_repair(t);
}


ngx_uint_t
ngx_messaging_presence_entries(ngx_messaging_presence_table_t *t)
{
    return t->n;
}


void
ngx_messaging_presence_open(ngx_messaging_presence_t *p,
    ngx_messaging_shm_t *shm, ngx_messaging_slot_t *slot)
{
    p->shm = shm;
    p->table = shm->presence;
    p->slot = slot - shm->slots;

    ngx_rbtree_init(&p->tree, &p->sentinel, ngx_messaging_presence_insert);

    ngx_messaging_presence_lock(p);

    if (p->table->pids[p->slot]) {
        ngx_messaging_presence_forget(p->table, p->slot);
    }

    p->table->pids[p->slot] = ngx_pid;

    ngx_messaging_presence_unlock(p);
}


void
ngx_messaging_presence_close(ngx_messaging_presence_t *p)
{
    ngx_messaging_presence_own_t  *own;

    ngx_messaging_presence_yield(p);

    ngx_messaging_presence_lock(p);

    if (p->table->pids[p->slot] == (ngx_atomic_uint_t) ngx_pid) {
        ngx_messaging_presence_forget(p->table, p->slot);
    }

    ngx_messaging_presence_unlock(p);

    while (p->tree.root != &p->sentinel) {
        own = (ngx_messaging_presence_own_t *) p->tree.root;
        ngx_rbtree_delete(&p->tree, &own->node);
        ngx_free(own);
    }
}


ngx_int_t
ngx_messaging_presence_enter(ngx_messaging_presence_t *p, uint64_t key,
    ngx_str_t *user, ngx_str_t *conversation)
{
    ngx_messaging_presence_own_t    *own;
    ngx_messaging_presence_entry_t  *e;

    own = ngx_messaging_presence_own(p, key);

    if (own) {
        own->n++;
        return NGX_OK;
    }

    own = ngx_alloc(sizeof(ngx_messaging_presence_own_t), ngx_cycle->log);
    if (own == NULL) {
        return NGX_ERROR;
    }

    own->node.key = (ngx_rbtree_key_t) key;
    own->key = key;
    own->n = 1;

    ngx_messaging_presence_lock(p);

    own->entry = NGX_MESSAGING_PRESENCE_END;

    /* after a stop so long that the slot was given away there is none */

    if (p->table->pids[p->slot] == (ngx_atomic_uint_t) ngx_pid) {
        own->entry = ngx_messaging_presence_add(p->table, key, user,
                                                conversation);
    }

    if (own->entry != NGX_MESSAGING_PRESENCE_END) {
        e = &p->table->entries[own->entry];

        if (!ngx_messaging_presence_present(e)) {
            e->at = ngx_messaging_presence_now();
        }

        e->workers[p->slot / 64] |= (uint64_t) 1 << p->slot % 64;

        ngx_messaging_presence_settle(p->table, own->entry);
    }

    ngx_messaging_presence_unlock(p);

    ngx_rbtree_insert(&p->tree, &own->node);

    return own->entry == NGX_MESSAGING_PRESENCE_END ? NGX_DECLINED : NGX_OK;
}


void
ngx_messaging_presence_leave(ngx_messaging_presence_t *p, uint64_t key)
{
    ngx_messaging_presence_own_t  *own;

    own = ngx_messaging_presence_own(p, key);

    if (own == NULL || --own->n) {
        return;
    }

    if (own->entry != NGX_MESSAGING_PRESENCE_END) {
        ngx_messaging_presence_lock(p);

        if (p->table->pids[p->slot] == (ngx_atomic_uint_t) ngx_pid
            && p->table->entries[own->entry].key == key)
        {
            ngx_messaging_presence_absent(p->table, own->entry, p->slot);
        }

        ngx_messaging_presence_unlock(p);
    }

    ngx_rbtree_delete(&p->tree, &own->node);
    ngx_free(own);
}


static ngx_messaging_presence_own_t *
ngx_messaging_presence_own(ngx_messaging_presence_t *p, uint64_t key)
{
    ngx_rbtree_node_t             *node;
    ngx_messaging_presence_own_t  *own;

    node = p->tree.root;

    while (node != &p->sentinel) {
        own = (ngx_messaging_presence_own_t *) node;

        if (key == own->key) {
            return own;
        }

        node = (key < own->key) ? node->left : node->right;
    }

    return NULL;
}


/* node->key may be half of a key */

static void
ngx_messaging_presence_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t             **place;
    ngx_messaging_presence_own_t   *own, *other;

    own = (ngx_messaging_presence_own_t *) node;

    for ( ;; ) {
        other = (ngx_messaging_presence_own_t *) temp;

        place = (own->key < other->key) ? &temp->left : &temp->right;

        if (*place == sentinel) {
            break;
        }

        temp = *place;
    }

    *place = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


ngx_uint_t
ngx_messaging_presence_lead(ngx_messaging_presence_t *p)
{
    ngx_uint_t                       i;
    ngx_atomic_uint_t                now, pid;
    ngx_messaging_slot_t            *slots;
    ngx_messaging_presence_table_t  *t;

    t = p->table;
    now = ngx_current_msec / 1000;
    slots = p->shm->slots;

    ngx_messaging_presence_lock(p);

    pid = t->leader;

    if (pid != (ngx_atomic_uint_t) ngx_pid || p->term != t->term) {

        p->term = 0;

        if (pid && pid != (ngx_atomic_uint_t) ngx_pid
            && slots[t->slot].pid == pid
            && (ngx_atomic_int_t) (now - t->heard)
               <= NGX_MESSAGING_PRESENCE_TERM
            && ngx_messaging_shm_alive(&slots[t->slot],
                                       NGX_MESSAGING_SHM_ABANDON))
        {
            ngx_messaging_presence_unlock(p);
            return 0;
        }

        t->leader = ngx_pid;
        t->slot = p->slot;
        t->term++;

        p->term = t->term;

        /* nobody knows what has become of these */

        ngx_messaging_presence_untake(t);
    }

    t->heard = now;

    /* the same rule as for slots: a worker that is stopped may come back */

    for (i = 0; i < NGX_MESSAGING_SHM_SLOTS; i++) {

        if (t->pids[i]
            && (slots[i].pid != t->pids[i]
                || !ngx_messaging_shm_alive(&slots[i],
                                            NGX_MESSAGING_SHM_ABANDON)))
        {
            ngx_messaging_presence_forget(t, i);
        }
    }

    ngx_messaging_presence_unlock(p);

    return 1;
}


void
ngx_messaging_presence_yield(ngx_messaging_presence_t *p)
{
    ngx_messaging_presence_lock(p);

    if (p->term && p->term == p->table->term) {
        ngx_messaging_presence_untake(p->table);
        p->table->leader = 0;
    }

    p->term = 0;

    ngx_messaging_presence_unlock(p);
}


ngx_uint_t
ngx_messaging_presence_take(ngx_messaging_presence_t *p, ngx_msec_t delay,
    ngx_messaging_presence_change_t *changes, ngx_uint_t n)
{
    uint32_t                         i;
    ngx_uint_t                       k;
    ngx_messaging_presence_entry_t  *e;
    ngx_messaging_presence_table_t  *t;

    t = p->table;
    k = 0;

    ngx_messaging_presence_lock(p);

    if (p->term != t->term || t->head[NGX_MESSAGING_PRESENCE_TAKEN]
                              != NGX_MESSAGING_PRESENCE_END)
    {
        goto done;
    }

    for (i = t->head[NGX_MESSAGING_PRESENCE_LEAVING];
         i != NGX_MESSAGING_PRESENCE_END;
         i = t->head[NGX_MESSAGING_PRESENCE_LEAVING])
    {
        if ((ngx_msec_int_t) (ngx_current_msec - t->entries[i].since)
            < (ngx_msec_int_t) delay)
        {
            break;
        }

        ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_READY);
    }

    while (k < n) {
        i = t->head[NGX_MESSAGING_PRESENCE_READY];

        if (i == NGX_MESSAGING_PRESENCE_END) {
            break;
        }

        e = &t->entries[i];
        e->telling = (u_char) ngx_messaging_presence_present(e);

        ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_TAKEN);

        changes[k].at = e->at;
        changes[k].present = e->telling;
        changes[k].nuser = e->nuser;
        changes[k].nconversation = e->nconversation;
        ngx_memcpy(changes[k].text, e->text, e->nuser + e->nconversation);
        k++;
    }

done:

    ngx_messaging_presence_unlock(p);

    return k;
}


void
ngx_messaging_presence_told(ngx_messaging_presence_t *p)
{
    uint32_t                         i;
    ngx_messaging_presence_entry_t  *e;
    ngx_messaging_presence_table_t  *t;

    t = p->table;

    ngx_messaging_presence_lock(p);

    while (p->term == t->term) {
        i = t->head[NGX_MESSAGING_PRESENCE_TAKEN];

        if (i == NGX_MESSAGING_PRESENCE_END) {
            break;
        }

        e = &t->entries[i];
        e->told = e->telling;

        ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_NONE);
        ngx_messaging_presence_settle(t, i);
    }

    ngx_messaging_presence_unlock(p);
}


void
ngx_messaging_presence_again(ngx_messaging_presence_t *p)
{
    uint32_t                         i;
    ngx_messaging_presence_entry_t  *e;
    ngx_messaging_presence_table_t  *t;

    t = p->table;

    ngx_messaging_presence_lock(p);

    if (p->term == t->term) {
        ngx_messaging_presence_untake(t);

        for (i = 0; i < t->n; i++) {
            e = &t->entries[i];

            if (e->key && e->told == NGX_MESSAGING_PRESENCE_PRESENT
                && ngx_messaging_presence_present(e))
            {
                e->told = NGX_MESSAGING_PRESENCE_UNSURE;
                ngx_messaging_presence_settle(t, i);
            }
        }

        t->incarnation++;
    }

    ngx_messaging_presence_unlock(p);
}


ngx_uint_t
ngx_messaging_presence_incarnation(ngx_messaging_presence_t *p)
{
    return p->table->incarnation;
}


static void
ngx_messaging_presence_lock(ngx_messaging_presence_t *p)
{
    ngx_shmtx_lock(&p->shm->pool->mutex);

    if (p->table->busy) {
        ngx_messaging_presence_repair(p->table);
    }

    p->table->busy = 1;

    ngx_memory_barrier();
}


static void
ngx_messaging_presence_unlock(ngx_messaging_presence_t *p)
{
    ngx_memory_barrier();

    p->table->busy = 0;

    ngx_shmtx_unlock(&p->shm->pool->mutex);
}


/* what was being told is told again, in whatever order */

static void
ngx_messaging_presence_repair(ngx_messaging_presence_table_t *t)
{
    uint32_t                         i, *chain;
    ngx_uint_t                       taken;
    ngx_messaging_presence_entry_t  *e;

    for (i = 0; i < NGX_MESSAGING_PRESENCE_LISTS; i++) {
        t->head[i] = NGX_MESSAGING_PRESENCE_END;
        t->tail[i] = NGX_MESSAGING_PRESENCE_END;
    }

    for (i = 0; i < t->nchains; i++) {
        t->chains[i] = NGX_MESSAGING_PRESENCE_END;
    }

    for (i = 0; i < t->n; i++) {
        e = &t->entries[i];

        taken = (e->list == NGX_MESSAGING_PRESENCE_TAKEN);
        e->list = NGX_MESSAGING_PRESENCE_NONE;

        if (e->key == 0) {
            ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_FREE);
            continue;
        }

        chain = ngx_messaging_presence_chain(t, e->key);
        e->chain = *chain;
        *chain = i;

        if (taken) {
            ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_TAKEN);
        }
    }

    ngx_messaging_presence_untake(t);

    for (i = 0; i < t->n; i++) {
        if (t->entries[i].key) {
            ngx_messaging_presence_settle(t, i);
        }
    }

    /* what the leader has taken is not its own any longer */

    t->leader = 0;
    t->term++;
}


static uint32_t
ngx_messaging_presence_find(ngx_messaging_presence_table_t *t, uint64_t key)
{
    uint32_t  i;

    i = *ngx_messaging_presence_chain(t, key);

    while (i != NGX_MESSAGING_PRESENCE_END && t->entries[i].key != key) {
        i = t->entries[i].chain;
    }

    return i;
}


static uint32_t
ngx_messaging_presence_add(ngx_messaging_presence_table_t *t, uint64_t key,
    ngx_str_t *user, ngx_str_t *conversation)
{
    u_char                          *p;
    uint32_t                         i, *chain;
    ngx_messaging_presence_entry_t  *e;

    i = ngx_messaging_presence_find(t, key);

    if (i != NGX_MESSAGING_PRESENCE_END) {
        return i;
    }

    if (user->len > NGX_MESSAGING_PRESENCE_TEXT
        || conversation->len > NGX_MESSAGING_PRESENCE_TEXT - user->len)
    {
        return NGX_MESSAGING_PRESENCE_END;
    }

    i = t->head[NGX_MESSAGING_PRESENCE_FREE];

    if (i == NGX_MESSAGING_PRESENCE_END) {
        return i;
    }

    ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_NONE);

    e = &t->entries[i];

    ngx_memzero(e->workers, sizeof(e->workers));

    e->told = NGX_MESSAGING_PRESENCE_ABSENT;
    e->telling = 0;
    e->nuser = (u_char) user->len;
    e->nconversation = (u_char) conversation->len;

    p = ngx_cpymem(e->text, user->data, user->len);
    ngx_memcpy(p, conversation->data, conversation->len);

    ngx_memory_barrier();

    e->key = key;

    chain = ngx_messaging_presence_chain(t, key);
    e->chain = *chain;
    *chain = i;

    return i;
}


static void
ngx_messaging_presence_remove(ngx_messaging_presence_table_t *t, uint32_t i)
{
    uint32_t                        *chain;
    ngx_messaging_presence_entry_t  *e;

    e = &t->entries[i];

    for (chain = ngx_messaging_presence_chain(t, e->key);
         *chain != i;
         chain = &t->entries[*chain].chain)
    {
        /* void */
    }

    *chain = e->chain;

    e->key = 0;

    ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_FREE);
}


/* takes it off its list, and puts it at the end of another */

static void
ngx_messaging_presence_list(ngx_messaging_presence_table_t *t, uint32_t i,
    ngx_uint_t list)
{
    ngx_messaging_presence_entry_t  *e;

    e = &t->entries[i];

    if (e->list != NGX_MESSAGING_PRESENCE_NONE) {

        if (e->prev == NGX_MESSAGING_PRESENCE_END) {
            t->head[e->list] = e->next;

        } else {
            t->entries[e->prev].next = e->next;
        }

        if (e->next == NGX_MESSAGING_PRESENCE_END) {
            t->tail[e->list] = e->prev;

        } else {
            t->entries[e->next].prev = e->prev;
        }
    }

    e->list = (u_char) list;

    if (list == NGX_MESSAGING_PRESENCE_NONE) {
        return;
    }

    e->next = NGX_MESSAGING_PRESENCE_END;
    e->prev = t->tail[list];
    t->tail[list] = i;

    if (e->prev == NGX_MESSAGING_PRESENCE_END) {
        t->head[list] = i;

    } else {
        t->entries[e->prev].next = i;
    }
}


static ngx_uint_t
ngx_messaging_presence_present(ngx_messaging_presence_entry_t *e)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESSAGING_PRESENCE_WORDS; i++) {
        if (e->workers[i]) {
            return 1;
        }
    }

    return 0;
}


/* puts an entry where it belongs by what is so and what has been told */

static void
ngx_messaging_presence_settle(ngx_messaging_presence_table_t *t, uint32_t i)
{
    ngx_messaging_presence_entry_t  *e;

    e = &t->entries[i];

    if (e->list == NGX_MESSAGING_PRESENCE_TAKEN) {
        return;
    }

    if (!ngx_messaging_presence_present(e)) {

        if (e->told == NGX_MESSAGING_PRESENCE_ABSENT) {
            /* came and left, and nobody was told */
            ngx_messaging_presence_remove(t, i);
            return;
        }

        if (e->list != NGX_MESSAGING_PRESENCE_LEAVING) {
            ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_LEAVING);
        }

        return;
    }

    if (e->told == NGX_MESSAGING_PRESENCE_PRESENT) {
        ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_NONE);
        return;
    }

    if (e->list != NGX_MESSAGING_PRESENCE_READY) {
        ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_READY);
    }
}


static void
ngx_messaging_presence_absent(ngx_messaging_presence_table_t *t, uint32_t i,
    ngx_uint_t slot)
{
    uint64_t                         bit;
    ngx_messaging_presence_entry_t  *e;

    e = &t->entries[i];
    bit = (uint64_t) 1 << slot % 64;

    if (!(e->workers[slot / 64] & bit)) {
        return;
    }

    e->workers[slot / 64] &= ~bit;

    if (ngx_messaging_presence_present(e)) {
        return;
    }

    e->at = ngx_messaging_presence_now();
    e->since = ngx_current_msec;

    ngx_messaging_presence_settle(t, i);
}


/* a worker has left, or was killed */

static void
ngx_messaging_presence_forget(ngx_messaging_presence_table_t *t,
    ngx_uint_t slot)
{
    uint32_t  i;

    for (i = 0; i < t->n; i++) {
        if (t->entries[i].key) {
            ngx_messaging_presence_absent(t, i, slot);
        }
    }

    t->pids[slot] = 0;
}


/* the backend may have been told or not: it is told what is so now */

static void
ngx_messaging_presence_untake(ngx_messaging_presence_table_t *t)
{
    uint32_t                         i;
    ngx_messaging_presence_entry_t  *e;

    for ( ;; ) {
        i = t->head[NGX_MESSAGING_PRESENCE_TAKEN];

        if (i == NGX_MESSAGING_PRESENCE_END) {
            return;
        }

        e = &t->entries[i];
        e->told = NGX_MESSAGING_PRESENCE_UNSURE;

        ngx_messaging_presence_list(t, i, NGX_MESSAGING_PRESENCE_NONE);
        ngx_messaging_presence_settle(t, i);
    }
}
