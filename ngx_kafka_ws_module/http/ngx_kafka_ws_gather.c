
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_gather.h"


static ngx_kafka_ws_gather_e ngx_kafka_ws_gather_part(
    ngx_kafka_ws_route_t *route, ngx_kafka_ws_subscriber_t *kws,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t k, size_t avail, ngx_log_t *log);
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

    buf->max = max;

    return NGX_OK;
}


void
ngx_kafka_ws_gather_free(ngx_kafka_ws_span_buf_t *buf)
{
    ngx_free(buf->data);
    ngx_free(buf->ends);
    ngx_free(buf->marks);

    ngx_memzero(buf, sizeof(ngx_kafka_ws_span_buf_t));
}


ngx_kafka_ws_gather_e
ngx_kafka_ws_gather(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscriber_t *kws, ngx_kafka_ws_span_buf_t *buf,
    ngx_log_t *log)
{
    ngx_uint_t              i, k;
    ngx_kafka_ws_gather_e   rc;

    buf->len = 0;
    buf->n = 0;
    buf->nmarks = 0;
    buf->flags = 0;

    if (route->nparts > buf->max_marks) {

        if (buf->marks) {
            ngx_free(buf->marks);
        }

        buf->max_marks = 0;

        buf->marks = ngx_alloc(route->nparts * sizeof(ngx_kafka_ws_mark_t),
                               log);
        if (buf->marks == NULL) {
            return NGX_KAFKA_WS_GATHER_ERROR;
        }

        buf->max_marks = route->nparts;
    }

    /* another one is first each time, and none takes more than its share */

    buf->turn++;

    for (i = 0; i < route->nparts; i++) {
        k = (buf->turn + i) % route->nparts;

        if (!route->parts[k].open || (kws && k >= kws->nplaces)) {
            continue;
        }

        rc = ngx_kafka_ws_gather_part(route, kws, buf, k,
                                      (buf->size - buf->len)
                                      / (route->nparts - i), log);

        if (rc == NGX_KAFKA_WS_GATHER_NONE) {
            continue;
        }

        if (rc != NGX_KAFKA_WS_GATHER_SPAN) {

            if (buf->n) {
                /* first what there is, then that */
                break;
            }

            buf->k = k;
            return rc;
        }

        if (buf->flags || buf->n == buf->max) {
            break;
        }
    }

    return buf->n ? NGX_KAFKA_WS_GATHER_SPAN : NGX_KAFKA_WS_GATHER_NONE;
}


static ngx_kafka_ws_gather_e
ngx_kafka_ws_gather_part(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscriber_t *kws, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t k, size_t avail, ngx_log_t *log)
{
    uint64_t                    limit;
    ngx_uint_t                  i;
    ngx_kafka_ws_ring_e         rc;
    ngx_kafka_ws_mark_t        *mark;
    ngx_kafka_ws_place_t       *place;
    ngx_kafka_ws_ring_span_t    span;
    ngx_kafka_ws_route_part_t  *part;

    part = &route->parts[k];

    if (kws) {
        place = &kws->places[k];
        limit = part->place.seq;

    } else {
        place = &part->place;
        limit = UINT64_MAX;
    }

    for ( ;; ) {
        rc = ngx_kafka_ws_ring_read(&part->view.ring,
                                    (unsigned) route->rendering, place->seq,
                                    limit, buf->data + buf->len, avail,
                                    buf->ends + buf->n, buf->max - buf->n,
                                    &span);

        if (!ngx_kafka_ws_shm_valid(&part->view)) {
            return NGX_KAFKA_WS_GATHER_STALE;
        }

        if (rc == NGX_KAFKA_WS_RING_LAPPED) {
            return NGX_KAFKA_WS_GATHER_LAPPED;
        }

        if (rc == NGX_KAFKA_WS_RING_EINVAL) {
            ngx_log_error(NGX_LOG_ALERT, log, 0,
                          "the ring of topic \"%V\" partition %D is damaged",
                          &route->name, part->view.stream->partition);
            return NGX_KAFKA_WS_GATHER_ERROR;
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

    buf->n += span.n;
    buf->len += span.len;
    buf->flags = span.flags;

    return NGX_KAFKA_WS_GATHER_SPAN;
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


void
ngx_kafka_ws_gather_stop_at(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscriber_t *kws, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t done)
{
    int64_t                offset;
    ngx_uint_t             i;
    ngx_kafka_ws_mark_t   *mark;
    ngx_kafka_ws_place_t  *place;

    for (i = 0; i < buf->nmarks; i++) {
        mark = &buf->marks[i];

        if (done <= mark->first) {
            return;
        }

        place = &kws->places[mark->k];

        if (done >= mark->first + mark->n) {
            *place = mark->next;
            continue;
        }

        place->seq += done - mark->first;

        /* if even this is overrun, the client's own cursor is right */

        if (ngx_kafka_ws_ring_offset(&route->parts[mark->k].view.ring,
                                     place->seq, &offset)
            == NGX_KAFKA_WS_RING_OK)
        {
            place->offset = offset;
        }

        return;
    }
}
