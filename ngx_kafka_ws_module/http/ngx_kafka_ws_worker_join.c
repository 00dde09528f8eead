
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


static void ngx_kafka_ws_worker_keep(ngx_kafka_ws_client_t *client);
static void ngx_kafka_ws_worker_writable(ngx_kafka_ws_subscriber_t *kws);
static void ngx_kafka_ws_worker_pend(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t *wish);


static const ngx_kafka_ws_owner_t  ngx_kafka_ws_worker_owner = {
    ngx_kafka_ws_worker_writable,
    ngx_kafka_ws_worker_leave,
    ngx_kafka_ws_worker_exiting,
    ngx_kafka_ws_worker_idle,
    NULL,
    0
};


ngx_int_t
ngx_kafka_ws_worker_prepare(ngx_kafka_ws_worker_t *kww, ngx_http_request_t *r,
    ngx_kafka_ws_route_key_t *key, ngx_kafka_ws_joining_t *joining)
{
    ngx_kafka_ws_client_t      *client;
    ngx_kafka_ws_loc_conf_t    *klcf;
    ngx_kafka_ws_subscriber_t  *kws;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_ws_module);

    key->rendering = ngx_kafka_ws_worker_rendering(klcf, joining);

    kws = ngx_kafka_ws_subscriber_create(r, sizeof(ngx_kafka_ws_client_t));
    if (kws == NULL) {
        return NGX_ERROR;
    }

    client = (ngx_kafka_ws_client_t *) kws;
    client->first.kws = kws;
    client->commands = joining->commands;

    joining->client = client;
    joining->route = NULL;

    if (key->topic == NULL) {
        return NGX_OK;
    }

    return ngx_kafka_ws_worker_enter(kww, key, joining->wants,
                                     &joining->route, &client->first.group);
}


ngx_int_t
ngx_kafka_ws_worker_enter(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_key_t *key, ngx_kafka_ws_filter_want_t *wants,
    ngx_kafka_ws_route_t **route, ngx_kafka_ws_group_t **group)
{
    ngx_kafka_ws_route_t  *found;

    found = ngx_kafka_ws_route_get(&kww->routes, key, kww->log);
    if (found == NULL) {
        return NGX_ERROR;
    }

    *group = ngx_kafka_ws_group_get(&found->set, wants, kww->log);

    if (*group == NULL) {

        if (found->nsubscribers == 0) {
            ngx_kafka_ws_route_free(found);
        }

        return NGX_ERROR;
    }

    *route = found;

    return NGX_OK;
}


void
ngx_kafka_ws_worker_refuse(ngx_kafka_ws_joining_t *joining)
{
    if (joining->route == NULL) {
        return;
    }

    ngx_kafka_ws_group_release(&joining->route->set,
                               joining->client->first.group);

    if (joining->route->nsubscribers == 0) {
        ngx_kafka_ws_route_free(joining->route);
    }
}


ngx_int_t
ngx_kafka_ws_worker_join(ngx_kafka_ws_worker_t *kww, ngx_http_request_t *r,
    ngx_kafka_ws_joining_t *joining)
{
    ngx_kafka_ws_slot_t          *slot;
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_loc_conf_t      *klcf;
    ngx_kafka_ws_subscription_t  *sub;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_ws_module);
    slot = ngx_kafka_ws_shm_slot(klcf->cluster->root);
    client = joining->client;
    sub = &client->first;

    if (ngx_kafka_ws_subscriber_begin(&client->subscriber, &klcf->socket,
                                      joining->deflate, &slot->counters,
                                      joining->owner ? joining->owner
                                           : &ngx_kafka_ws_worker_owner,
                                      client)
        != NGX_OK)
    {
        ngx_kafka_ws_worker_refuse(joining);
        return NGX_ERROR;
    }

    kww->nclients++;

    ngx_kafka_ws_count(&slot->deflate, client->subscriber.deflate);

    ngx_queue_insert_tail(&kww->clients, &client->all);

    sub->format = klcf->formats[joining->format];
    sub->owned = (client->commands != NULL);

    if (joining->route) {
        ngx_kafka_ws_worker_open(kww, sub, joining->route, joining->wish);
    }

    if (!kww->tick_event.timer_set) {
        ngx_add_timer(&kww->tick_event,
                      kww->polls ? NGX_KAFKA_WS_POLL : NGX_KAFKA_WS_TICK);
    }

    ngx_post_event(&kww->pass_event, &ngx_posted_events);

    return NGX_DONE;
}


