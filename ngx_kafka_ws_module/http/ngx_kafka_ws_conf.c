
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Where a setting comes from, and what only all of the configuration
 * together can tell: whether a location's cluster and topic exist, which
 * renderings its clients need, whether the zone is large enough for them.
 *
 * A new setting: its member in the header, its place in create and merge
 * (both in the struct's order), its setter, its line in the table of
 * ngx_kafka_ws_module.c, its bad values in t/kafka_ws_conf_errors.t.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_shm.h"


#define NGX_KAFKA_WS_DRAIN  4000    /* ms */


static void ngx_kafka_ws_merge_stream(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *prev, ngx_kafka_ws_loc_conf_t *conf);
static void ngx_kafka_ws_merge_records(ngx_kafka_ws_loc_conf_t *prev,
    ngx_kafka_ws_loc_conf_t *conf);
static void ngx_kafka_ws_merge_connection(ngx_kafka_ws_loc_conf_t *prev,
    ngx_kafka_ws_loc_conf_t *conf);
static ngx_int_t ngx_kafka_ws_merge_cluster(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf);
static ngx_int_t ngx_kafka_ws_merge_commands(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf);
static ngx_int_t ngx_kafka_ws_merge_topic(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf);
static ngx_str_t *ngx_kafka_ws_only_topic(ngx_kafka_ws_cluster_t *kwc);
static ngx_int_t ngx_kafka_ws_merge_cursor(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf);
static ngx_int_t ngx_kafka_ws_add_path(ngx_conf_t *cf,
    ngx_kafka_ws_main_conf_t *kwmcf);


static ngx_kafka_ws_range_t  ngx_kafka_ws_all_partitions = {
    0, NGX_MAX_INT32_VALUE
};


static ngx_str_t  ngx_kafka_ws_temp_path =
    ngx_string(NGX_HTTP_CLIENT_TEMP_PATH);


void *
ngx_kafka_ws_create_main_conf(ngx_conf_t *cf)
{
    ngx_kafka_ws_main_conf_t  *kwmcf;

    kwmcf = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_ws_main_conf_t));
    if (kwmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     kwmcf->path = NULL;
     *     kwmcf->used = 0;
     *     kwmcf->hooks = NULL;
     */

    if (ngx_array_init(&kwmcf->clusters, cf->pool, 2,
                       sizeof(ngx_kafka_ws_cluster_t *))
        != NGX_OK
        || ngx_array_init(&kwmcf->filtered, cf->pool, 4,
                          sizeof(ngx_kafka_ws_loc_conf_t *))
           != NGX_OK)
    {
        return NULL;
    }

    kwmcf->max_connections = NGX_CONF_UNSET_UINT;
    kwmcf->drain = NGX_CONF_UNSET_MSEC;

    return kwmcf;
}


char *
ngx_kafka_ws_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_kafka_ws_main_conf_t  *kwmcf = conf;

    ngx_conf_init_uint_value(kwmcf->max_connections, 0);
    ngx_conf_init_msec_value(kwmcf->drain, NGX_KAFKA_WS_DRAIN);

    return NGX_CONF_OK;
}


