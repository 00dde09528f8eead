
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The bytes of a connection: whole frames are taken from one large buffer
 * that all connections share, a frame cut by the end of a read is kept.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ws_load.h"


static ptrdiff_t wsl_frames(wsl_conn_t *c, const uint8_t *p, size_t len);
static int wsl_control(wsl_conn_t *c, unsigned op, const uint8_t *p,
    size_t len);
static void wsl_tail_keep(wsl_conn_t *c, const uint8_t *p, size_t len);


static uint8_t  wsl_buf[WSL_BUF + WSL_TAIL_MAX];


void
wsl_frame_read(wsl_conn_t *c)
{
    size_t     len;
    ssize_t    n;
    ptrdiff_t  used, more;

    len = c->tail_len;

    if (len) {
        memcpy(wsl_buf, c->tail, len);
    }

    n = recv(c->fd, wsl_buf + len, WSL_BUF, 0);

    wsl_clock();

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        if (n == 0) {
            wsl_total.eofs++;

        } else {
            wsl_total.resets++;
        }

        if (c->state == WSL_HANDSHAKE) {
            wsl_conn_failed(c);

        } else {
            c->gone_ns = wsl_now_ns;
            c->retry_ns = wsl_now_ns;
        }

        wsl_conn_lose(c, 0, c->state != WSL_CLOSING);
        return;
    }

    wsl_total.reads++;
    wsl_total.bytes += (uint64_t) n;
    len += (size_t) n;
    used = 0;

    if (c->state == WSL_HANDSHAKE) {
        used = wsl_conn_response(c, wsl_buf, len);

        if (used == -1) {
            return;
        }
    }

    if (c->state == WSL_OPEN || c->state == WSL_CLOSING) {
        more = wsl_frames(c, wsl_buf + used, len - (size_t) used);

        if (more == -1) {
            return;
        }

        used += more;
    }

    len -= (size_t) used;

    if (len > WSL_TAIL_MAX) {
        wsl_total.protocol++;
        wsl_conn_lose(c, 0, 0);
        return;
    }

    if (len || c->tail_len) {
        wsl_tail_keep(c, wsl_buf + used, len);
    }
}


/* returns bytes used by whole frames, or -1: c is no longer connected */

static ptrdiff_t
wsl_frames(wsl_conn_t *c, const uint8_t *p, size_t len)
{
    int             rc;
    size_t          head;
    uint64_t        size;
    unsigned        op, rsv1;
    const uint8_t  *start, *last;

    start = p;
    last = p + len;

    for ( ;; ) {

        rc = wsl_wire_header(p, (size_t) (last - p), wsl_opt.deflate, &head,
                             &size);

        if (rc == 0) {
            break;
        }

        if (rc == -1 || size > WSL_TAIL_MAX - 16) {
            goto invalid;
        }

        if ((uint64_t) (last - p) < head + size) {
            break;
        }

        op = p[0] & 0x0f;
        rsv1 = p[0] >> 6 & 1;
        p += head;

        if (op & 0x08) {
            if (wsl_control(c, op, p, (size_t) size) == -1) {
                return -1;
            }

        } else if (op == 1 || op == 2) {
            wsl_total.frames++;
            wsl_total.compressed += rsv1;

            if (c->kind == WSL_VERIFY
                && wsl_check_message(c, p, (size_t) size) == -1)
            {
                wsl_total.corrupt++;
            }

            if (wsl_opt.cut && c->state == WSL_OPEN && !c->done
                && c->records >= c->cut_at)
            {
                /* what else this read has did not come */
                c->cut_at = c->records + (uint64_t) wsl_opt.cut;
                c->gone_ns = wsl_now_ns;
                c->retry_ns = wsl_now_ns;
                wsl_conn_lose(c, 0, 1);
                return -1;
            }

        } else {
            goto invalid;
        }

        p += size;
    }

    return p - start;

invalid:

    wsl_total.protocol++;
    wsl_conn_lose(c, 0, 0);

    return -1;
}


static int
wsl_control(wsl_conn_t *c, unsigned op, const uint8_t *p, size_t len)
{
    int  code;

    if (len > 125) {
        goto invalid;
    }

    switch (op) {

    case 9:
        wsl_total.pings++;

        if (c->state == WSL_CLOSING) {
            return 0;
        }

        if (wsl_frame_control(c, 10, p, len) == -1) {
            wsl_total.resets++;
            c->gone_ns = wsl_now_ns;
            c->retry_ns = wsl_now_ns;
            wsl_conn_lose(c, 0, 1);
            return -1;
        }

        return 0;

    case 10:
        return 0;

    case 8:
        code = 1005;

        if (len == 1) {
            goto invalid;
        }

        if (len >= 2) {
            code = p[0] << 8 | p[1];
        }

        if (code < 1000 || code >= WSL_CODES) {
            goto invalid;
        }

        wsl_total.code[code]++;

        if (c->state == WSL_CLOSING) {
            wsl_conn_lose(c, 1, 0);
            return -1;
        }

        c->gone_ns = wsl_now_ns;
        c->retry_ns = wsl_now_ns;

        (void) wsl_frame_control(c, 8, p, len >= 2 ? 2 : 0);

        wsl_conn_lose(c, 1, code < 4400 || code == 4408);

        return -1;

    default:
        break;
    }

invalid:

    wsl_total.protocol++;
    wsl_conn_lose(c, 0, 0);

    return -1;
}


int
wsl_frame_control(wsl_conn_t *c, unsigned op, const uint8_t *p, size_t len)
{
    uint8_t  buf[6 + 125];

    len = wsl_wire_control(buf, op, p, len);

    return send(c->fd, buf, len, MSG_NOSIGNAL) == (ssize_t) len ? 0 : -1;
}


static void
wsl_tail_keep(wsl_conn_t *c, const uint8_t *p, size_t len)
{
    uint8_t  *tail;

    if (len == 0) {
        wsl_frame_reset(c);
        return;
    }

    if (len > c->tail_size) {
        tail = realloc(c->tail, len);
        if (tail == NULL) {
            (void) fprintf(stderr, "ws_load: out of memory\n");
            exit(2);
        }

        c->tail = tail;
        c->tail_size = (uint32_t) len;
    }

    memcpy(c->tail, p, len);
    c->tail_len = (uint32_t) len;
}


void
wsl_frame_reset(wsl_conn_t *c)
{
    free(c->tail);

    c->tail = NULL;
    c->tail_len = 0;
    c->tail_size = 0;
}
