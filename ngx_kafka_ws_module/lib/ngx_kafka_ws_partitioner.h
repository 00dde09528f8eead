
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which partition producers send the records of a key to.
 */


#ifndef _NGX_KAFKA_WS_PARTITIONER_H_INCLUDED_
#define _NGX_KAFKA_WS_PARTITIONER_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


typedef enum {
    NGX_KAFKA_WS_HASH_MURMUR2 = 0,   /* Java's default; librdkafka's
                                        "murmur2", "murmur2_random" */
    NGX_KAFKA_WS_HASH_CRC32          /* librdkafka's default: "consistent",
                                        "consistent_random" */
} ngx_kafka_ws_hash_e;


/*
 * n:         partitions that the topic has, 1 or more
 * returns:   0 to n - 1
 * where:     any process
 * source:    Kafka's BuiltInPartitioner.partitionForKey(), Utils.murmur2();
 *            librdkafka's rd_kafka_msg_partitioner_consistent()
 */
uint32_t ngx_kafka_ws_partitioner(ngx_kafka_ws_hash_e hash,
    const uint8_t *key, size_t len, uint32_t n);


#endif /* _NGX_KAFKA_WS_PARTITIONER_H_INCLUDED_ */
