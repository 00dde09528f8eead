
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


#define NGX_KAFKA_WS_READ_SIZE   16384  /* bytes of a read */
#define NGX_KAFKA_WS_READ_TURNS  4      /* reads before others get a turn */

#define NGX_KAFKA_WS_READ_PACED  4096   /* bytes of a read without credit */
#define NGX_KAFKA_WS_READ_QUIET  1000   /* ms that give the credit back */


static ngx_int_t ngx_kafka_ws_subscriber_read(ngx_kafka_ws_subscriber_t *kws);
static ngx_uint_t ngx_kafka_ws_subscriber_spent(
    ngx_kafka_ws_subscriber_t *kws);
static ngx_int_t ngx_kafka_ws_subscriber_take(ngx_kafka_ws_subscriber_t *kws,
    u_char *p, u_char *last);
static ngx_int_t ngx_kafka_ws_subscriber_input(ngx_kafka_ws_subscriber_t *kws,
    u_char *p, u_char *last);
static ngx_int_t ngx_kafka_ws_subscriber_data(ngx_kafka_ws_subscriber_t *kws,
    const ngx_kafka_ws_recv_t *ev);


void
ngx_kafka_ws_subscriber_read_handler(ngx_event_t *rev)
{
    ngx_int_t                   rc;
    ngx_connection_t           *c;
    ngx_kafka_ws_subscriber_t  *kws;

    c = rev->data;
    kws = ngx_kafka_ws_subscriber_of(c);

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

    rc = ngx_kafka_ws_subscriber_read(kws);

    if (rc == NGX_AGAIN) {
        ngx_post_event(rev, &ngx_posted_next_events);
        return;
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_kafka_ws_pace(&kws->pace, rev);
    }

    if (rc == NGX_OK && ngx_kafka_ws_paused(&kws->pace)) {
        return;
    }

    if (rc != NGX_OK) {
        ngx_kafka_ws_subscriber_fail(kws);
        return;
    }

    if (ngx_handle_read_event(rev, kws->eof ? NGX_CLOSE_EVENT : 0)
        != NGX_OK)
    {
        ngx_kafka_ws_subscriber_done(kws);
    }
}


/*
 * returns:  NGX_OK: nothing is there now; NGX_AGAIN: there is more, but
 *           others want their turn; NGX_DECLINED: the client sends more than
 *           it should; NGX_ERROR: the connection is over
 */

static ngx_int_t
ngx_kafka_ws_subscriber_read(ngx_kafka_ws_subscriber_t *kws)
{
    u_char               buf[NGX_KAFKA_WS_READ_SIZE];
    size_t               size;
    ssize_t              n;
    ngx_buf_t           *b;
    ngx_uint_t           turns, spent;
    ngx_connection_t    *c;

    c = kws->connection;
    b = kws->request->header_in;

    /* frames may have come in one packet with the request */

    if (b && b->pos < b->last) {

        if (ngx_kafka_ws_subscriber_take(kws, b->pos, b->last) != NGX_OK) {
            return NGX_ERROR;
        }

        b->pos = b->last;
    }

    turns = kws->owner->unpaced ? NGX_KAFKA_WS_READ_TURNS : 1;

    for ( ;; ) {

        if (!c->read->ready || kws->hold || kws->eof) {
            return NGX_OK;
        }

        if (turns-- == 0) {
            return NGX_AGAIN;
        }

        size = kws->credit ? NGX_KAFKA_WS_READ_SIZE : NGX_KAFKA_WS_READ_PACED;

#if (NGX_HTTP_SSL)
        n = c->ssl ? ngx_kafka_ws_subscriber_tls_recv(kws, buf, size)
                   : c->recv(c, buf, size);
#else
        n = c->recv(c, buf, size);
#endif

        if (n == NGX_AGAIN) {
            return NGX_OK;
        }

        if (n == 0 && kws->state == NGX_KAFKA_WS_SUB_CLOSING) {
            /* it can still get our Close */
            kws->eof = 1;
            return NGX_OK;
        }

        if (n == NGX_ERROR || n == 0) {
            return NGX_ERROR;
        }

        spent = ngx_kafka_ws_subscriber_spent(kws);

        if (ngx_kafka_ws_subscriber_take(kws, buf, buf + n) != NGX_OK) {
            return NGX_ERROR;
        }

        if (spent) {
            return NGX_DECLINED;
        }
    }
}


