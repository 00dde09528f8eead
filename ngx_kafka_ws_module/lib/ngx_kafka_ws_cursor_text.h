
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Reading the numbers that cursors and partition lists are made of; for
 * ngx_kafka_ws_cursor*.c, and for nobody else.
 */


#ifndef _NGX_KAFKA_WS_CURSOR_TEXT_H_INCLUDED_
#define _NGX_KAFKA_WS_CURSOR_TEXT_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ngx_kafka_ws_cursor.h"


/* where the parser stands; pos moves, start and last do not */

typedef struct {
    const uint8_t                *start;
    const uint8_t                *pos;
    const uint8_t                *last;
    ngx_kafka_ws_cursor_error_t  *err;
} ngx_kafka_ws_cursor_text_t;


/*
 * Read a number, decimal digits up to the first other byte.
 * returns:  ngx_kafka_ws_cursor_e, as all below
 */
int ngx_kafka_ws_cursor_partition(ngx_kafka_ws_cursor_text_t *t,
    int32_t *partition);
int ngx_kafka_ws_cursor_offset(ngx_kafka_ws_cursor_text_t *t,
    int64_t *offset);

/* returns: 1 past a comma, 0 at the end, else an error */
int ngx_kafka_ws_cursor_more(ngx_kafka_ws_cursor_text_t *t);

/*
 * text:     static
 * returns:  NGX_KAFKA_WS_CURSOR_ERROR
 */
int ngx_kafka_ws_cursor_fail(ngx_kafka_ws_cursor_text_t *t,
    const uint8_t *p, const char *text);


#endif /* _NGX_KAFKA_WS_CURSOR_TEXT_H_INCLUDED_ */
