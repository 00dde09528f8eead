
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The ingest thread: becomes the writer, fetches, renders each record once
 * per rendering, publishes it and wakes the workers after each batch.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_ingest.h"
#include "ngx_kafka_ws_wakeup.h"


#define NGX_KAFKA_WS_INGEST_POLL      50      /* ms, at most between beats */
#define NGX_KAFKA_WS_INGEST_FIRST     5       /* ms, until the first plan */
#define NGX_KAFKA_WS_INGEST_LOCK      5       /* ms between attempts */
#define NGX_KAFKA_WS_INGEST_WARM      500     /* ms, for leaders, at first */
#define NGX_KAFKA_WS_INGEST_WATCH     1000    /* ms between looks */
#define NGX_KAFKA_WS_INGEST_MARKS     256     /* partitions of a look */


static ngx_int_t ngx_kafka_ws_ingest_lock(ngx_kafka_ws_ingest_t *ing);
static ngx_int_t ngx_kafka_ws_ingest_open(ngx_kafka_ws_ingest_t *ing);
static void ngx_kafka_ws_ingest_loop(ngx_kafka_ws_ingest_t *ing);
static ngx_int_t ngx_kafka_ws_ingest_record(void *data, void *opaque,
    ngx_kafka_ws_record_t *rec);
static void ngx_kafka_ws_ingest_end(void *data, void *opaque, int64_t offset);
static void ngx_kafka_ws_ingest_lost(void *data, void *opaque);
static void ngx_kafka_ws_ingest_watch(ngx_kafka_ws_ingest_t *ing,
    uint64_t now);
static void ngx_kafka_ws_ingest_marks(ngx_kafka_ws_ingest_t *ing);


#define ngx_kafka_ws_ingest_stopped(ing)                                      \
    ngx_kafka_ws_load_acquire(&(ing)->consumer->stop)


void *
ngx_kafka_ws_ingest_thread(void *data)
{
    ngx_kafka_ws_consumer_t *c = data;

    ngx_kafka_ws_ingest_t  *ing;

    ing = ngx_kafka_ws_consumer_alloc(c, sizeof(ngx_kafka_ws_ingest_t));

    if (ing) {
        ing->consumer = c;
        ing->cluster = c->cluster;
        ing->root = c->cluster->root;
        ing->renderer.cluster = ing->cluster;
        ing->renderer.root = ing->root;

        if (ngx_kafka_ws_ingest_open(ing) == NGX_OK
            && ngx_kafka_ws_ingest_lock(ing) == NGX_OK)
        {
            ngx_kafka_ws_ingest_loop(ing);
        }

        /*
         * The process is about to end, and librdkafka may take its time to
         * close: what is left is left to the kernel.
         */
    }

    (void) ngx_kafka_ws_fetch_add(&c->ended, 1);

    return NULL;
}


