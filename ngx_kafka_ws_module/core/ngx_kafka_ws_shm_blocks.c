
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Blocks of a zone.  Which of its pages are in use is written nowhere in it:
 * they are those that the directory names.  A writer draws its own map of
 * them when it becomes the writer, and keeps it in its own memory.  So there
 * is no instruction at which its death could leave lists torn or pages lost,
 * as it could in nginx's slab pool, which gives all it has as one block when
 * the zone is made.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <pthread.h>

#include "ngx_kafka_ws_shm.h"


typedef enum {
    NGX_KAFKA_WS_PAGE_FREE = 0,
    NGX_KAFKA_WS_PAGE_FIRST,         /* of a block */
    NGX_KAFKA_WS_PAGE_NEXT
} ngx_kafka_ws_page_e;


/* one for a writer; the mutex is for its threads */

struct ngx_kafka_ws_blocks_s {
    pthread_mutex_t           mutex;
    size_t                    npages;
    u_char                    page[];      /* ngx_kafka_ws_page_e */
};


static void ngx_kafka_ws_shm_mark(ngx_kafka_ws_cluster_t *kwc,
    uint64_t block, size_t size);
static void ngx_kafka_ws_shm_use(ngx_kafka_ws_cluster_t *kwc, size_t first,
    size_t n);


#define ngx_kafka_ws_shm_npages(size)                                         \
    (((size) + ngx_pagesize - 1) / ngx_pagesize)


