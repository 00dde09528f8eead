
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which streams a worker wants to hear of, and which routes it looks at for
 * what it hears.  The writer marks a bit for a stream; a worker knows the
 * parts of its routes by their bits, so that a mark costs the same however
 * many streams there are that it does not stand for.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_wakeup.h"
#include "ngx_kafka_ws_worker.h"


static void ngx_kafka_ws_worker_marked(ngx_kafka_ws_worker_t *kww,
    ngx_queue_t *parts);
static void ngx_kafka_ws_worker_all(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_cluster_t *cluster);
static ngx_queue_t *ngx_kafka_ws_worker_bits(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_cluster_t *cluster);
static void ngx_kafka_ws_worker_add_streams(ngx_kafka_ws_route_t *route,
    uint64_t *streams);


ngx_int_t
ngx_kafka_ws_worker_marks_init(ngx_kafka_ws_worker_t *kww, ngx_pool_t *pool)
{
    ngx_uint_t  i, n;

    n = kww->conf->clusters.nelts * NGX_KAFKA_WS_STREAM_BITS;

    kww->bits = ngx_palloc(pool, n * sizeof(ngx_queue_t));
    if (kww->bits == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        ngx_queue_init(&kww->bits[i]);
    }

    return NGX_OK;
}


void
ngx_kafka_ws_worker_marks(ngx_kafka_ws_worker_t *kww)
{
    uint64_t                  streams[NGX_KAFKA_WS_STREAM_WORDS], word;
    ngx_uint_t                i, k, n, all;
    ngx_queue_t              *bits;
    ngx_kafka_ws_cluster_t  **kwc;

    /* a process without wake-ups has no slot of its own */

    n = kww->polls ? 0 : kww->conf->clusters.nelts;
    kwc = kww->conf->clusters.elts;

    for (i = 0; i < n; i++) {

        if (!ngx_kafka_ws_wakeup_unread(ngx_kafka_ws_shm_slot(kwc[i]->root),
                                        streams))
        {
            continue;
        }

        all = 0;

        for (k = 0; k < NGX_KAFKA_WS_STREAM_WORDS; k++) {
            all |= (streams[k] == UINT64_MAX);
        }

        if (all) {
            ngx_kafka_ws_worker_all(kww, kwc[i]);
            continue;
        }

        bits = &kww->bits[i * NGX_KAFKA_WS_STREAM_BITS];

        for (k = 0; k < NGX_KAFKA_WS_STREAM_WORDS; k++) {
            for (word = streams[k]; word; word &= word - 1) {
                ngx_kafka_ws_worker_marked(kww, &bits[k * 64
                                     + (ngx_uint_t) __builtin_ctzll(word)]);
            }
        }
    }
}


/* those whose streams have the same bit */

static void
ngx_kafka_ws_worker_marked(ngx_kafka_ws_worker_t *kww, ngx_queue_t *parts)
{
    ngx_queue_t                *q;
    ngx_kafka_ws_route_part_t  *part;

    for (q = ngx_queue_head(parts);
         q != ngx_queue_sentinel(parts);
         q = ngx_queue_next(q))
    {
        part = ngx_queue_data(q, ngx_kafka_ws_route_part_t, bit);

        if (ngx_kafka_ws_route_look_part(part)) {
            ngx_kafka_ws_worker_again(kww, part->route);
        }
    }
}


/* what is everyone's, such as rings that are new, or older records */

static void
ngx_kafka_ws_worker_all(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_cluster_t *cluster)
{
    ngx_queue_t           *q;
    ngx_kafka_ws_route_t  *route;

    for (q = ngx_queue_head(&kww->routes);
         q != ngx_queue_sentinel(&kww->routes);
         q = ngx_queue_next(q))
    {
        route = ngx_queue_data(q, ngx_kafka_ws_route_t, queue);

        if (route->cluster == cluster) {
            ngx_kafka_ws_worker_look(kww, route);
        }
    }
}


void
ngx_kafka_ws_worker_look(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    (void) ngx_kafka_ws_route_look(route);

    ngx_kafka_ws_worker_again(kww, route);
}


void
ngx_kafka_ws_worker_again(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    if (!route->looking) {
        route->looking = 1;
        ngx_queue_insert_tail(&kww->look, &route->look);
    }
}


void
ngx_kafka_ws_worker_want(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    uint64_t                    streams[NGX_KAFKA_WS_STREAM_WORDS];
    ngx_uint_t                  k;
    ngx_queue_t                *bits;
    ngx_kafka_ws_slot_t        *slot;
    ngx_kafka_ws_route_part_t  *part;

    bits = ngx_kafka_ws_worker_bits(kww, route->cluster);

    for (k = 0; k < route->nparts; k++) {
        part = &route->parts[k];

        if (part->bit.next == NULL) {
            ngx_queue_insert_tail(&bits[part->number
                                        % NGX_KAFKA_WS_STREAM_BITS],
                                  &part->bit);
        }
    }

    slot = ngx_kafka_ws_shm_slot(route->cluster->root);

    ngx_memcpy(streams, slot->streams, sizeof(streams));
    ngx_kafka_ws_worker_add_streams(route, streams);

    ngx_kafka_ws_wakeup_want(slot, streams);
}


/* by the numbers of its streams */

static ngx_queue_t *
ngx_kafka_ws_worker_bits(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_cluster_t *cluster)
{
    ngx_uint_t                i;
    ngx_kafka_ws_cluster_t  **kwc;

    kwc = kww->conf->clusters.elts;

    for (i = 0; kwc[i] != cluster; i++) { /* void */ }

    return &kww->bits[i * NGX_KAFKA_WS_STREAM_BITS];
}


static void
ngx_kafka_ws_worker_add_streams(ngx_kafka_ws_route_t *route,
    uint64_t *streams)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_KAFKA_WS_STREAM_WORDS; i++) {
        streams[i] |= route->streams[i];
    }
}


void
ngx_kafka_ws_worker_want_again(ngx_kafka_ws_worker_t *kww)
{
    uint64_t                  streams[NGX_KAFKA_WS_STREAM_WORDS];
    ngx_uint_t                i;
    ngx_queue_t              *q;
    ngx_kafka_ws_route_t     *route;
    ngx_kafka_ws_cluster_t  **kwc;

    kwc = kww->conf->clusters.elts;

    for (i = 0; i < kww->conf->clusters.nelts; i++) {
        ngx_memzero(streams, sizeof(streams));

        for (q = ngx_queue_head(&kww->routes);
             q != ngx_queue_sentinel(&kww->routes);
             q = ngx_queue_next(q))
        {
            route = ngx_queue_data(q, ngx_kafka_ws_route_t, queue);

            if (route->cluster == kwc[i]) {
                ngx_kafka_ws_worker_add_streams(route, streams);
            }
        }

        ngx_kafka_ws_wakeup_want(ngx_kafka_ws_shm_slot(kwc[i]->root),
                                 streams);
    }
}
