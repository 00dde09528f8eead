
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * ws_load: many WebSocket clients in one process, for tests and bench.
 *
 * ws_load.c        options, event loop, report
 * ws_load_conn.c   one connection: connect, handshake, reconnect
 * ws_load_frame.c  its bytes: frames, control frames, the end
 * ws_load_check.c  the records, checked by value
 * ws_load_owner.c  whose a record is
 * ws_load_event.c  the events
 * ws_load_json.c   finds the members of an object
 * ws_load_value.c  the value of a bulk record, its CRC
 * ws_load_wire.c   sockets, the answer to a handshake, frames
 * ws_load_util.c   clock, random numbers, histogram
 *
 * It shares no code with the module, so an error there is not repeated
 * here.  One thread; nothing is allocated per frame but a tail that a
 * read has cut, and a record's first copy (see wsl_ref_t).
 */


#ifndef _WS_LOAD_H_INCLUDED_
#define _WS_LOAD_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define WSL_URI_MAX       64
#define WSL_HEADER_MAX    8
#define WSL_REFS          4096          /* per URI and partition, power of 2 */
#define WSL_REFS_TOPIC    64            /* the same, of each of many topics */
#define WSL_BUF           (1024 * 1024) /* read buffer of all connections */
#define WSL_TAIL_MAX      (8 * 1024 * 1024)
#define WSL_HIST          1920          /* 32 steps per power of two */
#define WSL_CODES         5000          /* close codes and HTTP statuses */

#define WSL_KEY           "dGhlIHNhbXBsZSBub25jZQ=="    /* RFC 6455, 1.3 */


typedef enum {
    WSL_VERIFY = 0,          /* every record is checked by value */
    WSL_DRAIN,               /* frames are counted and thrown away */
    WSL_NEVER_READ           /* nothing is read after the handshake */
} wsl_kind_e;


typedef enum {
    WSL_IDLE = 0,            /* no socket; waits for its (re)connect time */
    WSL_CONNECTING,
    WSL_HANDSHAKE,
    WSL_OPEN,
    WSL_CLOSING,             /* our Close 1000 is sent, theirs awaited */
    WSL_OVER                 /* closed for good */
} wsl_state_e;


typedef struct {
    uint64_t       n;
    uint64_t       max;
    uint64_t       count[WSL_HIST];
} wsl_hist_t;


/* what a client knows of one partition */

typedef struct {
    int64_t        next_offset;         /* the cursor; -1: not known yet */
    int64_t        first;               /* sequence of its own first record;
                                           below, numbers of its own */
    int64_t        expected;            /* records, all in all */
    int64_t        next_seq;
    int64_t        hole_from;           /* last hole seen: [from, to) */
    int64_t        hole_to;
} wsl_part_t;


typedef struct {
    wsl_part_t    *parts;
    uint8_t       *tail;                /* a frame cut by the last read */
    uint32_t       tail_len;
    uint32_t       tail_size;
    int            fd;
    uint8_t        state;               /* wsl_state_e */
    uint8_t        kind;                /* wsl_kind_e */
    uint8_t        uri;
    uint8_t        started;             /* start event seen at least once */
    uint8_t        again;               /* has been connected before */
    uint8_t        done;                /* has every expected record */
    uint8_t        tries;               /* failed attempts in a row */
    int64_t        owner;               /* -1: whatever comes is its own */
    int64_t        expected;
    uint64_t       records;             /* fresh ones */
    uint64_t       cut_at;              /* so many; then it cuts */
    uint64_t       last_ns;             /* last record, monotonic */
    uint64_t       stall_ns;            /* longest time between two records */
    uint64_t       lap_ns;              /* the same since the last lap */
    uint64_t       gone_ns;             /* when the connection was lost */
    uint64_t       retry_ns;            /* when to connect */
    uint64_t       start_ns;            /* when connect() was called */
} wsl_conn_t;


/*
 * The frame of one record as the first client got it, fully checked.  Other
 * clients' frames for the same offset must equal it byte by byte, which is
 * as strong as checking each, and costs a memcmp().
 */

typedef struct {
    int64_t        offset;
    int64_t        owner;
    int64_t        seq;
    int64_t        stamp_us;            /* 0: none */
    uint8_t       *data;
    uint32_t       len;
    uint32_t       size;
} wsl_ref_t;


