
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Whether a command may have what it asks for: the operator's bounds.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_commands.h"


ngx_int_t
ngx_kafka_ws_commands_topic(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_route_key_t *key)
{
    ngx_int_t                 rc;
    ngx_kafka_ws_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(ask->client->subscriber.request,
                                        ngx_kafka_ws_module);

    key->cluster = klcf->cluster;
    key->rendering = ask->client->commands->rendering;

    switch (ngx_kafka_ws_bounds_topic(klcf->cluster, &ask->topic,
                                      &key->topic))
    {

    case NGX_KAFKA_WS_BOUNDS_OK:
        return NGX_OK;

    case NGX_KAFKA_WS_BOUNDS_FORBIDDEN:
        rc = ngx_kafka_ws_commands_error(ask, NGX_KAFKA_WS_COMMANDS_FORBIDDEN,
                                         "the topic is not streamed here");
        break;

    case NGX_KAFKA_WS_BOUNDS_NOT_READY:
        rc = ngx_kafka_ws_commands_error(ask, NGX_KAFKA_WS_COMMANDS_NOT_NOW,
                                         "topics are not known yet");
        break;

    case NGX_KAFKA_WS_BOUNDS_NO_MEMORY:
        rc = ngx_kafka_ws_commands_error(ask, NGX_KAFKA_WS_COMMANDS_NOT_NOW,
                                         "no room for this topic");
        break;

    default:
        rc = ngx_kafka_ws_commands_error(ask, NGX_KAFKA_WS_COMMANDS_UNKNOWN,
                                         "the topic does not exist");
        break;
    }

    return ngx_kafka_ws_commands_declined(rc);
}


/* what all streams of the connection are narrowed by, and then this one */

ngx_int_t
ngx_kafka_ws_commands_filter(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_route_key_t *key)
{
    ngx_int_t                 rc;
    ngx_uint_t                bad;
    ngx_kafka_ws_filter_t    *filter;
    ngx_kafka_ws_narrow_e     result;
    ngx_kafka_ws_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(ask->client->subscriber.request,
                                        ngx_kafka_ws_module);

    filter = &ask->filter;

    filter->terms = ask->terms;
    filter->wants = ask->wants;

    ngx_kafka_ws_filter_copy(filter, &ask->client->commands->filter);

    result = ngx_kafka_ws_filter_narrow(klcf, ask->cmd->filters,
                                        ask->cmd->nfilters, filter, &bad);

    if (result != NGX_KAFKA_WS_NARROW_OK) {
        rc = ngx_kafka_ws_commands_error(ask,
                           (result == NGX_KAFKA_WS_NARROW_FIELD)
                           ? NGX_KAFKA_WS_COMMANDS_FORBIDDEN
                           : NGX_KAFKA_WS_COMMANDS_MALFORMED,
                           "filter: field %ui%s", bad + 1,
                           ngx_kafka_ws_filter_narrow_text(result));
        return ngx_kafka_ws_commands_declined(rc);
    }

    key->terms = filter->terms;
    key->nterms = filter->nterms;

    return NGX_OK;
}


/* the client may choose among the location's partitions, no others */

