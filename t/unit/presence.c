
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_presence.c"
#include "unit.h"


/*
 * Workers whose users come and go, that are killed, in the middle of a change
 * too, and that tell a backend what they have taken, or do not.  When all is
 * quiet the backend knows who is there, whatever happened before.
 */

#define USERS    40
#define ENTRIES  64
#define WORKERS  5
#define STEPS    200000
#define BATCH    7
#define DELAY    10


typedef struct {
    ngx_messaging_presence_t  p;
    ngx_uint_t                alive;
    ngx_uint_t                pid;
    ngx_uint_t                n[USERS];
} worker_t;


static void presence_order(void);
static void presence_debounce(void);
static void presence_full(void);
static void presence_churn(void);
static void start(ngx_uint_t i);
static void end(ngx_uint_t i);
static void enter(ngx_uint_t i, ngx_uint_t user);
static void leave(ngx_uint_t i, ngx_uint_t user);
static ngx_uint_t take(ngx_uint_t i, ngx_uint_t told);
static void damage(void);
static ngx_uint_t consistent(void);
static void quiet(void);
static void reset(ngx_uint_t entries);
static ngx_uint_t number(ngx_uint_t n);


static ngx_messaging_shm_t              shm;
static ngx_slab_pool_t                  pool;
static worker_t                         workers[WORKERS];
static ngx_uint_t                       known[USERS];    /* to the backend */
static ngx_uint_t                       nevents;
static ngx_uint_t                       nrepeated;
static ngx_messaging_presence_change_t  changes[BATCH];
static uint64_t                         seed = 88172645463325252ULL;

volatile ngx_msec_t                     ngx_current_msec = 1000000;
volatile ngx_time_t                    *ngx_cached_time;
volatile ngx_cycle_t                   *ngx_cycle;
ngx_pid_t                               ngx_pid;

static ngx_time_t                       now;
static ngx_cycle_t                      cycle;


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
}


ngx_uint_t
ngx_messaging_shm_alive(ngx_messaging_slot_t *slot, ngx_atomic_int_t lease)
{
    return slot->pid != 0;
}


/* nginx's tree without its balance */

void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    if (tree->root != tree->sentinel) {
        tree->insert(tree->root, node, tree->sentinel);
        return;
    }

    node->parent = NULL;
    node->left = tree->sentinel;
    node->right = tree->sentinel;
    tree->root = node;
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    ngx_rbtree_node_t  **link, *left, *right, *last;

    link = &tree->root;

    if (node->parent) {
        link = (node->parent->left == node) ? &node->parent->left
                                            : &node->parent->right;
    }

    left = node->left;
    right = node->right;

    if (left == tree->sentinel) {
        *link = right;
        right->parent = node->parent;
        return;
    }

    /* what is right of it goes to the end of what is left of it */

    *link = left;
    left->parent = node->parent;

    if (right != tree->sentinel) {

        for (last = left; last->right != tree->sentinel; last = last->right) {
            /* void */
        }

        last->right = right;
        right->parent = last;
    }
}


int
main(void)
{
    ngx_cached_time = &now;
    ngx_cycle = &cycle;

    presence_order();
    presence_debounce();
    presence_full();
    presence_churn();

    reset(0);

    return unit_done();
}


static void
presence_order(void)
{
    reset(ENTRIES);
    start(0);
    start(1);

    enter(0, 3);
    enter(1, 2);
    enter(1, 3);
    enter(0, 1);

    unit_ok(take(0, 1) == 3, "three came");
    unit_ok(changes[0].text[0] == 'a' + 3 && changes[1].text[0] == 'a' + 2
            && changes[2].text[0] == 'a' + 1, "in this order");

    leave(0, 3);
    ngx_current_msec += DELAY;
    unit_ok(take(0, 1) == 0, "one is still there by another worker");

    leave(1, 3);
    unit_ok(take(0, 1) == 0, "not yet");
    ngx_current_msec += DELAY;
    unit_ok(take(0, 1) == 1 && !changes[0].present, "and has left");

    unit_ok(take(1, 1) == 0 && workers[1].p.term == 0, "there is one leader");

    enter(1, 5);
    ngx_current_msec += (NGX_MESSAGING_PRESENCE_TERM + 1) * 1000;
    unit_ok(take(1, 1) == 1, "until nothing is heard of it");

    enter(1, 6);
    unit_ok(take(1, 0) == 1 && take(1, 1) == 0,
            "nothing is taken before the last batch was told");

    ngx_messaging_presence_yield(&workers[1].p);
    unit_ok(take(0, 1) == 1 && changes[0].present,
            "another leader takes it again");
}


