
/*
 * What kafka_tool's files share: a line comes in, one line goes out.
 */


#ifndef _KAFKA_TOOL_H_INCLUDED_
#define _KAFKA_TOOL_H_INCLUDED_


#include <stdint.h>
#include <stddef.h>

#include <librdkafka/rdkafka.h>


#define KAFKA_TOOL_TIMEOUT   30000      /* ms, of any one operation */
#define KAFKA_TOOL_ERROR_MAX 512


typedef struct {
    rd_kafka_resp_err_t   err;
    unsigned              done:1;
    unsigned              abandoned:1;  /* its report frees it */
    int32_t               partition;
    int64_t               offset;
} kafka_tool_slot_t;


/* records handed to one producer and not yet reported to the caller */

typedef struct {
    kafka_tool_slot_t   **slots;
    size_t                n;
    size_t                size;
    size_t                waiting;
    char                  error[KAFKA_TOOL_ERROR_MAX];
} kafka_tool_batch_t;


typedef struct {
    const char           *bootstrap;
    rd_kafka_t           *rk;           /* idempotent */
    rd_kafka_t           *tx;           /* transactional, NULL till begin */
    kafka_tool_batch_t    plain;
    kafka_tool_batch_t    transacted;
} kafka_tool_t;


/*
 * A command: argv[0] is its name.
 * returns: 0, the reply was printed; -1, error holds the reason
 */
typedef int (*kafka_tool_command_pt)(kafka_tool_t *kt, int argc, char **argv,
    char *error);


/* kafka_tool.c */

rd_kafka_t *kafka_tool_producer(const char *bootstrap, const char *id,
    void *opaque);
int64_t kafka_tool_now_ms(void);
int kafka_tool_number(const char *text, int64_t *n);
int kafka_tool_fail(char *error, const char *what, const char *reason);


/* kafka_tool_produce.c */

int kafka_tool_murmur2(kafka_tool_t *kt, int argc, char **argv, char *error);
int kafka_tool_produce(kafka_tool_t *kt, int argc, char **argv, char *error);
int kafka_tool_queue(kafka_tool_t *kt, int argc, char **argv, char *error);
int kafka_tool_flush(kafka_tool_t *kt, int argc, char **argv, char *error);
int kafka_tool_begin(kafka_tool_t *kt, int argc, char **argv, char *error);
int kafka_tool_end(kafka_tool_t *kt, int argc, char **argv, char *error);
void kafka_tool_delivered(rd_kafka_t *rk, const rd_kafka_message_t *msg,
    void *opaque);


/* kafka_tool_many.c */

int kafka_tool_create_many(kafka_tool_t *kt, int argc, char **argv,
    char *error);


/* kafka_tool_admin.c */

int kafka_tool_create(kafka_tool_t *kt, int argc, char **argv, char *error);
int kafka_tool_delete(kafka_tool_t *kt, int argc, char **argv, char *error);
int kafka_tool_add_partitions(kafka_tool_t *kt, int argc, char **argv,
    char *error);
int kafka_tool_delete_records(kafka_tool_t *kt, int argc, char **argv,
    char *error);
int kafka_tool_wait(kafka_tool_t *kt, int argc, char **argv, char *error);
int kafka_tool_leaders(kafka_tool_t *kt, int argc, char **argv, char *error);
int kafka_tool_offsets(kafka_tool_t *kt, int argc, char **argv, char *error);
int kafka_tool_time(kafka_tool_t *kt, int argc, char **argv, char *error);


#endif /* _KAFKA_TOOL_H_INCLUDED_ */
