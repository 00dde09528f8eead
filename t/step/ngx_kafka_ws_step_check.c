
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What is right: the readers' side of a zone, and its blocks.  The frames that
 * must be there are put together here, not by lib/render.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_step.h"


#define NGX_KAFKA_WS_STEP_FRAME   (NGX_KAFKA_WS_STEP_VALUE + 128)
#define NGX_KAFKA_WS_STEP_SPAN    8
#define NGX_KAFKA_WS_STEP_VIEWS                                               \
    (NGX_KAFKA_WS_STEP_TOPICS * NGX_KAFKA_WS_STEP_PARTITIONS)
#define NGX_KAFKA_WS_STEP_PAGES   4096   /* of the largest zone */


typedef struct {
    ngx_kafka_ws_view_t   view;
    ngx_uint_t            topic;
    int32_t               partition;
} ngx_kafka_ws_step_view_t;


static size_t ngx_kafka_ws_step_frame(const char *id, ngx_uint_t r,
    ngx_uint_t n, int32_t partition, int64_t offset, u_char *frame);
static int ngx_kafka_ws_step_read_ring(const char *id,
    ngx_kafka_ws_view_t *view, ngx_uint_t r, ngx_uint_t n, int32_t partition);
static int ngx_kafka_ws_step_topic(ngx_kafka_ws_cluster_t *kwc, ngx_uint_t n,
    ngx_uint_t final);
static int ngx_kafka_ws_step_mark(ngx_kafka_ws_cluster_t *kwc,
    uint64_t block, size_t size);
static int ngx_kafka_ws_step_mark_all(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_step_waste_t *waste);


static ngx_kafka_ws_step_view_t  ngx_kafka_ws_step_views[
                                     NGX_KAFKA_WS_STEP_VIEWS];
static ngx_uint_t                ngx_kafka_ws_step_nviews;
static u_char                    ngx_kafka_ws_step_used[
                                     NGX_KAFKA_WS_STEP_PAGES];


/* rendering 0 is text, 1 is json with offset and value */

static size_t
ngx_kafka_ws_step_frame(const char *id, ngx_uint_t r, ngx_uint_t n,
    int32_t partition, int64_t offset, u_char *frame)
{
    size_t   len;
    u_char  *value;
    u_char   payload[NGX_KAFKA_WS_STEP_FRAME];

    if (ngx_kafka_ws_step_too_large(offset)) {

        if (r == 0) {
            return 0;
        }

        len = ngx_sprintf(payload, "{\"event\":\"gap\",\"partition\":%D,"
                          "\"from\":%L,\"to\":%L,\"reason\":\"too-large\"}",
                          partition, offset, offset)
              - payload;

    } else {
        len = ngx_kafka_ws_step_value(id, n, partition, offset, &value);

        if (r == 0) {
            ngx_memcpy(payload, value, len);

        } else {
            len = ngx_sprintf(payload, "{\"offset\":%L,\"value\":\"%*s\"}",
                              offset, len, value)
                  - payload;
        }
    }

    frame[0] = 0x81;

    if (len < 126) {
        frame[1] = (u_char) len;
        ngx_memcpy(frame + 2, payload, len);

        return len + 2;
    }

    frame[1] = 126;
    frame[2] = (u_char) (len >> 8);
    frame[3] = (u_char) len;
    ngx_memcpy(frame + 4, payload, len);

    return len + 4;
}


/* everything that is held is whole and in its place */

static int
ngx_kafka_ws_step_read_ring(const char *id, ngx_kafka_ws_view_t *view,
    ngx_uint_t r, ngx_uint_t n, int32_t partition)
{
    size_t                      i, start, len;
    u_char                      frame[NGX_KAFKA_WS_STEP_FRAME];
    u_char                      buf[NGX_KAFKA_WS_STEP_SPAN
                                    * NGX_KAFKA_WS_STEP_FRAME];
    int64_t                     offset, first, offsets[NGX_KAFKA_WS_STEP_SPAN];
    uint32_t                    ends[NGX_KAFKA_WS_STEP_SPAN];
    uint64_t                    seq, head;
    ngx_kafka_ws_ring_e         rc;
    ngx_kafka_ws_ring_span_t    span;
    ngx_kafka_ws_step_topic_t  *topic;

    topic = &ngx_kafka_ws_step_log.topics[n];

    head = ngx_kafka_ws_ring_head(&view->ring);
    seq = ngx_kafka_ws_ring_tail(&view->ring);

    if (seq > head
        || ngx_kafka_ws_ring_offset(&view->ring, seq, &offset)
           != NGX_KAFKA_WS_RING_OK
        || ngx_kafka_ws_ring_next_offset(&view->ring)
           != offset + (int64_t) (head - seq))
    {
        return ngx_kafka_ws_shm_valid(view) ? __LINE__ : 0;
    }

    first = topic->log_start + (int64_t) seq;

    while (seq < head) {
        rc = ngx_kafka_ws_ring_read(&view->ring, r, seq, head, buf,
                                    sizeof(buf), ends, offsets,
                                    NGX_KAFKA_WS_STEP_SPAN, &span);

        if (!ngx_kafka_ws_shm_valid(view)) {
            return 0;
        }

        if (rc != NGX_KAFKA_WS_RING_OK || span.n == 0 || offset != first) {
            return __LINE__;
        }

        start = 0;

        for (i = 0; i < span.n; i++) {
            len = ngx_kafka_ws_step_frame(id, r, n, partition, offset,
                                          frame);

            if (ends[i] - start != len
                || ngx_memcmp(buf + start, frame, len) != 0
                || offsets[i] != offset + 1
                || (span.flags != 0) != ngx_kafka_ws_step_too_large(offset))
            {
                return __LINE__;
            }

            start = ends[i];
            offset++;
        }

        first += (int64_t) (span.next - seq);
        seq = span.next;
    }

    return (offset > topic->ever) ? __LINE__ : 0;
}


