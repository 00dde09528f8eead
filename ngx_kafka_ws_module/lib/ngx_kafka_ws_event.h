
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * What the server itself has to say on a json stream, as whole unmasked text
 * frames at the beginning of the caller's buffer.
 *
 * In all of them:
 * buf, size: the caller's; bound: NGX_KAFKA_WS_EVENT_LEN or start_bound
 * topic:     NULL if the stream's records do not have it
 * returns:   bytes of the frame; 0 if size is too small
 */


#ifndef _NGX_KAFKA_WS_EVENT_H_INCLUDED_
#define _NGX_KAFKA_WS_EVENT_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "ngx_kafka_ws_record.h"


/*
 * Always enough for a gap or an idle event without a topic and with one of
 * Kafka's names (249 characters at most); for an error or an answer if its id
 * has no more than 64 bytes, its message or cursor no more than 256, and
 * neither these nor the topic anything to escape.
 */
#define NGX_KAFKA_WS_EVENT_LEN  704


/* the position of a partition at the beginning of a stream */

typedef enum {
    NGX_KAFKA_WS_STATE_START = 0,
    NGX_KAFKA_WS_STATE_RESUMED,
    NGX_KAFKA_WS_STATE_BACKFILLED,
    NGX_KAFKA_WS_STATE_GAP,
    NGX_KAFKA_WS_STATE_RESET
} ngx_kafka_ws_state_e;


typedef enum {
    NGX_KAFKA_WS_GAP_RETENTION = 0,
    NGX_KAFKA_WS_GAP_LAPPED,
    NGX_KAFKA_WS_GAP_TOO_LARGE,
    NGX_KAFKA_WS_GAP_RESET
} ngx_kafka_ws_gap_e;


/* an event in the making, in the caller's buffer; all of it private */

typedef struct {
    uint8_t                *buf;
    uint8_t                *pos;
    uint8_t                *last;
    unsigned                full;      /* something did not fit */
    unsigned                more;      /* the next entry takes a comma */
} ngx_kafka_ws_event_t;


/* enough for a start event of n partitions; SIZE_MAX if beyond size_t */
size_t ngx_kafka_ws_event_start_bound(const ngx_kafka_ws_span_t *topic,
    size_t n);

/*
 * {"event":"start","partitions":[
 *     {"partition":0,"offset":42,"state":"start"},...]}
 * is written by one begin, an add per partition and one end.  That returns
 * the frame's bytes, or 0 if anything did not fit.
 */
void ngx_kafka_ws_event_start_begin(ngx_kafka_ws_event_t *ev,
    uint8_t *buf, size_t size, const ngx_kafka_ws_span_t *topic);
void ngx_kafka_ws_event_start_add(ngx_kafka_ws_event_t *ev,
    int32_t partition, int64_t offset, ngx_kafka_ws_state_e state);
size_t ngx_kafka_ws_event_start_end(ngx_kafka_ws_event_t *ev);

/* {"event":"gap","partition":0,"from":10,"to":20,"reason":"retention"} */
size_t ngx_kafka_ws_event_gap(uint8_t *buf, size_t size,
    const ngx_kafka_ws_span_t *topic, int32_t partition, int64_t from,
    int64_t to, ngx_kafka_ws_gap_e reason);

/*
 * {"event":"error","id":7,"code":4404,"message":"..."}; not UTF-8: U+FFFD
 * id:       of the command that it answers, as that has it; NULL: of none
 */
size_t ngx_kafka_ws_event_error(uint8_t *buf, size_t size,
    const ngx_kafka_ws_span_t *id, const ngx_kafka_ws_span_t *topic,
    unsigned code, const ngx_kafka_ws_span_t *message);

/*
 * {"event":"paused","id":7,"topic":"prices","cursor":"0:42,1:7"}
 * name:     of the event
 * id:       as above
 * cursor:   NULL: without
 */
size_t ngx_kafka_ws_event_answer(uint8_t *buf, size_t size, const char *name,
    const ngx_kafka_ws_span_t *id, const ngx_kafka_ws_span_t *topic,
    const ngx_kafka_ws_span_t *cursor);

/* {"event":"idle"} */
size_t ngx_kafka_ws_event_idle(uint8_t *buf, size_t size,
    const ngx_kafka_ws_span_t *topic);

/* the words above; of an unknown value "unknown" */
const char *ngx_kafka_ws_state_name(ngx_kafka_ws_state_e state);
const char *ngx_kafka_ws_gap_name(ngx_kafka_ws_gap_e reason);


#endif /* _NGX_KAFKA_WS_EVENT_H_INCLUDED_ */
