
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * The status page: what the zones' roots and counters say, as one JSON
 * document.  Nothing is locked: counters are exact each, but not all of the
 * same moment.  No client data is on it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_kafka_ws_conf.h"
#include "ngx_kafka_ws_json_doc.h"
#include "ngx_kafka_ws_segment.h"
#include "ngx_kafka_ws_shm.h"
#include "ngx_kafka_ws_status.h"
#include "ngx_kafka_ws_subscriber.h"


typedef struct {
    const char                 *name;
    size_t                      offset;      /* in ngx_kafka_ws_counters_t */
} ngx_kafka_ws_status_counter_t;


static ngx_int_t ngx_kafka_ws_status_handler(ngx_http_request_t *r);
static ngx_int_t ngx_kafka_ws_status_send(ngx_http_request_t *r, char *text,
    size_t len);
static void ngx_kafka_ws_status_page(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_main_conf_t *kwmcf);
static void ngx_kafka_ws_status_cluster(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_cluster_t *kwc);
static void ngx_kafka_ws_status_zone(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_cluster_t *kwc);
static void ngx_kafka_ws_status_writer(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root);
static void ngx_kafka_ws_status_backfill(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root);
static void ngx_kafka_ws_status_counters(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root);
static void ngx_kafka_ws_status_closes(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root);
static void ngx_kafka_ws_status_refusals(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root);
static void ngx_kafka_ws_status_string(ngx_kafka_ws_json_doc_t *doc,
    const char *name, u_char *p, size_t size);


#define ngx_kafka_ws_status_counter(name)                                     \
    { #name, offsetof(ngx_kafka_ws_counters_t, name) }

static ngx_kafka_ws_status_counter_t  ngx_kafka_ws_status_sums[] = {
    ngx_kafka_ws_status_counter(connections),
    ngx_kafka_ws_status_counter(accepted),
    ngx_kafka_ws_status_counter(frames),
    ngx_kafka_ws_status_counter(bytes),
    ngx_kafka_ws_status_counter(sends),
    ngx_kafka_ws_status_counter(events),
    ngx_kafka_ws_status_counter(wakes),
    ngx_kafka_ws_status_counter(passes),
    ngx_kafka_ws_status_counter(copies),
    ngx_kafka_ws_status_counter(copied),
    ngx_kafka_ws_status_counter(lapped),
    ngx_kafka_ws_status_counter(gaps),
    ngx_kafka_ws_status_counter(slow),
    { NULL, 0 }
};


/* in the order of ngx_kafka_ws_refusal_e */

static const char  *ngx_kafka_ws_status_reasons[NGX_KAFKA_WS_REFUSED_MAX] = {
    "method",
    "version",
    "body",
    "upgrade",
    "key",
    "subprotocol",
    "origin",
    "topic",
    "partition",
    "filter",
    "start",
    "cursor",
    "not_ready",
    "no_memory",
    "connections"
};


static ngx_str_t  ngx_kafka_ws_status_type = ngx_string("application/json");


static ngx_int_t
ngx_kafka_ws_status_handler(ngx_http_request_t *r)
{
    char                      *text;
    size_t                     len;
    ngx_int_t                  rc;
    ngx_kafka_ws_json_doc_t    doc;
    ngx_kafka_ws_main_conf_t  *kwmcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    kwmcf = ngx_http_get_module_main_conf(r, ngx_kafka_ws_module);

    ngx_kafka_ws_json_doc_init(&doc);
    ngx_kafka_ws_status_page(&doc, kwmcf);

    text = ngx_kafka_ws_json_doc_print(&doc, &len);

    if (text == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "kafka ws status page failed, error %d",
                      (int) doc.error);
    }

    ngx_kafka_ws_json_doc_destroy(&doc);

    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_kafka_ws_status_send(r, text, len);

    free(text);

    return rc;
}


static ngx_int_t
ngx_kafka_ws_status_send(ngx_http_request_t *r, char *text, size_t len)
{
    ngx_table_elt_t           *h;
    ngx_http_complex_value_t   cv;

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));

    cv.value.len = len;
    cv.value.data = ngx_pnalloc(r->pool, len);
    if (cv.value.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(cv.value.data, text, len);

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "Cache-Control");
    ngx_str_set(&h->value, "no-store");

    return ngx_http_send_response(r, NGX_HTTP_OK, &ngx_kafka_ws_status_type,
                                  &cv);
}


