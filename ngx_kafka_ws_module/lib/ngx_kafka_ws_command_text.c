
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Tokens are only cut here: what a string may hold, the checker of JSON says.
 */


#include <string.h>

#include "ngx_kafka_ws_command_parser.h"
#include "ngx_kafka_ws_json.h"
#include "ngx_kafka_ws_json_read.h"


static int ngx_kafka_ws_command_unexpected(ngx_kafka_ws_command_parser_t *cp);
static int ngx_kafka_ws_command_next(const ngx_kafka_ws_command_parser_t *cp,
    const char *set);


int
ngx_kafka_ws_command_object(ngx_kafka_ws_command_parser_t *cp,
    ngx_kafka_ws_command_member_pt member)
{
    int                   rc;
    unsigned              more;
    const uint8_t        *at;
    ngx_kafka_ws_span_t   name;

    cp->pos++;
    ngx_kafka_ws_command_space(cp);

    if (ngx_kafka_ws_command_at(cp, '}')) {
        cp->pos++;
        return NGX_KAFKA_WS_COMMAND_OK;
    }

    do {
        ngx_kafka_ws_command_space(cp);

        if (!ngx_kafka_ws_command_at(cp, '"')) {
            return ngx_kafka_ws_command_unexpected(cp);
        }

        at = cp->pos;

        rc = ngx_kafka_ws_command_string(cp, NULL, &name);
        if (rc != NGX_KAFKA_WS_COMMAND_OK) {
            return rc;
        }

        ngx_kafka_ws_command_space(cp);

        if (!ngx_kafka_ws_command_at(cp, ':')) {
            return ngx_kafka_ws_command_unexpected(cp);
        }

        cp->pos++;
        ngx_kafka_ws_command_space(cp);

        rc = member(cp, &name, at);
        if (rc != NGX_KAFKA_WS_COMMAND_OK) {
            return rc;
        }

        rc = ngx_kafka_ws_command_more(cp, '}', &more);
        if (rc != NGX_KAFKA_WS_COMMAND_OK) {
            return rc;
        }

    } while (more);

    return NGX_KAFKA_WS_COMMAND_OK;
}


int
ngx_kafka_ws_command_more(ngx_kafka_ws_command_parser_t *cp, uint8_t close,
    unsigned *more)
{
    ngx_kafka_ws_command_space(cp);

    *more = ngx_kafka_ws_command_at(cp, ',');

    if (!*more && !ngx_kafka_ws_command_at(cp, close)) {
        return ngx_kafka_ws_command_unexpected(cp);
    }

    cp->pos++;

    return NGX_KAFKA_WS_COMMAND_OK;
}


int
ngx_kafka_ws_command_string(ngx_kafka_ws_command_parser_t *cp, const char *what,
    ngx_kafka_ws_span_t *s)
{
    size_t          n;
    const uint8_t  *p, *start;

    if (!ngx_kafka_ws_command_at(cp, '"')) {
        return ngx_kafka_ws_command_expected(cp, what);
    }

    start = cp->pos;

    for (p = start + 1; p < cp->last && *p != '"'; p++) {
        p += (*p == '\\' && cp->last - p > 1);
    }

    if (p == cp->last) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_ESYNTAX,
                                         start, "string without an end");
    }

    p++;
    n = (size_t) (p - start);

    if (ngx_kafka_ws_json_check(start, n, 0) != NGX_KAFKA_WS_JSON_SCALAR) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_ESYNTAX,
                                         start, "not a string of JSON");
    }

    n = ngx_kafka_ws_json_read_text(start + 1, n - 2, cp->out);

    if (n == SIZE_MAX) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_ESTRING,
                                         start, "half of a surrogate pair");
    }

    if (memchr(cp->out, '\0', n) != NULL) {
        return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_ESTRING,
                                         start, "NUL in a string");
    }

    s->data = cp->out;
    s->len = n;

    cp->out += n;
    cp->pos = p;

    return NGX_KAFKA_WS_COMMAND_OK;
}


int
ngx_kafka_ws_command_number(ngx_kafka_ws_command_parser_t *cp, const char *what,
    ngx_kafka_ws_span_t *s)
{
    if (!ngx_kafka_ws_command_next(cp, "-0123456789")) {
        return ngx_kafka_ws_command_expected(cp, what);
    }

    s->data = cp->pos;

    do {
        cp->pos++;
    } while (ngx_kafka_ws_command_next(cp, "+-.0123456789Ee"));

    s->len = (size_t) (cp->pos - s->data);

    return NGX_KAFKA_WS_COMMAND_OK;
}


int
ngx_kafka_ws_command_expected(ngx_kafka_ws_command_parser_t *cp,
    const char *what)
{
    if (!ngx_kafka_ws_command_next(cp, "\"{[tfn-0123456789")) {
        return ngx_kafka_ws_command_unexpected(cp);
    }

    return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_EVALUE, cp->pos,
                                     what);
}


/* 1, if what comes next is one of these */

static int
ngx_kafka_ws_command_next(const ngx_kafka_ws_command_parser_t *cp,
    const char *set)
{
    return cp->pos < cp->last && *cp->pos != '\0'
           && strchr(set, *cp->pos) != NULL;
}


/* it is not even JSON */

static int
ngx_kafka_ws_command_unexpected(ngx_kafka_ws_command_parser_t *cp)
{
    return ngx_kafka_ws_command_fail(cp, NGX_KAFKA_WS_COMMAND_ESYNTAX, cp->pos,
                                     cp->pos == cp->last
                                     ? "unexpected end"
                                     : "unexpected character");
}


int
ngx_kafka_ws_command_fail(ngx_kafka_ws_command_parser_t *cp, int code,
    const uint8_t *p, const char *text)
{
    cp->err->text = text;
    cp->err->pos = (size_t) (p - cp->start);

    return code;
}


void
ngx_kafka_ws_command_space(ngx_kafka_ws_command_parser_t *cp)
{
    cp->pos = ngx_kafka_ws_json_read_space(cp->pos, cp->last);
}
