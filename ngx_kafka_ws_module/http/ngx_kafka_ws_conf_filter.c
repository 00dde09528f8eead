
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Filters of a location: their setter, and what becomes of them when all
 * locations are known.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"


static ngx_kafka_ws_filter_conf_t *ngx_kafka_ws_conf_filter_add(
    ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf);
static char *ngx_kafka_ws_conf_filter_op(ngx_conf_t *cf, ngx_str_t *value,
    ngx_kafka_ws_filter_op_e *op);
static char *ngx_kafka_ws_conf_filter_value(ngx_conf_t *cf, ngx_str_t *value,
    ngx_kafka_ws_filter_conf_t *kwf);
static ngx_uint_t ngx_kafka_ws_conf_filter_captures(ngx_str_t *value);
static char *ngx_kafka_ws_conf_filter_constant(ngx_conf_t *cf, ngx_str_t *value,
    ngx_kafka_ws_filter_op_e op);
static char *ngx_kafka_ws_conf_filter_field(ngx_conf_t *cf, ngx_str_t *value,
    ngx_kafka_ws_filter_field_t *field);
static char *ngx_kafka_ws_conf_client_field(ngx_conf_t *cf,
    ngx_array_t *fields, ngx_str_t *value);
static ngx_int_t ngx_kafka_ws_merge_filter_fields(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf, ngx_array_t *filters);
static ngx_int_t ngx_kafka_ws_conf_filter_terms(ngx_conf_t *cf,
    ngx_kafka_ws_cluster_t *kwc, ngx_array_t *filters, ngx_uint_t client,
    ngx_kafka_ws_filter_term_t **terms, ngx_uint_t *nterms);


/* in the order of ngx_kafka_ws_filter_op_e */

static ngx_str_t  ngx_kafka_ws_conf_filter_ops[] = {
    ngx_string("="),
    ngx_string("^="),
    ngx_string("in"),
    ngx_null_string
};


char *
ngx_kafka_ws_conf_filter(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t                   *value;
    ngx_kafka_ws_filter_conf_t  *kwf;

    value = cf->args->elts;

    kwf = ngx_kafka_ws_conf_filter_add(cf, kwlcf);
    if (kwf == NULL) {
        return NGX_CONF_ERROR;
    }

    kwf->text = value[1];

    if (ngx_kafka_ws_conf_filter_field(cf, &value[1], &kwf->field)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_kafka_ws_conf_filter_op(cf, &value[2], &kwf->op) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_kafka_ws_conf_filter_value(cf, &value[3], kwf);
}


static ngx_kafka_ws_filter_conf_t *
ngx_kafka_ws_conf_filter_add(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf)
{
    if (kwlcf->filter == NULL) {
        kwlcf->filter = ngx_array_create(cf->pool, 2,
                                         sizeof(ngx_kafka_ws_filter_conf_t));
        if (kwlcf->filter == NULL) {
            return NULL;
        }
    }

    if (kwlcf->filter->nelts == NGX_KAFKA_WS_FILTER_TERMS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d \"kafka_ws_filter\" directives on "
                           "one level", NGX_KAFKA_WS_FILTER_TERMS_MAX);
        return NULL;
    }

    return ngx_array_push(kwlcf->filter);
}


static char *
ngx_kafka_ws_conf_filter_op(ngx_conf_t *cf, ngx_str_t *value,
    ngx_kafka_ws_filter_op_e *op)
{
    ngx_uint_t  i;

    for (i = 0; ngx_kafka_ws_conf_filter_ops[i].len; i++) {

        if (ngx_kafka_ws_conf_filter_ops[i].len == value->len
            && ngx_strncmp(ngx_kafka_ws_conf_filter_ops[i].data, value->data,
                           value->len)
               == 0)
        {
            *op = (ngx_kafka_ws_filter_op_e) i;
            return NGX_CONF_OK;
        }
    }

    return ngx_kafka_ws_args_invalid(cf, value, "=, ^= or in");
}


