
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Many pointers in a call, deep and large texts, texts that are cut, and what
 * is no pointer.
 */


#include "guard.h"
#include "tap.h"

#include "json_found.h"


#define ROOM  (1 << 16)


typedef struct {
    char         text[ROOM];
    size_t       len;
} document_t;


static void test_together(void);
static void test_one_of_many(void);
static void test_not_pointers(void);
static void test_depth(void);
static void test_prefixes(void);
static void test_large(void);


int
main(void)
{
    test_together();
    test_one_of_many();
    test_not_pointers();
    test_depth();
    test_prefixes();
    test_large();

    return tap_done(33);
}


/* sixteen ways at once: crossing, one inside of another, the same twice */

static void
test_together(void)
{
    size_t                      i, n, bad;
    uint8_t                    *text;
    ngx_kafka_ws_span_t         pointers[MAX];
    ngx_kafka_ws_json_value_t   values[MAX];

    static const char  doc[] =
        "{\"a\":{\"b\":[10,{\"c\":\"x\",\"d\":[true]},12],\"e\":\"y\"},"
        "\"f\":[[0,1],[2,3]],\"g\":null,\"h\":5,\"a/b\":\"z\",\"k\":1,"
        "\"k\":2,\"l\":{\"a\":{\"e\":6}}}";

    static const case_t  wants[] = {
        PLAIN("", "/a/b/0", "10"),
        STRING("", "/a/b/1/c", "x"),
        PLAIN("", "/a/b/1/d/0", "true"),
        PLAIN("", "/a/b/2", "12"),
        STRING("", "/a/e", "y"),
        PLAIN("", "/f/1/0", "2"),
        PLAIN("", "/f/0/1", "1"),
        NONE("", "/g"),
        PLAIN("", "/h", "5"),
        STRING("", "/a~1b", "z"),
        NONE("", "/k"),
        PLAIN("", "/l/a/e", "6"),
        NONE("", "/a"),
        NONE("", ""),
        STRING("", "/a/b/1/c", "x"),
        NONE("", "/a/b/3")
    };

    text = guard_copy(doc, sizeof(doc) - 1);

    for (i = 0; i < MAX; i++) {
        pointers[i] = span(wants[i].pointer);
    }

    ngx_kafka_ws_json_find(text, sizeof(doc) - 1, pointers, MAX, values);

    for (i = 0; i < MAX; i++) {
        ok(is_case(&values[i], &wants[i]), "among sixteen, \"%s\"",
           wants[i].pointer);
    }

    /* any number of them, from any place on */

    bad = 0;

    for (i = 0; i < MAX; i++) {
        for (n = 1; n <= MAX - i; n++) {
            ngx_kafka_ws_json_find(text, sizeof(doc) - 1, pointers + i, n,
                                   values);
            bad += !is_case(&values[0], &wants[i]);
            bad += !is_case(&values[n - 1], &wants[i + n - 1]);
        }
    }

    is_int(bad, 0, "any number of them finds the same");
    guard_free(text, sizeof(doc) - 1);
}


/* what one pointer loses by a name that comes twice, others keep */

static void
test_one_of_many(void)
{
    size_t                      i, bad;
    ngx_kafka_ws_span_t         pointers[MAX];
    ngx_kafka_ws_json_value_t   values[MAX];

    static const char  doc[] = "{\"a\":{\"b\":1,\"c\":2,\"b\":3},\"d\":[4]}";
    static const case_t  kept = PLAIN("", "", "2");

    bad = 0;

    for (i = 0; i < MAX; i++) {
        pointers[i] = span(i % 2 ? "/a/b" : "/a/c");
    }

    ngx_kafka_ws_json_find((const uint8_t *) doc, sizeof(doc) - 1, pointers,
                           MAX, values);

    for (i = 0; i < MAX; i++) {
        bad += i % 2 ? values[i].text.data != NULL
                     : !is_case(&values[i], &kept);
    }

    is_int(bad, 0, "a lost pointer takes none with it");
}


static void
test_not_pointers(void)
{
    size_t                      i, bad;
    ngx_kafka_ws_span_t         pointers[3];
    ngx_kafka_ws_json_value_t   values[3];

    static const char   doc[] = "{\"a\":{\"a\":1},\"\":2,\"~\":3}";
    static const char  *not[] = { "a", "a/a", "#/a", " /a", "~0", "~" };
    static const case_t  want = PLAIN("", "", "1");

    bad = 0;

    for (i = 0; i < nelts(not); i++) {
        pointers[0] = span("/a/a");
        pointers[1] = span(not[i]);
        pointers[2] = span("/a/a");

        ngx_kafka_ws_json_find((const uint8_t *) doc, sizeof(doc) - 1,
                               pointers, 3, values);

        bad += values[1].text.data != NULL;
        bad += !is_case(&values[0], &want) || !is_case(&values[2], &want);
    }

    is_int(bad, 0, "what is no pointer finds nothing, and spoils nothing");

    pointers[0].data = NULL;
    pointers[0].len = 0;
    ngx_kafka_ws_json_find((const uint8_t *) "1", 1, pointers, 1, values);
    ok(is_case(values, &want), "the empty pointer needs no memory");

    ngx_kafka_ws_json_find(NULL, 0, pointers, 1, values);
    ok(values[0].text.data == NULL, "nor does a text that is not there");

    ngx_kafka_ws_json_find((const uint8_t *) doc, sizeof(doc) - 1, pointers,
                           0, values);
    ok(values[0].text.data == NULL, "no pointer, no value");
}


