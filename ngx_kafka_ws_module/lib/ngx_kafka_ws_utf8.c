
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "ngx_kafka_ws_utf8.h"

#include <string.h>


#define NGX_KAFKA_WS_UTF8_HIGH  0x8080808080808080ull


static const uint8_t *ngx_kafka_ws_utf8_skip_ascii(const uint8_t *p,
    const uint8_t *last);
static const uint8_t *ngx_kafka_ws_utf8_skip_whole(const uint8_t *p,
    const uint8_t *last);
static int ngx_kafka_ws_utf8_start(ngx_kafka_ws_utf8_t *u, uint8_t ch);


int
ngx_kafka_ws_utf8_feed(ngx_kafka_ws_utf8_t *u, const uint8_t *p, size_t n)
{
    uint8_t         low, high;
    const uint8_t  *last;

    if (u->bad) {
        return 0;
    }

    if (n == 0) {
        return 1;
    }

    last = p + n;

    for ( ;; ) {

        while (u->need != 0) {

            if (p == last) {
                return 1;
            }

            low = u->low ? u->low : 0x80;
            high = u->high ? u->high : 0xbf;

            if (*p < low || *p > high) {
                u->bad = 1;
                return 0;
            }

            u->low = 0;
            u->high = 0;
            u->need--;
            p++;
        }

        p = ngx_kafka_ws_utf8_skip_ascii(p, last);

        if (p == last) {
            return 1;
        }

        p = ngx_kafka_ws_utf8_skip_whole(p, last);

        if (p == last) {
            return 1;
        }

        if (*p < 0x80) {
            continue;
        }

        if (!ngx_kafka_ws_utf8_start(u, *p++)) {
            u->bad = 1;
            return 0;
        }
    }
}


/*
 * The first byte in [p, last) that is not ASCII, or last.  The words are
 * single variables: as an array they would be copied to the stack.
 */

static const uint8_t *
ngx_kafka_ws_utf8_skip_ascii(const uint8_t *p, const uint8_t *last)
{
    uint64_t        a, b, c, d;
    const uint8_t  *start;

    start = p;

    while ((size_t) (last - p) >= 4 * sizeof(uint64_t)) {
        memcpy(&a, p, sizeof(uint64_t));
        memcpy(&b, p + 8, sizeof(uint64_t));
        memcpy(&c, p + 16, sizeof(uint64_t));
        memcpy(&d, p + 24, sizeof(uint64_t));

        if ((a | b | c | d) & NGX_KAFKA_WS_UTF8_HIGH) {
            break;
        }

        p += 4 * sizeof(uint64_t);
    }

    if ((size_t) (last - start) >= 4 * sizeof(uint64_t)) {

        /* what is left, in one look with some of what was passed */

        memcpy(&a, last - 32, sizeof(uint64_t));
        memcpy(&b, last - 24, sizeof(uint64_t));
        memcpy(&c, last - 16, sizeof(uint64_t));
        memcpy(&d, last - 8, sizeof(uint64_t));

        if ((size_t) (last - p) < 4 * sizeof(uint64_t)
            && ((a | b | c | d) & NGX_KAFKA_WS_UTF8_HIGH) == 0)
        {
            return last;
        }
    }

    while ((size_t) (last - p) >= sizeof(uint64_t)) {
        memcpy(&a, p, sizeof(uint64_t));

        if (a & NGX_KAFKA_WS_UTF8_HIGH) {
            break;
        }

        p += sizeof(uint64_t);
    }

    while (p < last && *p < 0x80) {
        p++;
    }

    return p;
}


/*
 * Passes whole characters that are surely valid, of 2 and 3 bytes above
 * all; stops early at the others, at more ASCII, and near the end.
 */

static const uint8_t *
ngx_kafka_ws_utf8_skip_whole(const uint8_t *p, const uint8_t *last)
{
    while ((size_t) (last - p) >= 4) {

        if (p[0] < 0x80) {

            if ((p[1] | p[2] | p[3]) < 0x80) {
                break;
            }

            p++;
            continue;
        }

        if ((p[1] & 0xc0) != 0x80) {
            break;
        }

        if (p[0] >= 0xc2 && p[0] < 0xe0) {
            p += 2;
            continue;
        }

        if ((p[2] & 0xc0) != 0x80) {
            break;
        }

        if (p[0] > 0xe0 && p[0] < 0xf0 && p[0] != 0xed) {
            p += 3;
            continue;
        }

        break;
    }

    return p;
}


/* takes the first byte of a character of 2 to 4 bytes */

static int
ngx_kafka_ws_utf8_start(ngx_kafka_ws_utf8_t *u, uint8_t ch)
{
    if (ch < 0xc2 || ch > 0xf4) {

        /* a continuation, an overlong C0 or C1, above U+13FFFF */

        return 0;
    }

    if (ch < 0xe0) {
        u->need = 1;
        return 1;
    }

    if (ch < 0xf0) {
        u->need = 2;

        if (ch == 0xe0) {
            u->low = 0xa0;      /* no overlong */

        } else if (ch == 0xed) {
            u->high = 0x9f;     /* no surrogates */
        }

        return 1;
    }

    u->need = 3;

    if (ch == 0xf0) {
        u->low = 0x90;          /* no overlong */

    } else if (ch == 0xf4) {
        u->high = 0x8f;         /* not above U+10FFFF */
    }

    return 1;
}


int
ngx_kafka_ws_utf8_complete(const ngx_kafka_ws_utf8_t *u)
{
    return u->bad == 0 && u->need == 0;
}


int
ngx_kafka_ws_utf8_valid(const uint8_t *p, size_t n)
{
    ngx_kafka_ws_utf8_t  u;

    if (n >= sizeof(uint64_t)
        && ngx_kafka_ws_utf8_skip_ascii(p, p + n) == p + n)
    {
        return 1;
    }

    memset(&u, 0, sizeof(ngx_kafka_ws_utf8_t));

    return ngx_kafka_ws_utf8_feed(&u, p, n) && u.need == 0;
}
