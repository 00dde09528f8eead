
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A subscriber's life:
 *
 *     state    event                    next     action
 *     -------  -----------------------  -------  ---------------------------
 *     HEAD     response is out          OPEN     owner: writable
 *     HEAD     Ping, message, Close     as OPEN  the answer waits
 *     OPEN     records, events          OPEN     sent as one piece
 *     OPEN     socket full              OPEN     rest of the frame is kept
 *     OPEN     all of it is out         OPEN     owner: writable
 *     OPEN     Ping                     OPEN     Pong; the newest one only
 *                                                while the socket is full
 *     OPEN     nothing sent             OPEN     owner: idle
 *     OPEN     nothing received         OPEN     Ping
 *     OPEN     Ping unanswered          CLOSING  1011, if the socket takes it;
 *                                       DONE     else RST
 *     OPEN     message                  OPEN     owner: data, or close 1003
 *     OPEN     Close                    CLOSING  its code comes back
 *     OPEN     illegal frame, message   CLOSING  1002, 1007, 1008, 1009
 *     OPEN     owner closes             CLOSING  its code and reason
 *     CLOSING  EOF                      CLOSING  the Close still goes out
 *     CLOSING  Close is out             LINGER   half-close, if the client's
 *                                                Close or a fault was first
 *                                       DONE     if its EOF was
 *     CLOSING  timeout                  DONE     RST: the client takes nothing
 *     LINGER   Close, illegal frame     LINGER   half-close
 *     LINGER   timeout                  DONE
 *     others   EOF                      DONE
 *     OPEN     no memory                CLOSING  1011
 *     any      error, no memory for     DONE
 *              the rest of a frame
 *     any      worker exits             same     owner, while it has one:
 *                                                exiting
 *     OPEN     fast stop                DONE     1001, if the socket takes it
 *     any      worker_shutdown_timeout  DONE
 *     any      nginx frees the request  DONE
 *
 * Whatever leads from HEAD or OPEN to another state, owner: leave.  A Close
 * for which there is no memory has no reason, and the rest is the same.  What
 * comes of each event in each state stands in t/unit/subscriber_table.h.
 *
 * From CLOSING on what the client sends is read and left unused, up to its
 * end: a socket that is closed with unread bytes in it resets the connection,
 * and a reset can destroy the Close.
 *
 * Nothing is sent behind a Close, and nothing but the rest of what was begun
 * before it.  The only memory beside the struct is that rest, a Pong that has
 * to wait, and a compressed message that is not whole yet.
 *
 * The connection's read timer serves for everything that has a time; the
 * events are our own, since nginx's handler would end the request without a
 * Close.  The request is kept to the end, for its log line and its limits.
 *
 * To add a state, add it to the enum in order of time, to this table, to the
 * conditions in this file and in _read.c and _write.c, and to the test's table.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_subscriber.h"


#define NGX_KAFKA_WS_CLOSE_TIMEOUT   5000   /* ms to get a Close out */
#define NGX_KAFKA_WS_LINGER_TIMEOUT  2000   /* ms for the client's end */
#define NGX_KAFKA_WS_EXIT_TIMEOUT    500    /* ms for either at a shutdown */

#define ngx_kafka_ws_subscriber_patience(time)                                \
    (ngx_exiting ? NGX_KAFKA_WS_EXIT_TIMEOUT : (time))


static void ngx_kafka_ws_subscriber_cleanup(void *data);


const uint16_t  ngx_kafka_ws_close_codes[NGX_KAFKA_WS_CLOSES] = {
    NGX_KAFKA_WS_CLOSE_NORMAL, NGX_KAFKA_WS_CLOSE_GOING_AWAY,
    NGX_KAFKA_WS_CLOSE_PROTOCOL, NGX_KAFKA_WS_CLOSE_UNSUPPORTED,
    NGX_KAFKA_WS_CLOSE_NO_STATUS, NGX_KAFKA_WS_CLOSE_ABNORMAL,
    NGX_KAFKA_WS_CLOSE_BAD_DATA, NGX_KAFKA_WS_CLOSE_POLICY,
    NGX_KAFKA_WS_CLOSE_TOO_BIG, NGX_KAFKA_WS_CLOSE_INTERNAL,
    NGX_KAFKA_WS_CLOSE_RESTART, NGX_KAFKA_WS_CLOSE_OVERLOAD,
    NGX_KAFKA_WS_CLOSE_LIFETIME, NGX_KAFKA_WS_CLOSE_REFUSED,
    NGX_KAFKA_WS_CLOSE_GONE, NGX_KAFKA_WS_CLOSE_SLOW,
    NGX_KAFKA_WS_CLOSE_POSITION, 0, 0, 0
};


