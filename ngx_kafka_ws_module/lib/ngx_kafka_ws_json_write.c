
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <string.h>

#include "ngx_kafka_ws_json_write.h"
#include "ngx_kafka_ws_json_word.h"
#include "ngx_kafka_ws_utf8.h"


static uint8_t *ngx_kafka_ws_json_put(uint8_t *dst, uint8_t c);
static size_t ngx_kafka_ws_json_put_len(uint8_t c);
static size_t ngx_kafka_ws_json_sequence(const uint8_t *p,
    const uint8_t *last);


static const char  ngx_kafka_ws_json_hex[] = "0123456789abcdef";

static const char  ngx_kafka_ws_json_base64_set[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const char  ngx_kafka_ws_json_pairs[] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";


size_t
ngx_kafka_ws_json_string_bound(size_t n)
{
    if (n > (SIZE_MAX - 2) / NGX_KAFKA_WS_JSON_ESCAPE) {
        return SIZE_MAX;
    }

    return NGX_KAFKA_WS_JSON_ESCAPE * n + 2;
}


uint8_t *
ngx_kafka_ws_json_string(uint8_t *dst, const uint8_t *p, size_t n)
{
    uint8_t         c;
    uint64_t        w, mask, high;
    const uint8_t  *src, *last;

    *dst++ = '"';

    if (n == 0) {
        *dst++ = '"';
        return dst;
    }

    src = p;
    last = p + n;
    high = 0;

    for ( ;; ) {

        if (last - p >= 8) {
            memcpy(&w, p, 8);

            high |= w;
            mask = ngx_kafka_ws_json_special(w);

            /* 8 bytes to come may take 48, so this is always within dst */

            memcpy(dst, &w, 8);

            if (mask == 0) {
                p += 8;
                dst += 8;
                continue;
            }

            p += ngx_kafka_ws_json_before(mask);
            dst += ngx_kafka_ws_json_before(mask);
        }

        if (p == last) {
            break;
        }

        c = *p++;
        high |= c;

        if (ngx_kafka_ws_json_is_special(c)) {
            dst = ngx_kafka_ws_json_put(dst, c);

        } else {
            *dst++ = c;
        }
    }

    if ((high & NGX_KAFKA_WS_JSON_HIGHS)
        && !ngx_kafka_ws_utf8_valid(src, n))
    {
        return NULL;
    }

    *dst++ = '"';

    return dst;
}


/* writes an escaped byte */

static uint8_t *
ngx_kafka_ws_json_put(uint8_t *dst, uint8_t c)
{
    *dst++ = '\\';

    switch (c) {

    case '"':
    case '\\':
        *dst++ = c;
        break;

    case '\b':
        *dst++ = 'b';
        break;

    case '\f':
        *dst++ = 'f';
        break;

    case '\n':
        *dst++ = 'n';
        break;

    case '\r':
        *dst++ = 'r';
        break;

    case '\t':
        *dst++ = 't';
        break;

    default:
        *dst++ = 'u';
        *dst++ = '0';
        *dst++ = '0';
        *dst++ = (uint8_t) ngx_kafka_ws_json_hex[c >> 4];
        *dst++ = (uint8_t) ngx_kafka_ws_json_hex[c & 0xf];
    }

    return dst;
}


/* bytes that put writes */

static size_t
ngx_kafka_ws_json_put_len(uint8_t c)
{
    uint8_t  tmp[NGX_KAFKA_WS_JSON_ESCAPE];

    return (size_t) (ngx_kafka_ws_json_put(tmp, c) - tmp);
}


uint8_t *
ngx_kafka_ws_json_string_lossy(uint8_t *dst, const uint8_t *p, size_t n)
{
    size_t          len;
    uint8_t        *end;
    const uint8_t  *last;

    end = ngx_kafka_ws_json_string(dst, p, n);
    if (end != NULL) {
        return end;
    }

    last = p + n;
    *dst++ = '"';

    while (p < last) {

        if (ngx_kafka_ws_json_is_special(*p)) {
            dst = ngx_kafka_ws_json_put(dst, *p++);
            continue;
        }

        len = ngx_kafka_ws_json_sequence(p, last);

        if (len == 0) {
            *dst++ = 0xef;
            *dst++ = 0xbf;
            *dst++ = 0xbd;
            p++;
            continue;
        }

        memcpy(dst, p, len);
        dst += len;
        p += len;
    }

    *dst++ = '"';

    return dst;
}


size_t
ngx_kafka_ws_json_string_lossy_len(const uint8_t *p, size_t n)
{
    size_t          len, total;
    const uint8_t  *last;

    if (n == 0) {
        return 2;
    }

    total = 2;
    last = p + n;

    while (p < last) {

        if (ngx_kafka_ws_json_is_special(*p)) {
            total += ngx_kafka_ws_json_put_len(*p++);
            continue;
        }

        len = ngx_kafka_ws_json_sequence(p, last);

        if (len == 0) {
            total += 3;
            p++;
            continue;
        }

        total += len;
        p += len;
    }

    return total;
}


/* bytes of the character at p; 0: not UTF-8 */

static size_t
ngx_kafka_ws_json_sequence(const uint8_t *p, const uint8_t *last)
{
    size_t  n, max;

    max = (size_t) (last - p);
    max = max < 4 ? max : 4;

    for (n = 1; n <= max; n++) {

        if (ngx_kafka_ws_utf8_valid(p, n)) {
            return n;
        }
    }

    return 0;
}


size_t
ngx_kafka_ws_json_base64_len(size_t n)
{
    size_t  groups;

    groups = n / 3 + (n % 3 != 0);

    return groups > SIZE_MAX / 4 ? SIZE_MAX : groups * 4;
}


uint8_t *
ngx_kafka_ws_json_base64(uint8_t *dst, const uint8_t *p, size_t n)
{
    uint32_t     v;
    const char  *set;

    set = ngx_kafka_ws_json_base64_set;

    while (n >= 3) {
        v = ((uint32_t) p[0] << 16) | ((uint32_t) p[1] << 8) | p[2];

        dst[0] = (uint8_t) set[v >> 18];
        dst[1] = (uint8_t) set[(v >> 12) & 0x3f];
        dst[2] = (uint8_t) set[(v >> 6) & 0x3f];
        dst[3] = (uint8_t) set[v & 0x3f];

        dst += 4;
        p += 3;
        n -= 3;
    }

    if (n == 0) {
        return dst;
    }

    v = (uint32_t) p[0] << 16;

    if (n == 2) {
        v |= (uint32_t) p[1] << 8;
    }

    dst[0] = (uint8_t) set[v >> 18];
    dst[1] = (uint8_t) set[(v >> 12) & 0x3f];
    dst[2] = (uint8_t) (n == 2 ? set[(v >> 6) & 0x3f] : '=');
    dst[3] = '=';

    return dst + 4;
}


uint8_t *
ngx_kafka_ws_json_int(uint8_t *dst, int64_t n)
{
    if (n < 0) {
        *dst++ = '-';

        /* defined for the least value too */

        return ngx_kafka_ws_json_uint(dst, 0 - (uint64_t) n);
    }

    return ngx_kafka_ws_json_uint(dst, (uint64_t) n);
}


uint8_t *
ngx_kafka_ws_json_uint(uint8_t *dst, uint64_t n)
{
    size_t       len;
    uint8_t     *p, tmp[NGX_KAFKA_WS_JSON_INT_LEN];
    const char  *pair;

    p = tmp + NGX_KAFKA_WS_JSON_INT_LEN;

    while (n >= 100) {
        pair = ngx_kafka_ws_json_pairs + 2 * (n % 100);
        n /= 100;

        *--p = (uint8_t) pair[1];
        *--p = (uint8_t) pair[0];
    }

    pair = ngx_kafka_ws_json_pairs + 2 * n;
    *--p = (uint8_t) pair[1];

    if (n >= 10) {
        *--p = (uint8_t) pair[0];
    }

    len = (size_t) (tmp + NGX_KAFKA_WS_JSON_INT_LEN - p);
    memcpy(dst, p, len);

    return dst + len;
}