void *
ngx_kafka_ws_create_loc_conf(ngx_conf_t *cf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf;

    kwlcf = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_ws_loc_conf_t));
    if (kwlcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     kwlcf->name = { 0, NULL };
     *     kwlcf->cluster = NULL;
     *     kwlcf->topic = NULL;
     *     kwlcf->partition = NULL;
     *     kwlcf->by_key = 0;
     *     kwlcf->hash = 0;
     *     kwlcf->ranges = NULL;
     *     kwlcf->nranges = 0;
     *     kwlcf->nformats = 0;
     *     kwlcf->formats = { 0 };
     *     kwlcf->protocols = { { 0, NULL } };
     *     kwlcf->renderings = { NULL };
     *     kwlcf->deflated = { NULL };
     *     kwlcf->fields = 0;
     *     kwlcf->names = NULL;
     *     kwlcf->start_set = 0;
     *     kwlcf->start_var = NULL;
     *     kwlcf->start = { 0, 0, 0 };
     *     kwlcf->cursor = NULL;
     *     kwlcf->filter = NULL;
     *     kwlcf->terms = NULL;
     *     kwlcf->nterms = 0;
     *     kwlcf->client_filter = NULL;
     *     kwlcf->client_terms = NULL;
     *     kwlcf->nclient_terms = 0;
     *     kwlcf->status = 0;
     *     kwlcf->file = NULL;
     *     kwlcf->line = 0;
     */

    kwlcf->value_json = NGX_CONF_UNSET_UINT;
    kwlcf->commands.on = NGX_CONF_UNSET_UINT;
    kwlcf->backfill.on = NGX_CONF_UNSET_UINT;
    kwlcf->gap = NGX_CONF_UNSET_UINT;
    kwlcf->slow = NGX_CONF_UNSET_UINT;
    kwlcf->lag = NGX_CONF_UNSET_MSEC;

    ngx_kafka_ws_socket_create_conf(&kwlcf->socket);

    return kwlcf;
}


