
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A segment is a ring that is never lapped: the writer fills it with records
 * that follow each other, until one does not fit any more, and then leaves it
 * alone until it is freed.  Readers use it as they use a stream's ring, and
 * check its gen after each copy as they check that of a stream.  Which
 * segments there are follows from what is asked for, never from who asks:
 * ten thousand clients with the same cursor read the same segment, and one
 * whose segment was freed meanwhile asks again for the offset it is at.
 *
 *     worker   looks for a segment with its offset     segment_find()
 *              else asks, in its own slot              want_ask()
 *     writer   sees the question, asks Kafka where
 *              that begins, makes a segment, answers   want_read(), _reply()
 *              fills it, and wakes the workers         segment_filled()
 *     worker   reads it, then looks for the next one, or goes on in the ring
 *              once that has its offset
 *
 * No reader is known to the writer, only when a segment was last read.  So a
 * reader that dies leaves nothing behind, and one that is too slow loses its
 * segment, not its place.
 *
 * Each field has one writer, except used.  A question is written like an
 * entry under a sequence lock, by the one process that has the slot.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_segment.h"


#define NGX_KAFKA_WS_SEGMENT_IDLE   200    /* ms; then it may give way */
#define NGX_KAFKA_WS_SEGMENT_SHARE  4      /* of the zone: a quarter */

/* ms, when it was last read, or made */
#define ngx_kafka_ws_segment_touched(segment)                                 \
    ngx_max(ngx_kafka_ws_load_relaxed(&(segment)->used), (segment)->made)


static ngx_int_t ngx_kafka_ws_segment_open(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_segment_t *segment, ngx_kafka_ws_segment_view_t *view);
static ngx_kafka_ws_segment_t *ngx_kafka_ws_segment_place(
    ngx_kafka_ws_cluster_t *kwc, ngx_uint_t replace, ngx_uint_t *busy);
static ngx_uint_t ngx_kafka_ws_segment_stale(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_segment_t *segment);


