
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Values out of a JSON text, by RFC 6901 pointers: no tree, no allocation, no
 * recursion.
 */


#ifndef _NGX_KAFKA_WS_JSON_FIND_H_INCLUDED_
#define _NGX_KAFKA_WS_JSON_FIND_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ngx_kafka_ws_record.h"


#define NGX_KAFKA_WS_JSON_FIND_MAX  16   /* pointers of a call */


typedef struct {
    ngx_kafka_ws_span_t   text;     /* as it is written, a string's without its
                                       quotes; data == NULL: there is none */
    unsigned              string;   /* ngx_kafka_ws_json_read_text() has to
                                       undo escapes */
} ngx_kafka_ws_json_value_t;


/*
 * Finds a string, a number, true or false for each pointer.
 * pointers:  as RFC 6901 writes them; what is none finds nothing
 * n:         of pointers and values, at most NGX_KAFKA_WS_JSON_FIND_MAX
 * values:    point into the text.  None: null, an array, an object, nothing
 *            there; an object on the way has the name of that step twice,
 *            escapes undone; for all, if the text is not JSON as
 *            ngx_kafka_ws_json_check() has it, or nested deeper than
 *            NGX_KAFKA_WS_JSON_MAX_DEPTH
 * cost:      linear in the text, whatever it is: the check, then one pass
 *            for all pointers together; 9 KB of stack
 */
void ngx_kafka_ws_json_find(const uint8_t *p, size_t len,
    const ngx_kafka_ws_span_t *pointers, size_t n,
    ngx_kafka_ws_json_value_t *values);


#endif /* _NGX_KAFKA_WS_JSON_FIND_H_INCLUDED_ */
