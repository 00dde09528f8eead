
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * From a request to a stream: everything that can refuse it is asked before
 * the 101, and every variable is evaluated once.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_bounds.h"
#include "ngx_kafka_ws_commands.h"
#include "ngx_kafka_ws_filter_wants.h"
#include "ngx_kafka_ws_handler.h"
#include "ngx_kafka_ws_handshake.h"
#include "ngx_kafka_ws_interest.h"
#include "ngx_kafka_ws_once.h"
#include "ngx_kafka_ws_query.h"
#include "ngx_kafka_ws_worker.h"


/* what a request asks for */

typedef struct {
    ngx_uint_t                  commands;      /* it may give some */
    ngx_kafka_ws_topic_t       *topic;         /* NULL: none at first */
    ngx_kafka_ws_range_t        list[NGX_KAFKA_WS_RANGES_MAX];
    ngx_kafka_ws_bounds_t       bounds;
    ngx_kafka_ws_within_t       within;        /* if there is a topic */
    ngx_kafka_ws_filter_t       filter;
    ngx_kafka_ws_wish_t        *wish;
} ngx_kafka_ws_asked_t;


static ngx_int_t ngx_kafka_ws_handler_asks(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handler_topic(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handler_partitions(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handler_start(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handler_cursor(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handler_positions(ngx_http_request_t *r,
    ngx_str_t *value, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handler_limit(ngx_http_request_t *r,
    ngx_kafka_ws_counters_t *counters, ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handler_room(ngx_kafka_ws_loc_conf_t *klcf,
    ngx_kafka_ws_counters_t *counters, ngx_kafka_ws_topic_t *topic,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handler_commands(ngx_http_request_t *r,
    ngx_kafka_ws_asked_t *asked, ngx_kafka_ws_joining_t *joining);


ngx_int_t
ngx_kafka_ws_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_kafka_ws_asked_t       asked;
    ngx_kafka_ws_worker_t     *kww;
    ngx_kafka_ws_joining_t     joining;
    ngx_kafka_ws_route_key_t   key;
    ngx_kafka_ws_refused_t     refused;
    ngx_kafka_ws_endpoint_t    endpoint;
    ngx_kafka_ws_counters_t   *counters;
    ngx_kafka_ws_loc_conf_t   *klcf;
    ngx_kafka_ws_handshake_t   hs;

    kww = ngx_kafka_ws_worker();
    if (kww == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    klcf = ngx_http_get_module_loc_conf(r, ngx_kafka_ws_module);
    counters = &ngx_kafka_ws_shm_slot(klcf->cluster->root)->counters;

    endpoint.protocols = klcf->protocols;
    endpoint.nprotocols = klcf->nformats;
    endpoint.window_bits = NGX_KAFKA_WS_DEFLATE_BITS_MAX;

    rc = ngx_kafka_ws_handshake_check(r, &klcf->socket, &endpoint, &hs,
                                      &refused);

    if (rc == NGX_OK) {
        joining.format = hs.protocol ? hs.protocol - klcf->protocols : 0;
        joining.deflate = (hs.deflate != 0);

        /* events and answers are json */
        asked.commands = klcf->commands.on
                         && klcf->formats[joining.format]
                            == NGX_KAFKA_WS_FORMAT_JSON;

        rc = ngx_kafka_ws_handler_asks(r, klcf, &asked, &refused);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_handler_limit(r, counters, &refused);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_handler_room(klcf, counters, asked.topic, &refused);
    }

    if (rc == NGX_DECLINED) {
        return ngx_kafka_ws_handshake_refuse(r, counters, &refused);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    joining.wish = asked.wish;
    joining.wants = asked.filter.wants;

    key.cluster = klcf->cluster;
    key.topic = asked.topic;
    key.ranges = asked.within.ranges;
    key.nranges = asked.within.nranges;
    key.npartitions = asked.within.npartitions;
    key.terms = asked.filter.terms;
    key.nterms = asked.filter.nterms;

    rc = ngx_kafka_ws_handler_commands(r, &asked, &joining);

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_worker_prepare(kww, r, &key, &joining);
    }

    if (key.topic) {
        ngx_kafka_ws_interest_drop(key.cluster, key.topic);
    }

    if (rc != NGX_OK) {
        ngx_kafka_ws_count(&counters->connections, -1);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_kafka_ws_handshake_accept(r, &hs);

    if (rc == NGX_ERROR) {
        ngx_kafka_ws_worker_refuse(&joining);

    } else {
        rc = ngx_kafka_ws_worker_join(kww, r, &joining);
    }

    if (rc == NGX_ERROR) {
        ngx_kafka_ws_count(&counters->connections, -1);
        return NGX_ERROR;
    }

    ngx_kafka_ws_once_begin(r, joining.client);

    return rc;
}


/* in the order in which they refuse */

static ngx_int_t
ngx_kafka_ws_handler_asks(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused)
{
    ngx_int_t  rc;

    rc = ngx_kafka_ws_handler_topic(r, klcf, asked, refused);

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_handler_partitions(r, klcf, asked, refused);
    }

    if (rc == NGX_OK && asked->topic) {
        rc = ngx_kafka_ws_once_ranges(r, asked->within.ranges,
                                      asked->within.nranges);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_filter_wants(r, klcf, &asked->filter, refused);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_once_filter(r, &asked->filter);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_handler_start(r, klcf, asked, refused);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_handler_cursor(r, klcf, asked, refused);
    }

    return rc;
}


static ngx_int_t
ngx_kafka_ws_handler_topic(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused)
{
    ngx_str_t    name;
    const char  *text;

    asked->topic = NULL;

    if (klcf->topic == NULL) {

        if (asked->commands) {
            return NGX_OK;
        }

        return ngx_kafka_ws_declined(refused, NGX_HTTP_NOT_FOUND,
                                     NGX_KAFKA_WS_REFUSED_TOPIC,
                                     "there is no topic in this format");
    }

    if (ngx_kafka_ws_once_topic(r, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    switch (ngx_kafka_ws_bounds_topic(klcf->cluster, &name, &asked->topic)) {

    case NGX_KAFKA_WS_BOUNDS_OK:
        return NGX_OK;

    case NGX_KAFKA_WS_BOUNDS_NOT_READY:
        return ngx_kafka_ws_declined(refused, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     NGX_KAFKA_WS_REFUSED_NOT_READY,
                                     "topics are not known yet");

    case NGX_KAFKA_WS_BOUNDS_NO_MEMORY:
        return ngx_kafka_ws_declined(refused, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     NGX_KAFKA_WS_REFUSED_NO_MEMORY,
                                     "no room for this topic");

    case NGX_KAFKA_WS_BOUNDS_FORBIDDEN:
        text = " is not streamed here";
        break;

    default:
        text = " does not exist";
        break;
    }

    refused->status = NGX_HTTP_NOT_FOUND;
    refused->reason = NGX_KAFKA_WS_REFUSED_TOPIC;

    return (ngx_kafka_ws_handshake_text(r, "topic ", &name, text,
                                        &refused->text)
            == NGX_OK) ? NGX_DECLINED : NGX_ERROR;
}


static ngx_int_t
ngx_kafka_ws_handler_partitions(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused)
{
    ngx_int_t  rc;

    ngx_memzero(&asked->within, sizeof(ngx_kafka_ws_within_t));

    rc = ngx_kafka_ws_bounds_partitions(r, klcf, asked->list, &asked->bounds,
                                        refused);

    if (rc != NGX_OK || asked->topic == NULL) {
        return rc;
    }

    if (ngx_kafka_ws_bounds_within(&asked->bounds, asked->topic,
                                   &asked->within)
        != NGX_KAFKA_WS_BOUNDS_OK)
    {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_NOT_FOUND,
                                     NGX_KAFKA_WS_REFUSED_PARTITION,
                                     "the topic has no such partition");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_handler_start(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused)
{
    ngx_str_t             value;
    ngx_kafka_ws_wish_t  *wish;

    wish = ngx_pcalloc(r->pool, sizeof(ngx_kafka_ws_wish_t));
    if (wish == NULL) {
        return NGX_ERROR;
    }

    asked->wish = wish;
    wish->start = klcf->start;

    if (klcf->start_var == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, klcf->start_var, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        /* not said: the default */
        wish->start.from = NGX_KAFKA_WS_FROM_LATEST;
        return NGX_OK;
    }

    if (ngx_kafka_ws_conf_parse_start(&value, &wish->start) != NGX_OK) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_BAD_REQUEST,
                       NGX_KAFKA_WS_REFUSED_START,
                       "start: not latest, earliest, tail=n or since=time");
    }

    return NGX_OK;
}


/*
 * The first source that is not empty is the cursor.
 */

static ngx_int_t
ngx_kafka_ws_handler_cursor(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused)
{
    u_char                    *p;
    size_t                     len, pos;
    ngx_str_t                  value;
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    if (asked->topic == NULL) {
        /* of which topic? */
        return NGX_OK;
    }

    cv = klcf->cursor->elts;

    for (i = 0; i < klcf->cursor->nelts; i++) {

        if (ngx_http_complex_value(r, &cv[i], &value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (value.len == 0) {
            continue;
        }

        /* a variable's value is not ours to change */

        p = ngx_pnalloc(r->pool, value.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, value.data, value.len);
        len = value.len;

        if (!ngx_kafka_ws_query_unescape(p, &len, &pos)) {
            return ngx_kafka_ws_bounds_bad(r, refused,
                                           NGX_KAFKA_WS_REFUSED_CURSOR,
                                           "cursor",
                                           "invalid percent-encoding", pos);
        }

        value.data = p;
        value.len = len;

        return ngx_kafka_ws_handler_positions(r, &value, asked, refused);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_handler_positions(ngx_http_request_t *r, ngx_str_t *value,
    ngx_kafka_ws_asked_t *asked, ngx_kafka_ws_refused_t *refused)
{
    size_t                        i, max;
    u_char                        number[NGX_INT32_LEN];
    uint32_t                      npartitions;
    ngx_str_t                     text;
    ngx_kafka_ws_wish_t          *wish;
    ngx_kafka_ws_cursor_error_t   err;

    wish = asked->wish;

    for (i = 0, max = 1; i < value->len; i++) {
        max += (value->data[i] == ',');
    }

    wish->cursor = ngx_palloc(r->pool, max * sizeof(ngx_kafka_ws_position_t));
    if (wish->cursor == NULL) {
        return NGX_ERROR;
    }

    if (ngx_kafka_ws_cursor_parse(value->data, value->len, wish->cursor, max,
                                  &wish->ncursor, &err)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return ngx_kafka_ws_bounds_bad(r, refused,
                                        NGX_KAFKA_WS_REFUSED_CURSOR,
                                        "cursor", err.text, err.pos);
    }

    npartitions = ngx_kafka_ws_load_acquire(&asked->topic->npartitions);

    for (i = 0; i < wish->ncursor; i++) {

        if ((uint32_t) wish->cursor[i].partition < npartitions
            && ngx_kafka_ws_ranges_contain(asked->within.ranges,
                                           asked->within.nranges,
                                           wish->cursor[i].partition))
        {
            continue;
        }

        text.data = number;
        text.len = ngx_sprintf(number, "%D", wish->cursor[i].partition)
                   - number;

        refused->status = NGX_HTTP_BAD_REQUEST;
        refused->reason = NGX_KAFKA_WS_REFUSED_CURSOR;

        return (ngx_kafka_ws_handshake_text(r, "cursor: partition ", &text,
                                            " is not streamed here",
                                            &refused->text)
                == NGX_OK) ? NGX_DECLINED : NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Counts the new connection, and only then looks whether it is one too many:
 * two workers at the limit may both refuse, but never both accept.
 */

static ngx_int_t
ngx_kafka_ws_handler_limit(ngx_http_request_t *r,
    ngx_kafka_ws_counters_t *counters, ngx_kafka_ws_refused_t *refused)
{
    uint64_t                    sum;
    ngx_uint_t                  i;
    ngx_kafka_ws_cluster_t    **kwc;
    ngx_kafka_ws_main_conf_t   *kwmcf;

    kwmcf = ngx_http_get_module_main_conf(r, ngx_kafka_ws_module);

    ngx_kafka_ws_count(&counters->connections, 1);

    if (kwmcf->max_connections == 0) {
        return NGX_OK;
    }

    ngx_kafka_ws_fence_full();

    sum = 0;
    kwc = kwmcf->clusters.elts;

    for (i = 0; i < kwmcf->clusters.nelts; i++) {
        sum += ngx_kafka_ws_shm_sum(kwc[i]->root,
                               offsetof(ngx_kafka_ws_counters_t, connections));
    }

    if (sum <= kwmcf->max_connections) {
        return NGX_OK;
    }

    ngx_kafka_ws_count(&counters->connections, -1);

    return ngx_kafka_ws_declined(refused, NGX_HTTP_SERVICE_UNAVAILABLE,
                                 NGX_KAFKA_WS_REFUSED_CONNECTIONS,
                                 "too many connections");
}


/*
 * Holds the topic, until its route does, and only then looks whether its rings
 * are there, or may be: as above, for the last room in the zone.
 */

static ngx_int_t
ngx_kafka_ws_handler_room(ngx_kafka_ws_loc_conf_t *klcf,
    ngx_kafka_ws_counters_t *counters, ngx_kafka_ws_topic_t *topic,
    ngx_kafka_ws_refused_t *refused)
{
    if (topic == NULL) {
        return NGX_OK;
    }

    if (ngx_kafka_ws_interest_hold(klcf->cluster, topic) != NGX_OK) {
        ngx_kafka_ws_count(&counters->connections, -1);
        return NGX_ERROR;
    }

    if (ngx_kafka_ws_interest_room(klcf->cluster, topic)) {
        return NGX_OK;
    }

    ngx_kafka_ws_interest_drop(klcf->cluster, topic);
    ngx_kafka_ws_count(&counters->connections, -1);

    return ngx_kafka_ws_declined(refused, NGX_HTTP_SERVICE_UNAVAILABLE,
                                 NGX_KAFKA_WS_REFUSED_NO_MEMORY,
                                 "no room for this topic");
}


/* what every command is bound by, for the life of the connection */

static ngx_int_t
ngx_kafka_ws_handler_commands(ngx_http_request_t *r,
    ngx_kafka_ws_asked_t *asked, ngx_kafka_ws_joining_t *joining)
{
    joining->commands = NULL;
    joining->owner = NULL;

    if (!asked->commands) {
        return NGX_OK;
    }

    joining->owner = &ngx_kafka_ws_commands_owner;
    joining->commands = ngx_kafka_ws_commands_create(r, joining,
                                                     asked->topic,
                                                     &asked->bounds,
                                                     &asked->filter);

    return joining->commands ? NGX_OK : NGX_ERROR;
}
