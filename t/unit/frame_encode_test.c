
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_frame.h"


#define FIN  NGX_KAFKA_WS_FRAME_FIN


static const struct {
    unsigned     first;
    uint64_t     payload_len;
    const char  *want;
    size_t       len;
} headers[] = {
    { FIN | 1, 0, "\x81\x00", 2 },
    { FIN | 1, 1, "\x81\x01", 2 },
    { FIN | 2, 125, "\x82\x7d", 2 },
    { FIN | 2, 126, "\x82\x7e\x00\x7e", 4 },
    { FIN | 2, 256, "\x82\x7e\x01\x00", 4 },
    { FIN | 1, 65535, "\x81\x7e\xff\xff", 4 },
    { FIN | 1, 65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10 },
    { FIN | 1, 0x0102030405060708,
      "\x81\x7f\x01\x02\x03\x04\x05\x06\x07\x08", 10 },
    { FIN | 1, INT64_MAX, "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10 },
    { 1, 3, "\x01\x03", 2 },
    { 0, 3, "\x00\x03", 2 },
    { FIN | NGX_KAFKA_WS_FRAME_RSV1 | 1, 3, "\xc1\x03", 2 },
    { FIN | 10, 4, "\x8a\x04", 2 },
};


static void
test_headers(void)
{
    size_t   i, n;
    uint8_t  *p;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        p = guard_new(headers[i].len);
        n = ngx_kafka_ws_frame_header(p, headers[i].first,
                                      headers[i].payload_len);

        is_mem(p, n, headers[i].want, headers[i].len,
               "header %02x of %llu bytes", headers[i].first,
               (unsigned long long) headers[i].payload_len);
        is_int(ngx_kafka_ws_frame_header_len(headers[i].payload_len),
               headers[i].len, "its length is known before");
        ok(ngx_kafka_ws_frame_payload(headers[i].payload_len + headers[i].len)
           == headers[i].payload_len, "and the payload's afterwards");

        guard_free(p, headers[i].len);
    }

    p = guard_new(0);
    is_int(ngx_kafka_ws_frame_header(p, FIN | 1, (uint64_t) INT64_MAX + 1), 0,
           "no header for 2^63 bytes");
    guard_free(p, 0);
}


static void
test_control(void)
{
    size_t    n;
    uint8_t  *p, payload[126];

    memset(payload, 'x', sizeof(payload));

    p = guard_new(6);
    n = ngx_kafka_ws_frame_control(p, NGX_KAFKA_WS_OP_PONG,
                                   (const uint8_t *) "ping", 4);
    is_mem(p, n, "\x8a\x04ping", 6, "a pong");
    guard_free(p, 6);

    p = guard_new(2);
    n = ngx_kafka_ws_frame_control(p, NGX_KAFKA_WS_OP_PING, NULL, 0);
    is_mem(p, n, "\x89\x00", 2, "an empty ping");
    guard_free(p, 2);

    p = guard_new(NGX_KAFKA_WS_CTRL_FRAME_MAX);
    n = ngx_kafka_ws_frame_control(p, NGX_KAFKA_WS_OP_PONG, payload, 125);
    ok(n == 127 && p[0] == 0x8a && p[1] == 125
       && memcmp(p + 2, payload, 125) == 0, "a pong of 125 bytes");

    n = ngx_kafka_ws_frame_control(p, NGX_KAFKA_WS_OP_PING, payload, 126);
    ok(n == 0 && p[0] == 0x8a, "no ping of 126 bytes, nothing written");
    guard_free(p, NGX_KAFKA_WS_CTRL_FRAME_MAX);
}


static void
check_close(unsigned code, const char *reason, size_t n, const char *want,
    size_t len, const char *name)
{
    size_t    m;
    uint8_t  *p, *r;

    p = guard_new(len);
    r = guard_copy(reason, n);

    m = ngx_kafka_ws_frame_close(p, code, r, n);
    is_mem(p, m, want, len, "%s", name);

    guard_free(r, n);
    guard_free(p, len);
}


static void
test_close(void)
{
    char      reason[200], want[127];
    uint8_t  *p;
    unsigned  code, wrong;

    check_close(1000, "", 0, "\x88\x02\x03\xe8", 4, "a close without reason");
    check_close(1012, "0:42", 4, "\x88\x06\x03\xf4" "0:42", 8,
                "a close with reason");
    check_close(4410, "\xc3\xa9", 2, "\x88\x04\x11\x3a\xc3\xa9", 6,
                "a close with a code of our own");
    check_close(1005, "none", 4, "\x88\x00", 2, "1005 is never on the wire");
    check_close(1006, "none", 4, "\x88\x00", 2, "1006 is never on the wire");
    check_close(0, "none", 4, "\x88\x00", 2, "0 is never on the wire");
    check_close(1000, "a\xff" "b", 3, "\x88\x03\x03\xe8" "a", 5,
                "a reason ends before its first bad byte");
    check_close(1000, "ab\xe2\x80", 4, "\x88\x04\x03\xe8" "ab", 6,
                "a reason ends before half a character");

    memcpy(want, "\x88\x7d\x03\xe8", 4);
    memset(want + 4, 'r', 123);
    memset(reason, 'r', sizeof(reason));
    check_close(1000, reason, 123, want, 127, "a reason of 123 bytes is whole");
    check_close(1000, reason, 124, want, 127, "a reason of 124 bytes is cut");
    check_close(1000, reason, 200, want, 127, "a reason of 200 bytes is cut");

    memcpy(reason + 122, "\xe2\x82\xac", 3);
    want[1] = 2 + 122;
    check_close(1000, reason, 125, want, 126,
                "a reason is cut between characters");

    p = guard_new(NGX_KAFKA_WS_CTRL_FRAME_MAX);
    wrong = 0;

    for (code = 0; code < 70000; code++) {
        if (ngx_kafka_ws_frame_close(p, code, NULL, 0) == 2) {
            continue;
        }

        wrong += code < 1000 || code > 4999
                 || (code >= 1015 && code < 3000)
                 || (code >= 1004 && code <= 1006);
    }

    guard_free(p, NGX_KAFKA_WS_CTRL_FRAME_MAX);

    is_int(wrong, 0, "no illegal code is ever sent");
}


int
main(void)
{
    test_headers();
    test_control();
    test_close();

    return tap_done((int) (sizeof(headers) / sizeof(headers[0]) * 3 + 1
                           + 4 + 13));
}
