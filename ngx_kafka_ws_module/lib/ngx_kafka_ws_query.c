
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <string.h>

#include "ngx_kafka_ws_query.h"


static const uint8_t *ngx_kafka_ws_query_past(const ngx_kafka_ws_span_t *name,
    const ngx_kafka_ws_span_t *that);
static int ngx_kafka_ws_query_byte(const uint8_t *p, const uint8_t *last);
static int ngx_kafka_ws_query_hex(uint8_t ch);


int
ngx_kafka_ws_query_unescape(uint8_t *p, size_t *n, size_t *pos)
{
    int       ch;
    size_t    i;
    uint8_t  *dst;

    dst = p;

    for (i = 0; i < *n; i++) {

        if (p[i] != '%') {
            *dst++ = p[i];
            continue;
        }

        ch = ngx_kafka_ws_query_byte(p + i, p + *n);

        if (ch < 0) {
            *pos = i;
            return 0;
        }

        *dst++ = (uint8_t) ch;
        i += 2;
    }

    *n = (size_t) (dst - p);

    return 1;
}


int
ngx_kafka_ws_query_next(const uint8_t **p, const uint8_t *last,
    ngx_kafka_ws_span_t *name, ngx_kafka_ws_span_t *value)
{
    const uint8_t  *start, *end, *sign;

    start = *p;

    if (start == last) {
        return 0;
    }

    end = memchr(start, '&', (size_t) (last - start));
    *p = end == NULL ? last : end + 1;
    end = end == NULL ? last : end;

    sign = memchr(start, '=', (size_t) (end - start));
    sign = sign == NULL ? end : sign;

    name->data = start;
    name->len = (size_t) (sign - start);

    value->data = sign == end ? end : sign + 1;
    value->len = (size_t) (end - value->data);

    return 1;
}


int
ngx_kafka_ws_query_is(const ngx_kafka_ws_span_t *name,
    const ngx_kafka_ws_span_t *that)
{
    const uint8_t  *p;

    p = ngx_kafka_ws_query_past(name, that);

    return p != NULL && p == name->data + name->len;
}


int
ngx_kafka_ws_query_begins(const ngx_kafka_ws_span_t *name,
    const ngx_kafka_ws_span_t *that)
{
    return ngx_kafka_ws_query_past(name, that) != NULL;
}


/*
 * Compared while it is decoded: nothing is allocated for a name.
 * returns:  behind what is that; NULL: it does not begin so
 */

static const uint8_t *
ngx_kafka_ws_query_past(const ngx_kafka_ws_span_t *name,
    const ngx_kafka_ws_span_t *that)
{
    int             ch;
    size_t          i;
    const uint8_t  *p, *last;

    p = name->data;
    last = p + name->len;

    for (i = 0; i < that->len; i++) {

        if (p == last) {
            return NULL;
        }

        ch = *p;

        if (ch == '%') {
            ch = ngx_kafka_ws_query_byte(p, last);
        }

        if (ch != that->data[i]) {
            return NULL;
        }

        p += *p == '%' ? 3 : 1;
    }

    return p;
}


/* the byte that "%XX" at p stands for; below 0: that is no such thing */

static int
ngx_kafka_ws_query_byte(const uint8_t *p, const uint8_t *last)
{
    int  high, low;

    if (last - p < 3) {
        return -1;
    }

    high = ngx_kafka_ws_query_hex(p[1]);
    low = ngx_kafka_ws_query_hex(p[2]);

    return high < 0 || low < 0 ? -1 : high << 4 | low;
}


static int
ngx_kafka_ws_query_hex(uint8_t ch)
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
