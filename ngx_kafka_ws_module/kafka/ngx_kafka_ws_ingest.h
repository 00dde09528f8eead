
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The ingest thread's own state, shared by its files: the thread and the way
 * of a record (ngx_kafka_ws_ingest.c), the carrying out of plans
 * (ngx_kafka_ws_ingest_plan.c), the broker's state (.._state.c), what a
 * record looks like in the rings (.._render.c).
 */


#ifndef _NGX_KAFKA_WS_INGEST_H_INCLUDED_
#define _NGX_KAFKA_WS_INGEST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_consumer.h"
#include "ngx_kafka_ws_deflate.h"


/* a partition that is consumed; opaque to librdkafka's side */

typedef struct {
    uint32_t                    number;     /* of the stream */
    ngx_uint_t                  assigned;
    ngx_uint_t                  waiting;    /* for its first commit */
    ngx_uint_t                  doubtful;   /* its position: for a move */
    ngx_kafka_ws_stream_t      *stream;
    ngx_str_t                   topic;      /* the directory's */
    ngx_kafka_ws_ring_t         ring;
    int64_t                     next;       /* offset to come */
    int64_t                     load_end;   /* ready once next is there */
} ngx_kafka_ws_part_t;


/* whether clients want compressed frames: looked up once per batch */

typedef enum {
    NGX_KAFKA_WS_INGEST_ASK = 0,
    NGX_KAFKA_WS_INGEST_PLAIN,
    NGX_KAFKA_WS_INGEST_DEFLATE
} ngx_kafka_ws_ingest_deflate_e;


typedef struct {
    ngx_kafka_ws_consumer_t    *consumer;
    ngx_kafka_ws_cluster_t     *cluster;
    ngx_kafka_ws_root_t        *root;
    ngx_kafka_ws_kafka_t       *kafka;
    uint64_t                    epoch;

    ngx_kafka_ws_part_t       **parts;      /* by number of the stream */
    ngx_uint_t                  nparts;     /* places of it */
    uint8_t                    *absent;     /* by topic: answers without it */
    ngx_uint_t                  nabsent;
    uint64_t                    counted;    /* ms, of the last such answer */

    uint8_t                    *buf;        /* frames of one record */
    size_t                      size;
    ngx_kafka_ws_ingest_deflate_e
                                deflate;
    ngx_kafka_ws_deflater_t    *deflaters[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_uint_t                  planned;    /* a plan was carried out */
    ngx_uint_t                  dirty;      /* there is something to wake
                                               the workers for */
    uint64_t                    watched;    /* ms, of the last look at the
                                               watermarks */
    uint64_t                    outage;     /* ms, when it began */
    uint64_t                    complained; /* ms, last line on an error */
    char                        error[NGX_KAFKA_WS_LINE_LEN];
} ngx_kafka_ws_ingest_t;


/* adds what is new, drops what is gone, moves what lost its position */
void ngx_kafka_ws_ingest_plan(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_t *plan);

/*
 * Has the topics thread ask what there is of a partition that is not
 * assigned: the next plan then moves it.
 */
void ngx_kafka_ws_ingest_doubt(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part);

/* librdkafka's errors; see ngx_kafka_ws_kafka_handler_t */
void ngx_kafka_ws_ingest_error(void *data, const char *text, ngx_uint_t down);

/*
 * The broker's state: what the topics thread's last question came to, except
 * that "all brokers down" counts at once.
 */
void ngx_kafka_ws_ingest_state(ngx_kafka_ws_ingest_t *ing);
void ngx_kafka_ws_ingest_set_state(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_broker_state_e state);

/*
 * Makes the frames of one record, one for each rendering in use.
 * frames:    set if NGX_OK; they lie in ing->buf, until the next call
 * returns:   NGX_OK; NGX_DECLINED: the record is too large
 * cost:      no allocation, once the buffer has grown to the largest record;
 *            compressing only while a client wants it
 */
ngx_int_t ngx_kafka_ws_ingest_render(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_record_t *rec, ngx_kafka_ws_span_t *frames);

/*
 * Publishes that the offsets from..to are not to be had.
 * flags:     NGX_KAFKA_WS_RING_TOO_LARGE or _RETENTION
 */
void ngx_kafka_ws_ingest_gap(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part, int64_t from, int64_t to, uint32_t flags);


#endif /* _NGX_KAFKA_WS_INGEST_H_INCLUDED_ */
