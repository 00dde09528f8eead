
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "guard.h"
#include "tap.h"

#include "ring_frames.h"


#define SIZE     4096
#define ENTRIES  16


typedef struct {
    ngx_kafka_ws_ring_e       rc;
    ngx_kafka_ws_ring_span_t  span;
    uint32_t                  ends[64];
    int64_t                   offsets[64];
    uint8_t                   buf[8192];
} got_t;


static void
get(ngx_kafka_ws_ring_t *ring, unsigned r, uint64_t seq, uint64_t limit,
    size_t size, size_t nends, got_t *g)
{
    uint8_t   *buf;
    int64_t   *offsets;
    uint32_t  *ends;

    /* memory of just that size, so that one byte more ends the test */

    buf = guard_new(size);
    ends = (uint32_t *) (void *) guard_new(nends * sizeof(uint32_t));
    offsets = (int64_t *) (void *) guard_new(nends * sizeof(int64_t));

    g->rc = ngx_kafka_ws_ring_read(ring, r, seq, limit, buf, size, ends,
                                   offsets, nends, &g->span);

    memcpy(g->buf, buf, size);
    memcpy(g->ends, ends, nends * sizeof(uint32_t));
    memcpy(g->offsets, offsets, nends * sizeof(int64_t));

    guard_free(buf, size);
    guard_free((uint8_t *) ends, nends * sizeof(uint32_t));
    guard_free((uint8_t *) offsets, nends * sizeof(int64_t));
}


/* publishes a record with a frame for each of one or two renderings */

static ngx_kafka_ws_ring_e
put(ngx_kafka_ws_ring_t *ring, int64_t offset, int64_t timestamp,
    const char *a, const char *b)
{
    ngx_kafka_ws_span_t         frames[2];
    ngx_kafka_ws_ring_record_t  rec;

    memset(&rec, 0, sizeof(rec));
    rec.offset = offset;
    rec.from = ngx_kafka_ws_ring_next_offset(ring);
    rec.timestamp = timestamp;

    frames[0].data = (const uint8_t *) a;
    frames[0].len = strlen(a);
    frames[1].data = (const uint8_t *) b;
    frames[1].len = b ? strlen(b) : 0;

    return ngx_kafka_ws_ring_publish(ring, &rec, frames);
}


static void
test_empty(void)
{
    void                 *mem;
    got_t                 g;
    int64_t               offset;
    ngx_kafka_ws_ring_t   ring;

    mem = ring_new(&ring, SIZE, ENTRIES, 1);

    is_int(ngx_kafka_ws_ring_head(&ring), 0, "empty: head");
    is_int(ngx_kafka_ws_ring_tail(&ring), 0, "empty: tail");
    is_int(ngx_kafka_ws_ring_next_offset(&ring), BASE, "empty: next offset");
    is_int(ngx_kafka_ws_ring_seek_offset(&ring, 0), 0, "empty: seek offset");
    is_int(ngx_kafka_ws_ring_seek_offset(&ring, INT64_MAX), 0,
           "empty: seek the last offset there can be");
    is_int(ngx_kafka_ws_ring_seek_time(&ring, 0), 0, "empty: seek time");

    offset = -1;
    is_int(ngx_kafka_ws_ring_offset(&ring, 0, &offset), OK,
           "empty: offset of 0");
    is_int(offset, BASE, "empty: the first offset is the base");
    is_int(ngx_kafka_ws_ring_offset(&ring, 1, &offset), LAPPED,
           "empty: no offset behind the head");

    get(&ring, 0, 0, NO_LIMIT, 100, 4, &g);
    is_int(g.rc, OK, "empty: read");
    ok(g.span.n == 0 && g.span.len == 0 && g.span.next == 0
       && g.span.flags == 0, "empty: nothing read");

    ring_free(mem, SIZE, ENTRIES, 1);
}