ngx_kafka_ws_subscriber_t *
ngx_kafka_ws_subscriber_create(ngx_http_request_t *r, size_t size)
{
    ngx_http_cleanup_t         *cln;
    ngx_kafka_ws_subscriber_t  *kws;

    kws = ngx_pcalloc(r->pool, size);
    if (kws == NULL) {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    kws->request = r;
    kws->data = cln;

    return kws;
}


ngx_int_t
ngx_kafka_ws_subscriber_begin(ngx_kafka_ws_subscriber_t *kws,
    ngx_kafka_ws_socket_conf_t *conf, ngx_uint_t deflate,
    ngx_kafka_ws_counters_t *counters, const ngx_kafka_ws_owner_t *owner,
    void *data)
{
    int                  size;
    ngx_connection_t    *c;
    ngx_http_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = kws->request;
    c = r->connection;
    cln = kws->data;

    kws->connection = c;
    kws->conf = conf;
    kws->counters = counters;
    kws->owner = owner;
    kws->data = data;
    kws->attached = 1;
    kws->received = ngx_current_msec;
    kws->quiet = ngx_current_msec;

    kws->credit = NGX_KAFKA_WS_SUB_CREDIT;
    kws->deflate = deflate ? 1 : 0;

    ngx_kafka_ws_receiver_init(&kws->receiver, conf->max_frame);
    kws->receiver.decoder.rsv1_allowed = kws->deflate;

    /* the kernel's part of a slow client's memory */

    size = (int) conf->buffer;

    if (setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, (const void *) &size,
                   sizeof(int))
        == -1)
    {
        ngx_connection_error(c, ngx_socket_errno,
                             "setsockopt(SO_SNDBUF) failed");
    }

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        return NGX_ERROR;
    }

    cln->handler = ngx_kafka_ws_subscriber_cleanup;
    cln->data = kws;

    c->log->action = "streaming kafka records";

    /* r stays in c->data: the stack above still uses it */

    c->read->handler = ngx_kafka_ws_subscriber_read_handler;
    c->write->handler = ngx_kafka_ws_subscriber_write_handler;
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    r->keepalive = 0;
    r->main->count++;

    /* a graceful shutdown calls the read handler of idle connections */
    c->idle = 1;

    ngx_kafka_ws_count(&counters->accepted, 1);

    ngx_add_timer(c->read, conf->ping);

    ngx_post_event(c->write, &ngx_posted_events);
    ngx_post_event(c->read, &ngx_posted_events);

    return NGX_OK;
}


/*
 * The connection's data is its request, and the first of the request's
 * cleanups is ours, unless a variable that is evaluated later adds another.
 */

ngx_kafka_ws_subscriber_t *
ngx_kafka_ws_subscriber_of(ngx_connection_t *c)
{
    ngx_http_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = c->data;
    cln = r->cleanup;

    while (cln->handler != ngx_kafka_ws_subscriber_cleanup) {
        cln = cln->next;
    }

    return cln->data;
}


void
ngx_kafka_ws_subscriber_set_state(ngx_kafka_ws_subscriber_t *kws,
    ngx_kafka_ws_subscriber_state_e state)
{
    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, kws->connection->log, 0,
                   "kafka ws subscriber state %d -> %d", (int) kws->state,
                   (int) state);

    kws->state = state;
}


void
ngx_kafka_ws_subscriber_hush(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_log_t  *log;

    /* the level is the connection's own */

    log = kws->connection->log;

    if (!(log->log_level & NGX_LOG_DEBUG_ALL)) {
        log->log_level = ngx_min(log->log_level, NGX_LOG_NOTICE);
    }
}


