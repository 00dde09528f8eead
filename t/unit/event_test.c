
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Server events to the byte, and in memory of every length up to enough.
 */


#include "guard.h"
#include "tap.h"

#include <cjson/cJSON.h>

#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_frame.h"


#define TEXT(s)  { (const uint8_t *) s, sizeof(s) - 1 }


typedef size_t (*event_pt)(uint8_t *buf, size_t size);

typedef struct {
    const char  *name;
    event_pt     write;
    const char  *want;
} case_t;


static size_t start_none(uint8_t *buf, size_t size);
static size_t start_one(uint8_t *buf, size_t size);
static size_t start_states(uint8_t *buf, size_t size);
static size_t start_topic(uint8_t *buf, size_t size);
static size_t gap(uint8_t *buf, size_t size);
static size_t gap_topic(uint8_t *buf, size_t size);
static size_t error_quotes(uint8_t *buf, size_t size);
static size_t error_topic(uint8_t *buf, size_t size);
static size_t error_id(uint8_t *buf, size_t size);
static size_t answer(uint8_t *buf, size_t size);
static size_t answer_cursor(uint8_t *buf, size_t size);
static size_t answer_empty(uint8_t *buf, size_t size);
static size_t idle(uint8_t *buf, size_t size);
static size_t idle_topic(uint8_t *buf, size_t size);
static void test_case(const case_t *c);
static void test_reasons(void);
static void test_start_bound(void);
static void test_event_len(void);


static const ngx_kafka_ws_span_t  prices = TEXT("prices");
static const ngx_kafka_ws_span_t  id = TEXT("\"a\\u0041\"");
static const ngx_kafka_ws_span_t  odd = TEXT("a\"\n\xff\xc3\xa9");


static const case_t  cases[] = {
    { "start without partitions", start_none,
      "{\"event\":\"start\",\"partitions\":[]}" },

    { "start with one partition", start_one,
      "{\"event\":\"start\",\"partitions\":"
      "[{\"partition\":0,\"offset\":42,\"state\":\"start\"}]}" },

    { "start with each state", start_states,
      "{\"event\":\"start\",\"partitions\":["
      "{\"partition\":0,\"offset\":0,\"state\":\"start\"},"
      "{\"partition\":1,\"offset\":9007199254740993,\"state\":\"resumed\"},"
      "{\"partition\":2,\"offset\":2,\"state\":\"backfilled\"},"
      "{\"partition\":3,\"offset\":3,\"state\":\"gap\"},"
      "{\"partition\":2147483647,\"offset\":9223372036854775807,"
      "\"state\":\"reset\"}]}" },

    { "start with a topic", start_topic,
      "{\"event\":\"start\",\"topic\":\"prices\",\"partitions\":"
      "[{\"partition\":7,\"offset\":1,\"state\":\"gap\"}]}" },

    { "gap", gap,
      "{\"event\":\"gap\",\"partition\":0,\"from\":10,\"to\":20,"
      "\"reason\":\"retention\"}" },

    { "gap with a topic", gap_topic,
      "{\"event\":\"gap\",\"topic\":\"prices\",\"partition\":1,"
      "\"from\":9007199254740993,\"to\":9223372036854775807,"
      "\"reason\":\"too-large\"}" },

    { "error with text to escape", error_quotes,
      "{\"event\":\"error\",\"code\":4404,"
      "\"message\":\"a\\\"\\n\xef\xbf\xbd\xc3\xa9\"}" },

    { "error with a topic to escape", error_topic,
      "{\"event\":\"error\",\"topic\":\"a\\\"\\n\xef\xbf\xbd\xc3\xa9\","
      "\"code\":1,\"message\":\"\"}" },

    { "error that answers", error_id,
      "{\"event\":\"error\",\"id\":\"a\\u0041\",\"topic\":\"prices\","
      "\"code\":4409,\"message\":\"prices\"}" },

    { "answer", answer,
      "{\"event\":\"subscribed\",\"id\":\"a\\u0041\","
      "\"topic\":\"prices\"}" },

    { "answer with a cursor", answer_cursor,
      "{\"event\":\"paused\",\"id\":\"a\\u0041\",\"topic\":\"prices\","
      "\"cursor\":\"0:9223372036854775807,7:1\"}" },

    { "answer with an empty cursor", answer_empty,
      "{\"event\":\"paused\",\"id\":\"a\\u0041\",\"topic\":\"prices\","
      "\"cursor\":\"\"}" },

    { "idle", idle, "{\"event\":\"idle\"}" },

    { "idle with a topic", idle_topic,
      "{\"event\":\"idle\",\"topic\":\"prices\"}" }
};


