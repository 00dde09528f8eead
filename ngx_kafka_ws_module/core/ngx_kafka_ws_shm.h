
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What the processes share: per cluster one zone with its root, the
 * directory of topics and streams (a stream is a partition with its ring),
 * a slot for each process, and the right to write.  See the essay in
 * ngx_kafka_ws_shm.c.
 */


#ifndef _NGX_KAFKA_WS_SHM_H_INCLUDED_
#define _NGX_KAFKA_WS_SHM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_atomic.h"
#include "ngx_kafka_ws_cluster.h"
#include "ngx_kafka_ws_ring.h"


#define NGX_KAFKA_WS_SLOTS          128    /* processes with a slot each */
#define NGX_KAFKA_WS_SLOT_WORDS     (NGX_KAFKA_WS_SLOTS / 64)
#define NGX_KAFKA_WS_BUCKETS        1024   /* of topic names */
#define NGX_KAFKA_WS_TOPICS_CHUNK   32
#define NGX_KAFKA_WS_STREAMS_CHUNK  64
#define NGX_KAFKA_WS_CHUNKS         1024
#define NGX_KAFKA_WS_ERROR_LEN      192    /* bytes of the last error's text */
#define NGX_KAFKA_WS_NONE           ((uint32_t) -1)
#define NGX_KAFKA_WS_SEGMENTS       64     /* of older records */
#define NGX_KAFKA_WS_WANTS          4      /* questions of a process for them */


/* why an upgrade was refused; ngx_kafka_ws_status.c has the names */

typedef enum {
    NGX_KAFKA_WS_REFUSED_METHOD = 0,
    NGX_KAFKA_WS_REFUSED_VERSION,
    NGX_KAFKA_WS_REFUSED_BODY,
    NGX_KAFKA_WS_REFUSED_UPGRADE,
    NGX_KAFKA_WS_REFUSED_KEY,
    NGX_KAFKA_WS_REFUSED_SUBPROTOCOL,
    NGX_KAFKA_WS_REFUSED_ORIGIN,
    NGX_KAFKA_WS_REFUSED_TOPIC,
    NGX_KAFKA_WS_REFUSED_PARTITION,
    NGX_KAFKA_WS_REFUSED_FILTER,
    NGX_KAFKA_WS_REFUSED_START,
    NGX_KAFKA_WS_REFUSED_CURSOR,
    NGX_KAFKA_WS_REFUSED_NOT_READY,
    NGX_KAFKA_WS_REFUSED_NO_MEMORY,
    NGX_KAFKA_WS_REFUSED_CONNECTIONS,
    NGX_KAFKA_WS_REFUSED_MAX
} ngx_kafka_ws_refusal_e;


#define NGX_KAFKA_WS_CLOSES  20   /* places, see ngx_kafka_ws_close_codes */


/* a set of streams; some share a bit */

#define NGX_KAFKA_WS_STREAM_WORDS  4
#define NGX_KAFKA_WS_STREAM_BITS   (64 * NGX_KAFKA_WS_STREAM_WORDS)

#define ngx_kafka_ws_stream_word(n)                                           \
    ((n) / 64 % NGX_KAFKA_WS_STREAM_WORDS)
#define ngx_kafka_ws_stream_bit(n)  ((uint64_t) 1 << ((n) % 64))


/*
 * Counters of one process; never reset, so that a slot's next owner adds to
 * them.  Only connections is a gauge, set to 0 by each new owner.
 * writer: the process in that slot      readers: any, for the status
 */

typedef struct {
    uint64_t                  connections;
    uint64_t                  accepted;
    uint64_t                  frames;      /* records sent */
    uint64_t                  bytes;       /* of frames, events included */
    uint64_t                  sends;       /* calls that sent anything */
    uint64_t                  events;
    uint64_t                  wakes;
    uint64_t                  passes;
    uint64_t                  copies;      /* spans copied from a ring */
    uint64_t                  copied;      /* bytes of them */
    uint64_t                  lapped;
    uint64_t                  gaps;        /* announced to a client */
    uint64_t                  slow;        /* fell behind the live end */
    uint64_t                  backfilled;  /* began below the ring */
    uint64_t                  given_up;    /* waited too long for that */
    uint64_t                  closes[NGX_KAFKA_WS_CLOSES];
    uint64_t                  refused[NGX_KAFKA_WS_REFUSED_MAX];
} ngx_kafka_ws_counters_t;


