
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#ifndef _LIMIT_H_INCLUDED_
#define _LIMIT_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>


#define LIMIT_RING   ((uint64_t) 64 * 1024 * 1024)
#define LIMIT_FDS    32768
#define LIMIT_FRAME  (65536 + 256)      /* bytes of one, at most */


extern const char   *limit_bootstrap;
extern const char   *limit_topic;
extern int           limit_topics;      /* their names end by numbers; 0 */
extern int           limit_bare;
extern int           limit_keys;        /* a record is its key's alone */
extern int           limit_raw;         /* a frame is the value */
extern int           limit_ep;
extern int           limit_efd;         /* readable when records wait */
extern uint8_t      *limit_ring;        /* mapped twice in a row */
extern uint64_t      limit_head;        /* bytes ever written to it */
extern uint64_t      limit_sends;
extern volatile int  limit_lap;         /* what was counted is dropped */


/* limit.c */

void limit_watch(int fd, int op, uint32_t events);
void limit_pass(void);                  /* sends what waits, to each */
void limit_close(int fd);


/* limit_kafka.c */

int limit_kafka(void);
void limit_consume(void);
void limit_report(void);


/* limit_frame.c */

/* makes a record's frame; returns its bytes, 0: it is too large */
size_t limit_frame(const rd_kafka_message_t *rkm, uint8_t *p);


/* limit_keys.c */

/*
 * The connection wants the records of the key that its request names.
 * returns:  0, or -1 when it names none
 */
int limit_keys_open(int fd, const char *p, size_t len);

void limit_keys_close(int fd);
void limit_keys_record(const rd_kafka_message_t *rkm);
void limit_keys_pass(void);


#endif /* _LIMIT_H_INCLUDED_ */
