
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Filters: fields as they are written, lists, what people read, and the values
 * of records in their blocks.
 */


#include "guard.h"
#include "tap.h"

#include "filter_block.h"


#define HEADERS     12000

#define text(s)     s, sizeof(s) - 1


static int test_parse(void);
static int test_compare(void);
static int test_split(void);
static int test_print(void);
static int test_values(void);
static void test_order(void);
static void test_many_headers(void);


int
main(void)
{
    int  n;

    n = test_parse();
    n += test_compare();
    n += test_split();
    n += test_print();
    n += test_values();

    test_order();
    test_many_headers();

    return tap_done(n + 3);
}


static int
test_parse(void)
{
    size_t                         i, n;
    uint8_t                       *p;
    const char                    *error;
    ngx_kafka_ws_span_t            name;
    ngx_kafka_ws_filter_field_t    f;

    static const struct {
        const char                      *text;
        size_t                           len;
        const char                      *error;   /* a part of it */
        ngx_kafka_ws_filter_source_e     source;
        const char                      *name;
    } cases[] = {
        { text("key"), NULL, KEY, "" },
        { text("header:a"), NULL, HEADER, "a" },
        { text("header:a:b,c /~"), NULL, HEADER, "a:b,c /~" },
        { text("header:\xff"), NULL, HEADER, "\xff" },
        { text("header:key"), NULL, HEADER, "key" },
        { text("json:"), NULL, JSON, "" },
        { text("json:/"), NULL, JSON, "/" },
        { text("json:/a"), NULL, JSON, "/a" },
        { text("json:/a/0//b"), NULL, JSON, "/a/0//b" },
        { text("json:/a~0~1b~01"), NULL, JSON, "/a~0~1b~01" },
        { text("json:/\xc3\xa9 :"), NULL, JSON, "/\xc3\xa9 :" },
        { text(""), "neither", KEY, NULL },
        { text("k"), "neither", KEY, NULL },
        { text("Key"), "neither", KEY, NULL },
        { text("key:"), "neither", KEY, NULL },
        { text("key "), "neither", KEY, NULL },
        { text(" key"), "neither", KEY, NULL },
        { text("header"), "neither", KEY, NULL },
        { text("header:"), "no name", KEY, NULL },
        { text("headers:a"), "neither", KEY, NULL },
        { text("HEADER:a"), "neither", KEY, NULL },
        { text("json"), "neither", KEY, NULL },
        { text("json/a"), "neither", KEY, NULL },
        { text("value:/a"), "neither", KEY, NULL },
        { text("json:a"), "begins with \"/\"", KEY, NULL },
        { text("json: /a"), "begins with \"/\"", KEY, NULL },
        { text("json:#/a"), "begins with \"/\"", KEY, NULL },
        { text("json:/a~"), "\"~0\"", KEY, NULL },
        { text("json:/~2"), "\"~0\"", KEY, NULL },
        { text("json:/~/a"), "\"~0\"", KEY, NULL },
        { text("json:/a~~0"), "\"~0\"", KEY, NULL },
        { text("json:/\xff"), "UTF-8", KEY, NULL },
        { text("json:/\xed\xa0\x80"), "UTF-8", KEY, NULL },
        { text("json:/\xc3"), "UTF-8", KEY, NULL }
    };

    for (i = 0; i < nelts(cases); i++) {
        n = cases[i].len;
        p = guard_copy(cases[i].text, n);
        error = ngx_kafka_ws_filter_field_parse(p, n, &f);

        if (cases[i].error != NULL) {
            ok(error != NULL && strstr(error, cases[i].error) != NULL,
               "a field of %zu bytes, case %zu, is refused", n, i);

        } else {
            name = span(cases[i].name);
            ok(error == NULL && f.source == cases[i].source
               && same(&f.name, &name) && f.name.data + name.len == p + n,
               "a field \"%s\"", cases[i].text);
        }

        guard_free(p, n);
    }

    return (int) nelts(cases);
}


