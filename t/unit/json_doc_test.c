
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The document builder: literal bytes, every allocation failing once (leaks
 * are found by the sanitizer), and wrong use.
 */


#include "guard.h"
#include "tap.h"

#include <cjson/cJSON.h>

#include "ngx_kafka_ws_json_doc.h"


static void build(ngx_kafka_ws_json_doc_t *doc);
static void test_document(void);
static void test_no_memory(void);
static void test_misuse(void);
static void *limited_malloc(size_t size);


static size_t  left;

static const char  want[] =
    "{\"name\":\"a\\\"b\",\"text\":\"caf\xc3\xa9\",\"bad\":\"x\xef\xbf\xbd\","
    "\"nul\":\"a\\u0000b\",\"none\":null,\"empty\":\"\","
    "\"least\":-9223372036854775808,\"beyond\":9007199254740993,"
    "\"most\":18446744073709551615,\"yes\":true,\"no\":false,"
    "\"list\":[1,\"two\",[],{\"three\":3},null],\"object\":{},\"last\":0}";


int
main(void)
{
    test_document();
    test_no_memory();
    test_misuse();

    return tap_done(15);
}


static void
build(ngx_kafka_ws_json_doc_t *doc)
{
    ngx_kafka_ws_json_doc_init(doc);
    ngx_kafka_ws_json_doc_cstring(doc, "name", "a\"b");
    ngx_kafka_ws_json_doc_cstring(doc, "text", "caf\xc3\xa9");
    ngx_kafka_ws_json_doc_cstring(doc, "bad", "x\xff");
    ngx_kafka_ws_json_doc_string(doc, "nul", (uint8_t *) "a\0b", 3);
    ngx_kafka_ws_json_doc_cstring(doc, "none", NULL);
    ngx_kafka_ws_json_doc_string(doc, "empty", (uint8_t *) "x", 0);
    ngx_kafka_ws_json_doc_int(doc, "least", INT64_MIN);
    ngx_kafka_ws_json_doc_int(doc, "beyond", 9007199254740993);
    ngx_kafka_ws_json_doc_uint(doc, "most", UINT64_MAX);
    ngx_kafka_ws_json_doc_bool(doc, "yes", 2);
    ngx_kafka_ws_json_doc_bool(doc, "no", 0);
    ngx_kafka_ws_json_doc_array(doc, "list");
    ngx_kafka_ws_json_doc_int(doc, NULL, 1);
    ngx_kafka_ws_json_doc_cstring(doc, NULL, "two");
    ngx_kafka_ws_json_doc_array(doc, NULL);
    ngx_kafka_ws_json_doc_end(doc);
    ngx_kafka_ws_json_doc_object(doc, NULL);
    ngx_kafka_ws_json_doc_uint(doc, "three", 3);
    ngx_kafka_ws_json_doc_end(doc);
    ngx_kafka_ws_json_doc_null(doc, NULL);
    ngx_kafka_ws_json_doc_end(doc);
    ngx_kafka_ws_json_doc_object(doc, "object");
    ngx_kafka_ws_json_doc_end(doc);
    ngx_kafka_ws_json_doc_int(doc, "last", 0);
}


static void
test_document(void)
{
    char                     *text;
    size_t                    len;
    ngx_kafka_ws_json_doc_t   doc;

    build(&doc);
    text = ngx_kafka_ws_json_doc_print(&doc, &len);
    ngx_kafka_ws_json_doc_destroy(&doc);

    ok(text != NULL, "a document is printed");
    is_mem(text, len, want, sizeof(want) - 1, "to the byte");
    is_int(strlen(text), len, "and ends with a zero");
    free(text);

    ngx_kafka_ws_json_doc_init(&doc);
    text = ngx_kafka_ws_json_doc_print(&doc, &len);
    is_mem(text, len, "{}", 2, "an empty document");
    free(text);

    ngx_kafka_ws_json_doc_array(&doc, "open");
    ngx_kafka_ws_json_doc_int(&doc, NULL, 1);
    text = ngx_kafka_ws_json_doc_print(&doc, &len);
    is_mem(text, len, "{\"open\":[1]}", 12, "what is open counts as ended");
    free(text);

    ngx_kafka_ws_json_doc_destroy(&doc);
}


