
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of the subscriber: the socket, plain and TLS, which takes and
 * gives what the test says.
 */


#ifndef _SUBSCRIBER_SOCKET_H_INCLUDED_
#define _SUBSCRIBER_SOCKET_H_INCLUDED_


#include "subscriber_nginx.h"


/* what the client gets, to be taken apart; see subscriber_client.h */
static inline void client_takes(const u_char *p, size_t n);


static ngx_chain_t  world_chain;


static inline ssize_t
world_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    size_t  n;

    if (w.recv_error) {
        c->read->ready = 0;
        c->read->error = 1;
        return NGX_ERROR;
    }

    n = ngx_min(size, w.in_len - w.in_pos);

    if (n == 0) {
        c->read->ready = 0;

        if (!w.recv_eof) {
            return NGX_AGAIN;
        }

        c->read->eof = 1;
        return 0;
    }

    memcpy(buf, w.in + w.in_pos, n);
    w.in_pos += n;

    if (n < size && !w.recv_eof) {
        c->read->ready = 0;
    }

    return (ssize_t) n;
}


static inline void
world_out(const u_char *p, size_t n)
{
    if (w.fin) {
        world_broken("bytes behind our end");
    }

    if (n) {
        client_takes(p, n);
    }
}


static inline ssize_t
world_send(ngx_connection_t *c, u_char *buf, size_t size)
{
    size_t  n;

    if (w.response) {
        world_broken("frames ahead of the response");
    }

    if (size == 0 || !c->write->ready) {
        world_broken("a send in vain");
    }

    if (w.send_error) {
        c->write->error = 1;
        return NGX_ERROR;
    }

    n = ngx_min(size, w.room);

    if (n < size) {
        c->write->ready = 0;
    }

    if (n == 0) {
        return NGX_AGAIN;
    }

    w.room -= w.room == WORLD_EMPTY ? 0 : n;
    w.taken += n;
    w.sends++;
    world_out(buf, n);

    return (ssize_t) n;
}


/* SSL_write(): a TLS record is taken whole, or offered again */

static inline ngx_int_t
world_tls_write(ngx_connection_t *c)
{
    size_t  n;

    if (w.send_error) {
        c->write->error = 1;
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        return NGX_ERROR;
    }

    n = w.tls_len - w.tls_pos - w.tls_part;

    if (n > w.room) {
        w.tls_part += w.room;
        w.room = 0;
        c->write->ready = 0;
        return NGX_AGAIN;
    }

    w.room -= w.room == WORLD_EMPTY ? 0 : n;
    world_out(w.tls_buf + w.tls_pos, w.tls_len - w.tls_pos);

    w.tls_pos = 0;
    w.tls_len = 0;
    w.tls_part = 0;

    return NGX_OK;
}


static inline ngx_chain_t *
world_send_chain(ngx_connection_t *c, ngx_chain_t *in, off_t limit)
{
    size_t     n, taken;
    ngx_int_t  rc;

    if (w.wants_read) {
        /* the write handler is called when it has read */
        return in;
    }

    taken = 0;

    do {
        if (in) {
            n = ngx_min((size_t) (in->buf->last - in->buf->pos),
                        WORLD_TLS - w.tls_len);
            memcpy(w.tls_buf + w.tls_len, in->buf->pos, n);
            w.tls_len += n;
            taken += n;
            in->buf->pos += n;

            if (in->buf->pos == in->buf->last) {
                in = in->next;
            }
        }

        rc = world_tls_write(c);

        if (rc == NGX_ERROR) {
            return NGX_CHAIN_ERROR;
        }

    } while (rc == NGX_OK && in);

    w.taken += taken;
    w.sends += taken != 0;

    if (w.tls_len) {
        c->buffered |= NGX_SSL_BUFFERED;

    } else {
        c->buffered &= ~NGX_SSL_BUFFERED;
    }

    return in;
}


ngx_int_t
ngx_http_write_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    size_t  n;

    if (w.send_error) {
        return NGX_ERROR;
    }

    if (r->connection->write->delayed) {
        return NGX_AGAIN;
    }

    n = ngx_min(w.response, w.room);
    w.room -= w.room == WORLD_EMPTY ? 0 : n;

    world_out((u_char *) WORLD_RESPONSE + sizeof(WORLD_RESPONSE) - 1
              - w.response, n);
    w.response -= n;

    if (w.response) {
        r->connection->write->ready = 0;
        r->out = &world_chain;
        return NGX_AGAIN;
    }

    r->out = NULL;

    return NGX_OK;
}


int
setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (w.fail == FAIL_SETSOCKOPT) {
        return -1;
    }

    if (name == SO_LINGER) {
        world_trace(" rst");
    }

    return 0;
}


int
shutdown(int fd, int how)
{
    if (w.fail == FAIL_SHUTDOWN) {
        return -1;
    }

    if (w.fin || how != SHUT_WR) {
        world_broken("two ends");
    }

    if (w.tls_len) {
        world_broken("an end before what is buffered");
    }

    w.fin = 1;
    world_trace(" fin");

    return 0;
}


int
SSL_shutdown(SSL *ssl)
{
    if (w.tls_len) {
        world_broken("close_notify before what is buffered");
    }

    return w.fail == FAIL_SSL_SHUTDOWN ? -1 : 0;
}


void
ERR_clear_error(void)
{
    /* void */
}


#endif /* _SUBSCRIBER_SOCKET_H_INCLUDED_ */