static int
test_compare(void)
{
    int                           want, got, back;
    size_t                        i, j, bad;
    ngx_kafka_ws_filter_field_t   a, b;

    /* in their order */

    static const char  *sorted[] = { "key", "header:b", "header:aa",
                                     "header:ab", "json:", "json:/",
                                     "json:/a", "json:/\xc3\xa9" };

    bad = 0;

    for (i = 0; i < nelts(sorted); i++) {
        for (j = 0; j < nelts(sorted); j++) {
            a = field(sorted[i]);
            b = field(sorted[j]);

            want = (i > j) - (i < j);
            got = ngx_kafka_ws_filter_field_compare(&a, &b);
            back = ngx_kafka_ws_filter_field_compare(&b, &a);

            bad += (got > 0) - (got < 0) != want;
            bad += (back > 0) - (back < 0) != -want;
        }
    }

    is_int(bad, 0, "fields have an order");

    a.source = HEADER;
    b.source = JSON;
    a.name = span("/a");
    b.name = span("/a");
    ok(ngx_kafka_ws_filter_field_compare(&a, &b) < 0,
       "the source makes a difference");

    return 2;
}


static int
test_split(void)
{
    size_t               i, j, n, max;
    uint8_t             *p;
    char                 found[64];
    ngx_kafka_ws_span_t  values[4];

    static const struct {
        const char  *text;
        size_t       len;
        size_t       max;
        size_t       n;
        const char  *found;
    } cases[] = {
        { text(""), 4, 0, "" },
        { text(","), 4, 0, "" },
        { text(" ,\t, "), 4, 0, "" },
        { text("a"), 4, 1, "a;" },
        { text(" a\t"), 4, 1, "a;" },
        { text("a,b"), 4, 2, "a;b;" },
        { text("a , b"), 4, 2, "a;b;" },
        { text(",a,,b,"), 4, 2, "a;b;" },
        { text("a b,c\td"), 4, 2, "a b;c\td;" },
        { text("a,a"), 4, 2, "a;a;" },
        { text("\"a,b\""), 4, 2, "\"a;b\";" },
        { text("a\n"), 4, 1, "a\n;" },
        { text("\xc3\xa9,\xff"), 4, 2, "\xc3\xa9;\xff;" },
        { text("a,b,c,d"), 4, 4, "a;b;c;d;" },
        { text("a,b,c,d, ,"), 4, 4, "a;b;c;d;" },
        { text("a,b,c,d,e"), 4, 5, "a;b;c;d;" },
        { text("a,b,c"), 1, 2, "a;" },
        { text("a"), 0, 1, "" },
        { text(" "), 0, 0, "" }
    };

    for (i = 0; i < nelts(cases); i++) {
        p = guard_copy(cases[i].text, cases[i].len);
        max = cases[i].max;
        n = ngx_kafka_ws_filter_split(p, cases[i].len, values, max);
        found[0] = '\0';

        for (j = 0; j < n && j < max; j++) {
            sprintf(found + strlen(found), "%.*s;", (int) values[j].len,
                    values[j].data);
        }

        ok(strcmp(found, cases[i].found) == 0
           && (n == cases[i].n || (n > max && cases[i].n > max)),
           "a list of %zu bytes, case %zu, has %zu members", cases[i].len, i,
           cases[i].n);

        guard_free(p, cases[i].len);
    }

    return (int) nelts(cases);
}


static int
test_print(void)
{
    size_t                         i, n, len;
    uint8_t                       *p;
    ngx_kafka_ws_filter_t          filter;
    ngx_kafka_ws_filter_want_t     wants[2];
    ngx_kafka_ws_filter_field_t    fields[4];

    static ngx_kafka_ws_filter_term_t  terms[] = {
        { 2, EQUAL, 0 }, { 0, IN, 0 }, { 1, PREFIX, 0 }, { 3, EQUAL, 0 }
    };

    /* how many of the values are the first term's */

    static struct {
        size_t                first;
        size_t                nterms;
        ngx_kafka_ws_span_t   values[3];
        size_t                n;
        const char           *want;
    } cases[] = {
        { 0, 0, { NO, NO, NO }, 0, "" },
        { 0, 1, { SPAN("alice"), NO, NO }, 1, "key = \"alice\"" },
        { 2, 1, { SPAN("a "), NO, NO }, 1, "json:/a b ^= \"a \"" },
        { 3, 1, { SPAN("1"), NO, NO }, 1, "json: = \"1\"" },
        { 1, 1, { SPAN("a"), SPAN("b"), SPAN(",") }, 3,
          "header:u in \"a\", \"b\", \",\"" },
        { 0, 2, { SPAN("a"), SPAN("b"), SPAN("c") }, 1,
          "key = \"a\" and header:u in \"b\", \"c\"" },
        { 0, 1, { SPAN("\" and key = \"b"), NO, NO }, 1,
          "key = \"\\\" and key = \\\"b\"" },
        { 0, 1, { SPAN("\\"), NO, NO }, 1, "key = \"\\\\\"" },
        { 0, 1, { SPAN("\0\n\x1f\x7f \x80\xff"), NO, NO }, 1,
          "key = \"\\x00\\x0a\\x1f\\x7f \x80\xff\"" }
    };

    fields[0] = field("header:u");
    fields[1] = field("json:/a b");
    fields[2] = field("key");
    fields[3] = field("json:");

    for (i = 0; i < nelts(cases); i++) {
        wants[0].values = cases[i].values;
        wants[0].nvalues = cases[i].n;
        wants[1].values = cases[i].values + cases[i].n;
        wants[1].nvalues = 3 - cases[i].n;

        len = strlen(cases[i].want);
        p = guard_new(len);

        filter.terms = &terms[cases[i].first];
        filter.wants = wants;
        filter.nterms = cases[i].nterms;

        n = ngx_kafka_ws_filter_print(&filter, fields, NULL);

        if (n == len) {
            n = ngx_kafka_ws_filter_print(&filter, fields, p);
        }

        is_mem(p, n, cases[i].want, len, "printed as %s", cases[i].want);
        guard_free(p, len);
    }

    return (int) nelts(cases);
}


