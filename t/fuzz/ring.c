
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A ring whose memory may hold anything.  As long as nothing was damaged,
 * what is read, found and counted must be what was published; after that only
 * nothing outside of the ring and of the caller's buffers may be touched, and
 * each call has to come back.
 *
 * Input: a byte of the geometry, then one operation after the other.
 */


#include "../unit/guard.h"
#include "../unit/tap.h"

#include "../unit/ring_frames.h"

#include "fuzz.h"


#define RECORDS_MAX  4096   /* published in one run */
#define ENDS_MAX     40


typedef struct {
    int64_t                from;
    int64_t                offset;
    uint32_t               flags;
} published_t;


typedef struct {
    ngx_kafka_ws_ring_t    ring;
    uint8_t               *mem;
    size_t                 bytes;
    size_t                 head;      /* bytes before the data rings */
    unsigned               intact;    /* nothing was damaged */
    unsigned               gaps;
    size_t                 n;         /* records published */
    published_t            log[RECORDS_MAX];
} state_t;


static state_t  st;


/* of what is held, or anything */

static uint64_t
some_seq(fuzz_input_t *in)
{
    unsigned  c;

    c = fuzz_byte(in);

    if (c < 128) {
        return ngx_kafka_ws_ring_head(&st.ring) - c;
    }

    if (c < 192) {
        return ngx_kafka_ws_ring_tail(&st.ring) + c - 128;
    }

    return fuzz_number(in);
}


static void
publish(fuzz_input_t *in)
{
    int64_t              from, offset;
    uint32_t             flags;
    unsigned             c, n;
    ngx_kafka_ws_ring_e  rc;

    c = fuzz_byte(in);
    flags = 0;

    for (n = c & 15; n > 0 && st.n < RECORDS_MAX; n--) {
        from = ngx_kafka_ws_ring_next_offset(&st.ring);
        offset = from;

        if (st.intact) {
            promise(from == (st.n ? st.log[st.n - 1].offset + 1 : BASE));
        }

        if (from < INT64_MAX / 16 && from >= 0) {
            offset = from + (c & 0x10 ? c >> 5 : 0);
        }

        if ((c & 0x60) == 0x60) {
            flags = NGX_KAFKA_WS_RING_TOO_LARGE;
            st.gaps = 1;
            rc = ring_gap(&st.ring, from, offset, flags);

        } else {
            rc = ring_put(&st.ring, from, offset & (INT64_MAX >> 8));
        }

        promise(rc == OK || !st.intact);

        if (st.intact) {
            promise(ngx_kafka_ws_ring_head(&st.ring) == st.n + 1);
        }

        st.log[st.n].from = from;
        st.log[st.n].offset = offset;
        st.log[st.n].flags = flags;
        st.n++;
    }
}


static void
check_span(unsigned r, uint64_t seq, const uint8_t *buf, const uint32_t *ends,
    const ngx_kafka_ws_ring_span_t *span)
{
    size_t              i, start;
    const published_t  *rec;

    promise(seq >= ngx_kafka_ws_ring_tail(&st.ring));
    promise(span->n == 0 || seq + span->n <= st.n);

    for (i = 0, start = 0; i < span->n; i++) {
        rec = &st.log[seq + i];
        promise(span->flags == rec->flags && (rec->flags == 0 || i == 0));

        if (rec->flags == 0) {
            promise(frame_good(rec->offset, r, buf + start, ends[i] - start));

        } else {
            promise(span->n == 1 && ends[i] == start);
        }

        start = ends[i];
    }

    promise(start == span->len);
    promise(span->n == 0 || span->offset == st.log[seq + i - 1].offset + 1);
}


static void
read_some(fuzz_input_t *in)
{
    size_t                     i, size, nends;
    uint8_t                   *buf;
    int64_t                   *offsets;
    uint32_t                  *ends;
    unsigned                   r;
    uint64_t                   seq, limit;
    ngx_kafka_ws_ring_e        rc;
    ngx_kafka_ws_ring_span_t   span;

    r = fuzz_byte(in) % st.ring.nrenderings;
    seq = some_seq(in);
    limit = fuzz_byte(in) & 1 ? some_seq(in) : NO_LIMIT;
    size = fuzz_byte(in) * 8;
    nends = fuzz_byte(in) % ENDS_MAX;

    buf = fuzz_alloc(size);
    ends = fuzz_alloc(nends * sizeof(uint32_t));
    offsets = fuzz_alloc(nends * sizeof(int64_t));

    rc = ngx_kafka_ws_ring_read(&st.ring, r, seq, limit, buf, size, ends,
                                offsets, nends, &span);

    switch (rc) {

    case OK:
        promise(span.n <= nends && span.len <= size);
        promise(span.next - seq == span.n);

        for (i = 0; i < span.n; i++) {
            promise(ends[i] <= span.len && ends[i] >= (i ? ends[i - 1] : 0));
        }

        if (st.intact) {
            promise(span.n != 0 || nends == 0 || seq >= st.n || seq >= limit);
            check_span(r, seq, buf, ends, &span);

            for (i = 0; i < span.n; i++) {
                promise(offsets[i] == st.log[seq + i].offset + 1);
            }
        }

        break;

    case ETOOBIG:
        promise(span.len > size && span.len <= st.ring.size);
        promise(!st.intact || span.len == frame_len(st.log[seq].offset, r));
        break;

    case LAPPED:
        promise(!st.intact || seq < ngx_kafka_ws_ring_tail(&st.ring));
        break;

    default:
        promise(rc == EINVAL_ && !st.intact);
    }

    free(buf);
    free(ends);
    free(offsets);
}


