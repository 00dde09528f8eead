
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a kafka_ws_cluster block says: read by the master, constant
 * afterwards, used by the helper process and the workers alike.
 */


#ifndef _NGX_KAFKA_WS_CLUSTER_H_INCLUDED_
#define _NGX_KAFKA_WS_CLUSTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_render.h"
#include "ngx_kafka_ws_ring.h"


#define NGX_KAFKA_WS_TOPIC_MAX         249       /* bytes, Kafka's Topic.java */
#define NGX_KAFKA_WS_RING_DEFAULT      (4 * 1024 * 1024)
#define NGX_KAFKA_WS_RECORD_DEFAULT    (1024 * 1024)
#define NGX_KAFKA_WS_PRELOAD_RECORDS   1000
#define NGX_KAFKA_WS_PRELOAD_AGE       60000     /* ms */

#define NGX_KAFKA_WS_NO_FIELDS         ((ngx_uint_t) -1)


typedef struct ngx_kafka_ws_cluster_s  ngx_kafka_ws_cluster_t;
typedef struct ngx_kafka_ws_root_s     ngx_kafka_ws_root_t;
typedef struct ngx_kafka_ws_blocks_s   ngx_kafka_ws_blocks_t;
typedef struct ngx_kafka_ws_held_s     ngx_kafka_ws_held_t;


/* one argument of "topics": a literal name, or a regular expression */

typedef struct {
    ngx_str_t                   name;        /* without "~" */
#if (NGX_PCRE)
    ngx_regex_t                *regex;       /* NULL: literal */
#endif
} ngx_kafka_ws_topic_rule_t;


/* a rendering in use, with its place in the rings and in index entries */

typedef struct ngx_kafka_ws_cluster_rendering_s
    ngx_kafka_ws_cluster_rendering_t;

struct ngx_kafka_ws_cluster_rendering_s {
    ngx_kafka_ws_rendering_t    rendering;
    uint64_t                    hash;
    ngx_uint_t                  index;
    ngx_kafka_ws_cluster_rendering_t
                               *plain;       /* of a compressed one: that
                                                whose frames it is made of */
};


struct ngx_kafka_ws_cluster_s {
    ngx_str_t                   name;
    ngx_str_t                   brokers;     /* joined by commas, with a
                                                final zero */
    ngx_array_t                 topics;      /* ngx_kafka_ws_topic_rule_t */
    ngx_array_t                 properties;  /* ngx_keyval_t, each with a
                                                final zero */
    ngx_str_t                   zone;
    ngx_shm_zone_t             *shm_zone;
    size_t                      ring;        /* bytes of a data ring */
    ngx_msec_t                  idle;        /* that rings are kept for nobody;
                                                0: all topics have rings */
    size_t                      max_record;  /* bytes */
    ngx_int_t                   preload_records;   /* -1: not limited */
    ngx_msec_int_t              preload_age;       /* ms, -1: not limited */

    ngx_kafka_ws_cluster_rendering_t
                               *renderings[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_uint_t                  nrenderings;

    ngx_kafka_ws_filter_field_t
                                filter_fields[NGX_KAFKA_WS_FILTER_FIELDS_MAX];
    ngx_uint_t                  nfilter_fields;    /* of all locations,
                                                      sorted, none twice */
    ngx_uint_t                  fields_rendering;  /* the index of their
                                                      block; or _NO_FIELDS */

    ngx_uint_t                  backfill;    /* ranges read at a time; 0: no
                                                location wants any */

    uint64_t                    layout;      /* hash: the rings' layout */
    uint64_t                    allowed;     /* hash: the list of topics */

    ngx_kafka_ws_root_t        *root;        /* in the zone, once mapped */
    ngx_kafka_ws_blocks_t      *blocks;      /* the writer's: what is in use */
    ngx_kafka_ws_held_t        *held;        /* this process's: what it wants */

    u_char                     *file;        /* where the block stands */
    ngx_uint_t                  line;
};


/*
 * Says whether a topic may be streamed: a legal Kafka name, not one of
 * Kafka's own ("__..."), and on the block's list.
 * where:     main thread of any process (nginx's regular expressions are
 *            not for other threads)
 */
ngx_uint_t ngx_kafka_ws_cluster_allows(ngx_kafka_ws_cluster_t *kwc,
    ngx_str_t *topic);

/* 1 to 249 of [a-zA-Z0-9._-], not "." nor ".." (Kafka's Topic.java) */
ngx_uint_t ngx_kafka_ws_cluster_topic_legal(ngx_str_t *topic);

/* how many of the list are names, not regular expressions */
ngx_uint_t ngx_kafka_ws_cluster_literals(ngx_kafka_ws_cluster_t *kwc);

/*
 * Finds or adds a rendering.
 * returns:   it, owned by the pool; NULL: out of memory, or, with *full set,
 *            more than NGX_KAFKA_WS_RENDERINGS_MAX
 * where:     the master, while it reads the configuration
 */
ngx_kafka_ws_cluster_rendering_t *ngx_kafka_ws_cluster_rendering(
    ngx_kafka_ws_cluster_t *kwc, ngx_kafka_ws_rendering_t *rendering,
    ngx_pool_t *pool, ngx_uint_t *full);

/*
 * Adds a field that a filter looks at, unless it is there.  The place of a
 * field is final when all locations are read.
 * returns:   NGX_OK; NGX_DECLINED: more than NGX_KAFKA_WS_FILTER_FIELDS_MAX
 * where:     the master, while it reads the configuration
 */
ngx_int_t ngx_kafka_ws_cluster_field(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_filter_field_t *field);

/* the place of a field that was added */
ngx_uint_t ngx_kafka_ws_cluster_field_index(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_filter_field_t *field);

/*
 * Ends the reading: orders the renderings, so that the order of locations
 * does not matter, finds that of the fields, and computes both hashes.
 */
void ngx_kafka_ws_cluster_finish(ngx_kafka_ws_cluster_t *kwc);


#endif /* _NGX_KAFKA_WS_CLUSTER_H_INCLUDED_ */
