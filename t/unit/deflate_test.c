
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The compressor, judged by zlib's own inflate() with a window of exactly
 * the size agreed, and by the inflater.
 */


#include "payload.h"
#include "tap.h"

#include <zlib.h>

#include "ngx_kafka_ws_deflate.h"
#include "ngx_kafka_ws_frame.h"


#define SIZE_MAX_TESTED     70000
#define SPARE               NGX_KAFKA_WS_DEFLATE_SPARE

#define nelts(a)            (sizeof(a) / sizeof(a[0]))


typedef void (*payload_pt)(uint8_t *p, size_t n);


typedef struct {
    size_t   len;
    uint8_t  data[SIZE_MAX_TESTED];
} inflated_t;


static const size_t  sizes[] = {
    0, 1, 2, 3, 4, 7, 8, 15, 31, 64, 100, 125, 126, 127, 200, 257, 300, 511,
    512, 513, 1000, 1024, 2000, 2047, 2048, 2049, 4095, 4096, 4097, 8192,
    10000, 16383, 16384, 16385, 32767, 32768, 33000, 65535, 65536, 70000
};


static const struct {
    const char  *name;
    payload_pt   fill;
} kinds[] = {
    { "JSON", payload_json },
    { "noise", payload_noise },
    { "repeats", payload_far },
};


static uint8_t  plain[SIZE_MAX_TESTED];
static uint8_t  out[SIZE_MAX_TESTED + 1024];
static inflated_t  back;


static int
sink(void *data, const uint8_t *p, size_t n)
{
    inflated_t  *b = data;

    if (n > NGX_KAFKA_WS_INFLATE_SLICE || n > sizeof(b->data) - b->len) {
        return 1;
    }

    memcpy(b->data + b->len, p, n);
    b->len += n;

    return 0;
}


/*
 * One byte at a time: all that a distance can reach is then in zlib's
 * window, and one that is longer than the window is an error.
 */

static int
zlib_agrees(const uint8_t *p, size_t n, size_t want, int bits)
{
    int        rc;
    size_t     i;
    uint8_t    byte;
    z_stream   z;

    memset(&z, 0, sizeof(z));

    if (inflateInit2(&z, -bits) != Z_OK) {
        return 0;
    }

    z.next_in = (Bytef *) p;
    z.avail_in = (uInt) n;

    for (i = 0; i < want; i++) {
        z.next_out = &byte;
        z.avail_out = 1;

        rc = inflate(&z, Z_NO_FLUSH);

        if (rc != Z_OK || z.avail_out != 0 || byte != plain[i]) {
            break;
        }
    }

    /* nothing more comes, and all input is used */

    z.next_out = &byte;
    z.avail_out = 1;
    rc = inflate(&z, Z_NO_FLUSH);

    (void) inflateEnd(&z);

    return i == want && (rc == Z_OK || rc == Z_BUF_ERROR)
           && z.avail_out == 1 && z.avail_in == 0;
}


/* 0: as it should be; else the size that is not */

static long
round_trips(ngx_kafka_ws_deflater_t *d, ngx_kafka_ws_inflater_t *inf,
    payload_pt fill, int bits)
{
    int      rc;
    size_t   i, n, len;

    for (i = 0; i < nelts(sizes); i++) {
        n = sizes[i];
        fill(plain, n);

        len = ngx_kafka_ws_deflater_message(d, plain, n, out, sizeof(out));

        back.len = 0;
        rc = ngx_kafka_ws_inflater_message(inf, out, len, n, sink, &back);

        if (len == 0 || rc != NGX_KAFKA_WS_DEFLATE_OK || back.len != n
            || memcmp(back.data, plain, n) != 0
            || !zlib_agrees(out, len, n, bits))
        {
            return (long) n + 1;
        }
    }

    return 0;
}


