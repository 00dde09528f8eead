
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a JSON pointer finds, and whether it is what was wanted.  guard.h
 * comes before it.
 */


#ifndef _JSON_FOUND_H_INCLUDED_
#define _JSON_FOUND_H_INCLUDED_


#include "ngx_kafka_ws_json_find.h"
#include "ngx_kafka_ws_json_read.h"


#define MAX        NGX_KAFKA_WS_JSON_FIND_MAX

#define nelts(a)   (sizeof(a) / sizeof(a[0]))

/* STRING and PLAIN are what is found: a string's text, or anything else's */

#define STRING(text, pointer, want)                                           \
    { text, sizeof(text) - 1, pointer, want, sizeof(want) - 1, 1 }
#define PLAIN(text, pointer, want)                                            \
    { text, sizeof(text) - 1, pointer, want, sizeof(want) - 1, 0 }
#define NONE(text, pointer)                                                   \
    { text, sizeof(text) - 1, pointer, NULL, 0, 0 }


typedef struct {
    const char  *text;
    size_t       len;
    const char  *pointer;
    const char  *want;
    size_t       want_len;
    unsigned     string;
} case_t;


static inline ngx_kafka_ws_span_t
span(const char *s)
{
    ngx_kafka_ws_span_t  v;

    v.data = (const uint8_t *) s;
    v.len = strlen(s);

    return v;
}


/* the text of a value, in memory that has room for just what it may need;
 * NULL: none.  guard_free() it with the length of the value's own text */

static inline uint8_t *
decoded(const ngx_kafka_ws_json_value_t *value, size_t *len)
{
    uint8_t  *p;

    *len = 0;

    if (value->text.data == NULL) {
        return NULL;
    }

    if (!value->string) {
        *len = value->text.len;
        return guard_copy(value->text.data, *len);
    }

    p = guard_new(value->text.len);
    *len = ngx_kafka_ws_json_read_text(value->text.data, value->text.len, p);

    if (*len == SIZE_MAX) {
        guard_free(p, value->text.len);
        return NULL;
    }

    return p;
}


static inline int
is_case(const ngx_kafka_ws_json_value_t *value, const case_t *c)
{
    int       good;
    size_t    len;
    uint8_t  *p;

    p = decoded(value, &len);

    if (p == NULL) {
        return c->want == NULL;
    }

    good = c->want != NULL && c->string == value->string
           && len == c->want_len && memcmp(p, c->want, len) == 0;

    guard_free(p, value->text.len);

    return good;
}


#endif /* _JSON_FOUND_H_INCLUDED_ */
