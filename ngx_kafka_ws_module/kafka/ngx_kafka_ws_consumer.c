
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Threads share the work, each doing what the others must not:
 *
 *     main     nginx's own: log, regular expressions.  Called every now and
 *              then by the cache manager's loop, or by a timer.
 *     topics   asks Kafka which topics and partitions there are, and where
 *              their logs begin and end: calls that block as long as a
 *              broker takes, on a handle of their own.
 *     ingest   fetches, renders, publishes and wakes the workers; nothing
 *              it calls blocks.  It becomes the writer of the zone and is
 *              the only one that writes there.
 *     backfill reads older records again, if a location wants that: see
 *              ngx_kafka_ws_backfill.c.
 *
 * A list of topics makes a round: topics proposes it, main marks what the
 * configuration allows, topics adds the positions to begin at, ingest takes
 * it as its plan.  Everything that passes between threads lies in the
 * consumer, under its mutex or in atomic words; no thread but main touches
 * anything of nginx's beyond memory.
 *
 * To add work that blocks, give it to topics; to add work per record, give
 * it to ingest and measure it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "ngx_kafka_ws_consumer.h"


#define NGX_KAFKA_WS_TICK        100    /* ms */
#define NGX_KAFKA_WS_TICK_FIRST  10     /* ms, until the first plan */
#define NGX_KAFKA_WS_TICK_RETRY  1000   /* ms, if a thread did not start */
#define NGX_KAFKA_WS_TICK_HANG   5000   /* ms that making a handle may take */
#define NGX_KAFKA_WS_TICK_BEAT   500    /* ms without a heartbeat, to wake up */


#define ngx_kafka_ws_consumer_nthreads(c)  ((c)->cluster->backfill ? 3 : 2)


#define NGX_KAFKA_WS_ALLOC       100    /* ms between attempts */


static ngx_int_t ngx_kafka_ws_consumer_threads(ngx_kafka_ws_consumer_t *c);
static void ngx_kafka_ws_consumer_watch(ngx_kafka_ws_consumer_t *c);
static void ngx_kafka_ws_consumer_allow(ngx_kafka_ws_consumer_t *c);
static void ngx_kafka_ws_consumer_flush(ngx_kafka_ws_consumer_t *c);
static ngx_uint_t ngx_kafka_ws_consumer_line(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_line_kind_e kind, ngx_uint_t level, const char *fmt,
    va_list args);


ngx_kafka_ws_consumer_t *
ngx_kafka_ws_consumer_create(ngx_kafka_ws_cluster_t *kwc, ngx_log_t *log)
{
    pthread_condattr_t        attr;
    ngx_kafka_ws_consumer_t  *c;

    c = ngx_calloc(sizeof(ngx_kafka_ws_consumer_t), log);
    if (c == NULL) {
        return NULL;
    }

    c->cluster = kwc;
    c->log = log;

    (void) pthread_mutex_init(&c->mutex, NULL);

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&c->cond, &attr);
    (void) pthread_cond_init(&c->older, &attr);
    (void) pthread_condattr_destroy(&attr);

    return c;
}


ngx_msec_t
ngx_kafka_ws_consumer_tick(ngx_kafka_ws_consumer_t *c)
{
    if (c->threads < ngx_kafka_ws_consumer_nthreads(c)
        && ngx_kafka_ws_consumer_threads(c) != NGX_OK)
    {
        return NGX_KAFKA_WS_TICK_RETRY;
    }

    ngx_kafka_ws_consumer_watch(c);
    ngx_kafka_ws_consumer_allow(c);
    ngx_kafka_ws_consumer_flush(c);

    return ngx_kafka_ws_load_relaxed(&c->planned) ? NGX_KAFKA_WS_TICK
                                                  : NGX_KAFKA_WS_TICK_FIRST;
}


/*
 * A signal that another thread takes would not end the main thread's wait,
 * so none is let through to these.
 */

