
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The topics thread: asks Kafka again and again, and plans.  In between it
 * plans for topics that are wanted all of a sudden.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <time.h>

#include "ngx_kafka_ws_consumer.h"


#define NGX_KAFKA_WS_TOPICS_INTERVAL  3000   /* ms between questions */
#define NGX_KAFKA_WS_TOPICS_NUDGE     500    /* ms for an answer */


static void ngx_kafka_ws_topics_round(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query);
static ngx_kafka_ws_plan_t *ngx_kafka_ws_topics_propose(
    ngx_kafka_ws_kafka_metadata_t *md);
static ngx_kafka_ws_plan_t *ngx_kafka_ws_topics_ask(
    ngx_kafka_ws_consumer_t *c, ngx_kafka_ws_plan_t *plan);
static void ngx_kafka_ws_topics_moves(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan);
static void ngx_kafka_ws_topics_result(ngx_kafka_ws_consumer_t *c,
    uint32_t outages, const char *error);
static void ngx_kafka_ws_topics_pause(ngx_kafka_ws_consumer_t *c);
static void ngx_kafka_ws_topics_begun(ngx_kafka_ws_consumer_t *c);
static ngx_int_t ngx_kafka_ws_topics_wait(ngx_kafka_ws_consumer_t *c,
    ngx_msec_t timeout);
static ngx_int_t ngx_kafka_ws_topics_sleep(ngx_kafka_ws_consumer_t *c,
    ngx_msec_t timeout);


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
                (void) ngx_kafka_ws_topics_wait(c,
                                                NGX_KAFKA_WS_TOPICS_INTERVAL);
                continue;
            }
        }

        ngx_kafka_ws_topics_round(c, c->query);
        ngx_kafka_ws_topics_pause(c);
    }

    (void) ngx_kafka_ws_fetch_add(&c->ended, 1);

    return NULL;
}


/* until the next round; what cannot wait so long is done in between */

static void
ngx_kafka_ws_topics_pause(ngx_kafka_ws_consumer_t *c)
{
    uint64_t    passed, since;
    ngx_msec_t  pause;

    since = ngx_kafka_ws_shm_now();

    for ( ;; ) {
        pause = (ngx_kafka_ws_load_relaxed(&c->reached) && !c->lacking)
                ? NGX_KAFKA_WS_TOPICS_INTERVAL : NGX_KAFKA_WS_TOPICS_RETRY;

        passed = ngx_kafka_ws_shm_now() - since;

        if (passed >= pause
            || ngx_kafka_ws_topics_wait(c, pause - (ngx_msec_t) passed)
               != NGX_OK)
        {
            return;
        }

        ngx_kafka_ws_topics_asked(c, c->query);
        ngx_kafka_ws_topics_begun(c);
    }
}


/*
 * The ingest thread's handle sends a request to the leaders of partitions that
 * it was just given: see ngx_kafka_ws_kafka_nudge().
 */

static void
ngx_kafka_ws_topics_begun(ngx_kafka_ws_consumer_t *c)
{
    uint32_t                       begun[NGX_KAFKA_WS_BEGUN];
    ngx_str_t                      names[NGX_KAFKA_WS_BEGUN];
    ngx_uint_t                     i, n;
    ngx_kafka_ws_root_t           *root;
    ngx_kafka_ws_topic_t          *topic;
    ngx_kafka_ws_stream_t         *stream;
    ngx_kafka_ws_kafka_offsets_t   o[NGX_KAFKA_WS_BEGUN];

    root = c->cluster->root;

    (void) pthread_mutex_lock(&c->mutex);
    n = c->nbegun;
    ngx_memcpy(begun, c->begun, n * sizeof(uint32_t));
    c->nbegun = 0;
    (void) pthread_mutex_unlock(&c->mutex);

    for (i = 0; i < n; i++) {
        stream = ngx_kafka_ws_shm_stream(root, begun[i]);
        topic = ngx_kafka_ws_shm_topic(root, stream->topic);

        names[i].data = topic->name;
        names[i].len = topic->len;
        o[i].topic = &names[i];
        o[i].partition = stream->partition;
    }

    if (n) {
        ngx_kafka_ws_kafka_nudge(ngx_kafka_ws_load_acquire(&c->kafka), o, n,
                                 NGX_KAFKA_WS_TOPICS_NUDGE);
    }
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

    c->lacking = 0;

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

    ngx_qsort(plan->topics, plan->ntopics, sizeof(ngx_kafka_ws_plan_topic_t),
              ngx_kafka_ws_plan_compare);

    return plan;
}


int
ngx_kafka_ws_plan_compare(const void *one, const void *two)
{
    const ngx_kafka_ws_plan_topic_t  *a = one, *b = two;

    return ngx_strcmp(a->name.data, b->name.data);
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


void
ngx_kafka_ws_topics_deliver(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_plan_t *plan)
{
    (void) pthread_mutex_lock(&c->mutex);

    while (c->plan && !ngx_kafka_ws_topics_stopped(c)) {
        (void) ngx_kafka_ws_topics_sleep(c, 10);
    }

    c->plan = plan;

    (void) pthread_mutex_unlock(&c->mutex);

    /* not with its next record only */
    ngx_kafka_ws_kafka_wake(ngx_kafka_ws_load_acquire(&c->kafka));
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


/* NGX_OK: there is something to do before the next round; NGX_AGAIN */

static ngx_int_t
ngx_kafka_ws_topics_wait(ngx_kafka_ws_consumer_t *c, ngx_msec_t timeout)
{
    ngx_int_t  rc;

    rc = NGX_AGAIN;

    (void) pthread_mutex_lock(&c->mutex);

    while (!ngx_kafka_ws_topics_stopped(c) && !c->hurry) {

        if (c->query
            && (c->nbegun || ngx_kafka_ws_load_acquire(&c->cluster->root->asks)
                             != c->asks))
        {
            rc = NGX_OK;
            break;
        }

        if (ngx_kafka_ws_topics_sleep(c, timeout) != NGX_OK) {
            break;
        }
    }

    if (rc == NGX_AGAIN) {
        c->hurry = 0;
    }

    (void) pthread_mutex_unlock(&c->mutex);

    return rc;
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
