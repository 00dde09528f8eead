
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a request's records have to have: the values of kafka_ws_filter.
 */


#ifndef _NGX_KAFKA_WS_FILTER_WANTS_H_INCLUDED_
#define _NGX_KAFKA_WS_FILTER_WANTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_handshake.h"


/*
 * Evaluates each value of the location's filters once.  A value that is
 * empty, or has a variable that is, is no wish for everything: the request is
 * refused.
 * filter:    set if NGX_OK, in the request's pool; without terms the location
 *            does not filter
 * refused:   set if NGX_DECLINED
 * returns:   NGX_OK, NGX_DECLINED, NGX_ERROR (out of memory)
 * where:     content handler, before anything is sent
 */
ngx_int_t ngx_kafka_ws_filter_wants(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_filter_t *filter,
    ngx_kafka_ws_refused_t *refused);


#endif /* _NGX_KAFKA_WS_FILTER_WANTS_H_INCLUDED_ */
