
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a location says of its WebSocket connections, whatever comes over
 * them: who may open one, what a client may send, how it is kept alive.
 */


#ifndef _NGX_KAFKA_WS_SOCKET_H_INCLUDED_
#define _NGX_KAFKA_WS_SOCKET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#define NGX_KAFKA_WS_SOCKET_BUFFER  (256 * 1024)   /* bytes */


/* kafka_ws_origin: an argument other than same, any and required */

typedef struct {
    ngx_str_t                   host;        /* lower case, no port; of a
                                                "*.host" what follows "*" */
    in_port_t                   port;        /* 0: a default port, 80 or 443 */
    ngx_uint_t                  wildcard;
#if (NGX_PCRE)
    ngx_regex_t                *regex;       /* of the whole Origin */
#endif
} ngx_kafka_ws_origin_t;

#define NGX_KAFKA_WS_ORIGIN_SAME      0x01
#define NGX_KAFKA_WS_ORIGIN_ANY       0x02
#define NGX_KAFKA_WS_ORIGIN_REQUIRED  0x04


typedef struct {
    ngx_uint_t                  origin;      /* NGX_KAFKA_WS_ORIGIN_... */
    ngx_array_t                *origins;     /* ngx_kafka_ws_origin_t */

    size_t                      buffer;      /* SO_SNDBUF */
    ngx_msec_t                  ping;
    ngx_msec_t                  ping_timeout;
    size_t                      max_frame;   /* bytes of a client's message */

    ngx_uint_t                  deflate;     /* level, 0: off */
    size_t                      deflate_min; /* bytes of a payload */
} ngx_kafka_ws_socket_conf_t;


/* for a location's create and merge; conf is zero-filled before create */
void ngx_kafka_ws_socket_create_conf(ngx_kafka_ws_socket_conf_t *kwscf);
void ngx_kafka_ws_socket_merge_conf(ngx_kafka_ws_socket_conf_t *prev,
    ngx_kafka_ws_socket_conf_t *conf);

/* setters; the command's offset is that of an ngx_kafka_ws_socket_conf_t */
char *ngx_kafka_ws_socket_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_socket_ping(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_kafka_ws_socket_deflate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* post of the stock setter for max_frame: bounds */
char *ngx_kafka_ws_socket_check_max_frame(ngx_conf_t *cf, void *post,
    void *data);


#endif /* _NGX_KAFKA_WS_SOCKET_H_INCLUDED_ */
