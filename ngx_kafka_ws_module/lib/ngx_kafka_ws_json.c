
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <string.h>

#include "ngx_kafka_ws_json.h"
#include "ngx_kafka_ws_json_word.h"
#include "ngx_kafka_ws_utf8.h"


#define ngx_kafka_ws_json_is_space(c)                                         \
    ((c) == ' ' || (c) == '\n' || (c) == '\r' || (c) == '\t')

#define ngx_kafka_ws_json_is_digit(c)  ((uint8_t) ((c) - '0') < 10)


/* which of the open levels are objects: the stack of a checker */

typedef struct {
    uint64_t        objects[NGX_KAFKA_WS_JSON_MAX_DEPTH / 64];
    size_t          depth;
    size_t          max_depth;
} ngx_kafka_ws_json_stack_t;


static ngx_kafka_ws_json_e ngx_kafka_ws_json_container(const uint8_t **pos,
    const uint8_t *last, size_t max_depth, uint64_t *high);
static inline const uint8_t *ngx_kafka_ws_json_space(const uint8_t *p,
    const uint8_t *last);
static int ngx_kafka_ws_json_push(ngx_kafka_ws_json_stack_t *stack,
    unsigned object);
static unsigned ngx_kafka_ws_json_in_object(
    const ngx_kafka_ws_json_stack_t *stack);
static const uint8_t *ngx_kafka_ws_json_name(const uint8_t *p,
    const uint8_t *last, uint64_t *high);
static const uint8_t *ngx_kafka_ws_json_scalar(const uint8_t *p,
    const uint8_t *last, uint64_t *high);
static const uint8_t *ngx_kafka_ws_json_text(const uint8_t *p,
    const uint8_t *last, uint64_t *high);
static const uint8_t *ngx_kafka_ws_json_escape(const uint8_t *p,
    const uint8_t *last);
static const uint8_t *ngx_kafka_ws_json_number(const uint8_t *p,
    const uint8_t *last);
static const uint8_t *ngx_kafka_ws_json_digits(const uint8_t *p,
    const uint8_t *last);
static const uint8_t *ngx_kafka_ws_json_literal(const uint8_t *p,
    const uint8_t *last, const char *text, size_t n);


ngx_kafka_ws_json_e
ngx_kafka_ws_json_check(const uint8_t *p, size_t n, size_t max_depth)
{
    uint64_t              high;
    const uint8_t        *pos, *last;
    ngx_kafka_ws_json_e   rc;

    if (n == 0) {
        return NGX_KAFKA_WS_JSON_NONE;
    }

    pos = p;
    last = p + n;
    high = 0;

    pos = ngx_kafka_ws_json_space(pos, last);

    if (pos == last) {
        return NGX_KAFKA_WS_JSON_NONE;
    }

    if (*pos == '{' || *pos == '[') {
        rc = ngx_kafka_ws_json_container(&pos, last, max_depth, &high);

        if (rc != NGX_KAFKA_WS_JSON_CONTAINER) {
            return rc;
        }

    } else {
        rc = NGX_KAFKA_WS_JSON_SCALAR;
        pos = ngx_kafka_ws_json_scalar(pos, last, &high);

        if (pos == NULL) {
            return NGX_KAFKA_WS_JSON_NONE;
        }
    }

    pos = ngx_kafka_ws_json_space(pos, last);

    if (pos != last) {
        return NGX_KAFKA_WS_JSON_NONE;
    }

    if ((high & NGX_KAFKA_WS_JSON_HIGHS) && !ngx_kafka_ws_utf8_valid(p, n)) {
        return NGX_KAFKA_WS_JSON_NONE;
    }

    return rc;
}


/*
 * Walks over the object or array that begins at *pos and leaves *pos after
 * it.  Each turn begins where a member or an element is due.
 */

static ngx_kafka_ws_json_e
ngx_kafka_ws_json_container(const uint8_t **pos, const uint8_t *last,
    size_t max_depth, uint64_t *high)
{
    uint8_t                     c;
    unsigned                    object;
    const uint8_t              *p;
    ngx_kafka_ws_json_stack_t   stack;

    p = *pos;
    object = 0;
    stack.depth = 0;
    stack.max_depth = max_depth < NGX_KAFKA_WS_JSON_MAX_DEPTH
                      ? max_depth : NGX_KAFKA_WS_JSON_MAX_DEPTH;

    for ( ;; ) {

        if (object) {
            p = ngx_kafka_ws_json_name(p, last, high);

            if (p == NULL) {
                return NGX_KAFKA_WS_JSON_NONE;
            }
        }

        p = ngx_kafka_ws_json_space(p, last);

        if (p == last) {
            return NGX_KAFKA_WS_JSON_NONE;
        }

        if (*p == '{' || *p == '[') {
            object = (*p == '{');

            if (!ngx_kafka_ws_json_push(&stack, object)) {
                return NGX_KAFKA_WS_JSON_TOO_DEEP;
            }

            p = ngx_kafka_ws_json_space(p + 1, last);

            if (p < last && *p != (object ? '}' : ']')) {
                continue;
            }

        } else {
            p = ngx_kafka_ws_json_scalar(p, last, high);

            if (p == NULL) {
                return NGX_KAFKA_WS_JSON_NONE;
            }
        }

        /* a value is over, or an empty container is about to end */

        for ( ;; ) {
            p = ngx_kafka_ws_json_space(p, last);

            if (p == last) {
                return NGX_KAFKA_WS_JSON_NONE;
            }

            c = *p++;

            if (c != (object ? '}' : ']')) {
                break;
            }

            if (--stack.depth == 0) {
                *pos = p;
                return NGX_KAFKA_WS_JSON_CONTAINER;
            }

            object = ngx_kafka_ws_json_in_object(&stack);
        }

        if (c != ',') {
            return NGX_KAFKA_WS_JSON_NONE;
        }
    }
}


