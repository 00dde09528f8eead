
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a client wants of its stream: less than the location gives it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_filter_wants.h"
#include "ngx_kafka_ws_query.h"


static ngx_int_t ngx_kafka_ws_filter_argument(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_span_t *name,
    ngx_kafka_ws_span_t *value, ngx_kafka_ws_filter_pair_t *pair,
    ngx_kafka_ws_refused_t *refused);
static ngx_kafka_ws_filter_conf_t *ngx_kafka_ws_filter_listed(
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_filter_field_t *field);
static ngx_uint_t ngx_kafka_ws_filter_is_field(ngx_kafka_ws_span_t *name);
static ngx_int_t ngx_kafka_ws_filter_room(ngx_http_request_t *r,
    ngx_kafka_ws_filter_t *filter, ngx_uint_t more);
static ngx_int_t ngx_kafka_ws_filter_bad(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *name, const char *text,
    ngx_kafka_ws_refused_t *refused);


/* what fields are written as, or begin with */

static const ngx_kafka_ws_span_t  ngx_kafka_ws_filter_key = {
    (const uint8_t *) "key", sizeof("key") - 1
};

static const ngx_kafka_ws_span_t  ngx_kafka_ws_filter_header = {
    (const uint8_t *) "header:", sizeof("header:") - 1
};

static const ngx_kafka_ws_span_t  ngx_kafka_ws_filter_json = {
    (const uint8_t *) "json:", sizeof("json:") - 1
};


/*
 * An argument is named as its field is written.  nginx's own search is not for
 * this: it regards no case, and finds the first of several.
 */

