
/*
 * kafka_tool: topics, partitions, metadata and offsets.
 */


#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kafka_tool.h"


#define KAFKA_TOOL_PARTITIONS  4096


typedef enum {
    KAFKA_TOOL_READY = 0,
    KAFKA_TOOL_NOT_YET,
    KAFKA_TOOL_ABSENT
} kafka_tool_state_e;


static int kafka_tool_admin_wait(rd_kafka_queue_t *queue, const char *what,
    char *error);
static rd_kafka_resp_err_t kafka_tool_admin_error(rd_kafka_event_t *event,
    const char **text);
static int kafka_tool_until(kafka_tool_t *kt, const char *topic,
    kafka_tool_state_e wanted, int64_t partitions, int64_t timeout_ms,
    char *error);
static int kafka_tool_logs(kafka_tool_t *kt, const char *topic,
    int64_t partitions, char *error);
static kafka_tool_state_e kafka_tool_topic_state(kafka_tool_t *kt,
    const char *topic, int64_t partitions);
static int kafka_tool_watermarks(kafka_tool_t *kt, const char *topic,
    int32_t partition, int64_t *low, int64_t *high, char *error);
static int kafka_tool_metadata(kafka_tool_t *kt, const char *topic,
    const rd_kafka_metadata_t **md);


/* create TOPIC PARTITIONS [REPLICATION] [NAME=VALUE ...] */

int
kafka_tool_create(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    int                     i, rc;
    char                   *value, text[KAFKA_TOOL_ERROR_MAX];
    int64_t                 partitions, replication;
    rd_kafka_queue_t       *queue;
    rd_kafka_NewTopic_t    *topic;
    rd_kafka_AdminOptions_t  *options;

    replication = -1;

    if (argc < 3 || kafka_tool_number(argv[2], &partitions) != 0) {
        return kafka_tool_fail(error, "create", "TOPIC PARTITIONS wanted");
    }

    i = 3;

    if (i < argc && strchr(argv[i], '=') == NULL) {

        if (kafka_tool_number(argv[i++], &replication) != 0) {
            return kafka_tool_fail(error, "create", "bad replication");
        }
    }

    topic = rd_kafka_NewTopic_new(argv[1], (int) partitions,
                                  (int) replication, text, sizeof(text));
    if (topic == NULL) {
        return kafka_tool_fail(error, "create", text);
    }

    for ( /* void */ ; i < argc; i++) {
        value = strchr(argv[i], '=');

        if (value == NULL) {
            rd_kafka_NewTopic_destroy(topic);
            return kafka_tool_fail(error, "create", "NAME=VALUE wanted");
        }

        *value++ = '\0';
        (void) rd_kafka_NewTopic_set_config(topic, argv[i], value);
    }

    queue = rd_kafka_queue_new(kt->rk);
    options = rd_kafka_AdminOptions_new(kt->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void) rd_kafka_AdminOptions_set_operation_timeout(options,
                                   KAFKA_TOOL_TIMEOUT, text, sizeof(text));

    rd_kafka_CreateTopics(kt->rk, &topic, 1, options, queue);
    rc = kafka_tool_admin_wait(queue, "create", error);

    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);

    if (rc != 0
        || kafka_tool_until(kt, argv[1], KAFKA_TOOL_READY, partitions,
                            KAFKA_TOOL_TIMEOUT, error)
           != 0)
    {
        return -1;
    }

    printf("OK\n");

    return 0;
}


/* delete TOPIC */

int
kafka_tool_delete(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    int                     rc;
    rd_kafka_queue_t       *queue;
    rd_kafka_DeleteTopic_t  *topic;

    if (argc != 2) {
        return kafka_tool_fail(error, "delete", "TOPIC wanted");
    }

    queue = rd_kafka_queue_new(kt->rk);
    topic = rd_kafka_DeleteTopic_new(argv[1]);

    rd_kafka_DeleteTopics(kt->rk, &topic, 1, NULL, queue);
    rc = kafka_tool_admin_wait(queue, "delete", error);

    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy(topic);

    if (rc != 0
        || kafka_tool_until(kt, argv[1], KAFKA_TOOL_ABSENT, 0,
                            KAFKA_TOOL_TIMEOUT, error)
           != 0)
    {
        return -1;
    }

    printf("OK\n");

    return 0;
}


