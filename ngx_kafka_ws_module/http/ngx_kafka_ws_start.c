
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_start.h"


static ngx_int_t ngx_kafka_ws_start_decided(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t *wish,
    ngx_kafka_ws_decision_t *d);
static ngx_int_t ngx_kafka_ws_start_refuse(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t code, const char *text);
static ngx_int_t ngx_kafka_ws_start_tell(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_decision_t *d, ngx_uint_t k,
    ngx_uint_t n);


ngx_kafka_ws_wish_t *
ngx_kafka_ws_start_wish(size_t n, ngx_log_t *log)
{
    ngx_kafka_ws_wish_t  *wish;

    wish = ngx_calloc(sizeof(ngx_kafka_ws_wish_t)
                      + n * sizeof(ngx_kafka_ws_position_t), log);

    if (wish) {
        wish->owned = 1;
        wish->cursor = (ngx_kafka_ws_position_t *) (wish + 1);
    }

    return wish;
}


void
ngx_kafka_ws_start_free(ngx_kafka_ws_wish_t *wish)
{
    if (wish == NULL) {
        return;
    }

    if (wish->older) {
        ngx_free(wish->older);
        wish->older = NULL;
    }

    if (wish->owned) {
        ngx_free(wish);
    }
}


ngx_kafka_ws_wish_t *
ngx_kafka_ws_start_here(ngx_kafka_ws_subscription_t *sub, ngx_log_t *log)
{
    size_t                n;
    ngx_kafka_ws_wish_t  *wish, *asked;

    asked = sub->start;
    n = asked ? asked->ncursor : sub->nplaces;

    wish = ngx_kafka_ws_start_wish(n, log);
    if (wish == NULL) {
        return NULL;
    }

    wish->ncursor = n;

    if (asked == NULL) {
        ngx_kafka_ws_route_positions(sub->route, sub, wish->cursor);

        if (n == 0) {
            /* those that it gets come from their first record */
            wish->start.from = NGX_KAFKA_WS_FROM_EARLIEST;
        }

        return wish;
    }

    wish->start = asked->start;

    if (n) {
        ngx_memcpy(wish->cursor, asked->cursor,
                   n * sizeof(ngx_kafka_ws_position_t));
    }

    return wish;
}


ngx_uint_t
ngx_kafka_ws_start_ready(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub)
{
    int64_t                         next, complete;
    ngx_uint_t                      k, loaded, future;
    ngx_kafka_ws_wish_t            *wish;
    ngx_kafka_ws_ring_t            *ring;
    ngx_kafka_ws_route_part_t      *part;
    const ngx_kafka_ws_position_t  *pos;

    wish = sub->start;

    if ((ngx_msec_int_t) (ngx_current_msec - wish->deadline) >= 0) {
        return 1;
    }

    loaded = (route->nparts > 0);
    future = 0;

    for (k = 0; k < route->nparts; k++) {
        part = &route->parts[k];

        if (!part->open
            || ngx_kafka_ws_load_acquire(&part->view.stream->state)
               != NGX_KAFKA_WS_STREAM_READY)
        {
            loaded = 0;
            continue;
        }

        pos = ngx_kafka_ws_cursor_find(wish->cursor, wish->ncursor,
                                       part->view.stream->partition);
        if (pos == NULL) {
            continue;
        }

        complete = ngx_kafka_ws_load_acquire(&part->view.stream->complete);
        ring = &part->view.ring;

        if (ngx_kafka_ws_ring_offset(ring, ngx_kafka_ws_ring_head(ring),
                                     &next)
            == NGX_KAFKA_WS_RING_OK
            && pos->offset > ngx_max(next, complete))
        {
            future = 1;
        }
    }

    if (!loaded) {
        return 0;
    }

    if (future && !wish->loaded) {
        wish->loaded = 1;
        wish->deadline = ngx_current_msec + NGX_KAFKA_WS_START_FUTURE;
    }

    return !future && ngx_kafka_ws_start_older(route, sub) != NGX_AGAIN;
}


