
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The tables of the subscriber's test: what comes of each event in each
 * state, as a letter.  The letters are those of outcomes[], and mean the same
 * in all rows; columns are in the order of states[]:
 *
 *     h  response not out          X  closing, response not out
 *     o  idle                      B  closing, socket full
 *     i  half of a ping is in      R  closing, rest of a record
 *     f  part of a text is in      K  closing, owner held
 *     z  part of a deflated one    C  closing after a Close
 *     l  owner holds               F  closing after a fault
 *     w  ping not answered         E  closing after Close, EOF
 *     b  socket full
 *     r  rest of a record          L  waits for a Close
 *     p  pong waits                S  half-closed, had Close
 *     d  ping waits                T  half-closed, had fault
 *
 * In h, b, r, p, d and those of CLOSING the socket takes nothing, in the
 * others it takes all, unless the event says something else.  A second row is
 * for TLS, where it differs.
 */


#ifndef _SUBSCRIBER_TABLE_H_INCLUDED_
#define _SUBSCRIBER_TABLE_H_INCLUDED_


#include "subscriber_expect.h"


#define FRAME(first, s)   fire_frame, (first), (s), sizeof(s) - 1
#define FRAMES(first, s)  fire_frames, (first), (s), sizeof(s) - 1
#define BYTES(s)          fire_bytes, 0, (s), sizeof(s) - 1
#define RECORDS(room, n)  fire_records, (unsigned) (room), NULL, (n)
#define CALL(f, n)        (f), (n), NULL, 0

#define PING   (CLIENT_FIN | 0x9)
#define PONG   (CLIENT_FIN | 0xa)
#define CLOSE  (CLIENT_FIN | 0x8)
#define TEXT   (CLIENT_FIN | 0x1)
#define BIN    (CLIENT_FIN | 0x2)

#define A25    "aaaaaaaaaaaaaaaaaaaaaaaaa"
#define A125   A25 A25 A25 A25 A25

#define NOT_DATA      "C1003:data is not accepted here"
#define NO_PONG      "C1011:ping timeout"
#define NO_MEMORY    "C1011:out of memory"
#define BAD_BIT      "C1002:reserved bit set"
#define BAD_CLOSE    "C1002:invalid close frame"
#define BAD_CONTROL  "C1002:control frame too long or fragmented"
#define BAD_LENGTH   "C1002:invalid frame length"
#define BAD_UTF8     "C1007:invalid UTF-8"


/* letter, at once, with room in the socket, a code that no Close tells */