static char *
ngx_kafka_ws_conf_filter_value(ngx_conf_t *cf, ngx_str_t *value,
    ngx_kafka_ws_filter_conf_t *kwf)
{
    if (ngx_kafka_ws_args_compile(cf, value, &kwf->value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (kwf->value.lengths == NULL) {
        return ngx_kafka_ws_conf_filter_constant(cf, value, kwf->op);
    }

    /*
     * The next regular expression of the request changes them, and whether
     * one of them is empty cannot be told: "^= t-$1" would let all pass.
     */

    if (ngx_kafka_ws_conf_filter_captures(value)) {
        return ngx_kafka_ws_args_invalid(cf, value,
                                         "a named capture, (?<name>...),");
    }

    return NGX_CONF_OK;
}


/* 1: it has $1 to $9 */

static ngx_uint_t
ngx_kafka_ws_conf_filter_captures(ngx_str_t *value)
{
    size_t  i;

    for (i = 1; i < value->len; i++) {

        if (value->data[i - 1] == '$'
            && value->data[i] >= '1' && value->data[i] <= '9')
        {
            return 1;
        }
    }

    return 0;
}


/* what a request's value would be refused for is refused here */

static char *
ngx_kafka_ws_conf_filter_constant(ngx_conf_t *cf, ngx_str_t *value,
    ngx_kafka_ws_filter_op_e op)
{
    size_t               n;
    ngx_kafka_ws_span_t  values[NGX_KAFKA_WS_FILTER_LIST_MAX];

    if (op != NGX_KAFKA_WS_FILTER_IN) {
        return value->len ? NGX_CONF_OK
                          : ngx_kafka_ws_args_invalid(cf, value,
                                                      "a value that is not "
                                                      "empty");
    }

    n = ngx_kafka_ws_filter_split(value->data, value->len, values,
                                  NGX_KAFKA_WS_FILTER_LIST_MAX);

    if (n == 0) {
        return ngx_kafka_ws_args_invalid(cf, value,
                                         "a list that is not empty");
    }

    if (n > NGX_KAFKA_WS_FILTER_LIST_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"kafka_ws_filter\" "
                           "directive: a list of at most %d expected",
                           value, NGX_KAFKA_WS_FILTER_LIST_MAX);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_kafka_ws_conf_filter_field(ngx_conf_t *cf, ngx_str_t *value,
    ngx_kafka_ws_filter_field_t *field)
{
    ngx_str_t   *args;
    const char  *err;

    err = ngx_kafka_ws_filter_field_parse(value->data, value->len, field);

    if (err == NULL) {
        return NGX_CONF_OK;
    }

    args = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\" directive: %s", value,
                       &args[0], err);

    return NGX_CONF_ERROR;
}


/* "off" is a list of none, which a level below another one needs */

char *
ngx_kafka_ws_conf_client_filter(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (kwlcf->client_filter) {
        return "is duplicate";
    }

    value = cf->args->elts;

    kwlcf->client_filter = ngx_array_create(cf->pool, 1,
                                           sizeof(ngx_kafka_ws_filter_conf_t));
    if (kwlcf->client_filter == NULL) {
        return NGX_CONF_ERROR;
    }

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {

        return (cf->args->nelts == 2) ? NGX_CONF_OK
                                      : ngx_kafka_ws_args_invalid(cf,
                                            &value[2], "nothing after off");
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_kafka_ws_conf_client_field(cf, kwlcf->client_filter,
                                           &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_kafka_ws_conf_client_field(ngx_conf_t *cf, ngx_array_t *fields,
    ngx_str_t *value)
{
    ngx_uint_t                    i;
    ngx_kafka_ws_filter_conf_t   *kwf;
    ngx_kafka_ws_filter_field_t   field;

    if (ngx_kafka_ws_conf_filter_field(cf, value, &field) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    kwf = fields->elts;

    for (i = 0; i < fields->nelts; i++) {

        if (ngx_kafka_ws_filter_field_compare(&kwf[i].field, &field) == 0) {
            return ngx_kafka_ws_args_invalid(cf, value, "each field once");
        }
    }

    if (fields->nelts == NGX_KAFKA_WS_FILTER_CLIENT_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d fields in \"kafka_ws_client_filter\" "
                           "directive", NGX_KAFKA_WS_FILTER_CLIENT_MAX);
        return NGX_CONF_ERROR;
    }

    kwf = ngx_array_push(fields);
    if (kwf == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(kwf, sizeof(ngx_kafka_ws_filter_conf_t));

    kwf->field = field;
    kwf->op = NGX_KAFKA_WS_FILTER_EQUAL;
    kwf->text = *value;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_kafka_ws_merge_filter(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf)
{
    ngx_kafka_ws_loc_conf_t   **filtered;
    ngx_kafka_ws_main_conf_t   *kwmcf;

    if (kwlcf->filter == NULL && kwlcf->client_filter == NULL) {
        return NGX_OK;
    }

    if (ngx_kafka_ws_merge_filter_fields(cf, kwlcf, kwlcf->filter) != NGX_OK
        || ngx_kafka_ws_merge_filter_fields(cf, kwlcf, kwlcf->client_filter)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    kwmcf = ngx_http_conf_get_module_main_conf(cf, ngx_kafka_ws_module);

    filtered = ngx_array_push(&kwmcf->filtered);
    if (filtered == NULL) {
        return NGX_ERROR;
    }

    *filtered = kwlcf;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_merge_filter_fields(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf, ngx_array_t *filters)
{
    ngx_uint_t                   i;
    ngx_kafka_ws_filter_conf_t  *kwf;

    if (filters == NULL) {
        return NGX_OK;
    }

    kwf = filters->elts;

    for (i = 0; i < filters->nelts; i++) {

        if (ngx_kafka_ws_cluster_field(kwlcf->cluster, &kwf[i].field)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "the locations of cluster \"%V\" have more than %d "
                          "different fields in \"kafka_ws_filter\" and "
                          "\"kafka_ws_client_filter\", with \"%V\" in %s:%ui",
                          &kwlcf->name, NGX_KAFKA_WS_FILTER_FIELDS_MAX,
                          &kwf[i].text, kwlcf->file, kwlcf->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_conf_filter_finish(ngx_conf_t *cf,
    ngx_kafka_ws_main_conf_t *kwmcf)
{
    ngx_uint_t                 i;
    ngx_kafka_ws_loc_conf_t  **kwlcf;

    kwlcf = kwmcf->filtered.elts;

    for (i = 0; i < kwmcf->filtered.nelts; i++) {

        if (ngx_kafka_ws_conf_filter_terms(cf, kwlcf[i]->cluster,
                                           kwlcf[i]->filter, 0,
                                           &kwlcf[i]->terms,
                                           &kwlcf[i]->nterms)
            != NGX_OK
            || ngx_kafka_ws_conf_filter_terms(cf, kwlcf[i]->cluster,
                                              kwlcf[i]->client_filter, 1,
                                              &kwlcf[i]->client_terms,
                                              &kwlcf[i]->nclient_terms)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * client:  1: their values are those of clients
 * terms:   the same for the workers, in this order; unset without any
 */

static ngx_int_t
ngx_kafka_ws_conf_filter_terms(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc,
    ngx_array_t *filters, ngx_uint_t client,
    ngx_kafka_ws_filter_term_t **terms, ngx_uint_t *nterms)
{
    ngx_uint_t                   i;
    ngx_kafka_ws_filter_conf_t  *kwf;
    ngx_kafka_ws_filter_term_t  *term;

    if (filters == NULL || filters->nelts == 0) {
        return NGX_OK;
    }

    kwf = filters->elts;

    term = ngx_palloc(cf->pool,
                      filters->nelts * sizeof(ngx_kafka_ws_filter_term_t));
    if (term == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < filters->nelts; i++) {
        term[i].field = (unsigned) ngx_kafka_ws_cluster_field_index(kwc,
                                                               &kwf[i].field);
        term[i].op = kwf[i].op;
        term[i].varies = (client || kwf[i].value.lengths != NULL);
    }

    *terms = term;
    *nterms = filters->nelts;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_conf_filter_rendering(ngx_conf_t *cf,
    ngx_kafka_ws_cluster_t *kwc)
{
    ngx_uint_t                         full;
    ngx_kafka_ws_rendering_t           r;
    ngx_kafka_ws_cluster_rendering_t  *cr;

    if (kwc->nfilter_fields == 0) {
        return NGX_OK;
    }

    ngx_memzero(&r, sizeof(ngx_kafka_ws_rendering_t));

    r.format = NGX_KAFKA_WS_FORMAT_FIELDS;
    r.filter_fields = kwc->filter_fields;
    r.nfilter_fields = kwc->nfilter_fields;

    cr = ngx_kafka_ws_cluster_rendering(kwc, &r, cf->pool, &full);

    if (cr == NULL && full) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the locations of cluster \"%V\" have %d different "
                      "combinations of \"kafka_ws_format\", "
                      "\"kafka_ws_fields\", \"kafka_ws_value\" and "
                      "\"kafka_ws_deflate\", and \"kafka_ws_filter\" or "
                      "\"kafka_ws_client_filter\" needs one of these places "
                      "in %s:%ui",
                      &kwc->name, NGX_KAFKA_WS_RENDERINGS_MAX,
                      kwc->file, kwc->line);
    }

    return cr ? NGX_OK : NGX_ERROR;
}
