
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Buffers that end at an unreadable page, so that a look one byte too
 * far ends the test.  To be included before any system header.
 */


#ifndef _GUARD_H_INCLUDED_
#define _GUARD_H_INCLUDED_


#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


/* bytes of the mapping that holds n bytes, without the unreadable page */

static inline size_t
guard_size(size_t n)
{
    size_t  page;

    page = (size_t) sysconf(_SC_PAGESIZE);

    return (n / page + 1) * page;
}


/* n zero bytes, right before the unreadable page; guard_free() them */

static inline uint8_t *
guard_new(size_t n)
{
    size_t    size, page;
    uint8_t  *p;

    size = guard_size(n);
    page = (size_t) sysconf(_SC_PAGESIZE);

    p = mmap(NULL, size + page, PROT_READ|PROT_WRITE,
             MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED || mprotect(p + size, page, PROT_NONE) == -1) {
        perror("guard page");
        exit(2);
    }

    return p + size - n;
}


static inline uint8_t *
guard_copy(const void *data, size_t n)
{
    uint8_t  *p;

    p = guard_new(n);

    if (n != 0) {
        memcpy(p, data, n);
    }

    return p;
}


static inline void
guard_free(uint8_t *p, size_t n)
{
    size_t  size;

    size = guard_size(n);

    (void) munmap(p + n - size, size + (size_t) sysconf(_SC_PAGESIZE));
}


#endif /* _GUARD_H_INCLUDED_ */