static void
test_read(void)
{
    void                 *mem;
    got_t                 g;
    ngx_kafka_ws_ring_t   ring;

    mem = ring_new(&ring, SIZE, ENTRIES, 1);

    ok(put(&ring, 1000, 1, "one", NULL) == OK
       && put(&ring, 1001, 2, "", NULL) == OK
       && put(&ring, 1005, 3, "three", NULL) == OK, "three records");
    is_int(ngx_kafka_ws_ring_head(&ring), 3, "head counts them");
    is_int(ngx_kafka_ws_ring_tail(&ring), 0, "all are held");
    is_int(ngx_kafka_ws_ring_next_offset(&ring), 1006,
           "next offset follows the last record's");

    get(&ring, 0, 0, NO_LIMIT, 8, 3, &g);
    is_int(g.rc, OK, "all read into a buffer of just their size");
    is_mem(g.buf, g.span.len, "onethree", 8, "frames lie back to back");
    ok(g.ends[0] == 3 && g.ends[1] == 3 && g.ends[2] == 8,
       "an empty frame ends where it began");
    ok(g.offsets[0] == 1001 && g.offsets[1] == 1002 && g.offsets[2] == 1006,
       "the offset behind each record");
    ok(g.span.n == 3 && g.span.next == 3 && g.span.offset == 1006
       && g.span.flags == 0, "where the read got to");

    get(&ring, 0, 0, 1, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 1 && g.span.next == 1 && g.span.len == 3
       && g.span.offset == 1001, "limit of one");
    get(&ring, 0, 2, 2, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 0 && g.span.next == 2, "limit at once");
    get(&ring, 0, 2, 1, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 0 && g.span.next == 2,
       "limit behind the reader");
    get(&ring, 0, 0, NO_LIMIT, 100, 2, &g);
    ok(g.rc == OK && g.span.n == 2 && g.span.next == 2 && g.span.len == 3
       && g.span.offset == 1002, "no more records than places for ends");
    get(&ring, 0, 0, NO_LIMIT, 7, 4, &g);
    ok(g.rc == OK && g.span.n == 2 && g.span.next == 2 && g.span.len == 3,
       "whole frames only");
    get(&ring, 0, 0, NO_LIMIT, 3, 4, &g);
    ok(g.rc == OK && g.span.n == 2 && g.span.len == 3,
       "an empty frame has room in a full buffer");
    get(&ring, 0, 1, NO_LIMIT, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 2 && g.ends[0] == 0 && g.ends[1] == 5,
       "from the middle on");
    get(&ring, 0, 2, NO_LIMIT, 4, 4, &g);
    is_int(g.rc, ETOOBIG, "frame larger than the buffer");
    is_int(g.span.len, 5, "the size it needs");
    get(&ring, 0, 2, NO_LIMIT, 0, 4, &g);
    is_int(g.rc, ETOOBIG, "no buffer at all");
    get(&ring, 0, 3, NO_LIMIT, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 0 && g.span.next == 3, "at the head");
    get(&ring, 0, 4, NO_LIMIT, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 0 && g.span.next == 4, "behind the head");

    ring_free(mem, SIZE, ENTRIES, 1);
}


static void
test_renderings(void)
{
    int                   good;
    void                 *mem;
    got_t                 g;
    size_t                i, start;
    unsigned              r;
    ngx_kafka_ws_ring_t   ring;

    mem = ring_new(&ring, SIZE, ENTRIES, 8);
    frame_limit = 200;

    for (i = 0; i < 10; i++) {
        (void) ring_next(&ring);
    }

    for (r = 0; r < 8; r++) {
        get(&ring, r, 0, NO_LIMIT, 8000, 64, &g);

        good = g.rc == OK && g.span.n == 10 && g.span.offset == BASE + 10;
        start = 0;

        for (i = 0; good && i < 10; i++) {
            good = frame_good(BASE + (int64_t) i, r, g.buf + start,
                              g.ends[i] - start);
            start = g.ends[i];
        }

        ok(good && start == g.span.len, "rendering %u has its own frames", r);
    }

    ring_free(mem, SIZE, ENTRIES, 8);
}


