
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A block, in the machine's byte order:
 *
 *     uint32_t  fields                 how many
 *     uint32_t  end[fields]            where a field's value ends, from the
 *                                      block's beginning; it begins where the
 *                                      one before it ends.  The highest bit:
 *                                      the record has none
 *     uint8_t   values[]
 */


#include <string.h>

#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_json_find.h"
#include "ngx_kafka_ws_json_read.h"


#define NGX_KAFKA_WS_FILTER_NONE      0x80000000u
#define NGX_KAFKA_WS_FILTER_SIZE_MAX  0x7fffffffu

#define ngx_kafka_ws_filter_values(nfields)                                   \
    (((size_t) (nfields) + 1) * sizeof(uint32_t))

#define ngx_kafka_ws_filter_rotate(v, n)  ((v) << (n) | (v) >> (64 - (n)))


static void ngx_kafka_ws_filter_find(const ngx_kafka_ws_filter_field_t *fields,
    size_t nfields, const ngx_kafka_ws_record_t *rec,
    ngx_kafka_ws_json_value_t *values);
static ngx_kafka_ws_span_t ngx_kafka_ws_filter_header(
    const ngx_kafka_ws_record_t *rec, const ngx_kafka_ws_span_t *name);
static int ngx_kafka_ws_filter_holds(ngx_kafka_ws_filter_op_e op,
    const ngx_kafka_ws_filter_want_t *want, const ngx_kafka_ws_span_t *value);
static inline int ngx_kafka_ws_filter_same(const ngx_kafka_ws_span_t *a,
    const ngx_kafka_ws_span_t *b);
static inline void ngx_kafka_ws_filter_sip(uint64_t *v);


/*
 * Fields that differ have values that do not overlap, so that together they
 * are not longer than what they are taken from; each field that is there
 * twice may be as long once more.
 */

size_t
ngx_kafka_ws_filter_bound(const ngx_kafka_ws_filter_field_t *fields,
    size_t nfields, const ngx_kafka_ws_record_t *rec)
{
    size_t  i, j, n, source, bound, times[3], size[3];

    if (nfields > NGX_KAFKA_WS_FILTER_FIELDS_MAX) {
        return SIZE_MAX;
    }

    memset(times, 0, sizeof(times));

    for (i = 0; i < nfields; i++) {

        for (j = 0; j < i; j++) {

            if (ngx_kafka_ws_filter_field_compare(&fields[i], &fields[j])
                == 0)
            {
                break;
            }
        }

        source = fields[i].source;

        if (j < i || times[source] == 0) {
            times[source]++;
        }
    }

    size[NGX_KAFKA_WS_FILTER_KEY] = rec->key.len;
    size[NGX_KAFKA_WS_FILTER_JSON] = rec->value.len;
    size[NGX_KAFKA_WS_FILTER_HEADER] = 0;

    if (times[NGX_KAFKA_WS_FILTER_HEADER]) {

        for (i = 0; i < rec->nheaders; i++) {
            n = size[NGX_KAFKA_WS_FILTER_HEADER];

            if (rec->headers[i].value.len > SIZE_MAX - n) {
                return SIZE_MAX;
            }

            n += rec->headers[i].value.len;
            size[NGX_KAFKA_WS_FILTER_HEADER] = n;
        }
    }

    bound = ngx_kafka_ws_filter_values(nfields);

    for (i = 0; i < 3; i++) {

        for (j = 0; j < times[i]; j++) {

            if (size[i] > NGX_KAFKA_WS_FILTER_SIZE_MAX - bound) {
                return SIZE_MAX;
            }

            bound += size[i];
        }
    }

    return bound;
}


