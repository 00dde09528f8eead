
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * ws_echo: one client of a location that echoes.
 *
 *     ws_echo --port=N --frames=N [--size=125] [--window=0] [--mixed]
 *
 * It sends masked text frames and compares what comes back byte by byte.
 * window:  so many frames may be without their echo, 0: any number, so that
 *          they stand back to back and echoes are read at the same time
 * mixed:   characters of one to four bytes instead of ASCII
 *
 * It prints one line of JSON.  Exit code: 0: all came back, and a Close; 1:
 * not; 2: it could not run.  Only as much of HTTP and WebSocket is here as
 * that needs: the answer to the key of RFC 6455, 1.3.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>


#define WS_ECHO_FRAMES_MAX  1000000
#define WS_ECHO_SIZE_MAX    125         /* one byte of length */
#define WS_ECHO_TIMEOUT     60000       /* ms without a byte */

#define WS_ECHO_REQUEST                                                       \
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"                                   \
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"                           \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                         \
    "Sec-WebSocket-Version: 13\r\n\r\n"

#define WS_ECHO_ACCEPT                                                        \
    "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"


static int ws_echo_options(int argc, char **argv);
static int ws_echo_frames(void);
static void ws_echo_text(uint8_t *p);
static uint32_t ws_echo_random(void);
static int ws_echo_connect(void);
static int ws_echo_handshake(int fd);
static int ws_echo_run(int fd);
static int ws_echo_read(int fd);
static int ws_echo_close(int fd);


static int       ws_echo_port;
static int       ws_echo_window;
static int       ws_echo_mixed;
static size_t    ws_echo_nframes;
static size_t    ws_echo_size = WS_ECHO_SIZE_MAX;

static uint8_t  *ws_echo_out;           /* frames, masked */
static uint8_t  *ws_echo_in;            /* the same, as they must come */
static size_t    ws_echo_sent;          /* bytes of ws_echo_out */
static size_t    ws_echo_seen;          /* bytes of ws_echo_in */


int
main(int argc, char **argv)
{
    int  fd;

    if (ws_echo_options(argc, argv) == -1) {
        (void) fputs("usage: ws_echo --port=N --frames=N [--size=125] "
                     "[--window=0] [--mixed]\n", stderr);
        return 2;
    }

    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void) signal(SIGPIPE, SIG_IGN);

    fd = ws_echo_frames() == -1 ? -1 : ws_echo_connect();

    if (fd == -1 || ws_echo_handshake(fd) == -1) {
        (void) fprintf(stderr, "ws_echo: cannot start: %s\n",
                       strerror(errno));
        return 2;
    }

    if (ws_echo_run(fd) == -1 || ws_echo_close(fd) == -1) {
        (void) printf("{\"ok\":false,\"frames\":%zu}\n",
                      ws_echo_seen / (2 + ws_echo_size));
        return 1;
    }

    (void) printf("{\"ok\":true,\"frames\":%zu}\n", ws_echo_nframes);

    return 0;
}


static int
ws_echo_options(int argc, char **argv)
{
    int                         o;
    static const struct option  longopts[] = {
        { "port", required_argument, NULL, 'p' },
        { "frames", required_argument, NULL, 'f' },
        { "size", required_argument, NULL, 's' },
        { "window", required_argument, NULL, 'w' },
        { "mixed", no_argument, NULL, 'm' },
        { NULL, 0, NULL, 0 }
    };

    while ((o = getopt_long(argc, argv, "", longopts, NULL)) != -1) {

        switch (o) {

        case 'p':
            ws_echo_port = atoi(optarg);
            break;

        case 'f':
            ws_echo_nframes = strtoul(optarg, NULL, 10);
            break;

        case 's':
            ws_echo_size = strtoul(optarg, NULL, 10);
            break;

        case 'w':
            ws_echo_window = atoi(optarg);
            break;

        case 'm':
            ws_echo_mixed = 1;
            break;

        default:
            return -1;
        }
    }

    return optind == argc && ws_echo_port > 0 && ws_echo_port < 65536
           && ws_echo_window >= 0
           && ws_echo_nframes > 0 && ws_echo_nframes <= WS_ECHO_FRAMES_MAX
           && ws_echo_size > 0 && ws_echo_size <= WS_ECHO_SIZE_MAX
           ? 0 : -1;
}


static int
ws_echo_frames(void)
{
    size_t    i, j;
    uint8_t  *in, *out;
    uint32_t  mask;

    ws_echo_out = malloc(ws_echo_nframes * (6 + ws_echo_size));
    ws_echo_in = malloc(ws_echo_nframes * (2 + ws_echo_size));

    if (ws_echo_out == NULL || ws_echo_in == NULL) {
        return -1;
    }

    in = ws_echo_in;
    out = ws_echo_out;

    for (i = 0; i < ws_echo_nframes; i++) {
        mask = ws_echo_random();

        in[0] = 0x81;
        in[1] = (uint8_t) ws_echo_size;
        ws_echo_text(in + 2);

        out[0] = 0x81;
        out[1] = (uint8_t) (0x80 | ws_echo_size);
        memcpy(out + 2, &mask, 4);

        for (j = 0; j < ws_echo_size; j++) {
            out[6 + j] = in[2 + j] ^ out[2 + j % 4];
        }

        in += 2 + ws_echo_size;
        out += 6 + ws_echo_size;
    }

    return 0;
}


