
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The backfill thread: reads older records again, each range once for all who
 * want it, into segments (core/ngx_kafka_ws_segment.c).
 *
 * It has handles of its own, one for records and one for questions, made when
 * they are needed for the first time.  Only here, in the whole process, a
 * call for older records may block; the stream itself never waits for them.
 *
 *     wants    what workers ask: where does that begin?  Kafka is asked once
 *              for all that are new
 *     begin    no segment has it, none is being filled: a read, if fewer than
 *              "concurrency" are under way
 *     read     see ngx_kafka_ws_backfill_read.c
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_backfill.h"
#include "ngx_kafka_ws_wakeup.h"


#define NGX_KAFKA_WS_BACKFILL_POLL     10      /* ms, while it reads */
#define NGX_KAFKA_WS_BACKFILL_RETRY    200     /* ms between questions that
                                                  were not answered */
#define NGX_KAFKA_WS_BACKFILL_ASK      3000    /* ms for an answer of Kafka */
#define NGX_KAFKA_WS_BACKFILL_SWEEP    1000    /* ms between looks */
#define NGX_KAFKA_WS_BACKFILL_IDLE     60000   /* ms until memory is given
                                                  back */
#define NGX_KAFKA_WS_BACKFILL_YIELD    5000    /* ms without new segments */
#define NGX_KAFKA_WS_BACKFILL_QUERIES  64      /* in one question */


static void ngx_kafka_ws_backfill_loop(ngx_kafka_ws_backfill_t *b);
static void ngx_kafka_ws_backfill_wait(ngx_kafka_ws_backfill_t *b);
static ngx_uint_t ngx_kafka_ws_backfill_wants(ngx_kafka_ws_backfill_t *b);
static ngx_int_t ngx_kafka_ws_backfill_there(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_want_t *want, ngx_kafka_ws_want_t *w);
static ngx_uint_t ngx_kafka_ws_backfill_turn(ngx_kafka_ws_backfill_t *b);
static void ngx_kafka_ws_backfill_ask(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_want_t *wants, ngx_kafka_ws_backfill_start_t **starts,
    ngx_uint_t n);
static void ngx_kafka_ws_backfill_begin(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_want_t *want, ngx_kafka_ws_want_t *w,
    ngx_kafka_ws_backfill_start_t *start);
static ngx_uint_t ngx_kafka_ws_backfill_may(ngx_kafka_ws_backfill_t *b,
    uint32_t number);
static ngx_int_t ngx_kafka_ws_backfill_segment(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_want_t *w, ngx_kafka_ws_backfill_start_t *start,
    ngx_kafka_ws_stream_t *stream, uint64_t life);
static void ngx_kafka_ws_backfill_sweep(ngx_kafka_ws_backfill_t *b);


void *
ngx_kafka_ws_backfill_thread(void *data)
{
    ngx_kafka_ws_consumer_t *c = data;

    ngx_kafka_ws_backfill_t  *b;

    b = ngx_kafka_ws_consumer_alloc(c, sizeof(ngx_kafka_ws_backfill_t));

    if (b) {
        b->consumer = c;
        b->cluster = c->cluster;
        b->root = c->cluster->root;
        b->renderer.cluster = b->cluster;
        b->renderer.root = b->root;

        ngx_kafka_ws_backfill_loop(b);

        /* as in the ingest thread: the handles are left to the kernel */
        free(b);
    }

    (void) ngx_kafka_ws_fetch_add(&c->ended, 1);

    return NULL;
}


static void
ngx_kafka_ws_backfill_loop(ngx_kafka_ws_backfill_t *b)
{
    uint64_t    wants;
    ngx_uint_t  taken;

    /* the writer before is asked until it is gone */

    while (!ngx_kafka_ws_load_acquire(&b->consumer->writer)) {

        if (ngx_kafka_ws_backfill_stopped(b)) {
            return;
        }

        ngx_msleep(NGX_KAFKA_WS_BACKFILL_POLL);
    }

    ngx_kafka_ws_segment_adopt(b->cluster);

    /* it may have left some without an answer */
    b->left = 1;

    while (!ngx_kafka_ws_backfill_stopped(b)) {

        wants = ngx_kafka_ws_load_acquire(&b->root->wants);

        if (b->left || wants != b->consumer->wants) {
            ngx_kafka_ws_store_relaxed(&b->consumer->wants, wants);
            b->left = ngx_kafka_ws_backfill_wants(b);
        }

        if (b->kafka) {
            b->renderer.deflate = NGX_KAFKA_WS_RENDERER_ASK;

            /* errors must not pile up */
            (void) ngx_kafka_ws_kafka_poll(b->kafka, 0);
        }

        taken = ngx_kafka_ws_backfill_reads(b);

        ngx_kafka_ws_backfill_sweep(b);

        if (b->dirty) {
            ngx_kafka_ws_backfill_tell(b);
        }

        if (taken == 0) {
            ngx_kafka_ws_backfill_wait(b);
        }
    }
}


