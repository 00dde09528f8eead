
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * One WebSocket client: connect, handshake, frames in, control frames out.
 *
 * state        event                    next
 * IDLE         its time has come        CONNECTING
 * CONNECTING   writable                 HANDSHAKE (request sent)
 * HANDSHAKE    101                      OPEN
 *              another status           IDLE (503) or OVER
 * OPEN         Close below 4400, 4408   IDLE, the old socket lingers
 *              Close above              OVER
 *              end of file, RST         IDLE
 *              wsl_conn_finish()        CLOSING
 * CLOSING      Close                    OVER
 *
 * A socket whose Closes are exchanged is read until the server ends it: an
 * RST there would have destroyed the server's Close on a slower path.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ws_load.h"


#define WSL_LINGER  -2
#define WSL_FREE    -1

/* what WSL_KEY must be answered with */
#define WSL_ACCEPT                                                            \
    "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

#define WSL_DEFLATE                                                           \
    "\r\nSec-WebSocket-Extensions: permessage-deflate"


/* whom a descriptor belongs to; gen tells a closed one from its successor */

typedef struct {
    uint32_t       gen;
    int            owner;               /* client, WSL_LINGER or WSL_FREE */
} wsl_fd_t;


static int wsl_watch(int fd, int op, uint32_t events);
static void wsl_fd_close(int fd);
static void wsl_lingering(int fd);
static int wsl_request(wsl_conn_t *c);
static void wsl_opened(wsl_conn_t *c);
static void wsl_subscribe(wsl_conn_t *c);


static int         wsl_ep;
static int         wsl_nfds;
static wsl_fd_t   *wsl_fds;


int
wsl_conn_init(int ep)
{
    int  i;

    wsl_ep = ep;

    wsl_nfds = wsl_wire_limit();

    if (wsl_nfds == -1) {
        return -1;
    }

    if (wsl_nfds < wsl_opt.connections + 64) {
        (void) fprintf(stderr, "ws_load: %d descriptors are too few\n",
                       wsl_nfds);
        return -1;
    }

    wsl_fds = calloc((size_t) wsl_nfds, sizeof(wsl_fd_t));
    if (wsl_fds == NULL) {
        return -1;
    }

    for (i = 0; i < wsl_nfds; i++) {
        wsl_fds[i].owner = WSL_FREE;
    }

    return 0;
}


static int
wsl_watch(int fd, int op, uint32_t events)
{
    struct epoll_event  ee;

    ee.events = events;
    ee.data.u64 = ((uint64_t) wsl_fds[fd].gen << 32) | (uint32_t) fd;

    return epoll_ctl(wsl_ep, op, fd, &ee);
}


static void
wsl_fd_close(int fd)
{
    wsl_fds[fd].gen++;
    wsl_fds[fd].owner = WSL_FREE;

    (void) close(fd);
}


/* the connection is over; linger: both Closes are exchanged */

void
wsl_conn_lose(wsl_conn_t *c, int linger, int again)
{
    if (c->state == WSL_OPEN || c->state == WSL_CLOSING) {
        wsl_total.open--;

    } else {
        wsl_total.inflight--;
    }

    if (linger) {
        wsl_total.lingering++;
        wsl_fds[c->fd].owner = WSL_LINGER;

    } else {
        wsl_fd_close(c->fd);
    }

    wsl_frame_reset(c);

    c->fd = -1;

    if (again && wsl_opt.resume && !c->done) {
        c->state = WSL_IDLE;
        wsl_conn_again(c);
        return;
    }

    c->state = WSL_OVER;
    wsl_total.over++;
}


/* an attempt has failed: at once again, then later and later, with jitter */

void
wsl_conn_failed(wsl_conn_t *c)
{
    uint64_t  ms;

    ms = c->tries == 0 ? 0 : (uint64_t) 10 << (c->tries > 6 ? 6 : c->tries);
    c->tries += c->tries < 255;
    c->retry_ns = wsl_now_ns + ms * 1000000 / 2
                  + wsl_rand() % (ms * 500000 + 1);
}


