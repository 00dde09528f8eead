
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <string.h>

#include "ngx_kafka_ws_query.h"


static int ngx_kafka_ws_query_same(const uint8_t *p, const uint8_t *last,
    const ngx_kafka_ws_span_t *name);
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


unsigned
ngx_kafka_ws_query_find(const uint8_t *p, size_t n,
    const ngx_kafka_ws_span_t *name, ngx_kafka_ws_span_t *value)
{
    unsigned        found;
    const uint8_t  *last, *end, *next, *sign;

    found = 0;

    if (n == 0) {
        return 0;
    }

    for (last = p + n; p < last; p = next) {
        end = memchr(p, '&', (size_t) (last - p));
        next = end == NULL ? last : end + 1;
        end = end == NULL ? last : end;

        sign = memchr(p, '=', (size_t) (end - p));
        sign = sign == NULL ? end : sign;

        if (!ngx_kafka_ws_query_same(p, sign, name)) {
            continue;
        }

        if (found) {
            return 2;
        }

        found = 1;

        value->data = sign == end ? end : sign + 1;
        value->len = (size_t) (end - value->data);
    }

    return found;
}


/* compared while it is decoded: nothing is allocated for a name */

static int
ngx_kafka_ws_query_same(const uint8_t *p, const uint8_t *last,
    const ngx_kafka_ws_span_t *name)
{
    int     ch;
    size_t  i;

    for (i = 0; i < name->len; i++) {

        if (p == last) {
            return 0;
        }

        ch = *p;

        if (ch == '%') {
            ch = ngx_kafka_ws_query_byte(p, last);
        }

        if (ch != name->data[i]) {
            return 0;
        }

        p += *p == '%' ? 3 : 1;
    }

    return p == last;
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
