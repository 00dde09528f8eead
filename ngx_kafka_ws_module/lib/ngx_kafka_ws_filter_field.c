
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Filters as they are written: fields, and lists of values.
 */


#include <string.h>

#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_utf8.h"


static const char *ngx_kafka_ws_filter_pointer(const uint8_t *p, size_t n);


const char *
ngx_kafka_ws_filter_field_parse(const uint8_t *p, size_t n,
    ngx_kafka_ws_filter_field_t *field)
{
    field->name.data = p + n;
    field->name.len = 0;

    if (n == 3 && memcmp(p, "key", 3) == 0) {
        field->source = NGX_KAFKA_WS_FILTER_KEY;
        return NULL;
    }

    if (n >= 7 && memcmp(p, "header:", 7) == 0) {
        field->source = NGX_KAFKA_WS_FILTER_HEADER;
        field->name.data = p + 7;
        field->name.len = n - 7;

        return n == 7 ? "the header has no name" : NULL;
    }

    if (n >= 5 && memcmp(p, "json:", 5) == 0) {
        field->source = NGX_KAFKA_WS_FILTER_JSON;
        field->name.data = p + 5;
        field->name.len = n - 5;

        return ngx_kafka_ws_filter_pointer(p + 5, n - 5);
    }

    return "it is neither \"key\" nor \"header:NAME\" nor \"json:POINTER\"";
}


/* RFC 6901, 3 */

static const char *
ngx_kafka_ws_filter_pointer(const uint8_t *p, size_t n)
{
    size_t  i;

    if (n == 0) {
        return NULL;
    }

    if (*p != '/') {
        return "a JSON pointer begins with \"/\", or is empty";
    }

    for (i = 0; i < n; i++) {

        if (p[i] == '~' && (i + 1 == n || (p[i + 1] != '0' && p[i + 1] != '1')))
        {
            return "\"~\" in a JSON pointer is \"~0\", and \"/\" is \"~1\"";
        }
    }

    if (!ngx_kafka_ws_utf8_valid(p, n)) {
        return "the JSON pointer is not UTF-8";
    }

    return NULL;
}


int
ngx_kafka_ws_filter_field_compare(const ngx_kafka_ws_filter_field_t *a,
    const ngx_kafka_ws_filter_field_t *b)
{
    if (a->source != b->source) {
        return a->source < b->source ? -1 : 1;
    }

    if (a->name.len != b->name.len) {
        return a->name.len < b->name.len ? -1 : 1;
    }

    return a->name.len == 0
           ? 0 : memcmp(a->name.data, b->name.data, a->name.len);
}


size_t
ngx_kafka_ws_filter_split(const uint8_t *p, size_t n,
    ngx_kafka_ws_span_t *values, size_t max)
{
    size_t          found;
    const uint8_t  *last, *end, *next;

    found = 0;

    if (n == 0) {
        return 0;
    }

    for (last = p + n; p < last; p = next) {
        end = memchr(p, ',', (size_t) (last - p));
        next = end == NULL ? last : end + 1;
        end = end == NULL ? last : end;

        while (p < end && (*p == ' ' || *p == '\t')) {
            p++;
        }

        while (p < end && (end[-1] == ' ' || end[-1] == '\t')) {
            end--;
        }

        if (p == end) {
            continue;
        }

        if (found == max) {
            return max + 1;
        }

        values[found].data = p;
        values[found].len = (size_t) (end - p);
        found++;
    }

    return found;
}
