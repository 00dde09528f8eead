
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A writer that comes while a reader is at work.  The ring is mapped twice;
 * of the reader's mapping one page is taken away, and the fault of touching
 * it publishes records through the other mapping, in the middle of whatever
 * the reader was doing.
 */


#include "guard.h"
#include "tap.h"

#include <signal.h>

#include "ring_frames.h"


#define PAGE     4096
#define HEAD     192                /* bytes of the ring's head */
#define SIZE     (8 * PAGE)
#define ENTRIES  512                /* of 56 bytes: 7 pages */
#define PAGES    (1 + 7 + 8)        /* end of the head, index, data */
#define SCRIPT   2


typedef struct {
    unsigned   page;
    uint64_t   records;
} trap_t;


static uint8_t              *reader_map, *writer_map;
static ngx_kafka_ws_ring_t   reader, writer;
static trap_t                script[SCRIPT];
static unsigned              nscript, fired;


static void
arm(void)
{
    if (fired < nscript) {
        (void) mprotect(reader_map + script[fired].page * PAGE, PAGE,
                        PROT_NONE);
    }
}


static void
fault(int signo, siginfo_t *info, void *context)
{
    uint64_t   n;
    uint8_t   *p;

    (void) signo;
    (void) context;

    p = reader_map + (fired < nscript ? script[fired].page : 0) * PAGE;

    if (fired == nscript || (uint8_t *) info->si_addr < p
        || (uint8_t *) info->si_addr >= p + PAGE)
    {
        (void) signal(SIGSEGV, SIG_DFL);
        return;
    }

    for (n = 0; n < script[fired].records; n++) {
        (void) ring_next(&writer);
    }

    (void) mprotect(p, PAGE, PROT_READ|PROT_WRITE);
    fired++;
    arm();
}


/* n traps, one after the other: page and records of each */

static void
traps(unsigned n, unsigned page, uint64_t records, unsigned page2,
    uint64_t records2)
{
    script[0].page = page;
    script[0].records = records;
    script[1].page = page2;
    script[1].records = records2;
    nscript = n;
    fired = 0;
    arm();
}


static void
disarm(void)
{
    (void) mprotect(reader_map, PAGES * PAGE, PROT_READ|PROT_WRITE);
}


static void
fresh(uint64_t records)
{
    int64_t  offset;

    memset(writer_map, 0x5a, PAGES * PAGE);
    ngx_kafka_ws_ring_init(writer_map + PAGE - HEAD, SIZE, ENTRIES, 1, BASE);

    if (ngx_kafka_ws_ring_open(&writer, writer_map + PAGE - HEAD,
                               HEAD + (PAGES - 1) * PAGE)
        != OK)
    {
        printf("Bail out!  the ring does not open\n");
        exit(2);
    }

    for (offset = BASE; records; records--, offset++) {
        (void) ring_put(&writer, offset, offset);
    }

    (void) ngx_kafka_ws_ring_open(&reader, reader_map + PAGE - HEAD,
                                  HEAD + (PAGES - 1) * PAGE);
}


/*
 * Reads from seq on.
 * returns:  1 if the result is what the tail says now that it is over: good
 *           records, or lapped
 */

