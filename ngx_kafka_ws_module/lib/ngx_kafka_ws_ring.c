
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * One writer, any number of readers in other processes, no lock, no reader's
 * state in shared memory: the writer never waits and does not know who reads.
 *
 * Layout, in one block that the caller gives:
 *
 *     head struct | index entries | data ring 0 | data ring 1 | ...
 *
 * Records are numbered from 0 by their sequence number; entry seq lies at
 * seq modulo the index's size.  An entry holds the record's Kafka offset and
 * timestamp, and for each rendering the position and length of its frame.
 * Positions count bytes since the ring was made; a position modulo the data
 * ring's size is the place.  Frames lie back to back, so that a span of
 * records is one run of bytes; a frame that would cross the end of the data
 * ring starts at its beginning instead, and readers see from the positions
 * that a new run begins there.
 *
 * Two counters carry the protocol, each on a cache line of its own:
 *
 *     tail    the oldest record whose entry and frames are whole
 *     head    the next record to be published
 *
 *     writer: tail = what will survive (store), release fence,
 *             frames, entry, head (store release)
 *     reader: head (load acquire), entries, frames into the reader's own
 *             memory, acquire fence, tail: good if not above the first
 *             record copied
 *
 * The writer's release fence and the reader's acquire fence pair up: who saw
 * a byte of the new record sees the tail that gave up the old one.  What a
 * reader has from the ring before the check is untrusted; lengths are bounded
 * before a copy, so a torn entry costs a wasted copy, never an overrun.
 *
 * A writer that dies leaves the head where it was: the record it was writing
 * was not published, its place had been given up by the tail before.  The
 * next writer derives all it needs from the last entry.  The tail is never
 * lowered.
 *
 * To add a field to the entry, change NGX_KAFKA_WS_RING_MAGIC: a ring made
 * by other code must not be opened.
 */


#include <string.h>

#include "ngx_kafka_ws_atomic.h"
#include "ngx_kafka_ws_ring.h"


#define NGX_KAFKA_WS_RING_MAGIC  0x6b77732d72696e31ULL   /* "kws-rin1" */
#define NGX_KAFKA_WS_RING_LINE   64
#define NGX_KAFKA_WS_RING_TRIES  100   /* searches that were overrun */

/*
 * A dying writer may tear the entry that it was about to publish, which must
 * not be the last one published; and the tail is then always older than the
 * last release fence, so that who sees it sees its entry.
 */
#define NGX_KAFKA_WS_RING_ENTRIES_MIN  4

#define ngx_kafka_ws_ring_align(n)                                            \
    (((n) + NGX_KAFKA_WS_RING_LINE - 1)                                       \
     & ~((size_t) NGX_KAFKA_WS_RING_LINE - 1))

/* the offset behind it: no overflow, whatever stands there */

#define ngx_kafka_ws_ring_after(offset)                                       \
    ((int64_t) ((uint64_t) ngx_kafka_ws_load_relaxed(offset) + 1))


typedef struct {
    uint64_t                    pos;
    uint32_t                    len;
    uint32_t                    unused;
} ngx_kafka_ws_ring_slice_t;


struct ngx_kafka_ws_ring_entry_s {
    int64_t                     offset;
    int64_t                     from;
    int64_t                     timestamp;
    uint32_t                    flags;
    uint32_t                    unused;
    ngx_kafka_ws_ring_slice_t   slice[];
};


/*
 * writer:   one process at a time        readers: any, without a lock
 * order:    see above
 * lifetime: until the zone's owner frees the block; never moved
 */

struct ngx_kafka_ws_ring_head_s {
    uint64_t                    magic;
    uint64_t                    size;
    uint64_t                    entries;
    uint64_t                    nrenderings;
    int64_t                     base;
    uint64_t                    unused1[3];

    uint64_t                    head;
    uint64_t                    unused2[7];

    uint64_t                    tail;
    uint64_t                    unused3[7];
};


static ngx_kafka_ws_ring_entry_t *ngx_kafka_ws_ring_entry(
    const ngx_kafka_ws_ring_t *ring, uint64_t seq);
static uint32_t ngx_kafka_ws_ring_stride(unsigned nrenderings);
static uint64_t ngx_kafka_ws_ring_place(const ngx_kafka_ws_ring_t *ring,
    uint64_t pos, size_t len);
static uint64_t ngx_kafka_ws_ring_survivor(const ngx_kafka_ws_ring_t *ring,
    uint64_t seq, const uint64_t *ends);
static uint64_t ngx_kafka_ws_ring_seek(const ngx_kafka_ws_ring_t *ring,
    int64_t value, size_t field);


