
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * ws_flood: hostile WebSocket clients in one process.
 *
 *     ws_flood --port=8080 --uri=/t --mode=pings --connections=50 \
 *              --rate=20000 --ms=2000
 *
 * The connections of a mode do what ws_flood_script.c says, in turn.  It
 * ends when --count of them have ended, or with the time: those that are
 * left then ("alive") end by half with RST.  Pace keeps it from taking the
 * processor for itself: --connects a second, --rate units (frames, bytes of
 * a slow request) a second over all connections.
 *
 * It ends with one line of JSON.  "failed": connections that ended in
 * another way than their script says, or got another close code.
 *
 * exit code: 0 none failed, 1 some did, 2 when it could not run.
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

#include "ws_flood.h"


#define WSF_CATCH_UP  0.02              /* s of a pace that was not kept */


typedef struct {
    double         rate;                /* a second; 0: at once */
    double         tokens;
    uint64_t       last_ns;
} wsf_pace_t;


static int wsf_options(int argc, char **argv);
static int wsf_clients(void);
static double wsf_pace_most(wsf_pace_t *pace);
static int64_t wsf_pace(wsf_pace_t *pace);
static void wsf_connect(void);
static void wsf_turns(void);
static void wsf_run(int ep);
static int wsf_report(double seconds);
static void wsf_signal(int signo);


static const struct option  wsf_longopts[] = {
    { "host", required_argument, NULL, 'h' },
    { "port", required_argument, NULL, 'p' },
    { "uri", required_argument, NULL, 'u' },
    { "mode", required_argument, NULL, 'm' },
    { "header", required_argument, NULL, 'H' },
    { "deflate", no_argument, NULL, 'd' },
    { "connections", required_argument, NULL, 'c' },
    { "count", required_argument, NULL, 'n' },
    { "connects", required_argument, NULL, 'C' },
    { "rate", required_argument, NULL, 'r' },
    { "burst", required_argument, NULL, 'b' },
    { "ms", required_argument, NULL, 'T' },
    { "hold-ms", required_argument, NULL, 'L' },
    { "records", required_argument, NULL, 'e' },
    { "source", required_argument, NULL, 's' },
    { "sources", required_argument, NULL, 'S' },
    { "announce", no_argument, NULL, 'a' },
    { NULL, 0, NULL, 0 }
};

static const char   wsf_usage[] =
    "usage: ws_flood --port=N --mode=MODE [options]\n"
    "  --host=127.0.0.1     address\n"
    "  --uri=/              location\n"
    "  --header='N: V'      one more request header\n"
    "  --deflate            offer permessage-deflate\n"
    "  --connections=1      at once\n"
    "  --count=N            in all; without it, until the time is up\n"
    "  --connects=0         a second; 0: at once\n"
    "  --rate=0             frames or bytes a second; 0: at once\n"
    "  --burst=16           of these in one send\n"
    "  --ms=10000           the whole run at most\n"
    "  --hold-ms=1000       how long half a handshake is held\n"
    "  --records=3          frames before a stream is left\n"
    "  --source=2           first local address, 127.0.0.n\n"
    "  --sources=16         so many of them\n"
    "  --announce           print {\"alive\":N} when all are there\n";


wsf_opt_t      wsf_opt;
wsf_total_t    wsf_total;
wsf_conn_t    *wsf_conns;
wsf_case_t     wsf_cases[WSF_SCRIPTS];
int            wsf_ncases;

static int        *wsf_free;            /* connections that may start */
static int         wsf_nfree;
static int         wsf_turn;            /* whose turn it is */
static wsf_pace_t  wsf_connects;
static wsf_pace_t  wsf_units;

static volatile sig_atomic_t  wsf_stop;


int
main(int argc, char **argv)
{
    int       ep;
    uint64_t  start_ns;

    if (wsf_options(argc, argv) == -1
        || wsf_script_init(wsf_opt.mode) == -1)
    {
        (void) fputs(wsf_usage, stderr);
        return 2;
    }

    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void) signal(SIGTERM, wsf_signal);
    (void) signal(SIGINT, wsf_signal);

    ep = epoll_create1(EPOLL_CLOEXEC);

    if (ep == -1 || wsf_clients() == -1 || wsf_conn_init(ep) == -1) {
        (void) fprintf(stderr, "ws_flood: cannot start: %s\n",
                       strerror(errno));
        return 2;
    }

    wsl_clock();
    start_ns = wsl_now_ns;

    wsf_run(ep);

    return wsf_report((double) (wsl_now_ns - start_ns) / 1e9);
}