static void
offset_of(fuzz_input_t *in)
{
    int64_t              offset;
    uint64_t             seq, tail;
    ngx_kafka_ws_ring_e  rc;

    seq = some_seq(in);
    rc = ngx_kafka_ws_ring_offset(&st.ring, seq, &offset);
    promise(rc == OK || rc == LAPPED);

    if (st.intact) {
        tail = ngx_kafka_ws_ring_tail(&st.ring);
        promise((rc == OK) == (seq >= tail && seq <= st.n));

        if (rc == OK) {
            promise(offset == (seq == 0 ? BASE
                               : seq == tail ? st.log[seq].from
                               : st.log[seq - 1].offset + 1));
        }
    }
}


/* by offset or time: the first that is not below */

static void
seek(fuzz_input_t *in, int by_time)
{
    int64_t    value, v;
    uint64_t   got, seq;

    value = (int64_t) fuzz_number(in);

    if (fuzz_byte(in) & 1) {
        value = (BASE + (value & 0xffff)) * (by_time ? 10 : 1);
    }

    got = by_time ? ngx_kafka_ws_ring_seek_time(&st.ring, value)
                  : ngx_kafka_ws_ring_seek_offset(&st.ring, value);

    if (!st.intact || (by_time && st.gaps)) {
        return;
    }

    for (seq = ngx_kafka_ws_ring_tail(&st.ring); seq < st.n; seq++) {
        v = st.log[seq].offset * (by_time ? 10 : 1);

        if (v >= value) {
            break;
        }
    }

    promise(got == seq);
}


static void
damage(fuzz_input_t *in, size_t from, size_t to)
{
    size_t    at, n;
    uint64_t  word;

    at = from + (fuzz_byte(in) * 256 + fuzz_byte(in)) % ((to - from) / 8) * 8;
    word = fuzz_number(in);
    n = to - at < 8 ? to - at : 8;
    memcpy(st.mem + at, &word, n);

    st.intact = 0;
}


/* a byte more than may be: nothing is changed */

static void
too_big(fuzz_input_t *in)
{
    unsigned                    r;
    uint8_t                    *p;
    uint64_t                    head, tail;
    ngx_kafka_ws_span_t         frames[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_kafka_ws_ring_record_t  rec;

    r = fuzz_byte(in) % st.ring.nrenderings;
    head = ngx_kafka_ws_ring_head(&st.ring);
    tail = ngx_kafka_ws_ring_tail(&st.ring);

    memset(&rec, 0, sizeof(rec));
    memset(frames, 0, sizeof(frames));

    frames[r].len = ngx_kafka_ws_ring_frame_max(&st.ring) + 1;
    p = fuzz_alloc(frames[r].len);
    frames[r].data = p;

    promise(ngx_kafka_ws_ring_publish(&st.ring, &rec, frames) == ETOOBIG);
    promise(ngx_kafka_ws_ring_head(&st.ring) == head);
    promise(ngx_kafka_ws_ring_tail(&st.ring) == tail);

    free(p);
}


/* whatever it says of itself: an open that succeeds can be used */

static void
reopen(void)
{
    ngx_kafka_ws_ring_t  again;

    if (ngx_kafka_ws_ring_open(&again, st.mem, st.bytes) == OK) {
        promise(again.nrenderings >= 1
                && again.nrenderings <= NGX_KAFKA_WS_RENDERINGS_MAX);
        promise(ngx_kafka_ws_ring_bytes(again.size, again.entries,
                                        again.nrenderings)
                <= st.bytes);
        st.ring = again;

    } else {
        promise(!st.intact);
    }
}


static void
step(fuzz_input_t *in)
{
    size_t  n;

    switch (fuzz_byte(in) % 13) {

    case 0:
    case 1:
    case 2:
        publish(in);
        break;

    case 3:
    case 4:
        read_some(in);
        break;

    case 5:
        offset_of(in);
        break;

    case 6:
        seek(in, 0);
        break;

    case 7:
        seek(in, 1);
        break;

    case 8:
        reopen();
        break;

    case 9:
        /* all but magic number and geometry */

        damage(in, 32, st.head);
        break;

    case 10:
        damage(in, 0, 64);
        break;

    case 11:
        too_big(in);
        break;

    default:
        /* raw bytes, from the head on */

        n = fuzz_byte(in);
        n = n < fuzz_rest(in) ? n : fuzz_rest(in);
        n = n < st.bytes - 8 ? n : st.bytes - 8;
        memcpy(st.mem + 8, in->pos, n);
        in->pos += n;
        st.intact = 0;
        break;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        ring_size, entries;
    unsigned      c, nrenderings;
    fuzz_input_t  in;

    if (size < 2) {
        return -1;
    }

    in.pos = data;
    in.last = data + size;

    c = fuzz_byte(&in);
    ring_size = (size_t) 64 << (c & 3) * 2;
    entries = (size_t) 4 << (c >> 2 & 3);
    nrenderings = 1 + (c >> 5);

    st.bytes = ngx_kafka_ws_ring_bytes(ring_size, entries, nrenderings);
    st.head = st.bytes - ring_size * nrenderings;
    st.mem = aligned_alloc(64, st.bytes);
    promise(st.mem != NULL);
    memset(st.mem, 0xa5, st.bytes);

    st.intact = 1;
    st.gaps = 0;
    st.n = 0;
    frame_limit = ring_size / NGX_KAFKA_WS_RING_FRAMES;

    ngx_kafka_ws_ring_init(st.mem, ring_size, entries, nrenderings, BASE);
    promise(ngx_kafka_ws_ring_open(&st.ring, st.mem, st.bytes) == OK);

    while (in.pos < in.last) {
        step(&in);
    }

    free(st.mem);

    return 0;
}
