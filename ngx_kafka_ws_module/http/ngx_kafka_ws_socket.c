
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_args.h"
#include "ngx_kafka_ws_socket.h"


#define NGX_KAFKA_WS_PING           30000               /* ms */
#define NGX_KAFKA_WS_PING_TIMEOUT   10000               /* ms */

#define NGX_KAFKA_WS_MAX_FRAME      4096                /* bytes */
#define NGX_KAFKA_WS_MAX_FRAME_MIN  125                 /* bytes, a ping's */
#define NGX_KAFKA_WS_MAX_FRAME_MAX  (16 * 1024 * 1024)  /* bytes */

#define NGX_KAFKA_WS_DEFLATE_LEVEL    1                 /* as gzip_comp_level */
#define NGX_KAFKA_WS_DEFLATE_MIN      64                /* bytes */
#define NGX_KAFKA_WS_DEFLATE_MIN_MAX  65536             /* bytes */


static char *ngx_kafka_ws_add_origin(ngx_conf_t *cf,
    ngx_kafka_ws_socket_conf_t *kwscf, ngx_str_t *arg);
static char *ngx_kafka_ws_origin_host(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_kafka_ws_origin_t *origin);
static char *ngx_kafka_ws_check_origin(ngx_kafka_ws_socket_conf_t *kwscf);


static ngx_conf_enum_t  ngx_kafka_ws_origins[] = {
    { ngx_string("same"), NGX_KAFKA_WS_ORIGIN_SAME },
    { ngx_string("any"), NGX_KAFKA_WS_ORIGIN_ANY },
    { ngx_string("required"), NGX_KAFKA_WS_ORIGIN_REQUIRED },
    { ngx_null_string, 0 }
};


void
ngx_kafka_ws_socket_create_conf(ngx_kafka_ws_socket_conf_t *kwscf)
{
    /*
     * zero already:
     *
     *     kwscf->origin = 0;
     *     kwscf->origins = NULL;
     */

    kwscf->buffer = NGX_CONF_UNSET_SIZE;
    kwscf->ping = NGX_CONF_UNSET_MSEC;
    kwscf->ping_timeout = NGX_CONF_UNSET_MSEC;
    kwscf->max_frame = NGX_CONF_UNSET_SIZE;
    kwscf->deflate = NGX_CONF_UNSET_UINT;
    kwscf->deflate_min = NGX_CONF_UNSET_SIZE;
}


void
ngx_kafka_ws_socket_merge_conf(ngx_kafka_ws_socket_conf_t *prev,
    ngx_kafka_ws_socket_conf_t *conf)
{
    if (conf->origin == 0 && conf->origins == NULL) {
        conf->origin = prev->origin;
        conf->origins = prev->origins;
    }

    if (conf->origin == 0 && conf->origins == NULL) {
        conf->origin = NGX_KAFKA_WS_ORIGIN_SAME;
    }

    ngx_conf_merge_size_value(conf->buffer, prev->buffer,
                              NGX_KAFKA_WS_SOCKET_BUFFER);
    ngx_conf_merge_msec_value(conf->ping, prev->ping, NGX_KAFKA_WS_PING);
    ngx_conf_merge_msec_value(conf->ping_timeout, prev->ping_timeout,
                              NGX_KAFKA_WS_PING_TIMEOUT);
    ngx_conf_merge_size_value(conf->max_frame, prev->max_frame,
                              NGX_KAFKA_WS_MAX_FRAME);
    ngx_conf_merge_uint_value(conf->deflate, prev->deflate, 0);
    ngx_conf_merge_size_value(conf->deflate_min, prev->deflate_min, 0);
}


char *
ngx_kafka_ws_socket_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    char                        *err;
    ngx_str_t                   *value;
    ngx_uint_t                   i, bit;
    ngx_conf_enum_t             *word;
    ngx_kafka_ws_socket_conf_t  *kwscf;

    kwscf = (ngx_kafka_ws_socket_conf_t *) (p + cmd->offset);

    if (kwscf->origin || kwscf->origins) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        bit = 0;

        for (word = ngx_kafka_ws_origins; word->name.len; word++) {
            if (value[i].len == word->name.len
                && ngx_strncmp(value[i].data, word->name.data, value[i].len)
                   == 0)
            {
                bit = word->value;
            }
        }

        if (bit == 0) {
            err = ngx_kafka_ws_add_origin(cf, kwscf, &value[i]);

        } else {
            err = (kwscf->origin & bit) ? "duplicate parameter" : NULL;
        }

        if (err) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in "
                               "\"kafka_ws_origin\" directive: %s",
                               &value[i], err);
            return NGX_CONF_ERROR;
        }

        kwscf->origin |= bit;
    }

    return ngx_kafka_ws_check_origin(kwscf);
}


static char *
ngx_kafka_ws_check_origin(ngx_kafka_ws_socket_conf_t *kwscf)
{
    if ((kwscf->origin & NGX_KAFKA_WS_ORIGIN_ANY)
        && ((kwscf->origin & NGX_KAFKA_WS_ORIGIN_SAME) || kwscf->origins))
    {
        return "has \"any\" together with other origins";
    }

    if (kwscf->origin == NGX_KAFKA_WS_ORIGIN_REQUIRED
        && kwscf->origins == NULL)
    {
        kwscf->origin |= NGX_KAFKA_WS_ORIGIN_SAME;
    }

    return NGX_CONF_OK;
}


/* returns NULL or what is wrong */

