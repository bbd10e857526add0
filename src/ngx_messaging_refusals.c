
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_refusals.h"


/*
 * An entry: 32 bits of the key, 28 bits of time in ticks of 64 ms, which come
 * round after 198 days, 4 bits of level + 1, so that no entry is 0.  Who
 * comes back after just that time waits for a few seconds; nobody is hurt.
 */

#define NGX_MESSAGING_REFUSALS_TICK   6          /* bits of a ms */
#define NGX_MESSAGING_REFUSALS_TIME   0xfffffffULL
#define NGX_MESSAGING_REFUSALS_LEVEL  0xf

/* another worker came first so often: its word is as good */
#define NGX_MESSAGING_REFUSALS_TRIES  8


#define ngx_messaging_refusals_entry(tag, time, level)                        \
    ((ngx_atomic_uint_t) (tag) << 32                                          \
     | ((time) & NGX_MESSAGING_REFUSALS_TIME) << 4 | ((level) + 1))


static ngx_int_t ngx_messaging_refusals_age(ngx_atomic_uint_t entry,
    ngx_msec_t now);


/* the last one waits for all that come */

static ngx_msec_t  ngx_messaging_refusals_delays[] = {
    0, 1000, 2000, 4000, 8000
};


ngx_msec_t
ngx_messaging_refusals_add(ngx_messaging_refusals_t *t, uint64_t key,
    ngx_msec_t now)
{
    ngx_int_t                     age, oldest;
    ngx_msec_t                    delay;
    ngx_uint_t                    i, n, level, last;
    ngx_atomic_t                 *way, *place;
    ngx_atomic_uint_t             old, entry;
    ngx_messaging_refusal_set_t  *set;

    set = &t->sets[key % NGX_MESSAGING_REFUSALS_SETS];
    last = sizeof(ngx_messaging_refusals_delays) / sizeof(ngx_msec_t) - 1;
    n = NGX_MESSAGING_REFUSALS_TRIES;

    do {
        place = NULL;
        old = 0;
        oldest = 0;
        level = 0;

        for (i = 0; i < NGX_MESSAGING_REFUSALS_WAYS; i++) {
            way = &set->ways[i];
            entry = *way;

            if (entry && entry >> 32 == key >> 32) {
                place = way;
                old = entry;

                if (ngx_messaging_refusals_age(entry, now)
                    <= NGX_MESSAGING_REFUSALS_MEMORY)
                {
                    /* the level is kept plus 1: this is the next one */
                    level = entry & NGX_MESSAGING_REFUSALS_LEVEL;
                    level = ngx_min(level, last);
                }

                break;
            }

            age = entry ? ngx_messaging_refusals_age(entry, now)
                        : NGX_MAX_INT_T_VALUE;

            if (place == NULL || age > oldest) {
                place = way;
                old = entry;
                oldest = age;
            }
        }

        delay = ngx_messaging_refusals_delays[level];

        entry = ngx_messaging_refusals_entry(key >> 32,
                              (now + delay) >> NGX_MESSAGING_REFUSALS_TICK,
                              level);

    } while (!ngx_atomic_cmp_set(place, old, entry) && --n);

    return delay;
}


/* ms since the refusal was due; below 0 if it still is */

static ngx_int_t
ngx_messaging_refusals_age(ngx_atomic_uint_t entry, ngx_msec_t now)
{
    ngx_int_t  ticks;

    ticks = ((now >> NGX_MESSAGING_REFUSALS_TICK) - (entry >> 4))
            & NGX_MESSAGING_REFUSALS_TIME;

    if (ticks > (ngx_int_t) (NGX_MESSAGING_REFUSALS_TIME / 2)) {
        ticks -= NGX_MESSAGING_REFUSALS_TIME + 1;
    }

    return ticks * (1 << NGX_MESSAGING_REFUSALS_TICK);
}
