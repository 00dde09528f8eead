
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_interest.h"
#include "ngx_kafka_ws_route.h"


#define NGX_KAFKA_WS_ROUTE_PARTS  4    /* room at first */


static ngx_uint_t ngx_kafka_ws_route_is(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_route_key_t *key);
static ngx_kafka_ws_route_t *ngx_kafka_ws_route_create(
    ngx_kafka_ws_route_key_t *key, ngx_log_t *log);
static ngx_int_t ngx_kafka_ws_route_add(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_stream_t *stream, uint32_t number, ngx_uint_t first,
    ngx_log_t *log);
static void ngx_kafka_ws_route_move_parts(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_route_part_t *parts);


ngx_kafka_ws_route_t *
ngx_kafka_ws_route_get(ngx_queue_t *routes, ngx_kafka_ws_route_key_t *key,
    ngx_log_t *log)
{
    ngx_queue_t           *q;
    ngx_kafka_ws_route_t  *route;

    for (q = ngx_queue_head(routes);
         q != ngx_queue_sentinel(routes);
         q = ngx_queue_next(q))
    {
        route = ngx_queue_data(q, ngx_kafka_ws_route_t, queue);

        if (ngx_kafka_ws_route_is(route, key)) {
            return route;
        }
    }

    route = ngx_kafka_ws_route_create(key, log);

    if (route) {
        ngx_queue_insert_tail(routes, &route->queue);
    }

    return route;
}


