
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A span of gap events: what is not sent any more.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_gather.h"


#define NGX_KAFKA_WS_GATHER_TRIES  100   /* looks for the oldest held */


static ngx_kafka_ws_gather_e ngx_kafka_ws_gather_held(
    ngx_kafka_ws_route_t *route, ngx_uint_t k, ngx_kafka_ws_place_t *place,
    ngx_log_t *log);


ngx_kafka_ws_gather_e
ngx_kafka_ws_gather_skip(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t latest, ngx_log_t *log)
{
    ngx_uint_t                  k, n;
    ngx_kafka_ws_place_t       *place, next;
    ngx_kafka_ws_gather_e       rc;
    ngx_kafka_ws_route_part_t  *part;

    if (ngx_kafka_ws_gather_begin(route, buf, log) != NGX_OK) {
        return NGX_KAFKA_WS_GATHER_ERROR;
    }

    n = sub ? sub->nplaces : route->nparts;

    for (k = 0; k < n; k++) {
        part = &route->parts[k];

        if (!part->open || (sub && ngx_kafka_ws_older_part(sub, k))) {
            continue;
        }

        place = sub ? &sub->places[k] : &part->place;
        next = latest ? part->place : *place;

        rc = ngx_kafka_ws_gather_held(route, k, &next, log);

        if (rc != NGX_KAFKA_WS_GATHER_NONE) {
            return rc;
        }

        /* by records, not by offsets: what lies between those is no gap */

        if (next.seq <= place->seq) {
            continue;
        }

        if (buf->n == buf->max
            || buf->size - buf->len < NGX_KAFKA_WS_EVENT_LEN)
        {
            break;
        }

        ngx_kafka_ws_gather_gap(route, buf, k, place->offset, &next,
                                NGX_KAFKA_WS_GAP_LAPPED);
    }

    return buf->n ? NGX_KAFKA_WS_GATHER_SPAN : NGX_KAFKA_WS_GATHER_NONE;
}


/*
 * A place that the writer overran becomes that of the oldest record held.
 * returns:  NONE: it is held; STALE; ERROR
 */

static ngx_kafka_ws_gather_e
ngx_kafka_ws_gather_held(ngx_kafka_ws_route_t *route, ngx_uint_t k,
    ngx_kafka_ws_place_t *place, ngx_log_t *log)
{
    uint64_t                    tail;
    ngx_uint_t                  tries;
    ngx_kafka_ws_place_t        held;
    ngx_kafka_ws_ring_t        *ring;
    ngx_kafka_ws_route_part_t  *part;

    part = &route->parts[k];
    ring = &part->view.ring;
    held = *place;

    for (tries = 0; tries < NGX_KAFKA_WS_GATHER_TRIES; tries++) {

        tail = ngx_kafka_ws_ring_tail(ring);

        if (held.seq < tail) {
            held.seq = tail;

            if (ngx_kafka_ws_ring_offset(ring, held.seq, &held.offset)
                != NGX_KAFKA_WS_RING_OK)
            {
                held.seq = place->seq;
            }
        }

        if (!ngx_kafka_ws_shm_valid(&part->view)) {
            return NGX_KAFKA_WS_GATHER_STALE;
        }

        if (held.seq >= tail) {
            *place = held;
            return NGX_KAFKA_WS_GATHER_NONE;
        }

        /* the writer was faster */
    }

    return ngx_kafka_ws_gather_damaged(route, k, log);
}


void
ngx_kafka_ws_gather_gap(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t k, int64_t from,
    ngx_kafka_ws_place_t *next, ngx_kafka_ws_gap_e reason)
{
    ngx_kafka_ws_span_t   name;
    ngx_kafka_ws_mark_t  *mark;

    name.data = route->name.data;
    name.len = route->name.len;

    buf->len += ngx_kafka_ws_event_gap(buf->data + buf->len,
                                       buf->size - buf->len,
                                       route->named ? &name : NULL,
                                       route->parts[k].view.stream->partition,
                                       from, next->offset - 1, reason);

    mark = &buf->marks[buf->nmarks++];

    mark->k = k;
    mark->first = buf->n;
    mark->n = 1;
    mark->next = *next;
    mark->lost = next->offset - from;

    buf->ends[buf->n] = (uint32_t) buf->len;
    buf->offsets[buf->n] = next->offset;
    buf->n++;

    buf->flags = NGX_KAFKA_WS_RING_RETENTION;
}
