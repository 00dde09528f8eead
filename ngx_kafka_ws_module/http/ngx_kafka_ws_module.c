
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_consumer.h"
#include "ngx_kafka_ws_handler.h"
#include "ngx_kafka_ws_shm.h"
#include "ngx_kafka_ws_status.h"
#include "ngx_kafka_ws_variables.h"
#include "ngx_kafka_ws_wakeup.h"
#include "ngx_kafka_ws_worker.h"


#define NGX_KAFKA_WS_STOP_TIMEOUT  300    /* ms for threads at the end */
#define NGX_KAFKA_WS_RETRY         1000   /* ms */


static ngx_int_t ngx_kafka_ws_init_module(ngx_cycle_t *cycle);
static void ngx_kafka_ws_retire(ngx_cycle_t *cycle,
    ngx_kafka_ws_main_conf_t *kwmcf);
static ngx_uint_t ngx_kafka_ws_in_use(ngx_kafka_ws_main_conf_t *kwmcf,
    ngx_kafka_ws_root_t *root);
static ngx_int_t ngx_kafka_ws_init_process(ngx_cycle_t *cycle);
static void ngx_kafka_ws_exit_process(ngx_cycle_t *cycle);
static void ngx_kafka_ws_single(ngx_event_t *ev);
static ngx_msec_t ngx_kafka_ws_module_manager(void *data);
static ngx_uint_t ngx_kafka_ws_orphan(ngx_kafka_ws_main_conf_t *kwmcf);


/* of the process that consumes: one for each cluster */

static ngx_kafka_ws_consumer_t  **ngx_kafka_ws_consumers;
static ngx_uint_t                 ngx_kafka_ws_nconsumers;
static ngx_event_t                ngx_kafka_ws_single_event;


static ngx_kafka_ws_hooks_t  ngx_kafka_ws_hooks = {
    ngx_kafka_ws_handler,
    ngx_kafka_ws_module_manager
};