static void
presence_debounce(void)
{
    reset(ENTRIES);
    start(0);

    enter(0, 1);
    leave(0, 1);
    unit_ok(take(0, 1) == 0, "came and left at once");

    enter(0, 1);
    unit_ok(take(0, 0) == 1, "is being told");
    leave(0, 1);
    ngx_pid = workers[0].pid;
    ngx_messaging_presence_told(&workers[0].p);
    ngx_current_msec += DELAY;
    unit_ok(take(0, 1) == 1 && !changes[0].present, "and left meanwhile");

    enter(0, 1);
    unit_ok(take(0, 1) == 1, "is back");
    leave(0, 1);
    ngx_current_msec += DELAY - 1;
    unit_ok(take(0, 1) == 0, "is away for a moment");
    enter(0, 1);
    ngx_current_msec += 2 * DELAY;
    unit_ok(take(0, 1) == 0, "and once more in time");

    ngx_messaging_presence_again(&workers[0].p);
    unit_ok(take(0, 1) == 1 && changes[0].present
            && ngx_messaging_presence_incarnation(&workers[0].p) == 2,
            "all is told again");
}


static void
presence_full(void)
{
    ngx_str_t  user, conversation;
    u_char     text[NGX_MESSAGING_PRESENCE_TEXT];

    reset(2);
    start(0);

    enter(0, 1);
    enter(0, 2);

    ngx_memset(text, 'x', sizeof(text));
    user.data = text;
    user.len = 100;
    conversation.data = text;
    conversation.len = 80;

    ngx_pid = workers[0].pid;

    unit_ok(ngx_messaging_presence_enter(&workers[0].p, 77, &user,
                                         &conversation)
            == NGX_DECLINED, "no room");
    unit_ok(ngx_messaging_presence_enter(&workers[0].p, 77, &user,
                                         &conversation)
            == NGX_OK, "counted all the same");

    leave(0, 1);
    ngx_messaging_presence_leave(&workers[0].p, 77);
    ngx_messaging_presence_leave(&workers[0].p, 77);

    unit_ok(ngx_messaging_presence_enter(&workers[0].p, 77, &user,
                                         &conversation)
            == NGX_OK, "room again");

    leave(0, 2);
    conversation.len = 81;

    unit_ok(ngx_messaging_presence_enter(&workers[0].p, 78, &user,
                                         &conversation)
            == NGX_DECLINED, "too long");

    unit_ok(take(0, 1) == 1 && changes[0].nuser == 100
            && changes[0].nconversation == 80, "as long as may be");
}


static void
presence_churn(void)
{
    ngx_uint_t  i, step, worker, user, failed;

    reset(ENTRIES);
    failed = 0;
    nevents = 0;
    nrepeated = 0;

    for (step = 0; step < STEPS && !failed; step++) {
        worker = number(WORKERS);
        user = number(USERS);

        if (!workers[worker].alive) {
            start(worker);
            continue;
        }

        switch (number(16)) {

        case 0:
            if (number(8) == 0) {
                /* killed: perhaps by something that holds the lock */
                end(worker);
                shm.slots[worker].pid = 0;

                if (number(2)) {
                    damage();
                }
            }

            break;

        case 1:
            if (take(worker, number(3)) && number(2)) {
                ngx_messaging_presence_yield(&workers[worker].p);
            }

            break;

        case 2:
            ngx_current_msec += number(DELAY);
            break;

        case 3:
            if (number(64) == 0) {
                ngx_current_msec += 1000 * (NGX_MESSAGING_PRESENCE_TERM + 2);
            }

            break;

        case 4: case 5: case 6: case 7: case 8: case 9:
            enter(worker, user);
            break;

        default:
            if (workers[worker].n[user]) {
                leave(worker, user);
            }
        }

        if (step % 1000 == 999) {
            quiet();

            for (user = 0; user < USERS; user++) {

                for (i = 0; i < WORKERS; i++) {
                    if (workers[i].n[user]) {
                        break;
                    }
                }

                failed += (known[user] != (i < WORKERS));
            }

            failed += !consistent();
        }
    }

    unit_ok(failed == 0, "%u steps, the backend knows who is there",
            (unsigned) step);
    unit_ok(nevents > STEPS / 100, "%u events, %u of them repeated",
            (unsigned) nevents, (unsigned) nrepeated);
}


static void
start(ngx_uint_t i)
{
    static ngx_uint_t  pid;

    ngx_memzero(&workers[i], sizeof(worker_t));

    ngx_pid = ++pid;

    workers[i].alive = 1;
    workers[i].pid = pid;
    shm.slots[i].pid = pid;

    ngx_messaging_presence_open(&workers[i].p, &shm, &shm.slots[i]);
}


/* its memory goes with it */

