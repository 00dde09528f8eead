
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The ends of the data rings and of the index, against a model that marks
 * for each byte and each entry who wrote it last.
 */


#include "guard.h"
#include "tap.h"

#include "ring_frames.h"


#define RECORDS  60000   /* that the model remembers */


typedef struct {
    size_t      size;
    size_t      entries;
    unsigned    nrenderings;
    uint64_t    head;
    uint64_t    tail;
    uint64_t   *entry;       /* who wrote it last, plus 1 */
    uint64_t   *byte[NGX_KAFKA_WS_RENDERINGS_MAX];
    uint64_t    pos[NGX_KAFKA_WS_RENDERINGS_MAX];

    /* of each record */
    int64_t    *offset;
    uint64_t   *place[NGX_KAFKA_WS_RENDERINGS_MAX];
} model_t;


static uint64_t  seed = 1;


static uint64_t
random_below(uint64_t n)
{
    seed = mix(seed);

    return seed % n;
}


static void
model_new(model_t *m, size_t size, size_t entries, unsigned nrenderings)
{
    unsigned  r;

    memset(m, 0, sizeof(model_t));
    m->size = size;
    m->entries = entries;
    m->nrenderings = nrenderings;
    m->entry = calloc(entries, sizeof(uint64_t));
    m->offset = calloc(RECORDS, sizeof(int64_t));

    for (r = 0; r < nrenderings; r++) {
        m->byte[r] = calloc(size, sizeof(uint64_t));
        m->place[r] = calloc(RECORDS, sizeof(uint64_t));
    }
}


static void
model_free(model_t *m)
{
    unsigned  r;

    for (r = 0; r < m->nrenderings; r++) {
        free(m->byte[r]);
        free(m->place[r]);
    }

    free(m->entry);
    free(m->offset);
}


/* where the frames of the next record lie, by the words of the essay */

static void
model_put(model_t *m, int64_t offset)
{
    size_t    i, len;
    unsigned  r;

    m->entry[m->head % m->entries] = m->head + 1;
    m->offset[m->head] = offset;

    for (r = 0; r < m->nrenderings; r++) {
        len = frame_len(offset, r);

        if (m->pos[r] % m->size + len > m->size) {
            m->pos[r] += m->size - m->pos[r] % m->size;
        }

        m->place[r][m->head] = m->pos[r] % m->size;

        for (i = 0; i < len; i++) {
            m->byte[r][m->pos[r] % m->size + i] = m->head + 1;
        }

        m->pos[r] += len;
    }

    m->head++;
}


/* 1 if nothing of the record was written over */

static int
model_whole(const model_t *m, uint64_t seq)
{
    size_t    i, len;
    unsigned  r;

    if (m->entry[seq % m->entries] != seq + 1) {
        return 0;
    }

    for (r = 0; r < m->nrenderings; r++) {
        len = frame_len(m->offset[seq], r);

        for (i = 0; i < len; i++) {
            if (m->byte[r][m->place[r][seq] + i] != seq + 1) {
                return 0;
            }
        }
    }

    return 1;
}


/*
 * The ring's tail must be the model's: the oldest record from which on all
 * are whole.  It may be newer by empty frames alone, which stand where the
 * next frame no longer fitted.
 */

static int
tail_good(model_t *m, uint64_t tail)
{
    unsigned  r;
    uint64_t  seq;

    for (seq = m->tail; seq < m->head; seq++) {
        if (!model_whole(m, seq)) {
            m->tail = seq + 1;
        }
    }

    for (seq = m->tail; seq < tail; seq++) {

        for (r = 0; r < m->nrenderings; r++) {
            if (frame_len(m->offset[seq], r) == 0) {
                break;
            }
        }

        if (r == m->nrenderings) {
            return 0;
        }
    }

    return tail >= m->tail && tail <= m->head;
}


/* reads from seq on, all that a buffer of some size takes, and checks it */

