
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What is sent to a client.  A frame is sent whole or its rest is kept and
 * goes out first; between two frames there is room for control frames.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_subscriber.h"


static ngx_int_t ngx_kafka_ws_subscriber_push(ngx_kafka_ws_subscriber_t *kws,
    u_char *frame, size_t len);
static ssize_t ngx_kafka_ws_subscriber_put(ngx_kafka_ws_subscriber_t *kws,
    u_char *buf, size_t len);
static ngx_int_t ngx_kafka_ws_subscriber_keep(ngx_kafka_ws_subscriber_t *kws,
    u_char *rest, size_t len);
static ngx_int_t ngx_kafka_ws_subscriber_control(
    ngx_kafka_ws_subscriber_t *kws);


ngx_int_t
ngx_kafka_ws_subscriber_send(ngx_kafka_ws_subscriber_t *kws, u_char *buf,
    size_t len, const uint32_t *ends, ngx_uint_t n, ngx_uint_t *done)
{
    ssize_t     sent;
    ngx_uint_t  lo, hi, mid;

    if (kws->rest) {
        /* the socket may have room, but not within a frame */
        *done = 0;
        return NGX_AGAIN;
    }

    sent = ngx_kafka_ws_subscriber_put(kws, buf, len);

    if (sent == (ssize_t) len) {
        *done = n;
        ngx_kafka_ws_count(&kws->counters->frames, n);

        return NGX_OK;
    }

    *done = 0;

    if (sent == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (sent == 0) {
        return NGX_AGAIN;
    }

    /* the first record that is not sent whole */

    lo = 0;
    hi = n;

    while (lo < hi) {
        mid = (lo + hi) / 2;

        if (ends[mid] <= (uint32_t) sent) {
            lo = mid + 1;

        } else {
            hi = mid;
        }
    }

    if (lo > 0 && ends[lo - 1] == (uint32_t) sent) {
        *done = lo;

    } else {

        if (ngx_kafka_ws_subscriber_keep(kws, buf + sent, ends[lo] - sent)
            != NGX_OK)
        {
            kws->torn = 1;
            return NGX_ERROR;
        }

        *done = lo + 1;
    }

    ngx_kafka_ws_count(&kws->counters->frames, *done);

    return NGX_AGAIN;
}


ngx_int_t
ngx_kafka_ws_subscriber_event(ngx_kafka_ws_subscriber_t *kws, u_char *frame,
    size_t len)
{
    ngx_kafka_ws_count(&kws->counters->events, 1);

    return ngx_kafka_ws_subscriber_push(kws, frame, len);
}


/* all of it: what the socket does not take is kept */

static ngx_int_t
ngx_kafka_ws_subscriber_push(ngx_kafka_ws_subscriber_t *kws, u_char *frame,
    size_t len)
{
    ssize_t  sent;

    sent = ngx_kafka_ws_subscriber_put(kws, frame, len);

    if (sent == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (sent == (ssize_t) len) {
        return NGX_OK;
    }

    if (ngx_kafka_ws_subscriber_keep(kws, frame + sent, len - sent)
        != NGX_OK)
    {
        kws->torn = (sent > 0);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * One system call.
 * returns:  bytes taken, 0 if none; NGX_ERROR
 */

static ssize_t
ngx_kafka_ws_subscriber_put(ngx_kafka_ws_subscriber_t *kws, u_char *buf,
    size_t len)
{
    ssize_t            n;
    ngx_connection_t  *c;
#if (NGX_HTTP_SSL)
    ngx_buf_t          b;
    ngx_chain_t        out, *cl;
#endif

    c = kws->connection;

    if (!c->write->ready) {
        return 0;
    }

#if (NGX_HTTP_SSL)

    /*
     * A TLS record that the socket did not take must be offered again with
     * the same bytes; nginx's chain function copies them into its own buffer.
     */

    if (c->ssl) {
        ngx_memzero(&b, sizeof(ngx_buf_t));

        b.start = buf;
        b.pos = buf;
        b.last = buf + len;
        b.end = b.last;
        b.memory = 1;
        b.flush = 1;

        out.buf = &b;
        out.next = NULL;

        cl = c->send_chain(c, &out, 0);

        if (cl == NGX_CHAIN_ERROR) {
            return NGX_ERROR;
        }

        n = b.pos - buf;

    } else

#endif

    {
        n = c->send(c, buf, len);

        if (n == NGX_AGAIN) {
            n = 0;
        }

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    if (n > 0) {
        kws->sent = 1;

        ngx_kafka_ws_count(&kws->counters->sends, 1);
        ngx_kafka_ws_count(&kws->counters->bytes, n);
    }

    /* over TLS all may be taken, and wait in nginx for room in the socket */

    if (!c->write->ready && ngx_handle_write_event(c->write, 0) != NGX_OK) {
        kws->torn = 1;
        return NGX_ERROR;
    }

    return n;
}


static ngx_int_t
ngx_kafka_ws_subscriber_keep(ngx_kafka_ws_subscriber_t *kws, u_char *rest,
    size_t len)
{
    kws->rest = ngx_alloc(len, kws->connection->log);
    if (kws->rest == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(kws->rest, rest, len);

    kws->rest_len = len;
    kws->rest_pos = 0;

    return NGX_OK;
}


/*
 * Gets out what was left over.
 * returns:  NGX_OK: nothing is left; NGX_AGAIN; NGX_ERROR
 */

ngx_int_t
ngx_kafka_ws_subscriber_flush(ngx_kafka_ws_subscriber_t *kws)
{
    ssize_t            n;
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = kws->connection;

#if (NGX_HTTP_SSL)
    if (c->ssl && (c->buffered & NGX_SSL_BUFFERED)) {
        if (c->send_chain(c, NULL, 0) == NGX_CHAIN_ERROR) {
            return NGX_ERROR;
        }

        if (c->buffered & NGX_SSL_BUFFERED) {
            return NGX_AGAIN;
        }
    }
#endif

    while (kws->rest) {

        n = ngx_kafka_ws_subscriber_put(kws, kws->rest + kws->rest_pos,
                                        kws->rest_len - kws->rest_pos);
        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        kws->rest_pos += n;

        if (kws->rest_pos < kws->rest_len) {
            return NGX_AGAIN;
        }

        ngx_free(kws->rest);
        kws->rest = NULL;
    }

    rc = ngx_kafka_ws_subscriber_control(kws);

#if (NGX_HTTP_SSL)
    if (rc == NGX_OK && c->ssl && (c->buffered & NGX_SSL_BUFFERED)) {
        /* a Close in there is not out */
        return NGX_AGAIN;
    }
#endif

    return rc;
}


/*
 * Scripts in browsers do not see these, so they do not delay idle events.
 */

static ngx_int_t
ngx_kafka_ws_subscriber_control(ngx_kafka_ws_subscriber_t *kws)
{
    size_t      len;
    u_char      ping[NGX_KAFKA_WS_CTRL_FRAME_MAX];
    ngx_uint_t  sent;

    sent = kws->sent;

    if (kws->pong_len) {

        if (ngx_kafka_ws_subscriber_blocked(kws)) {
            return NGX_AGAIN;
        }

        len = kws->pong_len;
        kws->pong_len = 0;

        if (ngx_kafka_ws_subscriber_event(kws, kws->pong, len) != NGX_OK) {
            return NGX_ERROR;
        }

        kws->sent = sent;
    }

    if (kws->ping_due) {

        if (ngx_kafka_ws_subscriber_blocked(kws)) {
            return NGX_AGAIN;
        }

        kws->ping_due = 0;

        len = ngx_kafka_ws_frame_control(ping, NGX_KAFKA_WS_OP_PING, NULL, 0);

        if (ngx_kafka_ws_subscriber_event(kws, ping, len) != NGX_OK) {
            return NGX_ERROR;
        }

        kws->sent = sent;
    }

    return kws->rest ? NGX_AGAIN : NGX_OK;
}


/*
 * A Pong that cannot go out at once waits, and a newer one takes its place,
 * RFC 6455, 5.5.3.
 */

ngx_int_t
ngx_kafka_ws_subscriber_pong(ngx_kafka_ws_subscriber_t *kws, u_char *data,
    size_t len)
{
    ngx_int_t  rc;

    if (kws->state != NGX_KAFKA_WS_SUB_OPEN
        && kws->state != NGX_KAFKA_WS_SUB_HEAD)
    {
        return NGX_OK;
    }

    rc = ngx_kafka_ws_subscriber_reply(kws, NGX_KAFKA_WS_FRAME_FIN
                                            | NGX_KAFKA_WS_OP_PONG,
                                       data, len);

    if (rc != NGX_AGAIN) {
        return rc;
    }

    if (kws->pong == NULL) {
        kws->pong = ngx_palloc(kws->request->pool,
                               NGX_KAFKA_WS_CTRL_FRAME_MAX);
        if (kws->pong == NULL) {
            return NGX_ERROR;
        }
    }

    kws->pong_len = ngx_kafka_ws_frame_control(kws->pong,
                                               NGX_KAFKA_WS_OP_PONG, data,
                                               len);

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_subscriber_reply(ngx_kafka_ws_subscriber_t *kws, unsigned first,
    const u_char *data, size_t len)
{
    u_char                  *p;
    ngx_kafka_ws_replies_t  *replies;

    replies = kws->replies;

    if (replies == NULL || kws->state != NGX_KAFKA_WS_SUB_OPEN
        || kws->pong_len || ngx_kafka_ws_subscriber_blocked(kws))
    {
        return NGX_AGAIN;
    }

    if (NGX_KAFKA_WS_HEADER_MAX + len
        > NGX_KAFKA_WS_REPLIES_SIZE - replies->len)
    {
        if (ngx_kafka_ws_subscriber_replies(kws) != NGX_OK) {
            return NGX_ERROR;
        }

        if (NGX_KAFKA_WS_HEADER_MAX + len > NGX_KAFKA_WS_REPLIES_SIZE
            || ngx_kafka_ws_subscriber_blocked(kws))
        {
            return NGX_AGAIN;
        }
    }

    ngx_kafka_ws_count(&kws->counters->events, 1);

    p = replies->buf + replies->len;

    if (len <= NGX_KAFKA_WS_CTRL_MAX) {
        p[0] = (u_char) first;
        p[1] = (u_char) len;
        p += 2;

    } else {
        p += ngx_kafka_ws_frame_header(p, first, len);
    }

    if (len) {
        p = ngx_cpymem(p, data, len);
    }

    replies->len = p - replies->buf;

    return NGX_OK;
}


/*
 * Sends what was collected, also ahead of a Close that waits; scripts in
 * browsers do not see it, so it does not delay idle events.
 */

ngx_int_t
ngx_kafka_ws_subscriber_replies(ngx_kafka_ws_subscriber_t *kws)
{
    size_t      len;
    ngx_uint_t  sent;

    len = kws->replies->len;

    if (len == 0) {
        return NGX_OK;
    }

    kws->replies->len = 0;
    sent = kws->sent;

    if (ngx_kafka_ws_subscriber_push(kws, kws->replies->buf, len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    kws->sent = sent;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_subscriber_ping(ngx_kafka_ws_subscriber_t *kws)
{
    kws->ping_due = 1;

    if (kws->state == NGX_KAFKA_WS_SUB_OPEN && kws->rest == NULL
        && ngx_kafka_ws_subscriber_control(kws) == NGX_ERROR)
    {
        ngx_kafka_ws_subscriber_fail(kws);
        return NGX_DONE;
    }

    return NGX_OK;
}


/* a Close can not stand within a frame whose rest is lost */

void
ngx_kafka_ws_subscriber_fail(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_connection_t  *c;

    c = kws->connection;

    if (kws->state >= NGX_KAFKA_WS_SUB_CLOSING || kws->torn
        || c->error || c->read->eof || c->read->error || c->write->error)
    {
        ngx_kafka_ws_subscriber_done(kws);
        return;
    }

    ngx_log_error(NGX_LOG_INFO, c->log, 0, "no memory for a client");
    ngx_kafka_ws_subscriber_hush(kws);

    ngx_kafka_ws_subscriber_close(kws, NGX_KAFKA_WS_CLOSE_INTERNAL,
                                  (u_char *) "out of memory",
                                  sizeof("out of memory") - 1);
}


void
ngx_kafka_ws_subscriber_write_handler(ngx_event_t *wev)
{
    ngx_int_t                   rc;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_kafka_ws_subscriber_t  *kws;

    c = wev->data;
    r = c->data;
    kws = ngx_kafka_ws_subscriber_of(c);

    if (wev->delayed && wev->timedout) {
        /* limit_rate, which holds for the response only */
        wev->delayed = 0;
        wev->timedout = 0;
    }

    rc = NGX_OK;

    if (r->out) {
        /* the response, if the socket did not take all of it */
        rc = ngx_http_write_filter(r, NULL);

        if (rc == NGX_ERROR) {
            ngx_kafka_ws_subscriber_done(kws);
            return;
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_subscriber_flush(kws);
    }

    if (rc == NGX_AGAIN && kws->drop
        && kws->state == NGX_KAFKA_WS_SUB_CLOSING)
    {
        /* it was given up on because it takes nothing */
        rc = NGX_ERROR;
    }

    /* where events are levels, one that is not needed is taken back, too */

    if (rc == NGX_ERROR) {
        ngx_kafka_ws_subscriber_fail(kws);
        return;
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_kafka_ws_subscriber_done(kws);
        return;
    }

    if (rc == NGX_AGAIN) {
        return;
    }

    if (kws->state == NGX_KAFKA_WS_SUB_CLOSING) {
        ngx_kafka_ws_subscriber_linger(kws);
        return;
    }

    if (kws->state == NGX_KAFKA_WS_SUB_HEAD) {
        ngx_kafka_ws_subscriber_set_state(kws, NGX_KAFKA_WS_SUB_OPEN);
    }

    if (kws->attached) {
        kws->owner->writable(kws);
    }
}