static ngx_int_t
ngx_kafka_ws_consumer_threads(ngx_kafka_ws_consumer_t *c)
{
    int       err;
    sigset_t  all, old;

    sigfillset(&all);

    err = pthread_sigmask(SIG_SETMASK, &all, &old);
    if (err) {
        ngx_log_error(NGX_LOG_ALERT, c->log, err, "pthread_sigmask() failed");
        return NGX_ERROR;
    }

    if (c->threads == 0) {
        err = pthread_create(&c->ingest, NULL, ngx_kafka_ws_ingest_thread, c);
        if (err == 0) {
            c->threads++;
        }
    }

    if (c->threads == 1) {
        err = pthread_create(&c->topics, NULL, ngx_kafka_ws_topics_thread, c);
        if (err == 0) {
            c->threads++;
        }
    }

    if (c->threads == 2 && ngx_kafka_ws_consumer_nthreads(c) == 3) {
        err = pthread_create(&c->backfill, NULL, ngx_kafka_ws_backfill_thread,
                             c);
        if (err == 0) {
            c->threads++;
        }
    }

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        if (!c->failed && ngx_kafka_ws_lines_take(NGX_KAFKA_WS_LINE_PLAIN)) {
            c->failed = 1;
            ngx_log_error(NGX_LOG_ERR, c->log, err,
                          "kafka ws cluster \"%V\": pthread_create() failed, "
                          "trying again", &c->cluster->name);
        }

        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * rd_kafka_new() of librdkafka 2.0.2 never returns if it cannot start its main
 * thread: it waits for threads that nobody has told to end.  Only another
 * process can try again, and nginx starts one.
 *
 * Its waits end by the wall clock: set back by an hour, it would wait for an
 * hour more for a record.  A wait that is ended begins anew, by that clock.
 */

static void
ngx_kafka_ws_consumer_watch(ngx_kafka_ws_consumer_t *c)
{
    uint64_t               since;
    ngx_uint_t             i;
    ngx_kafka_ws_kafka_t  *kafka;

    kafka = ngx_kafka_ws_load_acquire(&c->kafka);
    since = ngx_kafka_ws_load_relaxed(&c->cluster->root->heartbeat);

    if (kafka && ngx_kafka_ws_shm_now() - since > NGX_KAFKA_WS_TICK_BEAT) {
        ngx_kafka_ws_kafka_wake(kafka);
    }

    for (i = 0; i < NGX_KAFKA_WS_OPENING_MAX; i++) {
        since = ngx_kafka_ws_load_relaxed(&c->opening[i]);

        if (since == 0 || ngx_process != NGX_PROCESS_HELPER || ngx_quit
            || ngx_kafka_ws_shm_now() - since < NGX_KAFKA_WS_TICK_HANG)
        {
            continue;
        }

        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "kafka ws cluster \"%V\": librdkafka hangs while it "
                      "makes a consumer, exiting", &c->cluster->name);
        ngx_quit = 1;
    }
}


static void
ngx_kafka_ws_consumer_allow(ngx_kafka_ws_consumer_t *c)
{
    ngx_uint_t            i;
    ngx_kafka_ws_plan_t  *plan;

    (void) pthread_mutex_lock(&c->mutex);
    plan = c->proposal;
    c->proposal = NULL;
    (void) pthread_mutex_unlock(&c->mutex);

    if (plan == NULL) {
        return;
    }

    for (i = 0; i < plan->ntopics; i++) {
        plan->topics[i].allowed =
            ngx_kafka_ws_cluster_allows(c->cluster, &plan->topics[i].name);
    }

    (void) pthread_mutex_lock(&c->mutex);
    c->answer = plan;
    (void) pthread_cond_signal(&c->cond);
    (void) pthread_mutex_unlock(&c->mutex);
}


void *
ngx_kafka_ws_consumer_alloc(ngx_kafka_ws_consumer_t *c, size_t size)
{
    void        *p;
    ngx_uint_t   told;

    told = 0;

    while (!ngx_kafka_ws_load_acquire(&c->stop)) {

        p = calloc(1, size);
        if (p) {
            return p;
        }

        if (!told) {
            told = 1;
            ngx_kafka_ws_consumer_log(c, NGX_LOG_ERR,
                                      "out of memory, trying again");
        }

        ngx_msleep(NGX_KAFKA_WS_ALLOC);
    }

    return NULL;
}


