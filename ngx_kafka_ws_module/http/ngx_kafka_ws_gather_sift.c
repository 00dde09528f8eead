
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A route with a filter reads twice: the records' fields, which say who wants
 * them, and then, run by run, the frames that anyone wants.  Both copies are
 * checked as every read of a ring is.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_gather.h"


#define NGX_KAFKA_WS_SIFT_BLOCKS  65536   /* bytes of fields, at first */


/* records of one part that are looked at */

typedef struct {
    ngx_kafka_ws_gather_src_t  *src;
    ngx_uint_t                  rendering;
    size_t                      avail;
    size_t                      len;       /* copied so far */
    ngx_uint_t                  n;         /* records done */
    ngx_uint_t                  run;       /* the first of those that are
                                              wanted and not copied yet */
} ngx_kafka_ws_sift_t;


static ngx_uint_t ngx_kafka_ws_sift_wanted(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t i);
static ngx_kafka_ws_ring_e ngx_kafka_ws_sift_run(ngx_kafka_ws_sift_t *sift,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t end, size_t *need);
static ngx_kafka_ws_ring_e ngx_kafka_ws_sift_records(
    ngx_kafka_ws_route_t *route, ngx_kafka_ws_subscription_t *sub,
    ngx_kafka_ws_span_buf_t *buf, ngx_kafka_ws_sift_t *sift, ngx_uint_t n,
    size_t *need);


