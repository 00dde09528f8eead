
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * For tests of what is gathered: as much of nginx as that needs.  Memory is
 * malloc()ed, so that the sanitizer sees every touch of what is gone, and
 * alerts are counted.
 */


#ifndef _GATHER_NGINX_H_INCLUDED_
#define _GATHER_NGINX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


static ngx_uint_t  alerts;
static ngx_uint_t  no_memory;   /* for what is to be filled with zeros */

volatile ngx_msec_t  ngx_current_msec;


void *
ngx_alloc(size_t size, ngx_log_t *l)
{
    (void) l;

    return malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *l)
{
    (void) l;

    return no_memory ? NULL : calloc(1, size);
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *l, ngx_err_t err,
    const char *fmt, ...)
{
    (void) l;
    (void) err;
    (void) fmt;

    alerts += (level == NGX_LOG_ALERT);
}


#endif /* _GATHER_NGINX_H_INCLUDED_ */
