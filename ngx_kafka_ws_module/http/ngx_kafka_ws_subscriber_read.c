
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a client sends.  One buffer on the stack serves all connections: what
 * has to be kept between two reads is in the receiver.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_subscriber.h"


#define NGX_KAFKA_WS_READ_SIZE   4096   /* bytes of a read */
#define NGX_KAFKA_WS_READ_TURNS  16     /* reads before others get a turn */


static ngx_int_t ngx_kafka_ws_subscriber_input(ngx_kafka_ws_subscriber_t *kws,
    u_char *p, u_char *last);
static void ngx_kafka_ws_subscriber_fault(ngx_kafka_ws_subscriber_t *kws,
    ngx_uint_t code, const char *text);


void
ngx_kafka_ws_subscriber_read_handler(ngx_event_t *rev)
{
    u_char                      buf[NGX_KAFKA_WS_READ_SIZE];
    ssize_t                     n;
    ngx_uint_t                  turn;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_kafka_ws_subscriber_t  *kws;

    c = rev->data;
    r = c->data;
    kws = ngx_http_get_module_ctx(r, ngx_kafka_ws_module);

    if (c->close) {

        if (c->error) {
            /* worker_shutdown_timeout: no time for anything */
            ngx_kafka_ws_subscriber_done(kws);
            return;
        }

        c->close = 0;
        c->idle = 0;

        if (kws->attached) {
            kws->owner->exiting(kws);
        }

        return;
    }

    if (rev->timedout) {
        rev->timedout = 0;
        ngx_kafka_ws_subscriber_timeout(kws);
        return;
    }

    /* frames may have come in one packet with the request */

    if (r->header_in && r->header_in->pos < r->header_in->last) {
        kws->received = ngx_current_msec;

        if (ngx_kafka_ws_subscriber_input(kws, r->header_in->pos,
                                          r->header_in->last)
            != NGX_OK)
        {
            return;
        }

        r->header_in->pos = r->header_in->last;
    }

    for (turn = 0; turn < NGX_KAFKA_WS_READ_TURNS; turn++) {

        if (!rev->ready) {
            break;
        }

        n = c->recv(c, buf, NGX_KAFKA_WS_READ_SIZE);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_kafka_ws_subscriber_done(kws);
            return;
        }

        kws->received = ngx_current_msec;

        if (ngx_kafka_ws_subscriber_input(kws, buf, buf + n) != NGX_OK) {
            return;
        }
    }

    if (turn == NGX_KAFKA_WS_READ_TURNS) {
        ngx_post_event(rev, &ngx_posted_next_events);
        return;
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_kafka_ws_subscriber_done(kws);
    }
}


/*
 * returns:  NGX_OK, or NGX_DONE: the subscriber is no more
 */

static ngx_int_t
ngx_kafka_ws_subscriber_input(ngx_kafka_ws_subscriber_t *kws, u_char *p,
    u_char *last)
{
    ngx_kafka_ws_recv_t  ev;

    for ( ;; ) {

        switch (ngx_kafka_ws_receiver_next(&kws->receiver, &p, last, &ev)) {

        case NGX_KAFKA_WS_RECV_MORE:
            return NGX_OK;

        case NGX_KAFKA_WS_RECV_PING:
            if (ngx_kafka_ws_subscriber_pong(kws, ev.data, ev.len)
                != NGX_OK)
            {
                return NGX_DONE;
            }

            break;

        case NGX_KAFKA_WS_RECV_PONG:
            break;

        case NGX_KAFKA_WS_RECV_CLOSE:
            kws->peer_closed = 1;

            if (kws->state == NGX_KAFKA_WS_SUB_LINGER) {
                ngx_kafka_ws_subscriber_done(kws);
                return NGX_DONE;
            }

            /* it gets its own code back, RFC 6455, 5.5.1 */

            ngx_kafka_ws_subscriber_close(kws, ev.code, NULL, 0);
            break;

        case NGX_KAFKA_WS_RECV_DATA:

            if (ev.last) {
                ngx_kafka_ws_subscriber_fault(kws,
                                              NGX_KAFKA_WS_CLOSE_UNSUPPORTED,
                                              "data is not accepted here");
            }

            break;

        case NGX_KAFKA_WS_RECV_ERROR:
            ngx_kafka_ws_subscriber_fault(kws, ev.code, ev.error);
            break;
        }
    }
}


static void
ngx_kafka_ws_subscriber_fault(ngx_kafka_ws_subscriber_t *kws, ngx_uint_t code,
    const char *text)
{
    if (kws->state >= NGX_KAFKA_WS_SUB_CLOSING) {
        /* our own Close is on its way: what comes now is ignored */
        return;
    }

    ngx_log_error(NGX_LOG_INFO, kws->connection->log, 0,
                  "client sent what is refused with %ui: %s", code, text);

    ngx_kafka_ws_subscriber_close(kws, code, (u_char *) text,
                                  ngx_strlen(text));
}
