
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Where a stream begins in one partition.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_start.h"


static ngx_int_t ngx_kafka_ws_start_below(ngx_kafka_ws_route_part_t *part,
    ngx_kafka_ws_wish_t *wish, ngx_uint_t k,
    const ngx_kafka_ws_position_t *pos, ngx_kafka_ws_decision_t *d);
static void ngx_kafka_ws_start_new(ngx_kafka_ws_route_part_t *part,
    ngx_kafka_ws_start_t *start, ngx_kafka_ws_decision_t *d);
static void ngx_kafka_ws_start_resume(ngx_kafka_ws_route_part_t *part,
    int64_t offset, ngx_kafka_ws_start_t *start, ngx_kafka_ws_decision_t *d);
static void ngx_kafka_ws_start_unnamed(ngx_kafka_ws_route_part_t *part,
    ngx_kafka_ws_decision_t *d);
static void ngx_kafka_ws_start_gap(ngx_kafka_ws_route_part_t *part,
    int64_t from, ngx_kafka_ws_decision_t *d);


void
ngx_kafka_ws_start_decide(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t *wish, ngx_uint_t k,
    ngx_kafka_ws_decision_t *d)
{
    ngx_kafka_ws_route_part_t      *part;
    const ngx_kafka_ws_position_t  *pos;

    part = &route->parts[k];
    pos = NULL;

    if (wish->ncursor) {
        pos = ngx_kafka_ws_cursor_find(wish->cursor, wish->ncursor,
                                       part->view.stream->partition);
    }

    if (ngx_kafka_ws_start_below(part, wish, k, pos, d) == NGX_OK) {
        return;
    }

    if (pos) {
        ngx_kafka_ws_start_resume(part, pos->offset, &wish->start, d);

    } else if (wish->ncursor) {
        ngx_kafka_ws_start_unnamed(part, d);

    } else {
        ngx_kafka_ws_start_new(part, &wish->start, d);
    }

    if (d->state == NGX_KAFKA_WS_STATE_GAP && k < wish->nolder
        && !wish->older[k].asked
        && ngx_kafka_ws_start_question(route, sub, wish, k, &wish->older[k]))
    {
        /* the ring went on just now: Kafka has it, the client is to ask */
        d->busy = 1;
    }
}


/*
 * The start is below the ring, where Kafka has records.
 * pos:      the cursor's, or NULL
 * returns:  NGX_OK: it is decided; NGX_DECLINED: by what the ring has
 */

static ngx_int_t
ngx_kafka_ws_start_below(ngx_kafka_ws_route_part_t *part,
    ngx_kafka_ws_wish_t *wish, ngx_uint_t k,
    const ngx_kafka_ws_position_t *pos, ngx_kafka_ws_decision_t *d)
{
    int64_t                      wanted;
    ngx_kafka_ws_older_start_t  *os;

    if (k >= wish->nolder || !wish->older[k].asked || !part->open) {
        return NGX_DECLINED;
    }

    os = &wish->older[k];

    switch (os->result) {

    case NGX_KAFKA_WS_WANT_WAITS:
        d->busy = 1;
        return NGX_OK;

    case NGX_KAFKA_WS_WANT_NO_ROOM:
        return NGX_DECLINED;

    default:
        break;
    }

    ngx_kafka_ws_start_at(part, ngx_kafka_ws_ring_tail(&part->view.ring), d);

    if (os->start >= d->place.offset) {

        if (wish->ncursor || wish->start.from == NGX_KAFKA_WS_FROM_EARLIEST) {
            return NGX_DECLINED;
        }

        /* by time, in the ring */

        d->state = NGX_KAFKA_WS_STATE_START;
        d->place.seq = ngx_kafka_ws_ring_seek_offset(&part->view.ring,
                                                     os->start);
        ngx_kafka_ws_start_at(part, d->place.seq, d);

        return NGX_OK;
    }

    d->older = 1;
    d->place.offset = os->start;
    d->state = NGX_KAFKA_WS_STATE_BACKFILLED;

    wanted = os->start;

    if (pos) {
        wanted = pos->offset;

    } else if (wish->ncursor && os->result != NGX_KAFKA_WS_WANT_FIRST) {
        /* one that the cursor does not name, too long to have all of it */
        wanted = ngx_max(ngx_kafka_ws_load_relaxed(
                             &part->view.stream->log_start), 0);
    }

    if (wanted < os->start) {
        d->state = NGX_KAFKA_WS_STATE_GAP;
        d->from = wanted;
        d->reason = (os->result == NGX_KAFKA_WS_WANT_FIRST)
                    ? NGX_KAFKA_WS_GAP_RETENTION : NGX_KAFKA_WS_GAP_LAPPED;
    }

    return NGX_OK;
}


