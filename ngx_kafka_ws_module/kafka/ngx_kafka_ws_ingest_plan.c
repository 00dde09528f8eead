
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Carrying out a plan: which topics and partitions have a ring and are
 * fetched.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_ingest.h"
#include "ngx_kafka_ws_segment.h"


/* answers without a topic until it is taken for deleted */
#define NGX_KAFKA_WS_INGEST_ABSENT  3

/* ms between answers that count for that */
#define NGX_KAFKA_WS_INGEST_COUNT   2000

/* ms that the first plan may wait for the leaders of its partitions */
#define NGX_KAFKA_WS_INGEST_WARM    500


static ngx_int_t ngx_kafka_ws_ingest_same_kafka(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_t *plan);
static void ngx_kafka_ws_ingest_name_kafka(ngx_kafka_ws_root_t *root,
    u_char *id);
static void ngx_kafka_ws_ingest_topic(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_topic_t *pt);
static ngx_int_t ngx_kafka_ws_ingest_partition(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, uint32_t number,
    ngx_kafka_ws_kafka_offsets_t *o);
static ngx_kafka_ws_part_t *ngx_kafka_ws_ingest_part(
    ngx_kafka_ws_ingest_t *ing, uint32_t number);
static void ngx_kafka_ws_ingest_assign(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part);
static void ngx_kafka_ws_ingest_commit(ngx_kafka_ws_ingest_t *ing);
static void ngx_kafka_ws_ingest_absent(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_t *plan);
static void ngx_kafka_ws_ingest_drop(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, ngx_kafka_ws_topic_state_e state,
    ngx_uint_t rings);
static void ngx_kafka_ws_ingest_move(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_move_t *move);


void
ngx_kafka_ws_ingest_plan(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_t *plan)
{
    ngx_uint_t  i;

    if (ngx_kafka_ws_ingest_same_kafka(ing, plan) != NGX_OK) {
        /* positions in the plan were for rings that are gone */
        return;
    }

    for (i = 0; i < plan->ntopics; i++) {
        if (plan->topics[i].allowed && plan->topics[i].npartitions) {
            ngx_kafka_ws_ingest_topic(ing, &plan->topics[i]);
        }
    }

    for (i = 0; i < plan->nmoves; i++) {
        ngx_kafka_ws_ingest_move(ing, &plan->moves[i]);
    }

    for (i = 0; i < plan->nquiet; i++) {
        ngx_kafka_ws_ingest_quiet(ing, &plan->quiet[i]);
    }

    ngx_kafka_ws_ingest_commit(ing);
    ngx_kafka_ws_ingest_absent(ing, plan);

    ing->planned = 1;
    ngx_kafka_ws_store_release(&ing->consumer->planned, 1);

    if (ing->root->allowed != ing->cluster->allowed) {
        ngx_kafka_ws_store_release(&ing->root->allowed,
                                   ing->cluster->allowed);
    }

    ing->dirty = 1;
}


/*
 * Offsets of one Kafka mean nothing in another one.
 */

static ngx_int_t
ngx_kafka_ws_ingest_same_kafka(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_t *plan)
{
    ngx_uint_t            i;
    ngx_kafka_ws_root_t  *root;

    root = ing->root;

    if (plan->id[0] == '\0'
        || ngx_strcmp(plan->id, root->kafka) == 0)
    {
        return NGX_OK;
    }

    if (root->kafka[0] == '\0') {
        ngx_kafka_ws_ingest_name_kafka(root, plan->id);
        return NGX_OK;
    }

    ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_WARN,
                              "the brokers belong to another Kafka cluster, "
                              "\"%s\" instead of \"%s\": starting anew",
                              plan->id, root->kafka);

    for (i = 0; i < ing->nparts; i++) {
        if (ing->parts[i]) {
            ing->parts[i]->doubtful = 0;
            ngx_kafka_ws_ingest_unassign(ing, ing->parts[i]);
        }
    }

    ngx_kafka_ws_shm_reset(ing->cluster);
    ngx_kafka_ws_ingest_name_kafka(root, plan->id);
    ing->dirty = 1;

    return NGX_DECLINED;
}


