
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Reading the arguments of directives, for the setters of all files.  All of
 * it runs while the configuration is read.
 */


#ifndef _NGX_KAFKA_WS_ARGS_H_INCLUDED_
#define _NGX_KAFKA_WS_ARGS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#define NGX_KAFKA_WS_TIME_MIN  100        /* ms */
#define NGX_KAFKA_WS_TIME_MAX  3600000    /* ms */


/* a time from 100ms to 1h; returns NGX_OK or NGX_ERROR */
ngx_int_t ngx_kafka_ws_args_time(ngx_str_t *value, ngx_msec_t *msec);

/*
 * Logs that a value of the directive being read is invalid.
 * expected:  goes before the word "expected"
 * returns:   NGX_CONF_ERROR
 */
char *ngx_kafka_ws_args_invalid(ngx_conf_t *cf, ngx_str_t *value,
    char *expected);

/*
 * rest:      what follows the prefix
 * returns:   NGX_OK, or NGX_DECLINED: the value does not begin with it
 */
ngx_int_t ngx_kafka_ws_args_prefix(ngx_str_t *value, char *prefix,
    ngx_str_t *rest);

/* cv->lengths stays NULL for a value without variables */
ngx_int_t ngx_kafka_ws_args_compile(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_complex_value_t *cv);

/* a setter: one word of the list ngx_conf_enum_t in cmd->post, an
   ngx_uint_t slot */
char *ngx_kafka_ws_args_choice(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Reads host[:port], IPv6 addresses in brackets.
 * host:      with its brackets, part of arg
 * port:      1 to 65535; 0: none given
 * returns:   NULL, or what is wrong
 */
char *ngx_kafka_ws_args_host_port(ngx_str_t *arg, ngx_str_t *host,
    in_port_t *port);

/*
 * regex:     an ngx_regex_t * to be set, in cf->pool
 * returns:   NULL, or what is wrong
 */
char *ngx_kafka_ws_args_regex(ngx_conf_t *cf, ngx_str_t *pattern,
    ngx_uint_t options, void *regex);


#endif /* _NGX_KAFKA_WS_ARGS_H_INCLUDED_ */
