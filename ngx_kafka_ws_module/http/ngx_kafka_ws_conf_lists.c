
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Settings of a cluster that are lists: brokers and topics.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"


static char *ngx_kafka_ws_check_topic(ngx_str_t *name);


char *
ngx_kafka_ws_conf_brokers(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc)
{
    char        *err;
    u_char      *p;
    size_t       len;
    in_port_t    port;
    ngx_str_t   *value, host;
    ngx_uint_t   i;

    value = cf->args->elts;
    len = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        err = ngx_kafka_ws_args_host_port(&value[i], &host, &port);

        if (err) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid broker \"%V\" in \"brokers\" "
                               "directive: %s; host[:port] expected",
                               &value[i], err);
            return NGX_CONF_ERROR;
        }

        len += value[i].len + 1;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    kwc->brokers.len = len - 1;
    kwc->brokers.data = p;

    for (i = 1; i < cf->args->nelts; i++) {
        p = ngx_cpymem(p, value[i].data, value[i].len);
        *p++ = ',';
    }

    p[-1] = '\0';

    return NGX_CONF_OK;
}


char *
ngx_kafka_ws_conf_topics(ngx_conf_t *cf, ngx_kafka_ws_cluster_t *kwc)
{
    char                       *err;
    ngx_str_t                  *value;
    ngx_uint_t                  i, k;
    ngx_kafka_ws_topic_rule_t  *rule;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (k = 1; k < i; k++) {
            if (value[k].len == value[i].len
                && ngx_strncmp(value[k].data, value[i].data, value[i].len)
                   == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate topic \"%V\" in \"topics\" "
                                   "directive", &value[i]);
                return NGX_CONF_ERROR;
            }
        }

        rule = ngx_array_push(&kwc->topics);
        if (rule == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(rule, sizeof(ngx_kafka_ws_topic_rule_t));

        rule->name = value[i];

        if (value[i].len && value[i].data[0] == '~') {
            rule->name.len--;
            rule->name.data++;

#if (NGX_PCRE)
            err = ngx_kafka_ws_args_regex(cf, &rule->name, 0, &rule->regex);
#else
            err = ngx_kafka_ws_args_regex(cf, &rule->name, 0, NULL);
#endif

        } else {
            err = ngx_kafka_ws_check_topic(&value[i]);
        }

        if (err) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid topic \"%V\" in \"topics\" "
                               "directive: %s", &value[i], err);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_kafka_ws_check_topic(ngx_str_t *name)
{
    if (!ngx_kafka_ws_cluster_topic_legal(name)) {
        return "a name has 1 to 249 of a-z A-Z 0-9 . _ -, and is not "
               "\".\" or \"..\"";
    }

    if (name->len >= 2 && name->data[0] == '_' && name->data[1] == '_') {
        return "names that begin with \"__\" are Kafka's own";
    }

    return NULL;
}
