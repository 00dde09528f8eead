
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A client with commands has any number of streams, up to a bound, over one
 * socket: subscriptions (subscription.h) that routes know as they know any.
 *
 *     message -> bounded in size by the receiver, in number by credit;
 *                parsed; done at once, without a system call; answered by
 *                one event, in the order of the commands
 *     writable -> answers that waited, then the streams in turns: what has
 *                ended is told, what waits for its start starts, what is
 *                behind gets a few spans of its own
 *
 * What is new comes to those who are live by the passes of the worker, as to
 * anyone.  A stream whose socket another one has filled finds that out when
 * it is to get something, and is behind then.  While answers wait nothing is
 * read, so that they are bounded by what one read can ask for.
 *
 * A stream ends alone.  What ends the socket is told by the Close: a slow
 * client, a reload, a stop, a zone that is made anew.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_commands.h"


#define NGX_KAFKA_WS_COMMANDS_SMALL  512   /* bytes of a command that is
                                              parsed without the heap */


static void ngx_kafka_ws_commands_writable(ngx_kafka_ws_subscriber_t *kws);
static void ngx_kafka_ws_commands_leave(ngx_kafka_ws_subscriber_t *kws);
static ngx_int_t ngx_kafka_ws_commands_data(ngx_kafka_ws_subscriber_t *kws,
    const ngx_kafka_ws_recv_t *ev);
static ngx_int_t ngx_kafka_ws_commands_take(ngx_kafka_ws_client_t *client,
    u_char *p, size_t len);
static ngx_uint_t ngx_kafka_ws_commands_spend(
    ngx_kafka_ws_commands_t *commands);
static ngx_int_t ngx_kafka_ws_commands_parse(ngx_kafka_ws_client_t *client,
    u_char *p, size_t len, u_char *text, ngx_kafka_ws_position_t *positions,
    size_t max);
static void ngx_kafka_ws_commands_turns(ngx_kafka_ws_client_t *client);


const ngx_kafka_ws_owner_t  ngx_kafka_ws_commands_owner = {
    ngx_kafka_ws_commands_writable,
    ngx_kafka_ws_commands_leave,
    ngx_kafka_ws_worker_exiting,
    ngx_kafka_ws_worker_idle,
    ngx_kafka_ws_commands_data,
    0
};


ngx_kafka_ws_commands_t *
ngx_kafka_ws_commands_create(ngx_http_request_t *r,
    ngx_kafka_ws_joining_t *joining, ngx_kafka_ws_topic_t *topic,
    ngx_kafka_ws_bounds_t *bounds, ngx_kafka_ws_filter_t *filter)
{
    size_t                    size;
    ngx_kafka_ws_commands_t  *commands;
    ngx_kafka_ws_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_ws_module);

    commands = ngx_pcalloc(r->pool, sizeof(ngx_kafka_ws_commands_t));
    if (commands == NULL) {
        return NULL;
    }

    commands->conf = &klcf->commands;
    commands->bounds = *bounds;
    commands->filter = *filter;
    commands->start = joining->wish->start;
    commands->rendering = ngx_kafka_ws_worker_rendering(klcf, joining);
    commands->credit = klcf->commands.rate * 1000;
    commands->earned = ngx_current_msec;

    if (topic) {
        /* its name stays where it is */
        commands->topic.data = topic->name;
        commands->topic.len = topic->len;
        commands->nstreams = 1;
    }

    if (bounds->ranges != klcf->ranges) {
        size = bounds->nranges * sizeof(ngx_kafka_ws_range_t);

        commands->bounds.ranges = ngx_palloc(r->pool, size);
        if (commands->bounds.ranges == NULL) {
            return NULL;
        }

        ngx_memcpy(commands->bounds.ranges, bounds->ranges, size);
    }

    return commands;
}


static void
ngx_kafka_ws_commands_leave(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_kafka_ws_client_t  *client;

    client = kws->data;

    ngx_kafka_ws_bytes_free(&client->commands->message);
    ngx_kafka_ws_bytes_free(&client->commands->answers);

    ngx_kafka_ws_worker_leave(kws);
}


