
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * TAP for unit tests: ok(), is_int(), is_mem() with a printf-like name,
 * each 1 or 0; "return tap_done(COUNT);" at the end of main().
 */


#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <stdarg.h>
#include <stdio.h>
#include <string.h>


#define ok(cond, ...)  tap_ok((cond) ? 1 : 0, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...)                                                \
    (tap_int[0] = (long long) (got), tap_int[1] = (long long) (want),         \
     tap_ok(tap_int[0] == tap_int[1], __LINE__, __VA_ARGS__)                  \
     || (printf("# got %lld, want %lld\n", tap_int[0], tap_int[1]) & 0))
#define is_mem(got, n, want, m, ...)                                          \
    (tap_mem[0] = (got), tap_len[0] = (n), tap_mem[1] = (want),               \
     tap_len[1] = (m), tap_ok(tap_len[0] == tap_len[1]                        \
     && (tap_len[0] == 0 || memcmp(tap_mem[0], tap_mem[1], tap_len[0]) == 0), \
     __LINE__, __VA_ARGS__) || (tap_dump(0) & tap_dump(1)))


static int  tap_run, tap_failed;
static long long  tap_int[2] __attribute__((unused));
static size_t  tap_len[2] __attribute__((unused));
static const void  *tap_mem[2] __attribute__((unused));


static inline int
tap_ok(int good, int line, const char *name, ...)
{
    va_list  ap;

    va_start(ap, name);
    printf("%sok %d - ", good ? "" : "not ", ++tap_run);
    vprintf(name, ap);
    printf(good ? "\n" : "\n# failed at line %d\n", line);
    va_end(ap);

    tap_failed += !good;

    return good;
}


static inline int
tap_dump(int i)
{
    size_t  j;

    printf("# %s %zu bytes:", i ? "want" : "got", tap_len[i]);

    for (j = 0; j < tap_len[i] && j < 256; j++) {
        printf(" %02x", ((const unsigned char *) tap_mem[i])[j]);
    }

    return printf("\n") & 0;
}


static inline int
tap_done(int planned)
{
    printf("1..%d\n", planned);

    return tap_failed != 0 || tap_run != planned;
}


#endif /* _TAP_H_INCLUDED_ */
