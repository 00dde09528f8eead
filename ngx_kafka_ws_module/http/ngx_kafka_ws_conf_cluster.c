
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The kafka_ws_cluster block: its own directives, most of them once each.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_kafka.h"
#include "ngx_kafka_ws_shm.h"


#define NGX_KAFKA_WS_SUB_BROKERS     0x01
#define NGX_KAFKA_WS_SUB_TOPICS      0x02
#define NGX_KAFKA_WS_SUB_ZONE        0x04
#define NGX_KAFKA_WS_SUB_RING        0x08
#define NGX_KAFKA_WS_SUB_PRELOAD     0x10
#define NGX_KAFKA_WS_SUB_MAX_RECORD  0x20
#define NGX_KAFKA_WS_SUB_PROPERTY    0       /* as often as one likes */


typedef struct {
    ngx_str_t                   name;
    ngx_uint_t                  bit;         /* NGX_KAFKA_WS_SUB_... */
    ngx_uint_t                  min;         /* arguments */
    ngx_uint_t                  max;
    char                     *(*set)(ngx_conf_t *cf,
                                     ngx_kafka_ws_cluster_t *kwc);
} ngx_kafka_ws_sub_t;


/* the block being read */

typedef struct {
    ngx_kafka_ws_cluster_t     *cluster;
    ngx_uint_t                  seen;        /* NGX_KAFKA_WS_SUB_... */
} ngx_kafka_ws_block_t;


static ngx_int_t ngx_kafka_ws_block_name(ngx_conf_t *cf,
    ngx_kafka_ws_main_conf_t *kwmcf, ngx_str_t *name);
static char *ngx_kafka_ws_block_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_kafka_ws_block_end(ngx_conf_t *cf,
    ngx_kafka_ws_block_t *block);
static char *ngx_kafka_ws_block_sizes(ngx_conf_t *cf,
    ngx_kafka_ws_block_t *block);
static char *ngx_kafka_ws_sub_zone(ngx_conf_t *cf,
    ngx_kafka_ws_cluster_t *kwc);
static char *ngx_kafka_ws_sub_property(ngx_conf_t *cf,
    ngx_kafka_ws_cluster_t *kwc);


static ngx_kafka_ws_sub_t  ngx_kafka_ws_subs[] = {

    { ngx_string("brokers"),
      NGX_KAFKA_WS_SUB_BROKERS, 1, NGX_MAX_UINT32_VALUE,
      ngx_kafka_ws_conf_brokers },

    { ngx_string("topics"),
      NGX_KAFKA_WS_SUB_TOPICS, 1, NGX_MAX_UINT32_VALUE,
      ngx_kafka_ws_conf_topics },

    { ngx_string("zone"),
      NGX_KAFKA_WS_SUB_ZONE, 2, 2,
      ngx_kafka_ws_sub_zone },

    { ngx_string("ring"),
      NGX_KAFKA_WS_SUB_RING, 1, 2,
      ngx_kafka_ws_conf_ring },

    { ngx_string("preload"),
      NGX_KAFKA_WS_SUB_PRELOAD, 1, 2,
      ngx_kafka_ws_conf_preload },

    { ngx_string("max_record"),
      NGX_KAFKA_WS_SUB_MAX_RECORD, 1, 1,
      ngx_kafka_ws_conf_max_record },

    { ngx_string("property"),
      NGX_KAFKA_WS_SUB_PROPERTY, 2, 2,
      ngx_kafka_ws_sub_property },

    { ngx_null_string, 0, 0, 0, NULL }
};


