
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Instruction by instruction, by the processor's trap flag: a writer that
 * dies between any two instructions of a publication, a reader that is
 * overrun between any two of its own.
 */


#include "guard.h"
#include "tap.h"

#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include "ring_frames.h"


#define SIZE         256
#define ENTRIES      16
#define RENDERINGS   2
#define TRAP_FLAG    0x100LL
#define POINTS       12           /* of each case; a step costs 20 us */
#define NEVER        1000000000L


#if defined(__x86_64__)

static ngx_kafka_ws_ring_t      writer;
static volatile long            steps, target;
static volatile uint64_t        laps;       /* records at the target step */
static volatile sig_atomic_t    dying;
static sigjmp_buf               death;
static size_t                   bytes;


static void
trap(int signo, siginfo_t *info, void *context)
{
    uint64_t     n;
    ucontext_t  *uc;

    (void) signo;
    (void) info;

    if (++steps < target) {
        return;
    }

    uc = context;
    uc->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;

    if (dying) {
        siglongjmp(death, 1);
    }

    for (n = laps; n; n--) {
        (void) ring_next(&writer);
    }
}


/* traps after each instruction, up to the one of that number */

static inline void
step_to(long n)
{
    steps = 0;
    target = n;

    __asm__ volatile ("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory",
                      "cc");
}


static inline void
step_end(void)
{
    __asm__ volatile ("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory",
                      "cc");
}


/* 1 if all from the tail on is whole and dense, up to that head */

static int
all_good(void *mem, uint64_t head)
{
    size_t                     i, start;
    int64_t                    offset;
    uint8_t                    buf[SIZE];
    uint64_t                   seq, tail;
    uint32_t                   ends[ENTRIES];
    unsigned                   r;
    ngx_kafka_ws_ring_t        ring;
    ngx_kafka_ws_ring_span_t   span;

    if (ngx_kafka_ws_ring_open(&ring, mem, bytes) != OK
        || ngx_kafka_ws_ring_head(&ring) != head
        || ngx_kafka_ws_ring_next_offset(&ring) != BASE + (int64_t) head)
    {
        return 0;
    }

    tail = ngx_kafka_ws_ring_tail(&ring);

    if (ngx_kafka_ws_ring_offset(&ring, tail, &offset) != OK
        || offset != BASE + (int64_t) tail)
    {
        return 0;
    }

    for (r = 0; r < RENDERINGS; r++) {

        for (seq = tail; seq < head; seq = span.next) {

            if (ngx_kafka_ws_ring_read(&ring, r, seq, NO_LIMIT, buf,
                                       sizeof(buf), ends, NULL, ENTRIES, &span)
                != OK
                || span.n == 0)
            {
                return 0;
            }

            start = 0;

            for (i = 0; i < span.n; i++) {
                if (!frame_good(BASE + (int64_t) (seq + i), r, buf + start,
                                ends[i] - start))
                {
                    return 0;
                }

                start = ends[i];
            }
        }
    }

    return 1;
}


/*
 * The writer dies at step n of publishing another record than the one that
 * its successor will publish.
 * returns:  -1: it did not come to n steps; 0: something is wrong; 1: good
 */

static int
die_at(void *mem, long n, uint64_t before)
{
    uint64_t                    i, head, tail;
    uint8_t                     junk[SIZE / 4];
    ngx_kafka_ws_ring_t         next;
    ngx_kafka_ws_span_t         frames[RENDERINGS];
    ngx_kafka_ws_ring_record_t  rec;

    memset(mem, 0xa5, bytes);
    ngx_kafka_ws_ring_init(mem, SIZE, ENTRIES, RENDERINGS, BASE);
    (void) ngx_kafka_ws_ring_open(&writer, mem, bytes);

    for (i = 0; i < before; i++) {
        (void) ring_next(&writer);
    }

    tail = ngx_kafka_ws_ring_tail(&writer);

    /* as large as may be, so that it takes all it can */

    memset(junk, 'j', sizeof(junk));
    frames[0].data = junk;
    frames[0].len = sizeof(junk);
    frames[1] = frames[0];
    memset(&rec, 0, sizeof(rec));
    rec.offset = BASE + (int64_t) before;
    rec.from = rec.offset;

    dying = 1;

    if (sigsetjmp(death, 1) == 0) {
        step_to(n);
        (void) ngx_kafka_ws_ring_publish(&writer, &rec, frames);
        step_end();
        dying = 0;

        return -1;
    }

    dying = 0;

    if (ngx_kafka_ws_ring_open(&next, mem, bytes) != OK
        || ngx_kafka_ws_ring_tail(&next) < tail)
    {
        return 0;
    }

    head = ngx_kafka_ws_ring_head(&next);

    if (head == before + 1) {
        /* published before it died; what comes next is the next */

        return ngx_kafka_ws_ring_next_offset(&next)
               == BASE + (int64_t) head;
    }

    if (!all_good(mem, before)) {
        return 0;
    }

    for (i = 0; i < 20; i++) {
        if (ring_next(&next) != OK || !all_good(mem, before + 1 + i)) {
            return 0;
        }
    }

    return 1;
}


