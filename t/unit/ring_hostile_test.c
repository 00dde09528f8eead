
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Shared memory that holds anything: whatever stands there, nothing outside
 * of the ring and of the caller's buffers is touched.  The ring lies in heap
 * memory of just its size, and again right before an unreadable page.
 */


#include "guard.h"
#include "tap.h"

#include "ring_frames.h"


#define SIZE     1024
#define ENTRIES  16
#define ENDS     8
#define BUF      600
#define ROUNDS   4000


static uint64_t  seed = 7;


static uint64_t
random_word(void)
{
    static const uint64_t  edges[] = {
        0, 1, 2, 15, 16, 17, SIZE - 1, SIZE, SIZE + 1, SIZE / 4,
        (uint64_t) INT64_MAX, 1ULL << 63, UINT64_MAX, UINT64_MAX - SIZE,
        UINT32_MAX, 1ULL << 32, 1ULL << 61
    };

    seed = mix(seed);

    switch (seed % 4) {

    case 0:
        return edges[(seed >> 8) % count(edges)];

    case 1:
        return (seed >> 8) % 4096;

    default:
        return mix(seed);
    }
}


/* some words of [from, to) become anything */

static void
damage(uint8_t *mem, size_t from, size_t to, unsigned n)
{
    size_t    at;
    uint64_t  word;

    while (n--) {
        at = from + random_word() % ((to - from) / 4) * 4;
        word = random_word();
        memcpy(mem + at, &word, at + 8 <= to ? 8 : 4);
    }
}


/* all that a reader may call; 1 if each result is one that it may give */

static int
use_reader(const ngx_kafka_ws_ring_t *ring)
{
    int                        good;
    size_t                     i;
    uint8_t                   *buf;
    int64_t                    offset;
    uint64_t                   seq;
    uint32_t                  *ends;
    unsigned                   r;
    ngx_kafka_ws_ring_e        rc;
    ngx_kafka_ws_ring_span_t   span;

    good = 1;
    buf = malloc(BUF);
    ends = malloc(ENDS * sizeof(uint32_t));

    for (r = 0; r < ring->nrenderings; r++) {

        switch (random_word() % 3) {

        case 0:
            seq = random_word();
            break;

        case 1:
            seq = ngx_kafka_ws_ring_tail(ring);
            break;

        default:
            seq = ngx_kafka_ws_ring_head(ring) - random_word() % 20;
        }

        rc = ngx_kafka_ws_ring_read(ring, r, seq, random_word(), buf, BUF,
                                    ends, NULL, ENDS, &span);

        if (rc == OK) {
            good &= span.n <= ENDS && span.len <= BUF
                    && span.next - seq == span.n;

            for (i = 0; i < span.n; i++) {
                good &= ends[i] <= span.len
                        && ends[i] >= (i ? ends[i - 1] : 0);
            }

        } else if (rc == ETOOBIG) {
            /* who makes room for it must not be led to ask for gigabytes */

            good &= span.len > BUF && span.len <= ring->size;

        } else {
            good &= rc == LAPPED || rc == EINVAL_;
        }

        rc = ngx_kafka_ws_ring_offset(ring, seq, &offset);
        good &= rc == OK || rc == LAPPED;

        (void) ngx_kafka_ws_ring_seek_offset(ring, (int64_t) random_word());
        (void) ngx_kafka_ws_ring_seek_time(ring, (int64_t) random_word());
        (void) ngx_kafka_ws_ring_next_offset(ring);
    }

    free(buf);
    free(ends);

    return good;
}


static int
round_of(uint8_t *mem, size_t bytes, unsigned nrenderings)
{
    int                   good;
    unsigned              i;
    ngx_kafka_ws_ring_t   ring, writer;

    ngx_kafka_ws_ring_init(mem, SIZE, ENTRIES, nrenderings, BASE);

    if (ngx_kafka_ws_ring_open(&ring, mem, bytes) != OK) {
        return 0;
    }

    for (i = 0; i < 40; i++) {
        (void) ring_next(&ring);
    }

    good = use_reader(&ring);

    /* everything but magic number and geometry */

    damage(mem, 32, bytes - SIZE * nrenderings,
           1 + (unsigned) (random_word() % 30));
    good &= use_reader(&ring);

    /* one who opens it now, and even writes */

    if (ngx_kafka_ws_ring_open(&writer, mem, bytes) == OK) {
        for (i = 0; i < 10; i++) {
            (void) ring_put(&writer, (int64_t) i, (int64_t) i);
        }

        good &= use_reader(&writer);
    }

    /* and now the geometry */

    damage(mem, 8, 40, 1 + (unsigned) (random_word() % 3));
    good &= use_reader(&ring);

    if (ngx_kafka_ws_ring_open(&writer, mem, bytes) == OK) {
        good &= use_reader(&writer);
        (void) ring_put(&writer, 1, 1);
    }

    return good;
}


int
main(void)
{
    int        good;
    size_t     bytes;
    uint8_t   *heap, *mem;
    unsigned   i, nrenderings;

    frame_limit = SIZE / 4;

    for (nrenderings = 1; nrenderings <= 8; nrenderings += 7) {
        bytes = ngx_kafka_ws_ring_bytes(SIZE, ENTRIES, nrenderings);
        mem = guard_new(bytes);
        heap = aligned_alloc(64, bytes);
        good = 1;

        for (i = 0; i < ROUNDS / nrenderings; i++) {
            memset(heap, 0, bytes);
            good &= round_of(heap, bytes, nrenderings);
            good &= round_of(mem, bytes, nrenderings);
        }

        ok(good, "anything in memory, %u renderings", nrenderings);

        free(heap);
        guard_free(mem, bytes);
    }

    return tap_done(2);
}
