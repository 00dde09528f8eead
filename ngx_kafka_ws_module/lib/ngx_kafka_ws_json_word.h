
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Finding the bytes that a JSON string cannot hold as they are; shared by
 * those who read JSON and those who write it, and by nobody else.
 */


#ifndef _NGX_KAFKA_WS_JSON_WORD_H_INCLUDED_
#define _NGX_KAFKA_WS_JSON_WORD_H_INCLUDED_


#include <stdint.h>


/*
 * Eight bytes at a step.  In both tests the lowest byte marked is always a
 * true one: a borrow reaches only bytes above one that is marked rightly.
 */

#define NGX_KAFKA_WS_JSON_ONES   0x0101010101010101ULL
#define NGX_KAFKA_WS_JSON_HIGHS  0x8080808080808080ULL

#define ngx_kafka_ws_json_below(w, n)                                         \
    (((w) - NGX_KAFKA_WS_JSON_ONES * (n)) & ~(w) & NGX_KAFKA_WS_JSON_HIGHS)

#define ngx_kafka_ws_json_has(w, c)                                           \
    ngx_kafka_ws_json_below((w) ^ (NGX_KAFKA_WS_JSON_ONES * (c)), 1)

/* bytes that a string cannot hold as they are: quote, backslash, < 0x20 */

#define ngx_kafka_ws_json_special(w)                                          \
    (ngx_kafka_ws_json_has(w, '"') | ngx_kafka_ws_json_has(w, '\\')           \
     | ngx_kafka_ws_json_below(w, 0x20))

/* bytes before the first one marked; 0 where that cannot be told cheaply */

#if (defined __GNUC__ && defined __BYTE_ORDER__                               \
     && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define ngx_kafka_ws_json_before(mask)  (__builtin_ctzll(mask) >> 3)
#else
#define ngx_kafka_ws_json_before(mask)  0
#endif

#define ngx_kafka_ws_json_is_special(c)                                       \
    ((c) < 0x20 || (c) == '"' || (c) == '\\')


#endif /* _NGX_KAFKA_WS_JSON_WORD_H_INCLUDED_ */
