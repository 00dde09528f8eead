
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The payload is written behind room for the longest frame header, and the
 * header then right before it, so that nothing is moved or measured twice.
 * Each member of the envelope writes the comma that follows it.
 */


#include <string.h>

#include "ngx_kafka_ws_render.h"
#include "ngx_kafka_ws_frame.h"
#include "ngx_kafka_ws_json.h"
#include "ngx_kafka_ws_json_write.h"
#include "ngx_kafka_ws_render_pick.h"
#include "ngx_kafka_ws_utf8.h"


/* bytes of a frame without headers, less the texts of topic, key, value */

#define NGX_KAFKA_WS_RENDER_FIXED   256

/* bytes per header, less its texts: "":{"base64":""}, and padding */

#define NGX_KAFKA_WS_RENDER_HEADER  24

/* a bound beyond this counts as none */

#define NGX_KAFKA_WS_RENDER_MAX     (SIZE_MAX / 2)


#define ngx_kafka_ws_render_text(dst, s)                                      \
    ((uint8_t *) memcpy(dst, s, sizeof(s) - 1) + sizeof(s) - 1)


static size_t ngx_kafka_ws_render_grow(size_t total, size_t n);
static uint8_t *ngx_kafka_ws_render_json(const ngx_kafka_ws_rendering_t *r,
    const ngx_kafka_ws_record_t *rec, uint8_t *dst, uint8_t *room);
static uint8_t *ngx_kafka_ws_render_key(uint8_t *dst,
    const ngx_kafka_ws_span_t *key);
static uint8_t *ngx_kafka_ws_render_value(uint8_t *dst,
    const ngx_kafka_ws_span_t *value, unsigned value_json);
static int ngx_kafka_ws_render_embeds(const ngx_kafka_ws_span_t *value,
    unsigned value_json);
static uint8_t *ngx_kafka_ws_render_base64(uint8_t *dst,
    const ngx_kafka_ws_span_t *s);
static uint8_t *ngx_kafka_ws_render_headers(
    const ngx_kafka_ws_rendering_t *r, const ngx_kafka_ws_record_t *rec,
    uint8_t *dst, uint8_t *room);
static int ngx_kafka_ws_render_fields_equal(
    const ngx_kafka_ws_rendering_t *a, const ngx_kafka_ws_rendering_t *b);
static uint64_t ngx_kafka_ws_render_hash_span(uint64_t hash,
    const ngx_kafka_ws_span_t *s);
static uint64_t ngx_kafka_ws_render_hash_add(uint64_t hash, const void *p,
    size_t n);


size_t
ngx_kafka_ws_render_bound(const ngx_kafka_ws_rendering_t *rendering,
    const ngx_kafka_ws_record_t *rec)
{
    size_t                        i, total;
    const ngx_kafka_ws_header_t  *h;

    if (rendering->format == NGX_KAFKA_WS_FORMAT_FIELDS) {
        return ngx_kafka_ws_filter_bound(rendering->filter_fields,
                                         rendering->nfilter_fields, rec);
    }

    if (rendering->format != NGX_KAFKA_WS_FORMAT_JSON) {
        total = NGX_KAFKA_WS_HEADER_MAX + rec->value.len;

        return total < rec->value.len ? SIZE_MAX : total;
    }

    total = NGX_KAFKA_WS_RENDER_FIXED;
    total = ngx_kafka_ws_render_grow(total, rec->topic.len);
    total = ngx_kafka_ws_render_grow(total, rec->key.len);
    total = ngx_kafka_ws_render_grow(total, rec->value.len);

    if (!(rendering->fields & NGX_KAFKA_WS_FIELD_HEADERS)) {
        return total;
    }

    if (rec->nheaders > SIZE_MAX / 256 || rec->nheaders > UINT32_MAX) {
        return SIZE_MAX;
    }

    for (i = 0; i < rec->nheaders; i++) {
        h = &rec->headers[i];

        total = ngx_kafka_ws_render_grow(total, h->name.len);
        total = ngx_kafka_ws_render_grow(total, h->value.len);
    }

    if (total > NGX_KAFKA_WS_RENDER_MAX) {
        return SIZE_MAX;
    }

    return total + rec->nheaders * NGX_KAFKA_WS_RENDER_HEADER
           + ngx_kafka_ws_pick_room(rec->nheaders);
}


