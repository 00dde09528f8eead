
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The hashes of Kafka's own tests (UtilsTest.testMurmur2), and the check value
 * of CRC-32; then what Kafka 4.1.1 and zlib say of keys of each length modulo
 * 4, and of bytes that are negative where a byte has a sign, as Java's has.
 * t/kafka_ws_partition_key.t asks a producer.
 */


#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "tap.h"

#include "ngx_kafka_ws_partitioner.h"


#define nvectors  (sizeof(vectors) / sizeof(vectors[0]))


static const struct {
    ngx_kafka_ws_hash_e   hash;
    const char           *key;
    int64_t               value;      /* signed, as Java says it */
} vectors[] = {
    { NGX_KAFKA_WS_HASH_MURMUR2, "21", -973932308 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "foobar", -790332482 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "a-little-bit-long-string", -985981536 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "a-little-bit-longer-string", -1486304829 },
    { NGX_KAFKA_WS_HASH_MURMUR2,
      "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "abc", 479470107 },
    { NGX_KAFKA_WS_HASH_CRC32, "123456789", 0xcbf43926 },
    { NGX_KAFKA_WS_HASH_CRC32, "a", 0xe8b7be43 },
    { NGX_KAFKA_WS_HASH_CRC32, "", 0 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "", 275646681 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "a", -1563381124 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "abcd", -1323649548 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "abcde", 461995741 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "\xff", -311467685 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "\x80\xff", -80095470 },
    { NGX_KAFKA_WS_HASH_MURMUR2, "\xfe\x80\xff", 1159266012 },
    { NGX_KAFKA_WS_HASH_MURMUR2,
      "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x82\xad\xe3\x83\xbc",
      1445825182 },
    { NGX_KAFKA_WS_HASH_CRC32, "\x80\xff", 0x57586539 }
};

/* so many partitions leave all bits of the hash */
#define ALL(hash)                                                             \
    ((hash) == NGX_KAFKA_WS_HASH_MURMUR2 ? 0x80000000u : 0xffffffffu)


int
main(void)
{
    size_t    i, len, n;
    uint8_t  *p;
    int64_t   want;
    uint32_t  got, parts;

    for (i = 0; i < nvectors; i++) {
        len = strlen(vectors[i].key);
        p = guard_copy(vectors[i].key, len);
        want = vectors[i].value;

        if (vectors[i].hash == NGX_KAFKA_WS_HASH_MURMUR2) {
            want &= 0x7fffffff;
        }

        is_int(ngx_kafka_ws_partitioner(vectors[i].hash, p, len,
                                        ALL(vectors[i].hash)),
               want, "hash of \"%s\"", vectors[i].key);

        for (n = 0, parts = 1; parts <= 1000; parts++) {
            got = ngx_kafka_ws_partitioner(vectors[i].hash, p, len, parts);
            n += (got == (uint32_t) want % parts);
        }

        is_int(n, 1000, "1 to 1000 partitions for \"%s\"", vectors[i].key);

        guard_free(p, len);
    }

    return tap_done(2 * (int) nvectors);
}