static inline const uint8_t *
ngx_kafka_ws_json_space(const uint8_t *p, const uint8_t *last)
{
    while (p < last && ngx_kafka_ws_json_is_space(*p)) {
        p++;
    }

    return p;
}


static int
ngx_kafka_ws_json_push(ngx_kafka_ws_json_stack_t *stack, unsigned object)
{
    size_t     i;
    uint64_t   bit;

    if (stack->depth == stack->max_depth) {
        return 0;
    }

    i = stack->depth / 64;
    bit = (uint64_t) 1 << (stack->depth % 64);

    if (stack->depth % 64 == 0) {
        stack->objects[i] = 0;
    }

    if (object) {
        stack->objects[i] |= bit;

    } else {
        stack->objects[i] &= ~bit;
    }

    stack->depth++;

    return 1;
}


static unsigned
ngx_kafka_ws_json_in_object(const ngx_kafka_ws_json_stack_t *stack)
{
    size_t  top;

    top = stack->depth - 1;

    return (unsigned) (stack->objects[top / 64] >> (top % 64)) & 1;
}


/* a member's name with its colon; white space before the name is allowed */

static const uint8_t *
ngx_kafka_ws_json_name(const uint8_t *p, const uint8_t *last, uint64_t *high)
{
    p = ngx_kafka_ws_json_space(p, last);

    if (p == last || *p != '"') {
        return NULL;
    }

    p = ngx_kafka_ws_json_text(p + 1, last, high);

    if (p == NULL) {
        return NULL;
    }

    p = ngx_kafka_ws_json_space(p, last);

    if (p == last || *p != ':') {
        return NULL;
    }

    return p + 1;
}


static const uint8_t *
ngx_kafka_ws_json_scalar(const uint8_t *p, const uint8_t *last,
    uint64_t *high)
{
    switch (*p) {

    case '"':
        return ngx_kafka_ws_json_text(p + 1, last, high);

    case 't':
        return ngx_kafka_ws_json_literal(p, last, "true", 4);

    case 'f':
        return ngx_kafka_ws_json_literal(p, last, "false", 5);

    case 'n':
        return ngx_kafka_ws_json_literal(p, last, "null", 4);

    default:
        return ngx_kafka_ws_json_number(p, last);
    }
}


/* the rest of a string, after its opening quote */

static const uint8_t *
ngx_kafka_ws_json_text(const uint8_t *p, const uint8_t *last, uint64_t *high)
{
    uint8_t   c;
    uint64_t  w, mask;

    for ( ;; ) {

        if (last - p >= 8) {
            memcpy(&w, p, 8);

            *high |= w;
            mask = ngx_kafka_ws_json_special(w);

            if (mask == 0) {
                p += 8;
                continue;
            }

            p += ngx_kafka_ws_json_before(mask);
        }

        if (p == last) {
            return NULL;
        }

        c = *p++;

        if (c == '"') {
            return p;
        }

        if (c == '\\') {
            p = ngx_kafka_ws_json_escape(p, last);

            if (p == NULL) {
                return NULL;
            }

        } else if (c < 0x20) {
            return NULL;

        } else {
            *high |= c;
        }
    }
}


/* the rest of an escape, after its backslash */

static const uint8_t *
ngx_kafka_ws_json_escape(const uint8_t *p, const uint8_t *last)
{
    uint8_t   c;
    unsigned  i;

    if (p == last) {
        return NULL;
    }

    switch (*p++) {

    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p;

    case 'u':
        break;

    default:
        return NULL;
    }

    if (last - p < 4) {
        return NULL;
    }

    for (i = 0; i < 4; i++) {
        c = (uint8_t) (*p++ | 0x20);

        if (!ngx_kafka_ws_json_is_digit(p[-1]) && (c < 'a' || c > 'f')) {
            return NULL;
        }
    }

    return p;
}


static const uint8_t *
ngx_kafka_ws_json_number(const uint8_t *p, const uint8_t *last)
{
    if (*p == '-') {
        p++;
    }

    if (p < last && *p == '0') {
        p++;

    } else {
        p = ngx_kafka_ws_json_digits(p, last);

        if (p == NULL) {
            return NULL;
        }
    }

    if (p < last && *p == '.') {
        p = ngx_kafka_ws_json_digits(p + 1, last);

        if (p == NULL) {
            return NULL;
        }
    }

    if (p < last && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }

        p = ngx_kafka_ws_json_digits(p, last);
    }

    return p;
}


/* one digit or more */

static const uint8_t *
ngx_kafka_ws_json_digits(const uint8_t *p, const uint8_t *last)
{
    if (p == last || !ngx_kafka_ws_json_is_digit(*p)) {
        return NULL;
    }

    do {
        p++;
    } while (p < last && ngx_kafka_ws_json_is_digit(*p));

    return p;
}


static const uint8_t *
ngx_kafka_ws_json_literal(const uint8_t *p, const uint8_t *last,
    const char *text, size_t n)
{
    if ((size_t) (last - p) < n || memcmp(p, text, n) != 0) {
        return NULL;
    }

    return p + n;
}
