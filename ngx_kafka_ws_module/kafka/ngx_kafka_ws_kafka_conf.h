
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Between the files of this folder that call librdkafka.
 */


#ifndef _NGX_KAFKA_WS_KAFKA_CONF_H_INCLUDED_
#define _NGX_KAFKA_WS_KAFKA_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <librdkafka/rdkafka.h>

#include "ngx_kafka_ws_kafka.h"


/*
 * Opens a consumer handle with the cluster's properties.
 * error_cb:  called by rd_kafka_poll() and the like, and here
 * opaque:    for it
 * older:     1: it reads ranges that end, and shall fetch little ahead
 * error:     NGX_KAFKA_WS_KAFKA_ERROR_LEN bytes, set if the result is NULL
 * returns:   it, the caller's to destroy
 */
rd_kafka_t *ngx_kafka_ws_kafka_new(ngx_kafka_ws_cluster_t *kwc,
    void (*error_cb)(rd_kafka_t *rk, int err, const char *reason,
    void *opaque), void *opaque, ngx_uint_t older, char *error);

/* puts one line into error */
void ngx_kafka_ws_kafka_text(char *error, const char *text);


#endif /* _NGX_KAFKA_WS_KAFKA_CONF_H_INCLUDED_ */