static ngx_conf_enum_t  ngx_kafka_ws_values[] = {
    { ngx_string("auto"), 0 },
    { ngx_string("json"), 1 },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_kafka_ws_gaps[] = {
    { ngx_string("notify"), NGX_KAFKA_WS_GAP_ON_NOTIFY },
    { ngx_string("close"), NGX_KAFKA_WS_GAP_ON_CLOSE },
    { ngx_null_string, 0 }
};


static ngx_conf_post_t  ngx_kafka_ws_max_frame_post = {
    ngx_kafka_ws_socket_check_max_frame
};


static ngx_conf_post_t  ngx_kafka_ws_drain_post = {
    ngx_kafka_ws_conf_check_drain
};


static ngx_command_t  ngx_kafka_ws_commands[] = {

    { ngx_string("kafka_ws_cluster"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_kafka_ws_conf_cluster,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_max_connections"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_kafka_ws_main_conf_t, max_connections),
      NULL },

    { ngx_string("kafka_ws_drain"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_kafka_ws_main_conf_t, drain),
      &ngx_kafka_ws_drain_post },

    { ngx_string("kafka_ws"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_kafka_ws_conf_stream,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_kafka_ws_hooks },

    { ngx_string("kafka_ws_topic"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_loc_conf_t, topic),
      NULL },

    { ngx_string("kafka_ws_partition"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_kafka_ws_conf_partition,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_format"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_kafka_ws_conf_format,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_value"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_kafka_ws_args_choice,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_loc_conf_t, value_json),
      &ngx_kafka_ws_values },

    { ngx_string("kafka_ws_fields"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_ws_conf_fields,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_start"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_kafka_ws_conf_start,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_cursor"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_ws_conf_cursor,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_filter"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE3,
      ngx_kafka_ws_conf_filter,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_commands"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_kafka_ws_conf_commands,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_client_filter"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_ws_conf_client_filter,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_backfill"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_kafka_ws_conf_backfill,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_gap"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_kafka_ws_args_choice,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_loc_conf_t, gap),
      &ngx_kafka_ws_gaps },

    { ngx_string("kafka_ws_slow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_CONF_TAKE1234,
      ngx_kafka_ws_conf_slow,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("kafka_ws_ping"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_kafka_ws_socket_ping,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_loc_conf_t, socket),
      NULL },

    { ngx_string("kafka_ws_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_kafka_ws_socket_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_loc_conf_t, socket),
      NULL },

    { ngx_string("kafka_ws_max_frame"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_loc_conf_t, socket.max_frame),
      &ngx_kafka_ws_max_frame_post },

    { ngx_string("kafka_ws_deflate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_kafka_ws_socket_deflate,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_kafka_ws_loc_conf_t, socket),
      NULL },

    { ngx_string("kafka_ws_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_kafka_ws_conf_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_kafka_ws_module_ctx = {
    ngx_kafka_ws_add_variables,            /* preconfiguration */
    ngx_kafka_ws_postconfiguration,        /* postconfiguration */

    ngx_kafka_ws_create_main_conf,         /* create main configuration */
    ngx_kafka_ws_init_main_conf,           /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_kafka_ws_create_loc_conf,          /* create location configuration */
    ngx_kafka_ws_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_kafka_ws_module = {
    NGX_MODULE_V1,
    &ngx_kafka_ws_module_ctx,              /* module context */
    ngx_kafka_ws_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_kafka_ws_init_module,              /* init module */
    ngx_kafka_ws_init_process,             /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_kafka_ws_exit_process,             /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* an error here ends the master: all that can be checked was, while reading */

static ngx_int_t
ngx_kafka_ws_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i;
    ngx_kafka_ws_cluster_t    **kwc;
    ngx_kafka_ws_main_conf_t   *kwmcf;

    if (ngx_test_config) {
        return NGX_OK;
    }

    kwmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_kafka_ws_module);

    ngx_kafka_ws_retire(cycle, kwmcf);

    if (kwmcf == NULL || !kwmcf->used) {
        return NGX_OK;
    }

    if (ngx_kafka_ws_shm_init_module(cycle) != NGX_OK
        || ngx_kafka_ws_wakeup_init_module(cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    kwc = kwmcf->clusters.elts;

    for (i = 0; i < kwmcf->clusters.nelts; i++) {

        /* a zone without streams for a while is kept, and used again */

        ngx_kafka_ws_store_release(&kwc[i]->root->retired, 0);
        ngx_kafka_ws_shm_register(kwc[i]->root);
    }

    return NGX_OK;
}


/*
 * Tells the workers of the old cycle which zones nobody writes to any more.
 * The old zones are still mapped here, and stay so in the old workers.
 */

static void
ngx_kafka_ws_retire(ngx_cycle_t *cycle, ngx_kafka_ws_main_conf_t *kwmcf)
{
    ngx_uint_t               i;
    ngx_list_part_t         *part;
    ngx_shm_zone_t          *zone;
    ngx_kafka_ws_cluster_t  *kwc;

    part = &cycle->old_cycle->shared_memory.part;

    for ( /* void */ ; part; part = part->next) {
        zone = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (zone[i].tag != &ngx_kafka_ws_module) {
                continue;
            }

            kwc = zone[i].data;

            if (kwc->root && !ngx_kafka_ws_in_use(kwmcf, kwc->root)) {
                ngx_kafka_ws_store_release(&kwc->root->retired, 1);
            }
        }
    }
}


static ngx_uint_t
ngx_kafka_ws_in_use(ngx_kafka_ws_main_conf_t *kwmcf,
    ngx_kafka_ws_root_t *root)
{
    ngx_uint_t                i;
    ngx_kafka_ws_cluster_t  **kwc;

    if (kwmcf == NULL || !kwmcf->used) {
        return 0;
    }

    kwc = kwmcf->clusters.elts;

    for (i = 0; i < kwmcf->clusters.nelts; i++) {
        if (kwc[i]->root == root) {
            return 1;
        }
    }

    return 0;
}


/*
 * The helper process that the cache manager's callback runs in also comes by
 * here: it has no connections, and its consumers start with that callback.
 */

static ngx_int_t
ngx_kafka_ws_init_process(ngx_cycle_t *cycle)
{
    ngx_kafka_ws_main_conf_t  *kwmcf;

    kwmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_kafka_ws_module);

    if (kwmcf == NULL || !kwmcf->used || ngx_process == NGX_PROCESS_HELPER) {
        return NGX_OK;
    }

    if (ngx_process == NGX_PROCESS_SINGLE) {
        ngx_kafka_ws_single_event.handler = ngx_kafka_ws_single;
        ngx_kafka_ws_single_event.data = kwmcf;
        ngx_kafka_ws_single_event.log = cycle->log;
        ngx_kafka_ws_single_event.cancelable = 1;

        ngx_add_timer(&ngx_kafka_ws_single_event, 1);
    }

    return ngx_kafka_ws_worker_init(cycle, kwmcf);
}


/*
 * "master_process off": no helper is forked, this process consumes as well.
 */

static void
ngx_kafka_ws_single(ngx_event_t *ev)
{
    ngx_add_timer(ev, ngx_kafka_ws_module_manager(ev->data));
}


static void
ngx_kafka_ws_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    ngx_kafka_ws_worker_exit(cycle);

    for (i = 0; i < ngx_kafka_ws_nconsumers; i++) {
        ngx_kafka_ws_consumer_stop(ngx_kafka_ws_consumers[i],
                                   NGX_KAFKA_WS_STOP_TIMEOUT);
    }

    ngx_kafka_ws_nconsumers = 0;
}


/*
 * Called by the helper process every so many ms, as it says itself.
 */

static ngx_msec_t
ngx_kafka_ws_module_manager(void *data)
{
    ngx_kafka_ws_main_conf_t *kwmcf = data;

    ngx_msec_t                 next, n;
    ngx_uint_t                 i;
    ngx_kafka_ws_cluster_t   **kwc;

    kwc = kwmcf->clusters.elts;

    if (ngx_kafka_ws_orphan(kwmcf)) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "kafka ws: no master and no workers, exiting");
        ngx_quit = 1;
        return NGX_KAFKA_WS_RETRY;
    }

    if (ngx_kafka_ws_consumers == NULL) {

        ngx_kafka_ws_consumers = ngx_calloc(kwmcf->clusters.nelts
                                           * sizeof(ngx_kafka_ws_consumer_t *),
                                           ngx_cycle->log);
        if (ngx_kafka_ws_consumers == NULL) {
            return NGX_KAFKA_WS_RETRY;
        }
    }

    for (i = ngx_kafka_ws_nconsumers; i < kwmcf->clusters.nelts; i++) {

        ngx_kafka_ws_consumers[i] = ngx_kafka_ws_consumer_create(kwc[i],
                                                              ngx_cycle->log);
        if (ngx_kafka_ws_consumers[i] == NULL) {
            break;
        }

        ngx_kafka_ws_nconsumers++;
    }

    next = NGX_KAFKA_WS_RETRY;

    for (i = 0; i < ngx_kafka_ws_nconsumers; i++) {

        if (kwc[i]->nrenderings == 0) {
            /* no location streams it */
            continue;
        }

        n = ngx_kafka_ws_consumer_tick(ngx_kafka_ws_consumers[i]);
        next = ngx_min(next, n);
    }

    return next;
}


/*
 * Nobody signals a helper whose master was killed: it serves the workers that
 * are left, and goes after the last of them.
 */

static ngx_uint_t
ngx_kafka_ws_orphan(ngx_kafka_ws_main_conf_t *kwmcf)
{
    uint32_t                  pid;
    ngx_uint_t                i, k;
    ngx_kafka_ws_cluster_t  **kwc;

    if (ngx_process != NGX_PROCESS_HELPER || ngx_getppid() == ngx_parent) {
        return 0;
    }

    kwc = kwmcf->clusters.elts;

    for (i = 0; i < kwmcf->clusters.nelts; i++) {

        for (k = 0; k < NGX_KAFKA_WS_SLOTS; k++) {
            pid = ngx_kafka_ws_load_relaxed(&kwc[i]->root->slot[k].pid);

            if (pid && kill((ngx_pid_t) pid, 0) == 0) {
                return 0;
            }
        }
    }

    return 1;
}
