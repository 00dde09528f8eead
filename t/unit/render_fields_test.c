
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The block of fields as a rendering: what filters find in it, its bound, and
 * when two of them are the same.
 */


#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_render.h"


#define TEXT(s)    { (const uint8_t *) s, sizeof(s) - 1 }
#define SPAN(s)    (ngx_kafka_ws_span_t) TEXT(s)
#define KEY        { NGX_KAFKA_WS_FILTER_KEY, { NULL, 0 } }
#define HEADER(s)  { NGX_KAFKA_WS_FILTER_HEADER, TEXT(s) }
#define POINTER(s) { NGX_KAFKA_WS_FILTER_JSON, TEXT(s) }
#define N(list)    (sizeof(list) / sizeof(list[0]))


typedef ngx_kafka_ws_filter_field_t  field_t;


static void test_values(void);
static void test_tombstone(void);
static void test_bound(void);
static void test_identity(void);
static ngx_kafka_ws_rendering_t rendering_of(const field_t *fields, size_t n);


int
main(void)
{
    test_values();
    test_tombstone();
    test_bound();
    test_identity();

    return tap_done(17);
}


static ngx_kafka_ws_rendering_t
rendering_of(const field_t *fields, size_t n)
{
    ngx_kafka_ws_rendering_t  r;

    memset(&r, 0, sizeof(r));
    r.format = NGX_KAFKA_WS_FORMAT_FIELDS;
    r.filter_fields = fields;
    r.nfilter_fields = n;

    return r;
}


static void
test_values(void)
{
    size_t                     i, len, size;
    uint8_t                   *buf, *block, *other;
    ngx_kafka_ws_span_t        value;
    ngx_kafka_ws_header_t      h[] = {
        { TEXT("user"), TEXT("ann") },
        { TEXT("none"), { NULL, 0 } },
        { TEXT("user"), TEXT("bob") }
    };
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    static const field_t  fields[] = {
        KEY, HEADER("none"), HEADER("user"), POINTER("/a"), POINTER("/b/c"),
        POINTER("/lost")
    };
    static const char  *want[] = { "k", NULL, "bob", "\xc3\xa9", "7", NULL };

    memset(&rec, 0, sizeof(rec));
    rec.topic = SPAN("t");
    rec.key = SPAN("k");
    rec.value = SPAN("{\"a\":\"\\u00e9\",\"b\":{\"c\":7}}");
    rec.headers = h;
    rec.nheaders = N(h);

    r = rendering_of(fields, N(fields));
    size = ngx_kafka_ws_render_bound(&r, &rec);
    buf = guard_new(size);
    block = ngx_kafka_ws_render(&r, &rec, buf, size, &len);

    ok(block == buf && len > 0 && len <= size,
       "a block, from the buffer's beginning and within it");

    for (i = 0; i < N(fields); i++) {

        if (want[i] == NULL) {
            ok(!ngx_kafka_ws_filter_value(block, len, (unsigned) i, &value),
               "field %zu: the record has none", i);
            continue;
        }

        ok(ngx_kafka_ws_filter_value(block, len, (unsigned) i, &value)
           && value.len == strlen(want[i])
           && memcmp(value.data, want[i], value.len) == 0,
           "field %zu: its value", i);
    }

    other = guard_new(size);
    ok(ngx_kafka_ws_filter_extract(fields, N(fields), &rec, other, size) == len
       && memcmp(other, block, len) == 0, "there is nothing around the block");

    guard_free(other, size);
    guard_free(buf, size);
}


static void
test_tombstone(void)
{
    size_t                     len, size;
    uint8_t                   *buf, *block;
    ngx_kafka_ws_span_t        value;
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    static const field_t  fields[] = { KEY, POINTER("/a") };

    memset(&rec, 0, sizeof(rec));
    rec.key = SPAN("k");

    r = rendering_of(fields, N(fields));
    size = ngx_kafka_ws_render_bound(&r, &rec);
    buf = guard_new(size);
    block = ngx_kafka_ws_render(&r, &rec, buf, size, &len);

    ok(block == buf && ngx_kafka_ws_filter_value(block, len, 0, &value)
       && value.len == 1 && !ngx_kafka_ws_filter_value(block, len, 1, &value),
       "a tombstone has a block, with its key");

    rec.key.data = NULL;
    rec.key.len = 0;
    block = ngx_kafka_ws_render(&r, &rec, buf, size, &len);

    ok(block == buf && len > 0
       && !ngx_kafka_ws_filter_value(block, len, 0, &value),
       "so it has without one");

    guard_free(buf, size);
}


