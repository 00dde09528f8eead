
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of the subscriber: how a connection begins and how nginx ends it,
 * and what has to hold at any time and at the end.
 */


#ifndef _SUBSCRIBER_WORLD_H_INCLUDED_
#define _SUBSCRIBER_WORLD_H_INCLUDED_


#include "subscriber_client.h"


#define WORLD_PING          30000   /* ms */
#define WORLD_PING_TIMEOUT  10000
#define WORLD_MAX_FRAME     4096    /* bytes */


void
ngx_http_free_request(ngx_http_request_t *r, ngx_int_t rc)
{
    world_block_t       *b;
    ngx_http_cleanup_t  *cln;

    if (r != w.r) {
        world_broken("another request freed");
    }

    cln = r->cleanup;
    r->cleanup = NULL;

    while (cln) {
        if (cln->handler) {
            cln->handler(cln->data);
        }

        cln = cln->next;
    }

    while (w.pool) {
        b = w.pool;
        w.pool = b->next;
        free(b->data);
        free(b);
    }

    free(r);

    w.r = NULL;
    w.kws = NULL;
    w.freed++;
}


void
ngx_http_close_connection(ngx_connection_t *c)
{
    if (c != w.c) {
        world_broken("another connection closed");
    }

    if (w.r) {
        world_broken("connection closed ahead of its request");
    }

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    free(c->read);
    free(c->write);
    free(c->ssl);
    free(c);

    w.c = NULL;
    w.closed++;
    world_trace(" end");
}


static inline void *
world_zeroed(size_t size)
{
    void  *p;

    p = calloc(1, size);
    if (p == NULL) {
        exit(2);
    }

    return p;
}


/* a request whose response is on its way; room: for the response at first */

static inline void
world_begin(unsigned tls, unsigned level, size_t room)
{
    ngx_connection_t  *c;

    memset(&w, 0, sizeof(world_t));
    client_begin();

    ngx_current_msec = WORLD_START;
    ngx_exiting = 0;
    world_timer = NULL;

    ngx_queue_init(&ngx_posted_events);
    ngx_queue_init(&ngx_posted_next_events);

    w.tls = tls;
    w.level = level;
    w.room = room;
    w.response = sizeof(WORLD_RESPONSE) - 1;
    w.log.log_level = NGX_LOG_INFO;
    w.conf.ping = WORLD_PING;
    w.conf.ping_timeout = WORLD_PING_TIMEOUT;
    w.conf.max_frame = WORLD_MAX_FRAME;
    w.conf.buffer = NGX_KAFKA_WS_SOCKET_BUFFER;
    w.counters.connections = 1;

    w.c = c = world_zeroed(sizeof(ngx_connection_t));
    w.r = world_zeroed(sizeof(ngx_http_request_t));

    c->read = world_zeroed(sizeof(ngx_event_t));
    c->write = world_zeroed(sizeof(ngx_event_t));
    c->ssl = tls ? world_zeroed(sizeof(ngx_ssl_connection_t)) : NULL;

    c->data = w.r;
    c->log = &w.log;
    c->fd = 1000;
    c->recv = world_recv;
    c->send = world_send;
    c->send_chain = world_send_chain;

    c->read->data = c;
    c->read->log = &w.log;
    c->read->ready = 1;
    c->read->active = !level;

    c->write->data = c;
    c->write->log = &w.log;
    c->write->write = 1;
    c->write->ready = 1;
    c->write->active = !level;

    w.r->connection = c;
    w.r->main = w.r;
    w.r->count = 1;

    if (!tls) {
        (void) ngx_http_write_filter(w.r, NULL);
        return;
    }

    memcpy(w.tls_buf, WORLD_RESPONSE, w.response);
    w.tls_len = w.response;
    w.response = 0;
    (void) c->send_chain(c, NULL, 0);
}


