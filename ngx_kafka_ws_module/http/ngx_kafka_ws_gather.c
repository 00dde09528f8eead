
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_gather.h"


#define NGX_KAFKA_WS_GATHER_LOOKS  4096


static ngx_kafka_ws_gather_e ngx_kafka_ws_gather_part(
    ngx_kafka_ws_route_t *route, ngx_kafka_ws_subscription_t *sub,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t k, size_t avail, ngx_log_t *log);
static ngx_int_t ngx_kafka_ws_gather_read(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_kafka_ws_gather_src_t *src, size_t avail, ngx_log_t *log,
    ngx_kafka_ws_ring_e *rc, ngx_kafka_ws_ring_span_t *span);
static ngx_kafka_ws_gather_e ngx_kafka_ws_gather_source(
    ngx_kafka_ws_route_t *route, ngx_kafka_ws_subscription_t *sub,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t k,
    ngx_kafka_ws_gather_src_t *src);
static ngx_kafka_ws_sieve_t *ngx_kafka_ws_gather_source_sieve(
    ngx_kafka_ws_route_t *route, ngx_uint_t k, ngx_kafka_ws_gather_src_t *src,
    ngx_log_t *log);
static ngx_int_t ngx_kafka_ws_gather_room(ngx_kafka_ws_span_buf_t *buf,
    size_t size, ngx_log_t *log);


ngx_int_t
ngx_kafka_ws_gather_init(ngx_kafka_ws_span_buf_t *buf, size_t size,
    ngx_uint_t max, ngx_log_t *log)
{
    buf->data = ngx_alloc(size, log);
    if (buf->data == NULL) {
        return NGX_ERROR;
    }

    buf->size = size;

    buf->ends = ngx_alloc(max * sizeof(uint32_t), log);
    if (buf->ends == NULL) {
        return NGX_ERROR;
    }

    buf->offsets = ngx_alloc(max * sizeof(int64_t), log);
    if (buf->offsets == NULL) {
        return NGX_ERROR;
    }

    buf->max = max;

    return NGX_OK;
}


void
ngx_kafka_ws_gather_free(ngx_kafka_ws_span_buf_t *buf)
{
    ngx_free(buf->data);
    ngx_free(buf->ends);
    ngx_free(buf->offsets);
    ngx_free(buf->marks);
    ngx_free(buf->blocks);
    ngx_free(buf->block_ends);
    ngx_free(buf->picks);

    ngx_memzero(buf, sizeof(ngx_kafka_ws_span_buf_t));
}


