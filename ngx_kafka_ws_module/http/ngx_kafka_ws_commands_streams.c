
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What the commands do.  Every one is bound by what the operator allows,
 * whatever else it says: the cluster's topics, and the location's partitions
 * and filters as they were at the handshake.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_commands.h"
#include "ngx_kafka_ws_interest.h"


static ngx_int_t ngx_kafka_ws_commands_subscribe(ngx_kafka_ws_asking_t *ask);
static ngx_int_t ngx_kafka_ws_commands_open(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_route_key_t *key, ngx_kafka_ws_wish_t *wish);
static ngx_int_t ngx_kafka_ws_commands_enter(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_route_key_t *key, ngx_kafka_ws_route_t **route,
    ngx_kafka_ws_group_t **group);
static ngx_int_t ngx_kafka_ws_commands_unsubscribe(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub);
static ngx_int_t ngx_kafka_ws_commands_pause(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub);
static ngx_int_t ngx_kafka_ws_commands_resume(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub);
static ngx_int_t ngx_kafka_ws_commands_seek(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub);
static ngx_int_t ngx_kafka_ws_commands_moved(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t **wish);
static ngx_kafka_ws_wish_t *ngx_kafka_ws_commands_here(
    ngx_kafka_ws_asking_t *ask, ngx_kafka_ws_subscription_t *sub);
static ngx_kafka_ws_subscription_t *ngx_kafka_ws_commands_find(
    ngx_kafka_ws_client_t *client, ngx_str_t *topic);


ngx_int_t
ngx_kafka_ws_commands_do(ngx_kafka_ws_asking_t *ask)
{
    ngx_kafka_ws_subscription_t  *sub;

    sub = ngx_kafka_ws_commands_find(ask->client, &ask->topic);

    if (sub && sub->where == NGX_KAFKA_WS_AT_ENDED) {

        /* what the client has still to be told */

        if (ngx_kafka_ws_commands_ended(ask->client, sub) != NGX_OK) {
            return NGX_ERROR;
        }

        sub = NULL;
    }

    if (ask->cmd->command == NGX_KAFKA_WS_COMMAND_SUBSCRIBE) {

        if (sub) {
            return ngx_kafka_ws_commands_error(ask,
                                               NGX_KAFKA_WS_COMMANDS_CONFLICT,
                                               "the topic has a stream");
        }

        return ngx_kafka_ws_commands_subscribe(ask);
    }

    if (sub == NULL) {
        return ngx_kafka_ws_commands_error(ask,
                                           NGX_KAFKA_WS_COMMANDS_CONFLICT,
                                           "the topic has no stream");
    }

    switch (ask->cmd->command) {

    case NGX_KAFKA_WS_COMMAND_UNSUBSCRIBE:
        return ngx_kafka_ws_commands_unsubscribe(ask, sub);

    case NGX_KAFKA_WS_COMMAND_PAUSE:
        return ngx_kafka_ws_commands_pause(ask, sub);

    case NGX_KAFKA_WS_COMMAND_RESUME:
        return ngx_kafka_ws_commands_resume(ask, sub);

    default: /* NGX_KAFKA_WS_COMMAND_SEEK */
        return ngx_kafka_ws_commands_seek(ask, sub);
    }
}


