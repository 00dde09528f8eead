
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The partitions that a handle fetches.  All that is found of them comes with
 * a poll; of a handle for older records each has a queue of its own, so that
 * one whose records nobody wants yet holds up no other, and librdkafka
 * fetches no more of it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_kafka_handle.h"


static ngx_kafka_ws_kafka_known_t *ngx_kafka_ws_kafka_topic(
    ngx_kafka_ws_kafka_t *k, ngx_str_t *name, ngx_uint_t *fresh);
static ngx_int_t ngx_kafka_ws_kafka_place(ngx_kafka_ws_kafka_known_t *topic,
    int32_t partition);
static ngx_int_t ngx_kafka_ws_kafka_queue(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_part_t *part);
static void ngx_kafka_ws_kafka_came(rd_kafka_t *rk, void *data);
static ngx_int_t ngx_kafka_ws_kafka_subtract(ngx_kafka_ws_kafka_t *k,
    rd_kafka_topic_partition_list_t *list);


ngx_uint_t
ngx_kafka_ws_kafka_know(ngx_kafka_ws_kafka_t *k, ngx_str_t *topic)
{
    ngx_uint_t  fresh;

    return ngx_kafka_ws_kafka_topic(k, topic, &fresh) && fresh;
}


static ngx_kafka_ws_kafka_known_t *
ngx_kafka_ws_kafka_topic(ngx_kafka_ws_kafka_t *k, ngx_str_t *name,
    ngx_uint_t *fresh)
{
    rd_kafka_topic_t            *rkt;
    rd_kafka_topic_conf_t       *conf;
    ngx_kafka_ws_kafka_known_t  *topic, *known;

    *fresh = 0;

    topic = calloc(1, sizeof(ngx_kafka_ws_kafka_known_t));
    if (topic == NULL) {
        return NULL;
    }

    conf = rd_kafka_default_topic_conf_dup(k->rk);
    rd_kafka_topic_conf_set_opaque(conf, topic);

    rkt = rd_kafka_topic_new(k->rk, (char *) name->data, conf);

    if (rkt == NULL) {
        free(topic);
        return NULL;
    }

    known = rd_kafka_topic_opaque(rkt);

    if (known == topic) {
        topic->rkt = rkt;
        *fresh = 1;
        return topic;
    }

    /* it was there before, and is held */

    rd_kafka_topic_destroy(rkt);
    free(topic);

    return known;
}


ngx_kafka_ws_kafka_part_t *
ngx_kafka_ws_kafka_assign(ngx_kafka_ws_kafka_t *k, ngx_str_t *topic,
    int32_t partition, int64_t offset, void *opaque)
{
    ngx_uint_t                   fresh;
    ngx_kafka_ws_kafka_part_t   *part;
    ngx_kafka_ws_kafka_known_t  *known;

    known = ngx_kafka_ws_kafka_topic(k, topic, &fresh);

    if (known == NULL
        || ngx_kafka_ws_kafka_place(known, partition) != NGX_OK)
    {
        return NULL;
    }

    part = calloc(1, sizeof(ngx_kafka_ws_kafka_part_t));
    if (part == NULL) {
        return NULL;
    }

    part->topic = known;
    part->name.data = (u_char *) rd_kafka_topic_name(known->rkt);
    part->name.len = topic->len;
    part->partition = partition;
    part->opaque = opaque;

    if (k->handler.older && ngx_kafka_ws_kafka_queue(k, part) != NGX_OK) {
        free(part);
        return NULL;
    }

    known->parts[partition] = part;

    rd_kafka_topic_partition_list_add(k->waiting, (char *) part->name.data,
                                      partition)->offset = offset;

    return part;
}


