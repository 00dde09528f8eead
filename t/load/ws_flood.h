
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * ws_flood: hostile WebSocket clients, for tests.
 *
 * ws_flood.c         options, event loop, pace, report
 * ws_flood_conn.c    one connection: what is sent, awaited, how it ends
 * ws_flood_script.c  the table of what the connections of a mode do
 * ws_flood_bomb.c    compressed messages
 *
 * ws_load_util.c and ws_load_wire.c are linked, too.
 */


#ifndef _WS_FLOOD_H_INCLUDED_
#define _WS_FLOOD_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ws_load.h"


#define WSF_SCRIPTS     32
#define WSF_LOOP        16384           /* bytes of repeated units */


/* how much of the request is sent */

typedef enum {
    WSF_NOTHING = 0,
    WSF_HALF,
    WSF_WHOLE,
    WSF_PIPED                           /* and what follows with it */
} wsf_request_e;


/* what is awaited before more is sent */

typedef enum {
    WSF_CONNECTED = 0,
    WSF_ANSWERED,                       /* by 101 */
    WSF_FRAMES,                         /* and --records data frames */
    WSF_TORN                            /* and a part of one more */
} wsf_await_e;


/* what is awaited behind what was sent */

typedef enum {
    WSF_AT_ONCE = 0,
    WSF_HOLD,                           /* --hold-ms */
    WSF_CLOSED,                         /* the server's Close */
    WSF_ENDED,                          /* the server's end, in order */
    WSF_CUT                             /* its end, be it by RST */
} wsf_until_e;


/* then we end it */

typedef enum {
    WSF_FIN = 0,
    WSF_RST
} wsf_end_e;


typedef struct {
    const char    *mode;
    const char    *name;

    uint8_t        request;             /* wsf_request_e */
    uint8_t        await;               /* wsf_await_e */
    uint8_t        until;               /* wsf_until_e */
    uint8_t        end;                 /* wsf_end_e */
    uint16_t       code;                /* of the server's Close; 0: none */

    const char    *first;               /* sent once; NULL: nothing */
    size_t         first_len;
    const char    *unit;                /* then again and again */
    size_t         unit_len;
} wsf_script_t;


/* how the connections of a script did */

typedef struct {
    const wsf_script_t  *script;
    uint8_t             *loop;          /* units, one behind the other */
    size_t               loop_len;
    uint64_t             done;
    uint64_t             failed;
} wsf_case_t;


typedef enum {
    WSF_FREE = 0,
    WSF_CONNECTING,
    WSF_AWAIT,
    WSF_FLOOD,                          /* gets its turns */
    WSF_WAIT                            /* for what the script says */
} wsf_state_e;


typedef struct {
    wsf_case_t    *kase;
    int            fd;
    uint32_t       gen;                 /* of the descriptor's events */
    uint8_t        state;               /* wsf_state_e */
    uint8_t        blocked;             /* the socket takes no more */
    uint8_t        closed;              /* the server's Close is there */
    uint8_t        counted;             /* the answer is read */
    uint64_t       since_ns;            /* of WSF_WAIT */
    size_t         pos;                 /* in the loop */

    /* of the answer, then of the frames */
    uint8_t        head[16];
    uint8_t        nhead;
    uint8_t        op;
    uint8_t        nbody;               /* bytes of a Close's code */
    uint8_t        body[2];
    uint64_t       rest;                /* of this frame */
    uint32_t       end;                 /* last bytes of the answer */
    int64_t        records;
} wsf_conn_t;


typedef struct {
    const char    *host;
    int            port;
    const char    *uri;
    const char    *mode;
    const char    *header;
    int            deflate;
    int            connections;         /* at once */
    int64_t        count;               /* in all; -1: until the time is up */
    double         connects;            /* a second; 0: at once */
    double         rate;                /* units a second; 0: at once */
    int            burst;               /* units of one send */
    int            ms;                  /* the whole run at most */
    int            hold_ms;
    int            records;
    int            source;              /* the first, 127.0.0.n */
    int            sources;
    int            announce;
} wsf_opt_t;


typedef struct {
    uint64_t       connects;
    uint64_t       opened;              /* by 101 */
    uint64_t       units;
    uint64_t       bytes;
    uint64_t       records;
    uint64_t       pongs;
    uint64_t       pings;
    uint64_t       done;
    uint64_t       failed;
    uint64_t       refused;             /* by TCP */
    uint64_t       fins;                /* ends that the server made */
    uint64_t       resets;
    uint64_t       rsts;                /* and those that we did */
    uint32_t       code[WSL_CODES];     /* closes by code, HTTP by status */
    int            alive;
    int            alive_max;
} wsf_total_t;


extern wsf_opt_t     wsf_opt;
extern wsf_total_t   wsf_total;
extern wsf_conn_t   *wsf_conns;
extern wsf_case_t    wsf_cases[WSF_SCRIPTS];
extern int           wsf_ncases;


/* ws_flood_script.c */

/* fills wsf_cases; returns 0, or -1: there is no such mode */
int wsf_script_init(const char *mode);


/* ws_flood_bomb.c */

/* makes the scripts of the mode bombs; returns how many, or -1 */
int wsf_bomb_scripts(wsf_script_t *s, int max);


/* ws_flood_conn.c */

int wsf_conn_init(int ep);
void wsf_conn_start(wsf_conn_t *c, uint64_t n);
void wsf_conn_event(uint64_t data, uint32_t events);

/* sends units at most; returns how many were */
int64_t wsf_conn_turn(wsf_conn_t *c, int64_t units);

/* whose time is over */
void wsf_conn_expire(wsf_conn_t *c);

/* at the end of the run: as the script ends it, but without a verdict */
void wsf_conn_drop(wsf_conn_t *c);


/* ws_flood.c */

void wsf_conn_free(wsf_conn_t *c);      /* may be started again */


#endif /* _WS_FLOOD_H_INCLUDED_ */