static void
test_sizes(void)
{
    void                 *mem;
    char                 *big;
    got_t                 g;
    ngx_kafka_ws_ring_t   ring;

    mem = ring_new(&ring, SIZE, ENTRIES, 2);
    big = calloc(1, SIZE);
    memset(big, 'x', SIZE / 4);

    is_int(ngx_kafka_ws_ring_frame_max(&ring), SIZE / 4, "largest frame");
    is_int(put(&ring, 1000, 1, big, big), OK, "frames of the largest size");

    big[SIZE / 4] = 'x';
    is_int(put(&ring, 1001, 1, big, "b"), ETOOBIG, "one byte more");
    is_int(put(&ring, 1001, 1, "a", big), ETOOBIG,
           "one byte more in the second rendering");
    is_int(ngx_kafka_ws_ring_head(&ring), 1, "nothing was published");
    is_int(ngx_kafka_ws_ring_next_offset(&ring), 1001, "the offset stays");

    is_int(put(&ring, 1001, 1, "a", "b"), OK, "the next record");
    get(&ring, 0, 1, NO_LIMIT, 100, 4, &g);
    is_mem(g.buf, g.span.len, "a", 1, "its first frame");
    get(&ring, 1, 1, NO_LIMIT, 100, 4, &g);
    is_mem(g.buf, g.span.len, "b", 1, "its second frame");

    ok(ngx_kafka_ws_ring_entries(1 << 20) == 4096
       && ngx_kafka_ws_ring_entries(64) == 16
       && ngx_kafka_ws_ring_entries(4096) == 16
       && ngx_kafka_ws_ring_entries(8192) == 32, "entries that suit a size");

    free(big);
    ring_free(mem, SIZE, ENTRIES, 2);
}


static void
test_gap(void)
{
    void                 *mem;
    got_t                 g;
    int64_t               offset;
    ngx_kafka_ws_ring_t   ring;

    mem = ring_new(&ring, SIZE, ENTRIES, 1);

    (void) put(&ring, 1000, 1, "a", NULL);
    is_int(ring_gap(&ring, 1001, 1009, NGX_KAFKA_WS_RING_RETENTION), OK,
           "gap");
    is_int(ngx_kafka_ws_ring_next_offset(&ring), 1010,
           "next offset is behind the gap");
    (void) ring_gap(&ring, 1010, 1010, NGX_KAFKA_WS_RING_TOO_LARGE);
    (void) put(&ring, 1011, 1, "b", NULL);

    get(&ring, 0, 0, NO_LIMIT, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 1 && g.span.next == 1 && g.span.flags == 0
       && g.span.offset == 1001, "a read ends before a gap");

    get(&ring, 0, 1, NO_LIMIT, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 1 && g.span.next == 2 && g.span.len == 0
       && g.span.offset == 1010, "a gap comes alone");
    is_int(g.span.flags, NGX_KAFKA_WS_RING_RETENTION, "with its flags");
    ok(ngx_kafka_ws_ring_offset(&ring, 1, &offset) == OK && offset == 1001,
       "its first offset");

    get(&ring, 0, 2, NO_LIMIT, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 1 && g.span.next == 3
       && g.span.flags == NGX_KAFKA_WS_RING_TOO_LARGE
       && g.span.offset == 1011, "gaps in a row stay apart");

    get(&ring, 0, 3, NO_LIMIT, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 1 && g.span.flags == 0
       && g.span.offset == 1012, "the record behind it");

    get(&ring, 0, 1, 1, 100, 4, &g);
    ok(g.rc == OK && g.span.n == 0 && g.span.flags == 0,
       "the limit holds for a gap");

    is_int(ngx_kafka_ws_ring_seek_offset(&ring, 1005), 1,
           "an offset within a gap finds the gap");
    is_int(ngx_kafka_ws_ring_seek_offset(&ring, 1010), 2, "its own offset");

    ring_free(mem, SIZE, ENTRIES, 1);
}