size_t
ngx_kafka_ws_filter_extract(const ngx_kafka_ws_filter_field_t *fields,
    size_t nfields, const ngx_kafka_ws_record_t *rec, uint8_t *buf,
    size_t size)
{
    size_t                     i, n, at;
    uint32_t                   word;
    ngx_kafka_ws_json_value_t  values[NGX_KAFKA_WS_FILTER_FIELDS_MAX];

    at = ngx_kafka_ws_filter_values(nfields);

    if (nfields > NGX_KAFKA_WS_FILTER_FIELDS_MAX || size < at) {
        return 0;
    }

    ngx_kafka_ws_filter_find(fields, nfields, rec, values);

    word = (uint32_t) nfields;
    memcpy(buf, &word, sizeof(uint32_t));

    for (i = 0; i < nfields; i++) {
        n = values[i].text.len;

        if (n > size - at || n > NGX_KAFKA_WS_FILTER_SIZE_MAX - at) {
            return 0;
        }

        if (values[i].text.data == NULL) {
            n = SIZE_MAX;

        } else if (values[i].string) {
            n = ngx_kafka_ws_json_read_text(values[i].text.data, n, buf + at);

        } else {
            memcpy(buf + at, values[i].text.data, n);
        }

        word = (uint32_t) (n == SIZE_MAX ? at | NGX_KAFKA_WS_FILTER_NONE
                                         : at + n);

        memcpy(buf + ngx_kafka_ws_filter_values(i), &word, sizeof(uint32_t));

        at += n == SIZE_MAX ? 0 : n;
    }

    return at;
}


/* what the fields have in the record, as the record has it */

static void
ngx_kafka_ws_filter_find(const ngx_kafka_ws_filter_field_t *fields,
    size_t nfields, const ngx_kafka_ws_record_t *rec,
    ngx_kafka_ws_json_value_t *values)
{
    size_t                      i, n;
    ngx_kafka_ws_span_t         pointers[NGX_KAFKA_WS_FILTER_FIELDS_MAX];
    ngx_kafka_ws_json_value_t   json[NGX_KAFKA_WS_FILTER_FIELDS_MAX];

    n = 0;

    for (i = 0; i < nfields; i++) {

        if (fields[i].source == NGX_KAFKA_WS_FILTER_JSON) {
            pointers[n++] = fields[i].name;
        }
    }

    if (n != 0) {
        ngx_kafka_ws_json_find(rec->value.data, rec->value.len, pointers, n,
                               json);
    }

    n = 0;

    for (i = 0; i < nfields; i++) {

        if (fields[i].source == NGX_KAFKA_WS_FILTER_JSON) {
            values[i] = json[n++];
            continue;
        }

        values[i].string = 0;
        values[i].text = fields[i].source == NGX_KAFKA_WS_FILTER_KEY
                         ? rec->key
                         : ngx_kafka_ws_filter_header(rec, &fields[i].name);
    }
}


/* the value of the last header of that name; null, if there is none */

static ngx_kafka_ws_span_t
ngx_kafka_ws_filter_header(const ngx_kafka_ws_record_t *rec,
    const ngx_kafka_ws_span_t *name)
{
    size_t                             i;
    static const ngx_kafka_ws_span_t   none;

    for (i = rec->nheaders; i-- > 0; /* void */ ) {

        if (ngx_kafka_ws_filter_same(&rec->headers[i].name, name)) {
            return rec->headers[i].value;
        }
    }

    return none;
}


int
ngx_kafka_ws_filter_value(const uint8_t *block, size_t len, unsigned field,
    ngx_kafka_ws_span_t *value)
{
    size_t    start;
    uint32_t  nfields, before, end;

    if (len < sizeof(uint32_t)) {
        return 0;
    }

    memcpy(&nfields, block, sizeof(uint32_t));

    if (nfields > NGX_KAFKA_WS_FILTER_FIELDS_MAX || field >= nfields
        || len < ngx_kafka_ws_filter_values(nfields))
    {
        return 0;
    }

    memcpy(&end, block + ngx_kafka_ws_filter_values(field), sizeof(uint32_t));

    start = ngx_kafka_ws_filter_values(nfields);

    if (field != 0) {
        memcpy(&before, block + ngx_kafka_ws_filter_values(field - 1),
               sizeof(uint32_t));
        before &= ~NGX_KAFKA_WS_FILTER_NONE;

        if (before < start) {
            return 0;
        }

        start = before;
    }

    /* the highest bit makes an end that no block has */

    if (end > NGX_KAFKA_WS_FILTER_SIZE_MAX || end > len || start > end) {
        return 0;
    }

    value->data = block + start;
    value->len = end - start;

    return 1;
}


