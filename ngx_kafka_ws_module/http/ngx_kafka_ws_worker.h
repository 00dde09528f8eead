
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A worker process: its routes and clients, the passes over what is new,
 * the drain at its end.  See the essay in ngx_kafka_ws_worker_pass.c.
 */


#ifndef _NGX_KAFKA_WS_WORKER_H_INCLUDED_
#define _NGX_KAFKA_WS_WORKER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_gather.h"
#include "ngx_kafka_ws_older.h"
#include "ngx_kafka_ws_route.h"
#include "ngx_kafka_ws_start.h"
#include "ngx_kafka_ws_subscriber.h"
#include "ngx_kafka_ws_subscription.h"


/* what a group gets of a span */

typedef struct {
    u_char                    *data;
    size_t                     len;
    uint32_t                  *sent;          /* n ends of its records */
    ngx_uint_t                 n;
    ngx_uint_t                 picked;        /* 1: not all of the span */

    u_char                    *buf;           /* of records that were picked
                                                 and lie apart */
    size_t                     size;
    uint32_t                  *ends;
    uint32_t                  *records;       /* in the span */
} ngx_kafka_ws_share_t;


typedef struct {
    ngx_log_t                 *log;
    ngx_kafka_ws_main_conf_t  *conf;
    uint64_t                   generation;    /* of the configuration */
    ngx_uint_t                 polls;         /* no wake-ups: look often */
    ngx_kafka_ws_counters_t   *counters;      /* of the first cluster's slot */

    ngx_queue_t                routes;
    ngx_uint_t                 nroutes;
    ngx_queue_t                look;          /* routes that may have news, */
    ngx_queue_t                round;         /* and an end of a round of it */
    ngx_queue_t               *bits;          /* of each cluster's streams:
                                                 parts of routes */
    ngx_uint_t                 unwanted;      /* some are gone: wake-ups */
    ngx_queue_t                clients;       /* all, by client->all */
    ngx_uint_t                 nclients;
    ngx_queue_t                pending;       /* subscriptions */

    ngx_kafka_ws_span_buf_t    pass;
    ngx_kafka_ws_span_buf_t    catch_up;
    ngx_kafka_ws_route_t      *current;       /* its span is being sent */
    ngx_queue_t                due;           /* groups that have a share */
    ngx_kafka_ws_group_t      *group;         /* whose share this is: */
    ngx_kafka_ws_share_t       share;

    ngx_event_t                pass_event;
    ngx_event_t                tick_event;
    ngx_msec_t                 swept;         /* last look for slow ones */
    uint64_t                   news;          /* of older records, in all */

    ngx_event_t                drain_event;
    ngx_uint_t                 draining;
    ngx_uint_t                 drain_code;
    ngx_msec_t                 drain_start;
    ngx_msec_t                 drain_time;
    ngx_uint_t                 drain_total;
    ngx_uint_t                 drain_closed;
} ngx_kafka_ws_worker_t;


/*
 * Makes this process's worker, or ends it.
 * where:     init_process and exit_process of a worker or single process
 */
ngx_int_t ngx_kafka_ws_worker_init(ngx_cycle_t *cycle,
    ngx_kafka_ws_main_conf_t *mcf);
void ngx_kafka_ws_worker_exit(ngx_cycle_t *cycle);

/* this process's; NULL: none, it does not stream */
ngx_kafka_ws_worker_t *ngx_kafka_ws_worker(void);

/* what a 101 response promises */

typedef struct {
    ngx_kafka_ws_route_t       *route;
    ngx_kafka_ws_client_t      *client;
    ngx_uint_t                  format;
    ngx_uint_t                  deflate;
    ngx_kafka_ws_wish_t        *wish;         /* in the request's pool */
    ngx_kafka_ws_filter_want_t *wants;        /* the same; by the location's
                                                 terms; NULL: no filter */
    struct ngx_kafka_ws_commands_s
                               *commands;     /* the same; NULL: none */
    const ngx_kafka_ws_owner_t *owner;        /* NULL: the worker itself */
} ngx_kafka_ws_joining_t;


/*
 * Gets all that a stream needs before its 101 response is sent, and gives it
 * back, if that is not to be; or takes the request over afterwards.
 * joining:   all but route and client set by the caller
 * key:       set by the caller, but its rendering; without a topic there is
 *            no stream at first
 * returns:   prepare: NGX_OK, or NGX_ERROR: no memory; join: NGX_DONE for the
 *            content handler, or NGX_ERROR, and it is given back
 */
ngx_int_t ngx_kafka_ws_worker_prepare(ngx_kafka_ws_worker_t *kww,
    ngx_http_request_t *r, ngx_kafka_ws_route_key_t *key,
    ngx_kafka_ws_joining_t *joining);
void ngx_kafka_ws_worker_refuse(ngx_kafka_ws_joining_t *joining);
ngx_int_t ngx_kafka_ws_worker_join(ngx_kafka_ws_worker_t *kww,
    ngx_http_request_t *r, ngx_kafka_ws_joining_t *joining);

