
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * From the span of a route to its subscribers: group after group, each of
 * which has its share of the span.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_worker.h"


#define NGX_KAFKA_WS_DELIVER_LOOKS  32   /* records looked at for a send */


static void ngx_kafka_ws_worker_due(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_group_t *group);
static ngx_kafka_ws_group_t *ngx_kafka_ws_worker_next(
    ngx_kafka_ws_worker_t *kww);
static ngx_int_t ngx_kafka_ws_worker_share(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_group_t *group);
static ngx_int_t ngx_kafka_ws_worker_share_room(ngx_kafka_ws_worker_t *kww);
static void ngx_kafka_ws_worker_give(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route, ngx_kafka_ws_group_t *group,
    ngx_kafka_ws_subscription_t *sub);


/*
 * All who are live and want any record of the span have it to do.
 */

void
ngx_kafka_ws_worker_begin(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route)
{
    uint32_t                  k, len;
    ngx_uint_t                i;
    ngx_queue_t              *q;
    ngx_kafka_ws_pick_t      *pick;
    ngx_kafka_ws_sums_t       sums;
    ngx_kafka_ws_group_t     *group;
    ngx_kafka_ws_span_buf_t  *buf;

    buf = &kww->pass;

    if (route->set.nterms == 0 || buf->flags) {

        ngx_memzero(&sums, sizeof(ngx_kafka_ws_sums_t));
        ngx_kafka_ws_gather_sums(buf, buf->n, &sums);

        for (q = ngx_queue_head(&route->set.groups);
             q != ngx_queue_sentinel(&route->set.groups);
             q = ngx_queue_next(q))
        {
            group = ngx_queue_data(q, ngx_kafka_ws_group_t, queue);

            if (!ngx_queue_empty(&group->live)) {
                group->first = NGX_KAFKA_WS_PICK_NONE;
                ngx_kafka_ws_worker_due(kww, group);
                ngx_kafka_ws_sums_add(&group->sent, &sums);
            }
        }

        return;
    }

    for (i = 0; i < buf->npicks; i++) {
        pick = &buf->picks[i];
        group = pick->group;

        pick->next = NGX_KAFKA_WS_PICK_NONE;

        if (ngx_queue_empty(&group->todo)) {
            group->first = (uint32_t) i;
            ngx_kafka_ws_worker_due(kww, group);

        } else {
            buf->picks[group->last].next = (uint32_t) i;
        }

        group->last = (uint32_t) i;

        k = pick->record;
        len = buf->ends[k] - (k ? buf->ends[k - 1] : 0);

        ngx_kafka_ws_sums_record(&group->sent, len);
    }
}


static void
ngx_kafka_ws_worker_due(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_group_t *group)
{
    group->round++;
    group->before = group->sent;
    group->nsubscribers++;    /* it stays until all have got it */

    ngx_queue_add(&group->todo, &group->live);
    ngx_queue_init(&group->live);

    ngx_queue_insert_tail(&kww->due, &group->due);
}


/*
 * Sends the span to those who have it to do, up to a number of sends, which
 * is counted down.
 * returns:  NGX_OK: all got it; NGX_AGAIN
 */

ngx_int_t
ngx_kafka_ws_worker_deliver(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route, ngx_uint_t *sends)
{
    ngx_uint_t                    looks;
    ngx_queue_t                  *q;
    ngx_kafka_ws_group_t         *group;
    ngx_kafka_ws_subscription_t  *sub;

    for ( ;; ) {
        group = kww->group;

        if (group == NULL) {

            if (ngx_queue_empty(&kww->due)) {
                break;
            }

            group = ngx_kafka_ws_worker_next(kww);
        }

        while (!ngx_queue_empty(&group->todo)) {

            if (*sends == 0) {
                return NGX_AGAIN;
            }

            (*sends)--;

            q = ngx_queue_head(&group->todo);
            sub = ngx_queue_data(q, ngx_kafka_ws_subscription_t, queue);

            ngx_kafka_ws_worker_give(kww, route, group, sub);
        }

        kww->group = NULL;
        ngx_kafka_ws_group_release(&route->set, group);
    }

    if (route->set.nterms) {
        /* to find out that nobody wants a record is work, too */
        looks = kww->pass.n / NGX_KAFKA_WS_DELIVER_LOOKS;
        *sends -= ngx_min(*sends, looks);
    }

    return NGX_OK;
}


/* the next group that is due, with its share */

static ngx_kafka_ws_group_t *
ngx_kafka_ws_worker_next(ngx_kafka_ws_worker_t *kww)
{
    ngx_queue_t                  *q;
    ngx_kafka_ws_group_t         *group;
    ngx_kafka_ws_subscription_t  *sub;

    q = ngx_queue_head(&kww->due);
    ngx_queue_remove(q);

    group = ngx_queue_data(q, ngx_kafka_ws_group_t, due);
    kww->group = group;

    if (ngx_kafka_ws_worker_share(kww, group) == NGX_OK) {
        return group;
    }

    while (!ngx_queue_empty(&group->todo)) {
        q = ngx_queue_head(&group->todo);
        sub = ngx_queue_data(q, ngx_kafka_ws_subscription_t, queue);

        ngx_kafka_ws_subscriber_fail(sub->kws);
    }

    return group;
}