static void
ngx_kafka_ws_start_new(ngx_kafka_ws_route_part_t *part,
    ngx_kafka_ws_start_t *start, ngx_kafka_ws_decision_t *d)
{
    int64_t   since;
    uint64_t  seq, tail;

    d->state = NGX_KAFKA_WS_STATE_START;

    if (start->from == NGX_KAFKA_WS_FROM_LATEST || !part->open) {
        d->place = part->place;
        return;
    }

    if (start->from == NGX_KAFKA_WS_FROM_AGE
        || start->from == NGX_KAFKA_WS_FROM_TIME)
    {
        since = start->time;

        if (start->from == NGX_KAFKA_WS_FROM_AGE) {
            since = ((int64_t) ngx_time()) * 1000 - since;
        }

        seq = ngx_kafka_ws_ring_seek_time(&part->view.ring, since);
        ngx_kafka_ws_start_at(part, ngx_min(seq, part->place.seq), d);
        return;
    }

    tail = ngx_kafka_ws_ring_tail(&part->view.ring);
    seq = part->place.seq;

    if (start->from == NGX_KAFKA_WS_FROM_EARLIEST
        || seq < tail || seq - tail <= start->tail)
    {
        seq = tail;

    } else {
        seq -= start->tail;
    }

    ngx_kafka_ws_start_at(part, seq, d);
}


void
ngx_kafka_ws_start_at(ngx_kafka_ws_route_part_t *part, uint64_t seq,
    ngx_kafka_ws_decision_t *d)
{
    ngx_kafka_ws_ring_t  *ring;

    ring = &part->view.ring;

    d->place.seq = seq;

    while (ngx_kafka_ws_ring_offset(ring, d->place.seq, &d->place.offset)
           != NGX_KAFKA_WS_RING_OK)
    {
        d->place.seq = ngx_kafka_ws_ring_tail(ring);
    }
}


static void
ngx_kafka_ws_start_resume(ngx_kafka_ws_route_part_t *part, int64_t offset,
    ngx_kafka_ws_start_t *start, ngx_kafka_ws_decision_t *d)
{
    int64_t                   complete;
    ngx_kafka_ws_ring_t      *ring;
    ngx_kafka_ws_decision_t   next;

    if (!part->open) {
        ngx_kafka_ws_start_gap(part, offset, d);
        return;
    }

    ring = &part->view.ring;
    complete = ngx_kafka_ws_load_acquire(&part->view.stream->complete);

    ngx_kafka_ws_start_at(part, ngx_kafka_ws_ring_head(ring), &next);

    if (offset > next.place.offset && offset <= complete) {

        /* between them is nothing but the marks of transactions */

        d->place.seq = next.place.seq;
        d->place.offset = offset;
        d->state = NGX_KAFKA_WS_STATE_RESUMED;
        return;
    }

    if (offset > next.place.offset) {

        if (ngx_kafka_ws_load_acquire(&part->view.stream->state)
            != NGX_KAFKA_WS_STREAM_READY)
        {
            d->busy = 1;
            return;
        }

        /* nothing like that is in the log */
        ngx_kafka_ws_start_new(part, start, d);
        d->state = NGX_KAFKA_WS_STATE_RESET;
        return;
    }

    ngx_kafka_ws_start_at(part, ngx_kafka_ws_ring_tail(ring), d);

    if (offset < d->place.offset) {
        ngx_kafka_ws_start_gap(part, offset, d);
        return;
    }

    d->state = NGX_KAFKA_WS_STATE_RESUMED;
    d->place.seq = ngx_kafka_ws_ring_seek_offset(ring, offset);

    ngx_kafka_ws_start_at(part, d->place.seq, d);

    if (offset < d->place.offset) {
        /* the writer was faster than the search */
        ngx_kafka_ws_start_gap(part, offset, d);
        return;
    }

    d->place.offset = offset;
}


/*
 * A partition that the cursor does not name was added since: it starts at
 * its beginning.
 */

static void
ngx_kafka_ws_start_unnamed(ngx_kafka_ws_route_part_t *part,
    ngx_kafka_ws_decision_t *d)
{
    int64_t  begin;

    if (!part->open) {
        d->place = part->place;
        d->state = NGX_KAFKA_WS_STATE_START;
        return;
    }

    ngx_kafka_ws_start_at(part, ngx_kafka_ws_ring_tail(&part->view.ring), d);
    d->state = NGX_KAFKA_WS_STATE_START;

    begin = ngx_kafka_ws_load_relaxed(&part->view.stream->log_start);

    if (begin >= 0 && begin < d->place.offset) {
        ngx_kafka_ws_start_gap(part, begin, d);
    }
}


static void
ngx_kafka_ws_start_gap(ngx_kafka_ws_route_part_t *part, int64_t from,
    ngx_kafka_ws_decision_t *d)
{
    d->state = NGX_KAFKA_WS_STATE_GAP;
    d->from = from;

    if (part->open) {
        ngx_kafka_ws_start_at(part, ngx_kafka_ws_ring_tail(&part->view.ring),
                              d);

    } else {
        d->place = part->place;
    }

    /* Kafka has them no more, or only this host does not */

    d->reason = (ngx_kafka_ws_load_relaxed(&part->view.stream->log_start)
                 >= d->place.offset)
                ? NGX_KAFKA_WS_GAP_RETENTION : NGX_KAFKA_WS_GAP_LAPPED;
}
