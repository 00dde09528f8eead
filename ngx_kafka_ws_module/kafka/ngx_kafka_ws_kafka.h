
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * librdkafka as this module needs it: a consumer whose partitions are
 * assigned one by one, and a handle of its own for queries about topics and
 * offsets, which block.  Only this header's .c files know rdkafka.h.
 *
 * A handle belongs to the thread that opened it; two handles are independent
 * of each other.  Nothing here uses nginx's pools, timers or log.  Wherever
 * error is a parameter, it has room for NGX_KAFKA_WS_KAFKA_ERROR_LEN bytes.
 */


#ifndef _NGX_KAFKA_WS_KAFKA_H_INCLUDED_
#define _NGX_KAFKA_WS_KAFKA_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_cluster.h"
#include "ngx_kafka_ws_record.h"


#define NGX_KAFKA_WS_KAFKA_ERROR_LEN  512
#define NGX_KAFKA_WS_KAFKA_BATCH      512    /* records of one poll, beside
                                                the first */


/* of errors: no broker can be reached; said once, for as long as it lasts */
#define NGX_KAFKA_WS_KAFKA_DOWN       1
#define NGX_KAFKA_WS_KAFKA_ONCE       2


typedef struct ngx_kafka_ws_kafka_s        ngx_kafka_ws_kafka_t;
typedef struct ngx_kafka_ws_kafka_part_s   ngx_kafka_ws_kafka_part_t;
typedef struct ngx_kafka_ws_kafka_query_s  ngx_kafka_ws_kafka_query_t;


/*
 * What a poll may find; called from within it.  opaque is what assign was
 * given for the partition.
 *
 * record:   one record, in the partition's order; its spans end with the call;
 *           NGX_OK, or, of older records, NGX_AGAIN: take it back, and offer
 *           it with the next take
 * end:      nothing is left up to this offset, the next to come
 * lost:     the position does not exist in the log; the partition is not
 *           fetched any more
 * error:    text is one line; opaque: of the partition that is not fetched
 *           for now, or NULL; what: one of those below, or 0
 * came:     of older records: there is something to take; called by a thread
 *           of librdkafka's, and must call nothing of this header
 */

typedef struct {
    ngx_int_t               (*record)(void *data, void *opaque,
                                      ngx_kafka_ws_record_t *rec);
    void                    (*end)(void *data, void *opaque, int64_t offset);
    void                    (*lost)(void *data, void *opaque);
    void                    (*error)(void *data, void *opaque,
                                     const char *text, ngx_uint_t what);
    void                    (*came)(void *data);
    void                     *data;
    ngx_uint_t                headers;   /* records come with headers */
    ngx_uint_t                older;     /* for reads that end: fetch little
                                            ahead, and wait to be asked */
} ngx_kafka_ws_kafka_handler_t;


typedef struct {
    ngx_str_t                 name;
    ngx_int_t                 npartitions;   /* 0: unknown to Kafka, or not
                                                to be had now */
    ngx_uint_t                unknown;       /* Kafka says it is not there */
    u_char                   *error;         /* final zero; NULL: none */
} ngx_kafka_ws_kafka_topic_t;


/* malloc()ed by metadata, freed by metadata_free */

typedef struct {
    ngx_kafka_ws_kafka_topic_t   *topics;
    ngx_uint_t                    ntopics;
    u_char                        id[64];    /* Kafka's cluster id */
} ngx_kafka_ws_kafka_metadata_t;


/* log_start .. log_end - 1 exist; time: the first not older, or log_end */

typedef struct {
    ngx_str_t                *topic;
    int32_t                   partition;
    int64_t                   log_start;
    int64_t                   log_end;
    int64_t                   time;
} ngx_kafka_ws_kafka_offsets_t;


/*
 * Checks one "property" of a cluster block by librdkafka's own rules.
 * name, value: with a final zero
 * error:     librdkafka's text, if refused
 * where:     the master; starts no thread and opens nothing
 */
ngx_int_t ngx_kafka_ws_kafka_check(ngx_str_t *name, ngx_str_t *value,
    char *error);

/*
 * Says why a property is not for the user to set: NULL, or the reason.
 * See ngx_kafka_ws_kafka_props.c.
 */
const char *ngx_kafka_ws_kafka_refuses(ngx_str_t *name);

/*
 * Opens a consumer, for as long as the process lives: to close one takes as
 * long as librdkafka wants.
 * returns:   it; NULL: see error
 */
ngx_kafka_ws_kafka_t *ngx_kafka_ws_kafka_open(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_kafka_handler_t *handler, char *error);

