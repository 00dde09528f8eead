
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Sockets, the answer to a handshake and frames; ws_flood uses them, too.
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ws_load.h"


int
wsl_wire_limit(void)
{
    struct rlimit  rlmt;

    if (getrlimit(RLIMIT_NOFILE, &rlmt) == -1) {
        return -1;
    }

    rlmt.rlim_cur = rlmt.rlim_max;

    if (setrlimit(RLIMIT_NOFILE, &rlmt) == -1) {
        return -1;
    }

    return rlmt.rlim_cur > 65536 ? 65536 : (int) rlmt.rlim_cur;
}


int
wsl_wire_socket(int source)
{
    int                 fd, on;
    struct sockaddr_in  sin;

    fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return -1;
    }

    on = 1;
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(int));

    if (source == 0) {
        return fd;
    }

    memset(&sin, 0, sizeof(struct sockaddr_in));
    sin.sin_family = AF_INET;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t) source - 1);

    (void) setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
                      sizeof(int));

    if (bind(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1) {
        (void) close(fd);
        return -1;
    }

    return fd;
}


int
wsl_wire_connect(int fd, const char *host, int port)
{
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(struct sockaddr_in));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    (void) inet_pton(AF_INET, host, &sin.sin_addr);

    if (connect(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        && errno != EINPROGRESS)
    {
        return -1;
    }

    return 0;
}


int
wsl_wire_status(const uint8_t *p, size_t len)
{
    if (len > 12 && memcmp(p, "HTTP/1.1 ", 9) == 0) {
        return (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    }

    return 0;
}


int
wsl_wire_header(const uint8_t *p, size_t len, int deflate, size_t *head,
    uint64_t *size)
{
    int  i, rsv1;

    if (len < 2) {
        return 0;
    }

    /* never fragmented, RSV1 only in data if agreed on, never masked */

    rsv1 = deflate && (p[0] & 0x08) == 0 ? p[0] & 0x40 : 0;

    if (((p[0] & 0xf0) ^ rsv1) != 0x80 || (p[1] & 0x80)) {
        return -1;
    }

    *size = p[1];
    *head = 2;

    if (*size == 126) {
        *head = 4;

        if (len < *head) {
            return 0;
        }

        *size = (uint64_t) p[2] << 8 | p[3];

        return *size < 126 ? -1 : 1;
    }

    if (*size == 127) {
        *head = 10;

        if (len < *head) {
            return 0;
        }

        for (*size = 0, i = 2; i < 10; i++) {
            *size = *size << 8 | p[i];
        }

        return *size < 65536 ? -1 : 1;
    }

    return 1;
}


size_t
wsl_wire_control(uint8_t *buf, unsigned op, const uint8_t *p, size_t len)
{
    size_t    i;
    uint64_t  mask;

    mask = wsl_rand();

    buf[0] = (uint8_t) (0x80 | op);
    buf[1] = (uint8_t) (0x80 | len);
    memcpy(buf + 2, &mask, 4);

    for (i = 0; i < len; i++) {
        buf[6 + i] = p[i] ^ buf[2 + i % 4];
    }

    return 6 + len;
}