static int
test_round_trips(void)
{
    int                       count, level, bits;
    size_t                    k, n;
    ngx_kafka_ws_deflater_t  *d;
    ngx_kafka_ws_inflater_t  *inf;

    count = 0;
    inf = ngx_kafka_ws_inflater_create();

    for (level = 1; level <= 9; level++) {
        for (bits = 9; bits <= 15; bits++) {
            d = ngx_kafka_ws_deflater_create((unsigned) level,
                                             (unsigned) bits);

            for (k = 0; k < nelts(kinds); k++) {
                is_int(round_trips(d, inf, kinds[k].fill, bits), 0,
                       "%s, level %d, window of %d bits", kinds[k].name,
                       level, bits);
                count++;
            }

            ngx_kafka_ws_deflater_destroy(d);
        }
    }

    /* would all this notice? */

    for (bits = 9; bits < 15; bits++) {
        d = ngx_kafka_ws_deflater_create(6, (unsigned) bits + 1);

        payload_far(plain, SIZE_MAX_TESTED);
        n = ngx_kafka_ws_deflater_message(d, plain, SIZE_MAX_TESTED, out,
                                          sizeof(out));

        ok(n != 0 && !zlib_agrees(out, n, SIZE_MAX_TESTED, bits),
           "a window of %d bits is noticed where %d are agreed", bits + 1,
           bits);
        count++;

        ngx_kafka_ws_deflater_destroy(d);
    }

    ngx_kafka_ws_inflater_destroy(inf);

    return count;
}


/* all of a message, or nothing; never a byte beyond */

static void
test_room(void)
{
    long                      wrong, same;
    size_t                    i, n, len, size, got;
    uint8_t                  *in, *buf;
    ngx_kafka_ws_deflater_t  *d;

    static const size_t  lengths[] = { 1, 20, 300, 2048, 2049, 5000 };

    d = ngx_kafka_ws_deflater_create(6, 15);
    wrong = 0;
    same = 0;

    for (i = 0; i < nelts(lengths); i++) {
        n = lengths[i];
        payload_json(plain, n);
        in = guard_copy(plain, n);
        len = ngx_kafka_ws_deflater_message(d, in, n, out, sizeof(out));

        for (size = 0; size < len + SPARE + 3; size++) {
            buf = guard_new(size);
            got = ngx_kafka_ws_deflater_message(d, in, n, buf, size);

            wrong += (got != (size >= len + SPARE ? len : 0));
            same += (got != 0 && memcmp(buf, out, len) == 0);
            guard_free(buf, size);
        }

        guard_free(in, n);
    }

    is_int(wrong, 0, "messages fit from their length and %d bytes", SPARE);
    is_int(same, (long) nelts(lengths) * 3, "and are the same then");

    buf = guard_new(SPARE + 1);
    got = ngx_kafka_ws_deflater_message(d, NULL, 0, buf, SPARE + 1);

    is_mem(buf, got, "\0", 1, "the empty message is one zero byte");
    is_int(ngx_kafka_ws_deflater_message(d, NULL, 0, buf, SPARE), 0,
           "which needs its room, too");

    guard_free(buf, SPARE + 1);
    ngx_kafka_ws_deflater_destroy(d);
}


/* a message does not depend on those before it */

static void
test_fresh(void)
{
    size_t                    n, len[2];
    uint8_t                  *first;
    ngx_kafka_ws_deflater_t  *d;

    d = ngx_kafka_ws_deflater_create(1, 15);
    first = guard_new(sizeof(out));

    for (n = 1000; n <= 10000; n += 9000) {
        payload_json(plain, n);
        len[0] = ngx_kafka_ws_deflater_message(d, plain, n, first,
                                               sizeof(out));
        (void) ngx_kafka_ws_deflater_message(d, plain, n / 2, out, 20);
        len[1] = ngx_kafka_ws_deflater_message(d, plain, n, out,
                                               sizeof(out));

        is_mem(out, len[1], first, len[0],
               "%zu bytes come out the same, also after a failure", n);
    }

    guard_free(first, sizeof(out));
    ngx_kafka_ws_deflater_destroy(d);
}