static ngx_int_t
ngx_kafka_ws_commands_data(ngx_kafka_ws_subscriber_t *kws,
    const ngx_kafka_ws_recv_t *ev)
{
    ngx_int_t                 rc;
    ngx_kafka_ws_client_t    *client;
    ngx_kafka_ws_commands_t  *commands;

    client = kws->data;
    commands = client->commands;

    if (!ev->text) {

        if (ev->last) {
            ngx_kafka_ws_subscriber_fault(kws, NGX_KAFKA_WS_CLOSE_UNSUPPORTED,
                                          "commands are text");
        }

        return NGX_OK;
    }

    if (ev->first && ev->last) {
        return ngx_kafka_ws_commands_take(client, ev->data, ev->len);
    }

    /* no more than kafka_ws_max_frame */

    if (ngx_kafka_ws_bytes_append(&commands->message, ev->data, ev->len,
                                  kws->connection->log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ev->last) {
        return NGX_OK;
    }

    rc = ngx_kafka_ws_commands_take(client, commands->message->data,
                                    commands->message->len);

    ngx_kafka_ws_bytes_free(&commands->message);

    return rc;
}


static ngx_int_t
ngx_kafka_ws_commands_take(ngx_kafka_ws_client_t *client, u_char *p,
    size_t len)
{
    size_t                      max;
    u_char                      text[NGX_KAFKA_WS_COMMANDS_SMALL];
    ngx_int_t                   rc;
    ngx_kafka_ws_position_t    *heap;
    ngx_kafka_ws_position_t     positions[ngx_kafka_ws_command_positions(
                                              NGX_KAFKA_WS_COMMANDS_SMALL)];
    ngx_kafka_ws_subscriber_t  *kws;

    kws = &client->subscriber;

    if (!ngx_kafka_ws_commands_spend(client->commands)) {
        ngx_kafka_ws_subscriber_fault(kws, NGX_KAFKA_WS_CLOSE_POLICY,
                                      "too many commands");
        return NGX_OK;
    }

    /* what is counted here needs no other brake */

    if (kws->credit < NGX_KAFKA_WS_SUB_CREDIT) {
        kws->credit++;
    }

    max = ngx_kafka_ws_command_positions(len);

    if (len <= NGX_KAFKA_WS_COMMANDS_SMALL) {
        return ngx_kafka_ws_commands_parse(client, p, len, text, positions,
                                           max);
    }

    heap = ngx_alloc(max * sizeof(ngx_kafka_ws_position_t) + len,
                     kws->connection->log);
    if (heap == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_kafka_ws_commands_parse(client, p, len, (u_char *) (heap + max),
                                     heap, max);

    ngx_free(heap);

    return rc;
}


/*
 * The rate is that of a second; who was quiet for one has it all at once.
 * returns:  0: it has none left
 */

static ngx_uint_t
ngx_kafka_ws_commands_spend(ngx_kafka_ws_commands_t *commands)
{
    ngx_uint_t  rate;
    ngx_msec_t  elapsed;

    rate = commands->conf->rate;
    elapsed = ngx_current_msec - commands->earned;

    commands->earned = ngx_current_msec;
    commands->credit += ngx_min(elapsed, 1000) * rate;
    commands->credit = ngx_min(commands->credit, rate * 1000);

    if (commands->credit < 1000) {
        return 0;
    }

    commands->credit -= 1000;

    return 1;
}


static ngx_int_t
ngx_kafka_ws_commands_parse(ngx_kafka_ws_client_t *client, u_char *p,
    size_t len, u_char *text, ngx_kafka_ws_position_t *positions, size_t max)
{
    ngx_kafka_ws_asking_t         ask;
    ngx_kafka_ws_command_t        cmd;
    ngx_kafka_ws_command_error_t  err;

    ask.client = client;
    ask.cmd = &cmd;
    ngx_str_null(&ask.topic);

    if (ngx_kafka_ws_command_parse(p, len, text, positions, max, &cmd, &err)
        != NGX_KAFKA_WS_COMMAND_OK)
    {
        return ngx_kafka_ws_commands_error(&ask,
                                           NGX_KAFKA_WS_COMMANDS_MALFORMED,
                                           "%s at byte %uz", err.text,
                                           err.pos);
    }

    ask.topic.data = (u_char *) cmd.topic.data;
    ask.topic.len = cmd.topic.len;

    if (ask.topic.len == 0) {
        ask.topic = client->commands->topic;
    }

    if (ask.topic.len == 0) {
        return ngx_kafka_ws_commands_error(&ask,
                                           NGX_KAFKA_WS_COMMANDS_MALFORMED,
                                           "\"topic\" is missing");
    }

    return ngx_kafka_ws_commands_do(&ask);
}


static void
ngx_kafka_ws_commands_writable(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_uint_t              held;
    ngx_kafka_ws_client_t  *client;

    client = kws->data;
    held = kws->hold;

    if (ngx_kafka_ws_commands_flush(client) != NGX_OK) {
        ngx_kafka_ws_subscriber_fail(kws);
        return;
    }

    if (held && !kws->hold) {
        ngx_kafka_ws_subscriber_read_on(kws);
    }

    if (!ngx_kafka_ws_subscriber_blocked(kws)) {
        ngx_kafka_ws_commands_turns(client);
    }
}


/*
 * Each stream at most once, beginning where the last time ended.  A stream
 * that gets its turn may end its socket, and all with it: it is not touched
 * then.
 */

static void
ngx_kafka_ws_commands_turns(ngx_kafka_ws_client_t *client)
{
    ngx_uint_t                    n;
    ngx_kafka_ws_worker_t        *kww;
    ngx_kafka_ws_commands_t      *commands;
    ngx_kafka_ws_subscription_t  *sub;

    kww = ngx_kafka_ws_worker();
    commands = client->commands;

    /* one more, if the first has none */

    for (n = commands->nstreams + 1; n; n--) {
        sub = commands->turn ? commands->turn : &client->first;

        commands->turn = sub->next;

        if (sub->route == NULL) {
            continue;
        }

        if (sub->where == NGX_KAFKA_WS_AT_ENDED) {

            if (ngx_kafka_ws_commands_ended(client, sub) != NGX_OK) {
                ngx_kafka_ws_subscriber_fail(&client->subscriber);
                return;
            }

            if (ngx_kafka_ws_subscriber_blocked(&client->subscriber)) {
                return;
            }

            continue;
        }

        if (ngx_kafka_ws_worker_go_on(kww, sub) != NGX_OK) {
            return;
        }
    }
}


void
ngx_kafka_ws_commands_remove(ngx_kafka_ws_client_t *client,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_kafka_ws_commands_t       *commands;
    ngx_kafka_ws_subscription_t  **link;

    commands = client->commands;

    ngx_kafka_ws_worker_shut(ngx_kafka_ws_worker(), sub);

    commands->nstreams--;

    if (sub == &client->first) {
        return;
    }

    if (commands->turn == sub) {
        commands->turn = sub->next;
    }

    link = &client->first.next;

    while (*link != sub) {
        link = &(*link)->next;
    }

    *link = sub->next;

    ngx_free(sub);
}
