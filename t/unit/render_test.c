
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Fields, bounds and identity of renderings.
 */


#include "guard.h"
#include "tap.h"

#include "rendered.h"


#define FIELD(name)  NGX_KAFKA_WS_FIELD_##name
#define ALL          0x7f
#define JSON         NGX_KAFKA_WS_FORMAT_JSON
#define BIN          NGX_KAFKA_WS_FORMAT_BINARY


static void test_fields(void);
static void test_bound_is_enough(void);
static void test_bound_is_needed(void);
static void test_frame_lengths(void);
static void test_identity(void);


int
main(void)
{
    test_fields();
    test_bound_is_enough();
    test_bound_is_needed();
    test_frame_lengths();
    test_identity();

    return tap_done(24);
}


static void
test_fields(void)
{
    char                       got[512], want[512];
    size_t                     i, bad;
    uint32_t                   fields;
    ngx_kafka_ws_header_t      h = { TEXT("a"), TEXT("1") };
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    static const struct {
        uint32_t     field;
        const char  *text;
    } parts[] = {
        { FIELD(TOPIC), "\"topic\":\"t\"," },
        { FIELD(PARTITION), "\"partition\":2147483647," },
        { FIELD(OFFSET), "\"offset\":9223372036854775807," },
        { FIELD(TIMESTAMP), "\"timestamp\":0," },
        { FIELD(KEY), "\"key\":\"/w==\",\"key_encoding\":\"base64\"," },
        { FIELD(HEADERS), "\"headers\":{\"a\":\"1\"}," },
        { FIELD(VALUE), "\"value\":null,\"tombstone\":true," }
    };

    memset(&r, 0, sizeof(r));
    memset(&rec, 0, sizeof(rec));
    r.value_json = 1;
    rec.topic = SPAN("t");
    rec.partition = INT32_MAX;
    rec.offset = INT64_MAX;
    rec.key = SPAN("\xff");
    rec.headers = &h;
    rec.nheaders = 1;

    bad = 0;

    for (fields = 0; fields <= ALL; fields++) {
        strcpy(want, "{");

        for (i = 0; i < 7; i++) {
            if (fields & parts[i].field) {
                strcat(want, parts[i].text);
            }
        }

        i = strlen(want);
        strcpy(want + i - (i > 1), "}");

        r.fields = fields;
        (void) payload_of(&r, &rec, got);

        if (strcmp(got, want) != 0) {
            printf("# fields %x: %s\n", (unsigned) fields, got);
            bad++;
        }
    }

    is_int(bad, 0, "each of the 128 choices has its members, in order");

    r.fields = FIELD(TIMESTAMP);
    rec.timestamp = -1;
    (void) payload_of(&r, &rec, got);
    ok(strcmp(got, "{\"timestamp\":null}") == 0, "no timestamp is null");

    r.fields = FIELD(HEADERS)|FIELD(OFFSET);
    rec.offset = 0;
    rec.nheaders = 0;
    rec.headers = NULL;
    (void) payload_of(&r, &rec, got);
    ok(strcmp(got, "{\"offset\":0,\"headers\":{}}") == 0,
       "a record without headers has an empty object");

    r.fields = FIELD(TOPIC);
    rec.topic = SPAN("odd\"\xff");
    (void) payload_of(&r, &rec, got);
    ok(strcmp(got, "{\"topic\":\"odd\\\"\xef\xbf\xbd\"}") == 0,
       "any topic gives JSON");
}


/* the longest texts there are, in memory of just the bound */

