
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Topics of a plan: their places in the directory, their rings, what is
 * fetched of them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_ingest.h"
#include "ngx_kafka_ws_interest.h"
#include "ngx_kafka_ws_segment.h"


/* ms that the first plan may wait for the leaders of its partitions */
#define NGX_KAFKA_WS_INGEST_WARM    500


static ngx_kafka_ws_topic_t *ngx_kafka_ws_ingest_entry(
    ngx_kafka_ws_ingest_t *ing, ngx_kafka_ws_plan_topic_t *pt);
static uint32_t ngx_kafka_ws_ingest_streams(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, uint32_t n);
static uint32_t ngx_kafka_ws_ingest_rings(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, ngx_kafka_ws_plan_topic_t *pt,
    ngx_uint_t *again);
static void ngx_kafka_ws_ingest_complete(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic);
static void ngx_kafka_ws_ingest_full(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, ngx_uint_t lack);
static ngx_int_t ngx_kafka_ws_ingest_partition(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, uint32_t number,
    ngx_kafka_ws_kafka_offsets_t *o);
static ngx_kafka_ws_part_t *ngx_kafka_ws_ingest_part(
    ngx_kafka_ws_ingest_t *ing, uint32_t number);
static void ngx_kafka_ws_ingest_begun(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part);


void
ngx_kafka_ws_ingest_topic(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_topic_t *pt)
{
    uint32_t               n;
    ngx_uint_t             again;
    ngx_kafka_ws_topic_t  *topic;

    topic = ngx_kafka_ws_ingest_entry(ing, pt);

    if (topic == NULL) {
        return;
    }

    if (topic->state == NGX_KAFKA_WS_TOPIC_NO_MEMORY && !ing->cluster->idle) {
        return;
    }

    n = ngx_kafka_ws_ingest_streams(ing, topic, pt->npartitions);

    if (n < pt->npartitions) {
        ngx_kafka_ws_ingest_full(ing, topic, pt->npartitions - n);
        return;
    }

    if (ing->cluster->idle && topic->nrings == 0
        && !ngx_kafka_ws_interest_any(topic, &ing->alive))
    {
        /* what a writer that died was about to make, or to free */
        ngx_kafka_ws_ingest_drop(ing, topic, NGX_KAFKA_WS_TOPIC_OK, 1);
        return;
    }

    again = 0;
    n = ngx_kafka_ws_ingest_rings(ing, topic, pt, &again);

    if (n < pt->npartitions) {
        ngx_kafka_ws_ingest_full(ing, topic, pt->npartitions - n);
        return;
    }

    ngx_kafka_ws_ingest_complete(ing, topic);

    if (!again) {
        ngx_kafka_ws_store_release(&topic->state, NGX_KAFKA_WS_TOPIC_OK);
    }
}


static ngx_kafka_ws_topic_t *
ngx_kafka_ws_ingest_entry(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_topic_t *pt)
{
    ngx_kafka_ws_topic_t  *topic;

    topic = ngx_kafka_ws_shm_find(ing->root, &pt->name);

    if (topic == NULL) {
        topic = ngx_kafka_ws_shm_add_topic(ing->cluster, &pt->name);
    }

    if (topic == NULL) {
        ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_ERR,
                                  "zone \"%s\" has no room for topic \"%s\"",
                                  ing->cluster->zone.data, pt->name.data);
    }

    return topic;
}


/* returns: how many of n partitions are in the directory */

static uint32_t
ngx_kafka_ws_ingest_streams(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, uint32_t n)
{
    uint32_t  p, s;

    if (topic->npartitions >= n) {
        return n;
    }

    s = topic->first;

    for (p = 0; p < n; p++) {

        if (s == NGX_KAFKA_WS_NONE) {

            if (ngx_kafka_ws_shm_add_stream(ing->cluster, topic) == NULL) {
                break;
            }

            s = topic->last;

        } else if (p >= topic->npartitions) {
            /* a writer died while it added this one */
            topic->last = s;
            ngx_kafka_ws_store_release(&topic->npartitions, p + 1);
        }

        s = ngx_kafka_ws_shm_stream(ing->root, s)->next;
    }

    return p;
}


/*
 * again:    set to 1, if the topic is not to be had yet
 * returns:  how many partitions there was room for
 */

