
/*
 * kafka_tool: records, in the plain and the transactional producer.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kafka_tool.h"


#define KAFKA_TOOL_FIELDS_MAX  8


static int kafka_tool_add(rd_kafka_t *rk, kafka_tool_batch_t *batch, int argc,
    char **argv, char *error);
static int kafka_tool_fields(rd_kafka_vu_t *vu, size_t *n,
    rd_kafka_headers_t *headers, int argc, char **argv, char *error);
static int kafka_tool_header(rd_kafka_headers_t *headers, char *text);
static int kafka_tool_settle(rd_kafka_t *rk, kafka_tool_batch_t *batch,
    char *error);
static kafka_tool_slot_t *kafka_tool_slot(kafka_tool_batch_t *batch);
static ssize_t kafka_tool_hex(char *text);
static int kafka_tool_hex_digit(char ch);


/* murmur2 PARTITIONS KEY */

int
kafka_tool_murmur2(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    int64_t  n;
    ssize_t  len;

    (void) kt;

    if (argc != 3 || kafka_tool_number(argv[1], &n) != 0 || n < 1) {
        return kafka_tool_fail(error, argv[0], "PARTITIONS KEY wanted");
    }

    len = kafka_tool_hex(argv[2]);
    if (len < 0) {
        return kafka_tool_fail(error, argv[0], "bad hex");
    }

    printf("OK %d\n",
           (int) rd_kafka_msg_partitioner_murmur2(NULL, argv[2], (size_t) len,
                                                  (int32_t) n, NULL, NULL));

    return 0;
}


int
kafka_tool_produce(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    if (kafka_tool_queue(kt, argc, argv, error) != 0) {
        return -1;
    }

    return kafka_tool_flush(kt, 1, argv, error);
}


/* queue has no reply: the first failure is kept for the flush */

int
kafka_tool_queue(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    rd_kafka_t          *rk;
    kafka_tool_batch_t  *batch;

    rk = argv[0][0] == 't' ? kt->tx : kt->rk;
    batch = argv[0][0] == 't' ? &kt->transacted : &kt->plain;

    if (batch->error[0] != '\0') {
        return 0;
    }

    if (rk == NULL) {
        (void) kafka_tool_fail(batch->error, argv[0], "no transaction");
        return 0;
    }

    if (kafka_tool_add(rk, batch, argc, argv, error) != 0) {
        memcpy(batch->error, error, KAFKA_TOOL_ERROR_MAX);
    }

    return 0;
}


int
kafka_tool_flush(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    int                  rc;
    size_t               i;
    rd_kafka_t          *rk;
    kafka_tool_batch_t  *batch;

    (void) argc;

    rk = argv[0][0] == 't' ? kt->tx : kt->rk;
    batch = argv[0][0] == 't' ? &kt->transacted : &kt->plain;

    rc = rk != NULL ? kafka_tool_settle(rk, batch, error)
                    : kafka_tool_fail(error, argv[0], "no transaction");

    if (rc == 0) {
        printf("OK");
    }

    for (i = 0; i < batch->n; i++) {

        if (rc == 0) {
            printf(" %d:%lld", (int) batch->slots[i]->partition,
                   (long long) batch->slots[i]->offset);
        }

        if (batch->slots[i]->done) {
            free(batch->slots[i]);

        } else {
            batch->slots[i]->abandoned = 1;
        }
    }

    if (rc == 0) {
        printf("\n");
    }

    batch->n = 0;
    batch->waiting = 0;
    batch->error[0] = '\0';

    return rc;
}


int
kafka_tool_begin(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    char               id[64];
    rd_kafka_error_t  *err;

    (void) argc;

    err = NULL;

    if (kt->tx == NULL) {
        snprintf(id, sizeof(id), "kafka-tool-%ld", (long) getpid());

        kt->tx = kafka_tool_producer(kt->bootstrap, id, &kt->transacted);
        if (kt->tx == NULL) {
            return kafka_tool_fail(error, argv[0], "no producer");
        }

        err = rd_kafka_init_transactions(kt->tx, KAFKA_TOOL_TIMEOUT);
    }

    if (err == NULL) {
        err = rd_kafka_begin_transaction(kt->tx);
    }

    if (err != NULL) {
        (void) kafka_tool_fail(error, argv[0], rd_kafka_error_string(err));
        rd_kafka_error_destroy(err);
        return -1;
    }

    printf("OK\n");

    return 0;
}


