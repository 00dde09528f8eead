
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What the files of the parser of commands share, and nobody else.
 */


#ifndef _NGX_KAFKA_WS_COMMAND_PARSER_H_INCLUDED_
#define _NGX_KAFKA_WS_COMMAND_PARSER_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ngx_kafka_ws_command.h"


/* members, as they stand in the table */

typedef enum {
    NGX_KAFKA_WS_COMMAND_IN_COMMAND = 0,
    NGX_KAFKA_WS_COMMAND_IN_ID,
    NGX_KAFKA_WS_COMMAND_IN_TOPIC,
    NGX_KAFKA_WS_COMMAND_IN_PARTITIONS,
    NGX_KAFKA_WS_COMMAND_IN_CURSOR,
    NGX_KAFKA_WS_COMMAND_IN_START,
    NGX_KAFKA_WS_COMMAND_IN_FILTER,
    NGX_KAFKA_WS_COMMAND_IN_PARTITION,
    NGX_KAFKA_WS_COMMAND_IN_OFFSET,
    NGX_KAFKA_WS_COMMAND_MEMBERS
} ngx_kafka_ws_command_in_e;


/* start and last do not move */

typedef struct {
    const uint8_t                 *start;
    const uint8_t                 *pos;
    const uint8_t                 *last;
    uint8_t                       *out;         /* where a string goes */
    ngx_kafka_ws_command_t        *cmd;
    ngx_kafka_ws_command_error_t  *err;
    size_t                         max;         /* positions */

    /* where the members' names are; NULL: not there */
    const uint8_t                 *at[NGX_KAFKA_WS_COMMAND_MEMBERS];

    int32_t                        partition;   /* members of these names */
    int64_t                        offset;
    int32_t                        twice;       /* a cursor's partition */
    unsigned                       found;       /* how often */
} ngx_kafka_ws_command_parser_t;


/*
 * Takes a member of an object.
 * cp:       at the value, to be left behind it
 * name:     decoded
 * at:       its place
 */
typedef int (*ngx_kafka_ws_command_member_pt)(
    ngx_kafka_ws_command_parser_t *cp, const ngx_kafka_ws_span_t *name,
    const uint8_t *at);


/* All that follow return ngx_kafka_ws_command_error_e. */

/*
 * Goes over an object, from its bracket to behind the other one, and hands
 * out each member.
 */
int ngx_kafka_ws_command_object(ngx_kafka_ws_command_parser_t *cp,
    ngx_kafka_ws_command_member_pt member);

/*
 * Goes on behind a value.
 * close:    the bracket that ends what it is in
 * more:     1 behind a comma, 0 behind that bracket
 */
int ngx_kafka_ws_command_more(ngx_kafka_ws_command_parser_t *cp,
    uint8_t close, unsigned *more);

/*
 * Reads a string.
 * what:     the error, if there is another value
 * s:        decoded; each takes room that no other one gets
 */
int ngx_kafka_ws_command_string(ngx_kafka_ws_command_parser_t *cp,
    const char *what, ngx_kafka_ws_span_t *s);

/*
 * Cuts a number out, or what begins as one.
 * s:        as it is written
 */
int ngx_kafka_ws_command_number(ngx_kafka_ws_command_parser_t *cp,
    const char *what, ngx_kafka_ws_span_t *s);

/* an error, always: what comes is a value of another type, or none */
int ngx_kafka_ws_command_expected(ngx_kafka_ws_command_parser_t *cp,
    const char *what);

/* returns: code */
int ngx_kafka_ws_command_fail(ngx_kafka_ws_command_parser_t *cp, int code,
    const uint8_t *p, const char *text);

/* values of members, into cp->cmd, but the last two */
int ngx_kafka_ws_command_partitions(ngx_kafka_ws_command_parser_t *cp);
int ngx_kafka_ws_command_cursor(ngx_kafka_ws_command_parser_t *cp);
int ngx_kafka_ws_command_filter(ngx_kafka_ws_command_parser_t *cp);
int ngx_kafka_ws_command_partition(ngx_kafka_ws_command_parser_t *cp);
int ngx_kafka_ws_command_offset(ngx_kafka_ws_command_parser_t *cp);

/* goes over white space */
void ngx_kafka_ws_command_space(ngx_kafka_ws_command_parser_t *cp);

/* 1, if c comes next */
#define ngx_kafka_ws_command_at(cp, c)                                        \
    ((cp)->pos < (cp)->last && *(cp)->pos == (c))


#endif /* _NGX_KAFKA_WS_COMMAND_PARSER_H_INCLUDED_ */