/* add-partitions TOPIC TOTAL */

int
kafka_tool_add_partitions(kafka_tool_t *kt, int argc, char **argv,
    char *error)
{
    int                        rc;
    char                       text[KAFKA_TOOL_ERROR_MAX];
    int64_t                    total;
    rd_kafka_queue_t          *queue;
    rd_kafka_NewPartitions_t  *partitions;

    if (argc != 3 || kafka_tool_number(argv[2], &total) != 0) {
        return kafka_tool_fail(error, argv[0], "TOPIC TOTAL wanted");
    }

    partitions = rd_kafka_NewPartitions_new(argv[1], (size_t) total, text,
                                            sizeof(text));
    if (partitions == NULL) {
        return kafka_tool_fail(error, argv[0], text);
    }

    queue = rd_kafka_queue_new(kt->rk);

    rd_kafka_CreatePartitions(kt->rk, &partitions, 1, NULL, queue);
    rc = kafka_tool_admin_wait(queue, argv[0], error);

    rd_kafka_queue_destroy(queue);
    rd_kafka_NewPartitions_destroy(partitions);

    if (rc != 0
        || kafka_tool_until(kt, argv[1], KAFKA_TOOL_READY, total,
                            KAFKA_TOOL_TIMEOUT, error)
           != 0)
    {
        return -1;
    }

    printf("OK\n");

    return 0;
}


/* delete-records TOPIC PARTITION OFFSET: all below OFFSET go */

int
kafka_tool_delete_records(kafka_tool_t *kt, int argc, char **argv,
    char *error)
{
    int                               rc;
    int64_t                           partition, offset;
    rd_kafka_queue_t                 *queue;
    rd_kafka_DeleteRecords_t         *del;
    rd_kafka_topic_partition_list_t  *list;

    if (argc != 4 || kafka_tool_number(argv[2], &partition) != 0
        || kafka_tool_number(argv[3], &offset) != 0)
    {
        return kafka_tool_fail(error, argv[0],
                               "TOPIC PARTITION OFFSET wanted");
    }

    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, argv[1], (int32_t) partition)
        ->offset = offset;

    del = rd_kafka_DeleteRecords_new(list);
    queue = rd_kafka_queue_new(kt->rk);

    rd_kafka_DeleteRecords(kt->rk, &del, 1, NULL, queue);
    rc = kafka_tool_admin_wait(queue, argv[0], error);

    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(del);
    rd_kafka_topic_partition_list_destroy(list);

    if (rc != 0) {
        return -1;
    }

    printf("OK\n");

    return 0;
}


static int
kafka_tool_admin_wait(rd_kafka_queue_t *queue, const char *what, char *error)
{
    const char           *text;
    rd_kafka_event_t     *event;
    rd_kafka_resp_err_t   err;

    event = rd_kafka_queue_poll(queue, KAFKA_TOOL_TIMEOUT);

    if (event == NULL) {
        return kafka_tool_fail(error, what, "timed out");
    }

    err = kafka_tool_admin_error(event, &text);

    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void) kafka_tool_fail(error, what,
                               text != NULL ? text : rd_kafka_err2str(err));
    }

    rd_kafka_event_destroy(event);

    return err != RD_KAFKA_RESP_ERR_NO_ERROR ? -1 : 0;
}


/* the error of the whole request, or else of its only item */

