
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The configuration: what the directives fill, and what of it is checked
 * where.
 */


#ifndef _NGX_KAFKA_WS_CONF_H_INCLUDED_
#define _NGX_KAFKA_WS_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_args.h"
#include "ngx_kafka_ws_cluster.h"
#include "ngx_kafka_ws_cursor.h"
#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_partitioner.h"
#include "ngx_kafka_ws_render.h"
#include "ngx_kafka_ws_socket.h"


#define NGX_KAFKA_WS_FORMATS       3

#define NGX_KAFKA_WS_SLOW_LAG      30000           /* ms */


/* kafka_ws_gap; by default json streams notify, the others close */

#define NGX_KAFKA_WS_GAP_ON_NOTIFY  0
#define NGX_KAFKA_WS_GAP_ON_CLOSE   1


/* kafka_ws_slow: what becomes of a slow client, and where it goes on */

typedef enum {
    NGX_KAFKA_WS_SLOW_CLOSE = 0,
    NGX_KAFKA_WS_SLOW_EARLIEST,
    NGX_KAFKA_WS_SLOW_LATEST
} ngx_kafka_ws_slow_e;


/* kafka_ws_backfill: what is older than the ring comes from Kafka */

#define NGX_KAFKA_WS_BACKFILL_RECORDS      100000
#define NGX_KAFKA_WS_BACKFILL_AGE          86400000LL      /* ms */
#define NGX_KAFKA_WS_BACKFILL_CONCURRENCY  4

typedef struct {
    ngx_uint_t                  on;          /* NGX_CONF_UNSET_UINT */
    int64_t                     records;     /* below the live end */
    int64_t                     age;         /* ms */
    ngx_uint_t                  concurrency;
} ngx_kafka_ws_backfill_conf_t;


/* kafka_ws_commands */

#define NGX_KAFKA_WS_COMMANDS_STREAMS  64
#define NGX_KAFKA_WS_COMMANDS_RATE     200

typedef struct {
    ngx_uint_t                  on;          /* NGX_CONF_UNSET_UINT */
    ngx_uint_t                  streams;     /* of a connection, at most */
    ngx_uint_t                  rate;        /* commands in a second */
} ngx_kafka_ws_commands_conf_t;


/* where a new client starts */

typedef enum {
    NGX_KAFKA_WS_FROM_LATEST = 0,
    NGX_KAFKA_WS_FROM_EARLIEST,
    NGX_KAFKA_WS_FROM_TAIL,
    NGX_KAFKA_WS_FROM_AGE,
    NGX_KAFKA_WS_FROM_TIME
} ngx_kafka_ws_from_e;

typedef struct {
    ngx_kafka_ws_from_e         from;
    uint64_t                    tail;        /* records of each partition */
    int64_t                     time;        /* ms: of age, or since the
                                                epoch */
} ngx_kafka_ws_start_t;


/* kafka_ws_filter, as it stands, or a field of kafka_ws_client_filter */

typedef struct {
    ngx_kafka_ws_filter_field_t  field;
    ngx_kafka_ws_filter_op_e     op;
    ngx_http_complex_value_t     value;      /* unset: the client's */
    ngx_str_t                    text;       /* the field, for messages and
                                                as the argument's name */
} ngx_kafka_ws_filter_conf_t;


/* what the configuration sets and only files further down know: the post
   of the command "kafka_ws" */

typedef struct {
    ngx_http_handler_pt         handler;
    ngx_path_manager_pt         manager;     /* data: the main conf */
} ngx_kafka_ws_hooks_t;


typedef struct {
    ngx_array_t                 clusters;    /* ngx_kafka_ws_cluster_t * */
    ngx_array_t                 filtered;    /* locations that stream and
                                                filter:
                                                ngx_kafka_ws_loc_conf_t * */
    ngx_uint_t                  max_connections;   /* 0: as nginx itself */
    ngx_msec_t                  drain;
    ngx_path_t                 *path;        /* makes nginx fork its helper */
    ngx_uint_t                  used;        /* a location streams */
    ngx_kafka_ws_hooks_t       *hooks;       /* NULL: no "kafka_ws" */
} ngx_kafka_ws_main_conf_t;


