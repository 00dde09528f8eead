
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "ngx_kafka_ws_header.h"

#include <string.h>


static int ngx_kafka_ws_header_param_next(const uint8_t **p,
    const uint8_t *last, ngx_kafka_ws_param_t *param);
static const uint8_t *ngx_kafka_ws_header_quoted(const uint8_t *p,
    const uint8_t *last);
static int ngx_kafka_ws_header_is(const uint8_t *p, const uint8_t *end,
    const char *name);
static void ngx_kafka_ws_header_span(ngx_kafka_ws_span_t *span,
    const uint8_t *p, const uint8_t *end);


/* a bit for each byte that a token may have; RFC 9110, 5.6.2 */

static const uint32_t  ngx_kafka_ws_header_tchar[] = {
    0x00000000,
    0x03ff6cfa,     /* !#$%&'*+-. 0-9 */
    0xc7fffffe,     /* A-Z ^_ */
    0x57ffffff,     /* ` a-z |~ */
    0x00000000, 0x00000000, 0x00000000, 0x00000000
};


const uint8_t *
ngx_kafka_ws_header_blank(const uint8_t *p, const uint8_t *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


const uint8_t *
ngx_kafka_ws_header_token(const uint8_t *p, const uint8_t *last)
{
    while (p < last
           && (ngx_kafka_ws_header_tchar[*p >> 5] >> (*p & 0x1f)) & 1)
    {
        p++;
    }

    return p;
}


int
ngx_kafka_ws_header_has(const uint8_t *p, const uint8_t *last,
    const char *name)
{
    const uint8_t  *start, *end;

    for ( ;; ) {
        start = ngx_kafka_ws_header_blank(p, last);
        end = ngx_kafka_ws_header_token(start, last);
        p = ngx_kafka_ws_header_blank(end, last);

        if ((p == last || *p == ',')
            && ngx_kafka_ws_header_is(start, end, name))
        {
            return 1;
        }

        while (p < last && *p != ',') {
            p++;
        }

        if (p == last) {
            return 0;
        }

        p++;
    }
}


int
ngx_kafka_ws_header_list(const uint8_t **p, const uint8_t *last,
    ngx_kafka_ws_span_t *token)
{
    const uint8_t  *start, *end, *next;

    for ( ;; ) {
        start = ngx_kafka_ws_header_blank(*p, last);
        end = ngx_kafka_ws_header_token(start, last);
        next = ngx_kafka_ws_header_blank(end, last);

        if (next < last && *next != ',') {
            return NGX_KAFKA_WS_HEADER_BAD;
        }

        *p = (next < last) ? next + 1 : last;

        if (end != start) {
            ngx_kafka_ws_header_span(token, start, end);
            return NGX_KAFKA_WS_HEADER_ITEM;
        }

        if (next == last) {
            return NGX_KAFKA_WS_HEADER_END;
        }
    }
}


int
ngx_kafka_ws_header_extension(const uint8_t **p, const uint8_t *last,
    ngx_kafka_ws_extension_t *ext)
{
    int                    rc;
    const uint8_t         *start, *end, *next;
    ngx_kafka_ws_param_t   param;

    for ( ;; ) {
        start = ngx_kafka_ws_header_blank(*p, last);
        end = ngx_kafka_ws_header_token(start, last);
        next = end;

        if (end != start) {
            do {
                rc = ngx_kafka_ws_header_param_next(&next, last, &param);
            } while (rc == NGX_KAFKA_WS_HEADER_ITEM);

            if (rc == NGX_KAFKA_WS_HEADER_BAD) {
                return rc;
            }
        }

        if (next < last && *next != ',') {
            return NGX_KAFKA_WS_HEADER_BAD;
        }

        *p = (next < last) ? next + 1 : last;

        if (end != start) {
            ngx_kafka_ws_header_span(&ext->name, start, end);
            ext->params = end;
            ext->last = next;

            return NGX_KAFKA_WS_HEADER_ITEM;
        }

        if (next == last) {
            return NGX_KAFKA_WS_HEADER_END;
        }
    }
}


int
ngx_kafka_ws_header_param(ngx_kafka_ws_extension_t *ext,
    ngx_kafka_ws_param_t *param)
{
    return ngx_kafka_ws_header_param_next(&ext->params, ext->last, param);
}


/* p is moved behind the parameter, or, at the end, behind the blanks */

static int
ngx_kafka_ws_header_param_next(const uint8_t **p, const uint8_t *last,
    ngx_kafka_ws_param_t *param)
{
    const uint8_t  *start, *end, *next;

    end = ngx_kafka_ws_header_blank(*p, last);
    *p = end;

    if (end == last || *end != ';') {
        return NGX_KAFKA_WS_HEADER_END;
    }

    start = ngx_kafka_ws_header_blank(end + 1, last);
    end = ngx_kafka_ws_header_token(start, last);

    if (end == start) {
        return NGX_KAFKA_WS_HEADER_BAD;
    }

    ngx_kafka_ws_header_span(&param->name, start, end);
    param->value.data = NULL;
    param->value.len = 0;

    start = ngx_kafka_ws_header_blank(end, last);

    if (start == last || *start != '=') {
        *p = end;
        return NGX_KAFKA_WS_HEADER_ITEM;
    }

    start = ngx_kafka_ws_header_blank(start + 1, last);

    if (start < last && *start == '"') {
        start++;
        end = ngx_kafka_ws_header_quoted(start, last);
        next = (end != NULL) ? end + 1 : NULL;

    } else {
        end = ngx_kafka_ws_header_token(start, last);
        next = end;
    }

    if (end == NULL || end == start) {
        return NGX_KAFKA_WS_HEADER_BAD;
    }

    ngx_kafka_ws_header_span(&param->value, start, end);
    *p = next;

    return NGX_KAFKA_WS_HEADER_ITEM;
}


/*
 * p:        behind the opening quote
 * returns:  the closing quote; NULL: there is none, or what it closes is
 *           no token
 */

static const uint8_t *
ngx_kafka_ws_header_quoted(const uint8_t *p, const uint8_t *last)
{
    const uint8_t  *end;

    while (p < last && *p != '"') {

        if (*p == '\\') {
            p++;
            end = ngx_kafka_ws_header_token(p, (p < last) ? p + 1 : last);

        } else {
            end = ngx_kafka_ws_header_token(p, last);
        }

        if (end == p) {
            return NULL;
        }

        p = end;
    }

    return (p < last) ? p : NULL;
}


size_t
ngx_kafka_ws_header_value(const ngx_kafka_ws_param_t *param, uint8_t *buf,
    size_t size)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < param->value.len; i++) {

        /* no token has one, and the next byte is never another */

        if (param->value.data[i] == '\\') {
            continue;
        }

        if (n < size) {
            buf[n] = param->value.data[i];
        }

        n++;
    }

    return n;
}


static int
ngx_kafka_ws_header_is(const uint8_t *p, const uint8_t *end,
    const char *name)
{
    uint8_t  ch;
    size_t   i, n;

    n = strlen(name);

    if ((size_t) (end - p) != n) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        ch = p[i];

        if (ch >= 'A' && ch <= 'Z') {
            ch |= 0x20;
        }

        if (ch != (uint8_t) name[i]) {
            return 0;
        }
    }

    return 1;
}


static void
ngx_kafka_ws_header_span(ngx_kafka_ws_span_t *span, const uint8_t *p,
    const uint8_t *end)
{
    span->data = p;
    span->len = (size_t) (end - p);
}
