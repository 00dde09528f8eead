
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What all fuzz targets share: a way through the input that never ends
 * early, and the one that ends the process when a promise is broken.
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sanitizer/asan_interface.h>


/* the promise that a target checks; false is a finding */

#define promise(cond)                                                         \
    ((cond) ? (void) 0 : fuzz_broken(__FILE__, __LINE__, #cond))


typedef struct {
    const uint8_t  *pos;
    const uint8_t  *last;
} fuzz_input_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static inline void
fuzz_broken(const char *file, int line, const char *cond)
{
    fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, cond);
    abort();
}


/* zero behind the end */

static inline unsigned
fuzz_byte(fuzz_input_t *in)
{
    return in->pos < in->last ? *in->pos++ : 0;
}


static inline size_t
fuzz_rest(const fuzz_input_t *in)
{
    return (size_t) (in->last - in->pos);
}


/* a number that is often at an edge: its first byte says which, or that all
 * eight bytes of it follow */

static inline uint64_t
fuzz_number(fuzz_input_t *in)
{
    size_t    i;
    uint64_t  v;
    unsigned  c;

    c = fuzz_byte(in);

    if (c < 64) {
        return c;
    }

    if (c < 128) {
        return ((uint64_t) 1 << (c - 64)) - 1;
    }

    if (c < 192) {
        return 0 - ((uint64_t) 1 << (c - 128));
    }

    v = 0;

    for (i = 0; i < 8; i++) {
        v = v << 8 | fuzz_byte(in);
    }

    return v;
}


/* memory of just its size, none if it is 0, so that a byte too far is seen;
 * free() it */

static inline void *
fuzz_alloc(size_t n)
{
    void  *p;

    p = malloc(n + (n == 0));

    if (p == NULL) {
        fprintf(stderr, "no memory\n");
        abort();
    }

    if (n == 0) {
        ASAN_POISON_MEMORY_REGION(p, 1);
    }

    return p;
}


static inline uint8_t *
fuzz_copy(const uint8_t *data, size_t n)
{
    uint8_t  *p;

    p = fuzz_alloc(n);

    if (n != 0) {
        memcpy(p, data, n);
    }

    return p;
}


#endif /* _FUZZ_H_INCLUDED_ */
