
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of the subscriber: what can happen to a connection.
 */


#ifndef _SUBSCRIBER_EVENTS_H_INCLUDED_
#define _SUBSCRIBER_EVENTS_H_INCLUDED_


#include "subscriber_states.h"


/* what is different from the usual */

#define WITH_MESSAGES   0x0001   /* the owner takes data */
#define WITH_ANSWERS    0x0003   /* and answers */
#define WITH_NO_MEMORY  0x0004   /* for the next allocation */
#define WITH_ROOM(n)    (((n) + 1) << 8)   /* in a socket that takes all */


typedef struct event_s  event_t;

struct event_s {
    const char  *name;
    void       (*fire)(const event_t *e);
    unsigned     n;              /* first byte of a frame, or a number */
    const char  *bytes;
    size_t       len;
    unsigned     with;
    char         closes_in;      /* the owner does; see subscriber_owner.h */
    unsigned     code;           /* of its end, where no Close tells it */
    const char  *answer;
    const char  *cells;          /* a letter for each state */
    const char  *tls_cells;      /* NULL: the same */
};


/* the client */

static inline void
fire_frame(const event_t *e)
{
    size_t         n;
    static u_char  buf[8192];

    n = client_frame(buf, e->n, e->bytes, e->len);
    state_receive(buf, n);
}


static inline void
fire_bytes(const event_t *e)
{
    state_receive(e->bytes, e->len);
}


/* two frames in one read: n, then n >> 8 */

static inline void
fire_frames(const event_t *e)
{
    size_t  n;
    u_char  buf[64];

    n = client_frame(buf, e->n & 0xff, e->bytes, 2);
    n += client_frame(buf + n, e->n >> 8, e->bytes + 2, e->len - 2);
    state_receive(buf, n);
}


/* the end of what states 'f' and 'z' are in the middle of */

static inline void
fire_continuation(const event_t *e)
{
    size_t  n;
    u_char  buf[64], frame[128];

    n = state_deflate("hello", 5, buf, sizeof(buf));

    n = w.kws->receiver.compressed
        ? client_frame(frame, CLIENT_FIN, buf + 3, n - 3)
        : client_frame(frame, CLIENT_FIN, "\x82\xac", 2);

    state_receive(frame, n);
}


/* len bytes of e->bytes[0], deflated */

static inline void
fire_deflated(const event_t *e)
{
    size_t         n;
    u_char         buf[512], frame[600];
    static u_char  plain[16384];

    memset(plain, e->bytes[0], sizeof(plain));

    n = state_deflate(plain, e->len, buf, sizeof(buf));
    n = client_frame(frame, e->n, buf, n);
    state_receive(frame, n);
}


static inline void
fire_not_agreed(const event_t *e)
{
    size_t  n;
    u_char  frame[16];

    w.kws->receiver.decoder.rsv1_allowed = 0;
    n = client_frame(frame, e->n, "a", 1);
    state_receive(frame, n);
}


static inline void
fire_too_big(const event_t *e)
{
    size_t         n;
    static u_char  buf[8192], frame[8200];

    n = client_frame(frame, e->n, buf, WORLD_MAX_FRAME + 1);
    state_receive(frame, n);
}


static inline void
fire_crumbs(const event_t *e)
{
    u_char    frame[16];
    size_t    n;
    unsigned  i;

    n = client_frame(frame, 0x2, "", 0);
    state_receive(frame, n);

    n = client_frame(frame, 0x0, "", 0);

    for (i = 0; i < e->n; i++) {
        state_receive(frame, n);
    }
}


/* n frames in a row, more than one read holds */

static inline void
fire_flood(const event_t *e)
{
    size_t    n;
    u_char    frame[16];
    unsigned  i;

    n = client_frame(frame, CLIENT_FIN | 0xa, "", 0);
    state_receive(frame, n);

    for (i = 1; i < e->n; i++) {
        world_receive(frame, n);
    }
}


static inline void
fire_eof(const event_t *e)
{
    if (e->len) {
        fire_frame(e);
    }

    w.recv_eof = 1;
    w.read_edge = 1;
}


static inline void
fire_reset(const event_t *e)
{
    ngx_event_t  *rev;

    w.recv_error = 1;
    w.send_error = 1;

    rev = w.c->read;
    rev->ready = 1;
    rev->handler(rev);

    if (w.c) {
        w.c->write->ready = 1;
        w.c->write->handler(w.c->write);
    }
}


/* the socket: room for n bytes */

static inline void
fire_room(const event_t *e)
{
    w.room = w.room == WORLD_EMPTY ? WORLD_EMPTY : e->n;
    w.c->write->ready = 1;
    w.c->write->handler(w.c->write);
}


/* the client's frame and room in one turn of the loop: it is read first */

static inline void
fire_both(const event_t *e)
{
    ngx_event_t  *rev;

    w.room = WORLD_EMPTY;
    w.c->write->ready = 1;

    fire_frame(e);

    rev = w.c->read;
    rev->ready = 1;
    rev->handler(rev);

    if (w.c) {
        w.c->write->handler(w.c->write);
    }
}


static inline void
fire_room_timer(const event_t *e)
{
    w.kws->sent = 0;
    world_room(WORLD_EMPTY);
    world_settle();

    if (w.c) {
        world_expire();
    }
}