int
ngx_kafka_ws_step_read(ngx_kafka_ws_cluster_t *kwc, ngx_uint_t final)
{
    int         rc;
    ngx_uint_t  n;

    if (final && kwc->root->allowed != kwc->allowed) {
        return __LINE__;
    }

    for (n = 0; n < NGX_KAFKA_WS_STEP_TOPICS; n++) {

        if (ngx_kafka_ws_step_log.topics[n].npartitions == 0) {
            continue;
        }

        rc = ngx_kafka_ws_step_topic(kwc, n, final);

        if (rc) {
            return rc;
        }
    }

    return 0;
}


/* as ngx_kafka_ws_route.c looks at one */

static int
ngx_kafka_ws_step_topic(ngx_kafka_ws_cluster_t *kwc, ngx_uint_t n,
    ngx_uint_t final)
{
    int                         rc;
    uint32_t                    p, s, r, count, nrings;
    ngx_uint_t                  idle;
    ngx_kafka_ws_view_t         view;
    ngx_kafka_ws_topic_t       *topic;
    ngx_kafka_ws_stream_t      *stream;
    ngx_kafka_ws_step_topic_t  *known;

    known = &ngx_kafka_ws_step_log.topics[n];
    topic = ngx_kafka_ws_shm_find(kwc->root, ngx_kafka_ws_step_name(n));

    if (topic == NULL) {
        return final ? __LINE__ : 0;
    }

    count = ngx_kafka_ws_load_acquire(&topic->npartitions);

    if (count > known->npartitions
        || (final && (count != known->npartitions
                      || topic->state != NGX_KAFKA_WS_TOPIC_OK)))
    {
        return __LINE__;
    }

    idle = kwc->idle && !(ngx_kafka_ws_step_wanted & ((ngx_uint_t) 1 << n));
    nrings = ngx_kafka_ws_load_acquire(&topic->nrings);

    if (nrings > count || (final && nrings != (idle ? 0 : count))) {
        return __LINE__;
    }

    s = ngx_kafka_ws_load_acquire(&topic->first);

    for (p = 0; p < count; p++) {
        stream = ngx_kafka_ws_shm_stream(kwc->root, s);

        if (stream == NULL || stream->topic != topic->number
            || stream->partition != (int32_t) p)
        {
            return __LINE__;
        }

        if (ngx_kafka_ws_shm_view(kwc->root, stream, &view) == NGX_OK) {

            for (r = 0; r < kwc->nrenderings; r++) {
                rc = ngx_kafka_ws_step_read_ring(ngx_kafka_ws_step_log.id,
                                                 &view, r, n, (int32_t) p);

                if (rc && !final && ngx_kafka_ws_step_was) {
                    rc = ngx_kafka_ws_step_read_ring(ngx_kafka_ws_step_was,
                                                     &view, r, n, (int32_t) p);
                }

                if (rc) {
                    return rc;
                }
            }

            if (final
                && (ngx_kafka_ws_ring_next_offset(&view.ring)
                    != known->log_end
                    || stream->state != NGX_KAFKA_WS_STREAM_READY))
            {
                return __LINE__;
            }

        } else if (final ? !idle : (kwc->idle && p < nrings)) {
            /* rings that are seen are there */
            return __LINE__;
        }

        if (final && idle && stream->ring) {
            return __LINE__;
        }

        s = ngx_kafka_ws_load_acquire(&stream->next);
    }

    return (final && s != NGX_KAFKA_WS_NONE) ? __LINE__ : 0;
}


