
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "receiver_trace.h"


#define nvectors   (sizeof(vectors) / sizeof(vectors[0]))
#define f(b, s)    { b, s, sizeof(s) - 1 }
#define want(s)    s, sizeof(s) - 1
#define NONE       (-1)

#define MAX        64   /* bytes of a message in all vectors */

#define TEXT       0x81
#define BINARY     0x82
#define TEXT_MORE  0x01
#define BIN_MORE   0x02
#define MORE       0x00
#define END        0x80
#define CLOSE      0x88
#define PING       0x89
#define PONG       0x8a
#define Z_TEXT     0xc1
#define Z_MORE     0x41

#define s40  "0123456789012345678901234567890123456789"
#define s64  "0123456789012345678901234567890123456789" \
             "012345678901234567890123"
#define s125 "0123456789012345678901234567890123456789" \
             "0123456789012345678901234567890123456789" \
             "012345678901234567890123456789012345678901234"


/* a frame of n bytes takes 6 + n in the stream, below 126 */

static const struct {
    const char    *name;
    int            rsv1;

    struct {
        unsigned       first;
        const char    *data;
        size_t         len;
    } frames[5];

    const char    *trace;
    size_t         len;
    long           at;          /* first wrong byte in the stream */
} vectors[] = {
    { "empty text", 0, { f(TEXT, "") }, want("T0:;"), NONE },
    { "empty binary", 0, { f(BINARY, "") }, want("B0:;"), NONE },
    { "text", 0, { f(TEXT, "hello") }, want("T5:hello;"), NONE },
    { "binary of any bytes", 0, { f(BINARY, "\0\xff\x80;") },
      want("B4:\0\xff\x80;;"), NONE },
    { "two messages", 0, { f(TEXT, "one"), f(BINARY, "two") },
      want("T3:one;B3:two;"), NONE },
    { "text of two fragments", 0, { f(TEXT_MORE, "Hel"), f(END, "lo") },
      want("T5:Hello;"), NONE },
    { "binary of three fragments", 0,
      { f(BIN_MORE, "\xff"), f(MORE, "\xfe"), f(END, "\xfd") },
      want("B3:\xff\xfe\xfd;"), NONE },
    { "empty fragments are a message", 0,
      { f(TEXT_MORE, ""), f(MORE, ""), f(END, "") }, want("T0:;"), NONE },
    { "an empty first fragment", 0, { f(TEXT_MORE, ""), f(END, "x") },
      want("T1:x;"), NONE },
    { "an empty last fragment", 0, { f(BIN_MORE, "x"), f(END, "") },
      want("B1:x;"), NONE },
    { "a fragmented message, then a whole one", 0,
      { f(BIN_MORE, "a"), f(END, "b"), f(TEXT, "c") },
      want("B2:ab;T1:c;"), NONE },

    { "empty ping", 0, { f(PING, "") }, want("P0:;"), NONE },
    { "ping of 125 bytes, above the message limit", 0, { f(PING, s125) },
      want("P125:" s125 ";"), NONE },
    { "ping of any bytes", 0, { f(PING, "\xff\0") }, want("P2:\xff\0;"),
      NONE },
    { "pong nobody asked for", 0, { f(PONG, "late") }, want("O4:late;"),
      NONE },
    { "pings one after the other", 0, { f(PING, "1"), f(PING, "2") },
      want("P1:1;P1:2;"), NONE },
    { "a ping between fragments comes at once", 0,
      { f(TEXT_MORE, "a"), f(PING, "p"), f(END, "b") }, want("P1:p;T2:ab;"),
      NONE },
    { "a ping inside a character harms it not", 0,
      { f(TEXT_MORE, "\xe2\x82"), f(PING, "\xff"), f(PONG, ""),
        f(END, "\xac") },
      want("P1:\xff;O0:;T3:\xe2\x82\xac;"), NONE },

    { "close without a body", 0, { f(CLOSE, "") }, want("C1005,0:;"), NONE },
    { "close without a reason", 0, { f(CLOSE, "\x03\xe8") },
      want("C1000,0:;"), NONE },
    { "close with a reason", 0, { f(CLOSE, "\x03\xe9" "bye") },
      want("C1001,3:bye;"), NONE },
    { "close with a reason of one byte", 0, { f(CLOSE, "\x03\xe9" "x") },
      want("C1001,1:x;"), NONE },
    { "close between fragments", 0,
      { f(TEXT_MORE, "a"), f(CLOSE, "\x0f\xa0") }, want("C4000,0:;"), NONE },
    { "after a close nothing comes", 0,
      { f(CLOSE, "\x03\xe8"), f(TEXT, "x"), f(PING, ""), f(CLOSE, "") },
      want("C1000,0:;"), NONE },
    { "after a close not even faults", 0,
      { f(CLOSE, "\x03\xe8"), f(0x8f, "x") }, want("C1000,0:;"), NONE },
    { "close of one byte", 0, { f(CLOSE, "\x03") },
      want("E1002 invalid close frame;"), 6 },
    { "close with code 1005", 0, { f(CLOSE, "\x03\xed") },
      want("E1002 invalid close frame;"), 7 },
    { "close with a reason not UTF-8", 0, { f(CLOSE, "\x03\xe8\xc3(") },
      want("E1007 invalid UTF-8;"), 9 },

    { "UTF-8 cut between fragments", 0,
      { f(TEXT_MORE, "\xf0\x9f"), f(MORE, "\x98"), f(END, "\x80!") },
      want("T5:\xf0\x9f\x98\x80!;"), NONE },
    { "a bad byte in text", 0, { f(TEXT, "ab\xff" "cd") },
      want("E1007 invalid UTF-8;"), 8 },
    { "a bad byte long before the end of text", 0,
      { f(TEXT_MORE, "ab\xff" "cd"), f(END, "never") },
      want("E1007 invalid UTF-8;"), 8 },
    { "a bad byte in the second fragment", 0,
      { f(TEXT_MORE, "\xe2"), f(END, "\x82\x28") },
      want("E1007 invalid UTF-8;"), 14 },
    { "text that ends inside a character", 0, { f(TEXT, "a\xe2\x82") },
      want("E1007 invalid UTF-8;"), 8 },
    { "text that ends inside a character, last fragment empty", 0,
      { f(TEXT_MORE, "\xe2\x82"), f(END, "") },
      want("E1007 invalid UTF-8;"), 13 },
    { "a surrogate in text", 0, { f(TEXT, "\xed\xa0\x80") },
      want("E1007 invalid UTF-8;"), 7 },
    { "a good message before a bad one comes", 0,
      { f(TEXT, "good"), f(TEXT, "\xc0") },
      want("T4:good;E1007 invalid UTF-8;"), 16 },
    { "half a character is not held against the next binary", 0,
      { f(BINARY, "\xe2"), f(TEXT, "ok") }, want("B1:\xe2;T2:ok;"), NONE },

    { "continuation of nothing", 0, { f(END, "x") },
      want("E1002 continuation of no message;"), 5 },
    { "continuation after a whole message", 0,
      { f(TEXT, "x"), f(MORE, "y") },
      want("T1:x;E1002 continuation of no message;"), 12 },
    { "text inside text", 0, { f(TEXT_MORE, "x"), f(TEXT, "y") },
      want("E1002 message inside a message;"), 12 },
    { "binary inside an empty fragmented text", 0,
      { f(TEXT_MORE, ""), f(BIN_MORE, "y") },
      want("E1002 message inside a message;"), 11 },
    { "after an error nothing comes", 0,
      { f(0x83, "x"), f(TEXT, "x"), f(CLOSE, "") },
      want("E1002 unknown opcode;"), 0 },
    { "RSV2", 0, { f(0xa1, "x") }, want("E1002 reserved bit set;"), 0 },
    { "fragmented ping", 0, { f(PING & 0x7f, "x") },
      want("E1002 control frame too long or fragmented;"), 0 },

    { "a message of just the limit", 0, { f(TEXT, s64) },
      want("T64:" s64 ";"), NONE },
    { "a frame above the limit, at its header", 0, { f(TEXT, s64 "x") },
      want("E1009 message too long;"), 5 },
    { "fragments of just the limit", 0,
      { f(TEXT_MORE, s40), f(END, "012345678901234567890123") },
      want("T64:" s40 "012345678901234567890123;"), NONE },
    { "fragments above the limit, at the header", 0,
      { f(TEXT_MORE, s40), f(MORE, "0123456789012345678901234") },
      want("E1009 message too long;"), 51 },
    { "the limit is that of each message", 0,
      { f(TEXT, s40), f(TEXT, s40) }, want("T40:" s40 ";T40:" s40 ";"),
      NONE },

    { "RSV1 without deflate", 0, { f(Z_TEXT, "x") },
      want("E1002 reserved bit set;"), 0 },
    { "compressed text is not taken for UTF-8", 1, { f(Z_TEXT, "\xff\xc0") },
      want("Z2:\xff\xc0;"), NONE },
    { "compressed fragments", 1, { f(Z_MORE, "\xff"), f(END, "\xe2") },
      want("Z2:\xff\xe2;"), NONE },
    { "RSV1 on a continuation", 1, { f(Z_MORE, "\xff"), f(0xc0, "x") },
      want("E1002 reserved bit set;"), 7 },
    { "plain text after compressed is checked", 1,
      { f(Z_TEXT, "\xff"), f(TEXT, "\xff") },
      want("Z1:\xff;E1007 invalid UTF-8;"), 13 },
};


