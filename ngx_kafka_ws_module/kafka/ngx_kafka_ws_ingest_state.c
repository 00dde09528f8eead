
/*
 * Copyright (C) ngx_kafka_ws_module contributors
 *
 * Whether brokers can be reached and partitions be fetched, and what is said
 * of it: one line when that ends, one when it is back.  What comes and goes
 * more often than a log can bear is counted.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <stdio.h>

#include "ngx_kafka_ws_ingest.h"


#define NGX_KAFKA_WS_INGEST_MINUTE  60000   /* ms */
#define NGX_KAFKA_WS_INGEST_OVER    3000    /* ms without an error: it is over;
                                               librdkafka repeats most */
#define NGX_KAFKA_WS_INGEST_FORGET  30000   /* ms, an error in the status */
#define NGX_KAFKA_WS_INGEST_HOLD    1000    /* ms until they are told */
#define NGX_KAFKA_WS_INGEST_DOWN    "no broker can be reached: "
#define NGX_KAFKA_WS_INGEST_REPEAT  30000   /* ms, those that just happen */


static void ngx_kafka_ws_ingest_complain(ngx_kafka_ws_ingest_t *ing,
    uint64_t now);
static void ngx_kafka_ws_ingest_down(ngx_kafka_ws_ingest_t *ing,
    const char *text);
static void ngx_kafka_ws_ingest_failed(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part, const char *text, ngx_uint_t once);
static ngx_uint_t ngx_kafka_ws_ingest_say(ngx_kafka_ws_ingest_t *ing,
    ngx_uint_t level, const char *prefix);
static void ngx_kafka_ws_ingest_unsaid(ngx_kafka_ws_ingest_t *ing);
static ngx_uint_t ngx_kafka_ws_ingest_line(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_line_kind_e kind, ngx_uint_t level, const char *prefix);
static void ngx_kafka_ws_ingest_forget(ngx_kafka_ws_ingest_t *ing);


void
ngx_kafka_ws_ingest_error(void *data, void *opaque, const char *text,
    ngx_uint_t what)
{
    ngx_kafka_ws_ingest_t *ing = data;

    if (what == NGX_KAFKA_WS_KAFKA_DOWN) {
        ngx_kafka_ws_ingest_down(ing, text);
        return;
    }

    ing->errored = ngx_kafka_ws_shm_now();

    if (opaque) {
        ngx_kafka_ws_ingest_failed(ing, opaque, text,
                                   what == NGX_KAFKA_WS_KAFKA_ONCE);
        return;
    }

    (void) ngx_cpystrn((u_char *) ing->error, (u_char *) text,
                       NGX_KAFKA_WS_LINE_LEN);

    if (!ngx_kafka_ws_load_relaxed(&ing->consumer->writer)) {
        /* the zone is another's yet */
        return;
    }

    ngx_kafka_ws_shm_set_error(ing->root, text);

    if (ing->root->broker != NGX_KAFKA_WS_BROKER_UP) {
        return;
    }

    if (ing->complaint) {
        ing->unsaid++;

    } else {
        ing->complaint = ing->errored;
    }
}


/*
 * An error that is no state: it is told a second later, since an outage that
 * it is part of is told by itself.
 */

static void
ngx_kafka_ws_ingest_complain(ngx_kafka_ws_ingest_t *ing, uint64_t now)
{
    if (ing->complaint == 0 || now - ing->complaint < NGX_KAFKA_WS_INGEST_HOLD
        || (ing->complained
            && now - ing->complained < NGX_KAFKA_WS_INGEST_REPEAT))
    {
        return;
    }

    ing->complaint = 0;

    if (ing->error[0] == '\0') {
        return;
    }

    if (ngx_kafka_ws_ingest_line(ing, NGX_KAFKA_WS_LINE_PLAIN, NGX_LOG_WARN,
                                 ""))
    {
        ing->complained = now;
    }
}


static void
ngx_kafka_ws_ingest_down(ngx_kafka_ws_ingest_t *ing, const char *text)
{
    ngx_kafka_ws_consumer_t  *c;

    c = ing->consumer;

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

    if (ing->error[0] == '\0') {
        /* why was said before: librdkafka does not repeat itself */
        (void) ngx_cpystrn((u_char *) ing->error, (u_char *) text,
                           NGX_KAFKA_WS_LINE_LEN);
        ngx_kafka_ws_shm_set_error(ing->root, text);
    }

    ngx_kafka_ws_ingest_set_state(ing, NGX_KAFKA_WS_BROKER_DOWN);
}


static void
ngx_kafka_ws_ingest_failed(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part, const char *text, ngx_uint_t once)
{
    ngx_uint_t  first;

    first = (part->failed == 0);

    part->failed = ing->errored;
    part->once = once;

    if (!first) {
        return;
    }

    (void) snprintf(ing->error, NGX_KAFKA_WS_LINE_LEN,
                    "topic \"%s\" partition %d: %s", part->topic.data,
                    part->stream->partition, text);
    ngx_kafka_ws_shm_set_error(ing->root, ing->error);

    if (ing->nfailed++ == 0) {
        ing->failing = ing->errored;
        ing->failing_said = ngx_kafka_ws_ingest_say(ing, NGX_LOG_WARN, "");
    }
}


