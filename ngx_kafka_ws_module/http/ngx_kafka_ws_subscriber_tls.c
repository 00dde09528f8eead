
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a client does to TLS is its own affair, as what it does to WebSocket:
 * one line at the level info.  nginx knows the reasons it expects and ranks
 * all others [crit], among them records that were damaged or are too long
 * (ngx_ssl_connection_error()).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_subscriber.h"


#if (NGX_HTTP_SSL)


typedef struct {
    ngx_log_t   *log;       /* the connection's */
    ngx_uint_t   any;       /* something was said */
} ngx_kafka_ws_tls_said_t;


static void ngx_kafka_ws_subscriber_tls_log(ngx_log_t *log, ngx_uint_t level,
    u_char *buf, size_t len);


ssize_t
ngx_kafka_ws_subscriber_tls_recv(ngx_kafka_ws_subscriber_t *kws, u_char *buf,
    size_t size)
{
    ssize_t                   n;
    ngx_log_t                 log;
    ngx_connection_t         *c;
    ngx_kafka_ws_tls_said_t   said;

    c = kws->connection;

    said.log = c->log;
    said.any = 0;

    /* no number of the connection and no handler: said.log adds both */

    ngx_memzero(&log, sizeof(ngx_log_t));

    log.log_level = said.log->log_level;
    log.writer = ngx_kafka_ws_subscriber_tls_log;
    log.wdata = &said;

    c->log = &log;
    n = c->recv(c, buf, size);
    c->log = said.log;

    if (said.any) {
        /* a frame before it may be wrong, too, and is taken later */
        ngx_kafka_ws_subscriber_hush(kws);
    }

    return n;
}


/* buf: "date time [level] pid#tid: text" and a line feed */

static void
ngx_kafka_ws_subscriber_tls_log(ngx_log_t *log, ngx_uint_t level, u_char *buf,
    size_t len)
{
    u_char                   *last;
    ngx_kafka_ws_tls_said_t  *said;

    said = log->wdata;
    last = buf + len;

    if (level > NGX_LOG_ALERT && level < NGX_LOG_INFO) {
        level = NGX_LOG_INFO;
    }

    if (level < NGX_LOG_DEBUG && said->log->log_level < level) {
        return;
    }

    said->any |= level == NGX_LOG_INFO;

    while (buf < last && *buf++ != ']') { /* void */ }
    while (buf < last && *buf++ != ':') { /* void */ }

    if (buf < last && *buf == ' ') {
        buf++;
    }

    if (buf < last && last[-1] == LF) {
        last--;
    }

    ngx_log_error_core(level, said->log, 0, "%*s", (size_t) (last - buf), buf);
}


#endif
