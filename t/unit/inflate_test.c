
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The inflater with what hostile and with what odd clients send.
 */


#include "payload.h"
#include "tap.h"

#include <zlib.h>

#include "ngx_kafka_ws_deflate.h"
#include "ngx_kafka_ws_frame.h"


#define SLICE       NGX_KAFKA_WS_INFLATE_SLICE

#define OK          NGX_KAFKA_WS_DEFLATE_OK
#define ETOOBIG     NGX_KAFKA_WS_DEFLATE_ETOOBIG
#define EDATA       NGX_KAFKA_WS_DEFLATE_EDATA
#define ENOMEM      NGX_KAFKA_WS_DEFLATE_ENOMEM
#define EABORT      NGX_KAFKA_WS_DEFLATE_EABORT

#define TEXT_MAX    300000

#define nelts(a)    (sizeof(a) / sizeof(a[0]))
#define text(s)     s, sizeof(s) - 1


typedef struct {
    size_t   len;
    size_t   calls;
    size_t   refuse;        /* the call that is refused, 0: none */
    size_t   longest;
    uint8_t  data[TEXT_MAX];
} result_t;


static const struct {
    const char  *name;
    const char  *data;
    size_t       len;
    int          rc;
    const char  *text;      /* if the result is _OK */
} samples[] = {

    /* RFC 7692, 7.2.3.1 to 7.2.3.6 */

    { "Hello", text("\xf2\x48\xcd\xc9\xc9\x07\x00"), OK, "Hello" },
    { "Hello with the context of the one before",
      text("\xf2\x00\x11\x00\x00"), EDATA, "" },
    { "Hello, stored", text("\x00\x05\x00\xfa\xff" "Hello\x00"), OK,
      "Hello" },
    { "Hello, a final block",
      text("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), OK, "Hello" },
    { "Hello in two blocks",
      text("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), OK,
      "Hello" },
    { "empty", text("\x00"), OK, "" },

    /* final blocks: what follows begins anew, and is needed */

    { "a final block without the zero byte",
      text("\xf3\x48\xcd\xc9\xc9\x07\x00"), EDATA, "" },
    { "a final block and two zero bytes",
      text("\xf3\x48\xcd\xc9\xc9\x07\x00\x00\x00"), EDATA, "" },
    { "two final blocks",
      text("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
      OK, "HelloHello" },
    { "a final block, then one that is not",
      text("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00"), OK,
      "HelloHello" },
    { "a block, then a final one",
      text("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff"
           "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), OK, "HelloHello" },
    { "a block that reaches back before a final one",
      text("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00"), EDATA, "" },
    { "empty final blocks only", text("\x03\x00\x03\x00\x00"), OK, "" },
    { "an empty final block, stored", text("\x01"), OK, "" },
    { "Hello, then an empty final block, stored",
      text("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\x01"), OK,
      "Hello" },
    { "a final block that swallows the tail",
      text("\x01\x06\x00\xf9\xffHe"), OK, "He\0\0\xff\xff" },
    { "a final block that ends inside the tail",
      text("\x01\x04\x00\xfb\xffHe"), EDATA, "" },

    /* the tail is data like any other */

    { "a stored block that swallows the tail",
      text("\x00\x06\x00\xf9\xffHe"), OK, "He\0\0\xff\xff" },
    { "a stored block that swallows more",
      text("\x00\x07\x00\xf8\xffHe"), EDATA, "" },
    { "a stored block that swallows less",
      text("\x00\x05\x00\xfa\xffHe"), EDATA, "" },
    { "a message with its tail",
      text("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff"), EDATA, "" },
    { "a message with its tail and a zero byte",
      text("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\x00"), OK,
      "Hello" },
    { "no byte at all", text(""), EDATA, "" },

    /* broken */

    { "a block of type 3", text("\x06\x00"), EDATA, "" },
    { "a final block of type 3", text("\x07\x00"), EDATA, "" },
    { "bytes that are no block", text("\xff\xff\xff\xff"), EDATA, "" },
    { "plain text", text("Hello, world"), EDATA, "" },
    { "zlib's header", text("\x78\x9c\xf3\x48\xcd\xc9\xc9\x07\x00"), EDATA,
      "" },
    { "gzip's header", text("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xf3"),
      EDATA, "" },
    { "a stored length that is not confirmed",
      text("\x00\x05\x00\xfa\xfe" "Hello\x00"), EDATA, "" },
    { "a distance before the first byte", text("\x4a\x04\x42\x00"), EDATA,
      "" },
};


static uint8_t  plain[TEXT_MAX];
static uint8_t  packed[TEXT_MAX];
static result_t  result;
static ngx_kafka_ws_inflater_t  *inflater;


static int
sink(void *data, const uint8_t *p, size_t n)
{
    result_t  *r = data;

    r->calls++;

    if (r->calls == r->refuse) {
        return -1;
    }

    if (n > r->longest) {
        r->longest = n;
    }

    if (n == 0 || n > TEXT_MAX - r->len) {
        fprintf(stderr, "a piece of %zu bytes\n", n);
        exit(2);
    }

    memcpy(r->data + r->len, p, n);
    r->len += n;

    return 0;
}


/* from a page's end, and twice: nothing is left over by a failure */

static int
run(const void *data, size_t n, size_t max)
{
    int       rc, again;
    uint8_t  *p;

    p = guard_copy(data, n);

    memset(&result, 0, offsetof(result_t, data));
    rc = ngx_kafka_ws_inflater_message(inflater, p, n, max, sink, &result);

    memset(&result, 0, offsetof(result_t, data));
    again = ngx_kafka_ws_inflater_message(inflater, p, n, max, sink, &result);

    guard_free(p, n);

    return rc == again ? rc : 1;
}


/* a whole message of plain's first n bytes, as another's zlib makes it */

static size_t
pack(size_t n, int level, int flush)
{
    size_t    len;
    z_stream  z;

    memset(&z, 0, sizeof(z));

    if (deflateInit2(&z, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        exit(2);
    }

    z.next_in = plain;
    z.avail_in = (uInt) n;
    z.next_out = packed;
    z.avail_out = sizeof(packed);

    (void) deflate(&z, flush);
    len = sizeof(packed) - z.avail_out;
    (void) deflateEnd(&z);

    if (flush != Z_FINISH) {
        return len - 4;
    }

    packed[len] = 0x00;

    return len + 1;
}


static void
test_samples(void)
{
    int     rc;
    size_t  i, n;

    for (i = 0; i < nelts(samples); i++) {
        rc = run(samples[i].data, samples[i].len, 100);

        is_int(rc, samples[i].rc, "%s", samples[i].name);

        n = strlen(samples[i].text);
        n += (n == 2) ? 4 : 0;

        if (rc == OK) {
            is_mem(result.data, result.len, samples[i].text, n,
                   "%s, inflated", samples[i].name);

        } else {
            is_int(run(text("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5), OK,
                   "the next message after: %s", samples[i].name);
        }
    }
}


static void
test_max(void)
{
    size_t  i, n, len;

    static const size_t  sizes[] = {
        1, 5, 1000, SLICE - 1, SLICE, SLICE + 1, 2 * SLICE, 100000, TEXT_MAX
    };

    for (i = 0; i < nelts(sizes); i++) {
        n = sizes[i];
        payload_json(plain, n);
        len = pack(n, 6, (i & 1) ? Z_FINISH : Z_SYNC_FLUSH);

        ok(run(packed, len, n) == OK && result.len == n
           && memcmp(result.data, plain, n) == 0 && result.longest <= SLICE,
           "%zu bytes, as long as allowed", n);

        ok(run(packed, len, n - 1) == ETOOBIG && result.len <= n - 1,
           "%zu bytes, one too long", n);
    }

    is_int(run("\0", 1, 0), OK, "an empty message, nothing allowed");
    is_int(run(packed, len, 0), ETOOBIG, "a message, nothing allowed");
    is_int(result.calls, 0, "of which nothing is seen");
    is_int(run(packed, len, SIZE_MAX), OK, "a message, everything allowed");
}


/* a gigabyte in a megabyte, by zlib; by hand as many final blocks */

static void
test_bombs(void)
{
    size_t    i, n;
    uint8_t  *bomb;
    z_stream  z;

    n = 1100000;
    bomb = guard_new(n);

    memset(&z, 0, sizeof(z));
    memset(plain, 0, sizeof(plain));

    if (deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        exit(2);
    }

    z.next_out = bomb;
    z.avail_out = (uInt) n;

    for (i = 0; i < 1024 * 1024 / 256; i++) {
        z.next_in = plain;
        z.avail_in = 256 * 1024;
        (void) deflate(&z, Z_NO_FLUSH);
    }

    (void) deflate(&z, Z_SYNC_FLUSH);
    i = n - z.avail_out - 4;
    (void) deflateEnd(&z);

    ok(i > 1000000 && i < 1050000, "a bomb of %zu bytes", i);

    is_int(run(bomb, i, 65536), ETOOBIG, "is stopped at 64k");
    is_int(result.len, 65536, "of which the sink has got 64k");
    is_int(run(bomb, i, 1), ETOOBIG, "is stopped at a byte");

    for (i = 0; i < n; i += 2) {
        bomb[i] = 0x03;
        bomb[i + 1] = 0x00;
    }

    bomb[n - 2] = 0x00;

    is_int(run(bomb, n - 1, 0), OK, "half a million final blocks of nothing");

    guard_free(bomb, n);
}


static void
test_cut(void)
{
    size_t   i, n, len, good;
    uint8_t  sample[4096];

    static const struct {
        const char  *name;
        size_t       len;
        int          level, flush;
        long         good;
    } messages[] = {
        { "fixed", 12, 6, Z_SYNC_FLUSH, 0 },
        { "dynamic", 400, 6, Z_SYNC_FLUSH, 0 },
        { "dynamic and final", 400, 6, Z_FINISH, 0 },
        { "long", 5000, 1, Z_SYNC_FLUSH, 0 },

        /* the first byte is the empty message, and a block that is four
         * bytes short is completed by the tail: nobody can see that */

        { "stored", 50, 0, Z_SYNC_FLUSH, 2 },
        { "stored and final", 50, 0, Z_FINISH, 2 },
    };

    for (i = 0; i < nelts(messages); i++) {
        payload_json(plain, messages[i].len);
        len = pack(messages[i].len, messages[i].level, messages[i].flush);
        memcpy(sample, packed, len);

        good = 0;

        for (n = 0; n < len; n++) {
            good += (run(sample, n, TEXT_MAX) != EDATA);
        }

        is_int(good, messages[i].good, "of %zu starts of a message pass: %s",
               len, messages[i].name);

        for (n = 0; n < 256; n++) {
            sample[len] = (uint8_t) n;
            good += (run(sample, len + 1, TEXT_MAX) != EDATA);
        }

        is_int(good, messages[i].good, "nor does it with a byte behind it");
        is_int(run(sample, len, messages[i].len), OK, "but the whole does");
    }
}


static void
put_bits(uint8_t *p, unsigned *at, unsigned bits, unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++, (*at)++) {
        p[*at / 8] |= (uint8_t) (((bits >> i) & 1) << (*at % 8));
    }
}


/*
 * A dynamic block in whose code the end is 15 ones, so that it lies in
 * the tail: one bit of the tail is left over then.
 */

static void
test_end_in_tail(void)
{
    unsigned  i, at, zeros;
    uint8_t   block[64];

    static const unsigned  order[] = {
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15
    };

    /* codes of the lengths, most significant bit first: n is n in 4 bits,
     * but 15 and 18 have 5 */

    static const unsigned  reversed[] = {
        0x0, 0x8, 0x4, 0xc, 0x2, 0xa, 0x6, 0xe,
        0x1, 0x9, 0x5, 0xd, 0x3, 0xb, 0x7
    };

    memset(block, 0, sizeof(block));
    at = 0;

    put_bits(block, &at, 0x4, 3);           /* not final, dynamic */
    put_bits(block, &at, 0, 5 + 5);         /* 257 and 1 codes */
    put_bits(block, &at, nelts(order) - 4, 4);

    for (i = 0; i < nelts(order); i++) {
        put_bits(block, &at, order[i] == 15 || order[i] == 18 ? 5
                             : order[i] < 15 ? 4 : 0, 3);
    }

    /* 0 to 13 have 1 to 14 bits, 14 and the end 15, all others none */

    for (i = 1; i <= 14; i++) {
        put_bits(block, &at, reversed[i], 4);
    }

    put_bits(block, &at, 0x0f, 5);          /* 15 */

    for (zeros = 256 - 15; zeros != 0; zeros -= i) {
        i = (zeros > 138) ? 138 : zeros;
        put_bits(block, &at, 0x1f, 5);      /* 18: zeros */
        put_bits(block, &at, i - 11, 7);
    }

    put_bits(block, &at, 0x0f, 5);
    put_bits(block, &at, reversed[1], 4);   /* a distance of 1 bit */

    /* zero bits are zero bytes, to the end of the byte and in the tail */

    is_int(run(block, (at + 7) / 8, 100), EDATA,
           "a block may not end one bit before the tail's end");
    is_int(result.len, (8 - at % 8) % 8 + 16, "though it is well formed");
}


static void
test_refusal(void)
{
    int     rc;
    size_t  i, len;

    payload_json(plain, 3 * SLICE);
    len = pack(3 * SLICE, 6, Z_SYNC_FLUSH);

    for (i = 1; i <= 3; i++) {
        memset(&result, 0, offsetof(result_t, data));
        result.refuse = i;
        rc = ngx_kafka_ws_inflater_message(inflater, packed, len, 3 * SLICE,
                                           sink, &result);

        is_int(rc, EABORT, "piece %zu is refused", i);
        is_int(result.calls, (long) i, "and none comes after it");
    }

    is_int(run(packed, len, 3 * SLICE), OK, "the next message is not");
}


/* noise, and messages with a byte changed */

static void
test_random(void)
{
    int       rc;
    size_t    i, n, len, seen[4];
    uint8_t   saved, sample[2048];

    memset(seen, 0, sizeof(seen));

    payload_json(plain, 1000);
    len = pack(1000, 6, Z_SYNC_FLUSH);
    memcpy(sample, packed, len);

    for (i = 0; i < 20000; i++) {

        if (i & 1) {
            n = payload_random() % len;
            saved = sample[n];
            sample[n] = (uint8_t) payload_random();
            rc = run(sample, len, 1010);
            sample[n] = saved;

        } else {
            n = payload_random() % 64;
            payload_noise(packed, n);
            rc = run(packed, n, 1010);
        }

        if (rc > 0 || rc < EDATA || result.len > 1010) {
            break;
        }

        seen[-rc]++;
    }

    is_int(i, 20000, "random messages are valid, too long or not valid");
    ok(seen[0] != 0 && seen[1] != 0 && seen[2] != 0, "%zu, %zu, %zu of them",
       seen[0], seen[1], seen[2]);
}


static void
test_errors(void)
{
    int  rc;

    static const unsigned  codes[] = {
        NGX_KAFKA_WS_CLOSE_TOO_BIG, NGX_KAFKA_WS_CLOSE_BAD_DATA,
        NGX_KAFKA_WS_CLOSE_INTERNAL, NGX_KAFKA_WS_CLOSE_INTERNAL
    };

    for (rc = ETOOBIG; rc >= EABORT; rc--) {
        is_int(ngx_kafka_ws_deflate_close(rc), codes[-rc - 1],
               "the code of %d", rc);
        ok(strlen(ngx_kafka_ws_deflate_error(rc)) != 0
           && strlen(ngx_kafka_ws_deflate_error(rc))
              <= NGX_KAFKA_WS_REASON_MAX,
           "the text of %d fits into a Close: %s", rc,
           ngx_kafka_ws_deflate_error(rc));
    }
}


int
main(void)
{
    inflater = ngx_kafka_ws_inflater_create();

    test_samples();
    test_max();
    test_bombs();
    test_cut();
    test_end_in_tail();
    test_refusal();
    test_random();
    test_errors();

    ngx_kafka_ws_inflater_destroy(inflater);

    return tap_done((int) nelts(samples) * 2 + 22 + 5 + 18 + 2 + 7 + 2 + 8);
}