char *
ngx_kafka_ws_conf_cluster(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_main_conf_t  *kwmcf = conf;

    char                     *rv;
    ngx_str_t                *value;
    ngx_conf_t                save;
    ngx_kafka_ws_block_t      block;
    ngx_kafka_ws_cluster_t   *kwc, **kwcp;

    value = cf->args->elts;

    if (ngx_kafka_ws_block_name(cf, kwmcf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    kwc = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_ws_cluster_t));
    if (kwc == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_array_init(&kwc->topics, cf->pool, 4,
                       sizeof(ngx_kafka_ws_topic_rule_t))
        != NGX_OK
        || ngx_array_init(&kwc->properties, cf->pool, 4,
                          sizeof(ngx_keyval_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    kwc->name = value[1];
    kwc->preload_records = NGX_KAFKA_WS_PRELOAD_RECORDS;
    kwc->preload_age = NGX_KAFKA_WS_PRELOAD_AGE;
    kwc->file = cf->conf_file->file.name.data;
    kwc->line = cf->conf_file->line;

    block.cluster = kwc;
    block.seen = 0;

    save = *cf;
    cf->handler = ngx_kafka_ws_block_line;
    cf->handler_conf = (char *) &block;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_kafka_ws_block_end(cf, &block);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    kwcp = ngx_array_push(&kwmcf->clusters);
    if (kwcp == NULL) {
        return NGX_CONF_ERROR;
    }

    *kwcp = kwc;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_kafka_ws_block_name(ngx_conf_t *cf, ngx_kafka_ws_main_conf_t *kwmcf,
    ngx_str_t *name)
{
    ngx_uint_t                i;
    ngx_kafka_ws_cluster_t  **kwc;

    if (name->len == 0
        || (name->len == 3 && ngx_strncmp(name->data, "off", 3) == 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" of a \"kafka_ws_cluster\"",
                           name);
        return NGX_ERROR;
    }

    kwc = kwmcf->clusters.elts;

    for (i = 0; i < kwmcf->clusters.nelts; i++) {

        if (kwc[i]->name.len == name->len
            && ngx_strncmp(kwc[i]->name.data, name->data, name->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate cluster \"%V\", the first is "
                               "in %s:%ui, the second",
                               name, kwc[i]->file, kwc[i]->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* called for each line of the block */

static char *
ngx_kafka_ws_block_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_kafka_ws_block_t  *block = conf;

    char                *rv;
    ngx_str_t           *value;
    ngx_uint_t           n;
    ngx_kafka_ws_sub_t  *sub;

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    for (sub = ngx_kafka_ws_subs; sub->name.len; sub++) {

        if (sub->name.len != value[0].len
            || ngx_strncmp(sub->name.data, value[0].data, value[0].len) != 0)
        {
            continue;
        }

        if (n < sub->min || n > sub->max) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of arguments in \"%V\" "
                               "directive", &sub->name);
            return NGX_CONF_ERROR;
        }

        rv = (block->seen & sub->bit) ? "is duplicate"
                                      : sub->set(cf, block->cluster);

        if (rv != NGX_CONF_OK && rv != NGX_CONF_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" directive %s",
                               &sub->name, rv);
            return NGX_CONF_ERROR;
        }

        block->seen |= sub->bit;

        return rv;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in \"kafka_ws_cluster\"",
                       &value[0]);

    return NGX_CONF_ERROR;
}


static char *
ngx_kafka_ws_block_end(ngx_conf_t *cf, ngx_kafka_ws_block_t *block)
{
    char  *missing;

    missing = NULL;

    if (!(block->seen & NGX_KAFKA_WS_SUB_BROKERS)) {
        missing = "brokers";

    } else if (!(block->seen & NGX_KAFKA_WS_SUB_TOPICS)) {
        missing = "topics";

    } else if (!(block->seen & NGX_KAFKA_WS_SUB_ZONE)) {
        missing = "zone";
    }

    if (missing) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"%s\" in cluster \"%V\"",
                           missing, &block->cluster->name);
        return NGX_CONF_ERROR;
    }

    return ngx_kafka_ws_block_sizes(cf, block);
}


/* a frame may take a quarter of a ring, so that readers have the rest */

static char *
ngx_kafka_ws_block_sizes(ngx_conf_t *cf, ngx_kafka_ws_block_t *block)
{
    ngx_kafka_ws_cluster_t  *kwc;

    kwc = block->cluster;

    if (kwc->ring == 0) {
        kwc->ring = NGX_KAFKA_WS_RING_DEFAULT;
    }

    if (kwc->max_record == 0) {
        kwc->max_record = ngx_min(NGX_KAFKA_WS_RECORD_DEFAULT,
                                  kwc->ring / NGX_KAFKA_WS_RING_FRAMES);
    }

    if (kwc->max_record <= kwc->ring / NGX_KAFKA_WS_RING_FRAMES) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"max_record\" of %uzk needs a \"ring\" of at least "
                       "%d times its size, but cluster \"%V\" has %s%uzk",
                       (kwc->max_record + 1023) / 1024,
                       NGX_KAFKA_WS_RING_FRAMES, &kwc->name,
                       (block->seen & NGX_KAFKA_WS_SUB_RING)
                       ? "" : "the default of ",
                       kwc->ring / 1024);

    return NGX_CONF_ERROR;
}


static char *
ngx_kafka_ws_sub_zone(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc)
{
    off_t                    size;
    ngx_str_t               *value;
    ngx_kafka_ws_cluster_t  *other;

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"\" in \"zone\" directive");
        return NGX_CONF_ERROR;
    }

    size = ngx_parse_offset(&value[2]);

    if (size <= 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" in \"zone\" directive",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    /* less is no slab pool; what it really takes is known in the end */

    if (size < (off_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small", &value[1]);
        return NGX_CONF_ERROR;
    }

    kwc->zone = value[1];
    kwc->shm_zone = ngx_shared_memory_add(cf, &value[1], (size_t) size,
                                          &ngx_kafka_ws_module);
    if (kwc->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    other = kwc->shm_zone->data;

    if (other) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is already that of cluster \"%V\"",
                           &value[1], &other->name);
        return NGX_CONF_ERROR;
    }

    kwc->shm_zone->init = ngx_kafka_ws_shm_init_zone;
    kwc->shm_zone->data = kwc;

    return NGX_CONF_OK;
}