/*
 * Before a read is taken.  The client of a stream answers pings; what it has
 * to say besides comes in a few reads.
 */

static ngx_uint_t
ngx_kafka_ws_subscriber_spent(ngx_kafka_ws_subscriber_t *kws)
{
    if (kws->owner->unpaced) {
        return 0;
    }

    if (ngx_current_msec - kws->received >= NGX_KAFKA_WS_READ_QUIET) {
        kws->credit = NGX_KAFKA_WS_SUB_CREDIT;

    } else if (kws->credit) {
        kws->credit--;
    }

    return kws->credit == 0;
}


/* what one read brought, and the answers to it in one send */

static ngx_int_t
ngx_kafka_ws_subscriber_take(ngx_kafka_ws_subscriber_t *kws, u_char *p,
    u_char *last)
{
    u_char                  buf[NGX_KAFKA_WS_REPLIES_SIZE];
    ngx_int_t               rc;
    ngx_kafka_ws_replies_t  replies;

    replies.buf = buf;
    replies.len = 0;

    kws->received = ngx_current_msec;
    kws->replies = &replies;

    rc = ngx_kafka_ws_subscriber_input(kws, p, last);

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_subscriber_replies(kws);
    }

    kws->replies = NULL;

    return rc;
}


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
                return NGX_ERROR;
            }

            break;

        case NGX_KAFKA_WS_RECV_PONG:
            break;

        case NGX_KAFKA_WS_RECV_CLOSE:

            if (kws->state == NGX_KAFKA_WS_SUB_LINGER) {
                return ngx_kafka_ws_subscriber_half_close(kws);
            }

            /* it gets its own code back, RFC 6455, 5.5.1 */

            ngx_kafka_ws_subscriber_close(kws, ev.code, NULL, 0);
            break;

        case NGX_KAFKA_WS_RECV_DATA:
            if (ngx_kafka_ws_subscriber_data(kws, &ev) != NGX_OK) {
                return NGX_ERROR;
            }

            break;

        case NGX_KAFKA_WS_RECV_ERROR:

            if (kws->state == NGX_KAFKA_WS_SUB_LINGER) {
                return ngx_kafka_ws_subscriber_half_close(kws);
            }

            ngx_kafka_ws_subscriber_fault(kws, ev.code, ev.error);
            break;
        }
    }
}


static ngx_int_t
ngx_kafka_ws_subscriber_data(ngx_kafka_ws_subscriber_t *kws,
    const ngx_kafka_ws_recv_t *ev)
{
    ngx_int_t    rc;
    ngx_uint_t   code;
    const char  *text;

    if (kws->state >= NGX_KAFKA_WS_SUB_CLOSING) {
        return NGX_OK;
    }

    rc = NGX_OK;
    code = 0;
    text = "";

    if (ev->compressed) {
        rc = ngx_kafka_ws_subscriber_inflate(kws, ev, &code, &text);

    } else if (kws->owner->data) {
        rc = kws->owner->data(kws, ev);
    }

    if (rc == NGX_DECLINED) {
        /* a fault as those that the receiver finds: no more is looked at */
        kws->receiver.done = 1;
        ngx_kafka_ws_subscriber_fault(kws, code, text);
        return NGX_OK;
    }

    if (rc == NGX_OK && kws->owner->data == NULL && ev->last) {
        ngx_kafka_ws_subscriber_fault(kws, NGX_KAFKA_WS_CLOSE_UNSUPPORTED,
                                      "data is not accepted here");
    }

    return rc;
}


void
ngx_kafka_ws_subscriber_fault(ngx_kafka_ws_subscriber_t *kws, ngx_uint_t code,
    const char *text)
{
    if (kws->state >= NGX_KAFKA_WS_SUB_CLOSING) {
        /* our own Close is on its way: what comes now is ignored */
        return;
    }

    ngx_log_error(NGX_LOG_INFO, kws->connection->log, 0,
                  "client sent what is refused with %ui: %s", code, text);

    ngx_kafka_ws_subscriber_hush(kws);

    ngx_kafka_ws_subscriber_close(kws, code, (u_char *) text,
                                  ngx_strlen(text));
}
