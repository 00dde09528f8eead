
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The payload of a client's Close: parsed as the RFC has it, and what passes
 * comes back unchanged from the Close that answers it.  And a Close of ours
 * from any code and reason: always one that a client must accept.
 *
 * Input: the payload; our own code and reason are made of it, too.
 */


#include "fuzz.h"
#include "reference.h"

#include "ngx_kafka_ws_frame.h"


static int
code_is_legal(unsigned code)
{
    switch (code) {

    case 1000:
    case 1001:
    case 1002:
    case 1003:
    case 1007:
    case 1008:
    case 1009:
    case 1010:
    case 1011:
    case 1012:
    case 1013:
    case 1014:
        return 1;

    default:
        return code / 1000 == 3 || code / 1000 == 4;
    }
}


/* the frame and, in what it is made of, a byte too far are looked for */

static size_t
close_of(uint8_t *frame, unsigned code, const uint8_t *reason, size_t n)
{
    size_t    len;
    uint8_t  *copy;

    copy = fuzz_copy(reason, n);
    len = ngx_kafka_ws_frame_close(frame, code, copy, n);
    free(copy);

    promise(len >= 2 && len <= NGX_KAFKA_WS_CTRL_FRAME_MAX);
    promise(frame[0] == 0x88 && frame[1] == len - 2);

    return len;
}


static void
check_parse(const uint8_t *p, size_t n)
{
    int        rc, legal;
    size_t     len;
    uint8_t   *frame;
    unsigned   code, sent;

    sent = n < 2 ? 0 : p[0] * 256u + p[1];
    code = 1;
    rc = ngx_kafka_ws_frame_close_parse(p, n, &code);

    if (n == 0) {
        promise(rc == NGX_KAFKA_WS_FRAME_OK && code == 1005);
        return;
    }

    legal = n >= 2 && code_is_legal(sent);

    if (rc == NGX_KAFKA_WS_FRAME_ECLOSE) {
        promise(!legal);
        return;
    }

    promise(legal);

    if (rc == NGX_KAFKA_WS_FRAME_EUTF8) {
        promise(!ref_is_utf8(p + 2, n - 2));
        return;
    }

    promise(rc == NGX_KAFKA_WS_FRAME_OK && code == sent);
    promise(ref_is_utf8(p + 2, n - 2));

    if (n > NGX_KAFKA_WS_CTRL_MAX) {
        return;
    }

    frame = fuzz_alloc(NGX_KAFKA_WS_CTRL_FRAME_MAX);
    len = close_of(frame, code, p + 2, n - 2);
    promise(len == 2 + n && memcmp(frame + 2, p, n) == 0);
    free(frame);
}


/* the longest start of the reason that fits and is valid */

static void
check_ours(unsigned code, const uint8_t *reason, size_t n)
{
    int        part;
    size_t     len, most;
    uint8_t   *frame;
    unsigned   back;

    frame = fuzz_alloc(NGX_KAFKA_WS_CTRL_FRAME_MAX);
    len = close_of(frame, code, reason, n);

    promise(ngx_kafka_ws_frame_close_parse(frame + 2, len - 2, &back)
            == NGX_KAFKA_WS_FRAME_OK);

    if (!code_is_legal(code)) {
        promise(len == 2 && back == 1005);
        free(frame);
        return;
    }

    /* where a bad byte ends it, a character begun before must go, too */

    most = n < NGX_KAFKA_WS_REASON_MAX ? n : NGX_KAFKA_WS_REASON_MAX;
    most = ref_utf8(reason, most, &part);

    while (!ref_is_utf8(reason, most)) {
        most--;
    }

    promise(back == code && len == 4 + most);
    promise(most == 0 || memcmp(frame + 4, reason, most) == 0);

    free(frame);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned  code;
    uint8_t  *copy;

    copy = fuzz_copy(data, size);
    check_parse(copy, size);
    free(copy);

    code = size < 2 ? 1000 : data[0] * 256u + data[1];
    check_ours(code, data, size);
    check_ours(4408, data, size);

    return 0;
}
