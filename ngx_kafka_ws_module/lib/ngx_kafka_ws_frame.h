
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#ifndef _NGX_KAFKA_WS_FRAME_H_INCLUDED_
#define _NGX_KAFKA_WS_FRAME_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* RFC 6455, 11.8: opcodes */

#define NGX_KAFKA_WS_OP_CONTINUATION     0x0
#define NGX_KAFKA_WS_OP_TEXT             0x1
#define NGX_KAFKA_WS_OP_BINARY           0x2
#define NGX_KAFKA_WS_OP_CLOSE            0x8
#define NGX_KAFKA_WS_OP_PING             0x9
#define NGX_KAFKA_WS_OP_PONG             0xa

/* RFC 6455, 5.2: bits of the first byte, or-ed to the opcode */

#define NGX_KAFKA_WS_FRAME_FIN           0x80
#define NGX_KAFKA_WS_FRAME_RSV1          0x40

/* RFC 6455, 7.4.1 and its registry: close codes */

#define NGX_KAFKA_WS_CLOSE_NORMAL        1000
#define NGX_KAFKA_WS_CLOSE_GOING_AWAY    1001
#define NGX_KAFKA_WS_CLOSE_PROTOCOL      1002
#define NGX_KAFKA_WS_CLOSE_UNSUPPORTED   1003
#define NGX_KAFKA_WS_CLOSE_NO_STATUS     1005   /* never on the wire */
#define NGX_KAFKA_WS_CLOSE_BAD_DATA      1007
#define NGX_KAFKA_WS_CLOSE_POLICY        1008
#define NGX_KAFKA_WS_CLOSE_TOO_BIG       1009
#define NGX_KAFKA_WS_CLOSE_INTERNAL      1011
#define NGX_KAFKA_WS_CLOSE_RESTART       1012
#define NGX_KAFKA_WS_CLOSE_OVERLOAD      1013

/* our own, of the range 4000 to 4999 for private use */

#define NGX_KAFKA_WS_CLOSE_LIFETIME      4401   /* lifetime over */
#define NGX_KAFKA_WS_CLOSE_REFUSED       4403   /* topic refused */
#define NGX_KAFKA_WS_CLOSE_GONE          4404   /* topic gone */
#define NGX_KAFKA_WS_CLOSE_SLOW          4408   /* client too slow */
#define NGX_KAFKA_WS_CLOSE_POSITION      4410   /* position not held */

#define NGX_KAFKA_WS_CTRL_MAX            125    /* bytes, RFC 6455, 5.5 */
#define NGX_KAFKA_WS_REASON_MAX          123    /* bytes, 5.5 less code */
#define NGX_KAFKA_WS_CTRL_FRAME_MAX      127    /* header and payload */
#define NGX_KAFKA_WS_HEADER_MAX          10     /* ours, without mask */
#define NGX_KAFKA_WS_CLIENT_HEADER_MAX   14     /* with extended length */


typedef enum {
    NGX_KAFKA_WS_FRAME_OK = 0,
    NGX_KAFKA_WS_FRAME_ERSV = -1,       /* all close with 1002, but: */
    NGX_KAFKA_WS_FRAME_EOPCODE = -2,
    NGX_KAFKA_WS_FRAME_ECONTROL = -3,
    NGX_KAFKA_WS_FRAME_EMASK = -4,
    NGX_KAFKA_WS_FRAME_ELENGTH = -5,
    NGX_KAFKA_WS_FRAME_ECLOSE = -6,
    NGX_KAFKA_WS_FRAME_EUTF8 = -7       /* 1007 */
} ngx_kafka_ws_frame_e;


/* a client's frame header, decoded */

typedef struct {
    uint64_t  payload_len;  /* bytes, 0 to 2^63 - 1 */
    uint8_t   mask[4];
    uint8_t   opcode;       /* one of NGX_KAFKA_WS_OP_* */
    uint8_t   fin;          /* 1: last frame of its message */
    uint8_t   rsv1;         /* 1: only if the decoder allows it */
} ngx_kafka_ws_frame_t;


/*
 * Decoder of a header that comes in pieces; zero-filled before the first
 * one, ready for the next after each.
 */

