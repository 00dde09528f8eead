
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * One checked copy of what is new: for all who are live on a route, or for
 * one who is behind it.
 */


#ifndef _NGX_KAFKA_WS_GATHER_H_INCLUDED_
#define _NGX_KAFKA_WS_GATHER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_route.h"
#include "ngx_kafka_ws_subscriber.h"


/* records of one part within a span */

typedef struct {
    ngx_uint_t                 k;         /* the part */
    ngx_uint_t                 first;     /* its first record in the span */
    ngx_uint_t                 n;
    ngx_kafka_ws_place_t       next;      /* behind them */
} ngx_kafka_ws_mark_t;


/* a copy: frames of one part after the other */

typedef struct {
    u_char                    *data;
    size_t                     size;
    size_t                     len;
    uint32_t                  *ends;      /* by record */
    int64_t                   *offsets;   /* by record: behind it */
    ngx_uint_t                 max;       /* records */
    ngx_uint_t                 n;
    uint32_t                   flags;     /* not 0: nothing but gaps */
    ngx_uint_t                 turn;      /* spans made so far */
    ngx_kafka_ws_mark_t       *marks;
    ngx_uint_t                 nmarks;
    ngx_uint_t                 max_marks;
} ngx_kafka_ws_span_buf_t;


typedef enum {
    NGX_KAFKA_WS_GATHER_NONE = 0,
    NGX_KAFKA_WS_GATHER_SPAN,
    NGX_KAFKA_WS_GATHER_LAPPED,      /* the writer overran a place */
    NGX_KAFKA_WS_GATHER_STALE,       /* a part has another ring */
    NGX_KAFKA_WS_GATHER_ERROR        /* logged */
} ngx_kafka_ws_gather_e;


/*
 * Allocates a buffer of size bytes for max records; its pages are touched
 * when they are used.
 * buf:       zero-filled; to be freed, also after an error
 */
ngx_int_t ngx_kafka_ws_gather_init(ngx_kafka_ws_span_buf_t *buf,
    size_t size, ngx_uint_t max, ngx_log_t *log);

void ngx_kafka_ws_gather_free(ngx_kafka_ws_span_buf_t *buf);

/*
 * Copies what is new from the route's places (kws == NULL), or what the
 * route is ahead of a subscriber.
 * buf:       filled; grows only for a single frame larger than it
 * cost:      one memcpy per part that has something new
 * where:     a worker
 */
ngx_kafka_ws_gather_e ngx_kafka_ws_gather(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscriber_t *kws, ngx_kafka_ws_span_buf_t *buf,
    ngx_log_t *log);

/*
 * Instead of records a gap event for each part whose records are given up:
 * those that the ring holds no more, or all up to the route's place.
 * kws:       NULL: for all who are live
 * latest:    1: up to the route's place
 * buf:       as above; parts whose events do not fit are left as they are
 * returns:   as above; NONE: nothing is given up
 */
ngx_kafka_ws_gather_e ngx_kafka_ws_gather_skip(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscriber_t *kws, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t latest, ngx_log_t *log);

/*
 * Sets the places of a subscriber that got the first done records of a span.
 */
void ngx_kafka_ws_gather_stop_at(ngx_kafka_ws_subscriber_t *kws,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t done);


#endif /* _NGX_KAFKA_WS_GATHER_H_INCLUDED_ */
