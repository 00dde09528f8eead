
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests alone: the helper process under a debugger.  See the essay in
 * ngx_kafka_ws_step_module.c.
 */


#ifndef _NGX_KAFKA_WS_STEP_H_INCLUDED_
#define _NGX_KAFKA_WS_STEP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_consumer.h"


#define NGX_KAFKA_WS_STEP_TOPICS      3
#define NGX_KAFKA_WS_STEP_PARTITIONS  3
#define NGX_KAFKA_WS_STEP_VALUE       400   /* bytes of the longest value */
#define NGX_KAFKA_WS_STEP_TOO_LARGE   11    /* one record of so many is */
#define NGX_KAFKA_WS_STEP_MAX         500000   /* instructions */
#define NGX_KAFKA_WS_STEP_BUCKETS     65536    /* of different ones */


/* what is in Kafka, as the helper and the readers are to see it */

typedef struct {
    uint32_t                  npartitions;  /* 0: there is no such topic */
    int64_t                   log_start;
    int64_t                   log_end;
    int64_t                   ever;         /* the highest log_end so far */
} ngx_kafka_ws_step_topic_t;


typedef struct {
    ngx_kafka_ws_step_topic_t
                              topics[NGX_KAFKA_WS_STEP_TOPICS];
    const char               *id;
} ngx_kafka_ws_step_log_t;


/* what a writer left that died, and is of no use to anybody */

typedef struct {
    ngx_uint_t                topics;       /* nobody finds */
    ngx_uint_t                streams;      /* in no topic */
} ngx_kafka_ws_step_waste_t;


/* an instruction, for the time-th time, about to be executed */

typedef struct {
    uintptr_t                       ip;
    ngx_uint_t                      time;
} ngx_kafka_ws_step_point_t;


/* in memory that the judge shares */

typedef struct {
    int                             line;      /* of what is wrong */
    const char                     *where;
    ngx_kafka_ws_step_waste_t       waste;
} ngx_kafka_ws_step_verdict_t;


typedef struct {
    ngx_kafka_ws_cluster_t         *kwc;
    ngx_slab_pool_t                *pool;
    ngx_log_t                      *log;
    u_char                         *zone;
    u_char                         *pristine;  /* as nginx made it */
    u_char                         *before;    /* as the victim finds it */
    u_char                         *last;
    size_t                          size;
    ngx_kafka_ws_step_point_t      *points;    /* all instructions */
    uint32_t                       *states;    /* numbers of points */
    ngx_uint_t                      nstates;
    ngx_uint_t                      instructions;
    ngx_kafka_ws_step_point_t      *visits;    /* hash: how often so far */
    ngx_uint_t                      tests;
    ngx_uint_t                      failed;
    ngx_uint_t                      complaints;
    ngx_kafka_ws_step_verdict_t    *verdict;
} ngx_kafka_ws_step_t;


extern ngx_kafka_ws_step_log_t  ngx_kafka_ws_step_log;

/* the id of the Kafka that rings may be left over of; NULL: none */
extern const char              *ngx_kafka_ws_step_was;


/* a bit for each topic that somebody wants, with "idle="; ms of the clock that
   go by with each look */
extern ngx_uint_t               ngx_kafka_ws_step_wanted;
extern ngx_uint_t               ngx_kafka_ws_step_pace;


/* the name of topic n of the log; with a final zero */
ngx_str_t *ngx_kafka_ws_step_name(ngx_uint_t n);

/* the value of a record of the Kafka of that id; returns its length */
size_t ngx_kafka_ws_step_value(const char *id, ngx_uint_t n,
    int32_t partition, int64_t offset, u_char **value);

/* 1 for a record that is larger than max_record */
ngx_uint_t ngx_kafka_ws_step_too_large(int64_t offset);

/*
 * A helper's life: takes over, publishes all that is in the log, wakes.
 * rounds:   of questions what topics there are, at least; one in 3 s
 * trap:     stops for a debugger, right before it takes the lock
 * returns:  0, or the line of what is wrong
 */
int ngx_kafka_ws_step_live(ngx_kafka_ws_cluster_t *kwc, ngx_log_t *log,
    ngx_uint_t rounds, ngx_uint_t trap);

/*
 * Looks at all that a worker would see.
 * final:    everything of the log has to be there
 * returns:  0, or the line of what is wrong
 */
int ngx_kafka_ws_step_read(ngx_kafka_ws_cluster_t *kwc, ngx_uint_t final);

/* a reader that has had its views open since before; no view tells more than
   it could then; as above */
int ngx_kafka_ws_step_open_views(ngx_kafka_ws_cluster_t *kwc);
int ngx_kafka_ws_step_read_views(void);

/*
 * Looks whether each page of the zone is in one block or free.
 * returns:  0, or the line of what is wrong
 */
int ngx_kafka_ws_step_blocks(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_step_waste_t *waste);


/* a child of this test, with the id and the deadline of one; 0 in the child */
pid_t ngx_kafka_ws_step_child(void);

/* waits for its end; returns its status */
int ngx_kafka_ws_step_wait(pid_t pid);

/*
 * Steps a victim from its first to its last instruction, and notes where
 * each is, and at which the zone is another one.
 * returns:  1 if it ended well, and all is there
 */
ngx_uint_t ngx_kafka_ws_step_visit(ngx_kafka_ws_step_t *st);

/*
 * Kills another victim at instruction n of those.
 * returns:  1 if all is well then; else it has said what is not
 */
ngx_uint_t ngx_kafka_ws_step_kill(ngx_kafka_ws_step_t *st, ngx_uint_t n);


#endif /* _NGX_KAFKA_WS_STEP_H_INCLUDED_ */