ngx_int_t
ngx_kafka_ws_gather_sift_begin(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf, ngx_log_t *log)
{
    ngx_uint_t            n;
    ngx_kafka_ws_pick_t  *picks;

    if (buf->blocks == NULL) {
        buf->blocks = ngx_alloc(NGX_KAFKA_WS_SIFT_BLOCKS, log);
        if (buf->blocks == NULL) {
            return NGX_ERROR;
        }

        buf->blocks_size = NGX_KAFKA_WS_SIFT_BLOCKS;
    }

    if (buf->block_ends == NULL) {
        buf->block_ends = ngx_alloc(buf->max * sizeof(uint32_t), log);
        if (buf->block_ends == NULL) {
            return NGX_ERROR;
        }
    }

    /* a record may be wanted by all; pages are touched when they are used */

    n = NGX_KAFKA_WS_PICKS_MAX + route->set.ngroups;

    if (n <= buf->max_picks) {
        return NGX_OK;
    }

    n += route->set.ngroups;

    picks = ngx_alloc(n * sizeof(ngx_kafka_ws_pick_t), log);
    if (picks == NULL) {
        return NGX_ERROR;
    }

    ngx_free(buf->picks);

    buf->picks = picks;
    buf->max_picks = n;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_gather_sift(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_kafka_ws_gather_src_t *src, size_t avail, ngx_log_t *log,
    ngx_kafka_ws_ring_e *rc, ngx_kafka_ws_ring_span_t *span)
{
    ngx_kafka_ws_sift_t  sift;

    ngx_kafka_ws_gather_sift_end(buf);

    if (ngx_kafka_ws_gather_blocks(route, buf, src, log, rc, span)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (*rc != NGX_KAFKA_WS_RING_OK || span->n == 0) {
        return NGX_OK;
    }

    if (span->flags) {

        /* a gap has no fields: it is everyone's */

        *rc = ngx_kafka_ws_ring_read(src->ring, (unsigned) route->rendering,
                                     src->seq, src->limit,
                                     buf->data + buf->len, avail,
                                     buf->ends + buf->n,
                                     buf->offsets + buf->n,
                                     buf->max - buf->n, span);
        return NGX_OK;
    }

    sift.src = src;
    sift.rendering = route->rendering;
    sift.avail = avail;
    sift.len = 0;
    sift.n = 0;
    sift.run = 0;

    *rc = ngx_kafka_ws_sift_records(route, sub, buf, &sift, span->n,
                                    &span->len);

    if (*rc == NGX_KAFKA_WS_RING_OK) {
        span->n = sift.n;
        span->len = sift.len;

        if (sift.n == 0) {
            /* its two rings do not agree: who wrote them? */
            *rc = NGX_KAFKA_WS_RING_EINVAL;
            return NGX_OK;
        }

        span->next = src->seq + sift.n;
        span->offset = buf->offsets[buf->n + sift.n - 1];
    }

    return NGX_OK;
}


void
ngx_kafka_ws_gather_sift_end(ngx_kafka_ws_span_buf_t *buf)
{
    while (buf->npicks && buf->picks[buf->npicks - 1].record >= buf->n) {
        buf->npicks--;
    }
}


ngx_int_t
ngx_kafka_ws_gather_blocks(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf, ngx_kafka_ws_gather_src_t *src,
    ngx_log_t *log, ngx_kafka_ws_ring_e *rc, ngx_kafka_ws_ring_span_t *span)
{
    u_char  *p;

    for ( ;; ) {
        *rc = ngx_kafka_ws_ring_read(src->ring,
                             (unsigned) route->cluster->fields_rendering,
                             src->seq, src->limit, buf->blocks,
                             buf->blocks_size, buf->block_ends,
                             buf->offsets + buf->n, buf->max - buf->n, span);

        if (*rc != NGX_KAFKA_WS_RING_ETOOBIG) {
            return NGX_OK;
        }

        p = ngx_alloc(span->len, log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_free(buf->blocks);

        buf->blocks = p;
        buf->blocks_size = span->len;
    }
}


/*
 * Looks at n records and copies the frames that are wanted.
 * need:     set if ETOOBIG: bytes of the first frame wanted
 * returns:  OK, with sift->n at least 1; or as ngx_kafka_ws_ring_read()
 */

static ngx_kafka_ws_ring_e
ngx_kafka_ws_sift_records(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_kafka_ws_sift_t *sift, ngx_uint_t n, size_t *need)
{
    ngx_uint_t           i, wanted;
    ngx_kafka_ws_ring_e  rc;

    wanted = 0;

    for (i = 0; i < n; i++) {

        if (buf->npicks >= NGX_KAFKA_WS_PICKS_MAX) {
            /* not with the first: the span had ended before */
            break;
        }

        if (ngx_kafka_ws_sift_wanted(route, sub, buf, i)) {

            if (!wanted) {
                wanted = 1;
                sift->run = i;
            }

            continue;
        }

        if (wanted) {
            wanted = 0;

            rc = ngx_kafka_ws_sift_run(sift, buf, i, need);

            if (rc != NGX_KAFKA_WS_RING_OK || sift->n < i) {
                return rc;
            }
        }

        buf->ends[buf->n + i] = (uint32_t) sift->len;
        sift->n = i + 1;
    }

    return wanted ? ngx_kafka_ws_sift_run(sift, buf, i, need)
                  : NGX_KAFKA_WS_RING_OK;
}


/*
 * Copies the frames from sift->run up to, not including, end, as far as there
 * is room for them.
 */

static ngx_kafka_ws_ring_e
ngx_kafka_ws_sift_run(ngx_kafka_ws_sift_t *sift,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t end, size_t *need)
{
    uint32_t                  *ends;
    ngx_uint_t                 i;
    ngx_kafka_ws_ring_e        rc;
    ngx_kafka_ws_ring_span_t   span;

    ends = buf->ends + buf->n + sift->run;

    rc = ngx_kafka_ws_ring_read(sift->src->ring, (unsigned) sift->rendering,
                                sift->src->seq + sift->run,
                                sift->src->seq + end,
                                buf->data + buf->len + sift->len,
                                sift->avail - sift->len, ends, NULL,
                                end - sift->run, &span);

    if (rc == NGX_KAFKA_WS_RING_ETOOBIG && sift->n) {
        /* first what there is, then that */
        return NGX_KAFKA_WS_RING_OK;
    }

    if (rc != NGX_KAFKA_WS_RING_OK) {
        *need = span.len;
        return rc;
    }

    for (i = 0; i < span.n; i++) {
        ends[i] += (uint32_t) sift->len;
    }

    sift->len += span.len;
    sift->n = sift->run + span.n;

    return NGX_KAFKA_WS_RING_OK;
}


/* notes the groups, unless it is for one subscriber */

static ngx_uint_t
ngx_kafka_ws_sift_wanted(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t i)
{
    size_t                      len;
    u_char                     *block;
    ngx_uint_t                  wanted;
    ngx_kafka_ws_pick_t        *pick;
    ngx_kafka_ws_group_t       *group;
    ngx_kafka_ws_group_iter_t   it;

    len = i ? buf->block_ends[i - 1] : 0;
    block = buf->blocks + len;
    len = buf->block_ends[i] - len;

    if (sub) {
        return ngx_kafka_ws_group_wants(&route->set, sub->group, block, len);
    }

    wanted = 0;
    it.begun = 0;

    while ((group = ngx_kafka_ws_group_next(&route->set, &it, block, len))
           != NULL)
    {
        if (ngx_queue_empty(&group->live)) {
            continue;
        }

        pick = &buf->picks[buf->npicks++];

        pick->group = group;
        pick->record = (uint32_t) (buf->n + i);

        wanted = 1;
    }

    return wanted;
}