ngx_int_t
ngx_kafka_ws_commands_within(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_route_key_t *key, ngx_kafka_ws_within_t *within)
{
    ngx_int_t                rc;
    ngx_uint_t               i, k, none;
    ngx_kafka_ws_range_t    *asked;
    ngx_kafka_ws_command_t  *cmd;

    cmd = ask->cmd;

    none = (ngx_kafka_ws_bounds_within(&ask->client->commands->bounds,
                                       key->topic, within)
            != NGX_KAFKA_WS_BOUNDS_OK);

    key->ranges = within->ranges;
    key->nranges = within->nranges;
    key->npartitions = within->npartitions;

    if (!none && cmd->nranges
        && (cmd->ranges[0].first != 0
            || cmd->ranges[0].last != NGX_MAX_INT32_VALUE))
    {
        for (i = 0, k = 0; i < cmd->nranges; i++) {
            asked = &cmd->ranges[i];

            /* both lists are sorted, and their ranges lie apart */

            while (k < within->nranges
                   && within->ranges[k].last < asked->first)
            {
                k++;
            }

            if (k == within->nranges || within->ranges[k].first > asked->first
                || within->ranges[k].last < asked->last)
            {
                rc = ngx_kafka_ws_commands_error(ask,
                                  NGX_KAFKA_WS_COMMANDS_FORBIDDEN,
                                  "partitions that are not streamed here");
                return ngx_kafka_ws_commands_declined(rc);
            }
        }

        key->ranges = cmd->ranges;
        key->nranges = cmd->nranges;

        none = ((uint32_t) cmd->ranges[0].first
                >= ngx_kafka_ws_load_acquire(&key->topic->npartitions));
    }

    if (none) {
        rc = ngx_kafka_ws_commands_error(ask, NGX_KAFKA_WS_COMMANDS_UNKNOWN,
                                         "the topic has no such partition");
        return ngx_kafka_ws_commands_declined(rc);
    }

    return NGX_OK;
}


/* a cursor must not name what the stream does not have */

ngx_int_t
ngx_kafka_ws_commands_positions(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_topic_t *topic, ngx_kafka_ws_range_t *ranges,
    ngx_uint_t nranges)
{
    int32_t                   partition;
    uint32_t                  npartitions;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_kafka_ws_command_t   *cmd;

    cmd = ask->cmd;
    npartitions = ngx_kafka_ws_load_acquire(&topic->npartitions);

    for (i = 0; i < cmd->npositions; i++) {
        partition = cmd->positions[i].partition;

        if (!ngx_kafka_ws_ranges_contain(ranges, nranges, partition)) {
            rc = ngx_kafka_ws_commands_error(ask,
                                         NGX_KAFKA_WS_COMMANDS_FORBIDDEN,
                                         "partition %D is not streamed here",
                                         partition);
            return ngx_kafka_ws_commands_declined(rc);
        }

        if ((uint32_t) partition >= npartitions) {
            rc = ngx_kafka_ws_commands_error(ask,
                                         NGX_KAFKA_WS_COMMANDS_UNKNOWN,
                                         "the topic has no partition %D",
                                         partition);
            return ngx_kafka_ws_commands_declined(rc);
        }
    }

    return NGX_OK;
}


/* where the command says, else as the handshake said for new clients */

ngx_int_t
ngx_kafka_ws_commands_wish(ngx_kafka_ws_asking_t *ask,
    ngx_kafka_ws_wish_t **wish)
{
    ngx_int_t                rc;
    ngx_str_t                value;
    ngx_kafka_ws_start_t     start;
    ngx_kafka_ws_command_t  *cmd;

    cmd = ask->cmd;
    start = ask->client->commands->start;

    if (cmd->start.len) {
        value.data = (u_char *) cmd->start.data;
        value.len = cmd->start.len;

        if (ngx_kafka_ws_conf_parse_start(&value, &start) != NGX_OK) {
            rc = ngx_kafka_ws_commands_error(ask,
                       NGX_KAFKA_WS_COMMANDS_MALFORMED,
                       "start: not latest, earliest, tail=n or since=time");
            return ngx_kafka_ws_commands_declined(rc);
        }
    }

    *wish = ngx_kafka_ws_start_wish(cmd->npositions,
                                    ngx_kafka_ws_commands_log(ask));
    if (*wish == NULL) {
        rc = ngx_kafka_ws_commands_no_memory(ask);
        return ngx_kafka_ws_commands_declined(rc);
    }

    (*wish)->start = start;
    (*wish)->ncursor = cmd->npositions;

    if (cmd->npositions) {
        ngx_memcpy((*wish)->cursor, cmd->positions,
                   cmd->npositions * sizeof(ngx_kafka_ws_position_t));
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_commands_no_memory(ngx_kafka_ws_asking_t *ask)
{
    return ngx_kafka_ws_commands_error(ask, NGX_KAFKA_WS_COMMANDS_NOT_NOW,
                                       "no memory");
}
