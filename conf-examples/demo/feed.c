
/*
 * Copyright (C) the ngx_kafka_ws_module authors
 *
 * The demo's feed: answers for four users, token by token, and a random walk
 * of three prices, produced to Kafka at a steady rate; and, on a UNIX domain
 * socket behind nginx, the two things that the page asks for:
 *
 *     GET  /demo/clock     the time of the machine that stamps the records
 *     POST /demo/reload    sends HUP to nginx (needs a header X-Demo, which a
 *                          page of another site cannot send unasked)
 *
 *     feed -b BROKERS [-n] -s SOCKET -p NGINX_PID_FILE
 *
 * Topics: demo.answers.USER (1 partition), demo.prices (3 partitions, one per
 * symbol), created unless -n.  Prints "ready" when they exist, then feeds
 * until SIGTERM.
 * It also ends with its standard input: whoever started it is gone then.
 *
 * Every value has the run's name and a sequence number without holes, per
 * user and per symbol: by these the page knows what is lost or doubled.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "feed_answers.h"
#include "feed_kafka.h"


#define FEED_PRICE_TOPIC    "demo.prices"
#define FEED_SYMBOLS        3
#define FEED_PRICE_EVERY    50      /* ms, each symbol */
#define FEED_PAUSE          1400    /* ms, between two answers */
#define FEED_PIECE          6       /* bytes, about the longest token */
#define FEED_HTTP_WAIT      500     /* ms, for a request to be whole */
#define FEED_NAME_MAX       256     /* bytes */
#define FEED_VALUE_MAX      1024    /* bytes */


typedef struct {
    char         topic[FEED_NAME_MAX];
    int64_t      due;               /* ms, monotonic */
    uint64_t     seq;
    unsigned     answer;            /* counts all answers, from 0 */
    unsigned     token;             /* 0: the question comes next */
    const char  *rest;              /* of the answer */
} feed_writer_t;


typedef struct {
    const char  *symbol;
    double       price;
    double       drift;
    int64_t      due;               /* ms, monotonic */
    uint64_t     seq;
} feed_price_t;


static double feed_random(void);
static int feed_start(int create);
static void feed_token(unsigned user);
static size_t feed_piece(const char *text);
static void feed_price(unsigned symbol);
static int feed_listen(const char *path);
static void feed_serve(int listener);
static void feed_answer(int fd, const char *request);
static int feed_reload(void);
static pid_t feed_nginx(void);
static void feed_stop(int signo);
static int feed_loop(int listener);


static feed_writer_t  feed_writers[FEED_USERS];

static feed_price_t  feed_prices[FEED_SYMBOLS] = {
    { "BREAD", 84.0, 0, 0, 0 },
    { "WATER", 127.0, 0, 0, 0 },
    { "LIGHT", 56.0, 0, 0, 0 }
};

static const char             *feed_pid_file;
static char                    feed_run[32];
static volatile sig_atomic_t   feed_stopping;


int
main(int argc, char *argv[])
{
    int          opt, create, listener, rc;
    const char  *brokers, *path;

    brokers = NULL;
    create = 1;
    path = NULL;

    for ( ;; ) {
        opt = getopt(argc, argv, "b:ns:p:");

        if (opt == -1) {
            break;
        }

        switch (opt) {

        case 'b':
            brokers = optarg;
            break;

        case 'n':
            create = 0;
            break;

        case 's':
            path = optarg;
            break;

        case 'p':
            feed_pid_file = optarg;
            break;

        default:
            return 2;
        }
    }

    if (brokers == NULL || path == NULL || feed_pid_file == NULL) {
        fprintf(stderr, "usage: feed -b BROKERS [-n] -s SOCKET "
                "-p NGINX_PID_FILE\n");
        return 2;
    }

    signal(SIGTERM, feed_stop);
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);

    snprintf(feed_run, sizeof(feed_run), "%" PRIx64,
             (uint64_t) feed_now(CLOCK_REALTIME));
    srandom((unsigned) (feed_now(CLOCK_REALTIME) ^ getpid()));

    listener = feed_listen(path);
    if (listener == -1) {
        return 1;
    }

    if (feed_kafka_start(brokers) == -1 || feed_start(create) == -1) {
        return 1;
    }

    printf("ready\n");
    fflush(stdout);

    rc = feed_loop(listener);

    feed_kafka_stop();

    close(listener);
    unlink(path);

    return rc;
}