/*
 * A process asks where it can have a stream's older records from, and the
 * writer answers; see ngx_kafka_ws_segment.h.
 *
 * number:   of the question, even; odd while it is written; written by the
 *           process, as all up to exact
 * answered: the question that was answered; written by the writer
 */

typedef struct {
    uint64_t                  number;
    int64_t                   offset;      /* not below it */
    int64_t                   since;       /* ms since the epoch: nor older */
    uint32_t                  stream;
    uint32_t                  exact;       /* both bounds are the wish itself,
                                              not only a limit to it */
    uint64_t                  answered;
    int64_t                   start;       /* the first to be had */
    uint32_t                  result;      /* ngx_kafka_ws_want_e */
    uint32_t                  unused;
} ngx_kafka_ws_want_t;


/*
 * armed:   1: the process sleeps or is about to, and wants a wake-up; set by
 *          itself, cleared by the writer that wakes it (exchange)
 * deflate: its connections that want compressed frames; while there are none
 *          in any process the writer compresses nothing
 * streams: those that it has subscribers of, a bit for each number modulo
 *          NGX_KAFKA_WS_STREAM_BITS; news of others do not wake it
 * unread:  those of them that have news which it has not looked for yet; set
 *          by the writer, taken by itself (exchange)
 */

typedef struct {
    uint32_t                  armed;
    uint32_t                  pid;
    uint64_t                  deflate;
    uint64_t                  streams[NGX_KAFKA_WS_STREAM_WORDS];
    uint64_t                  unused[2];
    uint64_t                  unread[NGX_KAFKA_WS_STREAM_WORDS];
    uint64_t                  unused2[4];
    ngx_kafka_ws_counters_t   counters;
    ngx_kafka_ws_want_t       want[NGX_KAFKA_WS_WANTS];
} ngx_kafka_ws_slot_t;


typedef enum {
    NGX_KAFKA_WS_TOPIC_OK = 0,
    NGX_KAFKA_WS_TOPIC_GONE,         /* not in Kafka or not allowed now */
    NGX_KAFKA_WS_TOPIC_NO_MEMORY     /* its rings do not fit into the zone */
} ngx_kafka_ws_topic_state_e;


/*
 * Entries are added and never moved; written by the writer only, but for
 * wanted and used.
 *
 * nrings: partitions below it have a ring; 0: none has, or those that are left
 *         are not to be looked at
 * wanted: who wants it, a bit for each slot, which its process alone sets and
 *         clears; of a process that died it is left.  See
 *         ngx_kafka_ws_interest.c
 * used:   ms, when it was wanted last; 0: never
 */

typedef struct {
    u_char                    name[NGX_KAFKA_WS_TOPIC_MAX + 1];
    uint32_t                  len;
    uint32_t                  number;      /* of the topic */
    uint32_t                  state;       /* ngx_kafka_ws_topic_state_e */
    uint32_t                  first;       /* stream of partition 0 */
    uint32_t                  last;
    uint32_t                  npartitions;
    uint32_t                  next;        /* topic in the same bucket */
    uint32_t                  nrings;
    uint64_t                  used;
    uint64_t                  wanted[NGX_KAFKA_WS_SLOT_WORDS];
} ngx_kafka_ws_topic_t;


typedef enum {
    NGX_KAFKA_WS_STREAM_LOADING = 0, /* not yet at the log's end */
    NGX_KAFKA_WS_STREAM_READY
} ngx_kafka_ws_stream_state_e;


/*
 * gen is odd while the ring is being made or freed, and another number
 * after each time: a reader checks it before and after it looks.
 */

