
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


/*
 * A topic that the handle has dealt with.  librdkafka frees its own only with
 * the handle, and so lives this one, which is its opaque: a record comes with
 * the pointer of its topic, and that leads to the partition.
 */

typedef struct {
    rd_kafka_topic_t               *rkt;
    ngx_kafka_ws_kafka_part_t     **parts;     /* by number; NULL: it is not
                                                  fetched */
    ngx_uint_t                      nparts;    /* places of it */
} ngx_kafka_ws_kafka_known_t;


/* a partition that is fetched */

struct ngx_kafka_ws_kafka_part_s {
    ngx_kafka_ws_kafka_known_t     *topic;
    ngx_str_t                       name;      /* of the topic; librdkafka's */
    int32_t                         partition;
    void                           *opaque;
    rd_kafka_queue_t               *queue;     /* its own, of older records */
    rd_kafka_message_t             *kept;      /* that the handler gave back */
};


struct ngx_kafka_ws_kafka_s {
    rd_kafka_t                     *rk;
    rd_kafka_queue_t               *queue;
    ngx_kafka_ws_kafka_handler_t    handler;

    rd_kafka_topic_partition_list_t *waiting;  /* for commit */
    rd_kafka_topic_partition_list_t *leaving;  /* the same, or the next poll */

    ngx_kafka_ws_header_t          *headers;
    size_t                          headers_max;

    rd_kafka_message_t             *batch[NGX_KAFKA_WS_KAFKA_BATCH];
};


/* returns: what the handler says of a record, else NGX_OK */
ngx_int_t ngx_kafka_ws_kafka_message(ngx_kafka_ws_kafka_t *k,
    rd_kafka_message_t *m);

/* returns: the assigned partition that a record belongs to, or NULL */
ngx_kafka_ws_kafka_part_t *ngx_kafka_ws_kafka_part(rd_kafka_topic_t *rkt,
    int32_t partition);

/* nothing of what was unassigned is fetched any more */
void ngx_kafka_ws_kafka_leave(ngx_kafka_ws_kafka_t *k);


#endif /* _NGX_KAFKA_WS_KAFKA_HANDLE_H_INCLUDED_ */
