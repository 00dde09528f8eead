
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#ifndef _LIMIT_H_INCLUDED_
#define _LIMIT_H_INCLUDED_


#include <stdint.h>


#define LIMIT_RING  ((uint64_t) 64 * 1024 * 1024)


extern const char   *limit_bootstrap;
extern const char   *limit_topic;
extern int           limit_bare;
extern int           limit_ep;
extern int           limit_efd;         /* readable when records wait */
extern uint8_t      *limit_ring;        /* mapped twice in a row */
extern uint64_t      limit_head;        /* bytes ever written to it */


/* limit.c */

void limit_watch(int fd, int op, uint32_t events);
void limit_pass(void);                  /* sends what waits, to each */


/* limit_kafka.c */

int limit_kafka(void);
void limit_consume(void);
void limit_report(uint64_t sends);


#endif /* _LIMIT_H_INCLUDED_ */
