
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

#include "ngx_kafka_ws_deflate.h"
#include "ngx_kafka_ws_shm.h"
#include "ngx_kafka_ws_socket.h"


#define NGX_KAFKA_WS_UPGRADE_REQUIRED  426   /* RFC 9110, 15.5.22 */


/* what an endpoint takes and makes beside its settings */

typedef struct {
    ngx_str_t                *protocols;   /* subprotocols */
    ngx_uint_t                nprotocols;
    unsigned                  window_bits; /* the least that its compressed
                                              frames fit into */
} ngx_kafka_ws_endpoint_t;


typedef struct {
    ngx_str_t                 key;         /* Sec-WebSocket-Key, as sent */
    ngx_str_t                *protocol;    /* agreed, of the endpoint's;
                                              NULL: none */
    unsigned                  deflate;     /* agreed window bits; 0: none */
    ngx_str_t                 extensions;  /* the answer, if deflate */
} ngx_kafka_ws_handshake_t;


/* why a request is refused */

typedef struct {
    ngx_uint_t                status;
    ngx_kafka_ws_refusal_e    reason;      /* the counter */
    ngx_str_t                 text;        /* one line for the client and the
                                              log; untrusted parts escaped */
    ngx_str_t                 detail;      /* for the log only, behind the
                                              text; empty: none */
} ngx_kafka_ws_refused_t;


/*
 * Checks the request line, headers, body, origin and subprotocols.
 * hs:        set if NGX_OK
 * refused:   set if NGX_DECLINED, its detail always; text lies in r->pool or
 *            is constant
 * returns:   NGX_OK, NGX_DECLINED, NGX_ERROR (out of memory)
 * where:     content handler, before anything is sent
 */
ngx_int_t ngx_kafka_ws_handshake_check(ngx_http_request_t *r,
    ngx_kafka_ws_socket_conf_t *kwscf, ngx_kafka_ws_endpoint_t *endpoint,
    ngx_kafka_ws_handshake_t *hs, ngx_kafka_ws_refused_t *refused);

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
 * and counts.  Whatever the text holds, only printable ASCII of it gets out.
 * counters:  of this process; NULL: not counted
 * returns:   for the content handler to return
 */
ngx_int_t ngx_kafka_ws_handshake_refuse(ngx_http_request_t *r,
    ngx_kafka_ws_counters_t *counters, ngx_kafka_ws_refused_t *refused);

/* a refusal with a constant text; returns NGX_DECLINED */
ngx_int_t ngx_kafka_ws_declined(ngx_kafka_ws_refused_t *refused,
    ngx_uint_t status, ngx_kafka_ws_refusal_e reason, const char *text);

/*
 * Makes a refusal's text: before "untrusted" after, in r->pool, with the
 * untrusted part escaped and cut to a length that suits a log.
 * returns:   NGX_OK, NGX_ERROR (out of memory)
 */
ngx_int_t ngx_kafka_ws_handshake_text(ngx_http_request_t *r,
    const char *before, ngx_str_t *untrusted, const char *after,
    ngx_str_t *text);


/* between the handshake's own files */

/*
 * 1 if the answer would not be this request's own: in a subrequest, after
 * error_page, in post_action
 */
#define ngx_kafka_ws_handshake_inner(r)                                       \
    ((r) != (r)->main || (r)->error_page || (r)->err_status                   \
     || (r)->post_action || (r)->header_sent)

/* 1 if the request announces a body */
#define ngx_kafka_ws_handshake_body(r)                                        \
    ((r)->headers_in.content_length_n > 0 || (r)->headers_in.chunked          \
     || (r)->headers_in.transfer_encoding)

/* 1 if the location lets pages of that Origin open a stream */
ngx_uint_t ngx_kafka_ws_handshake_origin(ngx_http_request_t *r,
    ngx_kafka_ws_socket_conf_t *kwscf, ngx_str_t *origin);

/* adds a header to the response; name and value are not copied */
ngx_int_t ngx_kafka_ws_handshake_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/* forgets what describes the page whose X-Accel-Redirect may have led here */
void ngx_kafka_ws_handshake_clear(ngx_http_request_t *r);


#endif /* _NGX_KAFKA_WS_HANDSHAKE_H_INCLUDED_ */
