
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Records for the tests of the ring.  The offset alone decides what each
 * frame is, so that any process can check what it reads.  guard.h and tap.h
 * come before it.
 */


#ifndef _RING_FRAMES_H_INCLUDED_
#define _RING_FRAMES_H_INCLUDED_


#include "ngx_kafka_ws_ring.h"


#define OK       NGX_KAFKA_WS_RING_OK
#define LAPPED   NGX_KAFKA_WS_RING_LAPPED
#define ETOOBIG  NGX_KAFKA_WS_RING_ETOOBIG
#define EINVAL_  NGX_KAFKA_WS_RING_EINVAL

#define BASE     1000
#define NO_LIMIT UINT64_MAX

#define count(a) (sizeof(a) / sizeof(a[0]))


static size_t  frame_limit = 64;     /* bytes of the longest frame */


/* splitmix64 */

static inline uint64_t
mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;

    return x ^ (x >> 31);
}


/* one in 16 is empty, one in 16 as long as may be */

static inline size_t
frame_len(int64_t offset, unsigned r)
{
    uint64_t  x;

    x = mix((uint64_t) offset * 16 + r);

    switch (x & 15) {

    case 0:
        return 0;

    case 1:
        return frame_limit;

    default:
        return (size_t) ((x >> 4) % (frame_limit + 1));
    }
}


static inline void
frame_fill(int64_t offset, unsigned r, uint8_t *p, size_t len)
{
    size_t    i;
    uint64_t  x;

    x = (uint64_t) offset * 16 + r;

    for (i = 0; i < len; i++) {

        if (i % 8 == 0) {
            x = mix(x);
        }

        p[i] = (uint8_t) (x >> (8 * (i % 8)));
    }
}


/* 1 if [p, p + len) is the frame of that record, whole */

static inline int
frame_good(int64_t offset, unsigned r, const uint8_t *p, size_t len)
{
    size_t    i;
    uint64_t  x;

    if (len != frame_len(offset, r)) {
        return 0;
    }

    x = (uint64_t) offset * 16 + r;

    for (i = 0; i < len; i++) {

        if (i % 8 == 0) {
            x = mix(x);
        }

        if (p[i] != (uint8_t) (x >> (8 * (i % 8)))) {
            return 0;
        }
    }

    return 1;
}


/* publishes the record of that offset; the one before it was from - 1 */

static inline ngx_kafka_ws_ring_e
ring_put(ngx_kafka_ws_ring_t *ring, int64_t from, int64_t offset)
{
    unsigned                    r;
    uint8_t                    *p;
    ngx_kafka_ws_span_t         frames[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_kafka_ws_ring_record_t  rec;
    static uint8_t              room[NGX_KAFKA_WS_RENDERINGS_MAX * 65536];

    p = room;

    for (r = 0; r < ring->nrenderings; r++) {
        frames[r].data = p;
        frames[r].len = frame_len(offset, r);
        frame_fill(offset, r, p, frames[r].len);
        p += frames[r].len;
    }

    memset(&rec, 0, sizeof(rec));
    rec.offset = offset;
    rec.from = from;
    rec.timestamp = offset * 10;

    return ngx_kafka_ws_ring_publish(ring, &rec, frames);
}


static inline ngx_kafka_ws_ring_e
ring_next(ngx_kafka_ws_ring_t *ring)
{
    int64_t  offset;

    offset = ngx_kafka_ws_ring_next_offset(ring);

    return ring_put(ring, offset, offset);
}


/* what cannot be sent, from..to */

static inline ngx_kafka_ws_ring_e
ring_gap(ngx_kafka_ws_ring_t *ring, int64_t from, int64_t to, uint32_t flags)
{
    ngx_kafka_ws_span_t         frames[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_kafka_ws_ring_record_t  rec;

    memset(frames, 0, sizeof(frames));
    memset(&rec, 0, sizeof(rec));
    rec.offset = to;
    rec.from = from;
    rec.timestamp = -1;
    rec.flags = flags;

    return ngx_kafka_ws_ring_publish(ring, &rec, frames);
}


/* a ring in memory of just its size; ends with the test if it cannot be */

static inline void *
ring_new(ngx_kafka_ws_ring_t *ring, size_t size, size_t entries,
    unsigned nrenderings)
{
    void    *mem;
    size_t   bytes;

    bytes = ngx_kafka_ws_ring_bytes(size, entries, nrenderings);
    mem = guard_new(bytes);

    /* what a zone gives is not clean */

    memset(mem, 0xa5, bytes);

    ngx_kafka_ws_ring_init(mem, size, entries, nrenderings, BASE);

    if (ngx_kafka_ws_ring_open(ring, mem, bytes) != OK) {
        printf("Bail out!  a fresh ring does not open\n");
        exit(2);
    }

    return mem;
}


static inline void
ring_free(void *mem, size_t size, size_t entries, unsigned nrenderings)
{
    guard_free(mem, ngx_kafka_ws_ring_bytes(size, entries, nrenderings));
}


#endif /* _RING_FRAMES_H_INCLUDED_ */