int
ngx_kafka_ws_filter_match(const ngx_kafka_ws_filter_term_t *terms,
    size_t nterms, const ngx_kafka_ws_filter_want_t *wants,
    const uint8_t *block, size_t len)
{
    size_t               i;
    ngx_kafka_ws_span_t  value;

    for (i = 0; i < nterms; i++) {

        if (!ngx_kafka_ws_filter_value(block, len, terms[i].field, &value)
            || !ngx_kafka_ws_filter_holds(terms[i].op, &wants[i], &value))
        {
            return 0;
        }
    }

    return 1;
}


static int
ngx_kafka_ws_filter_holds(ngx_kafka_ws_filter_op_e op,
    const ngx_kafka_ws_filter_want_t *want, const ngx_kafka_ws_span_t *value)
{
    const ngx_kafka_ws_span_t  *v, *last;

    v = want->values;
    last = v + want->nvalues;

    if (op != NGX_KAFKA_WS_FILTER_PREFIX) {

        while (v < last && !ngx_kafka_ws_filter_same(v, value)) {
            v++;
        }

        return v < last;
    }

    for ( /* void */ ; v < last; v++) {

        if (v->len <= value->len
            && (v->len == 0 || memcmp(v->data, value->data, v->len) == 0))
        {
            return 1;
        }
    }

    return 0;
}


/* the end first: what is compared often begins alike, as identifiers do */

static inline int
ngx_kafka_ws_filter_same(const ngx_kafka_ws_span_t *a,
    const ngx_kafka_ws_span_t *b)
{
    uint64_t  x, y;

    if (a->len != b->len) {
        return 0;
    }

    if (a->len >= 8) {
        memcpy(&x, a->data + a->len - 8, 8);
        memcpy(&y, b->data + b->len - 8, 8);

        if (x != y) {
            return 0;
        }
    }

    return a->len == 0 || memcmp(a->data, b->data, a->len) == 0;
}


/*
 * SipHash-1-3 by Aumasson and Bernstein: values come from clients and from
 * producers, who would otherwise choose some that fall together.
 */

uint64_t
ngx_kafka_ws_filter_hash(uint64_t seed, const ngx_kafka_ws_span_t *value)
{
    size_t          n;
    uint64_t        m, v[4];
    const uint8_t  *p;

    v[0] = seed ^ 0x736f6d6570736575;
    v[1] = seed ^ 0x646f72616e646f6d;
    v[2] = seed ^ 0x6c7967656e657261;
    v[3] = seed ^ 0x7465646279746573;

    p = value->data;

    for (n = value->len; n >= 8; n -= 8) {
        memcpy(&m, p, 8);
        p += 8;

        v[3] ^= m;
        ngx_kafka_ws_filter_sip(v);
        v[0] ^= m;
    }

    m = (uint64_t) value->len << 56;

    while (n-- > 0) {
        m |= (uint64_t) p[n] << (n * 8);
    }

    v[3] ^= m;
    ngx_kafka_ws_filter_sip(v);
    v[0] ^= m;

    v[2] ^= 0xff;
    ngx_kafka_ws_filter_sip(v);
    ngx_kafka_ws_filter_sip(v);
    ngx_kafka_ws_filter_sip(v);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


static inline void
ngx_kafka_ws_filter_sip(uint64_t *v)
{
    v[0] += v[1];
    v[1] = ngx_kafka_ws_filter_rotate(v[1], 13) ^ v[0];
    v[0] = ngx_kafka_ws_filter_rotate(v[0], 32);

    v[2] += v[3];
    v[3] = ngx_kafka_ws_filter_rotate(v[3], 16) ^ v[2];

    v[0] += v[3];
    v[3] = ngx_kafka_ws_filter_rotate(v[3], 21) ^ v[0];

    v[2] += v[1];
    v[1] = ngx_kafka_ws_filter_rotate(v[1], 17) ^ v[2];
    v[2] = ngx_kafka_ws_filter_rotate(v[2], 32);
}
