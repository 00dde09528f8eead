
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * nginx parses none of the headers of an upgrade itself, and some of them
 * may come in several lines.  All are read in one pass; what they say is
 * judged elsewhere, so that the answer does not depend on their order.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_handshake_headers.h"


typedef void (*ngx_kafka_ws_header_pt)(ngx_kafka_ws_headers_t *h,
    ngx_str_t *value);

typedef struct {
    ngx_str_t                 name;
    ngx_kafka_ws_header_pt    handler;
} ngx_kafka_ws_known_header_t;


static void ngx_kafka_ws_header_upgrade(ngx_kafka_ws_headers_t *h,
    ngx_str_t *value);
static void ngx_kafka_ws_header_connection(ngx_kafka_ws_headers_t *h,
    ngx_str_t *value);
static void ngx_kafka_ws_header_key(ngx_kafka_ws_headers_t *h,
    ngx_str_t *value);
static void ngx_kafka_ws_header_version(ngx_kafka_ws_headers_t *h,
    ngx_str_t *value);
static void ngx_kafka_ws_header_origin(ngx_kafka_ws_headers_t *h,
    ngx_str_t *value);
static void ngx_kafka_ws_header_protocol(ngx_kafka_ws_headers_t *h,
    ngx_str_t *value);
static void ngx_kafka_ws_header_offer(ngx_kafka_ws_headers_t *h,
    ngx_str_t *token);
static void ngx_kafka_ws_header_extensions(ngx_kafka_ws_headers_t *h,
    ngx_str_t *value);
static u_char *ngx_kafka_ws_header_extension(u_char *p, u_char *last);
static u_char *ngx_kafka_ws_header_quoted(u_char *p, u_char *last);
static ngx_uint_t ngx_kafka_ws_header_has(ngx_str_t *value, const char *name);
static u_char *ngx_kafka_ws_header_blank(u_char *p, u_char *last);
static u_char *ngx_kafka_ws_header_token(u_char *p, u_char *last);


static ngx_kafka_ws_known_header_t  ngx_kafka_ws_known_headers[] = {
    { ngx_string("upgrade"), ngx_kafka_ws_header_upgrade },
    { ngx_string("connection"), ngx_kafka_ws_header_connection },
    { ngx_string("sec-websocket-key"), ngx_kafka_ws_header_key },
    { ngx_string("sec-websocket-version"), ngx_kafka_ws_header_version },
    { ngx_string("sec-websocket-protocol"), ngx_kafka_ws_header_protocol },
    { ngx_string("sec-websocket-extensions"),
      ngx_kafka_ws_header_extensions },
    { ngx_string("origin"), ngx_kafka_ws_header_origin },
    { ngx_null_string, NULL }
};


void
ngx_kafka_ws_handshake_headers(ngx_http_request_t *r,
    ngx_kafka_ws_headers_t *h)
{
    ngx_uint_t                    i;
    ngx_list_part_t              *part;
    ngx_table_elt_t              *header;
    ngx_kafka_ws_known_header_t  *known;

    ngx_memzero(h, sizeof(ngx_kafka_ws_headers_t));

    part = &r->headers_in.headers.part;
    header = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        for (known = ngx_kafka_ws_known_headers; known->handler; known++) {

            if (header[i].key.len == known->name.len
                && ngx_strncmp(header[i].lowcase_key, known->name.data,
                               known->name.len)
                   == 0)
            {
                known->handler(h, &header[i].value);
                break;
            }
        }
    }

    if (h->protocols_seen && h->nprotocols == 0 && h->protocols_bad == NULL) {
        h->protocols_bad = "Sec-WebSocket-Protocol is empty";
    }

    if (h->extensions_seen && h->nextensions == 0
        && h->extensions_bad == NULL)
    {
        h->extensions_bad = "Sec-WebSocket-Extensions is empty";
    }
}


static void
ngx_kafka_ws_header_upgrade(ngx_kafka_ws_headers_t *h, ngx_str_t *value)
{
    h->upgrade |= ngx_kafka_ws_header_has(value, "websocket");
}


static void
ngx_kafka_ws_header_connection(ngx_kafka_ws_headers_t *h, ngx_str_t *value)
{
    h->connection |= ngx_kafka_ws_header_has(value, "upgrade");
}


static void
ngx_kafka_ws_header_key(ngx_kafka_ws_headers_t *h, ngx_str_t *value)
{
    h->key = *value;
    h->nkeys++;
}


static void
ngx_kafka_ws_header_version(ngx_kafka_ws_headers_t *h, ngx_str_t *value)
{
    h->version = *value;
    h->nversions++;
}


static void
ngx_kafka_ws_header_origin(ngx_kafka_ws_headers_t *h, ngx_str_t *value)
{
    h->origin = *value;
    h->norigins++;
}


/*
 * RFC 6455, 11.3.4: a list of tokens, none twice, over any number of lines.
 * Empty elements count for nothing (RFC 9110, 5.6.1.2).
 */

