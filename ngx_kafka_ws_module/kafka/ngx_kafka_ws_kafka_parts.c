
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


static ngx_int_t ngx_kafka_ws_kafka_queue(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_part_t *part);
static void ngx_kafka_ws_kafka_came(rd_kafka_t *rk, void *data);
static ngx_kafka_ws_kafka_part_t **ngx_kafka_ws_kafka_find(
    ngx_kafka_ws_kafka_t *k, void *opaque);
static ngx_int_t ngx_kafka_ws_kafka_grow(ngx_kafka_ws_kafka_t *k);


ngx_int_t
ngx_kafka_ws_kafka_assign(ngx_kafka_ws_kafka_t *k, ngx_str_t *topic,
    int32_t partition, int64_t offset, void *opaque)
{
    ngx_kafka_ws_kafka_part_t  *part;

    if (k->nparts == k->parts_max && ngx_kafka_ws_kafka_grow(k) != NGX_OK) {
        return NGX_ERROR;
    }

    part = calloc(1, sizeof(ngx_kafka_ws_kafka_part_t));
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->topic.data = malloc(topic->len + 1);
    if (part->topic.data == NULL) {
        free(part);
        return NGX_ERROR;
    }

    part->topic.len = topic->len;
    (void) ngx_cpystrn(part->topic.data, topic->data, topic->len + 1);

    part->partition = partition;
    part->opaque = opaque;

    if (k->handler.older && ngx_kafka_ws_kafka_queue(k, part) != NGX_OK) {
        free(part->topic.data);
        free(part);
        return NGX_ERROR;
    }

    k->parts[k->nparts++] = part;

    rd_kafka_topic_partition_list_add(k->waiting, (char *) part->topic.data,
                                      partition)->offset = offset;

    return NGX_OK;
}


/* before it is fetched: what was forwarded once stays there */

static ngx_int_t
ngx_kafka_ws_kafka_queue(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_part_t *part)
{
    part->queue = rd_kafka_queue_get_partition(k->rk,
                                               (char *) part->topic.data,
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
ngx_kafka_ws_kafka_unassign(ngx_kafka_ws_kafka_t *k, void *opaque)
{
    rd_kafka_error_t                 *err;
    ngx_kafka_ws_kafka_part_t       **place, *part;
    rd_kafka_topic_partition_list_t  *list;

    place = ngx_kafka_ws_kafka_find(k, opaque);

    if (place == NULL) {
        return;
    }

    part = *place;

    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, (char *) part->topic.data,
                                      part->partition);

    err = rd_kafka_incremental_unassign(k->rk, list);

    if (err) {
        /* only for what was never assigned */
        rd_kafka_error_destroy(err);
    }

    rd_kafka_topic_partition_list_destroy(list);

    if (part->kept) {
        rd_kafka_message_destroy(part->kept);
    }

    if (part->queue) {
        rd_kafka_queue_cb_event_enable(part->queue, NULL, NULL);
        rd_kafka_queue_destroy(part->queue);
    }

    *place = k->parts[--k->nparts];

    /* a topic's pointer may be another's from here on */
    ngx_memzero(k->table,
                k->table_size * sizeof(ngx_kafka_ws_kafka_place_t));

    free(part->topic.data);
    free(part);
}


static ngx_kafka_ws_kafka_part_t **
ngx_kafka_ws_kafka_find(ngx_kafka_ws_kafka_t *k, void *opaque)
{
    ngx_uint_t  i;

    for (i = 0; i < k->nparts; i++) {
        if (k->parts[i]->opaque == opaque) {
            return &k->parts[i];
        }
    }

    return NULL;
}


ngx_uint_t
ngx_kafka_ws_kafka_take(ngx_kafka_ws_kafka_t *k, void *opaque)
{
    ngx_uint_t                   n;
    rd_kafka_message_t          *m;
    ngx_kafka_ws_kafka_part_t  **place, *part;

    place = ngx_kafka_ws_kafka_find(k, opaque);

    if (place == NULL) {
        return 0;
    }

    part = *place;

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
ngx_kafka_ws_kafka_nudge(ngx_kafka_ws_kafka_t *k, ngx_str_t *topic,
    int32_t partition, int timeout)
{
    int64_t  low, high;

    /* any request to the leader wakes the thread that would fetch */

    (void) rd_kafka_query_watermark_offsets(k->rk, (char *) topic->data,
                                            partition, &low, &high, timeout);
}


/*
 * Room for twice as many partitions, and a table at most half full.
 */

static ngx_int_t
ngx_kafka_ws_kafka_grow(ngx_kafka_ws_kafka_t *k)
{
    ngx_uint_t                    n, size;
    ngx_kafka_ws_kafka_part_t   **parts;
    ngx_kafka_ws_kafka_place_t   *table;

    n = k->parts_max ? k->parts_max * 2 : 64;

    parts = realloc(k->parts, n * sizeof(ngx_kafka_ws_kafka_part_t *));
    if (parts == NULL) {
        return NGX_ERROR;
    }

    k->parts = parts;

    for (size = k->table_size; size < n * 2; size *= 2) { /* void */ }

    if (size != k->table_size) {
        table = calloc(size, sizeof(ngx_kafka_ws_kafka_place_t));
        if (table == NULL) {
            return NGX_ERROR;
        }

        free(k->table);
        k->table = table;
        k->table_size = size;
    }

    k->parts_max = n;

    return NGX_OK;
}


/*
 * The assigned partition that a record belongs to: a place in an open hash
 * table by the topic's pointer, found by name the first time.
 */

ngx_kafka_ws_kafka_part_t *
ngx_kafka_ws_kafka_part(ngx_kafka_ws_kafka_t *k, rd_kafka_topic_t *rkt,
    int32_t partition)
{
    size_t                       len;
    ngx_uint_t                   i, n;
    const char                  *name;
    ngx_kafka_ws_kafka_place_t  *place;

    n = ((uintptr_t) rkt / 64) * 31 + (ngx_uint_t) partition * 2654435761u;

    for ( ;; ) {
        place = &k->table[n & (k->table_size - 1)];

        if (place->part == NULL) {
            break;
        }

        if (place->rkt == rkt && place->partition == partition) {
            return place->part;
        }

        n++;
    }

    name = rd_kafka_topic_name(rkt);
    len = ngx_strlen(name);

    for (i = 0; i < k->nparts; i++) {
        if (k->parts[i]->partition == partition
            && k->parts[i]->topic.len == len
            && ngx_memcmp(k->parts[i]->topic.data, name, len) == 0)
        {
            place->rkt = rkt;
            place->partition = partition;
            place->part = k->parts[i];

            return place->part;
        }
    }

    return NULL;
}
