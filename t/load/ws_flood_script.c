
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What the connections of each mode do.  To add a mode, add lines here.
 */


#include <stdlib.h>
#include <string.h>

#include "ws_flood.h"


/* all masks are zero: what is sent is what is meant */

#define WSF_MASK        "\0\0\0\0"
#define WSF_CLOSE       "\x88\x82" WSF_MASK "\x03\xe8"
#define WSF_BAD         "\x83\x80" WSF_MASK             /* opcode 3 */
#define WSF_BYTES25     "abcdefghijklmnopqrstuvwxy"
#define WSF_PING        "\x89\xfd" WSF_MASK WSF_BYTES25 WSF_BYTES25           \
                        WSF_BYTES25 WSF_BYTES25 WSF_BYTES25
#define WSF_TEXT        "\x01\x81" WSF_MASK "a"         /* not the last */
#define WSF_MORE        "\x00\x81" WSF_MASK "b"
#define WSF_TEXT_EMPTY  "\x01\x80" WSF_MASK
#define WSF_MORE_EMPTY  "\x00\x80" WSF_MASK
#define WSF_LONGEST     "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" WSF_MASK
#define WSF_NEGATIVE    "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" WSF_MASK
#define WSF_TOO_LONG    "\x82\xfe\x10\x01" WSF_MASK     /* 4097 bytes */
#define WSF_LONG_CONT   WSF_TEXT                                              \
                        "\x00\xff\x7f\xff\xff\xff\xff\xff\xff\xff" WSF_MASK

#define WSF_SUBSCRIBE                                                         \
    "\x81\xb0" WSF_MASK                                                       \
    "{\"command\":\"subscribe\",\"id\":1,\"topic\":\"flood.b\"}"
#define WSF_UNSUBSCRIBE                                                       \
    "\x81\xb2" WSF_MASK                                                       \
    "{\"command\":\"unsubscribe\",\"id\":2,\"topic\":\"flood.b\"}"

#define wsf_bytes(s)    s, sizeof(s) - 1
#define wsf_none        NULL, 0


static int wsf_script_add(const wsf_script_t *s, const char *mode);


/* mode, name, request, await, until, end, code, first, unit */

