
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "ngx_kafka_ws_cursor_text.h"


static int ngx_kafka_ws_cursor_number(ngx_kafka_ws_cursor_text_t *t,
    int64_t max, const char *what[3], int64_t *v);


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
