
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of the subscriber: its client.  It makes masked frames, and takes
 * what it gets apart, byte by byte, into words of the trace:
 *
 *     101  the response        r3  record 3       P(a)  pong     ping
 *     t(a) another text frame  C1000:reason, C1000, C   Close
 *
 * Whatever is no frame of a server, out of order or behind a Close breaks
 * the test.
 */


#ifndef _SUBSCRIBER_CLIENT_H_INCLUDED_
#define _SUBSCRIBER_CLIENT_H_INCLUDED_


#include "subscriber_socket.h"


#define CLIENT_FIN    0x80
#define CLIENT_RSV1   0x40
#define CLIENT_RSV2   0x20

#define RECORD_SMALL  20      /* bytes of a payload */
#define RECORD_BIG    20000   /* more than the buffer of TLS */
#define RECORD_MAX    (RECORD_BIG + 4)


typedef struct {
    u_char       buf[65536];  /* a frame that is not whole yet */
    size_t       len;
    unsigned     open;        /* the response is here */
    unsigned     closed;      /* a Close is here */
    unsigned     record;      /* the last one */
    unsigned     pong;        /* the last one's number */
    unsigned     pinged;      /* the last ping's number */
    unsigned     damaged;     /* it sent what may be no frames */
} client_t;


static client_t  client;


static inline void
client_begin(void)
{
    memset(&client, 0, sizeof(client_t));
}


/* a frame of the client; n: at most 65535 */

static inline size_t
client_frame(u_char *buf, unsigned first, const void *payload, size_t n)
{
    size_t         i, len;
    const u_char  *p = payload;

    static const u_char  mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

    len = 0;
    buf[len++] = (u_char) first;

    if (n < 126) {
        buf[len++] = (u_char) (0x80 | n);

    } else {
        buf[len++] = 0x80 | 126;
        buf[len++] = (u_char) (n >> 8);
        buf[len++] = (u_char) n;
    }

    memcpy(buf + len, mask, 4);
    len += 4;

    for (i = 0; i < n; i++) {
        buf[len++] = p[i] ^ mask[i % 4];
    }

    return len;
}


/* the head of a text frame of ours */

static inline size_t
client_head(u_char *buf, size_t n)
{
    size_t  len;

    len = 0;
    buf[len++] = CLIENT_FIN | 0x1;

    if (n < 126) {
        buf[len++] = (u_char) n;

    } else {
        buf[len++] = 126;
        buf[len++] = (u_char) (n >> 8);
        buf[len++] = (u_char) n;
    }

    return len;
}


/* a frame of ours around record k: "r1:" and letters */

static inline size_t
client_record(u_char *buf, unsigned k, size_t n)
{
    int     m;
    char    name[16];
    size_t  i, len;

    len = client_head(buf, n);

    m = snprintf(name, sizeof(name), "r%u:", k);
    memcpy(buf + len, name, (size_t) m);

    for (i = (size_t) m; i < n; i++) {
        buf[len + i] = (u_char) ('a' + (k + i) % 26);
    }

    return len + n;
}


static inline void
client_takes_record(const u_char *p, size_t n, const u_char *frame,
    size_t len)
{
    size_t         m;
    unsigned       k;
    char           name[16];
    static u_char  want[RECORD_MAX];

    m = ngx_min(n, sizeof(name) - 1);
    memcpy(name, p, m);
    name[m] = '\0';

    if (n > RECORD_BIG || sscanf(name, "r%u:", &k) != 1
        || client_record(want, k, n) != len || memcmp(want, frame, len) != 0)
    {
        if (n > 16) {
            world_trace(" t(#%u)", (unsigned) n);

        } else {
            world_trace(" t(%.*s)", (int) n, (const char *) p);
        }

        return;
    }

    if (k != client.record + 1) {
        world_broken("record lost or repeated");
    }

    client.record = k;
    world_trace(" r%u", k);
}


static inline void
client_takes_pong(const u_char *p, size_t n)
{
    char      name[16];
    unsigned  k;

    if (n > 15) {
        world_trace(" P(#%u)", (unsigned) n);
        return;
    }

    world_trace(" P(%.*s)", (int) n, (const char *) p);

    memcpy(name, p, n);
    name[n] = '\0';

    if (!client.damaged && sscanf(name, "p%u", &k) == 1) {
        if (k <= client.pong || k > client.pinged) {
            world_broken("pong without a ping, or out of order");
        }

        client.pong = k;
    }
}


static inline void
client_takes_frame(const u_char *frame, size_t len, const u_char *p, size_t n)
{
    if (client.closed) {
        world_broken("bytes behind a Close");
    }

    switch (frame[0]) {

    case CLIENT_FIN | 0x1:
        client_takes_record(p, n, frame, len);
        return;

    case CLIENT_FIN | 0x8:
        client.closed = 1;

        if (n == 0) {
            world_trace(" C");

        } else if (n == 2) {
            world_trace(" C%u", p[0] << 8 | p[1]);

        } else if (n == 1 || n > 125) {
            world_broken("a Close of no legal length");

        } else {
            world_trace(" C%u:%.*s", p[0] << 8 | p[1], (int) n - 2,
                        (const char *) p + 2);
        }

        return;

    case CLIENT_FIN | 0x9:
        if (n != 0) {
            world_broken("a ping with something in it");
        }

        world_trace(" ping");
        return;

    case CLIENT_FIN | 0xa:
        client_takes_pong(p, n);
        return;

    default:
        world_broken("a frame that nobody sent");
    }
}


static inline void
client_takes(const u_char *data, size_t n)
{
    size_t         head, len;
    const u_char  *p;

    if (n > sizeof(client.buf) - client.len) {
        world_broken("a frame without an end");
        return;
    }

    memcpy(client.buf + client.len, data, n);
    client.len += n;

    for ( ;; ) {
        p = client.buf;
        head = client.len > 1 && p[1] == 126 ? 4 : 2;

        if (!client.open) {
            len = sizeof(WORLD_RESPONSE) - 1;

            if (client.len < len) {
                return;
            }

            if (memcmp(p, WORLD_RESPONSE, len) != 0) {
                world_broken("not the response");
            }

            client.open = 1;
            world_trace(" 101");

        } else {

            if (client.len < head) {
                return;
            }

            if (p[1] > 126) {
                world_broken("masked, or longer than anything sent");
                return;
            }

            len = head == 4 ? (size_t) (p[2] << 8 | p[3]) : p[1];

            if (client.len - head < len) {
                return;
            }

            client_takes_frame(p, head + len, p + head, len);
            len += head;
        }

        client.len -= len;
        memmove(client.buf, client.buf + len, client.len);
    }
}


#endif /* _SUBSCRIBER_CLIENT_H_INCLUDED_ */
