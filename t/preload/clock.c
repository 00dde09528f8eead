
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Preloaded into nginx by tests: a wall clock that is set while it runs.
 *
 * The file that TEST_CLOCK_FILE names at nginx's start holds an int64: the
 * seconds by which the wall clock of nginx's processes is off.  The monotonic
 * clock is not touched.  A wait with an end on the wall clock, as librdkafka's
 * all are, ends when that clock says so, as in the kernel: an hour too late
 * if it was set back by an hour meanwhile.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>


#define CLOCK_SLICE  10000000   /* ns after which a wait looks at the clock */


static void clock_init(void) __attribute__((constructor));
static time_t clock_off(void);
static int clock_before(const struct timespec *a, const struct timespec *b);


static int       (*clock_next_gettime)(clockid_t, struct timespec *);
static int64_t   *clock_file;


static void
clock_init(void)
{
    int          fd;
    void        *p;
    const char  *file;

    clock_next_gettime = (int (*)(clockid_t, struct timespec *))
                             dlsym(RTLD_NEXT, "clock_gettime");

    file = getenv("TEST_CLOCK_FILE");

    if (file == NULL) {
        return;
    }

    fd = open(file, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);

    if (p != MAP_FAILED) {
        clock_file = p;
    }

    (void) close(fd);
}


static time_t
clock_off(void)
{
    return clock_file ? (time_t) __atomic_load_n(clock_file, __ATOMIC_SEQ_CST)
                      : 0;
}


static int
clock_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec
           || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    if (clock_next_gettime == NULL) {
        clock_init();
    }

    rc = clock_next_gettime(id, ts);

    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        ts->tv_sec += clock_off();
    }

    return rc;
}


int
timespec_get(struct timespec *ts, int base)
{
    return (base == TIME_UTC && clock_gettime(CLOCK_REALTIME, ts) == 0)
           ? base : 0;
}


int
gettimeofday(struct timeval *tv, void *zone)
{
    struct timespec  ts;

    (void) zone;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *t)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    if (t) {
        *t = ts.tv_sec;
    }

    return ts.tv_sec;
}


int
cnd_timedwait(cnd_t *cnd, mtx_t *mtx, const struct timespec *end)
{
    int              rc;
    struct timespec  now, until;
    static int     (*next)(cnd_t *, mtx_t *, const struct timespec *);

    if (next == NULL) {
        next = (int (*)(cnd_t *, mtx_t *, const struct timespec *))
                   dlsym(RTLD_NEXT, "cnd_timedwait");
    }

    /* the mutex is held from one slice to the next: no signal is missed */

    for ( ;; ) {
        (void) clock_next_gettime(CLOCK_REALTIME, &until);

        until.tv_nsec += CLOCK_SLICE;

        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }

        now = *end;
        now.tv_sec -= clock_off();

        if (clock_before(&now, &until)) {
            until = now;
        }

        rc = next(cnd, mtx, &until);

        if (rc != thrd_timedout) {
            return rc;
        }

        (void) clock_gettime(CLOCK_REALTIME, &now);

        if (!clock_before(&now, end)) {
            return thrd_timedout;
        }
    }
}