static inline void
fire_spurious(const event_t *e)
{
    w.c->write->ready = 1;
    w.c->write->handler(w.c->write);
}


static inline void
fire_send_error(const event_t *e)
{
    w.send_error = 1;
    w.write_edge = 1;

    if (w.room == WORLD_EMPTY) {
        owner_sends(1, RECORD_SMALL);
    }
}


/* the owner */

/* records; n: bytes that the socket takes, where it takes any now */

static inline void
fire_records(const event_t *e)
{
    if (w.room == WORLD_EMPTY && w.kws->state == NGX_KAFKA_WS_SUB_OPEN) {
        world_room(e->n);
    }

    owner_sends((unsigned) e->len, e->n == 16000 ? RECORD_BIG : RECORD_SMALL);
}


static inline void
fire_event(const event_t *e)
{
    if (w.kws->state == NGX_KAFKA_WS_SUB_OPEN
        && !ngx_kafka_ws_subscriber_blocked(w.kws))
    {
        world_room(e->n);

        if (owner_idle(w.kws) != NGX_OK) {
            ngx_kafka_ws_subscriber_fail(w.kws);
        }
    }
}


static inline void
fire_close(const event_t *e)
{
    ngx_kafka_ws_subscriber_close(w.kws, e->n, (u_char *) e->bytes, e->len);
}


static inline void
fire_done(const event_t *e)
{
    ngx_kafka_ws_subscriber_done(w.kws);
}


/* no more is read, a ping comes, and then it is read */

static inline void
fire_hold(const event_t *e)
{
    w.kws->hold = 1;
    fire_frame(e);
    world_settle();
    world_trace(" on");

    if (w.kws) {
        w.kws->hold = 0;
        ngx_kafka_ws_subscriber_read_on(w.kws);
    }
}


/* timers */

static inline void
fire_timer(const event_t *e)
{
    unsigned  i;

    for (i = 0; i < e->n && w.c; i++) {
        world_expire();
        world_settle();
    }
}


static inline void
fire_early(const event_t *e)
{
    ngx_msec_t  now;

    now = ngx_current_msec;
    ngx_current_msec++;
    world_timer->key = now;
    world_expire();
}


static inline void
fire_ping_fails(const event_t *e)
{
    w.send_error = 1;
    w.write_edge = 1;
    world_expire();
}


/* the client was heard of since the timer was set */

static inline void
fire_heard(const event_t *e)
{
    ngx_current_msec += 1000;
    fire_frame(e);
    world_settle();

    if (w.c) {
        world_expire();
    }
}


static inline void
fire_data_fails(const event_t *e)
{
    owner.fails_in = 'm';
    fire_frame(e);
}


static inline void
fire_idle_fails(const event_t *e)
{
    owner.fails_in = 'i';
    world_expire();
}


/* nginx */

/* limit_rate kept the response back, and its timer is over */

static inline void
fire_delayed(const event_t *e)
{
    w.room = WORLD_EMPTY;
    w.c->write->ready = 1;
    w.c->write->delayed = 1;

    if (w.response) {
        w.c->write->handler(w.c->write);

        if (client.open) {
            world_broken("the response ahead of its time");
        }
    }

    w.c->write->timedout = 1;
    w.c->write->handler(w.c->write);
}


static inline void
fire_exiting(const event_t *e)
{
    ngx_exiting = 1;
    w.c->close = 1;
    w.c->error = e->n ? 1 : 0;
    w.c->read->handler(w.c->read);
}


static inline void
fire_exit(const event_t *e)
{
    /* those that have left are not known to the worker any more */

    if (!w.left) {
        world_room(w.room ? WORLD_EMPTY : e->n);
        ngx_kafka_ws_subscriber_exit(w.kws);
    }
}


/* another cleanup stands before ours, then nginx ends the request */

static inline void
fire_freed(const event_t *e)
{
    ngx_connection_t  *c;

    c = w.c;

    (void) ngx_http_cleanup_add(w.r, 0);

    if (ngx_kafka_ws_subscriber_of(c) != w.kws) {
        world_broken("not found behind another cleanup");
    }

    ngx_http_free_request(w.r, 0);
    ngx_http_close_connection(c);
}


/* a call fails from now on; what makes the connection call it */

static inline void
fire_failing(const event_t *e)
{
    size_t  n;
    u_char  buf[16];

    w.fail = e->n;

    switch (e->n) {

    case FAIL_READ_EVENT:
        state_receive("", 0);
        w.read_edge = 1;
        w.c->read->ready = 1;
        ngx_kafka_ws_subscriber_read_on(w.kws);
        break;

    case FAIL_WRITE_EVENT:
        w.c->write->ready = 1;
        w.c->write->handler(w.c->write);
        break;

    case FAIL_SETSOCKOPT:
        world_expire();
        world_settle();

        if (w.c) {
            world_expire();
        }

        break;

    default:
        n = client_frame(buf, CLIENT_FIN | 0x8, "\x03\xe8", 2);
        state_receive(buf, n);
        break;
    }
}


#endif /* _SUBSCRIBER_EVENTS_H_INCLUDED_ */
