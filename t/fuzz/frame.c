
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A client's stream, through the receiver: whole, byte by byte and in pieces
 * of any size it must come out as a second decoder says, which has the whole
 * stream before it and keeps no state between calls.
 *
 * Input: a byte of options (bit 0: compression was agreed, bits 1 to 3: the
 * longest message), a byte that the pieces depend on, the stream.
 */


#include "../unit/receiver_trace.h"
#include "fuzz.h"
#include "reference.h"


typedef struct {
    const uint8_t  *pos;
    const uint8_t  *last;
    uint64_t        max;
    int             rsv1;
    long            error_at;   /* bytes up to the first one that is wrong */
    const uint8_t  *start;
    trace_buf_t    *log;

    unsigned        open;       /* a message has begun, not ended */
    unsigned        text;
    char            kind[2];
    uint64_t        fragments;
    uint64_t        empty;
    trace_buf_t     message;
} model_t;


static const uint64_t  maxima[] = {
    0, 1, 125, 600, 4096, 16777216, INT64_MAX, UINT64_MAX
};

static trace_t      whole, split;
static trace_buf_t  stream, want;


static size_t
cut_random(void *data, size_t pos)
{
    uint32_t  *state;

    (void) pos;
    state = data;
    *state = *state * 1664525 + 1013904223;

    return 1 + (*state >> 16) % (1u << (*state >> 29));
}


/* returns 0, so that "return model_error()" ends the stream */

static int
model_error(model_t *m, const uint8_t *at, unsigned code, const char *text)
{
    m->error_at = (long) (at - m->start) + 1;
    trace_error(m->log, code, text);

    return 0;
}


/*
 * RFC 6455, 5.2: a header at pos, each byte judged as soon as it is there.
 * returns:  its bytes; 0: not all there, or wrong
 */

static size_t
model_header(model_t *m, uint64_t *len)
{
    size_t          i, n;
    uint64_t        v;
    unsigned        op;
    const uint8_t  *p;

    p = m->pos;
    n = (size_t) (m->last - p);

    if (n == 0) {
        return 0;
    }

    op = p[0] & 15;

    if ((p[0] & 0x70) != 0
        && !((p[0] & 0x70) == 0x40 && m->rsv1 && (op == 1 || op == 2)))
    {
        return (size_t) model_error(m, p, 1002, "reserved bit set");
    }

    if (op != 0 && op != 1 && op != 2 && op != 8 && op != 9 && op != 10) {
        return (size_t) model_error(m, p, 1002, "unknown opcode");
    }

    if (op >= 8 && p[0] < 0x80) {
        return (size_t) model_error(m, p, 1002,
                                    "control frame too long or fragmented");
    }

    if (n < 2) {
        return 0;
    }

    if (p[1] < 0x80) {
        return (size_t) model_error(m, p + 1, 1002, "frame not masked");
    }

    if (op >= 8 && p[1] > 0x80 + 125) {
        return (size_t) model_error(m, p + 1, 1002,
                                    "control frame too long or fragmented");
    }

    *len = p[1] & 127;

    if (*len < 126) {
        return n < 6 ? 0 : 6;
    }

    i = *len == 126 ? 2 : 8;

    if (i == 8 && n > 2 && p[2] >= 0x80) {
        return (size_t) model_error(m, p + 2, 1002, "invalid frame length");
    }

    if (n < 2 + i) {
        return 0;
    }

    for (v = 0, p += 2; p < m->pos + 2 + i; p++) {
        v = v * 256 + *p;
    }

    if (v < (i == 2 ? 126 : 65536)) {
        return (size_t) model_error(m, p - 1, 1002, "invalid frame length");
    }

    *len = v;

    return n < 2 + i + 4 ? 0 : 2 + i + 4;
}


/* a control frame that is wholly there; 0 if the stream ends with it */

static int
model_control(model_t *m, unsigned op, const uint8_t *p, size_t n)
{
    char            what[32];
    unsigned        code;
    const uint8_t  *end;

    if (op != 8) {
        trace_event(m->log, op == 9 ? "P" : "O", p, n);
        return 1;
    }

    /* found when the frame ends: the header's end if it is empty */

    end = m->pos - 1;
    code = n < 2 ? 0 : p[0] * 256u + p[1];

    if (n == 1 || (n >= 2 && (code < 1000 || (code > 1003 && code < 1007)
                              || (code > 1014 && code < 3000)
                              || code > 4999)))
    {
        return model_error(m, end, 1002, "invalid close frame");
    }

    if (n > 2 && !ref_is_utf8(p + 2, n - 2)) {
        return model_error(m, end, 1007, "invalid UTF-8");
    }

    (void) snprintf(what, sizeof(what), "C%u,", n == 0 ? 1005 : code);
    trace_event(m->log, what, n > 2 ? p + 2 : NULL, n > 2 ? n - 2 : 0);

    return 0;
}


