
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * permessage-deflate, RFC 7692, of a server that never keeps a context:
 * each message is compressed and inflated by itself, so one compressed
 * message serves all subscribers, and no connection has memory of zlib's.
 */


#ifndef _NGX_KAFKA_WS_DEFLATE_H_INCLUDED_
#define _NGX_KAFKA_WS_DEFLATE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define NGX_KAFKA_WS_DEFLATE_LEVEL_MAX   9      /* from 1 */
#define NGX_KAFKA_WS_DEFLATE_BITS_MIN    9      /* zlib has no raw 8 */
#define NGX_KAFKA_WS_DEFLATE_BITS_MAX    15

/* the longest answer, without a zero byte at its end */

#define NGX_KAFKA_WS_DEFLATE_ANSWER_MAX  101    /* bytes */

/* what zlib needs behind a compressed message: its tail, and one byte */

#define NGX_KAFKA_WS_DEFLATE_SPARE       5      /* bytes */

/* the longest piece that a sink is given */

#define NGX_KAFKA_WS_INFLATE_SLICE       16384  /* bytes */


typedef enum {
    NGX_KAFKA_WS_DEFLATE_OK = 0,
    NGX_KAFKA_WS_DEFLATE_ETOOBIG = -1,  /* 1009 */
    NGX_KAFKA_WS_DEFLATE_EDATA = -2,    /* 1007 */
    NGX_KAFKA_WS_DEFLATE_ENOMEM = -3,   /* 1011 */
    NGX_KAFKA_WS_DEFLATE_EABORT = -4    /* the sink's own reason */
} ngx_kafka_ws_deflate_e;


/* what was agreed for one connection; zero-filled before the first line */

typedef struct {
    uint8_t   agreed;       /* 1: an offer was accepted */
    uint8_t   bits;         /* then: of the compressor's window, 9 to 15 */
    uint8_t   bits_asked;   /* 1: the offer had server_max_window_bits */
} ngx_kafka_ws_deflate_t;


typedef struct ngx_kafka_ws_deflater_s  ngx_kafka_ws_deflater_t;
typedef struct ngx_kafka_ws_inflater_s  ngx_kafka_ws_inflater_t;


/*
 * Takes the inflated bytes of one message, piece by piece.
 * p:        n bytes, 1 to NGX_KAFKA_WS_INFLATE_SLICE, valid only now
 * returns:  0: go on; else the message is given up
 */
typedef int (*ngx_kafka_ws_inflate_sink_pt)(void *data, const uint8_t *p,
    size_t n);


/*
 * Reads one line of Sec-WebSocket-Extensions; call it for each, in their
 * order. The first offer that can be accepted is, over all lines.
 * d:         zero-filled before the first line
 * min_bits:  the smallest window that our compressor can be held to: of
 *            frames made once for all clients 15, else 9; below 9 counts
 *            as 9
 * declined:  offers with a parameter that is unknown, given twice, has a
 *            value it must not have, lacks one, or has a wrong one, and
 *            offers of a smaller window; the next one is looked at. Other
 *            extensions are passed over. Nothing is an error: lines that
 *            can not be read are lib/header's matter, and what stands
 *            before the broken place counts.
 * names:     compared byte by byte: neither RFC asks for more where it
 *            does for Upgrade, npm's ws and browsers do the same, and to
 *            decline is always right
 * cost:      linear; no allocation
 * source:    RFC 6455, 9.1; RFC 7692, 5, 7, 7.1
 */
void ngx_kafka_ws_deflate_offer(ngx_kafka_ws_deflate_t *d,
    unsigned min_bits, const uint8_t *p, const uint8_t *last);

/*
 * Writes the value of the answer's Sec-WebSocket-Extensions: both
 * no_context_takeover, asked for or not (7.1.1.1, 7.1.1.2), and
 * server_max_window_bits only if it was asked for. The client's window is
 * left to the client: the inflater has the largest one.
 * buf:      room for NGX_KAFKA_WS_DEFLATE_ANSWER_MAX bytes
 * returns:  bytes written, without a zero byte; 0: nothing agreed
 */
size_t ngx_kafka_ws_deflate_answer(const ngx_kafka_ws_deflate_t *d,
    uint8_t *buf);

/*
 * level:    zlib's, 1 to 9
 * bits:     of the window, 9 to 15: no distance in the output is longer
 * returns:  to be destroyed by the caller; NULL: no memory, or out of range
 * cost:     at 15 bits 256K for long messages and 32K for short ones
 */
ngx_kafka_ws_deflater_t *ngx_kafka_ws_deflater_create(unsigned level,
    unsigned bits);

/* d may be NULL */

void ngx_kafka_ws_deflater_destroy(ngx_kafka_ws_deflater_t *d);

