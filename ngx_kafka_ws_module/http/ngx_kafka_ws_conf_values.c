
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Setters of what a location says of its connections, and what the setters of
 * all files share.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"


#define NGX_KAFKA_WS_TIME_MIN       100                 /* ms */
#define NGX_KAFKA_WS_TIME_MAX       3600000             /* ms */

#define NGX_KAFKA_WS_BUFFER_MIN     4096                /* bytes */
#define NGX_KAFKA_WS_BUFFER_MAX     (64 * 1024 * 1024)  /* bytes */

#define NGX_KAFKA_WS_MAX_FRAME_MIN  125                 /* bytes, a ping's */
#define NGX_KAFKA_WS_MAX_FRAME_MAX  (16 * 1024 * 1024)  /* bytes */


static ngx_int_t ngx_kafka_ws_time(ngx_str_t *value, ngx_msec_t *msec);


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
        return ngx_kafka_ws_conf_invalid(cf, &value[1],
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

    ssize_t      size;
    ngx_str_t   *value, rest;
    ngx_uint_t   i;

    if (kwlcf->lag != NGX_CONF_UNSET_MSEC
        || kwlcf->buffer != NGX_CONF_UNSET_SIZE)
    {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len != 5 || ngx_strncmp(value[1].data, "close", 5) != 0) {
        return ngx_kafka_ws_conf_invalid(cf, &value[1], "close");
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (kwlcf->lag == NGX_CONF_UNSET_MSEC
            && ngx_kafka_ws_conf_prefix(&value[i], "lag=", &rest) == NGX_OK)
        {
            if (ngx_kafka_ws_time(&rest, &kwlcf->lag) != NGX_OK) {
                return ngx_kafka_ws_conf_invalid(cf, &value[i],
                                                 "lag=time from 100ms to 1h");
            }

            continue;
        }

        if (kwlcf->buffer == NGX_CONF_UNSET_SIZE
            && ngx_kafka_ws_conf_prefix(&value[i], "buffer=", &rest) == NGX_OK)
        {
            size = ngx_parse_size(&rest);

            if (size < NGX_KAFKA_WS_BUFFER_MIN
                || size > NGX_KAFKA_WS_BUFFER_MAX)
            {
                return ngx_kafka_ws_conf_invalid(cf, &value[i],
                                                 "buffer=size from 4k to 64m");
            }

            kwlcf->buffer = size;

            continue;
        }

        return ngx_kafka_ws_conf_invalid(cf, &value[i],
                                   "lag=time and buffer=size, each once,");
    }

    /* what is not given is not inherited */

    ngx_conf_init_msec_value(kwlcf->lag, NGX_KAFKA_WS_SLOW_LAG);
    ngx_conf_init_size_value(kwlcf->buffer, NGX_KAFKA_WS_SLOW_BUFFER);

    return NGX_CONF_OK;
}


char *
ngx_kafka_ws_conf_ping(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t  *value, rest;

    if (kwlcf->ping != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_kafka_ws_time(&value[1], &kwlcf->ping) != NGX_OK) {
        return ngx_kafka_ws_conf_invalid(cf, &value[1],
                                         "a time from 100ms to 1h");
    }

    kwlcf->ping_timeout = NGX_KAFKA_WS_PING_TIMEOUT;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_kafka_ws_conf_prefix(&value[2], "timeout=", &rest) != NGX_OK
        || ngx_kafka_ws_time(&rest, &kwlcf->ping_timeout) != NGX_OK)
    {
        return ngx_kafka_ws_conf_invalid(cf, &value[2],
                                         "timeout=time from 100ms to 1h");
    }

    return NGX_CONF_OK;
}


char *
ngx_kafka_ws_conf_choice(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    u_char            buf[128], *last;
    ngx_str_t        *value;
    ngx_uint_t       *np;
    ngx_conf_enum_t  *e;

    np = (ngx_uint_t *) (p + cmd->offset);

    if (*np != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    last = buf;

    for (e = cmd->post; e->name.len; e++) {

        if (e->name.len == value[1].len
            && ngx_strncmp(e->name.data, value[1].data, value[1].len) == 0)
        {
            *np = e->value;
            return NGX_CONF_OK;
        }

        last = ngx_slprintf(last, buf + sizeof(buf) - 1, "%s%V",
                            last == buf ? "" : " or ", &e->name);
    }

    *last = '\0';

    return ngx_kafka_ws_conf_invalid(cf, &value[1], (char *) buf);
}


char *
ngx_kafka_ws_conf_check_max_frame(ngx_conf_t *cf, void *post, void *data)
{
    size_t  *size = data;

    return (*size < NGX_KAFKA_WS_MAX_FRAME_MIN
            || *size > NGX_KAFKA_WS_MAX_FRAME_MAX)
           ? "must be from 125 to 16m" : NGX_CONF_OK;
}


char *
ngx_kafka_ws_conf_check_drain(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t  *msec = data;

    return (*msec > NGX_KAFKA_WS_TIME_MAX) ? "must be at most 1h"
                                           : NGX_CONF_OK;
}


static ngx_int_t
ngx_kafka_ws_time(ngx_str_t *value, ngx_msec_t *msec)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    if (n < NGX_KAFKA_WS_TIME_MIN || n > NGX_KAFKA_WS_TIME_MAX) {
        return NGX_ERROR;
    }

    *msec = (ngx_msec_t) n;

    return NGX_OK;
}


char *
ngx_kafka_ws_conf_invalid(ngx_conf_t *cf, ngx_str_t *value, char *expected)
{
    ngx_str_t  *args;

    args = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\" directive: "
                       "%s expected", value, &args[0], expected);

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_kafka_ws_conf_prefix(ngx_str_t *value, char *prefix, ngx_str_t *rest)
{
    size_t  len;

    len = ngx_strlen(prefix);

    if (value->len < len || ngx_strncmp(value->data, prefix, len) != 0) {
        return NGX_DECLINED;
    }

    rest->len = value->len - len;
    rest->data = value->data + len;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_conf_compile(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_complex_value_t *cv)
{
    ngx_http_compile_complex_value_t  ccv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    return ngx_http_compile_complex_value(&ccv);
}
