
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a client asks for over its socket: one JSON object in one text
 * message.
 *
 *     {"command":"subscribe","id":1,"topic":"t","partitions":"0,2-4",
 *      "cursor":"0:42,2:18","start":"tail=10",
 *      "filter":{"key":"alice","header:tenant":"a","json:/type":"token"}}
 *     {"command":"unsubscribe","id":2,"topic":"t"}
 *     {"command":"pause","id":"a","topic":"t"}
 *     {"command":"resume","id":"b","topic":"t"}
 *     {"command":"seek","id":3,"topic":"t","cursor":{"0":42,"2":"18"}}
 *     {"command":"seek","id":4,"topic":"t","partition":0,"offset":42}
 *     {"command":"seek","id":5,"topic":"t","start":"earliest"}
 *
 *   id          string or integer; always there
 *   topic       string of 1 to 249 bytes; may be left out
 *   partitions  list as kafka_ws_partition has it, or a partition, or an
 *               array of partitions
 *   cursor      string as in a URL, or an object of offsets by partitions
 *   start       string, as kafka_ws_start has it
 *   filter      object of strings by fields, as kafka_ws_filter has them
 *   partition   a partition
 *   offset      an offset
 *
 * A partition is an integer, an offset an integer or a string of one; neither
 * passes through a double.  "seek" has just one of the three ways to say where
 * to.  A member that is unknown, named twice, or not the command's is an
 * error, and so is a string with a NUL or half of a surrogate pair.  No
 * command nests deeper than two; what does is an error where it begins.
 */


#ifndef _NGX_KAFKA_WS_COMMAND_H_INCLUDED_
#define _NGX_KAFKA_WS_COMMAND_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ngx_kafka_ws_cursor.h"
#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_record.h"


#define NGX_KAFKA_WS_COMMAND_ID_MAX     64    /* bytes, quotes included */
#define NGX_KAFKA_WS_COMMAND_TOPIC_MAX  249   /* bytes, as Kafka has it */

/* positions that a command of n bytes may have: "0:1," is the shortest */
#define ngx_kafka_ws_command_positions(n)  ((n) / 4 + 1)


typedef enum {
    NGX_KAFKA_WS_COMMAND_SUBSCRIBE = 0,
    NGX_KAFKA_WS_COMMAND_UNSUBSCRIBE,
    NGX_KAFKA_WS_COMMAND_PAUSE,
    NGX_KAFKA_WS_COMMAND_RESUME,
    NGX_KAFKA_WS_COMMAND_SEEK
} ngx_kafka_ws_command_e;


typedef enum {
    NGX_KAFKA_WS_COMMAND_OK = 0,
    NGX_KAFKA_WS_COMMAND_ESYNTAX,      /* not a JSON object and nothing else */
    NGX_KAFKA_WS_COMMAND_ESTRING,      /* a string with NUL, or with half of a
                                          surrogate pair */
    NGX_KAFKA_WS_COMMAND_EUNKNOWN,     /* no command has this name */
    NGX_KAFKA_WS_COMMAND_EMEMBER,      /* a member that none has, that this
                                          command has not, or that does not go
                                          with another one */
    NGX_KAFKA_WS_COMMAND_EDUPLICATE,   /* a member that is there twice, at any
                                          level */
    NGX_KAFKA_WS_COMMAND_EMISSING,     /* a member that has to be there */
    NGX_KAFKA_WS_COMMAND_EVALUE        /* what its member does not take: of
                                          another type, out of range, malformed,
                                          empty, too long, too many */
} ngx_kafka_ws_command_error_e;


/*
 * What is not there has no bytes, or is none.  Strings are UTF-8 without NUL,
 * their escapes undone; they are in the caller's buffer.
 */

typedef struct {
    ngx_kafka_ws_command_e         command;
    ngx_kafka_ws_span_t            id;        /* as it is written, quotes
                                                 included; in the text */
    ngx_kafka_ws_span_t            topic;
    ngx_kafka_ws_span_t            start;     /* not looked at yet */

    ngx_kafka_ws_range_t           ranges[NGX_KAFKA_WS_RANGES_MAX];
    size_t                         nranges;   /* as of a parsed list */

    ngx_kafka_ws_position_t       *positions;   /* the caller's; as of a
                                                   parsed cursor */
    size_t                         npositions;  /* of "seek" either these or
                                                   start, and no others */

    ngx_kafka_ws_filter_pair_t     filters[NGX_KAFKA_WS_FILTER_TERMS_MAX];
    size_t                         nfilters;  /* all have to hold; each field
                                                 once, no value empty */
} ngx_kafka_ws_command_t;


/* set only with an error */

typedef struct {
    const char                    *text;      /* static: "unknown member" */
    size_t                         pos;       /* in the message, bytes, 0 to
                                                 n */
} ngx_kafka_ws_command_error_t;


/*
 * Parses a command.
 * p, n:      the whole message, UTF-8; not changed
 * buf:       the caller's, n bytes, for decoded strings
 * positions: the caller's, max of them, more are an error;
 *            ngx_kafka_ws_command_positions(n) are always enough
 * cmd:       set if OK; its id with an error, too: that which was read before
 *            the error, else the one that JSON text has, wherever it is
 * returns:   ngx_kafka_ws_command_error_e: the first error of the text; if it
 *            has none, what is missing or does not fit
 * cost:      linear in n: for each partition of an array up to
 *            NGX_KAFKA_WS_RANGES_MAX steps, for positions that do not ascend
 *            a sort; no allocation; with an error 9 KB of stack
 * where:     a worker
 */
int ngx_kafka_ws_command_parse(const uint8_t *p, size_t n, uint8_t *buf,
    ngx_kafka_ws_position_t *positions, size_t max,
    ngx_kafka_ws_command_t *cmd, ngx_kafka_ws_command_error_t *err);


#endif /* _NGX_KAFKA_WS_COMMAND_H_INCLUDED_ */
