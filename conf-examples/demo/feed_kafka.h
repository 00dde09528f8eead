
/*
 * Copyright (C) the ngx_kafka_ws_module authors
 */


#ifndef _FEED_KAFKA_H_INCLUDED_
#define _FEED_KAFKA_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <time.h>


/* all return 0, or -1 after a line on the standard error */

int feed_kafka_start(const char *brokers);

/* creates the topic unless it exists (0: not even then), waits for it */
int feed_kafka_topic(const char *topic, int partitions);

/* -1 when the queue is full: silent, to be tried again */
int feed_kafka_produce(const char *topic, int32_t partition,
    const char *key, const char *value, size_t len);

void feed_kafka_poll(void);
void feed_kafka_stop(void);

/* ms */
int64_t feed_now(clockid_t clock);


#endif /* _FEED_KAFKA_H_INCLUDED_ */
