
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Whether brokers can be reached, and what is said of it: one line when it
 * ends, one when it is back.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_kafka_ws_ingest.h"


#define NGX_KAFKA_WS_INGEST_COMPLAIN  30000   /* ms between lines on errors */


void
ngx_kafka_ws_ingest_error(void *data, const char *text, ngx_uint_t down)
{
    ngx_kafka_ws_ingest_t *ing = data;

    uint64_t                  now;
    ngx_kafka_ws_consumer_t  *c;

    c = ing->consumer;

    if (!down) {
        (void) ngx_cpystrn((u_char *) ing->error, (u_char *) text,
                           NGX_KAFKA_WS_LINE_LEN);

        if (!ngx_kafka_ws_load_relaxed(&c->writer)) {
            /* the zone is another's yet */
            return;
        }

        ngx_kafka_ws_shm_set_error(ing->root, text);

        now = ngx_kafka_ws_shm_now();

        if (ing->root->broker == NGX_KAFKA_WS_BROKER_UP
            && (ing->complained == 0
                || now - ing->complained > NGX_KAFKA_WS_INGEST_COMPLAIN))
        {
            ing->complained = now;
            ngx_kafka_ws_consumer_log(c, NGX_LOG_WARN, "%s", text);
        }

        return;
    }

    (void) ngx_kafka_ws_fetch_add(&c->outages, 1);

    (void) pthread_mutex_lock(&c->mutex);

    ngx_kafka_ws_store_relaxed(&c->reached, 0);
    c->hurry = 1;
    (void) pthread_cond_signal(&c->cond);

    (void) pthread_mutex_unlock(&c->mutex);

    if (!ngx_kafka_ws_load_relaxed(&c->writer)) {
        /* librdkafka says so once: see ngx_kafka_ws_ingest_began() */
        ing->down = 1;
        return;
    }

    ngx_kafka_ws_ingest_set_state(ing, NGX_KAFKA_WS_BROKER_DOWN);
}


void
ngx_kafka_ws_ingest_began(ngx_kafka_ws_ingest_t *ing)
{
    ngx_kafka_ws_ingest_set_state(ing, NGX_KAFKA_WS_BROKER_CONNECTING);

    if (ing->down && !ngx_kafka_ws_load_relaxed(&ing->consumer->reached)) {
        ngx_kafka_ws_shm_set_error(ing->root, ing->error);
        ngx_kafka_ws_ingest_set_state(ing, NGX_KAFKA_WS_BROKER_DOWN);
    }
}


void
ngx_kafka_ws_ingest_state(ngx_kafka_ws_ingest_t *ing)
{
    ngx_kafka_ws_consumer_t  *c;

    c = ing->consumer;

    if (ngx_kafka_ws_load_acquire(&c->queried) == 0) {
        return;
    }

    if (ngx_kafka_ws_load_relaxed(&c->reached)) {
        ngx_kafka_ws_ingest_set_state(ing, NGX_KAFKA_WS_BROKER_UP);
        return;
    }

    if (ing->root->broker == NGX_KAFKA_WS_BROKER_DOWN) {
        return;
    }

    if (ing->error[0] == '\0') {
        (void) pthread_mutex_lock(&c->mutex);
        (void) ngx_cpystrn((u_char *) ing->error, (u_char *) c->query_error,
                           NGX_KAFKA_WS_LINE_LEN);
        (void) pthread_mutex_unlock(&c->mutex);

        ngx_kafka_ws_shm_set_error(ing->root, ing->error);
    }

    ngx_kafka_ws_ingest_set_state(ing, NGX_KAFKA_WS_BROKER_DOWN);
}


void
ngx_kafka_ws_ingest_set_state(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_broker_state_e state)
{
    uint32_t             old;
    struct timeval       tv;
    ngx_kafka_ws_root_t *root;

    root = ing->root;
    old = root->broker;

    if (old == (uint32_t) state && root->broker_since) {
        return;
    }

    ngx_gettimeofday(&tv);

    ngx_kafka_ws_store_relaxed(&root->broker, (uint32_t) state);
    ngx_kafka_ws_store_relaxed(&root->broker_since,
                               (uint64_t) tv.tv_sec * 1000
                               + tv.tv_usec / 1000);

    if (state == NGX_KAFKA_WS_BROKER_DOWN) {
        ing->outage = ngx_kafka_ws_shm_now();
        ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_ERR,
                                  "no broker can be reached: %s", ing->error);

    } else if (state == NGX_KAFKA_WS_BROKER_UP) {

        if (ing->outage) {
            ngx_kafka_ws_consumer_log(ing->consumer, NGX_LOG_NOTICE,
                         "broker reached again after %llu ms",
                         (unsigned long long)
                         (ngx_kafka_ws_shm_now() - ing->outage));
        }

        ing->outage = 0;
        ing->error[0] = '\0';
        ngx_kafka_ws_shm_set_error(root, "");
    }
}
