
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * limit: what cannot be beaten, measured beside the module.
 *
 *     limit --bootstrap=HOST:PORT --topic=NAME --port=N
 *         consumes with librdkafka, makes the frame of a record once, and
 *         sends each connection all frames that wait for it in one send()
 *     limit --bootstrap=HOST:PORT --topic=NAME --port=N --keys
 *         the same for tokens: a connection that asks with ?u=KEY gets the
 *         records of that key alone, found by a hash, those of a batch in
 *         one send()
 *     limit --bootstrap=HOST:PORT --topic=NAME --bare
 *         consumes only, and reads the clock: the floor of latency
 *
 * --raw makes frames of bare values, else they are as those of the module;
 * --topics=N: the topics are NAME.0 to NAME.(N - 1).
 *
 * It prints "ready", serves until TERM, and prints one line of JSON; USR1
 * drops what was counted so far.  Only as much of HTTP and WebSocket is here
 * as ws_load needs: the answer to the key of RFC 6455, 1.3, pings never, the
 * Close echoed.  Keys and values must need no JSON escapes (those of
 * kafka_bulk do not).
 */


#define _GNU_SOURCE

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "limit.h"


#define LIMIT_101                                                             \
    "HTTP/1.1 101 Switching Protocols\r\n"                                    \
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"                           \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

#define LIMIT_START  "{\"event\":\"start\",\"partitions\":[]}"


typedef struct {
    uint64_t     cursor;
    uint32_t     slot;                  /* place in limit_open */
    uint8_t      open;
    uint8_t      blocked;
} limit_conn_t;


static int limit_options(int argc, char **argv);
static int limit_listen(void);
static int limit_ring_map(void);
static void limit_accept(void);
static void limit_client(int fd, uint32_t events);
static void limit_send(int fd);
static void limit_signal(int signo);


const char            *limit_bootstrap;
const char            *limit_topic;
int                    limit_topics;
int                    limit_bare;
int                    limit_keys;
int                    limit_raw;
int                    limit_ep;
int                    limit_efd;
uint8_t               *limit_ring;
uint64_t               limit_head;
uint64_t               limit_sends;
volatile int           limit_lap;

static int             limit_port;
static int             limit_lfd = -1;
static limit_conn_t    limit_conns[LIMIT_FDS];
static int             limit_open[LIMIT_FDS];
static uint32_t        limit_nopen;

static volatile sig_atomic_t  limit_stop;


int
main(int argc, char **argv)
{
    int                        i, n, fd;
    static struct epoll_event  events[512];

    if (limit_options(argc, argv) == -1) {
        (void) fputs("usage: limit --bootstrap=HOST:PORT --topic=NAME "
                     "--port=N [--keys] [--raw] | --bare\n", stderr);
        return 2;
    }

    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void) signal(SIGTERM, limit_signal);
    (void) signal(SIGUSR1, limit_signal);
    (void) signal(SIGPIPE, SIG_IGN);

    limit_ep = epoll_create1(EPOLL_CLOEXEC);

    if (limit_ep == -1 || limit_ring_map() == -1 || limit_kafka() == -1
        || (!limit_bare && limit_listen() == -1))
    {
        (void) fprintf(stderr, "limit: cannot start: %s\n", strerror(errno));
        return 2;
    }

    (void) printf("ready\n");
    (void) fflush(stdout);

    while (!limit_stop) {

        n = epoll_wait(limit_ep, events, 512, 500);

        for (i = 0; i < n; i++) {
            fd = events[i].data.fd;

            if (fd == limit_efd) {
                limit_consume();

            } else if (fd == limit_lfd) {
                limit_accept();

            } else {
                limit_client(fd, events[i].events);
            }
        }
    }

    limit_report();

    return 0;
}


static int
limit_options(int argc, char **argv)
{
    int                         o;
    static const struct option  longopts[] = {
        { "bootstrap", required_argument, NULL, 'b' },
        { "topic", required_argument, NULL, 't' },
        { "topics", required_argument, NULL, 'n' },
        { "port", required_argument, NULL, 'p' },
        { "bare", no_argument, NULL, 'r' },
        { "keys", no_argument, NULL, 'k' },
        { "raw", no_argument, NULL, 'w' },
        { NULL, 0, NULL, 0 }
    };

    while ((o = getopt_long(argc, argv, "", longopts, NULL)) != -1) {

        switch (o) {

        case 'b':
            limit_bootstrap = optarg;
            break;

        case 't':
            limit_topic = optarg;
            break;

        case 'n':
            limit_topics = atoi(optarg);
            break;

        case 'p':
            limit_port = atoi(optarg);
            break;

        case 'r':
            limit_bare = 1;
            break;

        case 'k':
            limit_keys = 1;
            break;

        case 'w':
            limit_raw = 1;
            break;

        default:
            return -1;
        }
    }

    return limit_bootstrap && limit_topic && (limit_bare || limit_port > 0)
           ? 0 : -1;
}


static void
limit_signal(int signo)
{
    if (signo == SIGUSR1) {
        limit_lap = 1;

    } else {
        limit_stop = 1;
    }
}


/* the ring is mapped twice in a row, so that what waits is one span */