static inline void
world_create(const ngx_kafka_ws_owner_t *owner)
{
    w.kws = ngx_kafka_ws_subscriber_create(w.r,
                                           sizeof(ngx_kafka_ws_subscriber_t));

    if (w.kws
        && ngx_kafka_ws_subscriber_begin(w.kws, &w.conf, 1, &w.counters, owner,
                                         &w)
           != NGX_OK)
    {
        w.kws = NULL;
    }
}


/* what happens to a connection, but for the loop */

static inline void
world_receive(const void *p, size_t n)
{
    if (w.c == NULL || w.recv_eof) {
        return;
    }

    if (w.in_pos == w.in_len) {
        w.in_pos = 0;
        w.in_len = 0;
    }

    if (n > sizeof(w.in) - w.in_len) {
        return;
    }

    memcpy(w.in + w.in_len, p, n);
    w.in_len += n;
    w.read_edge = 1;
}


static inline void
world_room(size_t room)
{
    if (w.c && !w.c->write->ready && room) {
        w.write_edge = 1;
    }

    w.room = room;
}


static inline void
world_expire(void)
{
    ngx_event_t  *ev;

    if (world_timer == NULL) {
        world_broken("no timer");
        return;
    }

    ev = (ngx_event_t *) ((char *) world_timer - offsetof(ngx_event_t, timer));

    if ((ngx_msec_int_t) (world_timer->key - ngx_current_msec) > 0) {
        ngx_current_msec = world_timer->key;
    }

    ngx_del_timer(ev);
    ev->timedout = 1;
    ev->handler(ev);
}


/* what has to hold while nothing happens */

static inline void
world_check(void)
{
    ngx_uint_t                  i, waits;
    uint64_t                    closes;
    ngx_connection_t           *c;
    ngx_kafka_ws_subscriber_t  *kws;

    closes = 0;

    for (i = 0; i < NGX_KAFKA_WS_CLOSES; i++) {
        closes += w.counters.closes[i];
    }

    if (w.counters.bytes != w.taken || w.counters.sends != w.sends
        || w.counters.accepted != 1)
    {
        world_broken("not counted well");
    }

    if (w.c == NULL) {
        if (w.r || w.freed != 1 || w.closed != 1 || w.left != 1) {
            world_broken("not ended once");
        }

        if (w.counters.connections != 0 || closes != 1) {
            world_broken("not counted once");
        }

        if (world_timer || !ngx_queue_empty(&ngx_posted_events)
            || !ngx_queue_empty(&ngx_posted_next_events))
        {
            world_broken("something is left of it");
        }

        return;
    }

    c = w.c;
    kws = w.kws;

    if (w.r == NULL || w.freed || w.closed) {
        world_broken("half ended");
        return;
    }

    if (w.counters.connections != 1 || closes != 0) {
        world_broken("counted before its end");
    }

    if (kws->attached == w.left
        || kws->attached != (kws->state < NGX_KAFKA_WS_SUB_CLOSING))
    {
        world_broken("with its owner in a wrong state");
    }

    if (!c->read->timer_set) {
        world_broken("no timer");
    }

    /* what has to go out, and nobody who sees to it */

    waits = w.response || w.tls_len || kws->rest || kws->pong_len
            || kws->ping_due || kws->state == NGX_KAFKA_WS_SUB_HEAD
            || kws->state == NGX_KAFKA_WS_SUB_CLOSING;

    if (waits && (c->write->ready || w.room || !c->write->active)) {
        world_broken("it waits for nothing");
    }

    if (kws->state == NGX_KAFKA_WS_SUB_LINGER && waits) {
        world_broken("it waits for its end with bytes to send");
    }

    /* what has come, and nobody who reads it */

    if (!kws->hold && !kws->eof
        && (w.in_pos < w.in_len || w.recv_eof || w.recv_error
            || !c->read->active))
    {
        world_broken("it reads no more");
    }
}


#endif /* _SUBSCRIBER_WORLD_H_INCLUDED_ */