typedef struct {
    uint32_t                  topic;
    int32_t                   partition;
    uint32_t                  next;        /* stream of the next partition */
    uint32_t                  state;       /* ngx_kafka_ws_stream_state_e */
    uint64_t                  gen;
    uint64_t                  ring;        /* offset in the zone, 0: none */
    uint64_t                  ring_bytes;
    int64_t                   log_start;   /* Kafka's oldest, -1: unknown */
    int64_t                   log_end;     /* Kafka's next, -1: unknown */
    int64_t                   complete;    /* the ring has all that is below */
    uint64_t                  records;     /* published */
    uint64_t                  bytes;       /* of their frames */
    uint64_t                  too_large;   /* not published for their size */
    uint64_t                  lost;        /* offsets gone by retention */
} ngx_kafka_ws_stream_t;


/*
 * Older records of a stream that were read again: a ring that is filled once,
 * from its first record to its last, and then only read or freed.
 * gen: as that of a stream     writer: the writer; used: also readers
 */

typedef struct {
    uint64_t                  gen;
    uint64_t                  life;        /* gen of the stream */
    uint64_t                  ring;        /* offset in the zone, 0: none */
    uint64_t                  ring_bytes;
    uint32_t                  stream;
    uint32_t                  full;        /* nothing more will come */
    int64_t                   asked;       /* from here to the first there is
                                              nothing, as Kafka said */
    int64_t                   from;        /* the first it covers */
    int64_t                   next;        /* all below is in it */
    uint64_t                  made;        /* ms */
    uint64_t                  used;        /* ms, last read; 0: never was */
} ngx_kafka_ws_segment_t;


typedef enum {
    NGX_KAFKA_WS_BROKER_CONNECTING = 0,
    NGX_KAFKA_WS_BROKER_UP,
    NGX_KAFKA_WS_BROKER_DOWN
} ngx_kafka_ws_broker_state_e;


struct ngx_kafka_ws_root_s {
    uint64_t                  magic;
    uint64_t                  size;        /* of the zone */
    uint64_t                  layout;      /* of the rings; see cluster.h */
    uint64_t                  allowed;     /* the list of topics that the
                                              directory is complete for,
                                              0: it is not yet */
    uint32_t                  lock;        /* byte of the lock file */
    uint32_t                  retired;     /* a reload dropped this zone */

    /* set once */
    uint64_t                  blocks;      /* where pages for blocks begin */
    uint64_t                  npages;

    /* writer */
    uint64_t                  nfree;       /* pages, for the status */
    uint64_t                  epoch;       /* writers so far */
    uint64_t                  heartbeat;   /* ms, monotonic */
    uint64_t                  records;
    uint64_t                  batches;
    uint64_t                  wakes;       /* eventfds written */
    uint32_t                  pid;
    uint32_t                  broker;      /* ngx_kafka_ws_broker_state_e */
    uint64_t                  broker_since;     /* ms since the epoch */
    uint64_t                  error_gen;        /* odd while written */
    u_char                    error[NGX_KAFKA_WS_ERROR_LEN];
    u_char                    kafka[64];        /* Kafka's cluster id */

    /* older records: the writer's, except for wants */
    uint64_t                  wants;       /* questions asked so far */
    uint64_t                  news;        /* changes that readers wait for */
    uint64_t                  reads;       /* ranges read from Kafka */
    uint64_t                  read_records;
    uint64_t                  read_bytes;  /* of keys and values */
    uint64_t                  yield;       /* segments are in the way */

    /* rings on demand: asked and asks are the workers', else as above */
    uint64_t                  asked[NGX_KAFKA_WS_CHUNKS / 64];
                                           /* chunks with a topic that is
                                              wanted and has no rings */
    uint64_t                  asks;        /* such topics, so far */
    uint64_t                  room;        /* rings that fit into what is
                                              free */
    uint64_t                  given_back;  /* topics, for want of interest */
    uint64_t                  evicted;     /* the same, to make room */

    ngx_kafka_ws_segment_t    segment[NGX_KAFKA_WS_SEGMENTS];