static char *
ngx_kafka_ws_add_origin(ngx_conf_t *cf, ngx_kafka_ws_socket_conf_t *kwscf,
    ngx_str_t *arg)
{
    ngx_str_t               pattern;
    ngx_kafka_ws_origin_t  *origin;

    if (kwscf->origins == NULL) {
        kwscf->origins = ngx_array_create(cf->pool, 4,
                                          sizeof(ngx_kafka_ws_origin_t));
        if (kwscf->origins == NULL) {
            return "no memory";
        }
    }

    origin = ngx_array_push(kwscf->origins);
    if (origin == NULL) {
        return "no memory";
    }

    ngx_memzero(origin, sizeof(ngx_kafka_ws_origin_t));

    if (arg->len == 0 || arg->data[0] != '~') {
        return ngx_kafka_ws_origin_host(cf, arg, origin);
    }

    pattern.len = arg->len - 1;
    pattern.data = arg->data + 1;

    if (pattern.len
        && (pattern.data[0] != '^' || pattern.data[pattern.len - 1] != '$'))
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "regular expression \"%V\" in \"kafka_ws_origin\" "
                           "directive does not begin with \"^\" and end with "
                           "\"$\": it may fit foreign sites", &pattern);
    }

    /* a scheme and a host have no case */

#if (NGX_PCRE)
    return ngx_kafka_ws_args_regex(cf, &pattern, NGX_REGEX_CASELESS,
                                  &origin->regex);
#else
    return ngx_kafka_ws_args_regex(cf, &pattern, 0, NULL);
#endif
}


static char *
ngx_kafka_ws_origin_host(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_kafka_ws_origin_t *origin)
{
    char       *err;
    ngx_str_t   s, host;

    s = *arg;

    if (ngx_strlcasestrn(s.data, s.data + s.len, (u_char *) "://", 3 - 1)) {
        return "the host alone is compared, leave the scheme out";
    }

    /* of "*.example.com" the part ".example.com" is kept */

    if (s.len > 2 && s.data[0] == '*' && s.data[1] == '.') {
        origin->wildcard = 1;
        s.len--;
        s.data++;
    }

    err = ngx_kafka_ws_args_host_port(&s, &host, &origin->port);

    if (err) {
        return err;
    }

    if (host.data[host.len - 1] == '.'
        || (host.data[0] == '.' && !origin->wildcard)
        || (origin->wildcard && (host.len < 2 || host.data[1] == '.')))
    {
        return "invalid host name";
    }

    if (origin->port == 80 || origin->port == 443) {
        origin->port = 0;
    }

    origin->host.len = host.len;
    origin->host.data = ngx_pnalloc(cf->pool, host.len);
    if (origin->host.data == NULL) {
        return "no memory";
    }

    ngx_strlow(origin->host.data, host.data, host.len);

    return NULL;
}


char *
ngx_kafka_ws_socket_ping(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                   *value, rest;
    ngx_kafka_ws_socket_conf_t  *kwscf;

    kwscf = (ngx_kafka_ws_socket_conf_t *) (p + cmd->offset);

    if (kwscf->ping != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_kafka_ws_args_time(&value[1], &kwscf->ping) != NGX_OK) {
        return ngx_kafka_ws_args_invalid(cf, &value[1],
                                         "a time from 100ms to 1h");
    }

    kwscf->ping_timeout = NGX_KAFKA_WS_PING_TIMEOUT;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_kafka_ws_args_prefix(&value[2], "timeout=", &rest) != NGX_OK
        || ngx_kafka_ws_args_time(&rest, &kwscf->ping_timeout) != NGX_OK)
    {
        return ngx_kafka_ws_args_invalid(cf, &value[2],
                                         "timeout=time from 100ms to 1h");
    }

    return NGX_CONF_OK;
}


char *
ngx_kafka_ws_socket_check_max_frame(ngx_conf_t *cf, void *post, void *data)
{
    size_t  *size = data;

    return (*size < NGX_KAFKA_WS_MAX_FRAME_MIN
            || *size > NGX_KAFKA_WS_MAX_FRAME_MAX)
           ? "must be from 125 to 16m" : NGX_CONF_OK;
}


char *
ngx_kafka_ws_socket_deflate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ssize_t                      size;
    ngx_int_t                    level;
    ngx_str_t                   *value, rest;
    ngx_uint_t                   i;
    ngx_kafka_ws_socket_conf_t  *kwscf;

    kwscf = (ngx_kafka_ws_socket_conf_t *) (p + cmd->offset);

    if (kwscf->deflate != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0
        && cf->args->nelts == 2)
    {
        kwscf->deflate = 0;
        kwscf->deflate_min = 0;

        return NGX_CONF_OK;
    }

    if (value[1].len != 2 || ngx_strncmp(value[1].data, "on", 2) != 0) {
        return ngx_kafka_ws_args_invalid(cf, &value[1],
                                         "off, or on [level] [min=size]");
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (kwscf->deflate_min == NGX_CONF_UNSET_SIZE
            && ngx_kafka_ws_args_prefix(&value[i], "min=", &rest) == NGX_OK)
        {
            size = ngx_parse_size(&rest);

            if (size < 0 || size > NGX_KAFKA_WS_DEFLATE_MIN_MAX) {
                return ngx_kafka_ws_args_invalid(cf, &value[i],
                                                 "min=size from 0 to 64k");
            }

            kwscf->deflate_min = size;

            continue;
        }

        level = ngx_atoi(value[i].data, value[i].len);

        if (kwscf->deflate != NGX_CONF_UNSET_UINT || level < 1 || level > 9) {
            return ngx_kafka_ws_args_invalid(cf, &value[i],
                               "a level from 1 to 9 and min=size, each once,");
        }

        kwscf->deflate = level;
    }

    /* what is not given is not inherited */

    ngx_conf_init_uint_value(kwscf->deflate, NGX_KAFKA_WS_DEFLATE_LEVEL);
    ngx_conf_init_size_value(kwscf->deflate_min, NGX_KAFKA_WS_DEFLATE_MIN);

    return NGX_CONF_OK;
}
