
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#ifndef _NGX_KAFKA_WS_HANDLER_H_INCLUDED_
#define _NGX_KAFKA_WS_HANDLER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* content handler of a location with kafka_ws */
ngx_int_t ngx_kafka_ws_handler(ngx_http_request_t *r);


#endif /* _NGX_KAFKA_WS_HANDLER_H_INCLUDED_ */