    uint32_t                  ntopics;
    uint32_t                  nstreams;
    uint32_t                  bucket[NGX_KAFKA_WS_BUCKETS];
    uint64_t                  topics[NGX_KAFKA_WS_CHUNKS];
    uint64_t                  streams[NGX_KAFKA_WS_CHUNKS];

    ngx_kafka_ws_slot_t       slot[NGX_KAFKA_WS_SLOTS];
};


/* a process's own: how often it wants each topic, whatever configuration */

struct ngx_kafka_ws_held_s {
    uint32_t                 *topics;      /* by number */
    uint32_t                  ntopics;     /* places of it */
};


/* a process's own view of one stream's ring */

typedef struct {
    ngx_kafka_ws_stream_t    *stream;
    uint64_t                  gen;
    ngx_kafka_ws_ring_t       ring;
} ngx_kafka_ws_view_t;


/*
 * ngx_shm_zone_t.init of a cluster's zone, zone->data being the cluster.
 * Takes the root of the old cycle over, or makes one.
 */
ngx_int_t ngx_kafka_ws_shm_init_zone(ngx_shm_zone_t *shm_zone, void *data);

/*
 * Bytes of zone that the cluster's literal topics need with one partition
 * each, or, with "idle=", one of them: the least that can be known before Kafka
 * is asked.
 */
size_t ngx_kafka_ws_shm_needed(ngx_kafka_ws_cluster_t *kwc);

/* bytes of a ring of this cluster */
size_t ngx_kafka_ws_shm_ring_bytes(ngx_kafka_ws_cluster_t *kwc);

/*
 * A new zone's room for blocks: all that the slab pool has left.
 * returns:   NGX_ERROR: there is none
 */
ngx_int_t ngx_kafka_ws_shm_init_blocks(ngx_kafka_ws_root_t *root,
    ngx_slab_pool_t *shpool);

/*
 * A new writer finds out which blocks are in use.
 * returns:   NGX_OK, NGX_ERROR: no memory
 * cost:      a look at each stream, a byte of memory for each page
 */
ngx_int_t ngx_kafka_ws_shm_open_blocks(ngx_kafka_ws_cluster_t *kwc);

/*
 * A block of the zone as an offset from its root; 0: no room.  To the
 * next writer those are in use that the directory names then.
 * cost:      a look at each page, at most
 * where:     threads of the writer
 */
uint64_t ngx_kafka_ws_shm_alloc(ngx_kafka_ws_cluster_t *kwc, size_t size);
void ngx_kafka_ws_shm_free(ngx_kafka_ws_cluster_t *kwc, uint64_t block);

/*
 * Counts how many rings there is room for, for root->room.
 * cost:      a look at each page
 */
void ngx_kafka_ws_shm_count_room(ngx_kafka_ws_cluster_t *kwc);

/* an empty ring of this cluster in a block of ngx_kafka_ws_shm_ring_bytes() */
void ngx_kafka_ws_shm_init_ring(ngx_kafka_ws_cluster_t *kwc, uint64_t block,
    int64_t base);

/*
 * Makes what all processes of a master inherit (the lock file, the count of
 * configurations), and counts this configuration; then gives a root its byte
 * of the lock file.
 * where:     init_module, not under "nginx -t"
 */
ngx_int_t ngx_kafka_ws_shm_init_module(ngx_cycle_t *cycle);
void ngx_kafka_ws_shm_register(ngx_kafka_ws_root_t *root);

/* configurations that this master has loaded so far */
uint64_t ngx_kafka_ws_shm_generation(void);

/*
 * The calling process's slot; processes beyond NGX_KAFKA_WS_SLOTS share the
 * last one, whose counters are then approximate.
 */
ngx_kafka_ws_slot_t *ngx_kafka_ws_shm_slot(ngx_kafka_ws_root_t *root);
ngx_uint_t ngx_kafka_ws_shm_slot_number(void);

/*
 * This process has its slot from now on; the kernel frees it when the process
 * is gone, however that ends.  The last slot, which may be shared, always is
 * somebody's.
 * returns:   lock: NGX_OK, NGX_ERROR: logged; locked: 1: a process has it
 * where:     lock: init_process of a worker; locked: any process
 */