static trace_t      t;
static trace_buf_t  stream;


static void
test_vectors(void)
{
    int     good;
    size_t  i, j, cut;

    for (i = 0; i < nvectors; i++) {
        stream.len = 0;

        for (j = 0; j < 5 && vectors[i].frames[j].data != NULL; j++) {
            trace_frame(&stream, vectors[i].frames[j].first,
                        vectors[i].frames[j].data, vectors[i].frames[j].len);
        }

        trace_run(&t, &stream, MAX, vectors[i].rsv1, trace_whole, NULL);
        is_mem(t.log.data, t.log.len, vectors[i].trace, vectors[i].len,
               "%s", vectors[i].name);

        good = t.broken == NULL;

        for (cut = 0; cut <= stream.len; cut++) {
            trace_run(&t, &stream, MAX, vectors[i].rsv1, trace_two, &cut);
            good &= trace_is(&t, vectors[i].trace, vectors[i].len);
        }

        ok(good, "%s, cut in two anywhere", vectors[i].name);

        trace_run(&t, &stream, MAX, vectors[i].rsv1, trace_bytes, NULL);
        ok(trace_is(&t, vectors[i].trace, vectors[i].len)
           && t.error_at == (vectors[i].at == NONE ? NONE
                                                   : vectors[i].at + 1),
           "%s, byte by byte", vectors[i].name);
    }
}