static void
ws_echo_text(uint8_t *p)
{
    size_t              n, left;
    const char         *ch;
    static const char  *chars[] = {
        "a", "e", "n", "r", "s", "t", " ", ",", "0",
        "\xc3\xa9", "\xc3\xbc", "\xd0\xb6", "\xe2\x82\xac", "\xe4\xb8\xad",
        "\xf0\x9f\x98\x80"
    };

    for (left = ws_echo_size; left > 0; left -= n) {
        ch = chars[ws_echo_random() % (ws_echo_mixed
                                  ? sizeof(chars) / sizeof(chars[0]) : 9)];
        n = strlen(ch);

        if (n > left) {
            ch = "a";
            n = 1;
        }

        memcpy(p, ch, n);
        p += n;
    }
}


/* xorshift32: the same frames in each run */

static uint32_t
ws_echo_random(void)
{
    static uint32_t  x = 2463534242U;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;

    return x;
}


static int
ws_echo_connect(void)
{
    int                 fd, on;
    struct sockaddr_in  sin;

    fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return -1;
    }

    on = 1;
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(int));

    memset(&sin, 0, sizeof(struct sockaddr_in));
    sin.sin_family = AF_INET;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sin.sin_port = htons((uint16_t) ws_echo_port);

    if (connect(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1) {
        (void) close(fd);
        return -1;
    }

    return fd;
}


/* nothing comes behind the answer before the first frame is sent */

static int
ws_echo_handshake(int fd)
{
    char     buf[4096];
    size_t   len;
    ssize_t  n;

    len = sizeof(WS_ECHO_REQUEST) - 1;

    if (send(fd, WS_ECHO_REQUEST, len, 0) != (ssize_t) len) {
        return -1;
    }

    for (len = 0; len < sizeof(buf); len += (size_t) n) {
        n = recv(fd, buf + len, sizeof(buf) - len, 0);

        if (n <= 0) {
            return -1;
        }

        if (memmem(buf, len + (size_t) n, "\r\n\r\n", 4)) {
            len += (size_t) n;

            return memcmp(buf, "HTTP/1.1 101 ", 13) == 0
                   && memmem(buf, len, WS_ECHO_ACCEPT,
                             sizeof(WS_ECHO_ACCEPT) - 1)
                   ? fcntl(fd, F_SETFL, O_NONBLOCK) : -1;
        }
    }

    return -1;
}


static int
ws_echo_run(int fd)
{
    size_t         all, may;
    ssize_t        n;
    struct pollfd  pfd;

    all = ws_echo_nframes * (6 + ws_echo_size);
    pfd.fd = fd;

    while (ws_echo_seen < ws_echo_nframes * (2 + ws_echo_size)) {

        may = all;

        if (ws_echo_window) {
            may = (ws_echo_seen / (2 + ws_echo_size)
                   + (size_t) ws_echo_window) * (6 + ws_echo_size);
            may = may < all ? may : all;
        }

        pfd.events = ws_echo_sent < may ? POLLIN|POLLOUT : POLLIN;

        if (poll(&pfd, 1, WS_ECHO_TIMEOUT) != 1) {
            return -1;
        }

        if (pfd.revents & POLLIN) {
            if (ws_echo_read(fd) == -1) {
                return -1;
            }

        } else if (pfd.revents & (POLLERR|POLLHUP)) {
            return -1;
        }

        if (pfd.revents & POLLOUT) {
            n = send(fd, ws_echo_out + ws_echo_sent, may - ws_echo_sent, 0);

            if (n == -1 && errno != EAGAIN) {
                return -1;
            }

            ws_echo_sent += n > 0 ? (size_t) n : 0;
        }
    }

    return 0;
}


static int
ws_echo_read(int fd)
{
    size_t          all;
    ssize_t         n;
    static uint8_t  buf[1024 * 1024];

    all = ws_echo_nframes * (2 + ws_echo_size);
    n = recv(fd, buf, sizeof(buf), 0);

    if (n == -1 && errno == EAGAIN) {
        return 0;
    }

    if (n <= 0 || (size_t) n > all - ws_echo_seen
        || memcmp(buf, ws_echo_in + ws_echo_seen, (size_t) n) != 0)
    {
        return -1;
    }

    ws_echo_seen += (size_t) n;

    return 0;
}


/* Close 1000 with a mask of zeros, its echo, the end */

static int
ws_echo_close(int fd)
{
    ssize_t            n;
    size_t             len;
    uint8_t            buf[16];
    struct pollfd      pfd;
    static const char  bye[] = "\x88\x82\0\0\0\0\x03\xe8";

    if (send(fd, bye, sizeof(bye) - 1, 0) != (ssize_t) sizeof(bye) - 1) {
        return -1;
    }

    pfd.fd = fd;
    pfd.events = POLLIN;

    for (len = 0; len < sizeof(buf); len += (size_t) n) {

        if (poll(&pfd, 1, WS_ECHO_TIMEOUT) != 1) {
            return -1;
        }

        n = recv(fd, buf + len, sizeof(buf) - len, 0);

        if (n <= 0) {
            return n == 0 && len == 4 && memcmp(buf, "\x88\x02\x03\xe8", 4)
                                         == 0 ? 0 : -1;
        }
    }

    return -1;
}