static int
limit_ring_map(void)
{
    int    fd;
    void  *p;

    fd = memfd_create("limit", MFD_CLOEXEC);

    if (fd == -1 || ftruncate(fd, (off_t) LIMIT_RING) == -1) {
        return -1;
    }

    limit_ring = mmap(NULL, 2 * LIMIT_RING, PROT_NONE,
                      MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (limit_ring == MAP_FAILED) {
        return -1;
    }

    p = mmap(limit_ring, LIMIT_RING, PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_FIXED, fd, 0);

    if (p == MAP_FAILED) {
        return -1;
    }

    p = mmap(limit_ring + LIMIT_RING, LIMIT_RING, PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_FIXED, fd, 0);

    return p == MAP_FAILED ? -1 : 0;
}


static int
limit_listen(void)
{
    int                 on;
    struct rlimit       rlmt;
    struct sockaddr_in  sin;

    if (getrlimit(RLIMIT_NOFILE, &rlmt) == 0) {
        rlmt.rlim_cur = rlmt.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &rlmt);
    }

    limit_lfd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    if (limit_lfd == -1) {
        return -1;
    }

    on = 1;
    (void) setsockopt(limit_lfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(int));

    memset(&sin, 0, sizeof(struct sockaddr_in));
    sin.sin_family = AF_INET;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sin.sin_port = htons((uint16_t) limit_port);

    if (bind(limit_lfd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(limit_lfd, 1024) == -1)
    {
        return -1;
    }

    limit_watch(limit_lfd, EPOLL_CTL_ADD, EPOLLIN);

    return 0;
}


void
limit_watch(int fd, int op, uint32_t events)
{
    struct epoll_event  ee;

    memset(&ee, 0, sizeof(struct epoll_event));
    ee.events = events;
    ee.data.fd = fd;

    (void) epoll_ctl(limit_ep, op, fd, &ee);
}


static void
limit_accept(void)
{
    int  fd, on;

    for ( ;; ) {
        fd = accept4(limit_lfd, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);

        if (fd == -1) {
            return;
        }

        if (fd >= LIMIT_FDS) {
            (void) close(fd);
            return;
        }

        on = 1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(int));

        memset(&limit_conns[fd], 0, sizeof(limit_conn_t));
        limit_watch(fd, EPOLL_CTL_ADD, EPOLLIN|EPOLLET|EPOLLOUT);
    }
}


/* a request comes in one piece, and whatever follows is a Close or a pong */

static void
limit_client(int fd, uint32_t events)
{
    char                buf[4096];
    ssize_t             n;
    limit_conn_t       *c;
    static const char   answer[] = LIMIT_101 "\x81\x21" LIMIT_START;
    static const char   bye[] = "\x88\x02\x03\xe8";

    c = &limit_conns[fd];

    if (events & EPOLLIN) {
        n = recv(fd, buf, sizeof(buf), 0);

        if (n == 0 || (n == -1 && errno != EAGAIN)) {
            limit_close(fd);
            return;
        }

        if (n > 0 && !c->open) {
            c->open = 1;
            c->cursor = limit_head;
            c->slot = limit_nopen;
            limit_open[limit_nopen++] = fd;

            if (limit_keys && limit_keys_open(fd, buf, (size_t) n) == -1) {
                limit_close(fd);
                return;
            }

            /* bare values have no events beside them */

            (void) send(fd, answer, limit_raw ? sizeof(LIMIT_101) - 1
                                              : sizeof(answer) - 1, 0);
            return;
        }

        if (n > 0 && (buf[0] & 0x0f) == 8) {
            (void) send(fd, bye, sizeof(bye) - 1, 0);
            limit_close(fd);
            return;
        }
    }

    if ((events & EPOLLOUT) && c->blocked) {
        c->blocked = 0;
        limit_send(fd);
    }
}


/* backwards: limit_send() may close and so move the last one */

void
limit_pass(void)
{
    uint32_t  i;

    if (limit_keys) {
        limit_keys_pass();
        return;
    }

    for (i = limit_nopen; i > 0; i--) {
        limit_send(limit_open[i - 1]);
    }
}


static void
limit_send(int fd)
{
    ssize_t        n;
    uint64_t       left;
    limit_conn_t  *c;

    c = &limit_conns[fd];
    left = limit_head - c->cursor;

    if (left == 0 || c->blocked) {
        return;
    }

    if (left > LIMIT_RING) {
        limit_close(fd);
        return;
    }

    n = send(fd, limit_ring + c->cursor % LIMIT_RING, left, 0);

    limit_sends++;

    if (n == -1) {
        if (errno != EAGAIN) {
            limit_close(fd);
            return;
        }

        n = 0;
    }

    c->cursor += (uint64_t) n;
    c->blocked = (uint64_t) n < left;
}


void
limit_close(int fd)
{
    int            last;
    limit_conn_t  *c;

    c = &limit_conns[fd];

    if (limit_keys) {
        limit_keys_close(fd);
    }

    if (c->open) {
        last = limit_open[--limit_nopen];
        limit_open[c->slot] = last;
        limit_conns[last].slot = c->slot;
    }

    c->open = 0;
    (void) close(fd);
}