void
ngx_kafka_ws_backfill_tell(ngx_kafka_ws_backfill_t *b)
{
    b->dirty = 0;

    (void) ngx_kafka_ws_fetch_add(&b->root->news, 1);
    (void) ngx_kafka_ws_wakeup_notify(b->root, NULL);
}


/*
 * For the next question or record, or a moment, if some wait for their turn or
 * for room.
 */

static void
ngx_kafka_ws_backfill_wait(ngx_kafka_ws_backfill_t *b)
{
    struct timespec           ts;
    ngx_kafka_ws_consumer_t  *c;

    c = b->consumer;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    if (b->left || b->nreads) {
        ts.tv_nsec += NGX_KAFKA_WS_BACKFILL_POLL * 1000000;

        if (ts.tv_nsec >= 1000000000) {
            ts.tv_nsec -= 1000000000;
            ts.tv_sec++;
        }

    } else {
        ts.tv_sec++;
    }

    (void) pthread_mutex_lock(&c->mutex);

    if (!b->came && !ngx_kafka_ws_backfill_stopped(b)
        && ngx_kafka_ws_load_relaxed(&c->wants)
           == ngx_kafka_ws_load_relaxed(&b->root->wants))
    {
        (void) pthread_cond_timedwait(&c->older, &c->mutex, &ts);
    }

    b->came = 0;

    (void) pthread_mutex_unlock(&c->mutex);
}


/*
 * returns:  how many are left without an answer
 */

static ngx_uint_t
ngx_kafka_ws_backfill_wants(ngx_kafka_ws_backfill_t *b)
{
    uint64_t                        now;
    ngx_uint_t                      i, k, n, left, ready;
    ngx_kafka_ws_want_t            *want, w;
    ngx_kafka_ws_want_t             wants[NGX_KAFKA_WS_BACKFILL_QUERIES];
    ngx_kafka_ws_backfill_start_t  *start;
    ngx_kafka_ws_backfill_start_t  *starts[NGX_KAFKA_WS_BACKFILL_QUERIES];

    n = 0;
    left = 0;
    ready = 0;
    now = ngx_kafka_ws_shm_now();

    for (i = 0; i < NGX_KAFKA_WS_SLOTS; i++) {
        for (k = 0; k < NGX_KAFKA_WS_WANTS; k++) {
            want = &b->root->slot[i].want[k];
            start = &b->starts[i][k];
            start->ready = 0;

            if (ngx_kafka_ws_want_read(want, &w) != NGX_OK) {
                continue;
            }

            if (start->number != w.number) {
                start->number = w.number;
                start->start = -1;
                start->seen = now;
            }

            if (ngx_kafka_ws_backfill_there(b, want, &w) == NGX_OK) {
                continue;
            }

            left++;

            if (start->start != -1) {
                start->ready = 1;
                ready++;

            } else if (n < NGX_KAFKA_WS_BACKFILL_QUERIES
                       && (n == 0 || w.since == wants[0].since))
            {
                wants[n] = w;
                starts[n++] = start;
            }
        }
    }

    if (n && now >= b->retry) {
        ngx_kafka_ws_backfill_ask(b, wants, starts, n);
    }

    while (ready--) {
        left -= ngx_kafka_ws_backfill_turn(b);
    }

    return left;
}


/*
 * returns:  NGX_OK: it has an answer without Kafka; NGX_DECLINED
 */

