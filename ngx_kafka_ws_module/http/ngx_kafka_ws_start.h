
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Where a stream starts: what a new client, a cursor and a partition that
 * came up later mean in terms of what the rings hold, and how the client is
 * told.
 */


#ifndef _NGX_KAFKA_WS_START_H_INCLUDED_
#define _NGX_KAFKA_WS_START_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_older.h"
#include "ngx_kafka_ws_route.h"
#include "ngx_kafka_ws_subscription.h"


/* ms that a client waits at most for partitions that are still loading */
#define NGX_KAFKA_WS_START_LOADING  5000

/* ms for a cursor beyond the ring: another host may have been faster */
#define NGX_KAFKA_WS_START_FUTURE   1000


/* ms that it waits at most for an answer about older records */
#define NGX_KAFKA_WS_START_OLDER    10000


/* what a client asked for, in the request's pool; sub->start until then */

typedef struct {
    ngx_kafka_ws_start_t       start;
    ngx_kafka_ws_position_t   *cursor;      /* sorted by partition */
    size_t                     ncursor;     /* 0: a new client */
    ngx_msec_t                 deadline;
    ngx_uint_t                 loaded;      /* all were ready once */
    ngx_kafka_ws_older_start_t *older;      /* by part; NULL: none is older */
    ngx_uint_t                 nolder;
} ngx_kafka_ws_wish_t;


/*
 * Says whether the start can be decided: all partitions are loaded and the
 * cursor is not ahead of them, or the time for that is over.
 */
ngx_uint_t ngx_kafka_ws_start_ready(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub);

/*
 * Decides it, tells the client (json), and puts it into the route.
 * returns:   NGX_OK; NGX_DONE: it is being closed with 4410 by kafka_ws_gap;
 *            NGX_ERROR: no memory or a broken connection: to be ended
 */
ngx_int_t ngx_kafka_ws_start_begin(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub);

/*
 * Tells a subscriber of the partitions that the route has had since.  Not
 * while it is blocked.
 * returns:   as above, without NGX_DONE
 */
ngx_int_t ngx_kafka_ws_start_announce(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub);

/*
 * A part's ring was made anew: tells a subscriber where it starts now.
 * returns:   as ngx_kafka_ws_start_begin()
 */
ngx_int_t ngx_kafka_ws_start_reset(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t k);


/* what is decided for one partition */

typedef struct {
    ngx_kafka_ws_place_t       place;
    ngx_kafka_ws_state_e       state;
    int64_t                    from;        /* of a gap; its end is the
                                               offset of the place */
    ngx_kafka_ws_gap_e         reason;
    ngx_uint_t                 busy;        /* cannot be decided */
    ngx_uint_t                 older;       /* its place is below the ring */
} ngx_kafka_ws_decision_t;


/*
 * between ngx_kafka_ws_start*.c
 *
 * decide:    where part k begins for a wish
 * at:        at a sequence number, or, if the writer has just passed it, at
 *            the oldest that is held
 */
void ngx_kafka_ws_start_decide(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t *wish, ngx_uint_t k,
    ngx_kafka_ws_decision_t *d);
void ngx_kafka_ws_start_at(ngx_kafka_ws_route_part_t *part, uint64_t seq,
    ngx_kafka_ws_decision_t *d);

/*
 * Asks where the records below the ring can be had from, that a start needs.
 * returns:   NGX_OK: all is known that can be; NGX_AGAIN: not yet;
 *            NGX_ERROR: no memory
 * where:     ngx_kafka_ws_start.c
 */
ngx_int_t ngx_kafka_ws_start_older(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub);

/*
 * What is to be asked for part k, if a start within the bounds is below its
 * ring.
 * os:        set, but for asked
 * returns:   1: there is something to ask
 */
ngx_uint_t ngx_kafka_ws_start_question(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t *wish, ngx_uint_t k,
    ngx_kafka_ws_older_start_t *os);


#endif /* _NGX_KAFKA_WS_START_H_INCLUDED_ */
