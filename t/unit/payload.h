
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Payloads for tests of compression, the same in each run.
 */


#ifndef _PAYLOAD_H_INCLUDED_
#define _PAYLOAD_H_INCLUDED_


#include "guard.h"


static uint32_t  payload_state = 1;


static inline unsigned
payload_random(void)
{
    payload_state = payload_state * 1103515245u + 12345;

    return (payload_state >> 16) & 0x7fff;
}


static inline void
payload_noise(uint8_t *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        p[i] = (uint8_t) payload_random();
    }
}


/* records as the module's own frames have them */

static inline void
payload_json(uint8_t *p, size_t n)
{
    int     len;
    char    record[256];
    size_t  i;

    for (i = 0; i < n; i += (size_t) len) {
        len = snprintf(record, sizeof(record),
                       "{\"partition\":%u,\"offset\":\"%u%05u\",\"key\":"
                       "\"user-%u\",\"value\":{\"price\":%u.%02u,"
                       "\"quantity\":%u,\"side\":\"%s\"}},",
                       payload_random() % 12, payload_random(),
                       payload_random(), payload_random(), payload_random(),
                       payload_random() % 100, payload_random() % 1000,
                       payload_random() & 1 ? "buy" : "sell");

        if ((size_t) len > n - i) {
            len = (int) (n - i);
        }

        memcpy(p + i, record, (size_t) len);
    }
}


/* noise that comes again from all distances, also from very far */

static inline void
payload_far(uint8_t *p, size_t n)
{
    size_t  i, len, back;

    for (i = 0; i < n; i += len) {
        len = 16 + payload_random() % 500;
        len = (len < n - i) ? len : n - i;
        back = 1 + (size_t) payload_random() % 16384 * 4;

        if (back < len || back > i) {
            payload_noise(p + i, len);

        } else {
            memcpy(p + i, p + i - back, len);
        }
    }
}


#endif /* _PAYLOAD_H_INCLUDED_ */