/* adds a text of n bytes at its longest; once SIZE_MAX, always SIZE_MAX */

static size_t
ngx_kafka_ws_render_grow(size_t total, size_t n)
{
    if (n > SIZE_MAX / 32 || total > NGX_KAFKA_WS_RENDER_MAX) {
        return SIZE_MAX;
    }

    return total + NGX_KAFKA_WS_JSON_ESCAPE * n;
}


uint8_t *
ngx_kafka_ws_render(const ngx_kafka_ws_rendering_t *rendering,
    const ngx_kafka_ws_record_t *rec, uint8_t *buf, size_t size, size_t *len)
{
    size_t     n, bound;
    uint8_t   *p, *end;
    unsigned   opcode;

    bound = ngx_kafka_ws_render_bound(rendering, rec);

    if (size < bound || bound == SIZE_MAX) {
        *len = bound;
        return NULL;
    }

    if (rendering->format == NGX_KAFKA_WS_FORMAT_FIELDS) {
        *len = ngx_kafka_ws_filter_extract(rendering->filter_fields,
                                           rendering->nfilter_fields, rec,
                                           buf, size);
        return buf;
    }

    p = buf + NGX_KAFKA_WS_HEADER_MAX;
    opcode = NGX_KAFKA_WS_OP_TEXT;

    if (rendering->format == NGX_KAFKA_WS_FORMAT_JSON) {
        end = buf + bound;

        if (rendering->fields & NGX_KAFKA_WS_FIELD_HEADERS) {
            end -= ngx_kafka_ws_pick_room(rec->nheaders);
        }

        end = ngx_kafka_ws_render_json(rendering, rec, p, end);
        n = (size_t) (end - p);

    } else {
        if (rec->value.data == NULL) {
            *len = 0;
            return buf;
        }

        n = rec->value.len;

        if (rendering->format == NGX_KAFKA_WS_FORMAT_BINARY
            || !ngx_kafka_ws_utf8_valid(rec->value.data, n))
        {
            opcode = NGX_KAFKA_WS_OP_BINARY;
        }

        memcpy(p, rec->value.data, n);
    }

    p -= ngx_kafka_ws_frame_header_len(n);

    *len = n + ngx_kafka_ws_frame_header(p, NGX_KAFKA_WS_FRAME_FIN|opcode, n);

    return p;
}


static uint8_t *
ngx_kafka_ws_render_json(const ngx_kafka_ws_rendering_t *r,
    const ngx_kafka_ws_record_t *rec, uint8_t *dst, uint8_t *room)
{
    uint32_t  fields;

    fields = r->fields;
    *dst++ = '{';

    if (fields & NGX_KAFKA_WS_FIELD_TOPIC) {
        dst = ngx_kafka_ws_render_text(dst, "\"topic\":");
        dst = ngx_kafka_ws_json_string_lossy(dst, rec->topic.data,
                                             rec->topic.len);
        *dst++ = ',';
    }

    if (fields & NGX_KAFKA_WS_FIELD_PARTITION) {
        dst = ngx_kafka_ws_render_text(dst, "\"partition\":");
        dst = ngx_kafka_ws_json_int(dst, rec->partition);
        *dst++ = ',';
    }

    if (fields & NGX_KAFKA_WS_FIELD_OFFSET) {
        dst = ngx_kafka_ws_render_text(dst, "\"offset\":");
        dst = ngx_kafka_ws_json_int(dst, rec->offset);
        *dst++ = ',';
    }

    if (fields & NGX_KAFKA_WS_FIELD_TIMESTAMP) {
        dst = ngx_kafka_ws_render_text(dst, "\"timestamp\":");

        if (rec->timestamp < 0) {
            dst = ngx_kafka_ws_render_text(dst, "null");

        } else {
            dst = ngx_kafka_ws_json_int(dst, rec->timestamp);
        }

        *dst++ = ',';
    }

    if (fields & NGX_KAFKA_WS_FIELD_KEY) {
        dst = ngx_kafka_ws_render_key(dst, &rec->key);
        *dst++ = ',';
    }

    if (fields & NGX_KAFKA_WS_FIELD_HEADERS) {
        dst = ngx_kafka_ws_render_headers(r, rec, dst, room);
        *dst++ = ',';
    }

    if (fields & NGX_KAFKA_WS_FIELD_VALUE) {
        dst = ngx_kafka_ws_render_value(dst, &rec->value, r->value_json);
        *dst++ = ',';
    }

    if (dst[-1] == ',') {
        dst--;
    }

    *dst++ = '}';

    return dst;
}


