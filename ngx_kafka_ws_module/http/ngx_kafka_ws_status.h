
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The status page.
 */


#ifndef _NGX_KAFKA_WS_STATUS_H_INCLUDED_
#define _NGX_KAFKA_WS_STATUS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_cluster.h"
#include "ngx_kafka_ws_json_doc.h"


/* the setter of "kafka_ws_status" */
char *ngx_kafka_ws_conf_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Within a cluster's object: what there is of rings, and all topics.
 * where:     between ngx_kafka_ws_status*.c
 */
void ngx_kafka_ws_status_rings(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root);
void ngx_kafka_ws_status_topics(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_cluster_t *kwc);


#endif /* _NGX_KAFKA_WS_STATUS_H_INCLUDED_ */
