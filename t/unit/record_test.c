
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Special records in each format: the payload to the byte, and for json a
 * look at it by an independent parser.
 */


#include "guard.h"
#include "tap.h"

#include <cjson/cJSON.h>

#include "ngx_kafka_ws_frame.h"
#include "ngx_kafka_ws_render.h"
#include "ngx_kafka_ws_utf8.h"


#define SPAN(s)    { (const uint8_t *) s, sizeof(s) - 1 }
#define NULL_SPAN  { NULL, 0 }


/*
 * The members are those from key on.  text is the opcode of that format,
 * 0: not sent.
 */

typedef struct {
    const char           *name;
    ngx_kafka_ws_span_t   key;
    ngx_kafka_ws_span_t   value;
    const char           *members;         /* kafka_ws_value auto */
    const char           *members_json;    /* kafka_ws_value json */
    uint8_t               text;
} case_t;


static void test_json(const case_t *c, unsigned value_json);
static void test_plain(const case_t *c, ngx_kafka_ws_format_e format);
static void test_depth(void);
static size_t payload_of(const uint8_t *frame, size_t len, uint8_t opcode);
static ngx_kafka_ws_record_t record_of(const case_t *c);


static const case_t  cases[] = {
    { "a text", SPAN("k"), SPAN("hello"),
      "\"key\":\"k\",\"value\":\"hello\"",
      "\"key\":\"k\",\"value\":\"hello\",\"encoding\":\"text\"", 1 },

    { "a tombstone", SPAN("k"), NULL_SPAN,
      "\"key\":\"k\",\"value\":null",
      "\"key\":\"k\",\"value\":null,\"tombstone\":true", 0 },

    { "a null key", NULL_SPAN, SPAN("v"),
      "\"key\":null,\"value\":\"v\"",
      "\"key\":null,\"value\":\"v\",\"encoding\":\"text\"", 1 },

    { "an empty key", SPAN(""), SPAN("v"),
      "\"key\":\"\",\"value\":\"v\"",
      "\"key\":\"\",\"value\":\"v\",\"encoding\":\"text\"", 1 },

    { "an empty value", SPAN("k"), SPAN(""),
      "\"key\":\"k\",\"value\":\"\"",
      "\"key\":\"k\",\"value\":\"\",\"encoding\":\"text\"", 1 },

    { "a null key and value", NULL_SPAN, NULL_SPAN,
      "\"key\":null,\"value\":null",
      "\"key\":null,\"value\":null,\"tombstone\":true", 0 },

    { "the word null", SPAN("k"), SPAN("null"),
      "\"key\":\"k\",\"value\":\"null\"",
      "\"key\":\"k\",\"value\":null", 1 },

    { "the word true", SPAN("k"), SPAN("true"),
      "\"key\":\"k\",\"value\":\"true\"",
      "\"key\":\"k\",\"value\":true", 1 },

    { "a number", SPAN("42"), SPAN("42"),
      "\"key\":\"42\",\"value\":\"42\"",
      "\"key\":\"42\",\"value\":42", 1 },

    { "a number with white space", SPAN("k"), SPAN(" 42\n"),
      "\"key\":\"k\",\"value\":\" 42\\n\"",
      "\"key\":\"k\",\"value\": 42\n", 1 },

    { "a number beyond 2^53", SPAN("k"), SPAN("9007199254740993"),
      "\"key\":\"k\",\"value\":\"9007199254740993\"",
      "\"key\":\"k\",\"value\":9007199254740993", 1 },

    { "an object with such a number", SPAN("k"),
      SPAN("{\"id\":9007199254740993}"),
      "\"key\":\"k\",\"value\":{\"id\":9007199254740993}",
      "\"key\":\"k\",\"value\":{\"id\":9007199254740993}", 1 },

    { "an object with white space", SPAN("k"), SPAN("\t{ \"a\" : 1 }\r\n "),
      "\"key\":\"k\",\"value\":\t{ \"a\" : 1 }\r\n ",
      "\"key\":\"k\",\"value\":\t{ \"a\" : 1 }\r\n ", 1 },

    { "an array", SPAN("{}"), SPAN("[1,\"\xc3\xa9\"]"),
      "\"key\":\"{}\",\"value\":[1,\"\xc3\xa9\"]",
      "\"key\":\"{}\",\"value\":[1,\"\xc3\xa9\"]", 1 },

    { "a JSON string", SPAN("k"), SPAN("\"a\\u0000\""),
      "\"key\":\"k\",\"value\":\"\\\"a\\\\u0000\\\"\"",
      "\"key\":\"k\",\"value\":\"a\\u0000\"", 1 },

    { "a broken object", SPAN("k"), SPAN("{\"a\":1"),
      "\"key\":\"k\",\"value\":\"{\\\"a\\\":1\"",
      "\"key\":\"k\",\"value\":\"{\\\"a\\\":1\",\"encoding\":\"text\"", 1 },

    { "an object and more", SPAN("k"), SPAN("{},\"value\":1"),
      "\"key\":\"k\",\"value\":\"{},\\\"value\\\":1\"",
      "\"key\":\"k\",\"value\":\"{},\\\"value\\\":1\",\"encoding\":\"text\"",
      1 },

    { "binary", SPAN("\xff\x00\x01"), SPAN("\xde\xad\xbe\xef"),
      "\"key\":\"/wAB\",\"key_encoding\":\"base64\","
      "\"value\":\"3q2+7w==\",\"encoding\":\"base64\"",
      "\"key\":\"/wAB\",\"key_encoding\":\"base64\","
      "\"value\":\"3q2+7w==\",\"encoding\":\"base64\"", 2 },

    { "an object that is not UTF-8", SPAN("k"), SPAN("{\"a\":\"\xe9\"}"),
      "\"key\":\"k\",\"value\":\"eyJhIjoi6SJ9\",\"encoding\":\"base64\"",
      "\"key\":\"k\",\"value\":\"eyJhIjoi6SJ9\",\"encoding\":\"base64\"", 2 },

    { "a surrogate", SPAN("\xed\xa0\x80"), SPAN("\xed\xa0\x80"),
      "\"key\":\"7aCA\",\"key_encoding\":\"base64\","
      "\"value\":\"7aCA\",\"encoding\":\"base64\"",
      "\"key\":\"7aCA\",\"key_encoding\":\"base64\","
      "\"value\":\"7aCA\",\"encoding\":\"base64\"", 2 },

    { "one bad byte at the end of a text", SPAN("k"),
      SPAN("a text of some length\xc3"),
      "\"key\":\"k\",\"value\":\"YSB0ZXh0IG9mIHNvbWUgbGVuZ3Roww==\","
      "\"encoding\":\"base64\"",
      "\"key\":\"k\",\"value\":\"YSB0ZXh0IG9mIHNvbWUgbGVuZ3Roww==\","
      "\"encoding\":\"base64\"", 2 },

    { "NUL inside", SPAN("a\0b"), SPAN("\0"),
      "\"key\":\"a\\u0000b\",\"value\":\"\\u0000\"",
      "\"key\":\"a\\u0000b\",\"value\":\"\\u0000\",\"encoding\":\"text\"",
      1 },

    { "quotes and backslashes", SPAN("\"\\"), SPAN("say \"hi\\\"\t"),
      "\"key\":\"\\\"\\\\\",\"value\":\"say \\\"hi\\\\\\\"\\t\"",
      "\"key\":\"\\\"\\\\\",\"value\":\"say \\\"hi\\\\\\\"\\t\","
      "\"encoding\":\"text\"", 1 },

    { "U+2028", SPAN("\xe2\x80\xa8"), SPAN("\xe2\x80\xa8"),
      "\"key\":\"\xe2\x80\xa8\",\"value\":\"\xe2\x80\xa8\"",
      "\"key\":\"\xe2\x80\xa8\",\"value\":\"\xe2\x80\xa8\","
      "\"encoding\":\"text\"", 1 },

    { "text of four bytes a character", SPAN("k"), SPAN("\xf0\x9f\x98\x80"),
      "\"key\":\"k\",\"value\":\"\xf0\x9f\x98\x80\"",
      "\"key\":\"k\",\"value\":\"\xf0\x9f\x98\x80\",\"encoding\":\"text\"",
      1 }
};


