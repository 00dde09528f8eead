
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * ws_load: many WebSocket clients in one process.
 *
 *     ws_load --port=8080 --uri=/t --connections=5000 --partitions=4 \
 *             --records=300 --run=ID --seconds=90 --announce
 *
 * It connects, prints {"ready":5000} when every client has its start event
 * (--announce), receives until each has all records, all frames (--frames),
 * or the time is over, or TERM comes.  With --announce it says {"enough":N}
 * then, and waits for --linger-ms.  USR1 asks for {"lap":{...}}, the latency
 * since the last one and each client's longest stall, and those are in
 * "stalls_us" at the end.  At last it sends Close 1000 on every connection
 * and prints one line of JSON.
 *
 * exit code: 0 when every client was connected and, for those that verify,
 * nothing was lost, doubled, reordered, corrupt, another's or against
 * RFC 6455, and all expected records came; 1 when not; 2 when it could not run.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ws_load.h"


#define WSL_CLOSE_MS  3000              /* for the server to answer Close */


static int wsl_options(int argc, char **argv);
static int wsl_clients(void);
static void wsl_connect(void);
static void wsl_loop(int ep, int timeout_ms);
static int wsl_enough(void);
static void wsl_run(int ep);
static int wsl_report(void);
static void wsl_report_lap(void);
static void wsl_report_hist(const char *name, const wsl_hist_t *h);
static void wsl_signal(int signo);
static void wsl_signal_lap(int signo);


static const struct option  wsl_longopts[] = {
    { "host", required_argument, NULL, 'h' },
    { "port", required_argument, NULL, 'p' },
    { "uri", required_argument, NULL, 'u' },
    { "header", required_argument, NULL, 'H' },
    { "protocol", required_argument, NULL, 'P' },
    { "subscribe", required_argument, NULL, 'S' },
    { "connections", required_argument, NULL, 'c' },
    { "never-read", required_argument, NULL, 'n' },
    { "rcvbuf", required_argument, NULL, 'b' },
    { "drain", no_argument, NULL, 'd' },
    { "raw", no_argument, NULL, 'w' },
    { "deflate", no_argument, NULL, 'z' },
    { "run", required_argument, NULL, 'r' },
    { "partitions", required_argument, NULL, 't' },
    { "records", required_argument, NULL, 'e' },
    { "owners", required_argument, NULL, 'o' },
    { "owner-by", required_argument, NULL, 'y' },
    { "owner-filter", no_argument, NULL, 'F' },
    { "topics", required_argument, NULL, 'N' },
    { "cut", required_argument, NULL, 'x' },
    { "frames", required_argument, NULL, 'f' },
    { "late", no_argument, NULL, 'l' },
    { "no-resume", no_argument, NULL, 'R' },
    { "sources", required_argument, NULL, 's' },
    { "inflight", required_argument, NULL, 'i' },
    { "seconds", required_argument, NULL, 'T' },
    { "linger-ms", required_argument, NULL, 'L' },
    { "announce", no_argument, NULL, 'a' },
    { NULL, 0, NULL, 0 }
};

static const char   wsl_usage[] =
    "usage: ws_load --port=N [options]\n"
    "  --host=127.0.0.1     address\n"
    "  --uri=/              location; several: clients take turns\n"
    "  --header='N: V'      more request headers\n"
    "  --protocol=LIST      Sec-WebSocket-Protocol\n"
    "  --subscribe=TOPIC    by a command, with the cursor in it\n"
    "  --connections=1      clients\n"
    "  --never-read=0       so many of them never read\n"
    "  --rcvbuf=BYTES       receive buffer of those\n"
    "  --drain              count frames, check nothing\n"
    "  --raw                frames are bare values (text, binary)\n"
    "  --deflate            permessage-deflate must be taken, with --drain\n"
    "  --run=ID             run id that every value must carry\n"
    "  --partitions=1       of the topic\n"
    "  --records=N          records to come on each partition\n"
    "  --owners=N           client i asks as ?u=k(i % N), for its own alone\n"
    "  --owner-by=u         by this argument\n"
    "  --owner-filter       by the command's filter, by that field\n"
    "  --topics=N           i % N is the end of its location\n"
    "  --cut=N              cut each connection after N records, come back\n"
    "  --frames=N           enough frames for each client, with --drain\n"
    "  --late               sequences need not start at 0\n"
    "  --no-resume          do not come back after a loss\n"
    "  --sources=1          local addresses, 127.0.0.1 and up\n"
    "  --inflight=128       handshakes at once\n"
    "  --seconds=60         the whole run at most\n"
    "  --linger-ms=300      wait for doubled records\n"
    "  --announce           print {\"ready\":N} and {\"enough\":N} in time\n";