static uint32_t
ngx_kafka_ws_ingest_rings(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, ngx_kafka_ws_plan_topic_t *pt,
    ngx_uint_t *again)
{
    uint32_t                       p, s;
    ngx_int_t                      rc;
    ngx_kafka_ws_kafka_offsets_t  *o;

    s = topic->first;

    for (p = 0; p < pt->npartitions; p++) {
        o = NULL;

        if (p >= pt->first && p - pt->first < pt->noffsets) {
            o = &pt->offsets[p - pt->first];
        }

        do {
            rc = ngx_kafka_ws_ingest_partition(ing, topic, s, o);
        } while (rc == NGX_ERROR && ngx_kafka_ws_ingest_evict(ing) == NGX_OK);

        if (rc == NGX_ERROR) {
            break;
        }

        *again |= (rc == NGX_AGAIN);

        s = ngx_kafka_ws_shm_stream(ing->root, s)->next;
    }

    return p;
}


/* once all of its partitions have a ring, the topic is to be looked at */

static void
ngx_kafka_ws_ingest_complete(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic)
{
    uint32_t                n;
    ngx_kafka_ws_stream_t  *stream;

    if (topic->nrings == topic->npartitions) {
        return;
    }

    for (n = topic->first; n != NGX_KAFKA_WS_NONE; n = stream->next) {
        stream = ngx_kafka_ws_shm_stream(ing->root, n);

        if (stream->ring == 0 || (stream->gen & 1)) {
            return;
        }
    }

    if (ing->cluster->idle) {
        /* before others see that it waits for no room any more */
        ngx_kafka_ws_shm_count_room(ing->cluster);
    }

    ngx_kafka_ws_store_release(&topic->nrings, topic->npartitions);
    ing->news = 1;
}


/*
 * lack:  partitions that there is no room for
 */

static void
ngx_kafka_ws_ingest_full(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, ngx_uint_t lack)
{
    if (ngx_kafka_ws_segment_count(ing->root)) {
        /* older records have to go first: the next plan finds room */
        ngx_kafka_ws_store_release(&ing->root->yield, 1);
        return;
    }

    if (topic->state != NGX_KAFKA_WS_TOPIC_NO_MEMORY
        && ing->full != topic->number + 1)
    {
        ing->full = topic->number + 1;

        ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_ERR,
                     "zone \"%s\" is full: topic \"%s\" is refused, its %u "
                     "partitions need %luk more than there is",
                     ing->cluster->zone.data, topic->name, topic->npartitions,
                     (unsigned long) (lack
                         * ngx_kafka_ws_shm_ring_bytes(ing->cluster) / 1024));
    }

    if (ing->cluster->idle && topic->nrings) {
        /* of one with rings, whoever has come for it keeps them */
        return;
    }

    ngx_kafka_ws_ingest_drop(ing, topic, NGX_KAFKA_WS_TOPIC_NO_MEMORY, 1);
}


/*
 * returns:  NGX_AGAIN: of a topic that was gone, not what it was for all that
 *           is known, or memory is short; NGX_ERROR: no room
 */

static ngx_int_t
ngx_kafka_ws_ingest_partition(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, uint32_t number,
    ngx_kafka_ws_kafka_offsets_t *o)
{
    ngx_uint_t              fresh;
    ngx_kafka_ws_part_t    *part;
    ngx_kafka_ws_view_t     view;
    ngx_kafka_ws_stream_t  *stream;

    part = ngx_kafka_ws_ingest_part(ing, number);
    if (part == NULL) {
        /* no memory: the next plan has it */
        return NGX_AGAIN;
    }

    if (part->assigned) {
        return NGX_OK;
    }

    if (part->doubtful) {
        /* where it goes on is in a plan to come */
        return (topic->state == NGX_KAFKA_WS_TOPIC_GONE) ? NGX_AGAIN : NGX_OK;
    }

    stream = ngx_kafka_ws_shm_stream(ing->root, number);
    fresh = 0;

    if (stream->ring == 0 || (stream->gen & 1)) {

        if (o == NULL) {
            /* its position comes with the next plan */
            return NGX_OK;
        }

        if (ngx_kafka_ws_shm_make_ring(ing->cluster, stream, o->time)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_kafka_ws_store_relaxed(&stream->log_start, o->log_start);
        ngx_kafka_ws_store_relaxed(&stream->log_end, o->log_end);
        fresh = 1;
    }

    if (ngx_kafka_ws_shm_view(ing->root, stream, &view) != NGX_OK) {
        ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_ALERT,
                                  "the ring of topic \"%s\" partition %d is "
                                  "damaged", topic->name, stream->partition);
        ngx_kafka_ws_shm_free_ring(ing->cluster, stream);
        return NGX_OK;
    }

    part->number = number;
    part->stream = stream;
    part->topic.data = topic->name;
    part->topic.len = topic->len;
    part->ring = view.ring;
    part->next = ngx_kafka_ws_ring_next_offset(&part->ring);
    part->load_end = fresh ? o->log_end : stream->log_end;

    if (part->next >= part->load_end) {
        ngx_kafka_ws_store_release(&stream->state, NGX_KAFKA_WS_STREAM_READY);
    }

    if (topic->state == NGX_KAFKA_WS_TOPIC_GONE && !fresh) {
        /* another one may have its name now */
        ngx_kafka_ws_ingest_doubt(ing, part);
        return NGX_AGAIN;
    }

    ngx_kafka_ws_ingest_assign(ing, part);

    return NGX_OK;
}