static void
is_log(const char *want, const char *name)
{
    is_mem(t.log.data, t.log.len, want, strlen(want), "%s", name);
}


/* frames that are no good already as headers */

static void
test_raw(void)
{
    stream.len = 0;
    trace_add(&stream, "\x81\x05hello", 7);
    trace_run(&t, &stream, MAX, 0, trace_whole, NULL);
    is_log("E1002 frame not masked;",
           "a frame without a mask");

    stream.len = 0;
    trace_add(&stream, "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" "mask", 14);
    trace_run(&t, &stream, MAX, 0, trace_whole, NULL);
    is_log("E1009 message too long;",
           "a frame of 2^63 - 1 bytes");

    /* the sum of both lengths is 2^64 and more */

    stream.len = 0;
    trace_frame(&stream, BIN_MORE, s40, 40);
    trace_add(&stream, "\x00\xff\x7f\xff\xff\xff\xff\xff\xff\xff" "mask", 14);
    trace_add(&stream, "\x00\xff\x7f\xff\xff\xff\xff\xff\xff\xff" "mask", 14);
    trace_run(&t, &stream, MAX, 0, trace_whole, NULL);
    is_log("E1009 message too long;",
           "fragments of 2^64 bytes together");

    stream.len = 0;
    trace_add(&stream, "\x81\xfe\x00\x05" "mask" "hello", 13);
    trace_run(&t, &stream, MAX, 0, trace_whole, NULL);
    is_log("E1002 invalid frame length;",
           "a length that is not minimal");
}


