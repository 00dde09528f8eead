
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_cluster.h"


#define NGX_KAFKA_WS_HASH_INIT   0xcbf29ce484222325ULL   /* FNV-1a, 64 bit */
#define NGX_KAFKA_WS_HASH_PRIME  0x100000001b3ULL


static uint64_t ngx_kafka_ws_cluster_hash(uint64_t hash, void *data,
    size_t len);
static ngx_int_t ngx_kafka_ws_cluster_cmp(const void *one,
    const void *two);


ngx_uint_t
ngx_kafka_ws_cluster_allows(ngx_kafka_ws_cluster_t *kwc, ngx_str_t *topic)
{
    ngx_uint_t                  i;
    ngx_kafka_ws_topic_rule_t  *rule;

    if (!ngx_kafka_ws_cluster_topic_legal(topic)) {
        return 0;
    }

    if (topic->len >= 2 && topic->data[0] == '_' && topic->data[1] == '_') {
        return 0;
    }

    rule = kwc->topics.elts;

    for (i = 0; i < kwc->topics.nelts; i++) {

#if (NGX_PCRE)
        if (rule[i].regex) {
            if (ngx_regex_exec(rule[i].regex, topic, NULL, 0) >= 0) {
                return 1;
            }

            continue;
        }
#endif

        if (rule[i].name.len == topic->len
            && ngx_memcmp(rule[i].name.data, topic->data, topic->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_kafka_ws_cluster_topic_legal(ngx_str_t *topic)
{
    u_char  ch;
    size_t  i;

    if (topic->len == 0 || topic->len > NGX_KAFKA_WS_TOPIC_MAX) {
        return 0;
    }

    for (i = 0; i < topic->len; i++) {
        ch = topic->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9')
            || ch == '.' || ch == '_' || ch == '-')
        {
            continue;
        }

        return 0;
    }

    if (topic->data[0] == '.'
        && (topic->len == 1 || (topic->len == 2 && topic->data[1] == '.')))
    {
        return 0;
    }

    return 1;
}


ngx_uint_t
ngx_kafka_ws_cluster_literals(ngx_kafka_ws_cluster_t *kwc)
{
    ngx_uint_t                  n;
#if (NGX_PCRE)
    ngx_uint_t                  i;
    ngx_kafka_ws_topic_rule_t  *rule;
#endif

    n = kwc->topics.nelts;

#if (NGX_PCRE)
    rule = kwc->topics.elts;

    for (i = 0; i < kwc->topics.nelts; i++) {
        if (rule[i].regex) {
            n--;
        }
    }
#endif

    return n;
}


ngx_kafka_ws_cluster_rendering_t *
ngx_kafka_ws_cluster_rendering(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_rendering_t *rendering, ngx_pool_t *pool, ngx_uint_t *full)
{
    ngx_uint_t                         i;
    ngx_kafka_ws_cluster_rendering_t  *cr;

    *full = 0;

    for (i = 0; i < kwc->nrenderings; i++) {
        cr = kwc->renderings[i];

        if (ngx_kafka_ws_rendering_equal(&cr->rendering, rendering)) {
            return cr;
        }
    }

    if (kwc->nrenderings == NGX_KAFKA_WS_RENDERINGS_MAX) {
        *full = 1;
        return NULL;
    }

    cr = ngx_palloc(pool, sizeof(ngx_kafka_ws_cluster_rendering_t));
    if (cr == NULL) {
        return NULL;
    }

    cr->rendering = *rendering;
    cr->hash = ngx_kafka_ws_rendering_hash(rendering);
    cr->index = kwc->nrenderings;
    cr->plain = NULL;

    kwc->renderings[kwc->nrenderings++] = cr;

    return cr;
}


ngx_int_t
ngx_kafka_ws_cluster_field(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_filter_field_t *field)
{
    ngx_uint_t                    i;
    ngx_kafka_ws_filter_field_t  *f;

    f = kwc->filter_fields;
    i = ngx_kafka_ws_cluster_field_index(kwc, field);

    if (i < kwc->nfilter_fields
        && ngx_kafka_ws_filter_field_compare(&f[i], field) == 0)
    {
        return NGX_OK;
    }

    if (kwc->nfilter_fields == NGX_KAFKA_WS_FILTER_FIELDS_MAX) {
        return NGX_DECLINED;
    }

    ngx_memmove(&f[i + 1], &f[i], (kwc->nfilter_fields - i) * sizeof(f[0]));

    f[i] = *field;
    kwc->nfilter_fields++;

    return NGX_OK;
}


/* the first that is not below it */

ngx_uint_t
ngx_kafka_ws_cluster_field_index(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_filter_field_t *field)
{
    ngx_uint_t  i;

    for (i = 0; i < kwc->nfilter_fields; i++) {

        if (ngx_kafka_ws_filter_field_compare(&kwc->filter_fields[i], field)
            >= 0)
        {
            break;
        }
    }

    return i;
}


void
ngx_kafka_ws_cluster_finish(ngx_kafka_ws_cluster_t *kwc)
{
    uint64_t                    n;
    ngx_uint_t                  i;
    ngx_kafka_ws_topic_rule_t  *rule;

    ngx_sort(kwc->renderings, kwc->nrenderings, sizeof(kwc->renderings[0]),
             ngx_kafka_ws_cluster_cmp);

    n = kwc->ring;
    kwc->layout = ngx_kafka_ws_cluster_hash(NGX_KAFKA_WS_HASH_INIT, &n,
                                            sizeof(n));

    kwc->fields_rendering = NGX_KAFKA_WS_NO_FIELDS;

    for (i = 0; i < kwc->nrenderings; i++) {

        if (kwc->renderings[i]->rendering.format
            == NGX_KAFKA_WS_FORMAT_FIELDS)
        {
            kwc->fields_rendering = i;
        }

        kwc->renderings[i]->index = i;
        n = kwc->renderings[i]->hash;
        kwc->layout = ngx_kafka_ws_cluster_hash(kwc->layout, &n, sizeof(n));
    }

    kwc->allowed = NGX_KAFKA_WS_HASH_INIT;
    rule = kwc->topics.elts;

    for (i = 0; i < kwc->topics.nelts; i++) {
#if (NGX_PCRE)
        n = (rule[i].regex != NULL);
#else
        n = 0;
#endif
        kwc->allowed = ngx_kafka_ws_cluster_hash(kwc->allowed, &n, sizeof(n));
        kwc->allowed = ngx_kafka_ws_cluster_hash(kwc->allowed,
                                                 rule[i].name.data,
                                                 rule[i].name.len);
    }
}


static uint64_t
ngx_kafka_ws_cluster_hash(uint64_t hash, void *data, size_t len)
{
    u_char  *p, *last;

    last = (u_char *) data + len;

    for (p = data; p < last; p++) {
        hash = (hash ^ *p) * NGX_KAFKA_WS_HASH_PRIME;
    }

    return hash;
}


static ngx_int_t
ngx_kafka_ws_cluster_cmp(const void *one, const void *two)
{
    ngx_kafka_ws_cluster_rendering_t  *a, *b;

    a = *(ngx_kafka_ws_cluster_rendering_t **) one;
    b = *(ngx_kafka_ws_cluster_rendering_t **) two;

    return (a->hash < b->hash) ? -1 : (a->hash > b->hash);
}
