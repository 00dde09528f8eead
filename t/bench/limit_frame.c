
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The frame of a record: what kafka_ws_fields gives by default, or the value
 * alone.
 */


#include <string.h>

#include "limit.h"


#define LIMIT_NUMBER  20                /* digits of one, at most */

#define limit_put(p, text)                                                    \
    ((uint8_t *) memcpy(p, text, sizeof(text) - 1) + sizeof(text) - 1)


static uint8_t *limit_number(uint8_t *p, int64_t v);


size_t
limit_frame(const rd_kafka_message_t *rkm, uint8_t *p)
{
    size_t                     len;
    uint8_t                   *q, *payload;
    rd_kafka_timestamp_type_t  type;

    if (rkm->len + rkm->key_len > 65536 - 256) {
        return 0;
    }

    /* in front of it there is room for the longer header */

    payload = p + 4;
    q = payload;

    if (!limit_raw) {
        q = limit_put(q, "{\"partition\":");
        q = limit_number(q, rkm->partition);
        q = limit_put(q, ",\"offset\":");
        q = limit_number(q, rkm->offset);
        q = limit_put(q, ",\"timestamp\":");
        q = limit_number(q, rd_kafka_message_timestamp(rkm, &type));

        if (rkm->key) {
            q = limit_put(q, ",\"key\":\"");
            memcpy(q, rkm->key, rkm->key_len);
            q += rkm->key_len;
            q = limit_put(q, "\",\"value\":\"");

        } else {
            q = limit_put(q, ",\"key\":null,\"value\":\"");
        }
    }

    memcpy(q, rkm->payload, rkm->len);
    q += rkm->len;

    if (!limit_raw) {
        q = limit_put(q, "\"}");
    }

    len = (size_t) (q - payload);

    p[0] = 0x81;

    if (len < 126) {
        p[1] = (uint8_t) len;
        memmove(p + 2, payload, len);

        return len + 2;
    }

    p[1] = 126;
    p[2] = (uint8_t) (len >> 8);
    p[3] = (uint8_t) len;

    return len + 4;
}


/* not negative: a partition, an offset, a time */

static uint8_t *
limit_number(uint8_t *p, int64_t v)
{
    uint8_t  digits[LIMIT_NUMBER], *d;

    d = digits + LIMIT_NUMBER;

    do {
        *--d = (uint8_t) ('0' + v % 10);
        v /= 10;
    } while (v > 0);

    memcpy(p, d, (size_t) (digits + LIMIT_NUMBER - d));

    return p + (digits + LIMIT_NUMBER - d);
}