wsl_opt_t      wsl_opt;
wsl_total_t    wsl_total;
wsl_conn_t    *wsl_conns;

static int    *wsl_queue;               /* clients that wait to connect */
static int     wsl_nqueue;

static volatile sig_atomic_t  wsl_stop;
static volatile sig_atomic_t  wsl_lap;


int
main(int argc, char **argv)
{
    int  ep;

    if (wsl_options(argc, argv) == -1) {
        (void) fputs(wsl_usage, stderr);
        return 2;
    }

    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void) signal(SIGTERM, wsl_signal);
    (void) signal(SIGINT, wsl_signal);
    (void) signal(SIGUSR1, wsl_signal_lap);

    ep = epoll_create1(EPOLL_CLOEXEC);

    wsl_clock();

    if (ep == -1 || wsl_clients() == -1 || wsl_conn_init(ep) == -1
        || wsl_check_init() == -1)
    {
        (void) fprintf(stderr, "ws_load: cannot start: %s\n",
                       strerror(errno));
        return 2;
    }

    wsl_run(ep);

    return wsl_report();
}


static void
wsl_signal(int signo)
{
    (void) signo;

    wsl_stop = 1;
}


static void
wsl_signal_lap(int signo)
{
    (void) signo;

    wsl_lap = 1;
}


static int
wsl_options(int argc, char **argv)
{
    int  o;

    wsl_opt.host = "127.0.0.1";
    wsl_opt.connections = 1;
    wsl_opt.partitions = 1;
    wsl_opt.records = -1;
    wsl_opt.frames = -1;
    wsl_opt.resume = 1;
    wsl_opt.owner_by = "u";
    wsl_opt.sources = 1;
    wsl_opt.inflight = 128;
    wsl_opt.seconds = 60;
    wsl_opt.linger_ms = 300;

    while ((o = getopt_long(argc, argv, "", wsl_longopts, NULL)) != -1) {

        switch (o) {
        case 'h': wsl_opt.host = optarg; break;
        case 'p': wsl_opt.port = atoi(optarg); break;
        case 'P': wsl_opt.protocol = optarg; break;
        case 'c': wsl_opt.connections = atoi(optarg); break;
        case 'n': wsl_opt.never_read = atoi(optarg); break;
        case 'b': wsl_opt.rcvbuf = atoi(optarg); break;
        case 'd': wsl_opt.drain = 1; break;
        case 'w': wsl_opt.raw = 1; break;
        case 'z': wsl_opt.deflate = 1; break;
        case 'r': wsl_opt.run = optarg; break;
        case 't': wsl_opt.partitions = atoi(optarg); break;
        case 'e': wsl_opt.records = atoll(optarg); break;
        case 'o': wsl_opt.owners = atoi(optarg); break;
        case 'y': wsl_opt.owner_by = optarg; break;
        case 'F': wsl_opt.owner_filter = 1; break;
        case 'N': wsl_opt.topics = atoi(optarg); break;
        case 'S': wsl_opt.subscribe = optarg; break;
        case 'x': wsl_opt.cut = atoi(optarg); break;
        case 'f': wsl_opt.frames = atoll(optarg); break;
        case 'l': wsl_opt.late = 1; break;
        case 'R': wsl_opt.resume = 0; break;
        case 's': wsl_opt.sources = atoi(optarg); break;
        case 'i': wsl_opt.inflight = atoi(optarg); break;
        case 'T': wsl_opt.seconds = atoi(optarg); break;
        case 'L': wsl_opt.linger_ms = atoi(optarg); break;
        case 'a': wsl_opt.announce = 1; break;

        case 'u':
            if (wsl_opt.nuri == WSL_URI_MAX) {
                return -1;
            }

            wsl_opt.uri[wsl_opt.nuri++] = optarg;
            break;

        case 'H':
            if (wsl_opt.nheader == WSL_HEADER_MAX) {
                return -1;
            }

            wsl_opt.header[wsl_opt.nheader++] = optarg;
            break;

        default:
            return -1;
        }
    }

    if (wsl_opt.nuri == 0) {
        wsl_opt.uri[wsl_opt.nuri++] = "/";
    }

    if (optind != argc || wsl_opt.port < 1 || wsl_opt.port > 65535
        || wsl_opt.connections < 1 || wsl_opt.connections > 20000
        || wsl_opt.never_read > wsl_opt.connections
        || (wsl_opt.deflate && !wsl_opt.drain)
        || wsl_opt.owners < 0 || wsl_opt.topics < 0
        || (wsl_opt.owners && wsl_opt.topics) || wsl_opt.cut < 0
        || wsl_opt.partitions < 1 || wsl_opt.partitions > 64
        || wsl_opt.sources < 1 || wsl_opt.sources > 64
        || wsl_opt.inflight < 1 || wsl_opt.seconds < 1)
    {
        return -1;
    }

    return 0;
}


