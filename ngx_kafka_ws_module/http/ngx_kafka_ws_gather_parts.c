
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which parts of a route are looked at: there may be a thousand, and news of
 * one.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_gather.h"


static ngx_uint_t ngx_kafka_ws_gather_list(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_mark_t *marks,
    ngx_uint_t k, ngx_uint_t end);
static ngx_uint_t ngx_kafka_ws_gather_unread(ngx_kafka_ws_route_t *route,
    ngx_uint_t k);
static ngx_uint_t ngx_kafka_ws_gather_ahead(uint64_t *unread, uint32_t n);


ngx_uint_t
ngx_kafka_ws_gather_parts(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_mark_t *marks,
    ngx_uint_t first)
{
    ngx_uint_t  n;

    n = ngx_kafka_ws_gather_list(route, sub, marks, first, route->nparts);

    return n + ngx_kafka_ws_gather_list(route, sub, marks + n, 0, first);
}


static ngx_uint_t
ngx_kafka_ws_gather_list(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_mark_t *marks,
    ngx_uint_t k, ngx_uint_t end)
{
    ngx_uint_t                  n;
    ngx_kafka_ws_route_part_t  *part;

    if (sub) {
        end = ngx_min(end, sub->nplaces);
    }

    for (n = 0; /* void */ ; k++) {

        if (sub == NULL) {
            k = ngx_kafka_ws_gather_unread(route, k);
        }

        if (k >= end) {
            return n;
        }

        part = &route->parts[k];

        if (!part->open
            || (sub == NULL && ngx_kafka_ws_ring_head(&part->view.ring)
                               == part->place.seq))
        {
            continue;
        }

        marks[n++].k = k;
    }
}


/*
 * The first part from k on that is unread; nparts or more: there is none.
 * A step for each 256 parts that are not, if the numbers of their streams
 * ascend by one, as those of a topic have that were made together; at worst
 * one for each part.
 */

static ngx_uint_t
ngx_kafka_ws_gather_unread(ngx_kafka_ws_route_t *route, ngx_uint_t k)
{
    uint32_t                    n;
    ngx_uint_t                  next, last;
    ngx_kafka_ws_route_part_t  *part;

    while (k < route->nparts) {
        part = &route->parts[k];
        n = part->number;

        next = ngx_kafka_ws_gather_ahead(route->unread, n);

        if (next == 0) {
            return k;
        }

        /* numbers ascend: if the last one fits, those between them do, too */

        last = ngx_min(next, route->nparts - k - 1);

        while (part[last].number != n + last) {
            last /= 2;
        }

        k += (last == next) ? next : last + 1;
    }

    return k;
}


/*
 * How far it is from n to the next number that is unread, if there is any; or
 * else how far it is not.
 */

static ngx_uint_t
ngx_kafka_ws_gather_ahead(uint64_t *unread, uint32_t n)
{
    uint64_t    bits;
    ngx_uint_t  ahead;

    for (ahead = 0; ahead < NGX_KAFKA_WS_STREAM_BITS; /* void */ ) {

        bits = unread[ngx_kafka_ws_stream_word(n + ahead)]
               >> ((n + ahead) % 64);

        if (bits) {
            return ahead + (ngx_uint_t) __builtin_ctzll(bits);
        }

        ahead += 64 - (n + ahead) % 64;
    }

    return ahead;
}
