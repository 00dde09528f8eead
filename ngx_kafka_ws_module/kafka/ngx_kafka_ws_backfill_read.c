
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Reads of the backfill thread: records are rendered as for the ring.  A full
 * segment is followed by another one, but not by many that nobody has read
 * yet: then the read stands still, with what librdkafka has fetched of it,
 * until readers come there.  If others wait for its place, or it takes too
 * long, the read ends, and whoever gets there asks again.  It also ends where
 * the ring has what follows, or another segment.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_backfill.h"


#define NGX_KAFKA_WS_BACKFILL_WARM    500     /* ms, for a topic's leaders */
#define NGX_KAFKA_WS_BACKFILL_STALL   5000    /* ms; then a read is given up */
#define NGX_KAFKA_WS_BACKFILL_QUIET   200     /* ms; then librdkafka is woken */
#define NGX_KAFKA_WS_BACKFILL_BEGUN   20      /* ms, likewise, at first; the
                                                 fetch before may be ending */
#define NGX_KAFKA_WS_BACKFILL_AHEAD   4       /* segments nobody has read */
#define NGX_KAFKA_WS_BACKFILL_TURN    4       /* segments, if others wait; */
#define NGX_KAFKA_WS_BACKFILL_LEAST   (2 * 1024 * 1024)
                                              /* and bytes, for what is fetched
                                                 beyond is fetched again */
#define NGX_KAFKA_WS_BACKFILL_MOMENT  300     /* ms, for readers, likewise */


static ngx_int_t ngx_kafka_ws_backfill_open(ngx_kafka_ws_backfill_t *b);
static void ngx_kafka_ws_backfill_until(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read);
static void ngx_kafka_ws_backfill_nudge(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read, uint64_t now);
static void ngx_kafka_ws_backfill_wake(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read);
static ngx_int_t ngx_kafka_ws_backfill_record(void *data, void *opaque,
    ngx_kafka_ws_record_t *rec);
static ngx_int_t ngx_kafka_ws_backfill_publish(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read, ngx_kafka_ws_ring_record_t *meta,
    ngx_kafka_ws_span_t *frames);
static ngx_int_t ngx_kafka_ws_backfill_follow(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read);
static ngx_uint_t ngx_kafka_ws_backfill_ahead(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read);
static void ngx_kafka_ws_backfill_end(void *data, void *opaque,
    int64_t offset);
static void ngx_kafka_ws_backfill_lost(void *data, void *opaque);
static void ngx_kafka_ws_backfill_error(void *data, void *opaque,
    const char *text, ngx_uint_t what);
static void ngx_kafka_ws_backfill_came(void *data);


ngx_int_t
ngx_kafka_ws_backfill_read(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read)
{
    char  error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];

    if (b->kafka == NULL && ngx_kafka_ws_backfill_open(b) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_kafka_ws_kafka_know(b->kafka, &read->topic)) {
        ngx_kafka_ws_kafka_warm(b->kafka, NGX_KAFKA_WS_BACKFILL_WARM);
    }

    read->assigned = ngx_kafka_ws_kafka_assign(b->kafka, &read->topic,
                                               read->stream->partition,
                                               read->next, read);
    if (read->assigned == NULL) {
        return NGX_ERROR;
    }

    if (ngx_kafka_ws_kafka_commit(b->kafka, error) != NGX_OK) {
        ngx_kafka_ws_kafka_unassign(b->kafka, read->assigned);
        return NGX_ERROR;
    }

    ngx_kafka_ws_backfill_wake(b, read);

    read->quiet = NGX_KAFKA_WS_BACKFILL_BEGUN;

    b->reads[b->nreads++] = read;
    ngx_kafka_ws_count(&b->root->reads, 1);

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_backfill_open(ngx_kafka_ws_backfill_t *b)
{
    char                           error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];
    ngx_kafka_ws_kafka_handler_t   h;

    h.record = ngx_kafka_ws_backfill_record;
    h.end = ngx_kafka_ws_backfill_end;
    h.lost = ngx_kafka_ws_backfill_lost;
    h.error = ngx_kafka_ws_backfill_error;
    h.came = ngx_kafka_ws_backfill_came;
    h.data = b;
    h.headers = ngx_kafka_ws_renderer_headers(b->cluster);
    h.older = 1;

    ngx_kafka_ws_consumer_opening(b->consumer, NGX_KAFKA_WS_OPENING_OLDER);
    b->kafka = ngx_kafka_ws_kafka_open(b->cluster, &h, error);
    ngx_kafka_ws_consumer_opened(b->consumer, NGX_KAFKA_WS_OPENING_OLDER);

    return b->kafka ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_kafka_ws_backfill_reads(ngx_kafka_ws_backfill_t *b)
{
    uint64_t                       now;
    ngx_uint_t                     i, n, taken;
    ngx_kafka_ws_backfill_read_t  *read;

    taken = 0;

    for (i = 0; i < b->nreads; /* void */ ) {
        read = b->reads[i];

        ngx_kafka_ws_backfill_until(b, read);

        n = read->done ? 0
                       : ngx_kafka_ws_kafka_take(b->kafka, read->assigned);

        taken += n;

        now = ngx_kafka_ws_shm_now();

        if (!read->done
            && (now - read->progress > NGX_KAFKA_WS_BACKFILL_STALL
                || ngx_kafka_ws_load_relaxed(&read->stream->gen)
                   != read->life))
        {
            ngx_kafka_ws_backfill_finish(b, read, read->next);
        }

        if (read->done) {
            ngx_kafka_ws_kafka_unassign(b->kafka, read->assigned);
            b->reads[i] = b->reads[--b->nreads];
            free(read);
            continue;
        }

        if (read->segment
            && ngx_kafka_ws_load_relaxed(&read->segment->next) != read->next)
        {
            ngx_kafka_ws_segment_filled(read->segment, read->next, 0);
            b->dirty = 1;
        }

        if (n == 0 && !read->full) {
            ngx_kafka_ws_backfill_nudge(b, read, now);
        }

        i++;
    }

    return taken;
}


