
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_filter_wants.h"


static ngx_int_t ngx_kafka_ws_filter_want(ngx_http_request_t *r,
    ngx_kafka_ws_filter_conf_t *kwf, ngx_kafka_ws_filter_want_t *want,
    ngx_kafka_ws_refused_t *refused);
static ngx_uint_t ngx_kafka_ws_filter_unset(ngx_http_request_t *r,
    ngx_http_complex_value_t *cv);
static ngx_int_t ngx_kafka_ws_filter_refuse(
    ngx_kafka_ws_filter_conf_t *kwf, const char *text,
    ngx_kafka_ws_refused_t *refused);


ngx_int_t
ngx_kafka_ws_filter_wants(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_filter_t *filter,
    ngx_kafka_ws_refused_t *refused)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_kafka_ws_filter_conf_t  *kwf;

    filter->terms = klcf->terms;
    filter->wants = NULL;
    filter->nterms = klcf->nterms;

    if (klcf->nterms == 0) {
        return ngx_kafka_ws_filter_arguments(r, klcf, filter, refused);
    }

    filter->wants = ngx_palloc(r->pool,
                        klcf->nterms * sizeof(ngx_kafka_ws_filter_want_t));
    if (filter->wants == NULL) {
        return NGX_ERROR;
    }

    kwf = klcf->filter->elts;

    for (i = 0; i < klcf->nterms; i++) {

        rc = ngx_kafka_ws_filter_want(r, &kwf[i], &filter->wants[i],
                                      refused);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_kafka_ws_filter_arguments(r, klcf, filter, refused);
}


/*
 * The value lasts as long as the request, and nobody else has it: what has
 * variables was put together in the request's pool, a constant is the
 * configuration's.
 */

static ngx_int_t
ngx_kafka_ws_filter_want(ngx_http_request_t *r,
    ngx_kafka_ws_filter_conf_t *kwf, ngx_kafka_ws_filter_want_t *want,
    ngx_kafka_ws_refused_t *refused)
{
    size_t               n;
    ngx_str_t            value;
    ngx_kafka_ws_span_t  values[NGX_KAFKA_WS_FILTER_LIST_MAX];

    if (ngx_http_complex_value(r, &kwf->value, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0 || ngx_kafka_ws_filter_unset(r, &kwf->value)) {
        return ngx_kafka_ws_filter_refuse(kwf, "nothing to filter by",
                                          refused);
    }

    if (kwf->op == NGX_KAFKA_WS_FILTER_IN) {
        n = ngx_kafka_ws_filter_split(value.data, value.len, values,
                                      NGX_KAFKA_WS_FILTER_LIST_MAX);

    } else {
        values[0].data = value.data;
        values[0].len = value.len;
        n = 1;
    }

    if (n == 0) {
        return ngx_kafka_ws_filter_refuse(kwf, "nothing to filter by",
                                          refused);
    }

    if (n > NGX_KAFKA_WS_FILTER_LIST_MAX) {
        return ngx_kafka_ws_filter_refuse(kwf, "too much to filter by",
                                          refused);
    }

    want->nvalues = n;
    want->values = ngx_palloc(r->pool, n * sizeof(ngx_kafka_ws_span_t));
    if (want->values == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(want->values, values, n * sizeof(ngx_kafka_ws_span_t));

    return NGX_OK;
}


/*
 * A prefix "t-$tenant" without a tenant would fit every tenant.  The variables
 * are still as the value was made of them: nothing is evaluated again.
 */

static ngx_uint_t
ngx_kafka_ws_filter_unset(ngx_http_request_t *r, ngx_http_complex_value_t *cv)
{
    ngx_uint_t                  *index;
    ngx_http_variable_value_t   *v;

    if (cv->flushes == NULL) {
        return 0;
    }

    for (index = cv->flushes; *index != (ngx_uint_t) -1; index++) {
        v = &r->variables[*index];

        if (!v->valid || v->not_found || v->len == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_kafka_ws_filter_refuse(ngx_kafka_ws_filter_conf_t *kwf, const char *text,
    ngx_kafka_ws_refused_t *refused)
{
    /* which field a client's records are told by is not for the client */

    refused->detail = kwf->text;

    return ngx_kafka_ws_declined(refused, NGX_HTTP_FORBIDDEN,
                                 NGX_KAFKA_WS_REFUSED_FILTER, text);
}