/*
 * Wherever a writer dies in here, its successor finds the whole name or none;
 * and the name of the Kafka that the rings are of.
 */

static void
ngx_kafka_ws_ingest_name_kafka(ngx_kafka_ws_root_t *root, u_char *id)
{
    root->kafka[0] = '\0';
    ngx_kafka_ws_fence_release();

    (void) ngx_cpystrn(root->kafka + 1, id + 1, sizeof(root->kafka) - 1);
    ngx_kafka_ws_fence_release();

    root->kafka[0] = id[0];
}


static void
ngx_kafka_ws_ingest_topic(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_topic_t *pt)
{
    uint32_t                       p, n;
    ngx_int_t                      rc;
    ngx_uint_t                     again;
    ngx_kafka_ws_root_t           *root;
    ngx_kafka_ws_topic_t          *topic;
    ngx_kafka_ws_stream_t         *stream;
    ngx_kafka_ws_kafka_offsets_t  *o;

    root = ing->root;

    topic = ngx_kafka_ws_shm_find(root, &pt->name);

    if (topic == NULL) {
        topic = ngx_kafka_ws_shm_add_topic(ing->cluster, &pt->name);

        if (topic == NULL) {
            ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_ERR,
                                  "zone \"%s\" has no room for topic \"%s\"",
                                  ing->cluster->zone.data, pt->name.data);
            return;
        }
    }

    if (topic->state == NGX_KAFKA_WS_TOPIC_NO_MEMORY) {
        return;
    }

    n = topic->first;
    again = 0;

    for (p = 0; p < pt->npartitions; p++) {

        if (n == NGX_KAFKA_WS_NONE) {
            stream = ngx_kafka_ws_shm_add_stream(ing->cluster, topic);
            if (stream == NULL) {
                break;
            }

            n = topic->last;

        } else if (p >= topic->npartitions) {
            /* a writer died while it added this one */
            topic->last = n;
            ngx_kafka_ws_store_release(&topic->npartitions, p + 1);
        }

        o = NULL;

        if (p >= pt->first && p - pt->first < pt->noffsets) {
            o = &pt->offsets[p - pt->first];
        }

        rc = ngx_kafka_ws_ingest_partition(ing, topic, n, o);

        if (rc == NGX_ERROR) {
            break;
        }

        again |= (rc == NGX_AGAIN);

        n = ngx_kafka_ws_shm_stream(root, n)->next;
    }

    if (p < pt->npartitions && ngx_kafka_ws_segment_count(root)) {
        /* older records have to go first: the next plan finds room */
        ngx_kafka_ws_store_release(&root->yield, 1);
        return;
    }

    if (p == pt->npartitions) {

        if (!again) {
            ngx_kafka_ws_store_release(&topic->state, NGX_KAFKA_WS_TOPIC_OK);
        }

        return;
    }

    ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_ERR,
                     "zone \"%s\" is full: topic \"%s\" is refused, its %u "
                     "partitions need %luk more than there is",
                     ing->cluster->zone.data, pt->name.data, pt->npartitions,
                     (unsigned long) ((pt->npartitions - p)
                         * ngx_kafka_ws_ring_bytes(ing->cluster->ring,
                               ngx_kafka_ws_ring_entries(ing->cluster->ring),
                               ing->cluster->nrenderings) / 1024));

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


static void
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


static void
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
        }
    }
}


/*
 * A topic that a number of answers in a row did not have is gone.
 */

