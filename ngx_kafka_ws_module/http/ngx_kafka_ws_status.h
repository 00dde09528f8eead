
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


/* the setter of "kafka_ws_status" */
char *ngx_kafka_ws_conf_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_KAFKA_WS_STATUS_H_INCLUDED_ */
