
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Real processes: a writer and four readers for two seconds, then writers
 * that are killed one after the other.
 */


#include "guard.h"
#include "tap.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "ring_frames.h"


#define READERS      4
#define RENDERINGS   2
#define SIZE         65536
#define ENTRIES      512
#define BUF          16384
#define ENDS         64
#define RUN          2000    /* ms */
#define DEADLINE     30000   /* ms, for what needs a moment only */


/* what the processes tell each other; one writer for each member */

typedef struct {
    uint64_t   frames;       /* checked, by content */
    uint64_t   laps;
    uint64_t   lost;         /* records announced as lost */
    uint64_t   next;         /* offset */
    uint64_t   error;        /* line of what went wrong */
} told_t;

typedef struct {
    told_t     told[READERS];
    uint64_t   stop;         /* offset to stop at, 0: not yet */
    uint8_t    ring[];
} shared_t;


static shared_t  *shared;
static size_t     ring_bytes;


static long long
now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}


static uint64_t
load(uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}


static void
store(uint64_t *p, uint64_t v)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}


static void
open_ring(ngx_kafka_ws_ring_t *ring)
{
    if (ngx_kafka_ws_ring_open(ring, shared->ring, ring_bytes) != OK) {
        _exit(3);
    }
}


/* checks what one read gave; 0, or the line of what is wrong */

static int
check_span(told_t *t, unsigned r, const ngx_kafka_ws_ring_span_t *span,
    const uint8_t *buf, const uint32_t *ends)
{
    size_t  i, start;

    start = 0;

    for (i = 0; i < span->n; i++) {

        if (!frame_good((int64_t) t->next, r, buf + start, ends[i] - start)) {
            return __LINE__;
        }

        start = ends[i];
        t->next++;
    }

    if (start != span->len) {
        return __LINE__;
    }

    if (span->n && span->offset != (int64_t) t->next) {
        return __LINE__;
    }

    t->frames += span->n;

    return 0;
}


/* goes on at the tail, as one who announces the gap */

static int
after_lap(ngx_kafka_ws_ring_t *ring, told_t *t, uint64_t *seq)
{
    int64_t   offset;
    uint64_t  tail;

    do {
        tail = ngx_kafka_ws_ring_tail(ring);
    } while (ngx_kafka_ws_ring_offset(ring, tail, &offset) != OK);

    if (tail <= *seq || offset <= (int64_t) t->next) {
        return __LINE__;
    }

    *seq = tail;
    t->laps++;
    t->lost += (uint64_t) offset - t->next;
    t->next = (uint64_t) offset;

    return 0;
}


/* slow: it sleeps between its reads, so that it is overrun */

static int
read_all(told_t *t, unsigned r, int slow)
{
    int                        line;
    uint64_t                   seq, stop;
    static uint8_t             buf[BUF];
    uint32_t                   ends[ENDS];
    ngx_kafka_ws_ring_t        ring;
    ngx_kafka_ws_ring_e        rc;
    ngx_kafka_ws_ring_span_t   span;

    open_ring(&ring);
    seq = 0;
    t->next = BASE;

    for ( ;; ) {
        rc = ngx_kafka_ws_ring_read(&ring, r, seq, NO_LIMIT, buf, sizeof(buf),
                                    ends, NULL, ENDS, &span);

        switch (rc) {

        case OK:
            line = check_span(t, r, &span, buf, ends);
            seq = span.next;
            break;

        case LAPPED:
            line = after_lap(&ring, t, &seq);
            break;

        default:
            line = __LINE__;
        }

        if (line) {
            store(&t->error, (uint64_t) line);
            return 1;
        }

        if (rc == OK && span.n == 0) {
            stop = load(&shared->stop);

            if (stop && t->next >= stop) {
                return 0;
            }

            (void) usleep(200);

        } else if (slow && mix(seq) % 16 == 0) {
            (void) usleep((useconds_t) (mix(t->next) % 3000));
        }
    }
}


/* a child does not outlive the test, however that ends */

static pid_t
child(void)
{
    pid_t  pid;

    /* valgrind flushes at the end of a child, too */
    (void) fflush(stdout);

    pid = fork();

    if (pid == -1) {
        perror("fork");
        exit(2);
    }

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    }

    return pid;
}


static pid_t
start_reader(int i, int slow)
{
    pid_t  pid;

    pid = child();

    if (pid == 0) {
        _exit(read_all(&shared->told[i], (unsigned) i % RENDERINGS, slow));
    }

    return pid;
}


static void
fresh(void)
{
    memset(shared, 0, sizeof(shared_t));
    ngx_kafka_ws_ring_init(shared->ring, SIZE, ENTRIES, RENDERINGS, BASE);
}


/* 1 if all readers ended well before the deadline; none is left */