static int
test_values(void)
{
    int                            got;
    size_t                         i, len;
    uint8_t                       *block, *json;
    ngx_kafka_ws_span_t            value;
    ngx_kafka_ws_record_t          rec;
    ngx_kafka_ws_filter_field_t    f;

    static ngx_kafka_ws_header_t  headers[] = {
        { SPAN("once"), SPAN("1") },
        { SPAN("twice"), SPAN("1") },
        { SPAN("empty"), EMPTY },
        { SPAN("null"), NO },
        { SPAN("then null"), SPAN("1") },
        { SPAN("null, then"), NO },
        { SPAN("twice"), SPAN("2\0\xff") },
        { SPAN("then null"), NO },
        { SPAN("null, then"), SPAN("2") },
        { EMPTY, SPAN("no name") }
    };

    /* what is wanted of field, key and value; data == NULL: none */

    static const struct {
        const char            *field;
        ngx_kafka_ws_span_t    key;
        ngx_kafka_ws_span_t    json;
        ngx_kafka_ws_span_t    want;
    } cases[] = {
        { "key", SPAN("k"), NO, SPAN("k") },
        { "key", SPAN("\0\xff\""), NO, SPAN("\0\xff\"") },
        { "key", EMPTY, NO, EMPTY },
        { "key", NO, SPAN("\"key\""), NO },
        { "header:once", SPAN("k"), NO, SPAN("1") },
        { "header:twice", NO, NO, SPAN("2\0\xff") },
        { "header:empty", NO, NO, EMPTY },
        { "header:null", NO, NO, NO },
        { "header:then null", NO, NO, NO },
        { "header:null, then", NO, NO, SPAN("2") },
        { "header:none", NO, NO, NO },
        { "header:Once", NO, NO, NO },
        { "header:onc", NO, NO, NO },
        { "header:once ", NO, NO, NO },
        { "json:", NO, SPAN("\"a\\u00e9\""), SPAN("a\xc3\xa9") },
        { "json:", NO, SPAN("17"), SPAN("17") },
        { "json:", NO, SPAN("null"), NO },
        { "json:", NO, NO, NO },
        { "json:", NO, EMPTY, NO },
        { "json:/a", SPAN("k"), SPAN("{\"a\":\"b\"}"), SPAN("b") },
        { "json:/a", NO, SPAN("{\"a\":\"\"}"), EMPTY },
        { "json:/a", NO, SPAN("{\"a\":\"\\u0000\"}"), SPAN("\0") },
        { "json:/a", NO, SPAN("{\"a\":1.50}"), SPAN("1.50") },
        { "json:/a", NO, SPAN("{\"a\":true}"), SPAN("true") },
        { "json:/a", NO, SPAN("{\"a\":false}"), SPAN("false") },
        { "json:/a", NO, SPAN("{\"a\":null}"), NO },
        { "json:/a", NO, SPAN("{\"a\":[]}"), NO },
        { "json:/a", NO, SPAN("{\"a\":{}}"), NO },
        { "json:/a", NO, SPAN("{\"b\":1}"), NO },
        { "json:/a", NO, SPAN("{\"a\":1,\"\\u0061\":2}"), NO },
        { "json:/a", NO, SPAN("{\"a\":\"\\ud800\"}"), NO },
        { "json:/a", NO, SPAN("{\"a\":1"), NO },
        { "json:/a", NO, SPAN("{\"a\":\"\xff\"}"), NO },
        { "json:/a/1/b", NO, SPAN("{\"a\":[0,{\"b\":\"c\"}]}"), SPAN("c") }
    };

    memset(&rec, 0, sizeof(rec));
    rec.headers = headers;
    rec.nheaders = nelts(headers);

    for (i = 0; i < nelts(cases); i++) {
        f = field(cases[i].field);
        json = guard_copy(cases[i].json.data, cases[i].json.len);

        rec.key = cases[i].key;
        rec.value = cases[i].json;
        rec.value.data = rec.value.data == NULL ? NULL : json;

        block = extracted(&f, 1, &rec, &len);
        value.data = NULL;
        got = ngx_kafka_ws_filter_value(block, len, 0, &value);

        ok(cases[i].want.data == NULL ? !got
           : got && value.data != NULL && same(&value, &cases[i].want),
           "%s, case %zu, has %s", cases[i].field, i,
           cases[i].want.data == NULL ? "no value" : "its value");

        guard_free(block, len);
        guard_free(json, cases[i].json.len);
    }

    return (int) nelts(cases);
}