/* all of the transaction is in the log before it is aborted, too */

int
kafka_tool_end(kafka_tool_t *kt, int argc, char **argv, char *error)
{
    rd_kafka_error_t  *err;

    (void) argc;

    if (kt->tx == NULL) {
        return kafka_tool_fail(error, argv[0], "no transaction");
    }

    if (kafka_tool_settle(kt->tx, &kt->transacted, error) != 0) {
        return -1;
    }

    err = argv[0][0] == 'c'
          ? rd_kafka_commit_transaction(kt->tx, KAFKA_TOOL_TIMEOUT)
          : rd_kafka_abort_transaction(kt->tx, KAFKA_TOOL_TIMEOUT);

    if (err != NULL) {
        (void) kafka_tool_fail(error, argv[0], rd_kafka_error_string(err));
        rd_kafka_error_destroy(err);
        return -1;
    }

    argv[0] = "tflush";

    return kafka_tool_flush(kt, 1, argv, error);
}


static int
kafka_tool_add(rd_kafka_t *rk, kafka_tool_batch_t *batch, int argc,
    char **argv, char *error)
{
    size_t               n;
    int64_t              partition;
    rd_kafka_vu_t        vu[KAFKA_TOOL_FIELDS_MAX];
    rd_kafka_error_t    *err;
    kafka_tool_slot_t   *slot;
    rd_kafka_headers_t  *headers;

    if (argc < 3 || kafka_tool_number(argv[2], &partition) != 0) {
        return kafka_tool_fail(error, argv[0], "TOPIC PARTITION wanted");
    }

    slot = kafka_tool_slot(batch);
    if (slot == NULL) {
        return kafka_tool_fail(error, argv[0], "no memory");
    }

    headers = rd_kafka_headers_new(8);

    vu[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    vu[0].u.cstr = argv[1];
    vu[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    vu[1].u.i32 = (int32_t) partition;
    vu[2].vtype = RD_KAFKA_VTYPE_OPAQUE;
    vu[2].u.ptr = slot;
    vu[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    vu[3].u.i = RD_KAFKA_MSG_F_COPY;

    n = 4;

    if (kafka_tool_fields(vu, &n, headers, argc, argv, error) != 0) {
        goto failed;
    }

    if (rd_kafka_header_cnt(headers) > 0) {
        vu[n].vtype = RD_KAFKA_VTYPE_HEADERS;
        vu[n].u.headers = headers;
        n++;
    }

    err = rd_kafka_produceva(rk, vu, n);

    if (err != NULL) {
        (void) kafka_tool_fail(error, argv[0], rd_kafka_error_string(err));
        rd_kafka_error_destroy(err);
        goto failed;
    }

    if (rd_kafka_header_cnt(headers) == 0) {
        rd_kafka_headers_destroy(headers);
    }

    batch->waiting++;
    rd_kafka_poll(rk, 0);

    return 0;

failed:

    batch->n--;
    free(slot);
    rd_kafka_headers_destroy(headers);

    return -1;
}


static int
kafka_tool_fields(rd_kafka_vu_t *vu, size_t *n, rd_kafka_headers_t *headers,
    int argc, char **argv, char *error)
{
    int      i, seen[256];
    char    *text;
    ssize_t  len;

    memset(seen, 0, sizeof(seen));

    for (i = 3; i < argc; i++) {
        text = argv[i];

        if (text[0] == '\0' || text[1] != '='
            || (text[0] != 'h' && seen[(unsigned char) text[0]]++))
        {
            return kafka_tool_fail(error, argv[0], "bad or repeated field");
        }

        text += 2;

        switch (text[-2]) {

        case 'k':
        case 'v':
            len = kafka_tool_hex(text);
            if (len < 0) {
                return kafka_tool_fail(error, argv[0], "bad hex");
            }

            vu[*n].vtype = text[-2] == 'k' ? RD_KAFKA_VTYPE_KEY
                                           : RD_KAFKA_VTYPE_VALUE;
            vu[*n].u.mem.ptr = text;
            vu[*n].u.mem.size = (size_t) len;
            (*n)++;
            break;

        case 't':
            vu[*n].vtype = RD_KAFKA_VTYPE_TIMESTAMP;

            if (kafka_tool_number(text, &vu[*n].u.i64) != 0) {
                return kafka_tool_fail(error, argv[0], "bad time");
            }

            (*n)++;
            break;

        case 'h':
            if (kafka_tool_header(headers, text) != 0) {
                return kafka_tool_fail(error, argv[0], "bad header");
            }

            break;

        default:
            return kafka_tool_fail(error, argv[0], "unknown field");
        }
    }

    return 0;
}


static int
kafka_tool_header(rd_kafka_headers_t *headers, char *text)
{
    char     *value;
    ssize_t   name_len, len;

    len = 0;
    value = strchr(text, ':');

    if (value != NULL) {
        *value++ = '\0';

        len = kafka_tool_hex(value);
        if (len < 0) {
            return -1;
        }
    }

    name_len = kafka_tool_hex(text);
    if (name_len < 0) {
        return -1;
    }

    return rd_kafka_header_add(headers, text, name_len, value, len)
           == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : -1;
}


static int
kafka_tool_settle(rd_kafka_t *rk, kafka_tool_batch_t *batch, char *error)
{
    size_t   i;
    int64_t  deadline;

    deadline = kafka_tool_now_ms() + KAFKA_TOOL_TIMEOUT;

    while (batch->waiting > 0 && kafka_tool_now_ms() < deadline) {
        rd_kafka_poll(rk, 100);
    }

    if (batch->error[0] != '\0') {
        memcpy(error, batch->error, KAFKA_TOOL_ERROR_MAX);
        return -1;
    }

    if (batch->waiting > 0) {
        return kafka_tool_fail(error, "flush", "timed out");
    }

    for (i = 0; i < batch->n; i++) {

        if (batch->slots[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return kafka_tool_fail(error, "delivery",
                                   rd_kafka_err2str(batch->slots[i]->err));
        }
    }

    return 0;
}


static kafka_tool_slot_t *
kafka_tool_slot(kafka_tool_batch_t *batch)
{
    size_t               size;
    kafka_tool_slot_t   *slot, **slots;

    if (batch->n == batch->size) {
        size = batch->size != 0 ? batch->size * 2 : 256;

        slots = realloc(batch->slots, size * sizeof(kafka_tool_slot_t *));
        if (slots == NULL) {
            return NULL;
        }

        batch->slots = slots;
        batch->size = size;
    }

    slot = calloc(1, sizeof(kafka_tool_slot_t));
    if (slot == NULL) {
        return NULL;
    }

    batch->slots[batch->n++] = slot;

    return slot;
}


/* in place; returns the number of bytes, -1: not hex */

static ssize_t
kafka_tool_hex(char *text)
{
    int     high, low;
    size_t  i, n;

    n = strlen(text);

    if (n % 2 != 0) {
        return -1;
    }

    for (i = 0; i < n; i += 2) {
        high = kafka_tool_hex_digit(text[i]);
        low = kafka_tool_hex_digit(text[i + 1]);

        if (high < 0 || low < 0) {
            return -1;
        }

        text[i / 2] = (char) (high << 4 | low);
    }

    return (ssize_t) (n / 2);
}


static int
kafka_tool_hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }

    return -1;
}


void
kafka_tool_delivered(rd_kafka_t *rk, const rd_kafka_message_t *msg,
    void *opaque)
{
    kafka_tool_slot_t   *slot = msg->_private;
    kafka_tool_batch_t  *batch = opaque;

    (void) rk;

    if (slot->abandoned) {
        free(slot);
        return;
    }

    slot->done = 1;
    slot->err = msg->err;
    slot->partition = msg->partition;
    slot->offset = msg->offset;

    if (slot->err == RD_KAFKA_RESP_ERR_NO_ERROR && slot->offset < 0) {
        /* said to be written before, nobody knows where */
        slot->err = RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER;
    }

    batch->waiting--;
}
