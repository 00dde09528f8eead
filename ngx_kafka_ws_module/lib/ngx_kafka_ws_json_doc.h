
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A document built piece by piece, for pages such as the status: the only
 * user of cJSON.  Not for the record path: it allocates per member.
 *
 *     ngx_kafka_ws_json_doc_t  doc;
 *
 *     ngx_kafka_ws_json_doc_init(&doc);
 *     ngx_kafka_ws_json_doc_int(&doc, "connections", n);
 *     ngx_kafka_ws_json_doc_array(&doc, "topics");
 *     ngx_kafka_ws_json_doc_string(&doc, NULL, name.data, name.len);
 *     ngx_kafka_ws_json_doc_end(&doc);
 *     text = ngx_kafka_ws_json_doc_print(&doc, &len);
 *     ngx_kafka_ws_json_doc_destroy(&doc);
 *
 * An error is kept and every later call does nothing, so that only the
 * result of print needs a test.
 */


#ifndef _NGX_KAFKA_WS_JSON_DOC_H_INCLUDED_
#define _NGX_KAFKA_WS_JSON_DOC_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define NGX_KAFKA_WS_JSON_DOC_DEPTH  16   /* open objects and arrays */


typedef enum {
    NGX_KAFKA_WS_JSON_DOC_OK = 0,
    NGX_KAFKA_WS_JSON_DOC_ENOMEM,
    NGX_KAFKA_WS_JSON_DOC_EMISUSE     /* name missing or out of place, end
                                         without begin, too many levels */
} ngx_kafka_ws_json_doc_e;


/* in the caller's memory; what it points to is freed by destroy */

typedef struct {
    void                     *open[NGX_KAFKA_WS_JSON_DOC_DEPTH];
    size_t                    depth;
    ngx_kafka_ws_json_doc_e   error;
} ngx_kafka_ws_json_doc_t;


/* the document is an object, and that is open; pair with destroy */
void ngx_kafka_ws_json_doc_init(ngx_kafka_ws_json_doc_t *doc);

/* frees the document on every path; text printed from it stays valid */
void ngx_kafka_ws_json_doc_destroy(ngx_kafka_ws_json_doc_t *doc);

/*
 * name:      zero-terminated and copied; a member's in an object, NULL in
 *            an array.  What follows an object or array goes into it up to
 *            its end.
 */
void ngx_kafka_ws_json_doc_object(ngx_kafka_ws_json_doc_t *doc,
    const char *name);
void ngx_kafka_ws_json_doc_array(ngx_kafka_ws_json_doc_t *doc,
    const char *name);
void ngx_kafka_ws_json_doc_end(ngx_kafka_ws_json_doc_t *doc);

/* bytes that are not UTF-8 become U+FFFD; p == NULL gives null */
void ngx_kafka_ws_json_doc_string(ngx_kafka_ws_json_doc_t *doc,
    const char *name, const uint8_t *p, size_t n);
void ngx_kafka_ws_json_doc_cstring(ngx_kafka_ws_json_doc_t *doc,
    const char *name, const char *s);

/* exact in all 64 bits, never through a double */
void ngx_kafka_ws_json_doc_int(ngx_kafka_ws_json_doc_t *doc,
    const char *name, int64_t n);
void ngx_kafka_ws_json_doc_uint(ngx_kafka_ws_json_doc_t *doc,
    const char *name, uint64_t n);

void ngx_kafka_ws_json_doc_bool(ngx_kafka_ws_json_doc_t *doc,
    const char *name, int b);
void ngx_kafka_ws_json_doc_null(ngx_kafka_ws_json_doc_t *doc,
    const char *name);

/*
 * Prints the document, without white space; what is still open counts as
 * ended.
 * len:       set when the result is not NULL, without the final zero
 * returns:   zero-terminated text, the caller's to free(); NULL: see error
 */
char *ngx_kafka_ws_json_doc_print(ngx_kafka_ws_json_doc_t *doc, size_t *len);


#endif /* _NGX_KAFKA_WS_JSON_DOC_H_INCLUDED_ */
