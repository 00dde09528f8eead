
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a request asks for, and what came of it: kept for the request's life,
 * for the content handler and for variables, in the log, too.  Each value with
 * variables is evaluated once, by whoever is the first to need it, so that
 * nobody decides by another value than the one that is streamed.
 */


#ifndef _NGX_KAFKA_WS_ONCE_H_INCLUDED_
#define _NGX_KAFKA_WS_ONCE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_subscription.h"


typedef struct {
    ngx_http_complex_value_t  *cv;          /* that it was made of; "rewrite"
                                               may lead to another location
                                               with another one */
    ngx_str_t                  value;
} ngx_kafka_ws_once_value_t;


/* in the pool of the main request, the module's context there */

typedef struct {
    ngx_kafka_ws_once_value_t  topic;
    ngx_kafka_ws_once_value_t  partition;
    ngx_kafka_ws_range_t      *ranges;      /* what is streamed; NULL: not
                                               known yet */
    ngx_uint_t                 nranges;
    ngx_kafka_ws_filter_t      filter;
    ngx_kafka_ws_client_t     *client;      /* NULL: there was no stream */
    ngx_msec_t                 begun;       /* since when there is one */
} ngx_kafka_ws_once_t;


/*
 * That of a request, or of the main request of a subrequest.
 * returns:   NULL: no memory
 * where:     a worker, as all below
 */
ngx_kafka_ws_once_t *ngx_kafka_ws_once(ngx_http_request_t *r);

/*
 * The values of kafka_ws_topic and, unless it is constant, kafka_ws_partition
 * in the location that the request is in.
 * returns:   NGX_OK, or NGX_ERROR: no memory
 */
ngx_int_t ngx_kafka_ws_once_topic(ngx_http_request_t *r, ngx_str_t *value);
ngx_int_t ngx_kafka_ws_once_partition(ngx_http_request_t *r,
    ngx_str_t *value);

/*
 * Keeps what is streamed.
 * ranges:    copied
 * filter:    its arrays are kept
 * returns:   as above
 */
ngx_int_t ngx_kafka_ws_once_ranges(ngx_http_request_t *r,
    const ngx_kafka_ws_range_t *ranges, ngx_uint_t nranges);
ngx_int_t ngx_kafka_ws_once_filter(ngx_http_request_t *r,
    const ngx_kafka_ws_filter_t *filter);

/* there is a stream from now on; nothing, if there was no memory for it */
void ngx_kafka_ws_once_begin(ngx_http_request_t *r,
    ngx_kafka_ws_client_t *client);


#endif /* _NGX_KAFKA_WS_ONCE_H_INCLUDED_ */