int
main(void)
{
    size_t  i, n;

    n = sizeof(cases) / sizeof(case_t);

    for (i = 0; i < n; i++) {
        test_json(&cases[i], 0);
        test_json(&cases[i], 1);
        test_plain(&cases[i], NGX_KAFKA_WS_FORMAT_TEXT);
        test_plain(&cases[i], NGX_KAFKA_WS_FORMAT_BINARY);
    }

    test_depth();

    return tap_done((int) (6 * n + 6));
}


static ngx_kafka_ws_record_t
record_of(const case_t *c)
{
    ngx_kafka_ws_record_t  rec;

    memset(&rec, 0, sizeof(rec));

    rec.topic.data = (const uint8_t *) "answers";
    rec.topic.len = 7;
    rec.partition = 3;
    rec.offset = 9007199254740993;
    rec.timestamp = 1700000000123;
    rec.key = c->key;
    rec.value = c->value;

    return rec;
}


/* returns where the payload begins, 0 unless it is one whole final frame */

static size_t
payload_of(const uint8_t *frame, size_t len, uint8_t opcode)
{
    size_t   n;
    uint8_t  header[NGX_KAFKA_WS_HEADER_MAX];

    for (n = 2; n <= 10; n += n == 2 ? 2 : 6) {

        if (len >= n
            && ngx_kafka_ws_frame_header(header, NGX_KAFKA_WS_FRAME_FIN
                                         |opcode, len - n) == n
            && memcmp(frame, header, n) == 0)
        {
            return n;
        }
    }

    return 0;
}


