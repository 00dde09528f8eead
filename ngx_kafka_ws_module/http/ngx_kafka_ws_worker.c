
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A worker's life beside the passes: its clients come and go, and a timer
 * looks after those who wait or are slow.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_interest.h"
#include "ngx_kafka_ws_wakeup.h"
#include "ngx_kafka_ws_worker.h"


#define NGX_KAFKA_WS_SWEEP         1000  /* ms between looks at all of it */
#define NGX_KAFKA_WS_CURSOR_PAIRS  32    /* more never fit into a Close */


static void ngx_kafka_ws_worker_wake(ngx_event_t *ev);
static void ngx_kafka_ws_worker_tick(ngx_event_t *ev);
static void ngx_kafka_ws_worker_news(ngx_kafka_ws_worker_t *kww);
static void ngx_kafka_ws_worker_pending(ngx_kafka_ws_worker_t *kww);
static void ngx_kafka_ws_worker_sweep(ngx_kafka_ws_worker_t *kww);
static ngx_kafka_ws_route_t *ngx_kafka_ws_worker_step(
    ngx_kafka_ws_worker_t *kww, ngx_kafka_ws_route_t *route);
static void ngx_kafka_ws_worker_check(ngx_kafka_ws_worker_t *kww);
static void ngx_kafka_ws_worker_sweep_route(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route);


/* the one static of a process */
static ngx_kafka_ws_worker_t  *ngx_kafka_ws_worker_process;


