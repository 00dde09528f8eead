
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <pthread.h>

#include "ngx_kafka_ws_lines.h"
#include "ngx_kafka_ws_shm.h"


#define NGX_KAFKA_WS_LINES_MINUTE  10      /* lines */
#define NGX_KAFKA_WS_LINES_PLAIN   6       /* of them without an end */
#define NGX_KAFKA_WS_LINES_WINDOW  62000   /* ms; the log's times are in
                                              seconds, and lines are written
                                              up to a tick later */


typedef struct {
    pthread_mutex_t             mutex;
    uint64_t                    at[NGX_KAFKA_WS_LINES_MINUTE];   /* ms */
    ngx_kafka_ws_line_kind_e    kind[NGX_KAFKA_WS_LINES_MINUTE];
    ngx_uint_t                  n;      /* taken; the last ones are kept */
    ngx_uint_t                  late;   /* ends that wait for room */
    ngx_uint_t                  dropped;
    uint64_t                    more;   /* ms, when that was said last */
} ngx_kafka_ws_lines_t;


static ngx_uint_t ngx_kafka_ws_lines_room(ngx_kafka_ws_line_kind_e kind,
    uint64_t now);
static void ngx_kafka_ws_lines_put(ngx_kafka_ws_line_kind_e kind,
    uint64_t now);


static ngx_kafka_ws_lines_t  ngx_kafka_ws_lines = {
    .mutex = PTHREAD_MUTEX_INITIALIZER
};


ngx_uint_t
ngx_kafka_ws_lines_take(ngx_kafka_ws_line_kind_e kind)
{
    uint64_t               now;
    ngx_uint_t             room;
    ngx_kafka_ws_lines_t  *lines;

    lines = &ngx_kafka_ws_lines;

    (void) pthread_mutex_lock(&lines->mutex);

    now = ngx_kafka_ws_shm_now();
    room = ngx_kafka_ws_lines_room(kind, now);

    if (room) {
        ngx_kafka_ws_lines_put(kind, now);
    }

    if (kind == NGX_KAFKA_WS_LINE_END && !room) {
        lines->late++;

    } else if (kind == NGX_KAFKA_WS_LINE_LATE && room) {
        lines->late--;
    }

    (void) pthread_mutex_unlock(&lines->mutex);

    return room;
}


static ngx_uint_t
ngx_kafka_ws_lines_room(ngx_kafka_ws_line_kind_e kind, uint64_t now)
{
    ngx_uint_t             i, n, plain, begun, ended, room;
    ngx_kafka_ws_lines_t  *lines;

    if (kind == NGX_KAFKA_WS_LINE_ALERT) {
        return 1;
    }

    lines = &ngx_kafka_ws_lines;

    n = plain = begun = ended = 0;

    for (i = 0; i < ngx_min(lines->n, NGX_KAFKA_WS_LINES_MINUTE); i++) {

        if (now - lines->at[i] >= NGX_KAFKA_WS_LINES_WINDOW) {
            continue;
        }

        n++;

        switch (lines->kind[i]) {

        case NGX_KAFKA_WS_LINE_PLAIN:
        case NGX_KAFKA_WS_LINE_ALERT:
            plain++;
            break;

        case NGX_KAFKA_WS_LINE_BEGIN:
            begun++;
            break;

        case NGX_KAFKA_WS_LINE_END:
        case NGX_KAFKA_WS_LINE_LATE:
            ended++;
            break;
        }
    }

    room = NGX_KAFKA_WS_LINES_MINUTE - n;

    if (kind == NGX_KAFKA_WS_LINE_LATE) {
        return room > 0;
    }

    if (lines->late) {
        return 0;
    }

    if (kind == NGX_KAFKA_WS_LINE_END) {
        return room > 0;
    }

    /* the ends of what began lately are likely to come */

    if (begun > ended) {
        room -= ngx_min(room, begun - ended);
    }

    if (kind == NGX_KAFKA_WS_LINE_BEGIN) {
        return room >= 2;
    }

    return room > 0 && plain < NGX_KAFKA_WS_LINES_PLAIN;
}


static void
ngx_kafka_ws_lines_put(ngx_kafka_ws_line_kind_e kind, uint64_t now)
{
    ngx_uint_t             n;
    ngx_kafka_ws_lines_t  *lines;

    lines = &ngx_kafka_ws_lines;
    n = lines->n++ % NGX_KAFKA_WS_LINES_MINUTE;

    lines->at[n] = now;
    lines->kind[n] = kind;
}


void
ngx_kafka_ws_lines_drop(void)
{
    (void) pthread_mutex_lock(&ngx_kafka_ws_lines.mutex);
    ngx_kafka_ws_lines.dropped++;
    (void) pthread_mutex_unlock(&ngx_kafka_ws_lines.mutex);
}


ngx_uint_t
ngx_kafka_ws_lines_more(void)
{
    uint64_t               now;
    ngx_uint_t             n;
    ngx_kafka_ws_lines_t  *lines;

    lines = &ngx_kafka_ws_lines;
    n = 0;

    (void) pthread_mutex_lock(&lines->mutex);

    now = ngx_kafka_ws_shm_now();

    if (lines->dropped
        && (lines->more == 0
            || now - lines->more >= NGX_KAFKA_WS_LINES_WINDOW)
        && ngx_kafka_ws_lines_room(NGX_KAFKA_WS_LINE_PLAIN, now))
    {
        ngx_kafka_ws_lines_put(NGX_KAFKA_WS_LINE_PLAIN, now);

        n = lines->dropped;
        lines->dropped = 0;
        lines->more = now;
    }

    (void) pthread_mutex_unlock(&lines->mutex);

    return n;
}