static uint8_t *
ngx_kafka_ws_render_key(uint8_t *dst, const ngx_kafka_ws_span_t *key)
{
    uint8_t  *end;

    dst = ngx_kafka_ws_render_text(dst, "\"key\":");

    if (key->data == NULL) {
        return ngx_kafka_ws_render_text(dst, "null");
    }

    end = ngx_kafka_ws_json_string(dst, key->data, key->len);

    if (end == NULL) {
        end = ngx_kafka_ws_render_base64(dst, key);
        end = ngx_kafka_ws_render_text(end, ",\"key_encoding\":\"base64\"");
    }

    return end;
}


static uint8_t *
ngx_kafka_ws_render_value(uint8_t *dst, const ngx_kafka_ws_span_t *value,
    unsigned value_json)
{
    uint8_t  *end;

    dst = ngx_kafka_ws_render_text(dst, "\"value\":");

    if (value->data == NULL) {
        dst = ngx_kafka_ws_render_text(dst, "null");

        if (value_json) {
            dst = ngx_kafka_ws_render_text(dst, ",\"tombstone\":true");
        }

        return dst;
    }

    if (ngx_kafka_ws_render_embeds(value, value_json)) {
        memcpy(dst, value->data, value->len);
        return dst + value->len;
    }

    end = ngx_kafka_ws_json_string(dst, value->data, value->len);

    if (end == NULL) {
        end = ngx_kafka_ws_render_base64(dst, value);
        return ngx_kafka_ws_render_text(end, ",\"encoding\":\"base64\"");
    }

    if (value_json) {
        end = ngx_kafka_ws_render_text(end, ",\"encoding\":\"text\"");
    }

    return end;
}


/* 1: the value goes in byte for byte */

static int
ngx_kafka_ws_render_embeds(const ngx_kafka_ws_span_t *value,
    unsigned value_json)
{
    uint8_t              c;
    ngx_kafka_ws_json_e  rc;

    if (value->len == 0) {
        return 0;
    }

    c = value->data[0];

    if (!value_json && c > ' ' && c != '{' && c != '[') {
        return 0;
    }

    rc = ngx_kafka_ws_json_check(value->data, value->len,
                                 NGX_KAFKA_WS_JSON_MAX_DEPTH);

    return rc == NGX_KAFKA_WS_JSON_CONTAINER
           || (value_json && rc == NGX_KAFKA_WS_JSON_SCALAR);
}


static uint8_t *
ngx_kafka_ws_render_base64(uint8_t *dst, const ngx_kafka_ws_span_t *s)
{
    *dst++ = '"';
    dst = ngx_kafka_ws_json_base64(dst, s->data, s->len);
    *dst++ = '"';

    return dst;
}


static uint8_t *
ngx_kafka_ws_render_headers(const ngx_kafka_ws_rendering_t *r,
    const ngx_kafka_ws_record_t *rec, uint8_t *dst, uint8_t *room)
{
    size_t                        i;
    uint8_t                      *end, *bits, few[NGX_KAFKA_WS_PICK_FEW / 8];
    const ngx_kafka_ws_header_t  *h;

    dst = ngx_kafka_ws_render_text(dst, "\"headers\":{");
    bits = ngx_kafka_ws_pick(r, rec, few, room);

    for (i = 0; i < rec->nheaders; i++) {

        if (!(bits[i / 8] & (1 << i % 8))) {
            continue;
        }

        h = &rec->headers[i];

        dst = ngx_kafka_ws_json_string_lossy(dst, h->name.data, h->name.len);
        *dst++ = ':';

        if (h->value.data == NULL) {
            end = ngx_kafka_ws_render_text(dst, "null");

        } else {
            end = ngx_kafka_ws_json_string(dst, h->value.data, h->value.len);
        }

        if (end == NULL) {
            end = ngx_kafka_ws_render_text(dst, "{\"base64\":");
            end = ngx_kafka_ws_render_base64(end, &h->value);
            *end++ = '}';
        }

        dst = end;
        *dst++ = ',';
    }

    if (dst[-1] == ',') {
        dst--;
    }

    *dst++ = '}';

    return dst;
}


