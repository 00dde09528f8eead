
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests alone: a location that sends each message back, so that any
 * WebSocket client can try the code that streams use.  What is here is only
 * what a stream has no use for: messages kept until they are whole, and
 * answers kept until the socket takes them.
 *
 * It may be loaded alone or with ngx_kafka_ws_module.so.  The settings of a
 * connection (kafka_ws_max_frame and the like) are that module's then, and
 * its own else.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_deflate.h"
#include "ngx_kafka_ws_handshake.h"
#include "ngx_kafka_ws_subscriber.h"


#define NGX_KAFKA_WS_ECHO_SETTINGS  1   /* in the table, from here on */


typedef struct {
    ngx_uint_t                   echo;
    ngx_kafka_ws_socket_conf_t   socket;
} ngx_kafka_ws_echo_conf_t;


typedef struct {
    unsigned                     bits;      /* of our window; 0: plain */
    ngx_kafka_ws_bytes_t        *message;   /* room for a header, and what is
                                               here of a message */
    ngx_kafka_ws_bytes_t        *pending;   /* frames */
} ngx_kafka_ws_echo_t;


static ngx_int_t ngx_kafka_ws_echo_handler(ngx_http_request_t *r);
static ngx_kafka_ws_socket_conf_t *ngx_kafka_ws_echo_settings(
    ngx_http_request_t *r);
static void ngx_kafka_ws_echo_writable(ngx_kafka_ws_subscriber_t *kws);
static void ngx_kafka_ws_echo_leave(ngx_kafka_ws_subscriber_t *kws);
static void ngx_kafka_ws_echo_exiting(ngx_kafka_ws_subscriber_t *kws);
static ngx_int_t ngx_kafka_ws_echo_data(ngx_kafka_ws_subscriber_t *kws,
    const ngx_kafka_ws_recv_t *ev);
static ngx_int_t ngx_kafka_ws_echo_deflate(ngx_kafka_ws_subscriber_t *kws,
    ngx_kafka_ws_bytes_t **message);
static ngx_int_t ngx_kafka_ws_echo_send(ngx_kafka_ws_subscriber_t *kws,
    unsigned first, u_char *data, size_t len);
static ngx_int_t ngx_kafka_ws_echo_flush(ngx_kafka_ws_subscriber_t *kws);
static ngx_int_t ngx_kafka_ws_echo_preconfiguration(ngx_conf_t *cf);
static void *ngx_kafka_ws_echo_create_conf(ngx_conf_t *cf);
static char *ngx_kafka_ws_echo_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_kafka_ws_echo_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static const ngx_kafka_ws_owner_t  ngx_kafka_ws_echo_owner = {
    ngx_kafka_ws_echo_writable,
    ngx_kafka_ws_echo_leave,
    ngx_kafka_ws_echo_exiting,
    NULL,
    ngx_kafka_ws_echo_data
};


static ngx_conf_post_t  ngx_kafka_ws_echo_max_frame_post = {
    ngx_kafka_ws_socket_check_max_frame
};


