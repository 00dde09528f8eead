
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "ngx_kafka_ws_frame.h"
#include "ngx_kafka_ws_utf8.h"

#include <string.h>


#define NGX_KAFKA_WS_FRAME_RSV        0x70
#define NGX_KAFKA_WS_FRAME_OPCODE     0x0f
#define NGX_KAFKA_WS_FRAME_CONTROL    0x08   /* bit of control opcodes */
#define NGX_KAFKA_WS_FRAME_MASK       0x80
#define NGX_KAFKA_WS_FRAME_LEN        0x7f
#define NGX_KAFKA_WS_FRAME_LEN16      126
#define NGX_KAFKA_WS_FRAME_LEN64      127


/* gcc and clang: 16 bytes at once, in a register if there is one */

typedef uint64_t  ngx_kafka_ws_frame_wide_t  __attribute__((vector_size(16)));


static int ngx_kafka_ws_frame_check(const ngx_kafka_ws_frame_decoder_t *d);
static int ngx_kafka_ws_frame_check_length(
    const ngx_kafka_ws_frame_decoder_t *d);
static size_t ngx_kafka_ws_frame_wanted(
    const ngx_kafka_ws_frame_decoder_t *d);
static uint64_t ngx_kafka_ws_frame_number(const uint8_t *p, size_t n);
static int ngx_kafka_ws_frame_code_valid(unsigned code);


int
ngx_kafka_ws_frame_decode(ngx_kafka_ws_frame_decoder_t *d,
    ngx_kafka_ws_frame_t *f, const uint8_t *p, const uint8_t *last)
{
    int             rc;
    size_t          wanted;
    const uint8_t  *start;

    start = p;
    wanted = ngx_kafka_ws_frame_wanted(d);

    while (d->have < wanted) {

        if (p == last) {
            return 0;
        }

        d->buf[d->have++] = *p++;

        rc = ngx_kafka_ws_frame_check(d);
        if (rc != NGX_KAFKA_WS_FRAME_OK) {
            return rc;
        }

        wanted = ngx_kafka_ws_frame_wanted(d);
    }

    f->fin = (d->buf[0] & NGX_KAFKA_WS_FRAME_FIN) != 0;
    f->rsv1 = (d->buf[0] & NGX_KAFKA_WS_FRAME_RSV1) != 0;
    f->opcode = d->buf[0] & NGX_KAFKA_WS_FRAME_OPCODE;

    if (wanted == 6) {
        f->payload_len = d->buf[1] & NGX_KAFKA_WS_FRAME_LEN;

    } else {
        f->payload_len = ngx_kafka_ws_frame_number(d->buf + 2, wanted - 6);
    }

    memcpy(f->mask, d->buf + wanted - 4, 4);

    d->have = 0;

    return (int) (p - start);
}


/* looks at the byte that came last */

static int
ngx_kafka_ws_frame_check(const ngx_kafka_ws_frame_decoder_t *d)
{
    unsigned  opcode, rsv, control;

    opcode = d->buf[0] & NGX_KAFKA_WS_FRAME_OPCODE;
    control = opcode & NGX_KAFKA_WS_FRAME_CONTROL;

    switch (d->have) {

    case 1:
        rsv = d->buf[0] & NGX_KAFKA_WS_FRAME_RSV;

        if (rsv == NGX_KAFKA_WS_FRAME_RSV1 && d->rsv1_allowed
            && (opcode == NGX_KAFKA_WS_OP_TEXT
                || opcode == NGX_KAFKA_WS_OP_BINARY))
        {
            rsv = 0;
        }

        if (rsv != 0) {
            return NGX_KAFKA_WS_FRAME_ERSV;
        }

        if ((opcode & ~NGX_KAFKA_WS_FRAME_CONTROL) > 2) {
            return NGX_KAFKA_WS_FRAME_EOPCODE;
        }

        if (control && (d->buf[0] & NGX_KAFKA_WS_FRAME_FIN) == 0) {
            return NGX_KAFKA_WS_FRAME_ECONTROL;
        }

        return NGX_KAFKA_WS_FRAME_OK;

    case 2:
        if ((d->buf[1] & NGX_KAFKA_WS_FRAME_MASK) == 0) {
            return NGX_KAFKA_WS_FRAME_EMASK;
        }

        if (control
            && (d->buf[1] & NGX_KAFKA_WS_FRAME_LEN) > NGX_KAFKA_WS_CTRL_MAX)
        {
            return NGX_KAFKA_WS_FRAME_ECONTROL;
        }

        return NGX_KAFKA_WS_FRAME_OK;

    default:
        return ngx_kafka_ws_frame_check_length(d);
    }
}