static int
reap(const pid_t *pids)
{
    int        i, status, good;
    long long  deadline;

    good = 1;
    deadline = now() + DEADLINE;

    for (i = 0; i < READERS; i++) {

        while (waitpid(pids[i], &status, WNOHANG) == 0) {

            if (now() > deadline) {
                (void) kill(pids[i], SIGKILL);
                (void) waitpid(pids[i], &status, 0);
                break;
            }

            (void) usleep(1000);
        }

        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            printf("# reader %d: status %x, line %llu, offset %llu\n", i,
                   (unsigned) status,
                   (unsigned long long) load(&shared->told[i].error),
                   (unsigned long long) shared->told[i].next);
            good = 0;
        }
    }

    return good;
}


static void
test_readers(void)
{
    int                   i;
    pid_t                 pids[READERS];
    uint64_t              n, laps, frames;
    long long             end;
    ngx_kafka_ws_ring_t   ring;

    fresh();

    for (i = 0; i < READERS; i++) {
        pids[i] = start_reader(i, i >= READERS / 2);
    }

    open_ring(&ring);
    end = now() + RUN;

    for (n = 0; n % 64 != 0 || now() < end; n++) {

        if (ring_next(&ring) != OK) {
            break;
        }

        /* bursts, and now and then a moment to catch up */

        if (mix(n) % 256 == 0) {
            (void) usleep(500);
        }
    }

    store(&shared->stop, (uint64_t) ngx_kafka_ws_ring_next_offset(&ring));

    ok(reap(pids), "four readers of one writer: every frame is whole and its "
       "own");

    laps = 0;
    frames = 0;

    for (i = 0; i < READERS; i++) {
        is_int(shared->told[i].frames + shared->told[i].lost, n,
               "reader %d: what it got and what was announced is all", i);
        laps += shared->told[i].laps;
        frames += shared->told[i].frames;
    }

    ok(laps > 10, "readers were overrun");
    ok(frames > 1000 && n > 1000, "and read on");

    printf("# %llu records, %llu frames checked, %llu laps\n",
           (unsigned long long) n, (unsigned long long) frames,
           (unsigned long long) laps);
}


/* publishes until it is killed, no faster than the readers are able to read */

static void
write_on(void)
{
    int                   i;
    uint64_t              next, slowest, got;
    ngx_kafka_ws_ring_t   ring;

    open_ring(&ring);

    for ( ;; ) {
        next = (uint64_t) ngx_kafka_ws_ring_next_offset(&ring);
        slowest = next;

        for (i = 0; i < READERS; i++) {
            got = __atomic_load_n(&shared->told[i].next, __ATOMIC_RELAXED);
            slowest = got < slowest ? got : slowest;
        }

        /* a reader that did not begin yet tells 0 */

        if (next - slowest > 60 && next - BASE > 60) {
            continue;
        }

        (void) ring_next(&ring);
    }
}


static void
test_writers(void)
{
    int                   i, status, writers;
    pid_t                 pid, pids[READERS];
    uint64_t              n, lost, before, advanced;
    long long             end;
    ngx_kafka_ws_ring_t   ring;

    fresh();

    for (i = 0; i < READERS; i++) {
        pids[i] = start_reader(i, 0);
    }

    open_ring(&ring);
    end = now() + RUN;
    writers = 0;
    advanced = 0;

    while (now() < end) {
        before = ngx_kafka_ws_ring_head(&ring);
        pid = child();

        if (pid == 0) {
            write_on();
        }

        /* once it writes, at no particular moment */

        while (ngx_kafka_ws_ring_head(&ring) == before && now() < end) {
            (void) usleep(50);
        }

        (void) usleep((useconds_t) (mix((uint64_t) writers) % 3000));
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, &status, 0);

        advanced += ngx_kafka_ws_ring_head(&ring) > before;
        writers++;
    }

    n = (uint64_t) ngx_kafka_ws_ring_next_offset(&ring) - BASE;
    store(&shared->stop, n + BASE);

    ok(reap(pids), "writers killed: every frame is whole and in its place");
    is_int(ngx_kafka_ws_ring_head(&ring), n, "no offset twice, none left out");

    lost = 0;

    for (i = 0; i < READERS; i++) {
        is_int(shared->told[i].frames + shared->told[i].lost, n,
               "reader %d: all of all writers", i);
        lost += shared->told[i].lost;
    }

    is_int(lost, 0, "nobody was overrun");
    ok(writers > 10 && advanced > 10 && n > 1000,
       "many writers, each with records");

    printf("# %d writers, %llu records\n", writers, (unsigned long long) n);
}


int
main(void)
{
    frame_limit = 400;
    ring_bytes = ngx_kafka_ws_ring_bytes(SIZE, ENTRIES, RENDERINGS);

    shared = mmap(NULL, sizeof(shared_t) + ring_bytes + 64,
                  PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED) {
        perror("mmap");
        return 2;
    }

    /* the ring behind the words of the test, 64-byte aligned */

    shared = (shared_t *) (void *)
             ((uint8_t *) shared + (64 - sizeof(shared_t) % 64) % 64);

    test_readers();
    test_writers();

    return tap_done(15);
}
