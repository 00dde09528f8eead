
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "ngx_kafka_ws_cursor.h"
#include "ngx_kafka_ws_cursor_text.h"

#include <string.h>


#define NGX_KAFKA_WS_CURSOR_DIGITS  19     /* of 2^63 - 1 */


static int ngx_kafka_ws_cursor_twice(ngx_kafka_ws_cursor_text_t *t,
    int32_t partition);
static void ngx_kafka_ws_cursor_sift(ngx_kafka_ws_position_t *pos, size_t i,
    size_t n);
static size_t ngx_kafka_ws_cursor_search(const ngx_kafka_ws_position_t *pos,
    size_t n, int32_t partition);
static uint8_t *ngx_kafka_ws_cursor_write(uint8_t *p, const uint8_t *last,
    int64_t v, uint8_t end);


size_t
ngx_kafka_ws_ranges_print(uint8_t *buf, size_t size,
    const ngx_kafka_ws_range_t *ranges, size_t n_ranges)
{
    size_t    i;
    uint8_t  *p, *last, end;

    if (n_ranges == 1 && ranges->first == 0 && ranges->last == INT32_MAX) {

        if (size < 3) {
            return 0;
        }

        buf[0] = 'a';
        buf[1] = 'l';
        buf[2] = 'l';

        return 3;
    }

    p = buf;
    last = buf + size;

    for (i = 0; i < n_ranges; i++) {
        end = i + 1 < n_ranges ? ',' : 0;

        if (ranges[i].first != ranges[i].last) {

            p = ngx_kafka_ws_cursor_write(p, last, ranges[i].first, '-');
            if (p == NULL) {
                return 0;
            }
        }

        p = ngx_kafka_ws_cursor_write(p, last, ranges[i].last, end);
        if (p == NULL) {
            return 0;
        }
    }

    return (size_t) (p - buf);
}


int
ngx_kafka_ws_cursor_parse(const uint8_t *p, size_t n,
    ngx_kafka_ws_position_t *pos, size_t max, size_t *n_pos,
    ngx_kafka_ws_cursor_error_t *err)
{
    int                         rc;
    size_t                      count;
    int32_t                     twice;
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

        if (count == max) {
            return ngx_kafka_ws_cursor_fail(&t, start, "too many partitions");
        }

        pos[count++] = new;

        rc = ngx_kafka_ws_cursor_more(&t);

    } while (rc > 0);

    if (rc < 0) {
        return NGX_KAFKA_WS_CURSOR_ERROR;
    }

    twice = ngx_kafka_ws_cursor_sort(pos, count);

    if (twice >= 0) {
        return ngx_kafka_ws_cursor_twice(&t, twice);
    }

    *n_pos = count;

    return NGX_KAFKA_WS_CURSOR_OK;
}


/* says where a cursor, which has no other fault, has the partition again */

static int
ngx_kafka_ws_cursor_twice(ngx_kafka_ws_cursor_text_t *t, int32_t partition)
{
    size_t          found;
    int32_t         other;
    const uint8_t  *start;

    found = 0;
    t->pos = t->start;

    for ( ;; ) {
        start = t->pos;

        (void) ngx_kafka_ws_cursor_partition(t, &other);

        found += (other == partition);
        t->pos = memchr(t->pos, ',', (size_t) (t->last - t->pos));

        if (found == 2 || t->pos == NULL) {
            return ngx_kafka_ws_cursor_fail(t, start,
                                            "partition named twice");
        }

        t->pos++;
    }
}


/* a heap sort: no order that a client may choose makes it slow */

int32_t
ngx_kafka_ws_cursor_sort(ngx_kafka_ws_position_t *pos, size_t n)
{
    size_t                   i;
    ngx_kafka_ws_position_t  top;

    for (i = 1; i < n; i++) {
        if (pos[i - 1].partition >= pos[i].partition) {
            break;
        }
    }

    if (i >= n) {
        return -1;
    }

    for (i = n / 2; i-- > 0; /* void */ ) {
        ngx_kafka_ws_cursor_sift(pos, i, n);
    }

    for (i = n - 1; i > 0; i--) {
        top = pos[0];
        pos[0] = pos[i];
        pos[i] = top;

        ngx_kafka_ws_cursor_sift(pos, 0, i);
    }

    for (i = 1; i < n; i++) {
        if (pos[i - 1].partition == pos[i].partition) {
            return pos[i].partition;
        }
    }

    return -1;
}


/* moves the position i down to its place in a heap of n */

static void
ngx_kafka_ws_cursor_sift(ngx_kafka_ws_position_t *pos, size_t i, size_t n)
{
    size_t                   child;
    ngx_kafka_ws_position_t  down;

    down = pos[i];

    for (child = 2 * i + 1; child < n; child = 2 * i + 1) {

        if (child + 1 < n && pos[child].partition < pos[child + 1].partition) {
            child++;
        }

        if (pos[child].partition <= down.partition) {
            break;
        }

        pos[i] = pos[child];
        i = child;
    }

    pos[i] = down;
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
