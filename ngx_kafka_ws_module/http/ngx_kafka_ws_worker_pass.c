
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The hot path.  A pass looks at each route of the worker that has news: what
 * is new in its partitions is copied once from the rings, checked, and that
 * copy goes to every subscriber that is live, with one send for all of it.
 *
 *     wake-up, tick -> pass: for each route
 *                        gather    one checked copy of what is new
 *                        deliver   a send for each live subscriber, or, with
 *                                  a filter, for each who wants any of it;
 *                                  in slices, so that nginx gets on with
 *                                  accepts and timers
 *                        finish    those who are ahead of the route
 *     write event  -> catch up: a subscriber behind the others gets copies
 *                     of its own until it is level with the route
 *
 * A subscriber whose socket is full takes its places with it and is not
 * looked at again until the socket has room (or the sweep finds it too slow):
 * it costs the others nothing.
 *
 * The writer marks the streams that have news for this process.  A mark is
 * taken before its streams are looked at, and stays with the routes until a
 * look finds nothing more: who looks at nothing else misses nothing.  A new
 * writer marks all, for the last one may have died before it marked; the tick
 * takes marks that nobody was woken for, and now and then looks at all heads.
 *
 * When nothing is left the process arms its wake-up and looks for marks once
 * more; a worker that is busy is not woken.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_wakeup.h"
#include "ngx_kafka_ws_worker.h"


#define NGX_KAFKA_WS_PASS_SIZE      (256 * 1024)   /* bytes of a span */
#define NGX_KAFKA_WS_PASS_RECORDS   8192
#define NGX_KAFKA_WS_PASS_SENDS     256            /* of a slice */
#define NGX_KAFKA_WS_PASS_LOOKS     256            /* in vain, of a slice */
#define NGX_KAFKA_WS_CATCH_SIZE     (64 * 1024)
#define NGX_KAFKA_WS_CATCH_RECORDS  4096


static ngx_int_t ngx_kafka_ws_worker_route(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);
static void ngx_kafka_ws_worker_places(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf);
static ngx_kafka_ws_gather_e ngx_kafka_ws_worker_overrun(
    ngx_kafka_ws_worker_t *kww, ngx_kafka_ws_route_t *route);
static void ngx_kafka_ws_worker_stale(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);
static void ngx_kafka_ws_worker_anew(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route, ngx_uint_t k);
static void ngx_kafka_ws_worker_arm(ngx_kafka_ws_worker_t *kww);


