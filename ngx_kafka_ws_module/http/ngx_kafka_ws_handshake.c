
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The opening handshake, RFC 6455, 4.2.  The checks come in one fixed order:
 * what kind of request it is, what its headers say, who asks.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_sha1.h>

#include "ngx_kafka_ws_handshake.h"
#include "ngx_kafka_ws_handshake_headers.h"


#define NGX_KAFKA_WS_KEY_LEN  24   /* bytes, base64 of 16; RFC 6455, 4.1 */
#define NGX_KAFKA_WS_GUID     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
                                   /* RFC 6455, 1.3 */


static ngx_int_t ngx_kafka_ws_handshake_request(ngx_http_request_t *r,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handshake_upgrade(ngx_kafka_ws_headers_t *h,
    ngx_kafka_ws_refused_t *refused);
static ngx_int_t ngx_kafka_ws_handshake_lists(ngx_kafka_ws_headers_t *h,
    ngx_kafka_ws_refused_t *refused);
static ngx_uint_t ngx_kafka_ws_handshake_key_valid(ngx_str_t *key);
static ngx_int_t ngx_kafka_ws_handshake_from(ngx_http_request_t *r,
    ngx_kafka_ws_socket_conf_t *kwscf, ngx_kafka_ws_headers_t *h,
    ngx_kafka_ws_refused_t *refused);
static ngx_str_t *ngx_kafka_ws_handshake_protocol(ngx_kafka_ws_headers_t *h,
    ngx_kafka_ws_endpoint_t *endpoint);
static ngx_int_t ngx_kafka_ws_handshake_extensions(ngx_http_request_t *r,
    ngx_kafka_ws_headers_t *h, ngx_kafka_ws_handshake_t *hs);


static ngx_str_t  ngx_kafka_ws_websocket = ngx_string("websocket");


ngx_int_t
ngx_kafka_ws_handshake_check(ngx_http_request_t *r,
    ngx_kafka_ws_socket_conf_t *kwscf, ngx_kafka_ws_endpoint_t *endpoint,
    ngx_kafka_ws_handshake_t *hs, ngx_kafka_ws_refused_t *refused)
{
    ngx_int_t               rc;
    ngx_kafka_ws_headers_t  h;

    ngx_str_null(&refused->detail);

    rc = ngx_kafka_ws_handshake_request(r, refused);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_kafka_ws_handshake_headers(r, &h, kwscf->deflate ? endpoint->window_bits
                                                         : 0);

    rc = ngx_kafka_ws_handshake_upgrade(&h, refused);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_kafka_ws_handshake_lists(&h, refused);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_kafka_ws_handshake_from(r, kwscf, &h, refused);

    if (rc != NGX_OK) {
        return rc;
    }

    hs->key = h.key;
    hs->protocol = ngx_kafka_ws_handshake_protocol(&h, endpoint);

    return ngx_kafka_ws_handshake_extensions(r, &h, hs);
}


static ngx_int_t
ngx_kafka_ws_handshake_request(ngx_http_request_t *r,
    ngx_kafka_ws_refused_t *refused)
{
    if (ngx_kafka_ws_handshake_inner(r)) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_BAD_REQUEST,
                                     NGX_KAFKA_WS_REFUSED_UPGRADE,
                                     "neither a subrequest nor an error page"
                                     " can be a stream");
    }

    if (r->method != NGX_HTTP_GET) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_NOT_ALLOWED,
                                     NGX_KAFKA_WS_REFUSED_METHOD,
                                     "the method is not GET");
    }

    /*
     * HTTP/1.2 would be read as 1.1 is (RFC 9110, 2.5); over HTTP/2 and 3
     * nginx cannot upgrade.
     */

    if (r->http_version < NGX_HTTP_VERSION_11
        || r->http_version >= NGX_HTTP_VERSION_20)
    {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_BAD_REQUEST,
                                     NGX_KAFKA_WS_REFUSED_VERSION,
                                     "a WebSocket needs HTTP/1.1");
    }

    if (ngx_kafka_ws_handshake_body(r)) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_BAD_REQUEST,
                                     NGX_KAFKA_WS_REFUSED_BODY,
                                     "the request has a body");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_handshake_upgrade(ngx_kafka_ws_headers_t *h,
    ngx_kafka_ws_refused_t *refused)
{
    if (!h->upgrade) {
        return ngx_kafka_ws_declined(refused, NGX_KAFKA_WS_UPGRADE_REQUIRED,
                                     NGX_KAFKA_WS_REFUSED_UPGRADE,
                                     "Upgrade does not name websocket");
    }

    if (!h->connection) {
        return ngx_kafka_ws_declined(refused, NGX_KAFKA_WS_UPGRADE_REQUIRED,
                                     NGX_KAFKA_WS_REFUSED_UPGRADE,
                                     "Connection does not name upgrade");
    }

    if (h->nversions > 1) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_BAD_REQUEST,
                                     NGX_KAFKA_WS_REFUSED_VERSION,
                                     "Sec-WebSocket-Version is repeated");
    }

    if (h->version.len != 2 || ngx_strncmp(h->version.data, "13", 2) != 0) {
        return ngx_kafka_ws_declined(refused, NGX_KAFKA_WS_UPGRADE_REQUIRED,
                                     NGX_KAFKA_WS_REFUSED_VERSION,
                                     "Sec-WebSocket-Version is not 13");
    }

    return NGX_OK;
}


