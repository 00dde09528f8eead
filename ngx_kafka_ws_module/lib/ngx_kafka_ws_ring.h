
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The ring of one partition: an index of its newest records, and for each
 * rendering a data ring with their ready frames back to back.  See the essay
 * in ngx_kafka_ws_ring.c.
 */


#ifndef _NGX_KAFKA_WS_RING_H_INCLUDED_
#define _NGX_KAFKA_WS_RING_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ngx_kafka_ws_atomic.h"
#include "ngx_kafka_ws_record.h"


#define NGX_KAFKA_WS_RENDERINGS_MAX  8

/* a frame may take a quarter of its data ring, readers need the rest */
#define NGX_KAFKA_WS_RING_FRAMES     4

/* index entry flags: the entry stands for records that cannot be sent */
#define NGX_KAFKA_WS_RING_TOO_LARGE  0x01
#define NGX_KAFKA_WS_RING_RETENTION  0x02
#define NGX_KAFKA_WS_RING_GAP        0x03   /* any of the above */


typedef enum {
    NGX_KAFKA_WS_RING_OK = 0,
    NGX_KAFKA_WS_RING_LAPPED,        /* the writer overran the position */
    NGX_KAFKA_WS_RING_FULL,          /* it is to be filled but once */
    NGX_KAFKA_WS_RING_ETOOBIG,       /* a frame is larger than the buffer */
    NGX_KAFKA_WS_RING_EINVAL         /* not a ring, or a damaged one */
} ngx_kafka_ws_ring_e;


typedef struct ngx_kafka_ws_ring_head_s   ngx_kafka_ws_ring_head_t;
typedef struct ngx_kafka_ws_ring_entry_s  ngx_kafka_ws_ring_entry_t;


/*
 * A process's handle of a ring, in its own memory: the geometry was checked
 * when it was opened and is not read from shared memory again.
 */

typedef struct {
    ngx_kafka_ws_ring_head_t  *head;
    const uint64_t            *next;       /* in it: see ..._ring_head() */
    uint8_t                   *index;
    uint8_t                   *data[NGX_KAFKA_WS_RENDERINGS_MAX];
    uint64_t                   size;       /* bytes of each data ring */
    uint64_t                   entries;    /* of the index */
    uint32_t                   stride;     /* bytes of an index entry */
    uint32_t                   nrenderings;

    /* the writer's: where the next frame goes, in bytes since creation */
    uint64_t                   pos[NGX_KAFKA_WS_RENDERINGS_MAX];

    unsigned                   once;       /* the writer's: it gives up no
                                              record for another */
} ngx_kafka_ws_ring_t;


/* what the writer says of a record; frames come apart from it */

typedef struct {
    int64_t                    offset;     /* Kafka's; of a gap its last */
    int64_t                    from;       /* the offset that would have been
                                              next: Kafka's holes are part
                                              of the record behind them */
    int64_t                    timestamp;  /* ms since the epoch, -1: none */
    uint32_t                   flags;      /* NGX_KAFKA_WS_RING_... */
} ngx_kafka_ws_ring_record_t;


/* where a read got to */

typedef struct {
    uint64_t                   next;       /* sequence number to go on at */
    int64_t                    offset;     /* Kafka's, next, if n > 0 */
    size_t                     len;        /* bytes copied */
    size_t                     n;          /* records */
    uint32_t                   flags;      /* not 0: the one record read */
} ngx_kafka_ws_ring_span_t;


/*
 * Bytes of a ring with data rings of size bytes (a power of two) for each
 * of nrenderings, and an index of entries (a power of two).
 */
size_t ngx_kafka_ws_ring_bytes(size_t size, size_t entries,
    unsigned nrenderings);

/* index entries that suit data rings of size bytes: one for 256 bytes */
size_t ngx_kafka_ws_ring_entries(size_t size);

/*
 * Makes an empty ring in mem, 64-byte aligned, of ngx_kafka_ws_ring_bytes().
 * base:      the Kafka offset that the first record to come has or exceeds
 * where:     the writer only, before the ring is visible to others
 */
