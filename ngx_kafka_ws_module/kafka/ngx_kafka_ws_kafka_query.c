
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_kafka_conf.h"


#define NGX_KAFKA_WS_KAFKA_LATE  3    /* questions that take their time */


struct ngx_kafka_ws_kafka_query_s {
    rd_kafka_t         *rk;
    ngx_uint_t          all;         /* topics by expression */
    rd_kafka_topic_t  **literals;    /* what metadata asks for else */
    ngx_uint_t          nliterals;
};


static void ngx_kafka_ws_kafka_query_close(ngx_kafka_ws_kafka_query_t *k);
static void ngx_kafka_ws_kafka_query_error(rd_kafka_t *rk, int err,
    const char *reason, void *opaque);
static ngx_int_t ngx_kafka_ws_kafka_literals(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_cluster_t *kwc);
static rd_kafka_topic_partition_list_t *ngx_kafka_ws_kafka_ask(
    ngx_kafka_ws_kafka_query_t *k, ngx_kafka_ws_kafka_offsets_t *offsets,
    ngx_uint_t n, int64_t time, int timeout, rd_kafka_resp_err_t *err);
static ngx_int_t ngx_kafka_ws_kafka_list_offsets(
    ngx_kafka_ws_kafka_query_t *k, ngx_kafka_ws_kafka_offsets_t *offsets,
    ngx_uint_t n, int64_t time, size_t field, int timeout, char *error);
static rd_kafka_resp_err_t ngx_kafka_ws_kafka_list_ends(
    ngx_kafka_ws_kafka_query_t *k, ngx_kafka_ws_kafka_offsets_t *offsets,
    ngx_uint_t n, int timeout);


ngx_kafka_ws_kafka_query_t *
ngx_kafka_ws_kafka_query_open(ngx_kafka_ws_cluster_t *kwc, char *error)
{
    ngx_kafka_ws_kafka_query_t  *k;

    k = calloc(1, sizeof(ngx_kafka_ws_kafka_query_t));
    if (k == NULL) {
        ngx_kafka_ws_kafka_text(error, "out of memory");
        return NULL;
    }

    k->rk = ngx_kafka_ws_kafka_new(kwc, ngx_kafka_ws_kafka_query_error, NULL, 0,
                                   error);

    if (k->rk == NULL) {
        ngx_kafka_ws_kafka_query_close(k);
        return NULL;
    }

    if (ngx_kafka_ws_kafka_literals(k, kwc) != NGX_OK) {
        ngx_kafka_ws_kafka_text(error, "out of memory");
        ngx_kafka_ws_kafka_query_close(k);
        return NULL;
    }

    return k;
}


static void
ngx_kafka_ws_kafka_query_close(ngx_kafka_ws_kafka_query_t *k)
{
    ngx_uint_t  i;

    for (i = 0; i < k->nliterals; i++) {
        rd_kafka_topic_destroy(k->literals[i]);
    }

    if (k->rk) {
        rd_kafka_destroy_flags(k->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }

    free(k->literals);
    free(k);
}


/*
 * Without a callback librdkafka would not say that a thread is missing; what
 * else happens a question's own result says.
 */

static void
ngx_kafka_ws_kafka_query_error(rd_kafka_t *rk, int err, const char *reason,
    void *opaque)
{
    /* void */
}


static ngx_int_t
ngx_kafka_ws_kafka_literals(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_cluster_t *kwc)
{
    ngx_uint_t                  i;
    rd_kafka_topic_t           *rkt;
    ngx_kafka_ws_topic_rule_t  *rule;

    k->literals = calloc(kwc->topics.nelts + 1, sizeof(rd_kafka_topic_t *));
    if (k->literals == NULL) {
        return NGX_ERROR;
    }

    rule = kwc->topics.elts;

    for (i = 0; i < kwc->topics.nelts; i++) {

#if (NGX_PCRE)
        if (rule[i].regex) {
            k->all = 1;
            continue;
        }
#endif

        /* names in the configuration end with a zero */
        rkt = rd_kafka_topic_new(k->rk, (char *) rule[i].name.data, NULL);
        if (rkt == NULL) {
            return NGX_ERROR;
        }

        k->literals[k->nliterals++] = rkt;
    }

    return NGX_OK;
}


ngx_kafka_ws_kafka_metadata_t *
ngx_kafka_ws_kafka_metadata(ngx_kafka_ws_kafka_query_t *k, int timeout,
    char *error)
{
    char                               *id;
    size_t                              len;
    ngx_int_t                           i;
    rd_kafka_resp_err_t                 err;
    ngx_kafka_ws_kafka_topic_t         *topic;
    const struct rd_kafka_metadata     *rkmd;
    ngx_kafka_ws_kafka_metadata_t      *md;
    const rd_kafka_metadata_topic_t    *t;

    /* errors since the last question; nobody else takes them */
    (void) rd_kafka_poll(k->rk, 0);

    err = rd_kafka_metadata(k->rk, (int) k->all, NULL, &rkmd, timeout);

    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        ngx_kafka_ws_kafka_text(error, rd_kafka_err2str(err));
        return NULL;
    }

    md = calloc(1, sizeof(ngx_kafka_ws_kafka_metadata_t));
    if (md == NULL) {
        goto nomem;
    }

    md->topics = calloc(rkmd->topic_cnt + 1,
                        sizeof(ngx_kafka_ws_kafka_topic_t));
    if (md->topics == NULL) {
        goto nomem;
    }

    for (i = 0; i < rkmd->topic_cnt; i++) {
        t = &rkmd->topics[i];
        topic = &md->topics[i];

        len = ngx_strlen(t->topic);

        topic->name.data = malloc(len + 1);
        if (topic->name.data == NULL) {
            goto nomem;
        }

        topic->name.len = len;
        (void) ngx_cpystrn(topic->name.data, (u_char *) t->topic, len + 1);

        md->ntopics++;

        if (t->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            topic->npartitions = t->partition_cnt;

        } else {
            topic->unknown = (t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                              || t->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC);
            topic->error = (u_char *) rd_kafka_err2str(t->err);
        }
    }

    rd_kafka_metadata_destroy(rkmd);

    /* known from the answer: no other request */

    id = rd_kafka_clusterid(k->rk, 0);

    if (id) {
        (void) ngx_cpystrn(md->id, (u_char *) id, sizeof(md->id));
        rd_kafka_mem_free(k->rk, id);
    }

    return md;

nomem:

    rd_kafka_metadata_destroy(rkmd);

    if (md) {
        ngx_kafka_ws_kafka_metadata_free(md);
    }

    /* no word on brokers */
    error[0] = '\0';

    return NULL;
}