static void
test_bound_is_enough(void)
{
    char                      *got;
    size_t                     i, n, len, bad;
    uint8_t                    zero[300], control[30];
    const char                *lead;
    ngx_kafka_ws_span_t        odd[3];
    ngx_kafka_ws_header_t      h[30];
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    got = malloc(1 << 18);
    memset(zero, 0, sizeof(zero));
    bad = 0;
    lead = "{\"topic\":\"";

    for (n = 0; n < 30; n++) {
        control[n] = (uint8_t) (n < 8 ? n : n == 29 ? 31 : n + 1);
    }

    for (len = 0; len < 300; len += 1 + len / 8) {
        odd[0].data = zero;
        odd[0].len = len;
        odd[1].data = memset(got + (1 << 17), 0xff, 300);
        odd[1].len = len;
        odd[2].data = NULL;
        odd[2].len = 0;

        for (i = 0; i < 2 * 9 * 4; i++) {
            memset(&r, 0, sizeof(r));
            memset(&rec, 0, sizeof(rec));

            r.fields = ALL;
            r.value_json = i % 2;
            rec.topic = odd[0];
            rec.partition = INT32_MIN;
            rec.offset = INT64_MIN;
            rec.timestamp = INT64_MAX;
            rec.key = odd[i / 2 % 3];
            rec.value = odd[i / 6 % 3];
            rec.headers = h;
            rec.nheaders = (size_t[]) { 0, 1, 16, 30 }[i / 18];

            /* names that are all different and all escaped */

            for (n = 0; n < rec.nheaders; n++) {
                h[n].name.data = control + n;
                h[n].name.len = 1;
                h[n].value = odd[i / 2 % 3];
            }

            (void) payload_of(&r, &rec, got);
            bad += strncmp(got, lead, strlen(lead)) != 0;
        }
    }

    is_int(bad, 0, "the bound is enough for the longest of all texts");

    free(got);
}


static void
test_bound_is_needed(void)
{
    size_t                     len, size;
    uint8_t                    buf[4096];
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_header_t      h;
    ngx_kafka_ws_rendering_t   r;

    memset(&r, 0, sizeof(r));
    memset(&rec, 0, sizeof(rec));
    r.fields = ALL;
    rec.value = SPAN("hello");

    size = ngx_kafka_ws_render_bound(&r, &rec);
    ok(ngx_kafka_ws_render(&r, &rec, buf, size, &len) != NULL,
       "a buffer of the bound is taken");
    ok(ngx_kafka_ws_render(&r, &rec, buf, size - 1, &len) == NULL
       && len == size, "one byte less is refused with the size needed");

    r.format = NGX_KAFKA_WS_FORMAT_BINARY;
    is_int(ngx_kafka_ws_render_bound(&r, &rec), 15, "binary: value and 10");
    ok(ngx_kafka_ws_render(&r, &rec, buf, 14, &len) == NULL && len == 15,
       "binary: one byte less is refused");

    rec.value.len = SIZE_MAX - 5;
    ok(ngx_kafka_ws_render_bound(&r, &rec) == SIZE_MAX,
       "binary: the bound does not wrap");

    r.format = NGX_KAFKA_WS_FORMAT_JSON;
    rec.value.len = SIZE_MAX / 6;
    ok(ngx_kafka_ws_render_bound(&r, &rec) == SIZE_MAX
       && ngx_kafka_ws_render(&r, &rec, buf, SIZE_MAX, &len) == NULL,
       "json: the bound does not wrap");

    rec.value.len = 5;
    rec.headers = &h;
    rec.nheaders = SIZE_MAX / 8;
    ok(ngx_kafka_ws_render_bound(&r, &rec) == SIZE_MAX,
       "json: nor does it for more headers than there can be");
}


static void
test_frame_lengths(void)
{
    size_t                     i, len, size;
    uint8_t                   *value, *buf, *frame;
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    static const struct {
        size_t       n;
        const char  *header;
        size_t       len;
    } c[] = {
        { 0, "\x81\x00", 2 },
        { 125, "\x81\x7d", 2 },
        { 126, "\x81\x7e\x00\x7e", 4 },
        { 65535, "\x81\x7e\xff\xff", 4 },
        { 65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10 }
    };

    memset(&r, 0, sizeof(r));
    memset(&rec, 0, sizeof(rec));
    r.format = NGX_KAFKA_WS_FORMAT_TEXT;

    value = malloc(65536);
    memset(value, 'x', 65536);
    size = 65536 + NGX_KAFKA_WS_HEADER_MAX;
    buf = guard_new(size);

    for (i = 0; i < 5; i++) {
        rec.value.data = value;
        rec.value.len = c[i].n;
        frame = ngx_kafka_ws_render(&r, &rec, buf, size, &len);

        ok(len == c[i].n + c[i].len && frame + len <= buf + size
           && memcmp(frame, c[i].header, c[i].len) == 0
           && memcmp(frame + c[i].len, value, c[i].n) == 0,
           "a text of %zu bytes has a header of %zu", c[i].n, c[i].len);
    }

    guard_free(buf, size);
    free(value);
}


