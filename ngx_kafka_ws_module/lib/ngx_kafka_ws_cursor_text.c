
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "ngx_kafka_ws_cursor_text.h"


static int ngx_kafka_ws_cursor_number(ngx_kafka_ws_cursor_text_t *t,
    int64_t max, const char *what[3], int64_t *v);
static void ngx_kafka_ws_cursor_begin(ngx_kafka_ws_cursor_text_t *t,
    const uint8_t *p, size_t n, ngx_kafka_ws_cursor_error_t *err);
static int ngx_kafka_ws_cursor_end(ngx_kafka_ws_cursor_text_t *t);


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


int
ngx_kafka_ws_cursor_offset(ngx_kafka_ws_cursor_text_t *t, int64_t *offset)
{
    return ngx_kafka_ws_cursor_number(t, INT64_MAX,
                                      ngx_kafka_ws_cursor_offset_texts,
                                      offset);
}


int
ngx_kafka_ws_cursor_partition_parse(const uint8_t *p, size_t n,
    int32_t *partition, ngx_kafka_ws_cursor_error_t *err)
{
    ngx_kafka_ws_cursor_text_t  t;

    ngx_kafka_ws_cursor_begin(&t, p, n, err);

    if (ngx_kafka_ws_cursor_partition(&t, partition)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return NGX_KAFKA_WS_CURSOR_ERROR;
    }

    return ngx_kafka_ws_cursor_end(&t);
}


int
ngx_kafka_ws_cursor_offset_parse(const uint8_t *p, size_t n, int64_t *offset,
    ngx_kafka_ws_cursor_error_t *err)
{
    ngx_kafka_ws_cursor_text_t  t;

    ngx_kafka_ws_cursor_begin(&t, p, n, err);

    if (ngx_kafka_ws_cursor_offset(&t, offset) != NGX_KAFKA_WS_CURSOR_OK) {
        return NGX_KAFKA_WS_CURSOR_ERROR;
    }

    return ngx_kafka_ws_cursor_end(&t);
}


static void
ngx_kafka_ws_cursor_begin(ngx_kafka_ws_cursor_text_t *t, const uint8_t *p,
    size_t n, ngx_kafka_ws_cursor_error_t *err)
{
    t->start = p;
    t->pos = p;
    t->last = p + n;
    t->err = err;
}


static int
ngx_kafka_ws_cursor_end(ngx_kafka_ws_cursor_text_t *t)
{
    if (t->pos != t->last) {
        return ngx_kafka_ws_cursor_fail(t, t->pos, "unexpected character");
    }

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


int
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


int
ngx_kafka_ws_cursor_fail(ngx_kafka_ws_cursor_text_t *t, const uint8_t *p,
    const char *text)
{
    t->err->text = text;
    t->err->pos = (size_t) (p - t->start);

    return NGX_KAFKA_WS_CURSOR_ERROR;
}