/* -1 .. 1, more often near 0 */

static double
feed_random(void)
{
    int     i;
    double  sum;

    sum = 0;

    for (i = 0; i < 3; i++) {
        sum += 2.0 * (double) random() / 2147483647.0 - 1.0;
    }

    return sum / 3;
}


static int
feed_start(int create)
{
    int            i;
    int64_t        now;
    feed_price_t  *price;

    now = feed_now(CLOCK_MONOTONIC);

    for (i = 0; i < FEED_USERS; i++) {
        snprintf(feed_writers[i].topic, FEED_NAME_MAX, "demo.answers.%s",
                 feed_users[i].name);
        feed_writers[i].due = now + 150 * i;

        if (feed_kafka_topic(feed_writers[i].topic, create ? 1 : 0) == -1) {
            return -1;
        }
    }

    for (i = 0; i < FEED_SYMBOLS; i++) {
        price = &feed_prices[i];
        price->due = now + i * FEED_PRICE_EVERY / FEED_SYMBOLS;
    }

    return feed_kafka_topic(FEED_PRICE_TOPIC, create ? FEED_SYMBOLS : 0);
}


static void
feed_token(unsigned user)
{
    int                     n;
    char                    value[FEED_VALUE_MAX];
    size_t                  len;
    unsigned                pause;
    feed_writer_t          *w;
    const feed_dialogue_t  *d;

    w = &feed_writers[user];
    d = &feed_users[user].dialogues[w->answer % FEED_DIALOGUES];
    pause = feed_users[user].interval;
    len = 0;

    n = snprintf(value, sizeof(value),
                 "{\"run\":\"%s\",\"seq\":%" PRIu64 ",\"answer\":%u"
                 ",\"token\":%u",
                 feed_run, w->seq, w->answer, w->token);

    if (w->token == 0) {
        n += snprintf(value + n, sizeof(value) - (size_t) n,
                      ",\"question\":\"%s\"}", d->question);
        w->rest = d->answer;
        pause = FEED_PAUSE / 3;

    } else {
        len = feed_piece(w->rest);
        n += snprintf(value + n, sizeof(value) - (size_t) n,
                      ",\"text\":\"%.*s\"%s}", (int) len, w->rest,
                      w->rest[len] == '\0' ? ",\"last\":true" : "");
    }

    if (feed_kafka_produce(w->topic, 0, feed_users[user].name, value,
                           (size_t) n)
        == -1)
    {
        return;                             /* queue full: again next time */
    }

    w->seq++;
    w->token++;
    w->rest += len;
    w->due += pause;

    if (w->rest[0] == '\0') {
        w->answer++;
        w->token = 0;
        w->due += FEED_PAUSE;
    }
}


/* to the next space and with it, or to the middle of a long word */

static size_t
feed_piece(const char *text)
{
    size_t  len, word;

    word = strcspn(text, " ");
    len = word > FEED_PIECE + 2 ? FEED_PIECE : word;

    if (len == word) {
        return text[len] == ' ' ? len + 1 : len;
    }

    while ((text[len] & 0xc0) == 0x80) {    /* inside a UTF-8 character */
        len++;
    }

    return len;
}


static void
feed_price(unsigned symbol)
{
    int            n;
    char           value[FEED_VALUE_MAX];
    feed_price_t  *p;

    p = &feed_prices[symbol];

    p->drift = p->drift * 0.97 + feed_random() * 0.00003;
    p->price += p->price * (p->drift + feed_random() * 0.0005);

    n = snprintf(value, sizeof(value),
                 "{\"run\":\"%s\",\"seq\":%" PRIu64 ",\"symbol\":\"%s\""
                 ",\"price\":%.2f}",
                 feed_run, p->seq, p->symbol, p->price);

    if (feed_kafka_produce(FEED_PRICE_TOPIC, (int32_t) symbol, p->symbol, value,
                     (size_t) n)
        == 0)
    {
        p->seq++;
        p->due += FEED_PRICE_EVERY;
    }
}