void
ngx_kafka_ws_worker_open(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_wish_t *wish)
{
    if (route->nsubscribers == 0) {
        kww->nroutes++;
        ngx_kafka_ws_worker_want(kww, route);
        ngx_kafka_ws_worker_look(kww, route);
        ngx_post_event(&kww->pass_event, &ngx_posted_events);
    }

    route->nsubscribers++;
    sub->route = route;

    ngx_kafka_ws_worker_pend(kww, sub, wish);
}


static void
ngx_kafka_ws_worker_pend(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t *wish)
{
    wish->deadline = ngx_current_msec + NGX_KAFKA_WS_START_LOADING;
    wish->loaded = 0;

    sub->start = wish;
    sub->where = NGX_KAFKA_WS_AT_PENDING;

    ngx_queue_insert_tail(&kww->pending, &sub->queue);
}


void
ngx_kafka_ws_worker_restart(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t *wish,
    ngx_uint_t paused)
{
    ngx_kafka_ws_route_leave(sub->route, sub);
    ngx_kafka_ws_older_free(sub);

    if (sub->start != wish) {
        ngx_kafka_ws_start_free(sub->start);
    }

    sub->nplaces = 0;
    sub->skip = 0;

    if (paused) {
        sub->start = wish;
        sub->where = NGX_KAFKA_WS_AT_PAUSED;

    } else {
        ngx_kafka_ws_worker_pend(kww, sub, wish);
    }
}


void
ngx_kafka_ws_worker_shut(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_kafka_ws_route_t  *route;

    route = sub->route;

    ngx_kafka_ws_route_leave(route, sub);

    ngx_kafka_ws_sums_add(&ngx_kafka_ws_client(sub)->sent, &sub->sent);
    ngx_memzero(&sub->sent, sizeof(ngx_kafka_ws_sums_t));

    ngx_kafka_ws_group_release(&route->set, sub->group);
    ngx_kafka_ws_older_free(sub);
    ngx_kafka_ws_start_free(sub->start);

    if (sub->owned && sub->places) {
        ngx_free(sub->places);
    }

    sub->places = NULL;
    sub->nplaces = 0;
    sub->max_places = 0;
    sub->group = NULL;
    sub->start = NULL;
    sub->route = NULL;
    sub->skip = 0;
    sub->code = 0;

    ngx_kafka_ws_worker_release(kww, route);
}


/*
 * The client took all that it was given so far.
 */

static void
ngx_kafka_ws_worker_writable(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_kafka_ws_client_t  *client;

    client = kws->data;

    (void) ngx_kafka_ws_worker_go_on(ngx_kafka_ws_worker(), &client->first);
}


ngx_int_t
ngx_kafka_ws_worker_go_on(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_int_t              rc;
    ngx_kafka_ws_route_t  *route;

    route = sub->route;

    if (sub->where == NGX_KAFKA_WS_AT_PENDING) {

        if (route->nparts == 0) {
            /* rings that are made for it, perhaps */
            ngx_kafka_ws_worker_extend(kww, route);
        }

        if (!ngx_kafka_ws_start_ready(route, sub)) {
            return NGX_OK;
        }

        if (route->nlive == 0 && route != kww->current) {
            /* "latest" is the end as it is now, not as it was when the
               first of its subscribers came */
            if (ngx_kafka_ws_worker_skip(route)) {
                /* who is ahead may be so no longer */
                ngx_kafka_ws_worker_again(kww, route);
                ngx_post_event(&kww->pass_event, &ngx_posted_events);
            }
        }

        rc = ngx_kafka_ws_start_begin(route, sub);

        if (rc == NGX_ERROR) {
            ngx_kafka_ws_subscriber_fail(sub->kws);
            return NGX_DONE;
        }

        if (rc == NGX_OK && ngx_kafka_ws_subscriber_blocked(sub->kws)) {
            return NGX_DONE;
        }

        return rc;
    }

    if (sub->where == NGX_KAFKA_WS_AT_BEHIND) {
        return ngx_kafka_ws_worker_catch_up(kww, sub);
    }

    return NGX_OK;
}