static const outcome_t  outcomes[] = {

    /* nothing comes of it; an answer, a Close, with our end or without, each
       at once or when there is room */

    { '.', "= %",                      "~", 0 },
    { 'p', "= % $",                    "~", 0 },
    { 'w', "=",                        "^ & % $ > w", 0 },
    { 'c', "L l % $ fin",              "=", 0 },
    { 'C', "C l",                      "L & % $ fin", 0 },
    { 'o', "L l % $",                  "=", 0 },
    { 'O', "C l",                      "L & % $", 0 },
    { 'm', "L l ! fin",                "=", 0 },
    { 'M', "C l",                      "L ! fin", 0 },

    /* a Close that waits goes out, and our end or the end behind it */

    { 'k', "=",                        "L @ fin", 0 },
    { 'D', "=",                        "D @ end", 0 },
    { 'f', "= fin",                    "=", 0 },
    { 's', "=",                        "^ & P(yo) > w", 0 },
    { 'S', "C l",                      "L & C1000 fin", 0 },
    { 'T', "L l C1003:data is not accepted here", "=", 0 },
    { 'U', "= m(he\xe2\x82\xac)",      "=", 0 },
    { 'V', "= m(hello)",               "=", 0 },
    { 'K', "= i t(idle) ping",         "=", 0 },
    { 'l', "C l",                      "L C1011:ping timeout", 0 },
    { 'L', "L l C1011:ping timeout",   "=", 0 },

    /* it ends */

    { 'e', "D l end",                  "=", 0 },

    /* for want of memory */

    { '#', "L l " NO_MEMORY,           "=", 0 },
    { '*', "C l",                      "L & " NO_MEMORY, 0 },
    { 'j', "L i l " NO_MEMORY,         "=", 0 },
    { '0', "L l C1002 fin",            "=", 0 },
    { 'F', "C l",                      "L & C1001:0:1", 0 },

    { 'E', "D l % $ end",              "=", 0 },
    { 'd', "D % $ l end",              "=", 0 },
    { 'g', "C l",                      "D & % $ end", 0 },
    { 'x', "D end",                    "=", 0 },
    { 'X', "D fin end",                "=", 0 },
    { 'r', "D rst end",                "=", 0 },
    { 'R', "D l rst end",              "=", 1011 },

    /* the owner may go on; what waits goes out; messages; records */

      /* hoifzlwbrpd XBRKCFE LST */

    { 't', "= w",                      "=", 0 },
    { 'u', "~",                        "=", 0 },
    { 'v', "L @ w l $",                "=", 0 },
    { 'A', "= $ full",                 "~", 0 },
    { 'a', "= $ %",                    "~", 0 },
    { 'b', "= $ % t(hello)",           "=", 0 },
    { 'B', "= $",                      "= % t(hello) w", 0 },
    { '1', "= r1 s1",                  "=", 0 },
    { '2', "= s1-",                    "= r1 w", 0 },
    { '3', "= s1",                     "= r1 w", 0 },
    { '4', "= s0-",                    "= w", 0 },
    { '5', "= r1 s1-",                 "= w", 0 },
    { '6', "= r1 s2-",                 "= r2 w", 0 },
    { '7', "= s3",                     "= r1 r2 r3 w", 0 },
    { '8', "D s! l end",               "=", 0 },
    { '9', "= i",                      "= t(idle) $ w", 0 },

    /* hold and on; the timer; the worker's end */

    { 'h', "= on %",                   "~", 0 },
    { 'H', "= on % $",                 "=", 0 },
    { 'W', "= on",                     "^ & % $ > w", 0 },
    { 'q', "= % i t(idle) $",          "=", 0 },
    { 'P', "=",                        "^ @ ping w", 0 },
    { 'Q', "L i t(idle) ping l $",     "=", 0 },
    { 'J', "L i l $",                  "=", 0 },
    { 'G', "D i l rst end",            "=", 0 },
    { 'y', "= x",                      "~", 0 },
    { 'Y', "L x l $",                  "=", 0 },
    { 'Z', "C x l",                    "L & $", 0 },
    { 'z', "D @ $ l end",              "=", 0 },

    { '+', "^ & % $ > w",              "=", 0 },
    { '-', "= % $ w",                  "=", 0 },
    { '(', "^ @ w i t(idle) ping",     "=", 0 },
    { '?', "= @ w ping",               "=", 0 },
    { ')', "L @ w l C1011:ping timeout", "=", 0 },
    { '/', "D @ end",                  "=", 0 },
    { '|', "D @ fin end",              "=", 0 },
    { '!', "D l end",                  "=", 1011 }
};

#define OUTCOMES  (sizeof(outcomes) / sizeof(outcomes[0]))


/*
 * Name, what happens, with, the call in which the owner closes, the code if
 * no Close tells it, the answer.
 */