ngx_int_t
ngx_kafka_ws_segment_find(ngx_kafka_ws_root_t *root, uint32_t stream,
    uint64_t life, int64_t offset, ngx_kafka_ws_segment_view_t *view,
    int64_t *start)
{
    int64_t                  asked, from, next;
    uint32_t                 full;
    ngx_uint_t               i;
    ngx_kafka_ws_segment_t  *seg;

    for (i = 0; i < NGX_KAFKA_WS_SEGMENTS; i++) {
        seg = &root->segment[i];

        view->gen = ngx_kafka_ws_load_acquire(&seg->gen);

        if ((view->gen & 1) || ngx_kafka_ws_load_relaxed(&seg->ring) == 0
            || ngx_kafka_ws_load_relaxed(&seg->stream) != stream
            || ngx_kafka_ws_load_relaxed(&seg->life) != life)
        {
            continue;
        }

        asked = ngx_kafka_ws_load_relaxed(&seg->asked);
        from = ngx_kafka_ws_load_relaxed(&seg->from);
        full = ngx_kafka_ws_load_acquire(&seg->full);
        next = ngx_kafka_ws_load_acquire(&seg->next);

        if (offset < asked || offset > next || (offset == next && full)) {
            continue;
        }

        if (ngx_kafka_ws_segment_open(root, seg, view) == NGX_OK) {
            *start = ngx_max(offset, from);
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* view->gen is set; the segment may be another by now */

static ngx_int_t
ngx_kafka_ws_segment_open(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_segment_t *segment, ngx_kafka_ws_segment_view_t *view)
{
    if (ngx_kafka_ws_shm_open_ring(root,
                              ngx_kafka_ws_load_relaxed(&segment->ring),
                              ngx_kafka_ws_load_relaxed(&segment->ring_bytes),
                              &view->ring)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    view->segment = segment;
    view->life = ngx_kafka_ws_load_relaxed(&segment->life);

    ngx_kafka_ws_fence_acquire();

    return ngx_kafka_ws_segment_look(view);
}


ngx_int_t
ngx_kafka_ws_segment_look(ngx_kafka_ws_segment_view_t *view)
{
    /* full first: then next is its last one */

    view->full = ngx_kafka_ws_load_acquire(&view->segment->full);
    view->next = ngx_kafka_ws_load_acquire(&view->segment->next);

    if (!ngx_kafka_ws_segment_valid(view)) {
        return NGX_DECLINED;
    }

    /* should it be another's by now, that one lives a little longer */
    ngx_kafka_ws_store_relaxed(&view->segment->used, ngx_kafka_ws_shm_now());

    return NGX_OK;
}


uint64_t
ngx_kafka_ws_want_ask(ngx_kafka_ws_root_t *root, ngx_kafka_ws_want_t *want,
    uint32_t stream, int64_t offset, int64_t since, ngx_uint_t exact)
{
    uint64_t  number;

    number = (ngx_kafka_ws_load_relaxed(&want->number) | 1) + 1;

    ngx_kafka_ws_store_relaxed(&want->number, number - 1);
    ngx_kafka_ws_fence_release();

    ngx_kafka_ws_store_relaxed(&want->offset, offset);
    ngx_kafka_ws_store_relaxed(&want->since, since);
    ngx_kafka_ws_store_relaxed(&want->stream, stream);
    ngx_kafka_ws_store_relaxed(&want->exact, (uint32_t) exact);

    ngx_kafka_ws_store_release(&want->number, number);
    (void) ngx_kafka_ws_fetch_add(&root->wants, 1);

    return number;
}


ngx_kafka_ws_want_e
ngx_kafka_ws_want_answer(ngx_kafka_ws_want_t *want, uint64_t number,
    int64_t *start)
{
    if (ngx_kafka_ws_load_acquire(&want->answered) != number) {
        return NGX_KAFKA_WS_WANT_WAITS;
    }

    *start = ngx_kafka_ws_load_relaxed(&want->start);

    return (ngx_kafka_ws_want_e) ngx_kafka_ws_load_relaxed(&want->result);
}


ngx_int_t
ngx_kafka_ws_want_read(ngx_kafka_ws_want_t *want, ngx_kafka_ws_want_t *copy)
{
    copy->number = ngx_kafka_ws_load_acquire(&want->number);

    if ((copy->number & 1) || copy->number == want->answered) {
        return NGX_DECLINED;
    }

    copy->offset = ngx_kafka_ws_load_relaxed(&want->offset);
    copy->since = ngx_kafka_ws_load_relaxed(&want->since);
    copy->stream = ngx_kafka_ws_load_relaxed(&want->stream);
    copy->exact = ngx_kafka_ws_load_relaxed(&want->exact);

    ngx_kafka_ws_fence_acquire();

    return (ngx_kafka_ws_load_relaxed(&want->number) == copy->number)
           ? NGX_OK : NGX_DECLINED;
}


void
ngx_kafka_ws_want_reply(ngx_kafka_ws_want_t *want, uint64_t number,
    ngx_kafka_ws_want_e result, int64_t start)
{
    /* the process reads them only once answered is its number */

    ngx_kafka_ws_store_relaxed(&want->start, start);
    ngx_kafka_ws_store_relaxed(&want->result, (uint32_t) result);

    ngx_kafka_ws_store_release(&want->answered, number);
}


ngx_kafka_ws_segment_t *
ngx_kafka_ws_segment_make(ngx_kafka_ws_cluster_t *kwc, uint32_t stream,
    uint64_t life, int64_t asked, int64_t from, ngx_kafka_ws_ring_t *ring,
    ngx_uint_t *busy)
{
    size_t                   bytes;
    uint64_t                 block;
    ngx_kafka_ws_segment_t  *seg;

    bytes = ngx_kafka_ws_shm_ring_bytes(kwc);

    seg = ngx_kafka_ws_segment_place(kwc, 0, busy);
    if (seg == NULL) {
        return NULL;
    }

    block = ngx_kafka_ws_shm_alloc(kwc, bytes);

    if (block == 0) {
        seg = ngx_kafka_ws_segment_place(kwc, 1, busy);
        if (seg == NULL) {
            return NULL;
        }

        block = ngx_kafka_ws_shm_alloc(kwc, bytes);
        if (block == 0) {
            return NULL;
        }
    }

    ngx_kafka_ws_shm_init_ring(kwc, block, from);

    if (ngx_kafka_ws_shm_open_ring(kwc->root, block, bytes, ring) != NGX_OK) {
        ngx_kafka_ws_shm_free(kwc, block);
        return NULL;
    }

    ring->once = 1;

    ngx_kafka_ws_store_relaxed(&seg->gen, seg->gen + 1);
    ngx_kafka_ws_fence_release();

    ngx_kafka_ws_store_relaxed(&seg->life, life);
    ngx_kafka_ws_store_relaxed(&seg->ring, block);
    ngx_kafka_ws_store_relaxed(&seg->ring_bytes, bytes);
    ngx_kafka_ws_store_relaxed(&seg->stream, stream);
    ngx_kafka_ws_store_relaxed(&seg->full, 0);
    ngx_kafka_ws_store_relaxed(&seg->asked, asked);
    ngx_kafka_ws_store_relaxed(&seg->from, from);
    ngx_kafka_ws_store_relaxed(&seg->next, from);
    ngx_kafka_ws_store_relaxed(&seg->made, ngx_kafka_ws_shm_now());
    ngx_kafka_ws_store_relaxed(&seg->used, 0);

    ngx_kafka_ws_store_release(&seg->gen, seg->gen + 1);

    return seg;
}


/*
 * A free place within the share that segments may have of the zone, or that
 * of the one which was not read for the longest time.
 * replace:  1: nothing but the latter
 */

static ngx_kafka_ws_segment_t *
ngx_kafka_ws_segment_place(ngx_kafka_ws_cluster_t *kwc, ngx_uint_t replace,
    ngx_uint_t *busy)
{
    uint64_t                 now, used, least;
    ngx_uint_t               i, n, max;
    ngx_kafka_ws_root_t     *root;
    ngx_kafka_ws_segment_t  *seg, *free, *oldest;

    root = kwc->root;
    now = ngx_kafka_ws_shm_now();
    n = 0;
    least = now;
    free = NULL;
    oldest = NULL;

    for (i = 0; i < NGX_KAFKA_WS_SEGMENTS; i++) {
        seg = &root->segment[i];

        if (seg->ring == 0) {
            free = seg;
            continue;
        }

        n++;
        used = ngx_kafka_ws_segment_touched(seg);

        if (seg->full && now - used > NGX_KAFKA_WS_SEGMENT_IDLE
            && used < least)
        {
            least = used;
            oldest = seg;
        }
    }

    *busy = (n > 0);

    max = root->size / NGX_KAFKA_WS_SEGMENT_SHARE
          / ngx_kafka_ws_shm_ring_bytes(kwc);
    max = ngx_max(max, 1);

    if (!replace && free && n < max) {
        return free;
    }

    if (oldest) {
        ngx_kafka_ws_segment_free(kwc, oldest);
    }

    return oldest;
}


void
ngx_kafka_ws_segment_free(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_segment_t *segment)
{
    uint64_t  block;

    block = segment->ring;

    ngx_kafka_ws_store_relaxed(&segment->gen, segment->gen + 1);
    ngx_kafka_ws_fence_release();

    ngx_kafka_ws_store_relaxed(&segment->ring, 0);
    ngx_kafka_ws_store_relaxed(&segment->ring_bytes, 0);

    ngx_kafka_ws_store_release(&segment->gen, segment->gen + 1);

    if (block) {
        ngx_kafka_ws_shm_free(kwc, block);
    }
}


ngx_uint_t
ngx_kafka_ws_segment_count(ngx_kafka_ws_root_t *root)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NGX_KAFKA_WS_SEGMENTS; i++) {
        n += (ngx_kafka_ws_load_relaxed(&root->segment[i].ring) != 0);
    }

    return n;
}


void
ngx_kafka_ws_segment_filled(ngx_kafka_ws_segment_t *segment, int64_t next,
    ngx_uint_t full)
{
    ngx_kafka_ws_store_release(&segment->next, next);

    if (full) {
        ngx_kafka_ws_store_release(&segment->full, 1);
    }
}


void
ngx_kafka_ws_segment_adopt(ngx_kafka_ws_cluster_t *kwc)
{
    ngx_uint_t               i;
    ngx_kafka_ws_ring_t      ring;
    ngx_kafka_ws_root_t     *root;
    ngx_kafka_ws_segment_t  *seg;

    root = kwc->root;

    for (i = 0; i < NGX_KAFKA_WS_SEGMENTS; i++) {
        seg = &root->segment[i];

        if (seg->gen & 1) {
            /* the writer before died while it changed this one: its block
               is nobody's, if it was not freed yet */
            ngx_kafka_ws_store_relaxed(&seg->ring, 0);
            ngx_kafka_ws_store_release(&seg->gen, seg->gen + 1);
        }

        if (seg->ring == 0 || seg->full) {
            continue;
        }

        if (ngx_kafka_ws_shm_open_ring(root, seg->ring, seg->ring_bytes,
                                       &ring)
            != NGX_OK
            || ngx_kafka_ws_ring_head(&ring) == 0)
        {
            ngx_kafka_ws_segment_free(kwc, seg);
            continue;
        }

        ngx_kafka_ws_segment_filled(seg, ngx_kafka_ws_ring_next_offset(&ring),
                                    1);
    }
}


void
ngx_kafka_ws_segment_sweep(ngx_kafka_ws_cluster_t *kwc, uint64_t idle)
{
    uint64_t                 now;
    ngx_uint_t               i;
    ngx_kafka_ws_root_t     *root;
    ngx_kafka_ws_segment_t  *seg;

    root = kwc->root;
    now = ngx_kafka_ws_shm_now();

    for (i = 0; i < NGX_KAFKA_WS_SEGMENTS; i++) {
        seg = &root->segment[i];

        if (seg->ring && seg->full
            && (now - ngx_kafka_ws_segment_touched(seg) >= idle
                || ngx_kafka_ws_segment_stale(root, seg)))
        {
            ngx_kafka_ws_segment_free(kwc, seg);
        }
    }
}


static ngx_uint_t
ngx_kafka_ws_segment_stale(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_segment_t *segment)
{
    ngx_kafka_ws_stream_t  *stream;

    stream = ngx_kafka_ws_shm_stream(root, segment->stream);

    return stream == NULL
           || ngx_kafka_ws_load_relaxed(&stream->gen) != segment->life;
}
