
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_frame.h"


#define nvectors  (sizeof(vectors) / sizeof(vectors[0]))
#define MASK      "\x12\x34\x56\x78"
#define bytes(s)  s, sizeof(s) - 1

#define OK        NGX_KAFKA_WS_FRAME_OK
#define ERSV      NGX_KAFKA_WS_FRAME_ERSV
#define EOPCODE   NGX_KAFKA_WS_FRAME_EOPCODE
#define ECONTROL  NGX_KAFKA_WS_FRAME_ECONTROL
#define EMASK     NGX_KAFKA_WS_FRAME_EMASK
#define ELENGTH   NGX_KAFKA_WS_FRAME_ELENGTH
#define ECLOSE    NGX_KAFKA_WS_FRAME_ECLOSE
#define EUTF8     NGX_KAFKA_WS_FRAME_EUTF8


static const struct {
    const char  *name;
    const char  *data;
    size_t       len;
    int          rsv1_allowed;

    int          rc;
    size_t       used;      /* bytes of the header, or up to the bad one */

    int          fin;
    int          opcode;
    int          rsv1;
    uint64_t     payload_len;
} vectors[] = {
    { "text of 0 bytes", bytes("\x81\x80" MASK), 0, OK, 6, 1, 1, 0, 0 },
    { "text of 125 bytes", bytes("\x81\xfd" MASK), 0, OK, 6, 1, 1, 0, 125 },
    { "binary of 126 bytes", bytes("\x82\xfe\x00\x7e" MASK), 0,
      OK, 8, 1, 2, 0, 126 },
    { "binary of 65535 bytes", bytes("\x82\xfe\xff\xff" MASK), 0,
      OK, 8, 1, 2, 0, 65535 },
    { "binary of 65536 bytes",
      bytes("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00" MASK), 0,
      OK, 14, 1, 2, 0, 65536 },
    { "binary of 2^63 - 1 bytes",
      bytes("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK), 0,
      OK, 14, 1, 2, 0, INT64_MAX },
    { "text with more to come", bytes("\x01\x83" MASK), 0,
      OK, 6, 0, 1, 0, 3 },
    { "continuation with more to come", bytes("\x00\x83" MASK), 0,
      OK, 6, 0, 0, 0, 3 },
    { "last continuation", bytes("\x80\x83" MASK), 0, OK, 6, 1, 0, 0, 3 },
    { "close", bytes("\x88\x82" MASK), 0, OK, 6, 1, 8, 0, 2 },
    { "ping of 125 bytes", bytes("\x89\xfd" MASK), 0, OK, 6, 1, 9, 0, 125 },
    { "pong", bytes("\x8a\x80" MASK), 0, OK, 6, 1, 10, 0, 0 },
    { "bytes after the header are not touched",
      bytes("\x81\x85" MASK "hello"), 0, OK, 6, 1, 1, 0, 5 },

    { "RSV1 on text after deflate was agreed", bytes("\xc1\x81" MASK), 1,
      OK, 6, 1, 1, 1, 1 },
    { "RSV1 on binary after deflate was agreed", bytes("\x42\x81" MASK), 1,
      OK, 6, 0, 2, 1, 1 },
    { "no RSV1 after deflate was agreed", bytes("\x81\x81" MASK), 1,
      OK, 6, 1, 1, 0, 1 },
    { "RSV1 without deflate is refused", bytes("\xc1\x81" MASK), 0,
      ERSV, 1, 0, 0, 0, 0 },
    { "RSV2 is refused", bytes("\xa1\x81" MASK), 1, ERSV, 1, 0, 0, 0, 0 },
    { "RSV3 is refused", bytes("\x91\x81" MASK), 1, ERSV, 1, 0, 0, 0, 0 },
    { "RSV1 with RSV3 is refused", bytes("\xd1\x81" MASK), 1,
      ERSV, 1, 0, 0, 0, 0 },
    { "RSV1 on a continuation is refused", bytes("\xc0\x81" MASK), 1,
      ERSV, 1, 0, 0, 0, 0 },
    { "RSV1 on a ping is refused", bytes("\xc9\x81" MASK), 1,
      ERSV, 1, 0, 0, 0, 0 },

    { "opcode 3 is refused", bytes("\x83\x80" MASK), 0,
      EOPCODE, 1, 0, 0, 0, 0 },
    { "opcode 4 is refused", bytes("\x84\x80" MASK), 0,
      EOPCODE, 1, 0, 0, 0, 0 },
    { "opcode 7 is refused", bytes("\x87\x80" MASK), 0,
      EOPCODE, 1, 0, 0, 0, 0 },
    { "opcode 11 is refused", bytes("\x8b\x80" MASK), 0,
      EOPCODE, 1, 0, 0, 0, 0 },
    { "opcode 15 is refused", bytes("\x8f\x80" MASK), 0,
      EOPCODE, 1, 0, 0, 0, 0 },

    { "fragmented close is refused", bytes("\x08\x80" MASK), 0,
      ECONTROL, 1, 0, 0, 0, 0 },
    { "fragmented ping is refused", bytes("\x09\x80" MASK), 0,
      ECONTROL, 1, 0, 0, 0, 0 },
    { "ping of 126 bytes is refused", bytes("\x89\xfe\x00\x7e" MASK), 0,
      ECONTROL, 2, 0, 0, 0, 0 },
    { "pong of 65536 bytes is refused",
      bytes("\x8a\xff\x00\x00\x00\x00\x00\x01\x00\x00" MASK), 0,
      ECONTROL, 2, 0, 0, 0, 0 },

    { "text without a mask is refused", bytes("\x81\x05hello"), 0,
      EMASK, 2, 0, 0, 0, 0 },
    { "ping without a mask is refused", bytes("\x89\x00"), 0,
      EMASK, 2, 0, 0, 0, 0 },

    { "length 125 in 16-bit form is refused", bytes("\x81\xfe\x00\x7d" MASK),
      0, ELENGTH, 4, 0, 0, 0, 0 },
    { "length 0 in 16-bit form is refused", bytes("\x81\xfe\x00\x00" MASK),
      0, ELENGTH, 4, 0, 0, 0, 0 },
    { "length 126 in 64-bit form is refused",
      bytes("\x81\xff\x00\x00\x00\x00\x00\x00\x00\x7e" MASK), 0,
      ELENGTH, 10, 0, 0, 0, 0 },
    { "length 65535 in 64-bit form is refused",
      bytes("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff" MASK), 0,
      ELENGTH, 10, 0, 0, 0, 0 },
    { "length 2^63 is refused",
      bytes("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00" MASK), 0,
      ELENGTH, 3, 0, 0, 0, 0 },
    { "length 2^64 - 1 is refused",
      bytes("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" MASK), 0,
      ELENGTH, 3, 0, 0, 0, 0 },
};


static const struct {
    const char  *name;
    const char  *data;
    size_t       len;
    int          rc;
    unsigned     code;
} closes[] = {
    { "an empty close has no status", bytes(""), OK, 1005 },
    { "a close of one byte is refused", bytes("\x03"), ECLOSE, 0 },
    { "a close without reason", bytes("\x03\xe8"), OK, 1000 },
    { "a close with reason", bytes("\x03\xe9" "bye"), OK, 1001 },
    { "a close with the longest reason",
      bytes("\x0f\xa0" "0123456789012345678901234567890123456789"
            "0123456789012345678901234567890123456789"
            "0123456789012345678901234567890123456789012"), OK, 4000 },
    { "a reason of two-byte characters", bytes("\x03\xe8\xc3\xa9\xc3\xa8"),
      OK, 1000 },
    { "a reason that is not UTF-8 is refused", bytes("\x03\xe8" "a\xff"),
      EUTF8, 0 },
    { "a reason cut inside a character is refused", bytes("\x03\xe8" "a\xc3"),
      EUTF8, 0 },
};


/* the whole header at once, at the end of readable memory */

static void
test_vectors(void)
{
    int                           rc;
    size_t                        i, n;
    uint8_t                      *p;
    ngx_kafka_ws_frame_t          f;
    ngx_kafka_ws_frame_decoder_t  d;

    for (i = 0; i < nvectors; i++) {
        memset(&d, 0, sizeof(ngx_kafka_ws_frame_decoder_t));
        memset(&f, 0, sizeof(ngx_kafka_ws_frame_t));

        d.rsv1_allowed = (uint8_t) vectors[i].rsv1_allowed;

        n = vectors[i].len;
        p = guard_copy(vectors[i].data, n);
        rc = ngx_kafka_ws_frame_decode(&d, &f, p, p + n);
        guard_free(p, n);

        if (vectors[i].rc != OK) {
            is_int(rc, vectors[i].rc, "%s", vectors[i].name);
            continue;
        }

        ok(rc == (int) vectors[i].used
           && f.fin == vectors[i].fin && f.opcode == vectors[i].opcode
           && f.rsv1 == vectors[i].rsv1
           && f.payload_len == vectors[i].payload_len
           && memcmp(f.mask, MASK, 4) == 0,
           "%s", vectors[i].name);
    }
}


/* up to the first bad byte no error, with it the error */

static void
test_first_bad_byte(void)
{
    int                           before, with;
    size_t                        i, n;
    uint8_t                      *p;
    ngx_kafka_ws_frame_t          f;
    ngx_kafka_ws_frame_decoder_t  d;

    for (i = 0; i < nvectors; i++) {

        if (vectors[i].rc == OK) {
            continue;
        }

        n = vectors[i].used;
        p = guard_copy(vectors[i].data, n);

        memset(&d, 0, sizeof(ngx_kafka_ws_frame_decoder_t));
        d.rsv1_allowed = (uint8_t) vectors[i].rsv1_allowed;
        before = ngx_kafka_ws_frame_decode(&d, &f, p, p + n - 1);
        with = ngx_kafka_ws_frame_decode(&d, &f, p + n - 1, p + n);

        guard_free(p, n);

        ok(before == 0 && with == vectors[i].rc,
           "%s, with its first wrong byte", vectors[i].name);
    }
}


static void
test_closes(void)
{
    int        rc;
    size_t     i;
    uint8_t   *p;
    unsigned   code;

    for (i = 0; i < sizeof(closes) / sizeof(closes[0]); i++) {
        code = 0;
        p = guard_copy(closes[i].data, closes[i].len);
        rc = ngx_kafka_ws_frame_close_parse(p, closes[i].len, &code);
        guard_free(p, closes[i].len);

        ok(rc == closes[i].rc && code == closes[i].code, "%s",
           closes[i].name);
    }
}


/* RFC 6455, 7.4, and the registry of close codes */

static void
test_close_codes(void)
{
    int       rc, wrong;
    size_t    i;
    uint8_t   p[2];
    unsigned  code, c, may;

    static const unsigned  sent[] = {
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
        1014
    };

    wrong = 0;

    for (code = 0; code <= 0xffff; code++) {
        may = code >= 3000 && code < 5000;

        for (i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
            may |= code == sent[i];
        }

        p[0] = (uint8_t) (code >> 8);
        p[1] = (uint8_t) code;

        rc = ngx_kafka_ws_frame_close_parse(p, 2, &c);
        wrong += may ? rc != OK || c != code : rc != ECLOSE;
    }

    is_int(wrong, 0, "of all 65536 close codes just the legal ones pass");
}


static void
test_errors(void)
{
    int  rc, wrong;

    wrong = 0;

    for (rc = EUTF8; rc < 0; rc++) {
        wrong += strlen(ngx_kafka_ws_frame_error(rc)) == 0
                 || strlen(ngx_kafka_ws_frame_error(rc))
                    > NGX_KAFKA_WS_REASON_MAX
                 || (rc != EUTF8
                     && strcmp(ngx_kafka_ws_frame_error(rc),
                               ngx_kafka_ws_frame_error(EUTF8)) == 0);
    }

    is_int(wrong, 0, "each error has a text of its own kind");
    ok(strcmp(ngx_kafka_ws_frame_error(EMASK), "frame not masked") == 0,
       "the text names the fault");
}


int
main(void)
{
    size_t  i, bad;

    bad = 0;

    for (i = 0; i < nvectors; i++) {
        bad += vectors[i].rc != OK;
    }

    test_vectors();
    test_first_bad_byte();
    test_closes();
    test_close_codes();
    test_errors();

    return tap_done((int) (nvectors + bad
                           + sizeof(closes) / sizeof(closes[0]) + 1 + 2));
}
