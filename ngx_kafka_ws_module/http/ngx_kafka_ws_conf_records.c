
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Setters of what a location says of its records: which it sends, in which
 * form, from where on; and the renderings that come of it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"


static char *ngx_kafka_ws_conf_by_key(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf, ngx_str_t *key);
static ngx_conf_enum_t *ngx_kafka_ws_find_word(ngx_conf_enum_t *words,
    ngx_str_t *value);
static char *ngx_kafka_ws_add_names(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf, ngx_str_t *list);
static char *ngx_kafka_ws_add_name(ngx_conf_t *cf, ngx_array_t *names,
    u_char *p, size_t len);
static ngx_kafka_ws_cluster_rendering_t *ngx_kafka_ws_merge_rendering(
    ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf,
    ngx_kafka_ws_rendering_t *r);


/* in the order of ngx_kafka_ws_format_e */

static ngx_str_t  ngx_kafka_ws_protocols[NGX_KAFKA_WS_FORMATS] = {
    ngx_string("kafka.json.v1"),
    ngx_string("kafka.text.v1"),
    ngx_string("kafka.binary.v1")
};


static ngx_conf_enum_t  ngx_kafka_ws_formats[] = {
    { ngx_string("json"), NGX_KAFKA_WS_FORMAT_JSON },
    { ngx_string("text"), NGX_KAFKA_WS_FORMAT_TEXT },
    { ngx_string("binary"), NGX_KAFKA_WS_FORMAT_BINARY },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_kafka_ws_hashes[] = {
    { ngx_string("murmur2"), NGX_KAFKA_WS_HASH_MURMUR2 },
    { ngx_string("crc32"), NGX_KAFKA_WS_HASH_CRC32 },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_kafka_ws_fields[] = {
    { ngx_string("partition"), NGX_KAFKA_WS_FIELD_PARTITION },
    { ngx_string("offset"), NGX_KAFKA_WS_FIELD_OFFSET },
    { ngx_string("timestamp"), NGX_KAFKA_WS_FIELD_TIMESTAMP },
    { ngx_string("key"), NGX_KAFKA_WS_FIELD_KEY },
    { ngx_string("value"), NGX_KAFKA_WS_FIELD_VALUE },
    { ngx_string("headers"), NGX_KAFKA_WS_FIELD_HEADERS },
    { ngx_string("topic"), NGX_KAFKA_WS_FIELD_TOPIC },
    { ngx_null_string, 0 }
};


char *
ngx_kafka_ws_conf_partition(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    size_t                        n;
    ngx_str_t                    *value, key;
    ngx_http_complex_value_t     *cv;
    ngx_kafka_ws_range_t          ranges[NGX_KAFKA_WS_RANGES_MAX];
    ngx_kafka_ws_cursor_error_t   err;

    if (kwlcf->partition || kwlcf->nranges) {
        return "is duplicate";
    }

    value = cf->args->elts;

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_kafka_ws_args_prefix(&value[1], "key=", &key) == NGX_OK) {
        kwlcf->partition = cv;
        return ngx_kafka_ws_conf_by_key(cf, kwlcf, &key);
    }

    if (cf->args->nelts > 2) {
        return ngx_kafka_ws_args_invalid(cf, &value[1], "key=$variable");
    }

    if (ngx_kafka_ws_args_compile(cf, &value[1], cv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cv->lengths) {
        kwlcf->partition = cv;
        return NGX_CONF_OK;
    }

    if (ngx_kafka_ws_ranges_parse(value[1].data, value[1].len, ranges,
                                  NGX_KAFKA_WS_RANGES_MAX, &n, &err)
        != NGX_KAFKA_WS_CURSOR_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"kafka_ws_partition\" "
                           "directive: %s at character %uz",
                           &value[1], err.text, err.pos + 1);
        return NGX_CONF_ERROR;
    }

    kwlcf->ranges = ngx_palloc(cf->pool, n * sizeof(ngx_kafka_ws_range_t));
    if (kwlcf->ranges == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(kwlcf->ranges, ranges, n * sizeof(ngx_kafka_ws_range_t));
    kwlcf->nranges = n;

    return NGX_CONF_OK;
}


/* key=value [hash=name] */

static char *
ngx_kafka_ws_conf_by_key(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf,
    ngx_str_t *key)
{
    ngx_str_t        *value, name;
    ngx_conf_enum_t  *word;

    value = cf->args->elts;

    if (key->len == 0) {
        return ngx_kafka_ws_args_invalid(cf, &value[1], "key=$variable");
    }

    if (ngx_kafka_ws_args_compile(cf, key, kwlcf->partition) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    kwlcf->by_key = 1;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    word = NULL;

    if (ngx_kafka_ws_args_prefix(&value[2], "hash=", &name) == NGX_OK) {
        word = ngx_kafka_ws_find_word(ngx_kafka_ws_hashes, &name);
    }

    if (word == NULL) {
        return ngx_kafka_ws_args_invalid(cf, &value[2],
                                         "hash=murmur2 or hash=crc32");
    }

    kwlcf->hash = (ngx_kafka_ws_hash_e) word->value;

    return NGX_CONF_OK;
}


char *
ngx_kafka_ws_conf_format(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t              *value;
    ngx_uint_t              i, k;
    ngx_conf_enum_t        *word;
    ngx_kafka_ws_format_e   format;

    if (kwlcf->nformats) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        word = ngx_kafka_ws_find_word(ngx_kafka_ws_formats, &value[i]);

        if (word == NULL) {
            return ngx_kafka_ws_args_invalid(cf, &value[i],
                                             "json, text or binary");
        }

        format = (ngx_kafka_ws_format_e) word->value;

        for (k = 0; k < kwlcf->nformats; k++) {
            if (kwlcf->formats[k] == format) {
                return ngx_kafka_ws_args_invalid(cf, &value[i],
                                                 "each format once");
            }
        }

        kwlcf->formats[kwlcf->nformats++] = format;
    }

    return NGX_CONF_OK;
}


char *
ngx_kafka_ws_conf_fields(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t        *value, rest;
    ngx_uint_t        i, bit;
    ngx_conf_enum_t  *word;

    if (kwlcf->fields) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_kafka_ws_args_prefix(&value[i], "headers:", &rest)
            == NGX_OK)
        {
            bit = NGX_KAFKA_WS_FIELD_HEADERS;

        } else {
            word = ngx_kafka_ws_find_word(ngx_kafka_ws_fields, &value[i]);

            if (word == NULL) {
                return ngx_kafka_ws_args_invalid(cf, &value[i],
                           "partition, offset, timestamp, key, value, "
                           "headers, headers:NAME,NAME or topic");
            }

            bit = word->value;
            rest.data = NULL;
        }

        if (kwlcf->fields & bit) {
            return ngx_kafka_ws_args_invalid(cf, &value[i],
                                             "each field once");
        }

        kwlcf->fields |= bit;

        if (rest.data
            && ngx_kafka_ws_add_names(cf, kwlcf, &rest) != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_conf_enum_t *
ngx_kafka_ws_find_word(ngx_conf_enum_t *words, ngx_str_t *value)
{
    ngx_conf_enum_t  *word;

    for (word = words; word->name.len; word++) {
        if (word->name.len == value->len
            && ngx_strncmp(word->name.data, value->data, value->len) == 0)
        {
            return word;
        }
    }

    return NULL;
}


static char *
ngx_kafka_ws_add_names(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf,
    ngx_str_t *list)
{
    u_char  *p, *comma, *last;

    kwlcf->names = ngx_array_create(cf->pool, 4, sizeof(ngx_kafka_ws_span_t));
    if (kwlcf->names == NULL) {
        return NGX_CONF_ERROR;
    }

    p = list->data;
    last = list->data + list->len;

    for ( ;; ) {
        comma = ngx_strlchr(p, last, ',');

        if (ngx_kafka_ws_add_name(cf, kwlcf->names, p,
                                  (comma ? comma : last) - p)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (comma == NULL) {
            return NGX_CONF_OK;
        }

        p = comma + 1;
    }
}


static char *
ngx_kafka_ws_add_name(ngx_conf_t *cf, ngx_array_t *names, u_char *p,
    size_t len)
{
    ngx_str_t             name;
    ngx_uint_t            i;
    ngx_kafka_ws_span_t  *span;

    name.len = len;
    name.data = p;

    if (len == 0) {
        return ngx_kafka_ws_args_invalid(cf, &name, "a header's name");
    }

    span = names->elts;

    for (i = 0; i < names->nelts; i++) {
        if (span[i].len == len && ngx_memcmp(span[i].data, p, len) == 0) {
            return ngx_kafka_ws_args_invalid(cf, &name, "each header once");
        }
    }

    span = ngx_array_push(names);
    if (span == NULL) {
        return NGX_CONF_ERROR;
    }

    span->data = p;
    span->len = len;

    return NGX_CONF_OK;
}


char *
ngx_kafka_ws_conf_cursor(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    if (kwlcf->cursor) {
        return "is duplicate";
    }

    value = cf->args->elts;

    kwlcf->cursor = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                     sizeof(ngx_http_complex_value_t));
    if (kwlcf->cursor == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        cv = ngx_array_push(kwlcf->cursor);
        if (cv == NULL) {
            return NGX_CONF_ERROR;
        }

        if (ngx_kafka_ws_args_compile(cf, &value[i], cv) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        if (cv->lengths == NULL) {
            return ngx_kafka_ws_args_invalid(cf, &value[i], "a variable");
        }
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_kafka_ws_merge_renderings(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf)
{
    ngx_uint_t                 i;
    ngx_kafka_ws_rendering_t   r;

    for (i = 0; i < kwlcf->nformats; i++) {

        ngx_memzero(&r, sizeof(ngx_kafka_ws_rendering_t));

        r.format = kwlcf->formats[i];
        r.value_json = (unsigned) kwlcf->value_json;
        r.fields = (uint32_t) kwlcf->fields;

        if (kwlcf->commands.on && r.format == NGX_KAFKA_WS_FORMAT_JSON) {
            /* which of its streams is it? */
            r.fields |= NGX_KAFKA_WS_FIELD_TOPIC;
        }

        if (kwlcf->names) {
            r.names = kwlcf->names->elts;
            r.nnames = kwlcf->names->nelts;
        }

        kwlcf->protocols[i] = ngx_kafka_ws_protocols[r.format];

        kwlcf->renderings[i] = ngx_kafka_ws_merge_rendering(cf, kwlcf, &r);
        if (kwlcf->renderings[i] == NULL) {
            return NGX_ERROR;
        }

        if (kwlcf->socket.deflate == 0) {
            continue;
        }

        r.deflate = (unsigned) kwlcf->socket.deflate;
        r.deflate_min = kwlcf->socket.deflate_min;

        kwlcf->deflated[i] = ngx_kafka_ws_merge_rendering(cf, kwlcf, &r);
        if (kwlcf->deflated[i] == NULL) {
            return NGX_ERROR;
        }

        kwlcf->deflated[i]->plain = kwlcf->renderings[i];
    }

    return NGX_OK;
}


static ngx_kafka_ws_cluster_rendering_t *
ngx_kafka_ws_merge_rendering(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf,
    ngx_kafka_ws_rendering_t *r)
{
    ngx_uint_t                         full;
    ngx_kafka_ws_cluster_rendering_t  *cr;

    cr = ngx_kafka_ws_cluster_rendering(kwlcf->cluster, r, cf->pool, &full);

    if (cr == NULL && full) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the locations of cluster \"%V\" have more than %d "
                      "different combinations of \"kafka_ws_format\", "
                      "\"kafka_ws_fields\", \"kafka_ws_value\" and "
                      "\"kafka_ws_deflate\" in %s:%ui",
                      &kwlcf->name, NGX_KAFKA_WS_RENDERINGS_MAX, kwlcf->file,
                      kwlcf->line);
    }

    return cr;
}