ngx_int_t ngx_kafka_ws_shm_lock_slot(ngx_log_t *log);
ngx_uint_t ngx_kafka_ws_shm_slot_locked(ngx_uint_t n);

/* sum over all slots; offset is offsetof(ngx_kafka_ws_counters_t, member) */
uint64_t ngx_kafka_ws_shm_sum(ngx_kafka_ws_root_t *root, size_t offset);

/* the directory, for any process: NULL, or an entry that stays where it is */
ngx_kafka_ws_topic_t *ngx_kafka_ws_shm_topic(ngx_kafka_ws_root_t *root,
    uint32_t n);
ngx_kafka_ws_stream_t *ngx_kafka_ws_shm_stream(ngx_kafka_ws_root_t *root,
    uint32_t n);
ngx_kafka_ws_topic_t *ngx_kafka_ws_shm_find(ngx_kafka_ws_root_t *root,
    ngx_str_t *name);

/*
 * Opens the ring in a block, as it is named in shared memory.
 * returns:   NGX_OK; NGX_DECLINED: it is none, or not within the zone
 */
ngx_int_t ngx_kafka_ws_shm_open_ring(ngx_kafka_ws_root_t *root,
    uint64_t block, uint64_t bytes, ngx_kafka_ws_ring_t *ring);

/*
 * Opens a stream's ring as it is now.
 * returns:   NGX_OK; NGX_AGAIN: it has none, or is just getting another
 */
ngx_int_t ngx_kafka_ws_shm_view(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_stream_t *stream, ngx_kafka_ws_view_t *view);

/*
 * The same for who reads frames: a ring with the renderings of another
 * configuration, as there are in a reload, is none.
 */
ngx_int_t ngx_kafka_ws_shm_view_own(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_stream_t *stream, ngx_kafka_ws_view_t *view);

/* after a copy from the ring: 0, if the ring is no longer that one */
#define ngx_kafka_ws_shm_valid(view)                                          \
    (ngx_kafka_ws_load_acquire(&(view)->stream->gen) == (view)->gen)

/*
 * Tries to become the writer.  On success the epoch is raised, and a
 * directory of another layout is emptied.
 * returns:   NGX_OK, NGX_AGAIN (another process is, or memory is short),
 *            NGX_ERROR
 * where:     the consumer thread, as all below
 */
ngx_int_t ngx_kafka_ws_shm_lock(ngx_kafka_ws_cluster_t *kwc,
    uint64_t *epoch);

/* frees all rings; the directory's names stay */
void ngx_kafka_ws_shm_reset(ngx_kafka_ws_cluster_t *kwc);

/* adds a topic without partitions; NULL: the zone is full */
ngx_kafka_ws_topic_t *ngx_kafka_ws_shm_add_topic(ngx_kafka_ws_cluster_t *kwc,
    ngx_str_t *name);

/* adds the next partition of a topic, without a ring; NULL: as above */
ngx_kafka_ws_stream_t *ngx_kafka_ws_shm_add_stream(
    ngx_kafka_ws_cluster_t *kwc, ngx_kafka_ws_topic_t *topic);

/*
 * Gives a stream a new, empty ring (the old one is no more) whose first record
 * will have the offset base or a higher one.
 * returns:   NGX_OK, or NGX_ERROR: no room; the stream then has no ring
 */
ngx_int_t ngx_kafka_ws_shm_make_ring(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_stream_t *stream, int64_t base);
void ngx_kafka_ws_shm_free_ring(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_stream_t *stream);

/* the last error's text; read gives a copy with a final zero */
void ngx_kafka_ws_shm_set_error(ngx_kafka_ws_root_t *root, const char *text);
void ngx_kafka_ws_shm_get_error(ngx_kafka_ws_root_t *root,
    u_char text[NGX_KAFKA_WS_ERROR_LEN]);

/* ms of the monotonic clock, without nginx's cached time: for any thread */
uint64_t ngx_kafka_ws_shm_now(void);


#endif /* _NGX_KAFKA_WS_SHM_H_INCLUDED_ */
