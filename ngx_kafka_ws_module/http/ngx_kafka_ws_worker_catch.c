
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Subscribers that are not where their route is.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_worker.h"


#define NGX_KAFKA_WS_CATCH_TURNS  4   /* spans before others get a turn */


/*
 * Those who started beyond the route wait for it to come by.
 */

void
ngx_kafka_ws_worker_finish(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    ngx_queue_t                *q, *next;
    ngx_kafka_ws_subscriber_t  *kws;

    for (q = ngx_queue_head(&route->ahead);
         q != ngx_queue_sentinel(&route->ahead);
         q = next)
    {
        next = ngx_queue_next(q);
        kws = ngx_queue_data(q, ngx_kafka_ws_subscriber_t, queue);

        ngx_kafka_ws_worker_catch_up(kww, kws);
    }
}


/*
 * What a subscriber is behind the route, in spans of its own.  It may be gone
 * afterwards, and the route with it.
 */

void
ngx_kafka_ws_worker_catch_up(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscriber_t *kws)
{
    ngx_int_t                 rc;
    ngx_uint_t                turn, done;
    ngx_kafka_ws_route_t     *route;
    ngx_kafka_ws_span_buf_t  *buf;

    route = kws->data;
    buf = &kww->catch_up;

    if (kws->where == NGX_KAFKA_WS_AT_AHEAD) {
        /* it was waiting for us, not we for it */
        kws->behind = ngx_current_msec;
    }

    if (ngx_kafka_ws_start_announce(route, kws) != NGX_OK) {
        ngx_kafka_ws_subscriber_done(kws);
        return;
    }

    for (turn = 0; turn < NGX_KAFKA_WS_CATCH_TURNS; turn++) {

        if (ngx_kafka_ws_subscriber_blocked(kws)) {
            ngx_kafka_ws_route_move(route, kws, NGX_KAFKA_WS_AT_BEHIND);
            return;
        }

        switch (ngx_kafka_ws_gather(route, kws, buf, kww->log)) {

        case NGX_KAFKA_WS_GATHER_SPAN:
            break;

        case NGX_KAFKA_WS_GATHER_NONE:

            if (ngx_kafka_ws_route_level(route, kws)) {
                ngx_kafka_ws_route_move(route, kws, NGX_KAFKA_WS_AT_LIVE);

            } else {
                ngx_kafka_ws_route_move(route, kws, NGX_KAFKA_WS_AT_AHEAD);
            }

            return;

        case NGX_KAFKA_WS_GATHER_LAPPED:
            ngx_kafka_ws_count(&kws->counters->lapped, 1);
            ngx_kafka_ws_worker_close(kws, NGX_KAFKA_WS_CLOSE_SLOW);
            return;

        case NGX_KAFKA_WS_GATHER_STALE:
            /* the next pass of the route tells all of its subscribers */
            ngx_post_event(&kww->pass_event, &ngx_posted_events);
            return;

        default:
            ngx_kafka_ws_worker_close(kws, NGX_KAFKA_WS_CLOSE_INTERNAL);
            return;
        }

        if (buf->flags) {
            ngx_kafka_ws_count(&kws->counters->gaps, 1);

            if (ngx_kafka_ws_route_gap_closes(kws)) {
                ngx_kafka_ws_worker_close(kws, NGX_KAFKA_WS_CLOSE_POSITION);
                return;
            }
        }

        rc = NGX_OK;
        done = buf->n;

        if (buf->len) {
            rc = ngx_kafka_ws_subscriber_send(kws, buf->data, buf->len,
                                              buf->ends, buf->n, &done);
        }

        if (rc == NGX_ERROR) {
            ngx_kafka_ws_subscriber_done(kws);
            return;
        }

        ngx_kafka_ws_gather_stop_at(route, kws, buf, done);
    }

    /* others want their turn */

    ngx_kafka_ws_route_move(route, kws, NGX_KAFKA_WS_AT_BEHIND);
    ngx_post_event(kws->connection->write, &ngx_posted_next_events);
}