static void
ngx_kafka_ws_status_page(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_main_conf_t *kwmcf)
{
    ngx_uint_t                i;
    ngx_kafka_ws_cluster_t  **kwc;

    ngx_kafka_ws_json_doc_cstring(doc, "nginx", NGINX_VERSION);
    ngx_kafka_ws_json_doc_int(doc, "pid", ngx_pid);

    /* configurations since the master began; without a stream none counts */

    ngx_kafka_ws_json_doc_uint(doc, "generation",
                               kwmcf->used ? ngx_kafka_ws_shm_generation()
                                           : 0);
    ngx_kafka_ws_json_doc_array(doc, "clusters");

    kwc = kwmcf->clusters.elts;

    for (i = 0; i < kwmcf->clusters.nelts; i++) {
        ngx_kafka_ws_status_cluster(doc, kwc[i]);
    }

    ngx_kafka_ws_json_doc_end(doc);
}


static void
ngx_kafka_ws_status_cluster(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_cluster_t *kwc)
{
    ngx_kafka_ws_root_t  *root;

    root = kwc->root;

    ngx_kafka_ws_json_doc_object(doc, NULL);
    ngx_kafka_ws_json_doc_string(doc, "name", kwc->name.data, kwc->name.len);

    ngx_kafka_ws_status_zone(doc, kwc);
    ngx_kafka_ws_status_writer(doc, root);
    ngx_kafka_ws_status_rings(doc, root);
    ngx_kafka_ws_status_backfill(doc, root);
    ngx_kafka_ws_status_counters(doc, root);
    ngx_kafka_ws_status_closes(doc, root);
    ngx_kafka_ws_status_refusals(doc, root);

    ngx_kafka_ws_json_doc_uint(doc, "renderings", kwc->nrenderings);
    ngx_kafka_ws_status_topics(doc, kwc);

    ngx_kafka_ws_json_doc_end(doc);
}


static void
ngx_kafka_ws_status_zone(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_cluster_t *kwc)
{
    ngx_kafka_ws_json_doc_object(doc, "zone");
    ngx_kafka_ws_json_doc_string(doc, "name", kwc->zone.data, kwc->zone.len);
    ngx_kafka_ws_json_doc_uint(doc, "size", kwc->shm_zone->shm.size);
    ngx_kafka_ws_json_doc_uint(doc, "free",
                               ngx_kafka_ws_load_relaxed(&kwc->root->nfree)
                               * ngx_pagesize);
    ngx_kafka_ws_json_doc_end(doc);
}


static void
ngx_kafka_ws_status_writer(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root)
{
    u_char    error[NGX_KAFKA_WS_ERROR_LEN];
    uint64_t  now, beat;
    uint32_t  pid, state;

    static const char  *states[] = { "connecting", "up", "down" };

    pid = ngx_kafka_ws_load_relaxed(&root->pid);
    beat = ngx_kafka_ws_load_relaxed(&root->heartbeat);
    state = ngx_kafka_ws_load_relaxed(&root->broker);
    now = ngx_kafka_ws_shm_now();

    ngx_kafka_ws_json_doc_uint(doc, "epoch",
                               ngx_kafka_ws_load_relaxed(&root->epoch));

    if (pid) {
        ngx_kafka_ws_json_doc_uint(doc, "helper_pid", pid);

    } else {
        ngx_kafka_ws_json_doc_null(doc, "helper_pid");
    }

    if (beat) {
        ngx_kafka_ws_json_doc_uint(doc, "heartbeat_age_ms",
                                   now > beat ? now - beat : 0);

    } else {
        ngx_kafka_ws_json_doc_null(doc, "heartbeat_age_ms");
    }

    ngx_kafka_ws_shm_get_error(root, error);

    ngx_kafka_ws_json_doc_object(doc, "broker");
    ngx_kafka_ws_json_doc_cstring(doc, "state",
                                  states[ngx_min(state, 2)]);
    ngx_kafka_ws_json_doc_uint(doc, "since_ms",
                               ngx_kafka_ws_load_relaxed(&root->broker_since));
    ngx_kafka_ws_status_string(doc, "error", error, sizeof(error));
    ngx_kafka_ws_json_doc_end(doc);

    ngx_kafka_ws_status_string(doc, "kafka_cluster_id", root->kafka,
                               sizeof(root->kafka));

    ngx_kafka_ws_json_doc_uint(doc, "records",
                               ngx_kafka_ws_load_relaxed(&root->records));
    ngx_kafka_ws_json_doc_uint(doc, "batches",
                               ngx_kafka_ws_load_relaxed(&root->batches));
    ngx_kafka_ws_json_doc_uint(doc, "wakes_sent",
                               ngx_kafka_ws_load_relaxed(&root->wakes));
}