ngx_int_t
ngx_kafka_ws_worker_pass_init(ngx_kafka_ws_worker_t *kww)
{
    if (ngx_kafka_ws_gather_init(&kww->pass, NGX_KAFKA_WS_PASS_SIZE,
                                      NGX_KAFKA_WS_PASS_RECORDS, kww->log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_kafka_ws_gather_init(&kww->catch_up, NGX_KAFKA_WS_CATCH_SIZE,
                                    NGX_KAFKA_WS_CATCH_RECORDS, kww->log);
}


void
ngx_kafka_ws_worker_pass_handler(ngx_event_t *ev)
{
    ngx_kafka_ws_worker_t *kww = ev->data;

    ngx_uint_t             sends, looks, armed;
    ngx_queue_t           *q;
    ngx_kafka_ws_route_t  *route;

    ngx_kafka_ws_count(&kww->counters->passes, 1);

    sends = NGX_KAFKA_WS_PASS_SENDS;
    looks = NGX_KAFKA_WS_PASS_LOOKS;
    armed = 0;

    for ( ;; ) {

        if (kww->current) {
            route = kww->current;

            if (ngx_kafka_ws_worker_deliver(kww, route, &sends) != NGX_OK) {
                ngx_post_event(ev, &ngx_posted_next_events);
                return;
            }

            ngx_kafka_ws_worker_finish(kww, route);

            kww->current = NULL;

            ngx_kafka_ws_worker_release(kww, route);

            if (sends == 0) {
                ngx_post_event(ev, &ngx_posted_next_events);
                return;
            }
        }

        if (looks == 0) {
            /* news for nobody, or a ring that becomes another, without end */
            ngx_post_event(ev, &ngx_posted_next_events);
            return;
        }

        q = ngx_queue_head(&kww->look);
        ngx_queue_remove(q);

        if (q == &kww->round) {

            /* each had its turn: those with newer marks are the next */

            ngx_kafka_ws_worker_marks(kww);
            ngx_queue_insert_tail(&kww->look, q);

            if (q != ngx_queue_head(&kww->look)) {
                continue;
            }

            if (armed || kww->nroutes == 0) {
                return;
            }

            ngx_kafka_ws_worker_arm(kww);

            armed = 1;
            continue;
        }

        route = ngx_queue_data(q, ngx_kafka_ws_route_t, look);
        route->looking = 0;

        ngx_kafka_ws_worker_hold(route);

        switch (ngx_kafka_ws_worker_route(kww, route)) {

        case NGX_OK:
            ngx_kafka_ws_worker_again(kww, route);
            kww->current = route;
            armed = 0;
            continue;

        case NGX_AGAIN:
            ngx_kafka_ws_worker_again(kww, route);
            break;

        default: /* NGX_DECLINED */
            break;
        }

        looks--;

        ngx_kafka_ws_worker_release(kww, route);
    }
}


static void
ngx_kafka_ws_worker_arm(ngx_kafka_ws_worker_t *kww)
{
    ngx_uint_t                i;
    ngx_kafka_ws_cluster_t  **kwc;

    kwc = kww->conf->clusters.elts;

    for (i = 0; i < kww->conf->clusters.nelts; i++) {
        ngx_kafka_ws_wakeup_arm(ngx_kafka_ws_shm_slot(kwc[i]->root));
    }
}


/*
 * Gathers what is new for a route.
 * returns:  NGX_OK: there is a span to deliver; NGX_DECLINED: nothing;
 *           NGX_AGAIN: not now
 */

static ngx_int_t
ngx_kafka_ws_worker_route(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    ngx_kafka_ws_gather_e     rc;
    ngx_kafka_ws_span_buf_t  *buf;

    buf = &kww->pass;

    ngx_kafka_ws_worker_extend(kww, route);

    if (route->nolder) {
        ngx_kafka_ws_worker_older(kww, route);
    }

    if (route->stale) {
        ngx_kafka_ws_worker_stale(kww, route);
    }

    if (route->nlive == 0) {

        /* nobody to copy it for; somebody's start may have skipped it, too */

        (void) ngx_kafka_ws_worker_skip(route);
        ngx_kafka_ws_worker_finish(kww, route);

        return NGX_DECLINED;
    }

    rc = ngx_kafka_ws_gather(route, NULL, buf, kww->log);

    if (rc == NGX_KAFKA_WS_GATHER_SPAN) {
        ngx_kafka_ws_count(&kww->counters->copies, buf->nmarks);
        ngx_kafka_ws_count(&kww->counters->copied, buf->len);

    } else if (rc == NGX_KAFKA_WS_GATHER_NONE) {
        return NGX_DECLINED;

    } else if (rc == NGX_KAFKA_WS_GATHER_LAPPED) {
        rc = ngx_kafka_ws_worker_overrun(kww, route);
    }

    if (rc == NGX_KAFKA_WS_GATHER_ERROR) {
        ngx_kafka_ws_worker_close_all(kww, route,
                                      NGX_KAFKA_WS_CLOSE_INTERNAL);
        return NGX_DECLINED;
    }

    if (rc != NGX_KAFKA_WS_GATHER_SPAN) {
        /* STALE: of which it is found out when it is looked at again */
        route->stale = 1;
        return NGX_AGAIN;
    }

    ngx_kafka_ws_worker_places(route, buf);

    ngx_kafka_ws_worker_begin(kww, route);

    return NGX_OK;
}


/* those before are those of the parts of the last span, now */

static void
ngx_kafka_ws_worker_places(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf)
{
    uint32_t                    k;
    ngx_uint_t                  i;
    ngx_kafka_ws_route_part_t  *part;

    for (k = route->moved; k != NGX_KAFKA_WS_NONE; k = part->moved) {
        part = &route->parts[k];
        part->before = part->place;
    }

    route->moved = NGX_KAFKA_WS_NONE;

    for (i = 0; i < buf->nmarks; i++) {
        k = (uint32_t) buf->marks[i].k;
        part = &route->parts[k];

        part->place = buf->marks[i].next;
        part->moved = route->moved;
        route->moved = k;
    }
}


void
ngx_kafka_ws_worker_extend(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    ngx_queue_t                  *q, *next;
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_subscription_t  *sub;

    if (ngx_kafka_ws_route_extend(route, kww->log) <= 0) {
        return;
    }

    ngx_kafka_ws_worker_want(kww, route);

    ngx_kafka_ws_worker_again(kww, route);
    ngx_post_event(&kww->pass_event, &ngx_posted_events);

    for (q = ngx_queue_head(&kww->clients);
         q != ngx_queue_sentinel(&kww->clients);
         q = next)
    {
        next = ngx_queue_next(q);
        client = ngx_queue_data(q, ngx_kafka_ws_client_t, all);
        sub = ngx_kafka_ws_route_find(route, client);

        if (sub == NULL || sub->where != NGX_KAFKA_WS_AT_LIVE) {
            continue;
        }

        if (!ngx_kafka_ws_subscriber_blocked(sub->kws)
            && ngx_kafka_ws_start_announce(route, sub) != NGX_OK)
        {
            ngx_kafka_ws_subscriber_fail(sub->kws);
            continue;
        }

        /* by what goes over the socket besides, or by this */

        if (ngx_kafka_ws_subscriber_blocked(sub->kws)) {
            sub->behind = ngx_current_msec;
            ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_BEHIND);
        }
    }
}


/*
 * returns:  1 if it was not there
 */

ngx_uint_t
ngx_kafka_ws_worker_skip(ngx_kafka_ws_route_t *route)
{
    uint64_t                    head;
    ngx_uint_t                  k, moved;
    ngx_kafka_ws_route_part_t  *part;

    moved = 0;

    for (k = 0; k < route->nparts; k++) {
        part = &route->parts[k];

        if (!part->open) {
            continue;
        }

        head = ngx_kafka_ws_ring_head(&part->view.ring);

        if (head != part->place.seq
            && ngx_kafka_ws_ring_offset(&part->view.ring, head,
                                        &part->place.offset)
               == NGX_KAFKA_WS_RING_OK)
        {
            part->place.seq = head;
            part->before = part->place;
            moved = 1;
        }
    }

    return moved;
}


/*
 * The writer overran this worker itself: all who are live missed the same,
 * and are told as one.
 */

static ngx_kafka_ws_gather_e
ngx_kafka_ws_worker_overrun(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    ngx_uint_t                  i;
    ngx_kafka_ws_mark_t        *mark;
    ngx_kafka_ws_gather_e       rc;
    ngx_kafka_ws_route_part_t  *part;

    rc = ngx_kafka_ws_gather_skip(route, NULL, &kww->pass, 0, kww->log);

    if (rc != NGX_KAFKA_WS_GATHER_SPAN) {
        return rc;
    }

    ngx_kafka_ws_count(&kww->counters->lapped, kww->pass.nmarks);

    for (i = 0; i < kww->pass.nmarks; i++) {
        mark = &kww->pass.marks[i];
        part = &route->parts[mark->k];

        ngx_log_error(NGX_LOG_WARN, kww->log, 0,
                      "worker was overrun in topic \"%V\" partition %D from "
                      "offset %L to %L", &route->name,
                      part->view.stream->partition, part->place.offset,
                      mark->next.offset);
    }

    return NGX_KAFKA_WS_GATHER_SPAN;
}


static void
ngx_kafka_ws_worker_stale(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    ngx_uint_t  k;

    route->stale = 0;

    for (k = 0; k < route->nparts; k++) {
        if (!route->parts[k].open
            || !ngx_kafka_ws_shm_valid(&route->parts[k].view))
        {
            ngx_kafka_ws_worker_anew(kww, route, k);
        }
    }
}


/*
 * A part has no ring, or another one: its log is another, or the writer was
 * told to make room.
 */

static void
ngx_kafka_ws_worker_anew(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route, ngx_uint_t k)
{
    ngx_int_t                     rc;
    ngx_queue_t                  *q, *next;
    ngx_kafka_ws_view_t           view;
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_route_part_t    *part;
    ngx_kafka_ws_subscription_t  *sub;

    part = &route->parts[k];
    part->open = 0;

    if (ngx_kafka_ws_shm_view_own(route->cluster, part->view.stream, &view)
        != NGX_OK)
    {
        /* the tick finds out whether this is for good */
        return;
    }

    part->view = view;
    part->place.seq = ngx_kafka_ws_ring_tail(&view.ring);

    if (ngx_kafka_ws_ring_offset(&view.ring, part->place.seq,
                                 &part->place.offset)
        != NGX_KAFKA_WS_RING_OK)
    {
        return;
    }

    part->before = part->place;
    part->open = 1;

    ngx_kafka_ws_route_unread(part);

    for (q = ngx_queue_head(&kww->clients);
         q != ngx_queue_sentinel(&kww->clients);
         q = next)
    {
        next = ngx_queue_next(q);
        client = ngx_queue_data(q, ngx_kafka_ws_client_t, all);
        sub = ngx_kafka_ws_route_find(route, client);

        if (sub == NULL || k >= sub->nplaces
            || sub->where == NGX_KAFKA_WS_AT_ENDED)
        {
            continue;
        }

        if (ngx_kafka_ws_subscriber_blocked(sub->kws)) {
            /* it comes back with its cursor, and is told then */
            ngx_kafka_ws_worker_close(client, NGX_KAFKA_WS_CLOSE_RESTART);
            continue;
        }

        rc = ngx_kafka_ws_start_reset(route, sub, k);

        if (rc == NGX_ERROR) {
            ngx_kafka_ws_subscriber_fail(sub->kws);

        } else if (rc == NGX_OK && sub->where == NGX_KAFKA_WS_AT_BEHIND) {
            ngx_post_event(sub->kws->connection->write, &ngx_posted_events);
        }
    }
}
