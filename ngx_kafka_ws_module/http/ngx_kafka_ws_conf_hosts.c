
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Settings that are lists of hosts or of names, with regular expressions
 * among them: brokers, topics, kafka_ws_origin.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"


#define NGX_KAFKA_WS_HOST_MAX  255    /* bytes, RFC 1035, 2.3.4 */


static char *ngx_kafka_ws_check_host(ngx_str_t *host);
static char *ngx_kafka_ws_check_topic(ngx_str_t *name);
static char *ngx_kafka_ws_add_regex(ngx_conf_t *cf, ngx_str_t *pattern,
    ngx_uint_t options, void *regex);
static char *ngx_kafka_ws_add_origin(ngx_conf_t *cf,
    ngx_kafka_ws_loc_conf_t *kwlcf, ngx_str_t *arg);
static char *ngx_kafka_ws_origin_host(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_kafka_ws_origin_t *origin);
static char *ngx_kafka_ws_check_origin(ngx_kafka_ws_loc_conf_t *kwlcf);


static ngx_conf_enum_t  ngx_kafka_ws_origins[] = {
    { ngx_string("same"), NGX_KAFKA_WS_ORIGIN_SAME },
    { ngx_string("any"), NGX_KAFKA_WS_ORIGIN_ANY },
    { ngx_string("required"), NGX_KAFKA_WS_ORIGIN_REQUIRED },
    { ngx_null_string, 0 }
};


char *
ngx_kafka_ws_conf_host_port(ngx_str_t *arg, ngx_str_t *host, in_port_t *port)
{
    u_char     *p, *last;
    ngx_int_t   n;

    last = arg->data + arg->len;

    host->data = arg->data;
    *port = 0;

    if (arg->len && arg->data[0] == '[') {

        p = ngx_strlchr(arg->data, last, ']');
        if (p == NULL) {
            return "no closing bracket";
        }

        p++;

    } else {
        p = ngx_strlchr(arg->data, last, ':');
        if (p == NULL) {
            p = last;
        }
    }

    host->len = p - arg->data;

    if (p == last) {
        return ngx_kafka_ws_check_host(host);
    }

    if (*p != ':') {
        return "no colon after the bracket";
    }

    if (ngx_strlchr(p + 1, last, ':')) {
        return "several colons, IPv6 addresses stand in brackets";
    }

    p++;
    n = ngx_atoi(p, last - p);

    if (n < 1 || n > 65535) {
        return "invalid port";
    }

    *port = (in_port_t) n;

    return ngx_kafka_ws_check_host(host);
}


static char *
ngx_kafka_ws_check_host(ngx_str_t *host)
{
    u_char   ch, addr[16];
    size_t   i;

    if (host->len == 0) {
        return "no host";
    }

    if (host->len > NGX_KAFKA_WS_HOST_MAX) {
        return "host name too long";
    }

    if (host->data[0] == '[') {
        return (ngx_inet6_addr(host->data + 1, host->len - 2, addr) == NGX_OK)
               ? NULL : "invalid IPv6 address";
    }

    for (i = 0; i < host->len; i++) {
        ch = host->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9')
            || ch == '.' || ch == '_' || ch == '-')
        {
            continue;
        }

        return "invalid character in the host name";
    }

    return NULL;
}


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

        err = ngx_kafka_ws_conf_host_port(&value[i], &host, &port);

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
            err = ngx_kafka_ws_add_regex(cf, &rule->name, 0, &rule->regex);
#else
            err = ngx_kafka_ws_add_regex(cf, &rule->name, 0, NULL);
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


/* regex: an ngx_regex_t * to be set; returns NULL or what is wrong */

static char *
ngx_kafka_ws_add_regex(ngx_conf_t *cf, ngx_str_t *pattern, ngx_uint_t options,
    void *regex)
{
#if (NGX_PCRE)

    u_char               *err;
    ngx_regex_t         **re = regex;
    ngx_regex_compile_t   rc;

    if (pattern->len == 0) {
        return "empty regular expression";
    }

    err = ngx_pcalloc(cf->pool, NGX_MAX_CONF_ERRSTR);
    if (err == NULL) {
        return "no memory";
    }

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern = *pattern;
    rc.pool = cf->pool;
    rc.options = options;
    rc.err.len = NGX_MAX_CONF_ERRSTR - 1;
    rc.err.data = err;

    if (ngx_regex_compile(&rc) != NGX_OK) {
        return (char *) err;
    }

    *re = rc.regex;

    return NULL;

#else

    return "regular expressions need nginx to be built with the PCRE library";

#endif
}


