
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A compressed frame is made of the plain one of the same rendering, once for
 * all who read it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_renderer.h"
#include "ngx_kafka_ws_wakeup.h"


#define NGX_KAFKA_WS_RENDERER_BUF   65536   /* bytes, at first */
#define NGX_KAFKA_WS_RENDERER_WAIT  10      /* ms, for memory */


static void ngx_kafka_ws_renderer_room(ngx_kafka_ws_renderer_t *maker,
    size_t size);
static size_t ngx_kafka_ws_renderer_deflate(ngx_kafka_ws_renderer_t *maker,
    ngx_uint_t i, ngx_kafka_ws_span_t *plain, uint8_t *buf, size_t size);


ngx_uint_t
ngx_kafka_ws_renderer_headers(ngx_kafka_ws_cluster_t *kwc)
{
    ngx_uint_t  i;

    for (i = 0; i < kwc->nrenderings; i++) {
        if (kwc->renderings[i]->rendering.fields
            & NGX_KAFKA_WS_FIELD_HEADERS)
        {
            return 1;
        }
    }

    for (i = 0; i < kwc->nfilter_fields; i++) {
        if (kwc->filter_fields[i].source == NGX_KAFKA_WS_FILTER_HEADER) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_kafka_ws_renderer_frames(ngx_kafka_ws_renderer_t *maker,
    ngx_kafka_ws_record_t *rec, ngx_kafka_ws_span_t *frames)
{
    size_t                      size, bound, need[NGX_KAFKA_WS_RENDERINGS_MAX];
    uint8_t                    *p, *deflate[NGX_KAFKA_WS_RENDERINGS_MAX];
    ngx_uint_t                  i, k;
    ngx_kafka_ws_cluster_t     *kwc;
    ngx_kafka_ws_rendering_t   *r;

    kwc = maker->cluster;

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

    if (size > maker->size) {
        ngx_kafka_ws_renderer_room(maker, size);
    }

    p = maker->buf;

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
        frames[i].len = ngx_kafka_ws_renderer_deflate(maker, i, &frames[k],
                                                    deflate[i], need[i]);
        if (frames[i].len == 0) {
            frames[i] = frames[k];
        }
    }

    return NGX_OK;
}


static void
ngx_kafka_ws_renderer_room(ngx_kafka_ws_renderer_t *maker, size_t size)
{
    uint8_t  *buf;

    size = ngx_max(size, NGX_KAFKA_WS_RENDERER_BUF);
    size = ngx_max(size, maker->size * 2);

    /* no record is given up for want of memory: it waits */

    for ( ;; ) {
        buf = malloc(size);
        if (buf) {
            break;
        }

        ngx_msleep(NGX_KAFKA_WS_RENDERER_WAIT);
    }

    free(maker->buf);

    maker->buf = buf;
    maker->size = size;
}


/*
 * returns:  bytes of the frame; 0: the plain frame is to be taken
 */

static size_t
ngx_kafka_ws_renderer_deflate(ngx_kafka_ws_renderer_t *maker, ngx_uint_t i,
    ngx_kafka_ws_span_t *plain, uint8_t *buf, size_t size)
{
    ngx_kafka_ws_rendering_t  *r;

    if (maker->deflate == NGX_KAFKA_WS_RENDERER_ASK) {
        maker->deflate = ngx_kafka_ws_wakeup_deflate(maker->root)
                       ? NGX_KAFKA_WS_RENDERER_DEFLATE
                       : NGX_KAFKA_WS_RENDERER_PLAIN;
    }

    if (maker->deflate == NGX_KAFKA_WS_RENDERER_PLAIN || plain->len == 0) {
        return 0;
    }

    r = &maker->cluster->renderings[i]->rendering;

    if (maker->deflaters[i] == NULL) {
        maker->deflaters[i] = ngx_kafka_ws_deflater_create(r->deflate,
                                               NGX_KAFKA_WS_DEFLATE_BITS_MAX);
        if (maker->deflaters[i] == NULL) {
            /* no memory: tried again with the next record */
            return 0;
        }
    }

    return ngx_kafka_ws_deflater_frame(maker->deflaters[i], plain->data,
                                       plain->len, r->deflate_min, buf, size);
}


void
ngx_kafka_ws_renderer_gap(ngx_kafka_ws_renderer_t *maker,
    ngx_kafka_ws_span_t *topic, int32_t partition, int64_t from, int64_t to,
    uint32_t flags, ngx_kafka_ws_span_t *frames)
{
    size_t                      len, len_named;
    ngx_uint_t                  i;
    ngx_kafka_ws_gap_e          reason;
    ngx_kafka_ws_rendering_t   *r;

    reason = (flags & NGX_KAFKA_WS_RING_TOO_LARGE)
             ? NGX_KAFKA_WS_GAP_TOO_LARGE : NGX_KAFKA_WS_GAP_RETENTION;

    len = ngx_kafka_ws_event_gap(maker->gap, sizeof(maker->gap), NULL,
                                 partition, from, to, reason);

    len_named = ngx_kafka_ws_event_gap(maker->named, sizeof(maker->named),
                                       topic, partition, from, to, reason);

    for (i = 0; i < maker->cluster->nrenderings; i++) {
        r = &maker->cluster->renderings[i]->rendering;

        if (r->format != NGX_KAFKA_WS_FORMAT_JSON) {
            frames[i].data = NULL;
            frames[i].len = 0;

        } else if (r->fields & NGX_KAFKA_WS_FIELD_TOPIC) {
            frames[i].data = maker->named;
            frames[i].len = len_named;

        } else {
            frames[i].data = maker->gap;
            frames[i].len = len;
        }
    }
}