static ngx_int_t
ngx_kafka_ws_ingest_lock(ngx_kafka_ws_ingest_t *ing)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = ngx_kafka_ws_shm_lock(ing->cluster, &ing->epoch);

        if (rc == NGX_OK) {
            break;
        }

        if (rc == NGX_ERROR) {
            ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_ALERT,
                                      "locking the zone failed");
            return NGX_ERROR;
        }

        if (ngx_kafka_ws_ingest_stopped(ing)) {
            return NGX_ERROR;
        }

        ngx_msleep(NGX_KAFKA_WS_INGEST_LOCK);
    }

    ngx_kafka_ws_store_relaxed(&ing->root->heartbeat, ngx_kafka_ws_shm_now());

    ngx_kafka_ws_ingest_began(ing);

    ngx_kafka_ws_store_release(&ing->consumer->kafka, ing->kafka);
    ngx_kafka_ws_store_release(&ing->consumer->writer, 1);

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_ingest_open(ngx_kafka_ws_ingest_t *ing)
{
    char                           error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];
    ngx_str_t                      name;
    ngx_uint_t                     i, told;
    ngx_kafka_ws_topic_t          *topic;
    ngx_kafka_ws_kafka_handler_t   h;

    h.record = ngx_kafka_ws_ingest_record;
    h.end = ngx_kafka_ws_ingest_end;
    h.lost = ngx_kafka_ws_ingest_lost;
    h.error = ngx_kafka_ws_ingest_error;
    h.came = NULL;
    h.data = ing;
    h.headers = ngx_kafka_ws_renderer_headers(ing->cluster);
    h.older = 0;

    told = 0;

    for ( ;; ) {
        ngx_kafka_ws_consumer_opening(ing->consumer,
                                      NGX_KAFKA_WS_OPENING_INGEST);
        ing->kafka = ngx_kafka_ws_kafka_open(ing->cluster, &h, error);
        ngx_kafka_ws_consumer_opened(ing->consumer,
                                     NGX_KAFKA_WS_OPENING_INGEST);

        if (ing->kafka) {
            break;
        }

        if (!told) {
            told = 1;
            ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_ERR,
                                      "cannot make a consumer, trying again: "
                                      "%s", error);
        }

        for (i = 0; i < 20; i++) {
            if (ngx_kafka_ws_ingest_stopped(ing)) {
                return NGX_ERROR;
            }

            ngx_msleep(NGX_KAFKA_WS_INGEST_POLL);
        }
    }

    /*
     * A successor connects and asks for the leaders of what there is while
     * the writer before it still writes.
     */

    for (i = 0; i < ngx_kafka_ws_load_acquire(&ing->root->ntopics); i++) {
        topic = ngx_kafka_ws_shm_topic(ing->root, (uint32_t) i);

        name.data = topic->name;
        name.len = topic->len;

        if (topic->state == NGX_KAFKA_WS_TOPIC_OK
            && ngx_kafka_ws_load_relaxed(&topic->nrings))
        {
            (void) ngx_kafka_ws_kafka_know(ing->kafka, &name);
        }
    }

    if (i) {
        ngx_kafka_ws_kafka_warm(ing->kafka, NGX_KAFKA_WS_INGEST_WARM);
    }

    return NGX_OK;
}


static void
ngx_kafka_ws_ingest_loop(ngx_kafka_ws_ingest_t *ing)
{
    uint64_t                  now;
    ngx_uint_t                n, drained;
    ngx_kafka_ws_plan_t      *plan;
    ngx_kafka_ws_root_t      *root;
    ngx_kafka_ws_consumer_t  *c;

    c = ing->consumer;
    root = ing->root;

    while (!ngx_kafka_ws_ingest_stopped(ing)) {

        if (ngx_kafka_ws_load_relaxed(&root->epoch) != ing->epoch) {
            ngx_kafka_ws_consumer_log(c, NGX_LOG_ALERT,
                                      "another writer took the zone over");
            return;
        }

        (void) pthread_mutex_lock(&c->mutex);
        plan = c->plan;
        c->plan = NULL;
        (void) pthread_mutex_unlock(&c->mutex);

        if (plan) {
            ngx_kafka_ws_ingest_plan(ing, plan);
            ngx_kafka_ws_plan_free(plan);
        }

        ing->renderer.deflate = NGX_KAFKA_WS_RENDERER_ASK;

        n = ngx_kafka_ws_kafka_poll(ing->kafka,
                                    ing->planned ? NGX_KAFKA_WS_INGEST_POLL
                                                 : NGX_KAFKA_WS_INGEST_FIRST);

        drained = (n <= NGX_KAFKA_WS_KAFKA_BATCH);

        if (n) {
            ngx_kafka_ws_count(&root->records, n);
            ngx_kafka_ws_count(&root->batches, 1);
        }

        if (ing->news) {
            ing->news = 0;
            ing->dirty = 1;
            (void) ngx_kafka_ws_fetch_add(&root->news, 1);
        }

        if (ing->dirty || ing->published) {
            n = ngx_kafka_ws_wakeup_notify(root, ing->dirty ? NULL
                                                            : ing->streams);
            ngx_kafka_ws_count(&root->wakes, n);

            ing->dirty = 0;
            ing->published = 0;
            ngx_memzero(ing->streams, sizeof(ing->streams));
        }

        if (ngx_kafka_ws_load_relaxed(&root->wants)
            != ngx_kafka_ws_load_relaxed(&c->wants))
        {
            (void) pthread_mutex_lock(&c->mutex);
            (void) pthread_cond_signal(&c->older);
            (void) pthread_mutex_unlock(&c->mutex);
        }

        if (ngx_kafka_ws_load_relaxed(&root->asks)
            != ngx_kafka_ws_load_relaxed(&c->asks))
        {
            (void) pthread_mutex_lock(&c->mutex);
            (void) pthread_cond_signal(&c->cond);
            (void) pthread_mutex_unlock(&c->mutex);
        }

        now = ngx_kafka_ws_shm_now();
        ngx_kafka_ws_store_relaxed(&root->heartbeat, now);

        if (drained) {
            ing->drained = now;
        }

        ngx_kafka_ws_ingest_state(ing);
        ngx_kafka_ws_ingest_watch(ing, now);
    }
}


