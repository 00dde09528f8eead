
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
    const char                  *err;
    ngx_kafka_ws_filter_conf_t  *kwf;

    value = cf->args->elts;

    kwf = ngx_kafka_ws_conf_filter_add(cf, kwlcf);
    if (kwf == NULL) {
        return NGX_CONF_ERROR;
    }

    kwf->text = value[1];

    err = ngx_kafka_ws_filter_field_parse(value[1].data, value[1].len,
                                          &kwf->field);
    if (err) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"kafka_ws_filter\" "
                           "directive: %s", &value[1], err);
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


ngx_int_t
ngx_kafka_ws_merge_filter(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf)
{
    ngx_uint_t                    i;
    ngx_kafka_ws_loc_conf_t     **filtered;
    ngx_kafka_ws_main_conf_t     *kwmcf;
    ngx_kafka_ws_filter_conf_t   *kwf;

    if (kwlcf->filter == NULL) {
        return NGX_OK;
    }

    kwf = kwlcf->filter->elts;

    for (i = 0; i < kwlcf->filter->nelts; i++) {

        if (ngx_kafka_ws_cluster_field(kwlcf->cluster, &kwf[i].field)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "the locations of cluster \"%V\" have more than %d "
                          "different fields in \"kafka_ws_filter\", with "
                          "\"%V\" in %s:%ui", &kwlcf->name,
                          NGX_KAFKA_WS_FILTER_FIELDS_MAX, &kwf[i].text,
                          kwlcf->file, kwlcf->line);
            return NGX_ERROR;
        }
    }

    kwmcf = ngx_http_conf_get_module_main_conf(cf, ngx_kafka_ws_module);

    filtered = ngx_array_push(&kwmcf->filtered);
    if (filtered == NULL) {
        return NGX_ERROR;
    }

    *filtered = kwlcf;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_conf_filter_finish(ngx_conf_t *cf,
    ngx_kafka_ws_main_conf_t *kwmcf)
{
    ngx_uint_t                    i, k;
    ngx_kafka_ws_loc_conf_t     **kwlcf;
    ngx_kafka_ws_filter_conf_t   *kwf;
    ngx_kafka_ws_filter_term_t   *term;

    kwlcf = kwmcf->filtered.elts;

    for (i = 0; i < kwmcf->filtered.nelts; i++) {

        kwf = kwlcf[i]->filter->elts;

        term = ngx_palloc(cf->pool, kwlcf[i]->filter->nelts
                                    * sizeof(ngx_kafka_ws_filter_term_t));
        if (term == NULL) {
            return NGX_ERROR;
        }

        for (k = 0; k < kwlcf[i]->filter->nelts; k++) {
            term[k].field = (unsigned) ngx_kafka_ws_cluster_field_index(
                                             kwlcf[i]->cluster, &kwf[k].field);
            term[k].op = kwf[k].op;
            term[k].varies = (kwf[k].value.lengths != NULL);
        }

        kwlcf[i]->terms = term;
        kwlcf[i]->nterms = kwlcf[i]->filter->nelts;
    }

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
                      "\"kafka_ws_deflate\", and \"kafka_ws_filter\" needs "
                      "one of these places in %s:%ui",
                      &kwc->name, NGX_KAFKA_WS_RENDERINGS_MAX,
                      kwc->file, kwc->line);
    }

    return cr ? NGX_OK : NGX_ERROR;
}