static void *
limited_malloc(size_t size)
{
    if (left == 0) {
        return NULL;
    }

    left--;

    return malloc(size);
}


static void
test_no_memory(void)
{
    char                     *text;
    size_t                    i, len, failed, wrong;
    cJSON_Hooks               hooks;
    ngx_kafka_ws_json_doc_t   doc;

    hooks.malloc_fn = limited_malloc;
    hooks.free_fn = free;
    cJSON_InitHooks(&hooks);

    failed = 0;
    wrong = 0;

    for (i = 0; i < 1000; i++) {
        left = i;

        build(&doc);
        text = ngx_kafka_ws_json_doc_print(&doc, &len);

        if (text != NULL) {
            free(text);
            ngx_kafka_ws_json_doc_destroy(&doc);
            break;
        }

        failed++;
        wrong += doc.error != NGX_KAFKA_WS_JSON_DOC_ENOMEM;
        ngx_kafka_ws_json_doc_destroy(&doc);
    }

    cJSON_InitHooks(NULL);

    ok(failed > 40 && failed < 1000,
       "each of the allocations failed once, then none");
    is_int(wrong, 0, "each failure is kept up to the end");
}


static void
test_misuse(void)
{
    int                       i;
    size_t                    len;
    ngx_kafka_ws_json_doc_t   doc;

    ngx_kafka_ws_json_doc_init(&doc);
    ngx_kafka_ws_json_doc_int(&doc, NULL, 1);
    is_int(doc.error, NGX_KAFKA_WS_JSON_DOC_EMISUSE,
           "a member without a name is refused");
    ngx_kafka_ws_json_doc_int(&doc, "a", 1);
    ok(ngx_kafka_ws_json_doc_print(&doc, &len) == NULL,
       "and nothing is printed after that");
    ngx_kafka_ws_json_doc_destroy(&doc);

    ngx_kafka_ws_json_doc_init(&doc);
    ngx_kafka_ws_json_doc_array(&doc, "a");
    ngx_kafka_ws_json_doc_cstring(&doc, "b", "c");
    is_int(doc.error, NGX_KAFKA_WS_JSON_DOC_EMISUSE,
           "an array's element with a name is refused");
    ngx_kafka_ws_json_doc_destroy(&doc);

    ngx_kafka_ws_json_doc_init(&doc);
    ngx_kafka_ws_json_doc_end(&doc);
    is_int(doc.error, NGX_KAFKA_WS_JSON_DOC_EMISUSE,
           "the end of the document itself is refused");
    ngx_kafka_ws_json_doc_destroy(&doc);

    ngx_kafka_ws_json_doc_init(&doc);

    for (i = 1; i < NGX_KAFKA_WS_JSON_DOC_DEPTH; i++) {
        ngx_kafka_ws_json_doc_object(&doc, "a");
    }

    is_int(doc.error, NGX_KAFKA_WS_JSON_DOC_OK, "all levels can be open");
    ngx_kafka_ws_json_doc_array(&doc, "a");
    is_int(doc.error, NGX_KAFKA_WS_JSON_DOC_EMISUSE, "one more is refused");
    ngx_kafka_ws_json_doc_end(&doc);
    ok(ngx_kafka_ws_json_doc_print(&doc, &len) == NULL, "and stays refused");
    ngx_kafka_ws_json_doc_destroy(&doc);

    ngx_kafka_ws_json_doc_destroy(&doc);
    is_int(doc.error, NGX_KAFKA_WS_JSON_DOC_EMISUSE,
           "a document destroyed twice is harmless");
}
