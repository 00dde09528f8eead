
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The consumer of limit: records in, frames or latencies out.
 */


#define _GNU_SOURCE

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "limit.h"


#define LIMIT_BATCH   1024
#define LIMIT_STAMPS  (4 * 1024 * 1024)


static int limit_partitions(void);
static int limit_start(const char *topic, int32_t partition);
static int limit_settle(int partitions);
static void limit_record(const rd_kafka_message_t *rkm);
static void limit_stamp(const rd_kafka_message_t *rkm);
static int limit_compare(const void *one, const void *two);


static rd_kafka_t         *limit_rk;
static rd_kafka_queue_t   *limit_queue;
static uint64_t            limit_records;
static uint64_t            limit_batches;
static uint32_t            limit_nstamps;
static uint32_t           *limit_stamps;


int
limit_kafka(void)
{
    int               i, n;
    char              text[512];
    rd_kafka_conf_t  *conf;

    static const uint64_t  one = 1;
    static const char     *props[][2] = {
        { "fetch.wait.max.ms", "500" },
        { "fetch.queue.backoff.ms", "1" },
        { "socket.nagle.disable", "true" },
        { "enable.partition.eof", "true" },
        { "queued.min.messages", "100000" }
    };

    limit_stamps = malloc(LIMIT_STAMPS * sizeof(uint32_t));

    if (limit_stamps == NULL) {
        return -1;
    }

    conf = rd_kafka_conf_new();

    (void) rd_kafka_conf_set(conf, "bootstrap.servers", limit_bootstrap,
                             text, sizeof(text));

    for (i = 0; i < (int) (sizeof(props) / sizeof(props[0])); i++) {
        (void) rd_kafka_conf_set(conf, props[i][0], props[i][1], text,
                                 sizeof(text));
    }

    limit_rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));

    if (limit_rk == NULL) {
        (void) fprintf(stderr, "limit: %s\n", text);
        return -1;
    }

    limit_queue = rd_kafka_queue_new(limit_rk);
    limit_efd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

    if (limit_efd == -1) {
        return -1;
    }

    for (n = 0; n < limit_topics; n++) {
        (void) snprintf(text, sizeof(text), "%s.%d", limit_topic, n);

        if (limit_start(text, 0) == -1) {
            return -1;
        }
    }

    if (limit_topics == 0) {
        n = limit_partitions();

        for (i = 0; i < n; i++) {
            if (limit_start(limit_topic, i) == -1) {
                return -1;
            }
        }
    }

    if (n == -1 || limit_settle(n) == -1) {
        return -1;
    }

    rd_kafka_queue_io_event_enable(limit_queue, limit_efd, &one, sizeof(one));

    limit_watch(limit_efd, EPOLL_CTL_ADD, EPOLLIN);

    return 0;
}


/* returns: how many partitions the topic has, or -1 */

static int
limit_partitions(void)
{
    int                              n;
    rd_kafka_topic_t                *rkt;
    rd_kafka_resp_err_t              err;
    const struct rd_kafka_metadata  *md;

    rkt = rd_kafka_topic_new(limit_rk, limit_topic, NULL);

    if (rkt == NULL) {
        return -1;
    }

    err = rd_kafka_metadata(limit_rk, 0, rkt, &md, 10000);

    if (err || md->topic_cnt != 1 || md->topics[0].partition_cnt == 0) {
        (void) fprintf(stderr, "limit: no metadata: %s\n",
                       rd_kafka_err2str(err));
        return -1;
    }

    n = md->topics[0].partition_cnt;

    rd_kafka_metadata_destroy(md);

    return n;
}


/* what comes of it is put into the queue; returns: 0 or -1 */

static int
limit_start(const char *topic, int32_t partition)
{
    rd_kafka_topic_t  *rkt;

    rkt = rd_kafka_topic_new(limit_rk, topic, NULL);

    if (rkt == NULL
        || rd_kafka_consume_start_queue(rkt, partition, RD_KAFKA_OFFSET_END,
                                        limit_queue)
           == -1)
    {
        return -1;
    }

    return 0;
}


/* waits until each partition has reached its end: what comes now is new */

static int
limit_settle(int partitions)
{
    int                  tries;
    rd_kafka_message_t  *rkm;

    tries = 0;

    while (tries < 200) {

        rkm = rd_kafka_consume_queue(limit_queue, 50);

        if (rkm == NULL) {
            tries++;
            continue;
        }

        partitions -= (rkm->err == RD_KAFKA_RESP_ERR__PARTITION_EOF);

        rd_kafka_message_destroy(rkm);

        if (partitions == 0) {
            return 0;
        }
    }

    (void) fprintf(stderr, "limit: the topic's end is not reached\n");

    return -1;
}


void
limit_consume(void)
{
    uint64_t                    one;
    ssize_t                     j, n;
    static rd_kafka_message_t  *messages[LIMIT_BATCH];

    (void) !read(limit_efd, &one, sizeof(one));

    if (limit_lap) {
        limit_lap = 0;
        limit_records = 0;
        limit_batches = 0;
        limit_nstamps = 0;
        limit_sends = 0;
    }

    do {
        n = rd_kafka_consume_batch_queue(limit_queue, 0, messages,
                                         LIMIT_BATCH);

        for (j = 0; j < n; j++) {

            if (messages[j]->err == 0) {
                limit_records++;
                limit_record(messages[j]);
            }

            rd_kafka_message_destroy(messages[j]);
        }

        limit_batches += (n > 0);

        limit_pass();

    } while (n == LIMIT_BATCH);
}


static void
limit_record(const rd_kafka_message_t *rkm)
{
    if (limit_bare) {
        limit_stamp(rkm);

    } else if (limit_keys) {
        limit_keys_record(rkm);

    } else {
        limit_head += limit_frame(rkm, limit_ring + limit_head % LIMIT_RING);
    }
}


/* the fourth of a value's fields is its time */

static void
limit_stamp(const rd_kafka_message_t *rkm)
{
    int              i;
    int64_t          us;
    const char      *p, *last;
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    p = rkm->payload;
    last = p + rkm->len;

    for (i = 0; p != NULL && i < 3; i++) {
        p = memchr(p, ':', (size_t) (last - p));
        p = p ? p + 1 : NULL;
    }

    if (p == NULL || limit_nstamps == LIMIT_STAMPS) {
        return;
    }

    us = (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000
         - strtoll(p, NULL, 10);

    limit_stamps[limit_nstamps++] = us > 0 ? (uint32_t) us : 0;
}


static int
limit_compare(const void *one, const void *two)
{
    uint32_t  a, b;

    a = *(const uint32_t *) one;
    b = *(const uint32_t *) two;

    return a < b ? -1 : a > b;
}


void
limit_report(void)
{
    uint32_t  n;

    n = limit_nstamps;
    qsort(limit_stamps, n, sizeof(uint32_t), limit_compare);

    (void) printf("{\"records\":%" PRIu64 ",\"batches\":%" PRIu64
                  ",\"sends\":%" PRIu64 ",\"latency_us\":{\"n\":%" PRIu32,
                  limit_records, limit_batches, limit_sends, n);

    if (n) {
        (void) printf(",\"p50\":%" PRIu32 ",\"p99\":%" PRIu32
                      ",\"p999\":%" PRIu32 ",\"max\":%" PRIu32,
                      limit_stamps[n / 2],
                      limit_stamps[(uint64_t) n * 99 / 100],
                      limit_stamps[(uint64_t) n * 999 / 1000],
                      limit_stamps[n - 1]);
    }

    (void) printf("}}\n");
}
