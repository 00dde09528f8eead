
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of the subscriber: how each state is come to.  A letter names a
 * state, and is the head of a column in the tables of the test.
 */


#ifndef _SUBSCRIBER_STATES_H_INCLUDED_
#define _SUBSCRIBER_STATES_H_INCLUDED_


#include "subscriber_owner.h"

#include "ngx_kafka_ws_deflate.h"


/* texts are as in the trace */

typedef struct {
    char         letter;
    const char  *name;
    char         state;      /* HEAD, OPEN, CLOSING, LINGER */
    unsigned     buffered;   /* TLS has record 1 in its buffer */
    const char  *ahead;      /* of what is begun: goes out before all else */
    const char  *waits;      /* behind that */
    char         then;       /* the state once all of that is out, */
    const char  *tail;       /* and what it ends with */
    unsigned     code;       /* of the close, 0: not closed yet */
    ngx_msec_t   timer;      /* of the connection */
} state_t;


#define CLOSE_42   "C4408:0:42"
#define NO_MASK    "C1002:frame not masked"

#define T_PING     WORLD_PING
#define T_PONG     WORLD_PING_TIMEOUT
#define T_CLOSE    5000
#define T_LINGER   2000


static const state_t  states[] = {
    { 'h', "response not out", 'H', 0, "101", "", 'O', "w", 0, T_PING },
    { 'o', "idle", 'O', 0, "", "", 'O', "", 0, T_PING },
    { 'i', "half of a ping is in", 'O', 0, "", "", 'O', "", 0, T_PING },
    { 'f', "part of a text is in", 'O', 0, "", "", 'O', "", 0, T_PING },
    { 'z', "part of a deflated one", 'O', 0, "", "", 'O', "", 0, T_PING },
    { 'l', "owner holds", 'O', 0, "", "", 'O', "", 0, T_PING },
    { 'w', "ping not answered", 'O', 0, "", "", 'O', "", 0, T_PONG },
    { 'b', "socket full", 'O', 1, "", "", 'O', "w", 0, T_PING },
    { 'r', "rest of a record", 'O', 0, "r1", "", 'O', "w", 0, T_PING },
    { 'p', "pong waits", 'O', 1, "", "P(late)", 'O', "w", 0, T_PING },
    { 'd', "ping waits", 'O', 1, "", "ping", 'O', "w", 0, T_PONG },

    { 'X', "closing, response not out", 'C', 0, "101", CLOSE_42, 'L', "",
      4408, T_CLOSE },
    { 'B', "closing, socket full", 'C', 1, "", CLOSE_42, 'L', "",
      4408, T_CLOSE },
    { 'R', "closing, rest of a record", 'C', 0, "r1", CLOSE_42, 'L', "",
      4408, T_CLOSE },
    { 'K', "closing, owner held", 'C', 1, "", CLOSE_42, 'L', "",
      4408, T_CLOSE },
    { 'C', "closing after a Close", 'C', 1, "", "C1000", 'L', "fin",
      1000, T_CLOSE },
    { 'F', "closing after a fault", 'C', 1, "", NO_MASK, 'L', "fin",
      1002, T_CLOSE },
    { 'E', "closing after Close, EOF", 'C', 1, "", "C1000", 'D', "end",
      1000, T_CLOSE },

    { 'L', "waits for a Close", 'L', 0, "", "", 'L', "", 4408, T_LINGER },
    { 'S', "half-closed, had Close", 'L', 0, "", "", 'L', "", 1000, T_LINGER },
    { 'T', "half-closed, had fault", 'L', 0, "", "", 'L', "", 4408, T_LINGER }
};

#define STATES  (sizeof(states) / sizeof(states[0]))


/* the rest of the ping that state 'i' is in the middle of */

static u_char  state_half[16];
static size_t  state_half_len;


static inline void
state_frame(unsigned first, const char *payload)
{
    size_t  n;
    u_char  buf[256];

    n = client_frame(buf, first, payload, strlen(payload));
    world_receive(buf, n);
    world_settle();
}


static inline size_t
state_deflate(const void *p, size_t n, u_char *buf, size_t size)
{
    ngx_kafka_ws_deflater_t  *d;

    d = ngx_kafka_ws_deflater_create(6, 15);
    n = d ? ngx_kafka_ws_deflater_message(d, p, n, buf, size) : 0;
    ngx_kafka_ws_deflater_destroy(d);

    return n;
}


/* the middle of something that comes from the client */

static inline void
state_middle(char letter)
{
    size_t  n;
    u_char  buf[64], frame[64];

    switch (letter) {

    case 'i':
        n = client_frame(frame, CLIENT_FIN | 0x9, "half", 4);
        memcpy(state_half, frame + 8, n - 8);
        state_half_len = n - 8;
        world_receive(frame, 8);
        break;

    case 'f':
        n = client_frame(frame, 0x1, "he\xe2", 3);
        world_receive(frame, n);
        break;

    case 'z':
        (void) state_deflate("hello", 5, buf, sizeof(buf));
        n = client_frame(frame, CLIENT_RSV1 | 0x1, buf, 3);
        world_receive(frame, n);
        break;

    default:
        break;
    }

    world_settle();
}


static inline void
state_full(char letter)
{
    if (letter == 'r' || letter == 'R') {
        world_room(100);
        owner_sends(1, RECORD_BIG);

    } else {
        world_room(WORLD_FULL);
        owner_sends(1, RECORD_SMALL);
    }

    world_settle();
}


static inline void
state_close(void)
{
    ngx_kafka_ws_subscriber_close(w.kws, NGX_KAFKA_WS_CLOSE_SLOW,
                                  (u_char *) "0:42", 4);
    world_settle();
}


static inline void
state_enter(char letter, unsigned tls, unsigned level,
    const ngx_kafka_ws_owner_t *of)
{
    u_char  buf[64];
    size_t  n;

    state_half_len = 0;

    world_begin(tls, level, strchr("hX", letter) ? WORLD_FULL : WORLD_EMPTY);
    world_create(of);
    world_settle();

    if (strchr("brpdBRKCFE", letter)) {
        state_full(letter);
    }

    switch (letter) {

    case 'l':
        w.kws->hold = 1;
        break;

    case 'w':
    case 'd':
        w.kws->quiet += WORLD_PING;
        world_expire();
        world_settle();
        break;

    case 'p':
        state_frame(CLIENT_FIN | 0x9, "late");
        break;

    case 'K':
        w.kws->hold = 1;
        /* fall through */

    case 'X':
    case 'B':
    case 'R':
    case 'L':
        state_close();
        break;

    case 'E':
        n = client_frame(buf, CLIENT_FIN | 0x8, "\x03\xe8", 2);
        world_receive(buf, n);
        w.recv_eof = 1;
        world_settle();
        break;

    case 'C':
    case 'S':
        state_frame(CLIENT_FIN | 0x8, "\x03\xe8");
        break;

    case 'T':
        state_close();
        /* fall through */

    case 'F':
        world_receive("\x81\x00", 2);
        world_settle();
        break;

    default:
        state_middle(letter);
        break;
    }

    world_check();
}


/* bytes from the client; what was begun ends before them */

static inline void
state_receive(const void *p, size_t n)
{
    if (state_half_len) {
        world_receive(state_half, state_half_len);
        state_half_len = 0;
    }

    world_receive(p, n);
}


#endif /* _SUBSCRIBER_STATES_H_INCLUDED_ */
