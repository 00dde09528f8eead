
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What the headers of one request say about an upgrade.
 */


#ifndef _NGX_KAFKA_WS_HANDSHAKE_HEADERS_H_INCLUDED_
#define _NGX_KAFKA_WS_HANDSHAKE_HEADERS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_deflate.h"


#define NGX_KAFKA_WS_OFFER_MAX  32   /* subprotocols, compared one by one */


/* values lie in the request's header buffers; of a repeated one the last */

typedef struct {
    ngx_str_t                 key;
    ngx_str_t                 version;
    ngx_str_t                 origin;
    ngx_uint_t                nkeys;
    ngx_uint_t                nversions;
    ngx_uint_t                norigins;

    ngx_uint_t                upgrade;     /* 1: a list has "websocket" */
    ngx_uint_t                connection;  /* 1: a list has "upgrade" */

    const char               *extensions_bad;  /* NULL, or what is wrong */
    ngx_uint_t                nextensions;
    ngx_uint_t                extensions_seen;
    unsigned                  window_bits;
    ngx_kafka_ws_deflate_t    deflate;

    const char               *protocols_bad;   /* NULL, or what is wrong */
    ngx_uint_t                nprotocols;
    ngx_uint_t                protocols_seen;
    ngx_str_t                 protocols[NGX_KAFKA_WS_OFFER_MAX];
} ngx_kafka_ws_headers_t;


/*
 * Reads all headers of r into h.
 * bits:      the window that compressed frames need; 0: there are none, all
 *            offers of compression are passed over
 * cost:      linear in their length; no allocation
 * where:     content handler
 * source:    RFC 6455, 4.2.1, 9.1, 11.3
 */
void ngx_kafka_ws_handshake_headers(ngx_http_request_t *r,
    ngx_kafka_ws_headers_t *h, unsigned bits);


#endif /* _NGX_KAFKA_WS_HANDSHAKE_HEADERS_H_INCLUDED_ */
