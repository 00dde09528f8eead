
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * All pauses are equally long, so the first that begins is the first that
 * ends: one queue and one timer serve a worker.
 */


#include "ngx_kafka_ws_pace.h"


#define NGX_KAFKA_WS_PACE_PAUSE  50     /* ms */
#define NGX_KAFKA_WS_PACE_TURNS  4      /* ends of pauses in a millisecond */


static void ngx_kafka_ws_pace_handler(ngx_event_t *ev);


static ngx_queue_t       ngx_kafka_ws_pace_queue = {
    &ngx_kafka_ws_pace_queue, &ngx_kafka_ws_pace_queue
};
static ngx_event_t       ngx_kafka_ws_pace_event;
static ngx_connection_t  ngx_kafka_ws_pace_dummy = { .fd = (ngx_socket_t) -1 };


ngx_int_t
ngx_kafka_ws_pace(ngx_kafka_ws_pace_t *pace, ngx_event_t *rev)
{
    ngx_uint_t    flags;
    ngx_event_t  *ev;

    if (ngx_kafka_ws_paused(pace)) {
        return NGX_OK;
    }

    ev = &ngx_kafka_ws_pace_event;

    if (ev->handler == NULL) {
        ev->handler = ngx_kafka_ws_pace_handler;
        ev->data = &ngx_kafka_ws_pace_dummy;
        ev->log = ngx_cycle->log;
        ev->cancelable = 1;
    }

    /* the flags are those of the event that stays, if it is watched, too */

    flags = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? NGX_CLEAR_EVENT
                                                    : NGX_LEVEL_EVENT;

    if (rev->active
        && ngx_del_event(rev, NGX_READ_EVENT, flags) != NGX_OK)
    {
        return NGX_ERROR;
    }

    pace->rev = rev;
    pace->due = ngx_current_msec + NGX_KAFKA_WS_PACE_PAUSE;

    ngx_queue_insert_tail(&ngx_kafka_ws_pace_queue, &pace->queue);

    if (!ev->timer_set) {
        ngx_add_timer(ev, NGX_KAFKA_WS_PACE_PAUSE);
    }

    return NGX_OK;
}


void
ngx_kafka_ws_pace_end(ngx_kafka_ws_pace_t *pace)
{
    if (ngx_kafka_ws_paused(pace)) {
        ngx_queue_remove(&pace->queue);
        pace->queue.next = NULL;
    }
}


static void
ngx_kafka_ws_pace_handler(ngx_event_t *ev)
{
    ngx_uint_t            n;
    ngx_queue_t          *q;
    ngx_event_t          *rev;
    ngx_msec_int_t        left;
    ngx_kafka_ws_pace_t  *pace;

    for (n = 0; !ngx_queue_empty(&ngx_kafka_ws_pace_queue); n++) {

        q = ngx_queue_head(&ngx_kafka_ws_pace_queue);
        pace = ngx_queue_data(q, ngx_kafka_ws_pace_t, queue);
        left = (ngx_msec_int_t) (pace->due - ngx_current_msec);

        if (left > 0 || n == NGX_KAFKA_WS_PACE_TURNS) {
            ngx_add_timer(ev, (ngx_msec_t) ngx_max(left, 1));
            return;
        }

        rev = pace->rev;

        ngx_kafka_ws_pace_end(pace);

        /* what epoll says of an event, of which it does not know now */

        rev->ready = 1;
        rev->available = -1;

        ngx_post_event(rev, &ngx_posted_events);
    }
}