int
ngx_kafka_ws_step_open_views(ngx_kafka_ws_cluster_t *kwc)
{
    uint32_t                   s;
    ngx_uint_t                 n;
    ngx_kafka_ws_topic_t      *topic;
    ngx_kafka_ws_stream_t     *stream;
    ngx_kafka_ws_step_view_t  *v;

    ngx_kafka_ws_step_nviews = 0;

    for (n = 0; n < NGX_KAFKA_WS_STEP_TOPICS; n++) {
        topic = ngx_kafka_ws_shm_find(kwc->root, ngx_kafka_ws_step_name(n));

        if (topic == NULL) {
            continue;
        }

        for (s = topic->first; s != NGX_KAFKA_WS_NONE; s = stream->next) {
            stream = ngx_kafka_ws_shm_stream(kwc->root, s);

            if (kwc->idle && topic->nrings == 0) {
                continue;
            }

            v = &ngx_kafka_ws_step_views[ngx_kafka_ws_step_nviews++];
            v->topic = n;
            v->partition = stream->partition;

            if (ngx_kafka_ws_shm_view(kwc->root, stream, &v->view) != NGX_OK) {
                return __LINE__;
            }
        }
    }

    return 0;
}


int
ngx_kafka_ws_step_read_views(void)
{
    int                        rc;
    ngx_uint_t                 i, r;
    ngx_kafka_ws_step_view_t  *v;

    for (i = 0; i < ngx_kafka_ws_step_nviews; i++) {
        v = &ngx_kafka_ws_step_views[i];

        for (r = 0; r < v->view.ring.nrenderings; r++) {
            rc = ngx_kafka_ws_step_read_ring(ngx_kafka_ws_step_was,
                                             &v->view, r, v->topic,
                                             v->partition);
            if (rc) {
                return rc;
            }
        }
    }

    return 0;
}


/* each page belongs to one */

static int
ngx_kafka_ws_step_mark(ngx_kafka_ws_cluster_t *kwc, uint64_t block,
    size_t size)
{
    size_t  i, first, n;

    first = (block - kwc->root->blocks) / ngx_pagesize;
    n = (size + ngx_pagesize - 1) / ngx_pagesize;

    if (block < kwc->root->blocks || block % ngx_pagesize
                                     != kwc->root->blocks % ngx_pagesize)
    {
        return __LINE__;
    }

    for (i = first; i < first + n; i++) {
        if (i >= kwc->root->npages || ngx_kafka_ws_step_used[i]++) {
            return __LINE__;
        }
    }

    return 0;
}


static int
ngx_kafka_ws_step_mark_all(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_step_waste_t *waste)
{
    int                     rc;
    uint32_t                i;
    ngx_uint_t              topics;
    ngx_kafka_ws_root_t    *root;
    ngx_kafka_ws_topic_t   *topic;
    ngx_kafka_ws_stream_t  *stream;

    root = kwc->root;
    topics = 0;

    rc = 0;

    for (i = 0; rc == 0 && root->topics[i]; i++) {
        rc = ngx_kafka_ws_step_mark(kwc, root->topics[i],
                                    NGX_KAFKA_WS_TOPICS_CHUNK
                                    * sizeof(ngx_kafka_ws_topic_t));
    }

    for (i = 0; rc == 0 && root->streams[i]; i++) {
        rc = ngx_kafka_ws_step_mark(kwc, root->streams[i],
                                    NGX_KAFKA_WS_STREAMS_CHUNK
                                    * sizeof(ngx_kafka_ws_stream_t));
    }

    for (i = 0; rc == 0 && i < root->nstreams; i++) {
        stream = ngx_kafka_ws_shm_stream(root, i);

        if (stream->ring) {
            rc = ngx_kafka_ws_step_mark(kwc, stream->ring,
                                        ngx_kafka_ws_shm_ring_bytes(kwc));
        }
    }

    waste->streams = root->nstreams;

    for (i = 0; i < NGX_KAFKA_WS_STEP_TOPICS; i++) {
        topic = ngx_kafka_ws_shm_find(root, ngx_kafka_ws_step_name(i));

        if (topic) {
            topics++;
            waste->streams -= topic->npartitions;
        }
    }

    waste->topics = root->ntopics - topics;

    return rc;
}


int
ngx_kafka_ws_step_blocks(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_step_waste_t *waste)
{
    int     rc;
    size_t  i, used;

    if (kwc->root->npages > NGX_KAFKA_WS_STEP_PAGES) {
        return __LINE__;
    }

    ngx_memzero(ngx_kafka_ws_step_used, sizeof(ngx_kafka_ws_step_used));
    ngx_memzero(waste, sizeof(ngx_kafka_ws_step_waste_t));

    rc = ngx_kafka_ws_step_mark_all(kwc, waste);

    if (rc) {
        return rc;
    }

    used = 0;

    for (i = 0; i < kwc->root->npages; i++) {
        used += ngx_kafka_ws_step_used[i];
    }

    /* the writer's own count */
    return (used + kwc->root->nfree != kwc->root->npages) ? __LINE__ : 0;
}