static void
end(ngx_uint_t i)
{
    ngx_rbtree_t       *tree;
    ngx_rbtree_node_t  *node;

    tree = &workers[i].p.tree;

    while (workers[i].alive && tree->root != tree->sentinel) {
        node = tree->root;
        ngx_rbtree_delete(tree, node);
        free(node);
    }

    ngx_memzero(&workers[i], sizeof(worker_t));
}


static void
enter(ngx_uint_t i, ngx_uint_t user)
{
    u_char     text;
    ngx_str_t  name, none;

    text = 'a' + user;
    name.data = &text;
    name.len = 1;
    none.data = &text;
    none.len = 0;

    ngx_pid = workers[i].pid;

    if (ngx_messaging_presence_enter(&workers[i].p, user * 4 + 2, &name, &none)
        == NGX_OK)
    {
        workers[i].n[user]++;
    }
}


static void
leave(ngx_uint_t i, ngx_uint_t user)
{
    ngx_pid = workers[i].pid;

    ngx_messaging_presence_leave(&workers[i].p, user * 4 + 2);
    workers[i].n[user]--;
}


/* told: 0: the backend has it, and nobody knows; 1: it has; 2: it has not */

static ngx_uint_t
take(ngx_uint_t i, ngx_uint_t told)
{
    ngx_uint_t  k, n, user;

    ngx_pid = workers[i].pid;

    if (!ngx_messaging_presence_lead(&workers[i].p)) {
        return 0;
    }

    n = ngx_messaging_presence_take(&workers[i].p, DELAY, changes, BATCH);

    for (k = 0; k < n && told != 2; k++) {
        user = changes[k].text[0] - 'a';

        if (user < USERS) {
            nevents++;
            nrepeated += (known[user] == changes[k].present);
            known[user] = changes[k].present;
        }
    }

    if (told == 1 && n) {
        ngx_messaging_presence_told(&workers[i].p);
    }

    return n;
}


/* what a change may leave behind that did not come to its end */

static void
damage(void)
{
    ngx_uint_t                       i;
    ngx_messaging_presence_table_t  *t;

    t = shm.presence;

    for (i = 0; i < ENTRIES; i++) {
        t->entries[i].next = number(ENTRIES);
        t->entries[i].prev = number(ENTRIES);
        t->entries[i].chain = number(ENTRIES);
    }

    for (i = 0; i < NGX_MESSAGING_PRESENCE_LISTS; i++) {
        t->head[i] = number(ENTRIES);
        t->tail[i] = number(ENTRIES);
    }

    t->busy = 1;
}


/* each entry is on its list, and nowhere else */

static ngx_uint_t
consistent(void)
{
    uint32_t                         i, prev;
    ngx_uint_t                       list, n, named;
    ngx_messaging_presence_table_t  *t;

    t = shm.presence;
    n = 0;
    named = 0;

    for (list = 1; list < NGX_MESSAGING_PRESENCE_LISTS; list++) {
        prev = NGX_MESSAGING_PRESENCE_END;

        for (i = t->head[list];
             i != NGX_MESSAGING_PRESENCE_END && n <= ENTRIES;
             i = t->entries[i].next)
        {
            if (t->entries[i].list != list || t->entries[i].prev != prev) {
                return 0;
            }

            prev = i;
            n++;
        }

        if (t->tail[list] != prev) {
            return 0;
        }
    }

    for (i = 0; i < ENTRIES; i++) {
        n += (t->entries[i].list == NGX_MESSAGING_PRESENCE_NONE);

        if (t->entries[i].key) {
            named += (ngx_messaging_presence_find(t, t->entries[i].key) == i);

        } else {
            named += (t->entries[i].list == NGX_MESSAGING_PRESENCE_FREE);
        }
    }

    return n == ENTRIES && named == ENTRIES;
}


/* some worker leads, and the backend takes everything */

static void
quiet(void)
{
    ngx_uint_t  i, n, rounds;

    for (i = 0; i < WORKERS; i++) {
        if (!workers[i].alive) {
            start(i);
        }

        ngx_pid = workers[i].pid;
        ngx_messaging_presence_yield(&workers[i].p);
    }

    ngx_current_msec += DELAY;

    for (rounds = 0; rounds < 2 * ENTRIES; rounds++) {
        n = take(0, 1);

        if (n == 0) {
            break;
        }
    }
}


static void
reset(ngx_uint_t entries)
{
    ngx_uint_t  i;

    for (i = 0; i < WORKERS; i++) {
        end(i);
    }

    free(shm.presence);

    if (entries == 0) {
        shm.presence = NULL;
        return;
    }

    ngx_memzero(&shm, sizeof(shm));
    ngx_memzero(known, sizeof(known));

    shm.pool = &pool;
    shm.presence = calloc(1, ngx_messaging_presence_size(entries));

    ngx_messaging_presence_init(shm.presence, entries);
}


static ngx_uint_t
number(ngx_uint_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed % n;
}