typedef struct {
    const char    *host;
    int            port;
    const char    *uri[WSL_URI_MAX];
    int            nuri;
    const char    *header[WSL_HEADER_MAX];
    int            nheader;
    const char    *protocol;            /* NULL: none offered */
    const char    *subscribe;           /* topic; NULL: no command */
    const char    *run;                 /* NULL: any run id */
    int            connections;
    int            never_read;          /* so many of them never read */
    int            drain;
    int            raw;                 /* text or binary: bare values */
    int            deflate;             /* agreed on, and never undone */
    int            partitions;          /* of each topic */
    int64_t        records;             /* per partition; -1: not known */
    int            owners;              /* 0: every record is everyone's */
    const char    *owner_by;            /* argument that says whose */
    int            owner_filter;        /* it is a field of the command */
    int            topics;              /* 0: the location is the whole one;
                                           else values name theirs */
    int            cut;                 /* after so many records; 0: never */
    int            late;                /* the first sequence is not 0 */
    int            resume;              /* reconnect, and with the cursor */
    int            sources;             /* 127.0.0.1 .. 127.0.0.n */
    int            inflight;            /* handshakes at once */
    int            rcvbuf;              /* of those that never read */
    int            seconds;             /* whole run at most */
    int64_t        frames;              /* enough per client; -1: not known */
    int            linger_ms;           /* after the last expected record */
    int            announce;            /* a line when all are connected */
} wsl_opt_t;


typedef struct {
    uint64_t       reads;
    uint64_t       bytes;
    uint64_t       frames;              /* all data frames */
    uint64_t       compressed;          /* of these with RSV1 */
    uint64_t       records;
    uint64_t       lost;
    uint64_t       doubled;
    uint64_t       reordered;
    uint64_t       corrupt;
    uint64_t       foreign;             /* another owner's */
    uint64_t       protocol;            /* RFC 6455 broken by the server */
    uint64_t       starts;
    uint64_t       resumed;             /* of these with state resumed */
    uint64_t       moved;               /* resumed elsewhere than the cursor */
    uint64_t       gaps;
    uint64_t       gap_records;
    uint64_t       idles;
    uint64_t       errors;              /* error events */
    uint64_t       unknown;             /* events of another name */
    uint64_t       pings;
    uint64_t       connects;
    uint64_t       reconnects;
    uint64_t       refused;             /* by TCP */
    uint64_t       turned_away;         /* by HTTP, when it came back */
    uint64_t       eofs;                /* connection ended without Close */
    uint64_t       resets;
    uint64_t       close_resets;        /* RST after both Closes */
    uint64_t       stall_ns;            /* longest of all */
    int64_t        stall_at_us;         /* when it ended, wall clock */
    uint32_t       code[WSL_CODES];     /* closes by code, HTTP by status */

    wsl_hist_t     latency_us;
    wsl_hist_t     lap_us;              /* the same since the last lap */
    wsl_hist_t     stalls_us;           /* longest stalls of all laps */
    wsl_hist_t     resume_us;           /* connection lost to first record */
    wsl_hist_t     handshake_us;

    int            ready;               /* clients connected at least once */
    int            open;
    int            open_max;
    int            done;
    int            over;
    int            inflight;            /* handshakes under way */
    int            lingering;           /* sockets that the server must end */
} wsl_total_t;


/* fields of a bulk record's value */

typedef struct {
    const char    *run;
    size_t         run_len;
    int64_t        owner;               /* -1: none; with --owners always */
    int64_t        partition;
    int64_t        seq;
    int64_t        stamp_us;
} wsl_value_t;


/* a member of a JSON object: name and raw value, strings with quotes */

typedef struct {
    const uint8_t  *name;
    size_t          name_len;
    const uint8_t  *value;
    size_t          value_len;
} wsl_member_t;


extern wsl_opt_t     wsl_opt;
extern wsl_total_t   wsl_total;
extern wsl_conn_t   *wsl_conns;
extern uint64_t      wsl_now_ns;        /* monotonic, at the last read */
extern int64_t       wsl_wall_us;       /* since the epoch, same moment */


/* with --topics: how many, and which one is a client's */

#define wsl_topics()  (wsl_opt.topics ? wsl_opt.topics : 1)
#define wsl_topic(c)  ((int) (((c) - wsl_conns) % wsl_topics()))


/* ws_load_util.c */

