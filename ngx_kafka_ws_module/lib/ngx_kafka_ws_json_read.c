
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <string.h>

#include "ngx_kafka_ws_json_read.h"
#include "ngx_kafka_ws_json_word.h"


static uint32_t ngx_kafka_ws_json_read_hex(const uint8_t *p);
static size_t ngx_kafka_ws_json_read_utf8(uint32_t c, uint8_t *out);


const uint8_t *
ngx_kafka_ws_json_read_space(const uint8_t *p, const uint8_t *last)
{
    while (p < last && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }

    return p;
}


const uint8_t *
ngx_kafka_ws_json_read_value(const uint8_t *p, const uint8_t *last)
{
    unsigned  escapes;

    switch (*p) {

    case '{':
    case '[':
        return ngx_kafka_ws_json_read_rest(p + 1, last);

    case '"':
        return ngx_kafka_ws_json_read_quote(p + 1, last, &escapes) + 1;

    default:
        break;
    }

    /* a number or a word, which may be the whole text */

    while (p < last && *p > ' ' && *p != ',' && *p != ']' && *p != '}') {
        p++;
    }

    return p;
}


const uint8_t *
ngx_kafka_ws_json_read_rest(const uint8_t *p, const uint8_t *last)
{
    size_t    depth;
    unsigned  escapes;

    depth = 1;

    for ( ;; ) {

        switch (*p++) {

        case '"':
            p = ngx_kafka_ws_json_read_quote(p, last, &escapes) + 1;
            break;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':

            if (--depth == 0) {
                return p;
            }

            break;

        default:
            break;
        }
    }
}


const uint8_t *
ngx_kafka_ws_json_read_quote(const uint8_t *p, const uint8_t *last,
    unsigned *escapes)
{
    uint64_t  w, mask;

    *escapes = 0;

    for ( ;; ) {

        if (last - p >= 8) {
            memcpy(&w, p, 8);
            mask = ngx_kafka_ws_json_has(w, '"')
                   | ngx_kafka_ws_json_has(w, '\\');

            if (mask == 0) {
                p += 8;
                continue;
            }

            p += ngx_kafka_ws_json_before(mask);
        }

        if (*p == '"') {
            return p;
        }

        if (*p == '\\') {
            *escapes = 1;
            p++;
        }

        p++;
    }
}


size_t
ngx_kafka_ws_json_read_text(const uint8_t *p, size_t n, uint8_t *dst)
{
    size_t          len;
    uint8_t        *d;
    const uint8_t  *end, *last;

    d = dst;
    last = p + n;

    while (p < last) {
        end = memchr(p, '\\', (size_t) (last - p));
        len = (size_t) ((end == NULL ? last : end) - p);

        memcpy(d, p, len);
        d += len;

        if (end == NULL) {
            break;
        }

        p = ngx_kafka_ws_json_read_escape(end + 1, last, d, &len);

        if (len == 0) {
            return SIZE_MAX;
        }

        d += len;
    }

    return (size_t) (d - dst);
}


const uint8_t *
ngx_kafka_ws_json_read_escape(const uint8_t *p, const uint8_t *last,
    uint8_t *out, size_t *n)
{
    uint32_t  c, low;

    *n = 1;
    *out = *p;

    switch (*p++) {

    case 'b':
        *out = '\b';
        return p;

    case 'f':
        *out = '\f';
        return p;

    case 'n':
        *out = '\n';
        return p;

    case 'r':
        *out = '\r';
        return p;

    case 't':
        *out = '\t';
        return p;

    case 'u':
        break;

    default:
        return p;
    }

    c = ngx_kafka_ws_json_read_hex(p);
    p += 4;

    if (c >= 0xd800 && c <= 0xdfff) {
        low = 0;

        if (c < 0xdc00 && last - p >= 6 && p[0] == '\\' && p[1] == 'u') {
            low = ngx_kafka_ws_json_read_hex(p + 2);
        }

        if (low < 0xdc00 || low > 0xdfff) {
            *n = 0;
            return p;
        }

        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        p += 6;
    }

    *n = ngx_kafka_ws_json_read_utf8(c, out);

    return p;
}


/* four digits, which the check has seen */

static uint32_t
ngx_kafka_ws_json_read_hex(const uint8_t *p)
{
    size_t    i;
    uint32_t  c;

    c = 0;

    for (i = 0; i < 4; i++) {
        c = c << 4 | (uint32_t) (p[i] <= '9' ? p[i] - '0'
                                             : (p[i] | 0x20) - 'a' + 10);
    }

    return c;
}


static size_t
ngx_kafka_ws_json_read_utf8(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        out[0] = (uint8_t) c;
        return 1;
    }

    if (c < 0x800) {
        out[0] = (uint8_t) (0xc0 | c >> 6);
        out[1] = (uint8_t) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        out[0] = (uint8_t) (0xe0 | c >> 12);
        out[1] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t) (0x80 | (c & 0x3f));
        return 3;
    }

    out[0] = (uint8_t) (0xf0 | c >> 18);
    out[1] = (uint8_t) (0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t) (0x80 | (c & 0x3f));

    return 4;
}
