
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * How a subscriber comes to a worker, what it says to it, how it leaves.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_worker.h"


static void ngx_kafka_ws_worker_leave(ngx_kafka_ws_subscriber_t *kws);
static ngx_int_t ngx_kafka_ws_worker_idle(ngx_kafka_ws_subscriber_t *kws);


static const ngx_kafka_ws_owner_t  ngx_kafka_ws_worker_owner = {
    ngx_kafka_ws_worker_writable,
    ngx_kafka_ws_worker_leave,
    ngx_kafka_ws_worker_exiting,
    ngx_kafka_ws_worker_idle,
    NULL
};


ngx_int_t
ngx_kafka_ws_worker_prepare(ngx_kafka_ws_worker_t *kww, ngx_http_request_t *r,
    ngx_kafka_ws_route_key_t *key, ngx_kafka_ws_joining_t *joining)
{
    ngx_kafka_ws_loc_conf_t           *klcf;
    ngx_kafka_ws_cluster_rendering_t  *cr;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_ws_module);
    cr = joining->deflate ? klcf->deflated[joining->format]
                          : klcf->renderings[joining->format];

    key->rendering = cr->index;

    joining->subscriber = ngx_kafka_ws_subscriber_create(r);
    if (joining->subscriber == NULL) {
        return NGX_ERROR;
    }

    joining->route = ngx_kafka_ws_route_get(&kww->routes, key, kww->log);
    if (joining->route == NULL) {
        return NGX_ERROR;
    }

    joining->subscriber->group = ngx_kafka_ws_group_get(&joining->route->set,
                                                   joining->wants, kww->log);
    if (joining->subscriber->group == NULL) {
        ngx_kafka_ws_worker_refuse(joining);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_kafka_ws_worker_refuse(ngx_kafka_ws_joining_t *joining)
{
    ngx_kafka_ws_group_t  *group;

    group = joining->subscriber->group;

    if (group) {
        ngx_kafka_ws_group_release(&joining->route->set, group);
    }

    if (joining->route->nsubscribers == 0) {
        ngx_kafka_ws_route_free(joining->route);
    }
}


ngx_int_t
ngx_kafka_ws_worker_join(ngx_kafka_ws_worker_t *kww, ngx_http_request_t *r,
    ngx_kafka_ws_joining_t *joining)
{
    ngx_kafka_ws_slot_t        *slot;
    ngx_kafka_ws_route_t       *route;
    ngx_kafka_ws_loc_conf_t    *klcf;
    ngx_kafka_ws_subscriber_t  *kws;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_ws_module);
    slot = ngx_kafka_ws_shm_slot(klcf->cluster->root);
    route = joining->route;
    kws = joining->subscriber;

    if (ngx_kafka_ws_subscriber_begin(kws, &klcf->socket, joining->deflate,
                                      &slot->counters,
                                      &ngx_kafka_ws_worker_owner, route)
        != NGX_OK)
    {
        ngx_kafka_ws_worker_refuse(joining);
        return NGX_ERROR;
    }

    if (route->nsubscribers == 0) {
        kww->nroutes++;
        ngx_kafka_ws_worker_want(route);
    }

    route->nsubscribers++;
    kww->nsubscribers++;

    ngx_kafka_ws_count(&slot->deflate, kws->deflate);

    kws->format = klcf->formats[joining->format];
    kws->start = joining->wish;
    joining->wish->deadline = ngx_current_msec + NGX_KAFKA_WS_START_LOADING;

    ngx_queue_insert_tail(&kww->subscribers, &kws->all);

    kws->where = NGX_KAFKA_WS_AT_PENDING;
    ngx_queue_insert_tail(&kww->pending, &kws->queue);

    if (!kww->tick_event.timer_set) {
        ngx_add_timer(&kww->tick_event,
                      kww->polls ? NGX_KAFKA_WS_POLL : NGX_KAFKA_WS_TICK);
    }

    ngx_post_event(&kww->pass_event, &ngx_posted_events);

    return NGX_DONE;
}


/*
 * The subscriber took all that it was given so far.
 */

void
ngx_kafka_ws_worker_writable(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_int_t               rc;
    ngx_kafka_ws_worker_t  *kww;
    ngx_kafka_ws_route_t   *route;

    kww = ngx_kafka_ws_worker();
    route = kws->data;

    if (kws->where == NGX_KAFKA_WS_AT_PENDING) {

        if (route->nparts == 0) {
            /* rings that are made for it, perhaps */
            ngx_kafka_ws_worker_extend(kww, route);
        }

        if (!ngx_kafka_ws_start_ready(route, kws)) {
            return;
        }

        if (route->nlive == 0 && route != kww->current) {
            /* "latest" is the end as it is now, not as it was when the
               first of its subscribers came */
            (void) ngx_kafka_ws_worker_skip(route);
        }

        rc = ngx_kafka_ws_start_begin(route, kws);

        if (rc == NGX_ERROR) {
            ngx_kafka_ws_subscriber_fail(kws);
        }

        return;
    }

    if (kws->where == NGX_KAFKA_WS_AT_BEHIND) {
        ngx_kafka_ws_worker_catch_up(kww, kws);
    }
}


static void
ngx_kafka_ws_worker_leave(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_kafka_ws_slot_t    *slot;
    ngx_kafka_ws_worker_t  *kww;
    ngx_kafka_ws_route_t   *route;

    kww = ngx_kafka_ws_worker();
    route = kws->data;

    ngx_kafka_ws_route_leave(route, kws);
    ngx_kafka_ws_group_release(&route->set, kws->group);

    ngx_kafka_ws_older_free(kws);

    ngx_queue_remove(&kws->all);
    kww->nsubscribers--;

    if (kws->deflate) {
        slot = ngx_kafka_ws_shm_slot(route->cluster->root);
        ngx_kafka_ws_count(&slot->deflate, -1);
    }

    ngx_kafka_ws_worker_release(kww, route);
}


static ngx_int_t
ngx_kafka_ws_worker_idle(ngx_kafka_ws_subscriber_t *kws)
{
    size_t   n;
    u_char   frame[NGX_KAFKA_WS_EVENT_LEN];

    /* what has not started yet gets its start event first */

    if (kws->format != NGX_KAFKA_WS_FORMAT_JSON || kws->start != NULL) {
        return NGX_OK;
    }

    n = ngx_kafka_ws_event_idle(frame, sizeof(frame), NULL);

    return ngx_kafka_ws_subscriber_event(kws, frame, n);
}
