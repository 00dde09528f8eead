
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The end of a worker: its connections are closed one after the other.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_worker.h"


#define NGX_KAFKA_WS_DRAIN      5      /* ms between slices of a drain */
#define NGX_KAFKA_WS_DRAIN_MAX  1000   /* connections of a slice */


/*
 * nginx wants this worker to end.  A reload is told from a stop by the count
 * of configurations; only after a reload there is someone to come back to at
 * once, so that it pays to spread the closing.
 */

void
ngx_kafka_ws_worker_exiting(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_kafka_ws_worker_t  *kww;

    kww = ngx_kafka_ws_worker();

    if (kww->draining) {
        return;
    }

    kww->draining = 1;
    kww->drain_start = ngx_current_msec;
    kww->drain_total = kww->nclients;

    if (ngx_kafka_ws_shm_generation() == kww->generation) {
        kww->drain_code = NGX_KAFKA_WS_CLOSE_GOING_AWAY;
        kww->drain_time = 0;

    } else {
        kww->drain_code = NGX_KAFKA_WS_CLOSE_RESTART;
        kww->drain_time = kww->conf->drain;
    }

    ngx_add_timer(&kww->drain_event, NGX_KAFKA_WS_DRAIN);
}


void
ngx_kafka_ws_worker_drain(ngx_event_t *ev)
{
    ngx_kafka_ws_worker_t *kww = ev->data;

    ngx_msec_t              elapsed;
    ngx_uint_t              due, n;
    ngx_queue_t            *q;
    ngx_kafka_ws_client_t  *client;

    elapsed = ngx_current_msec - kww->drain_start;

    due = (elapsed >= kww->drain_time)
          ? kww->drain_closed + kww->nclients
          : kww->drain_total * elapsed / kww->drain_time;

    for (n = 0;
         n < NGX_KAFKA_WS_DRAIN_MAX && kww->drain_closed < due
         && !ngx_queue_empty(&kww->clients);
         n++)
    {
        q = ngx_queue_head(&kww->clients);
        client = ngx_queue_data(q, ngx_kafka_ws_client_t, all);

        kww->drain_closed++;

        /* one that takes nothing is given up on soon: ngx_exiting is set */
        ngx_kafka_ws_worker_close(&client->first, kww->drain_code);
    }

    if (!ngx_queue_empty(&kww->clients)) {
        ngx_add_timer(ev, NGX_KAFKA_WS_DRAIN);
    }
}