/* index of the rendering that it was agreed on */
#define ngx_kafka_ws_worker_rendering(klcf, joining)                          \
    ((joining)->deflate ? (klcf)->deflated[(joining)->format]->index          \
                        : (klcf)->renderings[(joining)->format]->index)

/*
 * Finds or makes a route, and the group of these values in it.
 * wants:     by the key's terms; NULL without any
 * returns:   NGX_OK: the group is to be given to a subscription, or back;
 *            NGX_ERROR: no memory
 */
ngx_int_t ngx_kafka_ws_worker_enter(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_key_t *key, ngx_kafka_ws_filter_want_t *wants,
    ngx_kafka_ws_route_t **route, ngx_kafka_ws_group_t **group);

/* between ngx_kafka_ws_worker*.c */

#define NGX_KAFKA_WS_TICK  100    /* ms; only while there is anyone */
#define NGX_KAFKA_WS_POLL  5      /* ms, in a process without wake-ups */

ngx_int_t ngx_kafka_ws_worker_pass_init(ngx_kafka_ws_worker_t *kww);
void ngx_kafka_ws_worker_pass_handler(ngx_event_t *ev);
void ngx_kafka_ws_worker_begin(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);
ngx_int_t ngx_kafka_ws_worker_deliver(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route, ngx_uint_t *sends);
/*
 * What the worker is marked for.  Takes the marks: routes that they are of are
 * to be looked at.
 * cost:      a look at each part of a route whose stream may be meant
 */
ngx_int_t ngx_kafka_ws_worker_marks_init(ngx_kafka_ws_worker_t *kww,
    ngx_pool_t *pool);
void ngx_kafka_ws_worker_marks(ngx_kafka_ws_worker_t *kww);
/* it wants the streams of a route, too; or only those of all that are left */
void ngx_kafka_ws_worker_want(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);
void ngx_kafka_ws_worker_want_again(ngx_kafka_ws_worker_t *kww);
/* the next pass looks at what is unread of a route, or has news now */
void ngx_kafka_ws_worker_again(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);
void ngx_kafka_ws_worker_look(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);
/* partitions that have got a ring; who is live is told */
void ngx_kafka_ws_worker_extend(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);
/* moves a route that nobody is live on to the end of its rings */
ngx_uint_t ngx_kafka_ws_worker_skip(ngx_kafka_ws_route_t *route);

/*
 * Begins, or goes on with, what a client can take now.
 * returns:   NGX_OK: it can take more; NGX_DONE: it is blocked, or others
 *            want their turn, or it is gone and must not be touched
 */
ngx_int_t ngx_kafka_ws_worker_go_on(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub);

/*
 * A subscription takes its place in a route, and waits for its start.
 * sub:       its group is set
 * wish:      its own from now on
 */
void ngx_kafka_ws_worker_open(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_wish_t *wish);

/*
 * It forgets where it is, and starts again as it wishes.
 * paused:    1: when it is to go on
 */
void ngx_kafka_ws_worker_restart(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t *wish,
    ngx_uint_t paused);

/* it is no more; its memory is kept, but for what belongs to it */
void ngx_kafka_ws_worker_shut(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub);

/* the owner's calls, for one that has more to do */
void ngx_kafka_ws_worker_leave(ngx_kafka_ws_subscriber_t *kws);
void ngx_kafka_ws_worker_exiting(ngx_kafka_ws_subscriber_t *kws);
ngx_int_t ngx_kafka_ws_worker_idle(ngx_kafka_ws_subscriber_t *kws);
void ngx_kafka_ws_worker_drain(ngx_event_t *ev);

void ngx_kafka_ws_worker_finish(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);
void ngx_kafka_ws_worker_older(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);
ngx_int_t ngx_kafka_ws_worker_catch_up(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub);
/*
 * What becomes of a subscriber that is behind, by kafka_ws_slow.
 * lapped:    1: a ring overran it
 * returns:   NGX_OK: nothing, or sub->skip is set; NGX_DONE: it is closed
 */
ngx_int_t ngx_kafka_ws_worker_slow(ngx_kafka_ws_subscription_t *sub,
    ngx_uint_t lapped);

/*
 * The cursor of a client's only stream.
 * pos:       room for them; NULL: they are counted
 * returns:   how many; 0: it has not started, or there are several, or none
 */
ngx_uint_t ngx_kafka_ws_worker_positions(ngx_kafka_ws_client_t *client,
    ngx_kafka_ws_position_t *pos);

void ngx_kafka_ws_worker_close(ngx_kafka_ws_client_t *client,
    ngx_uint_t code);
void ngx_kafka_ws_worker_end(ngx_kafka_ws_subscription_t *sub,
    ngx_uint_t code);
/* ends all streams of a route, which the caller holds */
void ngx_kafka_ws_worker_close_all(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route, ngx_uint_t code);
void ngx_kafka_ws_worker_release(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);

/* keeps a route while its subscribers may go; pair with _release() */
#define ngx_kafka_ws_worker_hold(route)  (route)->nsubscribers++


#endif /* _NGX_KAFKA_WS_WORKER_H_INCLUDED_ */