static ngx_int_t
ngx_kafka_ws_kafka_place(ngx_kafka_ws_kafka_known_t *topic, int32_t partition)
{
    ngx_uint_t                   n;
    ngx_kafka_ws_kafka_part_t  **parts;

    if ((ngx_uint_t) partition < topic->nparts) {
        return NGX_OK;
    }

    n = ngx_max((ngx_uint_t) partition + 1, topic->nparts * 2);

    parts = realloc(topic->parts, n * sizeof(ngx_kafka_ws_kafka_part_t *));
    if (parts == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(parts + topic->nparts,
                (n - topic->nparts) * sizeof(ngx_kafka_ws_kafka_part_t *));

    topic->parts = parts;
    topic->nparts = n;

    return NGX_OK;
}


/* before it is fetched: what was forwarded once stays there */

static ngx_int_t
ngx_kafka_ws_kafka_queue(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_part_t *part)
{
    part->queue = rd_kafka_queue_get_partition(k->rk,
                                               (char *) part->name.data,
                                               part->partition);
    if (part->queue == NULL) {
        return NGX_ERROR;
    }

    rd_kafka_queue_forward(part->queue, NULL);
    rd_kafka_queue_cb_event_enable(part->queue, ngx_kafka_ws_kafka_came, k);

    return NGX_OK;
}


/* in librdkafka's thread, with a lock of its own held */

static void
ngx_kafka_ws_kafka_came(rd_kafka_t *rk, void *data)
{
    ngx_kafka_ws_kafka_t *k = data;

    k->handler.came(k->handler.data);
}


ngx_int_t
ngx_kafka_ws_kafka_commit(ngx_kafka_ws_kafka_t *k, char *error)
{
    rd_kafka_error_t  *err;

    ngx_kafka_ws_kafka_leave(k);

    if (k->waiting->cnt == 0) {
        return NGX_OK;
    }

    err = rd_kafka_incremental_assign(k->rk, k->waiting);

    rd_kafka_topic_partition_list_destroy(k->waiting);
    k->waiting = rd_kafka_topic_partition_list_new(1);

    if (err == NULL) {
        return NGX_OK;
    }

    ngx_kafka_ws_kafka_text(error, rd_kafka_error_string(err));
    rd_kafka_error_destroy(err);

    return NGX_ERROR;
}


void
ngx_kafka_ws_kafka_unassign(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_part_t *part)
{
    char  *name;

    name = (char *) part->name.data;

    /* one that is still to be assigned is not known there yet */

    if (!rd_kafka_topic_partition_list_del(k->waiting, name,
                                           part->partition))
    {
        rd_kafka_topic_partition_list_add(k->leaving, name, part->partition);
    }

    if (k->handler.older) {
        /* its queue has to be left alone from now on */
        ngx_kafka_ws_kafka_leave(k);
    }

    if (part->kept) {
        rd_kafka_message_destroy(part->kept);
    }

    if (part->queue) {
        rd_kafka_queue_cb_event_enable(part->queue, NULL, NULL);
        rd_kafka_queue_destroy(part->queue);
    }

    part->topic->parts[part->partition] = NULL;
    free(part);
}


/*
 * As one list: librdkafka looks through all that is assigned for each call.
 */

void
ngx_kafka_ws_kafka_leave(ngx_kafka_ws_kafka_t *k)
{
    int                               i;
    rd_kafka_topic_partition_t       *p;
    rd_kafka_topic_partition_list_t  *list, *one;

    list = k->leaving;

    if (list->cnt == 0) {
        return;
    }

    k->leaving = rd_kafka_topic_partition_list_new(1);

    if (ngx_kafka_ws_kafka_subtract(k, list) != NGX_OK) {

        /* one that was never assigned, as assigning failed, spoils the list */

        for (i = 0; i < list->cnt; i++) {
            p = &list->elems[i];

            one = rd_kafka_topic_partition_list_new(1);
            rd_kafka_topic_partition_list_add(one, p->topic, p->partition);

            (void) ngx_kafka_ws_kafka_subtract(k, one);

            rd_kafka_topic_partition_list_destroy(one);
        }
    }

    rd_kafka_topic_partition_list_destroy(list);
}


static ngx_int_t
ngx_kafka_ws_kafka_subtract(ngx_kafka_ws_kafka_t *k,
    rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_error_t  *err;

    err = rd_kafka_incremental_unassign(k->rk, list);

    if (err) {
        rd_kafka_error_destroy(err);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_kafka_ws_kafka_part_t *
ngx_kafka_ws_kafka_part(rd_kafka_topic_t *rkt, int32_t partition)
{
    ngx_kafka_ws_kafka_known_t  *topic;

    topic = rd_kafka_topic_opaque(rkt);

    if (topic == NULL || partition < 0
        || (ngx_uint_t) partition >= topic->nparts)
    {
        return NULL;
    }

    return topic->parts[partition];
}


ngx_uint_t
ngx_kafka_ws_kafka_take(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_part_t *part)
{
    ngx_uint_t           n;
    rd_kafka_message_t  *m;

    for (n = 0; n < NGX_KAFKA_WS_KAFKA_BATCH; n++) {

        m = part->kept ? part->kept : rd_kafka_consume_queue(part->queue, 0);

        if (m == NULL) {
            break;
        }

        part->kept = NULL;

        if (ngx_kafka_ws_kafka_message(k, m) != NGX_OK) {
            part->kept = m;
            break;
        }

        rd_kafka_message_destroy(m);
    }

    return n;
}


void
ngx_kafka_ws_kafka_nudge(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int timeout)
{
    ngx_uint_t                        i;
    rd_kafka_topic_partition_list_t  *list;

    /* any request to a leader wakes the thread that would fetch */

    list = rd_kafka_topic_partition_list_new((int) n);

    for (i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(list,
                                          (char *) offsets[i].topic->data,
                                          offsets[i].partition)->offset
            = RD_KAFKA_OFFSET_END;
    }

    (void) rd_kafka_offsets_for_times(k->rk, list, timeout);

    rd_kafka_topic_partition_list_destroy(list);
}
