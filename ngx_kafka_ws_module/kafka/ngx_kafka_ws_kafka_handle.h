
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A consumer's handle, shared by its files: what comes from librdkafka
 * (ngx_kafka_ws_kafka.c) and the partitions that are fetched
 * (ngx_kafka_ws_kafka_parts.c).
 */


#ifndef _NGX_KAFKA_WS_KAFKA_HANDLE_H_INCLUDED_
#define _NGX_KAFKA_WS_KAFKA_HANDLE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_kafka_conf.h"


#define NGX_KAFKA_WS_KAFKA_BATCH  512    /* records of one poll */
#define NGX_KAFKA_WS_KAFKA_TABLE  4096   /* places for partitions, a power of
                                            two; grows with them */

/*
 * A partition that is fetched.  librdkafka gives a record with the pointer
 * of its topic; the table below leads from there to the partition.
 */

typedef struct {
    ngx_str_t                       topic;
    int32_t                         partition;
    void                           *opaque;
    rd_kafka_queue_t               *queue;     /* its own, of older records */
    rd_kafka_message_t             *kept;      /* that the handler gave back */
} ngx_kafka_ws_kafka_part_t;


typedef struct {
    rd_kafka_topic_t               *rkt;
    int32_t                         partition;
    ngx_kafka_ws_kafka_part_t      *part;
} ngx_kafka_ws_kafka_place_t;


struct ngx_kafka_ws_kafka_s {
    rd_kafka_t                     *rk;
    rd_kafka_queue_t               *queue;
    ngx_kafka_ws_kafka_handler_t    handler;

    rd_kafka_topic_t              **topics;    /* that metadata is kept of */
    ngx_uint_t                      ntopics;
    ngx_uint_t                      topics_max;

    rd_kafka_topic_partition_list_t *waiting;  /* for commit */

    ngx_kafka_ws_kafka_part_t     **parts;
    ngx_uint_t                      nparts;
    ngx_uint_t                      parts_max;

    ngx_kafka_ws_kafka_place_t     *table;
    ngx_uint_t                      table_size;

    ngx_kafka_ws_header_t          *headers;
    size_t                          headers_max;

    rd_kafka_message_t             *batch[NGX_KAFKA_WS_KAFKA_BATCH];
};


/* returns: what the handler says of a record, else NGX_OK */
ngx_int_t ngx_kafka_ws_kafka_message(ngx_kafka_ws_kafka_t *k,
    rd_kafka_message_t *m);

/* returns: the assigned partition that a record belongs to, or NULL */
ngx_kafka_ws_kafka_part_t *ngx_kafka_ws_kafka_part(ngx_kafka_ws_kafka_t *k,
    rd_kafka_topic_t *rkt, int32_t partition);


#endif /* _NGX_KAFKA_WS_KAFKA_HANDLE_H_INCLUDED_ */
