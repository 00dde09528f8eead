
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Preloaded into nginx by tests: threads that can not be started.
 *
 * The file that TEST_THREADS_FILE names at nginx's start holds two int32: so
 * many attempts of nginx's processes shall succeed from now on, and so many
 * after those fail, as if the system's limit of threads was reached.  Each is
 * counted down to 0.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <threads.h>
#include <unistd.h>


typedef struct {
    int32_t  succeed;
    int32_t  fail;
} threads_t;


static void threads_init(void) __attribute__((constructor));
static int threads_fail(void);
static int threads_take(int32_t *count);


static threads_t  *threads;


static void
threads_init(void)
{
    int          fd;
    void        *p;
    const char  *file;

    file = getenv("TEST_THREADS_FILE");

    if (file == NULL) {
        return;
    }

    fd = open(file, O_RDWR|O_CLOEXEC);

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(threads_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd,
             0);

    if (p != MAP_FAILED) {
        threads = p;
    }

    (void) close(fd);
}


static int
threads_fail(void)
{
    return threads && !threads_take(&threads->succeed)
           && threads_take(&threads->fail);
}


static int
threads_take(int32_t *count)
{
    int32_t  left;

    left = __atomic_load_n(count, __ATOMIC_SEQ_CST);

    while (left > 0) {
        if (__atomic_compare_exchange_n(count, &left, left - 1, 0,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        {
            return 1;
        }
    }

    return 0;
}


int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*start)(void *), void *arg)
{
    static int  (*next)(pthread_t *, const pthread_attr_t *,
                        void *(*)(void *), void *);

    if (next == NULL) {
        next = (int (*)(pthread_t *, const pthread_attr_t *,
                        void *(*)(void *), void *))
                   dlsym(RTLD_NEXT, "pthread_create");
    }

    return threads_fail() ? EAGAIN : next(thread, attr, start, arg);
}


/* librdkafka's */

int
thrd_create(thrd_t *thread, thrd_start_t start, void *arg)
{
    static int  (*next)(thrd_t *, thrd_start_t, void *);

    if (next == NULL) {
        next = (int (*)(thrd_t *, thrd_start_t, void *))
                   dlsym(RTLD_NEXT, "thrd_create");
    }

    if (threads_fail()) {
        errno = EAGAIN;
        return thrd_error;
    }

    return next(thread, start, arg);
}
