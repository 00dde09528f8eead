
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Reading JSON text that ngx_kafka_ws_json_check() has passed: what has to
 * come next is there, so that nothing here can fail.
 */


#ifndef _NGX_KAFKA_WS_JSON_READ_H_INCLUDED_
#define _NGX_KAFKA_WS_JSON_READ_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/*
 * Each goes on from p, and not beyond the text's end, "last".
 *
 *   space      behind white space
 *   value      behind the value that begins at p
 *   rest       behind the bracket that closes what is open at p
 *   quote      from behind a string's opening quote to the closing one;
 *              escapes is 1, if there are any between them, or 0
 *
 * cost:      one look at each byte, in strings 8 at a step; no recursion
 */
const uint8_t *ngx_kafka_ws_json_read_space(const uint8_t *p,
    const uint8_t *last);
const uint8_t *ngx_kafka_ws_json_read_value(const uint8_t *p,
    const uint8_t *last);
const uint8_t *ngx_kafka_ws_json_read_rest(const uint8_t *p,
    const uint8_t *last);
const uint8_t *ngx_kafka_ws_json_read_quote(const uint8_t *p,
    const uint8_t *last, unsigned *escapes);

/*
 * Undoes the escapes of a string, of what is between its quotes.
 * dst:       room for n bytes: the text is never longer
 * returns:   bytes written; SIZE_MAX: a surrogate stands alone, which no
 *            UTF-8 can say
 */
size_t ngx_kafka_ws_json_read_text(const uint8_t *p, size_t n, uint8_t *dst);

/*
 * Undoes one escape.
 * p:         behind its backslash
 * last:      the string's closing quote
 * out:       gets up to 4 bytes, never more than the escape has
 * n:         how many; 0: a surrogate that stands alone
 * returns:   behind the escape
 */
const uint8_t *ngx_kafka_ws_json_read_escape(const uint8_t *p,
    const uint8_t *last, uint8_t *out, size_t *n);


#endif /* _NGX_KAFKA_WS_JSON_READ_H_INCLUDED_ */
