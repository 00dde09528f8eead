
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Which processes want which topics: what rings are made and kept for, with
 * "ring ... idle=".  See the essay in ngx_kafka_ws_interest.c.
 */


#ifndef _NGX_KAFKA_WS_INTEREST_H_INCLUDED_
#define _NGX_KAFKA_WS_INTEREST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_shm.h"


/* the processes that live, a bit for each slot: as it was a moment ago */

typedef struct {
    uint64_t                  slots[NGX_KAFKA_WS_SLOT_WORDS];
} ngx_kafka_ws_alive_t;


/*
 * A process that begins wants nothing; its slot may have been another's, which
 * was killed.  To be called before it locks the slot.
 * where:     init_process
 */
void ngx_kafka_ws_interest_begin(ngx_kafka_ws_root_t *root);

/*
 * This process wants a topic, once more; or once less.  Rings that are seen
 * after hold stay until drop.
 * returns:   hold: NGX_OK, or NGX_ERROR: no memory
 * where:     a worker, as all up to room
 */
ngx_int_t ngx_kafka_ws_interest_hold(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_topic_t *topic);
void ngx_kafka_ws_interest_drop(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_topic_t *topic);

/* asks the writer for the rings of a topic that is held, if it has none */
void ngx_kafka_ws_interest_ask(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_topic_t *topic);

/*
 * Says whether a topic that is held has its rings, or can get them beside all
 * others that are waited for.  Of two processes that hold and then ask for the
 * last room both may get a no, but never both a yes.
 * returns:   1 or 0
 * cost:      if it has none, a look at each topic
 */
ngx_uint_t ngx_kafka_ws_interest_room(ngx_kafka_ws_cluster_t *kwc,
    ngx_kafka_ws_topic_t *topic);

/* which processes live; cost: a system call for each slot in use */
void ngx_kafka_ws_interest_alive(ngx_kafka_ws_root_t *root,
    ngx_kafka_ws_alive_t *alive);

/* 1, if one of them wants the topic */
ngx_uint_t ngx_kafka_ws_interest_any(ngx_kafka_ws_topic_t *topic,
    ngx_kafka_ws_alive_t *alive);

/*
 * Takes a topic's rings out of sight, so that they may be freed.
 * returns:   NGX_OK; NGX_AGAIN: somebody wants it, and they are seen as before
 * where:     the writer
 */
ngx_int_t ngx_kafka_ws_interest_close(ngx_kafka_ws_topic_t *topic);


#endif /* _NGX_KAFKA_WS_INTEREST_H_INCLUDED_ */
