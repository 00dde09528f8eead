
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * From a request to a stream: everything that can refuse it is asked before
 * the 101, and every variable is evaluated once.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_filter_wants.h"
#include "ngx_kafka_ws_handler.h"
#include "ngx_kafka_ws_handshake.h"
#include "ngx_kafka_ws_interest.h"
#include "ngx_kafka_ws_worker.h"


/* what a request asks for */

typedef struct {
    ngx_kafka_ws_topic_t       *topic;
    ngx_kafka_ws_range_t        list[NGX_KAFKA_WS_RANGES_MAX];
    ngx_kafka_ws_range_t       *ranges;
    ngx_uint_t                  nranges;
    uint32_t                    npartitions;   /* of which a key chose one;
                                                  0: there is no key */
    ngx_kafka_ws_filter_want_t *wants;
    ngx_kafka_ws_wish_t        *wish;
} ngx_kafka_ws_asked_t;


static ngx_int_t ngx_kafka_ws_handler_topic(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handler_partitions(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handler_key(ngx_http_request_t *r,
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
static ngx_int_t ngx_kafka_ws_handler_bad(ngx_http_request_t *r,
    ngx_kafka_ws_refused_t *refused, ngx_kafka_ws_refusal_e reason,
    const char *what, const char *why, size_t pos);


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
        rc = ngx_kafka_ws_handler_topic(r, klcf, &asked, &refused);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_handler_partitions(r, klcf, &asked, &refused);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_filter_wants(r, klcf, &asked.wants, &refused);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_handler_start(r, klcf, &asked, &refused);
    }

    if (rc == NGX_OK) {
        rc = ngx_kafka_ws_handler_cursor(r, klcf, &asked, &refused);
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

    joining.format = hs.protocol ? hs.protocol - klcf->protocols : 0;
    joining.deflate = (hs.deflate != 0);
    joining.wish = asked.wish;
    joining.wants = asked.wants;

    key.cluster = klcf->cluster;
    key.topic = asked.topic;
    key.ranges = asked.ranges;
    key.nranges = asked.nranges;
    key.npartitions = asked.npartitions;
    key.terms = klcf->terms;
    key.nterms = klcf->nterms;

    rc = ngx_kafka_ws_worker_prepare(kww, r, &key, &joining);
    ngx_kafka_ws_interest_drop(key.cluster, key.topic);

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
    }

    return rc;
}


static ngx_int_t
ngx_kafka_ws_handler_topic(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused)
{
    ngx_str_t                name;
    ngx_kafka_ws_root_t     *root;
    ngx_kafka_ws_cluster_t  *kwc;

    kwc = klcf->cluster;
    root = kwc->root;

    if (ngx_http_complex_value(r, klcf->topic, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_kafka_ws_cluster_allows(kwc, &name)) {
        refused->status = NGX_HTTP_NOT_FOUND;
        refused->reason = NGX_KAFKA_WS_REFUSED_TOPIC;

        return (ngx_kafka_ws_handshake_text(r, "topic ", &name,
                                            " is not streamed here",
                                            &refused->text)
                == NGX_OK) ? NGX_DECLINED : NGX_ERROR;
    }

    /* rings of an older configuration are not for this one */

    asked->topic = (ngx_kafka_ws_load_acquire(&root->layout) == kwc->layout)
                   ? ngx_kafka_ws_shm_find(root, &name) : NULL;

    if (asked->topic == NULL
        || asked->topic->first == NGX_KAFKA_WS_NONE
        || ngx_kafka_ws_load_acquire(&asked->topic->state)
           == NGX_KAFKA_WS_TOPIC_GONE)
    {
        if (ngx_kafka_ws_load_acquire(&root->allowed) != kwc->allowed) {
            return ngx_kafka_ws_declined(refused, NGX_HTTP_SERVICE_UNAVAILABLE,
                                         NGX_KAFKA_WS_REFUSED_NOT_READY,
                                         "topics are not known yet");
        }

        refused->status = NGX_HTTP_NOT_FOUND;
        refused->reason = NGX_KAFKA_WS_REFUSED_TOPIC;

        return (ngx_kafka_ws_handshake_text(r, "topic ", &name,
                                            " does not exist",
                                            &refused->text)
                == NGX_OK) ? NGX_DECLINED : NGX_ERROR;
    }

    if (asked->topic->state == NGX_KAFKA_WS_TOPIC_NO_MEMORY) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     NGX_KAFKA_WS_REFUSED_NO_MEMORY,
                                     "no room for this topic");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_handler_partitions(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused)
{
    size_t                        n;
    ngx_str_t                     value;
    ngx_kafka_ws_cursor_error_t   err;

    asked->npartitions = 0;

    if (klcf->partition == NULL) {
        asked->ranges = klcf->ranges;
        asked->nranges = klcf->nranges;

    } else if (klcf->by_key) {
        return ngx_kafka_ws_handler_key(r, klcf, asked, refused);

    } else {

        if (ngx_http_complex_value(r, klcf->partition, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_kafka_ws_ranges_parse(value.data, value.len, asked->list,
                                      NGX_KAFKA_WS_RANGES_MAX, &n, &err)
            != NGX_KAFKA_WS_CURSOR_OK)
        {
            return ngx_kafka_ws_handler_bad(r, refused,
                                            NGX_KAFKA_WS_REFUSED_PARTITION,
                                            "partitions", err.text, err.pos);
        }

        asked->ranges = asked->list;
        asked->nranges = n;
    }

    /* sorted: if the first is not there, none is */

    if ((uint32_t) asked->ranges[0].first
        >= ngx_kafka_ws_load_acquire(&asked->topic->npartitions))
    {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_NOT_FOUND,
                                     NGX_KAFKA_WS_REFUSED_PARTITION,
                                     "the topic has no such partition");
    }

    return NGX_OK;
}


/* the partition that producers send a key's records to */

static ngx_int_t
ngx_kafka_ws_handler_key(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_asked_t *asked,
    ngx_kafka_ws_refused_t *refused)
{
    uint32_t   n;
    ngx_str_t  value;

    if (ngx_http_complex_value(r, klcf->partition, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_FORBIDDEN,
                                     NGX_KAFKA_WS_REFUSED_PARTITION,
                                     "no key to choose a partition by");
    }

    /* a topic that can be had has its partitions */

    n = ngx_kafka_ws_load_acquire(&asked->topic->npartitions);

    asked->list[0].first = (int32_t) ngx_kafka_ws_partitioner(klcf->hash,
                                                     value.data, value.len, n);
    asked->list[0].last = asked->list[0].first;

    asked->ranges = asked->list;
    asked->nranges = 1;
    asked->npartitions = n;

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
    u_char                       *p;
    size_t                        len;
    ngx_str_t                     value;
    ngx_uint_t                    i;
    ngx_http_complex_value_t     *cv;
    ngx_kafka_ws_cursor_error_t   err;

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

        if (ngx_kafka_ws_cursor_unescape(p, &len, &err)
            != NGX_KAFKA_WS_CURSOR_OK)
        {
            return ngx_kafka_ws_handler_bad(r, refused,
                                            NGX_KAFKA_WS_REFUSED_CURSOR,
                                            "cursor", err.text, err.pos);
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
        return ngx_kafka_ws_handler_bad(r, refused,
                                        NGX_KAFKA_WS_REFUSED_CURSOR,
                                        "cursor", err.text, err.pos);
    }

    npartitions = ngx_kafka_ws_load_acquire(&asked->topic->npartitions);

    for (i = 0; i < wish->ncursor; i++) {

        if ((uint32_t) wish->cursor[i].partition < npartitions
            && ngx_kafka_ws_ranges_contain(asked->ranges, asked->nranges,
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


/* 400, and where in the value */

static ngx_int_t
ngx_kafka_ws_handler_bad(ngx_http_request_t *r,
    ngx_kafka_ws_refused_t *refused, ngx_kafka_ws_refusal_e reason,
    const char *what, const char *why, size_t pos)
{
    u_char  *p;
    size_t   len;

    len = ngx_strlen(what) + ngx_strlen(why) + sizeof(":  at byte ") - 1
          + NGX_SIZE_T_LEN;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    refused->status = NGX_HTTP_BAD_REQUEST;
    refused->reason = reason;
    refused->text.data = p;
    refused->text.len = ngx_sprintf(p, "%s: %s at byte %uz", what, why, pos)
                        - p;

    return NGX_DECLINED;
}