ngx_int_t
ngx_kafka_ws_filter_arguments(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_filter_t *filter,
    ngx_kafka_ws_refused_t *refused)
{
    ngx_int_t                    rc;
    ngx_uint_t                   n, bad;
    const u_char                *p, *last;
    ngx_kafka_ws_span_t          name, value;
    ngx_kafka_ws_narrow_e        result;
    ngx_kafka_ws_filter_pair_t  *pairs;

    if (klcf->nclient_terms == 0 || r->args.len == 0) {
        return NGX_OK;
    }

    /* one more than there are fields, and one of them is there twice */

    pairs = ngx_palloc(r->pool, (klcf->nclient_terms + 1)
                                * sizeof(ngx_kafka_ws_filter_pair_t));
    if (pairs == NULL) {
        return NGX_ERROR;
    }

    p = r->args.data;
    last = p + r->args.len;
    n = 0;

    while (n <= klcf->nclient_terms
           && ngx_kafka_ws_query_next(&p, last, &name, &value))
    {
        rc = ngx_kafka_ws_filter_argument(r, klcf, &name, &value, &pairs[n],
                                          refused);
        if (rc == NGX_OK) {
            n++;

        } else if (rc != NGX_DONE) {
            return rc;
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    if (ngx_kafka_ws_filter_room(r, filter, klcf->nclient_terms) != NGX_OK) {
        return NGX_ERROR;
    }

    result = ngx_kafka_ws_filter_narrow(klcf, pairs, n, filter, &bad);

    if (result == NGX_KAFKA_WS_NARROW_OK) {
        return NGX_OK;
    }

    return ngx_kafka_ws_filter_bad(r, NGX_HTTP_BAD_REQUEST,
                     &ngx_kafka_ws_filter_listed(klcf, &pairs[bad].field)->text,
                     ngx_kafka_ws_filter_narrow_text(result), refused);
}


/* returns:  NGX_DONE: it is none of ours; else as above */

static ngx_int_t
ngx_kafka_ws_filter_argument(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_span_t *name,
    ngx_kafka_ws_span_t *value, ngx_kafka_ws_filter_pair_t *pair,
    ngx_kafka_ws_refused_t *refused)
{
    size_t                        pos;
    u_char                       *p;
    ngx_str_t                     said;
    ngx_uint_t                    i;
    ngx_kafka_ws_span_t           text;
    ngx_kafka_ws_filter_conf_t   *kwf;

    kwf = klcf->client_filter->elts;

    for (i = 0; i < klcf->nclient_terms; i++) {
        text.data = kwf[i].text.data;
        text.len = kwf[i].text.len;

        if (ngx_kafka_ws_query_is(name, &text)) {
            break;
        }
    }

    if (i == klcf->nclient_terms) {

        if (!ngx_kafka_ws_filter_is_field(name)) {
            return NGX_DONE;
        }

        said.data = (u_char *) name->data;
        said.len = name->len;

        return ngx_kafka_ws_filter_bad(r, NGX_HTTP_FORBIDDEN, &said,
                   ngx_kafka_ws_filter_narrow_text(NGX_KAFKA_WS_NARROW_FIELD),
                   refused);
    }

    p = ngx_pnalloc(r->pool, value->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, value->data, value->len);

    pair->field = kwf[i].field;
    pair->value.data = p;
    pair->value.len = value->len;

    if (!ngx_kafka_ws_query_unescape(p, &pair->value.len, &pos)) {
        return ngx_kafka_ws_filter_bad(r, NGX_HTTP_BAD_REQUEST, &kwf[i].text,
                                       " has invalid percent-encoding",
                                       refused);
    }

    return NGX_OK;
}


/* returns:  NULL: it is not in the location's list */

static ngx_kafka_ws_filter_conf_t *
ngx_kafka_ws_filter_listed(ngx_kafka_ws_loc_conf_t *klcf,
    ngx_kafka_ws_filter_field_t *field)
{
    ngx_uint_t                    i;
    ngx_kafka_ws_filter_conf_t   *kwf;

    if (klcf->nclient_terms == 0) {
        return NULL;
    }

    kwf = klcf->client_filter->elts;

    for (i = 0; i < klcf->nclient_terms; i++) {
        if (ngx_kafka_ws_filter_field_compare(&kwf[i].field, field) == 0) {
            return &kwf[i];
        }
    }

    return NULL;
}


/*
 * Who asks for less by a field that is not listed would be given more than
 * that: it is told, not passed over.
 */

static ngx_uint_t
ngx_kafka_ws_filter_is_field(ngx_kafka_ws_span_t *name)
{
    return ngx_kafka_ws_query_is(name, &ngx_kafka_ws_filter_key)
           || ngx_kafka_ws_query_begins(name, &ngx_kafka_ws_filter_header)
           || ngx_kafka_ws_query_begins(name, &ngx_kafka_ws_filter_json);
}


/* what is the location's is not changed */

static ngx_int_t
ngx_kafka_ws_filter_room(ngx_http_request_t *r, ngx_kafka_ws_filter_t *filter,
    ngx_uint_t more)
{
    ngx_uint_t             n;
    ngx_kafka_ws_filter_t  wide;

    n = filter->nterms + more;

    wide.terms = ngx_palloc(r->pool, n * sizeof(ngx_kafka_ws_filter_term_t));
    wide.wants = ngx_palloc(r->pool, n * sizeof(ngx_kafka_ws_filter_want_t));

    if (wide.terms == NULL || wide.wants == NULL) {
        return NGX_ERROR;
    }

    ngx_kafka_ws_filter_copy(&wide, filter);

    *filter = wide;

    return NGX_OK;
}


void
ngx_kafka_ws_filter_copy(ngx_kafka_ws_filter_t *to,
    ngx_kafka_ws_filter_t *from)
{
    to->nterms = from->nterms;

    if (from->nterms) {
        ngx_memcpy(to->terms, from->terms,
                   from->nterms * sizeof(ngx_kafka_ws_filter_term_t));
        ngx_memcpy(to->wants, from->wants,
                   from->nterms * sizeof(ngx_kafka_ws_filter_want_t));
    }
}


static ngx_int_t
ngx_kafka_ws_filter_bad(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *name, const char *text, ngx_kafka_ws_refused_t *refused)
{
    refused->status = status;
    refused->reason = NGX_KAFKA_WS_REFUSED_FILTER;

    return (ngx_kafka_ws_handshake_text(r, "filter ", name, text,
                                        &refused->text)
            == NGX_OK) ? NGX_DECLINED : NGX_ERROR;
}


/* in the order of the location's list, so that equal wishes share a route */

ngx_kafka_ws_narrow_e
ngx_kafka_ws_filter_narrow(ngx_kafka_ws_loc_conf_t *klcf,
    ngx_kafka_ws_filter_pair_t *pairs, ngx_uint_t npairs,
    ngx_kafka_ws_filter_t *filter, ngx_uint_t *bad)
{
    ngx_uint_t                    i, k;
    ngx_kafka_ws_span_t          *values[NGX_KAFKA_WS_FILTER_CLIENT_MAX];
    ngx_kafka_ws_filter_conf_t   *kwf;

    ngx_memzero(values, sizeof(values));

    for (i = 0; i < npairs; i++) {
        *bad = i;

        kwf = ngx_kafka_ws_filter_listed(klcf, &pairs[i].field);
        if (kwf == NULL) {
            return NGX_KAFKA_WS_NARROW_FIELD;
        }

        k = kwf - (ngx_kafka_ws_filter_conf_t *) klcf->client_filter->elts;

        if (values[k]) {
            return NGX_KAFKA_WS_NARROW_TWICE;
        }

        if (pairs[i].value.len == 0) {
            return NGX_KAFKA_WS_NARROW_EMPTY;
        }

        if (pairs[i].value.len > NGX_KAFKA_WS_FILTER_VALUE_MAX) {
            return NGX_KAFKA_WS_NARROW_LONG;
        }

        values[k] = &pairs[i].value;
    }

    for (k = 0; k < klcf->nclient_terms; k++) {

        if (values[k]) {
            i = filter->nterms++;

            filter->terms[i] = klcf->client_terms[k];
            filter->wants[i].values = values[k];
            filter->wants[i].nvalues = 1;
        }
    }

    return NGX_KAFKA_WS_NARROW_OK;
}


const char *
ngx_kafka_ws_filter_narrow_text(ngx_kafka_ws_narrow_e rc)
{
    switch (rc) {

    case NGX_KAFKA_WS_NARROW_FIELD:
        return " is not for clients to filter by";

    case NGX_KAFKA_WS_NARROW_TWICE:
        return " is given twice";

    case NGX_KAFKA_WS_NARROW_EMPTY:
        return " is empty";

    case NGX_KAFKA_WS_NARROW_LONG:
        return " is longer than 1024 bytes";

    default:
        return "";
    }
}