static uint64_t
read_some(const ngx_kafka_ws_ring_t *ring, const model_t *m, uint64_t seq)
{
    size_t                     i, size, start;
    unsigned                   r;
    uint8_t                   *buf;
    uint64_t                   next;
    uint32_t                   ends[16];
    ngx_kafka_ws_ring_e        rc;
    ngx_kafka_ws_ring_span_t   span;

    r = (unsigned) random_below(m->nrenderings);
    size = frame_limit + random_below(2 * m->size);
    buf = guard_new(size);

    rc = ngx_kafka_ws_ring_read(ring, r, seq, NO_LIMIT, buf, size, ends,
                                NULL, 1 + random_below(count(ends)), &span);
    next = UINT64_MAX;

    if (rc == OK && span.n > 0 && span.next == seq + span.n
        && span.offset == m->offset[span.next - 1] + 1)
    {
        next = span.next;
        start = 0;

        for (i = 0; i < span.n; i++) {
            if (!frame_good(m->offset[seq + i], r, buf + start,
                            ends[i] - start))
            {
                next = UINT64_MAX;
                break;
            }

            start = ends[i];
        }

        if (start != span.len) {
            next = UINT64_MAX;
        }
    }

    guard_free(buf, size);

    return next;
}


/* 1 if offsets and searches agree with the model for a record held */

static int
seek_good(const ngx_kafka_ws_ring_t *ring, const model_t *m, uint64_t seq)
{
    int64_t  offset, before;

    before = seq ? m->offset[seq - 1] + 1 : BASE;

    if (ngx_kafka_ws_ring_offset(ring, seq, &offset) != OK
        || offset != before)
    {
        return 0;
    }

    return ngx_kafka_ws_ring_seek_offset(ring, m->offset[seq]) == seq
           && ngx_kafka_ws_ring_seek_offset(ring, before) == seq
           && ngx_kafka_ws_ring_seek_time(ring, m->offset[seq] * 10) == seq;
}


/*
 * records: how many are published; every now and then by a new writer, with
 * a walk over all that is held after each "every" of them
 */

static int
run(size_t size, size_t entries, unsigned nrenderings, size_t longest,
    uint64_t records, uint64_t every)
{
    int                   good;
    void                 *mem;
    size_t                bytes;
    int64_t               from, offset;
    model_t               m;
    uint64_t              seq, tail, before;
    ngx_kafka_ws_ring_t   ring;

    frame_limit = longest;
    bytes = ngx_kafka_ws_ring_bytes(size, entries, nrenderings);
    mem = ring_new(&ring, size, entries, nrenderings);
    model_new(&m, size, entries, nrenderings);
    good = 1;
    before = 0;

    while (good && m.head < records) {

        if (random_below(50) == 0) {
            good &= ngx_kafka_ws_ring_open(&ring, mem, bytes) == OK;
        }

        from = ngx_kafka_ws_ring_next_offset(&ring);
        offset = from;

        if (random_below(8) == 0) {
            offset += (int64_t) random_below(5);
        }

        good &= ring_put(&ring, from, offset) == OK;
        model_put(&m, offset);

        tail = ngx_kafka_ws_ring_tail(&ring);
        good &= ngx_kafka_ws_ring_head(&ring) == m.head;
        good &= tail_good(&m, tail);
        good &= tail < m.head && tail >= before;
        before = tail;

        seq = tail + random_below(m.head - tail);
        good &= seek_good(&ring, &m, seq);
        good &= read_some(&ring, &m, seq) != UINT64_MAX;

        if (m.head % every == 0) {
            for (seq = tail; good && seq != m.head; /* void */ ) {
                seq = read_some(&ring, &m, seq);
                good &= seq != UINT64_MAX;
            }
        }
    }

    if (!good) {
        printf("# at record %llu\n", (unsigned long long) m.head);
    }

    model_free(&m);
    ring_free(mem, size, entries, nrenderings);

    return good;
}


static ngx_kafka_ws_ring_e
put(ngx_kafka_ws_ring_t *ring, size_t len, int letter)
{
    uint8_t                     buf[256];
    ngx_kafka_ws_span_t         frame;
    ngx_kafka_ws_ring_record_t  rec;

    memset(buf, letter, sizeof(buf));
    frame.data = buf;
    frame.len = len;

    memset(&rec, 0, sizeof(rec));
    rec.offset = ngx_kafka_ws_ring_next_offset(ring);
    rec.from = rec.offset;

    return ngx_kafka_ws_ring_publish(ring, &rec, &frame);
}


