
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include "ngx_kafka_ws_deflate.h"
#include "ngx_kafka_ws_header.h"

#include <string.h>


#define NGX_KAFKA_WS_DEFLATE_NAME      "permessage-deflate"
#define NGX_KAFKA_WS_DEFLATE_SERVER    "server_no_context_takeover"
#define NGX_KAFKA_WS_DEFLATE_CLIENT    "client_no_context_takeover"
#define NGX_KAFKA_WS_DEFLATE_BITS      "server_max_window_bits"
#define NGX_KAFKA_WS_DEFLATE_THEIRS    "client_max_window_bits"

#define NGX_KAFKA_WS_DEFLATE_OFFER_MIN  8       /* RFC 7692, 7.1.2 */


/* the parameters of one offer, which are also the bits of what was seen */

typedef enum {
    NGX_KAFKA_WS_DEFLATE_P_SERVER = 0x1,
    NGX_KAFKA_WS_DEFLATE_P_CLIENT = 0x2,
    NGX_KAFKA_WS_DEFLATE_P_BITS = 0x4,
    NGX_KAFKA_WS_DEFLATE_P_THEIRS = 0x8
} ngx_kafka_ws_deflate_param_e;


static int ngx_kafka_ws_deflate_accept(ngx_kafka_ws_deflate_t *d,
    unsigned min_bits, ngx_kafka_ws_extension_t *ext);
static unsigned ngx_kafka_ws_deflate_param(const ngx_kafka_ws_span_t *name);
static unsigned ngx_kafka_ws_deflate_number(
    const ngx_kafka_ws_param_t *param);
static int ngx_kafka_ws_deflate_is(const ngx_kafka_ws_span_t *name,
    const char *s);


void
ngx_kafka_ws_deflate_offer(ngx_kafka_ws_deflate_t *d, unsigned min_bits,
    const uint8_t *p, const uint8_t *last)
{
    ngx_kafka_ws_extension_t  ext;

    if (min_bits < NGX_KAFKA_WS_DEFLATE_BITS_MIN) {
        min_bits = NGX_KAFKA_WS_DEFLATE_BITS_MIN;
    }

    while (!d->agreed
           && ngx_kafka_ws_header_extension(&p, last, &ext)
              == NGX_KAFKA_WS_HEADER_ITEM)
    {
        if (ngx_kafka_ws_deflate_is(&ext.name, NGX_KAFKA_WS_DEFLATE_NAME)
            && ngx_kafka_ws_deflate_accept(d, min_bits, &ext))
        {
            d->agreed = 1;
        }
    }
}


/* 1: accepted; 0: declined */

static int
ngx_kafka_ws_deflate_accept(ngx_kafka_ws_deflate_t *d, unsigned min_bits,
    ngx_kafka_ws_extension_t *ext)
{
    unsigned              bit, seen, bits, number;
    ngx_kafka_ws_param_t  param;

    seen = 0;
    bits = NGX_KAFKA_WS_DEFLATE_BITS_MAX;

    while (ngx_kafka_ws_header_param(ext, &param)
           == NGX_KAFKA_WS_HEADER_ITEM)
    {
        bit = ngx_kafka_ws_deflate_param(&param.name);

        if (bit == 0 || (seen & bit)) {
            return 0;
        }

        seen |= bit;

        if (param.value.data == NULL) {

            if (bit == NGX_KAFKA_WS_DEFLATE_P_BITS) {
                return 0;
            }

            continue;
        }

        if (bit != NGX_KAFKA_WS_DEFLATE_P_BITS
            && bit != NGX_KAFKA_WS_DEFLATE_P_THEIRS)
        {
            return 0;
        }

        number = ngx_kafka_ws_deflate_number(&param);

        if (number == 0) {
            return 0;
        }

        if (bit == NGX_KAFKA_WS_DEFLATE_P_BITS) {
            bits = number;
        }
    }

    if (bits < min_bits) {
        return 0;
    }

    d->bits = (uint8_t) bits;
    d->bits_asked = (seen & NGX_KAFKA_WS_DEFLATE_P_BITS) != 0;

    return 1;
}


/* 0: unknown */

static unsigned
ngx_kafka_ws_deflate_param(const ngx_kafka_ws_span_t *name)
{
    if (ngx_kafka_ws_deflate_is(name, NGX_KAFKA_WS_DEFLATE_SERVER)) {
        return NGX_KAFKA_WS_DEFLATE_P_SERVER;
    }

    if (ngx_kafka_ws_deflate_is(name, NGX_KAFKA_WS_DEFLATE_CLIENT)) {
        return NGX_KAFKA_WS_DEFLATE_P_CLIENT;
    }

    if (ngx_kafka_ws_deflate_is(name, NGX_KAFKA_WS_DEFLATE_BITS)) {
        return NGX_KAFKA_WS_DEFLATE_P_BITS;
    }

    if (ngx_kafka_ws_deflate_is(name, NGX_KAFKA_WS_DEFLATE_THEIRS)) {
        return NGX_KAFKA_WS_DEFLATE_P_THEIRS;
    }

    return 0;
}


/* RFC 7692, 7.1.2: 8 to 15 without leading zeros; 0: anything else */

static unsigned
ngx_kafka_ws_deflate_number(const ngx_kafka_ws_param_t *param)
{
    size_t    i, n;
    uint8_t   digits[2];
    unsigned  number;

    n = ngx_kafka_ws_header_value(param, digits, sizeof(digits));

    if (n > sizeof(digits) || digits[0] == '0') {
        return 0;
    }

    number = 0;

    for (i = 0; i < n; i++) {

        if (digits[i] < '0' || digits[i] > '9') {
            return 0;
        }

        number = number * 10 + (digits[i] - '0');
    }

    if (number < NGX_KAFKA_WS_DEFLATE_OFFER_MIN
        || number > NGX_KAFKA_WS_DEFLATE_BITS_MAX)
    {
        return 0;
    }

    return number;
}


static int
ngx_kafka_ws_deflate_is(const ngx_kafka_ws_span_t *name, const char *s)
{
    return name->len == strlen(s) && memcmp(name->data, s, name->len) == 0;
}


size_t
ngx_kafka_ws_deflate_answer(const ngx_kafka_ws_deflate_t *d, uint8_t *buf)
{
    size_t  n;

    static const char  always[] = NGX_KAFKA_WS_DEFLATE_NAME
                                  "; " NGX_KAFKA_WS_DEFLATE_SERVER
                                  "; " NGX_KAFKA_WS_DEFLATE_CLIENT;
    static const char  asked[] = "; " NGX_KAFKA_WS_DEFLATE_BITS "=";

    if (!d->agreed) {
        return 0;
    }

    n = sizeof(always) - 1;
    memcpy(buf, always, n);

    if (d->bits_asked) {
        memcpy(buf + n, asked, sizeof(asked) - 1);
        n += sizeof(asked) - 1;

        if (d->bits >= 10) {
            buf[n++] = '1';
        }

        buf[n++] = (uint8_t) ('0' + d->bits % 10);
    }

    return n;
}