static int
feed_listen(const char *path)
{
    int                 s;
    struct sockaddr_un  sun;

    memset(&sun, 0, sizeof(sun));
    sun.sun_family = AF_UNIX;

    if (strlen(path) >= sizeof(sun.sun_path)) {
        fprintf(stderr, "feed: \"%s\" is too long for a socket\n", path);
        return -1;
    }

    memcpy(sun.sun_path, path, strlen(path));

    s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* nginx's workers may run as another user: the folder guards it */

    if (s == -1
        || bind(s, (struct sockaddr *) &sun, sizeof(sun)) == -1
        || chmod(path, 0666) == -1
        || listen(s, 16) == -1)
    {
        fprintf(stderr, "feed: \"%s\": %s\n", path, strerror(errno));

        if (s != -1) {
            close(s);
        }

        return -1;
    }

    return s;
}


static void
feed_serve(int listener)
{
    int             fd;
    char            request[4096];
    size_t          len;
    ssize_t         n;
    struct timeval  tv;

    fd = accept(listener, NULL, NULL);
    if (fd == -1) {
        return;
    }

    tv.tv_sec = 0;
    tv.tv_usec = FEED_HTTP_WAIT * 1000;
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));

    len = 0;

    for ( ;; ) {
        n = recv(fd, request + len, sizeof(request) - len - 1, 0);
        if (n <= 0) {
            break;
        }

        len += (size_t) n;
        request[len] = '\0';

        if (strstr(request, "\r\n\r\n") != NULL) {
            feed_answer(fd, request);
            break;
        }
    }

    close(fd);
}


static void
feed_answer(int fd, const char *request)
{
    int          n;
    char         body[64], response[256];
    const char  *status;

    body[0] = '\0';
    status = "404 Not Found";

    if (strncmp(request, "GET /demo/clock ", 16) == 0) {
        status = "200 OK";
        snprintf(body, sizeof(body), "{\"now\":%" PRId64 "}",
                 feed_now(CLOCK_REALTIME));

    } else if (strncmp(request, "POST /demo/reload ", 18) == 0) {
        status = "403 Forbidden";

        if (strcasestr(request, "\r\nx-demo:") != NULL) {
            status = feed_reload() == 0 ? "202 Accepted"
                                        : "500 Internal Server Error";
            snprintf(body, sizeof(body), "{}");
        }
    }

    n = snprintf(response, sizeof(response),
                 "HTTP/1.0 %s\r\n"
                 "Content-Type: application/json\r\n"
                 "Cache-Control: no-store\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 status, strlen(body), body);

    (void) send(fd, response, (size_t) n, 0);   /* or nginx has gone */
}


static int
feed_reload(void)
{
    pid_t  pid;

    pid = feed_nginx();

    return pid > 0 ? kill(pid, SIGHUP) : -1;
}


static pid_t
feed_nginx(void)
{
    int    n;
    long   pid;
    FILE  *file;

    file = fopen(feed_pid_file, "r");
    if (file == NULL) {
        return -1;
    }

    n = fscanf(file, "%ld", &pid);
    fclose(file);

    return n == 1 && pid > 1 ? (pid_t) pid : -1;
}


static void
feed_stop(int signo)
{
    (void) signo;

    feed_stopping = 1;
}


static int
feed_loop(int listener)
{
    int            i;
    char           ignored[256];
    int64_t        now, next;
    struct pollfd  fds[2];

    while (!feed_stopping) {
        now = feed_now(CLOCK_MONOTONIC);
        next = now + 1000;

        for (i = 0; i < FEED_USERS; i++) {
            if (feed_writers[i].due <= now) {
                feed_token((unsigned) i);
            }

            if (feed_writers[i].due < next) {
                next = feed_writers[i].due;
            }
        }

        for (i = 0; i < FEED_SYMBOLS; i++) {
            if (feed_prices[i].due <= now) {
                feed_price((unsigned) i);
            }

            if (feed_prices[i].due < next) {
                next = feed_prices[i].due;
            }
        }

        feed_kafka_poll();

        fds[0].fd = STDIN_FILENO;
        fds[0].events = POLLIN;
        fds[1].fd = listener;
        fds[1].events = POLLIN;

        if (poll(fds, 2, next > now ? (int) (next - now) : 1) <= 0) {
            continue;
        }

        if (fds[1].revents) {
            feed_serve(listener);
        }

        if (fds[0].revents
            && read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
        {
            return 1;
        }
    }

    return 0;
}
