
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of the receiver: builds a client's stream, feeds it in
 * pieces, and writes down what came out in a form that no split may
 * change: a message when it ends, a control frame at once.
 *
 *     T5:hello;  text message        Z2:..;  compressed message
 *     B2:ab;     binary message      P0:;    ping        O0:;  pong
 *     C1000,3:bye;  close            E1002 frame not masked;  error
 */


#ifndef _RECEIVER_TRACE_H_INCLUDED_
#define _RECEIVER_TRACE_H_INCLUDED_


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_receiver.h"


#define TRACE_MAX   65536   /* bytes of a stream, of a trace */


typedef struct {
    size_t     len;
    uint8_t    data[TRACE_MAX];
} trace_buf_t;


typedef struct {
    trace_buf_t  log;
    trace_buf_t  message;   /* not ended yet */
    char         kind;      /* of message, 0: none */
    long         error_at;  /* bytes fed before the failing piece's end */
    const char  *broken;    /* the receiver broke its contract */
} trace_t;


/* bytes of the piece that begins at pos */
typedef size_t (*trace_cut_pt)(void *data, size_t pos);


static inline void
trace_add(trace_buf_t *b, const void *data, size_t n)
{
    if (n > TRACE_MAX - b->len) {
        fprintf(stderr, "trace too long\n");
        exit(2);
    }

    if (n != 0) {
        memcpy(b->data + b->len, data, n);
        b->len += n;
    }
}


static inline void
trace_event(trace_buf_t *b, const char *what, const void *data, size_t n)
{
    char  head[256];

    trace_add(b, head, (size_t) snprintf(head, 256, "%s%zu:", what, n));
    trace_add(b, data, n);
    trace_add(b, ";", 1);
}


static inline void
trace_error(trace_buf_t *b, unsigned code, const char *text)
{
    char  line[256];

    trace_add(b, line, (size_t) snprintf(line, 256, "E%u %s;", code, text));
}


/* appends a client's frame; the mask comes from where the frame begins */

static inline void
trace_frame(trace_buf_t *b, unsigned first, const void *data, size_t n)
{
    size_t   i, start, head;
    uint8_t  mask[4], h[NGX_KAFKA_WS_HEADER_MAX];

    for (i = 0; i < 4; i++) {
        mask[i] = (uint8_t) ((b->len + 7) * (i + 3) * 31);
    }

    head = ngx_kafka_ws_frame_header(h, first, n);
    h[1] |= 0x80;

    trace_add(b, h, head);
    trace_add(b, mask, 4);

    start = b->len;
    trace_add(b, data, n);

    for (i = 0; i < n; i++) {
        b->data[start + i] ^= mask[i % 4];
    }
}


static inline void
trace_data(trace_t *t, ngx_kafka_ws_recv_t *ev)
{
    char  what[2];

    if (ev->first != (t->kind == 0)) {
        t->broken = "first is wrong";
    }

    if (ev->len == 0 && !ev->last) {
        t->broken = "an event with nothing in it";
    }

    if (ev->first) {
        t->kind = ev->compressed ? 'Z' : ev->text ? 'T' : 'B';
        t->message.len = 0;
    }

    trace_add(&t->message, ev->data, ev->len);

    if (ev->last) {
        what[0] = t->kind;
        what[1] = '\0';
        trace_event(&t->log, what, t->message.data, t->message.len);
        t->kind = 0;
    }
}


/* takes all events of one piece; the piece ends at an unreadable page */

static inline void
trace_piece(trace_t *t, ngx_kafka_ws_receiver_t *r, uint8_t *pos,
    uint8_t *last, size_t fed)
{
    char                 what[32];
    unsigned             was_done;
    ngx_kafka_ws_recv_t  ev;
    ngx_kafka_ws_recv_e  rc;

    for ( ;; ) {
        was_done = r->done;
        rc = ngx_kafka_ws_receiver_next(r, &pos, last, &ev);

        if (pos > last) {
            t->broken = "position past the end";
        }

        if (rc == NGX_KAFKA_WS_RECV_MORE) {

            if (pos != last) {
                t->broken = "more wanted, yet not all consumed";
            }

            return;
        }

        if (was_done) {
            t->broken = "an event after the last";
        }

        switch (rc) {

        case NGX_KAFKA_WS_RECV_PING:
            trace_event(&t->log, "P", ev.data, ev.len);
            break;

        case NGX_KAFKA_WS_RECV_PONG:
            trace_event(&t->log, "O", ev.data, ev.len);
            break;

        case NGX_KAFKA_WS_RECV_CLOSE:
            (void) snprintf(what, sizeof(what), "C%u,", ev.code);
            trace_event(&t->log, what, ev.data, ev.len);
            break;

        case NGX_KAFKA_WS_RECV_DATA:
            trace_data(t, &ev);
            break;

        default:
            t->error_at = (long) fed;
            trace_error(&t->log, ev.code, ev.error);
            break;
        }
    }
}


static inline void
trace_run(trace_t *t, const trace_buf_t *stream, size_t max, int rsv1,
    trace_cut_pt cut, void *data)
{
    size_t                    i, n;
    uint8_t                  *area;
    ngx_kafka_ws_receiver_t   r;

    area = guard_new(TRACE_MAX);

    memset(&r, 0xff, sizeof(ngx_kafka_ws_receiver_t));
    ngx_kafka_ws_receiver_init(&r, max);
    r.decoder.rsv1_allowed = (uint8_t) rsv1;

    t->log.len = 0;
    t->kind = 0;
    t->error_at = -1;
    t->broken = NULL;

    for (i = 0; i < stream->len; i += n) {
        n = cut(data, i);

        if (n > stream->len - i) {
            n = stream->len - i;
        }

        memcpy(area + TRACE_MAX - n, stream->data + i, n);
        trace_piece(t, &r, area + TRACE_MAX - n, area + TRACE_MAX, i + n);
    }

    guard_free(area, TRACE_MAX);
}


/* 1 if the last run kept the contract and came out as wanted */

static inline int
trace_is(const trace_t *t, const void *want, size_t n)
{
    return t->broken == NULL && t->log.len == n
           && memcmp(t->log.data, want, n) == 0;
}


/* cutters: data is a size_t */

static inline size_t
trace_whole(void *data, size_t pos)
{
    (void) data;
    (void) pos;

    return TRACE_MAX;
}


static inline size_t
trace_two(void *data, size_t pos)
{
    return pos == 0 && *(size_t *) data != 0 ? *(size_t *) data : TRACE_MAX;
}


static inline size_t
trace_bytes(void *data, size_t pos)
{
    (void) data;
    (void) pos;

    return 1;
}


#endif /* _RECEIVER_TRACE_H_INCLUDED_ */