static void
test_bound(void)
{
    size_t                     len, size;
    uint8_t                    buf[256];
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    static const field_t  fields[] = { KEY, POINTER("/a") };

    memset(&rec, 0, sizeof(rec));
    rec.key = SPAN("k");
    rec.value = SPAN("{\"a\":1}");

    r = rendering_of(fields, N(fields));
    size = ngx_kafka_ws_render_bound(&r, &rec);

    ok(ngx_kafka_ws_render(&r, &rec, buf, size, &len) == buf
       && ngx_kafka_ws_render(&r, &rec, buf, size - 1, &len) == NULL
       && len == size, "a byte less than the bound is refused, with the bound");

    rec.value.len = SIZE_MAX - 8;
    ok(ngx_kafka_ws_render_bound(&r, &rec) == SIZE_MAX
       && ngx_kafka_ws_render(&r, &rec, buf, SIZE_MAX, &len) == NULL,
       "the bound does not wrap");
}


static void
test_identity(void)
{
    size_t                     i, j, bad;
    field_t                    copy[2];
    uint8_t                    name[] = "a";
    ngx_kafka_ws_rendering_t   all[9], a, b;

    static const field_t  key[] = { KEY };
    static const field_t  header[] = { HEADER("a"), HEADER("b") };
    static const field_t  joined[] = { HEADER("ab"), HEADER("") };
    static const field_t  pointer[] = { POINTER("/a"), POINTER("/b") };
    static const field_t  like[] = { HEADER("/a"), POINTER("/b") };

    all[0] = rendering_of(key, 1);
    all[1] = rendering_of(header, 1);
    all[2] = rendering_of(header, 2);
    all[3] = rendering_of(joined, 2);
    all[4] = rendering_of(pointer, 1);
    all[5] = rendering_of(pointer, 2);
    all[6] = rendering_of(like, 2);

    all[7] = all[0];
    all[7].format = NGX_KAFKA_WS_FORMAT_JSON;
    all[8] = all[0];
    all[8].format = NGX_KAFKA_WS_FORMAT_BINARY;

    bad = 0;

    for (i = 0; i < N(all); i++) {

        for (j = 0; j < N(all); j++) {
            bad += ngx_kafka_ws_rendering_equal(&all[i], &all[j]) != (i == j);
            bad += (ngx_kafka_ws_rendering_hash(&all[i])
                    == ngx_kafka_ws_rendering_hash(&all[j])) != (i == j);
        }
    }

    is_int(bad, 0, "other fields are another rendering, with another hash");

    ok(ngx_kafka_ws_rendering_hash(&all[2]) == 0x9992f9bba4ba3b75ULL,
       "the hash is the same in every process");

    memcpy(copy, header, sizeof(copy));
    copy[0].name.data = name;
    a = all[2];
    b = rendering_of(copy, 2);
    ok(ngx_kafka_ws_rendering_equal(&a, &b)
       && ngx_kafka_ws_rendering_hash(&a) == ngx_kafka_ws_rendering_hash(&b),
       "equal fields elsewhere in memory are the same one");

    b.fields = NGX_KAFKA_WS_FIELDS_DEFAULT;
    b.value_json = 1;
    ok(ngx_kafka_ws_rendering_equal(&a, &b)
       && ngx_kafka_ws_rendering_hash(&a) == ngx_kafka_ws_rendering_hash(&b),
       "what clients' frames depend on makes no difference");

    a = all[7];
    a.filter_fields = NULL;
    a.nfilter_fields = 0;
    ok(ngx_kafka_ws_rendering_equal(&a, &all[7])
       && ngx_kafka_ws_rendering_hash(&a)
          == ngx_kafka_ws_rendering_hash(&all[7]),
       "nor does it make one to a client's frame");
}
