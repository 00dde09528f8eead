
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The topics thread: asks Kafka again and again, and plans.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <time.h>

#include "ngx_kafka_ws_consumer.h"


#define NGX_KAFKA_WS_TOPICS_INTERVAL  3000   /* ms between questions */
#define NGX_KAFKA_WS_TOPICS_RETRY     500    /* ms, if one failed */
#define NGX_KAFKA_WS_TOPICS_TIMEOUT   5000   /* ms for an answer */


static void ngx_kafka_ws_topics_round(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query);
static ngx_kafka_ws_plan_t *ngx_kafka_ws_topics_propose(
    ngx_kafka_ws_kafka_metadata_t *md);
static ngx_kafka_ws_plan_t *ngx_kafka_ws_topics_ask(
    ngx_kafka_ws_consumer_t *c, ngx_kafka_ws_plan_t *plan);
static void ngx_kafka_ws_topics_positions(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan);
static void ngx_kafka_ws_topics_lacking(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_plan_topic_t *topic);
static void ngx_kafka_ws_topics_offsets(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan,
    ngx_uint_t n, int64_t since);
static void ngx_kafka_ws_topics_moves(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan);
static void ngx_kafka_ws_topics_deliver(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_plan_t *plan);
static void ngx_kafka_ws_topics_result(ngx_kafka_ws_consumer_t *c,
    uint32_t outages, const char *error);
static void ngx_kafka_ws_topics_wait(ngx_kafka_ws_consumer_t *c,
    ngx_msec_t timeout);
static ngx_int_t ngx_kafka_ws_topics_sleep(ngx_kafka_ws_consumer_t *c,
    ngx_msec_t timeout);


#define ngx_kafka_ws_topics_stopped(c)  ngx_kafka_ws_load_acquire(&(c)->stop)


void *
ngx_kafka_ws_topics_thread(void *data)
{
    ngx_kafka_ws_consumer_t *c = data;

    char  error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];

    while (!ngx_kafka_ws_topics_stopped(c)) {

        if (c->query == NULL) {
            ngx_kafka_ws_consumer_opening(c, NGX_KAFKA_WS_OPENING_TOPICS);
            c->query = ngx_kafka_ws_kafka_query_open(c->cluster, error);
            ngx_kafka_ws_consumer_opened(c, NGX_KAFKA_WS_OPENING_TOPICS);

            if (c->query == NULL) {
                ngx_kafka_ws_topics_result(c, 0, error);
                ngx_kafka_ws_topics_wait(c, NGX_KAFKA_WS_TOPICS_INTERVAL);
                continue;
            }
        }

        ngx_kafka_ws_topics_round(c, c->query);

        ngx_kafka_ws_topics_wait(c,
                                 ngx_kafka_ws_load_relaxed(&c->reached)
                                 && !c->lacking
                                 ? NGX_KAFKA_WS_TOPICS_INTERVAL
                                 : NGX_KAFKA_WS_TOPICS_RETRY);
    }

    (void) ngx_kafka_ws_fetch_add(&c->ended, 1);

    return NULL;
}


static void
ngx_kafka_ws_topics_round(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query)
{
    char                            error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];
    uint32_t                        outages;
    ngx_kafka_ws_plan_t            *plan;
    ngx_kafka_ws_kafka_metadata_t  *md;

    outages = ngx_kafka_ws_load_acquire(&c->outages);

    md = ngx_kafka_ws_kafka_metadata(query, NGX_KAFKA_WS_TOPICS_TIMEOUT,
                                     error);
    if (md == NULL) {
        c->lacking = 1;
        ngx_kafka_ws_topics_result(c, outages, error[0] ? error : NULL);
        return;
    }

    ngx_kafka_ws_topics_result(c, outages, NULL);

    plan = ngx_kafka_ws_topics_propose(md);

    ngx_kafka_ws_kafka_metadata_free(md);

    if (plan == NULL) {
        return;
    }

    plan = ngx_kafka_ws_topics_ask(c, plan);

    if (plan == NULL) {
        return;
    }

    /* what the directory lacks is known once this process may write it */

    while (!ngx_kafka_ws_load_acquire(&c->writer)) {
        if (ngx_kafka_ws_topics_stopped(c)) {
            goto failed;
        }

        ngx_msleep(5);
    }

    ngx_kafka_ws_topics_errors(c, plan);

    ngx_kafka_ws_topics_positions(c, query, plan);

    ngx_kafka_ws_topics_moves(c, query, plan);

    ngx_kafka_ws_topics_quiet(c, query, plan);

    ngx_kafka_ws_topics_deliver(c, plan);

    return;

failed:

    ngx_kafka_ws_plan_free(plan);
}