static ngx_uint_t
ngx_kafka_ws_route_is(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_route_key_t *key)
{
    ngx_uint_t  i;

    if (route->topic != key->topic
        || route->rendering != key->rendering
        || route->nranges != key->nranges
        || route->npartitions != key->npartitions
        || route->set.nterms != key->nterms
        || ngx_memcmp(route->ranges, key->ranges,
                      key->nranges * sizeof(ngx_kafka_ws_range_t)) != 0)
    {
        return 0;
    }

    for (i = 0; i < key->nterms; i++) {
        if (route->set.terms[i].field != key->terms[i].field
            || route->set.terms[i].op != key->terms[i].op)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_kafka_ws_route_t *
ngx_kafka_ws_route_create(ngx_kafka_ws_route_key_t *key, ngx_log_t *log)
{
    size_t                 size;
    ngx_kafka_ws_route_t  *route;

    route = ngx_calloc(sizeof(ngx_kafka_ws_route_t), log);
    if (route == NULL) {
        return NULL;
    }

    size = key->nranges * sizeof(ngx_kafka_ws_range_t);

    route->ranges = ngx_alloc(size, log);
    if (route->ranges == NULL) {
        ngx_free(route);
        return NULL;
    }

    if (ngx_kafka_ws_interest_hold(key->cluster, key->topic) != NGX_OK) {
        ngx_free(route->ranges);
        ngx_free(route);
        return NULL;
    }

    ngx_memcpy(route->ranges, key->ranges, size);

    route->nranges = key->nranges;
    route->npartitions = key->npartitions;
    route->cluster = key->cluster;
    route->topic = key->topic;
    route->name.data = key->topic->name;
    route->name.len = key->topic->len;
    route->rendering = key->rendering;
    route->last = NGX_KAFKA_WS_NONE;
    route->moved = NGX_KAFKA_WS_NONE;
    route->unread = NGX_KAFKA_WS_NONE;

    route->named = (key->cluster->renderings[key->rendering]->rendering.fields
                    & NGX_KAFKA_WS_FIELD_TOPIC) ? 1 : 0;

    ngx_queue_init(&route->ahead);
    ngx_queue_init(&route->behind);

    if (ngx_kafka_ws_group_set_init(&route->set, key->terms, key->nterms, log)
        != NGX_OK
        || ngx_kafka_ws_route_extend(route, log) == NGX_ERROR)
    {
        ngx_kafka_ws_route_free(route);
        return NULL;
    }

    ngx_kafka_ws_interest_ask(route->cluster, route->topic);

    return route;
}


void
ngx_kafka_ws_route_free(ngx_kafka_ws_route_t *route)
{
    ngx_uint_t  k;

    if (route->queue.next) {
        ngx_queue_remove(&route->queue);
    }

    if (route->looking) {
        ngx_queue_remove(&route->look);
    }

    for (k = 0; k < route->nparts; k++) {
        if (route->parts[k].bit.next) {
            ngx_queue_remove(&route->parts[k].bit);
        }
    }

    if (route->parts) {
        ngx_free(route->parts);
    }

    ngx_kafka_ws_interest_drop(route->cluster, route->topic);

    ngx_kafka_ws_sieve_forget(&route->set);
    ngx_kafka_ws_group_set_free(&route->set);
    ngx_free(route->ranges);
    ngx_free(route);
}


ngx_int_t
ngx_kafka_ws_route_extend(ngx_kafka_ws_route_t *route, ngx_log_t *log)
{
    uint32_t                n;
    ngx_int_t               rc, added;
    ngx_uint_t              first;
    ngx_kafka_ws_root_t    *root;
    ngx_kafka_ws_stream_t  *stream;

    root = route->cluster->root;
    first = (route->queue.next == NULL);
    added = 0;

    for ( ;; ) {

        if (route->last == NGX_KAFKA_WS_NONE) {
            n = ngx_kafka_ws_load_acquire(&route->topic->first);

        } else {
            stream = ngx_kafka_ws_shm_stream(root, route->last);
            n = ngx_kafka_ws_load_acquire(&stream->next);
        }

        if (n == NGX_KAFKA_WS_NONE) {
            return added;
        }

        stream = ngx_kafka_ws_shm_stream(root, n);

        if ((uint32_t) stream->partition
            >= ngx_kafka_ws_load_acquire(&route->topic->nrings))
        {
            return added;
        }

        if (ngx_kafka_ws_ranges_contain(route->ranges, route->nranges,
                                        stream->partition))
        {
            rc = ngx_kafka_ws_route_add(route, stream, n, first, log);

            if (rc == NGX_ERROR) {
                return NGX_ERROR;
            }

            if (rc == NGX_AGAIN) {
                /* it has no ring yet */
                return added;
            }

            added++;
        }

        route->last = n;
    }
}


static ngx_int_t
ngx_kafka_ws_route_add(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_stream_t *stream, uint32_t number, ngx_uint_t first,
    ngx_log_t *log)
{
    ngx_uint_t                  n;
    ngx_kafka_ws_route_part_t  *part, *parts;

    if (route->nparts == route->max_parts) {
        n = ngx_max(NGX_KAFKA_WS_ROUTE_PARTS, route->max_parts * 2);

        parts = ngx_alloc(n * sizeof(ngx_kafka_ws_route_part_t), log);
        if (parts == NULL) {
            return NGX_ERROR;
        }

        ngx_kafka_ws_route_move_parts(route, parts);

        route->max_parts = n;
    }

    part = &route->parts[route->nparts];

    if (ngx_kafka_ws_shm_view_own(route->cluster, stream, &part->view)
        != NGX_OK)
    {
        return NGX_AGAIN;
    }

    part->open = 1;
    part->number = number;
    part->route = route;
    part->bit.next = NULL;
    part->listed = 0;
    part->place.seq = first ? ngx_kafka_ws_ring_head(&part->view.ring)
                            : ngx_kafka_ws_ring_tail(&part->view.ring);

    if (ngx_kafka_ws_ring_offset(&part->view.ring, part->place.seq,
                                 &part->place.offset)
        != NGX_KAFKA_WS_RING_OK)
    {
        return NGX_AGAIN;
    }

    part->before = part->place;

    route->streams[ngx_kafka_ws_stream_word(number)]
        |= ngx_kafka_ws_stream_bit(number);

    route->nparts++;

    ngx_kafka_ws_route_unread(part);

    return NGX_OK;
}


/* one after the other: those with the same bit may be neighbours */

static void
ngx_kafka_ws_route_move_parts(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_route_part_t *parts)
{
    ngx_uint_t    k;
    ngx_queue_t  *bit;

    for (k = 0; k < route->nparts; k++) {
        parts[k] = route->parts[k];
        bit = &parts[k].bit;

        if (bit->next) {
            bit->next->prev = bit;
            bit->prev->next = bit;
        }
    }

    if (route->parts) {
        ngx_free(route->parts);
    }

    route->parts = parts;
}


ngx_kafka_ws_place_t *
ngx_kafka_ws_route_place(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t k)
{
    if (sub->where != NGX_KAFKA_WS_AT_LIVE) {
        return &sub->places[k];
    }

    return (sub->round == sub->group->round) ? &route->parts[k].place
                                             : &route->parts[k].before;
}


ngx_int_t
ngx_kafka_ws_route_places(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub)
{
    size_t                 size;
    ngx_uint_t             n;
    ngx_kafka_ws_place_t  *places;

    if (route->nparts <= sub->max_places) {
        return NGX_OK;
    }

    n = route->nparts;
    size = n * sizeof(ngx_kafka_ws_place_t);

    /* partitions are added rarely: what is given up stays in the pool */

    places = sub->owned ? ngx_alloc(size, sub->kws->connection->log)
                        : ngx_palloc(sub->kws->request->pool, size);
    if (places == NULL) {
        return NGX_ERROR;
    }

    if (sub->nplaces) {
        ngx_memcpy(places, sub->places,
                   sub->nplaces * sizeof(ngx_kafka_ws_place_t));
    }

    if (sub->owned && sub->places) {
        ngx_free(sub->places);
    }

    sub->places = places;
    sub->max_places = n;

    return NGX_OK;
}


void
ngx_kafka_ws_route_move(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_where_e where)
{
    ngx_uint_t  k;

    if (sub->where == NGX_KAFKA_WS_AT_LIVE && where != NGX_KAFKA_WS_AT_LIVE) {
        for (k = 0; k < sub->nplaces; k++) {
            sub->places[k] = *ngx_kafka_ws_route_place(route, sub, k);
        }
    }

    ngx_kafka_ws_route_leave(route, sub);

    sub->where = where;

    switch (where) {

    case NGX_KAFKA_WS_AT_LIVE:
        route->nlive++;
        sub->coming = 0;
        sub->round = sub->group->round;
        ngx_kafka_ws_sums_sub(&sub->sent, &sub->group->sent);
        ngx_queue_insert_tail(&sub->group->live, &sub->queue);
        break;

    case NGX_KAFKA_WS_AT_AHEAD:
        ngx_queue_insert_tail(&route->ahead, &sub->queue);
        break;

    case NGX_KAFKA_WS_AT_BEHIND:
        ngx_queue_insert_tail(&route->behind, &sub->queue);
        break;

    default:
        break;
    }
}


void
ngx_kafka_ws_route_leave(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub)
{
    switch (sub->where) {

    case NGX_KAFKA_WS_AT_NONE:
    case NGX_KAFKA_WS_AT_PAUSED:
    case NGX_KAFKA_WS_AT_ENDED:
        break;

    case NGX_KAFKA_WS_AT_LIVE:
        route->nlive--;
        ngx_kafka_ws_route_sent(sub, &sub->sent);
        /* fall through */

    default:
        ngx_queue_remove(&sub->queue);
        break;
    }

    sub->where = NGX_KAFKA_WS_AT_NONE;
}


ngx_kafka_ws_subscription_t *
ngx_kafka_ws_route_find(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_client_t *client)
{
    ngx_kafka_ws_subscription_t  *sub;

    for (sub = &client->first; sub; sub = sub->next) {
        if (sub->route == route) {
            return sub;
        }
    }

    return NULL;
}


ngx_kafka_ws_subscription_t *
ngx_kafka_ws_route_only(ngx_kafka_ws_client_t *client)
{
    ngx_kafka_ws_subscription_t  *sub, *only;

    only = NULL;

    for (sub = &client->first; sub; sub = sub->next) {

        if (sub->route && only) {
            return NULL;
        }

        if (sub->route) {
            only = sub;
        }
    }

    return only;
}


void
ngx_kafka_ws_route_end(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_uint_t code)
{
    if (sub->where == NGX_KAFKA_WS_AT_ENDED) {
        return;
    }

    ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_ENDED);

    sub->code = (unsigned) code;

    ngx_post_event(sub->kws->connection->write, &ngx_posted_events);
}


void
ngx_kafka_ws_route_sent(ngx_kafka_ws_subscription_t *sub,
    ngx_kafka_ws_sums_t *sums)
{
    ngx_kafka_ws_group_t  *group;

    *sums = sub->sent;

    if (sub->where == NGX_KAFKA_WS_AT_LIVE) {
        group = sub->group;

        ngx_kafka_ws_sums_add(sums, (sub->round == group->round)
                                    ? &group->sent : &group->before);
    }
}


ngx_uint_t
ngx_kafka_ws_route_level(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_uint_t  k;

    if (sub->nplaces != route->nparts || sub->older) {
        return 0;
    }

    for (k = 0; k < route->nparts; k++) {
        if (sub->places[k].seq != route->parts[k].place.seq) {
            return 0;
        }
    }

    return 1;
}


void
ngx_kafka_ws_route_positions(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_position_t *pos)
{
    ngx_uint_t  k;

    for (k = 0; k < sub->nplaces; k++) {
        pos[k].partition = route->parts[k].view.stream->partition;
        pos[k].offset = ngx_kafka_ws_route_place(route, sub, k)->offset;
    }
}
