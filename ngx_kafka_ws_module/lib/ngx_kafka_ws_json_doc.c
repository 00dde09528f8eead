
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Strings and numbers go in as raw text that our own writers made: cJSON
 * holds numbers as doubles, and would print bytes that are not UTF-8.
 */


#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "ngx_kafka_ws_json_doc.h"
#include "ngx_kafka_ws_json_write.h"


static void ngx_kafka_ws_json_doc_open(ngx_kafka_ws_json_doc_t *doc,
    const char *name, cJSON *item);
static int ngx_kafka_ws_json_doc_add(ngx_kafka_ws_json_doc_t *doc,
    const char *name, cJSON *item);


void
ngx_kafka_ws_json_doc_init(ngx_kafka_ws_json_doc_t *doc)
{
    doc->error = NGX_KAFKA_WS_JSON_DOC_OK;
    doc->depth = 1;
    doc->open[0] = cJSON_CreateObject();

    if (doc->open[0] == NULL) {
        doc->error = NGX_KAFKA_WS_JSON_DOC_ENOMEM;
    }
}


void
ngx_kafka_ws_json_doc_destroy(ngx_kafka_ws_json_doc_t *doc)
{
    cJSON_Delete(doc->open[0]);

    doc->open[0] = NULL;
    doc->error = NGX_KAFKA_WS_JSON_DOC_EMISUSE;
}


void
ngx_kafka_ws_json_doc_object(ngx_kafka_ws_json_doc_t *doc, const char *name)
{
    if (doc->error == NGX_KAFKA_WS_JSON_DOC_OK) {
        ngx_kafka_ws_json_doc_open(doc, name, cJSON_CreateObject());
    }
}


void
ngx_kafka_ws_json_doc_array(ngx_kafka_ws_json_doc_t *doc, const char *name)
{
    if (doc->error == NGX_KAFKA_WS_JSON_DOC_OK) {
        ngx_kafka_ws_json_doc_open(doc, name, cJSON_CreateArray());
    }
}


static void
ngx_kafka_ws_json_doc_open(ngx_kafka_ws_json_doc_t *doc, const char *name,
    cJSON *item)
{
    if (item != NULL && doc->depth == NGX_KAFKA_WS_JSON_DOC_DEPTH) {
        cJSON_Delete(item);
        doc->error = NGX_KAFKA_WS_JSON_DOC_EMISUSE;
        return;
    }

    if (ngx_kafka_ws_json_doc_add(doc, name, item)) {
        doc->open[doc->depth++] = item;
    }
}


void
ngx_kafka_ws_json_doc_end(ngx_kafka_ws_json_doc_t *doc)
{
    if (doc->error != NGX_KAFKA_WS_JSON_DOC_OK) {
        return;
    }

    if (doc->depth == 1) {
        doc->error = NGX_KAFKA_WS_JSON_DOC_EMISUSE;
        return;
    }

    doc->depth--;
}


void
ngx_kafka_ws_json_doc_string(ngx_kafka_ws_json_doc_t *doc, const char *name,
    const uint8_t *p, size_t n)
{
    cJSON    *item;
    size_t    size;
    uint8_t  *text, *end;

    if (doc->error != NGX_KAFKA_WS_JSON_DOC_OK) {
        return;
    }

    if (p == NULL) {
        ngx_kafka_ws_json_doc_null(doc, name);
        return;
    }

    item = NULL;
    text = NULL;
    size = ngx_kafka_ws_json_string_bound(n);

    if (size != SIZE_MAX) {
        text = malloc(size + 1);
    }

    if (text != NULL) {
        end = ngx_kafka_ws_json_string_lossy(text, p, n);
        *end = '\0';

        item = cJSON_CreateRaw((char *) text);
        free(text);
    }

    (void) ngx_kafka_ws_json_doc_add(doc, name, item);  /* keeps the error */
}


void
ngx_kafka_ws_json_doc_cstring(ngx_kafka_ws_json_doc_t *doc, const char *name,
    const char *s)
{
    ngx_kafka_ws_json_doc_string(doc, name, (const uint8_t *) s,
                                 s == NULL ? 0 : strlen(s));
}


void
ngx_kafka_ws_json_doc_int(ngx_kafka_ws_json_doc_t *doc, const char *name,
    int64_t n)
{
    uint8_t  text[NGX_KAFKA_WS_JSON_INT_LEN + 1];

    if (doc->error == NGX_KAFKA_WS_JSON_DOC_OK) {
        *ngx_kafka_ws_json_int(text, n) = '\0';

        (void) ngx_kafka_ws_json_doc_add(doc, name,
                                         cJSON_CreateRaw((char *) text));
    }
}


void
ngx_kafka_ws_json_doc_uint(ngx_kafka_ws_json_doc_t *doc, const char *name,
    uint64_t n)
{
    uint8_t  text[NGX_KAFKA_WS_JSON_INT_LEN + 1];

    if (doc->error == NGX_KAFKA_WS_JSON_DOC_OK) {
        *ngx_kafka_ws_json_uint(text, n) = '\0';

        (void) ngx_kafka_ws_json_doc_add(doc, name,
                                         cJSON_CreateRaw((char *) text));
    }
}


void
ngx_kafka_ws_json_doc_bool(ngx_kafka_ws_json_doc_t *doc, const char *name,
    int b)
{
    if (doc->error == NGX_KAFKA_WS_JSON_DOC_OK) {
        (void) ngx_kafka_ws_json_doc_add(doc, name, cJSON_CreateBool(b));
    }
}


void
ngx_kafka_ws_json_doc_null(ngx_kafka_ws_json_doc_t *doc, const char *name)
{
    if (doc->error == NGX_KAFKA_WS_JSON_DOC_OK) {
        (void) ngx_kafka_ws_json_doc_add(doc, name, cJSON_CreateNull());
    }
}


/* takes item over, also when it fails; NULL: it could not be made */

static int
ngx_kafka_ws_json_doc_add(ngx_kafka_ws_json_doc_t *doc, const char *name,
    cJSON *item)
{
    int     rc;
    cJSON  *parent;

    if (item == NULL) {
        doc->error = NGX_KAFKA_WS_JSON_DOC_ENOMEM;
        return 0;
    }

    parent = doc->open[doc->depth - 1];

    if (cJSON_IsObject(parent) != (name != NULL)) {
        cJSON_Delete(item);
        doc->error = NGX_KAFKA_WS_JSON_DOC_EMISUSE;
        return 0;
    }

    if (name != NULL) {
        rc = cJSON_AddItemToObject(parent, name, item);

    } else {
        rc = cJSON_AddItemToArray(parent, item);
    }

    if (!rc) {
        cJSON_Delete(item);
        doc->error = NGX_KAFKA_WS_JSON_DOC_ENOMEM;
        return 0;
    }

    return 1;
}


char *
ngx_kafka_ws_json_doc_print(ngx_kafka_ws_json_doc_t *doc, size_t *len)
{
    char  *text;

    if (doc->error != NGX_KAFKA_WS_JSON_DOC_OK) {
        return NULL;
    }

    /* cJSON uses malloc() unless told otherwise, which nobody does */

    text = cJSON_PrintUnformatted(doc->open[0]);

    if (text == NULL) {
        doc->error = NGX_KAFKA_WS_JSON_DOC_ENOMEM;
        return NULL;
    }

    *len = strlen(text);

    return text;
}
