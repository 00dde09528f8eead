
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The ingest thread's own state, shared by its files: the thread and the way
 * of a record (ngx_kafka_ws_ingest.c), the carrying out of plans
 * (ngx_kafka_ws_ingest_plan.c), rings that are made (.._rings.c) and given
 * back (.._idle.c), the broker's state (.._state.c), partitions of which
 * nothing comes (.._quiet.c).
 */


#ifndef _NGX_KAFKA_WS_INGEST_H_INCLUDED_
#define _NGX_KAFKA_WS_INGEST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_consumer.h"
#include "ngx_kafka_ws_interest.h"
#include "ngx_kafka_ws_renderer.h"


/* outages and the like that are told in a minute, each by two lines */
#define NGX_KAFKA_WS_INGEST_SAID  3


/* a partition that is consumed; opaque to librdkafka's side */

typedef struct {
    uint32_t                    number;     /* of the stream */
    ngx_kafka_ws_kafka_part_t  *assigned;   /* NULL: it is not fetched */
    ngx_uint_t                  waiting;    /* for its first commit */
    ngx_uint_t                  doubtful;   /* its position: for a move */
    ngx_kafka_ws_stream_t      *stream;
    ngx_str_t                   topic;      /* the directory's */
    ngx_kafka_ws_ring_t         ring;
    int64_t                     next;       /* offset to come */
    int64_t                     load_end;   /* ready once next is there */
    uint64_t                    failed;     /* ms, of the last error in place
                                               of records; 0: none */
    ngx_uint_t                  once;       /* it will not be said again */

    /* of ngx_kafka_ws_ingest_quiet.c, see there */
    int64_t                     seen;       /* how far, with the last look */
    int64_t                     high;       /* as Kafka's last answer has it;
                                               -1: it was an error */
    uint64_t                    quiet;      /* ms, since when nothing came */
    uint64_t                    asked;      /* ms, where its log ends */
    uint64_t                    behind;     /* ms, since when there is more,
                                               or no leader; 0: all is here */
    uint64_t                    anew;       /* ms, when it is to be assigned
                                               again; 0: it is in order */
    ngx_uint_t                  attempts;   /* to fetch it anew */
} ngx_kafka_ws_part_t;


typedef struct ngx_kafka_ws_ingest_spare_s  ngx_kafka_ws_ingest_spare_t;


typedef struct {
    ngx_kafka_ws_consumer_t    *consumer;
    ngx_kafka_ws_cluster_t     *cluster;
    ngx_kafka_ws_root_t        *root;
    ngx_kafka_ws_kafka_t       *kafka;
    uint64_t                    epoch;

    ngx_kafka_ws_part_t       **parts;      /* by number of the stream */
    ngx_uint_t                  nparts;     /* places of it */
    uint8_t                    *absent;     /* by topic: answers without it */
    ngx_uint_t                  nabsent;
    uint64_t                    counted;    /* ms, of the last such answer */

    ngx_kafka_ws_renderer_t     renderer;
    ngx_uint_t                  planned;    /* a plan was carried out */
    ngx_uint_t                  dirty;      /* there is something to wake
                                               all workers for */
    ngx_uint_t                  news;       /* the same, and those whose start
                                               waits are to look again */
    ngx_uint_t                  published;  /* or those that want any of: */
    uint64_t                    streams[NGX_KAFKA_WS_STREAM_WORDS];

    ngx_kafka_ws_alive_t        alive;      /* processes, at the last plan */
    ngx_kafka_ws_ingest_spare_t
                               *spare;      /* topics that nobody wants, oldest
                                               first; NULL: not looked up */
    ngx_uint_t                  nspare;
    ngx_uint_t                  spared;     /* of them, that are gone */
    uint32_t                    full;       /* number + 1 of the topic that was
                                               said to be refused last */

    uint64_t                    watched;    /* ms, of the last look at the
                                               watermarks */
    ngx_uint_t                  marked;     /* part that the next one begins
                                               with */
    uint64_t                    drained;    /* ms, when nothing waited to be
                                               published */
    ngx_uint_t                  looked;     /* part to begin the next look
                                               at quiet ones with */
    ngx_uint_t                  down;       /* said before this was the
                                               writer */
    uint64_t                    outage;     /* ms, when it began */
    ngx_uint_t                  outage_said;
    ngx_uint_t                  nfailed;    /* partitions that fail */
    uint64_t                    failing;    /* ms, since when some do */
    ngx_uint_t                  failing_said;
    uint64_t                    said[NGX_KAFKA_WS_INGEST_SAID];
                                            /* ms, of lines on errors */
    ngx_uint_t                  nsaid;
    ngx_uint_t                  unsaid;     /* errors, since the last line */
    uint64_t                    errored;    /* ms, of the last error */
    uint64_t                    complaint;  /* ms, of one that is no state,
                                               and not told yet; or 0 */
    uint64_t                    complained; /* ms, last line on such a one */
    char                        error[NGX_KAFKA_WS_LINE_LEN];
} ngx_kafka_ws_ingest_t;