ngx_int_t
ngx_kafka_ws_start_begin(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_int_t                 rc;
    ngx_kafka_ws_wish_t      *wish;
    ngx_kafka_ws_decision_t  *d;

    wish = sub->start;

    /* also if the time was over before: who needs it is told to come back */

    if (ngx_kafka_ws_start_older(route, sub) == NGX_ERROR
        || ngx_kafka_ws_route_places(route, sub) != NGX_OK)
    {
        return NGX_ERROR;
    }

    d = ngx_calloc((route->nparts + 1) * sizeof(ngx_kafka_ws_decision_t),
                   sub->kws->connection->log);
    if (d == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_kafka_ws_start_decided(route, sub, wish, d);

    ngx_free(d);

    if (rc != NGX_OK) {
        return rc;
    }

    sub->start = NULL;
    ngx_kafka_ws_start_free(wish);

    if (sub->older) {
        ngx_kafka_ws_count(&sub->kws->counters->backfilled, 1);
    }

    if (ngx_kafka_ws_subscriber_blocked(sub->kws)) {
        ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_BEHIND);

    } else if (ngx_kafka_ws_route_level(route, sub)) {
        ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_LIVE);

    } else {
        /* its own way to the live end begins with the next write event */

        ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_BEHIND);
        ngx_post_event(sub->kws->connection->write, &ngx_posted_events);
    }

    return NGX_OK;
}


/* d:  room for a decision on each part */

static ngx_int_t
ngx_kafka_ws_start_decided(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t *wish,
    ngx_kafka_ws_decision_t *d)
{
    ngx_int_t   rc;
    ngx_uint_t  k, lost, busy;

    lost = 0;
    busy = (route->nparts == 0);

    for (k = 0; k < route->nparts; k++) {
        ngx_kafka_ws_start_decide(route, sub, wish, k, &d[k]);

        if (d[k].state == NGX_KAFKA_WS_STATE_GAP
            || d[k].state == NGX_KAFKA_WS_STATE_RESET)
        {
            lost = 1;
        }

        busy |= d[k].busy;
        sub->places[k] = d[k].place;
    }

    sub->nplaces = route->nparts;
    sub->behind = ngx_current_msec;
    sub->coming = 1;

    if (busy) {

        if (wish->nolder) {
            ngx_kafka_ws_count(&sub->kws->counters->given_up, 1);
        }

        sub->nplaces = 0;

        return ngx_kafka_ws_start_refuse(route, sub,
                                         NGX_KAFKA_WS_CLOSE_OVERLOAD,
                                         "not loaded yet");
    }

    if (lost && ngx_kafka_ws_route_gap_closes(sub)) {
        ngx_kafka_ws_count(&sub->kws->counters->gaps, 1);

        return ngx_kafka_ws_start_refuse(route, sub,
                                         NGX_KAFKA_WS_CLOSE_POSITION,
                                         "position no longer held");
    }

    rc = ngx_kafka_ws_start_tell(route, sub, d, 0, route->nparts);

    for (k = 0; k < route->nparts && rc == NGX_OK; k++) {
        if (d[k].older) {
            rc = ngx_kafka_ws_older_begin(route, sub, k, d[k].place.offset);
        }
    }

    return rc;
}


/* what ends the stream; a client that can have others keeps its socket */

static ngx_int_t
ngx_kafka_ws_start_refuse(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t code, const char *text)
{
    if (ngx_kafka_ws_client(sub)->commands) {
        ngx_kafka_ws_route_end(route, sub, code);

    } else {
        ngx_kafka_ws_subscriber_close(sub->kws, code, (u_char *) text,
                                      ngx_strlen(text));
    }

    return NGX_DONE;
}


/*
 * The start event for parts k..k + n - 1 and the gap events that go with it,
 * as one piece.
 */

