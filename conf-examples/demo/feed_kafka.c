
/*
 * Copyright (C) the ngx_kafka_ws_module authors
 *
 * The producer of the demo's feed: idempotent, acks=all.
 */


#define _POSIX_C_SOURCE  200809L

#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "feed_kafka.h"


#define FEED_BROKER_WAIT  10000     /* ms */
#define FEED_TOPIC_WAIT   30000     /* ms */
#define FEED_FLUSH_WAIT   2000      /* ms */


static int feed_kafka_wait(const char *topic);
static void feed_kafka_delivered(rd_kafka_t *rk,
    const rd_kafka_message_t *msg, void *opaque);


static rd_kafka_t  *feed_rk;


int64_t
feed_now(clockid_t clock)
{
    struct timespec  ts;

    clock_gettime(clock, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


int
feed_kafka_start(const char *brokers)
{
    int                         i;
    char                        err[256];
    rd_kafka_conf_t            *conf;
    rd_kafka_resp_err_t         rc;
    const rd_kafka_metadata_t  *md;

    static const char  *properties[][2] = {
        { "acks", "all" },
        { "enable.idempotence", "true" },
        { "linger.ms", "1" },
        { "allow.auto.create.topics", "true" },
        { "log_level", "3" }
    };

    conf = rd_kafka_conf_new();

    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, err,
                          sizeof(err))
        != RD_KAFKA_CONF_OK)
    {
        goto failed;
    }

    for (i = 0; i < (int) (sizeof(properties) / sizeof(properties[0])); i++) {

        if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], err,
                              sizeof(err))
            != RD_KAFKA_CONF_OK)
        {
            goto failed;
        }
    }

    rd_kafka_conf_set_dr_msg_cb(conf, feed_kafka_delivered);

    feed_rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof(err));
    if (feed_rk == NULL) {
        goto failed;
    }

    rc = rd_kafka_metadata(feed_rk, 0, NULL, &md, FEED_BROKER_WAIT);

    if (rc != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "feed: no broker at \"%s\": %s\n", brokers,
                rd_kafka_err2str(rc));
        return -1;
    }

    rd_kafka_metadata_destroy(md);

    return 0;

failed:

    fprintf(stderr, "feed: %s\n", err);

    return -1;
}


int
feed_kafka_topic(const char *topic, int partitions)
{
    char                  err[256];
    rd_kafka_queue_t     *queue;
    rd_kafka_event_t     *event;
    rd_kafka_NewTopic_t  *new_topic;

    if (partitions == 0) {
        return feed_kafka_wait(topic);
    }

    new_topic = rd_kafka_NewTopic_new(topic, partitions, -1, err,
                                      sizeof(err));
    if (new_topic == NULL) {
        fprintf(stderr, "feed: topic \"%s\": %s\n", topic, err);
        return -1;
    }

    queue = rd_kafka_queue_new(feed_rk);

    rd_kafka_CreateTopics(feed_rk, &new_topic, 1, NULL, queue);

    event = rd_kafka_queue_poll(queue, FEED_TOPIC_WAIT);

    /* an error may say that it exists: what counts is whether it does */

    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }

    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(new_topic);

    return feed_kafka_wait(topic);
}


static int
feed_kafka_wait(const char *topic)
{
    int                         ready;
    int64_t                     deadline;
    rd_kafka_topic_t           *rkt;
    rd_kafka_resp_err_t         err;
    const rd_kafka_metadata_t  *md;

    rkt = rd_kafka_topic_new(feed_rk, topic, NULL);
    if (rkt == NULL) {
        return -1;
    }

    ready = 0;
    err = RD_KAFKA_RESP_ERR_NO_ERROR;
    deadline = feed_now(CLOCK_MONOTONIC) + FEED_TOPIC_WAIT;

    while (!ready && feed_now(CLOCK_MONOTONIC) < deadline) {
        err = rd_kafka_metadata(feed_rk, 0, rkt, &md, 2000);

        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            err = md->topic_cnt ? md->topics[0].err
                                : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            ready = (err == RD_KAFKA_RESP_ERR_NO_ERROR
                     && md->topics[0].partition_cnt > 0);
            rd_kafka_metadata_destroy(md);
        }

        if (!ready) {
            (void) rd_kafka_poll(feed_rk, 100);     /* and waits */
        }
    }

    rd_kafka_topic_destroy(rkt);

    if (!ready) {
        fprintf(stderr, "feed: topic \"%s\": %s\n", topic,
                rd_kafka_err2str(err));
        return -1;
    }

    return 0;
}


static void
feed_kafka_delivered(rd_kafka_t *rk, const rd_kafka_message_t *msg,
    void *opaque)
{
    (void) rk;
    (void) opaque;

    if (msg->err) {
        fprintf(stderr, "feed: not delivered: %s\n",
                rd_kafka_err2str(msg->err));
    }
}


int
feed_kafka_produce(const char *topic, int32_t partition, const char *key,
    const char *value, size_t len)
{
    rd_kafka_resp_err_t  err;

    err = rd_kafka_producev(feed_rk,
                            RD_KAFKA_V_TOPIC(topic),
                            RD_KAFKA_V_PARTITION(partition),
                            RD_KAFKA_V_KEY(key, strlen(key)),
                            RD_KAFKA_V_VALUE((void *) (uintptr_t) value, len),
                            RD_KAFKA_V_TIMESTAMP(feed_now(CLOCK_REALTIME)),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                            RD_KAFKA_V_END);

    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : -1;
}


void
feed_kafka_poll(void)
{
    (void) rd_kafka_poll(feed_rk, 0);       /* the number of callbacks */
}


void
feed_kafka_stop(void)
{
    (void) rd_kafka_flush(feed_rk, FEED_FLUSH_WAIT);    /* or it is lost */
    rd_kafka_destroy(feed_rk);
}
