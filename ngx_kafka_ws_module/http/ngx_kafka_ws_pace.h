
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Pauses of clients that send without end.  Their sockets are not watched
 * for a while, so that TCP holds them back, and are read again in turn, a
 * few in a millisecond: however many there are, and whatever they send, the
 * worker has time for the others.
 */


#ifndef _NGX_KAFKA_WS_PACE_H_INCLUDED_
#define _NGX_KAFKA_WS_PACE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/* of one connection, in the memory of its owner; all zero: no pause */

typedef struct {
    ngx_queue_t   queue;        /* next is NULL: no pause */
    ngx_event_t  *rev;
    ngx_msec_t    due;
} ngx_kafka_ws_pace_t;


#define ngx_kafka_ws_paused(pace)  ((pace)->queue.next != NULL)


/*
 * No event of rev comes for at least 50 ms, then its handler is called as if
 * there were something to read.  The caller leaves the event alone until
 * then (no ngx_handle_read_event()).  Nothing to do if it has a pause.
 * returns:  NGX_OK; NGX_ERROR: of the event method
 * where:    a worker's event loop
 */
ngx_int_t ngx_kafka_ws_pace(ngx_kafka_ws_pace_t *pace, ngx_event_t *rev);

/* before the connection or the memory of pace is gone */
void ngx_kafka_ws_pace_end(ngx_kafka_ws_pace_t *pace);


#endif /* _NGX_KAFKA_WS_PACE_H_INCLUDED_ */