ngx_int_t
ngx_kafka_ws_gather_begin(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf, ngx_log_t *log)
{
    ngx_uint_t  nparts;

    buf->len = 0;
    buf->n = 0;
    buf->nmarks = 0;
    buf->flags = 0;
    buf->npicks = 0;
    buf->looks = NGX_KAFKA_WS_GATHER_LOOKS;
    buf->more = 0;

    if (route->set.nterms
        && ngx_kafka_ws_gather_sift_begin(route, buf, log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    nparts = route->nparts;

    if (nparts <= buf->max_marks) {
        return NGX_OK;
    }

    if (buf->marks) {
        ngx_free(buf->marks);
    }

    buf->max_marks = 0;

    /* one for each record at most, and behind them the parts looked at */

    buf->marks = ngx_alloc((buf->max + nparts) * sizeof(ngx_kafka_ws_mark_t),
                           log);
    if (buf->marks == NULL) {
        return NGX_ERROR;
    }

    buf->max_marks = nparts;

    return NGX_OK;
}


ngx_kafka_ws_gather_e
ngx_kafka_ws_gather(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_log_t *log)
{
    ngx_uint_t              i, k, n;
    ngx_kafka_ws_mark_t    *todo;
    ngx_kafka_ws_gather_e   rc;

    if (ngx_kafka_ws_gather_begin(route, buf, log) != NGX_OK) {
        return NGX_KAFKA_WS_GATHER_ERROR;
    }

    /* another one is first each time, and none takes more than its share */

    if (sub) {
        todo = buf->marks + buf->max;
        n = ngx_kafka_ws_gather_parts(route, sub, todo, ++buf->turn);

    } else {
        /* a part has one mark at most, which takes the place of this one */
        todo = buf->marks;
        n = ngx_kafka_ws_gather_unread(route, todo);
    }

    for (i = 0; i < n; i++) {

        k = todo[i].k;

        rc = ngx_kafka_ws_gather_part(route, sub, buf, k,
                                      (buf->size - buf->len) / (n - i), log);

        if (rc == NGX_KAFKA_WS_GATHER_NONE) {
            continue;
        }

        if (rc != NGX_KAFKA_WS_GATHER_SPAN) {

            if (buf->n) {
                /* first what there is, then that */
                break;
            }

            return rc;
        }

        if (buf->flags || buf->n == buf->max
            || buf->npicks >= NGX_KAFKA_WS_PICKS_MAX)
        {
            break;
        }
    }

    ngx_kafka_ws_gather_sift_end(buf);

    return (buf->n || buf->more) ? NGX_KAFKA_WS_GATHER_SPAN
                                 : NGX_KAFKA_WS_GATHER_NONE;
}


static ngx_kafka_ws_gather_e
ngx_kafka_ws_gather_part(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t k, size_t avail, ngx_log_t *log)
{
    ngx_kafka_ws_sieve_t       *sieve;
    ngx_kafka_ws_gather_e       state;
    ngx_kafka_ws_gather_src_t   src;

    state = ngx_kafka_ws_gather_source(route, sub, buf, k, &src);

    if (state != NGX_KAFKA_WS_GATHER_SPAN) {
        return state;
    }

    if (src.lost) {
        return NGX_KAFKA_WS_GATHER_SPAN;
    }

    if (sub && route->set.nterms) {
        sieve = ngx_kafka_ws_gather_source_sieve(route, k, &src, log);

        if (sieve) {
            return ngx_kafka_ws_gather_sieve(route, sub, buf, k, avail, &src,
                                             sieve, log);
        }
    }

    return ngx_kafka_ws_gather_span(route, sub, buf, k, avail, &src, log);
}


ngx_kafka_ws_gather_e
ngx_kafka_ws_gather_span(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t k, size_t avail, ngx_kafka_ws_gather_src_t *src,
    ngx_log_t *log)
{
    ngx_uint_t                  i;
    ngx_kafka_ws_ring_e         rc;
    ngx_kafka_ws_mark_t        *mark;
    ngx_kafka_ws_gather_e       state;
    ngx_kafka_ws_ring_span_t    span;
    ngx_kafka_ws_route_part_t  *part;

    part = &route->parts[k];

    for ( ;; ) {
        if (ngx_kafka_ws_gather_read(route, sub, buf, src, avail, log, &rc,
                                     &span)
            != NGX_OK)
        {
            return NGX_KAFKA_WS_GATHER_ERROR;
        }

        state = ngx_kafka_ws_gather_valid(route, k, src);

        if (state != NGX_KAFKA_WS_GATHER_SPAN) {
            return state;
        }

        if (rc == NGX_KAFKA_WS_RING_LAPPED) {
            return NGX_KAFKA_WS_GATHER_LAPPED;
        }

        if (rc == NGX_KAFKA_WS_RING_EINVAL) {
            return ngx_kafka_ws_gather_damaged(route, k, log);
        }

        if (rc == NGX_KAFKA_WS_RING_OK) {
            break;
        }

        /* one frame is too big for its share, for the rest, or for all */

        if (span.len > buf->size - buf->len) {

            if (buf->n) {
                return NGX_KAFKA_WS_GATHER_NONE;
            }

            if (ngx_kafka_ws_gather_room(buf, span.len, log) != NGX_OK) {
                return NGX_KAFKA_WS_GATHER_ERROR;
            }
        }

        avail = span.len;
    }

    if (span.n == 0 || (span.flags && buf->n)) {
        /* nothing; or a gap, which comes alone */
        return NGX_KAFKA_WS_GATHER_NONE;
    }

    if (buf->len) {
        for (i = 0; i < span.n; i++) {
            buf->ends[buf->n + i] += (uint32_t) buf->len;
        }
    }

    mark = &buf->marks[buf->nmarks++];

    mark->k = k;
    mark->first = buf->n;
    mark->n = span.n;
    mark->next.seq = span.next;
    mark->next.offset = span.offset;
    mark->lost = 0;

    if (span.flags & NGX_KAFKA_WS_RING_TOO_LARGE) {
        mark->lost = 1;

    } else if (span.flags) {
        mark->lost = span.offset - (sub ? sub->places[k].offset
                                        : part->place.offset);
    }

    buf->n += span.n;
    buf->len += span.len;
    buf->flags = span.flags;

    return NGX_KAFKA_WS_GATHER_SPAN;
}


ngx_kafka_ws_gather_e
ngx_kafka_ws_gather_valid(ngx_kafka_ws_route_t *route, ngx_uint_t k,
    ngx_kafka_ws_gather_src_t *src)
{
    if (src->older && !ngx_kafka_ws_segment_valid(&src->older->view)) {
        src->older->open = 0;
        return NGX_KAFKA_WS_GATHER_NONE;
    }

    return ngx_kafka_ws_shm_valid(&route->parts[k].view)
           ? NGX_KAFKA_WS_GATHER_SPAN : NGX_KAFKA_WS_GATHER_STALE;
}


/* all frames of what is new, or those that are wanted */

static ngx_int_t
ngx_kafka_ws_gather_read(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_kafka_ws_gather_src_t *src, size_t avail, ngx_log_t *log,
    ngx_kafka_ws_ring_e *rc, ngx_kafka_ws_ring_span_t *span)
{
    if (route->set.nterms) {
        return ngx_kafka_ws_gather_sift(route, sub, buf, src, avail, log, rc,
                                        span);
    }

    *rc = ngx_kafka_ws_ring_read(src->ring, (unsigned) route->rendering,
                                 src->seq, src->limit, buf->data + buf->len,
                                 avail, buf->ends + buf->n,
                                 buf->offsets + buf->n, buf->max - buf->n,
                                 span);

    return NGX_OK;
}


/*
 * Where a part is to be read from.
 * returns:  SPAN: there, or, with src->lost, there is an event in the span
 *           already, alone, which tells what is not to be had; NONE: there
 *           is nothing yet
 */

static ngx_kafka_ws_gather_e
ngx_kafka_ws_gather_source(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t k, ngx_kafka_ws_gather_src_t *src)
{
    int64_t                     lost;
    ngx_int_t                   rc;
    ngx_uint_t                  first;
    ngx_kafka_ws_place_t        next;
    ngx_kafka_ws_route_part_t  *part;

    part = &route->parts[k];

    src->ring = &part->view.ring;
    src->limit = UINT64_MAX;
    src->older = NULL;
    src->lost = 0;

    if (sub == NULL) {
        src->seq = part->place.seq;
        return NGX_KAFKA_WS_GATHER_SPAN;
    }

    src->older = ngx_kafka_ws_older_part(sub, k);

    /* no part of it: as if it had just come to the ring */

    rc = src->older ? ngx_kafka_ws_older_next(route, sub, k, &lost, &first)
                    : NGX_DONE;

    src->seq = sub->places[k].seq;

    switch (rc) {

    case NGX_OK:
        src->ring = &src->older->view.ring;
        return NGX_KAFKA_WS_GATHER_SPAN;

    case NGX_DONE:
        src->older = NULL;
        src->limit = part->place.seq;
        return NGX_KAFKA_WS_GATHER_SPAN;

    case NGX_AGAIN:
        return NGX_KAFKA_WS_GATHER_NONE;

    default: /* NGX_DECLINED */
        break;
    }

    if (buf->n) {
        /* first what there is, then that */
        return NGX_KAFKA_WS_GATHER_NONE;
    }

    next.seq = 0;
    next.offset = lost;

    ngx_kafka_ws_gather_gap(route, buf, k, sub->places[k].offset, &next,
                            first ? NGX_KAFKA_WS_GAP_RETENTION
                                  : NGX_KAFKA_WS_GAP_LAPPED);
    src->lost = 1;

    return NGX_KAFKA_WS_GATHER_SPAN;
}


/* the sieve of the ring where a part is to be read from; or NULL */

static ngx_kafka_ws_sieve_t *
ngx_kafka_ws_gather_source_sieve(ngx_kafka_ws_route_t *route, ngx_uint_t k,
    ngx_kafka_ws_gather_src_t *src, ngx_log_t *log)
{
    ngx_kafka_ws_view_t  *view;

    if (src->older) {
        return ngx_kafka_ws_sieve_get(&route->set, src->ring,
                                      src->older->view.segment,
                                      src->older->view.gen, log);
    }

    view = &route->parts[k].view;

    return ngx_kafka_ws_sieve_get(&route->set, src->ring, view->stream,
                                  view->gen, log);
}


static ngx_int_t
ngx_kafka_ws_gather_room(ngx_kafka_ws_span_buf_t *buf, size_t size,
    ngx_log_t *log)
{
    u_char  *p;

    p = ngx_alloc(size, log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_free(buf->data);

    buf->data = p;
    buf->size = size;

    return NGX_OK;
}


ngx_kafka_ws_gather_e
ngx_kafka_ws_gather_damaged(ngx_kafka_ws_route_t *route, ngx_uint_t k,
    ngx_log_t *log)
{
    ngx_log_error(NGX_LOG_ALERT, log, 0,
                  "the ring of topic \"%V\" partition %D is damaged",
                  &route->name, route->parts[k].view.stream->partition);

    return NGX_KAFKA_WS_GATHER_ERROR;
}


void
ngx_kafka_ws_gather_stop_at(ngx_kafka_ws_subscription_t *sub,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t done)
{
    ngx_uint_t             i;
    ngx_kafka_ws_mark_t   *mark;
    ngx_kafka_ws_place_t  *place;

    for (i = 0; i < buf->nmarks; i++) {
        mark = &buf->marks[i];

        if (done <= mark->first) {
            return;
        }

        place = &sub->places[mark->k];

        if (done >= mark->first + mark->n) {
            *place = mark->next;
            continue;
        }

        /* not from the ring: the writer may have overrun even this */

        place->seq += done - mark->first;
        place->offset = buf->offsets[done - 1];

        return;
    }
}


void
ngx_kafka_ws_gather_sums(ngx_kafka_ws_span_buf_t *buf, ngx_uint_t done,
    ngx_kafka_ws_sums_t *sums)
{
    ngx_uint_t            i;
    ngx_kafka_ws_mark_t  *mark;

    if (buf->flags == 0) {
        ngx_kafka_ws_sums_records(sums, buf->ends, done);
        return;
    }

    /* each is a gap's */

    for (i = 0; i < buf->nmarks; i++) {
        mark = &buf->marks[i];

        if (mark->first < done) {
            sums->skipped += mark->lost;
        }
    }
}
