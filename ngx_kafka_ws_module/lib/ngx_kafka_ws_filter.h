
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Filters: which records a subscriber is to get.  The fields that filters
 * look at are taken out of a record once, by the consumer, into a block that
 * stands in the ring beside the record's frames; who reads it compares bytes.
 */


#ifndef _NGX_KAFKA_WS_FILTER_H_INCLUDED_
#define _NGX_KAFKA_WS_FILTER_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ngx_kafka_ws_record.h"


#define NGX_KAFKA_WS_FILTER_FIELDS_MAX  16    /* of a cluster */
#define NGX_KAFKA_WS_FILTER_TERMS_MAX   8     /* of a location */
#define NGX_KAFKA_WS_FILTER_LIST_MAX    100   /* members of a list ("in") */
#define NGX_KAFKA_WS_FILTER_CLIENT_MAX  4     /* fields that clients may say */


typedef enum {
    NGX_KAFKA_WS_FILTER_KEY = 0,
    NGX_KAFKA_WS_FILTER_HEADER,
    NGX_KAFKA_WS_FILTER_JSON
} ngx_kafka_ws_filter_source_e;


/* a field of records */

typedef struct {
    ngx_kafka_ws_filter_source_e   source;
    ngx_kafka_ws_span_t            name;      /* of the header; the JSON
                                                 pointer as RFC 6901 writes
                                                 it; nothing for the key */
} ngx_kafka_ws_filter_field_t;


typedef enum {
    NGX_KAFKA_WS_FILTER_EQUAL = 0,            /* =  */
    NGX_KAFKA_WS_FILTER_PREFIX,               /* ^= */
    NGX_KAFKA_WS_FILTER_IN                    /* in */
} ngx_kafka_ws_filter_op_e;


/* one condition; all of a filter's have to hold */

typedef struct {
    unsigned                       field;     /* index into the cluster's */
    ngx_kafka_ws_filter_op_e       op;
    unsigned                       varies;    /* each subscriber may want
                                                 something else */
} ngx_kafka_ws_filter_term_t;


/* what a subscriber's record has to have for a term: one of these */

typedef struct {
    ngx_kafka_ws_span_t           *values;    /* none is empty */
    size_t                         nvalues;   /* 1, but for "in" */
} ngx_kafka_ws_filter_want_t;


/* all of it */

typedef struct {
    ngx_kafka_ws_filter_term_t    *terms;
    ngx_kafka_ws_filter_want_t    *wants;     /* one for each term */
    size_t                         nterms;    /* 0: all records */
} ngx_kafka_ws_filter_t;


/* a field, and the value that a client wants it to have */

typedef struct {
    ngx_kafka_ws_filter_field_t    field;
    ngx_kafka_ws_span_t            value;
} ngx_kafka_ws_filter_pair_t;


/*
 * Reads "key", "header:NAME" or "json:POINTER".
 * field:     its name points into the text
 * returns:   NULL, or what is wrong, for a message
 * where:     nginx -t
 */
const char *ngx_kafka_ws_filter_field_parse(const uint8_t *p, size_t n,
    ngx_kafka_ws_filter_field_t *field);

/* below 0, 0 or above: an order of fields, the same in every process */
int ngx_kafka_ws_filter_field_compare(const ngx_kafka_ws_filter_field_t *a,
    const ngx_kafka_ws_filter_field_t *b);

/*
 * Splits the list of "in": members between commas, spaces and tabs around
 * them dropped, empty ones left out.
 * values:    room for max of them, which point into the text
 * returns:   how many; more than max: there are more, values has the first
 */
size_t ngx_kafka_ws_filter_split(const uint8_t *p, size_t n,
    ngx_kafka_ws_span_t *values, size_t max);

/*
 * Prints what is wanted, for people: key = "alice" and json:/type in "a", "b".
 * In values quotes and backslashes have a backslash before them, control
 * characters are \xHH; all other bytes are as they are.
 * fields:    those that its terms' indices are of
 * buf:       NULL: only counted
 * returns:   bytes
 */
size_t ngx_kafka_ws_filter_print(const ngx_kafka_ws_filter_t *filter,
    const ngx_kafka_ws_filter_field_t *fields, uint8_t *buf);

/*
 * Upper bound of the block of a record.
 * nfields:   at most NGX_KAFKA_WS_FILTER_FIELDS_MAX
 * returns:   bytes; SIZE_MAX if that may be more than a block can have, 2 GB
 */
size_t ngx_kafka_ws_filter_bound(const ngx_kafka_ws_filter_field_t *fields,
    size_t nfields, const ngx_kafka_ws_record_t *rec);

/*
 * Writes the block of a record: each field's value, or that it has none.
 *
 *   key      its bytes; null: none
 *   header   of a repeated name the last; null, or no such header: none
 *   JSON     a string's text, UTF-8, escapes undone; a number, true and false
 *            as they are written; null, an array, an object, nothing there, a
 *            value that is not JSON or nested deeper than 512: none.  None,
 *            too, where the way to it goes by a name that an object has
 *            twice: two readers may take it for different things
 *
 * size:      at least the bound above
 * returns:   bytes written; 0: the bound is SIZE_MAX, or size is too little
 * cost:      no allocation, no recursion; the value is checked, then one pass
 *            over it for all fields together; 9 KB of stack
 * where:     the consumer, for each record, if any location filters
 */
size_t ngx_kafka_ws_filter_extract(const ngx_kafka_ws_filter_field_t *fields,
    size_t nfields, const ngx_kafka_ws_record_t *rec, uint8_t *buf,
    size_t size);

/*
 * Finds a field in a block, whatever its bytes are.
 * value:     points into the block
 * returns:   1, or 0: the record has none, or this is no block
 * where:     any process, on a copy
 */
int ngx_kafka_ws_filter_value(const uint8_t *block, size_t len,
    unsigned field, ngx_kafka_ws_span_t *value);

/*
 * wants:     for each term
 * returns:   1, if all terms hold
 */
int ngx_kafka_ws_filter_match(const ngx_kafka_ws_filter_term_t *terms,
    size_t nterms, const ngx_kafka_ws_filter_want_t *wants,
    const uint8_t *block, size_t len);

/* of a value, for tables; unpredictable to who does not know the seed */
uint64_t ngx_kafka_ws_filter_hash(uint64_t seed,
    const ngx_kafka_ws_span_t *value);


#endif /* _NGX_KAFKA_WS_FILTER_H_INCLUDED_ */
