
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A partition list: what is parsed is sorted and apart, and holds just the
 * partitions that the list's parts hold, looked at one by one.  It is
 * printed, and parsed again.
 *
 * Input: a byte that says how many ranges there is room for, the text.
 */


#include "fuzz.h"

#include "ngx_kafka_ws_cursor.h"


#define PARTS_MAX  600


typedef struct {
    int64_t  first;
    int64_t  last;
} part_t;


static part_t  parts[PARTS_MAX];


/* a number at *p, -1 if there is none to the rules */

static int64_t
number(const uint8_t **p, const uint8_t *last)
{
    int64_t         v;
    const uint8_t  *start;

    v = 0;

    for (start = *p; *p < last && **p >= '0' && **p <= '9'; (*p)++) {
        v = v * 10 + (**p - '0');

        if (v > INT32_MAX) {
            return -1;
        }
    }

    if (*p == start || (*start == '0' && *p - start > 1)) {
        return -1;
    }

    return v;
}


/* parts of a list, 0 if it is none */

static size_t
reference(const uint8_t *p, size_t n)
{
    size_t          count;
    const uint8_t  *last;

    if (n == 3 && memcmp(p, "all", 3) == 0) {
        parts[0].first = 0;
        parts[0].last = INT32_MAX;
        return 1;
    }

    last = p + n;

    for (count = 0; count < PARTS_MAX; p++) {
        parts[count].first = number(&p, last);
        parts[count].last = parts[count].first;

        if (p < last && *p == '-') {
            p++;
            parts[count].last = number(&p, last);
        }

        if (parts[count].first < 0 || parts[count].last < parts[count].first
            || (p < last && *p != ','))
        {
            return 0;
        }

        count++;

        if (p == last) {
            return count;
        }
    }

    return 0;
}


static int
part_contain(size_t n, int64_t partition)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (parts[i].first <= partition && partition <= parts[i].last) {
            return 1;
        }
    }

    return 0;
}


/* at each end and beside it */

static void
check_contain(const ngx_kafka_ws_range_t *ranges, size_t n_ranges, size_t n)
{
    int      edge;
    size_t   i;
    int64_t  v;

    for (i = 0; i < n; i++) {

        for (edge = 0; edge < 6; edge++) {
            v = (edge % 2 ? parts[i].first : parts[i].last) + edge / 2 - 1;

            if (v < INT32_MIN || v > INT32_MAX) {
                continue;
            }

            promise(ngx_kafka_ws_ranges_contain(ranges, n_ranges,
                                                (int32_t) v)
                    == part_contain(n, v));
        }
    }

    promise(!ngx_kafka_ws_ranges_contain(ranges, n_ranges, -1));
}


/* what is printed is the same list, in just the room that it needs */

static void
check_print(const ngx_kafka_ws_range_t *ranges, size_t n_ranges)
{
    size_t                        n, n_back, size;
    uint8_t                      *buf;
    ngx_kafka_ws_range_t         *back;
    ngx_kafka_ws_cursor_error_t   err;

    size = n_ranges * NGX_KAFKA_WS_RANGE_MAX;
    buf = fuzz_alloc(size);
    n = ngx_kafka_ws_ranges_print(buf, size, ranges, n_ranges);
    promise(n != 0 && n <= size);

    back = fuzz_alloc(n_ranges * sizeof(ngx_kafka_ws_range_t));

    promise(ngx_kafka_ws_ranges_parse(buf, n, back, n_ranges, &n_back, &err)
            == NGX_KAFKA_WS_CURSOR_OK);
    promise(n_back == n_ranges);
    promise(memcmp(back, ranges, n_ranges * sizeof(ngx_kafka_ws_range_t))
            == 0);
    free(buf);

    buf = fuzz_alloc(n);
    promise(ngx_kafka_ws_ranges_print(buf, n, ranges, n_ranges) == n);
    promise(ngx_kafka_ws_ranges_print(buf, n - 1, ranges, n_ranges) == 0);

    free(buf);
    free(back);
}


static void
check_parse(const uint8_t *text, size_t size, size_t max, size_t n)
{
    int                           rc;
    size_t                        i, n_ranges;
    ngx_kafka_ws_range_t         *ranges;
    ngx_kafka_ws_cursor_error_t   err;

    ranges = fuzz_alloc(max * sizeof(ngx_kafka_ws_range_t));

    memset(&err, 0, sizeof(ngx_kafka_ws_cursor_error_t));
    n_ranges = 0;
    rc = ngx_kafka_ws_ranges_parse(text, size, ranges, max, &n_ranges, &err);

    if (rc != NGX_KAFKA_WS_CURSOR_OK) {
        promise(rc == NGX_KAFKA_WS_CURSOR_ERROR);
        promise(err.text != NULL && err.pos <= size);

        /* parts that come later may fill the hole between two that fit */

        promise(n == 0 || (n > max
                           && strcmp(err.text, "too many ranges") == 0));
        free(ranges);
        return;
    }

    promise(n != 0 && n_ranges >= 1 && n_ranges <= max && n_ranges <= n);

    for (i = 0; i < n_ranges; i++) {
        promise(ranges[i].first >= 0 && ranges[i].first <= ranges[i].last);
        promise(i == 0 || (int64_t) ranges[i - 1].last + 1 < ranges[i].first);
    }

    check_contain(ranges, n_ranges, n);
    check_print(ranges, n_ranges);
    free(ranges);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    n, max;
    uint8_t  *text;

    if (size == 0 || size > PARTS_MAX) {
        return -1;
    }

    max = data[0] % 8 ? data[0] % 8 : NGX_KAFKA_WS_RANGES_MAX;
    text = fuzz_copy(data + 1, size - 1);
    n = reference(text, size - 1);

    check_parse(text, size - 1, max, n);
    check_parse(text, size - 1, PARTS_MAX, n);

    free(text);

    return 0;
}
