
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_args.h"


#define NGX_KAFKA_WS_HOST_MAX  255    /* bytes, RFC 1035, 2.3.4 */


static char *ngx_kafka_ws_check_host(ngx_str_t *host);


ngx_int_t
ngx_kafka_ws_args_time(ngx_str_t *value, ngx_msec_t *msec)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    if (n < NGX_KAFKA_WS_TIME_MIN || n > NGX_KAFKA_WS_TIME_MAX) {
        return NGX_ERROR;
    }

    *msec = (ngx_msec_t) n;

    return NGX_OK;
}


char *
ngx_kafka_ws_args_invalid(ngx_conf_t *cf, ngx_str_t *value, char *expected)
{
    ngx_str_t  *args;

    args = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\" directive: "
                       "%s expected", value, &args[0], expected);

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_kafka_ws_args_prefix(ngx_str_t *value, char *prefix, ngx_str_t *rest)
{
    size_t  len;

    len = ngx_strlen(prefix);

    if (value->len < len || ngx_strncmp(value->data, prefix, len) != 0) {
        return NGX_DECLINED;
    }

    rest->len = value->len - len;
    rest->data = value->data + len;

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_args_compile(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_complex_value_t *cv)
{
    ngx_http_compile_complex_value_t  ccv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    return ngx_http_compile_complex_value(&ccv);
}


char *
ngx_kafka_ws_args_choice(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    u_char            buf[128], *last;
    ngx_str_t        *value;
    ngx_uint_t       *np;
    ngx_conf_enum_t  *e;

    np = (ngx_uint_t *) (p + cmd->offset);

    if (*np != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    last = buf;

    for (e = cmd->post; e->name.len; e++) {

        if (e->name.len == value[1].len
            && ngx_strncmp(e->name.data, value[1].data, value[1].len) == 0)
        {
            *np = e->value;
            return NGX_CONF_OK;
        }

        last = ngx_slprintf(last, buf + sizeof(buf) - 1, "%s%V",
                            last == buf ? "" : " or ", &e->name);
    }

    *last = '\0';

    return ngx_kafka_ws_args_invalid(cf, &value[1], (char *) buf);
}


char *
ngx_kafka_ws_args_host_port(ngx_str_t *arg, ngx_str_t *host, in_port_t *port)
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
ngx_kafka_ws_args_regex(ngx_conf_t *cf, ngx_str_t *pattern, ngx_uint_t options,
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