/*
 * Points spread over all steps, from the first instruction to the last, at
 * other places for each case.
 */

static long
point(int i, long all, uint64_t salt)
{
    long  slice;

    slice = all / POINTS + 1;

    return i * slice + 1 + (long) (mix(salt * POINTS + (uint64_t) i)
                                   % (uint64_t) slice);
}


static void
test_death(void *mem)
{
    int       i, rc, good, died;
    long      all;
    size_t    k;

    /* an empty ring, one half full, some that went round */

    static const uint64_t  before[] = { 0, 1, 7, 30, 31, 33, 38 };

    for (k = 0; k < count(before); k++) {
        good = die_at(mem, NEVER, before[k]) == -1;
        all = steps;
        died = 0;

        for (i = 0; good && i < POINTS; i++) {
            rc = die_at(mem, point(i, all, k), before[k]);
            died += rc != -1;
            good = rc != 0;
        }

        ok(good && died > POINTS / 2,
           "a writer that dies anywhere in record %llu",
           (unsigned long long) before[k]);
    }
}


/* -1: the read was over before; 0: a torn frame, or a false lap; 1: good */

static int
lap_at(void *mem, long n, uint64_t records)
{
    long                       done;
    size_t                     i, start;
    uint8_t                    buf[SIZE];
    uint32_t                   ends[ENTRIES];
    uint64_t                   seq;
    ngx_kafka_ws_ring_t        ring;
    ngx_kafka_ws_ring_e        rc;
    ngx_kafka_ws_ring_span_t   span;

    memset(mem, 0xa5, bytes);
    ngx_kafka_ws_ring_init(mem, SIZE, ENTRIES, RENDERINGS, BASE);
    (void) ngx_kafka_ws_ring_open(&writer, mem, bytes);

    for (i = 0; i < 30; i++) {
        (void) ring_next(&writer);
    }

    (void) ngx_kafka_ws_ring_open(&ring, mem, bytes);
    seq = ngx_kafka_ws_ring_tail(&ring);
    laps = records;

    step_to(n);
    rc = ngx_kafka_ws_ring_read(&ring, 0, seq, NO_LIMIT, buf, sizeof(buf),
                                ends, NULL, ENTRIES, &span);
    done = steps;
    step_end();

    if (done < n) {
        return -1;
    }

    if (rc == LAPPED) {
        return ngx_kafka_ws_ring_tail(&ring) > seq;
    }

    if (rc != OK || span.n == 0) {
        return 0;
    }

    start = 0;

    for (i = 0; i < span.n; i++) {
        if (!frame_good(BASE + (int64_t) (seq + i), 0, buf + start,
                        ends[i] - start))
        {
            return 0;
        }

        start = ends[i];
    }

    return 1;
}


static void
test_laps(void *mem)
{
    int     i, rc, good, lapped;
    long    all;
    size_t  k;

    static const uint64_t  records[] = { 1, 3, 40, 1000 };

    for (k = 0; k < count(records); k++) {
        good = lap_at(mem, NEVER, records[k]) == -1;
        all = steps;
        lapped = 0;

        for (i = 0; good && i < POINTS; i++) {
            rc = lap_at(mem, point(i, all, 100 + k), records[k]);
            lapped += rc != -1;
            good = rc != 0;
        }

        ok(good && lapped > POINTS / 2,
           "a reader amid which %llu records come",
           (unsigned long long) records[k]);
    }
}


int
main(void)
{
    uint8_t           *mem;
    struct sigaction   sa;

    frame_limit = SIZE / 4;
    bytes = ngx_kafka_ws_ring_bytes(SIZE, ENTRIES, RENDERINGS);
    mem = guard_new(bytes);

    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = trap;
    sa.sa_flags = SA_SIGINFO;
    (void) sigaction(SIGTRAP, &sa, NULL);

    test_death(mem);
    test_laps(mem);

    guard_free(mem, bytes);

    return tap_done(11);
}

#else

int
main(void)
{
    printf("1..0 # SKIP there is no trap flag on this processor\n");
    return 0;
}

#endif
