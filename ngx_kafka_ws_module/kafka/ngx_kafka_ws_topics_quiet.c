
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Partitions of which nothing comes: where their logs end, asked beside the
 * fetching.  What that means is in ngx_kafka_ws_ingest_quiet.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_consumer.h"


#define NGX_KAFKA_WS_TOPICS_QUIET  500    /* ms for an answer */


static ngx_uint_t ngx_kafka_ws_topics_sound(ngx_kafka_ws_plan_t *plan,
    ngx_str_t *name, int32_t partition);


void
ngx_kafka_ws_topics_quiet(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan)
{
    uint32_t                       quiet[NGX_KAFKA_WS_QUIET];
    ngx_str_t                     *names;
    ngx_uint_t                     i, n, asked;
    ngx_kafka_ws_root_t           *root;
    ngx_kafka_ws_topic_t          *topic;
    ngx_kafka_ws_stream_t         *stream;
    ngx_kafka_ws_kafka_offsets_t  *o;

    root = c->cluster->root;

    (void) pthread_mutex_lock(&c->mutex);
    n = c->nquiet;
    ngx_memcpy(quiet, c->quiet, n * sizeof(uint32_t));
    c->nquiet = 0;
    (void) pthread_mutex_unlock(&c->mutex);

    if (n == 0) {
        return;
    }

    /* without memory: they will be quiet still */

    plan->quiet = calloc(n, sizeof(ngx_kafka_ws_plan_quiet_t));
    if (plan->quiet == NULL) {
        return;
    }

    o = calloc(n, sizeof(ngx_kafka_ws_kafka_offsets_t));
    if (o == NULL) {
        return;
    }

    names = calloc(n, sizeof(ngx_str_t));
    if (names == NULL) {
        free(o);
        return;
    }

    asked = 0;

    for (i = 0; i < n; i++) {
        stream = ngx_kafka_ws_shm_stream(root, quiet[i]);
        topic = ngx_kafka_ws_shm_topic(root, stream->topic);

        names[asked].data = topic->name;
        names[asked].len = topic->len;

        if (!ngx_kafka_ws_topics_sound(plan, &names[asked],
                                       stream->partition))
        {
            continue;
        }

        plan->quiet[asked].stream = quiet[i];
        o[asked].topic = &names[asked];
        o[asked].partition = stream->partition;
        asked++;
    }

    if (asked) {
        ngx_kafka_ws_kafka_ends(query, o, asked, NGX_KAFKA_WS_TOPICS_QUIET);
    }

    for (i = 0; i < asked; i++) {
        plan->quiet[i].end = o[i].log_end;
    }

    plan->nquiet = asked;

    free(names);
    free(o);
}


/* what Kafka has an error for, or does not have, is said elsewhere */

static ngx_uint_t
ngx_kafka_ws_topics_sound(ngx_kafka_ws_plan_t *plan, ngx_str_t *name,
    int32_t partition)
{
    ngx_kafka_ws_plan_topic_t  key, *topic;

    ngx_memzero(&key, sizeof(ngx_kafka_ws_plan_topic_t));

    key.name = *name;

    topic = bsearch(&key, plan->topics, plan->ntopics,
                    sizeof(ngx_kafka_ws_plan_topic_t),
                    ngx_kafka_ws_plan_compare);

    return topic && topic->allowed && topic->error == NULL
           && (uint32_t) partition < topic->npartitions;
}
