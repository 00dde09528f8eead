
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "ngx_kafka_ws_receiver.h"

#include <string.h>


#define ngx_kafka_ws_receiver_is_control(r)  ((r)->frame.opcode & 0x8)

/* between two messages, and two frames */

#define ngx_kafka_ws_receiver_idle(r)                                         \
    (!(r)->in_message && !(r)->in_payload && !(r)->done                       \
     && (r)->decoder.have == 0)


static ngx_kafka_ws_recv_e ngx_kafka_ws_receiver_parse(
    ngx_kafka_ws_receiver_t *r, uint8_t **pos, uint8_t *last,
    ngx_kafka_ws_recv_t *ev);
static ngx_kafka_ws_recv_e ngx_kafka_ws_receiver_header(
    ngx_kafka_ws_receiver_t *r, ngx_kafka_ws_recv_t *ev);
static unsigned ngx_kafka_ws_receiver_crumbled(ngx_kafka_ws_receiver_t *r);
static ngx_kafka_ws_recv_e ngx_kafka_ws_receiver_data(
    ngx_kafka_ws_receiver_t *r, uint8_t **pos, uint8_t *last,
    ngx_kafka_ws_recv_t *ev);
static ngx_kafka_ws_recv_e ngx_kafka_ws_receiver_control(
    ngx_kafka_ws_receiver_t *r, uint8_t **pos, uint8_t *last,
    ngx_kafka_ws_recv_t *ev);
static ngx_kafka_ws_recv_e ngx_kafka_ws_receiver_close(
    ngx_kafka_ws_receiver_t *r, uint8_t *p, size_t n,
    ngx_kafka_ws_recv_t *ev);
static size_t ngx_kafka_ws_receiver_take(ngx_kafka_ws_receiver_t *r,
    uint8_t **pos, uint8_t *last);
static ngx_kafka_ws_recv_e ngx_kafka_ws_receiver_fail(
    ngx_kafka_ws_receiver_t *r, ngx_kafka_ws_recv_t *ev, unsigned code,
    const char *error);


void
ngx_kafka_ws_receiver_init(ngx_kafka_ws_receiver_t *r, size_t max_frame)
{
    memset(r, 0, sizeof(ngx_kafka_ws_receiver_t));

    r->max = max_frame;
}


/*
 * Nearly all that comes are messages of one frame that are there as a whole:
 * they need no state.  Whatever else it is, also if it is to be refused, is
 * parsed in full.
 */

ngx_kafka_ws_recv_e
ngx_kafka_ws_receiver_next(ngx_kafka_ws_receiver_t *r, uint8_t **pos,
    uint8_t *last, ngx_kafka_ws_recv_t *ev)
{
    size_t     n, head;
    uint8_t   *p;
    unsigned   first, rsv1;

    p = *pos;

    if ((size_t) (last - p) < 2 + 2 + 4 || !ngx_kafka_ws_receiver_idle(r)) {
        return ngx_kafka_ws_receiver_parse(r, pos, last, ev);
    }

    rsv1 = p[0] & NGX_KAFKA_WS_FRAME_RSV1;
    first = p[0] ^ rsv1 ^ NGX_KAFKA_WS_FRAME_FIN;

    n = p[1] ^ 0x80u;   /* masked */
    head = 2 + 4;

    if (n == 126) {
        n = (size_t) p[2] << 8 | p[3];
        head = n < 126 ? SIZE_MAX : 2 + 2 + 4;

    } else if (n > 126) {
        head = SIZE_MAX;
    }

    if ((first != NGX_KAFKA_WS_OP_TEXT && first != NGX_KAFKA_WS_OP_BINARY)
        || (rsv1 && !r->decoder.rsv1_allowed)
        || head > (size_t) (last - p) || n > (size_t) (last - p) - head
        || n > r->max)
    {
        return ngx_kafka_ws_receiver_parse(r, pos, last, ev);
    }

    p += head;
    *pos = p + n;

    ngx_kafka_ws_frame_xor(p, n, p - 4);

    if (first == NGX_KAFKA_WS_OP_TEXT && !rsv1
        && !ngx_kafka_ws_utf8_valid(p, n))
    {
        memset(ev, 0, sizeof(ngx_kafka_ws_recv_t));
        return ngx_kafka_ws_receiver_fail(r, ev, NGX_KAFKA_WS_CLOSE_BAD_DATA,
                                          "invalid UTF-8");
    }

    ev->data = p;
    ev->len = n;
    ev->code = 0;
    ev->error = NULL;
    ev->first = 1;
    ev->last = 1;
    ev->text = first == NGX_KAFKA_WS_OP_TEXT;
    ev->compressed = rsv1 != 0;

    return NGX_KAFKA_WS_RECV_DATA;
}


