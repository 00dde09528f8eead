
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_kafka_conf.h"


#define NGX_KAFKA_WS_KAFKA_BATCH  512    /* records of one poll */
#define NGX_KAFKA_WS_KAFKA_WAIT   10     /* ms, for memory */
#define NGX_KAFKA_WS_KAFKA_TABLE  4096   /* places for partitions, a power of
                                            two; grows with them */

/*
 * A partition that is fetched.  librdkafka gives a record with the pointer
 * of its topic; the table below leads from there to the partition.
 */

typedef struct {
    ngx_str_t                       topic;
    int32_t                         partition;
    void                           *opaque;
} ngx_kafka_ws_kafka_part_t;


typedef struct {
    rd_kafka_topic_t               *rkt;
    int32_t                         partition;
    ngx_kafka_ws_kafka_part_t      *part;
} ngx_kafka_ws_kafka_place_t;


struct ngx_kafka_ws_kafka_s {
    rd_kafka_t                     *rk;
    rd_kafka_queue_t               *queue;
    ngx_kafka_ws_kafka_handler_t    handler;

    rd_kafka_topic_t              **topics;    /* that metadata is kept of */
    ngx_uint_t                      ntopics;
    ngx_uint_t                      topics_max;

    rd_kafka_topic_partition_list_t *waiting;  /* for commit */

    ngx_kafka_ws_kafka_part_t     **parts;
    ngx_uint_t                      nparts;
    ngx_uint_t                      parts_max;

    ngx_kafka_ws_kafka_place_t     *table;
    ngx_uint_t                      table_size;

    ngx_kafka_ws_header_t          *headers;
    size_t                          headers_max;

    rd_kafka_message_t             *batch[NGX_KAFKA_WS_KAFKA_BATCH];
};


static void ngx_kafka_ws_kafka_error(rd_kafka_t *rk, int err,
    const char *reason, void *opaque);
static void ngx_kafka_ws_kafka_message(ngx_kafka_ws_kafka_t *k,
    rd_kafka_message_t *m);
static void ngx_kafka_ws_kafka_headers(ngx_kafka_ws_kafka_t *k,
    rd_kafka_message_t *m, ngx_kafka_ws_record_t *rec);
static ngx_kafka_ws_kafka_part_t *ngx_kafka_ws_kafka_part(
    ngx_kafka_ws_kafka_t *k, rd_kafka_topic_t *rkt, int32_t partition);
static ngx_int_t ngx_kafka_ws_kafka_grow(ngx_kafka_ws_kafka_t *k);


ngx_kafka_ws_kafka_t *
ngx_kafka_ws_kafka_open(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_kafka_handler_t *handler, char *error)
{
    ngx_kafka_ws_kafka_t  *k;

    k = calloc(1, sizeof(ngx_kafka_ws_kafka_t));
    if (k == NULL) {
        ngx_kafka_ws_kafka_text(error, "out of memory");
        return NULL;
    }

    k->handler = *handler;
    k->table_size = NGX_KAFKA_WS_KAFKA_TABLE;

    k->table = calloc(k->table_size, sizeof(ngx_kafka_ws_kafka_place_t));
    if (k->table == NULL) {
        ngx_kafka_ws_kafka_text(error, "out of memory");
        free(k);
        return NULL;
    }

    k->rk = ngx_kafka_ws_kafka_new(kwc, ngx_kafka_ws_kafka_error, k,
                                   handler->older, error);
    if (k->rk == NULL) {
        free(k->table);
        free(k);
        return NULL;
    }

    k->waiting = rd_kafka_topic_partition_list_new(1);

    /* else errors would stay in a queue that nobody polls */
    (void) rd_kafka_poll_set_consumer(k->rk);

    k->queue = rd_kafka_queue_get_consumer(k->rk);

    return k;
}


void
ngx_kafka_ws_kafka_wake(ngx_kafka_ws_kafka_t *k)
{
    rd_kafka_queue_yield(k->queue);
}


