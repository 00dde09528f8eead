
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#ifndef _NGX_KAFKA_WS_RECEIVER_H_INCLUDED_
#define _NGX_KAFKA_WS_RECEIVER_H_INCLUDED_


#include "ngx_kafka_ws_frame.h"
#include "ngx_kafka_ws_utf8.h"


/*
 * Frames of one message, empty ones too: 1024, of a limit above 16k one for
 * 16 bytes of it; and how many of them may be empty.
 */

#define NGX_KAFKA_WS_FRAGMENTS_MAX       1024
#define NGX_KAFKA_WS_FRAGMENT_BYTES      16
#define NGX_KAFKA_WS_FRAGMENTS_EMPTY     128


typedef enum {
    NGX_KAFKA_WS_RECV_MORE = 0,     /* all is consumed, read on */
    NGX_KAFKA_WS_RECV_PING,         /* data, len: to be sent back */
    NGX_KAFKA_WS_RECV_PONG,         /* data, len */
    NGX_KAFKA_WS_RECV_CLOSE,        /* code, data, len: the reason */
    NGX_KAFKA_WS_RECV_DATA,         /* data, len, first, last, text */
    NGX_KAFKA_WS_RECV_ERROR         /* code, error */
} ngx_kafka_ws_recv_e;


/*
 * One event. Fields that its kind does not name are zero. data points
 * into the caller's read buffer or into the receiver, and stays until the
 * next call; data may be NULL if len is 0.
 */

typedef struct {
    uint8_t      *data;
    size_t        len;

    /*
     * close: the client's code, 1005 if it gave none (answer with an
     * empty Close or 1000); error: the code to close with
     */
    unsigned      code;
    const char   *error;            /* static, fit for a Close reason */

    uint8_t       first;            /* 1: a message begins here */
    uint8_t       last;             /* 1: and ends after these bytes */
    uint8_t       text;             /* 0: binary */
    uint8_t       compressed;       /* 1: RSV1: UTF-8 not checked yet */
} ngx_kafka_ws_recv_t;


/*
 * What one client sends, as a pull parser. Its fields are its own,
 * but for decoder.rsv1_allowed, which may be set after _init(), and
 * done, by which the caller may end it.
 */

typedef struct {
    uint64_t      max;              /* bytes of a message */
    uint64_t      rest;             /* payload bytes still to come */
    uint64_t      message;          /* payload bytes of this message */
    uint32_t      fragments;        /* frames of this message */

    ngx_kafka_ws_utf8_t           utf8;
    ngx_kafka_ws_frame_decoder_t  decoder;
    ngx_kafka_ws_frame_t          frame;    /* while in_payload */

    uint8_t       phase;            /* of the mask, 0 to 3 */
    uint8_t       in_payload;       /* flags: bytes, each frame sets them */
    uint8_t       in_message;       /* a message has begun, not ended */
    uint8_t       announced;        /* its event with first was given */
    uint8_t       text;
    uint8_t       compressed;
    uint8_t       done;             /* after a Close or an error */
    uint8_t       empty;            /* frames of the message without payload */

    uint8_t       control_len;
    uint8_t       control[NGX_KAFKA_WS_CTRL_MAX];
} ngx_kafka_ws_receiver_t;


/*
 * r:          caller's memory; nothing to destroy
 * max_frame:  bytes of a data frame's payload, and of a whole message
 */
void ngx_kafka_ws_receiver_init(ngx_kafka_ws_receiver_t *r,
    size_t max_frame);

/*
 * Takes the next event out of the read buffer [*pos, last).
 * r:        initialised receiver
 * pos:      moved to the first byte not consumed; bytes before it were
 *           unmasked in place, and the buffer may be used again once
 *           the result is _MORE
 * ev:       filled with the event
 * returns:  ev's kind; call again with the same buffer until _MORE,
 *           also after a _CLOSE or an _ERROR: then everything that
 *           comes is consumed unread
 * data:     a message is one or more _DATA events, of which the first
 *           has "first" and the last has "last"; an empty message is one;
 *           control frames come between them as they come in
 * errors:   1002, mask, RSV, opcode, length, fragments, Close payload;
 *           1007, text not UTF-8, at its first bad byte, unless it is
 *           compressed; 1008, too many fragments, or empty ones; 1009,
 *           at the header that makes the message longer than max_frame
 * cost:     a look at each byte; no allocation, no I/O
 * source:   RFC 6455, 5, 7.1, 8.1
 */
ngx_kafka_ws_recv_e ngx_kafka_ws_receiver_next(ngx_kafka_ws_receiver_t *r,
    uint8_t **pos, uint8_t *last, ngx_kafka_ws_recv_t *ev);


#endif /* _NGX_KAFKA_WS_RECEIVER_H_INCLUDED_ */