static const event_t  events[] = {

    /* the client: control frames */

      /* hoifzlwbrpd XBRKCFE LST */

    { "ping", FRAME(PING, "hi"), 0, 0, 0, "P(hi)",
      "wpppp.pwwww ....... ...", NULL },
    { "empty ping", FRAME(PING, ""), 0, 0, 0, "P()",
      "wpppp.pwwww ....... ...", NULL },
    { "ping of 125 bytes", FRAME(PING, A125), 0, 0, 0, "P(#125)",
      "wpppp.pwwww ....... ...", NULL },
    { "two pings", FRAMES(PING << 8 | PING, "hiyo"), 0, 0, 0, "P(hi) P(yo)",
      "spppp.pssss ....... ...", NULL },
    { "ping, no memory", FRAME(PING, "hi"), WITH_NO_MEMORY, 0, 1006, "P(hi)",
      "*pppp.p**w* ....... ...", NULL },
    { "pong", FRAME(PONG, "hi"), 0, 0, 0, "",
      "........... ....... ...", NULL },
    { "more than a turn reads", CALL(fire_flood, 15000), 0, 0, 0, "",
      "........... ....... ...", NULL },
    { "close", FRAME(CLOSE, "\x03\xe9" "bye"), 0, 0, 1001, "C1001",
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "close without a code", FRAME(CLOSE, ""), 0, 0, 1005, "C",
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "close with 1005", FRAME(CLOSE, "\x03\xed"), 0, 0, 1002, BAD_CLOSE,
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "close of 1 byte", FRAME(CLOSE, "\x03"), 0, 0, 1002, BAD_CLOSE,
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "reason not UTF-8", FRAME(CLOSE, "\x03\xe8\xff"), 0, 0, 1007, BAD_UTF8,
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "ping and close", FRAMES(CLOSE << 8 | PING, "hi\x03\xe8"),
      0, 0, 1000, "P(hi) C1000",
      "Scccc.cSSSS kkkk... f..", NULL },
    { "close and ping", FRAMES(PING << 8 | CLOSE, "\x03\xe8hi"),
      0, 0, 1000, "C1000",
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "close, no memory", FRAME(CLOSE, "\x03\xe8"),
      WITH_NO_MEMORY, 0, 1000, "C1000",
      "Ccccc.cCCCC kkkk... f..", NULL },

    /* messages, where the owner expects none */

      /* hoifzlwbrpd XBRKCFE LST */

    { "text", FRAME(TEXT, "hello"), 0, 0, 1003, NOT_DATA,
      "Ooomm.oOOOO ....... ...", NULL },
    { "empty text", FRAME(TEXT, ""), 0, 0, 1003, NOT_DATA,
      "Ooomm.oOOOO ....... ...", NULL },
    { "binary", FRAME(BIN, "\xff"), 0, 0, 1003, NOT_DATA,
      "Ooomm.oOOOO ....... ...", NULL },
    { "text not UTF-8", FRAME(TEXT, "\xff"), 0, 0, 1007, BAD_UTF8,
      "Cccmm.cCCCC kkkk... f..", NULL },
    { "first of a text", FRAME(0x1, "he"), 0, 0, 0, "",
      "...mm...... ....... ...", NULL },
    { "continuation", CALL(fire_continuation, 0),
      0, 0, 1002, "C1002:continuation of no message",
      "CccTT.cCCCC kkkk... f..", NULL },
    { "deflated", fire_deflated, CLIENT_RSV1 | TEXT, "a", 5,
      0, 0, 1003, NOT_DATA,
      "Ooomm.oOOOO ....... ...", NULL },
    { "deflated, broken", FRAME(CLIENT_RSV1 | TEXT, "\xff\xff"),
      0, 0, 1007, "C1007:compressed message not valid",
      "Cccmm.cCCCC ....... ...", NULL },
    { "deflated, a bomb", fire_deflated, CLIENT_RSV1 | TEXT, "a", 16384,
      0, 0, 1009, "C1009:message too long when inflated",
      "Cccmm.cCCCC ....... ...", NULL },
    { "deflated, not UTF-8", fire_deflated, CLIENT_RSV1 | TEXT, "\xff", 5,
      0, 0, 1007, BAD_UTF8,
      "Cccmm.cCCCC ....... ...", NULL },
    { "deflated, UTF-8 cut", fire_deflated, CLIENT_RSV1 | TEXT, "\xe2", 1,
      0, 0, 1007, BAD_UTF8,
      "Cccmm.cCCCC ....... ...", NULL },
    { "first of a deflated", FRAME(CLIENT_RSV1 | 0x1, "aa"), 0, 0, 0, "",
      "...mm...... ....... ...", NULL },
    { "first of a deflated, no memory", FRAME(CLIENT_RSV1 | 0x1, "aa"),
      WITH_NO_MEMORY, 0, 1006, "",
      "*##00.#**** ....... ...", NULL },
    { "deflated, not agreed", CALL(fire_not_agreed, CLIENT_RSV1 | TEXT),
      0, 0, 0, BAD_BIT,
      "Ccccc.cCCCC kkkk... f..", NULL },

    /* illegal frames */

      /* hoifzlwbrpd XBRKCFE LST */

    { "no mask", BYTES("\x81\x01" "a"), 0, 0, 1002, NO_MASK,
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "RSV2", FRAME(CLIENT_RSV2 | TEXT, "a"), 0, 0, 1002, BAD_BIT,
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "RSV1 on a ping", FRAME(CLIENT_RSV1 | PING, "a"), 0, 0, 1002, BAD_BIT,
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "opcode 3", FRAME(CLIENT_FIN | 0x3, "a"),
      0, 0, 1002, "C1002:unknown opcode",
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "opcode 11", FRAME(CLIENT_FIN | 0xb, ""),
      0, 0, 1002, "C1002:unknown opcode",
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "ping in fragments", FRAME(0x9, "a"), 0, 0, 1002, BAD_CONTROL,
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "ping of 126 bytes", FRAME(PING, A125 "a"), 0, 0, 1002, BAD_CONTROL,
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "length not minimal", BYTES("\x82\xfe\x00\x7d"), 0, 0, 1002, BAD_LENGTH,
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "length of 2^63", BYTES("\x82\xff\x80\0\0\0\0\0\0\0"),
      0, 0, 1002, BAD_LENGTH,
      "Ccccc.cCCCC kkkk... f..", NULL },
    { "text too long", CALL(fire_too_big, TEXT),
      0, 0, 1009, "C1009:message too long",
      "Cccmm.cCCCC kkkk... f..", NULL },
    { "empty fragments", CALL(fire_crumbs, 2000),
      0, 0, 1008, "C1008:too many fragments",
      "Cccmm.cCCCC kkkk... f..", NULL },
    { "half of a header", BYTES("\x82\xfe\x01"), 0, 0, 0, "",
      "........... ....... ...", NULL },

    /* while the socket turns out to be full */

      /* hoifzlwbrpd XBRKCFE LST */

    { "ping, no room", FRAME(PING, "hi"), WITH_ROOM(0), 0, 0, "P(hi)",
      "wwwww.wwwww ....... ...", NULL },
    { "ping, for 3 bytes", FRAME(PING, "hi"), WITH_ROOM(3), 0, 0, "P(hi)",
      "wwwww.wwwww ....... ...", NULL },
    { "close, no room", FRAME(CLOSE, "\x03\xe9"),
      WITH_ROOM(0), 0, 1001, "C1001",
      "CCCCC.CCCCC kkkk... f..", NULL },
    { "close, for 3 bytes", FRAME(CLOSE, "\x03\xe9"),
      WITH_ROOM(3), 0, 1001, "C1001",
      "CCCCC.CCCCC kkkk... f..", NULL },
    { "no mask, no room", BYTES("\x81\x01" "a"),
      WITH_ROOM(0), 0, 1002, NO_MASK,
      "CCCCC.CCCCC kkkk... f..", NULL },

    /* the client's end */

      /* hoifzlwbrpd XBRKCFE LST */

    { "EOF", CALL(fire_eof, 0), 0, 0, 1006, "",
      "eeeee.eeeee DDDDDD. xxx", NULL },
    { "ping and EOF", fire_eof, PING, "hi", 2, 0, 0, 1006, "P(hi)",
      "edddd.deeee DDDDDD. xxx", NULL },
    { "close and EOF", fire_eof, CLOSE, "\x03\xe9", 2, 0, 0, 1001, "C1001",
      "gEEEE.Egggg DDDDDD. Xxx", NULL },
    { "reset", CALL(fire_reset, 0), 0, 0, 1006, "",
      "eeeeeteeeee xxxxxxx xxx", NULL },

    /* messages, where the owner takes them */

      /* hoifzlwbrpd XBRKCFE LST */

    { "taken: text", FRAME(TEXT, "hello"), WITH_MESSAGES, 0, 0, "m(hello)",
      "ppamm.ppppp ....... ...", NULL },
    { "taken: text answered", FRAME(TEXT, "hello"), WITH_ANSWERS, 0, 0,
      "m(hello)",
      "Abbmm.bAAAA ....... ...", NULL },
    { "taken: continuation", CALL(fire_continuation, 0),
      WITH_MESSAGES, 0, 1002, "C1002:continuation of no message",
      "CccUV.cCCCC kkkk... f..", NULL },
    { "taken: deflated", fire_deflated, CLIENT_RSV1 | TEXT, "a", 5,
      WITH_MESSAGES, 0, 0, "m(aaaaa)",
      "ppamm.ppppp ....... ...", NULL },
    { "taken: empty", FRAME(BIN, ""), WITH_MESSAGES, 0, 0, "m()",
      "ppamm.ppppp ....... ...", NULL },
    { "taken: fails", fire_data_fails, TEXT, "hello", 5, WITH_MESSAGES, 0,
      1006, "",
      "*##mm.#**** ....... ...", NULL },
    { "taken: ping fails", CALL(fire_ping_fails, 0), WITH_MESSAGES, 0, 1006, "",
      "eeeeee!eeeR rrrrrrr xxx", NULL },
    { "taken: answers, no room", FRAME(TEXT, "hello"),
      WITH_ANSWERS|WITH_ROOM(0), 0, 0, "m(hello)",
      "ABBMM.BAAAA ....... ...", NULL },
    { "taken: closes in text", FRAME(TEXT, "hello"),
      WITH_MESSAGES, 'm', 1012, "C1012:0:42",
      "Ooomm.oOOOO ....... ...", NULL },
    { "taken: closes in deflated", fire_deflated, CLIENT_RSV1 | TEXT, "a", 5,
      WITH_MESSAGES, 'm', 1012, "C1012:0:42",
      "Ooomm.oOOOO ....... ...", NULL },

    /* the owner */

      /* hoifzlwbrpd XBRKCFE LST */

    { "record", RECORDS(-1, 1), 0, 0, 0, "",
      ".111111.... ....... ...", NULL },
    { "record, taken in part", RECORDS(5, 1), 0, 0, 0, "",
      ".222222.... ....... ...",
      ".333333.... ....... ..." },
    { "record, not taken", RECORDS(0, 1), 0, 0, 0, "",
      ".444444.... ....... ...",
      ".333333.... ....... ..." },
    { "three, one taken", RECORDS(22, 3), 0, 0, 0, "",
      ".555555.... ....... ...",
      ".777777.... ....... ..." },
    { "three, and a half", RECORDS(33, 3), 0, 0, 0, "",
      ".666666.... ....... ...",
      ".777777.... ....... ..." },
    { "three big ones", RECORDS(16000, 3), 0, 0, 0, "",
      ".222222.... ....... ...", NULL },
    { "three big ones, no memory", RECORDS(16000, 3),
      WITH_NO_MEMORY, 0, 1006, "",
      ".888888.... ....... ...", NULL },
    { "event in part", CALL(fire_event, 3), 0, 0, 0, "",
      ".999999.... ....... ...", NULL },
    { "owner closes", fire_close, 1001, "0:1", 3, 0, 0, 1001, "C1001:0:1",
      "OooooooOOOO ....... ...", NULL },
    { "owner closes, no memory", fire_close, 1001, "0:1", 3,
      WITH_NO_MEMORY, 0, 1001, "C1001",
      "OooooooOOFO ....... ...", NULL },
    { "owner closes, no room", fire_close, 1001, "0:1", 3,
      WITH_ROOM(0), 0, 1001, "C1001:0:1",
      "OOOOOOOOOOO ....... ...", NULL },
    { "owner closes, 3 bytes", fire_close, 1001, "0:1", 3,
      WITH_ROOM(3), 0, 1001, "C1001:0:1",
      "OOOOOOOOOOO ....... ...", NULL },
    { "owner ends it", CALL(fire_done, 0), 0, 0, 1006, "",
      "eeeeeeeeeee xxxxxxx xxx", NULL },
    { "owner holds and reads", fire_hold, PING, "hi", 2, 0, 0, 0, "P(hi)",
      "WHHHHHHWWWW hhhhhhh hhh", NULL },

    /* the socket */

      /* hoifzlwbrpd XBRKCFE LST */

    { "writable", CALL(fire_room, (unsigned) -1), 0, 0, 0, "",
      "utttttttuuu uuuuuuu ...",
      "uttttttuuuu uuuuuuu ..." },
    { "writable, owner closes", CALL(fire_room, (unsigned) -1),
      0, 'w', 1012, "C1012:0:42",
      "vvvvvvvvvvv uuuuuuu ...", NULL },
    { "writable for 1 byte", CALL(fire_room, 1), 0, 0, 0, "",
      ".ttttttt... ....... ...",
      ".tttttt.... ....... ..." },
    { "writable in error", CALL(fire_spurious, 0), 0, 0, 0, "",
      ".ttttttt... ....... ...",
      ".tttttt.... ....... ..." },
    { "ping and writable", fire_both, PING, "hi", 2, 0, 0, 0, "P(hi)",
      "+----t-++++ uuuuuuu ...", NULL },
    { "writable, then timer", CALL(fire_room_timer, 0), 0, 0, 1006, "",
      "(KKKKKL(?() ////||/ xxx", NULL },
    { "send fails", CALL(fire_send_error, 0), 0, 0, 1006, "",
      "e888888teee xxxxxxx ...",
      "e888888eeee xxxxxxx ..." },

    /* the timer */

      /* hoifzlwbrpd XBRKCFE LST */

    { "timer", CALL(fire_timer, 1), 0, 0, 1011, NO_PONG,
      "PKKKKKoPPPR rrrrrrr xxx", NULL },
    { "timer, twice", CALL(fire_timer, 2), 0, 0, 1011, NO_PONG,
      "RQQQQQERRRR rrrrrrr xxx", NULL },
    { "timer, no room", CALL(fire_timer, 1), WITH_ROOM(0), 0, 0, "ping",
      "w99999lwwPR rrrrrrr xxx", NULL },
    { "timer twice, no room", CALL(fire_timer, 2),
      WITH_ROOM(0), 0, 1011, NO_PONG,
      "RGGGGGRRRRR rrrrrrr xxx", NULL },
    { "timer, early", CALL(fire_early, 0), 0, 0, 0, "",
      "........... rrrrrrr xxx", NULL },
    { "timer, client heard", fire_heard, PONG, "", 0, 0, 0, 0, "",
      ".qqqqK..... rrrrrrr xxx", NULL },
    { "idle fails", CALL(fire_idle_fails, 0), 0, 0, 1006, "",
      "PjjjjjLPPPR rrrrrrr xxx", NULL },
    { "owner closes in idle", CALL(fire_timer, 1), 0, 'i', 1012, "C1012:0:42",
      "PJJJJJLPPPR rrrrrrr xxx", NULL },

    /* nginx */

      /* hoifzlwbrpd XBRKCFE LST */

    { "limit_rate", CALL(fire_delayed, 0), 0, 0, 0, "",
      "utttttttuuu uuuuuuu ...",
      "uttttttuuuu uuuuuuu ..." },
    { "worker stops", CALL(fire_exiting, 0), 0, 0, 0, "",
      "yyyyyyyyyyy ....... ...", NULL },
    { "worker stops, owner closes", CALL(fire_exiting, 0),
      0, 'x', 1012, "C1012:0:42",
      "ZYYYYYYZZZZ ....... ...", NULL },
    { "shutdown timeout", CALL(fire_exiting, 1), 0, 0, 1006, "",
      "eeeeeeeeeee xxxxxxx xxx", NULL },
    { "worker exits, room", CALL(fire_exit, (unsigned) -1),
      0, 0, 1001, "C1001",
      "edddddddzzz ....... ...",
      "eddddddzzzz ....... ..." },
    { "worker exits, no room", CALL(fire_exit, 0), 0, 0, 1001, "C1001",
      "eddddddeeee ....... ...", NULL },
    { "request freed", CALL(fire_freed, 0), 0, 0, 1006, "",
      "eeeeeeeeeee xxxxxxx xxx", NULL },
    { "read event fails", CALL(fire_failing, FAIL_READ_EVENT), 0, 0, 1006, "",
      "eedeeeeeeee xxxxxxx xxx", NULL },
    { "write event fails", CALL(fire_failing, FAIL_WRITE_EVENT),
      0, 0, 1006, "",
      "eeeeeeeeeee xxxxxxx xxx", NULL },
    { "SO_LINGER fails", CALL(fire_failing, FAIL_SETSOCKOPT),
      0, 0, 1011, NO_PONG,
      "eQQQQQEeeee xxxxxxx xxx", NULL },
    { "shutdown fails", CALL(fire_failing, FAIL_SHUTDOWN), 0, 0, 1000, "C1000",
      "gEEEE.Egggg DDDDDD. x..", NULL },
    { "SSL_shutdown fails", CALL(fire_failing, FAIL_SSL_SHUTDOWN),
      0, 0, 1000, "C1000",
      "Ccccc.cCCCC kkkk... f..", NULL }
};

#define EVENTS  (sizeof(events) / sizeof(events[0]))


#endif /* _SUBSCRIBER_TABLE_H_INCLUDED_ */