static void
ngx_kafka_ws_ingest_absent(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_t *plan)
{
    uint8_t               *absent;
    uint32_t               n;
    uint64_t               now;
    ngx_str_t              name;
    ngx_uint_t             i;
    ngx_kafka_ws_root_t   *root;
    ngx_kafka_ws_topic_t  *topic;

    root = ing->root;

    if (root->ntopics > ing->nabsent) {
        absent = realloc(ing->absent, root->ntopics);
        if (absent == NULL) {
            return;
        }

        ngx_memzero(absent + ing->nabsent, root->ntopics - ing->nabsent);

        ing->absent = absent;
        ing->nabsent = root->ntopics;
    }

    /* answers that were asked for in a hurry count once */

    now = ngx_kafka_ws_shm_now();

    if (now - ing->counted < NGX_KAFKA_WS_INGEST_COUNT) {
        return;
    }

    ing->counted = now;

    for (n = 0; n < root->ntopics; n++) {
        if (ing->absent[n] < NGX_KAFKA_WS_INGEST_ABSENT) {
            ing->absent[n]++;
        }
    }

    for (i = 0; i < plan->ntopics; i++) {

        if (!plan->topics[i].allowed
            || (plan->topics[i].npartitions == 0 && plan->topics[i].unknown))
        {
            continue;
        }

        name = plan->topics[i].name;
        topic = ngx_kafka_ws_shm_find(root, &name);

        if (topic && topic->first != NGX_KAFKA_WS_NONE) {
            n = ngx_kafka_ws_shm_stream(root, topic->first)->topic;
            ing->absent[n] = 0;
        }
    }

    for (n = 0; n < root->ntopics; n++) {
        topic = ngx_kafka_ws_shm_topic(root, n);

        if (ing->absent[n] == NGX_KAFKA_WS_INGEST_ABSENT
            && topic->state == NGX_KAFKA_WS_TOPIC_OK)
        {
            ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_WARN,
                                      "topic \"%s\" is gone", topic->name);
            ngx_kafka_ws_ingest_drop(ing, topic, NGX_KAFKA_WS_TOPIC_GONE, 0);
        }
    }
}


static void
ngx_kafka_ws_ingest_drop(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, ngx_kafka_ws_topic_state_e state,
    ngx_uint_t rings)
{
    uint32_t                n;
    ngx_kafka_ws_part_t    *part;
    ngx_kafka_ws_stream_t  *stream;

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
        }
    }
}


/*
 * A position that is not in the log: either its records are gone, or the
 * log is another one than it was.
 */

static void
ngx_kafka_ws_ingest_move(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_move_t *move)
{
    ngx_kafka_ws_part_t           *part;
    ngx_kafka_ws_view_t            view;
    ngx_kafka_ws_kafka_offsets_t  *o;

    o = &move->offsets;
    part = (move->stream < ing->nparts) ? ing->parts[move->stream] : NULL;

    if (part == NULL || part->assigned || part->stream == NULL
        || part->stream->ring == 0)
    {
        return;
    }

    part->doubtful = 0;

    if (o->log_start < 0) {
        /* not known; the next plan assigns it as it is */
        return;
    }

    if (part->next < o->log_start) {
        ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_WARN,
                                  "topic \"%s\" partition %d: offsets %lld "
                                  "to %lld were deleted before they were "
                                  "read", part->topic.data,
                                  part->stream->partition,
                                  (long long) part->next,
                                  (long long) (o->log_start - 1));

        ngx_kafka_ws_count(&part->stream->lost, o->log_start - part->next);
        ngx_kafka_ws_ingest_gap(ing, part, part->next, o->log_start - 1,
                                NGX_KAFKA_WS_RING_RETENTION);

    } else if (part->next > o->log_end) {
        ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_WARN,
                                  "topic \"%s\" partition %d ends at offset "
                                  "%lld before %lld: it is another log now",
                                  part->topic.data, part->stream->partition,
                                  (long long) o->log_end,
                                  (long long) part->next);

        if (ngx_kafka_ws_shm_make_ring(ing->cluster, part->stream,
                                       o->log_start)
            != NGX_OK
            || ngx_kafka_ws_shm_view(ing->root, part->stream, &view)
               != NGX_OK)
        {
            return;
        }

        part->ring = view.ring;
        part->next = o->log_start;
        part->load_end = o->log_end;

        if (part->next >= part->load_end) {
            ngx_kafka_ws_store_release(&part->stream->state,
                                       NGX_KAFKA_WS_STREAM_READY);
        }
    }

    ngx_kafka_ws_store_relaxed(&part->stream->log_start, o->log_start);
    ngx_kafka_ws_store_relaxed(&part->stream->log_end, o->log_end);

    ngx_kafka_ws_ingest_assign(ing, part);
    ing->dirty = 1;
}