/*
 * What a group gets of the span: all of it, or the records that were picked,
 * in one piece.
 */

static ngx_int_t
ngx_kafka_ws_worker_share(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_group_t *group)
{
    u_char                   *p;
    uint32_t                  i, k, begin;
    ngx_uint_t                n, apart;
    ngx_kafka_ws_share_t     *share;
    ngx_kafka_ws_span_buf_t  *buf;

    buf = &kww->pass;
    share = &kww->share;

    if (group->first == NGX_KAFKA_WS_PICK_NONE) {
        share->data = buf->data;
        share->len = buf->len;
        share->sent = buf->ends;
        share->n = buf->n;
        share->picked = 0;

        return NGX_OK;
    }

    if (ngx_kafka_ws_worker_share_room(kww) != NGX_OK) {
        return NGX_ERROR;
    }

    share->data = NULL;
    share->len = 0;
    share->sent = share->ends;
    share->picked = 1;

    n = 0;
    apart = 0;

    for (i = group->first; i != NGX_KAFKA_WS_PICK_NONE;
         i = buf->picks[i].next)
    {
        k = buf->picks[i].record;
        begin = k ? buf->ends[k - 1] : 0;

        if (n == 0) {
            share->data = buf->data + begin;

        } else if (share->data + share->len != buf->data + begin) {
            apart = 1;
        }

        share->len += buf->ends[k] - begin;
        share->ends[n] = (uint32_t) share->len;
        share->records[n] = k;
        n++;
    }

    share->n = n;

    if (!apart) {
        /* as they are */
        return NGX_OK;
    }

    p = share->buf;

    for (i = 0; i < n; i++) {
        k = share->records[i];
        begin = k ? buf->ends[k - 1] : 0;

        p = ngx_cpymem(p, buf->data + begin, buf->ends[k] - begin);
    }

    share->data = share->buf;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_worker_share_room(ngx_kafka_ws_worker_t *kww)
{
    ngx_kafka_ws_share_t  *share;

    share = &kww->share;

    if (share->size < kww->pass.size) {

        if (share->buf) {
            ngx_free(share->buf);
        }

        share->size = 0;

        share->buf = ngx_alloc(kww->pass.size, kww->log);
        if (share->buf == NULL) {
            return NGX_ERROR;
        }

        share->size = kww->pass.size;
    }

    if (share->ends == NULL) {
        share->ends = ngx_alloc(kww->pass.max * sizeof(uint32_t), kww->log);
        if (share->ends == NULL) {
            return NGX_ERROR;
        }
    }

    if (share->records == NULL) {
        share->records = ngx_alloc(kww->pass.max * sizeof(uint32_t),
                                   kww->log);
        if (share->records == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* sends its share to the first of the group that has it to do */

static void
ngx_kafka_ws_worker_give(ngx_kafka_ws_worker_t *kww,
    ngx_kafka_ws_route_t *route, ngx_kafka_ws_group_t *group,
    ngx_kafka_ws_subscription_t *sub)
{
    ngx_int_t                 rc;
    ngx_uint_t                done;
    ngx_kafka_ws_share_t     *share;
    ngx_kafka_ws_span_buf_t  *buf;

    buf = &kww->pass;
    share = &kww->share;

    if (buf->flags) {

        if (ngx_kafka_ws_route_gap_closes(sub)) {
            ngx_kafka_ws_count(&sub->kws->counters->gaps, 1);
            ngx_kafka_ws_worker_end(sub, NGX_KAFKA_WS_CLOSE_POSITION);
            return;
        }

        /* those that it does not get now are taken back below */
        ngx_kafka_ws_count(&sub->kws->counters->gaps, buf->n);
    }

    /* a rendering may have nothing to send of these records */
    rc = NGX_OK;

    if (share->len) {
        rc = ngx_kafka_ws_subscriber_send(sub->kws, share->data, share->len,
                                          share->sent, share->n, &done);
    }

    if (rc == NGX_OK) {
        sub->round = group->round;
        ngx_queue_remove(&sub->queue);
        ngx_queue_insert_tail(&group->live, &sub->queue);
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_kafka_ws_subscriber_fail(sub->kws);
        return;
    }

    if (buf->flags) {
        ngx_kafka_ws_count(&sub->kws->counters->gaps, done - buf->n);
    }

    sub->behind = ngx_current_msec;
    ngx_kafka_ws_count(&sub->kws->counters->slow, 1);

    ngx_kafka_ws_route_move(route, sub, NGX_KAFKA_WS_AT_BEHIND);

    if (share->picked) {
        ngx_kafka_ws_sums_records(&sub->sent, share->sent, done);
        done = done ? share->records[done - 1] + 1 : 0;

    } else {
        ngx_kafka_ws_gather_sums(buf, done, &sub->sent);
    }

    ngx_kafka_ws_gather_stop_at(sub, buf, done);
}
