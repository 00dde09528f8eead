
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "ngx_kafka_ws_cursor.h"

#include <string.h>


#define NGX_KAFKA_WS_CURSOR_DIGITS  19     /* of 2^63 - 1 */


/* where the parser stands; pos moves, start and last do not */

typedef struct {
    const uint8_t                *start;
    const uint8_t                *pos;
    const uint8_t                *last;
    ngx_kafka_ws_cursor_error_t  *err;
} ngx_kafka_ws_cursor_text_t;


static int ngx_kafka_ws_cursor_fail(ngx_kafka_ws_cursor_text_t *t,
    const uint8_t *p, const char *text);
static int ngx_kafka_ws_cursor_number(ngx_kafka_ws_cursor_text_t *t,
    int64_t max, const char *what[3], int64_t *v);
static int ngx_kafka_ws_cursor_partition(ngx_kafka_ws_cursor_text_t *t,
    int32_t *partition);
static int ngx_kafka_ws_cursor_more(ngx_kafka_ws_cursor_text_t *t);
static int ngx_kafka_ws_ranges_element(ngx_kafka_ws_cursor_text_t *t,
    ngx_kafka_ws_range_t *r);
static int ngx_kafka_ws_ranges_add(ngx_kafka_ws_range_t *ranges, size_t max,
    size_t *n, ngx_kafka_ws_range_t r);
static size_t ngx_kafka_ws_cursor_search(const ngx_kafka_ws_position_t *pos,
    size_t n, int32_t partition);
static uint8_t *ngx_kafka_ws_cursor_write(uint8_t *p, const uint8_t *last,
    int64_t v, uint8_t end);


/* texts of an empty, a padded and a big number */

static const char  *ngx_kafka_ws_cursor_partition_texts[] = {
    "partition missing",
    "partition with leading zero",
    "partition above 2147483647"
};


static const char  *ngx_kafka_ws_cursor_offset_texts[] = {
    "offset missing",
    "offset with leading zero",
    "offset above 9223372036854775807"
};


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


/* puts r in its place, and one with the ranges that it touches */

static int
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

        memcpy(buf, "all", 3);
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

        if (ngx_kafka_ws_cursor_number(&t, INT64_MAX,
                                       ngx_kafka_ws_cursor_offset_texts,
                                       &new.offset)
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


static int
ngx_kafka_ws_cursor_partition(ngx_kafka_ws_cursor_text_t *t,
    int32_t *partition)
{
    int64_t  v;

    if (ngx_kafka_ws_cursor_number(t, INT32_MAX,
                                   ngx_kafka_ws_cursor_partition_texts, &v)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return NGX_KAFKA_WS_CURSOR_ERROR;
    }

    *partition = (int32_t) v;

    return NGX_KAFKA_WS_CURSOR_OK;
}


/* decimal digits up to the first other byte; what: three error texts */

static int
ngx_kafka_ws_cursor_number(ngx_kafka_ws_cursor_text_t *t, int64_t max,
    const char *what[3], int64_t *v)
{
    int             digit;
    const uint8_t  *start;

    start = t->pos;
    *v = 0;

    for ( /* void */ ; t->pos < t->last; t->pos++) {

        if (*t->pos < '0' || *t->pos > '9') {
            break;
        }

        if (t->pos == start + 1 && *start == '0') {
            return ngx_kafka_ws_cursor_fail(t, start, what[1]);
        }

        digit = *t->pos - '0';

        if (*v > (max - digit) / 10) {
            return ngx_kafka_ws_cursor_fail(t, start, what[2]);
        }

        *v = *v * 10 + digit;
    }

    if (t->pos == start) {

        if (t->pos < t->last && *t->pos != ',' && *t->pos != ':') {
            return ngx_kafka_ws_cursor_fail(t, start, "unexpected character");
        }

        return ngx_kafka_ws_cursor_fail(t, start, what[0]);
    }

    return NGX_KAFKA_WS_CURSOR_OK;
}


/* returns 1 past a comma, 0 at the end, else an error */

static int
ngx_kafka_ws_cursor_more(ngx_kafka_ws_cursor_text_t *t)
{
    if (t->pos == t->last) {
        return 0;
    }

    if (*t->pos != ',') {
        return ngx_kafka_ws_cursor_fail(t, t->pos, "unexpected character");
    }

    t->pos++;

    return 1;
}


static int
ngx_kafka_ws_cursor_fail(ngx_kafka_ws_cursor_text_t *t, const uint8_t *p,
    const char *text)
{
    t->err->text = text;
    t->err->pos = (size_t) (p - t->start);

    return NGX_KAFKA_WS_CURSOR_ERROR;
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
