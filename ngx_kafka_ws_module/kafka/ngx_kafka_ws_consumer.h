
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A cluster's consumer: what runs in the helper process, or, with
 * "master_process off", in the single one.  See the essay in
 * ngx_kafka_ws_consumer.c.
 */


#ifndef _NGX_KAFKA_WS_CONSUMER_H_INCLUDED_
#define _NGX_KAFKA_WS_CONSUMER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <pthread.h>

#include "ngx_kafka_ws_cluster.h"
#include "ngx_kafka_ws_kafka.h"
#include "ngx_kafka_ws_lines.h"
#include "ngx_kafka_ws_shm.h"


#define NGX_KAFKA_WS_LINES     96    /* log lines that may wait: the ends of
                                        all that was told */
#define NGX_KAFKA_WS_ERRORS    64    /* topics whose errors are followed */
#define NGX_KAFKA_WS_LINE_LEN  512
#define NGX_KAFKA_WS_LOST      1024  /* partitions that may wait for new
                                        positions */
#define NGX_KAFKA_WS_QUIET     1024  /* that are looked after at once */
#define NGX_KAFKA_WS_BEGUN     1024  /* that were assigned just now */


/*
 * What to do with a topic, made by the topics thread from Kafka's answer.
 * allowed:  set by the main thread, which alone may run nginx's regular
 *           expressions
 */

typedef struct {
    ngx_str_t                       name;         /* with a final zero */
    uint32_t                        npartitions;  /* 0: see error */
    ngx_uint_t                      unknown;      /* Kafka has none */
    const u_char                   *error;        /* why, or why there is
                                                     nothing of it; NULL */
    ngx_uint_t                      allowed;
    ngx_uint_t                      late;         /* its rings begin with the
                                                     log, not with the last
                                                     records: see "preload" */
    uint32_t                        first;        /* partition of offsets[0] */
    uint32_t                        noffsets;
    ngx_kafka_ws_kafka_offsets_t   *offsets;      /* where rings shall begin:
                                                     see time */
} ngx_kafka_ws_plan_topic_t;


/* a stream whose position does not exist any more, and what does */

typedef struct {
    uint32_t                        stream;
    ngx_kafka_ws_kafka_offsets_t    offsets;
} ngx_kafka_ws_plan_move_t;


/* a stream of which nothing came for a while, and where its log ends */

typedef struct {
    uint32_t                        stream;
    int64_t                         end;   /* see ngx_kafka_ws_kafka_ends() */
} ngx_kafka_ws_plan_quiet_t;


/* threads that make handles of librdkafka's */

#define NGX_KAFKA_WS_OPENING_INGEST  0
#define NGX_KAFKA_WS_OPENING_TOPICS  1
#define NGX_KAFKA_WS_OPENING_OLDER   2
#define NGX_KAFKA_WS_OPENING_MAX     3


/*
 * malloc()ed; its owner is whoever took it out of the consumer.
 * part: the topics are not all that Kafka has, but those that were asked for
 */

typedef struct {
    ngx_kafka_ws_plan_topic_t      *topics;       /* by name, if all */
    ngx_uint_t                      ntopics;
    ngx_uint_t                      part;
    ngx_kafka_ws_kafka_offsets_t   *offsets;      /* of all topics */
    ngx_kafka_ws_plan_move_t       *moves;
    ngx_uint_t                      nmoves;
    ngx_kafka_ws_plan_quiet_t      *quiet;
    ngx_uint_t                      nquiet;
    u_char                          id[64];       /* Kafka's cluster id */
} ngx_kafka_ws_plan_t;


/* of a topic, in Kafka's answers */

typedef struct {
    u_char                         *name;         /* malloc()ed */
    const u_char                   *error;        /* librdkafka's, static */
    uint64_t                        since;        /* ms */
    ngx_uint_t                      told;
} ngx_kafka_ws_topic_error_t;


typedef struct {
    ngx_uint_t                      level;
    ngx_uint_t                      late;         /* waits for room */
    char                            text[NGX_KAFKA_WS_LINE_LEN];
} ngx_kafka_ws_line_t;


