
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Values of HTTP headers that are comma lists, one line at a time.  All
 * functions are linear in the line's length, allocate nothing, and give
 * spans that lie in the line.
 */


#ifndef _NGX_KAFKA_WS_HEADER_H_INCLUDED_
#define _NGX_KAFKA_WS_HEADER_H_INCLUDED_


#include "ngx_kafka_ws_record.h"


typedef enum {
    NGX_KAFKA_WS_HEADER_END = 0,        /* nothing more in this line */
    NGX_KAFKA_WS_HEADER_ITEM = 1,
    NGX_KAFKA_WS_HEADER_BAD = -1        /* the rest can not be read */
} ngx_kafka_ws_header_e;


typedef struct {
    ngx_kafka_ws_span_t   name;
    const uint8_t        *params;       /* for _param(), well formed */
    const uint8_t        *last;
} ngx_kafka_ws_extension_t;


typedef struct {
    ngx_kafka_ws_span_t   name;
    ngx_kafka_ws_span_t   value;        /* for _value(); data NULL: none */
} ngx_kafka_ws_param_t;


/*
 * returns:  the first byte of [p, last) that is no blank, no tab; or last
 */
const uint8_t *ngx_kafka_ws_header_blank(const uint8_t *p,
    const uint8_t *last);

/*
 * returns:  the first byte of [p, last) that can not be in a token; or last
 * source:   RFC 9110, 5.6.2
 */
const uint8_t *ngx_kafka_ws_header_token(const uint8_t *p,
    const uint8_t *last);

/*
 * Looks for a name in a comma list whose other elements may be anything,
 * parameters and broken ones included.
 * name:     lower case
 * returns:  1: an element is this name, letters of any case; else 0
 */
int ngx_kafka_ws_header_has(const uint8_t *p, const uint8_t *last,
    const char *name);

/*
 * Takes the next token out of a comma list of tokens.
 * p:        at first the line's start; moved
 * token:    set if the result is _ITEM; never empty
 * returns:  ngx_kafka_ws_header_e; empty elements are passed over; in
 *           "a b" already the first call is _BAD
 * source:   RFC 9110, 5.6.1.2
 */
int ngx_kafka_ws_header_list(const uint8_t **p, const uint8_t *last,
    ngx_kafka_ws_span_t *token);

/*
 * Takes the next element out of a list of extensions.
 * p:        at first the line's start; moved
 * ext:      set if the result is _ITEM; its parameters are well formed
 * returns:  ngx_kafka_ws_header_e; empty elements are passed over
 * source:   RFC 6455, 9.1: a name, then parameters behind semicolons,
 *           each a name, or name=value; the value is a token, or a quoted
 *           string that is one once its backslashes are taken away
 */
int ngx_kafka_ws_header_extension(const uint8_t **p, const uint8_t *last,
    ngx_kafka_ws_extension_t *ext);

/*
 * Takes the next parameter out of an extension.
 * ext:      of _extension(); its params are moved
 * param:    set if the result is _ITEM
 * returns:  _ITEM or _END, in the order of the line
 */
int ngx_kafka_ws_header_param(ngx_kafka_ws_extension_t *ext,
    ngx_kafka_ws_param_t *param);

/*
 * Copies a parameter's value without quotes and backslashes.
 * buf:      size bytes, caller's; what does not fit is left out
 * returns:  bytes of the whole value; 0: it has none
 */
size_t ngx_kafka_ws_header_value(const ngx_kafka_ws_param_t *param,
    uint8_t *buf, size_t size);


#endif /* _NGX_KAFKA_WS_HEADER_H_INCLUDED_ */
