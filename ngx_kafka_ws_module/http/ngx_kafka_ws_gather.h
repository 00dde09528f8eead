
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * One checked copy of what is new: for all who are live on a route, or for
 * one who is behind it.
 */


#ifndef _NGX_KAFKA_WS_GATHER_H_INCLUDED_
#define _NGX_KAFKA_WS_GATHER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_event.h"
#include "ngx_kafka_ws_older.h"
#include "ngx_kafka_ws_route.h"
#include "ngx_kafka_ws_subscription.h"


/* records of one part within a span, one after the other */

typedef struct {
    ngx_uint_t                 k;         /* the part */
    ngx_uint_t                 first;     /* its first record in the span */
    ngx_uint_t                 n;
    ngx_kafka_ws_place_t       next;      /* behind them */
    int64_t                    lost;      /* offsets, if it is a gap */
} ngx_kafka_ws_mark_t;


/* a record that a group wants */

typedef struct {
    ngx_kafka_ws_group_t      *group;
    uint32_t                   record;    /* in the span */
    uint32_t                   next;      /* of the group's */
} ngx_kafka_ws_pick_t;

#define NGX_KAFKA_WS_PICK_NONE  ((uint32_t) -1)

/* of a span, and as many more as the last record is wanted by */
#define NGX_KAFKA_WS_PICKS_MAX  65536


/*
 * A copy: frames of one part after the other.  Of a route with a filter, a
 * record that nobody wants has no bytes here: it ends where it began.
 */

typedef struct {
    u_char                    *data;
    size_t                     size;
    size_t                     len;
    uint32_t                  *ends;      /* by record */
    int64_t                   *offsets;   /* by record: behind it */
    ngx_uint_t                 max;       /* records */
    ngx_uint_t                 n;
    uint32_t                   flags;     /* not 0: nothing but gaps */
    ngx_uint_t                 turn;      /* spans made so far */
    ngx_kafka_ws_mark_t       *marks;
    ngx_uint_t                 nmarks;
    ngx_uint_t                 max_marks;
    ngx_uint_t                 looks;     /* of records no sieve knows, left */
    ngx_uint_t                 more;      /* there is, or may be */

    /* of routes with a filter; allocated for the first of them */

    u_char                    *blocks;    /* the records' fields, a copy */
    size_t                     blocks_size;
    uint32_t                  *block_ends;
    ngx_kafka_ws_pick_t       *picks;     /* ascending records */
    ngx_uint_t                 npicks;
    ngx_uint_t                 max_picks;
} ngx_kafka_ws_span_buf_t;


/* where a part is read */

typedef struct {
    ngx_kafka_ws_ring_t        *ring;
    ngx_kafka_ws_older_part_t  *older;      /* the ring is a segment's */
    uint64_t                    seq;
    uint64_t                    limit;
    ngx_uint_t                  lost;
} ngx_kafka_ws_gather_src_t;


typedef enum {
    NGX_KAFKA_WS_GATHER_NONE = 0,
    NGX_KAFKA_WS_GATHER_SPAN,
    NGX_KAFKA_WS_GATHER_LAPPED,      /* the writer overran a place */
    NGX_KAFKA_WS_GATHER_STALE,       /* a part has another ring */
    NGX_KAFKA_WS_GATHER_ERROR        /* logged */
} ngx_kafka_ws_gather_e;


/*
 * Allocates a buffer of size bytes for max records; its pages are touched
 * when they are used.
 * buf:       zero-filled; to be freed, also after an error
 */
ngx_int_t ngx_kafka_ws_gather_init(ngx_kafka_ws_span_buf_t *buf,
    size_t size, ngx_uint_t max, ngx_log_t *log);

void ngx_kafka_ws_gather_free(ngx_kafka_ws_span_buf_t *buf);

/*
 * Copies what is new from the route's places (sub == NULL), of the parts that
 * are unread, or what the route is ahead of a subscriber.
 * buf:       filled; grows only for a single frame larger than it
 * cost:      one memcpy per part that has something new
 * where:     a worker
 */
ngx_kafka_ws_gather_e ngx_kafka_ws_gather(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_log_t *log);

/*
 * Instead of records a gap event for each part whose records are given up:
 * those that the ring holds no more, or all up to the route's place.
 * sub:       NULL: for all who are live
 * latest:    1: up to the route's place
 * buf:       as above; parts whose events do not fit are left as they are
 * returns:   as above; NONE: nothing is given up
 */
ngx_kafka_ws_gather_e ngx_kafka_ws_gather_skip(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t latest, ngx_log_t *log);

/*
 * Sets the places of a subscriber that got the first done records of a span.
 */
void ngx_kafka_ws_gather_stop_at(ngx_kafka_ws_subscription_t *sub,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t done);