typedef struct {
    uint8_t   buf[NGX_KAFKA_WS_CLIENT_HEADER_MAX];
    uint8_t   have;         /* bytes in buf */
    uint8_t   rsv1_allowed; /* set by the caller: deflate was agreed */
} ngx_kafka_ws_frame_decoder_t;


/*
 * Decodes one header of a client's frame from [p, last).
 * d:        decoder; caller's
 * f:        set only when the result is above 0
 * returns:  bytes used, 1 to 14; 0: need more, all of [p, last) is kept
 *           in d; below 0: ngx_kafka_ws_frame_e, reported with the first
 *           byte that is wrong; d must not be used again
 * refused:  RSV bits, opcodes 3 to 7 and 11 to 15, control frames that
 *           are fragmented or long, no mask, lengths not minimal or with
 *           the top bit
 * cost:     at most 14 bytes read; no allocation
 * source:   RFC 6455, 5.1, 5.2, 5.5; RFC 7692, 6 (RSV1)
 */
int ngx_kafka_ws_frame_decode(ngx_kafka_ws_frame_decoder_t *d,
    ngx_kafka_ws_frame_t *f, const uint8_t *p, const uint8_t *last);

/*
 * returns:  a static text for an ngx_kafka_ws_frame_e below 0, fit for
 *           the reason of a Close
 */
const char *ngx_kafka_ws_frame_error(int rc);

/*
 * Unmasks (or masks) in place n bytes of a payload.
 * phase:    0 at the payload's start, then the last call's result
 * returns:  the phase after these n bytes, 0 to 3
 * cost:     32 bytes at a step
 * source:   RFC 6455, 5.3
 */
unsigned ngx_kafka_ws_frame_unmask(uint8_t *p, size_t n,
    const uint8_t mask[4], unsigned phase);

/* the same for a payload that is all there */
void ngx_kafka_ws_frame_xor(uint8_t *p, size_t n, const uint8_t mask[4]);

/*
 * returns:  bytes of our own header before a payload: 2, 4 or 10
 */
size_t ngx_kafka_ws_frame_header_len(uint64_t payload_len);

/* the way back: bytes of payload in a frame of ours of so many bytes */
#define ngx_kafka_ws_frame_payload(len)                                       \
    ((len) - ((len) <= 2 + 125 ? 2u : (len) <= 4 + 65535 ? 4u : 10u))

/*
 * Writes our own header, never masked.
 * buf:      room for NGX_KAFKA_WS_HEADER_MAX bytes, caller's
 * first:    NGX_KAFKA_WS_OP_*, or-ed with NGX_KAFKA_WS_FRAME_FIN, _RSV1
 * returns:  bytes written, as _header_len(); 0: above 2^63 - 1
 */
size_t ngx_kafka_ws_frame_header(uint8_t *buf, unsigned first,
    uint64_t payload_len);

/*
 * Writes a whole control frame.
 * buf:      room for NGX_KAFKA_WS_CTRL_FRAME_MAX bytes, caller's; must
 *           not overlap p
 * opcode:   close, ping or pong
 * returns:  bytes written; 0: above NGX_KAFKA_WS_CTRL_MAX, nothing done
 */
size_t ngx_kafka_ws_frame_control(uint8_t *buf, unsigned opcode,
    const uint8_t *p, size_t n);

/*
 * Writes a whole Close frame.
 * buf:      as for a control frame
 * code:     one that may be sent, else (1005 as well) the Close is empty
 * reason:   n bytes, cut to its longest start of at most 123 bytes that
 *           is valid UTF-8
 * returns:  bytes written, 2 to NGX_KAFKA_WS_CTRL_FRAME_MAX
 * source:   RFC 6455, 5.5.1, 7.4
 */
size_t ngx_kafka_ws_frame_close(uint8_t *buf, unsigned code,
    const uint8_t *reason, size_t n);

/*
 * Checks the unmasked payload of a client's Close.
 * code:     set if the result is _OK; NGX_KAFKA_WS_CLOSE_NO_STATUS if the
 *           payload is empty; the reason is [p + 2, p + n) if n > 2
 * returns:  _OK; _ECLOSE: one byte, or a code nobody may send; _EUTF8
 * source:   RFC 6455, 5.5.1, 7.4
 */
int ngx_kafka_ws_frame_close_parse(const uint8_t *p, size_t n,
    unsigned *code);


#endif /* _NGX_KAFKA_WS_FRAME_H_INCLUDED_ */
