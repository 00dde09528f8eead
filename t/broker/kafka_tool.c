
/*
 * kafka_tool BOOTSTRAP [COMMAND ARGUMENT ...]
 *
 * The tests' hand on a broker: records, topics, transactions.  Without a
 * command it serves: one command a line on stdin, one reply a line on stdout,
 * "OK ..." or "ERR ...", until stdin ends.
 *
 *   create TOPIC PARTITIONS [REPLICATION] [NAME=VALUE ...]
 *   create-many BASE COUNT              BASE.0 and so on, a partition each
 *   delete TOPIC
 *   add-partitions TOPIC TOTAL
 *   delete-records TOPIC PARTITION OFFSET
 *   wait TOPIC PARTITIONS [TIMEOUT_MS]
 *   leaders TOPIC                       OK PARTITION:LEADER ...
 *   offsets TOPIC                       OK PARTITION:LOW:HIGH ...
 *   time TOPIC PARTITION MS             OK OFFSET
 *   murmur2 PARTITIONS KEY              OK PARTITION, as librdkafka chooses
 *   produce TOPIC PARTITION FIELD ...   OK PARTITION:OFFSET
 *   queue TOPIC PARTITION FIELD ...     no reply
 *   flush                               OK PARTITION:OFFSET ..., of all queued
 *   begin                               a transaction, for tqueue and tflush
 *   tqueue, tflush                      as queue and flush, inside it
 *   commit, abort                       end it, once all of it is written
 *
 * FIELD, bytes in hex: k=KEY, v=VALUE (left out: null, nothing after "=":
 * empty), t=MILLISECONDS, h=NAME:VALUE or h=NAME for a null value.  PARTITION
 * -1 lets the key decide.  Produced by an idempotent producer, acks=all.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "kafka_tool.h"


#define KAFKA_TOOL_ARGS_MAX  4096


typedef struct {
    const char             *name;
    kafka_tool_command_pt   run;
} kafka_tool_command_t;


static int kafka_tool_serve(kafka_tool_t *kt);
static int kafka_tool_run(kafka_tool_t *kt, int argc, char **argv);

static const kafka_tool_command_t  kafka_tool_commands[] = {
    { "create",          kafka_tool_create },
    { "create-many",     kafka_tool_create_many },
    { "delete",          kafka_tool_delete },
    { "add-partitions",  kafka_tool_add_partitions },
    { "delete-records",  kafka_tool_delete_records },
    { "wait",            kafka_tool_wait },
    { "leaders",         kafka_tool_leaders },
    { "offsets",         kafka_tool_offsets },
    { "time",            kafka_tool_time },
    { "murmur2",         kafka_tool_murmur2 },
    { "produce",         kafka_tool_produce },
    { "queue",           kafka_tool_queue },
    { "tqueue",          kafka_tool_queue },
    { "flush",           kafka_tool_flush },
    { "tflush",          kafka_tool_flush },
    { "begin",           kafka_tool_begin },
    { "commit",          kafka_tool_end },
    { "abort",           kafka_tool_end },
    { NULL, NULL }
};


int
main(int argc, char **argv)
{
    int           rc;
    kafka_tool_t  kt;

    if (argc < 2) {
        fprintf(stderr, "usage: %s BOOTSTRAP [COMMAND ARGUMENT ...]\n",
                argv[0]);
        return 2;
    }

    memset(&kt, 0, sizeof(kafka_tool_t));

    kt.bootstrap = argv[1];
    kt.rk = kafka_tool_producer(argv[1], NULL, &kt.plain);

    if (kt.rk == NULL) {
        return 1;
    }

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    setvbuf(stdout, NULL, _IOLBF, 0);

    if (argc > 2) {
        rc = kafka_tool_run(&kt, argc - 2, &argv[2]);

    } else {
        rc = kafka_tool_serve(&kt);
    }

    fflush(stdout);

    /* a broker that is down must not hold us: the process ends anyway */
    _exit(rc == 0 ? 0 : 1);
}


static int
kafka_tool_serve(kafka_tool_t *kt)
{
    int       argc;
    char     *line, *token, *state, *argv[KAFKA_TOOL_ARGS_MAX];
    size_t    size;
    ssize_t   n;

    line = NULL;
    size = 0;

    for ( ;; ) {
        n = getline(&line, &size, stdin);

        if (n < 0) {
            break;
        }

        argc = 0;
        token = strtok_r(line, " \n", &state);

        while (token != NULL && argc < KAFKA_TOOL_ARGS_MAX) {
            argv[argc++] = token;
            token = strtok_r(NULL, " \n", &state);
        }

        if (argc > 0) {
            (void) kafka_tool_run(kt, argc, argv);
            fflush(stdout);
        }
    }

    free(line);

    return 0;
}


static int
kafka_tool_run(kafka_tool_t *kt, int argc, char **argv)
{
    char                         error[KAFKA_TOOL_ERROR_MAX];
    const kafka_tool_command_t  *command;

    for (command = kafka_tool_commands; command->name != NULL; command++) {

        if (strcmp(command->name, argv[0]) != 0) {
            continue;
        }

        if (command->run(kt, argc, argv, error) == 0) {
            return 0;
        }

        printf("ERR %s\n", error);

        return -1;
    }

    printf("ERR unknown command %s\n", argv[0]);

    return -1;
}


rd_kafka_t *
kafka_tool_producer(const char *bootstrap, const char *id, void *opaque)
{
    size_t            i;
    char              text[KAFKA_TOOL_ERROR_MAX];
    rd_kafka_t       *rk;
    rd_kafka_conf_t  *conf;

    const char  *props[][2] = {
        { "bootstrap.servers", bootstrap },
        { "transactional.id", id },
        { "enable.idempotence", "true" },
        { "max.in.flight.requests.per.connection", "1" },
        { "linger.ms", "0" },
        { "socket.nagle.disable", "true" },
        { "message.max.bytes", "33554432" },
        { "retry.backoff.ms", "20" },
        { "request.timeout.ms", "5000" },
        { "reconnect.backoff.max.ms", "200" },
        { "topic.metadata.propagation.max.ms", "3000" },
        { "allow.auto.create.topics", "false" },
        { "log_level", "2" }
    };

    conf = rd_kafka_conf_new();

    for (i = 0; i < sizeof(props) / sizeof(props[0]); i++) {

        if (props[i][1] != NULL
            && rd_kafka_conf_set(conf, props[i][0], props[i][1], text,
                                 sizeof(text))
               != RD_KAFKA_CONF_OK)
        {
            fprintf(stderr, "kafka_tool: %s\n", text);
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }

    rd_kafka_conf_set_opaque(conf, opaque);
    rd_kafka_conf_set_dr_msg_cb(conf, kafka_tool_delivered);

    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));

    if (rk == NULL) {
        fprintf(stderr, "kafka_tool: %s\n", text);
        rd_kafka_conf_destroy(conf);
    }

    return rk;
}


int64_t
kafka_tool_now_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


int
kafka_tool_number(const char *text, int64_t *n)
{
    char  *last;

    *n = strtoll(text, &last, 10);

    return *text != '\0' && *last == '\0' ? 0 : -1;
}


int
kafka_tool_fail(char *error, const char *what, const char *reason)
{
    snprintf(error, KAFKA_TOOL_ERROR_MAX, "%s: %s", what, reason);

    return -1;
}
