
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "../../src/ngx_messaging_idempotency.c"
#include "unit.h"


static ngx_messaging_idempotency_t *table(ngx_uint_t n);
static void idempotency_life(void);
static void idempotency_full(void);
static void idempotency_model(void);


static uint64_t  id;


int
main(void)
{
    idempotency_life();
    idempotency_full();
    idempotency_model();

    return unit_done();
}


static ngx_messaging_idempotency_t *
table(ngx_uint_t n)
{
    ngx_messaging_idempotency_t  *t;

    t = calloc(1, ngx_messaging_idempotency_size(n));
    ngx_messaging_idempotency_init(t, n);

    return t;
}


static void
idempotency_life(void)
{
    ngx_msec_t                    now;
    ngx_messaging_idempotency_t  *t;

    t = table(8);

    /* the clock may come round */

    now = (ngx_msec_t) -10;

    unit_int(ngx_messaging_idempotency_claim(t, 5, 1, now, now + 30, &id),
             NGX_OK, "a key that is not known");
    unit_int(ngx_messaging_idempotency_claim(t, 5, 1, now + 29, now, &id),
             NGX_AGAIN, "it is under way");
    unit_int(ngx_messaging_idempotency_claim(t, 5, 2, now + 29, now, &id),
             NGX_DECLINED, "with another body it is another one");

    ngx_messaging_idempotency_settle(t, 5, 2, 70, now + 60);
    unit_int(ngx_messaging_idempotency_claim(t, 5, 1, now, now, &id),
             NGX_AGAIN, "which is not settled by it");

    ngx_messaging_idempotency_settle(t, 5, 1, 77, now + 60);
    ngx_messaging_idempotency_settle(t, 5, 1, 78, now + 90);
    ngx_messaging_idempotency_settle(t, 5, 1, 0, now);
    unit_int(ngx_messaging_idempotency_claim(t, 5, 1, now + 59, now, &id),
             NGX_DONE, "it was published");
    unit_int((long long) id, 77, "as this");
    unit_int(ngx_messaging_idempotency_claim(t, 5, 2, now + 59, now, &id),
             NGX_DECLINED, "and not something else");
    unit_int(ngx_messaging_idempotency_claim(t, 5, 2, now + 60, now + 99,
                                             &id),
             NGX_OK, "until it expires");

    ngx_messaging_idempotency_settle(t, 5, 2, 0, now);
    unit_int(ngx_messaging_idempotency_claim(t, 5, 1, now, now + 30, &id),
             NGX_OK, "what failed is forgotten");
    unit_int(ngx_messaging_idempotency_claim(t, 5, 1, now + 30, now + 60,
                                             &id),
             NGX_OK, "and who is under way for too long");

    ngx_messaging_idempotency_settle(t, 6, 1, 5, now);
    unit_int(ngx_messaging_idempotency_claim(t, 6, 1, now, now + 30, &id),
             NGX_OK, "what was never claimed is not settled");

    free(t);
}


static void
idempotency_full(void)
{
    uint64_t                      n;
    ngx_int_t                     rc;
    ngx_messaging_idempotency_t  *t;

    t = table(4);
    rc = 0;

    /* all in one chain */

    for (n = 1; n <= 4; n++) {
        rc |= ngx_messaging_idempotency_claim(t, n * 4, 1, 0, 100, &id);
    }

    unit_int(rc, NGX_OK, "as many as there is room for");
    unit_int(ngx_messaging_idempotency_claim(t, 20, 1, 0, 100, &id), NGX_BUSY,
             "one more");
    unit_int(ngx_messaging_idempotency_claim(t, 8, 1, 0, 100, &id), NGX_AGAIN,
             "the second is there");

    ngx_messaging_idempotency_settle(t, 4, 1, 5, 100);
    unit_int(ngx_messaging_idempotency_claim(t, 4, 1, 0, 100, &id), NGX_BUSY,
             "the first is not, and the second has to go for it");
    unit_int(ngx_messaging_idempotency_claim(t, 24, 1, 100, 200, &id), NGX_OK,
             "those that have expired go unsaid");

    free(t);
}


/* the same as a list of what the last ones were */

static void
idempotency_model(void)
{
    ngx_int_t                     rc, want;
    ngx_uint_t                    i, k, n, bad;
    ngx_messaging_idempotency_t  *t;

    static struct {
        ngx_uint_t                used;
        ngx_uint_t                order;
        uint64_t                  id;
    } keys[41];

    t = table(16);
    bad = 0;

    srandom(1);

    for (n = 1; n <= 20000; n++) {
        k = 1 + (ngx_uint_t) random() % 40;

        if (random() % 3 == 0) {

            if (keys[k].used && keys[k].id == 0) {
                keys[k].id = (random() % 2) ? n : 0;
                keys[k].used = keys[k].id != 0;
                ngx_messaging_idempotency_settle(t, k * 16, k, keys[k].id,
                                                 1000);
            }

            continue;
        }

        rc = ngx_messaging_idempotency_claim(t, k * 16, k, 0, 1000, &id);

        want = keys[k].used ? keys[k].id ? NGX_DONE : NGX_AGAIN : NGX_OK;

        if (want == NGX_OK) {
            keys[k].used = 1;
            keys[k].id = 0;
            keys[k].order = t->next;

            /* whose place that was */

            for (i = 1; i <= 40; i++) {
                if (i != k && keys[i].used && keys[i].order == t->next) {
                    keys[i].used = 0;
                    want = NGX_BUSY;
                }
            }
        }

        if (rc != want || (rc == NGX_DONE && id != keys[k].id)) {
            bad++;
        }
    }

    unit_int((long long) bad, 0, "any order of events");

    free(t);
}
