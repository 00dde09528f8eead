
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


ngx_uint_t
ngx_kafka_ws_gather_parts(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_mark_t *marks,
    ngx_uint_t turn)
{
    ngx_uint_t  i, k, n, all;

    all = ngx_min(route->nparts, sub->nplaces);
    n = 0;
    k = all ? turn % all : 0;

    for (i = 0; i < all; i++) {

        if (route->parts[k].open) {
            marks[n++].k = k;
        }

        if (++k == all) {
            k = 0;
        }
    }

    return n;
}


/*
 * What is published from now on is marked again, and a ring that is opened
 * again is unread.
 */

ngx_uint_t
ngx_kafka_ws_gather_unread(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_mark_t *marks)
{
    uint32_t                    k, *next;
    ngx_uint_t                  n;
    ngx_kafka_ws_route_part_t  *part;

    n = 0;
    next = &route->unread;

    while ((k = *next) != NGX_KAFKA_WS_NONE) {
        part = &route->parts[k];

        if (!part->open
            || ngx_kafka_ws_ring_head(&part->view.ring) == part->place.seq)
        {
            part->listed = 0;
            *next = part->unread;
            continue;
        }

        marks[n++].k = k;
        next = &part->unread;
    }

    if (n > 1) {
        /* the first one is the last the next time */

        k = route->unread;
        part = &route->parts[k];

        route->unread = part->unread;
        part->unread = NGX_KAFKA_WS_NONE;
        *next = k;
    }

    return n;
}
