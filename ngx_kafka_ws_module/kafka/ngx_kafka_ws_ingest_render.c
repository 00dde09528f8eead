
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * One record as the frames that the rings get.  A compressed frame is made of
 * the plain one of the same rendering, once for all who read it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_ingest.h"
#include "ngx_kafka_ws_wakeup.h"


#define NGX_KAFKA_WS_INGEST_BUF  65536   /* bytes, at first */


static ngx_int_t ngx_kafka_ws_ingest_room(ngx_kafka_ws_ingest_t *ing,
    size_t size);
static size_t ngx_kafka_ws_ingest_deflate(ngx_kafka_ws_ingest_t *ing,
    ngx_uint_t i, ngx_kafka_ws_span_t *plain, uint8_t *buf, size_t size);


ngx_int_t
ngx_kafka_ws_ingest_render(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_record_t *rec, ngx_kafka_ws_span_t *frames)
{
    size_t                      size, bound, need[NGX_KAFKA_WS_RENDERINGS_MAX];
    uint8_t                    *p, *deflate[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_uint_t                  i, k;
    ngx_kafka_ws_cluster_t     *kwc;
    ngx_kafka_ws_rendering_t   *r;

    kwc = ing->cluster;

    size = rec->key.len + rec->value.len;

    for (i = 0; i < rec->nheaders; i++) {
        size += rec->headers[i].name.len + rec->headers[i].value.len;
    }

    if (size > kwc->max_record) {
        return NGX_DECLINED;
    }

    size = 0;

    for (i = 0; i < kwc->nrenderings; i++) {
        r = &kwc->renderings[i]->rendering;
        bound = ngx_kafka_ws_render_bound(r, rec);

        if (bound > SIZE_MAX - size - NGX_KAFKA_WS_DEFLATE_SPARE) {
            return NGX_DECLINED;
        }

        need[i] = bound + (r->deflate ? NGX_KAFKA_WS_DEFLATE_SPARE : 0);
        size += need[i];
    }

    if (size > ing->size && ngx_kafka_ws_ingest_room(ing, size) != NGX_OK) {
        return NGX_DECLINED;
    }

    p = ing->buf;

    for (i = 0; i < kwc->nrenderings; i++) {
        r = &kwc->renderings[i]->rendering;
        deflate[i] = p;

        if (r->deflate == 0) {
            frames[i].data = ngx_kafka_ws_render(r, rec, p, need[i],
                                                 &frames[i].len);
            if (frames[i].data == NULL) {
                return NGX_DECLINED;
            }
        }

        p += need[i];
    }

    for (i = 0; i < kwc->nrenderings; i++) {

        if (kwc->renderings[i]->rendering.deflate == 0) {
            continue;
        }

        k = kwc->renderings[i]->plain->index;

        frames[i].data = deflate[i];
        frames[i].len = ngx_kafka_ws_ingest_deflate(ing, i, &frames[k],
                                                    deflate[i], need[i]);
        if (frames[i].len == 0) {
            frames[i] = frames[k];
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_ingest_room(ngx_kafka_ws_ingest_t *ing, size_t size)
{
    uint8_t  *buf;

    size = ngx_max(size, NGX_KAFKA_WS_INGEST_BUF);
    size = ngx_max(size, ing->size * 2);

    buf = malloc(size);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    free(ing->buf);

    ing->buf = buf;
    ing->size = size;

    return NGX_OK;
}


/*
 * returns:  bytes of the frame; 0: the plain frame is to be taken
 */

static size_t
ngx_kafka_ws_ingest_deflate(ngx_kafka_ws_ingest_t *ing, ngx_uint_t i,
    ngx_kafka_ws_span_t *plain, uint8_t *buf, size_t size)
{
    ngx_kafka_ws_rendering_t  *r;

    if (ing->deflate == NGX_KAFKA_WS_INGEST_ASK) {
        ing->deflate = ngx_kafka_ws_wakeup_deflate(ing->root)
                       ? NGX_KAFKA_WS_INGEST_DEFLATE
                       : NGX_KAFKA_WS_INGEST_PLAIN;
    }

    if (ing->deflate == NGX_KAFKA_WS_INGEST_PLAIN || plain->len == 0) {
        return 0;
    }

    r = &ing->cluster->renderings[i]->rendering;

    if (ing->deflaters[i] == NULL) {
        ing->deflaters[i] = ngx_kafka_ws_deflater_create(r->deflate,
                                               NGX_KAFKA_WS_DEFLATE_BITS_MAX);
        if (ing->deflaters[i] == NULL) {
            /* no memory: tried again with the next record */
            return 0;
        }
    }

    return ngx_kafka_ws_deflater_frame(ing->deflaters[i], plain->data,
                                       plain->len, r->deflate_min, buf, size);
}
