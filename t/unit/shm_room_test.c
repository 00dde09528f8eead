
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The zone has no room, at each allocation in turn, once or twice: what was
 * asked for is not there, not by halves, what is there stays, and the next
 * attempt succeeds.  A writer that begins then finds the same pages in use.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_segment.h"
#include "ngx_kafka_ws_shm.h"

#include "tap.h"


#define ZONE      (32 * 1024 * 1024)
#define RING      65536
#define TOPICS    (NGX_KAFKA_WS_TOPICS_CHUNK + 1)
#define STREAMS   (TOPICS * 2)     /* more than a chunk of them */
#define SEGMENTS  3
#define BASE      5                /* offset */

/* chunks of topics and streams, rings, rings of another size, segments */
#define ALLOCS    (2 + 2 + STREAMS + STREAMS + SEGMENTS)

#define check(cond)  check_that((cond) ? 1 : 0, #cond, __LINE__)


uint64_t __real_ngx_kafka_ws_shm_alloc(ngx_kafka_ws_cluster_t *kwc,
    size_t size);
uint64_t __wrap_ngx_kafka_ws_shm_alloc(ngx_kafka_ws_cluster_t *kwc,
    size_t size);


ngx_uint_t                     ngx_pagesize = 4096;
ngx_pid_t                      ngx_pid = 1;
ngx_int_t                      ngx_process_slot;

static uint32_t                crc32_table[16] = { 1, 5, 9, 2, 8, 3 };
uint32_t                      *ngx_crc32_table_short = crc32_table;

static ngx_kafka_ws_cluster_t  cluster;
static ngx_kafka_ws_root_t    *root;
static unsigned                calls, fail_from, fail_to, failures, wrong;


/* what the files of core/ need of nginx, and is not called here */

void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}


void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    return NULL;
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    return NULL;
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    return dst;
}


ngx_uint_t
ngx_kafka_ws_cluster_literals(ngx_kafka_ws_cluster_t *kwc)
{
    return 0;
}


uint64_t
__wrap_ngx_kafka_ws_shm_alloc(ngx_kafka_ws_cluster_t *kwc, size_t size)
{
    calls++;

    if (calls >= fail_from && calls <= fail_to) {
        failures++;
        return 0;
    }

    return __real_ngx_kafka_ws_shm_alloc(kwc, size);
}


static void
check_that(int good, const char *what, int line)
{
    if (!good && wrong++ == 0) {
        printf("# call %u, line %d: %s\n", calls, line, what);
    }
}


static int
zone_new(void *memory)
{
    size_t  first;

    memset(memory, 0xa5, ZONE);

    root = memory;
    ngx_memzero(root, sizeof(ngx_kafka_ws_root_t));

    first = (sizeof(ngx_kafka_ws_root_t) + ngx_pagesize - 1) / ngx_pagesize;

    root->size = ZONE;
    root->blocks = first * ngx_pagesize;
    root->npages = ZONE / ngx_pagesize - first;

    ngx_memzero(&cluster, sizeof(ngx_kafka_ws_cluster_t));

    cluster.root = root;
    cluster.ring = RING;
    cluster.nrenderings = 1;

    return ngx_kafka_ws_shm_open_blocks(&cluster) == NGX_OK;
}


static ngx_kafka_ws_topic_t *
topic_new(uint32_t n)
{
    u_char                 text[16];
    uint64_t               nfree;
    unsigned               tries;
    ngx_str_t              name;
    ngx_kafka_ws_topic_t  *topic;

    name.data = text;
    name.len = (size_t) snprintf((char *) text, sizeof(text), "topic%u", n);

    for (tries = 0; tries < 3; tries++) {
        nfree = root->nfree;
        topic = ngx_kafka_ws_shm_add_topic(&cluster, &name);

        if (topic) {
            check(ngx_kafka_ws_shm_find(root, &name) == topic);
            return topic;
        }

        check(root->ntopics == n && root->nfree == nfree);
        check(ngx_kafka_ws_shm_find(root, &name) == NULL);
    }

    return NULL;
}


