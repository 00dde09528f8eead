
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Records that are older than a stream's ring, read from Kafka again for all
 * who want them: segments in the zone, and the questions that bring them.
 * See the essay in ngx_kafka_ws_segment.c.
 */


#ifndef _NGX_KAFKA_WS_SEGMENT_H_INCLUDED_
#define _NGX_KAFKA_WS_SEGMENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_shm.h"


/* what became of a question */

typedef enum {
    NGX_KAFKA_WS_WANT_WAITS = 0,
    NGX_KAFKA_WS_WANT_START,     /* start is where it can begin: in a segment
                                    that is there or being filled, or in the
                                    ring */
    NGX_KAFKA_WS_WANT_FIRST,     /* the same, and it is Kafka's first */
    NGX_KAFKA_WS_WANT_NO_ROOM    /* the zone has no room for any segment */
} ngx_kafka_ws_want_e;


/* a process's own view of a segment */

typedef struct {
    ngx_kafka_ws_segment_t   *segment;
    uint64_t                  gen;
    uint64_t                  life;
    int64_t                   next;      /* as it was: all below is in it */
    ngx_uint_t                full;
    ngx_kafka_ws_ring_t       ring;
} ngx_kafka_ws_segment_view_t;


/* after a copy from its ring: 0, if it is no longer that segment */
#define ngx_kafka_ws_segment_valid(view)                                      \
    (ngx_kafka_ws_load_acquire(&(view)->segment->gen) == (view)->gen)

/*
 * Finds the segment that covers an offset of a stream, or will, since it is
 * being filled up to there.
 * life:      gen of the stream: records of another life are not found
 * view:      set if NGX_OK
 * start:     set if NGX_OK: the offset, or the first that Kafka has after it
 * returns:   NGX_OK; NGX_DECLINED: there is none
 * where:     any process, as all up to want_answer
 */
ngx_int_t ngx_kafka_ws_segment_find(ngx_kafka_ws_root_t *root,
    uint32_t stream, uint64_t life, int64_t offset,
    ngx_kafka_ws_segment_view_t *view, int64_t *start);

/*
 * Looks again how far a segment is filled, and says that it is read.
 * returns:   NGX_OK; NGX_DECLINED: it is gone
 */
ngx_int_t ngx_kafka_ws_segment_look(ngx_kafka_ws_segment_view_t *view);

/*
 * Asks for a start: not below offset, not older than since (-1: any), not
 * before Kafka's first.  Takes the place of an older question.
 * want:      one of the process's own slot
 * exact:     0: segments that cover the offset are an answer
 * returns:   the question's number
 */
uint64_t ngx_kafka_ws_want_ask(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_want_t *want, uint32_t stream, int64_t offset, int64_t since,
    ngx_uint_t exact);

/* start is set with NGX_KAFKA_WS_WANT_START and _FIRST */
ngx_kafka_ws_want_e ngx_kafka_ws_want_answer(ngx_kafka_ws_want_t *want,
    uint64_t number, int64_t *start);

/*
 * Takes a copy of a question that is not answered yet.
 * returns:   NGX_OK; NGX_DECLINED: there is none
 * where:     the writer's thread for older records, as all below
 */
ngx_int_t ngx_kafka_ws_want_read(ngx_kafka_ws_want_t *want,
    ngx_kafka_ws_want_t *copy);
void ngx_kafka_ws_want_reply(ngx_kafka_ws_want_t *want, uint64_t number,
    ngx_kafka_ws_want_e result, int64_t start);

/*
 * Makes an empty segment of a stream from an offset on; for lack of room one
 * that was not read for a while gives way.
 * asked:     as in the struct, or from
 * ring:      opened for writing
 * busy:      set if NULL: segments are there, and may give way later
 */
ngx_kafka_ws_segment_t *ngx_kafka_ws_segment_make(ngx_kafka_ws_cluster_t *kwc,
    uint32_t stream, uint64_t life, int64_t asked, int64_t from,
    ngx_kafka_ws_ring_t *ring, ngx_uint_t *busy);
void ngx_kafka_ws_segment_free(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_segment_t *segment);

/* how many there are; from any process and thread */
ngx_uint_t ngx_kafka_ws_segment_count(ngx_kafka_ws_root_t *root);

/* how far it is filled: all below next is in it; full: this is its end */
void ngx_kafka_ws_segment_filled(ngx_kafka_ws_segment_t *segment,
    int64_t next, ngx_uint_t full);

/* a new writer takes over what is there; nothing is being filled then */
void ngx_kafka_ws_segment_adopt(ngx_kafka_ws_cluster_t *kwc);

/*
 * Frees what was not read for so many ms, and what belongs to another life
 * of its stream.
 */
void ngx_kafka_ws_segment_sweep(ngx_kafka_ws_cluster_t *kwc,
    uint64_t idle);


#endif /* _NGX_KAFKA_WS_SEGMENT_H_INCLUDED_ */