/*
 * Nothing is there although there is room: its queue was full, or a broker is
 * back, and librdkafka's thread may sleep.
 */

static void
ngx_kafka_ws_backfill_nudge(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read, uint64_t now)
{
    /* a batch may be larger than the queue: it is dry after each then */

    if (read->taken == 0
        && now - ngx_max(read->progress, read->nudged) < read->quiet)
    {
        return;
    }

    read->quiet = ngx_min(read->quiet * 2, NGX_KAFKA_WS_BACKFILL_QUIET);

    ngx_kafka_ws_backfill_wake(b, read);

    read->nudged = ngx_kafka_ws_shm_now();
    read->taken = 0;
}


static void
ngx_kafka_ws_backfill_wake(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read)
{
    ngx_kafka_ws_kafka_offsets_t  o;

    o.topic = &read->topic;
    o.partition = read->stream->partition;

    ngx_kafka_ws_kafka_nudge(b->kafka, &o, 1, NGX_KAFKA_WS_BACKFILL_WARM);
}


/*
 * The ring's oldest, or the next segment's, whatever comes first.
 */

static void
ngx_kafka_ws_backfill_until(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read)
{
    int64_t                  offset;
    ngx_uint_t               i;
    ngx_kafka_ws_view_t      ring;
    ngx_kafka_ws_segment_t  *seg;

    read->until = INT64_MAX;

    if (ngx_kafka_ws_shm_view(b->root, read->stream, &ring) == NGX_OK
        && ngx_kafka_ws_ring_offset(&ring.ring,
                                    ngx_kafka_ws_ring_tail(&ring.ring),
                                    &offset)
           == NGX_KAFKA_WS_RING_OK)
    {
        read->until = offset;
    }

    for (i = 0; i < NGX_KAFKA_WS_SEGMENTS; i++) {
        seg = &b->root->segment[i];

        if (seg->ring && seg != read->segment && seg->stream == read->number
            && seg->life == read->life && seg->from >= read->next)
        {
            read->until = ngx_min(read->until, seg->from);
        }
    }
}


static ngx_int_t
ngx_kafka_ws_backfill_record(void *data, void *opaque,
    ngx_kafka_ws_record_t *rec)
{
    ngx_kafka_ws_backfill_t *b = data;
    ngx_kafka_ws_backfill_read_t *read = opaque;

    ngx_int_t                    rc;
    ngx_kafka_ws_span_t          topic;
    ngx_kafka_ws_span_t          frames[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_kafka_ws_ring_record_t   meta;

    if (read->done || rec->offset < read->next) {
        return NGX_OK;
    }

    if (rec->offset >= read->until) {
        ngx_kafka_ws_backfill_finish(b, read, rec->offset);
        return NGX_OK;
    }

    if (read->full && ngx_kafka_ws_backfill_follow(b, read) != NGX_OK) {
        return read->done ? NGX_OK : NGX_AGAIN;
    }

    meta.offset = rec->offset;
    meta.from = read->next;
    meta.timestamp = rec->timestamp;
    meta.flags = 0;

    rc = ngx_kafka_ws_renderer_frames(&b->renderer, rec, frames);

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_backfill_publish(b, read, &meta, frames);
    }

    if (rc == NGX_DECLINED) {
        topic.data = read->topic.data;
        topic.len = read->topic.len;

        ngx_kafka_ws_renderer_gap(&b->renderer, &topic,
                                  read->stream->partition, rec->offset,
                                  rec->offset, NGX_KAFKA_WS_RING_TOO_LARGE,
                                  frames);

        meta.timestamp = -1;
        meta.flags = NGX_KAFKA_WS_RING_TOO_LARGE;

        rc = ngx_kafka_ws_backfill_publish(b, read, &meta, frames);
    }

    if (rc != NGX_OK) {
        return read->done ? NGX_OK : NGX_AGAIN;
    }

    read->next = rec->offset + 1;
    read->progress = ngx_kafka_ws_shm_now();
    read->quiet = NGX_KAFKA_WS_BACKFILL_QUIET;
    read->taken++;
    read->bytes += rec->key.len + rec->value.len;

    ngx_kafka_ws_count(&b->root->read_records, 1);
    ngx_kafka_ws_count(&b->root->read_bytes, rec->key.len + rec->value.len);

    return NGX_OK;
}


