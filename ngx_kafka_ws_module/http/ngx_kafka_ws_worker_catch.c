
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


#define NGX_KAFKA_WS_CATCH_LOOK   50  /* ms */
#define NGX_KAFKA_WS_CATCH_TURNS  4   /* spans before others get a turn */

#define ngx_kafka_ws_worker_latest(sub)                                       \
    (ngx_kafka_ws_route_conf(sub)->slow == NGX_KAFKA_WS_SLOW_LATEST)


static void ngx_kafka_ws_worker_got(ngx_kafka_ws_subscription_t *sub,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t done);
static void ngx_kafka_ws_worker_has_all(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub);
static ngx_kafka_ws_gather_e ngx_kafka_ws_worker_gather(
    ngx_kafka_ws_worker_t *kww, ngx_kafka_ws_subscription_t *sub);


/*
 * Those who started beyond the route wait for it to come by.
 */

void
ngx_kafka_ws_worker_finish(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    ngx_queue_t                  *q, *next;
    ngx_kafka_ws_subscription_t  *sub;

    for (q = ngx_queue_head(&route->ahead);
         q != ngx_queue_sentinel(&route->ahead);
         q = next)
    {
        next = ngx_queue_next(q);
        sub = ngx_queue_data(q, ngx_kafka_ws_subscription_t, queue);

        (void) ngx_kafka_ws_worker_catch_up(kww, sub);
    }
}


/*
 * Those who wait for older records: when there are some, or now and then, for
 * their questions have to be asked again.
 */

void
ngx_kafka_ws_worker_older(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    uint64_t                      news;
    ngx_queue_t                  *q, *next;
    ngx_kafka_ws_subscription_t  *sub;

    news = ngx_kafka_ws_load_acquire(&route->cluster->root->news);

    if (news == route->news
        && ngx_current_msec - route->looked < NGX_KAFKA_WS_CATCH_LOOK)
    {
        return;
    }

    route->news = news;
    route->looked = ngx_current_msec;

    for (q = ngx_queue_head(&route->behind);
         q != ngx_queue_sentinel(&route->behind);
         q = next)
    {
        next = ngx_queue_next(q);
        sub = ngx_queue_data(q, ngx_kafka_ws_subscription_t, queue);

        if (sub->older && !ngx_kafka_ws_subscriber_blocked(sub->kws)
            && !sub->kws->connection->write->posted)
        {
            ngx_post_event(sub->kws->connection->write, &ngx_posted_events);
        }
    }
}


/*
 * What a subscriber is behind the route, in spans of its own; the events that
 * tell it of what it lost are such a span, too.  It may be gone afterwards,
 * and the route with it.
 */

ngx_int_t
ngx_kafka_ws_worker_catch_up(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_int_t                 rc;
    ngx_uint_t                turn, done;
    ngx_kafka_ws_route_t     *route;
    ngx_kafka_ws_span_buf_t  *buf;

    route = sub->route;
    buf = &kww->catch_up;

    if (sub->where == NGX_KAFKA_WS_AT_AHEAD) {
        /* it was waiting for us, not we for it */
        sub->behind = ngx_current_msec;
    }

    if (ngx_kafka_ws_subscriber_blocked(sub->kws)) {
        ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_BEHIND);
        return NGX_DONE;
    }

    if (ngx_kafka_ws_start_announce(route, sub) != NGX_OK) {
        ngx_kafka_ws_subscriber_fail(sub->kws);
        return NGX_DONE;
    }

    if (!sub->skip && ngx_kafka_ws_worker_latest(sub)
        && ngx_kafka_ws_worker_slow(sub, 0) != NGX_OK)
    {
        return NGX_DONE;
    }

    for (turn = 0; turn < NGX_KAFKA_WS_CATCH_TURNS; turn++) {

        if (ngx_kafka_ws_subscriber_blocked(sub->kws)) {
            ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_BEHIND);
            return NGX_DONE;
        }

        switch (ngx_kafka_ws_worker_gather(kww, sub)) {

        case NGX_KAFKA_WS_GATHER_SPAN:
            break;

        case NGX_KAFKA_WS_GATHER_NONE:

            ngx_kafka_ws_worker_has_all(route, sub);
            return NGX_OK;

        case NGX_KAFKA_WS_GATHER_LAPPED:

            if (ngx_kafka_ws_worker_slow(sub, 1) != NGX_OK) {
                return NGX_DONE;
            }

            continue;

        case NGX_KAFKA_WS_GATHER_STALE:
            /* the next pass of the route tells all of its subscribers */
            ngx_kafka_ws_worker_look(kww, route);
            ngx_post_event(&kww->pass_event, &ngx_posted_events);
            return NGX_OK;

        default:
            ngx_kafka_ws_worker_end(sub, NGX_KAFKA_WS_CLOSE_INTERNAL);
            return NGX_DONE;
        }

        if (buf->flags && ngx_kafka_ws_route_gap_closes(sub)) {
            ngx_kafka_ws_count(&sub->kws->counters->gaps, 1);
            ngx_kafka_ws_worker_end(sub, NGX_KAFKA_WS_CLOSE_POSITION);
            return NGX_DONE;
        }

        rc = NGX_OK;
        done = buf->n;

        if (buf->len) {
            rc = ngx_kafka_ws_subscriber_send(sub->kws, buf->data, buf->len,
                                              buf->ends, buf->n, &done);
        }

        if (rc == NGX_ERROR) {
            ngx_kafka_ws_subscriber_fail(sub->kws);
            return NGX_DONE;
        }

        ngx_kafka_ws_worker_got(sub, buf, done);
    }

    /* others want their turn */

    ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_BEHIND);
    ngx_post_event(sub->kws->connection->write, &ngx_posted_next_events);

    return NGX_DONE;
}


