
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Preloaded into nginx by tests: says what a process holds on its heap.
 *
 * How much memory malloc() keeps when all is freed depends on what happens to
 * lie at the end of the heap, by tens of megabytes after 10,000 connections.
 * Upon SIGRTMIN the process gives all free memory back to the kernel, and
 * appends "PID BYTES\n", what is allocated, to the file that TEST_HEAP_FILE
 * named at its start.  It does so before its next epoll_wait(), since the
 * signal may come within malloc().
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>


static void heap_init(void) __attribute__((constructor));
static void heap_signal(int signo);
static void heap_report(void);


static char                   heap_file[4096];
static volatile sig_atomic_t  heap_asked;


static void
heap_init(void)
{
    const char        *file;
    struct sigaction   sa;

    file = getenv("TEST_HEAP_FILE");

    if (file == NULL) {
        return;
    }

    (void) snprintf(heap_file, sizeof(heap_file), "%s", file);

    sa.sa_handler = heap_signal;
    sa.sa_flags = 0;
    (void) sigemptyset(&sa.sa_mask);
    (void) sigaction(SIGRTMIN, &sa, NULL);
}


static void
heap_signal(int signo)
{
    (void) signo;

    heap_asked = 1;
}


static void
heap_report(void)
{
    int      fd, n;
    char     line[64];
    size_t   size, (*sanitizer)(void);

    /* under a sanitizer the heap is its own */

    sanitizer = (size_t (*)(void)) dlsym(RTLD_DEFAULT,
                                   "__sanitizer_get_current_allocated_bytes");

    if (sanitizer) {
        size = sanitizer();

    } else {
        (void) malloc_trim(0);
        size = mallinfo2().uordblks + mallinfo2().hblkhd;
    }

    n = snprintf(line, sizeof(line), "%d %zu\n", (int) getpid(), size);
    fd = open(heap_file, O_WRONLY|O_APPEND|O_CLOEXEC);

    if (fd == -1) {
        return;
    }

    if (write(fd, line, (size_t) n) != n) {
        /* the reader waits for it in vain, and says so */
    }

    (void) close(fd);
}


int
epoll_wait(int ep, struct epoll_event *events, int n, int timeout)
{
    static int  (*next)(int, struct epoll_event *, int, int);

    if (next == NULL) {
        next = (int (*)(int, struct epoll_event *, int, int))
                   dlsym(RTLD_NEXT, "epoll_wait");
    }

    if (heap_asked) {
        heap_asked = 0;
        heap_report();
    }

    return next(ep, events, n, timeout);
}
