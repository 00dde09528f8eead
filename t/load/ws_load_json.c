
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A scanner for the server's JSON: it finds members, it does not validate.
 */


#define _GNU_SOURCE

#include <string.h>

#include "ws_load.h"


static const uint8_t *wsl_json_skip(const uint8_t *p, const uint8_t *last);


/* returns the end of the value at p, NULL when there is none */

static const uint8_t *
wsl_json_skip(const uint8_t *p, const uint8_t *last)
{
    int  depth;

    depth = 0;

    while (p < last) {

        switch (*p) {

        case '"':
            for (p++; p < last && *p != '"'; p++) {
                if (*p == '\\') {
                    p++;
                }
            }

            if (p >= last) {
                return NULL;
            }

            if (depth == 0) {
                return p + 1;
            }

            break;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            if (depth == 0) {
                return p;               /* of a number, true, null */
            }

            if (--depth == 0) {
                return p + 1;
            }

            break;

        case ',':
            if (depth == 0) {
                return p;
            }

            break;

        default:
            break;
        }

        p++;
    }

    return NULL;
}


/* p: behind '{' or ','; returns where the next one begins, or NULL */

const uint8_t *
wsl_json_member(const uint8_t *p, const uint8_t *last, wsl_member_t *m)
{
    const uint8_t  *end;

    if (p >= last || *p != '"') {
        return NULL;
    }

    end = wsl_json_skip(p, last);

    if (end == NULL || end >= last || *end != ':') {
        return NULL;
    }

    m->name = p + 1;
    m->name_len = (size_t) (end - p) - 2;

    p = end + 1;
    end = wsl_json_skip(p, last);

    if (end == NULL || end >= last || end == p
        || (*end != ',' && *end != '}'))
    {
        return NULL;
    }

    m->value = p;
    m->value_len = (size_t) (end - p);

    return end + 1;
}


int
wsl_member_is(const wsl_member_t *m, const char *name)
{
    return m->name_len == strlen(name)
           && memcmp(m->name, name, m->name_len) == 0;
}


int
wsl_value_is(const wsl_member_t *m, const char *text)
{
    return m->value_len == strlen(text)
           && memcmp(m->value, text, m->value_len) == 0;
}


int
wsl_member_number(const wsl_member_t *m, int64_t *v)
{
    size_t   i;
    int64_t  n;

    if (m->value_len == 0 || m->value_len > 18) {
        return -1;
    }

    for (n = 0, i = 0; i < m->value_len; i++) {
        if (m->value[i] < '0' || m->value[i] > '9') {
            return -1;
        }

        n = n * 10 + (m->value[i] - '0');
    }

    *v = n;

    return 0;
}