/*
 * Compresses the payload of one message.
 * p:        n bytes; must not overlap buf
 * buf:      size bytes; those behind the result may be written to
 * returns:  bytes of the compressed payload, without the tail; 0: they
 *           would need more than size - NGX_KAFKA_WS_DEFLATE_SPARE
 * empty:    is one zero byte, 7.2.3.6
 * cost:     no allocation; measured with JSON, zlib 1.2.13, callgrind's
 *           instructions and noisy times, in brackets with one compressor
 *           for all lengths, as most servers do it:
 *
 *           level  bytes    out         instructions        us
 *             1       64     63 (63)     42k (100k)     2.6 (3.7)
 *             1      200    129 (129)    68k (125k)     6.2 (7.0)
 *             1      512    206 (206)    80k (137k)     9.5 (9.6)
 *             1     2048    565 (564)   139k (194k)      20 (20)
 *             1     4096   1028         264k             30
 *             1    65536  15262         3.0m            356
 *             6       64     63 (63)     43k (101k)     2.8 (3.6)
 *             6      200    128 (128)    71k (128k)     6.4 (7.4)
 *             6      512    197 (197)    91k (147k)     9.6 (9.4)
 *             6     2048    502 (502)   196k (248k)      27 (27)
 *             6     4096    898         387k             45
 *             6    65536  12376         5.7m            960
 *
 * source:   RFC 7692, 7.2.1
 */
size_t ngx_kafka_ws_deflater_message(ngx_kafka_ws_deflater_t *d,
    const uint8_t *p, size_t n, uint8_t *buf, size_t size);

/*
 * Compresses one whole frame of ours.
 * p:        n bytes: header without mask, and payload; text or binary
 *           with FIN and without RSV1, else the result is 0
 * min:      bytes of the shortest payload worth compressing
 * buf:      size bytes, of which n + 4 are always enough; must not
 *           overlap p
 * returns:  bytes of the compressed frame, fewer than n, with RSV1;
 *           0: the plain frame is to be sent
 * cost:     as for a message; what does not shrink is given up as soon
 *           as it is n bytes long
 * source:   RFC 7692, 6
 */
size_t ngx_kafka_ws_deflater_frame(ngx_kafka_ws_deflater_t *d,
    const uint8_t *p, size_t n, size_t min, uint8_t *buf, size_t size);

/*
 * One serves a whole process: it keeps nothing between messages.
 * returns:  to be destroyed by the caller; NULL: no memory
 * cost:     24K; zlib allocates 32K more with the first message
 */
ngx_kafka_ws_inflater_t *ngx_kafka_ws_inflater_create(void);

/* i may be NULL */

void ngx_kafka_ws_inflater_destroy(ngx_kafka_ws_inflater_t *i);

/*
 * Inflates the payload of one message, joined from all its frames.
 * p:        n bytes, as they came, without the tail
 * max:      bytes that the message may have when it is inflated
 * sink:     called with data for each piece, never for more than max bytes
 *           in all, not at all for an empty message. It may have got the
 *           start of a message that fails. It must not call this function
 *           with the same i.
 * returns:  NGX_KAFKA_WS_DEFLATE_OK: the sink has the whole message;
 *           _ETOOBIG: stopped one byte beyond max; _EDATA: not what a
 *           compressor makes: broken, cut off, bytes left over;
 *           _ENOMEM; _EABORT: the sink has given up
 * final:    a block with BFINAL ends a DEFLATE stream, and the next one
 *           begins with an empty window. So what zlib's Z_FINISH makes is
 *           a message once the zero byte of 7.2.3.4 stands behind it, and
 *           _EDATA without: the tail has to end an empty block.
 * nothing:  n == 0 is _EDATA, an empty message has one byte
 * cost:     linear in n and in what comes out: of JSON 0.3 us for 64
 *           bytes, 2 us for 512, 7 us for 4096, 140 us for 65536; at
 *           most 10 ns for each byte of p that gives nothing; no
 *           allocation but for the first message
 * source:   RFC 7692, 7.2.2, 7.2.3
 */
int ngx_kafka_ws_inflater_message(ngx_kafka_ws_inflater_t *i,
    const uint8_t *p, size_t n, size_t max,
    ngx_kafka_ws_inflate_sink_pt sink, void *data);

/*
 * returns:  a static text for an ngx_kafka_ws_deflate_e below 0, fit for
 *           the reason of a Close
 */
const char *ngx_kafka_ws_deflate_error(int rc);

/*
 * returns:  the code to close with
 */
unsigned ngx_kafka_ws_deflate_close(int rc);


#endif /* _NGX_KAFKA_WS_DEFLATE_H_INCLUDED_ */
