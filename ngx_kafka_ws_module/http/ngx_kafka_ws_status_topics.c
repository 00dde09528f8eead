
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The status page's part on topics, their partitions and rings.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_shm.h"
#include "ngx_kafka_ws_status.h"


#define NGX_KAFKA_WS_STATUS_TRIES  3    /* at a ring that moves */


static void ngx_kafka_ws_status_topic(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_cluster_t *kwc, ngx_kafka_ws_topic_t *topic);
static void ngx_kafka_ws_status_stream(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root, ngx_kafka_ws_stream_t *stream);
static ngx_int_t ngx_kafka_ws_status_ring(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_stream_t *stream, int64_t *oldest, int64_t *next);
static void ngx_kafka_ws_status_offset(ngx_kafka_ws_json_doc_t *doc,
    const char *name, int64_t offset);


void
ngx_kafka_ws_status_rings(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root)
{
    uint32_t               n;
    uint64_t               made;
    ngx_kafka_ws_topic_t  *topic;

    made = 0;

    for (n = 0; /* void */ ; n++) {
        topic = ngx_kafka_ws_shm_topic(root, n);
        if (topic == NULL) {
            break;
        }

        made += (ngx_kafka_ws_load_relaxed(&topic->nrings) != 0);
    }

    ngx_kafka_ws_json_doc_object(doc, "rings");
    ngx_kafka_ws_json_doc_uint(doc, "known", n);
    ngx_kafka_ws_json_doc_uint(doc, "made", made);
    ngx_kafka_ws_json_doc_uint(doc, "given_back",
                               ngx_kafka_ws_load_relaxed(&root->given_back));
    ngx_kafka_ws_json_doc_uint(doc, "evicted",
                               ngx_kafka_ws_load_relaxed(&root->evicted));
    ngx_kafka_ws_json_doc_end(doc);
}


void
ngx_kafka_ws_status_topics(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_cluster_t *kwc)
{
    uint32_t               n;
    ngx_kafka_ws_topic_t  *topic;

    ngx_kafka_ws_json_doc_array(doc, "topics");

    for (n = 0; /* void */ ; n++) {
        topic = ngx_kafka_ws_shm_topic(kwc->root, n);
        if (topic == NULL) {
            break;
        }

        ngx_kafka_ws_status_topic(doc, kwc, topic);
    }

    ngx_kafka_ws_json_doc_end(doc);
}


static void
ngx_kafka_ws_status_topic(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_cluster_t *kwc, ngx_kafka_ws_topic_t *topic)
{
    uint32_t                i, n, next, state;
    ngx_kafka_ws_stream_t  *stream;

    static const char  *states[] = { "ok", "gone", "no_memory", "idle" };

    state = ngx_kafka_ws_load_relaxed(&topic->state);
    n = ngx_kafka_ws_load_acquire(&topic->npartitions);

    if (kwc->idle && state == NGX_KAFKA_WS_TOPIC_OK
        && ngx_kafka_ws_load_relaxed(&topic->nrings) == 0)
    {
        /* thousands of these say nothing else */
        state = 3;
        n = 0;
    }

    ngx_kafka_ws_json_doc_object(doc, NULL);
    ngx_kafka_ws_json_doc_string(doc, "topic", topic->name, topic->len);
    ngx_kafka_ws_json_doc_cstring(doc, "state", states[ngx_min(state, 3)]);
    ngx_kafka_ws_json_doc_array(doc, "partitions");

    next = ngx_kafka_ws_load_relaxed(&topic->first);

    for (i = 0; i < n; i++) {
        stream = ngx_kafka_ws_shm_stream(kwc->root, next);
        if (stream == NULL) {
            break;
        }

        ngx_kafka_ws_status_stream(doc, kwc->root, stream);

        next = ngx_kafka_ws_load_relaxed(&stream->next);
    }

    ngx_kafka_ws_json_doc_end(doc);
    ngx_kafka_ws_json_doc_end(doc);
}


static void
ngx_kafka_ws_status_stream(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root, ngx_kafka_ws_stream_t *stream)
{
    int64_t   oldest, next;
    uint32_t  state;

    state = ngx_kafka_ws_load_relaxed(&stream->state);

    if (ngx_kafka_ws_status_ring(root, stream, &oldest, &next) != NGX_OK) {
        oldest = -1;
        next = -1;
    }

    ngx_kafka_ws_json_doc_object(doc, NULL);
    ngx_kafka_ws_json_doc_int(doc, "partition", stream->partition);
    ngx_kafka_ws_json_doc_cstring(doc, "state",
                                  state == NGX_KAFKA_WS_STREAM_READY
                                  ? "ready" : "loading");
    ngx_kafka_ws_status_offset(doc, "oldest", oldest);
    ngx_kafka_ws_status_offset(doc, "next", next);
    ngx_kafka_ws_status_offset(doc, "log_start",
                               ngx_kafka_ws_load_relaxed(&stream->log_start));
    ngx_kafka_ws_status_offset(doc, "log_end",
                               ngx_kafka_ws_load_relaxed(&stream->log_end));
    ngx_kafka_ws_json_doc_uint(doc, "records",
                               ngx_kafka_ws_load_relaxed(&stream->records));
    ngx_kafka_ws_json_doc_uint(doc, "bytes",
                               ngx_kafka_ws_load_relaxed(&stream->bytes));
    ngx_kafka_ws_json_doc_uint(doc, "too_large",
                               ngx_kafka_ws_load_relaxed(&stream->too_large));
    ngx_kafka_ws_json_doc_uint(doc, "lost",
                               ngx_kafka_ws_load_relaxed(&stream->lost));
    ngx_kafka_ws_json_doc_end(doc);
}


/*
 * oldest, next:  the first offset that the ring holds, and the one to come
 * returns:       NGX_AGAIN: it has none, or it is overrun at each try
 */

static ngx_int_t
ngx_kafka_ws_status_ring(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_stream_t *stream, int64_t *oldest, int64_t *next)
{
    uint64_t             head, tail;
    ngx_uint_t           i;
    ngx_kafka_ws_view_t  view;

    for (i = 0; i < NGX_KAFKA_WS_STATUS_TRIES; i++) {

        if (ngx_kafka_ws_shm_view(root, stream, &view) != NGX_OK) {
            return NGX_AGAIN;
        }

        tail = ngx_kafka_ws_ring_tail(&view.ring);
        head = ngx_kafka_ws_ring_head(&view.ring);

        if (ngx_kafka_ws_ring_offset(&view.ring, tail, oldest)
            == NGX_KAFKA_WS_RING_OK
            && ngx_kafka_ws_ring_offset(&view.ring, head, next)
               == NGX_KAFKA_WS_RING_OK
            && ngx_kafka_ws_shm_valid(&view))
        {
            return NGX_OK;
        }
    }

    return NGX_AGAIN;
}


static void
ngx_kafka_ws_status_offset(ngx_kafka_ws_json_doc_t *doc, const char *name,
    int64_t offset)
{
    if (offset < 0) {
        ngx_kafka_ws_json_doc_null(doc, name);
        return;
    }

    ngx_kafka_ws_json_doc_int(doc, name, offset);
}