typedef struct {
    ngx_str_t                   name;        /* of the cluster */
    ngx_kafka_ws_cluster_t     *cluster;     /* NULL: not a stream */

    ngx_http_complex_value_t   *topic;       /* NULL: none but by commands */

    ngx_http_complex_value_t   *partition;   /* with variables, or a key;
                                                else NULL */
    ngx_uint_t                  by_key;      /* it is that of a key */
    ngx_kafka_ws_hash_e         hash;        /* of the key */
    ngx_kafka_ws_range_t       *ranges;
    ngx_uint_t                  nranges;     /* "all": one, 0 to 2^31 - 1 */

    ngx_uint_t                  nformats;    /* 0: not set */
    ngx_kafka_ws_format_e       formats[NGX_KAFKA_WS_FORMATS];
    ngx_str_t                   protocols[NGX_KAFKA_WS_FORMATS];
    ngx_kafka_ws_cluster_rendering_t
                               *renderings[NGX_KAFKA_WS_FORMATS];
    ngx_kafka_ws_cluster_rendering_t
                               *deflated[NGX_KAFKA_WS_FORMATS];

    ngx_uint_t                  value_json;
    ngx_uint_t                  fields;      /* NGX_KAFKA_WS_FIELD_... */
    ngx_array_t                *names;       /* ngx_kafka_ws_span_t */

    ngx_uint_t                  start_set;   /* one of the following is */
    ngx_http_complex_value_t   *start_var;   /* with variables, else NULL */
    ngx_kafka_ws_start_t        start;
    ngx_array_t                *cursor;      /* ngx_http_complex_value_t */

    ngx_array_t                *filter;      /* ngx_kafka_ws_filter_conf_t */
    ngx_kafka_ws_filter_term_t *terms;       /* the same for the workers, in
                                                this order */
    ngx_uint_t                  nterms;      /* 0: all records */

    ngx_array_t                *client_filter;
                                             /* ngx_kafka_ws_filter_conf_t;
                                                empty: off */
    ngx_kafka_ws_filter_term_t *client_terms;   /* the same for the workers,
                                                   in this order */
    ngx_uint_t                  nclient_terms;

    ngx_kafka_ws_commands_conf_t
                                commands;
    ngx_kafka_ws_backfill_conf_t
                                backfill;
    ngx_uint_t                  gap;         /* NGX_CONF_UNSET_UINT: by
                                                format */
    ngx_uint_t                  slow;        /* ngx_kafka_ws_slow_e */
    ngx_msec_t                  lag;         /* kafka_ws_slow */
    ngx_kafka_ws_socket_conf_t  socket;

    ngx_uint_t                  status;      /* "kafka_ws_status" is here */

    u_char                     *file;        /* of "kafka_ws" */
    ngx_uint_t                  line;
} ngx_kafka_ws_loc_conf_t;


/* ngx_http_module_t's slots */
void *ngx_kafka_ws_create_main_conf(ngx_conf_t *cf);
char *ngx_kafka_ws_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_kafka_ws_create_loc_conf(ngx_conf_t *cf);
char *ngx_kafka_ws_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
ngx_int_t ngx_kafka_ws_postconfiguration(ngx_conf_t *cf);


/* directive setters: ngx_kafka_ws_conf_cluster.c, _filter.c, _lists.c,
   _records.c, _start.c and _values.c */
char *ngx_kafka_ws_conf_cluster(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_conf_stream(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_conf_partition(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_conf_format(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_conf_fields(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_conf_start(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_kafka_ws_conf_cursor(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_conf_filter(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_conf_client_filter(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_conf_backfill(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_conf_slow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_kafka_ws_conf_commands(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* post of a stock setter: bounds */
char *ngx_kafka_ws_conf_check_drain(ngx_conf_t *cf, void *post, void *data);


/* lines of a cluster block: "brokers", "topics", "ring" and so on */
char *ngx_kafka_ws_conf_brokers(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc);
char *ngx_kafka_ws_conf_topics(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc);
char *ngx_kafka_ws_conf_ring(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc);
char *ngx_kafka_ws_conf_max_record(ngx_conf_t *cf,
    ngx_kafka_ws_cluster_t *kwc);
char *ngx_kafka_ws_conf_preload(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc);

/*
 * Has the cluster know the renderings of a location.
 * where:     merge of a location
 */
ngx_int_t ngx_kafka_ws_merge_renderings(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf);

/*
 * Filters: merge has the cluster know a location's fields; rendering adds
 * that of a cluster's fields, if there are any; finish makes the terms of all
 * locations.
 * where:     merge of a location; then, when all are known, the others
 */
ngx_int_t ngx_kafka_ws_merge_filter(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf);
ngx_int_t ngx_kafka_ws_conf_filter_rendering(ngx_conf_t *cf,
    ngx_kafka_ws_cluster_t *kwc);
ngx_int_t ngx_kafka_ws_conf_filter_finish(ngx_conf_t *cf,
    ngx_kafka_ws_main_conf_t *kwmcf);

/*
 * Computes what depends on all locations, and checks the zone's size.
 * where:     postconfiguration, when all locations are known
 */
ngx_int_t ngx_kafka_ws_conf_cluster_finish(ngx_conf_t *cf,
    ngx_kafka_ws_cluster_t *kwc);


/*
 * Reads "latest", "earliest", "tail=n", n from 1 to 10^9, or "since=time":
 * an age as nginx writes times, ms since the epoch (12 digits or more), or
 * RFC 3339 in UTC ("2026-01-31T12:00:00Z").
 * returns:   NGX_OK or NGX_ERROR
 * where:     nginx -t, and a worker for a value with variables
 */
ngx_int_t ngx_kafka_ws_conf_parse_start(ngx_str_t *value,
    ngx_kafka_ws_start_t *start);


extern ngx_module_t  ngx_kafka_ws_module;


#endif /* _NGX_KAFKA_WS_CONF_H_INCLUDED_ */
