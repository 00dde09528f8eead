
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#ifndef _NGX_KAFKA_WS_RECORD_H_INCLUDED_
#define _NGX_KAFKA_WS_RECORD_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* data == NULL: null, which is not the same as empty */

typedef struct {
    const uint8_t          *data;
    size_t                  len;
} ngx_kafka_ws_span_t;


typedef struct {
    ngx_kafka_ws_span_t     name;
    ngx_kafka_ws_span_t     value;
} ngx_kafka_ws_header_t;


/* One Kafka record; every span is the reader's, none is owned. */

typedef struct {
    ngx_kafka_ws_span_t     topic;
    int32_t                 partition;
    int64_t                 offset;
    int64_t                 timestamp;   /* ms since the epoch, -1: none */
    ngx_kafka_ws_span_t     key;
    ngx_kafka_ws_span_t     value;
    ngx_kafka_ws_header_t  *headers;     /* in the record's order */
    size_t                  nheaders;
} ngx_kafka_ws_record_t;


#endif /* _NGX_KAFKA_WS_RECORD_H_INCLUDED_ */