static void
wsf_signal(int signo)
{
    (void) signo;

    wsf_stop = 1;
}


static int
wsf_options(int argc, char **argv)
{
    int  o;

    wsf_opt.host = "127.0.0.1";
    wsf_opt.uri = "/";
    wsf_opt.connections = 1;
    wsf_opt.count = -1;
    wsf_opt.burst = 16;
    wsf_opt.ms = 10000;
    wsf_opt.hold_ms = 1000;
    wsf_opt.records = 3;
    wsf_opt.source = 2;
    wsf_opt.sources = 16;

    while ((o = getopt_long(argc, argv, "", wsf_longopts, NULL)) != -1) {

        switch (o) {
        case 'h': wsf_opt.host = optarg; break;
        case 'p': wsf_opt.port = atoi(optarg); break;
        case 'u': wsf_opt.uri = optarg; break;
        case 'm': wsf_opt.mode = optarg; break;
        case 'H': wsf_opt.header = optarg; break;
        case 'd': wsf_opt.deflate = 1; break;
        case 'c': wsf_opt.connections = atoi(optarg); break;
        case 'n': wsf_opt.count = atoll(optarg); break;
        case 'C': wsf_opt.connects = atof(optarg); break;
        case 'r': wsf_opt.rate = atof(optarg); break;
        case 'b': wsf_opt.burst = atoi(optarg); break;
        case 'T': wsf_opt.ms = atoi(optarg); break;
        case 'L': wsf_opt.hold_ms = atoi(optarg); break;
        case 'e': wsf_opt.records = atoi(optarg); break;
        case 's': wsf_opt.source = atoi(optarg); break;
        case 'S': wsf_opt.sources = atoi(optarg); break;
        case 'a': wsf_opt.announce = 1; break;
        default: return -1;
        }
    }

    if (optind != argc || wsf_opt.mode == NULL || wsf_opt.port < 1
        || wsf_opt.port > 65535 || wsf_opt.connections < 1
        || wsf_opt.connections > 19000 || wsf_opt.burst < 1
        || wsf_opt.ms < 1 || wsf_opt.ms > 600000 || wsf_opt.source < 1
        || wsf_opt.sources < 1 || wsf_opt.sources > 64)
    {
        return -1;
    }

    return 0;
}


static int
wsf_clients(void)
{
    int     i;
    size_t  n;

    n = (size_t) wsf_opt.connections;

    wsf_conns = calloc(n, sizeof(wsf_conn_t));
    wsf_free = calloc(n, sizeof(int));

    if (wsf_conns == NULL || wsf_free == NULL) {
        return -1;
    }

    for (i = wsf_opt.connections - 1; i >= 0; i--) {
        wsf_free[wsf_nfree++] = i;
    }

    wsf_connects.rate = wsf_opt.connects;
    wsf_units.rate = wsf_opt.rate;

    return 0;
}


void
wsf_conn_free(wsf_conn_t *c)
{
    wsf_free[wsf_nfree++] = (int) (c - wsf_conns);
}


/* returns: how many may be had at once */

static double
wsf_pace_most(wsf_pace_t *pace)
{
    return pace->rate * WSF_CATCH_UP + 1;
}


/* returns: how many may be had now */

static int64_t
wsf_pace(wsf_pace_t *pace)
{
    double  most;

    if (pace->rate <= 0) {
        return INT64_MAX;
    }

    if (pace->last_ns == 0) {
        pace->last_ns = wsl_now_ns;
    }

    pace->tokens += pace->rate * (double) (wsl_now_ns - pace->last_ns) / 1e9;
    pace->last_ns = wsl_now_ns;

    most = wsf_pace_most(pace);

    if (pace->tokens > most) {
        pace->tokens = most;
    }

    return (int64_t) pace->tokens;
}


