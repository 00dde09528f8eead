
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "ngx_kafka_ws_cursor.h"
#include "ngx_kafka_ws_cursor_text.h"

#include <string.h>


#define NGX_KAFKA_WS_CURSOR_DIGITS  19     /* of 2^63 - 1 */


static size_t ngx_kafka_ws_cursor_search(const ngx_kafka_ws_position_t *pos,
    size_t n, int32_t partition);
static int ngx_kafka_ws_cursor_hex(uint8_t ch);
static uint8_t *ngx_kafka_ws_cursor_write(uint8_t *p, const uint8_t *last,
    int64_t v, uint8_t end);


int
ngx_kafka_ws_cursor_unescape(uint8_t *p, size_t *n,
    ngx_kafka_ws_cursor_error_t *err)
{
    int       high, low;
    size_t    i;
    uint8_t  *dst;

    dst = p;

    for (i = 0; i < *n; i++) {

        if (p[i] != '%') {
            *dst++ = p[i];
            continue;
        }

        high = -1;
        low = -1;

        if (*n - i > 2) {
            high = ngx_kafka_ws_cursor_hex(p[i + 1]);
            low = ngx_kafka_ws_cursor_hex(p[i + 2]);
        }

        if (high < 0 || low < 0) {
            err->text = "invalid percent-encoding";
            err->pos = i;
            return NGX_KAFKA_WS_CURSOR_ERROR;
        }

        *dst++ = (uint8_t) (high << 4 | low);
        i += 2;
    }

    *n = (size_t) (dst - p);

    return NGX_KAFKA_WS_CURSOR_OK;
}


static int
ngx_kafka_ws_cursor_hex(uint8_t ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch |= 0x20;

    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }

    return -1;
}


int
ngx_kafka_ws_cursor_parse(const uint8_t *p, size_t n,
    ngx_kafka_ws_position_t *pos, size_t max, size_t *n_pos,
    ngx_kafka_ws_cursor_error_t *err)
{
    int                         rc;
    size_t                      i, count;
    const uint8_t              *start;
    ngx_kafka_ws_position_t     new;
    ngx_kafka_ws_cursor_text_t  t;

    count = 0;
    *n_pos = 0;

    if (n == 0) {
        return NGX_KAFKA_WS_CURSOR_OK;
    }

    t.start = p;
    t.pos = p;
    t.last = p + n;
    t.err = err;

    do {
        start = t.pos;

        if (ngx_kafka_ws_cursor_partition(&t, &new.partition)
            != NGX_KAFKA_WS_CURSOR_OK)
        {
            return NGX_KAFKA_WS_CURSOR_ERROR;
        }

        if (t.pos == t.last || *t.pos != ':') {
            return ngx_kafka_ws_cursor_fail(&t, t.pos, "colon missing");
        }

        t.pos++;

        if (ngx_kafka_ws_cursor_offset(&t, &new.offset)
            != NGX_KAFKA_WS_CURSOR_OK)
        {
            return NGX_KAFKA_WS_CURSOR_ERROR;
        }

        i = ngx_kafka_ws_cursor_search(pos, count, new.partition);

        if (i < count && pos[i].partition == new.partition) {
            return ngx_kafka_ws_cursor_fail(&t, start,
                                            "partition named twice");
        }

        if (count == max) {
            return ngx_kafka_ws_cursor_fail(&t, start, "too many partitions");
        }

        memmove(&pos[i + 1], &pos[i],
                (count - i) * sizeof(ngx_kafka_ws_position_t));

        pos[i] = new;
        count++;

        rc = ngx_kafka_ws_cursor_more(&t);

    } while (rc > 0);

    if (rc < 0) {
        return NGX_KAFKA_WS_CURSOR_ERROR;
    }

    *n_pos = count;

    return NGX_KAFKA_WS_CURSOR_OK;
}


const ngx_kafka_ws_position_t *
ngx_kafka_ws_cursor_find(const ngx_kafka_ws_position_t *pos, size_t n_pos,
    int32_t partition)
{
    size_t  i;

    i = ngx_kafka_ws_cursor_search(pos, n_pos, partition);

    if (i < n_pos && pos[i].partition == partition) {
        return &pos[i];
    }

    return NULL;
}


/* the first of the sorted positions that is not below the partition */

static size_t
ngx_kafka_ws_cursor_search(const ngx_kafka_ws_position_t *pos, size_t n,
    int32_t partition)
{
    size_t  low, high, mid;

    low = 0;
    high = n;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (pos[mid].partition < partition) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return low;
}


size_t
ngx_kafka_ws_cursor_print(uint8_t *buf, size_t size,
    const ngx_kafka_ws_position_t *pos, size_t n_pos)
{
    size_t    i;
    uint8_t  *p, *last;

    p = buf;
    last = buf + size;

    for (i = 0; i < n_pos; i++) {

        if (i != 0) {
            if (p == last) {
                return 0;
            }

            *p++ = ',';
        }

        p = ngx_kafka_ws_cursor_write(p, last, pos[i].partition, ':');
        if (p == NULL) {
            return 0;
        }

        p = ngx_kafka_ws_cursor_write(p, last, pos[i].offset, 0);
        if (p == NULL) {
            return 0;
        }
    }

    return (size_t) (p - buf);
}


/* writes a number and, if it is not zero, a byte; NULL: no room */

static uint8_t *
ngx_kafka_ws_cursor_write(uint8_t *p, const uint8_t *last, int64_t v,
    uint8_t end)
{
    size_t   n;
    uint8_t  digits[NGX_KAFKA_WS_CURSOR_DIGITS + 1], *d;

    if (v < 0) {
        return NULL;
    }

    d = digits + sizeof(digits);

    if (end != 0) {
        *--d = end;
    }

    do {
        *--d = (uint8_t) ('0' + v % 10);
        v /= 10;
    } while (v != 0);

    n = (size_t) (digits + sizeof(digits) - d);

    if ((size_t) (last - p) < n) {
        return NULL;
    }

    memcpy(p, d, n);

    return p + n;
}
