
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * One record as the frames that a ring gets, one for each rendering in use.
 */


#ifndef _NGX_KAFKA_WS_RENDERER_H_INCLUDED_
#define _NGX_KAFKA_WS_RENDERER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_cluster.h"
#include "ngx_kafka_ws_deflate.h"
#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_shm.h"


/* whether clients want compressed frames: looked up once per batch */

typedef enum {
    NGX_KAFKA_WS_RENDERER_ASK = 0,
    NGX_KAFKA_WS_RENDERER_PLAIN,
    NGX_KAFKA_WS_RENDERER_DEFLATE
} ngx_kafka_ws_renderer_deflate_e;


/* a thread's own; zero-filled, but for cluster and root */

typedef struct {
    ngx_kafka_ws_cluster_t     *cluster;
    ngx_kafka_ws_root_t        *root;

    uint8_t                    *buf;        /* frames of one record */
    size_t                      size;
    ngx_kafka_ws_renderer_deflate_e
                                deflate;    /* to be set to ASK for each
                                               batch */
    ngx_kafka_ws_deflater_t    *deflaters[NGX_KAFKA_WS_RENDERINGS_MAX];

    uint8_t                     gap[NGX_KAFKA_WS_EVENT_LEN];
    uint8_t                     named[NGX_KAFKA_WS_EVENT_LEN];
} ngx_kafka_ws_renderer_t;


/* 1, if a rendering or a filter of the cluster has headers */
ngx_uint_t ngx_kafka_ws_renderer_headers(ngx_kafka_ws_cluster_t *kwc);

/*
 * Makes the frames of one record.
 * frames:    set if NGX_OK; they lie in maker->buf, until the next call
 * returns:   NGX_OK; NGX_DECLINED: the record is too large
 * cost:      no allocation, once the buffer has grown to the largest record;
 *            compressing only while a client wants it
 * where:     the thread that has the renderer
 */
ngx_int_t ngx_kafka_ws_renderer_frames(ngx_kafka_ws_renderer_t *maker,
    ngx_kafka_ws_record_t *rec, ngx_kafka_ws_span_t *frames);

/*
 * Makes the frames that say that the offsets from..to are not to be had.
 * flags:     NGX_KAFKA_WS_RING_TOO_LARGE or _RETENTION
 * frames:    set; of length 0 in formats without events, and for filters
 */
void ngx_kafka_ws_renderer_gap(ngx_kafka_ws_renderer_t *maker,
    ngx_kafka_ws_span_t *topic, int32_t partition, int64_t from, int64_t to,
    uint32_t flags, ngx_kafka_ws_span_t *frames);


#endif /* _NGX_KAFKA_WS_RENDERER_H_INCLUDED_ */