/* each field has its own value, wherever those without one stand */

static void
test_order(void)
{
    size_t                         i, mask, len, bad;
    uint8_t                       *block;
    ngx_kafka_ws_span_t            value, want;
    ngx_kafka_ws_record_t          rec;
    ngx_kafka_ws_filter_field_t    fields[FIELDS];

    static const char  *there[] = { "json:/a", "header:b", "key", "json:/c" };
    static const char  *wants[] = { "1", "", "three", "\xc3\xa9" };
    static const char  *not[] = { "json:/x", "header:x", "json:/y",
                                  "json:/a/b" };

    static ngx_kafka_ws_header_t  headers[] = { { SPAN("b"), EMPTY } };

    memset(&rec, 0, sizeof(rec));
    rec.key = span("three");
    rec.value = span("{\"c\":\"\\u00e9\",\"a\":1}");
    rec.headers = headers;
    rec.nheaders = 1;

    bad = 0;

    for (mask = 0; mask < 1u << FIELDS; mask += 7) {

        for (i = 0; i < FIELDS; i++) {
            fields[i] = field(mask >> i & 1 ? there[i % 4] : not[i % 4]);
        }

        block = extracted(fields, FIELDS, &rec, &len);

        for (i = 0; i < FIELDS; i++) {
            want = span(wants[i % 4]);

            if (ngx_kafka_ws_filter_value(block, len, (unsigned) i, &value)) {
                bad += !(mask >> i & 1) || !same(&value, &want);

            } else {
                bad += mask >> i & 1;
            }
        }

        bad += ngx_kafka_ws_filter_value(block, len, FIELDS, &value);
        bad += ngx_kafka_ws_filter_value(block, len, UINT32_MAX, &value);
        guard_free(block, len);
    }

    is_int(bad, 0, "sixteen fields, with a value or without");

    block = extracted(fields, 0, &rec, &len);
    ok(len > 0 && !ngx_kafka_ws_filter_value(block, len, 0, &value),
       "no field, a block without any");
    guard_free(block, len);
}


static void
test_many_headers(void)
{
    size_t                         i, n, len, bad, last[FIELDS];
    char                           name[FIELDS][32];
    uint8_t                       *block;
    ngx_kafka_ws_span_t            value;
    ngx_kafka_ws_record_t          rec;
    ngx_kafka_ws_filter_field_t    fields[FIELDS];

    static ngx_kafka_ws_header_t  headers[HEADERS];

    for (i = 0; i < FIELDS; i++) {
        sprintf(name[i], "header:name-%zu", i);
        fields[i] = field(name[i]);
    }

    memset(&rec, 0, sizeof(rec));
    rec.headers = headers;
    rec.nheaders = HEADERS;

    /* the last half does not have the last name; values are all different */

    for (i = 0; i < HEADERS; i++) {
        n = i % (i < HEADERS / 2 ? FIELDS : FIELDS - 1);
        last[n] = i;
        headers[i].name = fields[n].name;
        headers[i].value.data = (const uint8_t *) &headers[i].value.data;
        headers[i].value.len = sizeof(headers[i].value.data);
    }

    block = extracted(fields, FIELDS, &rec, &len);
    bad = 0;

    for (i = 0; i < FIELDS; i++) {
        bad += !ngx_kafka_ws_filter_value(block, len, (unsigned) i, &value)
               || !same(&value, &headers[last[i]].value);
    }

    is_int(bad, 0, "of %d headers the last of each name", HEADERS);
    guard_free(block, len);
}
