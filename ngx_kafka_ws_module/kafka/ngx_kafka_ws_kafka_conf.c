
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_kafka_conf.h"


typedef struct {
    const char  *name;
    const char  *value;
} ngx_kafka_ws_kafka_setting_t;


static rd_kafka_conf_t *ngx_kafka_ws_kafka_conf(ngx_kafka_ws_cluster_t *kwc,
    ngx_uint_t older, char *error);
static ngx_int_t ngx_kafka_ws_kafka_set(rd_kafka_conf_t *conf,
    ngx_kafka_ws_kafka_setting_t *set, char *error);
static void ngx_kafka_ws_kafka_log(const rd_kafka_t *rk, int level,
    const char *fac, const char *buf);


/* what a cluster block may override */

static ngx_kafka_ws_kafka_setting_t  ngx_kafka_ws_kafka_defaults[] = {
    { "client.id", "ngx_kafka_ws" },
    { "socket.nagle.disable", "true" },
    { "socket.keepalive.enable", "true" },
    { "reconnect.backoff.ms", "50" },
    { "reconnect.backoff.max.ms", "500" },
    /* a partition that is added waits for the fetch under way: short */
    { "fetch.wait.max.ms", "100" },
    { "fetch.error.backoff.ms", "50" },
    { "topic.metadata.refresh.interval.ms", "30000" },

    /* the bytes are the bound: running into the number of messages would
       hold a partition back for up to a second */
    { "queued.min.messages", "1000000" },
    { "queued.max.messages.kbytes", "16384" },
    { NULL, NULL }
};


/*
 * What is fetched beyond the end of a range was fetched for nothing.  When a
 * partition's queue is full librdkafka fetches no more of it, and may find out
 * a second later that it is not full any more: one request brings less.
 */

static ngx_kafka_ws_kafka_setting_t  ngx_kafka_ws_kafka_older[] = {
    { "fetch.message.max.bytes", "262144" },
    { "queued.max.messages.kbytes", "768" },
    { NULL, NULL }
};


/* what it may not; see ngx_kafka_ws_kafka_props.c */

static ngx_kafka_ws_kafka_setting_t  ngx_kafka_ws_kafka_fixed[] = {
    { "group.id", "ngx_kafka_ws" },     /* assigning needs one, no more */
    { "enable.auto.commit", "false" },
    { "enable.auto.offset.store", "false" },
    { "auto.offset.reset", "error" },
    { "isolation.level", "read_committed" },
    { "enable.partition.eof", "true" },
    { "allow.auto.create.topics", "false" },
    { NULL, NULL }
};


ngx_int_t
ngx_kafka_ws_kafka_check(ngx_str_t *name, ngx_str_t *value, char *error)
{
    ngx_int_t                      rc;
    rd_kafka_conf_t               *conf;
    ngx_kafka_ws_kafka_setting_t   set[2];

    conf = rd_kafka_conf_new();

    set[0].name = (char *) name->data;
    set[0].value = (char *) value->data;
    set[1].name = NULL;

    rc = ngx_kafka_ws_kafka_set(conf, set, error);

    rd_kafka_conf_destroy(conf);

    return rc;
}


rd_kafka_t *
ngx_kafka_ws_kafka_new(ngx_kafka_ws_cluster_t *kwc,
    void (*error_cb)(rd_kafka_t *rk, int err, const char *reason,
    void *opaque), void *opaque, ngx_uint_t older, char *error)
{
    rd_kafka_t           *rk;
    ngx_uint_t            lacks;
    const char           *reason;
    rd_kafka_conf_t      *conf;
    rd_kafka_event_t     *event;
    rd_kafka_queue_t     *queue;
    rd_kafka_resp_err_t   err;

    conf = ngx_kafka_ws_kafka_conf(kwc, older, error);
    if (conf == NULL) {
        return NULL;
    }

    /* else librdkafka writes to standard error */
    rd_kafka_conf_set_log_cb(conf, ngx_kafka_ws_kafka_log);

    rd_kafka_conf_set_error_cb(conf, error_cb);
    rd_kafka_conf_set_opaque(conf, opaque);

    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error,
                      NGX_KAFKA_WS_KAFKA_ERROR_LEN);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }

    /*
     * A handle that could not start the thread of a bootstrap broker would
     * wait for it for ever, and says so only here.
     */

    lacks = 0;
    queue = rd_kafka_queue_get_main(rk);

    while ((event = rd_kafka_queue_poll(queue, 0)) != NULL) {
        err = rd_kafka_event_error(event);
        reason = rd_kafka_event_error_string(event);

        if (err == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE) {
            ngx_kafka_ws_kafka_text(error, reason);
            lacks = 1;

        } else if (err) {
            error_cb(rk, err, reason, opaque);
        }

        rd_kafka_event_destroy(event);
    }

    rd_kafka_queue_destroy(queue);

    if (lacks) {
        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return NULL;
    }

    return rk;
}


static rd_kafka_conf_t *
ngx_kafka_ws_kafka_conf(ngx_kafka_ws_cluster_t *kwc, ngx_uint_t older,
    char *error)
{
    ngx_uint_t                     i;
    ngx_keyval_t                  *kv;
    rd_kafka_conf_t               *conf;
    ngx_kafka_ws_kafka_setting_t   set[2];

    conf = rd_kafka_conf_new();

    set[1].name = NULL;

    set[0].name = "bootstrap.servers";
    set[0].value = (char *) kwc->brokers.data;

    if (ngx_kafka_ws_kafka_set(conf, set, error) != NGX_OK
        || ngx_kafka_ws_kafka_set(conf, ngx_kafka_ws_kafka_defaults, error)
           != NGX_OK)
    {
        goto failed;
    }

    kv = kwc->properties.elts;

    for (i = 0; i < kwc->properties.nelts; i++) {
        set[0].name = (char *) kv[i].key.data;
        set[0].value = (char *) kv[i].value.data;

        if (ngx_kafka_ws_kafka_set(conf, set, error) != NGX_OK) {
            goto failed;
        }
    }

    if (older
        && ngx_kafka_ws_kafka_set(conf, ngx_kafka_ws_kafka_older, error)
           != NGX_OK)
    {
        goto failed;
    }

    if (ngx_kafka_ws_kafka_set(conf, ngx_kafka_ws_kafka_fixed, error)
        != NGX_OK)
    {
        goto failed;
    }

    return conf;

failed:

    rd_kafka_conf_destroy(conf);

    return NULL;
}


static ngx_int_t
ngx_kafka_ws_kafka_set(rd_kafka_conf_t *conf,
    ngx_kafka_ws_kafka_setting_t *set, char *error)
{
    for ( /* void */ ; set->name; set++) {
        if (rd_kafka_conf_set(conf, set->name, set->value, error,
                              NGX_KAFKA_WS_KAFKA_ERROR_LEN)
            != RD_KAFKA_CONF_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * librdkafka's lines repeat at its own pace and from its own threads; what
 * matters comes as errors and is logged on change.
 */

static void
ngx_kafka_ws_kafka_log(const rd_kafka_t *rk, int level, const char *fac,
    const char *buf)
{
    /* void */
}


void
ngx_kafka_ws_kafka_text(char *error, const char *text)
{
    (void) ngx_cpystrn((u_char *) error, (u_char *) text,
                       NGX_KAFKA_WS_KAFKA_ERROR_LEN);
}
