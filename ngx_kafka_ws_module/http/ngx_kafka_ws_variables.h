
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * $kafka_ws_...: what a stream is and was, for log formats and limits.
 */


#ifndef _NGX_KAFKA_WS_VARIABLES_H_INCLUDED_
#define _NGX_KAFKA_WS_VARIABLES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* ngx_http_module_t's preconfiguration */
ngx_int_t ngx_kafka_ws_add_variables(ngx_conf_t *cf);


#endif /* _NGX_KAFKA_WS_VARIABLES_H_INCLUDED_ */