void
ngx_kafka_ws_worker_leave(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_kafka_ws_slot_t          *slot;
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_worker_t        *kww;
    ngx_kafka_ws_loc_conf_t      *klcf;
    ngx_kafka_ws_subscription_t  *sub, *next;

    kww = ngx_kafka_ws_worker();
    client = kws->data;

    ngx_kafka_ws_worker_keep(client);

    for (sub = client->first.next; sub; sub = next) {
        next = sub->next;

        ngx_kafka_ws_worker_shut(kww, sub);
        ngx_free(sub);
    }

    client->first.next = NULL;

    if (client->first.route) {
        ngx_kafka_ws_worker_shut(kww, &client->first);
    }

    ngx_queue_remove(&client->all);
    kww->nclients--;

    if (kws->deflate) {
        klcf = ngx_http_get_module_loc_conf(kws->request,
                                            ngx_kafka_ws_module);
        slot = ngx_kafka_ws_shm_slot(klcf->cluster->root);
        ngx_kafka_ws_count(&slot->deflate, -1);
    }
}


/* the route may be gone when the log is written; without memory it has none */

static void
ngx_kafka_ws_worker_keep(ngx_kafka_ws_client_t *client)
{
    ngx_uint_t  n;

    n = ngx_kafka_ws_worker_positions(client, NULL);

    if (n == 0) {
        return;
    }

    client->last = ngx_palloc(client->subscriber.request->pool,
                              n * sizeof(ngx_kafka_ws_position_t));
    if (client->last == NULL) {
        return;
    }

    client->nlast = ngx_kafka_ws_worker_positions(client, client->last);
}


ngx_uint_t
ngx_kafka_ws_worker_positions(ngx_kafka_ws_client_t *client,
    ngx_kafka_ws_position_t *pos)
{
    ngx_kafka_ws_wish_t          *wish;
    ngx_kafka_ws_subscription_t  *only;

    only = ngx_kafka_ws_route_only(client);

    if (only == NULL) {
        return 0;
    }

    if (only->where == NGX_KAFKA_WS_AT_PAUSED) {
        wish = only->start;

        if (pos && wish->ncursor) {
            ngx_memcpy(pos, wish->cursor,
                       wish->ncursor * sizeof(ngx_kafka_ws_position_t));
        }

        return wish->ncursor;
    }

    if (pos) {
        ngx_kafka_ws_route_positions(only->route, only, pos);
    }

    return only->nplaces;
}


ngx_int_t
ngx_kafka_ws_worker_idle(ngx_kafka_ws_subscriber_t *kws)
{
    size_t                        n;
    u_char                        frame[NGX_KAFKA_WS_EVENT_LEN];
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_subscription_t  *sub;

    client = kws->data;
    sub = &client->first;

    if (sub->format != NGX_KAFKA_WS_FORMAT_JSON) {
        return NGX_OK;
    }

    /* what has not started yet gets its start event first */

    for ( /* void */ ; sub; sub = sub->next) {
        if (sub->route && sub->where == NGX_KAFKA_WS_AT_PENDING) {
            return NGX_OK;
        }
    }

    n = ngx_kafka_ws_event_idle(frame, sizeof(frame), NULL);

    return ngx_kafka_ws_subscriber_event(kws, frame, n);
}
