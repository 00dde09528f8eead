
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which parts of a route have news, and are therefore unread.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_route.h"


static ngx_uint_t ngx_kafka_ws_route_news(ngx_kafka_ws_route_part_t *part);


ngx_uint_t
ngx_kafka_ws_route_look(ngx_kafka_ws_route_t *route)
{
    uint32_t                    n;
    ngx_uint_t                  any;
    ngx_kafka_ws_root_t        *root;
    ngx_kafka_ws_route_part_t  *part, *end;

    root = route->cluster->root;

    n = (route->last == NGX_KAFKA_WS_NONE)
        ? ngx_kafka_ws_load_acquire(&route->topic->first)
        : ngx_kafka_ws_load_acquire(
                        &ngx_kafka_ws_shm_stream(root, route->last)->next);

    any = (n != NGX_KAFKA_WS_NONE);

    end = route->parts + route->nparts;

    for (part = route->parts; part < end; part++) {
        any |= ngx_kafka_ws_route_news(part);
    }

    return any;
}


ngx_uint_t
ngx_kafka_ws_route_look_part(ngx_kafka_ws_route_part_t *part)
{
    return ngx_kafka_ws_route_news(part);
}


/*
 * For a loop over many thousands of parts, hardly any of which has any: a
 * function that other files may call is not made part of it.
 */

static ngx_uint_t
ngx_kafka_ws_route_news(ngx_kafka_ws_route_part_t *part)
{
    if (!part->open || !ngx_kafka_ws_shm_valid(&part->view)) {
        part->route->stale = 1;

    } else if (ngx_kafka_ws_ring_head(&part->view.ring) == part->place.seq) {
        return 0;
    }

    ngx_kafka_ws_route_unread(part);

    return 1;
}


void
ngx_kafka_ws_route_unread(ngx_kafka_ws_route_part_t *part)
{
    ngx_kafka_ws_route_t  *route;

    if (part->listed) {
        return;
    }

    route = part->route;

    part->listed = 1;
    part->unread = route->unread;
    route->unread = (uint32_t) (part - route->parts);
}