void
ngx_kafka_ws_kafka_metadata_free(ngx_kafka_ws_kafka_metadata_t *md)
{
    ngx_uint_t  i;

    for (i = 0; i < md->ntopics; i++) {
        free(md->topics[i].name.data);
    }

    free(md->topics);
    free(md);
}


ngx_int_t
ngx_kafka_ws_kafka_offsets(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int64_t since,
    int timeout, char *error)
{
    ngx_uint_t  i;

    if (ngx_kafka_ws_kafka_list_offsets(k, offsets, n,
                              RD_KAFKA_OFFSET_BEGINNING,
                              offsetof(ngx_kafka_ws_kafka_offsets_t,
                                       log_start),
                              timeout, error)
        != NGX_OK
        || ngx_kafka_ws_kafka_list_offsets(k, offsets, n, RD_KAFKA_OFFSET_END,
                              offsetof(ngx_kafka_ws_kafka_offsets_t, log_end),
                              timeout, error)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (since != -1) {
        if (ngx_kafka_ws_kafka_list_offsets(k, offsets, n, since,
                              offsetof(ngx_kafka_ws_kafka_offsets_t, time),
                              timeout, error)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < n; i++) {

        if (since == -1) {
            offsets[i].time = offsets[i].log_start;

        } else if (offsets[i].time < 0) {
            /* nothing is that young */
            offsets[i].time = offsets[i].log_end;
        }
    }

    return NGX_OK;
}


/*
 * ListOffsets takes the two ends of a log as special times (Kafka protocol:
 * -1 latest, -2 earliest), so that one call serves for all three.
 * returns:   the answers, in the order of offsets, to be destroyed
 */

static rd_kafka_topic_partition_list_t *
ngx_kafka_ws_kafka_ask(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int64_t time,
    int timeout, rd_kafka_resp_err_t *err)
{
    ngx_uint_t                        i;
    rd_kafka_topic_partition_list_t  *list;

    list = rd_kafka_topic_partition_list_new((int) n);

    for (i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(list,
                                          (char *) offsets[i].topic->data,
                                          offsets[i].partition)->offset = time;
    }

    *err = rd_kafka_offsets_for_times(k->rk, list, timeout);

    return list;
}


static ngx_int_t
ngx_kafka_ws_kafka_list_offsets(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int64_t time,
    size_t field, int timeout, char *error)
{
    ngx_uint_t                        i;
    rd_kafka_resp_err_t               err;
    rd_kafka_topic_partition_t       *p;
    rd_kafka_topic_partition_list_t  *list;

    list = ngx_kafka_ws_kafka_ask(k, offsets, n, time, timeout, &err);

    for (i = 0; i < n && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        p = &list->elems[i];
        err = p->err;

        *(int64_t *) ((u_char *) &offsets[i] + field) = p->offset;
    }

    rd_kafka_topic_partition_list_destroy(list);

    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return NGX_OK;
    }

    ngx_kafka_ws_kafka_text(error, rd_kafka_err2str(err));

    return NGX_ERROR;
}


void
ngx_kafka_ws_kafka_ends(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int timeout)
{
    ngx_uint_t  i, left;

    left = NGX_KAFKA_WS_KAFKA_LATE;

    for (i = 0; i < n; i++) {
        offsets[i].log_end = -2;
    }

    if (ngx_kafka_ws_kafka_list_ends(k, offsets, n, timeout)
        == RD_KAFKA_RESP_ERR_NO_ERROR)
    {
        return;
    }

    /* one that is refused spoils the answer for all */

    for (i = 0; i < n && left; i++) {

        if (offsets[i].log_end == -2
            && ngx_kafka_ws_kafka_list_ends(k, &offsets[i], 1, timeout)
               == RD_KAFKA_RESP_ERR__TIMED_OUT)
        {
            left--;
        }
    }
}


static rd_kafka_resp_err_t
ngx_kafka_ws_kafka_list_ends(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int timeout)
{
    ngx_uint_t                        i;
    rd_kafka_resp_err_t               err;
    rd_kafka_topic_partition_t       *p;
    rd_kafka_topic_partition_list_t  *list;

    list = ngx_kafka_ws_kafka_ask(k, offsets, n, RD_KAFKA_OFFSET_END, timeout,
                                  &err);

    for (i = 0; i < n; i++) {
        p = &list->elems[i];

        if (p->err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
            offsets[i].log_end = -1;

        } else if (err == RD_KAFKA_RESP_ERR_NO_ERROR
                   && p->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        {
            offsets[i].log_end = p->offset;
        }
    }

    rd_kafka_topic_partition_list_destroy(list);

    return err;
}
