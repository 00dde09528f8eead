
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a kafka_ws_cluster block says about its rings.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"


#define NGX_KAFKA_WS_RING_MIN     (64 * 1024)             /* bytes */
#define NGX_KAFKA_WS_RING_MAX     (1024 * 1024 * 1024)    /* bytes */
#define NGX_KAFKA_WS_RECORD_MIN   64                      /* bytes */
#define NGX_KAFKA_WS_IDLE_MIN     1000                    /* ms */
#define NGX_KAFKA_WS_IDLE_MAX     86400000                /* ms */


char *
ngx_kafka_ws_conf_ring(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc)
{
    off_t       size;
    ngx_int_t   idle;
    ngx_str_t  *value, s;

    value = cf->args->elts;

    size = ngx_parse_offset(&value[1]);

    if (size < NGX_KAFKA_WS_RING_MIN || size > NGX_KAFKA_WS_RING_MAX
        || (size & (size - 1)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" in \"ring\" directive: "
                           "a power of two from 64k to 1g expected",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    kwc->ring = (size_t) size;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    idle = NGX_ERROR;

    if (ngx_kafka_ws_args_prefix(&value[2], "idle=", &s) == NGX_OK) {
        idle = ngx_parse_time(&s, 0);
    }

    if (idle < NGX_KAFKA_WS_IDLE_MIN || idle > NGX_KAFKA_WS_IDLE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"ring\" directive: "
                           "idle= and a time from 1s to 1d expected",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    kwc->idle = (ngx_msec_t) idle;

    return NGX_CONF_OK;
}


char *
ngx_kafka_ws_conf_max_record(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc)
{
    off_t       size;
    ngx_str_t  *value;

    value = cf->args->elts;

    size = ngx_parse_offset(&value[1]);

    if (size < NGX_KAFKA_WS_RECORD_MIN
        || size > NGX_KAFKA_WS_RING_MAX / NGX_KAFKA_WS_RING_FRAMES)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" in \"max_record\" directive: "
                           "64 to 256m expected", &value[1]);
        return NGX_CONF_ERROR;
    }

    kwc->max_record = (size_t) size;

    return NGX_CONF_OK;
}


char *
ngx_kafka_ws_conf_preload(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc)
{
    ngx_str_t   *value, s;
    ngx_int_t    n;
    ngx_uint_t   i;

    value = cf->args->elts;

    /* what is not given is not limited, only by the ring */

    kwc->preload_records = -1;
    kwc->preload_age = -1;

    if (cf->args->nelts == 2
        && value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0)
    {
        kwc->preload_records = 0;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (kwc->preload_records == -1
            && value[i].len > 8
            && ngx_strncmp(value[i].data, "records=", 8) == 0)
        {
            n = ngx_atoi(value[i].data + 8, value[i].len - 8);

            if (n <= 0) {
                goto invalid;
            }

            kwc->preload_records = n;

            continue;
        }

        if (kwc->preload_age == -1
            && value[i].len > 4
            && ngx_strncmp(value[i].data, "age=", 4) == 0)
        {
            s.len = value[i].len - 4;
            s.data = value[i].data + 4;

            n = ngx_parse_time(&s, 0);

            if (n <= 0) {
                goto invalid;
            }

            kwc->preload_age = n;

            continue;
        }

        goto invalid;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"preload\" directive: "
                       "off, or records=n and age=time expected", &value[i]);

    return NGX_CONF_ERROR;
}
