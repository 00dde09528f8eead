
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * A process that has nothing left to do stores armed = 1 and looks for marks
 * once more; the writer publishes, marks and then looks at armed.  With a full
 * fence between any two of these one of them sees the other: no wake-up is
 * lost, and none is sent to a process that is busy.  The same holds for a mark
 * that is taken and what it stands for, and for the streams that are wanted.
 *
 * The slot is ngx_process_slot: unique among the living children of a master,
 * also while the workers of several configurations drain.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_channel.h>

#include <sys/eventfd.h>

#include "ngx_kafka_ws_wakeup.h"


#define NGX_KAFKA_WS_WAKEUP_PER_WORKER  4
#define NGX_KAFKA_WS_WAKEUP_SPARE       32


static ngx_uint_t ngx_kafka_ws_wakeup_tell(ngx_kafka_ws_slot_t *slot,
    const uint64_t *streams);


static ngx_fd_t    ngx_kafka_ws_wakeup_fds[NGX_KAFKA_WS_SLOTS];
static ngx_uint_t  ngx_kafka_ws_wakeup_nfds;


ngx_int_t
ngx_kafka_ws_wakeup_init_module(ngx_cycle_t *cycle)
{
    ngx_fd_t          fd;
    ngx_uint_t        n;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    n = NGX_KAFKA_WS_WAKEUP_SPARE
        + NGX_KAFKA_WS_WAKEUP_PER_WORKER * (ngx_uint_t) ccf->worker_processes;

    n = ngx_min(n, NGX_KAFKA_WS_SLOTS - 1);

    while (ngx_kafka_ws_wakeup_nfds < n) {

        fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (fd == -1) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                          "eventfd() failed");
            return NGX_ERROR;
        }

        ngx_kafka_ws_wakeup_fds[ngx_kafka_ws_wakeup_nfds++] = fd;
    }

    return NGX_OK;
}


ngx_int_t
ngx_kafka_ws_wakeup_listen(ngx_cycle_t *cycle, ngx_event_handler_pt handler)
{
    if (ngx_process_slot < 0
        || (ngx_uint_t) ngx_process_slot >= ngx_kafka_ws_wakeup_nfds)
    {
        return NGX_DECLINED;
    }

    return ngx_add_channel_event(cycle,
                                 ngx_kafka_ws_wakeup_fds[ngx_process_slot],
                                 NGX_READ_EVENT, handler);
}


void
ngx_kafka_ws_wakeup_take(void)
{
    uint64_t  n;

    /* nothing to take is no error: another cluster's wake-up was with it */
    (void) !read(ngx_kafka_ws_wakeup_fds[ngx_process_slot], &n, sizeof(n));
}


void
ngx_kafka_ws_wakeup_arm(ngx_kafka_ws_slot_t *slot)
{
    ngx_kafka_ws_store_relaxed(&slot->armed, 1);
    ngx_kafka_ws_fence_full();
}


void
ngx_kafka_ws_wakeup_want(ngx_kafka_ws_slot_t *slot, const uint64_t *streams)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_KAFKA_WS_STREAM_WORDS; i++) {
        ngx_kafka_ws_store_relaxed(&slot->streams[i], streams[i]);
    }

    /* the next look at what there is stands behind it, as behind "armed" */
    ngx_kafka_ws_fence_full();
}


ngx_uint_t
ngx_kafka_ws_wakeup_notify(ngx_kafka_ws_root_t *root, const uint64_t *streams)
{
    uint64_t              one;
    ngx_uint_t            i, n;
    ngx_kafka_ws_slot_t  *slot;

    ngx_kafka_ws_fence_full();

    one = 1;
    n = 0;

    for (i = 0; i < ngx_kafka_ws_wakeup_nfds; i++) {
        slot = &root->slot[i];

        if (!ngx_kafka_ws_wakeup_tell(slot, streams)
            || ngx_kafka_ws_load_relaxed(&slot->armed) == 0
            || ngx_kafka_ws_exchange(&slot->armed, 0) == 0)
        {
            continue;
        }

        /* full only if its process is gone and nobody reads */
        (void) !write(ngx_kafka_ws_wakeup_fds[i], &one, sizeof(one));
        n++;
    }

    return n;
}


/*
 * What is set already is not taken yet: the process will look after this.
 * returns:  1: it wants any of it
 */

static ngx_uint_t
ngx_kafka_ws_wakeup_tell(ngx_kafka_ws_slot_t *slot, const uint64_t *streams)
{
    uint64_t    bits;
    ngx_uint_t  i, wanted;

    if (ngx_kafka_ws_load_relaxed(&slot->pid) == 0) {
        return 0;
    }

    wanted = 0;

    for (i = 0; i < NGX_KAFKA_WS_STREAM_WORDS; i++) {

        bits = streams ? streams[i]
                         & ngx_kafka_ws_load_relaxed(&slot->streams[i])
                       : UINT64_MAX;

        if (bits == 0) {
            continue;
        }

        wanted = 1;

        if (bits & ~ngx_kafka_ws_load_relaxed(&slot->unread[i])) {
            (void) ngx_kafka_ws_fetch_or(&slot->unread[i], bits);
        }
    }

    if (wanted) {
        /* "armed" is looked at behind it */
        ngx_kafka_ws_fence_full();
    }

    return wanted;
}


ngx_uint_t
ngx_kafka_ws_wakeup_unread(ngx_kafka_ws_slot_t *slot, uint64_t *streams)
{
    ngx_uint_t  i, any;

    any = 0;

    for (i = 0; i < NGX_KAFKA_WS_STREAM_WORDS; i++) {
        streams[i] = 0;

        if (ngx_kafka_ws_load_relaxed(&slot->unread[i])) {
            streams[i] = ngx_kafka_ws_exchange(&slot->unread[i], 0);
            any = 1;
        }
    }

    if (any) {
        /* what is looked at for it stands behind it */
        ngx_kafka_ws_fence_full();
    }

    return any;
}


ngx_uint_t
ngx_kafka_ws_wakeup_deflate(ngx_kafka_ws_root_t *root)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_kafka_ws_wakeup_nfds; i++) {
        if (ngx_kafka_ws_load_relaxed(&root->slot[i].deflate)) {
            return 1;
        }
    }

    return 0;
}
