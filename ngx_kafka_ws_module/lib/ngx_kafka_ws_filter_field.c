
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Filters as they are written: fields, lists of values, and all of it for
 * people to read.
 */


#include <string.h>

#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_utf8.h"


/* what is printed; data: NULL: nothing is written */

typedef struct {
    uint8_t  *data;
    size_t    len;
} ngx_kafka_ws_filter_text_t;


static const char *ngx_kafka_ws_filter_pointer(const uint8_t *p, size_t n);
static void ngx_kafka_ws_filter_quote(ngx_kafka_ws_filter_text_t *text,
    const ngx_kafka_ws_span_t *value);
static void ngx_kafka_ws_filter_put(ngx_kafka_ws_filter_text_t *text,
    const void *data, size_t len);


/* by ngx_kafka_ws_filter_source_e, ngx_kafka_ws_filter_op_e */

static const char  *ngx_kafka_ws_filter_sources[] = {
    "key", "header:", "json:"
};


static const char  *ngx_kafka_ws_filter_ops[] = { " = ", " ^= ", " in " };


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


size_t
ngx_kafka_ws_filter_print(const ngx_kafka_ws_filter_t *filter,
    const ngx_kafka_ws_filter_field_t *fields, uint8_t *buf)
{
    size_t                              i, k;
    const char                         *word;
    ngx_kafka_ws_filter_text_t          text;
    const ngx_kafka_ws_filter_want_t   *want;
    const ngx_kafka_ws_filter_field_t  *field;

    text.data = buf;
    text.len = 0;

    for (i = 0; i < filter->nterms; i++) {
        want = &filter->wants[i];
        field = &fields[filter->terms[i].field];

        if (i) {
            ngx_kafka_ws_filter_put(&text, " and ", 5);
        }

        word = ngx_kafka_ws_filter_sources[field->source];
        ngx_kafka_ws_filter_put(&text, word, strlen(word));
        ngx_kafka_ws_filter_put(&text, field->name.data, field->name.len);

        word = ngx_kafka_ws_filter_ops[filter->terms[i].op];
        ngx_kafka_ws_filter_put(&text, word, strlen(word));

        for (k = 0; k < want->nvalues; k++) {

            if (k) {
                ngx_kafka_ws_filter_put(&text, ", ", 2);
            }

            ngx_kafka_ws_filter_quote(&text, &want->values[k]);
        }
    }

    return text.len;
}


/* no value can look like the end of itself, or break a line */

static void
ngx_kafka_ws_filter_quote(ngx_kafka_ws_filter_text_t *text,
    const ngx_kafka_ws_span_t *value)
{
    size_t                i;
    uint8_t               ch, escaped[4];

    static const uint8_t  hex[] = "0123456789abcdef";

    ngx_kafka_ws_filter_put(text, "\"", 1);

    for (i = 0; i < value->len; i++) {
        ch = value->data[i];

        if (ch < 0x20 || ch == 0x7f) {
            escaped[0] = '\\';
            escaped[1] = 'x';
            escaped[2] = hex[ch >> 4];
            escaped[3] = hex[ch & 0xf];

            ngx_kafka_ws_filter_put(text, escaped, 4);
            continue;
        }

        if (ch == '"' || ch == '\\') {
            ngx_kafka_ws_filter_put(text, "\\", 1);
        }

        ngx_kafka_ws_filter_put(text, &ch, 1);
    }

    ngx_kafka_ws_filter_put(text, "\"", 1);
}


static void
ngx_kafka_ws_filter_put(ngx_kafka_ws_filter_text_t *text, const void *data,
    size_t len)
{
    if (text->data && len) {
        memcpy(text->data + text->len, data, len);
    }

    text->len += len;
}
