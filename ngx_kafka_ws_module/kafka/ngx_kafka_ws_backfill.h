
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The backfill thread's own state, shared by its files: questions
 * (ngx_kafka_ws_backfill.c) and reads (ngx_kafka_ws_backfill_read.c).
 */


#ifndef _NGX_KAFKA_WS_BACKFILL_H_INCLUDED_
#define _NGX_KAFKA_WS_BACKFILL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_consumer.h"
#include "ngx_kafka_ws_renderer.h"
#include "ngx_kafka_ws_segment.h"


/* a range that is being read; opaque to librdkafka's side */

typedef struct {
    uint32_t                     number;       /* of the stream */
    uint64_t                     life;
    ngx_kafka_ws_stream_t       *stream;
    ngx_str_t                    topic;        /* the directory's */
    ngx_kafka_ws_segment_t      *segment;      /* the read's own; NULL: the
                                                  last one is full, and the
                                                  next is not made yet */
    ngx_kafka_ws_kafka_part_t   *assigned;
    ngx_kafka_ws_ring_t          ring;         /* of the segment */
    int64_t                      next;         /* offset to come */
    int64_t                      until;        /* from here on it is there */
    uint64_t                     progress;     /* ms, last record */
    uint64_t                     nudged;       /* ms */
    uint64_t                     quiet;        /* ms, until the next nudge */
    uint64_t                     full;         /* ms, since when the segment
                                                  is; 0: it is not */
    ngx_uint_t                   taken;        /* since the last nudge */
    ngx_uint_t                   filled;       /* segments */
    size_t                       bytes;        /* of records */
    ngx_uint_t                   contested;    /* others wait for another
                                                  range of the same stream */
    ngx_uint_t                   done;
} ngx_kafka_ws_backfill_read_t;


/* what Kafka said to a question */

typedef struct {
    uint64_t                     number;
    int64_t                      start;        /* -1: not asked yet */
    uint64_t                     seen;         /* ms */
    ngx_uint_t                   first;        /* it is the log's first */
    ngx_uint_t                   ready;        /* for its turn */
} ngx_kafka_ws_backfill_start_t;


typedef struct {
    ngx_kafka_ws_consumer_t     *consumer;
    ngx_kafka_ws_cluster_t      *cluster;
    ngx_kafka_ws_root_t         *root;
    ngx_kafka_ws_kafka_t        *kafka;
    ngx_kafka_ws_kafka_query_t  *query;
    ngx_kafka_ws_renderer_t      renderer;

    ngx_kafka_ws_backfill_read_t
                                *reads[NGX_KAFKA_WS_SEGMENTS];
    ngx_uint_t                   nreads;
    ngx_kafka_ws_backfill_start_t
                                 starts[NGX_KAFKA_WS_SLOTS]
                                       [NGX_KAFKA_WS_WANTS];

    uint64_t                     retry;        /* ms: not asked before */
    uint64_t                     swept;
    uint64_t                     yielded;      /* ms */
    ngx_uint_t                   dirty;        /* workers have news */
    ngx_uint_t                   left;         /* questions without an answer */
    ngx_uint_t                   came;         /* records; under the mutex */
} ngx_kafka_ws_backfill_t;


#define ngx_kafka_ws_backfill_stopped(b)                                      \
    ngx_kafka_ws_load_acquire(&(b)->consumer->stop)


/* wakes the workers, who find something new */
void ngx_kafka_ws_backfill_tell(ngx_kafka_ws_backfill_t *b);

/*
 * Begins to read from read->next on into read->segment.
 * returns:   NGX_OK: the read is the thread's; NGX_ERROR: the caller's
 * where:     the backfill thread, as all below
 */
ngx_int_t ngx_kafka_ws_backfill_read(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read);

/*
 * Takes what has come, shows it, and ends the reads that are over.
 * returns:   how much was taken; 0: nothing is there for now
 */
ngx_uint_t ngx_kafka_ws_backfill_reads(ngx_kafka_ws_backfill_t *b);

/* a read is over: all below next is in the segment, or not in Kafka */
void ngx_kafka_ws_backfill_finish(ngx_kafka_ws_backfill_t *b,
    ngx_kafka_ws_backfill_read_t *read, int64_t next);


#endif /* _NGX_KAFKA_WS_BACKFILL_H_INCLUDED_ */