/* the first done records of its span, or the events */

static void
ngx_kafka_ws_worker_got(ngx_kafka_ws_subscription_t *sub,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t done)
{
    uint64_t                  records;
    ngx_kafka_ws_counters_t  *counters;

    counters = sub->kws->counters;
    records = sub->sent.records;

    ngx_kafka_ws_gather_sums(buf, done, &sub->sent);

    if (buf->flags) {
        ngx_kafka_ws_count(&counters->gaps, done);

    } else if (buf->len) {

        /* records that it does not want have no frames */

        records = sub->sent.records - records;
        ngx_kafka_ws_count(&counters->frames, records - done);
    }

    ngx_kafka_ws_gather_stop_at(sub, buf, done);
}


/* it has all that there is for it now */

static void
ngx_kafka_ws_worker_has_all(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub)
{
    if (sub->older) {
        /* it waits for us: see ngx_kafka_ws_worker_older() */
        sub->behind = ngx_current_msec;
        ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_BEHIND);

    } else if (ngx_kafka_ws_route_level(route, sub)) {
        ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_LIVE);

    } else if (sub->where != NGX_KAFKA_WS_AT_AHEAD) {
        /* who is there stays in its place: finish() steps through them */
        ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_AHEAD);
    }
}


/* first what it lost, then what there is */

static ngx_kafka_ws_gather_e
ngx_kafka_ws_worker_gather(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_kafka_ws_gather_e  rc;

    if (sub->skip) {
        rc = ngx_kafka_ws_gather_skip(sub->route, sub, &kww->catch_up,
                                      ngx_kafka_ws_worker_latest(sub),
                                      kww->log);

        if (rc != NGX_KAFKA_WS_GATHER_NONE) {
            return rc;
        }

        sub->skip = 0;
        sub->behind = ngx_current_msec;
    }

    return ngx_kafka_ws_gather(sub->route, sub, &kww->catch_up, kww->log);
}


ngx_int_t
ngx_kafka_ws_worker_slow(ngx_kafka_ws_subscription_t *sub, ngx_uint_t lapped)
{
    ngx_uint_t                late;
    ngx_kafka_ws_loc_conf_t  *klcf;

    klcf = ngx_kafka_ws_route_conf(sub);

    late = ((ngx_msec_int_t) (ngx_current_msec - sub->behind)
            >= (ngx_msec_int_t) klcf->lag);

    if (klcf->slow == NGX_KAFKA_WS_SLOW_EARLIEST) {
        /* it may be late as long as the ring has what it waits for */
        late = 0;
    }

    if (!late && !lapped) {
        return NGX_OK;
    }

    if (!late && sub->coming && klcf->backfill.on
        && ngx_kafka_ws_older_again(sub->route, sub) == NGX_OK)
    {
        /* on its way from older records to the end it is not slow */
        return NGX_OK;
    }

    if (lapped) {
        ngx_kafka_ws_count(&sub->kws->counters->lapped, 1);
    }

    if (klcf->slow == NGX_KAFKA_WS_SLOW_CLOSE) {
        ngx_kafka_ws_worker_close(ngx_kafka_ws_client(sub),
                                  NGX_KAFKA_WS_CLOSE_SLOW);
        return NGX_DONE;
    }

    sub->skip = 1;

    if (ngx_kafka_ws_route_gap_closes(sub)) {
        ngx_kafka_ws_count(&sub->kws->counters->gaps, 1);
        ngx_kafka_ws_worker_end(sub, NGX_KAFKA_WS_CLOSE_POSITION);
        return NGX_DONE;
    }

    return NGX_OK;
}