/* adds what the first done records of a span are, events or not */
void ngx_kafka_ws_gather_sums(ngx_kafka_ws_span_buf_t *buf, ngx_uint_t done,
    ngx_kafka_ws_sums_t *sums);

/* between ngx_kafka_ws_gather*.c */

/* returns:  NGX_OK: it is empty, and has a mark for each part; NGX_ERROR */
ngx_int_t ngx_kafka_ws_gather_begin(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf, ngx_log_t *log);

/* adds the event for the offsets from..next.offset - 1; there is room for it */
void ngx_kafka_ws_gather_gap(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf, ngx_uint_t k, int64_t from,
    ngx_kafka_ws_place_t *next, ngx_kafka_ws_gap_e reason);

/* logs it; returns ERROR */
ngx_kafka_ws_gather_e ngx_kafka_ws_gather_damaged(
    ngx_kafka_ws_route_t *route, ngx_uint_t k, ngx_log_t *log);

/*
 * The parts that are looked at: all open ones that a subscriber has, or those
 * that are unread and have news; what has none is not unread any more.
 * marks:     room for all parts; their k is set
 * turn:      another one each time, for another part to be the first
 * returns:   how many
 */
ngx_uint_t ngx_kafka_ws_gather_parts(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_mark_t *marks,
    ngx_uint_t turn);
ngx_uint_t ngx_kafka_ws_gather_unread(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_mark_t *marks);

/*
 * Makes room for what a route with a filter needs.
 * returns:   NGX_OK or NGX_ERROR: no memory
 */
ngx_int_t ngx_kafka_ws_gather_sift_begin(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf, ngx_log_t *log);

/*
 * As ngx_kafka_ws_ring_read(), of a route with a filter: copies the frames
 * that a subscriber wants, or any who is live, and then notes which groups
 * want them.
 * avail:     bytes behind buf->len to be used
 * rc, span:  set if NGX_OK: as there; records that nobody wants are among
 *            the span's
 * returns:   NGX_OK or NGX_ERROR: no memory
 * cost:      a record that nobody wants: the copy of its fields, and a look
 *            into the table
 */
ngx_int_t ngx_kafka_ws_gather_sift(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_kafka_ws_gather_src_t *src, size_t avail, ngx_log_t *log,
    ngx_kafka_ws_ring_e *rc, ngx_kafka_ws_ring_span_t *span);

/*
 * The fields of what is new, into buf->blocks, which end at buf->block_ends.
 * rc, span:  set if NGX_OK: as ngx_kafka_ws_ring_read() has them
 * returns:   NGX_OK or NGX_ERROR: no memory
 */
ngx_int_t ngx_kafka_ws_gather_blocks(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_span_buf_t *buf, ngx_kafka_ws_gather_src_t *src,
    ngx_log_t *log, ngx_kafka_ws_ring_e *rc, ngx_kafka_ws_ring_span_t *span);

/*
 * As ngx_kafka_ws_gather(), of one part of a subscriber of a route with a
 * filter: the records that the sieve finds, a mark for each run of them.
 * avail:     bytes to be used, a frame of any size aside
 * src:       where the part is read, not kept
 * cost:      see ngx_kafka_ws_sieve.h; at most NGX_KAFKA_WS_GATHER_LOOKS of
 *            the records that the sieve does not know: buf->more then
 */
ngx_kafka_ws_gather_e ngx_kafka_ws_gather_sieve(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t k, size_t avail, ngx_kafka_ws_gather_src_t *src,
    ngx_kafka_ws_sieve_t *sieve, ngx_log_t *log);

/* the same, of all records from src->seq to src->limit, with one mark */
ngx_kafka_ws_gather_e ngx_kafka_ws_gather_span(ngx_kafka_ws_route_t *route,
    ngx_kafka_ws_subscription_t *sub, ngx_kafka_ws_span_buf_t *buf,
    ngx_uint_t k, size_t avail, ngx_kafka_ws_gather_src_t *src,
    ngx_log_t *log);

/*
 * After a copy: whether it is of the ring that it was to be of.
 * returns:   SPAN: it is; NONE: the segment is gone; STALE
 */
ngx_kafka_ws_gather_e ngx_kafka_ws_gather_valid(ngx_kafka_ws_route_t *route,
    ngx_uint_t k, ngx_kafka_ws_gather_src_t *src);

/*
 * Forgets who wants records that did not get into the span: there was no room
 * for them, or their ring was overrun, or became another one, meanwhile.
 */
void ngx_kafka_ws_gather_sift_end(ngx_kafka_ws_span_buf_t *buf);


#endif /* _NGX_KAFKA_WS_GATHER_H_INCLUDED_ */
