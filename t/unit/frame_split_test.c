
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_frame.h"


#define MASK  "\x12\x34\x56\x78"


static const struct {
    const char  *name;
    const char  *data;
    size_t       len;
    int          rc;            /* 0: a whole header */
    uint64_t     payload_len;
} vectors[] = {
    { "7-bit length", "\x81\x85" MASK, 6, 0, 5 },
    { "16-bit length", "\x02\xfe\x01\x02" MASK, 8, 0, 0x102 },
    { "64-bit length", "\x80\xff\x01\x02\x03\x04\x05\x06\x07\x08" MASK, 14,
      0, 0x0102030405060708 },
    { "empty pong", "\x8a\x80" MASK, 6, 0, 0 },
    { "RSV2", "\xa1\x85" MASK, 6, NGX_KAFKA_WS_FRAME_ERSV, 0 },
    { "opcode 3", "\x83\x85" MASK, 6, NGX_KAFKA_WS_FRAME_EOPCODE, 0 },
    { "no mask", "\x81\x05hello", 7, NGX_KAFKA_WS_FRAME_EMASK, 0 },
    { "fragmented close", "\x08\x80" MASK, 6,
      NGX_KAFKA_WS_FRAME_ECONTROL, 0 },
    { "long ping", "\x89\xfe\x00\x7e" MASK, 8,
      NGX_KAFKA_WS_FRAME_ECONTROL, 0 },
    { "16-bit form of 125", "\x82\xfe\x00\x7d" MASK, 8,
      NGX_KAFKA_WS_FRAME_ELENGTH, 0 },
    { "64-bit form of 65535",
      "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff" MASK, 14,
      NGX_KAFKA_WS_FRAME_ELENGTH, 0 },
    { "top bit of 64", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00" MASK, 14,
      NGX_KAFKA_WS_FRAME_ELENGTH, 0 },
};


/* feeds pieces of at most "first", then "step" bytes, each by itself */

static int
decode(const char *data, size_t len, size_t first, size_t step,
    ngx_kafka_ws_frame_t *f)
{
    int                           rc;
    size_t                        i, n;
    uint8_t                      *p;
    ngx_kafka_ws_frame_decoder_t  d;

    memset(&d, 0, sizeof(ngx_kafka_ws_frame_decoder_t));
    memset(f, 0, sizeof(ngx_kafka_ws_frame_t));

    n = first;

    for (i = 0; i < len; i += n, n = step) {

        if (n > len - i) {
            n = len - i;
        }

        p = guard_copy(data + i, n);
        rc = ngx_kafka_ws_frame_decode(&d, f, p, p + n);
        guard_free(p, n);

        if (rc < 0) {
            return rc;
        }

        if (rc > 0) {
            return i + (size_t) rc == len && d.have == 0 ? 0 : -100;
        }
    }

    return -200;
}


static int
is_right(size_t i, size_t first, size_t step)
{
    ngx_kafka_ws_frame_t  f;

    if (decode(vectors[i].data, vectors[i].len, first, step, &f)
        != vectors[i].rc)
    {
        return 0;
    }

    if (vectors[i].rc != 0) {
        return 1;
    }

    return f.payload_len == vectors[i].payload_len
           && f.opcode == ((uint8_t) vectors[i].data[0] & 0xf)
           && f.fin == ((uint8_t) vectors[i].data[0] >> 7)
           && memcmp(f.mask, MASK, 4) == 0;
}


static void
test_headers(void)
{
    int     good;
    size_t  i, cut;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {

        ok(is_right(i, vectors[i].len, 1), "%s, whole", vectors[i].name);

        good = 1;

        for (cut = 0; cut < vectors[i].len; cut++) {
            good &= is_right(i, cut, vectors[i].len);
        }

        ok(good, "%s, cut in two anywhere", vectors[i].name);
        ok(is_right(i, 1, 1), "%s, byte by byte", vectors[i].name);
    }
}


/* the decoder serves one header after the other */

static void
test_next_header(void)
{
    int                           rc;
    const uint8_t                *p, *last;
    ngx_kafka_ws_frame_t          f;
    ngx_kafka_ws_frame_decoder_t  d;

    static const char  two[] = "\x01\xfe\x01\x00" MASK "\x89\x81" "abcd";

    memset(&d, 0, sizeof(ngx_kafka_ws_frame_decoder_t));

    p = (const uint8_t *) two;
    last = p + sizeof(two) - 1;

    rc = ngx_kafka_ws_frame_decode(&d, &f, p, last);
    ok(rc == 8 && f.opcode == 1 && f.payload_len == 256, "a first header");

    rc = ngx_kafka_ws_frame_decode(&d, &f, p + 8, last);
    ok(rc == 6 && f.opcode == 9 && f.fin && f.payload_len == 1
       && memcmp(f.mask, "abcd", 4) == 0, "a second header, same decoder");

    is_int(ngx_kafka_ws_frame_decode(&d, &f, last, last), 0,
           "no bytes are no header");
}


/* every length, start and cut, against one byte at a time */

static void
test_unmask(void)
{
    size_t    n, i, cut, wrong, moved;
    uint8_t  *a, *b;
    unsigned  phase, start;

    static const uint8_t  mask[] = { 0x01, 0x80, 0x55, 0xfe };

    wrong = 0;
    moved = 0;

    for (n = 0; n <= 40; n++) {
        a = guard_new(n);

        for (start = 0; start < 4; start++) {
            for (cut = 0; cut <= n; cut++) {

                memset(a, 'm', n);

                phase = ngx_kafka_ws_frame_unmask(a, cut, mask, start);
                moved += phase != (start + cut) % 4;
                phase = ngx_kafka_ws_frame_unmask(a + cut, n - cut, mask,
                                                  phase);
                moved += phase != (start + n) % 4;

                for (i = 0; i < n; i++) {
                    wrong += a[i] != ('m' ^ mask[(start + i) % 4]);
                }
            }
        }

        guard_free(a, n);
    }

    is_int(wrong, 0, "unmasked alike over any cut, from any phase");
    is_int(moved, 0, "the phase goes on over any cut");

    b = guard_copy("\x7f\x9f\x4d\x51\x58", 5);
    (void) ngx_kafka_ws_frame_unmask(b, 5, (const uint8_t *)
                                     "\x37\xfa\x21\x3d", 0);
    is_mem(b, 5, "Hello", 5, "the example of RFC 6455, 5.7");
    guard_free(b, 5);
}


int
main(void)
{
    test_headers();
    test_next_header();
    test_unmask();

    return tap_done((int) (sizeof(vectors) / sizeof(vectors[0]) * 3 + 3
                           + 3));
}