static int
read_true(uint64_t seq)
{
    size_t                     i, start;
    static uint8_t             buf[SIZE];
    static uint32_t            ends[ENTRIES];
    ngx_kafka_ws_ring_e        rc;
    ngx_kafka_ws_ring_span_t   span;

    rc = ngx_kafka_ws_ring_read(&reader, 0, seq, NO_LIMIT, buf, sizeof(buf),
                                ends, NULL, ENTRIES, &span);
    disarm();

    if (ngx_kafka_ws_ring_tail(&writer) > seq) {
        return rc == LAPPED;
    }

    if (rc != OK || span.n == 0 || span.next != seq + span.n
        || span.offset != BASE + (int64_t) span.next)
    {
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
test_before(void)
{
    int64_t    offset;
    uint64_t   tail, head;

    fresh(2000);

    tail = ngx_kafka_ws_ring_tail(&reader);
    head = ngx_kafka_ws_ring_head(&reader);

    ok(tail > 0 && head == 2000, "the ring went round");
    ok(read_true(0), "the first record was overrun");
    ok(read_true(tail - 1), "the last one overrun");
    ok(read_true(tail), "the first survivor");
    ok(read_true(head - 1), "the newest");
    is_int(ngx_kafka_ws_ring_offset(&reader, tail - 1, &offset), LAPPED,
           "no offset of one overrun");
    ok(ngx_kafka_ws_ring_offset(&reader, tail, &offset) == OK
       && offset == BASE + (int64_t) tail, "offset of the first survivor");
}


/* how many records until the one at seq is given up */

static uint64_t
distance(uint64_t start, uint64_t seq)
{
    uint64_t  n;

    fresh(start);

    for (n = 0; ngx_kafka_ws_ring_tail(&writer) <= seq; n++) {
        (void) ring_next(&writer);
    }

    return n;
}


static void
test_during(uint64_t start, const char *name)
{
    int        good;
    size_t     i;
    unsigned   page, touched;
    uint64_t   seq, n, most[6];

    fresh(start);
    seq = ngx_kafka_ws_ring_tail(&writer) + 10;

    n = distance(start, seq);
    most[0] = 1;
    most[1] = n - 1;
    most[2] = n;
    most[3] = n + 1;
    most[4] = 700;
    most[5] = 5000;

    for (i = 0; i < count(most); i++) {
        good = 1;
        touched = 0;

        for (page = 0; page < PAGES; page++) {
            fresh(start);
            traps(1, page, most[i], 0, 0);
            good &= read_true(seq);
            touched += fired;
        }

        ok(good && touched > 8, "%s: %llu records at each page of a read",
           name, (unsigned long long) most[i]);
    }

    good = 1;
    touched = 0;

    for (page = 1; page < PAGES; page++) {
        fresh(start);
        traps(2, page, 0, 0, n);
        good &= read_true(seq);
        touched += fired;
    }

    ok(good && touched > 14, "%s: between the copy and the last look", name);

    good = 1;

    for (page = 8; page < PAGES; page++) {
        fresh(start);
        traps(2, page, n - 1, 0, 1);
        good &= read_true(seq);
    }

    ok(good, "%s: half during the copy, half after it", name);
}


static void
test_offset(void)
{
    int                   good;
    size_t                i;
    int64_t               offset;
    uint64_t              seq, tail, n, most[3];
    unsigned              page, touched;
    ngx_kafka_ws_ring_e   rc;

    fresh(3000);
    seq = ngx_kafka_ws_ring_tail(&writer) + 20;
    n = distance(3000, seq - 1);
    most[0] = n - 1;
    most[1] = n;
    most[2] = 5000;

    for (i = 0; i < count(most); i++) {
        good = 1;
        touched = 0;

        for (page = 0; page < 8; page++) {
            fresh(3000);
            traps(1, page, most[i], 0, 0);
            rc = ngx_kafka_ws_ring_offset(&reader, seq, &offset);
            disarm();
            touched += fired;
            tail = ngx_kafka_ws_ring_tail(&writer);

            /* its own entry is enough at the tail, else that before it */

            good &= (rc == OK && tail <= seq
                     && offset == BASE + (int64_t) seq)
                    || (rc == LAPPED && tail >= seq);
        }

        ok(good && touched == 2, "offset, while %llu records come",
           (unsigned long long) most[i]);
    }
}


static void
test_seek(void)
{
    int        good;
    size_t     i, k;
    int64_t    offset;
    uint64_t   seq, tail, want;
    unsigned   page, touched;

    static const uint64_t  most[] = { 1, 100, 300, 600, 5000 };
    static const uint64_t  ahead[] = { 0, 1, 20, 100, 250, 10000 };

    for (i = 0; i < count(most); i++) {
        good = 1;
        touched = 0;

        for (page = 0; page < 8; page++) {

            for (k = 0; k < count(ahead); k++) {
                fresh(3000);
                offset = BASE + (int64_t) (ngx_kafka_ws_ring_tail(&writer)
                                           + ahead[k]);
                traps(1, page, most[i], 0, 0);
                seq = (k & 1)
                      ? ngx_kafka_ws_ring_seek_time(&reader, offset * 10)
                      : ngx_kafka_ws_ring_seek_offset(&reader, offset);
                disarm();
                touched += fired;
                tail = ngx_kafka_ws_ring_tail(&writer);
                want = (uint64_t) (offset - BASE);

                if (want < tail) {
                    good &= seq == tail;

                } else if (want < 3000) {
                    good &= seq == want;

                } else {
                    /* the head, of now or of when the search began */

                    good &= seq >= tail
                            && (seq == 3000 || seq == want
                                || (seq == ngx_kafka_ws_ring_head(&writer)
                                    && seq < want));
                }
            }
        }

        ok(good && touched > 6, "seek, while %llu records come",
           (unsigned long long) most[i]);
    }
}


int
main(void)
{
    int               fd;
    struct sigaction  sa;

    fd = memfd_create("ring", MFD_CLOEXEC);

    if (fd == -1 || ftruncate(fd, PAGES * PAGE) == -1) {
        perror("memfd");
        return 2;
    }

    reader_map = mmap(NULL, PAGES * PAGE, PROT_READ|PROT_WRITE, MAP_SHARED,
                      fd, 0);
    writer_map = mmap(NULL, PAGES * PAGE, PROT_READ|PROT_WRITE, MAP_SHARED,
                      fd, 0);

    if (reader_map == MAP_FAILED || writer_map == MAP_FAILED
        || sysconf(_SC_PAGESIZE) != PAGE)
    {
        perror("mapping");
        return 2;
    }

    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = fault;
    sa.sa_flags = SA_SIGINFO;
    (void) sigaction(SIGSEGV, &sa, NULL);

    frame_limit = 200;

    test_before();

    frame_limit = 200;
    test_during(2000, "data ring full");
    test_during(5003, "data ring full, elsewhere");

    frame_limit = 30;
    test_during(3000, "index full");

    frame_limit = 200;
    test_offset();

    frame_limit = 20;
    test_seek();

    return tap_done(7 + 3 * 8 + 3 + 5);
}