static ngx_command_t  ngx_kafka_ws_echo_commands[] = {

    { ngx_string("kafka_ws_echo"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_kafka_ws_echo_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_ping"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_kafka_ws_socket_ping,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_echo_conf_t, socket),
      NULL },

    { ngx_string("kafka_ws_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_ws_socket_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_echo_conf_t, socket),
      NULL },

    { ngx_string("kafka_ws_max_frame"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_echo_conf_t, socket.max_frame),
      &ngx_kafka_ws_echo_max_frame_post },

    { ngx_string("kafka_ws_deflate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_kafka_ws_socket_deflate,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_echo_conf_t, socket),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_kafka_ws_echo_module_ctx = {
    ngx_kafka_ws_echo_preconfiguration,    /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_kafka_ws_echo_create_conf,         /* create location configuration */
    ngx_kafka_ws_echo_merge_conf           /* merge location configuration */
};


ngx_module_t  ngx_kafka_ws_echo_module = {
    NGX_MODULE_V1,
    &ngx_kafka_ws_echo_module_ctx,         /* module context */
    ngx_kafka_ws_echo_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* ngx_kafka_ws_module, if that is loaded, too */
static ngx_module_t  *ngx_kafka_ws_echo_main;

/* nobody reads these */
static ngx_kafka_ws_counters_t  ngx_kafka_ws_echo_counters;

/* by level and bits, made when they are needed first */
static ngx_kafka_ws_deflater_t  *ngx_kafka_ws_echo_deflaters
                                     [NGX_KAFKA_WS_DEFLATE_LEVEL_MAX + 1]
                                     [NGX_KAFKA_WS_DEFLATE_BITS_MAX + 1];


static ngx_int_t
ngx_kafka_ws_echo_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_kafka_ws_echo_t         *echo;
    ngx_kafka_ws_refused_t       refused;
    ngx_kafka_ws_endpoint_t      endpoint;
    ngx_kafka_ws_handshake_t     hs;
    ngx_kafka_ws_subscriber_t   *kws;
    ngx_kafka_ws_socket_conf_t  *conf;

    conf = ngx_kafka_ws_echo_settings(r);

    endpoint.protocols = NULL;
    endpoint.nprotocols = 0;
    endpoint.window_bits = NGX_KAFKA_WS_DEFLATE_BITS_MIN;

    rc = ngx_kafka_ws_handshake_check(r, conf, &endpoint, &hs, &refused);

    if (rc == NGX_DECLINED) {
        return ngx_kafka_ws_handshake_refuse(r, NULL, &refused);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    echo = ngx_pcalloc(r->pool, sizeof(ngx_kafka_ws_echo_t));
    if (echo == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    echo->bits = hs.deflate;

    kws = ngx_kafka_ws_subscriber_create(r, sizeof(ngx_kafka_ws_subscriber_t));
    if (kws == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_kafka_ws_handshake_accept(r, &hs) == NGX_ERROR
        || ngx_kafka_ws_subscriber_begin(kws, conf, hs.deflate != 0,
                                         &ngx_kafka_ws_echo_counters,
                                         &ngx_kafka_ws_echo_owner, echo)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_kafka_ws_count(&ngx_kafka_ws_echo_counters.connections, 1);

    return NGX_DONE;
}


static ngx_kafka_ws_socket_conf_t *
ngx_kafka_ws_echo_settings(ngx_http_request_t *r)
{
    ngx_kafka_ws_echo_conf_t  *kwecf;
    ngx_kafka_ws_loc_conf_t   *kwlcf;

    if (ngx_kafka_ws_echo_main) {
        kwlcf = r->loc_conf[ngx_kafka_ws_echo_main->ctx_index];
        return &kwlcf->socket;
    }

    kwecf = ngx_http_get_module_loc_conf(r, ngx_kafka_ws_echo_module);

    return &kwecf->socket;
}


static void
ngx_kafka_ws_echo_writable(ngx_kafka_ws_subscriber_t *kws)
{
    if (ngx_kafka_ws_echo_flush(kws) != NGX_OK) {
        ngx_kafka_ws_subscriber_fail(kws);
        return;
    }

    if (!kws->hold) {
        ngx_kafka_ws_subscriber_read_on(kws);
    }
}


static void
ngx_kafka_ws_echo_leave(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_kafka_ws_echo_t  *echo;

    echo = kws->data;

    ngx_kafka_ws_bytes_free(&echo->message);
    ngx_kafka_ws_bytes_free(&echo->pending);
}


static void
ngx_kafka_ws_echo_exiting(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_kafka_ws_subscriber_close(kws, NGX_KAFKA_WS_CLOSE_GOING_AWAY, NULL, 0);
}


static ngx_int_t
ngx_kafka_ws_echo_data(ngx_kafka_ws_subscriber_t *kws,
    const ngx_kafka_ws_recv_t *ev)
{
    size_t                 len;
    u_char                *p;
    unsigned               first;
    ngx_int_t              rc;
    ngx_log_t             *log;
    ngx_kafka_ws_echo_t   *echo;

    static const u_char    head[NGX_KAFKA_WS_HEADER_MAX];

    echo = kws->data;
    log = kws->connection->log;

    first = NGX_KAFKA_WS_FRAME_FIN
            | (ev->text ? NGX_KAFKA_WS_OP_TEXT : NGX_KAFKA_WS_OP_BINARY);

    if (ev->first && ev->last && echo->bits == 0) {
        rc = NGX_AGAIN;

        if (echo->pending == NULL) {
            rc = ngx_kafka_ws_subscriber_reply(kws, first, ev->data, ev->len);
        }

        return (rc == NGX_AGAIN) ? ngx_kafka_ws_echo_send(kws, first,
                                                          ev->data, ev->len)
                                 : rc;
    }

    if (ev->first
        && ngx_kafka_ws_bytes_append(&echo->message, head, sizeof(head), log)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_kafka_ws_bytes_append(&echo->message, ev->data, ev->len, log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ev->last) {
        return NGX_OK;
    }

    len = echo->message->len - sizeof(head);

    if (echo->bits && len >= kws->conf->deflate_min) {

        if (ngx_kafka_ws_echo_deflate(kws, &echo->message) != NGX_OK) {
            return NGX_ERROR;
        }

        first |= NGX_KAFKA_WS_FRAME_RSV1;
    }

    p = echo->message->data + sizeof(head);
    len = echo->message->len - sizeof(head);

    rc = ngx_kafka_ws_echo_send(kws, first, p, len);

    ngx_kafka_ws_bytes_free(&echo->message);

    return rc;
}


/* whatever its length comes to: the client agreed on compression */

static ngx_int_t
ngx_kafka_ws_echo_deflate(ngx_kafka_ws_subscriber_t *kws,
    ngx_kafka_ws_bytes_t **message)
{
    size_t                     len, size;
    ngx_kafka_ws_echo_t       *echo;
    ngx_kafka_ws_bytes_t      *out;
    ngx_kafka_ws_deflater_t  **d;

    echo = kws->data;

    d = &ngx_kafka_ws_echo_deflaters[kws->conf->deflate][echo->bits];

    if (*d == NULL) {
        *d = ngx_kafka_ws_deflater_create((unsigned) kws->conf->deflate,
                                          echo->bits);
        if (*d == NULL) {
            return NGX_ERROR;
        }
    }

    /* zlib needs no more than this in any of its levels and windows */

    len = (*message)->len - NGX_KAFKA_WS_HEADER_MAX;
    size = NGX_KAFKA_WS_HEADER_MAX + len + len / 8 + 64;

    out = ngx_alloc(sizeof(ngx_kafka_ws_bytes_t) + size,
                    kws->connection->log);
    if (out == NULL) {
        return NGX_ERROR;
    }

    out->size = size;
    out->len = ngx_kafka_ws_deflater_message(*d,
                                   (*message)->data + NGX_KAFKA_WS_HEADER_MAX,
                                   len, out->data + NGX_KAFKA_WS_HEADER_MAX,
                                   size - NGX_KAFKA_WS_HEADER_MAX);
    if (out->len == 0) {
        ngx_free(out);
        return NGX_ERROR;
    }

    out->len += NGX_KAFKA_WS_HEADER_MAX;

    ngx_kafka_ws_bytes_free(message);
    *message = out;

    return NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_echo_send(ngx_kafka_ws_subscriber_t *kws, unsigned first,
    u_char *data, size_t len)
{
    size_t                n;
    u_char                head[NGX_KAFKA_WS_HEADER_MAX];
    ngx_int_t             rc;
    ngx_log_t            *log;
    ngx_kafka_ws_echo_t  *echo;

    echo = kws->data;
    log = kws->connection->log;

    if (echo->pending == NULL) {
        rc = ngx_kafka_ws_subscriber_reply(kws, first, data, len);

        if (rc != NGX_AGAIN) {
            return rc;
        }
    }

    n = ngx_kafka_ws_frame_header(head, first, len);

    if (ngx_kafka_ws_bytes_append(&echo->pending, head, n, log) != NGX_OK
        || ngx_kafka_ws_bytes_append(&echo->pending, data, len, log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_kafka_ws_echo_flush(kws);
}


/* a client that takes nothing is not read from */

static ngx_int_t
ngx_kafka_ws_echo_flush(ngx_kafka_ws_subscriber_t *kws)
{
    ngx_int_t             rc;
    ngx_kafka_ws_echo_t  *echo;

    echo = kws->data;
    rc = NGX_OK;

    if (echo->pending && kws->state == NGX_KAFKA_WS_SUB_OPEN
        && !ngx_kafka_ws_subscriber_blocked(kws))
    {
        rc = ngx_kafka_ws_subscriber_event(kws, echo->pending->data,
                                           echo->pending->len);
        ngx_kafka_ws_bytes_free(&echo->pending);
    }

    kws->hold = echo->pending || ngx_kafka_ws_subscriber_blocked(kws);

    return rc;
}


/*
 * The first of two modules that have a directive gets it.  With the other
 * one loaded, the settings are left to it.
 */

static ngx_int_t
ngx_kafka_ws_echo_preconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t  i;

    static ngx_str_t  name;

    ngx_kafka_ws_echo_main = NULL;

    for (i = 0; cf->cycle->modules[i]; i++) {
        if (ngx_strcmp(cf->cycle->modules[i]->name, "ngx_kafka_ws_module")
            == 0)
        {
            ngx_kafka_ws_echo_main = cf->cycle->modules[i];
        }
    }

    /* the table ends before or behind them */

    if (name.len == 0) {
        name = ngx_kafka_ws_echo_commands[NGX_KAFKA_WS_ECHO_SETTINGS].name;
    }

    ngx_kafka_ws_echo_commands[NGX_KAFKA_WS_ECHO_SETTINGS].name = name;

    if (ngx_kafka_ws_echo_main) {
        ngx_kafka_ws_echo_commands[NGX_KAFKA_WS_ECHO_SETTINGS].name.len = 0;
    }

    return NGX_OK;
}


static void *
ngx_kafka_ws_echo_create_conf(ngx_conf_t *cf)
{
    ngx_kafka_ws_echo_conf_t  *kwecf;

    kwecf = ngx_pcalloc(cf->pool, sizeof(ngx_kafka_ws_echo_conf_t));
    if (kwecf == NULL) {
        return NULL;
    }

    ngx_kafka_ws_socket_create_conf(&kwecf->socket);

    return kwecf;
}


static char *
ngx_kafka_ws_echo_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_kafka_ws_echo_conf_t  *prev = parent;
    ngx_kafka_ws_echo_conf_t  *conf = child;

    ngx_kafka_ws_socket_merge_conf(&prev->socket, &conf->socket);

    return NGX_CONF_OK;
}


static char *
ngx_kafka_ws_echo_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_echo_conf_t  *kwecf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (kwecf->echo) {
        return "is duplicate";
    }

    kwecf->echo = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_kafka_ws_echo_handler;

    return NGX_CONF_OK;
}