static ngx_kafka_ws_recv_e
ngx_kafka_ws_receiver_parse(ngx_kafka_ws_receiver_t *r, uint8_t **pos,
    uint8_t *last, ngx_kafka_ws_recv_t *ev)
{
    int                  n;
    ngx_kafka_ws_recv_e  rc;

    memset(ev, 0, sizeof(ngx_kafka_ws_recv_t));

    if (r->done) {
        *pos = last;
        return NGX_KAFKA_WS_RECV_MORE;
    }

    for ( ;; ) {

        if (!r->in_payload) {
            n = ngx_kafka_ws_frame_decode(&r->decoder, &r->frame, *pos, last);

            if (n < 0) {
                return ngx_kafka_ws_receiver_fail(r, ev,
                                                  NGX_KAFKA_WS_CLOSE_PROTOCOL,
                                                  ngx_kafka_ws_frame_error(n));
            }

            if (n == 0) {
                *pos = last;
                return NGX_KAFKA_WS_RECV_MORE;
            }

            *pos += n;

            rc = ngx_kafka_ws_receiver_header(r, ev);
            if (rc != NGX_KAFKA_WS_RECV_MORE) {
                return rc;
            }
        }

        if (ngx_kafka_ws_receiver_is_control(r)) {
            rc = ngx_kafka_ws_receiver_control(r, pos, last, ev);

        } else {
            rc = ngx_kafka_ws_receiver_data(r, pos, last, ev);
        }

        if (rc != NGX_KAFKA_WS_RECV_MORE || r->in_payload) {
            return rc;
        }

        /* an empty frame that ends no message: to the next */
    }
}


/* checks a whole header against what came before, RFC 6455, 5.4 */

static ngx_kafka_ws_recv_e
ngx_kafka_ws_receiver_header(ngx_kafka_ws_receiver_t *r,
    ngx_kafka_ws_recv_t *ev)
{
    r->in_payload = 1;
    r->phase = 0;
    r->rest = r->frame.payload_len;

    if (ngx_kafka_ws_receiver_is_control(r)) {
        r->control_len = 0;
        return NGX_KAFKA_WS_RECV_MORE;
    }

    if (r->frame.opcode == NGX_KAFKA_WS_OP_CONTINUATION) {

        if (!r->in_message) {
            return ngx_kafka_ws_receiver_fail(r, ev,
                                              NGX_KAFKA_WS_CLOSE_PROTOCOL,
                                              "continuation of no message");
        }

    } else {

        if (r->in_message) {
            return ngx_kafka_ws_receiver_fail(r, ev,
                                              NGX_KAFKA_WS_CLOSE_PROTOCOL,
                                              "message inside a message");
        }

        r->in_message = 1;
        r->announced = 0;
        r->text = r->frame.opcode == NGX_KAFKA_WS_OP_TEXT;
        r->compressed = r->frame.rsv1;
        r->message = 0;
        r->fragments = 0;
        r->empty = 0;
        memset(&r->utf8, 0, sizeof(ngx_kafka_ws_utf8_t));
    }

    if (ngx_kafka_ws_receiver_crumbled(r)) {
        return ngx_kafka_ws_receiver_fail(r, ev, NGX_KAFKA_WS_CLOSE_POLICY,
                                          "too many fragments");
    }

    /* message never exceeds max, so that the difference cannot wrap */

    if (r->rest > r->max - r->message) {
        return ngx_kafka_ws_receiver_fail(r, ev, NGX_KAFKA_WS_CLOSE_TOO_BIG,
                                          "message too long");
    }

    r->message += r->rest;

    return NGX_KAFKA_WS_RECV_MORE;
}


/* counts a frame of the message: 1, if it is one too many */

static unsigned
ngx_kafka_ws_receiver_crumbled(ngx_kafka_ws_receiver_t *r)
{
    uint64_t  limit;

    r->fragments++;
    r->empty += r->rest == 0;

    limit = r->max / NGX_KAFKA_WS_FRAGMENT_BYTES;

    if (limit < NGX_KAFKA_WS_FRAGMENTS_MAX) {
        limit = NGX_KAFKA_WS_FRAGMENTS_MAX;
    }

    return r->fragments > limit || r->empty > NGX_KAFKA_WS_FRAGMENTS_EMPTY;
}