static void
test_seek(void)
{
    void                 *mem;
    size_t                i;
    int64_t               offset;
    ngx_kafka_ws_ring_t   ring;

    static const struct {
        int64_t   offset;
        uint64_t  seq;
    } offsets[] = {
        { INT64_MIN, 0 }, { 0, 0 }, { 999, 0 }, { 1000, 0 }, { 1001, 1 },
        { 1002, 2 }, { 1003, 2 }, { 1004, 2 }, { 1005, 3 }, { 1099, 3 },
        { 1100, 3 }, { 1101, 4 }, { INT64_MAX, 4 }
    };

    static const struct {
        int64_t   time;
        uint64_t  seq;
    } times[] = {
        { INT64_MIN, 0 }, { 10, 0 }, { 11, 1 }, { 20, 1 }, { 21, 3 },
        { 30, 3 }, { 31, 4 }, { INT64_MAX, 4 }
    };

    static const int64_t  starts[] = { 1000, 1001, 1002, 1005, 1101 };

    mem = ring_new(&ring, SIZE, ENTRIES, 1);

    (void) put(&ring, 1000, 10, "a", NULL);
    (void) put(&ring, 1001, 20, "b", NULL);
    (void) put(&ring, 1004, 20, "c", NULL);
    (void) put(&ring, 1100, 30, "d", NULL);

    for (i = 0; i < count(offsets); i++) {
        is_int(ngx_kafka_ws_ring_seek_offset(&ring, offsets[i].offset),
               offsets[i].seq, "seek offset %lld",
               (long long) offsets[i].offset);
    }

    for (i = 0; i < count(times); i++) {
        is_int(ngx_kafka_ws_ring_seek_time(&ring, times[i].time),
               times[i].seq, "seek time %lld", (long long) times[i].time);
    }

    for (i = 0; i < count(starts); i++) {
        ok(ngx_kafka_ws_ring_offset(&ring, i, &offset) == OK
           && offset == starts[i], "offset of sequence number %zu", i);
    }

    is_int(ngx_kafka_ws_ring_offset(&ring, 5, &offset), LAPPED,
           "no offset behind the head");

    ring_free(mem, SIZE, ENTRIES, 1);
}


static void
test_reopen(void)
{
    int                   good;
    void                 *mem;
    got_t                 g, h;
    size_t                i, bytes;
    ngx_kafka_ws_ring_t   ring, writer;

    bytes = ngx_kafka_ws_ring_bytes(SIZE, ENTRIES, 2);
    mem = ring_new(&ring, SIZE, ENTRIES, 2);
    frame_limit = 300;
    good = 1;

    /* each record by a writer of its own, over many rounds */

    for (i = 0; i < 500; i++) {
        good &= ngx_kafka_ws_ring_open(&writer, mem, bytes) == OK;
        good &= ngx_kafka_ws_ring_next_offset(&writer)
                == BASE + (int64_t) i;
        good &= ring_next(&writer) == OK;

        get(&ring, 1, i, NO_LIMIT, 1000, 4, &g);
        get(&writer, 1, i, NO_LIMIT, 1000, 4, &h);
        good &= g.rc == OK && g.span.n == 1
                && frame_good(BASE + (int64_t) i, 1, g.buf, g.span.len);
        good &= h.rc == OK && h.span.len == g.span.len
                && memcmp(g.buf, h.buf, g.span.len) == 0;
    }

    ok(good, "each writer goes on behind the one before");
    get(&ring, 0, ngx_kafka_ws_ring_tail(&ring), NO_LIMIT, 8000, 64, &g);
    is_int(g.span.next, 500, "all that is held is one sequence");

    ring_free(mem, SIZE, ENTRIES, 2);
}


