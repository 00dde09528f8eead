
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Whose page may open a stream with the cookies of its visitor (RFC 6455,
 * 10.2; RFC 6454).  An Origin is compared as host and port; what is not of
 * the form scheme://host[:port] matches nothing, so that "null" and what a
 * browser never sends need "any".
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_handshake.h"


typedef struct {
    ngx_str_t     host;      /* as sent, an IPv6 address in brackets */
    ngx_uint_t    port;      /* 0: a default port, 80 or 443 */
} ngx_kafka_ws_authority_t;


static ngx_int_t ngx_kafka_ws_origin_parse(ngx_str_t *origin,
    ngx_kafka_ws_authority_t *a);
static ngx_int_t ngx_kafka_ws_origin_authority(u_char *p, u_char *last,
    ngx_kafka_ws_authority_t *a);
static u_char *ngx_kafka_ws_origin_host(u_char *p, u_char *last);
static ngx_int_t ngx_kafka_ws_origin_port(u_char *p, u_char *last,
    ngx_uint_t *port);
static ngx_uint_t ngx_kafka_ws_origin_same(ngx_http_request_t *r,
    ngx_kafka_ws_authority_t *a);
static ngx_uint_t ngx_kafka_ws_origin_listed(ngx_kafka_ws_origin_t *o,
    ngx_str_t *origin, ngx_kafka_ws_authority_t *a);


ngx_uint_t
ngx_kafka_ws_handshake_origin(ngx_http_request_t *r,
    ngx_kafka_ws_socket_conf_t *kwscf, ngx_str_t *origin)
{
    ngx_uint_t                 i;
    ngx_kafka_ws_origin_t     *o;
    ngx_kafka_ws_authority_t   a;

    if (kwscf->origin & NGX_KAFKA_WS_ORIGIN_ANY) {
        return 1;
    }

    if (ngx_kafka_ws_origin_parse(origin, &a) != NGX_OK) {
        return 0;
    }

    if ((kwscf->origin & NGX_KAFKA_WS_ORIGIN_SAME)
        && ngx_kafka_ws_origin_same(r, &a))
    {
        return 1;
    }

    if (kwscf->origins == NULL) {
        return 0;
    }

    o = kwscf->origins->elts;

    for (i = 0; i < kwscf->origins->nelts; i++) {
        if (ngx_kafka_ws_origin_listed(&o[i], origin, &a)) {
            return 1;
        }
    }

    return 0;
}


/* RFC 6454, 7.1; the scheme's letters are those of RFC 3986, 3.1 */

static ngx_int_t
ngx_kafka_ws_origin_parse(ngx_str_t *origin, ngx_kafka_ws_authority_t *a)
{
    u_char  ch, *p, *last;

    p = origin->data;
    last = origin->data + origin->len;

    for ( /* void */ ; p < last; p++) {
        ch = (u_char) (*p | 0x20);

        if (ch >= 'a' && ch <= 'z') {
            continue;
        }

        if (p != origin->data
            && ((*p >= '0' && *p <= '9') || *p == '+' || *p == '-'
                || *p == '.'))
        {
            continue;
        }

        break;
    }

    if (p == origin->data || (size_t) (last - p) < sizeof("://") - 1
        || ngx_strncmp(p, "://", sizeof("://") - 1) != 0)
    {
        return NGX_DECLINED;
    }

    return ngx_kafka_ws_origin_authority(p + sizeof("://") - 1, last, a);
}


/* host[:port], and nothing behind it */

static ngx_int_t
ngx_kafka_ws_origin_authority(u_char *p, u_char *last,
    ngx_kafka_ws_authority_t *a)
{
    u_char  *end;

    end = ngx_kafka_ws_origin_host(p, last);

    if (end == NULL) {
        return NGX_DECLINED;
    }

    a->host.data = p;
    a->host.len = end - p;
    a->port = 0;

    if (end == last) {
        return NGX_OK;
    }

    if (*end != ':') {
        return NGX_DECLINED;
    }

    return ngx_kafka_ws_origin_port(end + 1, last, &a->port);
}


/* returns: behind the name or the address in brackets; NULL: malformed */

static u_char *
ngx_kafka_ws_origin_host(u_char *p, u_char *last)
{
    u_char  ch, *start;

    start = p;

    if (p < last && *p == '[') {

        for (p++; p < last; p++) {
            ch = (u_char) (*p | 0x20);

            if ((*p >= '0' && *p <= '9') || (ch >= 'a' && ch <= 'f')
                || *p == ':' || *p == '.')
            {
                continue;
            }

            break;
        }

        if (p == last || *p != ']' || p == start + 1) {
            return NULL;
        }

        return p + 1;
    }

    for ( /* void */ ; p < last; p++) {
        ch = (u_char) (*p | 0x20);

        if ((*p >= '0' && *p <= '9') || (ch >= 'a' && ch <= 'z')
            || *p == '.' || *p == '-' || *p == '_')
        {
            continue;
        }

        break;
    }

    return (p == start) ? NULL : p;
}


static ngx_int_t
ngx_kafka_ws_origin_port(u_char *p, u_char *last, ngx_uint_t *port)
{
    ngx_uint_t  n;

    if (p == last || last - p > 5 || *p == '0') {
        return NGX_DECLINED;
    }

    n = 0;

    for ( /* void */ ; p < last; p++) {

        if (*p < '0' || *p > '9') {
            return NGX_DECLINED;
        }

        n = n * 10 + (*p - '0');
    }

    if (n > 65535) {
        return NGX_DECLINED;
    }

    *port = (n == 80 || n == 443) ? 0 : n;

    return NGX_OK;
}


static ngx_uint_t
ngx_kafka_ws_origin_same(ngx_http_request_t *r, ngx_kafka_ws_authority_t *a)
{
    u_char                    *p;
    ngx_kafka_ws_authority_t   b;

    if (r->headers_in.host == NULL) {
        return 0;
    }

    p = r->headers_in.host->value.data;

    if (ngx_kafka_ws_origin_authority(p, p + r->headers_in.host->value.len,
                                      &b)
        != NGX_OK)
    {
        return 0;
    }

    return a->port == b.port && a->host.len == b.host.len
           && ngx_strncasecmp(a->host.data, b.host.data, b.host.len) == 0;
}


static ngx_uint_t
ngx_kafka_ws_origin_listed(ngx_kafka_ws_origin_t *o, ngx_str_t *origin,
    ngx_kafka_ws_authority_t *a)
{
    u_char  *p;

#if (NGX_PCRE)
    if (o->regex) {
        return ngx_regex_exec(o->regex, origin, NULL, 0) >= 0;
    }
#endif

    if (a->port != (ngx_uint_t) o->port) {
        return 0;
    }

    if (o->wildcard) {

        /* "*" stands for one letter or more */

        if (a->host.len <= o->host.len) {
            return 0;
        }

    } else if (a->host.len != o->host.len) {
        return 0;
    }

    p = a->host.data + a->host.len - o->host.len;

    return ngx_strncasecmp(p, o->host.data, o->host.len) == 0;
}