/* the read from seq on gives these letters, one for each byte */

static int
reads(ngx_kafka_ws_ring_t *ring, uint64_t seq, const char *letters)
{
    size_t                     n;
    uint8_t                   *buf;
    uint32_t                   ends[16];
    ngx_kafka_ws_ring_e        rc;
    ngx_kafka_ws_ring_span_t   span;

    n = strlen(letters);
    buf = guard_new(n);
    rc = ngx_kafka_ws_ring_read(ring, 0, seq, NO_LIMIT, buf, n, ends,
                                NULL, count(ends), &span);
    n = rc == OK && span.len == n && memcmp(buf, letters, n) == 0
        && span.next == ngx_kafka_ws_ring_head(ring);

    guard_free(buf, strlen(letters));

    return (int) n;
}


static void
test_exact(void)
{
    void                 *mem;
    ngx_kafka_ws_ring_t   ring;

    mem = ring_new(&ring, 64, 16, 1);

    (void) put(&ring, 16, 'a');
    (void) put(&ring, 16, 'b');
    (void) put(&ring, 16, 'c');
    (void) put(&ring, 16, 'd');
    is_int(ngx_kafka_ws_ring_tail(&ring), 0,
           "a frame that ends where the ring ends costs none");
    ok(reads(&ring, 0, "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb"
                       "ccccccccccccccccdddddddddddddddd"), "all are read");

    (void) put(&ring, 1, 'e');
    is_int(ngx_kafka_ws_ring_tail(&ring), 1, "the next byte costs the first");
    ok(reads(&ring, 1, "bbbbbbbbbbbbbbbbcccccccccccccccc"
                       "dddddddddddddddde"), "a run ends at the end");

    ring_free(mem, 64, 16, 1);
}


static void
test_skip(void)
{
    void                 *mem;
    ngx_kafka_ws_ring_t   ring;

    mem = ring_new(&ring, 64, 16, 1);

    (void) put(&ring, 15, 'a');
    (void) put(&ring, 15, 'b');
    (void) put(&ring, 15, 'c');
    (void) put(&ring, 4, 'd');
    (void) put(&ring, 16, 'e');
    is_int(ngx_kafka_ws_ring_tail(&ring), 2,
           "16 bytes do not go into the last 15: they begin anew");
    ok(reads(&ring, 2, "cccccccccccccccddddeeeeeeeeeeeeeeee"),
       "the hole does not show");

    (void) put(&ring, 0, 'f');
    (void) put(&ring, 14, 'g');
    is_int(ngx_kafka_ws_ring_tail(&ring), 2,
           "14 bytes more reach the third, and do not touch it");
    ok(reads(&ring, 2, "cccccccccccccccddddeeeeeeeeeeeeeeeegggggggggggggg"),
       "an empty frame does not show");

    (void) put(&ring, 1, 'h');
    is_int(ngx_kafka_ws_ring_tail(&ring), 3, "one more byte takes it");
    ok(reads(&ring, 3, "ddddeeeeeeeeeeeeeeeeggggggggggggggx") == 0,
       "other letters are not read");
    ok(reads(&ring, 3, "ddddeeeeeeeeeeeeeeeeggggggggggggggh"),
       "those that are there are");

    ring_free(mem, 64, 16, 1);
}


int
main(void)
{
    test_exact();
    test_skip();

    ok(run(64, 4, 1, 16, 6000, 1), "64 bytes, 4 entries");
    ok(run(64, 16, 1, 16, 6000, 1), "64 bytes, 16 entries");
    ok(run(64, 16, 8, 16, 2000, 1), "64 bytes, 8 renderings");
    ok(run(64, 16, 2, 1, 6000, 1), "frames of a byte: the index wraps first");
    ok(run(1024, 16, 1, 3, 6000, 3), "the index wraps long before the data");
    ok(run(256, 1024, 3, 64, 6000, 7), "the data wraps long before the index");
    ok(run(65536, 256, 4, 1000, 3000, 101), "64 kB, 4 renderings");
    ok(run(4096, 16, 1, 1024, RECORDS, 1009), "a long run");

    return tap_done(19);
}