void
ngx_kafka_ws_subscriber_close(ngx_kafka_ws_subscriber_t *kws, ngx_uint_t code,
    u_char *reason, size_t len)
{
    size_t   n;
    u_char   frame[NGX_KAFKA_WS_CTRL_FRAME_MAX];

    if (kws->state >= NGX_KAFKA_WS_SUB_CLOSING) {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, kws->connection->log, 0,
                   "kafka ws close %ui \"%*s\"", code, len, reason);

    kws->code = (uint16_t) code;

    ngx_kafka_ws_subscriber_set_state(kws, NGX_KAFKA_WS_SUB_CLOSING);

    if (kws->attached) {
        kws->attached = 0;
        kws->owner->leave(kws);
    }

    n = ngx_kafka_ws_frame_close(frame, (unsigned) code, reason, len);

    /* what waits in vain behind half a frame is replaced by the Close */

    if (kws->pong == NULL) {
        kws->pong = ngx_palloc(kws->request->pool,
                               NGX_KAFKA_WS_CTRL_FRAME_MAX);
    }

    if (kws->pong == NULL) {
        n = ngx_kafka_ws_frame_close(frame, (unsigned) code, NULL, 0);
        kws->pong = kws->bare;
    }

    ngx_memcpy(kws->pong, frame, n);
    kws->pong_len = n;

    kws->ping_due = 0;

    ngx_add_timer(kws->connection->read,
           ngx_kafka_ws_subscriber_patience(NGX_KAFKA_WS_CLOSE_TIMEOUT));

    /*
     * A client that has to send before it reads gets no Close otherwise.
     * Not from here: the caller may be in the middle of a loop over us.
     */

    kws->hold = 0;

    ngx_post_event(kws->connection->read, &ngx_posted_events);
    ngx_post_event(kws->connection->write, &ngx_posted_events);
}


/*
 * The Close is out: what is left is the client's Close, and its end.
 */

void
ngx_kafka_ws_subscriber_linger(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_connection_t  *c;

    c = kws->connection;

    ngx_kafka_ws_subscriber_set_state(kws, NGX_KAFKA_WS_SUB_LINGER);

    kws->drop = 0;

    if (kws->eof
        || (kws->receiver.done
            && ngx_kafka_ws_subscriber_half_close(kws) != NGX_OK))
    {
        ngx_kafka_ws_subscriber_done(kws);
        return;
    }

    ngx_add_timer(c->read,
           ngx_kafka_ws_subscriber_patience(NGX_KAFKA_WS_LINGER_TIMEOUT));
}


/*
 * The server is the first to close, once the client said Close, too, or what
 * it says is not listened to any more (RFC 6455, 7.1.1, 7.1.7).
 */

ngx_int_t
ngx_kafka_ws_subscriber_half_close(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_connection_t  *c;

    c = kws->connection;

#if (NGX_HTTP_SSL)

    if (c->ssl) {

        /*
         * Ours says close_notify and is not waited for: what the client
         * sends is still read, so nginx has nothing to do at the end.
         */

        (void) SSL_shutdown(c->ssl->connection);
        ERR_clear_error();

        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
    }

#endif

    if (ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN) == -1) {
        ngx_connection_error(c, ngx_socket_errno,
                             ngx_shutdown_socket_n " failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The read timer: pings, idle events, and the end of patience.
 */

void
ngx_kafka_ws_subscriber_timeout(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_msec_t                   now, due, quiet;
    ngx_connection_t            *c;
    ngx_kafka_ws_socket_conf_t  *conf;

    c = kws->connection;
    conf = kws->conf;
    now = ngx_current_msec;

    if (kws->state == NGX_KAFKA_WS_SUB_CLOSING) {
        kws->drop = 1;
        ngx_kafka_ws_subscriber_done(kws);
        return;
    }

    if (kws->state == NGX_KAFKA_WS_SUB_LINGER) {
        ngx_kafka_ws_subscriber_done(kws);
        return;
    }

    if (kws->ping_wait) {

        if ((ngx_msec_int_t) (kws->received - kws->pinged) >= 0) {
            kws->ping_wait = 0;

        } else if ((ngx_msec_int_t) (now - kws->pinged)
                   >= (ngx_msec_int_t) conf->ping_timeout)
        {
            ngx_log_error(NGX_LOG_INFO, c->log, 0,
                          "client did not answer a ping");
            ngx_kafka_ws_subscriber_hush(kws);
            kws->drop = ngx_kafka_ws_subscriber_blocked(kws);
            ngx_kafka_ws_subscriber_close(kws, NGX_KAFKA_WS_CLOSE_INTERNAL,
                                          (u_char *) "ping timeout",
                                          sizeof("ping timeout") - 1);
            return;
        }
    }

    if (kws->sent) {
        kws->sent = 0;
        kws->quiet = now;

    } else if ((ngx_msec_int_t) (now - kws->quiet)
               >= (ngx_msec_int_t) conf->ping)
    {
        kws->quiet = now;

        if (kws->owner->idle && kws->state == NGX_KAFKA_WS_SUB_OPEN
            && !ngx_kafka_ws_subscriber_blocked(kws)
            && kws->owner->idle(kws) != NGX_OK)
        {
            ngx_kafka_ws_subscriber_fail(kws);
            return;
        }

        if (kws->state >= NGX_KAFKA_WS_SUB_CLOSING) {
            /* that is what the owner did */
            return;
        }

        kws->sent = 0;
    }

    if (!kws->ping_wait
        && (ngx_msec_int_t) (now - kws->received)
           >= (ngx_msec_int_t) conf->ping)
    {
        kws->ping_wait = 1;
        kws->pinged = now;

        /* a moment that received can not have */
        kws->received = now - 1;

        if (ngx_kafka_ws_subscriber_ping(kws) != NGX_OK) {
            return;
        }
    }

    due = kws->ping_wait ? kws->pinged + conf->ping_timeout - now
                         : kws->received + conf->ping - now;

    quiet = kws->quiet + conf->ping - now;

    due = ngx_min(due, quiet);

    ngx_add_timer(c->read, ngx_max((ngx_msec_int_t) due, 1));
}


void
ngx_kafka_ws_subscriber_done(ngx_kafka_ws_subscriber_t *kws)
{
    struct linger        linger;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = kws->connection;
    r = kws->request;

    if (kws->drop) {
        /* else what the client does not take would stay in the kernel */

        linger.l_onoff = 1;
        linger.l_linger = 0;

        if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, (const void *) &linger,
                       sizeof(struct linger))
            == -1)
        {
            ngx_connection_error(c, ngx_socket_errno,
                                 "setsockopt(SO_LINGER) failed");
        }

#if (NGX_HTTP_SSL)
        if (c->ssl) {
            c->ssl->no_wait_shutdown = 1;
            c->ssl->no_send_shutdown = 1;
        }

    } else if (c->ssl && c->read->eof) {

        /* nginx does not answer a close_notify, which RFC 8446, 6.1 wants */

        c->ssl->no_send_shutdown = 0;
#endif
    }

    ngx_kafka_ws_subscriber_cleanup(kws);

    /* what ngx_http_close_request() does for the last reference */

    ngx_http_free_request(r, 0);
    ngx_http_close_connection(c);
}