int
main(void)
{
    size_t  i, n;

    n = sizeof(cases) / sizeof(case_t);

    for (i = 0; i < n; i++) {
        test_case(&cases[i]);
    }

    test_reasons();
    test_start_bound();
    test_event_len();

    return tap_done((int) (3 * n + 11));
}


static size_t
start_none(uint8_t *buf, size_t size)
{
    ngx_kafka_ws_event_t  ev;

    ngx_kafka_ws_event_start_begin(&ev, buf, size, NULL);

    return ngx_kafka_ws_event_start_end(&ev);
}


static size_t
start_one(uint8_t *buf, size_t size)
{
    ngx_kafka_ws_event_t  ev;

    ngx_kafka_ws_event_start_begin(&ev, buf, size, NULL);
    ngx_kafka_ws_event_start_add(&ev, 0, 42, NGX_KAFKA_WS_STATE_START);

    return ngx_kafka_ws_event_start_end(&ev);
}


static size_t
start_states(uint8_t *buf, size_t size)
{
    ngx_kafka_ws_event_t  ev;

    ngx_kafka_ws_event_start_begin(&ev, buf, size, NULL);
    ngx_kafka_ws_event_start_add(&ev, 0, 0, NGX_KAFKA_WS_STATE_START);
    ngx_kafka_ws_event_start_add(&ev, 1, 9007199254740993,
                                 NGX_KAFKA_WS_STATE_RESUMED);
    ngx_kafka_ws_event_start_add(&ev, 2, 2, NGX_KAFKA_WS_STATE_BACKFILLED);
    ngx_kafka_ws_event_start_add(&ev, 3, 3, NGX_KAFKA_WS_STATE_GAP);
    ngx_kafka_ws_event_start_add(&ev, INT32_MAX, INT64_MAX,
                                 NGX_KAFKA_WS_STATE_RESET);

    return ngx_kafka_ws_event_start_end(&ev);
}


static size_t
start_topic(uint8_t *buf, size_t size)
{
    ngx_kafka_ws_event_t  ev;

    ngx_kafka_ws_event_start_begin(&ev, buf, size, &prices);
    ngx_kafka_ws_event_start_add(&ev, 7, 1, NGX_KAFKA_WS_STATE_GAP);

    return ngx_kafka_ws_event_start_end(&ev);
}


static size_t
gap(uint8_t *buf, size_t size)
{
    return ngx_kafka_ws_event_gap(buf, size, NULL, 0, 10, 20,
                                  NGX_KAFKA_WS_GAP_RETENTION);
}


static size_t
gap_topic(uint8_t *buf, size_t size)
{
    return ngx_kafka_ws_event_gap(buf, size, &prices, 1, 9007199254740993,
                                  INT64_MAX, NGX_KAFKA_WS_GAP_TOO_LARGE);
}


static size_t
error_quotes(uint8_t *buf, size_t size)
{
    return ngx_kafka_ws_event_error(buf, size, NULL, NULL, 4404, &odd);
}


static size_t
error_topic(uint8_t *buf, size_t size)
{
    ngx_kafka_ws_span_t  empty = TEXT("");

    return ngx_kafka_ws_event_error(buf, size, NULL, &odd, 1, &empty);
}


static size_t
error_id(uint8_t *buf, size_t size)
{
    return ngx_kafka_ws_event_error(buf, size, &id, &prices, 4409, &prices);
}


static size_t
answer(uint8_t *buf, size_t size)
{
    return ngx_kafka_ws_event_answer(buf, size, "subscribed", &id, &prices,
                                     NULL);
}


static size_t
answer_cursor(uint8_t *buf, size_t size)
{
    ngx_kafka_ws_span_t  cursor = TEXT("0:9223372036854775807,7:1");

    return ngx_kafka_ws_event_answer(buf, size, "paused", &id, &prices,
                                     &cursor);
}


static size_t
answer_empty(uint8_t *buf, size_t size)
{
    ngx_kafka_ws_span_t  cursor = TEXT("");

    return ngx_kafka_ws_event_answer(buf, size, "paused", &id, &prices,
                                     &cursor);
}


static size_t
idle(uint8_t *buf, size_t size)
{
    return ngx_kafka_ws_event_idle(buf, size, NULL);
}


static size_t
idle_topic(uint8_t *buf, size_t size)
{
    return ngx_kafka_ws_event_idle(buf, size, &prices);
}


/* the bytes, an independent parser, then memory of every length */