void wsl_clock(void);
uint64_t wsl_rand(void);
void wsl_hist_add(wsl_hist_t *h, uint64_t v);
uint64_t wsl_hist_quantile(const wsl_hist_t *h, double q);


/* ws_load_wire.c */

/* raises the limit of descriptors; returns it, or -1 */
int wsl_wire_limit(void);

/* source: n is 127.0.0.n, 0 any; returns a socket, or -1 */
int wsl_wire_socket(int source);

/* begins to connect; returns 0, or -1 */
int wsl_wire_connect(int fd, const char *host, int port);

/* returns the status of an HTTP answer, 0 if it is none */
int wsl_wire_status(const uint8_t *p, size_t len);

/*
 * The header of a server's frame.
 * deflate:  agreed on, so that a data frame may have RSV1
 * returns:  1: head and size are set; 0: more is needed; -1: illegal
 */
int wsl_wire_header(const uint8_t *p, size_t len, int deflate, size_t *head,
    uint64_t *size);

/* makes a masked control frame in buf, of 6 + len bytes; returns them */
size_t wsl_wire_control(uint8_t *buf, unsigned op, const uint8_t *p,
    size_t len);


/* ws_load_value.c */

/*
 * Reads the value of a record of t/broker/kafka_bulk.c, which says the form.
 * returns:  0, or -1 when it is not one or its CRC does not hold
 */
int wsl_value_read(const uint8_t *p, size_t len, wsl_value_t *v);


/* ws_load_owner.c */

/* whose c is, and what it has to get of each partition */
void wsl_owner_init(wsl_conn_t *c);

/* returns: which of the client's own a record is, from 0; -1: it is none */
int64_t wsl_owner_number(const wsl_part_t *part, int64_t seq);

/* what c asks with, behind the URI, or in its command; "": nothing */
void wsl_owner_arg(const wsl_conn_t *c, const char *uri, char *buf,
    size_t size);
void wsl_owner_filter(const wsl_conn_t *c, char *buf, size_t size);


/* ws_load_json.c */

/*
 * Reads a member.  p: behind '{' or ','; [p, last) includes the final '}'.
 * returns:  where the next one begins, last when there is none, or NULL
 */
const uint8_t *wsl_json_member(const uint8_t *p, const uint8_t *last,
    wsl_member_t *m);

int wsl_member_is(const wsl_member_t *m, const char *name);
int wsl_value_is(const wsl_member_t *m, const char *text);
int wsl_member_number(const wsl_member_t *m, int64_t *v);


/* ws_load_event.c */

/* returns 0, or -1 when it is none */
int wsl_check_event(wsl_conn_t *c, const uint8_t *p, size_t len);


/* ws_load_check.c */

int wsl_check_init(void);

/*
 * One message of the server.
 * returns:  0, or -1 when it is neither a record nor an event
 */
int wsl_check_message(wsl_conn_t *c, const uint8_t *p, size_t len);

/* cursor of a client; "" when none is known */
void wsl_check_cursor(const wsl_conn_t *c, char *buf, size_t size);

/* counts what has not come; once, at the end */
void wsl_check_final(const wsl_conn_t *c);


/* ws_load_conn.c */

int wsl_conn_init(int ep);
void wsl_conn_failed(wsl_conn_t *c);    /* sets the time of the next try */

/*
 * Ends the connection; again: and comes back, if that is wanted.
 * linger:   both Closes are exchanged, the server is to end the socket
 */
void wsl_conn_lose(wsl_conn_t *c, int linger, int again);

/* returns bytes used; 0: more is needed; -1: c is no longer connected */
ptrdiff_t wsl_conn_response(wsl_conn_t *c, const uint8_t *p, size_t len);

void wsl_conn_start(wsl_conn_t *c);     /* begins to connect */
void wsl_conn_event(uint64_t data, uint32_t events);
void wsl_conn_finish(wsl_conn_t *c);    /* sends Close 1000, reads on */
void wsl_conn_again(wsl_conn_t *c);     /* ws_load.c: puts it in the queue */


/* ws_load_frame.c */

void wsl_frame_read(wsl_conn_t *c);
void wsl_frame_reset(wsl_conn_t *c);    /* drops what is kept of a frame */
int wsl_frame_control(wsl_conn_t *c, unsigned op, const uint8_t *p,
    size_t len);


#endif /* _WS_LOAD_H_INCLUDED_ */
