
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A record as the frame that clients get, or as the block of fields that
 * filters look at.
 */


#ifndef _NGX_KAFKA_WS_RENDER_H_INCLUDED_
#define _NGX_KAFKA_WS_RENDER_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_record.h"


/* which members a json frame has */

#define NGX_KAFKA_WS_FIELD_PARTITION  0x01
#define NGX_KAFKA_WS_FIELD_OFFSET     0x02
#define NGX_KAFKA_WS_FIELD_TIMESTAMP  0x04
#define NGX_KAFKA_WS_FIELD_KEY        0x08
#define NGX_KAFKA_WS_FIELD_VALUE      0x10
#define NGX_KAFKA_WS_FIELD_HEADERS    0x20
#define NGX_KAFKA_WS_FIELD_TOPIC      0x40

#define NGX_KAFKA_WS_FIELDS_DEFAULT                                           \
    (NGX_KAFKA_WS_FIELD_PARTITION|NGX_KAFKA_WS_FIELD_OFFSET                   \
     |NGX_KAFKA_WS_FIELD_TIMESTAMP|NGX_KAFKA_WS_FIELD_KEY                     \
     |NGX_KAFKA_WS_FIELD_VALUE)


typedef enum {
    NGX_KAFKA_WS_FORMAT_JSON = 0,
    NGX_KAFKA_WS_FORMAT_TEXT,
    NGX_KAFKA_WS_FORMAT_BINARY,
    NGX_KAFKA_WS_FORMAT_FIELDS          /* no client's: a block for filters */
} ngx_kafka_ws_format_e;


/*
 * Made when the configuration is read, constant afterwards.  Of what comes
 * before "deflate", text and binary use the format alone.  Compressing is
 * not render's: whoever calls it does that to the frame it made.  The block of
 * fields uses its list alone and is never compressed.
 */

typedef struct {
    ngx_kafka_ws_format_e   format;
    unsigned                value_json;   /* kafka_ws_value json */
    uint32_t                fields;       /* NGX_KAFKA_WS_FIELD_... */
    ngx_kafka_ws_span_t    *names;        /* headers:NAME,...; none twice */
    size_t                  nnames;       /* 0: all headers */
    unsigned                deflate;      /* zlib's level; 0: plain */
    size_t                  deflate_min;  /* bytes of a payload */

    const ngx_kafka_ws_filter_field_t
                           *filter_fields;
    size_t                  nfilter_fields;
} ngx_kafka_ws_rendering_t;


/*
 * Upper bound of the buffer that render needs, frame header and working
 * room included.
 * returns:   bytes; SIZE_MAX if that does not fit into size_t
 * cost:      a few ns, and one pass over the lengths of the headers, if
 *            those are rendered
 */
size_t ngx_kafka_ws_render_bound(const ngx_kafka_ws_rendering_t *rendering,
    const ngx_kafka_ws_record_t *rec);

/*
 * Writes one whole unmasked frame (FIN set) into buf, not at its beginning;
 * or a block of fields, which is no frame.
 * size:      at least the bound above
 * len:       bytes of the frame; 0: this rendering does not send the record
 *            (a tombstone in text and binary); with NULL, the size needed
 * returns:   the frame's first byte, within buf; NULL: size is too small
 * cost:      no allocation; n headers of any names cost n log n compares
 * where:     the consumer, for each record and rendering in use
 */
uint8_t *ngx_kafka_ws_render(const ngx_kafka_ws_rendering_t *rendering,
    const ngx_kafka_ws_record_t *rec, uint8_t *buf, size_t size, size_t *len);

/* 1 if every record gives the same bytes by both, else 0 */
int ngx_kafka_ws_rendering_equal(const ngx_kafka_ws_rendering_t *a,
    const ngx_kafka_ws_rendering_t *b);

/* equal renderings have the same hash, in every process; never 0 */
uint64_t ngx_kafka_ws_rendering_hash(const ngx_kafka_ws_rendering_t *r);


#endif /* _NGX_KAFKA_WS_RENDER_H_INCLUDED_ */
