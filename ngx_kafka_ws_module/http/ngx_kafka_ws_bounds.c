
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_bounds.h"
#include "ngx_kafka_ws_once.h"


static ngx_int_t ngx_kafka_ws_bounds_key(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_bounds_t *bounds,
    ngx_kafka_ws_refused_t *refused);


ngx_kafka_ws_bounds_e
ngx_kafka_ws_bounds_topic(ngx_kafka_ws_cluster_t *kwc, ngx_str_t *name,
    ngx_kafka_ws_topic_t **topic)
{
    ngx_uint_t             ours;
    ngx_kafka_ws_root_t   *root;
    ngx_kafka_ws_topic_t  *found;

    root = kwc->root;

    if (!ngx_kafka_ws_cluster_allows(kwc, name)) {
        return NGX_KAFKA_WS_BOUNDS_FORBIDDEN;
    }

    /* rings of an older configuration are not for this one */

    ours = (ngx_kafka_ws_load_acquire(&root->layout) == kwc->layout);

    found = ours ? ngx_kafka_ws_shm_find(root, name) : NULL;

    if (found == NULL
        || found->first == NGX_KAFKA_WS_NONE
        || ngx_kafka_ws_load_acquire(&found->state)
           == NGX_KAFKA_WS_TOPIC_GONE)
    {
        return (ours
                && ngx_kafka_ws_load_acquire(&root->allowed) == kwc->allowed)
               ? NGX_KAFKA_WS_BOUNDS_UNKNOWN : NGX_KAFKA_WS_BOUNDS_NOT_READY;
    }

    if (found->state == NGX_KAFKA_WS_TOPIC_NO_MEMORY) {
        return NGX_KAFKA_WS_BOUNDS_NO_MEMORY;
    }

    *topic = found;

    return NGX_KAFKA_WS_BOUNDS_OK;
}


ngx_int_t
ngx_kafka_ws_bounds_partitions(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_range_t *list,
    ngx_kafka_ws_bounds_t *bounds, ngx_kafka_ws_refused_t *refused)
{
    size_t                        n;
    ngx_str_t                     value;
    ngx_kafka_ws_cursor_error_t   err;

    bounds->by_key = klcf->by_key;
    bounds->hash = klcf->hash;
    ngx_str_null(&bounds->key);

    bounds->ranges = klcf->ranges;
    bounds->nranges = klcf->nranges;

    if (klcf->partition == NULL) {
        return NGX_OK;
    }

    if (klcf->by_key) {
        return ngx_kafka_ws_bounds_key(r, klcf, bounds, refused);
    }

    if (ngx_kafka_ws_once_partition(r, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_kafka_ws_ranges_parse(value.data, value.len, list,
                                  NGX_KAFKA_WS_RANGES_MAX, &n, &err)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        return ngx_kafka_ws_bounds_bad(r, refused,
                                       NGX_KAFKA_WS_REFUSED_PARTITION,
                                       "partitions", err.text, err.pos);
    }

    bounds->ranges = list;
    bounds->nranges = n;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_bounds_key(ngx_http_request_t *r, ngx_kafka_ws_loc_conf_t *klcf,
    ngx_kafka_ws_bounds_t *bounds, ngx_kafka_ws_refused_t *refused)
{
    if (ngx_kafka_ws_once_partition(r, &bounds->key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (bounds->key.len == 0) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_FORBIDDEN,
                                     NGX_KAFKA_WS_REFUSED_PARTITION,
                                     "no key to choose a partition by");
    }

    return NGX_OK;
}


ngx_kafka_ws_bounds_e
ngx_kafka_ws_bounds_within(ngx_kafka_ws_bounds_t *bounds,
    ngx_kafka_ws_topic_t *topic, ngx_kafka_ws_within_t *within)
{
    uint32_t  n;

    n = ngx_kafka_ws_load_acquire(&topic->npartitions);

    if (n == 0) {
        return NGX_KAFKA_WS_BOUNDS_NONE;
    }

    if (bounds->by_key) {

        /* the partition that producers send a key's records to */

        within->one.first = (int32_t) ngx_kafka_ws_partitioner(bounds->hash,
                                         bounds->key.data, bounds->key.len, n);
        within->one.last = within->one.first;

        within->ranges = &within->one;
        within->nranges = 1;
        within->npartitions = n;

        return NGX_KAFKA_WS_BOUNDS_OK;
    }

    within->ranges = bounds->ranges;
    within->nranges = bounds->nranges;
    within->npartitions = 0;

    /* sorted: if the first is not there, none is */

    return ((uint32_t) bounds->ranges[0].first >= n)
           ? NGX_KAFKA_WS_BOUNDS_NONE : NGX_KAFKA_WS_BOUNDS_OK;
}


ngx_int_t
ngx_kafka_ws_bounds_bad(ngx_http_request_t *r,
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