void ngx_kafka_ws_ring_init(void *mem, size_t size, size_t entries,
    unsigned nrenderings, int64_t base);

/*
 * Opens the ring in [mem, mem + bytes) for reading and writing.
 * returns:   OK, or EINVAL if what it says of itself does not fit there
 * where:     any process; one that writes must be the only one
 */
ngx_kafka_ws_ring_e ngx_kafka_ws_ring_open(ngx_kafka_ws_ring_t *ring,
    void *mem, size_t bytes);

/*
 * Publishes one record.  Never waits: the oldest records give way, unless
 * ring->once is set.
 * frames:    one for each rendering, len 0 where it does not send the record
 * returns:   OK; ETOOBIG if a frame exceeds ngx_kafka_ws_ring_frame_max();
 *            FULL, with ring->once: there is no room without that
 * cost:      one copy of each frame, no allocation, no lock
 * where:     the writer
 */
ngx_kafka_ws_ring_e ngx_kafka_ws_ring_publish(ngx_kafka_ws_ring_t *ring,
    const ngx_kafka_ws_ring_record_t *rec, const ngx_kafka_ws_span_t *frames);

/* bytes of the largest frame that the ring takes */
size_t ngx_kafka_ws_ring_frame_max(const ngx_kafka_ws_ring_t *ring);

/*
 * The next sequence number to be published; acquires all before it.  A load:
 * of thousands of rings there may be news in one.
 */
#define ngx_kafka_ws_ring_head(ring)                                          \
    ngx_kafka_ws_load_acquire((ring)->next)

/* the oldest sequence number still held; equal to the head: nothing is */
uint64_t ngx_kafka_ws_ring_tail(const ngx_kafka_ws_ring_t *ring);

/*
 * The Kafka offset that a reader at sequence number seq has next: behind the
 * record before it, else the first it holds.
 * returns:   OK, or LAPPED
 */
ngx_kafka_ws_ring_e ngx_kafka_ws_ring_offset(const ngx_kafka_ws_ring_t *ring,
    uint64_t seq, int64_t *offset);

/*
 * The next offset to fetch from Kafka, derived from the last record
 * published: one truth, whatever moment the last writer died at.
 * where:     the writer; a reader gets a value that may be passed by now
 */
int64_t ngx_kafka_ws_ring_next_offset(const ngx_kafka_ws_ring_t *ring);

/*
 * Finds the first record held whose offset (timestamp) is not below the one
 * given; the head, if there is none.  Timestamps are searched as if they
 * rose with the offsets.
 * returns:   the sequence number; the head also if the writer overran the
 *            search again and again: check with ngx_kafka_ws_ring_offset()
 * cost:      a binary search, rarely more than one
 */
uint64_t ngx_kafka_ws_ring_seek_offset(const ngx_kafka_ws_ring_t *ring,
    int64_t offset);
uint64_t ngx_kafka_ws_ring_seek_time(const ngx_kafka_ws_ring_t *ring,
    int64_t timestamp);

/*
 * Copies the frames of rendering r from sequence number seq on, up to but
 * not including limit, and says afterwards whether the copy is good.
 * buf, size: the caller's; whole frames only go into it
 * ends:      nends places; ends[i] is the end of record i's frame in buf.
 *            A record that this rendering does not send ends where it began.
 * offsets:   NULL, or as many: Kafka's offset behind each record
 * span:      set if OK.  A gap entry comes alone, with its flags.
 * returns:   OK, n == 0 if there is nothing new; LAPPED; ETOOBIG: the next
 *            frame needs span->len bytes; EINVAL: the ring is damaged
 * cost:      one memcpy of each contiguous run, usually one
 * where:     any process
 * source:    Aeron's broadcast receiver: copy, fence, check
 */
ngx_kafka_ws_ring_e ngx_kafka_ws_ring_read(const ngx_kafka_ws_ring_t *ring,
    unsigned r, uint64_t seq, uint64_t limit, uint8_t *buf, size_t size,
    uint32_t *ends, int64_t *offsets, size_t nends,
    ngx_kafka_ws_ring_span_t *span);


#endif /* _NGX_KAFKA_WS_RING_H_INCLUDED_ */