static ngx_kafka_ws_stream_t *
stream_new(ngx_kafka_ws_topic_t *topic)
{
    uint32_t                n, partitions;
    uint64_t                nfree;
    unsigned                tries;
    ngx_kafka_ws_stream_t  *stream;

    n = root->nstreams;
    partitions = topic->npartitions;

    for (tries = 0; tries < 3; tries++) {
        nfree = root->nfree;
        stream = ngx_kafka_ws_shm_add_stream(&cluster, topic);

        if (stream) {
            check(ngx_kafka_ws_shm_stream(root, n) == stream);
            return stream;
        }

        check(root->nstreams == n && root->nfree == nfree);
        check(topic->npartitions == partitions);
    }

    return NULL;
}


static void
ring_new(ngx_kafka_ws_stream_t *stream)
{
    unsigned             tries;
    ngx_kafka_ws_view_t  view;

    for (tries = 0; tries < 3; tries++) {

        if (ngx_kafka_ws_shm_make_ring(&cluster, stream, BASE) == NGX_OK) {
            check(ngx_kafka_ws_shm_view(root, stream, &view) == NGX_OK
                  && ngx_kafka_ws_ring_next_offset(&view.ring) == BASE);
            return;
        }

        check(ngx_kafka_ws_shm_view(root, stream, &view) == NGX_AGAIN);
        check(stream->ring == 0 && !(stream->gen & 1));
    }

    check(!"a ring in the end");
}


/* the one before is full and was read long ago: it may give way */

static void
segment_new(int64_t from)
{
    int64_t                       start;
    unsigned                      tries;
    ngx_uint_t                    n, busy;
    ngx_kafka_ws_ring_t           ring;
    ngx_kafka_ws_segment_t       *seg;
    ngx_kafka_ws_segment_view_t   view;

    for (tries = 0; tries < 3; tries++) {
        n = ngx_kafka_ws_segment_count(root);
        seg = ngx_kafka_ws_segment_make(&cluster, 0, 2, from, from, &ring,
                                        &busy);

        if (seg) {
            check(ngx_kafka_ws_segment_find(root, 0, 2, from, &view, &start)
                  == NGX_OK && start == from && view.segment == seg);

            ngx_kafka_ws_segment_filled(seg, from + 1, 1);
            seg->made = 1;
            seg->used = 1;
            return;
        }

        check(ngx_kafka_ws_segment_count(root) <= n);
        check(ngx_kafka_ws_segment_find(root, 0, 2, from, &view, &start)
              == NGX_DECLINED);
    }

    check(!"a segment in the end");
}


/* one writer's life, then the next one's beginning */

static void
life(void)
{
    uint32_t                t, i;
    uint64_t                nfree;
    ngx_kafka_ws_topic_t   *topic;
    ngx_kafka_ws_stream_t  *stream;

    for (t = 0; t < TOPICS; t++) {
        topic = topic_new(t);

        for (i = 0; topic && i < 2; i++) {
            stream = stream_new(topic);

            if (stream) {
                ring_new(stream);
            }
        }
    }

    check(root->ntopics == TOPICS && root->nstreams == STREAMS);

    cluster.ring = 2 * RING;

    for (i = 0; i < root->nstreams; i++) {
        ring_new(ngx_kafka_ws_shm_stream(root, i));
    }

    for (i = 0; i < SEGMENTS; i++) {
        segment_new(100 * (i + 1));
    }

    for (i = 0; i < NGX_KAFKA_WS_SEGMENTS; i++) {
        check(!(root->segment[i].gen & 1));
    }

    nfree = root->nfree;
    free(cluster.blocks);

    check(ngx_kafka_ws_shm_open_blocks(&cluster) == NGX_OK);
    check(root->nfree == nfree);

    free(cluster.blocks);
}


int
main(void)
{
    void      *memory;
    unsigned   n, times;

    if (posix_memalign(&memory, ngx_pagesize, ZONE) != 0) {
        return 2;
    }

    ok(zone_new(memory), "a zone");
    life();
    is_int(wrong, 0, "room for all");
    is_int(calls, ALLOCS, "allocations");

    for (times = 1; times <= 2; times++) {

        for (n = 1; n <= ALLOCS; n++) {
            calls = 0;
            failures = 0;
            wrong = 0;
            fail_from = n;
            fail_to = n + times - 1;

            if (zone_new(memory)) {
                life();
            }

            ok(wrong == 0 && failures >= 1,
               "no room at allocation %u, %u times", n, times);
        }
    }

    free(memory);

    return tap_done(3 + 2 * ALLOCS);
}
