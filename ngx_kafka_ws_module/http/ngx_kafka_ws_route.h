
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A route is what a worker has once for all subscriptions that want the
 * same: a topic, a list of partitions, a rendering, a filter whose values may
 * differ.  It knows how far they are, and which of them are not that far.
 */


#ifndef _NGX_KAFKA_WS_ROUTE_H_INCLUDED_
#define _NGX_KAFKA_WS_ROUTE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_shm.h"
#include "ngx_kafka_ws_sieve.h"
#include "ngx_kafka_ws_subscription.h"


/*
 * Where a subscription is (sub->where):
 *
 * PENDING  its start is not decided yet
 * LIVE     at the route's places; gets what comes next with all others.
 *          While its round is not its group's, it is where the route was
 *          before: it has still to get the span that the worker is sending
 * AHEAD    at places of its own, at or beyond the route's: waits for news
 * BEHIND   at places of its own, and the client has to take something first
 * PAUSED   its start is to be decided when the client wants it to go on
 * ENDED    by sub->code, of which the client is still to be told
 */

typedef enum {
    NGX_KAFKA_WS_AT_NONE = 0,
    NGX_KAFKA_WS_AT_PENDING,
    NGX_KAFKA_WS_AT_LIVE,
    NGX_KAFKA_WS_AT_AHEAD,
    NGX_KAFKA_WS_AT_BEHIND,
    NGX_KAFKA_WS_AT_PAUSED,
    NGX_KAFKA_WS_AT_ENDED
} ngx_kafka_ws_where_e;


typedef struct ngx_kafka_ws_route_s  ngx_kafka_ws_route_t;


typedef struct {
    ngx_kafka_ws_view_t        view;
    ngx_kafka_ws_route_t      *route;
    ngx_queue_t                bit;       /* the worker's, of its streams */
    ngx_uint_t                 open;      /* view is usable */
    uint32_t                   number;    /* of the stream */
    uint32_t                   moved;     /* the next part whose place is not
                                             the one before */
    uint32_t                   unread;    /* the next part that may have news */
    ngx_uint_t                 listed;    /* it may have, too */
    ngx_kafka_ws_place_t       place;     /* of those who are live */
    ngx_kafka_ws_place_t       before;    /* the round before */
} ngx_kafka_ws_route_part_t;


struct ngx_kafka_ws_route_s {
    ngx_queue_t                queue;     /* the worker's */
    ngx_kafka_ws_cluster_t    *cluster;
    ngx_kafka_ws_topic_t      *topic;     /* in the zone */
    ngx_str_t                  name;      /* of the topic */
    ngx_uint_t                 rendering; /* index in the rings */
    ngx_uint_t                 named;     /* events carry the topic */

    ngx_kafka_ws_range_t      *ranges;
    ngx_uint_t                 nranges;
    uint32_t                   npartitions;   /* see below */

    ngx_kafka_ws_route_part_t *parts;     /* ascending partitions */
    ngx_uint_t                 nparts;
    ngx_uint_t                 max_parts;
    uint32_t                   last;      /* stream looked at last */
    uint32_t                   moved;     /* the first such part */

    uint64_t                   streams[NGX_KAFKA_WS_STREAM_WORDS];
    uint32_t                   unread;    /* the first that may have news */
    ngx_queue_t                look;      /* the worker's, if any is unread */
    ngx_uint_t                 looking;   /* it is in there */
    ngx_uint_t                 stale;     /* a part has no ring, or another */

    ngx_kafka_ws_group_set_t   set;       /* who wants which records */
    ngx_uint_t                 nlive;     /* in all groups */
    ngx_queue_t                ahead;
    ngx_queue_t                behind;
    ngx_uint_t                 nsubscribers;   /* pending ones too */

    ngx_uint_t                 nolder;    /* who read older records */
    uint64_t                   news;      /* of those, looked at last */
    ngx_msec_t                 looked;
};


/* what makes a route; all of it as long as the configuration, but ranges */

