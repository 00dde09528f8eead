
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What a request's records have to have: the values of kafka_ws_filter, and
 * what the client wants of them, by kafka_ws_client_filter.
 */


#ifndef _NGX_KAFKA_WS_FILTER_WANTS_H_INCLUDED_
#define _NGX_KAFKA_WS_FILTER_WANTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_filter.h"
#include "ngx_kafka_ws_handshake.h"


#define NGX_KAFKA_WS_FILTER_VALUE_MAX  1024   /* bytes, of a client's */


/* why a filter cannot be narrowed */

typedef enum {
    NGX_KAFKA_WS_NARROW_OK = 0,
    NGX_KAFKA_WS_NARROW_FIELD,      /* clients may not filter by it */
    NGX_KAFKA_WS_NARROW_TWICE,
    NGX_KAFKA_WS_NARROW_EMPTY,
    NGX_KAFKA_WS_NARROW_LONG
} ngx_kafka_ws_narrow_e;


/*
 * Evaluates each value of the location's filters once.  A value that is
 * empty, or has a variable that is, is no wish for everything: the request is
 * refused.  Then narrows it by the arguments that kafka_ws_client_filter names.
 * filter:    set if NGX_OK, in the request's pool; without terms the location
 *            does not filter
 * refused:   set if NGX_DECLINED
 * returns:   NGX_OK, NGX_DECLINED, NGX_ERROR (out of memory)
 * where:     content handler, before anything is sent
 */
ngx_int_t ngx_kafka_ws_filter_wants(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_filter_t *filter,
    ngx_kafka_ws_refused_t *refused);

/*
 * Adds to a filter that a record's fields have to be what a client wants.  All
 * that the filter wanted before is still wanted: there is no way to less.
 * pairs:     in any order; kept, with their values, as long as the filter
 * bad:       set unless OK: which pair
 * filter:    terms and wants have room for klcf->nclient_terms more; unchanged
 *            unless OK
 * where:     a worker; nothing is allocated
 */
ngx_kafka_ws_narrow_e ngx_kafka_ws_filter_narrow(
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_filter_pair_t *pairs,
    ngx_uint_t npairs, ngx_kafka_ws_filter_t *filter, ngx_uint_t *bad);

/* the terms and wants of another one, for which there is room */
void ngx_kafka_ws_filter_copy(ngx_kafka_ws_filter_t *to,
    ngx_kafka_ws_filter_t *from);

/* the reason in words, that go behind the name of the field */
const char *ngx_kafka_ws_filter_narrow_text(ngx_kafka_ws_narrow_e rc);


/* between ngx_kafka_ws_filter_wants*.c: the second part of the above */
ngx_int_t ngx_kafka_ws_filter_arguments(ngx_http_request_t *r,
    ngx_kafka_ws_loc_conf_t *klcf, ngx_kafka_ws_filter_t *filter,
    ngx_kafka_ws_refused_t *refused);


#endif /* _NGX_KAFKA_WS_FILTER_WANTS_H_INCLUDED_ */