void
ngx_kafka_ws_kafka_close(ngx_kafka_ws_kafka_t *k)
{
    ngx_uint_t  i;

    for (i = 0; i < k->ntopics; i++) {
        rd_kafka_topic_destroy(k->topics[i]);
    }

    rd_kafka_topic_partition_list_destroy(k->waiting);
    rd_kafka_queue_destroy(k->queue);
    rd_kafka_destroy_flags(k->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);

    for (i = 0; i < k->nparts; i++) {
        free(k->parts[i]->topic.data);
        free(k->parts[i]);
    }

    free(k->topics);
    free(k->parts);
    free(k->headers);
    free(k->table);
    free(k);
}


static void
ngx_kafka_ws_kafka_error(rd_kafka_t *rk, int err, const char *reason,
    void *opaque)
{
    ngx_uint_t             what;
    ngx_kafka_ws_kafka_t  *k = opaque;

    switch (err) {

    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__UNKNOWN_GROUP:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return;

    default:
        break;
    }

    what = (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
           ? NGX_KAFKA_WS_KAFKA_DOWN : 0;

    k->handler.error(k->handler.data, NULL, reason, what);
}


ngx_uint_t
ngx_kafka_ws_kafka_know(ngx_kafka_ws_kafka_t *k, ngx_str_t *topic)
{
    ngx_uint_t          i, n;
    rd_kafka_topic_t   *rkt, **topics;

    for (i = 0; i < k->ntopics; i++) {
        if (ngx_strcmp(rd_kafka_topic_name(k->topics[i]), topic->data) == 0) {
            return 0;
        }
    }

    if (k->ntopics == k->topics_max) {
        n = k->topics_max ? k->topics_max * 2 : 16;

        topics = realloc(k->topics, n * sizeof(rd_kafka_topic_t *));
        if (topics == NULL) {
            return 0;
        }

        k->topics = topics;
        k->topics_max = n;
    }

    rkt = rd_kafka_topic_new(k->rk, (char *) topic->data, NULL);

    if (rkt == NULL) {
        return 0;
    }

    k->topics[k->ntopics++] = rkt;

    return 1;
}


void
ngx_kafka_ws_kafka_warm(ngx_kafka_ws_kafka_t *k, int timeout)
{
    const struct rd_kafka_metadata  *md;

    if (rd_kafka_metadata(k->rk, 0, NULL, &md, timeout)
        == RD_KAFKA_RESP_ERR_NO_ERROR)
    {
        rd_kafka_metadata_destroy(md);
    }
}


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

    k->parts[k->nparts++] = part;

    rd_kafka_topic_partition_list_add(k->waiting, (char *) part->topic.data,
                                      partition)->offset = offset;

    return NGX_OK;
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
    ngx_uint_t                        i;
    rd_kafka_error_t                 *err;
    ngx_kafka_ws_kafka_part_t        *part;
    rd_kafka_topic_partition_list_t  *list;

    for (i = 0; i < k->nparts; i++) {
        part = k->parts[i];

        if (part->opaque != opaque) {
            continue;
        }

        list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, (char *) part->topic.data,
                                          part->partition);

        err = rd_kafka_incremental_unassign(k->rk, list);

        if (err) {
            /* only for what was never assigned */
            rd_kafka_error_destroy(err);
        }

        rd_kafka_topic_partition_list_destroy(list);

        k->parts[i] = k->parts[--k->nparts];

        /* a topic's pointer may be another's from here on */
        ngx_memzero(k->table,
                    k->table_size * sizeof(ngx_kafka_ws_kafka_place_t));

        free(part->topic.data);
        free(part);

        return;
    }
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


ngx_uint_t
ngx_kafka_ws_kafka_poll(ngx_kafka_ws_kafka_t *k, int timeout)
{
    ssize_t              i, n;
    ngx_uint_t           records;
    rd_kafka_message_t  *m;

    /*
     * The batch call would wait for a full batch or the whole timeout: the
     * first message comes from a call that returns at once with it.
     */

    m = rd_kafka_consumer_poll(k->rk, timeout);
    if (m == NULL) {
        return 0;
    }

    records = (m->err == RD_KAFKA_RESP_ERR_NO_ERROR);

    ngx_kafka_ws_kafka_message(k, m);
    rd_kafka_message_destroy(m);

    n = rd_kafka_consume_batch_queue(k->queue, 0, k->batch,
                                     NGX_KAFKA_WS_KAFKA_BATCH);

    for (i = 0; i < n; i++) {
        m = k->batch[i];

        records += (m->err == RD_KAFKA_RESP_ERR_NO_ERROR);

        ngx_kafka_ws_kafka_message(k, m);
        rd_kafka_message_destroy(m);
    }

    return records;
}