static void
test_json(const case_t *c, unsigned value_json)
{
    char                       want[512];
    cJSON                     *doc, *value;
    size_t                     n, at, len, size;
    uint8_t                   *buf, *frame;
    const char                *mode;
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    memset(&r, 0, sizeof(r));
    r.fields = NGX_KAFKA_WS_FIELDS_DEFAULT;
    r.value_json = value_json;
    mode = value_json ? "json" : "auto";

    rec = record_of(c);
    rec.value.data = c->value.data
                     ? guard_copy(c->value.data, c->value.len) : NULL;

    (void) snprintf(want, sizeof(want), "{\"partition\":3,\"offset\":"
                    "9007199254740993,\"timestamp\":1700000000123,%s}",
                    value_json ? c->members_json : c->members);

    size = ngx_kafka_ws_render_bound(&r, &rec);
    buf = guard_new(size);
    frame = ngx_kafka_ws_render(&r, &rec, buf, size, &len);
    at = payload_of(frame, len, NGX_KAFKA_WS_OP_TEXT);
    n = len - at;

    is_mem(frame + at, n, want, strlen(want), "%s: %s", mode, c->name);

    doc = cJSON_ParseWithLength((char *) frame + at, n);
    value = cJSON_GetObjectItem(doc, "value");

    ok(at > 0 && ngx_kafka_ws_utf8_valid(frame + at, n)
       && cJSON_IsObject(doc) && value != NULL
       && (value_json || cJSON_IsNull(value) == (c->value.data == NULL)),
       "%s: a parser takes the frame of %s", mode, c->name);

    cJSON_Delete(doc);
    guard_free(buf, size);

    if (rec.value.data != NULL) {
        guard_free((uint8_t *) rec.value.data, rec.value.len);
    }
}


static void
test_plain(const case_t *c, ngx_kafka_ws_format_e format)
{
    size_t                     at, len, size;
    uint8_t                   *buf, *frame, opcode;
    const char                *name;
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    memset(&r, 0, sizeof(r));
    r.format = format;
    rec = record_of(c);

    name = format == NGX_KAFKA_WS_FORMAT_TEXT ? "text" : "binary";
    opcode = format == NGX_KAFKA_WS_FORMAT_TEXT ? c->text
                                                : NGX_KAFKA_WS_OP_BINARY;
    size = ngx_kafka_ws_render_bound(&r, &rec);
    buf = guard_new(size);
    frame = ngx_kafka_ws_render(&r, &rec, buf, size, &len);

    if (c->value.data == NULL) {
        ok(frame != NULL && len == 0, "%s: %s is not sent", name, c->name);
        guard_free(buf, size);
        return;
    }

    at = payload_of(frame, len, opcode);
    ok(at > 0 && len - at == c->value.len
       && memcmp(frame + at, c->value.data, c->value.len) == 0,
       "%s: %s is the value alone, with opcode %d", name, c->name, opcode);

    guard_free(buf, size);
}


static void
test_depth(void)
{
    case_t                     c;
    size_t                     i, at, len, size;
    uint8_t                    value[1100], buf[8192], *frame;
    const char                *want;
    ngx_kafka_ws_record_t      rec;
    ngx_kafka_ws_rendering_t   r;

    memset(&c, 0, sizeof(c));
    memset(&r, 0, sizeof(r));
    r.fields = NGX_KAFKA_WS_FIELD_VALUE;

    for (i = 512; i <= 513; i++) {
        memset(value, '[', i);
        memset(value + i, ']', i);
        c.value.data = value;
        c.value.len = 2 * i;
        rec = record_of(&c);

        for (r.value_json = 0; r.value_json < 2; r.value_json++) {
            size = ngx_kafka_ws_render_bound(&r, &rec);
            frame = ngx_kafka_ws_render(&r, &rec, buf, size, &len);
            at = payload_of(frame, len, NGX_KAFKA_WS_OP_TEXT);

            want = i == 512 ? "{\"value\":[" : "{\"value\":\"[";
            ok(at > 0 && memcmp(frame + at, want, strlen(want)) == 0,
               "%zu nested arrays, mode %u: %s", i, r.value_json,
               i == 512 ? "embedded" : "a string");
        }
    }

    frame[len] = '\0';
    ok(strstr((char *) frame + at, "]\",\"encoding\":\"text\"}") != NULL,
       "and in mode json it is marked as text");

    /* too deep, and not UTF-8 after that */

    memset(value, '[', 1000);
    value[999] = 0xff;
    c.value.len = 1000;
    rec = record_of(&c);
    frame = ngx_kafka_ws_render(&r, &rec, buf, sizeof(buf), &len);
    frame[len] = '\0';
    ok(strstr((char *) frame, ",\"encoding\":\"base64\"}") != NULL,
       "what is too deep and not UTF-8 is base64");
}
