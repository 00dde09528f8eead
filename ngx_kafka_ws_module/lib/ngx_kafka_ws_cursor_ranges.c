
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Partition lists.
 */


#include "ngx_kafka_ws_cursor.h"
#include "ngx_kafka_ws_cursor_text.h"

#include <string.h>


static int ngx_kafka_ws_ranges_element(ngx_kafka_ws_cursor_text_t *t,
    ngx_kafka_ws_range_t *r);


int
ngx_kafka_ws_ranges_parse(const uint8_t *p, size_t n,
    ngx_kafka_ws_range_t *ranges, size_t max, size_t *n_ranges,
    ngx_kafka_ws_cursor_error_t *err)
{
    int                         rc;
    size_t                      count;
    const uint8_t              *start;
    ngx_kafka_ws_range_t        r;
    ngx_kafka_ws_cursor_text_t  t;

    if (n == 0) {
        err->text = "empty partition list";
        err->pos = 0;
        return NGX_KAFKA_WS_CURSOR_ERROR;
    }

    t.start = p;
    t.pos = p;
    t.last = p + n;
    t.err = err;

    if (n == 3 && memcmp(p, "all", 3) == 0) {
        ranges[0].first = 0;
        ranges[0].last = INT32_MAX;
        *n_ranges = 1;

        return NGX_KAFKA_WS_CURSOR_OK;
    }

    count = 0;

    do {
        start = t.pos;

        if (ngx_kafka_ws_ranges_element(&t, &r) != NGX_KAFKA_WS_CURSOR_OK) {
            return NGX_KAFKA_WS_CURSOR_ERROR;
        }

        if (ngx_kafka_ws_ranges_add(ranges, max, &count, r)
            != NGX_KAFKA_WS_CURSOR_OK)
        {
            return ngx_kafka_ws_cursor_fail(&t, start, "too many ranges");
        }

        rc = ngx_kafka_ws_cursor_more(&t);

    } while (rc > 0);

    if (rc < 0) {
        return NGX_KAFKA_WS_CURSOR_ERROR;
    }

    *n_ranges = count;

    return NGX_KAFKA_WS_CURSOR_OK;
}


/* "3" or "0-7" */

static int
ngx_kafka_ws_ranges_element(ngx_kafka_ws_cursor_text_t *t,
    ngx_kafka_ws_range_t *r)
{
    const uint8_t  *start;

    start = t->pos;

    if (ngx_kafka_ws_cursor_partition(t, &r->first)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return NGX_KAFKA_WS_CURSOR_ERROR;
    }

    r->last = r->first;

    if (t->pos == t->last || *t->pos != '-') {
        return NGX_KAFKA_WS_CURSOR_OK;
    }

    t->pos++;

    if (ngx_kafka_ws_cursor_partition(t, &r->last)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return NGX_KAFKA_WS_CURSOR_ERROR;
    }

    if (r->last < r->first) {
        return ngx_kafka_ws_cursor_fail(t, start, "range from high to low");
    }

    return NGX_KAFKA_WS_CURSOR_OK;
}


int
ngx_kafka_ws_ranges_add(ngx_kafka_ws_range_t *ranges, size_t max, size_t *n,
    ngx_kafka_ws_range_t r)
{
    size_t  i, j;

    /* ends are 0 or more: the int64_t sums cannot overflow */

    for (i = 0; i < *n; i++) {
        if ((int64_t) ranges[i].last + 1 >= r.first) {
            break;
        }
    }

    for (j = i; j < *n; j++) {
        if (ranges[j].first > (int64_t) r.last + 1) {
            break;
        }

        if (ranges[j].first < r.first) {
            r.first = ranges[j].first;
        }

        if (ranges[j].last > r.last) {
            r.last = ranges[j].last;
        }
    }

    if (i == j && *n >= max) {
        return NGX_KAFKA_WS_CURSOR_ERROR;
    }

    memmove(&ranges[i + 1], &ranges[j],
            (*n - j) * sizeof(ngx_kafka_ws_range_t));

    ranges[i] = r;
    *n = *n - (j - i) + 1;

    return NGX_KAFKA_WS_CURSOR_OK;
}


int
ngx_kafka_ws_ranges_contain(const ngx_kafka_ws_range_t *ranges,
    size_t n_ranges, int32_t partition)
{
    size_t  low, high, mid;

    low = 0;
    high = n_ranges;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (ranges[mid].last < partition) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return low < n_ranges && ranges[low].first <= partition;
}
