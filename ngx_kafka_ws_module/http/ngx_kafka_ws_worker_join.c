
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


static void ngx_kafka_ws_worker_writable(ngx_kafka_ws_subscriber_t *kws);
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
    ngx_kafka_ws_client_t             *client;
    ngx_kafka_ws_loc_conf_t           *klcf;
    ngx_kafka_ws_subscriber_t         *kws;
    ngx_kafka_ws_cluster_rendering_t  *cr;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_ws_module);
    cr = joining->deflate ? klcf->deflated[joining->format]
                          : klcf->renderings[joining->format];

    key->rendering = cr->index;

    kws = ngx_kafka_ws_subscriber_create(r, sizeof(ngx_kafka_ws_client_t));
    if (kws == NULL) {
        return NGX_ERROR;
    }

    client = (ngx_kafka_ws_client_t *) kws;
    client->first.kws = kws;
    joining->client = client;

    joining->route = ngx_kafka_ws_route_get(&kww->routes, key, kww->log);
    if (joining->route == NULL) {
        return NGX_ERROR;
    }

    client->first.group = ngx_kafka_ws_group_get(&joining->route->set,
                                                 joining->wants, kww->log);
    if (client->first.group == NULL) {
        ngx_kafka_ws_worker_refuse(joining);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_kafka_ws_worker_refuse(ngx_kafka_ws_joining_t *joining)
{
    ngx_kafka_ws_group_t  *group;

    group = joining->client->first.group;

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
    ngx_kafka_ws_slot_t          *slot;
    ngx_kafka_ws_route_t         *route;
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_loc_conf_t      *klcf;
    ngx_kafka_ws_subscription_t  *sub;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_ws_module);
    slot = ngx_kafka_ws_shm_slot(klcf->cluster->root);
    route = joining->route;
    client = joining->client;
    sub = &client->first;

    if (ngx_kafka_ws_subscriber_begin(&client->subscriber, &klcf->socket,
                                      joining->deflate, &slot->counters,
                                      &ngx_kafka_ws_worker_owner, client)
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
    kww->nclients++;

    ngx_kafka_ws_count(&slot->deflate, client->subscriber.deflate);

    sub->route = route;
    sub->format = klcf->formats[joining->format];
    sub->start = joining->wish;
    joining->wish->deadline = ngx_current_msec + NGX_KAFKA_WS_START_LOADING;

    ngx_queue_insert_tail(&kww->clients, &client->all);

    sub->where = NGX_KAFKA_WS_AT_PENDING;
    ngx_queue_insert_tail(&kww->pending, &sub->queue);

    if (!kww->tick_event.timer_set) {
        ngx_add_timer(&kww->tick_event,
                      kww->polls ? NGX_KAFKA_WS_POLL : NGX_KAFKA_WS_TICK);
    }

    ngx_post_event(&kww->pass_event, &ngx_posted_events);

    return NGX_DONE;
}


/*
 * The client took all that it was given so far.
 */

static void
ngx_kafka_ws_worker_writable(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_kafka_ws_client_t  *client;

    client = kws->data;

    ngx_kafka_ws_worker_go_on(ngx_kafka_ws_worker(), &client->first);
}


void
ngx_kafka_ws_worker_go_on(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_int_t              rc;
    ngx_kafka_ws_route_t  *route;

    route = sub->route;

    if (sub->where == NGX_KAFKA_WS_AT_PENDING) {

        if (!ngx_kafka_ws_start_ready(route, sub)) {
            return;
        }

        if (route->nlive == 0 && route != kww->current) {
            /* "latest" is the end as it is now, not as it was when the
               first of its subscribers came */
            (void) ngx_kafka_ws_worker_skip(route);
        }

        rc = ngx_kafka_ws_start_begin(route, sub);

        if (rc == NGX_ERROR) {
            ngx_kafka_ws_subscriber_fail(sub->kws);
        }

        return;
    }

    if (sub->where == NGX_KAFKA_WS_AT_BEHIND) {
        ngx_kafka_ws_worker_catch_up(kww, sub);
    }
}


static void
ngx_kafka_ws_worker_leave(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_kafka_ws_slot_t          *slot;
    ngx_kafka_ws_route_t         *route;
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_worker_t        *kww;
    ngx_kafka_ws_subscription_t  *sub;

    kww = ngx_kafka_ws_worker();
    client = kws->data;
    sub = &client->first;
    route = sub->route;

    client->last = ngx_kafka_ws_route_end(route, sub);
    client->nlast = sub->nplaces;
    ngx_kafka_ws_sums_add(&client->sent, &sub->sent);

    ngx_kafka_ws_group_release(&route->set, sub->group);

    ngx_kafka_ws_older_free(sub);

    ngx_queue_remove(&client->all);
    kww->nclients--;

    if (kws->deflate) {
        slot = ngx_kafka_ws_shm_slot(route->cluster->root);
        ngx_kafka_ws_count(&slot->deflate, -1);
    }

    ngx_kafka_ws_worker_release(kww, route);
}


static ngx_int_t
ngx_kafka_ws_worker_idle(ngx_kafka_ws_subscriber_t *kws)
{
    size_t                        n;
    u_char                        frame[NGX_KAFKA_WS_EVENT_LEN];
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_subscription_t  *sub;

    client = kws->data;
    sub = &client->first;

    /* what has not started yet gets its start event first */

    if (sub->format != NGX_KAFKA_WS_FORMAT_JSON || sub->start != NULL) {
        return NGX_OK;
    }

    n = ngx_kafka_ws_event_idle(frame, sizeof(frame), NULL);

    return ngx_kafka_ws_subscriber_event(kws, frame, n);
}
