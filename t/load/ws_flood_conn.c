
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * One hostile connection.
 *
 * state        event                        next
 * CONNECTING   writable: request is sent    AWAIT, or as below
 * AWAIT        what the script awaits       FLOOD (it has units), WAIT, FREE
 * FLOOD        its turn                     FLOOD
 * FLOOD, WAIT  Close, end, time             WAIT, FREE
 *
 * An end that the script does not name is a failure.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ws_flood.h"


static void wsf_over(wsf_conn_t *c, int ok, int end);
static void wsf_fatal(const char *what);
static void wsf_connected(wsf_conn_t *c);
static void wsf_next(wsf_conn_t *c);
static int wsf_send(wsf_conn_t *c, const void *p, size_t len);
static void wsf_read(wsf_conn_t *c);
static int wsf_input(wsf_conn_t *c, const uint8_t *p, size_t len);
static const uint8_t *wsf_answer(wsf_conn_t *c, const uint8_t *p,
    const uint8_t *last);
static int wsf_frame(wsf_conn_t *c);
static int wsf_close(wsf_conn_t *c);


static int      wsf_ep;
static int      wsf_half;               /* bytes of half a request */
static int      wsf_whole;
static char     wsf_request[4096 + 256];


int
wsf_conn_init(int ep)
{
    int          n;
    const char  *offer;

    wsf_ep = ep;

    offer = wsf_opt.deflate
            ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "";

    /* no line is whole in the first half but the first */

    n = snprintf(wsf_request, 4096,
                 "GET %s HTTP/1.1\r\n"
                 "Host: localhost\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Sec-WebSocket-Key: " WSL_KEY "\r\n"
                 "Sec-WebSocket-Version: 13\r\n"
                 "%s%s%s\r\n",
                 wsf_opt.uri, offer, wsf_opt.header ? wsf_opt.header : "",
                 wsf_opt.header ? "\r\n" : "");

    if (n >= 4096) {
        return -1;
    }

    wsf_whole = n;
    wsf_half = (int) (strstr(wsf_request, "Sec-") - wsf_request) + 4;

    return wsl_wire_limit() < wsf_opt.connections + 64 ? -1 : 0;
}


static void
wsf_fatal(const char *what)
{
    (void) fprintf(stderr, "ws_flood: %s failed: %s\n", what,
                   strerror(errno));
    exit(2);
}


void
wsf_conn_start(wsf_conn_t *c, uint64_t n)
{
    int                 source;
    uint32_t            gen;
    struct epoll_event  ee;

    source = wsf_opt.source + (int) (n % (uint64_t) wsf_opt.sources);
    gen = c->gen + 1;

    memset(c, 0, sizeof(wsf_conn_t));

    c->gen = gen;
    c->kase = &wsf_cases[n % (uint64_t) wsf_ncases];
    c->state = WSF_CONNECTING;

    c->fd = wsl_wire_socket(source);
    if (c->fd == -1) {
        wsf_fatal("socket()");
    }

    wsf_total.connects++;

    if (++wsf_total.alive > wsf_total.alive_max) {
        wsf_total.alive_max = wsf_total.alive;
    }

    if (wsl_wire_connect(c->fd, wsf_opt.host, wsf_opt.port) == -1) {
        wsf_total.refused++;
        wsf_over(c, 0, WSF_FIN);
        return;
    }

    ee.events = EPOLLIN|EPOLLOUT|EPOLLET;
    ee.data.u64 = ((uint64_t) c->gen << 32) | (uint32_t) (c - wsf_conns);

    if (epoll_ctl(wsf_ep, EPOLL_CTL_ADD, c->fd, &ee) == -1) {
        wsf_fatal("epoll_ctl()");
    }
}


static void
wsf_over(wsf_conn_t *c, int ok, int end)
{
    struct linger  linger;

    if (end == WSF_RST) {
        linger.l_onoff = 1;
        linger.l_linger = 0;

        (void) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger,
                          sizeof(struct linger));
        wsf_total.rsts++;
    }

    (void) close(c->fd);

    if (ok) {
        c->kase->done++;
        wsf_total.done++;

    } else {
        c->kase->failed++;
        wsf_total.failed++;
    }

    c->state = WSF_FREE;
    c->gen++;
    wsf_total.alive--;

    wsf_conn_free(c);
}


void
wsf_conn_drop(wsf_conn_t *c)
{
    wsf_over(c, 1, (c - wsf_conns) & 1 ? WSF_RST : WSF_FIN);
}