static rd_kafka_resp_err_t
kafka_tool_admin_error(rd_kafka_event_t *event, const char **text)
{
    size_t                                   n;
    rd_kafka_resp_err_t                      err;
    const rd_kafka_topic_result_t          **topics;
    const rd_kafka_topic_partition_list_t   *list;

    *text = rd_kafka_event_error_string(event);
    err = rd_kafka_event_error(event);

    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err;
    }

    topics = NULL;
    n = 0;

    switch (rd_kafka_event_type(event)) {

    case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
        topics = rd_kafka_CreateTopics_result_topics(
                           rd_kafka_event_CreateTopics_result(event), &n);
        break;

    case RD_KAFKA_EVENT_DELETETOPICS_RESULT:
        topics = rd_kafka_DeleteTopics_result_topics(
                           rd_kafka_event_DeleteTopics_result(event), &n);
        break;

    case RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT:
        topics = rd_kafka_CreatePartitions_result_topics(
                       rd_kafka_event_CreatePartitions_result(event), &n);
        break;

    case RD_KAFKA_EVENT_DELETERECORDS_RESULT:
        list = rd_kafka_DeleteRecords_result_offsets(
                          rd_kafka_event_DeleteRecords_result(event));
        *text = NULL;
        return list->cnt == 1 ? list->elems[0].err : RD_KAFKA_RESP_ERR__FAIL;

    default:
        break;
    }

    if (n != 1) {
        *text = "unexpected answer";
        return RD_KAFKA_RESP_ERR__FAIL;
    }

    *text = rd_kafka_topic_result_error_string(topics[0]);

    return rd_kafka_topic_result_error(topics[0]);
}


/* wait TOPIC PARTITIONS [TIMEOUT_MS]: until each of them has a leader */

int
kafka_tool_wait(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    int64_t  partitions, timeout_ms;

    timeout_ms = KAFKA_TOOL_TIMEOUT;

    if (argc < 3 || kafka_tool_number(argv[2], &partitions) != 0
        || (argc > 3 && kafka_tool_number(argv[3], &timeout_ms) != 0))
    {
        return kafka_tool_fail(error, "wait",
                               "TOPIC PARTITIONS [TIMEOUT_MS] wanted");
    }

    if (kafka_tool_until(kt, argv[1], KAFKA_TOOL_READY, partitions,
                         timeout_ms, error)
        != 0)
    {
        return -1;
    }

    printf("OK\n");

    return 0;
}


static int
kafka_tool_until(kafka_tool_t *kt, const char *topic,
    kafka_tool_state_e wanted, int64_t partitions, int64_t timeout_ms,
    char *error)
{
    int64_t  deadline;

    deadline = kafka_tool_now_ms() + timeout_ms;

    for ( ;; ) {

        if (kafka_tool_topic_state(kt, topic, partitions) == wanted) {
            return (wanted == KAFKA_TOOL_READY)
                   ? kafka_tool_logs(kt, topic, partitions, error) : 0;
        }

        if (kafka_tool_now_ms() >= deadline) {
            return kafka_tool_fail(error, topic,
                                   wanted == KAFKA_TOOL_READY
                                   ? "does not have its leaders"
                                   : "is still there");
        }

        (void) usleep(20000);
    }
}


/*
 * Waits until each leader has its log.  One that has not may take a later
 * batch first: those before it then count as duplicates, as if written.
 */

static int
kafka_tool_logs(kafka_tool_t *kt, const char *topic, int64_t partitions,
    char *error)
{
    int32_t  i;
    int64_t  low, high;

    for (i = 0; i < partitions; i++) {
        if (kafka_tool_watermarks(kt, topic, i, &low, &high, error) != 0) {
            return -1;
        }
    }

    return 0;
}


