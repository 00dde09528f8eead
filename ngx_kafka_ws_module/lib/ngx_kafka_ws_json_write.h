
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Writers for the pieces that records and events are made of, into memory
 * of the caller's; no allocation.
 */


#ifndef _NGX_KAFKA_WS_JSON_WRITE_H_INCLUDED_
#define _NGX_KAFKA_WS_JSON_WRITE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define NGX_KAFKA_WS_JSON_INT_LEN    20    /* bytes, -9223372036854775808 */
#define NGX_KAFKA_WS_JSON_ESCAPE     6     /* bytes, \u0000 */


/*
 * The most bytes a string of n bytes can need, quotes included: with a
 * zero byte each, 6 * n + 2.
 * returns:   SIZE_MAX if that does not fit into size_t
 */
size_t ngx_kafka_ws_json_string_bound(size_t n);

/*
 * Writes [p, p + n) as a JSON string with its quotes.  Escaped are only
 * quote, backslash and what is below 0x20; U+2028 stays as it is.
 * dst:       room for ngx_kafka_ws_json_string_bound(n) bytes
 * returns:   the byte after the closing quote; NULL if the text is not
 *            UTF-8: then dst holds rubbish within the bound
 */
uint8_t *ngx_kafka_ws_json_string(uint8_t *dst, const uint8_t *p, size_t n);

/*
 * The same for text that must be shown even if it is not UTF-8: each byte
 * that is not part of a valid sequence becomes U+FFFD.  Never fails.
 * dst:       room for ngx_kafka_ws_json_string_lossy_len() bytes, or for
 *            the bound
 */
uint8_t *ngx_kafka_ws_json_string_lossy(uint8_t *dst, const uint8_t *p,
    size_t n);

/* bytes that string_lossy writes, quotes included; for small texts */
size_t ngx_kafka_ws_json_string_lossy_len(const uint8_t *p, size_t n);

/* exact; SIZE_MAX if it does not fit into size_t */
size_t ngx_kafka_ws_json_base64_len(size_t n);

/*
 * Writes base64 with padding, without quotes (RFC 4648, 4).
 * dst:       room for ngx_kafka_ws_json_base64_len(n) bytes
 * returns:   the byte after the last one written
 */
uint8_t *ngx_kafka_ws_json_base64(uint8_t *dst, const uint8_t *p, size_t n);

/* dst: room for NGX_KAFKA_WS_JSON_INT_LEN bytes; returns the end */
uint8_t *ngx_kafka_ws_json_int(uint8_t *dst, int64_t n);
uint8_t *ngx_kafka_ws_json_uint(uint8_t *dst, uint64_t n);


#endif /* _NGX_KAFKA_WS_JSON_WRITE_H_INCLUDED_ */
