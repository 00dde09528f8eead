
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Random streams, the same in each run: those whose outcome is known
 * since we made them, and those of which only that no split may matter.
 */


#include "receiver_trace.h"


#define STREAMS    2000
#define MAX        600      /* bytes of a message */

#define FIN        0x80
#define CLOSE      0x88
#define PING       0x89
#define PONG       0x8a

#define add(s)     trace_add(&stream, s, sizeof(s) - 1)


typedef enum {
    GOOD = 0,
    CLOSED,
    BAD_OPCODE,
    BAD_RSV,
    BAD_CONTROL,
    BAD_LONG_CONTROL,
    BAD_MASK,
    BAD_LENGTH,
    BAD_TOP_BIT,
    BAD_NESTING,
    BAD_SIZE,
    BAD_BYTE,
    BAD_END,
    BAD_CLOSE,
    BAD_REASON,
    ENDS
} end_e;


static uint64_t     state = 20221128;
static trace_t      t;
static trace_buf_t  stream, want;


static unsigned
rnd(unsigned n)
{
    state = state * 6364136223846793005 + 1442695040888963407;

    return (unsigned) (state >> 33) % n;
}


static size_t
random_cut(void *data, size_t pos)
{
    (void) pos;

    return 1 + rnd(*(unsigned *) data);
}


static size_t
random_bytes(uint8_t *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        p[i] = (uint8_t) rnd(256);
    }

    return n;
}


/* n bytes at most, whole characters */

static size_t
random_text(uint8_t *p, size_t n)
{
    size_t       len, used;
    const char  *s;

    static const char  *pieces[] = {
        "a", "hello, world ", "\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf",
        "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xe0\xa0\x80"
    };

    for (used = 0; /* void */ ; used += len) {
        s = pieces[rnd(8)];
        len = strlen(s);

        if (len > n - used) {
            return used;
        }

        memcpy(p + used, s, len);
    }
}


static void
add_control(void)
{
    size_t   n;
    uint8_t  payload[NGX_KAFKA_WS_CTRL_MAX];

    n = random_bytes(payload, rnd(4) ? rnd(8) : rnd(126));

    if (rnd(2)) {
        trace_frame(&stream, PING, payload, n);
        trace_event(&want, "P", payload, n);

    } else {
        trace_frame(&stream, PONG, payload, n);
        trace_event(&want, "O", payload, n);
    }
}


/* a message in random fragments, control frames between them */

static void
add_message(void)
{
    size_t    n, max, cut, used;
    uint8_t   payload[MAX];
    unsigned  opcode, text;

    text = rnd(2);
    max = rnd(3) ? rnd(40) : rnd(MAX + 1);
    n = text ? random_text(payload, max) : random_bytes(payload, max);
    opcode = text ? 1 : 2;

    for (used = 0; rnd(3) == 0; used += cut) {
        cut = rnd((unsigned) (n - used) + 1);
        trace_frame(&stream, opcode, payload + used, cut);
        opcode = 0;

        if (rnd(3) == 0) {
            add_control();
        }
    }

    trace_frame(&stream, FIN | opcode, payload + used, n - used);
    trace_event(&want, text ? "T" : "B", payload, n);
}


/* what ends the connection; in: text has begun and is to be continued */