static ngx_int_t
ngx_kafka_ws_backfill_there(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_want_t *want, ngx_kafka_ws_want_t *w)
{
    int64_t                       offset;
    ngx_kafka_ws_stream_t        *stream;
    ngx_kafka_ws_segment_view_t   view;

    stream = ngx_kafka_ws_shm_stream(b->root, w->stream);

    if (stream == NULL) {
        ngx_kafka_ws_want_reply(want, w->number, NGX_KAFKA_WS_WANT_NO_ROOM,
                                0);
        return NGX_OK;
    }

    if (w->exact
        || ngx_kafka_ws_segment_find(b->root, w->stream,
                                     ngx_kafka_ws_load_acquire(&stream->gen),
                                     w->offset, &view, &offset)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_kafka_ws_want_reply(want, w->number,
                            offset > w->offset ? NGX_KAFKA_WS_WANT_FIRST
                                               : NGX_KAFKA_WS_WANT_START,
                            offset);
    b->dirty = 1;

    return NGX_OK;
}


/*
 * Whoever of those whose start is known waits for the longest time comes
 * first: a partition is read at one place at a time, and the places take
 * turns.
 * returns:  1: it has its answer
 */

static ngx_uint_t
ngx_kafka_ws_backfill_turn(ngx_kafka_ws_backfill_t *b)
{
    ngx_uint_t                      i, k;
    ngx_kafka_ws_want_t            *want, w;
    ngx_kafka_ws_backfill_start_t  *start, *first;

    first = NULL;
    want = NULL;

    for (i = 0; i < NGX_KAFKA_WS_SLOTS; i++) {
        for (k = 0; k < NGX_KAFKA_WS_WANTS; k++) {
            start = &b->starts[i][k];

            if (start->ready && (first == NULL || start->seen < first->seen)) {
                first = start;
                want = &b->root->slot[i].want[k];
            }
        }
    }

    if (first == NULL) {
        return 0;
    }

    first->ready = 0;

    if (ngx_kafka_ws_want_read(want, &w) != NGX_OK
        || w.number != first->number)
    {
        /* it is another one by now */
        return 0;
    }

    ngx_kafka_ws_backfill_begin(b, want, &w, first);

    return want->answered == w.number;
}


/* all of them want the same since */

static void
ngx_kafka_ws_backfill_ask(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_want_t *wants, ngx_kafka_ws_backfill_start_t **starts,
    ngx_uint_t n)
{
    char                           error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];
    ngx_str_t                      names[NGX_KAFKA_WS_BACKFILL_QUERIES];
    ngx_uint_t                     i;
    ngx_kafka_ws_topic_t          *topic;
    ngx_kafka_ws_stream_t         *stream;
    ngx_kafka_ws_kafka_offsets_t   o[NGX_KAFKA_WS_BACKFILL_QUERIES];

    if (b->query == NULL) {
        b->query = ngx_kafka_ws_kafka_query_open(b->cluster, error);
    }

    for (i = 0; i < n; i++) {
        stream = ngx_kafka_ws_shm_stream(b->root, wants[i].stream);
        topic = ngx_kafka_ws_shm_topic(b->root, stream->topic);

        names[i].data = topic->name;
        names[i].len = topic->len;
        o[i].topic = &names[i];
        o[i].partition = stream->partition;
    }

    if (b->query == NULL
        || ngx_kafka_ws_kafka_offsets(b->query, o, n, wants[0].since,
                                      NGX_KAFKA_WS_BACKFILL_ASK, error)
           != NGX_OK)
    {
        /* who waits too long gives it up, and may come back */
        b->retry = ngx_kafka_ws_shm_now() + NGX_KAFKA_WS_BACKFILL_RETRY;
        return;
    }

    for (i = 0; i < n; i++) {
        starts[i]->start = ngx_max(wants[i].offset, o[i].time);
        starts[i]->start = ngx_max(starts[i]->start, o[i].log_start);
        starts[i]->first = (starts[i]->start == o[i].log_start);
    }
}


/*
 * The start is known: it is in the ring, in a segment, or has to be read.
 */