/* adds what is new, drops what is gone, moves what lost its position */
void ngx_kafka_ws_ingest_plan(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_t *plan);

/* a topic that is there: its rings, and what is fetched with the commit */
void ngx_kafka_ws_ingest_topic(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_topic_t *pt);
void ngx_kafka_ws_ingest_assign(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part);
void ngx_kafka_ws_ingest_commit(ngx_kafka_ws_ingest_t *ing);

/*
 * Stops fetching a topic.
 * rings:     1: frees them, too; its parts are no more
 */
void ngx_kafka_ws_ingest_drop(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_topic_t *topic, ngx_kafka_ws_topic_state_e state,
    ngx_uint_t rings);

/* around a plan; and now and then: rings that nobody wants are given back */
void ngx_kafka_ws_ingest_idle_begin(ngx_kafka_ws_ingest_t *ing);
void ngx_kafka_ws_ingest_idle_end(ngx_kafka_ws_ingest_t *ing);
void ngx_kafka_ws_ingest_idle(ngx_kafka_ws_ingest_t *ing, uint64_t now);

/*
 * Gives the rings of a topic back that nobody wants, to make room; within a
 * plan.
 * returns:   NGX_OK; NGX_DECLINED: there is no such topic
 */
ngx_int_t ngx_kafka_ws_ingest_evict(ngx_kafka_ws_ingest_t *ing);

/*
 * Has the topics thread ask what there is of a partition that is not
 * assigned: the next plan then moves it.
 */
void ngx_kafka_ws_ingest_doubt(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part);

/*
 * Stops fetching a partition; it counts no longer as one that fails.
 */
void ngx_kafka_ws_ingest_unassign(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part);

/* librdkafka's errors; see ngx_kafka_ws_kafka_handler_t */
void ngx_kafka_ws_ingest_error(void *data, void *opaque, const char *text,
    ngx_uint_t what);

/* a partition that failed is fetched again; a line if it was the last one */
void ngx_kafka_ws_ingest_fetched(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part);

/* now and then: what has not failed for a while is fetched again */
void ngx_kafka_ws_ingest_over(ngx_kafka_ws_ingest_t *ing, uint64_t now);

/*
 * A look at the partitions of which nothing comes, now and then; and what
 * Kafka said of one, which is told and assigned anew if its records stay out.
 */
void ngx_kafka_ws_ingest_look(ngx_kafka_ws_ingest_t *ing, uint64_t now);
void ngx_kafka_ws_ingest_quiet(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_plan_quiet_t *q);

/* something came of it */
void ngx_kafka_ws_ingest_heard(ngx_kafka_ws_part_t *part, uint64_t now);

/*
 * The broker's state: what the topics thread's last question came to, except
 * that "all brokers down" counts at once.
 */
void ngx_kafka_ws_ingest_state(ngx_kafka_ws_ingest_t *ing);

/* the first state of a new writer, with what it has heard before it was one */
void ngx_kafka_ws_ingest_began(ngx_kafka_ws_ingest_t *ing);

void ngx_kafka_ws_ingest_set_state(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_broker_state_e state);

/*
 * Publishes that the offsets from..to are not to be had.
 * flags:     NGX_KAFKA_WS_RING_TOO_LARGE or _RETENTION
 */
void ngx_kafka_ws_ingest_gap(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part, int64_t from, int64_t to, uint32_t flags);


#endif /* _NGX_KAFKA_WS_INGEST_H_INCLUDED_ */