static ngx_int_t
ngx_kafka_ws_start_tell(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_decision_t *d, ngx_uint_t k,
    ngx_uint_t n)
{
    size_t                       size, len;
    u_char                      *buf;
    int32_t                      partition;
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_kafka_ws_span_t          name, *topic;
    ngx_kafka_ws_event_t         ev;

    if (sub->format != NGX_KAFKA_WS_FORMAT_JSON) {
        return NGX_OK;
    }

    name.data = route->name.data;
    name.len = route->name.len;
    topic = route->named ? &name : NULL;

    size = ngx_kafka_ws_event_start_bound(topic, n);

    for (i = 0; i < n; i++) {
        if (d[i].state == NGX_KAFKA_WS_STATE_GAP) {
            size += NGX_KAFKA_WS_EVENT_LEN;
        }
    }

    buf = ngx_alloc(size, sub->kws->connection->log);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    ngx_kafka_ws_event_start_begin(&ev, buf, size, topic);

    for (i = 0; i < n; i++) {
        ngx_kafka_ws_event_start_add(&ev,
                                route->parts[k + i].view.stream->partition,
                                d[i].place.offset, d[i].state);
    }

    len = ngx_kafka_ws_event_start_end(&ev);

    for (i = 0; i < n; i++) {

        if (d[i].state != NGX_KAFKA_WS_STATE_GAP
            || d[i].from >= d[i].place.offset)
        {
            continue;
        }

        partition = route->parts[k + i].view.stream->partition;

        len += ngx_kafka_ws_event_gap(buf + len, size - len, topic, partition,
                                      d[i].from, d[i].place.offset - 1,
                                      d[i].reason);

        ngx_kafka_ws_count(&sub->kws->counters->gaps, 1);
        sub->sent.skipped += d[i].place.offset - d[i].from;
    }

    rc = ngx_kafka_ws_subscriber_event(sub->kws, buf, len);

    ngx_free(buf);

    return rc;
}


ngx_int_t
ngx_kafka_ws_start_announce(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_int_t                 rc;
    ngx_uint_t                k, n, first;
    ngx_kafka_ws_decision_t  *d;

    first = sub->nplaces;
    n = route->nparts - first;

    if (n == 0) {
        return NGX_OK;
    }

    if (ngx_kafka_ws_route_places(route, sub) != NGX_OK) {
        return NGX_ERROR;
    }

    d = ngx_calloc(n * sizeof(ngx_kafka_ws_decision_t),
                   sub->kws->connection->log);
    if (d == NULL) {
        return NGX_ERROR;
    }

    for (k = 0; k < n; k++) {
        d[k].state = NGX_KAFKA_WS_STATE_START;
        d[k].place = route->parts[first + k].place;

        if (sub->where != NGX_KAFKA_WS_AT_LIVE && route->parts[first + k].open)
        {
            /* the others may have gone on since */
            ngx_kafka_ws_start_at(&route->parts[first + k],
                 ngx_kafka_ws_ring_tail(&route->parts[first + k].view.ring),
                 &d[k]);
        }

        sub->places[first + k] = d[k].place;
    }

    sub->nplaces = route->nparts;

    rc = ngx_kafka_ws_start_tell(route, sub, d, first, n);

    ngx_free(d);

    return rc;
}


ngx_int_t
ngx_kafka_ws_start_reset(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t k)
{
    ngx_kafka_ws_decision_t  d;

    if (ngx_kafka_ws_route_gap_closes(sub)) {
        ngx_kafka_ws_count(&sub->kws->counters->gaps, 1);

        return ngx_kafka_ws_start_refuse(route, sub,
                                         NGX_KAFKA_WS_CLOSE_POSITION,
                                         "topic was reset");
    }

    d.place = route->parts[k].place;
    d.state = NGX_KAFKA_WS_STATE_RESET;

    if (sub->where != NGX_KAFKA_WS_AT_LIVE) {
        ngx_kafka_ws_older_end(sub, k);
        sub->places[k] = d.place;
    }

    return ngx_kafka_ws_start_tell(route, sub, &d, k, 1);
}