/* depth containers around an inner text, and the pointer to that */

static void
nest(document_t *text, document_t *pointer, size_t depth, unsigned kind,
    const char *inner)
{
    size_t  i;

    text->len = 0;
    pointer->len = 0;

    for (i = 0; i < depth; i++) {

        if (kind == 0 || (kind == 2 && i % 3)) {
            text->len += (size_t) sprintf(text->text + text->len, "[0,");
            pointer->len += (size_t) sprintf(pointer->text + pointer->len,
                                             "/1");

        } else {
            text->len += (size_t) sprintf(text->text + text->len,
                                          "{\"n%zu\":0,\"nam%zu\":", i, i);
            pointer->len += (size_t) sprintf(pointer->text + pointer->len,
                                             "/nam%zu", i);
        }
    }

    text->len += (size_t) sprintf(text->text + text->len, "%s", inner);

    for (i = depth; i-- > 0; /* void */ ) {
        text->text[text->len++] = kind == 0 || (kind == 2 && i % 3)
                                  ? ']' : '}';
    }
}


static void
test_depth(void)
{
    unsigned                    kind;
    uint8_t                    *p;
    ngx_kafka_ws_span_t         s[2];
    ngx_kafka_ws_json_value_t   values[2];

    static document_t    text, pointer;
    static const case_t  want = STRING("", "", "x");
    static const char   *kinds[] = { "arrays", "objects", "both in turn" };

    for (kind = 0; kind < 3; kind++) {
        nest(&text, &pointer, 512, kind, "\"x\"");
        p = guard_copy(text.text, text.len);
        s[0].data = (const uint8_t *) pointer.text;
        s[0].len = pointer.len;
        s[1] = span(kind ? "/n0" : "/0");

        ngx_kafka_ws_json_find(p, text.len, s, 2, values);
        ok(is_case(&values[0], &want) && values[1].text.data != NULL,
           "a value in 512 %s", kinds[kind]);
        guard_free(p, text.len);

        nest(&text, &pointer, 513, kind, "\"x\"");
        p = guard_copy(text.text, text.len);
        s[0].len = pointer.len;

        ngx_kafka_ws_json_find(p, text.len, s, 2, values);
        ok(values[0].text.data == NULL && values[1].text.data == NULL,
           "none in 513 %s, at no depth", kinds[kind]);
        guard_free(p, text.len);
    }
}


static void
test_prefixes(void)
{
    size_t                      i, bad;
    uint8_t                    *p;
    ngx_kafka_ws_span_t         s[2];
    ngx_kafka_ws_json_value_t   values[2];

    static const char  doc[] = "{\"a\":[1,\"x\\u00e9\\n\",{\"b\":true}],"
                               "\"c\":{\"d\":-2.5e-3,\"\xc3\xa9\":\"12345"
                               "6789\"}}";

    s[0] = span("/a/1");
    s[1] = span("/c/d");
    bad = 0;

    for (i = 0; i < sizeof(doc); i++) {
        p = guard_copy(doc, i);
        ngx_kafka_ws_json_find(p, i, s, 2, values);
        bad += (values[0].text.data != NULL) != (i == sizeof(doc) - 1);
        bad += (values[1].text.data != NULL) != (i == sizeof(doc) - 1);
        guard_free(p, i);
    }

    is_int(bad, 0, "the beginning of a document has no values");
}


/* a number of a million digits, the 30,000th element, the 30,000th member */

static void
test_large(void)
{
    size_t                      i, n;
    char                       *doc;
    ngx_kafka_ws_span_t         s[4];
    ngx_kafka_ws_json_value_t   values[4];

    static const case_t  last[] = {
        PLAIN("", "", "29999"),
        PLAIN("", "", "29998")
    };

    doc = malloc(3000000);

    if (doc == NULL) {
        printf("Bail out! no memory\n");
        exit(2);
    }

    n = (size_t) sprintf(doc, "{\"digits\":");

    memset(doc + n, '7', 1000000);
    n += 1000000;
    n += (size_t) sprintf(doc + n, ",\"list\":[");

    for (i = 0; i < 30000; i++) {
        n += (size_t) sprintf(doc + n, "%s%zu", i ? "," : "", i);
    }

    n += (size_t) sprintf(doc + n, "]");

    for (i = 0; i < 30000; i++) {
        n += (size_t) sprintf(doc + n, ",\"name%zu\":%zu", i, i);
    }

    n += (size_t) sprintf(doc + n, ",\"name7\":0}");

    s[0] = span("/digits");
    s[1] = span("/list/29999");
    s[2] = span("/name29998");
    s[3] = span("/name7");

    ngx_kafka_ws_json_find((uint8_t *) doc, n, s, 4, values);

    is_int(values[0].text.len, 1000000, "a number of a million digits");
    ok(is_case(&values[1], &last[0]), "the last of 30000 elements");
    ok(is_case(&values[2], &last[1]), "one of 30000 members");
    ok(values[3].text.data == NULL, "a name that comes again at the end");

    free(doc);
}