/* a frame of data against what came before; 0 if the stream ends with it */

static int
model_data(model_t *m, unsigned op, unsigned rsv1, uint64_t len,
    const uint8_t *at)
{
    if ((op == 0) != (m->open != 0)) {
        return model_error(m, at, 1002,
                           m->open ? "message inside a message"
                                   : "continuation of no message");
    }

    if (op != 0) {
        m->open = 1;
        m->fragments = 0;
        m->empty = 0;
        m->message.len = 0;
        m->text = op == 1 && !rsv1;
        m->kind[0] = rsv1 ? 'Z' : op == 1 ? 'T' : 'B';
    }

    /* 1024, or of a limit above 16k one for 16 bytes; 128 empty */

    m->fragments++;
    m->empty += len == 0;

    if ((m->fragments > 1024 && m->fragments > m->max / 16) || m->empty > 128)
    {
        return model_error(m, at, 1008, "too many fragments");
    }

    if (len > m->max || m->message.len > m->max - len) {
        return model_error(m, at, 1009, "message too long");
    }

    return 1;
}


/* n unmasked bytes; end: the message's; 0 if the stream ends with them */

static int
model_bytes(model_t *m, const uint8_t *p, size_t n, const uint8_t *at,
    int end)
{
    int     part;
    size_t  good, before;

    before = m->message.len;
    trace_add(&m->message, p, n);

    if (!m->text) {
        return 1;
    }

    good = ref_utf8(m->message.data, m->message.len, &part);

    if (good < m->message.len && !part) {
        return model_error(m, at + (good - before), 1007, "invalid UTF-8");
    }

    if (part && end) {
        return model_error(m, at + n - 1, 1007, "invalid UTF-8");
    }

    return 1;
}


static void
model_run(model_t *m)
{
    size_t               head, here, i;
    uint64_t             len;
    unsigned             op, fin, rsv1;
    const uint8_t       *mask, *data;
    static trace_buf_t   payload;

    for ( ;; ) {
        head = model_header(m, &len);

        if (head == 0) {
            return;
        }

        op = m->pos[0] & 15;
        fin = m->pos[0] & 0x80;
        rsv1 = m->pos[0] & 0x40;
        mask = m->pos + head - 4;
        data = m->pos + head;

        if (op < 8 && !model_data(m, op, rsv1, len, data - 1)) {
            return;
        }

        here = (size_t) (m->last - data);
        here = here < len ? here : (size_t) len;
        payload.len = 0;

        for (i = 0; i < here; i++) {
            payload.data[payload.len++] = data[i] ^ mask[i % 4];
        }

        m->pos = data + here;

        if (op >= 8) {
            if (here < len || !model_control(m, op, payload.data, here)) {
                return;
            }

            continue;
        }

        if (!model_bytes(m, payload.data, here, data, fin && here == len)
            || here < len)
        {
            return;
        }

        if (fin) {
            m->open = 0;
            trace_event(m->log, m->kind, m->message.data, m->message.len);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t         state;
    static model_t   m;

    if (size < 2 || size > TRACE_MAX / 2) {
        return -1;
    }

    m.open = 0;
    m.rsv1 = data[0] & 1;
    m.max = maxima[(data[0] >> 1) & 7];
    state = data[1];

    stream.len = 0;
    trace_add(&stream, data + 2, size - 2);

    want.len = 0;
    m.start = data + 2;
    m.pos = m.start;
    m.last = data + size;
    m.log = &want;
    m.error_at = -1;
    model_run(&m);

    trace_run(&whole, &stream, m.max, m.rsv1, trace_whole, NULL);
    promise(whole.broken == NULL);
    promise(trace_is(&whole, want.data, want.len));

    trace_run(&split, &stream, m.max, m.rsv1, trace_bytes, NULL);
    promise(split.broken == NULL);
    promise(trace_is(&split, want.data, want.len));
    promise(split.error_at == m.error_at);

    /* what of a message was handed out before a fault depends on the reads */

    promise(m.error_at != -1 || split.kind == whole.kind);
    promise(m.error_at != -1 || split.kind == 0
            || (split.message.len == whole.message.len
                && memcmp(split.message.data, whole.message.data,
                          whole.message.len) == 0));

    trace_run(&split, &stream, m.max, m.rsv1, cut_random, &state);
    promise(split.broken == NULL);
    promise(trace_is(&split, want.data, want.len));

    return 0;
}
