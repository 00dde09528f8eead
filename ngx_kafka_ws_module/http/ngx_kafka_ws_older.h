
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Subscribers that read records older than the ring: a segment after the
 * other (core/ngx_kafka_ws_segment.h), until the ring has what follows.
 */


#ifndef _NGX_KAFKA_WS_OLDER_H_INCLUDED_
#define _NGX_KAFKA_WS_OLDER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_route.h"
#include "ngx_kafka_ws_segment.h"
#include "ngx_kafka_ws_subscription.h"


/*
 * One partition of a subscriber.  While it is on, its place counts in the
 * segment: seq is the segment's, offset Kafka's as ever.
 */

typedef struct {
    ngx_uint_t                   on;
    ngx_uint_t                   open;      /* view is usable */
    ngx_kafka_ws_segment_view_t  view;
} ngx_kafka_ws_older_part_t;


/* sub->older, malloc()ed, while any partition is on; else NULL */

typedef struct {
    ngx_uint_t                   nparts;    /* places of parts */
    ngx_uint_t                   non;       /* of which are on */
    ngx_kafka_ws_older_part_t    parts[1];
} ngx_kafka_ws_older_t;


/* what was asked for one partition, before the start is decided */

typedef struct {
    ngx_uint_t                   asked;     /* the following are set */
    int64_t                      offset;
    int64_t                      since;
    ngx_uint_t                   exact;
    ngx_kafka_ws_want_e          result;    /* WAITS: no answer yet */
    int64_t                      start;
} ngx_kafka_ws_older_start_t;


/*
 * Asks where a stream's records can be had from; see
 * ngx_kafka_ws_want_ask().  To be called again until there is an answer:
 * who asks the same shares a question.
 * returns:   WAITS, or the answer
 * where:     a worker, as all below
 */
ngx_kafka_ws_want_e ngx_kafka_ws_older_ask(ngx_kafka_ws_root_t *root,
    uint32_t stream, int64_t offset, int64_t since, ngx_uint_t exact,
    int64_t *start);

/*
 * Lets part k begin at an offset below the ring.
 * returns:   NGX_OK or NGX_ERROR: no memory
 */
ngx_int_t ngx_kafka_ws_older_begin(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t k, int64_t offset);

/* ends it for one part, or for all */
void ngx_kafka_ws_older_end(ngx_kafka_ws_subscription_t *sub, ngx_uint_t k);
void ngx_kafka_ws_older_free(ngx_kafka_ws_subscription_t *sub);

/* the part k of a subscriber that is on, or NULL */
ngx_kafka_ws_older_part_t *ngx_kafka_ws_older_part(
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t k);

/*
 * Says where part k is to be read from next.
 * lost:      set if NGX_DECLINED
 * first:     set if NGX_DECLINED: 1: it is the first that Kafka has
 * returns:   NGX_OK: its place is in the view; NGX_DONE: its place is in the
 *            ring from now on, and the part is not on any more; NGX_AGAIN:
 *            nothing yet; NGX_DECLINED: its records up to lost are not to be
 *            had
 */
ngx_int_t ngx_kafka_ws_older_next(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t k, int64_t *lost,
    ngx_uint_t *first);


#endif /* _NGX_KAFKA_WS_OLDER_H_INCLUDED_ */