static int
wsl_clients(void)
{
    int          i, j;
    size_t       n;
    wsl_conn_t  *c;
    wsl_part_t  *parts;

    n = (size_t) wsl_opt.connections;

    wsl_conns = calloc(n, sizeof(wsl_conn_t));
    wsl_queue = calloc(n * 2, sizeof(int));
    parts = calloc(n * (size_t) wsl_opt.partitions, sizeof(wsl_part_t));

    if (wsl_conns == NULL || wsl_queue == NULL || parts == NULL) {
        free(parts);
        return -1;
    }

    for (i = 0; i < wsl_opt.connections; i++) {
        c = &wsl_conns[i];

        c->fd = -1;
        c->uri = (uint8_t) (i % wsl_opt.nuri);
        c->kind = i < wsl_opt.never_read ? WSL_NEVER_READ
                  : wsl_opt.drain ? WSL_DRAIN : WSL_VERIFY;

        c->parts = parts + (size_t) i * (size_t) wsl_opt.partitions;

        for (j = 0; j < wsl_opt.partitions; j++) {
            c->parts[j].next_offset = -1;
            c->parts[j].next_seq = wsl_opt.late ? -1 : 0;
        }

        wsl_owner_init(c);

        if (wsl_opt.cut) {
            /* not all of them at once */
            c->cut_at = (uint64_t) (1 + i % wsl_opt.cut);
        }

        wsl_conn_again(c);
    }

    return 0;
}


void
wsl_conn_again(wsl_conn_t *c)
{
    wsl_queue[wsl_nqueue++] = (int) (c - wsl_conns);
}


/* starts whoever's time has come, in order, inflight at most */

static void
wsl_connect(void)
{
    int          i, n, keep;
    wsl_conn_t  *c;

    n = wsl_nqueue;

    for (keep = 0, i = 0; i < n; i++) {
        c = &wsl_conns[wsl_queue[i]];

        if (wsl_total.inflight >= wsl_opt.inflight
            || c->retry_ns > wsl_now_ns)
        {
            wsl_queue[keep++] = wsl_queue[i];
            continue;
        }

        wsl_conn_start(c);
    }

    /* those that failed at once have been put behind the n */

    memmove(wsl_queue + keep, wsl_queue + n,
            (size_t) (wsl_nqueue - n) * sizeof(int));

    wsl_nqueue -= n - keep;
}


static void
wsl_loop(int ep, int timeout_ms)
{
    int                        i, n;
    static struct epoll_event  events[512];

    n = epoll_wait(ep, events, 512, timeout_ms);

    wsl_clock();

    for (i = 0; i < n; i++) {
        wsl_conn_event(events[i].data.u64, events[i].events);
    }
}


static int
wsl_enough(void)
{
    int  readers;

    readers = wsl_opt.connections - wsl_opt.never_read;

    if (wsl_stop || wsl_total.over == wsl_opt.connections) {
        return 1;
    }

    if (wsl_opt.drain) {
        return wsl_opt.frames >= 0
               && wsl_total.frames >= (uint64_t) (wsl_opt.frames * readers);
    }

    return wsl_opt.records >= 0 && readers && wsl_total.done == readers;
}


static void
wsl_run(int ep)
{
    int       i, announced;
    uint64_t  end_ns, linger_ns;

    announced = !wsl_opt.announce;
    linger_ns = 0;
    end_ns = wsl_now_ns + (uint64_t) wsl_opt.seconds * 1000000000;

    while (wsl_now_ns < end_ns && !wsl_stop) {

        if (wsl_nqueue) {
            wsl_connect();
        }

        wsl_loop(ep, wsl_nqueue ? 2 : 50);

        if (wsl_lap) {
            wsl_lap = 0;
            wsl_report_lap();
        }

        if (!announced && wsl_total.ready == wsl_opt.connections) {
            announced = 1;
            (void) printf("{\"ready\":%d}\n", wsl_total.ready);
            (void) fflush(stdout);
        }

        if (linger_ns == 0 && wsl_enough()) {
            if (wsl_opt.announce) {
                (void) printf("{\"enough\":%d}\n", wsl_total.open);
                (void) fflush(stdout);
            }

            linger_ns = wsl_now_ns + (uint64_t) wsl_opt.linger_ms * 1000000;
        }

        if (linger_ns && wsl_now_ns >= linger_ns) {
            break;
        }
    }

    /* what is lost is lost by now, not by the closing of the connections */

    for (i = 0; i < wsl_opt.connections; i++) {
        wsl_check_final(&wsl_conns[i]);
        wsl_conn_finish(&wsl_conns[i]);
    }

    end_ns = wsl_now_ns + (uint64_t) WSL_CLOSE_MS * 1000000;

    while (wsl_now_ns < end_ns
           && (wsl_total.over < wsl_opt.connections || wsl_total.lingering))
    {
        wsl_loop(ep, 50);
    }
}


