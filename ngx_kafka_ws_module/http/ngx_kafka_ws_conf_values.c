
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Setters of what makes a location a stream, and of how that ends.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"


#define NGX_KAFKA_WS_BUFFER_MIN  4096                /* bytes */
#define NGX_KAFKA_WS_BUFFER_MAX  (64 * 1024 * 1024)  /* bytes */

#define NGX_KAFKA_WS_COMMANDS_STREAMS_MAX  1024
#define NGX_KAFKA_WS_COMMANDS_RATE_MAX     10000


static char *ngx_kafka_ws_conf_slow_arg(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf, ngx_str_t *value, ngx_uint_t *to);
static ngx_int_t ngx_kafka_ws_conf_commands_arg(ngx_str_t *value, char *name,
    ngx_int_t max, ngx_uint_t *n);


char *
ngx_kafka_ws_conf_stream(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_kafka_ws_main_conf_t  *kwmcf;

    if (kwlcf->name.data) {
        return "is duplicate";
    }

    if (kwlcf->status) {
        return "stands in the same location as \"kafka_ws_status\"";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_kafka_ws_args_invalid(cf, &value[1],
                                         "a cluster's name or off");
    }

    kwlcf->name = value[1];
    kwlcf->file = cf->conf_file->file.name.data;
    kwlcf->line = cf->conf_file->line;

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {
        return NGX_CONF_OK;
    }

    kwmcf = ngx_http_conf_get_module_main_conf(cf, ngx_kafka_ws_module);
    kwmcf->hooks = cmd->post;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = kwmcf->hooks->handler;

    return NGX_CONF_OK;
}


char *
ngx_kafka_ws_conf_slow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i, skip, to;

    if (kwlcf->slow != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    skip = (value[1].len == 4 && ngx_strncmp(value[1].data, "skip", 4) == 0);

    if (!skip
        && (value[1].len != 5 || ngx_strncmp(value[1].data, "close", 5) != 0))
    {
        return ngx_kafka_ws_args_invalid(cf, &value[1], "close or skip");
    }

    to = NGX_CONF_UNSET_UINT;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_kafka_ws_conf_slow_arg(cf, kwlcf, &value[i],
                                       skip ? &to : NULL)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    /* what is not given is not inherited */

    ngx_conf_init_uint_value(to, NGX_KAFKA_WS_SLOW_EARLIEST);
    ngx_conf_init_msec_value(kwlcf->lag, NGX_KAFKA_WS_SLOW_LAG);
    ngx_conf_init_size_value(kwlcf->socket.buffer, NGX_KAFKA_WS_SOCKET_BUFFER);

    kwlcf->slow = skip ? to : NGX_KAFKA_WS_SLOW_CLOSE;

    return NGX_CONF_OK;
}


/* to:  NULL: not for this one */

static char *
ngx_kafka_ws_conf_slow_arg(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf,
    ngx_str_t *value, ngx_uint_t *to)
{
    ssize_t    size;
    ngx_str_t  rest;

    if (kwlcf->lag == NGX_CONF_UNSET_MSEC
        && ngx_kafka_ws_args_prefix(value, "lag=", &rest) == NGX_OK)
    {
        if (ngx_kafka_ws_args_time(&rest, &kwlcf->lag) != NGX_OK) {
            return ngx_kafka_ws_args_invalid(cf, value,
                                             "lag=time from 100ms to 1h");
        }

        return NGX_CONF_OK;
    }

    if (kwlcf->socket.buffer == NGX_CONF_UNSET_SIZE
        && ngx_kafka_ws_args_prefix(value, "buffer=", &rest) == NGX_OK)
    {
        size = ngx_parse_size(&rest);

        if (size < NGX_KAFKA_WS_BUFFER_MIN || size > NGX_KAFKA_WS_BUFFER_MAX) {
            return ngx_kafka_ws_args_invalid(cf, value,
                                             "buffer=size from 4k to 64m");
        }

        kwlcf->socket.buffer = size;

        return NGX_CONF_OK;
    }

    if (to && *to == NGX_CONF_UNSET_UINT
        && ngx_kafka_ws_args_prefix(value, "to=", &rest) == NGX_OK)
    {
        if (rest.len == 8 && ngx_strncmp(rest.data, "earliest", 8) == 0) {
            *to = NGX_KAFKA_WS_SLOW_EARLIEST;

        } else if (rest.len == 6 && ngx_strncmp(rest.data, "latest", 6) == 0) {
            *to = NGX_KAFKA_WS_SLOW_LATEST;

        } else {
            return ngx_kafka_ws_args_invalid(cf, value,
                                             "to=earliest or to=latest");
        }

        return NGX_CONF_OK;
    }

    return ngx_kafka_ws_args_invalid(cf, value,
                  to ? "lag=time, buffer=size and to=earliest or to=latest, "
                       "each once,"
                     : "lag=time and buffer=size, each once,");
}


char *
ngx_kafka_ws_conf_commands(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t                     *value;
    ngx_uint_t                     i, on;
    ngx_kafka_ws_commands_conf_t  *commands;

    commands = &kwlcf->commands;

    if (commands->on != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    on = (value[1].len == 2 && ngx_strncmp(value[1].data, "on", 2) == 0);

    if (!on
        && (value[1].len != 3 || ngx_strncmp(value[1].data, "off", 3) != 0))
    {
        return ngx_kafka_ws_args_invalid(cf, &value[1], "on or off");
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (!on
            || (ngx_kafka_ws_conf_commands_arg(&value[i], "streams=",
                       NGX_KAFKA_WS_COMMANDS_STREAMS_MAX, &commands->streams)
                != NGX_OK
                && ngx_kafka_ws_conf_commands_arg(&value[i], "rate=",
                       NGX_KAFKA_WS_COMMANDS_RATE_MAX, &commands->rate)
                   != NGX_OK))
        {
            return ngx_kafka_ws_args_invalid(cf, &value[i],
                              on ? "streams=n from 1 to 1024 and rate=n from "
                                   "1 to 10000, each once,"
                                 : "nothing behind off");
        }
    }

    /* what is not given is not inherited */

    if (commands->streams == 0) {
        commands->streams = NGX_KAFKA_WS_COMMANDS_STREAMS;
    }

    if (commands->rate == 0) {
        commands->rate = NGX_KAFKA_WS_COMMANDS_RATE;
    }

    commands->on = on;

    return NGX_CONF_OK;
}


/* n:  0: not given yet */

static ngx_int_t
ngx_kafka_ws_conf_commands_arg(ngx_str_t *value, char *name, ngx_int_t max,
    ngx_uint_t *n)
{
    ngx_int_t  number;
    ngx_str_t  rest;

    if (*n || ngx_kafka_ws_args_prefix(value, name, &rest) != NGX_OK) {
        return NGX_DECLINED;
    }

    number = ngx_atoi(rest.data, rest.len);

    if (number < 1 || number > max) {
        return NGX_DECLINED;
    }

    *n = (ngx_uint_t) number;

    return NGX_OK;
}


char *
ngx_kafka_ws_conf_check_drain(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t  *msec = data;

    return (*msec > NGX_KAFKA_WS_TIME_MAX) ? "must be at most 1h"
                                           : NGX_CONF_OK;
}
