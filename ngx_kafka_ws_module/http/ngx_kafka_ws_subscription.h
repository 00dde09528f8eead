
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A subscription is one stream of a connection: which route it takes, and how
 * far it is there.  A client is a connection with its subscriptions; it is
 * what a worker has a list of, and the owner of its subscriber.
 */


#ifndef _NGX_KAFKA_WS_SUBSCRIPTION_H_INCLUDED_
#define _NGX_KAFKA_WS_SUBSCRIPTION_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_cursor.h"
#include "ngx_kafka_ws_group.h"
#include "ngx_kafka_ws_subscriber.h"


typedef struct ngx_kafka_ws_subscription_s  ngx_kafka_ws_subscription_t;


/* where a subscription is in one partition */

typedef struct {
    uint64_t                      seq;        /* of the next record */
    int64_t                       offset;     /* the same for the client */
} ngx_kafka_ws_place_t;


struct ngx_kafka_ws_subscription_s {
    ngx_queue_t                   queue;      /* the route's, the worker's */
    ngx_kafka_ws_subscription_t  *next;       /* of the same client */
    ngx_kafka_ws_subscriber_t    *kws;
    struct ngx_kafka_ws_route_s  *route;      /* NULL: the place is free */

    ngx_kafka_ws_place_t         *places;     /* one for each partition that
                                                 the client was told the start
                                                 of */
    uint32_t                      nplaces;
    uint32_t                      max_places;
    ngx_msec_t                    behind;     /* since when */
    ngx_kafka_ws_group_t         *group;
    void                         *start;      /* what the client asked for,
                                                 until it has started */
    void                         *older;      /* while it reads older records,
                                                 else NULL */
    uint32_t                      round;      /* span it got last */
    ngx_kafka_ws_sums_t           sent;       /* while it is live, less what
                                                 its group had then */

    unsigned                      where:3;    /* ngx_kafka_ws_where_e */
    unsigned                      format:2;
    unsigned                      skip:1;     /* records are lost */
    unsigned                      coming:1;   /* it was never level with its
                                                 route since its start */
    unsigned                      owned:1;    /* its memory is its own, and
                                                 not the request's pool's */
    unsigned                      code:13;    /* why it has ended */
};


/*
 * In the request's pool: the subscriber, what its data is, and its first
 * subscription are one piece of memory.  Others are on the heap.
 */

typedef struct {
    ngx_kafka_ws_subscriber_t     subscriber;
    ngx_queue_t                   all;        /* the worker's: every one */
    ngx_kafka_ws_subscription_t   first;
    struct ngx_kafka_ws_commands_s
                                 *commands;   /* NULL: it has none to give,
                                                 and one stream */
    ngx_kafka_ws_sums_t           sent;       /* by streams that have ended */
    ngx_kafka_ws_position_t      *last;       /* for the log, once it has
                                                 ended: where its only stream
                                                 was */
    ngx_uint_t                    nlast;
} ngx_kafka_ws_client_t;


#define ngx_kafka_ws_client(sub)                                              \
    ((ngx_kafka_ws_client_t *) (sub)->kws->data)


#endif /* _NGX_KAFKA_WS_SUBSCRIPTION_H_INCLUDED_ */
