
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * How the writer wakes the processes that sleep: an eventfd for each process
 * slot of nginx, made by the master and inherited by all.
 */


#ifndef _NGX_KAFKA_WS_WAKEUP_H_INCLUDED_
#define _NGX_KAFKA_WS_WAKEUP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_kafka_ws_shm.h"


/*
 * Makes or widens the pool of eventfds: enough for a few generations of
 * workers that drain at the same time.
 * where:     init_module, not under "nginx -t"
 */
ngx_int_t ngx_kafka_ws_wakeup_init_module(ngx_cycle_t *cycle);

/*
 * Lets handler be called in this process's event loop after a wake-up.
 * returns:   NGX_OK; NGX_DECLINED: the pool has nothing for this process's
 *            slot, which then has to look by itself; NGX_ERROR
 * where:     init_process
 */
ngx_int_t ngx_kafka_ws_wakeup_listen(ngx_cycle_t *cycle,
    ngx_event_handler_pt handler);

/* takes one wake-up off the eventfd: to be called by the handler */
void ngx_kafka_ws_wakeup_take(void);

/*
 * Asks for the next wake-up.  The caller looks for news once more after it:
 * what was published before is then seen, what comes later wakes.
 */
void ngx_kafka_ws_wakeup_arm(ngx_kafka_ws_slot_t *slot);

/*
 * Says which streams the caller wants to be woken for.  To be said before it
 * looks for what there is of them.
 * streams:   NGX_KAFKA_WS_STREAM_WORDS
 */
void ngx_kafka_ws_wakeup_want(ngx_kafka_ws_slot_t *slot,
    const uint64_t *streams);

/*
 * Takes the streams that have news since the last call, of those wanted.
 * streams:   NGX_KAFKA_WS_STREAM_WORDS, set; a word of ones: or anything else
 *            may be new
 * returns:   1: there are any
 */
ngx_uint_t ngx_kafka_ws_wakeup_unread(ngx_kafka_ws_slot_t *slot,
    uint64_t *streams);

/*
 * Tells every process of what is new, if it has subscribers of it, and wakes
 * those that asked for it.
 * streams:   NGX_KAFKA_WS_STREAM_WORDS, what is new; NULL: tell and wake all
 * returns:   the number of eventfds written
 * where:     the writer, any thread, after it published
 */
ngx_uint_t ngx_kafka_ws_wakeup_notify(ngx_kafka_ws_root_t *root,
    const uint64_t *streams);

/*
 * returns:   1: a process has connections that want compressed frames; of
 *            processes beyond the pool it is not known, and they get plain
 *            frames, which are legal at any time
 * where:     the writer, once per batch; a load per process
 */
ngx_uint_t ngx_kafka_ws_wakeup_deflate(ngx_kafka_ws_root_t *root);


#endif /* _NGX_KAFKA_WS_WAKEUP_H_INCLUDED_ */
