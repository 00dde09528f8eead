
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * How an upgrade is refused: as plain HTTP, with one line of text that the
 * client and the error log both get.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <nginx.h>

#include "ngx_kafka_ws_handshake.h"


#define NGX_KAFKA_WS_LINE_MAX   256  /* bytes of the text */
#define NGX_KAFKA_WS_SHOWN_MAX  128  /* bytes of what is untrusted in it */
#define NGX_KAFKA_WS_MORE       "..."


static ngx_int_t ngx_kafka_ws_refuse_headers(ngx_http_request_t *r,
    ngx_kafka_ws_refused_t *refused);
static ngx_uint_t ngx_kafka_ws_refuse_page(ngx_http_request_t *r,
    ngx_uint_t status);
static ngx_int_t ngx_kafka_ws_refuse_send(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *line);
static u_char *ngx_kafka_ws_refuse_escape(u_char *p, u_char *last,
    ngx_str_t *src, const char *special);


static ngx_str_t  ngx_kafka_ws_allow = ngx_string("GET");
static ngx_str_t  ngx_kafka_ws_upgrade = ngx_string("websocket");
static ngx_str_t  ngx_kafka_ws_connection = ngx_string("Upgrade");
static ngx_str_t  ngx_kafka_ws_version = ngx_string("13");
static ngx_str_t  ngx_kafka_ws_retry_after = ngx_string("1");


ngx_int_t
ngx_kafka_ws_handshake_refuse(ngx_http_request_t *r,
    ngx_kafka_ws_counters_t *counters, ngx_kafka_ws_refused_t *refused)
{
    u_char      *p;
    ngx_str_t    line;
    ngx_uint_t   status;
    u_char       buf[NGX_KAFKA_WS_LINE_MAX], detail[NGX_KAFKA_WS_SHOWN_MAX];

    status = refused->status;

    p = ngx_kafka_ws_refuse_escape(buf, buf + sizeof(buf), &refused->text,
                                   "");
    line.data = buf;
    line.len = p - buf;

    p = ngx_kafka_ws_refuse_escape(detail, detail + sizeof(detail),
                                   &refused->detail, "");

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "kafka ws refused with %ui: %V%s%*s", status, &line,
                  refused->detail.len ? ": " : "", (size_t) (p - detail),
                  detail);

    if (counters) {
        ngx_kafka_ws_count(&counters->refused[refused->reason], 1);
    }

    if (ngx_kafka_ws_handshake_inner(r)) {
        return status;
    }

    if (ngx_kafka_ws_refuse_headers(r, refused) != NGX_OK) {
        return NGX_ERROR;
    }

    if (status == NGX_HTTP_BAD_REQUEST) {
        r->keepalive = 0;
    }

    if (ngx_kafka_ws_refuse_page(r, status)) {
        return status;
    }

    /*
     * The answer is final, so no 100 asks for a body.  One that comes over
     * HTTP/1 is not parsed but ends the connection: nginx throws away what
     * is behind the answer.
     */

    if (r->http_version >= NGX_HTTP_VERSION_20) {

        if (ngx_http_discard_request_body(r) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (ngx_kafka_ws_handshake_body(r)) {
        r->keepalive = 0;
    }

    return ngx_kafka_ws_refuse_send(r, status, &line);
}


static ngx_int_t
ngx_kafka_ws_refuse_headers(ngx_http_request_t *r,
    ngx_kafka_ws_refused_t *refused)
{
    ngx_int_t  rc;

    switch (refused->status) {

    case NGX_HTTP_NOT_ALLOWED:
        return ngx_kafka_ws_handshake_header(r, "Allow", &ngx_kafka_ws_allow);

    case NGX_KAFKA_WS_UPGRADE_REQUIRED:

        /*
         * RFC 9110, 7.8: Upgrade goes with a connection option, which stands
         * beside the "keep-alive" or "close" of nginx.
         */

        rc = ngx_kafka_ws_handshake_header(r, "Upgrade",
                                           &ngx_kafka_ws_upgrade);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_kafka_ws_handshake_header(r, "Connection",
                                           &ngx_kafka_ws_connection);
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_kafka_ws_handshake_header(r, "Sec-WebSocket-Version",
                                             &ngx_kafka_ws_version);

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return ngx_kafka_ws_handshake_header(r, "Retry-After",
                                             &ngx_kafka_ws_retry_after);

    default:
        return NGX_OK;
    }
}


ngx_int_t
ngx_kafka_ws_handshake_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
    h->lowcase_key = NULL;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


/* 1 if the location has an error_page of its own for the status */

static ngx_uint_t
ngx_kafka_ws_refuse_page(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->error_pages == NULL) {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if ((ngx_uint_t) page[i].status == status) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_kafka_ws_refuse_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *line)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_create_temp_buf(r->pool, line->len + 1);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, line->data, line->len);
    *b->last++ = LF;
    b->last_buf = 1;
    b->last_in_chain = 1;

    ngx_kafka_ws_handshake_clear(r);

    r->headers_out.status = status;
    r->headers_out.content_length_n = line->len + 1;
    ngx_str_set(&r->headers_out.content_type, "text/plain");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (status == NGX_KAFKA_WS_UPGRADE_REQUIRED) {
        ngx_str_set(&r->headers_out.status_line, "426 Upgrade Required");
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


void
ngx_kafka_ws_handshake_clear(ngx_http_request_t *r)
{
    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);

    r->headers_out.content_type.len = 0;
    r->headers_out.charset.len = 0;
}