static void
test_identity(void)
{
    size_t                     i, j, bad;
    ngx_kafka_ws_span_t        copy[2];
    ngx_kafka_ws_rendering_t   a, b;

    static ngx_kafka_ws_span_t       ab[] = { TEXT("a"), TEXT("b") };
    static ngx_kafka_ws_span_t       joined[] = { TEXT("ab"), TEXT("") };
    const ngx_kafka_ws_rendering_t   all[] = {
        { JSON, 0, NGX_KAFKA_WS_FIELDS_DEFAULT, NULL, 0, 0, 0, NULL, 0 },
        { JSON, 1, NGX_KAFKA_WS_FIELDS_DEFAULT, NULL, 0, 0, 0, NULL, 0 },
        { JSON, 0, ALL, NULL, 0, 0, 0, NULL, 0 },
        { JSON, 0, ALL, ab, 1, 0, 0, NULL, 0 },
        { JSON, 0, ALL, ab, 2, 0, 0, NULL, 0 },
        { JSON, 0, ALL, joined, 2, 0, 0, NULL, 0 },
        { JSON, 0, 0, NULL, 0, 0, 0, NULL, 0 },
        { NGX_KAFKA_WS_FORMAT_TEXT, 0, 0, NULL, 0, 0, 0, NULL, 0 },
        { BIN, 0, 0, NULL, 0, 0, 0, NULL, 0 },
        { BIN, 0, 0, NULL, 0, 1, 0, NULL, 0 },
        { BIN, 0, 0, NULL, 0, 6, 0, NULL, 0 },
        { BIN, 0, 0, NULL, 0, 1, 64, NULL, 0 },
        { JSON, 0, ALL, ab, 2, 1, 64, NULL, 0 }
    };

    bad = 0;

    for (i = 0; i < 13; i++) {

        for (j = 0; j < 13; j++) {
            bad += ngx_kafka_ws_rendering_equal(&all[i], &all[j]) != (i == j);
            bad += (ngx_kafka_ws_rendering_hash(&all[i])
                    == ngx_kafka_ws_rendering_hash(&all[j])) != (i == j);
        }

        bad += ngx_kafka_ws_rendering_hash(&all[i]) == 0;
    }

    is_int(bad, 0, "thirteen renderings, all different, as are their hashes");

    a = all[0];
    ok(ngx_kafka_ws_rendering_hash(&a) == 0xf7ca5923d8aa2012ULL,
       "the hash is the same in every process");

    b = all[4];
    a = all[4];
    copy[0] = ab[0];
    copy[1] = (ngx_kafka_ws_span_t) TEXT("b");
    b.names = copy;
    ok(ngx_kafka_ws_rendering_equal(&a, &b)
       && ngx_kafka_ws_rendering_hash(&a) == ngx_kafka_ws_rendering_hash(&b),
       "equal names elsewhere in memory are equal");

    a = all[8];
    b = all[4];
    b.format = BIN;
    b.value_json = 1;
    ok(ngx_kafka_ws_rendering_equal(&a, &b)
       && ngx_kafka_ws_rendering_hash(&a) == ngx_kafka_ws_rendering_hash(&b),
       "binary is binary, whatever else is said");

    a = all[8];
    b = all[8];
    b.deflate_min = 64;
    ok(ngx_kafka_ws_rendering_equal(&a, &b)
       && ngx_kafka_ws_rendering_hash(&a) == ngx_kafka_ws_rendering_hash(&b),
       "nor does a bound of what is not compressed");

    a = all[6];
    b = all[6];
    b.value_json = 1;
    b.names = ab;
    b.nnames = 2;
    ok(ngx_kafka_ws_rendering_equal(&a, &b)
       && ngx_kafka_ws_rendering_hash(&a) == ngx_kafka_ws_rendering_hash(&b),
       "what no member depends on makes no difference");

    a = all[1];
    b = all[1];
    b.value_json = 2;
    ok(ngx_kafka_ws_rendering_equal(&a, &b)
       && ngx_kafka_ws_rendering_hash(&a) == ngx_kafka_ws_rendering_hash(&b),
       "any value but 0 is the mode json");
}
