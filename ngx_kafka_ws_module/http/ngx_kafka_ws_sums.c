
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_sums.h"


void
ngx_kafka_ws_sums_add(ngx_kafka_ws_sums_t *sums,
    const ngx_kafka_ws_sums_t *more)
{
    sums->records += more->records;
    sums->bytes += more->bytes;
    sums->skipped += more->skipped;
}


void
ngx_kafka_ws_sums_sub(ngx_kafka_ws_sums_t *sums,
    const ngx_kafka_ws_sums_t *less)
{
    sums->records -= less->records;
    sums->bytes -= less->bytes;
    sums->skipped -= less->skipped;
}


void
ngx_kafka_ws_sums_records(ngx_kafka_ws_sums_t *sums, const uint32_t *ends,
    ngx_uint_t n)
{
    uint32_t    begin, len;
    ngx_uint_t  i;

    begin = 0;

    for (i = 0; i < n; i++) {
        len = ends[i] - begin;
        begin = ends[i];

        ngx_kafka_ws_sums_record(sums, len);
    }
}