/*
 * The process ends at once: the socket is still open, and a Close that does
 * not fit into it is lost.
 */

void
ngx_kafka_ws_subscriber_exit(ngx_kafka_ws_subscriber_t *kws)
{
    size_t   n;
    u_char   frame[NGX_KAFKA_WS_CTRL_FRAME_MAX];

    /* there may be room that no event has told of yet */
    kws->connection->write->ready = 1;

    if (kws->state == NGX_KAFKA_WS_SUB_OPEN
        && ngx_kafka_ws_subscriber_flush(kws) == NGX_OK)
    {
        n = ngx_kafka_ws_frame_close(frame, NGX_KAFKA_WS_CLOSE_GOING_AWAY,
                                     NULL, 0);

        /* there is no second chance, so the result does not matter */
        (void) ngx_kafka_ws_subscriber_event(kws, frame, n);
    }

    if (kws->code == 0) {
        kws->code = NGX_KAFKA_WS_CLOSE_GOING_AWAY;
    }

    ngx_kafka_ws_subscriber_done(kws);
}


/*
 * The one way out, also if nginx frees the request by itself.
 */

static void
ngx_kafka_ws_subscriber_cleanup(void *data)
{
    ngx_kafka_ws_subscriber_t *kws = data;

    ngx_uint_t  i;

    if (kws->state == NGX_KAFKA_WS_SUB_DONE) {
        return;
    }

    ngx_kafka_ws_subscriber_set_state(kws, NGX_KAFKA_WS_SUB_DONE);

    if (kws->attached) {
        kws->attached = 0;
        kws->owner->leave(kws);
    }

    if (kws->rest) {
        ngx_free(kws->rest);
        kws->rest = NULL;
    }

    ngx_kafka_ws_bytes_free(&kws->packed);
    ngx_kafka_ws_pace_end(&kws->pace);

    if (kws->code == 0) {
        kws->code = NGX_KAFKA_WS_CLOSE_ABNORMAL;
    }

    i = ngx_kafka_ws_subscriber_close_index(kws->code);

    ngx_kafka_ws_count(&kws->counters->closes[i], 1);
    ngx_kafka_ws_count(&kws->counters->connections, -1);
}


ngx_uint_t
ngx_kafka_ws_subscriber_close_index(ngx_uint_t code)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_KAFKA_WS_CLOSES - 1; i++) {
        if (ngx_kafka_ws_close_codes[i] == code) {
            return i;
        }
    }

    return NGX_KAFKA_WS_CLOSES - 1;
}