/*
 * The offers are not shown: some clients put a token into the list of
 * subprotocols, for want of another header that a browser lets them set.
 */

static ngx_int_t
ngx_kafka_ws_handshake_lists(ngx_kafka_ws_headers_t *h,
    ngx_kafka_ws_refused_t *refused)
{
    if (h->nkeys > 1) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_BAD_REQUEST,
                                     NGX_KAFKA_WS_REFUSED_KEY,
                                     "Sec-WebSocket-Key is repeated");
    }

    if (!ngx_kafka_ws_handshake_key_valid(&h->key)) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_BAD_REQUEST,
                                     NGX_KAFKA_WS_REFUSED_KEY,
                                     "Sec-WebSocket-Key is not 16 bytes in"
                                     " base64");
    }

    if (h->extensions_bad) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_BAD_REQUEST,
                                     NGX_KAFKA_WS_REFUSED_UPGRADE,
                                     h->extensions_bad);
    }

    if (h->protocols_bad) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_BAD_REQUEST,
                                     NGX_KAFKA_WS_REFUSED_SUBPROTOCOL,
                                     h->protocols_bad);
    }

    return NGX_OK;
}


/*
 * nginx's decoder takes any padding, so the form is checked here.  The bits
 * of the last letter that decode to nothing are not looked at (RFC 4648,
 * 3.5).
 */

static ngx_uint_t
ngx_kafka_ws_handshake_key_valid(ngx_str_t *key)
{
    u_char  ch;
    size_t  i;

    if (key->len != NGX_KAFKA_WS_KEY_LEN
        || key->data[key->len - 1] != '=' || key->data[key->len - 2] != '=')
    {
        return 0;
    }

    for (i = 0; i < key->len - 2; i++) {
        ch = key->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9') || ch == '+' || ch == '/')
        {
            continue;
        }

        return 0;
    }

    return 1;
}