static kafka_tool_state_e
kafka_tool_topic_state(kafka_tool_t *kt, const char *topic,
    int64_t partitions)
{
    int                               i;
    kafka_tool_state_e                state;
    const rd_kafka_metadata_t        *md;
    const rd_kafka_metadata_topic_t  *mt;

    if (kafka_tool_metadata(kt, topic, &md) != 0) {
        return KAFKA_TOOL_NOT_YET;
    }

    mt = md->topics;

    if (md->topic_cnt == 0
        || mt->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
    {
        state = KAFKA_TOOL_ABSENT;

    } else if (mt->err != RD_KAFKA_RESP_ERR_NO_ERROR
               || mt->partition_cnt != partitions)
    {
        state = KAFKA_TOOL_NOT_YET;

    } else {
        state = KAFKA_TOOL_READY;

        for (i = 0; i < mt->partition_cnt; i++) {
            if (mt->partitions[i].leader < 0) {
                state = KAFKA_TOOL_NOT_YET;
            }
        }
    }

    rd_kafka_metadata_destroy(md);

    return state;
}


static int
kafka_tool_metadata(kafka_tool_t *kt, const char *topic,
    const rd_kafka_metadata_t **md)
{
    rd_kafka_topic_t     *rkt;
    rd_kafka_resp_err_t   err;

    rkt = rd_kafka_topic_new(kt->rk, topic, NULL);
    if (rkt == NULL) {
        return -1;
    }

    err = rd_kafka_metadata(kt->rk, 0, rkt, md, 5000);

    rd_kafka_topic_destroy(rkt);

    return err != RD_KAFKA_RESP_ERR_NO_ERROR ? -1 : 0;
}


/* leaders TOPIC: "OK PARTITION:LEADER ..." */

int
kafka_tool_leaders(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    int                         i;
    const rd_kafka_metadata_t  *md;

    if (argc != 2) {
        return kafka_tool_fail(error, "leaders", "TOPIC wanted");
    }

    if (kafka_tool_metadata(kt, argv[1], &md) != 0) {
        return kafka_tool_fail(error, "leaders", "no metadata");
    }

    printf("OK");

    for (i = 0; md->topic_cnt == 1 && i < md->topics->partition_cnt; i++) {
        printf(" %d:%d", (int) md->topics->partitions[i].id,
               (int) md->topics->partitions[i].leader);
    }

    printf("\n");

    rd_kafka_metadata_destroy(md);

    return 0;
}


/* offsets TOPIC: "OK PARTITION:LOW:HIGH ..." */

int
kafka_tool_offsets(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    int                         i, n;
    int64_t                     low[KAFKA_TOOL_PARTITIONS];
    int64_t                     high[KAFKA_TOOL_PARTITIONS];
    const rd_kafka_metadata_t  *md;

    if (argc != 2) {
        return kafka_tool_fail(error, "offsets", "TOPIC wanted");
    }

    if (kafka_tool_metadata(kt, argv[1], &md) != 0) {
        return kafka_tool_fail(error, "offsets", "no metadata");
    }

    n = md->topic_cnt == 1 ? md->topics->partition_cnt : 0;
    rd_kafka_metadata_destroy(md);

    if (n > KAFKA_TOOL_PARTITIONS) {
        return kafka_tool_fail(error, "offsets", "too many partitions");
    }

    for (i = 0; i < n; i++) {

        if (kafka_tool_watermarks(kt, argv[1], i, &low[i], &high[i], error)
            != 0)
        {
            return -1;
        }
    }

    printf("OK");

    for (i = 0; i < n; i++) {
        printf(" %d:%lld:%lld", i, (long long) low[i], (long long) high[i]);
    }

    printf("\n");

    return 0;
}


/* a broker may hear later than its clients that it leads a partition */

static int
kafka_tool_watermarks(kafka_tool_t *kt, const char *topic, int32_t partition,
    int64_t *low, int64_t *high, char *error)
{
    int64_t              deadline;
    rd_kafka_resp_err_t  err;

    deadline = kafka_tool_now_ms() + KAFKA_TOOL_TIMEOUT;

    for ( ;; ) {
        err = rd_kafka_query_watermark_offsets(kt->rk, topic, partition, low,
                                               high, 5000);

        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return 0;
        }

        if (kafka_tool_now_ms() >= deadline) {
            return kafka_tool_fail(error, "offsets", rd_kafka_err2str(err));
        }

        (void) usleep(20000);
    }
}


/* time TOPIC PARTITION MS: "OK OFFSET", the first not older; -1: none */

int
kafka_tool_time(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    int64_t                           partition, time_ms, offset;
    rd_kafka_resp_err_t               err;
    rd_kafka_topic_partition_list_t  *list;

    if (argc != 4 || kafka_tool_number(argv[2], &partition) != 0
        || kafka_tool_number(argv[3], &time_ms) != 0)
    {
        return kafka_tool_fail(error, "time", "TOPIC PARTITION MS wanted");
    }

    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, argv[1], (int32_t) partition)
        ->offset = time_ms;

    err = rd_kafka_offsets_for_times(kt->rk, list, KAFKA_TOOL_TIMEOUT);

    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = list->elems[0].err;
    }

    offset = list->elems[0].offset;

    rd_kafka_topic_partition_list_destroy(list);

    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kafka_tool_fail(error, "time", rd_kafka_err2str(err));
    }

    printf("OK %lld\n", (long long) offset);

    return 0;
}
