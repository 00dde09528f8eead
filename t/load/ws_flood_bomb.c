
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Compressed messages that nobody should inflate to their end.
 */


#define _GNU_SOURCE

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "ws_flood.h"


#define WSF_BOMB_PLAIN  (3 * 1024 * 1024)
#define WSF_BOMB_MAX    4096            /* kafka_ws_max_frame */


static size_t wsf_bomb_zeros(uint8_t *p, size_t plain);
static const char *wsf_bomb_frame(unsigned first, const uint8_t *p,
    size_t len, size_t *n);


int
wsf_bomb_scripts(wsf_script_t *s, int max)
{
    int       i;
    size_t    len, n;
    uint8_t   bomb[WSF_BOMB_MAX], legal[WSF_BOMB_MAX], junk[WSF_BOMB_MAX];
    const char  *frames[5];
    size_t       sizes[5];

    static const char *const  names[5] = {
        "bomb", "bomb without an end", "no deflate data", "as long as it may",
        "first of two"
    };
    static const uint16_t     codes[5] = { 1009, 1009, 1007, 1003, 1009 };

    len = wsf_bomb_zeros(bomb, WSF_BOMB_PLAIN);
    n = wsf_bomb_zeros(legal, WSF_BOMB_MAX);

    if (len == 0 || n == 0 || max < 5) {
        return -1;
    }

    /* block type 3 does not exist */
    memset(junk, 0xff, sizeof(junk));

    frames[0] = wsf_bomb_frame(0xc1, bomb, len, &sizes[0]);
    frames[1] = wsf_bomb_frame(0xc2, bomb, len / 2, &sizes[1]);
    frames[2] = wsf_bomb_frame(0xc1, junk, sizeof(junk), &sizes[2]);
    frames[3] = wsf_bomb_frame(0xc2, legal, n, &sizes[3]);

    /* it comes in a frame that is not the last, which an empty one ends */
    frames[4] = wsf_bomb_frame(0x42, bomb, len, &sizes[4]);

    for (i = 0; i < 5; i++) {
        if (frames[i] == NULL) {
            return -1;
        }

        memset(&s[i], 0, sizeof(wsf_script_t));

        s[i].mode = "bombs";
        s[i].name = names[i];
        s[i].request = WSF_WHOLE;
        s[i].await = WSF_ANSWERED;
        s[i].until = WSF_ENDED;
        s[i].code = codes[i];
        s[i].first = frames[i];
        s[i].first_len = sizes[i];
    }

    s[4].first_len += 6;

    return 5;
}


/* a message of so many zero bytes; returns its length, 0: it does not fit */

static size_t
wsf_bomb_zeros(uint8_t *p, size_t plain)
{
    size_t    n;
    uint8_t  *zeros;
    z_stream  z;

    memset(&z, 0, sizeof(z_stream));

    zeros = calloc(plain, 1);

    if (zeros == NULL
        || deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY)
           != Z_OK)
    {
        free(zeros);
        return 0;
    }

    z.next_in = zeros;
    z.avail_in = (uInt) plain;
    z.next_out = p;
    z.avail_out = WSF_BOMB_MAX;

    n = 0;

    if (deflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_in == 0
        && z.avail_out > 0)
    {
        /* without 00 00 ff ff, RFC 7692, 7.2.1 */
        n = WSF_BOMB_MAX - z.avail_out - 4;
    }

    (void) deflateEnd(&z);
    free(zeros);

    return n;
}


/* one frame with a mask of zero, and room for an empty continuation */

static const char *
wsf_bomb_frame(unsigned first, const uint8_t *p, size_t len, size_t *n)
{
    uint8_t  *buf;

    buf = calloc(1, len + 8 + 6);
    if (buf == NULL) {
        return NULL;
    }

    buf[0] = (uint8_t) first;
    *n = 2 + 4;

    if (len < 126) {
        buf[1] = (uint8_t) (0x80 | len);

    } else {
        buf[1] = 0x80 | 126;
        buf[2] = (uint8_t) (len >> 8);
        buf[3] = (uint8_t) len;
        *n += 2;
    }

    memcpy(buf + *n, p, len);
    *n += len;

    buf[*n] = 0x80;
    buf[*n + 1] = 0x80;

    return (const char *) buf;
}
