
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What only the writer does to a zone: the directory grows, rings are made
 * and freed.  See the essay in ngx_kafka_ws_shm.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_shm.h"


static void *ngx_kafka_ws_shm_add(ngx_kafka_ws_cluster_t *kwc,
    uint64_t *chunks, uint32_t n, uint32_t per_chunk, size_t size);


void
ngx_kafka_ws_shm_reset(ngx_kafka_ws_cluster_t *kwc)
{
    uint32_t              i;
    ngx_kafka_ws_root_t  *root;

    root = kwc->root;

    /* no topic is known until Kafka was asked: workers answer 503 */
    ngx_kafka_ws_store_release(&root->allowed, 0);

    for (i = 0; i < root->ntopics; i++) {
        ngx_kafka_ws_store_relaxed(&ngx_kafka_ws_shm_topic(root, i)->nrings,
                                   0);
    }

    for (i = 0; i < root->nstreams; i++) {
        ngx_kafka_ws_shm_free_ring(kwc, ngx_kafka_ws_shm_stream(root, i));
    }
}


ngx_kafka_ws_topic_t *
ngx_kafka_ws_shm_add_topic(ngx_kafka_ws_cluster_t *kwc, ngx_str_t *name)
{
    uint32_t               n, hash;
    ngx_kafka_ws_root_t   *root;
    ngx_kafka_ws_topic_t  *topic;

    root = kwc->root;
    n = root->ntopics;

    topic = ngx_kafka_ws_shm_add(kwc, root->topics, n,
                                 NGX_KAFKA_WS_TOPICS_CHUNK,
                                 sizeof(ngx_kafka_ws_topic_t));
    if (topic == NULL) {
        return NULL;
    }

    ngx_memzero(topic, sizeof(ngx_kafka_ws_topic_t));
    ngx_memcpy(topic->name, name->data, name->len);

    /* not to be had until all of its partitions are there */
    topic->state = NGX_KAFKA_WS_TOPIC_GONE;

    topic->len = (uint32_t) name->len;
    topic->number = n;
    topic->first = NGX_KAFKA_WS_NONE;
    topic->last = NGX_KAFKA_WS_NONE;

    hash = ngx_crc32_short(name->data, name->len) % NGX_KAFKA_WS_BUCKETS;
    topic->next = root->bucket[hash];

    ngx_kafka_ws_store_release(&root->ntopics, n + 1);
    ngx_kafka_ws_store_release(&root->bucket[hash], n + 1);

    return topic;
}


ngx_kafka_ws_stream_t *
ngx_kafka_ws_shm_add_stream(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_topic_t *topic)
{
    uint32_t                n;
    ngx_kafka_ws_root_t    *root;
    ngx_kafka_ws_stream_t  *stream;

    root = kwc->root;
    n = root->nstreams;

    stream = ngx_kafka_ws_shm_add(kwc, root->streams, n,
                                  NGX_KAFKA_WS_STREAMS_CHUNK,
                                  sizeof(ngx_kafka_ws_stream_t));
    if (stream == NULL) {
        return NULL;
    }

    ngx_memzero(stream, sizeof(ngx_kafka_ws_stream_t));

    stream->topic = topic->number;
    stream->partition = (int32_t) topic->npartitions;
    stream->next = NGX_KAFKA_WS_NONE;
    stream->log_start = -1;
    stream->log_end = -1;

    ngx_kafka_ws_store_release(&root->nstreams, n + 1);

    if (topic->last == NGX_KAFKA_WS_NONE) {
        ngx_kafka_ws_store_release(&topic->first, n);

    } else {
        ngx_kafka_ws_store_release(
            &ngx_kafka_ws_shm_stream(root, topic->last)->next, n);
    }

    topic->last = n;
    ngx_kafka_ws_store_release(&topic->npartitions, topic->npartitions + 1);

    return stream;
}


ngx_int_t
ngx_kafka_ws_shm_make_ring(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_stream_t *stream, int64_t base)
{
    size_t     bytes;
    uint64_t   ring;

    bytes = ngx_kafka_ws_shm_ring_bytes(kwc);

    if (!(stream->gen & 1) && stream->ring && stream->ring_bytes == bytes) {
        /* what was freed might be gone when it is wanted */
        ring = stream->ring;

    } else {
        ngx_kafka_ws_shm_free_ring(kwc, stream);

        ring = ngx_kafka_ws_shm_alloc(kwc, bytes);
        if (ring == 0) {
            return NGX_ERROR;
        }
    }

    ngx_kafka_ws_store_relaxed(&stream->gen, stream->gen + 1);
    ngx_kafka_ws_fence_release();

    ngx_kafka_ws_shm_init_ring(kwc, ring, base);

    stream->ring = ring;
    stream->ring_bytes = bytes;
    ngx_kafka_ws_store_relaxed(&stream->complete, -1);
    ngx_kafka_ws_store_relaxed(&stream->state, NGX_KAFKA_WS_STREAM_LOADING);

    ngx_kafka_ws_store_release(&stream->gen, stream->gen + 1);

    return NGX_OK;
}


void
ngx_kafka_ws_shm_free_ring(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_stream_t *stream)
{
    uint64_t  ring;

    if (stream->ring == 0 && !(stream->gen & 1)) {
        return;
    }

    ring = stream->ring;

    if (!(stream->gen & 1)) {
        /* odd: a writer died while it changed this one, and its ring, if
           any, may be torn; no reader must see it */
        ngx_kafka_ws_store_relaxed(&stream->gen, stream->gen + 1);
        ngx_kafka_ws_fence_release();
    }

    stream->ring = 0;
    stream->ring_bytes = 0;

    ngx_kafka_ws_store_release(&stream->gen, stream->gen + 1);

    /* readers that still look at it find another generation afterwards */

    if (ring) {
        ngx_kafka_ws_shm_free(kwc, ring);
    }
}


void
ngx_kafka_ws_shm_init_ring(ngx_kafka_ws_cluster_t *kwc, uint64_t block,
    int64_t base)
{
    ngx_kafka_ws_ring_init((u_char *) kwc->root + block, kwc->ring,
                           ngx_kafka_ws_ring_entries(kwc->ring),
                           ngx_max(kwc->nrenderings, 1), base);
}


/*
 * The place of entry n, in a new chunk if it is the first of one.
 */

static void *
ngx_kafka_ws_shm_add(ngx_kafka_ws_cluster_t *kwc, uint64_t *chunks,
    uint32_t n, uint32_t per_chunk, size_t size)
{
    uint32_t  c;

    c = n / per_chunk;

    if (c == NGX_KAFKA_WS_CHUNKS) {
        return NULL;
    }

    if (chunks[c] == 0) {
        chunks[c] = ngx_kafka_ws_shm_alloc(kwc, per_chunk * size);

        if (chunks[c] == 0) {
            return NULL;
        }
    }

    return (u_char *) kwc->root + chunks[c] + (n % per_chunk) * size;
}
