
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a subscriber of a route with a filter has missed: the records that its
 * group may want are found in the ring's sieve, and only they are read, run by
 * run; the sieve is told of those that it does not know yet.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_gather.h"


#define NGX_KAFKA_WS_SIEVE_HOLE  8   /* records */


static ngx_kafka_ws_gather_e ngx_kafka_ws_sieve_run(
    ngx_kafka_ws_route_t *route, ngx_kafka_ws_subscription_t *sub,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t k,
    ngx_kafka_ws_gather_src_t *src, ngx_kafka_ws_sieve_t *sieve,
    uint64_t head, ngx_log_t *log);
static ngx_int_t ngx_kafka_ws_sieve_fill(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf, ngx_kafka_ws_gather_src_t *src,
    ngx_kafka_ws_sieve_t *sieve, uint64_t seq, uint64_t limit, ngx_log_t *log,
    ngx_kafka_ws_ring_e *rc);


ngx_kafka_ws_gather_e
ngx_kafka_ws_gather_sieve(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t k, size_t avail, ngx_kafka_ws_gather_src_t *src,
    ngx_kafka_ws_sieve_t *sieve, ngx_log_t *log)
{
    size_t                     len;
    int64_t                    offset;
    uint64_t                   head;
    ngx_uint_t                 found;
    ngx_kafka_ws_place_t      *place;
    ngx_kafka_ws_gather_e      state;

    head = ngx_min(ngx_kafka_ws_ring_head(src->ring), src->limit);
    place = &sub->places[k];
    found = 0;

    for ( ;; ) {
        state = ngx_kafka_ws_sieve_run(route, sub, buf, k, src, sieve, head,
                                       log);

        if (state != NGX_KAFKA_WS_GATHER_SPAN) {
            break;
        }

        /* what is between does not belong to it */

        if (place->seq != src->seq) {

            if (ngx_kafka_ws_ring_offset(src->ring, src->seq, &offset)
                != NGX_KAFKA_WS_RING_OK)
            {
                state = NGX_KAFKA_WS_GATHER_LAPPED;
                break;
            }

            state = ngx_kafka_ws_gather_valid(route, k, src);

            if (state != NGX_KAFKA_WS_GATHER_SPAN) {
                break;
            }

            place->seq = src->seq;
            place->offset = offset;

            if (!found && src->older) {
                /* behind a segment there may be another one */
                buf->more = 1;
            }
        }

        if (src->seq == src->limit) {
            state = NGX_KAFKA_WS_GATHER_NONE;
            break;
        }

        len = buf->len;

        state = ngx_kafka_ws_gather_span(route, sub, buf, k, avail, src, log);

        if (state != NGX_KAFKA_WS_GATHER_SPAN) {
            break;
        }

        found = 1;
        len = buf->len - len;

        if (buf->flags || len >= avail || buf->n == buf->max) {
            break;
        }

        avail -= len;

        place = &buf->marks[buf->nmarks - 1].next;
        src->seq = place->seq;
    }

    /* first what there is, then that */

    return found ? NGX_KAFKA_WS_GATHER_SPAN : state;
}


/*
 * Finds those from src->seq on that it may want.
 * returns:   SPAN: they are from src->seq to src->limit, the same: none up to
 *            there; or what else there is
 */

static ngx_kafka_ws_gather_e
ngx_kafka_ws_sieve_run(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t k, ngx_kafka_ws_gather_src_t *src, ngx_kafka_ws_sieve_t *sieve,
    uint64_t head, ngx_log_t *log)
{
    uint64_t               seq, known, next, first;
    ngx_uint_t             in;
    ngx_kafka_ws_ring_e    rc;
    ngx_kafka_ws_gather_e  state;

    in = 0;
    first = 0;

    for (seq = src->seq; seq < head; /* void */ ) {

        known = ngx_kafka_ws_sieve_known(sieve, seq, head);

        if (known == seq) {

            if (buf->looks == 0) {
                buf->more = 1;
                break;
            }

            if (ngx_kafka_ws_sieve_fill(route, buf, src, sieve, seq, head, log,
                                        &rc)
                != NGX_OK)
            {
                return NGX_KAFKA_WS_GATHER_ERROR;
            }

            if (rc == NGX_KAFKA_WS_RING_OK) {
                continue;
            }

            if (in) {
                break;
            }

            state = ngx_kafka_ws_gather_valid(route, k, src);

            if (state != NGX_KAFKA_WS_GATHER_SPAN) {
                return state;
            }

            return rc == NGX_KAFKA_WS_RING_LAPPED
                   ? NGX_KAFKA_WS_GATHER_LAPPED
                   : ngx_kafka_ws_gather_damaged(route, k, log);
        }

        if (!in) {
            seq = ngx_kafka_ws_sieve_next(sieve, sub->group, seq, known);

            if (seq == known) {
                continue;
            }

            in = 1;
            first = seq;

            /* more than that is not read at once */
            head = ngx_min(head, seq + (buf->max - buf->n));
            known = ngx_min(known, head);
        }

        seq = ngx_kafka_ws_sieve_end(sieve, sub->group, seq, known);

        if (seq == known) {
            continue;
        }

        /* a few that it does not want are not worth another read */

        known = ngx_min(known, seq + NGX_KAFKA_WS_SIEVE_HOLE);
        next = ngx_kafka_ws_sieve_next(sieve, sub->group, seq, known);

        if (next == known) {
            break;
        }

        seq = next;
    }

    src->seq = in ? first : seq;
    src->limit = seq;

    return NGX_KAFKA_WS_GATHER_SPAN;
}


/*
 * Tells the sieve of some of the records from seq on.
 * rc:        set; OK: at least of that one
 */

static ngx_int_t
ngx_kafka_ws_sieve_fill(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf, ngx_kafka_ws_gather_src_t *src,
    ngx_kafka_ws_sieve_t *sieve, uint64_t seq, uint64_t limit, ngx_log_t *log,
    ngx_kafka_ws_ring_e *rc)
{
    size_t                      i, begin;
    ngx_kafka_ws_ring_span_t    span;
    ngx_kafka_ws_gather_src_t   some;

    some = *src;
    some.seq = seq;
    some.limit = ngx_kafka_ws_sieve_room(sieve, seq, limit);

    if (ngx_kafka_ws_gather_blocks(route, buf, &some, log, rc, &span)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (*rc != NGX_KAFKA_WS_RING_OK) {
        return NGX_OK;
    }

    if (span.n == 0) {
        /* it was there before */
        *rc = NGX_KAFKA_WS_RING_EINVAL;
        return NGX_OK;
    }

    begin = 0;

    for (i = 0; i < span.n; i++) {
        ngx_kafka_ws_sieve_put(sieve, seq + i,
                               span.flags ? NULL : buf->blocks + begin,
                               buf->block_ends[i] - begin);
        begin = buf->block_ends[i];
    }

    buf->looks -= ngx_min(buf->looks, span.n);

    return NGX_OK;
}