/* makes a poll that waits return, from any thread */
void ngx_kafka_ws_kafka_wake(ngx_kafka_ws_kafka_t *k);

/*
 * Has librdkafka keep track of a topic's leaders, and asks for those of all
 * topics it keeps track of: without that, a partition is fetched only up to
 * a second after it was assigned.
 * topic:     with a final zero
 * returns:   know: 1, if it is new
 * cost:      warm blocks up to timeout ms
 */
ngx_uint_t ngx_kafka_ws_kafka_know(ngx_kafka_ws_kafka_t *k, ngx_str_t *topic);
void ngx_kafka_ws_kafka_warm(ngx_kafka_ws_kafka_t *k, int timeout);

/*
 * Begins to fetch a partition at an offset with the next commit, or stops to
 * with the next commit or poll; what it finds is dropped from the call on.
 * opaque:    given back with everything of that partition
 * returns:   assign: for unassign, which ends it; NULL: no memory.  commit:
 *            NGX_OK, or NGX_ERROR with error set: unassign what was added
 *            since
 * cost:      of the thousands that are unassigned between two polls, as one
 */
ngx_kafka_ws_kafka_part_t *ngx_kafka_ws_kafka_assign(ngx_kafka_ws_kafka_t *k,
    ngx_str_t *topic, int32_t partition, int64_t offset, void *opaque);
ngx_int_t ngx_kafka_ws_kafka_commit(ngx_kafka_ws_kafka_t *k, char *error);
void ngx_kafka_ws_kafka_unassign(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_part_t *part);

/*
 * Waits up to timeout ms for something, and hands all that is there to the
 * handler, up to a bound.
 * returns:   the number of records; up to NGX_KAFKA_WS_KAFKA_BATCH: it was all
 */
ngx_uint_t ngx_kafka_ws_kafka_poll(ngx_kafka_ws_kafka_t *k, int timeout);

/*
 * Hands what there is of a partition of older records to the handler, up to a
 * bound.  What nobody takes stays with librdkafka, which fetches no more then.
 * returns:   how many records, ends and errors; 0: there is nothing, or the
 *            handler gave it back
 * cost:      never blocks
 */
ngx_uint_t ngx_kafka_ws_kafka_take(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_part_t *part);

/*
 * What Kafka said of a partition with its last answer; -1: nothing yet.
 * cost:      a lock, no request
 */
void ngx_kafka_ws_kafka_watermarks(ngx_kafka_ws_kafka_t *k,
    ngx_str_t *topic, int32_t partition, int64_t *low, int64_t *high);

/*
 * Has n partitions that were just assigned fetched at once: if no other one of
 * a leader is, librdkafka's thread for it sleeps for up to a second.
 * offsets:   of which topic and partition are set
 * cost:      blocks up to timeout ms, usually for one request
 * where:     any thread
 */
void ngx_kafka_ws_kafka_nudge(ngx_kafka_ws_kafka_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int timeout);

/* opens a handle for what follows; as above */
ngx_kafka_ws_kafka_query_t *ngx_kafka_ws_kafka_query_open(
    ngx_kafka_ws_cluster_t *kwc, char *error);

/*
 * Asks for the cluster's literal topics, or, if it has regular expressions,
 * for all.  Blocks up to timeout ms.
 * returns:   NULL: see error; "": brokers answered, but memory is short
 */
ngx_kafka_ws_kafka_metadata_t *ngx_kafka_ws_kafka_metadata(
    ngx_kafka_ws_kafka_query_t *k, int timeout, char *error);
void ngx_kafka_ws_kafka_metadata_free(ngx_kafka_ws_kafka_metadata_t *md);

/*
 * Asks for the ends of n partitions' logs, and for the first offset not
 * older than since (ms since the epoch; -1: not asked, time = log_start).
 * Blocks up to timeout ms for each of the three requests.
 */
ngx_int_t ngx_kafka_ws_kafka_offsets(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int64_t since,
    int timeout, char *error);

/*
 * Asks for log_end alone, as far as it is visible: transactions that are open
 * lie beyond.  -1: there is no leader; -2: it refused, or did not answer.
 * Blocks up to timeout ms, or, if one is refused, four times as long.
 */
void ngx_kafka_ws_kafka_ends(ngx_kafka_ws_kafka_query_t *k,
    ngx_kafka_ws_kafka_offsets_t *offsets, ngx_uint_t n, int timeout);


#endif /* _NGX_KAFKA_WS_KAFKA_H_INCLUDED_ */