void
ngx_kafka_ws_ingest_fetched(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part)
{
    part->failed = 0;

    ngx_kafka_ws_ingest_heard(part, ngx_kafka_ws_shm_now());

    if (--ing->nfailed) {
        return;
    }

    if (ing->failing_said) {
        (void) ngx_kafka_ws_consumer_say(ing->consumer, NGX_KAFKA_WS_LINE_END,
                         NGX_LOG_NOTICE,
                         "all partitions are fetched again after %llu ms",
                         (unsigned long long)
                         (ngx_kafka_ws_shm_now() - ing->failing));
    }

    if (ing->root->broker == NGX_KAFKA_WS_BROKER_UP) {
        ngx_kafka_ws_ingest_forget(ing);
    }
}


void
ngx_kafka_ws_ingest_unassign(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_part_t *part)
{
    if (part->assigned) {
        ngx_kafka_ws_kafka_unassign(ing->kafka, part->assigned);
        part->assigned = NULL;
    }

    if (part->failed) {
        ngx_kafka_ws_ingest_fetched(ing, part);
    }
}


void
ngx_kafka_ws_ingest_over(ngx_kafka_ws_ingest_t *ing, uint64_t now)
{
    ngx_uint_t            i;
    ngx_kafka_ws_part_t  *part;

    ngx_kafka_ws_ingest_unsaid(ing);

    if (ing->root->broker != NGX_KAFKA_WS_BROKER_UP) {
        return;
    }

    ngx_kafka_ws_ingest_complain(ing, now);

    for (i = 0; i < ing->nparts && ing->nfailed; i++) {
        part = ing->parts[i];

        if (part && part->failed && !part->once
            && now - part->failed > NGX_KAFKA_WS_INGEST_OVER)
        {
            ngx_kafka_ws_ingest_fetched(ing, part);
        }
    }

    if (ing->error[0] && ing->nfailed == 0
        && now - ing->errored > NGX_KAFKA_WS_INGEST_FORGET)
    {
        ngx_kafka_ws_ingest_forget(ing);
    }
}


/*
 * What could not be told when it began is told as soon as there is room, if
 * it lasts.
 */

static void
ngx_kafka_ws_ingest_unsaid(ngx_kafka_ws_ingest_t *ing)
{
    ngx_uint_t  down, failing;

    down = (ing->outage && !ing->outage_said);
    failing = (!ing->outage && ing->nfailed && !ing->failing_said);

    if (ing->error[0] == '\0' || (!down && !failing)) {
        return;
    }

    if (ing->unsaid) {
        /* it was counted, and is again if there is no room */
        ing->unsaid--;
    }

    if (down) {
        ing->outage_said = ngx_kafka_ws_ingest_say(ing, NGX_LOG_ERR,
                                                   NGX_KAFKA_WS_INGEST_DOWN);

    } else {
        ing->failing_said = ngx_kafka_ws_ingest_say(ing, NGX_LOG_WARN, "");
    }
}


/*
 * Says that something has begun, if few things did in the last minute.
 * returns:  1: said, and its end shall be, too
 */

static ngx_uint_t
ngx_kafka_ws_ingest_say(ngx_kafka_ws_ingest_t *ing, ngx_uint_t level,
    const char *prefix)
{
    uint64_t    now;
    ngx_uint_t  n;

    now = ngx_kafka_ws_shm_now();
    n = ing->nsaid % NGX_KAFKA_WS_INGEST_SAID;

    if (ing->nsaid >= NGX_KAFKA_WS_INGEST_SAID
        && now - ing->said[n] < NGX_KAFKA_WS_INGEST_MINUTE)
    {
        ing->unsaid++;
        return 0;
    }

    if (!ngx_kafka_ws_ingest_line(ing, NGX_KAFKA_WS_LINE_BEGIN, level, prefix))
    {
        return 0;
    }

    ing->said[n] = now;
    ing->nsaid++;

    return 1;
}


/* returns: 1: said, 0: counted */

static ngx_uint_t
ngx_kafka_ws_ingest_line(ngx_kafka_ws_ingest_t *ing,
    ngx_kafka_ws_line_kind_e kind, ngx_uint_t level, const char *prefix)
{
    char  before[64];

    before[0] = '\0';

    if (ing->unsaid) {
        (void) snprintf(before, sizeof(before), " (and %u errors before)",
                        (unsigned) ing->unsaid);
    }

    if (!ngx_kafka_ws_consumer_say(ing->consumer, kind, level, "%s%s%s",
                                   prefix, ing->error, before))
    {
        ing->unsaid++;
        return 0;
    }

    ing->unsaid = 0;

    return 1;
}


static void
ngx_kafka_ws_ingest_forget(ngx_kafka_ws_ingest_t *ing)
{
    ing->error[0] = '\0';
    ngx_kafka_ws_shm_set_error(ing->root, "");
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
        ing->complaint = 0;
        ing->outage_said = ngx_kafka_ws_ingest_say(ing, NGX_LOG_ERR,
                                                   NGX_KAFKA_WS_INGEST_DOWN);

    } else if (state == NGX_KAFKA_WS_BROKER_UP) {

        if (ing->outage && ing->outage_said) {
            (void) ngx_kafka_ws_consumer_say(ing->consumer,
                         NGX_KAFKA_WS_LINE_END, NGX_LOG_NOTICE,
                         "broker reached again after %llu ms",
                         (unsigned long long)
                         (ngx_kafka_ws_shm_now() - ing->outage));
        }

        ing->outage = 0;

        if (ing->nfailed == 0) {
            ngx_kafka_ws_ingest_forget(ing);
        }
    }
}
