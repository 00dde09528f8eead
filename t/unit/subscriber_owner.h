
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of the subscriber: its owner, which sends numbered records as a
 * worker does, and takes messages as the echo location does.  The trace gets
 *
 *     w  writable    l  leave    x  exiting    i  idle    m(a)  message
 *     s1 a record was taken, s1- and writable comes later, s! it broke
 */


#ifndef _SUBSCRIBER_OWNER_H_INCLUDED_
#define _SUBSCRIBER_OWNER_H_INCLUDED_


#include "subscriber_world.h"


#define OWNER_RECORDS  3     /* at once */


typedef struct {
    unsigned    records;     /* sent or kept */
    char        closes_in;   /* a call, as in the trace; 0: none */
    char        fails_in;
    unsigned    answers;     /* messages by what they say */
    unsigned    numbered;    /* messages so far: see owner_number() */
    size_t      len;
    u_char      message[WORLD_MAX_FRAME];
} owner_t;


static owner_t  owner;


static inline void owner_writable(ngx_kafka_ws_subscriber_t *kws);
static inline void owner_leave(ngx_kafka_ws_subscriber_t *kws);
static inline void owner_exiting(ngx_kafka_ws_subscriber_t *kws);
static inline ngx_int_t owner_idle(ngx_kafka_ws_subscriber_t *kws);
static inline ngx_int_t owner_data(ngx_kafka_ws_subscriber_t *kws,
    const ngx_kafka_ws_recv_t *ev);


static const ngx_kafka_ws_owner_t  owner_of_records = {
    owner_writable, owner_leave, owner_exiting, owner_idle, NULL, 0
};

static const ngx_kafka_ws_owner_t  owner_of_messages = {
    owner_writable, owner_leave, owner_exiting, NULL, owner_data, 1
};


/* payload of a client's message k: "m1:" and letters; returns n */

static inline size_t
owner_number(u_char *buf, unsigned k, size_t n)
{
    size_t  i;

    (void) snprintf((char *) buf, 16, "m%u:", k);

    for (i = strlen((char *) buf); i < n; i++) {
        buf[i] = (u_char) ('a' + (k + i) % 26);
    }

    return n;
}


/* numbered messages are whole, and none is lost */

static inline void
owner_checks(void)
{
    unsigned       k;
    char           name[16];
    size_t         n;
    static u_char  want[WORLD_MAX_FRAME];

    n = ngx_min(owner.len, sizeof(name) - 1);
    memcpy(name, owner.message, n);
    name[n] = '\0';

    if (client.damaged || n < sizeof(name) - 1
        || sscanf(name, "m%u:", &k) != 1)
    {
        return;
    }

    if (k != ++owner.numbered
        || memcmp(want, owner.message, owner_number(want, k, owner.len)) != 0)
    {
        world_broken("message lost or damaged");
    }
}


static inline void
owner_close(char where)
{
    if (owner.closes_in == where) {
        ngx_kafka_ws_subscriber_close(w.kws, NGX_KAFKA_WS_CLOSE_RESTART,
                                      (u_char *) "0:42", 4);
    }
}


static inline void
owner_writable(ngx_kafka_ws_subscriber_t *kws)
{
    world_trace(" w");

    if (ngx_kafka_ws_subscriber_blocked(kws)
        || kws->state != NGX_KAFKA_WS_SUB_OPEN)
    {
        world_broken("writable, and it is not");
    }

    owner_close('w');
}


static inline void
owner_leave(ngx_kafka_ws_subscriber_t *kws)
{
    world_trace(" l");

    if (w.left++) {
        world_broken("left twice");
    }
}


static inline void
owner_exiting(ngx_kafka_ws_subscriber_t *kws)
{
    world_trace(" x");
    owner_close('x');
}


static inline ngx_int_t
owner_idle(ngx_kafka_ws_subscriber_t *kws)
{
    u_char  frame[] = { CLIENT_FIN | 0x1, 4, 'i', 'd', 'l', 'e' };

    world_trace(" i");

    if (owner.fails_in == 'i') {
        return NGX_ERROR;
    }

    owner_close('i');

    return owner.closes_in == 'i' ? NGX_OK
           : ngx_kafka_ws_subscriber_event(kws, frame, sizeof(frame));
}


static inline ngx_int_t
owner_data(ngx_kafka_ws_subscriber_t *kws, const ngx_kafka_ws_recv_t *ev)
{
    ngx_int_t  rc;

    if (w.left) {
        world_broken("data for one that has left");
    }

    if (owner.fails_in == 'm') {
        return NGX_ERROR;
    }

    if (ev->first) {
        owner.len = 0;
    }

    if (ev->len > sizeof(owner.message) - owner.len) {
        world_broken("message too long");
        return NGX_ERROR;
    }

    if (ev->len) {
        memcpy(owner.message + owner.len, ev->data, ev->len);
        owner.len += ev->len;
    }

    owner_close('m');

    if (!ev->last || w.left) {
        return NGX_OK;
    }

    owner_checks();

    if (owner.len > 16) {
        world_trace(" m(#%u)", (unsigned) owner.len);

    } else {
        world_trace(" m(%.*s)", (int) owner.len,
                    (const char *) owner.message);
    }

    if (!owner.answers) {
        return NGX_OK;
    }

    rc = ngx_kafka_ws_subscriber_reply(kws, CLIENT_FIN | 0x1, owner.message,
                                       owner.len);
    if (rc == NGX_AGAIN) {
        world_trace(" full");
        return NGX_OK;
    }

    return rc;
}


/* n new records in one piece; it sends only when it may, as a worker does */

static inline void
owner_sends(unsigned n, size_t size)
{
    size_t         len;
    uint32_t       ends[OWNER_RECORDS];
    unsigned       i;
    ngx_int_t      rc;
    ngx_uint_t     done;
    static u_char  buf[OWNER_RECORDS * RECORD_MAX];

    if (w.kws == NULL || w.kws->state != NGX_KAFKA_WS_SUB_OPEN
        || ngx_kafka_ws_subscriber_blocked(w.kws))
    {
        return;
    }

    len = 0;

    for (i = 0; i < n; i++) {
        len += client_record(buf + len, owner.records + 1 + i, size);
        ends[i] = (uint32_t) len;
    }

    rc = ngx_kafka_ws_subscriber_send(w.kws, buf, len, ends, n, &done);

    /* the memory is the caller's again */
    memset(buf, 0, len);

    if (rc == NGX_ERROR) {
        world_trace(" s!");
        ngx_kafka_ws_subscriber_fail(w.kws);
        return;
    }

    owner.records += (unsigned) done;
    world_trace(" s%u%s", (unsigned) done, rc == NGX_AGAIN ? "-" : "");
}


#endif /* _SUBSCRIBER_OWNER_H_INCLUDED_ */
