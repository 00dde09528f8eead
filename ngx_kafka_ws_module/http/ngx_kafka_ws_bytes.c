
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_bytes.h"


#define NGX_KAFKA_WS_BYTES_MIN  1024   /* allocated at first */


ngx_int_t
ngx_kafka_ws_bytes_append(ngx_kafka_ws_bytes_t **bytes, const u_char *p,
    size_t n, ngx_log_t *log)
{
    size_t                 size;
    ngx_kafka_ws_bytes_t  *b, *old;

    b = *bytes;

    if (b == NULL || n > b->size - b->len) {
        old = b;

        size = old ? ngx_max(old->len + n, old->size * 2)
                   : ngx_max(n, NGX_KAFKA_WS_BYTES_MIN);

        b = ngx_alloc(sizeof(ngx_kafka_ws_bytes_t) + size, log);
        if (b == NULL) {
            return NGX_ERROR;
        }

        b->len = 0;
        b->size = size;

        if (old) {
            b->len = old->len;
            ngx_memcpy(b->data, old->data, old->len);
            ngx_free(old);
        }

        *bytes = b;
    }

    if (n) {
        ngx_memcpy(b->data + b->len, p, n);
        b->len += n;
    }

    return NGX_OK;
}


void
ngx_kafka_ws_bytes_free(ngx_kafka_ws_bytes_t **bytes)
{
    if (*bytes) {
        ngx_free(*bytes);
        *bytes = NULL;
    }
}