typedef struct {
    ngx_kafka_ws_cluster_t         *cluster;
    ngx_log_t                      *log;          /* main thread */

    pthread_t                       ingest;
    pthread_t                       topics;
    pthread_t                       backfill;     /* if a location wants it */
    ngx_kafka_ws_kafka_query_t     *query;        /* of the topics thread; to
                                                     close it may block */
    ngx_kafka_ws_topic_error_t      errors[NGX_KAFKA_WS_ERRORS];
    ngx_uint_t                      nerrors;      /* topics thread */
    ngx_uint_t                      lacking;      /* positions; the same */
    ngx_uint_t                      threads;      /* that were started */
    ngx_uint_t                      failed;       /* starting them did */

    /* atomic */
    uint64_t                        opening[NGX_KAFKA_WS_OPENING_MAX];
                                                  /* ms since when a thread
                                                     makes a handle; 0: it
                                                     does not */
    uint64_t                        wants;        /* of the root's, that the
                                                     backfill thread knows */
    uint64_t                        asks;         /* the same; topics thread */
    ngx_kafka_ws_kafka_t           *kafka;        /* that ingest polls */
    uint32_t                        stop;
    uint32_t                        ended;        /* threads that ended */
    uint32_t                        writer;       /* this is the writer */
    uint32_t                        planned;      /* and follows a plan */
    uint32_t                        outages;      /* "no broker" so far */
    uint32_t                        reached;      /* last query got through */
    uint32_t                        queried;      /* a query was answered
                                                     or given up */

    /* under the mutex; cond is for the topics thread, older for backfill */
    pthread_mutex_t                 mutex;
    pthread_cond_t                  cond;
    pthread_cond_t                  older;
    ngx_kafka_ws_plan_t            *proposal;     /* topics to main */
    ngx_kafka_ws_plan_t            *answer;       /* main to topics */
    ngx_kafka_ws_plan_t            *plan;         /* topics to ingest */
    uint32_t                        lost[NGX_KAFKA_WS_LOST];
    ngx_uint_t                      nlost;
    uint32_t                        quiet[NGX_KAFKA_WS_QUIET];
    ngx_uint_t                      nquiet;
    uint32_t                        begun[NGX_KAFKA_WS_BEGUN];
    ngx_uint_t                      nbegun;
    ngx_uint_t                      hurry;        /* ask Kafka now */
    char                            query_error[NGX_KAFKA_WS_LINE_LEN];
    ngx_kafka_ws_line_t             lines[NGX_KAFKA_WS_LINES];
    ngx_uint_t                      nlines;
} ngx_kafka_ws_consumer_t;


/*
 * Makes a consumer; its threads begin with the first tick.
 * log:       used in the main thread only
 * returns:   it, never freed: the process ends before it; NULL: no memory
 * where:     the process that shall consume, main thread
 */
ngx_kafka_ws_consumer_t *ngx_kafka_ws_consumer_create(
    ngx_kafka_ws_cluster_t *kwc, ngx_log_t *log);

/*
 * What only the main thread may do: starts the threads, says which topics
 * are allowed, writes the log.
 * returns:   ms until it wants to be called again
 */
ngx_msec_t ngx_kafka_ws_consumer_tick(ngx_kafka_ws_consumer_t *c);

/* asks the threads to end, and waits for that up to timeout ms */
void ngx_kafka_ws_consumer_stop(ngx_kafka_ws_consumer_t *c,
    ngx_msec_t timeout);

/*
 * Zeroed memory for a thread that can do nothing without; waits for it.
 * returns:   NULL: the process ends
 */
void *ngx_kafka_ws_consumer_alloc(ngx_kafka_ws_consumer_t *c, size_t size);

/*
 * A line for the error log, from any thread.  One that there is no room for is
 * counted; say does not count what begins.
 * returns:   say: 1: it is written, or, as an end, will be
 */
void ngx_kafka_ws_consumer_log(ngx_kafka_ws_consumer_t *c, ngx_uint_t level,
    const char *fmt, ...);
ngx_uint_t ngx_kafka_ws_consumer_say(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_line_kind_e kind, ngx_uint_t level, const char *fmt, ...);

/* around a call that makes a handle; n: NGX_KAFKA_WS_OPENING_... */
#define ngx_kafka_ws_consumer_opening(c, n)                                   \
    ngx_kafka_ws_store_relaxed(&(c)->opening[n], ngx_kafka_ws_shm_now())
#define ngx_kafka_ws_consumer_opened(c, n)                                    \
    ngx_kafka_ws_store_relaxed(&(c)->opening[n], 0)

/*
 * Says which topics Kafka's last answer has an error for, if that is new.
 * where:     the topics thread
 */
void ngx_kafka_ws_topics_errors(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_plan_t *plan);

/*
 * What rings of the topics of a plan that lack any shall begin at.
 * where:     the topics thread
 */
void ngx_kafka_ws_topics_positions(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan);

/*
 * Plans for the topics that processes have asked for since.
 * where:     the topics thread
 */
void ngx_kafka_ws_topics_asked(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query);

/* gives a plan to the ingest thread */
void ngx_kafka_ws_topics_deliver(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_plan_t *plan);

/*
 * Asks where the logs of quiet partitions end, and puts that into the plan.
 * where:     the topics thread
 */
void ngx_kafka_ws_topics_quiet(ngx_kafka_ws_consumer_t *c,
    ngx_kafka_ws_kafka_query_t *query, ngx_kafka_ws_plan_t *plan);

/* the bodies of the threads */
void *ngx_kafka_ws_topics_thread(void *data);
void *ngx_kafka_ws_ingest_thread(void *data);
void *ngx_kafka_ws_backfill_thread(void *data);

void ngx_kafka_ws_plan_free(ngx_kafka_ws_plan_t *plan);

/* for qsort() and bsearch() of a plan's topics */
int ngx_kafka_ws_plan_compare(const void *one, const void *two);

#define NGX_KAFKA_WS_TOPICS_TIMEOUT  5000    /* ms for an answer */
#define NGX_KAFKA_WS_TOPICS_RETRY    500     /* ms, if one failed */

#define ngx_kafka_ws_topics_stopped(c)  ngx_kafka_ws_load_acquire(&(c)->stop)


#endif /* _NGX_KAFKA_WS_CONSUMER_H_INCLUDED_ */