static void
add_end(end_e end, int in)
{
    unsigned  code;
    uint8_t   payload[MAX + 1];
    size_t    n;

    code = 1002;
    memset(payload, 'x', sizeof(payload));
    n = random_text(payload, 30);

    switch (end) {

    case CLOSED:
        memmove(payload + 2, payload, n);
        payload[0] = 4001 >> 8;
        payload[1] = 4001 & 0xff;
        trace_frame(&stream, CLOSE, payload, n + 2);
        trace_event(&want, "C4001,", payload + 2, n);
        return;

    case BAD_OPCODE:
        trace_frame(&stream, FIN | (3 + rnd(5)), payload, n);
        trace_error(&want, code, "unknown opcode");
        return;

    case BAD_RSV:
        trace_frame(&stream, FIN | PING | (1 + rnd(7)) << 4, payload, n);
        trace_error(&want, code, "reserved bit set");
        return;

    case BAD_CONTROL:
        trace_frame(&stream, (CLOSE + rnd(3)) & ~FIN, payload, n);
        trace_error(&want, code, "control frame too long or fragmented");
        return;

    case BAD_LONG_CONTROL:
        trace_frame(&stream, CLOSE + rnd(3), payload, 126 + rnd(100));
        trace_error(&want, code, "control frame too long or fragmented");
        return;

    case BAD_MASK:
        add("\x89\x05hello");
        trace_error(&want, code, "frame not masked");
        return;

    case BAD_LENGTH:
        add("\x82\xfe\x00\x7d" "mask");
        trace_error(&want, code, "invalid frame length");
        return;

    case BAD_TOP_BIT:
        add("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" "mask");
        trace_error(&want, code, "invalid frame length");
        return;

    case BAD_NESTING:
        trace_frame(&stream, in ? 1 + rnd(2) : 0, payload, n);
        trace_error(&want, code, in ? "message inside a message"
                                    : "continuation of no message");
        return;

    case BAD_SIZE:
        trace_frame(&stream, in ? FIN : FIN | 2, payload,
                    in ? MAX : MAX + 1);
        trace_error(&want, 1009, "message too long");
        return;

    case BAD_BYTE:
        payload[n] = 0xc0 + rnd(2);
        payload[n + 1] = 'x';
        trace_frame(&stream, in ? 0 : 1, payload, n + 2);
        trace_error(&want, 1007, "invalid UTF-8");
        return;

    case BAD_END:
        memcpy(payload + n, "\xf0\x9f\x98", 3);
        trace_frame(&stream, in ? FIN : FIN | 1, payload, n + 1 + rnd(3));
        trace_error(&want, 1007, "invalid UTF-8");
        return;

    case BAD_CLOSE:
        random_bytes(payload, 2);
        payload[0] = rnd(2) ? rnd(3) : 20 + rnd(200);
        trace_frame(&stream, CLOSE, payload, 1 + rnd(2));
        trace_error(&want, code, "invalid close frame");
        return;

    case BAD_REASON:
        trace_frame(&stream, CLOSE, "\x03\xe8\xed\xa0\x80", 3 + rnd(3));
        trace_error(&want, 1007, "invalid UTF-8");
        return;

    default:
        return;
    }
}


/* 1 if any split gives what is wanted */

static int
splits_agree(void)
{
    int       good;
    unsigned  i;

    static unsigned  longest[] = { 2, 3, 9, 40, 300 };

    trace_run(&t, &stream, MAX, 0, trace_whole, NULL);
    good = trace_is(&t, want.data, want.len);

    trace_run(&t, &stream, MAX, 0, trace_bytes, NULL);
    good &= trace_is(&t, want.data, want.len);

    for (i = 0; i < 5; i++) {
        trace_run(&t, &stream, MAX, 0, random_cut, &longest[i]);
        good &= trace_is(&t, want.data, want.len);
    }

    return good;
}


/* one test for each way to end, in many random streams */

static void
test_made(void)
{
    int      wrong;
    end_e    end;
    size_t   i, j, in;
    uint8_t  after[20];

    static const char  *names[] = {
        "nothing", "a close", "an unknown opcode", "a reserved bit",
        "a fragmented control frame", "a long control frame", "no mask",
        "a length not minimal", "a length with the top bit",
        "wrong nesting", "too long a message", "a byte not UTF-8",
        "half a character", "a bad close", "a close with a bad reason"
    };

    for (end = GOOD; end < ENDS; end++) {
        wrong = 0;

        for (i = 0; i < STREAMS / ENDS; i++) {
            stream.len = 0;
            want.len = 0;

            for (j = rnd(6); j > 0; j--) {
                if (rnd(3)) {
                    add_message();

                } else {
                    add_control();
                }
            }

            in = rnd(2);

            if (in) {
                trace_frame(&stream, 1, "a", 1);
            }

            add_end(end, (int) in);

            if (end != GOOD) {
                trace_add(&stream, after, random_bytes(after, rnd(20)));
            }

            wrong += !splits_agree();
        }

        is_int(wrong, 0, "streams that end with %s, over random splits",
               names[end]);
    }
}


/* frames of random bits, good and bad: no split may matter */

static void
test_random(void)
{
    int       wrong;
    size_t    i, j, n, plain;
    uint8_t   payload[200];
    unsigned  first;

    wrong = 0;
    plain = 0;

    for (i = 0; i < STREAMS; i++) {
        stream.len = 0;

        for (j = 1 + rnd(8); j > 0; j--) {
            n = rnd(4) ? random_text(payload, rnd(20))
                       : random_bytes(payload, rnd(200));

            first = rnd(20) ? (rnd(3) ? FIN : 0) | rnd(3) : rnd(256);
            trace_frame(&stream, rnd(4) ? first : PING, payload, n);
        }

        if (rnd(8) == 0) {
            stream.data[rnd((unsigned) stream.len)] ^= 1 << rnd(8);
        }

        trace_run(&t, &stream, MAX, 0, trace_whole, NULL);
        plain += t.error_at == -1;
        want.len = 0;
        trace_add(&want, t.log.data, t.log.len);

        wrong += !splits_agree();
    }

    is_int(wrong, 0, "random frames, over random splits");
    ok(plain > STREAMS / 20 && plain < STREAMS / 2,
       "some of them good, most of them bad");
}


int
main(void)
{
    test_made();
    test_random();

    return tap_done(ENDS + 2);
}