static ngx_kafka_ws_part_t *
ngx_kafka_ws_ingest_part(ngx_kafka_ws_ingest_t *ing, uint32_t number)
{
    ngx_uint_t             n;
    ngx_kafka_ws_part_t  **parts;

    if (number >= ing->nparts) {
        n = ngx_max(64, number + number / 2);

        parts = realloc(ing->parts, n * sizeof(ngx_kafka_ws_part_t *));
        if (parts == NULL) {
            return NULL;
        }

        ngx_memzero(parts + ing->nparts,
                    (n - ing->nparts) * sizeof(ngx_kafka_ws_part_t *));

        ing->parts = parts;
        ing->nparts = n;
    }

    if (ing->parts[number] == NULL) {
        ing->parts[number] = calloc(1, sizeof(ngx_kafka_ws_part_t));
    }

    return ing->parts[number];
}


void
ngx_kafka_ws_ingest_assign(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part)
{
    part->assigned = ngx_kafka_ws_kafka_assign(ing->kafka, &part->topic,
                                               part->stream->partition,
                                               part->next, part);
    if (part->assigned == NULL) {
        /* the next plan tries again */
        return;
    }

    part->waiting = 1;
    part->seen = -1;
}


void
ngx_kafka_ws_ingest_commit(ngx_kafka_ws_ingest_t *ing)
{
    char                  error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_kafka_ws_part_t  *part;

    if (!ing->planned) {
        /* nothing flows yet that this could hold up */
        ngx_kafka_ws_kafka_warm(ing->kafka, NGX_KAFKA_WS_INGEST_WARM);
    }

    rc = ngx_kafka_ws_kafka_commit(ing->kafka, error);

    if (rc != NGX_OK) {
        ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_ERR,
                                  "partitions cannot be fetched: %s", error);
    }

    for (i = 0; i < ing->nparts; i++) {
        part = ing->parts[i];

        if (part == NULL || !part->waiting) {
            continue;
        }

        part->waiting = 0;

        if (rc != NGX_OK) {
            ngx_kafka_ws_ingest_unassign(ing, part);

        } else if (ing->planned) {
            ngx_kafka_ws_ingest_begun(ing, part);
        }
    }
}


/* its leader may not have been asked for anything lately */

static void
ngx_kafka_ws_ingest_begun(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part)
{
    ngx_kafka_ws_consumer_t  *c;

    c = ing->consumer;

    (void) pthread_mutex_lock(&c->mutex);

    if (c->nbegun < NGX_KAFKA_WS_BEGUN) {
        c->begun[c->nbegun++] = part->number;
        (void) pthread_cond_signal(&c->cond);
    }

    (void) pthread_mutex_unlock(&c->mutex);
}


void
ngx_kafka_ws_ingest_drop(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, ngx_kafka_ws_topic_state_e state,
    ngx_uint_t rings)
{
    uint32_t                n;
    ngx_kafka_ws_part_t    *part;
    ngx_kafka_ws_stream_t  *stream;

    if (rings) {
        ngx_kafka_ws_store_relaxed(&topic->nrings, 0);
    }

    ngx_kafka_ws_store_release(&topic->state, (uint32_t) state);

    for (n = topic->first; n != NGX_KAFKA_WS_NONE; n = stream->next) {
        stream = ngx_kafka_ws_shm_stream(ing->root, n);
        part = (n < ing->nparts) ? ing->parts[n] : NULL;

        if (part) {
            part->doubtful = 0;
            ngx_kafka_ws_ingest_unassign(ing, part);
        }

        if (rings) {
            ngx_kafka_ws_shm_free_ring(ing->cluster, stream);

            if (part) {
                ing->parts[n] = NULL;
                free(part);
            }
        }
    }
}