size_t
ngx_kafka_ws_ring_bytes(size_t size, size_t entries, unsigned nrenderings)
{
    return sizeof(ngx_kafka_ws_ring_head_t)
           + ngx_kafka_ws_ring_align(
                 entries * ngx_kafka_ws_ring_stride(nrenderings))
           + size * nrenderings;
}


size_t
ngx_kafka_ws_ring_entries(size_t size)
{
    return (size < 16 * 256) ? 16 : size / 256;
}


void
ngx_kafka_ws_ring_init(void *mem, size_t size, size_t entries,
    unsigned nrenderings, int64_t base)
{
    ngx_kafka_ws_ring_head_t  *h;

    h = mem;

    memset(h, 0, sizeof(ngx_kafka_ws_ring_head_t));

    h->magic = NGX_KAFKA_WS_RING_MAGIC;
    h->size = size;
    h->entries = entries;
    h->nrenderings = nrenderings;
    h->base = base;
}


ngx_kafka_ws_ring_e
ngx_kafka_ws_ring_open(ngx_kafka_ws_ring_t *ring, void *mem, size_t bytes)
{
    unsigned                    r;
    uint64_t                    seq, n;
    ngx_kafka_ws_ring_head_t   *h;
    ngx_kafka_ws_ring_slice_t  *slice;

    h = mem;

    if (bytes < sizeof(ngx_kafka_ws_ring_head_t)
        || h->magic != NGX_KAFKA_WS_RING_MAGIC)
    {
        return NGX_KAFKA_WS_RING_EINVAL;
    }

    memset(ring, 0, sizeof(ngx_kafka_ws_ring_t));

    ring->head = h;
    ring->next = &h->head;
    ring->size = h->size;
    ring->entries = h->entries;
    n = h->nrenderings;

    if (ring->size == 0 || (ring->size & (ring->size - 1)) != 0
        || ring->entries < NGX_KAFKA_WS_RING_ENTRIES_MIN
        || (ring->entries & (ring->entries - 1)) != 0
        || n == 0 || n > NGX_KAFKA_WS_RENDERINGS_MAX
        || ring->size > bytes || ring->entries > bytes
        || ngx_kafka_ws_ring_bytes(ring->size, ring->entries, (unsigned) n)
           > bytes)
    {
        return NGX_KAFKA_WS_RING_EINVAL;
    }

    ring->nrenderings = (uint32_t) n;
    ring->stride = ngx_kafka_ws_ring_stride(ring->nrenderings);
    ring->index = (uint8_t *) mem + sizeof(ngx_kafka_ws_ring_head_t);

    ring->data[0] = ring->index
                    + ngx_kafka_ws_ring_align(ring->entries * ring->stride);

    for (r = 1; r < ring->nrenderings; r++) {
        ring->data[r] = ring->data[r - 1] + ring->size;
    }

    /* a writer goes on behind the last frames published */

    seq = ngx_kafka_ws_ring_head(ring);

    if (seq == 0) {
        return NGX_KAFKA_WS_RING_OK;
    }

    slice = ngx_kafka_ws_ring_entry(ring, seq - 1)->slice;

    for (r = 0; r < ring->nrenderings; r++) {
        ring->pos[r] = slice[r].pos + slice[r].len;
    }

    return NGX_KAFKA_WS_RING_OK;
}


