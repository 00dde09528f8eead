
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_once.h"


static ngx_int_t ngx_kafka_ws_once_value(ngx_http_request_t *r,
    ngx_http_complex_value_t *cv, ngx_kafka_ws_once_value_t *once,
    ngx_str_t *value);


ngx_kafka_ws_once_t *
ngx_kafka_ws_once(ngx_http_request_t *r)
{
    ngx_kafka_ws_once_t  *once;

    r = r->main;
    once = ngx_http_get_module_ctx(r, ngx_kafka_ws_module);

    if (once) {
        return once;
    }

    once = ngx_pcalloc(r->pool, sizeof(ngx_kafka_ws_once_t));
    if (once == NULL) {
        return NULL;
    }

    ngx_http_set_ctx(r, once, ngx_kafka_ws_module);

    return once;
}


ngx_int_t
ngx_kafka_ws_once_topic(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_kafka_ws_once_t      *once;
    ngx_kafka_ws_loc_conf_t  *klcf;

    once = ngx_kafka_ws_once(r);
    if (once == NULL) {
        return NGX_ERROR;
    }

    klcf = ngx_http_get_module_loc_conf(r->main, ngx_kafka_ws_module);

    return ngx_kafka_ws_once_value(r, klcf->topic, &once->topic, value);
}


ngx_int_t
ngx_kafka_ws_once_partition(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_kafka_ws_once_t      *once;
    ngx_kafka_ws_loc_conf_t  *klcf;

    once = ngx_kafka_ws_once(r);
    if (once == NULL) {
        return NGX_ERROR;
    }

    klcf = ngx_http_get_module_loc_conf(r->main, ngx_kafka_ws_module);

    return ngx_kafka_ws_once_value(r, klcf->partition, &once->partition,
                                   value);
}


static ngx_int_t
ngx_kafka_ws_once_value(ngx_http_request_t *r, ngx_http_complex_value_t *cv,
    ngx_kafka_ws_once_value_t *once, ngx_str_t *value)
{
    if (once->cv != cv) {

        if (ngx_http_complex_value(r->main, cv, &once->value) != NGX_OK) {
            return NGX_ERROR;
        }

        once->cv = cv;
    }

    *value = once->value;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_once_ranges(ngx_http_request_t *r,
    const ngx_kafka_ws_range_t *ranges, ngx_uint_t nranges)
{
    size_t                 size;
    ngx_kafka_ws_once_t   *once;
    ngx_kafka_ws_range_t  *copy;

    once = ngx_kafka_ws_once(r);
    if (once == NULL) {
        return NGX_ERROR;
    }

    size = nranges * sizeof(ngx_kafka_ws_range_t);

    copy = ngx_palloc(r->main->pool, size);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, ranges, size);

    once->ranges = copy;
    once->nranges = nranges;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_once_filter(ngx_http_request_t *r,
    const ngx_kafka_ws_filter_t *filter)
{
    ngx_kafka_ws_once_t  *once;

    once = ngx_kafka_ws_once(r);
    if (once == NULL) {
        return NGX_ERROR;
    }

    once->filter = *filter;

    return NGX_OK;
}


void
ngx_kafka_ws_once_begin(ngx_http_request_t *r, ngx_kafka_ws_client_t *client)
{
    ngx_kafka_ws_once_t  *once;

    once = ngx_kafka_ws_once(r);

    if (once) {
        once->client = client;
        once->begun = ngx_current_msec;
    }
}
