
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A variable is evaluated at any time of any request: before there is a
 * stream, while there is one, and, mostly, when the log is written, behind the
 * cleanup of the stream.  What is of a stream is not found without one.  In a
 * subrequest they are those of the main request, and so they can be told to
 * whom auth_request asks.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_once.h"
#include "ngx_kafka_ws_variables.h"
#include "ngx_kafka_ws_worker.h"


static ngx_int_t ngx_kafka_ws_variable_topic(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_kafka_ws_variable_partition(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_kafka_ws_variable_ranges(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, const ngx_kafka_ws_range_t *ranges,
    ngx_uint_t nranges);
static ngx_int_t ngx_kafka_ws_variable_filter(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_kafka_ws_variable_cursor(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_kafka_ws_variable_sum(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_kafka_ws_variable_close(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_kafka_ws_variable_duration(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_kafka_ws_once_t *ngx_kafka_ws_variable_stream(
    ngx_http_request_t *r);
static ngx_kafka_ws_loc_conf_t *ngx_kafka_ws_variable_conf(
    ngx_http_request_t *r);
static ngx_int_t ngx_kafka_ws_variable_set(ngx_http_variable_value_t *v,
    u_char *data, size_t len);
static ngx_int_t ngx_kafka_ws_variable_none(ngx_http_variable_value_t *v);


static ngx_http_variable_t  ngx_kafka_ws_variables[] = {

    { ngx_string("kafka_ws_topic"), NULL, ngx_kafka_ws_variable_topic,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("kafka_ws_partition"), NULL, ngx_kafka_ws_variable_partition,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("kafka_ws_filter"), NULL, ngx_kafka_ws_variable_filter,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("kafka_ws_cursor"), NULL, ngx_kafka_ws_variable_cursor,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("kafka_ws_records"), NULL, ngx_kafka_ws_variable_sum,
      offsetof(ngx_kafka_ws_sums_t, records), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("kafka_ws_bytes"), NULL, ngx_kafka_ws_variable_sum,
      offsetof(ngx_kafka_ws_sums_t, bytes), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("kafka_ws_skipped"), NULL, ngx_kafka_ws_variable_sum,
      offsetof(ngx_kafka_ws_sums_t, skipped), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("kafka_ws_close"), NULL, ngx_kafka_ws_variable_close,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("kafka_ws_duration"), NULL, ngx_kafka_ws_variable_duration,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_kafka_ws_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_kafka_ws_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_variable_topic(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                 topic;
    ngx_kafka_ws_loc_conf_t  *klcf;

    klcf = ngx_kafka_ws_variable_conf(r);

    if (klcf == NULL || klcf->topic == NULL) {
        return ngx_kafka_ws_variable_none(v);
    }

    if (ngx_kafka_ws_once_topic(r, &topic) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_kafka_ws_variable_set(v, topic.data, topic.len);
}


/*
 * As it is streamed; before that, as it will be, unless Kafka has to be known
 * for it: the partition of a key depends on how many there are.
 */

static ngx_int_t
ngx_kafka_ws_variable_partition(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    size_t                        n;
    ngx_str_t                     value;
    ngx_kafka_ws_once_t          *once;
    ngx_kafka_ws_range_t          ranges[NGX_KAFKA_WS_RANGES_MAX];
    ngx_kafka_ws_loc_conf_t      *klcf;
    ngx_kafka_ws_cursor_error_t   err;

    klcf = ngx_kafka_ws_variable_conf(r);

    if (klcf == NULL) {
        return ngx_kafka_ws_variable_none(v);
    }

    once = ngx_http_get_module_ctx(r->main, ngx_kafka_ws_module);

    if (once && once->ranges) {
        return ngx_kafka_ws_variable_ranges(r, v, once->ranges,
                                            once->nranges);
    }

    if (klcf->partition == NULL) {
        return ngx_kafka_ws_variable_ranges(r, v, klcf->ranges,
                                            klcf->nranges);
    }

    if (klcf->by_key) {
        return ngx_kafka_ws_variable_none(v);
    }

    if (ngx_kafka_ws_once_partition(r, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_kafka_ws_ranges_parse(value.data, value.len, ranges,
                                  NGX_KAFKA_WS_RANGES_MAX, &n, &err)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return ngx_kafka_ws_variable_none(v);
    }

    return ngx_kafka_ws_variable_ranges(r, v, ranges, n);
}


static ngx_int_t
ngx_kafka_ws_variable_ranges(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, const ngx_kafka_ws_range_t *ranges,
    ngx_uint_t nranges)
{
    size_t   size;
    u_char  *p;

    size = nranges * NGX_KAFKA_WS_RANGE_MAX;

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_kafka_ws_variable_set(v, p,
                    ngx_kafka_ws_ranges_print(p, size, ranges, nranges));
}


static ngx_int_t
ngx_kafka_ws_variable_filter(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    size_t                        len;
    u_char                       *p;
    ngx_kafka_ws_once_t          *once;
    ngx_kafka_ws_loc_conf_t      *klcf;
    ngx_kafka_ws_filter_field_t  *fields;

    klcf = ngx_kafka_ws_variable_conf(r);
    once = ngx_http_get_module_ctx(r->main, ngx_kafka_ws_module);

    if (klcf == NULL || once == NULL || once->filter.nterms == 0) {
        return ngx_kafka_ws_variable_none(v);
    }

    fields = klcf->cluster->filter_fields;
    len = ngx_kafka_ws_filter_print(&once->filter, fields, NULL);

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = ngx_kafka_ws_filter_print(&once->filter, fields, p);

    return ngx_kafka_ws_variable_set(v, p, len);
}


static ngx_int_t
ngx_kafka_ws_variable_cursor(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    size_t                    len;
    u_char                   *p;
    ngx_uint_t                n;
    ngx_kafka_ws_once_t      *once;
    ngx_kafka_ws_client_t    *client;
    ngx_kafka_ws_position_t  *pos;

    once = ngx_kafka_ws_variable_stream(r);

    if (once == NULL) {
        return ngx_kafka_ws_variable_none(v);
    }

    client = once->client;
    pos = client->last;
    n = client->nlast;

    if (client->subscriber.attached) {
        n = ngx_kafka_ws_worker_positions(client, NULL);

        pos = ngx_palloc(r->pool, n * sizeof(ngx_kafka_ws_position_t));
        if (pos == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_kafka_ws_worker_positions(client, pos);
    }

    p = ngx_pnalloc(r->pool, n * NGX_KAFKA_WS_PAIR_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = ngx_kafka_ws_cursor_print(p, n * NGX_KAFKA_WS_PAIR_MAX, pos, n);

    return len ? ngx_kafka_ws_variable_set(v, p, len)
               : ngx_kafka_ws_variable_none(v);
}


static ngx_int_t
ngx_kafka_ws_variable_sum(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char                       *p;
    uint64_t                      sum;
    ngx_kafka_ws_once_t          *once;
    ngx_kafka_ws_sums_t           sums, more;
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_subscription_t  *sub;

    once = ngx_kafka_ws_variable_stream(r);

    if (once == NULL) {
        return ngx_kafka_ws_variable_none(v);
    }

    client = once->client;
    sums = client->sent;

    if (client->subscriber.attached) {

        for (sub = &client->first; sub; sub = sub->next) {
            ngx_kafka_ws_route_sent(sub, &more);
            ngx_kafka_ws_sums_add(&sums, &more);
        }
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    sum = *(uint64_t *) ((u_char *) &sums + data);

    return ngx_kafka_ws_variable_set(v, p, ngx_sprintf(p, "%uL", sum) - p);
}


static ngx_int_t
ngx_kafka_ws_variable_close(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char               *p;
    ngx_uint_t            code;
    ngx_kafka_ws_once_t  *once;

    once = ngx_kafka_ws_variable_stream(r);
    code = once ? once->client->subscriber.code : 0;

    if (code == 0) {
        return ngx_kafka_ws_variable_none(v);
    }

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_kafka_ws_variable_set(v, p, ngx_sprintf(p, "%ui", code) - p);
}


/* by the clock that nobody sets */

static ngx_int_t
ngx_kafka_ws_variable_duration(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char               *p;
    ngx_msec_t            ms;
    ngx_kafka_ws_once_t  *once;

    once = ngx_kafka_ws_variable_stream(r);

    if (once == NULL) {
        return ngx_kafka_ws_variable_none(v);
    }

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ms = ngx_current_msec - once->begun;

    return ngx_kafka_ws_variable_set(v, p,
                           ngx_sprintf(p, "%T.%03M", (time_t) ms / 1000,
                                       ms % 1000)
                           - p);
}


/* NULL: there is and was no stream */

static ngx_kafka_ws_once_t *
ngx_kafka_ws_variable_stream(ngx_http_request_t *r)
{
    ngx_kafka_ws_once_t  *once;

    once = ngx_http_get_module_ctx(r->main, ngx_kafka_ws_module);

    return (once && once->client) ? once : NULL;
}


/* NULL: the location is no stream */

static ngx_kafka_ws_loc_conf_t *
ngx_kafka_ws_variable_conf(ngx_http_request_t *r)
{
    ngx_kafka_ws_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r->main, ngx_kafka_ws_module);

    return klcf->cluster ? klcf : NULL;
}


static ngx_int_t
ngx_kafka_ws_variable_set(ngx_http_variable_value_t *v, u_char *data,
    size_t len)
{
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = data;
    v->len = (unsigned) len;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_variable_none(ngx_http_variable_value_t *v)
{
    v->not_found = 1;

    return NGX_OK;
}