static void
wsf_connect(void)
{
    int64_t  n, left;

    left = wsf_opt.count < 0 ? INT64_MAX
                             : wsf_opt.count - (int64_t) wsf_total.connects;
    n = wsf_pace(&wsf_connects);

    while (wsf_nfree && n > 0 && left > 0) {
        wsf_nfree--;
        wsf_conn_start(&wsf_conns[wsf_free[wsf_nfree]], wsf_total.connects);

        n--;
        left--;
        wsf_connects.tokens--;
    }
}


/*
 * Everyone once, as far as the pace allows: with a whole burst or not at all,
 * so that the attacker's own calls take little of its victims' processor.
 */

static void
wsf_turns(void)
{
    int      i;
    int64_t  n, sent, least;

    n = wsf_pace(&wsf_units);
    least = wsf_opt.burst;

    if (n < INT64_MAX && (double) least > wsf_pace_most(&wsf_units)) {
        least = (int64_t) wsf_pace_most(&wsf_units);
    }

    for (i = 0; i < wsf_opt.connections && n >= least; i++) {
        sent = wsf_conn_turn(&wsf_conns[wsf_turn],
                             n < wsf_opt.burst ? n : wsf_opt.burst);

        wsf_turn = (wsf_turn + 1) % wsf_opt.connections;
        wsf_units.tokens -= (double) sent;
        n -= sent;
    }
}


static void
wsf_run(int ep)
{
    int                        i, n, announced;
    uint64_t                   end_ns;
    static struct epoll_event  events[512];

    announced = !wsf_opt.announce;
    end_ns = wsl_now_ns + (uint64_t) wsf_opt.ms * 1000000;

    while (wsl_now_ns < end_ns && !wsf_stop) {

        wsf_connect();
        wsf_turns();

        n = epoll_wait(ep, events, 512, 1);

        wsl_clock();

        for (i = 0; i < n; i++) {
            wsf_conn_event(events[i].data.u64, events[i].events);
        }

        for (i = 0; i < wsf_opt.connections; i++) {
            if (wsf_conns[i].state == WSF_WAIT) {
                wsf_conn_expire(&wsf_conns[i]);
            }
        }

        if (!announced && wsf_total.alive == wsf_opt.connections) {
            announced = 1;
            (void) printf("{\"alive\":%d}\n", wsf_total.alive);
            (void) fflush(stdout);
        }

        if (wsf_opt.count >= 0 && wsf_total.alive == 0
            && wsf_total.connects >= (uint64_t) wsf_opt.count)
        {
            break;
        }
    }
}


static int
wsf_report(double seconds)
{
    int           i, n, alive;
    wsf_total_t  *t;

    t = &wsf_total;
    alive = t->alive;

    for (i = 0; i < wsf_opt.connections; i++) {
        if (wsf_conns[i].state != WSF_FREE) {
            wsf_conn_drop(&wsf_conns[i]);
        }
    }

    (void) printf("{\"mode\":\"%s\",\"seconds\":%.3f,\"alive\":%d,"
                  "\"alive_max\":%d", wsf_opt.mode, seconds, alive,
                  t->alive_max);

#define wsf_field(name)                                                       \
    (void) printf(",\"" #name "\":%" PRIu64, t->name)

    wsf_field(connects);
    wsf_field(opened);
    wsf_field(done);
    wsf_field(failed);
    wsf_field(refused);
    wsf_field(units);
    wsf_field(bytes);
    wsf_field(records);
    wsf_field(pings);
    wsf_field(pongs);
    wsf_field(fins);
    wsf_field(resets);
    wsf_field(rsts);

    (void) printf(",\"codes\":{");

    for (n = 0, i = 0; i < WSL_CODES; i++) {
        if (t->code[i]) {
            (void) printf("%s\"%d\":%" PRIu32, n++ ? "," : "", i,
                          t->code[i]);
        }
    }

    (void) printf("},\"scripts\":{");

    for (i = 0; i < wsf_ncases; i++) {
        (void) printf("%s\"%s\":[%" PRIu64 ",%" PRIu64 "]", i ? "," : "",
                      wsf_cases[i].script->name, wsf_cases[i].done,
                      wsf_cases[i].failed);
    }

    (void) printf("}}\n");

    return t->failed ? 1 : 0;
}