static ngx_kafka_ws_plan_t *
ngx_kafka_ws_topics_propose(ngx_kafka_ws_kafka_metadata_t *md)
{
    ngx_uint_t                   i;
    ngx_kafka_ws_plan_t         *plan;
    ngx_kafka_ws_plan_topic_t   *topic;
    ngx_kafka_ws_kafka_topic_t  *t;

    plan = calloc(1, sizeof(ngx_kafka_ws_plan_t));
    if (plan == NULL) {
        return NULL;
    }

    plan->topics = calloc(md->ntopics + 1, sizeof(ngx_kafka_ws_plan_topic_t));
    if (plan->topics == NULL) {
        ngx_kafka_ws_plan_free(plan);
        return NULL;
    }

    (void) ngx_cpystrn(plan->id, md->id, sizeof(plan->id));

    for (i = 0; i < md->ntopics; i++) {
        t = &md->topics[i];

        topic = &plan->topics[plan->ntopics++];

        /* the name moves over */
        topic->name = t->name;
        t->name.data = NULL;

        topic->npartitions = (uint32_t) t->npartitions;
        topic->unknown = t->unknown;
        topic->error = t->error;
    }

    return plan;
}


/*
 * Has the main thread look which topics are allowed.
 */

static ngx_kafka_ws_plan_t *
ngx_kafka_ws_topics_ask(ngx_kafka_ws_consumer_t *c, ngx_kafka_ws_plan_t *plan)
{
    (void) pthread_mutex_lock(&c->mutex);

    c->proposal = plan;
    plan = NULL;

    while (!ngx_kafka_ws_topics_stopped(c)) {

        if (c->answer) {
            plan = c->answer;
            c->answer = NULL;
            break;
        }

        (void) ngx_kafka_ws_topics_sleep(c, NGX_KAFKA_WS_TOPICS_INTERVAL);
    }

    (void) pthread_mutex_unlock(&c->mutex);

    return plan;
}


/*
 * Partitions that have no ring yet need a position to begin at.  A topic or
 * partition that came up while this list of topics was already in force
 * flows from its first record, everything else from its last ones: see
 * "preload".
 */

static void
ngx_kafka_ws_topics_positions(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan)
{
    int64_t                        since;
    ngx_uint_t                     i, n, fresh;
    ngx_kafka_ws_cluster_t        *kwc;
    ngx_kafka_ws_plan_topic_t     *topic;
    ngx_kafka_ws_kafka_offsets_t  *o;

    kwc = c->cluster;
    n = 0;
    c->lacking = 0;

    for (i = 0; i < plan->ntopics; i++) {
        ngx_kafka_ws_topics_lacking(kwc->root, &plan->topics[i]);
        n += plan->topics[i].noffsets;
    }

    if (n == 0) {
        return;
    }

    o = calloc(n, sizeof(ngx_kafka_ws_kafka_offsets_t));
    if (o == NULL) {
        /* the next plan has them */

        for (i = 0; i < plan->ntopics; i++) {
            plan->topics[i].noffsets = 0;
        }

        return;
    }

    plan->offsets = o;

    for (i = 0; i < plan->ntopics; i++) {
        topic = &plan->topics[i];
        topic->offsets = o;

        for ( /* void */ ; o < topic->offsets + topic->noffsets; o++) {
            o->topic = &topic->name;
            o->partition = (int32_t) (topic->first + (o - topic->offsets));
        }
    }

    fresh = (ngx_kafka_ws_load_acquire(&kwc->root->allowed) == kwc->allowed);
    since = -1;

    if (!fresh && kwc->preload_age > 0) {
        since = (int64_t) time(NULL) * 1000 - kwc->preload_age;
    }

    ngx_kafka_ws_topics_offsets(c, query, plan, n, since);

    if (fresh || kwc->preload_records == -1) {
        return;
    }

    for (o = plan->offsets; o < plan->offsets + n; o++) {
        if (o->log_end - o->time > kwc->preload_records) {
            o->time = o->log_end - kwc->preload_records;
        }
    }
}


/* which partitions of a topic have no ring: those from the first one on */

static void
ngx_kafka_ws_topics_lacking(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_plan_topic_t *topic)
{
    uint32_t                n;
    ngx_kafka_ws_topic_t   *known;
    ngx_kafka_ws_stream_t  *stream;

    if (!topic->allowed || topic->npartitions == 0) {
        return;
    }

    known = ngx_kafka_ws_shm_find(root, &topic->name);

    if (known) {

        if (known->state == NGX_KAFKA_WS_TOPIC_NO_MEMORY) {
            return;
        }

        for (n = known->first;
             n != NGX_KAFKA_WS_NONE;
             n = ngx_kafka_ws_load_acquire(&stream->next))
        {
            stream = ngx_kafka_ws_shm_stream(root, n);

            if (stream->ring == 0 || (stream->gen & 1)) {
                break;
            }

            topic->first++;
        }
    }

    if (topic->first < topic->npartitions) {
        topic->noffsets = topic->npartitions - topic->first;
    }
}


/*
 * One question for all; if that fails, one for each topic, so that a
 * partition without a leader holds up no more than its own topic.
 */