/* RFC 6455, 5.2: the shortest form, the top bit of 64 zero */

static int
ngx_kafka_ws_frame_check_length(const ngx_kafka_ws_frame_decoder_t *d)
{
    size_t  n;

    n = d->have - 2;

    switch (d->buf[1] & NGX_KAFKA_WS_FRAME_LEN) {

    case NGX_KAFKA_WS_FRAME_LEN16:
        if (n == 2
            && ngx_kafka_ws_frame_number(d->buf + 2, 2)
               < NGX_KAFKA_WS_FRAME_LEN16)
        {
            return NGX_KAFKA_WS_FRAME_ELENGTH;
        }

        break;

    case NGX_KAFKA_WS_FRAME_LEN64:
        if (n == 1 && d->buf[2] & 0x80) {
            return NGX_KAFKA_WS_FRAME_ELENGTH;
        }

        if (n == 8 && ngx_kafka_ws_frame_number(d->buf + 2, 8) <= 0xffff) {
            return NGX_KAFKA_WS_FRAME_ELENGTH;
        }

        break;

    default:
        break;
    }

    return NGX_KAFKA_WS_FRAME_OK;
}


/* bytes of the header, as far as the bytes that are here tell */

static size_t
ngx_kafka_ws_frame_wanted(const ngx_kafka_ws_frame_decoder_t *d)
{
    if (d->have < 2) {
        return 2;
    }

    switch (d->buf[1] & NGX_KAFKA_WS_FRAME_LEN) {

    case NGX_KAFKA_WS_FRAME_LEN16:
        return 2 + 2 + 4;

    case NGX_KAFKA_WS_FRAME_LEN64:
        return 2 + 8 + 4;

    default:
        return 2 + 4;
    }
}


static uint64_t
ngx_kafka_ws_frame_number(const uint8_t *p, size_t n)
{
    size_t    i;
    uint64_t  v;

    v = 0;

    for (i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }

    return v;
}


const char *
ngx_kafka_ws_frame_error(int rc)
{
    switch (rc) {

    case NGX_KAFKA_WS_FRAME_ERSV:
        return "reserved bit set";

    case NGX_KAFKA_WS_FRAME_EOPCODE:
        return "unknown opcode";

    case NGX_KAFKA_WS_FRAME_ECONTROL:
        return "control frame too long or fragmented";

    case NGX_KAFKA_WS_FRAME_EMASK:
        return "frame not masked";

    case NGX_KAFKA_WS_FRAME_ELENGTH:
        return "invalid frame length";

    case NGX_KAFKA_WS_FRAME_ECLOSE:
        return "invalid close frame";

    case NGX_KAFKA_WS_FRAME_EUTF8:
        return "invalid UTF-8";

    default:
        return "protocol error";
    }
}


unsigned
ngx_kafka_ws_frame_unmask(uint8_t *p, size_t n, const uint8_t mask[4],
    unsigned phase)
{
    size_t    i;
    uint8_t   turned[4];

    if (phase == 0) {
        ngx_kafka_ws_frame_xor(p, n, mask);

    } else {
        for (i = 0; i < 4; i++) {
            turned[i] = mask[(phase + i) & 3];
        }

        ngx_kafka_ws_frame_xor(p, n, turned);
    }

    return (phase + (unsigned) (n & 3)) & 3;
}