static ngx_kafka_ws_subscription_t *
ngx_kafka_ws_commands_find(ngx_kafka_ws_client_t *client, ngx_str_t *topic)
{
    ngx_kafka_ws_subscription_t  *sub;

    for (sub = &client->first; sub; sub = sub->next) {

        if (sub->route && sub->route->name.len == topic->len
            && ngx_memcmp(sub->route->name.data, topic->data, topic->len)
               == 0)
        {
            return sub;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_kafka_ws_commands_subscribe(ngx_kafka_ws_asking_t *ask)
{
    ngx_int_t                  rc;
    ngx_kafka_ws_wish_t       *wish;
    ngx_kafka_ws_within_t      within;
    ngx_kafka_ws_commands_t   *commands;
    ngx_kafka_ws_route_key_t   key;

    commands = ask->client->commands;

    rc = ngx_kafka_ws_commands_topic(ask, &key);

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_commands_within(ask, &key, &within);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_commands_filter(ask, &key);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_commands_positions(ask, key.topic, key.ranges,
                                             key.nranges);
    }

    if (rc == NGX_OK && commands->nstreams >= commands->conf->streams) {
        rc = ngx_kafka_ws_commands_error(ask, NGX_KAFKA_WS_COMMANDS_TOO_MANY,
                                         "more than %ui streams",
                                         commands->conf->streams);
        return rc;
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_commands_wish(ask, &wish);
    }

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    return ngx_kafka_ws_commands_open(ask, &key, wish);
}


static ngx_int_t
ngx_kafka_ws_commands_open(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_route_key_t *key, ngx_kafka_ws_wish_t *wish)
{
    ngx_int_t                     rc;
    ngx_kafka_ws_route_t         *route;
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_subscription_t  *sub;

    client = ask->client;
    sub = &client->first;

    if (sub->route) {
        sub = ngx_calloc(sizeof(ngx_kafka_ws_subscription_t),
                         ngx_kafka_ws_commands_log(ask));
        if (sub == NULL) {
            ngx_kafka_ws_start_free(wish);
            return ngx_kafka_ws_commands_no_memory(ask);
        }
    }

    rc = ngx_kafka_ws_commands_enter(ask, key, &route, &sub->group);

    if (rc != NGX_OK) {

        if (sub != &client->first) {
            ngx_free(sub);
        }

        ngx_kafka_ws_start_free(wish);

        return (rc == NGX_DECLINED)
               ? ngx_kafka_ws_commands_error(ask,
                                             NGX_KAFKA_WS_COMMANDS_NOT_NOW,
                                             "no room for this topic")
               : ngx_kafka_ws_commands_no_memory(ask);
    }

    if (sub != &client->first) {
        sub->kws = &client->subscriber;
        sub->format = client->first.format;
        sub->owned = 1;
        sub->next = client->first.next;
        client->first.next = sub;
    }

    client->commands->nstreams++;

    ngx_kafka_ws_worker_open(ngx_kafka_ws_worker(), sub, route, wish);

    /* it starts when the answer is out */
    ngx_post_event(client->subscriber.connection->write, &ngx_posted_events);

    return ngx_kafka_ws_commands_answer(ask, "subscribed", NULL);
}


/* NGX_DECLINED: the zone has no room for its rings */

static ngx_int_t
ngx_kafka_ws_commands_enter(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_route_key_t *key, ngx_kafka_ws_route_t **route,
    ngx_kafka_ws_group_t **group)
{
    ngx_int_t  rc;

    /* held, and only then looked at, as by a handshake */

    if (ngx_kafka_ws_interest_hold(key->cluster, key->topic) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = NGX_DECLINED;

    if (ngx_kafka_ws_interest_room(key->cluster, key->topic)) {
        rc = ngx_kafka_ws_worker_enter(ngx_kafka_ws_worker(), key,
                                       ask->filter.wants, route, group);
    }

    ngx_kafka_ws_interest_drop(key->cluster, key->topic);

    return rc;
}


static ngx_int_t
ngx_kafka_ws_commands_unsubscribe(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_int_t             rc;
    ngx_kafka_ws_wish_t  *wish;

    wish = ngx_kafka_ws_commands_here(ask, sub);
    if (wish == NULL) {
        return ngx_kafka_ws_commands_no_memory(ask);
    }

    rc = ngx_kafka_ws_commands_answer(ask, "unsubscribed", wish);

    ngx_kafka_ws_start_free(wish);

    ngx_kafka_ws_commands_remove(ask->client, sub);

    return rc;
}


/*
 * All that is left of a stream that is paused are its positions: it goes on
 * as one that comes back with its cursor.
 */

static ngx_int_t
ngx_kafka_ws_commands_pause(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_kafka_ws_wish_t  *wish;

    if (sub->where != NGX_KAFKA_WS_AT_PAUSED) {

        wish = ngx_kafka_ws_commands_here(ask, sub);
        if (wish == NULL) {
            return ngx_kafka_ws_commands_no_memory(ask);
        }

        ngx_kafka_ws_worker_restart(ngx_kafka_ws_worker(), sub, wish, 1);
    }

    return ngx_kafka_ws_commands_answer(ask, "paused", sub->start);
}


static ngx_int_t
ngx_kafka_ws_commands_resume(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub)
{
    if (sub->where == NGX_KAFKA_WS_AT_PAUSED) {
        ngx_kafka_ws_worker_restart(ngx_kafka_ws_worker(), sub, sub->start,
                                    0);
        ngx_post_event(sub->kws->connection->write, &ngx_posted_events);
    }

    return ngx_kafka_ws_commands_answer(ask, "resumed", NULL);
}


static ngx_int_t
ngx_kafka_ws_commands_seek(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_int_t              rc;
    ngx_kafka_ws_wish_t   *wish;
    ngx_kafka_ws_route_t  *route;

    route = sub->route;

    rc = ngx_kafka_ws_commands_positions(ask, route->topic, route->ranges,
                                         route->nranges);

    if (rc == NGX_OK) {
        rc = ask->cmd->npositions
             ? ngx_kafka_ws_commands_moved(ask, sub, &wish)
             : ngx_kafka_ws_commands_wish(ask, &wish);
    }

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    ngx_kafka_ws_worker_restart(ngx_kafka_ws_worker(), sub, wish,
                                sub->where == NGX_KAFKA_WS_AT_PAUSED);

    ngx_post_event(sub->kws->connection->write, &ngx_posted_events);

    return ngx_kafka_ws_commands_answer(ask, "sought", NULL);
}


/* partitions that are not named go on where they are */

static ngx_int_t
ngx_kafka_ws_commands_moved(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_wish_t **wish)
{
    ngx_int_t                 rc;
    ngx_uint_t                i, k, n;
    ngx_kafka_ws_wish_t      *here, *there;
    ngx_kafka_ws_command_t   *cmd;

    cmd = ask->cmd;

    here = ngx_kafka_ws_commands_here(ask, sub);
    there = NULL;

    if (here) {
        there = ngx_kafka_ws_start_wish(here->ncursor + cmd->npositions,
                                        ngx_kafka_ws_commands_log(ask));
    }

    if (there == NULL) {
        ngx_kafka_ws_start_free(here);

        rc = ngx_kafka_ws_commands_no_memory(ask);
        return ngx_kafka_ws_commands_declined(rc);
    }

    for (i = 0, k = 0, n = 0; i < here->ncursor || k < cmd->npositions; n++) {

        if (k == cmd->npositions
            || (i < here->ncursor
                && here->cursor[i].partition < cmd->positions[k].partition))
        {
            there->cursor[n] = here->cursor[i++];
            continue;
        }

        if (i < here->ncursor
            && here->cursor[i].partition == cmd->positions[k].partition)
        {
            i++;
        }

        there->cursor[n] = cmd->positions[k++];
    }

    there->ncursor = n;
    there->start = ask->client->commands->start;

    ngx_kafka_ws_start_free(here);

    *wish = there;

    return NGX_OK;
}


/* where the stream is; from a position that its log lost, as a new one */

static ngx_kafka_ws_wish_t *
ngx_kafka_ws_commands_here(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_kafka_ws_wish_t  *wish;

    wish = ngx_kafka_ws_start_here(sub, ngx_kafka_ws_commands_log(ask));

    if (wish && wish->ncursor) {
        wish->start = ask->client->commands->start;
    }

    return wish;
}
