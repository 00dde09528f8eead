
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Where rings begin: what topics lack them, and what Kafka has of those.  With
 * "ring ... idle=" a topic without rings lacks none until it is wanted.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <time.h>

#include "ngx_kafka_ws_consumer.h"
#include "ngx_kafka_ws_interest.h"


static ngx_uint_t ngx_kafka_ws_topics_lacking(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_plan_topic_t *topic, ngx_kafka_ws_alive_t *alive);
static ngx_kafka_ws_kafka_offsets_t *ngx_kafka_ws_topics_questions(
    ngx_kafka_ws_plan_t *plan, ngx_uint_t late,
    ngx_kafka_ws_kafka_offsets_t *o);
static void ngx_kafka_ws_topics_offsets(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan,
    ngx_uint_t late, ngx_kafka_ws_kafka_offsets_t *o, ngx_uint_t n,
    int64_t since);
static ngx_int_t ngx_kafka_ws_topics_wanted(ngx_kafka_ws_plan_t *plan,
    ngx_kafka_ws_topic_t *topic, ngx_uint_t *places);


void
ngx_kafka_ws_topics_positions(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan)
{
    int64_t                        since;
    ngx_uint_t                     i, n;
    ngx_kafka_ws_alive_t           alive;
    ngx_kafka_ws_cluster_t        *kwc;
    ngx_kafka_ws_kafka_offsets_t  *o, *late, *last;

    kwc = c->cluster;
    n = 0;

    ngx_kafka_ws_interest_alive(kwc->root, &alive);

    for (i = 0; i < plan->ntopics; i++) {
        n += ngx_kafka_ws_topics_lacking(c, &plan->topics[i], &alive);
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

    late = ngx_kafka_ws_topics_questions(plan, 0, o);
    last = ngx_kafka_ws_topics_questions(plan, 1, late);

    since = -1;

    if (kwc->preload_age > 0) {
        since = (int64_t) time(NULL) * 1000 - kwc->preload_age;
    }

    ngx_kafka_ws_topics_offsets(c, query, plan, 0, o, late - o, since);
    ngx_kafka_ws_topics_offsets(c, query, plan, 1, late, last - late, -1);

    if (kwc->preload_records == -1) {
        return;
    }

    for ( /* void */ ; o < late; o++) {
        if (o->log_end - o->time > kwc->preload_records) {
            o->time = o->log_end - kwc->preload_records;
        }
    }
}


/*
 * Which partitions of a topic have no ring: those from the first one on.  A
 * topic that came up while this list of topics was already in force flows from
 * its first record, as does a partition that a topic with rings has got, and
 * everything else from its last ones: see "preload".
 */

static ngx_uint_t
ngx_kafka_ws_topics_lacking(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_plan_topic_t *topic, ngx_kafka_ws_alive_t *alive)
{
    uint32_t                 n;
    ngx_kafka_ws_root_t     *root;
    ngx_kafka_ws_topic_t    *known;
    ngx_kafka_ws_stream_t   *stream;
    ngx_kafka_ws_cluster_t  *kwc;

    kwc = c->cluster;
    root = kwc->root;

    if (!topic->allowed || topic->npartitions == 0) {
        return 0;
    }

    topic->late = (ngx_kafka_ws_load_acquire(&root->allowed) == kwc->allowed);

    known = ngx_kafka_ws_shm_find(root, &topic->name);

    if (kwc->idle && (known == NULL || known->nrings == 0)) {

        if (known == NULL || !ngx_kafka_ws_interest_any(known, alive)) {
            return 0;
        }

        topic->late = 0;
    }

    if (known) {

        if (known->state == NGX_KAFKA_WS_TOPIC_NO_MEMORY && !kwc->idle) {
            return 0;
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

    return topic->noffsets;
}


/* returns: behind the last one */

static ngx_kafka_ws_kafka_offsets_t *
ngx_kafka_ws_topics_questions(ngx_kafka_ws_plan_t *plan, ngx_uint_t late,
    ngx_kafka_ws_kafka_offsets_t *o)
{
    ngx_uint_t                  i;
    ngx_kafka_ws_plan_topic_t  *topic;

    for (i = 0; i < plan->ntopics; i++) {
        topic = &plan->topics[i];

        if (topic->noffsets == 0 || topic->late != late) {
            continue;
        }

        topic->offsets = o;

        for ( /* void */ ; o < topic->offsets + topic->noffsets; o++) {
            o->topic = &topic->name;
            o->partition = (int32_t) (topic->first + (o - topic->offsets));
        }
    }

    return o;
}


/*
 * One question for all; if that fails, one for each topic, so that a
 * partition without a leader holds up no more than its own topic.
 */

static void
ngx_kafka_ws_topics_offsets(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan,
    ngx_uint_t late, ngx_kafka_ws_kafka_offsets_t *o, ngx_uint_t n,
    int64_t since)
{
    char                        error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];
    ngx_uint_t                  i;
    ngx_kafka_ws_plan_topic_t  *topic;

    if (n == 0
        || ngx_kafka_ws_kafka_offsets(query, o, n, since,
                                      NGX_KAFKA_WS_TOPICS_TIMEOUT, error)
           == NGX_OK)
    {
        return;
    }

    for (i = 0; i < plan->ntopics; i++) {
        topic = &plan->topics[i];

        if (topic->noffsets && topic->late == late
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
 * As long as brokers cannot be reached, the next list of topics is what all
 * wait for.
 */

void
ngx_kafka_ws_topics_asked(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query)
{
    uint32_t               n;
    uint64_t               asks, bits, asked[NGX_KAFKA_WS_CHUNKS / 64];
    ngx_uint_t             i, k, places;
    ngx_kafka_ws_root_t   *root;
    ngx_kafka_ws_plan_t   *plan;
    ngx_kafka_ws_topic_t  *topic;
    ngx_kafka_ws_alive_t   alive;

    root = c->cluster->root;
    asks = ngx_kafka_ws_load_acquire(&root->asks);

    if (asks == c->asks) {
        return;
    }

    ngx_kafka_ws_store_relaxed(&c->asks, asks);

    if (c->cluster->idle == 0 || !ngx_kafka_ws_load_relaxed(&c->reached)
        || !ngx_kafka_ws_load_acquire(&c->planned))
    {
        return;
    }

    plan = calloc(1, sizeof(ngx_kafka_ws_plan_t));
    if (plan == NULL) {
        return;
    }

    plan->part = 1;
    places = 0;

    for (i = 0; i < NGX_KAFKA_WS_CHUNKS / 64; i++) {
        asked[i] = ngx_kafka_ws_exchange(&root->asked[i], 0);
    }

    /* behind that: whoever has asked is among them */
    ngx_kafka_ws_interest_alive(root, &alive);

    for (i = 0; i < NGX_KAFKA_WS_CHUNKS / 64; i++) {
        n = i * 64 * NGX_KAFKA_WS_TOPICS_CHUNK;

        for (bits = asked[i]; bits; bits >>= 1) {

            for (k = 0; k < NGX_KAFKA_WS_TOPICS_CHUNK; k++, n++) {

                if (!(bits & 1)) {
                    continue;
                }

                topic = ngx_kafka_ws_shm_topic(root, n);

                if (topic && topic->nrings == 0
                    && ngx_kafka_ws_interest_any(topic, &alive)
                    && ngx_kafka_ws_topics_wanted(plan, topic, &places)
                       != NGX_OK)
                {
                    /* no memory: the next list of topics has it */
                    c->lacking = 1;
                }
            }
        }
    }

    if (plan->ntopics == 0) {
        ngx_kafka_ws_plan_free(plan);
        return;
    }

    ngx_kafka_ws_topics_positions(c, query, plan);

    ngx_kafka_ws_topics_deliver(c, plan);
}


static ngx_int_t
ngx_kafka_ws_topics_wanted(ngx_kafka_ws_plan_t *plan,
    ngx_kafka_ws_topic_t *topic, ngx_uint_t *places)
{
    ngx_uint_t                  n;
    ngx_kafka_ws_plan_topic_t  *pt;

    if (plan->ntopics == *places) {
        n = *places ? *places * 2 : 16;

        pt = realloc(plan->topics, n * sizeof(ngx_kafka_ws_plan_topic_t));
        if (pt == NULL) {
            return NGX_ERROR;
        }

        plan->topics = pt;
        *places = n;
    }

    pt = &plan->topics[plan->ntopics];

    ngx_memzero(pt, sizeof(ngx_kafka_ws_plan_topic_t));

    pt->name.data = (u_char *) strdup((char *) topic->name);
    if (pt->name.data == NULL) {
        return NGX_ERROR;
    }

    pt->name.len = topic->len;
    pt->npartitions = topic->npartitions;
    pt->allowed = 1;

    plan->ntopics++;

    return NGX_OK;
}