void
wsf_conn_event(uint64_t data, uint32_t events)
{
    wsf_conn_t  *c;

    c = &wsf_conns[data & 0xffffffff];

    if (c->state == WSF_FREE || c->gen != (uint32_t) (data >> 32)) {
        return;
    }

    if (c->state == WSF_CONNECTING) {
        wsf_connected(c);
        return;
    }

    if (events & EPOLLOUT) {
        c->blocked = 0;
    }

    if (events & (EPOLLIN|EPOLLERR|EPOLLHUP)) {
        wsf_read(c);
    }
}


static void
wsf_connected(wsf_conn_t *c)
{
    int                  err, n;
    socklen_t            len;
    const wsf_script_t  *s;

    err = 0;
    len = sizeof(int);
    (void) getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);

    if (err) {
        wsf_total.refused++;
        wsf_over(c, 0, WSF_FIN);
        return;
    }

    s = c->kase->script;
    n = s->request == WSF_NOTHING ? 0
        : s->request == WSF_HALF ? wsf_half : wsf_whole;

    if (s->request == WSF_PIPED) {
        memcpy(wsf_request + n, s->first, s->first_len);
        n += (int) s->first_len;
    }

    c->state = WSF_AWAIT;

    if (n && wsf_send(c, wsf_request, (size_t) n) == -1) {
        return;
    }

    if (s->await == WSF_CONNECTED) {
        wsf_next(c);
    }
}


/* what was awaited is there */

static void
wsf_next(wsf_conn_t *c)
{
    const wsf_script_t  *s;

    s = c->kase->script;

    if (s->first && s->request != WSF_PIPED
        && wsf_send(c, s->first, s->first_len) == -1)
    {
        return;
    }

    if (s->unit) {
        c->state = WSF_FLOOD;
        return;
    }

    if (s->until == WSF_AT_ONCE) {
        wsf_over(c, 1, s->end);
        return;
    }

    c->state = WSF_WAIT;
    c->since_ns = wsl_now_ns;
}


/* little, so that a socket which does not take it is an error */

static int
wsf_send(wsf_conn_t *c, const void *p, size_t len)
{
    if (send(c->fd, p, len, MSG_NOSIGNAL) != (ssize_t) len) {
        wsf_over(c, 0, WSF_RST);
        return -1;
    }

    wsf_total.bytes += len;

    return 0;
}


int64_t
wsf_conn_turn(wsf_conn_t *c, int64_t units)
{
    size_t       len, unit;
    ssize_t      n;
    wsf_case_t  *k;

    if (c->state != WSF_FLOOD || c->blocked) {
        return 0;
    }

    k = c->kase;
    unit = k->script->unit_len;
    len = (size_t) units * unit - c->pos % unit;

    if (len > k->loop_len - c->pos) {
        len = k->loop_len - c->pos;
    }

    n = send(c->fd, k->loop + c->pos, len, MSG_NOSIGNAL);

    if (n == -1) {
        /* an end is seen by the next read */
        c->blocked = 1;
        return 0;
    }

    c->blocked = (size_t) n < len;
    units = (int64_t) ((c->pos % unit + (size_t) n) / unit);
    c->pos = (c->pos + (size_t) n) % k->loop_len;

    wsf_total.bytes += (uint64_t) n;
    wsf_total.units += (uint64_t) units;

    return units;
}


void
wsf_conn_expire(wsf_conn_t *c)
{
    const wsf_script_t  *s;

    s = c->kase->script;

    if (s->until == WSF_HOLD
        && wsl_now_ns - c->since_ns >= (uint64_t) wsf_opt.hold_ms * 1000000)
    {
        wsf_over(c, 1, s->end);
    }
}


static void
wsf_read(wsf_conn_t *c)
{
    size_t           size;
    ssize_t          n;
    uint32_t         gen;
    const wsf_script_t  *s;
    static uint8_t   buf[65536];

    gen = c->gen;
    s = c->kase->script;

    /* a part of a frame is to be left over */
    size = s->await == WSF_TORN ? 64 : sizeof(buf);

    while (c->gen == gen) {

        n = recv(c->fd, buf, size, 0);

        if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }

        if (n > 0) {
            if (wsf_input(c, buf, (size_t) n) == -1) {
                return;
            }

            continue;
        }

        if (n == 0) {
            wsf_total.fins++;

        } else {
            wsf_total.resets++;
        }

        wsf_over(c, s->until == WSF_CUT
                    || (n == 0 && s->until == WSF_ENDED
                        && (s->code == 0 || c->closed)), WSF_FIN);
    }
}


