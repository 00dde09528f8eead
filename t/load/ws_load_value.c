
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The value of a record of t/broker/kafka_bulk.c.
 */


#define _GNU_SOURCE

#include <stdlib.h>
#include <string.h>

#include "ws_load.h"


static uint32_t wsl_crc(const uint8_t *p, size_t len);
static int wsl_value_run(wsl_value_t *v);


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

    return wsl_value_run(v);
}


/* RUN, or RUN.kN with owners */

static int
wsl_value_run(wsl_value_t *v)
{
    const char  *p, *last;

    v->owner = -1;

    if (wsl_opt.owners) {
        last = v->run + v->run_len;
        p = memrchr(v->run, '.', v->run_len);

        if (p == NULL || last - p < 3 || last - p > 12 || p[1] != 'k') {
            return -1;
        }

        v->run_len = (size_t) (p - v->run);

        for (v->owner = 0, p += 2; p < last; p++) {
            if (*p < '0' || *p > '9') {
                return -1;
            }

            v->owner = v->owner * 10 + (*p - '0');
        }
    }

    if (wsl_opt.run
        && (v->run_len != strlen(wsl_opt.run)
            || memcmp(v->run, wsl_opt.run, v->run_len) != 0))
    {
        return -1;
    }

    return 0;
}