ngx_int_t
ngx_kafka_ws_declined(ngx_kafka_ws_refused_t *refused,
    ngx_uint_t status, ngx_kafka_ws_refusal_e reason, const char *text)
{
    refused->status = status;
    refused->reason = reason;
    refused->text.data = (u_char *) text;
    refused->text.len = ngx_strlen(text);

    return NGX_DECLINED;
}


ngx_int_t
ngx_kafka_ws_handshake_text(ngx_http_request_t *r, const char *before,
    ngx_str_t *untrusted, const char *after, ngx_str_t *text)
{
    u_char  *p;
    size_t   n, m;

    n = ngx_strlen(before);
    m = ngx_strlen(after);

    p = ngx_pnalloc(r->pool, n + m + NGX_KAFKA_WS_SHOWN_MAX + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    p = ngx_cpymem(p, before, n);
    *p++ = '"';
    p = ngx_kafka_ws_refuse_escape(p, p + NGX_KAFKA_WS_SHOWN_MAX, untrusted,
                                   "\"\\");
    *p++ = '"';
    p = ngx_cpymem(p, after, m);

    text->len = p - text->data;

    return NGX_OK;
}


/*
 * Printable ASCII but the special characters stays, other bytes become \xhh;
 * what is too long ends in "...".
 * returns:   behind the last byte written
 */

static u_char *
ngx_kafka_ws_refuse_escape(u_char *p, u_char *last, ngx_str_t *src,
    const char *special)
{
    u_char  ch, *more;
    size_t  i, n, left;

    more = p;     /* where "..." would still fit */

    for (i = 0; i < src->len; i++) {
        ch = src->data[i];
        n = 1;

        if (ch < 0x20 || ch > 0x7e || ngx_strchr(special, ch) != NULL) {
            n = sizeof("\\xhh") - 1;
        }

        left = last - p;

        if (left < n) {
            return ngx_cpymem(more, NGX_KAFKA_WS_MORE,
                              sizeof(NGX_KAFKA_WS_MORE) - 1);
        }

        if (n == 1) {
            *p++ = ch;

        } else {
            p = ngx_sprintf(p, "\\x%02xd", (int) ch);
        }

        if (p + sizeof(NGX_KAFKA_WS_MORE) - 1 <= last) {
            more = p;
        }
    }

    return p;
}
