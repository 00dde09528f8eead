
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Setters of where a stream starts, and how far back it may go.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_args.h"
#include "ngx_kafka_ws_conf.h"


#define NGX_KAFKA_WS_TAIL_MAX         1000000000
#define NGX_KAFKA_WS_RECORDS_MAX      1000000000
#define NGX_KAFKA_WS_AGE_MIN          1000              /* ms */
#define NGX_KAFKA_WS_AGE_MAX          31536000000LL     /* ms, a year */
#define NGX_KAFKA_WS_CONCURRENCY_MAX  32
#define NGX_KAFKA_WS_EPOCH_DIGITS     12                /* from 1973 on */


static ngx_int_t ngx_kafka_ws_conf_since(ngx_str_t *value,
    ngx_kafka_ws_start_t *start);
static ngx_int_t ngx_kafka_ws_conf_rfc3339(ngx_str_t *value, int64_t *ms);
static char *ngx_kafka_ws_conf_backfill_arg(ngx_conf_t *cf, ngx_str_t *value,
    ngx_kafka_ws_backfill_conf_t *conf);


char *
ngx_kafka_ws_conf_start(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t                 *value;
    ngx_http_complex_value_t  *cv;

    if (kwlcf->start_set) {
        return "is duplicate";
    }

    value = cf->args->elts;

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_kafka_ws_args_compile(cf, &value[1], cv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    kwlcf->start_set = 1;

    if (cv->lengths) {
        kwlcf->start_var = cv;
        return NGX_CONF_OK;
    }

    if (ngx_kafka_ws_conf_parse_start(&value[1], &kwlcf->start) != NGX_OK) {
        return ngx_kafka_ws_args_invalid(cf, &value[1],
                       "latest, earliest, tail=n up to 1000000000 or "
                       "since=time");
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_kafka_ws_conf_parse_start(ngx_str_t *value, ngx_kafka_ws_start_t *start)
{
    ngx_str_t  rest;
    ngx_int_t  n;

    start->tail = 0;
    start->time = 0;

    if (value->len == 6 && ngx_strncmp(value->data, "latest", 6) == 0) {
        start->from = NGX_KAFKA_WS_FROM_LATEST;
        return NGX_OK;
    }

    if (value->len == 8 && ngx_strncmp(value->data, "earliest", 8) == 0) {
        start->from = NGX_KAFKA_WS_FROM_EARLIEST;
        return NGX_OK;
    }

    if (ngx_kafka_ws_args_prefix(value, "since=", &rest) == NGX_OK) {
        return ngx_kafka_ws_conf_since(&rest, start);
    }

    if (ngx_kafka_ws_args_prefix(value, "tail=", &rest) != NGX_OK) {
        return NGX_ERROR;
    }

    n = ngx_atoi(rest.data, rest.len);

    if (n < 1 || n > NGX_KAFKA_WS_TAIL_MAX) {
        return NGX_ERROR;
    }

    start->from = NGX_KAFKA_WS_FROM_TAIL;
    start->tail = (uint64_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_conf_since(ngx_str_t *value, ngx_kafka_ws_start_t *start)
{
    size_t     i;
    ngx_int_t  n;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < '0' || value->data[i] > '9') {
            break;
        }
    }

    start->from = NGX_KAFKA_WS_FROM_TIME;

    if (i == value->len && i >= NGX_KAFKA_WS_EPOCH_DIGITS) {
        n = ngx_atoi(value->data, value->len);
        start->time = n;

        return (n == NGX_ERROR) ? NGX_ERROR : NGX_OK;
    }

    if (ngx_strlchr(value->data, value->data + value->len, 'T')) {
        return ngx_kafka_ws_conf_rfc3339(value, &start->time);
    }

    n = ngx_parse_time(value, 0);

    if (n < 1 || n > NGX_KAFKA_WS_AGE_MAX) {
        return NGX_ERROR;
    }

    start->from = NGX_KAFKA_WS_FROM_AGE;
    start->time = n;

    return NGX_OK;
}


/* RFC 3339, section 5.6, without fractions, in UTC: YYYY-MM-DDThh:mm:ssZ */

static ngx_int_t
ngx_kafka_ws_conf_rfc3339(ngx_str_t *value, int64_t *ms)
{
    ngx_int_t   year, month, day, hour, min, sec;
    struct tm   tm, check;
    time_t      t;
    u_char     *p;

    p = value->data;

    if (value->len != 20 || p[4] != '-' || p[7] != '-' || p[10] != 'T'
        || p[13] != ':' || p[16] != ':' || p[19] != 'Z')
    {
        return NGX_ERROR;
    }

    year = ngx_atoi(p, 4);
    month = ngx_atoi(p + 5, 2);
    day = ngx_atoi(p + 8, 2);
    hour = ngx_atoi(p + 11, 2);
    min = ngx_atoi(p + 14, 2);
    sec = ngx_atoi(p + 17, 2);

    if (year < 1970 || month < 1 || day < 1 || hour < 0 || hour > 23
        || min < 0 || min > 59 || sec < 0 || sec > 59)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&tm, sizeof(struct tm));

    tm.tm_year = (int) year - 1900;
    tm.tm_mon = (int) month - 1;
    tm.tm_mday = (int) day;
    tm.tm_hour = (int) hour;
    tm.tm_min = (int) min;
    tm.tm_sec = (int) sec;

    t = timegm(&tm);

    /* a day that the month does not have is another one now */

    if (gmtime_r(&t, &check) == NULL || check.tm_mday != day
        || check.tm_mon != month - 1)
    {
        return NGX_ERROR;
    }

    *ms = (int64_t) t * 1000;

    return NGX_OK;
}


char *
ngx_kafka_ws_conf_backfill(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t                     *value;
    ngx_uint_t                     i;
    ngx_kafka_ws_backfill_conf_t  *bcf;

    bcf = &kwlcf->backfill;

    if (bcf->on != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {
        bcf->on = 0;

        return (cf->args->nelts == 2) ? NGX_CONF_OK
                                      : ngx_kafka_ws_args_invalid(cf,
                                            &value[2], "nothing after off");
    }

    bcf->on = 1;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_kafka_ws_conf_backfill_arg(cf, &value[i], bcf)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    /* what is not given is not inherited */

    if (bcf->records == 0) {
        bcf->records = NGX_KAFKA_WS_BACKFILL_RECORDS;
    }

    if (bcf->age == 0) {
        bcf->age = NGX_KAFKA_WS_BACKFILL_AGE;
    }

    if (bcf->concurrency == 0) {
        bcf->concurrency = NGX_KAFKA_WS_BACKFILL_CONCURRENCY;
    }

    return NGX_CONF_OK;
}


static char *
ngx_kafka_ws_conf_backfill_arg(ngx_conf_t *cf, ngx_str_t *value,
    ngx_kafka_ws_backfill_conf_t *conf)
{
    ngx_int_t  n;
    ngx_str_t  rest;

    if (conf->records == 0
        && ngx_kafka_ws_args_prefix(value, "records=", &rest) == NGX_OK)
    {
        n = ngx_atoi(rest.data, rest.len);

        if (n < 1 || n > NGX_KAFKA_WS_RECORDS_MAX) {
            return ngx_kafka_ws_args_invalid(cf, value,
                                             "records=n from 1 to 1000000000");
        }

        conf->records = n;

        return NGX_CONF_OK;
    }

    if (conf->age == 0
        && ngx_kafka_ws_args_prefix(value, "age=", &rest) == NGX_OK)
    {
        n = ngx_parse_time(&rest, 0);

        if (n < NGX_KAFKA_WS_AGE_MIN || n > NGX_KAFKA_WS_AGE_MAX) {
            return ngx_kafka_ws_args_invalid(cf, value,
                                             "age=time from 1s to 1y");
        }

        conf->age = n;

        return NGX_CONF_OK;
    }

    if (conf->concurrency == 0
        && ngx_kafka_ws_args_prefix(value, "concurrency=", &rest) == NGX_OK)
    {
        n = ngx_atoi(rest.data, rest.len);

        if (n < 1 || n > NGX_KAFKA_WS_CONCURRENCY_MAX) {
            return ngx_kafka_ws_args_invalid(cf, value,
                                             "concurrency=n from 1 to 32");
        }

        conf->concurrency = (ngx_uint_t) n;

        return NGX_CONF_OK;
    }

    return ngx_kafka_ws_args_invalid(cf, value,
                            "off, or records=n, age=time and concurrency=n, "
                            "each once,");
}