static ngx_kafka_ws_recv_e
ngx_kafka_ws_receiver_data(ngx_kafka_ws_receiver_t *r, uint8_t **pos,
    uint8_t *last, ngx_kafka_ws_recv_t *ev)
{
    size_t    n;
    uint8_t  *p;
    unsigned  end;

    p = *pos;
    n = ngx_kafka_ws_receiver_take(r, pos, last);
    end = (r->rest == 0) & r->frame.fin;

    if (r->text && !r->compressed
        && (!ngx_kafka_ws_utf8_feed(&r->utf8, p, n)
            || (end && !ngx_kafka_ws_utf8_complete(&r->utf8))))
    {
        return ngx_kafka_ws_receiver_fail(r, ev, NGX_KAFKA_WS_CLOSE_BAD_DATA,
                                          "invalid UTF-8");
    }

    r->in_payload = r->rest != 0;

    if (n == 0 && !end) {
        return NGX_KAFKA_WS_RECV_MORE;
    }

    ev->data = p;
    ev->len = n;
    ev->first = !r->announced;
    ev->last = (uint8_t) end;
    ev->text = r->text;
    ev->compressed = r->compressed;

    r->announced = 1;
    r->in_message = (uint8_t) !end;

    return NGX_KAFKA_WS_RECV_DATA;
}


/* a control frame is one event, whatever the reads it comes in */

static ngx_kafka_ws_recv_e
ngx_kafka_ws_receiver_control(ngx_kafka_ws_receiver_t *r, uint8_t **pos,
    uint8_t *last, ngx_kafka_ws_recv_t *ev)
{
    size_t    n;
    uint8_t  *p;

    p = *pos;
    n = ngx_kafka_ws_receiver_take(r, pos, last);

    if (r->rest != 0 || r->control_len != 0) {

        /* the decoder let no length above the size of control pass */

        if (n != 0) {
            memcpy(r->control + r->control_len, p, n);
        }

        r->control_len += (uint8_t) n;

        if (r->rest != 0) {
            return NGX_KAFKA_WS_RECV_MORE;
        }

        p = r->control;
        n = r->control_len;
    }

    r->in_payload = 0;

    if (r->frame.opcode == NGX_KAFKA_WS_OP_CLOSE) {
        return ngx_kafka_ws_receiver_close(r, p, n, ev);
    }

    ev->data = p;
    ev->len = n;

    return r->frame.opcode == NGX_KAFKA_WS_OP_PING ? NGX_KAFKA_WS_RECV_PING
                                                   : NGX_KAFKA_WS_RECV_PONG;
}


static ngx_kafka_ws_recv_e
ngx_kafka_ws_receiver_close(ngx_kafka_ws_receiver_t *r, uint8_t *p, size_t n,
    ngx_kafka_ws_recv_t *ev)
{
    int       rc;
    unsigned  code;

    rc = ngx_kafka_ws_frame_close_parse(p, n, &ev->code);

    if (rc != NGX_KAFKA_WS_FRAME_OK) {
        code = rc == NGX_KAFKA_WS_FRAME_EUTF8 ? NGX_KAFKA_WS_CLOSE_BAD_DATA
                                              : NGX_KAFKA_WS_CLOSE_PROTOCOL;

        return ngx_kafka_ws_receiver_fail(r, ev, code,
                                          ngx_kafka_ws_frame_error(rc));
    }

    r->done = 1;

    if (n > 2) {
        ev->data = p + 2;
        ev->len = n - 2;
    }

    return NGX_KAFKA_WS_RECV_CLOSE;
}


/* unmasks and consumes what is here of the frame's payload */

static size_t
ngx_kafka_ws_receiver_take(ngx_kafka_ws_receiver_t *r, uint8_t **pos,
    uint8_t *last)
{
    size_t    n;
    uint8_t  *p;

    p = *pos;
    n = (size_t) (last - p);

    if (n > r->rest) {
        n = (size_t) r->rest;
    }

    r->phase = (uint8_t) ngx_kafka_ws_frame_unmask(p, n, r->frame.mask,
                                                   r->phase);
    r->rest -= n;
    *pos = p + n;

    return n;
}


static ngx_kafka_ws_recv_e
ngx_kafka_ws_receiver_fail(ngx_kafka_ws_receiver_t *r, ngx_kafka_ws_recv_t *ev,
    unsigned code, const char *error)
{
    r->done = 1;

    ev->code = code;
    ev->error = error;

    return NGX_KAFKA_WS_RECV_ERROR;
}
