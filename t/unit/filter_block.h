
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Fields and blocks for the tests of filters.  guard.h comes before it.
 */


#ifndef _FILTER_BLOCK_H_INCLUDED_
#define _FILTER_BLOCK_H_INCLUDED_


#include "ngx_kafka_ws_filter.h"


#define FIELDS      NGX_KAFKA_WS_FILTER_FIELDS_MAX

#define nelts(a)    (sizeof(a) / sizeof(a[0]))
#define SPAN(s)     { (const uint8_t *) (s), sizeof(s) - 1 }
#define EMPTY       SPAN("")
#define NO          { NULL, 0 }

#define KEY         NGX_KAFKA_WS_FILTER_KEY
#define HEADER      NGX_KAFKA_WS_FILTER_HEADER
#define JSON        NGX_KAFKA_WS_FILTER_JSON

#define EQUAL       NGX_KAFKA_WS_FILTER_EQUAL
#define PREFIX      NGX_KAFKA_WS_FILTER_PREFIX
#define IN          NGX_KAFKA_WS_FILTER_IN


static inline ngx_kafka_ws_span_t
span(const char *s)
{
    ngx_kafka_ws_span_t  v;

    v.data = (const uint8_t *) s;
    v.len = strlen(s);

    return v;
}


static inline int
same(const ngx_kafka_ws_span_t *a, const ngx_kafka_ws_span_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


/* of text that is right */

static inline ngx_kafka_ws_filter_field_t
field(const char *s)
{
    const char                   *error;
    ngx_kafka_ws_filter_field_t   f;

    error = ngx_kafka_ws_filter_field_parse((const uint8_t *) s, strlen(s),
                                            &f);

    if (error != NULL) {
        printf("Bail out! %s: %s\n", s, error);
        exit(2);
    }

    return f;
}


/* a block of just the bound, then of just what it takes; guard_free() it */

static inline uint8_t *
extracted(const ngx_kafka_ws_filter_field_t *fields, size_t nfields,
    const ngx_kafka_ws_record_t *rec, size_t *len)
{
    size_t    bound;
    uint8_t  *room, *block;

    bound = ngx_kafka_ws_filter_bound(fields, nfields, rec);
    room = guard_new(bound);
    *len = ngx_kafka_ws_filter_extract(fields, nfields, rec, room, bound);

    block = guard_copy(room, *len);
    guard_free(room, bound);

    return block;
}


#endif /* _FILTER_BLOCK_H_INCLUDED_ */
