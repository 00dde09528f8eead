
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The opening handshake, RFC 6455, 4.2: what a request must be, and the two
 * ways to answer it.
 */


#ifndef _NGX_KAFKA_WS_HANDSHAKE_H_INCLUDED_
#define _NGX_KAFKA_WS_HANDSHAKE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_shm.h"


typedef struct {
    ngx_str_t                 key;         /* Sec-WebSocket-Key, as sent */
    ngx_str_t                 protocol;    /* agreed; len 0: none */
    ngx_uint_t                format;      /* index into the location's
                                              formats */
} ngx_kafka_ws_handshake_t;


/* why a request is refused */

typedef struct {
    ngx_uint_t                status;
    ngx_kafka_ws_refusal_e    reason;      /* the counter */
    ngx_str_t                 text;        /* one line for the client and the
                                              log; untrusted parts escaped */
} ngx_kafka_ws_refused_t;


/*
 * Checks the request line, headers, body, origin and subprotocols.
 * hs:        set if NGX_OK
 * refused:   set if NGX_DECLINED; text lies in r->pool or is constant
 * returns:   NGX_OK, NGX_DECLINED, NGX_ERROR (out of memory)
 * where:     content handler, before anything is sent
 */
ngx_int_t ngx_kafka_ws_handshake_check(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_handshake_t *hs,
    ngx_kafka_ws_refused_t *refused);

/*
 * Sends the 101 response and flushes it.
 * returns:   NGX_OK, NGX_AGAIN (some of it is still in r->out), NGX_ERROR
 */
ngx_int_t ngx_kafka_ws_handshake_accept(ngx_http_request_t *r,
    ngx_kafka_ws_handshake_t *hs);

/*
 * Answers with the status, the headers that go with it (Allow, Upgrade,
 * Sec-WebSocket-Version, Retry-After) and the text as a plain body, unless
 * an error_page is configured for the status; logs one line at info level
 * and counts.
 * root:      of the location's cluster; NULL: not counted
 * returns:   for the content handler to return
 */
ngx_int_t ngx_kafka_ws_handshake_refuse(ngx_http_request_t *r,
    ngx_kafka_ws_root_t *root, ngx_kafka_ws_refused_t *refused);


#endif /* _NGX_KAFKA_WS_HANDSHAKE_H_INCLUDED_ */