static void
ngx_kafka_ws_topics_offsets(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan,
    ngx_uint_t n, int64_t since)
{
    char                        error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];
    ngx_uint_t                  i;
    ngx_kafka_ws_plan_topic_t  *topic;

    if (ngx_kafka_ws_kafka_offsets(query, plan->offsets, n, since,
                                   NGX_KAFKA_WS_TOPICS_TIMEOUT, error)
        == NGX_OK)
    {
        return;
    }

    for (i = 0; i < plan->ntopics; i++) {
        topic = &plan->topics[i];

        if (topic->noffsets
            && (ngx_kafka_ws_topics_stopped(c)
                || ngx_kafka_ws_kafka_offsets(query, topic->offsets,
                                              topic->noffsets, since,
                                              NGX_KAFKA_WS_TOPICS_RETRY,
                                              error)
                   != NGX_OK))
        {
            /* the next plan has them */
            topic->noffsets = 0;
            c->lacking = 1;
        }
    }
}


/*
 * What is there of the partitions whose position is not there any more.
 */

static void
ngx_kafka_ws_topics_moves(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan)
{
    char                       error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];
    uint32_t                   lost[NGX_KAFKA_WS_LOST];
    ngx_str_t                  name;
    ngx_uint_t                 i, n;
    ngx_kafka_ws_root_t       *root;
    ngx_kafka_ws_topic_t      *topic;
    ngx_kafka_ws_stream_t     *stream;
    ngx_kafka_ws_plan_move_t  *move;

    root = c->cluster->root;

    (void) pthread_mutex_lock(&c->mutex);
    n = c->nlost;
    ngx_memcpy(lost, c->lost, n * sizeof(uint32_t));
    (void) pthread_mutex_unlock(&c->mutex);

    if (n == 0) {
        return;
    }

    plan->moves = calloc(n, sizeof(ngx_kafka_ws_plan_move_t));
    if (plan->moves == NULL) {
        return;
    }

    for (i = 0; i < n; i++) {
        move = &plan->moves[i];
        stream = ngx_kafka_ws_shm_stream(root, lost[i]);
        topic = ngx_kafka_ws_shm_topic(root, stream->topic);

        name.data = topic->name;
        name.len = topic->len;

        move->stream = lost[i];
        move->offsets.topic = &name;
        move->offsets.partition = stream->partition;

        if (ngx_kafka_ws_kafka_offsets(query, &move->offsets, 1, -1,
                                       NGX_KAFKA_WS_TOPICS_RETRY, error)
            != NGX_OK)
        {
            /* its topic may be gone: not a matter of the others */
            move->offsets.log_start = -1;
        }

        plan->nmoves++;
    }

    /* what came since has been added behind these */

    (void) pthread_mutex_lock(&c->mutex);
    c->nlost -= n;
    ngx_memmove(c->lost, c->lost + n, c->nlost * sizeof(uint32_t));
    (void) pthread_mutex_unlock(&c->mutex);
}


static void
ngx_kafka_ws_topics_deliver(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_plan_t *plan)
{
    (void) pthread_mutex_lock(&c->mutex);

    while (c->plan && !ngx_kafka_ws_topics_stopped(c)) {
        (void) ngx_kafka_ws_topics_sleep(c, 10);
    }

    c->plan = plan;

    (void) pthread_mutex_unlock(&c->mutex);
}


/*
 * Tells the ingest thread, which keeps the state, how the last question
 * ended.  An answer to a question that was asked before the last "no broker"
 * proves nothing.
 */

static void
ngx_kafka_ws_topics_result(ngx_kafka_ws_consumer_t *c, uint32_t outages,
    const char *error)
{
    (void) pthread_mutex_lock(&c->mutex);

    if (error) {
        (void) ngx_cpystrn((u_char *) c->query_error, (u_char *) error,
                           NGX_KAFKA_WS_LINE_LEN);
        ngx_kafka_ws_store_relaxed(&c->reached, 0);

    } else if (outages == ngx_kafka_ws_load_acquire(&c->outages)) {
        ngx_kafka_ws_store_relaxed(&c->reached, 1);
    }

    (void) pthread_mutex_unlock(&c->mutex);

    (void) ngx_kafka_ws_fetch_add(&c->queried, 1);
}


static void
ngx_kafka_ws_topics_wait(ngx_kafka_ws_consumer_t *c, ngx_msec_t timeout)
{
    (void) pthread_mutex_lock(&c->mutex);

    while (!ngx_kafka_ws_topics_stopped(c) && !c->hurry) {
        if (ngx_kafka_ws_topics_sleep(c, timeout) != NGX_OK) {
            break;
        }
    }

    c->hurry = 0;

    (void) pthread_mutex_unlock(&c->mutex);
}


/* NGX_OK: signaled, NGX_AGAIN: timed out; with the mutex */

static ngx_int_t
ngx_kafka_ws_topics_sleep(ngx_kafka_ws_consumer_t *c, ngx_msec_t timeout)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    ts.tv_sec += timeout / 1000;
    ts.tv_nsec += (timeout % 1000) * 1000000;

    if (ts.tv_nsec >= 1000000000) {
        ts.tv_nsec -= 1000000000;
        ts.tv_sec++;
    }

    return pthread_cond_timedwait(&c->cond, &c->mutex, &ts) == 0 ? NGX_OK
                                                                 : NGX_AGAIN;
}
