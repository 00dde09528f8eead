
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a location lets a request have, whatever that asks for: topics, and
 * partitions of each.
 */


#ifndef _NGX_KAFKA_WS_BOUNDS_H_INCLUDED_
#define _NGX_KAFKA_WS_BOUNDS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_handshake.h"
#include "ngx_kafka_ws_shm.h"


typedef enum {
    NGX_KAFKA_WS_BOUNDS_OK = 0,
    NGX_KAFKA_WS_BOUNDS_FORBIDDEN,    /* not on the cluster's list */
    NGX_KAFKA_WS_BOUNDS_UNKNOWN,      /* Kafka does not have it */
    NGX_KAFKA_WS_BOUNDS_NOT_READY,    /* it may have it */
    NGX_KAFKA_WS_BOUNDS_NO_MEMORY,    /* no room in the zone */
    NGX_KAFKA_WS_BOUNDS_NONE          /* none of the partitions */
} ngx_kafka_ws_bounds_e;


/* the value of kafka_ws_partition for one request */

typedef struct {
    ngx_str_t                   key;         /* that chooses one of them; not
                                                empty, if by_key */
    ngx_uint_t                  by_key;
    ngx_kafka_ws_hash_e         hash;
    ngx_kafka_ws_range_t       *ranges;      /* else */
    ngx_uint_t                  nranges;
} ngx_kafka_ws_bounds_t;


/* which of a topic's partitions those are */

typedef struct {
    ngx_kafka_ws_range_t       *ranges;      /* the bounds', or one below */
    ngx_uint_t                  nranges;
    uint32_t                    npartitions; /* of which a key chose one; 0:
                                                there is no key */
    ngx_kafka_ws_range_t        one;
} ngx_kafka_ws_within_t;


/*
 * Finds a topic that is on the cluster's list, and in Kafka.
 * topic:     set if OK
 * returns:   all but NONE
 * where:     a worker
 */
ngx_kafka_ws_bounds_e ngx_kafka_ws_bounds_topic(ngx_kafka_ws_cluster_t *kwc,
    ngx_str_t *name, ngx_kafka_ws_topic_t **topic);

/*
 * Evaluates kafka_ws_partition once.
 * list:      room for NGX_KAFKA_WS_RANGES_MAX ranges
 * bounds:    set if NGX_OK; its key is in the request's pool, its ranges are
 *            in the list or the configuration
 * refused:   set if NGX_DECLINED
 * returns:   NGX_OK, NGX_DECLINED, NGX_ERROR (out of memory)
 * where:     content handler, before anything is sent
 */
ngx_int_t ngx_kafka_ws_bounds_partitions(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_range_t *list,
    ngx_kafka_ws_bounds_t *bounds, ngx_kafka_ws_refused_t *refused);

/*
 * What the bounds are in one topic.
 * within:    set if OK; points to bounds, and to itself
 * returns:   OK or NONE
 */
ngx_kafka_ws_bounds_e ngx_kafka_ws_bounds_within(
    ngx_kafka_ws_bounds_t *bounds, ngx_kafka_ws_topic_t *topic,
    ngx_kafka_ws_within_t *within);

/*
 * A refusal of a value of the request, and where in it.
 * returns:   NGX_DECLINED or NGX_ERROR (out of memory)
 */
ngx_int_t ngx_kafka_ws_bounds_bad(ngx_http_request_t *r,
    ngx_kafka_ws_refused_t *refused, ngx_kafka_ws_refusal_e reason,
    const char *what, const char *why, size_t pos);


#endif /* _NGX_KAFKA_WS_BOUNDS_H_INCLUDED_ */