/*
 * returns:  NGX_OK; NGX_DECLINED: the record is too large; NGX_AGAIN: there
 *           is no room now, or the read is done
 */

static ngx_int_t
ngx_kafka_ws_backfill_publish(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read, ngx_kafka_ws_ring_record_t *meta,
    ngx_kafka_ws_span_t *frames)
{
    ngx_kafka_ws_ring_e  rc;

    rc = ngx_kafka_ws_ring_publish(&read->ring, meta, frames);

    if (rc == NGX_KAFKA_WS_RING_FULL) {

        ngx_kafka_ws_segment_filled(read->segment, read->next, 1);
        ngx_kafka_ws_backfill_tell(b);

        /* it may give way to another read's from now on */
        read->segment = NULL;
        read->full = ngx_kafka_ws_shm_now();

        if (++read->filled >= NGX_KAFKA_WS_BACKFILL_TURN
            && read->bytes >= NGX_KAFKA_WS_BACKFILL_LEAST && read->contested)
        {
            ngx_kafka_ws_backfill_finish(b, read, read->next);
            return NGX_AGAIN;
        }

        if (ngx_kafka_ws_backfill_follow(b, read) != NGX_OK) {
            return NGX_AGAIN;
        }

        rc = ngx_kafka_ws_ring_publish(&read->ring, meta, frames);
    }

    return (rc == NGX_KAFKA_WS_RING_OK) ? NGX_OK : NGX_DECLINED;
}


/*
 * A segment behind the full one, as soon as readers are near.
 * returns:  NGX_OK; NGX_AGAIN: not now, or the read is done
 */

static ngx_int_t
ngx_kafka_ws_backfill_follow(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read)
{
    ngx_uint_t               busy;
    ngx_kafka_ws_segment_t  *seg;

    if (ngx_kafka_ws_backfill_ahead(b, read) < NGX_KAFKA_WS_BACKFILL_AHEAD) {

        seg = ngx_kafka_ws_segment_make(b->cluster, read->number, read->life,
                                        read->next, read->next, &read->ring,
                                        &busy);
        if (seg) {
            read->segment = seg;
            read->full = 0;
            return NGX_OK;
        }
    }

    if ((read->contested || b->left)
        && ngx_kafka_ws_shm_now() - read->full > NGX_KAFKA_WS_BACKFILL_MOMENT)
    {
        ngx_kafka_ws_backfill_finish(b, read, read->next);
    }

    return NGX_AGAIN;
}


/* segments that nobody has read yet */

static ngx_uint_t
ngx_kafka_ws_backfill_ahead(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read)
{
    ngx_uint_t               i, ahead;
    ngx_kafka_ws_segment_t  *seg;

    ahead = 0;

    for (i = 0; i < NGX_KAFKA_WS_SEGMENTS; i++) {
        seg = &b->root->segment[i];

        if (seg->ring && seg->stream == read->number
            && seg->life == read->life
            && ngx_kafka_ws_load_relaxed(&seg->used) == 0)
        {
            ahead++;
        }
    }

    return ahead;
}


void
ngx_kafka_ws_backfill_finish(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read, int64_t next)
{
    read->done = 1;
    b->dirty = 1;

    if (read->segment == NULL) {
        return;
    }

    if (next == read->segment->from) {
        ngx_kafka_ws_segment_free(b->cluster, read->segment);
        return;
    }

    ngx_kafka_ws_segment_filled(read->segment, next, 1);
}


static void
ngx_kafka_ws_backfill_end(void *data, void *opaque, int64_t offset)
{
    ngx_kafka_ws_backfill_read_t *read = opaque;

    if (!read->done) {
        ngx_kafka_ws_backfill_finish(data, read,
                                     ngx_max(read->next, offset));
    }
}


/* deleted in the meantime: who wants it asks again, and is told */

static void
ngx_kafka_ws_backfill_lost(void *data, void *opaque)
{
    ngx_kafka_ws_backfill_read_t *read = opaque;

    if (!read->done) {
        ngx_kafka_ws_backfill_finish(data, read, read->next);
    }
}


/* the ingest thread has the same, and says so */

static void
ngx_kafka_ws_backfill_error(void *data, void *opaque, const char *text,
    ngx_uint_t what)
{
    /* void */
}


/* librdkafka's thread */

static void
ngx_kafka_ws_backfill_came(void *data)
{
    ngx_kafka_ws_backfill_t *b = data;

    (void) pthread_mutex_lock(&b->consumer->mutex);

    b->came = 1;
    (void) pthread_cond_signal(&b->consumer->older);

    (void) pthread_mutex_unlock(&b->consumer->mutex);
}
