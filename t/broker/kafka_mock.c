
/*
 * kafka_mock [--brokers=N] [--bootstrap-file=FILE]
 *
 * A broker in one small process: librdkafka's mock cluster, for what can be
 * shown without Java, and for faults on demand.  The only user of the
 * library's experimental rdkafka_mock.h.
 *
 * It prints "ready HOST:PORT[,...]", then obeys commands on stdin, one reply
 * each ("OK ..." or "ERR ..."), and ends with stdin, on TERM, or with its
 * parent:
 *
 *   create TOPIC PARTITIONS [REPLICATION]
 *   down BROKER, up BROKER            1 and up, or -1 for all
 *   rtt BROKER MILLISECONDS
 *   leader TOPIC PARTITION BROKER     -1: none
 *   error API CODE [COUNT]            the next COUNT requests fail
 *   clear API                         no more of these errors
 *   topic-error TOPIC CODE            in metadata; 0: none
 *   apiversion API MIN MAX            -1 -1: unsupported
 *
 * API is Kafka's number (0 Produce, 1 Fetch, 2 ListOffsets, 3 Metadata), CODE
 * Kafka's error code; -195 cuts the connection.
 */


#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>


#define KAFKA_MOCK_ARGS_MAX    8
#define KAFKA_MOCK_ERRORS_MAX  1000


typedef struct {
    rd_kafka_mock_cluster_t  *cluster;
    int                       brokers;
} kafka_mock_t;


/* n[i] is argv[i] as a number, where it is one */

typedef rd_kafka_resp_err_t (*kafka_mock_command_pt)(kafka_mock_t *km,
    char **argv, const int *n);


typedef struct {
    const char             *name;
    const char             *args;       /* s: text, n: number, o: optional */
    kafka_mock_command_pt   run;
} kafka_mock_command_t;


static int kafka_mock_announce(kafka_mock_t *km, const char *file);
static const char *kafka_mock_run(kafka_mock_t *km, int argc, char **argv);
static rd_kafka_resp_err_t kafka_mock_create(kafka_mock_t *km, char **argv,
    const int *n);
static rd_kafka_resp_err_t kafka_mock_down(kafka_mock_t *km, char **argv,
    const int *n);
static rd_kafka_resp_err_t kafka_mock_up(kafka_mock_t *km, char **argv,
    const int *n);
static rd_kafka_resp_err_t kafka_mock_rtt(kafka_mock_t *km, char **argv,
    const int *n);
static rd_kafka_resp_err_t kafka_mock_leader(kafka_mock_t *km, char **argv,
    const int *n);
static rd_kafka_resp_err_t kafka_mock_error(kafka_mock_t *km, char **argv,
    const int *n);
static rd_kafka_resp_err_t kafka_mock_clear(kafka_mock_t *km, char **argv,
    const int *n);
static rd_kafka_resp_err_t kafka_mock_topic_error(kafka_mock_t *km,
    char **argv, const int *n);
static rd_kafka_resp_err_t kafka_mock_apiversion(kafka_mock_t *km,
    char **argv, const int *n);


static const kafka_mock_command_t  kafka_mock_commands[] = {
    { "create",       "sno",  kafka_mock_create },
    { "down",         "n",    kafka_mock_down },
    { "up",           "n",    kafka_mock_up },
    { "rtt",          "nn",   kafka_mock_rtt },
    { "leader",       "snn",  kafka_mock_leader },
    { "error",        "nno",  kafka_mock_error },
    { "clear",        "n",    kafka_mock_clear },
    { "topic-error",  "sn",   kafka_mock_topic_error },
    { "apiversion",   "nnn",  kafka_mock_apiversion },
    { NULL, NULL, NULL }
};


int
main(int argc, char **argv)
{
    int                i;
    char               line[4096], text[512], *word, *state;
    char              *args[KAFKA_MOCK_ARGS_MAX];
    const char        *file, *error;
    rd_kafka_t        *rk;
    kafka_mock_t       km;
    rd_kafka_conf_t   *conf;

    file = NULL;
    km.brokers = 1;

    for (i = 1; i < argc; i++) {

        if (sscanf(argv[i], "--brokers=%d", &km.brokers) == 1
            && km.brokers > 0 && km.brokers <= 100)
        {
            continue;
        }

        if (strncmp(argv[i], "--bootstrap-file=", 17) == 0) {
            file = argv[i] + 17;
            continue;
        }

        fprintf(stderr, "usage: %s [--brokers=N] [--bootstrap-file=FILE]\n",
                argv[0]);
        return 2;
    }

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    setvbuf(stdout, NULL, _IOLBF, 0);

    conf = rd_kafka_conf_new();
    (void) rd_kafka_conf_set(conf, "log_level", "2", text, sizeof(text));

    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (rk == NULL) {
        fprintf(stderr, "kafka_mock: %s\n", text);
        return 1;
    }

    km.cluster = rd_kafka_mock_cluster_new(rk, km.brokers);
    if (km.cluster == NULL || kafka_mock_announce(&km, file) != 0) {
        fprintf(stderr, "kafka_mock: cannot start\n");
        return 1;
    }

    while (fgets(line, sizeof(line), stdin) != NULL) {
        i = 0;
        word = strtok_r(line, " \n", &state);

        while (word != NULL && i < KAFKA_MOCK_ARGS_MAX) {
            args[i++] = word;
            word = strtok_r(NULL, " \n", &state);
        }

        if (i == 0) {
            continue;
        }

        error = kafka_mock_run(&km, i, args);

        if (error != NULL) {
            printf("ERR %s: %s\n", args[0], error);

        } else {
            printf("OK\n");
        }
    }

    rd_kafka_mock_cluster_destroy(km.cluster);
    rd_kafka_destroy(rk);

    return 0;
}


