
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

#include "ngx_kafka_ws_header.h"
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
    ngx_kafka_ws_span_t *token);
static void ngx_kafka_ws_header_extensions(ngx_kafka_ws_headers_t *h,
    ngx_str_t *value);
static ngx_str_t ngx_kafka_ws_header_trim(ngx_str_t *value);
static ngx_uint_t ngx_kafka_ws_header_names(ngx_str_t *value,
    const char *name);


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
    ngx_kafka_ws_headers_t *h, unsigned bits)
{
    ngx_str_t                     value;
    ngx_uint_t                    i;
    ngx_list_part_t              *part;
    ngx_table_elt_t              *header;
    ngx_kafka_ws_known_header_t  *known;

    ngx_memzero(h, sizeof(ngx_kafka_ws_headers_t));

    h->window_bits = bits;

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
                value = ngx_kafka_ws_header_trim(&header[i].value);
                known->handler(h, &value);
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


/* nginx takes blanks away, but not tabs (RFC 9110, 5.5) */

static ngx_str_t
ngx_kafka_ws_header_trim(ngx_str_t *value)
{
    u_char     *last;
    ngx_str_t   trimmed;

    last = value->data + value->len;
    trimmed.data = (u_char *) ngx_kafka_ws_header_blank(value->data, last);

    while (last > trimmed.data && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    trimmed.len = last - trimmed.data;

    return trimmed;
}


static void
ngx_kafka_ws_header_upgrade(ngx_kafka_ws_headers_t *h, ngx_str_t *value)
{
    h->upgrade |= ngx_kafka_ws_header_names(value, "websocket");
}


static void
ngx_kafka_ws_header_connection(ngx_kafka_ws_headers_t *h, ngx_str_t *value)
{
    h->connection |= ngx_kafka_ws_header_names(value, "upgrade");
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
    int                   rc;
    const u_char         *p, *last;
    ngx_kafka_ws_span_t   token;

    h->protocols_seen = 1;

    p = value->data;
    last = value->data + value->len;

    for ( ;; ) {
        rc = ngx_kafka_ws_header_list(&p, last, &token);

        if (rc != NGX_KAFKA_WS_HEADER_ITEM) {
            break;
        }

        ngx_kafka_ws_header_offer(h, &token);
    }

    if (rc == NGX_KAFKA_WS_HEADER_BAD) {
        h->protocols_bad = "Sec-WebSocket-Protocol is malformed";
    }
}


static void
ngx_kafka_ws_header_offer(ngx_kafka_ws_headers_t *h,
    ngx_kafka_ws_span_t *token)
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

    h->protocols[h->nprotocols].data = (u_char *) token->data;
    h->protocols[h->nprotocols++].len = token->len;
}


/* RFC 6455, 9.1; no extension is known, all that are well formed are let be */

static void
ngx_kafka_ws_header_extensions(ngx_kafka_ws_headers_t *h, ngx_str_t *value)
{
    int                        rc;
    const u_char              *p, *last;
    ngx_kafka_ws_extension_t   ext;

    h->extensions_seen = 1;

    p = value->data;
    last = value->data + value->len;

    for ( ;; ) {
        rc = ngx_kafka_ws_header_extension(&p, last, &ext);

        if (rc != NGX_KAFKA_WS_HEADER_ITEM) {
            break;
        }

        h->nextensions++;
    }

    if (rc == NGX_KAFKA_WS_HEADER_BAD) {
        h->extensions_bad = "Sec-WebSocket-Extensions is malformed";
        return;
    }

    if (h->window_bits) {
        ngx_kafka_ws_deflate_offer(&h->deflate, h->window_bits, value->data,
                                   value->data + value->len);
    }
}


static ngx_uint_t
ngx_kafka_ws_header_names(ngx_str_t *value, const char *name)
{
    return ngx_kafka_ws_header_has(value->data, value->data + value->len,
                                   name);
}
