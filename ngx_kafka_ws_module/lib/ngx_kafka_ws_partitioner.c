
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Producers have agreed on these functions, byte for byte; they are run once
 * per handshake, so that neither has a table.
 */


#include "ngx_kafka_ws_partitioner.h"


#define NGX_KAFKA_WS_MURMUR2_SEED   0x9747b28cu
#define NGX_KAFKA_WS_MURMUR2_M      0x5bd1e995u
#define NGX_KAFKA_WS_MURMUR2_R      24

#define NGX_KAFKA_WS_CRC32_POLY     0xedb88320u


static uint32_t ngx_kafka_ws_murmur2(const uint8_t *p, size_t len);
static uint32_t ngx_kafka_ws_crc32(const uint8_t *p, size_t len);


uint32_t
ngx_kafka_ws_partitioner(ngx_kafka_ws_hash_e hash, const uint8_t *key,
    size_t len, uint32_t n)
{
    if (hash == NGX_KAFKA_WS_HASH_CRC32) {
        return ngx_kafka_ws_crc32(key, len) % n;
    }

    /* Java's toPositive() */
    return (ngx_kafka_ws_murmur2(key, len) & 0x7fffffff) % n;
}


/* of little-endian words */

static uint32_t
ngx_kafka_ws_murmur2(const uint8_t *p, size_t len)
{
    uint32_t  h, k;

    h = NGX_KAFKA_WS_MURMUR2_SEED ^ (uint32_t) len;

    for ( /* void */ ; len >= 4; p += 4, len -= 4) {
        k = (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
            | (uint32_t) p[3] << 24;

        k *= NGX_KAFKA_WS_MURMUR2_M;
        k ^= k >> NGX_KAFKA_WS_MURMUR2_R;
        k *= NGX_KAFKA_WS_MURMUR2_M;

        h *= NGX_KAFKA_WS_MURMUR2_M;
        h ^= k;
    }

    if (len > 2) {
        h ^= (uint32_t) p[2] << 16;
    }

    if (len > 1) {
        h ^= (uint32_t) p[1] << 8;
    }

    if (len > 0) {
        h ^= p[0];
        h *= NGX_KAFKA_WS_MURMUR2_M;
    }

    h ^= h >> 13;
    h *= NGX_KAFKA_WS_MURMUR2_M;
    h ^= h >> 15;

    return h;
}


static uint32_t
ngx_kafka_ws_crc32(const uint8_t *p, size_t len)
{
    uint32_t  crc;
    unsigned  bit;

    for (crc = 0xffffffff; len; p++, len--) {
        crc ^= *p;

        for (bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) ? NGX_KAFKA_WS_CRC32_POLY : 0);
        }
    }

    return crc ^ 0xffffffff;
}