static void
wsl_report_lap(void)
{
    int                i;
    uint64_t           us;
    static wsl_hist_t  stall_us;

    memset(&stall_us, 0, sizeof(wsl_hist_t));

    for (i = 0; i < wsl_opt.connections; i++) {
        us = wsl_conns[i].lap_ns / 1000;
        wsl_conns[i].lap_ns = 0;

        if (us) {
            wsl_hist_add(&stall_us, us);
            wsl_hist_add(&wsl_total.stalls_us, us);
        }
    }

    (void) printf("{");
    wsl_report_hist("lap", &wsl_total.lap_us);
    (void) printf(",");
    wsl_report_hist("stall", &stall_us);
    (void) printf("}\n");
    (void) fflush(stdout);

    memset(&wsl_total.lap_us, 0, sizeof(wsl_hist_t));
}


static void
wsl_report_hist(const char *name, const wsl_hist_t *h)
{
    (void) printf("\"%s\":{\"n\":%" PRIu64 ",\"p50\":%" PRIu64
                  ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64
                  ",\"max\":%" PRIu64 "}",
                  name, h->n, wsl_hist_quantile(h, 0.5),
                  wsl_hist_quantile(h, 0.99), wsl_hist_quantile(h, 0.999),
                  h->max);
}


static int
wsl_report(void)
{
    int                i, n, ok;
    wsl_total_t       *t;
    static wsl_hist_t  stall_us;

    t = &wsl_total;

    for (i = 0; i < wsl_opt.connections; i++) {
        if (wsl_conns[i].last_ns) {
            wsl_hist_add(&stall_us, wsl_conns[i].stall_ns / 1000);
        }
    }

    n = wsl_opt.connections - wsl_opt.never_read;

    ok = t->ready == wsl_opt.connections && t->lost == 0 && t->doubled == 0
         && t->reordered == 0 && t->corrupt == 0 && t->foreign == 0
         && t->protocol == 0
         && (wsl_opt.drain || wsl_opt.records < 0 || t->done == n);

    (void) printf("{\"ok\":%s,\"clients\":%d,\"ready\":%d,\"done\":%d,"
                  "\"open_max\":%d", ok ? "true" : "false",
                  wsl_opt.connections, t->ready, t->done, t->open_max);

#define wsl_field(name)                                                       \
    (void) printf(",\"" #name "\":%" PRIu64, (uint64_t) t->name)

    wsl_field(records);
    wsl_field(lost);
    wsl_field(doubled);
    wsl_field(reordered);
    wsl_field(corrupt);
    wsl_field(foreign);
    wsl_field(protocol);
    wsl_field(reads);
    wsl_field(bytes);
    wsl_field(frames);
    wsl_field(compressed);
    wsl_field(starts);
    wsl_field(resumed);
    wsl_field(moved);
    wsl_field(gaps);
    wsl_field(gap_records);
    wsl_field(idles);
    wsl_field(errors);
    wsl_field(unknown);
    wsl_field(pings);
    wsl_field(connects);
    wsl_field(reconnects);
    wsl_field(refused);
    wsl_field(turned_away);
    wsl_field(eofs);
    wsl_field(resets);
    wsl_field(close_resets);
    wsl_field(lingering);
    wsl_field(stall_at_us);

    (void) printf(",\"unclosed\":%d,\"codes\":{",
                  wsl_opt.connections - t->over);

    for (n = 0, i = 0; i < WSL_CODES; i++) {
        if (t->code[i]) {
            (void) printf("%s\"%d\":%" PRIu32, n++ ? "," : "", i,
                          t->code[i]);
        }
    }

    (void) printf("},");
    wsl_report_hist("latency_us", &t->latency_us);
    (void) printf(",");
    wsl_report_hist("stall_us", &stall_us);
    (void) printf(",");
    wsl_report_hist("stalls_us", &t->stalls_us);
    (void) printf(",");
    wsl_report_hist("resume_us", &t->resume_us);
    (void) printf(",");
    wsl_report_hist("handshake_us", &t->handshake_us);
    (void) printf("}\n");

    return ok ? 0 : 1;
}