static ngx_int_t
ngx_kafka_ws_handshake_from(ngx_http_request_t *r,
    ngx_kafka_ws_socket_conf_t *kwscf, ngx_kafka_ws_headers_t *h,
    ngx_kafka_ws_refused_t *refused)
{
    if (h->norigins > 1) {
        return ngx_kafka_ws_declined(refused, NGX_HTTP_FORBIDDEN,
                                     NGX_KAFKA_WS_REFUSED_ORIGIN,
                                     "Origin is repeated");
    }

    if (h->norigins == 0) {

        if (kwscf->origin & NGX_KAFKA_WS_ORIGIN_REQUIRED) {
            return ngx_kafka_ws_declined(refused, NGX_HTTP_FORBIDDEN,
                                         NGX_KAFKA_WS_REFUSED_ORIGIN,
                                         "Origin is missing");
        }

        return NGX_OK;
    }

    if (ngx_kafka_ws_handshake_origin(r, kwscf, &h->origin)) {
        return NGX_OK;
    }

    refused->status = NGX_HTTP_FORBIDDEN;
    refused->reason = NGX_KAFKA_WS_REFUSED_ORIGIN;

    if (ngx_kafka_ws_handshake_text(r, "origin ", &h->origin,
                                    " is not allowed", &refused->text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


/*
 * The first of the offer that the location allows.  If it allows none of
 * them, the answer names none, as without an offer: the client decides.
 */

static ngx_str_t *
ngx_kafka_ws_handshake_protocol(ngx_kafka_ws_headers_t *h,
    ngx_kafka_ws_endpoint_t *endpoint)
{
    ngx_str_t   *name;
    ngx_uint_t   i, k;

    for (i = 0; i < h->nprotocols; i++) {

        for (k = 0; k < endpoint->nprotocols; k++) {
            name = &endpoint->protocols[k];

            if (h->protocols[i].len == name->len
                && ngx_memcmp(h->protocols[i].data, name->data, name->len)
                   == 0)
            {
                return name;
            }
        }
    }

    return NULL;
}


/* RFC 7692, 5: the answer has one offer, or the connection no extension */

static ngx_int_t
ngx_kafka_ws_handshake_extensions(ngx_http_request_t *r,
    ngx_kafka_ws_headers_t *h, ngx_kafka_ws_handshake_t *hs)
{
    u_char  *p;

    hs->deflate = h->deflate.agreed ? h->deflate.bits : 0;

    if (hs->deflate == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_KAFKA_WS_DEFLATE_ANSWER_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    hs->extensions.data = p;
    hs->extensions.len = ngx_kafka_ws_deflate_answer(&h->deflate, p);

    return NGX_OK;
}


/*
 * nginx's own header filters add nothing to a status below 200.  One that
 * collects a body first would keep the header back: "header_sent" tells.
 */

ngx_int_t
ngx_kafka_ws_handshake_accept(ngx_http_request_t *r,
    ngx_kafka_ws_handshake_t *hs)
{
    u_char       *accept;
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_str_t     digest, encoded;
    ngx_chain_t   out;
    ngx_sha1_t    sha1;
    u_char        buf[20];   /* bytes, SHA-1; RFC 3174 */

    accept = ngx_pnalloc(r->pool, ngx_base64_encoded_length(sizeof(buf)));
    if (accept == NULL) {
        return NGX_ERROR;
    }

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, hs->key.data, hs->key.len);
    ngx_sha1_update(&sha1, NGX_KAFKA_WS_GUID, sizeof(NGX_KAFKA_WS_GUID) - 1);
    ngx_sha1_final(buf, &sha1);

    digest.data = buf;
    digest.len = sizeof(buf);
    encoded.data = accept;

    ngx_encode_base64(&encoded, &digest);

    /* there is no body to discard, but 100 precedes a 101: RFC 9110, 7.8 */

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        return NGX_ERROR;
    }

    /* "Connection: upgrade" is added by nginx's header filter */

    if (ngx_kafka_ws_handshake_header(r, "Upgrade", &ngx_kafka_ws_websocket)
            != NGX_OK
        || ngx_kafka_ws_handshake_header(r, "Sec-WebSocket-Accept", &encoded)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (hs->protocol
        && ngx_kafka_ws_handshake_header(r, "Sec-WebSocket-Protocol",
                                         hs->protocol)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (hs->deflate
        && ngx_kafka_ws_handshake_header(r, "Sec-WebSocket-Extensions",
                                         &hs->extensions)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->keepalive = 0;

    ngx_kafka_ws_handshake_clear(r);

    /* it does not slow frames down, so it must not hold back what precedes */

    r->limit_rate = 0;
    r->limit_rate_set = 1;

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");

    /* in time, else the client had a 101 and nothing more */

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    if (!r->header_sent) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "a filter in this location keeps responses back,"
                      " which a stream of kafka_ws cannot work with");
        return NGX_ERROR;
    }

    /* past the body filters: some of them keep a lone flush for themselves */

    b->flush = 1;
    out.buf = b;
    out.next = NULL;

    return ngx_http_write_filter(r, &out);
}
