
/*
 * kafka_tool: thousands of topics at once.
 */


#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kafka_tool.h"


#define KAFKA_TOOL_MANY   500      /* topics of one request */
#define KAFKA_TOOL_NAME   256


static int kafka_tool_many_create(kafka_tool_t *kt, const char *base,
    int64_t first, int64_t last, char *error);
static int kafka_tool_many_result(rd_kafka_queue_t *queue, char *error);
static int kafka_tool_many_there(kafka_tool_t *kt, const char *base,
    int64_t count);


/* create-many BASE COUNT: topics BASE.0 to BASE.(COUNT - 1) */

int
kafka_tool_create_many(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    int64_t  n, count, deadline;

    if (argc != 3 || kafka_tool_number(argv[2], &count) != 0 || count < 1
        || strlen(argv[1]) > KAFKA_TOOL_NAME / 2)
    {
        return kafka_tool_fail(error, argv[0], "BASE COUNT wanted");
    }

    for (n = 0; n < count; n += KAFKA_TOOL_MANY) {
        if (kafka_tool_many_create(kt, argv[1], n,
                                   n + KAFKA_TOOL_MANY < count
                                   ? n + KAFKA_TOOL_MANY : count, error)
            != 0)
        {
            return -1;
        }
    }

    deadline = kafka_tool_now_ms() + 4 * KAFKA_TOOL_TIMEOUT;

    while (kafka_tool_many_there(kt, argv[1], count) != 0) {

        if (kafka_tool_now_ms() >= deadline) {
            return kafka_tool_fail(error, argv[1],
                                   "topics do not have their leaders");
        }

        (void) usleep(100000);
    }

    printf("OK\n");

    return 0;
}


static int
kafka_tool_many_create(kafka_tool_t *kt, const char *base, int64_t first,
    int64_t last, char *error)
{
    int                       rc;
    char                      name[KAFKA_TOOL_NAME];
    char                      text[KAFKA_TOOL_ERROR_MAX];
    size_t                    n;
    int64_t                   i;
    rd_kafka_queue_t         *queue;
    rd_kafka_NewTopic_t      *topics[KAFKA_TOOL_MANY];
    rd_kafka_AdminOptions_t  *options;

    n = 0;

    for (i = first; i < last; i++) {
        (void) snprintf(name, sizeof(name), "%s.%" PRId64, base, i);

        topics[n] = rd_kafka_NewTopic_new(name, 1, -1, text, sizeof(text));

        if (topics[n] == NULL) {
            rd_kafka_NewTopic_destroy_array(topics, n);
            return kafka_tool_fail(error, name, text);
        }

        n++;
    }

    queue = rd_kafka_queue_new(kt->rk);
    options = rd_kafka_AdminOptions_new(kt->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void) rd_kafka_AdminOptions_set_request_timeout(options,
                                   KAFKA_TOOL_TIMEOUT, text, sizeof(text));
    (void) rd_kafka_AdminOptions_set_operation_timeout(options,
                                   KAFKA_TOOL_TIMEOUT, text, sizeof(text));

    rd_kafka_CreateTopics(kt->rk, topics, n, options, queue);
    rc = kafka_tool_many_result(queue, error);

    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy_array(topics, n);

    return rc;
}


static int
kafka_tool_many_result(rd_kafka_queue_t *queue, char *error)
{
    size_t                           i, n;
    rd_kafka_event_t                *event;
    rd_kafka_resp_err_t              err;
    const rd_kafka_topic_result_t  **results;

    event = rd_kafka_queue_poll(queue, 2 * KAFKA_TOOL_TIMEOUT);

    if (event == NULL) {
        return kafka_tool_fail(error, "create-many", "timed out");
    }

    err = rd_kafka_event_error(event);

    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        results = rd_kafka_CreateTopics_result_topics(
                       rd_kafka_event_CreateTopics_result(event), &n);

        for (i = 0; i < n && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
            err = rd_kafka_topic_result_error(results[i]);
        }
    }

    rd_kafka_event_destroy(event);

    return (err == RD_KAFKA_RESP_ERR_NO_ERROR)
           ? 0 : kafka_tool_fail(error, "create-many", rd_kafka_err2str(err));
}


/* each has a leader, and that has its log */

static int
kafka_tool_many_there(kafka_tool_t *kt, const char *base, int64_t count)
{
    int                               i, bad;
    size_t                            len;
    const char                       *name;
    rd_kafka_resp_err_t               err;
    const rd_kafka_metadata_t        *md;
    rd_kafka_topic_partition_list_t  *list;

    if (rd_kafka_metadata(kt->rk, 1, NULL, &md, KAFKA_TOOL_TIMEOUT)
        != RD_KAFKA_RESP_ERR_NO_ERROR)
    {
        return -1;
    }

    len = strlen(base);
    list = rd_kafka_topic_partition_list_new((int) count);

    for (i = 0; i < md->topic_cnt; i++) {
        name = md->topics[i].topic;

        if (strncmp(name, base, len) == 0 && name[len] == '.'
            && md->topics[i].partition_cnt == 1
            && md->topics[i].partitions[0].leader >= 0)
        {
            rd_kafka_topic_partition_list_add(list, name, 0)->offset
                = RD_KAFKA_OFFSET_END;
        }
    }

    rd_kafka_metadata_destroy(md);

    bad = (list->cnt < count);

    if (!bad) {
        err = rd_kafka_offsets_for_times(kt->rk, list, KAFKA_TOOL_TIMEOUT);
        bad = (err != RD_KAFKA_RESP_ERR_NO_ERROR);

        for (i = 0; i < list->cnt; i++) {
            bad |= (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR);
        }
    }

    rd_kafka_topic_partition_list_destroy(list);

    return bad ? -1 : 0;
}