ngx_kafka_ws_ring_e
ngx_kafka_ws_ring_publish(ngx_kafka_ws_ring_t *ring,
    const ngx_kafka_ws_ring_record_t *rec, const ngx_kafka_ws_span_t *frames)
{
    unsigned                    r;
    uint64_t                    seq, tail, ends[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_kafka_ws_ring_entry_t  *e;
    ngx_kafka_ws_ring_slice_t  *slice;

    for (r = 0; r < ring->nrenderings; r++) {

        if (frames[r].len > ngx_kafka_ws_ring_frame_max(ring)) {
            return NGX_KAFKA_WS_RING_ETOOBIG;
        }

        ends[r] = ngx_kafka_ws_ring_place(ring, ring->pos[r], frames[r].len)
                  + frames[r].len;
    }

    seq = ngx_kafka_ws_load_relaxed(&ring->head->head);

    tail = ngx_kafka_ws_ring_survivor(ring, seq, ends);

    if (tail && ring->once) {
        return NGX_KAFKA_WS_RING_FULL;
    }

    ngx_kafka_ws_store_relaxed(&ring->head->tail, tail);
    ngx_kafka_ws_fence_release();

    e = ngx_kafka_ws_ring_entry(ring, seq);

    e->offset = rec->offset;
    e->from = rec->from;
    e->timestamp = rec->timestamp;
    e->flags = rec->flags;

    slice = e->slice;

    for (r = 0; r < ring->nrenderings; r++) {
        slice[r].pos = ends[r] - frames[r].len;
        slice[r].len = (uint32_t) frames[r].len;

        if (frames[r].len) {
            memcpy(ring->data[r] + (slice[r].pos & (ring->size - 1)),
                   frames[r].data, frames[r].len);
        }

        ring->pos[r] = ends[r];
    }

    ngx_kafka_ws_store_release(&ring->head->head, seq + 1);

    return NGX_KAFKA_WS_RING_OK;
}


size_t
ngx_kafka_ws_ring_frame_max(const ngx_kafka_ws_ring_t *ring)
{
    return ring->size / NGX_KAFKA_WS_RING_FRAMES;
}


uint64_t
ngx_kafka_ws_ring_tail(const ngx_kafka_ws_ring_t *ring)
{
    return ngx_kafka_ws_load_acquire(&ring->head->tail);
}


ngx_kafka_ws_ring_e
ngx_kafka_ws_ring_offset(const ngx_kafka_ws_ring_t *ring, uint64_t seq,
    int64_t *offset)
{
    uint64_t  head, tail, need;

    head = ngx_kafka_ws_ring_head(ring);
    tail = ngx_kafka_ws_ring_tail(ring);

    if (seq < tail || seq > head) {
        return NGX_KAFKA_WS_RING_LAPPED;
    }

    if (head == 0) {
        *offset = ring->head->base;
        return NGX_KAFKA_WS_RING_OK;
    }

    if (seq > tail) {
        need = seq - 1;
        *offset = ngx_kafka_ws_ring_after(
                      &ngx_kafka_ws_ring_entry(ring, need)->offset);

    } else if (seq == 0) {
        need = 0;
        *offset = ring->head->base;

    } else {
        need = seq;
        *offset = ngx_kafka_ws_ring_entry(ring, need)->from;
    }

    ngx_kafka_ws_fence_acquire();

    if (ngx_kafka_ws_load_relaxed(&ring->head->tail) > need) {
        return NGX_KAFKA_WS_RING_LAPPED;
    }

    return NGX_KAFKA_WS_RING_OK;
}


int64_t
ngx_kafka_ws_ring_next_offset(const ngx_kafka_ws_ring_t *ring)
{
    uint64_t  head;

    head = ngx_kafka_ws_ring_head(ring);

    if (head == 0) {
        return ring->head->base;
    }

    return ngx_kafka_ws_ring_after(
               &ngx_kafka_ws_ring_entry(ring, head - 1)->offset);
}


uint64_t
ngx_kafka_ws_ring_seek_offset(const ngx_kafka_ws_ring_t *ring, int64_t offset)
{
    return ngx_kafka_ws_ring_seek(ring, offset,
                                  offsetof(ngx_kafka_ws_ring_entry_t, offset));
}


uint64_t
ngx_kafka_ws_ring_seek_time(const ngx_kafka_ws_ring_t *ring, int64_t timestamp)
{
    return ngx_kafka_ws_ring_seek(ring, timestamp,
                               offsetof(ngx_kafka_ws_ring_entry_t, timestamp));
}


static uint64_t
ngx_kafka_ws_ring_seek(const ngx_kafka_ws_ring_t *ring, int64_t value,
    size_t field)
{
    int64_t    v;
    uint64_t   lo, hi, mid, lowest, head;
    unsigned   tries;
    uint8_t   *e;

    head = 0;

    for (tries = 0; tries < NGX_KAFKA_WS_RING_TRIES; tries++) {

        lo = ngx_kafka_ws_ring_tail(ring);
        head = ngx_kafka_ws_ring_head(ring);
        hi = head;
        lowest = head;

        while (lo < hi) {
            mid = lo + (hi - lo) / 2;

            if (mid < lowest) {
                lowest = mid;
            }

            e = (uint8_t *) ngx_kafka_ws_ring_entry(ring, mid);
            v = ngx_kafka_ws_load_relaxed((int64_t *) (void *) (e + field));

            if (v < value) {
                lo = mid + 1;

            } else {
                hi = mid;
            }
        }

        ngx_kafka_ws_fence_acquire();

        if (ngx_kafka_ws_load_relaxed(&ring->head->tail) <= lowest) {
            return lo;
        }

        /* the writer came past an entry that was looked at: once more */
    }

    return head;
}


ngx_kafka_ws_ring_e
ngx_kafka_ws_ring_read(const ngx_kafka_ws_ring_t *ring, unsigned r,
    uint64_t seq, uint64_t limit, uint8_t *buf, size_t size, uint32_t *ends,
    int64_t *offsets, size_t nends, ngx_kafka_ws_ring_span_t *span)
{
    size_t                            len, run, done;
    uint32_t                          flags;
    uint64_t                          head, pos, start, next, s;
    ngx_kafka_ws_ring_e               rc;
    const ngx_kafka_ws_ring_entry_t  *e;

    head = ngx_kafka_ws_ring_head(ring);

    if (head > limit) {
        head = limit;
    }

    memset(span, 0, sizeof(ngx_kafka_ws_ring_span_t));

    rc = NGX_KAFKA_WS_RING_OK;
    done = 0;
    run = 0;
    start = 0;
    next = 0;

    for (s = seq; s < head && span->n < nends; s++) {

        e = ngx_kafka_ws_ring_entry(ring, s);
        pos = ngx_kafka_ws_load_relaxed(&e->slice[r].pos);
        len = ngx_kafka_ws_load_relaxed(&e->slice[r].len);
        flags = ngx_kafka_ws_load_relaxed(&e->flags);

        if (flags) {
            if (span->n) {
                break;
            }

            span->flags = flags;
        }

        if (len > ring->size || (pos & (ring->size - 1)) + len > ring->size) {
            rc = NGX_KAFKA_WS_RING_EINVAL;
            break;
        }

        if (len > size - done - run) {
            if (span->n == 0) {
                span->len = len;
                rc = NGX_KAFKA_WS_RING_ETOOBIG;
            }

            break;
        }

        if (len && (pos != next || (pos & (ring->size - 1)) == 0)) {
            /* a run ends here, and none goes over the ring's end */

            if (run) {
                memcpy(buf + done, ring->data[r] + (start & (ring->size - 1)),
                       run);
                done += run;
            }

            run = 0;
            start = pos;
        }

        if (len) {
            run += len;
            next = pos + len;
        }

        span->offset = ngx_kafka_ws_ring_after(&e->offset);

        if (offsets) {
            offsets[span->n] = span->offset;
        }

        ends[span->n++] = (uint32_t) (done + run);

        if (span->flags) {
            s++;
            break;
        }
    }

    if (run) {
        memcpy(buf + done, ring->data[r] + (start & (ring->size - 1)), run);
        done += run;
    }

    ngx_kafka_ws_fence_acquire();

    if (ngx_kafka_ws_load_relaxed(&ring->head->tail) > seq) {
        return NGX_KAFKA_WS_RING_LAPPED;
    }

    if (rc == NGX_KAFKA_WS_RING_OK) {
        span->next = (s > seq) ? s : seq;
        span->len = done;
    }

    return rc;
}


/*
 * A frame must not cross the end of the data ring: where it would, it goes
 * to the beginning of the next round.
 */

static uint64_t
ngx_kafka_ws_ring_place(const ngx_kafka_ws_ring_t *ring, uint64_t pos,
    size_t len)
{
    uint64_t  left;

    left = ring->size - (pos & (ring->size - 1));

    return (len > left) ? pos + left : pos;
}


/*
 * The oldest record that is left whole once record seq, whose frames end at
 * ends[], is written.
 */

static uint64_t
ngx_kafka_ws_ring_survivor(const ngx_kafka_ws_ring_t *ring, uint64_t seq,
    const uint64_t *ends)
{
    unsigned                          r;
    uint64_t                          tail;
    const ngx_kafka_ws_ring_slice_t  *slice;

    tail = ngx_kafka_ws_load_relaxed(&ring->head->tail);

    if (tail < seq && seq - tail >= ring->entries) {
        tail = seq - ring->entries + 1;
    }

    for (r = 0; r < ring->nrenderings; r++) {

        while (tail < seq) {
            slice = &ngx_kafka_ws_ring_entry(ring, tail)->slice[r];

            if (slice->pos + ring->size >= ends[r]) {
                break;
            }

            tail++;
        }
    }

    return tail;
}


static ngx_kafka_ws_ring_entry_t *
ngx_kafka_ws_ring_entry(const ngx_kafka_ws_ring_t *ring, uint64_t seq)
{
    return (ngx_kafka_ws_ring_entry_t *)
           (ring->index + (seq & (ring->entries - 1)) * ring->stride);
}


static uint32_t
ngx_kafka_ws_ring_stride(unsigned nrenderings)
{
    return (uint32_t) (sizeof(ngx_kafka_ws_ring_entry_t)
                       + nrenderings * sizeof(ngx_kafka_ws_ring_slice_t));
}
