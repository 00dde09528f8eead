
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Bytes on the heap that grow: what comes from a client in several reads.
 */


#ifndef _NGX_KAFKA_WS_BYTES_H_INCLUDED_
#define _NGX_KAFKA_WS_BYTES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    size_t                     len;
    size_t                     size;
    u_char                     data[];
} ngx_kafka_ws_bytes_t;


/*
 * Appends n bytes.
 * bytes:     NULL at first; moved when it grows, at least to the double
 * returns:   NGX_OK; NGX_ERROR: out of memory, nothing has changed
 */
ngx_int_t ngx_kafka_ws_bytes_append(ngx_kafka_ws_bytes_t **bytes,
    const u_char *p, size_t n, ngx_log_t *log);

/* frees them and clears the pointer, which may be NULL already */
void ngx_kafka_ws_bytes_free(ngx_kafka_ws_bytes_t **bytes);


#endif /* _NGX_KAFKA_WS_BYTES_H_INCLUDED_ */