static const wsf_script_t  wsf_scripts[] = {

    { "calm", "calm", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED, WSF_FIN, 0,
      wsf_none, wsf_none },

    { "pings", "pings", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED, WSF_FIN, 0,
      wsf_none, wsf_bytes(WSF_PING) },

    { "commands", "off and on", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED, WSF_FIN, 0,
      wsf_bytes(WSF_SUBSCRIBE), wsf_bytes(WSF_UNSUBSCRIBE WSF_SUBSCRIBE) },

    { "fragments", "one byte", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED, WSF_FIN,
      1008, wsf_bytes(WSF_TEXT), wsf_bytes(WSF_MORE) },
    { "fragments", "pings between", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED,
      WSF_FIN, 1008, wsf_bytes(WSF_TEXT), wsf_bytes(WSF_MORE WSF_PING) },

    { "empty", "empty", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED, WSF_FIN, 1008,
      wsf_bytes(WSF_TEXT_EMPTY), wsf_bytes(WSF_MORE_EMPTY) },
    { "empty", "behind a byte", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED, WSF_FIN,
      1008, wsf_bytes(WSF_TEXT), wsf_bytes(WSF_MORE_EMPTY) },

    { "lengths", "2^63-1", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED, WSF_FIN, 1009,
      wsf_bytes(WSF_LONGEST), wsf_bytes(WSF_BYTES25) },
    { "lengths", "2^64-1", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED, WSF_FIN, 1002,
      wsf_bytes(WSF_NEGATIVE), wsf_bytes(WSF_BYTES25) },
    { "lengths", "continuation of 2^63-1", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED,
      WSF_FIN, 1009, wsf_bytes(WSF_LONG_CONT), wsf_bytes(WSF_BYTES25) },
    { "lengths", "one too many", WSF_WHOLE, WSF_ANSWERED, WSF_ENDED, WSF_FIN,
      1009, wsf_bytes(WSF_TOO_LONG), wsf_bytes(WSF_BYTES25) },

    { "half", "end", WSF_HALF, WSF_CONNECTED, WSF_HOLD, WSF_FIN, 0,
      wsf_none, wsf_none },
    { "half", "reset", WSF_HALF, WSF_CONNECTED, WSF_HOLD, WSF_RST, 0,
      wsf_none, wsf_none },

    { "loris", "a byte now and then", WSF_HALF, WSF_CONNECTED, WSF_CUT,
      WSF_FIN, 0, wsf_none, wsf_bytes("a") },

    { "resets", "connected", WSF_NOTHING, WSF_CONNECTED, WSF_AT_ONCE, WSF_RST,
      0, wsf_none, wsf_none },
    { "resets", "half a request", WSF_HALF, WSF_CONNECTED, WSF_AT_ONCE,
      WSF_RST, 0, wsf_none, wsf_none },
    { "resets", "request", WSF_WHOLE, WSF_CONNECTED, WSF_AT_ONCE, WSF_RST, 0,
      wsf_none, wsf_none },
    { "resets", "request with a frame", WSF_PIPED, WSF_CONNECTED, WSF_AT_ONCE,
      WSF_RST, 0, wsf_bytes(WSF_PING), wsf_none },
    { "resets", "request with a Close", WSF_PIPED, WSF_CONNECTED, WSF_AT_ONCE,
      WSF_RST, 0, wsf_bytes(WSF_CLOSE), wsf_none },
    { "resets", "answer", WSF_WHOLE, WSF_ANSWERED, WSF_AT_ONCE, WSF_RST, 0,
      wsf_none, wsf_none },
    { "resets", "streaming", WSF_WHOLE, WSF_FRAMES, WSF_AT_ONCE, WSF_RST, 0,
      wsf_none, wsf_none },
    { "resets", "half a frame received", WSF_WHOLE, WSF_TORN, WSF_AT_ONCE,
      WSF_RST, 0, wsf_none, wsf_none },
    { "resets", "half a header sent", WSF_WHOLE, WSF_FRAMES, WSF_AT_ONCE,
      WSF_RST, 0, wsf_bytes("\x89"), wsf_none },
    { "resets", "half a frame sent", WSF_WHOLE, WSF_FRAMES, WSF_AT_ONCE,
      WSF_RST, 0, wsf_bytes("\x89\x85" WSF_MASK "ab"), wsf_none },
    { "resets", "half a message sent", WSF_WHOLE, WSF_FRAMES, WSF_AT_ONCE,
      WSF_RST, 0, wsf_bytes(WSF_TEXT), wsf_none },
    { "resets", "ping", WSF_WHOLE, WSF_FRAMES, WSF_AT_ONCE, WSF_RST, 0,
      wsf_bytes(WSF_PING), wsf_none },
    { "resets", "fault", WSF_WHOLE, WSF_FRAMES, WSF_AT_ONCE, WSF_RST, 0,
      wsf_bytes(WSF_BAD), wsf_none },
    { "resets", "our Close", WSF_WHOLE, WSF_FRAMES, WSF_AT_ONCE, WSF_RST, 0,
      wsf_bytes(WSF_CLOSE), wsf_none },
    { "resets", "both Closes", WSF_WHOLE, WSF_FRAMES, WSF_CLOSED, WSF_RST,
      1000, wsf_bytes(WSF_CLOSE), wsf_none },
    { "resets", "their Close", WSF_WHOLE, WSF_FRAMES, WSF_CLOSED, WSF_RST,
      1002, wsf_bytes(WSF_BAD), wsf_none },

    { "cycles", "Close", WSF_WHOLE, WSF_FRAMES, WSF_ENDED, WSF_FIN, 1000,
      wsf_bytes(WSF_CLOSE), wsf_none },
    { "cycles", "reset", WSF_WHOLE, WSF_FRAMES, WSF_AT_ONCE, WSF_RST, 0,
      wsf_none, wsf_none },
};


int
wsf_script_init(const char *mode)
{
    int                  i, n;
    static wsf_script_t  bombs[8];

    for (i = 0; i < (int) (sizeof(wsf_scripts) / sizeof(wsf_scripts[0]));
         i++)
    {
        if (wsf_script_add(&wsf_scripts[i], mode) == -1) {
            return -1;
        }
    }

    n = wsf_bomb_scripts(bombs, 8);

    for (i = 0; i < n; i++) {
        if (wsf_script_add(&bombs[i], mode) == -1) {
            return -1;
        }
    }

    return wsf_ncases ? 0 : -1;
}


static int
wsf_script_add(const wsf_script_t *s, const char *mode)
{
    size_t       n;
    wsf_case_t  *k;

    if (strcmp(s->mode, mode) != 0) {
        return 0;
    }

    if (wsf_ncases == WSF_SCRIPTS) {
        return -1;
    }

    k = &wsf_cases[wsf_ncases++];
    k->script = s;

    if (s->unit == NULL) {
        return 0;
    }

    k->loop = malloc(WSF_LOOP);
    if (k->loop == NULL) {
        return -1;
    }

    for (n = 0; n + s->unit_len <= WSF_LOOP; n += s->unit_len) {
        memcpy(k->loop + n, s->unit, s->unit_len);
    }

    k->loop_len = n;

    return 0;
}