/* returns -1: the connection is over */

static int
wsf_input(wsf_conn_t *c, const uint8_t *p, size_t len)
{
    int             rc;
    size_t          n, head;
    const uint8_t  *last;

    last = p + len;

    if (!c->counted) {
        p = wsf_answer(c, p, last);

        if (p == NULL) {
            return -1;
        }
    }

    while (p < last) {

        if (c->rest == 0) {
            c->head[c->nhead++] = *p++;

            if (wsf_opt.deflate && (c->head[0] & 0x0f) < 8) {
                /* compressed, which is of no interest here */
                c->head[0] &= (uint8_t) ~0x40;
            }

            rc = wsl_wire_header(c->head, c->nhead, 0, &head, &c->rest);

            if (rc == 0) {
                c->rest = 0;
                continue;
            }

            if (rc == -1 || c->closed) {
                wsf_over(c, 0, WSF_RST);
                return -1;
            }

            c->op = c->head[0] & 0x0f;
            c->nhead = 0;
            c->nbody = 0;

        } else {
            n = (size_t) (last - p) < c->rest ? (size_t) (last - p)
                                              : (size_t) c->rest;

            while (n && c->op == 8 && c->nbody < 2) {
                c->body[c->nbody++] = *p++;
                c->rest--;
                n--;
            }

            p += n;
            c->rest -= n;
        }

        if (c->rest == 0 && wsf_frame(c) == -1) {
            return -1;
        }

        if (c->rest && c->op < 8 && c->state == WSF_AWAIT
            && c->kase->script->await == WSF_TORN
            && c->records >= wsf_opt.records && p == last)
        {
            wsf_next(c);
            return -1;
        }
    }

    return 0;
}


/* returns: behind the answer or what there is of it, NULL: it is over */

static const uint8_t *
wsf_answer(wsf_conn_t *c, const uint8_t *p, const uint8_t *last)
{
    int  status;

    for ( /* void */ ; p < last; p++) {

        if (c->nhead < sizeof(c->head)) {
            c->head[c->nhead++] = *p;
        }

        c->end = c->end << 8 | *p;

        if (c->end != 0x0d0a0d0a) {
            continue;
        }

        status = wsl_wire_status(c->head, c->nhead);

        if (status > 0 && status < WSL_CODES) {
            wsf_total.code[status]++;
        }

        if (status != 101) {
            wsf_over(c, 0, WSF_FIN);
            return NULL;
        }

        wsf_total.opened++;
        c->counted = 1;
        c->nhead = 0;

        if (c->kase->script->await == WSF_ANSWERED) {
            wsf_next(c);

            if (c->state == WSF_FREE) {
                return NULL;
            }
        }

        return p + 1;
    }

    return p;
}


/* a whole frame; returns -1: the connection is over */

static int
wsf_frame(wsf_conn_t *c)
{
    const wsf_script_t  *s;

    s = c->kase->script;

    switch (c->op) {

    case 8:
        return wsf_close(c);

    case 9:
        wsf_total.pings++;
        return 0;

    case 10:
        wsf_total.pongs++;
        return 0;

    default:
        wsf_total.records++;
        c->records++;

        if (c->state == WSF_AWAIT && s->await == WSF_FRAMES
            && c->records == wsf_opt.records)
        {
            wsf_next(c);
        }

        return c->state == WSF_FREE ? -1 : 0;
    }
}


static int
wsf_close(wsf_conn_t *c)
{
    int                  code;
    uint8_t              answer[6 + 2];
    const wsf_script_t  *s;

    s = c->kase->script;
    code = c->nbody == 2 ? c->body[0] << 8 | c->body[1] : 1005;

    if (code < WSL_CODES) {
        wsf_total.code[code]++;
    }

    if (s->code != code) {
        wsf_over(c, 0, WSF_RST);
        return -1;
    }

    if (s->until == WSF_CLOSED) {
        wsf_over(c, 1, s->end);
        return -1;
    }

    c->closed = 1;
    c->state = WSF_WAIT;

    /* who floods may be within a frame, where there is no Close */

    if (s->unit == NULL && s->code != 1000) {
        (void) wsl_wire_control(answer, 8, c->body, 2);
        return wsf_send(c, answer, sizeof(answer));
    }

    return 0;
}
