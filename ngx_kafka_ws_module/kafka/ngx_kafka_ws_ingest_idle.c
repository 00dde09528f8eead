
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * "ring ... idle=": rings of topics that nobody wants are given back, after a
 * while, or at once for another topic that somebody wants and that there is no
 * room for.  What is said between this thread and those who come is in
 * ngx_kafka_ws_interest.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_ingest.h"
#include "ngx_kafka_ws_interest.h"


/* a topic that may go */

struct ngx_kafka_ws_ingest_spare_s {
    uint64_t                used;
    ngx_kafka_ws_topic_t   *topic;
};


static void ngx_kafka_ws_ingest_collect(ngx_kafka_ws_ingest_t *ing);
static int ngx_kafka_ws_ingest_older(const void *one, const void *two);
static ngx_int_t ngx_kafka_ws_ingest_give_back(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic);


void
ngx_kafka_ws_ingest_idle_begin(ngx_kafka_ws_ingest_t *ing)
{
    if (ing->cluster->idle == 0) {
        return;
    }

    ngx_kafka_ws_interest_alive(ing->root, &ing->alive);
}


void
ngx_kafka_ws_ingest_idle_end(ngx_kafka_ws_ingest_t *ing)
{
    if (ing->cluster->idle == 0) {
        return;
    }

    free(ing->spare);

    ing->spare = NULL;
    ing->nspare = 0;
    ing->spared = 0;

    ngx_kafka_ws_shm_count_room(ing->cluster);
}


void
ngx_kafka_ws_ingest_idle(ngx_kafka_ws_ingest_t *ing, uint64_t now)
{
    uint32_t               n;
    ngx_uint_t             given;
    ngx_kafka_ws_topic_t  *topic;

    /* as long as no broker is there, no ring could be made again */

    if (ing->cluster->idle == 0 || !ing->planned
        || ing->root->broker != NGX_KAFKA_WS_BROKER_UP)
    {
        return;
    }

    ngx_kafka_ws_interest_alive(ing->root, &ing->alive);

    given = 0;

    for (n = 0; n < ing->root->ntopics; n++) {
        topic = ngx_kafka_ws_shm_topic(ing->root, n);

        if (topic->nrings == 0) {
            continue;
        }

        if (topic->used == 0 || ngx_kafka_ws_interest_any(topic, &ing->alive))
        {
            ngx_kafka_ws_store_relaxed(&topic->used, now);
            continue;
        }

        if (ngx_kafka_ws_load_relaxed(&topic->used) + ing->cluster->idle <= now
            && ngx_kafka_ws_ingest_give_back(ing, topic) == NGX_OK)
        {
            ngx_kafka_ws_count(&ing->root->given_back, 1);
            given = 1;
        }
    }

    if (given) {
        ngx_kafka_ws_shm_count_room(ing->cluster);
    }
}


ngx_int_t
ngx_kafka_ws_ingest_evict(ngx_kafka_ws_ingest_t *ing)
{
    ngx_kafka_ws_topic_t  *topic;

    if (ing->cluster->idle == 0) {
        return NGX_DECLINED;
    }

    if (ing->spare == NULL) {
        ngx_kafka_ws_ingest_collect(ing);

        if (ing->spare == NULL) {
            return NGX_DECLINED;
        }
    }

    while (ing->spared < ing->nspare) {
        topic = ing->spare[ing->spared++].topic;

        if (topic->nrings
            && ngx_kafka_ws_ingest_give_back(ing, topic) == NGX_OK)
        {
            ngx_kafka_ws_count(&ing->root->evicted, 1);
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* once for a plan: whoever was without subscribers for the longest first */

static void
ngx_kafka_ws_ingest_collect(ngx_kafka_ws_ingest_t *ing)
{
    uint32_t                      n;
    ngx_kafka_ws_topic_t         *topic;
    ngx_kafka_ws_ingest_spare_t  *spare;

    spare = malloc((ing->root->ntopics + 1)
                   * sizeof(ngx_kafka_ws_ingest_spare_t));
    if (spare == NULL) {
        /* the next plan tries again */
        return;
    }

    ing->spare = spare;

    for (n = 0; n < ing->root->ntopics; n++) {
        topic = ngx_kafka_ws_shm_topic(ing->root, n);

        if (topic->nrings && !ngx_kafka_ws_interest_any(topic, &ing->alive)) {
            spare->topic = topic;
            spare->used = ngx_kafka_ws_load_relaxed(&topic->used);
            spare++;
        }
    }

    ing->nspare = spare - ing->spare;

    ngx_qsort(ing->spare, ing->nspare, sizeof(ngx_kafka_ws_ingest_spare_t),
              ngx_kafka_ws_ingest_older);
}


static int
ngx_kafka_ws_ingest_older(const void *one, const void *two)
{
    const ngx_kafka_ws_ingest_spare_t  *a = one, *b = two;

    return (a->used < b->used) ? -1 : (a->used > b->used);
}


static ngx_int_t
ngx_kafka_ws_ingest_give_back(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic)
{
    if (ngx_kafka_ws_interest_close(topic) != NGX_OK) {
        /* who came just now may have seen no rings: it is to look again */
        ing->news = 1;
        return NGX_AGAIN;
    }

    ngx_kafka_ws_ingest_drop(ing, topic, topic->state, 1);

    return NGX_OK;
}