int
ngx_kafka_ws_rendering_equal(const ngx_kafka_ws_rendering_t *a,
    const ngx_kafka_ws_rendering_t *b)
{
    size_t  i;

    if (a->format != b->format || a->deflate != b->deflate
        || (a->deflate && a->deflate_min != b->deflate_min))
    {
        return 0;
    }

    if (a->format == NGX_KAFKA_WS_FORMAT_FIELDS) {
        return ngx_kafka_ws_render_fields_equal(a, b);
    }

    if (a->format != NGX_KAFKA_WS_FORMAT_JSON) {
        return 1;
    }

    if (a->fields != b->fields) {
        return 0;
    }

    if ((a->fields & NGX_KAFKA_WS_FIELD_VALUE)
        && (a->value_json != 0) != (b->value_json != 0))
    {
        return 0;
    }

    if (!(a->fields & NGX_KAFKA_WS_FIELD_HEADERS)) {
        return 1;
    }

    if (a->nnames != b->nnames) {
        return 0;
    }

    for (i = 0; i < a->nnames; i++) {

        if (ngx_kafka_ws_pick_compare(&a->names[i], &b->names[i]) != 0) {
            return 0;
        }
    }

    return 1;
}


static int
ngx_kafka_ws_render_fields_equal(const ngx_kafka_ws_rendering_t *a,
    const ngx_kafka_ws_rendering_t *b)
{
    size_t  i;

    if (a->nfilter_fields != b->nfilter_fields) {
        return 0;
    }

    for (i = 0; i < a->nfilter_fields; i++) {

        if (ngx_kafka_ws_filter_field_compare(&a->filter_fields[i],
                                              &b->filter_fields[i])
            != 0)
        {
            return 0;
        }
    }

    return 1;
}


uint64_t
ngx_kafka_ws_rendering_hash(const ngx_kafka_ws_rendering_t *r)
{
    size_t    i;
    uint64_t  hash, n;
    uint8_t   head[6];

    memset(head, 0, sizeof(head));
    head[0] = (uint8_t) r->format;

    if (r->format == NGX_KAFKA_WS_FORMAT_JSON) {
        head[1] = (r->fields & NGX_KAFKA_WS_FIELD_VALUE) && r->value_json;

        for (i = 0; i < 4; i++) {
            head[2 + i] = (uint8_t) (r->fields >> (8 * i));
        }
    }

    /* FNV-1a, 64 bits: made once per rendering when nginx starts */

    hash = ngx_kafka_ws_render_hash_add(0xcbf29ce484222325ULL, head,
                                        sizeof(head));

    if (r->deflate) {
        n = r->deflate;
        hash = ngx_kafka_ws_render_hash_add(hash, &n, sizeof(n));
        n = r->deflate_min;
        hash = ngx_kafka_ws_render_hash_add(hash, &n, sizeof(n));
    }

    if (r->format == NGX_KAFKA_WS_FORMAT_JSON
        && (r->fields & NGX_KAFKA_WS_FIELD_HEADERS))
    {
        for (i = 0; i < r->nnames; i++) {
            hash = ngx_kafka_ws_render_hash_span(hash, &r->names[i]);
        }
    }

    if (r->format == NGX_KAFKA_WS_FORMAT_FIELDS) {

        for (i = 0; i < r->nfilter_fields; i++) {
            n = r->filter_fields[i].source;
            hash = ngx_kafka_ws_render_hash_add(hash, &n, sizeof(n));
            hash = ngx_kafka_ws_render_hash_span(hash,
                                                 &r->filter_fields[i].name);
        }
    }

    return hash == 0 ? 1 : hash;
}


static uint64_t
ngx_kafka_ws_render_hash_span(uint64_t hash, const ngx_kafka_ws_span_t *s)
{
    uint64_t  len;

    len = s->len;
    hash = ngx_kafka_ws_render_hash_add(hash, &len, sizeof(len));

    return ngx_kafka_ws_render_hash_add(hash, s->data, s->len);
}


static uint64_t
ngx_kafka_ws_render_hash_add(uint64_t hash, const void *p, size_t n)
{
    const uint8_t  *data;

    for (data = p; n > 0; n--) {
        hash = (hash ^ *data++) * 0x100000001b3ULL;
    }

    return hash;
}