char *
ngx_kafka_ws_conf_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    char             *err;
    ngx_str_t        *value;
    ngx_uint_t        i, bit;
    ngx_conf_enum_t  *word;

    if (kwlcf->origin || kwlcf->origins) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        bit = 0;

        for (word = ngx_kafka_ws_origins; word->name.len; word++) {
            if (value[i].len == word->name.len
                && ngx_strncmp(value[i].data, word->name.data, value[i].len)
                   == 0)
            {
                bit = word->value;
            }
        }

        if (bit == 0) {
            err = ngx_kafka_ws_add_origin(cf, kwlcf, &value[i]);

        } else {
            err = (kwlcf->origin & bit) ? "duplicate parameter" : NULL;
        }

        if (err) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in "
                               "\"kafka_ws_origin\" directive: %s",
                               &value[i], err);
            return NGX_CONF_ERROR;
        }

        kwlcf->origin |= bit;
    }

    return ngx_kafka_ws_check_origin(kwlcf);
}


static char *
ngx_kafka_ws_check_origin(ngx_kafka_ws_loc_conf_t *kwlcf)
{
    if ((kwlcf->origin & NGX_KAFKA_WS_ORIGIN_ANY)
        && ((kwlcf->origin & NGX_KAFKA_WS_ORIGIN_SAME) || kwlcf->origins))
    {
        return "has \"any\" together with other origins";
    }

    if (kwlcf->origin == NGX_KAFKA_WS_ORIGIN_REQUIRED
        && kwlcf->origins == NULL)
    {
        kwlcf->origin |= NGX_KAFKA_WS_ORIGIN_SAME;
    }

    return NGX_CONF_OK;
}


/* returns NULL or what is wrong */

static char *
ngx_kafka_ws_add_origin(ngx_conf_t *cf, ngx_kafka_ws_loc_conf_t *kwlcf,
    ngx_str_t *arg)
{
    ngx_str_t               pattern;
    ngx_kafka_ws_origin_t  *origin;

    if (kwlcf->origins == NULL) {
        kwlcf->origins = ngx_array_create(cf->pool, 4,
                                          sizeof(ngx_kafka_ws_origin_t));
        if (kwlcf->origins == NULL) {
            return "no memory";
        }
    }

    origin = ngx_array_push(kwlcf->origins);
    if (origin == NULL) {
        return "no memory";
    }

    ngx_memzero(origin, sizeof(ngx_kafka_ws_origin_t));

    if (arg->len == 0 || arg->data[0] != '~') {
        return ngx_kafka_ws_origin_host(cf, arg, origin);
    }

    pattern.len = arg->len - 1;
    pattern.data = arg->data + 1;

    if (pattern.len
        && (pattern.data[0] != '^' || pattern.data[pattern.len - 1] != '$'))
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "regular expression \"%V\" in \"kafka_ws_origin\" "
                           "directive does not begin with \"^\" and end with "
                           "\"$\": it may fit foreign sites", &pattern);
    }

    /* a scheme and a host have no case */

#if (NGX_PCRE)
    return ngx_kafka_ws_add_regex(cf, &pattern, NGX_REGEX_CASELESS,
                                  &origin->regex);
#else
    return ngx_kafka_ws_add_regex(cf, &pattern, 0, NULL);
#endif
}


static char *
ngx_kafka_ws_origin_host(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_kafka_ws_origin_t *origin)
{
    char       *err;
    ngx_str_t   s, host;

    s = *arg;

    if (ngx_strlcasestrn(s.data, s.data + s.len, (u_char *) "://", 3 - 1)) {
        return "the host alone is compared, leave the scheme out";
    }

    /* of "*.example.com" the part ".example.com" is kept */

    if (s.len > 2 && s.data[0] == '*' && s.data[1] == '.') {
        origin->wildcard = 1;
        s.len--;
        s.data++;
    }

    err = ngx_kafka_ws_conf_host_port(&s, &host, &origin->port);

    if (err) {
        return err;
    }

    if (host.data[host.len - 1] == '.'
        || (host.data[0] == '.' && !origin->wildcard)
        || (origin->wildcard && (host.len < 2 || host.data[1] == '.')))
    {
        return "invalid host name";
    }

    if (origin->port == 80 || origin->port == 443) {
        origin->port = 0;
    }

    origin->host.len = host.len;
    origin->host.data = ngx_pnalloc(cf->pool, host.len);
    if (origin->host.data == NULL) {
        return "no memory";
    }

    ngx_strlow(origin->host.data, host.data, host.len);

    return NULL;
}
