
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which parts of a route are looked at, of routes of all sizes.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_gather.h"

#include "tap.h"


#define MANY   1100
#define TIMES  4000
#define TURNS  6


static ngx_uint_t wrong_parts(void);
static ngx_uint_t wrong_unread(ngx_uint_t turns);
static void some_route(ngx_kafka_ws_route_t *r);
static ngx_uint_t wrong_list(ngx_kafka_ws_route_t *r, const char *want,
    ngx_uint_t found);


static ngx_kafka_ws_mark_t        marks[MANY];
static ngx_kafka_ws_route_part_t  parts[MANY];

/* each has a record; those that are read are at it */
static const uint64_t             head = 1;


int
main(void)
{
    ngx_uint_t  i, wrong[3];

    memset(wrong, 0, sizeof(wrong));

    for (i = 0; i < TIMES; i++) {
        wrong[0] += wrong_parts();
        wrong[1] += wrong_unread(1);
        wrong[2] += wrong_unread(TURNS);
    }

    is_int(wrong[0], 0, "all of a subscriber, each in its turn the first");
    is_int(wrong[1], 0, "those that are unread");
    is_int(wrong[2], 0, "each of them in its turn the first");

    return tap_done(3);
}


static ngx_uint_t
wrong_parts(void)
{
    ngx_uint_t                   i, k, n, turn, differ;
    ngx_kafka_ws_route_t         r;
    ngx_kafka_ws_subscription_t  sub;

    some_route(&r);

    sub.nplaces = (uint32_t) rand() % (uint32_t) (r.nparts + 1);
    turn = (ngx_uint_t) rand();

    n = ngx_kafka_ws_gather_parts(&r, &sub, marks, turn);
    differ = 0;

    for (i = 0, k = 0; i < sub.nplaces; i++) {
        if (parts[(turn + i) % sub.nplaces].open) {
            differ += (k == n || marks[k].k != (turn + i) % sub.nplaces);
            k++;
        }
    }

    return differ + (k != n);
}


/* a part that is read in between is not unread the next time */

static ngx_uint_t
wrong_unread(ngx_uint_t turns)
{
    ngx_uint_t            k, n, differ;
    static char           want[MANY];
    ngx_kafka_ws_route_t  r;

    some_route(&r);

    differ = 0;

    while (turns--) {

        for (k = 0; k < r.nparts; k++) {
            want[k] = parts[k].listed && parts[k].open
                      && parts[k].place.seq == 0;
        }

        n = ngx_kafka_ws_gather_unread(&r, marks);
        differ += wrong_list(&r, want, n);

        if (n > 1) {
            differ += (r.unread == marks[0].k || r.unread != marks[1].k);
            parts[marks[n / 2].k].place.seq = 1;
        }
    }

    return differ;
}


/*
 * want:     1 for each part that should be found, and be unread still
 * returns:  how many are not, or are besides
 */

static ngx_uint_t
wrong_list(ngx_kafka_ws_route_t *r, const char *want, ngx_uint_t found)
{
    uint32_t     k;
    ngx_uint_t   i, differ, all;
    static char  seen[MANY];

    memset(seen, 0, sizeof(seen));

    differ = 0;
    all = 0;

    for (i = 0; i < found; i++) {
        differ += seen[marks[i].k];
        seen[marks[i].k] = 1;
    }

    for (i = 0; i < r->nparts; i++) {
        differ += (seen[i] != want[i]
                   || parts[i].listed != (ngx_uint_t) want[i]);
        all += (ngx_uint_t) want[i];
    }

    for (i = 0, k = r->unread; k != NGX_KAFKA_WS_NONE && i <= all; i++) {
        differ += (seen[k] != 1);
        k = parts[k].unread;
    }

    return differ + (i != all);
}


static void
some_route(ngx_kafka_ws_route_t *r)
{
    int                         few;
    ngx_uint_t                  k;
    ngx_kafka_ws_route_part_t  *part;

    memset(r, 0, sizeof(ngx_kafka_ws_route_t));

    r->parts = parts;
    r->nparts = 1 + (ngx_uint_t) rand() % (rand() % 2 ? MANY : 4);
    r->unread = NGX_KAFKA_WS_NONE;

    few = 1 + rand() % 20;

    for (k = 0; k < r->nparts; k++) {
        part = &parts[k];

        part->view.ring.next = &head;
        part->open = rand() % 9 > 0;
        part->place.seq = rand() % 9 == 0;
        part->listed = rand() % few == 0;

        if (part->listed) {
            part->unread = r->unread;
            r->unread = (uint32_t) k;
        }
    }
}
