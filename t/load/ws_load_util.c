
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Clock, random numbers, histogram; ws_flood uses them, too.
 */


#define _GNU_SOURCE

#include <time.h>

#include "ws_load.h"


uint64_t  wsl_now_ns;
int64_t   wsl_wall_us;


void
wsl_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    wsl_now_ns = (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    wsl_wall_us = (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* xorshift64*; for masks and jitter only */

uint64_t
wsl_rand(void)
{
    static uint64_t  x;

    if (x == 0) {
        x = wsl_now_ns | 1;
    }

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;

    return (x * 0x2545f4914f6cdd1dULL) >> 16;
}


void
wsl_hist_add(wsl_hist_t *h, uint64_t v)
{
    unsigned  e, i;

    if (v < 32) {
        i = (unsigned) v;

    } else {
        e = 63 - (unsigned) __builtin_clzll(v);
        i = (e - 4) * 32 + (unsigned) ((v >> (e - 5)) & 31);
    }

    h->count[i]++;
    h->n++;

    if (v > h->max) {
        h->max = v;
    }
}


/* the upper end of the step that the quantile falls into: within 3 % */

uint64_t
wsl_hist_quantile(const wsl_hist_t *h, double q)
{
    unsigned  i, e;
    uint64_t  n, need, v;

    if (h->n == 0) {
        return 0;
    }

    need = (uint64_t) (q * (double) h->n);

    if (need >= h->n) {
        return h->max;
    }

    for (n = 0, i = 0; i < WSL_HIST; i++) {
        n += h->count[i];

        if (n > need) {
            break;
        }
    }

    if (i < 32) {
        return i;
    }

    e = i / 32 + 4;
    v = ((uint64_t) (32 + i % 32 + 1) << (e - 5)) - 1;

    return v > h->max ? h->max : v;
}
