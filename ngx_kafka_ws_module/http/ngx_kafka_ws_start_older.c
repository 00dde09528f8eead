
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Starts below the ring: what has to be asked before they can be decided.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_start.h"


ngx_int_t
ngx_kafka_ws_start_older(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_int_t                    rc;
    ngx_uint_t                   k;
    ngx_kafka_ws_wish_t         *wish;
    ngx_kafka_ws_older_start_t  *os;

    wish = sub->start;

    if (wish->older == NULL) {

        if (!ngx_kafka_ws_route_conf(sub)->backfill.on) {
            return NGX_OK;
        }

        wish->older = ngx_pcalloc(sub->kws->request->pool, route->nparts
                                  * sizeof(ngx_kafka_ws_older_start_t));
        if (wish->older == NULL) {
            return NGX_ERROR;
        }

        wish->nolder = route->nparts;
        wish->deadline = ngx_current_msec + NGX_KAFKA_WS_START_OLDER;
    }

    rc = NGX_OK;

    for (k = 0; k < wish->nolder; k++) {
        os = &wish->older[k];

        if (!os->asked) {
            /* while others were asked for, the ring may have gone on */
            os->asked = ngx_kafka_ws_start_question(route, sub, wish, k, os);
        }

        if (!os->asked || os->result != NGX_KAFKA_WS_WANT_WAITS) {
            continue;
        }

        os->result = ngx_kafka_ws_older_ask(route->cluster->root,
                                            route->parts[k].number,
                                            os->offset, os->since, os->exact,
                                            &os->start);

        if (os->result == NGX_KAFKA_WS_WANT_WAITS) {
            rc = NGX_AGAIN;
        }
    }

    return rc;
}


ngx_uint_t
ngx_kafka_ws_start_question(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t *wish, ngx_uint_t k,
    ngx_kafka_ws_older_start_t *os)
{
    ngx_kafka_ws_ring_t            *ring;
    ngx_kafka_ws_decision_t         oldest, newest;
    ngx_kafka_ws_loc_conf_t        *klcf;
    ngx_kafka_ws_route_part_t      *part;
    const ngx_kafka_ws_position_t  *pos;

    klcf = ngx_kafka_ws_route_conf(sub);
    part = &route->parts[k];
    ring = &part->view.ring;

    if (!part->open) {
        return 0;
    }

    ngx_kafka_ws_start_at(part, ngx_kafka_ws_ring_tail(ring), &oldest);
    ngx_kafka_ws_start_at(part, ngx_kafka_ws_ring_head(ring), &newest);

    /* in whole seconds: many ask the same then */

    os->since = ((int64_t) ngx_time()) * 1000 - klcf->backfill.age;
    os->offset = ngx_max(newest.place.offset - klcf->backfill.records, 0);
    os->exact = 1;

    if (wish->ncursor) {
        pos = ngx_kafka_ws_cursor_find(wish->cursor, wish->ncursor,
                                       part->view.stream->partition);

        if (pos) {
            os->offset = ngx_max(os->offset, pos->offset);
            os->exact = 0;
        }

    } else if (wish->start.from == NGX_KAFKA_WS_FROM_TIME) {
        os->since = ngx_max(os->since, wish->start.time);

    } else if (wish->start.from == NGX_KAFKA_WS_FROM_AGE) {
        os->since = ngx_max(os->since,
                            ((int64_t) ngx_time()) * 1000 - wish->start.time);

    } else if (wish->start.from != NGX_KAFKA_WS_FROM_EARLIEST) {
        return 0;
    }

    /* by time alone it may begin anywhere, also in the ring */

    return os->offset < oldest.place.offset
           || (wish->ncursor == 0
               && wish->start.from != NGX_KAFKA_WS_FROM_EARLIEST);
}
