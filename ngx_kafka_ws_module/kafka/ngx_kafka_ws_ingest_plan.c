
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Carrying out a plan: what there is in Kafka now, and where it is to be had.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_ingest.h"


/* answers without a topic until it is taken for deleted */
#define NGX_KAFKA_WS_INGEST_ABSENT  3

/* ms between answers that count for that */
#define NGX_KAFKA_WS_INGEST_COUNT   2000


static ngx_int_t ngx_kafka_ws_ingest_same_kafka(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_t *plan);
static void ngx_kafka_ws_ingest_name_kafka(ngx_kafka_ws_root_t *root,
    u_char *id);
static void ngx_kafka_ws_ingest_absent(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_t *plan);
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

    ngx_kafka_ws_ingest_idle_begin(ing);

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
    ngx_kafka_ws_ingest_idle_end(ing);

    if (plan->part) {
        return;
    }

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