void
wsl_conn_start(wsl_conn_t *c)
{
    int  fd, n;

    wsl_total.connects++;
    wsl_total.inflight++;

    n = (int) (c - wsl_conns) % wsl_opt.sources + 1;

    fd = wsl_wire_socket(wsl_opt.sources > 1 ? n : 0);
    if (fd == -1 || fd >= wsl_nfds) {
        (void) fprintf(stderr, "ws_load: socket() failed: %s\n",
                       strerror(errno));
        exit(2);
    }

    c->fd = fd;
    c->start_ns = wsl_now_ns;
    wsl_fds[fd].owner = (int) (c - wsl_conns);

    if (c->kind == WSL_NEVER_READ && wsl_opt.rcvbuf) {
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wsl_opt.rcvbuf,
                          sizeof(int));
    }

    c->state = WSL_CONNECTING;

    if (wsl_wire_connect(fd, wsl_opt.host, wsl_opt.port) == -1) {
        wsl_total.refused++;
        wsl_conn_failed(c);
        wsl_conn_lose(c, 0, 1);
        return;
    }

    if (wsl_watch(fd, EPOLL_CTL_ADD, EPOLLOUT) == -1) {
        (void) fprintf(stderr, "ws_load: epoll_ctl() failed: %s\n",
                       strerror(errno));
        exit(2);
    }
}


static int
wsl_request(wsl_conn_t *c)
{
    int          i, n;
    char         owner[128], cursor[2048], buf[8192];
    const char  *uri;

    cursor[0] = '\0';

    if (c->again && wsl_opt.subscribe == NULL) {
        wsl_check_cursor(c, cursor, sizeof(cursor));
    }

    uri = wsl_opt.uri[c->uri];

    wsl_owner_arg(c, uri, owner, sizeof(owner));

    n = snprintf(buf, sizeof(buf),
                 "GET %s%s%s%s HTTP/1.1\r\n"
                 "Host: %s:%d\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Sec-WebSocket-Key: " WSL_KEY "\r\n"
                 "Sec-WebSocket-Version: 13\r\n",
                 uri, owner,
                 cursor[0] == '\0' ? "" : strchr(owner, '?')
                                          || strchr(uri, '?')
                                          || strchr(owner, '&')
                 ? "&cursor=" : "?cursor=",
                 cursor, wsl_opt.host, wsl_opt.port);

    if (wsl_opt.protocol) {
        n += snprintf(buf + n, sizeof(buf) - (size_t) n,
                      "Sec-WebSocket-Protocol: %s\r\n", wsl_opt.protocol);
    }

    if (wsl_opt.deflate) {
        n += snprintf(buf + n, sizeof(buf) - (size_t) n,
                      "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    }

    for (i = 0; i < wsl_opt.nheader; i++) {
        if (n >= (int) sizeof(buf)) {
            return -1;
        }

        n += snprintf(buf + n, sizeof(buf) - (size_t) n, "%s\r\n",
                      wsl_opt.header[i]);
    }

    if (n >= (int) sizeof(buf) - 2) {
        return -1;
    }

    memcpy(buf + n, "\r\n", 2);
    n += 2;

    return send(c->fd, buf, (size_t) n, MSG_NOSIGNAL) == n ? 0 : -1;
}


/* returns bytes used; 0: more is needed; -1: c is no longer connected */

ptrdiff_t
wsl_conn_response(wsl_conn_t *c, const uint8_t *p, size_t len)
{
    int             status;
    ptrdiff_t       n;
    const uint8_t  *end;

    end = memmem(p, len, "\r\n\r\n", 4);

    if (end == NULL) {
        return 0;
    }

    n = end + 4 - p;
    status = wsl_wire_status(p, len);

    if (status == 101) {
        if (memmem(p, (size_t) n, WSL_ACCEPT, sizeof(WSL_ACCEPT) - 1)
            == NULL
            || (wsl_opt.deflate
                && memmem(p, (size_t) n, WSL_DEFLATE,
                          sizeof(WSL_DEFLATE) - 1)
                   == NULL))
        {
            wsl_total.protocol++;
            wsl_conn_lose(c, 0, 0);
            return -1;
        }

        wsl_opened(c);
        return n;
    }

    if (c->again) {
        wsl_total.turned_away++;
    }

    if (status > 0 && status < WSL_CODES) {
        wsl_total.code[status]++;
    }

    wsl_conn_failed(c);

    if (status == 503 && c->retry_ns < wsl_now_ns + 100000000) {
        c->retry_ns = wsl_now_ns + 100000000;
    }

    wsl_conn_lose(c, 0, status == 503);

    return -1;
}


static void
wsl_opened(wsl_conn_t *c)
{
    c->state = WSL_OPEN;
    c->tries = 0;
    wsl_total.inflight--;

    if (++wsl_total.open > wsl_total.open_max) {
        wsl_total.open_max = wsl_total.open;
    }

    wsl_hist_add(&wsl_total.handshake_us, (wsl_now_ns - c->start_ns) / 1000);

    if (wsl_opt.subscribe) {
        wsl_subscribe(c);
    }

    if (c->again) {
        wsl_total.reconnects++;

    } else {
        c->again = 1;

        if (c->kind != WSL_VERIFY || wsl_opt.raw) {
            wsl_total.ready++;
        }
    }

    if (c->kind == WSL_NEVER_READ) {
        (void) epoll_ctl(wsl_ep, EPOLL_CTL_DEL, c->fd, NULL);
    }
}


/* what is not taken by the socket, which is empty, is missed by the checks */

static void
wsl_subscribe(wsl_conn_t *c)
{
    int      n;
    size_t   head;
    char     cursor[2048], filter[128], text[4096];
    uint8_t  frame[4096 + 8];

    cursor[0] = '\0';

    if (c->again) {
        wsl_check_cursor(c, cursor, sizeof(cursor));
    }

    wsl_owner_filter(c, filter, sizeof(filter));

    n = snprintf(text, sizeof(text), "{\"command\":\"subscribe\",\"id\":1,"
                 "\"topic\":\"%s\",\"cursor\":\"%s\"%s}", wsl_opt.subscribe,
                 cursor, filter);

    frame[0] = 0x81;
    head = 2;

    if (n < 126) {
        frame[1] = (uint8_t) (0x80 | n);

    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t) (n >> 8);
        frame[3] = (uint8_t) n;
        head = 4;
    }

    /* the mask is zero */

    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, text, (size_t) n);

    (void) send(c->fd, frame, head + 4 + (size_t) n, MSG_NOSIGNAL);
}