static void
ngx_kafka_ws_header_protocol(ngx_kafka_ws_headers_t *h, ngx_str_t *value)
{
    u_char     *p, *last, *end;
    ngx_str_t   token;

    h->protocols_seen = 1;

    p = value->data;
    last = value->data + value->len;

    for ( ;; ) {
        p = ngx_kafka_ws_header_blank(p, last);
        end = ngx_kafka_ws_header_token(p, last);

        token.data = p;
        token.len = end - p;

        p = ngx_kafka_ws_header_blank(end, last);

        if (p < last && *p != ',') {
            h->protocols_bad = "Sec-WebSocket-Protocol is malformed";
            return;
        }

        if (token.len) {
            ngx_kafka_ws_header_offer(h, &token);
        }

        if (p == last) {
            return;
        }

        p++;
    }
}


static void
ngx_kafka_ws_header_offer(ngx_kafka_ws_headers_t *h, ngx_str_t *token)
{
    ngx_uint_t  i;

    for (i = 0; i < h->nprotocols; i++) {

        if (h->protocols[i].len == token->len
            && ngx_memcmp(h->protocols[i].data, token->data, token->len) == 0)
        {
            h->protocols_bad = "Sec-WebSocket-Protocol has a name twice";
            return;
        }
    }

    if (h->nprotocols == NGX_KAFKA_WS_OFFER_MAX) {
        h->protocols_bad = "Sec-WebSocket-Protocol has too many names";
        return;
    }

    h->protocols[h->nprotocols++] = *token;
}


/* RFC 6455, 9.1; no extension is known, all that are well formed are let be */

static void
ngx_kafka_ws_header_extensions(ngx_kafka_ws_headers_t *h, ngx_str_t *value)
{
    u_char  *p, *last, *end;

    h->extensions_seen = 1;

    p = value->data;
    last = value->data + value->len;

    for ( ;; ) {
        p = ngx_kafka_ws_header_blank(p, last);
        end = ngx_kafka_ws_header_extension(p, last);

        if (end == NULL || (end < last && *end != ',')) {
            h->extensions_bad = "Sec-WebSocket-Extensions is malformed";
            return;
        }

        if (end != p) {
            h->nextensions++;
        }

        if (end == last) {
            return;
        }

        p = end + 1;
    }
}


/*
 * One element of the list: nothing, or a token with parameters.
 * returns:   behind it and its blanks; NULL: malformed
 */

static u_char *
ngx_kafka_ws_header_extension(u_char *p, u_char *last)
{
    u_char  *end;

    end = ngx_kafka_ws_header_token(p, last);

    if (end == p) {
        return p;
    }

    for ( ;; ) {
        p = ngx_kafka_ws_header_blank(end, last);

        if (p == last || *p != ';') {
            return p;
        }

        p = ngx_kafka_ws_header_blank(p + 1, last);
        end = ngx_kafka_ws_header_token(p, last);

        if (end == p) {
            return NULL;
        }

        p = ngx_kafka_ws_header_blank(end, last);

        if (p == last || *p != '=') {
            continue;
        }

        p = ngx_kafka_ws_header_blank(p + 1, last);

        if (p < last && *p == '"') {
            end = ngx_kafka_ws_header_quoted(p, last);

        } else {
            end = ngx_kafka_ws_header_token(p, last);
        }

        if (end == NULL || end == p) {
            return NULL;
        }
    }
}


/*
 * RFC 6455, 9.1: what a quoted string holds must be a token once the
 * backslashes are taken away.
 * returns:   behind the closing quote; NULL: malformed
 */

static u_char *
ngx_kafka_ws_header_quoted(u_char *p, u_char *last)
{
    u_char      *end;
    ngx_uint_t   n;

    n = 0;
    p++;

    for ( ;; ) {

        if (p < last && *p == '"') {
            return n ? p + 1 : NULL;
        }

        if (p < last && *p == '\\') {
            p++;
            end = ngx_kafka_ws_header_token(p, ngx_min(p + 1, last));

        } else {
            end = ngx_kafka_ws_header_token(p, last);
        }

        if (end == p) {
            return NULL;
        }

        p = end;
        n = 1;
    }
}


/* 1 if the comma list has the name, letters of any case */

static ngx_uint_t
ngx_kafka_ws_header_has(ngx_str_t *value, const char *name)
{
    u_char  *p, *last, *start, *end;
    size_t   len;

    len = ngx_strlen(name);
    p = value->data;
    last = value->data + value->len;

    for ( ;; ) {
        start = ngx_kafka_ws_header_blank(p, last);
        end = ngx_kafka_ws_header_token(start, last);
        p = ngx_kafka_ws_header_blank(end, last);

        if ((p == last || *p == ',') && (size_t) (end - start) == len
            && ngx_strncasecmp(start, (u_char *) name, len) == 0)
        {
            return 1;
        }

        p = ngx_strlchr(p, last, ',');

        if (p == NULL) {
            return 0;
        }

        p++;
    }
}


static u_char *
ngx_kafka_ws_header_blank(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


/* RFC 9110, 5.6.2 */

static u_char *
ngx_kafka_ws_header_token(u_char *p, u_char *last)
{
    u_char  ch;

    for ( /* void */ ; p < last; p++) {
        ch = *p;

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9')
            || (ch != '\0' && ngx_strchr("!#$%&'*+-.^_`|~", ch) != NULL))
        {
            continue;
        }

        break;
    }

    return p;
}