ngx_int_t
ngx_kafka_ws_worker_init(ngx_cycle_t *cycle, ngx_kafka_ws_main_conf_t *mcf)
{
    ngx_uint_t                n;
    ngx_kafka_ws_worker_t    *kww;
    ngx_kafka_ws_slot_t      *slot;
    ngx_kafka_ws_cluster_t  **kwc;

    static const uint64_t     none[NGX_KAFKA_WS_STREAM_WORDS];

    kww = ngx_pcalloc(cycle->pool, sizeof(ngx_kafka_ws_worker_t));
    if (kww == NULL) {
        return NGX_ERROR;
    }

    kww->log = cycle->log;
    kww->conf = mcf;
    kww->generation = ngx_kafka_ws_shm_generation();

    ngx_queue_init(&kww->routes);
    ngx_queue_init(&kww->look);
    ngx_queue_insert_tail(&kww->look, &kww->round);
    ngx_queue_init(&kww->clients);
    ngx_queue_init(&kww->pending);
    ngx_queue_init(&kww->due);

    if (ngx_kafka_ws_worker_marks_init(kww, cycle->pool) != NGX_OK
        || ngx_kafka_ws_worker_pass_init(kww) != NGX_OK)
    {
        return NGX_ERROR;
    }

    kww->pass_event.handler = ngx_kafka_ws_worker_pass_handler;
    kww->pass_event.data = kww;
    kww->pass_event.log = cycle->log;

    kww->tick_event.handler = ngx_kafka_ws_worker_tick;
    kww->tick_event.data = kww;
    kww->tick_event.log = cycle->log;
    kww->tick_event.cancelable = 1;

    /* must keep the process up until all are gone: not cancelable */

    kww->drain_event.handler = ngx_kafka_ws_worker_drain;
    kww->drain_event.data = kww;
    kww->drain_event.log = cycle->log;

    switch (ngx_kafka_ws_wakeup_listen(cycle, ngx_kafka_ws_worker_wake)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        kww->polls = 1;
        break;

    default:
        return NGX_ERROR;
    }

    kwc = mcf->clusters.elts;

    for (n = 0; n < mcf->clusters.nelts; n++) {
        slot = ngx_kafka_ws_shm_slot(kwc[n]->root);

        /* the last process in this slot may have been killed */

        ngx_kafka_ws_store_relaxed(&slot->counters.connections, 0);
        ngx_kafka_ws_store_relaxed(&slot->deflate, 0);
        ngx_kafka_ws_store_relaxed(&slot->armed, 0);
        ngx_kafka_ws_wakeup_want(slot, none);
        ngx_kafka_ws_interest_begin(kwc[n]->root);
        ngx_kafka_ws_store_relaxed(&slot->pid, (uint32_t) ngx_pid);

        if (n == 0) {
            kww->counters = &slot->counters;
        }
    }

    if (ngx_kafka_ws_shm_lock_slot(cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_kafka_ws_worker_process = kww;

    return NGX_OK;
}


ngx_kafka_ws_worker_t *
ngx_kafka_ws_worker(void)
{
    return ngx_kafka_ws_worker_process;
}


/* a fast stop */

void
ngx_kafka_ws_worker_exit(ngx_cycle_t *cycle)
{
    ngx_queue_t            *q;
    ngx_kafka_ws_client_t  *client;
    ngx_kafka_ws_worker_t  *kww;

    kww = ngx_kafka_ws_worker_process;

    if (kww == NULL) {
        return;
    }

    while (!ngx_queue_empty(&kww->clients)) {
        q = ngx_queue_head(&kww->clients);
        client = ngx_queue_data(q, ngx_kafka_ws_client_t, all);

        ngx_kafka_ws_subscriber_exit(&client->subscriber);
    }

    ngx_kafka_ws_gather_free(&kww->pass);
    ngx_kafka_ws_gather_free(&kww->catch_up);

    ngx_free(kww->share.buf);
    ngx_free(kww->share.ends);
    ngx_free(kww->share.records);

    ngx_kafka_ws_worker_process = NULL;
}


static void
ngx_kafka_ws_worker_wake(ngx_event_t *ev)
{
    ngx_kafka_ws_worker_t  *kww;

    ngx_kafka_ws_wakeup_take();

    kww = ngx_kafka_ws_worker_process;

    if (kww == NULL) {
        return;
    }

    ngx_kafka_ws_count(&kww->counters->wakes, 1);

    ngx_kafka_ws_worker_news(kww);

    ngx_post_event(&kww->pass_event, &ngx_posted_events);
}


/* a question about older records may have been answered */

static void
ngx_kafka_ws_worker_news(ngx_kafka_ws_worker_t *kww)
{
    uint64_t                  news;
    ngx_uint_t                i;
    ngx_kafka_ws_cluster_t  **kwc;

    news = 0;
    kwc = kww->conf->clusters.elts;

    for (i = 0; i < kww->conf->clusters.nelts; i++) {
        news += ngx_kafka_ws_load_acquire(&kwc[i]->root->news);
    }

    if (news != kww->news) {
        kww->news = news;
        ngx_kafka_ws_worker_pending(kww);
    }
}


static void
ngx_kafka_ws_worker_tick(ngx_event_t *ev)
{
    ngx_kafka_ws_worker_t *kww = ev->data;

    ngx_uint_t             look;
    ngx_queue_t           *q;
    ngx_kafka_ws_route_t  *route;

    if (kww->nclients == 0) {
        return;
    }

    ngx_kafka_ws_worker_check(kww);
    ngx_kafka_ws_worker_pending(kww);

    if (kww->unwanted) {
        kww->unwanted = 0;
        ngx_kafka_ws_worker_want_again(kww);
    }

    look = kww->polls;

    if (ngx_current_msec - kww->swept >= NGX_KAFKA_WS_SWEEP) {
        kww->swept = ngx_current_msec;
        ngx_kafka_ws_worker_sweep(kww);
        ngx_kafka_ws_sieve_sweep();
        look = 1;
    }

    /*
     * Marks whose wake-up was not sent are found by the pass; now and then
     * what is not marked, for a writer may be no more that had published it,
     * and it takes its successor a while to mark all.
     */

    for (q = ngx_queue_head(&kww->routes);
         q != ngx_queue_sentinel(&kww->routes);
         q = ngx_queue_next(q))
    {
        route = ngx_queue_data(q, ngx_kafka_ws_route_t, queue);

        if ((look && ngx_kafka_ws_route_look(route)) || route->nolder) {
            ngx_kafka_ws_worker_again(kww, route);
        }
    }

    ngx_post_event(&kww->pass_event, &ngx_posted_events);

    ngx_add_timer(ev, kww->polls ? NGX_KAFKA_WS_POLL : NGX_KAFKA_WS_TICK);
}


/*
 * Those whose start could not be decided when they came.
 */

static void
ngx_kafka_ws_worker_pending(ngx_kafka_ws_worker_t *kww)
{
    ngx_queue_t                  *q, todo;
    ngx_kafka_ws_subscription_t  *sub;

    if (ngx_queue_empty(&kww->pending)) {
        return;
    }

    /* one that closes its socket takes others with it */

    ngx_queue_init(&todo);
    ngx_queue_add(&todo, &kww->pending);
    ngx_queue_init(&kww->pending);

    while (!ngx_queue_empty(&todo)) {
        q = ngx_queue_head(&todo);
        sub = ngx_queue_data(q, ngx_kafka_ws_subscription_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&kww->pending, q);

        if (sub->kws->state == NGX_KAFKA_WS_SUB_OPEN
            && !ngx_kafka_ws_subscriber_blocked(sub->kws))
        {
            (void) ngx_kafka_ws_worker_go_on(kww, sub);
        }
    }
}


static void
ngx_kafka_ws_worker_sweep(ngx_kafka_ws_worker_t *kww)
{
    ngx_kafka_ws_route_t  *route, *next;

    for (route = ngx_kafka_ws_worker_step(kww, NULL); route; route = next) {
        next = ngx_kafka_ws_worker_step(kww, route);

        ngx_kafka_ws_worker_sweep_route(kww, route);
        ngx_kafka_ws_worker_release(kww, route);
    }
}


/*
 * Steps through the routes: what closes a client may free any of them.
 * returns:  the first one or the next, to be released; NULL: there is none
 */

static ngx_kafka_ws_route_t *
ngx_kafka_ws_worker_step(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    ngx_queue_t           *q;
    ngx_kafka_ws_route_t  *next;

    q = route ? ngx_queue_next(&route->queue) : ngx_queue_head(&kww->routes);

    if (q == ngx_queue_sentinel(&kww->routes)) {
        return NULL;
    }

    next = ngx_queue_data(q, ngx_kafka_ws_route_t, queue);

    ngx_kafka_ws_worker_hold(next);

    return next;
}


/*
 * What ends all streams of a route at once: its topic is gone, or there is no
 * room for it, or the zone belongs to another configuration now.
 */

static void
ngx_kafka_ws_worker_check(ngx_kafka_ws_worker_t *kww)
{
    uint32_t               state;
    ngx_kafka_ws_root_t   *root;
    ngx_kafka_ws_route_t  *route, *next;

    for (route = ngx_kafka_ws_worker_step(kww, NULL); route; route = next) {
        next = ngx_kafka_ws_worker_step(kww, route);
        root = route->cluster->root;
        state = ngx_kafka_ws_load_relaxed(&route->topic->state);

        if (ngx_kafka_ws_load_relaxed(&root->retired)
            || ngx_kafka_ws_load_relaxed(&root->layout)
               != route->cluster->layout)
        {
            ngx_kafka_ws_worker_close_all(kww, route,
                                          NGX_KAFKA_WS_CLOSE_RESTART);

        } else if (state == NGX_KAFKA_WS_TOPIC_NO_MEMORY) {
            ngx_kafka_ws_worker_close_all(kww, route,
                                          NGX_KAFKA_WS_CLOSE_OVERLOAD);

        } else if (state != NGX_KAFKA_WS_TOPIC_OK) {
            ngx_kafka_ws_worker_close_all(kww, route,
                                          NGX_KAFKA_WS_CLOSE_GONE);

        } else if (route->npartitions
                   && ngx_kafka_ws_load_relaxed(&route->topic->npartitions)
                      != route->npartitions)
        {
            /* the key's records may go elsewhere now */
            ngx_kafka_ws_worker_close_all(kww, route,
                                          NGX_KAFKA_WS_CLOSE_POSITION);
        }

        ngx_kafka_ws_worker_release(kww, route);
    }
}


void
ngx_kafka_ws_worker_close_all(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route, ngx_uint_t code)
{
    ngx_queue_t                  *q, *next;
    ngx_kafka_ws_client_t        *client;
    ngx_kafka_ws_subscription_t  *sub;

    for (q = ngx_queue_head(&kww->clients);
         q != ngx_queue_sentinel(&kww->clients);
         q = next)
    {
        next = ngx_queue_next(q);
        client = ngx_queue_data(q, ngx_kafka_ws_client_t, all);
        sub = ngx_kafka_ws_route_find(route, client);

        if (sub == NULL) {
            continue;
        }

        if (code == NGX_KAFKA_WS_CLOSE_RESTART) {
            /* of all that it has, or will have */
            ngx_kafka_ws_worker_close(client, code);

        } else {
            ngx_kafka_ws_worker_end(sub, code);
        }
    }
}


void
ngx_kafka_ws_worker_release(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    route->nsubscribers--;

    if (route->nsubscribers == 0) {
        kww->nroutes--;
        kww->unwanted = 1;
        ngx_kafka_ws_route_free(route);
    }
}


/*
 * Slow clients: too long behind, or overrun by the writer.  This is the only
 * place that finds one that takes nothing at all.
 */

static void
ngx_kafka_ws_worker_sweep_route(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    ngx_uint_t                    k, lapped;
    ngx_queue_t                  *q, *next;
    ngx_kafka_ws_subscription_t  *sub;

    for (q = ngx_queue_head(&route->behind);
         q != ngx_queue_sentinel(&route->behind);
         q = next)
    {
        next = ngx_queue_next(q);
        sub = ngx_queue_data(q, ngx_kafka_ws_subscription_t, queue);

        if (sub->skip) {
            /* it is told as soon as it takes something */
            continue;
        }

        lapped = 0;

        for (k = 0; k < sub->nplaces; k++) {
            if (route->parts[k].open
                && ngx_kafka_ws_older_part(sub, k) == NULL
                && sub->places[k].seq
                   < ngx_kafka_ws_ring_tail(&route->parts[k].view.ring))
            {
                lapped = 1;
                break;
            }
        }

        /* one that still reads gets its Close, the others a reset */
        (void) ngx_kafka_ws_worker_slow(sub, lapped);
    }
}


/*
 * Closes with the cursor as the reason, if that fits, and if it is the only
 * one.
 */

void
ngx_kafka_ws_worker_close(ngx_kafka_ws_client_t *client, ngx_uint_t code)
{
    size_t                        len;
    u_char                        cursor[NGX_KAFKA_WS_REASON_MAX];
    ngx_uint_t                    n;
    ngx_kafka_ws_position_t       pos[NGX_KAFKA_WS_CURSOR_PAIRS];
    ngx_kafka_ws_subscriber_t    *kws;
    ngx_kafka_ws_subscription_t  *only;

    kws = &client->subscriber;
    only = ngx_kafka_ws_route_only(client);

    n = ngx_kafka_ws_worker_positions(client, NULL);
    len = 0;

    if (n <= NGX_KAFKA_WS_CURSOR_PAIRS) {
        (void) ngx_kafka_ws_worker_positions(client, pos);
        len = ngx_kafka_ws_cursor_print(cursor, sizeof(cursor), pos, n);
    }

    if (code == NGX_KAFKA_WS_CLOSE_SLOW
        || (code == NGX_KAFKA_WS_CLOSE_POSITION && only && only->skip))
    {
        ngx_log_error(NGX_LOG_INFO, kws->connection->log, 0,
                      "client is too slow, closing at \"%*s\"", len, cursor);
        ngx_kafka_ws_subscriber_hush(kws);
    }

    ngx_kafka_ws_subscriber_close(kws, code, cursor, len);
}


/* a client that can have other streams keeps its socket */

void
ngx_kafka_ws_worker_end(ngx_kafka_ws_subscription_t *sub, ngx_uint_t code)
{
    ngx_kafka_ws_client_t  *client;

    client = ngx_kafka_ws_client(sub);

    if (client->commands) {
        ngx_kafka_ws_route_end(sub->route, sub, code);

    } else {
        ngx_kafka_ws_worker_close(client, code);
    }
}