void
wsl_conn_event(uint64_t data, uint32_t events)
{
    int          fd, err;
    socklen_t    len;
    wsl_conn_t  *c;

    fd = (int) (data & 0xffffffff);

    if (wsl_fds[fd].gen != (uint32_t) (data >> 32)) {
        return;
    }

    if (wsl_fds[fd].owner == WSL_LINGER) {
        wsl_lingering(fd);
        return;
    }

    c = &wsl_conns[wsl_fds[fd].owner];

    if (c->state != WSL_CONNECTING) {
        wsl_frame_read(c);
        return;
    }

    err = 0;
    len = sizeof(int);
    (void) getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);

    if (err || (events & (EPOLLERR|EPOLLHUP)) || wsl_request(c) == -1) {
        wsl_total.refused++;
        wsl_conn_failed(c);
        wsl_conn_lose(c, 0, 1);
        return;
    }

    c->state = WSL_HANDSHAKE;
    (void) wsl_watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}


static void
wsl_lingering(int fd)
{
    char     buf[4096];
    ssize_t  n;

    n = recv(fd, buf, sizeof(buf), 0);

    if (n > 0) {
        wsl_total.protocol++;           /* nothing may follow a Close */
        return;
    }

    if (n == -1) {
        if (errno == EAGAIN || errno == EINTR) {
            return;
        }

        wsl_total.close_resets++;
    }

    wsl_total.lingering--;
    wsl_fd_close(fd);
}


void
wsl_conn_finish(wsl_conn_t *c)
{
    static const uint8_t  code[2] = { 1000 >> 8, 1000 & 0xff };

    switch (c->state) {

    case WSL_IDLE:
        c->state = WSL_OVER;
        wsl_total.over++;
        return;

    case WSL_OPEN:
        c->done = 1;

        if (c->kind == WSL_NEVER_READ) {
            c->kind = WSL_DRAIN;
            (void) wsl_watch(c->fd, EPOLL_CTL_ADD, EPOLLIN);
        }

        if (wsl_frame_control(c, 8, code, 2) == -1) {
            wsl_conn_lose(c, 0, 0);
            return;
        }

        c->state = WSL_CLOSING;
        return;

    case WSL_CONNECTING:
    case WSL_HANDSHAKE:
        c->done = 1;
        wsl_conn_lose(c, 0, 0);
        return;

    default:
        return;
    }
}