static void
test_frame(ngx_kafka_ws_deflater_t *d, unsigned op, size_t n, size_t size,
    int smaller)
{
    int                       rc;
    size_t                    head, len, plain_len;
    uint8_t                  *p, *buf;
    ngx_kafka_ws_inflater_t  *inf;

    static const uint8_t  mask[4];
    ngx_kafka_ws_frame_t  f;
    ngx_kafka_ws_frame_decoder_t  decoder;

    plain_len = ngx_kafka_ws_frame_header_len(n) + n;
    p = guard_new(plain_len);
    head = ngx_kafka_ws_frame_header(p, NGX_KAFKA_WS_FRAME_FIN|op, n);
    memcpy(p + head, plain, n);

    buf = guard_new(size);
    len = ngx_kafka_ws_deflater_frame(d, p, plain_len, 0, buf, size);

    if (!smaller) {
        is_int(len, 0, "a frame of %zu bytes stays plain, room %zu", n,
               size);
        goto done;
    }

    /* the decoder wants a mask, of zeros it changes nothing */

    memset(&decoder, 0, sizeof(decoder));
    memcpy(out, buf, len);
    out[1] |= 0x80;
    decoder.rsv1_allowed = 1;

    head = ngx_kafka_ws_frame_header_len(len < 128 ? len - 2 : len - 4);

    rc = ngx_kafka_ws_frame_decode(&decoder, &f, out, out + head);
    if (rc == 0) {
        rc = ngx_kafka_ws_frame_decode(&decoder, &f, mask, mask + 4);
    }

    inf = ngx_kafka_ws_inflater_create();
    back.len = 0;

    ok(rc == 4 && len < plain_len && f.fin && f.rsv1 && f.opcode == op
       && f.payload_len == len - head
       && ngx_kafka_ws_inflater_message(inf, buf + head, len - head, n, sink,
                                        &back)
          == NGX_KAFKA_WS_DEFLATE_OK
       && back.len == n && memcmp(back.data, plain, n) == 0,
       "a frame of %zu bytes becomes one of %zu", plain_len, len);

    ngx_kafka_ws_inflater_destroy(inf);

done:

    guard_free(buf, size);
    guard_free(p, plain_len);
}


static void
test_frames(void)
{
    size_t                    n;
    ngx_kafka_ws_deflater_t  *d;

    d = ngx_kafka_ws_deflater_create(6, 15);

    payload_json(plain, SIZE_MAX_TESTED);
    test_frame(d, NGX_KAFKA_WS_OP_TEXT, 125, 131, 1);
    test_frame(d, NGX_KAFKA_WS_OP_BINARY, 126, 134, 1);
    test_frame(d, NGX_KAFKA_WS_OP_TEXT, 1000, 1008, 1);
    test_frame(d, NGX_KAFKA_WS_OP_TEXT, 65535, 65543, 1);
    test_frame(d, NGX_KAFKA_WS_OP_BINARY, 65536, 65550, 1);
    test_frame(d, NGX_KAFKA_WS_OP_TEXT, 70000, 70014, 1);
    test_frame(d, NGX_KAFKA_WS_OP_TEXT, 70000, 20000, 1);

    test_frame(d, NGX_KAFKA_WS_OP_TEXT, 0, 100, 0);
    test_frame(d, NGX_KAFKA_WS_OP_TEXT, 5, 100, 0);
    test_frame(d, NGX_KAFKA_WS_OP_TEXT, 1000, 100, 0);

    for (n = 0; n <= 16; n++) {
        test_frame(d, NGX_KAFKA_WS_OP_TEXT, 70000, n, 0);
    }

    memset(plain, 'a', 1000);
    test_frame(d, NGX_KAFKA_WS_OP_TEXT, 1000, 1008, 1);

    payload_noise(plain, SIZE_MAX_TESTED);
    test_frame(d, NGX_KAFKA_WS_OP_BINARY, 100, 1000, 0);
    test_frame(d, NGX_KAFKA_WS_OP_BINARY, 2000, 3000, 0);
    test_frame(d, NGX_KAFKA_WS_OP_BINARY, 70000, 71000, 0);

    ngx_kafka_ws_deflater_destroy(d);
}


/*
 * The least gain is one byte, and it is taken, with any room; what comes
 * out as long as it went in, or longer, is not.
 */

