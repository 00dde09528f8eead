
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Clock, random numbers, histogram, CRC, the value of a bulk record.
 */


#define _GNU_SOURCE

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ws_load.h"


uint64_t          wsl_now_ns;
int64_t           wsl_wall_us;
static uint32_t wsl_crc(const uint8_t *p, size_t len);


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


/* CRC-32 of zlib, IEEE 802.3 */

static uint32_t
wsl_crc(const uint8_t *p, size_t len)
{
    size_t           i;
    uint32_t         crc;
    unsigned         j;
    static uint32_t  table[256];

    if (table[1] == 0) {
        for (i = 0; i < 256; i++) {
            for (crc = (uint32_t) i, j = 0; j < 8; j++) {
                crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
            }

            table[i] = crc;
        }
    }

    for (crc = 0xffffffff, i = 0; i < len; i++) {
        crc = table[(crc ^ p[i]) & 0xff] ^ crc >> 8;
    }

    return ~crc;
}


int
wsl_value_read(const uint8_t *p, size_t len, wsl_value_t *v)
{
    char            *end, buf[128];
    size_t           n;
    const uint8_t   *crc, *last;

    last = p + len;
    crc = memrchr(p, ':', len);

    if (crc == NULL || last - crc != 9) {
        return -1;
    }

    n = len < sizeof(buf) - 1 ? len : sizeof(buf) - 1;
    memcpy(buf, p, n);
    buf[n] = '\0';

    end = strchr(buf, ':');

    if (end == NULL) {
        return -1;
    }

    v->run = (const char *) p;
    v->run_len = (size_t) (end - buf);
    v->partition = strtoll(end + 1, &end, 10);

    if (*end != ':') {
        return -1;
    }

    v->seq = strtoll(end + 1, &end, 10);

    if (*end != ':') {
        return -1;
    }

    v->stamp_us = strtoll(end + 1, &end, 10);

    if (*end != ':') {
        return -1;
    }

    memcpy(buf, crc + 1, 8);
    buf[8] = '\0';

    if (strtoul(buf, NULL, 16) != wsl_crc(p, (size_t) (crc - p) + 1)) {
        return -1;
    }

    if (wsl_opt.run
        && (v->run_len != strlen(wsl_opt.run)
            || memcmp(v->run, wsl_opt.run, v->run_len) != 0))
    {
        return -1;
    }

    return 0;
}