static void
test_retention(void)
{
    void                 *mem;
    got_t                 g;
    int64_t               offset;
    size_t                i;
    ngx_kafka_ws_ring_t   ring;

    mem = ring_new(&ring, SIZE, ENTRIES, 1);

    for (i = 0; i < 100; i++) {
        (void) put(&ring, 1000 + 2 * (int64_t) i, 1, "x", NULL);
    }

    is_int(ngx_kafka_ws_ring_tail(&ring), 100 - ENTRIES,
           "the index holds as many as it has entries");
    get(&ring, 0, 100 - ENTRIES, NO_LIMIT, 100, 64, &g);
    ok(g.rc == OK && g.span.n == ENTRIES, "the oldest held is read");
    get(&ring, 0, 100 - ENTRIES - 1, NO_LIMIT, 100, 64, &g);
    is_int(g.rc, LAPPED, "the one before it is not");
    is_int(ngx_kafka_ws_ring_offset(&ring, 100 - ENTRIES - 1, &offset),
           LAPPED, "it has no offset");
    ok(ngx_kafka_ws_ring_offset(&ring, 100 - ENTRIES, &offset) == OK
       && offset == 1000 + 2 * (100 - ENTRIES) - 1,
       "the tail's offset follows the record given up");
    is_int(ngx_kafka_ws_ring_seek_offset(&ring, 1000), 100 - ENTRIES,
           "an offset given up finds the tail");

    ring_free(mem, SIZE, ENTRIES, 1);
}


static void
test_open(void)
{
    void                 *mem;
    size_t                i, bytes;
    uint64_t             *words, was;
    ngx_kafka_ws_ring_t   ring;

    static const struct {
        unsigned     word;
        uint64_t     value;
        const char  *name;
    } bad[] = {
        { 0, 0, "no magic number" },
        { 0, 0x6b77732d72696e32ULL, "another magic number" },
        { 1, 0, "data ring of no bytes" },
        { 1, 3000, "data ring not a power of two" },
        { 1, 8192, "data ring larger than the memory" },
        { 1, 1ULL << 63, "data ring of 2^63 bytes" },
        { 1, UINT64_MAX, "data ring of 2^64 - 1 bytes" },
        { 2, 0, "no entries" },
        { 2, 1, "one entry: a dying writer would take the last record" },
        { 2, 12, "entries not a power of two" },
        { 2, 256, "more entries than there is memory" },
        { 2, 1ULL << 57, "entries whose bytes wrap" },
        { 2, 1ULL << 63, "2^63 entries" },
        { 3, 0, "no rendering" },
        { 3, 2, "more renderings than there is memory" },
        { 3, 9, "nine renderings" },
        { 3, (1ULL << 32) + 1, "renderings beyond 32 bits" },
    };

    bytes = ngx_kafka_ws_ring_bytes(SIZE, ENTRIES, 1);
    mem = ring_new(&ring, SIZE, ENTRIES, 1);
    words = mem;

    for (i = 0; i < count(bad); i++) {
        was = words[bad[i].word];
        words[bad[i].word] = bad[i].value;
        is_int(ngx_kafka_ws_ring_open(&ring, mem, bytes), EINVAL_, "%s",
               bad[i].name);
        words[bad[i].word] = was;
    }

    is_int(ngx_kafka_ws_ring_open(&ring, mem, bytes), OK, "as it was");
    is_int(ngx_kafka_ws_ring_open(&ring, mem, bytes - 1), EINVAL_,
           "a byte of memory less");
    ring_free(mem, SIZE, ENTRIES, 1);

    mem = guard_new(64);
    is_int(ngx_kafka_ws_ring_open(&ring, mem, 64), EINVAL_,
           "memory smaller than a head");
    is_int(ngx_kafka_ws_ring_open(&ring, mem, 0), EINVAL_, "no memory");
    guard_free(mem, 64);
}


int
main(void)
{
    test_empty();
    test_read();
    test_renderings();
    test_sizes();
    test_gap();
    test_seek();
    test_reopen();
    test_retention();
    test_open();

    return tap_done(117);
}