static void
test_least_gain(void)
{
    size_t                    n, m, noise, room, len, wrong, seen[3];
    uint8_t                   frame[64];
    ngx_kafka_ws_deflater_t  *d;

    d = ngx_kafka_ws_deflater_create(6, 15);
    wrong = 0;
    memset(seen, 0, sizeof(seen));

    frame[0] = NGX_KAFKA_WS_FRAME_FIN|NGX_KAFKA_WS_OP_TEXT;

    for (noise = 0; noise < 12; noise++) {
        for (n = 1; n < 40; n++) {
            memset(frame + 2, 'a', sizeof(frame) - 2);
            payload_noise(frame + 2, noise);
            frame[1] = (uint8_t) n;

            m = ngx_kafka_ws_deflater_message(d, frame + 2, n, out,
                                              sizeof(out));
            if (m + 1 >= n && m <= n + 1) {
                seen[m + 1 - n]++;
            }

            for (room = n + 6; room < n + 12; room++) {
                len = ngx_kafka_ws_deflater_frame(d, frame, n + 2, 0, out,
                                                  room);
                wrong += (len != (m < n ? m + 2 : 0));
            }
        }
    }

    ok(seen[0] != 0 && seen[1] != 0 && seen[2] != 0,
       "frames become a byte shorter, stay as long, become a byte longer");
    is_int(wrong, 0, "only those that become shorter are taken");

    ngx_kafka_ws_deflater_destroy(d);
}


static void
test_not_ours(void)
{
    size_t                    i;
    uint8_t                  *p;
    ngx_kafka_ws_deflater_t  *d;

    static const struct {
        const char  *name;
        size_t       len, min;
        const char  *head;
    } frames[] = {
        { "shorter than min", 102, 101, "\x81\x64" },
        { "no FIN", 102, 0, "\x01\x64" },
        { "RSV1", 102, 0, "\xc1\x64" },
        { "continuation", 102, 0, "\x80\x64" },
        { "close", 102, 0, "\x88\x64" },
        { "ping", 102, 0, "\x89\x64" },
        { "masked", 106, 0, "\x81\xe4" },
        { "a byte missing", 101, 0, "\x81\x64" },
        { "a byte too many", 103, 0, "\x81\x64" },
        { "length not minimal", 104, 0, "\x81\x7e\x00\x64" },
        { "header cut off", 3, 0, "\x81\x7e" },
        { "long header cut off", 9, 0, "\x81\x7f" },
        { "one byte", 1, 0, "\x81" },
        { "nothing", 0, 0, "" },
    };

    d = ngx_kafka_ws_deflater_create(6, 15);

    for (i = 0; i < nelts(frames); i++) {
        p = guard_new(frames[i].len);
        memset(p, 'a', frames[i].len);
        memcpy(p, frames[i].head, frames[i].len < 4 ? frames[i].len
               : frames[i].head[1] == 0x7e ? 4 : 2);

        is_int(ngx_kafka_ws_deflater_frame(d, p, frames[i].len, frames[i].min,
                                           out, sizeof(out)),
               0, "stays plain: %s", frames[i].name);

        guard_free(p, frames[i].len);
    }

    p = guard_new(102);
    memset(p, 'a', 102);
    p[0] = 0x81;
    p[1] = 100;

    ok(ngx_kafka_ws_deflater_frame(d, p, 102, 100, out, sizeof(out)) != 0,
       "compressed: as long as min");

    guard_free(p, 102);
    ngx_kafka_ws_deflater_destroy(d);
}


static void
test_create(void)
{
    size_t  i;

    static const unsigned  bad[][2] = {
        { 0, 15 }, { 10, 15 }, { 6, 8 }, { 6, 16 }, { 6, 0 }
    };

    for (i = 0; i < nelts(bad); i++) {
        ok(ngx_kafka_ws_deflater_create(bad[i][0], bad[i][1]) == NULL,
           "no compressor of level %u, %u bits", bad[i][0], bad[i][1]);
    }

    ngx_kafka_ws_deflater_destroy(NULL);
    ngx_kafka_ws_inflater_destroy(NULL);
}


int
main(void)
{
    int  n;

    n = test_round_trips();
    is_int(n, 9 * 7 * 3 + 6, "all levels and windows were tried");

    test_room();
    test_fresh();
    test_frames();
    test_least_gain();
    test_not_ours();
    test_create();

    return tap_done(n + 1 + 4 + 2 + 31 + 2 + 15 + 5);
}