char *
ngx_kafka_ws_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_kafka_ws_loc_conf_t  *prev = parent;
    ngx_kafka_ws_loc_conf_t  *conf = child;

    ngx_kafka_ws_merge_stream(cf, prev, conf);
    ngx_kafka_ws_merge_records(prev, conf);
    ngx_kafka_ws_merge_connection(prev, conf);

    if (conf->name.data == NULL) {
        return NGX_CONF_OK;
    }

    if (ngx_kafka_ws_merge_cluster(cf, conf) != NGX_OK
        || ngx_kafka_ws_merge_commands(cf, conf) != NGX_OK
        || ngx_kafka_ws_merge_topic(cf, conf) != NGX_OK
        || ngx_kafka_ws_merge_cursor(cf, conf) != NGX_OK
        || ngx_kafka_ws_merge_renderings(cf, conf) != NGX_OK
        || ngx_kafka_ws_merge_filter(cf, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "if" and "limit_except" blocks belong to their location's stream */

static void
ngx_kafka_ws_merge_stream(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *prev,
    ngx_kafka_ws_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;
    ngx_kafka_ws_main_conf_t  *kwmcf;

    /* "off" is the same as nothing */

    if (conf->name.len == 3 && ngx_strncmp(conf->name.data, "off", 3) == 0) {
        ngx_str_null(&conf->name);
        return;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!clcf->noname || conf->name.data || prev->name.data == NULL) {
        return;
    }

    conf->name = prev->name;
    conf->file = prev->file;
    conf->line = prev->line;

    if (clcf->lmt_excpt && clcf->handler == NULL) {
        kwmcf = ngx_http_conf_get_module_main_conf(cf, ngx_kafka_ws_module);
        clcf->handler = kwmcf->hooks->handler;
    }
}


static void
ngx_kafka_ws_merge_records(ngx_kafka_ws_loc_conf_t *prev,
    ngx_kafka_ws_loc_conf_t *conf)
{
    if (conf->topic == NULL) {
        conf->topic = prev->topic;
    }

    if (conf->partition == NULL && conf->nranges == 0) {
        conf->partition = prev->partition;
        conf->by_key = prev->by_key;
        conf->hash = prev->hash;
        conf->ranges = prev->ranges;
        conf->nranges = prev->nranges;
    }

    if (conf->partition == NULL && conf->nranges == 0) {
        conf->ranges = &ngx_kafka_ws_all_partitions;
        conf->nranges = 1;
    }

    if (conf->nformats == 0) {
        conf->nformats = prev->nformats;
        ngx_memcpy(conf->formats, prev->formats, sizeof(conf->formats));
    }

    if (conf->nformats == 0) {
        conf->nformats = 1;
        conf->formats[0] = NGX_KAFKA_WS_FORMAT_JSON;
    }

    ngx_conf_merge_uint_value(conf->value_json, prev->value_json, 0);

    if (conf->fields == 0) {
        conf->fields = prev->fields ? prev->fields
                                    : NGX_KAFKA_WS_FIELDS_DEFAULT;
        conf->names = prev->names;
    }

    if (!conf->start_set) {
        conf->start_set = prev->start_set;
        conf->start_var = prev->start_var;
        conf->start = prev->start;
    }

    if (conf->cursor == NULL) {
        conf->cursor = prev->cursor;
    }

    if (conf->filter == NULL) {
        conf->filter = prev->filter;
    }

    if (conf->client_filter == NULL) {
        conf->client_filter = prev->client_filter;
    }
}


static void
ngx_kafka_ws_merge_connection(ngx_kafka_ws_loc_conf_t *prev,
    ngx_kafka_ws_loc_conf_t *conf)
{
    if (conf->commands.on == NGX_CONF_UNSET_UINT) {
        conf->commands = prev->commands;
    }

    if (conf->commands.on == NGX_CONF_UNSET_UINT) {
        conf->commands.on = 0;
    }

    if (conf->backfill.on == NGX_CONF_UNSET_UINT) {
        conf->backfill = prev->backfill;
    }

    if (conf->backfill.on == NGX_CONF_UNSET_UINT) {
        conf->backfill.on = 1;
        conf->backfill.records = NGX_KAFKA_WS_BACKFILL_RECORDS;
        conf->backfill.age = NGX_KAFKA_WS_BACKFILL_AGE;
        conf->backfill.concurrency = NGX_KAFKA_WS_BACKFILL_CONCURRENCY;
    }

    /* the default stays unset: it depends on the format agreed on */
    ngx_conf_merge_uint_value(conf->gap, prev->gap, NGX_CONF_UNSET_UINT);

    ngx_conf_merge_uint_value(conf->slow, prev->slow,
                              NGX_KAFKA_WS_SLOW_CLOSE);
    ngx_conf_merge_msec_value(conf->lag, prev->lag, NGX_KAFKA_WS_SLOW_LAG);

    ngx_kafka_ws_socket_merge_conf(&prev->socket, &conf->socket);
}


static ngx_int_t
ngx_kafka_ws_merge_cluster(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf)
{
    ngx_uint_t                  i;
    ngx_kafka_ws_cluster_t    **kwc;
    ngx_kafka_ws_main_conf_t   *kwmcf;

    kwmcf = ngx_http_conf_get_module_main_conf(cf, ngx_kafka_ws_module);

    kwc = kwmcf->clusters.elts;

    for (i = 0; i < kwmcf->clusters.nelts; i++) {

        if (kwc[i]->name.len == kwlcf->name.len
            && ngx_strncmp(kwc[i]->name.data, kwlcf->name.data,
                           kwlcf->name.len)
               == 0)
        {
            kwlcf->cluster = kwc[i];
            kwmcf->used = 1;

            if (kwlcf->backfill.on) {
                kwc[i]->backfill = ngx_max(kwc[i]->backfill,
                                           kwlcf->backfill.concurrency);
            }

            return NGX_OK;
        }
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "unknown cluster \"%V\" in %s:%ui",
                  &kwlcf->name, kwlcf->file, kwlcf->line);

    return NGX_ERROR;
}


/* answers are json */

static ngx_int_t
ngx_kafka_ws_merge_commands(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf)
{
    ngx_uint_t  i;

    if (!kwlcf->commands.on) {
        return NGX_OK;
    }

    for (i = 0; i < kwlcf->nformats; i++) {
        if (kwlcf->formats[i] == NGX_KAFKA_WS_FORMAT_JSON) {
            return NGX_OK;
        }
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"kafka_ws_commands\" needs \"json\" in "
                  "\"kafka_ws_format\", for \"kafka_ws\" in %s:%ui",
                  kwlcf->file, kwlcf->line);

    return NGX_ERROR;
}


static ngx_int_t
ngx_kafka_ws_merge_topic(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf)
{
    ngx_str_t  *name;

    if (kwlcf->topic) {

        if (kwlcf->topic->lengths
            || ngx_kafka_ws_cluster_allows(kwlcf->cluster,
                                           &kwlcf->topic->value))
        {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"kafka_ws_topic\" names \"%V\", which \"topics\" of "
                      "cluster \"%V\" does not allow, for \"kafka_ws\" "
                      "in %s:%ui", &kwlcf->topic->value, &kwlcf->name,
                      kwlcf->file, kwlcf->line);

        return NGX_ERROR;
    }

    name = ngx_kafka_ws_only_topic(kwlcf->cluster);

    if (name == NULL && kwlcf->commands.on) {
        return NGX_OK;
    }

    if (name == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "no \"kafka_ws_topic\" is defined, and \"topics\" of "
                      "cluster \"%V\" is not a single name, "
                      "for \"kafka_ws\" in %s:%ui",
                      &kwlcf->name, kwlcf->file, kwlcf->line);

        return NGX_ERROR;
    }

    kwlcf->topic = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (kwlcf->topic == NULL) {
        return NGX_ERROR;
    }

    kwlcf->topic->value = *name;

    return NGX_OK;
}


static ngx_str_t *
ngx_kafka_ws_only_topic(ngx_kafka_ws_cluster_t *kwc)
{
    ngx_kafka_ws_topic_rule_t  *rule;

    if (kwc->topics.nelts != 1 || ngx_kafka_ws_cluster_literals(kwc) != 1) {
        return NULL;
    }

    rule = kwc->topics.elts;

    return &rule->name;
}


static ngx_int_t
ngx_kafka_ws_merge_cursor(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf)
{
    ngx_str_t                  value;
    ngx_http_complex_value_t  *cv;

    if (kwlcf->cursor) {
        return NGX_OK;
    }

    kwlcf->cursor = ngx_array_create(cf->pool, 1,
                                     sizeof(ngx_http_complex_value_t));
    if (kwlcf->cursor == NULL) {
        return NGX_ERROR;
    }

    cv = ngx_array_push(kwlcf->cursor);
    if (cv == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "$arg_cursor");

    return ngx_kafka_ws_args_compile(cf, &value, cv);
}


ngx_int_t
ngx_kafka_ws_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_kafka_ws_cluster_t    **kwc;
    ngx_kafka_ws_main_conf_t   *kwmcf;

    kwmcf = ngx_http_conf_get_module_main_conf(cf, ngx_kafka_ws_module);

    kwc = kwmcf->clusters.elts;

    for (i = 0; i < kwmcf->clusters.nelts; i++) {
        if (ngx_kafka_ws_conf_cluster_finish(cf, kwc[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_kafka_ws_conf_filter_finish(cf, kwmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (kwmcf->used) {
        return ngx_kafka_ws_add_path(cf, kwmcf);
    }

    return NGX_OK;
}


/*
 * A path with a manager is what nginx forks and supervises a helper process
 * for.  The directory itself is beside that of the client bodies, which the
 * user is known to have.
 */

static ngx_int_t
ngx_kafka_ws_add_path(ngx_conf_t *cf, ngx_kafka_ws_main_conf_t *kwmcf)
{
    u_char                     *p;
    size_t                      len;
    ngx_str_t                   temp;
    ngx_path_t                 *path;
    ngx_kafka_ws_cluster_t    **kwc;
    ngx_http_core_loc_conf_t   *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->client_body_temp_path) {
        temp = clcf->client_body_temp_path->name;

    } else {
        temp = ngx_kafka_ws_temp_path;

        if (ngx_conf_full_name(cf->cycle, &temp, 0) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (len = temp.len; len > 1 && temp.data[len - 1] == '/'; len--) {
        /* void */
    }

    while (len && temp.data[len - 1] != '/') {
        len--;
    }

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_ERROR;
    }

    path->name.len = len + sizeof("kafka_ws") - 1;
    path->name.data = ngx_pnalloc(cf->pool, path->name.len + 1);
    if (path->name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(path->name.data, temp.data, len);
    (void) ngx_cpymem(p, "kafka_ws", sizeof("kafka_ws"));

    kwc = kwmcf->clusters.elts;

    path->manager = kwmcf->hooks->manager;
    path->data = kwmcf;
    path->conf_file = kwc[0]->file;
    path->line = kwc[0]->line;

    kwmcf->path = path;

    return ngx_add_path(cf, &kwmcf->path);
}
