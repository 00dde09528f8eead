
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * How much a stream has sent.  Nothing is counted for each of its clients:
 * who gets the same has one count, and a client that comes to it or leaves it
 * takes the difference.
 */


#ifndef _NGX_KAFKA_WS_SUMS_H_INCLUDED_
#define _NGX_KAFKA_WS_SUMS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_frame.h"


/* a difference may be below zero for a while: all of it wraps */

typedef struct {
    uint64_t  records;
    uint64_t  bytes;        /* of their messages, as sent */
    uint64_t  skipped;      /* offsets that gap events have told of */
} ngx_kafka_ws_sums_t;


void ngx_kafka_ws_sums_add(ngx_kafka_ws_sums_t *sums,
    const ngx_kafka_ws_sums_t *more);
void ngx_kafka_ws_sums_sub(ngx_kafka_ws_sums_t *sums,
    const ngx_kafka_ws_sums_t *less);

/* adds a record with its frame; without bytes it is not sent */
#define ngx_kafka_ws_sums_record(sums, frame)                                 \
    if ((frame) != 0) {                                                       \
        (sums)->records++;                                                    \
        (sums)->bytes += ngx_kafka_ws_frame_payload(frame);                   \
    }

/* the first n records of a buffer; ends: where their frames end in it */
void ngx_kafka_ws_sums_records(ngx_kafka_ws_sums_t *sums,
    const uint32_t *ends, ngx_uint_t n);


#endif /* _NGX_KAFKA_WS_SUMS_H_INCLUDED_ */