static void
ngx_kafka_ws_kafka_message(ngx_kafka_ws_kafka_t *k, rd_kafka_message_t *m)
{
    const char                   *text;
    ngx_kafka_ws_record_t         rec;
    rd_kafka_timestamp_type_t     type;
    ngx_kafka_ws_kafka_part_t    *part;
    ngx_kafka_ws_kafka_handler_t *h;

    h = &k->handler;
    text = m->payload ? m->payload : rd_kafka_err2str(m->err);

    if (m->rkt == NULL) {
        h->error(h->data, NULL, text, 0);
        return;
    }

    part = ngx_kafka_ws_kafka_part(k, m->rkt, m->partition);
    if (part == NULL) {
        return;   /* fetched before it was unassigned */
    }

    switch (m->err) {

    case RD_KAFKA_RESP_ERR_NO_ERROR:
        break;

    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        h->end(h->data, part->opaque, m->offset);
        return;

    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        h->lost(h->data, part->opaque);
        return;

    default:
        h->error(h->data, part->opaque, text,
                 (m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
                 ? NGX_KAFKA_WS_KAFKA_ONCE : 0);
        return;
    }

    rec.topic.data = part->topic.data;
    rec.topic.len = part->topic.len;
    rec.partition = part->partition;
    rec.offset = m->offset;
    rec.timestamp = rd_kafka_message_timestamp(m, &type);
    rec.key.data = m->key;
    rec.key.len = m->key_len;
    rec.value.data = m->payload;
    rec.value.len = m->len;
    rec.headers = NULL;
    rec.nheaders = 0;

    if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) {
        rec.timestamp = -1;
    }

    if (h->headers) {
        ngx_kafka_ws_kafka_headers(k, m, &rec);
    }

    h->record(h->data, part->opaque, &rec);
}


static void
ngx_kafka_ws_kafka_headers(ngx_kafka_ws_kafka_t *k, rd_kafka_message_t *m,
    ngx_kafka_ws_record_t *rec)
{
    size_t                  i, n, size;
    const char             *name;
    const void             *value;
    rd_kafka_headers_t     *list;
    ngx_kafka_ws_header_t  *headers;

    if (rd_kafka_message_headers(m, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }

    n = rd_kafka_header_cnt(list);

    /* a record waits for memory: without headers it would be another */

    while (n > k->headers_max) {
        headers = realloc(k->headers, n * sizeof(ngx_kafka_ws_header_t));
        if (headers == NULL) {
            ngx_msleep(NGX_KAFKA_WS_KAFKA_WAIT);
            continue;
        }

        k->headers = headers;
        k->headers_max = n;
    }

    for (i = 0; i < n; i++) {
        if (rd_kafka_header_get_all(list, i, &name, &value, &size)
            != RD_KAFKA_RESP_ERR_NO_ERROR)
        {
            break;
        }

        k->headers[i].name.data = (const uint8_t *) name;
        k->headers[i].name.len = ngx_strlen(name);
        k->headers[i].value.data = value;
        k->headers[i].value.len = size;
    }

    rec->headers = k->headers;
    rec->nheaders = i;
}


/*
 * The assigned partition that a record belongs to: a place in an open hash
 * table by the topic's pointer, found by name the first time.
 */

static ngx_kafka_ws_kafka_part_t *
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


void
ngx_kafka_ws_kafka_watermarks(ngx_kafka_ws_kafka_t *k, ngx_str_t *topic,
    int32_t partition, int64_t *low, int64_t *high)
{
    /* names in the directory end with a zero */

    if (rd_kafka_get_watermark_offsets(k->rk, (char *) topic->data,
                                       partition, low, high)
        != RD_KAFKA_RESP_ERR_NO_ERROR)
    {
        *low = -1;
        *high = -1;
    }

    if (*low < 0) {
        *low = -1;
    }

    if (*high < 0) {
        *high = -1;
    }
}