typedef struct {
    ngx_kafka_ws_cluster_t    *cluster;
    ngx_kafka_ws_topic_t      *topic;
    ngx_uint_t                 rendering;
    ngx_kafka_ws_range_t      *ranges;    /* copied */
    ngx_uint_t                 nranges;
    uint32_t                   npartitions;   /* of which a key chose the
                                                 ranges; 0: none did */
    ngx_kafka_ws_filter_term_t
                              *terms;
    ngx_uint_t                 nterms;
} ngx_kafka_ws_route_key_t;


/*
 * Finds the route in a list, or adds it.  A route holds its topic, and asks for
 * its rings: see ngx_kafka_ws_interest.h.
 * returns:   NULL: no memory
 * where:     a worker, as all below
 */
ngx_kafka_ws_route_t *ngx_kafka_ws_route_get(ngx_queue_t *routes,
    ngx_kafka_ws_route_key_t *key, ngx_log_t *log);
void ngx_kafka_ws_route_free(ngx_kafka_ws_route_t *route);

/*
 * Adds the partitions that have a ring since the last look; the first time
 * at the end of what there is, later ones at their beginning.
 * returns:   how many; NGX_ERROR: no memory
 * cost:      a load, if there are none
 */
ngx_int_t ngx_kafka_ws_route_extend(ngx_kafka_ws_route_t *route,
    ngx_log_t *log);

/*
 * Looks which parts have news, which are unread then, and whether any has
 * another ring, or none.
 * returns:   1: there are any, or partitions that it does not have yet
 * cost:      a few loads for each part
 */
ngx_uint_t ngx_kafka_ws_route_look(ngx_kafka_ws_route_t *route);
/* the same of one part, which is in a route */
ngx_uint_t ngx_kafka_ws_route_look_part(ngx_kafka_ws_route_part_t *part);
/* whoever looks at the unread ones looks at this one, too */
void ngx_kafka_ws_route_unread(ngx_kafka_ws_route_part_t *part);

/* the place of a subscriber in part k, wherever it is */
ngx_kafka_ws_place_t *ngx_kafka_ws_route_place(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t k);

/*
 * Makes room for the places of all parts.
 * returns:   NGX_OK or NGX_ERROR: no memory
 */
ngx_int_t ngx_kafka_ws_route_places(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub);

/*
 * Puts a subscriber into one of the lists (PENDING: into none of ours).
 * From live to one where it has places of its own, they are taken from the
 * route.
 */
void ngx_kafka_ws_route_move(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_where_e where);

/* a client's subscription of a route, of which there is one at most; or NULL */
ngx_kafka_ws_subscription_t *ngx_kafka_ws_route_find(
    ngx_kafka_ws_route_t *route, ngx_kafka_ws_client_t *client);

/* a client's subscription, if it has exactly one; or NULL */
ngx_kafka_ws_subscription_t *ngx_kafka_ws_route_only(
    ngx_kafka_ws_client_t *client);

/*
 * Ends a subscription of a client that can have others: it gets nothing more,
 * and the client is told when it takes something.
 */
void ngx_kafka_ws_route_end(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t code);

/* takes it out of whatever list it is in: where becomes NONE */
void ngx_kafka_ws_route_leave(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub);

/* what it was sent so far, wherever it is */
void ngx_kafka_ws_route_sent(ngx_kafka_ws_subscription_t *sub,
    ngx_kafka_ws_sums_t *sums);

/* 1, if its own places are the route's */
ngx_uint_t ngx_kafka_ws_route_level(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub);

/* what its location says of streams */
#define ngx_kafka_ws_route_conf(sub)                                          \
    ((ngx_kafka_ws_loc_conf_t *)                                              \
     ngx_http_get_module_loc_conf((sub)->kws->request, ngx_kafka_ws_module))

/* 1, if a gap ends the stream: kafka_ws_gap, or no way to announce it */
#define ngx_kafka_ws_route_gap_closes(sub)                                    \
    ((sub)->format != NGX_KAFKA_WS_FORMAT_JSON                                \
     || ngx_kafka_ws_route_conf(sub)->gap == NGX_KAFKA_WS_GAP_ON_CLOSE)

/*
 * The positions of one that has started.
 * pos:       room for sub->nplaces, sorted by partition
 */
void ngx_kafka_ws_route_positions(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_position_t *pos);


#endif /* _NGX_KAFKA_WS_ROUTE_H_INCLUDED_ */
