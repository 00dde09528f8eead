
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#ifndef _NGX_KAFKA_WS_CURSOR_H_INCLUDED_
#define _NGX_KAFKA_WS_CURSOR_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define NGX_KAFKA_WS_RANGES_MAX          128    /* of a partition list */
#define NGX_KAFKA_WS_RANGE_MAX           22     /* "2147483647-2147483647," */
#define NGX_KAFKA_WS_PAIR_MAX            31     /* "2147483647:2^63-1," */


typedef enum {
    NGX_KAFKA_WS_CURSOR_OK = 0,
    NGX_KAFKA_WS_CURSOR_ERROR = -1
} ngx_kafka_ws_cursor_e;


/* both ends included; "all" is 0 to 2^31 - 1 */

typedef struct {
    int32_t      first;
    int32_t      last;
} ngx_kafka_ws_range_t;


typedef struct {
    int32_t      partition;
    int64_t      offset;            /* the next one wanted */
} ngx_kafka_ws_position_t;


/* set only with NGX_KAFKA_WS_CURSOR_ERROR */

typedef struct {
    const char  *text;              /* static: "partition named twice" */
    size_t       pos;               /* in the parsed text, bytes from 0 */
} ngx_kafka_ws_cursor_error_t;


/*
 * Parses a partition list: "all", "3", "0-7", "0,2,5-7".
 * ranges:   caller's, sorted, apart from each other by a partition or
 *           more (parts that overlap or touch are merged); contents
 *           undefined on error
 * max:      its size, at least 1, by custom NGX_KAFKA_WS_RANGES_MAX;
 *           more ranges are an error
 * n_ranges: set on success, at least 1
 * returns:  ngx_kafka_ws_cursor_e; an empty list is an error
 * cost:     n times ranges at most; no allocation
 */
int ngx_kafka_ws_ranges_parse(const uint8_t *p, size_t n,
    ngx_kafka_ws_range_t *ranges, size_t max, size_t *n_ranges,
    ngx_kafka_ws_cursor_error_t *err);

/*
 * Puts a range in its place in a parsed list, and one with those that it
 * overlaps or touches.
 * max:      as above
 * n:        in and out, 0 at first
 * r:        neither end is negative, nor is the first beyond the last
 * returns:  ngx_kafka_ws_cursor_e; an error: one range too many
 * cost:     n at most
 */
int ngx_kafka_ws_ranges_add(ngx_kafka_ws_range_t *ranges, size_t max,
    size_t *n, ngx_kafka_ws_range_t r);

/*
 * returns:  1 if a range of a parsed list holds the partition, else 0
 * cost:     logarithm of n_ranges
 */
int ngx_kafka_ws_ranges_contain(const ngx_kafka_ws_range_t *ranges,
    size_t n_ranges, int32_t partition);

/*
 * Prints a parsed list as it would be written: "all", "0-7,9"; no final zero.
 * size:     of buf in bytes; n_ranges * NGX_KAFKA_WS_RANGE_MAX is enough
 * returns:  bytes written; 0: it does not fit, or there is no range; buf is
 *           then undefined
 */
size_t ngx_kafka_ws_ranges_print(uint8_t *buf, size_t size,
    const ngx_kafka_ws_range_t *ranges, size_t n_ranges);

/*
 * Parses a cursor: "0:42,3:18".
 * pos:      caller's, sorted by partition, each once; contents undefined
 *           on error
 * max:      its size; more pairs are an error
 * n_pos:    set on success; 0 if the text is empty
 * returns:  ngx_kafka_ws_cursor_e
 * cost:     one pass if partitions ascend, else they are sorted, n_pos times
 *           its logarithm; no allocation
 */
int ngx_kafka_ws_cursor_parse(const uint8_t *p, size_t n,
    ngx_kafka_ws_position_t *pos, size_t max, size_t *n_pos,
    ngx_kafka_ws_cursor_error_t *err);

/*
 * Sorts the positions of a cursor by partition.
 * returns:  -1, or a partition that is there twice
 * cost:     as above
 */
int32_t ngx_kafka_ws_cursor_sort(ngx_kafka_ws_position_t *pos, size_t n);

/*
 * Parse a text that is one number and nothing else, as cursors have it:
 * decimal digits, no leading zero.
 * returns:  ngx_kafka_ws_cursor_e
 */
int ngx_kafka_ws_cursor_partition_parse(const uint8_t *p, size_t n,
    int32_t *partition, ngx_kafka_ws_cursor_error_t *err);
int ngx_kafka_ws_cursor_offset_parse(const uint8_t *p, size_t n,
    int64_t *offset, ngx_kafka_ws_cursor_error_t *err);

/*
 * Finds a partition in a parsed cursor.
 * returns:  its position, or NULL
 * cost:     logarithm of n_pos
 */
const ngx_kafka_ws_position_t *ngx_kafka_ws_cursor_find(
    const ngx_kafka_ws_position_t *pos, size_t n_pos, int32_t partition);

/*
 * Prints a cursor, in the order given; no final zero.
 * size:     of buf in bytes; n_pos * NGX_KAFKA_WS_PAIR_MAX is enough
 * returns:  bytes written; 0: it does not fit, or is empty, or holds a
 *           negative number; buf is then undefined
 */
size_t ngx_kafka_ws_cursor_print(uint8_t *buf, size_t size,
    const ngx_kafka_ws_position_t *pos, size_t n_pos);


#endif /* _NGX_KAFKA_WS_CURSOR_H_INCLUDED_ */