static char *
ngx_kafka_ws_sub_property(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc)
{
    char           error[NGX_KAFKA_WS_KAFKA_ERROR_LEN];
    ngx_str_t     *value;
    const char    *reason;
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    value = cf->args->elts;

    reason = ngx_kafka_ws_kafka_refuses(&value[1]);

    if (reason) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "property \"%V\" is not allowed: %s",
                           &value[1], reason);
        return NGX_CONF_ERROR;
    }

    kv = kwc->properties.elts;

    for (i = 0; i < kwc->properties.nelts; i++) {

        if (kv[i].key.len == value[1].len
            && ngx_strncmp(kv[i].key.data, value[1].data, value[1].len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate property \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_kafka_ws_kafka_check(&value[1], &value[2], error) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "property \"%V\": %s", &value[1], error);
        return NGX_CONF_ERROR;
    }

    kv = ngx_array_push(&kwc->properties);
    if (kv == NULL) {
        return NGX_CONF_ERROR;
    }

    /* arguments end with a zero that is not counted, and live in cf->pool */

    kv->key = value[1];
    kv->value = value[2];

    return NGX_CONF_OK;
}


ngx_int_t
ngx_kafka_ws_conf_cluster_finish(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc)
{
    size_t      needed;
    ngx_uint_t  n;

    if (ngx_kafka_ws_conf_filter_rendering(cf, kwc) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_kafka_ws_cluster_finish(kwc);

    needed = ngx_kafka_ws_shm_needed(kwc);

    if (kwc->shm_zone->shm.size >= needed) {
        return NGX_OK;
    }

    n = ngx_kafka_ws_cluster_literals(kwc);

    if (kwc->idle) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zone \"%V\" is too small: %ui topic%s and the rings of "
                      "one partition need at least %uzk, for cluster \"%V\" in "
                      "%s:%ui", &kwc->zone, n, n == 1 ? "" : "s",
                      (needed + 1023) / 1024, &kwc->name, kwc->file,
                      kwc->line);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "zone \"%V\" is too small: %ui topic%s with a partition each "
                  "need%s at least %uzk, for cluster \"%V\" in %s:%ui",
                  &kwc->zone, n, n == 1 ? "" : "s", n == 1 ? "s" : "",
                  (needed + 1023) / 1024, &kwc->name, kwc->file, kwc->line);

    return NGX_ERROR;
}