/* the file appears whole, by rename */

static int
kafka_mock_announce(kafka_mock_t *km, const char *file)
{
    char         name[4096];
    FILE        *f;
    const char  *list;

    list = rd_kafka_mock_cluster_bootstraps(km->cluster);

    if (file != NULL) {
        snprintf(name, sizeof(name), "%s.tmp", file);

        f = fopen(name, "w");
        if (f == NULL) {
            return -1;
        }

        fprintf(f, "%s\n", list);

        if (fclose(f) != 0 || rename(name, file) != 0) {
            return -1;
        }
    }

    printf("ready %s\n", list);

    return 0;
}


/* returns: what was wrong, or NULL */

static const char *
kafka_mock_run(kafka_mock_t *km, int argc, char **argv)
{
    int                          i, n[KAFKA_MOCK_ARGS_MAX];
    char                        *last;
    const char                  *arg;
    rd_kafka_resp_err_t          err;
    const kafka_mock_command_t  *command;

    command = kafka_mock_commands;

    while (command->name != NULL && strcmp(command->name, argv[0]) != 0) {
        command++;
    }

    if (command->name == NULL) {
        return "unknown command";
    }

    memset(n, 0, sizeof(n));

    i = 1;

    for (arg = command->args; *arg != '\0'; arg++, i++) {

        if (i >= argc) {
            if (*arg == 'o') {
                break;
            }

            return "argument missing";
        }

        if (*arg == 's') {
            continue;
        }

        n[i] = (int) strtol(argv[i], &last, 10);

        if (*last != '\0') {
            return "number expected";
        }
    }

    if (i < argc) {
        return "too many arguments";
    }

    err = command->run(km, argv, n);

    return err != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2str(err) : NULL;
}


static rd_kafka_resp_err_t
kafka_mock_create(kafka_mock_t *km, char **argv, const int *n)
{
    return rd_kafka_mock_topic_create(km->cluster, argv[1], n[2],
                                      n[3] > 0 ? n[3] : km->brokers);
}


static rd_kafka_resp_err_t
kafka_mock_down(kafka_mock_t *km, char **argv, const int *n)
{
    (void) argv;

    return rd_kafka_mock_broker_set_down(km->cluster, n[1]);
}


static rd_kafka_resp_err_t
kafka_mock_up(kafka_mock_t *km, char **argv, const int *n)
{
    (void) argv;

    return rd_kafka_mock_broker_set_up(km->cluster, n[1]);
}


static rd_kafka_resp_err_t
kafka_mock_rtt(kafka_mock_t *km, char **argv, const int *n)
{
    (void) argv;

    return rd_kafka_mock_broker_set_rtt(km->cluster, n[1], n[2]);
}


static rd_kafka_resp_err_t
kafka_mock_leader(kafka_mock_t *km, char **argv, const int *n)
{
    return rd_kafka_mock_partition_set_leader(km->cluster, argv[1], n[2],
                                              n[3]);
}


static rd_kafka_resp_err_t
kafka_mock_error(kafka_mock_t *km, char **argv, const int *n)
{
    int                  i, count;
    rd_kafka_resp_err_t  errors[KAFKA_MOCK_ERRORS_MAX];

    (void) argv;

    count = n[3] > 0 ? n[3] : 1;

    if (count > KAFKA_MOCK_ERRORS_MAX) {
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }

    for (i = 0; i < count; i++) {
        errors[i] = (rd_kafka_resp_err_t) n[2];
    }

    rd_kafka_mock_push_request_errors_array(km->cluster, (int16_t) n[1],
                                            (size_t) count, errors);

    return RD_KAFKA_RESP_ERR_NO_ERROR;
}


static rd_kafka_resp_err_t
kafka_mock_clear(kafka_mock_t *km, char **argv, const int *n)
{
    (void) argv;

    rd_kafka_mock_clear_request_errors(km->cluster, (int16_t) n[1]);

    return RD_KAFKA_RESP_ERR_NO_ERROR;
}


static rd_kafka_resp_err_t
kafka_mock_topic_error(kafka_mock_t *km, char **argv, const int *n)
{
    rd_kafka_mock_topic_set_error(km->cluster, argv[1],
                                  (rd_kafka_resp_err_t) n[2]);

    return RD_KAFKA_RESP_ERR_NO_ERROR;
}


static rd_kafka_resp_err_t
kafka_mock_apiversion(kafka_mock_t *km, char **argv, const int *n)
{
    (void) argv;

    return rd_kafka_mock_set_apiversion(km->cluster, (int16_t) n[1],
                                        (int16_t) n[2], (int16_t) n[3]);
}