ngx_int_t
ngx_kafka_ws_shm_init_blocks(ngx_kafka_ws_root_t *root,
    ngx_slab_pool_t *shpool)
{
    u_char  *p;
    size_t   n;

    /* the root was the first to get any: the rest is in one piece */

    n = shpool->pfree;

    if (n == 0) {
        return NGX_ERROR;
    }

    p = ngx_slab_alloc(shpool, n * ngx_pagesize);
    if (p == NULL) {
        return NGX_ERROR;
    }

    root->blocks = (uint64_t) (p - (u_char *) root);
    root->npages = n;
    root->nfree = n;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_shm_open_blocks(ngx_kafka_ws_cluster_t *kwc)
{
    uint32_t                 i;
    ngx_kafka_ws_root_t     *root;
    ngx_kafka_ws_blocks_t   *blocks;
    ngx_kafka_ws_stream_t   *stream;
    ngx_kafka_ws_segment_t  *seg;

    root = kwc->root;

    blocks = calloc(1, sizeof(ngx_kafka_ws_blocks_t) + root->npages);
    if (blocks == NULL) {
        return NGX_ERROR;
    }

    (void) pthread_mutex_init(&blocks->mutex, NULL);
    blocks->npages = root->npages;

    /* never freed: the process ends before it stops to be the writer */

    kwc->blocks = blocks;
    ngx_kafka_ws_store_relaxed(&root->nfree, root->npages);

    for (i = 0;
         i < NGX_KAFKA_WS_CHUNKS && (root->topics[i] || root->streams[i]);
         i++)
    {
        ngx_kafka_ws_shm_mark(kwc, root->topics[i],
                              NGX_KAFKA_WS_TOPICS_CHUNK
                              * sizeof(ngx_kafka_ws_topic_t));
        ngx_kafka_ws_shm_mark(kwc, root->streams[i],
                              NGX_KAFKA_WS_STREAMS_CHUNK
                              * sizeof(ngx_kafka_ws_stream_t));
    }

    for (i = 0; i < root->nstreams; i++) {
        stream = ngx_kafka_ws_shm_stream(root, i);
        ngx_kafka_ws_shm_mark(kwc, stream->ring, stream->ring_bytes);
    }

    for (i = 0; i < NGX_KAFKA_WS_SEGMENTS; i++) {
        seg = &root->segment[i];

        /* one that a writer died over is no more: see segment_adopt() */

        if (!(seg->gen & 1)) {
            ngx_kafka_ws_shm_mark(kwc, seg->ring, seg->ring_bytes);
        }
    }

    return NGX_OK;
}


/* block: 0, if there is none; size: 0, if a writer died before it said so */

static void
ngx_kafka_ws_shm_mark(ngx_kafka_ws_cluster_t *kwc, uint64_t block, size_t size)
{
    size_t                first, n;
    ngx_kafka_ws_root_t  *root;

    root = kwc->root;

    first = (block - root->blocks) / ngx_pagesize;
    n = ngx_kafka_ws_shm_npages(size);

    if (block < root->blocks || n == 0 || first >= kwc->blocks->npages
        || n > kwc->blocks->npages - first)
    {
        return;
    }

    ngx_kafka_ws_shm_use(kwc, first, n);
}


static void
ngx_kafka_ws_shm_use(ngx_kafka_ws_cluster_t *kwc, size_t first, size_t n)
{
    ngx_memset(&kwc->blocks->page[first], NGX_KAFKA_WS_PAGE_NEXT, n);
    kwc->blocks->page[first] = NGX_KAFKA_WS_PAGE_FIRST;

    ngx_kafka_ws_store_relaxed(&kwc->root->nfree, kwc->root->nfree - n);
}


uint64_t
ngx_kafka_ws_shm_alloc(ngx_kafka_ws_cluster_t *kwc, size_t size)
{
    size_t                  i, n, run;
    uint64_t                block;
    ngx_kafka_ws_blocks_t  *blocks;

    blocks = kwc->blocks;
    n = ngx_kafka_ws_shm_npages(size);
    run = 0;
    block = 0;

    (void) pthread_mutex_lock(&blocks->mutex);

    for (i = 0; i < blocks->npages; i++) {

        if (blocks->page[i] != NGX_KAFKA_WS_PAGE_FREE) {
            run = 0;
            continue;
        }

        if (++run == n) {
            i -= n - 1;
            block = kwc->root->blocks + i * ngx_pagesize;
            ngx_kafka_ws_shm_use(kwc, i, n);
            break;
        }
    }

    (void) pthread_mutex_unlock(&blocks->mutex);

    return block;
}


void
ngx_kafka_ws_shm_free(ngx_kafka_ws_cluster_t *kwc, uint64_t block)
{
    size_t                  i, n;
    ngx_kafka_ws_blocks_t  *blocks;

    blocks = kwc->blocks;
    i = (block - kwc->root->blocks) / ngx_pagesize;

    if (block < kwc->root->blocks || i >= blocks->npages) {
        return;
    }

    (void) pthread_mutex_lock(&blocks->mutex);

    if (blocks->page[i] == NGX_KAFKA_WS_PAGE_FIRST) {
        n = 0;

        do {
            blocks->page[i + n++] = NGX_KAFKA_WS_PAGE_FREE;
        } while (i + n < blocks->npages
                 && blocks->page[i + n] == NGX_KAFKA_WS_PAGE_NEXT);

        ngx_kafka_ws_store_relaxed(&kwc->root->nfree, kwc->root->nfree + n);
    }

    (void) pthread_mutex_unlock(&blocks->mutex);
}


void
ngx_kafka_ws_shm_count_room(ngx_kafka_ws_cluster_t *kwc)
{
    size_t                  i, n, run;
    uint64_t                room;
    ngx_kafka_ws_blocks_t  *blocks;

    blocks = kwc->blocks;
    n = ngx_kafka_ws_shm_npages(ngx_kafka_ws_shm_ring_bytes(kwc));
    run = 0;
    room = 0;

    (void) pthread_mutex_lock(&blocks->mutex);

    for (i = 0; i < blocks->npages; i++) {

        if (blocks->page[i] != NGX_KAFKA_WS_PAGE_FREE) {
            run = 0;

        } else if (++run == n) {
            run = 0;
            room++;
        }
    }

    (void) pthread_mutex_unlock(&blocks->mutex);

    ngx_kafka_ws_store_release(&kwc->root->room, room);
}
