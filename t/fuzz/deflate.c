
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What is compressed can be had back: by a second decoder, which also sees
 * that no distance is beyond the window agreed on, and by our own inflater.
 * Compressors are kept, so that what a message leaves behind would show.
 *
 * Input: bytes of level, window and least length; then the message, as
 * literal bytes and as copies of what was before, see message_of().
 */


#include "fuzz.h"
#include "puff.h"

#include "ngx_kafka_ws_deflate.h"
#include "ngx_kafka_ws_frame.h"


#define MESSAGE_MAX  80000   /* needs all forms of a frame's length */


typedef struct {
    const uint8_t  *p;
    size_t          n;
    size_t          at;
} compare_t;


static uint8_t                   message[MESSAGE_MAX], out[MESSAGE_MAX + 1];
static ngx_kafka_ws_inflater_t  *inflater;
static ngx_kafka_ws_deflater_t  *deflaters[NGX_KAFKA_WS_DEFLATE_LEVEL_MAX + 1]
                                          [NGX_KAFKA_WS_DEFLATE_BITS_MAX + 1];


static int
compare(void *data, const uint8_t *p, size_t n)
{
    compare_t  *c;

    c = data;
    promise(n <= c->n - c->at && memcmp(c->p + c->at, p, n) == 0);
    c->at += n;

    return 0;
}


/*
 * A byte up to 127: so many literal bytes less one follow.  Above: a copy,
 * its length and its distance are a byte each, shifted as the first byte
 * says.
 */

static size_t
message_of(fuzz_input_t *in)
{
    size_t    n, len, dist;
    unsigned  c;

    n = 0;

    while (in->pos < in->last) {
        c = fuzz_byte(in);

        if (c < 128) {
            len = c + 1u < fuzz_rest(in) ? c + 1u : fuzz_rest(in);
            len = len < MESSAGE_MAX - n ? len : MESSAGE_MAX - n;
            memcpy(message + n, in->pos, len);
            in->pos += len;
            n += len;
            continue;
        }

        len = (fuzz_byte(in) + 1u) << (c >> 3 & 15) % 6;
        dist = (fuzz_byte(in) + 1u) << (c & 7);

        for ( /* void */ ; len > 0 && n < MESSAGE_MAX; len--, n++) {
            message[n] = dist <= n ? message[n - dist] : (uint8_t) n;
        }
    }

    return n;
}


/* zlib's own bound for any window and memory, and some room */

static size_t
worst(size_t n)
{
    return n + n / 8 + n / 64 + 64;
}


static void
check_message(ngx_kafka_ws_deflater_t *d, const uint8_t *p, size_t n,
    unsigned bits)
{
    size_t      size, len;
    puff_t      z;
    uint8_t    *buf, *tight;
    compare_t   back;

    size = worst(n);
    buf = fuzz_alloc(size);
    len = ngx_kafka_ws_deflater_message(d, p, n, buf, size);
    promise(len > 0 && len <= size - NGX_KAFKA_WS_DEFLATE_SPARE);

    promise(puff_message(&z, buf, len, out, n) == PUFF_OK);
    promise(z.len == n && (n == 0 || memcmp(out, p, n) == 0));
    promise(z.farthest <= (size_t) 1 << bits);

    back.p = p;
    back.n = n;
    back.at = 0;

    promise(ngx_kafka_ws_inflater_message(inflater, buf, len, n, compare,
                                          &back)
            == NGX_KAFKA_WS_DEFLATE_OK);
    promise(back.at == n);

    if (n != 0) {
        back.at = 0;
        promise(ngx_kafka_ws_inflater_message(inflater, buf, len, n - 1,
                                              compare, &back)
                == NGX_KAFKA_WS_DEFLATE_ETOOBIG);
    }

    /* just enough room, and a byte less */

    size = len + NGX_KAFKA_WS_DEFLATE_SPARE;
    tight = fuzz_alloc(size);
    promise(ngx_kafka_ws_deflater_message(d, p, n, tight, size) == len);
    promise(memcmp(tight, buf, len) == 0);
    free(tight);

    size--;
    tight = fuzz_alloc(size);
    promise(ngx_kafka_ws_deflater_message(d, p, n, tight, size) == 0);
    free(tight);

    free(buf);
}


/* our own frame around it: compressed where it is worth it */

static void
check_frame(ngx_kafka_ws_deflater_t *d, const uint8_t *p, size_t n,
    size_t min, unsigned opcode)
{
    size_t    head, len, size, payload;
    uint8_t  *frame, *buf, *plain, h[NGX_KAFKA_WS_HEADER_MAX];

    frame = fuzz_alloc(n + NGX_KAFKA_WS_HEADER_MAX);
    head = ngx_kafka_ws_frame_header(frame, NGX_KAFKA_WS_FRAME_FIN|opcode, n);
    memcpy(frame + head, p, n);

    plain = fuzz_copy(frame, head + n);
    free(frame);

    size = head + n + (min % 3 ? 4 : 100);
    buf = fuzz_alloc(size);
    len = ngx_kafka_ws_deflater_frame(d, plain, head + n, min, buf, size);

    /* the payload by itself says what the frame should have been */

    frame = fuzz_alloc(worst(n));
    payload = ngx_kafka_ws_deflater_message(d, p, n, frame, worst(n));

    if (n < min || n == 0 || payload >= n) {
        promise(len == 0);

    } else {
        head = ngx_kafka_ws_frame_header(h, NGX_KAFKA_WS_FRAME_FIN
                                         | NGX_KAFKA_WS_FRAME_RSV1 | opcode,
                                         payload);

        promise(len == head + payload);
        promise(memcmp(buf, h, head) == 0);
        promise(memcmp(buf + head, frame, payload) == 0);
    }

    free(frame);
    free(plain);
    free(buf);
}


/* bytes that are no frame of ours, or happen to be one */

static void
check_any(ngx_kafka_ws_deflater_t *d, const uint8_t *p, size_t n)
{
    size_t    len;
    uint8_t  *buf, *copy;

    copy = fuzz_copy(p, n);
    buf = fuzz_alloc(n + 4);
    len = ngx_kafka_ws_deflater_frame(d, copy, n, 0, buf, n + 4);
    promise(len == 0 || (len < n && buf[0] == (copy[0] | 0x40)));

    free(copy);
    free(buf);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                     n, min;
    unsigned                   level, bits, c;
    fuzz_input_t               in;
    ngx_kafka_ws_deflater_t  **d;

    if (size < 3) {
        return -1;
    }

    in.pos = data;
    in.last = data + size;

    level = 1 + fuzz_byte(&in) % NGX_KAFKA_WS_DEFLATE_LEVEL_MAX;
    bits = 9 + fuzz_byte(&in) % 7;
    c = fuzz_byte(&in);
    min = (size_t) c >> 1;

    if (inflater == NULL) {
        inflater = ngx_kafka_ws_inflater_create();
        promise(inflater != NULL);
    }

    d = &deflaters[level][bits];

    if (*d == NULL) {
        *d = ngx_kafka_ws_deflater_create(level, bits);
        promise(*d != NULL);
    }

    check_any(*d, in.pos, fuzz_rest(&in));

    n = message_of(&in);
    check_message(*d, message, n, bits);
    check_frame(*d, message, n, min, 1 + (c & 1));

    return 0;
}
