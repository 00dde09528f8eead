
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A sieve is what a worker remembers of the records of one ring for the
 * groups of one route: a number of 32 bits for each record, made of the value
 * by which the route's table finds groups, or, if that is by prefixes, of as
 * much of it as the shortest of them has.  Subscribers that are behind look
 * for their records there, and read of the ring only what they find: its
 * records are looked at once for all of them, and each of them pays for a
 * comparison of numbers that stand side by side.
 *
 * It is filled as far as somebody asks; two values may have the same number,
 * so what is found is still to be matched.
 */


#ifndef _NGX_KAFKA_WS_SIEVE_H_INCLUDED_
#define _NGX_KAFKA_WS_SIEVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_group.h"
#include "ngx_kafka_ws_ring.h"


typedef struct ngx_kafka_ws_sieve_s  ngx_kafka_ws_sieve_t;


/*
 * Finds the sieve of a ring, or makes an empty one.  Those of a process have
 * 32 MB together: the one that was not asked for the longest gives way.
 * set:       of a route with a filter
 * owner:     the stream or segment that the ring is of
 * gen:       its generation: another one has another sieve
 * returns:   good until the next call of get, sweep or forget; NULL: no
 *            memory, or the ring has more records than these 32 MB are for
 * cost:      a look into a table; 4 bytes for each record of the ring, which
 *            are touched when they are used
 * where:     a worker, as all below
 */
ngx_kafka_ws_sieve_t *ngx_kafka_ws_sieve_get(ngx_kafka_ws_group_set_t *set,
    const ngx_kafka_ws_ring_t *ring, const void *owner, uint64_t gen,
    ngx_log_t *log);

/* frees those of a set, before the set itself */
void ngx_kafka_ws_sieve_forget(ngx_kafka_ws_group_set_t *set);

/* frees those that nobody has asked for in the last 10 seconds */
void ngx_kafka_ws_sieve_sweep(void);

/*
 * How far it knows the records from sequence number seq on.
 * returns:   behind the last of them, at most limit; seq: it does not know
 *            that one, which put() is to be told next
 */
uint64_t ngx_kafka_ws_sieve_known(ngx_kafka_ws_sieve_t *sieve, uint64_t seq,
    uint64_t limit);

/*
 * Records up to where put() may be called for those from seq on, one by one.
 * limit:     above seq
 * returns:   above seq, at most limit
 */
uint64_t ngx_kafka_ws_sieve_room(ngx_kafka_ws_sieve_t *sieve, uint64_t seq,
    uint64_t limit);

/*
 * Tells it of the record at seq.
 * block:     its fields, whatever their bytes are; NULL: all have to look at
 *            it, for it is a gap
 */
void ngx_kafka_ws_sieve_put(ngx_kafka_ws_sieve_t *sieve, uint64_t seq,
    u_char *block, size_t len);

/*
 * Steps over those of the records from seq to limit, all of which it knows,
 * that a group does not want, or that it may want.
 * group:     of the set
 * returns:   the first that it may want (that it does not want), or limit
 * cost:      less than a nanosecond for each, if the group has one value
 */
uint64_t ngx_kafka_ws_sieve_next(ngx_kafka_ws_sieve_t *sieve,
    ngx_kafka_ws_group_t *group, uint64_t seq, uint64_t limit);
uint64_t ngx_kafka_ws_sieve_end(ngx_kafka_ws_sieve_t *sieve,
    ngx_kafka_ws_group_t *group, uint64_t seq, uint64_t limit);


#endif /* _NGX_KAFKA_WS_SIEVE_H_INCLUDED_ */
