
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_kafka_handle.h"


#define NGX_KAFKA_WS_KAFKA_WAIT   10     /* ms, for memory */


static void ngx_kafka_ws_kafka_error(rd_kafka_t *rk, int err,
    const char *reason, void *opaque);
static void ngx_kafka_ws_kafka_headers(ngx_kafka_ws_kafka_t *k,
    rd_kafka_message_t *m, ngx_kafka_ws_record_t *rec);


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

    k->rk = ngx_kafka_ws_kafka_new(kwc, ngx_kafka_ws_kafka_error, k,
                                   handler->older, error);
    if (k->rk == NULL) {
        free(k);
        return NULL;
    }

    k->waiting = rd_kafka_topic_partition_list_new(1);
    k->leaving = rd_kafka_topic_partition_list_new(1);

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


ngx_uint_t
ngx_kafka_ws_kafka_poll(ngx_kafka_ws_kafka_t *k, int timeout)
{
    ssize_t              i, n;
    ngx_uint_t           records;
    rd_kafka_message_t  *m;

    ngx_kafka_ws_kafka_leave(k);

    /*
     * The batch call would wait for a full batch or the whole timeout: the
     * first message comes from a call that returns at once with it.
     */

    m = rd_kafka_consumer_poll(k->rk, timeout);
    if (m == NULL) {
        return 0;
    }

    records = (m->err == RD_KAFKA_RESP_ERR_NO_ERROR);

    (void) ngx_kafka_ws_kafka_message(k, m);
    rd_kafka_message_destroy(m);

    n = rd_kafka_consume_batch_queue(k->queue, 0, k->batch,
                                     NGX_KAFKA_WS_KAFKA_BATCH);

    for (i = 0; i < n; i++) {
        m = k->batch[i];

        records += (m->err == RD_KAFKA_RESP_ERR_NO_ERROR);

        (void) ngx_kafka_ws_kafka_message(k, m);
        rd_kafka_message_destroy(m);
    }

    return records;
}


ngx_int_t
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
        return NGX_OK;
    }

    part = ngx_kafka_ws_kafka_part(m->rkt, m->partition);
    if (part == NULL) {
        return NGX_OK;   /* fetched before it was unassigned */
    }

    switch (m->err) {

    case RD_KAFKA_RESP_ERR_NO_ERROR:
        break;

    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        h->end(h->data, part->opaque, m->offset);
        return NGX_OK;

    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        h->lost(h->data, part->opaque);
        return NGX_OK;

    default:
        h->error(h->data, part->opaque, text,
                 (m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
                 ? NGX_KAFKA_WS_KAFKA_ONCE : 0);
        return NGX_OK;
    }

    rec.topic.data = part->name.data;
    rec.topic.len = part->name.len;
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

    return h->record(h->data, part->opaque, &rec);
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