/*
 * Runs a message of n frames within a limit of max bytes, all of them but the
 * first and those that are empty with one byte.
 */

static void
run_fragments(size_t n, size_t empty, size_t max)
{
    size_t  i;

    stream.len = 0;
    trace_frame(&stream, BIN_MORE, "", 0);

    for (i = 2; i < n; i++) {
        trace_frame(&stream, MORE, "x", i > empty ? 1 : 0);
    }

    trace_frame(&stream, PING, "", 0);
    trace_frame(&stream, END, "y", 1);
    trace_frame(&stream, BIN_MORE, "y", 1);
    trace_frame(&stream, END, "z", 1);

    trace_run(&t, &stream, max, 0, trace_whole, NULL);
}


static void
test_fragments(void)
{
    run_fragments(NGX_KAFKA_WS_FRAGMENTS_EMPTY,
                  NGX_KAFKA_WS_FRAGMENTS_EMPTY, MAX);
    is_log("P0:;B1:y;B2:yz;",
           "as many empty fragments as may be, pings apart, by message");

    run_fragments(NGX_KAFKA_WS_FRAGMENTS_EMPTY + 2,
                  NGX_KAFKA_WS_FRAGMENTS_EMPTY + 1, MAX);
    is_log("E1008 too many fragments;", "an empty fragment too many");

    run_fragments(NGX_KAFKA_WS_FRAGMENTS_MAX, 1, 4096);
    ok(t.log.len > 6
       && memcmp(t.log.data + t.log.len - 6, "B2:yz;", 6) == 0,
       "as many fragments as may be of 4k");

    run_fragments(NGX_KAFKA_WS_FRAGMENTS_MAX + 1, 1, 4096);
    is_log("P0:;E1008 too many fragments;", "a fragment too many of 4k");

    run_fragments(2000, 1, 2000 * NGX_KAFKA_WS_FRAGMENT_BYTES);
    ok(t.log.len > 6
       && memcmp(t.log.data + t.log.len - 6, "B2:yz;", 6) == 0,
       "more of a larger limit");

    run_fragments(2001, 1, 2000 * NGX_KAFKA_WS_FRAGMENT_BYTES);
    is_log("P0:;E1008 too many fragments;", "a fragment too many of that");
}


/* what is whole in the read buffer stays there */

static void
test_in_place(void)
{
    uint8_t                  *pos, *start, *last;
    ngx_kafka_ws_recv_t       ev;
    ngx_kafka_ws_receiver_t   r;

    stream.len = 0;
    trace_frame(&stream, PING, "ping", 4);
    trace_frame(&stream, TEXT, "text", 4);
    trace_frame(&stream, CLOSE, "\x03\xe8why", 5);

    start = stream.data;
    last = start + stream.len;
    pos = start;

    ngx_kafka_ws_receiver_init(&r, MAX);

    ok(ngx_kafka_ws_receiver_next(&r, &pos, last, &ev)
       == NGX_KAFKA_WS_RECV_PING && ev.data == start + 6
       && pos == start + 10, "a ping is given where it was read");

    ok(ngx_kafka_ws_receiver_next(&r, &pos, last, &ev)
       == NGX_KAFKA_WS_RECV_DATA && ev.data == start + 16
       && pos == start + 20 && ev.first && ev.last && ev.text
       && !ev.compressed, "a message is given where it was read");

    ok(ngx_kafka_ws_receiver_next(&r, &pos, last, &ev)
       == NGX_KAFKA_WS_RECV_CLOSE && ev.data == start + 28 && pos == last
       && ev.code == 1000 && ev.error == NULL,
       "a reason is given where it was read");

    ok(ngx_kafka_ws_receiver_next(&r, &pos, last, &ev)
       == NGX_KAFKA_WS_RECV_MORE && ev.data == NULL && ev.len == 0
       && ev.code == 0, "then an event with nothing in it");

    ok(sizeof(ngx_kafka_ws_receiver_t) <= 200,
       "the state of a connection is at most 200 bytes");
}


int
main(void)
{
    test_vectors();
    test_raw();
    test_fragments();
    test_in_place();

    return tap_done((int) (nvectors * 3 + 4 + 6 + 5));
}
