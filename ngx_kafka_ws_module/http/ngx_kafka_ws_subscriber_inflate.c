
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Compressed messages of a client.  One inflater serves the process, so a
 * message is collected until it is whole, in its compressed form, which is
 * bounded as any message is; what comes in one piece is not collected.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_deflate.h"
#include "ngx_kafka_ws_subscriber.h"
#include "ngx_kafka_ws_utf8.h"


typedef struct {
    ngx_kafka_ws_subscriber_t  *kws;
    ngx_kafka_ws_recv_t         ev;
    ngx_kafka_ws_utf8_t         utf8;
    ngx_int_t                   rc;     /* why the sink has given up */
} ngx_kafka_ws_unpacking_t;


static int ngx_kafka_ws_subscriber_sink(void *data, const uint8_t *p,
    size_t n);
static ngx_int_t ngx_kafka_ws_subscriber_give(ngx_kafka_ws_unpacking_t *u,
    u_char *p, size_t n, ngx_uint_t last);


/* made by the first compressed message, for the life of the process */
static ngx_kafka_ws_inflater_t  *ngx_kafka_ws_subscriber_inflater;


ngx_int_t
ngx_kafka_ws_subscriber_inflate(ngx_kafka_ws_subscriber_t *kws,
    const ngx_kafka_ws_recv_t *ev, ngx_uint_t *code, const char **text)
{
    int                        rc;
    size_t                     len;
    u_char                    *p;
    ngx_kafka_ws_unpacking_t   u;

    p = ev->data;
    len = ev->len;

    if (!ev->first || !ev->last) {

        /* the receiver lets no message pass that is longer than max_frame */

        if (ngx_kafka_ws_bytes_append(&kws->packed, p, len,
                                      kws->connection->log)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (!ev->last) {
            return NGX_OK;
        }

        p = kws->packed->data;
        len = kws->packed->len;
    }

    if (ngx_kafka_ws_subscriber_inflater == NULL) {
        ngx_kafka_ws_subscriber_inflater = ngx_kafka_ws_inflater_create();
    }

    ngx_memzero(&u, sizeof(ngx_kafka_ws_unpacking_t));

    u.kws = kws;
    u.ev.first = 1;
    u.ev.text = ev->text;

    rc = NGX_KAFKA_WS_DEFLATE_ENOMEM;

    if (ngx_kafka_ws_subscriber_inflater) {
        rc = ngx_kafka_ws_inflater_message(ngx_kafka_ws_subscriber_inflater,
                                           p, len, kws->conf->max_frame,
                                           ngx_kafka_ws_subscriber_sink, &u);
    }

    ngx_kafka_ws_bytes_free(&kws->packed);

    if (rc == NGX_KAFKA_WS_DEFLATE_EABORT && u.rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_KAFKA_WS_DEFLATE_EABORT
        || (rc == NGX_KAFKA_WS_DEFLATE_OK && ev->text
            && !ngx_kafka_ws_utf8_complete(&u.utf8)))
    {
        *code = NGX_KAFKA_WS_CLOSE_BAD_DATA;
        *text = ngx_kafka_ws_frame_error(NGX_KAFKA_WS_FRAME_EUTF8);

        return NGX_DECLINED;
    }

    if (rc != NGX_KAFKA_WS_DEFLATE_OK) {
        *code = ngx_kafka_ws_deflate_close(rc);
        *text = ngx_kafka_ws_deflate_error(rc);

        return NGX_DECLINED;
    }

    return ngx_kafka_ws_subscriber_give(&u, NULL, 0, 1);
}


static int
ngx_kafka_ws_subscriber_sink(void *data, const uint8_t *p, size_t n)
{
    ngx_kafka_ws_unpacking_t *u = data;

    if (u->ev.text && !ngx_kafka_ws_utf8_feed(&u->utf8, p, n)) {
        u->rc = NGX_DECLINED;

    } else {
        u->rc = ngx_kafka_ws_subscriber_give(u, (u_char *) p, n, 0);
    }

    return u->rc != NGX_OK;
}


static ngx_int_t
ngx_kafka_ws_subscriber_give(ngx_kafka_ws_unpacking_t *u, u_char *p,
    size_t n, ngx_uint_t last)
{
    ngx_int_t  rc;

    if (u->kws->owner->data == NULL || !u->kws->attached) {
        return NGX_OK;
    }

    u->ev.data = p;
    u->ev.len = n;
    u->ev.last = (uint8_t) last;

    rc = u->kws->owner->data(u->kws, &u->ev);

    u->ev.first = 0;

    return rc;
}