void
ngx_kafka_ws_frame_xor(uint8_t *p, size_t n, const uint8_t mask[4])
{
    size_t    i;
    uint32_t  half, word;
    uint64_t  k, words, twice[2];

    ngx_kafka_ws_frame_wide_t  wide, a, b;

    memcpy(&half, mask, 4);

    k = (uint64_t) half << 32 | half;
    twice[0] = k;
    twice[1] = k;
    memcpy(&wide, twice, 16);

    for (i = 0; i + 32 <= n; i += 32) {
        memcpy(&a, p + i, 16);
        memcpy(&b, p + i + 16, 16);
        a ^= wide;
        b ^= wide;
        memcpy(p + i, &a, 16);
        memcpy(p + i + 16, &b, 16);
    }

    if (n & 16) {
        memcpy(&a, p + i, 16);
        a ^= wide;
        memcpy(p + i, &a, 16);
        i += 16;
    }

    if (n & 8) {
        memcpy(&words, p + i, 8);
        words ^= k;
        memcpy(p + i, &words, 8);
        i += 8;
    }

    if (n & 4) {
        memcpy(&word, p + i, 4);
        word ^= half;
        memcpy(p + i, &word, 4);
        i += 4;
    }

    for ( /* void */ ; i < n; i++) {
        p[i] ^= mask[i & 3];
    }
}


size_t
ngx_kafka_ws_frame_header_len(uint64_t payload_len)
{
    if (payload_len < NGX_KAFKA_WS_FRAME_LEN16) {
        return 2;
    }

    return payload_len <= 0xffff ? 4 : 10;
}


size_t
ngx_kafka_ws_frame_header(uint8_t *buf, unsigned first, uint64_t payload_len)
{
    size_t  i, n;

    if (payload_len > INT64_MAX) {
        return 0;
    }

    n = ngx_kafka_ws_frame_header_len(payload_len);

    buf[0] = (uint8_t) first;

    if (n == 2) {
        buf[1] = (uint8_t) payload_len;
        return n;
    }

    buf[1] = n == 4 ? NGX_KAFKA_WS_FRAME_LEN16 : NGX_KAFKA_WS_FRAME_LEN64;

    for (i = n; i > 2; i--) {
        buf[i - 1] = (uint8_t) payload_len;
        payload_len >>= 8;
    }

    return n;
}


size_t
ngx_kafka_ws_frame_control(uint8_t *buf, unsigned opcode, const uint8_t *p,
    size_t n)
{
    if (n > NGX_KAFKA_WS_CTRL_MAX) {
        return 0;
    }

    (void) ngx_kafka_ws_frame_header(buf, NGX_KAFKA_WS_FRAME_FIN | opcode, n);

    if (n != 0) {
        memcpy(buf + 2, p, n);
    }

    return 2 + n;
}


size_t
ngx_kafka_ws_frame_close(uint8_t *buf, unsigned code, const uint8_t *reason,
    size_t n)
{
    uint8_t  payload[NGX_KAFKA_WS_CTRL_MAX];

    if (!ngx_kafka_ws_frame_code_valid(code)) {
        return ngx_kafka_ws_frame_control(buf, NGX_KAFKA_WS_OP_CLOSE, NULL, 0);
    }

    payload[0] = (uint8_t) (code >> 8);
    payload[1] = (uint8_t) code;

    if (n > NGX_KAFKA_WS_REASON_MAX) {
        n = NGX_KAFKA_WS_REASON_MAX;
    }

    while (!ngx_kafka_ws_utf8_valid(reason, n)) {
        n--;
    }

    if (n != 0) {
        memcpy(payload + 2, reason, n);
    }

    return ngx_kafka_ws_frame_control(buf, NGX_KAFKA_WS_OP_CLOSE, payload,
                                      2 + n);
}


int
ngx_kafka_ws_frame_close_parse(const uint8_t *p, size_t n, unsigned *code)
{
    unsigned  c;

    if (n == 0) {
        *code = NGX_KAFKA_WS_CLOSE_NO_STATUS;
        return NGX_KAFKA_WS_FRAME_OK;
    }

    if (n == 1) {
        return NGX_KAFKA_WS_FRAME_ECLOSE;
    }

    c = (unsigned) ngx_kafka_ws_frame_number(p, 2);

    if (!ngx_kafka_ws_frame_code_valid(c)) {
        return NGX_KAFKA_WS_FRAME_ECLOSE;
    }

    if (!ngx_kafka_ws_utf8_valid(p + 2, n - 2)) {
        return NGX_KAFKA_WS_FRAME_EUTF8;
    }

    *code = c;

    return NGX_KAFKA_WS_FRAME_OK;
}


/* RFC 6455, 7.4: 1004, 1005, 1006 and 1015 are never on the wire */

static int
ngx_kafka_ws_frame_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003)
           || (code >= 1007 && code <= 1014)
           || (code >= 3000 && code <= 4999);
}