static void
test_case(const case_t *c)
{
    cJSON    *doc;
    size_t    n, len, size, bad, enough;
    uint8_t   buf[1024], want[1024], *p;

    n = strlen(c->want);
    len = ngx_kafka_ws_frame_header(want, NGX_KAFKA_WS_FRAME_FIN
                                          |NGX_KAFKA_WS_OP_TEXT, n);
    memcpy(want + len, c->want, n);

    is_mem(buf, c->write(buf, sizeof(buf)), want, len + n, "event: %s",
           c->name);

    doc = cJSON_ParseWithLength((char *) buf + len, n);
    ok(doc != NULL && doc->child != NULL
       && strcmp(doc->child->string, "event") == 0,
       "and a parser takes it");
    cJSON_Delete(doc);

    bad = 0;
    enough = n + NGX_KAFKA_WS_HEADER_MAX;

    for (size = 0; size <= enough; size++) {
        p = guard_new(size);
        bad += c->write(p, size) != (size == enough ? len + n : 0);
        guard_free(p, size);
    }

    is_int(bad, 0, "and needs its length and a header's, not a byte less");
}


static void
test_reasons(void)
{
    size_t    i, n;
    uint8_t   buf[256];

    static const struct {
        ngx_kafka_ws_gap_e   reason;
        const char          *want;
    } c[] = {
        { NGX_KAFKA_WS_GAP_RETENTION, "\"retention\"}" },
        { NGX_KAFKA_WS_GAP_LAPPED, "\"lapped\"}" },
        { NGX_KAFKA_WS_GAP_TOO_LARGE, "\"too-large\"}" },
        { NGX_KAFKA_WS_GAP_RESET, "\"reset\"}" }
    };

    for (i = 0; i < 4; i++) {
        n = ngx_kafka_ws_event_gap(buf, sizeof(buf), NULL, 0, 0, 0,
                                   c[i].reason);
        ok(n > 20 && memcmp(buf + n - strlen(c[i].want), c[i].want,
                            strlen(c[i].want)) == 0,
           "gap: the reason %s", c[i].want);
    }
}


static void
test_start_bound(void)
{
    cJSON                *doc;
    size_t                i, n, size;
    uint8_t              *buf, name[249];
    ngx_kafka_ws_span_t   topic;
    ngx_kafka_ws_event_t  ev;

    memset(name, 1, sizeof(name));
    topic.data = name;
    topic.len = sizeof(name);

    size = ngx_kafka_ws_event_start_bound(&topic, 10000);
    buf = guard_new(size);
    ngx_kafka_ws_event_start_begin(&ev, buf, size, &topic);

    for (i = 0; i < 10000; i++) {
        ngx_kafka_ws_event_start_add(&ev, INT32_MIN, INT64_MIN,
                                     NGX_KAFKA_WS_STATE_BACKFILLED);
    }

    n = ngx_kafka_ws_event_start_end(&ev);
    ok(n > 750000 && n <= size, "10000 long partitions fit into the bound");

    doc = cJSON_ParseWithLength((char *) buf + 10, n - 10);
    is_int(cJSON_GetArraySize(cJSON_GetObjectItem(doc, "partitions")), 10000,
           "and a parser finds all of them");
    cJSON_Delete(doc);
    guard_free(buf, size);

    topic.len = SIZE_MAX / 4;
    ok(ngx_kafka_ws_event_start_bound(&topic, 1) == SIZE_MAX
       && ngx_kafka_ws_event_start_bound(NULL, SIZE_MAX / 80) == SIZE_MAX,
       "the bound does not wrap");
}


static void
test_event_len(void)
{
    char                 text[256];
    uint8_t             *buf;
    ngx_kafka_ws_span_t  topic, message, longest;

    memset(text, 'x', sizeof(text));
    topic.data = (const uint8_t *) text;
    topic.len = 249;
    message.data = (const uint8_t *) text;
    message.len = 256;
    longest.data = (const uint8_t *) text;
    longest.len = 64;

    buf = guard_new(NGX_KAFKA_WS_EVENT_LEN);

    ok(ngx_kafka_ws_event_gap(buf, NGX_KAFKA_WS_EVENT_LEN, &topic, INT32_MIN,
                              INT64_MIN, INT64_MIN, NGX_KAFKA_WS_GAP_LAPPED),
       "the constant length is enough for any gap");
    ok(ngx_kafka_ws_event_error(buf, NGX_KAFKA_WS_EVENT_LEN, &longest, &topic,
                                UINT32_MAX, &message),
       "and for an error with 256 bytes of text");
    ok(ngx_kafka_ws_event_answer(buf, NGX_KAFKA_WS_EVENT_LEN, "unsubscribed",
                                 &longest, &topic, &message),
       "and for an answer with 256 bytes of cursor");
    ok(ngx_kafka_ws_event_idle(buf, NGX_KAFKA_WS_EVENT_LEN, &topic),
       "and for idle");

    guard_free(buf, NGX_KAFKA_WS_EVENT_LEN);
}
