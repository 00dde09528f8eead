
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A checker of JSON text: no tree, no allocation, no recursion.
 */


#ifndef _NGX_KAFKA_WS_JSON_H_INCLUDED_
#define _NGX_KAFKA_WS_JSON_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define NGX_KAFKA_WS_JSON_MAX_DEPTH  512   /* nested arrays and objects */


typedef enum {
    NGX_KAFKA_WS_JSON_NONE = 0,       /* not JSON, or not UTF-8 */
    NGX_KAFKA_WS_JSON_SCALAR,         /* string, number, true, false, null */
    NGX_KAFKA_WS_JSON_CONTAINER,      /* object or array */
    NGX_KAFKA_WS_JSON_TOO_DEEP        /* the rest was not looked at */
} ngx_kafka_ws_json_e;


/*
 * Says whether [p, p + n) is one JSON value, white space around it allowed.
 * max_depth: nested arrays and objects that pass; more than
 *            NGX_KAFKA_WS_JSON_MAX_DEPTH counts as that
 * returns:   see above; TOO_DEEP as soon as the bound is passed, so that
 *            such text may still be neither JSON nor UTF-8
 * cost:      one pass, a second one over text that is not all ASCII
 * source:    RFC 8259; repeated names and lone \u surrogates are its grammar
 */
ngx_kafka_ws_json_e ngx_kafka_ws_json_check(const uint8_t *p, size_t n,
    size_t max_depth);


#endif /* _NGX_KAFKA_WS_JSON_H_INCLUDED_ */