static void
ngx_kafka_ws_status_backfill(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root)
{
    ngx_kafka_ws_json_doc_object(doc, "backfill");
    ngx_kafka_ws_json_doc_uint(doc, "segments",
                               ngx_kafka_ws_segment_count(root));
    ngx_kafka_ws_json_doc_uint(doc, "reads",
                               ngx_kafka_ws_load_relaxed(&root->reads));
    ngx_kafka_ws_json_doc_uint(doc, "records",
                               ngx_kafka_ws_load_relaxed(&root->read_records));
    ngx_kafka_ws_json_doc_uint(doc, "bytes",
                               ngx_kafka_ws_load_relaxed(&root->read_bytes));
    ngx_kafka_ws_json_doc_uint(doc, "starts", ngx_kafka_ws_shm_sum(root,
                         offsetof(ngx_kafka_ws_counters_t, backfilled)));
    ngx_kafka_ws_json_doc_uint(doc, "given_up", ngx_kafka_ws_shm_sum(root,
                         offsetof(ngx_kafka_ws_counters_t, given_up)));
    ngx_kafka_ws_json_doc_end(doc);
}


static void
ngx_kafka_ws_status_counters(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root)
{
    ngx_kafka_ws_status_counter_t  *sum;

    for (sum = ngx_kafka_ws_status_sums; sum->name; sum++) {
        ngx_kafka_ws_json_doc_uint(doc, sum->name,
                                   ngx_kafka_ws_shm_sum(root, sum->offset));
    }
}


static void
ngx_kafka_ws_status_closes(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root)
{
    u_char      name[NGX_INT_T_LEN + 1];
    uint64_t    n;
    ngx_uint_t  i;

    ngx_kafka_ws_json_doc_object(doc, "closes");

    for (i = 0; i < NGX_KAFKA_WS_CLOSES; i++) {
        n = ngx_kafka_ws_shm_sum(root,
                                 offsetof(ngx_kafka_ws_counters_t, closes)
                                 + i * sizeof(uint64_t));

        if (ngx_kafka_ws_close_codes[i]) {
            *ngx_sprintf(name, "%ud",
                         (uint32_t) ngx_kafka_ws_close_codes[i]) = '\0';
            ngx_kafka_ws_json_doc_uint(doc, (char *) name, n);

        } else if (i == NGX_KAFKA_WS_CLOSES - 1) {
            ngx_kafka_ws_json_doc_uint(doc, "other", n);
        }
    }

    ngx_kafka_ws_json_doc_end(doc);
}


static void
ngx_kafka_ws_status_refusals(ngx_kafka_ws_json_doc_t *doc,
    ngx_kafka_ws_root_t *root)
{
    uint64_t    n;
    ngx_uint_t  i;

    ngx_kafka_ws_json_doc_object(doc, "refusals");

    for (i = 0; i < NGX_KAFKA_WS_REFUSED_MAX; i++) {
        n = ngx_kafka_ws_shm_sum(root,
                                 offsetof(ngx_kafka_ws_counters_t, refused)
                                 + i * sizeof(uint64_t));

        ngx_kafka_ws_json_doc_uint(doc, ngx_kafka_ws_status_reasons[i], n);
    }

    ngx_kafka_ws_json_doc_end(doc);
}


/* a string that ends with a zero or with its array; an empty one is null */

static void
ngx_kafka_ws_status_string(ngx_kafka_ws_json_doc_t *doc, const char *name,
    u_char *p, size_t size)
{
    u_char  *last;

    last = ngx_strlchr(p, p + size, '\0');

    if (last == NULL) {
        last = p + size;
    }

    if (last == p) {
        p = NULL;
        last = NULL;
    }

    ngx_kafka_ws_json_doc_string(doc, name, p, last - p);
}


char *
ngx_kafka_ws_conf_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_kafka_ws_loc_conf_t  *kwlcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (kwlcf->status) {
        return "is duplicate";
    }

    if (kwlcf->name.data) {
        return "stands in the same location as \"kafka_ws\"";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2
        && (value[1].len != 4
            || ngx_strncmp(value[1].data, "json", 4) != 0))
    {
        return ngx_kafka_ws_args_invalid(cf, &value[1], "json");
    }

    kwlcf->status = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_kafka_ws_status_handler;

    return NGX_CONF_OK;
}