/* who has subscribers of it is to be woken */

#define ngx_kafka_ws_ingest_published(ing, part)                              \
    (ing)->published = 1;                                                     \
    (ing)->streams[ngx_kafka_ws_stream_word((part)->number)]                  \
        |= ngx_kafka_ws_stream_bit((part)->number)


/*
 * A record's way: here it is checked, rendered and published.
 */

static ngx_int_t
ngx_kafka_ws_ingest_record(void *data, void *opaque,
    ngx_kafka_ws_record_t *rec)
{
    ngx_kafka_ws_part_t *part = opaque;
    ngx_kafka_ws_ingest_t *ing = data;

    size_t                      bytes;
    ngx_uint_t                  i;
    ngx_kafka_ws_span_t         frames[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_kafka_ws_ring_record_t  meta;

    if (part->failed) {
        ngx_kafka_ws_ingest_fetched(ing, part);
    }

    if (rec->offset < part->next) {
        /* published already */
        return NGX_OK;
    }

    meta.offset = rec->offset;
    meta.from = part->next;
    meta.timestamp = rec->timestamp;
    meta.flags = 0;

    if (ngx_kafka_ws_renderer_frames(&ing->renderer, rec, frames) != NGX_OK
        || ngx_kafka_ws_ring_publish(&part->ring, &meta, frames)
           != NGX_KAFKA_WS_RING_OK)
    {
        ngx_kafka_ws_count(&part->stream->too_large, 1);
        ngx_kafka_ws_ingest_gap(ing, part, rec->offset, rec->offset,
                                NGX_KAFKA_WS_RING_TOO_LARGE);
        return NGX_OK;
    }

    part->next = rec->offset + 1;

    bytes = 0;

    for (i = 0; i < ing->cluster->nrenderings; i++) {
        bytes += frames[i].len;
    }

    ngx_kafka_ws_count(&part->stream->records, 1);
    ngx_kafka_ws_count(&part->stream->bytes, bytes);

    if (part->next == part->load_end) {
        ngx_kafka_ws_store_release(&part->stream->state,
                                   NGX_KAFKA_WS_STREAM_READY);
        ing->news = 1;
    }

    ngx_kafka_ws_ingest_published(ing, part);

    return NGX_OK;
}


void
ngx_kafka_ws_ingest_gap(ngx_kafka_ws_ingest_t *ing, ngx_kafka_ws_part_t *part,
    int64_t from, int64_t to, uint32_t flags)
{
    ngx_kafka_ws_span_t          topic;
    ngx_kafka_ws_span_t          frames[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_kafka_ws_ring_record_t   meta;

    topic.data = part->topic.data;
    topic.len = part->topic.len;

    ngx_kafka_ws_renderer_gap(&ing->renderer, &topic, part->stream->partition,
                              from, to, flags, frames);

    meta.offset = to;
    meta.from = part->next;
    meta.timestamp = -1;
    meta.flags = flags;

    if (ngx_kafka_ws_ring_publish(&part->ring, &meta, frames)
        != NGX_KAFKA_WS_RING_OK)
    {
        /* the smallest ring takes an event, so this cannot be */
        ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_ALERT,
                                  "announcing a gap failed");
        return;
    }

    part->next = to + 1;
    ngx_kafka_ws_ingest_published(ing, part);
}


static void
ngx_kafka_ws_ingest_end(void *data, void *opaque, int64_t offset)
{
    ngx_kafka_ws_part_t *part = opaque;
    ngx_kafka_ws_ingest_t *ing = data;

    if (part->failed) {
        ngx_kafka_ws_ingest_fetched(ing, part);
    }

    ngx_kafka_ws_store_relaxed(&part->stream->log_end, offset);
    ngx_kafka_ws_store_release(&part->stream->complete, offset);

    if (ngx_kafka_ws_load_relaxed(&part->stream->state)
        != NGX_KAFKA_WS_STREAM_READY)
    {
        ngx_kafka_ws_store_release(&part->stream->state,
                                   NGX_KAFKA_WS_STREAM_READY);
        ing->news = 1;
    }
}


static void
ngx_kafka_ws_ingest_lost(void *data, void *opaque)
{
    ngx_kafka_ws_part_t *part = opaque;
    ngx_kafka_ws_ingest_t *ing = data;

    ngx_kafka_ws_ingest_unassign(ing, part);
    ngx_kafka_ws_ingest_doubt(ing, part);
}


void
ngx_kafka_ws_ingest_doubt(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part)
{
    ngx_kafka_ws_consumer_t  *c;

    c = ing->consumer;

    (void) pthread_mutex_lock(&c->mutex);

    if (c->nlost < NGX_KAFKA_WS_LOST) {
        c->lost[c->nlost++] = part->number;
        part->doubtful = 1;

        /* else the next plan assigns it again, and it comes back here */
    }

    c->hurry = 1;
    (void) pthread_cond_signal(&c->cond);

    (void) pthread_mutex_unlock(&c->mutex);
}


static void
ngx_kafka_ws_ingest_watch(ngx_kafka_ws_ingest_t *ing, uint64_t now)
{
    if (now - ing->watched < NGX_KAFKA_WS_INGEST_WATCH) {
        return;
    }

    ing->watched = now;

    ngx_kafka_ws_ingest_over(ing, now);
    ngx_kafka_ws_ingest_idle(ing, now);
    ngx_kafka_ws_ingest_marks(ing);
    ngx_kafka_ws_ingest_look(ing, now);
}


/*
 * What the fetches' answers had of where logs begin and end.  librdkafka finds
 * a partition by going through all of its topics, so a look has a bound, and
 * the next one goes on.
 */

static void
ngx_kafka_ws_ingest_marks(ngx_kafka_ws_ingest_t *ing)
{
    int64_t               low, high;
    ngx_uint_t            i, n;
    ngx_kafka_ws_part_t  *part;

    n = 0;

    for (i = 0; i < ing->nparts && n < NGX_KAFKA_WS_INGEST_MARKS; i++) {

        if (ing->marked >= ing->nparts) {
            ing->marked = 0;
        }

        part = ing->parts[ing->marked++];

        if (part == NULL || !part->assigned) {
            continue;
        }

        n++;

        ngx_kafka_ws_kafka_watermarks(ing->kafka, &part->topic,
                                      part->stream->partition, &low, &high);

        part->high = high;

        if (low >= 0) {
            ngx_kafka_ws_store_relaxed(&part->stream->log_start, low);
        }

        if (high >= 0) {
            ngx_kafka_ws_store_relaxed(&part->stream->log_end, high);
        }
    }
}