static void
ngx_kafka_ws_backfill_begin(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_want_t *want, ngx_kafka_ws_want_t *w,
    ngx_kafka_ws_backfill_start_t *start)
{
    int64_t                      offset;
    uint64_t                     life;
    ngx_kafka_ws_want_e          result;
    ngx_kafka_ws_view_t          ring;
    ngx_kafka_ws_stream_t       *stream;
    ngx_kafka_ws_segment_view_t  view;

    /* there are streams for good */
    stream = ngx_kafka_ws_shm_stream(b->root, w->stream);
    life = ngx_kafka_ws_load_acquire(&stream->gen);

    result = start->first ? NGX_KAFKA_WS_WANT_FIRST : NGX_KAFKA_WS_WANT_START;

    if (ngx_kafka_ws_shm_view(b->root, stream, &ring) != NGX_OK) {
        ngx_kafka_ws_want_reply(want, w->number, NGX_KAFKA_WS_WANT_NO_ROOM,
                                0);
        return;
    }

    if ((ngx_kafka_ws_ring_offset(&ring.ring,
                                  ngx_kafka_ws_ring_tail(&ring.ring), &offset)
         == NGX_KAFKA_WS_RING_OK && start->start >= offset)
        || ngx_kafka_ws_segment_find(b->root, w->stream, life, start->start,
                                     &view, &offset)
           == NGX_OK)
    {
        ngx_kafka_ws_want_reply(want, w->number, result, start->start);
        b->dirty = 1;
        return;
    }

    if (!ngx_kafka_ws_backfill_may(b, w->stream)) {
        return;
    }

    switch (ngx_kafka_ws_backfill_segment(b, w, start, stream, life)) {

    case NGX_OK:
        ngx_kafka_ws_want_reply(want, w->number, result, start->start);
        b->dirty = 1;
        return;

    case NGX_DECLINED:
        ngx_kafka_ws_want_reply(want, w->number, NGX_KAFKA_WS_WANT_NO_ROOM,
                                0);
        b->dirty = 1;
        return;

    default:
        /* later, perhaps */
        return;
    }
}


/*
 * librdkafka reads a partition but once at a time; the read there is makes room
 * soon then.
 */

static ngx_uint_t
ngx_kafka_ws_backfill_may(ngx_kafka_ws_backfill_t *b, uint32_t number)
{
    ngx_uint_t  i;

    for (i = 0; i < b->nreads; i++) {
        if (b->reads[i]->number == number) {
            b->reads[i]->contested = 1;
            return 0;
        }
    }

    return b->nreads < b->cluster->backfill
           && ngx_kafka_ws_shm_now() - b->yielded
              >= NGX_KAFKA_WS_BACKFILL_YIELD;
}


/*
 * returns:  NGX_OK: it is being filled; NGX_DECLINED: the zone has no room
 *           for any; NGX_ERROR
 */

static ngx_int_t
ngx_kafka_ws_backfill_segment(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_want_t *w, ngx_kafka_ws_backfill_start_t *start,
    ngx_kafka_ws_stream_t *stream, uint64_t life)
{
    int64_t                        asked;
    ngx_uint_t                     busy;
    ngx_kafka_ws_topic_t          *topic;
    ngx_kafka_ws_backfill_read_t  *read;

    read = calloc(1, sizeof(ngx_kafka_ws_backfill_read_t));
    if (read == NULL) {
        return NGX_ERROR;
    }

    asked = start->first ? ngx_min(w->offset, start->start) : start->start;

    read->segment = ngx_kafka_ws_segment_make(b->cluster, w->stream, life,
                                              asked, start->start,
                                              &read->ring, &busy);
    if (read->segment == NULL) {
        free(read);
        return busy ? NGX_ERROR : NGX_DECLINED;
    }

    topic = ngx_kafka_ws_shm_topic(b->root, stream->topic);

    read->topic.data = topic->name;
    read->topic.len = topic->len;
    read->number = w->stream;
    read->life = life;
    read->stream = stream;
    read->next = start->start;
    read->progress = ngx_kafka_ws_shm_now();

    if (ngx_kafka_ws_backfill_read(b, read) != NGX_OK) {
        ngx_kafka_ws_segment_free(b->cluster, read->segment);
        free(read);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Memory goes back when nobody reads it, and at once if a topic has no room.
 */

static void
ngx_kafka_ws_backfill_sweep(ngx_kafka_ws_backfill_t *b)
{
    uint64_t    now;
    ngx_uint_t  i;

    now = ngx_kafka_ws_shm_now();

    if (ngx_kafka_ws_load_relaxed(&b->root->yield)) {

        for (i = 0; i < b->nreads; i++) {
            if (!b->reads[i]->done) {
                ngx_kafka_ws_backfill_finish(b, b->reads[i],
                                             b->reads[i]->next);
            }
        }

        ngx_kafka_ws_segment_sweep(b->cluster, 0);

        b->yielded = now;
        ngx_kafka_ws_store_relaxed(&b->root->yield, 0);

        (void) pthread_mutex_lock(&b->consumer->mutex);
        b->consumer->hurry = 1;
        (void) pthread_cond_signal(&b->consumer->cond);
        (void) pthread_mutex_unlock(&b->consumer->mutex);

        return;
    }

    if (now - b->swept >= NGX_KAFKA_WS_BACKFILL_SWEEP) {
        b->swept = now;
        ngx_kafka_ws_segment_sweep(b->cluster, NGX_KAFKA_WS_BACKFILL_IDLE);
    }
}