void
ngx_kafka_ws_consumer_log(ngx_kafka_ws_consumer_t *c, ngx_uint_t level,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) ngx_kafka_ws_consumer_line(c, level == NGX_LOG_ALERT
                                         ? NGX_KAFKA_WS_LINE_ALERT
                                         : NGX_KAFKA_WS_LINE_PLAIN,
                                      level, fmt, args);
    va_end(args);
}


ngx_uint_t
ngx_kafka_ws_consumer_say(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_line_kind_e kind, ngx_uint_t level, const char *fmt, ...)
{
    va_list     args;
    ngx_uint_t  rc;

    va_start(args, fmt);
    rc = ngx_kafka_ws_consumer_line(c, kind, level, fmt, args);
    va_end(args);

    return rc;
}


static ngx_uint_t
ngx_kafka_ws_consumer_line(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_line_kind_e kind, ngx_uint_t level, const char *fmt,
    va_list args)
{
    ngx_uint_t            said;
    ngx_kafka_ws_line_t  *line;

    said = 0;

    (void) pthread_mutex_lock(&c->mutex);

    if (c->nlines < NGX_KAFKA_WS_LINES) {
        said = ngx_kafka_ws_lines_take(kind);
    }

    if (said || (kind == NGX_KAFKA_WS_LINE_END
                 && c->nlines < NGX_KAFKA_WS_LINES))
    {
        line = &c->lines[c->nlines++];
        line->level = level;
        line->late = !said;

        (void) vsnprintf(line->text, NGX_KAFKA_WS_LINE_LEN, fmt, args);

        said = 1;

    } else if (kind != NGX_KAFKA_WS_LINE_BEGIN) {
        ngx_kafka_ws_lines_drop();
    }

    (void) pthread_mutex_unlock(&c->mutex);

    return said;
}


static void
ngx_kafka_ws_consumer_flush(ngx_kafka_ws_consumer_t *c)
{
    u_char               *p;
    ngx_uint_t            i, late, more;
    ngx_kafka_ws_line_t  *line;

    late = 0;

    (void) pthread_mutex_lock(&c->mutex);

    for (i = 0; i < c->nlines; i++) {
        line = &c->lines[i];

        if (line->late && !ngx_kafka_ws_lines_take(NGX_KAFKA_WS_LINE_LATE)) {

            if (late != i) {
                c->lines[late] = *line;
            }

            late++;
            continue;
        }

        /* texts of brokers end up here: nothing but printable characters */

        for (p = (u_char *) line->text; *p; p++) {
            if (*p < 0x20 || *p >= 0x7f) {
                *p = '?';
            }
        }

        ngx_log_error(line->level, c->log, 0, "kafka ws cluster \"%V\": %s",
                      &c->cluster->name, line->text);
    }

    c->nlines = late;

    (void) pthread_mutex_unlock(&c->mutex);

    more = ngx_kafka_ws_lines_more();

    if (more) {
        ngx_log_error(NGX_LOG_WARN, c->log, 0, "kafka ws: %ui more messages",
                      more);
    }
}


void
ngx_kafka_ws_consumer_stop(ngx_kafka_ws_consumer_t *c, ngx_msec_t timeout)
{
    ngx_msec_t  waited;

    ngx_kafka_ws_store_release(&c->stop, 1);

    (void) pthread_mutex_lock(&c->mutex);
    (void) pthread_cond_broadcast(&c->cond);
    (void) pthread_cond_broadcast(&c->older);
    (void) pthread_mutex_unlock(&c->mutex);

    /* a thread that hangs in a library call is left to the process's end */

    for (waited = 0; waited < timeout; waited += 5) {
        if (ngx_kafka_ws_load_acquire(&c->ended) == c->threads) {
            break;
        }

        ngx_msleep(5);
    }

    ngx_kafka_ws_consumer_flush(c);
}


void
ngx_kafka_ws_plan_free(ngx_kafka_ws_plan_t *plan)
{
    ngx_uint_t  i;

    for (i = 0; i < plan->ntopics; i++) {
        free(plan->topics[i].name.data);
    }

    free(plan->offsets);
    free(plan->topics);
    free(plan->moves);
    free(plan->quiet);
    free(plan);
}
